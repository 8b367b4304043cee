#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "ui/input.h"
#include "ui/terminal.h"

static void feed(struct input *in, const char *bytes, int64_t now)
{
    for (; *bytes; bytes++)
        input_feed(in, (unsigned char)*bytes, now);
}

static void expect(struct input *in, int64_t now, int32_t code, const char *text)
{
    struct ui_key key;

    assert_true(input_next(in, false, now, &key));
    assert_int_equal(key.code, code);
    if (text) {
        assert_int_equal(key.len, strlen(text));
        assert_memory_equal(key.text, text, key.len);
    }
}

static void expect_none(struct input *in, int64_t now)
{
    struct ui_key key;

    assert_false(input_next(in, false, now, &key));
}

static void a_character_that_the_line_cut_is_put_together(void **state)
{
    struct input in = { 0 };

    (void)state;
    feed(&in, "\xE6\xBC", 0);
    expect_none(&in, 10);
    feed(&in, "\xA2", 20);
    expect(&in, 20, 0x6F22, "\u6F22");
    input_done(&in);
}

static void bytes_that_are_no_character_become_question_marks(void **state)
{
    struct input in = { 0 };

    (void)state;
    feed(&in, "\xFF"
              "a\xC3",
         0);
    expect(&in, 0, '?', "?");
    expect(&in, 0, 'a', "a");
    expect_none(&in, 0);
    expect(&in, input_due(&in), '?', "?");
    input_done(&in);
}

static void enter_and_backspace_come_in_all_their_forms(void **state)
{
    struct input in = { 0 };

    (void)state;
    feed(&in, "\r\n\b\x7F\t", 0);
    expect(&in, 0, UI_KEY_ENTER, NULL);
    expect(&in, 0, UI_KEY_ENTER, NULL);
    expect(&in, 0, UI_KEY_BACKSPACE, NULL);
    expect(&in, 0, UI_KEY_BACKSPACE, NULL);
    expect(&in, 0, UI_KEY_TAB, NULL);
    input_feed(&in, KEY_F(10), 0);
    expect(&in, 0, UI_KEY_F1 + 9, NULL);
    input_done(&in);
}

static void an_escape_and_a_digit_within_a_second_are_a_function_key(void **state)
{
    struct input in = { 0 };

    (void)state;
    feed(&in, "\0333\0330", 0);
    expect(&in, 0, UI_KEY_F1 + 2, NULL);
    expect(&in, 0, UI_KEY_F1 + 9, NULL);
    feed(&in, "\033", 100);
    expect(&in, 100, UI_KEY_ESC, NULL);
    assert_false(in.after_esc);
    feed(&in, "2", 900);
    expect(&in, 900, UI_KEY_F1 + 1, NULL);
    assert_true(in.after_esc);
    feed(&in, "\033", 1000);
    expect(&in, 1000, UI_KEY_ESC, NULL);
    feed(&in, "2", 2100);
    expect(&in, 2100, '2', "2");
    input_done(&in);
}

static void without_function_keys_an_escape_waits_for_its_digit(void **state)
{
    struct input in = { .holds_esc = true };

    (void)state;
    feed(&in, "\033", 0);
    expect_none(&in, 500);
    assert_int_equal(input_due(&in), 1000);
    expect(&in, 1000, UI_KEY_ESC, NULL);
    feed(&in, "\033", 2000);
    expect_none(&in, 2000);
    feed(&in, "5", 2400);
    expect(&in, 2400, UI_KEY_F1 + 4, NULL);
    input_done(&in);
}

static void a_paste_is_one_key_whatever_is_in_it(void **state)
{
    struct input in = { 0 };

    (void)state;
    input_feed(&in, TERMINAL_PASTE_START, 0);
    feed(&in, "q\rQy", 0);
    expect_none(&in, 0);
    feed(&in, "\033z", 0);
    input_feed(&in, TERMINAL_PASTE_END, 0);
    feed(&in, "j", 0);
    expect(&in, 0, UI_KEY_PASTE, "q\rQy\033z");
    expect(&in, 0, 'j', "j");
    input_done(&in);
}

static void a_paste_without_an_end_is_given_all_the_same(void **state)
{
    struct input in = { 0 };

    (void)state;
    input_feed(&in, TERMINAL_PASTE_START, 0);
    feed(&in, "abc", 0);
    expect_none(&in, 10);
    expect(&in, input_due(&in), UI_KEY_PASTE, "abc");
    input_done(&in);
}

static void a_scan_with_its_prefix_is_one_key(void **state)
{
    struct input in = { 0 };

    (void)state;
    feed(&in, "\002V-14\rj", 0);
    expect(&in, 0, UI_KEY_SCAN, "V-14");
    expect(&in, 0, 'j', "j");
    input_done(&in);
}

static void a_burst_is_a_scan_only_when_asked_for_and_varied(void **state)
{
    struct input in = { .has_bursts = true };

    (void)state;
    feed(&in, "4711\r", 0);
    expect(&in, 0, UI_KEY_SCAN, "4711");
    feed(&in, "jjjj\r", 0);
    expect(&in, 0, 'j', "j");
    in.count = 0;
    in.has_bursts = false;
    feed(&in, "4711\r", 0);
    expect(&in, 0, '4', "4");
    input_done(&in);
}

static void what_the_terminal_answers_is_no_key_and_stands_in_no_ones_way(void **state)
{
    struct input in = { 0 };

    (void)state;
    input_feed(&in, 'a', 0);
    input_feed(&in, TERMINAL_SYNC_YES, 0);
    input_feed(&in, 27, 0);
    input_feed(&in, TERMINAL_SYNC_NO, 0);
    input_feed(&in, '5', 0);
    expect(&in, 0, 'a', "a");
    assert_int_equal(in.sync_answer, TERMINAL_SYNC_NO);
    expect(&in, 0, UI_KEY_F1 + 4, NULL);
    expect_none(&in, 0);
    input_done(&in);
}

static int key_of(const char *sequence)
{
    static const struct {
        const char *sequence;
        int code;
    } keys[] = {
        { "\033[19~", KEY_F(8) },
        { "\033OP", KEY_F(1) },
        { "\033[[A", KEY_F(1) },
        { "\033[?2026;2$y", TERMINAL_SYNC_YES },
        { "\033[200~", TERMINAL_PASTE_START },
    };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i].sequence, sequence) == 0)
            return keys[i].code;
        if (strncmp(keys[i].sequence, sequence, strlen(sequence)) == 0)
            return -1;
    }
    return 0;
}

static void a_function_key_that_comes_in_pieces_is_one_key(void **state)
{
    struct input in = { .key_of = key_of };

    (void)state;
    feed(&in, "\033", 1);
    expect(&in, 1, UI_KEY_ESC, NULL);
    feed(&in, "[1", 300);
    expect_none(&in, 300);
    feed(&in, "9~", 320);
    expect(&in, 320, UI_KEY_F1 + 7, NULL);
    assert_true(in.after_esc);          /* what the Esc did is to be taken back */
    feed(&in, "\033[1", 5000);
    expect_none(&in, 5000);
    feed(&in, "9~x", 5400);
    expect(&in, 5400, UI_KEY_F1 + 7, NULL);
    assert_false(in.after_esc);
    expect(&in, 5400, 'x', "x");
    feed(&in, "\033", 9000);
    expect(&in, 9000, UI_KEY_ESC, NULL);
    feed(&in, "OP", 9200);
    expect(&in, 9200, UI_KEY_F1, NULL);
    assert_true(in.after_esc);
    feed(&in, "\033[[A", 9300);
    expect(&in, 9300, UI_KEY_F1, NULL);
    input_done(&in);
}

static void an_escape_and_letters_after_it_stay_what_they_are(void **state)
{
    struct input in = { .key_of = key_of };

    (void)state;
    feed(&in, "\033", 1);
    expect(&in, 1, UI_KEY_ESC, NULL);
    feed(&in, "O", 200);
    expect_none(&in, 200);
    expect(&in, input_due(&in), 'O', "O");
    feed(&in, "\033Ox", 2000);
    expect(&in, 2000, UI_KEY_ESC, NULL);
    expect(&in, 2000, 'O', "O");
    expect(&in, 2000, 'x', "x");
    feed(&in, "\033", 4000);
    expect(&in, 4000, UI_KEY_ESC, NULL);
    feed(&in, "[1", 6000);              /* a second later a [ is a [ */
    expect(&in, 6000, '[', "[");
    expect(&in, 6000, '1', "1");
    input_done(&in);
}

static void what_a_terminal_sends_and_nobody_knows_is_no_typing(void **state)
{
    struct input in = { .key_of = key_of };

    (void)state;
    feed(&in, "\033[?2026;99$yq", 0);
    expect(&in, 0, UI_KEY_BASE, NULL);
    assert_int_equal(in.sync_answer, 0);
    expect(&in, 0, 'q', "q");
    feed(&in, "\033", 10);
    expect(&in, 10, UI_KEY_ESC, NULL);
    feed(&in, "[?2026;2$y", 60);
    expect(&in, 60, UI_KEY_BASE, NULL);
    assert_true(in.after_esc);
    assert_int_equal(in.sync_answer, TERMINAL_SYNC_YES);
    feed(&in, "\033[>41;354;0c", 100);
    expect(&in, 100, UI_KEY_BASE, NULL);
    expect_none(&in, 100);
    input_done(&in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_character_that_the_line_cut_is_put_together),
        cmocka_unit_test(bytes_that_are_no_character_become_question_marks),
        cmocka_unit_test(enter_and_backspace_come_in_all_their_forms),
        cmocka_unit_test(an_escape_and_a_digit_within_a_second_are_a_function_key),
        cmocka_unit_test(without_function_keys_an_escape_waits_for_its_digit),
        cmocka_unit_test(a_paste_is_one_key_whatever_is_in_it),
        cmocka_unit_test(a_paste_without_an_end_is_given_all_the_same),
        cmocka_unit_test(a_scan_with_its_prefix_is_one_key),
        cmocka_unit_test(a_function_key_that_comes_in_pieces_is_one_key),
        cmocka_unit_test(an_escape_and_letters_after_it_stay_what_they_are),
        cmocka_unit_test(what_a_terminal_sends_and_nobody_knows_is_no_typing),
        cmocka_unit_test(what_the_terminal_answers_is_no_key_and_stands_in_no_ones_way),
        cmocka_unit_test(a_burst_is_a_scan_only_when_asked_for_and_varied),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
