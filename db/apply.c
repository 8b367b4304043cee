/* A backend's doc onto a row. The one place where rev, epoch, pending and tombstones meet:
 *
 *   rev      rises within an epoch, so an older doc is ignored and docs may come in any order; in a walk of a new epoch
 *            the first sight of a record counts whatever its rev is
 *   pending  what the user set stays; the doc becomes the shadow
 *   gone     a tombstone removes a record that is not pending; a pending one comes back by its push
 */
#include "db/store_priv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

void doc_done(struct doc *doc)
{
    for (size_t i = 0; doc->values != NULL && i < doc->table->column_count; i++)
        value_done(&doc->values[i]);
    free(doc->values);
    free(doc->is_there);
    free(doc->extra);
    memset(doc, 0, sizeof *doc);
}

static bool is_system_member(const char *name)
{
    static const char *const names[] = { "clientId", "serverId", "rev", "deletedAt", "createdAt", "updatedAt" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return name[0] == '_';
}

static enum rc wrong_shape(struct err *err, const char *what)
{
    return err_set(err, RC_PROTOCOL,
                   _("The server's answer holds a record with a wrong %s."), what);
}

static enum rc decode_head(const cJSON *json, struct doc *out, struct err *err)
{
    const char *client_id = json_get_string(json, "clientId");
    const char *server_id = json_get_string(json, "serverId");
    const cJSON *deleted = json_get(json, "deletedAt");

    if (client_id == NULL || !id_is_valid(client_id))
        return wrong_shape(err, "clientId");
    memcpy(out->client_id, client_id, ID_SIZE);
    if (server_id == NULL || strlen(server_id) >= sizeof out->server_id)
        return wrong_shape(err, "serverId");
    memcpy(out->server_id, server_id, strlen(server_id) + 1);
    if (!json_get_i64(json, "rev", &out->rev) || out->rev < 0)
        return wrong_shape(err, "rev");
    if (!json_get_i64(json, "createdAt", &out->created_at) || !json_get_i64(json, "updatedAt", &out->updated_at))
        return wrong_shape(err, "time");
    out->is_deleted = deleted != NULL && !cJSON_IsNull(deleted);
    if (out->is_deleted && !cJSON_IsNumber(deleted))
        return wrong_shape(err, "deletedAt");
    return RC_OK;
}

static void add_extra(struct buf *extra, const cJSON *item)
{
    buf_putc(extra, extra->len == 0 ? '{' : ',');
    json_put_string(extra, item->string, strlen(item->string));
    buf_putc(extra, ':');
    json_put(extra, item);
}

enum rc doc_decode(const struct table *table, const cJSON *json, struct doc *out, struct err *err)
{
    struct buf extra = { 0 };
    const cJSON *item;
    enum rc rc;

    memset(out, 0, sizeof *out);
    if (!cJSON_IsObject(json))
        return wrong_shape(err, "form");
    rc = decode_head(json, out, err);
    if (rc)
        return rc;
    out->table = table;
    out->values = mem_zero(table->column_count, sizeof *out->values);
    out->is_there = mem_zero(table->column_count, sizeof *out->is_there);
    cJSON_ArrayForEach(item, json) {
        const struct column *col = table_column(table, item->string);
        if (col == NULL) {
            if (!is_system_member(item->string))
                add_extra(&extra, item);
            continue;
        }
        /* A value of another type than this device's definition says is kept beside the columns, like one of a column
         * that it does not know (row.c shows that one, then): one table whose definitions have drifted apart stops no
         * other. */
        out->is_there[col->index] = true;
        if (column_from_backend(col, item, &out->values[col->index], err))
            add_extra(&extra, item);
    }
    if (extra.len > 0)
        buf_putc(&extra, '}');
    out->extra = extra.len > 0 ? buf_take(&extra) : NULL;
    return RC_OK;
}

/* ---- walk state ---- */

enum rc walk_state_read(struct db *db, const struct table *table, struct walk_state *out, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT walk_no, walking, epoch IS NOT NULL AND walk_epoch IS NOT NULL AND "
                                        "epoch <> walk_epoch, epoch_no FROM sync_metadata WHERE table_name = ?1", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc == RC_NOT_FOUND ? err_set(err, RC_CORRUPT,
                                            _("The store is damaged (table %s). See: outpost "
                                              "doctor."),
                                            table->name) : rc;
    out->no = sql_i64(st, 0);
    out->walking = (int)sql_i64(st, 1);
    out->is_new_epoch = out->walking != 0 && sql_i64(st, 2) != 0;
    out->epoch_no = sql_i64(st, 3);
    sqlite3_reset(st);
    return RC_OK;
}

/* A first walk that starts again because the epoch changed under it keeps the old epoch, to know that it changed. */
enum rc walk_begin_in_tx(struct db *db, const struct table *table, const char *epoch, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_metadata SET epoch = coalesce(epoch, walk_epoch), "
                                        "walk_no = walk_no + 1, epoch_no = walk_no + 1, walking = 1, "
                                        "walk_cursor = NULL, walk_epoch = ?2, total = 0, received = 0 "
                                        "WHERE table_name = ?1", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    sql_bind_text(st, 2, epoch);
    return sql_run(db->sql, st, err);
}

static enum rc note_first_epoch(struct db *db, const struct table *table, const char *epoch, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_metadata SET walk_epoch = iif(walking, ?2, walk_epoch), "
                                        "epoch = iif(walking, epoch, ?2) WHERE table_name = ?1", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    sql_bind_text(st, 2, epoch);
    return sql_run(db->sql, st, err);
}

enum rc walk_notice_epoch(struct db *db, const struct table *table, const char *epoch, struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT walking, epoch, walk_epoch FROM sync_metadata WHERE table_name = ?1",
                               err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    const char *stored = sql_text(st, sql_i64(st, 0) != 0 ? 2 : 1);
    bool is_first = stored == NULL, is_known = !is_first && strcmp(stored, epoch) == 0;
    sqlite3_reset(st);
    if (is_known)
        return RC_OK;
    /* What was accepted in this epoch must be missed when a page comes with another. */
    return is_first ? note_first_epoch(db, table, epoch, err) : walk_begin_in_tx(db, table, epoch, err);
}

/* ---- docs onto rows ---- */

void row_take_columns(struct row *row, struct doc *doc, const bool *is_kept)
{
    for (size_t i = 0; i < row->table->column_count; i++) {
        const struct column *col = &row->table->columns[i];
        if (is_kept != NULL && is_kept[i])
            continue;
        if (!doc->is_there[i]) {        /* absent is not null: once the backend knows the column, it has the default */
            if (row->values[i].kind == VALUE_NULL && col->has_default)
                value_copy(&row->values[i], &col->default_value);
            continue;
        }
        value_done(&row->values[i]);
        row->values[i] = doc->values[i];
        memset(&doc->values[i], 0, sizeof doc->values[i]);
    }
    free(row->extra);
    row->extra = doc->extra;
    doc->extra = NULL;
    row->created_at = doc->created_at;
    if (is_kept == NULL)
        row->updated_at = doc->updated_at;
}

static void take_server_id(struct row *row, const struct doc *doc)
{
    if (row->server_id == NULL || strcmp(row->server_id, doc->server_id) != 0) {
        free(row->server_id);
        row->server_id = mem_strdup(doc->server_id);
    }
    row->rev = doc->rev;
}

/* The doc as text again, for the shadow. */
static char *doc_text(const struct doc *doc)
{
    struct row row = { 0 };
    struct buf text = { 0 };

    row.table = doc->table;
    memcpy(row.client_id, doc->client_id, ID_SIZE);
    row.server_id = (char *)doc->server_id;
    row.rev = doc->rev;
    row.created_at = doc->created_at;
    row.updated_at = doc->updated_at;
    row.values = doc->values;
    row.extra = doc->extra;
    row_to_partial_doc(&row, doc->is_deleted, doc->is_there, &text);
    return buf_take(&text);
}

static void keep_as_shadow(struct row *row, const struct doc *doc)
{
    free(row->shadow);
    row->shadow = doc_text(doc);
    take_server_id(row, doc);
}

/* Is the doc newer than what we have of the backend's? */
static bool is_news(const struct row *row, const struct doc *doc, const struct walk_state *walk)
{
    if (row->id == 0 || row->server_id == NULL)
        return true;
    if (walk->is_new_epoch && row->seen < walk->epoch_no)
        return true;
    return doc->rev >= row->rev;
}

/* The restored backend has an older version of what this device wrote: ours goes up again. */
static bool is_lost_there(const struct row *row, const struct doc *doc, const struct walk_state *walk)
{
    return walk->is_new_epoch && row->seen < walk->epoch_no && row->is_mine && row->server_id != NULL &&
           doc->rev < row->rev;
}

static enum rc queue_again(struct db *db, struct row *row, const struct doc *doc, struct err *err)
{
    keep_as_shadow(row, doc);
    enum rc rc = queue_append_all(db, row, err);
    if (rc)
        return rc;
    row->is_pending = true;
    return row_write(db, row, err);
}

static enum rc apply_to_synced(struct db *db, struct row *row, struct doc *doc, bool *changed, struct err *err)
{
    if (doc->is_deleted) {
        *changed = row->id != 0;
        return row_delete(db, row, err);
    }
    *changed = row->id == 0 || doc->rev != row->rev;
    row_take_columns(row, doc, NULL);
    take_server_id(row, doc);
    return row_write(db, row, err);
}

/* Which columns the waiting ops set. */
static void mark_kept(const struct table *table, const struct db_ops *waiting, bool *is_kept)
{
    for (size_t i = 0; i < waiting->count; i++) {
        cJSON *set = NULL;
        const cJSON *item;
        struct err ignored;
        if (json_parse(waiting->items[i].set, strlen(waiting->items[i].set), &set, &ignored) != RC_OK) {
            memset(is_kept, true, table->column_count * sizeof *is_kept);   /* it may have set any of them */
            continue;
        }
        cJSON_ArrayForEach(item, set) {
            const struct column *col = table_column(table, item->string);
            if (col != NULL)
                is_kept[col->index] = true;
        }
        cJSON_Delete(set);
    }
}

/* The first sight of a record of ours in a new epoch is our own push to it, which has given it a new rev: so the rev does
 * not tell whether the restored backend had lost what we wrote before. What differs in columns that the push did not set
 * is taken for lost: if somebody has written it since, it goes into the conflict log. */
static bool hides_a_loss(const struct row *row, const struct doc *doc, const struct walk_state *walk, const cJSON *set,
                         const bool *is_kept)
{
    if (!walk->is_new_epoch || row->seen >= walk->epoch_no || !row->was_accepted || doc->is_deleted)
        return false;
    for (size_t i = 0; i < row->table->column_count; i++) {
        const struct column *col = &row->table->columns[i];
        bool is_set = is_kept[i] || cJSON_GetObjectItemCaseSensitive(set, col->name) != NULL;
        if (!is_set && doc->is_there[i] && !value_equal(&row->values[i], &doc->values[i]))
            return true;
    }
    return false;
}

/* The same where the answer to that push was lost: then a page is what tells, and the op waits still. */
static enum rc read_unheard(struct db *db, const struct row *row, bool *was_sent, bool *is_kept, struct err *err)
{
    struct db_ops waiting = { 0 };
    enum rc rc = queue_of_record(db, row->table->name, row->client_id, &waiting, err);

    *was_sent = false;
    if (rc)
        return rc;
    for (size_t i = 0; i < waiting.count; i++)
        if (waiting.items[i].sent_at != 0 || strcmp(waiting.items[i].replaces, "[]") != 0)
            *was_sent = true;
    mark_kept(row->table, &waiting, is_kept);
    db_ops_done(&waiting);
    return RC_OK;
}

enum rc apply_page_doc(struct db *db, struct doc *doc, const struct walk_state *walk, bool *changed, struct err *err)
{
    bool is_kept[TABLE_COLUMNS_MAX] = { false }, was_sent = false;
    struct row row = { 0 };
    enum rc rc = row_read(db, doc->table, doc->client_id, &row, err);

    *changed = false;
    if (rc && rc != RC_NOT_FOUND)
        goto out;
    rc = RC_OK;
    if (row.id == 0 && doc->is_deleted)
        goto out;
    if (walk->is_new_epoch && row.is_pending)
        rc = read_unheard(db, &row, &was_sent, is_kept, err);
    if (rc)
        goto out;
    bool news = is_news(&row, doc, walk);
    bool lost = is_lost_there(&row, doc, walk) || (was_sent && hides_a_loss(&row, doc, walk, NULL, is_kept));
    bool was_seen = row.seen == walk->no;
    row.seen = walk->no;
    if (lost)
        rc = queue_again(db, &row, doc, err);
    else if (news && row.is_pending) {
        keep_as_shadow(&row, doc);
        rc = row_write(db, &row, err);
    } else if (news)
        rc = apply_to_synced(db, &row, doc, changed, err);
    else if (!was_seen)
        rc = row_write(db, &row, err);
out:
    row_done(&row);
    return rc;
}

bool shadow_decode(const struct row *row, struct doc *out)
{
    struct err ignored;
    cJSON *json = NULL;

    if (row->shadow == NULL || json_parse(row->shadow, strlen(row->shadow), &json, &ignored) != RC_OK)
        return false;
    enum rc rc = doc_decode(row->table, json, out, &ignored);
    cJSON_Delete(json);
    return rc == RC_OK;
}

/* After an op was accepted: nothing waits any more. */
static enum rc settle_synced(struct db *db, struct row *row, struct doc *doc, bool news, struct err *err)
{
    struct doc shadow = { 0 };
    enum rc rc;

    row->is_pending = false;
    if (!news && shadow_decode(row, &shadow))
        doc = &shadow;          /* a page brought a newer version while we waited */
    else if (!news)
        doc = NULL;
    free(row->shadow);
    row->shadow = NULL;
    if (doc != NULL && doc->is_deleted) {
        rc = row_delete(db, row, err);
    } else {
        if (doc != NULL) {
            row_take_columns(row, doc, NULL);
            take_server_id(row, doc);
        }
        rc = row_write(db, row, err);
    }
    doc_done(&shadow);
    return rc;
}

/* After an op was accepted: others wait still. */
static enum rc settle_pending(struct db *db, struct row *row, struct doc *doc, bool news, const bool *is_kept,
                              struct err *err)
{
    struct doc shadow = { 0 };

    row->is_pending = true;
    if (news)
        keep_as_shadow(row, doc);
    else if (shadow_decode(row, &shadow))
        doc = &shadow;
    if (!doc->is_deleted)
        row_take_columns(row, doc, is_kept);
    enum rc rc = row_write(db, row, err);
    doc_done(&shadow);
    return rc;
}

enum rc apply_push_doc(struct db *db, struct doc *doc, const struct walk_state *walk, const struct cJSON *set,
                       const struct db_ops *waiting, struct err *err)
{
    bool is_kept[TABLE_COLUMNS_MAX] = { false };
    struct row row = { 0 };
    enum rc rc = row_read(db, doc->table, doc->client_id, &row, err);

    if (rc && rc != RC_NOT_FOUND)
        goto out;
    rc = RC_OK;
    if (row.id == 0) {
        if (doc->is_deleted && waiting->count == 0)
            goto out;
        row.is_mine = true;     /* it was ours, and the row went meanwhile: it comes back as the backend has it */
    }
    mark_kept(row.table, waiting, is_kept);
    bool news = is_news(&row, doc, walk), is_lost = hides_a_loss(&row, doc, walk, set, is_kept);
    row.seen = walk->no;
    row.was_accepted = row.is_mine;
    if (is_lost)
        rc = queue_again(db, &row, doc, err);
    else
        rc = waiting->count == 0 ? settle_synced(db, &row, doc, news, err)
                                 : settle_pending(db, &row, doc, news, is_kept, err);
out:
    row_done(&row);
    return rc;
}
