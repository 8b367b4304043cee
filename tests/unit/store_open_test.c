#include "db/db.h"
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void run_sql(const char *path, const char *text)
{
    sqlite3 *handle;

    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
}

static enum rc try_open(struct fixture *f, const char *path, enum db_role role)
{
    const struct db_options options = { .path = path, .role = role, .registry = f->reg, .clock = &f->clock };
    struct db *db = NULL;
    enum rc rc = db_open(&options, &db, &f->err);

    db_close(db);
    return rc;
}

static void a_store_is_for_its_owner_alone(void **state)
{
    struct fixture *f = *state;
    struct stat st;

    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_foreign_or_newer_file_is_refused_untouched(void **state)
{
    struct fixture *f = *state;
    char *path = path_join(f->dir, "other.db");
    struct buf before = { 0 }, after = { 0 };

    run_sql(path, "CREATE TABLE notes (x); PRAGMA user_version = 1");
    must(f, file_read(path, 1 << 20, &before, &f->err));
    assert_int_equal(try_open(f, path, DB_SYNCER), RC_FOREIGN);
    must(f, file_read(path, 1 << 20, &after, &f->err));
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    buf_done(&before);
    buf_done(&after);
    free(path);

    db_close(f->db);
    run_sql(f->path, "PRAGMA user_version = 99");
    assert_int_equal(try_open(f, f->path, DB_WRITER), RC_FOREIGN);
    assert_non_null(strstr(f->err.msg, "newer"));
    run_sql(f->path, "PRAGMA user_version = 1");
    f->db = fixture_open(f, DB_SYNCER);
}

static void what_is_no_database_is_called_damaged(void **state)
{
    struct fixture *f = *state;
    char *path = path_join(f->dir, "text.db");

    must(f, file_replace(path, "this is not a database, but long enough to look at", 50, 0600, &f->err));
    assert_int_equal(try_open(f, path, DB_SYNCER), RC_CORRUPT);
    free(path);
}

static void a_reader_needs_a_file_and_cannot_write(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    char *path = path_join(f->dir, "none.db");

    assert_int_equal(try_open(f, path, DB_READER), RC_NOT_FOUND);
    assert_false(file_exists(path));
    struct db *reader = fixture_open(f, DB_READER);
    assert_int_not_equal(fixture_try_save(f, reader, NULL, &saved, "text", "x", NULL), RC_OK);
    db_close(reader);
    fixture_queue(f, 0);
    free(path);
}

static void what_one_connection_saves_another_hears_and_sees(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct db_bell *bell = NULL;
    struct db *reader = fixture_open(f, DB_READER), *writer = fixture_open(f, DB_WRITER);

    must(f, db_bell_open(f->path, &bell, &f->err));
    assert_false(db_has_changed(reader));
    must(f, fixture_try_save(f, writer, NULL, &saved, "text", "x", NULL));
    struct pollfd fd = { .fd = db_bell_fd(bell), .events = POLLIN };
    assert_int_equal(poll(&fd, 1, 5000), 1);
    db_bell_read(bell);
    assert_int_equal(poll(&fd, 1, 0), 0);
    assert_true(db_has_changed(reader));
    assert_false(db_has_changed(reader));
    assert_false(db_has_changed(writer));
    struct record rec;
    must(f, db_record_read(reader, f->tasks, saved.client_id, &rec, &f->err));
    record_done(&rec);
    db_bell_close(bell);
    db_close(reader);
    db_close(writer);
}

/* It was killed after its COMMIT, before it rang. */
static void what_a_process_committed_that_died_is_heard(void **state)
{
    struct fixture *f = *state;
    struct db_bell *bell = NULL;
    int status = -1;

    db_has_changed(f->db);
    must(f, db_bell_open(f->path, &bell, &f->err));
    struct pollfd fd = { .fd = db_bell_fd(bell), .events = POLLIN };
    pid_t pid = fork();
    if (pid == 0) {
        struct db *db = fixture_open(f, DB_WRITER);
        fixture_sql(f, "UPDATE sync_state SET work_offline = 1");
        assert_non_null(db);
        raise(SIGKILL); /* and closes nothing */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));

    assert_int_equal(poll(&fd, 1, 0), 1);
    db_bell_read(bell);
    assert_true(db_has_changed(f->db));
    assert_int_equal(poll(&fd, 1, 0), 0);
    db_bell_close(bell);
}

static void a_batch_is_saved_whole_and_one_bad_line_spoils_no_other(void **state)
{
    struct fixture *f = *state;
    struct db_saved s;

    must(f, db_batch_begin(f->db, &f->err));
    SAVE(f, NULL, &s, "text", "one");
    assert_int_equal(fixture_try_save(f, f->db, NULL, &s, "priority", "high", NULL), RC_INVALID);
    assert_int_equal(fixture_try_save(f, f->db, ID_A, &s, "text", "no such record", NULL), RC_NOT_FOUND);
    SAVE(f, NULL, &s, "text", "two");
    must(f, db_batch_end(f->db, &f->err));
    struct db_ops ops = fixture_queue(f, 2);
    db_ops_done(&ops);
    must(f, db_batch_begin(f->db, &f->err));
    SAVE(f, NULL, &s, "text", "three");
    db_batch_cancel(f->db);
    ops = fixture_queue(f, 2);
    db_ops_done(&ops);
    assert_int_equal(fixture_count(f, DB_VIEW_ALL), 2);
}

static void drafts_are_kept_and_go_with_the_save(void **state)
{
    struct fixture *f = *state;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    struct db_saved saved;
    char *json = NULL, *table = NULL, id[ID_SIZE];
    int64_t at;

    assert_int_equal(db_draft_latest(f->db, &table, id, &json, &at, &f->err), RC_NOT_FOUND);
    must(f, db_draft_put(f->db, f->tasks, NULL, "{\"text\":\"half a sent\"}", &f->err));
    must(f, db_draft_put(f->db, f->tasks, NULL, "{\"text\":\"half a sentence\"}", &f->err));
    must(f, db_draft_get(f->db, f->tasks, NULL, &json, &at, &f->err));
    assert_string_equal(json, "{\"text\":\"half a sentence\"}");
    assert_int_equal(at, f->now);
    free(json);
    memset(id, 'x', sizeof id);
    must(f, db_draft_latest(f->db, &table, id, &json, &at, &f->err));
    assert_string_equal(table, "tasks");
    assert_string_equal(id, "");
    free(json);
    free(table);
    value_set_text(&values[f->tasks->title->index], "whole", 5);
    is_set[f->tasks->title->index] = true;
    const struct db_edit edit = { .table = f->tasks, .values = values, .is_set = is_set, .drop_draft = true };
    must(f, db_save(f->db, &edit, &saved, &f->err));
    assert_int_equal(db_draft_get(f->db, f->tasks, NULL, &json, &at, &f->err), RC_NOT_FOUND);
    value_done(&values[f->tasks->title->index]);
}

static void a_draft_that_was_thrown_away_is_gone_and_no_other(void **state)
{
    struct fixture *f = *state;
    char *json = NULL;
    int64_t at;

    must(f, db_draft_put(f->db, f->tasks, NULL, "{\"text\":\"new\"}", &f->err));
    must(f, db_draft_put(f->db, f->tasks, ID_A, "{\"text\":\"edited\"}", &f->err));
    must(f, db_draft_drop(f->db, f->tasks, NULL, &f->err));
    assert_int_equal(db_draft_get(f->db, f->tasks, NULL, &json, &at, &f->err), RC_NOT_FOUND);
    must(f, db_draft_get(f->db, f->tasks, ID_A, &json, &at, &f->err));
    assert_string_equal(json, "{\"text\":\"edited\"}");
    free(json);
}

static void tokens_are_replaced_only_by_who_used_the_stored_one(void **state)
{
    struct fixture *f = *state;
    struct db_account account = { .server = "https://x", .instance = "i", .user_id = "u", .email = "e@x",
                                  .device_id = "d", .token = "t1", .refresh = "r1" };
    struct db_account read = { 0 };

    assert_int_equal(db_account_read(f->db, &read, &f->err), RC_NOT_FOUND);
    must(f, db_account_write(f->db, &account, &f->err));
    must(f, db_account_tokens(f->db, "r1", "t2", "r2", &f->err));
    assert_int_equal(db_account_tokens(f->db, "r1", "t3", "r3", &f->err), RC_NOT_FOUND);
    must(f, db_account_read(f->db, &read, &f->err));
    assert_string_equal(read.token, "t2");
    assert_string_equal(read.refresh, "r2");
    db_account_done(&read);
    must(f, db_account_tokens(f->db, "r2", NULL, NULL, &f->err));
    must(f, db_account_read(f->db, &read, &f->err));
    assert_null(read.token);
    db_account_done(&read);
    account.user_id = "somebody else";
    assert_int_equal(db_account_write(f->db, &account, &f->err), RC_INVALID);
}

static void a_request_of_another_process_gets_its_answer(void **state)
{
    struct fixture *f = *state;
    struct db_state read;
    int64_t first, second;

    must(f, db_state_want(f->db, 1, &first, &f->err));
    must(f, db_state_want(f->db, 2, &second, &f->err));
    assert_int_equal(second, first + 1);
    struct db_state write = { .online = true, .phase = "pushing", .done = 3, .total = 9, .error = "no", .wanted_id = 77 };
    must(f, db_state_write(f->db, &write, &f->err));
    must(f, db_state_answer(f->db, second, RC_NETWORK, &f->err));
    must(f, db_state_work_offline(f->db, true, &f->err));
    must(f, db_state_read(f->db, &read, &f->err));
    assert_true(read.online && read.work_offline);
    assert_string_equal(read.phase, "pushing");
    assert_int_equal(read.wanted_id, second);
    assert_int_equal(read.wanted_what, 3);
    assert_int_equal(read.answered_id, second);
    assert_int_equal(read.answered_rc, RC_NETWORK);
    must(f, db_state_want(f->db, 4, &first, &f->err));
    must(f, db_state_read(f->db, &read, &f->err));
    assert_int_equal(read.wanted_what, 4);
}

/* SQLite's lock bytes (os_unix.c: SHARED_FIRST, SHARED_SIZE), asked for by another process, which ends by a signal so that
 * no leak checker looks at what it shares with us. */
static bool is_locked_by_us(const char *path)
{
    struct flock want = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000002, .l_len = 510 };
    int answer[2];
    char byte = '?';

    assert_int_equal(pipe(answer), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_RDWR | O_CLOEXEC);
        byte = fd >= 0 && fcntl(fd, F_GETLK, &want) == 0 && want.l_type != F_UNLCK ? 'y' : 'n';
        if (write(answer[1], &byte, 1) == 1)
            kill(getpid(), SIGKILL);
        _exit(1);
    }
    assert_int_equal(read(answer[0], &byte, 1), 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(answer[0]);
    close(answer[1]);
    return byte == 'y';
}

static void a_second_connection_leaves_the_locks_of_the_first(void **state)
{
    struct fixture *f = *state;

    assert_true(is_locked_by_us(f->path));
    struct db *second = fixture_open(f, DB_WRITER);
    assert_true(is_locked_by_us(f->path));
    db_close(second);
    assert_true(is_locked_by_us(f->path));
}

/* A child takes the lock, says so through the pipe, and waits to be killed. */
static pid_t lock_in_child(struct fixture *f)
{
    int ready[2];
    char byte;

    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct db_lock *lock;
        struct err err;
        if (db_lock_open(f->path, &lock, &err) || db_lock_try(lock, &err))
            _exit(1);
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void one_process_holds_the_lock_and_its_death_frees_it(void **state)
{
    struct fixture *f = *state;
    struct db_lock *lock = NULL;
    bool stopped;
    int status;

    pid_t child = lock_in_child(f);
    must(f, db_lock_open(f->path, &lock, &f->err));
    assert_int_equal(db_lock_try(lock, &f->err), RC_BUSY);
    assert_int_equal(db_lock_holder(lock, &stopped), child);
    assert_false(stopped);
    kill(child, SIGSTOP);
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    assert_int_equal(db_lock_holder(lock, &stopped), child);
    assert_true(stopped);
    struct pollfd watch = { .fd = db_lock_watch(child), .events = POLLIN };
    kill(child, SIGKILL);
    if (watch.fd >= 0) {
        assert_int_equal(poll(&watch, 1, 5000), 1);
        close(watch.fd);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    must(f, db_lock_try(lock, &f->err));
    must(f, db_lock_try(lock, &f->err));
    assert_int_equal(db_lock_holder(lock, &stopped), getpid());
    db_lock_release(lock);
    assert_false(db_lock_is_held(lock));
    db_lock_close(lock);
}

/* A file system of one MiB, where it may be mounted: the only honest full disk. */
static void a_full_disk_leaves_the_store_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct buf long_text = { 0 };
    enum rc rc = RC_OK;
    int saves = 0;

    char *mount_point = path_join(f->dir, "small");
    assert_int_equal(mkdir(mount_point, 0700), 0);
    if (mount("tmpfs", mount_point, "tmpfs", 0, "size=1m") != 0) {
        print_message("not permitted to mount: no full disk to be had here\n");
        free(mount_point);
        skip();
    }
    char *full = path_join(mount_point, "store.db");
    struct fixture small = *f;
    small.path = full;
    small.db = fixture_open(&small, DB_WRITER);
    for (int i = 0; i < 15000; i++)
        buf_putc(&long_text, 'x');
    while (rc == RC_OK && saves < 1000) {
        rc = fixture_try_save(&small, small.db, NULL, &saved, "text", "t", "notes", buf_str(&long_text), NULL);
        saves += rc == RC_OK;
    }
    assert_int_equal(rc, RC_FULL);
    assert_true(saves > 0);
    struct db_ops ops = fixture_queue(&small, (size_t)saves);
    assert_int_equal(fixture_count(&small, DB_VIEW_ALL), saves);
    db_ops_done(&ops);
    db_close(small.db);
    umount(mount_point);
    buf_done(&long_text);
    free(full);
    free(mount_point);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_store_is_for_its_owner_alone),
        T(a_second_connection_leaves_the_locks_of_the_first),
        T(a_foreign_or_newer_file_is_refused_untouched),
        T(what_is_no_database_is_called_damaged),
        T(a_reader_needs_a_file_and_cannot_write),
        T(what_one_connection_saves_another_hears_and_sees),
        T(what_a_process_committed_that_died_is_heard),
        T(a_batch_is_saved_whole_and_one_bad_line_spoils_no_other),
        T(drafts_are_kept_and_go_with_the_save),
        T(a_draft_that_was_thrown_away_is_gone_and_no_other),
        T(tokens_are_replaced_only_by_who_used_the_stored_one),
        T(a_request_of_another_process_gets_its_answer),
        T(one_process_holds_the_lock_and_its_death_frees_it),
        T(a_full_disk_leaves_the_store_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
