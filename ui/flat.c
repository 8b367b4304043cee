#include "ui/flat.h"

#include <stdlib.h>
#include <string.h>

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t\r\n");
}

static void put_utf8(unsigned long cp, struct buf *out)
{
    if (cp >= 0x10000) {
        buf_putc(out, (char)(0xF0 | cp >> 18));
        buf_putc(out, (char)(0x80 | (cp >> 12 & 0x3F)));
    } else if (cp >= 0x800) {
        buf_putc(out, (char)(0xE0 | cp >> 12));
    }
    if (cp >= 0x800)
        buf_putc(out, (char)(0x80 | (cp >> 6 & 0x3F)));
    else if (cp >= 0x80)
        buf_putc(out, (char)(0xC0 | cp >> 6));
    if (cp >= 0x80)
        buf_putc(out, (char)(0x80 | (cp & 0x3F)));
    else if (cp > 0)
        buf_putc(out, (char)cp);
}

static bool hex4(const char *s, unsigned long *out)
{
    char digits[5] = { 0 };

    if (strspn(s, "0123456789abcdefABCDEF") < 4)
        return false;
    memcpy(digits, s, 4);
    *out = strtoul(digits, NULL, 16);
    return true;
}

/* Behind the backslash. NULL: not an escape. */
static const char *escape(const char *s, struct buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *known = *s ? strchr(from, *s) : NULL;
    unsigned long cp, low;

    if (known) {
        buf_putc(out, to[known - from]);
        return s + 1;
    }
    if (*s != 'u' || !hex4(s + 1, &cp))
        return NULL;
    s += 5;
    if (cp >= 0xD800 && cp < 0xDC00 && s[0] == '\\' && s[1] == 'u' && hex4(s + 2, &low) &&
        low >= 0xDC00 && low < 0xE000) {
        cp = 0x10000 + ((cp - 0xD800) << 10) + (low - 0xDC00);
        s += 6;
    }
    put_utf8(cp, out);
    return s;
}

/* A string in quotes; NULL: there is none. Returns what is behind it. */
static const char *string(const char *s, struct buf *out)
{
    buf_clear(out);
    if (*s++ != '"')
        return NULL;
    while (s && *s && *s != '"') {
        if (*s == '\\')
            s = escape(s + 1, out);
        else
            buf_putc(out, *s++);
    }
    return s && *s == '"' ? s + 1 : NULL;
}

bool flat_next(const char **at, struct buf *name, struct buf *value, bool *is_string)
{
    const char *s = skip_blanks(*at);
    size_t len;

    if (*s != '{' && *s != ',')
        return false;
    s = string(skip_blanks(s + 1), name);
    if (s)
        s = skip_blanks(s);
    if (!s || *s != ':')
        return false;
    s = skip_blanks(s + 1);
    *is_string = *s == '"';
    if (*is_string) {
        s = string(s, value);
        if (!s)
            return false;
    } else {
        len = strcspn(s, ",} \t\r\n[{");
        buf_clear(value);
        buf_append(value, s, len);
        s += len;
    }
    *at = skip_blanks(s);
    return **at == ',' || **at == '}';
}
