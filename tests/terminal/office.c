/* The office, as far as these tests need one: one request to the backend over a plain socket. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "tests/terminal/world.h"

static void request(const struct world *w, const char *kind, const char *token, const char *body,
                    struct buf *answer)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)w->port) };
    struct buf text = { 0 };
    char bytes[4096];
    ssize_t len;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    buf_printf(&text, "POST /api/%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n", kind);
    buf_printf(&text, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    if (token)
        buf_printf(&text, "Authorization: Bearer %s\r\n", token);
    buf_printf(&text, "\r\n%s", body);
    assert_int_equal(write(fd, text.data, text.len), text.len);
    while ((len = read(fd, bytes, sizeof bytes)) > 0)
        buf_append(answer, bytes, (size_t)len);
    (void)close(fd);
    buf_done(&text);
    if (!strstr(buf_str(answer), "\"status\":\"success\""))
        fail_msg("%s", buf_str(answer));
}

static void value_of(const struct buf *answer, const char *name, char *out, size_t size)
{
    char wanted[64];
    const char *at;

    (void)snprintf(wanted, sizeof wanted, "\"%s\":\"", name);
    at = strstr(buf_str(answer), wanted);
    assert_non_null(at);
    at += strlen(wanted);
    (void)snprintf(out, size, "%.*s", (int)strcspn(at, "\""), at);
}

static void call(struct world *w, const char *kind, const char *path, const char *args,
                 struct buf *out)
{
    struct buf answer = { 0 }, body = { 0 };
    char token[128];

    request(w, "action", NULL,
            "{\"path\":\"auth:signIn\",\"args\":{\"provider\":\"password\",\"params\":{"
            "\"flow\":\"signIn\",\"email\":\"" WORLD_EMAIL "\",\"password\":\"" WORLD_PASSWORD
            "\"}},\"format\":\"json\"}",
            &answer);
    value_of(&answer, "token", token, sizeof token);
    buf_printf(&body, "{\"path\":\"%s\",\"args\":{\"protocol\":1,%s},\"format\":\"json\"}", path,
               args);
    request(w, kind, token, buf_str(&body), out);
    buf_done(&answer);
    buf_done(&body);
}

void world_office(struct world *w, const char *path, const char *args)
{
    struct buf answer = { 0 };

    call(w, "mutation", path, args, &answer);
    buf_done(&answer);
}

void world_client_id(struct world *w, const char *title, char out[64])
{
    struct buf answer = { 0 }, before = { 0 };
    const char *at, *id = NULL;

    call(w, "query", "records:list", "\"table\":\"tasks\"", &answer);
    at = strstr(buf_str(&answer), title);
    assert_non_null(at);
    buf_append(&before, answer.data, (size_t)(at - answer.data));
    /* Of its own document: the last one that begins before the title, or the first behind it. */
    for (const char *next = buf_str(&before); (next = strstr(next, "\"clientId\":\"")); next++)
        id = next;
    if (!id)
        id = strstr(at, "\"clientId\":\"");
    assert_non_null(id);
    (void)snprintf(out, 64, "%.36s", id + strlen("\"clientId\":\""));
    buf_done(&answer);
    buf_done(&before);
}
