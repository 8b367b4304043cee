/* db/rescue_priv.h: the parts of a rescue. Private to db/.
 *
 *   rescue.c        row by row through the copy, as SQLite reads it
 *   rescue_copy.c   the copy
 *   rescue_pages.c  the rows on pages that nothing leads to any more
 *   rescue_loose.c  the ops and records among them
 */
#ifndef DB_RESCUE_PRIV_H
#define DB_RESCUE_PRIV_H

#include <stdint.h>
#include <sqlite3.h>
#include "base/err.h"
#include "db/registry.h"

#define RESCUE_PAGE_SIZE 4096 /* of a store of ours */

struct rescue_copy {
    char *dir, *path, *wal;
};

/* Copies the file and its WAL into a folder of its own. Call rescue_copy_remove in any case. */
enum rc rescue_copy_make(const char *path, struct rescue_copy *copy, struct err *err);
void rescue_copy_remove(struct rescue_copy *copy);
/* Gives the copy a header as a store of ours has it: the schema behind one that is destroyed may
 * be whole. */
void rescue_copy_header(const struct rescue_copy *copy);

#define RESCUE_FIELDS_MAX 200

struct rescue_field {
    uint64_t type; /* a serial type of SQLite's record format */
    size_t at, len;
};

struct rescue_row {
    int64_t rowid;
    unsigned char *payload;
    struct rescue_field fields[RESCUE_FIELDS_MAX];
    int count;
};

/* Borrows the row. */
typedef void rescue_take(void *ctx, const struct rescue_row *row);

/* Every row on every page of a copy that looks like the leaf of a table, be it led to or not. What
 * was committed to the WAL is put onto the copy before. */
void rescue_pages(const char *path, const char *wal, rescue_take *take, void *ctx);

/* In memory, without constraints: sync_queue, the ops among those rows; record, the records among
 * them that wait (client_id, created_at, updated_at, table_name or null, columns as a JSON object,
 * or as an array where table_name is null). Yours: sqlite3_close. NULL: no memory for it. */
sqlite3 *rescue_loose(const char *path, const char *wal, const struct registry *reg);

#endif
