/* What a person sees and does: sign in, list, add, edit, states. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tests/terminal/world.h"

static const char *const three[][4] = {
    { "text=Clean strainer, pump 1", "dueAt=2026-11-20", NULL },
    { "text=Replace valve V-14 at north pump house", "priority=high", "dueAt=2026-11-22", NULL },
    { "text=Call supplier about seal kit", NULL },
};

static void add_three(struct world *w)
{
    for (size_t i = 0; i < 3; i++)
        world_add(w, three[i]);
}

static void a_first_start_signs_in_and_ends_in_the_list(void **state)
{
    struct world *w = *state;
    struct term *t = world_open(w, 24, 80, NULL);

    term_wait(t, "Sign in once on this device.");
    term_wait(t, "not signed in");
    term_type(t, WORLD_EMAIL KEY_TAB "wrong one" KEY_ENTER);
    term_wait(t, "! Wrong user name or password.");
    term_type(t, "\025" WORLD_PASSWORD KEY_ENTER);
    term_wait(t, "No tasks yet. F2 adds one.");
    term_wait(t, " ONLINE   | all changes sent");
}

static void the_list_shows_what_the_definition_says(void **state)
{
    const char *const wanted[] = {
        world_title(" OUTPOST  Tasks: open, by due", "maria@", 79),
        "        P Text                                                      Due",
        ">   [ ]   Clean strainer, pump 1                                    2026-11-20",
        "    [ ] H Replace valve V-14 at north pump house                    2026-11-22",
        "    [ ]   Call supplier about seal kit",
        "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "",
        " ONLINE   | all changes sent, HH:MM                                         1/3",
        " F1 Help  F2 New  F3 Find  F4 Edit  F5 Sync  F6 Sort  F7 Done  F9 Queue F10 Quit",
    };
    struct world *w = *state;
    const char *const sync[] = { "sync", NULL };
    struct term *t;

    world_sign_in(w);
    add_three(w);
    world_run(w, 0, "", sync);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, " ONLINE ");
    term_expect(t, wanted, sizeof wanted / sizeof wanted[0]);
}

static void what_is_added_without_a_connection_is_kept_marked_and_sent_later(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_backend_down(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "OFFLINE");
    term_type(t, "aLabel new breaker panel" KEY_F3);
    term_wait(t, "+ [ ]   Label new breaker panel");
    term_wait(t, "Saved on this device. It will be sent when the connection is back.");
    term_wait(t, "OFFLINE  | 1 pending");
    world_backend_up(w);
    term_type(t, KEY_F5);
    term_wait_gone(t, "+ [ ]   Label new breaker panel");
    term_wait(t, "ONLINE   | all changes sent");
}

static void a_wrong_date_stays_in_its_field_with_the_reason(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    term_type(t, "aCheck seal" KEY_TAB KEY_TAB KEY_RIGHT KEY_RIGHT KEY_RIGHT KEY_TAB
                 "2026-02-30" KEY_F3);
    term_wait(t, "! Due        2026-02-30   ! Not a date. Try 2026-02-28, 28.2., fri or +3.");
    term_wait(t, "field 4 of 5");
    term_type(t, "\0252026-02-28" KEY_F3);
    term_wait(t, "[ ] H Check seal");
    term_wait(t, "2026-02-28");
}

static void a_text_that_is_needed_is_asked_for_at_save(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    term_type(t, KEY_F2 KEY_F3);
    term_wait(t, "! Text is needed.");
    term_wait(t, "field 1 of 5");
}

static void deleting_in_an_empty_field_does_nothing(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    term_type(t, "a\025\027\013\177" KEY_TAB KEY_TAB KEY_TAB "\025\027\013\177" KEY_TAB
                 "\025\027\013\177Typed");
    term_wait(t, "Typed");
}

static void done_is_marked_and_undone(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    add_three(w);
    world_backend_down(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "OFFLINE");
    term_type(t, "x");
    term_wait(t, "> + [x]   Clean strainer, pump 1");
    term_type(t, "u");
    term_wait(t, "Undone: done on \"Clean strainer, pump 1\".");
    term_wait(t, "> + [ ]   Clean strainer, pump 1");
}

static void marked_rows_change_together_after_one_question(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    add_three(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "Call supplier");
    term_type(t, "  x");
    term_wait(t, "Mark 2 tasks as done? y/n");
    term_wait(t, "2 marked");
    term_type(t, KEY_ENTER "y");
    term_wait(t, "[x]   Clean strainer");
    term_wait(t, "[x] H Replace valve");
    term_type(t, "jjx");
    term_wait(t, "[x]   Call supplier");
    term_type(t, "vo");
    term_wait(t, "No open tasks. v a shows all.");
    term_type(t, "va");
    term_wait(t, "[x]   Call supplier");
}

static void views_sorts_and_finding_move_the_cursor_where_one_expects(void **state)
{
    struct world *w = *state;
    struct term *t;
    int row, col;

    world_sign_in(w);
    add_three(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "Call supplier");
    term_type(t, "vd");
    term_wait(t, "No tasks are done. v a shows all.");
    term_type(t, "va");
    term_wait(t, "Tasks: all, by due");
    term_type(t, "ooo");
    term_wait(t, "Tasks: all, by title");
    term_type(t, "g/valve" KEY_ENTER);
    term_wait(t, ">");
    term_settle(t, 100);
    term_cursor(t, &row, &col);
    assert_non_null(strstr(term_row(t, row), "Replace valve"));
    assert_int_equal(col, 0);
    term_type(t, "fpump" KEY_ENTER);
    term_wait_gone(t, "Call supplier");
    term_wait(t, "with \"pump\"");
    term_type(t, "fzebra" KEY_ENTER);
    term_wait(t, "Nothing matches \"zebra\". Esc clears the filter.");
    term_type(t, KEY_ESC);
    term_wait(t, "Call supplier");
}

static void a_change_elsewhere_never_moves_the_rows(void **state)
{
    static const char *const earlier[] = { "text=Before all others", "dueAt=2026-01-01", NULL };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    add_three(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "1/3");
    world_add(w, earlier);                      /* another process on the same store */
    term_wait(t, "/4");
    assert_non_null(strstr(term_row(t, 2), "Clean strainer"));
    assert_non_null(strstr(term_row(t, 4), "Call supplier"));
    term_type(t, "j");
    term_wait(t, "Before all others");
    term_wait(t, "3/4");
    assert_non_null(strstr(term_row(t, 3), "Clean strainer"));
}

static void an_escape_and_a_digit_are_a_function_key(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    term_type(t, KEY_ESC "2");
    term_wait(t, "New task");
    term_type(t, "Typed" KEY_ESC);
    term_wait(t, "Save changes? y save, n discard, Esc go on");
    term_type(t, "3");                          /* the second half of Esc 3 = F3 */
    term_wait(t, "[ ]   Typed");
}

static void help_is_made_of_the_keys_that_are_bound(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    term_type(t, "?");
    term_wait(t, "page 1 of 2");
    term_wait(t, "  Done/reopen    x   F7            Undo          u");
    term_wait(t, "OFFLINE  work goes on; changes wait on this device");
    term_type(t, " ");
    term_wait(t, "page 2 of 2");
    term_wait(t, "Open, done, all");
    term_type(t, KEY_ESC);
    term_wait(t, "No tasks yet");
}

static void help_is_laid_out_anew_when_the_window_changes(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, " ONLINE ");
    term_type(t, "?");
    term_wait(t, "New task       a   F2            Edit          e   Enter   F4");
    term_resize(t, 12, 40);
    term_wait(t, "Edit           e   Enter   F4");
    term_wait(t, "               Ctrl-U Ctrl-D");
    term_resize(t, 24, 80);
    term_wait(t, "New task       a   F2            Edit          e   Enter   F4");
}

static void the_queue_shows_what_waits(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_backend_down(w);
    add_three(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "OFFLINE  | 3 pending");
    term_type(t, KEY_F9);
    term_wait(t, "Pending changes");
    term_wait(t, ">+  new                 Clean strainer, pump 1");
    term_wait(t, "waiting");
    term_wait(t, "1/3");
    term_type(t, KEY_ESC);
    term_wait(t, "Tasks: open");
}

static void narrow_windows_have_a_layout_of_their_own(void **state)
{
    const char *const wanted[] = {
        world_title("OUTPOST Tasks: open", "", 40),
        ">  [ ] Clean strainer, pump 1      11-20",
        "   [ ] Replace valve V-14 at nort~ 11-22",
        "   [ ] Call supplier about seal kit",
        "", "", "", "", "",
        "ONLINE   HH:MM                       1/3",
        "F1Help F2New F4Edit F5Sync F9Q F10Quit",
    };
    struct world *w = *state;
    const char *const sync[] = { "sync", NULL };
    struct term *t;

    world_sign_in(w);
    add_three(w);
    world_run(w, 0, "", sync);
    t = world_open(w, 12, 40, NULL);
    term_wait(t, "ONLINE");
    term_expect(t, wanted, sizeof wanted / sizeof wanted[0]);
    term_resize(t, 8, 32);
    term_wait(t, "Window too small (32x8). Needs");
    term_resize(t, 24, 80);
    term_wait(t, "maria@");
    term_wait(t, ">   [ ]   Clean strainer, pump 1");
}

static void signing_out_keeps_what_waits_and_asks_first(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_backend_down(w);
    add_three(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "3 pending");
    term_type(t, "Q");
    term_wait(t, "3 changes are not sent. Signing out keeps them for maria. y/n");
    term_type(t, "y");
    term_wait(t, "not signed in");
    world_backend_up(w);
    term_type(t, WORLD_PASSWORD KEY_ENTER);
    term_wait(t, "Call supplier");
    term_wait(t, "all changes sent");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(a_first_start_signs_in_and_ends_in_the_list),
        IN_A_WORLD(the_list_shows_what_the_definition_says),
        IN_A_WORLD(what_is_added_without_a_connection_is_kept_marked_and_sent_later),
        IN_A_WORLD(a_wrong_date_stays_in_its_field_with_the_reason),
        IN_A_WORLD(a_text_that_is_needed_is_asked_for_at_save),
        IN_A_WORLD(deleting_in_an_empty_field_does_nothing),
        IN_A_WORLD(done_is_marked_and_undone),
        IN_A_WORLD(marked_rows_change_together_after_one_question),
        IN_A_WORLD(views_sorts_and_finding_move_the_cursor_where_one_expects),
        IN_A_WORLD(a_change_elsewhere_never_moves_the_rows),
        IN_A_WORLD(an_escape_and_a_digit_are_a_function_key),
        IN_A_WORLD(help_is_made_of_the_keys_that_are_bound),
        IN_A_WORLD(help_is_laid_out_anew_when_the_window_changes),
        IN_A_WORLD(the_queue_shows_what_waits),
        IN_A_WORLD(narrow_windows_have_a_layout_of_their_own),
        IN_A_WORLD(signing_out_keeps_what_waits_and_asks_first),
    };

    return cmocka_run_group_tests_name("screen", tests, NULL, NULL);
}
