#include "db/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void value_done(struct value *v)
{
    if (v->kind == VALUE_TEXT)
        free(v->text);
    *v = (struct value){ 0 };
}

void value_set_text(struct value *to, const char *s, size_t len)
{
    *to = (struct value){ .kind = VALUE_TEXT, .text = mem_strndup(s, len), .len = len };
}

void value_copy(struct value *to, const struct value *from)
{
    if (from->kind == VALUE_TEXT)
        value_set_text(to, from->text, from->len);
    else
        *to = *from;
}

#define INT64_LIMIT 9223372036854775808.0       /* 2^63 */

/* Compared as integers: as doubles 2^53 would equal 2^53 + 1. */
static bool equal_int_real(int64_t number, double real)
{
    if (!(real >= -INT64_LIMIT && real < INT64_LIMIT) || floor(real) != real)
        return false;
    return (int64_t)real == number;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (a->kind == VALUE_INT && b->kind == VALUE_REAL)
        return equal_int_real(a->number, b->real);
    if (a->kind == VALUE_REAL && b->kind == VALUE_INT)
        return equal_int_real(b->number, a->real);
    if (a->kind != b->kind)
        return false;

    switch (a->kind) {
    case VALUE_NULL:
        return true;
    case VALUE_BOOL:
        return a->flag == b->flag;
    case VALUE_INT:
        return a->number == b->number;
    case VALUE_REAL:
        return a->real >= b->real && a->real <= b->real;
    case VALUE_TEXT:
        return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
    }
    return false;
}
