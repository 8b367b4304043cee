/* Answers that the contract does not foresee, and moments that seldom meet: the engine goes on. */
#include "sync/engine.h"
#include "tests/unit/engine_rig.h"

static void ask_round(struct rig *r)
{
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
}

static void finish_round(struct rig *r)
{
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
}

static void a_version_that_is_none_is_asked_for_again_tomorrow(void **state)
{
    static const char *const bodies[] = { "", " \r\n", "<html> that is far too long to be one" };
    struct rig *r = *state;
    char long_body[300];

    fixture_walk(r->f, NULL, "e1", "c1");
    memset(long_body, 'v', sizeof long_body - 1);
    long_body[sizeof long_body - 1] = '\0';
    for (size_t i = 0; i < 4; i++) {
        rig_start(r);
        rig_greet(r);
        EXPECT(r, "GET /version");
        answer_get(r, i == 2 ? 404 : 200, i == 3 ? long_body : bodies[i]);
        finish_round(r);
        assert_int_equal(rig_status(r).last.rc, RC_OK);
        assert_int_equal(rig_status(r).net, SYNC_ONLINE);
        ask_round(r); /* not once more today */
        finish_round(r);
        r->f->now += 24 * 3600 * 1000;
        ask_round(r);
        EXPECT(r, "GET /version");
        answer_get(r, 200, " \t1.2.3\r\n");
        finish_round(r);
    }
}

static void a_version_that_gets_no_answer_is_an_outage(void **state)
{
    struct rig *r = *state;

    fixture_walk(r->f, NULL, "e1", "c1");
    rig_start(r);
    rig_greet(r);
    EXPECT(r, "GET /version");
    answer_get(r, 503, "");
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).net, SYNC_OFFLINE);
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "GET /version");
}

static void who_asks_while_working_offline_by_choice_is_told_so(void **state)
{
    struct rig *r = *state;
    struct err result = { 0 };

    rig_settle(r);
    engine_wake(r->engine, ENGINE_OFFLINE);
    engine_wake(r->engine, ENGINE_NOW);
    assert_true(engine_asked_result(r->engine, &result));
    assert_int_equal(result.rc, RC_NETWORK);
    assert_string_equal(result.code, "by_choice");
    EXPECT(r, "wait");
}

static void a_choice_to_work_offline_is_the_answer_to_who_had_asked(void **state)
{
    struct rig *r = *state;
    struct err result = { 0 };

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    assert_false(engine_asked_result(r->engine, &result));
    engine_wake(r->engine, ENGINE_OFFLINE);
    assert_true(engine_asked_result(r->engine, &result));
    assert_string_equal(result.code, "by_choice");
}

static void taking_the_lock_while_a_request_is_under_way_begins_anew(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    engine_wake(r->engine, ENGINE_TOOK_LOCK);
    rig_greet(r);
    EXPECT(r, "GET /version");
    answer_get(r, 200, "1.2.3");
    EXPECT(r, "sync:upsert");
    answer_applied(r);
    finish_round(r);
    fixture_queue(r->f, 0);
}

static void tokens_of_another_shape_do_not_end_the_session(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_refused(r, "unauthenticated", "");
    EXPECT(r, "auth:signIn");
    answer(r, "{'tokens':{'token':5}}");
    EXPECT(r, "wait");
    assert_false(rig_status(r).needs_sign_in);
    assert_int_equal(rig_status(r).last.rc, RC_PROTOCOL);
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "auth:signIn");
    answer(r, "{'tokens':{'token':'token-2','refreshToken':'refresh-2'}}");
    finish_round(r);
}

static void a_token_that_somebody_else_has_replaced_is_used(void **state)
{
    struct rig *r = *state;
    const struct db_account other = {
        .server = "http://127.0.0.1:1",
        .instance = "pump-house-7",
        .user_id = "u1",
        .email = "maria@example.org",
        .device_id = "device-1",
        .token = "token-7",
        .refresh = "refresh-7",
    };

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    must(r->f, db_account_write(r->f->db, &other, &r->f->err));
    answer_refused(r, "unauthenticated", "");
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(r->action.token, "token-7");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
}

static void a_server_that_names_a_later_time_is_not_asked_before_it(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_http(r, 503, "{}", 120000);
    EXPECT(r, "wait");
    assert_true(r->action.until_ms >= r->f->now + 120000);
    assert_true(r->action.until_ms < r->f->now + 600000);
}

static void a_busy_backend_is_pulled_from_and_given_the_time_that_it_names(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    ask_round(r);
    EXPECT(r, "sync:upsert");
    answer_http(r, 503, "{}", 120000);
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
    assert_true(r->action.until_ms >= r->f->now + 120000);
    assert_int_equal(rig_retries(r), 0);
}

static int ops_asked(struct rig *r)
{
    return json_get(r->args, "op") ? 1 : cJSON_GetArraySize(json_get(r->args, "ops"));
}

static void batches_stay_as_they_are_when_answers_take_neither_long_nor_short(void **state)
{
    struct rig *r = *state;
    int first;

    rig_settle(r);
    rig_save_many(r, 300);
    EXPECT(r, "sync:bulkUpsert");
    first = ops_asked(r);
    r->f->now += 3000;
    answer_applied(r);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), first);
}

static void a_batch_that_is_lost_after_a_long_time_is_sent_again_in_parts(void **state)
{
    struct rig *r = *state;
    int first;

    rig_settle(r);
    rig_save_many(r, 40);
    EXPECT(r, "sync:bulkUpsert");
    first = ops_asked(r);
    r->f->now += 30000;
    answer_lost(r);
    EXPECT(r, "wait");
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), first / 2);
}

static void a_push_at_a_wrong_address_is_sent_again_after_a_probe(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer_http(r, 404, "", 0); /* a portal may answer like this */
    rig_greet(r);
    EXPECT(r, "sync:upsert");
    answer_applied(r);
    EXPECT(r, "wait");
    fixture_queue(r->f, 0);
}

static void changes_that_are_too_large_one_by_one_are_an_outage(void **state)
{
    static const int limits[] = { 200, 100, 50, 25, 12, 10, 5, 2, 1 };
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        EXPECT(r, "sync:getChangesSince");
        assert_int_equal(json_get(r->args, "limit")->valueint, limits[i]);
        answer_http(r, 413, "", 0);
    }
    EXPECT(r, "wait");
    assert_true(r->action.until_ms > r->f->now);
    assert_int_not_equal(rig_status(r).last.rc, RC_OK);
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).last.rc, RC_OK);
}

static void a_page_that_takes_long_is_followed_by_a_smaller_one(void **state)
{
    struct rig *r = *state;
    double before = 0, after = 0;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    json_get_number(r->args, "limit", &before);
    r->f->now += 25000;
    answer(r, "{'epoch':'e1','changes':[],'cursors':{'tasks':'c2'},'more':true}");
    EXPECT(r, "sync:getChangesSince");
    json_get_number(r->args, "limit", &after);
    assert_true(after < before);
}

static void tables_that_nobody_asked_for_may_be_unknown(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer(r, "{'epoch':'e1','changes':[],'cursors':{'tasks':'c1'},'unknown':[7,'valves'],"
              "'more':false}");
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).last.rc, RC_OK);
}

static void a_refusal_that_names_no_table_of_ours_is_no_answer(void **state)
{
    static const char *const codes[] = { "cursor_unknown", "unknown_table" };
    struct rig *r = *state;

    rig_settle(r);
    for (size_t i = 0; i < 2; i++) {
        ask_round(r);
        EXPECT(r, "sync:getChangesSince");
        answer_refused(r, codes[i], ",\"table\":\"valves\"");
        EXPECT(r, "wait");
        assert_int_equal(rig_status(r).last.rc, RC_PROTOCOL);
        assert_int_equal(rig_status(r).net, SYNC_OFFLINE);
    }
    ask_round(r);
    finish_round(r);
    assert_int_equal(rig_status(r).last.rc, RC_OK);
}

static void a_cursor_that_is_unknown_again_and_again_ends_in_backoff(void **state)
{
    struct rig *r = *state;
    int requests = 0;

    rig_settle(r);
    ask_round(r);
    while (strcmp(rig_next(r), "wait") != 0 && requests++ < 50)
        answer_refused(r, "cursor_unknown", ",\"table\":\"tasks\"");
    assert_int_equal(requests, 5); /* a walk began anew four times: three, and one for the table */
    assert_true(r->action.until_ms > r->f->now);
}

static void a_head_of_another_shape_leaves_the_op_uncounted(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    EXPECT(r, "sync:head");
    answer(r, "{'epoch':'e1'}");
    EXPECT(r, "wait");
    assert_int_equal(rig_retries(r), 0);
    assert_int_equal(rig_status(r).last.rc, RC_PROTOCOL);
}

static void an_edit_between_refusal_and_head_ends_the_trial(void **state)
{
    struct rig *r = *state;
    struct db_saved saved;

    rig_settle(r);
    saved = rig_save(r, NULL, "bad");
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    EXPECT(r, "sync:head");
    rig_save(r, saved.client_id, "good");
    answer(r, "{'epoch':'e1','head':'h1'}");
    EXPECT(r, "sync:upsert");
    answer_applied(r);
    EXPECT(r, "wait");
    fixture_queue(r->f, 0);
    assert_string_equal(fixture_text(r->f, saved.client_id, "text"), "good");
}

static void an_answer_with_a_record_of_another_shape_is_no_answer(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    cJSON *value =
        rig_push_value(r, "e2"); /* what is no answer says nothing of the epoch, either */
    cJSON_DeleteItemFromObject(cJSON_GetObjectItem(cJSON_GetObjectItem(value, "result"), "doc"),
                               "rev");
    answer_value(r, value);
    rig_next(r);
    assert_int_equal(rig_retries(r), 0);
    assert_int_equal(rig_status(r).last.rc, RC_PROTOCOL);
    while (strcmp(r->asked, "wait") != 0) {
        answer_no_changes(r, "c1");
        rig_next(r);
    }
    rig_sleep(r);
    while (strcmp(rig_next(r), "sync:upsert") != 0) {
        if (strcmp(r->asked, "GET /instance_name") == 0)
            answer_get(r, 200, "pump-house-7\n");
        else
            answer_no_changes(r, "c1");
    }
    answer_applied(r);
    finish_round(r);
    fixture_queue(r->f, 0);
}

static void a_store_that_is_damaged_blocks_and_says_so(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    fixture_sql(r->f, "DELETE FROM sync_metadata");
    answer_applied(r);
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).phase, SYNC_BLOCKED);
    assert_int_equal(rig_status(r).last.rc, RC_CORRUPT);
    assert_non_null(strstr(rig_status(r).last.msg, "outpost doctor"));
    struct db_ops ops = fixture_queue(r->f, 1);
    db_ops_done(&ops);
}

static void the_table_of_a_pull_under_way_is_named(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_refused(r, "cursor_unknown", ",\"table\":\"tasks\"");
    EXPECT(r, "sync:getAllForUser");
    assert_int_equal(rig_status(r).phase, SYNC_PULLING);
    assert_string_equal(rig_status(r).table, "tasks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
        TEST(a_version_that_is_none_is_asked_for_again_tomorrow),
        TEST(a_version_that_gets_no_answer_is_an_outage),
        TEST(who_asks_while_working_offline_by_choice_is_told_so),
        TEST(a_choice_to_work_offline_is_the_answer_to_who_had_asked),
        TEST(taking_the_lock_while_a_request_is_under_way_begins_anew),
        TEST(tokens_of_another_shape_do_not_end_the_session),
        TEST(a_token_that_somebody_else_has_replaced_is_used),
        TEST(a_server_that_names_a_later_time_is_not_asked_before_it),
        TEST(a_busy_backend_is_pulled_from_and_given_the_time_that_it_names),
        TEST(batches_stay_as_they_are_when_answers_take_neither_long_nor_short),
        TEST(a_batch_that_is_lost_after_a_long_time_is_sent_again_in_parts),
        TEST(a_push_at_a_wrong_address_is_sent_again_after_a_probe),
        TEST(changes_that_are_too_large_one_by_one_are_an_outage),
        TEST(a_page_that_takes_long_is_followed_by_a_smaller_one),
        TEST(tables_that_nobody_asked_for_may_be_unknown),
        TEST(a_refusal_that_names_no_table_of_ours_is_no_answer),
        TEST(a_cursor_that_is_unknown_again_and_again_ends_in_backoff),
        TEST(a_head_of_another_shape_leaves_the_op_uncounted),
        TEST(an_edit_between_refusal_and_head_ends_the_trial),
        TEST(an_answer_with_a_record_of_another_shape_is_no_answer),
        TEST(a_store_that_is_damaged_blocks_and_says_so),
        TEST(the_table_of_a_pull_under_way_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
