#include "ui/look.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define PART 1024 /* records that a part looks at: some ms */
#define PIECE 256 /* of them, read at once */

void look_done(struct look *look)
{
    value_done(&look->key);
    free(look->words);
    *look = (struct look){ 0 };
}

void look_start(struct look *look, enum db_from from, const struct record *at, const char *words,
                size_t wanted)
{
    look_done(look);
    look->from = from;
    if (at) {
        value_copy(&look->key, &at->key);
        memcpy(look->client_id, at->client_id, sizeof look->client_id);
    }
    look->words = words ? mem_strdup(words) : NULL;
    look->wanted = wanted;
    look->is_on = wanted > 0;
}

bool look_is_backward(const struct look *look)
{
    return look->from == DB_FROM_END || look->from == DB_FROM_BEFORE;
}

/* Takes from a piece what fits, in the order of reading; out NULL: only counts. */
static size_t sift(const struct look *look, const struct look_in *in, struct record_list *piece,
                   struct record_list *out)
{
    size_t count = 0;

    for (size_t i = 0; i < piece->count && count < look->wanted; i++) {
        struct record *rec = &piece->items[look_is_backward(look) ? piece->count - 1 - i : i];

        if (!filter_matches(in->where, rec))
            continue;
        count++;
        if (!out)
            continue;
        out->items = mem_grow(out->items, out->count + 1, sizeof *out->items);
        out->items[out->count++] = *rec;
        *rec = (struct record){ 0 };
    }
    return count;
}

/* Reads the next piece, and moves on behind it. *looked: rows that it cost. */
static enum rc read_piece(struct look *look, const struct look_in *in, struct db *db, size_t most,
                          struct record_list *piece, size_t *looked, struct err *err)
{
    struct db_edge edge = { 0 };
    struct buf words = { 0 };
    struct db_window window = {
        .table = in->table,
        .view = in->view,
        .sort = in->sort,
        .from = look->from,
        .key = &look->key,
        .client_id = look->client_id,
        .count = most < PIECE ? most : PIECE,
        .look_max = most,
        .edge = &edge,
    };
    enum rc rc;

    buf_puts(&words, buf_str(&in->where->words));
    if (look->words)
        buf_printf(&words, " %s", look->words);
    if (words.len)
        window.find = buf_str(&words);
    rc = db_window_read(db, &window, piece, err);
    if (rc == RC_OK) {
        look->is_on = edge.has_more;
        look->from = look_is_backward(look) ? DB_FROM_BEFORE : DB_FROM_AFTER;
        value_done(&look->key);
        look->key = edge.key;
        edge.key = (struct value){ 0 };
        memcpy(look->client_id, edge.client_id, sizeof look->client_id);
        *looked = edge.looked;
    }
    value_done(&edge.key);
    buf_done(&words);
    return rc;
}

static enum rc part(struct look *look, const struct look_in *in, struct db *db,
                    struct record_list *out, size_t *count, struct err *err)
{
    size_t left = PART;
    enum rc rc = RC_OK;

    while (rc == RC_OK && look->is_on && left > 0) {
        struct record_list piece = { 0 };
        size_t looked = 0, found;

        rc = read_piece(look, in, db, left, &piece, &looked, err);
        if (rc == RC_OK) {
            found = sift(look, in, &piece, out);
            *count += found;
            look->wanted -= found;
            look->is_on = look->is_on && look->wanted > 0;
            left -= looked < left ? looked : left;
        }
        record_list_done(&piece);
    }
    if (rc)
        look->is_on = false;
    return rc;
}

enum rc look_part(struct look *look, const struct look_in *in, struct db *db,
                  struct record_list *found, struct err *err)
{
    struct record_list list = { 0 };
    size_t count = 0;
    enum rc rc = part(look, in, db, &list, &count, err);

    for (size_t i = 0; look_is_backward(look) && i < list.count / 2; i++) {
        struct record swap = list.items[i];

        list.items[i] = list.items[list.count - 1 - i];
        list.items[list.count - 1 - i] = swap;
    }
    if (rc)
        record_list_done(&list);
    else
        *found = list;
    return rc;
}

enum rc look_count(struct look *look, const struct look_in *in, struct db *db, size_t *count,
                   struct err *err)
{
    return part(look, in, db, NULL, count, err);
}
