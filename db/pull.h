/* db/pull.h: what the backend says, applied. Rows first or with their cursor, never the cursor first.
 *
 * Threads  with the DB_SYNCER connection, by the process that holds the sync lock.
 * Durable  NORMAL: rows and cursor are in one transaction. What walks put back into the queue is FULL.
 * Slices   a page is applied in transactions of at most 100 rows or 20 ms, so that a save waits for one of them at
 *          most; between slices the caller may pause, send, or stop: what was not applied comes again.
 */
#ifndef DB_PULL_H
#define DB_PULL_H

#include "db/store.h"

struct cJSON;

struct db_pull_table {
    const struct table *table;
    char *cursor;                       /* NULL: never pulled */
    char *epoch;                        /* NULL: never pulled */
    bool is_complete;                   /* the initial sync of this table has been done once */
    bool is_walking;                    /* a walk is under way: no changes are asked for meanwhile */
    bool is_walked;                     /* its pages are all in; db_walk_finish is due */
    char *walk_cursor;                  /* where the walk goes on; NULL: from the start */
    char *walk_epoch;                   /* of its first page, or of the answer that caused it; NULL: not known yet */
    int64_t received, total;            /* of the walk; total 0: not known */
    int64_t last_ms;                    /* last time that something of it was applied */
};
struct db_pull_tables {
    struct db_pull_table *items;        /* one per table of the registry, in its order */
    size_t count;
};
void db_pull_tables_done(struct db_pull_tables *tables);
enum rc db_pull_read(struct db *db, struct db_pull_tables *out, struct err *err);
/* All tables of the registry have had their initial sync / at least one had. */
enum rc db_pull_is_complete(struct db *db, bool *all, bool *any, struct err *err);

/* This table has had its initial sync: one statement, however many tables there are. */
enum rc db_pull_is_table_complete(struct db *db, const struct table *table, bool *out, struct err *err);

/* Starts a walk from the first page (again). epoch: of the answer that caused it, or NULL. */
enum rc db_walk_begin(struct db *db, const struct table *table, const char *epoch, struct err *err);

struct db_apply;                        /* a page under way */

/* A page of getAllForUser / of getChangesSince. Checks the shape of everything first: RC_PROTOCOL, and nothing of it
 * is applied. The JSON is borrowed until db_apply_free. A walk's page must carry the walk's epoch (checked by the
 * caller). `cursors` maps table names to cursors. */
enum rc db_apply_walk(struct db *db, const struct table *table, const struct cJSON *value, struct db_apply **out,
                      struct err *err);
enum rc db_apply_changes(struct db *db, const struct cJSON *value, struct db_apply **out, struct err *err);
/* One slice. *is_done: the page is in, its cursor with it. */
enum rc db_apply_slice(struct db_apply *apply, bool *is_done, struct err *err);
/* How many records of other writers it has changed so far, for "12 tasks updated from the server". */
int64_t db_apply_changed(const struct db_apply *apply);
void db_apply_free(struct db_apply *apply);

/* After the last page, in slices: the same epoch: removes what was not seen and is not pending; a new epoch: first
 * queues again, as a create with all columns, what this device wrote and that was not seen, then removes the rest after
 * writing it to PATH.recovered.jsonl. At the end the table is complete and its cursor is the walk's. */
enum rc db_walk_finish(struct db *db, const struct table *table, bool *is_done, struct err *err);

#endif
