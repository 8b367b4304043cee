/* src/backend/op.c: sync:upsert and sync:bulkUpsert.
 *
 * Source   CONTRACT section 2 (op, result), section 4 (Upsert, Replay, Late arrivals).
 */
#include "src/backend/call.h"

#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/json.h"
#include "src/backend/edit.h"

#define OPS_MOST 500
#define REPLACES_MOST 20
#define OP_ID_ECHO_MAX 128 /* a malformed opId is echoed up to this size */

struct op {
    const cJSON *json;
    const char *op_id; /* well-formed, or NULL */
    const char *table_name, *client_id, *operation;
    const struct table *table;
    const cJSON *set, *base, *replaces;
    int64_t created_at, updated_at;
};

struct push {
    struct call *call;
    const char *device_id, *run_id;
};

static enum rc get_id(const cJSON *json, const char *name, const char **out, struct err *err)
{
    const char *s = json_get_string(json, name);

    if (s == NULL || !id_is_valid(s))
        return backend_throw(err, "invalid_value", name, "%s must be a lower-case UUID.", name);
    *out = s;
    return RC_OK;
}

static enum rc get_object(const cJSON *json, const char *name, const cJSON **out, struct err *err)
{
    *out = json_get(json, name);
    if (!cJSON_IsObject(*out))
        return backend_throw(err, "invalid_value", name, "%s must be an object of columns.", name);
    return RC_OK;
}

static enum rc get_time(const cJSON *json, const char *name, int64_t *out, struct err *err)
{
    double v;

    if (!json_get_number(json, name, &v) || !(v >= 0 && v <= (double)CLOCK_MAX_MS) ||
        v > (double)(int64_t)v || v < (double)(int64_t)v)
        return backend_throw(err, "invalid_value", name,
                             "%s must be whole milliseconds since the epoch.", name);
    *out = (int64_t)v;
    return RC_OK;
}

static enum rc get_replaces(struct op *op, struct err *err)
{
    const cJSON *id = NULL;

    op->replaces = json_get(op->json, "replaces");
    if (op->replaces == NULL)
        return RC_OK;
    if (!cJSON_IsArray(op->replaces) || cJSON_GetArraySize(op->replaces) > REPLACES_MOST)
        return backend_throw(err, "invalid_value", "replaces",
                             "replaces must be at most %d op ids.", REPLACES_MOST);
    cJSON_ArrayForEach(id, op->replaces)
    {
        if (!cJSON_IsString(id) || !id_is_valid(id->valuestring))
            return backend_throw(err, "invalid_value", "replaces",
                                 "replaces must hold lower-case UUIDs.");
    }
    return RC_OK;
}

/* The op's own form, all but opId; and that its table is known. */
static enum rc parse_op(const struct push *push, struct op *op, struct err *err)
{
    enum rc rc;

    op->table_name = json_get_string(op->json, "table");
    if (op->table_name == NULL)
        return backend_throw(err, "invalid_value", "table", "table must be text.");
    rc = get_id(op->json, "clientId", &op->client_id, err);
    if (rc)
        return rc;
    op->operation = json_get_string(op->json, "operation");
    if (op->operation != NULL && strcmp(op->operation, "delete") == 0)
        return backend_throw(err, "forbidden", NULL, "A device can not delete records.");
    if (op->operation == NULL ||
        (strcmp(op->operation, "create") != 0 && strcmp(op->operation, "update") != 0))
        return backend_throw(err, "invalid_value", "operation",
                             "operation must be create or update.");
    rc = get_object(op->json, "set", &op->set, err);
    if (!rc)
        rc = get_object(op->json, "base", &op->base, err);
    if (!rc)
        rc = get_time(op->json, "createdAt", &op->created_at, err);
    if (!rc)
        rc = get_time(op->json, "updatedAt", &op->updated_at, err);
    if (!rc)
        rc = get_replaces(op, err);
    if (rc)
        return rc;
    op->table = registry_find(push->call->b->registry, op->table_name);
    if (op->table == NULL)
        return backend_throw(err, "unknown_table", NULL, "This backend has no such table.");
    return RC_OK;
}

static void put_applied(const struct push *push, const char *op_id, const char *doc, size_t len,
                        const struct buf *overwrote)
{
    struct buf *out = &push->call->value;

    buf_printf(out, "{\"opId\":\"%s\",\"status\":\"applied\",\"doc\":", op_id);
    backend_doc_put(out, doc, len, push->call->is_encoded);
    if (overwrote != NULL && overwrote->len > 0) {
        buf_puts(out, ",\"overwrote\":[");
        buf_append(out, overwrote->data, overwrote->len);
        buf_putc(out, ']');
    }
    buf_putc(out, '}');
}

/* RC_NOT_FOUND: there is no receipt. RC_OK: it was answered. Looked up before anything else is
 * judged: what was applied once is applied, whatever the definition says today. */
static enum rc answer_replay(const struct push *push, const struct op *op, struct err *err)
{
    struct backend *b = push->call->b;
    struct record rec = { 0 };
    sqlite3_stmt *st = sql_get(
        b->sql, "SELECT table_name,client_id FROM receipts WHERE user_n=?1 AND op_id=?2", err);
    enum rc rc = st == NULL ? err->rc : RC_OK;

    if (rc)
        return rc;
    sql_bind_i64(st, 1, push->call->user);
    sql_bind_text(st, 2, op->op_id);
    rc = sql_step(b->sql, st, err);
    if (rc)
        return rc;
    const char *table = json_get_string(op->json, "table");
    const char *client_id = json_get_string(op->json, "clientId");
    bool is_same = table != NULL && strcmp(table, sql_text(st, 0)) == 0 && client_id != NULL &&
                   strcmp(client_id, sql_text(st, 1)) == 0;
    sqlite3_reset(st);
    if (!is_same)
        return backend_throw(err, "invalid_value", "opId",
                             "This opId was used for another record.");
    rc = backend_record_load(b, push->call->user, table, client_id, &rec, err);
    if (rc == RC_OK)
        put_applied(push, op->op_id, buf_str(&rec.doc), rec.doc.len, NULL);
    backend_record_done(&rec);
    return rc;
}

static enum rc put_receipt(const struct push *push, const struct op *op, const char *op_id,
                           struct err *err)
{
    struct backend *b = push->call->b;
    sqlite3_stmt *st =
        sql_get(b->sql, "INSERT INTO receipts VALUES(?1,?2,?3,?4,?5) ON CONFLICT DO NOTHING", err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, push->call->user);
    sql_bind_text(st, 2, op_id);
    sql_bind_text(st, 3, op->table_name);
    sql_bind_text(st, 4, op->client_id);
    sql_bind_i64(st, 5, push->call->now);
    return sql_run(b->sql, st, err);
}

/* The op's own, and those of the ops that it stands for: if one of them arrives late, it changes
 * nothing. */
static enum rc put_receipts(const struct push *push, const struct op *op, struct err *err)
{
    const cJSON *id = NULL;
    enum rc rc = put_receipt(push, op, op->op_id, err);

    cJSON_ArrayForEach(id, op->replaces)
    {
        if (!rc)
            rc = put_receipt(push, op, id->valuestring, err);
    }
    return rc;
}

static enum rc check_new(const struct op *op, struct err *err)
{
    const struct column *lacking = backend_edit_lacks(op->table, op->set);

    if (lacking == NULL)
        return RC_OK;
    if (strcmp(op->operation, "update") == 0)
        return backend_throw(err, "not_found", lacking->name,
                             "The backend does not have this record.");
    return backend_throw(err, "invalid_value", lacking->name, "%s is required.", lacking->label);
}

static enum rc apply_op(const struct push *push, const struct op *op, struct err *err)
{
    struct call *call = push->call;
    const struct edit edit = {
        .user = call->user,
        .now = call->now,
        .table = op->table,
        .client_id = op->client_id,
        .set = op->set,
        .base = op->base,
        .writer = push->device_id,
        .run_id = push->run_id,
        .op_id = op->op_id,
        .created_at = op->created_at,
        .updated_at = op->updated_at,
    };
    struct record rec = { 0 };
    struct buf overwrote = { 0 };
    enum rc rc = table_check_set(op->table, op->set, false, err);

    if (!rc) {
        rc = backend_record_load(call->b, call->user, op->table_name, op->client_id, &rec, err);
        if (rc == RC_NOT_FOUND)
            rc = check_new(op, err);
    }
    if (!rc)
        rc = backend_edit_apply(call->b, &edit, &rec, &overwrote, err);
    if (!rc)
        rc = put_receipts(push, op, err);
    if (!rc)
        put_applied(push, op->op_id, buf_str(&rec.doc), rec.doc.len, &overwrote);
    backend_record_done(&rec);
    buf_done(&overwrote);
    return rc;
}

static void put_rejected(const struct push *push, const cJSON *json, const struct err *error)
{
    struct buf *out = &push->call->value;
    const char *op_id = json_get_string(json, "opId");

    buf_puts(out, "{\"opId\":");
    if (op_id == NULL || strlen(op_id) > OP_ID_ECHO_MAX)
        buf_puts(out, "null");
    else
        backend_text_put(out, op_id);
    buf_puts(out, ",\"status\":\"rejected\",\"error\":{\"code\":");
    backend_text_put(out, error->code);
    buf_puts(out, ",\"message\":");
    backend_text_put(out, error->msg);
    if (error->column[0] != '\0' || strcmp(error->code, "unknown_column") == 0) {
        buf_puts(out, ",\"column\":");
        backend_text_put(out, error->column);
    }
    buf_puts(out, "}}");
}

/* Writes exactly one result. What fails here without a code is no fault of the op: the whole call
 * fails. */
static enum rc run_op(const struct push *push, const cJSON *json, struct err *err)
{
    struct op op = { .json = json };
    enum rc rc;

    if (!cJSON_IsObject(json))
        rc = backend_throw(err, "invalid_value", NULL, "An op must be an object.");
    else
        rc = get_id(json, "opId", &op.op_id, err);
    if (!rc) {
        rc = answer_replay(push, &op, err);
        if (rc != RC_NOT_FOUND)
            goto out;
        rc = parse_op(push, &op, err);
    }
    if (!rc)
        rc = apply_op(push, &op, err);
out:
    if ((rc == RC_REFUSED || rc == RC_INVALID) && err->code[0] != '\0') {
        put_rejected(push, json, err);
        rc = RC_OK;
    }
    return rc;
}

static enum rc push_init(struct push *push, struct call *call, struct err *err)
{
    enum rc rc = backend_call_word(call, "deviceId", &push->device_id, err);

    push->call = call;
    if (!rc)
        rc = backend_call_word(call, "runId", &push->run_id, err);
    if (!rc && strcmp(push->device_id, WRITER_OFFICE) == 0)
        rc = backend_throw(err, "invalid_value", "deviceId", "No device can be named office.");
    return rc;
}

static enum rc push_commit(const struct push *push, struct err *err)
{
    if (push->call->value.len > VALUE_BYTES)
        return err_set(err, RC_INVALID, "The answer would be too large; send fewer ops.");
    return backend_store_commit(push->call->b, push->call->user, err);
}

enum rc backend_sync_upsert(struct call *call, struct err *err)
{
    struct push push = { 0 };
    enum rc rc = push_init(&push, call, err);

    if (!rc)
        rc = backend_store_begin(call->b, err);
    if (rc)
        return rc;
    buf_putc(&call->value, '{');
    rc = backend_call_epoch(call, err);
    buf_puts(&call->value, ",\"result\":");
    if (!rc)
        rc = run_op(&push, json_get(call->args, "op"), err);
    buf_putc(&call->value, '}');
    if (!rc)
        rc = push_commit(&push, err);
    backend_store_end(call->b);
    return rc;
}

enum rc backend_sync_bulk(struct call *call, struct err *err)
{
    const cJSON *ops = json_get(call->args, "ops"), *op = NULL;
    struct push push = { 0 };
    enum rc rc = push_init(&push, call, err);

    if (!rc && cJSON_GetArraySize(ops) > OPS_MOST)
        rc = backend_throw(err, "invalid_value", "ops", "A batch can have %d ops.", OPS_MOST);
    if (!rc)
        rc = backend_store_begin(call->b, err);
    if (rc)
        return rc;
    buf_putc(&call->value, '{');
    rc = backend_call_epoch(call, err);
    buf_puts(&call->value, ",\"results\":[");
    cJSON_ArrayForEach(op, ops)
    {
        if (rc)
            break;
        if (op != ops->child)
            buf_putc(&call->value, ',');
        rc = run_op(&push, op, err);
        if (!rc && call->value.len > VALUE_BYTES)
            break;
    }
    buf_puts(&call->value, "]}");
    if (!rc)
        rc = push_commit(&push, err);
    backend_store_end(call->b);
    return rc;
}
