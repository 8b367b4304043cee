#include "src/backend/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/id.h"
#include "src/backend/mark.h"

#define BUSY_MS 5000
#define APPLICATION_ID 0x4f424b31 /* "OBK1" */

/* Append only: what was released is never edited. One entry moves user_version by one. */
static const char *const migrations[] = {
    "CREATE TABLE settings("
    "  name TEXT PRIMARY KEY,"
    "  value NOT NULL" /* text; last_rev is an integer */
    ") WITHOUT ROWID;"
    "INSERT INTO settings VALUES('last_rev', 0);"

    "CREATE TABLE users("
    "  n INTEGER PRIMARY KEY,"
    "  id TEXT NOT NULL UNIQUE,"    /* on the wire */
    "  email TEXT NOT NULL UNIQUE," /* trimmed, ASCII lower case */
    "  hash TEXT NOT NULL,"         /* argon2id */
    "  created_at INTEGER NOT NULL,"
    "  head INTEGER NOT NULL DEFAULT 0" /* rev of the last change of any of the user's records */
    ") STRICT;"

    "CREATE TABLE records("
    "  id INTEGER PRIMARY KEY,"
    "  user_n INTEGER NOT NULL,"
    "  table_name TEXT NOT NULL,"
    "  client_id TEXT NOT NULL,"
    "  server_id TEXT NOT NULL,"
    "  rev INTEGER NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  updated_at INTEGER NOT NULL,"
    "  deleted_at INTEGER,"   /* not null: a tombstone, which keeps its columns */
    "  run_id TEXT,"          /* the run of a device that wrote it last; null: the office */
    "  doc TEXT NOT NULL,"    /* as it is sent, rev first */
    "  writers TEXT NOT NULL" /* {column: deviceId|"office"}; "*": all not named */
    ") STRICT;"
    "CREATE UNIQUE INDEX records_by_id ON records(user_n, table_name, client_id);"
    "CREATE UNIQUE INDEX records_by_rev ON records(user_n, table_name, rev, client_id);"
    "CREATE INDEX tombstones ON records(deleted_at) WHERE deleted_at IS NOT NULL;"

    "CREATE TABLE counts("
    "  user_n INTEGER NOT NULL,"
    "  table_name TEXT NOT NULL,"
    "  live INTEGER NOT NULL DEFAULT 0,"  /* records that are no tombstones */
    "  floor INTEGER NOT NULL DEFAULT 0," /* highest rev of a tombstone that was removed for good */
    "  PRIMARY KEY(user_n, table_name)"
    ") STRICT, WITHOUT ROWID;"

    "CREATE TABLE receipts("
    "  user_n INTEGER NOT NULL,"
    "  op_id TEXT NOT NULL,"
    "  table_name TEXT NOT NULL,"
    "  client_id TEXT NOT NULL,"
    "  created_at INTEGER NOT NULL,"
    "  PRIMARY KEY(user_n, op_id)"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX receipts_by_age ON receipts(created_at);"

    "CREATE TABLE conflicts("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  user_n INTEGER NOT NULL,"
    "  doc TEXT NOT NULL" /* as it is sent */
    ") STRICT;"
    "CREATE INDEX conflicts_by_user ON conflicts(user_n, id);"

    "CREATE TABLE sessions("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  user_n INTEGER NOT NULL,"
    "  expires_at INTEGER NOT NULL,"
    "  is_over INTEGER NOT NULL DEFAULT 0"
    ") STRICT;"
    "CREATE INDEX sessions_by_user ON sessions(user_n);"
    "CREATE TABLE access_tokens("
    "  hash BLOB PRIMARY KEY,"
    "  session INTEGER NOT NULL,"
    "  expires_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX access_by_session ON access_tokens(session);"
    "CREATE TABLE refresh_tokens("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  hash BLOB NOT NULL UNIQUE,"
    "  session INTEGER NOT NULL,"
    "  parent INTEGER,"  /* the token that it was given out for; null: the sign-in */
    "  used_at INTEGER," /* first use */
    "  expires_at INTEGER NOT NULL"
    ") STRICT;"
    "CREATE INDEX refresh_by_session ON refresh_tokens(session);"
    "CREATE INDEX refresh_by_parent ON refresh_tokens(parent);"

    "CREATE TABLE attempts("
    "  key BLOB PRIMARY KEY," /* hash of what is limited */
    "  remaining REAL NOT NULL,"
    "  at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID;",
};
#define VERSION ((int)(sizeof migrations / sizeof *migrations))

static enum rc read_i64(struct backend *b, const char *query, int64_t *out, struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql, query, err);

    if (st == NULL)
        return err->rc;
    enum rc rc = sql_step(b->sql, st, err);
    if (rc == RC_OK)
        *out = sql_i64(st, 0);
    sqlite3_reset(st);
    return rc;
}

/* sql_open has refused a newer or foreign file. */
static enum rc migrate(struct backend *b, struct err *err)
{
    int64_t version = 0;
    char stamp[96];
    enum rc rc;

    rc = sql_begin(b->sql, SQL_FULL, err);
    if (!rc)
        rc = read_i64(b, "SELECT user_version FROM pragma_user_version", &version, err);
    for (int v = (int)version; !rc && v < VERSION; v++) {
        rc = sql_exec(b->sql, migrations[v], err);
        if (rc)
            break;
        snprintf(stamp, sizeof stamp, "PRAGMA application_id=%d; PRAGMA user_version=%d",
                 APPLICATION_ID, v + 1);
        rc = sql_exec(b->sql, stamp, err);
    }
    if (!rc)
        rc = sql_commit(b->sql, err);
    sql_rollback(b->sql);
    return rc;
}

enum rc backend_setting_get(struct backend *b, const char *name, struct buf *out, struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql, "SELECT value FROM settings WHERE name=?1", err);

    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, name);
    enum rc rc = sql_step(b->sql, st, err);
    if (rc == RC_OK)
        buf_puts(out, sql_text(st, 0));
    sqlite3_reset(st);
    return rc;
}

enum rc backend_setting_set(struct backend *b, const char *name, const char *value, struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql,
                               "INSERT INTO settings VALUES(?1,?2)"
                               " ON CONFLICT(name) DO UPDATE SET value=excluded.value",
                               err);

    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, name);
    sql_bind_text(st, 2, value);
    return sql_run(b->sql, st, err);
}

enum rc backend_epoch_change(struct backend *b, char out[64], struct err *err)
{
    char id[ID_SIZE];

    id_new(clock_wall(b->clock), id);
    snprintf(out, 64, "%s", id);
    return backend_setting_set(b, "epoch", id, err);
}

static enum rc set_last_rev(struct backend *b, int64_t rev, struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql, "UPDATE settings SET value=?1 WHERE name='last_rev'", err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, rev);
    return sql_run(b->sql, st, err);
}

/* What a fresh file gets at random: the name that probes see, and the first epoch. */
static enum rc make_names(struct backend *b, struct err *err)
{
    struct buf name = { 0 };
    char epoch[64];
    enum rc rc = backend_setting_get(b, "instance_name", &name, err);

    if (rc == RC_NOT_FOUND) {
        buf_printf(&name, "outpost-%016llx", (unsigned long long)id_random());
        rc = backend_setting_set(b, "instance_name", buf_str(&name), err);
        if (!rc)
            rc = backend_epoch_change(b, epoch, err);
    }
    if (!rc)
        b->instance_name = buf_take(&name);
    buf_done(&name);
    return rc;
}

/* Compares the file with its mark. When they disagree a backup was restored: a new epoch makes
 * devices compare everything, and revs go on above all that were ever given out. */
static enum rc check_mark(struct backend *b, struct err *err)
{
    struct mark_state state = { 0 };
    struct buf id = { 0 };
    char epoch[64];
    bool is_marked = backend_mark_read(b->mark, &state);
    enum rc rc = backend_setting_get(b, "mark_id", &id, err);

    if (rc == RC_OK && is_marked && strcmp(buf_str(&id), state.id) == 0 &&
        state.committed <= b->last_rev && b->last_rev <= state.ahead)
        goto out;
    if (rc == RC_OK)
        rc = backend_epoch_change(b, epoch, err);
    else if (rc == RC_NOT_FOUND)
        rc = RC_OK; /* a fresh file, whatever an old mark beside it says */
    if (rc)
        goto out;
    if (is_marked && state.ahead > b->last_rev)
        b->last_rev = state.ahead;
    id_new(clock_wall(b->clock), state.id);
    rc = backend_setting_set(b, "mark_id", state.id, err);
    if (!rc)
        rc = set_last_rev(b, b->last_rev, err);
    if (rc)
        goto out;
    /* The mark goes first: if the commit then fails, the ids differ, and the next start does it
     * again. */
    state.committed = b->last_rev;
    state.ahead = b->last_rev;
    rc = backend_mark_write(b->mark, &state, true, err);
out:
    buf_done(&id);
    return rc;
}

enum rc backend_store_open(struct backend *b, const struct backend_options *options,
                           struct err *err)
{
    const struct sql_options how = {
        .path = options->path,
        .vfs = options->vfs,
        .busy_ms = BUSY_MS,
        .application_id = APPLICATION_ID,
        .version = VERSION,
    };
    enum rc rc = sql_open(&how, &b->sql, err);

    if (rc == RC_CORRUPT)
        rc = err_set(err, RC_CORRUPT, "%s is damaged, or no database of outpost-backend.",
                     options->path);
    else if (rc && rc != RC_FOREIGN)
        err_prefix(err, "%s", options->path);
    if (!rc)
        rc = migrate(b, err);
    if (!rc && !options->no_mark)
        rc = backend_mark_open(options->path, &b->mark, err);
    if (!rc)
        rc = backend_store_begin(b, err);
    if (!rc)
        rc = make_names(b, err);
    if (!rc && b->mark != NULL)
        rc = check_mark(b, err);
    if (!rc)
        rc = backend_store_commit(b, 0, err);
    if (b->sql != NULL)
        backend_store_end(b);
    return rc;
}

enum rc backend_store_look(const char *path, struct sql **out, struct err *err)
{
    const struct sql_options how = {
        .path = path,
        .read_only = true,
        .busy_ms = BUSY_MS,
        .application_id = APPLICATION_ID,
        .version = VERSION,
    };
    struct stat st;

    /* Opening a file of no length would write to it, and throw the WAL beside it away. */
    if (stat(path, &st) != 0 || st.st_size == 0)
        return RC_NOT_FOUND;
    return sql_open(&how, out, err);
}

static enum rc load_last_rev(struct backend *b, struct err *err)
{
    b->is_rev_used = false;
    enum rc rc = read_i64(b, "SELECT value FROM settings WHERE name='last_rev'", &b->last_rev, err);
    if (rc == RC_NOT_FOUND)
        rc = err_set(err, RC_CORRUPT, "The database has lost its counter.");
    if (rc)
        sql_rollback(b->sql); /* a begin that failed leaves nothing open */
    return rc;
}

enum rc backend_store_begin(struct backend *b, struct err *err)
{
    enum rc rc = sql_begin(b->sql, SQL_FULL, err);

    return rc ? rc : load_last_rev(b, err);
}

enum rc backend_store_snapshot(struct backend *b, struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql, "BEGIN", err);

    if (st == NULL)
        return err->rc;
    enum rc rc = sql_run(b->sql, st, err);
    return rc ? rc : load_last_rev(b, err);
}

static enum rc set_head(struct backend *b, int64_t user, struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql, "UPDATE users SET head=?1 WHERE n=?2", err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, b->last_rev);
    sql_bind_i64(st, 2, user);
    return sql_run(b->sql, st, err);
}

enum rc backend_store_commit(struct backend *b, int64_t user, struct err *err)
{
    int64_t before = 0;
    enum rc rc = RC_OK;

    if (b->is_rev_used) {
        rc = read_i64(b, "SELECT value FROM settings WHERE name='last_rev'", &before, err);
        if (!rc)
            rc = set_last_rev(b, b->last_rev, err);
        if (!rc)
            rc = set_head(b, user, err);
        if (!rc && b->mark != NULL)
            rc = backend_mark_before(b->mark, before, b->last_rev, err);
    }
    if (!rc)
        rc = sql_commit(b->sql, err);
    if (!rc && b->is_rev_used && b->mark != NULL)
        backend_mark_after(b->mark, b->last_rev);
    return rc;
}

void backend_store_end(struct backend *b)
{
    sql_rollback(b->sql);
}

int64_t backend_store_next_rev(const struct backend *b)
{
    int64_t now_us = clock_wall(b->clock) * 1000;

    return now_us > b->last_rev ? now_us : b->last_rev + 1;
}

void backend_store_use_rev(struct backend *b, int64_t rev)
{
    b->last_rev = rev;
    b->is_rev_used = true;
}
