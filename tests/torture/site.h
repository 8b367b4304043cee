/* tests/torture/site.h: a device and its backend in one process and in virtual time, and what the
 * device has acknowledged, in memory that outlives the process.
 */
#ifndef TESTS_TORTURE_SITE_H
#define TESTS_TORTURE_SITE_H

#include <stdbool.h>
#include <stdint.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/id.h"
#include "db/db.h"
#include "src/backend/backend.h"
#include "sync/engine.h"

#define ACKS_MAX 2000

struct ack {
    char id[ID_SIZE];  /* empty: tried, and nobody said that it was saved */
    char text[48];     /* of a record of its own: no text is tried twice */
    char notes[48];    /* the last that was acknowledged; empty: none */
    char maybe[3][48]; /* those after it whose end nobody saw */
    int maybe_count;
};

struct ledger { /* shared between processes */
    struct ack acks[ACKS_MAX];
    int count;
    uint32_t operations; /* of the kind of fault, in the whole session */
    bool has_fired;
    char problem[400]; /* empty: none */
};

struct site {
    const char *dir;
    struct ledger *ledger;
    struct registry *reg;
    const struct table *tasks;
    struct clock clock;
    int64_t now;
    struct backend *backend;
    char token[200];
    struct db *db;
    struct engine *engine;
    struct err err;
};

/* Tables and clock; nothing is open yet. dir is borrowed. */
void site_init(struct site *s, const char *dir, struct ledger *ledger);
void site_done(struct site *s);

/* True: it is open. The first time an account is made, with records of the office, if there is
 * none. */
bool site_open_backend(struct site *s);
bool site_make_account(struct site *s);
/* NAME.db in the folder, signed in. */
bool site_open_device(struct site *s, const char *name, const char *vfs);
void site_close_device(struct site *s);

/* Both note in the ledger what they tried and what was said. */
bool site_add(struct site *s, const char *text);
bool site_edit(struct site *s, struct ack *ack, const char *notes);
/* Some in one transaction. */
bool site_import(struct site *s, const char *stem, int count);
/* The office changes a record; false: it was told of a failure. */
bool site_office_edits(struct site *s, const struct ack *ack, const char *priority);

/* Until a round is over and nothing waits; false: not within an hour of the site. */
bool site_drain(struct site *s);

#endif
