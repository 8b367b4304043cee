#include "tests/terminal/gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define PAIRS 16

struct pair {
    int device, backend; /* -1: none */
    bool is_held;        /* what comes from the device waits */
    bool is_cut;         /* of the answer come `room` more bytes, and then nothing */
    size_t room;
};

struct relay {
    int listener;
    uint16_t backend_port;
    const char *text;
    int left; /* requests with the text until they are held; -1: never */
    size_t cut; /* they go through, and of their answers come so many bytes; 0: not so */
    struct pair pairs[PAIRS];
};

static volatile sig_atomic_t is_released, steps;

static void on_signal(int number)
{
    if (number == SIGUSR1)
        is_released = 1;
    else
        steps++;
}

static int connect_to(uint16_t port)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static void let_in(struct relay *r)
{
    int device = accept4(r->listener, NULL, NULL, SOCK_CLOEXEC);
    int backend = connect_to(r->backend_port);

    for (int i = 0; device >= 0 && backend >= 0 && i < PAIRS; i++) {
        if (r->pairs[i].device < 0) {
            r->pairs[i] = (struct pair){ .device = device, .backend = backend };
            return;
        }
    }
    (void)close(device);
    if (backend >= 0)
        (void)close(backend);
}

static void drop(struct pair *pair)
{
    (void)close(pair->device);
    (void)close(pair->backend);
    *pair = (struct pair){ .device = -1, .backend = -1 };
}

static bool holds(struct relay *r, const char *bytes, size_t len)
{
    if (r->left < 0 || !memmem(bytes, len, r->text, strlen(r->text)))
        return false;
    if (r->left > 0)
        r->left--;
    return r->left == 0;
}

/* What is there, from one end to the other. What is to be held stays in the socket. */
static void forward(struct relay *r, struct pair *pair, bool to_backend)
{
    int from = to_backend ? pair->device : pair->backend;
    int to = to_backend ? pair->backend : pair->device;
    char bytes[65536];
    size_t most = pair->is_cut && !to_backend && pair->room < sizeof bytes ? pair->room : sizeof bytes;
    ssize_t len = recv(from, bytes, most, to_backend ? MSG_PEEK : 0);

    if (to_backend && len > 0 && holds(r, bytes, (size_t)len)) {
        pair->is_held = r->cut == 0;
        pair->is_cut = r->cut > 0;
        pair->room = r->cut;
    } else if (to_backend) {
        pair->is_held = false;
    }
    if (pair->is_held)
        return;
    if (to_backend && len > 0)
        len = recv(from, bytes, (size_t)len, 0);
    if (len > 0 && pair->is_cut && !to_backend)
        pair->room -= (size_t)len;
    if (len > 0 && send(to, bytes, (size_t)len, MSG_NOSIGNAL) == len)
        return;
    drop(pair);
}

static void relay_run(struct relay *r)
{
    for (;;) {
        struct pollfd fds[1 + 2 * PAIRS] = { { .fd = r->listener, .events = POLLIN } };

        if (is_released || steps > 0) {
            r->left = is_released ? -1 : 2; /* this one and no more */
            steps = 0;
            for (int i = 0; i < PAIRS; i++)
                r->pairs[i].is_held = false;
        }
        for (int i = 0; i < PAIRS; i++) {
            struct pair *pair = &r->pairs[i];

            /* A held one is left alone until it hangs up. */
            fds[1 + 2 * i] =
                (struct pollfd){ .fd = pair->device, .events = pair->is_held ? POLLRDHUP : POLLIN };
            fds[2 + 2 * i] = (struct pollfd){ .fd = pair->is_cut && pair->room == 0 ? -1 : pair->backend,
                                              .events = POLLIN };
        }
        if (poll(fds, 1 + 2 * PAIRS, -1) < 0)
            continue; /* the signal that releases */
        if (fds[0].revents)
            let_in(r);
        for (int i = 0; i < PAIRS; i++) {
            if (r->pairs[i].is_held && fds[1 + 2 * i].revents)
                drop(&r->pairs[i]);
            else if (fds[1 + 2 * i].revents && r->pairs[i].device == fds[1 + 2 * i].fd)
                forward(r, &r->pairs[i], true);
            if (fds[2 + 2 * i].revents && r->pairs[i].backend == fds[2 + 2 * i].fd)
                forward(r, &r->pairs[i], false);
        }
    }
}

static void open_relay(struct gate *gate, int backend_port, const char *text, int nth, size_t cut)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof at;
    struct relay relay = { .backend_port = (uint16_t)backend_port,
                           .text = text,
                           .left = nth > 0 ? nth : -1,
                           .cut = cut };
    pid_t parent = getpid();

    for (int i = 0; i < PAIRS; i++)
        relay.pairs[i] = (struct pair){ .device = -1, .backend = -1 };
    relay.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(relay.listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(relay.listener, PAIRS), 0);
    assert_int_equal(getsockname(relay.listener, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(gate->url, sizeof gate->url, "http://127.0.0.1:%d", ntohs(at.sin_port));
    gate->pid = fork();
    assert_true(gate->pid >= 0);
    if (gate->pid == 0) {
        struct sigaction act = { .sa_handler = on_signal };

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)sigaction(SIGUSR1, &act, NULL);
        (void)sigaction(SIGUSR2, &act, NULL);
        if (getppid() == parent)
            relay_run(&relay);
        _exit(1);
    }
    (void)close(relay.listener);
}

void gate_open(struct gate *gate, int backend_port, const char *text, int nth)
{
    open_relay(gate, backend_port, text, nth, 0);
}

void gate_open_cut(struct gate *gate, int backend_port, const char *text, size_t bytes)
{
    open_relay(gate, backend_port, text, 1, bytes);
}

void gate_release(struct gate *gate)
{
    (void)kill(gate->pid, SIGUSR1);
}

void gate_step(struct gate *gate)
{
    (void)kill(gate->pid, SIGUSR2);
}

void gate_close(struct gate *gate)
{
    if (gate->pid <= 0)
        return;
    (void)kill(gate->pid, SIGKILL);
    (void)waitpid(gate->pid, NULL, 0);
    gate->pid = 0;
}
