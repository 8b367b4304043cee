/* ui/rows_priv.h: what rows.c (windows, moving) and rows_look.c (finding, looking on) share. Private to
 * them; what each does stands there.
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

#endif
