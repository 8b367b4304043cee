#include "src/backend/edit.h"

#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/json.h"

#define DELETED "deletedAt" /* in the conflict log and among the writers; no column has this name */
#define ALL "*"

struct merge {
    const struct edit *edit;
    const struct record *rec;
    cJSON *doc, *writers; /* as stored; NULL for a new record */
    const cJSON *was[TABLE_COLUMNS_MAX], *now[TABLE_COLUMNS_MAX];
    bool is_changed[TABLE_COLUMNS_MAX];
};

const struct column *backend_edit_lacks(const struct table *table, const struct cJSON *set)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *col = &table->columns[i];
        if (col->is_required && !col->has_default && json_get(set, col->name) == NULL)
            return col;
    }
    return NULL;
}

static enum rc merge_init(struct merge *m, const struct edit *edit, const struct record *rec,
                          struct err *err)
{
    const struct table *table = edit->table;
    enum rc rc = RC_OK;

    m->edit = edit;
    m->rec = rec;
    if (rec->id != 0) {
        rc = json_parse(buf_str(&rec->doc), rec->doc.len, &m->doc, err);
        if (!rc)
            rc = json_parse(buf_str(&rec->writers), rec->writers.len, &m->writers, err);
        if (rc)
            return err_set(err, RC_CORRUPT, "A record of table %s can not be read.", table->name);
    }
    for (size_t i = 0; i < table->column_count; i++) {
        const cJSON *set = json_get(edit->set, table->columns[i].name);

        m->was[i] = json_get(m->doc, table->columns[i].name);
        m->now[i] = set != NULL ? set : m->was[i];
        m->is_changed[i] = set != NULL && (m->was[i] == NULL || !json_equal(set, m->was[i]));
    }
    return RC_OK;
}

static void merge_done(struct merge *m)
{
    cJSON_Delete(m->doc);
    cJSON_Delete(m->writers);
}

static bool changes_anything(const struct merge *m)
{
    if (m->rec->id == 0 || m->rec->is_deleted != m->edit->is_removal)
        return true;
    for (size_t i = 0; i < m->edit->table->column_count; i++) {
        if (m->is_changed[i])
            return true;
    }
    return false;
}

static const char *writer_of(const struct merge *m, const char *column)
{
    const char *name = json_get_string(m->writers, column);

    if (name == NULL)
        name = json_get_string(m->writers, ALL);
    return name != NULL ? name : WRITER_OFFICE;
}

static bool is_null_or_absent(const cJSON *v)
{
    return v == NULL || cJSON_IsNull(v);
}

/* The stored value differs from the one that the device saw and from its new one, and somebody else
 * wrote it. */
static bool is_conflict(const struct merge *m, size_t at)
{
    const char *name = m->edit->table->columns[at].name;
    const cJSON *base = json_get(m->edit->base, name);

    if (m->edit->base == NULL || m->was[at] == NULL || !m->is_changed[at])
        return false;
    if (is_null_or_absent(base) ? cJSON_IsNull(m->was[at]) : json_equal(base, m->was[at]))
        return false;
    return strcmp(writer_of(m, name), m->edit->writer) != 0;
}

static void put_member(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, ",\"%s\":", name);
    json_put_string(out, text, strlen(text));
}

static void put_value_member(struct buf *out, const char *name, const cJSON *value)
{
    buf_printf(out, ",\"%s\":", name);
    if (value == NULL)
        buf_puts(out, "null");
    else
        backend_value_put(out, value);
}

/* What a device calls its base may be anything; only what could be a column's value goes into the
 * log. */
static const cJSON *loggable(const cJSON *base)
{
    if (cJSON_IsObject(base) || cJSON_IsArray(base))
        return NULL;
    return cJSON_IsString(base) && strlen(base->valuestring) > RECORD_JSON_MAX ? NULL : base;
}

static enum rc log_conflict(struct backend *b, const struct merge *m, const char *column,
                            const cJSON *base, const cJSON *theirs, const cJSON *ours,
                            struct buf *overwrote, struct err *err)
{
    const struct edit *edit = m->edit;
    struct buf doc = { 0 };
    sqlite3_stmt *st = sql_get(b->sql, "INSERT INTO conflicts(user_n,doc) VALUES(?1,?2)", err);

    if (st == NULL)
        return err->rc;
    buf_printf(&doc, "{\"table\":\"%s\",\"clientId\":\"%s\"", edit->table->name, edit->client_id);
    put_member(&doc, "column", column);
    put_value_member(&doc, "base", loggable(base));
    put_value_member(&doc, "theirs", theirs);
    put_value_member(&doc, "ours", ours);
    put_member(&doc, "theirWriter", writer_of(m, column));
    put_member(&doc, "deviceId", edit->writer);
    put_member(&doc, "opId", edit->op_id);
    buf_puts(&doc, ",\"at\":");
    json_put_float(&doc, (double)edit->now);
    buf_putc(&doc, '}');
    sql_bind_i64(st, 1, edit->user);
    sql_bind_text_n(st, 2, buf_str(&doc), doc.len);
    enum rc rc = sql_run(b->sql, st, err);
    if (!rc) {
        buf_printf(overwrote, "%s{\"column\":", overwrote->len > 0 ? "," : "");
        json_put_string(overwrote, column, strlen(column));
        put_value_member(overwrote, "theirs", theirs);
        buf_putc(overwrote, '}');
    }
    buf_done(&doc);
    return rc;
}

static enum rc log_conflicts(struct backend *b, const struct merge *m, struct buf *overwrote,
                             struct err *err)
{
    const struct edit *edit = m->edit;
    enum rc rc = RC_OK;

    if (edit->base == NULL || m->rec->id == 0)
        return RC_OK;
    if (m->rec->is_deleted)
        rc = log_conflict(b, m, DELETED, NULL, json_get(m->doc, DELETED), NULL, overwrote, err);
    for (size_t i = 0; !rc && i < edit->table->column_count; i++) {
        const char *name = edit->table->columns[i].name;
        if (is_conflict(m, i))
            rc = log_conflict(b, m, name, json_get(edit->base, name), m->was[i], m->now[i],
                              overwrote, err);
    }
    return rc;
}

/* `writers` of the record after this edit. Most records have one writer: he stands for all columns
 * as "*". */
static void put_writers(const struct merge *m, struct buf *out)
{
    const struct edit *edit = m->edit;
    const char *all = m->writers == NULL ? edit->writer : writer_of(m, ALL);

    buf_puts(out, "{\"" ALL "\":");
    json_put_string(out, all, strlen(all));
    for (size_t i = 0; i <= edit->table->column_count; i++) {
        bool is_column = i < edit->table->column_count;
        const char *name = is_column ? edit->table->columns[i].name : DELETED;
        bool is_written = is_column ? m->is_changed[i] : m->rec->is_deleted != edit->is_removal;
        const char *writer = is_written || m->writers == NULL ? edit->writer : writer_of(m, name);

        if (strcmp(writer, all) != 0)
            put_member(out, name, writer);
    }
    buf_putc(out, '}');
}

static void fill_record(struct backend *b, const struct merge *m, struct record *next)
{
    const struct edit *edit = m->edit;
    const struct record *rec = m->rec;

    next->id = rec->id;
    next->rev = backend_store_next_rev(b);
    next->created_at = rec->id == 0 ? edit->created_at : rec->created_at;
    next->updated_at = edit->updated_at;
    next->is_deleted = edit->is_removal;
    next->deleted_at = edit->is_removal ? edit->now : 0;
    memcpy(next->client_id, edit->client_id, ID_SIZE);
    if (rec->id == 0)
        id_new(edit->now, next->server_id);
    else
        memcpy(next->server_id, rec->server_id, ID_SIZE);
    if (edit->run_id != NULL)
        memcpy(next->run_id, edit->run_id, strlen(edit->run_id) + 1);
    backend_doc_compose(edit->table, next, m->now, &next->doc);
    put_writers(m, &next->writers);
}

enum rc backend_edit_apply(struct backend *b, const struct edit *edit, struct record *rec,
                           struct buf *overwrote, struct err *err)
{
    struct merge m = { 0 };
    struct record next = { 0 };
    enum rc rc = merge_init(&m, edit, rec, err);

    if (rc || !changes_anything(&m))
        goto out;
    fill_record(b, &m, &next);
    if (next.doc.len > RECORD_JSON_MAX) {
        rc = err_set(err, RC_REFUSED, "The record would have %zu bytes; at most %u are possible.",
                     next.doc.len, RECORD_JSON_MAX);
        err_code(err, "invalid_value");
        goto out;
    }
    rc = log_conflicts(b, &m, overwrote, err);
    if (!rc)
        rc = backend_record_store(b, edit->user, edit->table->name, &next,
                                  rec->id != 0 && !rec->is_deleted, err);
    if (rc)
        goto out;
    backend_store_use_rev(b, next.rev);
    backend_record_done(rec);
    *rec = next;
    next = (struct record){ 0 };
out:
    merge_done(&m);
    backend_record_done(&next);
    return rc;
}
