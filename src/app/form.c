#include "src/app/form.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "base/mem.h"
#include "base/text.h"

void form_init(struct form *form, const struct table *table)
{
    form->table = table;
    form->values = mem_zero(table->column_count, sizeof *form->values);
    form->is_set = mem_zero(table->column_count, sizeof *form->is_set);
}

void form_clear(struct form *form)
{
    for (size_t i = 0; form->table && i < form->table->column_count; i++) {
        value_done(&form->values[i]);
        form->is_set[i] = false;
    }
}

void form_done(struct form *form)
{
    form_clear(form);
    free(form->values);
    free(form->is_set);
    *form = (struct form){ 0 };
}

static enum rc unknown_column(const struct table *table, const char *name, struct err *err)
{
    struct buf all = { 0 };

    for (size_t i = 0; i < table->column_count; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", table->columns[i].name);
    err_set(err, RC_INVALID, _("%s have no column \"%.60s\"; there are: %s"), table->label, name,
            buf_str(&all));
    err_code(err, "unknown_column");
    buf_done(&all);
    return RC_INVALID;
}

enum rc form_set_text(struct form *form, const struct column *col, const char *text,
                      const struct clock *clock, struct err *err)
{
    struct value value = { 0 };
    enum rc rc;

    if (!text_is_valid(text, strlen(text)))
        return err_set(err, RC_INVALID, _("%s is not UTF-8"), col->label);
    rc = column_from_text(col, text, strlen(text), clock_wall(clock), &value, err);
    if (rc)
        return rc;
    value_done(&form->values[col->index]);
    form->values[col->index] = value;
    form->is_set[col->index] = true;
    return RC_OK;
}

enum rc form_set_typed(struct form *form, const char *pair, const struct clock *clock,
                       struct err *err)
{
    const char *equals = strchr(pair, '=');
    const struct column *col;
    char *name;
    enum rc rc;

    if (!equals || equals == pair) {
        err_set(err, RC_INVALID, _("--set wants COLUMN=VALUE, not \"%.60s\""), pair);
        err_code(err, "unknown_column");
        return RC_INVALID;
    }
    name = mem_strndup(pair, (size_t)(equals - pair));
    col = table_column(form->table, name);
    if (col && col->is_read_only) {
        rc = err_set(err, RC_INVALID, _("%s is read-only: the office fills it."), col->label);
        err_column(err, col->name);
    } else {
        rc = col ? form_set_text(form, col, equals + 1, clock, err)
                 : unknown_column(form->table, name, err);
    }
    free(name);
    return rc;
}

enum rc form_set_json(struct form *form, const char *name, const struct cJSON *json,
                      struct err *err)
{
    const struct column *col = table_column(form->table, name);
    struct value value = { 0 };
    enum rc rc;

    if (!col)
        return unknown_column(form->table, name, err);
    rc = column_from_json(col, json, &value, err);
    if (rc)
        return rc;
    value_done(&form->values[col->index]);
    form->values[col->index] = value;
    form->is_set[col->index] = true;
    return RC_OK;
}

void form_set_bool(struct form *form, const struct column *col, bool flag)
{
    value_done(&form->values[col->index]);
    form->values[col->index] = (struct value){ .kind = VALUE_BOOL, .flag = flag };
    form->is_set[col->index] = true;
}
