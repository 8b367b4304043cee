#include "sync/engine.h"

#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/id.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/engine_priv.h"

#define POLL_MS 60000
#define POLL_JITTER_PERCENT 20
#define ROUND_SPACING_MS 1000 /* a link that flaps does not make us knock more often than this */

int64_t engine_now(const struct engine *e)
{
    return clock_mono(e->clock);
}

uint64_t engine_random(struct engine *e)
{
    return e->random ? e->random(e->random_ctx) : id_random();
}

/* Pages that were asked for under the old id leave out what a push of ours may have written
 * without our knowing. */
void engine_new_run(struct engine *e)
{
    id_new(clock_wall(e->clock), e->run_id);
    if (!e->pull.table) /* a walk's pages leave out nothing */
        engine_pull_drop(e);
}

void engine_touch(struct engine *e)
{
    e->status_version++;
}

enum rc engine_new(const struct engine_options *options, struct engine **out, struct err *err)
{
    struct engine *e = mem_zero(1, sizeof(*e));
    enum rc rc;

    e->db = options->db;
    e->clock = options->clock;
    e->random = options->random;
    e->random_ctx = options->random_ctx;
    e->poll_ms = options->poll_ms > 0 ? options->poll_ms : POLL_MS;
    e->pull.marks = mem_zero(registry_count(db_registry(e->db)), sizeof(*e->pull.marks));
    e->last_begin = engine_now(e) - ROUND_SPACING_MS;
    engine_push_init(&e->push);
    rc = engine_read_account(e, err);
    if (rc) {
        engine_free(e);
        return rc;
    }
    engine_wake(e, ENGINE_TOOK_LOCK);
    *out = e;
    return RC_OK;
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    engine_pull_done(&e->pull);
    engine_push_done(&e->push);
    db_account_done(&e->account);
    buf_done(&e->args);
    free(e->version);
    free(e);
}

/* ---- rounds ---- */

static bool round_is_due(struct engine *e, int64_t now)
{
    return e->want_round || now >= e->poll_at || engine_push_is_due(e);
}

static void round_begin(struct engine *e, int64_t now)
{
    e->round = (struct engine_round){
        .is_active = true,
        .is_whole = e->want_round || now >= e->poll_at,
        .is_asked = e->is_asking,
    };
    e->round_number++;
    e->want_round = false;
    e->push.is_maybe_due = true;
    e->pull.restarts = 0;
    e->pull.is_stale = true;
    e->last_begin = now;
    e->written_at = now;
    e->next_try = 0;
    e->block = BLOCK_NONE;
    e->pull.work_at = 0;
    e->status.phase = SYNC_IDLE;
    e->status.next_try = 0;
    e->status.done = 0;
    e->status.total = 0;
    engine_touch(e);
}

static void round_succeeded(struct engine *e)
{
    e->status.tries = 0;
    e->status.last = (struct err){ 0 };
    backoff_reset(&e->backoff);
    e->retry_floor = 0;
    if (!e->round.is_whole)
        return;
    e->status.last_ok = clock_wall(e->clock);
    e->status.rounds++;
    e->status.pulled = e->round.pulled;
    e->status.pulled_in_all += e->round.pulled;
    e->poll_at = engine_now(e) + backoff_jitter(e->poll_ms, POLL_JITTER_PERCENT, engine_random(e));
    log_debug("sync", "round %llu done, %lld changed by the office",
              (unsigned long long)e->round_number, (long long)e->round.pulled);
}

void engine_end_round(struct engine *e, const struct err *trouble)
{
    bool is_ok = !trouble || trouble->rc == RC_OK;

    if (is_ok)
        round_succeeded(e);
    if (e->is_asking && (e->round.is_asked || !is_ok)) {
        e->is_asking = false;
        e->asked_result = is_ok ? (struct err){ 0 } : *trouble;
        e->write_state_now = true;
    }
    e->round.is_active = false;
    e->status.sending_since = 0;
    e->status.table[0] = '\0';
    e->counts_stale = true;
    engine_touch(e);
}

/* The first sync is over: what is not complete yet holds up only itself from now on. */
static void let_in(struct engine *e)
{
    e->is_let_in = true;
    e->status.is_usable = true;
}

/* Nothing is left to do in this round; was it a good one? */
static void round_finish(struct engine *e)
{
    struct err trouble = e->round.trouble;

    if (e->round.is_whole && e->pull.has_complete)
        let_in(e); /* a table that the backend does not know, or cannot give, is not waited for */
    if (trouble.rc)
        engine_outage(e, &trouble, e->round.retry_after_ms);
    else
        engine_end_round(e, NULL);
}

/* ---- requests ---- */

void engine_post(struct engine *e, enum engine_ask ask, enum convex_kind kind, const char *path,
                 struct engine_action *out)
{
    e->asked = ask;
    e->asked_at = engine_now(e);
    out->what = ENGINE_POST;
    out->call = (struct convex_call){ .kind = kind, .path = path, .args = buf_str(&e->args) };
    out->token = ask == ASK_REFRESH ? NULL : e->account.token;
    out->gzip = e->takes_gzip;
}

static void get(struct engine *e, enum engine_ask ask, const char *path, struct engine_action *out)
{
    e->asked = ask;
    e->asked_at = engine_now(e);
    out->what = ENGINE_GET;
    out->get_path = path;
}

static bool may_send(const struct engine *e, int64_t now)
{
    return !e->is_by_choice && now >= e->next_try;
}

/* The next request, if there is one to make. It may find that the round is over instead. */
static bool ask(struct engine *e, struct engine_action *out)
{
    int64_t now = engine_now(e);

    if (!may_send(e, now))
        return false;
    if (!e->round.is_active) {
        if (!round_is_due(e, now))
            return false;
        round_begin(e, now);
    }
    if (!engine_has_session(e))
        return false;
    if (e->needs_probe) {
        get(e, ASK_PROBE, "/instance_name", out);
        return true;
    }
    if (engine_auth_ask(e, out))
        return true;
    if (!e->round.is_active)
        return false;
    if (e->round.is_whole && now >= e->version_at) {
        get(e, ASK_VERSION, "/version", out);
        return true;
    }
    if (engine_push_ask(e, out))
        return true;
    return e->round.is_active && e->round.is_whole && engine_pull_ask(e, out);
}

/* Also after a store that failed: what cannot be read now will be there later. */
static bool reload(struct engine *e)
{
    struct err err = { 0 };

    if (!e->needs_reload)
        return true;
    if (engine_read_account(e, &err)) {
        engine_store_failed(e, &err);
        return false;
    }
    engine_read_state(e);
    if (!engine_pull_reload(e))
        return false;
    /* Told to the others before: in an earlier run, or by another process. */
    if (e->pull.has_complete &&
        (e->written.last_ok > 0 || strcmp(e->written.phase, "initial") != 0))
        let_in(e);
    e->needs_reload = false;
    return true;
}

static void wait_for(struct engine *e, struct engine_action *out)
{
    int64_t until = engine_state_due(e), now = engine_now(e), next = NEVER;

    if (e->asked == ASK_NONE && !e->is_by_choice) {
        next = e->poll_at < e->push.due_at ? e->poll_at : e->push.due_at;
        if (e->want_round || e->push.is_maybe_due || e->needs_reload)
            next = now;
        if (next < e->next_try)
            next = e->next_try;
    }
    out->what = ENGINE_WAIT;
    out->until_ms = next < until ? next : until;
}

void engine_next(struct engine *e, struct engine_action *out)
{
    int pause_ms = 0;

    *out = (struct engine_action){ 0 };
    if (e->needs_reload && e->asked == ASK_NONE && engine_now(e) >= e->next_try && !reload(e)) {
        wait_for(e, out);
        return;
    }
    if (e->asked == ASK_NONE && ask(e, out)) {
        engine_write_state(e, false);
        return;
    }
    if (engine_pull_work(e, &pause_ms)) {
        engine_write_state(e, false);
        out->what = ENGINE_AGAIN;
        out->pause_ms = pause_ms;
        return;
    }
    if (e->asked == ASK_NONE && e->round.is_active && may_send(e, engine_now(e))) {
        round_finish(e);
        engine_write_state(e, true);
        out->what = ENGINE_AGAIN;
        return;
    }
    engine_write_state(e, e->asked == ASK_NONE);
    wait_for(e, out);
}

void engine_aborted(struct engine *e)
{
    if (e->asked == ASK_PUSH)
        engine_push_forget(e, true);
    if (e->asked & ASK_PULL)
        engine_pull_stop(e);
    if (e->asked == ASK_CHANGES)
        e->round.changes_done = false;
    e->asked = ASK_NONE;
    e->push.is_maybe_due = true;
    e->status.sending_since = 0;
    engine_touch(e);
}

/* ---- wakes ---- */

static void try_now(struct engine *e, bool is_asked)
{
    int64_t now = engine_now(e), at = e->last_begin + ROUND_SPACING_MS;

    if (!is_asked && at < e->retry_floor)
        at = e->retry_floor;
    if (is_asked || at < now)
        at = now;
    e->want_round = true;
    e->needs_probe = true;
    if (!e->round.is_active && e->next_try > at && (e->block != BLOCK_SIGN_IN || is_asked)) {
        e->next_try = at;
        e->status.next_try = 0;
    }
}

static void asked_failed(struct engine *e, enum rc rc, const char *code, const char *sentence)
{
    e->is_asking = false;
    err_set(&e->asked_result, rc, "%s", sentence);
    err_code(&e->asked_result, code);
}

/* Who asks does not mean "in some seconds", nor "tomorrow, for the backend did not know that table
 * today": what was refused or held is tried in this round, and every table is asked for. */
static void hurry_all(struct engine *e)
{
    struct err err = { 0 };

    engine_backend_changed(e);
    if (db_push_hurry(e->db, &err))
        engine_store_failed(e, &err);
}

static void ask_now(struct engine *e)
{
    e->is_asking = true;
    e->round.is_asked = false; /* the round under way began before */
    if (e->is_by_choice) {
        asked_failed(e, RC_NETWORK, "by_choice", _("Working offline, as chosen on this device."));
        return;
    }
    hurry_all(e);
    if (!e->round.is_active)
        try_now(e, true);
    e->want_round = true;
}

static void retry_all(struct engine *e)
{
    struct err err = { 0 };
    int64_t count = 0;

    if (db_queue_retry(e->db, NULL, &count, &err))
        engine_store_failed(e, &err);
    else
        log_info("sync", "%lld ops are due again by hand", (long long)count);
    e->push.is_maybe_due = true;
    e->counts_stale = true;
    engine_backend_changed(e);
}

static void took_lock(struct engine *e)
{
    if (e->asked != ASK_NONE)
        engine_aborted(e);
    engine_pull_drop(e);
    engine_push_forget(e, true);
    e->round.is_active = false;
    e->block = BLOCK_NONE;
    e->next_try = 0;
    e->needs_reload = true;
    e->needs_probe = true;
    e->want_round = true;
    e->push.is_maybe_due = true;
    e->counts_stale = true;
    e->version_at = engine_now(e);
}

/* Somebody has written to the db; it may have been new tokens. */
static void local_change(struct engine *e)
{
    e->push.is_maybe_due = true;
    e->counts_stale = true;
    if (e->block == BLOCK_SIGN_IN) {
        struct db_account account = { 0 };
        struct err err = { 0 };

        if (!db_account_read(e->db, &account, &err) && account.token &&
            (!e->account.token || strcmp(account.token, e->account.token) != 0))
            engine_wake(e, ENGINE_SIGNED_IN);
        db_account_done(&account);
    }
}

static void signed_in(struct engine *e)
{
    e->needs_reload = true;
    e->needs_refresh = false;
    e->is_refresh_fresh = false;
    e->block = BLOCK_NONE;
    e->status.last = (struct err){ 0 };
    backoff_reset(&e->backoff);
    try_now(e, true);
}

void engine_wake(struct engine *e, enum engine_wake what)
{
    switch (what) {
    case ENGINE_LOCAL_CHANGE:
        local_change(e);
        break;
    case ENGINE_LINK_UP:
        try_now(e, false);
        break;
    case ENGINE_LINK_DOWN:
        if (e->status.net == SYNC_ONLINE)
            try_now(e, false);
        break;
    case ENGINE_RETRY:
        retry_all(e);
        ask_now(e);
        break;
    case ENGINE_NOW:
        ask_now(e);
        break;
    case ENGINE_SIGNED_IN:
        signed_in(e);
        break;
    case ENGINE_OFFLINE:
        e->is_by_choice = true;
        if (e->is_asking)
            asked_failed(e, RC_NETWORK, "by_choice",
                         _("Working offline, as chosen on this device."));
        break;
    case ENGINE_ONLINE:
        e->is_by_choice = false;
        try_now(e, true);
        break;
    case ENGINE_TOOK_LOCK:
        engine_new_run(e);
        took_lock(e);
        break;
    case ENGINE_PARKED:
        e->round.is_active = false;
        e->status.sending_since = 0;
        if (db_is_outdated(e->db)) /* what it knows of the tables is its own trouble, not the others' */
            e->status.last = (struct err){ 0 };
        e->written.phase[0] = '\0'; /* written in any case: its bell tells who waits for the lock */
        engine_touch(e);
        engine_write_state(e, true);
        break;
    }
    engine_touch(e);
}

bool engine_asked_result(const struct engine *e, struct err *out)
{
    if (e->is_asking)
        return false;
    *out = e->asked_result;
    return true;
}
