#include "src/backend/password.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define LINE_MOST 8192

static enum rc read_line(struct buf *out, struct err *err)
{
    char c;
    ssize_t n = 0;

    buf_reserve(out, LINE_MOST + 1); /* so that no copy of it stays behind in freed memory */
    while (out->len < LINE_MOST) {
        n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || c == '\n')
            break;
        if (c == '\0')
            return err_set(err, RC_INVALID, "A password can not hold a zero byte.");
        buf_putc(out, c);
    }
    if (n < 0)
        return err_sys(err, RC_IO, errno, "Cannot read the password");
    if (out->len > 0 && out->data[out->len - 1] == '\r')
        out->data[--out->len] = '\0';
    if (out->len == 0)
        return err_set(err, RC_INVALID, "No password was given: type it, or pipe it to stdin.");
    return RC_OK;
}

static enum rc prompt(const char *text, struct buf *out, struct err *err)
{
    fputs(text, stderr);
    fflush(stderr);
    enum rc rc = read_line(out, err);
    fputs("\n", stderr);
    return rc;
}

enum rc password_read(struct buf *out, struct err *err)
{
    struct termios before, silent;
    struct buf again = { 0 };

    if (!isatty(STDIN_FILENO))
        return read_line(out, err);
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return err_sys(err, RC_IO, errno, "Cannot read the terminal's settings");
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    enum rc rc = prompt("Password: ", out, err);
    if (!rc)
        rc = prompt("Once more: ", &again, err);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    if (!rc && strcmp(buf_str(out), buf_str(&again)) != 0)
        rc = err_set(err, RC_INVALID, "The two were not the same.");
    if (again.data != NULL)
        sodium_memzero(again.data, again.cap);
    buf_done(&again);
    return rc;
}
