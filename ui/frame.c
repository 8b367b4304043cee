/* The frame around a screen: title, banner, status row, hints, message. And where they go at which
 * size. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/i18n.h"
#include "base/text.h"
#include "ui/statusbar.h"
#include "ui/ui_priv.h"

#define HEADS_ROWS_MIN 20       /* fewer rows: no column heads */
#define BRIEF_ROWS_MIN 14       /* fewer rows: short hints */
#define NARROW_COLS 60
#define WORD_COLS 9

bool ui_is_too_small(const struct ui *ui)
{
    return ui->frame.rows < UI_ROWS_MIN || ui->frame.cols < UI_COLS_MIN;
}

static int content_top(const struct ui *ui)
{
    return ui->frame.rows >= HEADS_ROWS_MIN ? 2 : 1;
}

void ui_layout(struct ui *ui)
{
    int top;

    getmaxyx(stdscr, ui->frame.rows, ui->frame.cols);
    ui->frame.win = stdscr;
    ui->frame.look = ui->content.look = terminal_look(ui->terminal);
    ui->frame.status = ui->content.status = &ui->status;
    ui->frame.is_narrow = ui->content.is_narrow = ui->frame.cols < NARROW_COLS;
    if (ui->content.win)
        (void)delwin(ui->content.win);
    ui->content.win = NULL;
    top = content_top(ui);
    ui->content.rows = ui->frame.rows - top - 3;
    ui->content.cols = ui->frame.cols;
    if (!ui_is_too_small(ui))
        ui->content.win = derwin(stdscr, ui->content.rows, ui->content.cols, top, 0);
}

static void draw_title(struct ui *ui, const struct ui_layer *top)
{
    struct ui_canvas *c = &ui->frame;
    struct buf title = { 0 }, instead = { 0 };
    const char *right = ui->title_right;
    int margin = c->is_narrow ? 0 : 1;
    int end;

    if (c->is_narrow || !*right)
        right = ui->device;
    if (top->screen->title_right && !c->is_narrow) {
        top->screen->title_right(top->state, &instead);
        right = buf_str(&instead);
    }
    buf_puts(&title, c->is_narrow ? "OUTPOST " : "OUTPOST  ");
    top->screen->title(top->state, c->is_narrow, &title);
    ui_fill(c, 0, 0, c->cols, UI_BAR, ' ');
    end = ui_put_right(c, 0, c->cols - margin, c->cols / 2, UI_BAR, right);
    ui_put(c, 0, margin, end - margin - 1, UI_BAR, buf_str(&title));
    buf_done(&title);
    buf_done(&instead);
}

/* The banner takes the place of the heads, so that nothing shifts; where there are none, that of
 * the hints. */
static void draw_heads(struct ui *ui, const struct ui_layer *top, int hints_row)
{
    struct ui_canvas *c = &ui->frame;
    bool has_row = c->rows >= HEADS_ROWS_MIN;
    struct buf banner = { 0 };
    struct ui_canvas heads;

    if (top->screen->has_banner && ui_has_banner(ui)) {
        int row = has_row ? 1 : hints_row;

        ui_banner(ui, &banner);
        ui_fill(c, row, 0, c->cols, UI_BANNER, ' ');
        ui_put(c, row, 0, c->cols, UI_BANNER, buf_str(&banner));
    } else if (has_row && top->screen->heads) {
        ui_fill(c, 1, 0, c->cols, UI_HEADS, ' ');
        heads = *c;
        heads.win = derwin(stdscr, 1, c->cols, 1, 0);
        heads.rows = 1;
        if (heads.win) {
            top->screen->heads(top->state, &heads);
            (void)delwin(heads.win);
        }
        c->scratch = heads.scratch;
    }
    buf_done(&banner);
}

static int draw_parts(struct ui *ui, int row, int col, int end, bool has_more)
{
    struct ui_canvas *c = &ui->frame;
    struct statusbar_part parts[STATUSBAR_PARTS];
    struct statusbar bar = {
        .status = &ui->status,
        .is_busy = ui->is_busy_shown,
        .has_more = has_more,
        .is_disk_full = ui->is_disk_full,
        .pending = ui->counts.waiting - ui->counts.failed,
        .failed = ui->counts.failed,
    };
    size_t count = statusbar_parts(&bar, c->is_narrow, parts);

    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            col += ui_put(c, row, col, end - col, UI_BAR, c->is_narrow ? " " : ", ");
        col += ui_put(c, row, col, end - col, parts[i].is_alert ? UI_BAR_ALERT : UI_BAR,
                      parts[i].text);
    }
    return col;
}

static void draw_status(struct ui *ui, const struct ui_layer *top, int row)
{
    struct ui_canvas *c = &ui->frame;
    struct statusbar bar = { .status = &ui->status, .is_busy = ui->is_busy_shown };
    struct buf corner = { 0 }, left = { 0 };
    int margin = c->is_narrow ? 0 : 1;
    int col = margin, end = c->cols - margin;
    bool is_replaced;

    ui_fill(c, row, 0, c->cols, UI_BAR, ' ');
    if (top->screen->corner)
        top->screen->corner(top->state, c->is_narrow, &corner);
    if (corner.len)
        end = ui_put_right(c, row, end, c->cols / 2, UI_BAR, buf_str(&corner)) - 1;
    (void)ui_put(c, row, col, end - col < WORD_COLS - 1 ? end - col : WORD_COLS - 1, UI_BAR, statusbar_word(&bar));
    col += WORD_COLS;
    if (!c->is_narrow)
        col += ui_put(c, row, col, end - col, UI_BAR, "| ");
    is_replaced = top->screen->left && top->screen->left(top->state, c->is_narrow, &left);
    if (!is_replaced) {
        int start = col;

        col = draw_parts(ui, row, col, end, left.len > 0);
        if (left.len && col > start)
            col += ui_put(c, row, col, end - col, UI_BAR, c->is_narrow ? "  " : ", ");
    }
    (void)ui_put(c, row, col, end - col, UI_BAR, buf_str(&left));
    buf_done(&corner);
    buf_done(&left);
}

/* Where the row is too full, gaps of two become one, from the right. */
static void squeeze(struct buf *hints, int cols)
{
    for (size_t at = hints->len; at > 1 && ui_width(buf_str(hints)) > cols; at--) {
        if (hints->data[at - 1] == ' ' && hints->data[at - 2] == ' ') {
            memmove(hints->data + at - 1, hints->data + at, hints->len - at + 1);
            hints->len--;
        }
    }
}

static void draw_hints(struct ui *ui, const struct ui_layer *top, int row)
{
    struct ui_canvas *c = &ui->frame;
    bool is_brief = c->is_narrow || c->rows < BRIEF_ROWS_MIN;
    struct buf hints = { 0 };

    if (top->screen->hints)
        top->screen->hints(top->state, ui->keymap, is_brief, &hints);
    else
        keymap_hints(ui->keymap, top->screen->context, is_brief, &hints);
    squeeze(&hints, is_brief ? c->cols : c->cols - 1);
    ui_put(c, row, is_brief ? 0 : 1, c->cols, UI_PLAIN, buf_str(&hints));
    buf_done(&hints);
}

static void draw_message(struct ui *ui, int row)
{
    struct ui_canvas *c = &ui->frame;
    struct ui_prompt *prompt = &ui->prompt;
    int col;

    if (prompt->kind == UI_PROMPT_NONE) {
        ui_put(c, row, 0, c->cols, UI_PLAIN, ui->message);
        return;
    }
    col = ui_put(c, row, 0, c->cols - 1, UI_BOLD, prompt->question) + 1;
    if (prompt->kind == UI_PROMPT_TEXT)
        line_edit_draw(&prompt->edit, c, row, col, 1, c->cols - col, true, ' ');
    else
        ui_cursor(c, row, col);
}

static void draw_all(struct ui *ui, struct ui_layer *top)
{
    struct ui_canvas *c = &ui->frame, *content = &ui->content;
    int top_row = content_top(ui);

    c->cursor_row = content->cursor_row = -1;
    draw_title(ui, top);
    draw_hints(ui, top, c->rows - 2);
    draw_heads(ui, top, c->rows - 2);
    if (content->win)
        top->screen->draw(top->state, content);
    draw_status(ui, top, c->rows - 3);
    draw_message(ui, c->rows - 1);
    if (c->cursor_row >= 0)
        (void)wmove(stdscr, c->cursor_row, c->cursor_col);
    else if (content->cursor_row >= 0)
        (void)wmove(stdscr, top_row + content->cursor_row, content->cursor_col);
    else
        (void)wmove(stdscr, c->rows - 1, 0);
}

void ui_draw(struct ui *ui)
{
    struct ui_layer *top = ui_top(ui);
    char text[128];

    ui->needs_draw = false;
    if (!top)
        return;
    (void)werase(stdscr);
    if (ui_is_too_small(ui)) {
        (void)snprintf(text, sizeof text,
                       _("Window too small (%dx%d). Needs %dx%d. Your work is saved."),
                       ui->frame.cols, ui->frame.rows, UI_COLS_MIN, UI_ROWS_MIN);
        for (size_t at = 0, end, row = 0; at <= strlen(text) && (int)row < ui->frame.rows; row++) {
            size_t next = ui_wrap(text, strlen(text), at, ui->frame.cols, &end);

            ui_put_part(&ui->frame, (int)row, 0, ui->frame.cols, UI_PLAIN, text + at, end - at);
            at = next;
        }
    } else {
        draw_all(ui, top);
    }
    (void)wnoutrefresh(stdscr);
    ui->needs_draw = !terminal_update(ui->terminal);
}
