/* What is shown when things are not as usual: no connection at first, a session that is over,
 * refused changes, records that the office removes, several tables. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/terminal/gate.h"
#include "tests/terminal/world.h"

#define MANY 30000                      /* records whose first sync takes a while */

static void signing_in_without_a_connection_tries_again_by_itself(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_backend_down(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "not signed in");
    term_type(t, WORLD_EMAIL KEY_TAB WORLD_PASSWORD KEY_ENTER);
    term_wait(t, "The server refused the connection.");
    term_wait(t, "Trying again by itself.");
    world_backend_up(w);
    term_type(t, KEY_ENTER);                    /* or 15 s later by itself */
    term_wait(t, "No tasks yet");
}

static void a_session_that_is_over_asks_in_place_and_capture_goes_on(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_password(w, "another secret");
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "sign in to send");
    term_type(t, "aStill here" KEY_F3);
    term_wait(t, "+ [ ]   Still here");
    term_type(t, "s");
    term_wait(t, "The session is over.");
    term_wait(t, WORLD_EMAIL);
    term_type(t, KEY_ESC);
    term_wait(t, "+ [ ]   Still here");
    term_type(t, "s");
    term_wait(t, "The session is over.");
    term_type(t, "another secret" KEY_ENTER);
    term_wait(t, "all changes sent");
    term_wait_gone(t, "+ [ ]   Still here");
}

static void a_change_that_is_refused_three_times_raises_a_banner(void **state)
{
    static const char *const urgent[] = { "text=Bad one", "priority=urgent", NULL };
    static const char *const fine[] = { "text=Good one", NULL };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_write(w, "no-config/outpost/tables", "tasks.json", world_more_choices);
    world_add(w, urgent);
    world_add(w, fine);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "Bad one");
    for (int i = 0; i < 3; i++) {
        term_type(t, "s");
        term_settle(t, 300);
    }
    term_wait(t, "! 1 change was refused 3 times");
    term_wait(t, "F5 Retry  F9 Inspect  Esc Hide");
    term_wait(t, "! [ ] U Bad one");
    term_wait(t, "| 1 failed");
    assert_non_null(strstr(term_row(t, 3), "    [ ]   Good one"));
    term_type(t, "p");
    term_wait(t, "Refused 3 times, last at");
    term_wait(t, "failed");
    term_wait(t, "Your change is safe on this device.");
    term_type(t, KEY_ESC);
    term_wait(t, "Inspect  Esc Hide");
    term_type(t, KEY_ESC);
    term_wait_gone(t, "Esc Hide");
    term_wait(t, "| 1 failed");
    /* Editing it sets its refusals back, and it is sent. */
    term_type(t, "ge" KEY_TAB KEY_TAB KEY_LEFT KEY_F3);
    term_wait(t, "all changes sent");
    term_wait(t, ">   [ ] H Bad one");
}

static void the_first_sync_says_why_it_stopped_and_is_tried_again(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_seed(w, MANY);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "not signed in");
    term_type(t, WORLD_EMAIL KEY_TAB WORLD_PASSWORD KEY_ENTER);
    term_wait(t, "Getting your tasks for the first time.");
    world_backend_kill(w);
    term_wait(t, "The first sync stopped before it was complete.");
    term_wait(t, "[ Retry now ]   [ Details ]   [ Sign out ]");
    term_wait(t, "OFFLINE  | first sync not complete");
    term_wait(t, "Trying again by itself at");
    world_backend_up(w);
    term_type(t, KEY_F5);
    term_wait(t, "Tasks: open, by due");
    term_wait(t, "1/");
}

/* The details do not push out what can be done, and when work can start. */
static void a_small_window_shows_all_that_matters_of_a_first_sync_that_stopped(void **state)
{
    struct world *w = *state;
    struct gate gate;
    struct term *t;

    world_seed(w, 1480);
    gate_open(&gate, w->port, "getAllForUser", 2);
    (void)snprintf(w->server, sizeof w->server, "%s", gate.url);
    t = world_open(w, 12, 40, NULL);
    term_wait(t, "F1Help");
    term_type(t, WORLD_EMAIL KEY_TAB WORLD_PASSWORD KEY_ENTER);
    term_wait(t, "100 of 1480");
    gate_close(&gate);
    term_wait(t, "Trying again by itself at");
    term_wait(t, "Work can start when it is complete.");
    term_type(t, KEY_F9);
    term_wait(t, ", code ");
    term_settle(t, 200);                        /* the rest of that frame */
    term_wait(t, "[ Retry now ]");
    term_wait(t, "Work can start when it is complete.");
}

static void every_table_of_the_registry_has_its_list_and_form(void **state)
{
    static const char meters[] =
        "{\"name\":\"meterReadings\",\"label\":\"Readings\",\"labelOne\":\"reading\","
        "\"title\":\"meter\","
        "\"list\":[\"meter\",\"value\",\"readAt\"],\"columns\":["
        "{\"name\":\"meter\",\"label\":\"Meter\",\"type\":\"text\","
        "\"required\":true,\"maxLength\":40},"
        "{\"name\":\"value\",\"label\":\"Value\",\"type\":\"real\",\"unit\":\"kWh\",\"min\":0},"
        "{\"name\":\"readAt\",\"label\":\"Read\",\"type\":\"date\"}]}";
    struct world *w = *state;
    struct term *t;

    world_backend_down(w);
    world_write(w, "tables", "readings.json", meters);
    w->has_tables = true;
    world_write(w, "no-config/outpost/tables", "readings.json", meters);
    world_backend_up(w);
    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    term_type(t, KEY_TAB);
    term_wait(t, "No readings yet. F2 adds one.");
    term_type(t, "a");
    term_wait(t, "New reading");
    term_wait(t, "kWh");
    term_type(t, "E-7" KEY_TAB "-3" KEY_F3);
    term_wait(t, "! Value");
    term_type(t, "\0251204.5" KEY_TAB "2026-11-20" KEY_F3);
    term_wait(t, "E-7");
    term_wait(t, "1204.5");
    term_wait(t, "2026-11-20");
    term_wait(t, "all changes sent");
}

static void two_screens_on_one_store_show_the_same(void **state)
{
    static const char *const nothing[] = { NULL };
    struct world *w = *state;
    const char *const argv[] = { world_program(), NULL };
    struct term *one, two;

    world_sign_in(w);
    one = world_open(w, 24, 80, NULL);
    term_wait(one, "No tasks yet");
    term_start(&two, 24, 80, argv, nothing);
    term_wait(&two, "No tasks yet");
    term_type(&two, "aSeen twice" KEY_F3);
    term_wait(&two, "[ ]   Seen twice");
    term_wait(one, "[ ]   Seen twice");
    term_wait(one, "all changes sent");
    term_wait(&two, "all changes sent");
    term_stop(&two);
}

static void what_the_office_removes_stays_struck_until_the_user_moves(void **state)
{
    static const char *const first[] = { "text=First", "dueAt=2026-11-01", NULL };
    static const char *const second[] = { "text=Second", "dueAt=2026-11-02", NULL };
    struct world *w = *state;
    const char *const sync[] = { "sync", NULL };
    char id[64], args[128];
    struct term *t;

    world_sign_in(w);
    world_add(w, first);
    world_run(w, 0, "", sync);
    world_client_id(w, "First", id);
    world_add(w, second);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "1/2");
    term_wait(t, "all changes sent");
    (void)snprintf(args, sizeof args, "\"table\":\"tasks\",\"clientId\":\"%s\"", id);
    world_office(w, "records:remove", args);
    term_type(t, "s");
    term_wait(t, "> - [ ]   First");
    term_wait(t, "    [ ]   Second");
    term_wait(t, "1 task updated from the server.");
    term_type(t, "j");
    term_wait_gone(t, "First");
    term_wait(t, ">   [ ]   Second");
}

static void an_editor_says_when_the_office_removes_its_record(void **state)
{
    static const char *const first[] = { "text=First", "priority=low", NULL };
    struct world *w = *state;
    const char *const sync[] = { "sync", NULL };
    char id[64], args[128];
    struct term *t;

    world_sign_in(w);
    world_add(w, first);
    world_run(w, 0, "", sync);
    world_client_id(w, "First", id);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "all changes sent");
    term_type(t, "e!");
    term_wait(t, "First!");
    (void)snprintf(args, sizeof args, "\"table\":\"tasks\",\"clientId\":\"%s\"", id);
    world_office(w, "records:remove", args);
    world_run(w, 0, "", sync);
    term_wait(t, "The office removed this task. Saving brings it back.");
    term_type(t, KEY_F3);
    term_wait(t, "[ ] L First!");
    term_wait(t, "all changes sent");
}

static void working_offline_is_a_choice_that_a_restart_keeps(void **state)
{
    const char *const one[] = { "text=Read meters", NULL };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_add(w, one);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "ONLINE   | all changes sent");
    term_type(t, "\033[19~");
    term_wait(t, "Working offline. O goes online again.");
    term_type(t, "x");
    term_wait(t, "OFFLINE  | 1 pending");
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t), 0);
    world_close(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "OFFLINE  | 1 pending");
    term_type(t, "O");
    term_wait(t, "ONLINE   | all changes sent");
}

static void a_filter_takes_conditions_and_marked_records_one_field(void **state)
{
    static const char *const tasks[][4] = {
        { "text=Clean strainer", "priority=high", "dueAt=2026-11-20", NULL },
        { "text=Read meters", "priority=low", "dueAt=2026-11-21", NULL },
        { "text=Label panel", "priority=high", NULL },
    };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        world_add(w, tasks[i]);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "Read meters");
    term_type(t, "fprio:high" KEY_ENTER);
    term_wait_gone(t, "Read meters");
    term_wait(t, "Label panel");
    term_type(t, "  edue:2026-12-24" KEY_ENTER);
    term_wait(t, "Set due of 2 tasks to \"2026-12-24\"? y/n");
    term_type(t, "y");
    term_wait(t, "[ ] H Clean strainer                                            2026-12-24");
    term_wait(t, "[ ] H Label panel                                               2026-12-24");
    term_type(t, "f" KEY_UP KEY_ENTER);
    term_wait(t, "with \"prio:high\"");
    term_type(t, "fdue:never" KEY_ENTER);
    term_wait(t, "Not a date.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(signing_in_without_a_connection_tries_again_by_itself),
        IN_A_WORLD(a_session_that_is_over_asks_in_place_and_capture_goes_on),
        IN_A_WORLD(a_change_that_is_refused_three_times_raises_a_banner),
        IN_A_WORLD(the_first_sync_says_why_it_stopped_and_is_tried_again),
        IN_A_WORLD(a_small_window_shows_all_that_matters_of_a_first_sync_that_stopped),
        IN_A_WORLD(every_table_of_the_registry_has_its_list_and_form),
        IN_A_WORLD(what_the_office_removes_stays_struck_until_the_user_moves),
        IN_A_WORLD(an_editor_says_when_the_office_removes_its_record),
        IN_A_WORLD(two_screens_on_one_store_show_the_same),
        IN_A_WORLD(working_offline_is_a_choice_that_a_restart_keeps),
        IN_A_WORLD(a_filter_takes_conditions_and_marked_records_one_field),
    };

    return cmocka_run_group_tests_name("states", tests, NULL, NULL);
}
