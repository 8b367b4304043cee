/* tests/unit/loopback_server.h: the real backend behind a socket on loopback, in a thread of
 * the test: just enough HTTP for one client after the other, and faults on demand. */
#ifndef TESTS_LOOPBACK_SERVER_H
#define TESTS_LOOPBACK_SERVER_H

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/mem.h"
#include "src/backend/backend.h"

#define SERVER_CLIENTS_MAX 8
#define SERVER_USER "maria@example.org"
#define SERVER_PASSWORD "correct horse battery"

enum server_mode {
    SERVER_GOOD,
    SERVER_SILENT, /* takes requests and never answers */
    SERVER_PORTAL  /* a page for everything, as a captive portal gives */
};

struct server {
    pthread_t thread;
    int listen_fd, stop_fd;
    char url[64];
    struct backend_options options;
    struct backend *backend;
    int64_t seed;
    char problem[304];
    sem_t is_open;
    _Atomic int mode;
    _Atomic uint64_t run; /* of the last request that had a runId: a hash of it */
    _Atomic int requests; /* whole ones that were read */
    struct pollfd fds[2 + SERVER_CLIENTS_MAX];
    struct buf in[2 + SERVER_CLIENTS_MAX];
};

static inline void server_send(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        bytes += sent;
        len -= (size_t)sent;
    }
}

static inline void server_reply(int fd, int status, const char *type, const char *body, size_t len)
{
    struct buf out = { 0 };

    buf_printf(&out, "HTTP/1.1 %d x\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", status,
               type, len);
    buf_append(&out, body, len);
    server_send(fd, out.data, out.len);
    buf_done(&out);
}

/* The value of a header, on the heap, or NULL. */
static inline char *server_header(const char *head, const char *name)
{
    const char *line = strcasestr(head, name), *end;

    if (!line)
        return NULL;
    line += strlen(name);
    line += strspn(line, ": ");
    end = strstr(line, "\r\n");
    return mem_strndup(line, (size_t)(end - line));
}

static inline void server_note_run(struct server *s, const char *body)
{
    const char *run = strstr(body, "\"runId\":\"");
    uint64_t hash = 14695981039346656037u;

    if (!run)
        return;
    for (run += 9; *run && *run != '"'; run++)
        hash = (hash ^ (unsigned char)*run) * 1099511628211u;
    atomic_store(&s->run, hash);
}

static inline void server_handle(struct server *s, int fd, const char *head, const char *body,
                                 size_t body_len)
{
    char method[8] = "", path[128] = "";
    char *type = server_header(head, "\r\nContent-Type"),
         *auth = server_header(head, "\r\nAuthorization");
    struct backend_answer answer = { 0 };
    struct backend_hash *hash;

    server_note_run(s, body);
    atomic_fetch_add(&s->requests, 1);
    if (atomic_load(&s->mode) == SERVER_PORTAL)
        server_reply(fd, 200, "text/html", "<html>Welcome</html>", 20);
    if (atomic_load(&s->mode) == SERVER_GOOD && sscanf(head, "%7s %127s", method, path) == 2) {
        const struct backend_request request = {
            .method = method,
            .path = path,
            .content_type = type,
            .authorization = auth,
            .body = body,
            .body_len = body_len,
            .peer = "127.0.0.1",
        };
        backend_handle(s->backend, &request, &answer);
        hash = answer.hash;
        if (hash) {
            backend_hash_run(hash);
            answer = (struct backend_answer){ 0 };
            backend_hash_finish(s->backend, hash, &answer);
        }
        server_reply(fd, answer.http_status,
                     answer.content_type ? answer.content_type : "text/plain",
                     buf_str(&answer.body), answer.body.len);
        backend_answer_done(&answer);
    }
    free(type);
    free(auth);
}

/* One whole request out of what has been read; false: not there yet. */
static inline bool server_take(struct server *s, size_t i)
{
    const char *text = buf_str(&s->in[i]), *end = strstr(text, "\r\n\r\n");
    char *head, *length;
    size_t head_len, body_len;

    if (!end)
        return false;
    head_len = (size_t)(end - text) + 4;
    head = mem_strndup(text, head_len);
    length = server_header(head, "\r\nContent-Length");
    body_len = length ? strtoul(length, NULL, 10) : 0;
    free(length);
    if (s->in[i].len < head_len + body_len) {
        free(head);
        return false;
    }
    server_handle(s, s->fds[i].fd, head, text + head_len, body_len);
    free(head);
    memmove(s->in[i].data, s->in[i].data + head_len + body_len, s->in[i].len - head_len - body_len);
    s->in[i].len -= head_len + body_len;
    s->in[i].data[s->in[i].len] = '\0';
    return true;
}

static inline void server_drop(struct server *s, size_t i)
{
    close(s->fds[i].fd);
    buf_done(&s->in[i]);
    s->fds[i].fd = -1;
}

static inline void server_read(struct server *s, size_t i)
{
    char bytes[16384];
    ssize_t got = recv(s->fds[i].fd, bytes, sizeof bytes, 0);

    if (got <= 0) {
        server_drop(s, i);
        return;
    }
    buf_append(&s->in[i], bytes, (size_t)got);
    while (server_take(s, i)) {
    }
}

static inline void server_accept(struct server *s)
{
    int fd = accept(s->listen_fd, NULL, NULL);

    for (size_t i = 2; i < 2 + SERVER_CLIENTS_MAX; i++)
        if (s->fds[i].fd < 0) {
            s->fds[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
            return;
        }
    close(fd);
}

static inline void server_run(struct server *s)
{
    size_t count = 2 + SERVER_CLIENTS_MAX;

    s->fds[0] = (struct pollfd){ .fd = s->stop_fd, .events = POLLIN };
    s->fds[1] = (struct pollfd){ .fd = s->listen_fd, .events = POLLIN };
    for (size_t i = 2; i < count; i++)
        s->fds[i].fd = -1;
    while (poll(s->fds, count, -1) > 0 && !s->fds[0].revents) {
        if (s->fds[1].revents)
            server_accept(s);
        for (size_t i = 2; i < count; i++)
            if (s->fds[i].fd >= 0 && s->fds[i].revents)
                server_read(s, i);
    }
    for (size_t i = 2; i < count; i++)
        if (s->fds[i].fd >= 0)
            server_drop(s, i);
}

/* The backend belongs to this thread: it is opened and closed here. */
static inline void *server_start(void *arg)
{
    struct server *s = arg;
    struct err err = { 0 };

    if (backend_open(&s->options, &s->backend, &err) ||
        backend_user_add(s->backend, SERVER_USER, SERVER_PASSWORD, &err) ||
        backend_seed(s->backend, SERVER_USER, s->seed, &err))
        snprintf(s->problem, sizeof s->problem, "%s", err.msg);
    sem_post(&s->is_open);
    if (!s->problem[0])
        server_run(s);
    backend_close(s->backend);
    return NULL;
}

/* Listens, with one account that has `seed` records; false: see s->problem. */
static inline bool server_begin(struct server *s, const struct backend_options *options,
                                int64_t seed)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;

    s->options = *options;
    s->seed = seed;
    s->stop_fd = eventfd(0, EFD_CLOEXEC);
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(s->listen_fd, (struct sockaddr *)&at, len) || listen(s->listen_fd, 8) ||
        getsockname(s->listen_fd, (struct sockaddr *)&at, &len))
        return false;
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    sem_init(&s->is_open, 0, 0);
    if (pthread_create(&s->thread, NULL, server_start, s))
        return false;
    sem_wait(&s->is_open);
    return !s->problem[0];
}

static inline void server_end(struct server *s)
{
    uint64_t one = 1;

    if (write(s->stop_fd, &one, sizeof one) == sizeof one)
        pthread_join(s->thread, NULL);
    sem_destroy(&s->is_open);
    close(s->listen_fd);
    close(s->stop_fd);
}

#endif
