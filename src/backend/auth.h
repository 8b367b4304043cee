/* src/backend/auth.h: the second half of a sign-in. Private to src/backend. */
#ifndef BACKEND_AUTH_H
#define BACKEND_AUTH_H

#include "src/backend/call.h"

/* Takes hash; appends the call's value, or says what was thrown. */
enum rc backend_auth_finish(struct backend *b, struct backend_hash *hash, struct buf *value,
                            struct err *err);

#endif
