#include "src/backend/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/file.h"
#include "base/text.h"
#include "src/backend/exchange.h"

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
    struct host host;
    struct MHD_Daemon *daemon;
    struct buf cert, key;
    int listen_fd, signal_fd;
    bool is_tls;
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
        quiet = true; /* nobody reads it: nothing to do about that */
    buf_done(&line);
}

/* ---- the loop ---- */

static int timeout_ms(const struct server *server, int64_t until_prune_ms)
{
    MHD_UNSIGNED_LONG_LONG mhd_ms;
    int64_t ms = until_prune_ms;

    if (server->host.conns.count > 0 && ms > SWEEP_MS)
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
        { .fd = hasher_fd(server->host.hasher), .events = POLLIN },
        { .fd = server->signal_fd, .events = POLLIN },
    };
    struct signalfd_siginfo info;

    if (poll(fds, 3, wait_ms) < 0 && errno != EINTR)
        return true;
    if (fds[1].revents != 0)
        exchange_take_hashes(&server->host);
    MHD_run(server->daemon);
    int cut = conn_sweep(&server->host.conns, clock_mono(&clock_system));
    if (cut > 0)
        server_log(server->options->quiet, "%d connections cut: no whole request in 10 s", cut);
    return fds[2].revents != 0 && read(server->signal_fd, &info, sizeof info) > 0;
}

static void prune(struct server *server)
{
    struct err err;

    if (backend_prune(server->host.backend, &err))
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
    hasher_stop(server->host.hasher);
    exchange_take_hashes(&server->host);
    until = clock_mono(&clock_system) + STOP_MS;
    for (;;) {
        int64_t now = clock_mono(&clock_system);

        turn(server, 0);
        if (!conn_is_answering(&server->host.conns) || now >= until)
            break;
        int wait_ms = timeout_ms(server, until - now);
        turn(server, wait_ms > 50 ? 50 : wait_ms);
    }
    exchange_take_hashes(&server->host);
}

/* ---- start and end ---- */

static enum rc read_tls(struct server *server, struct err *err)
{
    enum rc rc = file_read(server->options->tls_cert, PEM_MOST, &server->cert, err);

    if (!rc)
        rc = file_read(server->options->tls_key, PEM_MOST, &server->key, err);
    return rc == RC_NOT_FOUND
             ? err_set(err, RC_INVALID, "The certificate or its key is not there: %s, %s.",
                       server->options->tls_cert, server->options->tls_key)
             : rc;
}

static enum rc open_socket(struct server *server, struct err *err)
{
    struct sockaddr_storage address = { 0 };
    socklen_t len = 0;
    enum rc rc = listen_parse(server->options->listen, &address, &len, err);

    if (!rc && !server->is_tls && !server->options->insecure && !listen_is_loopback(&address))
        rc =
            err_set(err, RC_INVALID,
                    "Plain HTTP beyond this machine shows passwords to the network: give --tls-cert"
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
        flags, 0, NULL, NULL, exchange_request, &server->host, MHD_OPTION_LISTEN_SOCKET,
        server->listen_fd, MHD_OPTION_NOTIFY_COMPLETED, exchange_completed, &server->host,
        MHD_OPTION_NOTIFY_CONNECTION, exchange_connection, &server->host,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, PEER_CONNECTIONS, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_UNESCAPE_CALLBACK, exchange_unescape, NULL, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEAD_MEMORY, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
    if (server->daemon == NULL)
        return err_set(err, RC_IO,
                       server->is_tls
                           ? "Cannot start: are --tls-cert and --tls-key a PEM certificate and"
                             " its key?"
                           : "Cannot start the HTTP server.");
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
        rc = hasher_start(&server->host.hasher, err);
    if (!rc)
        rc = start_daemon(server, err);
    return rc;
}

enum rc server_run(const struct server_options *options, struct err *err)
{
    struct server server = { .options = options,
                             .host = { .backend = options->backend, .quiet = options->quiet },
                             .listen_fd = -1,
                             .signal_fd = -1 };
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
    hasher_free(server.host.hasher);
    if (server.listen_fd >= 0)
        close(server.listen_fd);
    if (server.signal_fd >= 0)
        close(server.signal_fd);
    buf_done(&server.cert);
    buf_done(&server.key);
    return rc;
}
