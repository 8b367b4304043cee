#include "tests/unit/backend_fixture.h"

static void make_records(struct site *site, int first, int count)
{
    for (int i = 0; i < count; i++)
        site_applied(site, (struct op){ .record = first + i, .set = "\"text\":\"a\"" });
}

/* All changes after `cursor` in pages of `limit`; how many pages. *cursor moves to the end. */
static int64_t pull_all(struct site *site, char **cursor, int limit, const char *run, int *pages)
{
    int64_t found = 0;
    bool more = true;

    for (*pages = 0; more; ++*pages) {
        char *before = *cursor != NULL ? mem_strdup(*cursor) : NULL;
        const cJSON *page = site_changes(site, before, limit, run, cursor);
        int64_t count = site_count(json_get(page, "changes"));

        assert_in_range(count, 0, limit);
        more = site_more(page);
        assert_true(!more || before == NULL || strcmp(before, *cursor) != 0);
        found += count;
        free(before);
    }
    return found;
}

static void pages_end_where_they_should_at_every_size(void **state)
{
    struct site *site = *state;
    int next = 1, pages;

    for (int count = 0; count <= 7; count++) {
        char *start = NULL, *cursor;

        pull_all(site, &start, 500, "run-b", &pages);
        make_records(site, next, count);
        next += count;
        for (int limit = 1; limit <= 8; limit++) {
            cursor = mem_strdup(start);
            assert_int_equal(pull_all(site, &cursor, limit, "run-b", &pages), count);
            assert_int_equal(pages, count == 0 ? 1 : (count + limit - 1) / limit);
            free(cursor);
        }
        free(start);
    }
}

static void own_writes_are_left_out_and_the_cursor_passes_them(void **state)
{
    struct site *site = *state;
    char *cursor = NULL;
    int pages;

    make_records(site, 1, 5);
    assert_int_equal(pull_all(site, &cursor, 2, "run-a", &pages), 0);
    assert_int_equal(pull_all(site, &cursor, 2, "run-b", &pages), 0);
    free(cursor);
}

static void a_quiet_table_keeps_its_cursor(void **state)
{
    struct site *site = *state;
    char *cursor = NULL, *again = NULL;
    int pages;

    make_records(site, 1, 3);
    pull_all(site, &cursor, 500, "run-b", &pages);
    site_changes(site, cursor, 500, "run-b", &again);
    assert_string_equal(again, cursor);
    free(cursor);
    free(again);
}

static void a_cursor_of_another_account_is_unknown(void **state)
{
    struct site *site = *state;
    char *cursor = NULL, args[400];
    int pages;

    make_records(site, 1, 1);
    pull_all(site, &cursor, 500, "run-b", &pages);
    site_sign_in(site, BOB, NULL);
    snprintf(args, sizeof args, "\"protocol\":1,\"table\":\"tasks\",\"limit\":5,\"cursor\":\"%s\"",
             cursor);
    site_throws(site, "query", "sync:getAllForUser", args, "cursor_unknown");
    free(cursor);
}

static void a_cursor_older_than_the_kept_tombstones_is_unknown(void **state)
{
    struct site *site = *state;
    char *old = NULL, *fresh = NULL, args[400];
    struct err err;
    int pages;

    make_records(site, 1, 2);
    pull_all(site, &old, 500, "run-b", &pages);
    site_office(site, "remove", 1, NULL);
    fresh = mem_strdup(old);
    assert_int_equal(pull_all(site, &fresh, 500, "run-b", &pages), 1);

    site->now += 179 * DAY;
    assert_int_equal(backend_prune(site->backend, &err), RC_OK);
    site_sign_in(site, ALICE, NULL);
    assert_true(cJSON_IsObject(site_get(site, 1)));
    site->now += 2 * DAY;
    assert_int_equal(backend_prune(site->backend, &err), RC_OK);
    site_sign_in(site, ALICE, NULL);
    assert_true(cJSON_IsNull(site_get(site, 1)));

    snprintf(args, sizeof args,
             "\"protocol\":1,\"cursors\":{\"tasks\":\"%s\"},\"limit\":5,\"runId\":\"r\"", old);
    site_throws(site, "query", "sync:getChangesSince", args, "cursor_unknown");
    assert_int_equal(pull_all(site, &fresh, 500, "run-b", &pages), 0);
    free(old);
    free(fresh);
}

static void a_first_pull_is_not_stopped_by_tombstones_that_are_gone(void **state)
{
    struct site *site = *state;
    char *cursor = NULL;
    struct err err;
    int pages;

    make_records(site, 1, 4);
    site_office(site, "remove", 4, NULL);
    site->now += 181 * DAY;
    assert_int_equal(backend_prune(site->backend, &err), RC_OK);
    site_sign_in(site, ALICE, NULL);
    assert_int_equal(pull_all(site, &cursor, 1, "run-b", &pages), 3);
    free(cursor);
}

static void receipts_are_kept_90_days(void **state)
{
    struct site *site = *state;
    struct op op = { .id = 1, .record = 1, .set = "\"text\":\"a\"" };
    struct err err;

    site_applied(site, op);
    site_office(site, "update", 1, "\"text\":\"b\"");
    site->now += 89 * DAY;
    assert_int_equal(backend_prune(site->backend, &err), RC_OK);
    site_sign_in(site, ALICE, NULL);
    assert_string_equal(json_get_string(site_applied(site, op), "text"), "b");
    site->now += 2 * DAY;
    assert_int_equal(backend_prune(site->backend, &err), RC_OK);
    site_sign_in(site, ALICE, NULL);
    assert_string_equal(json_get_string(site_applied(site, op), "text"), "a");
}

/* A page of a walk; *cursor moves on. */
static const cJSON *walk_page(struct site *site, char **cursor, int limit)
{
    struct buf args = { 0 };

    buf_printf(&args, "\"protocol\":1,\"table\":\"tasks\",\"limit\":%d,\"cursor\":%s%s%s", limit,
               *cursor != NULL ? "\"" : "", or_else(*cursor, "null"), *cursor != NULL ? "\"" : "");
    const cJSON *page = site_value(site, "query", "sync:getAllForUser", buf_str(&args));
    free(*cursor);
    *cursor = mem_strdup(json_get_string(page, "cursor"));
    buf_done(&args);
    return page;
}

static void a_walk_leaves_out_older_tombstones_and_gives_later_ones(void **state)
{
    struct site *site = *state;
    char *cursor = NULL;
    const cJSON *page;
    double total = 0;

    make_records(site, 1, 4);
    site_office(site, "remove", 1, NULL);
    page = walk_page(site, &cursor, 1);
    assert_int_equal(site_count(json_get(page, "docs")), 1);
    assert_true(json_get_number(page, "total", &total) && total > 2.5 && total < 3.5);
    site_office(site, "remove", 2, NULL);
    site_office(site, "remove", 4, NULL);
    page = walk_page(site, &cursor, 500);
    assert_null(json_get(page, "total"));
    assert_false(site_more(page));
    assert_int_equal(site_count(json_get(page, "docs")), 3);
    free(cursor);
}

static void encoded_json_has_rev_as_an_integer_and_nothing_else_changed(void **state)
{
    struct site *site = *state;
    char id[ID_SIZE], body[300];
    int64_t rev = site_rev(site_applied(site, (struct op){ .record = 1, .set = "\"text\":\"a\"" }));

    snprintf(body, sizeof body,
             "{\"path\":\"records:get\",\"format\":\"convex_encoded_json\",\"args\":[{"
             "\"protocol\":1,\"table\":\"tasks\",\"clientId\":\"%s\"}]}",
             site_id(1, id));
    const cJSON *doc = json_get(site_post(site, "/api/query", body), "value");
    const char *encoded = json_get_string(json_get(doc, "rev"), "$integer");
    assert_non_null(encoded);
    assert_int_equal(strlen(encoded), 12);
    assert_string_equal(json_get_string(doc, "text"), "a");
    int members = cJSON_GetArraySize(doc);
    assert_int_equal(cJSON_GetArraySize(site_get(site, 1)), members);
    assert_int_equal(site_rev(site_get(site, 1)), rev);
}

static void a_table_that_is_not_served_is_named(void **state)
{
    struct site *site = *state;
    const cJSON *page =
        site_value(site, "query", "sync:getChangesSince",
                   "\"protocol\":1,\"cursors\":{\"nope\":null,\"tasks\":null},\"limit\":5,"
                   "\"runId\":\"r\"");

    assert_int_equal(site_count(json_get(page, "unknown")), 1);
    assert_int_equal(cJSON_GetArraySize(json_get(page, "cursors")), 1);
}

static void a_clock_set_back_does_not_set_revs_back(void **state)
{
    struct site *site = *state;
    int64_t rev = site_rev(site_applied(site, (struct op){ .record = 1, .set = "\"text\":\"a\"" }));

    site->now -= HOUR / 2;
    int64_t later =
        site_rev(site_applied(site, (struct op){ .record = 2, .set = "\"text\":\"a\"" }));
    assert_true(later > rev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(pages_end_where_they_should_at_every_size),
        SITE_TEST(own_writes_are_left_out_and_the_cursor_passes_them),
        SITE_TEST(a_quiet_table_keeps_its_cursor),
        SITE_TEST(a_cursor_of_another_account_is_unknown),
        SITE_TEST(a_cursor_older_than_the_kept_tombstones_is_unknown),
        SITE_TEST(a_first_pull_is_not_stopped_by_tombstones_that_are_gone),
        SITE_TEST(receipts_are_kept_90_days),
        SITE_TEST(a_walk_leaves_out_older_tombstones_and_gives_later_ones),
        SITE_TEST(encoded_json_has_rev_as_an_integer_and_nothing_else_changed),
        SITE_TEST(a_table_that_is_not_served_is_named),
        SITE_TEST(a_clock_set_back_does_not_set_revs_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
