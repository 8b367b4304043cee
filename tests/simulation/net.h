/* net.h: a request on its way. Private to net.c and planted.c. */
#ifndef SIMULATION_NET_H
#define SIMULATION_NET_H

#include "tests/simulation/sim.h"

enum fate {
    FATE_WELL,
    FATE_LOST,
    FATE_NO_ANSWER,
    FATE_LATE,
    FATE_DOUBLE,
    FATE_CUT,
    FATE_ERROR,
    FATE_ERROR_AFTER,
    FATE_PORTAL,
    FATE_REFUSED,
    FATE_ODD,
    FATE_COUNT
};

struct transfer {
    uint64_t id;
    int device, account;
    uint32_t life; /* of the device's process: a dead one gets no answer */
    uint64_t era; /* of the backend */
    enum fate fate;
    bool is_get, is_push, is_page, is_walk, is_refresh;
    char path[40];
    char *token;
    struct buf sent; /* as the device made it */
    struct buf body; /* as it goes out: a planted fault may have changed it */
    char swapped_from[ID_SIZE], swapped_to[ID_SIZE]; /* by such a fault */
    int arrivals;                                    /* to come */
    bool has_answer;                                 /* an EV_ANSWER is planned or was */
    bool is_answered;
    int64_t down_ms;
    struct convex_reply reply;
    struct transfer *next;
};

/* Spoils a request as the run's planted fault wants it; and a page. */
void net_plant(struct sim *sim, struct transfer *t);
void net_drop_row(struct sim *sim, struct transfer *t, struct buf *body);
void net_replace_all(struct buf *text, const char *from, const char *to); /* of one length */

#endif
