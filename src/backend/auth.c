/* src/backend/auth.c: auth:signIn and auth:signOut. A sign-in has two halves: the password is
 * hashed between them, away from the thread that answers.
 *
 * Source   CONTRACT sections 2 and 3 (auth:*, codes), section 4 (Sessions).
 */
#include "src/backend/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/json.h"
#include "base/mem.h"
#include "src/backend/account.h"
#include "src/backend/limit.h"
#include "src/backend/session.h"

struct backend_hash {
    bool is_sign_up, is_known, is_quick;
    bool is_right, is_failed; /* after the run; failed: there was no memory for it */
    char hash
        [crypto_pwhash_STRBYTES]; /* in: to verify against, when known; out: of the new password */
    char *password, *email, *peer;
    int64_t old_session; /* of the token that the request carried: this sign-in replaces it */
};

static void hash_free(struct backend_hash *hash)
{
    sodium_memzero(hash->password, strlen(hash->password));
    sodium_memzero(hash->hash, sizeof hash->hash);
    free(hash->password);
    free(hash->email);
    free(hash->peer);
    free(hash);
}

void backend_hash_cancel(struct backend_hash *hash)
{
    if (hash != NULL)
        hash_free(hash);
}

static enum rc throw_credentials(struct err *err)
{
    return backend_throw(err, "invalid_credentials", NULL, "The e-mail or the password is wrong.");
}

static void put_tokens(struct buf *out, struct tokens *tokens)
{
    if (tokens == NULL) {
        buf_puts(out, "{\"tokens\":null}");
        return;
    }
    buf_printf(out, "{\"tokens\":{\"token\":\"%s\",\"refreshToken\":\"%s\"}}", tokens->access,
               tokens->refresh);
    sodium_memzero(tokens, sizeof *tokens);
}

static enum rc refresh(struct call *call, const char *token, struct err *err)
{
    struct tokens tokens;
    enum rc rc = backend_store_begin(call->b, err);

    if (rc)
        return rc;
    rc = backend_session_refresh(call->b, token, call->now, &tokens, err);
    bool is_over = rc == RC_NOT_FOUND;
    if (!rc || is_over)
        rc = backend_store_commit(call->b, 0, err);
    backend_store_end(call->b);
    if (!rc)
        put_tokens(&call->value, is_over ? NULL : &tokens);
    return rc;
}

/* What the request says, before anything is looked up. */
static enum rc check_params(const struct call *call, const cJSON *params, bool *is_sign_up,
                            struct err *err)
{
    const char *provider = json_get_string(call->args, "provider"),
               *flow = json_get_string(params, "flow");
    const char *email = json_get_string(params, "email"),
               *password = json_get_string(params, "password");

    if (provider == NULL || strcmp(provider, "password") != 0 || flow == NULL)
        return throw_credentials(err);
    *is_sign_up = strcmp(flow, "signUp") == 0;
    if (!*is_sign_up && strcmp(flow, "signIn") != 0)
        return throw_credentials(err);
    if (*is_sign_up && !call->b->signup)
        return backend_throw(err, "forbidden", NULL,
                             "Accounts are made by the operator of this backend.");
    if (email == NULL || password == NULL || password[0] == '\0' || strlen(email) > 2 * EMAIL_MAX)
        return throw_credentials(err);
    if (*is_sign_up)
        return backend_password_check(password, err);
    return strlen(password) > PASSWORD_MAX ? throw_credentials(err) : RC_OK;
}

static enum rc start_hash(struct call *call, const cJSON *params, struct err *err)
{
    struct buf email = { 0 };
    struct account account = { 0 };
    bool is_sign_up = false;
    enum rc rc = check_params(call, params, &is_sign_up, err);

    if (rc)
        return rc;
    backend_email_fold(json_get_string(params, "email"), &email);
    if (email.len == 0 || (is_sign_up && !backend_email_is_valid(buf_str(&email))))
        rc = throw_credentials(err);
    if (!rc)
        rc = backend_limit_check(call->b, buf_str(&email), call->peer, call->now, err);
    if (!rc)
        rc = backend_account_find(call->b, buf_str(&email), &account, err);
    if (rc == RC_OK || rc == RC_NOT_FOUND) {
        struct backend_hash *hash = mem_zero(1, sizeof *hash);

        hash->is_sign_up = is_sign_up;
        hash->is_known = rc == RC_OK;
        hash->is_quick = call->b->quick_hash;
        memcpy(hash->hash, account.hash, sizeof hash->hash);
        hash->password = mem_strdup(json_get_string(params, "password"));
        hash->email = buf_take(&email);
        hash->peer = mem_strdup(call->peer);
        hash->old_session = call->session;
        call->hash = hash;
        rc = RC_OK;
    }
    buf_done(&email);
    return rc;
}

enum rc backend_auth_sign_in(struct call *call, struct err *err)
{
    const char *token = json_get_string(call->args, "refreshToken");

    if (token != NULL)
        return refresh(call, token, err);
    if (json_get(call->args, "refreshToken") != NULL)
        return err_set(err, RC_INVALID, "ArgumentValidationError: refreshToken must be a string.");
    return start_hash(call, json_get(call->args, "params"), err);
}

enum rc backend_auth_sign_out(struct call *call, struct err *err)
{
    enum rc rc = RC_OK;

    if (call->session != 0) {
        rc = backend_store_begin(call->b, err);
        if (!rc)
            rc = backend_session_end(call->b, call->session, err);
        if (!rc)
            rc = backend_store_commit(call->b, 0, err);
        backend_store_end(call->b);
    }
    if (!rc)
        buf_puts(&call->value, "null");
    return rc;
}

/* An account that does not exist costs the same time as one that does. */
void backend_hash_run(struct backend_hash *hash)
{
    char fresh[crypto_pwhash_STRBYTES];

    if (!hash->is_sign_up && hash->is_known) {
        errno = 0;
        hash->is_right =
            crypto_pwhash_str_verify(hash->hash, hash->password, strlen(hash->password)) == 0;
        hash->is_failed = !hash->is_right && errno != EINVAL; /* EINVAL: it does not match */
        return;
    }
    hash->is_failed = !backend_password_hash(hash->password, hash->is_quick, fresh);
    hash->is_right = !hash->is_failed && hash->is_sign_up;
    if (hash->is_right)
        memcpy(hash->hash, fresh, sizeof hash->hash);
    sodium_memzero(fresh, sizeof fresh);
}

/* The account again: it may have gone, or changed its password, while the hash was made. */
static enum rc account_of(struct backend *b, const struct backend_hash *hash, struct account *out,
                          struct err *err)
{
    if (hash->is_failed)
        return err_set(err, RC_NOMEM, "There is not enough memory to check a password.");
    if (!hash->is_right)
        return throw_credentials(err);
    if (hash->is_sign_up) {
        enum rc rc = backend_account_add(b, hash->email, hash->hash, out, err);
        return rc == RC_REFUSED ? throw_credentials(err) : rc;
    }
    enum rc rc = backend_account_find(b, hash->email, out, err);
    if (rc == RC_NOT_FOUND || (!rc && sodium_memcmp(out->hash, hash->hash, sizeof out->hash) != 0))
        return throw_credentials(err);
    return rc;
}

static enum rc start_session(struct backend *b, const struct backend_hash *hash, struct tokens *out,
                             struct err *err)
{
    struct account account = { 0 };
    enum rc rc = account_of(b, hash, &account, err);

    if (!rc && hash->old_session != 0)
        rc = backend_session_end(b, hash->old_session, err);
    if (!rc)
        rc = backend_session_start(b, account.user, clock_wall(b->clock), out, err);
    if (!rc)
        rc = backend_limit_forgive(b, hash->email, hash->peer, err);
    return rc;
}

enum rc backend_auth_finish(struct backend *b, struct backend_hash *hash, struct buf *value,
                            struct err *err)
{
    struct tokens tokens;
    struct err why = { 0 }; /* why it was refused, while the failure is written down */
    enum rc rc = backend_store_begin(b, err);

    if (!rc)
        rc = start_session(b, hash, &tokens, err);
    if (rc == RC_REFUSED) {
        why = *err;
        rc = backend_limit_fail(b, hash->email, hash->peer, clock_wall(b->clock), err);
    }
    if (!rc)
        rc = backend_store_commit(b, 0, err);
    backend_store_end(b);
    hash_free(hash);
    if (!rc && why.rc != RC_OK) {
        *err = why;
        return why.rc;
    }
    if (!rc)
        put_tokens(value, &tokens);
    return rc;
}
