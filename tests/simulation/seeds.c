#include "tests/simulation/seeds.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What the processes share. */
struct shared {
    atomic_ullong begun, failed;
    atomic_bool is_over;
    struct tally tallies[JOBS_MAX];
};

/* For the signal handler, which is given nothing else. */
static struct shared *shared;

static void end_soon(int signal)
{
    (void)signal;
    atomic_store(&shared->is_over, true);
}

static int64_t real_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool take_seed(const struct seeds *seeds, int64_t start, uint64_t *out)
{
    bool is_late = seeds->seconds > 0 && real_ms() - start >= seeds->seconds * 1000LL;

    if (atomic_load(&shared->is_over) || atomic_load(&shared->failed) >= seeds->enough_failed ||
        (is_late && atomic_load(&shared->begun) >= seeds->at_least))
        return false;
    *out = atomic_fetch_add(&shared->begun, 1);
    if (*out < seeds->count)
        return true;
    atomic_fetch_sub(&shared->begun, 1);
    return false;
}

static void run_some(const struct seeds *seeds, int64_t start, struct sim *sim, struct tally *tally)
{
    uint64_t n;

    while (take_seed(seeds, start, &n)) {
        sim->seed = seeds->from + n;
        seeds->run(sim);
        if (sim_failed(sim))
            atomic_fetch_add(&shared->failed, 1);
        tally_run(tally, sim);
    }
}

static pid_t begin_process(const struct seeds *seeds, int64_t start, struct sim *sim,
                           struct tally *tally)
{
    pid_t parent = getpid(), pid = fork();

    if (pid != 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(2);
    signal(SIGINT, SIG_IGN); /* the parent tells */
    signal(SIGTERM, SIG_IGN);
    run_some(seeds, start, sim, tally);
    fflush(stdout);
    _exit(0);
}

static bool run_processes(const struct seeds *seeds, int64_t start, struct sim *sim)
{
    pid_t pids[JOBS_MAX];
    bool ok = true;

    fflush(stdout);
    for (int i = 0; i < seeds->jobs; i++)
        pids[i] = begin_process(seeds, start, sim, &shared->tallies[i]);
    for (int i = 0; i < seeds->jobs; i++) {
        int status = -1;
        if (pids[i] > 0 && waitpid(pids[i], &status, 0) == pids[i] && status == 0)
            continue;
        fprintf(stderr, "simulation: a process did not end well (%d)\n", status);
        ok = false;
    }
    return ok;
}

bool seeds_run(const struct seeds *seeds, struct sim *sim, struct tally *tally, uint64_t *last)
{
    int64_t start = real_ms();
    struct sigaction action = { .sa_handler = end_soon, .sa_flags = SA_RESTART };
    bool ok = true;

    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return false;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    if (seeds->jobs > 1)
        ok = run_processes(seeds, start, sim);
    else
        run_some(seeds, start, sim, &shared->tallies[0]);
    for (int i = 0; i < seeds->jobs; i++)
        tally_add(tally, &shared->tallies[i]);
    *last = seeds->from + atomic_load(&shared->begun) - 1;
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    munmap(shared, sizeof *shared);
    return ok;
}
