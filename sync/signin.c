/* Signing in: the backend's name, a session, whose it is. Blocks; no store is needed. */
#include "sync/sync.h"

#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <sodium.h>
#include "base/clock.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "sync/convex/convex.h"

#define NAME_MAX_BYTES 200
#define SIGN_OUT_MS 5000
#define SIGN_IN_MS 30000

static void wipe_free(char **s)
{
    if (*s)
        sodium_memzero(*s, strlen(*s));
    free(*s);
    *s = NULL;
}

void sync_identity_done(struct sync_identity *identity)
{
    wipe_free(&identity->token);
    wipe_free(&identity->refresh);
    free(identity->server);
    free(identity->instance);
    free(identity->user_id);
    free(identity->email);
    free(identity->name);
    *identity = (struct sync_identity){ 0 };
}

/* ---- one request, waited for ---- */

struct session {
    struct convex_http *http;
    int stop_fd;
    int wait_ms;
    int64_t until_ms; /* monotonic */
};

static enum rc wait_reply(struct session *session, struct convex_reply *out, struct err *err)
{
    char sentence[sizeof(err->msg)];

    for (;;) {
        struct pollfd stop = { .fd = session->stop_fd, .events = POLLIN };
        int64_t left = session->until_ms - clock_mono(&clock_system);

        if (convex_http_take(session->http, out))
            return RC_OK;
        if (left <= 0) {
            convex_http_abort(session->http);
            convex_no_answer(session->wait_ms, sentence, sizeof(sentence));
            return err_set(err, RC_NETWORK, "%s", sentence);
        }
        convex_http_wait(session->http, &stop, session->stop_fd >= 0, (int)left);
        if (stop.revents) {
            convex_http_abort(session->http);
            return err_set(err, RC_CANCELLED, _("Stopped."));
        }
    }
}

static enum rc get_instance(struct session *session, char **out, struct err *err)
{
    struct convex_reply reply = { 0 };
    const char *s;
    size_t len;
    enum rc rc;

    convex_http_get(session->http, "/instance_name");
    rc = wait_reply(session, &reply, err);
    if (rc)
        return rc;
    s = buf_str(&reply.body);
    len = reply.body.len;
    while (len > 0 && strchr(" \t\r\n", s[len - 1]))
        len--;
    for (; len > 0 && strchr(" \t\r\n", *s); s++) /* as the engine compares it */
        len--;
    if (!reply.complete)
        rc = err_set(err, RC_NETWORK, "%s", reply.problem);
    else if (reply.http_status == 429 || reply.http_status >= 500)
        rc = err_set(err, RC_NETWORK, _("The server is busy."));
    else if (reply.http_status != 200 || len == 0 || len > NAME_MAX_BYTES ||
             !text_is_valid(s, len) || memchr(s, '<', len))
        rc = err_set(err, RC_NETWORK,
                     _("What answered there is not an Outpost server. Check the URL; does this "
                       "network want a sign-in?"));
    else
        *out = mem_strndup(s, len);
    if (rc)
        err->sys = reply.http_status;
    convex_reply_done(&reply);
    return rc;
}

/* What went wrong, in a person's words. */
static enum rc explain(const struct convex_answer *answer, struct err *err)
{
    static const struct {
        const char *code;
        enum rc rc;
        const char *words; /* NULL: the server's */
    } codes[] = {
        { "invalid_credentials", RC_AUTH, N_("Wrong user name or password.") },
        { "too_many_attempts", RC_AUTH, N_("Too many attempts. Wait some minutes and try again.") },
        { "invalid_value", RC_REFUSED, NULL },
        { "forbidden", RC_REFUSED,
          N_("This server does not take new accounts by itself. Ask who runs it.") },
    };
    enum rc rc;

    for (size_t i = 0; answer->class == CONVEX_REFUSED && i < sizeof(codes) / sizeof(codes[0]);
         i++) {
        if (strcmp(codes[i].code, answer->code) != 0)
            continue;
        rc = err_set(err, codes[i].rc, "%s", codes[i].words ? _(codes[i].words) : answer->message);
        err_code(err, answer->code);
        err_column(err, answer->column);
        err->sys = answer->http_status;
        return rc;
    }
    if (answer->class == CONVEX_AUTH)
        rc = err_set(err, RC_AUTH, _("The server does not accept this token."));
    else if (answer->class == CONVEX_HIDDEN)
        rc = err_set(err, RC_REFUSED, _("The server refused to sign in without saying why."));
    else if (answer->class == CONVEX_TRANSIENT)
        rc = err_set(err, RC_NETWORK, "%s", answer->message);
    else
        rc = err_set(err, RC_REFUSED, "%s", answer->message);
    err_code(err, answer->code[0] ? answer->code : convex_class_name(answer->class));
    err->sys = answer->http_status;
    return rc;
}

static enum rc post(struct session *session, const struct convex_call *call, const char *token,
                    struct cJSON **value, struct err *err)
{
    struct convex_reply reply = { 0 };
    struct convex_answer answer;
    enum rc rc;

    convex_http_post(session->http, call, token, false);
    rc = wait_reply(session, &reply, err);
    if (rc)
        return rc;
    convex_decode(&reply, &answer);
    convex_reply_done(&reply);
    if (answer.class != CONVEX_OK) {
        rc = explain(&answer, err);
    } else {
        *value = answer.value;
        answer.value = NULL;
    }
    convex_answer_done(&answer);
    return rc;
}

/* ---- the steps ---- */

static enum rc get_tokens(struct session *session, const struct sync_sign_in *how,
                          struct sync_identity *id, struct err *err)
{
    struct convex_tokens tokens = { 0 };
    struct cJSON *value = NULL;
    struct buf args = { 0 };
    struct convex_call call = { .kind = CONVEX_ACTION, .path = "auth:signIn" };
    enum rc rc;

    convex_auth_password_args(how->sign_up ? "signUp" : "signIn", how->email, how->password, &args);
    call.args = buf_str(&args);
    rc = post(session, &call, NULL, &value, err);
    if (!rc) {
        rc = convex_auth_tokens(value, &tokens, err);
        if (rc == RC_AUTH)
            err_set(err, rc, _("Wrong user name or password."));
    }
    if (!rc) {
        id->token = mem_strdup(tokens.token);
        id->refresh = mem_strdup(tokens.refresh);
    }
    convex_tokens_done(&tokens);
    cJSON_Delete(value);
    sodium_memzero(args.data, args.cap);
    buf_done(&args);
    return rc;
}

static enum rc get_viewer(struct session *session, const struct sync_sign_in *how,
                          struct sync_identity *id, struct err *err)
{
    const struct convex_call call = { .kind = CONVEX_QUERY,
                                      .path = "users:viewer",
                                      .args = "{\"protocol\":1}" };
    const char *user_id, *email, *name;
    struct cJSON *value = NULL;
    enum rc rc = post(session, &call, id->token, &value, err);

    if (rc)
        return rc;
    user_id = json_get_string(value, "userId");
    email = json_get_string(value, "email");
    name = json_get_string(value, "name");
    if (user_id && *user_id) {
        id->user_id = mem_strdup(user_id);
        id->email = mem_strdup(email ? email : how->email ? how->email : user_id);
        id->name = name && *name ? mem_strdup(name) : NULL;
    } else {
        rc = err_set(err, RC_PROTOCOL, _("The server did not say whose account this is."));
    }
    cJSON_Delete(value);
    return rc;
}

static char *without_slash(const char *url)
{
    size_t len = strlen(url);

    while (len > 0 && url[len - 1] == '/')
        len--;
    return mem_strndup(url, len);
}

enum rc sync_sign_in(const struct sync_sign_in *how, struct sync_identity *out, struct err *err)
{
    const struct convex_http_options options = {
        .url = how->server,
        .insecure = how->insecure,
        .ca_file = how->ca_file,
        .client = "outpost-" OUTPOST_VERSION,
    };
    struct session session = { .stop_fd = how->stop_fd,
                               .wait_ms = SIGN_IN_MS,
                               .until_ms = clock_mono(&clock_system) + SIGN_IN_MS };
    struct sync_identity id = { 0 };
    enum rc rc = convex_http_open(&options, &session.http, err);

    if (!rc)
        rc = get_instance(&session, &id.instance, err);
    if (!rc && how->token)
        id.token = mem_strdup(how->token);
    else if (!rc)
        rc = get_tokens(&session, how, &id, err);
    if (!rc)
        rc = get_viewer(&session, how, &id, err);
    if (!rc) {
        id.server = without_slash(how->server);
        *out = id;
        id = (struct sync_identity){ 0 };
    }
    log_info("sync", "sign-in: %s", rc_name(rc));
    sync_identity_done(&id);
    convex_http_close(session.http);
    return rc;
}

void sync_sign_out(const char *server, const char *token, const char *ca_file, bool insecure,
                   int stop_fd)
{
    const struct convex_http_options options = {
        .url = server,
        .insecure = insecure,
        .ca_file = ca_file,
        .client = "outpost-" OUTPOST_VERSION,
        .connect_ms = SIGN_OUT_MS,
        .answer_ms = SIGN_OUT_MS,
    };
    const struct convex_call call = { .kind = CONVEX_ACTION, .path = "auth:signOut", .args = "{}" };
    struct session session = { .stop_fd = stop_fd,
                               .wait_ms = SIGN_OUT_MS,
                               .until_ms = clock_mono(&clock_system) + SIGN_OUT_MS };
    struct cJSON *ignored = NULL;
    struct err err = { 0 };
    enum rc rc = convex_http_open(&options, &session.http, &err);

    if (!rc && token)
        rc = post(&session, &call, token, &ignored, &err);
    log_info("sync", "sign-out: %s", rc_name(rc));
    cJSON_Delete(ignored);
    convex_http_close(session.http);
}
