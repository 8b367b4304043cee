#include "ui/line_edit.h"

#include <string.h>
#include <wchar.h>
#include "base/text.h"

#define JOINER 0x200D

void line_edit_done(struct line_edit *e)
{
    if (e->text.data)
        explicit_bzero(e->text.data, e->text.cap);
    buf_done(&e->text);
    *e = (struct line_edit){ 0 };
}

/* ---- graphemes ---- */

static bool is_extending(int32_t cp)
{
    return cp > 0x7F &&
           (cp == JOINER || wcwidth((wchar_t)cp) == 0 || (cp >= 0x1F3FB && cp <= 0x1F3FF));
}

static size_t grapheme_end(const char *s, size_t len, size_t at)
{
    int32_t cp;

    at += text_next(s + at, len - at, &cp);
    while (at < len) {
        size_t step = text_next(s + at, len - at, &cp);

        if (!is_extending(cp))
            break;
        at += step;
        if (cp == JOINER && at < len)
            at += text_next(s + at, len - at, &cp);
    }
    return at;
}

/* From the start of the line (newlines always end a grapheme), because joined emoji cannot be read
 * backwards. */
static size_t grapheme_before(const char *s, size_t len, size_t at)
{
    size_t from = at ? at - 1 : 0;
    size_t start;

    if (at == 0 || s[at - 1] == '\n')
        return from;
    while (from > 0 && s[from - 1] != '\n')
        from--;
    do {
        start = from;
        from = grapheme_end(s, len, from);
    } while (from < at);
    return start;
}

/* ---- changing ---- */

static void cut(struct line_edit *e, size_t from, size_t to)
{
    if (from == to)
        return;                         /* an empty text has no memory at all */
    memmove(e->text.data + from, e->text.data + to, e->text.len - to + 1);
    e->text.len -= to - from;
    e->at = from;
}

void line_edit_set(struct line_edit *e, const char *s, size_t len)
{
    buf_clear(&e->text);
    buf_append(&e->text, s, len);
    e->at = e->is_multiline ? 0 : len;
    e->from = 0;
}

static void clean(const struct line_edit *e, const char *s, size_t len, struct buf *out)
{
    for (size_t at = 0; at < len;) {
        int32_t cp;
        size_t step = text_next(s + at, len - at, &cp);

        if (cp == '\r' && (at + 1 == len || s[at + 1] != '\n'))
            buf_putc(out, e->is_multiline ? '\n' : ' ');
        else if (cp == '\n')
            buf_putc(out, e->is_multiline ? '\n' : ' ');
        else if (cp == '\t')
            buf_putc(out, ' ');
        else if (cp < 0)
            buf_putc(out, '?');
        else if (cp >= ' ' && !(cp >= 0x7F && cp < 0xA0))
            buf_append(out, s + at, step);
        at += step;
    }
}

void line_edit_insert(struct line_edit *e, const char *s, size_t len)
{
    struct buf whole = { 0 };

    buf_append(&whole, buf_str(&e->text), e->at);
    clean(e, s, len, &whole);
    len = whole.len;
    buf_append(&whole, buf_str(&e->text) + e->at, e->text.len - e->at);
    if (e->text.data)
        explicit_bzero(e->text.data, e->text.len);
    buf_done(&e->text);
    e->text = whole;
    e->at = len;
}

static size_t line_start(const struct line_edit *e)
{
    size_t at = e->at;

    while (at > 0 && e->text.data[at - 1] != '\n')
        at--;
    return at;
}

static size_t line_end(const struct line_edit *e)
{
    size_t at = e->at;

    while (at < e->text.len && e->text.data[at] != '\n')
        at++;
    return at;
}

static size_t word_start(const struct line_edit *e)
{
    size_t at = e->at;

    while (at > 0 && e->text.data[at - 1] == ' ')
        at--;
    while (at > 0 && e->text.data[at - 1] != ' ' && e->text.data[at - 1] != '\n')
        at--;
    return at < e->at ? at : e->at - (e->at > 0);
}

bool line_edit_act(struct line_edit *e, enum ui_action action)
{
    const char *s;

    if (!e->text.data)
        buf_puts(&e->text, "");
    s = buf_str(&e->text);
    switch (action) {
    case UI_DO_TEXT_LEFT:
        e->at = grapheme_before(s, e->text.len, e->at);
        return true;
    case UI_DO_TEXT_RIGHT:
        if (e->at < e->text.len)
            e->at = grapheme_end(s, e->text.len, e->at);
        return true;
    case UI_DO_TEXT_HOME:
        e->at = line_start(e);
        return true;
    case UI_DO_TEXT_END:
        e->at = line_end(e);
        return true;
    case UI_DO_TEXT_BACKSPACE:
        if (e->at > 0)
            cut(e, grapheme_before(s, e->text.len, e->at), e->at);
        return true;
    case UI_DO_TEXT_DELETE:
        if (e->at < e->text.len)
            cut(e, e->at, grapheme_end(s, e->text.len, e->at));
        return true;
    case UI_DO_TEXT_WORD:
        cut(e, word_start(e), e->at);
        return true;
    case UI_DO_TEXT_ALL:
        cut(e, line_start(e), e->at);
        return true;
    case UI_DO_TEXT_REST:
        cut(e, e->at, line_end(e));
        return true;
    default:
        return false;
    }
}

/* ---- several lines ---- */

static int width_between(const struct line_edit *e, size_t from, size_t to)
{
    struct buf shown = { 0 };
    int width;

    if (e->is_secret)
        return (int)text_count(buf_str(&e->text) + from, to - from);
    text_display(buf_str(&e->text) + from, to - from, TEXT_LINE, &shown);
    width = text_width(buf_str(&shown), shown.len);
    buf_done(&shown);
    return width;
}

/* The shown line that the cursor is in. *index: how many lines are before it. */
static size_t cursor_line(const struct line_edit *e, int width, int *index, size_t *before)
{
    size_t start = 0, end, next;

    *before = 0;
    for (*index = 0;; ++*index) {
        next = ui_wrap(buf_str(&e->text), e->text.len, start, width, &end);
        if (e->at < next || next > e->text.len)
            return start;
        *before = start;
        start = next;
    }
}

int line_edit_rows(const struct line_edit *e, int width)
{
    size_t start = 0, end;
    int rows = 0;

    while (start <= e->text.len) {
        start = ui_wrap(buf_str(&e->text), e->text.len, start, width, &end);
        rows++;
    }
    return rows;
}

bool line_edit_move_line(struct line_edit *e, int step, int width)
{
    size_t before, target, end, next;
    int index, column;
    size_t line = cursor_line(e, width, &index, &before);

    column = width_between(e, line, e->at);
    if (step < 0) {
        if (index == 0)
            return false;
        target = before;
    } else {
        next = ui_wrap(buf_str(&e->text), e->text.len, line, width, &end);
        if (next > e->text.len)
            return false;
        target = next;
    }
    (void)ui_wrap(buf_str(&e->text), e->text.len, target, width, &end);
    while (target < end && width_between(e, target, end) > 0 && column > 0) {
        size_t after = grapheme_end(buf_str(&e->text), e->text.len, target);

        column -= width_between(e, target, after);
        if (column < 0)
            break;
        target = after;
    }
    e->at = target;
    return true;
}

/* ---- drawing ---- */

static void draw_lines(struct line_edit *e, struct ui_canvas *c, int row, int col, int rows,
                       int width, bool has_focus, char blank)
{
    size_t before, end, start = 0;
    int index;
    size_t line = cursor_line(e, width, &index, &before);
    int first = has_focus && index >= rows ? index - rows + 1 : 0;
    const char *s = buf_str(&e->text);

    for (int i = 0; i < first; i++)
        start = ui_wrap(s, e->text.len, start, width, &end);
    for (int i = 0; i < rows; i++) {
        int used = 0;

        if (start <= e->text.len) {
            size_t next = ui_wrap(s, e->text.len, start, width, &end);

            used = ui_put_part(c, row + i, col, width, UI_PLAIN, s + start, end - start);
            if (has_focus && start == line)
                ui_cursor(c, row + i, col + width_between(e, start, e->at));
            start = next;
        }
        ui_fill(c, row + i, col + used, width - used, UI_PLAIN, blank);
    }
}

/* Moves `from` only when the cursor would leave the field, so that typing redraws one cell. */
static void scroll_into_sight(struct line_edit *e, int width)
{
    if (e->from > e->at)
        e->from = e->at;
    while (width_between(e, e->from, e->at) > width - 1) {
        size_t ahead = e->from;
        int drop = width / 4 + 1;

        while (ahead < e->at && width_between(e, e->from, ahead) < drop)
            ahead = grapheme_end(buf_str(&e->text), e->text.len, ahead);
        e->from = ahead;
    }
}

static void draw_line(struct line_edit *e, struct ui_canvas *c, int row, int col, int width,
                      bool has_focus, char blank)
{
    const char *s = buf_str(&e->text);
    int used, shown = width;

    if (has_focus)
        scroll_into_sight(e, width);
    else
        e->from = 0;
    if (e->is_secret) {
        used = (int)text_count(s + e->from, e->text.len - e->from);
        used = used < width ? used : width;
        ui_fill(c, row, col, used, UI_PLAIN, '*');
    } else if (has_focus) {
        used = ui_put_part(c, row, col, shown, UI_PLAIN, s + e->from, e->text.len - e->from);
    } else {
        used = ui_put_n(c, row, col, width, UI_PLAIN, s, e->text.len);
    }
    ui_fill(c, row, col + used, width - used, UI_PLAIN, blank);
    if (has_focus)
        ui_cursor(c, row, col + width_between(e, e->from, e->at));
}

void line_edit_draw(struct line_edit *e, struct ui_canvas *c, int row, int col, int rows, int width,
                    bool has_focus, char blank)
{
    if (width <= 0)
        return;
    if (e->is_multiline)
        draw_lines(e, c, row, col, rows, width, has_focus, blank);
    else
        draw_line(e, c, row, col, width, has_focus, blank);
}
