#include "tests/unit/backend_fixture.h"

/* Uses a refresh token. False: the session is over. *next (yours) gets its successor. */
static bool refresh(struct site *site, const char *token, char **next)
{
    char args[160];

    snprintf(args, sizeof args, "\"refreshToken\":\"%s\"", token);
    free(site->token);
    site->token = NULL;
    return site_take_tokens(site, site_value(site, "action", "auth:signIn", args), next);
}

static const char *sign_in_code(struct site *site, const char *flow, const char *email,
                                const char *password)
{
    struct buf args = { 0 };

    free(site->token);
    site->token = NULL;
    buf_printf(&args,
               "\"provider\":\"password\",\"params\":{\"flow\":\"%s\",\"email\":\"%s\","
               "\"password\":\"%s\"}",
               flow, email, password);
    const cJSON *answer = site_call(site, "action", "auth:signIn", buf_str(&args));
    buf_done(&args);
    return or_else(json_get_string(json_get(answer, "errorData"), "code"), "");
}

static int head_status(struct site *site)
{
    site_call(site, "query", "sync:head", "\"protocol\":1");
    return site->status;
}

static void a_used_refresh_token_works_until_its_successor_was_used(void **state)
{
    struct site *site = *state;
    char *first = NULL, *second = NULL, *third = NULL, *ignored = NULL;

    site_sign_in(site, ALICE, &first);
    assert_true(refresh(site, first, &second));
    site->now += HOUR;
    assert_true(refresh(site, first, &ignored)); /* the answer with `second` may have been lost */
    assert_int_equal(head_status(site), 200);
    assert_true(refresh(site, second, &third));
    assert_true(refresh(site, first, &ignored) == false);
    free(first);
    free(second);
    free(third);
    free(ignored);
}

static void a_stolen_refresh_token_ends_the_whole_branch(void **state)
{
    struct site *site = *state;
    char *first = NULL, *second = NULL, *third = NULL, *ignored = NULL;

    site_sign_in(site, ALICE, &first);
    assert_true(refresh(site, first, &second));
    assert_true(refresh(site, second, &third));
    site->now += 9 * SECOND;
    assert_true(refresh(site, first, &ignored)); /* still within its 10 s */
    site->now += 2 * SECOND;
    assert_false(refresh(site, first, &ignored));
    assert_false(refresh(site, third, &ignored));
    free(first);
    free(second);
    free(third);
    free(ignored);
}

static void an_access_token_lives_an_hour_and_a_session_30_days(void **state)
{
    struct site *site = *state;
    char *token = NULL, *next = NULL;

    site_sign_in(site, ALICE, &token);
    site->now += HOUR - SECOND;
    assert_int_equal(head_status(site), 200);
    site->now += 2 * SECOND;
    assert_int_equal(head_status(site), 401);
    site->now += 29 * DAY;
    assert_true(refresh(site, token, &next));
    site->now += DAY;
    assert_false(refresh(site, next, &token));
    free(token);
    free(next);
}

static void signing_out_ends_the_session_and_may_be_repeated(void **state)
{
    struct site *site = *state;
    char *token = NULL;

    site_sign_in(site, ALICE, &token);
    assert_true(cJSON_IsNull(site_value(site, "action", "auth:signOut", "")));
    assert_true(cJSON_IsNull(site_value(site, "action", "auth:signOut", "")));
    assert_int_equal(head_status(site), 401);
    assert_false(refresh(site, token, &token));
    assert_true(cJSON_IsNull(site_value(site, "action", "auth:signOut", "")));
    free(token);
}

static void a_new_password_ends_all_sessions(void **state)
{
    struct site *site = *state;
    char *token = NULL;
    struct err err;

    site_sign_in(site, ALICE, &token);
    assert_int_equal(
        backend_user_passwd(site->backend, " ALICE@example.org", "something else", &err), RC_OK);
    assert_int_equal(head_status(site), 401);
    assert_false(refresh(site, token, &token));
    assert_string_equal(sign_in_code(site, "signIn", ALICE, PASSWORD), "invalid_credentials");
    assert_string_equal(sign_in_code(site, "signIn", ALICE, "something else"), "");
    free(token);
}

static void ten_failures_lock_an_account_for_that_address_for_a_time(void **state)
{
    struct site *site = *state;

    for (int i = 0; i < 10; i++)
        assert_string_equal(sign_in_code(site, "signIn", ALICE, "wrong password"),
                            "invalid_credentials");
    assert_string_equal(sign_in_code(site, "signIn", ALICE, PASSWORD), "too_many_attempts");
    assert_string_equal(sign_in_code(site, "signIn", BOB, PASSWORD), "");
    site->now += HOUR / 10;
    assert_string_equal(sign_in_code(site, "signIn", ALICE, PASSWORD), "");
    for (int i = 0; i < 10; i++)
        assert_string_equal(sign_in_code(site, "signIn", ALICE, "wrong password"),
                            "invalid_credentials");
}

/* Twelve devices of one account start at once: all their hashes are under way before one is
 * done. */
static void sign_ins_at_once_are_no_failures(void **state)
{
    static const char body[] =
        "{\"path\":\"auth:signIn\",\"args\":{\"provider\":\"password\",\"params\":{\"flow\":"
        "\"signIn\",\"email\":\"" ALICE "\",\"password\":\"" PASSWORD "\"}}}";
    struct site *site = *state;
    struct backend_request request = {
        .method = "POST", .path = "/api/action", .content_type = "application/json",
        .peer = "192.0.2.1", .body = body, .body_len = sizeof body - 1,
    };
    struct backend_answer answers[12], last;

    for (int i = 0; i < 12; i++) {
        backend_handle(site->backend, &request, &answers[i]);
        assert_non_null(answers[i].hash);
    }
    for (int i = 0; i < 12; i++) {
        backend_hash_run(answers[i].hash);
        backend_hash_finish(site->backend, answers[i].hash, &last);
        assert_non_null(strstr(buf_str(&last.body), "refreshToken"));
        backend_answer_done(&last);
    }
}

static void failures_are_remembered_over_a_restart(void **state)
{
    struct site *site = *state;

    for (int i = 0; i < 10; i++)
        sign_in_code(site, "signIn", "nobody@example.org", "wrong password");
    site_reopen(site);
    assert_string_equal(sign_in_code(site, "signIn", "nobody@example.org", PASSWORD),
                        "too_many_attempts");
}

static void sign_up_is_closed_unless_opened(void **state)
{
    struct site *site = *state;

    assert_string_equal(sign_in_code(site, "signUp", "eve@example.org", PASSWORD), "forbidden");
    site->options.signup = true;
    site_reopen(site);
    assert_string_equal(sign_in_code(site, "signUp", "eve@example.org", "1234567"),
                        "invalid_value");
    assert_string_equal(sign_in_code(site, "signUp", " EVE@example.org", PASSWORD), "");
    assert_string_equal(sign_in_code(site, "signUp", "eve@example.org", PASSWORD),
                        "invalid_credentials");
    site_sign_in(site, "eve@example.org", NULL);
    assert_int_equal(head_status(site), 200);
}

static void no_token_is_in_the_file(void **state)
{
    struct site *site = *state;
    struct buf file = { 0 };
    struct err err;
    char *refresh_token = NULL;

    site_sign_in(site, ALICE, &refresh_token);
    backend_close(site->backend);
    site->backend = NULL;
    assert_int_equal(file_read(site->path, 1 << 24, &file, &err), RC_OK);
    assert_null(memmem(file.data, file.len, refresh_token, strlen(refresh_token)));
    assert_null(memmem(file.data, file.len, site->token, strlen(site->token)));
    assert_null(memmem(file.data, file.len, PASSWORD, strlen(PASSWORD)));
    assert_non_null(memmem(file.data, file.len, ALICE, strlen(ALICE)));
    buf_done(&file);
    free(refresh_token);
    site_open(site);
}

static void a_sign_in_that_nobody_waits_for_is_dropped(void **state)
{
    struct site *site = *state;
    struct backend_request request = {
        .method = "POST",
        .path = "/api/action",
        .content_type = "application/json",
        .peer = "192.0.2.1",
        .body = "{\"path\":\"auth:signIn\",\"args\":{\"provider\":\"password\",\"params\":{"
                "\"flow\":\"signIn\","
                "\"email\":\"" ALICE "\",\"password\":\"" PASSWORD "\"}}}",
    };
    struct backend_answer answer;

    request.body_len = strlen(request.body);
    backend_handle(site->backend, &request, &answer);
    assert_non_null(answer.hash);
    backend_answer_done(&answer);
    assert_null(answer.hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(a_used_refresh_token_works_until_its_successor_was_used),
        SITE_TEST(a_stolen_refresh_token_ends_the_whole_branch),
        SITE_TEST(an_access_token_lives_an_hour_and_a_session_30_days),
        SITE_TEST(signing_out_ends_the_session_and_may_be_repeated),
        SITE_TEST(a_new_password_ends_all_sessions),
        SITE_TEST(ten_failures_lock_an_account_for_that_address_for_a_time),
        SITE_TEST(sign_ins_at_once_are_no_failures),
        SITE_TEST(failures_are_remembered_over_a_restart),
        SITE_TEST(sign_up_is_closed_unless_opened),
        SITE_TEST(no_token_is_in_the_file),
        SITE_TEST(a_sign_in_that_nobody_waits_for_is_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
