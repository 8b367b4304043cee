/* Signing in at servers that answer oddly: each is told in words, and nobody is signed in. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "sync/sync.h"

#define NAME "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n \tpump-house-7\r\n"
#define JSON "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
#define VALUE(value) JSON "{\"status\":\"success\",\"value\":" value "}"
#define REFUSED(data) JSON "{\"status\":\"error\",\"errorMessage\":\"x\",\"errorData\":" data "}"
#define TOKENS VALUE("{\"tokens\":{\"token\":\"t\",\"refreshToken\":\"r\"}}")
#define ANSWERS 3 /* the name, the tokens, whose they are */

/* One connection for each answer, which ends with it. NULL: the request is read, and no more. */
struct server {
    pthread_t thread;
    int listen_fd, stop_fd;
    char url[64];
    const char *const *answers;
};

static bool is_whole(const struct buf *in)
{
    const char *end = strstr(buf_str(in), "\r\n\r\n");
    const char *length = strcasestr(buf_str(in), "content-length:");

    if (!end)
        return false;
    return !length || strlen(end + 4) >= strtoul(length + strlen("content-length:"), NULL, 10);
}

static void serve_one(const struct server *s, int fd, const char *answer)
{
    struct buf in = { 0 };
    char bytes[4096];
    ssize_t n = 1;

    while (n > 0 && !is_whole(&in)) {
        n = recv(fd, bytes, sizeof bytes, 0);
        if (n > 0)
            buf_append(&in, bytes, (size_t)n);
    }
    if (answer) {
        (void)!send(fd, answer, strlen(answer), MSG_NOSIGNAL); /* the client may be gone */
    } else {
        struct pollfd stop = { .fd = s->stop_fd, .events = POLLIN };
        poll(&stop, 1, -1);
    }
    close(fd);
    buf_done(&in);
}

static void *serve(void *ctx)
{
    const struct server *s = ctx;
    struct pollfd fds[2] = { { .fd = s->stop_fd, .events = POLLIN },
                             { .fd = s->listen_fd, .events = POLLIN } };

    for (int i = 0; i < ANSWERS; i++) {
        poll(fds, 2, -1);
        if (fds[0].revents)
            break;
        serve_one(s, accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC), s->answers[i]);
    }
    return NULL;
}

static void server_start(struct server *s, const char *const *answers)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof addr;

    s->answers = answers;
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->listen_fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(listen(s->listen_fd, 4), 0);
    assert_int_equal(getsockname(s->listen_fd, (struct sockaddr *)&addr, &len), 0);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", ntohs(addr.sin_port));
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    assert_int_equal(eventfd_write(s->stop_fd, 1), 0);
    pthread_join(s->thread, NULL);
    close(s->listen_fd);
    close(s->stop_fd);
}

static enum rc sign_in(const char *const *answers, const char *token, struct sync_identity *id,
                       struct err *err)
{
    struct server s;

    server_start(&s, answers);
    const struct sync_sign_in how = { .server = s.url,
                                      .email = "maria@example.org",
                                      .password = "correct",
                                      .token = token,
                                      .stop_fd = -1 };
    enum rc rc = sync_sign_in(&how, id, err);
    server_stop(&s);
    return rc;
}

static void each_odd_answer_is_told_in_words(void **state)
{
    static const struct {
        const char *answers[ANSWERS];
        enum rc rc;
        const char *words;
    } cases[] = {
        { { "HTTP/1.1 503 No\r\n\r\n" }, RC_NETWORK, "The server is busy." },
        { { "HTTP/1.1 429 No\r\n\r\n" }, RC_NETWORK, "The server is busy." },
        { { "HTTP/1.1 200 OK\r\n\r\n  \r\n" }, RC_NETWORK, "not an Outpost server" },
        { { "HTTP/1.1 200 OK\r\n\r\n<html>" }, RC_NETWORK, "not an Outpost server" },
        { { "HTTP/1.1 404 No\r\n\r\nx" }, RC_NETWORK, "not an Outpost server" },
        { { "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx" }, RC_NETWORK, "connection broke" },
        { { NAME, REFUSED("{\"code\":\"too_many_attempts\",\"message\":\"x\"}") },
          RC_AUTH,
          "Too many attempts" },
        { { NAME, REFUSED("{\"code\":\"new_code\",\"message\":\"The words.\"}") },
          RC_REFUSED,
          "The words." },
        { { NAME, JSON "{\"status\":\"error\",\"errorMessage\":\"[Request ID: 1] Server Error\"}" },
          RC_REFUSED,
          "without saying why" },
        { { NAME, "HTTP/1.1 503 No\r\n\r\n" }, RC_NETWORK, "" },
        { { NAME, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx" }, RC_NETWORK, "" },
        { { NAME, VALUE("{\"tokens\":null}") }, RC_AUTH, "Wrong user name or password." },
        { { NAME, VALUE("{\"tokens\":7}") }, RC_PROTOCOL, "" },
        { { NAME, TOKENS, VALUE("{\"userId\":\"\"}") }, RC_PROTOCOL, "whose account" },
        { { NAME, TOKENS, VALUE("null") }, RC_PROTOCOL, "whose account" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct sync_identity id = { 0 };
        struct err err = { 0 };
        enum rc rc = sign_in(cases[i].answers, NULL, &id, &err);
        if (rc != cases[i].rc || !strstr(err.msg, cases[i].words) || err.msg[0] == '\0')
            fail_msg("case %zu: %s: %s", i, rc_name(rc), err.msg);
        assert_null(id.token);
        assert_null(id.user_id);
    }
}

static void an_identity_may_have_no_mail_address_and_no_name(void **state)
{
    static const char *const answers[ANSWERS] = { NAME, TOKENS, VALUE("{\"userId\":\"u1\"}") };
    static const char *const by_token[ANSWERS] = { NAME,
                                                   VALUE("{\"userId\":\"u1\",\"name\":\"M\"}") };
    struct sync_identity id = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(sign_in(answers, NULL, &id, &err), RC_OK);
    assert_string_equal(id.instance, "pump-house-7");
    assert_string_equal(id.email, "maria@example.org"); /* as it was typed */
    assert_null(id.name);
    sync_identity_done(&id);
    assert_int_equal(sign_in(by_token, "ready", &id, &err), RC_OK);
    assert_string_equal(id.name, "M");
    sync_identity_done(&id);
}

int main(void)
{
    struct err err;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_odd_answer_is_told_in_words),
        cmocka_unit_test(an_identity_may_have_no_mail_address_and_no_name),
    };

    if (sync_global_init(&err))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    sync_global_done();
    return failed;
}
