/* The queue as sync sends it, and the backend's answers to it. */
#include "db/push.h"
#include "db/store_priv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define REJECTIONS_MAX 3
#define DAY_MS (24 * 3600 * 1000LL)

/* ---- taking ---- */

/* Ops of one record go one after the other. And a wait is seconds after a refusal, and a day at
 * most when held: what is said to be due later was written by a clock that has been set back since. */
#define IS_FIRST "NOT EXISTS (SELECT 1 FROM sync_queue e WHERE e.table_name = q.table_name AND " \
                 "e.record_client_id = q.record_client_id AND e.seq < q.seq)"
#define IS_DUE "(retry_at <= ?1 OR retry_at > ?1 + iif(state = 'held', 86400000, 60000))"

/* Held ops whose day has come; and ops of tables whose definition is missing are held, so that they can be seen
 * and are not looked at again at every take. */
static enum rc release_held(struct db *db, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_queue SET state = 'queued' WHERE state = 'held' AND " IS_DUE, err);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, db_now(db));
    return sql_run(db->sql, st, err);
}

static enum rc set_op_state(struct db *db, const char *op_id, const char *state, int refusals, int64_t retry_at,
                            const char *code, const char *message, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_queue SET state = ?2, retry_count = retry_count + ?3, "
                                        "retry_at = ?4, last_error_code = ?5, last_error = ?6 WHERE op_id = ?1", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, op_id);
    sql_bind_text(st, 2, state);
    sql_bind_i64(st, 3, refusals);
    sql_bind_i64(st, 4, retry_at);
    sql_bind_text(st, 5, code);
    sql_bind_text(st, 6, message);
    return sql_run(db->sql, st, err);
}

/* The same for an op whose id may be the thing that is wrong; no answer can name it. */
static enum rc set_aside(struct db *db, int64_t seq, const char *state, int64_t retry_at, const char *code,
                         const char *message, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_queue SET state = ?2, retry_at = ?3, last_error_code = ?4, "
                                        "last_error = ?5 WHERE seq = ?1", err);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, seq);
    sql_bind_text(st, 2, state);
    sql_bind_i64(st, 3, retry_at);
    sql_bind_text(st, 4, code);
    sql_bind_text(st, 5, message);
    return sql_run(db->sql, st, err);
}

/* Held: the definition of its table may come. Failed: no part of it can be sent, ever. */
static enum rc set_aside_all(struct db *db, const struct db_ops *ops, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < ops->count; i++) {
        const struct db_op *op = &ops->items[i];
        const char *flaw = op_flaw(op);
        struct buf message = { 0 };
        if (flaw == NULL) {
            rc = set_aside(db, op->seq, "held", db_now(db) + DAY_MS, "unknown_table",
                           "The definition of this table is missing on this device.", err);
            continue;
        }
        buf_printf(&message, "This change can not be read any more (%s), and is not sent. See: outpost doctor.", flaw);
        rc = set_aside(db, op->seq, "failed", 0, "unreadable", buf_str(&message), err);
        buf_done(&message);
        log_warn("db", "a change in the queue can not be read (%s)", flaw);
    }
    return rc;
}

static enum rc mark_sent(struct db *db, struct db_op *op, int64_t now, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_queue SET sent_at = ?2 WHERE seq = ?1", err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, op->seq);
    sql_bind_i64(st, 2, now);
    op->sent_at = now;
    return sql_run(db->sql, st, err);
}

static size_t op_size(const struct db_op *op)
{
    return strlen(op->set) + strlen(op->base) + strlen(op->replaces) + strlen(op->table_name) + 200;
}

/* Reads the due ops into *out, as far as the limits go; what can not be sent into *aside. */
static enum rc read_due(struct db *db, size_t max_ops, size_t max_bytes, struct db_ops *out, struct db_ops *aside,
                        struct err *err)
{
    struct buf text = { 0 };
    size_t bytes = 0;
    enum rc rc;

    buf_printf(&text, "SELECT %s FROM sync_queue q WHERE state = 'queued' AND " IS_DUE " AND " IS_FIRST
                      " ORDER BY seq", queue_columns);
    sqlite3_stmt *st = sql_get(db->sql, buf_str(&text), err);
    buf_done(&text);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, db_now(db));
    while ((rc = sql_step(db->sql, st, err)) == RC_OK) {
        struct db_op op;
        op_load(&op, st);
        if (op_flaw(&op) != NULL || registry_find(db->registry, op.table_name) == NULL) {
            ops_add(aside, &op);
            continue;
        }
        bytes += op_size(&op);
        if (out->count > 0 && bytes > max_bytes) {
            db_op_done(&op);
            break;
        }
        ops_add(out, &op);
        if (out->count == max_ops)
            break;
    }
    sqlite3_reset(st);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

enum rc db_push_take(struct db *db, size_t max_ops, size_t max_bytes, struct db_ops *out, struct err *err)
{
    struct db_ops taken = { 0 }, aside = { 0 };
    int64_t due = 0;
    enum rc rc = db_push_due(db, &due, err);

    /* Nothing to do is the common case, and should write nothing. */
    if (!rc && due > db_now(db))
        rc = RC_NOT_FOUND;
    if (!rc)
        rc = tx_begin_data(db, SQL_FULL, NULL, err);
    if (rc)
        return rc;
    rc = release_held(db, err);
    if (!rc)
        rc = read_due(db, max_ops, max_bytes, &taken, &aside, err);
    if (!rc)
        rc = set_aside_all(db, &aside, err);
    for (size_t i = 0; !rc && i < taken.count; i++)
        rc = mark_sent(db, &taken.items[i], db_now(db), err);
    if (!rc)
        rc = tx_commit(db, err);
    else
        tx_rollback(db);
    if (!rc && taken.count == 0)
        rc = RC_NOT_FOUND;
    if (!rc) {
        *out = taken;
        taken = (struct db_ops){ 0 };
    }
    db_ops_done(&taken);
    db_ops_done(&aside);
    return rc;
}

static enum rc read_due_time(struct db *db, const char *query, int64_t now, int64_t *out, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, query, err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, now);
    enum rc rc = sql_step(db->sql, st, err);
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    if (rc)
        return rc;
    if (sqlite3_column_type(st, 0) != SQLITE_NULL && sql_i64(st, 0) < *out)
        *out = sql_i64(st, 0);
    sqlite3_reset(st);
    return RC_OK;
}

enum rc db_push_due(struct db *db, int64_t *due_ms, struct err *err)
{
    int64_t due = INT64_MAX, now = db_now(db); /* one now: what fell due between two is due in neither */
    enum rc rc = read_due_time(db, "SELECT 0 FROM sync_queue q WHERE state = 'queued' AND " IS_DUE " AND " IS_FIRST
                                   " LIMIT 1", now, &due, err);

    if (!rc && due != 0)
        rc = read_due_time(db, "SELECT min(retry_at) FROM sync_queue q WHERE state = 'queued' AND retry_at > ?1 AND "
                               IS_FIRST, now, &due, err);
    if (!rc && due != 0)
        rc = read_due_time(db, "SELECT min(iif(" IS_DUE ", 0, retry_at)) FROM sync_queue WHERE state = 'held'", now, &due,
                           err);
    if (!rc)
        *due_ms = due;
    return rc;
}

/* ---- answers ---- */

/* Whatever it was: the backend has the record, and what is left may lack what a create needs. */
static enum rc update_texts(struct db *db, const struct db_op *op, const cJSON *set, const cJSON *base, struct err *err)
{
    struct buf set_text = { 0 }, base_text = { 0 };
    enum rc rc;

    json_put(&set_text, set);
    json_put(&base_text, base);
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_queue SET operation = 'update', payload = ?2, base = ?3 "
                                        "WHERE seq = ?1", err);
    if (st == NULL) {
        rc = err->rc;
    } else {
        sql_bind_i64(st, 1, op->seq);
        sql_bind_text(st, 2, buf_str(&set_text));
        sql_bind_text(st, 3, buf_str(&base_text));
        rc = sql_run(db->sql, st, err);
    }
    buf_done(&set_text);
    buf_done(&base_text);
    return rc;
}

/* One waiting op after another op of its record was accepted: its base takes the accepted values, and what equals
 * them drops out. Columns in `covered` are set by an op that goes before it, so they are judged against that one. */
static bool rebase_texts(const cJSON *accepted, const cJSON *covered, cJSON *set, cJSON *base)
{
    const cJSON *item;
    bool is_changed = false;

    cJSON_ArrayForEach(item, accepted) {
        const cJSON *waiting = cJSON_GetObjectItemCaseSensitive(set, item->string);
        if (waiting == NULL || cJSON_GetObjectItemCaseSensitive(covered, item->string) != NULL)
            continue;
        is_changed = true;
        cJSON_DeleteItemFromObjectCaseSensitive(base, item->string);
        if (json_equal(waiting, item))
            cJSON_DeleteItemFromObjectCaseSensitive(set, item->string);
        else
            cJSON_AddItemToObject(base, item->string, cJSON_Duplicate(item, true));
    }
    return is_changed;
}

/* The content of a waiting op that was itself sent must not change under its op id: a lost answer to it may still say
 * that the whole of it was applied. So only ops that never left are rebased; a sent one is right as it is. */
static enum rc rebase(struct db *db, struct db_ops *waiting, const cJSON *accepted, struct err *err)
{
    cJSON *covered = cJSON_CreateObject();
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < waiting->count; i++) {
        struct db_op *op = &waiting->items[i];
        cJSON *set = op_json(op->set, cJSON_CreateObject), *base = op_json(op->base, cJSON_CreateObject);
        if (op->sent_at == 0 && rebase_texts(accepted, covered, set, base)) {
            rc = cJSON_GetArraySize(set) > 0 ? update_texts(db, op, set, base, err) : queue_delete(db, op->op_id, err);
        }
        const cJSON *item;
        cJSON_ArrayForEach(item, set) {
            if (cJSON_GetObjectItemCaseSensitive(covered, item->string) == NULL)
                cJSON_AddTrueToObject(covered, item->string);
        }
        cJSON_Delete(set);
        cJSON_Delete(base);
    }
    cJSON_Delete(covered);
    return rc;
}

static enum rc log_conflict(struct db *db, const struct db_op *op, const cJSON *item, const cJSON *set,
                            const cJSON *base, struct err *err)
{
    const char *column = json_get_string(item, "column");
    const cJSON *theirs = json_get(item, "theirs");
    struct buf texts[3] = { { 0 }, { 0 }, { 0 } };
    const cJSON *parts[3];
    enum rc rc;

    if (column == NULL)
        return RC_OK;
    parts[0] = cJSON_GetObjectItemCaseSensitive(base, column);
    parts[1] = theirs;
    parts[2] = cJSON_GetObjectItemCaseSensitive(set, column);
    for (size_t i = 0; i < 3; i++) {
        if (parts[i] != NULL)
            json_put(&texts[i], parts[i]);
        else
            buf_puts(&texts[i], "null");
    }
    sqlite3_stmt *st = sql_get(db->sql, "INSERT OR IGNORE INTO conflicts (op_id, table_name, record_client_id, "
                                        "column_name, base, theirs, ours, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                               err);
    if (st == NULL) {
        rc = err->rc;
    } else {
        sql_bind_text(st, 1, op->op_id);
        sql_bind_text(st, 2, op->table_name);
        sql_bind_text(st, 3, op->client_id);
        sql_bind_text(st, 4, column);
        for (int i = 0; i < 3; i++)
            sql_bind_text(st, 5 + i, buf_str(&texts[i]));
        sql_bind_i64(st, 8, db_now(db));
        rc = sql_run(db->sql, st, err);
    }
    for (size_t i = 0; i < 3; i++)
        buf_done(&texts[i]);
    return rc;
}

static enum rc log_conflicts(struct db *db, const struct db_push_result *result, const cJSON *set, struct err *err)
{
    const cJSON *item;
    enum rc rc = RC_OK;

    if (!cJSON_IsArray(result->overwrote) || cJSON_GetArraySize(result->overwrote) == 0)
        return RC_OK;
    cJSON *base = op_json(result->op->base, cJSON_CreateObject);
    cJSON_ArrayForEach(item, result->overwrote) {
        if (!rc)
            rc = log_conflict(db, result->op, item, set, base, err);
    }
    cJSON_Delete(base);
    return rc;
}

static enum rc apply_accepted(struct db *db, const struct db_push_result *result, struct doc *doc, const char *epoch,
                              struct err *err)
{
    const struct db_op *op = result->op;
    struct db_ops waiting = { 0 };
    struct walk_state walk;
    cJSON *set = op_json(op->set, cJSON_CreateObject);
    enum rc rc = walk_notice_epoch(db, doc->table, epoch, err);

    if (!rc)
        rc = walk_state_read(db, doc->table, &walk, err);
    if (!rc)
        rc = queue_delete(db, op->op_id, err);
    if (!rc)
        rc = log_conflicts(db, result, set, err);
    if (!rc)
        rc = queue_of_record(db, op->table_name, op->client_id, &waiting, err);
    if (!rc && waiting.count > 0) {
        rc = rebase(db, &waiting, set, err);
        db_ops_done(&waiting);
        if (!rc)
            rc = queue_of_record(db, op->table_name, op->client_id, &waiting, err);
    }
    if (!rc)
        rc = apply_push_doc(db, doc, &walk, set, &waiting, err);
    db_ops_done(&waiting);
    cJSON_Delete(set);
    return rc;
}

static bool is_waiting(struct db *db, const char *op_id, int *refusals, bool *is_create, enum rc *rc, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT retry_count, operation = 'create' FROM sync_queue WHERE op_id = ?1", err);

    if (st == NULL) {
        *rc = err->rc;
        return false;
    }
    sql_bind_text(st, 1, op_id);
    *rc = sql_step(db->sql, st, err);
    if (*rc == RC_OK) {
        *refusals = (int)sql_i64(st, 0);
        *is_create = sql_i64(st, 1) != 0;
        sqlite3_reset(st);
        return true;
    }
    if (*rc == RC_NOT_FOUND)
        *rc = RC_OK;            /* an edit has taken its place meanwhile: this answer is about nothing that waits */
    return false;
}

/* The backend does not have the record: the same change goes up as a create with all columns. */
static enum rc send_whole(struct db *db, const struct db_op *op, struct err *err)
{
    struct row row = { 0 };
    enum rc rc = row_read(db, registry_find(db->registry, op->table_name), op->client_id, &row, err);

    if (!rc)
        rc = queue_append_all(db, &row, err);
    row_done(&row);
    return rc;
}

/* A whole create carries every column; what an older backend does not know, and what it would have anyway once it
 * does (null, or the default), can be left out. */
static bool can_leave_out(struct db *db, const struct db_op *op, const char *column)
{
    const struct table *table = registry_find(db->registry, op->table_name);
    const struct column *col = table == NULL || column == NULL ? NULL : table_column(table, column);
    struct value v = { 0 };
    struct err ignored;

    if (col == NULL || !op->is_create)
        return false;
    cJSON *set = op_json(op->set, cJSON_CreateObject);
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(set, column);
    bool can = item != NULL && (cJSON_IsNull(item) ||
                                (col->has_default && column_from_backend(col, item, &v, &ignored) == RC_OK &&
                                 value_equal(&v, &col->default_value)));
    value_done(&v);
    cJSON_Delete(set);
    return can;
}

static enum rc apply_rejected(struct db *db, const struct db_push_result *result, struct db_push_counts *counts,
                              struct err *err)
{
    const struct db_op *op = result->op;
    const char *code = result->code == NULL ? "invalid_value" : result->code;
    int refusals = 0;
    bool is_create = false;
    enum rc rc;

    if (!is_waiting(db, op->op_id, &refusals, &is_create, &rc, err))
        return rc;
    if (strcmp(code, "unknown_column") == 0 && can_leave_out(db, op, result->column)) {
        counts->again++;
        return queue_drop_column(db, op, result->column, err);
    }
    if (strcmp(code, "unknown_table") == 0 || strcmp(code, "unknown_column") == 0) {
        counts->held++;
        return set_op_state(db, op->op_id, "held", 0, db_now(db) + DAY_MS, code, result->message, err);
    }
    if (strcmp(code, "not_found") == 0 && !is_create) {
        rc = send_whole(db, op, err);
        if (rc != RC_NOT_FOUND) {
            counts->again++;
            return rc;
        }
    }
    bool is_folded = false;
    rc = queue_fold_refused(db, op, &is_folded, err);
    if (rc || is_folded) {
        counts->again += is_folded;
        return rc;
    }
    counts->rejected++;
    if (refusals + 1 >= REJECTIONS_MAX) {
        counts->failed++;
        return set_op_state(db, op->op_id, "failed", 1, 0, code, result->message, err);
    }
    return set_op_state(db, op->op_id, "queued", 1, db_now(db) + (1000LL << refusals), code, result->message, err);
}

/* All docs are decoded before anything is written. */
static enum rc decode_docs(struct db *db, const struct db_push_result *results, size_t count, struct doc *docs,
                           struct err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (!results[i].is_applied)
            continue;
        const struct table *table = registry_find(db->registry, results[i].op->table_name);
        if (table == NULL)
            return err_set(err, RC_INTERNAL, _("An op of an unknown table was sent."));
        enum rc rc = doc_decode(table, results[i].doc, &docs[i], err);
        if (rc)
            return rc;
        if (strcmp(docs[i].client_id, results[i].op->client_id) != 0)
            return err_set(
                err, RC_PROTOCOL,
                _("The server answered with another record than the one that was sent."));
    }
    return RC_OK;
}

enum rc db_push_apply(struct db *db, const struct db_push_result *results, size_t count, const char *epoch,
                      struct db_push_counts *out, struct err *err)
{
    struct doc *docs = mem_zero(count == 0 ? 1 : count, sizeof *docs);
    struct db_push_counts counts = { 0 };
    enum rc rc = decode_docs(db, results, count, docs, err);

    if (!rc)
        rc = tx_begin_data(db, SQL_FULL, NULL, err);
    if (rc)
        goto out;
    for (size_t i = 0; !rc && i < count; i++) {
        if (results[i].is_applied) {
            counts.applied++;
            rc = apply_accepted(db, &results[i], &docs[i], epoch, err);
        } else {
            rc = apply_rejected(db, &results[i], &counts, err);
        }
    }
    if (!rc)
        rc = tx_commit(db, err);
    else
        tx_rollback(db);
    if (!rc)
        *out = counts;
out:
    for (size_t i = 0; i < count; i++)
        doc_done(&docs[i]);
    free(docs);
    return rc;
}

enum rc db_push_unhold(struct db *db, struct err *err)
{
    struct db_queue_counts counts;
    enum rc rc = db_queue_counts(db, &counts, err);

    /* Asked at every start: mostly nothing is held, and then nothing is written. */
    if (rc || counts.held == 0)
        return rc;
    rc = tx_begin_data(db, SQL_FULL, NULL, err);
    if (rc)
        return rc;
    rc = sql_exec(db->sql, "UPDATE sync_queue SET state = 'queued', retry_at = 0 WHERE state = 'held'", err);
    if (!rc)
        return tx_commit(db, err);
    tx_rollback(db);
    return rc;
}

enum rc db_push_hurry(struct db *db, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT 1 FROM sync_queue WHERE state = 'queued' AND retry_at > 0 LIMIT 1", err);

    if (st == NULL)
        return err->rc;
    enum rc rc = sql_step(db->sql, st, err);
    sqlite3_reset(st);
    if (rc)                     /* mostly nothing waits for a time, and then nothing is written */
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    rc = tx_begin_data(db, SQL_FULL, NULL, err);
    if (rc)
        return rc;
    rc = sql_exec(db->sql, "UPDATE sync_queue SET retry_at = 0 WHERE state = 'queued' AND retry_at > 0", err);
    if (!rc)
        return tx_commit(db, err);
    tx_rollback(db);
    return rc;
}

enum rc db_push_hold_all(struct db *db, const char *code, const char *message, struct err *err)
{
    enum rc rc = tx_begin_data(db, SQL_FULL, NULL, err);

    if (rc)
        return rc;
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_queue SET state = 'held', retry_at = ?1, last_error_code = ?2, "
                                        "last_error = ?3 WHERE state = 'queued'", err);
    if (st == NULL) {
        rc = err->rc;
    } else {
        sql_bind_i64(st, 1, db_now(db) + DAY_MS);
        sql_bind_text(st, 2, code);
        sql_bind_text(st, 3, message);
        rc = sql_run(db->sql, st, err);
    }
    if (!rc)
        return tx_commit(db, err);
    tx_rollback(db);
    return rc;
}
