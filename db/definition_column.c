/* One column of a definition. */
#include "db/definition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "db/column_type.h"

#define LABEL_MAX 40
#define HELP_MAX 500
#define UNIT_MAX 20
#define CHOICE_MAX 100
#define CHOICES_MAX 1000
#define EXAMPLES_MAX 100

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const struct member column_members[] = {
    { .name = "name", .shape = MEMBER_STRING, .is_needed = true },
    { .name = "label", .shape = MEMBER_STRING, .max_length = LABEL_MAX },
    { .name = "type", .shape = MEMBER_STRING, .is_needed = true },
    { .name = "required", .shape = MEMBER_BOOL },
    { .name = "default", .shape = MEMBER_ANY },
    { .name = "maxLength", .shape = MEMBER_NUMBER, .takes = TAKES_LENGTH },
    { .name = "examples", .shape = MEMBER_LIST, .takes = TAKES_LENGTH },
    { .name = "min", .shape = MEMBER_NUMBER, .takes = TAKES_LIMITS },
    { .name = "max", .shape = MEMBER_NUMBER, .takes = TAKES_LIMITS },
    { .name = "choices", .shape = MEMBER_LIST, .takes = TAKES_CHOICES },
    { .name = "table", .shape = MEMBER_STRING, .takes = TAKES_TABLE },
    { .name = "multiline", .shape = MEMBER_BOOL, .takes = TAKES_LINES },
    { .name = "readOnly", .shape = MEMBER_BOOL },
    { .name = "help", .shape = MEMBER_STRING, .max_length = HELP_MAX },
    { .name = "unit", .shape = MEMBER_STRING, .max_length = UNIT_MAX, .takes = TAKES_UNIT },
};

static const struct member choice_members[] = {
    { .name = "value", .shape = MEMBER_STRING, .is_needed = true },
    { .name = "label", .shape = MEMBER_STRING },
};

/* Columns of every data table, in SQL; the backend's own members of a doc (CONTRACT section 4) are
 * among them by the same rule that makes SQL names. */
static const char *const reserved_columns[] = {
    "id", "rowid", "client_id", "server_id", "server_rev", "user_id", "created_at", "updated_at",
    "deleted_at", "sync_status", "shadow", "extra", "rev", "run_id",
    "writers",
};

void definition_column_done(struct column *col)
{
    free(col->name);
    free(col->sql);
    free(col->label);
    free(col->help);
    free(col->unit);
    free(col->reference);
    value_done(&col->default_value);
    for (size_t i = 0; i < col->choice_count; i++) {
        free(col->choices[i].value);
        free(col->choices[i].label);
    }
    for (size_t i = 0; i < col->example_count; i++)
        free(col->examples[i]);
    free(col->choices);
    free(col->examples);
    *col = (struct column){ 0 };
}

static enum rc read_names(const struct reading *r, const cJSON *obj, struct column *col)
{
    const char *name = json_get_string(obj, "name");

    if (!definition_name_is_valid(name))
        return definition_refuse(r, "name", _("a name is %s."), _(DEFINITION_NAME_RULE));
    col->name = mem_strdup(name);
    col->sql = definition_sql_name(name);
    for (size_t i = 0; i < COUNT(reserved_columns); i++) {
        if (strcmp(col->sql, reserved_columns[i]) == 0)
            return definition_refuse(r, "name", _("the name is kept for Outpost's own columns."));
    }
    for (size_t i = 0; i < col->index; i++) {
        const struct column *other = &r->table->columns[i];
        if (strcmp(col->name, other->name) == 0)
            return definition_refuse(r, "name", _("there is a column of that name already."));
        if (strcmp(col->sql, other->sql) == 0)
            return definition_refuse(r, "name",
                                     _("the name is too like \"%s\": both are %s in the store."),
                                     other->name, col->sql);
    }
    col->label = definition_string(obj, "label");
    if (!col->label)
        col->label = definition_label(col->sql);
    return RC_OK;
}

static enum rc refuse_type(const struct reading *r, const char *name)
{
    struct buf names = { 0 };
    enum rc rc;

    for (int kind = COLUMN_TEXT; kind <= COLUMN_REFERENCE; kind++) {
        if (names.len > 0)
            buf_puts(&names, kind == COLUMN_REFERENCE ? _(" or ") : ", ");
        buf_puts(&names, column_kind_name((enum column_kind)kind));
    }
    rc = definition_refuse(r, "type", _("\"%.40s\" is no type; it must be %s."), name,
                           buf_str(&names));
    buf_done(&names);
    return rc;
}

/* Has the column what its type needs, and nothing that its type has no use for? */
static enum rc check_takes(const struct reading *r, const cJSON *obj,
                           const struct column_type *type)
{
    for (size_t i = 0; i < COUNT(column_members); i++) {
        const struct member *m = &column_members[i];
        bool is_there = json_get(obj, m->name) != NULL;

        if (is_there && m->takes && !(m->takes & type->takes))
            return definition_refuse(r, m->name, _("a column of type %s has no \"%s\"."),
                                     type->name, m->name);
        if (!is_there && (m->takes & type->needs))
            return definition_refuse(r, NULL, _("a column of type %s needs \"%s\"."), type->name,
                                     m->name);
    }
    return RC_OK;
}

static enum rc read_length(const struct reading *r, const cJSON *obj, struct column *col)
{
    double d = COLUMN_TEXT_MAX;

    json_get_number(obj, "maxLength", &d);
    if (!(d >= 1 && d <= COLUMN_TEXT_MAX) || floor(d) != d)
        return definition_refuse(r, "maxLength", _("\"maxLength\" is a whole number from 1 to %d."),
                                 COLUMN_TEXT_MAX);
    col->max_length = (size_t)d;
    return RC_OK;
}

static enum rc read_limit(const struct reading *r, const cJSON *obj, const char *name,
                          bool is_whole, bool *has, double *out)
{
    *has = json_get_number(obj, name, out);
    if (!*has)
        return RC_OK;
    *out += 0.0;
    if (!isfinite(*out))
        return definition_refuse(r, name, _("\"%s\" is too large."), name);
    if (is_whole && (floor(*out) != *out || fabs(*out) >= COLUMN_WHOLE_LIMIT))
        return definition_refuse(r, name, _("\"%s\" must be a whole number below 2^53 in size."),
                                 name);
    return RC_OK;
}

static enum rc read_limits(const struct reading *r, const cJSON *obj, bool is_whole,
                           struct column *col)
{
    enum rc rc = read_limit(r, obj, "min", is_whole, &col->has_min, &col->min);

    if (rc)
        return rc;
    rc = read_limit(r, obj, "max", is_whole, &col->has_max, &col->max);
    if (rc)
        return rc;
    if (col->has_min && col->has_max && col->min > col->max)
        return definition_refuse(r, "min", _("\"min\" is above \"max\"."));
    return RC_OK;
}

static enum rc read_choice(const struct reading *r, const cJSON *json, struct column *col)
{
    struct choice *choice = &col->choices[col->choice_count];
    const char *value = json->valuestring, *label = NULL;

    if (cJSON_IsObject(json)) {
        enum rc rc = definition_members(r, json, choice_members, COUNT(choice_members));
        if (rc)
            return rc;
        value = json_get_string(json, "value");
        label = json_get_string(json, "label");
    } else if (!cJSON_IsString(json)) {
        return definition_refuse(r, "choices",
                                 _("a choice is a string or {\"value\", \"label\"}."));
    }
    if (!label)
        label = value;
    if (text_is_blank(value, strlen(value)) || text_is_blank(label, strlen(label)))
        return definition_refuse(r, "choices", _("a choice is empty."));
    if (text_count(value, strlen(value)) > CHOICE_MAX ||
        text_count(label, strlen(label)) > CHOICE_MAX)
        return definition_refuse(r, "choices", _("a choice can have %d characters."), CHOICE_MAX);
    for (size_t i = 0; i < col->choice_count; i++) {
        if (strcmp(col->choices[i].value, value) == 0)
            return definition_refuse(r, "choices", _("the choice \"%.100s\" is there twice."),
                                     value);
    }
    choice->value = mem_strdup(value);
    choice->label = mem_strdup(label);
    col->choice_count++;
    return RC_OK;
}

static enum rc read_choices(const struct reading *r, const cJSON *list, struct column *col)
{
    int count = cJSON_GetArraySize(list);

    if (count < 1 || count > CHOICES_MAX)
        return definition_refuse(r, "choices", _("there must be 1 to %d choices; there are %d."),
                                 CHOICES_MAX, count);
    col->choices = mem_zero((size_t)count, sizeof *col->choices);
    for (const cJSON *json = list->child; json; json = json->next) {
        enum rc rc = read_choice(r, json, col);
        if (rc)
            return rc;
    }
    return RC_OK;
}

/* Each is a text that the column would take. */
static enum rc read_examples(const struct reading *r, const cJSON *list, struct column *col)
{
    int count = cJSON_GetArraySize(list);

    if (!list)
        return RC_OK;
    if (count < 1 || count > EXAMPLES_MAX)
        return definition_refuse(r, "examples", _("there can be 1 to %d examples; there are %d."),
                                 EXAMPLES_MAX, count);
    col->examples = mem_zero((size_t)count, sizeof *col->examples);
    for (const cJSON *json = list->child; json; json = json->next) {
        struct value text = { 0 };
        struct err why = { 0 };

        if (!cJSON_IsString(json) ||
            text_is_blank(json->valuestring, strlen(json->valuestring)))
            return definition_refuse(r, "examples", _("an example is a text that is not empty."));
        if (column_from_json(col, json, &text, &why))
            return definition_refuse(r, "examples", _("an example is not right: %s"), why.msg);
        value_done(&text);
        col->examples[col->example_count++] = mem_strdup(json->valuestring);
    }
    return RC_OK;
}

/* What only some kinds have: each by the bit of its row, so that a new kind is only a row. */
static enum rc read_details(const struct reading *r, const cJSON *obj,
                            const struct column_type *type, struct column *col)
{
    enum rc rc = RC_OK;

    if (type->takes & TAKES_LENGTH)
        rc = read_length(r, obj, col);
    if (!rc && (type->takes & TAKES_LENGTH))
        rc = read_examples(r, json_get(obj, "examples"), col);
    if (!rc && (type->takes & TAKES_LIMITS))
        rc = read_limits(r, obj, type->is_whole, col);
    if (!rc && (type->takes & TAKES_CHOICES))
        rc = read_choices(r, json_get(obj, "choices"), col);
    if (!rc && (type->takes & TAKES_TABLE)) {
        col->reference = definition_string(obj, "table");
        if (!definition_name_is_valid(col->reference))
            rc = definition_refuse(r, "table", _("\"table\" is the name of a table: %s."),
                                   _(DEFINITION_NAME_RULE));
    }
    return rc;
}

/* After all else: a default has to keep the column's own rules. */
static enum rc read_default(const struct reading *r, const cJSON *obj, struct column *col)
{
    const cJSON *json = json_get(obj, "default");
    struct err why = { 0 };

    if (!json)
        return RC_OK;
    if (cJSON_IsNull(json))
        return definition_refuse(r, "default", _("a default cannot be null; leave it out."));
    if (column_from_json(col, json, &col->default_value, &why))
        return definition_refuse(r, "default", _("the default is not right: %s"), why.msg);
    col->has_default = true;
    return RC_OK;
}

enum rc definition_column_read(struct reading *r, const cJSON *obj)
{
    struct column *col = &r->table->columns[r->column];
    const struct column_type *type;
    enum rc rc;

    r->column_name = json_get_string(obj, "name");
    col->index = r->column;
    rc = definition_members(r, obj, column_members, COUNT(column_members));
    if (rc)
        return rc;
    rc = read_names(r, obj, col);
    if (rc)
        return rc;
    type = column_type_named(json_get_string(obj, "type"), &col->kind);
    if (!type)
        return refuse_type(r, json_get_string(obj, "type"));
    rc = check_takes(r, obj, type);
    if (rc)
        return rc;

    json_get_bool(obj, "required", &col->is_required);
    json_get_bool(obj, "readOnly", &col->is_read_only);
    json_get_bool(obj, "multiline", &col->is_multiline);
    col->help = definition_string(obj, "help");
    col->unit = definition_string(obj, "unit");
    rc = read_details(r, obj, type, col);
    if (rc)
        return rc;
    rc = read_default(r, obj, col);
    if (rc)
        return rc;
    /* A switch on a form is never empty: what "required" would ask for cannot be left out. */
    if (col->is_required && type->shape == VALUE_BOOL && !col->has_default)
        return definition_refuse(r, "required",
                                 _("a bool is not required; give it \"default\": false (or true) "
                                   "instead."));
    return RC_OK;
}
