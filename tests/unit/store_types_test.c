/* A table of every type and of long texts: what SQLite is given, and what comes back. */
#include "db/db.h"
#include "tests/unit/store_fixture.h"

static const char visits_json[] =
    "{\"name\":\"visits\",\"label\":\"Visits\",\"labelOne\":\"visit\",\"title\":\"place\","
    "\"sorts\":[{\"name\":\"km\",\"column\":\"km\"},{\"name\":\"at\",\"column\":\"at\"}],"
    "\"columns\":[{\"name\":\"place\",\"type\":\"text\"},{\"name\":\"km\",\"type\":\"real\"},"
    "{\"name\":\"people\",\"type\":\"integer\"},{\"name\":\"at\",\"type\":\"timestamp\"},"
    "{\"name\":\"paid\",\"type\":\"bool\",\"default\":true},"
    "{\"name\":\"a\",\"type\":\"text\",\"maxLength\":60000},"
    "{\"name\":\"b\",\"type\":\"text\",\"maxLength\":60000},"
    "{\"name\":\"c\",\"type\":\"text\",\"maxLength\":60000}]}";

/* The fixture's table is this one from here on. */
static int visits_setup(void **state)
{
    if (fixture_setup(state))
        return -1;
    struct fixture *f = *state;
    db_close(f->db);
    f->db = NULL;
    must(f, registry_add(f->reg, visits_json, sizeof visits_json - 1, "visits.json", &f->err));
    f->tasks = registry_find(f->reg, "visits");
    f->db = fixture_open(f, DB_SYNCER);
    return 0;
}

static void a_real_number_comes_back_as_it_was(void **state)
{
    static const char *const numbers[] = { "0.1", "-3.25", "1e+300", "5e-324", "12" };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct db_saved saved;
        SAVE(f, NULL, &saved, "place", "x", "km", numbers[i]);
        assert_true(strtod(fixture_text(f, saved.client_id, "km"), NULL) ==
                    strtod(numbers[i], NULL));
        struct db_ops ops = fixture_queue(f, (size_t)i + 1);
        cJSON *set = quoted(ops.items[i].set);
        assert_true(cJSON_GetNumberValue(json_get(set, "km")) == strtod(numbers[i], NULL));
        cJSON_Delete(set);
        db_ops_done(&ops);
    }
}

static void a_whole_number_that_json_can_not_carry_is_refused(void **state)
{
    struct fixture *f = *state;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    const struct db_edit edit = { .table = f->tasks, .values = values, .is_set = is_set };
    const size_t at = table_column(f->tasks, "people")->index;
    struct db_saved saved;

    is_set[at] = true;
    values[at] = (struct value){ .kind = VALUE_INT, .number = INT64_C(1) << 53 };
    assert_int_equal(db_save(f->db, &edit, &saved, &f->err), RC_INVALID);
    assert_string_equal(f->err.column, "people");
    values[at].number--;
    must(f, db_save(f->db, &edit, &saved, &f->err));
    assert_string_equal(fixture_text(f, saved.client_id, "people"), "9007199254740991");
}

static void a_list_by_a_real_number_is_paged_through(void **state)
{
    static const char *const numbers[] = { "10.5", "-2.5", "0.25", "3", "1e+9", NULL };
    static const char *const sorted[] = { "-2.5", "0.25", "3", "10.5", "1e+09", "" };
    struct fixture *f = *state;
    struct record_list page = { 0 };
    struct db_window window = {
        .table = f->tasks, .view = DB_VIEW_ALL, .from = DB_FROM_START, .count = 1
    };
    struct value key = { 0 };
    char id[ID_SIZE] = "";

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct db_saved saved;
        must(f, fixture_try_save(f, f->db, NULL, &saved, "place", "x", numbers[i] ? "km" : NULL,
                                 numbers[i], NULL));
    }
    while (strcmp(f->tasks->sorts[window.sort].name, "km") != 0)
        window.sort++;
    for (size_t i = 0; i < sizeof sorted / sizeof *sorted; i++) {
        struct buf shown = { 0 };
        must(f, db_window_read(f->db, &window, &page, &f->err));
        assert_int_equal(page.count, 1);
        column_to_text(table_column(f->tasks, "km"),
                       &page.items[0].values[table_column(f->tasks, "km")->index], &shown);
        assert_true(strtod(buf_str(&shown), NULL) == strtod(sorted[i], NULL));
        assert_int_equal(shown.len == 0, sorted[i][0] == '\0');
        value_done(&key);
        value_copy(&key, &page.items[0].key);
        memcpy(id, page.items[0].client_id, ID_SIZE);
        window.from = DB_FROM_AFTER;
        window.key = &key;
        window.client_id = id;
        record_list_done(&page);
        buf_done(&shown);
    }
    must(f, db_window_read(f->db, &window, &page, &f->err));
    assert_int_equal(page.count, 0);
    record_list_done(&page);
    value_done(&key);
}

static enum rc note_line(void *ctx, const struct buf *json, struct err *err)
{
    struct buf *lines = ctx;

    (void)err;
    buf_append(lines, json->data, json->len);
    buf_putc(lines, '\n');
    return RC_OK;
}

static void a_rescue_brings_values_of_every_type(void **state)
{
    struct fixture *f = *state;
    struct buf lines = { 0 };
    struct db_rescued out = { 0 };
    struct db_saved saved;

    SAVE(f, NULL, &saved, "place", "Oslo", "km", "12.75", "people", "3");
    fixture_sql(f, "DELETE FROM sync_queue");
    must(f, db_rescue(f->path, f->reg, note_line, &lines, &out, &f->err));
    assert_int_equal(out.records, 1);
    assert_non_null(strstr(buf_str(&lines), "\"km\":12.75"));
    assert_non_null(strstr(buf_str(&lines), "\"people\":3"));
    assert_non_null(strstr(buf_str(&lines), "\"paid\":true"));
    buf_clear(&lines);
    /* Without the definition the columns are as SQLite has them. */
    struct registry *none = registry_new();
    must(f, db_rescue(f->path, none, note_line, &lines, &out, &f->err));
    assert_int_equal(out.records, 1);
    assert_non_null(strstr(buf_str(&lines), "12.75"));
    registry_free(none);
    buf_done(&lines);
}

/* The page that says which tables there are is lost: rows are known by their shape. */
static void a_rescue_from_loose_pages_brings_values_of_every_type(void **state)
{
    struct fixture *f = *state;
    struct buf lines = { 0 }, file = { 0 }, path = { 0 };
    struct db_rescued out = { 0 };
    struct db_saved saved;

    SAVE(f, NULL, &saved, "place", "Oslo", "km", "12.75", "people", "-3", "paid", "no");
    SAVE(f, NULL, &saved, "place", "Bergen", "km", "8");
    SAVE(f, NULL, &saved, "people", "5"); /* without its title it may be of any table */
    fixture_sql(f, "DELETE FROM sync_queue");
    must(f, db_checkpoint(f->db, true, &f->err));
    db_close(f->db);
    f->db = NULL;
    must(f, file_read(f->path, 1 << 24, &file, &f->err));
    memset(file.data, 0xA5, 4096);
    buf_printf(&path, "%s-wal", f->path);
    unlink(buf_str(&path));
    must(f, file_replace(f->path, file.data, file.len, 0600, &f->err));
    must(f, db_rescue(f->path, f->reg, note_line, &lines, &out, &f->err));
    assert_int_equal(out.records, 3);
    assert_non_null(strstr(buf_str(&lines), "\"km\":12.75"));
    assert_non_null(strstr(buf_str(&lines), "\"people\":-3"));
    assert_non_null(strstr(buf_str(&lines), "\"paid\":false"));
    assert_non_null(strstr(buf_str(&lines), "\"km\":8"));
    assert_non_null(strstr(buf_str(&lines), "\"values\":[null,null,5,null,1,null,null,null]"));
    buf_done(&lines);
    buf_done(&file);
    buf_done(&path);
}

static void a_rescue_needs_a_file_and_room_for_its_copy(void **state)
{
    struct fixture *f = *state;
    struct buf lines = { 0 }, path = { 0 };
    struct db_rescued out = { 0 };
    char *before = getenv("TMPDIR") ? mem_strdup(getenv("TMPDIR")) : NULL;

    buf_printf(&path, "%s/none.db", f->dir);
    assert_int_equal(db_rescue(buf_str(&path), f->reg, note_line, &lines, &out, &f->err),
                     RC_NOT_FOUND);
    assert_non_null(strstr(f->err.msg, "none.db does not exist"));
    setenv("TMPDIR", buf_str(&path), 1);
    assert_int_equal(db_rescue(f->path, f->reg, note_line, &lines, &out, &f->err), RC_IO);
    assert_non_null(strstr(f->err.msg, "none.db"));
    if (before)
        setenv("TMPDIR", before, 1);
    else
        unsetenv("TMPDIR");
    assert_int_equal(lines.len, 0);
    free(before);
    buf_done(&path);
}

static void a_record_over_the_limit_is_refused_new_and_old(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved, again;
    char *text = mem_zero(1, 60001);

    memset(text, '"', 60000); /* two bytes of JSON each */
    SAVE(f, NULL, &saved, "place", "small");
    struct db_ops before = fixture_queue(f, 1);
    assert_int_equal(
        fixture_try_save(f, f->db, saved.client_id, &again, "a", text, "b", text, "c", text, NULL),
        RC_INVALID);
    assert_non_null(strstr(f->err.msg, "256 KiB"));
    assert_int_equal(fixture_try_save(f, f->db, NULL, &again, "place", "new", "a", text, "b", text,
                                      "c", text, NULL),
                     RC_INVALID);
    struct db_ops after = fixture_queue(f, 1);
    assert_string_equal(before.items[0].op_id, after.items[0].op_id);
    assert_string_equal(fixture_text(f, saved.client_id, "a"), "-");
    SAVE(f, saved.client_id, &again, "a", text); /* one of them has room */
    db_ops_done(&before);
    db_ops_done(&after);
    free(text);
}

static void a_discarded_create_of_a_known_record_goes_back_to_the_defaults(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_op op = { 0 };

    SAVE(f, NULL, &saved, "place", "Oslo", "paid", "no", "km", "3.5");
    /* The backend has it, and its version is lost here. */
    fixture_sql(f, "UPDATE visits SET server_id = 's', shadow = NULL");
    fixture_sql(f, "UPDATE sync_queue SET base = '{\"km\":\"far\"}'");
    must(f, db_queue_find(f->db, saved.client_id, &op, &f->err));
    must(f, db_queue_discard(f->db, &op, 0, &f->err));
    assert_string_equal(fixture_text(f, saved.client_id, "paid"), "yes");
    assert_string_equal(fixture_text(f, saved.client_id, "place"), "-");
    assert_string_equal(fixture_text(f, saved.client_id, "km"), "3.5"); /* no number was there */
    db_op_done(&op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, visits_setup, fixture_teardown)
        T(a_real_number_comes_back_as_it_was),
        T(a_whole_number_that_json_can_not_carry_is_refused),
        T(a_list_by_a_real_number_is_paged_through),
        T(a_rescue_brings_values_of_every_type),
        T(a_rescue_from_loose_pages_brings_values_of_every_type),
        T(a_rescue_needs_a_file_and_room_for_its_copy),
        T(a_record_over_the_limit_is_refused_new_and_old),
        T(a_discarded_create_of_a_known_record_goes_back_to_the_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
