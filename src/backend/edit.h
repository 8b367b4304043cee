/* src/backend/edit.h: one write to one record, by a device or by the office, inside the caller's
 * write transaction: merge, conflicts, rev. Private to src/backend.
 *
 * Source   CONTRACT section 4: Upsert; Conflict, per column; Deletes.
 */
#ifndef BACKEND_EDIT_H
#define BACKEND_EDIT_H

#include "src/backend/record.h"

#define WRITER_OFFICE "office"

struct edit {                           /* all borrowed */
    int64_t user, now;
    const struct table *table;
    const char *client_id;
    const struct cJSON *set;            /* checked; NULL for a removal */
    const struct cJSON *base;           /* NULL: the office, which has no conflicts */
    const char *writer;                 /* a deviceId, or WRITER_OFFICE */
    const char *run_id, *op_id;         /* NULL: the office */
    int64_t created_at, updated_at;     /* the writer's clock */
    bool is_removal;
};

/* Writes the edit to *rec, which is loaded, or all zero for a new record. What changes nothing is
 * left as it is. `overwrote` gets `{"column":…,"theirs":…}` members, separated by commas.
 * RC_REFUSED with code invalid_value when the record gets too large; nothing is written then. */
enum rc backend_edit_apply(struct backend *b, const struct edit *edit, struct record *rec,
                           struct buf *overwrote, struct err *err);

/* The first required column that neither `set` nor a default gives a new record, or NULL. */
const struct column *backend_edit_lacks(const struct table *table, const struct cJSON *set);

#endif
