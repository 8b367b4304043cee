/* src/app/accounts.h: who has signed in on this device, and whose file opens at start. The file
 * `accounts` in the data directory is JSON, 0600, replaced at once; it holds no tokens (those
 * are in each account's database). */
#ifndef APP_ACCOUNTS_H
#define APP_ACCOUNTS_H

#include <stddef.h>
#include "base/err.h"

#define ACCOUNT_FILE_SIZE 40

struct account { /* all zero is valid; account_done frees */
    char *file;  /* name in the data directory */
    char *server, *instance, *user_id;
    char *email, *name; /* may be NULL */
    char *token_hash;   /* of a ready token that belongs to it, or NULL */
};
void account_done(struct account *account);
void account_copy(struct account *to,
                  const struct account *from); /* *to is overwritten, not freed */
/* What to call it: e-mail, else name, else user id. Borrowed. */
const char *account_label(const struct account *account);

struct accounts { /* all zero is valid; accounts_done frees */
    struct account *items;
    size_t count;
    int current; /* whose file opens; -1: nobody is signed in */
};
void accounts_done(struct accounts *accounts);

/* No file: nobody. RC_CORRUPT: not ours; it is left as it is. */
enum rc accounts_read(const char *data_dir, struct accounts *out, struct err *err);

/* The name of the database file of an account: a hash, so that no foreign text becomes a file
 * name. */
void accounts_file_name(const char *instance, const char *user_id, char out[ACCOUNT_FILE_SIZE]);
/* The hash that token_hash holds. */
void accounts_token_hash(const char *token, char out[ACCOUNT_FILE_SIZE]);

/* Adds or renews the account of who->file, and makes it the current one. */
enum rc accounts_sign_in(const char *data_dir, const struct account *who, struct err *err);
/* The account stays listed; nobody is current when it was. */
enum rc accounts_sign_out(const char *data_dir, const char *file, struct err *err);

#endif
