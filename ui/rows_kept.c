/* Rows that stay: a record that was drawn and does not fit the view or filter any more is put among
 * those that do, where it belongs, until the view is entered again. */
#include "ui/rows_priv.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

struct place {                  /* in the order of a list; borrowed */
    const struct value *key;
    const char *client_id;
};

static struct place place_of(const struct record *rec)
{
    return (struct place){ &rec->key, rec->client_id };
}

static struct place place_of_kept(const struct row_kept *kept)
{
    return (struct place){ &kept->key, kept->client_id };
}

void rows_key_now(const struct rows *rows, const struct record *rec, struct value *out)
{
    const struct sort_order *sort = &rows->table->sorts[rows->sort];
    static const struct value nothing = { 0 };

    sort_key(sort, sort->column ? &rec->values[sort->column->index] : &nothing, rec->created_at,
             rec->updated_at, out);
}

/* Where they stand: the order of db_window_read. */
static int compare_keys(const struct value *a, const struct value *b)
{
    size_t len;
    int order;

    if (a->kind == VALUE_TEXT && b->kind == VALUE_TEXT) {
        len = a->len < b->len ? a->len : b->len;
        order = len ? memcmp(a->text, b->text, len) : 0;
        return order ? order : (a->len > b->len) - (a->len < b->len);
    }
    if (a->kind == VALUE_TEXT || b->kind == VALUE_TEXT)
        return a->kind == VALUE_TEXT ? 1 : -1;
    if (a->kind == VALUE_INT && b->kind == VALUE_INT)
        return (a->number > b->number) - (a->number < b->number);
    {
        double x = a->kind == VALUE_REAL ? a->real : (double)a->number;
        double y = b->kind == VALUE_REAL ? b->real : (double)b->number;

        return (x > y) - (x < y);
    }
}

static int compare(const struct rows *rows, struct place a, struct place b)
{
    int order = compare_keys(a.key, b.key);

    if (order == 0)
        order = strcmp(a.client_id, b.client_id);
    return rows->table->sorts[rows->sort].is_descending ? -order : order;
}

/* Asks the database, because words and views are its own; rec->key must be the present one. */
static enum rc is_listed(const struct rows *rows, struct db *db, enum db_view view,
                         const char *words, const struct record *rec, bool *out, struct err *err)
{
    struct db_window window = {
        .table = rows->table,
        .view = view,
        .sort = rows->sort,
        .from = DB_FROM_AT,
        .key = &rec->key,
        .client_id = rec->client_id,
        .count = 1,
        .look_max = 1,
        .find = words,
    };
    struct record_list list = { 0 };
    enum rc rc = db_window_read(db, &window, &list, err);

    if (rc == RC_OK)
        *out = list.count == 1 && strcmp(list.items[0].client_id, rec->client_id) == 0;
    record_list_done(&list);
    return rc;
}

static enum rc fits(const struct rows *rows, struct db *db, const struct record *rec, bool *out,
                    struct err *err)
{
    const char *words = rows->where.words.len ? buf_str(&rows->where.words) : NULL;
    enum rc rc = is_listed(rows, db, rows->view, words, rec, out, err);

    *out = *out && filter_matches(&rows->where, rec);
    return rc;
}

void rows_keep_none(struct rows *rows)
{
    for (size_t i = 0; i < rows->kept_count; i++)
        value_done(&rows->kept[i].key);
    free(rows->kept);
    rows->kept = NULL;
    rows->kept_count = 0;
}

static size_t find_kept(const struct rows *rows, const char *client_id)
{
    size_t i = 0;

    while (i < rows->kept_count && strcmp(rows->kept[i].client_id, client_id) != 0)
        i++;
    return i;
}

static void drop_kept(struct rows *rows, size_t at)
{
    value_done(&rows->kept[at].key);
    rows->kept[at] = rows->kept[--rows->kept_count];
}

enum rc rows_keep(struct rows *rows, struct db *db, struct record *now, struct err *err)
{
    size_t at = find_kept(rows, now->client_id);
    bool is_fitting = false;
    enum rc rc;

    value_done(&now->key);
    rows_key_now(rows, now, &now->key);
    rc = fits(rows, db, now, &is_fitting, err);
    if (rc)
        return rc;
    if (at < rows->kept_count)
        drop_kept(rows, at);
    if (is_fitting)
        return RC_OK;
    rows->kept = mem_grow(rows->kept, rows->kept_count + 1, sizeof *rows->kept);
    at = rows->kept_count++;
    rows->kept[at] = (struct row_kept){ .sort = rows->sort };
    memcpy(rows->kept[at].client_id, now->client_id, sizeof rows->kept[at].client_id);
    value_copy(&rows->kept[at].key, &now->key);
    return RC_OK;
}

size_t rows_kept_before(const struct rows *rows, const struct record *rec)
{
    size_t count = 0;

    for (size_t i = 0; i < rows->kept_count; i++)
        count += compare(rows, place_of_kept(&rows->kept[i]), place_of(rec)) < 0;
    return count;
}

size_t rows_kept_after(const struct rows *rows, const struct record *rec)
{
    size_t count = 0;

    for (size_t i = 0; i < rows->kept_count; i++)
        count += compare(rows, place_of_kept(&rows->kept[i]), place_of(rec)) > 0;
    return count;
}

/* ---- among those that fit ---- */

/* What a list covers: from where it was asked for to where the look for it has come. */
struct span {
    enum db_from from;
    struct place start, end;    /* NULL keys: the ends of the whole list */
};

static bool is_backward(enum db_from from)
{
    return from == DB_FROM_END || from == DB_FROM_BEFORE;
}

static struct span span_of(enum db_from from, struct place start, size_t count,
                           const struct record_list *list, const struct look *rest)
{
    struct span span = { .from = from, .start = start };

    if (rest->is_on)
        span.end = (struct place){ &rest->key, rest->client_id };
    else if (list->count > 0 && list->count >= count)
        span.end = place_of(&list->items[is_backward(from) ? 0 : list->count - 1]);
    return span;
}

static bool is_in(const struct rows *rows, const struct span *span, const struct row_kept *kept)
{
    int sign = is_backward(span->from) ? -1 : 1;
    int from_start = 1, to_end = 1;

    if (span->start.key)
        from_start = sign * compare(rows, place_of_kept(kept), span->start);
    if (span->end.key)
        to_end = sign * compare(rows, span->end, place_of_kept(kept));
    return (from_start > 0 || (from_start == 0 && span->from == DB_FROM_AT)) && to_end >= 0;
}

static void insert(const struct rows *rows, struct record_list *list, struct record *rec)
{
    size_t at = 0;

    while (at < list->count && compare(rows, place_of(&list->items[at]), place_of(rec)) < 0)
        at++;
    list->items = mem_grow(list->items, list->count + 1, sizeof *list->items);
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof *list->items);
    list->items[at] = *rec;
    list->count++;
    *rec = (struct record){ 0 };
}

/* The record as it is now. *is_there: it is one that stays, and its key is up to date. */
static enum rc read_kept(struct rows *rows, struct db *db, size_t at, struct record *out,
                         bool *is_there, struct err *err)
{
    bool is_fitting = false;
    enum rc rc = db_record_read(db, rows->table, rows->kept[at].client_id, out, err);

    *is_there = false;
    if (rc == RC_OK) {
        value_done(&out->key);
        rows_key_now(rows, out, &out->key);
        rc = fits(rows, db, out, &is_fitting, err);
    }
    if (rc && rc != RC_NOT_FOUND)
        return rc;
    if (rc == RC_NOT_FOUND || is_fitting) {     /* the list has it by itself, or nobody has it */
        drop_kept(rows, at);
        return RC_OK;
    }
    value_done(&rows->kept[at].key);
    value_copy(&rows->kept[at].key, &out->key);
    rows->kept[at].sort = rows->sort;
    *is_there = true;
    return RC_OK;
}

/* Lets go what is more than count, at the far end. */
static void cut(struct record_list *list, bool is_backward, size_t count)
{
    size_t over = list->count > count ? list->count - count : 0;

    if (over == 0)
        return;
    for (size_t i = 0; i < over; i++)
        record_done(&list->items[is_backward ? i : count + i]);
    if (is_backward)
        memmove(list->items, list->items + over, count * sizeof *list->items);
    list->count = count;
}

/* The span ends before anything is inserted: its places are those of the list's own records. */
static enum rc find_in(struct rows *rows, struct db *db, const struct span *span,
                       const char *words, struct record_list *found, struct err *err)
{
    for (size_t i = rows->kept_count; i-- > 0;) {
        struct record rec = { 0 };
        bool is_there = false;
        enum rc rc;

        if (rows->kept[i].sort == rows->sort && !is_in(rows, span, &rows->kept[i]))
            continue;
        rc = read_kept(rows, db, i, &rec, &is_there, err);
        if (rc == RC_OK && is_there && words)
            rc = is_listed(rows, db, DB_VIEW_ALL, words, &rec, &is_there, err);
        if (rc == RC_OK && is_there && is_in(rows, span, &rows->kept[i]))
            insert(rows, found, &rec);
        record_done(&rec);
        if (rc && rc != RC_NOT_FOUND)
            return rc;
    }
    return RC_OK;
}

enum rc rows_add_kept(struct rows *rows, struct db *db, enum db_from from,
                      const struct value *key, const char *client_id, size_t count,
                      struct record_list *list, struct look *rest, struct err *err)
{
    const struct span span = span_of(from, (struct place){ key, client_id }, count, list, rest);
    struct record_list found = { 0 };
    enum rc rc;

    if (rows->kept_count == 0)
        return RC_OK;
    rc = find_in(rows, db, &span, rest->words, &found, err);
    for (size_t i = 0; rc == RC_OK && i < found.count; i++)
        insert(rows, list, &found.items[i]);
    if (rc == RC_OK && found.count > 0) {
        cut(list, is_backward(from), count);
        if (rest->is_on)
            rest->wanted = count - list->count;
        rest->is_on = rest->is_on && rest->wanted > 0;
    }
    record_list_done(&found);
    return rc;
}
