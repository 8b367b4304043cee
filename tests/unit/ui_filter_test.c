/* What a typed filter means: words, and conditions on any column of any table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "base/mem.h"
#include "ui/filter.h"

#define NOW 1795478400000LL             /* 2026-11-24, a Tuesday */

static const char definition[] =
    "{\"name\":\"parts\",\"label\":\"Parts\",\"labelOne\":\"part\",\"title\":\"name\","
    "\"list\":[\"name\"],"
    "\"columns\":["
    "{\"name\":\"name\",\"label\":\"Name\",\"type\":\"text\",\"required\":true},"
    "{\"name\":\"isUsed\",\"label\":\"Used\",\"type\":\"bool\",\"default\":false},"
    "{\"name\":\"size\",\"label\":\"Size\",\"type\":\"choice\",\"choices\":["
    "{\"value\":\"s\",\"label\":\"small\"},{\"value\":\"m\",\"label\":\"medium\"},"
    "{\"value\":\"l\",\"label\":\"large\"}]},"
    "{\"name\":\"dueAt\",\"label\":\"Due\",\"type\":\"date\"},"
    "{\"name\":\"count\",\"label\":\"Count\",\"type\":\"integer\"}]}";

struct parts {
    struct registry *registry;
    struct record rec;
};

static int make(void **state)
{
    static struct parts parts;
    const char *const texts[] = { "Valve \303\204 V-14", "yes", "m", "2026-11-28", "12" };
    struct record *rec = &parts.rec;
    struct err err = { 0 };

    parts = (struct parts){ .registry = registry_new() };
    if (registry_add(parts.registry, definition, sizeof definition - 1, "test", &err))
        fail_msg("%s", err.msg);
    rec->table = registry_find(parts.registry, "parts");
    rec->values = mem_zero(rec->table->column_count, sizeof *rec->values);
    for (size_t i = 0; i < rec->table->column_count; i++) {
        if (column_from_text(&rec->table->columns[i], texts[i], strlen(texts[i]), NOW,
                             &rec->values[i], &err))
            fail_msg("%s", err.msg);
    }
    *state = &parts;
    return 0;
}

static int unmake(void **state)
{
    struct parts *parts = *state;

    record_done(&parts->rec);
    registry_free(parts->registry);
    return 0;
}

static bool fits(struct parts *parts, const char *text)
{
    struct filter filter = { 0 };
    struct err err = { 0 };
    bool is_match;

    if (filter_parse(parts->rec.table, text, NOW, &filter, &err))
        fail_msg("%s: %s", text, err.msg);
    is_match = filter_matches(&filter, &parts->rec);
    filter_done(&filter);
    return is_match;
}

static void conditions_compare_as_the_columns_type_says(void **state)
{
    static const char *const right[] = {
        "due<+7", "due<=2026-11-28", "due:28.11.", "due>today", "size:medium", "SIZE:med",
        "size>small", "size<=l", "used:yes", "isused=1", "count>9", "count:12", "name:v-14",
        "n:valve due<+7 size:m", "count>=12",
    };
    static const char *const wrong[] = {
        "due<+4", "due>+7", "due:today", "size:large", "size<m", "used:no", "count>100",
        "name:v-15", "n:valve due<today", "count<12",
    };

    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        if (!fits(*state, right[i]))
            fail_msg("%s should match", right[i]);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (fits(*state, wrong[i]))
            fail_msg("%s should not match", wrong[i]);
    }
}

static void nothing_after_the_operator_asks_for_empty_columns(void **state)
{
    struct parts *parts = *state;

    assert_false(fits(parts, "due:"));
    assert_true(fits(parts, "due>"));
    value_done(&parts->rec.values[3]);
    assert_true(fits(parts, "due:"));
    assert_false(fits(parts, "due<+7"));
    value_done(&parts->rec.values[1]);
    assert_true(fits(parts, "used:no"));
}

static void what_names_no_column_is_a_word(void **state)
{
    struct parts *parts = *state;
    struct filter filter = { 0 };
    struct err err = { 0 };

    assert_int_equal(filter_parse(parts->rec.table, "  pump  14:30 size:m a<b ", NOW, &filter, &err),
                     RC_OK);
    assert_string_equal(buf_str(&filter.words), "pump 14:30 a<b");
    assert_int_equal(filter.count, 1);
    filter_done(&filter);
}

static void a_value_that_does_not_fit_is_refused_with_words(void **state)
{
    struct parts *parts = *state;
    struct filter filter = { 0 };
    struct err err = { 0 };

    assert_int_equal(filter_parse(parts->rec.table, "pump due<2026-02-30", NOW, &filter, &err),
                     RC_INVALID);
    assert_non_null(strstr(err.msg, "Not a date."));
    assert_int_equal(filter_parse(parts->rec.table, "size:huge", NOW, &filter, &err), RC_INVALID);
    assert_int_equal(filter.count, 0);
    assert_int_equal(filter_parse(parts->rec.table,
                                  "n:1 n:2 n:3 n:4 n:5 n:6 n:7 n:8 n:9", NOW, &filter, &err),
                     RC_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make, unmake)
        T(conditions_compare_as_the_columns_type_says),
        T(nothing_after_the_operator_asks_for_empty_columns),
        T(what_names_no_column_is_a_word),
        T(a_value_that_does_not_fit_is_refused_with_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
