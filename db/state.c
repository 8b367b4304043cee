/* Account, state of sync, conflicts: small tables, read and written whole. */
#include "db/store_priv.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"

/* ---- account ---- */

static void wipe(char *s)
{
    if (s != NULL)
        sodium_memzero(s, strlen(s));
    free(s);
}

void db_account_done(struct db_account *account)
{
    free(account->server);
    free(account->instance);
    free(account->user_id);
    free(account->email);
    free(account->name);
    free(account->device_id);
    wipe(account->token);
    wipe(account->refresh);
    memset(account, 0, sizeof *account);
}

enum rc db_user_id(struct db *db, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT user_id FROM account", err);

    if (st == NULL)
        return err->rc;
    enum rc rc = sql_step(db->sql, st, err);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc)
        return rc;
    free(db->user_id);
    db->user_id = sql_text_copy(st, 0);
    sqlite3_reset(st);
    if (db->user_id != NULL)
        return RC_OK;
    db->user_id = mem_strdup("");
    return err_set(err, RC_CORRUPT, _("The store is damaged (account). See: outpost doctor."));
}

enum rc db_account_read(struct db *db, struct db_account *out, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT server, instance, user_id, email, name, device_id, token, refresh_token "
                                        "FROM account", err);
    if (st == NULL)
        return err->rc;
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc;
    out->server = sql_text_copy(st, 0);
    out->instance = sql_text_copy(st, 1);
    out->user_id = sql_text_copy(st, 2);
    out->email = sql_text_copy(st, 3);
    out->name = sql_text_copy(st, 4);
    out->device_id = sql_text_copy(st, 5);
    out->token = sql_text_copy(st, 6);
    out->refresh = sql_text_copy(st, 7);
    sqlite3_reset(st);
    if (out->server != NULL && out->instance != NULL && out->user_id != NULL && out->email != NULL &&
        out->device_id != NULL)
        return RC_OK;
    db_account_done(out);
    return err_set(err, RC_CORRUPT, _("The store is damaged (account). See: outpost doctor."));
}

static enum rc check_owner(struct db *db, const struct db_account *account, struct err *err)
{
    struct db_account stored = { 0 };
    enum rc rc = db_account_read(db, &stored, err);

    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (!rc && strcmp(stored.user_id, account->user_id) != 0)
        rc = err_set(err, RC_INVALID, _("This store belongs to another account."));
    else if (!rc && strcmp(stored.instance, account->instance) != 0)
        rc = err_set(err, RC_INVALID, _("This store belongs to another server."));
    db_account_done(&stored);
    return rc;
}

static enum rc write_account(struct db *db, const struct db_account *account, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "INSERT OR REPLACE INTO account (id, server, instance, user_id, email, name, "
                                        "device_id, token, refresh_token) VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                               err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, account->server);
    sql_bind_text(st, 2, account->instance);
    sql_bind_text(st, 3, account->user_id);
    sql_bind_text(st, 4, account->email);
    sql_bind_text(st, 5, account->name);
    sql_bind_text(st, 6, account->device_id);
    sql_bind_text(st, 7, account->token);
    sql_bind_text(st, 8, account->refresh);
    return sql_run(db->sql, st, err);
}

enum rc db_account_write(struct db *db, const struct db_account *account, struct err *err)
{
    enum rc rc = tx_begin(db, SQL_FULL, err);

    if (rc)
        return rc;
    rc = check_owner(db, account, err);
    if (!rc)
        rc = write_account(db, account, err);
    if (!rc)
        rc = tx_commit(db, err);
    else
        tx_rollback(db);
    return rc ? rc : db_user_id(db, err);
}

enum rc db_account_tokens(struct db *db, const char *used_refresh, const char *token, const char *refresh,
                          struct err *err)
{
    enum rc rc = tx_begin(db, SQL_FULL, err);

    if (rc)
        return rc;
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE account SET token = ?2, refresh_token = ?3 WHERE refresh_token IS ?1", err);
    if (st == NULL) {
        rc = err->rc;
        goto out;
    }
    sql_bind_text(st, 1, used_refresh);
    sql_bind_text(st, 2, token);
    sql_bind_text(st, 3, refresh);
    rc = sql_run(db->sql, st, err);
    if (rc)
        goto out;
    bool is_mine = sqlite3_changes(sql_handle(db->sql)) > 0;
    rc = tx_commit(db, err);
    if (!rc && !is_mine)
        rc = RC_NOT_FOUND;
    return rc;
out:
    tx_rollback(db);
    return rc;
}

/* ---- state ---- */

static void copy_text(char *out, size_t size, const char *s)
{
    size_t len = s == NULL ? 0 : strnlen(s, size - 1);

    if (len > 0)
        memcpy(out, s, len);
    out[len] = '\0';
}

enum rc db_state_read(struct db *db, struct db_state *out, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT online, phase, table_name, done, total, sending_since, last_ok, next_try, "
                                        "error_code, error, work_offline, wanted_id, wanted_what, answered_id, "
                                        "answered_rc FROM sync_state", err);
    if (st == NULL)
        return err->rc;
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc == RC_NOT_FOUND
                 ? err_set(err, RC_CORRUPT, _("The store is damaged (state). See: outpost doctor."))
                 : rc;
    out->online = sql_i64(st, 0) != 0;
    copy_text(out->phase, sizeof out->phase, sql_text(st, 1));
    copy_text(out->table, sizeof out->table, sql_text(st, 2));
    out->done = sql_i64(st, 3);
    out->total = sql_i64(st, 4);
    out->sending_since = sql_i64(st, 5);
    out->last_ok = sql_i64(st, 6);
    out->next_try = sql_i64(st, 7);
    copy_text(out->error_code, sizeof out->error_code, sql_text(st, 8));
    copy_text(out->error, sizeof out->error, sql_text(st, 9));
    out->work_offline = sql_i64(st, 10) != 0;
    out->wanted_id = sql_i64(st, 11);
    out->wanted_what = sql_i64(st, 12);
    out->answered_id = sql_i64(st, 13);
    out->answered_rc = sql_i64(st, 14);
    sqlite3_reset(st);
    return RC_OK;
}

/* Runs one prepared update in a transaction of its own. */
static enum rc run_in_tx(struct db *db, enum sql_sync sync, const char *text,
                         void (*bind)(sqlite3_stmt *st, const void *ctx), const void *ctx, struct err *err)
{
    enum rc rc = tx_begin(db, sync, err);

    if (rc)
        return rc;
    sqlite3_stmt *st = sql_get(db->sql, text, err);
    if (st == NULL) {
        rc = err->rc;
    } else {
        bind(st, ctx);
        rc = sql_run(db->sql, st, err);
    }
    if (!rc)
        return tx_commit(db, err);
    tx_rollback(db);
    return rc;
}

static void bind_state(sqlite3_stmt *st, const void *ctx)
{
    const struct db_state *state = ctx;

    sql_bind_i64(st, 1, state->online);
    sql_bind_text(st, 2, state->phase);
    sql_bind_text(st, 3, state->table);
    sql_bind_i64(st, 4, state->done);
    sql_bind_i64(st, 5, state->total);
    sql_bind_i64(st, 6, state->sending_since);
    sql_bind_i64(st, 7, state->last_ok);
    sql_bind_i64(st, 8, state->next_try);
    sql_bind_text(st, 9, state->error_code);
    sql_bind_text(st, 10, state->error);
}

enum rc db_state_write(struct db *db, const struct db_state *state, struct err *err)
{
    return run_in_tx(db, SQL_NORMAL,
                     "UPDATE sync_state SET online = ?1, phase = ?2, table_name = ?3, done = ?4, total = ?5, "
                     "sending_since = ?6, last_ok = ?7, next_try = ?8, error_code = ?9, error = ?10",
                     bind_state, state, err);
}

static void bind_number(sqlite3_stmt *st, const void *ctx)
{
    sql_bind_i64(st, 1, *(const int64_t *)ctx);
}

static const char want_text[] = "UPDATE sync_state SET wanted_id = wanted_id + 1, wanted_what = "
                               "iif(wanted_id > answered_id, wanted_what | ?1, ?1)";

enum rc state_want_in_tx(struct db *db, int64_t what, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, want_text, err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, what);
    return sql_run(db->sql, st, err);
}

enum rc db_state_want(struct db *db, int64_t what, int64_t *id, struct err *err)
{
    struct db_state state;
    enum rc rc = run_in_tx(db, SQL_NORMAL, want_text, bind_number, &what, err);

    /* Another want may have come between the two: then ours is answered with it, which is as good. */
    if (!rc)
        rc = db_state_read(db, &state, err);
    if (!rc)
        *id = state.wanted_id;
    return rc;
}

static void bind_answer(sqlite3_stmt *st, const void *ctx)
{
    const int64_t *answer = ctx;

    sql_bind_i64(st, 1, answer[0]);
    sql_bind_i64(st, 2, answer[1]);
}

enum rc db_state_answer(struct db *db, int64_t id, int64_t rc, struct err *err)
{
    const int64_t answer[2] = { id, rc };

    return run_in_tx(db, SQL_NORMAL, "UPDATE sync_state SET answered_id = ?1, answered_rc = ?2", bind_answer, answer,
                     err);
}

enum rc db_state_work_offline(struct db *db, bool on, struct err *err)
{
    const int64_t value = on;

    return run_in_tx(db, SQL_FULL, "UPDATE sync_state SET work_offline = ?1", bind_number, &value, err);
}

/* ---- conflicts ---- */

enum rc db_conflicts_each(struct db *db, void (*each)(void *ctx, const struct db_conflict *c), void *ctx,
                          struct err *err)
{
    enum rc rc;
    sqlite3_stmt *st = sql_get(db->sql, "SELECT table_name, column_name, record_client_id, base, theirs, ours, at "
                                        "FROM conflicts ORDER BY id", err);
    if (st == NULL)
        return err->rc;
    while ((rc = sql_step(db->sql, st, err)) == RC_OK) {
        struct db_conflict c = { .at = sql_i64(st, 6) };
        c.table_name = sql_text_copy(st, 0);
        c.column = sql_text_copy(st, 1);
        copy_text(c.client_id, sizeof c.client_id, sql_text(st, 2));
        c.base = sql_text_copy(st, 3);
        c.theirs = sql_text_copy(st, 4);
        c.ours = sql_text_copy(st, 5);
        if (c.table_name != NULL && c.column != NULL && c.base != NULL && c.theirs != NULL && c.ours != NULL)
            each(ctx, &c);      /* else a row of a damaged page */
        free(c.table_name);
        free(c.column);
        free(c.base);
        free(c.theirs);
        free(c.ours);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
