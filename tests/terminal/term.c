#include "tests/terminal/term.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>
#include <cmocka.h>
#include "base/clock.h"

static void run_child(const char *const *argv, const char *const *env)
{
    sigset_t none;

    for (size_t i = 0; env[i]; i++)
        (void)putenv((char *)(uintptr_t)env[i]);
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    _exit(127);
}

void term_start(struct term *t, int rows, int cols, const char *const *argv, const char *const *env)
{
    struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };
    int alive[2];

    *t = (struct term){ .rows = rows, .cols = cols };
    assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
    assert_int_equal(openpty(&t->master, &t->slave, NULL, NULL, &size), 0);
    assert_int_equal(tcgetattr(t->slave, &t->before), 0);
    (void)fcntl(t->master, F_SETFD, FD_CLOEXEC);
    t->pid = fork();
    assert_true(t->pid >= 0);
    if (t->pid == 0) {
        (void)close(t->master);
        (void)login_tty(t->slave);
        (void)fcntl(alive[1], F_SETFD, 0);
        run_child(argv, env);
    }
    (void)close(alive[1]);
    t->alive = alive[0];
    t->vt = vterm_new(rows, cols);
    vterm_set_utf8(t->vt, 1);
    t->screen = vterm_obtain_screen(t->vt);
    vterm_screen_enable_altscreen(t->screen, 1);
    vterm_screen_reset(t->screen, 1);
}

/* A shell's children are not ours to wait for: the end of the pipe that they all hold says that the
 * last one is gone. */
static bool is_left_by_all(int alive)
{
    struct pollfd end = { .fd = alive, .events = POLLIN };

    return poll(&end, 1, TERM_DEADLINE_MS) > 0;
}

void term_stop(struct term *t)
{
    bool is_left;

    if (t->pid > 0) {
        (void)kill(t->pid, SIGKILL);
        (void)waitpid(t->pid, &t->status, 0);
    }
    if (t->master >= 0)
        (void)close(t->master);
    if (t->slave >= 0)
        (void)close(t->slave);
    is_left = is_left_by_all(t->alive);
    (void)close(t->alive);
    vterm_free(t->vt);
    buf_done(&t->raw);
    if (!is_left)
        fail_msg("a program goes on without its terminal");
}

/* Reads what is there within wait_ms. False: nothing came. */
static bool pump(struct term *t, int wait_ms)
{
    struct pollfd in = { .fd = t->master, .events = POLLIN };
    char bytes[8192];
    ssize_t len;

    if (poll(&in, 1, wait_ms) <= 0)
        return false;
    len = read(t->master, bytes, sizeof bytes);
    if (len <= 0)
        return false;
    buf_append(&t->raw, bytes, (size_t)len);
    (void)vterm_input_write(t->vt, bytes, (size_t)len);
    return true;
}

void term_type(struct term *t, const char *keys)
{
    size_t len = strlen(keys);

    while (len > 0) {
        ssize_t done = write(t->master, keys, len);

        assert_true(done > 0 || errno == EINTR);
        if (done > 0) {
            keys += done;
            len -= (size_t)done;
        }
    }
}

/* ---- looking ---- */

static void put_utf8(uint32_t cp, struct buf *out)
{
    if (cp < 0x80) {
        buf_putc(out, (char)cp);
        return;
    }
    if (cp >= 0x10000) {
        buf_putc(out, (char)(0xF0 | cp >> 18));
        buf_putc(out, (char)(0x80 | (cp >> 12 & 0x3F)));
    } else if (cp >= 0x800) {
        buf_putc(out, (char)(0xE0 | cp >> 12));
    } else {
        buf_putc(out, (char)(0xC0 | cp >> 6));
        buf_putc(out, (char)(0x80 | (cp & 0x3F)));
        return;
    }
    buf_putc(out, (char)(0x80 | (cp >> 6 & 0x3F)));
    buf_putc(out, (char)(0x80 | (cp & 0x3F)));
}

static void row_text(struct term *t, int row, struct buf *out)
{
    size_t start = out->len;

    for (int col = 0; col < t->cols; col++) {
        VTermScreenCell cell;

        (void)vterm_screen_get_cell(t->screen, (VTermPos){ .row = row, .col = col }, &cell);
        if (cell.chars[0] == UINT32_MAX)        /* right half of a wide one */
            continue;
        if (cell.chars[0] == 0)
            buf_putc(out, ' ');
        for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i]; i++)
            put_utf8(cell.chars[i], out);
    }
    while (out->len > start && out->data[out->len - 1] == ' ')
        out->data[--out->len] = '\0';
}

void term_text(struct term *t, struct buf *out)
{
    for (int row = 0; row < t->rows; row++) {
        row_text(t, row, out);
        buf_putc(out, '\n');
    }
}

const char *term_row(struct term *t, int row)
{
    static struct buf text;

    buf_clear(&text);
    row_text(t, row, &text);
    return buf_str(&text);
}

bool term_has(struct term *t, const char *text)
{
    struct buf screen = { 0 };
    bool found;

    term_text(t, &screen);
    found = strstr(buf_str(&screen), text) != NULL;
    buf_done(&screen);
    return found;
}

static void wait_until(struct term *t, const char *text, bool wanted)
{
    int64_t deadline = clock_mono(&clock_system) + TERM_DEADLINE_MS;
    struct buf screen = { 0 };

    while (term_has(t, text) != wanted) {
        if (clock_mono(&clock_system) > deadline) {
            term_text(t, &screen);
            print_error("%s \"%s\" on this screen:\n%s", wanted ? "No" : "Still", text,
                        buf_str(&screen));
            buf_done(&screen);
            fail();
        }
        (void)pump(t, 20);
    }
}

void term_wait(struct term *t, const char *text)
{
    wait_until(t, text, true);
}

void term_wait_gone(struct term *t, const char *text)
{
    wait_until(t, text, false);
}

double term_now_ms(void)
{
    struct timespec now = { 0 };

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void term_settle(struct term *t, int quiet_ms)
{
    while (pump(t, quiet_ms))
        continue;
}

double term_settled_ms(struct term *t, double since_ms, int quiet_ms)
{
    double last = since_ms;

    while (pump(t, quiet_ms))
        last = term_now_ms();
    return last - since_ms;
}

int term_wait_exit(struct term *t)
{
    int64_t deadline = clock_mono(&clock_system) + TERM_DEADLINE_MS;

    while (waitpid(t->pid, &t->status, WNOHANG) == 0) {
        if (clock_mono(&clock_system) > deadline)
            fail_msg("the program did not end");
        if (t->master < 0)
            (void)poll(NULL, 0, 5);
        else
            (void)pump(t, 5);
    }
    t->pid = 0;
    while (t->master >= 0 && pump(t, 0))
        continue;
    return WIFEXITED(t->status) ? WEXITSTATUS(t->status) : 128 + WTERMSIG(t->status);
}

/* Times of day differ from run to run. */
static void hide_times(char *s)
{
    for (; s[0] && s[1] && s[2] && s[3] && s[4]; s++) {
        if (isdigit(s[0]) && isdigit(s[1]) && s[2] == ':' && isdigit(s[3]) && isdigit(s[4]))
            memcpy(s, "HH:MM", 5);
    }
}

/* The rest of a frame may be on its way still: reads until the screen is as wanted. */
#define EXPECT_MS 5000

void term_expect(struct term *t, const char *const *rows, int count)
{
    int64_t deadline = clock_mono(&clock_system) + EXPECT_MS;
    struct buf wanted = { 0 }, screen = { 0 };
    bool is_same = false;

    for (int i = 0; i < t->rows; i++)
        buf_printf(&wanted, "%s\n", i < count ? rows[i] : "");
    while (!is_same) {
        int64_t left = deadline - clock_mono(&clock_system);
        buf_clear(&screen);
        term_text(t, &screen);
        hide_times(screen.data);
        is_same = strcmp(buf_str(&wanted), buf_str(&screen)) == 0;
        if (left <= 0 || (!is_same && !pump(t, (int)left)))
            break;
    }
    if (!is_same)
        print_error("wanted:\n%sis:\n%s", buf_str(&wanted), buf_str(&screen));
    buf_done(&wanted);
    buf_done(&screen);
    assert_true(is_same);
}

void term_resize(struct term *t, int rows, int cols)
{
    struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)cols };

    t->rows = rows;
    t->cols = cols;
    vterm_set_size(t->vt, rows, cols);
    assert_int_equal(ioctl(t->master, TIOCSWINSZ, &size), 0);
}

void term_cursor(struct term *t, int *row, int *col)
{
    VTermPos pos;

    vterm_state_get_cursorpos(vterm_obtain_state(t->vt), &pos);
    *row = pos.row;
    *col = pos.col;
}

bool term_is_restored(struct term *t)
{
    struct termios now;

    assert_int_equal(tcgetattr(t->slave, &now), 0);
    return now.c_iflag == t->before.c_iflag && now.c_oflag == t->before.c_oflag &&
           now.c_lflag == t->before.c_lflag && now.c_cflag == t->before.c_cflag;
}
