/* What happens in few seeds: a disk that is full for a while, disks that go back to an older copy
 * of themselves, a device's and the backend's, and half a year in which nobody does anything. */
#include "tests/simulation/sim.h"

#include <stdlib.h>
#include <string.h>

#define SECOND 1000LL
#define DAY (86400 * SECOND)
#define LEAST_WINTER (181 * DAY) /* tombstones are kept for 180 days */

bool trouble_looks_back(struct device *d)
{
    struct db_ops ops = { 0 };
    struct err err = { 0 };

    if (!d->is_put_back)
        return true;
    d->is_put_back = false;
    if (db_queue_list(d->here->user_db, &ops, &err))
        return sim_violated(d->sim, "12: device %d: the queue of an old copy can not be read: %s",
                            d->index, err.msg);
    bool ok = model_put_back(d, &ops);
    sim_note(d->sim, "device %d: its disk is an old copy, %zu ops wait there", d->index, ops.count);
    if (ops.count > 0)
        sim_met(d->sim, SIT_OLD_COPIES_WITH_OPS);
    db_ops_done(&ops);
    return ok;
}

static void fill(struct device *d)
{
    struct sim *sim = d->sim;
    uint32_t writes = rng_below(&sim->rng, 60);
    bool copies_on_write = rng_chance(&sim->rng, 300);

    sim_met(sim, SIT_FULL_DISKS);
    sim_note(sim, "device %d: room for %u writes", d->index, writes);
    vfs_fill(sim->vfs, d->index, writes, copies_on_write);
    sim_plan(sim, sim->now + rng_between(&sim->rng, SECOND, 1800 * SECOND), EV_ROOM, d->index, 0);
}

static void copy(struct device *d)
{
    sim_note(d->sim, "device %d: a copy of its disk is made", d->index);
    vfs_copy_free(d->copy);
    d->copy = vfs_copy_take(d->sim->vfs, d->index);
    d->copy_told = d->conflicts_told;
    d->copy_unsure = d->conflicts_unsure;
}

/* What a crash hid before does not matter any more: the copy is older. */
static void put_back(struct device *d)
{
    struct sim *sim = d->sim;

    vfs_kill(sim->vfs, d->index);
    device_died(d, "nothing");
    vfs_copy_put_back(sim->vfs, d->index, d->copy);
    user_forgets_attempts(d);
    d->discard[0] = '\0';
    d->conflicts_told = d->copy_told;
    d->conflicts_unsure = d->copy_unsure;
    d->is_put_back = true;
    sim_met(sim, SIT_OLD_COPIES);
    sim_note(sim, "device %d: its disk is put back", d->index);
}

/* is_quiet: what runs goes on, and somebody tries the new version beside it. */
static void upgrade(struct device *d, bool is_quiet)
{
    device_upgrade(d, is_quiet);
    if (is_quiet && !sim_failed(d->sim))
        beside_begins(d);
}

void trouble_for(struct device *d)
{
    struct sim *sim = d->sim;
    const struct plan *plan = &sim->plan;

    if (sim->is_calm || !(plan->has_full_disks || plan->has_old_copies || plan->has_switches ||
                          plan->has_old_devices))
        return;
    decide(sim, DECIDE_RARE, d->index);
    uint32_t kind = rng_below(&sim->rng, 1000);
    if (kind < 60 && plan->has_full_disks && !vfs_is_filling(sim->vfs, d->index)) {
        if (decided(sim))
            fill(d);
    } else if (kind >= 100 && kind < 160 && plan->has_old_copies) {
        if (decided(sim))
            copy(d);
    } else if (kind >= 160 && kind < 200 && d->copy != NULL) {
        if (decided(sim))
            put_back(d);
    } else if (kind >= 200 && kind < 260 && plan->has_switches) {
        if (decided(sim))
            device_switch(d);
    } else if (kind >= 300 && kind < (plan->has_processes ? 450 : 340) &&
               d->tables != sim->device_tables) {
        if (decided(sim))
            upgrade(d, plan->has_processes && kind >= 310);
    }
}

/* What was on its way would not arrive after half a year. */
void trouble_winter(struct sim *sim)
{
    if (!sim->plan.has_winters)
        return;
    decide(sim, DECIDE_RARE, SERVER);
    if (sim->arrivals > 0 || !rng_chance(&sim->rng, 120) || !decided(sim))
        return;
    sim->leap_ms += LEAST_WINTER + rng_between(&sim->rng, 0, 400 * DAY);
    sim_met(sim, SIT_WINTERS);
    sim_note(sim, "nobody has done anything for half a year");
    server_prune(&sim->server);
    for (int i = 0; i < ACCOUNTS; i++) {
        free(sim->server.office_token[i]); /* it is over */
        sim->server.office_token[i] = NULL;
    }
}

void trouble_backup(struct sim *sim)
{
    if (!sim->plan.has_backups)
        return;
    decide(sim, DECIDE_RARE, SERVER);
    uint32_t kind = rng_below(&sim->rng, 1000);
    bool is_restore = kind >= 100 && kind < 200 && sim->server.backup != NULL;
    if ((kind >= 100 && !is_restore) || !decided(sim))
        return;
    if (is_restore)
        server_restore(&sim->server);
    else
        server_back_up(&sim->server);
}

void trouble_after_push(struct sim *sim)
{
    if (sim->is_calm || !sim->plan.has_backups || sim->server.backup == NULL ||
        sim->server.backend == NULL)
        return;
    decide(sim, DECIDE_RARE, SERVER);
    if (rng_chance(&sim->rng, 50) && decided(sim))
        server_restore(&sim->server);
}
