/* src/backend/backend.h: the embedded backend without its sockets: bytes of a request in, bytes of
 * an answer out. `outpost-backend` puts libmicrohttpd around it; a simulation calls it directly
 * with a clock of its own.
 *
 * Threads  one thread at a time. Only backend_hash_run may run in another thread.
 * Durable  an answer of success is given after the transaction's COMMIT at synchronous=FULL.
 */
#ifndef BACKEND_BACKEND_H
#define BACKEND_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "db/registry.h"

struct backend;

struct backend_options {
    const char *path;           /* SQLite file, made (0600) when missing; PATH.mark is its mark */
    const char *vfs;            /* NULL: the system's; else give no_mark too */
    const struct registry *registry;    /* borrowed; the tables that are served */
    const struct clock *clock;          /* borrowed */
    bool signup;                /* auth:signIn with flow signUp makes accounts */
    bool no_mark;               /* no mark file (a simulation without real files) */
    bool quick_hash;            /* least cost of argon2id, for tests */
};

/* Takes the tables out of the registry, as problems, that do not fit what the file was made from (a
 * dropped column, a changed type), so that they stop no other table; backend_open would refuse the
 * whole file. Their records stay as they are. Nothing to do when there is no file yet. */
enum rc backend_fit_registry(const char *path, struct registry *reg, struct err *err);

enum rc backend_open(const struct backend_options *options, struct backend **out, struct err *err);
void backend_close(struct backend *b);

struct backend_request {        /* all borrowed for the call */
    const char *method, *path;  /* "POST", "/api/query" */
    const char *content_type;   /* or NULL */
    const char *authorization;  /* or NULL */
    const char *body;
    size_t body_len;
    const char *peer;           /* address text, for the sign-in limit */
};

struct backend_hash;            /* a password to hash or to verify, away from the request thread */

struct backend_answer {         /* all zero is valid; backend_answer_done frees */
    int http_status;
    const char *content_type;   /* static text */
    struct buf body;
    int retry_after_s;          /* 0: none */
    struct err trouble;         /* rc not RC_OK: why this is an outage, for the operator's log */
    struct backend_hash *hash;  /* not NULL: no answer yet; run it, then finish gives the answer */
};
void backend_answer_done(struct backend_answer *answer);

/* Never fails: every failure is an answer. */
void backend_handle(struct backend *b, const struct backend_request *request,
                    struct backend_answer *out);
void backend_hash_run(struct backend_hash *hash);       /* any thread; some 0.2 s and 64 MiB */
/* Takes hash. */
void backend_hash_finish(struct backend *b, struct backend_hash *hash, struct backend_answer *out);
/* Takes hash, instead of finish: nobody waits any more. */
void backend_hash_cancel(struct backend_hash *hash);

/* Operator's work; the file may be served by another process meanwhile. */
enum rc backend_user_add(struct backend *b, const char *email, const char *password,
                         struct err *err);
enum rc backend_user_passwd(struct backend *b, const char *email, const char *password,
                            struct err *err);
enum rc backend_user_list(struct backend *b, struct buf *out, struct err *err); /* a line each */
enum rc backend_epoch_new(struct backend *b, char out[64], struct err *err);
/* Invented, plausible records in every served table for the account; the same count gives the same
 * records. */
enum rc backend_seed(struct backend *b, const char *email, int64_t count, struct err *err);
/* Removes receipts over 90 days, tombstones over 180 days, dead sessions; served: call hourly. */
enum rc backend_prune(struct backend *b, struct err *err);

#endif
