/* src/backend/fit.c: stored docs follow their table's definition. A doc is sent as it lies in the
 * file, so when a definition has gained a column since, every doc of the table gets it before the
 * first request. */
#include "src/backend/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/json.h"
#include "src/backend/record.h"

#define ROWS_AT_ONCE 500

static void setting_name(const struct table *table, struct buf *out)
{
    buf_printf(out, "table:%s", table->name);
}

/* {"fingerprint":…,"columns":{NAME:KIND,…}}: what the docs in the file look like. */
static void describe(const struct table *table, struct buf *out)
{
    char fingerprint[33];

    table_fingerprint(table, fingerprint);
    buf_printf(out, "{\"fingerprint\":\"%s\",\"columns\":{", fingerprint);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *col = &table->columns[i];
        buf_printf(out, "%s\"%s\":\"%s\"", i > 0 ? "," : "", col->name,
                   column_kind_name(col->kind));
    }
    buf_puts(out, "}}");
}

/* Columns can be added; one that is gone, or has another type, would make stored values
 * unreadable. */
static enum rc check_columns(const struct table *table, const cJSON *before, struct err *err)
{
    const cJSON *was = NULL;

    cJSON_ArrayForEach(was, json_get(before, "columns"))
    {
        const struct column *col = table_column(table, was->string);

        if (col != NULL && cJSON_IsString(was) &&
            strcmp(was->valuestring, column_kind_name(col->kind)) == 0)
            continue;
        if (col == NULL)
            err_set(err, RC_INVALID,
                    "column \"%s\" of table \"%s\" was dropped, and the database has data in it. Put"
                    " the column back.",
                    was->string, table->name);
        else
            err_set(err, RC_INVALID,
                    "column \"%s\" of table \"%s\" changed its type from %s to %s. Make a new column"
                    " instead.",
                    col->name, table->name, cJSON_IsString(was) ? was->valuestring : "?",
                    column_kind_name(col->kind));
        err_column(err, was->string);
        return RC_INVALID;
    }
    return RC_OK;
}

static enum rc read_row(const struct table *table, sqlite3_stmt *st, struct buf *out,
                        struct err *err)
{
    const cJSON *values[TABLE_COLUMNS_MAX] = { 0 };
    struct record rec = {
        .rev = sql_i64(st, 1),
        .created_at = sql_i64(st, 2),
        .updated_at = sql_i64(st, 3),
        .is_deleted = sql_text(st, 4) != NULL,
        .deleted_at = sql_i64(st, 4),
    };
    cJSON *doc = NULL;

    snprintf(rec.client_id, sizeof rec.client_id, "%s", sql_text(st, 5));
    snprintf(rec.server_id, sizeof rec.server_id, "%s", sql_text(st, 6));
    enum rc rc = json_parse(sql_text(st, 7), strlen(sql_text(st, 7)), &doc, err);
    if (rc)
        return err_set(err, RC_CORRUPT, "A record of table %s can not be read.", table->name);
    for (size_t i = 0; i < table->column_count; i++)
        values[i] = json_get(doc, table->columns[i].name);
    backend_doc_compose(table, &rec, values, out);
    cJSON_Delete(doc);
    return RC_OK;
}

/* One batch of rows after *id; sets it to the last one. RC_NOT_FOUND when there are no more. */
static enum rc fit_rows(struct backend *b, const struct table *table, int64_t *id, struct err *err)
{
    sqlite3_stmt *rows =
        sql_get(b->sql,
                "SELECT id,rev,created_at,updated_at,deleted_at,client_id,server_id,doc"
                " FROM records WHERE table_name=?1 AND id>?2 ORDER BY id LIMIT ?3",
                err);
    struct buf doc = { 0 };
    enum rc rc = rows == NULL ? err->rc : RC_OK;
    int count = 0;

    if (rc)
        return rc;
    sql_bind_text(rows, 1, table->name);
    sql_bind_i64(rows, 2, *id);
    sql_bind_i64(rows, 3, ROWS_AT_ONCE);
    while ((rc = sql_step(b->sql, rows, err)) == RC_OK) {
        sqlite3_stmt *st = sql_get(b->sql, "UPDATE records SET doc=?1 WHERE id=?2", err);

        if (st == NULL) {
            rc = err->rc;
            break;
        }
        *id = sql_i64(rows, 0);
        buf_clear(&doc);
        rc = read_row(table, rows, &doc, err);
        if (rc)
            break;
        sql_bind_text_n(st, 1, buf_str(&doc), doc.len);
        sql_bind_i64(st, 2, *id);
        rc = sql_run(b->sql, st, err);
        if (rc)
            break;
        count++;
    }
    sqlite3_reset(rows);
    buf_done(&doc);
    return rc == RC_NOT_FOUND && count > 0 ? RC_OK : rc;
}

/* The new description is written last: a kill in between only means that it is all done again. */
static enum rc fit_table(struct backend *b, const struct table *table, const char *name,
                         const char *now, struct err *err)
{
    int64_t id = 0;
    enum rc rc = RC_OK;

    while (!rc) {
        rc = backend_store_begin(b, err);
        if (!rc)
            rc = fit_rows(b, table, &id, err);
        if (rc == RC_NOT_FOUND) {
            rc = backend_setting_set(b, name, now, err);
            if (!rc)
                rc = backend_store_commit(b, 0, err);
            break;
        }
        if (!rc)
            rc = backend_store_commit(b, 0, err);
    }
    backend_store_end(b);
    return rc;
}

enum rc backend_fit_tables(struct backend *b, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < registry_count(b->registry); i++) {
        const struct table *table = registry_at(b->registry, i);
        struct buf name = { 0 }, now = { 0 }, before = { 0 };
        cJSON *parsed = NULL;

        setting_name(table, &name);
        describe(table, &now);
        rc = backend_setting_get(b, buf_str(&name), &before, err);
        if (rc == RC_OK && strcmp(buf_str(&before), buf_str(&now)) != 0) {
            rc = json_parse(buf_str(&before), before.len, &parsed, err);
            if (!rc && check_columns(table, parsed, err)) {
                err_prefix(err, "%s", table->source);
                rc = err->rc;
            }
            if (!rc)
                rc = fit_table(b, table, buf_str(&name), buf_str(&now), err);
        } else if (rc == RC_NOT_FOUND) {
            rc = fit_table(b, table, buf_str(&name), buf_str(&now), err);
        }
        cJSON_Delete(parsed);
        buf_done(&name);
        buf_done(&now);
        buf_done(&before);
    }
    return rc;
}

/* From the last to the first, for their places move. */
static enum rc refuse_unfit(struct sql *sql, struct registry *reg, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = registry_count(reg); !rc && i-- > 0;) {
        const struct table *table = registry_at(reg, i);
        sqlite3_stmt *st = sql_get(sql, "SELECT value FROM settings WHERE name=?1", err);
        struct buf name = { 0 };
        cJSON *before = NULL;

        if (st == NULL)
            return err->rc;
        setting_name(table, &name);
        sql_bind_text(st, 1, buf_str(&name));
        rc = sql_step(sql, st, err);
        if (rc == RC_OK)
            rc = json_parse(sql_text(st, 0), strlen(sql_text(st, 0)), &before, err);
        else if (rc == RC_NOT_FOUND)
            rc = RC_OK;
        sqlite3_reset(st);
        if (!rc && check_columns(table, before, err))
            registry_refuse(reg, table->name, err->column, err->msg);
        cJSON_Delete(before);
        buf_done(&name);
    }
    return rc;
}

enum rc backend_fit_registry(const char *path, struct registry *reg, struct err *err)
{
    struct sql *sql = NULL;
    enum rc rc = backend_store_look(path, &sql, err);

    if (rc == RC_OK)
        rc = refuse_unfit(sql, reg, err);
    sql_close(sql);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}
