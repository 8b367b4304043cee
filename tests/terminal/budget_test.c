/* What the screen costs on a slow line, and that it costs nothing when nothing happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/terminal/world.h"

#define QUIET_MS 150

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

    assert_true(t->raw.len <= 2600 + 200);      /* modes on, and the status that comes behind */
}

static void moving_costs_little(void **state)
{
    struct term *t = open_many(*state, NULL);

    assert_in_range(cost(t, "j"), 1, 160);
    assert_in_range(cost(t, "k"), 1, 160);
    (void)cost(
        t,
        KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN KEY_DOWN);
    (void)cost(t, "jjjjjjjj");
    assert_in_range(cost(t, "j"), 1, 260);
    assert_in_range(cost(t, "\033[6~"), 1, 2100);
}

static void moving_costs_less_on_a_slow_line(void **state)
{
    static const char *const far[] = { "SSH_CONNECTION=192.0.2.1 1 192.0.2.2 22", NULL };
    struct term *t = open_many(*state, far);

    assert_in_range(cost(t, "j"), 1, 60);
}

static void a_typed_character_costs_what_it_must(void **state)
{
    struct term *t = open_many(*state, NULL);

    (void)cost(t, "a");
    (void)cost(t, "Ins");
    assert_in_range(cost(t, "p"), 1, 8);
}

static void many_keys_at_once_are_one_frame(void **state)
{
    struct term *t = open_many(*state, NULL);
    char keys[61];

    memset(keys, 'j', 60);
    keys[60] = '\0';
    assert_in_range(cost(t, keys), 1, 3000);
}

static void nothing_is_written_while_nothing_happens(void **state)
{
    struct term *t = open_many(*state, NULL);
    size_t before = t->raw.len;

    term_settle(t, 1500);
    assert_int_equal(t->raw.len, before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(the_first_paint_is_small),
        IN_A_WORLD(moving_costs_little),
        IN_A_WORLD(moving_costs_less_on_a_slow_line),
        IN_A_WORLD(a_typed_character_costs_what_it_must),
        IN_A_WORLD(many_keys_at_once_are_one_frame),
        IN_A_WORLD(nothing_is_written_while_nothing_happens),
    };

    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
