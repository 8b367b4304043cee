/* What the screen costs on a slow line, and that it costs nothing when nothing happens. Bytes do not
 * vary with load. Each budget is printed with the figure that was measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/terminal/gate.h"
#include "tests/terminal/world.h"

#define QUIET_MS 150
#define IDLE_MS 3000
#define STEP_MOST 80

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
    within("60 keys at once", cost(t, keys), 3000);
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

/* The link goes; the message line says so too, and is not part of the status. */
static void a_change_of_the_status_costs_little(void **state)
{
    struct world *w = *state;
    struct term *t = open_many(w, NULL);
    struct gate gate;
    size_t before;

    (void)cost(t, "x"); /* one change to send */
    world_close(w);
    gate_open(&gate, w->port, "psert", 1);
    (void)snprintf(w->server, sizeof w->server, "%s", gate.url);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, " ONLINE ");
    term_settle(t, 400);
    (void)cost(t, "x");
    term_wait(t, "SYNCING");
    term_settle(t, QUIET_MS);
    before = t->raw.len;
    gate_release(&gate);
    term_wait(t, "ONLINE   | all changes sent");
    term_settle(t, QUIET_MS);
    within("status: sent (with a mark and a message)", t->raw.len - before, 70 + 70);
    before = t->raw.len;
    (void)cost(t, "O");
    term_wait(t, "OFFLINE");
    within("status: OFFLINE (with a message)", t->raw.len - before, 70 + 70);
    gate_close(&gate);
}

static void a_step_of_the_first_sync_costs_little(void **state)
{
    struct world *w = *state;
    struct gate gate;
    struct term *t;
    size_t before;

    world_seed(w, 1480);
    gate_open(&gate, w->port, "getAllForUser", 2);
    (void)snprintf(w->server, sizeof w->server, "%s", gate.url);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "not signed in");
    term_type(t, WORLD_EMAIL KEY_TAB WORLD_PASSWORD KEY_ENTER);
    term_wait(t, "100 of 1480");
    term_settle(t, 1000);
    before = t->raw.len;
    gate_step(&gate);
    term_wait(t, "300 of 1480");
    term_settle(t, QUIET_MS);
    within("a step of the first sync", t->raw.len - before, STEP_MOST);
    gate_close(&gate);
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
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);

    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
