#include "tests/simulation/decide.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "tests/simulation/sim.h"

static const char *const kind_names[DECISION_KINDS] = {
    [DECIDE_BEGIN] = "begin",     [DECIDE_FIRST_RECORD] = "record",
    [DECIDE_ACTION] = "action",   [DECIDE_TROUBLE] = "trouble",
    [DECIDE_OFFICE] = "office",   [DECIDE_OFFICE_TROUBLE] = "outage",
    [DECIDE_FAULT] = "fault",     [DECIDE_LATENCY] = "latency",
    [DECIDE_ARRIVAL] = "arrival", [DECIDE_ANSWER] = "answer",
    [DECIDE_START] = "start",     [DECIDE_CRASH] = "crash",
    [DECIDE_IDLE] = "idle",       [DECIDE_RARE] = "rare",
};

static void append(struct decisions *list, const struct decision *decision)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 64 : list->room * 2;
        list->items = mem_grow(list->items, list->room, sizeof *list->items);
    }
    list->items[list->count++] = *decision;
}

void decisions_done(struct decisions *list)
{
    free(list->items);
    *list = (struct decisions){ 0 };
}

void decide(struct sim *sim, enum decision_kind kind, int who)
{
    struct decision *d = &sim->decision;

    *d = (struct decision){
        .kind = kind, .who = who, .index = sim->decided_of[kind][who]++, .at = sim->now
    };
    struct rng mix = { .state = sim->seed * 0x2545f4914f6cdd1du +
                                (((uint64_t)kind << 8 | (uint64_t)who) << 32 | d->index) };
    sim->rng.state = rng_next(&mix);
    sim->entropy.state = rng_next(&mix);
    uint64_t crashes = rng_next(&mix);
    vfs_seed_crashes(sim->vfs, crashes);
}

static bool is_in(const struct decisions *list, const struct decision *d)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].kind == d->kind && list->items[i].who == d->who &&
            list->items[i].index == d->index)
            return true;
    return false;
}

bool decided(struct sim *sim)
{
    if (sim->only != NULL && !is_in(sim->only, &sim->decision))
        return false;
    if (sim->is_recorded)
        append(&sim->decisions, &sim->decision);
    return true;
}

void decisions_print(const struct decisions *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct decision *d = &list->items[i];
        printf("%s%s%d.%u", i == 0 ? "" : ",", kind_names[d->kind], d->who, (unsigned)d->index);
    }
}

static bool read_one(const char *text, size_t len, struct decision *out)
{
    size_t name_len = strcspn(text, "0123456789");
    char *end = NULL;

    for (int kind = 0; kind < DECISION_KINDS; kind++) {
        if (strlen(kind_names[kind]) != name_len || strncmp(kind_names[kind], text, name_len) != 0)
            continue;
        out->kind = (enum decision_kind)kind;
        out->who = text[name_len] - '0';
        if (out->who < 0 || out->who >= DECIDERS || text[name_len + 1] != '.')
            return false;
        out->index = (uint32_t)strtoul(text + name_len + 2, &end, 10);
        return end == text + len;
    }
    return false;
}

bool decisions_read(const char *text, struct decisions *out)
{
    while (*text != '\0') {
        size_t len = strcspn(text, ",");
        struct decision d = { 0 };
        if (!read_one(text, len, &d))
            return false;
        append(out, &d);
        text += len + (text[len] == ',');
    }
    return true;
}
