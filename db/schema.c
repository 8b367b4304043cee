/* The schema: numbered migrations for the system tables, and for each table of the registry one SQLite table that
 * is made and grown from its definition. Growing only adds; what would lose data is refused with words. */
#include "db/store_priv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"
#include "embed/migration_001.h"

/* The columns that every data table has before its own; row.c reads them in this order. Those that nobody but the
 * store cares for begin with an underscore, which no definition's can. */
static const char system_columns[] =
    "id, client_id, server_id, server_rev, created_at, updated_at, sync_status, shadow, extra, _seen, _mine, _is_done";

static void put_names(struct buf *out, const struct table *table, const char *after)
{
    for (size_t i = 0; i < table->column_count; i++)
        buf_printf(out, ", \"%s\"%s", table->columns[i].sql, after);
}

static char *insert_text(const struct table *table)
{
    struct buf text = { 0 };
    size_t marks = 12 + table->sort_count + table->column_count;

    buf_printf(&text, "INSERT INTO \"%s\" (client_id, server_id, server_rev, user_id, created_at, updated_at, "
                      "sync_status, shadow, extra, _seen, _mine, _is_done", table->sql);
    for (size_t i = 0; i < table->sort_count; i++)
        buf_printf(&text, ", _sort_%zu", i + 1);
    put_names(&text, table, "");
    buf_puts(&text, ") VALUES (?");
    for (size_t i = 1; i < marks; i++)
        buf_puts(&text, ", ?");
    buf_puts(&text, ")");
    return buf_take(&text);
}

static char *update_text(const struct table *table)
{
    struct buf text = { 0 };

    buf_printf(&text, "UPDATE \"%s\" SET client_id = ?, server_id = ?, server_rev = ?, user_id = ?, created_at = ?, "
                      "updated_at = ?, sync_status = ?, shadow = ?, extra = ?, _seen = ?, _mine = ?, _is_done = ?",
               table->sql);
    for (size_t i = 0; i < table->sort_count; i++)
        buf_printf(&text, ", _sort_%zu = ?", i + 1);
    put_names(&text, table, " = ?");
    buf_puts(&text, " WHERE id = ?");
    return buf_take(&text);
}

static void make_statements(const struct table *table, struct table_sql *sql)
{
    struct buf text = { 0 };

    buf_puts(&text, system_columns);
    put_names(&text, table, "");
    sql->columns = buf_take(&text);
    buf_printf(&text, "SELECT %s FROM \"%s\" WHERE client_id = ?1", sql->columns, table->sql);
    sql->by_client = buf_take(&text);
    buf_printf(&text, "DELETE FROM \"%s\" WHERE id = ?1", table->sql);
    sql->delete = buf_take(&text);
    buf_printf(&text, "SELECT %s FROM \"%s\" WHERE _seen < ?1 AND client_id > ?2 ORDER BY client_id LIMIT ?3",
               sql->columns, table->sql);
    sql->unseen = buf_take(&text);
    sql->insert = insert_text(table);
    sql->update = update_text(table);
}

void schema_statements(struct db *db)
{
    size_t count = registry_count(db->registry);

    db->tables = mem_zero(count == 0 ? 1 : count, sizeof *db->tables);
    for (size_t i = 0; i < count; i++)
        make_statements(registry_at(db->registry, i), &db->tables[i]);
}

void schema_done(struct db *db)
{
    for (size_t i = 0; db->tables != NULL && i < registry_count(db->registry); i++) {
        struct table_sql *sql = &db->tables[i];
        free(sql->columns);
        free(sql->by_client);
        free(sql->insert);
        free(sql->update);
        free(sql->delete);
        free(sql->unseen);
    }
    free(db->tables);
}

/* ---- data tables ---- */

/* {"text":"text","dueAt":"date"}: what the SQLite table was made from. */
static void definition_text(const struct table *table, struct buf *out)
{
    buf_putc(out, '{');
    for (size_t i = 0; i < table->column_count; i++) {
        if (i > 0)
            buf_putc(out, ',');
        buf_printf(out, "\"%s\":\"%s\"", table->columns[i].name, column_kind_name(table->columns[i].kind));
    }
    buf_putc(out, '}');
}

/* What the sort keys and _is_done depend on: when it changes, they are computed again. */
static void sorts_text(const struct table *table, struct buf *out)
{
    buf_puts(out, table->done == NULL ? "-" : table->done->name);
    for (size_t i = 0; i < table->sort_count; i++) {
        const struct sort_order *sort = &table->sorts[i];
        const struct column *col = sort->column;
        buf_printf(out, ";%s%s", sort->is_descending ? "-" : "+",
                   col != NULL ? col->name : sort->by_created ? "createdAt" : "updatedAt");
        for (size_t c = 0; col != NULL && c < col->choice_count; c++)
            buf_printf(out, ",%s", col->choices[c].value);
    }
}

static enum rc create_table(struct db *db, const struct table *table, struct err *err)
{
    struct buf text = { 0 };

    buf_printf(&text, "CREATE TABLE \"%s\" (id INTEGER PRIMARY KEY, client_id TEXT NOT NULL UNIQUE, server_id TEXT, "
                      "server_rev INTEGER NOT NULL, user_id TEXT NOT NULL, created_at INTEGER NOT NULL, "
                      "updated_at INTEGER NOT NULL, sync_status TEXT NOT NULL CHECK (sync_status IN ('pending', "
                      "'synced')), shadow TEXT, extra TEXT, _seen INTEGER NOT NULL, _mine INTEGER NOT NULL, "
                      "_is_done INTEGER NOT NULL", table->sql);
    for (size_t i = 0; i < TABLE_SORTS_MAX; i++)
        buf_printf(&text, ", _sort_%zu", i + 1);
    for (size_t i = 0; i < table->column_count; i++)
        buf_printf(&text, ", \"%s\" %s", table->columns[i].sql, column_sql_type(&table->columns[i]));
    buf_printf(&text, ");INSERT OR IGNORE INTO sync_counts (table_name, is_done) VALUES ('%s', 0), ('%s', 1);",
               table->name, table->name);
    enum rc rc = sql_exec(db->sql, buf_str(&text), err);
    buf_done(&text);
    if (rc == RC_INTERNAL)      /* it is there, and the row that says so is not */
        rc =
            err_set(err, RC_CORRUPT, _("The store is damaged (table %s: %s). See: outpost doctor."),
                    table->name, sqlite3_errmsg(sql_handle(db->sql)));
    return rc;
}

static enum rc create_indexes(struct db *db, const struct table *table, struct err *err)
{
    struct buf text = { 0 };

    for (size_t i = 1; i <= TABLE_SORTS_MAX; i++) {
        if (i <= table->sort_count)
            buf_printf(&text, "CREATE INDEX IF NOT EXISTS \"%s_sort_%zu\" ON \"%s\" (_is_done, _sort_%zu, client_id);",
                       table->sql, i, table->sql, i);
        else
            buf_printf(&text, "DROP INDEX IF EXISTS \"%s_sort_%zu\";", table->sql, i);
    }
    enum rc rc = sql_exec(db->sql, buf_str(&text), err);
    buf_done(&text);
    return rc;
}

/* A new column's values: what a newer backend had sent before we knew it, else the default. */
static void fill_new_column(struct row *row, const struct column *col)
{
    struct value *v = &row->values[col->index];
    cJSON *extra = NULL;
    struct err ignored;

    if (v->kind != VALUE_NULL)
        return;
    if (row->extra != NULL && json_parse(row->extra, strlen(row->extra), &extra, &ignored) == RC_OK) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(extra, col->name);
        /* What does not fit stays where it is kept. */
        if (item != NULL && column_from_backend(col, item, v, &ignored) == RC_OK) {
            struct buf rest = { 0 };
            cJSON_DeleteItemFromObjectCaseSensitive(extra, col->name);
            if (cJSON_GetArraySize(extra) > 0)
                json_put(&rest, extra);
            free(row->extra);
            row->extra = rest.len > 0 ? buf_take(&rest) : NULL;
            buf_done(&rest);
        }
        cJSON_Delete(extra);
    }
    if (v->kind == VALUE_NULL && col->has_default)
        value_copy(v, &col->default_value);
}

/* Writes every row again: sort keys and _is_done are computed, new columns (is_new by index) get their values. */
static enum rc rewrite_rows(struct db *db, const struct table *table, const bool *is_new, struct err *err)
{
    struct buf text = { 0 };
    char last[ID_SIZE] = "";
    enum rc rc = RC_OK;

    buf_printf(&text, "SELECT %s FROM \"%s\" WHERE client_id > ?1 ORDER BY client_id LIMIT 1",
               table_sql(db, table)->columns, table->sql);
    while (!rc) {
        struct row row = { 0 };
        sqlite3_stmt *st = sql_get(db->sql, buf_str(&text), err);
        if (st == NULL) {
            rc = err->rc;
            break;
        }
        sql_bind_text(st, 1, last);
        rc = sql_step(db->sql, st, err);
        if (rc)
            break;
        row_load(&row, table, st);
        sqlite3_reset(st);
        memcpy(last, row.client_id, sizeof last);
        for (size_t i = 0; i < table->column_count; i++)
            if (is_new[i])
                fill_new_column(&row, &table->columns[i]);
        rc = row_write(db, &row, err);
        row_done(&row);
    }
    buf_done(&text);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Every column that the SQLite table was made from must still be there, and of the same kind. */
static enum rc check_fit(const struct table *table, const cJSON *before, struct err *err)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, before) {
        const struct column *col = table_column(table, item->string);
        if (col != NULL && cJSON_IsString(item) && strcmp(item->valuestring, column_kind_name(col->kind)) == 0)
            continue;
        if (col == NULL)
            err_set(err, RC_INVALID,
                    _("column \"%s\" of table \"%s\" was dropped, and this device has data in it. "
                      "Put the column back."),
                    item->string, table->name);
        else
            err_set(err, RC_INVALID,
                    _("column \"%s\" of table \"%s\" changed its type from %s to %s. Make a new "
                      "column instead."),
                    item->string, table->name, cJSON_IsString(item) ? item->valuestring : "?",
                    column_kind_name(col->kind));
        err_column(err, item->string);
        return RC_INVALID;
    }
    return RC_OK;
}

static enum rc parse_definition(const struct table *table, const char *text, cJSON **out, struct err *err)
{
    if (text == NULL || json_parse(text, strlen(text), out, err))
        return err_set(err, RC_CORRUPT,
                       _("The store is damaged (definition of table %s). See: outpost doctor."),
                       table->name);
    return RC_OK;
}

/* Compares what the SQLite table was made from with the definition of today; adds columns. */
static enum rc grow_table(struct db *db, const struct table *table, const char *was, bool *is_new, struct err *err)
{
    cJSON *before = NULL;
    enum rc rc = parse_definition(table, was, &before, err);

    if (rc)
        return rc;
    rc = check_fit(table, before, err);
    if (rc)
        err_prefix(err, "%s", table->source);
    for (size_t i = 0; !rc && i < table->column_count; i++) {
        const struct column *col = &table->columns[i];
        if (cJSON_GetObjectItemCaseSensitive(before, col->name) != NULL)
            continue;
        struct buf text = { 0 };
        buf_printf(&text, "ALTER TABLE \"%s\" ADD COLUMN \"%s\" %s", table->sql, col->sql, column_sql_type(col));
        rc = sql_exec(db->sql, buf_str(&text), err);
        buf_done(&text);
        is_new[i] = true;
    }
    cJSON_Delete(before);
    return rc;
}

static enum rc write_definition(struct db *db, const struct table *table, const char *definition, const char *sorts,
                                struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "INSERT INTO sync_metadata (table_name, definition, sorts) VALUES (?1, ?2, ?3) "
                                        "ON CONFLICT (table_name) DO UPDATE SET definition = ?2, sorts = ?3", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    sql_bind_text(st, 2, definition);
    sql_bind_text(st, 3, sorts);
    return sql_run(db->sql, st, err);
}

/* RC_NOT_FOUND when the table has no row yet. */
static enum rc read_definition(struct db *db, const struct table *table, char **definition, char **sorts,
                               struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, "SELECT definition, sorts FROM sync_metadata WHERE table_name = ?1", err);

    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc;
    *definition = sql_text_copy(st, 0);
    *sorts = sql_text_copy(st, 1);
    sqlite3_reset(st);
    if (*definition != NULL && *sorts != NULL)
        return RC_OK;
    return err_set(err, RC_CORRUPT,
                   _("The store is damaged (definition of table %s). See: outpost doctor."),
                   table->name);
}

/* One table, within a transaction when `may_write`; without: RC_BUSY says that there is something to do. */
static enum rc update_table(struct db *db, const struct table *table, bool may_write, struct err *err)
{
    struct buf definition = { 0 }, sorts = { 0 };
    char *was = NULL, *was_sorts = NULL;
    bool is_new[TABLE_COLUMNS_MAX] = { false };
    enum rc rc;

    definition_text(table, &definition);
    sorts_text(table, &sorts);
    rc = read_definition(db, table, &was, &was_sorts, err);
    if (rc && rc != RC_NOT_FOUND)
        goto out;
    bool is_known = rc == RC_OK;
    rc = RC_OK;
    if (is_known && strcmp(was, buf_str(&definition)) == 0 && strcmp(was_sorts, buf_str(&sorts)) == 0)
        goto out;
    if (!may_write) {
        rc = RC_BUSY;
        goto out;
    }
    if (is_known) {
        rc = grow_table(db, table, was, is_new, err);
        if (!rc)
            rc = rewrite_rows(db, table, is_new, err);
    } else {
        rc = create_table(db, table, err);
    }
    if (!rc)
        rc = create_indexes(db, table, err);
    if (!rc)
        rc = write_definition(db, table, buf_str(&definition), buf_str(&sorts), err);
out:
    free(was);
    free(was_sorts);
    buf_done(&definition);
    buf_done(&sorts);
    return rc;
}

/* ---- migrations ---- */

static const char *const migrations[STORE_VERSION] = { migration_001 };

static enum rc migrate(struct db *db, int from, struct err *err)
{
    struct buf text = { 0 };
    enum rc rc = RC_OK;

    for (int v = from; !rc && v < STORE_VERSION; v++)
        rc = sql_exec(db->sql, migrations[v], err);
    if (!rc) {
        buf_printf(&text, "PRAGMA application_id = %d; PRAGMA user_version = %d;", STORE_APPLICATION_ID, STORE_VERSION);
        rc = sql_exec(db->sql, buf_str(&text), err);
    }
    buf_done(&text);
    return rc;
}

static enum rc update_all(struct db *db, bool may_write, struct err *err)
{
    int64_t version = 0;
    enum rc rc = store_number(db, "PRAGMA user_version", &version, err);

    if (rc)
        return rc;
    if (version < STORE_VERSION) {
        if (!may_write)
            return RC_BUSY;
        rc = migrate(db, (int)version, err);
    }
    for (size_t i = 0; !rc && i < registry_count(db->registry); i++)
        rc = update_table(db, registry_at(db->registry, i), may_write, err);
    return rc;
}

enum rc schema_compare(struct db *db, const struct table *table, struct err *err)
{
    return table == NULL ? update_all(db, false, err) : update_table(db, table, false, err);
}

enum rc schema_update(struct db *db, struct err *err)
{
    /* Most starts have nothing to do, and find that out without the write lock. */
    enum rc rc = update_all(db, false, err);

    if (rc != RC_BUSY || sql_in_transaction(db->sql))
        return rc;
    rc = tx_begin(db, SQL_FULL, err);
    if (rc)
        return rc;
    rc = update_all(db, true, err);
    if (rc) {
        tx_rollback(db);
        return rc;
    }
    return tx_commit(db, err);
}

/* ---- fitting a registry to a file ---- */

/* Takes the tables out of the registry that do not fit; from the last to the first, for their places move. */
static enum rc refuse_unfit(struct sql *sql, struct registry *reg, struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = registry_count(reg); !rc && i-- > 0;) {
        const struct table *table = registry_at(reg, i);
        cJSON *before = NULL;
        sqlite3_stmt *st = sql_get(sql, "SELECT definition FROM sync_metadata WHERE table_name = ?1", err);
        if (st == NULL)
            return err->rc;
        sql_bind_text(st, 1, table->name);
        rc = sql_step(sql, st, err);
        if (rc == RC_OK)
            rc = parse_definition(table, sql_text(st, 0), &before, err);
        else if (rc == RC_NOT_FOUND)
            rc = RC_OK;
        sqlite3_reset(st);
        if (!rc && before != NULL && check_fit(table, before, err))
            registry_refuse(reg, table->name, err->column, err->msg);
        cJSON_Delete(before);
    }
    return rc;
}

enum rc db_fit_registry(const char *path, struct registry *reg, struct err *err)
{
    const struct sql_options options = { .path = path, .read_only = true, .busy_ms = 5000,
                                         .application_id = STORE_APPLICATION_ID, .version = STORE_VERSION };
    struct sql *sql = NULL;
    struct stat st;

    /* Opening a file of no length would write to it, and throw the WAL beside it away. */
    if (stat(path, &st) != 0 || st.st_size == 0)
        return RC_OK;
    enum rc rc = sql_open(&options, &sql, err);
    if (!rc)
        rc = refuse_unfit(sql, reg, err);
    sql_close(sql);
    return rc;
}
