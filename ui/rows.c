#include "ui/rows.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define PIECE 256               /* records read at once when conditions are looked for */

static void clear(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        record_done(&rows->items[i].record);
    rows->count = 0;
    rows->cursor = 0;
}

void rows_done(struct rows *rows)
{
    clear(rows);
    free(rows->items);
    free(rows->filter);
    filter_done(&rows->where);
    *rows = (struct rows){ 0 };
}

const struct row *rows_at_cursor(const struct rows *rows)
{
    return rows->count ? &rows->items[rows->cursor] : NULL;
}

enum rc rows_filter(struct rows *rows, const char *text, int64_t now_ms, struct err *err)
{
    struct filter where = { 0 };
    enum rc rc = text ? filter_parse(rows->table, text, now_ms, &where, err) : RC_OK;

    if (rc)
        return rc;
    filter_done(&rows->where);
    rows->where = where;
    free(rows->filter);
    rows->filter = text ? mem_strdup(text) : NULL;
    return RC_OK;
}

/* ---- reading ---- */

static void reverse(struct record_list *list)
{
    for (size_t i = 0; i < list->count / 2; i++) {
        struct record swap = list->items[i];

        list->items[i] = list->items[list->count - 1 - i];
        list->items[list->count - 1 - i] = swap;
    }
}

/* Takes from a piece what fits, in the order of reading. */
static void sift(const struct rows *rows, struct record_list *piece, bool is_backward,
                 size_t wanted, struct record_list *found)
{
    for (size_t i = 0; i < piece->count && found->count < wanted; i++) {
        struct record *rec = &piece->items[is_backward ? piece->count - 1 - i : i];

        if (!filter_matches(&rows->where, rec))
            continue;
        found->items[found->count++] = *rec;
        *rec = (struct record){ 0 };
    }
}

/* Records that fit the conditions: reads on in pieces until there are enough. */
static enum rc read_matching(const struct rows *rows, struct db *db, struct db_window window,
                             struct record_list *out, struct err *err)
{
    bool is_backward = window.from == DB_FROM_END || window.from == DB_FROM_BEFORE;
    struct record_list found = { mem_zero(window.count, sizeof *found.items), 0 };
    size_t wanted = window.count, got = PIECE;
    struct value key = { 0 };
    char client_id[ID_SIZE];
    enum rc rc = RC_OK;

    window.count = PIECE;
    while (rc == RC_OK && got == PIECE && found.count < wanted) {
        struct record_list piece = { 0 };

        rc = db_window_read(db, &window, &piece, err);
        got = piece.count;
        if (rc == RC_OK && got > 0) {
            const struct record *edge = &piece.items[is_backward ? 0 : got - 1];

            value_done(&key);
            value_copy(&key, &edge->key);
            memcpy(client_id, edge->client_id, sizeof client_id);
            window.from = is_backward ? DB_FROM_BEFORE : DB_FROM_AFTER;
            window.key = &key;
            window.client_id = client_id;
            sift(rows, &piece, is_backward, wanted, &found);
        }
        record_list_done(&piece);
    }
    value_done(&key);
    if (is_backward)
        reverse(&found);
    if (rc)
        record_list_done(&found);
    else
        *out = found;
    return rc;
}

static enum rc read_window(const struct rows *rows, struct db *db, enum db_from from,
                           const struct record *at, size_t count, const char *find,
                           struct record_list *out, struct err *err)
{
    struct db_window window = {
        .table = rows->table,
        .view = rows->view,
        .sort = rows->sort,
        .from = from,
        .key = at ? &at->key : NULL,
        .client_id = at ? at->client_id : NULL,
        .count = count,
    };
    struct buf words = { 0 };
    enum rc rc;

    buf_puts(&words, buf_str(&rows->where.words));
    if (find)
        buf_printf(&words, " %s", find);
    if (words.len)
        window.find = buf_str(&words);
    rc = rows->where.count ? read_matching(rows, db, window, out, err)
                           : db_window_read(db, &window, out, err);
    buf_done(&words);
    return rc;
}

static enum rc count_rows(struct rows *rows, struct db *db, struct err *err)
{
    if (rows->filter) {
        rows->total = -1;
        return RC_OK;
    }
    return db_count(db, rows->table, rows->view, &rows->total, err);
}

/* Takes items [from, from + count) of a list to the end of the rows. */
static void take(struct rows *rows, struct record_list *list, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rows->items[rows->count++] = (struct row){ .record = list->items[from + i] };
        list->items[from + i] = (struct record){ 0 };
    }
}

/* Reads a whole window around a record, which is to stand in screen row `place` if there is enough
 * around it. */
static enum rc read_around(struct rows *rows, struct db *db, const struct record *at, size_t place,
                           struct err *err)
{
    struct record_list before = { 0 }, after = { 0 };
    int64_t was = rows->first >= 0 ? rows->first + (int64_t)rows->cursor : -1;
    size_t above, below;
    enum rc rc = read_window(rows, db, DB_FROM_BEFORE, at, rows->room, NULL, &before, err);

    if (rc == RC_OK)
        rc = read_window(rows, db, DB_FROM_AT, at, rows->room, NULL, &after, err);
    if (rc == RC_OK)
        rc = count_rows(rows, db, err);
    if (rc == RC_OK) {
        above = place < before.count ? place : before.count;
        below = rows->room - above < after.count ? rows->room - above : after.count;
        if (above + below < rows->room)
            above = rows->room - below < before.count ? rows->room - below : before.count;
        clear(rows);
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

/* The record's own key as it is now: a change may have moved it. */
static void key_now(const struct rows *rows, const struct record *rec, struct value *out)
{
    const struct sort_order *sort = &rows->table->sorts[rows->sort];
    static const struct value nothing = { 0 };

    sort_key(sort, sort->column ? &rec->values[sort->column->index] : &nothing, rec->created_at,
             rec->updated_at, out);
}

/* Reads the window again, anchored at the cursor's record: where it belongs now, or where it was if
 * it is gone. */
static enum rc anchor(struct rows *rows, struct db *db, struct err *err)
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
        key_now(rows, &row->record, &at.key);
    rc = read_around(rows, db, &at, rows->cursor, err);
    value_done(&at.key);
    return rc;
}

static enum rc settle(struct rows *rows, struct db *db, struct err *err)
{
    return rows->is_stale ? anchor(rows, db, err) : RC_OK;
}

enum rc rows_first(struct rows *rows, struct db *db, struct err *err)
{
    struct record_list list = { 0 };
    enum rc rc = read_window(rows, db, DB_FROM_START, NULL, rows->room, NULL, &list, err);

    if (rc == RC_OK)
        rc = count_rows(rows, db, err);
    if (rc == RC_OK) {
        clear(rows);
        take(rows, &list, 0, list.count);
        rows->first = 0;
        rows->is_stale = false;
    }
    record_list_done(&list);
    return rc;
}

enum rc rows_last(struct rows *rows, struct db *db, struct err *err)
{
    struct record_list list = { 0 };
    enum rc rc = read_window(rows, db, DB_FROM_END, NULL, rows->room, NULL, &list, err);

    if (rc == RC_OK)
        rc = count_rows(rows, db, err);
    if (rc == RC_OK) {
        clear(rows);
        take(rows, &list, 0, list.count);
        rows->cursor = rows->count ? rows->count - 1 : 0;
        rows->first = rows->total >= 0 ? rows->total - (int64_t)rows->count : -1;
        rows->is_stale = false;
    }
    record_list_done(&list);
    return rc;
}

enum rc rows_fit(struct rows *rows, struct db *db, size_t room, struct err *err)
{
    size_t cursor = rows->cursor;
    size_t spare;

    if (room == 0)
        room = 1;
    if (room == rows->room && !rows->is_stale)
        return RC_OK;
    if (room < rows->room && rows->count > room) {
        /* Smaller: no need to read. What is above the cursor goes first only as far as it must. */
        spare = cursor >= room ? cursor - room + 1 : 0;
        for (size_t i = 0; i < rows->count; i++) {
            if (i < spare || i >= spare + room)
                record_done(&rows->items[i].record);
        }
        memmove(rows->items, rows->items + spare, room * sizeof *rows->items);
        rows->count = room;
        rows->cursor = cursor - spare;
        if (rows->first >= 0)
            rows->first += (int64_t)spare;
        rows->room = room;
        return RC_OK;
    }
    if (room == rows->room)
        return RC_OK;
    rows->items = mem_grow(rows->items, room, sizeof *rows->items);
    rows->room = room;
    return rows->count ? anchor(rows, db, err) : rows_first(rows, db, err);
}

/* ---- moving ---- */

/* Puts the list's records behind (step > 0) or before the rows, and lets as many go at the other
 * end. Returns how far the window moved. */
static size_t slide(struct rows *rows, struct record_list *list, int step)
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

/* Reads up to `count` rows beyond the end that step points to. *moved: by how many rows the window
 * went on. */
static enum rc extend(struct rows *rows, struct db *db, int step, size_t count, size_t *moved,
                      struct err *err)
{
    struct record_list list = { 0 };
    const struct row *edge = step > 0 ? &rows->items[rows->count - 1] : &rows->items[0];
    enum rc rc = read_window(rows, db, step > 0 ? DB_FROM_AFTER : DB_FROM_BEFORE, &edge->record,
                             count < rows->room ? count : rows->room, NULL, &list, err);

    *moved = 0;
    if (rc == RC_OK)
        *moved = slide(rows, &list, step);
    record_list_done(&list);
    return rc;
}

enum rc rows_move(struct rows *rows, struct db *db, int step, struct err *err)
{
    enum rc rc = settle(rows, db, err);
    size_t moved = 0, want;

    if (rc || rows->count == 0)
        return rc;
    if (step > 0) {
        want = rows->cursor + (size_t)step;
        if (want >= rows->count) {
            rc = extend(rows, db, 1, want - rows->count + 1, &moved, err);
            want -= moved;
        }
        rows->cursor = want < rows->count ? want : rows->count - 1;
    } else {
        want = (size_t)-step;
        if (want > rows->cursor) {
            rc = extend(rows, db, -1, want - rows->cursor, &moved, err);
            rows->cursor += moved;
        }
        rows->cursor -= want < rows->cursor ? want : rows->cursor;
    }
    return rc;
}

enum rc rows_turn(struct rows *rows, struct db *db, int step, struct err *err)
{
    enum rc rc = settle(rows, db, err);
    size_t moved = 0;

    if (rc || rows->count == 0)
        return rc;
    rc = extend(rows, db, step, (size_t)abs(step), &moved, err);
    if (rc)
        return rc;
    if (moved == 0)
        rows->cursor = step > 0 ? rows->count - 1 : 0;
    return RC_OK;
}

enum rc rows_show(struct rows *rows, struct db *db, const char *client_id, struct err *err)
{
    struct record rec = { 0 };
    enum rc rc = db_record_read(db, rows->table, client_id, &rec, err);

    if (rc == RC_OK) {
        value_done(&rec.key);
        key_now(rows, &rec, &rec.key);
        rc = read_around(rows, db, &rec, rows->room / 3, err);
    }
    record_done(&rec);
    return rc;
}

enum rc rows_find(struct rows *rows, struct db *db, const char *words, int step, struct err *err)
{
    struct record_list list = { 0 };
    const struct row *row;
    enum rc rc = settle(rows, db, err);

    row = rows_at_cursor(rows);
    if (rc || !row)
        return rc ? rc : RC_NOT_FOUND;
    rc = read_window(rows, db, step > 0 ? DB_FROM_AFTER : DB_FROM_BEFORE, &row->record, 1, words,
                     &list, err);
    if (rc == RC_OK && list.count == 0)
        rc = RC_NOT_FOUND;
    for (size_t i = 0; rc == RC_OK && i < rows->count; i++) {
        if (strcmp(rows->items[i].record.client_id, list.items[0].client_id) == 0) {
            rows->cursor = i;           /* in sight already: only the cursor goes there */
            record_list_done(&list);
            return RC_OK;
        }
    }
    if (rc == RC_OK) {
        rows->first = -1;
        rc = read_around(rows, db, &list.items[0], rows->room / 3, err);
    }
    record_list_done(&list);
    return rc;
}

enum rc rows_refresh(struct rows *rows, struct db *db, struct err *err)
{
    rows->is_stale = true;
    for (size_t i = 0; i < rows->count; i++) {
        struct row *row = &rows->items[i];
        struct record now = { 0 };
        enum rc rc = db_record_read(db, rows->table, row->record.client_id, &now, err);

        if (rc == RC_NOT_FOUND) {
            row->is_gone = true;
            continue;
        }
        if (rc)
            return rc;
        value_done(&now.key);
        now.key = row->record.key;
        row->record.key = (struct value){ 0 };
        record_done(&row->record);
        row->record = now;
        row->is_gone = false;
    }
    return count_rows(rows, db, err);
}

enum rc rows_place(struct rows *rows, struct db *db, struct err *err)
{
    const struct row *row = rows_at_cursor(rows);
    struct db_window window = { .table = rows->table, .view = rows->view, .sort = rows->sort };
    int64_t rank = 0;
    enum rc rc;

    if (!row || rows->first >= 0 || rows->total < 0)
        return RC_OK;
    window.key = &row->record.key;
    window.client_id = row->record.client_id;
    rc = db_window_rank(db, &window, &rank, err);
    if (rc == RC_OK)
        rows->first = rank > (int64_t)rows->cursor ? rank - (int64_t)rows->cursor : 0;
    return rc;
}
