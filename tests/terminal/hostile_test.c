/* Text from elsewhere that would like to be a command to the terminal: of a definition, a server, a
 * file's name, the config, the environment. Neither the screen nor the command line lets it through.
 * (Records: exit_test, story.) */
#include <arpa/inet.h>
#include <glob.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>
#include "tests/terminal/world.h"

#define EVIL                                                                                       \
    "\033]0;pwned\007\033[35mred\u202E\xC2\x9B"                                                    \
    "2J"
#define EVIL_JSON "\\u001b]0;pwned\\u0007\\u001b[35mred\\u202e\\u009b2J"
#define EVIL_SHOWN "?]0;pwned??[35mred??2J"

#define ANY_ERROR (-1)

static void assert_without(const struct term *t, const char *bytes)
{
    if (!memmem(t->raw.data, t->raw.len, bytes, strlen(bytes)))
        return;
    print_error("%.*s\n", (int)t->raw.len, t->raw.data);
    fail_msg("it got through");
}

/* What the screen itself sends are sequences, but not these. */
static void assert_harmless(const struct term *t)
{
    static const char *const bad[] = { "\033]0;", "\007", "\033[35m", "\u202E", "\xC2\x9B" };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_without(t, bad[i]);
}

/* Runs a command in a terminal: it writes no Esc at all. It says `shown`. */
static void check_command(struct world *w, const char *const *args, int code, const char *shown)
{
    static const char *const nothing[] = { NULL };
    const char *argv[16] = { world_program() };
    struct term *t = &w->term;
    int ended;

    for (size_t i = 0; args[i]; i++)
        argv[i + 1] = args[i];
    world_close(w);
    term_start(t, 50, 200, argv, nothing);
    w->has_term = true;
    ended = term_wait_exit(t);
    if (code == ANY_ERROR)
        assert_in_range(ended, 1, 5);
    else
        assert_int_equal(ended, code);
    assert_harmless(t);
    assert_without(t, "\033");
    if (!term_has(t, shown)) {
        print_error("%.*s\n", (int)t->raw.len, t->raw.data);
        fail_msg("it does not say %s", shown);
    }
}

static void names_on_the_command_line_are_shown_harmless(void **state)
{
    static const char *const commands[][6] = {
        { "import", "no" EVIL, NULL },
        { "x" EVIL, NULL },
        { "list", "--x" EVIL, NULL },
        { "list", "--table", "x" EVIL, NULL },
        { "list", "--sort", "x" EVIL, NULL },
        { "add", "--set", "x" EVIL "=1", NULL },
        { "add", "--set", "x" EVIL, NULL },
        { "add", "--set", "priority=" EVIL, NULL },
        { "show", "x" EVIL, NULL },
        { "doctor", "--rescue", "out", "no" EVIL, NULL },
    };
    struct world *w = *state;

    world_sign_in(w);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        check_command(w, commands[i], ANY_ERROR, "red");
    }
}

static void a_file_with_a_hostile_name_and_content_is_refused_harmless(void **state)
{
    struct world *w = *state;
    char path[300];
    const char *const import[] = { "import", path, NULL };

    world_sign_in(w);
    world_write(w, "files", "a\033[35m", "{\"text\": 7, \"" EVIL_JSON "\": 1}\n" EVIL "\n");
    (void)snprintf(path, sizeof path, "%s/files/a\033[35m", w->dir);
    check_command(w, import, 1, "a?[35m: line 1:");
    (void)snprintf(path, sizeof path, "%s/none\033[35m/b", w->dir);
    check_command(w, import, 1, "none?[35m/b");
}

static void lines_of_the_config_are_shown_harmless(void **state)
{
    struct world *w = *state;
    const char *const status[] = { "list", NULL };

    world_sign_in(w);
    world_write(w, "no-config/outpost", "outpost.conf",
                "col" EVIL " = 1\ncolor = " EVIL "\nkey.list.done = " EVIL "\n");
    check_command(w, status, 0, "[35m");
}

static void a_terminal_type_is_shown_harmless(void **state)
{
    static const char *const env[] = { "TERM=xterm-" EVIL, NULL };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, env);
    term_wait(t, "xterm-" EVIL_SHOWN);
    assert_harmless(t);
}

/* Labels are refused or drawn, and so is the name of the file. */
static void definitions_are_shown_harmless(void **state)
{
    static const char evil[] =
        "{\"name\":\"meters\",\"label\":\"Met" EVIL_JSON "\",\"labelOne\":\"met" EVIL_JSON "\","
        "\"title\":\"meter\",\"list\":[\"meter\",\"kind\"],\"columns\":["
        "{\"name\":\"meter\",\"label\":\"Lab" EVIL_JSON "\",\"type\":\"text\"},"
        "{\"name\":\"kind\",\"label\":\"Kind\",\"type\":\"choice\",\"choices\":[{\"value\":\"a\","
        "\"label\":\"ch" EVIL_JSON "\"}]}]}";
    static const char broken[] = "{\"name\":\"" EVIL_JSON "\",\"" EVIL_JSON "\":1}";
    const char *const tables[] = { "tables", NULL };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_write(w, WORLD_TABLES, "evil.json", evil);
    world_write(w, WORLD_TABLES, "b\033[35m.json", broken);
    check_command(w, tables, 1, "b?[35m.json");
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    term_type(t, KEY_TAB);
    term_settle(t, 200);
    term_type(t, "a");
    term_settle(t, 200);
    assert_harmless(t);
}

/* ---- a server ---- */

static void answer(int client)
{
    static const char refusal[] =
        "{\"status\":\"error\",\"errorMessage\":\"" EVIL_JSON "\",\"errorData\":{"
        "\"code\":\"" EVIL_JSON "\",\"message\":\"So: " EVIL_JSON "\",\"column\":\"" EVIL_JSON
        "\"}}";
    char request[8192], reply[2048];
    ssize_t len = read(client, request, sizeof request - 1);
    const char *body = refusal, *type = "application/json";

    if (len <= 0)
        return;
    request[len] = '\0';
    if (strncmp(request, "GET /instance_name", 18) == 0) {
        body = "evil" EVIL;
        type = "text/plain";
    }
    len = snprintf(reply, sizeof reply,
                   "HTTP/1.1 200 " EVIL "\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                   "Connection: close\r\n\r\n%s",
                   type, strlen(body), body);
    (void)!write(client, reply, (size_t)len);
}

/* Answers everybody until the test ends. */
static pid_t serve(char *url, size_t size)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t pid;

    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    (void)snprintf(url, size, "http://127.0.0.1:%d", ntohs(at.sin_port));
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            int client = accept(listener, NULL, NULL);

            if (client < 0)
                _exit(1);
            answer(client);
            (void)close(client);
        }
    }
    (void)close(listener);
    return pid;
}

static void what_a_server_says_is_shown_harmless(void **state)
{
    struct world *w = *state;
    pid_t pid = serve(w->server, sizeof w->server);
    struct term *t = world_open(w, 24, 80, NULL);
    char path[300];
    const char *const login[] = { "login", "--server",        w->server, "--user",
                                  "maria", "--password-file", path,      NULL };

    term_wait(t, "not signed in");
    term_type(t, "maria" KEY_TAB "secret" KEY_ENTER);
    term_wait(t, "! So: " EVIL_SHOWN);
    assert_harmless(t);
    world_write(w, "files", "password", "secret\n");
    (void)snprintf(path, sizeof path, "%s/files/password", w->dir);
    check_command(w, login, 1, "So: " EVIL_SHOWN);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void set_refusal(struct world *w)
{
    char pattern[300];
    glob_t found = { 0 };
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;

    (void)snprintf(pattern, sizeof pattern, "%s/device/*.db", w->dir);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(sqlite3_open(found.gl_pathv[0], &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "UPDATE sync_queue SET state = 'failed', retry_count = 3, "
                                        "last_error = ?1, last_error_code = ?1",
                                        -1, &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_bind_text(st, 1, EVIL, -1, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_DONE);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    globfree(&found);
}

static void why_a_change_was_refused_is_shown_harmless(void **state)
{
    static const char *const one[] = { "text=Pump", NULL };
    const char *const queue[] = { "queue", NULL };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_backend_down(w);
    world_add(w, one);
    set_refusal(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "Pump");
    term_type(t, "p");
    term_wait(t, EVIL_SHOWN);
    assert_harmless(t);
    check_command(w, queue, 0, EVIL_SHOWN);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(names_on_the_command_line_are_shown_harmless),
        IN_A_WORLD(a_file_with_a_hostile_name_and_content_is_refused_harmless),
        IN_A_WORLD(lines_of_the_config_are_shown_harmless),
        IN_A_WORLD(a_terminal_type_is_shown_harmless),
        IN_A_WORLD(definitions_are_shown_harmless),
        IN_A_WORLD(what_a_server_says_is_shown_harmless),
        IN_A_WORLD(why_a_change_was_refused_is_shown_harmless),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
