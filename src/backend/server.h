/* src/backend/server.h: the backend behind a socket: one thread, one epoll, libmicrohttpd. Private
 * to outpost-backend.
 */
#ifndef BACKEND_SERVER_H
#define BACKEND_SERVER_H

#include <stdbool.h>
#include "base/err.h"
#include "src/backend/backend.h"

struct server_options {
    struct backend *backend;
    const char *listen;         /* "ADDR:PORT", "[ADDR]:PORT"; port 0 picks a free one */
    const char *tls_cert, *tls_key;     /* PEM files; both or neither */
    bool insecure;              /* plain HTTP beyond loopback is meant */
    bool quiet;                 /* nothing on stderr */
};

/* Prints `listening URL` on stdout, then serves until SIGTERM or SIGINT, which the caller has
 * blocked in all threads. */
enum rc server_run(const struct server_options *options, struct err *err);

/* One line of the log on stderr. */
void server_log(bool quiet, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
