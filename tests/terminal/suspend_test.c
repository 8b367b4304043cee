/* Job control: stopped by ^Z, started or sent to the background, frozen from outside. Whoever is
 * stopped holds up nobody else, and goes on where it was. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/terminal/world.h"

#define UNTIL_STOPPED "until grep -q '^State:.T' /proc/$p/status; do sleep 0.05; done; "

/* A shell with job control that runs the script; $0 is the program, $1 the server. */
static struct term *open_shell(struct world *w, const char *script)
{
    static const char *const nothing[] = { NULL };
    const char *const shell[] = { "/bin/bash", "--norc", "-c", script, world_program(), w->server, NULL };

    world_close(w);
    term_start(&w->term, 24, 80, shell, nothing);
    w->has_term = true;
    return &w->term;
}

/* Somebody else can sync, at once, while the screen is stopped. */
static void others_sync(struct world *w)
{
    const char *const sync[] = { "sync", NULL };

    world_run(w, 0, "", sync);
}

static void a_stopped_screen_leaves_syncing_to_others(void **state)
{
    struct world *w = *state;
    struct term *t;
    struct buf said = { 0 };
    const char *const status[] = { "status", "--json", NULL };

    world_sign_in(w);
    t = open_shell(w, "set -m; \"$0\" --server \"$1\"; echo stopped; read x; fg");
    term_wait(t, "No tasks yet");
    world_backend_down(w);
    term_type(t, "aRead meters" KEY_F3);
    term_wait(t, "OFFLINE  | 1 pending");
    term_type(t, "aHalf a ta");
    term_wait(t, "Half a ta__");
    term_type(t, "\032");
    term_wait(t, "stopped");
    assert_true(term_is_restored(t));
    world_backend_up(w);
    others_sync(w);
    world_output(w, status, &said);
    assert_non_null(strstr(buf_str(&said), "\"pending\":0"));
    term_type(t, KEY_ENTER);
    term_wait(t, "Half a ta__");
    term_wait(t, "ONLINE ");
    term_type(t, "sk" KEY_F3);
    term_wait(t, "[ ]   Half a task");
    term_wait(t, "all changes sent");
    buf_done(&said);
}

/* The kernel stops it when it would set up the terminal (SIGTTOU). */
static void a_screen_started_in_the_background_waits_and_holds_nothing(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = open_shell(w, "set -m; \"$0\" --server \"$1\" & p=$!; " UNTIL_STOPPED
                      "echo waits; read x; fg");
    term_wait(t, "waits");
    assert_true(term_is_restored(t));
    assert_false(term_has(t, "OUTPOST"));
    others_sync(w);
    term_type(t, KEY_ENTER);
    term_wait(t, "No tasks yet");
    term_wait(t, "all changes sent");
    term_type(t, "aPump" KEY_F3);
    term_wait(t, "[ ]   Pump");
}

static void a_stopped_screen_sent_to_the_background_stops_again(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = open_shell(w, "set -m; \"$0\" --server \"$1\"; p=$(jobs -p); bg; " UNTIL_STOPPED
                      "echo waits; read x; fg");
    term_wait(t, "No tasks yet");
    term_type(t, "\032");
    term_wait(t, "waits");
    assert_true(term_is_restored(t));
    others_sync(w);
    term_type(t, KEY_ENTER);
    term_wait(t, "No tasks yet");
    term_type(t, "aPump" KEY_F3);
    term_wait(t, "[ ]   Pump");
    term_wait(t, "all changes sent");
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t), 0);
    assert_true(term_is_restored(t));
}

static void a_frozen_holder_is_named_and_capture_goes_on(void **state)
{
    static const char *const nothing[] = { NULL };
    struct world *w = *state;
    const char *const argv[] = { world_program(), "--server", w->server, NULL };
    struct term *holder, other;
    char named[80];

    world_sign_in(w);
    holder = world_open(w, 24, 80, NULL);
    term_wait(holder, "all changes sent");
    assert_int_equal(kill(holder->pid, SIGSTOP), 0);
    term_start(&other, 24, 80, argv, nothing);
    (void)snprintf(named, sizeof named, "Process %ld holds the store and is stopped.",
                   (long)holder->pid);
    term_wait(&other, named);
    term_type(&other, "aPump" KEY_F3);
    term_wait(&other, "+ [ ]   Pump");
    assert_int_equal(kill(holder->pid, SIGCONT), 0);
    term_wait_gone(&other, "+ [ ]   Pump");
    term_wait(&other, "[ ]   Pump");
    term_stop(&other);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(a_stopped_screen_leaves_syncing_to_others),
        IN_A_WORLD(a_screen_started_in_the_background_waits_and_holds_nothing),
        IN_A_WORLD(a_stopped_screen_sent_to_the_background_stops_again),
        IN_A_WORLD(a_frozen_holder_is_named_and_capture_goes_on),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("suspend", tests, NULL, NULL);
}
