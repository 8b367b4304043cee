#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "temp_dir.h"

static int count_files(const char *dir)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    int count = 0;

    assert_non_null(d);
    while ((entry = readdir(d)))
        count += entry->d_name[0] != '.';
    closedir(d);
    return count;
}

static void check_content(const char *path, const void *bytes, size_t len)
{
    struct buf b = { 0 };
    struct err err = { 0 };

    assert_int_equal(file_read(path, 1 << 20, &b, &err), RC_OK);
    assert_int_equal(b.len, len);
    assert_memory_equal(b.data, bytes, len);
    assert_int_equal(b.data[b.len], 0);
    buf_done(&b);
}

static void a_file_reads_back_what_was_put_in(void **state)
{
    char *path = path_join(*state, "f"), *big = mem_zero(200001, 1);
    struct err err = { 0 };

    for (int i = 0; i < 200001; i++)
        big[i] = (char)(i * 7);
    assert_int_equal(file_replace(path, "a\0b", 3, 0600, &err), RC_OK);
    check_content(path, "a\0b", 3);
    assert_int_equal(file_replace(path, big, 200001, 0600, &err), RC_OK);
    check_content(path, big, 200001);
    assert_int_equal(file_replace(path, "", 0, 0600, &err), RC_OK);
    check_content(path, "", 0);
    free(big);
    free(path);
}

static void reading_appends_to_what_is_there(void **state)
{
    char *path = path_join(*state, "f");
    struct buf b = { 0 };
    struct err err = { 0 };

    assert_int_equal(file_replace(path, "two", 3, 0600, &err), RC_OK);
    buf_puts(&b, "one,");
    assert_int_equal(file_read(path, 3, &b, &err), RC_OK);
    assert_string_equal(buf_str(&b), "one,two");
    buf_done(&b);
    free(path);
}

static void a_file_over_the_limit_is_refused_and_leaves_no_half(void **state)
{
    char *path = path_join(*state, "f");
    struct buf b = { 0 };
    struct err err = { 0 };

    assert_int_equal(file_replace(path, "abcd", 4, 0600, &err), RC_OK);
    buf_puts(&b, "x");
    assert_int_equal(file_read(path, 3, &b, &err), RC_INVALID);
    assert_non_null(strstr(err.msg, path));
    assert_string_equal(buf_str(&b), "x");
    assert_int_equal(file_read("/dev/zero", 100000, &b, &err), RC_INVALID);
    assert_string_equal(buf_str(&b), "x");
    buf_done(&b);
    free(path);
}

static void what_is_not_there_is_told_apart_from_what_cannot_be_read(void **state)
{
    char *path = path_join(*state, "none"), *file = path_join(*state, "f");
    char *below = path_join(file, "x");
    struct buf b = { 0 };
    struct err err = { 0 };

    assert_int_equal(file_read(path, 10, &b, &err), RC_NOT_FOUND);
    assert_non_null(strstr(err.msg, path));
    assert_int_equal(err.sys, ENOENT);
    assert_int_equal(file_replace(file, "", 0, 0600, &err), RC_OK);
    assert_int_equal(file_read(below, 10, &b, &err), RC_NOT_FOUND);
    assert_int_equal(file_read(*state, 10, &b, &err), RC_IO);
    assert_int_equal(err.sys, EISDIR);
    assert_non_null(strstr(err.msg, *state));
    buf_done(&b);
    free(below);
    free(file);
    free(path);
}

static void a_replaced_file_has_exactly_the_mode_asked_for(void **state)
{
    static const mode_t modes[] = { 0600, 0644, 0400, 0755 };
    char *path = path_join(*state, "f");
    struct err err = { 0 };
    mode_t before = umask(077);
    struct stat st;

    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(file_replace(path, "x", 1, modes[i], &err), RC_OK);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, modes[i]);
    }
    umask(before);
    free(path);
}

static void whoever_has_the_old_file_open_keeps_the_old_bytes(void **state)
{
    char *path = path_join(*state, "f"), seen[8] = "";
    struct err err = { 0 };
    int fd;

    assert_int_equal(file_replace(path, "old", 3, 0600, &err), RC_OK);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(file_replace(path, "newer", 5, 0600, &err), RC_OK);
    assert_int_equal(read(fd, seen, sizeof seen), 3);
    assert_string_equal(seen, "old");
    close(fd);
    check_content(path, "newer", 5);
    assert_int_equal(count_files(*state), 1);
    free(path);
}

static void a_reader_sees_the_old_or_the_new_file_and_never_a_part(void **state)
{
    char *path = path_join(*state, "f"), *bytes = mem_alloc(30000);
    struct err err = { 0 };
    int status;
    pid_t writer;

    memset(bytes, 'a', 30000);
    assert_int_equal(file_replace(path, bytes, 30000, 0600, &err), RC_OK);
    writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        for (int i = 0; i < 200; i++) {
            memset(bytes, 'a' + i % 26, 30000);
            if (file_replace(path, bytes, 30000, 0600, &err))
                _exit(1);
        }
        _exit(0);
    }
    do {
        struct buf b = { 0 };

        assert_int_equal(file_read(path, 30000, &b, &err), RC_OK);
        assert_int_equal(b.len, 30000);
        for (size_t i = 1; i < b.len; i++)
            assert_int_equal(b.data[i], b.data[0]);
        buf_done(&b);
    } while (waitpid(writer, &status, WNOHANG) == 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(count_files(*state), 1);
    free(bytes);
    free(path);
}

static void a_write_that_fails_keeps_the_old_file_and_no_litter(void **state)
{
    char *path = path_join(*state, "f"), *bytes = mem_zero(30000, 1);
    struct rlimit before, small = { .rlim_cur = 1000, .rlim_max = RLIM_INFINITY };
    struct err err = { 0 };
    enum rc rc;

    assert_int_equal(file_replace(path, "old", 3, 0600, &err), RC_OK);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    rc = file_replace(path, bytes, 30000, 0600, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(rc, RC_IO);
    assert_int_equal(err.sys, EFBIG);
    assert_non_null(strstr(err.msg, path));
    check_content(path, "old", 3);
    assert_int_equal(count_files(*state), 1);
    free(bytes);
    free(path);
}

static enum rc append(const char *path, const char *lines, struct err *err)
{
    struct buf b = { 0 };
    enum rc rc;

    buf_puts(&b, lines);
    rc = file_append_lines(path, &b, err);
    buf_done(&b);
    return rc;
}

static void a_line_that_was_cut_short_spoils_none_that_is_appended(void **state)
{
    char *path = path_join(*state, "f");
    struct rlimit before, small;
    struct err err = { 0 };

    assert_int_equal(append(path, "one\n", &err), RC_OK);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){ .rlim_cur = 6, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(append(path, "two\n", &err), RC_IO);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(err.sys, EFBIG);
    check_content(path, "one\ntw", 6);
    assert_int_equal(append(path, "three\n", &err), RC_OK);
    assert_int_equal(append(path, "four\n", &err), RC_OK);
    check_content(path, "one\ntw\nthree\nfour\n", 18);
    free(path);
}

static void replacing_where_it_cannot_be_done_says_the_path_and_leaves_no_litter(void **state)
{
    char *none = path_join(*state, "none/f"), *dir = path_join(*state, "d");
    struct err err = { 0 };

    assert_int_equal(file_replace(none, "x", 1, 0600, &err), RC_IO);
    assert_int_equal(err.sys, ENOENT);
    assert_non_null(strstr(err.msg, none));
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(file_replace(dir, "x", 1, 0600, &err), RC_IO);
    assert_non_null(strstr(err.msg, dir));
    assert_int_equal(count_files(*state), 1);
    free(dir);
    free(none);
}

static void a_name_without_a_folder_is_replaced_where_we_stand(void **state)
{
    struct err err = { 0 };
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_int_equal(chdir(*state), 0);
    assert_int_equal(file_replace("f", "x", 1, 0600, &err), RC_OK);
    check_content("f", "x", 1);
    assert_int_equal(fchdir(here), 0);
    close(here);
}

static void folders_are_made_with_those_above_and_are_private(void **state)
{
    char *deep = path_join(*state, "a//b/c/"), *middle = path_join(*state, "a/b");
    struct err err = { 0 };
    struct stat st;

    assert_int_equal(file_make_dirs(deep, &err), RC_OK);
    assert_int_equal(stat(middle, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_true(file_exists(deep));
    assert_int_equal(file_make_dirs(deep, &err), RC_OK);
    assert_int_equal(file_make_dirs("/", &err), RC_OK);
    assert_int_equal(file_make_dirs("", &err), RC_INVALID);
    free(middle);
    free(deep);
}

static void a_folder_that_was_there_keeps_its_mode(void **state)
{
    char *open_dir = path_join(*state, "open"), *below = path_join(*state, "open/x");
    struct err err = { 0 };
    struct stat st;

    assert_int_equal(mkdir(open_dir, 0700), 0);
    assert_int_equal(chmod(open_dir, 0755), 0);
    assert_int_equal(file_make_dirs(below, &err), RC_OK);
    assert_int_equal(stat(open_dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0755);
    free(below);
    free(open_dir);
}

static void a_file_in_the_way_of_a_folder_is_an_error_that_names_it(void **state)
{
    char *file = path_join(*state, "f"), *below = path_join(*state, "f/x");
    struct err err = { 0 };

    assert_int_equal(file_replace(file, "", 0, 0600, &err), RC_OK);
    assert_int_equal(file_make_dirs(file, &err), RC_IO);
    assert_int_equal(err.sys, ENOTDIR);
    assert_int_equal(file_make_dirs(below, &err), RC_IO);
    assert_non_null(strstr(err.msg, file));
    assert_false(file_exists(below));
    free(below);
    free(file);
}

static void check_join(const char *dir, const char *name, const char *expected)
{
    char *path = path_join(dir, name);

    assert_string_equal(path, expected);
    free(path);
}

static void paths_are_joined_with_one_slash(void **state)
{
    (void)state;
    check_join("a", "b", "a/b");
    check_join("a/", "b", "a/b");
    check_join("/", "b", "/b");
    check_join("", "b", "b");
    check_join("a/b", "c/d", "a/b/c/d");
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, temp_dir_make, temp_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_file_reads_back_what_was_put_in),
        IN_DIR(reading_appends_to_what_is_there),
        IN_DIR(a_file_over_the_limit_is_refused_and_leaves_no_half),
        IN_DIR(what_is_not_there_is_told_apart_from_what_cannot_be_read),
        IN_DIR(a_replaced_file_has_exactly_the_mode_asked_for),
        IN_DIR(whoever_has_the_old_file_open_keeps_the_old_bytes),
        IN_DIR(a_reader_sees_the_old_or_the_new_file_and_never_a_part),
        IN_DIR(a_write_that_fails_keeps_the_old_file_and_no_litter),
        IN_DIR(a_line_that_was_cut_short_spoils_none_that_is_appended),
        IN_DIR(replacing_where_it_cannot_be_done_says_the_path_and_leaves_no_litter),
        IN_DIR(a_name_without_a_folder_is_replaced_where_we_stand),
        IN_DIR(folders_are_made_with_those_above_and_are_private),
        IN_DIR(a_folder_that_was_there_keeps_its_mode),
        IN_DIR(a_file_in_the_way_of_a_folder_is_an_error_that_names_it),
        cmocka_unit_test(paths_are_joined_with_one_slash),
    };

    return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
