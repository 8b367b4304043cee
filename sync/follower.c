/* A process that does not hold the sync lock: its status is what the holder writes into the
 * db, what is wanted of the holder goes the same way, and when the holder ends this process
 * takes over. */
#include "sync/worker_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"

#define LOOK_MS                                                                                    \
    2000 /* where nothing tells us that the holder ended, or a stopped one is waited for */
#define FREE_LOOKS_MAX 3

static enum sync_phase phase_from_name(const char *name)
{
    static const struct {
        const char *name;
        enum sync_phase phase;
    } phases[] = {
        { "pushing", SYNC_PUSHING },
        { "pulling", SYNC_PULLING },
        { "initial", SYNC_INITIAL },
        { "blocked", SYNC_BLOCKED },
    };

    for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++)
        if (strcmp(phases[i].name, name) == 0)
            return phases[i].phase;
    return SYNC_IDLE;
}

static enum rc rc_from_code(const char *code)
{
    static const struct {
        const char *code;
        enum rc rc;
    } codes[] = {
        { "", RC_OK },
        { "sign_in", RC_AUTH },
        { "client_too_old", RC_REFUSED },
        { "malformed", RC_PROTOCOL },
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strcmp(codes[i].code, code) == 0)
            return codes[i].rc;
    for (int rc = RC_OK + 1; rc < RC_COUNT; rc++)
        if (strcmp(rc_name((enum rc)rc), code) == 0)
            return (enum rc)rc;
    return RC_NETWORK;
}

static void mirror_error(struct sync_status *m, const struct db_state *state)
{
    enum rc rc = rc_from_code(state->error_code);

    m->last = (struct err){ 0 };
    m->needs_sign_in = rc == RC_AUTH;
    if (rc == RC_OK)
        return;
    err_set(&m->last, rc, "%s", state->error);
    err_code(&m->last, state->error_code);
}

static void mirror_state(struct sync_status *m, const struct db_state *state)
{
    m->net = state->online ? SYNC_ONLINE : SYNC_OFFLINE;
    m->phase = phase_from_name(state->phase);
    m->is_by_choice = state->work_offline;
    snprintf(m->table, sizeof(m->table), "%s", state->table);
    m->done = state->done;
    m->total = state->total;
    m->sending_since = state->sending_since;
    m->next_try = state->next_try;
    if (state->last_ok != m->last_ok)
        m->rounds++;
    m->last_ok = state->last_ok;
    mirror_error(m, state);
}

static void mirror_tables(struct sync_status *m, const struct db_pull_tables *tables)
{
    int complete = 0;

    for (size_t i = 0; i < tables->count; i++)
        complete += tables->items[i].is_complete;
    m->table_count = (int)tables->count;
    m->is_complete = complete == m->table_count;
    m->is_usable = m->is_complete ||
                   (complete > 0 && (m->last_ok > 0 ||
                                     (m->phase != SYNC_INITIAL && m->phase != SYNC_BLOCKED)));
    m->table_number = m->phase == SYNC_INITIAL && !m->is_complete ? complete + 1 : 0;
}

/* True while somebody waits for the holder's answer. */
static bool read_db(struct sync *s)
{
    struct sync_status *m = &s->mirror;
    struct db_state state = { 0 };
    struct db_queue_counts counts = { 0 };
    struct db_pull_tables tables = { 0 };
    struct err err = { 0 };

    if (db_state_read(s->db, &state, &err) || db_queue_counts(s->db, &counts, &err) ||
        db_pull_read(s->db, &tables, &err)) {
        m->last = err;
        return false;
    }
    mirror_state(m, &state);
    mirror_tables(m, &tables);
    db_pull_tables_done(&tables);
    m->waiting = counts.waiting;
    m->failed = counts.failed;
    m->held = counts.held;
    return state.wanted_id > state.answered_id;
}

static void watch(struct sync *s, pid_t pid)
{
    if (pid == s->watched)
        return;
    follower_end(s);
    s->watched = pid;
    s->watched_fd = pid > 0 ? db_lock_watch(pid) : -1;
    log_info("sync", "process %ld syncs", (long)pid);
}

void follower_end(struct sync *s)
{
    if (s->watched_fd >= 0)
        close(s->watched_fd);
    s->watched_fd = -1;
    s->watched = 0;
}

static void log_failure(enum rc rc, const char *what)
{
    if (rc)
        log_warn("sync", "%s: %s", what, rc_name(rc));
}

void follower_wake(struct sync *s, unsigned requests)
{
    struct err err = { 0 };
    int64_t count = 0, id = 0, what = 0;

    if (requests & (SYNC_WORK_OFFLINE | SYNC_WORK_ONLINE))
        log_failure(db_state_work_offline(s->db, (requests & SYNC_WORK_ONLINE) == 0, &err),
                    "work offline");
    if (requests &
        SYNC_RETRY) /* here: a later want of somebody else must not make this one forgotten */
        log_failure(db_queue_retry(s->db, NULL, &count, &err), "retry");
    if (requests & SYNC_RETRY)
        what |= SYNC_WANT_RETRY;
    if (requests & SYNC_DISCARDED)
        what |= SYNC_WANT_NEW_RUN;
    if (requests & SYNC_NOW)
        what |= SYNC_WANT_NOW;
    if (what)
        log_failure(db_state_want(s->db, what, &id, &err), "want");
}

int64_t follower_turn(struct sync *s)
{
    bool is_stopped = false, is_waiting;
    pid_t pid = db_lock_holder(s->store_lock, &is_stopped);

    watch(s, pid);
    is_waiting = read_db(s);
    s->mirror.holder = pid;
    s->mirror.holder_is_stopped = is_stopped;
    if (s->begin_err.rc)
        s->mirror.last = s->begin_err;
    if (pid == 0 && db_is_outdated(s->db))
        return WAIT_FOREVER;
    if (pid == 0) /* free in this moment: try for it at once, unless it never is ours */
        return s->free_looks++ < FREE_LOOKS_MAX ? 0 : LOOK_MS;
    s->free_looks = 0;
    return s->watched_fd >= 0 && !is_waiting ? WAIT_FOREVER : LOOK_MS;
}
