#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "ui/line_edit.h"

#define FAMILY "\U0001F468\u200D\U0001F469\u200D\U0001F467"    /* one emoji of three, joined */

static void type(struct line_edit *e, const char *text)
{
    line_edit_insert(e, text, strlen(text));
}

static void a_base_and_its_marks_go_together(void **state)
{
    struct line_edit e = { 0 };

    (void)state;
    type(&e, "ae\u0301" FAMILY);
    assert_true(line_edit_act(&e, UI_DO_TEXT_BACKSPACE));
    assert_string_equal(buf_str(&e.text), "ae\u0301");
    assert_true(line_edit_act(&e, UI_DO_TEXT_LEFT));
    assert_int_equal(e.at, 1);
    assert_true(line_edit_act(&e, UI_DO_TEXT_DELETE));
    assert_string_equal(buf_str(&e.text), "a");
    line_edit_done(&e);
}

static void words_and_halves_are_deleted(void **state)
{
    struct line_edit e = { 0 };

    (void)state;
    type(&e, "replace valve now");
    (void)line_edit_act(&e, UI_DO_TEXT_WORD);
    assert_string_equal(buf_str(&e.text), "replace valve ");
    (void)line_edit_act(&e, UI_DO_TEXT_HOME);
    (void)line_edit_act(&e, UI_DO_TEXT_RIGHT);
    (void)line_edit_act(&e, UI_DO_TEXT_REST);
    assert_string_equal(buf_str(&e.text), "r");
    (void)line_edit_act(&e, UI_DO_TEXT_ALL);
    assert_string_equal(buf_str(&e.text), "");
    (void)line_edit_act(&e, UI_DO_TEXT_BACKSPACE);
    (void)line_edit_act(&e, UI_DO_TEXT_LEFT);
    (void)line_edit_act(&e, UI_DO_TEXT_RIGHT);
    (void)line_edit_act(&e, UI_DO_TEXT_WORD);
    assert_int_equal(e.at, 0);
    line_edit_done(&e);
}

static void what_is_pasted_into_one_line_has_no_newlines_and_no_controls(void **state)
{
    struct line_edit e = { 0 }, notes = { .is_multiline = true };

    (void)state;
    type(&e, "a\r\nb\tc\033[31md\x80");
    assert_string_equal(buf_str(&e.text), "a b c[31md?");
    type(&notes, "a\r\nb\rc");
    assert_string_equal(buf_str(&notes.text), "a\nb\nc");
    line_edit_done(&e);
    line_edit_done(&notes);
}

static void lines_are_moved_through_as_they_are_shown(void **state)
{
    struct line_edit e = { .is_multiline = true };

    (void)state;
    type(&e, "one two three\nfour");
    assert_int_equal(line_edit_rows(&e, 8), 3);         /* one two / three / four */
    assert_true(line_edit_move_line(&e, -1, 8));
    assert_int_equal(e.at, 12);                         /* behind "thre" */
    assert_true(line_edit_move_line(&e, -1, 8));
    assert_int_equal(e.at, 4);
    assert_false(line_edit_move_line(&e, -1, 8));
    assert_true(line_edit_move_line(&e, 1, 8));
    assert_true(line_edit_move_line(&e, 1, 8));
    assert_false(line_edit_move_line(&e, 1, 8));
    line_edit_done(&e);
}

static void wrapping_breaks_at_blanks_and_else_anywhere(void **state)
{
    const char *s = "take spare 88-120.";
    size_t end, next;

    (void)state;
    next = ui_wrap(s, strlen(s), 0, 12, &end);
    assert_int_equal(end, 10);
    assert_int_equal(next, 11);
    next = ui_wrap(s, strlen(s), next, 12, &end);
    assert_int_equal(end, strlen(s));
    assert_true(next > strlen(s));
    next = ui_wrap("abcdefgh", 8, 0, 3, &end);
    assert_int_equal(end, 3);
    assert_int_equal(next, 3);
    next = ui_wrap("\u6f22\u6f22\u6f22", 9, 0, 4, &end);        /* two columns each */
    assert_int_equal(end, 6);
}

static int use_utf8(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}

static void a_field_without_a_width_still_has_lines_that_end(void **state)
{
    const char text[] = "wide \xE6\xB0\xB4\xE6\xB3\xB5 and more";

    (void)state;
    for (int width = 0; width <= 1; width++) {
        size_t end, from = 0;
        int rows = 0;
        while (from <= strlen(text) && rows < 100) {
            size_t next = ui_wrap(text, strlen(text), from, width, &end);
            assert_true(next > from);
            from = next;
            rows++;
        }
        assert_true(rows < 100);
    }
}

static void deleting_in_an_empty_text_does_nothing(void **state)
{
    static const enum ui_action deleting[] = {
        UI_DO_TEXT_BACKSPACE, UI_DO_TEXT_DELETE, UI_DO_TEXT_WORD, UI_DO_TEXT_ALL, UI_DO_TEXT_REST,
    };
    struct line_edit e = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof deleting / sizeof deleting[0]; i++) {
        (void)line_edit_act(&e, deleting[i]);
        assert_int_equal(e.text.len, 0);
        assert_int_equal(e.at, 0);
    }
    line_edit_done(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_field_without_a_width_still_has_lines_that_end),
        cmocka_unit_test(a_base_and_its_marks_go_together),
        cmocka_unit_test(words_and_halves_are_deleted),
        cmocka_unit_test(what_is_pasted_into_one_line_has_no_newlines_and_no_controls),
        cmocka_unit_test(lines_are_moved_through_as_they_are_shown),
        cmocka_unit_test(wrapping_breaks_at_blanks_and_else_anywhere),
        cmocka_unit_test(deleting_in_an_empty_text_does_nothing),
    };

    return cmocka_run_group_tests(tests, use_utf8, NULL);
}
