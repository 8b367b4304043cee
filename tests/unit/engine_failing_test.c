/* The engine, while each call of SQLite in its store fails once: whatever it was doing, it goes on
 * when the store does, and everything arrives. */
#include "tests/torture/planted.h"
#include "tests/unit/engine_rig.h"

#define TURNS_MAX 400
#define ROUNDS 4 /* of which each begins with something that a person does */

/* What happens once, instead of a good answer to the request. */
struct incident {
    const char *name, *asked;
    int http;
    const char *body;     /* JSON with ' for " */
    const char *epoch;    /* that the backend has from now on */
    bool is_sign_in_over; /* the next refresh is refused, too */
    bool is_signed_in_elsewhere;
    bool is_first_sync; /* the table has never been pulled */
};

static const struct incident incidents[] = {
    { .name = "nothing", .asked = "none" },
    { .name = "a refused token",
      .asked = "sync:getChangesSince",
      .http = 401,
      .body = "{'code':'Unauthenticated','message':'x'}" },
    { .name = "a token that others replaced",
      .asked = "sync:getChangesSince",
      .http = 401,
      .body = "{'code':'Unauthenticated','message':'x'}",
      .is_signed_in_elsewhere = true },
    { .name = "the end of the session",
      .asked = "sync:bulkUpsert",
      .http = 401,
      .body = "{'code':'Unauthenticated','message':'x'}",
      .is_sign_in_over = true },
    { .name = "a restored backend", .asked = "sync:getChangesSince", .epoch = "e2" },
    { .name = "an unknown cursor",
      .asked = "sync:getChangesSince",
      .http = 200,
      .body = "{'status':'error','errorMessage':'x','errorData':{'code':'cursor_unknown','message':"
              "'x','table':'tasks'}}" },
    { .name = "a client that is too old",
      .asked = "sync:bulkUpsert",
      .http = 200,
      .body = "{'status':'error','errorMessage':'x','errorData':{'code':'client_too_old',"
              "'message':'x'}}" },
    { .name = "an error without a reason",
      .asked = "sync:bulkUpsert",
      .http = 200,
      .body = "{'status':'error','errorMessage':'[Request ID: 1] Server Error'}" },
    { .name = "a first sync", .asked = "none", .is_first_sync = true },
    { .name = "an outage", .asked = "sync:bulkUpsert", .http = 503, .body = "{}" },
};

struct play {
    struct rig *r;
    struct db *other; /* of another process: it does not fail */
    const struct incident *incident;
    const char *epoch;
    bool has_happened;
    uint32_t happened_at; /* the call */
    bool is_sign_in_over;
    int tokens;  /* so many were handed out */
    cJSON *docs; /* that the backend has accepted in its epoch */
};

static void sign_in_elsewhere(struct play *play)
{
    char token[20], refresh[20];

    snprintf(token, sizeof token, "token-%d", ++play->tokens);
    snprintf(refresh, sizeof refresh, "refresh-%d", play->tokens);
    const struct db_account account = {
        .server = "http://127.0.0.1:1",
        .instance = "pump-house-7",
        .user_id = "u1",
        .email = "maria@example.org",
        .device_id = "device-1",
        .token = token,
        .refresh = refresh,
    };
    must(play->r->f, db_account_write(play->other, &account, &play->r->f->err));
    play->is_sign_in_over = false;
}

static void save_elsewhere(struct play *play, const char *text)
{
    struct db_saved saved;

    must(play->r->f, fixture_try_save(play->r->f, play->other, NULL, &saved, "text", text, NULL));
}

static bool is_incident(struct play *play)
{
    const struct incident *in = play->incident;
    struct buf body = { 0 };

    if (play->has_happened || strcmp(play->r->asked, in->asked) != 0)
        return false;
    play->has_happened = true;
    play->happened_at = planted_count();
    play->is_sign_in_over = in->is_sign_in_over;
    if (in->epoch) {
        play->epoch = in->epoch;
        cJSON_Delete(play->docs);
        play->docs = cJSON_CreateArray();
    }
    if (in->is_signed_in_elsewhere)
        sign_in_elsewhere(play);
    if (!in->body)
        return false;
    buf_puts(&body, in->body);
    for (size_t i = 0; i < body.len; i++)
        body.data[i] = body.data[i] == '\'' ? '"' : body.data[i];
    answer_http(play->r, in->http, buf_str(&body), 0);
    buf_done(&body);
    return true;
}

static void accept(struct play *play)
{
    cJSON *value = rig_push_value(play->r, play->epoch);
    const cJSON *result;

    if (json_get(value, "result"))
        cJSON_AddItemToArray(play->docs,
                             cJSON_Duplicate(json_get(json_get(value, "result"), "doc"), true));
    cJSON_ArrayForEach(result, json_get(value, "results"))
        cJSON_AddItemToArray(play->docs, cJSON_Duplicate(json_get(result, "doc"), true));
    answer_value(play->r, value);
}

static void reply(struct play *play)
{
    struct rig *r = play->r;
    char text[200];

    if (is_incident(play))
        return;
    if (strcmp(r->asked, "GET /instance_name") == 0) {
        answer_get(r, 200, "pump-house-7\n");
    } else if (strcmp(r->asked, "GET /version") == 0) {
        answer_get(r, 200, play->has_happened ? "2.0.0" : "1.2.3");
    } else if (strcmp(r->asked, "auth:signIn") == 0) {
        snprintf(text, sizeof text, "{'tokens':{'token':'token-%d','refreshToken':'refresh-%d'}}",
                 play->tokens + 1, play->tokens + 1);
        play->tokens += !play->is_sign_in_over;
        answer(r, play->is_sign_in_over ? "{'tokens':null}" : text);
    } else if (strcmp(r->asked, "sync:head") == 0) {
        snprintf(text, sizeof text, "{'epoch':'%s','head':'h1'}", play->epoch);
        answer(r, text);
    } else if (strcmp(r->asked, "sync:getAllForUser") == 0) {
        answer_value(r, walk_page(cJSON_Duplicate(play->docs, true), play->epoch, "w1", false));
    } else if (strcmp(r->asked, "sync:getChangesSince") == 0) {
        snprintf(text, sizeof text,
                 "{'epoch':'%s','changes':[],'cursors':{'tasks':'c%d'},'more':false}", play->epoch,
                 r->slices % 9);
        answer(r, text);
    } else {
        accept(play);
    }
}

static bool is_at_rest(struct play *play)
{
    struct sync_status status = rig_status(play->r);

    return status.waiting == 0 && status.is_complete && status.last.rc == RC_OK &&
           status.phase == SYNC_IDLE;
}

/* Until everything has arrived. A person signs in when asked to, and looks again each hour. */
static void drain(struct play *play)
{
    struct rig *r = play->r;

    for (int turn = 0; turn < TURNS_MAX; turn++) {
        if (strcmp(rig_next(r), "wait") != 0) {
            reply(play);
        } else if (rig_status(r).needs_sign_in) {
            sign_in_elsewhere(play);
            engine_wake(r->engine, ENGINE_SIGNED_IN);
        } else if (is_at_rest(play)) {
            return;
        } else if (r->action.until_ms == INT64_MAX) {
            r->f->now += 3600 * 1000;
            engine_wake(r->engine, ENGINE_NOW);
        } else {
            rig_sleep(r);
        }
    }
    fail_msg("%s: it never comes to rest (%s)", play->incident->name, rig_status(r).last.msg);
}

/* After an incident, one round in peace is enough. */
static int rounds_of(const struct incident *incident)
{
    return incident == incidents ? ROUNDS : 2;
}

static void session(struct play *play)
{
    static const enum engine_wake wakes[ROUNDS] = { ENGINE_LOCAL_CHANGE, ENGINE_NOW, ENGINE_RETRY,
                                                    ENGINE_TOOK_LOCK };
    char text[40];

    for (int i = 0; i < rounds_of(play->incident); i++) {
        for (int k = 0; k < 2; k++) {
            snprintf(text, sizeof text, "round %d, %d", i, k);
            save_elsewhere(play, text);
        }
        engine_wake(play->r->engine, wakes[i]);
        drain(play);
    }
}

static void use_planted_files(struct rig *r)
{
    const struct db_options options = { .path = r->f->path,
                                        .vfs = PLANTED_VFS,
                                        .role = DB_SYNCER,
                                        .registry = r->f->reg,
                                        .clock = &r->f->clock,
                                        .no_bell = true };

    db_close(r->f->db);
    r->f->db = NULL;
    must(r->f, db_open(&options, &r->f->db, &r->f->err));
}

static void no_trouble(void *ctx, const struct db_finding *finding)
{
    if (finding->gravity != DB_NOTE)
        fail_msg("%s: %s", ((const struct incident *)ctx)->name, finding->what);
}

/* True: the n-th call has failed. *happened_at: the call at which the incident came, or 0. */
static bool play_with_failure(const struct incident *incident, uint32_t n, uint32_t *happened_at)
{
    struct play play = {
        .incident = incident, .epoch = "e1", .tokens = 1, .docs = cJSON_CreateArray()
    };
    void *state = NULL;

    assert_int_equal(rig_setup(&state), 0);
    play.r = state;
    use_planted_files(play.r);
    if (!incident->is_first_sync)
        fixture_walk(play.r->f, NULL, "e1", "c1");
    rig_start(play.r);
    play.other = fixture_open(play.r->f, DB_WRITER);
    planted_arm(PLANTED_CALL, n, 1);
    session(&play);
    bool has_fired = planted_fired();
    planted_arm(PLANTED_NONE, 0, 0);
    fixture_queue(play.r->f, 0);
    assert_int_equal(fixture_count(play.r->f, DB_VIEW_ALL), 2 * rounds_of(incident));
    must(play.r->f, db_doctor(play.r->f->db, false, no_trouble, (void *)incident, &play.r->f->err));
    db_close(play.other);
    rig_teardown(&state);
    cJSON_Delete(play.docs);
    *happened_at = play.happened_at;
    return has_fired;
}

static void whatever_call_of_the_store_fails_everything_arrives(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof incidents / sizeof *incidents; i++) {
        uint32_t happened_at = 0, ignored;
        assert_false(play_with_failure(&incidents[i], 0, &happened_at));
        /* What comes before it was swept without it. */
        uint32_t n = happened_at + 1;
        while (play_with_failure(&incidents[i], n, &ignored))
            n++;
        assert_true(n > happened_at + 20);
    }
}

static void a_walk_that_can_not_begin_ends_the_round(void **state)
{
    struct rig *r = *state;
    uint32_t failures = 0;

    use_planted_files(r);
    rig_settle(r);
    engine_wake(r->engine, ENGINE_NOW);
    for (;;) {
        while (strncmp(rig_next(r), "sync:", 5) != 0) {
            if (strcmp(r->asked, "wait") == 0)
                rig_sleep(r);
            else
                answer_get(r, 200, "pump-house-7");
        }
        if (strcmp(r->asked, "sync:getAllForUser") == 0)
            break;
        planted_arm(PLANTED_CALL, failures + 1, 1);
        answer_refused(r, "cursor_unknown", ",\"table\":\"tasks\"");
        bool has_fired = planted_fired();
        planted_arm(PLANTED_NONE, 0, 0);
        if (!has_fired)
            continue;
        failures++;
        EXPECT(r, "wait");
        assert_int_equal(rig_status(r).last.rc, RC_IO);
    }
    assert_true(failures >= 3); /* of a transaction with one statement */
}

/* True: the n-th call has failed; it was one without which the round could not go on: *was_needed. */
static bool begin_first_sync(uint32_t n, bool *was_needed)
{
    void *state = NULL;

    assert_int_equal(rig_setup(&state), 0);
    struct rig *r = state;
    use_planted_files(r);
    rig_start(r);
    rig_greet(r);
    EXPECT(r, "GET /version");
    answer_get(r, 200, "1.2.3");
    planted_arm(PLANTED_CALL, n, 1);
    rig_next(r);
    bool has_fired = planted_fired();
    planted_arm(PLANTED_NONE, 0, 0);
    *was_needed = strcmp(r->asked, "wait") == 0;
    if (*was_needed) {
        assert_int_equal(rig_status(r).last.rc, RC_IO);
        assert_int_equal(rig_status(r).rounds, 0);
        rig_sleep(r);
        rig_next(r);
    }
    assert_string_equal(r->asked, "sync:getAllForUser");
    rig_teardown(&state);
    return has_fired;
}

static void a_first_sync_that_can_not_begin_is_a_failed_round(void **state)
{
    int failures = 0;
    bool was_needed;

    (void)state;
    for (uint32_t n = 1; begin_first_sync(n, &was_needed); n++)
        failures += was_needed;
    assert_true(failures > 3); /* the queue is looked at, a walk begun, the tables are read */
}

static void a_page_that_can_not_be_opened_is_asked_for_again(void **state)
{
    struct rig *r = *state;
    uint32_t failures = 0;

    use_planted_files(r);
    rig_settle(r);
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
    for (;;) {
        EXPECT(r, "sync:getChangesSince");
        assert_string_equal(json_get_string(json_get(r->args, "cursors"), "tasks"), "c1");
        planted_arm(PLANTED_CALL, failures + 1, 1);
        answer_no_changes(r, "c2");
        bool has_fired = planted_fired();
        planted_arm(PLANTED_NONE, 0, 0);
        EXPECT(r, "wait");
        if (!has_fired)
            break;
        failures++;
        assert_int_equal(rig_status(r).last.rc, RC_IO);
        rig_sleep(r);
    }
    assert_int_equal(rig_status(r).last.rc, RC_OK);
    assert_true(failures >= 2); /* the epoch is looked at first */
}

/* Told to the screen: a first sync that was over is over, though a table has come later. */
static void what_could_not_be_read_at_the_start_is_read_at_the_next_try(void **state)
{
    struct rig *r = *state;
    bool has_fired = true;
    uint32_t n = 0;

    rig_add_table(r);
    use_planted_files(r);
    fixture_walk(r->f, NULL, "e1", "c1");
    while (has_fired) {
        rig_start(r);
        planted_arm(PLANTED_CALL, ++n, 1);
        rig_next(r);
        has_fired = planted_fired();
        planted_arm(PLANTED_NONE, 0, 0);
        if (strcmp(r->asked, "wait") == 0) {
            assert_int_equal(rig_status(r).last.rc, RC_IO);
            rig_sleep(r);
            rig_next(r);
        }
        assert_string_equal(r->asked, "GET /instance_name");
        assert_true(rig_status(r).is_usable);
    }
    assert_true(n > 3);
}

static void a_refusal_that_can_not_be_written_is_one_failed_try(void **state)
{
    struct rig *r = *state;

    use_planted_files(r);
    rig_settle(r);
    rig_save(r, NULL, "bad");
    for (int i = 0; i < 2; i++) {
        EXPECT(r, "sync:upsert");
        answer_hidden(r);
        EXPECT(r, "sync:head");
        if (i == 1)
            planted_arm(PLANTED_CALL, 1, UINT32_MAX);
        answer(r, "{'epoch':'e1','head':'h1'}");
    }
    EXPECT(r, "wait");
    planted_arm(PLANTED_NONE, 0, 0);
    assert_int_equal(rig_status(r).last.rc, RC_IO);
    assert_int_equal(rig_status(r).tries, 1);
    assert_int_equal(rig_retries(r), 0);
}

static void an_ill_store_is_left_alone_until_the_next_try(void **state)
{
    struct rig *r = *state;

    use_planted_files(r);
    must(r->f, db_walk_begin(r->f->db, r->f->tasks, NULL, &r->f->err));
    fixture_walk_page(r->f, NULL, "e1", "c1", false);
    rig_start(r);
    EXPECT(r, "GET /instance_name");
    planted_arm(PLANTED_CALL, 1, UINT32_MAX);
    EXPECT(r, "wait"); /* the end of the walk is not tried again and again */
    planted_arm(PLANTED_NONE, 0, 0);
    assert_int_equal(rig_status(r).last.rc, RC_IO);
    assert_int_equal(r->slices, 1);
}

static void an_engine_that_can_not_read_its_store_does_not_start(void **state)
{
    struct rig *r = *state;
    uint32_t n = 1;

    use_planted_files(r);
    for (;;) {
        const struct engine_options options = { .db = r->f->db, .clock = &r->f->clock };
        struct engine *engine = NULL;

        planted_arm(PLANTED_CALL, n, 1);
        enum rc rc = engine_new(&options, &engine, &r->f->err);
        bool has_fired = planted_fired();
        planted_arm(PLANTED_NONE, 0, 0);
        engine_free(engine);
        if (!has_fired)
            break;
        assert_int_equal(rc, RC_IO);
        n++;
    }
    assert_true(n > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_call_of_the_store_fails_everything_arrives),
        cmocka_unit_test_setup_teardown(a_walk_that_can_not_begin_ends_the_round, rig_setup,
                                        rig_teardown),
        cmocka_unit_test(a_first_sync_that_can_not_begin_is_a_failed_round),
        cmocka_unit_test_setup_teardown(a_page_that_can_not_be_opened_is_asked_for_again, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(what_could_not_be_read_at_the_start_is_read_at_the_next_try,
                                        rig_setup, rig_teardown),
        cmocka_unit_test_setup_teardown(an_ill_store_is_left_alone_until_the_next_try, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(a_refusal_that_can_not_be_written_is_one_failed_try, rig_setup,
                                        rig_teardown),
        cmocka_unit_test_setup_teardown(an_engine_that_can_not_read_its_store_does_not_start,
                                        rig_setup, rig_teardown),
    };

    planted_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
