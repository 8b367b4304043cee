/* Columns whose values are numbers of a sort: bool, integer, real, timestamp. */
#include "db/column_type.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/json.h"
#include "db/typed_time.h"

#define NUMBER_MAX 400          /* bytes of a typed number; the largest double has 309 digits */

/* ---- bool ---- */

static enum rc bool_check(const struct column *col, const struct value *v, struct err *err)
{
    (void)col, (void)v, (void)err;
    return RC_OK;
}

static enum rc bool_from_text(const struct column *col, const char *s, size_t len, int64_t now_ms,
                              struct value *out, struct err *err)
{
    static const struct {
        const char *word;
        bool flag;
    } words[] = {
        { "yes", true }, { "no", false }, { "true", true }, { "false", false },
        { "1", true }, { "0", false }, { "y", true }, { "n", false },
        { "on", true }, { "off", false },
    };

    (void)now_ms;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].word) == len && strncasecmp(words[i].word, s, len) == 0) {
            *out = (struct value){ .kind = VALUE_BOOL, .flag = words[i].flag };
            return RC_OK;
        }
    }
    return column_refuse(col, err, _("%s must be yes or no."), col->label);
}

static void bool_to_text(const struct column *col, const struct value *v, struct buf *out)
{
    (void)col;
    buf_puts(out, v->flag ? "yes" : "no");
}

static void bool_sort_key(const struct sort_order *sort, const struct value *v, struct value *out)
{
    (void)sort;
    *out = (struct value){ .kind = VALUE_INT, .number = v->flag };
}

const struct column_type column_type_bool = {
    .name = "bool", .sql = "INTEGER", .shape = VALUE_BOOL, .edit = EDIT_SWITCH,
    .wanted = N_("true or false"),
    .check = bool_check, .from_text = bool_from_text, .to_text = bool_to_text,
    .sort_key = bool_sort_key,
};

/* ---- integer and real ---- */

static enum rc refuse_limit(const struct column *col, double limit, bool is_min, double d,
                            struct err *err)
{
    struct buf bound = { 0 }, is = { 0 };
    enum rc rc;

    json_put_double(&bound, limit);
    json_put_double(&is, d);
    rc = column_refuse(col, err,
                       is_min ? _("%s must be %s or more; this is %s.")
                              : _("%s must be %s or less; this is %s."),
                       col->label, buf_str(&bound), buf_str(&is));
    buf_done(&bound);
    buf_done(&is);
    return rc;
}

static enum rc check_limits(const struct column *col, double d, struct err *err)
{
    if (col->has_min && d < col->min)
        return refuse_limit(col, col->min, true, d, err);
    if (col->has_max && d > col->max)
        return refuse_limit(col, col->max, false, d, err);
    return RC_OK;
}

static enum rc integer_check(const struct column *col, const struct value *v, struct err *err)
{
    if (v->number <= -(INT64_C(1) << 53) || v->number >= INT64_C(1) << 53)
        return column_refuse(col, err,
                             _("%s must be a whole number below 9007199254740992 in size."),
                             col->label);
    return check_limits(col, (double)v->number, err);
}

static enum rc real_check(const struct column *col, const struct value *v, struct err *err)
{
    if (!isfinite(v->real))
        return column_refuse(col, err, _("%s must be a number that can be written down."),
                             col->label);
    return check_limits(col, v->real, err);
}

static const char *skip_digits(const char *s)
{
    while (*s >= '0' && *s <= '9')
        s++;
    return s;
}

/* The end of a decimal number at s (`12`, `-0.5`, `.5`, `6e-3`), or NULL. strtod alone would take
 * hexadecimal, `inf` and `nan`, too. */
static const char *number_end(const char *s)
{
    const char *start, *end;
    size_t digits;

    if (*s == '+' || *s == '-')
        s++;
    end = skip_digits(s);
    digits = (size_t)(end - s);
    if (*end == '.') {
        start = end + 1;
        end = skip_digits(start);
        digits += (size_t)(end - start);
    }
    if (digits == 0)
        return NULL;
    if (*end == 'e' || *end == 'E') {
        start = end + 1 + (end[1] == '+' || end[1] == '-');
        if (skip_digits(start) > start)
            end = skip_digits(start);
    }
    return end;
}

/* A decimal point in every locale. glibc keeps one static "C" locale, so this costs nothing. */
static bool number_in_c_locale(const char *s, double *out)
{
    locale_t locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);

    if (!locale)
        return false;
    *out = strtod_l(s, NULL, locale) + 0.0;         /* + 0.0 makes -0 into 0 */
    freelocale(locale);
    return isfinite(*out);
}

/* A number, and after it nothing or the column's unit. */
static bool number_typed(const struct column *col, const char *s, size_t len, double *out)
{
    char text[NUMBER_MAX];
    const char *rest;

    if (len >= sizeof text || memchr(s, '\0', len))
        return false;
    memcpy(text, s, len);
    text[len] = '\0';
    rest = number_end(text);
    if (!rest)
        return false;
    while (*rest == ' ' || *rest == '\t')
        rest++;
    if (*rest && !(col->unit && strcasecmp(rest, col->unit) == 0))
        return false;
    return number_in_c_locale(text, out);
}

static enum rc integer_from_text(const struct column *col, const char *s, size_t len,
                                 int64_t now_ms, struct value *out, struct err *err)
{
    double d;

    (void)now_ms;
    if (!number_typed(col, s, len, &d) || floor(d) != d)
        return column_refuse(col, err, _("%s must be a whole number, such as 12."), col->label);
    if (fabs(d) >= COLUMN_WHOLE_LIMIT)
        return column_refuse(col, err,
                             _("%s must be a whole number below 9007199254740992 in size."),
                             col->label);
    *out = (struct value){ .kind = VALUE_INT, .number = (int64_t)d };
    return RC_OK;
}

static enum rc real_from_text(const struct column *col, const char *s, size_t len, int64_t now_ms,
                              struct value *out, struct err *err)
{
    double d;

    (void)now_ms;
    if (!number_typed(col, s, len, &d))
        return column_refuse(col, err, _("%s must be a number, such as 12 or 12.5."), col->label);
    *out = (struct value){ .kind = VALUE_REAL, .real = d };
    return RC_OK;
}

static void integer_to_text(const struct column *col, const struct value *v, struct buf *out)
{
    (void)col;
    buf_put_i64(out, v->number);
}

static void real_to_text(const struct column *col, const struct value *v, struct buf *out)
{
    (void)col;
    json_put_double(out, v->real);
}

static void number_sort_key(const struct sort_order *sort, const struct value *v,
                            struct value *out)
{
    (void)sort;
    *out = *v;
}

const struct column_type column_type_integer = {
    .name = "integer", .sql = "INTEGER", .shape = VALUE_INT, .edit = EDIT_NUMBER,
    .wanted = N_("a whole number below 9007199254740992 in size"),
    .takes = TAKES_LIMITS | TAKES_UNIT, .is_whole = true,
    .check = integer_check, .from_text = integer_from_text, .to_text = integer_to_text,
    .sort_key = number_sort_key,
};

const struct column_type column_type_real = {
    .name = "real", .sql = "REAL", .shape = VALUE_REAL, .edit = EDIT_NUMBER,
    .wanted = N_("a number"), .takes = TAKES_LIMITS | TAKES_UNIT,
    .check = real_check, .from_text = real_from_text, .to_text = real_to_text,
    .sort_key = number_sort_key,
};

/* ---- timestamp ---- */

static enum rc timestamp_check(const struct column *col, const struct value *v, struct err *err)
{
    if (v->number < 0 || v->number > CLOCK_MAX_MS)
        return column_refuse(col, err,
                             _("%s must be a time of the years 1970 to 9999."), col->label);
    if (col->has_min && (double)v->number < col->min)
        return column_refuse(col, err, _("%s is too early."), col->label);
    if (col->has_max && (double)v->number > col->max)
        return column_refuse(col, err, _("%s is too late."), col->label);
    return RC_OK;
}

static enum rc timestamp_from_text(const struct column *col, const char *s, size_t len,
                                   int64_t now_ms, struct value *out, struct err *err)
{
    int64_t ms;

    if (!typed_time(s, len, now_ms, &ms))
        return column_refuse(col, err, _("Not a time. Try 2026-02-28 14:05, fri 14:05 or now."));
    *out = (struct value){ .kind = VALUE_INT, .number = ms };
    return RC_OK;
}

/* As short as can be read back without loss: minutes, else seconds, else UTC with milliseconds. */
static void timestamp_to_text(const struct column *col, const struct value *v, struct buf *out)
{
    char text[64];
    int64_t back;
    size_t len;

    (void)col;
    if (v->number < 0 || v->number > CLOCK_MAX_MS) {
        buf_put_i64(out, v->number);
        return;
    }
    clock_local(v->number, text, sizeof text);
    len = strlen(text);
    if (v->number % 60000 != 0 && v->number % 1000 == 0) {
        int second = (int)(v->number / 1000 % 60);
        text[len++] = ':';
        text[len++] = (char)('0' + second / 10);
        text[len++] = (char)('0' + second % 10);
        text[len] = '\0';
    }
    /* The hour that comes twice when summer time ends, and zones with odd offsets, fail here. */
    if (!typed_time(text, len, v->number, &back) || back != v->number)
        clock_iso(v->number, text, sizeof text);
    buf_puts(out, text);
}

const struct column_type column_type_timestamp = {
    .name = "timestamp", .sql = "INTEGER", .shape = VALUE_INT, .edit = EDIT_LINE,
    .wanted = N_("a time in whole milliseconds since 1970"),
    .takes = TAKES_LIMITS, .is_whole = true,
    .check = timestamp_check, .from_text = timestamp_from_text, .to_text = timestamp_to_text,
    .sort_key = number_sort_key,
};
