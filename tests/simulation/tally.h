/* tally.h: what many runs met, together: how often each situation, in how many seeds, and which
 * of the main ones met in one seed. A simulation that meets nothing proves nothing. */
#ifndef SIMULATION_TALLY_H
#define SIMULATION_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include "tests/simulation/sim.h"

#define CLASSES_MAX 24

struct tally {
    uint64_t seeds, failed, operations;
    uint64_t points[2]; /* power cuts, as in struct sim */
    uint64_t times[SIT_COUNT], seeds_with[SIT_COUNT];
    uint64_t pairs[CLASSES_MAX][CLASSES_MAX]; /* seeds in which both were met */
};

void tally_run(struct tally *tally, const struct sim *sim);
void tally_add(struct tally *tally, const struct tally *more);

/* To stdout. False: enough seeds, and something was never met. */
bool tally_print(const struct tally *tally);

/* Adds what the file at `path` holds, when there is one, and writes it anew: a table of pairs for
 * people, and then the numbers. False: it can not be read or written (said on stderr). */
bool tally_keep(const struct tally *tally, const char *path);

#endif
