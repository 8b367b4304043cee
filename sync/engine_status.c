/* What the engine says of itself: to this process by engine_status, to others by the db's
 * state row. */
#include "sync/engine.h"

#include <stdio.h>
#include <string.h>
#include "base/log.h"
#include "sync/engine_priv.h"

#define SETTLE_MS 300 /* a round shorter than this shows nowhere, and writes nothing */
#define LAST_OK_MS                                                                                 \
    300000 /* rounds that changed nothing are noted on disk no more often than this */

static const char *phase_name(enum sync_phase phase)
{
    static const char *const names[] = {
        [SYNC_IDLE] = "idle",       [SYNC_PUSHING] = "pushing", [SYNC_PULLING] = "pulling",
        [SYNC_INITIAL] = "initial", [SYNC_BLOCKED] = "blocked",
    };

    return names[phase];
}

/* The table whose first sync is under way, or is the next to be. */
static const struct db_pull_table *initial_table(const struct engine *e)
{
    const struct engine_pull *pull = &e->pull;

    if (pull->table && pull->is_looping && !pull->tables.items[pull->table->index].is_complete)
        return &pull->tables.items[pull->table->index];
    for (size_t i = 0; i < pull->tables.count; i++)
        if (!pull->tables.items[i].is_complete)
            return &pull->tables.items[i];
    return NULL;
}

static void fill_initial(const struct engine *e, struct sync_status *out)
{
    const struct db_pull_table *t = initial_table(e);

    out->done = t ? t->received : 0;
    out->total = t ? t->total : 0;
    out->table_number = 0;
    for (size_t i = 0; i < e->pull.tables.count; i++)
        out->table_number += e->pull.tables.items[i].is_complete;
    if (!t)
        return;
    out->table_number++;
    snprintf(out->table, sizeof(out->table), "%s", t->table->name);
}

static enum sync_phase phase_of(const struct engine *e)
{
    if (e->block)
        return SYNC_BLOCKED;
    if (!e->status.is_usable)
        return SYNC_INITIAL;
    if (!e->round.is_active || e->is_by_choice)
        return SYNC_IDLE;
    return e->status.phase;
}

static void count_queue(struct engine *e)
{
    struct db_queue_counts counts = { 0 };
    struct err err = { 0 };

    if (!e->counts_stale || db_queue_counts(e->db, &counts, &err))
        return;
    e->counts_stale = false;
    e->status.waiting = counts.waiting;
    e->status.failed = counts.failed;
    e->status.held = counts.held;
}

void engine_status(struct engine *e, struct sync_status *out)
{
    count_queue(e);
    *out = e->status;
    out->is_by_choice = e->is_by_choice;
    if (e->is_by_choice)
        out->net = SYNC_OFFLINE;
    out->needs_sign_in = e->block == BLOCK_SIGN_IN;
    out->phase = phase_of(e);
    out->table_count = (int)e->pull.tables.count;
    if (out->phase == SYNC_INITIAL || (out->phase == SYNC_BLOCKED && !out->is_usable))
        fill_initial(e, out);
    else if (out->phase == SYNC_PULLING && e->pull.table)
        snprintf(out->table, sizeof(out->table), "%s", e->pull.table->name);
}

/* ---- for the others ---- */

static void fill_state(struct engine *e, struct db_state *out)
{
    struct sync_status status;

    engine_status(e, &status);
    out->online = status.net == SYNC_ONLINE;
    snprintf(out->phase, sizeof(out->phase), "%s", phase_name(status.phase));
    snprintf(out->table, sizeof(out->table), "%s", status.table);
    out->done = status.phase == SYNC_IDLE ? 0 : status.done;
    out->total = status.phase == SYNC_IDLE ? 0 : status.total;
    out->sending_since = status.sending_since;
    out->last_ok = status.last_ok;
    out->next_try = status.next_try;
    snprintf(out->error_code, sizeof(out->error_code), "%s",
             status.last.rc && !status.last.code[0] ? rc_name(status.last.rc) : status.last.code);
    snprintf(out->error, sizeof(out->error), "%s", status.last.msg);
}

static bool is_same_state(const struct db_state *a, const struct db_state *b)
{
    return a->online == b->online && strcmp(a->phase, b->phase) == 0 &&
           strcmp(a->table, b->table) == 0 && a->done == b->done && a->total == b->total &&
           a->sending_since == b->sending_since && a->next_try == b->next_try &&
           strcmp(a->error_code, b->error_code) == 0 && strcmp(a->error, b->error) == 0;
}

/* Is there something that the others should read, and not just the time of one more round in
 * which nothing was new? */
static bool is_worth_writing(const struct engine *e, const struct db_state *now)
{
    return !is_same_state(&e->written, now) ||
           (now->last_ok != e->written.last_ok &&
            (e->write_state_now || now->last_ok - e->written.last_ok >= LAST_OK_MS ||
             e->written.last_ok == 0));
}

void engine_write_state(struct engine *e, bool is_settled)
{
    struct db_state state = { 0 };
    struct err err = { 0 };
    int64_t now = engine_now(e);

    if (e->needs_reload || e->block == BLOCK_STORE)
        return;
    if (e->state_version == e->status_version)
        return;
    if (!is_settled && now < e->written_at + SETTLE_MS)
        return;
    e->state_version = e->status_version;
    fill_state(e, &state);
    if (!is_worth_writing(e, &state))
        return;
    e->write_state_now = false;
    e->written_at = now;
    e->written = state;
    if (db_state_write(e->db, &state, &err))
        log_warn("sync", "the state for other processes was not written: %s", rc_name(err.rc));
}

/* When a round that goes on has become worth telling: monotonic. */
int64_t engine_state_due(struct engine *e)
{
    if (e->state_version == e->status_version || e->needs_reload || e->block == BLOCK_STORE)
        return NEVER;
    return e->written_at + SETTLE_MS;
}

void engine_read_state(struct engine *e)
{
    struct db_state state = { 0 };
    struct err err = { 0 };

    if (db_state_read(e->db, &state, &err))
        return;
    e->written = state;
    e->is_by_choice = state.work_offline;
    if (e->status.last_ok < state.last_ok)
        e->status.last_ok = state.last_ok;
}
