#include "src/backend/record.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/json.h"
#include "base/text.h"

#define REV_HEAD "{\"rev\":\"" /* how every stored doc begins */

void backend_record_done(struct record *rec)
{
    buf_done(&rec->doc);
    buf_done(&rec->writers);
    rec->id = 0;
}

static void copy_text(char *out, size_t size, const char *s)
{
    size_t len = s == NULL ? 0 : strlen(s);

    if (len >= size)
        len = size - 1;
    if (len > 0)
        memcpy(out, s, len);
    out[len] = '\0';
}

enum rc backend_record_load(struct backend *b, int64_t user, const char *table,
                            const char *client_id, struct record *out, struct err *err)
{
    sqlite3_stmt *st =
        sql_get(b->sql,
                "SELECT id,rev,created_at,updated_at,deleted_at,server_id,run_id,doc,writers"
                " FROM records WHERE user_n=?1 AND table_name=?2 AND client_id=?3",
                err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, user);
    sql_bind_text(st, 2, table);
    sql_bind_text(st, 3, client_id);
    enum rc rc = sql_step(b->sql, st, err);
    if (rc)
        return rc;
    out->id = sql_i64(st, 0);
    out->rev = sql_i64(st, 1);
    out->created_at = sql_i64(st, 2);
    out->updated_at = sql_i64(st, 3);
    out->is_deleted = sql_text(st, 4) != NULL;
    out->deleted_at = sql_i64(st, 4);
    copy_text(out->client_id, sizeof out->client_id, client_id);
    copy_text(out->server_id, sizeof out->server_id, sql_text(st, 5));
    copy_text(out->run_id, sizeof out->run_id, sql_text(st, 6));
    buf_puts(&out->doc, sql_text(st, 7));
    buf_puts(&out->writers, sql_text(st, 8));
    sqlite3_reset(st);
    return RC_OK;
}

static enum rc count_live(struct backend *b, int64_t user, const char *table, int64_t change,
                          struct err *err)
{
    sqlite3_stmt *st = sql_get(b->sql,
                               "INSERT INTO counts(user_n,table_name,live) VALUES(?1,?2,?3)"
                               " ON CONFLICT DO UPDATE SET live=live+excluded.live",
                               err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, user);
    sql_bind_text(st, 2, table);
    sql_bind_i64(st, 3, change);
    return sql_run(b->sql, st, err);
}

enum rc backend_record_store(struct backend *b, int64_t user, const char *table, struct record *rec,
                             bool was_live, struct err *err)
{
    static const char insert[] =
        "INSERT INTO records(rev,updated_at,deleted_at,run_id,doc,writers,user_n,table_name,"
        "client_id,server_id,created_at) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)";
    static const char update[] =
        "UPDATE records SET rev=?1,updated_at=?2,deleted_at=?3,run_id=?4,doc=?5,writers=?6"
        " WHERE id=?7";
    sqlite3_stmt *st = sql_get(b->sql, rec->id == 0 ? insert : update, err);
    bool is_live = !rec->is_deleted;

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, rec->rev);
    sql_bind_i64(st, 2, rec->updated_at);
    if (rec->is_deleted)
        sql_bind_i64(st, 3, rec->deleted_at);
    sql_bind_text(st, 4, rec->run_id[0] != '\0' ? rec->run_id : NULL);
    sql_bind_text_n(st, 5, buf_str(&rec->doc), rec->doc.len);
    sql_bind_text_n(st, 6, buf_str(&rec->writers), rec->writers.len);
    if (rec->id == 0) {
        sql_bind_i64(st, 7, user);
        sql_bind_text(st, 8, table);
        sql_bind_text(st, 9, rec->client_id);
        sql_bind_text(st, 10, rec->server_id);
        sql_bind_i64(st, 11, rec->created_at);
    } else {
        sql_bind_i64(st, 7, rec->id);
    }
    enum rc rc = sql_run(b->sql, st, err);
    if (!rc && rec->id == 0)
        rec->id = sqlite3_last_insert_rowid(sql_handle(b->sql));
    if (!rc && is_live != was_live)
        rc = count_live(b, user, table, is_live ? 1 : -1, err);
    return rc;
}

void backend_value_put(struct buf *out, const struct cJSON *value)
{
    if (cJSON_IsNumber(value) && value->valuedouble >= 0 && value->valuedouble <= 0)
        buf_puts(out, "0.0");
    else
        json_put_convex(out, value);
}

static void put_default(const struct column *col, struct buf *out)
{
    const struct value *v = &col->default_value;

    switch (col->has_default ? v->kind : VALUE_NULL) {
    case VALUE_NULL:
        buf_puts(out, "null");
        break;
    case VALUE_BOOL:
        buf_puts(out, v->flag ? "true" : "false");
        break;
    case VALUE_INT:
        json_put_float(out, (double)v->number);
        break;
    case VALUE_REAL:
        json_put_float(out, v->real);
        break;
    case VALUE_TEXT:
        json_put_string(out, v->text, v->len);
        break;
    }
}

void backend_doc_compose(const struct table *table, const struct record *rec,
                         const struct cJSON *const *values, struct buf *out)
{
    buf_puts(out, REV_HEAD);
    buf_put_i64(out, rec->rev);
    buf_puts(out, "\",\"clientId\":\"");
    buf_puts(out, rec->client_id);
    buf_puts(out, "\",\"serverId\":\"");
    buf_puts(out, rec->server_id);
    buf_puts(out, "\",\"createdAt\":");
    json_put_float(out, (double)rec->created_at);
    buf_puts(out, ",\"updatedAt\":");
    json_put_float(out, (double)rec->updated_at);
    buf_puts(out, ",\"deletedAt\":");
    if (rec->is_deleted)
        json_put_float(out, (double)rec->deleted_at);
    else
        buf_puts(out, "null");
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *col = &table->columns[i];

        buf_putc(out, ',');
        json_put_string(out, col->name, strlen(col->name));
        buf_putc(out, ':');
        if (values[i] == NULL)
            put_default(col, out);
        else
            backend_value_put(out, values[i]);
    }
    buf_putc(out, '}');
}

/* An int64 of encoded JSON: base64 of its 8 bytes, the lowest first. */
static void put_integer(struct buf *out, int64_t v)
{
    unsigned char bytes[8];
    char text[16];

    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)((uint64_t)v >> (8 * i));
    sodium_bin2base64(text, sizeof text, bytes, sizeof bytes, sodium_base64_VARIANT_ORIGINAL);
    buf_puts(out, "{\"$integer\":\"");
    buf_puts(out, text);
    buf_puts(out, "\"}");
}

void backend_doc_put(struct buf *out, const char *doc, size_t len, bool is_encoded)
{
    size_t head = sizeof REV_HEAD - 1;

    if (!is_encoded || len < head) {
        buf_append(out, doc, len);
        return;
    }
    const char *rest = strchr(doc + head, '"');
    if (rest == NULL)
        return;
    buf_puts(out, "{\"rev\":");
    put_integer(out, strtoll(doc + head, NULL, 10));
    rest++;
    buf_append(out, rest, len - (size_t)(rest - doc));
}

void backend_text_put(struct buf *out, const char *s)
{
    struct buf clean = { 0 };
    size_t len = strlen(s);

    while (len > 0) {
        int32_t cp;
        size_t used = text_next(s, len, &cp);

        if (cp < 0)
            buf_putc(&clean, '?');
        else
            buf_append(&clean, s, used);
        s += used;
        len -= used;
    }
    json_put_string(out, buf_str(&clean), clean.len);
    buf_done(&clean);
}
