/* db/push.h: the queue as sync sends it, and the backend's answers to it. One transaction per call.
 *
 * Threads  with the DB_SYNCER connection, by the process that holds the sync lock.
 * Durable  all FULL: an op is marked as sent on disk before its first byte leaves, and an answer is on disk
 *          before the next op is taken.
 */
#ifndef DB_PUSH_H
#define DB_PUSH_H

#include "db/store.h"

struct cJSON;

/* The next ops in the order in which they were made, at most one per record (a record's first op, and only when that
 * one is queued and due), at most max_ops and, but for a lone one, max_bytes of op JSON; marks them sent. Ops of
 * tables that the registry does not know are held; one whose row can not be read becomes failed (code `unreadable`) and
 * spoils no batch. RC_NOT_FOUND: nothing is due. */
enum rc db_push_take(struct db *db, size_t max_ops, size_t max_bytes, struct db_ops *out, struct err *err);

/* When the next op becomes due: 0 now, INT64_MAX never. */
enum rc db_push_due(struct db *db, int64_t *due_ms, struct err *err);

/* Appends {"opId":…,"table":…,…} as CONTRACT section 2 wants it. Only for an op from db_push_take. */
void db_op_encode(const struct db_op *op, struct buf *out);

struct db_push_result {
    const struct db_op *op;             /* as it was sent */
    bool is_applied;
    const struct cJSON *doc;            /* applied: the record as it is now */
    const struct cJSON *overwrote;      /* applied: array or NULL */
    const char *code, *message, *column;        /* rejected */
};

struct db_push_counts {
    int applied, rejected, failed, held, again;
};

/* Applies the answer to a batch in one transaction. An op leaves the queue only when it is named applied; what an op
 * that still waits has set stays on the record, is rebased, and drops out where the backend has the same value now.
 * Rejected: invalid_value and forbidden count (3: failed; before, it waits some seconds); not_found: the same change
 * again as a create with all columns, not counted; unknown_table and unknown_column: held for a day, or until
 * db_push_unhold. RC_PROTOCOL when a doc has not the shape of a record: nothing is written. `epoch` is the answer's: when it
 * differs from a table's, that table's walk begins in the same transaction. */
enum rc db_push_apply(struct db *db, const struct db_push_result *results, size_t count, const char *epoch,
                      struct db_push_counts *out, struct err *err);

/* The backend's version or epoch changed: held ops are due again. */
enum rc db_push_unhold(struct db *db, struct err *err);
/* A person wants it now: what waits some seconds after a refusal is due. The refusals stay counted. */
enum rc db_push_hurry(struct db *db, struct err *err);
/* The backend serves our protocol no more: every queued op is held until it does. */
enum rc db_push_hold_all(struct db *db, const char *code, const char *message, struct err *err);

#endif
