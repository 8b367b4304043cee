/* Sync and capture, measured on the real programs: `outpost` and `outpost-backend` over loopback, Release builds.
 *
 *     sync_bench BUILD_DIR [--rounds N] [COUNT ...]         counts: 1000 10000 100000
 *
 * A row per figure: median of the rounds, and beside it the floor of the same round (floor.h) with the median of the
 * ratios pair by pair. It never fails on time: machines are noisy, and a figure is for reading. */
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "db/db.h"
#include "tests/bench/floor.h"
#include "tests/bench/process.h"
#include "tests/bench/relay.h"

#define ROUNDS_MAX 15
#define EMAIL "bench@example.org"

struct bench {
    char build[400], dir[400], log[440], url[128], password[440];
    char backend_file[440];
    pid_t backend;
    int count;
};

struct figures {                /* of one round */
    double import_s, push_s, pull_s, sign_in_s, idle_s;
    double import_floor_s, push_floor_s, pull_floor_s;
    double push_bytes, pull_bytes, idle_bytes;
    long import_kib, push_kib, pull_kib, backend_kib;
    double save_p50_ms, save_p95_ms, save_p99_ms, save_max_ms;
    int saves;
};

static void die(const struct bench *b, const char *what)
{
    fprintf(stderr, "bench: %s failed; see %s\n", what, b->log);
    if (b->backend > 0)
        process_stop(b->backend);
    exit(2);
}

static const char *at(const struct bench *b, const char *name)
{
    static char paths[8][600];
    static int next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof paths[0], "%s/%s", b->dir, name);
    return path;
}

static const char *program(const struct bench *b, const char *name)
{
    static char path[600];

    snprintf(path, sizeof path, "%s/src/%s/%s", b->build, strcmp(name, "outpost") == 0 ? "app" : "backend", name);
    return path;
}

/* outpost ARGS with the device's own folder. */
static struct run device(const struct bench *b, const char *name, const char *input, ...)
{
    const char *argv[20] = { program(b, "outpost"), NULL };
    char dir[600], config[600];
    int argc = 1;
    va_list args;

    snprintf(dir, sizeof dir, "--data-dir=%s/%s", b->dir, name);
    snprintf(config, sizeof config, "--config=%s/empty.conf", b->dir);
    va_start(args, input);
    for (const char *arg; (arg = va_arg(args, const char *)) != NULL;)
        argv[argc++] = arg;
    va_end(args);
    argv[argc++] = dir;
    argv[argc++] = config;
    argv[argc] = NULL;
    struct run run = process_run(argv, input, b->log);
    if (run.status != 0) {
        fprintf(stderr, "bench: outpost %s: exit %d\n", argv[1], run.status);
        die(b, argv[1]);
    }
    return run;
}

static struct run login(const struct bench *b, const char *name, const char *url)
{
    return device(b, name, NULL, "login", "--server", url, "--user", EMAIL, "--password-file", b->password, NULL);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
        perror(path);
        exit(2);
    }
}

/* Lines that look like what crews type; the same for the same count. */
static void write_lines(const char *path, int count)
{
    static const char *const verbs[] = { "Replace", "Inspect", "Clean", "Read", "Label", "Order", "Photograph", "Grease" };
    static const char *const things[] = { "valve V", "strainer", "meter row", "breaker panel", "seal kit", "cable run",
                                          "fence post", "bearing" };
    static const char *const places[] = { "north pump house", "shed 3", "gate 2", "dock 7", "hall B", "tank farm" };
    static const char *const priorities[] = { "low", "normal", "high" };
    FILE *f = fopen(path, "w");

    if (f == NULL) {
        perror(path);
        exit(2);
    }
    for (int i = 0; i < count; i++) {
        fprintf(f, "{\"text\":\"%s %s-%d at %s\",\"priority\":\"%s\",\"dueAt\":\"2026-%02d-%02d\"", verbs[i % 8],
                things[i / 3 % 8], i, places[i / 7 % 6], priorities[i % 3], i % 12 + 1, i % 28 + 1);
        if (i % 4 == 0)
            fprintf(f, ",\"notes\":\"Shut V-%d and V-%d first. Old seal is swollen; take spare %d.\"", i, i + 1, i);
        fprintf(f, "}\n");
    }
    fclose(f);
}

static void start_backend(struct bench *b, const char *file)
{
    char password[] = "correct horse battery";

    snprintf(b->backend_file, sizeof b->backend_file, "%s/%s", b->dir, file);
    snprintf(b->password, sizeof b->password, "%s/password", b->dir);
    write_file(b->password, password);
    const char *const add[] = { program(b, "outpost-backend"), "user", "add", EMAIL, "--db", b->backend_file, NULL };
    if (process_run(add, b->password, b->log).status != 0)
        die(b, "user add");
    const char *const serve[] = { program(b, "outpost-backend"), "serve", "--db", b->backend_file, "--listen",
                                  "127.0.0.1:0", "--quiet", NULL };
    b->backend = process_serve(serve, b->log, b->url, sizeof b->url);
    if (b->backend == 0)
        die(b, "serve");
}

static void stop_backend(struct bench *b, struct figures *f)
{
    f->backend_kib = process_peak_kib(b->backend);
    process_stop(b->backend);
    b->backend = 0;
}

/* The one store file of a device's folder; lives until the next call. */
static const char *store_of(const struct bench *b, const char *name)
{
    static char path[600];
    char pattern[600];
    glob_t found;

    snprintf(pattern, sizeof pattern, "%s/%s/*.db", b->dir, name);
    if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1)
        die(b, pattern);
    snprintf(path, sizeof path, "%s", found.gl_pathv[0]);
    globfree(&found);
    return path;
}

/* A floor in a process of its own: a child's peak memory, as the system counts it, begins with its parent's, and the
 * rows of the floors would be in it. */
static double apart(double (*floor)(const char *a, const char *b, const char *dir), const char *a, const char *b,
                    const char *dir)
{
    int ends[2];
    double seconds = 0;

    if (pipe(ends) != 0)
        exit(2);
    pid_t pid = fork();
    if (pid == 0) {
        seconds = floor(a, b, dir);
        _exit(write(ends[1], &seconds, sizeof seconds) == sizeof seconds ? 0 : 2);
    }
    close(ends[1]);
    if (read(ends[0], &seconds, sizeof seconds) != sizeof seconds)
        exit(2);
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return seconds;
}

/* ---- one round ---- */

static void measure_capture_and_push(struct bench *b, struct figures *f)
{
    login(b, "a", b->url);
    struct run import = device(b, "a", NULL, "import", at(b, "lines"), NULL);
    f->import_s = import.wall_s;
    f->import_kib = import.peak_kib;
    copy_database(store_of(b, "a"), at(b, "queued.db"));
    struct run push = device(b, "a", NULL, "sync", NULL);
    f->push_s = push.wall_s;
    f->push_kib = push.peak_kib;
    f->idle_s = device(b, "a", NULL, "sync", NULL).wall_s;
    f->import_floor_s = apart(floor_import, at(b, "queued.db"), "", b->dir);
    f->push_floor_s = apart(floor_push, at(b, "queued.db"), b->backend_file, b->dir);
}

/* Signing in costs a password hash and a process start whatever the table holds: that of an empty account is taken
 * off. */
static void measure_pull(struct bench *b, double sign_in_s, struct figures *f)
{
    struct run pull = login(b, "b", b->url);

    f->sign_in_s = sign_in_s;
    f->pull_s = pull.wall_s - sign_in_s;
    f->pull_kib = pull.peak_kib;
    f->pull_floor_s = apart(floor_pull, store_of(b, "b"), b->backend_file, b->dir);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Saves as the screen does, one every 2 ms, while another process gets all the records. */
static void measure_saves(struct bench *b, struct figures *f)
{
    const char *const no_dirs[] = { NULL };
    struct registry *reg = NULL;
    struct db *db = NULL;
    struct err err;
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    struct db_saved saved;
    static double took_ms[200000];
    int n = 0, status = 0;
    char data_dir[600], config[600];

    login(b, "c", b->url);
    char count[16];
    snprintf(count, sizeof count, "%d", b->count);
    const char *const seed[] = { program(b, "outpost-backend"), "seed", "--user", EMAIL, "--count", count, "--db",
                                 b->backend_file, NULL };
    if (process_run(seed, NULL, b->log).status != 0)
        die(b, "seed");
    if (registry_load(no_dirs, 1, &reg, &err))
        die(b, err.msg);
    const struct db_options options = { .path = store_of(b, "c"), .role = DB_WRITER, .registry = reg,
                                        .clock = &clock_system };
    if (db_open(&options, &db, &err))
        die(b, err.msg);
    const struct table *tasks = registry_find(reg, "tasks");
    const struct db_edit edit = { .table = tasks, .values = values, .is_set = is_set };
    value_set_text(&values[tasks->title->index], "Typed during a pull", 19);
    is_set[tasks->title->index] = true;

    snprintf(data_dir, sizeof data_dir, "--data-dir=%s/c", b->dir);
    snprintf(config, sizeof config, "--config=%s/empty.conf", b->dir);
    const char *const argv[] = { program(b, "outpost"), "sync", data_dir, config, NULL };
    pid_t pid = process_start(argv, b->log);
    while (waitpid(pid, &status, WNOHANG) == 0 && n < (int)(sizeof took_ms / sizeof *took_ms)) {
        double started = seconds_now();
        if (db_save(db, &edit, &saved, &err))
            die(b, err.msg);
        took_ms[n++] = (seconds_now() - started) * 1000;
        const struct timespec pause = { 0, 2000000 };
        nanosleep(&pause, NULL);
    }
    db_close(db);
    registry_free(reg);
    value_done(&values[tasks->title->index]);
    qsort(took_ms, (size_t)n, sizeof *took_ms, compare_doubles);
    f->saves = n;
    f->save_p50_ms = took_ms[n / 2];
    f->save_p95_ms = took_ms[n * 95 / 100];
    f->save_p99_ms = took_ms[n * 99 / 100];
    f->save_max_ms = took_ms[n - 1];
}

/* A run of its own, not timed: what goes over the wire, headers included. */
static void measure_bytes(struct bench *b, struct figures *f)
{
    char url[64];
    struct relay *relay = relay_open(b->url, url, sizeof url);

    if (relay == NULL)
        die(b, "relay");
    login(b, "w", url);
    device(b, "w", NULL, "import", at(b, "lines"), NULL);
    relay_bytes(relay);
    device(b, "w", NULL, "sync", NULL);
    f->push_bytes = (double)relay_bytes(relay) / b->count;
    device(b, "w", NULL, "sync", NULL);
    f->idle_bytes = (double)relay_bytes(relay);
    login(b, "x", url);
    f->pull_bytes = (double)relay_bytes(relay) / b->count;
    relay_close(relay);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void begin(struct bench *b, const char *backend_file)
{
    snprintf(b->dir, sizeof b->dir, "%s/outpost-bench-XXXXXX", getenv("TMPDIR") == NULL ? "/tmp" : getenv("TMPDIR"));
    if (mkdtemp(b->dir) == NULL) {
        perror(b->dir);
        exit(2);
    }
    snprintf(b->log, sizeof b->log, "%s/log", b->dir);
    write_file(at(b, "empty.conf"), "");
    write_lines(at(b, "lines"), b->count);
    start_backend(b, backend_file);
}

static void end(struct bench *b, struct figures *f)
{
    stop_backend(b, f);
    nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct figures round_of(struct bench *b)
{
    struct figures f = { 0 }, ignored = { 0 };

    begin(b, "backend.db");
    double sign_in_s = login(b, "e", b->url).wall_s;
    measure_capture_and_push(b, &f);
    measure_pull(b, sign_in_s, &f);
    end(b, &f);

    begin(b, "backend.db");
    measure_bytes(b, &f);
    end(b, &ignored);

    begin(b, "backend.db");
    measure_saves(b, &f);
    end(b, &ignored);
    return f;
}

/* ---- rows ---- */

static double median(const struct figures *all, int rounds, double (*get)(const struct figures *f))
{
    double values[ROUNDS_MAX];

    for (int i = 0; i < rounds; i++)
        values[i] = get(&all[i]);
    qsort(values, (size_t)rounds, sizeof *values, compare_doubles);
    return values[rounds / 2];
}

#define GETTER(name, expression) \
    static double name(const struct figures *f) { return (double)(expression); }
GETTER(import_s, f->import_s)
GETTER(import_ratio, f->import_s / f->import_floor_s)
GETTER(import_floor, f->import_floor_s)
GETTER(push_s, f->push_s)
GETTER(push_ratio, f->push_s / f->push_floor_s)
GETTER(push_floor, f->push_floor_s)
GETTER(pull_s, f->pull_s)
GETTER(pull_ratio, f->pull_s / f->pull_floor_s)
GETTER(pull_floor, f->pull_floor_s)
GETTER(idle_ms, f->idle_s * 1000)
GETTER(idle_bytes, f->idle_bytes)
GETTER(push_bytes, f->push_bytes)
GETTER(pull_bytes, f->pull_bytes)
GETTER(sign_in_ms, f->sign_in_s * 1000)
GETTER(import_mib, (double)f->import_kib / 1024)
GETTER(push_mib, (double)f->push_kib / 1024)
GETTER(pull_mib, (double)f->pull_kib / 1024)
GETTER(backend_mib, (double)f->backend_kib / 1024)
GETTER(save_p50, f->save_p50_ms)
GETTER(save_p95, f->save_p95_ms)
GETTER(save_p99, f->save_p99_ms)
GETTER(save_max, f->save_max_ms)
GETTER(saves, f->saves)

static void print_rate(const char *name, int count, double seconds, double floor_seconds, double ratio)
{
    printf("%7d  %-28s %10.0f records/s   floor %10.0f records/s   time/floor %5.2f\n", count, name, count / seconds,
           count / floor_seconds, ratio);
}

static void print_plain(const char *name, int count, double value, const char *unit)
{
    printf("%7d  %-28s %10.2f %s\n", count, name, value, unit);
}

static void print_figures(const struct figures *all, int rounds, int count)
{
    print_rate("import (capture)", count, median(all, rounds, import_s), median(all, rounds, import_floor),
               median(all, rounds, import_ratio));
    print_rate("push", count, median(all, rounds, push_s), median(all, rounds, push_floor),
               median(all, rounds, push_ratio));
    print_rate("first pull", count, median(all, rounds, pull_s), median(all, rounds, pull_floor),
               median(all, rounds, pull_ratio));
    print_plain("push, on the wire", count, median(all, rounds, push_bytes), "bytes/record");
    print_plain("first pull, on the wire", count, median(all, rounds, pull_bytes), "bytes/record");
    print_plain("nothing-to-do round", count, median(all, rounds, idle_ms), "ms, process start and end included");
    print_plain("nothing-to-do round", count, median(all, rounds, idle_bytes), "bytes");
    print_plain("sign-in (taken off the pull)", count, median(all, rounds, sign_in_ms), "ms");
    print_plain("peak memory, import", count, median(all, rounds, import_mib), "MiB");
    print_plain("peak memory, push", count, median(all, rounds, push_mib), "MiB");
    print_plain("peak memory, first pull", count, median(all, rounds, pull_mib), "MiB");
    print_plain("peak memory, backend", count, median(all, rounds, backend_mib), "MiB (one password hash is 64)");
    print_plain("save during a full pull, p50", count, median(all, rounds, save_p50), "ms");
    print_plain("save during a full pull, p95", count, median(all, rounds, save_p95), "ms");
    print_plain("save during a full pull, p99", count, median(all, rounds, save_p99), "ms");
    print_plain("save during a full pull, max", count, median(all, rounds, save_max), "ms");
    print_plain("saves measured", count, median(all, rounds, saves), "");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct figures all[ROUNDS_MAX];
    int counts[8] = { 1000, 10000, 100000 }, count_of = 3, given = 0;
    long rounds = 5;

    if (argc < 2) {
        fprintf(stderr, "usage: sync_bench BUILD_DIR [--rounds N] [COUNT ...]\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = strtol(argv[++i], NULL, 10);
        else if (given < 8)
            counts[given++] = (int)strtol(argv[i], NULL, 10);
    }
    count_of = given > 0 ? given : count_of;
    if (rounds < 1 || rounds > ROUNDS_MAX) {
        fprintf(stderr, "bench: 1 to %d rounds\n", ROUNDS_MAX);
        return 2;
    }
    printf("records  figure                       median of %ld rounds\n", rounds);
    for (int c = 0; c < count_of; c++) {
        struct bench b = { .count = counts[c] };
        snprintf(b.build, sizeof b.build, "%s", argv[1]);
        for (long r = 0; r < rounds; r++)
            all[r] = round_of(&b);
        print_figures(all, (int)rounds, counts[c]);
    }
    return 0;
}
