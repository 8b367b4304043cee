#include "ui/form_priv.h"

#include <stdio.h>
#include "base/i18n.h"

#define LABEL_COL_MIN 11


struct place {
    int label_cols, value_col, room;
};

static void measure(const struct form *form, const struct ui_canvas *c, struct place *place)
{
    int widest = LABEL_COL_MIN - 2;

    for (size_t i = 0; i < form->count; i++) {
        const struct column *column = form->fields[i].column;
        int width = ui_width(column->label) + (column->is_required ? 2 : 0);

        if (width > widest)
            widest = width;
    }
    if (widest > c->cols / 3)
        widest = c->cols / 3;
    place->label_cols = c->is_narrow ? 8 : widest;
    place->value_col = c->is_narrow ? 10 : 4 + widest;
    place->room = c->cols - place->value_col - (c->is_narrow ? 1 : 3);
}

/* In narrow windows texts have rows of their own under the label, several lines only while they are
 * typed. */
static bool is_below(const struct form *form, size_t i, const struct ui_canvas *c)
{
    enum edit_kind kind = column_edit_kind(form->fields[i].column);

    return c->is_narrow && (kind == EDIT_LINE || kind == EDIT_REFERENCE ||
                            (kind == EDIT_LINES && i == form->focus));
}

/* A text of several lines that is only one row now. */
static bool is_brief(const struct form *form, size_t i, const struct ui_canvas *c)
{
    return c->is_narrow && i != form->focus && field_is_lines(&form->fields[i]);
}

static int rows_of(const struct form *form, size_t i, const struct ui_canvas *c,
                   const struct place *place)
{
    const struct field *field = &form->fields[i];
    int matches = i == form->focus ? (int)form->match_count : 0;

    if (is_brief(form, i, c))
        return 1;
    if (is_below(form, i, c))
        return 1 + field_rows(field, c->cols) + matches;
    return field_rows(field, place->room) + matches;
}

/* What matches the words in the focused field. */
static void draw_matches(const struct form *form, struct ui_canvas *c, int row, int col)
{
    for (size_t i = 0; i < form->match_count; i++, row++) {
        bool is_at = i == form->match_at;

        ui_put(c, row, col, 2, UI_BOLD, is_at ? "> " : "  ");
        ui_put(c, row, col + 2, c->cols - col - 2, is_at ? UI_BOLD : UI_PLAIN,
               form->matches[i].title);
    }
}

static void draw_field(struct form *form, size_t i, struct ui_canvas *c, const struct place *place,
                       int row)
{
    struct field *field = &form->fields[i];
    const struct column *column = field->column;
    bool has_focus = form->focus == i;
    int label_col = c->is_narrow ? 0 : 2;
    char label[128];

    bool below = is_below(form, i, c);

    (void)snprintf(label, sizeof label, "%s%s%s", column->label, column->is_required ? " *" : "",
                   is_brief(form, i, c) ? " >" : "");
    ui_put(c, row, label_col, place->label_cols, has_focus ? UI_BOLD : UI_PLAIN, label);
    if (field->error[0])
        ui_put(c, row, c->is_narrow ? 8 : 0, 1, UI_MARK_FAILED, "!");
    if (is_brief(form, i, c))
        field_draw_brief(field, c, row, place->value_col, place->room);
    else if (below)
        field_draw(field, c, row + 1, 0, c->cols, has_focus);
    else
        field_draw(field, c, row, place->value_col, place->room, has_focus);
    if (has_focus)
        draw_matches(form, c, below ? row + 2 : row + 1, below ? 0 : place->value_col);
    if (has_focus)
        form->width = field_width(field, below ? c->cols : place->room);
}

static void draw_foot(const struct form *form, struct ui_canvas *c, int row)
{
    const struct field *focused = &form->fields[form->focus];
    const struct record *rec = &form->record;
    int col = c->is_narrow ? 0 : 2;
    char text[160], time[24];

    if (form->is_gone) {
        (void)snprintf(text, sizeof text, _("The office removed this %s. Saving brings it back."),
                       form->table->label_one);
        ui_put(c, row++, col, c->cols - col, UI_BOLD, text);
    } else if (!form_is_new(form) && (!c->is_narrow || rec->mark == MARK_FAILED)) {
        clock_hhmm(rec->updated_at, time, sizeof time);
        if (rec->mark == MARK_FAILED)
            (void)snprintf(text, sizeof text, "%s",
                           _("Refused 3 times; F9 in the list shows why (!)"));
        else if (rec->mark != MARK_SYNCED)
            (void)snprintf(text, sizeof text, _("Changed %s on this device, not sent yet (%s)"),
                           time, rec->mark == MARK_NEW ? "+" : "~");
        else {
            clock_local(rec->updated_at, time, sizeof time);
            (void)snprintf(text, sizeof text, _("Changed %s"), time);
        }
        ui_put(c, row++, col, c->cols - col, UI_PLAIN, text);
    }
    if (focused->column->help)
        ui_put(c, row, col, c->cols - col, UI_DIM, focused->column->help);
}

void form_draw(void *state, struct ui_canvas *c)
{
    struct form *form = state;
    struct place place;
    int lead = c->rows >= 16 ? 1 : 0;
    int row = lead, focus_row = 0, focus_rows = 1;

    measure(form, c, &place);
    form->room = c->is_narrow ? 0 : place.room;
    for (size_t i = 0; i < form->focus; i++)
        focus_row += rows_of(form, i, c, &place);
    focus_rows = rows_of(form, form->focus, c, &place);
    if (focus_row + focus_rows > form->top + c->rows - lead)
        form->top = focus_row + focus_rows - (c->rows - lead);
    if (focus_row < form->top)
        form->top = focus_row;
    row -= form->top;
    for (size_t i = 0; i < form->count; i++) {
        if (row >= lead)
            draw_field(form, i, c, &place, row);
        row += rows_of(form, i, c, &place);
    }
    draw_foot(form, c, row + 1);
}
