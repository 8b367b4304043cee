#include "db/sql.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>
#include "base/i18n.h"
#include "base/mem.h"

struct statement {
    char *text;
    sqlite3_stmt *st;
    struct statement *next;
};

#define BUCKETS 64

struct sql {
    sqlite3 *handle;
    pthread_t owner;
    enum sql_sync sync;
    int busy_ms;
    bool (*waits_on)(void *ctx);
    void *waits_ctx;
    int wal_pages;
    struct statement *bucket[BUCKETS];
};

static void check_owner(const struct sql *sql)
{
    assert(pthread_equal(sql->owner, pthread_self()));
    (void)sql;
}

enum rc sql_error(struct sql *sql, int code, const char *doing, struct err *err)
{
    const char *detail = sql->handle != NULL ? sqlite3_errmsg(sql->handle) : sqlite3_errstr(code);

    switch (code & 0xff) {
    case SQLITE_FULL:
        return err_set(err, RC_FULL, _("Cannot save: the disk is full."));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, RC_BUSY, _("The store is in use by another process (%s)."), doing);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_TOOBIG: /* what is written has limits far below: only a damaged page claims so much */
        return err_set(err, RC_CORRUPT, _("The store is damaged (%s: %s). See: outpost doctor."),
                       doing, detail);
    case SQLITE_NOMEM:
        return err_set(err, RC_NOMEM, _("No memory left (%s)."), doing);
    case SQLITE_READONLY:
        return err_set(err, RC_IO, _("The store can not be written (%s: %s)."), doing, detail);
    case SQLITE_ERROR:
    case SQLITE_MISUSE:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return err_set(err, RC_INTERNAL, "%s: %s", doing, detail);
    default:
        return err_set(err, RC_IO, _("The store can not be used (%s: %s)."), doing, detail);
    }
}

/* Every 1 ms, because SQLite's own handler sleeps up to 100 ms and loses the race against a writer that
 * commits every 20 ms: saves of 2.7 s were measured during a pull. */
static int retry_busy(void *ctx, int count)
{
    const struct sql *sql = ctx;

    if (count >= sql->busy_ms || (sql->waits_on != NULL && !sql->waits_on(sql->waits_ctx)))
        return 0;
    usleep(1000);
    return 1;
}

/* SQLite makes files 0644 & ~umask; journals take the mode of the main file, so it is made first. Only ever made, never
 * opened when it is there: closing any descriptor of it would drop the locks of this process's other connections
 * (fcntl(2); sqlite.org/howtocorrupt.html section 2.2). */
static void make_private(const struct sql_options *options)
{
    if (options->vfs != NULL || options->read_only)
        return;
    int fd = open(options->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0)
        close(fd);
}

/* In the place of SQLite's own hook, which checkpoints within the commit of whoever comes along. */
static int note_wal_pages(void *ctx, sqlite3 *handle, const char *name, int pages)
{
    struct sql *sql = ctx;

    (void)handle;
    (void)name;
    sql->wal_pages = pages;
    return SQLITE_OK;
}

static enum rc configure(struct sql *sql, const struct sql_options *options, struct err *err)
{
    enum rc rc;

    sqlite3_extended_result_codes(sql->handle, 1);
    sqlite3_db_config(sql->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(sql->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    rc = sql_exec(sql, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                       "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4000;", err);
    if (rc)
        return rc;
    sql->sync = SQL_FULL;
    /* Prepared while there is memory: whoever needs it may have none. */
    if (sql_get(sql, "ROLLBACK", err) == NULL)
        return err->rc;
    if (options->no_autocheckpoint)
        sqlite3_wal_hook(sql->handle, note_wal_pages, sql);
    if (options->read_only)
        rc = sql_exec(sql, "PRAGMA query_only=ON", err);
    return rc;
}

static enum rc read_number(struct sql *sql, const char *query, int64_t *out, struct err *err)
{
    sqlite3_stmt *st = sql_get(sql, query, err);

    if (st == NULL)
        return err->rc;
    enum rc rc = sql_step(sql, st, err);
    if (rc)
        return rc;
    *out = sql_i64(st, 0);
    sqlite3_reset(st);
    return RC_OK;
}

/* Before anything is changed, WAL mode included: is it our file, and not newer than we are? */
static enum rc check_ours(struct sql *sql, const struct sql_options *options, struct err *err)
{
    int64_t id = 0, version = 0, objects = 0;
    enum rc rc;

    if (options->application_id == 0)
        return RC_OK;
    rc = read_number(sql, "PRAGMA application_id", &id, err);
    if (!rc)
        rc = read_number(sql, "PRAGMA user_version", &version, err);
    if (!rc)
        rc = read_number(sql, "SELECT count(*) FROM sqlite_master", &objects, err);
    /* These three work on any file of SQLite's: a mistake in them is the file's (a garbled header: "unsupported format"). */
    if (rc == RC_INTERNAL)
        rc = err_set(err, RC_CORRUPT, _("The store is damaged (%s). See: outpost doctor."),
                     sqlite3_errmsg(sql->handle));
    if (rc)
        return rc;
    if (id != options->application_id && (id != 0 || objects != 0))
        return err_set(err, RC_FOREIGN, _("%s belongs to another program; it was not touched."),
                       options->path);
    if (version > options->version)
        return err_set(err, RC_FOREIGN,
                       _("%s was written by a newer version of this program; it was not touched. "
                         "Install that version."),
                       options->path);
    return RC_OK;
}

enum rc sql_open(const struct sql_options *options, struct sql **out, struct err *err)
{
    struct sql *sql = mem_zero(1, sizeof *sql);
    enum rc rc;

    sql->owner = pthread_self();
    sql->busy_ms = options->busy_ms;
    make_private(options);
    int code = sqlite3_open_v2(options->path, &sql->handle,
                               SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, options->vfs);
    if (code != SQLITE_OK) {
        rc = sql_error(sql, code, "open", err);
        goto fail;
    }
    sqlite3_busy_handler(sql->handle, retry_busy, sql);
    rc = check_ours(sql, options, err);
    if (!rc)
        rc = configure(sql, options, err);
    if (rc)
        goto fail;
    *out = sql;
    return RC_OK;
fail:
    sql_close(sql);
    return rc;
}

void sql_close(struct sql *sql)
{
    if (sql == NULL)
        return;
    check_owner(sql);
    for (size_t i = 0; i < BUCKETS; i++) {
        struct statement *next;
        for (struct statement *s = sql->bucket[i]; s != NULL; s = next) {
            next = s->next;
            sqlite3_finalize(s->st);
            free(s->text);
            free(s);
        }
    }
    sqlite3_close(sql->handle);
    free(sql);
}

void sql_wait_while(struct sql *sql, bool (*waits_on)(void *ctx), void *ctx)
{
    check_owner(sql);
    sql->waits_on = waits_on;
    sql->waits_ctx = ctx;
}

sqlite3 *sql_handle(struct sql *sql)
{
    return sql->handle;
}

static size_t hash_text(const char *s)
{
    uint64_t h = 1469598103934665603u;          /* FNV-1a */

    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return (size_t)(h % BUCKETS);
}

sqlite3_stmt *sql_get(struct sql *sql, const char *text, struct err *err)
{
    size_t at = hash_text(text);

    check_owner(sql);
    for (struct statement *s = sql->bucket[at]; s != NULL; s = s->next) {
        if (strcmp(s->text, text) == 0) {
            sqlite3_reset(s->st);
            sqlite3_clear_bindings(s->st);
            return s->st;
        }
    }
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v3(sql->handle, text, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);
    if (code != SQLITE_OK) {
        sql_error(sql, code, text, err);
        return NULL;
    }
    struct statement *s = mem_zero(1, sizeof *s);
    s->text = mem_strdup(text);
    s->st = st;
    s->next = sql->bucket[at];
    sql->bucket[at] = s;
    return st;
}

enum rc sql_step(struct sql *sql, sqlite3_stmt *st, struct err *err)
{
    check_owner(sql);
    int code = sqlite3_step(st);
    if (code == SQLITE_ROW)
        return RC_OK;
    if (code == SQLITE_DONE) {
        sqlite3_reset(st);
        return RC_NOT_FOUND;
    }
    enum rc rc = sql_error(sql, code, sqlite3_sql(st), err);
    sqlite3_reset(st);
    return rc;
}

enum rc sql_run(struct sql *sql, sqlite3_stmt *st, struct err *err)
{
    enum rc rc;

    do {
        rc = sql_step(sql, st, err);
    } while (rc == RC_OK);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc sql_exec(struct sql *sql, const char *text, struct err *err)
{
    check_owner(sql);
    int code = sqlite3_exec(sql->handle, text, NULL, NULL, NULL);
    return code == SQLITE_OK ? RC_OK : sql_error(sql, code, text, err);
}

enum rc sql_begin(struct sql *sql, enum sql_sync sync, struct err *err)
{
    enum rc rc;

    /* One that could not be ended, for want of memory or by an I/O error, would let no other begin. */
    sql_rollback(sql);
    /* The pragma works only between transactions, and costs a parse: so only when it changes. */
    if (sync != sql->sync) {
        rc = sql_exec(sql, sync == SQL_FULL ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL", err);
        if (rc)
            return rc;
        sql->sync = sync;
    }
    sqlite3_stmt *st = sql_get(sql, "BEGIN IMMEDIATE", err);
    return st == NULL ? err->rc : sql_run(sql, st, err);
}

enum rc sql_commit(struct sql *sql, struct err *err)
{
    sqlite3_stmt *st = sql_get(sql, "COMMIT", err);
    return st == NULL ? err->rc : sql_run(sql, st, err);
}

void sql_rollback(struct sql *sql)
{
    struct err ignored;

    if (!sql_in_transaction(sql))
        return;
    sqlite3_stmt *st = sql_get(sql, "ROLLBACK", &ignored);
    if (st != NULL)
        sql_run(sql, st, &ignored);
}

bool sql_in_transaction(const struct sql *sql)
{
    return sqlite3_get_autocommit(sql->handle) == 0;
}

enum rc sql_checkpoint(struct sql *sql, bool truncate, struct err *err)
{
    check_owner(sql);
    sql->wal_pages = 0;
    int code = sqlite3_wal_checkpoint_v2(sql->handle, NULL,
                                         truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE,
                                         NULL, NULL);
    if (code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY)
        return RC_OK;           /* readers hold it back: the next one gets further */
    return sql_error(sql, code, "checkpoint", err);
}

int sql_wal_pages(const struct sql *sql)
{
    return sql->wal_pages;
}

void sql_bind_text(sqlite3_stmt *st, int at, const char *s)
{
    if (s == NULL)
        sqlite3_bind_null(st, at);
    else
        sqlite3_bind_text(st, at, s, -1, SQLITE_STATIC);
}

void sql_bind_text_n(sqlite3_stmt *st, int at, const char *s, size_t len)
{
    if (s == NULL)
        sqlite3_bind_null(st, at);
    else
        sqlite3_bind_text64(st, at, s, len, SQLITE_STATIC, SQLITE_UTF8);
}

void sql_bind_i64(sqlite3_stmt *st, int at, int64_t v)
{
    sqlite3_bind_int64(st, at, v);
}

void sql_bind_value(sqlite3_stmt *st, int at, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NULL:
        sqlite3_bind_null(st, at);
        break;
    case VALUE_BOOL:
        sqlite3_bind_int64(st, at, v->flag);
        break;
    case VALUE_INT:
        sqlite3_bind_int64(st, at, v->number);
        break;
    case VALUE_REAL:
        sqlite3_bind_double(st, at, v->real);
        break;
    case VALUE_TEXT:
        sql_bind_text_n(st, at, v->text, v->len);
        break;
    }
}

const char *sql_text(sqlite3_stmt *st, int at)
{
    return (const char *)sqlite3_column_text(st, at);
}

char *sql_text_copy(sqlite3_stmt *st, int at)
{
    const char *s = sql_text(st, at);
    return s == NULL ? NULL : mem_strndup(s, (size_t)sqlite3_column_bytes(st, at));
}

int64_t sql_i64(sqlite3_stmt *st, int at)
{
    return sqlite3_column_int64(st, at);
}
