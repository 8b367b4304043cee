/* sync/backoff.h: how long to wait after a failure: exponential with full jitter, so that a crowd
 * of devices that lost their backend in the same second does not come back in the same second.
 *
 * Units    milliseconds.
 * Source   "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full jitter).
 */
#ifndef SYNC_BACKOFF_H
#define SYNC_BACKOFF_H

#include <stdint.h>

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 300000

struct backoff {                /* all zero: nothing has failed yet */
    int failures;               /* in a row */
};

/* One more failure: the wait until the next try, BACKOFF_MIN_MS to BACKOFF_MAX_MS. random: 64
 * random bits. */
int64_t backoff_next(struct backoff *b, uint64_t random);
void backoff_reset(struct backoff *b);

/* value +-percent, by 64 random bits. */
int64_t backoff_jitter(int64_t value, int percent, uint64_t random);

#endif
