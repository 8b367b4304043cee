#include "tests/unit/backend_fixture.h"

static const char rich[] =
    "{\"name\":\"visits\",\"label\":\"Visits\",\"labelOne\":\"visit\",\"title\":\"place\","
    "\"columns\":["
    "{\"name\":\"place\",\"label\":\"Place\",\"type\":\"text\",\"required\":true,\"maxLength\":12},"
    "{\"name\":\"people\",\"label\":\"People\",\"type\":\"integer\",\"min\":1,\"max\":4,"
    "\"required\":true},"
    "{\"name\":\"hours\",\"label\":\"Hours\",\"type\":\"real\",\"min\":-2,\"max\":2.25},"
    "{\"name\":\"at\",\"label\":\"At\",\"type\":\"timestamp\"},"
    "{\"name\":\"day\",\"label\":\"Day\",\"type\":\"date\",\"required\":true},"
    "{\"name\":\"kind\",\"label\":\"Kind\",\"type\":\"choice\",\"required\":true,\"choices\":["
    "\"a\",\"b\"]},"
    "{\"name\":\"isPaid\",\"label\":\"Paid\",\"type\":\"bool\",\"default\":false},"
    "{\"name\":\"task\",\"label\":\"Task\",\"type\":\"reference\",\"table\":\"tasks\"}]}";

static void seed(struct site *site, int64_t count)
{
    struct err err;

    if (backend_seed(site->backend, ALICE, count, &err))
        fail_msg("%s", err.msg);
}

static const cJSON *all_docs(struct site *site, const char *table)
{
    char args[120];

    snprintf(args, sizeof args, "\"protocol\":1,\"table\":\"%s\",\"limit\":500,\"cursor\":null",
             table);
    return json_get(site_value(site, "query", "sync:getAllForUser", args), "docs");
}

/* Every column of a seeded doc as the `set` of an op, checked as the backend would. */
static void is_valid(const struct table *table, const cJSON *doc)
{
    cJSON *set = cJSON_CreateObject();
    struct err err;

    for (size_t i = 0; i < table->column_count; i++) {
        const cJSON *value = json_get(doc, table->columns[i].name);

        assert_non_null(value);
        cJSON_AddItemToObject(set, table->columns[i].name, cJSON_Duplicate(value, true));
    }
    if (table_check_set(table, set, true, &err))
        fail_msg("%s: %s", err.msg, cJSON_PrintUnformatted(doc));
    cJSON_Delete(set);
}

static void seeded_records_are_right_for_every_kind_of_column(void **state)
{
    struct site *site = *state;
    struct err err;
    const cJSON *doc = NULL;

    if (registry_add(site->registry, rich, strlen(rich), "visits.json", &err))
        fail_msg("%s", err.msg);
    site_reopen(site);
    seed(site, 300);
    for (size_t i = 0; i < registry_count(site->registry); i++) {
        const struct table *table = registry_at(site->registry, i);
        const cJSON *docs = all_docs(site, table->name);

        assert_int_equal(site_count(docs), 300);
        cJSON_ArrayForEach(doc, docs) is_valid(table, doc);
    }
}

/* As the example, but for the digits of its last number. */
static void is_like(const char *text, const char *example, size_t fixed)
{
    assert_int_equal(strlen(text), strlen(example));
    assert_memory_equal(text, example, fixed);
    for (size_t i = fixed; example[i] != '\0'; i++)
        assert_true(text[i] >= '0' && text[i] <= '9');
    assert_true(text[fixed] != '0');
}

static void a_text_with_examples_looks_like_one_of_them(void **state)
{
    static const char crews[] =
        "{\"name\":\"crews\",\"label\":\"Crews\",\"labelOne\":\"crew\",\"title\":\"name\","
        "\"columns\":["
        "{\"name\":\"name\",\"type\":\"text\",\"required\":true,"
        "\"examples\":[\"Wells\",\"Nacht-Schicht \\u00e4\"]},"
        "{\"name\":\"phone\",\"type\":\"text\",\"required\":true,\"maxLength\":16,"
        "\"examples\":[\"+44 1632 960417\"]},"
        "{\"name\":\"radio\",\"type\":\"text\",\"required\":true,\"examples\":[\"channel 7\"]}]}";
    struct site *site = *state;
    bool has_both[2] = { false, false };
    const cJSON *doc = NULL, *docs;
    const char *first = NULL;
    bool is_varied = false;
    struct err err;

    if (registry_add(site->registry, crews, strlen(crews), "crews.json", &err))
        fail_msg("%s", err.msg);
    site_reopen(site);
    seed(site, 60);
    docs = all_docs(site, "crews");
    assert_int_equal(site_count(docs), 60);
    cJSON_ArrayForEach(doc, docs)
    {
        const char *name = json_get_string(doc, "name"), *phone = json_get_string(doc, "phone");

        has_both[strcmp(name, "Wells") == 0] = true;
        assert_true(strcmp(name, "Wells") == 0 || strcmp(name, "Nacht-Schicht \u00e4") == 0);
        is_like(phone, "+44 1632 960417", 9);
        is_like(json_get_string(doc, "radio"), "channel 7", 8);
        first = first != NULL ? first : phone;
        is_varied = is_varied || strcmp(phone, first) != 0;
    }
    assert_true(has_both[0] && has_both[1] && is_varied);
}

static void the_same_count_gives_the_same_records_once(void **state)
{
    struct site *site = *state;
    struct buf first = { 0 }, second = { 0 };
    const cJSON *doc = NULL;

    seed(site, 40);
    seed(site, 40);
    cJSON_ArrayForEach(doc, all_docs(site, "tasks")) buf_printf(
        &first, "%s %s\n", json_get_string(doc, "clientId"), json_get_string(doc, "text"));

    backend_close(site->backend);
    char *path = path_join(site->dir, "other.db");
    struct err err;
    site->options.path = path;
    site->now += DAY;
    site_open(site);
    assert_int_equal(backend_user_add(site->backend, ALICE, PASSWORD, &err), RC_OK);
    site_sign_in(site, ALICE, NULL);
    seed(site, 40);
    cJSON_ArrayForEach(doc, all_docs(site, "tasks")) buf_printf(
        &second, "%s %s\n", json_get_string(doc, "clientId"), json_get_string(doc, "text"));
    assert_string_equal(buf_str(&second), buf_str(&first));
    buf_done(&first);
    buf_done(&second);
    free(path);
}

static void seeded_records_count_as_live(void **state)
{
    struct site *site = *state;
    double total = 0;

    seed(site, 20);
    assert_true(json_get_number(
        site_value(site, "query", "sync:getAllForUser",
                   "\"protocol\":1,\"table\":\"tasks\",\"limit\":1,\"cursor\":null"),
        "total", &total));
    assert_true(total > 19.5 && total < 20.5);
}

static void an_account_that_is_not_there_is_named(void **state)
{
    struct site *site = *state;
    struct err err;

    assert_int_equal(backend_seed(site->backend, "nobody@example.org", 1, &err), RC_INVALID);
    assert_non_null(strstr(err.msg, "nobody@example.org"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(seeded_records_are_right_for_every_kind_of_column),
        SITE_TEST(a_text_with_examples_looks_like_one_of_them),
        SITE_TEST(the_same_count_gives_the_same_records_once),
        SITE_TEST(seeded_records_count_as_live),
        SITE_TEST(an_account_that_is_not_there_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
