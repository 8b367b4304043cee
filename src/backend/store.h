/* src/backend/store.h: the backend's file, its counter and its settings. Private to src/backend.
 *
 * Rows     users are named by their row number `user` inside the store, by their id on the wire.
 * Rev      one counter for all accounts: the greater of last + 1 and the time in µs, moved only
 *          inside the write transaction whose rows carry it; so its order is commit order.
 */
#ifndef BACKEND_STORE_H
#define BACKEND_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "db/sql.h"
#include "src/backend/backend.h"

struct mark;

struct backend {
    struct sql *sql;
    const struct registry *registry;
    const struct clock *clock;
    bool signup, quick_hash;
    struct mark *mark;          /* NULL: none is kept */
    char *instance_name;
    int64_t last_rev;           /* inside a transaction: the highest rev given out so far */
    bool is_rev_used;           /* inside a write: this transaction gave one out */
};

/* Opens and migrates; refuses a newer or foreign file without touching it. */
enum rc backend_store_open(struct backend *b, const struct backend_options *options,
                           struct err *err);

/* A second, reading look at a file that has its tables already: RC_NOT_FOUND when there is none.
 * *out: yours, sql_close() it. */
enum rc backend_store_look(const char *path, struct sql **out, struct err *err);

/* Brings stored docs up to the definitions that are served now: a new column gets its default in
 * every record. RC_INVALID when a definition lost a column or changed a type. */
enum rc backend_fit_tables(struct backend *b, struct err *err);

/* BEGIN IMMEDIATE … COMMIT at synchronous=FULL. Commit writes the counter, the user's head and the
 * mark when a rev was used; user 0 has no head. End rolls back what was not committed. */
enum rc backend_store_begin(struct backend *b, struct err *err);
enum rc backend_store_commit(struct backend *b, int64_t user, struct err *err);
void backend_store_end(struct backend *b);

/* One snapshot for several reads; end it with backend_store_end. */
enum rc backend_store_snapshot(struct backend *b, struct err *err);

int64_t backend_store_next_rev(const struct backend *b);
void backend_store_use_rev(struct backend *b, int64_t rev);

/* RC_NOT_FOUND when it was never set. Appends to *out. */
enum rc backend_setting_get(struct backend *b, const char *name, struct buf *out, struct err *err);
enum rc backend_setting_set(struct backend *b, const char *name, const char *value,
                            struct err *err);
/* Gives the store a new random epoch, inside the caller's transaction. */
enum rc backend_epoch_change(struct backend *b, char out[64], struct err *err);

#endif
