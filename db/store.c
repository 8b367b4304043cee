#include "db/store_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/mem.h"

#define CHECKPOINT_PAGES 1024          /* 4 MiB */

static int open_bell(const char *db_path)
{
    struct buf path = { 0 };

    buf_printf(&path, "%s.bell", db_path);
    int fd = open(buf_str(&path), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    buf_done(&path);
    return fd;
}

static void ring(const struct db *db)
{
    /* A lost ring costs others a late repaint and loses nothing: so no error here. */
    if (db->bell_fd >= 0 && pwrite(db->bell_fd, "!", 1, 0) != 1)
        log_debug("db", "the bell can not be rung");
}

static struct sql_options sql_options_of(const struct db_options *options)
{
    return (struct sql_options){
        .path = options->path,
        .vfs = options->vfs,
        .read_only = options->role == DB_READER,
        .no_autocheckpoint = options->role != DB_COMMAND,
        .busy_ms = 5000,
        .application_id = STORE_APPLICATION_ID,
        .version = STORE_VERSION,
    };
}

enum rc db_open(const struct db_options *options, struct db **out, struct err *err)
{
    struct db *db = mem_zero(1, sizeof *db);
    const struct sql_options sql = sql_options_of(options);
    enum rc rc = RC_OK;

    db->bell_fd = -1;
    db->registry = options->registry;
    db->clock = options->clock;
    db->role = options->role;
    db->path = mem_strdup(options->path);
    db->user_id = mem_strdup("");
    db->has_recovery = options->vfs == NULL;
    if (options->role == DB_READER && options->vfs == NULL && !file_exists(options->path)) {
        rc = err_set(err, RC_NOT_FOUND, _("%s does not exist."), options->path);
        goto out;
    }
    rc = sql_open(&sql, &db->sql, err);
    if (rc)
        goto out;
    schema_statements(db);
    if (options->role != DB_READER)     /* before the file is compared: what grows after that is another version */
        rc = store_number(db, "PRAGMA schema_version", &db->schema_version, err);
    if (!rc && options->role != DB_READER)
        rc = schema_update(db, err);
    if (!rc)
        rc = db_user_id(db, err);
    if (rc)
        goto out;
    /* A process that was killed within its COMMIT may have left what SQLite now shows and no disk has yet. */
    if (options->role == DB_SYNCER || options->role == DB_COMMAND)
        rc = sql_checkpoint(db->sql, false, err);
    if (rc)
        goto out;
    if (!options->no_bell)
        db->bell_fd = open_bell(options->path);
    db_has_changed(db);
out:
    if (rc)
        db_close(db);
    else
        *out = db;
    return rc;
}

void db_close(struct db *db)
{
    struct err ignored;

    if (db == NULL)
        return;
    if (db->sql != NULL) {
        tx_rollback(db);
        if (db->role == DB_COMMAND)
            sql_checkpoint(db->sql, false, &ignored);
        sql_close(db->sql);
    }
    if (db->bell_fd >= 0)
        close(db->bell_fd);
    schema_done(db);
    free(db->user_id);
    free(db->path);
    free(db);
}

void db_wait_while(struct db *db, bool (*waits_on)(void *ctx), void *ctx)
{
    sql_wait_while(db->sql, waits_on, ctx);
}

const struct registry *db_registry(const struct db *db)
{
    return db->registry;
}

int64_t db_now(const struct db *db)
{
    return clock_wall(db->clock);
}

struct table_sql *table_sql(struct db *db, const struct table *table)
{
    return &db->tables[table->index];
}

enum rc tx_begin(struct db *db, enum sql_sync sync, struct err *err)
{
    return sql_begin(db->sql, sync, err);
}

enum rc store_number(struct db *db, const char *text, int64_t *out, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, text, err);

    if (st == NULL)
        return err->rc;
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc;
    *out = sql_i64(st, 0);
    sqlite3_reset(st);
    return RC_OK;
}

/* A column that we do not know would keep an old value beside the row's new ones, and nobody would ever see that. */
static enum rc check_definitions(struct db *db, const struct table *table, struct err *err)
{
    int64_t version = 0;
    enum rc rc = store_number(db, "PRAGMA schema_version", &version, err);

    if (rc || version == db->schema_version)
        return rc;
    rc = schema_compare(db, NULL, err);
    if (!rc)
        db->schema_version = version;
    else if (rc == RC_BUSY && table != NULL)
        rc = schema_compare(db, table, err);
    if (rc != RC_BUSY)
        return rc;
    db->is_outdated = true;
    return err_set(err, RC_FOREIGN, _("The tables have changed. Leave and start again; what you typed is kept."));
}

enum rc tx_begin_data(struct db *db, enum sql_sync sync, const struct table *table, struct err *err)
{
    enum rc rc = tx_begin(db, sync, err);

    if (rc)
        return rc;
    rc = check_definitions(db, table, err);
    if (rc)
        tx_rollback(db);
    return rc;
}

bool db_is_outdated(const struct db *db)
{
    return db->is_outdated;
}

static enum rc flush_counts(struct db *db, struct err *err)
{
    for (size_t i = 0; i < registry_count(db->registry); i++) {
        for (int done = 0; done < 2; done++) {
            int64_t *delta = &db->tables[i].count_delta[done];
            if (*delta == 0)
                continue;
            sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_counts SET n = n + ?1 "
                                                "WHERE table_name = ?2 AND is_done = ?3", err);
            if (st == NULL)
                return err->rc;
            sql_bind_i64(st, 1, *delta);
            sql_bind_text(st, 2, registry_at(db->registry, i)->name);
            sql_bind_i64(st, 3, done);
            enum rc rc = sql_run(db->sql, st, err);
            if (rc)
                return rc;
            *delta = 0;
        }
    }
    return RC_OK;
}

static enum rc flush_waiting(struct db *db, struct err *err)
{
    if (db->waiting_delta == 0)
        return RC_OK;
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_state SET waiting = waiting + ?1", err);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, db->waiting_delta);
    enum rc rc = sql_run(db->sql, st, err);
    if (!rc)
        db->waiting_delta = 0;
    return rc;
}

static void forget_counts(struct db *db)
{
    db->waiting_delta = 0;
    for (size_t i = 0; db->tables != NULL && i < registry_count(db->registry); i++)
        db->tables[i].count_delta[0] = db->tables[i].count_delta[1] = 0;
}

enum rc tx_commit(struct db *db, struct err *err)
{
    enum rc rc = flush_counts(db, err);

    if (!rc)
        rc = flush_waiting(db, err);
    if (!rc)
        rc = sql_commit(db->sql, err);
    if (rc) {
        tx_rollback(db);
        return rc;
    }
    ring(db);
    return RC_OK;
}

void tx_rollback(struct db *db)
{
    sql_rollback(db->sql);
    forget_counts(db);
}

enum rc db_count(struct db *db, const struct table *table, enum db_view view, int64_t *out, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT coalesce(sum(n), 0) FROM sync_counts WHERE table_name = ?1 "
                                        "AND is_done BETWEEN ?2 AND ?3", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    sql_bind_i64(st, 2, view == DB_VIEW_DONE);
    sql_bind_i64(st, 3, view != DB_VIEW_OPEN);
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc;
    *out = sql_i64(st, 0);
    sqlite3_reset(st);
    return RC_OK;
}

bool db_has_changed(struct db *db)
{
    struct err ignored;
    sqlite3_stmt *st = sql_get(db->sql, "PRAGMA data_version", &ignored);

    if (st == NULL || sql_step(db->sql, st, &ignored) != RC_OK)
        return true;
    int64_t version = sql_i64(st, 0);
    sqlite3_reset(st);
    bool changed = version != db->data_version;
    db->data_version = version;
    return changed;
}

enum rc db_checkpoint(struct db *db, bool force, struct err *err)
{
    if (!force && sql_wal_pages(db->sql) < CHECKPOINT_PAGES)
        return RC_OK;
    return sql_checkpoint(db->sql, false, err);
}

enum rc db_check(struct db *db, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "PRAGMA quick_check(1)", err);

    if (st == NULL)
        return err->rc;
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc;
    const char *finding = sql_text(st, 0);
    if (finding == NULL || strcmp(finding, "ok") != 0)
        rc = err_set(err, RC_CORRUPT, _("The store is damaged (%s). See: outpost doctor."),
                     finding == NULL ? "no answer" : finding);
    sqlite3_reset(st);
    return rc;
}
