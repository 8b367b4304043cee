#include "src/backend/conn.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include "base/mem.h"

#define DEADLINE_MS 10000

struct conn *conn_add(struct conn_list *list, int fd, const struct sockaddr *address)
{
    struct conn *conn = mem_zero(1, sizeof *conn);

    conn->fd = fd;
    listen_peer(address, conn->peer);
    conn->next = list->first;
    conn->link = &list->first;
    if (conn->next != NULL)
        conn->next->link = &conn->next;
    list->first = conn;
    list->count++;
    return conn;
}

void conn_remove(struct conn_list *list, struct conn *conn)
{
    if (conn == NULL)
        return;
    *conn->link = conn->next;
    if (conn->next != NULL)
        conn->next->link = conn->link;
    list->count--;
    free(conn);
}

/* What the kernel has taken in, whether libmicrohttpd has made sense of it or not. */
static uint64_t bytes_received(const struct conn *conn)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof info;

    if (getsockopt(conn->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
        len < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received)
        return 0;
    return info.tcpi_bytes_received;
}

void conn_reading(struct conn *conn, int64_t now_ms)
{
    if (conn->state == CONN_READING)
        return;
    conn->state = CONN_READING;
    conn->deadline_ms = now_ms + DEADLINE_MS;
}

void conn_answering(struct conn *conn)
{
    conn->state = CONN_ANSWERING;
}

void conn_idle(struct conn *conn)
{
    conn->state = CONN_IDLE;
    conn->received = bytes_received(conn);
}

int conn_sweep(struct conn_list *list, int64_t now_ms)
{
    int cut = 0;

    for (struct conn *conn = list->first; conn != NULL; conn = conn->next) {
        if (conn->state == CONN_IDLE && bytes_received(conn) != conn->received)
            conn_reading(conn, now_ms);
        if (conn->state == CONN_READING && now_ms >= conn->deadline_ms) {
            shutdown(conn->fd, SHUT_RDWR); /* libmicrohttpd sees the end and closes it */
            conn->state = CONN_ANSWERING;
            cut++;
        }
    }
    return cut;
}

bool conn_is_answering(const struct conn_list *list)
{
    for (const struct conn *conn = list->first; conn != NULL; conn = conn->next) {
        if (conn->state == CONN_ANSWERING)
            return true;
    }
    return false;
}
