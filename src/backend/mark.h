/* src/backend/mark.h: the file beside the database that notices a restored backup. It holds the
 * database's id, the highest rev known to be committed, and a rev ahead of which nothing may be
 * committed before the file says so. Only the database is restored from a backup: then the two
 * disagree. Private to src/backend.
 *
 * Cost     one fdatasync per MARK_STEP of revs; what is known to be committed is written without
 *          one: a kill cannot lose it, a power cut loses at most a step of it.
 * Threads  the backend's. Several processes: `ahead` is written under SQLite's write lock.
 */
#ifndef BACKEND_MARK_H
#define BACKEND_MARK_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/id.h"

#define MARK_STEP 10000000              /* revs are µs as a rule: 10 s */

struct mark;

struct mark_state {
    char id[ID_SIZE];
    int64_t committed, ahead;
};

/* Opens PATH.mark, or makes it. */
enum rc backend_mark_open(const char *db_path, struct mark **out, struct err *err);
void backend_mark_close(struct mark *mark);
/* False: the file is new, or holds nothing that makes sense. */
bool backend_mark_read(struct mark *mark, struct mark_state *out);
enum rc backend_mark_write(struct mark *mark, const struct mark_state *state, bool is_durable,
                           struct err *err);

/* Before COMMIT: rev is about to be committed, `last` is. After it: it was. */
enum rc backend_mark_before(struct mark *mark, int64_t last, int64_t rev, struct err *err);
void backend_mark_after(struct mark *mark, int64_t rev);

#endif
