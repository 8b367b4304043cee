/* Pages of the backend, applied in slices; a cursor moves with the last rows of its page. */
#include "db/pull.h"
#include "db/store_priv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"

#define SLICE_ROWS 100
#define SLICE_MS 20

void db_pull_tables_done(struct db_pull_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        struct db_pull_table *t = &tables->items[i];
        free(t->cursor);
        free(t->epoch);
        free(t->walk_cursor);
        free(t->walk_epoch);
    }
    free(tables->items);
    memset(tables, 0, sizeof *tables);
}

static enum rc read_table(struct db *db, const struct table *table, struct db_pull_table *out, struct err *err)
{
    out->table = table;
    sqlite3_stmt *st = sql_get(db->sql, "SELECT cursor, epoch, initial_sync_complete, walking, walk_cursor, walk_epoch, "
                                        "received, total, last_sync_timestamp FROM sync_metadata WHERE table_name = ?1",
                               err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    out->cursor = sql_text_copy(st, 0);
    out->epoch = sql_text_copy(st, 1);
    out->is_complete = sql_i64(st, 2) != 0;
    out->is_walking = sql_i64(st, 3) == 1;
    out->is_walked = sql_i64(st, 3) == 2;
    out->walk_cursor = sql_text_copy(st, 4);
    out->walk_epoch = sql_text_copy(st, 5);
    out->received = sql_i64(st, 6);
    out->total = sql_i64(st, 7);
    out->last_ms = sql_i64(st, 8);
    sqlite3_reset(st);
    return RC_OK;
}

enum rc db_pull_read(struct db *db, struct db_pull_tables *out, struct err *err)
{
    size_t count = registry_count(db->registry);
    struct db_pull_tables tables = { mem_zero(count == 0 ? 1 : count, sizeof *tables.items), count };

    for (size_t i = 0; i < count; i++) {
        enum rc rc = read_table(db, registry_at(db->registry, i), &tables.items[i], err);
        if (rc) {
            db_pull_tables_done(&tables);
            return rc;
        }
    }
    *out = tables;
    return RC_OK;
}

enum rc db_pull_is_table_complete(struct db *db, const struct table *table, bool *out, struct err *err)
{
    struct db_pull_tables one = { mem_zero(1, sizeof *one.items), 1 };
    enum rc rc = read_table(db, table, &one.items[0], err);

    if (!rc)
        *out = one.items[0].is_complete;
    db_pull_tables_done(&one);
    return rc;
}

enum rc db_pull_is_complete(struct db *db, bool *all, bool *any, struct err *err)
{
    struct db_pull_tables tables;
    enum rc rc = db_pull_read(db, &tables, err);

    if (rc)
        return rc;
    *all = true;
    *any = false;
    for (size_t i = 0; i < tables.count; i++) {
        *all = *all && tables.items[i].is_complete;
        *any = *any || tables.items[i].is_complete;
    }
    db_pull_tables_done(&tables);
    return RC_OK;
}

/* ---- a page under way ---- */

struct db_apply {
    struct db *db;
    const struct table *walked;         /* a walk's page; NULL: changes */
    const struct cJSON *value;          /* borrowed */
    struct doc *docs;
    size_t count, at;
    bool *is_skipped;                   /* per table of the registry: not to be touched by this page */
    int64_t changed;
    bool is_broken;
};

void db_apply_free(struct db_apply *apply)
{
    if (apply == NULL)
        return;
    for (size_t i = 0; i < apply->count; i++)
        doc_done(&apply->docs[i]);
    free(apply->docs);
    free(apply->is_skipped);
    free(apply);
}

int64_t db_apply_changed(const struct db_apply *apply)
{
    return apply->changed;
}

static enum rc wrong_page(struct err *err, const char *what)
{
    return err_set(err, RC_PROTOCOL, _("The server's answer has no right \"%s\"."), what);
}

static struct db_apply *apply_new(struct db *db, const struct table *walked, const struct cJSON *value, int size)
{
    struct db_apply *apply = mem_zero(1, sizeof *apply);

    apply->db = db;
    apply->walked = walked;
    apply->value = value;
    apply->docs = mem_zero(size > 0 ? (size_t)size : 1, sizeof *apply->docs);
    apply->is_skipped = mem_zero(registry_count(db->registry) + 1, sizeof *apply->is_skipped);
    return apply;
}

static enum rc add_doc(struct db_apply *apply, const struct table *table, const cJSON *json, struct err *err)
{
    enum rc rc = doc_decode(table, json, &apply->docs[apply->count], err);

    if (!rc)
        apply->count++;
    return rc;
}

enum rc db_apply_walk(struct db *db, const struct table *table, const struct cJSON *value, struct db_apply **out,
                      struct err *err)
{
    const cJSON *docs = json_get(value, "docs"), *item;
    bool more;
    enum rc rc = RC_OK;

    if (!cJSON_IsArray(docs))
        return wrong_page(err, "docs");
    if (json_get_string(value, "cursor") == NULL || json_get_string(value, "epoch") == NULL)
        return wrong_page(err, "cursor");
    if (!json_get_bool(value, "more", &more))
        return wrong_page(err, "more");
    struct db_apply *apply = apply_new(db, table, value, cJSON_GetArraySize(docs));
    cJSON_ArrayForEach(item, docs) {
        rc = add_doc(apply, table, item, err);
        if (rc)
            break;
    }
    if (rc)
        db_apply_free(apply);
    else
        *out = apply;
    return rc;
}

/* A table that is being walked, or whose epoch is another, is not touched by a page of changes. */
static enum rc find_skipped(struct db_apply *apply, struct err *err)
{
    struct db_pull_tables tables;
    const char *epoch = json_get_string(apply->value, "epoch");
    enum rc rc = db_pull_read(apply->db, &tables, err);

    if (rc)
        return rc;
    for (size_t i = 0; i < tables.count; i++) {
        const struct db_pull_table *t = &tables.items[i];
        apply->is_skipped[i] = t->is_walking || t->is_walked || t->epoch == NULL || strcmp(t->epoch, epoch) != 0;
    }
    db_pull_tables_done(&tables);
    return RC_OK;
}

static enum rc add_changes(struct db_apply *apply, const cJSON *changes, struct err *err)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, changes) {
        const char *name = json_get_string(item, "table");
        const struct table *table = name == NULL ? NULL : registry_find(apply->db->registry, name);
        if (name == NULL)
            return wrong_page(err, "changes");
        if (table == NULL)
            continue;           /* not asked for: nothing of ours */
        enum rc rc = add_doc(apply, table, json_get(item, "doc"), err);
        if (rc)
            return rc;
    }
    return RC_OK;
}

enum rc db_apply_changes(struct db *db, const struct cJSON *value, struct db_apply **out, struct err *err)
{
    const cJSON *changes = json_get(value, "changes"), *cursors = json_get(value, "cursors"), *item;
    bool more;

    if (!cJSON_IsArray(changes))
        return wrong_page(err, "changes");
    if (!cJSON_IsObject(cursors) || json_get_string(value, "epoch") == NULL)
        return wrong_page(err, "cursors");
    if (!json_get_bool(value, "more", &more))
        return wrong_page(err, "more");
    cJSON_ArrayForEach(item, cursors) {
        if (!cJSON_IsString(item))
            return wrong_page(err, "cursors");
    }
    struct db_apply *apply = apply_new(db, NULL, value, cJSON_GetArraySize(changes));
    enum rc rc = add_changes(apply, changes, err);
    if (!rc)
        rc = find_skipped(apply, err);
    if (rc)
        db_apply_free(apply);
    else
        *out = apply;
    return rc;
}

/* ---- the end of a page ---- */

static enum rc write_walk(struct db_apply *apply, struct err *err)
{
    struct db *db = apply->db;
    int64_t total = 0;
    bool more = true;

    json_get_bool(apply->value, "more", &more);
    json_get_i64(apply->value, "total", &total);
    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_metadata SET walk_cursor = ?2, "
                                        "received = received + ?3, total = iif(?4 > 0, ?4, total), walking = ?5, "
                                        "last_sync_timestamp = ?6 WHERE table_name = ?1", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, apply->walked->name);
    sql_bind_text(st, 2, json_get_string(apply->value, "cursor"));
    sql_bind_i64(st, 3, (int64_t)apply->count);
    sql_bind_i64(st, 4, total);
    sql_bind_i64(st, 5, more ? 1 : 2);
    sql_bind_i64(st, 6, db_now(db));
    return sql_run(db->sql, st, err);
}

static enum rc write_cursors(struct db_apply *apply, struct err *err)
{
    const cJSON *item;
    struct db *db = apply->db;

    cJSON_ArrayForEach(item, json_get(apply->value, "cursors")) {
        const struct table *table = registry_find(db->registry, item->string);
        if (table == NULL || apply->is_skipped[table->index])
            continue;
        sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_metadata SET cursor = ?2, last_sync_timestamp = ?3 "
                                            "WHERE table_name = ?1 AND cursor IS NOT ?2", err);
        if (st == NULL)
            return err->rc;
        sql_bind_text(st, 1, table->name);
        sql_bind_text(st, 2, item->valuestring);
        sql_bind_i64(st, 3, db_now(db));
        enum rc rc = sql_run(db->sql, st, err);
        if (rc)
            return rc;
    }
    return RC_OK;
}

/* Would write_cursors change anything? An idle device writes nothing. */
static enum rc moves_cursor(struct db_apply *apply, bool *moves, struct err *err)
{
    struct db_pull_tables tables;
    enum rc rc = db_pull_read(apply->db, &tables, err);

    if (rc)
        return rc;
    *moves = false;
    for (size_t i = 0; i < tables.count; i++) {
        const char *to = json_get_string(json_get(apply->value, "cursors"), tables.items[i].table->name);
        if (to != NULL && !apply->is_skipped[i] && (tables.items[i].cursor == NULL ||
                                                    strcmp(tables.items[i].cursor, to) != 0))
            *moves = true;
    }
    db_pull_tables_done(&tables);
    return RC_OK;
}

/* ---- slices ---- */

static enum rc apply_rows(struct db_apply *apply, struct err *err)
{
    struct db *db = apply->db;
    const struct table *current = NULL;
    struct walk_state walk = { 0 };
    int64_t end_ms = clock_mono(db->clock) + SLICE_MS;

    for (int rows = 0; apply->at < apply->count && rows < SLICE_ROWS; rows++) {
        struct doc *doc = &apply->docs[apply->at];
        bool changed = false;
        enum rc rc = RC_OK;
        if (rows > 0 && rows % 8 == 0 && clock_mono(db->clock) >= end_ms)
            break;
        if (doc->table != current) {
            current = doc->table;
            rc = walk_state_read(db, current, &walk, err);
        }
        if (!rc && !apply->is_skipped[current->index])
            rc = apply_page_doc(db, doc, &walk, &changed, err);
        if (rc)
            return rc;
        apply->changed += changed;
        apply->at++;
    }
    return RC_OK;
}

/* A walk of a new epoch may put changes back into the queue; its first page learns the epoch. */
static enum rc needs_full(struct db_apply *apply, enum sql_sync *out, struct err *err)
{
    struct walk_state walk;

    *out = SQL_NORMAL;
    if (apply->walked == NULL)
        return RC_OK;
    enum rc rc = walk_state_read(apply->db, apply->walked, &walk, err);
    if (!rc && walk.is_new_epoch)
        *out = SQL_FULL;
    return rc;
}

/* The walk's epoch is known before its first row is applied: it decides what a lower rev means. And with the first page,
 * each time that it comes, seeing begins anew: the backend leaves out what was deleted before it. */
static enum rc begin_page(struct db_apply *apply, struct err *err)
{
    struct db *db = apply->db;

    sqlite3_stmt *st = sql_get(db->sql, "UPDATE sync_metadata SET walk_epoch = coalesce(walk_epoch, ?2), "
                                        "walk_no = walk_no + iif(walk_cursor IS NULL, 1, 0) WHERE table_name = ?1", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, apply->walked->name);
    sql_bind_text(st, 2, json_get_string(apply->value, "epoch"));
    return sql_run(db->sql, st, err);
}

enum rc db_apply_slice(struct db_apply *apply, bool *is_done, struct err *err)
{
    struct db *db = apply->db;
    enum sql_sync sync = SQL_NORMAL;
    bool moves = true;
    enum rc rc = RC_OK;

    if (apply->is_broken)
        return err_set(err, RC_INTERNAL, _("A page that could not be applied was tried again."));
    if (apply->count == 0 && apply->walked == NULL)
        rc = moves_cursor(apply, &moves, err);
    if (!rc && !moves) {
        *is_done = true;
        return RC_OK;
    }
    if (!rc)
        rc = needs_full(apply, &sync, err);
    if (!rc)
        rc = tx_begin_data(db, sync, NULL, err);
    if (rc)
        return rc;
    if (apply->walked != NULL && apply->at == 0)
        rc = begin_page(apply, err);
    if (!rc)
        rc = apply_rows(apply, err);
    bool is_last = apply->at == apply->count;
    if (!rc && is_last)
        rc = apply->walked != NULL ? write_walk(apply, err) : write_cursors(apply, err);
    if (!rc)
        rc = tx_commit(db, err);
    else
        tx_rollback(db);
    if (rc) {
        apply->is_broken = true;        /* values were moved out of the docs: the page must be fetched again */
        return rc;
    }
    *is_done = is_last;
    return RC_OK;
}
