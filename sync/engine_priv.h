/* sync/engine_priv.h: the inside of the engine, shared by its files and nobody else.
 *
 *   engine.c         the round: what is asked for next, when; wakes
 *   engine_rules.c   what an answer means, as a table
 *   engine_fail.c    outages, blocks, store failures; what changes when the backend does
 *   engine_auth.c    tokens: refreshing early, after a 401, never twice
 *   engine_status.c  what the engine says of itself: status, and the state that others read
 *   push.c           batches, results, looking for the op that spoils a batch
 *   pull.c           loops of getChangesSince, walks
 *   pull_page.c      the pages at hand, applied in slices
 *
 * A round is: probe (when the last contact was not fine) -> push until nothing is due -> pull. It
 * is never a sequence of calls: each engine_next looks at the state and finds the next thing to do,
 * so that a save during a pull is sent before the next page is asked for, and anything may fail at
 * any point.
 */
#ifndef SYNC_ENGINE_PRIV_H
#define SYNC_ENGINE_PRIV_H

#include "sync/backoff.h"
#include "sync/engine.h"

#define DAY_MS (24 * 3600 * 1000LL)
#define HOUR_MS (3600 * 1000LL)
#define NEVER INT64_MAX

#define PUSH_OPS_MAX 500u
#define PUSH_BYTES_MAX (512u << 10)
#define PULL_LIMIT_MAX 500
#define ANSWER_SLOW_MS 5000         /* an answer should be there within this */

enum engine_ask {                   /* what the request under way is for; bits for the rules */
    ASK_NONE = 0,
    ASK_PROBE = 1 << 0,
    ASK_VERSION = 1 << 1,
    ASK_REFRESH = 1 << 2,
    ASK_PUSH = 1 << 3,
    ASK_HEAD = 1 << 4,
    ASK_WALK = 1 << 5,
    ASK_CHANGES = 1 << 6
};
#define ASK_PULL (ASK_WALK | ASK_CHANGES)
#define ASK_ANY (~0u)

enum engine_block {                 /* waits for a person */
    BLOCK_NONE,
    BLOCK_SIGN_IN,
    BLOCK_WRONG,                    /* URL, rights or protocol; tried again hourly */
    BLOCK_TOO_OLD,                  /* this program; tried again hourly */
    BLOCK_STORE                     /* the store is damaged */
};

struct engine_round {
    bool is_active;
    bool is_whole;                  /* with a pull; else only what was saved just now is sent */
    bool is_asked;                  /* it is the answer to ENGINE_NOW */
    bool push_stopped;              /* at a backend that answers: pull goes on, push waits */
    bool changes_done;              /* the loop of getChangesSince has begun */
    bool has_probed;
    struct err trouble;             /* what makes it a failed round in the end; rc RC_OK: nothing */
    int64_t retry_after_ms;         /* of that trouble */
    int64_t pulled;
};

enum push_trial {                   /* a lone op refused without a reason: is it the op? */
    TRIAL_NONE,
    TRIAL_BEFORE,                   /* sync:head is due, or under way */
    TRIAL_SEND,                     /* then the op again */
    TRIAL_AFTER                     /* then sync:head again: if that is fine, it is the op */
};

struct engine_push {
    bool is_maybe_due;              /* the queue has not said that nothing is due */
    int64_t due_at;                 /* monotonic; when it said so: the next time to look */
    size_t max_ops, max_bytes;      /* grow and shrink with the time that answers take */
    size_t bytes_cap;               /* lowered by 413 */
    size_t suspects;                /* so many at the queue's head hold one that spoils a batch */
    struct db_ops batch;            /* as sent; empty: none under way */
    enum push_trial trial;
    char trial_op[ID_SIZE];
    struct err trial_err;           /* code and message of the rejection to come */
};

struct pull_page {
    struct cJSON *value;            /* NULL: no page */
    size_t items;
    bool has_more;
};

struct pull_mark {                  /* per table of the registry */
    int64_t unknown_until;          /* monotonic; the backend does not know the table: not
                                     * asked for before; 0: it does */
    uint64_t failed_round;          /* its walk failed in the round of this number */
};

struct engine_pull {
    struct db_pull_tables tables;   /* as in the db */
    bool is_stale;                  /* read them again */
    bool has_complete;              /* one of them at least has had its first sync */
    struct pull_mark *marks;
    bool is_looping;                /* pages are being asked for */
    bool ask_next;                  /* the next one is to be asked for */
    const struct table *table;      /* of a walk; NULL: getChangesSince */
    struct cJSON *cursors;          /* {TABLE: cursor or null} to ask with; ahead of the db */
    char *epoch;                    /* the walk's; NULL: not known yet */
    struct pull_page page, held;    /* being applied; arrived meanwhile */
    struct db_apply *apply;         /* of page */
    int64_t changed;                /* of the page under way, already counted */
    int limit;                      /* rows of a page; follows the time that answers take */
    int restarts;                   /* of walks, in this round */
    int64_t work_at;                /* monotonic; the store failed: nothing is applied before */
};

struct engine {
    struct db *db;
    const struct clock *clock;
    uint64_t (*random)(void *ctx);
    void *random_ctx;
    int64_t poll_ms;

    struct db_account account;
    char run_id[ID_SIZE];
    char *version;                  /* the backend's, as last seen; NULL: not yet */
    int64_t version_at;             /* monotonic; when to ask again */
    bool takes_gzip;
    bool needs_reload;              /* account, state and tables are to be read from the db */

    enum engine_ask asked;          /* the request under way */
    int64_t asked_at;               /* monotonic */
    struct buf args;                /* borrowed by the driver until the answer */

    bool needs_probe;
    bool needs_refresh;             /* before anything else is sent */
    bool is_refresh_fresh;          /* a token of just now: refused again, it is for a person */
    int64_t token_expiry;           /* wall; 0: opaque, or our clock is not to be trusted */

    bool want_round;
    int64_t poll_at;                /* monotonic: the next round without any reason */
    int64_t next_try;               /* monotonic: nothing is sent before; 0: now */
    int64_t last_begin;             /* monotonic: start of the last round */
    int64_t retry_floor;            /* monotonic: Retry-After; only the user's NOW goes before it */
    struct backoff backoff;
    uint64_t round_number;
    struct engine_round round;
    struct engine_push push;
    struct engine_pull pull;

    bool is_let_in;                 /* a first sync was over once */
    bool is_by_choice;
    enum engine_block block;
    bool is_server_ill;             /* it answers without success: a probe makes us not online */

    bool is_asking;                 /* an ENGINE_NOW has no result yet */
    struct err asked_result;

    struct sync_status status;      /* what is kept of it; engine_status fills in the rest */
    bool counts_stale;
    uint64_t status_version;
    struct db_state written;        /* as last written to the db */
    int64_t written_at;             /* monotonic; or when the round began */
    uint64_t state_version;         /* status_version as last looked at for that */
    bool write_state_now;
};

/* engine.c */
int64_t engine_now(const struct engine *e);
uint64_t engine_random(struct engine *e);
void engine_new_run(struct engine *e);
void engine_touch(struct engine *e);
/* Ends the round: *trouble NULL or rc RC_OK: whole and well. */
void engine_end_round(struct engine *e, const struct err *trouble);
/* Starts a request; its arguments are in e->args. */
void engine_post(struct engine *e, enum engine_ask ask, enum convex_kind kind, const char *path,
                 struct engine_action *out);

/* engine_fail.c */
/* Nothing usable came back: round over, backoff. */
void engine_outage(struct engine *e, const struct err *trouble, int64_t retry_after_ms);
/* The round goes on, and counts as failed when it ends. */
void engine_trouble(struct engine *e, const struct err *trouble, int64_t retry_after_ms);
void engine_block(struct engine *e, enum engine_block why, const struct err *trouble);
/* db/ failed: the round is over; what is half done comes again. */
void engine_store_failed(struct engine *e, const struct err *err);
/* What the contract does not allow; the backend is told nothing, we try again later. */
void engine_malformed(struct engine *e, const char *what);
/* A usable answer of the backend. */
void engine_reached(struct engine *e);
/* After every answer that carries an epoch: walks begin where it differs. False: some did (or
 * the db failed). */
bool engine_check_epoch(struct engine *e, const char *epoch);
void engine_backend_changed(struct engine *e);

/* engine_auth.c */
enum rc engine_read_account(struct engine *e, struct err *err);
bool engine_auth_ask(struct engine *e, struct engine_action *out);
void engine_auth_answer(struct engine *e, const struct convex_answer *answer);
/* A request was answered with 401. */
void engine_auth_refused(struct engine *e, const struct convex_answer *answer);
/* There is something to send with. If not, the round is over and a person must sign in. */
bool engine_has_session(struct engine *e);

/* engine_status.c */
void engine_write_state(struct engine *e, bool is_settled);
int64_t engine_state_due(struct engine *e);
void engine_read_state(struct engine *e);

/* push.c */
void engine_push_init(struct engine_push *push);
void engine_push_done(struct engine_push *push);
bool engine_push_ask(struct engine *e, struct engine_action *out);
/* Asks the queue, when it may have changed. */
bool engine_push_is_due(struct engine *e);
void engine_push_answer(struct engine *e, const struct cJSON *value);
void engine_push_head(struct engine *e, const struct cJSON *value);
/* The batch failed as a whole: look for the op that spoils it. */
void engine_push_split(struct engine *e, const struct convex_answer *answer);
/* The batch under way is over without a usable answer. lost: it may have been committed. */
void engine_push_forget(struct engine *e, bool lost);

/* pull.c */
void engine_pull_done(struct engine_pull *pull);
bool engine_pull_ask(struct engine *e, struct engine_action *out);
/* One slice of local work. False: there was none. */
bool engine_pull_work(struct engine *e, int *pause_ms);
void engine_pull_answer(struct engine *e, struct cJSON **value);
/* The page (taken) becomes the one that is being applied; the next one may be asked for. */
void engine_page_open(struct engine *e, struct pull_page *page);
/* Drops the pages at hand and what was asked for beyond them; the db's cursors decide again. */
void engine_pull_drop(struct engine *e);
/* No more pages are asked for; those at hand are still applied. */
void engine_pull_stop(struct engine *e);
void engine_pull_rewalk(struct engine *e, const char *table);
void engine_pull_unknown(struct engine *e, const char *table);
void engine_pull_skip(struct engine *e);
void engine_pull_shrink(struct engine *e);
bool engine_pull_reload(struct engine *e);

#endif
