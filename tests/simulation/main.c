/* The simulation: one run per seed. On a violation it prints the seed, when, what, and what went
 * before, and ends with 1. At the end it says what the seeds met: a simulation that meets nothing
 * proves nothing. */
#include <getopt.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "tests/simulation/sim.h"

#define ENOUGH_SEEDS 1000 /* from so many on every situation must have been met */

struct options {
    uint64_t from, seeds;
    int seconds; /* 0: no limit */
    bool is_verbose, is_quiet, is_twice;
    enum broken broken;
};

static const char readings[] =
    "{\"name\":\"readings\",\"label\":\"Readings\",\"labelOne\":\"reading\",\"title\":\"label\","
    "\"columns\":["
    "{\"name\":\"label\",\"label\":\"Label\",\"type\":\"text\",\"required\":true,\"maxLength\":200}"
    ","
    "{\"name\":\"level\",\"label\":\"Level\",\"type\":\"real\"},"
    "{\"name\":\"timesRead\",\"label\":\"Times read\",\"type\":\"integer\",\"default\":0},"
    "{\"name\":\"takenAt\",\"label\":\"Taken at\",\"type\":\"timestamp\"}]}";

/* As assets/tables/tasks.json, but the backend takes shorter notes: so it refuses what devices let
 * through. */
static const char strict_tasks[] =
    "{\"name\":\"tasks\",\"label\":\"Tasks\",\"labelOne\":\"task\",\"title\":\"text\",\"done\":"
    "\"isCompleted\",\"columns\":["
    "{\"name\":\"text\",\"label\":\"Text\",\"type\":\"text\",\"required\":true,\"maxLength\":200},"
    "{\"name\":\"isCompleted\",\"label\":\"Done\",\"type\":\"bool\",\"default\":false},"
    "{\"name\":\"priority\",\"label\":\"Priority\",\"type\":\"choice\",\"choices\":[{\"value\":"
    "\"low\",\"label\":\"low\"},"
    "{\"value\":\"normal\",\"label\":\"normal\"},{\"value\":\"high\",\"label\":\"high\"}]},"
    "{\"name\":\"dueAt\",\"label\":\"Due\",\"type\":\"date\"},"
    "{\"name\":\"notes\",\"label\":\"Notes\",\"type\":\"text\",\"multiline\":true,\"maxLength\":"
    "500}]}";

static int64_t real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool add_table(struct registry *tables, const char *json)
{
    struct err err = { 0 };

    if (registry_add(tables, json, strlen(json), "simulation", &err)) {
        fprintf(stderr, "simulation: %s\n", err.msg);
        return false;
    }
    return true;
}

/* Runs the seed once more for its notes. */
static void print_failure(struct sim *sim)
{
    uint64_t met[SIT_COUNT];
    char violation[sizeof sim->violation];

    memcpy(met, sim->met, sizeof met);
    memcpy(violation, sim->violation, sizeof violation);
    sim->is_traced = true;
    sim_run(sim);
    sim->is_traced = sim->is_verbose;
    memcpy(sim->met, met, sizeof met);
    if (strcmp(sim->violation, violation) != 0)
        printf("seed %llu: once more, it is another run: first: invariant %s\n",
               (unsigned long long)sim->seed, violation);
    printf("seed %llu, at %lld.%03lld s of virtual time: invariant %s\n",
           (unsigned long long)sim->seed, (long long)(sim->violated_at / 1000),
           (long long)(sim->violated_at % 1000), sim->violation);
    size_t from = sim->traced > TRACE_LINES ? sim->traced - TRACE_LINES : 0;
    for (size_t i = from; i < sim->traced; i++)
        printf("  %s\n", sim->trace[i % TRACE_LINES]);
    printf("again: simulation --seed %llu --verbose%s%s\n", (unsigned long long)sim->seed,
           sim->broken != BROKEN_NOTHING ? " --broken " : "",
           sim->broken != BROKEN_NOTHING ? broken_name(sim->broken) : "");
}

/* False: something was never met. */
static bool print_situations(const struct sim *sim, uint64_t seeds)
{
    bool all = true;

    for (int i = 0; i < SIT_COUNT; i++) {
        printf("  %-44s %12llu\n", situation_name((enum situation)i),
               (unsigned long long)sim->met[i]);
        if (sim->met[i] == 0 && seeds >= ENOUGH_SEEDS) {
            printf("%llu seeds, and none met: %s\n", (unsigned long long)seeds,
                   situation_name((enum situation)i));
            all = false;
        }
    }
    return all;
}

/* The same seed is the same run: as many events, and as many operations on the disks. */
static bool run_again(struct sim *sim)
{
    uint64_t order = sim->order, operations = sim->operations;

    if (!sim_run(sim))
        return false;
    if (sim->order == order && sim->operations == operations)
        return true;
    return sim_violated(sim, "repeatable: %llu and %llu events, %llu and %llu operations",
                        (unsigned long long)order, (unsigned long long)sim->order,
                        (unsigned long long)operations, (unsigned long long)sim->operations);
}

static int run_all(struct sim *sim, const struct options *options)
{
    int64_t start = real_ms();
    uint64_t passed = 0, failed = 0, operations = 0;

    for (uint64_t seed = options->from; seed < options->from + options->seeds; seed++) {
        if (options->seconds > 0 && real_ms() - start >= options->seconds * 1000LL)
            break;
        sim->seed = seed;
        if (sim_run(sim) && (!options->is_twice || run_again(sim))) {
            operations += sim->operations;
            passed++;
            continue;
        }
        failed++;
        print_failure(sim);
        if (options->broken != BROKEN_NOTHING || failed == 5)
            break;
    }
    int64_t took = real_ms() - start;
    bool all = options->is_quiet || print_situations(sim, passed + failed);
    printf("%llu seeds in %lld.%03lld s: %.1f seeds/s, %llu disk operations\n",
           (unsigned long long)(passed + failed), (long long)(took / 1000),
           (long long)(took % 1000),
           (double)(passed + failed) * 1000.0 / (double)(took > 0 ? took : 1),
           (unsigned long long)operations);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed,
           (unsigned long long)failed + !all);
    return failed > 0 || !all;
}

static int usage(void)
{
    fprintf(
        stderr,
        "usage: simulation [--seeds N] [--from S] [--seed S] [--seconds T] [--verbose] [--quiet]"
        " [--twice] [--broken NAME]\n");
    for (int i = 1; i < BROKEN_COUNT; i++)
        fprintf(stderr, "  --broken %s\n", broken_name((enum broken)i));
    return 2;
}

static bool read_number(const char *text, uint64_t *out)
{
    char *end = NULL;

    *out = strtoull(text, &end, 10);
    return end != text && *end == '\0';
}

static bool read_broken(const char *text, enum broken *out)
{
    for (int i = 0; i < BROKEN_COUNT; i++) {
        if (strcmp(text, broken_name((enum broken)i)) == 0) {
            *out = (enum broken)i;
            return true;
        }
    }
    return false;
}

static bool read_options(int argc, char **argv, struct options *out)
{
    static const struct option names[] = {
        { "seeds", required_argument, NULL, 'n' },
        { "from", required_argument, NULL, 'f' },
        { "seed", required_argument, NULL, 's' },
        { "seconds", required_argument, NULL, 't' },
        { "verbose", no_argument, NULL, 'v' },
        { "quiet", no_argument, NULL, 'q' },
        { "broken", required_argument, NULL, 'b' },
        { "twice", no_argument, NULL, '2' },
        { NULL, 0, NULL, 0 },
    };
    uint64_t number = 0;
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (strchr("nfst", c) != NULL && !read_number(optarg, &number))
            return false;
        if (c == 'n')
            out->seeds = number;
        else if (c == 'f' || c == 's')
            out->from = number;
        else if (c == 't')
            out->seconds = (int)number;
        else if (c == 'v')
            out->is_verbose = true;
        else if (c == 'q')
            out->is_quiet = true;
        else if (c == '2')
            out->is_twice = true;
        else if (c != 'b' || !read_broken(optarg, &out->broken))
            return false;
        if (c == 's')
            out->seeds = 1;
    }
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct options options = { .from = 1, .seeds = 100 };
    struct registry *device_tables = NULL, *server_tables = NULL, *old_tables = NULL;
    struct err err = { 0 };
    int status = 2;

    if (!read_options(argc, argv, &options))
        return usage();
    setvbuf(stdout, NULL, _IOLBF, 0);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    if (sodium_init() < 0) /* draws random bytes once per process: not from a seed's stream */
        return 2;
    struct sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL || registry_load(NULL, 0, &device_tables, &err))
        goto out;
    server_tables = registry_new();
    old_tables = registry_new();
    if (!add_table(device_tables, readings) || !add_table(server_tables, strict_tasks) ||
        !add_table(server_tables, readings) || !add_table(old_tables, strict_tasks))
        goto out;
    sim->vfs = vfs_new();
    sim->device_tables = device_tables;
    sim->server_tables = server_tables;
    sim->old_tables = old_tables;
    sim->broken = options.broken;
    sim->is_traced = sim->is_verbose = options.is_verbose;
    if (sim_prepare(sim))
        status = run_all(sim, &options);
    sim_done(sim);
    vfs_free(sim->vfs);
out:
    registry_free(device_tables);
    registry_free(server_tables);
    registry_free(old_tables);
    free(sim);
    return status;
}
