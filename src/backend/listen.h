/* src/backend/listen.h: the socket that outpost-backend listens on. Private to outpost-backend. */
#ifndef BACKEND_LISTEN_H
#define BACKEND_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>
#include "base/err.h"

#define ADDRESS_SIZE 64

/* "ADDR:PORT" or "[ADDR]:PORT", numbers only: a name may mean several addresses, or another one
 * tomorrow. */
enum rc listen_parse(const char *text, struct sockaddr_storage *out, socklen_t *len,
                     struct err *err);
bool listen_is_loopback(const struct sockaddr_storage *address);
enum rc listen_open(const struct sockaddr_storage *address, socklen_t len, int *fd,
                    struct err *err);
/* The URL of what fd listens on, with the port that it got. */
void listen_url(int fd, bool is_tls, char *out, size_t size);
/* The address of a peer without its port; an IPv4 address inside an IPv6 one as IPv4. */
void listen_peer(const struct sockaddr *address, char out[ADDRESS_SIZE]);

#endif
