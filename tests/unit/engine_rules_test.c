#include "tests/unit/engine_rig.h"

#include <signal.h>
#include <sys/resource.h>
#include "sync/backoff.h"
#include "sync/engine.h"

/* Answers of every transient kind: not counted, op kept, backoff. */
static void network_trouble_is_never_counted_and_backs_off(void **state)
{
    static const struct {
        int status; /* 0: no answer */
        const char *body, *code;
    } cases[] = {
        { 0, "", "transient" },
        { 200, "<html>Sign in to this network</html>", "transient" },
        { 200, "{\"hello\":1}", "transient" },
        { 302, "", "transient" },
        { 400, "{\"code\":\"AuthProviderDiscoveryFailed\",\"message\":\"x\"}", "transient" },
        { 401, "<html>", "transient" },
        { 408, "", "transient" },
        { 421, "{\"code\":\"MisdirectedRequest\"}", "transient" },
        { 425, "{\"code\":\"TooEarly\"}", "transient" },
        { 429, "{\"code\":\"TooManyWrites\"}", "busy" },
        { 500, "{\"code\":\"InternalServerError\"}", "busy" },
        { 502, "<html>", "busy" },
        { 503, "{\"code\":\"OptimisticConcurrencyControlFailure\"}", "busy" },
    };
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        EXPECT(r, "sync:upsert");
        if (cases[i].status)
            answer_http(r, cases[i].status, cases[i].body, 0);
        else
            answer_lost(r);
        while (strcmp(rig_next(r), "sync:getChangesSince") == 0)
            answer_no_changes(r, "c1");
        assert_string_equal(r->asked, "wait");
        assert_int_equal(rig_retries(r), 0);
        assert_int_equal(rig_status(r).tries, i + 1);
        assert_int_equal(rig_status(r).net, SYNC_OFFLINE);
        assert_true(rig_status(r).last.msg[0] != '\0');
        assert_string_equal(strcmp(cases[i].code, "busy") == 0 ? "busy" : "transient",
                            strcmp(rig_status(r).last.code, "busy") == 0 ? "busy" : "transient");
        assert_true(r->action.until_ms - r->f->now >= BACKOFF_MIN_MS);
        assert_true(r->action.until_ms - r->f->now <= BACKOFF_MAX_MS);
        rig_sleep(r);
        rig_greet(r);
    }
}

static void backoff_has_full_jitter_between_1_s_and_5_min(void **state)
{
    struct backoff low = { 0 }, high = { 0 };
    int64_t longest = 0;

    (void)state;
    for (int i = 0; i < 40; i++) {
        int64_t most = backoff_next(&high, 298999 + 299001 * 7);
        assert_int_equal(backoff_next(&low, 0), BACKOFF_MIN_MS);
        assert_true(most >= BACKOFF_MIN_MS && most <= BACKOFF_MAX_MS);
        longest = most > longest ? most : longest;
    }
    assert_true(longest > 290000);
    backoff_reset(&high);
    for (uint64_t random = 0; random < 5000; random += 7) {
        backoff_reset(&high);
        assert_true(backoff_next(&high, random) <= 2000);
    }
    for (uint64_t random = 0; random < 30000; random += 13)
        assert_in_range(backoff_jitter(60000, 20, random), 48000, 72000);
    assert_int_equal(backoff_jitter(60000, 20, 0), 48000);
    assert_int_equal(backoff_jitter(60000, 20, 24000), 72000);
}

static void a_retry_after_is_honoured_but_not_against_a_person(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer_http(r, 429, "{\"code\":\"TooManyWrites\"}", 400000);
    EXPECT(r, "wait");
    assert_int_equal(r->action.until_ms - r->f->now, 400000);
    assert_string_equal(rig_status(r).last.code, "busy");
    assert_non_null(strstr(rig_status(r).last.msg, "The server is busy. Trying again at "));
    r->f->now += 5000;
    engine_wake(r->engine, ENGINE_LINK_UP);
    EXPECT(r, "wait");
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    EXPECT(r, "sync:upsert");
}

static void a_link_that_comes_up_is_tried_at_once(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    r->random = 1999;
    engine_wake(r->engine, ENGINE_NOW);
    EXPECT(r, "GET /instance_name");
    answer_lost(r);
    EXPECT(r, "wait");
    assert_string_equal(rig_status(r).last.msg, "The server refused the connection.");
    r->f->now += 1000;
    engine_wake(r->engine, ENGINE_LINK_UP);
    EXPECT(r, "GET /instance_name");
}

static void a_link_that_flaps_does_not_make_us_knock_all_the_time(void **state)
{
    struct rig *r = *state;
    int knocks = 0;

    rig_settle(r);
    r->random = 1999;
    for (int i = 0; i < 100; i++) { /* 10 s at 10 Hz */
        engine_wake(r->engine, i % 2 ? ENGINE_LINK_UP : ENGINE_LINK_DOWN);
        while (strcmp(rig_next(r), "wait") != 0) {
            knocks++;
            answer_lost(r);
        }
        r->f->now += 100;
    }
    assert_true(knocks >= 5 && knocks <= 12);
}

static void a_captive_portal_is_not_online_and_gets_no_token(void **state)
{
    static const struct {
        int status;
        const char *body;
    } portals[] = {
        { 200, "<html>Welcome to Hotel Wi-Fi</html>" },
        { 302, "" },
        { 200, "another-instance" },
        { 404, "" },
        { 511, "<html>" },
        { 200, "" },
    };
    struct rig *r = *state;

    fixture_walk(r->f, NULL, "e1", "c1");
    rig_start(r);
    for (size_t i = 0; i < sizeof portals / sizeof *portals; i++) {
        EXPECT(r, "GET /instance_name");
        answer_get(r, portals[i].status, portals[i].body);
        EXPECT(r, "wait");
        assert_int_equal(rig_status(r).net, SYNC_OFFLINE);
        assert_int_equal(rig_status(r).phase, SYNC_IDLE);
        assert_int_equal(rig_status(r).tries, i + 1);
        rig_sleep(r);
    }
    rig_greet(r);
    EXPECT(r, "GET /version");
    assert_int_equal(rig_status(r).net, SYNC_ONLINE);
}

static void what_looks_like_a_wrong_url_is_believed_only_after_a_good_probe(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_sleep(r);
    EXPECT(r, "sync:getChangesSince");
    answer_http(r, 404, "", 0); /* a portal may say this too */
    EXPECT(r, "GET /instance_name");
    answer_get(r, 200, "<html>");
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).phase, SYNC_IDLE);
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "sync:getChangesSince");
    answer_http(r, 403, "{\"code\":\"Forbidden\",\"message\":\"x\"}", 0);
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).phase, SYNC_BLOCKED);
    assert_int_equal(rig_status(r).last.rc, RC_REFUSED);
    assert_int_equal(r->action.until_ms - r->f->now, 3600 * 1000);
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).phase, SYNC_IDLE);
}

static void working_offline_by_choice_sends_nothing(void **state)
{
    struct rig *r = *state;
    struct err result;

    rig_settle(r);
    engine_wake(r->engine, ENGINE_OFFLINE);
    rig_save(r, NULL, "a");
    EXPECT(r, "wait");
    assert_int_equal(r->action.until_ms, INT64_MAX);
    assert_int_equal(rig_status(r).net, SYNC_OFFLINE);
    assert_true(rig_status(r).is_by_choice);
    engine_wake(r->engine, ENGINE_NOW);
    EXPECT(r, "wait");
    assert_true(engine_asked_result(r->engine, &result));
    assert_int_equal(result.rc, RC_NETWORK);
    engine_wake(r->engine, ENGINE_ONLINE);
    rig_greet(r);
    EXPECT(r, "sync:upsert");
}

static void the_choice_to_work_offline_is_kept_over_a_restart(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    must(r->f, db_state_work_offline(r->f->db, true, &r->f->err));
    rig_start(r);
    EXPECT(r, "wait");
    assert_int_equal(r->action.until_ms, INT64_MAX);
    assert_true(rig_status(r).is_by_choice);
}

static void sync_now_has_its_result_when_a_round_that_began_after_it_is_over(void **state)
{
    struct rig *r = *state;
    struct err result;

    rig_settle(r);
    rig_sleep(r);
    EXPECT(r, "sync:getChangesSince");
    engine_wake(r->engine, ENGINE_NOW); /* what is under way may have missed what the user means */
    answer_no_changes(r, "c1");
    EXPECT(r, "sync:getChangesSince");
    assert_false(engine_asked_result(r->engine, &result));
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
    assert_true(engine_asked_result(r->engine, &result));
    assert_int_equal(result.rc, RC_OK);
    engine_wake(r->engine, ENGINE_NOW);
    EXPECT(r, "GET /instance_name");
    answer_lost(r);
    EXPECT(r, "wait");
    assert_true(engine_asked_result(r->engine, &result));
    assert_int_equal(result.rc, RC_NETWORK);
}

static void retry_makes_failed_and_held_ops_due_again(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    for (int i = 0; i < 3; i++) {
        cJSON *value;
        EXPECT(r, "sync:upsert");
        value = quoted("{'epoch':'e1','result':{'status':'rejected','error':{'code':'forbidden','"
                       "message':'no'}}}");
        cJSON_AddStringToObject(cJSON_GetObjectItem(value, "result"), "opId",
                                json_get_string(json_get(r->args, "op"), "opId"));
        answer_value(r, value);
        EXPECT(r, "wait");
        if (i < 2)
            rig_sleep(r);
    }
    assert_int_equal(rig_status(r).failed, 1);
    engine_wake(r->engine, ENGINE_RETRY);
    rig_greet(r);
    EXPECT(r, "sync:upsert");
    assert_int_equal(rig_status(r).failed, 0);
    assert_int_equal(rig_retries(r), 0);
}

static void a_store_that_cannot_be_written_stops_the_round_and_not_the_program(void **state)
{
    struct rig *r = *state;
    struct rlimit limit;

    rig_settle(r);
    rig_save(r, NULL, "a");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 4096;
    setrlimit(RLIMIT_FSIZE, &limit);
    rig_next(r);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_string_equal(r->asked, "wait");
    assert_true(r->action.until_ms > r->f->now);
    assert_true(rig_status(r).last.rc == RC_IO || rig_status(r).last.rc == RC_FULL);
    assert_int_equal(rig_status(r).net, SYNC_ONLINE);
    rig_sleep(r);
    EXPECT(r, "sync:upsert");
    answer_applied(r);
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).last.rc, RC_OK);
    fixture_queue(r->f, 0);
}

static void other_processes_read_what_is_going_on_in_the_db(void **state)
{
    struct rig *r = *state;
    struct db_state seen;

    rig_settle(r);
    must(r->f, db_state_read(r->f->db, &seen, &r->f->err));
    assert_true(seen.online);
    assert_string_equal(seen.phase, "idle");
    assert_true(seen.last_ok > 0);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    EXPECT(r, "wait");
    assert_true(r->action.until_ms - r->f->now <= 300); /* a slow push is told of after 300 ms */
    rig_sleep(r);
    EXPECT(r, "wait");
    must(r->f, db_state_read(r->f->db, &seen, &r->f->err));
    assert_string_equal(seen.phase, "pushing");
    assert_true(seen.sending_since > 0);
    answer_lost(r);
    EXPECT(r, "wait");
    must(r->f, db_state_read(r->f->db, &seen, &r->f->err));
    assert_false(seen.online);
    assert_int_equal(seen.sending_since, 0);
    assert_true(seen.next_try > 0);
    assert_string_equal(seen.error, "The server refused the connection.");
}

/* ---- tokens ---- */

static void a_refused_token_is_refreshed_once_and_the_request_repeated(void **state)
{
    struct rig *r = *state;
    struct db_account account;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer_http(r, 401, "{\"code\":\"Unauthenticated\",\"message\":\"x\"}", 0);
    EXPECT(r, "auth:signIn");
    assert_null(r->action.token);
    assert_string_equal(json_get_string(r->args, "refreshToken"), "refresh-1");
    answer(r, "{'tokens':{'token':'token-2','refreshToken':'refresh-2'}}");
    must(r->f, db_account_read(r->f->db, &account, &r->f->err));
    assert_string_equal(account.token, "token-2");
    assert_string_equal(account.refresh, "refresh-2");
    db_account_done(&account);
    EXPECT(r, "sync:upsert");
    assert_string_equal(r->action.token, "token-2");
    assert_int_equal(rig_retries(r), 0);
    answer_refused(r, "unauthenticated", "");
    EXPECT(r, "wait"); /* refused again: it is for a person */
    assert_true(rig_status(r).needs_sign_in);
    assert_int_equal(rig_status(r).phase, SYNC_BLOCKED);
    assert_int_equal(rig_status(r).net, SYNC_ONLINE);
    assert_int_equal(r->action.until_ms, INT64_MAX);
    assert_int_equal(rig_retries(r), 0);
}

static void a_session_that_is_over_asks_to_sign_in_and_goes_on_after_it(void **state)
{
    struct rig *r = *state;
    struct err result;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer_refused(r, "unauthenticated", "");
    EXPECT(r, "auth:signIn");
    answer(r, "{'tokens':null}");
    EXPECT(r, "wait");
    assert_true(rig_status(r).needs_sign_in);
    assert_string_equal(
        rig_status(r).last.msg,
        "Sign in to send 1 pending change. You can go on working; nothing is lost.");
    assert_int_equal(r->action.until_ms, INT64_MAX);
    engine_wake(r->engine, ENGINE_NOW);
    EXPECT(r, "wait");
    assert_true(engine_asked_result(r->engine, &result));
    assert_int_equal(result.rc, RC_AUTH);
    const struct db_account again = {
        .server = "http://127.0.0.1:1",
        .instance = "pump-house-7",
        .user_id = "u1",
        .email = "maria@example.org",
        .device_id = "device-1",
        .token = "token-9",
        .refresh = "refresh-9",
    };
    must(r->f, db_account_write(r->f->db, &again, &r->f->err));
    engine_wake(r->engine,
                ENGINE_LOCAL_CHANGE); /* another process did it: all we hear is the bell */
    rig_greet(r);
    EXPECT(r, "sync:upsert");
    assert_string_equal(r->action.token, "token-9");
    assert_false(rig_status(r).needs_sign_in);
}

static void trouble_while_refreshing_is_an_outage_and_not_the_end_of_the_session(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer_refused(r, "unauthenticated", "");
    EXPECT(r, "auth:signIn");
    answer_lost(r);
    EXPECT(r, "wait");
    assert_false(rig_status(r).needs_sign_in);
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "auth:signIn");
    assert_string_equal(json_get_string(r->args, "refreshToken"), "refresh-1");
    answer_hidden(r);
    EXPECT(r, "wait");
    assert_false(rig_status(r).needs_sign_in);
}

static void a_sign_in_elsewhere_wins_over_a_refresh(void **state)
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
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer_refused(r, "unauthenticated", "");
    EXPECT(r, "auth:signIn");
    must(r->f, db_account_write(r->f->db, &other, &r->f->err));
    answer(r, "{'tokens':null}");
    EXPECT(r, "sync:upsert");
    assert_string_equal(r->action.token, "token-7");
}

static void a_ready_token_that_is_refused_asks_to_sign_in(void **state)
{
    struct rig *r = *state;
    const struct db_account ready = {
        .server = "http://127.0.0.1:1",
        .instance = "pump-house-7",
        .user_id = "u1",
        .email = "maria@example.org",
        .device_id = "device-1",
        .token = "oidc-1",
    };

    must(r->f, db_account_write(r->f->db, &ready, &r->f->err));
    rig_settle(r);
    rig_sleep(r);
    EXPECT(r, "sync:getChangesSince");
    answer_http(r, 401, "{\"code\":\"InvalidAuthHeader\",\"message\":\"x\"}", 0);
    EXPECT(r, "wait");
    assert_true(rig_status(r).needs_sign_in);
}

/* header.payload.signature, where the payload is {"exp":SECONDS}. */
static char *jwt(int64_t exp_s)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct buf json = { 0 }, out = { 0 };

    buf_printf(&json, "{\"exp\":%lld}", (long long)exp_s);
    while (json.len % 3)
        buf_putc(&json, ' ');
    buf_puts(&out, "e30.");
    for (size_t i = 0; i < json.len; i += 3) {
        unsigned bits = (unsigned)json.data[i] << 16 | (unsigned)json.data[i + 1] << 8 |
                        (unsigned)json.data[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            buf_putc(&out, alphabet[bits >> shift & 63]);
    }
    buf_puts(&out, ".sig");
    buf_done(&json);
    return buf_take(&out);
}

static void a_token_that_ends_within_a_minute_is_renewed_before_it_is_used(void **state)
{
    struct rig *r = *state;
    char *ending = jwt(r->f->now / 1000 + 90), *wrong_clock = jwt(r->f->now / 1000 - 5000);
    struct buf fresh = { 0 };
    const struct db_account account = {
        .server = "http://127.0.0.1:1",
        .instance = "pump-house-7",
        .user_id = "u1",
        .email = "maria@example.org",
        .device_id = "device-1",
        .token = ending,
        .refresh = "refresh-1",
    };

    must(r->f, db_account_write(r->f->db, &account, &r->f->err));
    rig_settle(r);
    r->f->now += 40000;
    rig_save(r, NULL, "a");
    EXPECT(r, "auth:signIn");
    buf_printf(&fresh, "{'tokens':{'token':'%s','refreshToken':'refresh-2'}}", wrong_clock);
    answer(r, buf_str(&fresh));
    EXPECT(r,
           "sync:upsert"); /* one that seems over at once says that our clock is wrong: no loop */
    assert_string_equal(r->action.token, wrong_clock);
    buf_done(&fresh);
    free(ending);
    free(wrong_clock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(network_trouble_is_never_counted_and_backs_off),
        cmocka_unit_test(backoff_has_full_jitter_between_1_s_and_5_min),
        TEST(a_retry_after_is_honoured_but_not_against_a_person),
        TEST(a_link_that_comes_up_is_tried_at_once),
        TEST(a_link_that_flaps_does_not_make_us_knock_all_the_time),
        TEST(a_captive_portal_is_not_online_and_gets_no_token),
        TEST(what_looks_like_a_wrong_url_is_believed_only_after_a_good_probe),
        TEST(working_offline_by_choice_sends_nothing),
        TEST(the_choice_to_work_offline_is_kept_over_a_restart),
        TEST(sync_now_has_its_result_when_a_round_that_began_after_it_is_over),
        TEST(retry_makes_failed_and_held_ops_due_again),
        TEST(a_store_that_cannot_be_written_stops_the_round_and_not_the_program),
        TEST(other_processes_read_what_is_going_on_in_the_db),
        TEST(a_refused_token_is_refreshed_once_and_the_request_repeated),
        TEST(a_session_that_is_over_asks_to_sign_in_and_goes_on_after_it),
        TEST(trouble_while_refreshing_is_an_outage_and_not_the_end_of_the_session),
        TEST(a_sign_in_elsewhere_wins_over_a_refresh),
        TEST(a_ready_token_that_is_refused_asks_to_sign_in),
        TEST(a_token_that_ends_within_a_minute_is_renewed_before_it_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
