/* What the store refuses, and what it does with a part of itself that is missing or damaged. */
#include "db/db.h"
#include "tests/unit/store_fixture.h"

#include <sys/stat.h>

static void refused_page(struct fixture *f, enum rc rc, struct db_apply *apply, const char *what)
{
    if (rc != RC_PROTOCOL || apply != NULL || strstr(f->err.msg, what) == NULL)
        fail_msg("%s: %s: %s", what, rc_name(rc), f->err.msg);
    f->err = (struct err){ 0 };
}

static void a_page_without_one_of_its_parts_is_refused(void **state)
{
    static const struct {
        const char *page, *what;
    } walks[] = {
        { "{'epoch':'e1','docs':{},'cursor':'c','more':false}", "docs" },
        { "{'epoch':'e1','docs':[],'cursor':7,'more':false}", "cursor" },
        { "{'docs':[],'cursor':'c','more':false}", "cursor" },
        { "{'epoch':'e1','docs':[],'cursor':'c'}", "more" },
        { "{'epoch':'e1','docs':['x'],'cursor':'c','more':false}", "form" },
    };
    static const struct {
        const char *page, *what;
    } changes[] = {
        { "{'epoch':'e1','changes':'x','cursors':{},'more':false}", "changes" },
        { "{'epoch':'e1','changes':[],'cursors':[],'more':false}", "cursors" },
        { "{'changes':[],'cursors':{},'more':false}", "cursors" },
        { "{'epoch':'e1','changes':[],'cursors':{}}", "more" },
        { "{'epoch':'e1','changes':[],'cursors':{'tasks':3},'more':false}", "cursors" },
        { "{'epoch':'e1','changes':[{'doc':{}}],'cursors':{},'more':false}", "changes" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof walks / sizeof *walks; i++) {
        struct db_apply *apply = NULL;
        cJSON *page = quoted(walks[i].page);
        enum rc rc = db_apply_walk(f->db, f->tasks, page, &apply, &f->err);
        refused_page(f, rc, apply, walks[i].what);
        cJSON_Delete(page);
    }
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct db_apply *apply = NULL;
        cJSON *page = quoted(changes[i].page);
        enum rc rc = db_apply_changes(f->db, page, &apply, &f->err);
        refused_page(f, rc, apply, changes[i].what);
        cJSON_Delete(page);
    }
}

static void changes_of_a_table_that_nobody_asked_for_are_passed_over(void **state)
{
    struct fixture *f = *state;
    struct db_apply *apply = NULL;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    cJSON *page = quoted("{'epoch':'e1','changes':[{'table':'visits','doc':{'x':1}}],"
                         "'cursors':{'visits':'v','tasks':'c2'},'more':false}");
    must(f, db_apply_changes(f->db, page, &apply, &f->err));
    fixture_apply(f, apply);
    struct db_pull_tables tables;
    must(f, db_pull_read(f->db, &tables, &f->err));
    assert_string_equal(tables.items[0].cursor, "c2");
    db_pull_tables_done(&tables);
    cJSON_Delete(page);
}

static void an_id_that_is_none_is_refused(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    assert_int_equal(fixture_try_save(f, f->db, "01890000-0000-7000-8000-00000000000A", &saved,
                                      "text", "x", NULL),
                     RC_INVALID);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static void an_op_is_found_only_by_what_names_one(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_op op = { 0 };

    SAVE(f, NULL, &saved, "text", "a");
    SAVE(f, NULL, &saved, "text", "b");
    assert_int_equal(db_queue_find(f->db, "", &op, &f->err), RC_NOT_FOUND);
    assert_int_equal(db_queue_find(f->db, "#", &op, &f->err), RC_NOT_FOUND);
    assert_int_equal(db_queue_find(f->db, "#1x", &op, &f->err), RC_NOT_FOUND);
    assert_int_equal(db_queue_find(f->db, "a%", &op, &f->err), RC_NOT_FOUND);
    assert_int_equal(db_queue_find(f->db, "ffff", &op, &f->err), RC_NOT_FOUND);
    assert_non_null(strstr(f->err.msg, "ffff"));
    assert_int_equal(db_queue_find(f->db, "0", &op, &f->err), RC_INVALID);
    assert_non_null(strstr(f->err.msg, "Several"));
    must(f, db_queue_find(f->db, "#2", &op, &f->err));
    assert_string_equal(op.client_id, saved.client_id);
    db_op_done(&op);
}

static void a_take_ends_before_the_op_that_is_too_much(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_ops ops = { 0 };

    SAVE(f, NULL, &saved, "text", "first");
    SAVE(f, NULL, &saved, "text", "second");
    must(f, db_push_take(f->db, 10, 1, &ops, &f->err));
    assert_int_equal(ops.count, 1); /* the first one goes however large it is */
    db_ops_done(&ops);
    ops = fixture_queue(f, 2);
    assert_int_not_equal(ops.items[0].sent_at, 0);
    assert_int_equal(ops.items[1].sent_at, 0);
    db_ops_done(&ops);
}

static void an_answer_about_an_op_of_another_table_is_not_believed(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_push_counts counts;

    SAVE(f, NULL, &saved, "text", "a");
    struct db_ops ops = fixture_take(f, 1);
    cJSON *doc = doc_json(ops.items[0].client_id, 5, "");
    const struct db_push_result result = { .op = &ops.items[0], .is_applied = true, .doc = doc };
    ops.items[0].table_name[strlen("task")] = '\0'; /* of "tasks" */
    assert_int_equal(db_push_apply(f->db, &result, 1, "e1", &counts, &f->err), RC_INTERNAL);
    cJSON_Delete(doc);
    db_ops_done(&ops);
    ops = fixture_queue(f, 1);
    db_ops_done(&ops);
}

static void a_conflict_without_a_column_is_not_logged_and_a_missing_value_is_null(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    sqlite3 *look;
    sqlite3_stmt *st;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops ops = fixture_take(f, 1);
    fixture_applied(f, &ops.items[0], doc_json(ID_A, 9, "'text':'mine'"),
                    "[{'theirs':'x'},{'column':'notes','theirs':'theirs'}]", "e1");
    db_ops_done(&ops);
    assert_int_equal(sqlite3_open(f->path, &look), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(look,
                                        "SELECT column_name, base, theirs, ours FROM conflicts", -1,
                                        &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_string_equal(sqlite3_column_text(st, 0), "notes");
    assert_string_equal(sqlite3_column_text(st, 1), "null");
    assert_string_equal(sqlite3_column_text(st, 2), "\"theirs\"");
    assert_string_equal(sqlite3_column_text(st, 3), "null");
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    sqlite3_finalize(st);
    sqlite3_close(look);
}

static void a_walk_is_not_finished_before_its_last_page(void **state)
{
    struct fixture *f = *state;
    bool is_done = false;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "")), "e1", "c1");
    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    fixture_walk_page(f, NULL, "e1", "c2", true);
    assert_int_equal(db_walk_finish(f->db, f->tasks, &is_done, &f->err), RC_INTERNAL);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 1);
}

/* A restored backend lacks what others wrote, and the file that would keep it can not be made. */
static void nothing_is_removed_that_could_not_be_kept(void **state)
{
    struct fixture *f = *state;
    struct buf path = { 0 };
    bool is_done = false;
    enum rc rc = RC_OK;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'theirs'")), "e1", "c1");
    buf_printf(&path, "%s.recovered.jsonl", f->path);
    assert_int_equal(mkdir(buf_str(&path), 0700), 0);
    must(f, db_walk_begin(f->db, f->tasks, "e2", &f->err));
    fixture_walk_page(f, NULL, "e2", "c2", false);
    while (!rc && !is_done)
        rc = db_walk_finish(f->db, f->tasks, &is_done, &f->err);
    assert_int_equal(rc, RC_IO);
    assert_string_equal(fixture_text(f, ID_A, "text"), "theirs");
    assert_int_equal(rmdir(buf_str(&path)), 0);
    for (rc = RC_OK; !rc && !is_done;)
        rc = db_walk_finish(f->db, f->tasks, &is_done, &f->err);
    must(f, rc);
    assert_string_equal(fixture_text(f, ID_A, "text"), "gone");
    buf_done(&path);
}

static void a_store_belongs_to_one_server(void **state)
{
    struct fixture *f = *state;
    struct db_account account = { .server = "https://x",
                                  .instance = "i",
                                  .user_id = "u",
                                  .email = "e@x",
                                  .device_id = "d",
                                  .token = "t" };

    must(f, db_account_write(f->db, &account, &f->err));
    account.instance = "j";
    assert_int_equal(db_account_write(f->db, &account, &f->err), RC_INVALID);
    assert_non_null(strstr(f->err.msg, "another server"));
}

static void rows_that_are_missing_are_damage_with_a_way_out(void **state)
{
    struct fixture *f = *state;
    struct db_state got;
    struct db_apply *apply = NULL;
    bool is_done;

    fixture_sql(f, "DELETE FROM sync_state");
    assert_int_equal(db_state_read(f->db, &got, &f->err), RC_CORRUPT);
    assert_non_null(strstr(f->err.msg, "outpost doctor"));
    fixture_sql(f, "DELETE FROM sync_metadata");
    cJSON *page = walk_page(array_of(doc_json(ID_A, 5, "")), "e1", "c1", false);
    must(f, db_apply_walk(f->db, f->tasks, page, &apply, &f->err));
    assert_int_equal(db_apply_slice(apply, &is_done, &f->err), RC_CORRUPT);
    assert_non_null(strstr(f->err.msg, "outpost doctor"));
    db_apply_free(apply);
    cJSON_Delete(page);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 0);
}

static void a_damaged_definition_of_a_table_stops_the_store_and_touches_nothing(void **state)
{
    struct fixture *f = *state;
    struct db *db = NULL;
    const struct db_options options = {
        .path = f->path, .role = DB_SYNCER, .registry = f->reg, .clock = &f->clock
    };

    db_close(f->db);
    f->db = NULL;
    fixture_sql(f, "UPDATE sync_metadata SET definition = '{half'");
    assert_int_equal(db_open(&options, &db, &f->err), RC_CORRUPT);
    assert_null(db);
    assert_int_equal(db_fit_registry(f->path, f->reg, &f->err), RC_CORRUPT);
    assert_int_equal(registry_count(f->reg), 1);
    fixture_sql(f, "DELETE FROM sync_metadata");
    must(f, db_fit_registry(f->path, f->reg, &f->err)); /* a table that never was */
    assert_int_equal(registry_count(f->reg), 1);
}

static void what_stands_beside_the_store_is_named_when_it_can_not_be_used(void **state)
{
    struct fixture *f = *state;
    struct buf path = { 0 };
    struct db_lock *lock = NULL;
    struct db_bell *bell = NULL;

    buf_printf(&path, "%s/missing/store.db", f->dir);
    assert_int_equal(db_lock_open(buf_str(&path), &lock, &f->err), RC_IO);
    assert_non_null(strstr(f->err.msg, "missing/store.db.lock"));
    assert_int_equal(db_bell_open(buf_str(&path), &bell, &f->err), RC_IO);
    assert_null(bell);
    must(f, db_fit_registry(buf_str(&path), f->reg, &f->err)); /* no file yet: nothing to fit */
    assert_int_equal(registry_count(f->reg), 1);
    buf_done(&path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_page_without_one_of_its_parts_is_refused),
        T(changes_of_a_table_that_nobody_asked_for_are_passed_over),
        T(an_id_that_is_none_is_refused),
        T(an_op_is_found_only_by_what_names_one),
        T(a_take_ends_before_the_op_that_is_too_much),
        T(an_answer_about_an_op_of_another_table_is_not_believed),
        T(a_conflict_without_a_column_is_not_logged_and_a_missing_value_is_null),
        T(a_walk_is_not_finished_before_its_last_page),
        T(nothing_is_removed_that_could_not_be_kept),
        T(a_store_belongs_to_one_server),
        T(rows_that_are_missing_are_damage_with_a_way_out),
        T(a_damaged_definition_of_a_table_stops_the_store_and_touches_nothing),
        T(what_stands_beside_the_store_is_named_when_it_can_not_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
