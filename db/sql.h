/* db/sql.h: the thin layer over SQLite that the store and the embedded backend share: one connection of one
 * thread, statements prepared once, errors turned into struct err. Only those two may include it.
 *
 * Threads  a struct sql belongs to the thread that opened it (asserted).
 * Errors   SQLITE_FULL -> RC_FULL, BUSY/LOCKED -> RC_BUSY, CORRUPT/NOTADB -> RC_CORRUPT, NOMEM -> RC_NOMEM, else RC_IO
 *          (RC_INTERNAL for a mistake in our SQL). Sentences say what a person can do.
 * Source   sqlite.org/wal.html, sqlite.org/pragma.html#pragma_synchronous.
 */
#ifndef DB_SQL_H
#define DB_SQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sqlite3.h>
#include "base/err.h"
#include "db/value.h"

struct sql;

enum sql_sync { SQL_NORMAL, SQL_FULL };         /* PRAGMA synchronous of a transaction */

struct sql_options {
    const char *path;
    const char *vfs;            /* NULL: the system's; simulations give their own */
    bool read_only;             /* query_only: the connection can see, never write */
    bool no_autocheckpoint;     /* somebody else checkpoints */
    int busy_ms;                /* how long to retry for the write lock, every 1 ms */
    int32_t application_id;     /* 0: not checked. Else a file with another one (and not empty), or with a newer */
    int version;                /* user_version, is RC_FOREIGN and is left as it was */
};

/* Opens or creates the file (0600), WAL, foreign keys on. */
enum rc sql_open(const struct sql_options *options, struct sql **out, struct err *err);
void sql_close(struct sql *sql);                        /* sql_close(NULL) is fine */
/* Asked before each retry for the lock; false: waits no more. NULL: asks nobody. */
void sql_wait_while(struct sql *sql, bool (*waits_on)(void *ctx), void *ctx);
sqlite3 *sql_handle(struct sql *sql);

/* A prepared statement, reset and with its bindings cleared, owned by the connection and kept for the next time.
 * `text` may be any string: it is looked up by content. NULL: *err says why. */
sqlite3_stmt *sql_get(struct sql *sql, const char *text, struct err *err);

/* One step. RC_OK: there is a row; RC_NOT_FOUND: done (the statement is reset); else an error (reset too). */
enum rc sql_step(struct sql *sql, sqlite3_stmt *st, struct err *err);
/* Runs a statement that gives no rows to its end, and resets it. */
enum rc sql_run(struct sql *sql, sqlite3_stmt *st, struct err *err);
/* Runs SQL text of any number of statements without parameters (migrations). */
enum rc sql_exec(struct sql *sql, const char *text, struct err *err);

/* BEGIN IMMEDIATE … COMMIT. rollback is safe at any time, also when SQLite has rolled back by itself. */
enum rc sql_begin(struct sql *sql, enum sql_sync sync, struct err *err);
enum rc sql_commit(struct sql *sql, struct err *err);
void sql_rollback(struct sql *sql);
bool sql_in_transaction(const struct sql *sql);

enum rc sql_checkpoint(struct sql *sql, bool truncate, struct err *err);
/* Pages in the WAL after this connection's last commit, for one opened with no_autocheckpoint. (The size of the file
 * says nothing: it keeps its size when it is written from the start again.) */
int sql_wal_pages(const struct sql *sql);

/* Bind (1-based) and read (0-based). Texts are bound without a copy: they must live until the step. NULL s binds NULL. */
void sql_bind_text(sqlite3_stmt *st, int at, const char *s);
void sql_bind_text_n(sqlite3_stmt *st, int at, const char *s, size_t len);
void sql_bind_i64(sqlite3_stmt *st, int at, int64_t v);
void sql_bind_value(sqlite3_stmt *st, int at, const struct value *v);
const char *sql_text(sqlite3_stmt *st, int at);         /* borrowed until the next step; NULL for NULL */
char *sql_text_copy(sqlite3_stmt *st, int at);          /* yours; NULL for NULL */
int64_t sql_i64(sqlite3_stmt *st, int at);

/* Fills *err from the connection's last error. */
enum rc sql_error(struct sql *sql, int code, const char *doing, struct err *err);

#endif
