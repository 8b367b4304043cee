/* seeds.h: many seeds, one after the other, on as many processors as wanted. */
#ifndef SIMULATION_SEEDS_H
#define SIMULATION_SEEDS_H

#include "tests/simulation/tally.h"

#define JOBS_MAX 64

struct seeds {
    uint64_t from, count;
    uint64_t at_least;      /* so many are run, however long it takes */
    int seconds;            /* then no seed is begun; 0: no limit */
    int jobs;               /* processes */
    uint64_t enough_failed; /* after so many violations no seed is begun */
    /* Runs sim->seed; the run has failed if sim_failed, and has said so on stdout. */
    void (*run)(struct sim *sim);
};

/* Every seed that was begun is finished, also when SIGTERM or SIGINT asks for the end: so they are
 * the seeds from `from` to *last, all of them. False: a process did not end well. */
bool seeds_run(const struct seeds *seeds, struct sim *sim, struct tally *tally, uint64_t *last);

#endif
