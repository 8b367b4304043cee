/* The editor of one record, made from its table's definition. What is typed is kept as a draft
 * within a second; it is checked at save, and nothing is lost when that fails. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "ui/form_priv.h"

static void form_close(void *state)
{
    struct form *form = state;

    for (size_t i = 0; i < form->count; i++)
        field_done(&form->fields[i]);
    free(form->fields);
    look_done(&form->look);
    record_done(&form->record);
    free(form);
}

static bool is_changed(const struct form *form)
{
    for (size_t i = 0; i < form->count; i++) {
        if (field_is_changed(&form->fields[i]))
            return true;
    }
    return false;
}

static void form_title(const void *state, bool is_narrow, struct buf *out)
{
    const struct form *form = state;

    (void)is_narrow;
    buf_printf(out, form_is_new(form) ? _("New %s") : _("Edit %s"), form->table->label_one);
}

static bool form_left(const void *state, bool is_narrow, struct buf *out)
{
    const struct form *form = state;
    char time[24];

    if (form->draft_at == 0)
        return false;
    clock_hhmm(form->draft_at, time, sizeof time);
    if (is_narrow)
        buf_puts(out, _("draft"));
    else
        buf_printf(out, _("draft kept %s"), time);
    return false;
}

static void form_corner(const void *state, bool is_narrow, struct buf *out)
{
    const struct form *form = state;

    if (!is_narrow)
        buf_printf(out, _("field %zu of %zu"), form->focus + 1, form->count);
}

static int64_t form_due(const void *state)
{
    const struct form *form = state;

    return form->look.is_on ? 1 : form->draft_due;
}

static void form_wake(struct ui *ui, void *state)
{
    struct form *form = state;

    if (form->look.is_on)
        form_pick_on(ui, form);
    if (form->draft_due && ui_now(ui) >= form->draft_due)
        form_draft_write(ui, form);
}

static void form_leaving(struct ui *ui, void *state)
{
    struct form *form = state;

    if (form->draft_due)
        form_draft_write(ui, form);
}

/* ---- saving ---- */

/* Where there is no room for it behind the value, the last row says what is wrong. */
static void say_error(struct ui *ui, const struct form *form)
{
    const struct field *field = &form->fields[form->focus];

    if (terminal_look(ui->terminal)->reader || !field_error_fits(field, form->room))
        ui_say(ui, "! %s", ui->frame.is_narrow ? field_brief_error(field) : field->error);
}

/* The values as typed, or as they were where nothing was typed. False: some field is wrong, and has
 * the focus. */
static bool collect(struct ui *ui, struct form *form, struct value *values, bool *is_set)
{
    size_t bad = form->count;

    for (size_t i = 0; i < form->count; i++) {
        struct field *field = &form->fields[i];

        if (!form_is_new(form) && !field_is_changed(field)) {
            field->error[0] = '\0';
            value_copy(&values[i], &form->record.values[i]);
            continue;
        }
        if (form_pick_refuse(field) || field_value(field, ui_wall(ui), &values[i]))
            bad = bad == form->count ? i : bad;
        else
            is_set[i] = form_is_new(form) ? values[i].kind != VALUE_NULL
                                     : !value_equal(&values[i], &form->record.values[i]);
    }
    if (bad == form->count)
        return true;
    form->focus = bad;
    form_pick_close(form);
    say_error(ui, form);
    return false;
}

static void show_refusal(struct ui *ui, struct form *form, const struct err *err)
{
    for (size_t i = 0; i < form->count; i++) {
        struct field *field = &form->fields[i];

        if (err->rc == RC_INVALID && strcmp(field->column->name, err->column) == 0) {
            (void)snprintf(field->error, sizeof field->error, "%s", err->msg);
            form->focus = i;
        }
    }
    ui_save_failed(ui, err);
}

static enum rc write(struct ui *ui, struct form *form, const struct value *values,
                     const bool *is_set, struct err *err)
{
    const struct table *table = form->table;
    struct db_saved saved = { 0 };
    struct record before;
    struct db_edit edit = {
        .table = table,
        .client_id = form_draft_id(form),
        .if_missing = DB_MISSING_CREATE,
        .values = values,
        .is_set = is_set,
        .drop_draft = true,
    };
    enum rc rc = db_save(ui->writer, &edit, &saved, err);

    if (rc)
        return rc;
    form->draft_due = 0;
    before = form->record;
    form->record = (struct record){ 0 };
    ui_pop(ui);                         /* frees the form */
    if (saved.is_new || saved.is_changed)
        ui_tell_saved(ui, &(struct ui_saving){
                              .table = table,
                              .client_id = saved.client_id,
                              .before = saved.is_new ? NULL : &before,
                              .is_set = is_set,
                          });
    record_done(&before);
    if (saved.is_new || saved.is_changed)
        ui_saved(ui);
    else
        ui_say(ui, "%s", _("Nothing was changed."));
    return RC_OK;
}

static void save(struct ui *ui, struct form *form)
{
    size_t count = form->count;
    struct value *values = mem_zero(count, sizeof *values);
    bool *is_set = mem_zero(count, sizeof *is_set);
    struct err err = { 0 };

    if (collect(ui, form, values, is_set) && ui_may_save(ui) && write(ui, form, values, is_set, &err))
        show_refusal(ui, form, &err);
    for (size_t i = 0; i < count; i++)
        value_done(&values[i]);
    free(values);
    free(is_set);
}

/* ---- keys ---- */

static void leave_answered(struct ui *ui, void *state, char key)
{
    struct form *form = state;

    if (key == 'y') {
        save(ui, form);
    } else if (key == 'n') {
        form_draft_drop(ui, form);
        ui_pop(ui);
    }
}

static void cancel(struct ui *ui, struct form *form)
{
    if (is_changed(form)) {
        ui_ask_keys(ui, "yn", form, leave_answered, "%s",
                    _("Save changes? y save, n discard, Esc go on"));
        return;
    }
    form_draft_drop(ui, form);
    ui_pop_for_now(ui);
}

static void move_focus(struct ui *ui, struct form *form, int step)
{
    size_t at = form->focus;

    form_pick_close(form);
    do {
        at = (at + form->count + (size_t)(step + (int)form->count)) % form->count;
    } while (form->fields[at].column->is_read_only && at != form->focus);
    form->focus = at;
    if (form->fields[at].error[0])
        say_error(ui, form);
}

static bool is_last(const struct form *form)
{
    for (size_t i = form->focus + 1; i < form->count; i++) {
        if (!form->fields[i].column->is_read_only)
            return false;
    }
    return true;
}

static bool form_is_text(const void *state)
{
    (void)state;
    return true;                        /* letters belong to the fields, choices too */
}

static bool form_type(struct ui *ui, void *state, const struct ui_key *key)
{
    struct form *form = state;
    struct field *field = &form->fields[form->focus];

    if (field_type(field, key, ui_wall(ui)))
        form_touched(ui, form);
    else
        terminal_alert(ui->terminal);
    form_pick_look(ui, form);
    if (key->code == UI_KEY_SCAN && !is_last(form))
        move_focus(ui, form, 1);
    return true;
}

/* Enter: a new line in notes; in other fields the next one, and behind the last one the record is
 * saved. */
static bool form_enter(struct ui *ui, void *state)
{
    struct form *form = state;
    struct field *field = &form->fields[form->focus];

    if (form_pick_take(form)) {
        form_touched(ui, form);
        if (!is_last(form))
            move_focus(ui, form, 1);
    } else if (field_is_lines(field)) {
        line_edit_insert(&field->edit, "\n", 1);
        form_touched(ui, form);
    } else if (is_last(form)) {
        save(ui, form);
    } else {
        move_focus(ui, form, 1);
    }
    return true;
}

/* While records are listed under a field, up and down go over them. */
static bool act_matches(struct ui *ui, struct form *form, int32_t code)
{
    if (code == UI_KEY_UP || code == UI_KEY_DOWN)
        return form_pick_move(form, code == UI_KEY_DOWN ? 1 : -1);
    if (code == UI_KEY_TAB && form->match_count > 0)
        return form_enter(ui, form);
    return false;
}

static bool form_act(struct ui *ui, void *state, enum ui_action action)
{
    struct form *form = state;
    struct field *field = &form->fields[form->focus];

    if (act_matches(ui, form, ui->key_code))
        return true;
    if (field_act(field, action, form->width, ui_wall(ui))) {
        if (action != UI_DO_NEXT && action != UI_DO_PREVIOUS && field_is_changed(field))
            form_touched(ui, form);
        form_pick_look(ui, form);
        return true;
    }
    if (action == UI_DO_SAVE && form_pick_take(form))
        form_touched(ui, form);
    switch (action) {
    case UI_DO_NEXT:
        move_focus(ui, form, 1);
        return true;
    case UI_DO_PREVIOUS:
        move_focus(ui, form, -1);
        return true;
    case UI_DO_ENTER:
        return form_enter(ui, form);
    case UI_DO_SAVE:
        save(ui, form);
        return true;
    case UI_DO_CANCEL:
        cancel(ui, form);
        return true;
    default:
        return false;
    }
}

/* The office removed it, or somebody else changed it: the form says so, and keeps what is typed. */
static void form_refresh(struct ui *ui, void *state)
{
    struct form *form = state;
    struct record now = { 0 };
    struct err err = { 0 };
    enum rc rc;

    if (form_is_new(form))
        return;
    rc = db_record_read(ui->reader, form->table, form->client_id, &now, &err);
    if (rc == RC_NOT_FOUND && !form->is_gone)
        ui_say(ui, _("The office removed this %s. Saving brings it back."), form->table->label_one);
    form->is_gone = rc == RC_NOT_FOUND;
    if (rc == RC_OK) {
        form->record.mark = now.mark;
        form->record.updated_at = now.updated_at;
    }
    record_done(&now);
}

static void fields_make(struct form *form)
{
    static const struct value nothing = { 0 };

    form->count = form->table->column_count;
    form->fields = mem_zero(form->count, sizeof *form->fields);
    for (size_t i = 0; i < form->count; i++) {
        const struct column *column = &form->table->columns[i];
        const struct value *v = !form_is_new(form)         ? &form->record.values[i]
                                : column->has_default ? &column->default_value
                                                      : &nothing;

        field_init(&form->fields[i], column, v);
    }
    while (form->fields[form->focus].column->is_read_only && form->focus + 1 < form->count)
        form->focus++;
}

static void set_title(struct form *form, const char *text)
{
    for (size_t i = 0; text && i < form->count; i++) {
        if (form->fields[i].column == form->table->title)
            field_set(&form->fields[i], text);
    }
}

static void form_open(struct ui *ui, const struct ui_opening *what)
{
    struct form *form = mem_zero(1, sizeof *form);
    struct err err = { 0 };
    enum rc rc = RC_OK;

    form->table = what->table;
    if (what->client_id) {
        (void)snprintf(form->client_id, sizeof form->client_id, "%s", what->client_id);
        rc = db_record_read(ui->reader, form->table, form->client_id, &form->record, &err);
    }
    if (rc == RC_NOT_FOUND)
        ui_say(ui, _("The office removed this %s."), form->table->label_one);
    else if (rc)
        ui_say_err(ui, &err);
    if (rc) {
        form_close(form);
        return;
    }
    fields_make(form);
    set_title(form, what->text);
    form_pick_show(ui, form);
    ui_push(ui, &ui_form_screen, form);
    form_draft_restore(ui, form);
}

const struct ui_screen ui_form_screen = {
    .name = "form",
    .context = UI_IN_FORM,
    .open = form_open,
    .close = form_close,
    .title = form_title,
    .refresh = form_refresh,
    .draw = form_draw,
    .act = form_act,
    .is_text = form_is_text,
    .type = form_type,
    .left = form_left,
    .corner = form_corner,
    .due = form_due,
    .wake = form_wake,
    .leaving = form_leaving,
};
