#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include "base/clock.h"

static int64_t given_ms(void *ctx)
{
    return *(int64_t *)ctx;
}

static void a_wall_clock_out_of_range_is_clamped(void **state)
{
    int64_t now = -5;
    const struct clock c = { .wall_ms = given_ms, .mono_ms = given_ms, .ctx = &now };

    (void)state;
    assert_int_equal(clock_wall(&c), 1);   /* 0 means never */
    assert_int_equal(clock_mono(&c), -5);
    now = CLOCK_MAX_MS + 1;
    assert_int_equal(clock_wall(&c), CLOCK_MAX_MS);
    now = 1700000000123;
    assert_int_equal(clock_wall(&c), 1700000000123);
    assert_int_equal(clock_mono(&c), 1700000000123);
}

static void the_system_clock_agrees_with_time_and_never_goes_back(void **state)
{
    int64_t before = (int64_t)time(NULL) * 1000, mono = clock_mono(&clock_system);

    (void)state;
    assert_true(clock_wall(&clock_system) >= before);
    assert_true(clock_wall(&clock_system) < before + 60000);
    for (int i = 0; i < 1000; i++) {
        int64_t next = clock_mono(&clock_system);

        assert_true(next >= mono);
        mono = next;
    }
}

static void every_day_of_the_years_1_to_9999_has_its_number(void **state)
{
    int64_t expected = 0, days;
    int year = 1, month = 1, day = 1;

    (void)state;
    assert_true(date_to_days(1, 1, 1, &expected));
    assert_int_equal(expected, -719162);
    while (year <= 9999) {
        int y, m, d;

        assert_true(date_to_days(year, month, day, &days));
        if (days != expected)
            fail_msg("%d-%d-%d is day %lld", year, month, day, (long long)days);
        date_from_days(days, &y, &m, &d);
        if (y != year || m != month || d != day)
            fail_msg("day %lld is %d-%d-%d", (long long)days, y, m, d);
        expected++;
        day++;
        if (!date_to_days(year, month, day, &days)) {
            day = 1;
            month++;
        }
        if (month > 12) {
            month = 1;
            year++;
        }
    }
    assert_int_equal(expected, 2932897);
}

static void known_days_have_known_numbers(void **state)
{
    static const struct {
        int year, month, day;
        int64_t days;
    } known[] = {
        { 1970, 1, 1, 0 },        { 1969, 12, 31, -1 },    { 2000, 2, 29, 11016 },
        { 2000, 3, 1, 11017 },    { 2026, 11, 23, 20780 }, { 1900, 3, 1, -25508 },
        { 9999, 12, 31, 2932896 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        int64_t days;

        assert_true(date_to_days(known[i].year, known[i].month, known[i].day, &days));
        assert_int_equal(days, known[i].days);
    }
}

static void days_that_do_not_exist_are_refused_and_leave_the_result_alone(void **state)
{
    static const int none[][3] = {
        { 0, 1, 1 },     { 10000, 1, 1 }, { -1, 1, 1 },    { 2026, 0, 1 },   { 2026, 13, 1 },
        { 2026, 1, 0 },  { 2026, 1, 32 }, { 2026, 4, 31 }, { 2026, 2, 29 },  { 1900, 2, 29 },
        { 2100, 2, 29 }, { 2024, 2, 30 }, { 2026, 6, 31 }, { 2026, -1, 10 }, { 2026, 1, -1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        int64_t days = 4711;

        assert_false(date_to_days(none[i][0], none[i][1], none[i][2], &days));
        assert_int_equal(days, 4711);
    }
}

static void days_outside_the_calendar_end_at_its_bounds(void **state)
{
    int year, month, day;

    (void)state;
    date_from_days(INT64_MIN, &year, &month, &day);
    assert_true(year == 1 && month == 1 && day == 1);
    date_from_days(INT64_MAX, &year, &month, &day);
    assert_true(year == 9999 && month == 12 && day == 31);
}

static void a_date_is_ten_characters_that_name_an_existing_day(void **state)
{
    static const char *const good[] = {
        "0001-01-01", "9999-12-31", "2024-02-29", "2000-02-29", "2026-11-23", "1969-12-31",
    };
    static const char *const bad[] = {
        "", "2026", "2026-11", "2026-11-", "2026-11-2", "2026-11-233", "2026-11-23 ", " 2026-11-23",
        "2026/11-23", "2026-11/23", "2026-1/-10", "2026-0:-10", "2026-10-1/", "202/-10-10",
        "2026-1-23", "26-11-23", "2026/11/23", "2026-11-2x", "0000-01-01", "2026-02-29",
        "1900-02-29", "2026-13-01", "2026-00-10", "2026-10-00", "-026-10-01", "+026-10-01",
        "2026-+1-01", "2026-11-23T00:00", "20261-1-23", "\xD9\xA2""026-10-1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(date_is_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (date_is_valid(bad[i]))
            fail_msg("`%s` passes", bad[i]);
    }
}

static void utc_text_has_milliseconds_and_keeps_to_the_range(void **state)
{
    char out[32];

    (void)state;
    clock_iso(0, out, sizeof out);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
    clock_iso(1795466701123, out, sizeof out);
    assert_string_equal(out, "2026-11-23T20:45:01.123Z");
    clock_iso(951782399999, out, sizeof out);
    assert_string_equal(out, "2000-02-28T23:59:59.999Z");
    clock_iso(CLOCK_MAX_MS, out, sizeof out);
    assert_string_equal(out, "9999-12-31T23:59:59.999Z");
    clock_iso(INT64_MAX, out, sizeof out);
    assert_string_equal(out, "9999-12-31T23:59:59.999Z");
    clock_iso(INT64_MIN, out, sizeof out);
    assert_string_equal(out, "1970-01-01T00:00:00.000Z");
}

static void use_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static void local_text_follows_the_zone_and_its_summer_time(void **state)
{
    char out[20];
    int year, month, day;

    (void)state;
    use_zone("CET-1CEST,M3.5.0,M10.5.0/3");
    clock_hhmm(1795466701123, out, sizeof out);
    assert_string_equal(out, "21:45");
    clock_hhmmss(1795466701123, out, sizeof out);
    assert_string_equal(out, "21:45:01");
    clock_local(1795466701123, out, sizeof out);
    assert_string_equal(out, "2026-11-23 21:45");
    clock_local(1783000000000, out, sizeof out);
    assert_string_equal(out, "2026-07-02 15:46");
    use_zone("XXX+10");
    clock_today(1795429800000, &year, &month, &day);
    assert_true(year == 2026 && month == 11 && day == 23);
    clock_today(1795429800000 - 1800001, &year, &month, &day);
    assert_true(year == 2026 && month == 11 && day == 22);
    use_zone("UTC");
    clock_local(CLOCK_MAX_MS, out, sizeof out);
    assert_string_equal(out, "9999-12-31 23:59");
    clock_local(INT64_MIN, out, sizeof out);
    assert_string_equal(out, "1970-01-01 00:00");
}

static void the_compiler_s_date_is_read(void **state)
{
    (void)state;
    assert_int_equal(date_of_build("Nov 23 2026"), 1795392000000);
    assert_int_equal(date_of_build("Jan  2 1970"), 24 * 3600 * 1000);
    assert_int_equal(date_of_build("??? ?? ????"), 0);
    assert_true(clock_built() > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wall_clock_out_of_range_is_clamped),
        cmocka_unit_test(the_system_clock_agrees_with_time_and_never_goes_back),
        cmocka_unit_test(every_day_of_the_years_1_to_9999_has_its_number),
        cmocka_unit_test(known_days_have_known_numbers),
        cmocka_unit_test(days_that_do_not_exist_are_refused_and_leave_the_result_alone),
        cmocka_unit_test(days_outside_the_calendar_end_at_its_bounds),
        cmocka_unit_test(a_date_is_ten_characters_that_name_an_existing_day),
        cmocka_unit_test(utc_text_has_milliseconds_and_keeps_to_the_range),
        cmocka_unit_test(local_text_follows_the_zone_and_its_summer_time),
        cmocka_unit_test(the_compiler_s_date_is_read),
    };

    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
