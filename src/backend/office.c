/* src/backend/office.c: the web side's functions, records:* and TABLE:*: full create, read, update,
 * delete.
 *
 * Source   CONTRACT section 2 (the office), section 4 (Deletes: a tombstone, never a hole).
 */
#include "src/backend/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/json.h"
#include "src/backend/edit.h"

static enum rc get_client_id(const struct call *call, const char **out, struct err *err)
{
    const char *id = json_get_string(call->args, "clientId");

    if (id != NULL && !id_is_valid(id))
        return backend_throw(err, "invalid_value", "clientId",
                             "clientId must be a lower-case UUID.");
    *out = id;
    return RC_OK;
}

enum rc backend_office_get(struct call *call, struct err *err)
{
    const struct table *table = NULL;
    const char *client_id = NULL;
    struct record rec = { 0 };
    enum rc rc = backend_call_table(call, &table, err);

    if (!rc)
        rc = get_client_id(call, &client_id, err);
    if (rc)
        return rc;
    rc = backend_record_load(call->b, call->user, table->name, client_id, &rec, err);
    if (rc == RC_OK)
        backend_doc_put(&call->value, buf_str(&rec.doc), rec.doc.len, call->is_encoded);
    if (rc == RC_NOT_FOUND) {
        buf_puts(&call->value, "null");
        rc = RC_OK;
    }
    backend_record_done(&rec);
    return rc;
}

enum office_write { OFFICE_CREATE, OFFICE_UPDATE, OFFICE_REMOVE };

static enum rc check_write(const struct edit *edit, const struct record *rec,
                           enum office_write kind, struct err *err)
{
    if (kind != OFFICE_CREATE) {
        if (rec->id == 0 || rec->is_deleted)
            return backend_throw(err, "not_found", NULL, "There is no such record.");
        return RC_OK;
    }
    if (rec->id != 0)
        return backend_throw(err, "invalid_value", "clientId", "This clientId is in use.");
    const struct column *lacking = backend_edit_lacks(edit->table, edit->set);
    if (lacking != NULL)
        return backend_throw(err, "invalid_value", lacking->name, "%s is required.",
                             lacking->label);
    return RC_OK;
}

static enum rc write_record(struct call *call, struct edit *edit, enum office_write kind,
                            struct err *err)
{
    struct record rec = { 0 };
    struct buf ignored = { 0 };
    enum rc rc = backend_store_begin(call->b, err);

    if (!rc)
        rc =
            backend_record_load(call->b, call->user, edit->table->name, edit->client_id, &rec, err);
    if (rc == RC_NOT_FOUND)
        rc = RC_OK;
    if (!rc)
        rc = check_write(edit, &rec, kind, err);
    if (!rc)
        rc = backend_edit_apply(call->b, edit, &rec, &ignored, err);
    if (!rc)
        rc = backend_store_commit(call->b, call->user, err);
    if (!rc)
        backend_doc_put(&call->value, buf_str(&rec.doc), rec.doc.len, call->is_encoded);
    backend_store_end(call->b);
    backend_record_done(&rec);
    buf_done(&ignored);
    return rc;
}

static enum rc office_write(struct call *call, enum office_write kind, struct err *err)
{
    struct edit edit = {
        .user = call->user,
        .now = call->now,
        .writer = WRITER_OFFICE,
        .created_at = call->now,
        .updated_at = call->now,
        .set = json_get(call->args, "set"),
        .is_removal = kind == OFFICE_REMOVE,
    };
    char fresh[ID_SIZE];
    enum rc rc = backend_call_table(call, &edit.table, err);

    if (!rc)
        rc = get_client_id(call, &edit.client_id, err);
    if (!rc && edit.set != NULL)
        rc = table_check_set(edit.table, edit.set, false, err);
    if (rc)
        return rc;
    if (edit.client_id == NULL) {
        id_new(call->now, fresh);
        edit.client_id = fresh;
    }
    return write_record(call, &edit, kind, err);
}

enum rc backend_office_create(struct call *call, struct err *err)
{
    return office_write(call, OFFICE_CREATE, err);
}

enum rc backend_office_update(struct call *call, struct err *err)
{
    return office_write(call, OFFICE_UPDATE, err);
}

enum rc backend_office_remove(struct call *call, struct err *err)
{
    return office_write(call, OFFICE_REMOVE, err);
}

/* The log's cursor: "k" and the row number of the last conflict given. */
static enum rc conflict_cursor(const struct call *call, int64_t *out, struct err *err)
{
    const char *text = json_get_string(call->args, "cursor");
    char again[24];

    *out = 0;
    if (text == NULL)
        return RC_OK;
    if (text[0] == 'k')
        *out = strtoll(text + 1, NULL, 10);
    snprintf(again, sizeof again, "k%lld", (long long)*out);
    if (*out < 0 || strcmp(text, again) != 0)
        return backend_throw(err, "cursor_unknown", NULL, "The backend does not know this cursor.");
    return RC_OK;
}

enum rc backend_office_conflicts(struct call *call, struct err *err)
{
    struct sql *sql = call->b->sql;
    int64_t limit = 0, last = 0, taken = 0;
    bool has_more = false;
    enum rc rc = backend_call_limit(call, 100, &limit, err);
    sqlite3_stmt *row;

    if (!rc)
        rc = conflict_cursor(call, &last, err);
    if (rc)
        return rc;
    row = sql_get(sql, "SELECT id,doc FROM conflicts WHERE user_n=?1 AND id>?2 ORDER BY id", err);
    if (row == NULL)
        return err->rc;
    sql_bind_i64(row, 1, call->user);
    sql_bind_i64(row, 2, last);
    buf_puts(&call->value, "{\"conflicts\":[");
    while ((rc = sql_step(sql, row, err)) == RC_OK) {
        size_t size = (size_t)sqlite3_column_bytes(row, 1);

        if (taken == limit || (taken > 0 && call->value.len + size > PAGE_BYTES)) {
            has_more = true;
            break;
        }
        if (taken++ > 0)
            buf_putc(&call->value, ',');
        buf_append(&call->value, sql_text(row, 1), size);
        last = sql_i64(row, 0);
    }
    sqlite3_reset(row);
    buf_printf(&call->value, "],\"cursor\":\"k%lld\",\"more\":%s}", (long long)last,
               has_more ? "true" : "false");
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
