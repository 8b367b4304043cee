/* The worker with all that is real: threads, curl, SQLite files, a lock between two
 * processes, and the embedded backend behind a socket. Nothing sleeps: everything is waited
 * for, with a deadline. */
#include "tests/unit/loopback_server.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "base/file.h"
#include "base/mem.h"
#include "db/db.h"
#include "db/sql.h"
#include "sync/sync.h"
#include "tests/unit/temp_dir.h"

#define LOOK_MS 100                     /* what is waited for may be in the store */
#define DEADLINE_MS 20000 /* a sanitizer on a loaded machine */

extern char **environ;

struct world {
    void *dir;
    char *path; /* of the device's store */
    char *backend_path;
    struct registry *reg, *older; /* older: of the backend, and of what was started before */
    const struct table *tasks;
    struct server server;
    struct sync *sync;
    struct sync_status status;
    struct db *db; /* the user's */
    struct err err;
    pid_t child;
    int child_stdin;
};

static void must(struct world *w, enum rc rc)
{
    if (rc)
        fail_msg("%s: %s", rc_name(rc), w->err.msg);
}

static struct registry *load_tables(void)
{
    const char *const no_dirs[] = { NULL };
    struct registry *reg = NULL;
    struct err err = { 0 };

    return registry_load(no_dirs, 1, &reg, &err) ? NULL : reg;
}

static int world_make(void **state, int64_t seed)
{
    struct world *w = mem_zero(1, sizeof *w);

    if (temp_dir_make(&w->dir))
        return -1;
    w->path = path_join(w->dir, "store.db");
    w->backend_path = path_join(w->dir, "backend.db");
    w->reg = load_tables();
    w->tasks = registry_find(w->reg, "tasks");
    const struct backend_options options = {
        .path = w->backend_path,
        .registry = w->reg,
        .clock = &clock_system,
        .quick_hash = true,
    };
    if (!server_begin(&w->server, &options, seed))
        return -1;
    *state = w;
    return 0;
}

static int setup(void **state)
{
    return world_make(state, 3);
}

static int setup_large(void **state)
{
    return world_make(state, 2000);
}

static int teardown(void **state)
{
    struct world *w = *state;

    if (w->child > 0) { /* in peace: what it ran is counted at exit */
        close(w->child_stdin);
        waitpid(w->child, NULL, 0);
    }
    sync_stop(w->sync);
    server_end(&w->server);
    db_close(w->db);
    registry_free(w->reg);
    registry_free(w->older);
    temp_dir_remove(&w->dir);
    free(w->path);
    free(w->backend_path);
    free(w);
    return 0;
}

/* ---- doing ---- */

static struct db *open_store(struct world *w, enum db_role role)
{
    const struct db_options options = {
        .path = w->path, .role = role, .registry = w->reg, .clock = &clock_system
    };
    struct db *db = NULL;

    must(w, db_open(&options, &db, &w->err));
    return db;
}

static struct sync_sign_in sign_in_options(struct world *w)
{
    return (struct sync_sign_in){
        .server = w->server.url,
        .email = SERVER_USER,
        .password = SERVER_PASSWORD,
        .stop_fd = -1,
    };
}

/* Signs in; the account is in the store. */
static void sign_in(struct world *w)
{
    struct sync_sign_in how = sign_in_options(w);
    struct sync_identity id = { 0 };
    char device_id[] = "device-1";

    must(w, sync_sign_in(&how, &id, &w->err));
    const struct db_account account = {
        .server = id.server,
        .instance = id.instance,
        .user_id = id.user_id,
        .email = id.email,
        .device_id = device_id,
        .token = id.token,
        .refresh = id.refresh,
    };
    w->db = open_store(w, DB_COMMAND);
    must(w, db_account_write(w->db, &account, &w->err));
    sync_identity_done(&id);
}

static enum rc start(struct world *w)
{
    const struct sync_options options = { .db_path = w->path,
                                          .registry = w->reg,
                                          .clock = &clock_system };

    return sync_start(&options, &w->sync, &w->err);
}

static struct db_saved save(struct world *w, const char *text)
{
    struct value *values = mem_zero(w->tasks->column_count, sizeof *values);
    bool *is_set = mem_zero(w->tasks->column_count, sizeof *is_set);
    const struct db_edit edit = { .table = w->tasks, .values = values, .is_set = is_set };
    struct db_saved saved;

    value_set_text(&values[w->tasks->title->index], text, strlen(text));
    is_set[w->tasks->title->index] = true;
    must(w, db_save(w->db, &edit, &saved, &w->err));
    value_done(&values[w->tasks->title->index]);
    free(values);
    free(is_set);
    return saved;
}

/* By a connection of nobody's. */
static void run_sql(struct world *w, const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, DEADLINE_MS);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* Waits for the status to be as said by `is`; fails the test at the deadline. */
static void wait_until(struct world *w, bool (*is)(const struct world *w), const char *what)
{
    int64_t until = clock_mono(&clock_system) + DEADLINE_MS;

    for (;;) {
        struct pollfd fd = { .fd = sync_status_fd(w->sync), .events = POLLIN };
        int64_t left = until - clock_mono(&clock_system);

        sync_status_read(w->sync, &w->status);
        if (is(w))
            return;
        if (left <= 0)
            fail_msg("never %s: net %d, phase %d, holder %ld, waiting %ld, %s", what, w->status.net,
                     w->status.phase, (long)w->status.holder, (long)w->status.waiting,
                     w->status.last.msg);
        poll(&fd, 1, left < LOOK_MS ? (int)left : LOOK_MS);
    }
}

#define WAIT_UNTIL(w, is) wait_until(w, is, #is)

static bool is_complete(const struct world *w)
{
    return w->status.is_complete && w->status.net == SYNC_ONLINE && w->status.phase == SYNC_IDLE;
}

/* Asked of the store, so that a state which was over before we looked is not waited for. */
static bool is_sent(const struct world *w)
{
    struct db_queue_counts counts = { .waiting = -1 };
    struct err err = { 0 };

    return !db_queue_counts(w->db, &counts, &err) && counts.waiting == 0 && w->status.waiting == 0;
}

static bool is_waiting(const struct world *w)
{
    return w->status.waiting > 0;
}

static bool is_sending(const struct world *w)
{
    return w->status.phase == SYNC_PUSHING;
}

static bool is_offline(const struct world *w)
{
    return w->status.net == SYNC_OFFLINE && w->status.last.rc == RC_NETWORK;
}

static bool is_by_choice(const struct world *w)
{
    return w->status.is_by_choice;
}

static bool is_ours(const struct world *w)
{
    return w->status.holder == getpid();
}

static bool is_childs(const struct world *w)
{
    return w->status.holder == w->child;
}

static bool is_childs_and_stopped(const struct world *w)
{
    return w->status.holder == w->child && w->status.holder_is_stopped;
}

static bool is_applying(const struct world *w)
{
    return w->status.phase == SYNC_INITIAL && w->status.done > 0;
}

static int64_t count_all(struct world *w)
{
    int64_t n = 0;

    must(w, db_count(w->db, w->tasks, DB_VIEW_ALL, &n, &w->err));
    return n;
}

/* ---- one process ---- */

static void the_first_sync_brings_the_records_and_a_saved_one_arrives_at_the_backend(void **state)
{
    struct world *w = *state;
    struct db_saved saved;
    struct record rec = { 0 };

    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    assert_int_equal(count_all(w), 3);
    assert_int_equal(w->status.holder, getpid());
    saved = save(w, "Fix the pump");
    sync_ask(w->sync, SYNC_LOCAL_CHANGE);
    WAIT_UNTIL(w, is_sent);
    must(w, db_record_read(w->db, w->tasks, saved.client_id, &rec, &w->err));
    assert_int_equal(rec.mark, MARK_SYNCED);
    assert_non_null(rec.server_id);
    record_done(&rec);
}

static void a_save_is_noticed_by_its_bell_alone(void **state)
{
    struct world *w = *state;

    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    save(w, "Fix the pump");
    WAIT_UNTIL(w, is_sent);
}

static int64_t time_to_stop(struct world *w)
{
    int64_t from = clock_mono(&clock_system);

    sync_stop(w->sync);
    w->sync = NULL;
    return clock_mono(&clock_system) - from;
}

static void it_stops_within_2_s_while_the_server_is_silent_and_loses_nothing(void **state)
{
    struct world *w = *state;
    struct db_queue_counts counts;

    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    atomic_store(&w->server.mode, SERVER_SILENT);
    save(w, "Fix the pump");
    WAIT_UNTIL(w, is_sending);
    assert_true(time_to_stop(w) < 2000);
    must(w, db_queue_counts(w->db, &counts, &w->err));
    assert_int_equal(counts.waiting, 1);
    atomic_store(&w->server.mode, SERVER_GOOD);
    must(w, start(w));
    WAIT_UNTIL(w, is_sent);
}

static void it_stops_within_2_s_while_another_connection_holds_the_write_lock(void **state)
{
    struct world *w = *state;
    const struct sql_options here = { .path = w->path, .busy_ms = 5000 };
    struct sql *other = NULL;

    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    must(w, sql_open(&here, &other, &w->err));
    must(w, sql_begin(other, SQL_NORMAL, &w->err));
    assert_true(time_to_stop(w) < 2000);
    sql_rollback(other);
    sql_close(other);
}

static void it_stops_within_2_s_in_the_middle_of_a_first_sync_and_goes_on_later(void **state)
{
    struct world *w = *state;

    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_applying);
    assert_true(time_to_stop(w) < 2000);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    assert_int_equal(count_all(w), 2000);
}

static void a_portal_makes_it_offline_and_sync_now_brings_it_back(void **state)
{
    struct world *w = *state;

    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    atomic_store(&w->server.mode, SERVER_PORTAL);
    save(w, "Fix the pump");
    WAIT_UNTIL(w, is_offline);
    assert_int_equal(w->status.waiting, 1);
    assert_true(w->status.next_try > 0);
    atomic_store(&w->server.mode, SERVER_GOOD);
    sync_ask(w->sync, SYNC_NOW);
    WAIT_UNTIL(w, is_sent);
    WAIT_UNTIL(w, is_complete);
}

static void a_parked_worker_holds_no_lock_and_unparked_goes_on(void **state)
{
    struct world *w = *state;
    struct db_lock *lock = NULL;
    bool is_stopped;

    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    atomic_store(&w->server.mode, SERVER_SILENT);
    save(w, "Fix the pump");
    WAIT_UNTIL(w, is_sending);
    sync_ask(w->sync, SYNC_PARK);
    assert_true(sync_wait_parked(w->sync, 1000));
    WAIT_UNTIL(w, is_waiting);
    assert_int_not_equal(w->status.holder, getpid());
    must(w, db_lock_open(w->path, &lock, &w->err));
    assert_int_equal(db_lock_holder(lock, &is_stopped), 0);
    atomic_store(&w->server.mode, SERVER_GOOD);
    sync_ask(w->sync, SYNC_UNPARK);
    WAIT_UNTIL(w, is_sent);
    assert_true(is_ours(w));
    db_lock_close(lock);
}

static bool is_outdated(const struct world *w)
{
    return w->status.last.rc == RC_FOREIGN && w->status.holder == 0;
}

/* As another process does that was started after the site had added a column. */
static void open_with_newer_tables(struct world *w)
{
    static const char json[] =
        "{\"name\":\"tasks\",\"label\":\"T\",\"labelOne\":\"t\",\"title\":\"text\","
        "\"columns\":[{\"name\":\"text\",\"type\":\"text\"},"
        "{\"name\":\"isCompleted\",\"type\":\"bool\"},"
        "{\"name\":\"priority\",\"type\":\"choice\",\"choices\":[\"low\",\"normal\",\"high\"]},"
        "{\"name\":\"dueAt\",\"type\":\"date\"},{\"name\":\"notes\",\"type\":\"text\"},"
        "{\"name\":\"rank\",\"type\":\"integer\"}]}";

    w->older = w->reg;
    w->reg = registry_new();
    must(w, registry_add(w->reg, json, strlen(json), "newer.json", &w->err));
    w->tasks = registry_find(w->reg, "tasks");
    db_close(w->db);
    w->db = open_store(w, DB_COMMAND);
}

static void a_process_that_knows_too_little_of_the_tables_leaves_syncing_to_others(void **state)
{
    struct world *w = *state;

    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    assert_true(is_ours(w));
    open_with_newer_tables(w);
    save(w, "Fix the pump");
    WAIT_UNTIL(w, is_outdated);
    assert_int_equal(w->status.waiting, 1);
    assert_non_null(strstr(w->status.last.msg, "start again"));

    sync_stop(w->sync);
    must(w, start(w));
    WAIT_UNTIL(w, is_sent);
    assert_true(is_ours(w));
}

static void work_offline_sends_nothing_until_online_is_asked_for(void **state)
{
    struct world *w = *state;
    int requests;

    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    sync_ask(w->sync, SYNC_WORK_OFFLINE);
    WAIT_UNTIL(w, is_by_choice);
    requests = atomic_load(&w->server.requests);
    save(w, "Fix the pump");
    WAIT_UNTIL(w, is_waiting);
    assert_int_equal(atomic_load(&w->server.requests), requests);
    sync_ask(w->sync, SYNC_WORK_ONLINE);
    WAIT_UNTIL(w, is_sent);
}

static void a_server_that_must_not_be_used_is_refused_at_the_start(void **state)
{
    struct world *w = *state;
    struct sync_options options = { .db_path = w->path,
                                    .registry = w->reg,
                                    .clock = &clock_system };
    struct sync *none = NULL;

    assert_int_equal(start(w), RC_NOT_FOUND);
    assert_string_equal(w->err.msg, "Nobody is signed in here.");
    sign_in(w);
    options.server = "http://tasks.example.org";
    assert_int_equal(sync_start(&options, &none, &w->err), RC_INVALID);
    assert_true(strlen(w->err.msg) > 0);
    options.server = "tasks dot example";
    assert_int_equal(sync_start(&options, &none, &w->err), RC_INVALID);
    assert_null(none);
}

/* ---- two processes ---- */

/* This program again, as a process that only syncs; it ends when its stdin does. */
static int sync_as_child(const char *path)
{
    struct registry *reg = load_tables();
    const struct sync_options options = { .db_path = path,
                                          .registry = reg,
                                          .clock = &clock_system };
    struct sync *sync = NULL;
    struct err err = { 0 };
    char byte;

    sync_global_init(&err);
    if (sync_start(&options, &sync, &err)) {
        fprintf(stderr, "child: %s\n", err.msg);
        return 1;
    }
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    sync_stop(sync);
    registry_free(reg);
    sync_global_done();
    return 0;
}

static void start_child(struct world *w)
{
    posix_spawn_file_actions_t actions;
    char *argv[] = { (char *)"worker_test", (char *)"--sync", w->path, NULL };
    int ends[2];

    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    assert_int_equal(posix_spawn(&w->child, "/proc/self/exe", &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    w->child_stdin = ends[1];
}

static void start_both(struct world *w)
{
    struct db_lock *lock = NULL;
    bool is_stopped;
    int64_t until = clock_mono(&clock_system) + DEADLINE_MS;
    struct db_bell *bell = NULL;

    sign_in(w);
    must(w, db_bell_open(w->path, &bell, &w->err));
    must(w, db_lock_open(w->path, &lock, &w->err));
    start_child(w);
    while (db_lock_holder(lock, &is_stopped) != w->child) {
        struct pollfd fd = { .fd = db_bell_fd(bell), .events = POLLIN };
        assert_true(clock_mono(&clock_system) < until);
        poll(&fd, 1, 100); /* the lock is taken shortly before or after the child's first commit */
        db_bell_read(bell);
    }
    db_lock_close(lock);
    db_bell_close(bell);
    must(w, start(w));
    WAIT_UNTIL(w, is_childs);
    WAIT_UNTIL(w, is_complete);
}

static void end_child(struct world *w, int signal)
{
    kill(w->child, signal);
    waitpid(w->child, NULL, 0);
    close(w->child_stdin);
}

static void one_process_syncs_and_the_other_sees_what_it_does(void **state)
{
    struct world *w = *state;

    start_both(w);
    assert_int_equal(count_all(w), 3);
    save(w, "Fix the pump");
    WAIT_UNTIL(w, is_sent);
    assert_true(is_childs(w));
}

static void the_other_takes_over_at_once_when_the_holder_is_killed(void **state)
{
    struct world *w = *state;
    int64_t from;

    start_both(w);
    end_child(w, SIGKILL);
    w->child = 0;
    from = clock_mono(&clock_system);
    WAIT_UNTIL(w, is_ours);
    assert_true(clock_mono(&clock_system) - from < 2000);
    save(w, "Fix the pump");
    WAIT_UNTIL(w, is_sent);
}

static void the_other_takes_over_when_the_holder_ends_in_peace(void **state)
{
    struct world *w = *state;

    start_both(w);
    close(w->child_stdin);
    WAIT_UNTIL(w, is_ours);
    waitpid(w->child, NULL, 0);
    w->child = 0;
}

/* The holder writes it, and rings. */
static void wait_for_answer(struct world *w, struct db_bell *bell, int64_t id)
{
    struct db_state seen = { 0 };
    int64_t until = clock_mono(&clock_system) + DEADLINE_MS;

    do {
        struct pollfd fd = { .fd = db_bell_fd(bell), .events = POLLIN };
        must(w, db_state_read(w->db, &seen, &w->err));
        if (seen.answered_id < id)
            poll(&fd, 1, 1000);
        db_bell_read(bell);
    } while (seen.answered_id < id && clock_mono(&clock_system) < until);
    assert_int_equal(seen.answered_id, id);
    assert_int_equal(seen.answered_rc, RC_OK);
}

static void a_request_of_the_other_process_gets_its_result(void **state)
{
    struct world *w = *state;
    struct db_bell *bell = NULL;
    int64_t id = 0;

    start_both(w);
    must(w, db_bell_open(w->path, &bell, &w->err));
    must(w, db_state_want(w->db, SYNC_WANT_NOW, &id, &w->err));
    wait_for_answer(w, bell, id);
    db_bell_close(bell);
}

static bool is_untold(const struct world *w)
{
    return w->status.untold.rc != RC_OK;
}

static bool is_told(const struct world *w)
{
    return w->status.untold.rc == RC_OK;
}

/* The round is over, but the store is full: who waits in this process is told so, and who waits in another one
 * gets the answer when there is room. */
static void an_answer_that_can_not_be_written_is_written_when_it_can(void **state)
{
    struct world *w = *state;
    struct db_bell *bell = NULL;
    struct db_state seen = { 0 };
    int64_t id = 0;

    sign_in(w);
    must(w, start(w));
    must(w, db_bell_open(w->path, &bell, &w->err));
    WAIT_UNTIL(w, is_complete);
    run_sql(w, "CREATE TRIGGER full BEFORE UPDATE OF answered_id ON sync_state "
               "BEGIN SELECT RAISE(ABORT, 'no room'); END");
    must(w, db_state_want(w->db, SYNC_WANT_NOW, &id, &w->err));
    WAIT_UNTIL(w, is_untold);
    must(w, db_state_read(w->db, &seen, &w->err));
    assert_true(seen.answered_id < id);
    run_sql(w, "DROP TRIGGER full");            /* rings nobody's bell */
    wait_for_answer(w, bell, id);
    WAIT_UNTIL(w, is_told);
    db_bell_close(bell);
}

/* The next whole round is over. */
static int64_t rounds_before;

static bool has_gone_round(const struct world *w)
{
    return w->status.rounds > rounds_before;
}

static void after_a_discard_a_round_is_made_under_a_new_run_id(void **state)
{
    struct world *w = *state;
    uint64_t run;

    start_both(w);
    save(w, "Fix the pump");
    WAIT_UNTIL(w, is_sent);
    run = atomic_load(&w->server.run);
    assert_true(run != 0);
    rounds_before = w->status.rounds;
    sync_ask(w->sync, SYNC_DISCARDED);  /* of a follower: the holder hears of it */
    WAIT_UNTIL(w, has_gone_round);
    assert_true(atomic_load(&w->server.run) != run);
    end_child(w, SIGKILL);
    w->child = 0;
    WAIT_UNTIL(w, is_ours);
    WAIT_UNTIL(w, is_complete);
    run = atomic_load(&w->server.run);
    rounds_before = w->status.rounds;
    sync_ask(w->sync, SYNC_DISCARDED);
    WAIT_UNTIL(w, has_gone_round);
    assert_true(atomic_load(&w->server.run) != run);
}

static void a_holder_that_is_frozen_is_named(void **state)
{
    struct world *w = *state;

    start_both(w);
    kill(w->child, SIGSTOP);
    /* Stopped, all its threads: else one of them may answer first, and then nobody looks again. */
    assert_int_equal(waitpid(w->child, NULL, WUNTRACED), w->child);
    sync_ask(w->sync, SYNC_NOW);
    WAIT_UNTIL(w, is_childs_and_stopped);
    kill(w->child, SIGCONT);
}

static void working_offline_is_a_choice_for_the_whole_store(void **state)
{
    struct world *w = *state;

    start_both(w);
    sync_ask(w->sync, SYNC_WORK_OFFLINE);
    WAIT_UNTIL(w, is_by_choice);
    end_child(w, SIGKILL);
    w->child = 0;
    WAIT_UNTIL(w, is_ours);
    assert_true(is_by_choice(w));
    assert_int_equal(w->status.net, SYNC_OFFLINE);
}

/* An op is given up while the server can not be reached; a person asks for it once more. */
static void retry_a_failed_op(struct world *w)
{
    atomic_store(&w->server.mode, SERVER_PORTAL);
    sync_ask(w->sync, SYNC_NOW);
    WAIT_UNTIL(w, is_offline);
    save(w, "Fix the pump");
    run_sql(w, "UPDATE sync_queue SET state = 'failed'");
    atomic_store(&w->server.mode, SERVER_GOOD);
    sync_ask(w->sync, SYNC_RETRY);
    WAIT_UNTIL(w, is_sent);
    WAIT_UNTIL(w, is_complete);
}

static void what_the_holder_meets_the_other_sees_and_either_can_ask_to_retry(void **state)
{
    struct world *w = *state;

    start_both(w);
    retry_a_failed_op(w);
    assert_true(is_childs(w));
    end_child(w, SIGKILL);
    w->child = 0;
    WAIT_UNTIL(w, is_ours);
    WAIT_UNTIL(w, is_complete);
    retry_a_failed_op(w);
}

static void a_sign_in_begins_a_round(void **state)
{
    struct world *w = *state;

    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    rounds_before = w->status.rounds;
    sync_ask(w->sync, SYNC_SIGNED_IN);
    WAIT_UNTIL(w, has_gone_round);
}

/* ---- a network that changes, in a process with one of its own ---- */

enum { EXIT_SKIPPED = 77 };

static void set_interface(const char *name, unsigned long what, struct ifreq *req)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(req->ifr_name, sizeof req->ifr_name, "%s", name);
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, what, req), 0);
    close(fd);
}

/* An address that leads beyond this machine, as far as the kernel can know. */
static void add_address(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    struct ifreq req = { 0 };

    inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
    memcpy(&req.ifr_addr, &address, sizeof address);
    set_interface("lo:1", SIOCSIFADDR, &req);
}

static void remove_address(void)
{
    struct ifreq req = { 0 };

    set_interface("lo:1", SIOCSIFFLAGS, &req);
}

static int requests_before;

static bool has_asked(const struct world *w)
{
    return atomic_load(&w->server.requests) > requests_before;
}

static void a_network_that_goes_and_comes_is_looked_into_at_once(void **state)
{
    struct world *w = *state;
    struct ifreq up = { .ifr_flags = IFF_UP };

    set_interface("lo", SIOCSIFFLAGS, &up);
    sign_in(w);
    must(w, start(w));
    WAIT_UNTIL(w, is_complete);
    add_address();
    requests_before = atomic_load(&w->server.requests);
    remove_address(); /* else the next look would be a minute away */
    WAIT_UNTIL(w, has_asked);
    WAIT_UNTIL(w, is_complete);
    atomic_store(&w->server.mode, SERVER_PORTAL);
    sync_ask(w->sync, SYNC_NOW);
    WAIT_UNTIL(w, is_offline);
    atomic_store(&w->server.mode, SERVER_GOOD);
    add_address();
    WAIT_UNTIL(w, is_complete);
}

static int links_as_child(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_network_that_goes_and_comes_is_looked_into_at_once, setup,
                                        teardown),
    };
    struct err err;

    if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
        return EXIT_SKIPPED;
    if (sync_global_init(&err))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sync_global_done();
    return failed;
}

static void links_that_change_wake_the_worker(void **state)
{
    char *argv[] = { (char *)"worker_test", (char *)"--links", NULL };
    int status = 0;
    pid_t pid;

    (void)state;
    assert_int_equal(posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == EXIT_SKIPPED) {
        print_message("a network of its own is not permitted here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- signing in ---- */

static void signing_in_tells_whose_account_it_is(void **state)
{
    struct world *w = *state;
    struct sync_sign_in how = sign_in_options(w);
    struct sync_identity id = { 0 }, again = { 0 };
    char url[80];

    snprintf(url, sizeof url, "%s/", w->server.url);
    how.server = url;
    must(w, sync_sign_in(&how, &id, &w->err));
    assert_string_equal(id.server, w->server.url);
    assert_string_equal(id.email, SERVER_USER);
    assert_true(strlen(id.instance) > 0 && strlen(id.user_id) > 0 && strlen(id.token) > 0 &&
                strlen(id.refresh) > 0);
    how.token = id.token;
    must(w, sync_sign_in(&how, &again, &w->err));
    assert_string_equal(again.user_id, id.user_id);
    assert_null(again.refresh);
    sync_sign_out(w->server.url, id.token, NULL, false, -1);
    sync_identity_done(&id);
    sync_identity_done(&again);
    assert_null(id.token);
}

static void a_sign_in_that_fails_says_why(void **state)
{
    struct world *w = *state;
    struct sync_sign_in how = sign_in_options(w);
    struct sync_identity id = { 0 };

    how.password = "not this one";
    assert_int_equal(sync_sign_in(&how, &id, &w->err), RC_AUTH);
    assert_string_equal(w->err.msg, "Wrong user name or password.");
    how.password = NULL;
    how.token = "not-a-token";
    assert_int_equal(sync_sign_in(&how, &id, &w->err), RC_AUTH);
    how = sign_in_options(w);
    how.sign_up = true;
    how.email = "other@example.org";
    assert_int_equal(sync_sign_in(&how, &id, &w->err), RC_REFUSED);
    how = sign_in_options(w);
    how.server = "http://127.0.0.1:1";
    assert_int_equal(sync_sign_in(&how, &id, &w->err), RC_NETWORK);
    assert_string_equal(w->err.msg, "The server refused the connection.");
    how.server = "http://tasks.example.org";
    assert_int_equal(sync_sign_in(&how, &id, &w->err), RC_INVALID);
    atomic_store(&w->server.mode, SERVER_PORTAL);
    how.server = w->server.url;
    assert_int_equal(sync_sign_in(&how, &id, &w->err), RC_NETWORK);
    assert_null(id.token);
}

static void a_sign_in_at_a_silent_server_can_be_stopped(void **state)
{
    struct world *w = *state;
    struct sync_sign_in how = sign_in_options(w);
    struct sync_identity id = { 0 };
    int64_t from = clock_mono(&clock_system);

    atomic_store(&w->server.mode, SERVER_SILENT);
    how.stop_fd = eventfd(1, EFD_CLOEXEC);
    assert_int_equal(sync_sign_in(&how, &id, &w->err), RC_CANCELLED);
    assert_true(clock_mono(&clock_system) - from < 2000);
    close(how.stop_fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_LARGE(name) cmocka_unit_test_setup_teardown(name, setup_large, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_sync_brings_the_records_and_a_saved_one_arrives_at_the_backend),
        TEST(a_save_is_noticed_by_its_bell_alone),
        TEST(it_stops_within_2_s_while_the_server_is_silent_and_loses_nothing),
        TEST(it_stops_within_2_s_while_another_connection_holds_the_write_lock),
        TEST_LARGE(it_stops_within_2_s_in_the_middle_of_a_first_sync_and_goes_on_later),
        TEST(a_portal_makes_it_offline_and_sync_now_brings_it_back),
        TEST(a_parked_worker_holds_no_lock_and_unparked_goes_on),
        TEST(a_process_that_knows_too_little_of_the_tables_leaves_syncing_to_others),
        TEST(work_offline_sends_nothing_until_online_is_asked_for),
        TEST(a_server_that_must_not_be_used_is_refused_at_the_start),
        TEST(one_process_syncs_and_the_other_sees_what_it_does),
        TEST(the_other_takes_over_at_once_when_the_holder_is_killed),
        TEST(the_other_takes_over_when_the_holder_ends_in_peace),
        TEST(a_request_of_the_other_process_gets_its_result),
        TEST(an_answer_that_can_not_be_written_is_written_when_it_can),
        TEST(after_a_discard_a_round_is_made_under_a_new_run_id),
        TEST(a_holder_that_is_frozen_is_named),
        TEST(working_offline_is_a_choice_for_the_whole_store),
        TEST(what_the_holder_meets_the_other_sees_and_either_can_ask_to_retry),
        TEST(a_sign_in_begins_a_round),
        cmocka_unit_test(links_that_change_wake_the_worker),
        TEST(signing_in_tells_whose_account_it_is),
        TEST(a_sign_in_that_fails_says_why),
        TEST(a_sign_in_at_a_silent_server_can_be_stopped),
    };
    struct err err = { 0 };
    int failed;

    if (argc == 2 && strcmp(argv[1], "--links") == 0)
        return links_as_child();
    if (argc == 3 && strcmp(argv[1], "--sync") == 0)
        return sync_as_child(argv[2]);
    if (sync_global_init(&err))
        return 1;
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    sync_global_done();
    return failed;
}
