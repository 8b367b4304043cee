#include "base/json.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/mem.h"

#define WHOLE_MAX 9007199254740992.0 /* 2^53: from here on a double skips whole numbers */

static bool is_whole(double v, double below)
{
    return v > -below && v < below && (double)(int64_t)v == v;
}

/* ---- looking ---- */

const struct cJSON *json_get(const struct cJSON *obj, const char *name)
{
    return cJSON_IsObject(obj) ? cJSON_GetObjectItemCaseSensitive(obj, name) : NULL;
}

const char *json_get_string(const struct cJSON *obj, const char *name)
{
    return cJSON_GetStringValue(json_get(obj, name));
}

bool json_get_bool(const struct cJSON *obj, const char *name, bool *out)
{
    const cJSON *v = json_get(obj, name);

    if (!cJSON_IsBool(v))
        return false;
    *out = cJSON_IsTrue(v);
    return true;
}

bool json_get_number(const struct cJSON *obj, const char *name, double *out)
{
    const cJSON *v = json_get(obj, name);

    if (!cJSON_IsNumber(v))
        return false;
    *out = v->valuedouble;
    return true;
}

/* An optional minus and digits without leading zeros, in int64's range. */
static bool parse_i64(const char *s, int64_t *out)
{
    bool is_negative = *s == '-';
    int64_t v = 0;

    s += is_negative;
    if (*s == '\0' || (*s == '0' && (s[1] != '\0' || is_negative)))
        return false;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9')
            return false;
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, is_negative ? '0' - *s : *s - '0', &v))
            return false;
    }
    *out = v;
    return true;
}

bool json_get_i64(const struct cJSON *obj, const char *name, int64_t *out)
{
    const cJSON *v = json_get(obj, name);

    if (cJSON_IsString(v))
        return parse_i64(v->valuestring, out);
    if (!cJSON_IsNumber(v) || !is_whole(v->valuedouble, WHOLE_MAX))
        return false;
    *out = (int64_t)v->valuedouble;
    return true;
}

/* ---- comparing ---- */

static int by_name(const void *x, const void *y)
{
    const cJSON *const *a = x, *const *b = y;

    return strcmp((*a)->string, (*b)->string);
}

/* Members from the first on, sorted by name; heap. */
static const cJSON **sorted_members(const cJSON *first, size_t count)
{
    const cJSON **list = mem_alloc(count * sizeof(const cJSON *));
    size_t n = 0;

    for (const cJSON *v = first; v != NULL; v = v->next)
        list[n++] = v;
    qsort(list, count, sizeof(const cJSON *), by_name);
    return list;
}

static size_t count_from(const cJSON *first)
{
    size_t n = 0;

    for (; first != NULL; first = first->next)
        n++;
    return n;
}

static bool same_members(const cJSON *a, const cJSON *b)
{
    size_t count = count_from(a);
    const cJSON **as, **bs;
    bool is_same = true;

    if (count != count_from(b))
        return false;
    /* Most pairs have one order: sort only from where they part. */
    for (; a != NULL && strcmp(a->string, b->string) == 0; a = a->next, b = b->next, count--)
        if (!json_equal(a, b))
            return false;
    if (count == 0)
        return true;
    as = sorted_members(a, count);
    bs = sorted_members(b, count);
    for (size_t i = 0; i < count && is_same; i++)
        is_same = strcmp(as[i]->string, bs[i]->string) == 0 && json_equal(as[i], bs[i]);
    free(as);
    free(bs);
    return is_same;
}

bool json_equal(const struct cJSON *a, const struct cJSON *b)
{
    if ((a->type & 0xFF) != (b->type & 0xFF))
        return false;
    switch (a->type & 0xFF) {
    case cJSON_Number:
        return a->valuedouble >= b->valuedouble && a->valuedouble <= b->valuedouble;
    case cJSON_String:
        return strcmp(a->valuestring, b->valuestring) == 0;
    case cJSON_Object:
        return same_members(a->child, b->child);
    case cJSON_Array:
        for (a = a->child, b = b->child; a != NULL && b != NULL; a = a->next, b = b->next)
            if (!json_equal(a, b))
                return false;
        return a == NULL && b == NULL;
    default:
        return true;
    }
}

/* ---- writing ---- */

void json_put_string(struct buf *out, const char *s, size_t len)
{
    static const char names[32] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r',
    };
    size_t start = 0;

    buf_reserve(out, len + 2);
    buf_putc(out, '"');
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_append(out, s + start, i - start);
        start = i + 1;
        buf_putc(out, '\\');
        if (c >= 0x20)
            buf_putc(out, (char)c);
        else if (names[c] != '\0')
            buf_putc(out, names[c]);
        else
            buf_printf(out, "u%04x", (unsigned)c);
    }
    buf_append(out, s + start, len - start);
    buf_putc(out, '"');
}

/* The digits of a positive number, few as can be, and the point: 0.digits times 10^point. */
static int shortest_digits(double v, char digits[24], int *point)
{
    char text[48];
    int count = 0;

    /* 15 digits always suffice for what a person wrote in 15; only subnormals have less in them. */
    for (int precision = v < DBL_MIN ? 1 : 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*e", precision - 1, v);
        if (strtod(text, NULL) >= v && strtod(text, NULL) <= v)
            break;
    }
    /* The locale may have put any bytes for the point; digits are digits. */
    for (const char *p = text; *p != 'e'; p++)
        if (*p >= '0' && *p <= '9')
            digits[count++] = *p;
    *point = (int)strtol(strchr(text, 'e') + 1, NULL, 10) + 1;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    return count;
}

/* Laid out as Rust's ryu does, which prints Convex's answers: 0.00001, 1e-6, 1.5, 1e16. */
static void put_shortest(struct buf *out, double v)
{
    char digits[24];
    int point, count;

    if (signbit(v))
        buf_putc(out, '-');
    count = shortest_digits(signbit(v) ? -v : v, digits, &point);
    if (point > 16 || point <= -5) {
        buf_putc(out, digits[0]);
        if (count > 1) {
            buf_putc(out, '.');
            buf_append(out, digits + 1, (size_t)count - 1);
        }
        buf_putc(out, 'e');
        buf_put_i64(out, point - 1);
        return;
    }
    if (point <= 0) {
        buf_puts(out, "0.");
        for (int i = point; i < 0; i++)
            buf_putc(out, '0');
        buf_append(out, digits, (size_t)count);
        return;
    }
    for (int i = 0; i < point; i++)
        buf_putc(out, i < count ? digits[i] : '0');
    if (count > point) {
        buf_putc(out, '.');
        buf_append(out, digits + point, (size_t)(count - point));
    }
}

void json_put_double(struct buf *out, double v)
{
    if (!isfinite(v))
        buf_puts(out, "null"); /* JSON has no word for it; the registry lets none in */
    else if (!is_whole(v, WHOLE_MAX))
        put_shortest(out, v);
    else if (v == 0 && signbit(v))
        buf_puts(out, "-0");
    else
        buf_put_i64(out, (int64_t)v);
}

void json_put_float(struct buf *out, double v)
{
    json_put_double(out, v);
    /* Beyond 2^53 a number may still be printed without an exponent: below 10^16, as Rust does. */
    if (is_whole(v, 1e16))
        buf_puts(out, ".0");
}

static void put(struct buf *out, const cJSON *v, void (*put_number)(struct buf *out, double v))
{
    switch (v->type & 0xFF) {
    case cJSON_False:
        buf_append(out, "false", 5);
        break;
    case cJSON_True:
        buf_append(out, "true", 4);
        break;
    case cJSON_Number:
        put_number(out, v->valuedouble);
        break;
    case cJSON_String:
        json_put_string(out, v->valuestring, strlen(v->valuestring));
        break;
    case cJSON_Raw:
        buf_puts(out, v->valuestring);
        break;
    case cJSON_Array:
        buf_putc(out, '[');
        for (const cJSON *item = v->child; item != NULL; item = item->next) {
            if (item != v->child)
                buf_putc(out, ',');
            put(out, item, put_number);
        }
        buf_putc(out, ']');
        break;
    case cJSON_Object:
        buf_putc(out, '{');
        for (const cJSON *item = v->child; item != NULL; item = item->next) {
            if (item != v->child)
                buf_putc(out, ',');
            json_put_string(out, item->string, strlen(item->string));
            buf_putc(out, ':');
            put(out, item, put_number);
        }
        buf_putc(out, '}');
        break;
    default:
        buf_append(out, "null", 4);
    }
}

void json_put(struct buf *out, const struct cJSON *v)
{
    put(out, v, json_put_double);
}

void json_put_convex(struct buf *out, const struct cJSON *v)
{
    put(out, v, json_put_float);
}
