/* Why a transfer failed, in a sentence for a person, for every end that curl knows. */
#include "sync/convex/http_priv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <curl/curl.h>
#include "base/clock.h"

static const char *problem(CURLcode code, const char *detail, bool was_silent)
{
    static char out[200];
    struct convex_url url = { .host = (char *)"tasks.example.org", .is_loopback = true };
    const struct convex_trouble trouble = {
        .easy = curl_easy_init(),
        .code = code,
        .detail = detail,
        .url = &url,
        .clock = &clock_system,
        .connect_ms = 1500,
        .answer_ms = 1000,
        .was_silent = was_silent,
    };

    assert_non_null(trouble.easy);
    convex_problem(&trouble, out, sizeof out);
    curl_easy_cleanup(trouble.easy);
    return out;
}

static void every_end_of_a_transfer_has_a_sentence(void **state)
{
    static const struct {
        CURLcode code;
        const char *words;
    } ends[] = {
        { CURLE_COULDNT_RESOLVE_HOST, "Server name not found: tasks.example.org." },
        { CURLE_COULDNT_RESOLVE_PROXY, "The proxy's name was not found." },
        { CURLE_COULDNT_CONNECT, "No connection to the server (" },
        { CURLE_OPERATION_TIMEDOUT, "The server did not answer in 2 seconds." },
        { CURLE_SSL_CACERT_BADFILE, "The file of certificate authorities can not be used." },
        { CURLE_SSL_CONNECT_ERROR, "No secure connection to the server." },
        { CURLE_GOT_NOTHING, "The connection broke before the answer was complete." },
        { CURLE_PARTIAL_FILE, "The connection broke before the answer was complete." },
        { CURLE_RECV_ERROR, "The connection broke before the answer was complete." },
        { CURLE_SEND_ERROR, "The connection broke before the answer was complete." },
        { CURLE_UNSUPPORTED_PROTOCOL, "What answered is not the server." },
        { CURLE_WEIRD_SERVER_REPLY, "What answered is not the server." },
        { CURLE_BAD_CONTENT_ENCODING, "What answered is not the server." },
        { CURLE_OUT_OF_MEMORY, "Out of memory." },
        { CURLE_INTERFACE_FAILED, "The server can not be reached (" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *said = problem(ends[i].code, "", false);
        if (strncmp(said, ends[i].words, strlen(ends[i].words)) != 0)
            fail_msg("%d: %s", (int)ends[i].code, said);
    }
}

static void a_silent_server_is_told_with_the_time_that_was_waited(void **state)
{
    (void)state;
    assert_string_equal(problem(CURLE_OPERATION_TIMEDOUT, "", true),
                        "The server did not answer in 1 second.");
}

static void a_certificate_that_curl_can_not_name_is_told_in_curls_words(void **state)
{
    (void)state;
    assert_non_null(
        strstr(problem(CURLE_PEER_FAILED_VERIFICATION, "odd thing", false), "(odd thing)"));
    assert_non_null(strstr(problem(CURLE_PEER_FAILED_VERIFICATION, "", false), "not valid ("));
}

static void what_does_not_become_smaller_is_not_packed(void **state)
{
    struct buf in = { 0 }, out = { 0 };

    (void)state;
    buf_puts(&in, "q7#x");
    assert_false(convex_gzip(&in, &out));
    assert_int_equal(out.len, 0);
    for (int i = 0; i < 100; i++)
        buf_puts(&in, "and again ");
    assert_true(convex_gzip(&in, &out));
    assert_in_range(out.len, 1, in.len - 1);
    buf_done(&in);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_of_a_transfer_has_a_sentence),
        cmocka_unit_test(a_silent_server_is_told_with_the_time_that_was_waited),
        cmocka_unit_test(a_certificate_that_curl_can_not_name_is_told_in_curls_words),
        cmocka_unit_test(what_does_not_become_smaller_is_not_packed),
    };

    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
