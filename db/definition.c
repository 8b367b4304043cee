#include "db/definition.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"

#define LABEL_MAX 40

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct member table_members[] = {
    { .name = "$schema", .shape = MEMBER_STRING },      /* for editors; means nothing here */
    { .name = "name", .shape = MEMBER_STRING, .is_needed = true },
    { .name = "label", .shape = MEMBER_STRING, .is_needed = true, .max_length = LABEL_MAX },
    { .name = "labelOne", .shape = MEMBER_STRING, .is_needed = true, .max_length = LABEL_MAX },
    { .name = "title", .shape = MEMBER_STRING, .is_needed = true },
    { .name = "done", .shape = MEMBER_STRING },
    { .name = "list", .shape = MEMBER_LIST },
    { .name = "sorts", .shape = MEMBER_LIST },
    { .name = "columns", .shape = MEMBER_LIST, .is_needed = true },
};

static const struct member sort_members[] = {
    { .name = "name", .shape = MEMBER_STRING, .is_needed = true },
    { .name = "column", .shape = MEMBER_STRING, .is_needed = true },
    { .name = "descending", .shape = MEMBER_BOOL },
};

/* SQL names that are no data table's: the store's, SQLite's, and what CONTRACT section 4 keeps. */
static const char *const reserved_tables[] = {
    "account", "accounts", "conflicts", "devices", "drafts", "receipts", "sessions", "settings",
    "users",
};
static const char *const reserved_heads[] = { "auth", "fts_", "sqlite_", "sync_" };

static enum rc read_name(const struct reading *r, const cJSON *obj)
{
    const char *name = json_get_string(obj, "name");
    struct table *table = r->table;
    bool is_reserved = false;

    if (!definition_name_is_valid(name))
        return definition_refuse(r, "name", _("a name is %s."), _(DEFINITION_NAME_RULE));
    table->name = mem_strdup(name);
    table->sql = definition_sql_name(name);
    for (size_t i = 0; i < COUNT(reserved_tables); i++)
        is_reserved |= strcmp(table->sql, reserved_tables[i]) == 0;
    for (size_t i = 0; i < COUNT(reserved_heads); i++)
        is_reserved |= strncmp(table->sql, reserved_heads[i], strlen(reserved_heads[i])) == 0;
    if (is_reserved)
        return definition_refuse(r, "name", _("the name \"%s\" is kept for Outpost's own tables."),
                                 name);
    return RC_OK;
}

/* ---- columns, title, done, list, sorts ---- */

static int by_name(const void *a, const void *b)
{
    const struct column *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

static enum rc read_columns(struct reading *r, const cJSON *list)
{
    struct table *table = r->table;
    int count = cJSON_GetArraySize(list);
    enum rc rc;

    if (count < 1 || count > TABLE_COLUMNS_MAX)
        return definition_refuse(r, "columns", _("there must be 1 to %d columns; there are %d."),
                                 TABLE_COLUMNS_MAX, count);
    table->columns = mem_zero((size_t)count, sizeof *table->columns);
    table->by_name = mem_zero((size_t)count, sizeof *table->by_name);
    for (const cJSON *json = list->child; json; json = json->next) {
        r->column = table->column_count;
        r->column_name = NULL;
        table->by_name[table->column_count] = &table->columns[table->column_count];
        table->column_count++;
        rc = definition_column_read(r, json);
        if (rc)
            return rc;
    }
    r->column = DEFINITION_NOWHERE;
    r->column_name = NULL;
    qsort(table->by_name, table->column_count, sizeof *table->by_name, by_name);
    return RC_OK;
}

/* Title and done: the column of a kind that `member` names. */
static enum rc read_role(const struct reading *r, const cJSON *obj, const char *member,
                         enum column_kind kind, const struct column **out)
{
    const char *name = json_get_string(obj, member);

    if (!name)
        return RC_OK;
    *out = table_column(r->table, name);
    if (!*out)
        return definition_refuse(r, member, _("\"%s\" names a column; there is no \"%.60s\"."),
                                 member, name);
    if ((*out)->kind != kind)
        return definition_refuse(r, member,
                                 _("\"%s\" must name a column of type %s; \"%s\" is %s."), member,
                                 column_kind_name(kind), name, column_kind_name((*out)->kind));
    return RC_OK;
}

static enum rc read_list(const struct reading *r, const cJSON *list)
{
    struct table *table = r->table;
    int count = cJSON_GetArraySize(list);

    /* Two more than "list" has: without one it is made of done and title. */
    table->list = mem_zero((size_t)count + 2, sizeof *table->list);
    if (!list) {
        if (table->done)
            table->list[table->list_count++] = table->done;
        table->list[table->list_count++] = table->title;
        return RC_OK;
    }
    if (count == 0)
        return definition_refuse(r, "list", _("\"list\" names no column; leave it out instead."));
    for (const cJSON *json = list->child; json; json = json->next) {
        const struct column *col = NULL;

        if (!cJSON_IsString(json))
            return definition_refuse(r, "list", _("\"list\" must hold names of columns."));
        col = table_column(table, json->valuestring);
        if (!col)
            return definition_refuse(r, "list", _("\"list\" names \"%.60s\", which is no column."),
                                     json->valuestring);
        for (size_t i = 0; i < table->list_count; i++) {
            if (table->list[i] == col)
                return definition_refuse(r, "list", _("\"list\" names \"%s\" twice."), col->name);
        }
        table->list[table->list_count++] = col;
    }
    return RC_OK;
}

static enum rc read_sort(const struct reading *r, const cJSON *json)
{
    struct table *table = r->table;
    struct sort_order *sort = &table->sorts[table->sort_count];
    const char *column;
    enum rc rc = definition_members(r, json, sort_members, COUNT(sort_members));

    if (rc)
        return rc;
    sort->name = definition_string(json, "name");
    table->sort_count++;
    if (!definition_name_is_valid(sort->name))
        return definition_refuse(r, "sorts", _("a sort's name is %s."), _(DEFINITION_NAME_RULE));
    for (size_t i = 0; i + 1 < table->sort_count; i++) {
        if (strcmp(table->sorts[i].name, sort->name) == 0)
            return definition_refuse(r, "sorts", _("there are two sorts named \"%s\"."),
                                     sort->name);
    }
    json_get_bool(json, "descending", &sort->is_descending);
    column = json_get_string(json, "column");
    sort->by_created = strcmp(column, "createdAt") == 0;
    if (sort->by_created || strcmp(column, "updatedAt") == 0)
        return RC_OK;
    sort->column = table_column(table, column);
    if (!sort->column)
        return definition_refuse(r, "sorts",
                                 _("the sort \"%s\" names \"%.60s\", which is no column (and not "
                                   "createdAt or updatedAt)."),
                                 sort->name, column);
    return RC_OK;
}

static enum rc read_sorts(const struct reading *r, const cJSON *list)
{
    struct table *table = r->table;
    int count = cJSON_GetArraySize(list);

    if (count > TABLE_SORTS_MAX)
        return definition_refuse(r, "sorts", _("there can be %d sorts; there are %d."),
                                 TABLE_SORTS_MAX, count);
    for (const cJSON *json = list ? list->child : NULL; json; json = json->next) {
        enum rc rc = read_sort(r, json);
        if (rc)
            return rc;
    }
    if (table->sort_count == 0)
        table->sorts[table->sort_count++] =
            (struct sort_order){ .name = mem_strdup("created"), .by_created = true };
    return RC_OK;
}

static enum rc read_table(struct reading *r, const cJSON *obj)
{
    enum rc rc = definition_members(r, obj, table_members, COUNT(table_members));

    if (rc)
        return rc;
    rc = read_name(r, obj);
    if (rc)
        return rc;
    r->table->label = definition_string(obj, "label");
    r->table->label_one = definition_string(obj, "labelOne");
    rc = read_columns(r, json_get(obj, "columns"));
    if (rc)
        return rc;
    rc = read_role(r, obj, "title", COLUMN_TEXT, &r->table->title);
    if (rc)
        return rc;
    rc = read_role(r, obj, "done", COLUMN_BOOL, &r->table->done);
    if (rc)
        return rc;
    rc = read_list(r, json_get(obj, "list"));
    return rc ? rc : read_sorts(r, json_get(obj, "sorts"));
}

/* ---- whole definitions ---- */

enum rc definition_read(const char *json, size_t len, const char *source, struct table **out,
                        struct err *err)
{
    struct table *table = mem_zero(1, sizeof *table);
    size_t mark = definition_mark(json, len);
    struct reading r = { .json = json + mark, .len = len - mark, .table = table,
                         .column = DEFINITION_NOWHERE, .err = err };
    cJSON *obj = NULL;
    enum rc rc;

    table->source = mem_strdup(source);
    rc = json_parse(r.json, r.len, &obj, err);
    if (rc)
        goto out;
    rc = read_table(&r, obj);
    if (rc)
        goto out;
    *out = table;
    table = NULL;
out:
    cJSON_Delete(obj);
    definition_free(table);
    return rc;
}

void definition_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->column_count; i++)
        definition_column_done(&table->columns[i]);
    for (size_t i = 0; i < table->sort_count; i++)
        free(table->sorts[i].name);
    free(table->columns);
    free(table->by_name);
    free(table->list);
    free(table->name);
    free(table->sql);
    free(table->label);
    free(table->label_one);
    free(table->source);
    free(table);
}

static bool keeps_choices(const struct column *old, const struct column *col, const char **lost)
{
    for (size_t i = 0; i < old->choice_count; i++) {
        size_t j = 0;
        while (j < col->choice_count &&
               strcmp(old->choices[i].value, col->choices[j].value) != 0)
            j++;
        if (j == col->choice_count) {
            *lost = old->choices[i].value;
            return false;
        }
    }
    return true;
}

enum rc definition_adds_to(const struct table *old, const struct table *table, struct err *err)
{
    for (size_t i = 0; i < old->column_count; i++) {
        const struct column *was = &old->columns[i];
        const struct column *is = table_column(table, was->name);
        const char *lost = NULL;

        if (!is)
            return err_set(err, RC_INVALID, "the column \"%s\" of the %s table \"%s\" is missing; "
                           "a definition may only add to it.", was->name, old->source, old->name);
        if (is->kind != was->kind)
            return err_set(err, RC_INVALID, "column \"%s\": its type must stay %s.", was->name,
                           column_kind_name(was->kind));
        if (was->reference && strcmp(was->reference, is->reference) != 0)
            return err_set(err, RC_INVALID, "column \"%s\": its table must stay \"%s\".",
                           was->name, was->reference);
        if (!keeps_choices(was, is, &lost))
            return err_set(err, RC_INVALID, "column \"%s\": the choice \"%.100s\" must stay.",
                           was->name, lost);
    }
    return RC_OK;
}
