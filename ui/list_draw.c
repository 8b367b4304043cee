#include "ui/list_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "base/i18n.h"
#include "base/text.h"

#define CHANGED_COLS_MIN 100    /* wider windows add when a record was changed */
#define DATE_COLS 10
#define DAY_COLS 5              /* a date without its year */
#define CHANGED_COLS 16
#define COLUMNS_MAX 16

/* How wide a column is drawn, by what editing it means; the title takes what is left. */
static const int widths[] = {
    [EDIT_LINE] = 16, [EDIT_LINES] = 16, [EDIT_SWITCH] = 3,     [EDIT_CHOICE] = 1,
    [EDIT_DATE] = DATE_COLS, [EDIT_NUMBER] = 10, [EDIT_REFERENCE] = 16,
};

struct cell {
    const struct column *column;        /* NULL: when it was changed */
    int col, width;
    bool is_day;                /* a date without its year */
};

struct grid {
    struct cell cells[COLUMNS_MAX];
    size_t count;
};

static bool is_shown(const struct table *table, const struct column *column, bool is_narrow)
{
    return !is_narrow || column == table->title || column == table->done ||
           column_edit_kind(column) == EDIT_DATE;
}

static void grid_add(struct grid *grid, const struct column *column, int width, bool is_day)
{
    if (grid->count < COLUMNS_MAX)
        grid->cells[grid->count++] = (struct cell){ column, 0, width, is_day };
}

/* Which columns there are at this size, and where. */
static void grid_make(const struct table *table, int cols, bool is_narrow, struct grid *grid)
{
    int left = is_narrow ? 3 : 4, right = is_narrow ? 0 : 2;
    int used = left + right, col = left;
    bool has_title = false;

    *grid = (struct grid){ .count = 0 };
    for (size_t i = 0; i < table->list_count; i++) {
        const struct column *column = table->list[i];
        enum edit_kind kind = column_edit_kind(column);
        bool is_day = is_narrow && kind == EDIT_DATE;

        if (!is_shown(table, column, is_narrow))
            continue;
        has_title |= column == table->title;
        grid_add(grid, column, is_day ? DAY_COLS : widths[kind], is_day);
    }
    if (!has_title)
        grid_add(grid, table->title, 0, false);
    if (cols >= CHANGED_COLS_MIN)
        grid_add(grid, NULL, CHANGED_COLS, false);
    for (size_t i = 0; i < grid->count; i++)
        used += (i > 0) + (grid->cells[i].column == table->title ? 0 : grid->cells[i].width);
    for (size_t i = 0; i < grid->count; i++) {
        struct cell *cell = &grid->cells[i];

        if (cell->column == table->title)
            cell->width = cols > used ? cols - used : 1;
        cell->col = col;
        col += cell->width + 1;
    }
}

void list_heads(const void *state, struct ui_canvas *c)
{
    const struct list *list = state;
    const struct table *table = list->rows.table;
    struct grid grid;

    grid_make(table, c->cols, c->is_narrow, &grid);
    for (size_t i = 0; i < grid.count; i++) {
        const struct cell *cell = &grid.cells[i];
        const char *label = cell->column ? cell->column->label : _("Changed");

        if (cell->column && column_edit_kind(cell->column) == EDIT_SWITCH)
            continue;
        if (cell->width == 1)
            ui_put_part(c, 0, cell->col, 1, UI_HEADS, label, strlen(label));
        else
            ui_put(c, 0, cell->col, cell->width, UI_HEADS, label);
    }
}

/* ---- a row ---- */

static bool is_being_sent(const struct record *rec, const struct sync_status *status)
{
    return rec->sent_at > 0 && status->sending_since > 0 && rec->sent_at >= status->sending_since;
}

static void draw_mark(const struct list *list, const struct row *row, struct ui_canvas *c, int y)
{
    bool fancy = c->look->utf8_marks;
    const char *mark = " ";
    enum ui_style style = UI_PLAIN;     /* a blank has no colour: that would be bytes */

    (void)list;
    if (row->is_gone) {
        mark = "-";
        style = UI_DIM;
    } else if (row->record.mark == MARK_FAILED) {
        mark = "!";
        style = UI_MARK_FAILED;
    } else if (row->record.mark != MARK_SYNCED && is_being_sent(&row->record, c->status)) {
        mark = fancy ? "\u2191" : "^";
        style = UI_MARK_SENDING;
    } else if (row->record.mark != MARK_SYNCED) {
        mark = row->record.mark == MARK_NEW ? "+" : fancy ? "\u2248" : "~";
        style = UI_MARK_CHANGED;
    }
    ui_put(c, y, 2, 1, style, mark);
}

static bool is_set(const struct record *rec, const struct column *column)
{
    return column && rec->values[column->index].kind == VALUE_BOOL &&
           rec->values[column->index].flag;
}

static void choice_letter(const struct column *column, const struct value *v, struct buf *out)
{
    const char *label = NULL;
    int32_t cp;

    if (v->kind != VALUE_TEXT)
        return;
    label = v->text;
    for (size_t i = 0; i < column->choice_count; i++) {
        if (strcmp(column->choices[i].value, v->text) == 0)
            label = column->choices[i].label;
    }
    if (*label > 0)
        buf_putc(out, (char)toupper((unsigned char)*label));
    else if (*label)
        buf_append(out, label, text_next(label, strlen(label), &cp));
}

static void cell_text(const struct list *list, const struct record *rec, const struct cell *cell,
                      struct buf *out)
{
    const struct value *v;
    const char *title;
    char time[24];

    if (!cell->column) {
        clock_local(rec->updated_at, time, sizeof time);
        buf_puts(out, time);
        return;
    }
    v = &rec->values[cell->column->index];
    switch (column_edit_kind(cell->column)) {
    case EDIT_SWITCH:
        buf_puts(out, is_set(rec, cell->column) ? "[x]" : "[ ]");
        break;
    case EDIT_CHOICE:
        choice_letter(cell->column, v, out);
        break;
    case EDIT_REFERENCE:
        title = v->kind == VALUE_TEXT ? list_title_find(list, v->text) : NULL;
        if (title)
            buf_puts(out, title);
        else
            column_to_text(cell->column, v, out);
        break;
    default:
        column_to_text(cell->column, v, out);
        break;
    }
}

static enum ui_style style_of(const struct list *list, const struct row *row,
                              const struct cell *cell, bool is_cursor)
{
    const struct table *table = list->rows.table;

    if (cell->column == table->title && is_cursor)
        return UI_CURSOR;
    return row->is_gone || is_set(&row->record, table->done) ? UI_DIM : UI_PLAIN;
}

/* In a narrow window a title may use the gap before a date that there is not. */
static int has_gap_too(const struct list *list, const struct row *row, const struct grid *grid,
                       size_t i)
{
    const struct cell *next = i + 1 < grid->count ? &grid->cells[i + 1] : NULL;

    return grid->cells[i].column == list->rows.table->title && next && next->is_day &&
           row->record.values[next->column->index].kind == VALUE_NULL;
}

static void draw_row(const struct list *list, const struct grid *grid, struct ui_canvas *c,
                     size_t at)
{
    const struct row *row = &list->rows.items[at];
    bool is_cursor = at == list->rows.cursor;
    struct buf text = { 0 };
    int y = (int)at;

    if (is_cursor) {
        ui_put(c, y, 0, 1, UI_BOLD, ">");
        ui_cursor(c, y, 0);
    }
    if (list_is_marked(list, row->record.client_id))
        ui_put(c, y, 1, 1, UI_BOLD, "*");
    draw_mark(list, row, c, y);
    for (size_t i = 0; i < grid->count; i++) {
        const struct cell *cell = &grid->cells[i];
        size_t skip;

        buf_clear(&text);
        cell_text(list, &row->record, cell, &text);
        skip = cell->is_day && text.len == DATE_COLS ? DATE_COLS - DAY_COLS : 0;
        ui_put_n(c, y, cell->col, cell->width + has_gap_too(list, row, grid, i), style_of(list, row, cell, is_cursor),
                 buf_str(&text) + skip, text.len - skip);
    }
    buf_done(&text);
}

/* ---- when there is nothing ---- */

static void draw_nothing(const struct list *list, struct ui_canvas *c)
{
    const struct rows *rows = &list->rows;
    char text[256], name[64];

    ui_plural(rows->table, name, sizeof name);
    if (list->is_incomplete)
        (void)snprintf(text, sizeof text,
                       _("The first sync of %s is not complete yet. Tab shows the next table."),
                       name);
    else if (rows_is_looking(rows))
        (void)snprintf(text, sizeof text, _("Looking for \"%s\"."), rows->filter);
    else if (rows->filter)
        (void)snprintf(text, sizeof text, _("Nothing matches \"%s\". Esc clears the filter."),
                       rows->filter);
    else if (list->is_empty || rows->view == DB_VIEW_ALL)
        (void)snprintf(text, sizeof text, _("No %s yet. F2 adds one."), name);
    else if (rows->view == DB_VIEW_OPEN)
        (void)snprintf(text, sizeof text, _("No open %s. v a shows all."), name);
    else
        (void)snprintf(text, sizeof text, _("No %s are done. v a shows all."), name);
    ui_put(c, 0, c->is_narrow ? 0 : 4, c->cols - (c->is_narrow ? 0 : 4), UI_PLAIN, text);
    ui_cursor(c, 0, 0);
}

void list_draw(void *state, struct ui_canvas *c)
{
    const struct list *list = state;
    struct grid grid;

    if (list->rows.count == 0 || list->is_incomplete) {
        draw_nothing(list, c);
        return;
    }
    grid_make(list->rows.table, c->cols, c->is_narrow, &grid);
    for (size_t i = 0; i < list->rows.count && (int)i < c->rows; i++)
        draw_row(list, &grid, c, i);
}
