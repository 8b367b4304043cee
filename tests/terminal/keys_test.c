/* What terminals send, and when: function keys in pieces, Esc and a digit, answers to questions that
 * the program asked, or did not ask. None of it may be taken for typing, nor lose what is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "tests/terminal/world.h"

#define PIECE_MS 150                    /* longer than curses waits for the rest of a key */
#define DRAWN_MS 120
#define FRAME_HELD "\033[?2026h"
#define FRAME_GIVEN "\033[?2026l"
#define ASKED "\033[?2026$p"

static bool has_raw(const struct term *t, const char *bytes)
{
    return memmem(t->raw.data, t->raw.len, bytes, strlen(bytes)) != NULL;
}

static struct term *open_three(struct world *w, const char *const *env)
{
    static const char *const tasks[][3] = { { "text=Clean strainer", "dueAt=2026-11-20", NULL },
                                            { "text=Read meters", "dueAt=2026-11-21", NULL },
                                            { "text=Label panel", "dueAt=2026-11-22", NULL } };
    struct term *t;

    world_sign_in(w);
    for (size_t i = 0; i < 3; i++)
        world_add(w, tasks[i]);
    t = world_open(w, 24, 80, env);
    term_wait(t, "all changes sent");
    term_wait(t, "1/3");
    return t;
}

/* ---- keys in pieces ---- */

static void a_function_key_in_pieces_is_that_key_and_no_typing(void **state)
{
    struct term *t = open_three(*state, NULL);

    term_type(t, " ");
    term_wait(t, "1 marked");
    term_type(t, "\033[1");
    term_settle(t, PIECE_MS);
    term_type(t, "9~");
    term_wait(t, "Working offline. O goes online again.");
    term_wait(t, "1 marked");
    term_type(t, "\033");
    term_settle(t, PIECE_MS);
    term_type(t, "[19~");
    term_wait(t, "ONLINE   | all changes sent");
    term_wait(t, "1 marked");                   /* the Esc had cleared it */
    term_type(t, "\033");
    term_settle(t, PIECE_MS);
    term_type(t, "OP");                         /* F1, and no O that works offline */
    term_wait(t, "page 1 of 2");
    assert_true(term_has(t, "ONLINE "));
}

static void a_function_key_in_pieces_leaves_a_field_alone(void **state)
{
    struct term *t = open_three(*state, NULL);

    term_type(t, "a" "Pump");
    term_wait(t, "Text *     Pump__");
    term_type(t, "\033");
    term_wait(t, "Save changes?");
    term_type(t, "OR");                         /* the rest of F3 */
    term_wait(t, "[ ]   Pump");
    term_type(t, "gea");
    term_wait(t, "Clean strainera__");
    term_type(t, "\025");
    term_wait(t, "Text *     ____");
    term_type(t, "\033[1");
    term_settle(t, PIECE_MS);
    term_type(t, "7~");                         /* F6: nothing in a field, and no characters */
    term_type(t, "Valve");
    term_wait(t, "Text *     Valve__");
}

static void esc_and_a_digit_take_back_what_the_esc_cleared(void **state)
{
    struct term *t = open_three(*state, NULL);

    term_type(t, "  ");
    term_wait(t, "2 marked");
    term_type(t, KEY_ESC);
    term_wait_gone(t, "marked");
    term_type(t, "7");
    term_wait(t, "Mark 2 tasks as done? y/n");
    term_type(t, "n");
    term_wait(t, "2 marked");
    term_type(t, KEY_ESC);
    term_wait_gone(t, "marked");
    term_type(t, "fmeters" KEY_ENTER);
    term_wait_gone(t, "Label panel");
    term_type(t, KEY_ESC);
    term_wait(t, "Label panel");
    term_type(t, "1");
    term_wait(t, "page 1 of 2");
    term_type(t, KEY_ESC);
    term_wait_gone(t, "page 1 of 2");
    term_wait_gone(t, "Label panel");           /* the filter is there again */
    term_type(t, KEY_ESC);
    term_wait(t, "Label panel");
    term_type(t, "j");                          /* any other key, and what was cleared is gone */
    term_type(t, KEY_ESC "1");
    term_wait(t, "page 1 of 2");
    term_type(t, KEY_ESC);
    term_wait(t, "Label panel");
}

static void esc_and_a_digit_stay_in_the_queue(void **state)
{
    struct world *w = *state;
    struct term *t = open_three(w, NULL);

    world_backend_down(w);
    term_type(t, "aNew one\023");
    term_wait(t, "1 pending");
    term_type(t, "p");
    term_wait(t, "Pending changes");
    term_type(t, KEY_ESC);
    term_wait(t, "Tasks: open");
    term_type(t, "4");                          /* F4 of the queue: edits its record */
    term_wait(t, "Edit task");
    term_wait(t, "Text *     New one__");
}

/* ---- can the terminal hold a frame? ---- */

/* Draws all of the screen anew, and reads it. */
static void redraw(struct term *t)
{
    buf_clear(&t->raw);
    term_type(t, "\014");
    term_wait(t, "F1 Help");
    term_settle(t, DRAWN_MS);
    assert_true(t->raw.len > 0);
}

static void frames_are_held_only_by_a_terminal_that_says_it_can(void **state)
{
    struct term *t = open_three(*state, NULL);

    assert_true(has_raw(t, ASKED));
    redraw(t);                                  /* it said nothing */
    assert_false(has_raw(t, FRAME_HELD));
    term_type(t, "\033[?2026;0$y");
    redraw(t);
    assert_false(has_raw(t, FRAME_HELD));
    term_type(t, "\033[?2026;2$y");
    redraw(t);
    assert_true(has_raw(t, FRAME_HELD));
    assert_true(has_raw(t, FRAME_GIVEN));
    term_type(t, "\033[?2026;4$y");
    redraw(t);
    assert_false(has_raw(t, FRAME_HELD));
}

static void an_answer_that_is_late_or_in_pieces_is_no_typing(void **state)
{
    struct term *t = open_three(*state, NULL);

    term_type(t, "aPump");
    term_wait(t, "Text *     Pump__");
    term_type(t, "\033[?20");
    term_settle(t, PIECE_MS);
    term_type(t, "26;2$y");
    term_type(t, "s");
    term_wait(t, "Text *     Pumps__");
    buf_clear(&t->raw);
    term_type(t, "\023");
    term_wait(t, "[ ]   Pumps");
    term_settle(t, DRAWN_MS);
    assert_true(has_raw(t, FRAME_HELD));
}

static void answers_that_nobody_asked_for_are_no_keys(void **state)
{
    static const char *const hostile[] = {
        "\033[?2026;99$y", "\033[?9999;1$y", "\033[>41;354;0c", "\033[?1;2c", "\033[24;80R",
        "\033[I",          "\033[O",         "\033[?2026;",     "$y",         "\033[8;24;80t",
    };
    struct world *w = *state;
    struct term *t = open_three(w, NULL);
    struct buf before = { 0 }, after = { 0 };

    term_type(t, " ");
    term_wait(t, "1 marked");
    term_settle(t, DRAWN_MS);
    term_text(t, &before);
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        term_type(t, hostile[i]);
    redraw(t);
    term_text(t, &after);
    assert_string_equal(buf_str(&before), buf_str(&after));
    assert_false(has_raw(t, FRAME_HELD));
    term_type(t, "aPump");
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++)
        term_type(t, hostile[i]);
    term_type(t, "s");
    term_wait(t, "Text *     Pumps__");
    buf_done(&before);
    buf_done(&after);
}

static void old_terminals_are_not_asked(void **state)
{
    static const char *const types[][2] = { { "TERM=vt100", NULL }, { "TERM=linux", NULL } };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    for (size_t i = 0; i < 2; i++) {
        t = world_open(w, 24, 80, types[i]);
        term_wait(t, "No tasks yet");
        term_settle(t, DRAWN_MS);
        assert_false(has_raw(t, "?2026"));
        assert_false(has_raw(t, "?2004"));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(a_function_key_in_pieces_is_that_key_and_no_typing),
        IN_A_WORLD(a_function_key_in_pieces_leaves_a_field_alone),
        IN_A_WORLD(esc_and_a_digit_take_back_what_the_esc_cleared),
        IN_A_WORLD(esc_and_a_digit_stay_in_the_queue),
        IN_A_WORLD(frames_are_held_only_by_a_terminal_that_says_it_can),
        IN_A_WORLD(an_answer_that_is_late_or_in_pieces_is_no_typing),
        IN_A_WORLD(answers_that_nobody_asked_for_are_no_keys),
        IN_A_WORLD(old_terminals_are_not_asked),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("keys", tests, NULL, NULL);
}
