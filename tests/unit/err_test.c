#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/err.h"
#include "base/text.h"

static void a_filled_error_says_what_and_forgets_what_was_before(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_equal(err_set(&err, RC_REFUSED, "no"), RC_REFUSED);
    err_code(&err, "invalid_value");
    err_column(&err, "dueAt");
    assert_string_equal(err.code, "invalid_value");
    assert_string_equal(err.column, "dueAt");

    assert_int_equal(err_set(&err, RC_INVALID, "%d is over %s", 7, "5"), RC_INVALID);
    assert_int_equal(err.rc, RC_INVALID);
    assert_int_equal(err.sys, 0);
    assert_string_equal(err.msg, "7 is over 5");
    assert_string_equal(err.code, "");
    assert_string_equal(err.column, "");
}

static void a_system_error_carries_errno_and_its_text(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_equal(err_sys(&err, RC_IO, EACCES, "cannot open %s", "x"), RC_IO);
    assert_int_equal(err.sys, EACCES);
    assert_string_equal(err.msg, "cannot open x: Permission denied");
    err_sys(&err, RC_IO, 99999, "odd");
    assert_string_equal(err.msg, "odd: error 99999");
}

static void a_full_disk_or_quota_is_told_apart_from_other_trouble(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_equal(err_sys(&err, RC_IO, ENOSPC, "cannot write"), RC_FULL);
    assert_int_equal(err.rc, RC_FULL);
    assert_int_equal(err_sys(&err, RC_IO, EDQUOT, "cannot write"), RC_FULL);
    assert_int_equal(err_sys(&err, RC_IO, EIO, "cannot write"), RC_IO);
}

static void a_prefix_goes_before_the_sentence_and_keeps_the_rest(void **state)
{
    struct err err = { 0 };

    (void)state;
    err_sys(&err, RC_IO, EIO, "cannot read");
    err_code(&err, "c");
    err_prefix(&err, "tasks line %d", 3);
    assert_string_equal(err.msg, "tasks line 3: cannot read: Input/output error");
    assert_int_equal(err.rc, RC_IO);
    assert_int_equal(err.sys, EIO);
    assert_string_equal(err.code, "c");
}

static void an_error_may_be_made_from_its_own_words(void **state)
{
    struct err err = { 0 };

    (void)state;
    err_set(&err, RC_IO, "inner");
    err_set(&err, RC_INVALID, "outer (%s)", err.msg);
    assert_string_equal(err.msg, "outer (inner)");
    err_prefix(&err, "%s", err.msg);
    assert_string_equal(err.msg, "outer (inner): outer (inner)");
    err_sys(&err, RC_IO, EIO, "%.5s", err.msg);
    assert_string_equal(err.msg, "outer: Input/output error");
}

/* Fills err with `lead` bytes of `a` and then two-byte characters, far over the room there is. */
static void overfill(struct err *err, int lead)
{
    char text[2000];

    memset(text, 'a', (size_t)lead);
    for (size_t at = (size_t)lead; at + 2 < sizeof text; at += 2)
        memcpy(text + at, "\xC3\xA9", 3);
    err_set(err, RC_INVALID, "%s", text);
}

static void a_long_sentence_is_cut_between_characters(void **state)
{
    struct err err = { 0 };

    (void)state;
    for (int lead = 0; lead < 4; lead++) {
        overfill(&err, lead);
        assert_true(text_is_valid(err.msg, strlen(err.msg)));
        assert_in_range(strlen(err.msg), sizeof err.msg - 2, sizeof err.msg - 1);
        err_prefix(&err, "%s", err.msg);
        assert_true(text_is_valid(err.msg, strlen(err.msg)));
        err_sys(&err, RC_IO, EIO, "%s", err.msg);
        assert_true(text_is_valid(err.msg, strlen(err.msg)));
    }
}

static void long_codes_and_columns_are_cut_between_characters(void **state)
{
    struct err err = { 0 };
    char text[200];

    (void)state;
    memset(text, 'x', sizeof text);
    memcpy(text + sizeof err.code - 3, "\xE2\x82\xAC", 3);
    text[sizeof text - 1] = '\0';
    err_code(&err, text);
    assert_int_equal(strlen(err.code), sizeof err.code - 3);
    err_column(&err, text);
    assert_int_equal(strlen(err.column), sizeof err.column - 1);
    memset(text, 'y', sizeof text);
    text[sizeof err.code] = '\0';
    err_code(&err, text);
    assert_int_equal(strlen(err.code), sizeof err.code - 1);
    text[sizeof err.code - 1] = '\0';
    err_code(&err, text);
    assert_string_equal(err.code, text);
}

static void every_outcome_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = 0; a < RC_COUNT; a++) {
        assert_non_null(rc_name((enum rc)a));
        for (int b = 0; b < a; b++)
            assert_string_not_equal(rc_name((enum rc)a), rc_name((enum rc)b));
    }
    assert_string_equal(rc_name(RC_NOT_FOUND), "not_found");
    assert_string_equal(rc_name((enum rc)-1), "unknown");
    assert_string_equal(rc_name(RC_COUNT), "unknown");
}

static void a_character_that_a_format_cut_is_left_out(void **state)
{
    struct err err = { 0 };

    (void)state;
    err_set(&err, RC_INVALID, "\"%.3s\" is none", "aa\xC3\xA4");
    assert_string_equal(err.msg, "\"aa\" is none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_character_that_a_format_cut_is_left_out),
        cmocka_unit_test(a_filled_error_says_what_and_forgets_what_was_before),
        cmocka_unit_test(a_system_error_carries_errno_and_its_text),
        cmocka_unit_test(a_full_disk_or_quota_is_told_apart_from_other_trouble),
        cmocka_unit_test(a_prefix_goes_before_the_sentence_and_keeps_the_rest),
        cmocka_unit_test(an_error_may_be_made_from_its_own_words),
        cmocka_unit_test(a_long_sentence_is_cut_between_characters),
        cmocka_unit_test(long_codes_and_columns_are_cut_between_characters),
        cmocka_unit_test(every_outcome_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
