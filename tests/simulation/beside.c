/* A second process on a device's file: another screen, or a command. One of them has the sync lock,
 * and the others ask it for what they want by the file, as sync/follower.c does; when it ends,
 * another takes its place, as sync/holder.c does. */
#include "tests/simulation/sim.h"

#define LOOK_MS 2000 /* until another process has seen that the lock is free */
#define BELL_MS 60   /* until the process that syncs has seen a commit */

static struct process *other_than(struct device *d, const struct process *p)
{
    return &d->processes[p == &d->processes[0]];
}

static int count_running(const struct device *d)
{
    int n = 0;

    for (int i = 0; i < PROCESSES; i++)
        n += device_is_running(&d->processes[i]);
    return n;
}

static void ring(struct device *d)
{
    struct sim *sim = d->sim;

    if (d->holder != NULL)
        sim_plan(sim, sim->now + rng_below(&sim->rng, BELL_MS), EV_BELL, d->index, 0);
}

/* ---- the lock ---- */

static void lock_is_free(struct device *d)
{
    struct sim *sim = d->sim;

    d->holder = NULL;
    d->transfer = 0;
    d->tick = 0;
    d->life++;
    sim_plan(sim, sim->now + rng_below(&sim->rng, LOOK_MS), EV_LOCK_FREE, d->index, 0);
}

void beside_survives(struct device *d)
{
    struct db_state state = { 0 };
    struct err err = { 0 };

    if (d->holder != NULL && !device_is_running(d->holder))
        lock_is_free(d);
    if (!device_is_running(d->here))
        d->here = other_than(d, d->here);
    if (db_state_read(d->here->user_db, &state, &err)) {
        sim_violated(d->sim, "device %d: its state can not be read: %s", d->index, err.msg);
        return;
    }
    d->is_working_offline = state.work_offline; /* the other may have died while it chose */
    user_looks_again(d);
    /* What the dead one has written of a transaction, and nobody sees, may come to life with the
     * next start; but not behind another write. */
    if (!sim_failed(d->sim))
        user_makes_durable(d);
    ring(d); /* the kernel does, when a process dies (db/process.h) */
}

/* A command does not, nor one that knows too little of the tables. */
static bool can_sync(const struct process *p)
{
    return p->sync_db != NULL && !db_is_outdated(p->sync_db);
}

void beside_takes_lock(struct device *d)
{
    struct sim *sim = d->sim;
    struct process *p = &d->processes[rng_below(&sim->rng, PROCESSES)];
    struct err err = { 0 };
    enum rc rc = RC_OK;

    if (!d->is_up || d->holder != NULL || sim_failed(sim))
        return;
    if (!can_sync(p))
        p = other_than(d, p);
    if (!can_sync(p))
        return;
    sim_note(sim, "device %d: process %d takes the lock", d->index, (int)(p - d->processes));
    d->holder = p;
    d->life++;
    d->want_id = 0;
    if (p->engine != NULL)
        engine_wake(p->engine, ENGINE_TOOK_LOCK);
    else
        rc = device_open_engine(d, p, &err);
    if (device_died(d, "engine"))
        return;
    if (device_is_full(d, rc)) {
        lock_is_free(d);
        return;
    }
    if (rc) {
        sim_violated(sim, "device %d: a second process can not sync: %s", d->index, err.msg);
        return;
    }
    sim_met(sim, SIT_LOCK_TAKEN);
    beside_hears(d);
}

static void abort_transfer(struct device *d)
{
    if (d->transfer == 0)
        return;
    d->transfer = 0;
    engine_aborted(d->holder->engine);
}

/* It is suspended, or ends. */
static bool release_lock(struct device *d)
{
    abort_transfer(d);
    engine_wake(d->holder->engine, ENGINE_PARKED);
    if (device_died(d, "engine"))
        return false;
    lock_is_free(d);
    return true;
}

bool beside_gives_up(struct device *d)
{
    if (d->holder == NULL || !db_is_outdated(d->holder->sync_db))
        return false;
    sim_met(d->sim, SIT_OUTDATED_SYNCERS);
    sim_note(d->sim, "device %d: the tables have changed for the process that syncs", d->index);
    release_lock(d);
    return true;
}

/* ---- what they want of each other ---- */

void device_ask(struct device *d, enum engine_wake what)
{
    int64_t count = 0, id = 0;
    struct err err = { 0 };
    enum rc rc = RC_OK;

    if (d->here == d->holder) {
        device_wake(d, what);
        return;
    }
    if (what == ENGINE_LOCAL_CHANGE)
        sim_met(d->sim, SIT_SAVES_BESIDE);
    if (what == ENGINE_RETRY)
        rc = db_queue_retry(d->here->user_db, NULL, &count, &err);
    if (!rc && (what == ENGINE_RETRY || what == ENGINE_NOW))
        rc = db_state_want(d->here->user_db, what == ENGINE_RETRY ? SYNC_WANT_RETRY : SYNC_WANT_NOW,
                           &id, &err);
    if (device_died(d, "want"))
        return;
    if (rc && !device_is_full(d, rc))
        sim_violated(d->sim, "device %d: a process can not say what it wants: %s", d->index,
                     err.msg);
    ring(d);
}

/* True: the holder is to begin a round for somebody else. */
static bool reads_want(struct device *d, const struct db_state *state)
{
    struct sync_status status;

    engine_status(d->holder->engine, &status);
    if (state->work_offline && !status.is_by_choice)
        abort_transfer(d);
    if (state->work_offline != status.is_by_choice)
        engine_wake(d->holder->engine, state->work_offline ? ENGINE_OFFLINE : ENGINE_ONLINE);
    if (state->wanted_id <= state->answered_id || state->wanted_id <= d->want_id)
        return false;
    d->want_id = state->wanted_id;
    sim_met(d->sim, SIT_WANTS);
    return true;
}

void beside_hears(struct device *d)
{
    struct db_state state = { 0 };
    struct err err = { 0 };

    if (d->holder == NULL || sim_failed(d->sim))
        return;
    engine_wake(d->holder->engine, ENGINE_LOCAL_CHANGE);
    if (device_died(d, "engine"))
        return;
    if (db_state_read(d->holder->sync_db, &state, &err)) {
        sim_violated(d->sim, "device %d: its state can not be read: %s", d->index, err.msg);
        return;
    }
    if (reads_want(d, &state)) {
        if (state.wanted_what & SYNC_WANT_NEW_RUN) {
            abort_transfer(d);
            engine_wake(d->holder->engine, ENGINE_TOOK_LOCK);
        }
        engine_wake(d->holder->engine,
                    state.wanted_what & SYNC_WANT_RETRY ? ENGINE_RETRY : ENGINE_NOW);
    }
    if (!device_died(d, "engine"))
        device_pump(d);
}

void beside_answers(struct device *d)
{
    struct err result = { 0 }, err = { 0 };

    if (d->holder == NULL || d->want_id == 0 || !engine_asked_result(d->holder->engine, &result))
        return;
    enum rc rc = db_state_answer(d->holder->sync_db, d->want_id, (int64_t)result.rc, &err);
    if (device_died(d, "engine"))
        return;
    d->want_id = 0;
    if (rc && !device_is_full(d, rc))
        sim_violated(d->sim, "device %d: a want can not be answered: %s", d->index, err.msg);
}

/* ---- processes begin and end ---- */

static void begin(struct device *d, bool is_command)
{
    struct sim *sim = d->sim;
    struct process *p = other_than(d, d->here);
    struct err err = { 0 };

    sim_note(sim, "device %d: process %d begins%s", d->index, (int)(p - d->processes),
             is_command ? ", a command" : "");
    enum rc rc = device_open_store(d, p, is_command, &err);
    if (device_died(d, "start"))
        return;
    if (device_is_full(d, rc)) {
        device_close_process(p);
        sim_met(sim, SIT_STARTS_ON_FULL);
        return;
    }
    if (rc) {
        sim_violated(sim, "1: device %d: a second process can not be started: %s", d->index,
                     err.msg);
        return;
    }
    sim_met(sim, is_command ? SIT_COMMANDS : SIT_SECOND_PROCESSES);
    d->here = p;
    if (check_device(d) && d->holder == NULL)
        lock_is_free(d);
}

static void end(struct device *d, struct process *p)
{
    sim_note(d->sim, "device %d: process %d ends", d->index, (int)(p - d->processes));
    if (p == d->holder && !release_lock(d))
        return;
    device_close_process(p);
    if (device_died(d, "end"))
        return;
    if (count_running(d) == 0) {
        device_stop(d);
        sim_plan(d->sim, d->sim->now + LOOK_MS, EV_DEVICE_UP, d->index, 0);
    } else if (p == d->here) {
        d->here = other_than(d, p);
        check_device(d);
    }
}

void beside_begins(struct device *d)
{
    if (count_running(d) > 1)
        end(d, other_than(d, d->here));
    if (d->is_up && count_running(d) == 1 && !sim_failed(d->sim))
        begin(d, false);
}

static void kill_one(struct device *d)
{
    int which = (int)rng_below(&d->sim->rng, PROCESSES);

    sim_met(d->sim, SIT_KILLS_BESIDE);
    vfs_kill_process(d->sim->vfs, d->index, which);
    device_died(d, "nothing");
}

static void change_two(struct device *d, uint32_t kind)
{
    struct process *other = other_than(d, d->here);

    if (kind < 450) {
        d->here = other;
    } else if (kind < 550) {
        end(d, rng_chance(&d->sim->rng, 500) ? d->here : other);
    } else if (kind < 650) {
        kill_one(d);
    } else if (d->holder != NULL) {
        sim_note(d->sim, "device %d: the process that syncs is suspended", d->index);
        sim_met(d->sim, SIT_PARKED);
        release_lock(d);
    }
}

void beside_acts(struct device *d)
{
    struct sim *sim = d->sim;

    if (!sim->plan.has_processes || sim->is_calm)
        return;
    decide(sim, DECIDE_RARE, d->index);
    uint32_t kind = rng_below(&sim->rng, 1000);
    if (kind >= 750 || !decided(sim))
        return;
    if (d->here->sync_db == NULL)
        end(d, d->here); /* a command has done what it was called for */
    else if (count_running(d) == 1)
        begin(d, kind % 3 == 0);
    else
        change_two(d, kind);
}

bool beside_is_outdated(struct device *d, enum rc rc)
{
    if (rc != RC_FOREIGN || !db_is_outdated(d->here->user_db))
        return false;
    end(d, d->here);
    return true;
}

void beside_calms(struct device *d)
{
    for (int i = 0; i < PROCESSES && d->is_up && !sim_failed(d->sim); i++) {
        struct process *p = &d->processes[i];
        if (device_is_running(p) && (p->sync_db == NULL || p->tables != d->sim->device_tables))
            end(d, p);
    }
}
