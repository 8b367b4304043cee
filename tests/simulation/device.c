/* A device: processes that open its store, one of which drives its engine, and that may die at any
 * write. What a second process beside the first does is in beside.c. */
#include "tests/simulation/sim.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

#define SPINS_MAX 20000
#define STILL_MS 6000
#define SECOND 1000LL
#define YEAR (365LL * 86400 * SECOND)

static int64_t device_wall(void *ctx)
{
    const struct device *d = ctx;
    return clock_wall(&d->sim->clock) + d->skew_ms;
}

static int64_t device_mono(void *ctx)
{
    const struct device *d = ctx;
    return d->sim->now;
}

static void name_store(struct device *d, const char *name)
{
    for (int i = 0; i < PROCESSES; i++)
        snprintf(d->processes[i].path, sizeof d->processes[i].path, "%d%s/%s.db", d->index,
                 i == 0 ? "" : "b", name);
}

void device_init(struct sim *sim, int index, const struct buf *store)
{
    struct device *d = &sim->devices[index];
    static const int64_t skews[] = {
        0, 0, 3 * SECOND, -90 * SECOND, 2 * 3600 * SECOND, -10 * YEAR, 5 * YEAR
    };

    memset(d, 0, sizeof *d);
    d->sim = sim;
    d->index = index;
    d->account = sim->plan.has_other_account && index == DEVICES - 1;
    d->clock = (struct clock){ device_wall, device_mono, d };
    d->skew_ms = skews[rng_below(&sim->rng, sizeof skews / sizeof *skews)];
    d->has_link = true;
    d->here = &d->processes[0];
    d->tables = sim->device_tables;
    if (sim->plan.has_old_devices && rng_chance(&sim->rng, 700))
        d->tables = sim->old_device_tables[rng_below(&sim->rng, 2)];
    for (int i = 0; i < PROCESSES; i++)
        d->processes[i].tables = d->tables;
    name_store(d, "store");
    if (store != NULL && d->tables == sim->device_tables)
        vfs_write_file(sim->vfs, d->here->path, store);
}

const struct table *device_table(const struct device *d, const struct table *table)
{
    return registry_find(d->here->tables, table->name);
}

bool device_is_running(const struct process *p)
{
    return p->user_db != NULL;
}

void device_close_process(struct process *p)
{
    engine_free(p->engine);
    db_close(p->user_db);
    db_close(p->sync_db);
    p->engine = NULL;
    p->user_db = p->sync_db = NULL;
}

void device_stop(struct device *d)
{
    for (int i = 0; i < PROCESSES; i++)
        device_close_process(&d->processes[i]);
    d->here = &d->processes[0];
    d->holder = NULL;
    d->is_up = false;
    d->transfer = 0;
    d->tick = 0;
}

static void note_crash(struct device *d, const char *during, bool is_cut)
{
    struct sim *sim = d->sim;

    if (strcmp(during, "save") == 0)
        sim_met(sim, SIT_CRASH_IN_SAVE);
    else if (strcmp(during, "engine") == 0)
        sim_met(sim, SIT_CRASH_IN_ENGINE);
    else if (strcmp(during, "start") == 0)
        sim_met(sim, SIT_CRASH_IN_OPEN);
    sim_met(sim, is_cut ? SIT_DEVICE_CUTS : SIT_DEVICE_KILLS);
}

/* True: one of two processes was killed, and the other goes on. */
static bool bury_one(struct device *d, const char *during)
{
    struct sim *sim = d->sim;
    bool has_survivor = false;

    for (int i = 0; i < PROCESSES; i++)
        has_survivor = has_survivor || (device_is_running(&d->processes[i]) &&
                                        !vfs_is_process_dead(sim->vfs, d->index, i));
    for (int i = 0; has_survivor && i < PROCESSES; i++) {
        if (!vfs_is_process_dead(sim->vfs, d->index, i))
            continue;
        device_close_process(&d->processes[i]);
        vfs_bury(sim->vfs, d->index, i);
        note_crash(d, during, false);
        sim_met(sim, SIT_PROCESS_KILLS);
        sim_note(sim, "device %d: process %d is killed in %s", d->index, i, during);
    }
    return has_survivor;
}

bool device_died(struct device *d, const char *during)
{
    struct sim *sim = d->sim;

    if (!vfs_is_dead(sim->vfs, d->index))
        return false;
    decide(sim, DECIDE_CRASH, d->index);
    bool is_cut = rng_chance(&sim->rng, sim->plan.power_cuts);
    if (!is_cut && bury_one(d, during)) {
        beside_survives(d);
        return true;
    }
    vfs_kill(sim->vfs, d->index);
    device_stop(d);
    if (vfs_open_handles(sim->vfs, d->index) != 0)
        sim_violated(sim, "device %d: a file is still open after db_close", d->index);
    uint32_t met = vfs_crash(sim->vfs, d->index, is_cut);
    sim->met[SIT_UNSYNCED_WRITES] += met;
    note_crash(d, during, is_cut);
    sim_note(sim, "device %d: %s in %s, %u unsynced writes", d->index,
             is_cut ? "power cut" : "kill", during, met);
    sim_plan(sim, sim->now + rng_between(&sim->rng, SECOND, 180 * SECOND), EV_DEVICE_UP, d->index,
             0);
    return true;
}

bool device_is_full(const struct device *d, enum rc rc)
{
    return rc == RC_FULL && vfs_is_filling(d->sim->vfs, d->index);
}

/* ---- signing in: by the program around the engine ---- */

static bool read_identity(struct device *d, const char *token, struct buf *instance,
                          struct buf *user)
{
    struct server *s = &d->sim->server;
    struct exchange x = { .method = "GET", .path = "/instance_name" };

    if (server_call(s, &x) && x.http_status == 200)
        buf_append(instance, x.answer.data, x.answer.len);
    buf_done(&x.answer);
    cJSON *viewer = server_ask(s, "query", "users:viewer", "{}", token);
    const char *id = json_get_string(viewer, "userId");
    if (id != NULL)
        buf_puts(user, id);
    cJSON_Delete(viewer);
    return instance->len > 0 && user->len > 0;
}

static enum rc sign_in(struct device *d, struct err *err)
{
    struct buf instance = { 0 }, user = { 0 };
    char *refresh = NULL, *token = server_sign_in(&d->sim->server, d->account, &refresh), name[16];
    enum rc rc = RC_NETWORK;

    if (token == NULL)
        return rc;
    if (read_identity(d, token, &instance, &user)) {
        snprintf(name, sizeof name, "device-%d", d->index);
        struct db_account account = {
            .server = mem_strdup("http://127.0.0.1"),
            .instance = buf_take(&instance),
            .user_id = buf_take(&user),
            .email = mem_strdup(account_email(d->account)),
            .device_id = mem_strdup(name),
            .token = mem_strdup(token),
            .refresh = mem_strdup(refresh),
        };
        rc = db_account_write(d->here->user_db, &account, err);
        db_account_done(&account);
    }
    buf_done(&instance);
    buf_done(&user);
    free(token);
    free(refresh);
    return rc;
}

void device_sign_in_if_asked(struct device *d)
{
    struct sync_status status;
    struct err err = { 0 };

    if (!d->is_up || !device_status(d, &status) || !status.needs_sign_in)
        return;
    enum rc rc = sign_in(d, &err);
    if (device_died(d, "sign-in") || rc == RC_NETWORK || device_is_full(d, rc))
        return;
    if (rc) {
        sim_violated(d->sim, "device %d: new tokens can not be stored: %s", d->index, err.msg);
        return;
    }
    sim_met(d->sim, SIT_SIGN_INS);
    sim_note(d->sim, "device %d: signed in again", d->index);
    device_ask(d, ENGINE_SIGNED_IN);
}

/* ---- the process starts ---- */

enum rc device_open_store(struct device *d, struct process *p, bool is_command, struct err *err)
{
    struct db_options options = {
        .path = p->path,
        .vfs = VFS_NAME,
        .role = is_command ? DB_COMMAND : DB_WRITER,
        .registry = d->tables,
        .clock = &d->clock,
        .no_bell = true,
    };
    p->tables = d->tables;
    enum rc rc = db_open(&options, &p->user_db, err);

    if (rc || is_command)
        return rc;
    options.role = DB_SYNCER;
    return db_open(&options, &p->sync_db, err);
}

bool device_make_image(struct device *d, struct buf *out)
{
    struct err err = { 0 };
    enum rc rc = device_open_store(d, d->here, false, &err);

    device_stop(d);
    return !rc && vfs_read_file(d->sim->vfs, d->here->path, out);
}

enum rc device_open_engine(struct device *d, struct process *p, struct err *err)
{
    const struct engine_options options = { .db = p->sync_db,
                                            .clock = &d->clock,
                                            .poll_ms = d->sim->plan.poll_ms };
    enum rc rc = engine_new(&options, &p->engine, err);

    if (rc == RC_NOT_FOUND) {
        rc = sign_in(d, err);
        if (!rc)
            rc = engine_new(&options, &p->engine, err);
    }
    return rc;
}

bool device_start(struct device *d)
{
    struct sim *sim = d->sim;
    struct db_state state = { 0 };
    struct err err = { 0 };

    d->life++;
    sim_note(sim, "device %d: start %u", d->index, d->life);
    decide(sim, DECIDE_START, d->index);
    if (!sim->is_calm && rng_chance(&sim->rng, sim->plan.crashes * 2) && decided(sim)) {
        uint32_t n = rng_below(&sim->rng, 60);
        sim_note(sim, "device %d: dies at the %u. access to the disk from here", d->index, n + 1);
        vfs_arm(sim->vfs, d->index, n, true);
    }
    enum rc rc = device_open_store(d, d->here, false, &err);
    if (!rc)
        rc = device_open_engine(d, d->here, &err);
    vfs_disarm(sim->vfs, d->index);
    if (device_died(d, "start"))
        return false;
    if (device_is_full(d, rc))
        sim_met(sim, SIT_STARTS_ON_FULL);
    /* Or the backend is down, and nobody has ever signed in here. */
    if (rc == RC_NETWORK || device_is_full(d, rc)) {
        device_stop(d);
        sim_plan(sim, sim->now + 60 * SECOND, EV_DEVICE_UP, d->index, 0);
        return false;
    }
    if (rc)
        return sim_violated(sim, "1: device %d can not be started: %s", d->index, err.msg);
    d->is_up = true;
    d->holder = d->here;
    d->want_id = 0;
    if (db_state_read(d->here->user_db, &state, &err))
        return sim_violated(sim, "device %d: its state can not be read: %s", d->index, err.msg);
    d->is_working_offline = state.work_offline;
    if (!trouble_looks_back(d))
        return false;
    user_looks_again(d);
    if (sim_failed(sim) || !check_file(d) || !check_device(d))
        return false;
    device_pump(d);
    return d->is_up;
}

void device_upgrade(struct device *d, bool is_quiet)
{
    struct sim *sim = d->sim;
    struct db_queue_counts queue = { 0 };
    struct err err = { 0 };

    if (d->tables == sim->device_tables)
        return;
    sim_met(sim, SIT_DEVICE_UPGRADES);
    if (d->is_up && !db_queue_counts(d->here->user_db, &queue, &err) && queue.waiting > 0)
        sim_met(sim, SIT_DEVICE_UPGRADES_WITH_OPS);
    sim_note(sim, "device %d: upgraded, %lld ops wait", d->index, (long long)queue.waiting);
    d->tables = sim->device_tables;
    if (!d->is_up || is_quiet)
        return;
    device_stop(d);
    device_start(d);
}

/* ---- another account ---- */

/* As `outpost logout` does: the tokens go. The queue stays. */
static enum rc sign_out(struct device *d, struct err *err)
{
    struct db_account account = { 0 };
    enum rc rc = db_account_read(d->here->user_db, &account, err);

    if (!rc) {
        free(account.token);
        free(account.refresh);
        account.token = account.refresh = NULL;
        rc = db_account_write(d->here->user_db, &account, err);
    }
    db_account_done(&account);
    return rc;
}

void device_switch(struct device *d)
{
    struct sim *sim = d->sim;
    struct db_queue_counts queue = { 0 };
    struct err err = { 0 };
    int told = d->conflicts_told, unsure = d->conflicts_unsure;
    enum rc rc = db_queue_counts(d->here->user_db, &queue, &err);

    if (!rc)
        rc = sign_out(d, &err);
    if (device_died(d, "sign-out") || device_is_full(d, rc))
        return;
    if (rc) {
        sim_violated(sim, "device %d: its user can not sign out: %s", d->index, err.msg);
        return;
    }
    sim_met(sim, SIT_SWITCHES);
    if (queue.waiting > 0)
        sim_met(sim, SIT_SWITCHES_WITH_OPS);
    sim_note(sim, "device %d: account %d is signed out, %lld ops wait", d->index, d->account,
             (long long)queue.waiting);
    device_stop(d);
    d->account = !d->account;
    name_store(d, strstr(d->here->path, "store") != NULL ? "other" : "store");
    d->last_record[0] = d->discard_of[0] = '\0';
    d->conflicts_told = d->other_told;
    d->conflicts_unsure = d->other_unsure;
    d->other_told = told;
    d->other_unsure = unsure;
    device_start(d);
}

/* ---- the driver of the engine ---- */

/* The worker does this when idle or over 4 MiB; here whenever it happens to. */
static void maybe_checkpoint(struct device *d)
{
    struct err err = { 0 };

    if (!rng_chance(&d->sim->rng, 100) || !decided(d->sim))
        return;
    sim_note(d->sim, "device %d: checkpoint", d->index);
    enum rc rc = db_checkpoint(d->holder->sync_db, true, &err);
    sim_met(d->sim, SIT_CHECKPOINTS);
    if (!device_died(d, "checkpoint") && rc && !device_is_full(d, rc))
        sim_violated(d->sim, "device %d: a checkpoint fails: %s", d->index, err.msg);
}

void device_tamper(struct device *d, const char *sql)
{
    sqlite3 *db = NULL;

    if (d->sim->is_calm || !rng_chance(&d->sim->rng, 100))
        return;
    if (sqlite3_open_v2(d->here->path, &db, SQLITE_OPEN_READWRITE, VFS_NAME) == SQLITE_OK)
        sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
}

static void plan_tick(struct device *d, int64_t at)
{
    sim_plan(d->sim, at, EV_ENGINE, d->index, 0);
    d->tick = d->sim->order;
}

/* The process stands still before its next step: other programs run, or the disk is slow. */
static bool stands_still(struct device *d, int64_t pause_ms)
{
    struct sim *sim = d->sim;

    if (!sim->is_calm && sim->plan.has_slow_devices && rng_chance(&sim->rng, 800)) {
        pause_ms += (int64_t)rng_below(&sim->rng, STILL_MS);
        sim_met(sim, SIT_SLOW_STEPS);
    }
    if (pause_ms == 0)
        return false;
    plan_tick(d, sim->now + pause_ms);
    return true;
}

static void note_wait(struct device *d)
{
    struct sync_status status;

    engine_status(d->holder->engine, &status);
    if (status.last.rc == RC_FULL)
        sim_met(d->sim, SIT_ENGINE_ON_FULL);
}

void device_pump(struct device *d)
{
    struct engine_action action;

    for (int spins = 0; d->holder != NULL && !sim_failed(d->sim); spins++) {
        if (spins == SPINS_MAX) {
            sim_violated(d->sim,
                         "device %d: the engine is busy without end (action %d, until %lld)",
                         d->index, (int)action.what, (long long)action.until_ms);
            return;
        }
        engine_next(d->holder->engine, &action);
        if (device_died(d, "engine") || beside_gives_up(d))
            return;
        if (action.what == ENGINE_POST || action.what == ENGINE_GET) {
            net_send(d, &action);
            if (stands_still(d, 0))
                return;
        } else if (action.what == ENGINE_AGAIN) {
            if (stands_still(d, action.pause_ms))
                return;
        } else if (action.until_ms > d->sim->now) {
            d->tick = 0;
            if (action.until_ms != NEVER)
                plan_tick(d, action.until_ms);
            decide(d->sim, DECIDE_IDLE, d->index);
            note_wait(d);
            maybe_checkpoint(d);
            beside_answers(d);
            if (d->is_up && rng_chance(&d->sim->rng, 100))
                check_device(d);
            return;
        }
    }
}

void device_wake(struct device *d, enum engine_wake what)
{
    if (d->holder == NULL || sim_failed(d->sim))
        return;
    engine_wake(d->holder->engine, what);
    if (!device_died(d, "engine"))
        device_pump(d);
}

bool device_status(const struct device *d, struct sync_status *out)
{
    if (d->holder == NULL)
        return false;
    engine_status(d->holder->engine, out);
    return true;
}
