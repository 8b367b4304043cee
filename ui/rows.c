/* The rows as the list uses them: how many fit, a filter, moving, what a notice changes. */
#include "ui/rows_priv.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

void rows_done(struct rows *rows)
{
    rows_clear(rows);
    rows_keep_none(rows);
    free(rows->items);
    free(rows->filter);
    filter_done(&rows->where);
    look_done(&rows->look);
    look_done(&rows->tally);
    *rows = (struct rows){ 0 };
}

enum rc rows_filter(struct rows *rows, const char *text, int64_t now_ms, struct err *err)
{
    struct filter where = { 0 };
    enum rc rc = text ? filter_parse(rows->table, text, now_ms, &where, err) : RC_OK;

    if (rc)
        return rc;
    rows_keep_none(rows);
    filter_done(&rows->where);
    rows->where = where;
    free(rows->filter);
    rows->filter = text ? mem_strdup(text) : NULL;
    rows->total = -1;
    look_done(&rows->tally);
    return RC_OK;
}

enum rc rows_enter(struct rows *rows, struct db *db, struct err *err)
{
    rows_keep_none(rows);
    return rows_first(rows, db, err);
}

enum rc rows_fit(struct rows *rows, struct db *db, size_t room, struct err *err)
{
    size_t cursor = rows->cursor;
    size_t spare;
    enum rc rc;

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
    if (rows->count == 0)
        return rows_first(rows, db, err);
    rc = rows_anchor(rows, db, err);
    if (rc == RC_OK && rows->filter && rows->count < room && !rows->look.is_on) {
        look_start(&rows->look, DB_FROM_AFTER, &rows->items[rows->count - 1].record, NULL,
                   room - rows->count);
        rows->goal = ROWS_FILL;
    }
    return rc;
}

/* ---- moving ---- */

/* Reads up to `count` rows beyond the end that step points to. *moved: by how many rows the window
 * went on. */
static enum rc extend(struct rows *rows, struct db *db, int step, size_t count, enum rows_goal goal,
                      size_t *moved, struct err *err)
{
    struct record_list list = { 0 };
    struct look rest = { 0 };
    const struct record *edge = &rows->items[step > 0 ? rows->count - 1 : 0].record;
    enum db_from from = step > 0 ? DB_FROM_AFTER : DB_FROM_BEFORE;
    enum rc rc;

    *moved = 0;
    if (rows->look.is_on && rows->goal != ROWS_FIND)
        return RC_OK; /* they are on their way */
    if (count > rows->room)
        count = rows->room;
    rc = rows_read_window(rows, db, from, edge, count, NULL, &list, &rest, err);
    if (rc == RC_OK)
        rc = rows_add_kept(rows, db, from, &edge->key, edge->client_id, count, &list, &rest, err);
    if (rc == RC_OK) {
        *moved = rows_slide(rows, &list, step);
        rows_go_on(rows, &rest, goal);
    }
    look_done(&rest);
    record_list_done(&list);
    return rc;
}

enum rc rows_move(struct rows *rows, struct db *db, int step, struct err *err)
{
    enum rc rc = rows_settle(rows, db, err);
    size_t moved = 0, want;

    if (rc || rows->count == 0)
        return rc;
    if (step > 0) {
        want = rows->cursor + (size_t)step;
        if (want >= rows->count) {
            rc = extend(rows, db, 1, want - rows->count + 1, ROWS_MOVE, &moved, err);
            want -= moved;
        }
        rows->cursor = want < rows->count ? want : rows->count - 1;
    } else {
        want = (size_t)-step;
        if (want > rows->cursor) {
            rc = extend(rows, db, -1, want - rows->cursor, ROWS_MOVE, &moved, err);
            rows->cursor += moved;
        }
        rows->cursor -= want < rows->cursor ? want : rows->cursor;
    }
    return rc;
}

enum rc rows_turn(struct rows *rows, struct db *db, int step, struct err *err)
{
    enum rc rc = rows_settle(rows, db, err);
    size_t moved = 0;

    if (rc || rows->count == 0)
        return rc;
    rc = extend(rows, db, step, (size_t)abs(step), ROWS_TURN, &moved, err);
    if (rc)
        return rc;
    if (moved == 0 && !rows->look.is_on)
        rows->cursor = step > 0 ? rows->count - 1 : 0;
    return RC_OK;
}

static bool is_changed(const struct record *was, const struct record *now)
{
    return was->rev != now->rev || was->updated_at != now->updated_at || was->mark != now->mark;
}

enum rc rows_refresh(struct rows *rows, struct db *db, struct err *err)
{
    rows->is_stale = true;
    if (rows->filter) {
        rows->total = -1;
        look_done(&rows->tally);
    }
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
        if (is_changed(&row->record, &now))
            rc = rows_keep(rows, db, &now, err);
        if (rc) {
            record_done(&now);
            return rc;
        }
        value_done(&now.key);
        now.key = row->record.key;
        row->record.key = (struct value){ 0 };
        record_done(&row->record);
        row->record = now;
        row->is_gone = false;
    }
    return rows_count(rows, db, err);
}

enum rc rows_place(struct rows *rows, struct db *db, struct err *err)
{
    const struct row *row = rows_at_cursor(rows);
    struct db_window window = { .table = rows->table, .view = rows->view, .sort = rows->sort };
    int64_t rank = 0;
    enum rc rc;

    if (!row || rows->first >= 0 || rows->total < 0 || rows->filter)
        return RC_OK;
    window.key = &row->record.key;
    window.client_id = row->record.client_id;
    rc = db_window_rank(db, &window, &rank, err);
    rank += (int64_t)rows_kept_before(rows, &row->record);
    if (rc == RC_OK)
        rows->first = rank > (int64_t)rows->cursor ? rank - (int64_t)rows->cursor : 0;
    return rc;
}
