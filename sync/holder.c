/* The process that holds the sync lock: it drives the engine. */
#include "sync/worker_priv.h"

#include <string.h>
#include <unistd.h>
#include "base/log.h"

#define STORE_AGAIN_MS 1000 /* after a failure to read or write what others wait for */

enum rc holder_begin(struct sync *s, struct err *err)
{
    const struct engine_options options = {
        .db = s->db,
        .clock = s->options.clock,
        .poll_ms = s->options.poll_ms,
    };
    struct sync_status status;
    enum rc rc = RC_OK;

    if (s->engine)
        engine_wake(s->engine, ENGINE_TOOK_LOCK);
    else
        rc = engine_new(&options, &s->engine, err);
    if (rc)
        return rc;
    s->is_holder = true;
    s->is_db_changed = true;
    s->free_looks = 0;
    s->want_id = s->want_done = 0;
    s->untold = (struct err){ 0 };
    engine_status(s->engine, &status);
    s->rounds_base = s->mirror.rounds - status.rounds;
    log_info("sync", "took the lock");
    return RC_OK;
}

static void take_reply(struct sync *s)
{
    struct convex_reply reply = { 0 };
    struct convex_answer answer;

    if (!convex_http_take(s->http, &reply))
        return;
    if (s->is_get) {
        engine_got(s->engine, &reply);
    } else {
        convex_decode(&reply, &answer);
        engine_answer(s->engine, &answer, reply.sent_bytes + reply.got_bytes);
    }
    convex_reply_done(&reply);
}

/* The transfer under way is worth nothing any more; one that has ended is. */
static void abort_transfer(struct sync *s)
{
    take_reply(s);
    if (!convex_http_busy(s->http))
        return;
    convex_http_abort(s->http);
    engine_aborted(s->engine);
}

void holder_end(struct sync *s)
{
    abort_transfer(s);
    db_lock_release(s->store_lock); /* first: what is written next tells the others to try for it */
    engine_wake(s->engine, ENGINE_PARKED);
    engine_status(s->engine, &s->mirror);
    s->mirror.rounds += s->rounds_base;
    s->is_holder = false;
    log_info("sync", "released the lock");
}

void holder_slept(struct sync *s)
{
    abort_transfer(s);
    engine_wake(s->engine, ENGINE_LINK_UP);
}

void holder_link(struct sync *s, enum netmon_hint hint)
{
    struct sync_status status;

    engine_status(s->engine, &status);
    if (hint == NETMON_UP && status.net == SYNC_ONLINE)
        return; /* repeated for no reason, says the kernel's monitor */
    abort_transfer(s);
    engine_wake(s->engine, hint == NETMON_UP ? ENGINE_LINK_UP : ENGINE_LINK_DOWN);
}

static void work_offline(struct sync *s, bool on)
{
    struct err err = { 0 };

    if (db_state_work_offline(s->db, on, &err))
        log_warn("sync", "the choice to work offline was not kept: %s", rc_name(err.rc));
    if (on)
        abort_transfer(s);
    engine_wake(s->engine, on ? ENGINE_OFFLINE : ENGINE_ONLINE);
}

static void begin_new_run(struct sync *s)
{
    abort_transfer(s);
    engine_wake(s->engine, ENGINE_TOOK_LOCK);
}

void holder_wake(struct sync *s, unsigned requests)
{
    if (requests & SYNC_WORK_OFFLINE)
        work_offline(s, true);
    if (requests & SYNC_WORK_ONLINE)
        work_offline(s, false);
    if (requests & SYNC_DISCARDED)
        begin_new_run(s);
    if (requests & SYNC_SIGNED_IN)
        engine_wake(s->engine, ENGINE_SIGNED_IN);
    if (requests & SYNC_LOCAL_CHANGE)
        engine_wake(s->engine, ENGINE_LOCAL_CHANGE);
    if (requests & SYNC_RETRY)
        engine_wake(s->engine, ENGINE_RETRY);
    else if (requests & (SYNC_NOW | SYNC_DISCARDED))
        engine_wake(s->engine, ENGINE_NOW);
}

/* Another connection has committed: saves, wants, a choice to work offline, new tokens. */
static void read_db(struct sync *s)
{
    struct sync_status status;
    struct db_state state = { 0 };
    struct err err = { 0 };

    s->is_db_changed = false;
    engine_wake(s->engine, ENGINE_LOCAL_CHANGE);
    if (db_state_read(s->db, &state, &err)) {
        log_warn("sync", "the state row was not read: %s", rc_name(err.rc));
        s->is_db_changed = true;
        return;
    }
    engine_status(s->engine, &status);
    if (state.work_offline && !status.is_by_choice)
        abort_transfer(s);
    if (state.work_offline != status.is_by_choice)
        engine_wake(s->engine, state.work_offline ? ENGINE_OFFLINE : ENGINE_ONLINE);
    if (state.wanted_id <= state.answered_id || state.wanted_id <= s->want_id)
        return;
    s->want_id = state.wanted_id;
    if (state.wanted_what & SYNC_WANT_NEW_RUN)
        begin_new_run(s);
    engine_wake(s->engine, state.wanted_what & SYNC_WANT_RETRY ? ENGINE_RETRY : ENGINE_NOW);
}

/* Who waits in this process learns from the status that it could not be written; another waits on. */
static void answer_want(struct sync *s)
{
    struct err result = { 0 };

    if (s->want_done >= s->want_id || !engine_asked_result(s->engine, &result))
        return;
    s->untold = (struct err){ 0 };
    if (db_state_answer(s->db, s->want_id, (int64_t)result.rc, &s->untold))
        log_warn("sync", "the answer to another process was not written: %s", rc_name(s->untold.rc));
    else
        s->want_done = s->want_id;
}

static void checkpoint(struct sync *s, bool is_idle)
{
    struct sync_status status;
    struct err err = { 0 };
    bool is_due;

    engine_status(s->engine, &status);
    is_due = is_idle && (uint64_t)status.rounds != s->checkpointed_round;
    if (is_due)
        s->checkpointed_round = (uint64_t)status.rounds;
    if (db_checkpoint(s->db, is_due, &err))
        log_warn("sync", "checkpoint: %s", rc_name(err.rc));
}

int64_t holder_turn(struct sync *s)
{
    struct engine_action action;
    int64_t left;

    if (s->is_db_changed)
        read_db(s);
    take_reply(s);
    engine_next(s->engine, &action);
    answer_want(s);
    switch (action.what) {
    case ENGINE_POST:
        s->is_get = false;
        convex_http_post(s->http, &action.call, action.token, action.gzip);
        return 0;
    case ENGINE_GET:
        s->is_get = true;
        convex_http_get(s->http, action.get_path);
        return 0;
    case ENGINE_AGAIN:
        checkpoint(s, false);
        return action.pause_ms;
    case ENGINE_WAIT:
        break;
    }
    if (!convex_http_busy(s->http))
        checkpoint(s, true);
    left = WAIT_FOREVER;
    if (action.until_ms != INT64_MAX)
        left = action.until_ms - clock_mono(s->options.clock);
    if ((s->untold.rc || s->is_db_changed) && left > STORE_AGAIN_MS)
        left = STORE_AGAIN_MS;
    return left > 0 ? left : 0;
}
