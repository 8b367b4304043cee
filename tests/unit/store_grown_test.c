/* A process goes on running while another one, with newer definitions, opens the same file: the
 * older one does not know all columns of it any more. */
#include "tests/unit/store_fixture.h"

#define TASKS_WITH(columns)                                                                        \
    "{\"name\":\"tasks\",\"label\":\"T\",\"labelOne\":\"t\",\"title\":\"text\","                   \
    "\"done\":\"isCompleted\",\"columns\":["                                                       \
    "{\"name\":\"text\",\"type\":\"text\",\"required\":true},"                                     \
    "{\"name\":\"isCompleted\",\"type\":\"bool\",\"default\":false},"                              \
    "{\"name\":\"priority\",\"type\":\"choice\",\"choices\":[\"low\",\"normal\",\"high\"]},"       \
    "{\"name\":\"dueAt\",\"type\":\"date\"},{\"name\":\"notes\",\"type\":\"text\"}" columns "]}"

#define PUMPS_WITH(columns)                                                                        \
    "{\"name\":\"pumps\",\"label\":\"Pumps\",\"labelOne\":\"pump\",\"title\":\"name\","            \
    "\"columns\":[{\"name\":\"name\",\"type\":\"text\"}" columns "]}"

static const char pumps[] = PUMPS_WITH("");

struct newer {
    struct registry *reg;
    struct db *db;
};

/* Another process opens the file, with these definitions too. */
static struct newer newer_open(struct fixture *f, const char *json)
{
    struct newer newer = { .reg = registry_new() };
    const struct db_options options = {
        .path = f->path, .role = DB_SYNCER, .registry = newer.reg, .clock = &f->clock
    };

    must(f, registry_add(newer.reg, json, strlen(json), "newer.json", &f->err));
    must(f, db_open(&options, &newer.db, &f->err));
    return newer;
}

static void newer_close(struct newer *newer)
{
    db_close(newer->db);
    registry_free(newer->reg);
}

static cJSON *page_of(cJSON *doc, const char *cursor)
{
    cJSON *page = cJSON_CreateObject(), *change = cJSON_CreateObject(),
          *cursors = cJSON_CreateObject();

    cJSON_AddStringToObject(change, "table", "tasks");
    cJSON_AddItemToObject(change, "doc", doc);
    cJSON_AddStringToObject(cursors, "tasks", cursor);
    cJSON_AddStringToObject(page, "epoch", "e1");
    cJSON_AddItemToObject(page, "changes", array_of(change));
    cJSON_AddItemToObject(page, "cursors", cursors);
    cJSON_AddBoolToObject(page, "more", false);
    return page;
}

static enum rc apply(struct fixture *f, struct db *db, cJSON *doc, const char *cursor)
{
    cJSON *page = page_of(doc, cursor);
    struct db_apply *apply = NULL;
    bool is_done = false;

    must(f, db_apply_changes(db, page, &apply, &f->err));
    enum rc rc = db_apply_slice(apply, &is_done, &f->err);
    db_apply_free(apply);
    cJSON_Delete(page);
    return rc;
}

static int64_t rank_of(struct fixture *f, struct newer *newer, const char *id)
{
    const struct table *table = registry_find(newer->reg, "tasks");
    struct record rec = { 0 };

    must(f, db_record_read(newer->db, table, id, &rec, &f->err));
    const struct value *rank = &rec.values[table_column(table, "rank")->index];
    int64_t number = rank->kind == VALUE_INT ? rank->number : -1;
    record_done(&rec);
    return number;
}

static void what_the_office_changes_reaches_a_column_that_only_the_newer_process_knows(void **state)
{
    struct fixture *f = *state;

    fixture_walk(f, array_of(doc_json(ID_A, 3, "'rank':3.0")), "e1", "c1");
    struct newer newer = newer_open(f, TASKS_WITH(",{\"name\":\"rank\",\"type\":\"integer\"}"));
    assert_int_equal(rank_of(f, &newer, ID_A), 3);

    assert_int_equal(apply(f, f->db, doc_json(ID_A, 4, "'rank':4.0"), "c2"), RC_FOREIGN);
    assert_non_null(strstr(f->err.msg, "start again"));
    assert_true(db_is_outdated(f->db));
    assert_int_equal(apply(f, newer.db, doc_json(ID_A, 4, "'rank':4.0"), "c2"), RC_OK);

    assert_int_equal(rank_of(f, &newer, ID_A), 4);
    assert_false(db_is_outdated(newer.db));
    newer_close(&newer);
}

static void
what_is_typed_in_the_older_process_is_refused_with_words_and_its_draft_is_kept(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    char *draft = NULL;
    int64_t at = 0;

    struct newer newer = newer_open(f, TASKS_WITH(",{\"name\":\"rank\",\"type\":\"integer\"}"));
    assert_int_equal(fixture_try_save(f, f->db, NULL, &saved, "text", "mend the pump", NULL),
                     RC_FOREIGN);
    assert_non_null(strstr(f->err.msg, "start again"));
    must(f, db_draft_put(f->db, f->tasks, NULL, "{\"text\":\"mend the pump\"}", &f->err));

    struct db_ops ops = fixture_queue(f, 0);
    db_ops_done(&ops);
    must(f, db_draft_get(newer.db, registry_find(newer.reg, "tasks"), NULL, &draft, &at, &f->err));
    assert_string_equal(draft, "{\"text\":\"mend the pump\"}");
    free(draft);
    newer_close(&newer);
}

static void an_op_that_was_sent_before_is_sent_again_by_the_newer_process(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_push_counts counts;

    SAVE(f, NULL, &saved, "text", "mend the pump");
    struct db_ops sent = fixture_take(f, 1);
    struct newer newer = newer_open(f, TASKS_WITH(",{\"name\":\"rank\",\"type\":\"integer\"}"));
    cJSON *doc = doc_json(saved.client_id, 4, "'text':'mend the pump','rank':4.0");
    const struct db_push_result result = { .op = &sent.items[0], .is_applied = true, .doc = doc };

    assert_int_equal(db_push_apply(f->db, &result, 1, "e1", &counts, &f->err), RC_FOREIGN);

    struct db_ops again = { 0 };
    must(f, db_push_take(newer.db, 500, 512 << 10, &again, &f->err));
    assert_int_equal(again.count, 1);
    assert_string_equal(again.items[0].op_id, sent.items[0].op_id);
    db_ops_done(&again);
    db_ops_done(&sent);
    cJSON_Delete(doc);
    newer_close(&newer);
}

static void a_table_that_only_the_newer_process_has_hinders_nobody(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    struct newer newer = newer_open(f, pumps);
    SAVE(f, NULL, &saved, "text", "mend the pump");
    assert_false(db_is_outdated(f->db));
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "mend the pump");
    newer_close(&newer);
}

static void records_of_a_table_that_has_not_changed_are_saved(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    db_close(f->db);
    must(f, registry_add(f->reg, pumps, strlen(pumps), "pumps.json", &f->err));
    f->tasks = registry_find(f->reg, "tasks");
    f->db = fixture_open(f, DB_SYNCER);
    struct newer newer = newer_open(f, PUMPS_WITH(",{\"name\":\"rank\",\"type\":\"integer\"}"));
    SAVE(f, NULL, &saved, "text", "mend the pump");
    assert_string_equal(fixture_text(f, saved.client_id, "text"), "mend the pump");
    assert_int_equal(apply(f, f->db, doc_json(ID_A, 4, ""), "c2"), RC_FOREIGN);
    newer_close(&newer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            what_the_office_changes_reaches_a_column_that_only_the_newer_process_knows,
            fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            what_is_typed_in_the_older_process_is_refused_with_words_and_its_draft_is_kept,
            fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            an_op_that_was_sent_before_is_sent_again_by_the_newer_process, fixture_setup,
            fixture_teardown),
        cmocka_unit_test_setup_teardown(a_table_that_only_the_newer_process_has_hinders_nobody,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(records_of_a_table_that_has_not_changed_are_saved,
                                        fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
