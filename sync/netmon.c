#include "sync/netmon.h"

#include <errno.h>
#include <stdbool.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include "base/i18n.h"
#include "base/mem.h"

/* if.h and linux/if.h can not be included together, and only the latter names this flag. */
#define LOWER_UP 0x10000

struct netmon {
    int fd;
};

enum rc netmon_open(struct netmon **out, struct err *err)
{
    const struct sockaddr_nl addr = {
        .nl_family = AF_NETLINK,
        .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
                     RTMGRP_IPV6_ROUTE,
    };
    enum rc rc = RC_OK;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

    if (fd < 0 || bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
        rc = err_sys(err, RC_IO, errno, _("The network can not be watched"));
        goto out;
    }
    *out = mem_zero(1, sizeof(**out));
    (*out)->fd = fd;
    fd = -1;
out:
    if (fd >= 0)
        close(fd);
    return rc;
}

void netmon_close(struct netmon *mon)
{
    if (mon == NULL)
        return;
    close(mon->fd);
    free(mon);
}

int netmon_fd(const struct netmon *mon)
{
    return mon->fd;
}

static enum netmon_hint link_hint(const struct nlmsghdr *msg, const struct ifinfomsg *link)
{
    if (link->ifi_flags & IFF_LOOPBACK)
        return NETMON_NONE;
    /* A pulled cable leaves IFF_UP set: only the lower layer knows. */
    if (msg->nlmsg_type == RTM_NEWLINK && (link->ifi_flags & IFF_UP) &&
        (link->ifi_flags & IFF_RUNNING) && (link->ifi_flags & LOWER_UP))
        return NETMON_UP;
    return NETMON_DOWN;
}

/* Addresses of this machine itself and of one link lead nowhere. */
static enum netmon_hint address_hint(const struct nlmsghdr *msg, const struct ifaddrmsg *address)
{
    if (address->ifa_scope == RT_SCOPE_HOST || address->ifa_scope == RT_SCOPE_LINK)
        return NETMON_NONE;
    return msg->nlmsg_type == RTM_NEWADDR ? NETMON_UP : NETMON_DOWN;
}

/* The local table repeats the addresses; broadcast and multicast routes come with every link. */
static enum netmon_hint route_hint(const struct nlmsghdr *msg, const struct rtmsg *route)
{
    if (route->rtm_table == RT_TABLE_LOCAL || route->rtm_type != RTN_UNICAST ||
        (route->rtm_flags & RTM_F_CLONED))
        return NETMON_NONE;
    return msg->nlmsg_type == RTM_NEWROUTE ? NETMON_UP : NETMON_DOWN;
}

static enum netmon_hint message_hint(const struct nlmsghdr *msg)
{
    size_t len = msg->nlmsg_len - NLMSG_HDRLEN;
    const void *body = (const char *)msg + NLMSG_HDRLEN;

    switch (msg->nlmsg_type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
        return len >= sizeof(struct ifinfomsg) ? link_hint(msg, body) : NETMON_NONE;
    case RTM_NEWADDR:
    case RTM_DELADDR:
        return len >= sizeof(struct ifaddrmsg) ? address_hint(msg, body) : NETMON_NONE;
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
        return len >= sizeof(struct rtmsg) ? route_hint(msg, body) : NETMON_NONE;
    default:
        return NETMON_NONE;
    }
}

/* One datagram may hold several messages. */
static enum netmon_hint datagram_hint(const char *bytes, size_t len)
{
    enum netmon_hint hint = NETMON_NONE, one;
    const struct nlmsghdr *msg;
    size_t step;

    while (len >= NLMSG_HDRLEN) {
        msg = (const void *)bytes;
        if (msg->nlmsg_len < NLMSG_HDRLEN || msg->nlmsg_len > len)
            break;
        one = message_hint(msg);
        if (one != NETMON_NONE)
            hint = one;
        step = NLMSG_ALIGN(msg->nlmsg_len);
        if (step >= len)
            break;
        bytes += step;
        len -= step;
    }
    return hint;
}

enum netmon_hint netmon_read(struct netmon *mon)
{
    union {
        struct nlmsghdr header; /* for its alignment */
        char bytes[32768];
    } in;
    enum netmon_hint hint = NETMON_NONE, one;
    struct sockaddr_nl from;
    socklen_t from_len;
    bool was_lost = false;
    ssize_t n;

    for (;;) {
        from_len = sizeof(from);
        n = recvfrom(mon->fd, in.bytes, sizeof(in), 0, (struct sockaddr *)&from, &from_len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ENOBUFS) {
            was_lost = true; /* whatever the rest says, the last change may be missing */
            continue;
        }
        if (n <= 0)
            return was_lost ? NETMON_UP : hint;
        if (from.nl_pid != 0)
            continue; /* only the kernel speaks here */
        one = datagram_hint(in.bytes, (size_t)n);
        if (one != NETMON_NONE)
            hint = one;
    }
}
