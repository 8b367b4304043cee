/* src/backend/limit.h: how often a sign-in may fail. Three buckets, each refilled within an hour:
 * the account from this address (10, as Convex Auth has it), the account from anywhere, the address
 * for any account. The first one alone would leave guessing to whoever has many addresses; the
 * second alone would let anybody lock an account's owner out. Private to src/backend.
 *
 * Only failures count, once they are known: a site whose devices sign in all at once is no attack.
 * What guesses at once can win by that is bounded by how many hashes may wait, and is owed later.
 */
#ifndef BACKEND_LIMIT_H
#define BACKEND_LIMIT_H

#include "src/backend/store.h"

/* RC_REFUSED with code too_many_attempts when none is left. */
enum rc backend_limit_check(struct backend *b, const char *email, const char *peer, int64_t now,
                            struct err *err);
/* Inside the caller's write transaction: a sign-in failed. */
enum rc backend_limit_fail(struct backend *b, const char *email, const char *peer, int64_t now,
                           struct err *err);
/* The same: it succeeded, and the account is free again from this address. */
enum rc backend_limit_forgive(struct backend *b, const char *email, const char *peer,
                              struct err *err);

#endif
