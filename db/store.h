/* db/store.h: one database file of one account: records, the queue of what waits, windows, drafts, account, state.
 *
 * Owner    db_open's caller; db_close ends it. Everything read out is the caller's unless said otherwise.
 * Threads  a struct db belongs to the thread that opened it. Open one per thread.
 * Errors   RC_FULL, RC_BUSY, RC_CORRUPT, RC_FOREIGN (a newer or foreign file, untouched), RC_INVALID with a
 *          sentence for the user. After an error nothing of the call was written, or (power cut, I/O error in
 *          COMMIT) all of it: op ids make a second try harmless.
 * Units    times are UTC ms since the epoch; 0 means never.
 */
#ifndef DB_STORE_H
#define DB_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "db/registry.h"
#include "db/value.h"

struct db;

enum db_role {
    DB_READER,          /* query_only: lists and records; cannot write */
    DB_WRITER,          /* the user's writes: FULL, retries the lock every 1 ms, never checkpoints */
    DB_COMMAND,         /* a command's only connection: reads and user's writes; checkpoints on close */
    DB_SYNCER           /* the worker's: queue FULL, pulled rows NORMAL; checkpoints */
};

struct db_options {
    const char *path;
    const char *vfs;                    /* NULL: the system's */
    enum db_role role;
    const struct registry *registry;    /* borrowed, outlives the db */
    const struct clock *clock;          /* borrowed */
    bool no_bell;                       /* no notice to other connections (a simulation without files) */
};

/* Opens or makes the file (0600), brings its schema up to date (additive; a refused definition or a type
 * change is RC_INVALID with words, and touches nothing), adds missing tables and columns. A DB_READER does not make
 * or change anything: it needs a file that another role has opened before. */
enum rc db_open(const struct db_options *options, struct db **out, struct err *err);
/* Before a file is opened: takes the tables out of the registry whose definitions do not fit what the file already holds
 * (a dropped column, a changed type), as registry_problems; so that they stop no other table. Their data and ops stay
 * as they are, and are there again when the definition is right. No file yet: nothing to do. */
enum rc db_fit_registry(const char *path, struct registry *reg, struct err *err);
void db_close(struct db *db);                           /* db_close(NULL) is fine */
/* While another connection holds the write lock, waits_on is asked each ms, in the db's own thread; false: the call gives
 * up with RC_BUSY before its 5 s are over. Whoever is to end asks with it. NULL: always the 5 s. ctx: borrowed. */
void db_wait_while(struct db *db, bool (*waits_on)(void *ctx), void *ctx);
const struct registry *db_registry(const struct db *db);
/* Another process has opened the file with newer definitions, and this one was kept from writing what it does not know:
 * records, the queue and cursors are for those that do, until the program is started again (RC_FOREIGN, with words);
 * drafts, the account and the state are not refused. True from the first such refusal on. */
bool db_is_outdated(const struct db *db);

/* ---- records ---- */

enum record_mark {
    MARK_SYNCED,
    MARK_NEW,           /* `+` created here, not accepted yet */
    MARK_CHANGED,       /* `~` changed here, not accepted yet */
    MARK_HELD,          /* waits until the backend knows its table or column */
    MARK_FAILED         /* `!` refused 3 times; waits for a person */
};

struct record {
    const struct table *table;
    char client_id[ID_SIZE];
    char *server_id;                    /* NULL until first accepted */
    int64_t rev, created_at, updated_at;
    enum record_mark mark;
    int64_t sent_at;                    /* when its waiting op was last sent; 0: never, or nothing waits. It is being
                                         * sent now (`^`) when a push is running that began no later than this */
    struct value *values;               /* table->column_count of them */
    char *extra;                        /* JSON object of columns we do not know, or NULL */
    struct value key;                   /* its sort key in the list it was read from */
};
void record_done(struct record *rec);

/* RC_NOT_FOUND when there is none. */
enum rc db_record_read(struct db *db, const struct table *table, const char *client_id, struct record *out,
                       struct err *err);

/* Completes a unique prefix of a client id. RC_NOT_FOUND: none; RC_INVALID: several (the sentence says so). */
enum rc db_record_find(struct db *db, const struct table *table, const char *prefix, char out[ID_SIZE],
                       struct err *err);

/* The wire object plus "syncStatus" ("pending" | "synced" | "failed" | "held"): {"clientId":…,"serverId":…|null,
 * "createdAt":…,"updatedAt":…, every column, "syncStatus":…}. */
void record_to_json(const struct record *rec, struct buf *out);

/* ---- saving: record and op in one transaction, or neither ---- */

enum db_missing { DB_MISSING_FAIL, DB_MISSING_CREATE };

struct db_edit {
    const struct table *table;
    const char *client_id;              /* NULL: a new record under a new id */
    enum db_missing if_missing;         /* the record is gone (or never was): RC_NOT_FOUND, or make it under this id
                                         * from all of `values` (a form saved for a record that the office removed) */
    const struct value *values;         /* column_count of them */
    const bool *is_set;                 /* which of them the user set; the others count only for DB_MISSING_CREATE */
    int64_t created_at;                 /* 0: now */
    bool drop_draft;                    /* the record's draft (or that of the new record) goes in the same transaction */
};

struct db_saved {
    char client_id[ID_SIZE];
    bool is_new;
    bool is_changed;                    /* false: every set column had that value already, so nothing was queued */
};

/* Checks every set column (RC_INVALID with err->column), writes the record as pending and appends or coalesces its
 * op. On return it is on disk. */
enum rc db_save(struct db *db, const struct db_edit *edit, struct db_saved *out, struct err *err);

/* Between begin and end many db_saves share one transaction (import). A db_save that fails with RC_INVALID or
 * RC_NOT_FOUND leaves the others as they were; any other error undoes the whole batch (end then fails). */
enum rc db_batch_begin(struct db *db, struct err *err);
enum rc db_batch_end(struct db *db, struct err *err);
void db_batch_cancel(struct db *db);

/* ---- windows over a table, of any size ---- */

enum db_view { DB_VIEW_OPEN, DB_VIEW_DONE, DB_VIEW_ALL };
enum db_from { DB_FROM_START, DB_FROM_END, DB_FROM_AFTER, DB_FROM_BEFORE, DB_FROM_AT };

struct db_edge {                        /* how far a reading got that looks at a part of the list only */
    size_t looked;                      /* rows looked at */
    bool has_more;                      /* it ended at a limit: go on AFTER (or BEFORE) this key and id */
    struct value key;                   /* the caller's: value_done */
    char client_id[ID_SIZE];
};

struct db_window {
    const struct table *table;
    enum db_view view;
    size_t sort;                        /* index in table->sorts */
    enum db_from from;
    const struct value *key;            /* AFTER, BEFORE, AT: the key and id of the row it starts from; the row need */
    const char *client_id;              /* not exist any more */
    const char *find;                   /* NULL, or words that must all occur in the text columns (folded) */
    size_t count;                       /* at most so many rows */
    size_t look_max;                    /* with find: looks at no more rows than that; 0: at all */
    struct db_edge *edge;               /* all zero before it is filled; NULL: nobody wants to know */
};

struct record_list {
    struct record *items;
    size_t count;
};
void record_list_done(struct record_list *list);

/* Rows in list order, also for BEFORE and END. Costs the same at any size, without `find`. */
enum rc db_window_read(struct db *db, const struct db_window *window, struct record_list *out, struct err *err);

/* How many rows of the view stand before the one with the window's key and client_id (the row need not exist any more;
 * from, find and count do not matter). Counts along the index: for when keys stop, not for each key. */
enum rc db_window_rank(struct db *db, const struct db_window *window, int64_t *out, struct err *err);

/* Records per view, kept by the writers. */
enum rc db_count(struct db *db, const struct table *table, enum db_view view, int64_t *out, struct err *err);

/* ---- the queue, as a person sees it ---- */

enum op_state { OP_QUEUED, OP_HELD, OP_FAILED };

struct db_op {
    int64_t seq;
    char op_id[ID_SIZE];
    char *table_name;                   /* wire name; the registry may not know it (a missing definition) */
    bool is_create;
    char client_id[ID_SIZE];
    char *set, *base, *replaces;        /* JSON text: object, object, array of op ids */
    int64_t created_at, updated_at;
    int64_t sent_at;                    /* 0: never sent */
    int64_t retry_at;                   /* not before; 0: now */
    int retry_count;
    enum op_state state;
    char *error, *error_code;           /* NULL: none */
};
struct db_ops {
    struct db_op *items;
    size_t count, room;
};
void db_ops_done(struct db_ops *ops);

enum rc db_queue_list(struct db *db, struct db_ops *out, struct err *err);
/* One op by its id or a unique prefix of it, or the op of a record by the record's id or prefix, or by `#` and its seq
 * (one whose ids can not be read). */
enum rc db_queue_find(struct db *db, const char *prefix, struct db_op *out, struct err *err);
void db_op_done(struct db_op *op);
/* Sets refusals back to 0 and makes failed and held ops due. op_id NULL: all of them. *count: how many. */
enum rc db_queue_retry(struct db *db, const char *op_id, int64_t *count, struct err *err);
/* Takes one op out for good; the caller has written it to a file, and that is on disk. The record goes back to the
 * office's version, but for the columns that other ops of it set; one that the backend never had, or that the office
 * removed, goes. A push of the op may be under way or arrive late, and what it does comes back by pull: `want`
 * (sync/sync.h: SYNC_WANT_NEW_RUN) is asked of the process that syncs in the same transaction; 0: nothing is. FULL.
 * RC_NOT_FOUND: it does not wait any more, or was changed after `op` was read (and has a new id). RC_INVALID: it made a
 * new record of which later changes wait, or the definition of its table is missing. */
enum rc db_queue_discard(struct db *db, const struct db_op *op, int64_t want, struct err *err);
/* Sets columns of the op's record anew: a db_save, so that the op gets a new id, is due, and counts no refusal. An op
 * that can not be read is made anew from the record. RC_NOT_FOUND: the record is gone. */
enum rc db_queue_edit(struct db *db, const struct db_op *op, const struct value *values, const bool *is_set,
                      struct db_saved *out, struct err *err);
/* The op with its state and error: one JSON object, whatever the row holds (what is not JSON there becomes a string). */
void db_op_to_json(const struct db_op *op, struct buf *out);

struct db_queue_counts {
    int64_t waiting;                    /* queued and held and failed: changes that the backend has not accepted */
    int64_t held, failed;
};
enum rc db_queue_counts(struct db *db, struct db_queue_counts *out, struct err *err);

/* ---- conflicts: what a device's value overwrote at the office ---- */

struct db_conflict {
    char *table_name, *column;
    char client_id[ID_SIZE];
    char *base, *theirs, *ours;         /* JSON texts */
    int64_t at;
};
enum rc db_conflicts_each(struct db *db, void (*each)(void *ctx, const struct db_conflict *c), void *ctx,
                          struct err *err);

/* ---- drafts: what is being typed ---- */

/* Keeps the form's texts as they are typed (JSON object column name -> typed text). client_id NULL: of a new record. */
enum rc db_draft_put(struct db *db, const struct table *table, const char *client_id, const char *json,
                     struct err *err);
/* RC_NOT_FOUND when there is none. *json is yours. */
enum rc db_draft_get(struct db *db, const struct table *table, const char *client_id, char **json, int64_t *at,
                     struct err *err);
/* The newest draft of any table: at start. table_name and json are yours; client_id "" for a new record. */
enum rc db_draft_latest(struct db *db, char **table_name, char client_id[ID_SIZE], char **json, int64_t *at,
                        struct err *err);
enum rc db_draft_drop(struct db *db, const struct table *table, const char *client_id, struct err *err);

/* ---- account ---- */

struct db_account {
    char *server, *instance;            /* URL; the instance name that was remembered at sign-in */
    char *user_id, *email, *name;       /* name may be NULL */
    char *device_id;
    char *token, *refresh;              /* NULL: the session is over. With refresh NULL a token is a ready one (OIDC) */
};
void db_account_done(struct db_account *account);       /* wipes the tokens */
/* RC_NOT_FOUND in a file that nobody has signed in to. */
enum rc db_account_read(struct db *db, struct db_account *out, struct err *err);
/* A sign-in. RC_INVALID when the file belongs to another user or instance. */
enum rc db_account_write(struct db *db, const struct db_account *account, struct err *err);
/* A refresh: only if used_refresh is still the stored one (a sign-in elsewhere wins): else RC_NOT_FOUND. token NULL
 * ends the session. */
enum rc db_account_tokens(struct db *db, const char *used_refresh, const char *token, const char *refresh,
                          struct err *err);

/* ---- state: what the process that syncs tells the others, and what they want of it ---- */

struct db_state {
    bool online;
    char phase[16];                     /* "idle", "pushing", "pulling", "initial", "blocked" */
    char table[64];                     /* that is being walked or pulled */
    int64_t done, total;                /* of the phase; total 0: not known */
    int64_t sending_since;              /* 0: nothing is being sent */
    int64_t last_ok;                    /* end of the last whole round */
    int64_t next_try;                   /* 0: none planned */
    char error_code[40], error[304];    /* of the last contact; empty when it was fine */
    bool work_offline;                  /* the user chose so; kept over restarts */
    int64_t wanted_id, wanted_what;     /* the newest request, and the bits of all that have no answer yet */
    int64_t answered_id;                /* requests up to here have their result: */
    int64_t answered_rc;                /* an enum rc */
};
enum rc db_state_read(struct db *db, struct db_state *out, struct err *err);
/* By the holder of the sync lock: all but wanted_*, work_offline and answered_*. NORMAL. */
enum rc db_state_write(struct db *db, const struct db_state *state, struct err *err);
enum rc db_state_want(struct db *db, int64_t what, int64_t *id, struct err *err);
enum rc db_state_answer(struct db *db, int64_t id, int64_t rc, struct err *err);
enum rc db_state_work_offline(struct db *db, bool on, struct err *err);

/* ---- housekeeping ---- */

/* True when another connection has committed since the last call (PRAGMA data_version). */
bool db_has_changed(struct db *db);
/* PASSIVE when idle or over 4 MiB of WAL (force: always). */
enum rc db_checkpoint(struct db *db, bool force, struct err *err);
/* PRAGMA quick_check; RC_CORRUPT with the first finding. */
enum rc db_check(struct db *db, struct err *err);

#endif
