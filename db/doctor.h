/* db/doctor.h: what may be wrong inside a store, and what can still be had from one that does not
 * open.
 *
 * Threads  as the db that is given; db_rescue opens its own copy.
 */
#ifndef DB_DOCTOR_H
#define DB_DOCTOR_H

#include "db/store.h"

enum db_gravity {
    DB_NOTE,       /* as it should be, or nothing that a person has to do */
    DB_ILL,        /* a person has to do something: `todo` */
    DB_REPAIRABLE, /* db_doctor with is_repairing puts it right, and loses nothing */
    DB_REPAIRED
};

struct db_finding { /* sentences for a person; they may hold foreign text */
    enum db_gravity gravity;
    const char *code; /* a machine's word: "queue_unreadable" */
    const char *what; /* is wrong */
    const char *safe; /* what is safe nevertheless, or "" */
    const char *todo; /* what to do, or "" */
};

typedef void db_found(void *ctx, const struct db_finding *finding);

/* Looks the whole store over: SQLite's own check, every op, pending against ops, counts, tables
 * without a definition. is_repairing: puts right what can be, in one FULL transaction; never
 * drops an op or what a user typed. */
enum rc db_doctor(struct db *db, bool is_repairing, db_found *found, void *ctx, struct err *err);

struct db_rescued {
    int64_t ops, records; /* lines that were written */
    int64_t unreadable_ops, unreadable_records;
};

/* From a copy of the file (and of its WAL) that it makes in a folder of its own: every op and
 * every pending record that can still be read, row by row, as one JSON object each: ops as
 * db_op_to_json says them; of a pending record without an op that can be read
 * {"table","clientId","createdAt","updatedAt","set":{…}}, of others "record" in the place of
 * "set". Where the schema is destroyed rows are taken from the pages by themselves; "values":[…]
 * in the place of "set" is a record of which nobody can say whose columns these are. The file
 * itself is not touched, and may be damaged, newer or another program's. `each` may fail the
 * rescue. */
enum rc db_rescue(const char *path, const struct registry *reg,
                  enum rc (*each)(void *ctx, const struct buf *json, struct err *err), void *ctx,
                  struct db_rescued *out, struct err *err);

#endif
