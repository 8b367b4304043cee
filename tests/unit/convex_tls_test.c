#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
#include <time.h>
#include <cmocka.h>
#include "base/clock.h"
#include "sync/convex/convex.h"

/* The openssl program makes the certificates and servers, on loopback, in a folder that goes away. */

extern char **environ;

struct site {
    char dir[64];
    bool has_openssl;
    time_t made_at;
};

/* Starts openssl in the folder; its output goes to out_fd. 0 when that is not possible. */
static pid_t spawn_openssl(const char *dir, int out_fd, char *const argv[])
{
    posix_spawn_file_actions_t actions;
    pid_t pid = 0;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addchdir_np(&actions, dir);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (out_fd >= 0)
        posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    else
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ) != 0)
        pid = 0;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static bool run_openssl(const char *dir, char *const argv[])
{
    pid_t pid = spawn_openssl(dir, -1, argv);
    int status = 0;

    return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

/* NAME.pem, signed by the site's authority, with the key of the request; made `when` (faketime's
 * words). */
static bool make_certificate(const char *dir, const char *name, const char *alt_name,
                             const char *when, const char *days)
{
    char path[128], pem[64];
    char *sign[] = { "faketime",    "-f",
                     (char *)(uintptr_t)when,
                     "openssl",     "x509",
                     "-req",        "-in",
                     "request.pem", "-CA",
                     "ca.pem",      "-CAkey",
                     "ca.key",      "-CAcreateserial",
                     "-days",       (char *)(uintptr_t)days,
                     "-extfile",    "names",
                     "-out",        pem,
                     NULL };
    FILE *names;

    snprintf(path, sizeof(path), "%s/names", dir);
    snprintf(pem, sizeof(pem), "%s.pem", name);
    names = fopen(path, "we");
    if (names == NULL)
        return false;
    fprintf(names, "subjectAltName=%s\n", alt_name);
    return fclose(names) == 0 && run_openssl(dir, sign);
}

static int make_site(void **state)
{
    static struct site site = { .dir = "/tmp/outpost-tls-XXXXXX" };
    char *authority[] = { "openssl",
                          "req",
                          "-x509",
                          "-newkey",
                          "ec",
                          "-pkeyopt",
                          "ec_paramgen_curve:prime256v1",
                          "-nodes",
                          "-keyout",
                          "ca.key",
                          "-out",
                          "ca.pem",
                          "-subj",
                          "/CN=authority",
                          "-days",
                          "2",
                          NULL };
    char *request[] = { "openssl",
                        "req",
                        "-new",
                        "-newkey",
                        "ec",
                        "-pkeyopt",
                        "ec_paramgen_curve:prime256v1",
                        "-nodes",
                        "-keyout",
                        "server.key",
                        "-out",
                        "request.pem",
                        "-subj",
                        "/CN=server",
                        NULL };
    struct err err;

    *state = &site;
    if (convex_global_init(&err) || mkdtemp(site.dir) == NULL)
        return -1;
    site.made_at = time(NULL);
    site.has_openssl = run_openssl(site.dir, authority) && run_openssl(site.dir, request) &&
                       make_certificate(site.dir, "good", "IP:127.0.0.1", "+0d", "2") &&
                       make_certificate(site.dir, "other", "DNS:other.example", "+0d", "2") &&
                       make_certificate(site.dir, "expired", "IP:127.0.0.1", "+0d", "-1") &&
                       make_certificate(site.dir, "early", "IP:127.0.0.1", "+1d", "2");
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static int remove_site(void **state)
{
    struct site *site = *state;

    convex_global_done();
    return nftw(site->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* The port that the server says it listens on; 0 when it ends without. */
static int read_port(int fd)
{
    struct pollfd ready = { .fd = fd, .events = POLLIN };
    char text[1024];
    size_t len = 0;
    ssize_t n;
    char *at;

    while (len < sizeof(text) - 1 && poll(&ready, 1, 30000) > 0) {
        n = read(fd, text + len, sizeof(text) - 1 - len);
        if (n <= 0)
            return 0;
        len += (size_t)n;
        text[len] = '\0';
        at = strstr(text, "ACCEPT 127.0.0.1:");
        if (at != NULL && strchr(at, '\n') != NULL)
            return (int)strtol(at + 17, NULL, 10);
    }
    return 0;
}

/* What comes back from a server with this certificate, when we trust ca_name (NULL: the system's
 * authorities). */
static struct convex_reply ask_at(const struct site *site, const char *certificate,
                                  const char *ca_name, const struct clock *clock)
{
    char pem[64], url[64], ca_file[128];
    char *server[] = { "openssl", "s_server", "-accept", "127.0.0.1:0", "-www",
                       "-cert",   pem,        "-key",    "server.key",  NULL };
    struct convex_http_options options = { .url = url,
                                           .client = "t-1",
                                           .clock = clock,
                                           .ca_file = ca_name ? ca_file : NULL };
    struct convex_http *http = NULL;
    struct convex_reply reply = { 0 };
    struct err err = { 0 };
    int ends[2], port;
    pid_t pid;

    if (!site->has_openssl) {
        print_message("the programs openssl and faketime are not here\n");
        skip();
    }
    snprintf(pem, sizeof(pem), "%s.pem", certificate);
    snprintf(ca_file, sizeof(ca_file), "%s/%s.pem", site->dir, ca_name ? ca_name : "");
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid = spawn_openssl(site->dir, ends[1], server);
    close(ends[1]);
    assert_true(pid > 0);
    port = read_port(ends[0]);
    snprintf(url, sizeof(url), "https://127.0.0.1:%d", port);
    if (port > 0 && convex_http_open(&options, &http, &err) == RC_OK) {
        convex_http_get(http, "/instance_name");
        while (!convex_http_take(http, &reply))
            convex_http_wait(http, NULL, 0, 1000);
    }
    convex_http_close(http);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(ends[0]);
    assert_string_equal(err.msg, "");
    assert_int_not_equal(port, 0);
    return reply;
}

static struct convex_reply ask(const struct site *site, const char *certificate,
                               const char *ca_name)
{
    return ask_at(site, certificate, ca_name, NULL);
}

static void expect_invalid(struct convex_reply *reply, const char *reason)
{
    char problem[200];

    snprintf(problem, sizeof(problem), "The server's certificate is not valid (%s). Not connected.",
             reason);
    assert_false(reply->complete);
    assert_string_equal(reply->problem, problem);
    assert_int_equal(reply->sent_bytes, 0);
    convex_reply_done(reply);
}

static void a_site_with_its_own_authority_is_reached(void **state)
{
    struct convex_reply reply = ask(*state, "good", "ca");

    if (!reply.complete)
        fail_msg("%s", reply.problem);
    assert_int_equal(reply.http_status, 200);
    convex_reply_done(&reply);
}

static void an_authority_that_nobody_vouched_for_is_refused(void **state)
{
    struct convex_reply reply = ask(*state, "good", NULL);

    expect_invalid(&reply, "from an unknown authority");
}

static void a_certificate_for_another_name_is_refused(void **state)
{
    struct convex_reply reply = ask(*state, "other", "ca");

    expect_invalid(&reply, "made for another name");
}

/* So many days from when the site was made; said in this year. */
static void day_of(const struct site *site, int days, int year, char *out, size_t size)
{
    time_t day = site->made_at + (time_t)days * 24 * 3600;
    struct tm tm;

    assert_non_null(localtime_r(&day, &tm));
    assert_true(strftime(out, size, tm.tm_year == year ? "%-d %b" : "%-d %b %Y", &tm) > 0);
}

static int this_year(void)
{
    time_t now = time(NULL);
    struct tm tm;

    assert_non_null(localtime_r(&now, &tm));
    return tm.tm_year;
}

static void an_expired_certificate_is_refused_with_its_day(void **state)
{
    struct convex_reply reply = ask(*state, "expired", "ca");
    char reason[100], day[64];

    day_of(*state, -1, this_year(), day, sizeof(day));
    snprintf(reason, sizeof(reason), "expired %s", day);
    expect_invalid(&reply, reason);
}

static void a_certificate_that_is_to_begin_is_refused_with_its_day(void **state)
{
    struct convex_reply reply = ask(*state, "early", "ca");
    char reason[100], day[64];

    day_of(*state, 1, this_year(), day, sizeof(day));
    snprintf(reason, sizeof(reason), "not valid before %s", day);
    expect_invalid(&reply, reason);
}

static int64_t given_ms(void *ctx)
{
    return *(int64_t *)ctx;
}

static void a_device_that_lost_its_date_is_told_to_look_at_it(void **state)
{
    int64_t now = 1577880000000;        /* 1 Jan 2020, noon */
    const struct clock clock = { .wall_ms = given_ms, .mono_ms = given_ms, .ctx = &now };
    struct convex_reply reply = ask_at(*state, "expired", "ca", &clock);
    char problem[200], day[64];

    day_of(*state, -1, 2020 - 1900, day, sizeof(day));
    snprintf(problem, sizeof(problem),
             "The server's certificate is not valid (expired %s). Not connected. "
             "Check this device's date: 1 Jan 2020.",
             day);
    assert_string_equal(reply.problem, problem);
    convex_reply_done(&reply);
}

static void a_file_that_holds_no_authority_is_named(void **state)
{
    struct convex_reply reply = ask(*state, "good", "request");

    assert_false(reply.complete);
    assert_string_equal(reply.problem,
                        "The file of certificate authorities can not be used. Not connected.");
    convex_reply_done(&reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_with_its_own_authority_is_reached),
        cmocka_unit_test(an_authority_that_nobody_vouched_for_is_refused),
        cmocka_unit_test(a_certificate_for_another_name_is_refused),
        cmocka_unit_test(an_expired_certificate_is_refused_with_its_day),
        cmocka_unit_test(a_certificate_that_is_to_begin_is_refused_with_its_day),
        cmocka_unit_test(a_device_that_lost_its_date_is_told_to_look_at_it),
        cmocka_unit_test(a_file_that_holds_no_authority_is_named),
    };

    return cmocka_run_group_tests(tests, make_site, remove_site);
}
