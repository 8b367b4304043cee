/* The user's saves: record and op in one transaction, or neither. */
#include "db/store_priv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"

/* On create an empty column takes its default, so only what lacks one is checked. */
static enum rc check_edit(const struct db_edit *edit, bool is_create, bool whole, struct err *err)
{
    const struct value none = { 0 };

    for (size_t i = 0; i < edit->table->column_count; i++) {
        const struct column *col = &edit->table->columns[i];
        const struct value *v = edit->is_set[i] || whole ? &edit->values[i] : &none;
        if (!edit->is_set[i] && (!is_create || (v->kind == VALUE_NULL && col->has_default)))
            continue;
        enum rc rc = column_check(col, v, err);
        if (rc)
            return rc;
    }
    return RC_OK;
}

/* What changes, as the op wants it; the row takes the new values. */
static void collect(const struct db_edit *edit, struct row *row, bool is_create, struct buf *set, struct buf *base)
{
    buf_putc(set, '{');
    buf_putc(base, '{');
    for (size_t i = 0; i < edit->table->column_count; i++) {
        const struct column *col = &edit->table->columns[i];
        struct value *now = &row->values[i];
        if (!edit->is_set[i] || (!is_create && value_equal(now, &edit->values[i])))
            continue;
        if (!is_create)
            put_pair(base, col, now);
        put_pair(set, col, &edit->values[i]);
        value_done(now);
        value_copy(now, &edit->values[i]);
    }
    buf_putc(set, '}');
    buf_putc(base, '}');
}

static enum rc queue_texts(struct db *db, const struct row *row, bool is_create, const struct buf *set,
                           const struct buf *base, struct err *err)
{
    cJSON *set_json = NULL, *base_json = NULL;
    enum rc rc = json_parse(buf_str(set), set->len, &set_json, err);

    if (!rc)
        rc = json_parse(buf_str(base), base->len, &base_json, err);
    if (!rc)
        rc = queue_append(db, row, is_create, set_json, base_json, err);
    cJSON_Delete(set_json);
    cJSON_Delete(base_json);
    return rc;
}

static enum rc drop_draft(struct db *db, const struct table *table, const char *client_id, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "DELETE FROM drafts WHERE table_name = ?1 AND record_client_id = ?2", err);

    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    sql_bind_text(st, 2, client_id == NULL ? "" : client_id);
    return sql_run(db->sql, st, err);
}

static enum rc check_size(const struct row *row, struct err *err)
{
    struct buf doc = { 0 };
    enum rc rc = RC_OK;

    row_to_doc(row, false, &doc);
    if (doc.len > RECORD_JSON_MAX - 1024)       /* room for what the backend adds */
        rc = err_set(err, RC_INVALID,
                     _("This record is too large: it can have %u KiB in all, and has %zu."),
                     RECORD_JSON_MAX >> 10, doc.len >> 10);
    buf_done(&doc);
    return rc;
}

/* The columns that nobody set get their defaults; `whole` (a form whose record is gone): all of the form. */
static void fill_new_row(const struct db_edit *edit, struct row *row, bool whole)
{
    for (size_t i = 0; i < edit->table->column_count; i++) {
        const struct column *col = &edit->table->columns[i];
        if (whole && edit->values[i].kind != VALUE_NULL)
            value_copy(&row->values[i], &edit->values[i]);
        else if (col->has_default && !edit->is_set[i])
            value_copy(&row->values[i], &col->default_value);
    }
}

/* The shadow is the backend's version: taken before the row takes the user's values. */
static void keep_shadow(struct row *row)
{
    struct buf doc = { 0 };

    if (row->is_pending || row->id == 0)
        return;
    row_to_doc(row, false, &doc);
    free(row->shadow);
    row->shadow = buf_take(&doc);
}

static void become_pending(struct row *row, int64_t now)
{
    row->is_pending = row->is_mine = true;
    /* For display only, but it should not go back where the clock did. */
    row->updated_at = now > row->updated_at ? now : row->updated_at;
}

static enum rc save_new(struct db *db, const struct db_edit *edit, struct row *row, struct err *err)
{
    struct buf set = { 0 }, base = { 0 };
    bool whole = edit->client_id != NULL;
    int64_t now = db_now(db);
    enum rc rc;

    row->created_at = edit->created_at != 0 ? edit->created_at : now;
    fill_new_row(edit, row, whole);
    collect(edit, row, true, &set, &base);
    become_pending(row, now);
    rc = check_size(row, err);
    if (rc)
        goto out;
    /* A form whose record is gone brings all of it back, not only what was touched. */
    rc = whole ? queue_append_all(db, row, err) : queue_texts(db, row, true, &set, &base, err);
    if (!rc)
        rc = row_write(db, row, err);
out:
    buf_done(&set);
    buf_done(&base);
    return rc;
}

static enum rc save_existing(struct db *db, const struct db_edit *edit, struct row *row, bool *is_changed,
                             struct err *err)
{
    struct buf set = { 0 }, base = { 0 };
    enum rc rc = RC_OK;

    keep_shadow(row);
    collect(edit, row, false, &set, &base);
    *is_changed = set.len > 2;
    if (!*is_changed)
        goto out;
    become_pending(row, db_now(db));
    rc = check_size(row, err);
    if (!rc)
        rc = queue_texts(db, row, false, &set, &base, err);
    if (!rc)
        rc = row_write(db, row, err);
out:
    buf_done(&set);
    buf_done(&base);
    return rc;
}

static enum rc save_in_tx(struct db *db, const struct db_edit *edit, struct db_saved *saved, struct err *err)
{
    struct row row = { 0 };
    char client_id[ID_SIZE];
    enum rc rc;

    if (edit->client_id != NULL) {
        if (!id_is_valid(edit->client_id))
            return err_set(err, RC_INVALID, _("A client id is a lower-case UUID."));
        memcpy(client_id, edit->client_id, ID_SIZE);
    } else {
        id_new(db_now(db), client_id);
    }
    rc = row_read(db, edit->table, client_id, &row, err);
    if (rc && rc != RC_NOT_FOUND)
        goto out;
    saved->is_new = rc == RC_NOT_FOUND;
    saved->is_changed = true;
    if (saved->is_new && edit->client_id != NULL && edit->if_missing == DB_MISSING_FAIL) {
        err_set(err, RC_NOT_FOUND, _("There is no such record on this device."));
        goto out;
    }
    rc = check_edit(edit, saved->is_new, saved->is_new && edit->client_id != NULL, err);
    if (!rc)
        rc = saved->is_new ? save_new(db, edit, &row, err) : save_existing(db, edit, &row, &saved->is_changed, err);
    if (!rc && edit->drop_draft)
        rc = drop_draft(db, edit->table, edit->client_id, err);
    memcpy(saved->client_id, client_id, ID_SIZE);
out:
    row_done(&row);
    return rc;
}

static enum rc batch_is_lost(struct err *err)
{
    return err_set(err, RC_IO, _("Nothing of this batch was saved: a write before had failed."));
}

enum rc db_save(struct db *db, const struct db_edit *edit, struct db_saved *out, struct err *err)
{
    struct db_saved saved = { .client_id = "" };
    enum rc rc;

    if (db->in_batch) {
        /* SQLite may have rolled back by itself: what came now would be saved alone. */
        if (db->is_batch_broken)
            return batch_is_lost(err);
        rc = save_in_tx(db, edit, &saved, err);
        if (rc && rc != RC_INVALID && rc != RC_NOT_FOUND)
            db->is_batch_broken = true;
    } else {
        rc = tx_begin_data(db, SQL_FULL, edit->table, err);
        if (rc)
            return rc;
        rc = save_in_tx(db, edit, &saved, err);
        if (!rc && (saved.is_changed || edit->drop_draft))
            rc = tx_commit(db, err);
        else
            tx_rollback(db);
    }
    if (!rc)
        *out = saved;
    return rc;
}

enum rc db_batch_begin(struct db *db, struct err *err)
{
    enum rc rc = tx_begin_data(db, SQL_FULL, NULL, err);

    if (!rc) {
        db->in_batch = true;
        db->is_batch_broken = false;
    }
    return rc;
}

enum rc db_batch_end(struct db *db, struct err *err)
{
    db->in_batch = false;
    if (db->is_batch_broken) {
        tx_rollback(db);
        return batch_is_lost(err);
    }
    return tx_commit(db, err);
}

void db_batch_cancel(struct db *db)
{
    db->in_batch = false;
    tx_rollback(db);
}

/* ---- drafts ---- */

enum rc db_draft_put(struct db *db, const struct table *table, const char *client_id, const char *json,
                     struct err *err)
{
    /* NORMAL: typing never waits for the disk; a kill loses nothing, and the worker's next FULL write keeps it. */
    enum rc rc = tx_begin(db, SQL_NORMAL, err);

    if (rc)
        return rc;
    sqlite3_stmt *st = sql_get(db->sql, "INSERT OR REPLACE INTO drafts (table_name, record_client_id, payload, "
                                        "updated_at) VALUES (?1, ?2, ?3, ?4)", err);
    if (st == NULL) {
        rc = err->rc;
    } else {
        sql_bind_text(st, 1, table->name);
        sql_bind_text(st, 2, client_id == NULL ? "" : client_id);
        sql_bind_text(st, 3, json);
        sql_bind_i64(st, 4, db_now(db));
        rc = sql_run(db->sql, st, err);
    }
    if (!rc)
        return tx_commit(db, err);
    tx_rollback(db);
    return rc;
}

enum rc db_draft_get(struct db *db, const struct table *table, const char *client_id, char **json, int64_t *at,
                     struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT payload, updated_at FROM drafts WHERE table_name = ?1 AND "
                                        "record_client_id = ?2", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    sql_bind_text(st, 2, client_id == NULL ? "" : client_id);
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc;
    *json = sql_text_copy(st, 0);
    *at = sql_i64(st, 1);
    sqlite3_reset(st);
    return *json == NULL ? RC_NOT_FOUND : RC_OK;        /* NULL: a row of a damaged page */
}

enum rc db_draft_latest(struct db *db, char **table_name, char client_id[ID_SIZE], char **json, int64_t *at,
                        struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT table_name, record_client_id, payload, updated_at FROM drafts "
                                        "ORDER BY updated_at DESC LIMIT 1", err);
    if (st == NULL)
        return err->rc;
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc;
    const char *id = sql_text(st, 1);
    if (id == NULL || sql_text(st, 0) == NULL || sql_text(st, 2) == NULL) {
        sqlite3_reset(st);
        return RC_NOT_FOUND;    /* a row of a damaged page */
    }
    *table_name = sql_text_copy(st, 0);
    size_t len = strnlen(id, ID_LEN);
    memcpy(client_id, id, len);
    client_id[len] = '\0';
    *json = sql_text_copy(st, 2);
    *at = sql_i64(st, 3);
    sqlite3_reset(st);
    return RC_OK;
}

enum rc db_draft_drop(struct db *db, const struct table *table, const char *client_id, struct err *err)
{
    enum rc rc = tx_begin(db, SQL_NORMAL, err);

    if (rc)
        return rc;
    rc = drop_draft(db, table, client_id, err);
    if (!rc)
        return tx_commit(db, err);
    tx_rollback(db);
    return rc;
}
