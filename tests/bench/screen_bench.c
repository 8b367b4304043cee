/* How fast the screen is there, and how fast it answers: from exec to the first whole frame, beside `less` on one page
 * in the same run; from a key to the end of what it draws; peak memory. And a filter that no record fits, so that all are
 * looked at: how long that takes, and how long a key waits meanwhile (the median and the worst). At several numbers of
 * records.
 *
 *     screen_bench OUTPOST OUTPOST-BACKEND [COUNT...]          (100000 and 1000000)
 *
 * The records go into the device's file as the backend's pages do; then the backend is stopped, so that nothing but
 * the screen is measured. Times are the minimum of several starts: what the machine did besides is not the program's.
 */
#include <cjson/cJSON.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/buf.h"
#include "db/db.h"
#include "tests/bench/process.h"

#define STARTS 20
#define KEYS 200
#define FILTER_KEYS 40
#define PAGE 500
#define COUNTS_MAX 8
#define QUIET_MS 60                     /* more than between two frames */
#define LIMIT_MS 10000
#define EMAIL "bench@example.org"

static void fatal(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fatal(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    exit(2);
}

/* ---- records ---- */

static cJSON *make_doc(long i)
{
    cJSON *doc = cJSON_CreateObject();
    char text[96];

    (void)snprintf(text, sizeof text, "018bcfe5-6800-7%03lx-8000-%012lx", i & 0xfff, i);
    cJSON_AddStringToObject(doc, "clientId", text);
    (void)snprintf(text, sizeof text, "s%ld", i);
    cJSON_AddStringToObject(doc, "serverId", text);
    (void)snprintf(text, sizeof text, "%ld", i + 1);
    cJSON_AddStringToObject(doc, "rev", text);
    cJSON_AddNullToObject(doc, "deletedAt");
    cJSON_AddNumberToObject(doc, "createdAt", 1760000000000.0 + (double)i);
    cJSON_AddNumberToObject(doc, "updatedAt", 1760000000000.0 + (double)i);
    (void)snprintf(text, sizeof text, "Inspect pump %ld in shed %ld", i, i % 97);
    cJSON_AddStringToObject(doc, "text", text);
    cJSON_AddBoolToObject(doc, "isCompleted", i % 3 == 0);
    cJSON_AddStringToObject(doc, "priority", i % 2 ? "high" : "normal");
    (void)snprintf(text, sizeof text, "2026-%02ld-%02ld", 1 + i % 12, 1 + i % 28);
    cJSON_AddStringToObject(doc, "dueAt", text);
    cJSON_AddNullToObject(doc, "notes");
    return doc;
}

static void put_page(struct db *db, const struct table *table, long from, long count, long all)
{
    cJSON *page = cJSON_CreateObject(), *docs = cJSON_AddArrayToObject(page, "docs");
    struct db_apply *apply = NULL;
    struct err err = { 0 };
    char cursor[32];
    bool is_done = false;

    for (long i = from; i < from + count; i++)
        cJSON_AddItemToArray(docs, make_doc(i));
    (void)snprintf(cursor, sizeof cursor, "c%ld", from + count);
    cJSON_AddStringToObject(page, "epoch", "bench");
    cJSON_AddStringToObject(page, "cursor", cursor);
    cJSON_AddBoolToObject(page, "more", from + count < all);
    if (db_apply_walk(db, table, page, &apply, &err))
        fatal("a page: %s", err.msg);
    while (!is_done) {
        if (db_apply_slice(apply, &is_done, &err))
            fatal("a slice: %s", err.msg);
    }
    db_apply_free(apply);
    cJSON_Delete(page);
}

static void fill(const char *path, long count)
{
    const char *const no_dirs[] = { NULL };
    struct registry *reg = NULL;
    struct err err = { 0 };
    struct db *db = NULL;
    bool is_done = false;

    if (registry_load(no_dirs, 1, &reg, &err))
        fatal("%s", err.msg);
    const struct table *table = registry_find(reg, "tasks");
    const struct db_options options = { .path = path, .role = DB_SYNCER, .registry = reg, .clock = &clock_system };

    if (db_open(&options, &db, &err) || db_walk_begin(db, table, NULL, &err))
        fatal("%s", err.msg);
    for (long i = 0; i < count; i += PAGE)
        put_page(db, table, i, count - i < PAGE ? count - i : PAGE, count);
    while (!is_done) {
        if (db_walk_finish(db, table, &is_done, &err))
            fatal("%s", err.msg);
    }
    (void)db_checkpoint(db, true, &err);
    db_close(db);
    registry_free(reg);
}

/* ---- a program in a terminal ---- */

struct screen {
    pid_t pid;
    int fd;
};

static struct screen screen_start(const char *const *argv)
{
    const struct winsize size = { .ws_row = 24, .ws_col = 80 };
    struct screen s = { 0 };

    s.pid = forkpty(&s.fd, NULL, NULL, &size);
    if (s.pid == 0) {
        (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    if (s.pid < 0)
        fatal("no terminal");
    return s;
}

/* Reads until `text` was said. */
static void screen_wait(const struct screen *s, const char *text)
{
    struct buf said = { 0 };
    double end = seconds_now() + LIMIT_MS / 1000.0;
    char bytes[16384];

    while (said.len == 0 || !memmem(said.data, said.len, text, strlen(text))) {
        struct pollfd in = { .fd = s->fd, .events = POLLIN };
        ssize_t len;

        if (seconds_now() > end || poll(&in, 1, LIMIT_MS) != 1)
            fatal("no \"%s\" on the screen", text);
        len = read(s->fd, bytes, sizeof bytes);
        if (len <= 0)
            fatal("the program ended before it said \"%s\"", text);
        buf_append(&said, bytes, (size_t)len);
    }
    buf_done(&said);
}

/* Reads until it is quiet; when the last byte came, or 0: none did. */
static double screen_settle(const struct screen *s)
{
    struct pollfd in = { .fd = s->fd, .events = POLLIN };
    char bytes[16384];
    double last = 0;

    while (poll(&in, 1, QUIET_MS) == 1 && read(s->fd, bytes, sizeof bytes) > 0)
        last = seconds_now();
    return last;
}

static void screen_end(struct screen *s)
{
    (void)!write(s->fd, "q", 1);
    (void)screen_settle(s);
    (void)kill(s->pid, SIGTERM);
    (void)close(s->fd);
    (void)waitpid(s->pid, NULL, 0);
}

static double first_paint(const char *const *argv, const char *text)
{
    double best = 1e9;

    for (int i = 0; i < STARTS; i++) {
        double start = seconds_now(), took;
        struct screen s = screen_start(argv);

        screen_wait(&s, text);
        took = seconds_now() - start;
        best = took < best ? took : best;
        (void)screen_settle(&s);
        screen_end(&s);
    }
    return best * 1000;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void keys_and_memory(const char *const *argv, double *median, double *p95, long *peak_kib)
{
    static const char *const keys[] = { "j", "j", "k", "\033[6~", "\033[5~", "G", "g" };
    struct screen s = screen_start(argv);
    double took[KEYS];

    screen_wait(&s, "F1 Help");
    (void)screen_settle(&s);
    for (size_t i = 0; i < KEYS; i++) {
        const char *key = keys[i % (sizeof keys / sizeof keys[0])];
        double start = seconds_now(), last;

        if (write(s.fd, key, strlen(key)) < 0)
            fatal("the screen takes no key");
        last = screen_settle(&s);
        took[i] = last > 0 ? last - start : 0;
    }
    qsort(took, KEYS, sizeof took[0], by_size);
    *median = took[KEYS / 2] * 1000;
    *p95 = took[KEYS * 95 / 100] * 1000;
    *peak_kib = process_peak_kib(s.pid);
    screen_end(&s);
}

struct filtering {
    double whole_ms, median_ms, worst_ms;
};

/* ^L draws the screen anew, whatever else goes on. */
static void filtering(const char *const *argv, struct filtering *out)
{
    static const char type[] = "fzebra\r";
    struct screen s = screen_start(argv);
    double took[FILTER_KEYS], start;

    screen_wait(&s, "F1 Help");
    (void)screen_settle(&s);
    start = seconds_now();
    if (write(s.fd, type, sizeof type - 1) < 0)
        fatal("the screen takes no key");
    screen_wait(&s, "Nothing matches");
    out->whole_ms = (seconds_now() - start) * 1000;
    (void)screen_settle(&s);
    if (write(s.fd, type, sizeof type - 1) < 0)
        fatal("the screen takes no key");
    for (int i = 0; i < FILTER_KEYS; i++) {
        start = seconds_now();
        if (write(s.fd, "\014", 1) < 0)
            fatal("the screen takes no key");
        screen_wait(&s, "F10 Quit");
        took[i] = (seconds_now() - start) * 1000;
    }
    qsort(took, FILTER_KEYS, sizeof took[0], by_size);
    out->median_ms = took[FILTER_KEYS / 2];
    out->worst_ms = took[FILTER_KEYS - 1];
    screen_end(&s);
}

/* ---- one size ---- */

static void measure(const char *outpost, const char *data_dir, long count)
{
    const char *const screen[] = { outpost, "--data-dir", data_dir, NULL };
    char page[512], pattern[512];
    const char *const less[] = { "less", page, NULL };
    double less_ms, paint_ms, median, p95, filled = seconds_now();
    struct filtering filter;
    glob_t files = { 0 };
    FILE *f;
    long peak;

    (void)snprintf(pattern, sizeof pattern, "%s/*.db", data_dir);
    if (glob(pattern, 0, NULL, &files) != 0 || files.gl_pathc != 1)
        fatal("no account in %s", data_dir);
    fill(files.gl_pathv[0], count);
    globfree(&files);
    filled = seconds_now() - filled;
    (void)snprintf(page, sizeof page, "%s/page.txt", data_dir);
    f = fopen(page, "w");
    for (int i = 0; f && i < 23; i++)
        (void)fprintf(f, "    [ ] H Inspect pump %d in shed %d  2026-11-20\n", i, i);
    if (!f || fclose(f) != 0)
        fatal("cannot write %s", page);
    less_ms = first_paint(less, "page.txt");
    paint_ms = first_paint(screen, "F1 Help");
    keys_and_memory(screen, &median, &p95, &peak);
    filtering(screen, &filter);
    printf("%9ld  %8.1f  %8.1f  %8.2f  %8.2f  %8.1f   %6.1f  %9.0f  %8.2f  %8.2f\n", count, paint_ms, less_ms, median,
           p95, (double)peak / 1024, filled, filter.whole_ms, filter.median_ms, filter.worst_ms);
    (void)fflush(stdout);
}

static void run_size(const char *outpost, const char *backend, const char *dir, long count)
{
    char data_dir[256], db[256], log[256], password[256], url[64], number[32];
    const char *const add[] = { backend, "user", "add", EMAIL, "--db", db, NULL };
    const char *const serve[] = { backend, "serve", "--quiet", "--db", db, "--listen", "127.0.0.1:0", NULL };
    const char *const login[] = { outpost, "--data-dir", data_dir, "login", "--server", url, "--user", EMAIL,
                                  "--password-file", password, NULL };
    pid_t pid;
    FILE *f;

    (void)snprintf(number, sizeof number, "%ld", count);
    (void)snprintf(data_dir, sizeof data_dir, "%s/device-%s", dir, number);
    (void)snprintf(db, sizeof db, "%s/backend-%s.db", dir, number);
    (void)snprintf(log, sizeof log, "%s/log", dir);
    (void)snprintf(password, sizeof password, "%s/password", dir);
    f = fopen(password, "w");
    if (!f || fputs("a long secret\n", f) < 0 || fclose(f) != 0)
        fatal("cannot write %s", password);
    if (process_run(add, password, log).status != 0)
        fatal("no account; see %s", log);
    pid = process_serve(serve, log, url, sizeof url);
    if (pid == 0 || process_run(login, NULL, log).status != 0)
        fatal("cannot sign in; see %s", log);
    process_stop(pid);
    measure(outpost, data_dir, count);
}

int main(int argc, char **argv)
{
    long counts[COUNTS_MAX] = { 100000, 1000000 };
    int n = 2;
    char dir[] = "/tmp/screen-bench-XXXXXX", remove[64];

    if (argc < 3) {
        (void)fprintf(stderr, "usage: screen_bench OUTPOST OUTPOST-BACKEND [COUNT...]\n");
        return 2;
    }
    for (int i = 3; i < argc && i - 3 < COUNTS_MAX; i++) {
        counts[i - 3] = strtol(argv[i], NULL, 10);
        n = i - 2;
    }
    if (!mkdtemp(dir))
        fatal("no folder");
    (void)setenv("TERM", "xterm-256color", 1);
    (void)setenv("LC_ALL", "C.UTF-8", 1);
    (void)unsetenv("LANGUAGE");
    (void)setenv("XDG_CONFIG_HOME", dir, 1);
    (void)unsetenv("SSH_CONNECTION");
    printf("  records  paint ms   less ms   key ms   p95 ms  peak MiB   fill s  filter ms    key ms  worst ms\n");
    for (int i = 0; i < n; i++)
        run_size(argv[1], argv[2], dir, counts[i]);
    (void)snprintf(remove, sizeof remove, "%s", dir);
    const char *const clean[] = { "/bin/rm", "-r", remove, NULL };

    return process_run(clean, NULL, "/dev/null").status;
}
