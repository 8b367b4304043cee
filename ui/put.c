#include "ui/put.h"

#include <string.h>
#include "base/text.h"

static bool is_inside(const struct ui_canvas *c, int row, int col)
{
    return row >= 0 && row < c->rows && col >= 0 && col < c->cols;
}

static void draw(struct ui_canvas *c, int row, int col, enum ui_style style, const char *s,
                 size_t len)
{
    wattrset(c->win, (int)c->look->attrs[style]);
    /* ERR here only says that the cursor cannot move on from the last cell, which is drawn all the
     * same. */
    (void)mvwaddnstr(c->win, row, col, s, (int)len);
    wattrset(c->win, (int)A_NORMAL);
}

int ui_put_n(struct ui_canvas *c, int row, int col, int width, enum ui_style style, const char *s,
             size_t len)
{
    int used;

    if (!is_inside(c, row, col))
        return 0;
    if (width > c->cols - col)
        width = c->cols - col;
    if (width <= 0)
        return 0;
    buf_clear(&c->scratch);
    used = text_clip(s, len, width, &c->scratch);
    draw(c, row, col, style, buf_str(&c->scratch), c->scratch.len);
    return used;
}

int ui_put(struct ui_canvas *c, int row, int col, int width, enum ui_style style, const char *s)
{
    return ui_put_n(c, row, col, width, style, s, strlen(s));
}

int ui_put_part(struct ui_canvas *c, int row, int col, int width, enum ui_style style,
                const char *s, size_t len)
{
    int used = 0;
    size_t fit;

    if (!is_inside(c, row, col))
        return 0;
    if (width > c->cols - col)
        width = c->cols - col;
    buf_clear(&c->scratch);
    text_display(s, len, TEXT_LINE, &c->scratch);
    fit = text_fit(buf_str(&c->scratch), c->scratch.len, width, &used);
    draw(c, row, col, style, buf_str(&c->scratch), fit);
    return used;
}

void ui_fill(struct ui_canvas *c, int row, int col, int width, enum ui_style style, char with)
{
    if (!is_inside(c, row, col) || width <= 0)
        return;
    wattrset(c->win, (int)c->look->attrs[style]);
    (void)mvwhline(c->win, row, col, (chtype)(unsigned char)with | c->look->attrs[style],
                   width > c->cols - col ? c->cols - col : width);
    wattrset(c->win, (int)A_NORMAL);
}

int ui_width(const char *s)
{
    struct buf shown = { 0 };
    int width;

    text_display(s, strlen(s), TEXT_LINE, &shown);
    width = text_width(buf_str(&shown), shown.len);
    buf_done(&shown);
    return width;
}

int ui_put_right(struct ui_canvas *c, int row, int end, int width, enum ui_style style,
                 const char *s)
{
    int wide = ui_width(s);
    int col = end - (wide < width ? wide : width);

    ui_put(c, row, col, width, style, s);
    return col;
}

void ui_cursor(struct ui_canvas *c, int row, int col)
{
    c->cursor_row = row;
    c->cursor_col = col < c->cols ? col : c->cols - 1;
}

size_t ui_wrap(const char *s, size_t len, size_t from, int width, size_t *end)
{
    size_t at = from, last_blank = 0;
    struct buf one = { 0 };
    size_t next = len + 1;
    int used = 0;
    bool has_blank = false;

    *end = len;
    while (at < len) {
        int32_t cp;
        size_t step;

        if (s[at] == '\n') {
            *end = at;
            next = at + 1;
            break;
        }
        step = text_next(s + at, len - at, &cp);
        if (cp == ' ') {
            last_blank = at;
            has_blank = true;
        }
        if (cp >= ' ' && cp < 0x7F) {
            used++;
        } else {
            /* How wide a joined character is depends on those before it. */
            buf_clear(&one);
            text_display(s + from, at + step - from, TEXT_LINE, &one);
            used = text_width(buf_str(&one), one.len);
        }
        /* The first character always fits: a line that takes nothing would never end. */
        if (used > width && cp != ' ' && at > from) {
            *end = has_blank ? last_blank : at;
            next = has_blank ? last_blank + 1 : at;
            break;
        }
        at += step;
    }
    buf_done(&one);
    return next;
}
