/* db/store_priv.h: what the files of the store share. Private to db/.
 *
 *   store.c    open, close, transactions, counts
 *   schema.c   migrations, data tables from the registry
 *   row.c      one row in memory: read, write, delete, JSON
 *   op.c       one op: read, looked over, JSON
 *   queue.c    the queue: append and coalesce, read, retry
 *   discard.c  ops taken out or made anew by hand
 *   save.c     the user's saves, batches, drafts
 *   window.c   lists
 *   apply.c    a backend's doc onto a row: the one place where rev, epoch, pending and tombstones meet
 *   push.c     taking ops, applying answers
 *   pull.c     pages, slices
 *   walk.c     walks
 *   state.c    account, state
 */
#ifndef DB_STORE_PRIV_H
#define DB_STORE_PRIV_H

#include "db/db.h"
#include "db/sql.h"

#define STORE_APPLICATION_ID 0x4f555453         /* "OUTS" */
#define STORE_VERSION 1

struct table_sql {              /* statements of one table, as text for sql_get */
    char *columns;              /* what row_load expects, in its order */
    char *by_client, *insert, *update, *delete, *unseen;
    int64_t count_delta[2];     /* open, done: to be added at COMMIT */
    char finish_from[ID_SIZE];  /* db_walk_finish: done up to here, */
    int finish_pass;            /* in this pass; only a shortcut, never the truth */
};

struct db {
    struct sql *sql;
    const struct registry *registry;
    const struct clock *clock;
    enum db_role role;
    char *path, *bell_path;     /* bell_path NULL: no bell */
    int bell_fd;
    bool has_recovery;          /* PATH.recovered.jsonl may be written */
    char *user_id;              /* of the account; "" before the sign-in */
    struct table_sql *tables;   /* by table->index */
    int64_t waiting_delta;      /* ops: to be added at COMMIT */
    bool in_batch, is_batch_broken;
    int64_t data_version;
    int64_t schema_version;     /* SQLite's, when the registry was last found to fit the file */
    bool is_outdated;
};

/* ---- store.c ---- */
enum rc tx_begin(struct db *db, enum sql_sync sync, struct err *err);
/* The same, to write records of a table and their ops (NULL: of any, or cursors): RC_FOREIGN when the file has grown
 * beyond our definition of it. */
enum rc tx_begin_data(struct db *db, enum sql_sync sync, const struct table *table, struct err *err);
enum rc tx_commit(struct db *db, struct err *err);      /* flushes counts, rings the bell; rolls back on failure */
void tx_rollback(struct db *db);                        /* also when there is nothing to roll back */
int64_t db_now(const struct db *db);
enum rc store_number(struct db *db, const char *text, int64_t *out, struct err *err);   /* of a row with one number */
struct table_sql *table_sql(struct db *db, const struct table *table);
enum rc db_user_id(struct db *db, struct err *err);     /* reads the account's user id into db->user_id */

/* ---- schema.c ---- */
enum rc schema_update(struct db *db, struct err *err);
/* RC_BUSY: the file was made from another definition of the table (NULL: of some table) than ours, by a process that has
 * opened it since. */
enum rc schema_compare(struct db *db, const struct table *table, struct err *err);
void schema_statements(struct db *db);                  /* fills db->tables */
void schema_done(struct db *db);

/* ---- row.c ---- */
struct row {
    const struct table *table;
    int64_t id;                 /* 0: not in the database */
    char client_id[ID_SIZE];
    char *server_id;
    int64_t rev, created_at, updated_at;
    bool is_pending;
    char *shadow, *extra;       /* JSON or NULL */
    int64_t seen;               /* walk_no when a page or push answer last carried it */
    bool is_mine;               /* this device has written it */
    bool was_accepted;          /* a write of this device's to it was accepted once */
    bool was_done;              /* as stored: for the counts */
    struct value *values;
};
void row_init(struct row *row, const struct table *table, const char *client_id);
void row_done(struct row *row);
/* Reads the columns of table_sql.columns from a statement. */
void row_load(struct row *row, const struct table *table, sqlite3_stmt *st);
/* RC_NOT_FOUND: *row is an empty one with id 0 all the same. Call row_done in any case. */
enum rc row_read(struct db *db, const struct table *table, const char *client_id, struct row *row, struct err *err);
enum rc row_write(struct db *db, struct row *row, struct err *err);
enum rc row_delete(struct db *db, struct row *row, struct err *err);
bool row_is_done(const struct row *row);
/* The doc that the backend would send: for the shadow and the recovery file. */
void row_to_doc(const struct row *row, bool is_deleted, struct buf *out);
/* The same with only some of the columns; is_there NULL: all. */
void row_to_partial_doc(const struct row *row, bool is_deleted, const bool *is_there, struct buf *out);

/* ---- queue.c ---- */
/* Appends, or coalesces into the record's last op under a new op id. */
enum rc queue_append(struct db *db, const struct row *row, bool is_create, const struct cJSON *set,
                     const struct cJSON *base, struct err *err);
/* The same change as a create with all columns, from the row's values. */
enum rc queue_append_all(struct db *db, const struct row *row, struct err *err);
/* Makes an op that can not be read anew, under a new id: what the row has and its shadow has not, or all of the row. */
enum rc queue_remake(struct db *db, const struct db_op *op, const struct row *row, struct err *err);
enum rc queue_delete(struct db *db, const char *op_id, struct err *err);
enum rc queue_delete_at(struct db *db, int64_t seq, struct err *err);
enum rc queue_set_base(struct db *db, int64_t seq, const char *base, struct err *err);
/* *out is overwritten; RC_NOT_FOUND leaves it. */
enum rc queue_read(struct db *db, int64_t seq, struct db_op *out, struct err *err);
extern const char queue_columns[];
/* A name, a colon and a value of a JSON object; a comma before it when it is not the first. */
void put_pair(struct buf *out, const struct column *col, const struct value *v);
/* A JSON text of an op; what cannot be read, or is of another kind, as an empty one. Yours: cJSON_Delete. */
struct cJSON *op_json(const char *text, struct cJSON *(*empty)(void));
/* Takes a column out of a create that has been sent, under a new op id; it is sent again at once. */
/* What waits behind an op that was refused becomes a part of it: it may be what mends it. */
enum rc queue_fold_refused(struct db *db, const struct db_op *op, bool *is_folded, struct err *err);
enum rc queue_drop_column(struct db *db, const struct db_op *op, const char *column, struct err *err);
/* All ops of a record in order. */
enum rc queue_of_record(struct db *db, const char *table_name, const char *client_id, struct db_ops *out,
                        struct err *err);

/* ---- op.c ---- */
#define REPLACES_MAX 20         /* CONTRACT section 2, ids */
void op_load(struct db_op *op, sqlite3_stmt *st);       /* queue_columns */
void ops_add(struct db_ops *ops, struct db_op *op);     /* moves op in */
enum op_state op_state_from(const char *name);
const char *op_state_name(enum op_state state);
/* What of the op is not as it was written ("its values"), so that it can not be sent; NULL: nothing. */
const char *op_flaw(const struct db_op *op);
/* Any bytes as a JSON string; what is no UTF-8 becomes U+FFFD. */
void json_put_any(struct buf *out, const char *s);

/* ---- state.c ---- */
enum rc state_want_in_tx(struct db *db, int64_t what, struct err *err);

/* ---- apply.c ---- */
struct doc {                    /* a backend's doc, decoded; doc_done frees */
    const struct table *table;
    char client_id[ID_SIZE], server_id[72];
    int64_t rev, created_at, updated_at;
    bool is_deleted;
    struct value *values;       /* by column index; NULL values where absent */
    bool *is_there;             /* by column index: an older backend does not send what it does not know */
    char *extra;                /* JSON object of columns that we do not know, or NULL */
};
/* RC_PROTOCOL when it is not of the table's shape. */
enum rc doc_decode(const struct table *table, const struct cJSON *json, struct doc *out, struct err *err);
void doc_done(struct doc *doc);
/* The newest version of the backend's that we have: the shadow, decoded. False: none, or it can not be read. */
bool shadow_decode(const struct row *row, struct doc *out);
/* Moves the doc's values into the row, but not those of is_kept (NULL: none) that a waiting op has set. */
void row_take_columns(struct row *row, struct doc *doc, const bool *is_kept);

struct walk_state {             /* of sync_metadata, as far as applying needs it */
    int64_t no;                 /* seen < no: not carried since the walk's first page */
    int64_t epoch_no;           /* seen < epoch_no: not carried in the walk's epoch at all */
    int walking;
    bool is_new_epoch;          /* the walk's epoch is not the stored one: revs of unseen records do not count */
};
enum rc walk_state_read(struct db *db, const struct table *table, struct walk_state *out, struct err *err);
/* If `epoch` is neither the table's nor its walk's: starts a walk in this transaction. */
enum rc walk_notice_epoch(struct db *db, const struct table *table, const char *epoch, struct err *err);
enum rc walk_begin_in_tx(struct db *db, const struct table *table, const char *epoch, struct err *err);

/* A doc from a page; its values are moved out of it. *changed: the record on screen has changed. */
enum rc apply_page_doc(struct db *db, struct doc *doc, const struct walk_state *walk, bool *changed,
                       struct err *err);
/* A doc from a push answer, after its op, which had set the columns of `set`, has left the queue. `waiting` are the
 * record's ops that still wait. */
enum rc apply_push_doc(struct db *db, struct doc *doc, const struct walk_state *walk, const struct cJSON *set,
                       const struct db_ops *waiting, struct err *err);

#endif
