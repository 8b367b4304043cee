/* Delta debugging: whole kinds are left out first, then all of one machine, then halves, quarters
 * and so on down to single decisions, until none can be missed.
 *
 * Source   Zeller, Hildebrandt: "Simplifying and Isolating Failure-Inducing Input" (2002).
 */
#include "tests/simulation/shrink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

struct shrinking {
    struct sim *sim;
    char invariant[16]; /* up to the colon; longer texts name values, which change */
    struct decisions kept;
    int runs;
};

static void invariant_of(const struct sim *sim, char *out, size_t size)
{
    snprintf(out, size, "%.*s", (int)strcspn(sim->violation, ":"), sim->violation);
}

/* Does it still fail in the same way with only these? */
static bool still_fails(struct shrinking *s, const struct decisions *only)
{
    char invariant[sizeof s->invariant];

    s->runs++;
    s->sim->only = only;
    bool ok = sim_run(s->sim);
    s->sim->only = NULL;
    invariant_of(s->sim, invariant, sizeof invariant);
    return !ok && strcmp(invariant, s->invariant) == 0;
}

/* Tries without those that `leaves` names; keeps the rest if that is enough. */
static bool try_without(struct shrinking *s,
                        bool (*leaves)(const struct decision *d, size_t i, const size_t *range),
                        const size_t *range)
{
    struct decisions rest = { mem_alloc((s->kept.count + 1) * sizeof *rest.items), 0,
                              s->kept.count + 1 };

    for (size_t i = 0; i < s->kept.count; i++)
        if (!leaves(&s->kept.items[i], i, range))
            rest.items[rest.count++] = s->kept.items[i];
    if (rest.count == s->kept.count || !still_fails(s, &rest)) {
        decisions_done(&rest);
        return false;
    }
    decisions_done(&s->kept);
    s->kept = rest;
    return true;
}

static bool is_of_kind(const struct decision *d, size_t i, const size_t *range)
{
    (void)i;
    return d->kind == (enum decision_kind)range[0];
}

static bool is_of_machine(const struct decision *d, size_t i, const size_t *range)
{
    (void)i;
    return d->who == (int)range[0];
}

static bool is_in_range(const struct decision *d, size_t i, const size_t *range)
{
    (void)d;
    return i >= range[0] && i < range[1];
}

/* From the last to the first: what comes early makes what comes later. */
static bool remove_chunks(struct shrinking *s, size_t size)
{
    bool is_any = false;

    for (size_t end = s->kept.count; end > 0;) {
        size_t range[2] = { end > size ? end - size : 0, end };
        is_any = try_without(s, is_in_range, range) || is_any;
        end = range[0];
    }
    return is_any;
}

static void make_small(struct shrinking *s)
{
    for (size_t kind = 0; kind < DECISION_KINDS; kind++)
        try_without(s, is_of_kind, &kind);
    for (size_t who = 0; who < DECIDERS; who++)
        try_without(s, is_of_machine, &who);
    for (size_t size = s->kept.count / 2; size > 1; size /= 2)
        remove_chunks(s, size);
    while (remove_chunks(s, 1)) {
    }
}

/* The run of what is left, once more, with what each decision did. */
static void print_rest(struct shrinking *s)
{
    struct sim *sim = s->sim;

    sim->is_recorded = sim->is_traced = true;
    still_fails(s, &s->kept);
    sim->is_recorded = sim->is_traced = false;
    printf("seed %llu, left with %zu decisions of %d tries:\n", (unsigned long long)sim->seed,
           sim->decisions.count, s->runs);
    for (size_t i = 0; i < sim->decisions.count; i++) {
        const struct decision *d = &sim->decisions.items[i];
        printf("  %9lld.%03lld s  %s\n", (long long)(d->at / 1000), (long long)(d->at % 1000),
               d->text);
    }
    printf("  %9lld.%03lld s  invariant %s\n", (long long)(sim->violated_at / 1000),
           (long long)(sim->violated_at % 1000), sim->violation);
    printf("again: simulation --seed %llu --verbose%s%s --only ", (unsigned long long)sim->seed,
           sim->broken != BROKEN_NOTHING ? " --broken " : "",
           sim->broken != BROKEN_NOTHING ? broken_name(sim->broken) : "");
    decisions_print(&sim->decisions);
    printf("\n");
}

/* False: the seed violates nothing. s->kept is yours. */
static bool shrink_seed(struct shrinking *s)
{
    struct sim *sim = s->sim;

    sim->is_recorded = true;
    bool ok = sim_run(sim);
    sim->is_recorded = false;
    if (ok)
        return false;
    invariant_of(sim, s->invariant, sizeof s->invariant);
    s->kept = sim->decisions;
    sim->decisions = (struct decisions){ 0 };
    make_small(s);
    return true;
}

int shrink(struct sim *sim, uint64_t from, uint64_t seeds, int most)
{
    struct shrinking best = { .sim = sim };
    uint64_t best_seed = 0;
    int failed = 0, left = -1;

    for (uint64_t i = 0; i < seeds && failed < most; i++) {
        struct shrinking s = { .sim = sim };
        sim->seed = from + i;
        if (!shrink_seed(&s))
            continue;
        if (failed++ > 0 && s.kept.count >= best.kept.count) {
            decisions_done(&s.kept);
            continue;
        }
        decisions_done(&best.kept);
        best = s;
        best_seed = sim->seed;
    }
    if (failed > 0) {
        sim->seed = best_seed;
        print_rest(&best);
        left = (int)sim->decisions.count;
    }
    decisions_done(&best.kept);
    return left;
}
