/* sync/engine.h: the sync engine, sans I/O: events in, actions out. It decides what is sent and
 * when, and what an answer means; records go straight into db/. Transport, clock and randomness are
 * given to it, so that a simulation drives the very same code in virtual time. Private to sync/ and
 * its tests.
 *
 * The driver (holder.c, or a simulation) loops:
 *
 *     engine_next(e, &action) ->  ENGINE_POST, ENGINE_GET: start that request, ask again at once
 *                                 ENGINE_AGAIN: one slice of local work was done; pause
 *                                               action.pause_ms, ask again
 *                                 ENGINE_WAIT: nothing to do until action.until_ms (monotonic;
 *                                              INT64_MAX: for ever), an answer, or a wake
 *     engine_answer(e, ...)       the request under way has ended, well or not
 *     engine_wake(e, ...)         something happened
 *
 * At most one request is under way. Local work goes on while it is (the next page is asked for
 * before the last one is applied). Stopping needs no call: what was not finished comes again.
 *
 * Threads  one; it uses the DB_SYNCER connection that it was given.
 */
#ifndef SYNC_ENGINE_H
#define SYNC_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "db/db.h"
#include "sync/convex/convex.h"
#include "sync/sync.h"

struct engine;

struct engine_options {
    struct db *db;                      /* borrowed, DB_SYNCER */
    const struct clock *clock;          /* borrowed */
    uint64_t (*random)(void *ctx);      /* for jitter; NULL: id_random */
    void *random_ctx;
    int64_t poll_ms;                    /* 0: 60,000; +-20 % jitter */
};

/* Reads account, cursors and queue from the db. RC_NOT_FOUND: nobody is signed in in this file. */
enum rc engine_new(const struct engine_options *options, struct engine **out, struct err *err);
void engine_free(struct engine *e);

enum engine_do { ENGINE_POST, ENGINE_GET, ENGINE_AGAIN, ENGINE_WAIT };

struct engine_action {
    enum engine_do what;
    struct convex_call call;            /* ENGINE_POST: borrowed until the answer */
    const char *get_path;               /* ENGINE_GET: "/instance_name" */
    const char *token;                  /* ENGINE_POST: bearer, or NULL */
    bool gzip;
    int pause_ms;                       /* ENGINE_AGAIN: 0, or 3 while somebody may want to save */
    int64_t until_ms;                   /* ENGINE_WAIT */
};
void engine_next(struct engine *e, struct engine_action *out);

/* The end of the request under way. *answer is taken (moved out of). For ENGINE_GET,
 * convex_answer is not used: give the reply. bytes: what went over the wire. */
void engine_answer(struct engine *e, struct convex_answer *answer, int64_t bytes);
void engine_got(struct engine *e, const struct convex_reply *reply);

enum engine_wake {
    ENGINE_LOCAL_CHANGE,        /* ops may be waiting */
    ENGINE_LINK_UP,             /* try now; also system wake-up and SIGCONT */
    ENGINE_LINK_DOWN,           /* a hint: the next failure is believed at once */
    ENGINE_NOW,                 /* a whole round now, backoff or not; also for ops that wait
                                 * after a refusal, or are held */
    ENGINE_RETRY,               /* the same, failed ops too, and refusals forgotten */
    ENGINE_SIGNED_IN,           /* read account and tokens again */
    ENGINE_OFFLINE,             /* the user chose to work offline: nothing is sent until
                                 * ENGINE_ONLINE. Who asks for it keeps the choice in the db
                                 * (db_state_work_offline) */
    ENGINE_ONLINE,
    ENGINE_TOOK_LOCK,           /* this process begins to sync: a new runId, state read again from
                                 * the db. Also after a change of the queue behind the engine's
                                 * back (discard) */
    ENGINE_PARKED               /* it ends to: the others read in the db that nothing is done now */
};
void engine_wake(struct engine *e, enum engine_wake what);

/* How the newest ENGINE_NOW or ENGINE_RETRY ended: false while the round that began after it
 * has not. *out: rc RC_OK, or why it failed. */
bool engine_asked_result(const struct engine *e, struct err *out);

/* Forgets the request under way (the driver has aborted it): as a transport failure, without
 * backoff. */
void engine_aborted(struct engine *e);

/* Fills all but the holder fields. */
void engine_status(struct engine *e, struct sync_status *out);

#endif
