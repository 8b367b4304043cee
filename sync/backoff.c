#include "sync/backoff.h"

#define DOUBLINGS_MAX 9 /* 1 s << 9 is over BACKOFF_MAX_MS */

int64_t backoff_next(struct backoff *b, uint64_t random)
{
    int64_t top;

    if (b->failures < DOUBLINGS_MAX)
        b->failures++;
    top = (int64_t)BACKOFF_MIN_MS << b->failures;
    if (top > BACKOFF_MAX_MS)
        top = BACKOFF_MAX_MS;
    return BACKOFF_MIN_MS + (int64_t)(random % (uint64_t)(top - BACKOFF_MIN_MS + 1));
}

void backoff_reset(struct backoff *b)
{
    b->failures = 0;
}

int64_t backoff_jitter(int64_t value, int percent, uint64_t random)
{
    int64_t span = value * percent / 100;

    if (span <= 0)
        return value;
    return value - span + (int64_t)(random % (uint64_t)(2 * span + 1));
}
