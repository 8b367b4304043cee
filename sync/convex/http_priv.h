/* sync/convex/http_priv.h: what http.c keeps in files of their own. Private to this folder. */
#ifndef SYNC_CONVEX_HTTP_PRIV_H
#define SYNC_CONVEX_HTTP_PRIV_H

#include <curl/curl.h>
#include "sync/convex/convex.h"

struct convex_url {
    char *base;                 /* scheme://host[:port][/base], without a slash at the end; heap */
    char *host;                 /* heap */
    bool is_loopback;
};

/* Refuses, with words that help, what we never talk to. All zero is a valid empty one. */
enum rc convex_url_read(const char *text, bool insecure, struct convex_url *out, struct err *err);
void convex_url_done(struct convex_url *url);

/* Why a transfer did not end well, as a sentence for a person. Asks the handle: call it before the
 * handle is used again. */
struct convex_trouble {
    CURL *easy;
    CURLcode code;
    const char *detail;         /* curl's own words */
    const struct convex_url *url;
    const struct clock *clock;
    int64_t certificate_ms;     /* when a certificate expired or is to begin; 0: not known */
    int connect_ms, answer_ms;
    bool was_silent;            /* ended by us: no byte moved for answer_ms */
};
void convex_problem(const struct convex_trouble *trouble, char *out, size_t size);

/* From now on *limit_ms is set, in the thread that moves the handle's bytes, when a certificate is
 * refused because of its time: the wall time (UTC ms) at which it expired, or is to begin. It lives
 * as long as the handle. */
void convex_watch_certificate(CURL *easy, int64_t *limit_ms);

/* What the headers of a complete answer say: content type, Retry-After, Accept-Encoding. */
void convex_read_headers(CURL *easy, struct convex_reply *reply);

/* Puts the gzipped form of *in into an empty *out. False, and *out empty, when it would not be smaller. */
bool convex_gzip(const struct buf *in, struct buf *out);

#endif
