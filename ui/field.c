#include "ui/field.h"

#include <ctype.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/clock.h"
#include "base/i18n.h"
#include "base/mem.h"
#include "base/text.h"

#define LINES_MIN 3
#define LINES_MAX 8
#define ERROR_COLS_MIN 36       /* less room: the message row says it */

enum edit_style { STYLE_LINE, STYLE_LINES, STYLE_SWITCH, STYLE_CHOICE };

/* How each kind is edited: widget, and columns of it (0: what there is). */
static const struct {
    enum edit_style style;
    int width;
} kinds[] = {
    [EDIT_LINE] = { STYLE_LINE, 0 },      [EDIT_LINES] = { STYLE_LINES, 0 },
    [EDIT_SWITCH] = { STYLE_SWITCH, 3 },  [EDIT_CHOICE] = { STYLE_CHOICE, 0 },
    [EDIT_DATE] = { STYLE_LINE, 12 },     [EDIT_NUMBER] = { STYLE_LINE, 20 },
    [EDIT_REFERENCE] = { STYLE_LINE, 0 },
};

static enum edit_style style_of(const struct field *field)
{
    return kinds[column_edit_kind(field->column)].style;
}

static bool is_date(const struct field *field)
{
    return column_edit_kind(field->column) == EDIT_DATE;
}

bool field_is_lines(const struct field *field)
{
    return style_of(field) == STYLE_LINES;
}

static const char *text_of(const struct field *field)
{
    return buf_str(&field->edit.text);
}

void field_init(struct field *field, const struct column *column, const struct value *v)
{
    struct buf text = { 0 };

    *field = (struct field){ .column = column };
    field->edit.is_multiline = column_edit_kind(column) == EDIT_LINES;
    if (v->kind != VALUE_NULL)
        column_to_text(column, v, &text);
    line_edit_set(&field->edit, buf_str(&text), text.len);
    field->initial = buf_take(&text);
}

void field_done(struct field *field)
{
    line_edit_done(&field->edit);
    free(field->shown);
    free(field->initial);
    *field = (struct field){ 0 };
}

bool field_is_changed(const struct field *field)
{
    return strcmp(text_of(field), field->initial) != 0;
}

/* What a typed date means: its weekday, and the date when it was typed in another form. */
static void echo_date(struct field *field, int64_t now_ms)
{
    struct value v = { 0 };
    struct err err = { 0 };
    int year, month, day;
    int64_t days;

    field->echo[0] = '\0';
    if (!is_date(field) || field->edit.text.len == 0 ||
        column_from_text(field->column, text_of(field), field->edit.text.len, now_ms, &v, &err))
        return;
    if (v.kind == VALUE_TEXT && sscanf(v.text, "%d-%d-%d", &year, &month, &day) == 3 &&
        date_to_days(year, month, day, &days))
        (void)snprintf(field->echo, sizeof field->echo, "%s %s",
                       strcmp(v.text, text_of(field)) ? v.text : "",
                       nl_langinfo(ABDAY_1 + (nl_item)(((days % 7) + 11) % 7)));
    value_done(&v);
}

static void changed(struct field *field, int64_t now_ms)
{
    field->error[0] = '\0';
    echo_date(field, now_ms);
}

void field_show(struct field *field, const char *title)
{
    free(field->shown);
    field->shown = title ? mem_strdup(title) : NULL;
}

void field_set(struct field *field, const char *text)
{
    field_show(field, NULL);
    line_edit_set(&field->edit, text, strlen(text));
}

/* Typing or deleting in what was picked begins anew. */
static void forget_shown(struct field *field)
{
    if (field->shown)
        field_set(field, "");
}

enum rc field_value(struct field *field, int64_t now_ms, struct value *out)
{
    struct err err = { 0 };
    enum rc rc =
        column_from_text(field->column, text_of(field), field->edit.text.len, now_ms, out, &err);

    (void)snprintf(field->error, sizeof field->error, "%s", rc ? err.msg : "");
    return rc;
}

/* ---- choices, switches, days ---- */

static const struct choice *choice_of(const struct field *field, size_t *index)
{
    for (*index = 0; *index < field->column->choice_count; ++*index) {
        const struct choice *choice = &field->column->choices[*index];

        if (strcmp(choice->value, text_of(field)) == 0 ||
            strcasecmp(choice->label, text_of(field)) == 0)
            return choice;
    }
    return NULL;
}

static bool is_on(const struct field *field)
{
    struct value v = { 0 };
    struct err err = { 0 };

    return column_from_text(field->column, text_of(field), field->edit.text.len, 0, &v, &err) ==
               RC_OK &&
           v.kind == VALUE_BOOL && v.flag;
}

static void set_on(struct field *field, bool on)
{
    struct value v = { .kind = VALUE_BOOL, .flag = on };
    struct buf text = { 0 };

    column_to_text(field->column, &v, &text);
    field_set(field, buf_str(&text));
    buf_done(&text);
}

/* Round the choices, with nothing as one of them unless the column is required. */
static void step_choice(struct field *field, int step)
{
    int count = (int)field->column->choice_count;
    int none = field->column->is_required ? 0 : 1;
    size_t index;
    int at = choice_of(field, &index) ? (int)index + none : 0;

    if (count == 0)
        return;
    at = (at + step + count + none) % (count + none);
    field_set(field, none && at == 0 ? "" : field->column->choices[at - none].value);
}

static void step_day(struct field *field, int step, int64_t now_ms)
{
    struct value v = { 0 };
    struct err err = { 0 };
    int year, month, day;
    int64_t days;
    char text[40];

    clock_today(now_ms, &year, &month, &day);
    if (field->edit.text.len > 0) {
        if (column_from_text(field->column, text_of(field), field->edit.text.len, now_ms, &v,
                             &err) ||
            v.kind != VALUE_TEXT || sscanf(v.text, "%d-%d-%d", &year, &month, &day) != 3)
            step = 0;
        value_done(&v);
    } else {
        step = 0;
    }
    if (!date_to_days(year, month, day, &days))
        return;
    date_from_days(days + step, &year, &month, &day);
    (void)snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
    field_set(field, text);
}

bool field_step(struct field *field, int step, int64_t now_ms)
{
    if (style_of(field) == STYLE_CHOICE)
        step_choice(field, step);
    else if (style_of(field) == STYLE_SWITCH)
        set_on(field, !is_on(field));
    else if (is_date(field))
        step_day(field, step, now_ms);
    else
        return false;
    changed(field, now_ms);
    return true;
}

/* ---- keys ---- */

/* A letter goes to the next choice that starts with it; y and n to a switch. */
static bool type_choice(struct field *field, const struct ui_key *key)
{
    size_t count = field->column->choice_count, index;
    size_t from = choice_of(field, &index) ? index + 1 : 0;

    for (size_t i = 0; i < count; i++) {
        const struct choice *choice = &field->column->choices[(from + i) % count];

        if (key->len == 1 && tolower((unsigned char)choice->label[0]) ==
                                 tolower((unsigned char)key->text[0])) {
            field_set(field, choice->value);
            return true;
        }
    }
    return false;
}

bool field_type(struct field *field, const struct ui_key *key, int64_t now_ms)
{
    enum edit_style style = style_of(field);

    if (style == STYLE_CHOICE || style == STYLE_SWITCH) {
        if (key->code == ' ' || key->code == '+')
            return field_step(field, 1, now_ms);
        if (key->code == '-')
            return field_step(field, -1, now_ms);
        if (style == STYLE_SWITCH && (key->code == 'y' || key->code == 'x' || key->code == 'n'))
            set_on(field, key->code != 'n');
        else if (style == STYLE_SWITCH || !type_choice(field, key))
            return false;
    } else {
        forget_shown(field);
        line_edit_insert(&field->edit, key->text, key->len);
    }
    changed(field, now_ms);
    return true;
}

static bool is_deleting(enum ui_action action)
{
    return action == UI_DO_TEXT_BACKSPACE || action == UI_DO_TEXT_DELETE ||
           action == UI_DO_TEXT_WORD || action == UI_DO_TEXT_ALL || action == UI_DO_TEXT_REST;
}

bool field_act(struct field *field, enum ui_action action, int width, int64_t now_ms)
{
    enum edit_style style = style_of(field);

    if (style == STYLE_CHOICE || style == STYLE_SWITCH) {
        if (action == UI_DO_TEXT_LEFT || action == UI_DO_CHANGE_LEFT)
            return field_step(field, -1, now_ms);
        if (action == UI_DO_TEXT_RIGHT || action == UI_DO_CHANGE_RIGHT)
            return field_step(field, 1, now_ms);
        return false;
    }
    if (action == UI_DO_CHANGE_LEFT || action == UI_DO_CHANGE_RIGHT)
        return field_step(field, action == UI_DO_CHANGE_RIGHT ? 1 : -1, now_ms);
    if (style == STYLE_LINES && (action == UI_DO_NEXT || action == UI_DO_PREVIOUS))
        return line_edit_move_line(&field->edit, action == UI_DO_NEXT ? 1 : -1, width);
    if (field->shown && is_deleting(action))
        forget_shown(field);
    else if (!line_edit_act(&field->edit, action))
        return false;
    changed(field, now_ms);
    return true;
}

/* ---- drawing ---- */

int field_rows(const struct field *field, int width)
{
    int rows;

    if (!field_is_lines(field))
        return 1;
    rows = line_edit_rows(&field->edit, width);
    return rows < LINES_MIN ? LINES_MIN : rows > LINES_MAX ? LINES_MAX : rows;
}

int field_width(const struct field *field, int room)
{
    int width = kinds[column_edit_kind(field->column)].width;

    return width == 0 || width > room ? room : width;
}

static int draw_choice(const struct field *field, struct ui_canvas *c, int row, int col, int room)
{
    size_t index;
    const struct choice *choice = choice_of(field, &index);
    const char *text = choice ? choice->label : *text_of(field) ? text_of(field) : "-";
    int used = ui_put(c, row, col, room, UI_PLAIN, "< ");

    used += ui_put(c, row, col + used, room - used - 2, UI_PLAIN, text);
    return used + ui_put(c, row, col + used, room - used, UI_PLAIN, " >");
}

/* Room behind the value is for the error, else for what the value means. */
static void draw_behind(const struct field *field, struct ui_canvas *c, int row, int col, int room)
{
    char text[320];

    if (field->error[0] && room >= ERROR_COLS_MIN) {
        (void)snprintf(text, sizeof text, "! %s", field->error);
        ui_put(c, row, col, room, UI_ERROR, text);
    } else if (field->echo[0]) {
        ui_put(c, row, col, room, UI_DIM, field->echo);
    } else if (field->column->unit) {
        ui_put(c, row, col, room, UI_DIM, field->column->unit);
    }
}

bool field_error_fits(const struct field *field, int room)
{
    int width = field_width(field, room);
    size_t index;
    const struct choice *choice;
    int used;

    switch (style_of(field)) {
    case STYLE_SWITCH:
        used = width;
        break;
    case STYLE_CHOICE:
        choice = choice_of(field, &index);
        used = ui_width(choice ? choice->label : text_of(field)) + 4;
        break;
    case STYLE_LINES:
        return false;
    default:
        used = width == room ? ui_width(text_of(field)) + 1 : width;
        break;
    }
    return used + 1 + 2 + ui_width(field->error) <= room;
}

const char *field_brief_error(const struct field *field)
{
    if (is_date(field) && field->column->kind == COLUMN_DATE && field->edit.text.len > 0)
        return _("Not a date. Try 02-28, fri or +3.");
    return field->error;
}

static int draw_shown(const struct field *field, struct ui_canvas *c, int row, int col, int width,
                      bool has_focus)
{
    int used = ui_put(c, row, col, width, UI_PLAIN, field->shown);

    if (!c->is_narrow)
        ui_fill(c, row, col + used, width - used, UI_PLAIN, '_');
    if (has_focus)
        ui_cursor(c, row, col);
    return width;
}

void field_draw_brief(const struct field *field, struct ui_canvas *c, int row, int col, int room)
{
    const char *text = text_of(field);
    size_t len = strcspn(text, "\n");
    int used = ui_put_n(c, row, col, text[len] ? room - 1 : room, UI_PLAIN, text, len);

    if (text[len] && text[len + 1] && used < room)
        ui_put(c, row, col + used, 1, UI_PLAIN, "~");
}

void field_draw(struct field *field, struct ui_canvas *c, int row, int col, int room,
                bool has_focus)
{
    int width = field_width(field, room);
    int used;

    switch (style_of(field)) {
    case STYLE_SWITCH:
        used = ui_put(c, row, col, room, UI_PLAIN, is_on(field) ? "[x]" : "[ ]");
        if (has_focus)
            ui_cursor(c, row, col + 1);
        break;
    case STYLE_CHOICE:
        used = draw_choice(field, c, row, col, room);
        if (has_focus)
            ui_cursor(c, row, col + 2);
        break;
    case STYLE_LINES:
        line_edit_draw(&field->edit, c, row, col, field_rows(field, width), width, has_focus,
                       c->is_narrow ? ' ' : '_');
        return;
    default:
        if (field->shown) {
            used = draw_shown(field, c, row, col, width, has_focus);
            break;
        }
        /* A short text with an error gives it the rest of its row. */
        if (field->error[0] && width == room) {
            used = ui_width(text_of(field)) + 1;
            if (used + 3 + ui_width(field->error) + 2 <= room)
                width = used;
        }
        line_edit_draw(&field->edit, c, row, col, 1, width, has_focus,
                       field->error[0] || c->is_narrow ? ' ' : '_');
        used = width;
        break;
    }
    draw_behind(field, c, row, col + used + 1, room - used - 1);
}
