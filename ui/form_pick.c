/* Picking the record that a reference means: words are typed, what matches is listed under the
 * field, Enter or Tab takes the one that is pointed at. The field then holds its id. */
#include "ui/form_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/id.h"

static bool is_reference(const struct field *field)
{
    return column_edit_kind(field->column) == EDIT_REFERENCE;
}

static bool holds_id(const struct field *field)
{
    return field->edit.text.len == ID_LEN && id_is_valid(buf_str(&field->edit.text));
}

void form_pick_close(struct form *form)
{
    form->match_count = form->match_at = 0;
    look_done(&form->look);
}

void form_pick_show(struct ui *ui, struct form *form)
{
    for (size_t i = 0; i < form->count; i++) {
        struct field *field = &form->fields[i];
        char title[REFERENCE_TITLE];

        if (is_reference(field) && holds_id(field) &&
            reference_title(ui->reader, ui->options->registry, field->column,
                            buf_str(&field->edit.text), title, sizeof title))
            field_show(field, title);
    }
}

void form_pick_look(struct ui *ui, struct form *form)
{
    struct field *field = &form->fields[form->focus];

    form_pick_close(form);
    if (!is_reference(field) || field->shown || field->edit.text.len == 0 || holds_id(field))
        return;
    reference_find(&form->look, buf_str(&field->edit.text));
    form_pick_on(ui, form);
}

void form_pick_on(struct ui *ui, struct form *form)
{
    struct field *field = &form->fields[form->focus];
    size_t had = form->match_count;

    form->match_count = reference_look_on(&form->look, ui->reader, ui->options->registry,
                                          field->column, form->matches, had);
    if (!form->look.is_on && form->match_count == 0)
        ui_say(ui, _("Nothing matches \"%s\"."), buf_str(&field->edit.text));
    if (form->match_count > had)
        ui->needs_draw = true;
}

bool form_pick_take(struct form *form)
{
    struct field *field = &form->fields[form->focus];

    if (form->match_count == 0)
        return false;
    field_set(field, form->matches[form->match_at].id);
    field_show(field, form->matches[form->match_at].title);
    field->error[0] = '\0';
    form_pick_close(form);
    return true;
}

bool form_pick_move(struct form *form, int step)
{
    if (form->match_count == 0)
        return false;
    form->match_at += form->match_count + (size_t)(step + (int)form->match_count);
    form->match_at %= form->match_count;
    return true;
}

bool form_pick_refuse(struct field *field)
{
    if (!is_reference(field) || field->edit.text.len == 0 || holds_id(field))
        return false;
    (void)snprintf(field->error, sizeof field->error,
                   _("Nothing is picked. Type a part of the name, then Enter."));
    return true;
}
