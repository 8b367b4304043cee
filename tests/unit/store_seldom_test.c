/* Moments that seldom meet: an answer and a page cross, a part of the store is lost in between. */
#include "db/db.h"
#include "tests/unit/store_fixture.h"

static void finish_walk(struct fixture *f)
{
    for (bool done = false; !done;)
        must(f, db_walk_finish(f->db, f->tasks, &done, &f->err));
}

static void a_tombstone_of_a_record_that_never_was_here_makes_nothing(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, NULL, "e1", "c1");
    fixture_change(f, doc_json(ID_A, 5, "'deletedAt':1600000000000.0"), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "gone");
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static void an_older_page_of_a_walk_counts_as_seen_and_takes_nothing_back(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 9, "'text':'new'")), "e1", "c1");
    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    fixture_walk_page(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c2", false);
    finish_walk(f);
    assert_string_equal(fixture_text(f, ID_A, "text"), "new");
}

static void a_walk_puts_right_what_an_accident_has_changed_here(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 9, "'text':'right'")), "e1", "c1");
    fixture_sql(f, "UPDATE tasks SET text = 'wrong'");
    fixture_walk(f, array_of(doc_json(ID_A, 9, "'text':'right'")), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "right");
}

static void an_answer_leaves_a_record_alone_that_an_unreadable_op_may_have_changed(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','notes':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "first");
    struct db_ops sent = fixture_take(f, 1);
    SAVE(f, ID_A, &saved, "notes", "second");
    fixture_sql(f, "UPDATE sync_queue SET payload = '{\"notes\":'");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 9, "'text':'first','notes':'office'"), NULL,
                    "e1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "first");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "second");
    assert_int_equal(fixture_mark(f, ID_A), MARK_CHANGED);
    db_ops_done(&sent);
}

static void an_old_answer_and_a_lost_shadow_leave_what_is_there(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_change(f, doc_json(ID_A, 12, "'text':'mine','notes':'later'"), "e1", "c2");
    fixture_sql(f, "UPDATE tasks SET shadow = '{half'");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 9, "'text':'mine','notes':'older'"), NULL,
                    "e1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "-");
    assert_int_equal(fixture_mark(f, ID_A), MARK_SYNCED);
    db_ops_done(&sent);
}

static void an_old_answer_before_an_edit_brings_what_a_page_brought_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','notes':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    SAVE(f, ID_A, &saved, "text", "mine again");
    fixture_change(f, doc_json(ID_A, 12, "'text':'mine','notes':'theirs'"), "e1", "c2");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 9, "'text':'mine','notes':'old'"), NULL,
                    "e1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine again");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "theirs");
    assert_int_equal(fixture_mark(f, ID_A), MARK_CHANGED);
    db_ops_done(&sent);
}

static void an_answer_that_a_lost_record_was_removed_makes_none(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_sql(f, "DELETE FROM tasks; UPDATE sync_counts SET n = 0");
    fixture_applied(f, &sent.items[0], doc_json(saved.client_id, 9, "'deletedAt':1600000000000.0"),
                    NULL, "e1");
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "gone");
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
    struct db_ops ops = fixture_queue(f, 0);
    db_ops_done(&ops);
    db_ops_done(&sent);
}

/* A value that would be refused in a new record is left out of it. */
static void a_record_that_the_backend_lost_goes_up_without_its_empty_required_columns(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','isCompleted':null")), "e1", "c1");
    SAVE(f, ID_A, &saved, "notes", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_rejected(f, &sent.items[0], "not_found");
    db_ops_done(&sent);
    struct db_ops ops = fixture_queue(f, 1);
    assert_true(ops.items[0].is_create);
    cJSON *set = quoted(ops.items[0].set);
    assert_string_equal(json_get_string(set, "text"), "old");
    assert_string_equal(json_get_string(set, "notes"), "mine");
    assert_null(json_get(set, "isCompleted"));
    cJSON_Delete(set);
    db_ops_done(&ops);
}

/* The restored backend has what we wrote before: then our next push is a push like any other. */
static void an_answer_of_a_new_epoch_that_lacks_nothing_leaves_nothing_to_send(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, NULL, "e1", "c1");
    SAVE(f, NULL, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(saved.client_id, 9, "'text':'mine'"), NULL, "e1");
    db_ops_done(&sent);
    SAVE(f, saved.client_id, &saved, "notes", "n");
    sent = fixture_take(f, 1);
    must(f, db_walk_begin(f->db, f->tasks, "e2", &f->err));
    fixture_applied(f, &sent.items[0], doc_json(saved.client_id, 3, "'text':'mine','notes':'n'"),
                    NULL, "e2");
    db_ops_done(&sent);
    struct db_ops ops = fixture_queue(f, 0);
    assert_int_equal(fixture_mark(f, saved.client_id), MARK_SYNCED);
    db_ops_done(&ops);
}

/* ---- what a person then does ---- */

struct seen {
    const char *code;
    enum db_gravity gravity;
    char todo[200];
    int count;
};

static void look_for(void *ctx, const struct db_finding *finding)
{
    struct seen *seen = ctx;

    if (strcmp(finding->code, seen->code) != 0)
        return;
    seen->count++;
    seen->gravity = finding->gravity;
    snprintf(seen->todo, sizeof seen->todo, "%s", finding->todo);
}

static struct seen doctor(struct fixture *f, bool is_repairing, const char *code)
{
    struct seen seen = { .code = code };

    must(f, db_doctor(f->db, is_repairing, look_for, &seen, &f->err));
    return seen;
}

static void an_unreadable_op_without_its_record_can_only_be_taken_out(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "a");
    fixture_sql(f, "UPDATE sync_queue SET payload = 'x'; DELETE FROM tasks;"
                   "UPDATE sync_counts SET n = 0");
    struct seen seen = doctor(f, true, "queue_unreadable");
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.gravity, DB_ILL);
    assert_non_null(strstr(seen.todo, "queue discard"));
    struct db_ops ops = fixture_queue(f, 1); /* not even then is it dropped */
    db_ops_done(&ops);
}

static void a_change_of_an_unknown_column_is_named(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "a");
    fixture_sql(f, "UPDATE sync_queue SET payload = '{\"text\":\"a\",\"colour\":\"red\"}'");
    struct seen seen = doctor(f, false, "queue_unknown_column");
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.gravity, DB_ILL);
    assert_non_null(strstr(seen.todo, "definition"));
}

static void a_repaired_mark_keeps_what_is_there_as_the_office_version(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_op op = { 0 };

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','notes':'office'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    fixture_sql(f, "UPDATE tasks SET sync_status = 'synced', shadow = NULL");
    assert_int_equal(doctor(f, true, "change_without_pending").gravity, DB_REPAIRED);
    assert_int_equal(fixture_mark(f, ID_A), MARK_CHANGED);
    must(f, db_queue_find(f->db, ID_A, &op, &f->err));
    must(f, db_queue_discard(f->db, &op, 0, &f->err));
    assert_string_equal(fixture_text(f, ID_A, "notes"), "office");
    assert_int_equal(fixture_mark(f, ID_A), MARK_SYNCED);
    db_op_done(&op);
}

static void a_discard_before_an_unreadable_op_takes_back_only_what_is_known(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    char text[20];

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','notes':'office'")), "e1", "c1");
    for (int i = 0; i < 21; i++) { /* more than one op can name: the last gets one of its own */
        snprintf(text, sizeof text, "sent %d", i);
        SAVE(f, ID_A, &saved, "text", text);
        struct db_ops sent = fixture_take(f, 1);
        db_ops_done(&sent);
    }
    SAVE(f, ID_A, &saved, "notes", "behind");
    fixture_sql(f, "UPDATE sync_queue SET payload = 'x' WHERE seq = (SELECT max(seq) FROM "
                   "sync_queue)");
    struct db_ops ops = fixture_queue(f, 2);
    must(f, db_queue_discard(f->db, &ops.items[0], 0, &f->err));
    assert_string_equal(fixture_text(f, ID_A, "text"), "old");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "behind");
    db_ops_done(&ops);
}

static void an_op_of_a_missing_definition_can_not_be_edited(void **state)
{
    struct fixture *f = *state;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    struct db_saved saved, again;
    struct db_op op = { 0 };

    SAVE(f, NULL, &saved, "text", "a");
    fixture_sql(f, "UPDATE sync_queue SET table_name = 'visits'");
    must(f, db_queue_find(f->db, saved.client_id, &op, &f->err));
    assert_int_equal(db_queue_edit(f->db, &op, values, is_set, &again, &f->err), RC_INVALID);
    assert_non_null(strstr(f->err.msg, "definition"));
    db_op_done(&op);
}

static void a_table_whose_row_is_lost_is_damage(void **state)
{
    struct fixture *f = *state;
    struct db *db = NULL;
    const struct db_options options = {
        .path = f->path, .role = DB_SYNCER, .registry = f->reg, .clock = &f->clock
    };

    db_close(f->db);
    f->db = NULL;
    fixture_sql(f, "DELETE FROM sync_metadata");
    assert_int_equal(db_open(&options, &db, &f->err), RC_CORRUPT);
    assert_non_null(strstr(f->err.msg, "outpost doctor"));
}

static void what_is_still_unknown_is_kept_when_one_column_becomes_known(void **state)
{
    static const char grown[] =
        "{\"name\":\"tasks\",\"label\":\"T\",\"labelOne\":\"t\",\"title\":\"text\",\"columns\":["
        "{\"name\":\"text\",\"type\":\"text\"},{\"name\":\"isCompleted\",\"type\":\"bool\"},"
        "{\"name\":\"priority\",\"type\":\"choice\",\"choices\":[\"low\",\"normal\",\"high\"]},"
        "{\"name\":\"dueAt\",\"type\":\"date\"},{\"name\":\"notes\",\"type\":\"text\"},"
        "{\"name\":\"rank\",\"type\":\"integer\"}]}";
    struct fixture *f = *state;
    struct registry *reg = registry_new();
    struct record rec;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'rank':3,'colour':'red'")), "e1", "c1");
    db_close(f->db);
    f->db = NULL;
    must(f, registry_add(reg, grown, sizeof grown - 1, "grown.json", &f->err));
    registry_free(f->reg);
    f->reg = reg;
    f->tasks = registry_find(reg, "tasks");
    f->db = fixture_open(f, DB_SYNCER);
    assert_string_equal(fixture_text(f, ID_A, "rank"), "3");
    must(f, db_record_read(f->db, f->tasks, ID_A, &rec, &f->err));
    assert_string_equal(rec.extra, "{\"colour\":\"red\"}");
    record_done(&rec);
}

/* ---- values that no screen and no backend of ours gives ---- */

static enum rc save_value(struct fixture *f, const char *column, struct value v)
{
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    const struct column *col = table_column(f->tasks, column);
    const struct db_edit edit = { .table = f->tasks, .values = values, .is_set = is_set };
    struct db_saved saved;

    values[col->index] = v;
    is_set[col->index] = true;
    return db_save(f->db, &edit, &saved, &f->err);
}

static void a_value_that_is_no_value_of_its_column_is_refused(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(
        save_value(f, "text",
                   (struct value){ .kind = VALUE_TEXT, .text = (char *)"a\xff", .len = 2 }),
        RC_INVALID);
    assert_non_null(strstr(f->err.msg, "UTF-8"));
    assert_string_equal(f->err.column, "text");
    assert_int_equal(save_value(f, "text", (struct value){ .kind = VALUE_INT, .number = 3 }),
                     RC_INVALID);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_tombstone_of_a_record_that_never_was_here_makes_nothing),
        T(an_older_page_of_a_walk_counts_as_seen_and_takes_nothing_back),
        T(a_walk_puts_right_what_an_accident_has_changed_here),
        T(an_answer_leaves_a_record_alone_that_an_unreadable_op_may_have_changed),
        T(an_old_answer_and_a_lost_shadow_leave_what_is_there),
        T(an_old_answer_before_an_edit_brings_what_a_page_brought_meanwhile),
        T(an_answer_that_a_lost_record_was_removed_makes_none),
        T(a_record_that_the_backend_lost_goes_up_without_its_empty_required_columns),
        T(an_answer_of_a_new_epoch_that_lacks_nothing_leaves_nothing_to_send),
        T(an_unreadable_op_without_its_record_can_only_be_taken_out),
        T(a_change_of_an_unknown_column_is_named),
        T(a_repaired_mark_keeps_what_is_there_as_the_office_version),
        T(a_discard_before_an_unreadable_op_takes_back_only_what_is_known),
        T(an_op_of_a_missing_definition_can_not_be_edited),
        T(a_table_whose_row_is_lost_is_damage),
        T(what_is_still_unknown_is_kept_when_one_column_becomes_known),
        T(a_value_that_is_no_value_of_its_column_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
