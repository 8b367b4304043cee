/* src/backend/account.h: accounts and their passwords. Private to src/backend. */
#ifndef BACKEND_ACCOUNT_H
#define BACKEND_ACCOUNT_H

#include <sodium.h>
#include "base/id.h"
#include "src/backend/store.h"

#define PASSWORD_MIN 8                  /* code points of a new one */
#define PASSWORD_MAX 4096               /* bytes */
#define EMAIL_MAX 254                   /* RFC 5321 */

struct account {
    int64_t user;
    char id[ID_SIZE];
    char hash[crypto_pwhash_STRBYTES];
};

/* Appends the e-mail trimmed, with ASCII letters lower-cased. */
void backend_email_fold(const char *email, struct buf *out);
bool backend_email_is_valid(const char *folded);

/* By folded e-mail. RC_NOT_FOUND: none. */
enum rc backend_account_find(struct backend *b, const char *email, struct account *out,
                             struct err *err);
/* Inside the caller's transaction. RC_REFUSED with code invalid_credentials when the e-mail is
 * taken. */
enum rc backend_account_add(struct backend *b, const char *email, const char *hash,
                            struct account *out, struct err *err);

/* RC_REFUSED with code invalid_value and column password. */
enum rc backend_password_check(const char *password, struct err *err);
/* Takes long, by intent; needs no backend. False: no memory. */
bool backend_password_hash(const char *password, bool is_quick, char out[crypto_pwhash_STRBYTES]);

#endif
