#include "base/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include <wchar.h>
#include "base/mem.h"

#define MARKS_MAX 8
#define FOLD_CHUNK 1024

#define ZWJ 0x200D

size_t text_next(const char *s, size_t len, int32_t *cp)
{
    utf8proc_int32_t found;
    utf8proc_ssize_t used;

    if ((unsigned char)s[0] < 0x80) {
        *cp = s[0];
        return 1;
    }
    used = utf8proc_iterate((const utf8proc_uint8_t *)s,
                            (utf8proc_ssize_t)(len < 4 ? len : 4), &found);
    if (used < 1) {
        *cp = -1;
        return 1;
    }
    *cp = found;
    return (size_t)used;
}

bool text_is_valid(const char *s, size_t len)
{
    int32_t cp;

    for (size_t at = 0; at < len;) {
        at += text_next(s + at, len - at, &cp);
        if (cp <= 0)
            return false;
    }
    return true;
}

size_t text_count(const char *s, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += ((unsigned char)s[i] & 0xC0) != 0x80;
    return count;
}

/* Unicode's White_Space property (PropList.txt), which utf8proc does not carry. */
static bool is_white(int32_t cp)
{
    return cp == ' ' || (cp >= 0x09 && cp <= 0x0D) || cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 || cp == 0x202F ||
           cp == 0x205F || cp == 0x3000;
}

bool text_is_blank(const char *s, size_t len)
{
    int32_t cp;

    for (size_t at = 0; at < len;) {
        at += text_next(s + at, len - at, &cp);
        if (!is_white(cp))
            return false;
    }
    return true;
}

/* Columns of one code point; -1 when the locale has no place for it. */
static int width_of(int32_t cp)
{
    if (cp >= 0x20 && cp < 0x7F)
        return 1;
    return cp < 0 ? 1 : wcwidth((wchar_t)cp);
}

static bool is_pictograph(int32_t cp)
{
    return cp > 0 &&
           utf8proc_get_property(cp)->boundclass == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;
}

/* What stays part of the emoji before it: presentation selector and skin tones. */
static bool is_emoji_modifier(int32_t cp)
{
    return cp == 0xFE0F || (cp >= 0x1F3FB && cp <= 0x1F3FF);
}

enum kind { KIND_PLAIN, KIND_MARK, KIND_NEWLINE, KIND_BAD };

static enum kind kind_of(int32_t cp)
{
    const utf8proc_property_t *property;
    int width;

    if (cp >= 0x20 && cp < 0x7F)
        return KIND_PLAIN;
    if (cp == '\n' || cp == 0x2028 || cp == 0x2029)
        return KIND_NEWLINE;
    if (cp < 0xA0)                      /* invalid, C0, DEL, C1 */
        return KIND_BAD;
    width = width_of(cp);
    property = utf8proc_get_property(cp);
    if (width < 0 || property->category == UTF8PROC_CATEGORY_CN)
        return KIND_BAD;
    if (property->category == UTF8PROC_CATEGORY_MN || property->category == UTF8PROC_CATEGORY_ME)
        return KIND_MARK;
    /* Bidi controls, zero-width characters, BOM, fillers: all that a reader cannot see. */
    if (property->ignorable || (property->category == UTF8PROC_CATEGORY_CF && width == 0))
        return KIND_BAD;
    return width == 0 ? KIND_MARK : KIND_PLAIN;         /* zero: the later parts of Hangul */
}

/* Where a walk through a string that is being made displayable stands. */
struct walk {
    const char *s;
    size_t len, at;
    enum text_mode mode;
    bool has_base, after_emoji;
    int marks;
};

static void put_blank(struct walk *w, char c, struct buf *out)
{
    buf_putc(out, c);
    w->has_base = false;
    w->after_emoji = false;
}

/* Appends the displayable form of the next code point; returns its columns. */
static int walk_step(struct walk *w, struct buf *out)
{
    const char *from = w->s + w->at;
    size_t left = w->len - w->at, used;
    int32_t cp, next = 0;
    enum kind kind;

    used = text_next(from, left, &cp);
    if (cp == '\r' && left > 1 && from[1] == '\n')
        cp = (int32_t)from[used++];
    w->at += used;
    kind = kind_of(cp);
    if (cp == '\t' || (kind == KIND_NEWLINE && w->mode == TEXT_LINE)) {
        put_blank(w, ' ', out);
        return 1;
    }
    if (kind == KIND_NEWLINE) {
        put_blank(w, '\n', out);
        return 0;
    }
    if (cp == ZWJ && w->after_emoji && used < left) {
        text_next(from + used, left - used, &next);
        if (is_pictograph(next)) {
            buf_append(out, from, used);
            return 0;
        }
    }
    if (kind == KIND_BAD || (kind == KIND_MARK && !w->has_base)) {
        put_blank(w, '?', out);
        return 1;
    }
    w->after_emoji = is_pictograph(cp) || (w->after_emoji && is_emoji_modifier(cp));
    if (kind == KIND_MARK) {
        if (++w->marks <= MARKS_MAX)
            buf_append(out, from, used);
        return 0;
    }
    w->has_base = true;
    w->marks = 0;
    buf_append(out, from, used);
    return width_of(cp);
}

void text_display(const char *s, size_t len, enum text_mode mode, struct buf *out)
{
    struct walk w = { .s = s, .len = len, .mode = mode };

    while (w.at < len)
        walk_step(&w, out);
}

int text_width(const char *s, size_t len)
{
    int total = 0;
    int32_t cp;

    for (size_t at = 0; at < len;) {
        int width;

        at += text_next(s + at, len - at, &cp);
        width = width_of(cp);
        if (width > 0 && total <= INT_MAX - width)
            total += width;
    }
    return total;
}

size_t text_fit(const char *s, size_t len, int width_cols, int *used)
{
    size_t at = 0, fits = 0;
    int32_t cp;

    *used = 0;
    while (at < len) {
        size_t n = text_next(s + at, len - at, &cp);
        int width = width_of(cp);

        if (width > 0 && width > width_cols - *used)
            break;
        if (width > 0)
            *used += width;
        at += n;
        if (cp != ZWJ)                  /* a joiner at the end would join whatever is drawn next */
            fits = at;
    }
    return fits;
}

int text_clip(const char *s, size_t len, int width_cols, struct buf *out)
{
    struct walk w = { .s = s, .len = len, .mode = TEXT_LINE };
    size_t cut = out->len;
    int cols = 0, cut_cols = 0;

    if (width_cols <= 0)
        return 0;
    buf_reserve(out, len < (size_t)width_cols ? len : (size_t)width_cols);
    while (w.at < len) {
        size_t before = out->len;

        cols += walk_step(&w, out);
        if (cols > width_cols) {
            out->len = cut;
            buf_putc(out, '~');
            return cut_cols + 1;
        }
        /* As in text_fit, never behind a joiner. */
        if (cols < width_cols && strcmp(out->data + before, "\xE2\x80\x8D") != 0) {
            cut = out->len;
            cut_cols = cols;
        }
    }
    return cols;
}

/* The parts of Hangul that NFKC joins to what stands before them. */
static bool joins_backwards(int32_t cp)
{
    return cp >= 0x1160 && cp <= 0x11FF;
}

/* Copies about FOLD_CHUNK bytes of valid text, so that folding the head of a long text costs only
 * its head. */
static size_t fold_chunk(const char *s, size_t len, struct buf *chunk)
{
    size_t at = 0;
    int32_t cp;

    buf_clear(chunk);
    while (at < len) {
        size_t n = text_next(s + at, len - at, &cp);

        if (at >= FOLD_CHUNK && !joins_backwards(cp))
            break;
        if (cp > 0)
            buf_append(chunk, s + at, n);
        at += n;
    }
    return at;
}

/* Appends folded text; false when limit is reached. *is_gap: white space waits to be written. */
static bool fold_put(const char *s, size_t len, size_t limit, bool *is_gap, struct buf *out,
                     size_t start)
{
    int32_t cp;

    for (size_t at = 0; at < len;) {
        size_t n = text_next(s + at, len - at, &cp), gap;

        if (is_white(cp)) {
            *is_gap = out->len > start;
        } else {
            gap = *is_gap ? 1 : 0;
            if (out->len - start + gap + n > limit)
                return false;
            if (gap)
                buf_putc(out, ' ');
            *is_gap = false;
            buf_append(out, s + at, n);
        }
        at += n;
    }
    return true;
}

void text_fold(const char *s, size_t len, size_t max_bytes, struct buf *out)
{
    const utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_COMPOSE |
                                  UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_STRIPMARK;
    struct buf chunk = { 0 };
    size_t start = out->len, at = 0;
    bool is_gap = false, has_room = true;

    while (at < len && has_room) {
        utf8proc_uint8_t *folded = NULL;
        utf8proc_ssize_t n;

        at += fold_chunk(s + at, len - at, &chunk);
        n = utf8proc_map((const utf8proc_uint8_t *)buf_str(&chunk), (utf8proc_ssize_t)chunk.len,
                         &folded, how);
        if (n == UTF8PROC_ERROR_NOMEM)
            mem_exhausted();
        if (n > 0)
            has_room = fold_put((const char *)folded, (size_t)n, max_bytes, &is_gap, out, start);
        free(folded);
    }
    buf_done(&chunk);
}
