#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "temp_dir.h"

struct logged {
    char *dir, *path, *old_path;
    struct buf text;
};

static int setup(void **state)
{
    struct logged *t = mem_zero(1, sizeof *t);
    void *dir = NULL;

    if (temp_dir_make(&dir))
        return -1;
    t->dir = dir;
    t->path = path_join(t->dir, "log");
    t->old_path = path_join(t->dir, "log.1");
    *state = t;
    return 0;
}

static int teardown(void **state)
{
    struct logged *t = *state;
    void *dir = t->dir;

    log_close();
    buf_done(&t->text);
    free(t->path);
    free(t->old_path);
    free(t);
    return temp_dir_remove(&dir);
}

static void open_log(struct logged *t, enum log_level level, size_t max_bytes)
{
    struct err err = { 0 };

    assert_int_equal(log_open(t->path, level, max_bytes, &err), RC_OK);
}

static const char *read_log(struct logged *t, const char *path)
{
    struct err err = { 0 };

    buf_clear(&t->text);
    assert_int_equal(file_read(path, 1 << 24, &t->text, &err), RC_OK);
    return buf_str(&t->text);
}

static off_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? st.st_size : 0;
}

static void a_line_has_time_level_process_module_and_sentence(void **state)
{
    struct logged *t = *state;
    char expected[64];
    const char *line;

    open_log(t, LOG_INFO, 1 << 20);
    log_warn("sync", "pushed %d ops in %d ms", 3, 41);
    line = read_log(t, t->path);
    assert_int_equal(line[4], '-');
    assert_int_equal(line[10], 'T');
    assert_int_equal(line[23], 'Z');
    snprintf(expected, sizeof expected, " warn %ld sync: pushed 3 ops in 41 ms\n", (long)getpid());
    assert_string_equal(line + 24, expected);
}

static void only_levels_that_were_asked_for_are_written(void **state)
{
    static const char *const names[] = { "error", "warn", "info", "debug" };
    struct logged *t = *state;

    for (int level = LOG_ERROR; level <= LOG_DEBUG; level++) {
        enum log_level read_level;
        const char *text;

        assert_true(log_level_from_name(names[level], &read_level));
        assert_int_equal(read_level, level);
        unlink(t->path);
        open_log(t, read_level, 1 << 20);
        log_error("m", "x");
        log_warn("m", "x");
        log_info("m", "x");
        log_debug("m", "x");
        text = read_log(t, t->path);
        for (int i = LOG_ERROR; i <= LOG_DEBUG; i++)
            assert_int_equal(strstr(text, names[i]) != NULL, i <= level);
    }
}

static void an_unknown_level_name_is_refused(void **state)
{
    enum log_level level = LOG_WARN;

    (void)state;
    assert_false(log_level_from_name("", &level));
    assert_false(log_level_from_name("INFO", &level));
    assert_false(log_level_from_name("inf", &level));
    assert_int_equal(level, LOG_WARN);
}

static void before_opening_and_after_closing_lines_go_nowhere(void **state)
{
    struct logged *t = *state;

    log_error("m", "early");
    assert_false(file_exists(t->path));
    open_log(t, LOG_DEBUG, 1 << 20);
    log_close();
    log_error("m", "late");
    log_close();
    assert_string_equal(read_log(t, t->path), "");
}

static void the_log_is_private_and_is_appended_to(void **state)
{
    struct logged *t = *state;
    struct stat st;
    mode_t before = umask(0);

    open_log(t, LOG_INFO, 1 << 20);
    umask(before);
    assert_int_equal(stat(t->path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    log_info("m", "first");
    open_log(t, LOG_INFO, 1 << 20);
    log_info("m", "second");
    assert_non_null(strstr(read_log(t, t->path), "first\n"));
    assert_non_null(strstr(read_log(t, t->path), "second\n"));
}

static void a_log_that_cannot_be_opened_is_an_error_that_names_it(void **state)
{
    struct logged *t = *state;
    struct err err = { 0 };
    char *none = path_join(t->dir, "none/log");

    open_log(t, LOG_INFO, 1 << 20);
    assert_int_equal(log_open(none, LOG_INFO, 1000, &err), RC_IO);
    assert_int_equal(err.sys, ENOENT);
    assert_non_null(strstr(err.msg, none));
    log_info("m", "the old one stays open");
    assert_non_null(strstr(read_log(t, t->path), "the old one stays open"));
    free(none);
}

static void a_sentence_cannot_make_lines_or_reach_a_terminal(void **state)
{
    struct logged *t = *state;
    const char *text;

    open_log(t, LOG_INFO, 1 << 20);
    log_info("m", "a%sb", "\n2026-01-01T00:00:00.000Z error 1 m: forged\x1B[2J\xE2\x80\xAE");
    text = read_log(t, t->path);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_null(strchr(text, 0x1B));
    assert_non_null(strstr(text, "a 2026-01-01T00:00:00.000Z error 1 m: forged?[2J?b\n"));
}

static void a_very_long_sentence_is_cut(void **state)
{
    struct logged *t = *state;
    char *sentence = mem_zero(100001, 1);
    const char *text;

    memset(sentence, 'x', 100000);
    open_log(t, LOG_INFO, 1 << 20);
    log_info("m", "%s", sentence);
    text = read_log(t, t->path);
    assert_in_range(strlen(text), 1900, 2100);
    assert_int_equal(text[strlen(text) - 1], '\n');
    free(sentence);
}

static void logging_leaves_errno_alone(void **state)
{
    struct logged *t = *state;

    open_log(t, LOG_INFO, 200);
    for (int i = 0; i < 10; i++) {
        errno = ENOTTY;
        log_info("m", "line %d", i);
        assert_int_equal(errno, ENOTTY);
    }
}

static void a_full_log_becomes_the_old_one_and_the_two_keep_to_their_size(void **state)
{
    struct logged *t = *state;
    char *older = path_join(t->dir, "log.2");

    open_log(t, LOG_INFO, 1000);
    for (int i = 0; i < 200; i++) {
        char word[32];

        log_info("m", "line %d.", i);
        assert_true(size_of(t->path) <= 1000);
        assert_true(size_of(t->old_path) <= 1000);
        snprintf(word, sizeof word, "line %d.\n", i);
        assert_non_null(strstr(read_log(t, t->path), word));
    }
    assert_true(size_of(t->old_path) > 800);
    assert_false(file_exists(older));
    free(older);
}

static void no_line_is_lost_between_the_old_log_and_the_new(void **state)
{
    struct logged *t = *state;
    int first = -1, expected;
    const char *at;
    struct err err = { 0 };

    open_log(t, LOG_INFO, 2000);
    for (int i = 0; i < 300; i++)
        log_info("m", "line %d.", i);
    read_log(t, t->old_path);
    assert_int_equal(file_read(t->path, 1 << 20, &t->text, &err), RC_OK);
    expected = -1;
    for (at = buf_str(&t->text); (at = strstr(at, ": line ")); at++) {
        int i = (int)strtol(at + 7, NULL, 10);

        if (first < 0)
            first = expected = i;
        assert_int_equal(i, expected++);
    }
    assert_int_equal(expected, 300);
    assert_true(first < 290);
}

static void a_line_larger_than_the_limit_is_still_written(void **state)
{
    struct logged *t = *state;

    open_log(t, LOG_INFO, 10);
    log_info("m", "one");
    log_info("m", "two");
    assert_non_null(strstr(read_log(t, t->path), "two\n"));
    assert_non_null(strstr(read_log(t, t->old_path), "one\n"));
}

static void a_log_that_another_process_put_aside_is_opened_anew(void **state)
{
    struct logged *t = *state;

    open_log(t, LOG_INFO, 1 << 20);
    log_info("m", "one");
    assert_int_equal(rename(t->path, t->old_path), 0);
    log_info("m", "two");
    assert_non_null(strstr(read_log(t, t->path), "two\n"));
    assert_null(strstr(read_log(t, t->old_path), "two\n"));
    assert_int_equal(unlink(t->path), 0);
    log_info("m", "three");
    assert_non_null(strstr(read_log(t, t->path), "three\n"));
}

static void a_stopped_process_that_holds_the_lock_hinders_nobody(void **state)
{
    struct logged *t = *state;
    int other;

    open_log(t, LOG_INFO, 100);
    log_info("m", "one");
    other = open(t->path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(flock(other, LOCK_EX), 0);
    for (int i = 0; i < 5; i++)
        log_info("m", "two");
    assert_non_null(strstr(read_log(t, t->path), "two\n"));
    assert_false(file_exists(t->old_path));
    close(other);
    log_info("m", "three");
    assert_true(file_exists(t->old_path));
}

/* Checks that each line of text is whole; counts them, per writer. */
static void count_lines(const char *text, int counts[], int writers)
{
    while (*text) {
        const char *end = strchr(text, '\n'), *said = strstr(text, " m: writer ");
        long writer, line;
        char *rest;

        assert_non_null(end);
        assert_true(said && said < end);
        writer = strtol(said + 11, &rest, 10);
        assert_in_range(writer, 0, writers - 1);
        assert_memory_equal(rest, " line ", 6);
        line = strtol(rest + 6, &rest, 10);
        assert_in_range(line, 0, 100000);
        assert_memory_equal(rest, " end\n", 5);
        counts[writer]++;
        text = end + 1;
    }
}

static void write_from_processes(struct logged *t, int writers, int lines, size_t max_bytes)
{
    for (int w = 0; w < writers; w++) {
        pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
            struct err err = { 0 };

            if (log_open(t->path, LOG_INFO, max_bytes, &err))
                _exit(1);
            for (int i = 0; i < lines; i++)
                log_info("m", "writer %d line %d end", w, i);
            _exit(0);
        }
    }
    for (int w = 0; w < writers; w++) {
        int status;

        assert_true(wait(&status) > 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void several_processes_share_a_log_without_mixing_lines(void **state)
{
    struct logged *t = *state;
    int counts[4] = { 0 };

    write_from_processes(t, 4, 500, 1 << 24);
    count_lines(read_log(t, t->path), counts, 4);
    for (int w = 0; w < 4; w++)
        assert_int_equal(counts[w], 500);
}

static void several_processes_that_fill_a_log_keep_its_size_and_its_history(void **state)
{
    struct logged *t = *state;
    int counts[4] = { 0 };
    off_t both;

    write_from_processes(t, 4, 2000, 50000);
    count_lines(read_log(t, t->path), counts, 4);
    count_lines(read_log(t, t->old_path), counts, 4);
    /* Nobody waits long for a process that the kernel holds up while it rotates. */
    assert_in_range(size_of(t->path), 1, 2 * 50000);
    assert_in_range(size_of(t->old_path), 1, 2 * 50000);
    both = size_of(t->path) + size_of(t->old_path);
    assert_true(both > 49000);          /* nobody renamed a fresh log over a full one */
}

static void *write_as_thread(void *arg)
{
    for (int i = 0; i < 500; i++)
        log_info("m", "writer %d line %d end", *(int *)arg, i);
    return NULL;
}

static void several_threads_share_a_log(void **state)
{
    struct logged *t = *state;
    int names[] = { 0, 1, 2, 3 }, counts[4] = { 0 };
    pthread_t threads[4];

    open_log(t, LOG_INFO, 1 << 24);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_as_thread, &names[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    count_lines(read_log(t, t->path), counts, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(counts[i], 500);
}

#define LOGGED(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LOGGED(a_line_has_time_level_process_module_and_sentence),
        LOGGED(only_levels_that_were_asked_for_are_written),
        cmocka_unit_test(an_unknown_level_name_is_refused),
        LOGGED(before_opening_and_after_closing_lines_go_nowhere),
        LOGGED(the_log_is_private_and_is_appended_to),
        LOGGED(a_log_that_cannot_be_opened_is_an_error_that_names_it),
        LOGGED(a_sentence_cannot_make_lines_or_reach_a_terminal),
        LOGGED(a_very_long_sentence_is_cut),
        LOGGED(logging_leaves_errno_alone),
        LOGGED(a_full_log_becomes_the_old_one_and_the_two_keep_to_their_size),
        LOGGED(no_line_is_lost_between_the_old_log_and_the_new),
        LOGGED(a_line_larger_than_the_limit_is_still_written),
        LOGGED(a_log_that_another_process_put_aside_is_opened_anew),
        LOGGED(a_stopped_process_that_holds_the_lock_hinders_nobody),
        LOGGED(several_processes_share_a_log_without_mixing_lines),
        LOGGED(several_processes_that_fill_a_log_keep_its_size_and_its_history),
        LOGGED(several_threads_share_a_log),
    };

    setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
