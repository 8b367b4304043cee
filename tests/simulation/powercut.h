/* powercut.h: in a run, before every operation on a disk, what a cut of the power in this moment
 * would leave is copied, opened with the real code and judged. The run goes on undisturbed. */
#ifndef SIMULATION_POWERCUT_H
#define SIMULATION_POWERCUT_H

#include "tests/simulation/sim.h"

/* As sim_run; counts sim->points. Then the seed is run once more unwatched, and must be the same
 * run. */
bool powercut_run(struct sim *sim);

#endif
