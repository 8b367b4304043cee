/* Nothing moves by itself: a row that was drawn stays where it is when it fits the view no more, by the
 * user's hand or the office's, until the view is entered again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/terminal/world.h"

#define TASKS 60
#define LOOKS 20
#define LOOK_MS 100

static struct term *open_tasks(struct world *w)
{
    const char *const args[] = { "import", "-", NULL };
    const char *const sync[] = { "sync", NULL };
    struct buf lines = { 0 };
    struct term *t;

    world_sign_in(w);
    for (int i = 1; i <= TASKS; i++)
        buf_printf(&lines, "{\"text\":\"Pump %02d\",\"priority\":\"%s\",\"dueAt\":\"2026-11-%02d\"}\n",
                   i, i % 2 ? "high" : "low", 1 + i / 3);
    world_run(w, 0, buf_str(&lines), args);
    world_run(w, 0, "", sync);
    buf_done(&lines);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "all changes sent");
    term_type(t, "oooog");      /* the order by due, again */
    term_wait(t, "1/60");
    return t;
}

/* Row 0 is the first under the heads. The rest of a frame may be on its way still. */
static void expect_row(struct term *t, int row, const char *text)
{
    for (int i = 0; i < LOOKS && !strstr(term_row(t, 2 + row), text); i++)
        term_settle(t, LOOK_MS);
    if (!strstr(term_row(t, 2 + row), text))
        fail_msg("row %d is not \"%s\" but: %s", row, text, term_row(t, 2 + row));
}

static void a_done_row_stays_while_the_list_is_moved_resized_and_sorted(void **state)
{
    struct term *t = open_tasks(*state);

    term_type(t, "o");          /* by priority */
    term_wait(t, "by priority");
    term_type(t, "ooo");
    term_wait(t, "open, by due");
    term_type(t, "gj");
    term_wait(t, "2/60");
    term_type(t, "x");
    term_wait(t, "[x]");
    term_wait(t, "all changes sent");
    expect_row(t, 1, "[x] ");
    term_type(t, "j");
    term_wait(t, "3/60");
    expect_row(t, 1, "[x] ");
    term_type(t, "\033[6~\033[6~");
    term_wait_gone(t, "[x]");
    term_type(t, "g");
    term_wait(t, "[x]");
    term_wait(t, "1/60");
    expect_row(t, 1, "[x] ");
    term_type(t, "G");
    term_wait(t, "60/60");
    term_type(t, "\033[5~\033[5~\033[5~");
    term_wait(t, "[x]");
    term_type(t, "g");
    term_wait(t, "1/60");
    expect_row(t, 1, "[x] ");
    term_resize(t, 30, 100);
    term_wait(t, "Changed");
    expect_row(t, 1, "[x] ");
    term_resize(t, 24, 80);
    term_wait_gone(t, "Changed");
    expect_row(t, 1, "[x] ");
    term_type(t, "oooo");
    term_wait(t, "open, by due");
    term_wait(t, "[x]");
    term_type(t, "vo");
    term_wait(t, "/59");
    term_wait_gone(t, "[x]");
}

static int row_of(struct term *t, const char *text)
{
    for (int row = 0; row < t->rows - 2; row++) {
        if (strstr(term_row(t, 2 + row), text))
            return row;
    }
    fail_msg("no %s", text);
    return -1;
}

static void what_the_office_does_moves_no_row(void **state)
{
    struct world *w = *state;
    struct term *t = open_tasks(w);
    char id[64], args[256];
    int row;

    term_type(t, "jj");
    term_wait(t, "3/60");
    row = row_of(t, "Pump 02");
    world_client_id(w, "Pump 02", id);
    (void)snprintf(args, sizeof args,
                   "\"table\":\"tasks\",\"clientId\":\"%s\",\"set\":{\"isCompleted\":true}", id);
    world_office(w, "records:update", args);
    term_type(t, "s");
    term_wait(t, "[x] L Pump 02");
    term_wait(t, "3/60");
    expect_row(t, row, "[x] L Pump 02");
    term_type(t, "j");
    term_wait(t, "4/60");
    term_wait(t, "[x] L Pump 02");
    expect_row(t, row, "[x] L Pump 02");
    term_type(t, "u");          /* nothing of ours to undo: the row is still there to be changed */
    term_type(t, "fprio:low\r");
    term_wait(t, "with \"prio:low\"");
    term_wait_gone(t, "Pump 02");
    term_wait(t, "[ ] L Pump 04");
    world_client_id(w, "Pump 04", id);
    (void)snprintf(args, sizeof args,
                   "\"table\":\"tasks\",\"clientId\":\"%s\",\"set\":{\"priority\":\"high\"}", id);
    world_office(w, "records:update", args);
    term_type(t, "s");
    term_wait(t, "[ ] H Pump 04");
    term_type(t, "jjk");
    term_settle(t, 200);
    assert_true(term_has(t, "[ ] H Pump 04"));
    term_type(t, "fprio:low\r");
    term_wait_gone(t, "Pump 04");
}

static void a_row_that_an_edit_takes_out_of_the_filter_stays(void **state)
{
    struct term *t = open_tasks(*state);

    term_type(t, "fpump 1\r");
    term_wait(t, "with \"pump 1\"");
    term_wait(t, "Pump 10");
    term_type(t, "ge");
    term_wait(t, "Edit task");
    term_type(t, "\025Hose 77\023");
    term_wait(t, "Hose 77");
    term_wait(t, "with \"pump 1\"");
    term_type(t, "jjjk");
    term_settle(t, 200);
    expect_row(t, 0, "Hose 77");
    term_type(t, KEY_ESC);
    term_wait_gone(t, "with \"pump 1\"");
    term_wait(t, "Hose 77");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(a_done_row_stays_while_the_list_is_moved_resized_and_sorted),
        IN_A_WORLD(what_the_office_does_moves_no_row),
        IN_A_WORLD(a_row_that_an_edit_takes_out_of_the_filter_stays),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("stay", tests, NULL, NULL);
}
