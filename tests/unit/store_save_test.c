/* What a save makes of the record, its op and its draft; and what a discard takes back. */
#include "db/db.h"
#include "tests/unit/store_fixture.h"

static struct record read_record(struct fixture *f, const char *id)
{
    struct record rec = { 0 };

    must(f, db_record_read(f->db, f->tasks, id, &rec, &f->err));
    return rec;
}

static int64_t updated_at(struct fixture *f, const char *id)
{
    struct record rec = read_record(f, id);
    int64_t at = rec.updated_at;

    record_done(&rec);
    return at;
}

static void a_save_says_when_and_a_clock_set_back_does_not_take_it_back(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    int64_t began = f->now;

    SAVE(f, NULL, &saved, "text", "new");
    struct record rec = read_record(f, saved.client_id);
    assert_int_equal(rec.created_at, began);
    assert_int_equal(rec.updated_at, began);
    record_done(&rec);
    f->now = began + 5000;
    SAVE(f, saved.client_id, &saved, "text", "edited");
    assert_int_equal(updated_at(f, saved.client_id), began + 5000);
    f->now = began - 5000;
    SAVE(f, saved.client_id, &saved, "text", "edited with a clock set back");
    assert_int_equal(updated_at(f, saved.client_id), began + 5000);
}

static void what_is_imported_keeps_the_time_it_was_made(void **state)
{
    struct fixture *f = *state;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    struct db_edit edit = { .table = f->tasks, .values = values, .is_set = is_set, .created_at = 1500000000000 };
    struct db_saved saved;

    value_set_text(&values[f->tasks->title->index], "old task", 8);
    is_set[f->tasks->title->index] = true;
    must(f, db_save(f->db, &edit, &saved, &f->err));
    value_done(&values[f->tasks->title->index]);
    struct record rec = read_record(f, saved.client_id);
    assert_int_equal(rec.created_at, 1500000000000);
    record_done(&rec);
}

static void a_value_that_is_not_marked_as_set_is_none_of_a_new_record(void **state)
{
    struct fixture *f = *state;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    const struct db_edit edit = { .table = f->tasks, .values = values, .is_set = is_set };
    struct db_saved saved;

    value_set_text(&values[f->tasks->title->index], "not set", 7);
    assert_int_equal(db_save(f->db, &edit, &saved, &f->err), RC_INVALID); /* the title is required */
    value_done(&values[f->tasks->title->index]);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static void an_edit_of_a_record_that_is_not_there_says_so(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    assert_int_equal(fixture_try_save(f, f->db, ID_A, &saved, "text", "x", NULL), RC_NOT_FOUND);
    assert_string_equal(f->err.msg, "There is no such record on this device.");
}

/* A table whose records can be larger than a backend takes; of ASCII, so that a byte is a character. */
static const char logs[] = "{\"name\":\"logs\",\"label\":\"Logs\",\"labelOne\":\"log\",\"title\":\"name\",\"columns\":["
                           "{\"name\":\"name\",\"label\":\"Name\",\"type\":\"text\"},"
                           "{\"name\":\"a\",\"label\":\"A\",\"type\":\"text\"},{\"name\":\"b\",\"label\":\"B\",\"type\":"
                           "\"text\"},{\"name\":\"c\",\"label\":\"C\",\"type\":\"text\"},"
                           "{\"name\":\"d\",\"label\":\"D\",\"type\":\"text\"}]}";

/* A new log; every column has a value. */
static enum rc save_log(struct fixture *f, const struct table *table, size_t bytes, struct db_saved *saved)
{
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    const struct db_edit edit = { .table = table, .values = values, .is_set = is_set };
    char *text = mem_zero(1, 65536 + 1);

    memset(text, 'x', 65536);
    for (size_t c = 0; c < table->column_count; c++) {
        size_t room = bytes - (table->column_count - 1 - c);
        size_t part = room < 65536 ? room : 65536;
        value_set_text(&values[c], text, part);
        is_set[c] = true;
        bytes -= part;
    }
    enum rc rc = db_save(f->db, &edit, saved, &f->err);
    for (size_t c = 0; c < table->column_count; c++)
        value_done(&values[c]);
    free(text);
    return rc;
}

/* What a new log takes besides the bytes of its values, as the backend gets it. */
static size_t bytes_around(struct fixture *f, const struct table *table)
{
    struct db_saved saved;
    struct record rec = { 0 };
    struct buf shown = { 0 };

    must(f, save_log(f, table, 100, &saved));
    must(f, db_record_read(f->db, table, saved.client_id, &rec, &f->err));
    record_to_json(&rec, &shown);
    size_t bytes = shown.len - strlen(",\"syncStatus\":\"pending\"") + strlen(",\"rev\":\"0\",\"deletedAt\":null") - 100;
    buf_done(&shown);
    record_done(&rec);
    return bytes;
}

static void a_record_that_is_too_large_is_refused_with_its_size(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    db_close(f->db);
    must(f, registry_add(f->reg, logs, strlen(logs), "test", &f->err));
    f->db = fixture_open(f, DB_SYNCER);
    const struct table *table = registry_find(f->reg, "logs");
    size_t most = (255 << 10) - bytes_around(f, table);
    must(f, save_log(f, table, most, &saved));
    assert_int_equal(save_log(f, table, most + 1, &saved), RC_INVALID);
    assert_int_equal(save_log(f, table, (256 << 10) - 4, &saved), RC_INVALID);
    assert_string_equal(f->err.msg, "This record is too large: it can have 256 KiB in all, and has 256.");
}

static void in_a_batch_that_lost_a_write_no_save_succeeds(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_sql(f, "CREATE TRIGGER full BEFORE INSERT ON tasks WHEN new.text = 'too much' "
                   "BEGIN SELECT RAISE(ABORT, 'no room'); END");
    must(f, db_batch_begin(f->db, &f->err));
    assert_int_not_equal(fixture_try_save(f, f->db, NULL, &saved, "text", "too much", NULL), RC_OK);
    assert_int_not_equal(fixture_try_save(f, f->db, NULL, &saved, "text", "after it", NULL), RC_OK);
    assert_int_not_equal(db_batch_end(f->db, &f->err), RC_OK);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static void a_save_after_a_cancelled_batch_is_whole_or_nothing(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_sql(f, "CREATE TRIGGER full BEFORE INSERT ON tasks WHEN new.text = 'too much' "
                   "BEGIN SELECT RAISE(ABORT, 'no room'); END");
    must(f, db_batch_begin(f->db, &f->err));
    SAVE(f, NULL, &saved, "text", "cancelled");
    db_batch_cancel(f->db);
    assert_int_not_equal(fixture_try_save(f, f->db, NULL, &saved, "text", "too much", NULL), RC_OK);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
    struct db_ops ops = fixture_queue(f, 0);
    db_ops_done(&ops);
}

static void the_latest_draft_is_the_one_that_was_typed_last(void **state)
{
    struct fixture *f = *state;
    char *table = NULL, id[ID_SIZE], *json = NULL;
    int64_t at = 0;

    must(f, db_draft_put(f->db, f->tasks, NULL, "{\"text\":\"first\"}", &f->err));
    f->now += 1000;
    must(f, db_draft_put(f->db, f->tasks, ID_A, "{\"text\":\"last\"}", &f->err));
    memset(id, 'x', sizeof id);
    must(f, db_draft_latest(f->db, &table, id, &json, &at, &f->err));
    assert_string_equal(table, "tasks");
    assert_string_equal(id, ID_A);
    assert_string_equal(json, "{\"text\":\"last\"}");
    assert_int_equal(at, f->now);
    free(table);
    free(json);
}

/* Twenty-one answers of one record were lost: the op can name no more, and what is typed then waits behind it. */
static void twenty_lost_answers(struct fixture *f, int answers)
{
    struct db_saved saved;

    for (int i = 0; i < answers; i++) {
        SAVE(f, ID_A, &saved, "text", i % 2 == 0 ? "even" : "odd");
        struct db_ops sent = fixture_take(f, 1);
        db_ops_done(&sent);
    }
}

static void an_edit_goes_into_an_op_that_names_twenty_and_was_not_sent(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "")), "e1", "c1");
    twenty_lost_answers(f, 20);
    SAVE(f, ID_A, &saved, "text", "names twenty");
    SAVE(f, ID_A, &saved, "text", "and is not sent");
    struct db_ops ops = fixture_queue(f, 1);
    assert_string_equal(ops.items[0].set, "{\"text\":\"and is not sent\"}");
    db_ops_done(&ops);
}

static void an_op_names_the_twenty_that_were_discarded_last(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "")), "e1", "c1");
    fixture_sql(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 21) "
                   "INSERT INTO sync_discarded (op_id, table_name, record_client_id, at) "
                   "SELECT printf('01890000-0000-7000-8000-%012d', i), 'tasks', '" ID_A "', 1700000000000 + i FROM n");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops ops = fixture_queue(f, 1);
    assert_null(strstr(ops.items[0].replaces, "01890000-0000-7000-8000-000000000001"));
    assert_non_null(strstr(ops.items[0].replaces, "01890000-0000-7000-8000-000000000021"));
    db_ops_done(&ops);
}

static void discard_first(struct fixture *f)
{
    struct db_ops ops = fixture_queue(f, 2);

    must(f, db_queue_discard(f->db, &ops.items[0], 0, &f->err));
    db_ops_done(&ops);
}

static void what_waits_behind_a_discarded_op_keeps_its_choice_against_the_default(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "")), "e1", "c1");
    twenty_lost_answers(f, 21);
    SAVE(f, ID_A, &saved, "isCompleted", "yes");
    discard_first(f);
    assert_int_equal(fixture_count(f, DB_VIEW_DONE), 1);
}

static void behind_a_discarded_op_the_rest_becomes_what_the_office_has_now(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    twenty_lost_answers(f, 21);
    SAVE(f, ID_A, &saved, "priority", "high");
    fixture_change(f, doc_json(ID_A, 9, "'text':'theirs','notes':'theirs'"), "e1", "c2");
    discard_first(f);
    assert_string_equal(fixture_text(f, ID_A, "text"), "theirs");
    assert_string_equal(fixture_text(f, ID_A, "notes"), "theirs");
    assert_string_equal(fixture_text(f, ID_A, "priority"), "high");
}

static void an_op_that_can_not_be_read_stays_as_it_is_behind_a_discarded_one(void **state)
{
    static const char *const accidents[] = { "base = 'x'", "updated_at = 9000000000000000" };
    struct fixture *f = *state;
    struct db_saved saved;
    struct buf text = { 0 };

    for (size_t i = 0; i < sizeof accidents / sizeof *accidents; i++) {
        fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
        twenty_lost_answers(f, 21);
        SAVE(f, ID_A, &saved, "text", "behind");
        buf_clear(&text);
        buf_printf(&text, "UPDATE sync_queue SET %s WHERE seq = (SELECT max(seq) FROM sync_queue)", accidents[i]);
        fixture_sql(f, buf_str(&text));
        struct db_ops before = fixture_queue(f, 2);
        discard_first(f);
        struct db_ops after = fixture_queue(f, 1);
        assert_string_equal(after.items[0].base, before.items[1].base);
        assert_string_equal(after.items[0].set, before.items[1].set);
        must(f, db_queue_discard(f->db, &after.items[0], 0, &f->err));
        db_ops_done(&before);
        db_ops_done(&after);
    }
    buf_done(&text);
}

static void an_op_of_another_shape_is_discarded_and_takes_nothing_back(void **state)
{
    static const char *const payloads[] = { "[1]", "7", "\"x\"" };
    struct fixture *f = *state;
    struct buf text = { 0 };

    for (size_t i = 0; i < sizeof payloads / sizeof *payloads; i++) {
        struct db_saved saved;
        fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
        SAVE(f, ID_A, &saved, "text", "mine");
        buf_clear(&text);
        buf_printf(&text, "UPDATE sync_queue SET payload = '%s'; UPDATE tasks SET shadow = NULL", payloads[i]);
        fixture_sql(f, buf_str(&text));
        struct db_ops ops = fixture_queue(f, 1);
        must(f, db_queue_discard(f->db, &ops.items[0], 0, &f->err));
        assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
        db_ops_done(&ops);
    }
    buf_done(&text);
}

/* What is left of ours is no loss of a restored backend, whatever its rev was. */
static void a_discard_without_the_offices_version_leaves_it_to_the_walk(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops ops = fixture_take(f, 1);
    fixture_applied(f, &ops.items[0], doc_json(ID_A, 6, "'text':'mine'"), NULL, "e1");
    db_ops_done(&ops);
    SAVE(f, ID_A, &saved, "text", "discarded");
    fixture_sql(f, "UPDATE tasks SET shadow = NULL");
    ops = fixture_queue(f, 1);
    must(f, db_queue_discard(f->db, &ops.items[0], 0, &f->err));
    db_ops_done(&ops);
    fixture_walk(f, array_of(doc_json(ID_A, 4, "'text':'restored'")), "e2", "d1");
    ops = fixture_queue(f, 0);
    db_ops_done(&ops);
    assert_string_equal(fixture_text(f, ID_A, "text"), "restored");
}

static void a_discard_that_wants_nothing_asks_for_no_round(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_state before, after;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "")), "e1", "c1");
    for (int64_t want = 0; want < 2; want++) {
        SAVE(f, ID_A, &saved, "text", "discarded");
        must(f, db_state_read(f->db, &before, &f->err));
        struct db_ops ops = fixture_queue(f, 1);
        must(f, db_queue_discard(f->db, &ops.items[0], want, &f->err));
        db_ops_done(&ops);
        must(f, db_state_read(f->db, &after, &f->err));
        assert_int_equal(after.wanted_id != before.wanted_id, want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_save_says_when_and_a_clock_set_back_does_not_take_it_back),
        T(what_is_imported_keeps_the_time_it_was_made),
        T(a_value_that_is_not_marked_as_set_is_none_of_a_new_record),
        T(an_edit_of_a_record_that_is_not_there_says_so),
        T(a_record_that_is_too_large_is_refused_with_its_size),
        T(in_a_batch_that_lost_a_write_no_save_succeeds),
        T(a_save_after_a_cancelled_batch_is_whole_or_nothing),
        T(the_latest_draft_is_the_one_that_was_typed_last),
        T(an_edit_goes_into_an_op_that_names_twenty_and_was_not_sent),
        T(an_op_names_the_twenty_that_were_discarded_last),
        T(what_waits_behind_a_discarded_op_keeps_its_choice_against_the_default),
        T(behind_a_discarded_op_the_rest_becomes_what_the_office_has_now),
        T(an_op_that_can_not_be_read_stays_as_it_is_behind_a_discarded_one),
        T(an_op_of_another_shape_is_discarded_and_takes_nothing_back),
        T(a_discard_without_the_offices_version_leaves_it_to_the_walk),
        T(a_discard_that_wants_nothing_asks_for_no_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
