/* ui/line_edit.h: the widget that a text is typed into: one line, or several. It knows graphemes
 * well enough that a base and its combining marks, or a joined emoji, move and go together. It
 * holds raw UTF-8; what is drawn is made safe.
 */
#ifndef UI_LINE_EDIT_H
#define UI_LINE_EDIT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "ui/keymap.h"
#include "ui/put.h"

struct line_edit {              /* all zero is an empty one */
    struct buf text;
    size_t at;                  /* byte offset of the cursor, at a grapheme's start */
    size_t from;                /* first byte, or first line's start, that is drawn */
    bool is_multiline, is_secret;
};

void line_edit_done(struct line_edit *e);               /* wipes the text */
void line_edit_set(struct line_edit *e, const char *s,
                   size_t len); /* cursor to the end of a line, start of lines */

/* Inserts at the cursor what is valid UTF-8; other bytes become `?`. Newlines become blanks in a
 * single line, other control characters but tab are left out. */
void line_edit_insert(struct line_edit *e, const char *s, size_t len);

/* False when the action is not one of text fields. */
bool line_edit_act(struct line_edit *e, enum ui_action action);

/* One line up (-1) or down (1) in a text of that width; false when there is none. */
bool line_edit_move_line(struct line_edit *e, int step, int width);

/* Draws into `rows` rows of `width` columns, unused columns as `blank`, and scrolls so that the
 * cursor is in sight. */
void line_edit_draw(struct line_edit *e, struct ui_canvas *c, int row, int col, int rows, int width,
                    bool has_focus, char blank);

/* Rows that the whole text takes. */
int line_edit_rows(const struct line_edit *e, int width);

#endif
