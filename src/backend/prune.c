/* src/backend/prune.c: what is kept for a time only, and goes when the time is over.
 *
 * Source   CONTRACT section 4: receipts 90 days, tombstones 180 days.
 */
#include "src/backend/store.h"

#define DAY_MS 86400000LL
#define RECEIPT_MS (90 * DAY_MS)
#define TOMBSTONE_MS (180 * DAY_MS)
#define ROWS_AT_ONCE 500 /* a transaction, so that nobody waits long */

/* Runs one batch of a deletion whose query has ?1 the time and ?2 the rows; true in *is_done when
 * none was left. */
static enum rc delete_batch(struct backend *b, const char *query, int64_t before, bool *is_done,
                            struct err *err)
{
    enum rc rc = backend_store_begin(b, err);
    sqlite3_stmt *st = rc ? NULL : sql_get(b->sql, query, err);

    if (st == NULL) {
        backend_store_end(b);
        return err->rc;
    }
    sql_bind_i64(st, 1, before);
    sql_bind_i64(st, 2, ROWS_AT_ONCE);
    rc = sql_run(b->sql, st, err);
    *is_done = sqlite3_changes(sql_handle(b->sql)) == 0;
    if (!rc)
        rc = backend_store_commit(b, 0, err);
    backend_store_end(b);
    return rc;
}

static enum rc delete_all(struct backend *b, const char *query, int64_t before, struct err *err)
{
    bool is_done = false;
    enum rc rc = RC_OK;

    while (!rc && !is_done)
        rc = delete_batch(b, query, before, &is_done, err);
    return rc;
}

/* The floor rises with the rows that go, in one transaction: a cursor below it missed a
 * tombstone. */
static enum rc prune_tombstones(struct backend *b, int64_t before, bool *is_done, struct err *err)
{
    static const char raise[] =
        "INSERT INTO counts(user_n,table_name,floor) SELECT user_n,table_name,max(rev) FROM"
        " (SELECT user_n,table_name,rev FROM records WHERE deleted_at<?1 ORDER BY deleted_at,id "
        "LIMIT ?2)"
        " WHERE true GROUP BY user_n,table_name"
        " ON CONFLICT DO UPDATE SET floor=max(floor,excluded.floor)";
    static const char remove[] =
        "DELETE FROM records WHERE id IN"
        " (SELECT id FROM records WHERE deleted_at<?1 ORDER BY deleted_at,id LIMIT ?2)";
    const char *const queries[] = { raise, remove };
    enum rc rc = backend_store_begin(b, err);

    for (size_t i = 0; !rc && i < 2; i++) {
        sqlite3_stmt *st = sql_get(b->sql, queries[i], err);

        if (st == NULL) {
            rc = err->rc;
            break;
        }
        sql_bind_i64(st, 1, before);
        sql_bind_i64(st, 2, ROWS_AT_ONCE);
        rc = sql_run(b->sql, st, err);
    }
    *is_done = sqlite3_changes(sql_handle(b->sql)) == 0;
    if (!rc)
        rc = backend_store_commit(b, 0, err);
    backend_store_end(b);
    return rc;
}

enum rc backend_prune(struct backend *b, struct err *err)
{
    static const char *const now_queries[] = {
        "DELETE FROM access_tokens WHERE hash IN (SELECT hash FROM access_tokens WHERE "
        "expires_at<=?1 LIMIT ?2)",
        "DELETE FROM refresh_tokens WHERE id IN (SELECT id FROM refresh_tokens WHERE "
        "expires_at<=?1 LIMIT ?2)",
        "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions s WHERE expires_at<=?1 OR "
        "(is_over AND NOT EXISTS"
        " (SELECT 1 FROM access_tokens a WHERE a.session=s.id)) LIMIT ?2)",
        "DELETE FROM attempts WHERE key IN (SELECT key FROM attempts WHERE at<=?1-43200000 LIMIT "
        "?2)",
    };
    int64_t now = clock_wall(b->clock);
    bool is_done = false;
    enum rc rc =
        delete_all(b,
                   "DELETE FROM receipts WHERE (user_n,op_id) IN (SELECT user_n,op_id FROM receipts"
                   " WHERE created_at<?1 LIMIT ?2)",
                   now - RECEIPT_MS, err);

    while (!rc && !is_done)
        rc = prune_tombstones(b, now - TOMBSTONE_MS, &is_done, err);
    for (size_t i = 0; !rc && i < sizeof now_queries / sizeof *now_queries; i++)
        rc = delete_all(b, now_queries[i], now, err);
    return rc;
}
