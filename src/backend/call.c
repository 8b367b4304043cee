#include "src/backend/call.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/json.h"

#define PROTOCOL 1
#define ARGS_MOST 6

enum arg_kind {
    ARG_ANY,
    ARG_NUMBER,
    ARG_TEXT,
    ARG_TEXT_OR_NULL,
    ARG_BOOL,
    ARG_OBJECT,
    ARG_ARRAY,
    ARG_CURSORS
};

struct arg {
    const char *name;
    enum arg_kind kind;
    bool is_optional;
};

struct function {
    const char *path;
    const char *kind; /* "query": of which route */
    bool is_open;     /* works without a user, and takes no protocol */
    enum rc (*run)(struct call *call, struct err *err);
    struct arg args[ARGS_MOST]; /* ended by a NULL name; `protocol` comes on top */
};

static const struct function functions[] = {
    { .path = "auth:signIn",
      .kind = "action",
      .is_open = true,
      .run = backend_auth_sign_in,
      .args = { { "provider", ARG_TEXT, true },
                { "params", ARG_ANY, true },
                { "refreshToken", ARG_ANY, true } } },
    { .path = "auth:signOut", .kind = "action", .is_open = true, .run = backend_auth_sign_out },
    { .path = "users:viewer", .kind = "query", .run = backend_users_viewer },
    { .path = "sync:head", .kind = "query", .run = backend_sync_head },
    { .path = "sync:getAllForUser",
      .kind = "query",
      .run = backend_sync_walk,
      .args = { { "table", ARG_TEXT, false },
                { "cursor", ARG_TEXT_OR_NULL, false },
                { "limit", ARG_NUMBER, false } } },
    { .path = "sync:getChangesSince",
      .kind = "query",
      .run = backend_sync_changes,
      .args = { { "cursors", ARG_CURSORS, false },
                { "limit", ARG_NUMBER, false },
                { "runId", ARG_TEXT, false } } },
    { .path = "sync:upsert",
      .kind = "mutation",
      .run = backend_sync_upsert,
      .args = { { "deviceId", ARG_TEXT, false },
                { "runId", ARG_TEXT, false },
                { "op", ARG_ANY, false } } },
    { .path = "sync:bulkUpsert",
      .kind = "mutation",
      .run = backend_sync_bulk,
      .args = { { "deviceId", ARG_TEXT, false },
                { "runId", ARG_TEXT, false },
                { "ops", ARG_ARRAY, false } } },
    { .path = "records:list",
      .kind = "query",
      .run = backend_office_list,
      .args = { { "table", ARG_TEXT, false },
                { "cursor", ARG_TEXT_OR_NULL, true },
                { "limit", ARG_NUMBER, true },
                { "deleted", ARG_BOOL, true } } },
    { .path = "records:get",
      .kind = "query",
      .run = backend_office_get,
      .args = { { "table", ARG_TEXT, false }, { "clientId", ARG_TEXT, false } } },
    { .path = "records:create",
      .kind = "mutation",
      .run = backend_office_create,
      .args = { { "table", ARG_TEXT, false },
                { "clientId", ARG_TEXT, true },
                { "set", ARG_OBJECT, false } } },
    { .path = "records:update",
      .kind = "mutation",
      .run = backend_office_update,
      .args = { { "table", ARG_TEXT, false },
                { "clientId", ARG_TEXT, false },
                { "set", ARG_OBJECT, false } } },
    { .path = "records:remove",
      .kind = "mutation",
      .run = backend_office_remove,
      .args = { { "table", ARG_TEXT, false }, { "clientId", ARG_TEXT, false } } },
    { .path = "records:conflicts",
      .kind = "query",
      .run = backend_office_conflicts,
      .args = { { "cursor", ARG_TEXT_OR_NULL, true }, { "limit", ARG_NUMBER, true } } },
};

/* TABLE:list and its like are the functions of records:*, with the table in the name. */
static const char *const table_verbs[] = { "list", "create", "update", "remove" };

/* ---- arguments ---- */

enum rc backend_throw(struct err *err, const char *code, const char *column, const char *fmt, ...)
{
    char msg[sizeof err->msg];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    err_set(err, RC_REFUSED, "%s", msg);
    err_code(err, code);
    if (column != NULL)
        err_column(err, column);
    return RC_REFUSED;
}

enum rc backend_call_table(struct call *call, const struct table **out, struct err *err)
{
    const struct table *table = call->table;

    if (table == NULL) {
        call->table_name = json_get_string(call->args, "table");
        table = registry_find(call->b->registry, call->table_name);
    } else {
        call->table_name = table->name;
    }
    if (table == NULL)
        return backend_throw(err, "unknown_table", NULL, "This backend has no such table.");
    *out = table;
    return RC_OK;
}

enum rc backend_call_limit(const struct call *call, int64_t otherwise, int64_t *out,
                           struct err *err)
{
    double v = (double)otherwise;

    json_get_number(call->args, "limit", &v);
    if (!(v >= 1) || v > floor(v))
        return backend_throw(err, "invalid_value", "limit", "limit must be a whole number from 1.");
    *out = v > PAGE_MOST ? PAGE_MOST : (int64_t)v;
    return RC_OK;
}

enum rc backend_call_word(const struct call *call, const char *name, const char **out,
                          struct err *err)
{
    *out = json_get_string(call->args, name);
    if (*out == NULL || !id_is_word(*out))
        return backend_throw(err, "invalid_value", name,
                             "%s must be 1 to 64 of A-Z, a-z, 0-9 and -.", name);
    return RC_OK;
}

enum rc backend_call_epoch(struct call *call, struct err *err)
{
    buf_puts(&call->value, "\"epoch\":\"");
    enum rc rc = backend_setting_get(call->b, "epoch", &call->value, err);
    buf_putc(&call->value, '"');
    return rc == RC_NOT_FOUND ? err_set(err, RC_CORRUPT, "The database has lost its epoch.") : rc;
}

static bool cursors_fit(const cJSON *v)
{
    const cJSON *cursor = NULL;

    if (!cJSON_IsObject(v))
        return false;
    cJSON_ArrayForEach(cursor, v)
    {
        if (!cJSON_IsString(cursor) && !cJSON_IsNull(cursor))
            return false;
    }
    return true;
}

static bool arg_fits(enum arg_kind kind, const cJSON *v)
{
    switch (kind) {
    case ARG_ANY:
        return true;
    case ARG_NUMBER:
        return cJSON_IsNumber(v);
    case ARG_TEXT:
        return cJSON_IsString(v);
    case ARG_TEXT_OR_NULL:
        return cJSON_IsString(v) || cJSON_IsNull(v);
    case ARG_BOOL:
        return cJSON_IsBool(v);
    case ARG_OBJECT:
        return cJSON_IsObject(v);
    case ARG_ARRAY:
        return cJSON_IsArray(v);
    case ARG_CURSORS:
        return cursors_fit(v);
    }
    return false;
}

static const struct arg *find_arg(const struct function *f, const struct call *call,
                                  const char *name)
{
    static const struct arg protocol = { "protocol", ARG_NUMBER, false };

    if (!f->is_open && strcmp(name, protocol.name) == 0)
        return &protocol;
    for (size_t i = 0; i < ARGS_MOST && f->args[i].name != NULL; i++) {
        bool is_in_path = call->table != NULL && strcmp(f->args[i].name, "table") == 0;
        if (!is_in_path && strcmp(f->args[i].name, name) == 0)
            return &f->args[i];
    }
    return NULL;
}

/* Everything that is there is known and of its kind, and nothing is lacking. */
static enum rc check_args(const struct function *f, const struct call *call, struct err *err)
{
    const cJSON *v = NULL;

    cJSON_ArrayForEach(v, call->args)
    {
        const struct arg *arg = find_arg(f, call, v->string);

        if (arg == NULL)
            return err_set(err, RC_INVALID,
                           "ArgumentValidationError: Object contains extra field `%.80s`.",
                           v->string);
        if (!arg_fits(arg->kind, v))
            return err_set(err, RC_INVALID,
                           "ArgumentValidationError: `%s` does not match validator.", arg->name);
    }
    if (!f->is_open && json_get(call->args, "protocol") == NULL)
        return err_set(err, RC_INVALID,
                       "ArgumentValidationError: Object is missing the required field `protocol`.");
    for (size_t i = 0; i < ARGS_MOST && f->args[i].name != NULL; i++) {
        bool is_needed = !f->args[i].is_optional && find_arg(f, call, f->args[i].name) != NULL;
        if (is_needed && json_get(call->args, f->args[i].name) == NULL)
            return err_set(err, RC_INVALID,
                           "ArgumentValidationError: Object is missing the required field `%s`.",
                           f->args[i].name);
    }
    return RC_OK;
}

static enum rc check_protocol(const struct call *call, struct err *err)
{
    double v = 0;

    json_get_number(call->args, "protocol", &v);
    if (v > PROTOCOL || v > floor(v))
        return backend_throw(err, "invalid_value", "protocol", "This backend speaks protocol %d.",
                             PROTOCOL);
    if (!(v >= PROTOCOL))
        return backend_throw(err, "client_too_old", NULL,
                             "This backend speaks protocol %d; update the device.", PROTOCOL);
    return RC_OK;
}

/* ---- functions ---- */

static const struct function *find_function(const struct backend *b, const char *path,
                                            const struct table **table)
{
    const char *colon = strrchr(path, ':');
    struct buf name = { 0 };
    const struct function *found = NULL;

    if (colon == NULL)
        return NULL;
    size_t module = (size_t)(colon - path);
    if (module > 3 && memcmp(colon - 3, ".js", 3) == 0)
        module -= 3; /* sync.js:head is sync:head */
    buf_append(&name, path, module);
    *table = registry_find(b->registry, buf_str(&name));
    buf_puts(&name, colon);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        if (strcmp(functions[i].path, buf_str(&name)) == 0)
            found = &functions[i];
    }
    if (found != NULL)
        *table = NULL;
    for (size_t i = 0;
         found == NULL && *table != NULL && i < sizeof table_verbs / sizeof *table_verbs; i++) {
        const struct table *ignored;

        if (strcmp(colon + 1, table_verbs[i]) == 0) {
            buf_clear(&name);
            buf_printf(&name, "records:%s", table_verbs[i]);
            found = find_function(b, buf_str(&name), &ignored);
        }
    }
    buf_done(&name);
    return found;
}

enum rc backend_call_run(struct call *call, const char *kind, const char *path, struct err *err)
{
    const struct function *f = find_function(call->b, path, &call->table);
    enum rc rc;

    if (f == NULL)
        return err_set(err, RC_INVALID, "Could not find public function for '%.100s'.", path);
    if (strcmp(f->kind, kind) != 0)
        return err_set(err, RC_INVALID, "Trying to execute %.100s as %s, but it is defined as %s.",
                       path, kind, f->kind);
    rc = check_args(f, call, err);
    if (!rc && !f->is_open && call->user == 0)
        rc = backend_throw(err, "unauthenticated", NULL, "Sign in first.");
    if (!rc && !f->is_open)
        rc = check_protocol(call, err);
    return rc ? rc : f->run(call, err);
}
