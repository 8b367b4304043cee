/* tests/unit/backend_fixture.h: the backend's code called directly: a file of its own, a clock that
 * the test moves, passwords hashed the quick way. */
#ifndef TESTS_UNIT_BACKEND_FIXTURE_H
#define TESTS_UNIT_BACKEND_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/id.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/registry.h"
#include "src/backend/backend.h"
#include "tests/unit/temp_dir.h"

#define NOW 1800000000000LL
#define SECOND 1000LL
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define ALICE "alice@example.org"
#define BOB "bob@example.org"
#define PASSWORD "correct horse 1"

struct site {
    char *dir, *path;
    struct registry *registry;
    struct backend *backend;
    struct backend_options options;
    struct clock clock;
    int64_t now;
    char *token;                /* of the calls; NULL: none */
    cJSON *answer;              /* of the last call */
    int status;
    int next_id;
};

static inline int64_t site_now(void *ctx)
{
    return ((struct site *)ctx)->now;
}

static inline void site_open(struct site *site)
{
    struct err err = { 0 };

    if (backend_open(&site->options, &site->backend, &err))
        fail_msg("%s", err.msg);
}

static inline void site_reopen(struct site *site)
{
    backend_close(site->backend);
    site->backend = NULL;
    site_open(site);
}

/* The whole answer of one call, until the next one. The password hash runs at once. */
static inline const cJSON *site_post(struct site *site, const char *path, const char *body)
{
    struct buf header = { 0 };
    struct backend_answer answer, last;
    struct err err;

    buf_printf(&header, "Bearer %s", site->token != NULL ? site->token : "");
    struct backend_request request = {
        .method = "POST", .path = path, .content_type = "application/json", .body = body,
        .body_len = strlen(body), .peer = "192.0.2.1",
        .authorization = site->token != NULL ? buf_str(&header) : NULL,
    };
    backend_handle(site->backend, &request, &answer);
    if (answer.hash != NULL) {
        backend_hash_run(answer.hash);
        backend_hash_finish(site->backend, answer.hash, &last);
        answer = last;
    }
    cJSON_Delete(site->answer);
    site->answer = NULL;
    if (json_parse(buf_str(&answer.body), answer.body.len, &site->answer, &err))
        fail_msg("no JSON: %s", buf_str(&answer.body));
    site->status = answer.http_status;
    backend_answer_done(&answer);
    buf_done(&header);
    return site->answer;
}

static inline const cJSON *site_call(struct site *site, const char *kind, const char *function,
                                     const char *args)
{
    struct buf path = { 0 }, body = { 0 };

    buf_printf(&path, "/api/%s", kind);
    buf_printf(&body, "{\"path\":\"%s\",\"args\":{%s},\"format\":\"json\"}", function, args);
    const cJSON *answer = site_post(site, buf_str(&path), buf_str(&body));
    buf_done(&path);
    buf_done(&body);
    return answer;
}

/* The value of a call that must succeed. */
static inline const cJSON *site_value(struct site *site, const char *kind, const char *function,
                                      const char *args)
{
    const cJSON *answer = site_call(site, kind, function, args);
    const char *status = json_get_string(answer, "status");

    if (status == NULL || strcmp(status, "success") != 0)
        fail_msg("%s: %s", function, cJSON_PrintUnformatted(answer));
    return json_get(answer, "value");
}

/* The code that a call must throw. */
static inline void site_throws(struct site *site, const char *kind, const char *function,
                               const char *args, const char *code)
{
    const cJSON *data = json_get(site_call(site, kind, function, args), "errorData");

    if (data == NULL)
        fail_msg("%s: wanted %s, got %s", function, code, cJSON_PrintUnformatted(site->answer));
    assert_string_equal(json_get_string(data, "code"), code);
}

/* Keeps the tokens of an answer: *refresh (yours) and the token of later calls. False: tokens is
 * null. */
static inline bool site_take_tokens(struct site *site, const cJSON *value, char **refresh)
{
    const cJSON *tokens = json_get(value, "tokens");

    if (!cJSON_IsObject(tokens))
        return false;
    free(site->token);
    site->token = mem_strdup(json_get_string(tokens, "token"));
    if (refresh != NULL) {
        free(*refresh);
        *refresh = mem_strdup(json_get_string(tokens, "refreshToken"));
    }
    return true;
}

static inline void site_sign_in(struct site *site, const char *email, char **refresh)
{
    struct buf args = { 0 };

    free(site->token);
    site->token = NULL;
    buf_printf(&args, "\"provider\":\"password\",\"params\":{\"flow\":\"signIn\",\"email\":\"%s\","
                      "\"password\":\"" PASSWORD "\"}", email);
    assert_true(
        site_take_tokens(site, site_value(site, "action", "auth:signIn", buf_str(&args)), refresh));
    buf_done(&args);
}

/* A UUID of the test's own: the same number gives the same one. */
static inline const char *site_id(int number, char out[ID_SIZE])
{
    snprintf(out, ID_SIZE, "01900000-0000-7000-8000-%012d", number);
    return out;
}

struct op { /* all zero but `record` and `set` is a create by device-a in run-a */
    int id, record;             /* numbers for site_id; id 0: a fresh one */
    const char *table, *operation, *set, *base, *replaces, *device, *run;
    int64_t updated_at;
};

static inline const char *or_else(const char *s, const char *otherwise)
{
    return s != NULL ? s : otherwise;
}

static inline void site_put_op(struct site *site, const struct op *op, struct buf *out)
{
    char op_id[ID_SIZE], client_id[ID_SIZE];

    site_id(op->id != 0 ? op->id : 900000 + site->next_id++, op_id);
    buf_printf(out, "{\"opId\":\"%s\",\"table\":\"%s\",\"clientId\":\"%s\",\"operation\":\"%s\","
                    "\"set\":{%s},\"base\":{%s},\"createdAt\":1000,\"updatedAt\":%lld%s%s}",
               op_id, or_else(op->table, "tasks"), site_id(op->record, client_id),
               or_else(op->operation, "create"), op->set, or_else(op->base, ""),
               (long long)(op->updated_at != 0 ? op->updated_at : 2000),
               op->replaces != NULL ? ",\"replaces\":" : "", or_else(op->replaces, ""));
}

/* The result of one op. */
static inline const cJSON *site_push(struct site *site, struct op op)
{
    struct buf args = { 0 };

    buf_printf(&args, "\"protocol\":1,\"deviceId\":\"%s\",\"runId\":\"%s\",\"op\":",
               or_else(op.device, "device-a"), or_else(op.run, "run-a"));
    site_put_op(site, &op, &args);
    const cJSON *value = site_value(site, "mutation", "sync:upsert", buf_str(&args));
    buf_done(&args);
    return json_get(value, "result");
}

/* The doc of an op that must be applied. */
static inline const cJSON *site_applied(struct site *site, struct op op)
{
    const cJSON *result = site_push(site, op);

    if (strcmp(json_get_string(result, "status"), "applied") != 0)
        fail_msg("rejected: %s", cJSON_PrintUnformatted(result));
    return json_get(result, "doc");
}

static inline void site_rejected(struct site *site, struct op op, const char *code)
{
    const cJSON *error = json_get(site_push(site, op), "error");

    if (error == NULL)
        fail_msg("wanted %s, but it was applied", code);
    assert_string_equal(json_get_string(error, "code"), code);
}

static inline int64_t site_rev(const cJSON *doc)
{
    int64_t rev = 0;

    assert_true(json_get_i64(doc, "rev", &rev));
    return rev;
}

/* records:get; JSON null when there is none. */
static inline const cJSON *site_get(struct site *site, int record)
{
    char id[ID_SIZE], args[160];

    snprintf(args, sizeof args, "\"protocol\":1,\"table\":\"tasks\",\"clientId\":\"%s\"",
             site_id(record, id));
    return site_value(site, "query", "records:get", args);
}

static inline void site_office(struct site *site, const char *verb, int record, const char *set)
{
    char id[ID_SIZE], function[32];
    struct buf args = { 0 };

    snprintf(function, sizeof function, "tasks:%s", verb);
    buf_printf(&args, "\"protocol\":1,\"clientId\":\"%s\"", site_id(record, id));
    if (set != NULL)
        buf_printf(&args, ",\"set\":{%s}", set);
    site_value(site, "mutation", function, buf_str(&args));
    buf_done(&args);
}

/* A page of sync:getChangesSince for tasks; cursor NULL is from the start. *next (yours) moves
 * on. */
static inline const cJSON *site_changes(struct site *site, const char *cursor, int limit,
                                        const char *run, char **next)
{
    struct buf args = { 0 };

    buf_puts(&args, "\"protocol\":1,\"cursors\":{\"tasks\":");
    if (cursor != NULL)
        json_put_string(&args, cursor, strlen(cursor));
    else
        buf_puts(&args, "null");
    buf_printf(&args, "},\"limit\":%d,\"runId\":\"%s\"", limit, run);
    const cJSON *value = site_value(site, "query", "sync:getChangesSince", buf_str(&args));
    char *moved = mem_strdup(json_get_string(json_get(value, "cursors"), "tasks"));
    free(*next);
    *next = moved;
    buf_done(&args);
    return value;
}

static inline bool site_more(const cJSON *page)
{
    bool more = false;

    assert_true(json_get_bool(page, "more", &more));
    return more;
}

static inline char *site_epoch(struct site *site)
{
    return mem_strdup(
        json_get_string(site_value(site, "query", "sync:head", "\"protocol\":1"), "epoch"));
}

static inline int64_t site_count(const cJSON *array)
{
    assert_true(cJSON_IsArray(array));
    return cJSON_GetArraySize(array);
}

/* cmocka setup: an empty backend that serves tasks, with Alice (signed in) and Bob. */
static inline int site_setup(void **state)
{
    struct site *site = mem_zero(1, sizeof *site);
    void *dir = NULL;
    struct err err = { 0 };

    if (temp_dir_make(&dir) != 0 || registry_load(NULL, 0, &site->registry, &err))
        return -1;
    site->dir = dir;
    site->path = path_join(site->dir, "backend.db");
    site->now = NOW;
    site->clock = (struct clock){ .wall_ms = site_now, .mono_ms = site_now, .ctx = site };
    site->options = (struct backend_options){
        .path = site->path, .registry = site->registry, .clock = &site->clock, .quick_hash = true,
    };
    site_open(site);
    if (backend_user_add(site->backend, ALICE, PASSWORD, &err)
        || backend_user_add(site->backend, BOB, PASSWORD, &err))
        return -1;
    site_sign_in(site, ALICE, NULL);
    *state = site;
    return 0;
}

static inline int site_teardown(void **state)
{
    struct site *site = *state;
    void *dir = site->dir;

    backend_close(site->backend);
    registry_free(site->registry);
    cJSON_Delete(site->answer);
    free(site->token);
    free(site->path);
    free(site);
    return temp_dir_remove(&dir);
}

#define SITE_TEST(name) cmocka_unit_test_setup_teardown(name, site_setup, site_teardown)

#endif
