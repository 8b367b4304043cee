#include "tests/unit/backend_fixture.h"

static void an_op_sent_twice_is_applied_once(void **state)
{
    struct site *site = *state;
    struct op op = { .id = 1, .record = 1, .set = "\"text\":\"a\"" };
    int64_t rev = site_rev(site_applied(site, op));
    int64_t later = site_rev(site_applied(site, (struct op){ .record = 1,
                                                             .operation = "update",
                                                             .set = "\"text\":\"b\"",
                                                             .base = "\"text\":\"a\"" }));

    const cJSON *doc = site_applied(site, op);
    assert_true(later > rev);
    assert_int_equal(site_rev(doc), later);
    assert_string_equal(json_get_string(doc, "text"), "b");
}

static void an_op_sent_twice_in_one_batch_is_applied_once(void **state)
{
    struct site *site = *state;
    struct op op = { .id = 1, .record = 1, .set = "\"text\":\"a\"" };
    struct buf args = { 0 };

    buf_puts(&args, "\"protocol\":1,\"deviceId\":\"d\",\"runId\":\"r\",\"ops\":[");
    site_put_op(site, &op, &args);
    buf_putc(&args, ',');
    site_put_op(site, &op, &args);
    buf_putc(&args, ']');
    const cJSON *results =
        json_get(site_value(site, "mutation", "sync:bulkUpsert", buf_str(&args)), "results");
    const cJSON *first = cJSON_GetArrayItem(results, 0), *second = cJSON_GetArrayItem(results, 1);
    assert_int_equal(site_count(results), 2);
    assert_int_equal(site_rev(json_get(first, "doc")), site_rev(json_get(second, "doc")));
    buf_done(&args);
}

static void an_op_id_belongs_to_one_record(void **state)
{
    struct site *site = *state;

    site_applied(site, (struct op){ .id = 1, .record = 1, .set = "\"text\":\"a\"" });
    site_rejected(site, (struct op){ .id = 1, .record = 2, .set = "\"text\":\"a\"" },
                  "invalid_value");
    assert_true(cJSON_IsNull(site_get(site, 2)));
}

static void a_replaced_op_that_arrives_late_changes_nothing(void **state)
{
    struct site *site = *state;
    char lost[ID_SIZE], replaces[64];

    snprintf(replaces, sizeof replaces, "[\"%s\"]", site_id(7, lost));
    site_applied(
        site, (struct op){ .id = 8, .record = 1, .set = "\"text\":\"new\"", .replaces = replaces });
    const cJSON *doc =
        site_applied(site, (struct op){ .id = 7, .record = 1, .set = "\"text\":\"old\"" });
    assert_string_equal(json_get_string(doc, "text"), "new");
    assert_string_equal(json_get_string(site_get(site, 1), "text"), "new");
}

static void a_rejected_op_leaves_no_receipt(void **state)
{
    struct site *site = *state;

    site_rejected(site, (struct op){ .id = 1, .record = 1, .set = "\"text\":\"\"" },
                  "invalid_value");
    const cJSON *doc =
        site_applied(site, (struct op){ .id = 1, .record = 1, .set = "\"text\":\"a\"" });
    assert_string_equal(json_get_string(doc, "text"), "a");
}

static void a_write_that_changes_nothing_leaves_the_record_as_it_was(void **state)
{
    struct site *site = *state;
    int64_t rev = site_rev(site_applied(site, (struct op){ .record = 1, .set = "\"text\":\"a\"" }));

    const cJSON *doc =
        site_applied(site, (struct op){ .record = 1,
                                        .operation = "update",
                                        .updated_at = 9000,
                                        .set = "\"text\":\"a\",\"isCompleted\":false" });
    double updated_at = 0;
    assert_int_equal(site_rev(doc), rev);
    assert_true(json_get_number(doc, "updatedAt", &updated_at));
    assert_true(updated_at > 1999 && updated_at < 2001);
}

static void only_the_column_that_both_changed_is_a_conflict(void **state)
{
    struct site *site = *state;

    site_applied(site, (struct op){ .record = 1, .set = "\"text\":\"a\",\"notes\":\"n\"" });
    site_office(site, "update", 1, "\"text\":\"office\"");
    const cJSON *result = site_push(site, (struct op){ .record = 1,
                                                       .operation = "update",
                                                       .set = "\"text\":\"field\",\"notes\":\"m\"",
                                                       .base = "\"text\":\"a\",\"notes\":\"n\"" });
    const cJSON *overwrote = json_get(result, "overwrote");
    assert_int_equal(site_count(overwrote), 1);
    assert_string_equal(json_get_string(cJSON_GetArrayItem(overwrote, 0), "column"), "text");
    assert_string_equal(json_get_string(cJSON_GetArrayItem(overwrote, 0), "theirs"), "office");
    assert_string_equal(json_get_string(json_get(result, "doc"), "text"), "field");
    assert_string_equal(json_get_string(json_get(result, "doc"), "notes"), "m");
}

static void a_device_is_in_no_conflict_with_itself(void **state)
{
    struct site *site = *state;

    site_applied(site, (struct op){ .record = 1, .set = "\"text\":\"a\"" });
    site_applied(site, (struct op){ .record = 1,
                                    .operation = "update",
                                    .set = "\"text\":\"b\"",
                                    .base = "\"text\":\"a\"" });
    const cJSON *result = site_push(site, (struct op){ .record = 1,
                                                       .operation = "update",
                                                       .set = "\"text\":\"c\"",
                                                       .base = "\"text\":\"a\"" });
    assert_null(json_get(result, "overwrote"));
}

static void the_conflict_log_says_who_lost_what_to_whom(void **state)
{
    struct site *site = *state;

    site_applied(site, (struct op){ .record = 1, .set = "\"text\":\"a\"" });
    site_applied(site, (struct op){ .record = 1,
                                    .operation = "update",
                                    .set = "\"text\":\"b\"",
                                    .device = "device-b" });
    const cJSON *log =
        json_get(site_value(site, "query", "records:conflicts", "\"protocol\":1"), "conflicts");
    const cJSON *entry = cJSON_GetArrayItem(log, 0);
    assert_int_equal(site_count(log), 1);
    assert_string_equal(json_get_string(entry, "theirs"), "a");
    assert_string_equal(json_get_string(entry, "ours"), "b");
    assert_string_equal(json_get_string(entry, "theirWriter"), "device-a");
    assert_string_equal(json_get_string(entry, "deviceId"), "device-b");
    assert_true(cJSON_IsNull(json_get(entry, "base")));
}

static void a_base_that_no_column_could_hold_is_logged_as_none(void **state)
{
    struct site *site = *state;

    site_applied(site, (struct op){ .record = 1, .set = "\"text\":\"a\"" });
    site_applied(site, (struct op){ .record = 1,
                                    .operation = "update",
                                    .set = "\"text\":\"b\"",
                                    .base = "\"text\":[[1]]",
                                    .device = "device-b" });
    const cJSON *log =
        json_get(site_value(site, "query", "records:conflicts", "\"protocol\":1"), "conflicts");
    assert_true(cJSON_IsNull(json_get(cJSON_GetArrayItem(log, 0), "base")));
}

static void an_op_on_a_tombstone_brings_the_record_back(void **state)
{
    struct site *site = *state;
    char *server_id = mem_strdup(json_get_string(
        site_applied(site, (struct op){ .record = 1, .set = "\"text\":\"a\",\"notes\":\"n\"" }),
        "serverId"));

    site_office(site, "remove", 1, NULL);
    const cJSON *result = site_push(site, (struct op){ .record = 1,
                                                       .operation = "update",
                                                       .set = "\"text\":\"b\"",
                                                       .base = "\"text\":\"a\"" });
    const cJSON *doc = json_get(result, "doc"), *overwrote = json_get(result, "overwrote");
    assert_true(cJSON_IsNull(json_get(doc, "deletedAt")));
    assert_string_equal(json_get_string(doc, "notes"), "n");
    assert_string_equal(json_get_string(doc, "serverId"), server_id);
    assert_int_equal(site_count(overwrote), 1);
    assert_string_equal(json_get_string(cJSON_GetArrayItem(overwrote, 0), "column"), "deletedAt");
    free(server_id);
}

static void an_update_of_nothing_needs_all_required_columns(void **state)
{
    struct site *site = *state;

    site_rejected(site, (struct op){ .record = 1, .operation = "update", .set = "\"notes\":\"n\"" },
                  "not_found");
    site_rejected(site, (struct op){ .record = 1, .set = "\"notes\":\"n\"" }, "invalid_value");
    site_applied(site, (struct op){ .record = 1, .operation = "update", .set = "\"text\":\"a\"" });
}

static void another_account_has_another_record_of_the_same_id(void **state)
{
    struct site *site = *state;

    site_applied(site, (struct op){ .id = 1, .record = 1, .set = "\"text\":\"alice\"" });
    site_sign_in(site, BOB, NULL);
    assert_true(cJSON_IsNull(site_get(site, 1)));
    site_applied(site, (struct op){ .id = 1, .record = 1, .set = "\"text\":\"bob\"" });
    site_sign_in(site, ALICE, NULL);
    assert_string_equal(json_get_string(site_get(site, 1), "text"), "alice");
}

static void a_call_that_fails_commits_nothing(void **state)
{
    struct site *site = *state;
    const cJSON *head = json_get(site_value(site, "query", "sync:head", "\"protocol\":1"), "head");
    char *before = mem_strdup(head->valuestring);

    site_throws(site, "mutation", "tasks:create", "\"protocol\":1,\"set\":{\"text\":\" \"}",
                "invalid_value");
    site_rejected(site, (struct op){ .record = 1, .set = "\"text\":\"a\",\"colour\":\"red\"" },
                  "unknown_column");
    head = json_get(site_value(site, "query", "sync:head", "\"protocol\":1"), "head");
    assert_string_equal(head->valuestring, before);
    free(before);
}

static void an_answer_over_16_mib_is_refused_and_undone(void **state)
{
    struct site *site = *state;
    struct buf set = { 0 }, args = { 0 };
    const cJSON *answer;

    /* 20,000 characters of notes in 3 bytes each, on records that one batch touches 500 times. */
    buf_puts(&set, "\"text\":\"a\",\"notes\":\"");
    for (int i = 0; i < 20000; i++)
        buf_puts(&set, "\xe2\x82\xac");
    buf_putc(&set, '"');
    site_applied(site, (struct op){ .record = 1, .set = buf_str(&set) });
    buf_puts(&args, "\"protocol\":1,\"deviceId\":\"d\",\"runId\":\"r\",\"ops\":[");
    for (int i = 0; i < 500; i++) {
        struct op op = { .record = 1,
                         .operation = "update",
                         .set = i % 2 ? "\"text\":\"b\"" : "\"text\":\"c\"" };

        buf_puts(&args, i > 0 ? "," : "");
        site_put_op(site, &op, &args);
    }
    buf_putc(&args, ']');
    answer = site_call(site, "mutation", "sync:bulkUpsert", buf_str(&args));
    assert_string_equal(json_get_string(answer, "status"), "error");
    assert_null(json_get(answer, "errorData"));
    assert_string_equal(json_get_string(site_get(site, 1), "text"), "a");
    buf_done(&set);
    buf_done(&args);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(an_op_sent_twice_is_applied_once),
        SITE_TEST(an_op_sent_twice_in_one_batch_is_applied_once),
        SITE_TEST(an_op_id_belongs_to_one_record),
        SITE_TEST(a_replaced_op_that_arrives_late_changes_nothing),
        SITE_TEST(a_rejected_op_leaves_no_receipt),
        SITE_TEST(a_write_that_changes_nothing_leaves_the_record_as_it_was),
        SITE_TEST(only_the_column_that_both_changed_is_a_conflict),
        SITE_TEST(a_device_is_in_no_conflict_with_itself),
        SITE_TEST(the_conflict_log_says_who_lost_what_to_whom),
        SITE_TEST(a_base_that_no_column_could_hold_is_logged_as_none),
        SITE_TEST(an_op_on_a_tombstone_brings_the_record_back),
        SITE_TEST(an_update_of_nothing_needs_all_required_columns),
        SITE_TEST(another_account_has_another_record_of_the_same_id),
        SITE_TEST(a_call_that_fails_commits_nothing),
        SITE_TEST(an_answer_over_16_mib_is_refused_and_undone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
