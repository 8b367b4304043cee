/* One row in memory, and its three spellings: SQLite, the backend's doc, the user's record. */
#include "db/store_priv.h"

#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

/* `_mine`: has this device written the record, and was any of it accepted? */
enum { MINE_NOT, MINE_ACCEPTED, MINE_WAITING };

void row_init(struct row *row, const struct table *table, const char *client_id)
{
    memset(row, 0, sizeof *row);
    row->table = table;
    if (client_id != NULL)
        memcpy(row->client_id, client_id, ID_SIZE);
    row->values = mem_zero(table->column_count, sizeof *row->values);
}

void row_done(struct row *row)
{
    if (row->values != NULL)
        for (size_t i = 0; i < row->table->column_count; i++)
            value_done(&row->values[i]);
    free(row->values);
    free(row->server_id);
    free(row->shadow);
    free(row->extra);
    memset(row, 0, sizeof *row);
}

/* By the column's shape, not by what SQLite finds: on a damaged page that may be anything, and SQLite converts it. */
static void load_value(struct value *v, const struct column *col, sqlite3_stmt *st, int at)
{
    int stored = sqlite3_column_type(st, at);

    if (stored == SQLITE_NULL)
        return;
    v->kind = column_shape(col);
    switch (v->kind) {
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
        v->flag = sqlite3_column_int64(st, at) != 0;
        break;
    case VALUE_INT:
        v->number = sqlite3_column_int64(st, at);
        break;
    case VALUE_REAL:
        v->real = sqlite3_column_double(st, at);
        break;
    case VALUE_TEXT:
        value_set_text(v, (const char *)sqlite3_column_text(st, at), (size_t)sqlite3_column_bytes(st, at));
        break;
    }
}

void row_load(struct row *row, const struct table *table, sqlite3_stmt *st)
{
    row_init(row, table, NULL);
    row->id = sql_i64(st, 0);
    const char *client_id = sql_text(st, 1);
    if (client_id != NULL && strlen(client_id) == ID_LEN)
        memcpy(row->client_id, client_id, ID_SIZE);
    row->server_id = sql_text_copy(st, 2);
    row->rev = sql_i64(st, 3);
    row->created_at = sql_i64(st, 4);
    row->updated_at = sql_i64(st, 5);
    const char *status = sql_text(st, 6);
    row->is_pending = status != NULL && strcmp(status, "pending") == 0;
    row->shadow = sql_text_copy(st, 7);
    row->extra = sql_text_copy(st, 8);
    row->seen = sql_i64(st, 9);
    row->is_mine = sql_i64(st, 10) != MINE_NOT;
    row->was_accepted = sql_i64(st, 10) == MINE_ACCEPTED;
    row->was_done = sql_i64(st, 11) != 0;
    for (size_t i = 0; i < table->column_count; i++)
        load_value(&row->values[i], &table->columns[i], st, 12 + (int)i);
}

enum rc row_read(struct db *db, const struct table *table, const char *client_id, struct row *row, struct err *err)
{
    row_init(row, table, client_id);
    sqlite3_stmt *st = sql_get(db->sql, table_sql(db, table)->by_client, err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, client_id);
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc;
    row_done(row);
    row_load(row, table, st);
    sqlite3_reset(st);
    return RC_OK;
}

bool row_is_done(const struct row *row)
{
    const struct column *done = row->table->done;

    return done != NULL && row->values[done->index].kind == VALUE_BOOL && row->values[done->index].flag;
}

enum rc row_write(struct db *db, struct row *row, struct err *err)
{
    const struct table *table = row->table;
    struct table_sql *sql = table_sql(db, table);
    struct value keys[TABLE_SORTS_MAX] = { 0 };
    bool is_done = row_is_done(row);
    int at = 0;

    sqlite3_stmt *st = sql_get(db->sql, row->id == 0 ? sql->insert : sql->update, err);
    if (st == NULL)
        return err->rc;
    sql_bind_text_n(st, ++at, row->client_id, ID_LEN);
    sql_bind_text(st, ++at, row->server_id);
    sql_bind_i64(st, ++at, row->rev);
    sql_bind_text(st, ++at, db->user_id);
    sql_bind_i64(st, ++at, row->created_at);
    sql_bind_i64(st, ++at, row->updated_at);
    sql_bind_text(st, ++at, row->is_pending ? "pending" : "synced");
    sql_bind_text(st, ++at, row->shadow);
    sql_bind_text(st, ++at, row->extra);
    sql_bind_i64(st, ++at, row->seen);
    sql_bind_i64(st, ++at, row->was_accepted ? MINE_ACCEPTED : row->is_mine ? MINE_WAITING : MINE_NOT);
    sql_bind_i64(st, ++at, is_done);
    for (size_t i = 0; i < table->sort_count; i++) {
        const struct sort_order *sort = &table->sorts[i];
        const struct value none = { 0 };
        sort_key(sort, sort->column != NULL ? &row->values[sort->column->index] : &none, row->created_at,
                 row->updated_at, &keys[i]);
        sql_bind_value(st, ++at, &keys[i]);
    }
    for (size_t i = 0; i < table->column_count; i++)
        sql_bind_value(st, ++at, &row->values[i]);
    if (row->id != 0)
        sql_bind_i64(st, ++at, row->id);
    enum rc rc = sql_run(db->sql, st, err);
    for (size_t i = 0; i < table->sort_count; i++)
        value_done(&keys[i]);
    if (rc)
        return rc;
    if (row->id != 0)
        sql->count_delta[row->was_done]--;
    else
        row->id = sqlite3_last_insert_rowid(sql_handle(db->sql));
    sql->count_delta[is_done]++;
    row->was_done = is_done;
    return RC_OK;
}

enum rc row_delete(struct db *db, struct row *row, struct err *err)
{
    struct table_sql *sql = table_sql(db, row->table);

    if (row->id == 0)
        return RC_OK;
    sqlite3_stmt *st = sql_get(db->sql, sql->delete, err);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, row->id);
    enum rc rc = sql_run(db->sql, st, err);
    if (rc)
        return rc;
    sql->count_delta[row->was_done]--;
    row->id = 0;
    return RC_OK;
}

/* The backend's value of a column that is kept in extra, because it is of another type than ours. In JSON text `"name":`
 * is a member's name wherever it stands: within a string its quotes would be escaped. */
static bool is_in_extra(const struct column *col, const char *extra)
{
    struct buf name = { 0 };

    if (extra == NULL)
        return false;
    json_put_string(&name, col->name, strlen(col->name));
    buf_putc(&name, ':');
    bool is_there = strstr(extra, buf_str(&name)) != NULL;
    buf_done(&name);
    return is_there;
}

static void put_columns(const struct table *table, const struct value *values, const bool *is_there, const char *extra,
                        struct buf *out)
{
    for (size_t i = 0; i < table->column_count; i++) {
        if ((is_there != NULL && !is_there[i]) || is_in_extra(&table->columns[i], extra))
            continue;
        buf_putc(out, ',');
        json_put_string(out, table->columns[i].name, strlen(table->columns[i].name));
        buf_putc(out, ':');
        column_to_json(&table->columns[i], &values[i], out);
    }
    if (extra != NULL && strlen(extra) > 2) {           /* "{…}" without its braces */
        buf_putc(out, ',');
        buf_append(out, extra + 1, strlen(extra) - 2);
    }
}

static void put_head(const char *client_id, const char *server_id, int64_t created_at, int64_t updated_at,
                     struct buf *out)
{
    buf_printf(out, "{\"clientId\":\"%s\",\"serverId\":", client_id);
    if (server_id != NULL)
        json_put_string(out, server_id, strlen(server_id));
    else
        buf_puts(out, "null");
    buf_puts(out, ",\"createdAt\":");
    buf_put_i64(out, created_at);
    buf_puts(out, ",\"updatedAt\":");
    buf_put_i64(out, updated_at);
}

void row_to_doc(const struct row *row, bool is_deleted, struct buf *out)
{
    row_to_partial_doc(row, is_deleted, NULL, out);
}

void row_to_partial_doc(const struct row *row, bool is_deleted, const bool *is_there, struct buf *out)
{
    put_head(row->client_id, row->server_id, row->created_at, row->updated_at, out);
    buf_puts(out, ",\"rev\":\"");
    buf_put_i64(out, row->rev);
    /* That it is gone matters to the device, not when. */
    buf_puts(out, is_deleted ? "\",\"deletedAt\":1" : "\",\"deletedAt\":null");
    put_columns(row->table, row->values, is_there, row->extra, out);
    buf_putc(out, '}');
}

/* ---- struct record, the user's side ---- */

void record_done(struct record *rec)
{
    if (rec->values != NULL)
        for (size_t i = 0; i < rec->table->column_count; i++)
            value_done(&rec->values[i]);
    free(rec->values);
    free(rec->server_id);
    free(rec->extra);
    value_done(&rec->key);
    memset(rec, 0, sizeof *rec);
}

static const char *status_name(enum record_mark mark)
{
    static const char *const names[] = {
        [MARK_SYNCED] = "synced", [MARK_NEW] = "pending", [MARK_CHANGED] = "pending",
        [MARK_HELD] = "held", [MARK_FAILED] = "failed",
    };
    return names[mark];
}

void record_to_json(const struct record *rec, struct buf *out)
{
    put_head(rec->client_id, rec->server_id, rec->created_at, rec->updated_at, out);
    put_columns(rec->table, rec->values, NULL, rec->extra, out);
    buf_printf(out, ",\"syncStatus\":\"%s\"}", status_name(rec->mark));
}
