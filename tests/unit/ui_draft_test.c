#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "db/registry.h"
#include "ui/draft.h"
#include "ui/flat.h"

#define NOW 1795478400000LL             /* 2026-11-24, a Tuesday */
#define FIELDS 4

static const char definition[] =
    "{\"name\":\"parts\",\"label\":\"Parts\",\"labelOne\":\"part\",\"title\":\"name\","
    "\"list\":[\"name\"],"
    "\"columns\":["
    "{\"name\":\"name\",\"label\":\"Name\",\"type\":\"text\",\"required\":true,\"maxLength\":20},"
    "{\"name\":\"used\",\"label\":\"Used\",\"type\":\"bool\",\"default\":false},"
    "{\"name\":\"size\",\"label\":\"Size\",\"type\":\"choice\",\"choices\":["
    "{\"value\":\"s\",\"label\":\"small\"},{\"value\":\"l\",\"label\":\"large\"}]},"
    "{\"name\":\"due\",\"label\":\"Due\",\"type\":\"date\"}]}";

struct parts {
    struct registry *registry;
    struct field fields[FIELDS];
};

static void make(struct parts *parts)
{
    const struct value nothing = { 0 };
    const struct table *table;
    struct err err = { 0 };

    parts->registry = registry_new();
    if (registry_add(parts->registry, definition, sizeof definition - 1, "test", &err))
        fail_msg("%s", err.msg);
    table = registry_find(parts->registry, "parts");
    assert_int_equal(table->column_count, FIELDS);
    for (size_t i = 0; i < FIELDS; i++)
        field_init(&parts->fields[i], &table->columns[i],
                   table->columns[i].has_default ? &table->columns[i].default_value : &nothing);
}

static void done(struct parts *parts)
{
    for (size_t i = 0; i < FIELDS; i++)
        field_done(&parts->fields[i]);
    registry_free(parts->registry);
}

static void type(struct field *field, const char *text)
{
    const struct ui_key key = { .code = (unsigned char)*text, .text = text, .len = strlen(text) };

    (void)field_type(field, &key, NOW);
}

static void a_draft_brings_back_what_was_typed(void **state)
{
    struct parts before, after;
    struct buf json = { 0 };

    (void)state;
    make(&before);
    make(&after);
    type(&before.fields[0], "V-14 \"old\" \\ \u6f22\U0001F600");
    type(&before.fields[3], "2026-02-30");              /* wrong, and kept as it is */
    draft_put(before.fields, FIELDS, &json);
    assert_int_equal(draft_take(buf_str(&json), after.fields, FIELDS), 2);
    for (size_t i = 0; i < FIELDS; i++)
        assert_string_equal(buf_str(&after.fields[i].edit.text),
                            buf_str(&before.fields[i].edit.text));
    buf_done(&json);
    done(&before);
    done(&after);
}

static void a_draft_of_an_older_definition_sets_what_is_still_there(void **state)
{
    struct parts parts;

    (void)state;
    make(&parts);
    assert_int_equal(draft_take("{\"gone\":\"x\", \"name\" : \"a\\u00e4\\ud83d\\ude00\\n\"}",
                                parts.fields, FIELDS),
                     1);
    assert_string_equal(buf_str(&parts.fields[0].edit.text), "a\u00e4\U0001F600\n");
    assert_int_equal(draft_take("nonsense", parts.fields, FIELDS), 0);
    assert_int_equal(draft_take("{\"name\":\"cut", parts.fields, FIELDS), 0);
    assert_int_equal(draft_take("{\"name\":5}", parts.fields, FIELDS), 0);
    assert_int_equal(draft_take("", parts.fields, FIELDS), 0);
    done(&parts);
}

static void a_flat_object_is_walked_member_by_member(void **state)
{
    const char *at = "{\"a\": null, \"b\":true,\"c\":\"x,}\" , \"d\":-1.5}";
    struct buf name = { 0 }, value = { 0 };
    bool is_string;

    (void)state;
    assert_true(flat_next(&at, &name, &value, &is_string));
    assert_string_equal(buf_str(&value), "null");
    assert_false(is_string);
    assert_true(flat_next(&at, &name, &value, &is_string));
    assert_true(flat_next(&at, &name, &value, &is_string));
    assert_string_equal(buf_str(&name), "c");
    assert_string_equal(buf_str(&value), "x,}");
    assert_true(is_string);
    assert_true(flat_next(&at, &name, &value, &is_string));
    assert_string_equal(buf_str(&value), "-1.5");
    assert_false(flat_next(&at, &name, &value, &is_string));
    at = "{}";
    assert_false(flat_next(&at, &name, &value, &is_string));
    buf_done(&name);
    buf_done(&value);
}

static void choices_switches_and_days_are_stepped_through(void **state)
{
    struct parts parts;
    struct field *size, *used, *due;

    (void)state;
    make(&parts);
    used = &parts.fields[1];
    size = &parts.fields[2];
    due = &parts.fields[3];
    assert_true(field_step(size, 1, NOW));
    assert_string_equal(buf_str(&size->edit.text), "s");
    (void)field_step(size, 1, NOW);
    (void)field_step(size, 1, NOW);
    assert_string_equal(buf_str(&size->edit.text), ""); /* nothing is a choice too */
    type(size, "l");
    assert_string_equal(buf_str(&size->edit.text), "l");
    (void)field_step(used, 1, NOW);
    assert_true(field_is_changed(used));
    (void)field_step(used, 1, NOW);
    assert_false(field_is_changed(used));
    (void)field_step(due, 1, NOW);
    assert_string_equal(buf_str(&due->edit.text), "2026-11-24");
    (void)field_step(due, -1, NOW);
    assert_string_equal(buf_str(&due->edit.text), "2026-11-23");
    assert_non_null(strstr(due->echo, "Mon"));
    done(&parts);
}

static void a_field_says_why_it_cannot_be_saved(void **state)
{
    struct value v = { 0 };
    struct parts parts;

    (void)state;
    make(&parts);
    assert_int_equal(field_value(&parts.fields[0], NOW, &v), RC_INVALID);
    assert_string_equal(parts.fields[0].error, "Name is needed.");
    type(&parts.fields[0], "x");
    assert_string_equal(parts.fields[0].error, "");
    assert_int_equal(field_value(&parts.fields[0], NOW, &v), RC_OK);
    value_done(&v);
    done(&parts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_draft_brings_back_what_was_typed),
        cmocka_unit_test(a_draft_of_an_older_definition_sets_what_is_still_there),
        cmocka_unit_test(a_flat_object_is_walked_member_by_member),
        cmocka_unit_test(choices_switches_and_days_are_stepped_through),
        cmocka_unit_test(a_field_says_why_it_cannot_be_saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
