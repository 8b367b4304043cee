/* src/app/form.h: the columns of one record that a command or an imported line sets. */
#ifndef APP_FORM_H
#define APP_FORM_H

#include <stdbool.h>
#include "base/clock.h"
#include "base/err.h"
#include "db/registry.h"

struct cJSON;

struct form { /* all zero is valid; form_done frees */
    const struct table *table;
    struct value *values; /* column_count of them */
    bool *is_set;
};
void form_init(struct form *form, const struct table *table);
void form_done(struct form *form);
void form_clear(struct form *form); /* nothing is set */

/* From "COL=VALUE" as a person types it. RC_INVALID, and with code "unknown_column" when there
 * is none of that name. */
enum rc form_set_typed(struct form *form, const char *pair, const struct clock *clock,
                       struct err *err);
/* The text of one column, as typed. */
enum rc form_set_text(struct form *form, const struct column *col, const char *text,
                      const struct clock *clock, struct err *err);
/* A member of an imported object. */
enum rc form_set_json(struct form *form, const char *name, const struct cJSON *value,
                      struct err *err);
void form_set_bool(struct form *form, const struct column *col, bool flag);

#endif
