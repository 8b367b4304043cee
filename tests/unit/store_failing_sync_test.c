/* What sync asks of the store, with a failure in each call of SQLite. */
#include "db/db.h"
#include "tests/unit/failing.h"

static void an_unfinished_walk(struct world *w)
{
    must(w->f, db_walk_begin(w->f->db, w->f->tasks, NULL, &w->f->err));
    fixture_walk_page(w->f, array_of(doc_json(ID_A, 5, "'text':'pump'")), "e1", "c2", false);
}

/* Who typed it has set a column to what it would have been anyway. */
static void a_new_record_with_a_default(struct world *w)
{
    struct db_saved saved;

    fixture_applied(w->f, &w->ops.items[0], doc_json(ID_A, 9, "'text':'new pump'"), NULL, "e1");
    SAVE(w->f, NULL, &saved, "text", "filter", "isCompleted", "no");
    take_all(w);
}

/* Of the same epoch: the record whose change waits has been removed there. */
static void an_unfinished_walk_without_what_waits(struct world *w)
{
    must(w->f, db_walk_begin(w->f->db, w->f->tasks, NULL, &w->f->err));
    fixture_walk_page(w->f, array_of(doc_json(ID_B, 6, "'text':'valve'")), "e1", "c2", false);
}

/* The backend was restored: it knows the second record alone. What this device wrote goes up
 * again, the rest is removed. */
static void an_unfinished_walk_of_a_new_epoch(struct world *w)
{
    struct db_saved saved;

    fixture_applied(w->f, &w->ops.items[0], doc_json(ID_A, 9, "'text':'new pump'"), NULL, "e1");
    SAVE(w->f, ID_B, &saved, "text", "mine");
    must(w->f, db_walk_begin(w->f->db, w->f->tasks, "e2", &w->f->err));
    fixture_walk_page(w->f, array_of(doc_json(ID_B, 2, "'text':'valve'")), "e2", "c2", false);
}

static void a_walk_that_knows_no_epoch(struct world *w)
{
    must(w->f, db_walk_begin(w->f->db, w->f->tasks, NULL, &w->f->err));
}

static void our_record_is_accepted(struct world *w)
{
    fixture_applied(w->f, &w->ops.items[0], doc_json(ID_A, 9, "'text':'new pump'"), NULL, "e1");
    must(w->f, db_walk_begin(w->f->db, w->f->tasks, "e2", &w->f->err));
}

/* What waits was sent, and nobody heard the answer. */
static void a_walk_of_a_restored_backend(struct world *w)
{
    must(w->f, db_walk_begin(w->f->db, w->f->tasks, "e2", &w->f->err));
}

/* ---- push ---- */

static enum rc take(struct world *w)
{
    struct db_ops ops = { 0 };
    enum rc rc = db_push_take(w->f->db, 10, 1 << 20, &ops, &w->f->err);

    db_ops_done(&ops);
    return rc == RC_NOT_FOUND ? RC_OK : rc; /* all were set aside */
}

static enum rc push_answer(struct world *w, struct db_push_result result, const char *epoch)
{
    struct db_push_counts counts;

    result.op = &w->ops.items[0];
    return db_push_apply(w->f->db, &result, 1, epoch, &counts, &w->f->err);
}

static enum rc accepted_in(struct world *w, const char *epoch)
{
    cJSON *doc = doc_json(w->ops.items[0].client_id, 9, "'text':'new pump'");
    cJSON *overwrote = quoted("[{'column':'text','theirs':'theirs','by':'o','at':1}]");
    enum rc rc = push_answer(
        w, (struct db_push_result){ .is_applied = true, .doc = doc, .overwrote = overwrote },
        epoch);

    cJSON_Delete(doc);
    cJSON_Delete(overwrote);
    return rc;
}

static enum rc accepted(struct world *w)
{
    return accepted_in(w, "e1");
}

static enum rc accepted_in_a_new_epoch(struct world *w)
{
    return accepted_in(w, "e2");
}

static enum rc removed_there(struct world *w)
{
    cJSON *doc = doc_json(ID_A, 9, "'text':'new pump','deletedAt':1600000000000.0");
    enum rc rc = push_answer(w, (struct db_push_result){ .is_applied = true, .doc = doc }, "e1");

    cJSON_Delete(doc);
    return rc;
}

static enum rc refused(struct world *w)
{
    return push_answer(w, (struct db_push_result){ .code = "invalid_value", .message = "no" },
                       "e1");
}

static enum rc not_found(struct world *w)
{
    return push_answer(w, (struct db_push_result){ .code = "not_found", .message = "no" }, "e1");
}

static enum rc unknown_column(struct world *w)
{
    return push_answer(w,
                       (struct db_push_result){
                           .code = "unknown_column", .message = "no", .column = "isCompleted" },
                       "e1");
}

static enum rc unhold(struct world *w)
{
    return db_push_unhold(w->f->db, &w->f->err);
}

static enum rc hold_all(struct world *w)
{
    return db_push_hold_all(w->f->db, "too_old", "too old", &w->f->err);
}

static void an_op_that_waits_for_its_time(struct world *w)
{
    fixture_rejected(w->f, &w->ops.items[0], "invalid_value");
}

static enum rc hurry(struct world *w)
{
    return db_push_hurry(w->f->db, &w->f->err);
}

/* ---- pull ---- */

static enum rc apply(struct world *w, struct db_apply *apply)
{
    bool is_done = false;
    enum rc rc = RC_OK;

    while (!rc && !is_done)
        rc = db_apply_slice(apply, &is_done, &w->f->err);
    db_apply_free(apply);
    return rc;
}

static enum rc changes(struct world *w, cJSON *docs, const char *cursor)
{
    cJSON *page = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(page, "changes");
    struct db_apply *under_way = NULL;
    cJSON *doc;

    cJSON_AddStringToObject(page, "epoch", "e1");
    cJSON_AddStringToObject(cJSON_AddObjectToObject(page, "cursors"), "tasks", cursor);
    cJSON_AddBoolToObject(page, "more", false);
    while ((doc = cJSON_DetachItemFromArray(docs, 0)) != NULL) {
        cJSON *change = cJSON_CreateObject();
        cJSON_AddStringToObject(change, "table", "tasks");
        cJSON_AddItemToObject(change, "doc", doc);
        cJSON_AddItemToArray(list, change);
    }
    enum rc rc = db_apply_changes(w->f->db, page, &under_way, &w->f->err);
    if (!rc)
        rc = apply(w, under_way);
    cJSON_Delete(docs);
    cJSON_Delete(page);
    return rc;
}

static enum rc pull_changes(struct world *w)
{
    cJSON *docs = array_of(doc_json(ID_A, 11, "'text':'theirs'"));

    cJSON_AddItemToArray(docs, doc_json(ID_B, 12, "'deletedAt':1600000000000.0"));
    cJSON_AddItemToArray(docs, doc_json(ID_C, 13, "'text':'changed'"));
    return changes(w, docs, "c2");
}

static enum rc pull_cursor(struct world *w)
{
    return changes(w, cJSON_CreateArray(), "c3");
}

static enum rc begin_walk(struct world *w)
{
    return db_walk_begin(w->f->db, w->f->tasks, "e2", &w->f->err);
}

static enum rc walk_page_of(struct world *w, const char *epoch)
{
    cJSON *docs = array_of(doc_json(ID_A, 3, "'text':'older'"));
    struct db_apply *under_way = NULL;

    cJSON_AddItemToArray(docs, doc_json(ID_B, 14, "'text':'seen'"));
    cJSON *page = walk_page(docs, epoch, "c4", true);
    enum rc rc = db_apply_walk(w->f->db, w->f->tasks, page, &under_way, &w->f->err);
    if (!rc)
        rc = apply(w, under_way);
    cJSON_Delete(page);
    return rc;
}

/* The restored backend has less of what this device wrote than it had accepted. */
static enum rc walk_restored(struct world *w)
{
    return walk_page_of(w, "e2");
}

static enum rc finish_walk(struct world *w)
{
    bool is_done = false;
    enum rc rc = RC_OK;

    while (!rc && !is_done)
        rc = db_walk_finish(w->f->db, w->f->tasks, &is_done, &w->f->err);
    return rc;
}

/* ---- opening ---- */

static const char visits_json[] =
    "{\"name\":\"visits\",\"label\":\"Visits\",\"labelOne\":\"visit\",\"title\":\"place\","
    "\"columns\":[{\"name\":\"place\",\"type\":\"text\"},{\"name\":\"km\",\"type\":\"real\"}]}";
static const char grown_json[] =
    "{\"name\":\"tasks\",\"label\":\"T\",\"labelOne\":\"t\",\"title\":\"text\",\"columns\":["
    "{\"name\":\"text\",\"type\":\"text\"},{\"name\":\"isCompleted\",\"type\":\"bool\"},"
    "{\"name\":\"priority\",\"type\":\"choice\",\"choices\":[\"low\",\"normal\",\"high\"]},"
    "{\"name\":\"dueAt\",\"type\":\"date\"},{\"name\":\"notes\",\"type\":\"text\"},"
    "{\"name\":\"rank\",\"type\":\"integer\",\"default\":3}]}";

static enum rc open_with(struct world *w, const char *path)
{
    struct registry *reg = registry_new();
    const struct db_options options = {
        .path = path, .vfs = PLANTED_VFS, .role = DB_COMMAND, .registry = reg, .clock = &w->f->clock
    };
    struct db *db = NULL;
    struct err ignored;

    assert_int_equal(registry_add(reg, grown_json, sizeof grown_json - 1, "g", &ignored), RC_OK);
    assert_int_equal(registry_add(reg, visits_json, sizeof visits_json - 1, "v", &ignored), RC_OK);
    enum rc rc = db_open(&options, &db, &w->f->err);
    db_close(db);
    registry_free(reg);
    return rc;
}

static enum rc open_grown(struct world *w)
{
    return open_with(w, w->f->path);
}

static enum rc open_new(struct world *w)
{
    char *path = path_join(w->f->dir, "new.db");
    enum rc rc = open_with(w, path);

    free(path);
    return rc;
}

static void an_unknown_column_was_kept(struct world *w)
{
    fixture_change(w->f, doc_json(ID_C, 20, "'rank':9"), "e1", "c2");
}

static const struct action actions[] = {
    { "take", an_edit_follows, take, WHOLE },
    { "take what can not be read", an_op_that_can_not_be_read, take, STAYS_ILL },
    { "accepted", NULL, accepted, WHOLE },
    { "accepted before an edit", an_edit_follows, accepted, WHOLE },
    { "accepted before another op", two_ops_of_one_record, accepted, WHOLE },
    { "accepted in a new epoch", NULL, accepted_in_a_new_epoch, WHOLE },
    { "accepted before the first page of a walk", a_walk_that_knows_no_epoch, accepted, WHOLE },
    { "removed there", NULL, removed_there, WHOLE },
    { "refused", NULL, refused, WHOLE },
    { "not found", NULL, not_found, WHOLE },
    { "unknown column", NULL, unknown_column, WHOLE },
    { "unknown column of a new record", a_new_record, unknown_column, WHOLE },
    { "unknown column that can be left out", a_new_record_with_a_default, unknown_column, WHOLE },
    { "unhold", a_refused_op, unhold, WHOLE },
    { "hold all", NULL, hold_all, WHOLE },
    { "hurry", an_op_that_waits_for_its_time, hurry, WHOLE },
    { "pull changes", NULL, pull_changes, WHOLE },
    { "pull a cursor", NULL, pull_cursor, WHOLE },
    { "begin a walk", NULL, begin_walk, WHOLE },
    { "walk a restored backend", our_record_is_accepted, walk_restored, WHOLE },
    { "walk one while an op waits", a_walk_of_a_restored_backend, walk_restored, WHOLE },
    { "finish a walk", an_unfinished_walk, finish_walk, IN_PARTS },
    { "finish a walk without what waits", an_unfinished_walk_without_what_waits, finish_walk,
      IN_PARTS },
    { "finish a walk of a new epoch", an_unfinished_walk_of_a_new_epoch, finish_walk, IN_PARTS },
    { "open with a grown definition", an_unknown_column_was_kept, open_grown, OPENS },
    { "open a new file", NULL, open_new, OPENS },
};

static void each_failure_of_a_call_is_told_and_leaves_nothing_behind(void **state)
{
    (void)state;
    sweep_all(actions, sizeof actions / sizeof *actions, (struct fault){ PLANTED_CALL, 1 });
}

static void when_all_calls_fail_from_one_on_nothing_is_left_behind_either(void **state)
{
    (void)state;
    sweep_all(actions, sizeof actions / sizeof *actions, (struct fault){ PLANTED_CALL, FOR_GOOD });
}

/* Values were moved out of it into rows that were rolled back. */
static void a_page_that_failed_half_way_is_not_tried_again(void **state)
{
    struct world w = { 0 };
    void *f = NULL;
    int refused = 0;

    (void)state;
    assert_int_equal(fixture_setup(&f), 0);
    w.f = f;
    base(&w);
    cJSON *page = walk_page(array_of(doc_json(ID_B, 14, "'text':'seen'")), "e1", "c4", true);
    for (uint32_t n = 1;; n++) {
        struct db_apply *under_way = NULL;
        bool is_done = false;
        reopen(&w);
        must(w.f, db_apply_walk(w.f->db, w.f->tasks, page, &under_way, &w.f->err));
        planted_arm(PLANTED_CALL, n, 1);
        enum rc rc = db_apply_slice(under_way, &is_done, &w.f->err);
        planted_arm(PLANTED_NONE, 0, 0);
        if (rc)
            refused += db_apply_slice(under_way, &is_done, &w.f->err) == RC_INTERNAL;
        db_apply_free(under_way);
        if (!rc)
            break;
    }
    assert_true(refused > 5);
    cJSON_Delete(page);
    db_ops_done(&w.ops);
    fixture_teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_of_a_call_is_told_and_leaves_nothing_behind),
        cmocka_unit_test(when_all_calls_fail_from_one_on_nothing_is_left_behind_either),
        cmocka_unit_test(a_page_that_failed_half_way_is_not_tried_again),
    };

    planted_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
