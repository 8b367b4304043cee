#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include "base/file.h"
#include "base/json.h"
#include "db/registry.h"
#include "tests/unit/temp_dir.h"

#define HEAD_REST \
    "\"name\":\"sites\",\"label\":\"Sites\",\"labelOne\":\"site\",\"title\":\"name\","
#define HEAD "{" HEAD_REST
#define NAME_COLUMN "{\"name\":\"name\",\"type\":\"text\"}"

static const char things[] =
    "{\"name\":\"siteVisits\",\"label\":\"Visits\",\"labelOne\":\"visit\",\"title\":\"name\","
    " \"done\":\"isOver\",\"list\":[\"name\",\"kind\"],"
    " \"sorts\":[{\"name\":\"depth\",\"column\":\"depth\",\"descending\":true},"
    "            {\"name\":\"made\",\"column\":\"createdAt\"},"
    "            {\"name\":\"changed\",\"column\":\"updatedAt\",\"descending\":true}],"
    " \"columns\":["
    "  {\"name\":\"name\",\"type\":\"text\",\"required\":true,\"maxLength\":40,\"help\":\"Where\"},"
    "  {\"name\":\"isOver\",\"label\":\"Over\",\"type\":\"bool\",\"default\":false},"
    "  {\"name\":\"count\",\"type\":\"integer\",\"min\":0,\"max\":10,\"default\":3},"
    "  {\"name\":\"depth\",\"type\":\"real\",\"min\":-1.5,\"unit\":\"m\"},"
    "  {\"name\":\"dueAt\",\"type\":\"date\"},"
    "  {\"name\":\"seenAt\",\"type\":\"timestamp\",\"readOnly\":true},"
    "  {\"name\":\"kind\",\"type\":\"choice\",\"choices\":[\"new\",{\"value\":\"old\",\"label\":\"Aged\"}]},"
    "  {\"name\":\"parentTask\",\"type\":\"reference\",\"table\":\"tasks\"},"
    "  {\"name\":\"mapURL\",\"type\":\"text\",\"multiline\":true}]}";

static struct registry *with(const char *json)
{
    struct registry *reg = registry_new();
    struct err err = { 0 };

    if (registry_add(reg, json, strlen(json), "x.json", &err))
        fail_msg("%s: %s", json, err.msg);
    return reg;
}

/* The definition is refused, adds nothing, and the sentence is exactly this. */
static void refused(const char *json, const char *sentence)
{
    struct registry *reg = registry_new();
    struct err err = { 0 };

    if (registry_add(reg, json, strlen(json), "x.json", &err) != RC_INVALID)
        fail_msg("accepted: %s", json);
    assert_string_equal(err.msg, sentence);
    assert_int_equal(registry_count(reg), 0);
    registry_free(reg);
}

static void refused_column(const char *column, const char *sentence)
{
    struct buf json = { 0 }, whole = { 0 };

    buf_printf(&json, HEAD "\n\"columns\":[" NAME_COLUMN ",\n%s]}", column);
    buf_printf(&whole, "x.json: line 3, %s", sentence);
    refused(buf_str(&json), buf_str(&whole));
    buf_done(&json);
    buf_done(&whole);
}

/* ---- what is read ---- */

static void an_editors_schema_is_allowed_and_means_nothing(void **state)
{
    struct registry *reg = with("{\"$schema\":\"../definition.schema.json\"," HEAD_REST
                                "\"columns\":[" NAME_COLUMN "]}");

    (void)state;
    assert_non_null(registry_find(reg, "sites"));
    registry_free(reg);
    refused("{\"$schema\":1," HEAD_REST "\"columns\":[" NAME_COLUMN "]}",
            "x.json: line 1: \"$schema\" must be a string.");
}

static void tasks_are_built_in(void **state)
{
    struct registry *reg;
    struct err err = { 0 };
    const struct table *tasks;

    (void)state;
    assert_int_equal(registry_load(NULL, 0, &reg, &err), RC_OK);
    tasks = registry_find(reg, "tasks");
    assert_non_null(tasks);
    assert_ptr_equal(registry_at(reg, tasks->index), tasks);
    assert_int_equal(registry_problem_count(reg), 0);
    assert_string_equal(tasks->source, "built in");
    assert_string_equal(tasks->title->name, "text");
    assert_true(tasks->title->is_required);
    assert_int_equal(tasks->title->max_length, 200);
    assert_string_equal(tasks->done->sql, "is_completed");
    assert_true(tasks->done->has_default);
    assert_int_equal(tasks->sort_count, 4);
    assert_int_equal(tasks->list_count, 4);
    assert_string_equal(table_column(tasks, "priority")->choices[2].value, "high");
    assert_int_equal(column_edit_kind(table_column(tasks, "notes")), EDIT_LINES);
    assert_null(registry_find(reg, "Tasks"));
    registry_free(reg);
}

static void every_type_is_read_with_what_belongs_to_it(void **state)
{
    struct registry *reg = with(things);
    const struct table *t = registry_find(reg, "siteVisits");
    const struct column *c = t->columns;

    (void)state;
    assert_string_equal(t->sql, "site_visits");
    assert_string_equal(t->label_one, "visit");
    assert_int_equal(t->column_count, 9);
    for (size_t i = 0; i < t->column_count; i++) {
        assert_int_equal(c[i].index, i);
        assert_ptr_equal(table_column(t, c[i].name), &c[i]);
    }
    assert_int_equal(c[0].kind, COLUMN_TEXT);
    assert_string_equal(c[0].help, "Where");
    assert_string_equal(c[0].label, "Name");
    assert_int_equal(c[1].kind, COLUMN_BOOL);
    assert_false(c[1].default_value.flag);
    assert_string_equal(c[1].label, "Over");
    assert_int_equal(c[2].kind, COLUMN_INTEGER);
    assert_int_equal(c[2].default_value.number, 3);
    assert_true(c[2].has_min && c[2].has_max && c[2].max > 9.9);
    assert_int_equal(c[3].kind, COLUMN_REAL);
    assert_true(c[3].has_min && c[3].min < -1.4 && !c[3].has_max);
    assert_string_equal(c[3].unit, "m");
    assert_int_equal(c[4].kind, COLUMN_DATE);
    assert_string_equal(c[4].label, "Due at");
    assert_int_equal(c[5].kind, COLUMN_TIMESTAMP);
    assert_true(c[5].is_read_only);
    assert_int_equal(c[6].kind, COLUMN_CHOICE);
    assert_string_equal(c[6].choices[0].label, "new");
    assert_string_equal(c[6].choices[1].label, "Aged");
    assert_int_equal(c[7].kind, COLUMN_REFERENCE);
    assert_string_equal(c[7].reference, "tasks");
    assert_string_equal(c[8].sql, "map_url");
    assert_int_equal(c[8].max_length, COLUMN_TEXT_MAX);
    registry_free(reg);
}

static void sorts_and_list_name_columns(void **state)
{
    struct registry *reg = with(things);
    const struct table *t = registry_at(reg, 0);

    (void)state;
    assert_int_equal(t->sort_count, 3);
    assert_ptr_equal(t->sorts[0].column, table_column(t, "depth"));
    assert_true(t->sorts[0].is_descending);
    assert_null(t->sorts[1].column);
    assert_true(t->sorts[1].by_created);
    assert_null(t->sorts[2].column);
    assert_false(t->sorts[2].by_created);
    assert_int_equal(t->list_count, 2);
    assert_ptr_equal(t->list[1], table_column(t, "kind"));
    registry_free(reg);
}

static void without_list_and_sorts_there_is_title_and_age(void **state)
{
    struct registry *reg = with(HEAD "\"columns\":[" NAME_COLUMN "]}");
    const struct table *t = registry_at(reg, 0);

    (void)state;
    assert_int_equal(t->list_count, 1);
    assert_ptr_equal(t->list[0], t->title);
    assert_null(t->done);
    assert_int_equal(t->sort_count, 1);
    assert_string_equal(t->sorts[0].name, "created");
    assert_true(t->sorts[0].by_created);
    registry_free(reg);
}

static void sql_names_follow_one_rule(void **state)
{
    static const char *const rows[][2] = {
        { "dueAt", "due_at" }, { "text", "text" }, { "siteURL", "site_url" },
        { "pdfURLOf", "pdf_url_of" }, { "line2Text", "line2_text" }, { "aB", "a_b" },
        { "order", "order" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char json[400];
        snprintf(json, sizeof json, HEAD "\"columns\":[" NAME_COLUMN
                 ",{\"name\":\"%s\",\"type\":\"text\"}]}", rows[i][0]);
        struct registry *reg = with(json);
        assert_string_equal(table_column(registry_at(reg, 0), rows[i][0])->sql, rows[i][1]);
        registry_free(reg);
    }
}

static void every_column_is_found_by_name_in_a_wide_table(void **state)
{
    struct buf json = { 0 };
    struct registry *reg;
    const struct table *t;
    char name[20];

    (void)state;
    buf_puts(&json, HEAD "\"columns\":[" NAME_COLUMN);
    for (int i = 1; i < TABLE_COLUMNS_MAX; i++)
        buf_printf(&json, ",{\"name\":\"c%d\",\"type\":\"integer\"}", i);
    buf_puts(&json, "]}");
    reg = with(buf_str(&json));
    t = registry_at(reg, 0);
    for (int i = 1; i < TABLE_COLUMNS_MAX; i++) {
        snprintf(name, sizeof name, "c%d", i);
        assert_ptr_equal(table_column(t, name), &t->columns[i]);
    }
    assert_null(table_column(t, "c0"));
    assert_null(table_column(t, "c128"));
    assert_null(table_column(t, ""));
    assert_null(table_column(t, "zzz"));
    registry_free(reg);
    buf_done(&json);
}

/* ---- what is refused, and in which words ---- */

static void broken_json_is_refused_with_its_line(void **state)
{
    (void)state;
    refused("{\n\"name\": \"sites\"\n\"label\": 1}",
            "x.json: Not valid JSON at byte 19, line 3: a comma or } is missing.");
    refused("[]", "x.json: line 1: there must be an object in { } here.");
}

static void a_byte_order_mark_and_windows_line_ends_are_passed_over(void **state)
{
    static const char marked[] = "\xEF\xBB\xBF{\r\n" HEAD_REST "\r\n\"columns\":[" NAME_COLUMN "]}\r\n";
    struct registry *reg = registry_new();
    struct err err = { 0 };

    (void)state;
    if (registry_add(reg, marked, strlen(marked), "x.json", &err))
        fail_msg("%s", err.msg);
    registry_free(reg);
    refused("\xEF\xBB\xBF{\r\n\"name\":\"sites\",\r\n\"lable\":\"Sites\"}",
            "x.json: line 3: \"lable\" is not known here; known are name, label, labelOne, title, "
            "done, list, sorts and columns.");
    refused("\xEF\xBB\xBF", "x.json: Not valid JSON at byte 1: the text ends where a value should stand.");
}

static void a_misspelt_member_is_named(void **state)
{
    (void)state;
    refused("{\"name\":\"sites\",\n\"lable\":\"Sites\"}",
            "x.json: line 2: \"lable\" is not known here; known are name, label, labelOne, title, "
            "done, list, sorts and columns.");
    refused_column("{\"name\":\"a\",\"type\":\"text\",\"maxLenght\":3}",
                   "column \"a\": \"maxLenght\" is not known here; known are name, label, type, "
                   "required, default, maxLength, examples, min, max, choices, table, multiline, "
                   "readOnly, help and unit.");
    refused(HEAD "\"sorts\":[{\"name\":\"a\",\"column\":\"name\",\"desc\":true}],\"columns\":["
            NAME_COLUMN "]}",
            "x.json: line 1: \"desc\" is not known here; known are name, column and descending.");
}

static void a_table_needs_name_labels_title_and_columns(void **state)
{
    (void)state;
    refused("{}", "x.json: line 1: \"name\" is missing; it must be a string.");
    refused("{\"name\":\"a\",\"label\":\"A\"}",
            "x.json: line 1: \"labelOne\" is missing; it must be a string.");
    refused("{\"name\":\"a\",\"label\":\"A\",\"labelOne\":\"a\",\"columns\":[" NAME_COLUMN "]}",
            "x.json: line 1: \"title\" is missing; it must be a string.");
    refused(HEAD "\"done\":\"x\"}",
            "x.json: line 1: \"columns\" is missing; it must be a list in [ ].");
    refused(HEAD "\"columns\":[]}", "x.json: line 1: there must be 1 to 128 columns; there are 0.");
    refused("{\"name\":\"a\",\n\"label\":\" \"}",
            "x.json: line 2: \"label\" must have 1 to 40 characters.");
    refused("{\"name\":7}", "x.json: line 1: \"name\" must be a string.");
}

static void title_is_a_text_and_done_a_bool(void **state)
{
    (void)state;
    refused("{\"name\":\"a\",\"label\":\"A\",\"labelOne\":\"a\",\n\"title\":\"n\",\"columns\":["
            NAME_COLUMN "]}",
            "x.json: line 2: \"title\" names a column; there is no \"n\".");
    refused("{\"name\":\"a\",\"label\":\"A\",\"labelOne\":\"a\",\n\"title\":\"n\",\"columns\":["
            "{\"name\":\"n\",\"type\":\"integer\"}]}",
            "x.json: line 2: \"title\" must name a column of type text; \"n\" is integer.");
    refused(HEAD "\n\"done\":\"name\",\"columns\":[" NAME_COLUMN "]}",
            "x.json: line 2: \"done\" must name a column of type bool; \"name\" is text.");
}

static void names_have_a_form(void **state)
{
    static const char *const names[] = {
        "", "Name", "1a", "a_b", "a b", "\xC3\xA9", "a-b",
        "a123456789012345678901234567890123456789012345678901234567890",
    };
    char column[200], sentence[300];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(column, sizeof column, "{\"name\":\"%s\",\"type\":\"text\"}", names[i]);
        snprintf(sentence, sizeof sentence, "column \"%.60s\": a name is a small letter, then "
                 "letters and digits, at most 60 (such as dueAt).", names[i]);
        refused_column(column, sentence);
    }
    refused("{\"name\":\"Sites\",\"label\":\"S\",\"labelOne\":\"s\",\"title\":\"a\",\"columns\":[]}",
            "x.json: line 1: a name is a small letter, then letters and digits, at most 60 "
            "(such as dueAt).");
}

static void names_of_the_store_are_kept(void **state)
{
    static const char *const columns[] = {
        "id", "clientId", "serverId", "serverRev", "userId", "createdAt", "updatedAt", "deletedAt",
        "syncStatus", "shadow", "extra", "rowid", "rev", "runId",
        "writers",
    };
    static const char *const tables[] = {
        "syncQueue", "sqliteThings", "ftsTasks", "account", "drafts", "conflicts", "settings",
        "devices", "users", "accounts", "sessions", "receipts", "authTokens", "authors",
    };
    char json[300], sentence[300];

    (void)state;
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        snprintf(json, sizeof json, "{\"name\":\"%s\",\"type\":\"text\"}", columns[i]);
        snprintf(sentence, sizeof sentence,
                 "column \"%s\": the name is kept for Outpost's own columns.", columns[i]);
        refused_column(json, sentence);
    }
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        snprintf(json, sizeof json, "{\"name\":\"%s\",\"label\":\"A\",\"labelOne\":\"a\","
                 "\"title\":\"name\",\"columns\":[" NAME_COLUMN "]}", tables[i]);
        snprintf(sentence, sizeof sentence,
                 "x.json: line 1: the name \"%s\" is kept for Outpost's own tables.", tables[i]);
        refused(json, sentence);
    }
}

static void columns_that_are_one_in_the_store_are_refused(void **state)
{
    (void)state;
    refused_column("{\"name\":\"name\",\"type\":\"date\"}",
                   "column \"name\": there is a column of that name already.");
    refused_column("{\"name\":\"aURL\",\"type\":\"text\"},{\"name\":\"aUrl\",\"type\":\"text\"}",
                   "column \"aUrl\": the name is too like \"aURL\": both are a_url in the store.");
}

static void too_many_columns_or_sorts_are_refused(void **state)
{
    struct buf json = { 0 };

    (void)state;
    buf_puts(&json, HEAD "\"columns\":[" NAME_COLUMN);
    for (int i = 0; i < TABLE_COLUMNS_MAX; i++)
        buf_printf(&json, ",{\"name\":\"c%d\",\"type\":\"text\"}", i);
    buf_puts(&json, "]}");
    refused(buf_str(&json), "x.json: line 1: there must be 1 to 128 columns; there are 129.");
    buf_done(&json);
    refused(HEAD "\"columns\":[" NAME_COLUMN "],\n\"sorts\":[1,2,3,4,5]}",
            "x.json: line 2: there can be 4 sorts; there are 5.");
}

static void sorts_and_list_that_point_nowhere_are_refused(void **state)
{
#define TAIL "\"columns\":[" NAME_COLUMN "]}"
    (void)state;
    refused(HEAD "\n\"sorts\":[{\"name\":\"a\",\"column\":\"size\"}]," TAIL,
            "x.json: line 2: the sort \"a\" names \"size\", which is no column (and not createdAt "
            "or updatedAt).");
    refused(HEAD "\"sorts\":[{\"name\":\"a\",\"column\":\"name\"},{\"name\":\"a\",\"column\":"
            "\"createdAt\"}]," TAIL, "x.json: line 1: there are two sorts named \"a\".");
    refused(HEAD "\"sorts\":[{\"name\":\"A\",\"column\":\"name\"}]," TAIL,
            "x.json: line 1: a sort's name is a small letter, then letters and digits, at most 60 "
            "(such as dueAt).");
    refused(HEAD "\n\n\"list\":[\"size\"]," TAIL,
            "x.json: line 3: \"list\" names \"size\", which is no column.");
    refused(HEAD "\"list\":[\"name\",\"name\"]," TAIL,
            "x.json: line 1: \"list\" names \"name\" twice.");
    refused(HEAD "\"list\":[]," TAIL,
            "x.json: line 1: \"list\" names no column; leave it out instead.");
    refused(HEAD "\"list\":[1]," TAIL, "x.json: line 1: \"list\" must hold names of columns.");
}

static void a_column_needs_a_name_and_a_known_type(void **state)
{
    (void)state;
    refused_column("{\"type\":\"text\"}", "column 2: \"name\" is missing; it must be a string.");
    refused_column("{\"name\":\"a\"}", "column \"a\": \"type\" is missing; it must be a string.");
    refused_column("{\"name\":\"a\",\"type\":\"string\"}",
                   "column \"a\": \"string\" is no type; it must be text, bool, integer, real, "
                   "date, timestamp, choice or reference.");
    refused_column("7", "column 2: there must be an object in { } here.");
    refused_column("{\"name\":\"a\",\"type\":\"text\",\"required\":\"yes\"}",
                   "column \"a\": \"required\" must be true or false.");
}

static void members_of_another_type_are_refused(void **state)
{
    (void)state;
    refused_column("{\"name\":\"a\",\"type\":\"bool\",\"maxLength\":3}",
                   "column \"a\": a column of type bool has no \"maxLength\".");
    refused_column("{\"name\":\"a\",\"type\":\"text\",\"min\":3}",
                   "column \"a\": a column of type text has no \"min\".");
    refused_column("{\"name\":\"a\",\"type\":\"date\",\"choices\":[\"a\"]}",
                   "column \"a\": a column of type date has no \"choices\".");
    refused_column("{\"name\":\"a\",\"type\":\"integer\",\"multiline\":true}",
                   "column \"a\": a column of type integer has no \"multiline\".");
    refused_column("{\"name\":\"a\",\"type\":\"text\",\"unit\":\"m\"}",
                   "column \"a\": a column of type text has no \"unit\".");
}

static void choices_must_be_there_once_each(void **state)
{
    (void)state;
    refused_column("{\"name\":\"a\",\"type\":\"choice\"}",
                   "column \"a\": a column of type choice needs \"choices\".");
    refused_column("{\"name\":\"a\",\"type\":\"choice\",\"choices\":[]}",
                   "column \"a\": there must be 1 to 1000 choices; there are 0.");
    refused_column("{\"name\":\"a\",\"type\":\"choice\",\"choices\":[\"x\",{\"value\":\"x\"}]}",
                   "column \"a\": the choice \"x\" is there twice.");
    refused_column("{\"name\":\"a\",\"type\":\"choice\",\"choices\":[\" \"]}",
                   "column \"a\": a choice is empty.");
    refused_column("{\"name\":\"a\",\"type\":\"choice\",\"choices\":[1]}",
                   "column \"a\": a choice is a string or {\"value\", \"label\"}.");
    refused_column("{\"name\":\"a\",\"type\":\"choice\",\"choices\":[{\"label\":\"x\"}]}",
                   "column \"a\": \"value\" is missing; it must be a string.");
}

static void a_reference_names_its_table(void **state)
{
    (void)state;
    refused_column("{\"name\":\"a\",\"type\":\"reference\"}",
                   "column \"a\": a column of type reference needs \"table\".");
    refused_column("{\"name\":\"a\",\"type\":\"reference\",\"table\":\"The Sites\"}",
                   "column \"a\": \"table\" is the name of a table: a small letter, then letters "
                   "and digits, at most 60 (such as dueAt).");
}

static void limits_that_nothing_can_keep_are_refused(void **state)
{
    (void)state;
    refused_column("{\"name\":\"a\",\"type\":\"real\",\"min\":2,\"max\":1.5}",
                   "column \"a\": \"min\" is above \"max\".");
    refused_column("{\"name\":\"a\",\"type\":\"integer\",\"max\":1.5}",
                   "column \"a\": \"max\" must be a whole number below 2^53 in size.");
    refused_column("{\"name\":\"a\",\"type\":\"integer\",\"min\":-9007199254740992}",
                   "column \"a\": \"min\" must be a whole number below 2^53 in size.");
    refused_column("{\"name\":\"a\",\"type\":\"text\",\"maxLength\":0}",
                   "column \"a\": \"maxLength\" is a whole number from 1 to 65536.");
    refused_column("{\"name\":\"a\",\"type\":\"text\",\"maxLength\":65537}",
                   "column \"a\": \"maxLength\" is a whole number from 1 to 65536.");
    refused_column("{\"name\":\"a\",\"type\":\"text\",\"maxLength\":2.5}",
                   "column \"a\": \"maxLength\" is a whole number from 1 to 65536.");
}

static void a_default_keeps_its_columns_rules(void **state)
{
    (void)state;
    refused_column("{\"name\":\"a\",\"type\":\"bool\",\"default\":\"no\"}",
                   "column \"a\": the default is not right: A must be true or false.");
    refused_column("{\"name\":\"a\",\"type\":\"integer\",\"max\":3,\"default\":4}",
                   "column \"a\": the default is not right: A must be 3 or less; this is 4.");
    refused_column("{\"name\":\"a\",\"type\":\"text\",\"maxLength\":2,\"default\":\"abc\"}",
                   "column \"a\": the default is not right: A can have 2 characters; this has 3.");
    refused_column("{\"name\":\"a\",\"type\":\"choice\",\"choices\":[\"x\"],\"default\":\"y\"}",
                   "column \"a\": the default is not right: A: y is not one of x.");
    refused_column("{\"name\":\"a\",\"type\":\"date\",\"default\":\"2026-02-30\"}",
                   "column \"a\": the default is not right: A must be a day that exists, written "
                   "as 2026-02-28.");
    refused_column("{\"name\":\"a\",\"type\":\"text\",\"default\":null}",
                   "column \"a\": a default cannot be null; leave it out.");
}

static void a_bool_is_never_required(void **state)
{
    (void)state;
    refused_column("{\"name\":\"a\",\"type\":\"bool\",\"required\":true}",
                   "column \"a\": a bool is not required; give it \"default\": false (or true) "
                   "instead.");
}

static void a_place_is_found_behind_strings_that_look_like_json(void **state)
{
    (void)state;
    refused("{\"label\":\"a \\\"}],{\\\\\",\n\"columns\":[\n{\"name\":\"a\",\"help\":\"]}\",\n"
            "\"type\":\"real\",\"min\":[{\"x\":[]}]}\n],"
            "\"name\":\"sites\",\"labelOne\":\"s\",\"title\":\"a\"}",
            "x.json: line 4, column \"a\": \"min\" must be a number.");
}

static void a_refusal_names_the_column_for_machines_too(void **state)
{
    static const char json[] = HEAD "\"columns\":[{\"name\":\"depth\",\"type\":\"x\"}]}";
    struct registry *reg = registry_new();
    struct err err = { 0 };

    (void)state;
    assert_int_equal(registry_add(reg, json, strlen(json), "x.json", &err), RC_INVALID);
    assert_string_equal(err.column, "depth");
    registry_free(reg);
}

/* ---- tables beside each other ---- */

static void tables_that_are_one_in_the_store_are_refused(void **state)
{
    static const char like[] = "{\"name\":\"siteVISITS\",\"label\":\"V\",\"labelOne\":\"v\","
                               "\"title\":\"name\",\"columns\":[" NAME_COLUMN "]}";
    struct registry *reg = with(things);
    struct err err = { 0 };

    (void)state;
    assert_int_equal(registry_add(reg, things, strlen(things), "y.json", &err), RC_INVALID);
    assert_string_equal(err.msg,
                        "y.json: the table \"siteVisits\" is defined already, in x.json.");
    assert_int_equal(registry_add(reg, like, strlen(like), "y.json", &err), RC_INVALID);
    assert_string_equal(err.msg, "y.json: the name \"siteVISITS\" is too like that of the table "
                                 "\"siteVisits\": both are site_visits in the store.");
    assert_int_equal(registry_count(reg), 1);
    registry_free(reg);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char *path = path_join(dir, name);
    struct err err = { 0 };

    assert_int_equal(file_replace(path, text, strlen(text), 0600, &err), RC_OK);
    free(path);
}

static struct registry *loaded(const char *dir)
{
    const char *dirs[] = { NULL, "/nowhere/at/all", dir };
    struct registry *reg = NULL;
    struct err err = { 0 };

    if (registry_load(dirs, 3, &reg, &err))
        fail_msg("%s", err.msg);
    return reg;
}

static void a_bad_definition_stops_no_other(void **state)
{
    const char *dir = *state;
    struct registry *reg;
    const struct registry_problem *problem;

    write_file(dir, "a.json", HEAD "\n\"columns\":7}");
    write_file(dir, "b.json", things);
    write_file(dir, "c.json", "");
    write_file(dir, "d.json", HEAD "\"columns\":[" NAME_COLUMN "]}");
    write_file(dir, "notes.txt", "not a definition");
    write_file(dir, ".e.json", "not a definition either");
    reg = loaded(dir);
    assert_int_equal(registry_count(reg), 3);
    assert_string_equal(registry_at(reg, 1)->name, "siteVisits");
    assert_string_equal(registry_at(reg, 2)->name, "sites");
    assert_non_null(strstr(registry_at(reg, 2)->source, "/d.json"));
    assert_int_equal(registry_problem_count(reg), 2);
    problem = registry_problem_at(reg, 0);
    assert_non_null(strstr(problem->source, "/a.json"));
    assert_string_equal(problem->sentence, "line 2: \"columns\" must be a list in [ ].");
    problem = registry_problem_at(reg, 1);
    assert_non_null(strstr(problem->source, "/c.json"));
    assert_non_null(strstr(problem->sentence, "Not valid JSON at byte 1"));
    registry_free(reg);
}

static void what_is_no_file_is_a_problem_and_not_a_wait(void **state)
{
    char *path = path_join(*state, "pipe.json");
    struct registry *reg;

    assert_int_equal(mkfifo(path, 0600), 0);
    free(path);
    reg = loaded(*state);
    assert_int_equal(registry_count(reg), 1);
    assert_int_equal(registry_problem_count(reg), 1);
    assert_string_equal(registry_problem_at(reg, 0)->sentence, "It is not a file.");
    registry_free(reg);
}

static void a_table_taken_out_leaves_the_others_in_place(void **state)
{
    struct registry *reg;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(registry_load(NULL, 0, &reg, &err), RC_OK);
    assert_int_equal(registry_add(reg, things, strlen(things), "things.json", &err), RC_OK);
    registry_refuse(reg, "nothing", NULL, "is not there");
    assert_int_equal(registry_problem_count(reg), 0);
    registry_refuse(reg, "tasks", NULL, "it does not fit");
    assert_null(registry_find(reg, "tasks"));
    assert_int_equal(registry_count(reg), 1);
    assert_int_equal(registry_find(reg, "siteVisits")->index, 0);
    assert_string_equal(registry_at(reg, 0)->name, "siteVisits");
    assert_int_equal(registry_problem_count(reg), 1);
    assert_string_equal(registry_problem_at(reg, 0)->source, "built in");
    assert_string_equal(registry_problem_at(reg, 0)->sentence, "it does not fit");
    registry_free(reg);
}

static void a_file_in_place_of_a_folder_is_a_problem(void **state)
{
    char *path = path_join(*state, "tables");
    struct registry *reg;

    write_file(*state, "tables", "x");
    reg = loaded(path);
    assert_int_equal(registry_count(reg), 1);
    assert_int_equal(registry_problem_count(reg), 1);
    assert_string_equal(registry_problem_at(reg, 0)->source, path);
    registry_free(reg);
    free(path);
}

#define TASKS "{\"name\":\"tasks\",\"label\":\"Jobs\",\"labelOne\":\"job\",\"title\":\"text\"," \
    "\"done\":\"isCompleted\",\"columns\":[{\"name\":\"text\",\"type\":\"text\"},"              \
    "{\"name\":\"isCompleted\",\"type\":\"bool\",\"default\":false},"                           \
    "{\"name\":\"notes\",\"type\":\"text\"}"
#define PRIORITY(list) ",{\"name\":\"priority\",\"type\":\"choice\",\"choices\":[" list "]}"
#define DUE(type) ",{\"name\":\"dueAt\",\"type\":\"" type "\"}"

static void a_built_in_table_may_be_added_to(void **state)
{
    struct registry *reg;
    const struct table *tasks;

    write_file(*state, "tasks.json", TASKS DUE("date")
               PRIORITY("\"low\",\"normal\",\"high\",\"urgent\"")
               ",{\"name\":\"site\",\"type\":\"text\"}]}");
    reg = loaded(*state);
    assert_int_equal(registry_problem_count(reg), 0);
    assert_int_equal(registry_count(reg), 1);
    tasks = registry_find(reg, "tasks");
    assert_int_equal(tasks->index, 0);
    assert_string_equal(tasks->label, "Jobs");
    assert_non_null(table_column(tasks, "site"));
    registry_free(reg);
}

static void a_built_in_table_loses_nothing(void **state)
{
    static const struct {
        const char *json, *sentence;
    } rows[] = {
        { TASKS DUE("date") "]}", "the column \"priority\" of the built in table \"tasks\" is "
          "missing; a definition may only add to it." },
        { TASKS DUE("text") PRIORITY("\"low\",\"normal\",\"high\"") "]}",
          "column \"dueAt\": its type must stay date." },
        { TASKS DUE("date") PRIORITY("\"low\",\"high\"") "]}",
          "column \"priority\": the choice \"normal\" must stay." },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct registry *reg;
        write_file(*state, "tasks.json", rows[i].json);
        reg = loaded(*state);
        assert_int_equal(registry_problem_count(reg), 1);
        assert_string_equal(registry_problem_at(reg, 0)->sentence, rows[i].sentence);
        assert_string_equal(registry_find(reg, "tasks")->label, "Tasks");
        registry_free(reg);
    }
}

/* ---- the check of an op's set ---- */

static enum rc check_set(const struct registry *reg, const char *set, bool is_create,
                         struct err *err)
{
    cJSON *json = NULL;
    enum rc rc;

    *err = (struct err){ 0 };
    assert_int_equal(json_parse(set, strlen(set), &json, err), RC_OK);
    rc = table_check_set(registry_at(reg, 0), json, is_create, err);
    cJSON_Delete(json);
    return rc;
}

static void a_create_needs_the_required_columns(void **state)
{
    struct registry *reg = with(things);
    struct err err;

    (void)state;
    assert_int_equal(check_set(reg, "{\"count\":1}", true, &err), RC_INVALID);
    assert_string_equal(err.code, "invalid_value");
    assert_string_equal(err.column, "name");
    assert_string_equal(err.msg, "Name is needed.");
    assert_int_equal(check_set(reg, "{\"name\":\"pump\"}", true, &err), RC_OK);
    assert_int_equal(check_set(reg, "{\"count\":1}", false, &err), RC_OK);
    assert_int_equal(check_set(reg, "{}", false, &err), RC_OK);
    registry_free(reg);
}

static void a_default_counts_as_set_on_create(void **state)
{
    struct registry *reg = with(HEAD "\"columns\":[{\"name\":\"name\",\"type\":\"text\","
                                "\"required\":true,\"default\":\"new\"}]}");
    struct err err;

    (void)state;
    assert_int_equal(check_set(reg, "{}", true, &err), RC_OK);
    assert_int_equal(check_set(reg, "{\"name\":null}", true, &err), RC_INVALID);
    assert_int_equal(check_set(reg, "{\"name\":\" \"}", false, &err), RC_INVALID);
    registry_free(reg);
}

static void null_clears_only_what_may_be_empty(void **state)
{
    struct registry *reg = with(things);
    struct err err;

    (void)state;
    assert_int_equal(check_set(reg, "{\"depth\":null,\"kind\":null,\"mapURL\":null}", false, &err),
                     RC_OK);
    assert_int_equal(check_set(reg, "{\"name\":null}", false, &err), RC_INVALID);
    assert_string_equal(err.column, "name");
    assert_int_equal(check_set(reg, "{\"isOver\":null}", false, &err), RC_INVALID);
    assert_string_equal(err.code, "invalid_value");
    assert_string_equal(err.column, "isOver");
    registry_free(reg);
}

static void unknown_columns_have_a_code_of_their_own(void **state)
{
    struct registry *reg = with(things);
    struct err err;

    (void)state;
    assert_int_equal(check_set(reg, "{\"name\":\"a\",\"colour\":1}", true, &err), RC_INVALID);
    assert_string_equal(err.code, "unknown_column");
    assert_string_equal(err.column, "colour");
    assert_string_equal(err.msg, "Visits have no column \"colour\".");
    assert_int_equal(check_set(reg, "{\"clientId\":\"a\"}", false, &err), RC_INVALID);
    assert_string_equal(err.code, "unknown_column");
    registry_free(reg);
}

static void what_is_set_is_an_object_of_right_values(void **state)
{
    struct registry *reg = with(things);
    struct err err;

    (void)state;
    assert_int_equal(check_set(reg, "[]", false, &err), RC_INVALID);
    assert_string_equal(err.code, "invalid_value");
    assert_int_equal(check_set(reg, "{\"count\":11}", false, &err), RC_INVALID);
    assert_string_equal(err.column, "count");
    assert_int_equal(check_set(reg, "{\"count\":10,\"kind\":\"old\"}", false, &err), RC_OK);
    registry_free(reg);
}

/* ---- fingerprints ---- */

static void fingerprint_of(const char *json, char out[33])
{
    struct registry *reg = with(json);

    table_fingerprint(registry_at(reg, 0), out);
    registry_free(reg);
}

static void a_fingerprint_changes_with_rules_and_not_with_words(void **state)
{
#define ONE(columns, more) "{\"name\":\"a\",\"label\":\"A\",\"labelOne\":\"a\",\"title\":\"t\"" \
    more ",\"columns\":[{\"name\":\"t\",\"type\":\"text\"}," columns "]}"
    static const char *const other[] = {
        ONE("{\"name\":\"m\",\"type\":\"integer\"}", ""),
        ONE("{\"name\":\"n\",\"type\":\"real\"}", ""),
        ONE("{\"name\":\"n\",\"type\":\"integer\",\"required\":true}", ""),
        ONE("{\"name\":\"n\",\"type\":\"integer\",\"default\":1}", ""),
        ONE("{\"name\":\"n\",\"type\":\"integer\",\"default\":2}", ""),
        ONE("{\"name\":\"n\",\"type\":\"integer\",\"min\":1}", ""),
        ONE("{\"name\":\"n\",\"type\":\"integer\",\"max\":1}", ""),
        ONE("{\"name\":\"n\",\"type\":\"text\",\"maxLength\":1}", ""),
        ONE("{\"name\":\"n\",\"type\":\"text\",\"maxLength\":2}", ""),
        ONE("{\"name\":\"n\",\"type\":\"choice\",\"choices\":[\"a\",\"b\"]}", ""),
        ONE("{\"name\":\"n\",\"type\":\"choice\",\"choices\":[\"b\",\"a\"]}", ""),
        ONE("{\"name\":\"n\",\"type\":\"choice\",\"choices\":[\"ab\"]}", ""),
        ONE("{\"name\":\"n\",\"type\":\"reference\",\"table\":\"a\"}", ""),
        ONE("{\"name\":\"n\",\"type\":\"reference\",\"table\":\"b\"}", ""),
        ONE("{\"name\":\"n\",\"type\":\"bool\"}", ""),
        ONE("{\"name\":\"n\",\"type\":\"bool\"}", ",\"done\":\"n\""),
        ONE("{\"name\":\"n\",\"type\":\"integer\"}",
            ",\"sorts\":[{\"name\":\"n\",\"column\":\"n\"}]"),
        ONE("{\"name\":\"n\",\"type\":\"integer\"}",
            ",\"sorts\":[{\"name\":\"n\",\"column\":\"n\",\"descending\":true}]"),
        ONE("{\"name\":\"n\",\"type\":\"integer\"}", ""),
    };
    enum { COUNT = sizeof other / sizeof other[0] };
    char prints[COUNT][33], same[33];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        fingerprint_of(other[i], prints[i]);
        assert_int_equal(strlen(prints[i]), 32);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(prints[i], prints[j]);
    }
    fingerprint_of(ONE("{\"name\":\"n\",\"type\":\"integer\",\"label\":\"New\",\"help\":\"x\","
                       "\"readOnly\":true}", ""), same);
    assert_string_equal(same, prints[COUNT - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_are_built_in),
        cmocka_unit_test(an_editors_schema_is_allowed_and_means_nothing),
        cmocka_unit_test(a_table_taken_out_leaves_the_others_in_place),
        cmocka_unit_test(every_type_is_read_with_what_belongs_to_it),
        cmocka_unit_test(sorts_and_list_name_columns),
        cmocka_unit_test(without_list_and_sorts_there_is_title_and_age),
        cmocka_unit_test(sql_names_follow_one_rule),
        cmocka_unit_test(every_column_is_found_by_name_in_a_wide_table),
        cmocka_unit_test(broken_json_is_refused_with_its_line),
        cmocka_unit_test(a_byte_order_mark_and_windows_line_ends_are_passed_over),
        cmocka_unit_test(a_misspelt_member_is_named),
        cmocka_unit_test(a_table_needs_name_labels_title_and_columns),
        cmocka_unit_test(title_is_a_text_and_done_a_bool),
        cmocka_unit_test(names_have_a_form),
        cmocka_unit_test(names_of_the_store_are_kept),
        cmocka_unit_test(columns_that_are_one_in_the_store_are_refused),
        cmocka_unit_test(too_many_columns_or_sorts_are_refused),
        cmocka_unit_test(sorts_and_list_that_point_nowhere_are_refused),
        cmocka_unit_test(a_column_needs_a_name_and_a_known_type),
        cmocka_unit_test(members_of_another_type_are_refused),
        cmocka_unit_test(choices_must_be_there_once_each),
        cmocka_unit_test(a_reference_names_its_table),
        cmocka_unit_test(limits_that_nothing_can_keep_are_refused),
        cmocka_unit_test(a_default_keeps_its_columns_rules),
        cmocka_unit_test(a_bool_is_never_required),
        cmocka_unit_test(a_place_is_found_behind_strings_that_look_like_json),
        cmocka_unit_test(a_refusal_names_the_column_for_machines_too),
        cmocka_unit_test(tables_that_are_one_in_the_store_are_refused),
        cmocka_unit_test_setup_teardown(a_bad_definition_stops_no_other, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test_setup_teardown(what_is_no_file_is_a_problem_and_not_a_wait,
                                        temp_dir_make, temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_file_in_place_of_a_folder_is_a_problem, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_built_in_table_may_be_added_to, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_built_in_table_loses_nothing, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test(a_create_needs_the_required_columns),
        cmocka_unit_test(a_default_counts_as_set_on_create),
        cmocka_unit_test(null_clears_only_what_may_be_empty),
        cmocka_unit_test(unknown_columns_have_a_code_of_their_own),
        cmocka_unit_test(what_is_set_is_an_object_of_right_values),
        cmocka_unit_test(a_fingerprint_changes_with_rules_and_not_with_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
