#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/if_link.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/route.h>
#include <cmocka.h>
#include "sync/netmon.h"

/* Each test runs in a child with an empty network of its own, in which it may do as it likes. */
enum { CHILD_OK = 0, CHILD_SKIPPED = 77 };
#define CHECK(claim)                                                                               \
    do {                                                                                           \
        if (!(claim))                                                                              \
            _exit(__LINE__ % 70 + 1);                                                              \
    } while (0)

static bool enter_private_network(void)
{
    if (unshare(CLONE_NEWNET) == 0)
        return true;
    return unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

static void in_child(void (*body)(struct netmon *mon))
{
    pid_t pid = fork();
    int status = 0;

    assert_true(pid >= 0);
    if (pid == 0) {
        struct netmon *mon = NULL;
        struct err err;
        if (!enter_private_network())
            _exit(CHILD_SKIPPED);
        CHECK(netmon_open(&mon, &err) == RC_OK);
        body(mon);
        netmon_close(mon);
        exit(CHILD_OK); /* not _exit: what ran is counted at exit */
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_SKIPPED) {
        print_message("a network of its own is not permitted here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), CHILD_OK);
}

/* ---- making changes ---- */

static void set_up(const char *name, bool is_up)
{
    struct ifreq req = { 0 };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
    CHECK(ioctl(fd, SIOCGIFFLAGS, &req) == 0);
    req.ifr_flags = (short)(is_up ? req.ifr_flags | IFF_UP : req.ifr_flags & ~IFF_UP);
    CHECK(ioctl(fd, SIOCSIFFLAGS, &req) == 0);
    close(fd);
}

static void set_address(const char *name, const char *address)
{
    struct ifreq req = { 0 };
    struct sockaddr_in in = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
    inet_pton(AF_INET, address, &in.sin_addr);
    memcpy(&req.ifr_addr, &in, sizeof(in));
    CHECK(ioctl(fd, SIOCSIFADDR, &req) == 0);
    close(fd);
}

static void add_default_route(const char *gateway)
{
    struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
    struct sockaddr_in any = { .sin_family = AF_INET }, in = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, gateway, &in.sin_addr);
    memcpy(&route.rt_dst, &any, sizeof(any));
    memcpy(&route.rt_genmask, &any, sizeof(any));
    memcpy(&route.rt_gateway, &in, sizeof(in));
    CHECK(ioctl(fd, SIOCADDRT, &route) == 0);
    close(fd);
}

struct request {
    struct nlmsghdr header;
    struct ifinfomsg link;
    char attributes[512];
};

static struct rtattr *put(struct request *req, unsigned short type, const void *data, size_t len)
{
    struct rtattr *attr = (void *)((char *)req + NLMSG_ALIGN(req->header.nlmsg_len));

    attr->rta_type = type;
    attr->rta_len = (unsigned short)RTA_LENGTH(len);
    if (len > 0)
        memcpy(RTA_DATA(attr), data, len);
    req->header.nlmsg_len = NLMSG_ALIGN(req->header.nlmsg_len) + (uint32_t)RTA_ALIGN(attr->rta_len);
    return attr;
}

static void close_nest(struct request *req, struct rtattr *nest)
{
    nest->rta_len = (unsigned short)((char *)req + req->header.nlmsg_len - (char *)nest);
}

/* A virtual cable from "here" to "there". */
static void add_cable(void)
{
    struct request req = { .header = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
                                       .nlmsg_type = RTM_NEWLINK,
                                       .nlmsg_flags = NLM_F_REQUEST | NLM_F_CREATE | NLM_F_EXCL |
                                                      NLM_F_ACK } };
    const struct ifinfomsg empty = { 0 };
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[1024];
    } answer;
    struct rtattr *info, *data, *peer;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    put(&req, IFLA_IFNAME, "here", 5);
    info = put(&req, IFLA_LINKINFO, NULL, 0);
    put(&req, IFLA_INFO_KIND, "veth", 4);
    data = put(&req, IFLA_INFO_DATA, NULL, 0);
    peer = put(&req, VETH_INFO_PEER, &empty, sizeof(empty));
    put(&req, IFLA_IFNAME, "there", 6);
    close_nest(&req, peer);
    close_nest(&req, data);
    close_nest(&req, info);
    CHECK(send(fd, &req, req.header.nlmsg_len, 0) == (ssize_t)req.header.nlmsg_len);
    CHECK(recv(fd, &answer, sizeof(answer), 0) >= (ssize_t)sizeof(answer.header));
    if (answer.error.error != 0)
        _exit(CHILD_SKIPPED); /* a kernel without veth */
    close(fd);
}

/* The kernel queues most events before the call that causes them returns; a carrier follows later. */
static enum netmon_hint next_hint(struct netmon *mon, enum netmon_hint wanted)
{
    struct pollfd ready = { .fd = netmon_fd(mon), .events = POLLIN };
    enum netmon_hint hint = NETMON_NONE;

    while (hint != wanted && poll(&ready, 1, 10000) > 0)
        hint = netmon_read(mon);
    return hint;
}

static void drain(struct netmon *mon)
{
    netmon_read(mon);
}

/* ---- tests ---- */

static void cable_up(struct netmon *mon)
{
    CHECK(netmon_read(mon) == NETMON_NONE);
    add_cable();
    CHECK(next_hint(mon, NETMON_DOWN) == NETMON_DOWN); /* it is there, but not up */
    set_up("here", true);
    set_up("there", true);
    CHECK(next_hint(mon, NETMON_UP) == NETMON_UP);
}

static void cable_pulled(struct netmon *mon)
{
    add_cable();
    set_up("here", true);
    set_up("there", true);
    CHECK(next_hint(mon, NETMON_UP) == NETMON_UP);
    set_up("there", false); /* "here" stays IFF_UP */
    CHECK(next_hint(mon, NETMON_DOWN) == NETMON_DOWN);
    set_up("there", true);
    CHECK(next_hint(mon, NETMON_UP) == NETMON_UP);
}

static void address_and_route(struct netmon *mon)
{
    add_cable();
    set_up("here", true);
    set_up("there", true);
    CHECK(next_hint(mon, NETMON_UP) == NETMON_UP);
    drain(mon);
    set_address("here", "192.0.2.1");
    CHECK(next_hint(mon, NETMON_UP) == NETMON_UP);
    drain(mon);
    add_default_route("192.0.2.9");
    CHECK(next_hint(mon, NETMON_UP) == NETMON_UP);
    set_up("here", false);
    CHECK(next_hint(mon, NETMON_DOWN) == NETMON_DOWN);
}

static void loopback(struct netmon *mon)
{
    struct pollfd ready = { .fd = netmon_fd(mon), .events = POLLIN };

    set_up("lo", true);
    CHECK(poll(&ready, 1, 10000) == 1);
    CHECK(netmon_read(mon) == NETMON_NONE);
    set_up("lo", false);
    CHECK(poll(&ready, 1, 10000) == 1);
    CHECK(netmon_read(mon) == NETMON_NONE);
}

static void overflow(struct netmon *mon)
{
    const int small = 1;

    CHECK(setsockopt(netmon_fd(mon), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)) == 0);
    add_cable();
    for (int i = 0; i < 200; i++) {
        set_up("here", true);
        set_up("here", false);
    }
    CHECK(netmon_read(mon) == NETMON_UP); /* though the last that came was no "up" */
}

static void a_link_that_comes_up_is_a_hint_to_try(void **state)
{
    (void)state;
    in_child(cable_up);
}

static void a_pulled_cable_is_seen_though_the_interface_stays_up(void **state)
{
    (void)state;
    in_child(cable_pulled);
}

static void addresses_and_routes_are_hints_too(void **state)
{
    (void)state;
    in_child(address_and_route);
}

static void loopback_changes_say_nothing(void **state)
{
    (void)state;
    in_child(loopback);
}

static void lost_events_are_a_hint_to_try(void **state)
{
    (void)state;
    in_child(overflow);
}

static void reading_never_blocks_and_closing_nothing_is_fine(void **state)
{
    struct netmon *mon = NULL;
    struct err err;

    (void)state;
    assert_int_equal(netmon_open(&mon, &err), RC_OK);
    assert_true(fcntl(netmon_fd(mon), F_GETFD) & FD_CLOEXEC);
    netmon_read(mon);
    netmon_close(mon);
    netmon_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_that_comes_up_is_a_hint_to_try),
        cmocka_unit_test(a_pulled_cable_is_seen_though_the_interface_stays_up),
        cmocka_unit_test(addresses_and_routes_are_hints_too),
        cmocka_unit_test(loopback_changes_say_nothing),
        cmocka_unit_test(lost_events_are_a_hint_to_try),
        cmocka_unit_test(reading_never_blocks_and_closing_nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
