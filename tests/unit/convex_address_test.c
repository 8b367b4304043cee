#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <net/if.h>
#include <cmocka.h>
#include "base/clock.h"
#include "sync/convex/convex.h"

static const struct convex_call call = { .path = "sync:head", .args = "{}" };

static int64_t now(void)
{
    return clock_mono(&clock_system);
}

/* ---- addresses ---- */

static void only_addresses_that_are_safe_are_taken(void **state)
{
    static const struct {
        const char *url;
        bool insecure;
        const char *words; /* NULL: taken */
    } rows[] = {
        { "https://happy-otter-123.convex.cloud", false, NULL },
        { "HTTPS://example.org:8443/base/", false, NULL },
        { "http://127.0.0.1:3210", false, NULL },
        { "http://127.9.9.9", false, NULL },
        { "http://localhost:3210", false, NULL },
        { "http://[::1]:3210", false, NULL },
        { "http://10.0.0.5:3210", true, NULL },
        { "http://10.0.0.5:3210", false, "must begin with https://" },
        { "http://localhost.example.org", false, "must begin with https://" },
        { "http://127.0.0.1.example.org", false, "must begin with https://" },
        { "http://[::2]", false, "must begin with https://" },
        { "http://0.0.0.0:3210", false, "must begin with https://" },
        { "example.org", false, "must begin with https://" },
        { "", false, "must begin with https://" },
        { "ftp://example.org", false, "must begin with https://" },
        { "file:///etc/passwd", true, "must begin with https://" },
        { "https://", false, "is not a valid one" },
        { "https://a b/", false, "is not a valid one" },
        { "https://example.org\r\nX: y", false, "is not a valid one" },
        { "https://example.org:99999", false, "is not a valid one" },
        { "https://maria:secret@example.org", false, "name or password" },
        { "https://example.org/?a=b", false, "? part" },
        { "https://example.org/#a", false, "# part" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct convex_http_options options = { .url = rows[i].url,
                                               .insecure = rows[i].insecure,
                                               .client = "t-1" };
        struct convex_http *http = NULL;
        struct err err = { 0 };
        enum rc rc = convex_http_open(&options, &http, &err);
        if (rows[i].words == NULL ? rc != RC_OK
                                  : rc != RC_INVALID || strstr(err.msg, rows[i].words) == NULL)
            fail_msg("%s: %s", rows[i].url, err.msg);
        assert_null(strstr(err.msg, "secret"));
        convex_http_close(http);
    }
}

static void a_missing_authority_file_and_a_bad_client_name_are_refused_at_once(void **state)
{
    struct convex_http_options options = { .url = "https://example.org",
                                           .client = "t-1",
                                           .ca_file = "/nonexistent.pem" };
    struct convex_http *http = NULL;
    struct err err = { 0 };

    (void)state;
    assert_int_equal(convex_http_open(&options, &http, &err), RC_INVALID);
    assert_non_null(strstr(err.msg, "/nonexistent.pem"));
    options.ca_file = NULL;
    options.client = "a\r\nb";
    assert_int_equal(convex_http_open(&options, &http, &err), RC_INVALID);
    assert_null(http);
}

/* ---- name servers, in a network of their own ---- */

enum { CHILD_OK = 0, CHILD_FAILED = 1, CHILD_SKIPPED = 77 };

static bool write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return is_good;
}

/* An empty network with loopback up, whose one name server is 127.0.0.1. */
static bool enter_private_network(void)
{
    char path[] = "/tmp/outpost-resolv-XXXXXX", map[64];
    struct ifreq lo = { .ifr_name = "lo" };
    uid_t uid = getuid();
    bool is_good;
    int fd;

    if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0)
            return false;
        snprintf(map, sizeof(map), "0 %u 1", (unsigned)uid);
        if (!write_file("/proc/self/uid_map", map))
            return false;
    }
    fd = mkstemp(path);
    if (fd < 0)
        return false;
    close(fd);
    is_good = mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
              write_file(path, "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n") &&
              mount(path, "/etc/resolv.conf", "none", MS_BIND, NULL) == 0;
    unlink(path);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    lo.ifr_flags = IFF_UP | IFF_RUNNING;
    is_good = is_good && fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
    if (fd >= 0)
        close(fd);
    return is_good;
}

/* A name server that takes every question and answers none: closing must not wait for it. */
static int close_while_resolving(void)
{
    struct convex_http_options options = { .url = "https://nobody.example.org", .client = "t-1" };
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_port = htons(53),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct pollfd asked = { .events = POLLIN };
    struct convex_http *http;
    struct err err;
    int64_t start;

    if (!enter_private_network())
        return CHILD_SKIPPED;
    asked.fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(asked.fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0)
        return CHILD_SKIPPED;
    if (convex_http_open(&options, &http, &err) != RC_OK)
        return CHILD_FAILED;
    convex_http_post(http, &call, NULL, false);
    start = now();
    convex_http_pump(http);
    if (now() - start > 500)
        return CHILD_FAILED;
    while (poll(&asked, 1, 10) == 0)
        convex_http_wait(http, NULL, 0, 10);
    start = now();
    convex_http_close(http);
    return now() - start < 500 ? CHILD_OK : CHILD_FAILED;
}

static int say_no_network(void)
{
    struct convex_http_options options = { .url = "https://nobody.example.org", .client = "t-1" };
    struct convex_http *http;
    struct convex_reply reply;
    struct err err;

    if (!enter_private_network())
        return CHILD_SKIPPED;
    if (convex_http_open(&options, &http, &err) != RC_OK)
        return CHILD_FAILED;
    convex_http_post(http, &call, NULL, false);
    while (!convex_http_take(http, &reply))
        convex_http_wait(http, NULL, 0, 1000);
    convex_http_close(http);
    options.url = "https://192.0.2.1";
    if (strcmp(reply.problem, "No network.") != 0 ||
        convex_http_open(&options, &http, &err) != RC_OK)
        return CHILD_FAILED;
    convex_http_post(http, &call, NULL, false);
    while (!convex_http_take(http, &reply))
        convex_http_wait(http, NULL, 0, 1000);
    convex_http_close(http);
    return strcmp(reply.problem, "No network.") == 0 ? CHILD_OK : CHILD_FAILED;
}

static void in_child(int (*body)(void))
{
    pid_t pid = fork();
    int status = 0;

    assert_true(pid >= 0);
    if (pid == 0)
        exit(body()); /* not _exit: what ran is counted at exit */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_SKIPPED) {
        print_message("a network of its own is not permitted here\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), CHILD_OK);
}

static void a_name_server_that_never_answers_does_not_delay_closing(void **state)
{
    (void)state;
    in_child(close_while_resolving);
}

static void without_any_interface_there_is_no_network(void **state)
{
    (void)state;
    in_child(say_no_network);
}

static int global_init(void **state)
{
    struct err err;

    (void)state;
    return convex_global_init(&err) ? -1 : 0;
}

static int global_done(void **state)
{
    (void)state;
    convex_global_done();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_addresses_that_are_safe_are_taken),
        cmocka_unit_test(a_missing_authority_file_and_a_bad_client_name_are_refused_at_once),
        cmocka_unit_test(a_name_server_that_never_answers_does_not_delay_closing),
        cmocka_unit_test(without_any_interface_there_is_no_network),
    };

    return cmocka_run_group_tests(tests, global_init, global_done);
}
