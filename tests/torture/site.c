#include "tests/torture/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "sync/convex/convex.h"

#define EMAIL "maria@example.org"
#define PASSWORD "correct horse battery"
#define BEGIN_MS 1700000000000
#define HOUR_MS 3600000
#define TURNS_MAX 20000

static int64_t site_now(void *ctx)
{
    return ((struct site *)ctx)->now;
}

static uint64_t no_jitter(void *ctx)
{
    (void)ctx;
    return 0;
}

void site_init(struct site *s, const char *dir, struct ledger *ledger)
{
    const char *const no_dirs[] = { NULL };

    memset(s, 0, sizeof *s);
    s->dir = dir;
    s->ledger = ledger;
    s->now = BEGIN_MS;
    s->clock = (struct clock){ site_now, site_now, s };
    if (registry_load(no_dirs, 1, &s->reg, &s->err)) {
        fprintf(stderr, "%s\n", s->err.msg);
        exit(2);
    }
    s->tasks = registry_find(s->reg, "tasks");
}

void site_done(struct site *s)
{
    site_close_device(s);
    backend_close(s->backend);
    registry_free(s->reg);
}

/* ---- backend ---- */

bool site_open_backend(struct site *s)
{
    char path[300];
    const struct backend_options options = {
        .path = path,
        .registry = s->reg,
        .clock = &s->clock,
        .quick_hash = true,
        .no_mark = true,
    };

    snprintf(path, sizeof path, "%s/backend.db", s->dir);
    return backend_open(&options, &s->backend, &s->err) == RC_OK;
}

static void ask(struct site *s, const char *method, const char *path, const char *token,
                const char *body, struct convex_reply *reply)
{
    char auth[220];
    const struct backend_request request = {
        .method = method,
        .path = path,
        .content_type = "application/json",
        .authorization = token ? auth : NULL,
        .body = body,
        .body_len = strlen(body),
        .peer = "127.0.0.1",
    };
    struct backend_answer answer;

    snprintf(auth, sizeof auth, "Bearer %s", token ? token : "");
    backend_handle(s->backend, &request, &answer);
    if (answer.hash) {
        struct backend_hash *hash = answer.hash;
        backend_hash_run(hash);
        backend_hash_finish(s->backend, hash, &answer);
    }
    *reply = (struct convex_reply){ .complete = true, .http_status = answer.http_status };
    buf_append(&reply->body, answer.body.data, answer.body.len);
    backend_answer_done(&answer);
}

static void call(struct site *s, const struct convex_call *what, const char *token,
                 struct convex_answer *out)
{
    struct convex_reply reply;
    struct buf body = { 0 };

    convex_encode(what, &body);
    ask(s, "POST", convex_kind_path(what->kind), token, buf_str(&body), &reply);
    convex_decode(&reply, out);
    convex_reply_done(&reply);
    buf_done(&body);
}

bool site_make_account(struct site *s)
{
    struct buf args = { 0 };
    struct convex_answer answer = { 0 };
    struct convex_tokens tokens = { 0 };

    if (backend_user_add(s->backend, EMAIL, PASSWORD, &s->err) ||
        backend_seed(s->backend, EMAIL, 20, &s->err))
        return false;
    convex_auth_password_args("signIn", EMAIL, PASSWORD, &args);
    call(s, &(struct convex_call){ CONVEX_ACTION, "auth:signIn", buf_str(&args) }, NULL, &answer);
    bool ok = convex_auth_tokens(answer.value, &tokens, &s->err) == RC_OK;
    if (ok)
        snprintf(s->token, sizeof s->token, "%s", tokens.token);
    convex_tokens_done(&tokens);
    convex_answer_done(&answer);
    buf_done(&args);
    return ok;
}

bool site_office_edits(struct site *s, const struct ack *ack, const char *priority)
{
    struct convex_answer answer = { 0 };
    char args[300];

    snprintf(
        args, sizeof args,
        "{\"protocol\":1,\"table\":\"tasks\",\"clientId\":\"%s\",\"set\":{\"priority\":\"%s\"}}",
        ack->id, priority);
    call(s, &(struct convex_call){ CONVEX_MUTATION, "records:update", args }, s->token, &answer);
    bool ok = answer.class == CONVEX_OK;
    convex_answer_done(&answer);
    return ok;
}

/* ---- device ---- */

static bool sign_in(struct site *s, const char *name)
{
    struct db_account stored = { 0 };
    struct convex_reply reply = { 0 };
    enum rc rc = db_account_read(s->db, &stored, &s->err);

    db_account_done(&stored);
    if (rc != RC_NOT_FOUND)
        return rc == RC_OK;
    ask(s, "GET", "/instance_name", NULL, "", &reply);
    char *instance = mem_strdup(buf_str(&reply.body));
    instance[strcspn(instance, "\r\n")] = '\0';
    struct db_account account = {
        .server = "http://127.0.0.1:1",
        .instance = instance,
        .user_id = "u",
        .email = EMAIL,
        .device_id = (char *)name,
        .token = s->token,
    };
    if (reply.http_status == 200)
        rc = db_account_write(s->db, &account, &s->err);
    free(instance);
    convex_reply_done(&reply);
    return rc == RC_OK;
}

bool site_open_device(struct site *s, const char *name, const char *vfs)
{
    char path[300];
    const struct db_options options = {
        .path = path,
        .vfs = vfs,
        .role = DB_SYNCER,
        .registry = s->reg,
        .clock = &s->clock,
        .no_bell = true,
    };

    snprintf(path, sizeof path, "%s/%s.db", s->dir, name);
    if (db_open(&options, &s->db, &s->err))
        return false;
    if (sign_in(s, name)) {
        const struct engine_options how = { .db = s->db, .clock = &s->clock, .random = no_jitter };

        if (engine_new(&how, &s->engine, &s->err) == RC_OK)
            return true;
    }
    site_close_device(s);
    return false;
}

void site_close_device(struct site *s)
{
    engine_free(s->engine);
    s->engine = NULL;
    db_close(s->db);
    s->db = NULL;
}

static enum rc save(struct site *s, const char *id, const char *column, const char *text,
                    struct db_saved *saved)
{
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    const struct column *col = table_column(s->tasks, column);
    const struct db_edit edit = {
        .table = s->tasks, .client_id = id, .values = values, .is_set = is_set
    };

    enum rc rc = column_from_text(col, text, strlen(text), s->now, &values[col->index], &s->err);
    is_set[col->index] = true;
    if (!rc)
        rc = db_save(s->db, &edit, saved, &s->err);
    value_done(&values[col->index]);
    return rc;
}

static struct ack *tried(struct site *s, const char *text)
{
    struct ack *ack = &s->ledger->acks[s->ledger->count++];

    if (s->ledger->count == ACKS_MAX)
        abort();
    memset(ack, 0, sizeof *ack);
    snprintf(ack->text, sizeof ack->text, "%s", text);
    return ack;
}

bool site_add(struct site *s, const char *text)
{
    struct ack *ack = tried(s, text);
    struct db_saved saved;

    if (save(s, NULL, "text", text, &saved))
        return false;
    memcpy(ack->id, saved.client_id, sizeof ack->id);
    engine_wake(s->engine, ENGINE_LOCAL_CHANGE);
    return true;
}

bool site_edit(struct site *s, struct ack *ack, const char *notes)
{
    struct db_saved saved;

    snprintf(ack->maybe[ack->maybe_count % 3], sizeof ack->maybe[0], "%s", notes);
    if (save(s, ack->id, "notes", notes, &saved)) {
        ack->maybe_count++;
        return false;
    }
    snprintf(ack->notes, sizeof ack->notes, "%s", notes);
    ack->maybe_count = 0;
    engine_wake(s->engine, ENGINE_LOCAL_CHANGE);
    return true;
}

bool site_import(struct site *s, const char *stem, int count)
{
    struct db_saved saved[10];
    int first = s->ledger->count;
    char text[48];
    enum rc rc = db_batch_begin(s->db, &s->err);

    if (rc)
        return false;
    for (int i = 0; i < count && !rc; i++) {
        snprintf(text, sizeof text, "%s %d", stem, i);
        tried(s, text);
        rc = save(s, NULL, "text", text, &saved[i]);
    }
    if (rc) {
        db_batch_cancel(s->db);
        return false;
    }
    if (db_batch_end(s->db, &s->err))
        return false;
    for (int i = 0; i < count; i++)
        memcpy(s->ledger->acks[first + i].id, saved[i].client_id, ID_SIZE);
    engine_wake(s->engine, ENGINE_LOCAL_CHANGE);
    return true;
}

static void run_action(struct site *s, const struct engine_action *action)
{
    struct convex_reply reply;
    struct convex_answer answer;

    s->now += 20;
    if (action->what == ENGINE_GET) {
        ask(s, "GET", action->get_path, NULL, "", &reply);
        engine_got(s->engine, &reply);
        convex_reply_done(&reply);
    } else {
        call(s, &action->call, action->token, &answer);
        engine_answer(s->engine, &answer, 100);
    }
}

bool site_drain(struct site *s)
{
    struct sync_status status = { 0 };
    struct engine_action action;
    int64_t end = s->now + HOUR_MS;

    engine_wake(s->engine, ENGINE_NOW);
    engine_status(s->engine, &status);
    int64_t rounds = status.rounds;
    for (int i = 0; i < TURNS_MAX && s->now < end; i++) {
        engine_next(s->engine, &action);
        if (action.what == ENGINE_POST || action.what == ENGINE_GET)
            run_action(s, &action);
        if (action.what != ENGINE_WAIT)
            continue;
        engine_status(s->engine, &status);
        if (status.rounds > rounds && status.waiting == 0 && status.is_complete &&
            status.last.rc == RC_OK)
            return true;
        if (action.until_ms == INT64_MAX)
            break;
        if (action.until_ms > s->now)
            s->now = action.until_ms;
    }
    engine_status(s->engine, &status);
    s->err = status.last;
    return false;
}
