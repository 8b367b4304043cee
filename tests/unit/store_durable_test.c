/* Which write waits for the disk and which does not: the calls that SQLite makes are counted on
 * their way to the system. */
#include "db/db.h"
#include "tests/unit/store_fixture.h"

#include <sqlite3.h>
#include <sys/syscall.h>
#include <unistd.h>

static int syncs; /* since the program began */

int fdatasync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    syncs++;
    return (int)syscall(SYS_fsync, fd);
}

/* The first frame of a WAL is synced whatever the mode: so every case begins with a save behind
 * it. */
static int durable_setup(void **state)
{
    struct db_account account = { .server = "https://x",
                                  .instance = "i",
                                  .user_id = "u",
                                  .email = "e@x",
                                  .device_id = "d",
                                  .token = "t1",
                                  .refresh = "r1" };
    struct db_saved saved;

    if (fixture_setup(state) != 0)
        return -1;
    struct fixture *f = *state;
    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    must(f, db_account_write(f->db, &account, &f->err));
    SAVE(f, NULL, &saved, "text", "first");
    return 0;
}

#define IS_SYNCED(call)                                                                            \
    do {                                                                                           \
        int before_ = syncs;                                                                       \
        call;                                                                                      \
        if (syncs == before_)                                                                      \
            fail_msg("not synced: %s", #call);                                                     \
    } while (0)
#define IS_NOT_SYNCED(call)                                                                        \
    do {                                                                                           \
        int before_ = syncs;                                                                       \
        call;                                                                                      \
        if (syncs != before_)                                                                      \
            fail_msg("synced %d times: %s", syncs - before_, #call);                               \
    } while (0)

static void what_the_user_does_is_on_disk_when_the_call_returns(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_op op = { 0 };

    IS_SYNCED(SAVE(f, NULL, &saved, "text", "new"));
    IS_SYNCED(SAVE(f, ID_A, &saved, "text", "changed"));
    must(f, db_batch_begin(f->db, &f->err));
    IS_NOT_SYNCED(SAVE(f, NULL, &saved, "text", "one of many"));
    IS_NOT_SYNCED(SAVE(f, NULL, &saved, "text", "another"));
    IS_SYNCED(must(f, db_batch_end(f->db, &f->err)));
    must(f, db_queue_find(f->db, ID_A, &op, &f->err));
    IS_SYNCED(must(f, db_queue_discard(f->db, &op, 4, &f->err)));
    db_op_done(&op);
    IS_SYNCED(must(f, db_state_work_offline(f->db, true, &f->err)));
}

static void a_change_edited_in_the_queue_is_on_disk_when_the_call_returns(void **state)
{
    struct fixture *f = *state;
    struct db_ops ops = fixture_queue(f, 1);
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    struct value *title = &values[f->tasks->title->index];
    struct db_saved saved;

    must(f, column_from_text(f->tasks->title, "edited", 6, 0, title, &f->err));
    is_set[f->tasks->title->index] = true;
    IS_SYNCED(must(f, db_queue_edit(f->db, &ops.items[0], values, is_set, &saved, &f->err)));
    value_done(title);
    db_ops_done(&ops);
}

static void no_finding(void *ctx, const struct db_finding *finding)
{
    (void)ctx;
    (void)finding;
}

static void a_repair_is_on_disk_when_it_is_reported(void **state)
{
    struct fixture *f = *state;

    IS_NOT_SYNCED(must(f, db_doctor(f->db, false, no_finding, NULL, &f->err)));
    sqlite3 *handle;
    assert_int_equal(sqlite3_open(f->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, "UPDATE sync_state SET waiting = 9", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(handle);
    IS_SYNCED(must(f, db_doctor(f->db, true, no_finding, NULL, &f->err)));
}

/* A new file, and one that a grown definition brings up to date. */
static void a_schema_is_on_disk_when_the_store_is_open(void **state)
{
    struct fixture *f = *state;
    const char *const no_dirs[] = { NULL };
    static const char wells[] = "{\"name\":\"wells\",\"label\":\"Wells\",\"labelOne\":\"well\","
                                "\"title\":\"note\",\"columns\":[{\"name\":\"note\",\"label\":"
                                "\"Note\",\"type\":\"text\",\"required\":true}]}";
    struct registry *grown = NULL;
    struct db_options options = {
        .path = f->path, .role = DB_WRITER, .registry = f->reg, .clock = &f->clock
    };
    struct db *db = NULL;

    IS_NOT_SYNCED(must(f, db_open(&options, &db, &f->err)));
    db_close(db);
    must(f, registry_load(no_dirs, 1, &grown, &f->err));
    must(f, registry_add(grown, wells, sizeof wells - 1, "wells.json", &f->err));
    options.registry = grown;
    db = NULL;
    IS_SYNCED(must(f, db_open(&options, &db, &f->err)));
    db_close(db);
    registry_free(grown);
}

static void the_queue_is_on_disk_before_a_byte_is_sent_and_before_an_answer_counts(void **state)
{
    struct fixture *f = *state;
    struct db_ops sent = { 0 };
    int64_t count;

    IS_SYNCED(must(f, db_push_take(f->db, 1, 1 << 20, &sent, &f->err)));
    IS_SYNCED(fixture_rejected(f, &sent.items[0], "invalid_value"));
    IS_SYNCED(must(f, db_queue_retry(f->db, NULL, &count, &f->err)));
    assert_int_equal(count, 1);
    IS_SYNCED(must(f, db_push_hold_all(f->db, "client_too_old", "update", &f->err)));
    IS_SYNCED(must(f, db_push_unhold(f->db, &f->err)));
    IS_SYNCED(fixture_applied(f, &sent.items[0],
                              doc_json(sent.items[0].client_id, 9, "'text':'first'"), NULL, "e1"));
    db_ops_done(&sent);
    sent = fixture_queue(f, 0);
    db_ops_done(&sent);
}

static void new_tokens_are_on_disk_before_they_are_used(void **state)
{
    struct fixture *f = *state;

    struct db_account account = { 0 };

    IS_SYNCED(must(f, db_account_tokens(f->db, "r1", "t2", "r2", &f->err)));
    must(f, db_account_read(f->db, &account, &f->err));
    IS_SYNCED(must(f, db_account_write(f->db, &account, &f->err)));
    db_account_done(&account);
}

static void pulled_rows_state_and_drafts_do_not_wait_for_the_disk(void **state)
{
    struct fixture *f = *state;
    const struct db_state sync = { .online = true, .phase = "pulling" };
    int64_t id;

    IS_NOT_SYNCED(fixture_change(f, doc_json(ID_A, 8, "'text':'office'"), "e1", "c2"));
    IS_NOT_SYNCED(fixture_walk(f, array_of(doc_json(ID_A, 9, "'text':'walked'")), "e1", "c3"));
    IS_NOT_SYNCED(must(f, db_draft_put(f->db, f->tasks, NULL, "{\"text\":\"half\"}", &f->err)));
    IS_NOT_SYNCED(must(f, db_draft_drop(f->db, f->tasks, NULL, &f->err)));
    IS_NOT_SYNCED(must(f, db_state_write(f->db, &sync, &f->err)));
    IS_NOT_SYNCED(must(f, db_state_want(f->db, 1, &id, &f->err)));
    IS_NOT_SYNCED(must(f, db_state_answer(f->db, id, RC_OK, &f->err)));
}

static void what_a_new_epoch_puts_back_into_the_queue_is_synced(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    SAVE(f, ID_A, &saved, "notes", "from here");
    struct db_ops sent = fixture_take(f, 2);
    fixture_applied(f, &sent.items[1], doc_json(ID_A, 50, "'text':'old','notes':'from here'"), NULL,
                    "e1");
    db_ops_done(&sent);
    must(f, db_walk_begin(f->db, f->tasks, "e2", &f->err));
    IS_SYNCED(
        fixture_walk_page(f, array_of(doc_json(ID_A, 6, "'text':'restored'")), "e2", "c4", false));
    IS_SYNCED(for (bool done = false; !done;)
                  must(f, db_walk_finish(f->db, f->tasks, &done, &f->err)));
    sent = fixture_queue(f, 2);
    assert_string_equal(sent.items[1].client_id, ID_A);
    db_ops_done(&sent);
}

/* What was killed inside its COMMIT is shown by the next process, and so must be on disk by
 * then. */
static void opening_syncs_what_a_killed_process_left(void **state)
{
    struct fixture *f = *state;

    fixture_change(f, doc_json(ID_A, 8, "'text':'only in the WAL'"), "e1", "c2");
    IS_SYNCED(struct db *second = fixture_open(f, DB_SYNCER); db_close(second));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, durable_setup, fixture_teardown)
        T(what_the_user_does_is_on_disk_when_the_call_returns),
        T(a_change_edited_in_the_queue_is_on_disk_when_the_call_returns),
        T(a_repair_is_on_disk_when_it_is_reported),
        T(a_schema_is_on_disk_when_the_store_is_open),
        T(the_queue_is_on_disk_before_a_byte_is_sent_and_before_an_answer_counts),
        T(new_tokens_are_on_disk_before_they_are_used),
        T(pulled_rows_state_and_drafts_do_not_wait_for_the_disk),
        T(what_a_new_epoch_puts_back_into_the_queue_is_synced),
        T(opening_syncs_what_a_killed_process_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
