#include "tests/bench/relay.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 16

struct relay {
    pthread_t thread;
    int listener, stop[2];
    uint16_t backend_port;
    atomic_llong bytes;
};

struct pair {
    int ends[2];                /* device, backend */
};

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static void accept_one(struct relay *relay, struct pair *pairs)
{
    int fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);

    for (int i = 0; fd >= 0 && i < PAIRS; i++) {
        if (pairs[i].ends[0] >= 0)
            continue;
        pairs[i].ends[0] = fd;
        pairs[i].ends[1] = connect_to(relay->backend_port);
        return;
    }
    if (fd >= 0)
        close(fd);
}

static void close_pair(struct pair *pair)
{
    close(pair->ends[0]);
    close(pair->ends[1]);
    pair->ends[0] = pair->ends[1] = -1;
}

static int pass_on(struct relay *relay, int from, int to)
{
    char bytes[65536];
    ssize_t n = read(from, bytes, sizeof bytes);

    for (ssize_t done = 0, put; done < n; done += put) {
        put = write(to, bytes + done, (size_t)(n - done));
        if (put <= 0)
            return 0;
    }
    if (n > 0)
        atomic_fetch_add(&relay->bytes, n);
    return n > 0;
}

static void *relay_main(void *ctx)
{
    struct relay *relay = ctx;
    struct pair pairs[PAIRS];

    for (int i = 0; i < PAIRS; i++)
        pairs[i].ends[0] = pairs[i].ends[1] = -1;
    for (;;) {
        struct pollfd fds[2 + 2 * PAIRS] = { { relay->stop[0], POLLIN, 0 }, { relay->listener, POLLIN, 0 } };
        for (int i = 0; i < 2 * PAIRS; i++)
            fds[2 + i] = (struct pollfd){ pairs[i / 2].ends[i % 2], POLLIN, 0 };
        poll(fds, 2 + 2 * PAIRS, -1);
        if (fds[0].revents)
            break;
        for (int i = 0; i < 2 * PAIRS; i++) {
            struct pair *pair = &pairs[i / 2];
            if (pair->ends[0] >= 0 && fds[2 + i].revents && !pass_on(relay, pair->ends[i % 2], pair->ends[1 - i % 2]))
                close_pair(pair);
        }
        if (fds[1].revents)
            accept_one(relay, pairs);
    }
    for (int i = 0; i < PAIRS; i++)
        if (pairs[i].ends[0] >= 0)
            close_pair(&pairs[i]);
    return NULL;
}

struct relay *relay_open(const char *backend_url, char *url, int size)
{
    struct relay *relay = calloc(1, sizeof *relay);
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof here;
    const char *port = strrchr(backend_url, ':');

    if (relay == NULL || port == NULL)
        return NULL;
    relay->backend_port = (uint16_t)strtoul(port + 1, NULL, 10);
    relay->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (relay->listener < 0 || bind(relay->listener, (struct sockaddr *)&here, len) != 0 ||
        listen(relay->listener, 16) != 0 || getsockname(relay->listener, (struct sockaddr *)&here, &len) != 0 ||
        pipe(relay->stop) != 0 || pthread_create(&relay->thread, NULL, relay_main, relay) != 0) {
        free(relay);
        return NULL;
    }
    snprintf(url, (size_t)size, "http://127.0.0.1:%d", ntohs(here.sin_port));
    return relay;
}

int64_t relay_bytes(struct relay *relay)
{
    return atomic_exchange(&relay->bytes, 0);
}

void relay_close(struct relay *relay)
{
    if (write(relay->stop[1], "x", 1) == 1)
        pthread_join(relay->thread, NULL);
    close(relay->stop[0]);
    close(relay->stop[1]);
    close(relay->listener);
    free(relay);
}
