/* The story of a day: sign in, work online, lose the connection, lose the program, and lose nothing
 * else. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/terminal/world.h"

#define SEEDED 50

/* The tasks as another device of the same person has them, JSON Lines sorted by id. */
static void list_there(struct world *w, const char *device, struct buf *out)
{
    const char *const sync[] = { "--data-dir", device, "sync", NULL };
    const char *const export[] = { "--data-dir", device, "export", NULL };

    world_run(w, 0, "", sync);
    world_output(w, export, out);
}

/* Columns that every device must agree on; what is this device's own (states) is left out. */
static int count_titles(const struct buf *lines, const char *title)
{
    char wanted[128];
    int count = 0;

    (void)snprintf(wanted, sizeof wanted, "\"text\":\"%s\"", title);
    for (const char *at = buf_str(lines); (at = strstr(at, wanted)) != NULL; at++)
        count++;
    return count;
}

static void a_day_with_a_dead_backend_and_a_killed_program_loses_nothing(void **state)
{
    static const char *const typed[] = { "Label new breaker panel", "Photograph fence damage",
                                         "Call supplier about seal kit" };
    struct world *w = *state;
    struct buf here = { 0 }, there = { 0 };
    char other[300];
    struct term *t;

    world_seed(w, SEEDED);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "not signed in");
    term_type(t, WORLD_EMAIL KEY_TAB WORLD_PASSWORD KEY_ENTER);
    term_wait(t, "Tasks: open, by due");
    term_wait(t, " ONLINE   | all changes sent");

    /* Online: a mark that goes within one round trip. */
    term_type(t, "aClean strainer, pump 1" KEY_TAB KEY_TAB KEY_TAB "2020-01-01" KEY_F3);
    term_wait(t, "Clean strainer, pump 1");
    term_wait_gone(t, "+ [ ]   Clean strainer, pump 1");
    term_type(t, "e, and 2" KEY_F3);
    term_wait(t, "Clean strainer, pump 1, and 2");
    term_wait_gone(t, "~ [ ]   Clean strainer");
    term_wait(t, " ONLINE   | all changes sent");

    /* The backend dies; capture goes on. */
    world_backend_kill(w);
    for (size_t i = 0; i < 3; i++) {
        char keys[128], row[128];

        (void)snprintf(keys, sizeof keys, "a%s" KEY_TAB KEY_TAB KEY_TAB "2020-01-0%zu" KEY_F3,
                       typed[i], 2 + i);
        (void)snprintf(row, sizeof row, "+ [ ]   %s", typed[i]);
        term_type(t, keys);
        term_wait(t, row);
    }
    term_wait(t, " OFFLINE  | 3 pending");

    /* The program dies. */
    assert_int_equal(kill(t->pid, SIGKILL), 0);
    assert_int_equal(term_wait_exit(t), 128 + SIGKILL);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, " OFFLINE  | 3 pending");
    for (size_t i = 0; i < 3; i++) {
        char row[128];

        (void)snprintf(row, sizeof row, "+ [ ]   %s", typed[i]);
        term_wait(t, row);
    }

    /* The backend is back. */
    world_backend_up(w);
    term_type(t, "s");
    term_wait(t, " ONLINE   | all changes sent");
    for (size_t i = 0; i < 3; i++) {
        char row[128];

        (void)snprintf(row, sizeof row, "    [ ]   %s", typed[i]);
        term_wait(t, row + 1);
        assert_false(term_has(t, "+ [ ]"));
    }
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t), 0);

    /* A second device has the same. */
    (void)snprintf(other, sizeof other, "%s/other", w->dir);
    {
        const char *const login[] = { "--data-dir", other,    "login",     "--server",
                                      w->server,    "--user", WORLD_EMAIL, "--password-file",
                                      "-",          NULL };

        world_run(w, 0, WORLD_PASSWORD "\n", login);
    }
    list_there(w, other, &there);
    (void)snprintf(other, sizeof other, "%s/device", w->dir);
    list_there(w, other, &here);
    assert_string_equal(buf_str(&here), buf_str(&there));
    assert_int_equal(count_titles(&there, "Clean strainer, pump 1, and 2"), 1);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(count_titles(&there, typed[i]), 1);
    buf_done(&here);
    buf_done(&there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_day_with_a_dead_backend_and_a_killed_program_loses_nothing, world_make, world_remove),
    };

    return cmocka_run_group_tests_name("story", tests, NULL, NULL);
}
