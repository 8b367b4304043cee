#include "src/app/print.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/i18n.h"
#include "base/mem.h"
#include "base/text.h"

static void vsay(FILE *to, const char *head, const char *fmt, va_list ap)
{
    struct buf shown = { 0 };
    char *raw = NULL;

    if (vasprintf(&raw, fmt, ap) < 0)
        return;
    buf_puts(&shown, head);
    text_display(raw, strlen(raw), TEXT_LINES, &shown);
    fwrite(buf_str(&shown), 1, shown.len, to);
    free(raw);
    buf_done(&shown);
}

void say(FILE *to, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsay(to, "", fmt, ap);
    va_end(ap);
}

void complain(const char *fmt, ...)
{
    va_list ap;

    fflush(stdout); /* what was printed before stays before */
    va_start(ap, fmt);
    vsay(stderr, "outpost: ", fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

/* Unicode: C1 (section 23.1), Bidi_Control (UAX #9), Default_Ignorable_Code_Point, line and
 * paragraph separators, private use, and what is no character. */
static bool is_harmless(int32_t cp)
{
    static const struct {
        int32_t first, last;
    } rows[] = {
        { 0x7F, 0x9F },       { 0xAD, 0xAD },        { 0x34F, 0x34F },   { 0x61C, 0x61C },
        { 0x115F, 0x1160 },   { 0x17B4, 0x17B5 },    { 0x180B, 0x180F }, { 0x200B, 0x200F },
        { 0x2028, 0x202E },   { 0x2060, 0x206F },    { 0x3164, 0x3164 }, { 0xE000, 0xF8FF },
        { 0xFEFF, 0xFEFF },   { 0xFFA0, 0xFFA0 },    { 0xFFF0, 0xFFFB }, { 0x1BCA0, 0x1BCA3 },
        { 0x1D173, 0x1D17A }, { 0xE0000, 0x10FFFF },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (cp >= rows[i].first && cp <= rows[i].last)
            return false;
    }
    return (cp & 0xFFFE) != 0xFFFE;
}

/* Outside strings JSON is ASCII, so what is escaped here stands in a string. */
void json_harmless(const char *json, size_t len, struct buf *out)
{
    size_t kept = 0;

    for (size_t at = 0; at < len;) {
        int32_t cp;
        size_t used;

        if ((unsigned char)json[at] < 0x7F) {
            at++;
            continue;
        }
        used = text_next(json + at, len - at, &cp);
        if (cp < 0)
            cp = 0xFFFD; /* cannot be: JSON text of ours is UTF-8 */
        else if (is_harmless(cp)) {
            at += used;
            continue;
        }
        buf_append(out, json + kept, at - kept);
        if (cp > 0xFFFF)
            buf_printf(out, "\\u%04x\\u%04x", 0xD800u + (((unsigned)cp - 0x10000u) >> 10),
                       0xDC00u + (((unsigned)cp - 0x10000u) & 0x3FFu));
        else
            buf_printf(out, "\\u%04x", (unsigned)cp);
        at += used;
        kept = at;
    }
    buf_append(out, json + kept, len - kept);
}

void print_json(FILE *to, const struct buf *json)
{
    struct buf shown = { 0 };

    json_harmless(buf_str(json), json->len, &shown);
    buf_putc(&shown, '\n');
    fwrite(shown.data, 1, shown.len, to);
    buf_done(&shown);
}

void put_time(int64_t wall_ms, struct buf *out)
{
    char text[32];

    if (wall_ms <= 0) {
        buf_puts(out, _("never"));
        return;
    }
    clock_local(wall_ms, text, sizeof text);
    buf_puts(out, text);
}

int print_columns(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO))
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

/* `outpost list | head`: the reader has what it wanted. stdio forgets the errno of an earlier write, so the pipe is
 * asked. */
static bool has_reader_left(void)
{
    struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

enum rc print_close(struct err *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return RC_OK;
    if (errno == EPIPE || has_reader_left())
        return RC_CANCELLED;
    return err_sys(err, RC_IO, errno ? errno : EIO, _("cannot write the output"));
}
