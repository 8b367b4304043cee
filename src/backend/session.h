/* src/backend/session.h: who is signed in. Tokens are 256 random bits; the file holds only their
 * hashes. Private to src/backend.
 *
 * Source   CONTRACT section 4 (Sessions); CONVEX section 6 (refresh).
 */
#ifndef BACKEND_SESSION_H
#define BACKEND_SESSION_H

#include "base/id.h"
#include "src/backend/store.h"

struct tokens {
    char access[ID_TOKEN_SIZE], refresh[ID_TOKEN_SIZE];
};

/* Inside the caller's write transaction. */
enum rc backend_session_start(struct backend *b, int64_t user, int64_t now, struct tokens *out,
                              struct err *err);
/* RC_NOT_FOUND: the session is over (or never was); what it changed must be committed all the
 * same. */
enum rc backend_session_refresh(struct backend *b, const char *token, int64_t now,
                                struct tokens *out, struct err *err);
/* Refresh tokens die at once; an access token is known as ended until it expires. */
enum rc backend_session_end(struct backend *b, int64_t session, struct err *err);
enum rc backend_session_end_all(struct backend *b, int64_t user, struct err *err);

/* RC_NOT_FOUND: unknown or expired. *user is 0 when its session is over. */
enum rc backend_session_check(struct backend *b, const char *token, int64_t now, int64_t *user,
                              int64_t *session, struct err *err);

#endif
