/* sync/sync.h: all that the rest of the program may know of sync: sign in, start, ask, look at the
 * status, stop.
 *
 * Owner    src/app starts it and stops it; sync_stop joins the worker (within 2 s, a dead name
 *          server included).
 * Threads  every call is for one thread (the UI's, or a command's) and returns at once, save
 *          sync_start (opens the store), sync_stop, sync_wait_parked, sync_sign_in, sync_sign_out.
 * Errors   what goes wrong after the start is in the status.
 * Units    times are UTC ms since the epoch; 0 means never.
 */
#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/clock.h"
#include "base/err.h"
#include "db/registry.h"

struct sync;

/* curl and its TLS library, once in main before any thread. */
enum rc sync_global_init(struct err *err);
void sync_global_done(void);

enum sync_net { SYNC_OFFLINE, SYNC_ONLINE };

enum sync_phase {
    SYNC_IDLE,
    SYNC_PUSHING,               /* sending: done of total ops */
    SYNC_PULLING,               /* getting: done records of this round, total 0 */
    SYNC_INITIAL,               /* a first sync is not complete: done of total records of `table` */
    SYNC_BLOCKED                /* waits for a person: session over, program too old (see last) */
};

struct sync_status {            /* a value: copied whole, holds no pointers */
    enum sync_net net;
    enum sync_phase phase;
    bool is_by_choice;          /* offline because the user said so */
    bool needs_sign_in;
    bool is_usable;             /* the first sync is over: of all tables, or once of those that the
                                 * backend could give; a table that comes later blocks only itself */
    bool is_complete;           /* all tables have */
    pid_t holder;               /* who syncs: our own pid, another process, or 0 */
    bool holder_is_stopped;
    char table[64];             /* wire name of the table under way */
    int table_number, table_count;
    int64_t done, total;
    int64_t got_bytes;          /* of the running or stopped initial sync */
    int64_t started;            /* of the initial sync */
    int tries;                  /* rounds that failed in a row */
    int64_t sending_since;      /* a record whose sent_at is not older is being sent; 0: none is */
    int64_t last_ok;            /* end of the last whole round */
    int64_t next_try;           /* after a failure; 0: none planned */
    int64_t pulled;             /* records changed by the office in the last round */
    int64_t pulled_in_all;      /* the same, of all rounds since the start */
    int64_t waiting, failed, held;      /* ops */
    int64_t rounds;             /* whole rounds ended in this process's view: rises by one */
    struct err last;            /* last.rc == RC_OK: no trouble to show */
    struct err untold;          /* as holder: why a round's result could not be written for who asked */
};

struct sync_options {
    const char *db_path;                /* a file with an account */
    const struct registry *registry;    /* borrowed */
    const struct clock *clock;          /* borrowed */
    const char *server;                 /* overrides the account's, or NULL */
    const char *ca_file;                /* or NULL */
    bool insecure;                      /* http:// beyond loopback */
    int64_t poll_ms;                    /* 0: 60,000 */
};

/* Opens its own connection and starts the worker. *out: yours, until sync_stop. */
enum rc sync_start(const struct sync_options *options, struct sync **out, struct err *err);
void sync_stop(struct sync *s);                         /* sync_stop(NULL) is fine */

enum sync_request {
    SYNC_LOCAL_CHANGE = 1 << 0, /* something was saved: push it now */
    SYNC_NOW = 1 << 1,          /* a whole round, backoff or not */
    SYNC_RETRY = 1 << 2,        /* the same, and failed and held ops are due again */
    SYNC_PARK = 1 << 3,         /* finish the transaction, abort transfers, release the lock */
    SYNC_UNPARK = 1 << 4,
    SYNC_WORK_OFFLINE = 1 << 5,
    SYNC_WORK_ONLINE = 1 << 6,
    SYNC_SIGNED_IN = 1 << 7,    /* new tokens are in the file */
    SYNC_DISCARDED = 1 << 8     /* ops were taken out of the queue by hand: a whole round under a
                                 * new runId, so that what was sent of them comes back by pull */
};
void sync_ask(struct sync *s, enum sync_request what);

/* What one process wants of another that holds the sync lock: db_state_want's `what`, bits. */
enum sync_want {
    SYNC_WANT_NOW = 1,          /* a whole round */
    SYNC_WANT_RETRY = 2,        /* failed and held ops due again, and a whole round */
    SYNC_WANT_NEW_RUN = 4       /* a whole round under a new runId: see SYNC_DISCARDED */
};
/* Waits until the worker is parked, at most wait_ms. */
bool sync_wait_parked(struct sync *s, int wait_ms);

void sync_status_read(struct sync *s, struct sync_status *out);
/* Readable after each status change; sync_status_read empties it. Borrowed: poll it, do not
 * read or close it. */
int sync_status_fd(const struct sync *s);

/* ---- signing in: before there is a file, or again when the session is over ---- */

struct sync_sign_in {
    const char *server, *email, *password;
    const char *token;                  /* a ready token instead of a password, or NULL */
    bool sign_up;
    const char *ca_file;
    bool insecure;
    int stop_fd;                        /* readable: give up (RC_CANCELLED); -1: none */
};

struct sync_identity {                  /* all zero is valid; sync_identity_done wipes and frees */
    char *server, *instance;            /* URL without a slash at its end; the backend's name */
    char *user_id, *email, *name;
    char *token, *refresh;              /* refresh NULL with a ready token */
};
void sync_identity_done(struct sync_identity *identity);

/* Blocks on the network (at most some 30 s): run it in a thread of its own when there is a
 * screen. RC_AUTH: wrong password or too many attempts; RC_NETWORK: not reached (the sentence
 * says why); RC_REFUSED; RC_INVALID: the URL. */
enum rc sync_sign_in(const struct sync_sign_in *how, struct sync_identity *out, struct err *err);

/* Ends the session at the backend, best effort; the queue stays. At most some 5 s. stop_fd: as for
 * a sign-in. */
void sync_sign_out(const char *server, const char *token, const char *ca_file, bool insecure,
                   int stop_fd);

#endif
