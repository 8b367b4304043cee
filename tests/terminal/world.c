#include "tests/terminal/world.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/file.h"
#include "base/mem.h"
#include "tests/unit/temp_dir.h"

#define ARGS_MAX 24
#define OPENSSL "/usr/bin/openssl"
#define CERT "backend.pem"              /* in the world's folder */
#define CERT_KEY "backend.key"
#define CONFIG_DIR "no-config/outpost"

const char world_more_choices[] =
    "{\"name\":\"tasks\",\"label\":\"Tasks\",\"labelOne\":\"task\",\"title\":\"text\","
    "\"done\":\"isCompleted\","
    "\"list\":[\"isCompleted\",\"priority\",\"text\",\"dueAt\"],"
    "\"sorts\":[{\"name\":\"due\",\"column\":\"dueAt\"},"
    "{\"name\":\"priority\",\"column\":\"priority\",\"descending\":true},"
    "{\"name\":\"changed\",\"column\":\"updatedAt\",\"descending\":true},"
    "{\"name\":\"title\",\"column\":\"text\"}],"
    "\"columns\":["
    "{\"name\":\"text\",\"label\":\"Text\",\"type\":\"text\","
    "\"required\":true,\"maxLength\":200},"
    "{\"name\":\"isCompleted\",\"label\":\"Done\",\"type\":\"bool\",\"default\":false},"
    "{\"name\":\"priority\",\"label\":\"Priority\",\"type\":\"choice\",\"choices\":["
    "{\"value\":\"low\",\"label\":\"low\"},{\"value\":\"normal\",\"label\":\"normal\"},"
    "{\"value\":\"high\",\"label\":\"high\"},{\"value\":\"urgent\",\"label\":\"urgent\"}]},"
    "{\"name\":\"dueAt\",\"label\":\"Due\",\"type\":\"date\"},"
    "{\"name\":\"notes\",\"label\":\"Notes\",\"type\":\"text\","
    "\"multiline\":true,\"maxLength\":20000}]}";

static void set_environment(const struct world *w)
{
    char dir[300];

    (void)snprintf(dir, sizeof dir, "%s/device", w->dir);
    (void)setenv("OUTPOST_DATA_DIR", dir, 1);
    (void)snprintf(dir, sizeof dir, "%s/no-config", w->dir);
    (void)setenv("XDG_CONFIG_HOME", dir, 1);
    (void)setenv("HOME", w->dir, 1);
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    (void)setenv("TZ", "UTC", 1);
    (void)setenv("TERM", "xterm-256color", 1);
    (void)unsetenv("SSH_CONNECTION");
    (void)unsetenv("SSH_CLIENT");
    (void)unsetenv("SSH_TTY");
    (void)unsetenv("NO_COLOR");
    (void)unsetenv("LANGUAGE");
    (void)unsetenv("TEXTDOMAINDIR");
    (void)unsetenv("OUTPOST_SERVER");
    (void)unsetenv("OUTPOST_TOKEN");
    (void)unsetenv("OUTPOST_CONFIG");
}

/* Starts a program with pipes on stdin and stdout. */
static pid_t start(const char *const *argv, int *in, int *out)
{
    int to[2], from[2];
    pid_t pid;

    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)dup2(to[0], STDIN_FILENO);
        (void)dup2(from[1], STDOUT_FILENO);
        execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    (void)close(to[0]);
    (void)close(from[1]);
    *in = to[1];
    *out = from[0];
    return pid;
}

/* What it says goes to *said, unless that is NULL. */
static int run(const char *input, const char *const *argv, struct buf *said)
{
    char bytes[4096];
    int in, out, status;
    ssize_t len;
    pid_t pid = start(argv, &in, &out);

    assert_int_equal(write(in, input, strlen(input)), strlen(input));
    (void)close(in);
    while ((len = read(out, bytes, sizeof bytes)) > 0) {
        if (said)
            buf_append(said, bytes, (size_t)len);
    }
    (void)close(out);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static char *backend_file(const struct world *w)
{
    static char path[300];

    (void)snprintf(path, sizeof path, "%s/backend.db", w->dir);
    return path;
}

void world_backend_up(struct world *w)
{
    char listen[64], line[256] = "", tables[300], cert[300], key[300];
    const char *argv[ARGS_MAX] = { BACKEND_PATH,    "serve",    "--quiet", "--db",
                                   backend_file(w), "--listen", listen };
    size_t len = 0, n = 7;
    int in, out;

    (void)snprintf(tables, sizeof tables, "%s/tables", w->dir);
    (void)snprintf(cert, sizeof cert, "%s/" CERT, w->dir);
    (void)snprintf(key, sizeof key, "%s/" CERT_KEY, w->dir);
    if (w->has_tables) {
        argv[n++] = "--tables";
        argv[n++] = tables;
    }
    if (w->has_tls) {
        argv[n++] = "--tls-cert";
        argv[n++] = cert;
        argv[n++] = "--tls-key";
        argv[n++] = key;
    }
    (void)snprintf(listen, sizeof listen, "127.0.0.1:%d", w->port);
    w->backend = start(argv, &in, &out);
    (void)close(in);
    while (!strchr(line, '\n')) {
        ssize_t got = read(out, line + len, sizeof line - 1 - len);

        assert_true(got > 0);
        len += (size_t)got;
        line[len] = '\0';
    }
    (void)close(out);
    assert_int_equal(sscanf(line, "listening %63s", w->server), 1);
    w->port = (int)strtol(strrchr(w->server, ':') + 1, NULL, 10);
}

void world_backend_down(struct world *w)
{
    int status;

    if (!w->backend)
        return;
    (void)kill(w->backend, SIGTERM);
    assert_int_equal(waitpid(w->backend, &status, 0), w->backend);
    w->backend = 0;
}

void world_speak_tls(struct world *w)
{
    char cert[300], key[300], config[400];
    const char *const make[] = { OPENSSL, "req", "-batch", "-x509", "-newkey", "ec", "-pkeyopt",
                                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                                 "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                                 "-keyout", key, "-out", cert, NULL };

    (void)snprintf(cert, sizeof cert, "%s/" CERT, w->dir);
    (void)snprintf(key, sizeof key, "%s/" CERT_KEY, w->dir);
    assert_int_equal(run("", make, NULL), 0);
    (void)snprintf(config, sizeof config, "ca_file = %s\n", cert);
    world_write(w, CONFIG_DIR, "outpost.conf", config);
    world_backend_down(w);
    w->has_tls = true;
    world_backend_up(w);
    assert_memory_equal(w->server, "https:", 6);
}

void world_password(struct world *w, const char *password)
{
    const char *const argv[] = { BACKEND_PATH, "user",          "passwd", WORLD_EMAIL,
                                 "--db",       backend_file(w), NULL };
    char line[128];

    (void)snprintf(line, sizeof line, "%s\n", password);
    assert_int_equal(run(line, argv, NULL), 0);
}

void world_seed(struct world *w, int count)
{
    char number[16];
    const char *const argv[] = { BACKEND_PATH, "seed", "--user",        WORLD_EMAIL, "--count",
                                 number,       "--db", backend_file(w), NULL };

    (void)snprintf(number, sizeof number, "%d", count);
    assert_int_equal(run("", argv, NULL), 0);
}

void world_backend_kill(struct world *w)
{
    int status;

    (void)kill(w->backend, SIGKILL);
    assert_int_equal(waitpid(w->backend, &status, 0), w->backend);
    w->backend = 0;
}

int world_make(void **state)
{
    struct world *w = mem_zero(1, sizeof *w);
    const char *const add[] = { BACKEND_PATH, "user",          "add", WORLD_EMAIL,
                                "--db",       backend_file(w), NULL };
    void *dir;

    if (temp_dir_make(&dir))
        return -1;
    (void)snprintf(w->dir, sizeof w->dir, "%s", (char *)dir);
    free(dir);
    set_environment(w);
    (void)backend_file(w);
    if (run(WORLD_PASSWORD "\n", add, NULL) != 0)
        return -1;
    world_backend_up(w);
    *state = w;
    return 0;
}

int world_remove(void **state)
{
    struct world *w = *state;
    void *dir = mem_strdup(w->dir);

    world_close(w);
    world_backend_down(w);
    free(w);
    return temp_dir_remove(&dir);
}

static void run_outpost(int code, const char *input, const char *const *args, struct buf *said)
{
    const char *argv[ARGS_MAX] = { OUTPOST_PATH };
    size_t n = 1;

    while (*args && n < ARGS_MAX - 1)
        argv[n++] = *args++;
    assert_int_equal(run(input, argv, said), code);
}

void world_run(struct world *w, int code, const char *input, const char *const *args)
{
    (void)w;
    run_outpost(code, input, args, NULL);
}

void world_output(struct world *w, const char *const *args, struct buf *out)
{
    (void)w;
    run_outpost(0, "", args, out);
}

void world_sign_in(struct world *w)
{
    const char *const args[] = { "login",     "--server",        w->server, "--user",
                                 WORLD_EMAIL, "--password-file", "-",       NULL };

    world_run(w, 0, WORLD_PASSWORD "\n", args);
}

void world_add(struct world *w, const char *const *sets)
{
    const char *args[ARGS_MAX] = { "add" };
    size_t n = 1;

    while (*sets && n < ARGS_MAX - 2) {
        args[n++] = "--set";
        args[n++] = *sets++;
    }
    world_run(w, 0, "", args);
}

void world_write(const struct world *w, const char *folder, const char *name, const char *text)
{
    struct err err = { 0 };
    char dir[400], path[500];

    (void)snprintf(dir, sizeof dir, "%s/%s", w->dir, folder);
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_int_equal(file_make_dirs(dir, &err), RC_OK);
    assert_int_equal(file_replace(path, text, strlen(text), 0600, &err), RC_OK);
}

const char *world_program(void)
{
    return OUTPOST_PATH;
}

struct term *world_open(struct world *w, int rows, int cols, const char *const *env)
{
    static const char *const nothing[] = { NULL };
    const char *const argv[] = { OUTPOST_PATH, "--server", w->server, NULL };

    world_close(w);
    term_start(&w->term, rows, cols, argv, env ? env : nothing);
    w->has_term = true;
    return &w->term;
}

const char *world_title(const char *left, const char *user, int end)
{
    static char row[256];
    char host[64] = "", right[128];

    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    (void)snprintf(right, sizeof right, "%s%.*s", user, (int)strcspn(host, "."), host);
    (void)snprintf(row, sizeof row, "%-*s%s", end - (int)strlen(right), left, right);
    return row;
}

void world_close(struct world *w)
{
    if (w->has_term)
        term_stop(&w->term);
    w->has_term = false;
}
