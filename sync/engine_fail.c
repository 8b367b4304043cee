/* How a round fails: an outage waits and comes again, a block waits for a person, a store
 * that fails waits for room. And what changes when the backend does. */
#include "sync/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/log.h"
#include "sync/engine_priv.h"

static void add_time_of_try(struct err *err, int64_t wall_ms)
{
    char at[24];
    size_t len = strlen(err->msg);

    clock_hhmm(wall_ms, at, sizeof(at));
    snprintf(err->msg + len, sizeof(err->msg) - len, " Trying again at %s.", at);
}

static void wait_after_failure(struct engine *e, struct err *trouble, int64_t retry_after_ms)
{
    int64_t now = engine_now(e), delay = backoff_next(&e->backoff, engine_random(e));

    if (delay < retry_after_ms)
        delay = retry_after_ms;
    e->next_try = now + delay;
    if (retry_after_ms > 0)
        e->retry_floor = now + retry_after_ms;
    e->status.next_try = clock_wall(e->clock) + delay;
    if (strcmp(trouble->code, "busy") == 0)
        add_time_of_try(trouble, e->status.next_try);
    e->want_round = true;
    e->status.tries++;
    e->status.last = *trouble;
    log_info("sync", "try %d failed (%s %s), next in %lld ms", e->status.tries,
             rc_name(trouble->rc), trouble->code, (long long)delay);
}

void engine_outage(struct engine *e, const struct err *trouble, int64_t retry_after_ms)
{
    struct err err = *trouble;

    if (err.rc == RC_NETWORK || err.rc == RC_PROTOCOL) {
        e->status.net = SYNC_OFFLINE;
        e->needs_probe = true;
    }
    engine_pull_stop(e);
    wait_after_failure(e, &err, retry_after_ms);
    engine_end_round(e, &err);
}

void engine_trouble(struct engine *e, const struct err *trouble, int64_t retry_after_ms)
{
    e->round.trouble = *trouble;
    if (e->round.retry_after_ms < retry_after_ms)
        e->round.retry_after_ms = retry_after_ms;
}

void engine_block(struct engine *e, enum engine_block why, const struct err *trouble)
{
    int64_t delay = why == BLOCK_SIGN_IN ? NEVER : HOUR_MS;

    e->block = why;
    e->next_try = delay == NEVER ? NEVER : engine_now(e) + delay;
    e->status.next_try = delay == NEVER ? 0 : clock_wall(e->clock) + delay;
    e->status.tries++;
    e->status.last = *trouble;
    e->want_round = true;
    e->needs_probe = true;
    engine_pull_stop(e);
    log_warn("sync", "stopped until a person acts (%s, http %d)", trouble->code, trouble->sys);
    engine_end_round(e, trouble);
}

void engine_store_failed(struct engine *e, const struct err *err)
{
    struct err trouble = *err;

    log_error("sync", "store: %s (%d)", rc_name(err->rc), err->sys);
    engine_push_forget(e, true);
    engine_pull_drop(e);
    e->needs_reload = true;
    if (err->rc == RC_CORRUPT || err->rc == RC_FOREIGN || err->rc == RC_INTERNAL) {
        engine_block(e, BLOCK_STORE, &trouble);
        return;
    }
    wait_after_failure(e, &trouble, 0);
    e->pull.work_at = e->next_try;
    engine_end_round(e, &trouble);
}

void engine_malformed(struct engine *e, const char *what)
{
    struct err trouble = { 0 };

    log_warn("sync", "answer not as agreed: %s", what);
    err_set(&trouble, RC_PROTOCOL, _("The server's answer was not understood."));
    err_code(&trouble, "malformed");
    e->is_server_ill = true;
    engine_outage(e, &trouble, 0);
}

void engine_reached(struct engine *e)
{
    e->is_server_ill = false;
    if (e->status.net == SYNC_ONLINE)
        return;
    e->status.net = SYNC_ONLINE;
    engine_touch(e);
}

/* ---- the backend's version and epoch ---- */

void engine_backend_changed(struct engine *e)
{
    struct err err = { 0 };

    for (size_t i = 0; i < registry_count(db_registry(e->db)); i++)
        e->pull.marks[i].unknown_until = 0;
    if (db_push_unhold(e->db, &err)) {
        /* Else they would be held for a day: the next round finds the version new once more. */
        free(e->version);
        e->version = NULL;
        e->version_at = engine_now(e);
        engine_store_failed(e, &err);
        return;
    }
    e->push.is_maybe_due = true;
    e->counts_stale = true;
}

static size_t count_walks(const struct engine_pull *pull)
{
    size_t count = 0;

    for (size_t i = 0; i < pull->tables.count; i++)
        count += pull->tables.items[i].is_walking || pull->tables.items[i].is_walked;
    return count;
}

bool engine_check_epoch(struct engine *e, const char *epoch)
{
    struct engine_pull *pull = &e->pull;
    size_t walks = count_walks(pull);
    bool is_changed;
    struct err err = { 0 };

    /* The store begins walks by itself when it applies a push. */
    if (!engine_pull_reload(e))
        return false;
    is_changed = count_walks(pull) > walks || (pull->is_looping && pull->table && pull->epoch &&
                                               strcmp(pull->epoch, epoch) != 0);
    for (size_t i = 0; i < pull->tables.count; i++) {
        const struct db_pull_table *t = &pull->tables.items[i];
        bool is_busy = t->is_walking || t->is_walked;
        const char *known = is_busy ? t->walk_epoch : t->epoch;
        if (!known || strcmp(known, epoch) == 0)
            continue;
        if (db_walk_begin(e->db, t->table, epoch, &err)) {
            engine_store_failed(e, &err);
            return false;
        }
        log_info("sync", "table %s: the backend's epoch changed, walking again", t->table->name);
        is_changed = true;
    }
    if (!is_changed)
        return true;
    engine_pull_drop(e);
    if (engine_pull_reload(e))
        engine_backend_changed(e);
    return false;
}
