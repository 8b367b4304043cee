/* What is typed in the editor is kept as a draft within a second, and is there again when it is
 * opened. */
#include "ui/form_priv.h"

#include <stdlib.h>
#include "base/i18n.h"
#include "ui/draft.h"

#define DRAFT_MS 1000

const char *form_draft_id(const struct form *form)
{
    return form->client_id[0] ? form->client_id : NULL;
}

void form_draft_write(struct ui *ui, struct form *form)
{
    struct buf json = { 0 };
    struct err err = { 0 };
    enum rc rc;

    form->draft_due = 0;
    if (ui->is_damaged)
        return;                         /* what is typed stays on the screen */
    draft_put(form->fields, form->count, &json);
    rc = db_draft_put(ui->writer, form->table, form_draft_id(form), buf_str(&json), &err);
    if (rc == RC_OK)
        form->draft_at = ui_wall(ui);
    else
        ui_save_failed(ui, &err);
    ui->needs_draw = true;
    buf_done(&json);
}

void form_draft_restore(struct ui *ui, struct form *form)
{
    struct err err = { 0 };
    char *json = NULL, time[24];

    if (db_draft_get(ui->reader, form->table, form_draft_id(form), &json, &form->draft_at, &err))
        return;
    if (draft_take(json, form->fields, form->count) > 0) {
        form_pick_show(ui, form);
        clock_hhmm(form->draft_at, time, sizeof time);
        ui_say(ui, _("The draft from %s is here again."), time);
    }
    free(json);
}

void form_touched(struct ui *ui, struct form *form)
{
    if (form->draft_due == 0)
        form->draft_due = ui_now(ui) + DRAFT_MS;
}

void form_draft_drop(struct ui *ui, struct form *form)
{
    struct err err = { 0 };

    form->draft_due = 0;
    if (form->draft_at && !ui->is_damaged &&
        db_draft_drop(ui->writer, form->table, form_draft_id(form), &err) && err.rc != RC_NOT_FOUND)
        ui_say_err(ui, &err);
    form->draft_at = 0;
}
