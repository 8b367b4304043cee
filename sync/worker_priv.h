/* sync/worker_priv.h: the inside of struct sync, shared by worker.c (the thread and the
 * requests to it), holder.c (syncing) and follower.c (watching the process that syncs).
 *
 */
#ifndef SYNC_WORKER_PRIV_H
#define SYNC_WORKER_PRIV_H

#include <pthread.h>
#include "db/db.h"
#include "sync/convex/convex.h"
#include "sync/engine.h"
#include "sync/netmon.h"
#include "sync/sync.h"

struct sync {
    /* Set before the thread starts, or by it before sync_start returns; then constant. */
    pthread_t thread;
    struct sync_options options;
    char *db_path, *server, *ca_file;
    struct convex_http *http;       /* the worker's; others may only wake it up */
    int status_fd;                  /* eventfd */

    pthread_mutex_t lock;           /* guards the fields below; held for copies only */
    pthread_cond_t changed;         /* of is_started and is_parked; CLOCK_MONOTONIC */
    unsigned requests;              /* bits of enum sync_request */
    bool is_stopping;
    int64_t stop_ms;                /* monotonic, of the system's clock: when that was asked */
    bool is_started;
    bool is_parked;
    struct err start_err;
    struct sync_status status;

    /* The worker's own. */
    struct db *db;
    struct db_bell *bell;
    struct db_lock *store_lock;
    struct netmon *netmon;          /* NULL: the kernel has none for us; timers alone */
    struct engine *engine;          /* NULL until this process first holds the lock */
    int sleep_fd;                   /* readable when the wall clock jumped; -1: none */
    int64_t slept_ms;               /* CLOCK_BOOTTIME - CLOCK_MONOTONIC, as last seen */
    bool is_holder;
    bool is_get;                    /* the transfer under way */
    bool is_db_changed;             /* another connection has committed */

    enum netmon_hint hint;          /* of the link, waiting to become quiet */
    int64_t hint_at;                /* monotonic, options.clock */

    int64_t want_id;                /* the newest want of another process that the engine knows */
    int64_t want_done;              /* answered up to here */
    struct err untold;              /* why the answer could not be written; it is tried again */

    struct sync_status mirror;      /* follower: made from the db's state */
    struct err begin_err;           /* why we could not sync though the lock was free, or may not any more */
    int free_looks;                 /* in a row the lock seemed free, and was not ours */
    pid_t watched;
    int watched_fd;                 /* pidfd of the holder, or -1 */
    int64_t rounds_base;            /* what was counted before the engine began to count */
    uint64_t checkpointed_round;
};

#define WAIT_FOREVER INT64_MAX

/* holder.c: each gives how long the thread may wait, in ms. */
enum rc holder_begin(struct sync *s, struct err *err);
int64_t holder_turn(struct sync *s);
void holder_wake(struct sync *s, unsigned requests);
void holder_link(struct sync *s, enum netmon_hint hint);
void holder_slept(struct sync *s);
/* Stops to sync: nothing is under way, the lock is free, the others know it. */
void holder_end(struct sync *s);

/* follower.c */
int64_t follower_turn(struct sync *s);
void follower_wake(struct sync *s, unsigned requests);
void follower_end(struct sync *s);

#endif
