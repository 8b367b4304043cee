/* Tokens. One process refreshes at a time (the holder of the sync lock); new ones are on disk
 * before they are used. */
#include "sync/engine.h"

#include <string.h>
#include <cjson/cJSON.h>
#include "base/i18n.h"
#include "base/log.h"
#include "sync/engine_priv.h"

#define EARLY_MS 60000 /* a token that ends within this is renewed before it is refused */

/* A token that seems to be over the moment we get it says that our clock is wrong: then only
 * the backend decides. */
static void note_expiry(struct engine *e, bool is_new)
{
    e->token_expiry = e->account.token ? convex_token_expiry(e->account.token) : 0;
    if (is_new && e->token_expiry <= clock_wall(e->clock) + EARLY_MS)
        e->token_expiry = 0;
}

enum rc engine_read_account(struct engine *e, struct err *err)
{
    struct db_account account = { 0 };
    enum rc rc = db_account_read(e->db, &account, err);

    if (rc)
        return rc;
    db_account_done(&e->account);
    e->account = account;
    note_expiry(e, false);
    return RC_OK;
}

static void ask_to_sign_in(struct engine *e)
{
    struct db_queue_counts counts = { 0 };
    struct err trouble = { 0 }, ignored = { 0 };

    db_queue_counts(e->db, &counts, &ignored);
    if (counts.waiting > 0)
        err_set(&trouble, RC_AUTH,
                ngettext("Sign in to send %lld pending change. You can go on working; nothing is "
                         "lost.",
                         "Sign in to send %lld pending changes. You can go on working; nothing is "
                         "lost.",
                         (unsigned long)counts.waiting),
                (long long)counts.waiting);
    else
        err_set(&trouble, RC_AUTH,
                _("Sign in to sync again. You can go on working; nothing is lost."));
    err_code(&trouble, "sign_in");
    engine_block(e, BLOCK_SIGN_IN, &trouble);
}

bool engine_has_session(struct engine *e)
{
    if (e->account.token || e->account.refresh)
        return true;
    ask_to_sign_in(e);
    return false;
}

bool engine_auth_ask(struct engine *e, struct engine_action *out)
{
    bool is_due = e->needs_refresh || !e->account.token ||
                  (e->token_expiry > 0 && e->token_expiry <= clock_wall(e->clock) + EARLY_MS);

    if (!is_due || !e->account.refresh)
        return false;
    buf_clear(&e->args);
    convex_auth_refresh_args(e->account.refresh, &e->args);
    engine_post(e, ASK_REFRESH, CONVEX_ACTION, "auth:signIn", out);
    return true;
}

/* Somebody has signed in meanwhile: theirs are the tokens. */
static void read_again(struct engine *e)
{
    struct err err = { 0 };

    if (engine_read_account(e, &err))
        engine_store_failed(e, &err);
    e->needs_refresh = false;
}

static void session_over(struct engine *e)
{
    struct err err = { 0 };
    enum rc rc = db_account_tokens(e->db, e->account.refresh, NULL, NULL, &err);

    if (rc == RC_NOT_FOUND) {
        read_again(e);
        return;
    }
    if (!rc)
        rc = engine_read_account(e, &err);
    if (rc) {
        engine_store_failed(e, &err);
        return;
    }
    log_info("sync", "the session is over");
    e->needs_refresh = false;
    ask_to_sign_in(e);
}

void engine_auth_answer(struct engine *e, const struct convex_answer *answer)
{
    struct convex_tokens tokens = { 0 };
    struct err err = { 0 };
    enum rc rc = convex_auth_tokens(answer->value, &tokens, &err);

    if (rc == RC_AUTH) {
        engine_reached(e);
        session_over(e);
        return;
    }
    if (rc) {
        engine_malformed(e, "refresh");
        return;
    }
    rc = db_account_tokens(e->db, e->account.refresh, tokens.token, tokens.refresh, &err);
    convex_tokens_done(&tokens);
    if (rc && rc != RC_NOT_FOUND) {
        engine_store_failed(e, &err);
        return;
    }
    log_info("sync", rc ? "refreshed, but somebody has signed in meanwhile" : "tokens refreshed");
    read_again(e);
    e->is_refresh_fresh = rc == RC_OK;
    note_expiry(e, true);
}

void engine_auth_refused(struct engine *e, const struct convex_answer *answer)
{
    struct db_account account = { 0 };
    struct err err = { 0 };
    bool is_other;

    (void)answer;
    if (db_account_read(e->db, &account, &err)) {
        engine_store_failed(e, &err);
        return;
    }
    is_other = account.token && (!e->account.token || strcmp(account.token, e->account.token) != 0);
    db_account_done(&account);
    if (is_other)
        read_again(e);
    else if (e->account.refresh && !e->is_refresh_fresh)
        e->needs_refresh = true;
    else
        ask_to_sign_in(e);
}
