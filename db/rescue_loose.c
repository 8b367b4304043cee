/* What the loose pages of a store hold: every row that looks like an op is taken, and every one
 * that looks like a record that waits.
 *
 * Pages that SQLite has given up keep what they held, so rows may turn up that were accepted long
 * ago. A record is there in several versions then. The one with the highest rev is the last, and
 * of those with the same rev the one that waits: an answer raises the rev. */
#include "db/rescue_priv.h"
#include "db/store_priv.h"

#include <string.h>
#include "base/json.h"

#define QUEUE_FIELDS 16
#define OWN_FIELDS (13 + TABLE_SORTS_MAX) /* of a record: before those of its definition */

static bool is_text_type(const struct rescue_field *f)
{
    return f->type >= 13 && f->type % 2 == 1;
}

static bool is_integer_type(const struct rescue_field *f)
{
    return (f->type >= 1 && f->type <= 6) || f->type == 8 || f->type == 9;
}

static bool is_text(const struct rescue_row *row, int at, const char *text)
{
    const struct rescue_field *f = &row->fields[at];

    return is_text_type(f) && f->len == strlen(text) &&
           memcmp(row->payload + f->at, text, f->len) == 0;
}

static bool is_id(const struct rescue_row *row, int at)
{
    const struct rescue_field *f = &row->fields[at];
    char id[ID_SIZE] = "";

    if (!is_text_type(f) || f->len != ID_LEN)
        return false;
    memcpy(id, row->payload + f->at, ID_LEN);
    return id_is_valid(id);
}

/* As migrations/001.sql has it; later versions may add columns behind these. */
static bool is_op(const struct rescue_row *row)
{
    return row->count >= QUEUE_FIELDS && row->fields[0].type == 0 && row->fields[5].type >= 12 &&
           (is_text(row, 3, "create") || is_text(row, 3, "update")) && is_id(row, 4);
}

/* As create_table of schema.c has it. */
static bool is_record(const struct rescue_row *row)
{
    return row->count > OWN_FIELDS && row->fields[0].type == 0 && is_id(row, 1) &&
           is_integer_type(&row->fields[3]) &&
           (is_text(row, 7, "pending") || is_text(row, 7, "synced"));
}

static int64_t integer_of(const struct rescue_row *row, int at)
{
    const struct rescue_field *f = &row->fields[at];
    uint64_t n = f->type == 9;

    if (f->len > 0 && row->payload[f->at] >= 0x80)
        n = UINT64_MAX;
    for (size_t i = 0; i < f->len; i++)
        n = n << 8 | row->payload[f->at + i];
    return (int64_t)n;
}

static double real_of(const struct rescue_row *row, int at)
{
    int64_t bits = integer_of(row, at);
    double d;

    memcpy(&d, &bits, sizeof d);
    return d;
}

static void bind(sqlite3_stmt *st, int to, const struct rescue_row *row, int at)
{
    const struct rescue_field *f = &row->fields[at];

    if (f->type >= 12)
        sqlite3_bind_text(st, to, (const char *)row->payload + f->at, (int)f->len, SQLITE_STATIC);
    else if (is_integer_type(f))
        sqlite3_bind_int64(st, to, integer_of(row, at));
    else
        sqlite3_bind_null(st, to);
}

/* ---- the columns of a record ---- */

static bool fits(const struct column *col, const struct rescue_field *f)
{
    const char *type = column_sql_type(col);

    if (f->type == 0)
        return true;
    if (strcmp(type, "TEXT") == 0)
        return is_text_type(f);
    return is_integer_type(f) || (f->type == 7 && strcmp(type, "REAL") == 0);
}

static bool is_of_table(const struct rescue_row *row, const struct table *table)
{
    size_t count = (size_t)(row->count - OWN_FIELDS);

    if (count > table->column_count || row->fields[OWN_FIELDS + (int)table->title->index].type == 0)
        return false;
    for (size_t i = 0; i < count; i++)
        if (!fits(&table->columns[i], &row->fields[OWN_FIELDS + (int)i]))
            return false;
    return true;
}

/* The one table that its row can be of; NULL: none, or several. */
static const struct table *table_of(const struct rescue_row *row, const struct registry *reg)
{
    const struct table *found = NULL;

    for (size_t i = 0; i < registry_count(reg); i++) {
        if (!is_of_table(row, registry_at(reg, i)))
            continue;
        if (found != NULL)
            return NULL;
        found = registry_at(reg, i);
    }
    return found;
}

static void put_field(const struct rescue_row *row, int at, const struct column *col,
                      struct buf *out)
{
    const struct rescue_field *f = &row->fields[at];

    if (f->type >= 12) {
        struct buf text = { 0 };
        buf_append(&text, (const char *)row->payload + f->at, f->len);
        json_put_any(out, buf_str(&text));
        buf_done(&text);
    } else if (f->type == 7) {
        json_put_double(out, real_of(row, at));
    } else if (f->type == 0) {
        buf_puts(out, "null");
    } else if (col != NULL && col->kind == COLUMN_BOOL) {
        buf_puts(out, integer_of(row, at) != 0 ? "true" : "false");
    } else {
        buf_put_i64(out, integer_of(row, at));
    }
}

/* {"text":"Fix the pump"}, or, when nobody can say what is what, ["Fix the pump"]. */
static void put_columns(const struct rescue_row *row, const struct table *table, struct buf *out)
{
    bool is_first = true;

    buf_putc(out, table != NULL ? '{' : '[');
    for (int i = OWN_FIELDS; i < row->count; i++) {
        const struct column *col = table != NULL ? &table->columns[i - OWN_FIELDS] : NULL;
        if (table != NULL && row->fields[i].type == 0)
            continue;
        if (!is_first)
            buf_putc(out, ',');
        is_first = false;
        if (col != NULL)
            buf_printf(out, "\"%s\":", col->name);
        put_field(row, i, col, out);
    }
    buf_putc(out, table != NULL ? '}' : ']');
}

/* ---- into tables of their own ---- */

struct loose {
    sqlite3 *handle;
    sqlite3_stmt *add_op, *add_record;
    const struct registry *reg;
};

static void take_op(struct loose *loose, const struct rescue_row *row)
{
    sqlite3_bind_int64(loose->add_op, 1, row->rowid);
    for (int i = 1; i < QUEUE_FIELDS; i++)
        bind(loose->add_op, i + 1, row, i);
    sqlite3_step(loose->add_op);
    sqlite3_reset(loose->add_op);
}

static void take_record(struct loose *loose, const struct rescue_row *row)
{
    const struct table *table = table_of(row, loose->reg);
    struct buf columns = { 0 };

    put_columns(row, table, &columns);
    bind(loose->add_record, 1, row, 1);
    bind(loose->add_record, 2, row, 3);
    sqlite3_bind_int(loose->add_record, 3, is_text(row, 7, "pending"));
    bind(loose->add_record, 4, row, 5);
    bind(loose->add_record, 5, row, 6);
    sql_bind_text(loose->add_record, 6, table != NULL ? table->name : NULL);
    sql_bind_text(loose->add_record, 7, buf_str(&columns));
    sqlite3_step(loose->add_record);
    sqlite3_reset(loose->add_record);
    buf_done(&columns);
}

static void take(void *ctx, const struct rescue_row *row)
{
    if (is_op(row))
        take_op(ctx, row);
    else if (is_record(row))
        take_record(ctx, row);
}

static const char schema[] =
    "CREATE TABLE sync_queue (seq INTEGER PRIMARY KEY, op_id, table_name, operation, "
    "record_client_id, payload, base, replaces, sent_at, created_at, updated_at, retry_at, "
    "retry_count, state, last_error, last_error_code);"
    "CREATE TABLE record (client_id PRIMARY KEY, rev, is_pending, created_at, updated_at, "
    "table_name, columns) WITHOUT ROWID";
static const char add_op[] = "INSERT OR REPLACE INTO sync_queue VALUES "
                             "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
static const char add_record[] =
    "INSERT INTO record VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET rev = excluded.rev, "
    "is_pending = excluded.is_pending, created_at = excluded.created_at, updated_at = "
    "excluded.updated_at, table_name = excluded.table_name, columns = excluded.columns "
    "WHERE (excluded.rev, excluded.is_pending, excluded.updated_at) > "
    "(record.rev, record.is_pending, record.updated_at)";
static const char drop_accepted[] =
    "DELETE FROM sync_queue WHERE record_client_id IN "
    "(SELECT client_id FROM record WHERE NOT is_pending);"
    "DELETE FROM record WHERE NOT is_pending";

static bool open_tables(struct loose *loose)
{
    return sqlite3_open_v2(":memory:", &loose->handle,
                           SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                           NULL) == SQLITE_OK &&
           sqlite3_exec(loose->handle, schema, NULL, NULL, NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(loose->handle, add_op, -1, &loose->add_op, NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(loose->handle, add_record, -1, &loose->add_record, NULL) == SQLITE_OK;
}

sqlite3 *rescue_loose(const char *path, const char *wal, const struct registry *reg)
{
    struct loose loose = { .reg = reg };
    bool is_open = open_tables(&loose);

    if (is_open)
        rescue_pages(path, wal, take, &loose);
    sqlite3_finalize(loose.add_op);
    sqlite3_finalize(loose.add_record);
    if (!is_open || sqlite3_exec(loose.handle, drop_accepted, NULL, NULL, NULL) != SQLITE_OK) {
        sqlite3_close(loose.handle);
        return NULL;
    }
    return loose.handle;
}
