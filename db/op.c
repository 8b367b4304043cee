/* One op in memory: read from its row, looked over, written as JSON. A row may hold anything (a
 * damaged page, a hand with another program), so nothing of it is believed: what cannot be sent
 * is never sent, and can still be shown, exported and discarded. */
#include "db/push.h"
#include "db/store_priv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

static const char *const state_names[] = {
    [OP_QUEUED] = "queued", [OP_HELD] = "held", [OP_FAILED] = "failed"
};

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

static char *copy_text(sqlite3_stmt *st, int at)
{
    char *s = sql_text_copy(st, at);

    return s == NULL ? mem_strdup("") : s;
}

void op_load(struct db_op *op, sqlite3_stmt *st)
{
    memset(op, 0, sizeof *op);
    op->seq = sql_i64(st, 0);
    copy_id(op->op_id, sql_text(st, 1));
    op->table_name = copy_text(st, 2);
    const char *operation = sql_text(st, 3);
    op->is_create = operation != NULL && strcmp(operation, "create") == 0;
    copy_id(op->client_id, sql_text(st, 4));
    op->set = copy_text(st, 5);
    op->base = copy_text(st, 6);
    op->replaces = copy_text(st, 7);
    op->sent_at = sql_i64(st, 8);
    op->created_at = sql_i64(st, 9);
    op->updated_at = sql_i64(st, 10);
    op->retry_at = sql_i64(st, 11);
    op->retry_count = (int)sql_i64(st, 12);
    op->state = op_state_from(sql_text(st, 13));
    op->error = sql_text_copy(st, 14);
    op->error_code = sql_text_copy(st, 15);
}

/* ---- can it be sent? ---- */

static cJSON *parse(const char *text)
{
    struct err ignored;
    cJSON *json = NULL;

    return json_parse(text, strlen(text), &json, &ignored) == RC_OK ? json : NULL;
}

static bool is_object(const char *text)
{
    cJSON *json = parse(text);
    bool is_one = cJSON_IsObject(json);

    cJSON_Delete(json);
    return is_one;
}

static bool is_id_list(const char *text)
{
    cJSON *json = NULL;
    const cJSON *item;

    if (strcmp(text, "[]") == 0)
        return true;
    json = parse(text);
    bool is_one = cJSON_IsArray(json) && cJSON_GetArraySize(json) <= REPLACES_MAX;
    cJSON_ArrayForEach(item, json)
    {
        is_one = is_one && cJSON_IsString(item) && id_is_valid(item->valuestring);
    }
    cJSON_Delete(json);
    return is_one;
}

const char *op_flaw(const struct db_op *op)
{
    if (!id_is_valid(op->op_id))
        return "its id";
    if (!id_is_valid(op->client_id))
        return "the id of its record";
    if (!is_object(op->set))
        return "its values";
    if (!is_object(op->base))
        return "the values before it";
    if (!is_id_list(op->replaces))
        return "what it replaces";
    if (op->created_at < 0 || op->created_at > CLOCK_MAX_MS || op->updated_at < 0 ||
        op->updated_at > CLOCK_MAX_MS)
        return "its time";
    return NULL;
}

/* ---- as JSON ---- */

void db_op_encode(const struct db_op *op, struct buf *out)
{
    buf_printf(out, "{\"opId\":\"%s\",\"table\":", op->op_id);
    json_put_string(out, op->table_name, strlen(op->table_name));
    buf_printf(out,
               ",\"clientId\":\"%s\",\"operation\":\"%s\",\"set\":%s,\"base\":%s,\"createdAt\":",
               op->client_id, op->is_create ? "create" : "update", op->set, op->base);
    buf_put_i64(out, op->created_at);
    buf_puts(out, ",\"updatedAt\":");
    buf_put_i64(out, op->updated_at);
    if (strcmp(op->replaces, "[]") != 0)
        buf_printf(out, ",\"replaces\":%s", op->replaces);
    buf_putc(out, '}');
}

/* Any bytes as a JSON string; what is no UTF-8 becomes U+FFFD. */
void json_put_any(struct buf *out, const char *s)
{
    size_t len = strlen(s);
    struct buf valid = { 0 };

    for (size_t at = 0; at < len;) {
        int32_t cp;
        size_t used = text_next(s + at, len - at, &cp);
        if (cp < 0)
            buf_puts(&valid, "\xEF\xBF\xBD");
        else
            buf_append(&valid, s + at, used);
        at += used;
    }
    json_put_string(out, buf_str(&valid), valid.len);
    buf_done(&valid);
}

static void put_any_member(struct buf *out, const char *name, const char *s)
{
    buf_printf(out, ",\"%s\":", name);
    if (s != NULL)
        json_put_any(out, s);
    else
        buf_puts(out, "null");
}

/* What reads as JSON goes out as it is, anything else as a string: a person may still make sense
 * of it. */
static void put_json_member(struct buf *out, const char *name, const char *text)
{
    cJSON *json = parse(text);

    buf_printf(out, ",\"%s\":", name);
    if (json != NULL)
        buf_puts(out, text);
    else
        json_put_any(out, text);
    cJSON_Delete(json);
}

void db_op_to_json(const struct db_op *op, struct buf *out)
{
    buf_puts(out, "{\"opId\":");
    json_put_any(out, op->op_id);
    put_any_member(out, "table", op->table_name);
    put_any_member(out, "clientId", op->client_id);
    buf_printf(out, ",\"operation\":\"%s\"", op->is_create ? "create" : "update");
    put_json_member(out, "set", op->set);
    put_json_member(out, "base", op->base);
    buf_puts(out, ",\"createdAt\":");
    buf_put_i64(out, op->created_at);
    buf_puts(out, ",\"updatedAt\":");
    buf_put_i64(out, op->updated_at);
    if (strcmp(op->replaces, "[]") != 0)
        put_json_member(out, "replaces", op->replaces);
    buf_printf(out, ",\"state\":\"%s\",\"retryCount\":%d,\"sentAt\":", op_state_name(op->state),
               op->retry_count);
    buf_put_i64(out, op->sent_at);
    buf_puts(out, ",\"retryAt\":");
    buf_put_i64(out, op->retry_at);
    put_any_member(out, "error", op->error);
    put_any_member(out, "errorCode", op->error_code);
    buf_putc(out, '}');
}
