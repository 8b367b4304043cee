/* A user takes back what waits to be sent. It may have been sent, and arrive yet. */
#include "tests/simulation/sim.h"

#include <cjson/cJSON.h>
#include <string.h>
#include "base/json.h"

#define BELL_MS 2000 /* until the process that syncs has heard of it */

static void withdraw(struct device *d, const struct db_op *op)
{
    struct model_record *r = model_find(d->sim->model, op->client_id);
    bool columns[COLUMNS_MAX] = { false };
    struct err ignored;
    cJSON *set = NULL;
    const cJSON *item = NULL;

    if (r == NULL || json_parse(op->set, strlen(op->set), &set, &ignored))
        return;
    cJSON_ArrayForEach(item, set)
    {
        columns[table_column(r->table, item->string)->index] = true;
    }
    cJSON_Delete(set);
    model_withdrawn(r, d->index, columns);
    model_discarded(d->sim, r, d->index);
}

static bool is_alone(const struct db_ops *ops, const struct db_op *op)
{
    int of_record = 0;

    for (size_t i = 0; i < ops->count; i++)
        of_record += strcmp(ops->items[i].client_id, op->client_id) == 0;
    return of_record == 1;
}

static void discard(struct device *d, const struct db_op *op)
{
    struct sim *sim = d->sim;
    struct err err = { 0 };

    sim_note(sim, "device %d: discard %s of %.13s", d->index, op->op_id, op->client_id);
    memcpy(d->discard, op->op_id, ID_SIZE);
    memcpy(d->discard_of, op->client_id, ID_SIZE);
    enum rc rc = db_queue_discard(d->here->user_db, op, SYNC_WANT_NEW_RUN, &err);
    if (!rc) {
        withdraw(d, op);
        d->discard[0] = '\0';
    }
    if (device_died(d, "save"))
        return;
    if (beside_is_outdated(d, rc)) {
        d->discard[0] = '\0';
        check_device(d);
        return;
    }
    if (device_is_full(d, rc)) { /* its user was told, and the op still waits */
        d->discard[0] = '\0';
        check_device(d);
        return;
    }
    if (rc) {
        sim_violated(sim, "12: device %d: an op can not be discarded: %s", d->index, err.msg);
        return;
    }
    sim_met(sim, SIT_DISCARDS);
    memcpy(d->last_record, op->client_id, ID_SIZE); /* and then it is typed anew, perhaps */
    if (op->sent_at != 0)
        sim_met(sim, SIT_DISCARDS_SENT);
    if (!check_device(d))
        return;
    if (d->here == d->holder)
        sim_plan(sim, sim->now + (int64_t)rng_below(&sim->rng, BELL_MS), EV_DISCARDED, d->index,
                 d->life);
    else
        device_ask(d, ENGINE_LOCAL_CHANGE); /* what it wants is in the file */
}

/* Most of all what has been sent or refused. */
static const struct db_op *choose(struct device *d, const struct db_ops *ops)
{
    size_t from = rng_below(&d->sim->rng, (uint32_t)ops->count);

    for (size_t i = 0; i < ops->count && rng_chance(&d->sim->rng, 700); i++) {
        const struct db_op *op = &ops->items[(from + i) % ops->count];
        if (op->sent_at != 0 || op->retry_count > 0)
            return op;
    }
    return &ops->items[from];
}

void user_discards(struct device *d)
{
    struct db_ops ops = { 0 };
    struct err err = { 0 };

    if (db_queue_list(d->here->user_db, &ops, &err)) {
        sim_violated(d->sim, "12: device %d: the queue can not be read: %s", d->index, err.msg);
        return;
    }
    if (ops.count > 0) {
        const struct db_op *op = choose(d, &ops);
        if (is_alone(&ops, op))
            discard(d, op);
    }
    db_ops_done(&ops);
}

/* As sync/holder.c does. */
void user_discarded(struct device *d)
{
    d->transfer = 0;
    device_wake(d, ENGINE_TOOK_LOCK);
    device_wake(d, ENGINE_NOW);
}

bool user_looks_for_discard(struct device *d)
{
    struct model_record *r = model_find(d->sim->model, d->discard_of);
    struct db_ops ops = { 0 };
    struct err err = { 0 };
    bool is_waiting = false, columns[COLUMNS_MAX];

    if (d->discard[0] == '\0')
        return false;
    if (db_queue_list(d->here->user_db, &ops, &err))
        return sim_violated(d->sim, "12: device %d: the queue can not be read: %s", d->index,
                            err.msg);
    for (size_t i = 0; i < ops.count; i++)
        is_waiting = is_waiting || strcmp(ops.items[i].op_id, d->discard) == 0;
    db_ops_done(&ops);
    sim_note(d->sim, "device %d: the op of the discard in the crash is %s", d->index,
             is_waiting ? "there" : "gone");
    /* Nothing but that op waited for the record: its user's writes are taken back or accepted. */
    memset(columns, true, sizeof columns);
    if (!is_waiting && r != NULL) {
        model_withdrawn(r, d->index, columns);
        model_discarded(d->sim, r, d->index);
    }
    d->discard[0] = '\0';
    return true;
}
