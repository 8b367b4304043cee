#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <utmp.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/file.h"
#include "src/app/prompt.h"
#include "tests/unit/temp_dir.h"

#define DEADLINE_MS 5000

/* A child on a terminal of its own that asks one question; its exit code is the rc, and 100 for
 * an answer that is not "s3cret". */
struct asked {
    pid_t pid;
    int master, slave; /* the slave stays open here: a terminal outlives who used it */
    struct termios before;
    struct buf seen;
};

static void child(bool is_secret)
{
    struct err err = { 0 };
    char *answer = NULL;
    int stop_fd = stop_open();
    enum rc rc;

    rc = prompt_line("Password: ", is_secret, stop_fd, &answer, &err);
    if (rc == RC_OK && strcmp(answer, "s3cret") != 0)
        _exit(100);
    _exit((int)rc);
}

/* As a shell runs it: in a process group of its own, where ^Z stops. 101: it was stopped. */
static void shell(bool is_secret)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        setpgid(0, 0);
        signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(STDIN_FILENO, getpid());
        signal(SIGTTOU, SIG_DFL);
        child(is_secret);
    }
    if (waitpid(pid, &status, WUNTRACED) != pid || WIFSTOPPED(status)) {
        kill(pid, SIGKILL);
        _exit(101);
    }
    _exit(WEXITSTATUS(status));
}

static void ask_by(struct asked *a, void (*run)(bool is_secret), bool is_secret)
{
    *a = (struct asked){ 0 };
    assert_int_equal(openpty(&a->master, &a->slave, NULL, NULL, NULL), 0);
    assert_int_equal(tcgetattr(a->master, &a->before), 0);
    a->pid = fork();
    assert_true(a->pid >= 0);
    if (a->pid == 0) {
        login_tty(a->slave);
        run(is_secret);
    }
}

static void ask(struct asked *a, bool is_secret)
{
    ask_by(a, child, is_secret);
}

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Reads what the child shows until it has shown `text`; false at its end. */
static bool see(struct asked *a, const char *text)
{
    int64_t end = now_ms() + DEADLINE_MS;

    while (!strstr(buf_str(&a->seen), text)) {
        struct pollfd fd = { .fd = a->master, .events = POLLIN };
        char bytes[100];
        ssize_t n;

        if (poll(&fd, 1, (int)(end - now_ms())) <= 0)
            fail_msg("waited in vain for \"%s\"", text);
        n = read(a->master, bytes, sizeof bytes);
        if (n <= 0)
            return false;
        buf_append(&a->seen, bytes, (size_t)n);
    }
    return true;
}

static bool echoes(const struct asked *a)
{
    struct termios now;

    assert_int_equal(tcgetattr(a->master, &now), 0);
    return now.c_lflag & ECHO;
}

/* Waits for the end; the terminal is as it was. */
static int outcome(struct asked *a)
{
    struct termios now;
    int status;

    assert_int_equal(waitpid(a->pid, &status, 0), a->pid);
    assert_int_equal(tcgetattr(a->master, &now), 0);
    assert_int_equal(now.c_lflag, a->before.c_lflag);
    close(a->master);
    close(a->slave);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void type(struct asked *a, const char *keys)
{
    assert_int_equal(write(a->master, keys, strlen(keys)), strlen(keys));
}

static void a_password_is_not_echoed(void **state)
{
    struct asked a;

    (void)state;
    ask(&a, true);
    assert_true(see(&a, "Password: "));
    assert_false(echoes(&a));
    type(&a, "s3cret\n");
    see(&a, "\r\n");
    assert_int_equal(outcome(&a), RC_OK);
    assert_null(strstr(buf_str(&a.seen), "s3"));
    buf_done(&a.seen);
}

static void another_answer_is_echoed(void **state)
{
    struct asked a;

    (void)state;
    ask(&a, false);
    assert_true(see(&a, "Password: "));
    assert_true(echoes(&a));
    type(&a, "s3cret\n");
    assert_true(see(&a, "s3cret"));
    assert_int_equal(outcome(&a), RC_OK);
    buf_done(&a.seen);
}

static void every_way_out_gives_the_echo_back(void **state)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };

    (void)state;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct asked a;

        ask(&a, true);
        assert_true(see(&a, "Password: "));
        type(&a, "half");
        assert_int_equal(kill(a.pid, signals[i]), 0);
        assert_int_equal(outcome(&a), RC_CANCELLED);
        buf_done(&a.seen);
    }
    for (const char *key = "\x03\x04"; *key; key++) { /* ^C, ^D */
        struct asked a;

        ask(&a, true);
        assert_true(see(&a, "Password: "));
        type(&a, (char[]){ *key, '\0' });
        assert_int_equal(outcome(&a), RC_CANCELLED);
        buf_done(&a.seen);
    }
}

static void stopping_with_the_echo_off_is_not_possible(void **state)
{
    struct asked a;

    (void)state;
    ask_by(&a, shell, true);
    assert_true(see(&a, "Password: "));
    type(&a, "\x1A"
             "s3cret\n"); /* ^Z */
    assert_int_equal(outcome(&a), RC_OK);
    buf_done(&a.seen);
}

static void a_password_file_gives_its_first_line(void **state)
{
    static const struct {
        const char *text, *password;
    } rows[] = {
        { "s3cret\nmore\n", "s3cret" },
        { "s3cret", "s3cret" },
        { "s3cret\r\n", "s3cret" },
        { "\n", "" },
        { "", NULL },
    };
    char *path = path_join(*state, "password");

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = { 0 };
        char *password = NULL;

        assert_int_equal(file_replace(path, rows[i].text, strlen(rows[i].text), 0600, &err), RC_OK);
        if (rows[i].password) {
            assert_int_equal(prompt_read_secret(path, -1, &password, &err), RC_OK);
            assert_string_equal(password, rows[i].password);
        } else {
            assert_int_equal(prompt_read_secret(path, -1, &password, &err), RC_INVALID);
        }
        free(password);
    }
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_is_not_echoed),
        cmocka_unit_test(another_answer_is_echoed),
        cmocka_unit_test(every_way_out_gives_the_echo_back),
        cmocka_unit_test(stopping_with_the_echo_off_is_not_possible),
        cmocka_unit_test_setup_teardown(a_password_file_gives_its_first_line, temp_dir_make,
                                        temp_dir_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
