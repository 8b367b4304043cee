/* ui/filter.h: what a person types to see a part of a list: words that must occur, and conditions
 * on columns by name: `due<+7`, `prio:high`, `done:yes`, `notes:valve`, `due:` (empty). Any table, any
 * column: names and values come from the definition.
 *
 * Owner    the caller; all zero is one that everything matches; filter_done frees.
 */
#ifndef UI_FILTER_H
#define UI_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "db/store.h"

#define FILTER_TERMS_MAX 8

enum filter_op { FILTER_IS, FILTER_LESS, FILTER_AT_MOST, FILTER_MORE, FILTER_AT_LEAST };

struct filter_term {
    const struct column *column;
    enum filter_op op;
    struct value value;         /* NULL with FILTER_IS: is empty */
    char *part;                 /* folded text that must occur; NULL: the value counts */
};

struct filter {
    struct buf words;           /* separated by blanks; for db_window's find */
    struct filter_term terms[FILTER_TERMS_MAX];
    size_t count;
};

void filter_done(struct filter *filter);

/* A word with an operator whose name is no column's is a word like others. *out: yours, on success
 * only. RC_INVALID: a value that does not fit its column, or too many conditions. */
enum rc filter_parse(const struct table *table, const char *text, int64_t now_ms,
                     struct filter *out, struct err *err);

/* The conditions on columns alone; words are the database's to look for. */
bool filter_matches(const struct filter *filter, const struct record *rec);

/* The column that a name means: its wire name or label, whole or how it begins, in any case.
 * NULL: none. */
const struct column *filter_column(const struct table *table, const char *name, size_t len);

#endif
