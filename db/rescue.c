/* What can still be had from a store that does not open. It works on a copy, asks for one row at
 * a time by its number, and goes on behind a row that can not be read: a damaged page takes the
 * rows with it that lie on it, and no others. */
#include "db/doctor.h"
#include "db/rescue_priv.h"
#include "db/store_priv.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define ROWS_MAX 5000000    /* where the highest number can not be read, */
#define FAILURES_MAX 100000 /* and then only as long as not that many failed in a row */
#define TABLES_MAX 400

struct rescue {
    const char *path;
    const struct rescue_copy *copy;
    sqlite3 *handle; /* NULL: there is no schema that leads to anything */
    sqlite3 *loose;  /* rows of pages that nothing leads to; made when the first is missed */
    bool is_loose_made;
    const struct registry *reg;
    enum rc (*each)(void *ctx, const struct buf *json, struct err *err);
    void *ctx;
    struct db_rescued done;
    char *
        *with_op; /* ids of records whose op was written whole, sorted before they are looked up */
    size_t with_op_count, with_op_room;
};

/* ---- rows ---- */

static sqlite3_stmt *prepare(sqlite3 *handle, const char *text)
{
    sqlite3_stmt *st = NULL;

    return handle != NULL && sqlite3_prepare_v2(handle, text, -1, &st, NULL) == SQLITE_OK ? st
                                                                                          : NULL;
}

/* The first number of a query; `otherwise` when it can not be read. */
static int64_t number(sqlite3 *handle, const char *query, int64_t otherwise)
{
    sqlite3_stmt *st = prepare(handle, query);
    int64_t n = otherwise;

    if (st != NULL && sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int64(st, 0); /* of an empty table: 0 */
    sqlite3_finalize(st);
    return n < 0 || n > ROWS_MAX ? ROWS_MAX : n;
}

static void note_op(struct rescue *r, const char *client_id)
{
    if (r->with_op_count == r->with_op_room) {
        r->with_op_room = r->with_op_room == 0 ? 64 : r->with_op_room * 2;
        r->with_op = mem_grow(r->with_op, r->with_op_room, sizeof *r->with_op);
    }
    r->with_op[r->with_op_count++] = mem_strdup(client_id);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_op(const struct rescue *r, const char *client_id)
{
    return r->with_op_count > 0 &&
           bsearch(&client_id, r->with_op, r->with_op_count, sizeof *r->with_op, compare) != NULL;
}

static sqlite3 *loose(struct rescue *r)
{
    struct buf wal = { 0 };

    if (!r->is_loose_made) {
        buf_printf(&wal, "%s-wal", r->path);
        r->loose = rescue_loose(r->copy->path, buf_str(&wal), r->reg);
        buf_done(&wal);
        r->is_loose_made = true;
    }
    return r->loose;
}

static int64_t last_op(struct rescue *r)
{
    int64_t last = number(r->handle, "SELECT max(seq) FROM sync_queue", -1);

    if (last == ROWS_MAX)
        last = number(r->handle, "SELECT seq FROM sqlite_sequence WHERE name = 'sync_queue'", -1);
    if (last == ROWS_MAX)
        last = number(loose(r), "SELECT max(seq) FROM sync_queue", r->handle == NULL ? 0 : -1);
    return last;
}

/* The op of that number, from its tree or from a loose page: the statement that stands on it. */
static sqlite3_stmt *find_op(struct rescue *r, sqlite3_stmt *tree, sqlite3_stmt **other,
                             const char *query, int64_t seq)
{
    int code = SQLITE_CORRUPT;

    if (tree != NULL) {
        sqlite3_bind_int64(tree, 1, seq);
        code = sqlite3_step(tree);
    }
    if (code == SQLITE_ROW || code == SQLITE_DONE)
        return code == SQLITE_ROW ? tree : NULL;
    if (*other == NULL)
        *other = prepare(loose(r), query);
    if (*other != NULL) {
        sqlite3_bind_int64(*other, 1, seq);
        if (sqlite3_step(*other) == SQLITE_ROW)
            return *other;
    }
    r->done.unreadable_ops += tree != NULL;
    return NULL;
}

static enum rc rescue_op(struct rescue *r, sqlite3_stmt *st, struct err *err)
{
    struct buf json = { 0 };
    struct db_op op;

    op_load(&op, st);
    db_op_to_json(&op, &json);
    if (op_flaw(&op) == NULL)
        note_op(r, op.client_id);
    enum rc rc = r->each(r->ctx, &json, err);
    r->done.ops++;
    db_op_done(&op);
    buf_done(&json);
    return rc;
}

static enum rc rescue_ops(struct rescue *r, struct err *err)
{
    struct buf text = { 0 };
    enum rc rc = RC_OK;
    int64_t last = last_op(r);

    buf_printf(&text, "SELECT %s FROM sync_queue NOT INDEXED WHERE seq = ?1", queue_columns);
    sqlite3_stmt *tree = prepare(r->handle, buf_str(&text)), *other = NULL;
    int64_t failures = 0; /* since the last op */
    for (int64_t seq = 1; !rc && seq <= last && failures < FAILURES_MAX; seq++) {
        int64_t before = r->done.unreadable_ops;
        sqlite3_stmt *st = find_op(r, tree, &other, buf_str(&text), seq);
        if (st != NULL)
            rc = rescue_op(r, st, err);
        failures = r->done.unreadable_ops > before ? failures + 1 : 0;
        sqlite3_reset(tree);
        sqlite3_reset(other);
    }
    sqlite3_finalize(tree);
    sqlite3_finalize(other);
    buf_done(&text);
    return rc;
}

static void put_sqlite_value(sqlite3_stmt *st, int at, const struct column *col, struct buf *out)
{
    const char *s;

    switch (sqlite3_column_type(st, at)) {
    case SQLITE_INTEGER:
        if (col != NULL && col->kind == COLUMN_BOOL)
            buf_puts(out, sqlite3_column_int64(st, at) != 0 ? "true" : "false");
        else
            buf_put_i64(out, sqlite3_column_int64(st, at));
        break;
    case SQLITE_FLOAT:
        json_put_double(out, sqlite3_column_double(st, at));
        break;
    case SQLITE_NULL:
        buf_puts(out, "null");
        break;
    default:
        s = (const char *)sqlite3_column_text(st, at);
        json_put_any(out, s == NULL ? "" : s);
        break;
    }
}

static bool is_system(const char *name)
{
    static const char *const names[] = { "id",      "client_id",  "server_id",  "server_rev",
                                         "user_id", "created_at", "updated_at", "sync_status",
                                         "shadow",  "extra" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return name[0] == '_';
}

static const struct column *column_by_sql(const struct table *table, const char *name)
{
    for (size_t i = 0; table != NULL && i < table->column_count; i++)
        if (strcmp(table->columns[i].sql, name) == 0)
            return &table->columns[i];
    return NULL;
}

/* By the names that the file itself has: its columns may be others than ours. */
static int find_column(sqlite3_stmt *st, const char *name)
{
    for (int i = 0; i < sqlite3_column_count(st); i++)
        if (strcmp(sqlite3_column_name(st, i), name) == 0)
            return i;
    return -1;
}

static void put_time(sqlite3_stmt *st, const char *member, const char *name, struct buf *out)
{
    int at = find_column(st, name);

    buf_printf(out, ",\"%s\":", member);
    buf_put_i64(out, at < 0 ? 0 : sqlite3_column_int64(st, at));
}

static void record_json(const struct rescue *r, sqlite3_stmt *st, const struct table *table,
                        const char *sql_name, struct buf *out)
{
    const char *id = (const char *)sqlite3_column_text(st, find_column(st, "client_id"));
    bool is_first = true;

    buf_puts(out, "{\"table\":");
    json_put_any(out, table != NULL ? table->name : sql_name);
    buf_puts(out, ",\"clientId\":");
    json_put_any(out, id == NULL ? "" : id);
    put_time(st, "createdAt", "created_at", out);
    put_time(st, "updatedAt", "updated_at", out);
    buf_printf(out, ",\"%s\":{", id != NULL && has_op(r, id) ? "record" : "set");
    for (int i = 0; i < sqlite3_column_count(st); i++) {
        const char *name = sqlite3_column_name(st, i);
        const struct column *col = column_by_sql(table, name);
        if (is_system(name) || sqlite3_column_type(st, i) == SQLITE_NULL)
            continue;
        if (!is_first)
            buf_putc(out, ',');
        is_first = false;
        json_put_any(out, col != NULL ? col->name : name);
        buf_putc(out, ':');
        put_sqlite_value(st, i, col, out);
    }
    buf_puts(out, "}}");
}

static bool is_pending(sqlite3_stmt *st)
{
    int at = find_column(st, "sync_status");
    const char *status = at < 0 ? NULL : (const char *)sqlite3_column_text(st, at);

    return status != NULL && strcmp(status, "pending") == 0;
}

static enum rc rescue_table(struct rescue *r, const char *sql_name, struct err *err)
{
    const struct table *table = NULL;
    struct buf text = { 0 }, json = { 0 };
    enum rc rc = RC_OK;

    for (size_t i = 0; i < registry_count(r->reg); i++)
        if (strcmp(registry_at(r->reg, i)->sql, sql_name) == 0)
            table = registry_at(r->reg, i);
    buf_printf(&text, "SELECT max(id) FROM \"%s\"", sql_name);
    int64_t last = number(r->handle, buf_str(&text), -1);
    buf_clear(&text);
    buf_printf(&text, "SELECT * FROM \"%s\" NOT INDEXED WHERE id = ?1", sql_name);
    sqlite3_stmt *st = prepare(r->handle, buf_str(&text));
    bool is_data =
        st != NULL && find_column(st, "client_id") >= 0 && find_column(st, "sync_status") >= 0;
    int failures = 0;
    for (int64_t id = 1; is_data && !rc && id <= last && failures < FAILURES_MAX; id++) {
        sqlite3_bind_int64(st, 1, id);
        int code = sqlite3_step(st);
        failures = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failures + 1;
        if (code == SQLITE_ROW && is_pending(st)) {
            buf_clear(&json);
            record_json(r, st, table, sql_name, &json);
            rc = r->each(r->ctx, &json, err);
            r->done.records++;
        } else if (code != SQLITE_ROW && code != SQLITE_DONE) {
            r->done.unreadable_records++;
        }
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    buf_done(&text);
    buf_done(&json);
    return rc;
}

static enum rc rescue_records(struct rescue *r, struct err *err)
{
    sqlite3_stmt *st = prepare(r->handle,
                               "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT "
                               "LIKE 'sqlite%' AND instr(name, '\"') = 0");
    char *names[TABLES_MAX];
    size_t count = 0;
    enum rc rc = RC_OK;

    while (st != NULL && count < TABLES_MAX && sqlite3_step(st) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(st, 0);
        if (name != NULL)
            names[count++] = mem_strdup(name);
    }
    sqlite3_finalize(st);
    for (size_t i = 0; i < count; i++) {
        if (!rc)
            rc = rescue_table(r, names[i], err);
        free(names[i]);
    }
    return rc;
}

/* Where no schema says which tables there are. "values" where nobody can say which one it is of. */
static enum rc rescue_loose_records(struct rescue *r, struct err *err)
{
    sqlite3_stmt *st = prepare(loose(r), "SELECT client_id, created_at, updated_at, table_name, "
                                         "columns FROM record ORDER BY client_id");
    struct buf json = { 0 };
    enum rc rc = RC_OK;

    while (st != NULL && !rc && sqlite3_step(st) == SQLITE_ROW) {
        const char *id = sql_text(st, 0), *table = sql_text(st, 3);
        buf_clear(&json);
        buf_puts(&json, "{\"table\":");
        json_put_any(&json, table == NULL ? "" : table);
        buf_printf(&json, ",\"clientId\":\"%s\",\"createdAt\":%lld,\"updatedAt\":%lld", id,
                   (long long)sql_i64(st, 1), (long long)sql_i64(st, 2));
        buf_printf(&json, ",\"%s\":%s}",
                   has_op(r, id)   ? "record"
                   : table == NULL ? "values"
                                   : "set",
                   sql_text(st, 4));
        rc = r->each(r->ctx, &json, err);
        r->done.records++;
    }
    sqlite3_finalize(st);
    buf_done(&json);
    return rc;
}

/* ---- all of it ---- */

static bool has_schema(sqlite3 *handle)
{
    return sqlite3_exec(handle, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) ==
           SQLITE_OK;
}

/* With its WAL; with a header of ours; then without the WAL, should that be what is damaged. */
static void open_copy(struct rescue *r, const struct rescue_copy *copy)
{
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            rescue_copy_header(copy);
        if (i == 2)
            unlink(copy->wal);
        if (sqlite3_open_v2(copy->path, &r->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                            NULL) == SQLITE_OK) {
            sqlite3_db_config(r->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
            /* writable_schema: a part of the schema that can not be read is passed over. In one
             * transaction: else each of up to ROWS_MAX numbers locks the file and looks at its size. */
            sqlite3_exec(r->handle,
                         "PRAGMA writable_schema = ON; PRAGMA query_only = ON; "
                         "PRAGMA cell_size_check = ON; BEGIN",
                         NULL, NULL, NULL);
            if (has_schema(r->handle))
                return;
        }
        sqlite3_close(r->handle);
        r->handle = NULL;
    }
}

enum rc db_rescue(const char *path, const struct registry *reg,
                  enum rc (*each)(void *ctx, const struct buf *json, struct err *err), void *ctx,
                  struct db_rescued *out, struct err *err)
{
    struct rescue_copy copy = { 0 };
    struct rescue r = { .path = path, .copy = &copy, .reg = reg, .each = each, .ctx = ctx };
    enum rc rc = rescue_copy_make(path, &copy, err);

    if (!rc)
        open_copy(&r, &copy);
    if (!rc)
        rc = rescue_ops(&r, err);
    if (!rc && r.with_op_count > 0)
        qsort(r.with_op, r.with_op_count, sizeof *r.with_op, compare);
    if (!rc)
        rc = r.handle != NULL ? rescue_records(&r, err) : rescue_loose_records(&r, err);
    if (!rc && r.handle == NULL && r.done.ops == 0 && r.done.records == 0)
        rc = err_set(err, RC_CORRUPT,
                     _("No change that waits is left in the file. Move it away and sign in "
                       "again: what the server has accepted is safe there."));
    sqlite3_close(r.handle);
    sqlite3_close(r.loose);
    rescue_copy_remove(&copy);
    for (size_t i = 0; i < r.with_op_count; i++)
        free(r.with_op[i]);
    free(r.with_op);
    if (!rc)
        *out = r.done;
    log_info("db", "rescue: %lld changes, %lld records: %s", (long long)r.done.ops,
             (long long)r.done.records, rc_name(rc));
    return rc;
}
