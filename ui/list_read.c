/* Reading the list's rows: on entering, after each key, after a notice. */
#include "ui/list_priv.h"

#include <string.h>

#define STOP_MS 150             /* no key for so long: the user reads */

void list_check(struct ui *ui, enum rc rc, const struct err *err)
{
    if (rc && rc != RC_NOT_FOUND)
        ui_say_err(ui, err);
}

void list_watch_keys(struct ui *ui, struct list *list)
{
    const struct rows *rows = &list->rows;

    list_titles_read(ui, list);
    list->is_slow = terminal_look(ui->terminal)->is_slow;
    if (rows->filter && rows->count > 0 && rows->total < 0)
        list->stop_ms = ui_now(ui) + STOP_MS;
    if (rows->count > 0 && rows->total >= 0 && !rows->filter &&
        (rows->first < 0 || (list->is_slow && rows->first + (int64_t)rows->cursor != list->place)))
        list->stop_ms = ui_now(ui) + STOP_MS;
}

/* Why nothing is shown, if nothing is. */
static void look_if_empty(struct ui *ui, struct list *list)
{
    struct err err = { 0 };
    int64_t all = 0;

    list->is_empty = list->rows.count == 0 &&
                     db_count(ui->reader, list->rows.table, DB_VIEW_ALL, &all, &err) == RC_OK &&
                     all == 0;
}

void list_load(struct ui *ui, void *state)
{
    struct list *list = state;
    struct err err = { 0 };
    bool was_incomplete = list->is_incomplete;

    list->is_incomplete = !ui_table_is_complete(ui, list->rows.table);
    if (was_incomplete && !list->is_incomplete)
        list_check(ui, rows_first(&list->rows, ui->reader, &err), &err);
    /* What was committed while another screen was on top; before rows are read that it may not fit. */
    if (list->rows.count > 0)
        list_check(ui, rows_refresh(&list->rows, ui->reader, &err), &err);
    list_check(ui,
               rows_fit(&list->rows, ui->reader,
                        ui->content.rows > 0 ? (size_t)ui->content.rows : 1, &err),
               &err);
    list_titles_done(list);
    list_titles_read(ui, list);
    look_if_empty(ui, list);
}

void list_refresh(struct ui *ui, void *state)
{
    struct list *list = state;
    struct err err = { 0 };

    if (list->is_incomplete) {
        list_load(ui, state);
        return;
    }
    /* Nothing is on screen that could move. */
    if (list->rows.count == 0)
        list_check(ui, rows_first(&list->rows, ui->reader, &err), &err);
    else
        list_check(ui, rows_refresh(&list->rows, ui->reader, &err), &err);
    list_titles_done(list);
    list_titles_read(ui, list);
    look_if_empty(ui, list);
}

void list_enter(struct ui *ui, struct list *list)
{
    struct err err = { 0 };

    list->is_incomplete = !ui_table_is_complete(ui, list->rows.table);
    list_check(ui, rows_enter(&list->rows, ui->reader, &err), &err);
    look_if_empty(ui, list);
}

void list_enter_at_cursor(struct ui *ui, struct list *list)
{
    const struct row *row = rows_at_cursor(&list->rows);
    char client_id[ID_SIZE] = "";
    struct err err = { 0 };

    if (row)
        memcpy(client_id, row->record.client_id, sizeof client_id);
    list->rows.first = -1;
    if (!row || rows_show(&list->rows, ui->reader, client_id, &err))
        list_enter(ui, list);
}
