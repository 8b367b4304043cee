/* src/backend/hasher.h: two threads that hash passwords, so that the thread that answers never
 * waits 0.2 s, and a crowd that signs in never takes more than twice 64 MiB. Private to
 * outpost-backend.
 *
 * Threads  all calls are for the thread that made it.
 */
#ifndef BACKEND_HASHER_H
#define BACKEND_HASHER_H

#include <stdbool.h>
#include "base/err.h"
#include "src/backend/backend.h"

struct hasher;

enum rc hasher_start(struct hasher **out, struct err *err);
/* Lets the threads finish what they are at, and joins them. Then hasher_take gives back all
 * jobs. */
void hasher_stop(struct hasher *h);
void hasher_free(struct hasher *h);      /* stops it first if need be */

int hasher_fd(const struct hasher *h);  /* readable when hasher_take has something; borrowed */

/* Takes hash; false (and hash stays yours) when too many wait already. */
bool hasher_submit(struct hasher *h, struct backend_hash *hash, void *ctx);
/* A finished job, or after hasher_stop any job: *is_run tells. False: none. */
bool hasher_take(struct hasher *h, struct backend_hash **hash, void **ctx, bool *is_run);

#endif
