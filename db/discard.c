/* The queue by hand: one op taken out, or edited. What an op had set goes back to what was there
 * without it. */
#include "db/store_priv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

/* One column of the row takes a JSON value; one that does not fit leaves the column as it is. */
static void set_column(struct row *row, const struct column *col, const cJSON *json)
{
    struct value v = { 0 };
    struct err ignored;

    if (json != NULL && column_from_backend(col, json, &v, &ignored) != RC_OK)
        return;
    if (json == NULL && col->has_default)
        value_copy(&v, &col->default_value);
    value_done(&row->values[col->index]);
    row->values[col->index] = v;
}

/* Without a version of the backend's: what the op had set goes back to the values before it. */
static void undo_columns(struct row *row, const struct db_op *op)
{
    cJSON *set = op_json(op->set, cJSON_CreateObject), *base = op_json(op->base, cJSON_CreateObject);
    const cJSON *item;

    cJSON_ArrayForEach(item, set)
    {
        const struct column *col = table_column(row->table, item->string);
        if (col != NULL)
            set_column(row, col, cJSON_GetObjectItemCaseSensitive(base, item->string));
    }
    cJSON_Delete(set);
    cJSON_Delete(base);
}

static void redo_columns(struct row *row, const struct db_ops *waiting)
{
    for (size_t i = 0; i < waiting->count; i++) {
        cJSON *set = op_json(waiting->items[i].set, cJSON_CreateObject);
        const cJSON *item;
        cJSON_ArrayForEach(item, set)
        {
            const struct column *col = table_column(row->table, item->string);
            if (col != NULL)
                set_column(row, col, item);
        }
        cJSON_Delete(set);
    }
}

/* The bases of what still waits: where it sets a column that the discarded op had set, the value
 * before is that op's. Only ops behind it, and those were never sent, because ops of one record
 * go one after the other. */
static enum rc rebase_waiting(struct db *db, const struct db_op *op, const struct db_ops *waiting,
                              struct err *err)
{
    cJSON *gone = op_json(op->set, cJSON_CreateObject), *before = op_json(op->base, cJSON_CreateObject);
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < waiting->count && gone->child != NULL; i++) {
        const struct db_op *later = &waiting->items[i];
        cJSON *set = op_json(later->set, cJSON_CreateObject), *base = op_json(later->base, cJSON_CreateObject);
        struct buf text = { 0 };
        bool is_changed = false;
        const cJSON *item;
        cJSON_ArrayForEach(item, set)
        {
            const cJSON *was = cJSON_GetObjectItemCaseSensitive(before, item->string);
            if (later->seq < op->seq || later->sent_at != 0 || op_flaw(later) != NULL ||
                cJSON_GetObjectItemCaseSensitive(gone, item->string) == NULL)
                continue;
            is_changed = true;
            cJSON_DeleteItemFromObjectCaseSensitive(base, item->string);
            if (was != NULL)
                cJSON_AddItemToObject(base, item->string, cJSON_Duplicate(was, true));
            cJSON_DeleteItemFromObjectCaseSensitive(
                gone, item->string); /* a third one is based on this one */
        }
        json_put(&text, base);
        if (is_changed)
            rc = queue_set_base(db, later->seq, buf_str(&text), err);
        buf_done(&text);
        cJSON_Delete(set);
        cJSON_Delete(base);
    }
    cJSON_Delete(gone);
    cJSON_Delete(before);
    return rc;
}

/* Nothing waits any more: the office's version, or no record where the office has none. */
static enum rc settle(struct db *db, struct row *row, const struct db_op *op, struct err *err)
{
    struct doc theirs = { 0 };
    bool is_known = shadow_decode(row, &theirs);
    enum rc rc = RC_OK;

    if ((is_known && theirs.is_deleted) || (!is_known && row->server_id == NULL)) {
        rc = row_delete(db, row, err);
        goto out;
    }
    row->is_pending = false;
    free(row->shadow);
    row->shadow = NULL;
    if (is_known) {
        row_take_columns(row, &theirs, NULL);
    } else {
        /* The backend has a version, and ours of it is lost: the walk brings it, whatever its
         * rev. */
        undo_columns(row, op);
        row->rev = 0;
        rc = walk_begin_in_tx(db, row->table, NULL, err);
    }
    if (!rc)
        rc = row_write(db, row, err);
out:
    doc_done(&theirs);
    return rc;
}

/* What an op that can not be read has set is known to the row alone. */
static bool has_unreadable(const struct db_ops *ops)
{
    for (size_t i = 0; i < ops->count; i++)
        if (op_flaw(&ops->items[i]) != NULL)
            return true;
    return false;
}

/* Others wait still: their columns stay, the rest becomes the office's version. */
static enum rc settle_behind(struct db *db, struct row *row, const struct db_op *op,
                             const struct db_ops *waiting, struct err *err)
{
    struct doc theirs = { 0 };

    if (!has_unreadable(waiting) && shadow_decode(row, &theirs) && !theirs.is_deleted)
        row_take_columns(row, &theirs, NULL);
    else
        undo_columns(row, op);
    redo_columns(row, waiting);
    enum rc rc = rebase_waiting(db, op, waiting, err);
    if (!rc)
        rc = row_write(db, row, err);
    doc_done(&theirs);
    return rc;
}

static enum rc check_discard(const struct db_op *op, const struct row *row,
                             const struct db_ops *waiting, struct err *err)
{
    if (row->server_id == NULL && op->is_create && waiting->count > 0 &&
        waiting->items[0].seq > op->seq)
        return err_set(err, RC_INVALID,
                       _("Later changes of this new record wait, too: discard those first."));
    return RC_OK;
}

/* A record whose definition is missing can not be put back; one of a table that never was has no
 * row. */
static enum rc check_table(struct db *db, const char *table_name, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT 1 FROM sync_metadata WHERE table_name = ?1", err);

    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table_name);
    enum rc rc = sql_step(db->sql, st, err);
    sqlite3_reset(st);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    return rc
             ? rc
             : err_set(err, RC_INVALID,
                       _("The definition of table %s is missing on this device: put it back first, "
                         "else the office's version can not be brought back."),
                       table_name);
}

static enum rc put_back(struct db *db, const struct db_op *op, struct err *err)
{
    const struct table *table = registry_find(db->registry, op->table_name);
    struct db_ops waiting = { 0 };
    struct row row = { 0 };
    enum rc rc;

    if (table == NULL)
        return check_table(db, op->table_name, err);
    rc = row_read(db, table, op->client_id, &row, err);
    if (!rc)
        rc = queue_of_record(db, op->table_name, op->client_id, &waiting, err);
    if (!rc)
        rc = check_discard(op, &row, &waiting, err);
    if (!rc && row.is_pending)
        rc = waiting.count > 0 ? settle_behind(db, &row, op, &waiting, err)
                               : settle(db, &row, op, err);
    if (rc == RC_NOT_FOUND)
        rc = RC_OK; /* there is no such record (any more): nothing to put back */
    db_ops_done(&waiting);
    row_done(&row);
    return rc;
}

/* Runs a statement with the record (?1 ?2), the ids (?3, a JSON array) and the time (?4). */
static enum rc run_for_ids(struct db *db, const char *text, const struct db_op *op, const char *ids,
                           int *changes, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, text, err);

    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, op->table_name);
    sql_bind_text(st, 2, op->client_id);
    sql_bind_text(st, 3, ids);
    sql_bind_i64(st, 4, db_now(db));
    enum rc rc = sql_run(db->sql, st, err);
    *changes = sqlite3_changes(sql_handle(db->sql));
    return rc;
}

/* What has left this device may arrive at any time. The next op of the record stands for it: one
 * that waits and has not left yet, or one that is made later (queue.c). Receipts are kept for 90
 * days, and so are these. */
static enum rc remember_sent(struct db *db, const struct db_op *op, struct err *err)
{
    cJSON *ids = NULL;
    struct buf text = { 0 };
    struct err ignored;
    int changes = 0;

    const char *flaw = op_flaw(op);
    if (flaw != NULL || json_parse(op->replaces, strlen(op->replaces), &ids, &ignored) != RC_OK)
        ids = cJSON_CreateArray(); /* what can not be read would spoil the op that stands for it */
    if (op->sent_at != 0 && id_is_valid(op->op_id))
        cJSON_AddItemToArray(ids, cJSON_CreateString(op->op_id));
    json_put(&text, ids);
    enum rc rc = run_for_ids(
        db, "DELETE FROM sync_discarded WHERE at < ?4 - 90 * 86400000 AND ?1 <> ?2 AND ?3 <> ''",
        op, buf_str(&text), &changes, err);
    if (!rc && cJSON_GetArraySize(ids) > 0) {
        rc = run_for_ids(db,
                         "UPDATE sync_queue SET replaces = (SELECT json_group_array(value) FROM "
                         "(SELECT value FROM "
                         "json_each(?3) UNION SELECT value FROM json_each(replaces) LIMIT 20)) "
                         "WHERE seq = (SELECT "
                         "min(seq) FROM sync_queue WHERE table_name = ?1 AND record_client_id = "
                         "?2) AND sent_at = 0 "
                         "AND json_valid(replaces) AND ?4 >= 0",
                         op, buf_str(&text), &changes, err);
        if (!rc && changes == 0)
            rc = run_for_ids(
                db,
                "INSERT OR IGNORE INTO sync_discarded (op_id, table_name, record_client_id, at) "
                "SELECT value, ?1, ?2, ?4 FROM json_each(?3)",
                op, buf_str(&text), &changes, err);
    }
    cJSON_Delete(ids);
    buf_done(&text);
    return rc;
}

enum rc db_queue_discard(struct db *db, const struct db_op *op, int64_t want, struct err *err)
{
    struct db_op now = { 0 };
    enum rc rc = tx_begin_data(db, SQL_FULL, registry_find(db->registry, op->table_name), err);

    if (rc)
        return rc;
    rc = queue_read(db, op->seq, &now, err);
    /* An edit since has given it a new id, and is not in the caller's file. */
    if (!rc && strcmp(now.op_id, op->op_id) != 0)
        rc = RC_NOT_FOUND;
    if (!rc)
        rc = queue_delete_at(db, op->seq, err);
    if (!rc)
        rc = remember_sent(db, &now, err);
    if (!rc)
        rc = put_back(db, &now, err);
    if (!rc && want != 0)
        rc = state_want_in_tx(db, want, err);
    if (!rc)
        rc = tx_commit(db, err);
    else
        tx_rollback(db);
    if (!rc)
        log_info("db", "discarded change %.36s",
                 id_is_valid(now.op_id) ? now.op_id : "without an id");
    db_op_done(&now);
    return rc;
}

enum rc db_queue_edit(struct db *db, const struct db_op *op, const struct value *values,
                      const bool *is_set, struct db_saved *out, struct err *err)
{
    const struct table *table = registry_find(db->registry, op->table_name);
    const struct db_edit edit = {
        .table = table, .client_id = op->client_id, .values = values, .is_set = is_set
    };

    if (table == NULL)
        return err_set(err, RC_INVALID,
                       _("The definition of this table is missing on this device."));
    return db_save(db, &edit, out, err);
}
