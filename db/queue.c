/* The queue. One rule carries it: whenever what waits for a record changes, it gets a new op id, and names the old
 * ones that were ever sent. So an answer that was lost, late or still under way can not swallow a newer edit. */
#include "db/store_priv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

#define REPLACES_MAX 20         /* CONTRACT section 2, ids */

const char queue_columns[] = "seq, op_id, table_name, operation, record_client_id, payload, base, replaces, sent_at, "
                             "created_at, updated_at, retry_at, retry_count, state, last_error, last_error_code";

static const char *const state_names[] = { [OP_QUEUED] = "queued", [OP_HELD] = "held", [OP_FAILED] = "failed" };

const char *op_state_name(enum op_state state)
{
    return state_names[state];
}

enum op_state op_state_from(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof state_names / sizeof *state_names; i++)
        if (strcmp(name, state_names[i]) == 0)
            return (enum op_state)i;
    return OP_QUEUED;
}

void db_op_done(struct db_op *op)
{
    free(op->table_name);
    free(op->set);
    free(op->base);
    free(op->replaces);
    free(op->error);
    free(op->error_code);
    memset(op, 0, sizeof *op);
}

void db_ops_done(struct db_ops *ops)
{
    for (size_t i = 0; i < ops->count; i++)
        db_op_done(&ops->items[i]);
    free(ops->items);
    memset(ops, 0, sizeof *ops);
}

void ops_add(struct db_ops *ops, struct db_op *op)
{
    if (ops->count == ops->room) {
        ops->room = ops->room == 0 ? 8 : ops->room * 2;
        ops->items = mem_grow(ops->items, ops->room, sizeof *ops->items);
    }
    ops->items[ops->count++] = *op;
    memset(op, 0, sizeof *op);
}

static void copy_id(char out[ID_SIZE], const char *s)
{
    size_t len = s == NULL ? 0 : strnlen(s, ID_LEN);

    if (len > 0)
        memcpy(out, s, len);
    out[len] = '\0';
}

void op_load(struct db_op *op, sqlite3_stmt *st)
{
    memset(op, 0, sizeof *op);
    op->seq = sql_i64(st, 0);
    copy_id(op->op_id, sql_text(st, 1));
    op->table_name = sql_text_copy(st, 2);
    op->is_create = strcmp(sql_text(st, 3), "create") == 0;
    copy_id(op->client_id, sql_text(st, 4));
    op->set = sql_text_copy(st, 5);
    op->base = sql_text_copy(st, 6);
    op->replaces = sql_text_copy(st, 7);
    op->sent_at = sql_i64(st, 8);
    op->created_at = sql_i64(st, 9);
    op->updated_at = sql_i64(st, 10);
    op->retry_at = sql_i64(st, 11);
    op->retry_count = (int)sql_i64(st, 12);
    op->state = op_state_from(sql_text(st, 13));
    op->error = sql_text_copy(st, 14);
    op->error_code = sql_text_copy(st, 15);
}

/* Runs a prepared SELECT of queue_columns to its end. */
static enum rc load_all(struct db *db, sqlite3_stmt *st, struct db_ops *out, struct err *err)
{
    enum rc rc;

    while ((rc = sql_step(db->sql, st, err)) == RC_OK) {
        struct db_op op;
        op_load(&op, st);
        ops_add(out, &op);
    }
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    db_ops_done(out);
    return rc;
}

enum rc queue_of_record(struct db *db, const char *table_name, const char *client_id, struct db_ops *out,
                        struct err *err)
{
    struct buf text = { 0 };

    memset(out, 0, sizeof *out);
    buf_printf(&text, "SELECT %s FROM sync_queue WHERE table_name = ?1 AND record_client_id = ?2 ORDER BY seq",
               queue_columns);
    sqlite3_stmt *st = sql_get(db->sql, buf_str(&text), err);
    buf_done(&text);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table_name);
    sql_bind_text(st, 2, client_id);
    return load_all(db, st, out, err);
}

/* ---- append and coalesce ---- */

static enum rc insert_op(struct db *db, const struct row *row, bool is_create, const char *set, const char *base,
                         struct err *err)
{
    char op_id[ID_SIZE];
    int64_t now = db_now(db);

    id_new(now, op_id);
    sqlite3_stmt *st = sql_get(db->sql,
        "INSERT INTO sync_queue (op_id, table_name, operation, record_client_id, payload, base, created_at, updated_at) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, op_id);
    sql_bind_text(st, 2, row->table->name);
    sql_bind_text(st, 3, is_create ? "create" : "update");
    sql_bind_text(st, 4, row->client_id);
    sql_bind_text(st, 5, set);
    sql_bind_text(st, 6, base);
    sql_bind_i64(st, 7, now);
    sql_bind_i64(st, 8, row->updated_at);
    db->waiting_delta++;
    return sql_run(db->sql, st, err);
}

static cJSON *parse_or(const char *text, cJSON *(*fallback)(void))
{
    struct err ignored;
    cJSON *json = NULL;

    if (text != NULL && json_parse(text, strlen(text), &json, &ignored) == RC_OK)
        return json;
    return fallback();
}

static void put_member(cJSON *object, const cJSON *item)
{
    cJSON *copy = cJSON_Duplicate(item, true);

    if (cJSON_GetObjectItemCaseSensitive(object, item->string) != NULL)
        cJSON_ReplaceItemInObjectCaseSensitive(object, item->string, copy);
    else
        cJSON_AddItemToObject(object, item->string, copy);
}

static void json_text(const cJSON *json, struct buf *out)
{
    buf_clear(out);
    json_put(out, json);
}

static enum rc rewrite_op(struct db *db, const struct db_op *op, bool is_create, const cJSON *set, const cJSON *base,
                          const cJSON *replaces, int64_t updated_at, struct err *err)
{
    struct buf set_text = { 0 }, base_text = { 0 }, replaces_text = { 0 };
    char op_id[ID_SIZE];
    enum rc rc;

    id_new(db_now(db), op_id);
    json_text(set, &set_text);
    json_text(base, &base_text);
    json_text(replaces, &replaces_text);
    sqlite3_stmt *st = sql_get(db->sql,
        "UPDATE sync_queue SET op_id = ?1, operation = ?2, payload = ?3, base = ?4, replaces = ?5, updated_at = ?6, "
        "sent_at = 0, retry_at = 0, retry_count = 0, state = 'queued', last_error = NULL, last_error_code = NULL "
        "WHERE seq = ?7", err);
    if (st == NULL) {
        rc = err->rc;
        goto out;
    }
    sql_bind_text(st, 1, op_id);
    sql_bind_text(st, 2, is_create ? "create" : "update");
    sql_bind_text(st, 3, buf_str(&set_text));
    sql_bind_text(st, 4, buf_str(&base_text));
    sql_bind_text(st, 5, buf_str(&replaces_text));
    sql_bind_i64(st, 6, updated_at);
    sql_bind_i64(st, 7, op->seq);
    rc = sql_run(db->sql, st, err);
out:
    buf_done(&set_text);
    buf_done(&base_text);
    buf_done(&replaces_text);
    return rc;
}

/* A column that the op already sets keeps its base: what the user saw before the first of the edits. */
static enum rc coalesce(struct db *db, const struct db_op *op, const struct row *row, bool is_create,
                        const cJSON *set, const cJSON *base, struct err *err)
{
    cJSON *all_set = parse_or(op->set, cJSON_CreateObject);
    cJSON *all_base = parse_or(op->base, cJSON_CreateObject);
    cJSON *replaces = parse_or(op->replaces, cJSON_CreateArray);
    const cJSON *item;

    cJSON_ArrayForEach(item, base) {
        if (cJSON_GetObjectItemCaseSensitive(all_set, item->string) == NULL)
            put_member(all_base, item);
    }
    cJSON_ArrayForEach(item, set) {
        put_member(all_set, item);
    }
    if (op->sent_at != 0)
        cJSON_AddItemToArray(replaces, cJSON_CreateString(op->op_id));
    enum rc rc = rewrite_op(db, op, op->is_create || is_create, all_set, all_base, replaces, row->updated_at, err);
    cJSON_Delete(all_set);
    cJSON_Delete(all_base);
    cJSON_Delete(replaces);
    return rc;
}

static bool has_room_for_one_more(const struct db_op *op)
{
    if (op->sent_at == 0)
        return true;
    cJSON *replaces = parse_or(op->replaces, cJSON_CreateArray);
    bool has_room = cJSON_GetArraySize(replaces) < REPLACES_MAX;
    cJSON_Delete(replaces);
    return has_room;
}

enum rc queue_append(struct db *db, const struct row *row, bool is_create, const cJSON *set, const cJSON *base,
                     struct err *err)
{
    struct db_ops waiting;
    enum rc rc = queue_of_record(db, row->table->name, row->client_id, &waiting, err);

    if (rc)
        return rc;
    const struct db_op *last = waiting.count > 0 ? &waiting.items[waiting.count - 1] : NULL;
    if (last != NULL && has_room_for_one_more(last)) {
        rc = coalesce(db, last, row, is_create, set, base, err);
    } else {
        struct buf set_text = { 0 }, base_text = { 0 };
        json_put(&set_text, set);
        json_put(&base_text, base);
        rc = insert_op(db, row, is_create, buf_str(&set_text), buf_str(&base_text), err);
        buf_done(&set_text);
        buf_done(&base_text);
    }
    db_ops_done(&waiting);
    return rc;
}

enum rc queue_append_all(struct db *db, const struct row *row, struct err *err)
{
    struct buf text = { 0 };
    cJSON *set = NULL, *base = cJSON_CreateObject();
    bool is_first = true;
    enum rc rc;

    buf_putc(&text, '{');
    for (size_t i = 0; i < row->table->column_count; i++) {
        const struct column *col = &row->table->columns[i];
        if (row->values[i].kind == VALUE_NULL && (col->is_required || col->has_default))
            continue;           /* null would be refused there */
        if (!is_first)
            buf_putc(&text, ',');
        is_first = false;
        json_put_string(&text, col->name, strlen(col->name));
        buf_putc(&text, ':');
        column_to_json(col, &row->values[i], &text);
    }
    buf_putc(&text, '}');
    rc = json_parse(buf_str(&text), text.len, &set, err);
    if (!rc)
        rc = queue_append(db, row, true, set, base, err);
    cJSON_Delete(set);
    cJSON_Delete(base);
    buf_done(&text);
    return rc;
}

/* ---- as a person sees it ---- */

enum rc db_queue_list(struct db *db, struct db_ops *out, struct err *err)
{
    struct buf text = { 0 };

    memset(out, 0, sizeof *out);
    buf_printf(&text, "SELECT %s FROM sync_queue ORDER BY seq", queue_columns);
    sqlite3_stmt *st = sql_get(db->sql, buf_str(&text), err);
    buf_done(&text);
    return st == NULL ? err->rc : load_all(db, st, out, err);
}

enum rc db_queue_find(struct db *db, const char *prefix, struct db_op *out, struct err *err)
{
    struct buf text = { 0 };
    struct db_ops found = { 0 };
    enum rc rc;

    if (prefix[0] == '\0' || strspn(prefix, "0123456789abcdefABCDEF-") != strlen(prefix))
        return err_set(err, RC_NOT_FOUND, "No waiting change has an id that begins with this.");
    buf_printf(&text, "SELECT %s FROM sync_queue WHERE (op_id >= lower(?1) AND op_id < lower(?1) || 'g') "
                      "OR (record_client_id >= lower(?1) AND record_client_id < lower(?1) || 'g') ORDER BY seq LIMIT 2",
               queue_columns);
    sqlite3_stmt *st = sql_get(db->sql, buf_str(&text), err);
    buf_done(&text);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, prefix);
    rc = load_all(db, st, &found, err);
    if (rc)
        return rc;
    if (found.count == 1) {
        *out = found.items[0];
        memset(&found.items[0], 0, sizeof found.items[0]);
    } else if (found.count == 0) {
        rc = err_set(err, RC_NOT_FOUND, "No waiting change has an id that begins with %s.", prefix);
    } else {
        rc = err_set(err, RC_INVALID, "Several waiting changes have an id that begins with %s; give more of it.", prefix);
    }
    db_ops_done(&found);
    return rc;
}

enum rc db_queue_retry(struct db *db, const char *op_id, int64_t *count, struct err *err)
{
    enum rc rc = tx_begin(db, SQL_FULL, err);

    if (rc)
        return rc;
    sqlite3_stmt *st = sql_get(db->sql,
        "UPDATE sync_queue SET retry_count = 0, retry_at = 0, state = 'queued' "
        "WHERE (?1 IS NULL OR op_id = ?1) AND (state <> 'queued' OR retry_count > 0 OR retry_at > 0)", err);
    if (st == NULL) {
        rc = err->rc;
        goto out;
    }
    sql_bind_text(st, 1, op_id);
    rc = sql_run(db->sql, st, err);
    if (rc)
        goto out;
    int64_t changed = sqlite3_changes64(sql_handle(db->sql));
    rc = tx_commit(db, err);
    if (!rc)
        *count = changed;
out:
    if (rc)
        tx_rollback(db);
    return rc;
}

static void put_op_members(const struct db_op *op, struct buf *out)
{
    buf_printf(out, "\"opId\":\"%s\",\"table\":", op->op_id);
    json_put_string(out, op->table_name, strlen(op->table_name));
    buf_printf(out, ",\"clientId\":\"%s\",\"operation\":\"%s\",\"set\":%s,\"base\":%s,\"createdAt\":", op->client_id,
               op->is_create ? "create" : "update", op->set, op->base);
    buf_put_i64(out, op->created_at);
    buf_puts(out, ",\"updatedAt\":");
    buf_put_i64(out, op->updated_at);
    if (strcmp(op->replaces, "[]") != 0)
        buf_printf(out, ",\"replaces\":%s", op->replaces);
}

void db_op_encode(const struct db_op *op, struct buf *out)
{
    buf_putc(out, '{');
    put_op_members(op, out);
    buf_putc(out, '}');
}

static void put_text_or_null(struct buf *out, const char *name, const char *s)
{
    buf_printf(out, ",\"%s\":", name);
    if (s != NULL)
        json_put_string(out, s, strlen(s));
    else
        buf_puts(out, "null");
}

void db_op_to_json(const struct db_op *op, struct buf *out)
{
    buf_putc(out, '{');
    put_op_members(op, out);
    buf_printf(out, ",\"state\":\"%s\",\"retryCount\":%d,\"sentAt\":", op_state_name(op->state), op->retry_count);
    buf_put_i64(out, op->sent_at);
    buf_puts(out, ",\"retryAt\":");
    buf_put_i64(out, op->retry_at);
    put_text_or_null(out, "error", op->error);
    put_text_or_null(out, "errorCode", op->error_code);
    buf_putc(out, '}');
}

enum rc db_queue_counts(struct db *db, struct db_queue_counts *out, struct err *err)
{
    /* Asked after every batch: the total is kept, and of the others there are few, each in an index of its own. */
    sqlite3_stmt *st = sql_get(db->sql, "SELECT waiting, (SELECT count(*) FROM sync_queue WHERE state = 'held'), "
                                        "(SELECT count(*) FROM sync_queue WHERE state = 'failed') FROM sync_state", err);
    if (st == NULL)
        return err->rc;
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc;
    out->waiting = sql_i64(st, 0);
    out->held = sql_i64(st, 1);
    out->failed = sql_i64(st, 2);
    sqlite3_reset(st);
    return RC_OK;
}
