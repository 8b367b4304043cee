#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include <zlib.h>
#include "base/clock.h"
#include "base/mem.h"
#include "sync/convex/convex.h"

#define OK_BODY "{\"status\":\"success\",\"value\":1.0}"
#define DEADLINE_MS 60000

/* ---- a server of raw bytes ---- */

enum act {
    ACT_SEND,   /* the bytes, and keep the connection */
    ACT_CLOSE,  /* the bytes, then FIN */
    ACT_RESET,  /* the bytes, then RST */
    ACT_SILENT, /* the bytes, then nothing until the client goes */
    ACT_DRIP,   /* the bytes, then one every 50 ms until the client goes */
    ACT_TWICE   /* the bytes, and again once the test asks for it */
};

struct step {
    enum act act;
    const char *bytes;
    size_t len; /* 0: strlen(bytes) */
};

struct server {
    int listen_fd, stop_fd, again_fd;
    char url[64];
    pthread_t thread;
    const struct step *steps; /* one for each request; the last one repeats */
    size_t count;
    atomic_int connections, requests, doubled;
    struct buf last; /* the last whole request; read it after server_stop */
};

static void send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        bytes += n;
        len -= (size_t)n;
    }
}

/* Waits until fd is readable: 1; the time is over: 0; the test ends, or other_fd is readable: -1. */
static int await_either(const struct server *s, int fd, int other_fd, int ms)
{
    struct pollfd fds[] = { { .fd = s->stop_fd, .events = POLLIN },
                            { .fd = other_fd, .events = POLLIN },
                            { .fd = fd, .events = POLLIN } };

    if (poll(fds, 3, ms) <= 0)
        return 0;
    return fds[0].revents || fds[1].revents ? -1 : 1;
}

static int await(const struct server *s, int fd, int ms)
{
    return await_either(s, fd, -1, ms);
}

static bool read_request(struct server *s, int fd, struct buf *in)
{
    const char *end, *length;
    char chunk[65536];
    ssize_t n;

    buf_clear(in);
    for (;;) {
        end = in->len > 0 ? strstr(buf_str(in), "\r\n\r\n") : NULL;
        length = end != NULL ? strstr(buf_str(in), "Content-Length: ") : NULL;
        if (end != NULL &&
            in->len >= (size_t)(end + 4 - in->data) + (length ? strtoul(length + 16, NULL, 10) : 0))
            return true;
        /* Who comes on a new connection does not need the old one any more. */
        if (await_either(s, fd, in->len == 0 ? s->listen_fd : -1, DEADLINE_MS) <= 0)
            return false;
        n = recv(fd, chunk, sizeof(chunk), 0);
        if (n <= 0)
            return false;
        buf_append(in, chunk, (size_t)n);
    }
}

/* True when the connection lives on. */
static bool play(struct server *s, int fd, const struct step *step)
{
    size_t len = step->len > 0 ? step->len : strlen(step->bytes);
    const struct linger hard = { .l_onoff = 1 };
    uint64_t token;

    send_all(fd, step->bytes, len);
    switch (step->act) {
    case ACT_SEND:
        return true;
    case ACT_CLOSE:
        return false;
    case ACT_RESET:
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        return false;
    case ACT_SILENT:
        await(s, fd, DEADLINE_MS);
        return false;
    case ACT_DRIP:
        while (await(s, fd, 50) == 0)
            send_all(fd, " ", 1);
        return false;
    case ACT_TWICE:
        if (await(s, s->again_fd, DEADLINE_MS) != 1 || read(s->again_fd, &token, sizeof(token)) < 0)
            return false;
        send_all(fd, step->bytes, len);
        atomic_store(&s->doubled, 1);
        return true;
    }
    return false;
}

static void *serve(void *ctx)
{
    struct server *s = ctx;
    struct buf in = { 0 };

    while (await(s, s->listen_fd, -1) == 1) {
        int fd = accept(s->listen_fd, NULL, NULL);
        bool goes_on = true;
        if (fd < 0)
            continue;
        atomic_fetch_add(&s->connections, 1);
        while (goes_on && read_request(s, fd, &in)) {
            size_t i = (size_t)atomic_load(&s->requests);
            buf_clear(&s->last);
            buf_append(&s->last, in.data, in.len);
            atomic_fetch_add(&s->requests, 1);
            goes_on = play(s, fd, &s->steps[i < s->count ? i : s->count - 1]);
        }
        close(fd);
    }
    buf_done(&in);
    return NULL;
}

static struct server *server_start(const struct step *steps, size_t count)
{
    struct server *s = mem_zero(1, sizeof(*s));
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);

    s->steps = steps;
    s->count = count;
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    s->again_fd = eventfd(0, EFD_CLOEXEC);
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listen_fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(listen(s->listen_fd, 8), 0);
    assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&addr, &len), 0);
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", ntohs(addr.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    return s;
}

/* Joins the thread; fields may be read until server_free. */
static void server_stop(struct server *s)
{
    eventfd_write(s->stop_fd, 1);
    pthread_join(s->thread, NULL);
}

static void server_free(struct server *s)
{
    close(s->listen_fd);
    close(s->stop_fd);
    close(s->again_fd);
    buf_done(&s->last);
    free(s);
}

/* ---- helpers ---- */

static const struct convex_call call = { .kind = CONVEX_QUERY,
                                         .path = "sync:head",
                                         .args = "{\"protocol\":1}" };

static struct convex_http *open_with(struct convex_http_options options)
{
    struct convex_http *http = NULL;
    struct err err = { 0 };

    options.client = "outpost-0.1.0";
    if (convex_http_open(&options, &http, &err))
        fail_msg("%s", err.msg);
    return http;
}

static struct convex_http *open_to(const struct server *s)
{
    return open_with((struct convex_http_options){ .url = s->url });
}

static struct convex_reply finish(struct convex_http *http)
{
    struct convex_reply reply = { 0 };
    int64_t end_ms = clock_mono(&clock_system) + DEADLINE_MS;

    while (!convex_http_take(http, &reply)) {
        if (clock_mono(&clock_system) > end_ms)
            fail_msg("the transfer does not end");
        convex_http_wait(http, NULL, 0, 1000);
    }
    return reply;
}

static struct convex_reply ask(struct convex_http *http)
{
    convex_http_post(http, &call, NULL, false);
    return finish(http);
}

/* One request to a server that does one thing. */
static struct convex_reply ask_one(const struct step *step)
{
    struct server *s = server_start(step, 1);
    struct convex_http *http = open_to(s);
    struct convex_reply reply = ask(http);

    convex_http_close(http);
    server_stop(s);
    server_free(s);
    return reply;
}

/* A whole answer with its length; yours to free. */
static char *answer(const char *status, const char *headers, const char *body)
{
    struct buf out = { 0 };

    buf_printf(&out, "HTTP/1.1 %s\r\n%sContent-Length: %zu\r\n\r\n", status, headers, strlen(body));
    buf_puts(&out, body);
    return buf_take(&out);
}

#define OK_ANSWER                                                                                  \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 32\r\n\r\n" OK_BODY

static void expect_ok(struct convex_reply *reply)
{
    if (!reply->complete)
        fail_msg("%d: %s", reply->transport, reply->problem);
    assert_int_equal(reply->http_status, 200);
    assert_string_equal(buf_str(&reply->body), OK_BODY);
    convex_reply_done(reply);
}

static void expect_broken(struct convex_reply *reply, const char *problem)
{
    assert_false(reply->complete);
    assert_int_not_equal(reply->transport, 0);
    assert_int_equal(reply->http_status, 0);
    assert_int_equal(reply->body.len, 0);
    assert_string_equal(reply->problem, problem);
    convex_reply_done(reply);
}

static int64_t now(void)
{
    return clock_mono(&clock_system);
}

static void until(atomic_int *counter, int wanted)
{
    int64_t end_ms = now() + DEADLINE_MS;

    while (atomic_load(counter) < wanted) {
        if (now() > end_ms)
            fail_msg("the server never got there");
        sched_yield();
    }
}

/* ---- what is sent ---- */

static void a_call_is_posted_as_the_contract_says(void **state)
{
    static const struct step steps[] = { { ACT_SEND, OK_ANSWER, 0 } };
    struct server *s = server_start(steps, 1);
    struct convex_http *http = open_to(s);
    struct convex_reply reply;

    (void)state;
    assert_false(convex_http_busy(http));
    convex_http_post(http, &call, "to.ken", false);
    assert_true(convex_http_busy(http));
    reply = finish(http);
    assert_false(convex_http_busy(http));
    assert_string_equal(reply.content_type, "application/json");
    assert_in_range(reply.got_bytes, strlen(OK_ANSWER), strlen(OK_ANSWER));
    server_stop(s);
    assert_in_range(reply.sent_bytes, s->last.len, s->last.len);
    expect_ok(&reply);
    assert_memory_equal(s->last.data, "POST /api/query HTTP/1.1\r\n", 26);
    assert_non_null(strstr(s->last.data, "\r\nContent-Type: application/json\r\n"));
    assert_non_null(strstr(s->last.data, "\r\nConvex-Client: outpost-0.1.0\r\n"));
    assert_non_null(strstr(s->last.data, "\r\nUser-Agent: outpost-0.1.0\r\n"));
    assert_non_null(strstr(s->last.data, "\r\nAuthorization: Bearer to.ken\r\n"));
    assert_non_null(strstr(s->last.data, "\r\nAccept-Encoding: identity\r\n"));
    assert_null(strstr(s->last.data, "Expect"));
    assert_non_null(
        strstr(s->last.data,
               "\r\n\r\n{\"path\":\"sync:head\",\"args\":{\"protocol\":1},\"format\":\"json\"}"));
    convex_http_close(http);
    server_free(s);
}

static void a_probe_is_a_plain_get_without_a_token(void **state)
{
    static const struct step steps[] = { { ACT_SEND, OK_ANSWER, 0 } };
    struct server *s = server_start(steps, 1);
    struct convex_http_options options = { .url = s->url };
    char url[96];
    struct convex_http *http;
    struct convex_reply reply;

    (void)state;
    snprintf(url, sizeof(url), "%s/base//", s->url);
    options.url = url;
    http = open_with(options);
    convex_http_post(http, &call, "to.ken", false);
    reply = finish(http);
    expect_ok(&reply);
    convex_http_get(http, "/instance_name");
    reply = finish(http);
    expect_ok(&reply);
    server_stop(s);
    assert_memory_equal(s->last.data, "GET /base/instance_name HTTP/1.1\r\n", 34);
    assert_null(strstr(s->last.data, "Authorization"));
    assert_null(strstr(s->last.data, "Content-"));
    convex_http_close(http);
    server_free(s);
}

static void a_large_request_is_gzipped_when_asked_for_and_a_small_one_never(void **state)
{
    static const struct step steps[] = { { ACT_SEND, OK_ANSWER, 0 } };
    struct server *s = server_start(steps, 1);
    struct convex_http *http = open_to(s);
    struct buf args = { 0 }, expected = { 0 };
    struct convex_call large = call;
    struct convex_reply reply;
    char *plain;
    z_stream z = { 0 };

    (void)state;
    convex_http_post(http, &call, NULL, true);
    reply = finish(http);
    expect_ok(&reply);
    until(&s->requests, 1);
    assert_null(strstr(s->last.data, "Content-Encoding"));

    buf_puts(&args, "{\"ops\":[");
    for (int i = 0; i < 2000; i++)
        buf_printf(&args, "%s\"operation number %d\"", i ? "," : "", i);
    buf_puts(&args, "]}");
    large.args = buf_str(&args);
    convex_encode(&large, &expected);
    convex_http_post(http, &large, NULL, true);
    reply = finish(http);
    expect_ok(&reply);
    server_stop(s);
    assert_non_null(strstr(s->last.data, "\r\nContent-Encoding: gzip\r\n"));
    assert_true(s->last.len < expected.len / 2);
    plain = malloc(expected.len + 1);
    z.next_in = (Bytef *)strstr(s->last.data, "\r\n\r\n") + 4;
    z.avail_in = (uInt)(s->last.len - (size_t)((char *)z.next_in - s->last.data));
    z.next_out = (Bytef *)plain;
    z.avail_out = (uInt)expected.len + 1;
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, expected.len);
    assert_memory_equal(plain, expected.data, expected.len);
    inflateEnd(&z);
    free(plain);
    buf_done(&args);
    buf_done(&expected);
    convex_http_close(http);
    server_free(s);
}

static void answers_are_asked_for_gzipped_from_beyond_loopback(void **state)
{
    static const struct step steps[] = { { ACT_SEND, OK_ANSWER, 0 } };
    struct server *s = server_start(steps, 1);
    char url[64];
    struct convex_http *http;
    struct convex_reply reply;

    (void)state;
    /* This address is no loopback address in name, and reaches this machine all the same. */
    snprintf(url, sizeof(url), "http://0.0.0.0%s", strrchr(s->url, ':'));
    http = open_with((struct convex_http_options){ .url = url, .insecure = true });
    reply = ask(http);
    expect_ok(&reply);
    server_stop(s);
    assert_non_null(strstr(s->last.data, "\r\nAccept-Encoding: gzip\r\n"));
    convex_http_close(http);
    server_free(s);
}

static void a_token_that_would_break_the_header_is_not_sent(void **state)
{
    static const struct step steps[] = { { ACT_SEND, OK_ANSWER, 0 } };
    struct server *s = server_start(steps, 1);
    struct convex_http *http = open_to(s);
    struct convex_reply reply;

    (void)state;
    convex_http_post(http, &call, "a\r\nX-Evil: b", false);
    reply = finish(http);
    expect_broken(&reply, "The access token is not a valid one.");
    reply = ask(http);
    expect_ok(&reply);
    server_stop(s);
    assert_int_equal(s->requests, 1);
    convex_http_close(http);
    server_free(s);
}

static void pumping_once_sends_the_request_on_a_kept_connection(void **state)
{
    static const struct step steps[] = { { ACT_SEND, OK_ANSWER, 0 } };
    struct server *s = server_start(steps, 1);
    struct convex_http *http = open_to(s);
    struct convex_reply reply = ask(http);

    (void)state;
    expect_ok(&reply);
    convex_http_post(http, &call, NULL, false);
    convex_http_pump(http);
    until(&s->requests, 2);
    reply = finish(http);
    expect_ok(&reply);
    convex_http_close(http);
    server_stop(s);
    assert_int_equal(s->connections, 1);
    server_free(s);
}

/* ---- connections ---- */

static void two_calls_share_a_connection_until_it_is_forgotten(void **state)
{
    static const struct step steps[] = { { ACT_SEND, OK_ANSWER, 0 } };
    struct server *s = server_start(steps, 1);
    struct convex_http *http = open_to(s);
    struct convex_reply reply;

    (void)state;
    for (int i = 0; i < 2; i++) {
        reply = ask(http);
        expect_ok(&reply);
    }
    assert_int_equal(atomic_load(&s->connections), 1);
    convex_http_forget(http);
    for (int i = 0; i < 2; i++) {
        reply = ask(http);
        expect_ok(&reply);
    }
    assert_int_equal(atomic_load(&s->connections), 2);
    convex_http_close(http);
    server_stop(s);
    server_free(s);
}

static void a_kept_connection_that_died_is_replaced_unseen(void **state)
{
    static const struct step steps[] = { { ACT_CLOSE, OK_ANSWER, 0 },
                                         { ACT_SEND, OK_ANSWER, 0 },
                                         { ACT_CLOSE, "", 0 },
                                         { ACT_SEND, OK_ANSWER, 0 } };
    struct server *s = server_start(steps, 4);
    struct convex_http *http = open_to(s);

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct convex_reply reply = ask(http);
        expect_ok(&reply);
    }
    convex_http_close(http);
    server_stop(s);
    assert_int_equal(s->requests, 4); /* the third died under way and was sent again */
    assert_int_equal(s->connections, 3);
    server_free(s);
}

static void the_answer_to_a_doubled_request_is_not_taken_for_the_next_ones(void **state)
{
    static const char first[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst";
    static const struct step steps[] = { { ACT_TWICE, first, 0 }, { ACT_SEND, OK_ANSWER, 0 } };
    struct server *s = server_start(steps, 2);
    struct convex_http *http = open_to(s);
    struct convex_reply reply = ask(http);

    (void)state;
    assert_string_equal(buf_str(&reply.body), "first");
    convex_reply_done(&reply);
    eventfd_write(s->again_fd, 1);
    until(&s->doubled, 1);
    reply = ask(http);
    expect_ok(&reply);
    convex_http_close(http);
    server_stop(s);
    server_free(s);
}

static void a_proxy_is_never_used_for_this_machine(void **state)
{
    static const struct step step = { ACT_SEND, OK_ANSWER, 0 };
    struct convex_reply reply;

    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    reply = ask_one(&step);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    expect_ok(&reply);
}

/* ---- what comes back ---- */

static void an_answer_cut_short_is_no_answer(void **state)
{
    static const char half[] =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n" OK_BODY;
    static const char chunk[] =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n" OK_BODY "\r\n";
    static const struct step rows[] = {
        { ACT_CLOSE, half, 0 },
        { ACT_RESET, half, 0 },
        { ACT_CLOSE, chunk, 0 },
        { ACT_RESET, chunk, 0 },
        { ACT_CLOSE, "", 0 },
        { ACT_RESET, "", 0 },
        { ACT_RESET, "HTTP/1.1 200 OK\r\nCont", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct convex_reply reply = ask_one(&rows[i]);
        expect_broken(&reply, "The connection broke before the answer was complete.");
    }
}

static void garbage_is_no_answer(void **state)
{
    static const struct step rows[] = {
        { ACT_CLOSE, "SSH-2.0-OpenSSH_9.2\r\n", 0 },
        { ACT_CLOSE, "\x15\x03\x01\x00\x02\x02\x46", 7 },
        { ACT_CLOSE,
          "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 8\r\n\r\nno gzip!", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct convex_reply reply = ask_one(&rows[i]);
        expect_broken(&reply, "What answered is not the server. Does this network want a sign-in?");
    }
}

static void every_status_arrives_as_it_is_and_no_redirect_is_followed(void **state)
{
    static const struct {
        const char *status, *headers, *body;
        int code;
        enum convex_class class;
    } rows[] = {
        { "200 OK", "Content-Type: text/html\r\n", "<html>Sign in</html>", 200, CONVEX_TRANSIENT },
        { "302 Found", "Location: /elsewhere\r\n", "", 302, CONVEX_TRANSIENT },
        { "307 Temporary Redirect", "Location: http://127.0.0.1:1/\r\n", "", 307,
          CONVEX_TRANSIENT },
        { "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", "no", 401,
          CONVEX_TRANSIENT },
        { "401 Unauthorized", "Content-Type: application/json\r\n",
          "{\"code\":\"Unauthenticated\"}", 401, CONVEX_AUTH },
        { "413 Payload Too Large", "", "too large", 413, CONVEX_TOO_LARGE },
        { "404 Not Found", "", "", 404, CONVEX_WRONG },
        { "503 Service Unavailable", "", "", 503, CONVEX_TRANSIENT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char *bytes = answer(rows[i].status, rows[i].headers, rows[i].body);
        struct step step = { ACT_SEND, bytes, 0 };
        struct server *s = server_start(&step, 1);
        struct convex_http *http = open_to(s);
        struct convex_reply reply = ask(http);
        struct convex_answer decoded;
        assert_true(reply.complete);
        assert_int_equal(reply.http_status, rows[i].code);
        convex_decode(&reply, &decoded);
        assert_int_equal(decoded.class, rows[i].class);
        convex_answer_done(&decoded);
        convex_reply_done(&reply);
        convex_http_close(http);
        server_stop(s);
        assert_int_equal(s->requests, 1);
        server_free(s);
        free(bytes);
    }
}

static int64_t retry_after(const char *value)
{
    struct buf headers = { 0 };
    char *bytes;
    struct convex_reply reply;
    int64_t ms;

    buf_printf(&headers, "Retry-After: %s\r\n", value);
    bytes = answer("429 Too Many Requests", buf_str(&headers), "");
    reply = ask_one(&(struct step){ ACT_SEND, bytes, 0 });
    assert_int_equal(reply.http_status, 429);
    ms = reply.retry_after_ms;
    convex_reply_done(&reply);
    buf_done(&headers);
    free(bytes);
    return ms;
}

static void retry_after_may_be_seconds_or_a_date_and_ends_at_ten_minutes(void **state)
{
    char date[64];
    time_t later = time(NULL) + 120;
    struct tm tm;

    (void)state;
    assert_int_equal(retry_after("7"), 7000);
    assert_int_equal(retry_after("120"), 120000);
    assert_int_equal(retry_after("0"), 0);
    assert_int_equal(retry_after("601"), 600000);
    assert_int_equal(retry_after("99999999999999999999999999"), 600000);
    assert_int_equal(retry_after("-5"), 0);
    assert_int_equal(retry_after("soon"), 0);
    assert_int_equal(retry_after("1.5x"), 0);
    assert_int_equal(retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), 0);
    gmtime_r(&later, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    assert_in_range(retry_after(date), 60000, 120000);
}

static void the_server_says_whether_it_takes_gzip(void **state)
{
    static const struct {
        const char *value;
        bool takes;
    } rows[] = {
        { "gzip", true },           { "GZIP", true },        { "deflate, gzip", true },
        { "br ,gzip;q=0.5", true }, { "gzip; q=1.0", true }, { "gzip;q=0", false },
        { "gzip; q=0.000", false }, { "identity", false },   { "xgzip", false },
        { "gzipx", false },         { "", false },           { ",,", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char header[64];
        char *bytes;
        struct convex_reply reply;
        snprintf(header, sizeof(header), "Accept-Encoding: %s\r\n", rows[i].value);
        bytes = answer("200 OK", header, OK_BODY);
        reply = ask_one(&(struct step){ ACT_SEND, bytes, 0 });
        if (reply.takes_gzip != rows[i].takes)
            fail_msg("%s", rows[i].value);
        expect_ok(&reply);
        free(bytes);
    }
}

/* An answer whose body is the gzipped form of len bytes of fill, or of text. */
static void gzip_answer(const char *text, size_t len, struct buf *out)
{
    size_t room = compressBound(len) + 64;
    Bytef *packed = malloc(room);
    z_stream z = { .next_in = (Bytef *)(uintptr_t)text,
                   .avail_in = (uInt)len,
                   .next_out = packed,
                   .avail_out = (uInt)room };

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_printf(out,
               "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n"
               "Content-Length: %lu\r\n\r\n",
               z.total_out);
    buf_append(out, packed, z.total_out);
    deflateEnd(&z);
    free(packed);
}

static void a_gzipped_answer_is_unpacked_and_its_wire_size_counted(void **state)
{
    struct buf bytes = { 0 }, body = { 0 };
    struct convex_reply reply;

    (void)state;
    for (int i = 0; i < 5000; i++)
        buf_puts(&body, "the same words ");
    gzip_answer(body.data, body.len, &bytes);
    reply = ask_one(&(struct step){ ACT_SEND, bytes.data, bytes.len });
    assert_true(reply.complete);
    assert_int_equal(reply.body.len, body.len);
    assert_memory_equal(reply.body.data, body.data, body.len);
    assert_int_equal(reply.got_bytes, bytes.len);
    convex_reply_done(&reply);
    buf_done(&bytes);
    buf_done(&body);
}

static void expect_too_large(struct convex_reply *reply)
{
    struct convex_answer decoded;

    assert_true(reply->too_large);
    convex_decode(reply, &decoded);
    assert_int_equal(decoded.class, CONVEX_TOO_LARGE);
    convex_answer_done(&decoded);
    expect_broken(reply, "The server's answer is over 16 MiB.");
}

static void a_gzip_bomb_is_cut_at_the_limit(void **state)
{
    size_t len = 64u << 20;
    char *zeros = calloc(1, len);
    struct buf bytes = { 0 };
    struct convex_reply reply;

    (void)state;
    gzip_answer(zeros, len, &bytes);
    free(zeros);
    assert_true(bytes.len < 100000);
    reply = ask_one(&(struct step){ ACT_SEND, bytes.data, bytes.len });
    expect_too_large(&reply);
    buf_done(&bytes);
}

static void an_answer_over_16_mib_is_cut_and_one_of_16_mib_is_not(void **state)
{
    static const size_t over[] = { 0, 1, 1u << 20 };
    struct buf bytes = { 0 };
    char *body = malloc(CONVEX_ANSWER_MAX + (1u << 20));

    (void)state;
    memset(body, ' ', CONVEX_ANSWER_MAX + (1u << 20));
    for (size_t i = 0; i < 3; i++) {
        for (int has_length = 0; has_length < 2; has_length++) {
            size_t len = CONVEX_ANSWER_MAX + over[i];
            struct convex_reply reply;
            buf_clear(&bytes);
            if (has_length)
                buf_printf(&bytes, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
            else
                buf_puts(&bytes, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            buf_append(&bytes, body, len);
            reply = ask_one(&(struct step){ ACT_CLOSE, bytes.data, bytes.len });
            if (over[i] == 0) {
                assert_true(reply.complete);
                assert_int_equal(reply.body.len, len);
                convex_reply_done(&reply);
            } else {
                expect_too_large(&reply);
            }
        }
    }
    free(body);
    buf_done(&bytes);
}

/* ---- time ---- */

static void silence_ends_a_transfer_and_says_how_long_was_waited(void **state)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{";
    static const struct step rows[] = { { ACT_SILENT, "", 0 }, { ACT_SILENT, head, 0 } };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct server *s = server_start(&rows[i], 1);
        struct convex_http *http =
            open_with((struct convex_http_options){ .url = s->url, .answer_ms = 200 });
        int64_t start = now();
        struct convex_reply reply;
        convex_http_post(http, &call, NULL, false);
        while (!convex_http_take(http, &reply))
            convex_http_wait(http, NULL, 0, -1); /* its own limit ends the wait */
        assert_true(now() - start >= 200);
        assert_int_equal(reply.transport, 28);
        expect_broken(&reply, "The server did not answer in 1 second.");
        convex_http_close(http);
        server_stop(s);
        server_free(s);
    }
}

static void an_answer_that_only_drips_is_given_up(void **state)
{
    static const struct step step = { ACT_DRIP, "HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
                                      0 };
    struct server *s = server_start(&step, 1);
    struct convex_http *http =
        open_with((struct convex_http_options){ .url = s->url, .answer_ms = 1000 });
    int64_t start = now();
    struct convex_reply reply = ask(http);

    (void)state;
    assert_true(now() - start < 15000); /* long before the limit of the whole transfer */
    assert_int_equal(reply.transport, 28);
    expect_broken(&reply, "The connection is too slow.");
    convex_http_close(http);
    server_stop(s);
    server_free(s);
}

static void a_refused_connection_is_named(void **state)
{
    static const struct step step = { ACT_SEND, OK_ANSWER, 0 };
    struct server *s = server_start(&step, 1);
    struct convex_http *http = open_to(s);
    struct convex_reply reply;

    (void)state;
    server_stop(s);
    server_free(s);
    reply = ask(http);
    assert_int_equal(reply.transport, 7);
    expect_broken(&reply, "The server refused the connection.");
    convex_http_close(http);
}

/* ---- stopping ---- */

static void an_aborted_transfer_leaves_the_handle_ready_for_the_next(void **state)
{
    static const struct step steps[] = { { ACT_SILENT, "HTTP/1.1 200 OK\r\n", 0 },
                                         { ACT_SEND, OK_ANSWER, 0 } };
    struct server *s = server_start(steps, 2);
    struct convex_http *http = open_to(s);
    struct convex_reply reply = { 0 };
    int64_t end_ms = now() + DEADLINE_MS;

    (void)state;
    convex_http_post(http, &call, NULL, false);
    while (atomic_load(&s->requests) < 1 && now() < end_ms)
        convex_http_wait(http, NULL, 0, 10);
    convex_http_abort(http);
    assert_false(convex_http_busy(http));
    assert_false(convex_http_take(http, &reply));
    convex_http_abort(http);
    reply = ask(http);
    expect_ok(&reply);
    convex_http_post(http, &call, NULL, false);
    convex_http_abort(http); /* before the first byte */
    reply = ask(http);
    expect_ok(&reply);
    convex_http_close(http);
    server_stop(s);
    server_free(s);
}

static void closing_in_the_middle_of_a_transfer_returns_at_once(void **state)
{
    static const struct step step = { ACT_SILENT, "HTTP/1.1 200 OK\r\n", 0 };
    struct server *s = server_start(&step, 1);
    struct convex_http *http = open_to(s);
    int64_t end_ms = now() + DEADLINE_MS, start;

    (void)state;
    convex_http_post(http, &call, NULL, false);
    while (atomic_load(&s->requests) < 1 && now() < end_ms)
        convex_http_wait(http, NULL, 0, 10);
    start = now();
    convex_http_close(http);
    assert_true(now() - start < 500);
    convex_http_close(NULL);
    server_stop(s);
    server_free(s);
}

static void *wake(void *ctx)
{
    convex_http_wakeup(ctx);
    return NULL;
}

static void a_wakeup_from_another_thread_ends_the_wait(void **state)
{
    static const struct step step = { ACT_SILENT, "", 0 };
    struct server *s = server_start(&step, 1);
    struct convex_http *http = open_to(s);
    pthread_t thread;
    int64_t start = now();

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, wake, http), 0);
    convex_http_wait(http, NULL, 0, DEADLINE_MS);
    pthread_join(thread, NULL);
    assert_true(now() - start < DEADLINE_MS);

    convex_http_post(http, &call, NULL, false);
    convex_http_wakeup(http);
    for (int i = 0; i < 100; i++)
        convex_http_pump(http); /* pumping must not swallow it */
    convex_http_abort(http);
    convex_http_wait(http, NULL, 0, DEADLINE_MS);
    assert_true(now() - start < DEADLINE_MS);
    convex_http_close(http);
    server_stop(s);
    server_free(s);
}

static void the_wait_ends_when_a_descriptor_of_the_caller_is_ready(void **state)
{
    struct convex_http *http =
        open_with((struct convex_http_options){ .url = "http://127.0.0.1:1" });
    struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
    int ends[2];
    int64_t start = now();

    (void)state;
    fds[0].fd = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fds[1].fd = ends[0];
    convex_http_wait(http, fds, 2, 30);
    assert_true(now() - start >= 29);
    assert_int_equal(fds[0].revents, 0);
    eventfd_write(fds[0].fd, 1);
    convex_http_wait(http, fds, 2, -1);
    assert_int_equal(fds[0].revents, POLLIN);
    assert_int_equal(fds[1].revents, 0);
    close(ends[1]);
    convex_http_wait(http, fds, 2, -1);
    assert_true(fds[1].revents & POLLHUP);
    close(ends[0]);
    close(fds[0].fd);
    convex_http_close(http);
}

static int global_init(void **state)
{
    struct err err;

    (void)state;
    return convex_global_init(&err) ? -1 : 0;
}

static int global_done(void **state)
{
    (void)state;
    convex_global_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_posted_as_the_contract_says),
        cmocka_unit_test(a_probe_is_a_plain_get_without_a_token),
        cmocka_unit_test(a_large_request_is_gzipped_when_asked_for_and_a_small_one_never),
        cmocka_unit_test(answers_are_asked_for_gzipped_from_beyond_loopback),
        cmocka_unit_test(a_token_that_would_break_the_header_is_not_sent),
        cmocka_unit_test(pumping_once_sends_the_request_on_a_kept_connection),
        cmocka_unit_test(two_calls_share_a_connection_until_it_is_forgotten),
        cmocka_unit_test(a_kept_connection_that_died_is_replaced_unseen),
        cmocka_unit_test(the_answer_to_a_doubled_request_is_not_taken_for_the_next_ones),
        cmocka_unit_test(a_proxy_is_never_used_for_this_machine),
        cmocka_unit_test(an_answer_cut_short_is_no_answer),
        cmocka_unit_test(garbage_is_no_answer),
        cmocka_unit_test(every_status_arrives_as_it_is_and_no_redirect_is_followed),
        cmocka_unit_test(retry_after_may_be_seconds_or_a_date_and_ends_at_ten_minutes),
        cmocka_unit_test(the_server_says_whether_it_takes_gzip),
        cmocka_unit_test(a_gzipped_answer_is_unpacked_and_its_wire_size_counted),
        cmocka_unit_test(a_gzip_bomb_is_cut_at_the_limit),
        cmocka_unit_test(an_answer_over_16_mib_is_cut_and_one_of_16_mib_is_not),
        cmocka_unit_test(silence_ends_a_transfer_and_says_how_long_was_waited),
        cmocka_unit_test(an_answer_that_only_drips_is_given_up),
        cmocka_unit_test(a_refused_connection_is_named),
        cmocka_unit_test(an_aborted_transfer_leaves_the_handle_ready_for_the_next),
        cmocka_unit_test(closing_in_the_middle_of_a_transfer_returns_at_once),
        cmocka_unit_test(a_wakeup_from_another_thread_ends_the_wait),
        cmocka_unit_test(the_wait_ends_when_a_descriptor_of_the_caller_is_ready),
    };

    return cmocka_run_group_tests(tests, global_init, global_done);
}
