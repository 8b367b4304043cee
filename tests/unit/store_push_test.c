#include "db/db.h"
#include "tests/unit/store_fixture.h"

static void a_save_makes_record_and_op_together(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "Fix the pump", "priority", "high");
    struct db_ops ops = fixture_queue(f, 1);
    assert_true(saved.is_new);
    assert_true(ops.items[0].is_create);
    assert_string_equal(ops.items[0].client_id, saved.client_id);
    assert_string_equal(ops.items[0].set, "{\"text\":\"Fix the pump\",\"priority\":\"high\"}");
    assert_string_equal(ops.items[0].base, "{}");
    assert_int_equal(fixture_mark(f, saved.client_id), MARK_NEW);
    assert_string_equal(fixture_text(f, saved.client_id, "isCompleted"), "no");
    assert_int_equal(fixture_count(f, DB_VIEW_OPEN), 1);
    db_ops_done(&ops);
}

static void a_save_that_changes_nothing_queues_nothing(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "old");
    assert_false(saved.is_changed);
    fixture_queue(f, 0);
    assert_int_equal(fixture_mark(f, ID_A), MARK_SYNCED);
}

static void a_refused_value_leaves_no_trace(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    assert_int_equal(fixture_try_save(f, f->db, NULL, &saved, "priority", "high", NULL), RC_INVALID);
    assert_string_equal(f->err.column, "text");
    fixture_queue(f, 0);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static void an_edit_of_an_unsent_op_coalesces_under_a_new_id_without_replaces(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "a");
    struct db_ops before = fixture_queue(f, 1);
    SAVE(f, saved.client_id, &saved, "text", "b", "notes", "n");
    struct db_ops after = fixture_queue(f, 1);
    assert_string_not_equal(before.items[0].op_id, after.items[0].op_id);
    assert_string_equal(after.items[0].replaces, "[]");
    assert_true(after.items[0].is_create);
    assert_string_equal(after.items[0].set, "{\"text\":\"b\",\"notes\":\"n\"}");
    db_ops_done(&before);
    db_ops_done(&after);
}

static void an_edit_of_a_sent_op_names_it_in_replaces_and_keeps_the_first_base(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    char want[64];

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "new");
    struct db_ops sent = fixture_take(f, 1);
    SAVE(f, ID_A, &saved, "text", "newer", "priority", "low");
    struct db_ops after = fixture_queue(f, 1);
    snprintf(want, sizeof want, "[\"%s\"]", sent.items[0].op_id);
    assert_string_equal(after.items[0].replaces, want);
    assert_string_equal(after.items[0].base, "{\"text\":\"old\",\"priority\":null}");
    assert_int_equal(after.items[0].sent_at, 0);
    db_ops_done(&sent);
    db_ops_done(&after);
}

static void an_edit_during_a_push_survives_the_answer(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "one");
    struct db_ops sent = fixture_take(f, 1);
    SAVE(f, ID_A, &saved, "text", "two", "notes", "mine");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 6, "'text':'one','priority':'high'"), NULL, "e1");

    struct db_ops left = fixture_queue(f, 1);
    assert_string_equal(left.items[0].set, "{\"text\":\"two\",\"notes\":\"mine\"}");
    cJSON *base = quoted(left.items[0].base);
    assert_string_equal(json_get_string(base, "text"), "one");
    cJSON_Delete(base);
    assert_string_equal(fixture_text(f, ID_A, "text"), "two");
    assert_string_equal(fixture_text(f, ID_A, "priority"), "high");
    assert_int_equal(fixture_mark(f, ID_A), MARK_CHANGED);
    db_ops_done(&sent);
    db_ops_done(&left);
}

/* Else a backend that was restored without the record would refuse a create that lacks what it requires. */
static void what_is_left_of_a_create_after_its_first_part_was_accepted_is_an_update(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "new");
    struct db_ops sent = fixture_take(f, 1);
    SAVE(f, saved.client_id, &saved, "notes", "mine");
    fixture_applied(f, &sent.items[0], doc_json(saved.client_id, 6, "'text':'new'"), NULL, "e1");
    struct db_ops left = fixture_queue(f, 1);
    assert_string_equal(left.items[0].set, "{\"notes\":\"mine\"}");
    assert_false(left.items[0].is_create);
    db_ops_done(&sent);
    db_ops_done(&left);
}

static void a_column_that_was_accepted_meanwhile_drops_out_and_an_empty_op_goes(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "one");
    struct db_ops sent = fixture_take(f, 1);
    SAVE(f, ID_A, &saved, "text", "two");
    SAVE(f, ID_A, &saved, "text", "one");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 6, "'text':'one'"), NULL, "e1");
    fixture_queue(f, 0);
    assert_int_equal(fixture_mark(f, ID_A), MARK_SYNCED);
    db_ops_done(&sent);
}

static void what_drops_out_takes_the_office_value_of_a_replay(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "one");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 9, "'text':'office, later'"), NULL, "e1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "office, later");
    assert_int_equal(fixture_mark(f, ID_A), MARK_SYNCED);
    db_ops_done(&sent);
}

static void an_answer_older_than_a_page_does_not_take_the_record_back(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "one");
    struct db_ops sent = fixture_take(f, 1);
    fixture_change(f, doc_json(ID_A, 8, "'text':'office','priority':'low'"), "e1", "c2");
    assert_string_equal(fixture_text(f, ID_A, "text"), "one");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 7, "'text':'one'"), NULL, "e1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "office");
    assert_string_equal(fixture_text(f, ID_A, "priority"), "low");
    db_ops_done(&sent);
}

static void three_rejections_fail_an_op_and_an_edit_brings_it_back(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t due = 0;

    SAVE(f, NULL, &saved, "text", "bad");
    for (int i = 1; i <= 3; i++) {
        struct db_ops sent = fixture_take(f, 1);
        assert_int_equal(fixture_rejected(f, &sent.items[0], "invalid_value").failed, i == 3);
        db_ops_done(&sent);
        fixture_take(f, 0);
        f->now += 10000;
    }
    struct db_ops ops = fixture_queue(f, 1);
    assert_int_equal(ops.items[0].state, OP_FAILED);
    assert_int_equal(ops.items[0].retry_count, 3);
    assert_int_equal(ops.items[0].retry_at, 0);
    assert_string_equal(ops.items[0].error, "not so");
    db_ops_done(&ops);
    must(f, db_push_due(f->db, &due, &f->err));
    assert_int_equal(due, INT64_MAX);
    assert_int_equal(fixture_mark(f, saved.client_id), MARK_FAILED);
    fixture_take(f, 0);

    SAVE(f, saved.client_id, &saved, "text", "good");
    ops = fixture_take(f, 1);
    assert_int_equal(ops.items[0].retry_count, 0);
    assert_int_equal(ops.items[0].retry_at, 0);
    db_ops_done(&ops);
}

static void a_rejection_of_an_op_that_was_edited_meanwhile_counts_nothing(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "bad");
    struct db_ops sent = fixture_take(f, 1);
    SAVE(f, saved.client_id, &saved, "text", "good");
    fixture_rejected(f, &sent.items[0], "invalid_value");
    struct db_ops ops = fixture_queue(f, 1);
    assert_int_equal(ops.items[0].retry_count, 0);
    db_ops_done(&sent);
    db_ops_done(&ops);
}

static void a_rejected_op_hinders_no_other_record(void **state)
{
    struct fixture *f = *state;
    struct db_saved bad, good;

    SAVE(f, NULL, &bad, "text", "bad");
    struct db_ops sent = fixture_take(f, 1);
    fixture_rejected(f, &sent.items[0], "forbidden");
    db_ops_done(&sent);
    SAVE(f, NULL, &good, "text", "good");
    sent = fixture_take(f, 1);
    assert_string_equal(sent.items[0].client_id, good.client_id);
    db_ops_done(&sent);
}

static void a_clock_set_back_by_years_keeps_nothing_waiting(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t due;
    const char *const codes[] = { "invalid_value", "unknown_table" };

    for (size_t i = 0; i < 2; i++) {
        SAVE(f, NULL, &saved, "text", "bad");
        struct db_ops sent = fixture_take(f, i + 1);
        fixture_rejected(f, &sent.items[i], codes[i]);
        db_ops_done(&sent);
        f->now -= i == 0 ? 3600 * 1000 : 3LL * 365 * 24 * 3600 * 1000;
        must(f, db_push_due(f->db, &due, &f->err));
        assert_int_equal(due, 0);
    }
    struct db_ops sent = fixture_take(f, 2);
    db_ops_done(&sent);
}

static void an_unknown_table_or_column_is_held_uncounted_until_something_changes(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t due;

    SAVE(f, NULL, &saved, "text", "new column");
    struct db_ops sent = fixture_take(f, 1);
    assert_int_equal(fixture_rejected(f, &sent.items[0], "unknown_column").held, 1);
    db_ops_done(&sent);
    assert_int_equal(fixture_mark(f, saved.client_id), MARK_HELD);
    must(f, db_push_due(f->db, &due, &f->err));
    assert_int_equal(due, f->now + 24 * 3600 * 1000);
    fixture_take(f, 0);
    f->now = due;
    sent = fixture_take(f, 1);
    assert_int_equal(fixture_rejected(f, &sent.items[0], "unknown_column").held, 1);
    db_ops_done(&sent);
    must(f, db_push_unhold(f->db, &f->err));
    sent = fixture_take(f, 1);
    assert_int_equal(sent.items[0].retry_count, 0);
    db_ops_done(&sent);
}

static void an_older_backend_gets_a_whole_create_without_what_it_does_not_know(void **state)
{
    struct fixture *f = *state;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    struct db_saved saved;
    const char *const unknown[] = { "notes", "isCompleted", "priority" };

    value_set_text(&values[f->tasks->title->index], "text", 4);
    value_set_text(&values[table_column(f->tasks, "priority")->index], "high", 4);
    is_set[f->tasks->title->index] = true;
    const struct db_edit edit = { .table = f->tasks, .client_id = ID_A, .if_missing = DB_MISSING_CREATE,
                                  .values = values, .is_set = is_set };
    must(f, db_save(f->db, &edit, &saved, &f->err));
    for (size_t i = 0; i < 3; i++) {
        struct db_ops sent = fixture_take(f, 1);
        const struct db_push_result result = { .op = &sent.items[0], .code = "unknown_column", .column = unknown[i] };
        struct db_push_counts counts;
        must(f, db_push_apply(f->db, &result, 1, "e1", &counts, &f->err));
        assert_int_equal(counts.again, i < 2);
        assert_int_equal(counts.held, i == 2);          /* a value that somebody chose is never left out */
        db_ops_done(&sent);
    }
    struct db_ops ops = fixture_queue(f, 1);
    cJSON *replaces = quoted(ops.items[0].replaces);
    assert_string_equal(ops.items[0].set, "{\"text\":\"text\",\"priority\":\"high\",\"dueAt\":null}");
    assert_int_equal(cJSON_GetArraySize(replaces), 2);
    cJSON_Delete(replaces);
    db_ops_done(&ops);
    value_done(&values[f->tasks->title->index]);
    value_done(&values[table_column(f->tasks, "priority")->index]);
}

/* An op that named more than twenty could not be sent. */
static void a_column_left_out_adds_no_name_to_twenty(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_push_counts counts;

    SAVE(f, NULL, &saved, "text", "a", "isCompleted", "no");
    for (int i = 0; i < 20; i++) {
        struct db_ops lost = fixture_take(f, 1);
        db_ops_done(&lost);
        SAVE(f, saved.client_id, &saved, "text", i % 2 == 0 ? "b" : "c");
    }
    struct db_ops sent = fixture_take(f, 1);
    const struct db_push_result result = {
        .op = &sent.items[0], .code = "unknown_column", .column = "isCompleted"
    };
    must(f, db_push_apply(f->db, &result, 1, "e1", &counts, &f->err));
    assert_int_equal(counts.again, 1);
    struct db_ops again = fixture_take(f, 1);
    assert_string_equal(again.items[0].replaces, sent.items[0].replaces);
    db_ops_done(&sent);
    db_ops_done(&again);
}

static void what_was_chosen_instead_of_the_default_is_never_left_out(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_push_counts counts;

    SAVE(f, NULL, &saved, "text", "a", "isCompleted", "yes");
    struct db_ops sent = fixture_take(f, 1);
    const struct db_push_result result = {
        .op = &sent.items[0], .code = "unknown_column", .column = "isCompleted"
    };
    must(f, db_push_apply(f->db, &result, 1, "e1", &counts, &f->err));
    assert_int_equal(counts.held, 1);
    struct db_ops held = fixture_queue(f, 1);
    assert_string_equal(held.items[0].set, "{\"text\":\"a\",\"isCompleted\":true}");
    db_ops_done(&sent);
    db_ops_done(&held);
}

static void not_found_sends_the_same_change_again_as_a_whole_create(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','notes':'n'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "priority", "high");
    struct db_ops sent = fixture_take(f, 1);
    assert_int_equal(fixture_rejected(f, &sent.items[0], "not_found").again, 1);
    struct db_ops again = fixture_take(f, 1);
    assert_true(again.items[0].is_create);
    assert_int_equal(again.items[0].retry_count, 0);
    cJSON *set = quoted(again.items[0].set);
    assert_string_equal(json_get_string(set, "text"), "old");
    assert_string_equal(json_get_string(set, "priority"), "high");
    assert_string_equal(json_get_string(set, "notes"), "n");
    cJSON_Delete(set);
    db_ops_done(&sent);
    db_ops_done(&again);
}

static void put_conflict(void *ctx, const struct db_conflict *c)
{
    buf_printf(ctx, "%s %s %s: %s %s %s;", c->table_name, c->client_id, c->column, c->base, c->theirs, c->ours);
}

static void what_was_overwritten_is_logged_once(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct buf log = { 0 };

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "ours");
    struct db_ops sent = fixture_take(f, 1);
    for (int i = 0; i < 2; i++)
        fixture_applied(f, &sent.items[0], doc_json(ID_A, 7, "'text':'ours'"),
                        "[{'column':'text','theirs':'theirs'}]", "e1");
    must(f, db_conflicts_each(f->db, put_conflict, &log, &f->err));
    assert_string_equal(buf_str(&log), "tasks " ID_A " text: \"old\" \"theirs\" \"ours\";");
    buf_done(&log);
    db_ops_done(&sent);
}

static void one_batch_holds_one_op_per_record_at_most(void **state)
{
    struct fixture *f = *state;
    struct db_saved a, b;

    SAVE(f, NULL, &a, "text", "a");
    SAVE(f, NULL, &b, "text", "b");
    SAVE(f, a.client_id, &a, "notes", "more");
    struct db_ops ops = fixture_take(f, 2);
    assert_string_equal(ops.items[0].client_id, a.client_id);
    assert_string_equal(ops.items[1].client_id, b.client_id);
    db_ops_done(&ops);
}

static void more_than_twenty_unanswered_edits_wait_behind_as_an_op_of_their_own(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    char text[32];

    SAVE(f, NULL, &saved, "text", "start");
    for (int i = 0; i < 25; i++) {
        struct db_ops sent = fixture_take(f, 1);
        db_ops_done(&sent);
        snprintf(text, sizeof text, "edit %d", i);
        SAVE(f, saved.client_id, &saved, "text", text);
    }
    struct db_ops ops = fixture_queue(f, 2);
    cJSON *replaces = quoted(ops.items[0].replaces);
    assert_int_equal(cJSON_GetArraySize(replaces), 20);
    cJSON_Delete(replaces);
    assert_string_equal(ops.items[1].set, "{\"text\":\"edit 24\"}");
    db_ops_done(&ops);

    ops = fixture_take(f, 1);           /* the first one only, whatever waits behind it */
    fixture_applied(f, &ops.items[0], doc_json(saved.client_id, 3, "'text':'edit 19'"), NULL, "e1");
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "edit 24");
    db_ops_done(&ops);
    ops = fixture_take(f, 1);
    assert_string_equal(ops.items[0].set, "{\"text\":\"edit 24\"}");
    db_ops_done(&ops);
}

/* Sends and edits a new record until its op stands for twenty others. */
static struct db_ops op_for_twenty(struct fixture *f, struct db_saved *saved)
{
    SAVE(f, NULL, saved, "text", "start");
    for (int i = 0; i < 20; i++) {
        struct db_ops sent = fixture_take(f, 1);
        db_ops_done(&sent);
        SAVE(f, saved->client_id, saved, "text", i % 2 == 0 ? "even" : "odd");
    }
    return fixture_take(f, 1);
}

static void an_edit_mends_a_refused_op_that_stands_for_twenty_others(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_ops sent = op_for_twenty(f, &saved);

    fixture_rejected(f, &sent.items[0], "invalid_value");
    SAVE(f, saved.client_id, &saved, "text", "right");
    struct db_ops left = fixture_queue(f, 1);
    assert_string_equal(left.items[0].set, "{\"text\":\"right\"}");
    assert_string_not_equal(left.items[0].op_id, sent.items[0].op_id);
    assert_int_equal(left.items[0].retry_count, 0);
    cJSON *replaces = quoted(left.items[0].replaces);
    assert_int_equal(cJSON_GetArraySize(replaces), 20);
    cJSON_Delete(replaces);
    db_ops_done(&sent);
    db_ops_done(&left);
}

static void a_refused_op_takes_in_the_edit_that_waits_behind_it(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_ops sent = op_for_twenty(f, &saved);

    SAVE(f, saved.client_id, &saved, "text", "right", "notes", "mine");
    db_ops_done(&sent);
    struct db_ops two = fixture_queue(f, 2);
    struct db_push_counts counts = fixture_rejected(f, &two.items[0], "invalid_value");
    assert_int_equal(counts.rejected, 0);
    assert_int_equal(counts.again, 1);
    struct db_ops left = fixture_take(f, 1);
    assert_string_not_equal(left.items[0].op_id, two.items[0].op_id);
    assert_true(left.items[0].is_create);
    assert_string_equal(left.items[0].set, "{\"text\":\"right\",\"notes\":\"mine\"}");
    db_ops_done(&left);
    left = fixture_queue(f, 1);
    db_ops_done(&left);
    db_ops_done(&two);
}

/* What can be read of it is for a person to look at (outpost queue). */
static void a_refused_op_takes_in_no_edit_that_can_not_be_read(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_ops sent = op_for_twenty(f, &saved);

    SAVE(f, saved.client_id, &saved, "text", "right");
    fixture_sql(f, "UPDATE sync_queue SET payload = '{\"text\"' WHERE seq = (SELECT max(seq) FROM sync_queue)");
    struct db_push_counts counts = fixture_rejected(f, &sent.items[0], "invalid_value");
    assert_int_equal(counts.rejected, 1);
    struct db_ops left = fixture_queue(f, 2);
    assert_string_equal(left.items[0].op_id, sent.items[0].op_id);
    assert_string_equal(left.items[1].set, "{\"text\"");
    db_ops_done(&left);
    db_ops_done(&sent);
}

static void an_answer_of_another_shape_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_push_counts counts;

    SAVE(f, NULL, &saved, "text", "a");
    struct db_ops sent = fixture_take(f, 1);
    cJSON *doc = doc_json(saved.client_id, 3, "'deletedAt':'maybe'");
    const struct db_push_result wrong = { .op = &sent.items[0], .is_applied = true, .doc = doc };
    assert_int_equal(db_push_apply(f->db, &wrong, 1, "e1", &counts, &f->err), RC_PROTOCOL);
    cJSON_Delete(doc);
    doc = doc_json(ID_B, 3, "");
    const struct db_push_result other = { .op = &sent.items[0], .is_applied = true, .doc = doc };
    assert_int_equal(db_push_apply(f->db, &other, 1, "e1", &counts, &f->err), RC_PROTOCOL);
    cJSON_Delete(doc);
    struct db_ops ops = fixture_queue(f, 1);
    assert_string_equal(ops.items[0].op_id, sent.items[0].op_id);
    db_ops_done(&ops);
    db_ops_done(&sent);
}

static void a_tombstone_in_a_replays_answer_removes_the_record(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "one");
    struct db_ops sent = fixture_take(f, 1);
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 8, "'deletedAt':1700000000000"), NULL, "e1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "gone");
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
    db_ops_done(&sent);
}

static void ops_of_a_missing_definition_are_held_and_seen(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct registry *empty = registry_new();
    const char other[] = "{\"name\":\"sites\",\"label\":\"Sites\",\"labelOne\":\"site\",\"title\":\"name\","
                         "\"columns\":[{\"name\":\"name\",\"type\":\"text\"}]}";

    SAVE(f, NULL, &saved, "text", "a");
    SAVE(f, NULL, &saved, "text", "b");
    db_close(f->db);
    must(f, registry_add(empty, other, strlen(other), "x.json", &f->err));
    struct registry *full = f->reg;
    f->reg = empty;
    f->db = fixture_open(f, DB_SYNCER);
    struct db_ops ops = { 0 };
    assert_int_equal(db_push_take(f->db, 500, 512 << 10, &ops, &f->err), RC_NOT_FOUND);
    ops = fixture_queue(f, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ops.items[i].state, OP_HELD);
        assert_string_equal(ops.items[i].table_name, "tasks");
        assert_string_equal(ops.items[i].error, "The definition of this table is missing on this device.");
        assert_int_equal(ops.items[i].retry_at, f->now + 24 * 3600 * 1000);
    }
    db_ops_done(&ops);
    db_close(f->db);
    f->reg = full;
    f->db = fixture_open(f, DB_SYNCER);
    must(f, db_push_unhold(f->db, &f->err));
    ops = fixture_take(f, 2);
    assert_int_equal(ops.items[0].retry_at, 0);
    db_ops_done(&ops);
    registry_free(empty);
}

static void retry_makes_failed_and_held_ops_due(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t count = 0;

    SAVE(f, NULL, &saved, "text", "a");
    for (int i = 0; i < 3; i++) {
        struct db_ops sent = fixture_take(f, 1);
        fixture_rejected(f, &sent.items[0], "forbidden");
        db_ops_done(&sent);
        f->now += 10000;
    }
    must(f, db_queue_retry(f->db, NULL, &count, &f->err));
    assert_int_equal(count, 1);
    struct db_ops ops = fixture_take(f, 1);
    assert_int_equal(ops.items[0].retry_count, 0);
    assert_int_equal(ops.items[0].retry_at, 0);
    db_ops_done(&ops);
}

/* In how long the queue is due, after two ops were answered with that code, one after the other. */
static int64_t wait_after_two(struct fixture *f, const char *code)
{
    struct db_saved saved;
    int64_t due = 0, first = f->now;

    for (int i = 0; i < 2; i++) {
        SAVE(f, NULL, &saved, "text", "a");
        struct db_ops sent = fixture_take(f, 1);
        fixture_rejected(f, &sent.items[0], code);
        db_ops_done(&sent);
        f->now += 300;
    }
    must(f, db_push_due(f->db, &due, &f->err));
    return due - first;
}

static void the_queue_is_due_when_the_first_of_the_refused_is(void **state)
{
    assert_int_equal(wait_after_two(*state, "forbidden"), 1000);
}

static void the_queue_is_due_when_the_first_of_the_held_is(void **state)
{
    assert_int_equal(wait_after_two(*state, "unknown_table"), 24 * 3600 * 1000);
}

static void the_second_refusal_is_followed_by_a_longer_wait_than_the_first(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t due = 0;

    SAVE(f, NULL, &saved, "text", "a");
    for (int i = 0; i < 2; i++) {
        struct db_ops sent = fixture_take(f, 1);
        fixture_rejected(f, &sent.items[0], "forbidden");
        db_ops_done(&sent);
        must(f, db_push_due(f->db, &due, &f->err));
        assert_int_equal(due, f->now + (i == 0 ? 1000 : 2000));
        f->now = due;
    }
}

static void what_is_due_already_and_was_never_refused_is_not_counted_as_retried(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t count = -1;

    SAVE(f, NULL, &saved, "text", "a");
    must(f, db_queue_retry(f->db, NULL, &count, &f->err));
    assert_int_equal(count, 0);
}

static void one_op_is_retried_alone(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t count = 0;

    SAVE(f, NULL, &saved, "text", "a");
    SAVE(f, NULL, &saved, "text", "b");
    struct db_ops sent = fixture_take(f, 2);
    fixture_rejected(f, &sent.items[0], "forbidden");
    fixture_rejected(f, &sent.items[1], "forbidden");
    must(f, db_queue_retry(f->db, sent.items[1].op_id, &count, &f->err));
    assert_int_equal(count, 1);
    struct db_ops ops = fixture_queue(f, 2);
    assert_int_equal(ops.items[0].retry_count, 1);
    assert_int_equal(ops.items[1].retry_count, 0);
    db_ops_done(&sent);
    db_ops_done(&ops);
}

static void retry_takes_the_refusals_from_an_op_that_is_due_already(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t count = 0;

    SAVE(f, NULL, &saved, "text", "a");
    struct db_ops sent = fixture_take(f, 1);
    assert_int_equal(fixture_rejected(f, &sent.items[0], "forbidden").rejected, 1);
    must(f, db_push_hurry(f->db, &f->err));
    must(f, db_queue_retry(f->db, NULL, &count, &f->err));
    assert_int_equal(count, 1);
    struct db_ops ops = fixture_queue(f, 1);
    assert_int_equal(ops.items[0].retry_count, 0);
    db_ops_done(&sent);
    db_ops_done(&ops);
}

static void a_batch_is_counted_with_all_that_its_ops_carry(void **state)
{
    static const char *const long_parts[] = {
        "payload = json_object('text', hex(zeroblob(400)))",
        "base = json_object('text', hex(zeroblob(400)))",
        "replaces = '[' || substr(replace(hex(zeroblob(20)), '00', ',\"' || op_id || '\"'), 2) || ']'",
    };
    struct fixture *f = *state;
    struct db_saved saved;

    for (int i = 0; i < 10; i++)
        SAVE(f, NULL, &saved, "text", "short");
    for (size_t i = 0; i < sizeof long_parts / sizeof *long_parts; i++) {
        struct buf text = { 0 };
        struct db_ops ops = { 0 };
        buf_printf(&text, "UPDATE sync_queue SET payload = '{}', base = '{}', replaces = '[]'; "
                          "UPDATE sync_queue SET %s", long_parts[i]);
        fixture_sql(f, buf_str(&text));
        must(f, db_push_take(f->db, 10, 5000, &ops, &f->err));
        buf_clear(&text);
        for (size_t op = 0; op < ops.count; op++)
            db_op_encode(&ops.items[op], &text);
        assert_true(text.len > 4000 && text.len <= 5000);
        db_ops_done(&ops);
        buf_done(&text);
    }
}

static void with_nothing_to_hurry_or_to_take_nobody_waits_for_another_writer(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_ops ops = { 0 };
    sqlite3 *writer;

    assert_int_equal(sqlite3_open(f->path, &writer), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(db_push_take(f->db, 500, 512 << 10, &ops, &f->err), RC_NOT_FOUND);
    sqlite3_close(writer);
    SAVE(f, NULL, &saved, "text", "due at once");
    assert_int_equal(sqlite3_open(f->path, &writer), SQLITE_OK);
    assert_int_equal(sqlite3_exec(writer, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    must(f, db_push_hurry(f->db, &f->err));
    sqlite3_close(writer);
}

static void the_queue_is_due_with_the_first_of_refused_and_held(void **state)
{
    static const char *const codes[] = { "forbidden", "unknown_table" };
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t due = 0;

    SAVE(f, NULL, &saved, "text", "refused");
    SAVE(f, NULL, &saved, "text", "held");
    struct db_ops sent = fixture_take(f, 2);
    for (size_t i = 0; i < 2; i++)
        fixture_rejected(f, &sent.items[i], codes[i]);
    db_ops_done(&sent);
    must(f, db_push_due(f->db, &due, &f->err));
    assert_int_equal(due, f->now + 1000);
}

static void an_op_behind_a_refused_one_is_not_due(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t due = 0;

    struct db_ops sent = op_for_twenty(f, &saved);
    db_ops_done(&sent);
    SAVE(f, saved.client_id, &saved, "text", "behind");
    fixture_sql(f, "UPDATE sync_queue SET retry_at = 1700000005000 WHERE seq = (SELECT min(seq) FROM sync_queue)");
    must(f, db_push_due(f->db, &due, &f->err));
    assert_int_equal(due, 1700000005000);
}

static void to_hurry_leaves_what_is_held(void **state)
{
    static const char *const codes[] = { "forbidden", "unknown_table" };
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "refused");
    SAVE(f, NULL, &saved, "text", "held");
    struct db_ops sent = fixture_take(f, 2);
    for (size_t i = 0; i < 2; i++)
        fixture_rejected(f, &sent.items[i], codes[i]);
    db_ops_done(&sent);
    must(f, db_push_hurry(f->db, &f->err));
    struct db_queue_counts counts;
    must(f, db_queue_counts(f->db, &counts, &f->err));
    assert_int_equal(counts.waiting, 2);
    assert_int_equal(counts.held, 1);
    struct db_ops ops = fixture_queue(f, 2);
    assert_int_equal(ops.items[0].retry_at, 0);
    assert_int_equal(ops.items[1].retry_at, f->now + 24 * 3600 * 1000);
    db_ops_done(&ops);
    ops = fixture_take(f, 1);
    db_ops_done(&ops);
}

static void a_backend_that_is_too_new_holds_all_for_a_day(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "a");
    must(f, db_push_hold_all(f->db, "client_too_old", "Too old.", &f->err));
    struct db_ops ops = fixture_queue(f, 1);
    assert_int_equal(ops.items[0].state, OP_HELD);
    assert_int_equal(ops.items[0].retry_at, f->now + 24 * 3600 * 1000);
    assert_string_equal(ops.items[0].error_code, "client_too_old");
    assert_string_equal(ops.items[0].error, "Too old.");
    db_ops_done(&ops);
}

static void a_taken_op_says_when_it_was_sent(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "a");
    struct db_ops sent = fixture_take(f, 1);
    assert_int_equal(sent.items[0].sent_at, f->now);
    db_ops_done(&sent);
}

static void not_found_refuses_a_create(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "new");
    struct db_ops sent = fixture_take(f, 1);
    assert_int_equal(fixture_rejected(f, &sent.items[0], "not_found").rejected, 1);
    db_ops_done(&sent);
}

static void not_found_sends_an_update_whole_that_was_refused_before(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "edited");
    struct db_ops sent = fixture_take(f, 1);
    assert_int_equal(fixture_rejected(f, &sent.items[0], "forbidden").rejected, 1);
    db_ops_done(&sent);
    f->now += 10000;
    sent = fixture_take(f, 1);
    assert_int_equal(fixture_rejected(f, &sent.items[0], "not_found").again, 1);
    db_ops_done(&sent);
    struct db_ops ops = fixture_queue(f, 1);
    assert_true(ops.items[0].is_create);
    db_ops_done(&ops);
}

/* Only a whole create may leave a column out: an edit that empties it would be lost. */
static void an_edit_to_nothing_of_an_unknown_column_is_held(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_push_counts counts;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','notes':'something'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "notes", "");
    struct db_ops sent = fixture_take(f, 1);
    const struct db_push_result result = { .op = &sent.items[0], .code = "unknown_column", .column = "notes" };
    must(f, db_push_apply(f->db, &result, 1, "e1", &counts, &f->err));
    assert_int_equal(counts.held, 1);
    assert_int_equal(counts.again, 0);
    db_ops_done(&sent);
}

static void a_last_refusal_that_can_not_be_written_is_no_success(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_push_counts counts;

    SAVE(f, NULL, &saved, "text", "bad");
    struct db_ops sent = fixture_take(f, 1);
    fixture_sql(f, "UPDATE sync_queue SET retry_count = 2; CREATE TRIGGER full BEFORE UPDATE ON sync_queue "
                   "WHEN new.state = 'failed' BEGIN SELECT RAISE(ABORT, 'no room'); END");
    const struct db_push_result result = { .op = &sent.items[0], .code = "forbidden", .message = "no" };
    assert_int_not_equal(db_push_apply(f->db, &result, 1, "e1", &counts, &f->err), RC_OK);
    fixture_sql(f, "DROP TRIGGER full");
    struct db_ops ops = fixture_queue(f, 1);
    assert_int_equal(ops.items[0].retry_count, 2);
    db_ops_done(&ops);
    db_ops_done(&sent);
}

static void a_refused_op_that_can_not_take_in_the_next_is_no_success(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_push_counts counts;

    struct db_ops sent = op_for_twenty(f, &saved);
    SAVE(f, saved.client_id, &saved, "notes", "behind");
    fixture_sql(f, "CREATE TRIGGER full BEFORE DELETE ON sync_queue BEGIN SELECT RAISE(ABORT, 'no room'); END");
    const struct db_push_result result = { .op = &sent.items[0], .code = "forbidden", .message = "no" };
    assert_int_not_equal(db_push_apply(f->db, &result, 1, "e1", &counts, &f->err), RC_OK);
    fixture_sql(f, "DROP TRIGGER full");
    struct db_ops ops = fixture_queue(f, 2);
    db_ops_done(&ops);
    db_ops_done(&sent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_save_makes_record_and_op_together),
        T(a_save_that_changes_nothing_queues_nothing),
        T(a_refused_value_leaves_no_trace),
        T(an_edit_of_an_unsent_op_coalesces_under_a_new_id_without_replaces),
        T(an_edit_of_a_sent_op_names_it_in_replaces_and_keeps_the_first_base),
        T(an_edit_during_a_push_survives_the_answer),
        T(what_is_left_of_a_create_after_its_first_part_was_accepted_is_an_update),
        T(a_column_that_was_accepted_meanwhile_drops_out_and_an_empty_op_goes),
        T(what_drops_out_takes_the_office_value_of_a_replay),
        T(an_answer_older_than_a_page_does_not_take_the_record_back),
        T(three_rejections_fail_an_op_and_an_edit_brings_it_back),
        T(a_rejection_of_an_op_that_was_edited_meanwhile_counts_nothing),
        T(a_rejected_op_hinders_no_other_record),
        T(a_clock_set_back_by_years_keeps_nothing_waiting),
        T(an_unknown_table_or_column_is_held_uncounted_until_something_changes),
        T(an_older_backend_gets_a_whole_create_without_what_it_does_not_know),
        T(a_column_left_out_adds_no_name_to_twenty),
        T(what_was_chosen_instead_of_the_default_is_never_left_out),
        T(not_found_sends_the_same_change_again_as_a_whole_create),
        T(what_was_overwritten_is_logged_once),
        T(one_batch_holds_one_op_per_record_at_most),
        T(more_than_twenty_unanswered_edits_wait_behind_as_an_op_of_their_own),
        T(an_edit_mends_a_refused_op_that_stands_for_twenty_others),
        T(a_refused_op_takes_in_the_edit_that_waits_behind_it),
        T(a_refused_op_takes_in_no_edit_that_can_not_be_read),
        T(an_answer_of_another_shape_changes_nothing),
        T(a_tombstone_in_a_replays_answer_removes_the_record),
        T(ops_of_a_missing_definition_are_held_and_seen),
        T(retry_makes_failed_and_held_ops_due),
        T(the_queue_is_due_when_the_first_of_the_refused_is),
        T(the_second_refusal_is_followed_by_a_longer_wait_than_the_first),
        T(the_queue_is_due_when_the_first_of_the_held_is),
        T(one_op_is_retried_alone),
        T(what_is_due_already_and_was_never_refused_is_not_counted_as_retried),
        T(retry_takes_the_refusals_from_an_op_that_is_due_already),
        T(a_batch_is_counted_with_all_that_its_ops_carry),
        T(with_nothing_to_hurry_or_to_take_nobody_waits_for_another_writer),
        T(the_queue_is_due_with_the_first_of_refused_and_held),
        T(an_op_behind_a_refused_one_is_not_due),
        T(to_hurry_leaves_what_is_held),
        T(a_backend_that_is_too_new_holds_all_for_a_day),
        T(a_taken_op_says_when_it_was_sent),
        T(not_found_refuses_a_create),
        T(not_found_sends_an_update_whole_that_was_refused_before),
        T(an_edit_to_nothing_of_an_unknown_column_is_held),
        T(a_last_refusal_that_can_not_be_written_is_no_success),
        T(a_refused_op_that_can_not_take_in_the_next_is_no_success),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
