#include "tests/simulation/sim.h"

#include <cjson/cJSON.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

#define START_MS 1767225600000LL /* 2026-01-01: true time when a run begins */
#define SECOND 1000LL
#define MINUTE (60 * SECOND)
#define EVENTS_MAX 200000
#define DEAF_ACTIONS 250 /* until an op stands for 20 others, and a second one waits behind it */
#define ALONE_MS (80 * MINUTE) /* longer than any block that ends by itself */
#define TRIES 5  /* minutes in which what is refused is tried three times, and fails */
#define ROUNDS 3 /* after the faults end; then all must be the same */

/* ---- what is seen ---- */

void sim_met(struct sim *sim, enum situation s)
{
    sim->met[s]++;
}

void sim_note(struct sim *sim, const char *fmt, ...)
{
    va_list args;

    if (!sim->is_traced)
        return;
    char *line = sim->trace[sim->traced++ % TRACE_LINES];
    int n = snprintf(line, TRACE_SIZE, "%9lld.%03lld  ", (long long)(sim->now / SECOND),
                     (long long)(sim->now % SECOND));
    va_start(args, fmt);
    vsnprintf(line + n, TRACE_SIZE - (size_t)n, fmt, args);
    va_end(args);
    if (sim->decisions.count > 0 && sim->is_recorded) {
        struct decision *d = &sim->decisions.items[sim->decisions.count - 1];
        if (d->text[0] == '\0')
            snprintf(d->text, sizeof d->text, "%.*s", (int)sizeof d->text - 1, line + n);
    }
    if (sim->is_verbose)
        printf("%s\n", line);
}

bool sim_violated(struct sim *sim, const char *fmt, ...)
{
    va_list args;

    if (sim->violation[0] != '\0')
        return false;
    va_start(args, fmt);
    vsnprintf(sim->violation, sizeof sim->violation, fmt, args);
    va_end(args);
    sim->violated_at = sim->now;
    sim_note(sim, "VIOLATED: %s", sim->violation);
    return false;
}

bool sim_failed(const struct sim *sim)
{
    return sim->violation[0] != '\0';
}

/* ---- randomness and time that the product asks for ---- */

/* libsodium's source has no context to hang the run on: so this one is found here. Set for the
 * time of a run. */
static struct rng *entropy;

static const char *entropy_name(void)
{
    return "simulation";
}

static uint32_t entropy_random(void)
{
    return (uint32_t)(rng_next(entropy) >> 32);
}

static void entropy_fill(void *const out, const size_t size)
{
    unsigned char *bytes = out;

    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)(rng_next(entropy) >> 56);
}

static struct randombytes_implementation entropy_source = {
    .implementation_name = entropy_name,
    .random = entropy_random,
    .buf = entropy_fill,
};

static int64_t true_wall(void *ctx)
{
    const struct sim *sim = ctx;
    return START_MS + sim->leap_ms + sim->now;
}

static int64_t true_mono(void *ctx)
{
    const struct sim *sim = ctx;
    return sim->now;
}

/* ---- events ---- */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void sim_plan(struct sim *sim, int64_t at, enum event_kind kind, int who, uint64_t ref)
{
    if (sim->event_count == sim->event_room) {
        sim->event_room = sim->event_room == 0 ? 64 : sim->event_room * 2;
        sim->heap = mem_grow(sim->heap, sim->event_room, sizeof *sim->heap);
    }
    struct event e = { .at = at > sim->now ? at : sim->now,
                       .order = ++sim->order,
                       .kind = kind,
                       .who = who,
                       .ref = ref };
    size_t i = sim->event_count++;
    for (; i > 0 && is_before(&e, &sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
        sim->heap[i] = sim->heap[(i - 1) / 2];
    sim->heap[i] = e;
    if (kind == EV_ARRIVE)
        sim->arrivals++;
}

static bool next_event(struct sim *sim, struct event *out)
{
    if (sim->event_count == 0)
        return false;
    *out = sim->heap[0];
    struct event last = sim->heap[--sim->event_count];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= sim->event_count)
            break;
        if (child + 1 < sim->event_count && is_before(&sim->heap[child + 1], &sim->heap[child]))
            child++;
        if (!is_before(&sim->heap[child], &last))
            break;
        sim->heap[i] = sim->heap[child];
        i = child;
    }
    sim->heap[i] = last;
    return true;
}

/* Bursts, minutes and hours: an edit during a push needs the first, an expired token the last. */
static int64_t pause_of_a_person(struct sim *sim)
{
    uint32_t kind = rng_below(&sim->rng, 100);

    if (kind < 60)
        return rng_between(&sim->rng, 20, 3 * SECOND);
    if (kind < 96)
        return rng_between(&sim->rng, 10 * SECOND, 5 * MINUTE);
    return rng_between(&sim->rng, 20 * MINUTE, 80 * MINUTE);
}

static void on_user(struct sim *sim, const struct event *e)
{
    if (sim->actions_left <= 0)
        return;
    sim->actions_left--;
    decide(sim, DECIDE_BEGIN, e->who);
    sim_plan(sim, sim->now + pause_of_a_person(sim), EV_USER, e->who, 0);
    user_acts(&sim->devices[e->who]);
}

static void on_engine(struct sim *sim, const struct event *e)
{
    struct device *d = &sim->devices[e->who];

    if (d->holder != NULL && d->tick == e->order)
        device_pump(d);
}

static void on_office(struct sim *sim, const struct event *e)
{
    (void)e;
    if (sim->office_left <= 0)
        return;
    sim->office_left--;
    decide(sim, DECIDE_BEGIN, SERVER);
    sim_plan(sim, sim->now + pause_of_a_person(sim), EV_OFFICE, 0, 0);
    office_acts(sim);
}

static void on_arrive(struct sim *sim, const struct event *e)
{
    sim->arrivals--;
    net_arrive(sim, e->ref);
}

static void on_answer(struct sim *sim, const struct event *e)
{
    net_answer(sim, e->ref);
}

static void on_device_up(struct sim *sim, const struct event *e)
{
    struct device *d = &sim->devices[e->who];

    if (!d->is_up)
        device_start(d);
}

static void on_server_up(struct sim *sim, const struct event *e)
{
    (void)e;
    if (sim->server.backend == NULL)
        server_start(&sim->server);
}

static void on_link_up(struct sim *sim, const struct event *e)
{
    struct device *d = &sim->devices[e->who];

    if (d->has_link)
        return;
    d->has_link = true;
    sim_note(sim, "device %d: link up", d->index);
    device_wake(d, ENGINE_LINK_UP);
}

static void on_discarded(struct sim *sim, const struct event *e)
{
    struct device *d = &sim->devices[e->who];

    if (d->is_up && d->life == e->ref)
        user_discarded(d);
}

static void on_room(struct sim *sim, const struct event *e)
{
    vfs_make_room(sim->vfs, e->who);
}

static void on_lock_free(struct sim *sim, const struct event *e)
{
    beside_takes_lock(&sim->devices[e->who]);
}

static void on_bell(struct sim *sim, const struct event *e)
{
    beside_hears(&sim->devices[e->who]);
}

static void (*const handlers[EV_KINDS])(struct sim *sim, const struct event *e) = {
    [EV_USER] = on_user,           [EV_ENGINE] = on_engine,       [EV_OFFICE] = on_office,
    [EV_ARRIVE] = on_arrive,       [EV_ANSWER] = on_answer,       [EV_DEVICE_UP] = on_device_up,
    [EV_SERVER_UP] = on_server_up, [EV_DISCARDED] = on_discarded, [EV_LINK_UP] = on_link_up,
    [EV_ROOM] = on_room,           [EV_LOCK_FREE] = on_lock_free, [EV_BELL] = on_bell,
};

/* Runs until is_reached says so, or the virtual time is over. */
static bool run_until(struct sim *sim, int64_t deadline, bool (*is_reached)(struct sim *sim))
{
    struct event e;

    for (int i = 0; i < EVENTS_MAX; i++) {
        if (sim_failed(sim) || is_reached(sim))
            return !sim_failed(sim);
        if (sim->event_count == 0 || sim->heap[0].at > deadline) {
            sim->now = deadline;
            return false;
        }
        next_event(sim, &e);
        sim->now = e.at;
        handlers[e.kind](sim, &e);
    }
    return sim_violated(sim, "4: %d events, and no end", EVENTS_MAX);
}

static bool everybody_has_gone_home(struct sim *sim)
{
    return sim->actions_left <= 0 && sim->office_left <= 0;
}

static bool nothing_is_on_its_way(struct sim *sim)
{
    return sim->arrivals == 0;
}

static bool never(struct sim *sim)
{
    (void)sim;
    return false;
}

static bool rounds_are_done(struct sim *sim)
{
    struct err result;

    for (int i = 0; i < DEVICES; i++)
        if (sim->devices[i].holder == NULL ||
            !engine_asked_result(sim->devices[i].holder->engine, &result))
            return false;
    return true;
}

/* ---- a run ---- */

/* Most seeds have none of these. Of what goes back to an older state the model is told only when
 * its machine is up again: until then no power cut could be judged. */
static void draw_rare(struct sim *sim)
{
    struct plan *plan = &sim->plan;

    plan->has_full_disks = rng_chance(&sim->rng, 100);
    plan->has_old_copies = rng_chance(&sim->rng, 60);
    plan->has_winters = rng_chance(&sim->rng, 80);
    plan->has_backups = rng_chance(&sim->rng, 80);
    plan->has_switches = !plan->has_old_copies && !plan->has_backups && rng_chance(&sim->rng, 60);
    if (plan->has_switches)
        plan->has_other_account = true;
    plan->has_processes = !plan->has_switches && rng_chance(&sim->rng, 80);
    plan->has_slow_devices = rng_chance(&sim->rng, 100);
    plan->is_crowded = rng_chance(&sim->rng, plan->has_slow_devices ? 500 : 30);
    plan->has_old_devices = rng_chance(&sim->rng, plan->has_processes ? 300 : 60);
    sim_note(sim,
             "plan: full disks %d, old copies %d, winters %d, backups %d, account switches %d, "
             "two processes %d, old devices %d, slow devices %d, crowded %d",
             plan->has_full_disks, plan->has_old_copies, plan->has_winters, plan->has_backups,
             plan->has_switches, plan->has_processes, plan->has_old_devices, plan->has_slow_devices,
             plan->is_crowded);
}

static void draw_plan(struct sim *sim)
{
    static const uint32_t fault_levels[] = { 0, 50, 150, 300, 500 };
    static const uint32_t crash_levels[] = { 0, 20, 60, 150 };
    static const uint32_t cut_levels[] = { 0, 500, 1000 };
    static const uint32_t limits[] = { 0, 1, 3, 7 };
    struct plan *plan = &sim->plan;

    plan->faults = fault_levels[rng_below(&sim->rng, 5)];
    plan->crashes = crash_levels[rng_below(&sim->rng, 4)];
    plan->power_cuts = cut_levels[rng_below(&sim->rng, 3)];
    plan->has_other_account = rng_chance(&sim->rng, 300);
    plan->has_refusals = rng_chance(&sim->rng, 250);
    plan->has_clock_jumps = rng_chance(&sim->rng, 200);
    plan->page_limit = limits[rng_below(&sim->rng, 4)];
    plan->poll_ms = rng_between(&sim->rng, 5, 30) * MINUTE;
    bool is_long = rng_chance(&sim->rng, 150);
    plan->actions =
        (int)(is_long ? rng_between(&sim->rng, 60, 150) : rng_between(&sim->rng, 15, 60));
    plan->office_actions = plan->actions / 3 + (int)rng_below(&sim->rng, 10);
    plan->is_slow_world = rng_chance(&sim->rng, 200);
    plan->has_epochs = rng_chance(&sim->rng, 80);
    plan->has_old_server = rng_chance(&sim->rng, 80);
    plan->is_big_world = rng_chance(&sim->rng, 20);
    plan->is_fickle = rng_chance(&sim->rng, 60);
    if (plan->is_fickle && rng_chance(&sim->rng, 500))
        plan->has_refusals = true;
    plan->is_deaf = rng_chance(&sim->rng, 15);
    if (plan->is_deaf)
        plan->actions += DEAF_ACTIONS;
    if (plan->is_big_world)
        plan->page_limit = 0;
    plan->has_new_disks = rng_chance(&sim->rng, 125);
    draw_rare(sim);
    if (sim->is_for_power_cuts)
        plan->has_epochs = plan->has_old_copies = plan->has_winters = plan->has_backups =
            plan->has_switches = false;
    sim_note(sim,
             "plan: faults %u, crashes %u, power cuts %u, other account %d, refusals %d, clock "
             "jumps %d, page %u, "
             "poll %lld min, slow %d, old backend %d, epochs %d, big %d, new disks %d",
             plan->faults, plan->crashes, plan->power_cuts, plan->has_other_account,
             plan->has_refusals, plan->has_clock_jumps, plan->page_limit,
             (long long)(plan->poll_ms / MINUTE), plan->is_slow_world, plan->has_old_server,
             plan->has_epochs, plan->is_big_world, plan->has_new_disks);
}

/* Time, randomness and disks, from the seed. */
static void begin_world(struct sim *sim)
{
    sim->rng.state = sim->seed * 0x2545f4914f6cdd1du + 1;
    sim->entropy.state = sim->seed ^ 0x656e74726f7079u;
    sim->now = 0;
    sim->leap_ms = 0;
    sim->event_count = 0;
    sim->order = 0;
    sim->arrivals = 0;
    sim->is_calm = sim->is_over = false;
    sim->traced = 0;
    sim->violation[0] = '\0';
    memset(sim->met, 0, sizeof sim->met);
    memset(sim->decided_of, 0, sizeof sim->decided_of);
    sim->decisions.count = 0;
    sim->clock = (struct clock){ true_wall, true_mono, sim };
    if (sim->trace == NULL)
        sim->trace = mem_zero(TRACE_LINES, TRACE_SIZE);
    entropy = &sim->entropy;
    randombytes_set_implementation(&entropy_source);
    vfs_reset(sim->vfs, sim->seed, &sim->clock);
}

static void begin(struct sim *sim)
{
    begin_world(sim);
    draw_plan(sim);
    sim->model = model_new();
    sim->net = net_new();
    server_init(sim,
                sim->plan.has_new_disks || sim->plan.has_old_server ? NULL : &sim->backend_image);
}

static void everybody_begins(struct sim *sim)
{
    if (!server_start(&sim->server))
        return;
    office_begins(sim);
    for (int i = 0; i < DEVICES && !sim_failed(sim); i++) {
        decide(sim, DECIDE_BEGIN, i);
        device_init(sim, i, sim->plan.has_new_disks ? NULL : &sim->store_image);
        sim_plan(sim, sim->now + pause_of_a_person(sim), EV_USER, i, 0);
        device_start(&sim->devices[i]);
    }
    if (sim->broken == BROKEN_NORMAL_QUEUE)
        for (int i = 0; i < DEVICES; i++)
            vfs_ignore_syncs(sim->vfs, i, "-wal");
    if (sim->broken == BROKEN_NORMAL_SERVER)
        vfs_ignore_syncs(sim->vfs, SERVER, "-wal");
    sim->actions_left = sim->plan.actions;
    sim->office_left = sim->plan.office_actions;
    sim_plan(sim, sim->now + pause_of_a_person(sim), EV_OFFICE, 0, 0);
}

static bool calm_down(struct sim *sim)
{
    sim_note(sim, "the faults end");
    sim->is_calm = true;
    for (int i = 0; i <= SERVER; i++)
        vfs_disarm(sim->vfs, i);
    for (int i = 0; i < DEVICES; i++)
        vfs_make_room(sim->vfs, i);
    server_upgrade(&sim->server);
    if (sim->server.backend == NULL && !server_start(&sim->server))
        return false;
    for (int i = 0; i < DEVICES; i++) {
        struct device *d = &sim->devices[i];
        d->has_link = true;
        device_upgrade(d, false);
        beside_calms(d);
        if (!d->is_up && !device_start(d))
            return false;
        if (d->is_working_offline)
            user_works_offline(d, false);
    }
    return run_until(sim, sim->now + 60 * MINUTE, nothing_is_on_its_way);
}

static void wake_all(struct sim *sim, enum engine_wake what)
{
    for (int i = 0; i < DEVICES && !sim_failed(sim); i++) {
        device_sign_in_if_asked(&sim->devices[i]);
        device_wake(&sim->devices[i], what);
    }
}

static bool ask_for_rounds(struct sim *sim, int number)
{
    struct err result;

    sim_note(sim, "round %d", number);
    wake_all(sim, ENGINE_NOW);
    if (!run_until(sim, sim->now + 10 * MINUTE, rounds_are_done))
        return sim_violated(
            sim, "4: a round that was asked for does not end within 10 minutes without faults");
    for (int i = 0; i < DEVICES && number == ROUNDS; i++)
        if (engine_asked_result(sim->devices[i].holder->engine, &result) && result.rc)
            return sim_violated(sim, "4: device %d: a round without faults failed: %s", i,
                                result.msg);
    return true;
}

/* Whatever failed before, a timer leads back to the queue: nobody has to type anything for that. */
static bool drains_alone(struct sim *sim)
{
    run_until(sim, sim->now + ALONE_MS, never);
    for (int i = 0; i < DEVICES && !sim_failed(sim); i++)
        check_drained(&sim->devices[i]);
    return !sim_failed(sim);
}

/* What waits comes to the backend, and all is checked. */
static bool settle(struct sim *sim)
{
    /* Refused ops get their three tries and fail; then their users put them right. */
    for (int i = 0; i < TRIES && !sim_failed(sim); i++) {
        /* What is held would be tried again within a day. */
        wake_all(sim, sim->plan.has_old_server && i == 0 ? ENGINE_RETRY : ENGINE_NOW);
        run_until(sim, sim->now + MINUTE, never);
    }
    for (int i = 0; i < DEVICES && !sim_failed(sim); i++)
        user_repairs(&sim->devices[i]);
    for (int i = 1; i <= ROUNDS && !sim_failed(sim); i++)
        ask_for_rounds(sim, i);
    return !sim_failed(sim) && check_end(sim);
}

static bool end(struct sim *sim)
{
    if (!calm_down(sim))
        return sim_violated(sim, "4: what was on its way does not arrive");
    if (sim->seed % 4 == 0 && !drains_alone(sim))
        return false;
    if (!settle(sim) || !sim->plan.has_switches)
        return !sim_failed(sim);
    for (int i = 0; i < DEVICES && !sim_failed(sim); i++) {
        device_switch(&sim->devices[i]);
        if (sim->devices[i].is_working_offline)
            user_works_offline(&sim->devices[i], false);
    }
    return !sim_failed(sim) && settle(sim);
}

static void clean_up(struct sim *sim)
{
    for (int i = 0; i < DEVICES; i++) {
        device_stop(&sim->devices[i]);
        vfs_copy_free(sim->devices[i].copy);
        user_forgets_attempts(&sim->devices[i]);
    }
    server_stop(&sim->server);
    net_free(sim->net);
    model_free(sim->model);
    free(sim->heap);
    sim->heap = NULL;
    sim->event_room = 0;
    sim->net = NULL;
    sim->model = NULL;
}

bool sim_run(struct sim *sim)
{
    begin(sim);
    everybody_begins(sim);
    if (!sim_failed(sim))
        run_until(sim, NEVER, everybody_has_gone_home);
    if (!sim_failed(sim))
        end(sim);
    clean_up(sim);
    sim->operations = vfs_operations(sim->vfs);
    return !sim_failed(sim);
}

bool sim_prepare(struct sim *sim)
{
    sim->seed = 0;
    begin_world(sim);
    device_init(sim, 0, NULL);
    server_init(sim, NULL);
    return device_make_image(&sim->devices[0], &sim->store_image) &&
           server_make_image(&sim->server, &sim->backend_image);
}

void sim_done(struct sim *sim)
{
    buf_done(&sim->store_image);
    buf_done(&sim->backend_image);
    free(sim->trace);
    sim->trace = NULL;
    decisions_done(&sim->decisions);
}
