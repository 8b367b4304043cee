/* ui/rows_priv.h: what the files of the rows share. Private to them. Each uses only those before
 * it: rows_kept.c (rows that stay), rows_read.c (windows), rows_look.c (finding, looking on), rows.c.
 */
#ifndef UI_ROWS_PRIV_H
#define UI_ROWS_PRIV_H

#include "ui/rows.h"

/* ---- those that stay (rows_kept.c) ---- */

/* The record's own key as it is now: a change may have moved it. */
void rows_key_now(const struct rows *rows, const struct record *rec, struct value *out);
/* A record that is drawn has changed: it stays if it fits no more. Sets now->key. */
enum rc rows_keep(struct rows *rows, struct db *db, struct record *now, struct err *err);
void rows_keep_none(struct rows *rows);
/* How many that stay stand before it, and after it. */
size_t rows_kept_before(const struct rows *rows, const struct record *rec);
size_t rows_kept_after(const struct rows *rows, const struct record *rec);
/* Puts those that stay into what was read: up to count records from there on (key and id, or NULL),
 * or fewer while rest goes on; with words to find in rest, only those that hold them. */
enum rc rows_add_kept(struct rows *rows, struct db *db, enum db_from from,
                      const struct value *key, const char *client_id, size_t count,
                      struct record_list *list, struct look *rest, struct err *err);

/* ---- reading (rows_read.c) ---- */

struct look_in rows_in(const struct rows *rows);
void rows_clear(struct rows *rows);
/* *rest: all zero, or what is still to be looked at. */
enum rc rows_read_window(const struct rows *rows, struct db *db, enum db_from from,
                         const struct record *at, size_t count, const char *find,
                         struct record_list *out, struct look *rest, struct err *err);
/* Takes over a look that did not end. */
void rows_go_on(struct rows *rows, struct look *rest, enum rows_goal goal);
void rows_stop(struct rows *rows);
/* How many there are, where that need not be looked through. */
enum rc rows_count(struct rows *rows, struct db *db, struct err *err);
/* Reads a whole window around a record, which is to stand in screen row `place` if there is enough
 * around it. RC_CANCELLED: that takes too long. */
enum rc rows_read_around(struct rows *rows, struct db *db, const struct record *at, size_t place,
                         struct err *err);
/* Reads the window again, anchored at the cursor's record: where it belongs now, or where it was if
 * it is gone. The second: only if it is stale. */
enum rc rows_anchor(struct rows *rows, struct db *db, struct err *err);
enum rc rows_settle(struct rows *rows, struct db *db, struct err *err);
/* Puts the list's records behind (step > 0) or before the rows, and lets as many go at the other
 * end. Returns how far the window moved. */
size_t rows_slide(struct rows *rows, struct record_list *list, int step);

#endif
