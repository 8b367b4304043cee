#include "db/db.h"
#include "tests/unit/store_fixture.h"

static cJSON *docs3(void)
{
    cJSON *docs = array_of(doc_json(ID_A, 5, "'text':'a'"));

    cJSON_AddItemToArray(docs, doc_json(ID_B, 6, "'text':'b','isCompleted':true"));
    cJSON_AddItemToArray(docs, doc_json(ID_C, 7, "'text':'c','rank':3"));
    return docs;
}

static struct db_pull_table tasks_state(struct fixture *f, struct db_pull_tables *tables)
{
    must(f, db_pull_read(f->db, tables, &f->err));
    assert_int_equal(tables->count, 1);
    return tables->items[0];
}

static void the_first_walk_makes_a_table_complete(void **state)
{
    struct fixture *f = *state;
    struct db_pull_tables tables;
    bool all, any;

    must(f, db_pull_is_complete(f->db, &all, &any, &f->err));
    assert_false(any);
    fixture_walk(f, docs3(), "e1", "c9");
    must(f, db_pull_is_complete(f->db, &all, &any, &f->err));
    assert_true(all);
    struct db_pull_table t = tasks_state(f, &tables);
    assert_string_equal(t.cursor, "c9");
    assert_string_equal(t.epoch, "e1");
    assert_false(t.is_walking || t.is_walked);
    assert_int_equal(fixture_count(f, DB_VIEW_OPEN), 2);
    assert_int_equal(fixture_count(f, DB_VIEW_DONE), 1);
    db_pull_tables_done(&tables);
}

static void a_walk_goes_on_after_a_restart_where_it_stopped(void **state)
{
    struct fixture *f = *state;
    struct db_pull_tables tables;

    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    fixture_walk_page(f, array_of(doc_json(ID_A, 5, "")), "e1", "w1", true);
    db_close(f->db);
    f->db = fixture_open(f, DB_SYNCER);
    struct db_pull_table t = tasks_state(f, &tables);
    assert_true(t.is_walking);
    assert_string_equal(t.walk_cursor, "w1");
    assert_string_equal(t.walk_epoch, "e1");
    assert_int_equal(t.received, 1);
    db_pull_tables_done(&tables);
}

static void a_page_moves_its_cursor_only_with_its_last_rows(void **state)
{
    struct fixture *f = *state;
    struct db_pull_tables tables;
    struct db_apply *apply = NULL;
    cJSON *docs = cJSON_CreateArray();
    char id[ID_SIZE];
    bool done = false;

    for (int i = 0; i < 150; i++) {
        snprintf(id, sizeof id, "01890000-0000-7000-8000-%012d", i);
        cJSON_AddItemToArray(docs, doc_json(id, i + 1, ""));
    }
    cJSON *page = walk_page(docs, "e1", "w1", true);
    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    must(f, db_apply_walk(f->db, f->tasks, page, &apply, &f->err));
    must(f, db_apply_slice(apply, &done, &f->err));
    assert_false(done);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 100);
    assert_null(tasks_state(f, &tables).walk_cursor);
    db_pull_tables_done(&tables);
    must(f, db_apply_slice(apply, &done, &f->err));
    assert_true(done);
    assert_string_equal(tasks_state(f, &tables).walk_cursor, "w1");
    db_pull_tables_done(&tables);
    db_apply_free(apply);
    cJSON_Delete(page);
}

static void a_change_of_the_office_arrives_and_a_tombstone_removes(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, docs3(), "e1", "c1");
    fixture_change(f, doc_json(ID_A, 8, "'text':'a2','isCompleted':true"), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "a2");
    assert_int_equal(fixture_count(f, DB_VIEW_DONE), 2);
    fixture_change(f, doc_json(ID_A, 9, "'deletedAt':1700000000000.0"), "e1", "c3");
    assert_string_equal(fixture_text(f, ID_A, "text"), "gone");
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 2);
}

static void an_older_doc_is_ignored(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 10, "'text':'new'")), "e1", "c1");
    fixture_change(f, doc_json(ID_A, 9, "'text':'old'"), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "new");
}

static void pull_never_overwrites_a_pending_column_and_keeps_the_shadow(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, docs3(), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    fixture_change(f, doc_json(ID_A, 8, "'text':'theirs','notes':'n'"), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "-");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 9, "'text':'mine','notes':'n'"), NULL, "e1");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "n");
    assert_int_equal(fixture_mark(f, ID_A), MARK_SYNCED);
    db_ops_done(&sent);
}

static void a_pending_record_outlives_its_tombstone(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, docs3(), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    fixture_change(f, doc_json(ID_A, 8, "'deletedAt':1700000000000.0"), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 9, "'text':'mine'"), NULL, "e1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    db_ops_done(&sent);
}

static void a_form_saved_for_a_record_that_is_gone_brings_all_of_it_back(void **state)
{
    struct fixture *f = *state;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    struct db_saved saved;
    const struct column *text = table_column(f->tasks, "text"), *notes = table_column(f->tasks, "notes");

    fixture_walk(f, docs3(), "e1", "c1");
    fixture_change(f, doc_json(ID_A, 8, "'deletedAt':1700000000000.0"), "e1", "c2");
    value_set_text(&values[text->index], "a", 1);
    value_set_text(&values[notes->index], "typed", 5);
    is_set[notes->index] = true;
    const struct db_edit edit = { .table = f->tasks, .client_id = ID_A, .if_missing = DB_MISSING_CREATE,
                                  .values = values, .is_set = is_set };
    must(f, db_save(f->db, &edit, &saved, &f->err));
    struct db_ops ops = fixture_queue(f, 1);
    assert_true(ops.items[0].is_create);
    assert_string_equal(ops.items[0].set,
                        "{\"text\":\"a\",\"isCompleted\":false,\"priority\":null,\"dueAt\":null,\"notes\":\"typed\"}");
    db_ops_done(&ops);
    value_done(&values[text->index]);
    value_done(&values[notes->index]);
}

static void columns_of_a_newer_backend_are_kept_and_never_sent(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct record rec;
    struct buf json = { 0 };

    fixture_walk(f, docs3(), "e1", "c1");
    must(f, db_record_read(f->db, f->tasks, ID_C, &rec, &f->err));
    record_to_json(&rec, &json);
    assert_non_null(strstr(buf_str(&json), "\"rank\":3"));
    buf_done(&json);
    record_done(&rec);
    SAVE(f, ID_C, &saved, "text", "mine");
    struct db_ops ops = fixture_queue(f, 1);
    assert_string_equal(ops.items[0].set, "{\"text\":\"mine\"}");
    db_ops_done(&ops);
}

static void a_column_that_an_older_backend_does_not_send_keeps_its_default(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    cJSON *doc = doc_json(ID_A, 5, "'text':'a'");

    cJSON_DeleteItemFromObjectCaseSensitive(doc, "isCompleted");
    cJSON_DeleteItemFromObjectCaseSensitive(doc, "notes");
    fixture_walk(f, array_of(doc), "e1", "c1");
    assert_string_equal(fixture_text(f, ID_A, "isCompleted"), "no");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "-");
    SAVE(f, ID_A, &saved, "notes", "typed here", "text", "b");
    struct db_ops sent = fixture_take(f, 1);
    doc = doc_json(ID_A, 6, "'text':'b'");
    cJSON_DeleteItemFromObjectCaseSensitive(doc, "isCompleted");
    cJSON_DeleteItemFromObjectCaseSensitive(doc, "notes");
    fixture_applied(f, &sent.items[0], doc, NULL, "e1");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "typed here");
    assert_string_equal(fixture_text(f, ID_A, "isCompleted"), "no");
    db_ops_done(&sent);
}

static void a_value_of_another_type_is_kept_aside_and_stops_nothing(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct record rec;
    struct buf json = { 0 };

    fixture_walk(f, docs3(), "e1", "c1");
    fixture_change(f, doc_json(ID_A, 8, "'text':'a2','priority':7,'notes':{'x':1}"), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "a2");
    assert_string_equal(fixture_text(f, ID_A, "priority"), "-");
    must(f, db_record_read(f->db, f->tasks, ID_A, &rec, &f->err));
    record_to_json(&rec, &json);
    cJSON *object = quoted(buf_str(&json));             /* each name once */
    assert_non_null(strstr(buf_str(&json), "\"priority\":7"));
    cJSON_Delete(object);
    record_done(&rec);
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_change(f, doc_json(ID_A, 9, "'text':'theirs','priority':8"), "e1", "c3");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 7, "'text':'old'"), NULL, "e1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "theirs");
    buf_done(&json);
    db_ops_done(&sent);
}

static void a_column_added_later_takes_what_was_kept_of_it(void **state)
{
    struct fixture *f = *state;
    struct registry *grown = registry_new();
    const char json[] = "{\"name\":\"tasks\",\"label\":\"T\",\"labelOne\":\"t\",\"title\":\"text\",\"columns\":["
        "{\"name\":\"text\",\"type\":\"text\"},{\"name\":\"isCompleted\",\"type\":\"bool\"},"
        "{\"name\":\"priority\",\"type\":\"choice\",\"choices\":[\"low\",\"normal\",\"high\"]},"
        "{\"name\":\"dueAt\",\"type\":\"date\"},{\"name\":\"notes\",\"type\":\"text\"},"
        "{\"name\":\"rank\",\"type\":\"integer\"}]}";

    fixture_walk(f, docs3(), "e1", "c1");
    fixture_change(f, doc_json(ID_A, 9, "'text':'a','rank':'three'"), "e1", "c2");
    db_close(f->db);
    must(f, registry_add(grown, json, strlen(json), "grown.json", &f->err));
    registry_free(f->reg);
    f->reg = grown;
    f->tasks = registry_find(grown, "tasks");
    f->db = fixture_open(f, DB_SYNCER);
    assert_string_equal(fixture_text(f, ID_C, "rank"), "3");
    assert_string_equal(fixture_text(f, ID_A, "rank"), "-");
    assert_string_equal(fixture_text(f, ID_A, "text"), "a");
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 3);
    /* Of another type: not a number, and not lost either. */
    struct record rec;
    struct buf shown = { 0 };
    must(f, db_record_read(f->db, f->tasks, ID_A, &rec, &f->err));
    record_to_json(&rec, &shown);
    assert_non_null(strstr(buf_str(&shown), "\"rank\":\"three\""));
    record_done(&rec);
    buf_done(&shown);
}

static void a_definition_that_drops_or_changes_a_column_is_refused_untouched(void **state)
{
    struct fixture *f = *state;
    const char *const wrong[] = {
        "{\"name\":\"tasks\",\"label\":\"T\",\"labelOne\":\"t\",\"title\":\"text\",\"columns\":"
        "[{\"name\":\"text\",\"type\":\"text\"}]}",
        "{\"name\":\"tasks\",\"label\":\"T\",\"labelOne\":\"t\",\"title\":\"text\",\"columns\":"
        "[{\"name\":\"text\",\"type\":\"text\"},{\"name\":\"isCompleted\",\"type\":\"bool\"},"
        "{\"name\":\"priority\",\"type\":\"integer\"},{\"name\":\"dueAt\",\"type\":\"date\"},"
        "{\"name\":\"notes\",\"type\":\"text\"}]}",
    };

    fixture_walk(f, docs3(), "e1", "c1");
    for (size_t i = 0; i < 2; i++) {
        struct registry *reg = registry_new();
        struct db *db = NULL;
        must(f, registry_add(reg, wrong[i], strlen(wrong[i]), "wrong.json", &f->err));
        const struct db_options options = { .path = f->path, .role = DB_SYNCER, .registry = reg, .clock = &f->clock };
        assert_int_equal(db_open(&options, &db, &f->err), RC_INVALID);
        assert_non_null(strstr(f->err.msg, i == 0 ? "dropped" : "changed its type from choice to integer"));
        must(f, db_fit_registry(f->path, reg, &f->err));
        assert_int_equal(registry_count(reg), 0);
        assert_int_equal(registry_problem_count(reg), 1);
        must(f, db_open(&options, &db, &f->err));
        db_close(db);
        registry_free(reg);
    }
    assert_string_equal(fixture_text(f, ID_B, "isCompleted"), "yes");
}

static void a_walk_of_the_same_epoch_removes_what_was_not_seen_but_nothing_pending(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, docs3(), "e1", "c1");
    SAVE(f, ID_B, &saved, "text", "mine");
    fixture_walk(f, array_of(doc_json(ID_C, 7, "'text':'c'")), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "gone");
    assert_string_equal(fixture_text(f, ID_B, "text"), "mine");
    assert_string_equal(fixture_text(f, ID_C, "text"), "c");
    struct db_ops ops = fixture_queue(f, 1);
    assert_false(ops.items[0].is_create);
    db_ops_done(&ops);
}

static void a_push_answer_during_a_walk_counts_as_seen(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, docs3(), "e1", "c1");
    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    fixture_walk_page(f, docs3(), "e1", "w1", true);
    SAVE(f, NULL, &saved, "text", "new");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(saved.client_id, 20, "'text':'new'"), NULL, "e1");
    db_ops_done(&sent);
    fixture_walk_page(f, NULL, "e1", "c2", false);
    for (bool done = false; !done;)
        must(f, db_walk_finish(f->db, f->tasks, &done, &f->err));
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "new");
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 4);
}

static void what_was_removed_before_the_first_page_goes_though_a_push_saw_it(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, docs3(), "e1", "c1");
    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 20, "'text':'mine'"), NULL, "e1");
    db_ops_done(&sent);
    /* Here the office removes A; then the walk's first page is made, which leaves the tombstone out. */
    cJSON *docs = docs3();
    cJSON_DeleteItemFromArray(docs, 0);
    fixture_walk_page(f, docs, "e1", "c2", false);
    for (bool done = false; !done;)
        must(f, db_walk_finish(f->db, f->tasks, &done, &f->err));
    assert_string_equal(fixture_text(f, ID_A, "text"), "gone");
    fixture_queue(f, 0);
}

static void a_first_page_that_comes_again_forgets_what_it_saw(void **state)
{
    struct fixture *f = *state;
    struct db_apply *apply = NULL;
    cJSON *docs = cJSON_CreateArray(), *page;
    char id[ID_SIZE];
    bool done = false;

    for (int i = 0; i < 150; i++) {
        snprintf(id, sizeof id, "01890000-0000-7000-8000-%012d", i);
        cJSON_AddItemToArray(docs, doc_json(id, i + 1, ""));
    }
    page = walk_page(docs, "e1", "w1", false);
    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    must(f, db_apply_walk(f->db, f->tasks, page, &apply, &f->err));
    must(f, db_apply_slice(apply, &done, &f->err));
    db_apply_free(apply);               /* killed here; the office removes the first one; the page is asked for again */
    cJSON_DeleteItemFromArray(docs, 0);
    must(f, db_apply_walk(f->db, f->tasks, page, &apply, &f->err));
    fixture_apply(f, apply);
    cJSON_Delete(page);
    for (done = false; !done;)
        must(f, db_walk_finish(f->db, f->tasks, &done, &f->err));
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 149);
}

static void what_was_accepted_in_an_epoch_that_ended_before_the_first_page_is_queued_again(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    SAVE(f, NULL, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(saved.client_id, 20, "'text':'mine'"), NULL, "e1");
    db_ops_done(&sent);
    /* The backend is restored from a backup that lacks it, before one page has come. */
    must(f, db_walk_begin(f->db, f->tasks, "e2", &f->err));
    fixture_walk_page(f, docs3(), "e2", "c2", false);
    for (bool done = false; !done;)
        must(f, db_walk_finish(f->db, f->tasks, &done, &f->err));
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "mine");
    struct db_ops ops = fixture_queue(f, 1);
    assert_true(ops.items[0].is_create);
    db_ops_done(&ops);
}

/* A restored backend: this device wrote A and B, the office C and D. */
static void a_new_epoch_queues_our_own_again_and_saves_the_rest_before_removing(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct buf recovered = { 0 }, path = { 0 };
    const char *const mine[] = { ID_A, ID_B };

    fixture_walk(f, docs3(), "e1", "c1");
    for (size_t i = 0; i < 2; i++) {
        SAVE(f, mine[i], &saved, "notes", "from here");
        struct db_ops sent = fixture_take(f, 1);
        fixture_applied(f, &sent.items[0], doc_json(mine[i], 50, "'text':'kept','notes':'from here'"), NULL, "e1");
        db_ops_done(&sent);
    }
    /* The backup has an older A, knows neither B nor C. */
    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'a'")), "e2", "d1");
    struct db_ops ops = fixture_queue(f, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(ops.items[i].client_id, mine[i]);
        assert_true(ops.items[i].is_create);
        assert_non_null(strstr(ops.items[i].set, "\"text\":\"kept\""));
        assert_non_null(strstr(ops.items[i].set, "\"notes\":\"from here\""));
    }
    db_ops_done(&ops);
    assert_string_equal(fixture_text(f, ID_A, "text"), "kept");
    assert_string_equal(fixture_text(f, ID_C, "text"), "gone");
    buf_printf(&path, "%s.recovered.jsonl", f->path);
    must(f, file_read(buf_str(&path), 1 << 20, &recovered, &f->err));
    cJSON *line = NULL; /* there is one */
    must(f, json_parse(buf_str(&recovered), recovered.len, &line, &f->err));
    assert_string_equal(json_get_string(line, "table"), "tasks");
    assert_string_equal(json_get_string(json_get(line, "doc"), "clientId"), ID_C);
    assert_false(cJSON_IsNumber(json_get(json_get(line, "doc"), "deletedAt")));
    cJSON_Delete(line);
    assert_null(strstr(buf_str(&recovered), ID_B));
    buf_done(&recovered);
    buf_done(&path);
}

static void a_lower_rev_of_a_new_epoch_is_believed_for_what_others_wrote(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 50, "'text':'lost change'")), "e1", "c1");
    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'from the backup'")), "e2", "d1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "from the backup");
    fixture_queue(f, 0);
}

static void a_push_answer_of_a_new_epoch_starts_the_walk(void **state)
{
    struct fixture *f = *state;
    struct db_pull_tables tables;
    struct db_saved saved;

    fixture_walk(f, docs3(), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 2, "'text':'mine'"), NULL, "e2");
    db_ops_done(&sent);
    struct db_pull_table t = tasks_state(f, &tables);
    assert_true(t.is_walking);
    assert_string_equal(t.walk_epoch, "e2");
    assert_string_equal(t.epoch, "e1");
    db_pull_tables_done(&tables);
    assert_int_equal(fixture_mark(f, ID_A), MARK_SYNCED);
    /* Seen in the new epoch already: an even lower rev in the walk is older, not a loss. */
    fixture_walk_page(f, docs3(), "e2", "d1", false);
    for (bool done = false; !done;)
        must(f, db_walk_finish(f->db, f->tasks, &done, &f->err));
    fixture_queue(f, 0);
}

/* The backup lacks the notes that this device had written, and its next write is what tells it of the new epoch: the
 * record has a rev above ours then, but only because of that write. */
static void what_a_backup_lost_is_queued_again_when_our_own_push_has_raised_the_rev(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, docs3(), "e1", "c1");
    SAVE(f, ID_A, &saved, "notes", "from here");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 50, "'text':'a','notes':'from here'"), NULL, "e1");
    db_ops_done(&sent);
    SAVE(f, ID_A, &saved, "text", "newer");
    sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 90, "'text':'newer'"), NULL, "e2");
    db_ops_done(&sent);
    assert_string_equal(fixture_text(f, ID_A, "notes"), "from here");
    struct db_ops ops = fixture_queue(f, 1);
    assert_true(ops.items[0].is_create);
    assert_non_null(strstr(ops.items[0].set, "\"notes\":\"from here\""));
    db_ops_done(&ops);
}

/* The same, but the answer to that write is lost: what tells is the walk, which brings the record as the write has left
 * it. Then the write waits still, and what it did not set must not be taken as the backend has it. */
static void what_a_backup_lost_is_queued_again_when_our_own_push_to_it_had_no_answer(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, docs3(), "e1", "c1");
    SAVE(f, ID_A, &saved, "notes", "from here");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 50, "'text':'a','notes':'from here'"), NULL, "e1");
    db_ops_done(&sent);
    SAVE(f, ID_A, &saved, "text", "newer");
    sent = fixture_take(f, 1);
    fixture_walk(f, array_of(doc_json(ID_A, 90, "'text':'newer'")), "e2", "c2");
    struct db_ops ops = fixture_queue(f, 1);
    assert_non_null(strstr(ops.items[0].set, "\"notes\":\"from here\""));
    assert_non_null(strstr(ops.items[0].set, "\"text\":\"newer\""));
    assert_non_null(strstr(ops.items[0].replaces, sent.items[0].op_id));
    db_ops_done(&ops);
    db_ops_done(&sent);
    assert_string_equal(fixture_text(f, ID_A, "notes"), "from here");
}

/* What has never left can not have raised the rev: somebody else has. */
static void a_newer_record_of_a_new_epoch_is_taken_where_our_write_has_not_left(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, docs3(), "e1", "c1");
    SAVE(f, ID_A, &saved, "notes", "from here");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 50, "'text':'a','notes':'from here'"), NULL, "e1");
    db_ops_done(&sent);
    SAVE(f, ID_A, &saved, "text", "newer");
    fixture_walk(f, array_of(doc_json(ID_A, 90, "'text':'b','notes':'of the office'")), "e2", "c2");
    struct db_ops ops = fixture_queue(f, 1);
    assert_null(strstr(ops.items[0].set, "notes"));
    db_ops_done(&ops);
}

/* The same, but this device had never written to the record before: what differs is the office's. */
static void a_push_of_a_new_epoch_takes_the_rest_of_the_offices_record(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 50, "'notes':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "newer");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 90, "'text':'newer','notes':'of the office'"), NULL, "e2");
    db_ops_done(&sent);
    assert_string_equal(fixture_text(f, ID_A, "notes"), "of the office");
    fixture_queue(f, 0);
}

/* Saved and accepted; the answer says which epoch. */
static void push_in_epoch(struct fixture *f, const char *text, const char *epoch)
{
    struct db_saved saved;

    SAVE(f, ID_A, &saved, "text", text);
    struct db_ops sent = fixture_take(f, 1);
    cJSON *doc = doc_json(ID_A, 90, "");
    cJSON_ReplaceItemInObjectCaseSensitive(doc, "text", cJSON_CreateString(text));
    fixture_applied(f, &sent.items[0], doc, NULL, epoch);
    db_ops_done(&sent);
}

static void an_answer_of_the_epoch_that_is_walked_begins_no_other_walk(void **state)
{
    struct fixture *f = *state;
    struct db_pull_tables tables;
    bool done = false;

    fixture_walk(f, docs3(), "e1", "c1");
    must(f, db_walk_begin(f->db, f->tasks, "e2", &f->err));
    fixture_walk_page(f, docs3(), "e2", "w1", true);
    push_in_epoch(f, "during the walk", "e2");
    assert_string_equal(tasks_state(f, &tables).walk_cursor, "w1");
    db_pull_tables_done(&tables);
    fixture_walk_page(f, NULL, "e2", "c2", false);
    while (!done)
        must(f, db_walk_finish(f->db, f->tasks, &done, &f->err));
    push_in_epoch(f, "after the walk", "e2");
    assert_false(tasks_state(f, &tables).is_walking);
    db_pull_tables_done(&tables);
}

static void changes_of_another_epoch_or_during_a_walk_are_not_applied(void **state)
{
    struct fixture *f = *state;
    struct db_pull_tables tables;

    fixture_walk(f, docs3(), "e1", "c1");
    fixture_change(f, doc_json(ID_A, 8, "'text':'other epoch'"), "e2", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "a");
    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    fixture_change(f, doc_json(ID_A, 8, "'text':'during a walk'"), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "a");
    assert_string_equal(tasks_state(f, &tables).cursor, "c1");
    db_pull_tables_done(&tables);
}

static void a_page_with_one_wrong_record_is_refused_whole(void **state)
{
    struct fixture *f = *state;
    struct db_apply *apply = NULL;
    const char *const wrong[] = {
        "'rev':'x'", "'rev':null", "'clientId':'no uuid'", "'serverId':null",
        "'deletedAt':'now'", "'createdAt':'now'",
    };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cJSON *docs = docs3();
        cJSON_AddItemToArray(docs, doc_json("01890000-0000-7000-8000-00000000000d", 9, wrong[i]));
        cJSON *page = walk_page(docs, "e1", "w1", false);
        if (db_apply_walk(f->db, f->tasks, page, &apply, &f->err) != RC_PROTOCOL)
            fail_msg("accepted: %s", wrong[i]);
        cJSON_Delete(page);
    }
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static int64_t time_that_flies(void *ctx)
{
    return *(int64_t *)ctx += 1000;
}

static void a_slice_of_a_slow_machine_is_eight_rows(void **state)
{
    struct fixture *f = *state;
    cJSON *docs = array_of(NULL);
    struct db_apply *apply = NULL;
    char id[ID_SIZE];
    bool done = false;

    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "01890000-0000-7000-8000-%012d", i);
        cJSON_AddItemToArray(docs, doc_json(id, i + 1, ""));
    }
    cJSON *page = walk_page(docs, "e1", "c1", false);
    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    f->clock.mono_ms = time_that_flies;
    must(f, db_apply_walk(f->db, f->tasks, page, &apply, &f->err));
    for (int rows = 8; !done; rows += 8) {
        must(f, db_apply_slice(apply, &done, &f->err));
        assert_int_equal(fixture_count(f, DB_VIEW_ALL), done ? 20 : rows);
    }
    db_apply_free(apply);
    cJSON_Delete(page);
}

static void an_empty_page_with_the_same_cursor_writes_nothing(void **state)
{
    struct fixture *f = *state;
    struct db_apply *apply = NULL;
    sqlite3 *writer;
    bool done = false;

    fixture_walk(f, docs3(), "e1", "c1");
    struct db *watcher = fixture_open(f, DB_READER);
    db_has_changed(watcher);
    cJSON *page = quoted("{'epoch':'e1','changes':[],'cursors':{'tasks':'c1'},'more':false}");
    must(f, db_apply_changes(f->db, page, &apply, &f->err));
    assert_int_equal(sqlite3_open(f->path, &writer), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    must(f, db_apply_slice(apply, &done, &f->err)); /* nor does it wait for who writes */
    sqlite3_close(writer);
    assert_true(done);
    assert_false(db_has_changed(watcher));
    db_apply_free(apply);
    cJSON_Delete(page);
    db_close(watcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(the_first_walk_makes_a_table_complete),
        T(a_walk_goes_on_after_a_restart_where_it_stopped),
        T(a_page_moves_its_cursor_only_with_its_last_rows),
        T(a_change_of_the_office_arrives_and_a_tombstone_removes),
        T(an_older_doc_is_ignored),
        T(pull_never_overwrites_a_pending_column_and_keeps_the_shadow),
        T(a_pending_record_outlives_its_tombstone),
        T(a_form_saved_for_a_record_that_is_gone_brings_all_of_it_back),
        T(columns_of_a_newer_backend_are_kept_and_never_sent),
        T(a_column_that_an_older_backend_does_not_send_keeps_its_default),
        T(a_value_of_another_type_is_kept_aside_and_stops_nothing),
        T(a_column_added_later_takes_what_was_kept_of_it),
        T(a_definition_that_drops_or_changes_a_column_is_refused_untouched),
        T(a_walk_of_the_same_epoch_removes_what_was_not_seen_but_nothing_pending),
        T(a_push_answer_during_a_walk_counts_as_seen),
        T(what_was_removed_before_the_first_page_goes_though_a_push_saw_it),
        T(a_first_page_that_comes_again_forgets_what_it_saw),
        T(what_was_accepted_in_an_epoch_that_ended_before_the_first_page_is_queued_again),
        T(a_new_epoch_queues_our_own_again_and_saves_the_rest_before_removing),
        T(a_lower_rev_of_a_new_epoch_is_believed_for_what_others_wrote),
        T(a_push_answer_of_a_new_epoch_starts_the_walk),
        T(what_a_backup_lost_is_queued_again_when_our_own_push_has_raised_the_rev),
        T(what_a_backup_lost_is_queued_again_when_our_own_push_to_it_had_no_answer),
        T(a_newer_record_of_a_new_epoch_is_taken_where_our_write_has_not_left),
        T(a_push_of_a_new_epoch_takes_the_rest_of_the_offices_record),
        T(an_answer_of_the_epoch_that_is_walked_begins_no_other_walk),
        T(changes_of_another_epoch_or_during_a_walk_are_not_applied),
        T(a_page_with_one_wrong_record_is_refused_whole),
        T(an_empty_page_with_the_same_cursor_writes_nothing),
        T(a_slice_of_a_slow_machine_is_eight_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
