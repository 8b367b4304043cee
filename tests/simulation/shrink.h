/* shrink.h: a failing run made small enough to be read. */
#ifndef SIMULATION_SHRINK_H
#define SIMULATION_SHRINK_H

#include "tests/simulation/sim.h"

/* Leaves out of the run of sim->seed, which must violate an invariant, as many decisions as it can
 * without losing that violation, and prints what is left. Returns how many decisions are left; -1:
 * the run violates nothing. */
int shrink(struct sim *sim);

#endif
