/* What a person and the screen ask of the store, with a failure in each call of SQLite. */
#include "db/db.h"
#include "tests/unit/failing.h"

#define WANT 4 /* any number: it is sync's to know */

static void an_op_to_discard(struct world *w)
{
    find_op(w, ID_A);
}

static void an_op_without_a_shadow(struct world *w)
{
    find_op(w, ID_A);
    fixture_sql(w->f, "UPDATE tasks SET shadow = '{half of it'");
}

static void an_op_of_a_missing_table(struct world *w)
{
    fixture_sql(w->f, "UPDATE sync_queue SET table_name = 'visits';"
                      "UPDATE tasks SET sync_status = 'synced', shadow = NULL");
    find_op(w, ID_A);
}

static void a_conflict(struct world *w)
{
    fixture_applied(w->f, &w->ops.items[0], doc_json(ID_A, 9, "'text':'new pump'"),
                    "[{'column':'text','theirs':'theirs','by':'o','at':1}]", "e1");
}

static void a_draft(struct world *w)
{
    must(w->f, db_draft_put(w->f->db, w->f->tasks, ID_B, "{\"text\":\"val\"}", &w->f->err));
}

static void a_broken_store(struct world *w)
{
    fixture_sql(w->f, "UPDATE tasks SET sync_status = 'synced';"
                      "UPDATE sync_counts SET n = n + 5; UPDATE sync_state SET waiting = 3;"
                      "UPDATE sync_queue SET op_id = 'x'");
}

/* ---- reading ---- */

static enum rc read_record(struct world *w)
{
    struct record rec = { 0 };
    enum rc rc = db_record_read(w->f->db, w->f->tasks, ID_A, &rec, &w->f->err);

    if (!rc)
        record_done(&rec);
    return rc;
}

static enum rc find_record(struct world *w)
{
    char id[ID_SIZE];

    return db_record_find(w->f->db, w->f->tasks, ID_B, id, &w->f->err);
}

static enum rc read_window(struct world *w, const char *find)
{
    struct record_list list = { 0 };
    const struct db_window window = {
        .table = w->f->tasks, .view = DB_VIEW_ALL, .from = DB_FROM_START, .count = 10, .find = find
    };
    enum rc rc = db_window_read(w->f->db, &window, &list, &w->f->err);

    if (!rc)
        record_list_done(&list);
    return rc;
}

static enum rc read_list(struct world *w)
{
    return read_window(w, NULL);
}

static enum rc find_words(struct world *w)
{
    return read_window(w, "pump");
}

static enum rc read_rank(struct world *w)
{
    const struct value key = { .kind = VALUE_NULL };
    const struct db_window window = {
        .table = w->f->tasks, .view = DB_VIEW_ALL, .key = &key, .client_id = ID_B
    };
    int64_t rank;

    return db_window_rank(w->f->db, &window, &rank, &w->f->err);
}

static enum rc count_records(struct world *w)
{
    int64_t n;

    return db_count(w->f->db, w->f->tasks, DB_VIEW_ALL, &n, &w->f->err);
}

static enum rc list_queue(struct world *w)
{
    struct db_ops ops = { 0 };
    enum rc rc = db_queue_list(w->f->db, &ops, &w->f->err);

    if (!rc)
        db_ops_done(&ops);
    return rc;
}

static enum rc find_in_queue(struct world *w)
{
    struct db_op op = { 0 };
    enum rc rc = db_queue_find(w->f->db, ID_A, &op, &w->f->err);

    if (!rc)
        db_op_done(&op);
    return rc;
}

static enum rc count_queue(struct world *w)
{
    struct db_queue_counts counts;

    return db_queue_counts(w->f->db, &counts, &w->f->err);
}

static void no_conflict(void *ctx, const struct db_conflict *c)
{
    (void)ctx;
    (void)c;
}

static enum rc read_conflicts(struct world *w)
{
    return db_conflicts_each(w->f->db, no_conflict, NULL, &w->f->err);
}

static enum rc read_draft(struct world *w)
{
    char *json = NULL;
    int64_t at;
    enum rc rc = db_draft_get(w->f->db, w->f->tasks, ID_B, &json, &at, &w->f->err);

    free(json);
    return rc;
}

static enum rc read_latest_draft(struct world *w)
{
    char *json = NULL, *name = NULL, id[ID_SIZE];
    int64_t at;
    enum rc rc = db_draft_latest(w->f->db, &name, id, &json, &at, &w->f->err);

    free(json);
    free(name);
    return rc;
}

static enum rc read_account(struct world *w)
{
    struct db_account account = { 0 };
    enum rc rc = db_account_read(w->f->db, &account, &w->f->err);

    db_account_done(&account);
    return rc;
}

static enum rc read_state(struct world *w)
{
    struct db_state state;

    return db_state_read(w->f->db, &state, &w->f->err);
}

static enum rc read_progress(struct world *w)
{
    struct db_pull_tables tables = { 0 };
    bool all, any;
    enum rc rc = db_pull_read(w->f->db, &tables, &w->f->err);

    if (!rc)
        db_pull_tables_done(&tables);
    if (!rc)
        rc = db_pull_is_complete(w->f->db, &all, &any, &w->f->err);
    return rc ? rc : db_pull_is_table_complete(w->f->db, w->f->tasks, &all, &w->f->err);
}

static enum rc read_due(struct world *w)
{
    int64_t due;

    return db_push_due(w->f->db, &due, &w->f->err);
}

static enum rc check_file(struct world *w)
{
    return db_check(w->f->db, &w->f->err);
}

static enum rc checkpoint(struct world *w)
{
    return db_checkpoint(w->f->db, true, &w->f->err);
}

static void ignore_finding(void *ctx, const struct db_finding *finding)
{
    (void)ctx;
    (void)finding;
}

static enum rc look_over(struct world *w)
{
    return db_doctor(w->f->db, false, ignore_finding, NULL, &w->f->err);
}

static enum rc repair(struct world *w)
{
    return db_doctor(w->f->db, true, ignore_finding, NULL, &w->f->err);
}

/* ---- what the user does ---- */

static enum rc save_new(struct world *w)
{
    struct db_saved saved;

    return fixture_try_save(w->f, w->f->db, NULL, &saved, "text", "hose", "priority", "low", NULL);
}

static enum rc save_edit(struct world *w)
{
    struct db_saved saved;

    return fixture_try_save(w->f, w->f->db, ID_B, &saved, "isCompleted", "yes", NULL);
}

static enum rc save_again(struct world *w)
{
    struct db_saved saved;

    return fixture_try_save(w->f, w->f->db, ID_A, &saved, "text", "third pump", "notes", "n", NULL);
}

static enum rc save_with_draft(struct world *w)
{
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    const struct column *col = table_column(w->f->tasks, "isCompleted");
    const struct db_edit edit = { .table = w->f->tasks,
                                  .client_id = ID_B,
                                  .values = values,
                                  .is_set = is_set,
                                  .drop_draft = true };
    struct db_saved saved;

    values[col->index] = (struct value){ .kind = VALUE_BOOL, .flag = true };
    is_set[col->index] = true;
    return db_save(w->f->db, &edit, &saved, &w->f->err);
}

/* Goes on after an error, as no caller should: the batch is lost all the same. */
static enum rc save_batch(struct world *w)
{
    struct err first = { 0 };
    struct db_saved saved;
    enum rc rc = db_batch_begin(w->f->db, &w->f->err);

    if (rc)
        return rc;
    for (int i = 0; i < 3; i++) {
        enum rc one = fixture_try_save(w->f, w->f->db, NULL, &saved, "text", "batch", NULL);
        if (one && !rc) {
            rc = one;
            first = w->f->err;
        }
    }
    enum rc ended = db_batch_end(w->f->db, &w->f->err);
    if (!rc)
        return ended;
    assert_int_not_equal(ended, RC_OK);
    w->f->err = first;
    return rc;
}

static enum rc put_draft(struct world *w)
{
    return db_draft_put(w->f->db, w->f->tasks, ID_B, "{\"text\":\"va\"}", &w->f->err);
}

static enum rc drop_draft(struct world *w)
{
    return db_draft_drop(w->f->db, w->f->tasks, ID_B, &w->f->err);
}

static enum rc retry(struct world *w)
{
    int64_t count;

    return db_queue_retry(w->f->db, NULL, &count, &w->f->err);
}

static enum rc discard(struct world *w)
{
    return db_queue_discard(w->f->db, &w->op, WANT, &w->f->err);
}

static enum rc edit_op(struct world *w)
{
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    const struct column *col = table_column(w->f->tasks, "text");
    struct db_saved saved;

    values[col->index] =
        (struct value){ .kind = VALUE_TEXT, .text = (char *)"set right", .len = 9 };
    is_set[col->index] = true;
    return db_queue_edit(w->f->db, &w->op, values, is_set, &saved, &w->f->err);
}

/* ---- account and state ---- */

static enum rc sign_in(struct world *w)
{
    const struct db_account account = {
        .server = "https://y",
        .instance = "i",
        .user_id = "u",
        .email = "e@x",
        .device_id = "d2",
        .token = "t2",
        .refresh = "r2",
    };

    return db_account_write(w->f->db, &account, &w->f->err);
}

static enum rc new_tokens(struct world *w)
{
    return db_account_tokens(w->f->db, "r1", "t2", "r2", &w->f->err);
}

static enum rc write_state(struct world *w)
{
    const struct db_state state = { .online = true, .phase = "idle", .done = 3 };

    return db_state_write(w->f->db, &state, &w->f->err);
}

static enum rc want(struct world *w)
{
    int64_t id;

    return db_state_want(w->f->db, WANT, &id, &w->f->err);
}

static enum rc answer_want(struct world *w)
{
    return db_state_answer(w->f->db, 1, RC_OK, &w->f->err);
}

static enum rc work_offline(struct world *w)
{
    return db_state_work_offline(w->f->db, true, &w->f->err);
}

static const struct action actions[] = {
    { "read a record", NULL, read_record, WHOLE },
    { "find a record", NULL, find_record, WHOLE },
    { "read a list", NULL, read_list, WHOLE },
    { "find words", NULL, find_words, WHOLE },
    { "read a rank", NULL, read_rank, WHOLE },
    { "count records", NULL, count_records, WHOLE },
    { "list the queue", NULL, list_queue, WHOLE },
    { "find in the queue", NULL, find_in_queue, WHOLE },
    { "count the queue", NULL, count_queue, WHOLE },
    { "read conflicts", a_conflict, read_conflicts, WHOLE },
    { "read a draft", a_draft, read_draft, WHOLE },
    { "read the latest draft", a_draft, read_latest_draft, WHOLE },
    { "read the account", NULL, read_account, WHOLE },
    { "read the state", NULL, read_state, WHOLE },
    { "read the progress", NULL, read_progress, WHOLE },
    { "read what is due", a_refused_op, read_due, WHOLE },
    { "check the file", NULL, check_file, WHOLE },
    { "checkpoint", NULL, checkpoint, WHOLE },
    { "look over", NULL, look_over, WHOLE },
    { "repair", a_broken_store, repair, WHOLE },
    { "save a new record", NULL, save_new, WHOLE },
    { "save an edit", NULL, save_edit, WHOLE },
    { "save into a sent op", NULL, save_again, WHOLE },
    { "save into an op that can not be read", an_op_that_can_not_be_read, save_again, WHOLE },
    { "save with a draft", a_draft, save_with_draft, WHOLE },
    { "save a batch", NULL, save_batch, WHOLE },
    { "put a draft", NULL, put_draft, WHOLE },
    { "drop a draft", a_draft, drop_draft, WHOLE },
    { "retry", a_refused_op, retry, WHOLE },
    { "discard an edit", an_op_to_discard, discard, WHOLE },
    { "discard a new record", a_new_record, discard, WHOLE },
    { "discard without a shadow", an_op_without_a_shadow, discard, WHOLE },
    { "discard before another op", two_ops_of_one_record, discard, WHOLE },
    { "discard of a missing table", an_op_of_a_missing_table, discard, WHOLE },
    { "edit an op", an_op_to_discard, edit_op, WHOLE },
    { "sign in", NULL, sign_in, IN_PARTS },
    { "new tokens", NULL, new_tokens, WHOLE },
    { "write the state", NULL, write_state, WHOLE },
    { "want", NULL, want, IN_PARTS },
    { "answer a want", NULL, answer_want, WHOLE },
    { "work offline", NULL, work_offline, WHOLE },
};

static void each_failure_of_a_call_is_told_and_leaves_nothing_behind(void **state)
{
    (void)state;
    sweep_all(actions, sizeof actions / sizeof *actions, (struct fault){ PLANTED_CALL, 1 });
}

static void when_all_calls_fail_from_one_on_nothing_is_left_behind_either(void **state)
{
    (void)state;
    sweep_all(actions, sizeof actions / sizeof *actions, (struct fault){ PLANTED_CALL, FOR_GOOD });
}

static void a_look_for_changes_that_fails_counts_as_a_change(void **state)
{
    static const struct action look = { "look", NULL, count_records, WHOLE };
    struct world w;

    (void)state;
    world_make(&w, &look);
    reopen(&w);
    assert_false(db_has_changed(w.f->db));
    planted_arm(PLANTED_CALL, 1, 1);
    assert_true(db_has_changed(w.f->db));
    planted_arm(PLANTED_NONE, 0, 0);
    assert_false(db_has_changed(w.f->db));
    world_remove(&w);
}

/* SQLite itself may take back the whole transaction then. */
static void a_batch_that_ran_out_of_memory_is_not_saved_in_parts(void **state)
{
    static const struct action batch = { "save a batch", NULL, save_batch, WHOLE };

    (void)state;
    sweep(&batch, (struct fault){ PLANTED_SQL_MEMORY, 1 });
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_failure_of_a_call_is_told_and_leaves_nothing_behind),
        cmocka_unit_test(when_all_calls_fail_from_one_on_nothing_is_left_behind_either),
        cmocka_unit_test(a_look_for_changes_that_fails_counts_as_a_change),
        cmocka_unit_test(a_batch_that_ran_out_of_memory_is_not_saved_in_parts),
    };

    planted_init();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
