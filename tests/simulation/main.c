/* The simulation: one run per seed. On a violation it prints the seed, when, what, and what went
 * before, and ends with 1. At the end it says what the seeds met. */
#include <getopt.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "tests/simulation/powercut.h"
#include "tests/simulation/seeds.h"
#include "tests/simulation/shrink.h"

#define ENOUGH_FAILED 5

struct options {
    uint64_t from, seeds, at_least;
    int seconds; /* 0: no limit */
    int jobs;
    bool is_verbose, is_quiet, is_twice, has_power_cuts, is_shrunk;
    struct decisions only;
    bool has_only;
    const char *situations; /* file; NULL: none */
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

/* What devices have that are to be upgraded: fewer tables, columns and choices. */
static const char old_tasks[] =
    "{\"name\":\"tasks\",\"label\":\"Tasks\",\"labelOne\":\"task\",\"title\":\"text\",\"done\":"
    "\"isCompleted\",\"columns\":["
    "{\"name\":\"text\",\"label\":\"Text\",\"type\":\"text\",\"required\":true,\"maxLength\":200},"
    "{\"name\":\"isCompleted\",\"label\":\"Done\",\"type\":\"bool\",\"default\":false},"
    "{\"name\":\"priority\",\"label\":\"Priority\",\"type\":\"choice\",\"choices\":[{\"value\":"
    "\"low\",\"label\":\"low\"},{\"value\":\"normal\",\"label\":\"normal\"}]}]}";
static const char old_readings[] =
    "{\"name\":\"readings\",\"label\":\"Readings\",\"labelOne\":\"reading\",\"title\":\"label\","
    "\"columns\":["
    "{\"name\":\"label\",\"label\":\"Label\",\"type\":\"text\",\"required\":true,\"maxLength\":200}"
    ","
    "{\"name\":\"level\",\"label\":\"Level\",\"type\":\"real\"}]}";

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
static void print_failure(struct sim *sim, bool (*run)(struct sim *sim))
{
    char violation[sizeof sim->violation];

    memcpy(violation, sim->violation, sizeof violation);
    sim->is_traced = true;
    run(sim);
    sim->is_traced = sim->is_verbose;
    if (strcmp(sim->violation, violation) != 0) {
        printf("seed %llu: once more, it is another run\n", (unsigned long long)sim->seed);
        memcpy(sim->violation, violation, sizeof violation);
    }
    printf("seed %llu, at %lld.%03lld s of virtual time: invariant %s\n",
           (unsigned long long)sim->seed, (long long)(sim->violated_at / 1000),
           (long long)(sim->violated_at % 1000), sim->violation);
    size_t from = sim->traced > TRACE_LINES ? sim->traced - TRACE_LINES : 0;
    for (size_t i = from; i < sim->traced; i++)
        printf("  %s\n", sim->trace[i % TRACE_LINES]);
    printf("again: simulation --seed %llu --verbose%s%s%s\n", (unsigned long long)sim->seed,
           sim->is_for_power_cuts ? " --power-cuts" : "",
           sim->broken != BROKEN_NOTHING ? " --broken " : "",
           sim->broken != BROKEN_NOTHING ? broken_name(sim->broken) : "");
    if (!sim->is_for_power_cuts)
        printf("smaller: with --shrink in the place of --verbose\n");
    fflush(stdout);
}

static void run_once(struct sim *sim)
{
    if (!sim_run(sim))
        print_failure(sim, sim_run);
}

static void run_power_cuts(struct sim *sim)
{
    if (!powercut_run(sim))
        print_failure(sim, powercut_run);
}

/* The same seed is the same run: as many events, and as many operations on the disks. */
static void run_twice(struct sim *sim)
{
    run_once(sim);
    uint64_t order = sim->order, operations = sim->operations;
    if (sim_failed(sim) || !sim_run(sim) || (sim->order == order && sim->operations == operations))
        return;
    sim_violated(sim, "repeatable: %llu and %llu events, %llu and %llu operations",
                 (unsigned long long)order, (unsigned long long)sim->order,
                 (unsigned long long)operations, (unsigned long long)sim->operations);
    printf("seed %llu: %s\n", (unsigned long long)sim->seed, sim->violation);
}

static int run_all(struct sim *sim, const struct options *options)
{
    struct seeds seeds = {
        .from = options->from,
        .count = options->seeds,
        .at_least = options->at_least,
        .seconds = options->seconds,
        .jobs = options->jobs,
        .enough_failed = options->broken != BROKEN_NOTHING ? 1 : ENOUGH_FAILED,
        .run = options->has_power_cuts ? run_power_cuts
             : options->is_twice       ? run_twice
                                       : run_once,
    };
    struct tally *tally = calloc(1, sizeof *tally);
    int64_t start = real_ms();
    uint64_t last = 0;

    if (tally == NULL)
        return 2;
    bool ok = seeds_run(&seeds, sim, tally, &last);
    int64_t took = real_ms() - start;
    if (!options->is_quiet)
        ok = tally_print(tally) && ok;
    if (options->situations != NULL)
        ok = tally_keep(tally, options->situations) && ok;
    printf("seeds %llu-%llu in %lld.%03lld s: %.1f seeds/s, %llu disk operations\n",
           (unsigned long long)options->from, (unsigned long long)last, (long long)(took / 1000),
           (long long)(took % 1000), (double)tally->seeds * 1000.0 / (double)(took > 0 ? took : 1),
           (unsigned long long)tally->operations);
    if (options->has_power_cuts)
        printf("%llu power cuts looked at, %llu of them of the backend\n",
               (unsigned long long)(tally->points[0] + tally->points[1]),
               (unsigned long long)tally->points[1]);
    printf("%llu seeds, %llu violations\n", (unsigned long long)tally->seeds,
           (unsigned long long)tally->failed);
    ok = ok && tally->failed == 0;
    free(tally);
    return !ok;
}

static int shrink_some(struct sim *sim, const struct options *options)
{
    int left = shrink(sim, options->from, options->seeds, ENOUGH_FAILED);

    if (left < 0)
        printf("none of %llu seeds fails\n", (unsigned long long)options->seeds);
    else
        printf("%d decisions are left\n", left);
    return left >= 0;
}

static int usage(void)
{
    fprintf(
        stderr,
        "usage: simulation [--seeds N] [--from S] [--seed S] [--seconds T [--at-least N]] [--jobs "
        "N]\n"
        "                  [--situations FILE] [--verbose] [--quiet]\n"
        "                  [--twice | --power-cuts | --shrink] [--only DECISIONS] [--broken NAME]\n"
        "--jobs 0: as many processes as there are processors\n");
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
        { "at-least", required_argument, NULL, 'l' },
        { "jobs", required_argument, NULL, 'j' },
        { "situations", required_argument, NULL, 'o' },
        { "verbose", no_argument, NULL, 'v' },
        { "quiet", no_argument, NULL, 'q' },
        { "broken", required_argument, NULL, 'b' },
        { "twice", no_argument, NULL, '2' },
        { "power-cuts", no_argument, NULL, 'p' },
        { "shrink", no_argument, NULL, 'm' },
        { "only", required_argument, NULL, 'y' },
        { NULL, 0, NULL, 0 },
    };
    uint64_t number = 0;
    int c;

    while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (strchr("nfstlj", c) != NULL && !read_number(optarg, &number))
            return false;
        if (c == 'n')
            out->seeds = number;
        else if (c == 'f' || c == 's')
            out->from = number;
        else if (c == 't')
            out->seconds = (int)number;
        else if (c == 'l')
            out->at_least = number;
        else if (c == 'j')
            out->jobs = (int)(number == 0 ? (uint64_t)sysconf(_SC_NPROCESSORS_ONLN) : number);
        else if (c == 'o')
            out->situations = optarg;
        else if (c == 'v')
            out->is_verbose = true;
        else if (c == 'q')
            out->is_quiet = true;
        else if (c == 'm')
            out->is_shrunk = true;
        else if (c == 'y')
            out->has_only = true;
        else if (c == 'p')
            out->has_power_cuts = true;
        else if (c == '2')
            out->is_twice = true;
        else if (c != 'b' || !read_broken(optarg, &out->broken))
            return false;
        if (c == 's')
            out->seeds = 1;
        if (c == 'y' && !decisions_read(optarg, &out->only))
            return false;
    }
    if (out->jobs > JOBS_MAX)
        out->jobs = JOBS_MAX;
    return optind == argc;
}

int main(int argc, char **argv)
{
    struct options options = { .from = 1, .seeds = 100, .jobs = 1 };
    struct registry *device_tables = NULL, *server_tables = NULL, *old_tables = NULL,
                    *old_device_tables[2] = { NULL, NULL };
    struct err err = { 0 };
    int status = 2;

    if (!read_options(argc, argv, &options))
        return usage();
    /* Processes write whole failures, not each its lines between the others'. */
    setvbuf(stdout, NULL, options.jobs > 1 ? _IOFBF : _IOLBF, 1 << 16);
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    if (sodium_init() < 0) /* draws random bytes once per process: not from a seed's stream */
        return 2;
    struct sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL || registry_load(NULL, 0, &device_tables, &err))
        goto out;
    server_tables = registry_new();
    old_tables = registry_new();
    old_device_tables[0] = registry_new();
    old_device_tables[1] = registry_new();
    if (!add_table(device_tables, readings) || !add_table(server_tables, strict_tasks) ||
        !add_table(server_tables, readings) || !add_table(old_tables, strict_tasks) ||
        !add_table(old_device_tables[0], old_tasks) ||
        !add_table(old_device_tables[0], old_readings) ||
        !add_table(old_device_tables[1], old_tasks))
        goto out;
    sim->vfs = vfs_new();
    sim->device_tables = device_tables;
    sim->server_tables = server_tables;
    sim->old_tables = old_tables;
    sim->old_device_tables[0] = old_device_tables[0];
    sim->old_device_tables[1] = old_device_tables[1];
    sim->broken = options.broken;
    sim->is_traced = sim->is_verbose = options.is_verbose;
    sim->only = options.has_only ? &options.only : NULL;
    if (sim_prepare(sim))
        status = options.is_shrunk ? shrink_some(sim, &options) : run_all(sim, &options);
    sim_done(sim);
    vfs_free(sim->vfs);
out:
    registry_free(device_tables);
    registry_free(server_tables);
    registry_free(old_tables);
    registry_free(old_device_tables[0]);
    registry_free(old_device_tables[1]);
    free(sim);
    decisions_done(&options.only);
    return status;
}
