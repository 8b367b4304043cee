#include "src/app/checkup.h"
#include "src/app/queue_change.h"
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

struct rig {
    struct fixture *f;
    struct app app;
    struct buf codes; /* of the findings that are no notes, each with a blank behind it */
    struct buf todo;
};

static int rig_setup(void **state)
{
    const struct sync_identity who = { .server = (char[]){ "https://tasks.example.org" },
                                       .instance = (char[]){ "i" },
                                       .user_id = (char[]){ "u" },
                                       .email = (char[]){ "e@x.org" },
                                       .token = (char[]){ "t" },
                                       .refresh = (char[]){ "r" } };
    struct rig *rig = mem_zero(1, sizeof *rig);
    void *fixture = NULL;
    char *path = NULL;

    if (fixture_setup(&fixture) != 0)
        return -1;
    rig->f = fixture;
    rig->f->now = 1900000000000; /* after any build */
    rig->app.clock = &rig->f->clock;
    rig->app.registry = rig->f->reg;
    rig->app.paths.data_dir = rig->f->dir;
    rig->app.paths.log_file = path_join(rig->f->dir, "outpost.log");
    close(open(rig->app.paths.log_file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    must(rig->f, session_keep(&rig->app, &who, &path, &rig->f->err));
    db_close(rig->f->db);
    free(rig->f->path);
    rig->f->path = path;
    rig->f->db = fixture_open(rig->f, DB_SYNCER);
    fixture_walk(rig->f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    *state = rig;
    return 0;
}

static int rig_teardown(void **state)
{
    struct rig *rig = *state;
    void *fixture = rig->f;

    free(rig->app.paths.log_file);
    buf_done(&rig->codes);
    buf_done(&rig->todo);
    fixture_teardown(&fixture);
    free(rig);
    return 0;
}

static void note(void *ctx, const struct db_finding *f)
{
    struct rig *rig = ctx;

    if (f->gravity == DB_NOTE)
        return;
    buf_printf(&rig->codes, "%s%s ", f->gravity == DB_REPAIRED ? "+" : "", f->code);
    buf_printf(&rig->todo, "%s\n", f->todo);
}

static const char *examine(struct rig *rig, bool is_repairing)
{
    struct checkup checkup = {
        .app = &rig->app, .is_repairing = is_repairing, .found = note, .ctx = rig
    };

    buf_clear(&rig->codes);
    buf_clear(&rig->todo);
    checkup_run(&checkup);
    return buf_str(&rig->codes);
}

static void run_sql(struct rig *rig, const char *text)
{
    sqlite3 *handle;

    assert_int_equal(sqlite3_open(rig->f->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static void close_store(struct rig *rig)
{
    db_close(rig->f->db);
    rig->f->db = NULL;
}

static void on_a_sound_device_nothing_is_wrong(void **state)
{
    struct rig *rig = *state;
    struct db_saved saved;

    SAVE(rig->f, NULL, &saved, "text", "waiting");
    assert_string_equal(examine(rig, false), "");
}

static void modes_that_let_others_in_are_named_and_repaired(void **state)
{
    struct rig *rig = *state;
    struct stat st;

    assert_int_equal(chmod(rig->f->dir, 0755), 0);
    assert_int_equal(chmod(rig->f->path, 0644), 0);
    assert_string_equal(examine(rig, false), "mode mode ");
    assert_string_equal(examine(rig, true), "+mode +mode ");
    assert_string_equal(examine(rig, false), "");
    assert_int_equal(stat(rig->f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void an_emptied_store_is_damaged_and_not_filled_anew(void **state)
{
    struct rig *rig = *state;
    struct session session = { 0 };
    struct stat st;

    close_store(rig);
    assert_int_equal(truncate(rig->f->path, 0), 0);
    assert_string_equal(examine(rig, false), "corrupt ");
    assert_non_null(strstr(buf_str(&rig->todo), "doctor --rescue"));
    assert_int_equal(session_open(&rig->app, &session, &rig->f->err), RC_CORRUPT);
    assert_non_null(strstr(rig->f->err.msg, "See: outpost doctor."));
    assert_int_equal(stat(rig->f->path, &st), 0);
    assert_int_equal(st.st_size, 0);
}

static void a_store_that_is_nobodys_is_damaged(void **state)
{
    struct rig *rig = *state;
    struct session session = { 0 };

    run_sql(rig, "DELETE FROM account");
    assert_string_equal(examine(rig, false), "no_account ");
    assert_int_equal(session_open(&rig->app, &session, &rig->f->err), RC_CORRUPT);
}

static void a_newer_store_wants_the_newer_program(void **state)
{
    struct rig *rig = *state;

    close_store(rig);
    run_sql(rig, "PRAGMA user_version = 99");
    assert_string_equal(examine(rig, false), "foreign ");
    assert_non_null(strstr(buf_str(&rig->todo), "newer version"));
}

static void a_missing_definition_is_named_and_its_changes_with_it(void **state)
{
    struct rig *rig = *state;
    struct db_saved saved;

    SAVE(rig->f, NULL, &saved, "text", "waiting");
    run_sql(rig, "UPDATE sync_queue SET table_name = 'valves'");
    assert_string_equal(examine(rig, false), "pending_without_change definition_missing ");
}

static void what_waits_for_a_person_is_named(void **state)
{
    struct rig *rig = *state;
    struct db_saved saved;

    SAVE(rig->f, NULL, &saved, "text", "waiting");
    run_sql(rig, "UPDATE sync_queue SET state = 'failed'; UPDATE account SET token = NULL");
    assert_string_equal(examine(rig, false), "session_over refused ");
}

static void a_clock_before_the_build_or_the_last_sync_is_named(void **state)
{
    struct rig *rig = *state;
    struct db_state sync;

    rig->f->now = 1000000000000;
    assert_string_equal(examine(rig, false), "clock ");
    rig->f->now = 1900000000000;
    must(rig->f, db_state_read(rig->f->db, &sync, &rig->f->err));
    sync.last_ok = 1990000000000;
    must(rig->f, db_state_write(rig->f->db, &sync, &rig->f->err));
    assert_string_equal(examine(rig, false), "clock ");
}

static void file_systems_of_other_machines_are_known(void **state)
{
    (void)state;
    assert_string_equal(checkup_network_fs(0x6969), "NFS");
    assert_string_equal(checkup_network_fs((long)0xFF534D42), "CIFS");
    assert_string_equal(checkup_network_fs((int)0xFE534D42), "SMB2"); /* as a signed 32 bit word */
    assert_string_equal(checkup_network_fs(0x01021997), "9p");
    assert_null(checkup_network_fs(0xEF53)); /* ext4 */
}

/* ---- queue discard ---- */

static enum rc discard_to(struct rig *rig, const char *path)
{
    struct given given[] = { { "yes", NULL }, { "to", path }, { "json", NULL } };
    const struct args args = { .given = given, .given_count = 3 };
    struct session session = { .db = rig->f->db };
    struct db_op op = { 0 };
    enum rc rc;

    must(rig->f, db_queue_find(rig->f->db, ID_A, &op, &rig->f->err));
    rc = queue_discard(&rig->app, &session, &args, &op, &rig->f->err);
    db_op_done(&op);
    return rc;
}

static void a_discarded_change_is_in_its_file_before_it_goes(void **state)
{
    struct rig *rig = *state;
    char *path = path_join(rig->f->dir, "kept.jsonl");
    struct db_saved saved;
    struct db_ops ops;
    struct buf kept = { 0 };
    cJSON *json = NULL;

    SAVE(rig->f, ID_A, &saved, "text", "mine");
    assert_int_equal(discard_to(rig, "/nowhere/at/all.jsonl"), RC_IO);
    ops = fixture_queue(rig->f, 1);
    assert_string_equal(fixture_text(rig->f, ID_A, "text"), "mine");
    must(rig->f, discard_to(rig, path));
    must(rig->f, file_read(path, 4096, &kept, &rig->f->err));
    must(rig->f, json_parse(buf_str(&kept), kept.len, &json, &rig->f->err));
    assert_string_equal(json_get_string(json, "opId"), ops.items[0].op_id);
    assert_string_equal(json_get_string(json_get(json, "set"), "text"), "mine");
    assert_string_equal(fixture_text(rig->f, ID_A, "text"), "old");
    cJSON_Delete(json);
    buf_done(&kept);
    db_ops_done(&ops);
    ops = fixture_queue(rig->f, 0);
    db_ops_done(&ops);
    free(path);
}

static void import_takes_back_what_was_discarded_or_rescued(void **state)
{
    struct rig *rig = *state;
    char *path = path_join(rig->f->dir, "kept.jsonl");
    const char *words[] = { path };
    const struct args args = { .words = words, .word_count = 1 };
    const char *record =
        "{\"table\":\"tasks\",\"clientId\":\"" ID_A "\",\"record\":{\"text\":\"whole\"}}\n";
    struct db_saved saved;
    struct buf kept = { 0 };

    SAVE(rig->f, ID_A, &saved, "text", "mine");
    must(rig->f, discard_to(rig, path));
    must(rig->f, file_read(path, 4096, &kept, &rig->f->err));
    buf_puts(&kept, record); /* of a change that stands on a line of its own */
    must(rig->f, file_replace(path, kept.data, kept.len, 0600, &rig->f->err));
    assert_int_equal(command_import(&rig->app, &args), EXIT_DONE);
    assert_string_equal(fixture_text(rig->f, ID_A, "text"), "mine");
    struct db_ops ops = fixture_queue(rig->f, 1);
    assert_string_equal(ops.items[0].set, "{\"text\":\"mine\"}");
    db_ops_done(&ops);
    buf_done(&kept);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)
        T(on_a_sound_device_nothing_is_wrong),
        T(modes_that_let_others_in_are_named_and_repaired),
        T(an_emptied_store_is_damaged_and_not_filled_anew),
        T(a_store_that_is_nobodys_is_damaged),
        T(a_newer_store_wants_the_newer_program),
        T(a_missing_definition_is_named_and_its_changes_with_it),
        T(what_waits_for_a_person_is_named),
        T(a_clock_before_the_build_or_the_last_sync_is_named),
        T(file_systems_of_other_machines_are_known),
        T(a_discarded_change_is_in_its_file_before_it_goes),
        T(import_takes_back_what_was_discarded_or_rescued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
