/* The rows of column_type put to work. What a kind does is in column_text.c (texts, dates, choices,
 * references) and column_number.c (numbers, bools, timestamps).
 */
#include "db/registry.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/i18n.h"
#include "base/json.h"
#include "db/column_type.h"

static const struct column_type *const types[] = {
    [COLUMN_TEXT] = &column_type_text,
    [COLUMN_BOOL] = &column_type_bool,
    [COLUMN_INTEGER] = &column_type_integer,
    [COLUMN_REAL] = &column_type_real,
    [COLUMN_DATE] = &column_type_date,
    [COLUMN_TIMESTAMP] = &column_type_timestamp,
    [COLUMN_CHOICE] = &column_type_choice,
    [COLUMN_REFERENCE] = &column_type_reference,
};

#define TYPE_COUNT (sizeof types / sizeof types[0])

/* Sorts after every other text: SQLite compares UTF-8 bytes, and this is the last code point. */
static const char last_text[] = "\xF4\x8F\xBF\xBF";

const struct column_type *column_type_named(const char *name, enum column_kind *kind)
{
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (strcmp(types[i]->name, name) == 0) {
            *kind = (enum column_kind)i;
            return types[i];
        }
    }
    return NULL;
}

enum rc column_refuse(const struct column *col, struct err *err, const char *fmt, ...)
{
    char sentence[sizeof err->msg];
    va_list args;

    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    err_set(err, RC_INVALID, "%s", sentence);
    err_code(err, "invalid_value");
    err_column(err, col->name);
    return RC_INVALID;
}

const char *column_kind_name(enum column_kind kind)
{
    return types[kind]->name;
}

const char *column_sql_type(const struct column *col)
{
    return types[col->kind]->sql;
}

enum value_kind column_shape(const struct column *col)
{
    return types[col->kind]->shape;
}

enum edit_kind column_edit_kind(const struct column *col)
{
    return col->is_multiline ? EDIT_LINES : types[col->kind]->edit;
}

enum rc column_check(const struct column *col, const struct value *v, struct err *err)
{
    const struct column_type *type = types[col->kind];

    if (v->kind == VALUE_NULL) {
        if (col->is_required || col->has_default)
            return column_refuse(col, err, _("%s is needed."), col->label);
        return RC_OK;
    }
    if (v->kind != type->shape)
        return column_refuse(col, err, _("%s must be %s."), col->label, _(type->wanted));
    return type->check(col, v, err);
}

static bool is_whole(double d)
{
    return fabs(d) < COLUMN_WHOLE_LIMIT && floor(d) == d;
}

/* *out borrows the text of json, so that checking alone copies nothing. */
static enum rc shape_from_json(const struct column *col, const cJSON *json, struct value *out,
                               struct err *err)
{
    const struct column_type *type = types[col->kind];

    if (cJSON_IsNull(json)) {
        *out = (struct value){ 0 };
        return RC_OK;
    }
    switch (type->shape) {
    case VALUE_TEXT:
        if (!cJSON_IsString(json))
            break;
        *out = (struct value){ .kind = VALUE_TEXT, .text = json->valuestring,
                               .len = strlen(json->valuestring) };
        return RC_OK;
    case VALUE_BOOL:
        if (!cJSON_IsBool(json))
            break;
        *out = (struct value){ .kind = VALUE_BOOL, .flag = cJSON_IsTrue(json) };
        return RC_OK;
    case VALUE_INT:
        if (!cJSON_IsNumber(json) || !is_whole(json->valuedouble))
            break;
        *out = (struct value){ .kind = VALUE_INT, .number = (int64_t)json->valuedouble };
        return RC_OK;
    case VALUE_REAL:
        if (!cJSON_IsNumber(json) || !isfinite(json->valuedouble))
            break;
        *out = (struct value){ .kind = VALUE_REAL, .real = json->valuedouble + 0.0 };
        return RC_OK;
    case VALUE_NULL:
        break;
    }
    return column_refuse(col, err, _("%s must be %s."), col->label, _(type->wanted));
}

enum rc column_check_json(const struct column *col, const cJSON *json, struct err *err)
{
    struct value v = { 0 };
    enum rc rc = shape_from_json(col, json, &v, err);

    return rc ? rc : column_check(col, &v, err);
}

enum rc column_from_json(const struct column *col, const cJSON *json, struct value *out,
                         struct err *err)
{
    struct value v = { 0 };
    enum rc rc;

    rc = shape_from_json(col, json, &v, err);
    if (rc)
        return rc;
    rc = column_check(col, &v, err);
    if (rc)
        return rc;
    value_copy(out, &v);
    return RC_OK;
}

enum rc column_from_backend(const struct column *col, const cJSON *json, struct value *out,
                            struct err *err)
{
    struct value v = { 0 };
    enum rc rc = shape_from_json(col, json, &v, err);

    if (rc)
        return rc;
    value_copy(out, &v);
    return RC_OK;
}

void column_to_json(const struct column *col, const struct value *v, struct buf *out)
{
    (void)col;                  /* the shape says it all, for every kind there is */
    switch (v->kind) {
    case VALUE_NULL:
        buf_append(out, "null", 4);
        break;
    case VALUE_BOOL:
        if (v->flag)
            buf_append(out, "true", 4);
        else
            buf_append(out, "false", 5);
        break;
    case VALUE_INT:
        buf_put_i64(out, v->number);
        break;
    case VALUE_REAL:
        json_put_double(out, v->real);
        break;
    case VALUE_TEXT:
        json_put_string(out, v->text, v->len);
        break;
    }
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

enum rc column_from_text(const struct column *col, const char *s, size_t len, int64_t today_ms,
                         struct value *out, struct err *err)
{
    const struct column_type *type = types[col->kind];
    struct value v = { 0 };
    enum rc rc = RC_OK;

    if (!type->keeps_spaces) {
        for (; len > 0 && is_space(*s); s++)
            len--;
        while (len > 0 && is_space(s[len - 1]))
            len--;
    }
    if (len > 0)
        rc = type->from_text(col, s, len, today_ms, &v, err);
    if (rc)
        goto out;
    rc = column_check(col, &v, err);
    if (rc)
        goto out;
    *out = v;
    v = (struct value){ 0 };
out:
    value_done(&v);
    return rc;
}

void column_to_text(const struct column *col, const struct value *v, struct buf *out)
{
    if (v->kind != VALUE_NULL)
        types[col->kind]->to_text(col, v, out);
}

void sort_key(const struct sort_order *sort, const struct value *v, int64_t created_at,
              int64_t updated_at, struct value *out)
{
    if (!sort->column) {
        int64_t at = sort->by_created ? created_at : updated_at;
        *out = (struct value){ .kind = VALUE_INT, .number = at };
    } else if (v->kind != VALUE_NULL) {
        types[sort->column->kind]->sort_key(sort, v, out);
    } else if (sort->is_descending && types[sort->column->kind]->shape == VALUE_REAL) {
        *out = (struct value){ .kind = VALUE_REAL, .real = -HUGE_VAL };     /* reals go lower */
    } else if (sort->is_descending) {
        *out = (struct value){ .kind = VALUE_INT, .number = INT64_MIN };
    } else {
        value_set_text(out, last_text, sizeof last_text - 1);
    }
}
