/* src/app/round.h: one whole sync round, asked for and waited for, whoever holds the sync lock:
 * the request and its result go through the store, so a screen that runs elsewhere answers as
 * well as our own worker. */
#ifndef APP_ROUND_H
#define APP_ROUND_H

#include <stdbool.h>
#include <stdint.h>
#include "src/app/app.h"

struct round {                    /* how it went */
    int64_t sent, pulled;         /* changes; pulled is known only when we synced ourselves */
    bool is_ours;                 /* our own process did it */
    bool is_complete;             /* every table has had its first sync */
    struct db_queue_counts queue; /* what is left */
};

/* Push, then pull, first syncs included. has_progress: tell a person on stderr how far it is.
 * RC_NETWORK: the server was not reached; RC_AUTH: the session is over; RC_CANCELLED: stop_fd;
 * RC_BUSY: the holder of the lock is frozen. *out is filled in any case. */
enum rc round_run(struct app *app, struct session *session, int stop_fd, bool has_progress,
                  struct round *out, struct err *err);

#endif
