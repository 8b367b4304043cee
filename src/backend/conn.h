/* src/backend/conn.h: open connections and their deadlines. libmicrohttpd closes what is silent,
 * but not what drips a byte a second: a request must be whole 10 s after its first byte. Private to
 * outpost-backend.
 */
#ifndef BACKEND_CONN_H
#define BACKEND_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include "src/backend/listen.h"

enum conn_state {
    CONN_IDLE,                  /* no byte of the next request has come */
    CONN_READING,               /* until `deadline_ms` */
    CONN_ANSWERING
};

struct conn {
    int fd;                     /* borrowed from libmicrohttpd */
    enum conn_state state;
    int64_t deadline_ms;
    uint64_t received;          /* bytes, at the end of the last request */
    char peer[ADDRESS_SIZE];
    struct conn *next, **link;
};

struct conn_list {              /* all zero is an empty one */
    struct conn *first;
    int count;
};

struct conn *conn_add(struct conn_list *list, int fd, const struct sockaddr *address);
void conn_remove(struct conn_list *list, struct conn *conn);

void conn_reading(struct conn *conn, int64_t now_ms);   /* no new deadline when it runs already */
void conn_answering(struct conn *conn);
void conn_idle(struct conn *conn);

/* Starts deadlines where bytes have come, and cuts what is past its own; at least once a second.
 * Returns how many were cut. */
int conn_sweep(struct conn_list *list, int64_t now_ms);
bool conn_is_answering(const struct conn_list *list);

#endif
