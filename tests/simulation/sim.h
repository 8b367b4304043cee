/* sim.h: one run of the simulation: three devices with the real store and engine, the real backend
 * code, an office, and a network that loses, delays, doubles and spoils, in one thread, in virtual
 * time, from one seed.
 *
 *   sim.c      the run: events in virtual time, the trace, what a seed decides
 *   decide.c   what a run decides, numbered; shrink.c makes a failing run small
 *   vfs.c      SQLite's view of disks that die at any write and lose power; disk.c the disks
 *   device.c   a device: its processes, their store and engines, the driver of the engine
 *   beside.c   a second process on a device's file: screens beside each other, commands
 *   user.c     who types on it; values.c what is typed; discard.c what is taken back
 *   net.c      what happens to a request and to its answer; planted.c what must not happen
 *   server.c   the backend: its process and its disk
 *   trouble.c  disks that are full or go back to an older copy, and half a year without anybody
 *   office.c   who works at the office
 *   base.c     what an op may say was there before it
 *   model.c    plain data: what was acknowledged, what the backend must hold, judged at each answer
 *   loss.c     what is forgotten or lost: by age, by old copies, by restored backups
 *   powercut.c what a power cut would leave, at every operation of a disk
 *   tally.c    what many runs met; seeds.c many seeds on all processors
 *   check.c    the invariants of a device's file, during the run and after it
 *
 * Threads  one.
 * Units    virtual ms since the start of the run.
 */
#ifndef SIMULATION_SIM_H
#define SIMULATION_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/id.h"
#include "db/db.h"
#include "src/backend/backend.h"
#include "sync/engine.h"
#include "tests/simulation/decide.h"
#include "tests/simulation/rng.h"
#include "tests/simulation/vfs.h"

#define DEVICES 3
#define SERVER DEVICES          /* its machine number */
#define PROCESSES VFS_PROCESSES /* of a device, at most */
#define ACCOUNTS 2
#define COLUMNS_MAX 8
#define TRACE_LINES 60
#define TRACE_SIZE 260
#define CROWDED 2     /* records, for all to work on */
#define IMPORT_MAX 6  /* records saved in one transaction */
#define REFUSED_MAX 8 /* saves on a full disk that are remembered */
#define NEVER INT64_MAX

struct cJSON;

/* ---- what a run meets; over many seeds each of it must have happened (tally.h) ---- */

enum situation {
    SIT_SAVES,
    SIT_SAVES_DURING_PUSH,
    SIT_SAVES_BACK,
    SIT_SAVES_OF_GONE,
    SIT_IMPORTS,
    SIT_OFFICE_WRITES,
    SIT_PUSHES,
    SIT_PAGES,
    SIT_PAGE_EDGES,
    SIT_WALK_PAGES,
    SIT_CONFLICTS,
    SIT_REVIVALS,
    SIT_REPLAYS,
    SIT_LATE_CHANGED_NOTHING,
    SIT_REPLACED,
    SIT_REJECTIONS,
    SIT_FAILED_OPS,
    SIT_LOST_REQUESTS,
    SIT_LOST_ANSWERS,
    SIT_LATE_ARRIVALS,
    SIT_DOUBLED,
    SIT_CUT_ANSWERS,
    SIT_ERRORS,
    SIT_PORTALS,
    SIT_LINK_DOWN,
    SIT_REFUSED,
    SIT_TOKEN_REFRESHES,
    SIT_SIGN_INS,
    SIT_DEVICE_KILLS,
    SIT_DEVICE_CUTS,
    SIT_CRASH_IN_SAVE,
    SIT_SAVE_SURVIVED,
    SIT_CRASH_IN_ENGINE,
    SIT_CRASH_IN_OPEN,
    SIT_UNSYNCED_WRITES,
    SIT_SERVER_KILLS,
    SIT_SERVER_CUTS,
    SIT_CRASH_IN_PUSH,
    SIT_PUSH_SURVIVED,
    SIT_CLOCK_JUMPS,
    SIT_CHECKPOINTS,
    SIT_HELD,
    SIT_UPGRADES,
    SIT_EPOCHS,
    SIT_QUEUED_AGAIN,
    SIT_DISCARDS,
    SIT_DISCARDS_SENT,
    SIT_ODD_ANSWERS,
    SIT_TWO_OPS,
    SIT_DRAINED_ALONE,
    SIT_FULL_DISKS,
    SIT_SAVES_ON_FULL,
    SIT_ENGINE_ON_FULL,
    SIT_STARTS_ON_FULL,
    SIT_OLD_COPIES,
    SIT_OLD_COPIES_WITH_OPS,
    SIT_WINTERS,
    SIT_TOMBSTONES_PRUNED,
    SIT_PRUNED_EDITS,
    SIT_CURSORS_UNKNOWN,
    SIT_SWITCHES,
    SIT_SWITCHES_WITH_OPS,
    SIT_BACKUPS_RESTORED,
    SIT_WRITES_LOST,
    SIT_LOSSES_HIDDEN,
    SIT_TOLD_OF_LOST,
    SIT_SECOND_PROCESSES,
    SIT_COMMANDS,
    SIT_SAVES_BESIDE,
    SIT_PROCESS_KILLS,
    SIT_KILLS_BESIDE,
    SIT_LOCK_TAKEN,
    SIT_PARKED,
    SIT_WANTS,
    SIT_DEVICE_UPGRADES,
    SIT_DEVICE_UPGRADES_WITH_OPS,
    SIT_OUTDATED_SYNCERS,
    SIT_OUTDATED_SAVES,
    SIT_SLOW_STEPS,
    SIT_COUNT
};
const char *situation_name(enum situation s);

/* ---- planted faults, outside the product: proof that the checks see ---- */

enum broken {
    BROKEN_NOTHING,
    BROKEN_FORGET_REPLACES,  /* the net strips `replaces` */
    BROKEN_DUPLICATE_CREATE, /* the net gives an op that is sent again a new id */
    BROKEN_NORMAL_QUEUE,     /* a device's disk does not sync its WAL */
    BROKEN_SKIP_PAGE_ROW,    /* the net drops a record from a page */
    BROKEN_STRIP_BASE,       /* the net strips `base` */
    BROKEN_NORMAL_SERVER,    /* the backend's disk does not sync its WAL */
    BROKEN_SWAP_ACCOUNTS,    /* the net sends a pull with another account's token */
    BROKEN_FORGET_OP,        /* a save leaves the record and no op */
    BROKEN_PULL_OVERWRITES,  /* a page changes what waits to be sent */
    BROKEN_NETWORK_COUNTS,   /* a push without an answer counts as a refusal */
    BROKEN_COUNT
};
const char *broken_name(enum broken broken);

/* ---- what a seed decides ---- */

struct plan {
    uint32_t faults;        /* per mille of requests that something happens to */
    uint32_t crashes;       /* per mille of the users' actions that arm a crash */
    uint32_t power_cuts;    /* per mille of crashes */
    bool has_other_account; /* device 2 belongs to it */
    bool has_refusals;      /* users type what the backend refuses */
    bool has_clock_jumps;
    uint32_t page_limit; /* the net asks for smaller pages; 0: as the engine asks */
    int64_t poll_ms;
    int actions, office_actions;
    bool is_slow_world;    /* requests take seconds */
    bool has_epochs;       /* the operator says that devices must compare everything */
    bool has_old_server;   /* it does not know all tables, until it is upgraded */
    bool is_big_world;     /* more records than are applied in one transaction */
    bool has_new_disks;    /* stores and backend are made in the run, and not before it */
    bool is_fickle;        /* users take back what they typed, and type again */
    bool has_slow_devices; /* seconds pass between two steps of theirs, while answers come */
    bool is_crowded;       /* everybody works on the same two records */
    bool is_deaf;          /* device 0 hears no answer to a push, and its user edits one record */
    bool has_full_disks;
    bool has_old_copies;  /* a device's disk goes back to an older copy of itself */
    bool has_backups;     /* the backend's disk goes back to an older copy of itself */
    bool has_switches;    /* users sign out, and in as somebody else, on the same device */
    bool has_processes;   /* two at a time on a device's file */
    bool has_old_devices; /* they do not know all tables and columns, until they are upgraded */
    bool has_winters; /* half a year in which nobody does anything; then tombstones are pruned */
};

/* ---- the parts ---- */

struct sim;
struct model;
struct model_backup;
struct model_record;
struct net;

/* A write whose outcome a crash hid: it is there, or not, never a part of it. */
struct attempt {
    bool is_open;
    bool is_removal;
    int account;
    const struct table *table;
    char client_id[ID_SIZE];   /* empty: a new record, whose id nobody was told */
    char *before[COLUMNS_MAX]; /* JSON texts of all columns; all NULL: there was no record */
    char *after[COLUMNS_MAX];  /* NULL: not set by this write */
};

/* A save that failed on a full disk. A crash may bring it: the last frame of its WAL can be whole, because the end of
 * the page that was refused stood there from before. */
struct refused {
    struct attempt attempts[IMPORT_MAX];
    int count;
};

/* The program, running on a device. */
struct process {
    char path[20];                 /* of the store, as this process names it (vfs.h) */
    const struct registry *tables; /* that it was started with last */
    struct db *user_db;            /* NULL: it does not run */
    struct db *sync_db;            /* NULL: a command, which does not sync */
    struct engine *engine;         /* NULL: it has never had the lock */
};

struct device {
    struct sim *sim;
    int index, account;
    struct process processes[PROCESSES];
    struct process *here;   /* in which its user types; never NULL */
    struct process *holder; /* of the sync lock: its engine is driven; NULL: none */
    int64_t want_id;        /* the newest request of another process that the holder has seen */
    const struct registry *tables; /* with which a process starts */
    struct clock clock;            /* the machine's: skewed; ctx is this struct */
    int64_t skew_ms;
    bool is_up, has_link, is_working_offline;
    uint32_t life;     /* rises whenever another process, or the same one anew, has the lock */
    uint64_t transfer; /* under way; 0: none */
    uint64_t tick;     /* the order of the newest EV_ENGINE; older ones are stale */
    struct attempt attempts[IMPORT_MAX]; /* by its user, in one transaction */
    int attempt_count;
    struct refused refused[REFUSED_MAX]; /* since the last save that was not; the oldest first */
    int refused_count;
    char discard[ID_SIZE];     /* op id; whether it was taken out a crash hid; empty: none */
    char discard_of[ID_SIZE];  /* its record */
    char last_record[ID_SIZE]; /* that its user has touched */
    int conflicts_told;        /* by answers that its process has lived through */
    int conflicts_unsure;      /* by answers in which it died, or had no room to write them down */
    int other_told, other_unsure; /* of the account that is signed out */
    struct vfs_copy *copy;        /* of its disk; NULL: none has been made */
    int copy_told, copy_unsure;
    bool is_put_back; /* its disk is the copy since the last start */
};

struct server {
    struct sim *sim;
    struct backend *backend; /* NULL: down */
    bool is_old, has_accounts;
    struct clock clock;
    char *office_token[ACCOUNTS];
    int64_t office_token_at[ACCOUNTS];
    const char *in_flight;   /* body of the request that it works on; NULL: none */
    struct buf unknown_push; /* body of a push whose outcome a crash hid; empty: none */
    struct attempt attempt;  /* by the office */
    bool must_prune;         /* before it answers anybody */
    bool must_renew;         /* its epoch; before it answers anybody */
    struct vfs_copy *backup; /* of its disk; NULL: none has been made */
    struct model_backup *backup_model;
    uint64_t era; /* rises when a backup is restored: what was on its way then does not arrive */
};

enum event_kind {
    EV_USER,
    EV_ENGINE,
    EV_OFFICE,
    EV_ARRIVE,
    EV_ANSWER,
    EV_DEVICE_UP,
    EV_SERVER_UP,
    EV_LINK_UP,
    EV_DISCARDED,
    EV_ROOM,
    EV_LOCK_FREE,
    EV_BELL,
    EV_KINDS
};

struct event {
    int64_t at;
    uint64_t order; /* of events at one time: as they were planned */
    enum event_kind kind;
    int who;
    uint64_t ref;
};

struct sim {
    uint64_t seed;
    enum broken broken;
    bool is_traced, is_verbose; /* notes are kept, and printed; most runs need none */
    struct plan plan;
    struct rng rng;     /* what happens: of the decision that began last (decide.h) */
    struct rng entropy; /* libsodium's */
    int64_t now;
    int64_t leap_ms; /* of all wall clocks: time in which nothing happened */
    struct event *heap;
    size_t event_count, event_room;
    uint64_t order;
    size_t arrivals; /* EV_ARRIVE that are still to come */
    bool is_calm;    /* the faults have ended */
    bool is_over;    /* all is drained */
    int actions_left, office_left;

    struct vfs *vfs;
    const struct registry *device_tables, *server_tables, *old_tables; /* borrowed */
    const struct registry *old_device_tables[2]; /* those of one version before, and before that */
    struct clock clock;                          /* true time */
    struct device devices[DEVICES];
    struct server server;
    struct model *model;
    struct net *net;

    struct buf store_image, backend_image; /* of sim_prepare */
    struct decision decision;              /* the last that began */
    uint32_t decided_of[DECISION_KINDS][DECIDERS];
    const struct decisions *only; /* NULL: all; else no others have an effect */
    bool is_recorded;
    struct decisions decisions; /* that had an effect */

    uint64_t met[SIT_COUNT];
    char (*trace)[TRACE_SIZE];
    size_t traced;
    uint64_t operations; /* of all disks in the last run */
    uint64_t points[2];  /* power cuts looked at (powercut.c): of devices, of the backend */
    bool is_for_power_cuts;
    char violation[1024]; /* empty: none */
    int64_t violated_at;
};

/* ---- sim.c ---- */

/* Runs one seed. False: sim->violation says what. *sim is given with vfs, tables, seed, broken,
 * is_traced and is_verbose set. */
bool sim_run(struct sim *sim);
/* Before the first run: makes an empty store and an empty backend, with which most runs begin. All
 * is given as to sim_run. sim_done frees what this and the runs have made, and not *sim. */
bool sim_prepare(struct sim *sim);
void sim_done(struct sim *sim);
void sim_plan(struct sim *sim, int64_t at, enum event_kind kind, int who, uint64_t ref);
void sim_met(struct sim *sim, enum situation s);
void sim_note(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The run has failed; the first word counts. Returns false, always. */
bool sim_violated(struct sim *sim, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool sim_failed(const struct sim *sim);

/* A new value for a column, right for the backend; maybe one that it had before. Yours. */
void sim_value(struct sim *sim, const struct column *col, struct model_record *r, int device,
               struct value *out);
char *value_json(const struct column *col, const struct value *v); /* yours */
void attempt_done(struct attempt *attempt);

/* ---- device.c ---- */

/* With an empty store, or an empty disk when store is NULL. */
void device_init(struct sim *sim, int index, const struct buf *store);
/* The file of a device whose program was started once. */
bool device_make_image(struct device *d, struct buf *out);
/* The process starts: files, engine. False: it died again, or the run has failed. */
bool device_start(struct device *d);
void device_stop(struct device *d); /* frees all; what is on the disk stays */
/* After each call into its store: who has died at the disk, is buried; a power cut ends all its
 * processes. True: the process that made the call is gone, or all are. */
bool device_died(struct device *d, const char *during);
enum rc device_open_store(struct device *d, struct process *p, bool is_command, struct err *err);
enum rc device_open_engine(struct device *d, struct process *p, struct err *err);
void device_close_process(struct process *p);
bool device_is_running(const struct process *p);
/* The definition of a table that the process has in which its user types; NULL: none. */
const struct table *device_table(const struct device *d, const struct table *table);
/* A newer version is installed: what runs ends, and begins anew; or goes on for now, is_quiet. */
void device_upgrade(struct device *d, bool is_quiet);
void device_pump(struct device *d);
/* Of the process that syncs, if there is one. */
void device_wake(struct device *d, enum engine_wake what);
/* False: no process syncs. */
bool device_status(const struct device *d, struct sync_status *out);
/* A call failed because the disk is full; then it has changed nothing. */
bool device_is_full(const struct device *d, enum rc rc);
/* A planted fault: changes the file behind the product's back. */
void device_tamper(struct device *d, const char *sql);
/* Its user signs out, and in as the other account, whose file is another one; what waits for the
 * first is kept in its file. */
void device_switch(struct device *d);
/* Asks for a password only when the session is over. */
void device_sign_in_if_asked(struct device *d);

/* ---- beside.c ---- */

/* Perhaps: a second process begins or ends, dies, or the one that syncs is suspended. */
void beside_acts(struct device *d);
/* A second process begins, beside what runs; where two do, the other one ends. */
void beside_begins(struct device *d);
/* The faults have ended: so do commands. */
void beside_calms(struct device *d);
/* A process has died, and another goes on: in this one its user sees what is there. */
void beside_survives(struct device *d);
/* As the process in which its user types asks for it: of its own worker, or by the file and its bell
 * of the other's. */
void device_ask(struct device *d, enum engine_wake what);
/* The bell is heard. */
void beside_hears(struct device *d);
/* The lock is free: a process that can sync takes it. */
void beside_takes_lock(struct device *d);
/* The process that syncs tells who waits for it. */
void beside_answers(struct device *d);
/* True: a call of its user's failed because another process has opened the file with newer
 * definitions; he was told, has left, and starts again. */
bool beside_is_outdated(struct device *d, enum rc rc);
/* The process that syncs has found that, and leaves it to others. */
bool beside_gives_up(struct device *d);

/* ---- user.c ---- */

void user_acts(struct device *d);
void user_works_offline(struct device *d, bool on);
/* Perhaps: something has been refused, and waits for its time. */
void user_sets_clock_back(struct device *d);
/* Resolves a save whose outcome a crash hid. */
void user_looks_again(struct device *d);
/* What a crash may bring, or not, does not matter any more. */
void user_forgets_attempts(struct device *d);
/* What its file shows now is there for good. */
void user_makes_durable(struct device *d);
/* Its open attempts are in this queue: all, or none. */
bool user_finds_attempts(struct device *d, const struct db_ops *ops);
bool attempt_changes(const struct attempt *a, size_t column);
/* Gives every failed op a value that the backend takes. True: there were some. */
bool user_repairs(struct device *d);

/* ---- discard.c ---- */

/* The user takes back something that waits. */
void user_discards(struct device *d);
/* The process that syncs hears of it. */
void user_discarded(struct device *d);
/* Resolves a discard whose outcome a crash hid. False: nothing was hidden. */
bool user_looks_for_discard(struct device *d);

/* ---- trouble.c ---- */

/* Before its user acts, in the seeds that have such troubles. */
void trouble_for(struct device *d);
/* Its disk was put back: what has become of its user's work. False: the run has failed. */
bool trouble_looks_back(struct device *d);
/* Half a year passes, perhaps; the backend then forgets old tombstones and receipts. */
void trouble_winter(struct sim *sim);
/* A backup of the backend is made, or the last one restored. */
void trouble_backup(struct sim *sim);
/* The last backup is restored while the answer to a push is on its way, perhaps. */
void trouble_after_push(struct sim *sim);

/* ---- net.c ---- */

struct net *net_new(void);
void net_free(struct net *net);
void net_send(struct device *d, const struct engine_action *action);
void net_arrive(struct sim *sim, uint64_t transfer);
void net_answer(struct sim *sim, uint64_t transfer);

/* ---- server.c ---- */

struct exchange {                      /* one request to the backend code, and what it says */
    const char *method, *path, *token; /* token may be NULL */
    const char *body;
    size_t body_len;
    int http_status; /* 0: the backend is down, or died */
    char content_type[80];
    int retry_after_s;
    struct buf answer; /* yours: buf_done */
};
/* With the accounts and no record, or with an empty disk when image is NULL. */
void server_init(struct sim *sim, const struct buf *image);
bool server_make_image(struct server *s, struct buf *out);
bool server_start(struct server *s);
void server_stop(struct server *s);
void server_kill(struct server *s); /* between two requests */
/* A new version takes the old one's place: it knows all tables. */
void server_upgrade(struct server *s);
/* False: it is down, or it died of this; whether it was committed is then unknown. */
bool server_call(struct server *s, struct exchange *x);
/* Calls a function and parses the answer: the value, yours, or NULL. */
struct cJSON *server_ask(struct server *s, const char *kind, const char *path, const char *args,
                         const char *token);
/* An access token of a fresh session; NULL: not now. Yours. refresh may be NULL. */
char *server_sign_in(struct server *s, int account, char **refresh);
/* The operator says that a backup was restored. */
void server_new_epoch(struct server *s);
void server_back_up(struct server *s);
/* The operator puts the last backup back, if there is one: what came after it is lost. */
void server_restore(struct server *s);
/* As its timer does hourly; what is too old goes. */
void server_prune(struct server *s);
/* The operator gives the account a new password (the old one again): all its sessions are over. */
void server_end_sessions(struct server *s, int account);
const char *account_email(int account);

/* ---- office.c ---- */

void office_acts(struct sim *sim);
/* Makes the records that devices find at their first sync. */
void office_begins(struct sim *sim);
const char *office_token(struct sim *sim, int account); /* borrowed; NULL: not now */
/* Resolves an edit whose outcome a crash hid. */
void office_looks_again(struct sim *sim);

/* ---- model.c ---- */

struct writes {    /* what one user has put into one column of one record, in order */
    char **values; /* JSON texts; write numbers begin at 1 */
    int count, room;
    int withdrawn; /* its user has taken back all writes up to this one */
    int replayed;  /* by a replay this one was confirmed, and changed nothing: it is of an old copy */
    int removed;   /* the office has removed the record after the writes up to this one */
    int confirmed; /* the newest that an op has brought to the backend; 0: none */
    int accepted;  /* the newest that the backend has ever had, also if it was lost there since */
    bool is_lost;  /* it was there, and the backend has been restored from an older backup */
};

struct seen { /* what a user has seen in a column before he changed it */
    char **values;
    int count, room;
};

struct model_record {
    int account;
    const struct table *table; /* the devices' */
    char client_id[ID_SIZE];
    bool exists, is_deleted;  /* at the backend */
    int64_t rev;              /* at the backend; INT64_MAX: it was not told yet */
    bool is_forgotten;        /* it was there; the backend has no tombstone of it any more */
    bool is_remade[DEVICES];  /* the device was told so, and sends all that it has of it */
    char *cells[COLUMNS_MAX]; /* at the backend: JSON texts */
    int writers[COLUMNS_MAX]; /* device, or -1: the office */
    struct writes writes[DEVICES][COLUMNS_MAX];
    struct seen seen[DEVICES][COLUMNS_MAX];
};

struct model *model_new(void);
void model_free(struct model *m);
size_t model_count(const struct model *m);
struct model_record *model_at(struct model *m, size_t i);
struct model_record *model_find(struct model *m, const char *client_id);
struct model_record *model_add(struct model *m, int account, const struct table *table,
                               const char *client_id);
const char *writes_last(const struct writes *w); /* NULL: none */
/* Its last write is at the backend, or was taken back, or there is none. */
bool writes_are_settled(const struct writes *w);
/* After a new epoch, or when the backend does not have a record, a device may write again what it
 * once wrote: as a create, with the values that it has, or what is left of it when a part has been
 * accepted. Counts that as typed, where no write
 * of its user waits. */
void model_written_again(struct sim *sim, struct model_record *r, int device, size_t column,
                         const char *json);
void model_typed(struct model_record *r, int device, size_t column, const char *json);
/* Takes back the last model_typed, or model_add. */
void model_untyped(struct model_record *r, int device, size_t column);
void model_remove_last(struct model *m);
/* Until f says false. */
void model_each_receipt(struct model *m, bool (*f)(void *ctx, const char *op_id), void *ctx);

/* A push leaves a device. False: it must not (sim_violated has been called). */
bool model_sent(struct device *d, const char *body);
/* A push was executed, with this answer. */
bool model_executed(struct sim *sim, const char *body, const struct cJSON *value, bool is_late);
/* The answer to a push was lost in a crash of the backend. is_there is asked for each op that would
 * take effect; those that are there have. Returns how many. */
int model_committed(struct sim *sim, const char *body,
                    bool (*is_there)(void *ctx, const char *op_id), void *ctx);
/* A device has read a result of an op. */
void model_answered(struct sim *sim, const char *op_id);
/* A device was told that the backend does not have the record of an op. */
void model_told_not_found(struct sim *sim, const char *op_id);
/* A device was told that an op is refused. */
void model_refused(struct sim *sim, const char *op_id);
int model_refusals(struct sim *sim, const char *op_id);
bool model_was_sent(struct sim *sim, const char *op_id);
/* The office has written: values by column, NULL: untouched. */
void model_office_set(struct sim *sim, struct model_record *r, char *const *cells);
void model_office_removed(struct sim *sim, struct model_record *r);
/* A page, or any doc, must be what the model holds for the account. */
bool model_judge_doc(struct sim *sim, int account, const char *table, const struct cJSON *doc,
                     const char *where);
/* What the backend holds now, to go back to. */
struct model_backup *model_backup_take(const struct model *m);
void model_backup_put_back(struct sim *sim, const struct model_backup *b);
void model_backup_free(struct model_backup *b);
/* A record has got a new rev from this writer (-1: the office, or nobody who knows of it). */
void model_hides_losses(struct sim *sim, struct model_record *r, int writer);
/* A device is told of an op that was applied; the backend has gone back to a backup since. */
void model_told_of_lost(struct sim *sim, const struct cJSON *result);
/* Tombstones and receipts are too old, and gone. */
void model_pruned(struct sim *sim);
/* A device's disk is an older one again, with these ops: they are its user's work from now on, and
 * what else of it has not arrived is lost. */
bool model_put_back(struct device *d, const struct db_ops *ops);
/* A device's user takes back what he has put into these columns. */
void model_withdrawn(struct model_record *r, int device, const bool *columns);
/* What a device has sent of a record and has no answer to, it has forgotten: its user took it back. */
void model_discarded(struct sim *sim, struct model_record *r, int device);
bool model_is_refused_value(const char *json);
int model_conflicts(const struct model *m, int account);

/* ---- base.c ---- */

void base_done(struct model_record *r);
/* A user is about to change a column in which he sees this; NULL: nothing. */
void base_saw(struct model_record *r, int device, size_t column, const char *json);
bool base_is_right(const struct model_record *r, int device, size_t column, const char *json);

/* ---- check.c ---- */

/* After a time without faults in which nobody did anything: nothing waits that could be sent. */
bool check_drained(struct device *d);

/* A device's file against what its user was told: at any time. */
bool check_device(struct device *d);
/* What a file says about itself, by SQL: pending exactly when an op waits. */
bool check_file(struct device *d);
/* After all is calm: every device and the backend hold the same. */
bool check_end(struct sim *sim);

#endif
