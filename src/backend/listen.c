#include "src/backend/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum rc listen_parse(const char *text, struct sockaddr_storage *out, socklen_t *len,
                     struct err *err)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
        .ai_socktype = SOCK_STREAM,
    };
    const char *colon = strrchr(text, ':');
    struct addrinfo *found = NULL;
    char host[ADDRESS_SIZE];
    size_t size = colon == NULL ? 0 : (size_t)(colon - text);
    bool is_bracketed = size > 1 && text[0] == '[' && text[size - 1] == ']';

    if (is_bracketed) {
        text++;
        size -= 2;
    }
    if (size == 0 || size >= sizeof host || colon[1] == '\0' ||
        (!is_bracketed && memchr(text, ':', size) != NULL))
        return err_set(err, RC_INVALID,
                       "--listen takes ADDR:PORT, such as 127.0.0.1:3210 or [::1]:3210.");
    memcpy(host, text, size);
    host[size] = '\0';
    int code = getaddrinfo(host, colon + 1, &hints, &found);
    if (code != 0)
        return err_set(err, RC_INVALID, "--listen %s:%s: %s.", host, colon + 1, gai_strerror(code));
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *len = found->ai_addrlen;
    freeaddrinfo(found);
    return RC_OK;
}

bool listen_is_loopback(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        return ntohl(in->sin_addr.s_addr) >> 24 == 127;
    }
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

enum rc listen_open(const struct sockaddr_storage *address, socklen_t len, int *fd, struct err *err)
{
    int on = 1;
    int sock = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (sock < 0)
        return err_sys(err, RC_IO, errno, "Cannot make a socket");
    setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(sock, (const struct sockaddr *)address, len) != 0 || listen(sock, 128) != 0) {
        int why = errno;

        close(sock);
        return err_sys(err, RC_IO, why, "Cannot listen there (another --listen?)");
    }
    *fd = sock;
    return RC_OK;
}

void listen_url(int fd, bool is_tls, char *out, size_t size)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    char host[ADDRESS_SIZE] = "?", port[8] = "?";

    if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
        getnameinfo((struct sockaddr *)&address, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    bool is_v6 = strchr(host, ':') != NULL;
    snprintf(out, size, "%s://%s%s%s:%s", is_tls ? "https" : "http", is_v6 ? "[" : "", host,
             is_v6 ? "]" : "", port);
}

void listen_peer(const struct sockaddr *address, char out[ADDRESS_SIZE])
{
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;

    snprintf(out, ADDRESS_SIZE, "?");
    if (address->sa_family == AF_INET)
        inet_ntop(AF_INET, &in->sin_addr, out, ADDRESS_SIZE);
    else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
        inet_ntop(AF_INET, in6->sin6_addr.s6_addr + 12, out, ADDRESS_SIZE);
    else if (address->sa_family == AF_INET6)
        inet_ntop(AF_INET6, &in6->sin6_addr, out, ADDRESS_SIZE);
}
