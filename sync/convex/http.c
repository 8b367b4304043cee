#include "sync/convex/convex.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <curl/curl.h>
#include <sodium.h>
#include "base/clock.h"
#include "base/i18n.h"
#include "base/mem.h"
#include "sync/convex/http_priv.h"

#define CONNECT_MS 10000
#define ANSWER_MS 30000
#define TOTAL_FACTOR 20        /* a whole transfer may take this many times answer_ms ... */
#define SLOWEST_BYTES_PER_S 64 /* ... while each answer_ms of it moves at least so much */
#define GZIP_FROM_BYTES 1024   /* smaller requests fit one packet anyhow */
#define WAIT_FDS_MAX 16
#define PUMP_ROUNDS 8

enum state { STATE_IDLE, STATE_RUNNING, STATE_ENDED };

struct convex_http {
    CURLM *multi; /* others may only curl_multi_wakeup() it */
    CURL *easy;
    struct convex_url url;
    char *client;
    int connect_ms, answer_ms;
    const struct clock *clock;

    enum state state;
    bool wants_fresh;
    /* The last transfer's connection, only to look at. If it is closed a look errs to "fresh". */
    curl_socket_t kept_fd;
    struct curl_slist *headers; /* of the transfer under way; curl does not copy them */
    struct buf request;         /* its body; curl does not copy it */
    struct convex_reply reply;
    char detail[CURL_ERROR_SIZE];
    int64_t certificate_ms; /* when a refused certificate expired or is to begin; 0: not known */

    bool is_sending;               /* connected; from here on bytes must move */
    int64_t moved_bytes, moved_ms; /* the last that moved, and when */
    int64_t slow_bytes, slow_ms;   /* where the present stretch of answer_ms began */
};

enum rc convex_global_init(struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, RC_NOMEM, _("The network library can not start."));
    return RC_OK;
}

void convex_global_done(void)
{
    curl_global_cleanup();
}

/* ---- making the handle ---- */

static size_t take_bytes(char *bytes, size_t size, size_t count, void *ctx)
{
    struct convex_http *http = ctx;
    size_t len = size * count;

    /* Already decompressed, in small pieces: a bomb ends at the limit, not in memory. */
    if (len > CONVEX_ANSWER_MAX - http->reply.body.len) {
        http->reply.too_large = true;
        return 0;
    }
    buf_append(&http->reply.body, bytes, len);
    return len;
}

/* What is the same for all transfers. False when curl has no memory. */
static bool configure(struct convex_http *http, const char *ca_file)
{
    CURL *e = http->easy;
    long total_ms = http->connect_ms + (long)TOTAL_FACTOR * http->answer_ms;
    unsigned bad = 0;

    bad |= curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    /* Never wait for a dead name server. */
    bad |= curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_ERRORBUFFER, http->detail);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_bytes);
    bad |= curl_easy_setopt(e, CURLOPT_WRITEDATA, http);
    bad |= curl_easy_setopt(e, CURLOPT_USERAGENT, http->client);
    bad |= curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    bad |= curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    bad |= curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    bad |= curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)http->connect_ms);
    bad |= curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, total_ms);
    bad |= curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)CONVEX_ANSWER_MAX);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    bad |= curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    bad |= curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* "identity" still undoes what a server compresses unasked. */
    bad |=
        curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, http->url.is_loopback ? "identity" : "gzip");
    /* The standard proxy variables count, but for this machine itself no proxy ever does. */
    if (http->url.is_loopback)
        bad |= curl_easy_setopt(e, CURLOPT_PROXY, "");
    convex_watch_certificate(e, &http->certificate_ms);
    if (ca_file != NULL) {
        /* Only the site's own authority: the system's would let others speak for its server. */
        bad |= curl_easy_setopt(e, CURLOPT_CAINFO, ca_file);
        bad |= curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    }
    return bad == 0 && curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, 1L) == CURLM_OK;
}

/* Visible ASCII only: nothing that could end a header line. */
static bool fits_header(const char *s)
{
    for (; *s != '\0'; s++)
        if (*s < '!' || *s > '~')
            return false;
    return true;
}

enum rc convex_http_open(const struct convex_http_options *options, struct convex_http **out,
                         struct err *err)
{
    struct convex_http *http = mem_zero(1, sizeof(*http));
    enum rc rc;

    rc = convex_url_read(options->url, options->insecure, &http->url, err);
    if (rc)
        goto out;
    if (options->client == NULL || options->client[0] == '\0' || !fits_header(options->client)) {
        rc = err_set(err, RC_INVALID, _("The client's name does not fit a header."));
        goto out;
    }
    if (options->ca_file != NULL && access(options->ca_file, R_OK) != 0) {
        rc = err_set(err, RC_INVALID, _("The file of certificate authorities can not be read: %s"),
                     options->ca_file);
        goto out;
    }
    http->kept_fd = CURL_SOCKET_BAD;
    http->client = mem_strdup(options->client);
    http->connect_ms = options->connect_ms > 0 ? options->connect_ms : CONNECT_MS;
    http->answer_ms = options->answer_ms > 0 ? options->answer_ms : ANSWER_MS;
    http->clock = options->clock ? options->clock : &clock_system;
    http->multi = curl_multi_init();
    http->easy = curl_easy_init();
    if (http->multi == NULL || http->easy == NULL || !configure(http, options->ca_file)) {
        rc = err_set(err, RC_NOMEM, _("Out of memory."));
        goto out;
    }
    *out = http;
    http = NULL;
out:
    convex_http_close(http);
    return rc;
}

/* Wipes and frees what one transfer needs: headers hold a token, the body perhaps a password. */
static void drop_request(struct convex_http *http)
{
    for (struct curl_slist *h = http->headers; h != NULL; h = h->next)
        sodium_memzero(h->data, strlen(h->data));
    curl_slist_free_all(http->headers);
    http->headers = NULL;
    if (http->request.data != NULL)
        sodium_memzero(http->request.data, http->request.cap);
    buf_done(&http->request);
}

void convex_http_close(struct convex_http *http)
{
    if (http == NULL)
        return;
    convex_http_abort(http);
    curl_easy_cleanup(http->easy);
    curl_multi_cleanup(http->multi);
    convex_url_done(&http->url);
    free(http->client);
    free(http);
}

/* ---- starting ---- */

static bool add_header(struct convex_http *http, const char *name, const char *value)
{
    struct buf line = { 0 };
    struct curl_slist *longer;

    buf_puts(&line, name);
    buf_puts(&line, value);
    longer = curl_slist_append(http->headers, buf_str(&line));
    if (longer != NULL)
        http->headers = longer;
    sodium_memzero(line.data, line.cap);
    buf_done(&line);
    return longer != NULL;
}

/* Puts the gzipped form of the request in its place. False when that would not be smaller. */
static bool gzip_request(struct convex_http *http)
{
    struct buf packed = { 0 };

    if (http->request.len < GZIP_FROM_BYTES || !convex_gzip(&http->request, &packed))
        return false;
    sodium_memzero(http->request.data, http->request.cap);
    buf_done(&http->request);
    http->request = packed;
    return true;
}

/* An end before anything was sent. */
static void end_unsent(struct convex_http *http, CURLcode code, const char *problem)
{
    drop_request(http);
    http->reply.transport = (int)code;
    snprintf(http->reply.problem, sizeof(http->reply.problem), "%s", problem);
    http->state = STATE_ENDED;
}

static void begin(struct convex_http *http)
{
    assert(http->state == STATE_IDLE);
    http->detail[0] = '\0';
    http->certificate_ms = 0;
    http->is_sending = false;
}

/* A kept connection on which bytes wait that nobody asked for was closed, or holds the answer to a
 * request that was doubled on its way: never take that for the next one's. */
static bool is_kept_one_spoilt(const struct convex_http *http)
{
    struct pollfd kept = { .fd = http->kept_fd, .events = POLLIN };

    return poll(&kept, 1, 0) > 0;
}

static void start(struct convex_http *http, const char *path, bool is_good)
{
    struct buf url = { 0 };
    bool is_fresh = http->wants_fresh || is_kept_one_spoilt(http);

    buf_puts(&url, http->url.base);
    buf_puts(&url, path);
    is_good = is_good && curl_easy_setopt(http->easy, CURLOPT_URL, buf_str(&url)) == CURLE_OK &&
              curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, http->headers) == CURLE_OK &&
              curl_easy_setopt(http->easy, CURLOPT_FRESH_CONNECT, (long)is_fresh) == CURLE_OK &&
              curl_multi_add_handle(http->multi, http->easy) == CURLM_OK;
    buf_done(&url);
    if (is_good) {
        http->state = STATE_RUNNING;
        http->wants_fresh = false;
    } else {
        end_unsent(http, CURLE_OUT_OF_MEMORY, "Out of memory.");
    }
}

void convex_http_post(struct convex_http *http, const struct convex_call *call, const char *token,
                      bool gzip)
{
    CURL *e = http->easy;
    bool is_good;

    begin(http);
    if (token != NULL && !fits_header(token)) {
        end_unsent(http, CURLE_BAD_FUNCTION_ARGUMENT, "The access token is not a valid one.");
        return;
    }
    convex_encode(call, &http->request);
    /* Without Expect, or curl spends a round trip on asking first. */
    is_good =
        add_header(http, "Content-Type: ", "application/json") &&
        add_header(http, "Convex-Client: ", http->client) && add_header(http, "Expect:", "") &&
        (token == NULL || add_header(http, "Authorization: Bearer ", token)) &&
        (!gzip || !gzip_request(http) || add_header(http, "Content-Encoding: ", "gzip")) &&
        curl_easy_setopt(e, CURLOPT_POST, 1L) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, http->request.data) == CURLE_OK &&
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)http->request.len) == CURLE_OK;
    start(http, convex_kind_path(call->kind), is_good);
}

void convex_http_get(struct convex_http *http, const char *path)
{
    bool is_good;

    begin(http);
    is_good = add_header(http, "Convex-Client: ", http->client) &&
              curl_easy_setopt(http->easy, CURLOPT_HTTPGET, 1L) == CURLE_OK;
    start(http, path, is_good);
}

/* ---- ending ---- */

static curl_off_t info(CURL *easy, CURLINFO what)
{
    curl_off_t value = 0;

    return curl_easy_getinfo(easy, what, &value) == CURLE_OK ? value : 0;
}

static long info_long(CURL *easy, CURLINFO what)
{
    long value = 0;

    return curl_easy_getinfo(easy, what, &value) == CURLE_OK ? value : 0;
}

/* The status is read only from a transfer that ended well: a body cut short has one too. */
static void finish(struct convex_http *http, CURLcode code, bool was_silent)
{
    struct convex_reply *reply = &http->reply;
    struct convex_trouble trouble = {
        .easy = http->easy,
        .code = code,
        .detail = http->detail,
        .url = &http->url,
        .clock = http->clock,
        .certificate_ms = http->certificate_ms,
        .connect_ms = http->connect_ms,
        .answer_ms = http->answer_ms,
        .was_silent = was_silent,
    };

    reply->sent_bytes = info_long(http->easy, CURLINFO_REQUEST_SIZE);
    reply->got_bytes =
        info_long(http->easy, CURLINFO_HEADER_SIZE) + info(http->easy, CURLINFO_SIZE_DOWNLOAD_T);
    reply->transport = (int)code;
    reply->complete = code == CURLE_OK;
    reply->too_large = reply->too_large || code == CURLE_FILESIZE_EXCEEDED;
    if (reply->complete) {
        reply->http_status = (int)info_long(http->easy, CURLINFO_RESPONSE_CODE);
        convex_read_headers(http->easy, reply);
    } else {
        buf_done(&reply->body);
        if (reply->too_large)
            snprintf(reply->problem, sizeof(reply->problem),
                     _("The server's answer is over 16 MiB."));
        else
            convex_problem(&trouble, reply->problem, sizeof(reply->problem));
    }
    http->kept_fd = CURL_SOCKET_BAD;
    curl_easy_getinfo(http->easy, CURLINFO_ACTIVESOCKET, &http->kept_fd);
    curl_multi_remove_handle(http->multi, http->easy);
    drop_request(http);
    http->state = STATE_ENDED;
}

static void collect(struct convex_http *http)
{
    CURLMsg *msg;
    int left;

    while (http->state == STATE_RUNNING) {
        msg = curl_multi_info_read(http->multi, &left);
        if (msg == NULL)
            return;
        if (msg->msg == CURLMSG_DONE)
            finish(http, msg->data.result, false);
    }
}

/* Ends a transfer in which no byte moved for answer_ms, or too few. curl's own limit counts in
 * whole seconds and averages; a person is told the time that was really waited. */
static void watch_progress(struct convex_http *http)
{
    int64_t now_ms = clock_mono(&clock_system);
    int64_t bytes = info(http->easy, CURLINFO_SIZE_DOWNLOAD_T) +
                    info(http->easy, CURLINFO_SIZE_UPLOAD_T) +
                    info_long(http->easy, CURLINFO_HEADER_SIZE);

    if (!http->is_sending) {
        if (info(http->easy, CURLINFO_PRETRANSFER_TIME_T) == 0)
            return; /* connecting has a limit of its own */
        http->is_sending = true;
        http->moved_bytes = http->slow_bytes = bytes;
        http->moved_ms = http->slow_ms = now_ms;
    }
    if (bytes != http->moved_bytes) {
        http->moved_bytes = bytes;
        http->moved_ms = now_ms;
    }
    if (now_ms - http->moved_ms >= http->answer_ms) {
        finish(http, CURLE_OPERATION_TIMEDOUT, true);
        return;
    }
    if (now_ms - http->slow_ms < 2LL * http->answer_ms)
        return;
    if (bytes - http->slow_bytes < 2LL * http->answer_ms * SLOWEST_BYTES_PER_S / 1000)
        finish(http, CURLE_OPERATION_TIMEDOUT, false);
    http->slow_bytes = bytes;
    http->slow_ms = now_ms;
}

void convex_http_abort(struct convex_http *http)
{
    if (http->state == STATE_RUNNING) {
        curl_multi_remove_handle(http->multi, http->easy);
        drop_request(http);
    }
    convex_reply_done(&http->reply);
    http->state = STATE_IDLE;
}

void convex_http_forget(struct convex_http *http)
{
    http->wants_fresh = true;
}

bool convex_http_busy(const struct convex_http *http)
{
    return http->state != STATE_IDLE;
}

bool convex_http_take(struct convex_http *http, struct convex_reply *out)
{
    if (http->state != STATE_ENDED)
        return false;
    *out = http->reply;
    http->reply = (struct convex_reply){ 0 };
    http->state = STATE_IDLE;
    return true;
}

/* ---- moving bytes ---- */

void convex_http_pump(struct convex_http *http)
{
    int running, ready;

    for (int round = 0; round < PUMP_ROUNDS && http->state == STATE_RUNNING; round++) {
        curl_multi_perform(http->multi, &running);
        collect(http);
        if (http->state == STATE_RUNNING)
            watch_progress(http);
        /* A connection to a near server is there at once: go on until there is nothing to do.
         * curl_multi_wait, unlike curl_multi_poll, does not swallow a wakeup. */
        ready = 0;
        if (curl_multi_wait(http->multi, NULL, 0, 0, &ready) != CURLM_OK || ready == 0)
            return;
    }
}

/* Not past the moment when silence ends the transfer. */
static int limit_wait(const struct convex_http *http, int wait_ms)
{
    int64_t left_ms;

    if (http->state == STATE_ENDED)
        return 0;
    if (wait_ms < 0)
        wait_ms = INT_MAX;
    if (http->state == STATE_IDLE || !http->is_sending)
        return wait_ms;
    left_ms = http->moved_ms + http->answer_ms - clock_mono(&clock_system);
    if (left_ms < 0)
        return 0;
    return left_ms < wait_ms ? (int)left_ms : wait_ms;
}

void convex_http_wait(struct convex_http *http, struct pollfd *fds, size_t count, int wait_ms)
{
    struct curl_waitfd waits[WAIT_FDS_MAX];

    assert(count <= WAIT_FDS_MAX);
    for (size_t i = 0; i < count; i++) {
        waits[i] = (struct curl_waitfd){ .fd = fds[i].fd };
        if (fds[i].events & POLLIN)
            waits[i].events |= CURL_WAIT_POLLIN;
        if (fds[i].events & POLLOUT)
            waits[i].events |= CURL_WAIT_POLLOUT;
    }
    wait_ms = limit_wait(http, wait_ms);
    if (curl_multi_poll(http->multi, waits, (unsigned)count, wait_ms, NULL) != CURLM_OK)
        poll(fds, count, wait_ms < 1000 ? wait_ms : 1000); /* no memory: do not spin */
    else
        poll(fds, count, 0); /* curl says nothing of POLLHUP and POLLERR */
    convex_http_pump(http);
}

void convex_http_wakeup(struct convex_http *http)
{
    curl_multi_wakeup(http->multi);
}
