/* The end of a walk: what the backend no longer has. */
#include "db/pull.h"
#include "db/store_priv.h"

#include <stdlib.h>
#include <string.h>
#include "base/file.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define SLICE_ROWS 100

/* What is done in one pass over the unseen rows. */
enum pass { PASS_QUEUE_AGAIN, PASS_REMOVE, PASS_COUNT };

enum rc db_walk_begin(struct db *db, const struct table *table, const char *epoch, struct err *err)
{
    enum rc rc = tx_begin_data(db, SQL_NORMAL, NULL, err);

    if (rc)
        return rc;
    rc = walk_begin_in_tx(db, table, epoch, err);
    if (!rc)
        return tx_commit(db, err);
    tx_rollback(db);
    return rc;
}

/* Before a record that this device never wrote is removed, it goes into a file that a person can read. */
static enum rc write_recovery(struct db *db, const struct row *rows, size_t count, struct err *err)
{
    struct buf path = { 0 }, lines = { 0 };
    enum rc rc = RC_OK;

    if (!db->has_recovery || count == 0)
        return RC_OK;
    for (size_t i = 0; i < count; i++) {
        buf_puts(&lines, "{\"table\":");
        json_put_string(&lines, rows[i].table->name, strlen(rows[i].table->name));
        buf_puts(&lines, ",\"doc\":");
        row_to_doc(&rows[i], false, &lines);
        buf_puts(&lines, "}\n");
    }
    buf_printf(&path, "%s.recovered.jsonl", db->path);
    rc = file_append_lines(buf_str(&path), &lines, err);
    buf_done(&path);
    buf_done(&lines);
    return rc;
}

static enum rc load_unseen(struct db *db, const struct table *table, int64_t walk_no, struct row *rows, size_t *count,
                           struct err *err)
{
    struct table_sql *sql = table_sql(db, table);
    enum rc rc;

    *count = 0;
    sqlite3_stmt *st = sql_get(db->sql, sql->unseen, err);
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, walk_no);
    sql_bind_text(st, 2, sql->finish_from);
    sql_bind_i64(st, 3, SLICE_ROWS);
    while ((rc = sql_step(db->sql, st, err)) == RC_OK)
        row_load(&rows[(*count)++], table, st);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc queue_again(struct db *db, struct row *row, const struct walk_state *walk, struct err *err)
{
    /* Seen in this epoch, but not since the first page: the office has removed it. */
    if (!row->is_mine || row->seen >= walk->epoch_no)
        return RC_OK;
    /* Never accepted anywhere: its op waits as it is. */
    if (row->is_pending && row->server_id == NULL)
        return RC_OK;
    enum rc rc = queue_append_all(db, row, err);
    if (rc)
        return rc;
    free(row->shadow);
    row->shadow = NULL;         /* the backend has no version of it any more */
    free(row->server_id);
    row->server_id = NULL;
    row->rev = 0;
    row->is_pending = true;
    row->seen = walk->no;
    return row_write(db, row, err);
}

/* What waits stays, but the office has the record no more: should it be discarded, nothing is left. */
static enum rc note_gone(struct db *db, struct row *row, struct err *err)
{
    struct buf text = { 0 };

    if (row->server_id == NULL)
        return RC_OK;
    row_to_doc(row, true, &text);
    free(row->shadow);
    row->shadow = buf_take(&text);
    return row_write(db, row, err);
}

static enum rc remove_rows(struct db *db, struct row *rows, size_t count, bool keep_copy, struct err *err)
{
    size_t left = 0;
    enum rc rc = RC_OK;

    for (size_t i = 0; i < count; i++) {        /* gone ones to the front */
        if (rows[i].is_pending)
            continue;
        struct row swap = rows[left];
        rows[left] = rows[i];
        rows[i] = swap;
        left++;
    }
    if (keep_copy)
        rc = write_recovery(db, rows, left, err);
    for (size_t i = 0; !rc && i < left; i++)
        rc = row_delete(db, &rows[i], err);
    for (size_t i = left; !rc && i < count; i++)
        rc = note_gone(db, &rows[i], err);
    return rc;
}

static enum rc complete(struct db *db, const struct table *table, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_metadata SET cursor = walk_cursor, epoch = walk_epoch, walking = 0, "
                                        "walk_cursor = NULL, initial_sync_complete = 1, last_sync_timestamp = ?2 "
                                        "WHERE table_name = ?1", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    sql_bind_i64(st, 2, db_now(db));
    return sql_run(db->sql, st, err);
}

static void restart_passes(struct table_sql *sql, int pass)
{
    sql->finish_pass = pass;
    sql->finish_from[0] = '\0';
}

static enum rc finish_slice(struct db *db, const struct table *table, const struct walk_state *walk, bool *is_done,
                            struct err *err)
{
    struct table_sql *sql = table_sql(db, table);
    struct row *rows = mem_zero(SLICE_ROWS, sizeof *rows);
    char last[ID_SIZE];
    size_t count;
    enum rc rc = load_unseen(db, table, walk->no, rows, &count, err);

    if (!rc && count > 0) {
        memcpy(last, rows[count - 1].client_id, sizeof last);
        if (sql->finish_pass == PASS_REMOVE)
            rc = remove_rows(db, rows, count, walk->is_new_epoch, err);
        for (size_t i = 0; !rc && sql->finish_pass == PASS_QUEUE_AGAIN && i < count; i++)
            rc = queue_again(db, &rows[i], walk, err);
        if (!rc)
            memcpy(sql->finish_from, last, sizeof last);
    } else if (!rc) {
        restart_passes(sql, sql->finish_pass + 1);
    }
    *is_done = sql->finish_pass == PASS_COUNT;
    if (!rc && *is_done)
        rc = complete(db, table, err);
    for (size_t i = 0; i < SLICE_ROWS; i++)
        if (rows[i].table != NULL)
            row_done(&rows[i]);
    free(rows);
    return rc;
}

enum rc db_walk_finish(struct db *db, const struct table *table, bool *is_done, struct err *err)
{
    struct table_sql *sql = table_sql(db, table);
    struct walk_state walk;
    enum rc rc = walk_state_read(db, table, &walk, err);

    if (rc)
        return rc;
    if (walk.walking != 2)
        return err_set(err, RC_INTERNAL, _("The walk of table %s has pages to come."), table->name);
    /* The same epoch: nothing is queued again, for what this device wrote was accepted and then removed there. */
    if (sql->finish_pass == PASS_QUEUE_AGAIN && !walk.is_new_epoch)
        restart_passes(sql, PASS_REMOVE);
    rc = tx_begin_data(db, walk.is_new_epoch ? SQL_FULL : SQL_NORMAL, NULL, err);
    if (rc)
        return rc;
    rc = finish_slice(db, table, &walk, is_done, err);
    if (!rc)
        rc = tx_commit(db, err);
    else
        tx_rollback(db);
    if (rc || *is_done)
        restart_passes(sql, PASS_QUEUE_AGAIN);
    return rc;
}
