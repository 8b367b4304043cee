/* A request to the embedded backend by somebody who is signed in: the first byte chooses the
 * function whose arguments the rest is, or the rest is the whole body. */
#include "tests/fuzz/fuzz.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/json.h"
#include "src/backend/backend.h"

#define EMAIL "maria@example.org"
#define PASSWORD "correct horse battery"

static const struct {
    const char *kind, *path;
} functions[] = {
    { "mutation", "sync:bulkUpsert" },
    { "mutation", "sync:upsert" },
    { "query", "sync:getChangesSince" },
    { "query", "sync:getAllForUser" },
    { "query", "sync:head" },
    { "query", "users:viewer" },
    { "query", "records:list" },
    { "query", "records:get" },
    { "mutation", "records:create" },
    { "mutation", "records:update" },
    { "mutation", "records:remove" },
    { "query", "records:conflicts" },
    { "mutation", "tasks:create" },
    { "action", "auth:signIn" },
    { "query", "tasks:list" },
};
#define FUNCTIONS (sizeof functions / sizeof functions[0])

static struct backend *backend;
static char authorization[240];

static void ask(const char *path, const char *body, size_t len, struct backend_answer *answer)
{
    const struct backend_request request = {
        .method = "POST",
        .path = path,
        .content_type = "application/json",
        .authorization = authorization[0] ? authorization : NULL,
        .body = body,
        .body_len = len,
        .peer = "127.0.0.1",
    };

    memset(answer, 0, sizeof *answer);
    backend_handle(backend, &request, answer);
}

static void open_backend(void)
{
    static const char sign_in[] =
        "{\"path\":\"auth:signIn\",\"args\":{\"provider\":\"password\",\"params\":{\"flow\":"
        "\"signIn\",\"email\":\"" EMAIL "\",\"password\":\"" PASSWORD "\"}},\"format\":\"json\"}";
    char *path = path_join(fuzz_dir(), "backend.db");
    const struct backend_options options = { .path = path,
                                             .registry = fuzz_registry(),
                                             .clock = &clock_system,
                                             .no_mark = true,
                                             .quick_hash = true };
    struct backend_answer answer;
    struct err err = { 0 };
    cJSON *json = NULL;

    ORACLE(backend_open(&options, &backend, &err) == RC_OK);
    free(path);
    ORACLE(backend_user_add(backend, EMAIL, PASSWORD, &err) == RC_OK);
    ORACLE(backend_seed(backend, EMAIL, 5, &err) == RC_OK);
    ask("/api/action", sign_in, sizeof sign_in - 1, &answer);
    backend_hash_run(answer.hash);
    backend_hash_finish(backend, answer.hash, &answer);
    ORACLE(json_parse(buf_str(&answer.body), answer.body.len, &json, &err) == RC_OK);
    const char *token = json_get_string(json_get(json_get(json, "value"), "tokens"), "token");
    ORACLE(token != NULL);
    snprintf(authorization, sizeof authorization, "Bearer %s", token);
    cJSON_Delete(json);
    backend_answer_done(&answer);
}

static void check_answer(struct backend_answer *answer)
{
    cJSON *json = NULL;
    struct err err = { 0 };

    if (answer->hash) {
        backend_hash_cancel(answer->hash);
        answer->hash = NULL;
        return;
    }
    ORACLE(answer->http_status >= 200 && answer->http_status < 600);
    /* No outage can be asked for. */
    ORACLE(answer->trouble.rc == RC_OK && answer->http_status < 500);
    if (answer->content_type && strcmp(answer->content_type, "application/json") == 0) {
        ORACLE(json_parse(buf_str(&answer->body), answer->body.len, &json, &err) == RC_OK);
        cJSON_Delete(json);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct backend_answer answer;
    struct buf body = { 0 };
    char path[40];
    size_t which;

    if (!backend)
        open_backend();
    if (size == 0)
        return 0;
    which = data[0] % (FUNCTIONS + 1);
    if (which < FUNCTIONS) {
        snprintf(path, sizeof path, "/api/%s", functions[which].kind);
        buf_printf(&body, "{\"path\":\"%s\",\"args\":", functions[which].path);
        buf_append(&body, data + 1, size - 1);
        buf_puts(&body, ",\"format\":\"json\"}");
    } else {
        snprintf(path, sizeof path, "/api/%s", data[0] & 1 ? "query" : "mutation");
        buf_append(&body, data + 1, size - 1);
    }
    ask(path, buf_str(&body), body.len, &answer);
    check_answer(&answer);
    backend_answer_done(&answer);
    buf_done(&body);
    return 0;
}
