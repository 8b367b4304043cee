/* What becomes of a record when pages, answers, walks and the user's own changes meet. */
#include "base/file.h"
#include "db/db.h"
#include "tests/unit/store_fixture.h"

static struct db_pull_table tasks_state(struct fixture *f, struct db_pull_tables *tables)
{
    must(f, db_pull_read(f->db, tables, &f->err));
    return tables->items[f->tasks->index];
}

static void finish(struct fixture *f)
{
    for (bool done = false; !done;)
        must(f, db_walk_finish(f->db, f->tasks, &done, &f->err));
}

/* An edit of A is sent and accepted. */
static void push(struct fixture *f, const char *text, int64_t rev, const char *epoch)
{
    struct db_saved saved;

    SAVE(f, ID_A, &saved, "text", text);
    struct db_ops sent = fixture_take(f, 1);
    cJSON *doc = doc_json(ID_A, rev, "");
    cJSON_ReplaceItemInObjectCaseSensitive(doc, "text", cJSON_CreateString(text));
    fixture_applied(f, &sent.items[0], doc, NULL, epoch);
    db_ops_done(&sent);
}

static void no_op_waits(struct fixture *f)
{
    struct db_ops ops = fixture_queue(f, 0);

    db_ops_done(&ops);
}

static void what_a_page_brought_before_a_late_answer_is_there_with_its_rev_and_times(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct record rec;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_change(f, doc_json(ID_A, 9, "'text':'theirs','createdAt':1500000000000.0,'updatedAt':1650000000000.0"), "e1",
                   "c2");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 6, "'text':'mine'"), NULL, "e1");
    db_ops_done(&sent);
    must(f, db_record_read(f->db, f->tasks, ID_A, &rec, &f->err));
    assert_int_equal(rec.rev, 9);
    assert_int_equal(rec.created_at, 1500000000000);
    assert_int_equal(rec.updated_at, 1650000000000);
    record_done(&rec);
    fixture_change(f, doc_json(ID_A, 8, "'text':'stale'"), "e1", "c3");
    assert_string_equal(fixture_text(f, ID_A, "text"), "theirs");
}

static void a_server_id_is_as_long_as_it_may_be(void **state)
{
    struct fixture *f = *state;
    struct record rec;
    char id[73];

    memset(id, 's', sizeof id);
    for (size_t len = 71; len <= 72; len++) {
        struct db_apply *apply = NULL;
        id[len] = '\0';
        cJSON *doc = doc_json(len == 71 ? ID_A : ID_B, 5, "");
        cJSON_ReplaceItemInObjectCaseSensitive(doc, "serverId", cJSON_CreateString(id));
        cJSON *page = walk_page(array_of(doc), "e1", "c1", false);
        must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
        enum rc rc = db_apply_walk(f->db, f->tasks, page, &apply, &f->err);
        assert_int_equal(rc, len == 71 ? RC_OK : RC_PROTOCOL);
        if (rc == RC_OK)
            fixture_apply(f, apply);
        cJSON_Delete(page);
        id[len] = 's';
    }
    id[71] = '\0';
    must(f, db_record_read(f->db, f->tasks, ID_A, &rec, &f->err));
    assert_string_equal(rec.server_id, id);
    record_done(&rec);
}

/* As glibc compares them, the old id is greater by one. */
static void a_record_takes_the_server_id_of_its_newest_doc(void **state)
{
    struct fixture *f = *state;
    struct record rec;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'serverId':'s2'")), "e1", "c1");
    fixture_change(f, doc_json(ID_A, 6, "'serverId':'s1'"), "e1", "c2");
    must(f, db_record_read(f->db, f->tasks, ID_A, &rec, &f->err));
    assert_string_equal(rec.server_id, "s1");
    record_done(&rec);
}

static void a_column_that_a_doc_lacks_keeps_its_value_not_the_default(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'isCompleted':true")), "e1", "c1");
    cJSON *doc = doc_json(ID_A, 6, "'text':'newer'");
    cJSON_DeleteItemFromObjectCaseSensitive(doc, "isCompleted");
    fixture_change(f, doc, "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "newer");
    assert_int_equal(fixture_count(f, DB_VIEW_DONE), 1);
}

static void an_answer_of_an_epoch_that_is_not_walked_begins_its_walk(void **state)
{
    struct fixture *f = *state;
    struct db_pull_tables tables;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "")), "e1", "c1");
    must(f, db_walk_begin(f->db, f->tasks, "e2", &f->err));
    fixture_walk_page(f, array_of(doc_json(ID_A, 5, "")), "e2", "w1", true);
    push(f, "in e2", 50, "e2");
    assert_string_equal(tasks_state(f, &tables).walk_cursor, "w1");
    db_pull_tables_done(&tables);
    push(f, "in e3", 60, "e3");
    struct db_pull_table tasks = tasks_state(f, &tables);
    assert_null(tasks.walk_cursor);
    assert_true(tasks.is_walking);
    db_pull_tables_done(&tables);
}

static void in_a_new_epoch_an_older_page_takes_back_nothing_of_what_was_seen_there(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    push(f, "mine", 6, "e1");
    must(f, db_walk_begin(f->db, f->tasks, "e2", &f->err));
    push(f, "mine in e2", 50, "e2");
    fixture_walk_page(f, array_of(doc_json(ID_A, 49, "'text':'before it'")), "e2", "c2", false);
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine in e2");
    no_op_waits(f);
    finish(f);
    no_op_waits(f);
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine in e2");
}

/* A restored backend that lost nothing of it; or where the office has edited it since. */
static void what_a_new_epoch_has_as_we_wrote_it_or_newer_is_not_sent_again(void **state)
{
    static const struct {
        int rev;
        const char *columns, *text;
    } docs[] = { { 6, "'text':'mine'", "mine" }, { 9, "'text':'theirs'", "theirs" } };
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    push(f, "mine", 6, "e1");
    for (size_t i = 0; i < 2; i++) {
        fixture_walk(f, array_of(doc_json(ID_A, docs[i].rev, docs[i].columns)), i == 0 ? "e2" : "e3", "d1");
        no_op_waits(f);
        assert_string_equal(fixture_text(f, ID_A, "text"), docs[i].text);
    }
}

static void what_goes_up_again_leaves_the_restored_version_to_a_discard(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    push(f, "mine", 6, "e1");
    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e2", "d1");
    struct db_ops ops = fixture_queue(f, 1);
    must(f, db_queue_discard(f->db, &ops.items[0], 0, &f->err));
    db_ops_done(&ops);
    assert_string_equal(fixture_text(f, ID_A, "text"), "old");
}

/* Its own answer was lost: the new rev comes from it, and hides that the first column went with the backup. */
static void a_loss_in_the_first_column_is_seen_behind_a_push_without_an_answer(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    push(f, "mine", 6, "e1");
    SAVE(f, ID_A, &saved, "notes", "sent, unheard");
    struct db_ops sent = fixture_take(f, 1);
    db_ops_done(&sent);
    fixture_walk(f, array_of(doc_json(ID_A, 50, "'text':'old','notes':'sent, unheard'")), "e2", "d1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    struct db_ops ops = fixture_queue(f, 1);
    assert_true(ops.items[0].is_create);
    assert_non_null(strstr(ops.items[0].set, "\"text\":\"mine\""));
    db_ops_done(&ops);
}

static int64_t changed_by(struct fixture *f, cJSON *doc, const char *cursor)
{
    cJSON *page = quoted("{'epoch':'e1','changes':[],'cursors':{},'more':false}"), *change = cJSON_CreateObject();
    struct db_apply *apply = NULL;

    cJSON_AddStringToObject(change, "table", "tasks");
    cJSON_AddItemToObject(change, "doc", doc);
    cJSON_AddItemToArray(cJSON_GetObjectItem(page, "changes"), change);
    cJSON_AddStringToObject(cJSON_GetObjectItem(page, "cursors"), "tasks", cursor);
    must(f, db_apply_changes(f->db, page, &apply, &f->err));
    for (bool done = false; !done;)
        must(f, db_apply_slice(apply, &done, &f->err));
    int64_t changed = db_apply_changed(apply);
    db_apply_free(apply);
    cJSON_Delete(page);
    return changed;
}

static void the_office_changed_what_is_new_newer_or_gone(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "")), "e1", "c1");
    assert_int_equal(changed_by(f, doc_json(ID_A, 5, ""), "c2"), 0);
    assert_int_equal(changed_by(f, doc_json(ID_A, 6, ""), "c3"), 1);
    assert_int_equal(changed_by(f, doc_json(ID_B, 7, ""), "c4"), 1);
    assert_int_equal(changed_by(f, doc_json(ID_C, 8, "'deletedAt':1600000000001.0"), "c5"), 0);
    assert_int_equal(changed_by(f, doc_json(ID_A, 9, "'deletedAt':1600000000001.0"), "c6"), 1);
    assert_int_equal(changed_by(f, doc_json(ID_B, 6, ""), "c7"), 0);
    SAVE(f, ID_B, &saved, "text", "waits");
    assert_int_equal(changed_by(f, doc_json(ID_B, 9, "'text':'theirs'"), "c8"), 0);
}

static void a_table_says_when_it_was_pulled_and_whether_it_is_complete(void **state)
{
    struct fixture *f = *state;
    struct db_pull_tables tables;
    bool is_complete = true;

    must(f, db_pull_is_table_complete(f->db, f->tasks, &is_complete, &f->err));
    assert_false(is_complete);
    fixture_walk(f, NULL, "e1", "c1");
    must(f, db_pull_is_table_complete(f->db, f->tasks, &is_complete, &f->err));
    assert_true(is_complete);
    assert_int_equal(tasks_state(f, &tables).last_ms, f->now);
    db_pull_tables_done(&tables);
}

static void of_two_tables_one_alone_does_not_make_the_store_complete(void **state)
{
    static const char sites[] = "{\"name\":\"sites\",\"label\":\"Sites\",\"labelOne\":\"site\",\"title\":\"name\","
                                "\"columns\":[{\"name\":\"name\",\"label\":\"Name\",\"type\":\"text\"}]}";
    struct fixture *f = *state;
    bool all = true, any = false;

    db_close(f->db);
    must(f, registry_add(f->reg, sites, strlen(sites), "test", &f->err));
    f->tasks = registry_find(f->reg, "tasks");
    f->db = fixture_open(f, DB_SYNCER);
    fixture_walk(f, NULL, "e1", "c1");
    must(f, db_pull_is_complete(f->db, &all, &any, &f->err));
    assert_false(all);
    assert_true(any);
}

static void the_total_of_a_walk_is_the_last_one_that_was_told(void **state)
{
    static const int64_t told[] = { 0, 1, 0, 500, 0 }, total[] = { 0, 1, 1, 500, 500 };
    struct fixture *f = *state;
    struct db_pull_tables tables;

    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        struct db_apply *apply = NULL;
        cJSON *page = walk_page(NULL, "e1", "w1", true);
        if (told[i] > 0)
            cJSON_AddNumberToObject(page, "total", (double)told[i]);
        must(f, db_apply_walk(f->db, f->tasks, page, &apply, &f->err));
        fixture_apply(f, apply);
        cJSON_Delete(page);
        assert_int_equal(tasks_state(f, &tables).total, total[i]);
        db_pull_tables_done(&tables);
    }
}

static void all_that_a_new_epoch_lacks_is_copied_before_it_goes(void **state)
{
    struct fixture *f = *state;
    struct buf text = { 0 }, path = { 0 };

    cJSON *docs = array_of(doc_json(ID_A, 5, ""));
    cJSON_AddItemToArray(docs, doc_json(ID_B, 6, ""));
    fixture_walk(f, docs, "e1", "c1");
    fixture_walk(f, NULL, "e2", "d1");
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
    buf_printf(&path, "%s.recovered.jsonl", f->path);
    must(f, file_read(buf_str(&path), 1 << 20, &text, &f->err));
    assert_non_null(strstr(buf_str(&text), ID_A));
    assert_non_null(strstr(buf_str(&text), ID_B));
    buf_done(&text);
    buf_done(&path);
}

/* Accepted there, and removed by the office before the first page. */
static void what_a_new_epoch_accepted_and_its_pages_lack_is_gone(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "")), "e1", "c1");
    must(f, db_walk_begin(f->db, f->tasks, "e2", &f->err));
    push(f, "mine", 50, "e2");
    fixture_walk_page(f, NULL, "e2", "d1", false);
    finish(f);
    no_op_waits(f);
    assert_string_equal(fixture_text(f, ID_A, "text"), "gone");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(what_a_page_brought_before_a_late_answer_is_there_with_its_rev_and_times),
        T(a_server_id_is_as_long_as_it_may_be),
        T(a_record_takes_the_server_id_of_its_newest_doc),
        T(a_column_that_a_doc_lacks_keeps_its_value_not_the_default),
        T(an_answer_of_an_epoch_that_is_not_walked_begins_its_walk),
        T(in_a_new_epoch_an_older_page_takes_back_nothing_of_what_was_seen_there),
        T(what_a_new_epoch_has_as_we_wrote_it_or_newer_is_not_sent_again),
        T(what_goes_up_again_leaves_the_restored_version_to_a_discard),
        T(a_loss_in_the_first_column_is_seen_behind_a_push_without_an_answer),
        T(the_office_changed_what_is_new_newer_or_gone),
        T(a_table_says_when_it_was_pulled_and_whether_it_is_complete),
        T(of_two_tables_one_alone_does_not_make_the_store_complete),
        T(the_total_of_a_walk_is_the_last_one_that_was_told),
        T(all_that_a_new_epoch_lacks_is_copied_before_it_goes),
        T(what_a_new_epoch_accepted_and_its_pages_lack_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
