/* One change to all records that the user marked: done, or one field; after one question, in one
 * transaction. */
#include "ui/list_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"

/* "3 tasks". */
static void name_marked(const struct list *list, char *out, size_t size)
{
    const struct table *table = list->rows.table;
    char name[64];

    ui_plural(table, name, sizeof name);
    (void)snprintf(out, size, "%zu %s", list->marked_count,
                   list->marked_count == 1 ? table->label_one : name);
}

static enum rc save_all(struct ui *ui, struct list *list, struct err *err)
{
    const struct table *table = list->rows.table;
    struct value *values = mem_zero(table->column_count, sizeof *values);
    bool *is_set = mem_zero(table->column_count, sizeof *is_set);
    struct db_edit edit = { .table = table, .values = values, .is_set = is_set };
    struct db_saved saved;
    enum rc rc = db_batch_begin(ui->writer, err);

    values[list->set->index] = list->set_to;
    is_set[list->set->index] = true;
    for (size_t i = 0; rc == RC_OK && i < list->marked_count; i++) {
        edit.client_id = list->marked[i];
        rc = db_save(ui->writer, &edit, &saved, err);
        if (rc == RC_NOT_FOUND)
            rc = RC_OK;                 /* the office removed it meanwhile */
    }
    if (rc == RC_OK)
        rc = db_batch_end(ui->writer, err);
    else
        db_batch_cancel(ui->writer);
    free(values);
    free(is_set);
    return rc;
}

static void set_answered(struct ui *ui, void *state, char key)
{
    struct list *list = state;
    struct err err = { 0 };

    if (key == 'y' && !ui_may_save(ui)) {
        /* It is said, and the marks stay. */
    } else if (key == 'y' && save_all(ui, list, &err)) {
        ui_save_failed(ui, &err);
    } else if (key == 'y') {
        list_mark_none(list);
        list_undo_done(&list->undo);
        ui_saved(ui);
        list_refresh(ui, list);
    }
    value_done(&list->set_to);
}

void list_done_marked(struct ui *ui, struct list *list)
{
    bool is_reopened = list->rows.view == DB_VIEW_DONE;
    char what[128];

    list->set = list->rows.table->done;
    value_done(&list->set_to);
    list->set_to = (struct value){ .kind = VALUE_BOOL, .flag = !is_reopened };
    name_marked(list, what, sizeof what);
    ui_ask_keys(ui, "yn", list, set_answered,
                is_reopened ? _("Mark %s as open? y/n") : _("Mark %s as done? y/n"), what);
}

/* "prio:high": which field, and what it becomes. */
static void field_typed(struct ui *ui, void *state, const char *text)
{
    struct list *list = state;
    size_t len = strcspn(text, ":=");
    const struct column *column = filter_column(list->rows.table, text, len);
    const char *value = text[len] ? text + len + 1 : "";
    struct err err = { 0 };
    char what[128], field[64];
    struct buf to = { 0 };

    if (!*text)
        return;
    if (!text[len] || !column || column->is_read_only) {
        ui_say(ui, "%s", _("Write a field and its value, such as due:+3."));
        return;
    }
    value_done(&list->set_to);
    if (column_from_text(column, value, strlen(value), ui_wall(ui), &list->set_to, &err)) {
        ui_say_err(ui, &err);
        return;
    }
    list->set = column;
    name_marked(list, what, sizeof what);
    ui_lower(column->label, field, sizeof field);
    if (list->set_to.kind != VALUE_NULL)
        column_to_text(column, &list->set_to, &to);
    if (to.len)
        ui_ask_keys(ui, "yn", list, set_answered, _("Set %s of %s to \"%.60s\"? y/n"), field, what,
                    buf_str(&to));
    else
        ui_ask_keys(ui, "yn", list, set_answered, _("Empty %s of %s? y/n"), field, what);
    buf_done(&to);
}

void list_edit_marked(struct ui *ui, struct list *list)
{
    char what[128], question[192];

    name_marked(list, what, sizeof what);
    (void)snprintf(question, sizeof question, _("Field of %s (due:+3):"), what);
    ui_ask_text(ui, question, UI_HISTORY_SET, list, field_typed);
}
