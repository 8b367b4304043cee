#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include <sodium.h>
#include "base/clock.h"
#include "base/json.h"
#include "sync/convex/convex.h"

static cJSON *parsed(const char *text)
{
    cJSON *v = NULL;
    struct err err;

    if (json_parse(text, strlen(text), &v, &err))
        fail_msg("%s: %s", text, err.msg);
    return v;
}

static void password_and_refresh_arguments_survive_any_text(void **state)
{
    struct buf out = { 0 };

    (void)state;
    convex_auth_password_args("signIn", "maria@example.org", "a\"b\\c\n", &out);
    assert_string_equal(buf_str(&out),
                        "{\"provider\":\"password\",\"params\":{\"flow\":\"signIn\","
                        "\"email\":\"maria@example.org\",\"password\":\"a\\\"b\\\\c\\n\"}}");
    buf_clear(&out);
    convex_auth_refresh_args("id|session", &out);
    assert_string_equal(buf_str(&out), "{\"refreshToken\":\"id|session\"}");
    buf_done(&out);
}

static void tokens_are_taken_from_a_sign_in(void **state)
{
    cJSON *value =
        parsed("{\"tokens\":{\"token\":\"a.b.c\",\"refreshToken\":\"id|session\"},\"more\":1}");
    struct convex_tokens tokens = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(convex_auth_tokens(value, &tokens, &err), RC_OK);
    assert_string_equal(tokens.token, "a.b.c");
    assert_string_equal(tokens.refresh, "id|session");
    convex_tokens_done(&tokens);
    assert_null(tokens.token);
    assert_null(tokens.refresh);
    convex_tokens_done(&tokens);
    cJSON_Delete(value);
}

static void only_tokens_null_means_that_the_session_is_over(void **state)
{
    static const struct {
        const char *value;
        enum rc rc;
    } rows[] = {
        { "{\"tokens\":null}", RC_AUTH },
        { "null", RC_PROTOCOL },
        { "{}", RC_PROTOCOL },
        { "[]", RC_PROTOCOL },
        { "\"x\"", RC_PROTOCOL },
        { "{\"started\":true}", RC_PROTOCOL },
        { "{\"tokens\":{}}", RC_PROTOCOL },
        { "{\"tokens\":false}", RC_PROTOCOL },
        { "{\"tokens\":{\"token\":\"a\"}}", RC_PROTOCOL },
        { "{\"tokens\":{\"refreshToken\":\"a\"}}", RC_PROTOCOL },
        { "{\"tokens\":{\"token\":\"\",\"refreshToken\":\"a\"}}", RC_PROTOCOL },
        { "{\"tokens\":{\"token\":\"a\",\"refreshToken\":\"\"}}", RC_PROTOCOL },
        { "{\"tokens\":{\"token\":1,\"refreshToken\":\"a\"}}", RC_PROTOCOL },
        { "{\"tokens\":{\"token\":\"a\\r\\nX: y\",\"refreshToken\":\"a\"}}", RC_PROTOCOL },
        { "{\"tokens\":{\"token\":\"a b\",\"refreshToken\":\"a\"}}", RC_PROTOCOL },
        { "{\"tokens\":{\"token\":\"a\\u00e9\",\"refreshToken\":\"a\"}}", RC_PROTOCOL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cJSON *value = parsed(rows[i].value);
        struct convex_tokens tokens = { 0 };
        struct err err = { 0 };
        if (convex_auth_tokens(value, &tokens, &err) != rows[i].rc)
            fail_msg("%s: %s", rows[i].value, rc_name(err.rc));
        assert_string_not_equal(err.msg, "");
        assert_null(tokens.token);
        assert_null(tokens.refresh);
        cJSON_Delete(value);
    }
}

static int64_t expiry_of(const char *claims)
{
    char payload[512];
    struct buf token = { 0 };
    int64_t expiry;

    sodium_bin2base64(payload, sizeof(payload), (const unsigned char *)claims, strlen(claims),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    buf_printf(&token, "eyJhbGciOiJSUzI1NiJ9.%s.c2lnbmF0dXJl", payload);
    expiry = convex_token_expiry(buf_str(&token));
    buf_done(&token);
    return expiry;
}

static void the_expiry_is_read_from_a_jwt_and_from_nothing_else(void **state)
{
    static const char *const opaque[] = {
        "",
        "opaque",
        "a.b",
        "a.b.c",
        "..",
        "...",
        "a.b.c.d",
        ".eyJleHAiOjF9",
        "a.eyJleHAiOjF9.b.c",
        "a.eyJleHAiOjF9=.b",
        "a.ey JleHAiOjF9.b",
        "a.!!!!.b",
    };

    (void)state;
    assert_int_equal(expiry_of("{\"sub\":\"u|s\",\"iat\":1700000000,\"exp\":1700003600}"),
                     1700003600000);
    assert_int_equal(expiry_of("{\"exp\":1700003600.5}"), 1700003600500);
    assert_int_equal(expiry_of("{\"n\":\"\xC3\xBC~~~?o?>\",\"exp\":1}"), 1000); /* has - and _ */
    assert_int_equal(expiry_of("{\"exp\":1e300}"), CLOCK_MAX_MS);
    assert_int_equal(expiry_of("{}"), 0);
    assert_int_equal(expiry_of("{\"exp\":\"1700003600\"}"), 0);
    assert_int_equal(expiry_of("{\"exp\":-5}"), 0);
    assert_int_equal(expiry_of("{\"exp\":null}"), 0);
    assert_int_equal(expiry_of("[1]"), 0);
    assert_int_equal(expiry_of("not json"), 0);
    for (size_t i = 0; i < sizeof(opaque) / sizeof(opaque[0]); i++)
        if (convex_token_expiry(opaque[i]) != 0)
            fail_msg("%s", opaque[i]);
    assert_int_equal(convex_token_expiry("a.eyJleHAiOjF9.b"), 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(password_and_refresh_arguments_survive_any_text),
        cmocka_unit_test(tokens_are_taken_from_a_sign_in),
        cmocka_unit_test(only_tokens_null_means_that_the_session_is_over),
        cmocka_unit_test(the_expiry_is_read_from_a_jwt_and_from_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
