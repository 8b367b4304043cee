/* db/value.h: one value of a record, in C, with its five shapes. Columns say which shape is right
 * (db/registry.h); SQLite, JSON and text are only other spellings of it.
 *
 * Ownership  a value owns its text; value_done frees it; all zero is NULL.
 */
#ifndef DB_VALUE_H
#define DB_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_kind { VALUE_NULL, VALUE_BOOL, VALUE_INT, VALUE_REAL, VALUE_TEXT };

struct value {
    enum value_kind kind;
    union {
        bool flag;
        int64_t number;
        double real;
        struct {
            char *text;         /* valid UTF-8 without U+0000, NUL-terminated */
            size_t len;
        };
    };
};

void value_done(struct value *v);                       /* frees and makes it NULL */
void value_copy(struct value *to, const struct value *from);    /* *to is overwritten, not freed */
void value_set_text(struct value *to, const char *s, size_t len);
/* The same JSON value: 1 equals 1.0, -0 equals 0. */
bool value_equal(const struct value *a, const struct value *b);

#endif
