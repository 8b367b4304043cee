#include "tests/terminal/drawing.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/file.h"

#define HOST "depot-4"
#define SETTLE_MS 80
#define BACK_MS 300
#define SCREEN_BYTES_MAX 65536

void drawing_walk(struct term *t, const struct step *steps)
{
    for (; steps->keys || steps->text; steps++) {
        if (steps->keys)
            term_type(t, steps->keys);
        if (steps->text)
            term_wait(t, steps->text);
    }
}

/* ---- what differs from run to run ---- */

static bool is_pair(const char *s)
{
    return isdigit((unsigned char)s[0]) && isdigit((unsigned char)s[1]);
}

static void hide_times(char *s)
{
    for (; strlen(s) >= 5; s++) {
        if (!is_pair(s) || s[2] != ':' || !is_pair(s + 3))
            continue;
        memcpy(s, "HH:MM", 5);
        if (s[5] == ':' && is_pair(s + 6))
            memcpy(s + 5, ":SS", 3);
    }
}

static void hide_port(const struct world *w, char *s)
{
    char port[16];

    (void)snprintf(port, sizeof port, ":%05d", w->port);
    while ((s = strstr(s, port)) != NULL)
        memcpy(s, ":00000", 6);
}

/* The host's name ends the title row, in column `end`. */
static void name_host(const char *row, int cols, struct buf *out)
{
    char host[64] = "", left[256];
    size_t len = strlen(row), host_len;
    int end = cols < 60 ? cols : cols - 1;
    char *user;

    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    host_len = strcspn(host, ".");
    host[host_len] = '\0';
    if (len < host_len || len >= sizeof left || strcmp(row + len - host_len, host) != 0) {
        buf_puts(out, row);
        return;
    }
    (void)snprintf(left, sizeof left, "%.*s", (int)(len - host_len), row);
    user = strrchr(left, ' ');
    if (user && user[1]) { /* "maria@" */
        char right[128];

        (void)snprintf(right, sizeof right, "%s" HOST, user + 1);
        do
            *user = '\0';
        while (user-- > left && *user == ' ');
        buf_printf(out, "%-*s%s", end - (int)strlen(right), left, right);
    } else {
        buf_printf(out, "%-*.*s" HOST, end - (int)strlen(HOST), end - (int)strlen(HOST), left);
    }
}

void drawing_text(struct world *w, struct term *t, struct buf *out)
{
    size_t rest;

    name_host(term_row(t, 0), t->cols, out);
    buf_putc(out, '\n');
    rest = out->len;
    for (int row = 1; row < t->rows; row++)
        buf_printf(out, "%s\n", term_row(t, row));
    hide_times(out->data + rest);
    hide_port(w, out->data + rest);
}

/* ---- comparing ---- */

static bool is_writing(void)
{
    const char *how = getenv("OUTPOST_SCREENS");

    return how && strcmp(how, "write") == 0;
}

bool drawing_is(struct world *w, struct term *t, const char *name)
{
    struct buf screen = { 0 }, wanted = { 0 };
    struct err err = { 0 };
    char path[512];
    bool is_same = true;

    (void)snprintf(path, sizeof path, SCREENS_DIR "/%s.%dx%d.txt", name, t->cols, t->rows);
    drawing_text(w, t, &screen);
    if (is_writing()) {
        assert_int_equal(file_replace(path, screen.data, screen.len, 0644, &err), RC_OK);
    } else {
        if (file_read(path, SCREEN_BYTES_MAX, &wanted, &err) != RC_OK)
            print_error("%s\n", err.msg);
        is_same = strcmp(buf_str(&wanted), buf_str(&screen)) == 0;
    }
    if (!is_same)
        print_error("%s.%dx%d: wanted:\n%sis:\n%s", name, t->cols, t->rows, buf_str(&wanted),
                    buf_str(&screen));
    buf_done(&screen);
    buf_done(&wanted);
    return is_same;
}

#define LATE_TRIES 5
#define LATE_MS 1000

static bool check_one(struct world *w, const char *term, int rows, int cols, const char *name,
                      const struct step *there, const struct step *back)
{
    const char *const env[] = { term, NULL };
    struct term *t = world_open(w, rows, cols, env);
    bool is_same;

    drawing_walk(t, there);
    term_settle(t, SETTLE_MS);
    is_same = drawing_is(w, t, name);
    /* On a busy machine the rest of a frame may be late; the screen must become what was drawn all the same. */
    for (int more = 0; !is_same && more < LATE_TRIES; more++) {
        print_error("with %s, look %d\n", term, more + 1);
        term_settle(t, LATE_MS);
        is_same = drawing_is(w, t, name);
    }
    if (back) {
        drawing_walk(t, back);
        term_settle(t, BACK_MS);
    }
    world_close(w);
    return is_same;
}

void drawing_check(struct world *w, const char *name, const struct step *there,
                   const struct step *back)
{
    static const char *const terms[] = { "TERM=xterm-256color", "TERM=linux", "TERM=vt100" };
    static const int sizes[][2] = { { 24, 80 }, { 12, 40 } };
    int different = 0;

    for (size_t i = 0; i < sizeof terms / sizeof terms[0]; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
            different += !check_one(w, terms[i], sizes[k][0], sizes[k][1], name, there, back);
    }
    assert_int_equal(different, 0);
}
