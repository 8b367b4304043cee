/* rng.h: the simulation's randomness: splitmix64, one stream per purpose, so that one more draw
 * for one purpose leaves the others as they were. C leaves the order of evaluation open: never
 * draw twice in one expression or argument list, or the same seed is another run under another
 * compiler.
 *
 * Source   Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators" (2014).
 */
#ifndef SIMULATION_RNG_H
#define SIMULATION_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t z = rng->state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 to n - 1; n > 0. */
static inline uint32_t rng_below(struct rng *rng, uint32_t n)
{
    return (uint32_t)((rng_next(rng) >> 32) * n >> 32);
}

static inline bool rng_chance(struct rng *rng, uint32_t per_mille)
{
    return rng_below(rng, 1000) < per_mille;
}

/* lo to hi, both included. */
static inline int64_t rng_between(struct rng *rng, int64_t lo, int64_t hi)
{
    return lo + (int64_t)(rng_next(rng) % (uint64_t)(hi - lo + 1));
}

#endif
