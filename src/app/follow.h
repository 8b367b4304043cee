/* src/app/follow.h: what a person is told while `sync --follow` runs: the difference of two
 * statuses. Pure. */
#ifndef APP_FOLLOW_H
#define APP_FOLLOW_H

#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "sync/sync.h"

enum follow_what {
    FOLLOW_ONLINE,
    FOLLOW_OFFLINE,
    FOLLOW_SENT,
    FOLLOW_RECEIVED,
    FOLLOW_REFUSED,
    FOLLOW_SIGN_IN,
    FOLLOW_ELSEWHERE,
    FOLLOW_FIRST_SYNC
};

struct follow_event {
    enum follow_what what;
    int64_t count;
    char message[304]; /* the server's or the network's words, or "" */
};

struct follow_events {
    struct follow_event items[8];
    size_t count;
};

/* before NULL: the first status. */
void follow_compare(const struct sync_status *before, const struct sync_status *now,
                    struct follow_events *out);
const char *follow_name(enum follow_what what); /* "online", for --json */
void follow_sentence(const struct follow_event *event, struct buf *out);

#endif
