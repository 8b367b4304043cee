/* src/backend/limit.h: how often a sign-in may fail. Three buckets, each refilled within an hour:
 * the account from this address (10, as Convex Auth has it), the account from anywhere, the address
 * for any account. The first one alone would leave guessing to whoever has many addresses; the
 * second alone would let anybody lock an account's owner out. Private to src/backend.
 *
 * Both run inside the caller's write transaction.
 */
#ifndef BACKEND_LIMIT_H
#define BACKEND_LIMIT_H

#include "src/backend/store.h"

/* Takes an attempt before it is known how it ends, so that attempts at once count too.
 * RC_REFUSED with code too_many_attempts when none is left. */
enum rc backend_limit_take(struct backend *b, const char *email, const char *peer, int64_t now,
                           struct err *err);
/* It ended well: it was no attempt at guessing, and the account is free from this address again. */
enum rc backend_limit_give_back(struct backend *b, const char *email, const char *peer,
                                struct err *err);

#endif
