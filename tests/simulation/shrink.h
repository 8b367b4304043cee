/* shrink.h: a failing run made small enough to be read. */
#ifndef SIMULATION_SHRINK_H
#define SIMULATION_SHRINK_H

#include "tests/simulation/sim.h"

/* Leaves out of failing runs as many decisions as it can without losing the violated invariant,
 * and prints what is left of the one that is left with least, of the first `most` that fail among
 * the seeds. Returns how many decisions are left; -1: none fails. */
int shrink(struct sim *sim, uint64_t from, uint64_t seeds, int most);

#endif
