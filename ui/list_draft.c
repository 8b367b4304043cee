/* What was being typed when the program ended last is offered at the start. */
#include "ui/list_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/i18n.h"

static void draft_answered(struct ui *ui, void *state, char key)
{
    struct err err = { 0 };
    char *name = NULL, *json = NULL;
    char client_id[ID_SIZE];
    const struct table *table;
    int64_t at;

    (void)state;
    if (key == 0 || db_draft_latest(ui->reader, &name, client_id, &json, &at, &err))
        return;
    table = registry_find(ui->options->registry, name);
    if (table && key == 'e')
        ui_open(ui, UI_SCREEN_FORM,
                &(struct ui_opening){ .table = table, .client_id = *client_id ? client_id : NULL });
    else if (table && db_draft_drop(ui->writer, table, *client_id ? client_id : NULL, &err))
        ui_say_err(ui, &err);
    free(name);
    free(json);
}

void list_offer_draft(struct ui *ui)
{
    struct err err = { 0 };
    char *name = NULL, *json = NULL;
    char client_id[ID_SIZE], title[96] = "", time[24];
    const struct table *table;
    struct record rec = { 0 };
    int64_t at;

    if (db_draft_latest(ui->reader, &name, client_id, &json, &at, &err))
        return;
    table = registry_find(ui->options->registry, name);
    if (table) {
        clock_hhmm(at, time, sizeof time);
        if (*client_id && db_record_read(ui->reader, table, client_id, &rec, &err) == RC_OK)
            list_title_of(&rec, title, sizeof title);
        else
            (void)snprintf(title, sizeof title, _("new %s"), table->label_one);
        ui_ask_keys(ui, "ed", NULL, draft_answered,
                    _("Draft of \"%s\" from %s is kept. e edit, d discard"), title, time);
        ui_ask_softly(ui);
    }
    record_done(&rec);
    free(name);
    free(json);
}
