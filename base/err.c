#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/text.h"

/* A format such as "%.60s" cuts by bytes: what is left of a character goes. */
static void drop_broken(char *text)
{
    char *to = text;
    size_t len = strlen(text);

    for (size_t at = 0; at < len;) {
        int32_t cp;
        size_t used = text_next(text + at, len - at, &cp);
        if (cp >= 0) {
            memmove(to, text + at, used);
            to += used;
        }
        at += used;
    }
    *to = '\0';
}

/* Copies s into out, cut to fit, never in the middle of a UTF-8 sequence. */
static void copy_cut(char *out, size_t size, const char *s)
{
    size_t len = strlen(s);

    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)s[len] & 0xC0) == 0x80)
            len--;
    }
    memcpy(out, s, len);
    out[len] = '\0';
    drop_broken(out);
}

/* The arguments may point into *err itself, so everything is written elsewhere first. */
static void fill(struct err *err, enum rc rc, int sys, const char *text)
{
    err->rc = rc;
    err->sys = sys;
    copy_cut(err->msg, sizeof err->msg, text);
    err->code[0] = '\0';
    err->column[0] = '\0';
}

enum rc err_set(struct err *err, enum rc rc, const char *fmt, ...)
{
    char text[sizeof err->msg + 8];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    fill(err, rc, 0, text);
    return rc;
}

enum rc err_sys(struct err *err, enum rc rc, int errnum, const char *fmt, ...)
{
    char what[sizeof err->msg + 8], text[2 * sizeof err->msg];
    const char *why = strerrordesc_np(errnum);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    if (why)
        snprintf(text, sizeof text, "%s: %s", what, why);
    else
        snprintf(text, sizeof text, "%s: error %d", what, errnum);
    if (errnum == ENOSPC || errnum == EDQUOT)
        rc = RC_FULL;
    fill(err, rc, errnum, text);
    return rc;
}

void err_code(struct err *err, const char *code)
{
    copy_cut(err->code, sizeof err->code, code);
}

void err_column(struct err *err, const char *column)
{
    copy_cut(err->column, sizeof err->column, column);
}

void err_prefix(struct err *err, const char *fmt, ...)
{
    char what[sizeof err->msg], text[2 * sizeof err->msg + 4];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    snprintf(text, sizeof text, "%s: %s", what, err->msg);
    copy_cut(err->msg, sizeof err->msg, text);
}

const char *rc_name(enum rc rc)
{
    static const char *const names[RC_COUNT] = {
        [RC_OK] = "ok",
        [RC_NOT_FOUND] = "not_found",
        [RC_CANCELLED] = "cancelled",
        [RC_INVALID] = "invalid",
        [RC_IO] = "io",
        [RC_FULL] = "disk_full",
        [RC_BUSY] = "busy",
        [RC_CORRUPT] = "corrupt",
        [RC_FOREIGN] = "foreign",
        [RC_NOMEM] = "no_memory",
        [RC_NETWORK] = "network",
        [RC_AUTH] = "auth",
        [RC_REFUSED] = "refused",
        [RC_PROTOCOL] = "protocol",
        [RC_INTERNAL] = "internal",
    };

    return (unsigned)rc < RC_COUNT ? names[rc] : "unknown";
}
