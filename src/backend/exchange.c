/* src/backend/exchange.c: one HTTP request and its answer, as libmicrohttpd hands them over. */
#include "src/backend/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include "base/mem.h"
#include "src/backend/pack.h"
#include "src/backend/server.h"

#define BODY_MOST ((16u << 20) + 2000)
#define DISCARD_MOST (64u << 20) /* read and thrown away, so that the refusal reaches the client */
#define PACK_FROM 1024           /* answers below go as they are */

struct exchange { /* a request and its answer; one per request of a connection */
    struct host *host;
    struct MHD_Connection *mhd;
    struct conn *conn;
    struct buf body;
    size_t received;
    bool is_too_large, has_answer;
    struct backend_answer answer;
    char what[96]; /* for the log */
};

static void answer_set(struct backend_answer *answer, int status, const char *code,
                       const char *message)
{
    backend_answer_done(answer);
    memset(answer, 0, sizeof *answer);
    answer->http_status = status;
    answer->content_type = "application/json";
    buf_printf(&answer->body, "{\"code\":\"%s\",\"message\":\"%s\"}", code, message);
}

static const char *header(struct MHD_Connection *mhd, const char *name)
{
    return MHD_lookup_connection_value(mhd, MHD_HEADER_KIND, name);
}

/* `gzip` among the codings of Accept-Encoding, and not refused by q=0. RFC 9110, section 12.5.3. */
static bool takes_gzip(struct MHD_Connection *mhd)
{
    const char *s = header(mhd, MHD_HTTP_HEADER_ACCEPT_ENCODING);

    while (s != NULL && *s != '\0') {
        size_t len = strcspn(s, ",");
        size_t blank = strspn(s, " \t");
        const char *name = s + blank;

        if (len >= blank + 4 && strncasecmp(name, "gzip", 4) == 0 &&
            strchr(",; \t", name[4]) != NULL) {
            const char *q = memmem(name, len - blank, "q=", 2);
            return q == NULL || strtod(q + 2, NULL) > 0;
        }
        s += len + (s[len] == ',');
    }
    return false;
}

static struct MHD_Response *make_response(struct exchange *x)
{
    struct backend_answer *answer = &x->answer;
    struct buf packed = { 0 };
    bool is_packed = answer->body.len >= PACK_FROM && takes_gzip(x->mhd) &&
                     pack_gzip(answer->body.data, answer->body.len, &packed);
    struct buf *body = is_packed ? &packed : &answer->body;
    size_t len = body->len;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, buf_take(body), MHD_RESPMEM_MUST_FREE);
    char seconds[16];

    buf_done(&packed);
    if (response == NULL)
        return NULL;
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_ACCEPT_ENCODING, "gzip");
    MHD_add_response_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (is_packed)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    if (answer->retry_after_s > 0) {
        snprintf(seconds, sizeof seconds, "%d", answer->retry_after_s);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    return response;
}

static enum MHD_Result send_answer(struct exchange *x)
{
    struct MHD_Response *response;

    if (x->answer.http_status >= 400)
        server_log(x->host->quiet, "%s from %s: %d %s", x->what, x->conn->peer,
                   x->answer.http_status, x->answer.trouble.msg);
    response = make_response(x);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(x->mhd, (unsigned)x->answer.http_status, response);
    MHD_destroy_response(response);
    return result;
}

/* Replaces a gzipped body by what it unpacks to. False: the answer is set. */
static bool unpack_body(struct exchange *x)
{
    const char *coding = header(x->mhd, MHD_HTTP_HEADER_CONTENT_ENCODING);
    struct buf plain = { 0 };

    if (coding == NULL || strcasecmp(coding, "identity") == 0)
        return true;
    if (strcasecmp(coding, "gzip") != 0) {
        answer_set(&x->answer, 415, "UnsupportedContentEncoding",
                   "A body may be gzipped, and nothing else.");
        return false;
    }
    enum unpack_result result = unpack_gzip(buf_str(&x->body), x->body.len, BODY_MOST, &plain);
    buf_done(&x->body);
    x->body = plain;
    if (result == UNPACK_BROKEN)
        answer_set(&x->answer, 400, "BadJsonBody", "The body is no gzip.");
    if (result == UNPACK_TOO_LARGE)
        answer_set(&x->answer, 413, "RequestTooLarge", "The body is over 16 MiB.");
    return result == UNPACK_OK;
}

/* The whole request is here. Afterwards it has an answer, or its connection is suspended until it
 * has. */
static void serve(struct exchange *x, const char *method, const char *path)
{
    struct backend_request request = {
        .method = method,
        .path = path,
        .content_type = header(x->mhd, MHD_HTTP_HEADER_CONTENT_TYPE),
        .authorization = header(x->mhd, MHD_HTTP_HEADER_AUTHORIZATION),
        .peer = x->conn->peer,
    };

    conn_answering(x->conn);
    x->has_answer = true;
    if (x->is_too_large) {
        answer_set(&x->answer, 413, "RequestTooLarge", "The body is over 16 MiB.");
        return;
    }
    if (!unpack_body(x))
        return;
    request.body = buf_str(&x->body);
    request.body_len = x->body.len;
    backend_handle(x->host->backend, &request, &x->answer);
    buf_done(&x->body);
    if (x->answer.hash == NULL)
        return;
    if (!hasher_submit(x->host->hasher, x->answer.hash, x)) {
        answer_set(&x->answer, 429, "TooManyConcurrentRequests",
                   "Too many people sign in at once.");
        x->answer.retry_after_s = 2;
        return;
    }
    x->answer.hash = NULL;
    x->has_answer = false;
    MHD_suspend_connection(x->mhd);
}

static void receive(struct exchange *x, const char *bytes, size_t len)
{
    x->received += len;
    if (x->received > BODY_MOST) {
        x->is_too_large = true;
        buf_done(&x->body);
    }
    if (x->received > DISCARD_MOST)
        shutdown(x->conn->fd, SHUT_RDWR);
    if (!x->is_too_large)
        buf_append(&x->body, bytes, len);
}

struct head {
    int lengths, codings;
    bool is_odd;
};

static enum MHD_Result look_at_header(void *ctx, enum MHD_ValueKind kind, const char *name,
                                      const char *value)
{
    struct head *head = ctx;

    (void)kind, (void)value;
    head->lengths += strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0;
    head->codings += strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0;
    head->is_odd = head->is_odd || name[0] == '\0' || strpbrk(name, " \t") != NULL;
    return MHD_YES;
}

/* Two ways to say where the body ends are how requests are smuggled past a proxy. RFC 9112, section
 * 6. */
static bool is_ambiguous(struct MHD_Connection *mhd)
{
    struct head head = { 0 };

    MHD_get_connection_values(mhd, MHD_HEADER_KIND, look_at_header, &head);
    return head.lengths + head.codings > 1 || head.is_odd;
}

/* No address here has a `%`, so none is decoded: what it stood for would only be in the way of a
 * 404. */
size_t exchange_unescape(void *cls, struct MHD_Connection *mhd, char *text)
{
    (void)cls, (void)mhd;
    return strlen(text);
}

static struct exchange *exchange_new(struct host *host, struct MHD_Connection *mhd,
                                     const char *method, const char *path)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct exchange *x = mem_zero(1, sizeof *x);

    x->host = host;
    x->mhd = mhd;
    x->conn = info->socket_context;
    snprintf(x->what, sizeof x->what, "%.10s %.80s", method, path);
    conn_reading(x->conn, clock_mono(&clock_system));
    return x;
}

enum MHD_Result exchange_request(void *cls, struct MHD_Connection *mhd, const char *path,
                                 const char *method, const char *version, const char *bytes,
                                 size_t *len, void **ctx)
{
    struct exchange *x = *ctx;

    (void)version;
    if (x == NULL) {
        x = *ctx = exchange_new(cls, mhd, method, path);
        if (!is_ambiguous(mhd))
            return MHD_YES;
        answer_set(&x->answer, 400, "BadRequest", "The head of this request is ambiguous.");
        return send_answer(x);
    }
    if (*len > 0) {
        receive(x, bytes, *len);
        *len = 0;
        return MHD_YES;
    }
    if (!x->has_answer)
        serve(x, method, path);
    return x->has_answer ? send_answer(x) : MHD_YES;
}

void exchange_completed(void *cls, struct MHD_Connection *mhd, void **ctx,
                        enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *ctx;

    (void)cls, (void)mhd, (void)why;
    if (x == NULL)
        return;
    conn_idle(x->conn);
    backend_answer_done(&x->answer);
    buf_done(&x->body);
    free(x);
    *ctx = NULL;
}

void exchange_connection(void *cls, struct MHD_Connection *mhd, void **ctx,
                         enum MHD_ConnectionNotificationCode what)
{
    struct host *host = cls;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        const struct sockaddr *address =
            MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;

        *ctx = conn_add(&host->conns, fd, address);
    } else {
        conn_remove(&host->conns, *ctx);
        *ctx = NULL;
    }
}

/* Gives finished sign-ins their answers. After hasher_stop also those that were never begun. */
void exchange_take_hashes(struct host *host)
{
    struct backend_hash *hash;
    void *ctx;
    bool is_run;

    while (hasher_take(host->hasher, &hash, &ctx, &is_run)) {
        struct exchange *x = ctx;

        if (is_run) {
            backend_hash_finish(host->backend, hash, &x->answer);
        } else {
            backend_hash_cancel(hash);
            answer_set(&x->answer, 503, "Stopping", "The backend is being stopped.");
        }
        x->has_answer = true;
        MHD_resume_connection(x->mhd);
    }
}
