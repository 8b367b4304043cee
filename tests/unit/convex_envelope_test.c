#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include "base/json.h"
#include "base/text.h"
#include "sync/convex/convex.h"

#define JSON "application/json"
#define HTML "text/html; charset=utf-8"
#define PAGE "<html><body>Please sign in</body></html>"

static void a_call_becomes_one_request_body(void **state)
{
    const struct convex_call call = { .kind = CONVEX_MUTATION,
                                      .path = "sync:upsert",
                                      .args = "{\"a\":[1]}" };
    struct buf out = { 0 };

    (void)state;
    convex_encode(&call, &out);
    assert_string_equal(buf_str(&out),
                        "{\"path\":\"sync:upsert\",\"args\":{\"a\":[1]},\"format\":\"json\"}");
    assert_string_equal(convex_kind_path(CONVEX_QUERY), "/api/query");
    assert_string_equal(convex_kind_path(CONVEX_MUTATION), "/api/mutation");
    assert_string_equal(convex_kind_path(CONVEX_ACTION), "/api/action");
    buf_done(&out);
}

static void every_answer_means_what_the_contract_says(void **state)
{
    static const struct {
        const char *name;
        int status;
        const char *type, *body;
        enum convex_class class;
        const char *code;
    } rows[] = {
        { "success", 200, JSON, "{\"status\":\"success\",\"value\":{\"a\":1.0}}", CONVEX_OK, "" },
        { "value null", 200, JSON, "{\"status\":\"success\",\"value\":null,\"logLines\":[]}",
          CONVEX_OK, "" },
        { "charset", 200, "application/json; charset=utf-8", "{\"status\":\"success\",\"value\":0}",
          CONVEX_OK, "" },
        { "type in capitals", 200, "Application/JSON", "{\"status\":\"success\",\"value\":0}",
          CONVEX_OK, "" },
        { "no type", 200, "", "{\"status\":\"success\",\"value\":0}", CONVEX_OK, "" },
        { "status decides on 560", 560, JSON, "{\"status\":\"success\",\"value\":0}", CONVEX_OK,
          "" },
        { "status decides on 401", 401, JSON, "{\"status\":\"error\",\"errorMessage\":\"x\"}",
          CONVEX_HIDDEN, "" },
        { "status decides on 413", 413, JSON, "{\"status\":\"success\",\"value\":0}", CONVEX_OK,
          "" },

        { "refused", 200, JSON,
          "{\"status\":\"error\",\"errorMessage\":\"m\",\"errorData\":{\"code\":\"conflict\"}}",
          CONVEX_REFUSED, "conflict" },
        { "refused by 560", 560, JSON,
          "{\"status\":\"error\",\"errorData\":{\"code\":\"forbidden\"}}", CONVEX_REFUSED,
          "forbidden" },
        { "unauthenticated", 200, JSON,
          "{\"status\":\"error\",\"errorData\":{\"code\":\"unauthenticated\"}}", CONVEX_AUTH,
          "unauthenticated" },
        { "no errorData", 200, JSON, "{\"status\":\"error\",\"errorMessage\":\"Server Error\"}",
          CONVEX_HIDDEN, "" },
        { "errorData a string", 200, JSON, "{\"status\":\"error\",\"errorData\":\"x\"}",
          CONVEX_HIDDEN, "" },
        { "errorData no code", 200, JSON,
          "{\"status\":\"error\",\"errorData\":{\"message\":\"x\"}}", CONVEX_HIDDEN, "" },
        { "code a number", 200, JSON, "{\"status\":\"error\",\"errorData\":{\"code\":5}}",
          CONVEX_HIDDEN, "" },

        { "401 code", 401, JSON, "{\"code\":\"Unauthenticated\",\"message\":\"x\"}", CONVEX_AUTH,
          "Unauthenticated" },
        { "401 InvalidAuthHeader", 401, JSON, "{\"code\":\"InvalidAuthHeader\"}", CONVEX_AUTH,
          "InvalidAuthHeader" },
        { "401 no code", 401, JSON, "{\"message\":\"x\"}", CONVEX_TRANSIENT, "" },
        { "401 page", 401, HTML, PAGE, CONVEX_TRANSIENT, "" },
        { "401 empty", 401, "", "", CONVEX_TRANSIENT, "" },

        { "413 page", 413, HTML, PAGE, CONVEX_TOO_LARGE, "" },
        { "413 empty", 413, "", "", CONVEX_TOO_LARGE, "" },
        { "413 json", 413, JSON, "{\"code\":\"TooLarge\"}", CONVEX_TOO_LARGE, "TooLarge" },
        { "400 code", 400, JSON, "{\"code\":\"BadJsonBody\",\"message\":\"x\"}", CONVEX_BAD_REQUEST,
          "BadJsonBody" },
        { "400 discovery", 400, JSON, "{\"code\":\"AuthProviderDiscoveryFailed\"}",
          CONVEX_TRANSIENT, "AuthProviderDiscoveryFailed" },
        { "400 page", 400, HTML, PAGE, CONVEX_TRANSIENT, "" },
        { "400 empty", 400, "", "", CONVEX_TRANSIENT, "" },

        { "403 code", 403, JSON, "{\"code\":\"BadDeployKey\"}", CONVEX_WRONG, "BadDeployKey" },
        { "403 page of a portal", 403, HTML, PAGE, CONVEX_TRANSIENT, "" },
        { "404 empty", 404, "", "", CONVEX_WRONG, "" },
        { "404 code", 404, JSON, "{\"code\":\"FunctionPathNotFound\"}", CONVEX_WRONG,
          "FunctionPathNotFound" },
        { "404 page of a portal", 404, HTML, PAGE, CONVEX_TRANSIENT, "" },
        { "405 empty", 405, "", "", CONVEX_WRONG, "" },

        { "301", 301, HTML, PAGE, CONVEX_TRANSIENT, "" },
        { "302 empty", 302, "", "", CONVEX_TRANSIENT, "" },
        { "307 code", 307, JSON, "{\"code\":\"X\"}", CONVEX_TRANSIENT, "X" },
        { "408", 408, JSON, "{\"code\":\"ClientDisconnected\"}", CONVEX_TRANSIENT,
          "ClientDisconnected" },
        { "408 empty", 408, "", "", CONVEX_TRANSIENT, "" },
        { "409", 409, JSON, "{\"code\":\"Conflict\"}", CONVEX_TRANSIENT, "Conflict" },
        { "421", 421, JSON, "{\"code\":\"MisdirectedRequest\"}", CONVEX_TRANSIENT,
          "MisdirectedRequest" },
        { "425", 425, JSON, "{\"code\":\"TooEarly\"}", CONVEX_TRANSIENT, "TooEarly" },
        { "429", 429, JSON, "{\"code\":\"TooManyWrites\"}", CONVEX_TRANSIENT, "TooManyWrites" },
        { "500", 500, JSON, "{\"code\":\"InternalServerError\"}", CONVEX_TRANSIENT,
          "InternalServerError" },
        { "502 page", 502, HTML, PAGE, CONVEX_TRANSIENT, "" },
        { "503", 503, JSON, "{\"code\":\"OptimisticConcurrencyControlFailure\"}", CONVEX_TRANSIENT,
          "OptimisticConcurrencyControlFailure" },
        { "504 empty", 504, "", "", CONVEX_TRANSIENT, "" },
        { "560 page", 560, HTML, PAGE, CONVEX_TRANSIENT, "" },

        { "captive portal", 200, HTML, PAGE, CONVEX_TRANSIENT, "" },
        { "our JSON under a page's type", 200, HTML, "{\"status\":\"success\",\"value\":0}",
          CONVEX_TRANSIENT, "" },
        { "a longer type", 200, "application/jsonp", "{\"status\":\"success\",\"value\":0}",
          CONVEX_TRANSIENT, "" },
        { "neither", 200, JSON, "{\"hello\":1}", CONVEX_TRANSIENT, "" },
        { "200 code", 200, JSON, "{\"code\":\"X\"}", CONVEX_TRANSIENT, "X" },
        { "an array", 200, JSON, "[\"status\",\"success\"]", CONVEX_TRANSIENT, "" },
        { "empty", 200, JSON, "", CONVEX_TRANSIENT, "" },
        { "another status", 200, JSON, "{\"status\":\"ok\",\"value\":0}", CONVEX_TRANSIENT, "" },
        { "status a number", 404, JSON, "{\"status\":404,\"error\":\"x\"}", CONVEX_TRANSIENT, "" },
        { "no value", 200, JSON, "{\"status\":\"success\"}", CONVEX_TRANSIENT, "" },
        { "cut", 200, JSON, "{\"status\":\"success\",\"value\":{\"a\":", CONVEX_TRANSIENT, "" },
        { "more after it", 200, JSON, "{\"status\":\"success\",\"value\":0}{}", CONVEX_TRANSIENT,
          "" },
        { "twice", 200, JSON, "{\"status\":\"success\",\"status\":\"error\",\"value\":0}",
          CONVEX_TRANSIENT, "" },
        { "no UTF-8", 200, JSON, "{\"status\":\"success\",\"value\":\"\xff\"}", CONVEX_TRANSIENT,
          "" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct convex_reply reply = { .complete = true, .http_status = rows[i].status };
        struct convex_answer answer;

        snprintf(reply.content_type, sizeof(reply.content_type), "%s", rows[i].type);
        buf_puts(&reply.body, rows[i].body);
        convex_decode(&reply, &answer);
        if (answer.class != rows[i].class)
            fail_msg("%s: %s", rows[i].name, convex_class_name(answer.class));
        assert_int_equal(answer.value != NULL, rows[i].class == CONVEX_OK);
        assert_int_equal(answer.message[0] == '\0', rows[i].class == CONVEX_OK);
        assert_string_equal(answer.code, rows[i].code);
        assert_int_equal(answer.http_status, rows[i].status);
        convex_answer_done(&answer);
        convex_reply_done(&reply);
    }
}

static void an_incomplete_transfer_is_transient_whatever_it_holds(void **state)
{
    struct convex_reply reply = { .http_status = 200, .transport = 18, .content_type = JSON };
    struct convex_answer answer;

    (void)state;
    buf_puts(&reply.body, "{\"status\":\"success\",\"value\":0}");
    snprintf(reply.problem, sizeof(reply.problem), "No network.");
    convex_decode(&reply, &answer);
    assert_int_equal(answer.class, CONVEX_TRANSIENT);
    assert_int_equal(answer.http_status, 0);
    assert_string_equal(answer.message, "No network.");
    assert_null(answer.value);
    convex_answer_done(&answer);
    convex_reply_done(&reply);

    convex_decode(&reply, &answer); /* all zero: valid, and nothing came */
    assert_int_equal(answer.class, CONVEX_TRANSIENT);
    assert_string_not_equal(answer.message, "");
    convex_answer_done(&answer);
}

static void an_answer_cut_for_its_size_is_too_large(void **state)
{
    struct convex_reply reply = { .too_large = true, .transport = 23 };
    struct convex_answer answer;

    (void)state;
    convex_decode(&reply, &answer);
    assert_int_equal(answer.class, CONVEX_TOO_LARGE);
    convex_answer_done(&answer);
}

static void the_words_of_a_refusal_are_taken_and_cut_between_characters(void **state)
{
    struct convex_reply reply = {
        .complete = true, .http_status = 200, .retry_after_ms = 5000, .takes_gzip = true
    };
    struct convex_answer answer;

    (void)state;
    buf_puts(&reply.body,
             "{\"status\":\"error\",\"errorData\":{\"code\":\"invalid_value\",\"table\":\"tasks\","
             "\"column\":\"text\",\"message\":\"a");
    for (int i = 0; i < 400; i++)
        buf_puts(&reply.body, "\xC3\xA9");
    buf_puts(&reply.body, "\"}}");
    convex_decode(&reply, &answer);
    assert_int_equal(answer.class, CONVEX_REFUSED);
    assert_string_equal(answer.table, "tasks");
    assert_string_equal(answer.column, "text");
    assert_int_equal(strlen(answer.message), 303);
    assert_true(text_is_valid(answer.message, strlen(answer.message)));
    assert_int_equal(answer.retry_after_ms, 5000);
    assert_true(answer.takes_gzip);
    convex_answer_done(&answer);

    buf_clear(&reply.body);
    buf_puts(&reply.body, "{\"status\":\"error\",\"errorData\":{\"code\":\"");
    for (int i = 0; i < 40; i++)
        buf_puts(&reply.body, "\xC3\xA9");
    buf_puts(&reply.body, "\"}}");
    convex_decode(&reply, &answer);
    assert_int_equal(strlen(answer.code), 62);
    assert_true(text_is_valid(answer.code, strlen(answer.code)));
    convex_answer_done(&answer);
    convex_reply_done(&reply);
}

static void a_hidden_error_keeps_the_servers_words(void **state)
{
    struct convex_reply reply = { .complete = true, .http_status = 200 };
    struct convex_answer answer;

    (void)state;
    buf_puts(&reply.body,
             "{\"status\":\"error\",\"errorMessage\":\"[Request ID: 01] Server Error\"}");
    convex_decode(&reply, &answer);
    assert_string_equal(answer.message, "[Request ID: 01] Server Error");
    convex_answer_done(&answer);
    convex_reply_done(&reply);
}

static void every_class_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int a = CONVEX_OK; a <= CONVEX_TRANSIENT; a++)
        for (int b = CONVEX_OK; b < a; b++)
            assert_string_not_equal(convex_class_name((enum convex_class)a),
                                    convex_class_name((enum convex_class)b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_becomes_one_request_body),
        cmocka_unit_test(every_answer_means_what_the_contract_says),
        cmocka_unit_test(an_incomplete_transfer_is_transient_whatever_it_holds),
        cmocka_unit_test(an_answer_cut_for_its_size_is_too_large),
        cmocka_unit_test(the_words_of_a_refusal_are_taken_and_cut_between_characters),
        cmocka_unit_test(a_hidden_error_keeps_the_servers_words),
        cmocka_unit_test(every_class_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
