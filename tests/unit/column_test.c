#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include <sqlite3.h>
#include "base/clock.h"
#include "base/json.h"
#include "db/registry.h"

#define NOW INT64_C(1795467600000)              /* Monday, 2026-11-23 21:00 UTC */
#define UUID "01890a5d-ac96-774b-bcce-b302099a8057"

static const char definition[] =
    "{\"name\":\"things\",\"label\":\"Things\",\"labelOne\":\"thing\",\"title\":\"text\",\"columns\":["
    "{\"name\":\"text\",\"type\":\"text\",\"required\":true,\"maxLength\":200},"
    "{\"name\":\"code\",\"type\":\"text\",\"maxLength\":1},"
    "{\"name\":\"memo\",\"type\":\"text\",\"multiline\":true},"
    "{\"name\":\"isDry\",\"label\":\"Dry\",\"type\":\"bool\"},"
    "{\"name\":\"isOver\",\"label\":\"Over\",\"type\":\"bool\",\"default\":false},"
    "{\"name\":\"count\",\"type\":\"integer\"},"
    "{\"name\":\"level\",\"type\":\"integer\",\"min\":1,\"max\":10},"
    "{\"name\":\"size\",\"type\":\"real\"},"
    "{\"name\":\"depth\",\"type\":\"real\",\"min\":-0.5,\"max\":12.5,\"unit\":\"m\"},"
    "{\"name\":\"dueAt\",\"label\":\"Due\",\"type\":\"date\"},"
    "{\"name\":\"seenAt\",\"label\":\"Seen\",\"type\":\"timestamp\"},"
    "{\"name\":\"late\",\"type\":\"timestamp\",\"min\":1000,\"max\":2000},"
    "{\"name\":\"prio\",\"type\":\"choice\",\"choices\":[{\"value\":\"low\",\"label\":\"Low one\"},"
    "{\"value\":\"\xC3\xA9t\xC3\xA9\",\"label\":\"Summer\"},{\"value\":\"high\"}]},"
    "{\"name\":\"kind\",\"type\":\"choice\",\"required\":true,\"choices\":[\"a\",\"b\"]},"
    "{\"name\":\"site\",\"type\":\"reference\",\"table\":\"sites\"}]}";

static int make_registry(void **state)
{
    struct registry *reg = registry_new();
    struct err err = { 0 };

    if (registry_add(reg, definition, strlen(definition), "things.json", &err))
        fail_msg("%s", err.msg);
    *state = reg;
    return 0;
}

static int free_registry(void **state)
{
    registry_free(*state);
    return 0;
}

static const struct column *column(void **state, const char *name)
{
    const struct column *col = table_column(registry_at(*state, 0), name);

    assert_non_null(col);
    return col;
}

typedef enum rc (*from_json)(const struct column *, const struct cJSON *, struct value *,
                             struct err *);

/* The value as JSON again, or the refusal's sentence in < >. Yours. */
static char *through(void **state, from_json read, const char *name, const char *json)
{
    const struct column *col = column(state, name);
    struct value v = { 0 };
    struct buf out = { 0 };
    struct err err = { 0 };
    cJSON *parsed = NULL;

    if (json_parse(json, strlen(json), &parsed, &err))
        fail_msg("%s: %s", json, err.msg);
    if (read(col, parsed, &v, &err)) {
        assert_int_equal(err.rc, RC_INVALID);
        assert_string_equal(err.code, "invalid_value");
        assert_string_equal(err.column, name);
        assert_int_equal(v.kind, VALUE_NULL);
        buf_printf(&out, "<%s>", err.msg);
    } else {
        column_to_json(col, &v, &out);
    }
    cJSON_Delete(parsed);
    value_done(&v);
    return buf_take(&out);
}

static void expect(void **state, from_json read, const char *name, const char *json,
                   const char *wanted)
{
    char *got = through(state, read, name, json);

    if (strcmp(got, wanted) != 0)
        fail_msg("%s from %s: %s, not %s", name, json, got, wanted);
    free(got);
}

/* What was typed, as JSON; or the refusal's sentence in < >. */
static void typed(void **state, const char *name, const char *s, const char *wanted)
{
    const struct column *col = column(state, name);
    struct value v = { 0 };
    struct buf out = { 0 };
    struct err err = { 0 };

    if (column_from_text(col, s, strlen(s), NOW, &v, &err)) {
        assert_string_equal(err.code, "invalid_value");
        assert_string_equal(err.column, name);
        buf_printf(&out, "<%s>", err.msg);
    } else {
        column_to_json(col, &v, &out);
    }
    if (strcmp(buf_str(&out), wanted) != 0)
        fail_msg("%s typed as %s: %s, not %s", name, s, buf_str(&out), wanted);
    value_done(&v);
    buf_done(&out);
}

static void shown(void **state, const char *name, const char *json, const char *wanted)
{
    const struct column *col = column(state, name);
    struct value v = { 0 };
    struct buf out = { 0 };
    struct err err = { 0 };
    cJSON *parsed = NULL;

    assert_int_equal(json_parse(json, strlen(json), &parsed, &err), RC_OK);
    assert_int_equal(column_from_backend(col, parsed, &v, &err), RC_OK);
    column_to_text(col, &v, &out);
    assert_string_equal(buf_str(&out), wanted);
    cJSON_Delete(parsed);
    value_done(&v);
    buf_done(&out);
}

/* "xxx…" of len bytes, quoted; yours. */
static char *long_text(size_t len)
{
    char *s = malloc(len + 3);

    assert_non_null(s);
    memset(s, 'x', len + 2);
    s[0] = s[len + 1] = '"';
    s[len + 2] = '\0';
    return s;
}

/* ---- JSON ---- */

static void texts_are_counted_in_code_points(void **state)
{
    char *fits = long_text(200), *over = long_text(214);

    expect(state, column_from_json, "text", fits, fits);
    expect(state, column_from_json, "text", over, "<Text can have 200 characters; this has 214.>");
    expect(state, column_from_json, "code", "\"\xF0\x9F\x94\xA7\"", "\"\xF0\x9F\x94\xA7\"");
    expect(state, column_from_json, "code", "\"e\xCC\x81\"",
           "<Code can have 1 character; this has 2.>");
    expect(state, column_from_json, "code", "\"\"", "\"\"");
    free(fits);
    free(over);
}

static void a_text_without_a_limit_has_65536(void **state)
{
    char *fits = long_text(65536), *over = long_text(65537);

    expect(state, column_from_json, "memo", fits, fits);
    expect(state, column_from_json, "memo", over,
           "<Memo can have 65536 characters; this has 65537.>");
    free(fits);
    free(over);
}

static void a_required_text_is_more_than_white_space(void **state)
{
    expect(state, column_from_json, "text", "\"\"", "<Text is needed.>");
    expect(state, column_from_json, "text", "\" \\t\\n\\u3000\\u00a0\"", "<Text is needed.>");
    expect(state, column_from_json, "text", "null", "<Text is needed.>");
    expect(state, column_from_json, "text", "\" a \"", "\" a \"");
    expect(state, column_from_json, "memo", "\"  \"", "\"  \"");
}

static void null_is_for_columns_that_may_be_empty(void **state)
{
    static const char *const optional[] = {
        "code", "isDry", "count", "size", "dueAt", "seenAt", "prio", "site",
    };

    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++)
        expect(state, column_from_json, optional[i], "null", "null");
    expect(state, column_from_json, "isOver", "null", "<Over is needed.>");
    expect(state, column_from_json, "kind", "null", "<Kind is needed.>");
}

static void a_wrong_json_type_is_refused_everywhere(void **state)
{
    static const struct {
        const char *name, *json, *sentence;
    } rows[] = {
        { "text", "1", "<Text must be a JSON string.>" },
        { "memo", "[\"a\"]", "<Memo must be a JSON string.>" },
        { "isDry", "1", "<Dry must be true or false.>" },
        { "isDry", "\"true\"", "<Dry must be true or false.>" },
        { "count", "\"1\"", "<Count must be a whole number below 9007199254740992 in size.>" },
        { "count", "1.5", "<Count must be a whole number below 9007199254740992 in size.>" },
        { "count", "true", "<Count must be a whole number below 9007199254740992 in size.>" },
        { "size", "\"1.5\"", "<Size must be a number.>" },
        { "dueAt", "20260228", "<Due must be a JSON string.>" },
        { "seenAt", "\"2026-02-28\"", "<Seen must be a time in whole milliseconds since 1970.>" },
        { "seenAt", "0.5", "<Seen must be a time in whole milliseconds since 1970.>" },
        { "prio", "0", "<Prio must be a JSON string.>" },
        { "site", "{}", "<Site must be a JSON string.>" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect(state, column_from_json, rows[i].name, rows[i].json, rows[i].sentence);
        expect(state, column_from_backend, rows[i].name, rows[i].json, rows[i].sentence);
    }
}

static void integers_are_whole_and_below_2_to_the_53(void **state)
{
    const char *sentence = "<Count must be a whole number below 9007199254740992 in size.>";

    expect(state, column_from_json, "count", "9007199254740991", "9007199254740991");
    expect(state, column_from_json, "count", "-9007199254740991", "-9007199254740991");
    expect(state, column_from_json, "count", "9007199254740992", sentence);
    expect(state, column_from_json, "count", "-9007199254740992", sentence);
    expect(state, column_from_json, "count", "12.0", "12");
    expect(state, column_from_json, "count", "1e3", "1000");
}

static void numbers_keep_their_limits(void **state)
{
    expect(state, column_from_json, "level", "1", "1");
    expect(state, column_from_json, "level", "10", "10");
    expect(state, column_from_json, "level", "0", "<Level must be 1 or more; this is 0.>");
    expect(state, column_from_json, "level", "11", "<Level must be 10 or less; this is 11.>");
    expect(state, column_from_json, "depth", "-0.5", "-0.5");
    expect(state, column_from_json, "depth", "12.6", "<Depth must be 12.5 or less; this is 12.6.>");
    expect(state, column_from_json, "late", "999", "<Late is too early.>");
    expect(state, column_from_json, "late", "1000", "1000");
    expect(state, column_from_json, "late", "2001", "<Late is too late.>");
}

static void minus_zero_is_stored_as_zero(void **state)
{
    expect(state, column_from_json, "size", "-0", "0");
    expect(state, column_from_json, "size", "-0.0", "0");
    expect(state, column_from_json, "count", "-0", "0");
    expect(state, column_from_backend, "size", "-0.0", "0");
    typed(state, "size", "-0", "0");
}

static void a_real_is_finite(void **state)
{
    struct value v = { .kind = VALUE_REAL, .real = (double)INFINITY };
    struct err err = { 0 };

    assert_int_equal(column_check(column(state, "size"), &v, &err), RC_INVALID);
    v.real = (double)NAN;
    assert_int_equal(column_check(column(state, "size"), &v, &err), RC_INVALID);
    expect(state, column_from_json, "size", "1.7976931348623157e308", "1.7976931348623157e308");
}

static void dates_exist(void **state)
{
    static const char *const wrong[] = {
        "\"2026-02-30\"", "\"2026-2-3\"", "\"0000-01-01\"", "\"10000-01-01\"", "\"\"",
        "\"2026-02-28 \"", "\"fri\"", "\"2026-02-28T00:00:00Z\"",
    };

    expect(state, column_from_json, "dueAt", "\"2028-02-29\"", "\"2028-02-29\"");
    expect(state, column_from_json, "dueAt", "\"0001-01-01\"", "\"0001-01-01\"");
    expect(state, column_from_json, "dueAt", "\"9999-12-31\"", "\"9999-12-31\"");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        expect(state, column_from_json, "dueAt", wrong[i],
               "<Due must be a day that exists, written as 2026-02-28.>");
}

static void timestamps_are_of_the_years_1970_to_9999(void **state)
{
    const char *sentence = "<Seen must be a time of the years 1970 to 9999.>";

    expect(state, column_from_json, "seenAt", "0", "0");
    expect(state, column_from_json, "seenAt", "253402300799999", "253402300799999");
    expect(state, column_from_json, "seenAt", "253402300800000", sentence);
    expect(state, column_from_json, "seenAt", "-1", sentence);
}

static void choices_are_of_the_list(void **state)
{
    expect(state, column_from_json, "prio", "\"high\"", "\"high\"");
    expect(state, column_from_json, "prio", "\"High\"",
           "<Prio: High is not one of Low one, Summer, high.>");
    expect(state, column_from_json, "prio", "\"\"",
           "<Prio:  is not one of Low one, Summer, high.>");
    expect(state, column_from_json, "prio", "\"a\\u001b[31m\"",
           "<Prio: a?[31m is not one of Low one, Summer, high.>");
}

static void references_are_checked_for_form(void **state)
{
    const char *sentence = "<Site must be the id of a record, such as " UUID ".>";

    expect(state, column_from_json, "site", "\"" UUID "\"", "\"" UUID "\"");
    expect(state, column_from_json, "site", "\"01890A5D-AC96-774B-BCCE-B302099A8057\"", sentence);
    expect(state, column_from_json, "site", "\"" UUID "0\"", sentence);
    expect(state, column_from_json, "site", "\"pump\"", sentence);
}

static void what_a_newer_backend_says_is_kept(void **state)
{
    char *text = long_text(300);

    expect(state, column_from_backend, "text", text, text);
    expect(state, column_from_backend, "text", "null", "null");
    expect(state, column_from_backend, "isOver", "null", "null");
    expect(state, column_from_backend, "prio", "\"urgent\"", "\"urgent\"");
    expect(state, column_from_backend, "level", "11", "11");
    expect(state, column_from_backend, "depth", "99.5", "99.5");
    expect(state, column_from_backend, "dueAt", "\"later\"", "\"later\"");
    expect(state, column_from_backend, "site", "\"x\"", "\"x\"");
    expect(state, column_from_backend, "seenAt", "-5", "-5");
    free(text);
}

static void a_value_of_the_wrong_shape_is_refused(void **state)
{
    struct value v = { .kind = VALUE_INT, .number = 1 };
    struct err err = { 0 };

    assert_int_equal(column_check(column(state, "isDry"), &v, &err), RC_INVALID);
    assert_int_equal(column_check(column(state, "size"), &v, &err), RC_INVALID);
    assert_int_equal(column_check(column(state, "text"), &v, &err), RC_INVALID);
    assert_string_equal(err.column, "text");
    assert_int_equal(column_check(column(state, "count"), &v, &err), RC_OK);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    const char *sentence = "<Text holds bytes that are not text (UTF-8).>";
    struct value v = { 0 };
    struct err err = { 0 };

    typed(state, "text", "a\xFF", sentence);
    typed(state, "text", "\xED\xA0\x80", sentence);
    assert_int_equal(column_from_text(column(state, "text"), "a\0b", 3, NOW, &v, &err),
                     RC_INVALID);
    assert_int_equal(column_from_text(column(state, "prio"), "\xFF", 1, NOW, &v, &err),
                     RC_INVALID);
    assert_int_equal(v.kind, VALUE_NULL);
}

/* ---- typed ---- */

static void empty_text_is_nothing(void **state)
{
    typed(state, "code", "", "null");
    typed(state, "count", "  ", "null");
    typed(state, "dueAt", "", "null");
    typed(state, "prio", " ", "null");
    typed(state, "text", "", "<Text is needed.>");
    typed(state, "isOver", "", "<Over is needed.>");
    typed(state, "memo", "  ", "\"  \"");
}

static void texts_are_kept_as_typed(void **state)
{
    typed(state, "text", "  two  words ", "\"  two  words \"");
    typed(state, "memo", "a\nb\t", "\"a\\nb\\t\"");
}

static void bools_are_typed_in_words(void **state)
{
    static const char *const yes[] = { "yes", "Yes", "TRUE", "1", "y", "on", " yes " };
    static const char *const no[] = { "no", "NO", "false", "0", "n", "off" };

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        typed(state, "isDry", yes[i], "true");
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        typed(state, "isDry", no[i], "false");
    typed(state, "isDry", "maybe", "<Dry must be yes or no.>");
    typed(state, "isDry", "yesno", "<Dry must be yes or no.>");
}

static void numbers_are_typed_with_or_without_their_unit(void **state)
{
    typed(state, "depth", "12.5", "12.5");
    typed(state, "depth", " +3 ", "3");
    typed(state, "depth", "12 m", "12");
    typed(state, "depth", "12M", "12");
    typed(state, "depth", ".5", "0.5");
    typed(state, "depth", "5.", "5");
    typed(state, "size", "6e-3", "0.006");
    typed(state, "count", "-12", "-12");
    typed(state, "count", "12.0", "12");
    typed(state, "level", "11", "<Level must be 10 or less; this is 11.>");
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const wrong[] = {
        "12,5", "0x10", "inf", "nan", "12 kg", "1 2", "-", ".", "e3", "1e", "1e999", "twelve",
        "1.2.3", "--1",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        typed(state, "depth", wrong[i], "<Depth must be a number, such as 12 or 12.5.>");
        typed(state, "count", wrong[i], "<Count must be a whole number, such as 12.>");
    }
    typed(state, "count", "1.5", "<Count must be a whole number, such as 12.>");
    typed(state, "count", "9007199254740992",
          "<Count must be a whole number below 9007199254740992 in size.>");
}

static void numbers_have_a_point_in_every_locale(void **state)
{
    /* Skipped where no locale with a decimal comma is installed. */
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        skip();
    typed(state, "size", "1.5", "1.5");
    typed(state, "size", "1,5", "<Size must be a number, such as 12 or 12.5.>");
    shown(state, "size", "2.5", "2.5");
    setlocale(LC_NUMERIC, "C");
}

static void choices_are_typed_by_value_or_label_in_any_case(void **state)
{
    typed(state, "prio", "low", "\"low\"");
    typed(state, "prio", " LOW ", "\"low\"");
    typed(state, "prio", "low ONE", "\"low\"");
    typed(state, "prio", "summer", "\"\xC3\xA9t\xC3\xA9\"");
    typed(state, "prio", "\xC3\x89T\xC3\x89", "\"\xC3\xA9t\xC3\xA9\"");
    typed(state, "prio", "urgent", "<Prio: urgent is not one of Low one, Summer, high.>");
    typed(state, "prio", "lo", "<Prio: lo is not one of Low one, Summer, high.>");
}

static void references_are_typed_in_any_case(void **state)
{
    typed(state, "site", " 01890A5D-AC96-774B-BCCE-B302099A8057 ", "\"" UUID "\"");
    typed(state, "site", "01890a5d", "<Site must be the id of a record, such as " UUID ".>");
    typed(state, "site", "01890g5d-ac96-774b-bcce-b302099a8057",
          "<Site must be the id of a record, such as " UUID ".>");
}

static void dates_are_typed_in_many_ways(void **state)
{
    static const char *const rows[][2] = {
        { "2026-11-28", "2026-11-28" }, { "2026-2-8", "2026-02-08" }, { "0001-01-01", "0001-01-01" },
        { "28.11.", "2026-11-28" }, { "28.11", "2026-11-28" }, { "28.11.2025", "2025-11-28" },
        { "11-28", "2026-11-28" }, { "23.11.", "2026-11-23" }, { "22.11.", "2027-11-22" },
        { "28.2.", "2027-02-28" }, { "29.2.", "2028-02-29" }, { "1-1", "2027-01-01" },
        { "today", "2026-11-23" }, { "Tom", "2026-11-24" }, { "tomorrow", "2026-11-24" },
        { "yesterday", "2026-11-22" },
        { "mon", "2026-11-30" }, { "tue", "2026-11-24" }, { "FRI", "2026-11-27" },
        { "friday", "2026-11-27" }, { "thurs", "2026-11-26" }, { "sun", "2026-11-29" },
        { "+0", "2026-11-23" }, { "+3", "2026-11-26" }, { "+3d", "2026-11-26" },
        { "-1", "2026-11-22" }, { "+2w", "2026-12-07" }, { "+1m", "2026-12-23" },
        { "+15m", "2028-02-23" }, { "+1y", "2027-11-23" }, { "-11m", "2025-12-23" },
        { " +3 ", "2026-11-26" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char wanted[32];
        snprintf(wanted, sizeof wanted, "\"%s\"", rows[i][1]);
        typed(state, "dueAt", rows[i][0], wanted);
    }
}

static void what_is_no_date_is_refused(void **state)
{
    static const char *const wrong[] = {
        "2026-02-30", "30.2.", "13-01", "0.1.", "2026-11", "2026-11-28x", "28.11.26", "28.11.x",
        "fr", "fridays", "fri 3", "+", "+w", "+3x", "+3ww", "+9999y", "-3000y", "+9999999",
        "10000-01-01", "1.", "28", "20261128", "soon", "11-28-", "111-28",
        "2026-11-28 2026-11-28 2026-11-28 2026-11-28 2026-11-28 2026-11-28",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        typed(state, "dueAt", wrong[i], "<Not a date. Try 2026-02-28, 28.2., fri or +3.>");
}

static void the_last_day_of_a_month_stays_the_last(void **state)
{
    const struct column *col = column(state, "dueAt");
    int64_t days, january_31;
    struct value v;
    struct err err = { 0 };

    assert_true(date_to_days(2027, 1, 31, &days));
    january_31 = days * 86400000;
    assert_int_equal(column_from_text(col, "+1m", 3, january_31, &v, &err), RC_OK);
    assert_string_equal(v.text, "2027-02-28");
    value_done(&v);
    assert_int_equal(column_from_text(col, "+13m", 4, january_31, &v, &err), RC_OK);
    assert_string_equal(v.text, "2028-02-29");
    value_done(&v);
}

static void use_zone(const char *zone)
{
    assert_int_equal(setenv("TZ", zone, 1), 0);
    tzset();
}

#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"

static void today_is_the_local_day(void **state)
{
    use_zone("XXX-4");                  /* four hours east: there it is Tuesday already */
    typed(state, "dueAt", "today", "\"2026-11-24\"");
    typed(state, "dueAt", "tue", "\"2026-12-01\"");
    use_zone("UTC");
    typed(state, "dueAt", "today", "\"2026-11-23\"");
}

static void times_are_typed_in_local_time(void **state)
{
    static const char *const rows[][2] = {
        { "2026-11-28 14:05", "1795871100000" }, { "2026-11-28T14:05", "1795871100000" },
        { "2026-11-28 14:05:30", "1795871130000" }, { "2026-07-01 12:00", "1782900000000" },
        { "28.11. 14:05", "1795871100000" }, { "sat 14:05", "1795871100000" },
        { "+5 9:05", "1795853100000" }, { "23:59", "1795474740000" },
        { "2026-11-28", "1795820400000" }, { "now", "1795467600000" },
    };

    use_zone(BERLIN);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        typed(state, "seenAt", rows[i][0], rows[i][1]);
    use_zone("UTC");
}

static void times_with_a_zone_mean_the_same_everywhere(void **state)
{
    static const char *const rows[][2] = {
        { "2026-11-28T13:05:00Z", "1795871100000" }, { "2026-11-28t13:05z", "1795871100000" },
        { "2026-11-28T14:05:00+01:00", "1795871100000" },
        { "2026-11-28 08:35:00-0430", "1795871100000" },
        { "2026-11-28T13:05:00.250Z", "1795871100250" },
        { "2026-11-28T13:05:00.2504999Z", "1795871100250" },
        { "1970-01-01T00:00Z", "0" }, { "9999-12-31T23:59:59.999Z", "253402300799999" },
    };

    use_zone(BERLIN);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        typed(state, "seenAt", rows[i][0], rows[i][1]);
    use_zone("UTC");
}

static void what_is_no_time_is_refused(void **state)
{
    static const char *const wrong[] = {
        "24:00", "12:60", "12:5", "12:05:60", ":05", "12:", "12:05x", "12:05 Z", "2026-02-30 12:00",
        "2026-11-28_12:00", "12:05:00.", "12:05+1", "12:05+24:00", "soon 12:00", "soon", "12:05Z+1",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        typed(state, "seenAt", wrong[i],
              "<Not a time. Try 2026-02-28 14:05, fri 14:05 or now.>");
    typed(state, "seenAt", "1969-12-31 23:00", "<Seen must be a time of the years 1970 to 9999.>");
    typed(state, "seenAt", "9999-12-31T23:59:59-01:00",
          "<Seen must be a time of the years 1970 to 9999.>");
}

/* ---- shown ---- */

static void values_are_shown_as_a_person_reads_them(void **state)
{
    shown(state, "text", "\"pump 1\"", "pump 1");
    shown(state, "isDry", "true", "yes");
    shown(state, "isDry", "false", "no");
    shown(state, "count", "-12", "-12");
    shown(state, "depth", "2.5", "2.5");
    shown(state, "dueAt", "\"2026-11-28\"", "2026-11-28");
    shown(state, "prio", "\"low\"", "Low one");
    shown(state, "prio", "\"urgent\"", "urgent");
    shown(state, "site", "\"" UUID "\"", UUID);
    shown(state, "code", "null", "");
    shown(state, "seenAt", "1795467600000", "2026-11-23 21:00");
    shown(state, "seenAt", "-5", "-5");
}

/* Hours that come twice and hours that never come included. */
static void a_shown_time_reads_back_as_the_same_time(void **state)
{
    static const char *const zones[] = { BERLIN, "UTC", "XXX3:30", "EST5EDT,M3.2.0,M11.1.0" };
    const struct column *col = column(state, "seenAt");
    const int64_t starts[] = { 1792889000000, 1774745000000, 1793509200000, 0 };
    const int64_t steps[] = { 1800000, 61000, 999999 };

    for (size_t z = 0; z < sizeof zones / sizeof zones[0]; z++) {
        use_zone(zones[z]);
        for (size_t i = 0; i < 600; i++) {
            struct value v = { .kind = VALUE_INT }, back = { 0 };
            struct buf text = { 0 };
            struct err err = { 0 };
            v.number = starts[i % 4] + (int64_t)(i / 12) * steps[i % 3];
            column_to_text(col, &v, &text);
            if (column_from_text(col, buf_str(&text), text.len, NOW, &back, &err))
                fail_msg("%s: %s", buf_str(&text), err.msg);
            assert_int_equal(back.number, v.number);
            buf_done(&text);
        }
    }
    use_zone("UTC");
}

static void what_is_shown_may_be_typed_again(void **state)
{
    static const char *const rows[][2] = {
        { "text", "\" a\\tb \"" }, { "isDry", "true" }, { "isOver", "false" }, { "count", "-7" },
        { "size", "0.1" }, { "size", "1e300" }, { "dueAt", "\"0001-01-01\"" },
        { "prio", "\"\xC3\xA9t\xC3\xA9\"" }, { "kind", "\"b\"" }, { "site", "\"" UUID "\"" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct column *col = column(state, rows[i][0]);
        cJSON *json = NULL;
        struct value v = { 0 };
        struct buf text = { 0 };
        struct err err = { 0 };
        assert_int_equal(json_parse(rows[i][1], strlen(rows[i][1]), &json, &err), RC_OK);
        assert_int_equal(column_from_json(col, json, &v, &err), RC_OK);
        column_to_text(col, &v, &text);
        typed(state, rows[i][0], buf_str(&text), rows[i][1]);
        cJSON_Delete(json);
        value_done(&v);
        buf_done(&text);
    }
}

/* ---- descriptors ---- */

static void each_kind_has_a_name_a_sql_type_a_shape_and_an_editor(void **state)
{
    static const struct {
        const char *column, *kind, *sql;
        enum value_kind shape;
        enum edit_kind edit;
    } rows[] = {
        { "text", "text", "TEXT", VALUE_TEXT, EDIT_LINE },
        { "memo", "text", "TEXT", VALUE_TEXT, EDIT_LINES },
        { "isDry", "bool", "INTEGER", VALUE_BOOL, EDIT_SWITCH },
        { "count", "integer", "INTEGER", VALUE_INT, EDIT_NUMBER },
        { "size", "real", "REAL", VALUE_REAL, EDIT_NUMBER },
        { "dueAt", "date", "TEXT", VALUE_TEXT, EDIT_DATE },
        { "seenAt", "timestamp", "INTEGER", VALUE_INT, EDIT_LINE },
        { "prio", "choice", "TEXT", VALUE_TEXT, EDIT_CHOICE },
        { "site", "reference", "TEXT", VALUE_TEXT, EDIT_REFERENCE },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct column *col = column(state, rows[i].column);
        assert_string_equal(column_kind_name(col->kind), rows[i].kind);
        assert_string_equal(column_sql_type(col), rows[i].sql);
        assert_int_equal(column_shape(col), rows[i].shape);
        assert_int_equal(column_edit_kind(col), rows[i].edit);
    }
}

/* ---- sort keys ---- */

static void bind(sqlite3_stmt *st, const struct value *key)
{
    if (key->kind == VALUE_INT)
        sqlite3_bind_int64(st, 1, key->number);
    else if (key->kind == VALUE_REAL)
        sqlite3_bind_double(st, 1, key->real);
    else if (key->kind == VALUE_TEXT)
        sqlite3_bind_text(st, 1, key->text, (int)key->len, SQLITE_TRANSIENT);
    else
        fail_msg("a sort key is NULL");
}

/* The values, put into SQLite in this order, come out of an index in the order `wanted`. */
static void sorts_as(void **state, const char *name, bool is_descending,
                     const char *const *values, const char *wanted)
{
    struct sort_order sort = { .column = column(state, name), .is_descending = is_descending };
    struct buf got = { 0 };
    struct err err = { 0 };
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    sqlite3_exec(db, "CREATE TABLE t (k, v TEXT)", NULL, NULL, NULL);
    sqlite3_prepare_v2(db, "INSERT INTO t VALUES (?, ?)", -1, &st, NULL);
    for (; *values; values++) {
        struct value v = { 0 }, key = { 0 };
        cJSON *json = NULL;
        assert_int_equal(json_parse(*values, strlen(*values), &json, &err), RC_OK);
        assert_int_equal(column_from_backend(sort.column, json, &v, &err), RC_OK);
        sort_key(&sort, &v, 1, 2, &key);
        bind(st, &key);
        sqlite3_bind_text(st, 2, *values, -1, SQLITE_STATIC);
        assert_int_equal(sqlite3_step(st), SQLITE_DONE);
        sqlite3_reset(st);
        value_done(&v);
        value_done(&key);
        cJSON_Delete(json);
    }
    sqlite3_finalize(st);
    sqlite3_prepare_v2(db, is_descending ? "SELECT v FROM t ORDER BY k DESC, v"
                                         : "SELECT v FROM t ORDER BY k, v", -1, &st, NULL);
    while (sqlite3_step(st) == SQLITE_ROW)
        buf_printf(&got, "%s ", (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(db);
    assert_string_equal(buf_str(&got), wanted);
    buf_done(&got);
}

static void sorts_both_ways(void **state, const char *name, const char *const *values,
                            const char *up, const char *down)
{
    sorts_as(state, name, false, values, up);
    sorts_as(state, name, true, values, down);
}

static void texts_sort_folded_with_nothing_last(void **state)
{
    static const char *const values[] = {
        "null", "\"zebra\"", "\"\xC3\x84pfel\"", "\"Bolt\"", "\"apron\"", "\"\"",
        "\"\xF0\x9F\x94\xA7\"", NULL
    };

    sorts_both_ways(state, "memo", values,
                    "\"\" \"\xC3\x84pfel\" \"apron\" \"Bolt\" \"zebra\" \"\xF0\x9F\x94\xA7\" null ",
                    "\"\xF0\x9F\x94\xA7\" \"zebra\" \"Bolt\" \"apron\" \"\xC3\x84pfel\" \"\" null ");
}

static void choices_sort_by_place_with_unknown_ones_behind(void **state)
{
    static const char *const values[] = {
        "\"urgent\"", "null", "\"high\"", "\"low\"", "\"\xC3\xA9t\xC3\xA9\"", NULL
    };

    sorts_both_ways(state, "prio", values,
                    "\"low\" \"\xC3\xA9t\xC3\xA9\" \"high\" \"urgent\" null ",
                    "\"high\" \"\xC3\xA9t\xC3\xA9\" \"low\" \"urgent\" null ");
}

static void numbers_sort_as_numbers_with_nothing_last(void **state)
{
    static const char *const whole[] = { "10", "null", "-9007199254740991", "9", NULL };
    static const char *const reals[] = { "1e300", "null", "-1e300", "0.5", NULL };

    sorts_both_ways(state, "count", whole, "-9007199254740991 9 10 null ",
                    "10 9 -9007199254740991 null ");
    sorts_both_ways(state, "size", reals, "-1e300 0.5 1e300 null ", "1e300 0.5 -1e300 null ");
    sorts_both_ways(state, "seenAt", whole, "-9007199254740991 9 10 null ",
                    "10 9 -9007199254740991 null ");
}

static void dates_and_bools_sort_with_nothing_last(void **state)
{
    static const char *const dates[] = {
        "null", "\"2026-11-28\"", "\"0999-01-01\"", "\"9999-12-31\"", NULL
    };
    static const char *const bools[] = { "true", "null", "false", NULL };

    sorts_both_ways(state, "dueAt", dates,
                    "\"0999-01-01\" \"2026-11-28\" \"9999-12-31\" null ",
                    "\"9999-12-31\" \"2026-11-28\" \"0999-01-01\" null ");
    sorts_both_ways(state, "isDry", bools, "false true null ", "true false null ");
}

static void a_sort_without_a_column_is_by_age_or_change(void **state)
{
    struct sort_order sort = { .by_created = true };
    struct value key, null = { 0 };

    (void)state;
    sort_key(&sort, &null, 11, 22, &key);
    assert_int_equal(key.kind, VALUE_INT);
    assert_int_equal(key.number, 11);
    sort.by_created = false;
    sort_key(&sort, &null, 11, 22, &key);
    assert_int_equal(key.number, 22);
}

static void a_long_text_has_a_short_key_of_whole_characters(void **state)
{
    struct sort_order sort = { .column = column(state, "memo") };
    struct buf text = { 0 };
    struct value v, key;

    for (int i = 0; i < 20000; i++)
        buf_puts(&text, "\xE4\xB8\xAD");
    value_set_text(&v, buf_str(&text), text.len);
    sort_key(&sort, &v, 0, 0, &key);
    assert_int_equal(key.kind, VALUE_TEXT);
    assert_int_equal(key.len, 63);
    assert_int_equal(strlen(key.text), 63);
    value_done(&v);
    value_done(&key);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_counted_in_code_points),
        cmocka_unit_test(a_text_without_a_limit_has_65536),
        cmocka_unit_test(a_required_text_is_more_than_white_space),
        cmocka_unit_test(null_is_for_columns_that_may_be_empty),
        cmocka_unit_test(a_wrong_json_type_is_refused_everywhere),
        cmocka_unit_test(integers_are_whole_and_below_2_to_the_53),
        cmocka_unit_test(numbers_keep_their_limits),
        cmocka_unit_test(minus_zero_is_stored_as_zero),
        cmocka_unit_test(a_real_is_finite),
        cmocka_unit_test(dates_exist),
        cmocka_unit_test(timestamps_are_of_the_years_1970_to_9999),
        cmocka_unit_test(choices_are_of_the_list),
        cmocka_unit_test(references_are_checked_for_form),
        cmocka_unit_test(what_a_newer_backend_says_is_kept),
        cmocka_unit_test(a_value_of_the_wrong_shape_is_refused),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(empty_text_is_nothing),
        cmocka_unit_test(texts_are_kept_as_typed),
        cmocka_unit_test(bools_are_typed_in_words),
        cmocka_unit_test(numbers_are_typed_with_or_without_their_unit),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(numbers_have_a_point_in_every_locale),
        cmocka_unit_test(choices_are_typed_by_value_or_label_in_any_case),
        cmocka_unit_test(references_are_typed_in_any_case),
        cmocka_unit_test(dates_are_typed_in_many_ways),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(the_last_day_of_a_month_stays_the_last),
        cmocka_unit_test(today_is_the_local_day),
        cmocka_unit_test(times_are_typed_in_local_time),
        cmocka_unit_test(times_with_a_zone_mean_the_same_everywhere),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(values_are_shown_as_a_person_reads_them),
        cmocka_unit_test(a_shown_time_reads_back_as_the_same_time),
        cmocka_unit_test(what_is_shown_may_be_typed_again),
        cmocka_unit_test(each_kind_has_a_name_a_sql_type_a_shape_and_an_editor),
        cmocka_unit_test(texts_sort_folded_with_nothing_last),
        cmocka_unit_test(choices_sort_by_place_with_unknown_ones_behind),
        cmocka_unit_test(numbers_sort_as_numbers_with_nothing_last),
        cmocka_unit_test(dates_and_bools_sort_with_nothing_last),
        cmocka_unit_test(a_sort_without_a_column_is_by_age_or_change),
        cmocka_unit_test(a_long_text_has_a_short_key_of_whole_characters),
    };

    return cmocka_run_group_tests(tests, make_registry, free_registry);
}
