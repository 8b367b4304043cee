/* src/backend/seed_words.h: invented words of a maintenance crew, drawn from a number. Private to
 * src/backend. */
#ifndef BACKEND_SEED_WORDS_H
#define BACKEND_SEED_WORDS_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"

struct dice {                           /* the same seed gives the same throws, on every machine */
    uint64_t state;
};

uint64_t dice_throw(struct dice *dice);
/* 0 to below - 1; below > 0. */
int64_t dice_below(struct dice *dice, int64_t below);
bool dice_chance(struct dice *dice, int percent);

/* "Replace valve V-14 at north pump house" */
void seed_put_job(struct dice *dice, struct buf *out);
/* "Valve V-14, north pump house" */
void seed_put_thing(struct dice *dice, struct buf *out);
/* The example with other digits in its last number: "SN-2019-48213" gives "SN-2019-90357". */
void seed_put_like(struct dice *dice, const char *example, struct buf *out);
/* One to three sentences, a line each. */
void seed_put_notes(struct dice *dice, struct buf *out);

#endif
