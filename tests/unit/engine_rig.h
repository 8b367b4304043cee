/* tests/unit/engine_rig.h: the engine on a real store, with a transport that is the test
 * itself: EXPECT says what the engine must ask for next, and one of the answer_ functions
 * gives the end of that request. */
#ifndef TESTS_ENGINE_RIG_H
#define TESTS_ENGINE_RIG_H

#include "sync/convex/convex.h"
#include "sync/engine.h"
#include "tests/unit/store_fixture.h"

#define RIG_TURNS_MAX                                                                              \
    20000 /* turns of the engine without a request: more is a loop that does not end */

struct rig {
    struct fixture *f;
    struct engine *engine;
    struct engine_action action;
    cJSON *args;     /* of the last POST */
    char asked[80];  /* "GET /version", "sync:upsert", "wait" */
    char run_id[80]; /* the last one seen */
    uint64_t random;
    int64_t rev; /* of the next doc that is answered */
    int slices;  /* local work done since the last request */
};

static const char rig_second_table[] =
    "{\"name\":\"visits\",\"label\":\"Visits\",\"labelOne\":\"visit\",\"title\":\"place\",\"list\":"
    "[\"place\"],"
    "\"columns\":[{\"name\":\"place\",\"label\":\"Place\",\"type\":\"text\",\"required\":true}]}";

static inline uint64_t rig_random(void *ctx)
{
    struct rig *r = ctx;

    return r->random;
}

/* Somebody is signed in; the engine does not exist yet. */
static inline int rig_setup(void **state)
{
    struct rig *r = mem_zero(1, sizeof *r);
    void *f = NULL;
    const struct db_account account = {
        .server = "http://127.0.0.1:1",
        .instance = "pump-house-7",
        .user_id = "u1",
        .email = "maria@example.org",
        .device_id = "device-1",
        .token = "token-1",
        .refresh = "refresh-1",
    };

    if (fixture_setup(&f))
        return -1;
    r->f = f;
    r->rev = 100;
    must(r->f, db_account_write(r->f->db, &account, &r->f->err));
    *state = r;
    return 0;
}

static inline int rig_teardown(void **state)
{
    struct rig *r = *state;
    void *f = r->f;

    engine_free(r->engine);
    cJSON_Delete(r->args);
    fixture_teardown(&f);
    free(r);
    return 0;
}

/* A second table, which has never been pulled. */
static inline void rig_add_table(struct rig *r)
{
    db_close(r->f->db);
    must(r->f,
         registry_add(r->f->reg, rig_second_table, strlen(rig_second_table), "test", &r->f->err));
    r->f->db = fixture_open(r->f, DB_SYNCER);
}

static inline void rig_start(struct rig *r)
{
    const struct engine_options options = {
        .db = r->f->db,
        .clock = &r->f->clock,
        .random = rig_random,
        .random_ctx = r,
    };

    engine_free(r->engine);
    must(r->f, engine_new(&options, &r->engine, &r->f->err));
}

static inline void rig_note_post(struct rig *r)
{
    struct err err = { 0 };
    const char *run_id;

    snprintf(r->asked, sizeof r->asked, "%s", r->action.call.path);
    cJSON_Delete(r->args);
    r->args = NULL;
    must(r->f, json_parse(r->action.call.args, strlen(r->action.call.args), &r->args, &err));
    run_id = json_get_string(r->args, "runId");
    if (run_id)
        snprintf(r->run_id, sizeof r->run_id, "%s", run_id);
}

/* Turns the engine until it wants the network, or waits. */
static inline const char *rig_next(struct rig *r)
{
    for (int turn = 0; turn < RIG_TURNS_MAX; turn++) {
        engine_next(r->engine, &r->action);
        switch (r->action.what) {
        case ENGINE_AGAIN:
            r->slices++;
            break;
        case ENGINE_POST:
            rig_note_post(r);
            return r->asked;
        case ENGINE_GET:
            snprintf(r->asked, sizeof r->asked, "GET %s", r->action.get_path);
            return r->asked;
        case ENGINE_WAIT:
            return strcpy(r->asked, "wait");
        }
    }
    fail_msg("the engine turns without an end");
    return NULL;
}

#define EXPECT(r, what) assert_string_equal(rig_next(r), what)

/* ---- the end of a request ---- */

static inline void answer_http(struct rig *r, int status, const char *body, int64_t retry_after_ms)
{
    struct convex_reply reply = { .complete = true,
                                  .http_status = status,
                                  .retry_after_ms = retry_after_ms };
    struct convex_answer answer;

    buf_puts(&reply.body, body);
    convex_decode(&reply, &answer);
    engine_answer(r->engine, &answer, (int64_t)reply.body.len);
    convex_reply_done(&reply);
}

/* value: taken. */
static inline void answer_value(struct rig *r, cJSON *value)
{
    struct convex_answer answer = { .class = CONVEX_OK, .value = value, .http_status = 200 };

    engine_answer(r->engine, &answer, 100);
}

static inline void answer(struct rig *r, const char *quoted_value)
{
    answer_value(r, quoted(quoted_value));
}

static inline void answer_refused(struct rig *r, const char *code, const char *more_members)
{
    char body[400];

    snprintf(body, sizeof body,
             "{\"status\":\"error\",\"errorMessage\":\"x\",\"errorData\":{\"code\":\"%s\","
             "\"message\":\"not so\"%s}}",
             code, more_members);
    answer_http(r, 200, body, 0);
}

static inline void answer_hidden(struct rig *r)
{
    answer_http(r, 200, "{\"status\":\"error\",\"errorMessage\":\"[Request ID: 1] Server Error\"}",
                0);
}

/* No answer at all. */
static inline void answer_lost(struct rig *r)
{
    struct convex_reply reply = { .problem = "The server refused the connection." };
    struct convex_answer lost;

    if (strncmp(r->asked, "GET ", 4) == 0) {
        engine_got(r->engine, &reply);
        return;
    }
    convex_decode(&reply, &lost);
    engine_answer(r->engine, &lost, 0);
}

static inline void answer_get(struct rig *r, int status, const char *body)
{
    struct convex_reply reply = { .complete = true, .http_status = status };

    buf_puts(&reply.body, body);
    engine_got(r->engine, &reply);
    convex_reply_done(&reply);
}

/* ---- what a good backend says ---- */

/* The result of an applied op; the record has what the op set. */
static inline cJSON *rig_applied(struct rig *r, const cJSON *op)
{
    cJSON *result = cJSON_CreateObject(),
          *doc = doc_json(json_get_string(op, "clientId"), r->rev++, "");

    for (const cJSON *item = json_get(op, "set")->child; item; item = item->next)
        cJSON_ReplaceItemInObjectCaseSensitive(doc, item->string, cJSON_Duplicate(item, true));
    cJSON_AddStringToObject(result, "opId", json_get_string(op, "opId"));
    cJSON_AddStringToObject(result, "status", "applied");
    cJSON_AddItemToObject(result, "doc", doc);
    return result;
}

/* The value of an answer to the push that was asked for; epoch NULL: "e1". */
static inline cJSON *rig_push_value(struct rig *r, const char *epoch)
{
    cJSON *value = cJSON_CreateObject(), *results;
    const cJSON *op;

    cJSON_AddStringToObject(value, "epoch", epoch ? epoch : "e1");
    if (json_get(r->args, "op")) {
        cJSON_AddItemToObject(value, "result", rig_applied(r, json_get(r->args, "op")));
        return value;
    }
    results = cJSON_AddArrayToObject(value, "results");
    cJSON_ArrayForEach(op, json_get(r->args, "ops"))
        cJSON_AddItemToArray(results, rig_applied(r, op));
    return value;
}

static inline void answer_applied(struct rig *r)
{
    answer_value(r, rig_push_value(r, NULL));
}

/* More pages or not; no records. */
static inline void answer_no_changes(struct rig *r, const char *cursor)
{
    char text[160];

    snprintf(text, sizeof text, "{'epoch':'e1','changes':[],'cursors':{'tasks':'%s'},'more':false}",
             cursor);
    answer(r, text);
}

static inline void rig_greet(struct rig *r)
{
    EXPECT(r, "GET /instance_name");
    answer_get(r, 200, "pump-house-7\n");
}

/* Tasks are complete in epoch e1 at cursor c1, the first round is over, the engine waits. */
static inline void rig_settle(struct rig *r)
{
    fixture_walk(r->f, NULL, "e1", "c1");
    rig_start(r);
    rig_greet(r);
    EXPECT(r, "GET /version");
    answer_get(r, 200, "1.2.3");
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait");
}

static inline struct sync_status rig_status(struct rig *r)
{
    struct sync_status status;

    engine_status(r->engine, &status);
    return status;
}

/* A new task; the engine hears of it. */
static inline struct db_saved rig_save(struct rig *r, const char *id, const char *text)
{
    struct db_saved saved;

    SAVE(r->f, id, &saved, "text", text);
    engine_wake(r->engine, ENGINE_LOCAL_CHANGE);
    return saved;
}

static inline void rig_save_many(struct rig *r, int count)
{
    char text[40];

    for (int i = 0; i < count; i++) {
        struct db_saved saved;
        snprintf(text, sizeof text, "task %d", i);
        SAVE(r->f, NULL, &saved, "text", text);
    }
    engine_wake(r->engine, ENGINE_LOCAL_CHANGE);
}

static inline struct db_queue_counts rig_counts(struct rig *r)
{
    struct db_queue_counts counts;

    must(r->f, db_queue_counts(r->f->db, &counts, &r->f->err));
    return counts;
}

/* retry_count of the only op. */
static inline int rig_retries(struct rig *r)
{
    struct db_ops ops = fixture_queue(r->f, 1);
    int retries = ops.items[0].retry_count;

    db_ops_done(&ops);
    return retries;
}

/* To the moment until which the engine waits. */
static inline void rig_sleep(struct rig *r)
{
    assert_string_equal(r->asked, "wait");
    assert_true(r->action.until_ms < INT64_MAX);
    if (r->action.until_ms > r->f->now)
        r->f->now = r->action.until_ms;
}

#endif
