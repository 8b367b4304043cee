/* The screens as they were drawn before the program was: whole, at 80x24 and at 40x12, and the same
 * on a modern terminal, on the console and on a vt100. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/terminal/drawing.h"
#include "tests/terminal/gate.h"

#define CLEAR "\025" /* ^U, in a field */
#define SAVE "\023"  /* ^S */
#define END_OF_STEPS                                                                               \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

static void add_six(struct world *w)
{
    static const char *const tasks[][5] = {
        { "text=Clean strainer, pump 1", "dueAt=2026-11-20", NULL },
        { "text=Replace valve V-14 at north pump house", "priority=high", "dueAt=2026-11-22",
          "notes=Shut V-12 and V-13 first. Old seal is swollen; take spare 88-120.", NULL },
        { "text=Read meters, rows A to F", "priority=high", "dueAt=2026-11-23", NULL },
        { "text=Order filter cartridges (12)", "dueAt=2026-11-24", NULL },
        { "text=Inspect cable run, shed 3; note loose clamps and take photographs",
          "dueAt=2026-11-24", NULL },
        { "text=Call supplier about seal kit", NULL },
    };
    const char *const sync[] = { "sync", NULL };

    world_sign_in(w);
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++)
        world_add(w, tasks[i]);
    world_run(w, 0, "", sync);
}

static void add_two(struct world *w)
{
    static const char *const label[] = { "text=Label new breaker panel", "priority=low",
                                         "dueAt=2026-11-27", NULL };
    static const char *const photograph[] = { "text=Photograph fence damage, gate 2",
                                              "priority=low", NULL };

    world_add(w, label);
    world_add(w, photograph);
}

/* Does something on a screen that nobody compares. */
static void do_once(struct world *w, const struct step *steps)
{
    struct term *t = world_open(w, 24, 80, NULL);

    drawing_walk(t, steps);
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t), 0);
    world_close(w);
}

/* A change and two new tasks, that wait for a connection. */
static void wait_with_three(struct world *w)
{
    static const struct step changes[] = {
        { NULL, "Call supplier" },
        { "je", "Edit task" },
        { KEY_TAB KEY_TAB KEY_TAB CLEAR "2026-11-21" SAVE, "~ [ ] H Replace" },
        END_OF_STEPS,
    };

    add_six(w);
    world_backend_down(w);
    do_once(w, changes);
    add_two(w);
}

/* And one that is done. */
static void wait_with_four(struct world *w)
{
    static const struct step done[] = {
        { NULL, "Call supplier" },
        { "x", "[x]   Clean strainer" },
        END_OF_STEPS,
    };

    wait_with_three(w);
    do_once(w, done);
}

static void signing_in(void **state)
{
    static const struct step there[] = {
        { NULL, "not signed in" },
        { WORLD_EMAIL KEY_TAB "wrong one" KEY_ENTER, "! Wrong user name or password." },
        END_OF_STEPS,
    };

    drawing_check(*state, "login", there, NULL);
}

static void the_first_sync_under_way(void **state)
{
    static const struct step there[] = {
        { NULL, "of 1480" },
        END_OF_STEPS,
    };
    struct world *w = *state;
    struct gate gate;

    world_seed(w, 1480);
    gate_open(&gate, w->port, "getAllForUser", 2);
    (void)snprintf(w->server, sizeof w->server, "%s", gate.url);
    {
        static const struct step sign_in[] = {
            { NULL, "not signed in" },
            { WORLD_EMAIL KEY_TAB WORLD_PASSWORD KEY_ENTER, "100 of 1480" },
            END_OF_STEPS,
        };
        do_once(w, sign_in);
    }
    drawing_check(w, "first-sync", there, NULL);
    gate_close(&gate);
}

static void the_first_sync_that_stopped(void **state)
{
    static const struct step there[] = {
        { NULL, "Trying again by itself" },
        END_OF_STEPS,
    };
    static const struct step sign_in[] = {
        { NULL, "not signed in" },
        { WORLD_EMAIL KEY_TAB WORLD_PASSWORD KEY_ENTER, "100 of 1480" },
        END_OF_STEPS,
    };
    struct world *w = *state;
    struct gate gate;

    world_seed(w, 1480);
    gate_open(&gate, w->port, "getAllForUser", 2);
    (void)snprintf(w->server, sizeof w->server, "%s", gate.url);
    do_once(w, sign_in);
    gate_close(&gate);
    drawing_check(w, "first-sync-stopped", there, NULL);
}

static void the_list_online(void **state)
{
    static const struct step there[] = {
        { NULL, "ONLINE" }, { "x", "[x]" }, { NULL, ">  " }, /* sent */
        { "j", "2/6" }, END_OF_STEPS,
    };
    static const struct step back[] = {
        { "gx", "1/6" },
        END_OF_STEPS,
    };

    add_six(*state);
    drawing_check(*state, "list-online", there, back);
}

static void the_list_offline(void **state)
{
    static const struct step there[] = {
        { NULL, " pend" }, { "x", "4 pend" }, { "j ", "*" }, { "jj gj", "*" }, END_OF_STEPS,
    };
    static const struct step back[] = {
        { KEY_ESC, " pend" },
        { "gx", "[ ] " },
        END_OF_STEPS,
    };

    wait_with_three(*state);
    drawing_check(*state, "list-offline", there, back);
}

static void sending(void **state)
{
    static const struct step there[] = {
        { NULL, "SYNCING" },
        { "j", "^" },
        END_OF_STEPS,
    };
    struct world *w = *state;
    struct gate gate;

    wait_with_three(w);
    world_backend_up(w);
    gate_open(&gate, w->port, "psert", 1);
    (void)snprintf(w->server, sizeof w->server, "%s", gate.url);
    drawing_check(w, "sending", there, NULL);
    gate_close(&gate);
}

/* A change that the backend refuses, among three that it takes. */
static void refuse_one(struct world *w)
{
    static const struct step changes[] = {
        { NULL, "Call supplier" },
        { "je" KEY_TAB KEY_TAB "+", "urgent" },
        { SAVE, "U Replace valve" },
        { NULL, "1 failed" },
        END_OF_STEPS,
    };

    add_six(w);
    world_write(w, WORLD_TABLES, "tasks.json", world_more_choices);
    do_once(w, changes);
}

static void a_refused_change(void **state)
{
    static const struct step there[] = {
        { NULL, "1 failed" },
        { "j", ">" },
        END_OF_STEPS,
    };

    refuse_one(*state);
    drawing_check(*state, "refused", there, NULL);
}

static void the_queue(void **state)
{
    static const struct step there[] = {
        { NULL, "1 failed" },
        { "p", "Pending changes" },
        END_OF_STEPS,
    };
    struct world *w = *state;

    refuse_one(w);
    world_backend_down(w);
    add_two(w);
    drawing_check(w, "queue", there, NULL);
}

static void the_editor(void **state)
{
    static const struct step there[] = {
        { NULL, "4 pend" },
        { "va", "all" },
        { "gje", "Edit task" },
        { KEY_TAB KEY_TAB KEY_TAB CLEAR "2026-02-30" SAVE, "! Not a date." },
        { NULL, "draft" },
        END_OF_STEPS,
    };
    static const struct step back[] = {
        { KEY_ESC, "Save changes?" },
        { "n", "all" },
        END_OF_STEPS,
    };

    wait_with_four(*state);
    drawing_check(*state, "editor", there, back);
}

static void help(void **state)
{
    static const struct step first[] = {
        { NULL, "4 pend" },
        { "?", "Help" },
        END_OF_STEPS,
    };
    static const struct step second[] = {
        { NULL, "4 pend" },
        { "?", "Help" },
        { " ", "2/" },
        END_OF_STEPS,
    };

    wait_with_four(*state);
    drawing_check(*state, "help-1", first, NULL);
    drawing_check(*state, "help-2", second, NULL);
}

/* An argument is a pattern: only tests of such a name. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(signing_in),
        IN_A_WORLD(the_first_sync_under_way),
        IN_A_WORLD(the_first_sync_that_stopped),
        IN_A_WORLD(the_list_online),
        IN_A_WORLD(the_list_offline),
        IN_A_WORLD(sending),
        IN_A_WORLD(a_refused_change),
        IN_A_WORLD(the_queue),
        IN_A_WORLD(the_editor),
        IN_A_WORLD(help),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("drawings", tests, NULL, NULL);
}
