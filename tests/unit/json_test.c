#include <float.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include "base/json.h"
#include "base/mem.h"

static cJSON *parsed(const char *text)
{
    cJSON *v = NULL;
    struct err err = { 0 };

    if (json_parse(text, strlen(text), &v, &err))
        fail_msg("%s: %s", text, err.msg);
    return v;
}

static void refused(const char *text, size_t len, const char *words)
{
    cJSON *v = NULL;
    struct err err = { 0 };

    if (json_parse(text, len, &v, &err) != RC_INVALID)
        fail_msg("accepted: %s", text);
    assert_null(v);
    if (strstr(err.msg, words) == NULL)
        fail_msg("%s: \"%s\" lacks \"%s\"", text, err.msg, words);
}

static void valid_json_is_read_and_written_back_compact(void **state)
{
    static const char *const rows[][2] = {
        { "null", "null" },
        { " true ", "true" },
        { "false\r\n\t", "false" },
        { "\"\"", "\"\"" },
        { "0", "0" },
        { "-0", "-0" },
        { "-12", "-12" },
        { "1.0", "1" },
        { "1e3", "1000" },
        { "1E-2", "0.01" },
        { "1.5e+1", "15" },
        { "9007199254740991", "9007199254740991" },
        { "[]", "[]" },
        { "{}", "{}" },
        { "[ 1 , [ ] , { } ]", "[1,[],{}]" },
        { "{ \"a\" : 1 , \"b\" : [ null ] }", "{\"a\":1,\"b\":[null]}" },
        { "{\"\":0}", "{\"\":0}" },
        { "{\"a\":1,\"A\":2}", "{\"a\":1,\"A\":2}" },
        { "\"\\u0041\\/\\b\\f\\n\\r\\t\\\\\\\"\"", "\"A/\\b\\f\\n\\r\\t\\\\\\\"\"" },
        { "\"\\u001f\\u007f\"", "\"\\u001f\x7f\"" },
        { "\"\\ud83d\\uDE00\"", "\"\xF0\x9F\x98\x80\"" },
        { "\"\\u00e9\\u20ac\"", "\"\xC3\xA9\xE2\x82\xAC\"" },
        { "\"\xC3\xA9\xF4\x8F\xBF\xBF\"", "\"\xC3\xA9\xF4\x8F\xBF\xBF\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out = { 0 };
        cJSON *v = parsed(rows[i][0]);
        json_put(&out, v);
        assert_string_equal(buf_str(&out), rows[i][1]);
        cJSON_Delete(v);
        buf_done(&out);
    }
}

static void what_rfc_8259_forbids_is_refused_with_the_place(void **state)
{
    static const char *const rows[][2] = {
        { "", "byte 1: the text ends where a value" },
        { "  ", "byte 3" },
        { "01", "byte 2: more text" },
        { "+1", "byte 1: not a JSON value" },
        { "1.", "byte 3: a digit is missing" },
        { ".5", "byte 1" },
        { "-", "byte 2: a digit" },
        { "1e", "a digit is missing" },
        { "1e+", "a digit is missing" },
        { "0x10", "more text" },
        { "-01", "byte 3" },
        { "1 2", "byte 3: more text after" },
        { "{} x", "byte 4: more text" },
        { "1e999", "byte 1: a number too large" },
        { "[-1E400]", "byte 2: a number too large" },
        { "1234567890123456789012345678901234567890123456789012345678901234", "63 characters" },
        { "NaN", "not a JSON value" },
        { "Infinity", "not a JSON value" },
        { "nul", "not a JSON" },
        { "nulll", "byte 5: more text" },
        { "True", "not a JSON value" },
        { "'a'", "not a JSON" },
        { "\xEF\xBB\xBF{}", "byte 1: not a JSON value" },
        { "// x\n1", "not a JSON value" },
        { "\"a", "byte 1: a string without an end" },
        { "\"\\", "ends inside a string" },
        { "\"a\tb\"", "byte 3: a control character" },
        { "\"a\nb\"", "line 1: a control" },
        { "\"\x1f\"", "a control character" },
        { "\"\\x41\"", "byte 2: this escape does not" },
        { "\"\\u12\"", "four hexadecimal" },
        { "\"\\u12G4\"", "four hexadecimal" },
        { "\"a\\u0000\"", "byte 3: U+0000" },
        { "\"\\ud800\"", "half of a surrogate pair" },
        { "\"\\udc00\"", "half of a surrogate" },
        { "\"\\ud800\\u0041\"", "half of a surrogate" },
        { "\"\\ud800\\ud800\"", "half of a surrogate" },
        { "\"\xff\"", "byte 2: not UTF-8" },
        { "\"\xC0\x80\"", "not UTF-8" },
        { "\"\xED\xA0\x80\"", "not UTF-8" },
        { "\"\xF4\x90\x80\x80\"", "not UTF-8" },
        { "\"\xC3\"", "not UTF-8" },
        { "[", "byte 2: an array without an end" },
        { "[1,", "byte 4: the text ends" },
        { "[1", "an array without an end" },
        { "[1,]", "byte 4: not a JSON value" },
        { "[,1]", "not a JSON value" },
        { "[1 2]", "a comma or ] is missing" },
        { "[1}", "a comma or ]" },
        { "]", "not a JSON" },
        { "{", "an object without an end" },
        { "{\"a\"}", "a colon is missing" },
        { "{\"a\":}", "not a JSON value" },
        { "{\"a\":1,}", "byte 8: a name in quotes" },
        { "{a:1}", "a name in quotes" },
        { "{\"a\":1 \"b\":2}", "a comma or }" },
        { "{1:2}", "a name in quotes" },
        { "{\"a\":1]", "a comma or }" },
        { "{\"a\":1,\"a\":2}", "byte 8: a name stands twice" },
        { "{\"x\":{\"a\":1,\"b\":0,\"\\u0061\":2}}", "a name stands twice" },
        { "{\n\"a\": 1,\n\"b\" 2}", "line 3: a colon is missing" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refused(rows[i][0], strlen(rows[i][0]), rows[i][1]);
    refused("\"a\0b\"", 5, "byte 3: a control character");
    refused("1\0", 2, "byte 2: more text");
    refused("{}\0{}", 5, "byte 3: more text");
}

static void the_text_need_not_end_in_a_nul(void **state)
{
    char *text = malloc(4);
    cJSON *v = NULL;
    struct err err = { 0 };

    (void)state;
    memcpy(text, "[12]", 4);
    assert_int_equal(json_parse(text, 4, &v, &err), RC_OK);
    cJSON_Delete(v);
    v = NULL;
    for (size_t len = 0; len < 4; len++) {
        char *head = malloc(len + 1);
        memcpy(head, text, len);
        assert_int_equal(json_parse(head, len, &v, &err), RC_INVALID);
        free(head);
    }
    free(text);
}

static void nesting_ends_at_64(void **state)
{
    char text[131];
    cJSON *v;

    (void)state;
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    v = parsed(text);
    cJSON_Delete(v);
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    refused(text, 130, "byte 65: nested more than 64 deep");
}

static int64_t cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* "[1,1,…]" with so many values in all. */
static enum rc parse_ones(int values, struct err *err)
{
    struct buf text = { 0 };
    cJSON *json = NULL;

    buf_putc(&text, '[');
    for (int i = 1; i < values; i++)
        buf_puts(&text, i == 1 ? "1" : ",1");
    buf_putc(&text, ']');
    enum rc rc = json_parse(buf_str(&text), text.len, &json, err);
    cJSON_Delete(json);
    buf_done(&text);
    return rc;
}

static void values_end_at_400000_so_that_memory_is_bounded(void **state)
{
    struct err err = { 0 };

    (void)state;
    assert_int_equal(parse_ones(JSON_VALUES_MAX, &err), RC_OK);
    assert_int_equal(parse_ones(JSON_VALUES_MAX + 1, &err), RC_INVALID);
    assert_non_null(strstr(err.msg, "more than 400000 values"));
}

static void a_name_twice_among_200000_is_found_without_quadratic_work(void **state)
{
    struct buf text = { 0 };
    int64_t start;

    (void)state;
    buf_putc(&text, '{');
    for (int i = 0; i < 200000; i++)
        buf_printf(&text, "\"%06d\":0,", (i * 7919) % 200000);
    buf_puts(&text, "\"00012\\u0033\":0}");
    start = cpu_ms();
    refused(buf_str(&text), text.len, "byte 2200002: a name stands twice");
    assert_true(cpu_ms() - start < 5000); /* pairwise would take minutes */
    buf_done(&text);
}

static void members_are_found_by_exact_name_and_type(void **state)
{
    cJSON *v = parsed("{\"Name\":\"x\",\"name\":\"y\",\"n\":1.5,\"b\":true,\"z\":null,\"a\":[1]}");
    double number = 0;
    bool flag = false;

    (void)state;
    assert_string_equal(json_get_string(v, "name"), "y");
    assert_null(json_get(v, "NAME"));
    assert_null(json_get_string(v, "n"));
    assert_null(json_get_string(v, "none"));
    assert_true(json_get_bool(v, "b", &flag) && flag);
    assert_false(json_get_bool(v, "n", &flag));
    assert_true(json_get_number(v, "n", &number) && fabs(number - 1.5) < 1e-12);
    assert_false(json_get_number(v, "name", &number));
    assert_true(cJSON_IsNull(json_get(v, "z")));
    assert_null(json_get(json_get(v, "a"), "name"));
    assert_null(json_get(json_get(v, "z"), "name"));
    assert_null(json_get(NULL, "name"));
    cJSON_Delete(v);
}

static void whole_numbers_come_as_numbers_or_decimal_strings(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
        int64_t value;
    } rows[] = {
        { "0", true, 0 },
        { "1.0", true, 1 },
        { "-3", true, -3 },
        { "1700000000000.0", true, 1700000000000 },
        { "9007199254740991", true, 9007199254740991 },
        { "9007199254740992", false, 0 },
        { "-9007199254740992", false, 0 },
        { "1.5", false, 0 },
        { "1e300", false, 0 },
        { "\"0\"", true, 0 },
        { "\"-1\"", true, -1 },
        { "\"9223372036854775807\"", true, INT64_MAX },
        { "\"-9223372036854775808\"", true, INT64_MIN },
        { "\"9223372036854775808\"", false, 0 },
        { "\"-9223372036854775809\"", false, 0 },
        { "\"\"", false, 0 },
        { "\"-\"", false, 0 },
        { "\"01\"", false, 0 },
        { "\"+1\"", false, 0 },
        { "\" 1\"", false, 0 },
        { "\"1.0\"", false, 0 },
        { "\"12a\"", false, 0 },
        { "\"-0\"", false, 0 },
        { "null", false, 0 },
        { "true", false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[64];
        int64_t out = 77;
        cJSON *v;
        snprintf(text, sizeof(text), "{\"v\":%s}", rows[i].text);
        v = parsed(text);
        if (json_get_i64(v, "v", &out) != rows[i].is_good)
            fail_msg("%s", rows[i].text);
        assert_int_equal(out, rows[i].is_good ? rows[i].value : 77);
        cJSON_Delete(v);
    }
}

static void equal_looks_at_values_not_at_order_or_spelling(void **state)
{
    static const struct {
        const char *a, *b;
        bool is_equal;
    } rows[] = {
        { "1", "1.0", true },
        { "0", "-0", true },
        { "1", "\"1\"", false },
        { "null", "false", false },
        { "true", "true", true },
        { "true", "false", false },
        { "\"a\"", "\"\\u0061\"", true },
        { "\"a\"", "\"A\"", false },
        { "[1,2]", "[2,1]", false },
        { "[1]", "[1,2]", false },
        { "{\"a\":1,\"b\":[{}]}", "{\"b\":[{}],\"a\":1}", true },
        { "{\"a\":1}", "{\"A\":1}", false },
        { "{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false },
        { "{\"a\":1}", "{\"a\":1,\"b\":2}", false },
        { "{\"x\":1,\"a\":1,\"b\":2,\"c\":3}", "{\"x\":1,\"c\":3,\"a\":1,\"b\":2}", true },
        { "{\"x\":1,\"a\":1,\"b\":2,\"c\":3}", "{\"x\":1,\"c\":3,\"a\":1,\"d\":2}", false },
        { "{}", "[]", false },
        { "1e300", "1e300", true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cJSON *a = parsed(rows[i].a), *b = parsed(rows[i].b);
        if (json_equal(a, b) != rows[i].is_equal || json_equal(b, a) != rows[i].is_equal)
            fail_msg("%s and %s", rows[i].a, rows[i].b);
        cJSON_Delete(a);
        cJSON_Delete(b);
    }
}

static void floats_are_printed_as_convex_prints_them(void **state)
{
    static const struct {
        double v;
        const char *plain, *convex;
    } rows[] = {
        { 0, "0", "0.0" },
        { -0.0, "-0", "-0.0" },
        { 1, "1", "1.0" },
        { -17, "-17", "-17.0" },
        { 1700000000000, "1700000000000", "1700000000000.0" },
        { 0.1, "0.1", "0.1" },
        { 1e15, "1000000000000000", "1000000000000000.0" },
        { 1e16, "1e16", "1e16" },
        { 9.1e15, "9100000000000000", "9100000000000000.0" },
        { 1e21, "1e21", "1e21" },
        { 1.5e300, "1.5e300", "1.5e300" },
        { -2.5, "-2.5", "-2.5" },
        { 1e-5, "0.00001", "0.00001" },
        { 1e-6, "1e-6", "1e-6" },
        { 1.25e-7, "1.25e-7", "1.25e-7" },
        { 0.3, "0.3", "0.3" },
        { 0.1 + 0.2, "0.30000000000000004", "0.30000000000000004" },
        { 5e-324, "5e-324", "5e-324" },
        { DBL_MAX, "1.7976931348623157e308", "1.7976931348623157e308" },
        { 123456.789, "123456.789", "123456.789" },
        { NAN, "null", "null" },
        { INFINITY, "null", "null" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf out = { 0 };
        json_put_double(&out, rows[i].v);
        assert_string_equal(buf_str(&out), rows[i].plain);
        buf_clear(&out);
        json_put_float(&out, rows[i].v);
        assert_string_equal(buf_str(&out), rows[i].convex);
        buf_done(&out);
    }
}

static void every_double_reads_back_the_same(void **state)
{
    uint64_t x = 88172645463325252u;
    struct buf out = { 0 };

    (void)state;
    for (int i = 0; i < 20000; i++) {
        double v, back;
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        memcpy(&v, &x, sizeof(v));
        if (!isfinite(v))
            continue;
        buf_clear(&out);
        json_put_float(&out, v);
        back = strtod(buf_str(&out), NULL);
        assert_memory_equal(&back, &v, sizeof(v));
    }
    buf_done(&out);
}

static void a_locale_with_a_decimal_comma_changes_nothing(void **state)
{
    static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fa_IR", "ps_AF" };
    struct buf out = { 0 };
    cJSON *v;
    size_t i = 0;

    (void)state;
    while (i < sizeof(names) / sizeof(names[0]) && setlocale(LC_NUMERIC, names[i]) == NULL)
        i++;
    if (i == sizeof(names) / sizeof(names[0])) {
        print_message("no locale with another decimal point is installed here\n");
        skip();
    }
    v = parsed("[0.5,1.25e3,1e-7]");
    json_put_convex(&out, v);
    setlocale(LC_NUMERIC, "C");
    cJSON_Delete(v);
    assert_string_equal(buf_str(&out), "[0.5,1250.0,1e-7]");
    buf_done(&out);
}

static void the_convex_writer_touches_numbers_only(void **state)
{
    cJSON *v = parsed("{\"a\":1,\"b\":[2,\"3\",null,true],\"c\":{\"d\":0.5}}");
    struct buf out = { 0 };

    (void)state;
    json_put_convex(&out, v);
    assert_string_equal(buf_str(&out), "{\"a\":1.0,\"b\":[2.0,\"3\",null,true],\"c\":{\"d\":0.5}}");
    buf_done(&out);
    cJSON_Delete(v);
}

/* Read by the address sanitizer, which ends the program otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void leave_with_7(void)
{
    _exit(7);
}

static void cjson_without_memory_ends_the_program_as_our_own_allocations_do(void **state)
{
    volatile size_t too_much = SIZE_MAX / 2;
    int status = 0;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        mem_on_exhausted(leave_with_7);
        cJSON_free(cJSON_malloc(too_much));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_json_is_read_and_written_back_compact),
        cmocka_unit_test(what_rfc_8259_forbids_is_refused_with_the_place),
        cmocka_unit_test(the_text_need_not_end_in_a_nul),
        cmocka_unit_test(nesting_ends_at_64),
        cmocka_unit_test(values_end_at_400000_so_that_memory_is_bounded),
        cmocka_unit_test(a_name_twice_among_200000_is_found_without_quadratic_work),
        cmocka_unit_test(members_are_found_by_exact_name_and_type),
        cmocka_unit_test(whole_numbers_come_as_numbers_or_decimal_strings),
        cmocka_unit_test(equal_looks_at_values_not_at_order_or_spelling),
        cmocka_unit_test(floats_are_printed_as_convex_prints_them),
        cmocka_unit_test(every_double_reads_back_the_same),
        cmocka_unit_test(a_locale_with_a_decimal_comma_changes_nothing),
        cmocka_unit_test(the_convex_writer_touches_numbers_only),
        cmocka_unit_test(cjson_without_memory_ends_the_program_as_our_own_allocations_do),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
