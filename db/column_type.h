/* db/column_type.h: private to db's columns. What differs between kinds of columns is one row of
 * functions; a new kind is one row here and its tests.
 */
#ifndef DB_COLUMN_TYPE_H
#define DB_COLUMN_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "db/registry.h"

/* 2^53: below it every whole number is a double of its own. */
#define COLUMN_WHOLE_LIMIT 9007199254740992.0

/* Members of a definition that not every kind of column has. */
enum column_takes {
    TAKES_LENGTH = 1 << 0,          /* maxLength, examples */
    TAKES_LINES = 1 << 1,           /* multiline */
    TAKES_LIMITS = 1 << 2,          /* min, max */
    TAKES_UNIT = 1 << 3,            /* unit */
    TAKES_CHOICES = 1 << 4,         /* choices */
    TAKES_TABLE = 1 << 5            /* table */
};

struct column_type {
    const char *name, *sql;         /* as in a definition; as in SQLite */
    enum value_kind shape;          /* of every value that is not NULL */
    enum edit_kind edit;
    const char *wanted;             /* what a JSON value must be: "a JSON string" */
    unsigned takes, needs;          /* bits of enum column_takes */
    bool is_whole;                  /* its limits are whole numbers */
    bool keeps_spaces;              /* typed text is not trimmed */

    /* The limits of a value that is not NULL and has the right shape. */
    enum rc (*check)(const struct column *col, const struct value *v, struct err *err);
    /* From what was typed, not empty, trimmed unless keeps_spaces. The caller checks limits. */
    enum rc (*from_text)(const struct column *col, const char *s, size_t len, int64_t now_ms,
                         struct value *out, struct err *err);
    void (*to_text)(const struct column *col, const struct value *v, struct buf *out);
    /* *out: a value that SQLite sorts in the wanted order. */
    void (*sort_key)(const struct sort_order *sort, const struct value *v, struct value *out);
};

extern const struct column_type column_type_text, column_type_bool, column_type_integer,
    column_type_real, column_type_date, column_type_timestamp, column_type_choice,
    column_type_reference;

/* NULL when there is no kind of that name. */
const struct column_type *column_type_named(const char *name, enum column_kind *kind);

/* RC_INVALID, code invalid_value, the column's name, and the sentence. */
enum rc column_refuse(const struct column *col, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
