#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/unit/backend_fixture.h"

static char *beside(const struct site *site, const char *name)
{
    return path_join(site->dir, name);
}

static void copy_file(const char *from, const char *to)
{
    struct buf bytes = { 0 };
    struct err err;

    if (file_read(from, 1 << 26, &bytes, &err) ||
        file_replace(to, buf_str(&bytes), bytes.len, 0600, &err))
        fail_msg("%s", err.msg);
    buf_done(&bytes);
}

/* ---- the mark ---- */

static void a_restored_backup_gets_a_new_epoch_and_higher_revs(void **state)
{
    struct site *site = *state;
    char *backup = beside(site, "backup"), *before, *after;

    site_applied(site, (struct op){ .record = 1, .set = "\"text\":\"a\"" });
    before = site_epoch(site);
    backend_close(site->backend);
    copy_file(site->path, backup);
    site_open(site);
    int64_t lost =
        site_rev(site_applied(site, (struct op){ .record = 2, .set = "\"text\":\"lost\"" }));
    after = site_epoch(site);
    assert_string_equal(after, before);
    free(after);

    backend_close(site->backend);
    copy_file(backup, site->path);
    site->now -= HOUR / 2; /* even the clock is of no help */
    site_open(site);
    after = site_epoch(site);
    assert_string_not_equal(after, before);
    assert_true(cJSON_IsNull(site_get(site, 2)));
    assert_true(site_rev(site_applied(site, (struct op){ .record = 3, .set = "\"text\":\"a\"" })) >
                lost);
    free(before);
    free(after);
    free(backup);
}

static void a_restart_keeps_the_epoch(void **state)
{
    struct site *site = *state;
    char *before = site_epoch(site);

    for (int i = 1; i < 5; i++) {
        site_applied(site, (struct op){ .record = i, .set = "\"text\":\"a\"" });
        site->now += i * HOUR / 60;
        site_reopen(site);
    }
    char *after = site_epoch(site);
    assert_string_equal(after, before);
    free(before);
    free(after);
}

static void a_database_without_its_mark_came_from_a_backup(void **state)
{
    struct site *site = *state;
    char *mark = beside(site, "backend.db.mark"), *before = site_epoch(site);

    backend_close(site->backend);
    assert_int_equal(unlink(mark), 0);
    site_open(site);
    char *after = site_epoch(site);
    assert_string_not_equal(after, before);
    free(before);
    free(after);
    free(mark);
}

static void a_damaged_mark_is_made_anew(void **state)
{
    struct site *site = *state;
    char *mark = beside(site, "backend.db.mark"), *before = site_epoch(site);
    struct err err;

    backend_close(site->backend);
    assert_int_equal(file_replace(mark, "outpost-mark 1 \n", 16, 0600, &err), RC_OK);
    site_open(site);
    char *after = site_epoch(site);
    assert_string_not_equal(after, before);
    free(before);
    before = after;
    site_applied(site, (struct op){ .record = 1, .set = "\"text\":\"a\"" });
    site_reopen(site);
    after = site_epoch(site);
    assert_string_equal(after, before);
    free(before);
    free(after);
    free(mark);
}

static void the_operator_may_start_an_epoch(void **state)
{
    struct site *site = *state;
    char *before = site_epoch(site), epoch[64];
    struct err err;

    assert_int_equal(backend_epoch_new(site->backend, epoch, &err), RC_OK);
    char *after = site_epoch(site);
    assert_string_equal(after, epoch);
    assert_string_not_equal(after, before);
    free(before);
    free(after);
}

static void two_processes_may_have_the_file_open(void **state)
{
    struct site *site = *state;
    char *before = site_epoch(site);
    struct backend *other = NULL;
    struct err err;

    for (int i = 1; i < 4; i++) {
        site_applied(site, (struct op){ .record = i, .set = "\"text\":\"a\"" });
        assert_int_equal(backend_open(&site->options, &other, &err), RC_OK);
        assert_int_equal(backend_seed(other, ALICE, i * 3, &err), RC_OK);
        backend_close(other);
        site->now += HOUR / 60;
    }
    site_reopen(site);
    char *after = site_epoch(site);
    assert_string_equal(after, before);
    free(before);
    free(after);
}

static void without_a_mark_only_the_vfs_is_touched(void **state)
{
    struct site *site = *state;
    char *path = beside(site, "simulated.db"), *mark = beside(site, "simulated.db.mark");
    struct backend_options options = site->options;
    struct backend *b = NULL;
    struct err err;

    options.path = path;
    options.vfs = "unix-dotfile";
    options.no_mark = true;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(backend_open(&options, &b, &err), RC_OK);
        if (i == 0)
            assert_int_equal(backend_user_add(b, ALICE, PASSWORD, &err), RC_OK);
        assert_int_equal(backend_seed(b, ALICE, 10, &err), RC_OK);
        backend_close(b);
    }
    assert_false(file_exists(mark));
    free(path);
    free(mark);
}

/* ---- definitions ---- */

static const char wider[] =
    "{\"name\":\"gauges\",\"label\":\"Gauges\",\"labelOne\":\"gauge\",\"title\":\"name\","
    "\"columns\":["
    "{\"name\":\"name\",\"label\":\"Name\",\"type\":\"text\",\"required\":true},"
    "{\"name\":\"unit\",\"label\":\"Unit\",\"type\":\"text\",\"default\":\"bar\"},"
    "{\"name\":\"reading\",\"label\":\"Reading\",\"type\":\"real\"}]}";
static const char narrow[] =
    "{\"name\":\"gauges\",\"label\":\"Gauges\",\"labelOne\":\"gauge\",\"title\":\"name\","
    "\"columns\":["
    "{\"name\":\"name\",\"label\":\"Name\",\"type\":\"text\",\"required\":true}]}";
static const char changed[] =
    "{\"name\":\"gauges\",\"label\":\"Gauges\",\"labelOne\":\"gauge\",\"title\":\"name\","
    "\"columns\":["
    "{\"name\":\"name\",\"label\":\"Name\",\"type\":\"text\",\"required\":true},"
    "{\"name\":\"unit\",\"label\":\"Unit\",\"type\":\"text\",\"default\":\"bar\"},"
    "{\"name\":\"reading\",\"label\":\"Reading\",\"type\":\"text\"}]}";

static struct registry *registry_of(const char *definition)
{
    struct registry *reg = registry_new();
    struct err err;

    if (registry_add(reg, definition, strlen(definition), "gauges.json", &err))
        fail_msg("%s", err.msg);
    return reg;
}

static void serve(struct site *site, const char *definition)
{
    backend_close(site->backend);
    registry_free(site->registry);
    site->options.registry = site->registry = registry_of(definition);
    site_open(site);
}

static void cannot_serve(struct site *site, const char *definition, const char *word)
{
    struct registry *reg = registry_of(definition);
    struct backend_options options = site->options;
    struct backend *b = NULL;
    struct err err;

    options.registry = reg;
    assert_int_equal(backend_open(&options, &b, &err), RC_INVALID);
    assert_non_null(strstr(err.msg, word));
    registry_free(reg);
}

static void a_new_column_is_in_every_old_record(void **state)
{
    struct site *site = *state;
    char id[ID_SIZE], args[160];
    const int count = 1203; /* more than two batches */

    serve(site, narrow);
    for (int i = 1; i <= count; i++)
        site_applied(site, (struct op){ .record = i, .table = "gauges", .set = "\"name\":\"g\"" });
    int64_t rev = site_rev(site_applied(
        site, (struct op){ .record = count, .table = "gauges", .set = "\"name\":\"g\"" }));
    serve(site, wider);
    for (int i = 1; i <= count; i += 401) {
        snprintf(args, sizeof args, "\"protocol\":1,\"table\":\"gauges\",\"clientId\":\"%s\"",
                 site_id(i, id));
        const cJSON *doc = site_value(site, "query", "records:get", args);
        assert_string_equal(json_get_string(doc, "unit"), "bar");
        assert_string_equal(json_get_string(doc, "name"), "g");
        assert_true(cJSON_IsNull(json_get(doc, "reading")));
    }
    const cJSON *doc = site_applied(site, (struct op){ .record = count,
                                                       .table = "gauges",
                                                       .operation = "update",
                                                       .set = "\"unit\":\"bar\"" });
    assert_int_equal(site_rev(doc), rev); /* nothing new for devices */
}

static void a_definition_that_lost_or_changed_a_column_is_refused(void **state)
{
    struct site *site = *state;

    serve(site, wider);
    site_applied(
        site,
        (struct op){ .record = 1, .table = "gauges", .set = "\"name\":\"g\",\"reading\":1.5" });
    cannot_serve(site, narrow, "unit");
    cannot_serve(site, changed, "reading");
    serve(site, wider);
}

static void a_definition_that_does_not_fit_is_left_out_and_the_others_are_served(void **state)
{
    static const struct {
        const char *definition, *sentence;
    } cases[] = {
        { narrow, "line 1: column \"unit\" of table \"gauges\" was dropped, and the database has"
                  " data in it. Put the column back." },
        { changed, "line 1: column \"reading\" of table \"gauges\" changed its type from real to"
                   " text. Make a new column instead." },
    };
    static const char get[] = "\"protocol\":1,\"table\":\"gauges\",\"clientId\":\"%s\"";
    struct site *site = *state;
    char *path = path_join(site->dir, "gauges.json");
    const char *dirs[] = { site->dir };
    char args[160], id[ID_SIZE];
    struct err err;

    serve(site, wider);
    site_applied(
        site,
        (struct op){ .record = 1, .table = "gauges", .set = "\"name\":\"g\",\"reading\":1.5" });
    snprintf(args, sizeof args, get, site_id(1, id));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *text = cases[i].definition;
        struct registry *reg;

        assert_int_equal(file_replace(path, text, strlen(text), 0600, &err), RC_OK);
        assert_int_equal(registry_load(dirs, 1, &reg, &err), RC_OK);
        assert_int_equal(registry_count(reg), 2);
        assert_int_equal(backend_fit_registry(site->path, reg, &err), RC_OK);
        assert_null(registry_find(reg, "gauges"));
        assert_int_equal(registry_problem_count(reg), 1);
        assert_string_equal(registry_problem_at(reg, 0)->source, path);
        assert_string_equal(registry_problem_at(reg, 0)->sentence, cases[i].sentence);
        backend_close(site->backend);
        registry_free(site->registry);
        site->options.registry = site->registry = reg;
        site_open(site);
        site_applied(site, (struct op){ .record = 10 + (int)i, .set = "\"text\":\"t\"" });
        site_throws(site, "query", "records:get", args, "unknown_table");
    }
    serve(site, wider);
    assert_true(json_get(site_value(site, "query", "records:get", args), "reading")->valuedouble >
                1.4);
    free(path);
}

static void a_file_that_is_not_there_yet_refuses_no_definition(void **state)
{
    struct site *site = *state;
    struct registry *reg = registry_of(wider);
    char *path = path_join(site->dir, "none.db");
    struct err err;

    assert_int_equal(backend_fit_registry(path, reg, &err), RC_OK);
    assert_int_equal(registry_count(reg), 1);
    assert_false(file_exists(path));
    registry_free(reg);
    free(path);
}

/* ---- files ---- */

static void a_foreign_file_is_refused_and_left_as_it_was(void **state)
{
    struct site *site = *state;
    char *path = beside(site, "foreign.db");
    struct backend_options options = site->options;
    struct backend *b = NULL;
    struct buf before = { 0 }, after = { 0 };
    sqlite3 *handle;
    struct err err;

    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, "CREATE TABLE t(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
    assert_int_equal(file_read(path, 1 << 20, &before, &err), RC_OK);
    options.path = path;
    assert_int_equal(backend_open(&options, &b, &err), RC_FOREIGN);
    assert_int_equal(file_read(path, 1 << 20, &after, &err), RC_OK);
    assert_int_equal(after.len, before.len);
    assert_memory_equal(after.data, before.data, after.len);
    buf_done(&before);
    buf_done(&after);
    free(path);
}

static void a_file_of_a_newer_version_is_refused(void **state)
{
    struct site *site = *state;
    struct backend *b = NULL;
    sqlite3 *handle;
    struct err err;

    backend_close(site->backend);
    site->backend = NULL;
    assert_int_equal(sqlite3_open(site->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
    assert_int_equal(backend_open(&site->options, &b, &err), RC_FOREIGN);
}

static void the_files_are_their_owner_s_alone(void **state)
{
    struct site *site = *state;
    char *mark = beside(site, "backend.db.mark");
    struct stat info;

    assert_int_equal(stat(site->path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(stat(mark, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    free(mark);
}

/* ---- kill -9 ---- */

/* Writes records one by one and tells the parent each one that was acknowledged. */
static void write_until_killed(struct site *site, int fd, int first)
{
    site_open(site);
    for (int i = first;; i++) {
        site_applied(site, (struct op){ .id = i, .record = i, .set = "\"text\":\"kept\"" });
        if (write(fd, &i, sizeof i) != sizeof i)
            _exit(1);
    }
}

static int read_acknowledged(int fd, pid_t child, int kill_after)
{
    int record = 0, count = 0, last = 0;

    while (read(fd, &record, sizeof record) == sizeof record) {
        last = record;
        if (++count == kill_after)
            kill(child, SIGKILL);
    }
    return last;
}

static void every_acknowledged_write_survives_a_kill(void **state)
{
    struct site *site = *state;
    char *epoch = site_epoch(site), *after;
    int next = 1;

    backend_close(site->backend);
    site->backend = NULL;
    for (int round = 0; round < 25; round++) {
        int fds[2], status;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(fds[0]);
            write_until_killed(site, fds[1], next);
        }
        close(fds[1]);
        int last = read_acknowledged(fds[0], child, 1 + round * 7 % 23);
        close(fds[0]);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

        site->now += (round % 3) * 20 * SECOND;
        site_open(site);
        for (int i = next; i <= last; i++)
            assert_string_equal(json_get_string(site_get(site, i), "text"), "kept");
        assert_true(cJSON_IsNull(site_get(site, last + 2)));
        backend_close(site->backend);
        site->backend = NULL;
        next = last + 2;
    }
    site_open(site);
    after = site_epoch(site);
    assert_string_equal(after, epoch); /* a kill is no restore */
    free(epoch);
    free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SITE_TEST(a_restored_backup_gets_a_new_epoch_and_higher_revs),
        SITE_TEST(a_restart_keeps_the_epoch),
        SITE_TEST(a_database_without_its_mark_came_from_a_backup),
        SITE_TEST(a_damaged_mark_is_made_anew),
        SITE_TEST(the_operator_may_start_an_epoch),
        SITE_TEST(two_processes_may_have_the_file_open),
        SITE_TEST(without_a_mark_only_the_vfs_is_touched),
        SITE_TEST(a_new_column_is_in_every_old_record),
        SITE_TEST(a_definition_that_lost_or_changed_a_column_is_refused),
        SITE_TEST(a_definition_that_does_not_fit_is_left_out_and_the_others_are_served),
        SITE_TEST(a_file_that_is_not_there_yet_refuses_no_definition),
        SITE_TEST(a_foreign_file_is_refused_and_left_as_it_was),
        SITE_TEST(a_file_of_a_newer_version_is_refused),
        SITE_TEST(the_files_are_their_owner_s_alone),
        SITE_TEST(every_acknowledged_write_survives_a_kill),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
