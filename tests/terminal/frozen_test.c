/* A backend that accepts connections and never answers: SIGSTOP. The screen must not notice. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>
#include "tests/terminal/world.h"

#define SAVES 15
/* One wait for the network would be 30 s, the time that an answer may take; all of this together is far below. */
#define ALL_TOGETHER_S 15

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void typing_saving_and_scrolling_go_on_while_the_backend_is_frozen(void **state)
{
    struct world *w = *state;
    char keys[64], row[64];
    struct term *t;

    world_seed(w, 500);
    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "all changes sent");
    kill(w->backend, SIGSTOP);
    double started = now_s();
    for (int i = 0; i < SAVES; i++) {
        (void)snprintf(keys, sizeof keys, "aTyped while frozen %d", i);
        (void)snprintf(row, sizeof row, "Typed while frozen %d", i);
        term_type(t, keys);
        term_wait(t, row);
        term_type(t, KEY_F3);
        term_wait(t, "Saved");
        term_type(t, "g");
        term_wait_gone(t, row);
        term_type(t, "\033[6~\033[6~G");
        term_wait(t, row);
    }
    double took = now_s() - started;
    kill(w->backend, SIGCONT);
    if (took > ALL_TOGETHER_S)
        fail_msg("%d saves took %.1f s while the backend was frozen", SAVES, took);
    term_wait(t, "all changes sent");
}

static void quitting_does_not_wait_for_a_frozen_backend(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    kill(w->backend, SIGSTOP);
    term_type(t, "aOne more" KEY_F3);
    term_wait(t, "[ ]   One more");
    double started = now_s();
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t), 0);
    double took = now_s() - started;
    kill(w->backend, SIGCONT);
    if (took > 5)
        fail_msg("quitting took %.1f s while the backend was frozen", took);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            typing_saving_and_scrolling_go_on_while_the_backend_is_frozen, world_make, world_remove),
        cmocka_unit_test_setup_teardown(
            quitting_does_not_wait_for_a_frozen_backend, world_make, world_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
