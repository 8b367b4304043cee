/* ui/put.h: the only way that anything gets drawn. Every string is made safe (base/text.h), clipped
 * by display width, and given one of a few styles; which attributes those are is the terminal's
 * business.
 */
#ifndef UI_PUT_H
#define UI_PUT_H

#define NCURSES_NOMACROS                /* screens have callbacks named like curses' macros */
#include <curses.h>
#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "sync/sync.h"

enum ui_style {
    UI_PLAIN,
    UI_BAR,                     /* title and status row */
    UI_BAR_ALERT,               /* in the status row: a person must act */
    UI_HEADS, UI_BANNER, UI_CURSOR, UI_BOLD, UI_DIM, UI_ERROR,
    UI_MARK_CHANGED, UI_MARK_SENDING, UI_MARK_FAILED,
    UI_STYLE_COUNT
};

struct ui_look {
    attr_t attrs[UI_STYLE_COUNT];
    bool is_slow;               /* few bytes: no bars, no reversed cursor row */
    bool utf8_marks;
    bool reader;
};

struct ui_canvas {
    WINDOW *win;
    int rows, cols;
    const struct ui_look *look;
    const struct sync_status *status;
    bool is_narrow;             /* fewer than 60 columns */
    /* Set by whoever draws: where the hardware cursor goes; -1: nowhere of its own. */
    int cursor_row, cursor_col;
    struct buf scratch;         /* kept from frame to frame, so that drawing does not allocate */
};

/* Draws s at most `width` columns wide; cut text ends in `~`. Returns the columns it took. */
int ui_put(struct ui_canvas *c, int row, int col, int width, enum ui_style style, const char *s);
int ui_put_n(struct ui_canvas *c, int row, int col, int width, enum ui_style style, const char *s,
             size_t len);
/* The same without the `~`: for a part of a text that goes on elsewhere. */
int ui_put_part(struct ui_canvas *c, int row, int col, int width, enum ui_style style,
                const char *s, size_t len);
/* `width` columns of one ASCII character. */
void ui_fill(struct ui_canvas *c, int row, int col, int width, enum ui_style style, char with);
/* Right-aligned to end before column `end`. Returns the first column used. */
int ui_put_right(struct ui_canvas *c, int row, int end, int width, enum ui_style style,
                 const char *s);
void ui_cursor(struct ui_canvas *c, int row, int col);

/* Columns of s as it will be drawn. */
int ui_width(const char *s);

/* Where the next line of a wrapped text starts: the end of the line that begins at `from` is *end
 * (blanks at the break and the newline are in neither). Returns the start of the next line, or len
 * + 1 after the last. */
size_t ui_wrap(const char *s, size_t len, size_t from, int width, size_t *end);

#endif
