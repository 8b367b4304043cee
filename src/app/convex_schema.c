#include "src/app/convex_schema.h"

#include <string.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/text.h"

#define LINE_MAX_CHARS 100
#define AROUND_VALIDATOR "    : v.optional(),"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* Tables of the Convex backend and modules of it: a table's name is also the module of TABLE:list.
 * What is reserved everywhere (CONTRACT section 4) is no table here in the first place. */
static const char *const taken[] = {
    "heads", "floors", "records", "sync", "admin", "schema", "tables", "http", "crons", "prune",
};

/* Validators of a value that is there. A choice lists its values instead. */
static const char *const validators[] = {
    [COLUMN_TEXT] = "v.string()",    [COLUMN_BOOL] = "v.boolean()",
    [COLUMN_INTEGER] = "v.number()", [COLUMN_REAL] = "v.number()",
    [COLUMN_DATE] = "v.string()",    [COLUMN_TIMESTAMP] = "v.number()",
    [COLUMN_CHOICE] = NULL,          [COLUMN_REFERENCE] = "v.string()",
};

/* A record by its name; pulls, lists and walks in commit order; pruning. */
static const char indexes[] = "    .index(\"by_user_client\", [\"userId\", \"clientId\"])\n"
                              "    .index(\"by_user_rev\", [\"userId\", \"rev\", \"clientId\"])\n"
                              "    .index(\"by_deletedAt\", [\"deletedAt\"]),\n";

static void put_string(struct buf *out, const char *s)
{
    json_put_string(out, s, strlen(s));
}

/* Optional, because records that were written before a definition gained the column lack it; null,
 * because a doc on the wire has every column. A line over 100 characters is broken, as prettier
 * would. */
static void put_validator(struct buf *out, const struct column *col)
{
    struct buf line = { 0 };
    const char *one;

    buf_puts(&line, "v.union(");
    if (validators[col->kind])
        buf_printf(&line, "%s, ", validators[col->kind]);
    for (size_t i = 0; i < col->choice_count; i++) {
        buf_puts(&line, "v.literal(");
        put_string(&line, col->choices[i].value);
        buf_puts(&line, "), ");
    }
    buf_puts(&line, "v.null())");
    one = buf_str(&line);
    if (text_count(one, line.len) + strlen(col->name) <= LINE_MAX_CHARS - strlen(AROUND_VALIDATOR))
        buf_printf(out, "    %s: v.optional(%s),\n", col->name, one);
    else
        buf_printf(out, "    %s: v.optional(\n      %s,\n    ),\n", col->name, one);
    buf_done(&line);
}

static void put_table(struct buf *out, const struct table *table)
{
    buf_printf(out, "  %s: defineTable({\n    ...recordFields,\n", table->name);
    for (size_t i = 0; i < table->column_count; i++)
        put_validator(out, &table->columns[i]);
    buf_puts(out, "  })\n");
    buf_puts(out, indexes);
}

static void put_limit(struct buf *out, const char *name, bool has, double limit)
{
    if (!has)
        return;
    buf_printf(out, ", %s: ", name);
    json_put_double(out, limit);
}

/* Only what validation needs: what else the form has stays on the device. */
static void put_column(struct buf *out, const struct column *col)
{
    buf_printf(out, "      { name: \"%s\", type: \"%s\", label: ", col->name,
               column_kind_name(col->kind));
    put_string(out, col->label);
    if (col->is_required)
        buf_puts(out, ", required: true");
    if (col->has_default) {
        buf_puts(out, ", default: ");
        column_to_json(col, &col->default_value, out);
    }
    if (col->kind == COLUMN_TEXT && col->max_length < COLUMN_TEXT_MAX)
        buf_printf(out, ", maxLength: %zu", col->max_length);
    put_limit(out, "min", col->has_min, col->min);
    put_limit(out, "max", col->has_max, col->max);
    for (size_t i = 0; i < col->choice_count; i++) {
        buf_puts(out, i ? ", " : ", choices: [");
        put_string(out, col->choices[i].value);
    }
    buf_puts(out, col->choice_count ? "] },\n" : " },\n");
}

static void put_definition(struct buf *out, const struct table *table)
{
    buf_printf(out, "  {\n    name: \"%s\",\n    columns: [\n", table->name);
    for (size_t i = 0; i < table->column_count; i++)
        put_column(out, &table->columns[i]);
    buf_puts(out, "    ],\n  },\n");
}

static enum rc check_names(const struct registry *reg, struct err *err)
{
    for (size_t i = 0; i < registry_count(reg); i++) {
        const struct table *table = registry_at(reg, i);

        for (size_t j = 0; j < COUNT(taken); j++) {
            if (strcmp(table->name, taken[j]) == 0)
                return err_set(err, RC_INVALID,
                               _("%s: the table name \"%s\" is taken by the Convex backend"),
                               table->source, table->name);
        }
    }
    return RC_OK;
}

enum rc convex_schema_write(const struct registry *reg, struct buf *out, struct err *err)
{
    enum rc rc = check_names(reg, err);

    if (rc)
        return rc;
    buf_puts(out,
             "/** Written by `outpost tables convex` from the table definitions: change those, "
             "not this file. */\n"
             "import { defineTable } from \"convex/server\";\n"
             "import { v } from \"convex/values\";\n"
             "import type { Definition } from \"./model/definition\";\n"
             "import { recordFields } from \"./model/recordFields\";\n"
             "\n"
             "export const syncedTables = {\n");
    for (size_t i = 0; i < registry_count(reg); i++)
        put_table(out, registry_at(reg, i));
    buf_puts(out, "};\n\nexport const definitions: readonly Definition[] = [\n");
    for (size_t i = 0; i < registry_count(reg); i++)
        put_definition(out, registry_at(reg, i));
    buf_puts(out, "];\n");
    return RC_OK;
}
