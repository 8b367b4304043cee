/* decide.h: what a run decides, numbered: the n-th action of a user, the n-th request of a device
 * that something happens to, and so on. Each number has random streams of its own, from the seed,
 * so a run from which one is left out decides the others as before, as far as they still arise.
 * That is what makes a failing run small (shrink.c).
 */
#ifndef SIMULATION_DECIDE_H
#define SIMULATION_DECIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DECIDERS 4 /* the devices, and the backend with its office */
#define DECISION_TEXT 200

struct sim;

enum decision_kind {
    DECIDE_BEGIN, /* what a machine is given; is never left out */
    DECIDE_FIRST_RECORD,
    DECIDE_ACTION,
    DECIDE_TROUBLE, /* of a device, while its user works */
    DECIDE_OFFICE,
    DECIDE_OFFICE_TROUBLE,
    DECIDE_FAULT,   /* of a request */
    DECIDE_LATENCY, /* is never left out */
    DECIDE_ARRIVAL, /* a crash of the backend in a push */
    DECIDE_ANSWER,  /* is never left out */
    DECIDE_START,   /* a crash while starting */
    DECIDE_CRASH,   /* what it leaves; is never left out */
    DECIDE_IDLE,    /* a checkpoint */
    DECIDE_RARE,    /* what is in the plan of few seeds (trouble.c) */
    DECISION_KINDS
};

struct decision {
    enum decision_kind kind;
    int who;
    uint32_t index;
    int64_t at;
    char text[DECISION_TEXT]; /* the first note after it, when notes are written */
};

struct decisions {
    struct decision *items;
    size_t count, room;
};

/* A decision begins: randomness is now its own. */
void decide(struct sim *sim, enum decision_kind kind, int who);
/* The decision that began last would do something. False: the run is to go on without. */
bool decided(struct sim *sim);
void decisions_done(struct decisions *list);

/* "action1.4,fault0.2": who, and which of his. */
void decisions_print(const struct decisions *list);
bool decisions_read(const char *text, struct decisions *out);

#endif
