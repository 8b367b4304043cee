/* src/backend/route.c: from a request to a function and back: Convex's envelope.
 *
 * Source   CONTRACT section 1; CONVEX sections 1 to 3.
 */
#include "src/backend/auth.h"

#include <math.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cjson/cJSON.h>
#include "base/json.h"
#include "src/backend/session.h"

#define BODY_MOST ((16u << 20) + 2000)
#define JSON_TYPE "application/json"

/* ---- answers ---- */

static void answer_code(struct backend_answer *out, int status, const char *code,
                        const char *message)
{
    buf_clear(&out->body);
    out->http_status = status;
    out->content_type = JSON_TYPE;
    buf_puts(&out->body, "{\"code\":");
    backend_text_put(&out->body, code);
    buf_puts(&out->body, ",\"message\":");
    backend_text_put(&out->body, message);
    buf_putc(&out->body, '}');
}

static void answer_text(struct backend_answer *out, int status, const char *text)
{
    out->http_status = status;
    out->content_type = "text/plain; charset=utf-8";
    buf_puts(&out->body, text);
}

static void answer_thrown(struct backend_answer *out, const struct err *error, const char *table)
{
    struct buf *body = &out->body;

    buf_puts(body, "{\"status\":\"error\",\"errorMessage\":");
    backend_text_put(body, error->msg);
    if (error->code[0] != '\0') {
        buf_puts(body, ",\"errorData\":{\"code\":");
        backend_text_put(body, error->code);
        buf_puts(body, ",\"message\":");
        backend_text_put(body, error->msg);
        if (table != NULL) {
            buf_puts(body, ",\"table\":");
            backend_text_put(body, table);
        }
        if (error->column[0] != '\0' || strcmp(error->code, "unknown_column") == 0) {
            buf_puts(body, ",\"column\":");
            backend_text_put(body, error->column);
        }
        buf_putc(body, '}');
    }
    buf_putc(body, '}');
}

/* One row per kind of trouble that is not the caller's. All of them are transient to a device. */
static void answer_outage(struct backend_answer *out, const struct err *error)
{
    out->trouble = *error;
    switch (error->rc) {
    case RC_FULL:
        answer_code(out, 503, "DiskFull", error->msg);
        break;
    case RC_BUSY:
        answer_code(out, 503, "Busy", error->msg);
        out->retry_after_s = 1;
        break;
    case RC_NOMEM:
        answer_code(out, 503, "NoMemory", error->msg);
        out->retry_after_s = 5;
        break;
    default:
        answer_code(out, 500, "InternalServerError",
                    "Your request couldn't be completed. Try again later.");
        break;
    }
}

static void answer_result(struct backend_answer *out, enum rc rc, const struct err *error,
                          const char *table, const struct buf *value)
{
    bool is_thrown =
        rc == RC_INVALID || (error->code[0] != '\0' && (rc == RC_REFUSED || rc == RC_NOT_FOUND));

    out->http_status = 200;
    out->content_type = JSON_TYPE;
    if (rc == RC_OK) {
        buf_puts(&out->body, "{\"status\":\"success\",\"value\":");
        buf_append(&out->body, buf_str(value), value->len);
        buf_putc(&out->body, '}');
    } else if (is_thrown) {
        answer_thrown(out, error, table);
    } else {
        answer_outage(out, error);
    }
}

/* ---- requests ---- */

/* Encoded JSON has {"$float":BASE64} for numbers that JSON lacks; of these, -0 is one that a column
 * may hold. The others stay objects, which no column takes. */
static void decode_floats(cJSON *v)
{
    cJSON *only = cJSON_IsObject(v) ? v->child : NULL, *member = NULL;
    unsigned char bytes[8];
    size_t len = 0;
    double number;

    if (only == NULL || only->next != NULL || strcmp(only->string, "$float") != 0 ||
        !cJSON_IsString(only)) {
        cJSON_ArrayForEach(member, v) decode_floats(member);
        return;
    }
    if (sodium_base642bin(bytes, sizeof bytes, only->valuestring, strlen(only->valuestring), NULL,
                          &len, NULL, sodium_base64_VARIANT_ORIGINAL) != 0 ||
        len != sizeof bytes)
        return;
    memcpy(&number, bytes, sizeof number); /* little endian, as this machine */
    if (!isfinite(number))
        return;
    v->child = NULL;
    cJSON_Delete(only);
    v->type = cJSON_Number;
    cJSON_SetNumberHelper(v, number);
}

/* ---- who calls ---- */

/* False: *out holds the answer. */
static bool read_authorization(struct call *call, const char *header, struct backend_answer *out)
{
    struct err err;

    if (header == NULL)
        return true;
    if (strlen(header) < 7) {
        answer_code(out, 400, "InvalidHeaderFailure", "The Authorization header is too short.");
        return false;
    }
    if (strncasecmp(header, "Convex ", 7) == 0) {
        answer_code(out, 401, "BadAdminKey", "This backend has no admin keys.");
        return false;
    }
    if (strncasecmp(header, "Bearer ", 7) != 0) {
        answer_code(out, 400, "InvalidAdminKey",
                    "The Authorization header must be a bearer token.");
        return false;
    }
    enum rc rc =
        backend_session_check(call->b, header + 7, call->now, &call->user, &call->session, &err);
    if (rc == RC_NOT_FOUND) {
        answer_code(out, 401, "Unauthenticated",
                    "Could not verify the token: it is unknown or has expired.");
        return false;
    }
    if (rc) {
        answer_outage(out, &err);
        return false;
    }
    return true;
}

/* The token of a session that was signed out: only auth:* still takes it, as if it were not
 * there. */
static bool is_ended(const struct call *call, const char *path)
{
    return call->session != 0 && call->user == 0 && strncmp(path, "auth:", 5) != 0;
}

/* args is the object itself, or (as the official client sends it) an array that holds it. */
static cJSON *args_of(cJSON *body)
{
    cJSON *args = cJSON_GetObjectItemCaseSensitive(body, "args");

    if (cJSON_IsArray(args) && cJSON_GetArraySize(args) == 1)
        args = args->child;
    return cJSON_IsObject(args) ? args : NULL;
}

static bool read_format(const cJSON *body, bool *is_encoded)
{
    static const char *const plain[] = { "json", "convex_clean_json" };
    static const char *const encoded[] = { "convex_encoded_json", "convex_json" };
    const cJSON *format = json_get(body, "format");

    *is_encoded = false;
    if (format == NULL || cJSON_IsNull(format))
        return true;
    if (!cJSON_IsString(format))
        return false;
    for (size_t i = 0; i < 2; i++) {
        if (strcmp(format->valuestring, encoded[i]) == 0)
            *is_encoded = true;
        if (*is_encoded || strcmp(format->valuestring, plain[i]) == 0)
            return true;
    }
    return false;
}

static void handle_body(struct call *call, const char *kind, cJSON *body, const char *authorization,
                        struct backend_answer *out)
{
    const char *path = json_get_string(body, "path");
    cJSON *args = args_of(body);
    struct err err = { 0 };

    if (path == NULL || args == NULL) {
        answer_code(out, 400, "BadJsonBody", "The body needs a path, and args that are an object.");
        return;
    }
    if (!read_format(body, &call->is_encoded)) {
        answer_code(out, 400, "BadFormat", "The format must be json.");
        return;
    }
    if (!read_authorization(call, authorization, out))
        return;
    if (is_ended(call, path)) {
        answer_code(out, 401, "Unauthenticated", "This session was signed out.");
        return;
    }
    decode_floats(args);
    call->args = args;
    enum rc rc = backend_call_run(call, kind, path, &err);
    if (!rc && call->hash != NULL)
        out->hash = call->hash;
    else
        answer_result(out, rc, &err, call->table_name, &call->value);
}

static bool is_json(const char *content_type)
{
    size_t len = sizeof JSON_TYPE - 1;

    return content_type != NULL && strncasecmp(content_type, JSON_TYPE, len) == 0 &&
           (content_type[len] == '\0' || content_type[len] == ';' || content_type[len] == ' ');
}

static void handle_call(struct backend *b, const char *kind, const struct backend_request *request,
                        struct backend_answer *out)
{
    struct call call = { .b = b,
                         .peer = request->peer != NULL ? request->peer : "",
                         .now = clock_wall(b->clock) };
    cJSON *body = NULL;
    struct err err;

    if (!is_json(request->content_type)) {
        answer_code(out, 400, "BadJsonBody", "The Content-Type must be application/json.");
        return;
    }
    if (request->body_len > BODY_MOST) {
        answer_code(out, 413, "RequestTooLarge", "The body is over 16 MiB.");
        return;
    }
    if (json_parse(request->body_len > 0 ? request->body : "", request->body_len, &body, &err)) {
        answer_code(out, 400, "BadJsonBody", err.msg);
        return;
    }
    handle_body(&call, kind, body, request->authorization, out);
    buf_done(&call.value);
    cJSON_Delete(body);
}

struct page { /* what is told without a token */
    const char *path;
    const char *text; /* NULL: the instance's name */
};

static const struct page pages[] = {
    { "/", "This Outpost backend is running.\n" },
    { "/version", OUTPOST_VERSION },
    { "/instance_version", OUTPOST_VERSION },
    { "/instance_name", NULL },
};

static const char *const kinds[] = { "query", "mutation", "action" };

void backend_handle(struct backend *b, const struct backend_request *request,
                    struct backend_answer *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (strcmp(request->path, pages[i].path) != 0)
            continue;
        if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0)
            answer_code(out, 405, "MethodNotAllowed", "This page can only be read.");
        else
            answer_text(out, 200, pages[i].text != NULL ? pages[i].text : b->instance_name);
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strncmp(request->path, "/api/", 5) != 0 || strcmp(request->path + 5, kinds[i]) != 0)
            continue;
        if (strcmp(request->method, "POST") != 0)
            answer_code(out, 405, "MethodNotAllowed", "Functions are called with POST.");
        else
            handle_call(b, kinds[i], request, out);
        return;
    }
    answer_code(out, 404, "NotFound", "There is nothing at this address.");
}

void backend_hash_finish(struct backend *b, struct backend_hash *hash, struct backend_answer *out)
{
    struct buf value = { 0 };
    struct err err = { 0 };

    memset(out, 0, sizeof *out);
    enum rc rc = backend_auth_finish(b, hash, &value, &err);
    answer_result(out, rc, &err, NULL, &value);
    buf_done(&value);
}
