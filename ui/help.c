/* Help: made from the key table, so that it says what the keys do now, changed ones too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "ui/ui_priv.h"

#define LABEL_COLS 18
#define KEYS_COLS 18
#define HALF_COLS 40            /* where the second half of a row starts */
#define WORDS_INDENT 8
#define LINES_MAX 256

/* The list's first page, as it is drawn in the design: which keys a person meets first. */
#define CELL_PARTS 12
#define CELL_LABEL_COLS 15
#define CELL_RIGHT_COL 33
#define CELL_RIGHT_LABEL_COLS 14

struct part {
    const char *gap;            /* before it, when something stands there already */
    enum ui_action action;
    int nth;                    /* which of the action's keys; -1: `gap` is a word, no key */
};

struct cell {
    const char *label;          /* NULL: none */
    struct part parts[CELL_PARTS];
};

struct cell_row {
    struct cell left, right;
};

#define WORD(text) { text, UI_DO_NOTHING, -1 }

static const struct cell_row first_page[] = {
    { { N_("Move"),
        { { "", UI_DO_DOWN, 0 }, { " ", UI_DO_UP, 0 }, { " ", UI_DO_UP, 1 },
          { " ", UI_DO_DOWN, 1 },
          { "   ", UI_DO_PAGE_UP, 0 }, { " ", UI_DO_PAGE_DOWN, 0 }, { " ", UI_DO_HALF_UP, 0 },
          { " ", UI_DO_HALF_DOWN, 0 }, { "   ", UI_DO_FIRST, 0 }, { " ", UI_DO_LAST, 0 },
          { " ", UI_DO_FIRST, 1 }, { " ", UI_DO_LAST, 1 } } }, { .label = NULL } },
    { { N_("New %s"), { { "", UI_DO_NEW, 0 }, { "   ", UI_DO_NEW, 1 } } },
      { N_("Edit"),
        { { "", UI_DO_EDIT, 0 }, { "   ", UI_DO_EDIT, 1 }, { "   ", UI_DO_EDIT, 2 } } } },
    { { N_("Done/reopen"), { { "", UI_DO_DONE, 0 }, { "   ", UI_DO_DONE, 1 } } },
      { N_("Undo"), { { "", UI_DO_UNDO, 0 } } } },
    { { N_("Find"), { { "", UI_DO_FIND, 0 }, { "   ", UI_DO_FIND, 1 } } },
      { N_("next, last"), { { "", UI_DO_FIND_NEXT, 0 }, { "  ", UI_DO_FIND_LAST, 0 } } } },
    { { N_("Filter"), { { "", UI_DO_FILTER, 0 } } },
      { N_("Sort"), { { "", UI_DO_SORT, 0 }, { "   ", UI_DO_SORT, 1 } } } },
    { { N_("Mark"), { { "", UI_DO_MARK, 0 } } },
      { N_("mark all"),
        { { "", UI_DO_MARK_ALL, 0 }, WORD("     "), WORD(N_("clear")),
          { "  ", UI_DO_CANCEL, 0 } } } },
    { { N_("Next table"), { { "", UI_DO_NEXT_TABLE, 0 } } },
      { N_("Sync now"), { { "", UI_DO_SYNC, 0 }, { "   ", UI_DO_SYNC, 1 } } } },
    { { N_("Queue"), { { "", UI_DO_QUEUE, 0 }, { "   ", UI_DO_QUEUE, 1 } } },
      { N_("Redraw"), { { "", UI_DO_REDRAW, 0 } } } },
    { { N_("Sign out"), { { "", UI_DO_SIGN_OUT, 0 } } },
      { N_("Quit"), { { "", UI_DO_QUIT, 0 }, { "   ", UI_DO_QUIT, 1 } } } },
};

/* Actions of the list that have no place on its first page: all others are on the second. */
static const enum ui_action second_page[] = {
    UI_DO_VIEW, UI_DO_COPY, UI_DO_WORK_OFFLINE, UI_DO_HELP,
};

struct help {
    enum ui_context context;    /* of the screen that was asked about */
    int cols;                   /* the lines are made for; 0: there are none yet */
    char *lines[LINES_MAX];
    size_t count;
    size_t first_end;           /* the first page ends there, also when more would fit; 0: nowhere */
    int rows;                   /* of a page, as drawn last */
    size_t top;
};

static void clear_lines(struct help *help)
{
    for (size_t i = 0; i < help->count; i++)
        free(help->lines[i]);
    help->count = help->first_end = 0;
}

static void help_close(void *state)
{
    clear_lines(state);
    free(state);
}

/* Where the page behind the one that starts at `top` starts. */
static size_t next_top(const struct help *help, size_t top)
{
    size_t next = top + (help->rows > 0 ? (size_t)help->rows : 1);

    return top < help->first_end && next > help->first_end ? help->first_end : next;
}

/* *page: the number, from 1, of the page that starts at help->top. Returns how many there are. */
static size_t pages(const struct help *help, size_t *page)
{
    size_t count = 0;

    *page = 1;
    for (size_t top = 0; top < help->count; top = next_top(help, top)) {
        count++;
        if (top == help->top)
            *page = count;
    }
    return count;
}

static void help_title(const void *state, bool is_narrow, struct buf *out)
{
    (void)is_narrow;
    (void)state;
    buf_puts(out, _("Help"));
}

static void help_title_right(const void *state, struct buf *out)
{
    size_t page, count = pages(state, &page);

    buf_printf(out, _("page %zu of %zu"), page, count);
}

static void help_corner(const void *state, bool is_narrow, struct buf *out)
{
    size_t page, count = pages(state, &page);

    (void)is_narrow;
    buf_printf(out, "%zu/%zu", page, count);
}

/* indent: of the lines behind the first, where the text is wider than the window. */
static void add(struct help *help, const char *text, int indent)
{
    size_t len = strlen(text), from = 0;

    do {
        struct buf line = { 0 };
        int margin = from > 0 ? indent : 0;
        size_t end, next = ui_wrap(text, len, from, help->cols - margin, &end);

        buf_printf(&line, "%*s%.*s", margin, "", (int)(end - from), text + from);
        if (help->count < LINES_MAX)
            help->lines[help->count++] = buf_take(&line);
        buf_done(&line);
        from = next;
    } while (from < len);
}

static void add_row(struct help *help, struct buf *row, int label_cols)
{
    if (row->len > 0)
        add(help, buf_str(row), label_cols);
    buf_clear(row);
}

static void pad(struct buf *row, int col)
{
    int width = ui_width(buf_str(row));

    buf_printf(row, "%*s", width < col ? col - width : 1, "");
}

/* An action's key where the list binds it, else where it is bound everywhere. */
static bool put_key(const struct keymap *map, const struct part *part, struct buf *out)
{
    return keymap_key(map, UI_IN_LIST, part->action, part->nth, out) ||
           keymap_key(map, UI_IN_ALL, part->action, part->nth, out);
}

/* table: the list's, for labels that name what it holds. */
static void put_label(const char *label, const struct table *table, struct buf *row)
{
    if (strcmp(label, "New %s") == 0)
        buf_printf(row, _("New %s"), table ? table->label_one : "");
    else
        buf_puts(row, _(label));
}

static void put_cell(const struct keymap *map, const struct table *table, const struct cell *cell,
                     int label_cols, struct buf *row)
{
    int start = ui_width(buf_str(row));
    size_t keys_at;

    if (!cell->label)
        return;
    put_label(cell->label, table, row);
    pad(row, start + label_cols);
    keys_at = row->len;
    for (size_t i = 0; i < CELL_PARTS && cell->parts[i].gap; i++) {
        const struct part *part = &cell->parts[i];
        struct buf key = { 0 };

        if (part->nth < 0)
            buf_puts(row, *part->gap == ' ' ? part->gap : _(part->gap));
        else if (put_key(map, part, &key))
            buf_printf(row, "%s%s", row->len > keys_at ? part->gap : "", buf_str(&key));
        buf_done(&key);
    }
}

static void add_first_page(struct help *help, const struct keymap *map, const struct table *table,
                           bool is_wide)
{
    struct buf row = { 0 };

    for (size_t i = 0; i < sizeof first_page / sizeof first_page[0]; i++) {
        put_cell(map, table, &first_page[i].left, CELL_LABEL_COLS, &row);
        if (first_page[i].right.label) {
            if (is_wide)
                pad(&row, CELL_RIGHT_COL);
            else
                add_row(help, &row, CELL_LABEL_COLS);
            put_cell(map, table, &first_page[i].right,
                     is_wide ? CELL_RIGHT_LABEL_COLS : CELL_LABEL_COLS, &row);
        }
        add_row(help, &row, CELL_LABEL_COLS);
    }
    buf_done(&row);
}

static bool is_on_second_page(enum ui_action action)
{
    for (size_t i = 0; i < sizeof second_page / sizeof second_page[0]; i++) {
        if (second_page[i] == action)
            return true;
    }
    return false;
}

/* Two to a row where both fit. only_second: what the list's first page leaves out. */
static void add_keys(struct help *help, const struct keymap *map, enum ui_context context,
                     bool is_wide, bool only_second)
{
    struct keymap_line line;
    struct buf row = { 0 };
    size_t at = 0;

    while (keymap_help(map, context, &at, &line)) {
        int label = ui_width(line.label);
        bool is_short = is_wide && label < LABEL_COLS && ui_width(line.keys) <= KEYS_COLS;

        if (only_second && !is_on_second_page(line.action))
            continue;
        if (row.len > 0 && is_short)
            pad(&row, HALF_COLS);
        else
            add_row(help, &row, LABEL_COLS);
        buf_printf(&row, "%s%*s%s", line.label, label < LABEL_COLS ? LABEL_COLS - label : 1, "",
                   line.keys);
        if (!is_short || ui_width(buf_str(&row)) > HALF_COLS)
            add_row(help, &row, LABEL_COLS);
    }
    add_row(help, &row, LABEL_COLS);
    buf_done(&row);
}

static int margin_cols(bool is_narrow)
{
    return is_narrow ? 0 : 2;
}

static void help_draw(void *state, struct ui_canvas *c)
{
    const struct help *help = state;
    int col = margin_cols(c->is_narrow);
    size_t end = next_top(help, help->top);

    if (end > help->count)
        end = help->count;
    for (int i = 0; i < c->rows && help->top + (size_t)i < end; i++)
        ui_put(c, i, col, c->cols - col, UI_PLAIN, help->lines[help->top + (size_t)i]);
}

static bool help_act(struct ui *ui, void *state, enum ui_action action)
{
    struct help *help = state;
    size_t top = 0;

    switch (action) {
    case UI_DO_NEXT:
        if (next_top(help, help->top) < help->count)
            help->top = next_top(help, help->top);
        else
            ui_pop(ui);
        return true;
    case UI_DO_PREVIOUS:
        while (next_top(help, top) < help->top)
            top = next_top(help, top);
        help->top = top;
        return true;
    case UI_DO_CANCEL:
        ui_pop_for_now(ui);
        return true;
    default:
        return false;
    }
}

static void add_words(struct help *help)
{
    static const char *const words[] = {
        "",
        N_("Function keys do not work?  Press Esc, then the digit (0 is F10)."),
        "",
        N_("Marks   + new   ~ changed: on this device, not sent yet"),
        N_("        ^ being sent   ! refused, see F9   * marked by you"),
        "",
        N_("ONLINE   server reached        SYNCING  sending or getting"),
        N_("OFFLINE  work goes on; changes wait on this device"),
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        add(help, *words[i] ? _(words[i]) : "", WORDS_INDENT);
}

static void add_more_words(struct help *help)
{
    static const char *const words[] = {
        "",
        N_("A row marked - was removed by the office since it was drawn."),
        "",
        N_("Filter  words, and columns: due<+7  prio:high  done:yes  due:"),
        N_("Dates   2026-11-28  28.11.  11-28  today  tom  fri  +3  +2w"),
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        add(help, *words[i] ? _(words[i]) : "", WORDS_INDENT);
}

static void make_lines(struct help *help, const struct ui *ui)
{
    const struct keymap *map = ui->keymap;
    bool is_wide = ui->frame.cols >= 2 * HALF_COLS;

    clear_lines(help);
    if (help->context == UI_IN_LIST)
        add_first_page(help, map, ui_table(ui), is_wide);
    else
        add_keys(help, map, help->context, is_wide, false);
    if (help->context == UI_IN_FORM || help->context == UI_IN_LOGIN)
        add_keys(help, map, UI_IN_TEXT, is_wide, false);
    add_words(help);
    if (help->context == UI_IN_LIST) {
        help->first_end = help->count;
        add_keys(help, map, UI_IN_LIST, is_wide, true);
        add_keys(help, map, UI_IN_ALL, is_wide, true);
    }
    add_more_words(help);
}

static void help_load(struct ui *ui, void *state)
{
    struct help *help = state;
    int cols = ui->content.cols - margin_cols(ui->content.is_narrow);
    size_t was, top = 0;

    if (help->cols != cols) {
        help->cols = cols;
        make_lines(help, ui);
    }
    was = help->top;
    help->rows = ui->content.rows > 0 ? ui->content.rows : 1;
    while (next_top(help, top) <= was && next_top(help, top) < help->count)
        top = next_top(help, top);
    help->top = top;
}

static void help_open(struct ui *ui, const struct ui_opening *what)
{
    struct help *help;

    if (ui_has_screen(ui, UI_SCREEN_HELP))
        return;
    help = mem_zero(1, sizeof *help);
    help->context = what->context;
    ui_push(ui, &ui_help_screen, help);
}

const struct ui_screen ui_help_screen = {
    .name = "help",
    .context = UI_IN_HELP,
    .open = help_open,
    .close = help_close,
    .title = help_title,
    .title_right = help_title_right,
    .load = help_load,
    .draw = help_draw,
    .act = help_act,
    .corner = help_corner,
};
