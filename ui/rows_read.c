/* Reading rows: whole windows, what is added at their ends, and how many there are. What of a look
 * did not end goes on in rows_look.c. */
#include "ui/rows_priv.h"

#include <string.h>
#include "base/mem.h"

#define AROUND_PARTS 2 /* of a look that a key waits for, on each side of a record */

void rows_clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        record_done(&rows->items[i].record);
    rows->count = 0;
    rows->cursor = 0;
}

const struct row *rows_at_cursor(const struct rows *rows)
{
    return rows->count ? &rows->items[rows->cursor] : NULL;
}

struct look_in rows_in(const struct rows *rows)
{
    return (struct look_in){ rows->table, rows->view, rows->sort, &rows->where };
}

enum rc rows_read_window(const struct rows *rows, struct db *db, enum db_from from,
                         const struct record *at, size_t count, const char *find,
                         struct record_list *out, struct look *rest, struct err *err)
{
    const struct look_in in = rows_in(rows);
    struct db_window window = {
        .table = rows->table,
        .view = rows->view,
        .sort = rows->sort,
        .from = from,
        .key = at ? &at->key : NULL,
        .client_id = at ? at->client_id : NULL,
        .count = count,
    };

    if (!rows->filter && !find)
        return db_window_read(db, &window, out, err);
    look_start(rest, from, at, find, count);
    return look_part(rest, &in, db, out, err);
}

void rows_stop(struct rows *rows)
{
    look_done(&rows->look);
}

void rows_go_on(struct rows *rows, struct look *rest, enum rows_goal goal)
{
    rows_stop(rows);
    if (rest->is_on) {
        rows->look = *rest;
        rows->goal = goal;
        *rest = (struct look){ 0 };
    }
    look_done(rest);
}

enum rc rows_count(struct rows *rows, struct db *db, struct err *err)
{
    enum rc rc;

    if (rows->filter)
        return RC_OK;
    rc = db_count(db, rows->table, rows->view, &rows->total, err);
    if (rc == RC_OK)
        rows->total += (int64_t)rows->kept_count;
    return rc;
}

/* Takes items [from, from + count) of a list to the end of the rows. */
static void take(struct rows *rows, struct record_list *list, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rows->items[rows->count++] = (struct row){ .record = list->items[from + i] };
        list->items[from + i] = (struct record){ 0 };
    }
}

/* Moves what was found later to the end of a list, or before its start. */
static void join(struct record_list *list, struct record_list *more, bool before)
{
    size_t n = more->count;

    if (n == 0)
        return;
    list->items = mem_grow(list->items, list->count + n, sizeof *list->items);
    if (before)
        memmove(list->items + n, list->items, list->count * sizeof *list->items);
    memcpy(list->items + (before ? 0 : list->count), more->items, n * sizeof *list->items);
    list->count += n;
    more->count = 0;
}

/* What stands before a record, or from it on. RC_CANCELLED: that takes too long. */
static enum rc read_side(struct rows *rows, struct db *db, enum db_from from,
                         const struct record *at, struct record_list *out, struct err *err)
{
    const struct look_in in = rows_in(rows);
    struct look look = { 0 };
    enum rc rc = rows_read_window(rows, db, from, at, rows->room, NULL, out, &look, err);

    for (int i = 1; rc == RC_OK && look.is_on && i < AROUND_PARTS; i++) {
        struct record_list more = { 0 };

        rc = look_part(&look, &in, db, &more, err);
        if (rc == RC_OK)
            join(out, &more, look_is_backward(&look));
        record_list_done(&more);
    }
    if (rc == RC_OK && look.is_on)
        rc = RC_CANCELLED;
    if (rc == RC_OK)
        rc = rows_add_kept(rows, db, from, &at->key, at->client_id, rows->room, out, &look, err);
    look_done(&look);
    return rc;
}

enum rc rows_read_around(struct rows *rows, struct db *db, const struct record *at, size_t place,
                         struct err *err)
{
    struct record_list before = { 0 }, after = { 0 };
    int64_t was = rows->first >= 0 ? rows->first + (int64_t)rows->cursor : -1;
    size_t above, below;
    enum rc rc = read_side(rows, db, DB_FROM_BEFORE, at, &before, err);

    if (rc == RC_OK)
        rc = read_side(rows, db, DB_FROM_AT, at, &after, err);
    if (rc == RC_OK)
        rc = rows_count(rows, db, err);
    if (rc == RC_OK) {
        above = place < before.count ? place : before.count;
        below = rows->room - above < after.count ? rows->room - above : after.count;
        if (above + below < rows->room)
            above = rows->room - below < before.count ? rows->room - below : before.count;
        rows_stop(rows);
        rows_clear(rows);
        take(rows, &before, before.count - above, above);
        take(rows, &after, 0, below);
        rows->cursor = above > 0 && below == 0 ? above - 1 : above;
        if (before.count < rows->room)
            rows->first = (int64_t)(before.count - above);
        else if (after.count < rows->room && rows->total >= 0)
            rows->first = rows->total - (int64_t)(after.count + above);
        else
            rows->first = was >= 0 ? was - (int64_t)rows->cursor : -1;
        rows->is_stale = false;
    }
    record_list_done(&before);
    record_list_done(&after);
    return rc;
}

void rows_tally(struct rows *rows)
{
    const struct record *last;

    if (!rows->filter || rows->total >= 0 || rows->first < 0 || rows->look.is_on ||
        rows->tally.is_on)
        return;
    rows->counted = rows->first + (int64_t)rows->count;
    if (rows->count < rows->room) {
        rows->total = rows->counted;
        return;
    }
    last = &rows->items[rows->count - 1].record;
    rows->counted += (int64_t)rows_kept_after(rows, last);
    look_start(&rows->tally, DB_FROM_AFTER, last, NULL, SIZE_MAX);
}

enum rc rows_first(struct rows *rows, struct db *db, struct err *err)
{
    struct record_list list = { 0 };
    struct look rest = { 0 };
    enum rc rc =
        rows_read_window(rows, db, DB_FROM_START, NULL, rows->room, NULL, &list, &rest, err);

    if (rc == RC_OK)
        rc = rows_add_kept(rows, db, DB_FROM_START, NULL, NULL, rows->room, &list, &rest, err);
    if (rc == RC_OK)
        rc = rows_count(rows, db, err);
    if (rc == RC_OK) {
        rows_clear(rows);
        take(rows, &list, 0, list.count);
        rows->first = 0;
        rows->is_stale = false;
        rest.wanted = rows->room - rows->count;
        rows_go_on(rows, &rest, ROWS_FILL);
        rows_tally(rows);
    }
    look_done(&rest);
    record_list_done(&list);
    return rc;
}

enum rc rows_anchor(struct rows *rows, struct db *db, struct err *err)
{
    const struct row *row = rows_at_cursor(rows);
    struct record at = { 0 };
    enum rc rc;

    if (!row)
        return rows_first(rows, db, err);
    memcpy(at.client_id, row->record.client_id, sizeof at.client_id);
    if (row->is_gone)
        value_copy(&at.key, &row->record.key);
    else
        rows_key_now(rows, &row->record, &at.key);
    rc = rows_read_around(rows, db, &at, rows->cursor, err);
    value_done(&at.key);
    if (rc != RC_CANCELLED)
        return rc;
    rows->is_stale = false; /* too much to look at: what is drawn stays */
    return RC_OK;
}

enum rc rows_settle(struct rows *rows, struct db *db, struct err *err)
{
    return rows->is_stale && !rows->look.is_on ? rows_anchor(rows, db, err) : RC_OK;
}

enum rc rows_last(struct rows *rows, struct db *db, struct err *err)
{
    struct record_list list = { 0 };
    struct look rest = { 0 };
    enum rc rc = rows_read_window(rows, db, DB_FROM_END, NULL, rows->room, NULL, &list, &rest, err);

    if (rc == RC_OK)
        rc = rows_add_kept(rows, db, DB_FROM_END, NULL, NULL, rows->room, &list, &rest, err);
    if (rc == RC_OK)
        rc = rows_count(rows, db, err);
    if (rc == RC_OK) {
        rows_clear(rows);
        take(rows, &list, 0, list.count);
        rows->cursor = rows->count ? rows->count - 1 : 0;
        rows->first = rows->total >= 0 ? rows->total - (int64_t)rows->count : -1;
        rows->is_stale = false;
        rows_go_on(rows, &rest, ROWS_FILL_UP);
    }
    look_done(&rest);
    record_list_done(&list);
    return rc;
}

size_t rows_slide(struct rows *rows, struct record_list *list, int step)
{
    size_t n = list->count;
    size_t over = rows->count + n > rows->room ? rows->count + n - rows->room : 0;

    if (step > 0) {
        for (size_t i = 0; i < over; i++)
            record_done(&rows->items[i].record);
        memmove(rows->items, rows->items + over, (rows->count - over) * sizeof *rows->items);
        rows->count -= over;
        take(rows, list, 0, n);
        if (rows->first >= 0)
            rows->first += (int64_t)over;
        return over;
    }
    for (size_t i = rows->count - over; i < rows->count; i++)
        record_done(&rows->items[i].record);
    rows->count -= over;
    memmove(rows->items + n, rows->items, rows->count * sizeof *rows->items);
    for (size_t i = 0; i < n; i++) {
        rows->items[i] = (struct row){ .record = list->items[i] };
        list->items[i] = (struct record){ 0 };
    }
    rows->count += n;
    if (rows->first >= 0)
        rows->first = rows->first > (int64_t)n ? rows->first - (int64_t)n : 0;
    return n;
}
