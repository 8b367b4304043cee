#include "sync/convex/convex.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <cjson/cJSON.h>
#include <sodium.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/text.h"

const char *convex_kind_path(enum convex_kind kind)
{
    static const char *const paths[] = {
        [CONVEX_QUERY] = "/api/query",
        [CONVEX_MUTATION] = "/api/mutation",
        [CONVEX_ACTION] = "/api/action",
    };

    return paths[kind];
}

void convex_encode(const struct convex_call *call, struct buf *out)
{
    buf_puts(out, "{\"path\":");
    json_put_string(out, call->path, strlen(call->path));
    buf_puts(out, ",\"args\":");
    buf_puts(out, call->args);
    buf_puts(out, ",\"format\":\"json\"}");
}

void convex_reply_done(struct convex_reply *reply)
{
    /* A sign-in's answer holds tokens. */
    if (reply->body.data != NULL)
        sodium_memzero(reply->body.data, reply->body.cap);
    buf_done(&reply->body);
    *reply = (struct convex_reply){ 0 };
}

void convex_answer_done(struct convex_answer *answer)
{
    cJSON_Delete(answer->value);
    *answer = (struct convex_answer){ 0 };
}

const char *convex_class_name(enum convex_class class)
{
    static const char *const names[] = {
        [CONVEX_OK] = "ok",
        [CONVEX_REFUSED] = "refused",
        [CONVEX_HIDDEN] = "hidden",
        [CONVEX_AUTH] = "auth",
        [CONVEX_TOO_LARGE] = "too_large",
        [CONVEX_BAD_REQUEST] = "bad_request",
        [CONVEX_WRONG] = "wrong",
        [CONVEX_TRANSIENT] = "transient",
    };

    return names[class];
}

/* Copies whole code points of a string that may be NULL. */
static void copy_cut(char *out, size_t size, const char *s)
{
    size_t len = s != NULL ? strlen(s) : 0, fits = 0;
    int32_t cp;

    while (fits < len) {
        size_t used = text_next(s + fits, len - fits, &cp);
        if (fits + used >= size)
            break;
        fits += used;
    }
    memcpy(out, s != NULL ? s : "", fits);
    out[fits] = '\0';
}

/* An answer that says what it is must say JSON; one that says nothing is judged by its bytes. */
static bool claims_json(const char *content_type)
{
    static const char json[] = "application/json";
    size_t len = sizeof(json) - 1;

    return content_type[0] == '\0' ||
           (strncasecmp(content_type, json, len) == 0 &&
            strchr(" \t;", content_type[len]) != NULL); /* finds the end of the string too */
}

static cJSON *parse_body(const struct convex_reply *reply)
{
    cJSON *body = NULL;
    struct err ignored;

    if (claims_json(reply->content_type))
        json_parse(buf_str(&reply->body), reply->body.len, &body, &ignored);
    return body;
}

/* ---- a `status` member decides, whatever the HTTP code ---- */

static void take_error(const cJSON *body, struct convex_answer *out)
{
    const cJSON *data = json_get(body, "errorData");
    const char *code = json_get_string(data, "code");
    const char *message = json_get_string(body, "errorMessage");

    if (code == NULL) {
        out->class = CONVEX_HIDDEN;
        if (message != NULL)
            copy_cut(out->message, sizeof(out->message), message);
        else
            snprintf(out->message, sizeof(out->message), _("The server could not do this."));
        return;
    }
    out->class = strcmp(code, "unauthenticated") == 0 ? CONVEX_AUTH : CONVEX_REFUSED;
    copy_cut(out->code, sizeof(out->code), code);
    copy_cut(out->table, sizeof(out->table), json_get_string(data, "table"));
    copy_cut(out->column, sizeof(out->column), json_get_string(data, "column"));
    message = json_get_string(data, "message");
    copy_cut(out->message, sizeof(out->message), message != NULL ? message : code);
}

/* True when there was a status of ours; then *out is complete. */
static bool take_status(cJSON *body, struct convex_answer *out)
{
    const char *status = json_get_string(body, "status");

    if (status != NULL && strcmp(status, "error") == 0) {
        take_error(body, out);
        return true;
    }
    if (status == NULL || strcmp(status, "success") != 0 || json_get(body, "value") == NULL)
        return false;
    out->class = CONVEX_OK;
    out->value = cJSON_DetachItemFromObjectCaseSensitive(body, "value");
    return true;
}

/* ---- else the HTTP code and `code` do ---- */

enum needs { NEEDS_NOTHING, NEEDS_CODE, NEEDS_CODE_OR_NO_BODY };

/* What a status means when the body proves enough; all others are transient. A page of a portal or
 * proxy must never stop the sync for good, so it proves nothing; Convex gives an empty body for
 * routes that it does not have. */
static const struct {
    int status;
    enum needs needs;
    enum convex_class class;
    const char *message;
} meanings[] = {
    { 400, NEEDS_CODE, CONVEX_BAD_REQUEST, N_("The server did not understand the request.") },
    { 401, NEEDS_CODE, CONVEX_AUTH, N_("The server does not know this session any more.") },
    { 403, NEEDS_CODE, CONVEX_WRONG, N_("The server does not allow this.") },
    { 404, NEEDS_CODE_OR_NO_BODY, CONVEX_WRONG,
      N_("The server has no such address. Check its URL.") },
    { 405, NEEDS_CODE_OR_NO_BODY, CONVEX_WRONG,
      N_("The server has no such address. Check its URL.") },
    { 413, NEEDS_NOTHING, CONVEX_TOO_LARGE, N_("The request is too large for the server.") },
};

static const char *transient_message(int status, bool is_json)
{
    if (status == 429 || status >= 500)
        return _("The server is busy.");
    if (status == 408)
        return _("The server did not get the whole request.");
    if (status >= 300 && status < 400)
        return "Something redirects to another address. Does this network want a sign-in?";
    if (!is_json)
        return "What answered is not the server. Does this network want a sign-in?";
    return _("The server's answer was not understood.");
}

static void take_code(const cJSON *body, const struct convex_reply *reply,
                      struct convex_answer *out)
{
    const char *code = json_get_string(body, "code");
    const char *words = transient_message(reply->http_status, body != NULL);

    out->class = CONVEX_TRANSIENT;
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        bool is_enough = meanings[i].needs == NEEDS_NOTHING || code != NULL ||
                         (meanings[i].needs == NEEDS_CODE_OR_NO_BODY && reply->body.len == 0);
        if (meanings[i].status != reply->http_status || !is_enough)
            continue;
        if (reply->http_status == 400 && strcmp(code, "AuthProviderDiscoveryFailed") == 0) {
            words = _("The server can not reach its sign-in service.");
            break;
        }
        out->class = meanings[i].class;
        words = _(meanings[i].message);
    }
    copy_cut(out->code, sizeof(out->code), code);
    snprintf(out->message, sizeof(out->message), "%s", words);
}

void convex_decode(const struct convex_reply *reply, struct convex_answer *out)
{
    cJSON *body = NULL;

    *out = (struct convex_answer){ 0 };
    if (reply->too_large) {
        out->class = CONVEX_TOO_LARGE;
        snprintf(out->message, sizeof(out->message), _("The server's answer is over 16 MiB."));
        return;
    }
    if (!reply->complete) {
        out->class = CONVEX_TRANSIENT;
        copy_cut(out->message, sizeof(out->message),
                 reply->problem[0] != '\0' ? reply->problem : _("The server did not answer."));
        return;
    }
    out->http_status = reply->http_status;
    out->retry_after_ms = reply->retry_after_ms;
    out->takes_gzip = reply->takes_gzip;
    body = parse_body(reply);
    if (!take_status(body, out))
        take_code(body, reply, out);
    cJSON_Delete(body);
}
