#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "db/value.h"

static struct value integer(int64_t n)
{
    return (struct value){ .kind = VALUE_INT, .number = n };
}

static struct value real(double d)
{
    return (struct value){ .kind = VALUE_REAL, .real = d };
}

static bool are_equal(struct value a, struct value b)
{
    bool is_equal = value_equal(&a, &b);

    assert_int_equal(value_equal(&b, &a), is_equal);
    return is_equal;
}

static void a_zeroed_value_is_null_and_may_be_ended(void **state)
{
    struct value v = { 0 };

    (void)state;
    assert_int_equal(v.kind, VALUE_NULL);
    value_done(&v);
    value_done(&v);
    assert_int_equal(v.kind, VALUE_NULL);
}

static void a_text_is_the_values_own(void **state)
{
    char source[] = "pump 1 and more";
    struct value v;

    (void)state;
    value_set_text(&v, source, 6);
    source[0] = 'X';
    assert_int_equal(v.len, 6);
    assert_string_equal(v.text, "pump 1");
    value_done(&v);
    assert_int_equal(v.kind, VALUE_NULL);
}

static void a_copy_outlives_its_source(void **state)
{
    struct value a, b, n = integer(7);

    (void)state;
    value_set_text(&a, "seal", 4);
    value_copy(&b, &a);
    value_done(&a);
    assert_string_equal(b.text, "seal");
    value_done(&b);
    value_copy(&b, &n);
    assert_true(value_equal(&b, &n));
}

static void numbers_are_equal_as_in_json(void **state)
{
    (void)state;
    assert_true(are_equal(integer(1), real(1.0)));
    assert_true(are_equal(integer(0), real(-0.0)));
    assert_true(are_equal(real(0.0), real(-0.0)));
    assert_true(are_equal(integer(-5), integer(-5)));
    assert_false(are_equal(integer(1), real(1.5)));
    assert_false(are_equal(integer(1), integer(2)));
    assert_false(are_equal(real(0.1), real(0.2)));
}

static void large_integers_are_not_rounded_when_compared(void **state)
{
    (void)state;
    assert_false(are_equal(integer((INT64_C(1) << 53) + 1), real(0x1p53)));
    assert_true(are_equal(integer(INT64_C(1) << 53), real(0x1p53)));
    assert_false(are_equal(integer(INT64_MAX), real(0x1p63)));
    assert_true(are_equal(integer(INT64_MIN), real(-0x1p63)));
    assert_false(are_equal(integer(0), real((double)NAN)));
    assert_false(are_equal(integer(INT64_MAX), real((double)INFINITY)));
}

static void values_of_different_sorts_differ(void **state)
{
    struct value yes = { .kind = VALUE_BOOL, .flag = true }, no = { .kind = VALUE_BOOL };
    struct value null = { 0 }, one, longer;

    (void)state;
    value_set_text(&one, "1", 1);
    value_set_text(&longer, "10", 2);
    assert_false(are_equal(yes, integer(1)));
    assert_false(are_equal(no, null));
    assert_false(are_equal(yes, no));
    assert_false(are_equal(one, integer(1)));
    assert_false(are_equal(one, longer));
    assert_false(are_equal(null, integer(0)));
    assert_true(are_equal(null, null));
    assert_true(are_equal(yes, yes));
    assert_true(are_equal(one, one));
    value_done(&one);
    value_done(&longer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zeroed_value_is_null_and_may_be_ended),
        cmocka_unit_test(a_text_is_the_values_own),
        cmocka_unit_test(a_copy_outlives_its_source),
        cmocka_unit_test(numbers_are_equal_as_in_json),
        cmocka_unit_test(large_integers_are_not_rounded_when_compared),
        cmocka_unit_test(values_of_different_sorts_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
