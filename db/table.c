/* What asks a whole table: columns by name, the check of an op's `set`, the fingerprint. */
#include "db/registry.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/i18n.h"
#include "base/json.h"

const struct column *table_column(const struct table *table, const char *name)
{
    size_t low = 0, high = table->column_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, table->by_name[middle]->name);
        if (order == 0)
            return table->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static enum rc check_known(const struct table *table, const cJSON *set, struct err *err)
{
    for (const cJSON *json = set->child; json; json = json->next) {
        const struct column *col = table_column(table, json->string);
        enum rc rc;

        if (!col) {
            rc = err_set(err, RC_INVALID, _("%s have no column \"%.60s\"."), table->label,
                         json->string);
            err_code(err, "unknown_column");
            err_column(err, json->string);
            return rc;
        }
        rc = column_check_json(col, json, err);
        if (rc)
            return rc;
    }
    return RC_OK;
}

enum rc table_check_set(const struct table *table, const struct cJSON *set, bool is_create,
                        struct err *err)
{
    const struct value nothing = { 0 };
    enum rc rc;

    if (!cJSON_IsObject(set)) {
        rc = err_set(err, RC_INVALID, _("The columns that are set must be a JSON object."));
        err_code(err, "invalid_value");
        return rc;
    }
    rc = check_known(table, set, err);
    for (size_t i = 0; !rc && is_create && i < table->column_count; i++) {
        const struct column *col = &table->columns[i];
        if (col->is_required && !col->has_default && !json_get(set, col->name))
            rc = column_check(col, &nothing, err);
    }
    return rc;
}

/* ---- fingerprint ---- */

/* Each text with its length first, so that "ab","c" and "a","bc" differ. */
static void put_text(struct buf *out, const char *s)
{
    buf_printf(out, "%zu:%s,", s ? strlen(s) : 0, s ? s : "");
}

static void put_limit(struct buf *out, bool has, double limit)
{
    if (has)
        json_put_double(out, limit);
    buf_putc(out, ';');
}

static void put_column(struct buf *out, const struct column *col)
{
    put_text(out, col->name);
    put_text(out, column_kind_name(col->kind));
    buf_putc(out, col->is_required ? '!' : '?');
    put_limit(out, col->has_min, col->min);
    put_limit(out, col->has_max, col->max);
    buf_put_i64(out, (int64_t)col->max_length);
    put_text(out, col->reference);
    if (col->has_default)
        column_to_json(col, &col->default_value, out);
    for (size_t i = 0; i < col->choice_count; i++)
        put_text(out, col->choices[i].value);
    buf_putc(out, '\n');
}

/* FNV-1a, 128 bits (draft-eastlake-fnv): it has to tell versions of a definition apart, not to
 * withstand anybody. */
static void hash_hex(const struct buf *b, char out[33])
{
    const unsigned __int128 prime = ((unsigned __int128)1 << 88) + 0x13B;
    unsigned __int128 hash =
        ((unsigned __int128)UINT64_C(0x6c62272e07bb0142) << 64) + UINT64_C(0x62b821756295c58d);

    for (size_t i = 0; i < b->len; i++)
        hash = (hash ^ (unsigned char)b->data[i]) * prime;
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)(hash >> 64),
             (unsigned long long)(hash & UINT64_MAX));
}

void table_fingerprint(const struct table *table, char out[33])
{
    struct buf b = { 0 };

    put_text(&b, table->name);
    put_text(&b, table->title->name);
    put_text(&b, table->done ? table->done->name : NULL);
    for (size_t i = 0; i < table->sort_count; i++) {
        const struct sort_order *sort = &table->sorts[i];
        put_text(&b, sort->column ? sort->column->name : NULL);
        buf_putc(&b, sort->by_created ? 'c' : 'u');
        buf_putc(&b, sort->is_descending ? 'd' : 'a');
    }
    for (size_t i = 0; i < table->column_count; i++)
        put_column(&b, &table->columns[i]);
    hash_hex(&b, out);
    buf_done(&b);
}
