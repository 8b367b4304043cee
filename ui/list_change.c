#include "ui/list_priv.h"

#include <libintl.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"

/* ---- marks ---- */

bool list_is_marked(const struct list *list, const char *client_id)
{
    for (size_t i = 0; i < list->marked_count; i++) {
        if (strcmp(list->marked[i], client_id) == 0)
            return true;
    }
    return false;
}

void list_mark_toggle(struct list *list, const char *client_id)
{
    for (size_t i = 0; i < list->marked_count; i++) {
        if (strcmp(list->marked[i], client_id) == 0) {
            memmove(list->marked[i], list->marked[--list->marked_count], ID_SIZE);
            return;
        }
    }
    list->marked = mem_grow(list->marked, list->marked_count + 1, sizeof *list->marked);
    memcpy(list->marked[list->marked_count++], client_id, ID_SIZE);
}

void list_mark_none(struct list *list)
{
    free(list->marked);
    list->marked = NULL;
    list->marked_count = 0;
}

/* ---- undo ---- */

void list_undo_done(struct list_undo *undo)
{
    for (size_t i = 0; undo->table && i < undo->table->column_count; i++)
        value_done(&undo->before[i]);
    free(undo->before);
    free(undo->is_set);
    *undo = (struct list_undo){ 0 };
}

void list_title_of(const struct record *rec, char *out, size_t size)
{
    const struct value *v = &rec->values[rec->table->title->index];
    size_t len = v->kind == VALUE_TEXT ? v->len : 0;

    if (len > size - 1) {
        len = size - 1;
        while (len > 0 && ((unsigned char)v->text[len] & 0xC0) == 0x80)
            len--;
    }
    memcpy(out, len ? v->text : "", len);
    out[len] = '\0';
}

void list_undo_keep(struct ui *ui, struct list *list, const struct record *before,
                    const bool *is_set)
{
    const struct table *table = before->table;
    struct list_undo *undo = &list->undo;

    list_undo_done(undo);
    undo->table = table;
    memcpy(undo->client_id, before->client_id, sizeof undo->client_id);
    list_title_of(before, undo->title, sizeof undo->title);
    undo->before = mem_zero(table->column_count, sizeof *undo->before);
    undo->is_set = mem_zero(table->column_count, sizeof *undo->is_set);
    for (size_t i = 0; i < table->column_count; i++) {
        if (!is_set[i])
            continue;
        if (!undo->what[0])
            ui_lower(table->columns[i].label, undo->what, sizeof undo->what);
        value_copy(&undo->before[i], &before->values[i]);
        undo->is_set[i] = true;
    }
    undo->changed_at = ui_wall(ui);
}

void list_undo_now(struct ui *ui, struct list *list)
{
    struct list_undo *undo = &list->undo;
    struct record now = { 0 };
    struct db_saved saved;
    struct err err = { 0 };
    struct db_edit edit = {
        .table = undo->table,
        .client_id = undo->client_id,
        .values = undo->before,
        .is_set = undo->is_set,
    };
    bool was_sent;

    if (!undo->table) {
        ui_say(ui, "%s", _("There is nothing to undo."));
        return;
    }
    if (!ui_may_save(ui))
        return;
    was_sent = db_record_read(ui->reader, undo->table, undo->client_id, &now, &err) == RC_OK &&
               (now.mark == MARK_SYNCED || now.sent_at >= undo->changed_at);
    record_done(&now);
    if (db_save(ui->writer, &edit, &saved, &err)) {
        ui_save_failed(ui, &err);
        return;
    }
    ui_saved(ui);
    if (was_sent)
        ui_say(ui, "%s", _("Already sent; made the opposite change."));
    else
        ui_say(ui, _("Undone: %s on \"%s\"."), undo->what, undo->title);
    list_undo_done(undo);
    list_refresh(ui, list);
}

/* ---- done and open again ---- */

static enum rc set_done(struct ui *ui, const struct table *table, const char *client_id,
                        bool is_done, struct err *err)
{
    struct value *values = mem_zero(table->column_count, sizeof *values);
    bool *is_set = mem_zero(table->column_count, sizeof *is_set);
    struct db_edit edit = {
        .table = table,
        .client_id = client_id,
        .values = values,
        .is_set = is_set,
    };
    struct db_saved saved;
    enum rc rc;

    values[table->done->index] = (struct value){ .kind = VALUE_BOOL, .flag = is_done };
    is_set[table->done->index] = true;
    rc = db_save(ui->writer, &edit, &saved, err);
    free(values);
    free(is_set);
    return rc;
}

static bool is_done(const struct record *rec)
{
    const struct value *v = &rec->values[rec->table->done->index];

    return v->kind == VALUE_BOOL && v->flag;
}

void list_toggle_done(struct ui *ui, struct list *list)
{
    const struct row *row = rows_at_cursor(&list->rows);
    struct err err = { 0 };
    bool *is_set;

    if (!list->rows.table->done || !row) {
        ui_say(ui, "%s", _("Nothing here can be marked as done."));
        return;
    }
    if (!ui_may_save(ui))
        return;
    is_set = mem_zero(list->rows.table->column_count, sizeof *is_set);
    is_set[list->rows.table->done->index] = true;
    list_undo_keep(ui, list, &row->record, is_set);
    free(is_set);
    if (set_done(ui, list->rows.table, row->record.client_id, !is_done(&row->record), &err)) {
        list_undo_done(&list->undo);
        if (err.rc == RC_NOT_FOUND || row->is_gone)
            ui_say(ui, _("The office removed this %s."), list->rows.table->label_one);
        else
            ui_save_failed(ui, &err);
        return;
    }
    ui_saved(ui);
    list_refresh(ui, list);
}
