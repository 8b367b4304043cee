/* ui/rows_priv.h: what rows.c (windows, moving), rows_look.c (finding, looking on) and rows_kept.c (rows
 * that stay) share. Private to them; what each does stands there.
 */
#ifndef UI_ROWS_PRIV_H
#define UI_ROWS_PRIV_H

#include "ui/rows.h"

struct look_in rows_in(const struct rows *rows);
void rows_clear(struct rows *rows);
size_t rows_slide(struct rows *rows, struct record_list *list, int step);
enum rc rows_read_around(struct rows *rows, struct db *db, const struct record *at, size_t place,
                         struct err *err);
enum rc rows_settle(struct rows *rows, struct db *db, struct err *err);
void rows_key_now(const struct rows *rows, const struct record *rec, struct value *out);
enum rc rows_read_window(const struct rows *rows, struct db *db, enum db_from from,
                         const struct record *at, size_t count, const char *find,
                         struct record_list *out, struct look *rest, struct err *err);
void rows_go_on(struct rows *rows, struct look *rest, enum rows_goal goal);
void rows_stop(struct rows *rows);

/* A record that is drawn has changed: it stays if it fits no more. Sets now->key. */
enum rc rows_keep(struct rows *rows, struct db *db, struct record *now, struct err *err);
void rows_keep_none(struct rows *rows);
/* How many that stay stand before it. */
size_t rows_kept_before(const struct rows *rows, const struct record *rec);
/* Puts those that stay into what was read: up to count records from there on (key and id, or NULL),
 * or fewer while rest goes on. */
enum rc rows_add_kept(struct rows *rows, struct db *db, enum db_from from,
                      const struct value *key, const char *client_id, size_t count,
                      struct record_list *list, struct look *rest, struct err *err);

#endif
