#include "tests/unit/engine_rig.h"
#include "sync/engine.h"

static int ops_asked(struct rig *r)
{
    return json_get(r->args, "op") ? 1 : cJSON_GetArraySize(json_get(r->args, "ops"));
}

static bool batch_has(struct rig *r, const char *text)
{
    const cJSON *op = json_get(r->args, "op");

    if (op)
        return strcmp(json_get_string(json_get(op, "set"), "text"), text) == 0;
    cJSON_ArrayForEach(
        op, json_get(r->args, "ops")) if (strcmp(json_get_string(json_get(op, "set"), "text"),
                                                 text) == 0) return true;
    return false;
}

static void a_saved_task_is_sent_at_once_and_alone(void **state)
{
    struct rig *r = *state;
    struct db_saved saved;

    rig_settle(r);
    saved = rig_save(r, NULL, "Fix the pump");
    EXPECT(r, "sync:upsert");
    assert_string_equal(r->action.token, "token-1");
    assert_string_equal(json_get_string(r->args, "deviceId"), "device-1");
    assert_string_equal(json_get_string(json_get(r->args, "op"), "clientId"), saved.client_id);
    assert_int_equal(rig_status(r).phase, SYNC_PUSHING);
    answer_applied(r);
    EXPECT(r, "wait");
    fixture_queue(r->f, 0);
    assert_int_equal(fixture_mark(r->f, saved.client_id), MARK_SYNCED);
    assert_int_equal(rig_status(r).phase, SYNC_IDLE);
    assert_int_equal(rig_status(r).waiting, 0);
}

static void several_ops_go_in_one_request(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save_many(r, 7);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 7);
    assert_int_equal(rig_status(r).total, 7);
    answer_applied(r);
    EXPECT(r, "wait");
    fixture_queue(r->f, 0);
}

static void batches_grow_while_answers_are_quick_and_never_pass_500_ops(void **state)
{
    struct rig *r = *state;
    int most = 0, sent = 0;

    rig_settle(r);
    rig_save_many(r, 1300);
    while (strcmp(rig_next(r), "wait") != 0) {
        int ops = ops_asked(r);
        most = ops > most ? ops : most;
        sent += ops;
        r->f->now += 50;
        answer_applied(r);
    }
    assert_int_equal(sent, 1300);
    assert_true(most > 200 && most <= 500);
    fixture_queue(r->f, 0);
}

static void batches_shrink_when_answers_take_long(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save_many(r, 300);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 100);
    r->f->now += 9000;
    answer_applied(r);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 50);
}

static void the_progress_of_a_push_is_told_of_all_that_waits(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save_many(r, 300);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(rig_status(r).done, 0);
    assert_int_equal(rig_status(r).total, 300);
    answer_applied(r);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(rig_status(r).done, 100);
    assert_int_equal(rig_status(r).total, 300);
}

/* A link that nobody has seen yet may be a slow one. */
static void the_first_batch_has_at_most_128_kib(void **state)
{
    struct rig *r = *state;
    char notes[10001] = "";
    struct db_saved saved;

    rig_settle(r);
    memset(notes, 'n', sizeof notes - 1);
    for (int i = 0; i < 30; i++)
        SAVE(r->f, NULL, &saved, "text", "long", "notes", notes);
    engine_wake(r->engine, ENGINE_LOCAL_CHANGE);
    EXPECT(r, "sync:bulkUpsert");
    assert_in_range(ops_asked(r), 10, 13);
}

static void batches_grow_with_answers_that_take_half_the_time_that_they_may(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save_many(r, 500);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 100);
    r->f->now += 2501;
    answer_applied(r);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 100);
    r->f->now += 2500;
    answer_applied(r);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 200);
}

static void batches_shrink_when_no_answer_came_for_long_and_not_when_the_link_was_down(void **state)
{
    static const struct {
        int after_ms, ops; /* of the try after it */
    } losses[] = { { 0, 100 }, { 5000, 100 }, { 5001, 50 } };
    struct rig *r = *state;

    rig_settle(r);
    rig_save_many(r, 100);
    EXPECT(r, "sync:bulkUpsert");
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        r->f->now += losses[i].after_ms;
        answer_lost(r);
        EXPECT(r, "wait");
        rig_sleep(r);
        rig_greet(r);
        EXPECT(r, "sync:bulkUpsert");
        assert_int_equal(ops_asked(r), losses[i].ops);
    }
}

static void a_push_that_got_no_answer_is_sent_again_under_a_new_run_id(void **state)
{
    struct rig *r = *state;
    char run_id[80], op_id[40];

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    snprintf(run_id, sizeof run_id, "%s", r->run_id);
    snprintf(op_id, sizeof op_id, "%s", json_get_string(json_get(r->args, "op"), "opId"));
    assert_true(id_is_word(run_id));
    answer_lost(r);
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).net, SYNC_OFFLINE);
    assert_int_equal(rig_retries(r), 0);
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "sync:upsert");
    assert_string_not_equal(run_id, r->run_id);
    assert_string_equal(json_get_string(json_get(r->args, "op"), "opId"), op_id);
    answer_applied(r);
    fixture_queue(r->f, 0);
}

/* The fault of three SDKs of another engine: after one failed upload nothing was tried again
 * until the next save. */
static void a_failed_push_is_tried_again_without_a_new_save_until_the_queue_is_empty(void **state)
{
    struct rig *r = *state;
    int failures = 0;

    rig_settle(r);
    rig_save(r, NULL, "a");
    for (; failures < 12; failures++) {
        rig_next(r);
        assert_true(strcmp(r->asked, "wait") != 0);
        answer_lost(r);
        EXPECT(r, "wait");
        assert_true(r->action.until_ms - r->f->now <= 300000);
        rig_sleep(r);
    }
    rig_greet(r);
    EXPECT(r, "sync:upsert");
    answer_applied(r);
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
    fixture_queue(r->f, 0);
    assert_int_equal(rig_status(r).tries, 0);
    assert_int_equal(rig_status(r).net, SYNC_ONLINE);
}

/* Until the queue has nothing more to send: how many requests that took, and the largest batch that was accepted. */
static int isolate(struct rig *r, const char *bad, int *most)
{
    int requests = 0;

    rig_settle(r);
    rig_save_many(r, 100);
    while (strcmp(rig_next(r), "wait") != 0) {
        requests++;
        if (strcmp(r->asked, "sync:head") == 0) {
            answer(r, "{'epoch':'e1','head':'h1'}");
            continue;
        }
        if (strcmp(r->asked, "sync:getChangesSince") == 0) {
            answer_no_changes(r, "c1");
            continue;
        }
        if (batch_has(r, bad)) {
            answer_hidden(r);
            continue;
        }
        *most = ops_asked(r) > *most ? ops_asked(r) : *most;
        answer_applied(r);
    }
    return requests;
}

static void one_bad_op_among_100_is_isolated_and_99_arrive(void **state)
{
    struct rig *r = *state;
    int most = 0, requests = isolate(r, "task 60", &most);
    struct db_ops ops = fixture_queue(r->f, 1);

    assert_int_equal(ops.items[0].retry_count, 1);
    assert_string_equal(ops.items[0].error, "The server refused this change without saying why.");
    assert_string_equal(ops.items[0].error_code, "invalid_value");
    assert_int_equal(ops.items[0].state, OP_QUEUED);
    db_ops_done(&ops);
    assert_true(requests < 24);
    assert_true(most > 20); /* grown again after the bad one */
    assert_int_equal(rig_status(r).net, SYNC_ONLINE);
}

/* What was accepted is not among the suspects any more. */
static void a_bad_op_at_the_end_is_isolated_by_halving_what_is_left(void **state)
{
    struct rig *r = *state;
    int most = 0, requests = isolate(r, "task 99", &most);
    struct db_ops ops = fixture_queue(r->f, 1);

    assert_int_equal(ops.items[0].retry_count, 1);
    db_ops_done(&ops);
    assert_int_equal(requests, 11);
}

static void a_lone_refusal_without_a_reason_counts_only_between_two_good_heads(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "bad");
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    EXPECT(r, "sync:head");
    answer(r, "{'epoch':'e1','head':'h1'}");
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    assert_int_equal(rig_retries(r), 0);
    EXPECT(r, "sync:head");
    answer(r, "{'epoch':'e1','head':'h1'}");
    EXPECT(r, "wait");
    assert_int_equal(rig_retries(r), 1);
    assert_int_equal(rig_status(r).net, SYNC_ONLINE);
}

static void a_refusal_without_a_reason_at_a_sick_backend_is_an_outage(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "good");
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    EXPECT(r, "sync:head");
    answer_hidden(r);
    EXPECT(r, "wait");
    assert_int_equal(rig_retries(r), 0);
    assert_int_equal(rig_status(r).net, SYNC_OFFLINE);
    assert_true(r->action.until_ms > r->f->now);
}

static void in_a_round_that_was_asked_for_a_trial_goes_on_at_once(void **state)
{
    struct rig *r = *state;
    struct db_saved saved;

    rig_settle(r);
    SAVE(r->f, NULL, &saved, "text", "good");
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    EXPECT(r, "sync:head");
    answer(r, "{'epoch':'e1','head':'h1'}");
    EXPECT(r, "sync:upsert");
}

static void in_a_round_that_was_asked_for_a_refused_batch_goes_on_in_halves(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save_many(r, 4);
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    EXPECT(r, "sync:bulkUpsert");
    answer_hidden(r);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 2);
}

static void in_a_round_that_was_asked_for_a_push_goes_again_with_the_new_token(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    EXPECT(r, "sync:upsert");
    answer_refused(r, "unauthenticated", "");
    EXPECT(r, "auth:signIn");
    answer(r, "{'tokens':{'token':'token-2','refreshToken':'refresh-2'}}");
    EXPECT(r, "sync:upsert");
    assert_string_equal(r->action.token, "token-2");
}

/* Up to the second refusal without a reason: the head that comes next would make it count. */
static void refuse_twice(struct rig *r)
{
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    EXPECT(r, "sync:head");
    answer(r, "{'epoch':'e1','head':'h1'}");
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    EXPECT(r, "sync:head");
}

static void a_head_that_says_nothing_ends_the_trial_of_an_op(void **state)
{
    struct rig *r = *state;
    char run_id[80];

    rig_settle(r);
    rig_save(r, NULL, "good");
    refuse_twice(r);
    snprintf(run_id, sizeof run_id, "%s", r->run_id);
    answer(r, "{'epoch':'e1'}");
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).net, SYNC_OFFLINE);
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "sync:upsert"); /* no other head makes up for the one that was missing */
    assert_string_equal(r->run_id, run_id); /* the op was refused: no answer to it was lost */
    answer_applied(r);
    assert_int_equal(rig_counts(r).waiting, 0);
}

static void after_a_lone_refusal_all_that_waits_goes_together(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "bad");
    refuse_twice(r);
    rig_save_many(r, 5);
    answer(r, "{'epoch':'e1','head':'h1'}");
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 5);
}

static void after_an_op_that_was_taken_when_tried_again_all_that_waits_goes_together(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "good");
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    EXPECT(r, "sync:head");
    answer(r, "{'epoch':'e1','head':'h1'}");
    EXPECT(r, "sync:upsert");
    rig_save_many(r, 5);
    answer_applied(r);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 5);
}

/* The op that spoiled the batch is found: nothing is halved any more. */
static void after_the_bad_op_of_a_batch_all_that_waits_goes_together(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save_many(r, 4);
    EXPECT(r, "sync:bulkUpsert");
    answer_hidden(r);
    EXPECT(r, "sync:bulkUpsert");
    answer_hidden(r);
    refuse_twice(r);
    answer(r, "{'epoch':'e1','head':'h1'}");
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 3);
}

static void a_head_of_another_epoch_starts_a_walk(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "bad");
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    refuse_twice(r);
    answer(r, "{'epoch':'e2','head':'h1'}");
    assert_int_equal(rig_retries(r), 1);
    EXPECT(r, "sync:getAllForUser");
    assert_true(cJSON_IsNull(json_get(r->args, "cursor")));
}

static void what_was_edited_during_its_trial_is_tried_from_the_start(void **state)
{
    struct rig *r = *state;
    struct db_saved saved;

    rig_settle(r);
    saved = rig_save(r, NULL, "bad");
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    EXPECT(r, "sync:head");
    rig_save(r, saved.client_id, "bad in another way");
    answer(r, "{'epoch':'e1','head':'h1'}");
    refuse_twice(r);
    assert_int_equal(rig_retries(r), 0);
    answer(r, "{'epoch':'e1','head':'h1'}");
    EXPECT(r, "wait");
    assert_int_equal(rig_retries(r), 1);
}

static void a_trial_whose_op_was_taken_out_is_over(void **state)
{
    struct rig *r = *state;
    struct db_ops ops;

    rig_settle(r);
    rig_save_many(r, 2);
    EXPECT(r, "sync:bulkUpsert");
    answer_hidden(r);
    EXPECT(r, "sync:upsert");
    answer_hidden(r);
    EXPECT(r, "sync:head");
    ops = fixture_queue(r->f, 2);
    for (size_t i = 0; i < 2; i++)
        must(r->f, db_queue_discard(r->f->db, &ops.items[i], 0, &r->f->err));
    db_ops_done(&ops);
    answer(r, "{'epoch':'e1','head':'h1'}");
    EXPECT(r, "wait");
    rig_save_many(r, 3);
    EXPECT(r, "sync:bulkUpsert"); /* one at a time is for a trial, and for what spoiled a batch */
    assert_int_equal(ops_asked(r), 3);
}

static void too_large_and_unreadable_lone_ops_are_refusals_with_words(void **state)
{
    static const struct {
        int status;
        const char *body, *words;
    } cases[] = {
        { 413, "", "This change is too large for the server." },
        { 400, "{\"code\":\"BadJsonBody\",\"message\":\"x\"}",
          "The server could not read this change." },
        { 200,
          "{\"status\":\"error\",\"errorMessage\":\"x\",\"errorData\":{\"code\":\"invalid_value\","
          "\"message\":\"not so\"}}",
          "not so" },
    };
    struct rig *r = *state;
    struct db_ops ops;
    char run_id[80];

    rig_settle(r);
    rig_save(r, NULL, "a");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        EXPECT(r, "sync:upsert");
        snprintf(run_id, sizeof run_id, "%s", r->run_id);
        answer_http(r, cases[i].status, cases[i].body, 0);
        EXPECT(r, "sync:head");
        answer(r, "{'epoch':'e1','head':'h1'}");
        EXPECT(r, "sync:upsert");
        /* An answer that was too large may have been one of success. */
        assert_int_equal(strcmp(run_id, r->run_id) != 0, cases[i].status == 413);
        answer_http(r, cases[i].status, cases[i].body, 0);
        EXPECT(r, "sync:head");
        answer(r, "{'epoch':'e1','head':'h1'}");
        EXPECT(r, "wait");
        ops = fixture_queue(r->f, 1);
        assert_int_equal(ops.items[0].retry_count, i + 1);
        assert_string_equal(ops.items[0].error, cases[i].words);
        assert_string_equal(ops.items[0].error_code, "invalid_value");
        db_ops_done(&ops);
        rig_sleep(r);
    }
    assert_int_equal(rig_counts(r).failed, 1);
    assert_int_equal(rig_status(r).failed, 1);
}

static void a_refused_op_delays_no_other_record(void **state)
{
    struct rig *r = *state;
    struct db_ops ops;
    cJSON *value, *bad;

    rig_settle(r);
    rig_save_many(r, 3);
    EXPECT(r, "sync:bulkUpsert");
    value = rig_push_value(r, NULL);
    bad = quoted("{'status':'rejected','error':{'code':'invalid_value','message':'not "
                 "so','column':'text'}}");
    cJSON_AddStringToObject(
        bad, "opId", json_get_string(cJSON_GetArrayItem(json_get(value, "results"), 1), "opId"));
    cJSON_ReplaceItemInArray(cJSON_GetObjectItem(value, "results"), 1, bad);
    answer_value(r, value);
    EXPECT(r, "wait");
    ops = fixture_queue(r->f, 1);
    assert_int_equal(ops.items[0].retry_count, 1);
    assert_string_equal(ops.items[0].error, "not so");
    assert_string_equal(ops.items[0].error_code, "invalid_value");
    db_ops_done(&ops);
    rig_save(r, NULL, "later");
    EXPECT(r, "sync:upsert");
    assert_true(batch_has(r, "later"));
    answer_applied(r);
    EXPECT(r, "wait");
    rig_sleep(r);
    EXPECT(r, "sync:upsert"); /* the refused one, some seconds later */
    assert_true(batch_has(r, "task 1"));
}

/* The two clocks tick at moments of their own: the wall's reaches due_ms after some looks at it. */
struct late_wall {
    int64_t due_ms;
    int looks; /* left, before it ticks */
};

static struct late_wall late_wall;

static int64_t late_wall_ms(void *ctx)
{
    (void)ctx;
    return late_wall.looks-- > 0 ? late_wall.due_ms - 1 : late_wall.due_ms;
}

static void reject_the_op(struct rig *r, const char *code, const char *column)
{
    char text[300];

    snprintf(text, sizeof text,
             "{'epoch':'e1','result':{'opId':'%s','status':'rejected',"
             "'error':{'code':'%s','message':'not so','column':'%s'}}}",
             json_get_string(json_get(r->args, "op"), "opId"), code, column);
    answer(r, text);
}

static void refuse_the_op(struct rig *r)
{
    reject_the_op(r, "invalid_value", "text");
}

static void an_op_is_sent_when_the_wall_clock_ticks_between_two_looks_at_it(void **state)
{
    struct rig *r = *state;
    const struct clock steady = r->f->clock;
    int waits = 0;

    rig_settle(r);
    for (int looks = 0; looks < 12; looks++) {
        rig_save(r, NULL, "a");
        EXPECT(r, "sync:upsert");
        refuse_the_op(r);
        EXPECT(r, "wait");
        rig_sleep(r);
        late_wall = (struct late_wall){ r->f->now, looks };
        r->f->clock.wall_ms = late_wall_ms;
        rig_next(r);
        r->f->clock = steady;
        if (strcmp(r->asked, "wait") == 0) {
            waits++;
            assert_true(r->action.until_ms <= r->f->now + 1000);
            rig_sleep(r);
            rig_next(r);
        }
        assert_string_equal(r->asked, "sync:upsert");
        answer_applied(r);
        EXPECT(r, "wait");
    }
    assert_true(waits > 0);
    fixture_queue(r->f, 0);
}

static void a_refused_op_whose_time_has_come_is_sent_between_two_pages(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    EXPECT(r, "sync:upsert");
    refuse_the_op(r);
    EXPECT(r, "sync:getChangesSince");
    answer(r, "{'epoch':'e1','changes':[],'cursors':{'tasks':'c2'},'more':true}");
    EXPECT(r, "sync:getChangesSince");
    r->f->now += 1000;
    answer(r, "{'epoch':'e1','changes':[],'cursors':{'tasks':'c3'},'more':true}");
    EXPECT(r, "sync:upsert");
}

/* An older backend does not know a column that is empty: the rest needs it not. */
static void an_op_goes_again_without_the_empty_column_that_the_backend_does_not_know(void **state)
{
    struct rig *r = *state;
    struct db_saved saved;

    rig_settle(r);
    for (int is_result = 0; is_result < 2; is_result++) {
        SAVE(r->f, NULL, &saved, "text", "a", "notes", "");
        engine_wake(r->engine, ENGINE_LOCAL_CHANGE);
        EXPECT(r, "sync:upsert");
        assert_non_null(json_get(json_get(json_get(r->args, "op"), "set"), "notes"));
        if (is_result)
            reject_the_op(r, "unknown_column", "notes");
        else
            answer_refused(r, "unknown_column", ",\"column\":\"notes\"");
        EXPECT(r, "sync:upsert");
        assert_null(json_get(json_get(json_get(r->args, "op"), "set"), "notes"));
        answer_applied(r);
        EXPECT(r, "wait");
        fixture_queue(r->f, 0);
    }
}

static void results_that_do_not_match_the_ops_are_no_answer(void **state)
{
    static const char *const wrong[] = {
        "{'epoch':'e1','results':[]}",
        "{'epoch':'e1'}",
        "{'epoch':'e1','results':[{'opId':'x','status':'applied','doc':{}},{'opId':'y','status':'"
        "applied','doc':{}}]}",
        "{'results':'none'}",
    };
    struct rig *r = *state;
    char run_id[80];

    rig_settle(r);
    rig_save_many(r, 2);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        while (strncmp(rig_next(r), "sync:upsert", 11) != 0 &&
               strcmp(r->asked, "sync:bulkUpsert") != 0) {
            if (strcmp(r->asked, "wait") == 0)
                rig_sleep(r);
            else if (strcmp(r->asked, "GET /instance_name") == 0)
                answer_get(r, 200, "pump-house-7");
            else
                answer_no_changes(r, "c1");
        }
        snprintf(run_id, sizeof run_id, "%s", r->run_id);
        answer(r, wrong[i]);
        assert_int_equal(rig_counts(r).waiting, 2);
        if (i == 0) {
            EXPECT(r, "wait"); /* it was a push of what was saved, so no pull; backoff */
            assert_true(r->action.until_ms > r->f->now);
        }
    }
    EXPECT(r, "sync:getChangesSince"); /* a push that stops never stops pull */
    assert_string_not_equal(run_id, r->run_id);
}

static void more_results_than_ops_are_no_answer(void **state)
{
    struct rig *r = *state;
    cJSON *value;

    rig_settle(r);
    rig_save_many(r, 2);
    EXPECT(r, "sync:bulkUpsert");
    value = rig_push_value(r, NULL);
    cJSON_AddItemToArray(cJSON_GetObjectItem(value, "results"),
                         quoted("{'opId':'" ID_A "','status':'applied','doc':{}}"));
    answer_value(r, value);
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).last.rc, RC_PROTOCOL);
    assert_int_equal(rig_counts(r).waiting, 2);
}

/* It may be one of the ops that makes the backend answer so. */
static void a_batch_whose_answer_is_none_is_sent_again_in_halves(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save_many(r, 100);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 100);
    answer(r, "{}");
    EXPECT(r, "wait");
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "sync:bulkUpsert");
    assert_int_equal(ops_asked(r), 50);
}

static void a_rejection_of_another_op_than_ours_is_no_answer(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer(r, "{'epoch':'e1','result':{'opId':'" ID_A "','status':'rejected',"
              "'error':{'code':'invalid_value','message':'no'}}}");
    EXPECT(r, "wait");
    assert_int_equal(rig_retries(r), 0);
    assert_int_equal(rig_status(r).last.rc, RC_PROTOCOL);
    assert_string_equal(rig_status(r).last.code, "malformed");
}

static void an_answer_with_a_list_of_another_shape_is_no_answer(void **state)
{
    struct rig *r = *state;
    cJSON *value;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    value = rig_push_value(r, NULL);
    cJSON_AddStringToObject(cJSON_GetObjectItem(value, "result"), "overwrote", "text");
    answer_value(r, value);
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).last.rc, RC_PROTOCOL);
    assert_int_equal(rig_counts(r).waiting, 1);
}

static void a_result_that_is_neither_applied_nor_rejected_is_no_answer(void **state)
{
    static const char *const wrong[] = {
        "'status':'later','error':{'code':'invalid_value','message':'no'}",
        "'status':'rejected','error':{'message':'no'}",
        "'status':'rejected'",
    };
    struct rig *r = *state;
    char text[200];

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "{'epoch':'e1','result':{'opId':'%s',%s}}",
                 json_get_string(json_get(r->args, "op"), "opId"), wrong[i]);
        answer(r, text);
        while (strcmp(rig_next(r), "sync:getChangesSince") == 0)
            answer_no_changes(r, "c1");
        assert_int_equal(rig_retries(r), 0);
        assert_int_equal(rig_status(r).last.rc, RC_PROTOCOL);
        rig_sleep(r);
        rig_greet(r);
        EXPECT(r, "sync:upsert");
    }
}

static void a_backend_that_cannot_take_a_push_is_still_pulled_from(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    EXPECT(r, "sync:upsert");
    answer_http(r, 503, "{\"code\":\"CommitterFullError\",\"message\":\"x\"}", 0);
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c2");
    EXPECT(r, "wait");
    assert_string_equal(rig_status(r).last.code, "busy");
    assert_int_equal(rig_retries(r), 0);
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "sync:upsert");
}

static void an_answer_of_another_epoch_starts_a_walk(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    EXPECT(r, "sync:upsert");
    answer_value(r, rig_push_value(r, "e2"));
    EXPECT(r, "sync:getAllForUser");
    assert_true(cJSON_IsNull(json_get(r->args, "cursor")));
}

static void an_answer_of_another_epoch_during_a_pull_starts_a_walk(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    EXPECT(r, "sync:getChangesSince");
    answer(r, "{'epoch':'e1','changes':[],'cursors':{'tasks':'c2'},'more':true}");
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer_value(r, rig_push_value(r, "e2"));
    EXPECT(r, "sync:getAllForUser");
    assert_true(cJSON_IsNull(json_get(r->args, "cursor")));
}

/* The round of one op, which is refused with this code. */
static void refuse_lone_op(struct rig *r, const char *code)
{
    cJSON *value, *bad;

    EXPECT(r, "sync:upsert");
    value = rig_push_value(r, NULL);
    bad = quoted("{'status':'rejected'}");
    cJSON_AddStringToObject(bad, "opId", json_get_string(json_get(value, "result"), "opId"));
    cJSON_AddStringToObject(cJSON_AddObjectToObject(bad, "error"), "code", code);
    cJSON_AddStringToObject(cJSON_GetObjectItem(bad, "error"), "message", "not so");
    cJSON_ReplaceItemInObject(value, "result", bad);
    answer_value(r, value);
    while (strcmp(rig_next(r), "sync:getChangesSince") == 0)
        answer_no_changes(r, "c1");
    assert_string_equal(r->asked, "wait");
}

static void who_asks_for_a_round_waits_for_no_refused_and_no_held_op(void **state)
{
    static const char *const codes[] = { "invalid_value", "unknown_column", "unknown_table" };
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        refuse_lone_op(r, codes[i]);
        engine_wake(r->engine, ENGINE_NOW); /* no time has passed */
        rig_greet(r);
    }
    EXPECT(r, "sync:upsert");
    assert_int_equal(rig_retries(r), 1); /* asking takes nothing back and adds nothing */
    answer_applied(r);
    EXPECT(r, "sync:getChangesSince");
    assert_int_equal(rig_counts(r).waiting, 0);
}

static void an_unknown_column_holds_the_op_until_the_backends_version_changes(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer_refused(r, "unknown_column", ",\"column\":\"text\"");
    EXPECT(r, "wait");
    assert_int_equal(rig_counts(r).held, 1);
    assert_int_equal(rig_retries(r), 0);
    r->f->now += 23 * 3600 * 1000;
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
    engine_wake(r->engine, ENGINE_TOOK_LOCK);
    rig_greet(r);
    EXPECT(r, "GET /version");
    answer_get(r, 200, "1.2.4");
    EXPECT(r, "sync:upsert");
    answer_refused(r, "unknown_table", ",\"table\":\"tasks\""); /* neither is counted */
    EXPECT(r, "sync:getChangesSince");
    assert_int_equal(rig_counts(r).held, 1);
    assert_int_equal(rig_retries(r), 0);
}

static void a_client_that_is_too_old_holds_everything_and_says_so(void **state)
{
    struct rig *r = *state;
    struct db_ops ops;

    rig_settle(r);
    rig_save_many(r, 3);
    EXPECT(r, "sync:bulkUpsert");
    answer_refused(r, "client_too_old", "");
    EXPECT(r, "wait");
    assert_int_equal(rig_counts(r).held, 3);
    ops = fixture_queue(r->f, 3);
    assert_string_equal(ops.items[2].error_code, "client_too_old");
    assert_string_equal(ops.items[2].error, rig_status(r).last.msg);
    db_ops_done(&ops);
    assert_int_equal(rig_status(r).phase, SYNC_BLOCKED);
    assert_string_equal(
        rig_status(r).last.msg,
        "This version is too old for the server. Changes are kept until it is updated.");
    assert_int_equal(r->action.until_ms - r->f->now, 3600 * 1000);
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "GET /version");
    answer_get(r, 200, "2.0.0");
    EXPECT(r, "sync:bulkUpsert");
    answer_applied(r);
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).phase, SYNC_IDLE);
    fixture_queue(r->f, 0);
}

static void an_edit_made_while_its_record_is_being_sent_goes_next(void **state)
{
    struct rig *r = *state;
    struct db_saved saved;

    rig_settle(r);
    saved = rig_save(r, NULL, "first");
    EXPECT(r, "sync:upsert");
    rig_save(r, saved.client_id, "second");
    EXPECT(r, "wait"); /* one request at a time */
    answer_applied(r);
    EXPECT(r, "sync:upsert");
    assert_true(batch_has(r, "second"));
    answer_applied(r);
    EXPECT(r, "wait");
    assert_string_equal(fixture_text(r->f, saved.client_id, "text"), "second");
    fixture_queue(r->f, 0);
}

static void aborting_a_push_loses_nothing_and_waits_for_nothing(void **state)
{
    struct rig *r = *state;
    char run_id[80];

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    snprintf(run_id, sizeof run_id, "%s", r->run_id);
    engine_aborted(r->engine);
    EXPECT(r, "sync:upsert");
    assert_string_not_equal(run_id, r->run_id);
    assert_int_equal(rig_retries(r), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_saved_task_is_sent_at_once_and_alone),
        TEST(several_ops_go_in_one_request),
        TEST(batches_grow_while_answers_are_quick_and_never_pass_500_ops),
        TEST(batches_shrink_when_answers_take_long),
        TEST(the_progress_of_a_push_is_told_of_all_that_waits),
        TEST(the_first_batch_has_at_most_128_kib),
        TEST(batches_grow_with_answers_that_take_half_the_time_that_they_may),
        TEST(batches_shrink_when_no_answer_came_for_long_and_not_when_the_link_was_down),
        TEST(a_push_that_got_no_answer_is_sent_again_under_a_new_run_id),
        TEST(a_failed_push_is_tried_again_without_a_new_save_until_the_queue_is_empty),
        TEST(one_bad_op_among_100_is_isolated_and_99_arrive),
        TEST(a_bad_op_at_the_end_is_isolated_by_halving_what_is_left),
        TEST(a_lone_refusal_without_a_reason_counts_only_between_two_good_heads),
        TEST(in_a_round_that_was_asked_for_a_trial_goes_on_at_once),
        TEST(in_a_round_that_was_asked_for_a_refused_batch_goes_on_in_halves),
        TEST(in_a_round_that_was_asked_for_a_push_goes_again_with_the_new_token),
        TEST(a_refusal_without_a_reason_at_a_sick_backend_is_an_outage),
        TEST(a_head_that_says_nothing_ends_the_trial_of_an_op),
        TEST(after_a_lone_refusal_all_that_waits_goes_together),
        TEST(after_an_op_that_was_taken_when_tried_again_all_that_waits_goes_together),
        TEST(after_the_bad_op_of_a_batch_all_that_waits_goes_together),
        TEST(a_head_of_another_epoch_starts_a_walk),
        TEST(what_was_edited_during_its_trial_is_tried_from_the_start),
        TEST(a_trial_whose_op_was_taken_out_is_over),
        TEST(too_large_and_unreadable_lone_ops_are_refusals_with_words),
        TEST(a_refused_op_delays_no_other_record),
        TEST(an_op_is_sent_when_the_wall_clock_ticks_between_two_looks_at_it),
        TEST(a_refused_op_whose_time_has_come_is_sent_between_two_pages),
        TEST(an_op_goes_again_without_the_empty_column_that_the_backend_does_not_know),
        TEST(results_that_do_not_match_the_ops_are_no_answer),
        TEST(more_results_than_ops_are_no_answer),
        TEST(a_batch_whose_answer_is_none_is_sent_again_in_halves),
        TEST(a_rejection_of_another_op_than_ours_is_no_answer),
        TEST(an_answer_with_a_list_of_another_shape_is_no_answer),
        TEST(a_result_that_is_neither_applied_nor_rejected_is_no_answer),
        TEST(a_backend_that_cannot_take_a_push_is_still_pulled_from),
        TEST(an_answer_of_another_epoch_starts_a_walk),
        TEST(an_answer_of_another_epoch_during_a_pull_starts_a_walk),
        TEST(who_asks_for_a_round_waits_for_no_refused_and_no_held_op),
        TEST(an_unknown_column_holds_the_op_until_the_backends_version_changes),
        TEST(a_client_that_is_too_old_holds_everything_and_says_so),
        TEST(an_edit_made_while_its_record_is_being_sent_goes_next),
        TEST(aborting_a_push_loses_nothing_and_waits_for_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
