/* What only a mutant of the store had shown to be untested. */
#include "db/db.h"
#include "tests/unit/store_fixture.h"

/* Its op alone would bring the edited column and nothing else of the record. */
static void a_pending_record_that_a_restored_backend_lacks_goes_up_whole(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'pump','notes':'behind the wall'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "new pump");
    fixture_walk(f, array_of(NULL), "e2", "d1");
    struct db_ops ops = fixture_queue(f, 1);
    assert_true(ops.items[0].is_create);
    assert_non_null(strstr(ops.items[0].set, "\"text\":\"new pump\""));
    assert_non_null(strstr(ops.items[0].set, "\"notes\":\"behind the wall\""));
    db_ops_done(&ops);
}

static void a_new_record_waits_as_it_is_while_a_new_epoch_is_walked(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(NULL), "e1", "c1");
    SAVE(f, NULL, &saved, "text", "new");
    struct db_ops before = fixture_queue(f, 1);
    fixture_walk(f, array_of(NULL), "e2", "d1");
    struct db_ops after = fixture_queue(f, 1);
    assert_string_equal(after.items[0].op_id, before.items[0].op_id);
    db_ops_done(&before);
    db_ops_done(&after);
}

static void a_record_that_went_while_its_op_was_under_way_comes_back_as_ours(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_sql(f, "DELETE FROM tasks");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 6, "'text':'mine'"), NULL, "e1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    db_ops_done(&sent);
    /* Ours: a restored backend that lacks it gets it again. */
    fixture_walk(f, array_of(NULL), "e2", "d1");
    struct db_ops again = fixture_queue(f, 1);
    assert_string_equal(again.items[0].client_id, ID_A);
    db_ops_done(&again);
}

static void what_waits_has_a_record_even_after_an_accident_and_a_removal(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    SAVE(f, ID_A, &saved, "notes", "mine, too");
    fixture_sql(f, "DELETE FROM tasks");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 7, "'deletedAt':1600000000001"), NULL, "e1");
    assert_int_equal(fixture_mark(f, ID_A), MARK_CHANGED);
    db_ops_done(&sent);
}

static void an_op_is_exported_with_all_that_is_known_of_it(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct buf json = { 0 }, want = { 0 };

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "lost");
    struct db_ops lost = fixture_take(f, 1);
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_rejected(f, &sent.items[0], "invalid_value");
    struct db_ops ops = fixture_queue(f, 1);
    const struct db_op *op = &ops.items[0];
    db_op_to_json(op, &json);
    buf_printf(&want,
               "{\"opId\":\"%s\",\"table\":\"tasks\",\"clientId\":\"%s\",\"operation\":\"update\",\"set\":"
               "{\"text\":\"mine\"},\"base\":{\"text\":\"old\"},\"createdAt\":%lld,\"updatedAt\":%lld,\"replaces\":"
               "[\"%s\"],\"state\":\"queued\",\"retryCount\":1,\"sentAt\":%lld,\"retryAt\":%lld,\"error\":\"not so\","
               "\"errorCode\":\"invalid_value\"}",
               sent.items[0].op_id, ID_A, (long long)op->created_at, (long long)op->updated_at, lost.items[0].op_id,
               (long long)f->now, (long long)f->now + 1000);
    assert_string_equal(buf_str(&json), buf_str(&want));
    buf_done(&json);
    buf_done(&want);
    db_ops_done(&lost);
    db_ops_done(&sent);
    db_ops_done(&ops);
}

static void discard(struct fixture *f, const char *id)
{
    struct db_op op = { 0 };

    must(f, db_queue_find(f->db, id, &op, &f->err));
    must(f, db_queue_discard(f->db, &op, 0, &f->err));
    db_op_done(&op);
}

static void an_edit_after_the_discard_of_one_sent_op_names_it(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    char want[64];

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "taken back");
    struct db_ops sent = fixture_take(f, 1);
    discard(f, sent.items[0].op_id);
    SAVE(f, ID_A, &saved, "text", "right");
    struct db_ops after = fixture_queue(f, 1);
    snprintf(want, sizeof want, "[\"%s\"]", sent.items[0].op_id);
    assert_string_equal(after.items[0].replaces, want);
    db_ops_done(&sent);
    db_ops_done(&after);
}

/* Twenty-one answers were lost, so the last edit waits behind; then the first op is taken back. */
static void what_waits_behind_a_discarded_sent_op_stands_for_it(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    for (int i = 0; i < 21; i++) {
        SAVE(f, ID_A, &saved, "text", i % 2 == 0 ? "even" : "odd");
        struct db_ops sent = fixture_take(f, 1);
        db_ops_done(&sent);
    }
    SAVE(f, ID_A, &saved, "text", "last");
    struct db_ops two = fixture_queue(f, 2);
    discard(f, two.items[0].op_id);
    struct db_ops left = fixture_queue(f, 1);
    assert_string_equal(left.items[0].set, "{\"text\":\"last\"}");
    cJSON *replaces = quoted(left.items[0].replaces);
    assert_int_equal(cJSON_GetArraySize(replaces), 20);
    cJSON_Delete(replaces);
    db_ops_done(&two);
    db_ops_done(&left);
}

static void an_answer_while_another_edit_waits_is_what_its_discard_brings_back(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','notes':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    SAVE(f, ID_A, &saved, "notes", "mine, too");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 7, "'text':'mine','notes':'of the office'"), NULL, "e1");
    discard(f, ID_A);
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "of the office");
    db_ops_done(&sent);
}

/* The first op arrived in a new epoch, and its answer was lost: what the second sets is no loss. */
static void what_an_op_behind_a_lost_answer_sets_is_not_missed_in_a_new_epoch(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    char text[20];

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 6, "'text':'mine'"), NULL, "e1");
    db_ops_done(&sent);
    for (int i = 0; i < 21; i++) {
        snprintf(text, sizeof text, "sent %d", i);
        SAVE(f, ID_A, &saved, "text", text);
        sent = fixture_take(f, 1);
        db_ops_done(&sent);
    }
    SAVE(f, ID_A, &saved, "notes", "behind");
    fixture_walk(f, array_of(doc_json(ID_A, 50, "'text':'sent 20'")), "e2", "d1");
    struct db_ops two = fixture_queue(f, 2);
    assert_false(two.items[1].is_create);
    assert_string_equal(two.items[1].set, "{\"notes\":\"behind\"}");
    db_ops_done(&two);
}

static void a_record_without_unknown_columns_has_nothing_beside_the_known_ones(void **state)
{
    struct fixture *f = *state;
    struct record rec = { 0 };

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    must(f, db_record_read(f->db, f->tasks, ID_A, &rec, &f->err));
    assert_null(rec.extra);
    record_done(&rec);
}

static void in_a_walk_of_the_same_epoch_an_answer_brings_what_the_office_wrote(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 6, "'text':'mine'"), NULL, "e1");
    db_ops_done(&sent);
    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    SAVE(f, ID_A, &saved, "text", "mine again");
    sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 8, "'text':'mine again','notes':'office'"),
                    NULL, "e1");
    db_ops_done(&sent);
    sent = fixture_queue(f, 0); /* nothing of it counts as lost there */
    db_ops_done(&sent);
    assert_string_equal(fixture_text(f, ID_A, "notes"), "office");
}

static void unknown_columns_come_back_with_a_discard(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct record rec = { 0 };

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    fixture_change(f, doc_json(ID_A, 6, "'text':'theirs','colour':'red'"), "e1", "c2");
    discard(f, ID_A);
    must(f, db_record_read(f->db, f->tasks, ID_A, &rec, &f->err));
    assert_string_equal(rec.extra, "{\"colour\":\"red\"}");
    record_done(&rec);
}

static void a_store_with_a_table_that_was_never_walked_is_not_complete(void **state)
{
    struct fixture *f = *state;
    bool all = true, any = true;

    must(f, db_pull_is_complete(f->db, &all, &any, &f->err));
    assert_false(all);
    assert_false(any);
    fixture_walk(f, array_of(NULL), "e1", "c1");
    must(f, db_pull_is_complete(f->db, &all, &any, &f->err));
    assert_true(all);
    assert_true(any);
}

static void an_import_after_a_broken_one_is_saved(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_sql(f, "ALTER TABLE sync_queue RENAME TO elsewhere");
    must(f, db_batch_begin(f->db, &f->err));
    assert_int_not_equal(fixture_try_save(f, f->db, NULL, &saved, "text", "lost", NULL), RC_OK);
    assert_int_not_equal(db_batch_end(f->db, &f->err), RC_OK);
    fixture_sql(f, "ALTER TABLE elsewhere RENAME TO sync_queue");
    must(f, db_batch_begin(f->db, &f->err));
    SAVE(f, NULL, &saved, "text", "kept");
    must(f, db_batch_end(f->db, &f->err));
    struct db_ops ops = fixture_queue(f, 1);
    db_ops_done(&ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_pending_record_that_a_restored_backend_lacks_goes_up_whole),
        T(a_new_record_waits_as_it_is_while_a_new_epoch_is_walked),
        T(a_record_that_went_while_its_op_was_under_way_comes_back_as_ours),
        T(what_waits_has_a_record_even_after_an_accident_and_a_removal),
        T(an_op_is_exported_with_all_that_is_known_of_it),
        T(an_edit_after_the_discard_of_one_sent_op_names_it),
        T(what_waits_behind_a_discarded_sent_op_stands_for_it),
        T(an_answer_while_another_edit_waits_is_what_its_discard_brings_back),
        T(what_an_op_behind_a_lost_answer_sets_is_not_missed_in_a_new_epoch),
        T(unknown_columns_come_back_with_a_discard),
        T(in_a_walk_of_the_same_epoch_an_answer_brings_what_the_office_wrote),
        T(a_record_without_unknown_columns_has_nothing_beside_the_known_ones),
        T(a_store_with_a_table_that_was_never_walked_is_not_complete),
        T(an_import_after_a_broken_one_is_saved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
