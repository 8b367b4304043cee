/* What the screen costs on a slow line, and that it costs nothing when nothing happens: the byte table of
 * UX section 7, each limit as it stands there, with the figure that was measured beside it. Bytes do not
 * vary with load. (What it costs in time and memory: pace_test.c; hang-up to exit: end_test.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/clock.h"
#include "tests/terminal/gate.h"
#include "tests/terminal/world.h"

#define QUIET_MS 150
#define IDLE_MS 3000
#define STATUS_MOST 70
#define STEP_MOST 40
#define STEPS 6
#define STEPS_A_SECOND 2
#define STEPPING_MS 4000
#define FRAME_QUIET_MS 120              /* steps are half a second apart: no two are read as one */

static void within(const char *what, size_t bytes, size_t most)
{
    print_message("%-44s %5zu of %5zu bytes\n", what, bytes, most);
    assert_in_range(bytes, 1, most);
}

/* Bytes that the program wrote because of these keys. */
static size_t cost(struct term *t, const char *keys)
{
    size_t before = t->raw.len;

    term_type(t, keys);
    term_settle(t, QUIET_MS);
    return t->raw.len - before;
}

static struct term *open_many(struct world *w, const char *const *env)
{
    struct buf lines = { 0 };
    const char *const args[] = { "import", "-", NULL };
    const char *const sync[] = { "sync", NULL };
    struct term *t;

    world_sign_in(w);
    for (int i = 0; i < 200; i++)
        buf_printf(&lines,
                   "{\"text\":\"Inspect pump %03d in shed %d\",\"dueAt\":\"2026-11-%02d\"}\n", i,
                   i % 7, 1 + i / 10);
    world_run(w, 0, buf_str(&lines), args);
    buf_done(&lines);
    world_run(w, 0, "", sync);
    t = world_open(w, 24, 80, env);
    term_wait(t, " ONLINE ");
    term_settle(t, 400);
    return t;
}

static void the_first_paint_is_small(void **state)
{
    struct term *t = open_many(*state, NULL);

    within("first paint, and the status behind it", t->raw.len, 2600);
}

static void moving_costs_little(void **state)
{
    struct term *t = open_many(*state, NULL);

    within("cursor one row down", cost(t, "j"), 160);
    within("cursor one row up", cost(t, "k"), 160);
    (void)cost(
        t,
        KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN);
    (void)cost(t, "jjjjjjjj");
    within("scroll by one row", cost(t, "j"), 260);
    within("scroll by a page", cost(t, "\033[6~"), 2100);
}

static void moving_costs_less_on_a_slow_line(void **state)
{
    static const char *const far[] = { "SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22", NULL };
    struct term *t = open_many(*state, far);

    within("cursor one row, slow line", cost(t, "j"), 60);
}

static void a_typed_character_costs_what_it_must(void **state)
{
    struct term *t = open_many(*state, NULL);

    (void)cost(t, "a");
    (void)cost(t, "Ins");
    within("typed character", cost(t, "p"), 8);
}

static void many_keys_at_once_are_one_frame(void **state)
{
    struct term *t = open_many(*state, NULL);
    char keys[61];

    memset(keys, 'j', 60);
    keys[60] = '\0';
    within("60 keys at once, all rows new", cost(t, keys), 640);
}

static void nothing_is_written_while_nothing_happens(void **state)
{
    struct term *t = open_many(*state, NULL);
    size_t before = t->raw.len;

    term_settle(t, 1500);
    print_message("%-44s %5zu of %5d bytes\n", "idle for 1.5 s", t->raw.len - before, 0);
    assert_int_equal(t->raw.len, before);
}

/* How often the screen's own thread was given the processor so far: it gives it away only by
 * waiting. */
static long wakeups(struct term *t)
{
    char path[64], line[128];
    long count = -1;
    FILE *f;

    (void)snprintf(path, sizeof path, "/proc/%d/task/%d/status", t->pid, t->pid);
    f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        (void)sscanf(line, "voluntary_ctxt_switches: %ld", &count);
    (void)fclose(f);
    assert_true(count >= 0);
    return count;
}

static void the_screen_does_not_wake_while_nothing_happens(void **state)
{
    struct term *t = open_many(*state, NULL);
    long before;

    term_settle(t, 1000);
    before = wakeups(t);
    term_settle(t, IDLE_MS);
    print_message("%-44s %5ld of %5d wakeups\n", "idle online for 3 s", wakeups(t) - before, 0);
    assert_int_equal(wakeups(t), before);
}

static void the_screen_does_not_wake_while_it_waits_for_a_connection(void **state)
{
    struct world *w = *state;
    struct term *t = open_many(w, NULL);
    size_t bytes;
    long before;

    world_backend_down(w);
    term_type(t, "s");
    term_wait(t, " OFFLINE ");
    term_type(t, "O"); /* chosen: nothing is tried, so nothing is told */
    term_settle(t, 1000);
    before = wakeups(t);
    bytes = t->raw.len;
    term_settle(t, IDLE_MS);
    print_message("%-44s %5ld of %5d wakeups\n", "idle offline for 3 s", wakeups(t) - before, 0);
    assert_int_equal(wakeups(t), before);
    assert_int_equal(t->raw.len, bytes);
}

/* Bytes since `before`; those of a message are its own, in its own row. */
static size_t status_cost(struct term *t, size_t before, bool has_message)
{
    term_settle(t, QUIET_MS);
    return t->raw.len - before - (has_message ? strlen(term_row(t, t->rows - 1)) : 0);
}

static void a_change_of_the_status_costs_little(void **state)
{
    struct world *w = *state;
    struct term *t = open_many(w, NULL);
    struct gate gate;
    size_t before;

    world_close(w);
    gate_open(&gate, w->port, "psert", 1);
    (void)snprintf(w->server, sizeof w->server, "%s", gate.url);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, " ONLINE ");
    term_settle(t, 400);
    term_type(t, "x");
    term_wait(t, "Saved.");
    term_settle(t, FRAME_QUIET_MS);
    before = t->raw.len;
    term_wait(t, "SYNCING  | sending 0 of 1");
    within("status: SYNCING", status_cost(t, before, false), STATUS_MOST);
    before = t->raw.len;
    gate_release(&gate);
    term_wait(t, "ONLINE   | all changes sent");
    within("status: ONLINE, all sent, with the mark", status_cost(t, before, false), STATUS_MOST);
    gate_close(&gate);
    world_close(w);
    gate_open(&gate, w->port, "getChangesSince", 2);    /* the first is that of the start */
    (void)snprintf(w->server, sizeof w->server, "%s", gate.url);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, " ONLINE ");
    term_settle(t, 400);
    term_type(t, "s");
    term_wait(t, "SYNCING  | getting changes");
    term_settle(t, QUIET_MS);
    before = t->raw.len;
    gate_close(&gate);
    term_wait(t, "OFFLINE  | last sync");
    within("status: OFFLINE, but for its message", status_cost(t, before, true), STATUS_MOST);
}

static struct term *open_first_sync(struct world *w, struct gate *gate, int records,
                                    const char *const *env)
{
    struct term *t;

    world_seed(w, records);
    gate_open(gate, w->port, "getAllForUser", 2);
    (void)snprintf(w->server, sizeof w->server, "%s", gate->url);
    t = world_open(w, 24, 80, env);
    term_wait(t, "not signed in");
    term_type(t, WORLD_EMAIL KEY_TAB WORLD_PASSWORD KEY_ENTER);
    term_wait(t, " | first sync, table 1 of 1");
    term_wait(t, "100/");
    term_settle(t, 1000);
    return t;
}

/* "300 of 1480", in the middle and in the corner; 0 while they differ. */
static long figure_of(struct term *t)
{
    long inside = 0, corner = 0;
    const char *at;

    for (int row = 8; row < 14 && !inside; row++) {
        at = strstr(term_row(t, row), "Tasks  ");
        if (at)
            inside = strtol(at + strlen("Tasks"), NULL, 10);
    }
    at = strrchr(term_row(t, t->rows - 3), ' ');
    if (at)
        corner = strtol(at, NULL, 10);
    return inside == corner ? inside : 0;
}

/* One page more: the most that was drawn at once until all places say so. */
static size_t dearest_part(struct term *t, struct gate *gate, long *figure)
{
    int64_t deadline = clock_mono(&clock_system) + TERM_DEADLINE_MS;
    long was = *figure;
    size_t most = 0;

    gate_step(gate);
    while (*figure == was || *figure == 0) {
        size_t before = t->raw.len;

        assert_true(clock_mono(&clock_system) < deadline);
        term_settle(t, FRAME_QUIET_MS);
        most = t->raw.len - before > most ? t->raw.len - before : most;
        *figure = figure_of(t);
    }
    return most;
}

/* Also where a figure gets longer. */
static void a_step_of_the_first_sync_costs_little(void **state)
{
    struct gate gate;
    struct term *t = open_first_sync(*state, &gate, 12000, NULL);
    size_t least = SIZE_MAX, most = 0, longer = 0;
    long figure = figure_of(t);

    assert_int_equal(figure, 100);
    for (int i = 0; i < STEPS; i++) {
        long was = figure;
        size_t cost_now = dearest_part(t, &gate, &figure);

        if (was < 1000 && figure >= 1000)
            longer = cost_now;
        else
            least = cost_now < least ? cost_now : least;
        most = cost_now > most ? cost_now : most;
    }
    print_message("%-44s %5zu bytes\n", "the dearest of all steps", most);
    within("a step of the first sync", least, STEP_MOST);
    within("a step over 1000", longer, STEP_MOST);
    gate_close(&gate);
}

/* Pages come much faster than steps are drawn. */
static void count_steps(struct world *w, const char *const *env, const char *what, int64_t step_ms)
{
    struct gate gate;
    struct term *t = open_first_sync(w, &gate, 40000, env);
    int64_t start, took;
    size_t before, steps = 0;

    term_settle(t, 2 * (int)step_ms);
    start = clock_mono(&clock_system);
    while (clock_mono(&clock_system) - start < STEPPING_MS) {
        before = t->raw.len;
        gate_step(&gate);
        term_settle(t, 30);
        steps += t->raw.len > before;
    }
    took = clock_mono(&clock_system) - start;
    print_message("%-44s %5zu of %5lld steps in %lld ms\n", what, steps, (long long)(took / step_ms + 1),
                  (long long)took);
    assert_in_range(steps, 1, took / step_ms + 1);
    gate_close(&gate);
}

static void progress_is_drawn_twice_a_second_at_most(void **state)
{
    count_steps(*state, NULL, "progress of the first sync", 1000 / STEPS_A_SECOND);
}

static void progress_is_drawn_every_two_seconds_on_a_slow_line(void **state)
{
    static const char *const far[] = { "SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22", NULL };

    count_steps(*state, far, "progress on a slow line", 2000);
}

/* ---- full clears ---- */

static int clears(const struct term *t)
{
    static const char *const ways[] = { "\033[2J", "\033[H\033[J", "\033[1;1H\033[J", "\033[3J" };
    int count = 0;

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        const char *at = t->raw.data, *end = t->raw.data + t->raw.len;

        while ((at = memmem(at, (size_t)(end - at), ways[i], strlen(ways[i]))) != NULL) {
            count++;
            at += strlen(ways[i]);
        }
    }
    return count;
}

static void the_screen_is_cleared_only_when_asked_or_resized(void **state)
{
    struct world *w = *state;
    struct term *t = open_many(w, NULL);
    int at_start = clears(t);

    print_message("%-44s %5d\n", "full clears at the start", at_start);
    term_type(t, "jjjGgx?");
    term_wait(t, "OUTPOST  Help");
    term_type(t, KEY_ESC);
    term_wait_gone(t, "OUTPOST  Help");
    term_type(t, "e");
    term_wait(t, "Edit task");
    term_type(t, KEY_ESC);
    term_wait(t, "Tasks: open");
    term_type(t, "p");
    term_wait(t, "Pending changes");
    term_type(t, KEY_ESC);
    term_wait(t, "Tasks: open");
    world_backend_down(w);
    term_type(t, "s");
    term_wait(t, " OFFLINE ");
    term_type(t, "va/pump 150\r\033[6~\033[5~");
    term_settle(t, 300);
    print_message("%-44s %5d of %5d\n", "full clears after the start", clears(t) - at_start, 0);
    assert_int_equal(clears(t), at_start);
    term_type(t, "\014");
    term_settle(t, 300);
    assert_int_equal(clears(t), at_start + 1);
    term_resize(t, 30, 90);
    term_settle(t, 500);
    assert_int_equal(clears(t), at_start + 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(the_first_paint_is_small),
        IN_A_WORLD(moving_costs_little),
        IN_A_WORLD(moving_costs_less_on_a_slow_line),
        IN_A_WORLD(a_typed_character_costs_what_it_must),
        IN_A_WORLD(many_keys_at_once_are_one_frame),
        IN_A_WORLD(nothing_is_written_while_nothing_happens),
        IN_A_WORLD(the_screen_does_not_wake_while_nothing_happens),
        IN_A_WORLD(the_screen_does_not_wake_while_it_waits_for_a_connection),
        IN_A_WORLD(a_change_of_the_status_costs_little),
        IN_A_WORLD(a_step_of_the_first_sync_costs_little),
        IN_A_WORLD(progress_is_drawn_twice_a_second_at_most),
        IN_A_WORLD(progress_is_drawn_every_two_seconds_on_a_slow_line),
        IN_A_WORLD(the_screen_is_cleared_only_when_asked_or_resized),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);

    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
