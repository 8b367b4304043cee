/* sync/convex/convex.h: a small Convex client for C, over the HTTP functions API. It knows no tasks and no
 * queue; another program may take this folder with base/.
 *
 * Three parts that can be used apart:
 *   envelope  struct convex_call -> request body; struct convex_reply -> struct convex_answer. Pure: no I/O.
 *   auth      arguments of auth:signIn, tokens out of its answer, expiry out of a JWT. Pure: no I/O.
 *   http      one transfer at a time on a curl multi handle, without blocking.
 *
 * Threads  a struct convex_http belongs to one thread; only convex_http_wakeup may be called from others.
 *          convex_global_init before the first thread starts.
 * Source   docs.convex.dev/http-api; the contract's section 1 says what each answer means to us.
 */
#ifndef SYNC_CONVEX_CONVEX_H
#define SYNC_CONVEX_CONVEX_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

struct cJSON;

#define CONVEX_ANSWER_MAX (16u << 20)           /* bytes of a decompressed answer; over it is CONVEX_TOO_LARGE */

/* ---- envelope ---- */

enum convex_kind { CONVEX_QUERY, CONVEX_MUTATION, CONVEX_ACTION };

struct convex_call {
    enum convex_kind kind;
    const char *path;           /* "sync:bulkUpsert" */
    const char *args;           /* one JSON object as text */
};

/* The URL path of a kind: "/api/query". */
const char *convex_kind_path(enum convex_kind kind);
/* Appends {"path":…,"args":…,"format":"json"}. */
void convex_encode(const struct convex_call *call, struct buf *out);

/* What came back, before anybody believes it. All zero is valid; convex_reply_done frees. */
struct convex_reply {
    bool complete;              /* the transfer ended well: only then do status and body mean anything */
    bool too_large;             /* cut by us at CONVEX_ANSWER_MAX */
    int transport;              /* curl's code when not complete, for the log */
    char problem[256];          /* a sentence for a person when not complete */
    int http_status;
    char content_type[80];
    int64_t retry_after_ms;     /* from Retry-After (seconds or date), at most 10 min; 0: none */
    bool takes_gzip;            /* the answer carried Accept-Encoding: gzip (RFC 7694) */
    struct buf body;            /* decompressed */
    int64_t sent_bytes, got_bytes;      /* on the wire, headers included */
};
void convex_reply_done(struct convex_reply *reply);

enum convex_class {
    CONVEX_OK,                  /* value */
    CONVEX_REFUSED,             /* the function threw with errorData: code, message, table, column */
    CONVEX_HIDDEN,              /* status error without errorData: bug, paused, over quota; nothing committed */
    CONVEX_AUTH,                /* 401 with a JSON code, or errorData.code unauthenticated */
    CONVEX_TOO_LARGE,           /* 413, or the answer was over CONVEX_ANSWER_MAX */
    CONVEX_BAD_REQUEST,         /* 400 with a JSON code other than AuthProviderDiscoveryFailed */
    CONVEX_WRONG,               /* 403, 404, 405 with a JSON code (404, 405 also empty): wrong client, URL or right */
    CONVEX_TRANSIENT            /* everything else: a mutation may or may not have been committed */
};

/* A decoded answer. All zero is valid; convex_answer_done frees. */
struct convex_answer {
    enum convex_class class;
    struct cJSON *value;        /* CONVEX_OK only; yours */
    char code[64], table[72], column[72];       /* of errorData; code also of a system error; else empty */
    char message[304];          /* of errorData, or a sentence of ours for a person */
    int http_status;            /* 0 when there was no complete answer */
    int64_t retry_after_ms;
    bool takes_gzip;
};
void convex_decode(const struct convex_reply *reply, struct convex_answer *out);
void convex_answer_done(struct convex_answer *answer);
const char *convex_class_name(enum convex_class class);

/* ---- auth (Convex Auth, Password provider) ---- */

struct convex_tokens {
    char *token, *refresh;      /* heap; convex_tokens_done wipes and frees them */
};
void convex_tokens_done(struct convex_tokens *t);

/* Arguments for auth:signIn; flow is "signIn" or "signUp". */
void convex_auth_password_args(const char *flow, const char *email, const char *password, struct buf *out);
void convex_auth_refresh_args(const char *refresh_token, struct buf *out);
/* Reads {tokens:{token,refreshToken}}. RC_AUTH: {tokens:null}, the session is over; RC_PROTOCOL: anything else. */
enum rc convex_auth_tokens(const struct cJSON *value, struct convex_tokens *out, struct err *err);
/* `exp` of a JWT in UTC ms, read without checking the signature; 0 when the token is no JWT (opaque tokens are fine). */
int64_t convex_token_expiry(const char *token);

/* ---- http ---- */

struct convex_http;

struct convex_http_options {
    const char *url;            /* http(s)://host[:port][/base]; http only to loopback unless insecure */
    bool insecure;
    const char *ca_file;        /* PEM of a site's own authority, or NULL */
    const char *client;         /* "outpost-0.1.0": Convex-Client and User-Agent */
    int connect_ms, answer_ms;  /* 0: 10,000 and 30,000; answer_ms is how long no byte may move */
    const struct clock *clock;  /* NULL: the system's; to see that a certificate's trouble is its date */
};

/* "The server did not answer in 30 seconds." */
void convex_no_answer(int ms, char *out, size_t size);

/* Call once, before any thread; convex_global_done at the very end. */
enum rc convex_global_init(struct err *err);
void convex_global_done(void);

/* Checks the URL (RC_INVALID with words that help) and makes the handle; nothing is sent yet. */
enum rc convex_http_open(const struct convex_http_options *options, struct convex_http **out, struct err *err);
void convex_http_close(struct convex_http *http);       /* aborts; returns within 100 ms, a dead name server included */

/* Starts POST of a call, or GET of a path ("/instance_name"); token may be NULL. One at a time: starting while one
 * is under way is a defect (asserted). Bodies are gzipped when `gzip`; answers are asked for gzipped
 * except from loopback, where compressing costs more than it saves. No redirect is ever followed. */
void convex_http_post(struct convex_http *http, const struct convex_call *call, const char *token, bool gzip);
void convex_http_get(struct convex_http *http, const char *path);
bool convex_http_busy(const struct convex_http *http);  /* from the start until it was taken or aborted */
void convex_http_abort(struct convex_http *http);       /* forgets the transfer under way */

/* The next transfer gets a new connection. Call it when the network changed or the machine slept: a kept
 * connection whose path is gone stays silent until answer_ms is over. */
void convex_http_forget(struct convex_http *http);

/* Moves bytes without waiting: a request on a kept connection is on its way when this returns. */
void convex_http_pump(struct convex_http *http);
/* Waits for the transfer, for one of fds (at most 16; revents is filled), for a wakeup, or for wait_ms (-1: for
 * ever); then pumps. May return early for no reason that the caller sees. */
void convex_http_wait(struct convex_http *http, struct pollfd *fds, size_t count, int wait_ms);
/* True once the transfer has ended: *out is filled (yours) and the handle is free for the next. */
bool convex_http_take(struct convex_http *http, struct convex_reply *out);
/* From any thread: ends a convex_http_wait now. */
void convex_http_wakeup(struct convex_http *http);

#endif
