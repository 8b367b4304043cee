#include "tests/unit/engine_rig.h"
#include "sync/engine.h"

static const char *cursor_asked(struct rig *r, const char *table)
{
    const cJSON *cursor =
        table ? json_get(json_get(r->args, "cursors"), table) : json_get(r->args, "cursor");

    if (!cursor)
        return "absent";
    return cJSON_IsNull(cursor) ? "null" : cursor->valuestring;
}

/* The id of the number'th record of a page. */
static const char *id_at(int number)
{
    static char id[40];

    snprintf(id, sizeof id, "01890000-0000-7000-8000-%012d", number);
    return id;
}

static cJSON *docs_of(int from, int count)
{
    cJSON *docs = cJSON_CreateArray();

    for (int i = 0; i < count; i++)
        cJSON_AddItemToArray(docs, doc_json(id_at(from + i), from + i + 1, ""));
    return docs;
}

static cJSON *change_page(const char *epoch, cJSON *docs, const char *cursor, bool more)
{
    cJSON *page = cJSON_CreateObject(), *changes = cJSON_AddArrayToObject(page, "changes"),
          *cursors, *doc;

    while ((doc = cJSON_DetachItemFromArray(docs, 0)) != NULL) {
        cJSON *change = cJSON_CreateObject();
        cJSON_AddStringToObject(change, "table", "tasks");
        cJSON_AddItemToObject(change, "doc", doc);
        cJSON_AddItemToArray(changes, change);
    }
    cJSON_Delete(docs);
    cJSON_AddStringToObject(page, "epoch", epoch);
    cursors = cJSON_AddObjectToObject(page, "cursors");
    cJSON_AddStringToObject(cursors, "tasks", cursor);
    cJSON_AddBoolToObject(page, "more", more);
    return page;
}

static void start_unsynced(struct rig *r)
{
    rig_start(r);
    rig_greet(r);
    EXPECT(r, "GET /version");
    answer_get(r, 200, "1.2.3");
}

static void ask_round(struct rig *r)
{
    engine_wake(r->engine, ENGINE_NOW);
    rig_greet(r);
}

static void the_first_sync_walks_page_by_page_and_makes_the_device_usable(void **state)
{
    struct rig *r = *state;
    cJSON *page;

    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(cursor_asked(r, NULL), "null");
    assert_string_equal(json_get_string(r->args, "table"), "tasks");
    assert_int_equal(rig_status(r).phase, SYNC_INITIAL);
    assert_false(rig_status(r).is_usable);
    page = walk_page(docs_of(0, 60), "e1", "w1", true);
    cJSON_AddNumberToObject(page, "total", 100);
    answer_value(r, page);
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(cursor_asked(r, NULL), "w1");
    EXPECT(r, "wait"); /* the page is applied while the next is under way */
    assert_int_equal(rig_status(r).done, 60);
    assert_int_equal(rig_status(r).total, 100);
    assert_string_equal(rig_status(r).table, "tasks");
    assert_int_equal(rig_status(r).table_number, 1);
    assert_true(rig_status(r).got_bytes > 0);
    answer_value(r, walk_page(docs_of(60, 40), "e1", "w2", false));
    EXPECT(r, "wait");
    assert_true(rig_status(r).is_usable && rig_status(r).is_complete);
    assert_int_equal(rig_status(r).phase, SYNC_IDLE);
    assert_int_equal(rig_status(r).rounds, 1);
    assert_int_equal(fixture_count(r->f, DB_VIEW_ALL), 100);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(cursor_asked(r, "tasks"), "w2");
}

static void a_first_sync_that_broke_goes_on_where_it_stopped(void **state)
{
    struct rig *r = *state;

    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(docs_of(0, 60), "e1", "w1", true));
    EXPECT(r, "sync:getAllForUser");
    answer_lost(r);
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).net, SYNC_OFFLINE);
    assert_int_equal(rig_status(r).phase, SYNC_INITIAL);
    assert_int_equal(rig_status(r).done, 60);
    assert_true(rig_status(r).next_try > 0);
    rig_start(r); /* the program was ended and started again */
    rig_greet(r);
    EXPECT(r, "GET /version");
    answer_get(r, 200, "1.2.3");
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(cursor_asked(r, NULL), "w1");
}

static void the_next_page_is_asked_for_before_the_one_at_hand_is_applied(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_value(r, change_page("e1", docs_of(0, 300), "c2", true));
    r->slices = 0;
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(cursor_asked(r, "tasks"), "c2");
    assert_int_equal(r->slices, 0);
    assert_int_equal(fixture_count(r->f, DB_VIEW_ALL), 0);
    engine_next(r->engine, &r->action);
    assert_int_equal(r->action.what, ENGINE_AGAIN);
    assert_int_equal(r->action.pause_ms, 3);
    assert_int_equal(fixture_count(r->f, DB_VIEW_ALL), 100);
    /* It arrives while the first is half applied, and waits for it. */
    answer_value(r, change_page("e1", docs_of(300, 20), "c3", true));
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(cursor_asked(r, "tasks"), "c3");
    assert_int_equal(fixture_count(r->f, DB_VIEW_ALL), 300);
    answer_no_changes(r, "c3");
    EXPECT(r, "wait");
    assert_int_equal(fixture_count(r->f, DB_VIEW_ALL), 320);
    assert_int_equal(rig_status(r).pulled, 320);
}

static void a_save_during_a_long_pull_is_sent_between_two_pages(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_value(r, change_page("e1", docs_of(0, 10), "c2", true));
    rig_save(r, NULL, "urgent");
    EXPECT(r, "sync:upsert");
    answer_applied(r);
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(cursor_asked(r, "tasks"), "c2");
}

static void pages_grow_with_quick_answers_and_shrink_with_slow_ones(void **state)
{
    static const struct {
        int took_ms, limit; /* of the request after it */
    } answers[] = { { 2501, 200 }, { 2500, 400 }, { 5000, 400 }, { 5001, 200 } };
    struct rig *r = *state;
    char cursor[20];

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        snprintf(cursor, sizeof cursor, "d%zu", i);
        r->f->now += answers[i].took_ms;
        answer_value(r, change_page("e1", docs_of(10 * (int)i, 10), cursor, true));
        EXPECT(r, "sync:getChangesSince");
        assert_int_equal(json_get(r->args, "limit")->valueint, answers[i].limit);
    }
}

static void nothing_new_costs_one_request_and_writes_nothing(void **state)
{
    struct rig *r = *state;
    struct db *other;

    rig_settle(r);
    other = fixture_open(r->f, DB_COMMAND);
    db_has_changed(other);
    for (int i = 0; i < 3; i++) {
        assert_true(r->action.until_ms - r->f->now >= 48000 &&
                    r->action.until_ms - r->f->now <= 72000);
        rig_sleep(r);
        EXPECT(r, "sync:getChangesSince");
        answer_no_changes(r, "c1");
        EXPECT(r, "wait");
    }
    assert_false(db_has_changed(other));
    assert_int_equal(rig_status(r).rounds, 4);
    db_close(other);
}

static void changes_of_a_table_that_was_never_walked_are_left_to_its_walk(void **state)
{
    struct rig *r = *state;
    const struct table *visits;
    struct db_pull_tables tables;
    struct db_apply *apply = NULL;
    int64_t count = -1;

    rig_add_table(r);
    fixture_walk(r->f, NULL, "e1", "c1");
    cJSON *page = quoted("{'epoch':'e1','changes':[{'table':'visits','doc':{'clientId':'" ID_A
                         "','serverId':'s','rev':'5','deletedAt':null,'createdAt':1.0,"
                         "'updatedAt':1.0,'place':'x'}}],'cursors':{'visits':'v1'},'more':false}");
    must(r->f, db_apply_changes(r->f->db, page, &apply, &r->f->err));
    fixture_apply(r->f, apply);
    cJSON_Delete(page);
    visits = registry_find(r->f->reg, "visits");
    must(r->f, db_count(r->f->db, visits, DB_VIEW_ALL, &count, &r->f->err));
    assert_int_equal(count, 0);
    must(r->f, db_pull_read(r->f->db, &tables, &r->f->err));
    assert_null(tables.items[visits->index].cursor);
    db_pull_tables_done(&tables);
}

static void assert_cursors(struct rig *r, const char *tasks, const char *visits)
{
    struct db_pull_tables tables;

    must(r->f, db_pull_read(r->f->db, &tables, &r->f->err));
    assert_string_equal(tables.items[r->f->tasks->index].cursor, tasks);
    assert_string_equal(tables.items[registry_find(r->f->reg, "visits")->index].cursor, visits);
    db_pull_tables_done(&tables);
}

static void the_cursor_of_each_table_moves_alone(void **state)
{
    struct rig *r = *state;

    rig_add_table(r);
    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(NULL, "e1", "c1", false));
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(NULL, "e1", "v1", false));
    EXPECT(r, "wait");
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer(r, "{'epoch':'e1','changes':[],'cursors':{'tasks':'c1','visits':'v2'},'more':false}");
    EXPECT(r, "wait");
    assert_cursors(r, "c1", "v2");
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer(r, "{'epoch':'e1','changes':[],'cursors':{'tasks':'c2','visits':'v2'},'more':false}");
    EXPECT(r, "wait");
    assert_cursors(r, "c2", "v2");
}

/* The process stands still between sending the op and applying the page: the answer goes first. */
static void what_was_pushed_before_the_first_page_of_a_walk_is_applied_stays(void **state)
{
    struct rig *r = *state;
    struct db_saved saved;

    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    saved = rig_save(r, NULL, "typed during the first sync");
    answer_value(r, walk_page(NULL, "e1", "w1", false)); /* written before the push */
    EXPECT(r, "sync:upsert");
    answer_applied(r);
    EXPECT(r, "wait");
    assert_string_equal(fixture_text(r->f, saved.client_id, "text"),
                        "typed during the first sync");
}

static void changes_that_come_without_a_new_cursor_are_applied(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_value(r, change_page("e1", docs_of(0, 1), "c1", false));
    EXPECT(r, "wait");
    assert_int_equal(fixture_count(r->f, DB_VIEW_ALL), 1);
    assert_int_equal(rig_status(r).last.rc, RC_OK);
}

/* It was asked for behind the page at hand, and is asked for there again. */
static void a_page_that_is_too_large_is_asked_for_again_after_the_one_at_hand_is_applied(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_value(r, change_page("e1", docs_of(0, 300), "c2", true));
    EXPECT(r, "sync:getChangesSince");
    answer_http(r, 413, "", 0);
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(cursor_asked(r, "tasks"), "c2");
    assert_int_equal(fixture_count(r->f, DB_VIEW_ALL), 300);
}

static void a_page_asked_for_before_a_lost_push_is_dropped_cursors_and_all(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_value(r, change_page("e1", docs_of(0, 300), "c2", true));
    rig_save(r, NULL, "lost");
    EXPECT(r, "sync:upsert");
    answer_http(r, 503, "{\"code\":\"CommitterFullError\",\"message\":\"x\"}", 0);
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(cursor_asked(r, "tasks"), "c1");
    assert_int_equal(fixture_count(r->f, DB_VIEW_ALL), 1);
}

static void a_changed_epoch_walks_every_table_again_and_applies_nothing_of_that_page(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_value(r, change_page("e2", docs_of(0, 5), "c9", false));
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(cursor_asked(r, NULL), "null");
    assert_int_equal(fixture_count(r->f, DB_VIEW_ALL), 0);
    answer_value(r, walk_page(docs_of(0, 5), "e2", "w1", false));
    EXPECT(r, "wait");
    assert_int_equal(fixture_count(r->f, DB_VIEW_ALL), 5);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(cursor_asked(r, "tasks"), "w1");
}

static void what_a_restored_backend_has_lost_is_sent_in_the_same_round(void **state)
{
    struct rig *r = *state;
    struct db_saved saved;

    rig_settle(r);
    saved = rig_save(r, NULL, "after the backup");
    EXPECT(r, "sync:upsert");
    answer_applied(r);
    EXPECT(r, "wait");
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_value(r, change_page("e2", docs_of(0, 0), "c9", false));
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(NULL, "e2", "w1", false));
    EXPECT(r, "sync:upsert");
    assert_string_equal(json_get_string(json_get(r->args, "op"), "clientId"), saved.client_id);
}

static void a_walk_whose_pages_have_two_epochs_starts_again(void **state)
{
    struct rig *r = *state;

    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(docs_of(0, 5), "e1", "w1", true));
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(docs_of(5, 5), "e2", "w2", true));
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(cursor_asked(r, NULL), "null");
    answer_value(r, walk_page(docs_of(0, 5), "e2", "w1", false));
    EXPECT(r, "wait");
    assert_true(rig_status(r).is_complete);
}

static void a_push_that_is_answered_in_another_epoch_starts_the_walk_under_way_again(void **state)
{
    struct rig *r = *state;

    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(docs_of(0, 5), "e1", "w1", true));
    rig_save(r, NULL, "a");
    EXPECT(r, "sync:upsert");
    answer_value(r, rig_push_value(r, "e2"));
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(cursor_asked(r, NULL), "null");
}

static void an_epoch_that_changes_with_every_answer_ends_in_backoff(void **state)
{
    struct rig *r = *state;
    char epoch[16];
    int requests = 0;

    start_unsynced(r);
    while (strcmp(rig_next(r), "wait") != 0 && requests < 50) {
        snprintf(epoch, sizeof epoch, "e%d", requests++);
        answer_value(r, walk_page(docs_of(0, 2), epoch, "w1", true));
    }
    assert_true(requests < 20);
    assert_true(r->action.until_ms > r->f->now);
}

static void an_unknown_cursor_walks_only_that_table_again(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_refused(r, "cursor_unknown", ",\"table\":\"tasks\"");
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(cursor_asked(r, NULL), "null");
    answer_value(r, walk_page(docs_of(0, 3), "e1", "w1", false));
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).net, SYNC_ONLINE);
    assert_int_equal(rig_status(r).last.rc, RC_OK);
}

/* Only a new epoch or version may make that the backend takes what it did not before. */
static void a_walk_that_begins_anew_leaves_held_what_is_held(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    rig_save(r, NULL, "held");
    EXPECT(r, "sync:upsert");
    answer_refused(r, "unknown_column", ",\"column\":\"text\"");
    EXPECT(r, "wait");
    rig_sleep(r);
    EXPECT(r, "sync:getChangesSince");
    rig_save(r, NULL, "new");
    answer_refused(r, "cursor_unknown", ",\"table\":\"tasks\"");
    EXPECT(r, "sync:upsert");
    answer_applied(r);
    EXPECT(r, "sync:getAllForUser");
    assert_int_equal(rig_counts(r).held, 1);
}

/* By an accident; no code of ours takes it away. */
static void a_table_whose_cursor_was_lost_is_walked_again(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    fixture_sql(r->f, "UPDATE sync_metadata SET cursor = NULL WHERE table_name = 'tasks'");
    ask_round(r);
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(cursor_asked(r, NULL), "null");
}

static void a_new_table_waits_for_a_backend_that_knows_it_and_is_asked_for_daily(void **state)
{
    struct rig *r = *state;

    rig_add_table(r);
    fixture_walk(r->f, NULL, "e1", "c1");
    start_unsynced(r);
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(cursor_asked(r, "visits"), "absent");
    answer_no_changes(r, "c1");
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(json_get_string(r->args, "table"), "visits");
    answer_refused(r, "unknown_table", "");
    EXPECT(r, "wait");
    assert_true(rig_status(r).is_usable);
    assert_false(rig_status(r).is_complete);
    assert_int_equal(rig_status(r).net, SYNC_ONLINE);
    assert_int_equal(rig_status(r).phase, SYNC_IDLE);
    rig_sleep(r);
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "wait"); /* not asked for again yet */
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "sync:getAllForUser"); /* but for who asks for a round */
    assert_string_equal(json_get_string(r->args, "table"), "visits");
    answer_refused(r, "unknown_table", "");
    EXPECT(r, "wait");
    r->f->now += 25 * 3600 * 1000;
    EXPECT(r, "GET /version");
    answer_get(r, 200, "1.2.3");
    EXPECT(r, "sync:getChangesSince");
    answer_no_changes(r, "c1");
    EXPECT(r, "sync:getAllForUser");
}

static void a_table_that_is_forgotten_by_the_backend_is_left_out_and_the_others_go_on(void **state)
{
    struct rig *r = *state;

    rig_settle(r);
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    answer(r, "{'epoch':'e1','changes':[],'cursors':{},'unknown':['tasks'],'more':false}");
    EXPECT(r, "wait");
    assert_int_equal(rig_status(r).net, SYNC_ONLINE);
    assert_int_equal(rig_status(r).rounds, 2);
    rig_sleep(r);
    EXPECT(r, "wait"); /* not asked for again today */
    assert_int_equal(rig_status(r).rounds, 3);
    r->f->now += 24 * 3600 * 1000;
    EXPECT(r, "GET /version");
    answer_get(r, 200, "1.2.3");
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(cursor_asked(r, "tasks"), "c1");
}

static void a_walk_that_fails_at_the_backend_does_not_stop_the_other_tables(void **state)
{
    struct rig *r = *state;

    rig_add_table(r);
    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(json_get_string(r->args, "table"), "tasks");
    answer_hidden(r);
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(json_get_string(r->args, "table"), "visits");
    answer_value(r, walk_page(NULL, "e1", "v1", false));
    EXPECT(r, "wait");
    assert_true(rig_status(r).is_usable);
    assert_true(rig_status(r).last.rc != RC_OK);
    assert_true(r->action.until_ms > r->f->now);
    rig_start(r); /* and not after a start, either */
    rig_greet(r);
    EXPECT(r, "GET /version");
    assert_true(rig_status(r).is_usable);
    answer_get(r, 200, "1.2.3");
    EXPECT(r, "sync:getChangesSince");
    answer(r, "{'epoch':'e1','changes':[],'cursors':{'visits':'v1'},'more':false}");
    EXPECT(r, "sync:getAllForUser");
    assert_string_equal(json_get_string(r->args, "table"), "tasks");
}

static void pages_become_smaller_when_they_are_too_large_or_never_arrive(void **state)
{
    struct rig *r = *state;
    double limit = 0;

    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    json_get_number(r->args, "limit", &limit);
    assert_int_equal((int)limit, 100);
    answer_http(r, 413, "", 0);
    EXPECT(r, "sync:getAllForUser");
    json_get_number(r->args, "limit", &limit);
    assert_int_equal((int)limit, 50);
    r->f->now += 30000;
    answer_lost(r);
    EXPECT(r, "wait");
    rig_sleep(r);
    rig_greet(r);
    EXPECT(r, "sync:getAllForUser");
    json_get_number(r->args, "limit", &limit);
    assert_int_equal((int)limit, 25);
    answer_value(r, walk_page(docs_of(0, 25), "e1", "w1", true));
    EXPECT(r, "sync:getAllForUser");
    json_get_number(r->args, "limit", &limit);
    assert_int_equal((int)limit, 50);
}

static void a_page_that_is_not_as_agreed_changes_nothing(void **state)
{
    static const char *const wrong[] = {
        "{}",
        "[]",
        "{'epoch':'e1','changes':[],'cursors':{},'more':false}",
        "{'epoch':'e1','changes':[],'cursors':{'tasks':null},'more':false}",
        "{'epoch':'e1','changes':[],'cursors':{'tasks':'c1'},'more':true}",
        "{'epoch':'e1','changes':[{'table':'tasks','doc':{}}],'cursors':{'tasks':'c2'},'more':"
        "false}",
        "{'epoch':7,'changes':[],'cursors':{'tasks':'c2'},'more':false}",
    };
    struct rig *r = *state;

    rig_settle(r);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ask_round(r);
        EXPECT(r, "sync:getChangesSince");
        assert_string_equal(cursor_asked(r, "tasks"), "c1");
        answer(r, wrong[i]);
        EXPECT(r, "wait");
        assert_int_equal(rig_status(r).last.rc, RC_PROTOCOL);
        assert_true(r->action.until_ms > r->f->now);
    }
}

static void the_first_sync_is_of_all_tables(void **state)
{
    struct rig *r = *state;

    rig_add_table(r);
    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(docs_of(0, 3), "e1", "t1", false));
    EXPECT(r, "sync:getAllForUser");
    EXPECT(r, "wait");
    assert_false(rig_status(r).is_usable);
    assert_int_equal(rig_status(r).phase, SYNC_INITIAL);
    assert_string_equal(rig_status(r).table, "visits");
    assert_int_equal(rig_status(r).table_number, 2);
    assert_int_equal(rig_status(r).table_count, 2);
    answer_value(r, walk_page(NULL, "e1", "v1", false));
    EXPECT(r, "wait");
    assert_true(rig_status(r).is_usable && rig_status(r).is_complete);
}

static void a_table_that_comes_later_holds_up_only_itself(void **state)
{
    struct rig *r = *state;

    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(docs_of(0, 3), "e1", "t1", false));
    EXPECT(r, "wait");
    rig_add_table(r);
    start_unsynced(r);
    assert_true(rig_status(r).is_usable);
    assert_false(rig_status(r).is_complete);
}

static void two_tables_are_asked_for_in_one_request(void **state)
{
    struct rig *r = *state;

    rig_add_table(r);
    start_unsynced(r);
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(docs_of(0, 3), "e1", "t1", false));
    EXPECT(r, "sync:getAllForUser");
    answer_value(r, walk_page(NULL, "e1", "v1", false));
    EXPECT(r, "wait");
    ask_round(r);
    EXPECT(r, "sync:getChangesSince");
    assert_string_equal(cursor_asked(r, "tasks"), "t1");
    assert_string_equal(cursor_asked(r, "visits"), "v1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_sync_walks_page_by_page_and_makes_the_device_usable),
        TEST(a_first_sync_that_broke_goes_on_where_it_stopped),
        TEST(the_next_page_is_asked_for_before_the_one_at_hand_is_applied),
        TEST(a_save_during_a_long_pull_is_sent_between_two_pages),
        TEST(pages_grow_with_quick_answers_and_shrink_with_slow_ones),
        TEST(what_was_pushed_before_the_first_page_of_a_walk_is_applied_stays),
        TEST(changes_of_a_table_that_was_never_walked_are_left_to_its_walk),
        TEST(the_cursor_of_each_table_moves_alone),
        TEST(nothing_new_costs_one_request_and_writes_nothing),
        TEST(changes_that_come_without_a_new_cursor_are_applied),
        TEST(a_page_that_is_too_large_is_asked_for_again_after_the_one_at_hand_is_applied),
        TEST(a_page_asked_for_before_a_lost_push_is_dropped_cursors_and_all),
        TEST(a_changed_epoch_walks_every_table_again_and_applies_nothing_of_that_page),
        TEST(what_a_restored_backend_has_lost_is_sent_in_the_same_round),
        TEST(a_walk_whose_pages_have_two_epochs_starts_again),
        TEST(a_push_that_is_answered_in_another_epoch_starts_the_walk_under_way_again),
        TEST(an_epoch_that_changes_with_every_answer_ends_in_backoff),
        TEST(an_unknown_cursor_walks_only_that_table_again),
        TEST(a_walk_that_begins_anew_leaves_held_what_is_held),
        TEST(a_table_whose_cursor_was_lost_is_walked_again),
        TEST(a_new_table_waits_for_a_backend_that_knows_it_and_is_asked_for_daily),
        TEST(a_table_that_is_forgotten_by_the_backend_is_left_out_and_the_others_go_on),
        TEST(a_walk_that_fails_at_the_backend_does_not_stop_the_other_tables),
        TEST(pages_become_smaller_when_they_are_too_large_or_never_arrive),
        TEST(a_page_that_is_not_as_agreed_changes_nothing),
        TEST(the_first_sync_is_of_all_tables),
        TEST(a_table_that_comes_later_holds_up_only_itself),
        TEST(two_tables_are_asked_for_in_one_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
