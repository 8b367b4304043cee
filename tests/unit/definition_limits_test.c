/* Definitions that go beyond a limit, or that would change what is there: refused, with the line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "db/registry.h"

#define HEAD                                                                                       \
    "{\"name\":\"visits\",\"label\":\"V\",\"labelOne\":\"v\",\"title\":\"a\",\n\"columns\":["
#define LONG_50 "01234567890123456789012345678901234567890123456789"

static void refused(const char *columns, const char *words)
{
    struct registry *reg = registry_new();
    struct buf json = { 0 };
    struct err err = { 0 };

    buf_printf(&json, HEAD "%s]}", columns);
    enum rc rc = registry_add(reg, buf_str(&json), json.len, "visits.json", &err);
    if (rc != RC_INVALID || !strstr(err.msg, words) || !strstr(err.msg, "line "))
        fail_msg("%s: %s: %s", columns, rc_name(rc), err.msg);
    buf_done(&json);
    registry_free(reg);
}

static void what_goes_beyond_a_limit_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("{\"name\":\"a\",\"type\":\"text\"},{\"name\":\"b\",\"type\":\"real\",\"min\":1e999}",
            "too large");
    refused("{\"name\":\"a\",\"type\":\"text\"},{\"name\":\"b\",\"type\":\"integer\",\"max\":1e17}",
            "2^53");
    refused("{\"name\":\"a\",\"type\":\"choice\",\"choices\":[\"" LONG_50 LONG_50 LONG_50 LONG_50
                LONG_50 LONG_50 "\"]}",
            "a choice can have");
    refused("{\"name\":\"a\",\"type\":\"text\",\"examples\":[]}", "examples; there are 0");
    refused("{\"name\":\"a\",\"type\":\"text\",\"examples\":[\" \"]}", "not empty");
    refused("{\"name\":\"a\",\"type\":\"text\",\"maxLength\":2,\"examples\":[\"long\"]}",
            "an example is not right");
}

static void a_reference_must_stay_to_its_table(void **state)
{
    static const char one[] = HEAD "{\"name\":\"a\",\"type\":\"text\"},{\"name\":\"t\",\"type\":"
                                   "\"reference\",\"table\":\"tasks\"}]}";
    static const char other[] = HEAD "{\"name\":\"a\",\"type\":\"text\"},{\"name\":\"t\",\"type\":"
                                     "\"reference\",\"table\":\"visits\"}]}";
    struct registry *reg = registry_new();
    struct err err = { 0 };

    (void)state;
    assert_int_equal(registry_add(reg, one, sizeof one - 1, "built in", &err), RC_OK);
    assert_int_equal(registry_add(reg, other, sizeof other - 1, "other.json", &err), RC_INVALID);
    assert_non_null(strstr(err.msg, "its table must stay \"tasks\""));
    registry_free(reg);
}

static void many_choices_are_named_by_the_first_of_them(void **state)
{
    struct registry *reg = registry_new();
    struct buf json = { 0 };
    struct err err = { 0 };
    struct value v = { 0 };

    (void)state;
    buf_puts(&json, HEAD "{\"name\":\"a\",\"type\":\"text\"},{\"name\":\"c\",\"type\":\"choice\","
                         "\"choices\":[");
    for (int i = 0; i < 30; i++)
        buf_printf(&json, "%s\"choice number %d\"", i ? "," : "", i);
    buf_puts(&json, "]}]}");
    assert_int_equal(registry_add(reg, buf_str(&json), json.len, "v.json", &err), RC_OK);
    const struct column *col = table_column(registry_find(reg, "visits"), "c");
    assert_int_equal(column_from_text(col, "purple", 6, 0, &v, &err), RC_INVALID);
    assert_non_null(strstr(err.msg, "choice number 0"));
    assert_non_null(strstr(err.msg, ", ..."));
    assert_null(strstr(err.msg, "choice number 29"));
    buf_done(&json);
    registry_free(reg);
}

static void half_a_time_is_no_time(void **state)
{
    static const char json[] = HEAD "{\"name\":\"a\",\"type\":\"text\"},{\"name\":\"at\",\"type\":"
                                    "\"timestamp\"},{\"name\":\"on\",\"type\":\"date\"},"
                                    "{\"name\":\"km\",\"type\":\"real\"}]}";
    static const char *const times[] = {
        "11-",   "11:2",           "11:20:5",          "11:20:50.x",
        "25:00", "2026-01-01 11:", "2026-01-01 99:99", "2026-13-01 11:00"
    };
    static const char *const dates[] = { "11-", "11-x", "2026-11-", "3.", "3.13.", "123-1" };
    struct registry *reg = registry_new();
    struct err err = { 0 };
    struct value v = { 0 };
    char number[2000];

    (void)state;
    assert_int_equal(registry_add(reg, json, sizeof json - 1, "v.json", &err), RC_OK);
    const struct table *table = registry_find(reg, "visits");
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (column_from_text(table_column(table, "at"), times[i], strlen(times[i]), 0, &v, &err) !=
            RC_INVALID)
            fail_msg("taken for a time: %s", times[i]);
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++)
        if (column_from_text(table_column(table, "on"), dates[i], strlen(dates[i]), 0, &v, &err) !=
            RC_INVALID)
            fail_msg("taken for a date: %s", dates[i]);
    memset(number, '1', sizeof number);
    assert_int_equal(
        column_from_text(table_column(table, "km"), number, sizeof number, 0, &v, &err),
        RC_INVALID);
    registry_free(reg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_goes_beyond_a_limit_is_refused_with_its_line),
        cmocka_unit_test(a_reference_must_stay_to_its_table),
        cmocka_unit_test(many_choices_are_named_by_the_first_of_them),
        cmocka_unit_test(half_a_time_is_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
