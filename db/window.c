/* Lists as keyset windows. One index per sort order, (_is_done, _sort_N, client_id): the open and the done view read it
 * as it lies, the view of all merges its two halves; either costs the same at any size. */
#include "db/store_priv.h"

#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "base/text.h"

void record_list_done(struct record_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        record_done(&list->items[i]);
    free(list->items);
    memset(list, 0, sizeof *list);
}

/* The row becomes the record: what the user may see of it. */
static void record_from_row(struct record *rec, struct row *row)
{
    memset(rec, 0, sizeof *rec);
    rec->table = row->table;
    memcpy(rec->client_id, row->client_id, ID_SIZE);
    rec->server_id = row->server_id;
    rec->rev = row->rev;
    rec->created_at = row->created_at;
    rec->updated_at = row->updated_at;
    rec->mark = row->is_pending ? MARK_CHANGED : MARK_SYNCED;
    rec->values = row->values;
    rec->extra = row->extra;
    row->server_id = row->extra = NULL;
    row->values = NULL;
    row_done(row);
}

/* What waits for a pending record decides its mark. */
static enum rc read_mark(struct db *db, struct record *rec, struct err *err)
{
    sqlite3_stmt *st;
    enum rc rc;
    bool is_create = false;

    if (rec->mark == MARK_SYNCED)
        return RC_OK;
    st = sql_get(db->sql, "SELECT operation = 'create', state, sent_at FROM sync_queue WHERE table_name = ?1 AND "
                          "record_client_id = ?2 ORDER BY seq", err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, rec->table->name);
    sql_bind_text(st, 2, rec->client_id);
    enum op_state worst = OP_QUEUED;
    while ((rc = sql_step(db->sql, st, err)) == RC_OK) {
        enum op_state state = op_state_from(sql_text(st, 1));
        is_create = is_create || sql_i64(st, 0) != 0;
        worst = state > worst ? state : worst;
        if (sql_i64(st, 2) > rec->sent_at)
            rec->sent_at = sql_i64(st, 2);
    }
    if (rc != RC_NOT_FOUND)
        return rc;
    rec->mark = worst == OP_FAILED ? MARK_FAILED : worst == OP_HELD ? MARK_HELD :
                is_create && rec->server_id == NULL ? MARK_NEW : MARK_CHANGED;
    return RC_OK;
}

enum rc db_record_read(struct db *db, const struct table *table, const char *client_id, struct record *out,
                       struct err *err)
{
    struct row row = { 0 };
    struct record rec;
    enum rc rc = row_read(db, table, client_id, &row, err);

    if (rc) {
        row_done(&row);
        return rc;
    }
    record_from_row(&rec, &row);
    rc = read_mark(db, &rec, err);
    if (rc)
        record_done(&rec);
    else
        *out = rec;
    return rc;
}

enum rc db_record_find(struct db *db, const struct table *table, const char *prefix, char out[ID_SIZE],
                       struct err *err)
{
    struct buf text = { 0 };
    char found[ID_SIZE];
    enum rc rc;

    if (prefix[0] == '\0' || strspn(prefix, "0123456789abcdefABCDEF-") != strlen(prefix))
        return err_set(err, RC_NOT_FOUND, _("No record of %s has this id."), table->label);
    buf_printf(&text, "SELECT client_id FROM \"%s\" WHERE client_id >= lower(?1) AND client_id < lower(?1) || 'g' LIMIT 2",
               table->sql);
    sqlite3_stmt *st = sql_get(db->sql, buf_str(&text), err);
    buf_done(&text);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, prefix);
    rc = sql_step(db->sql, st, err);
    if (rc == RC_NOT_FOUND)
        return err_set(err, RC_NOT_FOUND, _("No record of %s has an id that begins with %s."),
                       table->label, prefix);
    if (rc)
        return rc;
    size_t len = strnlen(sql_text(st, 0), ID_LEN);
    memcpy(found, sql_text(st, 0), len);
    found[len] = '\0';
    rc = sql_step(db->sql, st, err);
    sqlite3_reset(st);
    if (rc == RC_OK)
        return err_set(err, RC_INVALID,
                       _("Several records of %s have an id that begins with %s; give more of it."),
                       table->label, prefix);
    if (rc != RC_NOT_FOUND)
        return rc;
    memcpy(out, found, ID_SIZE);
    return RC_OK;
}

/* ---- windows ---- */

/* One half of the list, or all of it; ?1 ?2 are the key and id to start from, ?3 the limit. */
static void put_half(struct buf *out, struct db *db, const struct db_window *w, bool is_done, const char *compare)
{
    buf_printf(out, "SELECT %s, _sort_%zu, client_id FROM \"%s\" WHERE _is_done = %d",
               table_sql(db, w->table)->columns, w->sort + 1, w->table->sql, is_done);
    if (compare != NULL)
        buf_printf(out, " AND (_sort_%zu, client_id) %s (?1, ?2)", w->sort + 1, compare);
}

static const char *comparison(const struct db_window *w, bool ascends)
{
    switch (w->from) {
    case DB_FROM_AFTER:
    case DB_FROM_BEFORE:
        return ascends ? ">" : "<";
    case DB_FROM_AT:
        return ascends ? ">=" : "<=";
    default:
        return NULL;
    }
}

static sqlite3_stmt *prepare_window(struct db *db, const struct db_window *w, bool is_backward, struct err *err)
{
    struct buf text = { 0 };
    bool ascends = w->table->sorts[w->sort].is_descending == is_backward;
    const char *compare = comparison(w, ascends);
    size_t columns = 12 + w->table->column_count;

    if (w->view != DB_VIEW_DONE)
        put_half(&text, db, w, false, compare);
    if (w->view == DB_VIEW_ALL && w->table->done != NULL)
        buf_puts(&text, " UNION ALL ");
    if (w->view == DB_VIEW_DONE || (w->view == DB_VIEW_ALL && w->table->done != NULL))
        put_half(&text, db, w, true, compare);
    buf_printf(&text, " ORDER BY %zu %s, %zu %s LIMIT ?3", columns + 1, ascends ? "ASC" : "DESC", columns + 2,
               ascends ? "ASC" : "DESC");
    sqlite3_stmt *st = sql_get(db->sql, buf_str(&text), err);
    buf_done(&text);
    return st;
}

/* Words of the query, folded, and the folded text of a record to look for them in. */
static bool matches(const struct record *rec, const struct buf *words)
{
    struct buf text = { 0 };
    bool all = true;

    for (size_t i = 0; i < rec->table->column_count; i++) {
        if (rec->values[i].kind != VALUE_TEXT)
            continue;
        text_fold(rec->values[i].text, rec->values[i].len, SIZE_MAX, &text);
        buf_putc(&text, '\n');
    }
    for (const char *word = buf_str(words); all && *word != '\0';) {
        size_t len = strcspn(word, " ");
        if (len > 0)
            all = memmem(buf_str(&text), text.len, word, len) != NULL;
        word += len + (word[len] == ' ');
    }
    buf_done(&text);
    return all;
}

static void load_key(struct value *key, sqlite3_stmt *st, int at)
{
    switch (sqlite3_column_type(st, at)) {
    case SQLITE_INTEGER:
        key->kind = VALUE_INT;
        key->number = sqlite3_column_int64(st, at);
        break;
    case SQLITE_FLOAT:
        key->kind = VALUE_REAL;
        key->real = sqlite3_column_double(st, at);
        break;
    case SQLITE_TEXT:
        value_set_text(key, sql_text(st, at), (size_t)sqlite3_column_bytes(st, at));
        break;
    default:
        break;
    }
}

static void reverse(struct record_list *list)
{
    for (size_t i = 0; i < list->count / 2; i++) {
        struct record swap = list->items[i];
        list->items[i] = list->items[list->count - 1 - i];
        list->items[list->count - 1 - i] = swap;
    }
}

static void set_edge(struct db_edge *edge, const struct record *rec)
{
    edge->has_more = true;
    value_copy(&edge->key, &rec->key);
    memcpy(edge->client_id, rec->client_id, ID_SIZE);
}

enum rc db_window_read(struct db *db, const struct db_window *w, struct record_list *out, struct err *err)
{
    struct record_list list = { mem_zero(w->count == 0 ? 1 : w->count, sizeof *list.items), 0 };
    struct buf words = { 0 };
    bool is_backward = w->from == DB_FROM_END || w->from == DB_FROM_BEFORE;
    size_t looked = 0;
    enum rc rc = RC_NOT_FOUND;

    if (w->find != NULL)
        text_fold(w->find, strlen(w->find), SIZE_MAX, &words);
    sqlite3_stmt *st = prepare_window(db, w, is_backward, err);
    if (st == NULL) {
        rc = err->rc;
        goto out;
    }
    if (w->from == DB_FROM_AFTER || w->from == DB_FROM_BEFORE || w->from == DB_FROM_AT) {
        sql_bind_value(st, 1, w->key);
        sql_bind_text(st, 2, w->client_id);
    }
    int64_t limit = w->look_max > 0 ? (int64_t)w->look_max : -1;
    sql_bind_i64(st, 3, words.len > 0 ? limit : (int64_t)w->count);
    while (list.count < w->count && (rc = sql_step(db->sql, st, err)) == RC_OK) {
        struct record *rec = &list.items[list.count];
        struct row row;
        row_load(&row, w->table, st);
        record_from_row(rec, &row);
        load_key(&rec->key, st, 12 + (int)w->table->column_count);
        looked++;
        if (w->edge != NULL && looked == w->look_max)
            set_edge(w->edge, rec);
        if (words.len > 0 && !matches(rec, &words))
            record_done(rec);
        else
            list.count++;
    }
    sqlite3_reset(st);
    rc = rc == RC_NOT_FOUND ? RC_OK : rc;
    for (size_t i = 0; !rc && i < list.count; i++)
        rc = read_mark(db, &list.items[i], err);
    if (w->edge != NULL) {
        w->edge->looked = looked;
        if (!rc && !w->edge->has_more && list.count > 0 && list.count == w->count)
            set_edge(w->edge, &list.items[list.count - 1]);
    }
    if (is_backward)
        reverse(&list);
out:
    buf_done(&words);
    if (rc)
        record_list_done(&list);
    else
        *out = list;
    return rc;
}

/* Counts along the index of the sort order: no row of the table is read. */
enum rc db_window_rank(struct db *db, const struct db_window *w, int64_t *out, struct err *err)
{
    struct buf text = { 0 };
    bool has_done = w->table->done != NULL;
    enum rc rc;

    buf_printf(&text, "SELECT count(*) FROM \"%s\" WHERE (_sort_%zu, client_id) %s (?1, ?2) AND _is_done %s",
               w->table->sql, w->sort + 1, w->table->sorts[w->sort].is_descending ? ">" : "<",
               w->view == DB_VIEW_ALL && has_done ? "IN (0, 1)" : w->view == DB_VIEW_DONE ? "= 1" : "= 0");
    sqlite3_stmt *st = sql_get(db->sql, buf_str(&text), err);
    buf_done(&text);
    if (st == NULL)
        return err->rc;
    sql_bind_value(st, 1, w->key);
    sql_bind_text(st, 2, w->client_id);
    rc = sql_step(db->sql, st, err);
    if (rc == RC_OK)
        *out = sql_i64(st, 0);
    sqlite3_reset(st);
    return rc;
}
