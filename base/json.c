#include "base/json.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "base/text.h"

#define NUMBER_MAX 63    /* cJSON reads no longer number text */
#define KEYS_PAIRWISE 16 /* objects up to this size compare faster than they sort */

/* ---- the scan: RFC 8259's grammar to the letter, before cJSON sees a byte ---- */

struct key {
    const char *s; /* without quotes, escapes resolved */
    char *owned;   /* set when there were escapes */
    size_t len, at;
};

struct scan {
    const char *text, *p, *end;
    const char *problem; /* set once */
    struct key *keys;    /* of all open objects, the innermost last */
    size_t key_count, key_room;
    int depth, values;
    struct {
        bool is_object;
        size_t first_key;
    } open[JSON_DEPTH_MAX];
};

/* Nobody looks whether each of cJSON's objects came to be: without memory the program ends as it
 * does everywhere else. Before main, because cJSON has one allocator for all its users, and no call
 * of ours would be the first of every program and test. */
__attribute__((constructor)) static void end_when_cjson_has_no_memory(void)
{
    cJSON_Hooks hooks = { mem_alloc, free };

    cJSON_InitHooks(&hooks);
}

static bool fail(struct scan *s, const char *at, const char *problem)
{
    s->p = at;
    s->problem = problem;
    return false;
}

static void skip_space(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\r' || *s->p == '\t'))
        s->p++;
}

static bool is_digit(const struct scan *s)
{
    return s->p < s->end && *s->p >= '0' && *s->p <= '9';
}

static int hex4(const char *p, const char *end)
{
    int v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        if (c >= '0' && c <= '9')
            v = v * 16 + (c - '0');
        else if ((c | 32) >= 'a' && (c | 32) <= 'f')
            v = v * 16 + ((c | 32) - 'a' + 10);
        else
            return -1;
    }
    return v;
}

/* At a backslash. Moves behind the escape; *cp is the code point that it stands for. */
static bool scan_escape(struct scan *s, int32_t *cp)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const char *at = s->p;
    const char *simple;
    int unit, low;

    if (s->end - at < 2)
        return fail(s, at, "the text ends inside a string");
    if (at[1] != 'u') {
        simple = memchr(names, at[1], sizeof(names) - 1);
        if (simple == NULL)
            return fail(s, at, "this escape does not exist");
        *cp = values[simple - names];
        s->p += 2;
        return true;
    }
    unit = hex4(at + 2, s->end);
    if (unit < 0)
        return fail(s, at, "\\u needs four hexadecimal digits");
    if (unit == 0)
        return fail(s, at, "U+0000 is not allowed");
    s->p += 6;
    *cp = unit;
    if (unit < 0xD800 || unit > 0xDFFF)
        return true;
    low = s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u' ? hex4(s->p + 2, s->end) : -1;
    if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
        return fail(s, at, "half of a surrogate pair");
    s->p += 6;
    *cp = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* The first byte of a string that needs a look: eight at a time, as strings are most of a page. */
static const char *skip_plain(const char *p, const char *end)
{
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t v;

    for (; end - p >= 8; p += 8) {
        memcpy(&v, p, 8);
        /* A high bit: this byte, or one before it, is a control, a quote, a backslash, no ASCII. */
        if (((v - ones * 0x20) | ((v ^ ones * '"') - ones) | ((v ^ ones * '\\') - ones) | v) &
            ones * 0x80)
            break;
    }
    while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
           *p != '\\')
        p++;
    return p;
}

/* At a quote. Moves behind the closing one. */
static bool scan_string(struct scan *s, bool *has_escapes)
{
    const char *start = s->p++;
    int32_t cp;

    *has_escapes = false;
    for (;;) {
        s->p = skip_plain(s->p, s->end);
        if (s->p == s->end)
            return fail(s, start, "a string without an end");
        if (*s->p == '"') {
            s->p++;
            return true;
        }
        if (*s->p == '\\') {
            *has_escapes = true;
            if (!scan_escape(s, &cp))
                return false;
            continue;
        }
        if ((unsigned char)*s->p < 0x20)
            return fail(s, s->p, "a control character inside a string");
        size_t used = text_next(s->p, (size_t)(s->end - s->p), &cp);
        if (cp < 0)
            return fail(s, s->p, "not UTF-8");
        s->p += used;
    }
}

static bool scan_digits(struct scan *s)
{
    if (!is_digit(s))
        return fail(s, s->p, "a digit is missing");
    while (is_digit(s))
        s->p++;
    return true;
}

static bool scan_number(struct scan *s)
{
    const char *start = s->p;
    char text[NUMBER_MAX + 1];
    size_t len;

    if (*s->p == '-')
        s->p++;
    if (s->p < s->end && *s->p == '0')
        s->p++; /* a digit after it is more text after the value */
    else if (!scan_digits(s))
        return false;
    if (s->p < s->end && *s->p == '.') {
        s->p++;
        if (!scan_digits(s))
            return false;
    }
    if (s->p < s->end && (*s->p | 32) == 'e') {
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (!scan_digits(s))
            return false;
    }
    len = (size_t)(s->p - start);
    if (len > NUMBER_MAX)
        return fail(s, start, "a number of more than 63 characters");
    if (memchr(start, 'e', len) != NULL || memchr(start, 'E', len) != NULL) {
        /* Without an exponent 63 characters cannot overflow. */
        memcpy(text, start, len);
        text[len] = '\0';
        if (isinf(strtod_l(text, NULL, newlocale(LC_ALL_MASK, "C", (locale_t)0))))
            return fail(s, start, "a number too large");
    }
    return true;
}

static bool scan_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(s->end - s->p) < len || memcmp(s->p, word, len) != 0)
        return fail(s, s->p, "not a JSON value");
    s->p += len;
    return true;
}

/* ---- names: none twice in one object, whatever escapes it is written with ---- */

static void put_code_point(struct buf *out, int32_t cp)
{
    if (cp < 0x80) {
        buf_putc(out, (char)cp);
    } else if (cp < 0x800) {
        buf_putc(out, (char)(0xC0 | cp >> 6));
        buf_putc(out, (char)(0x80 | (cp & 0x3F)));
    } else {
        if (cp < 0x10000) {
            buf_putc(out, (char)(0xE0 | cp >> 12));
        } else {
            buf_putc(out, (char)(0xF0 | cp >> 18));
            buf_putc(out, (char)(0x80 | (cp >> 12 & 0x3F)));
        }
        buf_putc(out, (char)(0x80 | (cp >> 6 & 0x3F)));
        buf_putc(out, (char)(0x80 | (cp & 0x3F)));
    }
}

/* Resolves the escapes of a string that the scan has passed. */
static void unescape(const char *text, size_t len, struct buf *out)
{
    struct scan s = { .text = text, .p = text, .end = text + len };
    int32_t cp;

    while (s.p < s.end) {
        if (*s.p != '\\')
            buf_putc(out, *s.p++);
        else if (scan_escape(&s, &cp))
            put_code_point(out, cp);
        else
            return;
    }
}

static bool scan_key(struct scan *s)
{
    struct key key = { .at = (size_t)(s->p - s->text) };
    struct buf plain = { 0 };
    bool has_escapes;

    if (s->p == s->end || *s->p != '"')
        return fail(s, s->p, "a name in quotes is missing");
    if (!scan_string(s, &has_escapes))
        return false;
    key.s = s->text + key.at + 1;
    key.len = (size_t)(s->p - key.s) - 1;
    if (has_escapes) {
        unescape(key.s, key.len, &plain);
        key.len = plain.len;
        key.s = key.owned = buf_take(&plain);
    }
    if (s->key_count == s->key_room) {
        s->key_room = s->key_room > 0 ? s->key_room * 2 : 64;
        s->keys = mem_grow(s->keys, s->key_room, sizeof(*s->keys));
    }
    s->keys[s->key_count++] = key;
    skip_space(s);
    if (s->p == s->end || *s->p != ':')
        return fail(s, s->p, "a colon is missing");
    s->p++;
    return true;
}

static bool same_key(const struct key *a, const struct key *b)
{
    return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static int by_key(const void *x, const void *y)
{
    const struct key *a = x, *b = y;
    int order = memcmp(a->s, b->s, a->len < b->len ? a->len : b->len);

    return order ? order : (a->len > b->len) - (a->len < b->len);
}

static void drop_keys(struct scan *s, size_t first)
{
    while (s->key_count > first)
        free(s->keys[--s->key_count].owned);
}

/* Closes the innermost object: looks for a name that stands twice, and forgets its names. */
static bool check_keys(struct scan *s, size_t first)
{
    size_t count = s->key_count - first;
    struct key *keys = count ? s->keys + first : NULL; /* without any, s->keys may be NULL */
    const struct key *again = NULL;

    if (count <= KEYS_PAIRWISE) {
        for (size_t i = 1; i < count; i++)
            for (size_t j = 0; j < i; j++)
                if (same_key(&keys[i], &keys[j]))
                    again = &keys[i];
    } else {
        qsort(keys, count, sizeof(*keys), by_key);
        for (size_t i = 1; i < count; i++)
            if (same_key(&keys[i], &keys[i - 1]))
                again = keys[i].at > keys[i - 1].at ? &keys[i] : &keys[i - 1];
    }
    if (again != NULL)
        fail(s, s->text + again->at, "a name stands twice in one object");
    drop_keys(s, first);
    return again == NULL;
}

/* ---- values ---- */

/* Opens an array or object, or reads a scalar. *is_open: a value or name must follow. */
static bool scan_start(struct scan *s, bool *is_open)
{
    bool ignored;

    *is_open = false;
    skip_space(s);
    if (s->p == s->end)
        return fail(s, s->p, "the text ends where a value should stand");
    if (s->values++ == JSON_VALUES_MAX)
        return fail(s, s->p, "more than 400000 values");
    switch (*s->p) {
    case '{':
    case '[':
        if (s->depth == JSON_DEPTH_MAX)
            return fail(s, s->p, "nested more than 64 deep");
        s->open[s->depth].is_object = *s->p == '{';
        s->open[s->depth++].first_key = s->key_count;
        s->p++;
        *is_open = true;
        return true;
    case '"':
        return scan_string(s, &ignored);
    case 't':
        return scan_word(s, "true");
    case 'f':
        return scan_word(s, "false");
    case 'n':
        return scan_word(s, "null");
    default:
        if (*s->p == '-' || is_digit(s))
            return scan_number(s);
        return fail(s, s->p, "not a JSON value");
    }
}

/* After a value, or right behind a bracket. Closes what ends here; passes a comma and a name. */
static bool scan_next(struct scan *s, bool just_opened)
{
    for (; s->depth > 0; just_opened = false) {
        bool is_object = s->open[s->depth - 1].is_object;
        skip_space(s);
        if (s->p == s->end)
            return fail(s, s->p,
                        is_object ? "an object without an end" : "an array without an end");
        if (*s->p == (is_object ? '}' : ']')) {
            if (is_object && !check_keys(s, s->open[s->depth - 1].first_key))
                return false;
            s->p++;
            s->depth--;
            continue;
        }
        if (!just_opened) {
            if (*s->p != ',')
                return fail(s, s->p,
                            is_object ? "a comma or } is missing" : "a comma or ] is missing");
            s->p++;
            skip_space(s);
        }
        return !is_object || scan_key(s);
    }
    return true;
}

static bool scan_text(struct scan *s)
{
    bool is_open;

    do {
        if (!scan_start(s, &is_open) || !scan_next(s, is_open))
            return false;
    } while (s->depth > 0);
    skip_space(s);
    return s->p == s->end || fail(s, s->p, "more text after the value");
}

enum rc json_parse(const char *text, size_t len, struct cJSON **out, struct err *err)
{
    struct scan s = { .text = text, .p = text, .end = text + len };
    enum rc rc = RC_OK;
    bool is_good = scan_text(&s);
    cJSON *value = NULL;
    int line = 1;

    drop_keys(&s, 0);
    free(s.keys);
    if (!is_good) {
        for (const char *p = text; p < s.p; p++)
            line += *p == '\n';
        if (memchr(text, '\n', len) != NULL)
            rc = err_set(err, RC_INVALID, _("Not valid JSON at byte %zu, line %d: %s."),
                         (size_t)(s.p - text) + 1, line, s.problem);
        else
            rc = err_set(err, RC_INVALID, _("Not valid JSON at byte %zu: %s."),
                         (size_t)(s.p - text) + 1, s.problem);
        return rc;
    }
    value = cJSON_ParseWithLength(text, len);
    if (value == NULL)
        return err_set(err, RC_NOMEM, _("Out of memory while reading JSON."));
    *out = value;
    return RC_OK;
}
