#include "db/db.h"
#include "tests/unit/store_fixture.h"

#define NEW_RUN 4 /* any number: it is sync's to know */

/* The caller has "written it to a file". */
static void discard(struct fixture *f, const char *id)
{
    struct db_op op = { 0 };

    must(f, db_queue_find(f->db, id, &op, &f->err));
    must(f, db_queue_discard(f->db, &op, NEW_RUN, &f->err));
    db_op_done(&op);
}

static void nothing_waits(struct fixture *f)
{
    struct db_ops ops = fixture_queue(f, 0);

    db_ops_done(&ops);
}

/* Twenty-one answers to pushes of the record are lost: the last edit no longer fits into the op
 * before it. */
static void two_ops_of_one_record(struct fixture *f, const char *id)
{
    struct db_saved saved;
    char text[20];

    for (int i = 0; i < 21; i++) {
        snprintf(text, sizeof text, "sent %d", i);
        SAVE(f, id, &saved, "text", text);
        struct db_ops sent = fixture_take(f, 1);
        db_ops_done(&sent);
    }
    SAVE(f, id, &saved, "text", "last", "notes", "behind");
    struct db_ops ops = fixture_queue(f, 2);
    db_ops_done(&ops);
}

static void a_discarded_edit_brings_back_the_office_version(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','priority':'low'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine", "isCompleted", "yes");
    assert_int_equal(fixture_count(f, DB_VIEW_DONE), 1);
    discard(f, ID_A);
    nothing_waits(f);
    assert_string_equal(fixture_text(f, ID_A, "text"), "old");
    assert_int_equal(fixture_mark(f, ID_A), MARK_SYNCED);
    assert_int_equal(fixture_count(f, DB_VIEW_DONE), 0);
    assert_int_equal(fixture_count(f, DB_VIEW_OPEN), 1);
}

static void a_discarded_edit_brings_back_what_the_office_wrote_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    fixture_change(f, doc_json(ID_A, 9, "'text':'office','notes':'n','weight':7"), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    discard(f, ID_A);
    assert_string_equal(fixture_text(f, ID_A, "text"), "office");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "n");
    /* Its rev is the one that was pulled: an older page is no news. */
    fixture_change(f, doc_json(ID_A, 8, "'text':'older'"), "e1", "c3");
    assert_string_equal(fixture_text(f, ID_A, "text"), "office");
}

static void a_record_that_was_never_accepted_goes_with_its_op(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "mine");
    discard(f, saved.client_id);
    nothing_waits(f);
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "gone");
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static void a_record_that_the_office_removed_goes_with_its_op(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    fixture_change(f, doc_json(ID_A, 9, "'deletedAt':1600000000001"), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    discard(f, ID_A);
    nothing_waits(f);
    assert_string_equal(fixture_text(f, ID_A, "text"), "gone");
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static void a_record_that_a_walk_did_not_meet_goes_with_its_op(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    fixture_walk(f, cJSON_CreateArray(), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    discard(f, ID_A);
    nothing_waits(f);
    assert_string_equal(fixture_text(f, ID_A, "text"), "gone");
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static void the_first_of_two_ops_leaves_what_the_second_sets(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','notes':'office'")), "e1", "c1");
    two_ops_of_one_record(f, ID_A);
    struct db_ops ops = fixture_queue(f, 2);
    must(f, db_queue_discard(f->db, &ops.items[0], NEW_RUN, &f->err));
    db_ops_done(&ops);
    ops = fixture_queue(f, 1);
    assert_string_equal(ops.items[0].set, "{\"text\":\"last\",\"notes\":\"behind\"}");
    cJSON *base = quoted(ops.items[0].base);
    assert_string_equal(json_get_string(base, "text"), "old");
    assert_string_equal(json_get_string(base, "notes"), "office");
    cJSON_Delete(base);
    db_ops_done(&ops);
    assert_string_equal(fixture_text(f, ID_A, "text"), "last");
    assert_int_equal(fixture_mark(f, ID_A), MARK_CHANGED);
    discard(f, ID_A);
    assert_string_equal(fixture_text(f, ID_A, "text"), "old");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "office");
}

static void the_second_of_two_ops_leaves_what_the_first_sets(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','notes':'office'")), "e1", "c1");
    two_ops_of_one_record(f, ID_A);
    struct db_ops ops = fixture_queue(f, 2);
    must(f, db_queue_discard(f->db, &ops.items[1], NEW_RUN, &f->err));
    db_ops_done(&ops);
    assert_string_equal(fixture_text(f, ID_A, "text"), "sent 20");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "office");
    assert_int_equal(fixture_mark(f, ID_A), MARK_CHANGED);
    ops = fixture_queue(f, 1);
    db_ops_done(&ops);
}

static void a_new_record_can_not_go_from_under_its_later_changes(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "mine");
    two_ops_of_one_record(f, saved.client_id);
    struct db_ops ops = fixture_queue(f, 2);
    assert_int_equal(db_queue_discard(f->db, &ops.items[0], NEW_RUN, &f->err), RC_INVALID);
    must(f, db_queue_discard(f->db, &ops.items[1], NEW_RUN, &f->err));
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "sent 20");
    assert_string_equal(fixture_text(f, saved.client_id, "notes"), "-");
    must(f, db_queue_discard(f->db, &ops.items[0], NEW_RUN, &f->err));
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "gone");
    db_ops_done(&ops);
    nothing_waits(f);
}

static void an_answer_that_comes_after_the_discard_is_what_the_record_becomes(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    discard(f, ID_A);
    assert_string_equal(fixture_text(f, ID_A, "text"), "old");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 6, "'text':'mine'"), NULL, "e1");
    db_ops_done(&sent);
    nothing_waits(f);
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    assert_int_equal(fixture_mark(f, ID_A), MARK_SYNCED);

    /* The same for a new record, which had gone with the discard. */
    SAVE(f, NULL, &saved, "text", "new");
    sent = fixture_take(f, 1);
    discard(f, saved.client_id);
    fixture_applied(f, &sent.items[0], doc_json(saved.client_id, 7, "'text':'new'"), NULL, "e1");
    db_ops_done(&sent);
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "new");
    assert_int_equal(fixture_mark(f, saved.client_id), MARK_SYNCED);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 2);
}

static void a_refusal_that_comes_after_the_discard_is_about_nothing(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    discard(f, saved.client_id);
    fixture_rejected(f, &sent.items[0], "invalid_value");
    fixture_rejected(f, &sent.items[0], "not_found");
    db_ops_done(&sent);
    nothing_waits(f);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static void an_edit_after_a_discard_stands_for_what_had_been_sent(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "one");
    struct db_ops first = fixture_take(f, 1);
    SAVE(f, ID_A, &saved, "text", "two");
    struct db_ops second = fixture_take(f, 1);
    discard(f, second.items[0].op_id);
    SAVE(f, ID_A, &saved, "text", "three");
    struct db_ops third = fixture_queue(f, 1);
    assert_non_null(strstr(third.items[0].replaces, first.items[0].op_id));
    assert_non_null(strstr(third.items[0].replaces, second.items[0].op_id));
    /* Taken back before it was sent: what it stood for is remembered again. */
    discard(f, third.items[0].op_id);
    SAVE(f, ID_A, &saved, "text", "four");
    struct db_ops fourth = fixture_queue(f, 1);
    assert_non_null(strstr(fourth.items[0].replaces, first.items[0].op_id));
    assert_null(strstr(fourth.items[0].replaces, third.items[0].op_id));
    db_ops_done(&fourth);
    SAVE(f, NULL, &saved, "text", "another record");
    struct db_ops all = fixture_queue(f, 2);
    assert_string_equal(all.items[1].replaces, "[]");
    db_ops_done(&all);
    db_ops_done(&first);
    db_ops_done(&second);
    db_ops_done(&third);
}

static void what_an_accepted_op_stood_for_is_not_named_again(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "taken back");
    struct db_ops sent = fixture_take(f, 1);
    discard(f, ID_A);
    db_ops_done(&sent);
    SAVE(f, ID_A, &saved, "text", "right");
    sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 6, "'text':'right'"), NULL, "e1");
    SAVE(f, ID_A, &saved, "text", "and more");
    struct db_ops after = fixture_queue(f, 1);
    assert_string_equal(after.items[0].replaces, "[]");
    db_ops_done(&sent);
    db_ops_done(&after);
}

/* The older one is, the less is it to be expected. */
static void of_more_than_twenty_sent_and_discarded_the_next_edit_names_the_newest(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    char first[ID_SIZE], last[ID_SIZE], text[20];

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    for (int i = 0; i < 21; i++) {
        f->now++;
        snprintf(text, sizeof text, "sent %d", i);
        SAVE(f, ID_A, &saved, "text", text);
        struct db_ops sent = fixture_take(f, 1);
        memcpy(i == 0 ? first : last, sent.items[0].op_id, ID_SIZE);
        db_ops_done(&sent);
    }
    discard(f, ID_A);
    SAVE(f, ID_A, &saved, "text", "again");
    struct db_ops after = fixture_queue(f, 1);
    assert_non_null(strstr(after.items[0].replaces, last));
    assert_null(strstr(after.items[0].replaces, first));
    db_ops_done(&after);
}

/* As long as the backend keeps receipts. */
static void what_was_sent_and_discarded_is_remembered_for_90_days(void **state)
{
    const int64_t days_ms = 90 * 24 * 3600 * 1000LL;
    struct fixture *f = *state;
    struct db_saved saved, other;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    for (int too_late = 0; too_late <= 1; too_late++) {
        SAVE(f, ID_A, &saved, "text", "sent");
        struct db_ops sent = fixture_take(f, 1);
        discard(f, ID_A);
        f->now += days_ms + too_late;
        SAVE(f, NULL, &other, "text", "another");
        discard(f, other.client_id);
        SAVE(f, ID_A, &saved, "text", "again");
        struct db_ops after = fixture_queue(f, 1);
        assert_int_equal(strstr(after.items[0].replaces, sent.items[0].op_id) == NULL, too_late);
        db_ops_done(&sent);
        db_ops_done(&after);
        discard(f, ID_A);
    }
}

static void a_discard_asks_for_a_new_run_in_its_own_transaction(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_state sync;
    int64_t id;

    must(f, db_state_want(f->db, 1, &id, &f->err));
    SAVE(f, NULL, &saved, "text", "mine");
    discard(f, saved.client_id);
    must(f, db_state_read(f->db, &sync, &f->err));
    assert_int_equal(sync.wanted_id, id + 1);
    assert_int_equal(sync.wanted_what, 1 | NEW_RUN);
}

static void what_was_edited_since_is_not_discarded(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_op op = { 0 };
    struct db_state sync;

    SAVE(f, NULL, &saved, "text", "in the file");
    must(f, db_queue_find(f->db, saved.client_id, &op, &f->err));
    SAVE(f, saved.client_id, &saved, "text", "typed since");
    assert_int_equal(db_queue_discard(f->db, &op, NEW_RUN, &f->err), RC_NOT_FOUND);
    db_op_done(&op);
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "typed since");
    must(f, db_state_read(f->db, &sync, &f->err));
    assert_int_equal(sync.wanted_id, 0);
    struct db_ops ops = fixture_queue(f, 1);
    db_ops_done(&ops);
}

static void without_a_readable_office_version_the_table_is_walked_again(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_pull_tables tables;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    fixture_sql(f, "UPDATE tasks SET shadow = '{half of it'");
    discard(f, ID_A);
    assert_string_equal(fixture_text(f, ID_A, "text"), "old");
    must(f, db_pull_read(f->db, &tables, &f->err));
    assert_true(tables.items[0].is_walking);
    db_pull_tables_done(&tables);
    fixture_walk_page(f, array_of(doc_json(ID_A, 5, "'text':'as the office has it'")), "e1", "c2",
                      false);
    for (bool done = false; !done;)
        must(f, db_walk_finish(f->db, f->tasks, &done, &f->err));
    assert_string_equal(fixture_text(f, ID_A, "text"), "as the office has it");
    assert_int_equal(fixture_mark(f, ID_A), MARK_SYNCED);
}

static void an_op_of_a_missing_definition_stays(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_op op = { 0 };

    SAVE(f, NULL, &saved, "text", "mine");
    must(f, db_queue_find(f->db, saved.client_id, &op, &f->err));
    struct registry *none = registry_new();
    const struct db_options options = {
        .path = f->path, .role = DB_WRITER, .registry = none, .clock = &f->clock
    };
    struct db *other = NULL;
    must(f, db_open(&options, &other, &f->err));
    assert_int_equal(db_queue_discard(other, &op, NEW_RUN, &f->err), RC_INVALID);
    assert_non_null(strstr(f->err.msg, "definition of table tasks is missing"));
    db_close(other);
    registry_free(none);
    db_op_done(&op);
    struct db_ops ops = fixture_queue(f, 1);
    db_ops_done(&ops);
}

static void an_edit_of_a_failed_op_makes_it_due_again(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };

    SAVE(f, NULL, &saved, "text", "refused", "notes", "kept");
    for (int i = 0; i < 3; i++) {
        struct db_ops sent = fixture_take(f, 1);
        fixture_rejected(f, &sent.items[0], "invalid_value");
        db_ops_done(&sent);
        f->now += 10000;
    }
    struct db_ops ops = fixture_queue(f, 1);
    assert_int_equal(ops.items[0].state, OP_FAILED);
    value_set_text(&values[f->tasks->title->index], "right", 5);
    is_set[f->tasks->title->index] = true;
    must(f, db_queue_edit(f->db, &ops.items[0], values, is_set, &saved, &f->err));
    value_done(&values[f->tasks->title->index]);
    assert_true(saved.is_changed);
    struct db_ops after = fixture_take(f, 1);
    assert_int_equal(after.items[0].retry_count, 0);
    assert_string_equal(after.items[0].set, "{\"text\":\"right\",\"notes\":\"kept\"}");
    assert_string_not_equal(after.items[0].op_id, ops.items[0].op_id);
    db_ops_done(&ops);
    db_ops_done(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_discarded_edit_brings_back_the_office_version),
        T(a_discarded_edit_brings_back_what_the_office_wrote_meanwhile),
        T(a_record_that_was_never_accepted_goes_with_its_op),
        T(a_record_that_the_office_removed_goes_with_its_op),
        T(a_record_that_a_walk_did_not_meet_goes_with_its_op),
        T(the_first_of_two_ops_leaves_what_the_second_sets),
        T(the_second_of_two_ops_leaves_what_the_first_sets),
        T(a_new_record_can_not_go_from_under_its_later_changes),
        T(an_answer_that_comes_after_the_discard_is_what_the_record_becomes),
        T(a_refusal_that_comes_after_the_discard_is_about_nothing),
        T(an_edit_after_a_discard_stands_for_what_had_been_sent),
        T(what_an_accepted_op_stood_for_is_not_named_again),
        T(of_more_than_twenty_sent_and_discarded_the_next_edit_names_the_newest),
        T(what_was_sent_and_discarded_is_remembered_for_90_days),
        T(a_discard_asks_for_a_new_run_in_its_own_transaction),
        T(what_was_edited_since_is_not_discarded),
        T(without_a_readable_office_version_the_table_is_walked_again),
        T(an_op_of_a_missing_definition_stays),
        T(an_edit_of_a_failed_op_makes_it_due_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
