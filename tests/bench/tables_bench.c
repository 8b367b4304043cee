/* The sync of many tables, measured on the real programs over loopback, Release builds.
 *
 *     tables_bench BUILD_DIR TABLES_DIR [--rounds N] [RECORDS]       in all tables together; 200000 without it
 *
 * Each round: a first sync, then one of a twentieth more in every table. Times are medians, beside them the floor of the
 * same round (floor.h), and the ratio pair by pair. Like sync_bench it never fails on time. */
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "db/registry.h"
#include "tests/bench/floor.h"
#include "tests/bench/process.h"

#define ROUNDS_MAX 15
#define EMAIL "bench@example.org"

struct bench {
    const char *build, *tables;
    const struct registry *reg;
    char dir[400], log[440], url[128], server[300], config[440], password[440], backend_file[440];
    pid_t backend;
    int each, more;             /* records of a table: at first, and then */
};

struct figures {                /* of one round */
    double first_s, first_floor_s, first_mib, steady_s, steady_floor_s, steady_mib, idle_s, backend_mib;
};

static void die(const struct bench *b, const char *what)
{
    fprintf(stderr, "bench: %s failed; see %s\n", what, b->log);
    if (b->backend > 0)
        process_stop(b->backend);
    exit(2);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");

    if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
        perror(path);
        exit(2);
    }
}

static struct run device(const struct bench *b, const char *name, const char *word)
{
    char outpost[600], dir[600];

    snprintf(outpost, sizeof outpost, "%s/src/app/outpost", b->build);
    snprintf(dir, sizeof dir, "--data-dir=%s/%s", b->dir, name);
    const char *const login[] = { outpost, "login", "--user", EMAIL, "--password-file", b->password, b->server, dir,
                                  b->config, NULL };
    const char *const sync[] = { outpost, "sync", dir, b->config, NULL };
    struct run run = process_run(strcmp(word, "login") == 0 ? login : sync, NULL, b->log);
    if (run.status != 0)
        die(b, word);
    return run;
}

static void seed(const struct bench *b, int each)
{
    char program[600], count[16];

    snprintf(program, sizeof program, "%s/src/backend/outpost-backend", b->build);
    snprintf(count, sizeof count, "%d", each);
    const char *const argv[] = { program, "seed", "--user", EMAIL, "--count", count, "--tables", b->tables, "--db",
                                 b->backend_file, NULL };
    if (process_run(argv, NULL, b->log).status != 0)
        die(b, "seed");
}

static void begin(struct bench *b)
{
    const char *tmp = getenv("TMPDIR");
    char program[600], text[600];

    snprintf(b->dir, sizeof b->dir, "%s/outpost-bench-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(b->dir) == NULL) {
        perror(b->dir);
        exit(2);
    }
    snprintf(b->log, sizeof b->log, "%s/log", b->dir);
    snprintf(b->backend_file, sizeof b->backend_file, "%s/backend.db", b->dir);
    snprintf(b->password, sizeof b->password, "%s/password", b->dir);
    write_file(b->password, "correct horse battery\n");
    snprintf(text, sizeof text, "%s/conf", b->dir);
    snprintf(b->config, sizeof b->config, "--config=%s/conf", b->dir);
    FILE *f = fopen(text, "w");
    if (f == NULL || fprintf(f, "tables_dir = %s\n", b->tables) < 0 || fclose(f) != 0)
        die(b, text);
    snprintf(program, sizeof program, "%s/src/backend/outpost-backend", b->build);
    const char *const add[] = { program, "user", "add", EMAIL, "--db", b->backend_file, NULL };
    const char *const serve[] = { program, "serve", "--db", b->backend_file, "--listen", "127.0.0.1:0", "--quiet",
                                  "--tables", b->tables, NULL };
    if (process_run(add, b->password, b->log).status != 0)
        die(b, "user add");
    b->backend = process_serve(serve, b->log, b->url, sizeof b->url);
    if (b->backend == 0)
        die(b, "serve");
    snprintf(b->server, sizeof b->server, "--server=%s", b->url);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* All tables one after the other, in a process of its own: the memory of a child begins with its parent's. */
static double floor_of(const struct bench *b, const char *name, int skip)
{
    char pattern[600];
    double seconds = 0;
    glob_t found;
    int ends[2];

    snprintf(pattern, sizeof pattern, "%s/%s/*.db", b->dir, name);
    if (glob(pattern, 0, NULL, &found) != 0 || found.gl_pathc != 1 || pipe(ends) != 0)
        die(b, pattern);
    pid_t pid = fork();
    if (pid == 0) {
        for (size_t i = 0; i < registry_count(b->reg); i++) {
            const struct table *table = registry_at(b->reg, i);
            const struct floor_table what = { .name = table->name, .sql = table->sql, .skip = skip };
            seconds += floor_pull_table(found.gl_pathv[0], b->backend_file, b->dir, &what);
        }
        _exit(write(ends[1], &seconds, sizeof seconds) == sizeof seconds ? 0 : 2);
    }
    close(ends[1]);
    if (read(ends[0], &seconds, sizeof seconds) != sizeof seconds)
        die(b, "floor");
    close(ends[0]);
    waitpid(pid, NULL, 0);
    globfree(&found);
    return seconds;
}

/* What signing in and starting cost at an empty backend is taken off the first sync, and a round with nothing to do off
 * the steady one. */
static struct figures round_of(struct bench *b)
{
    struct figures f = { 0 };
    struct run run;

    begin(b);
    double sign_in_s = device(b, "empty", "login").wall_s;
    seed(b, b->each);
    run = device(b, "a", "login");
    f.first_s = run.wall_s - sign_in_s;
    f.first_mib = (double)run.peak_kib / 1024;
    f.first_floor_s = floor_of(b, "a", 0);
    f.idle_s = device(b, "a", "sync").wall_s;
    seed(b, b->each + b->more);
    run = device(b, "a", "sync");
    f.steady_s = run.wall_s - f.idle_s;
    f.steady_mib = (double)run.peak_kib / 1024;
    f.steady_floor_s = floor_of(b, "a", b->each);
    f.backend_mib = (double)process_peak_kib(b->backend) / 1024;
    process_stop(b->backend);
    b->backend = 0;
    nftw(b->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return f;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(const struct figures *all, int rounds, double (*get)(const struct figures *f))
{
    double values[ROUNDS_MAX];

    for (int i = 0; i < rounds; i++)
        values[i] = get(&all[i]);
    qsort(values, (size_t)rounds, sizeof *values, compare_doubles);
    return values[rounds / 2];
}

#define GETTER(name, expression) \
    static double name(const struct figures *f) { return expression; }
GETTER(first_s, f->first_s)
GETTER(first_floor, f->first_floor_s)
GETTER(first_ratio, f->first_s / f->first_floor_s)
GETTER(first_mib, f->first_mib)
GETTER(steady_s, f->steady_s)
GETTER(steady_floor, f->steady_floor_s)
GETTER(steady_ratio, f->steady_s / f->steady_floor_s)
GETTER(steady_mib, f->steady_mib)
GETTER(idle_s, f->idle_s)
GETTER(backend_mib, f->backend_mib)

static void print_figures(const struct bench *b, const struct figures *all, int rounds)
{
    int tables = (int)registry_count(b->reg);

    printf("%7d  first sync     %8.2f s   floor %8.2f s   time/floor %5.2f   peak %5.1f MiB\n", b->each * tables,
           median(all, rounds, first_s), median(all, rounds, first_floor), median(all, rounds, first_ratio),
           median(all, rounds, first_mib));
    printf("%7d  steady sync    %8.2f s   floor %8.2f s   time/floor %5.2f   peak %5.1f MiB\n", b->more * tables,
           median(all, rounds, steady_s), median(all, rounds, steady_floor), median(all, rounds, steady_ratio),
           median(all, rounds, steady_mib));
    printf("         nothing to do  %8.1f ms, process start and end included\n", median(all, rounds, idle_s) * 1000);
    printf("         backend's peak %8.1f MiB (one password hash is 64)\n", median(all, rounds, backend_mib));
}

int main(int argc, char **argv)
{
    static struct figures all[ROUNDS_MAX];
    struct registry *reg = NULL;
    struct err err = { 0 };
    long rounds = 3, records = 200000;

    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = strtol(argv[++i], NULL, 10);
        else
            records = strtol(argv[i], NULL, 10);
    }
    if (argc < 3 || rounds < 1 || rounds > ROUNDS_MAX || records < 1) {
        fprintf(stderr, "usage: tables_bench BUILD_DIR TABLES_DIR [--rounds N] [RECORDS]\n");
        return 2;
    }
    const char *dirs[] = { argv[2] };
    if (registry_load(dirs, 1, &reg, &err) || registry_problem_count(reg) > 0) {
        fprintf(stderr, "bench: %s: the definitions cannot be read\n", argv[2]);
        return 2;
    }
    struct bench b = { .build = argv[1], .tables = argv[2], .reg = reg };
    b.each = (int)(records / (long)registry_count(reg)) + 1;
    b.more = b.each / 20 + 1;
    printf("%zu tables, median of %ld rounds\n", registry_count(reg), rounds);
    for (long r = 0; r < rounds; r++)
        all[r] = round_of(&b);
    print_figures(&b, all, (int)rounds);
    registry_free(reg);
    return 0;
}
