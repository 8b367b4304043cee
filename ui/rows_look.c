/* Finding, and looking on where a list is too long to be looked through while a key waits. */
#include "ui/rows_priv.h"

#include <string.h>

/* The window with this record under the cursor; where it takes too long to see what stands before
 * it, with nothing before it. */
static enum rc go_to(struct rows *rows, struct db *db, const struct record *rec, struct err *err)
{
    enum rc rc = rows_read_around(rows, db, rec, rows->room / 3, err);

    if (rc != RC_CANCELLED)
        return rc;
    look_start(&rows->look, DB_FROM_AT, rec, NULL, rows->room);
    rows->goal = ROWS_FILL;
    rows_clear(rows);
    rows->first = -1;
    rows->is_stale = false;
    return RC_OK;
}

enum rc rows_show(struct rows *rows, struct db *db, const char *client_id, struct err *err)
{
    struct record rec = { 0 };
    enum rc rc = db_record_read(db, rows->table, client_id, &rec, err);

    if (rc == RC_OK) {
        value_done(&rec.key);
        rows_key_now(rows, &rec, &rec.key);
        rc = go_to(rows, db, &rec, err);
    }
    record_done(&rec);
    return rc;
}

/* In sight already, only the cursor goes there. */
static enum rc go_to_found(struct rows *rows, struct db *db, const struct record *rec,
                           struct err *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->items[i].record.client_id, rec->client_id) == 0) {
            rows->cursor = i;
            return RC_OK;
        }
    }
    rows->first = -1;
    return go_to(rows, db, rec, err);
}

enum rc rows_find(struct rows *rows, struct db *db, const char *words, int step, struct err *err)
{
    struct record_list list = { 0 };
    struct look rest = { 0 };
    enum db_from from = step > 0 ? DB_FROM_AFTER : DB_FROM_BEFORE;
    const struct row *row;
    enum rc rc = rows_settle(rows, db, err);

    row = rows_at_cursor(rows);
    if (rc || !row)
        return rc ? rc : RC_NOT_FOUND;
    rc = rows_read_window(rows, db, from, &row->record, 1, words, &list, &rest, err);
    if (rc == RC_OK)
        rc = rows_add_kept(rows, db, from, &row->record.key, row->record.client_id, 1, &list, &rest,
                           err);
    if (rc == RC_OK && list.count > 0)
        rc = go_to_found(rows, db, &list.items[0], err);
    else if (rc == RC_OK && rest.is_on)
        rows_go_on(rows, &rest, ROWS_FIND);
    else if (rc == RC_OK)
        rc = RC_NOT_FOUND;
    look_done(&rest);
    record_list_done(&list);
    return rc;
}

/* ---- going on ---- */

bool rows_is_looking(const struct rows *rows)
{
    return rows->look.is_on;
}

bool rows_is_finding(const struct rows *rows)
{
    return rows->look.is_on && rows->goal == ROWS_FIND;
}

void rows_stop_finding(struct rows *rows)
{
    if (rows_is_finding(rows))
        rows_stop(rows);
}

bool rows_has_more_to_look(const struct rows *rows)
{
    return rows->look.is_on || rows->tally.is_on;
}

/* What was found goes where it was missing. */
static void put_found(struct rows *rows, struct record_list *found)
{
    size_t n = found->count, over;

    over = rows_slide(rows, found, look_is_backward(&rows->look) ? -1 : 1);
    if (rows->goal == ROWS_FILL_UP)
        rows->cursor = rows->count ? rows->count - 1 : 0;
    else if (rows->goal == ROWS_MOVE && !look_is_backward(&rows->look))
        rows->cursor = rows->cursor + n - over;
    if (rows->cursor >= rows->count)
        rows->cursor = rows->count ? rows->count - 1 : 0;
    if (rows->look.is_on)
        return;
    if (rows->goal == ROWS_FILL_UP && rows->total >= 0)
        rows->first = rows->total - (int64_t)rows->count;
    rows_tally(rows);
}

static enum rc count_on(struct rows *rows, struct db *db, bool *is_changed, struct err *err)
{
    const struct look_in in = rows_in(rows);
    size_t count = 0;
    enum rc rc = look_count(&rows->tally, &in, db, &count, err);

    rows->counted += (int64_t)count;
    if (rc == RC_OK && !rows->tally.is_on) {
        rows->total = rows->counted;
        *is_changed = true;
    }
    return rc;
}

/* The next part, with those that stay there. */
static enum rc look_on(struct rows *rows, const struct look_in *in, struct db *db,
                       struct record_list *found, struct err *err)
{
    struct look *look = &rows->look;
    enum db_from from = look->from;
    size_t wanted = look->wanted;
    char client_id[ID_SIZE];
    struct value key = { 0 };
    bool is_whole = from == DB_FROM_START || from == DB_FROM_END;
    enum rc rc;

    value_copy(&key, &look->key);
    memcpy(client_id, look->client_id, sizeof client_id);
    rc = look_part(look, in, db, found, err);
    if (rc == RC_OK)
        rc = rows_add_kept(rows, db, from, is_whole ? NULL : &key, client_id, wanted, found, look,
                           err);
    value_done(&key);
    return rc;
}

enum rc rows_look_on(struct rows *rows, struct db *db, bool *is_changed, struct err *err)
{
    const struct look_in in = rows_in(rows);
    struct record_list found = { 0 };
    enum rc rc;

    *is_changed = false;
    if (!rows->look.is_on)
        return rows->tally.is_on ? count_on(rows, db, is_changed, err) : RC_OK;
    rc = look_on(rows, &in, db, &found, err);
    *is_changed = found.count > 0 || !rows->look.is_on;
    if (rc == RC_OK && rows->goal != ROWS_FIND)
        put_found(rows, &found);
    else if (rc == RC_OK && found.count > 0)
        rc = go_to_found(rows, db, &found.items[0], err);
    else if (rc == RC_OK && !rows->look.is_on)
        rc = RC_NOT_FOUND;
    record_list_done(&found);
    return rc;
}
