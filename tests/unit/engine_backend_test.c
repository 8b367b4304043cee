/* Two devices and the embedded backend in one thread and in virtual time: the engine against
 * the real other end, with answers that are lost after the backend has committed. */
#include "tests/unit/store_fixture.h"

#include <unistd.h>
#include "src/backend/backend.h"
#include "sync/engine.h"

#define EMAIL "maria@example.org"
#define PASSWORD "correct horse battery"
#define TURNS_MAX 200000

struct device {
    struct fixture *f;
    struct engine *engine;
    char device_id[24];
};

struct town {
    struct device devices[2];
    char *backend_path;
    struct backend *backend;
    int64_t *now;   /* of all */
    int lose_every; /* each so manieth answer is lost; 0: none */
    int answers;
    int64_t requests;
};

static uint64_t no_jitter(void *ctx)
{
    (void)ctx;
    return 0;
}

static void ask_backend(struct town *t, const char *method, const char *path, const char *token,
                        const char *body, struct convex_reply *reply)
{
    char auth[200];
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
    backend_handle(t->backend, &request, &answer);
    if (answer.hash) {
        struct backend_hash *hash = answer.hash;
        backend_hash_run(hash);
        backend_hash_finish(t->backend, hash, &answer);
    }
    t->requests++;
    *reply = (struct convex_reply){ .complete = true, .http_status = answer.http_status };
    buf_append(&reply->body, answer.body.data, answer.body.len);
    if (t->lose_every && ++t->answers % t->lose_every == 0) {
        reply->complete = false;
        buf_clear(&reply->body);
    }
    backend_answer_done(&answer);
}

static void call(struct town *t, const struct convex_call *what, const char *token,
                 struct convex_answer *out)
{
    struct convex_reply reply;
    struct buf body = { 0 };

    convex_encode(what, &body);
    ask_backend(t, "POST", convex_kind_path(what->kind), token, buf_str(&body), &reply);
    convex_decode(&reply, out);
    convex_reply_done(&reply);
    buf_done(&body);
}

static void run_action(struct town *t, struct device *d, const struct engine_action *action)
{
    struct convex_reply reply;
    struct convex_answer answer;

    *t->now += 20;
    if (action->what == ENGINE_GET) {
        ask_backend(t, "GET", action->get_path, NULL, "", &reply);
        engine_got(d->engine, &reply);
        convex_reply_done(&reply);
    } else {
        call(t, &action->call, action->token, &answer);
        engine_answer(d->engine, &answer, 100);
    }
}

/* Until it has nothing to do for longer than a minute of virtual time and its queue is empty. */
static void drain(struct town *t, struct device *d)
{
    struct sync_status status = { 0 };
    struct engine_action action;
    int64_t rounds;

    engine_wake(d->engine, ENGINE_NOW);
    engine_status(d->engine, &status);
    rounds = status.rounds;
    for (int i = 0; i < TURNS_MAX; i++) {
        engine_next(d->engine, &action);
        if (action.what == ENGINE_POST || action.what == ENGINE_GET)
            run_action(t, d, &action);
        if (action.what != ENGINE_WAIT)
            continue;
        engine_status(d->engine, &status);
        if (status.rounds > rounds && status.waiting == 0 && status.is_complete &&
            status.last.rc == RC_OK)
            return;
        assert_true(action.until_ms < INT64_MAX);
        if (action.until_ms > *t->now)
            *t->now = action.until_ms;
    }
    fail_msg("it never drains: %s", status.last.msg);
}

static int64_t town_now(void *ctx)
{
    struct town *t = ctx;

    return *t->now;
}

static void open_backend(struct town *t)
{
    static struct clock clock;
    struct fixture *f = t->devices[0].f;

    clock = (struct clock){ town_now, town_now, t };
    const struct backend_options options = {
        .path = t->backend_path,
        .registry = f->reg,
        .clock = &clock,
        .quick_hash = true,
        .no_mark = true,
    };
    must(f, backend_open(&options, &t->backend, &f->err));
}

static char *instance_name(struct town *t)
{
    struct convex_reply reply;
    char *name;
    int lose = t->lose_every;

    t->lose_every = 0;
    ask_backend(t, "GET", "/instance_name", NULL, "", &reply);
    t->lose_every = lose;
    name = mem_strdup(buf_str(&reply.body));
    name[strcspn(name, "\r\n")] = '\0';
    convex_reply_done(&reply);
    return name;
}

static void sign_in(struct town *t, struct device *d)
{
    struct buf args = { 0 };
    struct convex_tokens tokens;
    struct convex_answer answer;
    char *instance = instance_name(t);
    const struct engine_options options = {
        .db = d->f->db,
        .clock = &d->f->clock,
        .random = no_jitter,
    };

    convex_auth_password_args("signIn", EMAIL, PASSWORD, &args);
    const struct convex_call what = { .kind = CONVEX_ACTION,
                                      .path = "auth:signIn",
                                      .args = buf_str(&args) };
    call(t, &what, NULL, &answer);
    must(d->f, convex_auth_tokens(answer.value, &tokens, &d->f->err));
    const struct db_account account = {
        .server = "http://127.0.0.1:1",
        .instance = instance,
        .user_id = "u",
        .email = EMAIL,
        .device_id = d->device_id,
        .token = tokens.token,
        .refresh = tokens.refresh,
    };
    must(d->f, db_account_write(d->f->db, &account, &d->f->err));
    must(d->f, engine_new(&options, &d->engine, &d->f->err));
    convex_tokens_done(&tokens);
    convex_answer_done(&answer);
    buf_done(&args);
    free(instance);
}

static int setup(void **state)
{
    struct town *t = mem_zero(1, sizeof *t);

    for (int i = 0; i < 2; i++) {
        void *f = NULL;
        if (fixture_setup(&f))
            return -1;
        t->devices[i].f = f;
        snprintf(t->devices[i].device_id, sizeof t->devices[i].device_id, "device-%d", i);
    }
    t->now = &t->devices[0].f->now;
    t->devices[1].f->clock.ctx = t->now;
    t->backend_path = path_join(t->devices[0].f->dir, "backend.db");
    open_backend(t);
    must(t->devices[0].f, backend_user_add(t->backend, EMAIL, PASSWORD, &t->devices[0].f->err));
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct town *t = *state;

    backend_close(t->backend);
    for (int i = 0; i < 2; i++) {
        void *f = t->devices[i].f;
        engine_free(t->devices[i].engine);
        fixture_teardown(&f);
    }
    free(t->backend_path);
    free(t);
    return 0;
}

static void copy_file(struct fixture *f, const char *from, const char *to)
{
    struct buf bytes = { 0 };

    must(f, file_read(from, 64 << 20, &bytes, &f->err));
    must(f, file_replace(to, bytes.data, bytes.len, 0600, &f->err));
    buf_done(&bytes);
}

static void a_first_sync_of_many_records_is_complete_and_costs_few_requests(void **state)
{
    struct town *t = *state;
    struct device *d = &t->devices[0];

    must(d->f, backend_seed(t->backend, EMAIL, 3000, &d->f->err));
    sign_in(t, d);
    t->requests = 0;
    drain(t, d);
    assert_int_equal(fixture_count(d->f, DB_VIEW_ALL), 3000);
    assert_true(t->requests <= 12);
}

static void two_devices_end_with_the_same_records_although_answers_are_lost(void **state)
{
    struct town *t = *state;
    struct device *a = &t->devices[0], *b = &t->devices[1];
    struct db_saved saved[40];
    char text[40];

    must(a->f, backend_seed(t->backend, EMAIL, 30, &a->f->err));
    sign_in(t, a);
    sign_in(t, b);
    t->lose_every = 3;
    drain(t, a);
    drain(t, b);
    for (int i = 0; i < 40; i++) {
        struct device *d = i % 2 ? a : b;
        snprintf(text, sizeof text, "task %d", i);
        SAVE(d->f, NULL, &saved[i], "text", text);
        if (i % 7 == 0)
            drain(t, d);
    }
    for (int i = 0; i < 3; i++) {
        drain(t, a);
        drain(t, b);
    }
    for (int i = 0; i < 40; i++) { /* each edits what the other made */
        struct device *d = i % 2 ? b : a;
        SAVE(d->f, saved[i].client_id, &saved[i], "priority", "high");
    }
    for (int i = 0; i < 3; i++) {
        drain(t, a);
        drain(t, b);
    }
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof text, "task %d", i);
        assert_string_equal(fixture_text(a->f, saved[i].client_id, "text"), text);
        assert_string_equal(fixture_text(b->f, saved[i].client_id, "text"), text);
        assert_string_equal(fixture_text(a->f, saved[i].client_id, "priority"), "high");
        assert_string_equal(fixture_text(b->f, saved[i].client_id, "priority"), "high");
    }
    assert_int_equal(fixture_count(a->f, DB_VIEW_ALL), 70);
    assert_int_equal(fixture_count(b->f, DB_VIEW_ALL), 70);
}

static void what_a_restored_backend_has_lost_is_sent_again(void **state)
{
    struct town *t = *state;
    struct device *a = &t->devices[0], *b = &t->devices[1];
    struct db_saved kept, lost;
    char *backup = path_join(a->f->dir, "backup.db"), epoch[64];

    sign_in(t, a);
    sign_in(t, b);
    SAVE(a->f, NULL, &kept, "text", "before the backup");
    drain(t, a);
    backend_close(t->backend);
    copy_file(a->f, t->backend_path, backup);
    open_backend(t);
    SAVE(a->f, NULL, &lost, "text", "after the backup");
    SAVE(a->f, kept.client_id, &kept, "priority", "high");
    drain(t, a);
    drain(t, b);
    assert_int_equal(fixture_count(b->f, DB_VIEW_ALL), 2);
    backend_close(t->backend);
    copy_file(a->f, backup, t->backend_path);
    open_backend(t);
    must(a->f, backend_epoch_new(t->backend, epoch, &a->f->err));
    drain(t, a);
    drain(t, b);
    drain(t, a);
    for (int i = 0; i < 2; i++) {
        struct fixture *f = t->devices[i].f;
        assert_int_equal(fixture_count(f, DB_VIEW_ALL), 2);
        assert_string_equal(fixture_text(f, lost.client_id, "text"), "after the backup");
        assert_string_equal(fixture_text(f, kept.client_id, "priority"), "high");
    }
    free(backup);
}

static void a_long_offline_queue_goes_up_in_a_few_requests(void **state)
{
    struct town *t = *state;
    struct device *a = &t->devices[0];
    struct db_saved saved;
    char text[40];

    sign_in(t, a);
    drain(t, a);
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "task %d", i);
        SAVE(a->f, NULL, &saved, "text", text);
    }
    t->requests = 0;
    drain(t, a);
    assert_true(t->requests <= 8);
    fixture_queue(a->f, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_first_sync_of_many_records_is_complete_and_costs_few_requests),
        TEST(two_devices_end_with_the_same_records_although_answers_are_lost),
        TEST(what_a_restored_backend_has_lost_is_sent_again),
        TEST(a_long_offline_queue_goes_up_in_a_few_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
