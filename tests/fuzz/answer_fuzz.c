/* What a server, a proxy or a captive portal answers: two bytes say how, the rest is the body. */
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include "sync/convex/convex.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = { 200, 200, 200, 201, 302, 400, 401, 403,
                                    404, 405, 413, 429, 500, 503, 560, 0 };
    static const char *const types[] = { "application/json", "application/json; charset=utf-8",
                                         "text/html", "" };
    struct convex_reply reply = { .complete = true };
    struct convex_answer answer;
    struct convex_tokens tokens = { 0 };
    struct err err = { 0 };

    if (size < 2)
        return 0;
    reply.http_status = statuses[data[0] & 15];
    reply.complete = !(data[0] & 16);
    reply.too_large = (data[0] & 96) == 96;
    snprintf(reply.content_type, sizeof reply.content_type, "%s", types[data[1] & 3]);
    buf_append(&reply.body, data + 2, size - 2);
    convex_decode(&reply, &answer);
    ORACLE((answer.class == CONVEX_OK) == (answer.value != NULL));
    ORACLE(reply.complete || (answer.class != CONVEX_OK && answer.class != CONVEX_REFUSED));
    ORACLE(memchr(answer.code, '\0', sizeof answer.code) &&
           memchr(answer.message, '\0', sizeof answer.message));
    if (answer.value && convex_auth_tokens(answer.value, &tokens, &err) == RC_OK) {
        ORACLE(tokens.token != NULL);
        ORACLE(convex_token_expiry(tokens.token) >= 0);
        convex_tokens_done(&tokens);
    }
    convex_answer_done(&answer);
    convex_reply_done(&reply);
    return 0;
}
