/* The queue. One rule carries it: whenever what waits for a record changes, it gets a new op id, and names the old
 * ones that were ever sent. So an answer that was lost, late or still under way can not swallow a newer edit. */
#include "db/store_priv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"

const char queue_columns[] = "seq, op_id, table_name, operation, record_client_id, payload, base, replaces, sent_at, "
                             "created_at, updated_at, retry_at, retry_count, state, last_error, last_error_code";

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

void put_pair(struct buf *out, const struct column *col, const struct value *v)
{
    if (out->len > 1)
        buf_putc(out, ',');
    json_put_string(out, col->name, strlen(col->name));
    buf_putc(out, ':');
    column_to_json(col, v, out);
}

static enum rc insert_op(struct db *db, const struct row *row, bool is_create, const char *set, const char *base,
                         struct err *err)
{
    char op_id[ID_SIZE];
    int64_t now = db_now(db);

    id_new(now, op_id);
    sqlite3_stmt *st = sql_get(db->sql,
        "INSERT INTO sync_queue (op_id, table_name, operation, record_client_id, payload, base, created_at, updated_at, "
        "replaces) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, (SELECT json_group_array(op_id) FROM (SELECT op_id FROM "
        "sync_discarded WHERE table_name = ?2 AND record_client_id = ?4 ORDER BY at DESC, op_id DESC LIMIT 20)))", err);
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
    enum rc rc = sql_run(db->sql, st, err);
    if (rc)
        return rc;
    /* It stands for them now; its own discard would give them back. */
    st = sql_get(db->sql, "DELETE FROM sync_discarded WHERE table_name = ?1 AND record_client_id = ?2", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, row->table->name);
    sql_bind_text(st, 2, row->client_id);
    return sql_run(db->sql, st, err);
}

cJSON *op_json(const char *text, cJSON *(*empty)(void))
{
    struct err ignored;
    cJSON *json = NULL, *none = empty();

    if (text != NULL && json_parse(text, strlen(text), &json, &ignored) == RC_OK &&
        cJSON_IsArray(json) == cJSON_IsArray(none) && cJSON_IsObject(json) == cJSON_IsObject(none)) {
        cJSON_Delete(none);
        return json;
    }
    cJSON_Delete(json);
    return none;
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
        "created_at = iif(created_at BETWEEN 0 AND 253402300799999, created_at, ?6), sent_at = 0, retry_at = 0, retry_count = 0, state = 'queued', last_error = NULL, last_error_code = NULL "
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

/* Every column that the user may have set, as a create. */
static enum rc whole_set(const struct row *row, cJSON **out, struct err *err)
{
    struct buf text = { 0 };

    buf_putc(&text, '{');
    for (size_t i = 0; i < row->table->column_count; i++) {
        const struct column *col = &row->table->columns[i];
        if (row->values[i].kind == VALUE_NULL && (col->is_required || col->has_default))
            continue;           /* null would be refused there */
        put_pair(&text, col, &row->values[i]);
    }
    buf_putc(&text, '}');
    enum rc rc = json_parse(buf_str(&text), text.len, out, err);
    buf_done(&text);
    return rc;
}

/* What the row has and the backend's version has not. */
static enum rc differences(const struct row *row, const struct doc *theirs, cJSON **set, cJSON **base, struct err *err)
{
    struct buf set_text = { 0 }, base_text = { 0 };

    buf_putc(&set_text, '{');
    buf_putc(&base_text, '{');
    for (size_t i = 0; i < row->table->column_count; i++) {
        const struct column *col = &row->table->columns[i];
        if (value_equal(&row->values[i], &theirs->values[i]))
            continue;
        put_pair(&set_text, col, &row->values[i]);
        put_pair(&base_text, col, &theirs->values[i]);
    }
    buf_putc(&set_text, '}');
    buf_putc(&base_text, '}');
    enum rc rc = json_parse(buf_str(&set_text), set_text.len, set, err);
    if (!rc)
        rc = json_parse(buf_str(&base_text), base_text.len, base, err);
    buf_done(&set_text);
    buf_done(&base_text);
    return rc;
}

enum rc queue_remake(struct db *db, const struct db_op *op, const struct row *row, struct err *err)
{
    struct doc theirs = { 0 };
    cJSON *set = NULL, *base = NULL, *replaces = cJSON_CreateArray();
    bool is_update = shadow_decode(row, &theirs) && !theirs.is_deleted;
    enum rc rc;

    if (op->sent_at != 0 && id_is_valid(op->op_id))
        cJSON_AddItemToArray(replaces, cJSON_CreateString(op->op_id));
    if (is_update) {
        rc = differences(row, &theirs, &set, &base, err);
    } else {
        base = cJSON_CreateObject();
        rc = whole_set(row, &set, err);
    }
    if (!rc)
        rc = rewrite_op(db, op, !is_update, set, base, replaces, row->updated_at, err);
    doc_done(&theirs);
    cJSON_Delete(set);
    cJSON_Delete(base);
    cJSON_Delete(replaces);
    return rc;
}

/* A column that the op already sets keeps its base: what the user saw before the first of the edits. */
static enum rc coalesce(struct db *db, const struct db_op *op, int64_t updated_at, bool is_create,
                        const cJSON *set, const cJSON *base, struct err *err)
{
    cJSON *all_set = op_json(op->set, cJSON_CreateObject);
    cJSON *all_base = op_json(op->base, cJSON_CreateObject);
    cJSON *replaces = op_json(op->replaces, cJSON_CreateArray);
    const cJSON *item;

    cJSON_ArrayForEach(item, base) {
        if (cJSON_GetObjectItemCaseSensitive(all_set, item->string) == NULL)
            put_member(all_base, item);
    }
    cJSON_ArrayForEach(item, set) {
        put_member(all_set, item);
    }
    if (op->sent_at != 0 && cJSON_GetArraySize(replaces) < REPLACES_MAX)
        cJSON_AddItemToArray(replaces, cJSON_CreateString(op->op_id));
    enum rc rc = rewrite_op(db, op, op->is_create || is_create, all_set, all_base, replaces, updated_at, err);
    cJSON_Delete(all_set);
    cJSON_Delete(all_base);
    cJSON_Delete(replaces);
    return rc;
}

enum rc queue_drop_column(struct db *db, const struct db_op *op, const char *column, struct err *err)
{
    cJSON *set = op_json(op->set, cJSON_CreateObject);
    cJSON *base = op_json(op->base, cJSON_CreateObject);
    cJSON *replaces = op_json(op->replaces, cJSON_CreateArray);

    cJSON_DeleteItemFromObjectCaseSensitive(set, column);
    cJSON_DeleteItemFromObjectCaseSensitive(base, column);
    /* It was refused, so no late arrival of it can do anything either, until the backend grows: then it must not. */
    if (cJSON_GetArraySize(replaces) < REPLACES_MAX)
        cJSON_AddItemToArray(replaces, cJSON_CreateString(op->op_id));
    enum rc rc = rewrite_op(db, op, op->is_create, set, base, replaces, op->updated_at, err);
    cJSON_Delete(set);
    cJSON_Delete(base);
    cJSON_Delete(replaces);
    return rc;
}

/* One that was refused needs no room for itself: arriving late, it would be refused again. And what is typed after that
 * must reach it, else nothing could ever mend it. */
static bool has_room_for_one_more(const struct db_op *op)
{
    if (op->sent_at == 0 || op->retry_count > 0)
        return true;
    cJSON *replaces = op_json(op->replaces, cJSON_CreateArray);
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
    if (last != NULL && op_flaw(last) != NULL) {
        rc = queue_remake(db, last, row, err);
    } else if (last != NULL && has_room_for_one_more(last)) {
        rc = coalesce(db, last, row->updated_at, is_create, set, base, err);
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

/* The ops behind the first one into it. */
static enum rc fold(struct db *db, struct db_ops *waiting, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 1; !rc && i < waiting->count; i++) {
        const struct db_op *later = &waiting->items[i];
        cJSON *set = op_json(later->set, cJSON_CreateObject), *base = op_json(later->base, cJSON_CreateObject);
        struct db_op first = { 0 };
        rc = queue_read(db, waiting->items[0].seq, &first, err);
        if (!rc)
            rc = coalesce(db, &first, later->updated_at, later->is_create, set, base, err);
        if (!rc)
            rc = queue_delete_at(db, later->seq, err);
        db_op_done(&first);
        cJSON_Delete(set);
        cJSON_Delete(base);
    }
    return rc;
}

enum rc queue_fold_refused(struct db *db, const struct db_op *op, bool *is_folded, struct err *err)
{
    struct db_ops waiting;
    enum rc rc = queue_of_record(db, op->table_name, op->client_id, &waiting, err);

    if (rc)
        return rc;
    *is_folded = waiting.count > 1 && strcmp(waiting.items[0].op_id, op->op_id) == 0;
    for (size_t i = 1; i < waiting.count; i++)
        *is_folded = *is_folded && op_flaw(&waiting.items[i]) == NULL && strcmp(waiting.items[i].replaces, "[]") == 0;
    if (*is_folded)
        rc = fold(db, &waiting, err);
    db_ops_done(&waiting);
    return rc;
}

enum rc queue_append_all(struct db *db, const struct row *row, struct err *err)
{
    cJSON *set = NULL, *base = cJSON_CreateObject();
    enum rc rc = whole_set(row, &set, err);

    if (!rc)
        rc = queue_append(db, row, true, set, base, err);
    cJSON_Delete(set);
    cJSON_Delete(base);
    return rc;
}

enum rc queue_delete(struct db *db, const char *op_id, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "DELETE FROM sync_queue WHERE op_id = ?1", err);

    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, op_id);
    enum rc rc = sql_run(db->sql, st, err);
    if (!rc)
        db->waiting_delta -= sqlite3_changes(sql_handle(db->sql));
    return rc;
}

enum rc queue_delete_at(struct db *db, int64_t seq, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "DELETE FROM sync_queue WHERE seq = ?1", err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, seq);
    enum rc rc = sql_run(db->sql, st, err);
    if (!rc)
        db->waiting_delta -= sqlite3_changes(sql_handle(db->sql));
    return rc;
}

enum rc queue_set_base(struct db *db, int64_t seq, const char *base, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_queue SET base = ?2 WHERE seq = ?1", err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, seq);
    sql_bind_text(st, 2, base);
    return sql_run(db->sql, st, err);
}

enum rc queue_read(struct db *db, int64_t seq, struct db_op *out, struct err *err)
{
    struct buf text = { 0 };

    buf_printf(&text, "SELECT %s FROM sync_queue WHERE seq = ?1", queue_columns);
    sqlite3_stmt *st = sql_get(db->sql, buf_str(&text), err);
    buf_done(&text);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, seq);
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc;
    op_load(out, st);
    sqlite3_reset(st);
    return RC_OK;
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
    bool is_place = prefix[0] == '#';
    const char *digits = is_place ? "0123456789" : "0123456789abcdefABCDEF-";
    enum rc rc;

    prefix += is_place;
    if (prefix[0] == '\0' || strspn(prefix, digits) != strlen(prefix))
        return err_set(err, RC_NOT_FOUND, _("No waiting change has an id that begins with this."));
    buf_printf(&text, "SELECT %s FROM sync_queue WHERE %s ORDER BY seq LIMIT 2", queue_columns,
               is_place ? "seq = CAST(?1 AS INTEGER)"
                        : "(op_id >= lower(?1) AND op_id < lower(?1) || 'g') "
                          "OR (record_client_id >= lower(?1) AND record_client_id < lower(?1) || 'g')");
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
        rc = err_set(err, RC_NOT_FOUND, _("No waiting change has an id that begins with %s."),
                     prefix);
    } else {
        rc = err_set(err, RC_INVALID,
                     _("Several waiting changes have an id that begins with %s; give more of it."),
                     prefix);
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
