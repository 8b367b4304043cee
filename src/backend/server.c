#include "src/backend/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "src/backend/conn.h"
#include "src/backend/hasher.h"
#include "src/backend/listen.h"
#include "src/backend/pack.h"

#define BODY_MOST ((16u << 20) + 2000)
#define DISCARD_MOST (64u << 20)        /* read and thrown away, so that the refusal reaches the client */
#define PACK_FROM 1024                  /* answers below go as they are */
#define IDLE_S 60u
#define PEER_CONNECTIONS 100u
#define CONNECTIONS 400u
#define HEAD_MEMORY (64u << 10)
#define SWEEP_MS 1000
#define STOP_MS 1000
#define PRUNE_MS 3600000
#define PEM_MOST (1u << 20)

struct server {
    const struct server_options *options;
    struct backend *backend;
    struct hasher *hasher;
    struct MHD_Daemon *daemon;
    struct conn_list conns;
    struct buf cert, key;
    int listen_fd, signal_fd;
    bool is_tls;
};

struct exchange {                       /* a request and its answer; one per request of a connection */
    struct server *server;
    struct MHD_Connection *mhd;
    struct conn *conn;
    struct buf body;
    size_t received;
    bool is_too_large, has_answer;
    struct backend_answer answer;
    char what[96];                      /* for the log */
};

void server_log(bool quiet, const char *fmt, ...)
{
    struct buf line = { 0 };
    char text[600], now[40];
    va_list ap;

    if (quiet)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    clock_iso(clock_wall(&clock_system), now, sizeof now);
    buf_printf(&line, "%s ", now);
    text_display(text, strlen(text), TEXT_LINE, &line);
    buf_putc(&line, '\n');
    if (write(STDERR_FILENO, buf_str(&line), line.len) < 0)
        quiet = true;                   /* nobody reads it: nothing to do about that */
    buf_done(&line);
}

/* ---- answers ---- */

static void answer_set(struct backend_answer *answer, int status, const char *code, const char *message)
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

        if (len >= blank + 4 && strncasecmp(name, "gzip", 4) == 0 && strchr(",; \t", name[4]) != NULL) {
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
    bool is_packed = answer->body.len >= PACK_FROM && takes_gzip(x->mhd)
                     && pack_gzip(answer->body.data, answer->body.len, &packed);
    struct buf *body = is_packed ? &packed : &answer->body;
    size_t len = body->len;
    struct MHD_Response *response = MHD_create_response_from_buffer(len, buf_take(body), MHD_RESPMEM_MUST_FREE);
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
        server_log(x->server->options->quiet, "%s from %s: %d", x->what, x->conn->peer, x->answer.http_status);
    response = make_response(x);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(x->mhd, (unsigned)x->answer.http_status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- requests ---- */

/* Replaces a gzipped body by what it unpacks to. False: the answer is set. */
static bool unpack_body(struct exchange *x)
{
    const char *coding = header(x->mhd, MHD_HTTP_HEADER_CONTENT_ENCODING);
    struct buf plain = { 0 };

    if (coding == NULL || strcasecmp(coding, "identity") == 0)
        return true;
    if (strcasecmp(coding, "gzip") != 0) {
        answer_set(&x->answer, 415, "UnsupportedContentEncoding", "A body may be gzipped, and nothing else.");
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

/* The whole request is here. Afterwards it has an answer, or its connection is suspended until it has. */
static void serve(struct exchange *x, const char *method, const char *path)
{
    struct backend_request request = {
        .method = method, .path = path, .content_type = header(x->mhd, MHD_HTTP_HEADER_CONTENT_TYPE),
        .authorization = header(x->mhd, MHD_HTTP_HEADER_AUTHORIZATION), .peer = x->conn->peer,
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
    backend_handle(x->server->backend, &request, &x->answer);
    buf_done(&x->body);
    if (x->answer.hash == NULL)
        return;
    if (!hasher_submit(x->server->hasher, x->answer.hash, x)) {
        answer_set(&x->answer, 429, "TooManyConcurrentRequests", "Too many people sign in at once.");
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

/* Two ways to say where the body ends are how requests are smuggled past a proxy. RFC 9112, section 6.1. */
static bool is_ambiguous(struct MHD_Connection *mhd)
{
    return header(mhd, MHD_HTTP_HEADER_CONTENT_LENGTH) != NULL
           && header(mhd, MHD_HTTP_HEADER_TRANSFER_ENCODING) != NULL;
}

static struct exchange *exchange_new(struct server *server, struct MHD_Connection *mhd, const char *method,
                                     const char *path)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct exchange *x = mem_zero(1, sizeof *x);

    x->server = server;
    x->mhd = mhd;
    x->conn = info->socket_context;
    snprintf(x->what, sizeof x->what, "%.10s %.80s", method, path);
    conn_reading(x->conn, clock_mono(&clock_system));
    return x;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *path, const char *method,
                                  const char *version, const char *bytes, size_t *len, void **ctx)
{
    struct exchange *x = *ctx;

    (void)version;
    if (x == NULL) {
        x = *ctx = exchange_new(cls, mhd, method, path);
        if (!is_ambiguous(mhd))
            return MHD_YES;
        answer_set(&x->answer, 400, "BadRequest", "Content-Length and Transfer-Encoding exclude each other.");
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

static void on_completed(void *cls, struct MHD_Connection *mhd, void **ctx, enum MHD_RequestTerminationCode why)
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

static void on_connection(void *cls, struct MHD_Connection *mhd, void **ctx, enum MHD_ConnectionNotificationCode what)
{
    struct server *server = cls;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        const struct sockaddr *address = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;

        *ctx = conn_add(&server->conns, fd, address);
    } else {
        conn_remove(&server->conns, *ctx);
        *ctx = NULL;
    }
}

/* Gives finished sign-ins their answers. After hasher_stop also those that were never begun. */
static void take_hashes(struct server *server)
{
    struct backend_hash *hash;
    void *ctx;
    bool is_run;

    while (hasher_take(server->hasher, &hash, &ctx, &is_run)) {
        struct exchange *x = ctx;

        if (is_run) {
            backend_hash_finish(server->backend, hash, &x->answer);
        } else {
            backend_hash_cancel(hash);
            answer_set(&x->answer, 503, "Stopping", "The backend is being stopped.");
        }
        x->has_answer = true;
        MHD_resume_connection(x->mhd);
    }
}

/* ---- the loop ---- */

static int timeout_ms(const struct server *server, int64_t until_prune_ms)
{
    MHD_UNSIGNED_LONG_LONG mhd_ms;
    int64_t ms = until_prune_ms;

    if (server->conns.count > 0 && ms > SWEEP_MS)
        ms = SWEEP_MS;
    if (MHD_get_timeout(server->daemon, &mhd_ms) == MHD_YES && (int64_t)mhd_ms < ms)
        ms = (int64_t)mhd_ms;
    return ms < 0 ? 0 : (int)ms;
}

/* One turn. True when a signal asks to stop. */
static bool turn(struct server *server, int wait_ms)
{
    int epoll_fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    struct pollfd fds[] = {
        { .fd = epoll_fd, .events = POLLIN },
        { .fd = hasher_fd(server->hasher), .events = POLLIN },
        { .fd = server->signal_fd, .events = POLLIN },
    };
    struct signalfd_siginfo info;

    if (poll(fds, 3, wait_ms) < 0 && errno != EINTR)
        return true;
    if (fds[1].revents != 0)
        take_hashes(server);
    MHD_run(server->daemon);
    int cut = conn_sweep(&server->conns, clock_mono(&clock_system));
    if (cut > 0)
        server_log(server->options->quiet, "%d connections cut: no whole request in 10 s", cut);
    return fds[2].revents != 0 && read(server->signal_fd, &info, sizeof info) > 0;
}

static void prune(struct server *server)
{
    struct err err;

    if (backend_prune(server->backend, &err))
        server_log(server->options->quiet, "pruning failed: %s", err.msg);
}

static void serve_until_signal(struct server *server)
{
    int64_t prune_at = clock_mono(&clock_system);
    bool is_stopping = false;

    while (!is_stopping) {
        int64_t now = clock_mono(&clock_system);

        if (now >= prune_at) {
            prune(server);
            prune_at = now + PRUNE_MS;
        }
        is_stopping = turn(server, timeout_ms(server, prune_at - now));
    }
}

/* No new connections; what is being answered gets a second to end. */
static void stop(struct server *server)
{
    int64_t until;

    MHD_quiesce_daemon(server->daemon);
    hasher_stop(server->hasher);
    take_hashes(server);
    until = clock_mono(&clock_system) + STOP_MS;
    for (;;) {
        int64_t now = clock_mono(&clock_system);

        turn(server, 0);
        if (!conn_is_answering(&server->conns) || now >= until)
            break;
        int wait_ms = timeout_ms(server, until - now);
        turn(server, wait_ms > 50 ? 50 : wait_ms);
    }
    take_hashes(server);
}

/* ---- start and end ---- */

static enum rc read_tls(struct server *server, struct err *err)
{
    enum rc rc = file_read(server->options->tls_cert, PEM_MOST, &server->cert, err);

    if (!rc)
        rc = file_read(server->options->tls_key, PEM_MOST, &server->key, err);
    return rc == RC_NOT_FOUND ? err_set(err, RC_INVALID, "The certificate or its key is not there: %s, %s.",
                                        server->options->tls_cert, server->options->tls_key) : rc;
}

static enum rc open_socket(struct server *server, struct err *err)
{
    struct sockaddr_storage address = { 0 };
    socklen_t len = 0;
    enum rc rc = listen_parse(server->options->listen, &address, &len, err);

    if (!rc && !server->is_tls && !server->options->insecure && !listen_is_loopback(&address))
        rc = err_set(err, RC_INVALID, "Plain HTTP beyond this machine shows passwords to the network: give --tls-cert"
                     " and --tls-key, or --insecure if something else protects it.");
    if (!rc)
        rc = listen_open(&address, len, &server->listen_fd, err);
    return rc;
}

static enum rc start_daemon(struct server *server, struct err *err)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (server->is_tls ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)buf_str(&server->cert) },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)buf_str(&server->key) },
        { MHD_OPTION_END, 0, NULL },
    };

    if (!server->is_tls)
        tls[0] = tls[2];
    server->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, server, MHD_OPTION_LISTEN_SOCKET, server->listen_fd,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, PEER_CONNECTIONS,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MEMORY, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (server->daemon == NULL)
        return err_set(err, RC_IO, server->is_tls ? "Cannot start: are --tls-cert and --tls-key a PEM certificate and"
                                                    " its key?" : "Cannot start the HTTP server.");
    return RC_OK;
}

static enum rc start(struct server *server, struct err *err)
{
    sigset_t signals;
    enum rc rc = RC_OK;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    server->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (server->signal_fd < 0)
        return err_sys(err, RC_IO, errno, "Cannot watch for signals");
    server->is_tls = server->options->tls_cert != NULL;
    if (server->is_tls)
        rc = read_tls(server, err);
    if (!rc)
        rc = open_socket(server, err);
    if (!rc)
        rc = hasher_start(&server->hasher, err);
    if (!rc)
        rc = start_daemon(server, err);
    return rc;
}

enum rc server_run(const struct server_options *options, struct err *err)
{
    struct server server = { .options = options, .backend = options->backend, .listen_fd = -1, .signal_fd = -1 };
    char url[ADDRESS_SIZE + 32];
    enum rc rc = start(&server, err);

    if (rc)
        goto out;
    listen_url(server.listen_fd, server.is_tls, url, sizeof url);
    printf("listening %s\n", url);
    fflush(stdout);
    server_log(options->quiet, "listening on %s", url);
    serve_until_signal(&server);
    server_log(options->quiet, "stopping");
    stop(&server);
    MHD_stop_daemon(server.daemon);
out:
    hasher_free(server.hasher);
    if (server.listen_fd >= 0)
        close(server.listen_fd);
    if (server.signal_fd >= 0)
        close(server.signal_fd);
    buf_done(&server.cert);
    buf_done(&server.key);
    return rc;
}
