#include "src/backend/account.h"

#include <stdio.h>
#include <string.h>
#include "base/text.h"
#include "src/backend/call.h"
#include "src/backend/session.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

void backend_email_fold(const char *email, struct buf *out)
{
    size_t len = strlen(email);

    while (len > 0 && is_space(email[len - 1]))
        len--;
    while (len > 0 && is_space(*email)) {
        email++;
        len--;
    }
    for (size_t i = 0; i < len; i++)
        buf_putc(out, email[i] >= 'A' && email[i] <= 'Z' ? (char)(email[i] + 32) : email[i]);
}

bool backend_email_is_valid(const char *folded)
{
    size_t len = strlen(folded);
    const char *at = strchr(folded, '@');

    if (len > EMAIL_MAX || at == NULL || at == folded || at[1] == '\0' ||
        !text_is_valid(folded, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)folded[i] <= ' ' || folded[i] == 0x7f)
            return false;
    }
    return true;
}

enum rc backend_account_find(struct backend *b, const char *email, struct account *out,
                             struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql, "SELECT n,id,hash FROM users WHERE email=?1", err);

    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, email);
    enum rc rc = sql_step(b->sql, st, err);
    if (rc)
        return rc;
    out->user = sql_i64(st, 0);
    snprintf(out->id, sizeof out->id, "%s", sql_text(st, 1));
    snprintf(out->hash, sizeof out->hash, "%s", sql_text(st, 2));
    sqlite3_reset(st);
    return RC_OK;
}

enum rc backend_account_add(struct backend *b, const char *email, const char *hash,
                            struct account *out, struct err *err)
{
    int64_t now = clock_wall(b->clock);
    enum rc rc = backend_account_find(b, email, out, err);

    if (rc == RC_OK)
        return backend_throw(err, "invalid_credentials", NULL,
                             "There is an account of this e-mail already.");
    if (rc != RC_NOT_FOUND)
        return rc;
    sqlite3_stmt *st =
        sql_get(b->sql, "INSERT INTO users(id,email,hash,created_at) VALUES(?1,?2,?3,?4)", err);
    if (st == NULL)
        return err->rc;
    id_new(now, out->id);
    sql_bind_text(st, 1, out->id);
    sql_bind_text(st, 2, email);
    sql_bind_text(st, 3, hash);
    sql_bind_i64(st, 4, now);
    rc = sql_run(b->sql, st, err);
    if (!rc)
        out->user = sqlite3_last_insert_rowid(sql_handle(b->sql));
    return rc;
}

enum rc backend_password_check(const char *password, struct err *err)
{
    size_t len = strlen(password);

    if (!text_is_valid(password, len) || text_count(password, len) < PASSWORD_MIN)
        return backend_throw(err, "invalid_value", "password",
                             "A password needs at least %d characters.", PASSWORD_MIN);
    if (len > PASSWORD_MAX)
        return backend_throw(err, "invalid_value", "password", "A password can have %d bytes.",
                             PASSWORD_MAX);
    return RC_OK;
}

bool backend_password_hash(const char *password, bool is_quick, char out[crypto_pwhash_STRBYTES])
{
    unsigned long long work =
        is_quick ? crypto_pwhash_OPSLIMIT_MIN : crypto_pwhash_OPSLIMIT_INTERACTIVE;
    size_t memory = is_quick ? crypto_pwhash_MEMLIMIT_MIN : crypto_pwhash_MEMLIMIT_INTERACTIVE;

    return crypto_pwhash_str(out, password, strlen(password), work, memory) == 0;
}

/* ---- the operator ---- */

static enum rc new_hash(const struct backend *b, const char *password,
                        char out[crypto_pwhash_STRBYTES], struct err *err)
{
    enum rc rc = backend_password_check(password, err);

    if (!rc && !backend_password_hash(password, b->quick_hash, out))
        rc = err_set(err, RC_NOMEM, "There is not enough memory to hash a password (64 MiB).");
    return rc;
}

enum rc backend_user_add(struct backend *b, const char *email, const char *password,
                         struct err *err)
{
    char hash[crypto_pwhash_STRBYTES];
    struct account account;
    struct buf folded = { 0 };
    enum rc rc = RC_OK;

    backend_email_fold(email, &folded);
    if (!backend_email_is_valid(buf_str(&folded)))
        rc = err_set(err, RC_INVALID, "An e-mail address looks like name@example.org.");
    if (!rc)
        rc = new_hash(b, password, hash, err);
    if (!rc)
        rc = backend_store_begin(b, err);
    if (!rc)
        rc = backend_account_add(b, buf_str(&folded), hash, &account, err);
    if (!rc)
        rc = backend_store_commit(b, 0, err);
    backend_store_end(b);
    buf_done(&folded);
    return rc;
}

static enum rc find_for_operator(struct backend *b, const char *email, struct account *out,
                                 struct err *err)
{
    struct buf folded = { 0 };

    backend_email_fold(email, &folded);
    enum rc rc = backend_account_find(b, buf_str(&folded), out, err);
    buf_done(&folded);
    if (rc == RC_NOT_FOUND)
        return err_set(err, RC_INVALID,
                       "There is no account %s; `outpost-backend user list` shows them.", email);
    return rc;
}

enum rc backend_user_passwd(struct backend *b, const char *email, const char *password,
                            struct err *err)
{
    char hash[crypto_pwhash_STRBYTES];
    struct account account;
    enum rc rc = find_for_operator(b, email, &account, err);

    if (!rc)
        rc = new_hash(b, password, hash, err);
    if (!rc)
        rc = backend_store_begin(b, err);
    sqlite3_stmt *st = rc ? NULL : sql_get(b->sql, "UPDATE users SET hash=?1 WHERE n=?2", err);
    if (st != NULL) {
        sql_bind_text(st, 1, hash);
        sql_bind_i64(st, 2, account.user);
        rc = sql_run(b->sql, st, err);
        /* Whoever has a stolen device or token must sign in again, and cannot. */
        if (!rc)
            rc = backend_session_end_all(b, account.user, err);
        if (!rc)
            rc = backend_store_commit(b, 0, err);
    } else if (!rc) {
        rc = err->rc;
    }
    backend_store_end(b);
    return rc;
}

enum rc backend_user_list(struct backend *b, struct buf *out, struct err *err)
{
    sqlite3_stmt *row = sql_get(b->sql, "SELECT email FROM users ORDER BY email", err);
    enum rc rc;

    if (row == NULL)
        return err->rc;
    while ((rc = sql_step(b->sql, row, err)) == RC_OK) {
        buf_puts(out, sql_text(row, 0));
        buf_putc(out, '\n');
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc backend_users_viewer(struct call *call, struct err *err)
{
    struct sql *sql = call->b->sql;
    sqlite3_stmt *st = sql_get(sql, "SELECT id,email FROM users WHERE n=?1", err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, call->user);
    enum rc rc = sql_step(sql, st, err);
    if (rc)
        return rc == RC_NOT_FOUND ? err_set(err, RC_INTERNAL, "The account is gone.") : rc;
    buf_puts(&call->value, "{\"userId\":");
    backend_text_put(&call->value, sql_text(st, 0));
    buf_puts(&call->value, ",\"email\":");
    backend_text_put(&call->value, sql_text(st, 1));
    buf_putc(&call->value, '}');
    sqlite3_reset(st);
    return RC_OK;
}
