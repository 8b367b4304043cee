/* What tables and columns of a definition have in common: names, members, and how a refusal says
 * where and what is wrong.
 */
#include "db/definition.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define NAME_MAX_BYTES 60

/* ---- what a refusal says ---- */

enum rc definition_refuse(const struct reading *r, const char *member, const char *fmt, ...)
{
    char sentence[sizeof r->err->msg];
    int line = definition_line(r->json, r->len, r->column, member);
    struct buf where = { 0 };
    va_list args;

    va_start(args, fmt);
    vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    if (line > 0)
        buf_printf(&where, _("line %d"), line);
    if (r->column != DEFINITION_NOWHERE) {
        if (where.len > 0)
            buf_puts(&where, ", ");
        if (r->column_name)
            buf_printf(&where, _("column \"%.60s\""), r->column_name);
        else
            buf_printf(&where, _("column %zu"), r->column + 1);
    }
    err_set(r->err, RC_INVALID, "%s%s%s", buf_str(&where), where.len > 0 ? ": " : "", sentence);
    if (r->column_name)
        err_column(r->err, r->column_name);
    buf_done(&where);
    return RC_INVALID;
}

static enum rc refuse_unknown(const struct reading *r, const char *name,
                              const struct member *members, size_t count)
{
    struct buf known = { 0 };
    enum rc rc;

    for (size_t i = 0; i < count; i++) {
        if (members[i].name[0] == '$')
            continue;           /* for editors; nobody misspells it by hand */
        if (known.len > 0)
            buf_puts(&known, i + 1 < count ? ", " : _(" and "));
        buf_puts(&known, members[i].name);
    }
    rc = definition_refuse(r, name, _("\"%.60s\" is not known here; known are %s."), name,
                           buf_str(&known));
    buf_done(&known);
    return rc;
}

/* ---- members ---- */

static bool has_shape(const cJSON *json, enum member_shape shape)
{
    switch (shape) {
    case MEMBER_STRING:
        return cJSON_IsString(json);
    case MEMBER_BOOL:
        return cJSON_IsBool(json);
    case MEMBER_NUMBER:
        return cJSON_IsNumber(json);
    case MEMBER_LIST:
        return cJSON_IsArray(json);
    case MEMBER_ANY:
        return true;
    }
    return false;
}

static enum rc check_member(const struct reading *r, const struct member *m, const cJSON *json)
{
    static const char *const words[] = {
        [MEMBER_STRING] = N_("a string"),
        [MEMBER_BOOL] = N_("true or false"),
        [MEMBER_NUMBER] = N_("a number"),
        [MEMBER_LIST] = N_("a list in [ ]"),
        [MEMBER_ANY] = N_("a value"),
    };

    if (!json) {
        if (m->is_needed)
            return definition_refuse(r, NULL, _("\"%s\" is missing; it must be %s."), m->name,
                                     _(words[m->shape]));
        return RC_OK;
    }
    if (!has_shape(json, m->shape))
        return definition_refuse(r, m->name, _("\"%s\" must be %s."), m->name, _(words[m->shape]));
    if (m->max_length > 0) {
        size_t len = strlen(json->valuestring);
        if (text_is_blank(json->valuestring, len) ||
            text_count(json->valuestring, len) > m->max_length)
            return definition_refuse(r, m->name, _("\"%s\" must have 1 to %zu characters."),
                                     m->name, m->max_length);
    }
    return RC_OK;
}

enum rc definition_members(const struct reading *r, const struct cJSON *obj,
                           const struct member *members, size_t count)
{
    if (!cJSON_IsObject(obj))
        return definition_refuse(r, NULL, _("there must be an object in { } here."));
    for (const cJSON *json = obj->child; json; json = json->next) {
        size_t i = 0;
        while (i < count && strcmp(members[i].name, json->string) != 0)
            i++;
        if (i == count)
            return refuse_unknown(r, json->string, members, count);
    }
    for (size_t i = 0; i < count; i++) {
        enum rc rc = check_member(r, &members[i], json_get(obj, members[i].name));
        if (rc)
            return rc;
    }
    return RC_OK;
}

char *definition_string(const struct cJSON *obj, const char *name)
{
    const char *s = json_get_string(obj, name);

    return s ? mem_strdup(s) : NULL;
}

/* ---- names ---- */

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

bool definition_name_is_valid(const char *name)
{
    if (!is_lower(*name))
        return false;
    for (const char *s = name; *s; s++) {
        if (!is_lower(*s) && !is_upper(*s) && !(*s >= '0' && *s <= '9'))
            return false;
    }
    return strlen(name) <= NAME_MAX_BYTES;
}

char *definition_sql_name(const char *name)
{
    struct buf sql = { 0 };

    for (const char *s = name; *s; s++) {
        /* A word begins at a capital, but a run of capitals is one word, save its last letter when
         * a small one follows (pdfURLOf: pdf, url, of). */
        if (is_upper(*s) && (!is_upper(s[-1]) || is_lower(s[1])))
            buf_putc(&sql, '_');
        buf_putc(&sql, is_upper(*s) ? (char)(*s - 'A' + 'a') : *s);
    }
    return buf_take(&sql);
}

char *definition_label(const char *sql)
{
    char *label = mem_strdup(sql);

    for (char *s = label; *s; s++) {
        if (*s == '_')
            *s = ' ';
    }
    label[0] = (char)(label[0] - 'a' + 'A');
    return label;
}
