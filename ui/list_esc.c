/* Esc in the list: one thing at a time goes, the loudest first. It comes back when the Esc proves
 * the first half of a function key. */
#include "ui/list_priv.h"

#include <stdlib.h>

void list_cleared_done(struct list_cleared *cleared)
{
    free(cleared->marked);
    free(cleared->filter);
    *cleared = (struct list_cleared){ 0 };
}

static void set_filter(struct ui *ui, struct list *list, const char *text)
{
    struct err err = { 0 };

    if (rows_filter(&list->rows, text, ui_wall(ui), &err))
        ui_say_err(ui, &err);
    else
        list_enter_at_cursor(ui, list);
}

void list_cancel(struct ui *ui, struct list *list)
{
    struct list_cleared *cleared = &list->cleared;

    list_cleared_done(cleared);
    ui->can_unescape = true;
    if (ui_has_banner(ui)) {
        cleared->has_banner = true;
        cleared->banner_hidden_at = ui->banner_hidden_at;
        ui->banner_hidden_at = ui->counts.failed;
    } else if (list->marked_count > 0) {
        cleared->marked = list->marked;
        cleared->marked_count = list->marked_count;
        list->marked = NULL;
        list->marked_count = 0;
    } else if (list->rows.filter) {
        cleared->filter = list->rows.filter;
        list->rows.filter = NULL; /* ours now; rows_filter would free it */
        set_filter(ui, list, NULL);
    }
}

void list_unescape(struct ui *ui, void *state)
{
    struct list *list = state;
    struct list_cleared *cleared = &list->cleared;

    if (cleared->has_banner) {
        ui->banner_hidden_at = cleared->banner_hidden_at;
    } else if (cleared->marked) {
        list_mark_none(list);
        list->marked = cleared->marked;
        list->marked_count = cleared->marked_count;
        cleared->marked = NULL;
    } else if (cleared->filter) {
        set_filter(ui, list, cleared->filter);
    }
    list_cleared_done(cleared);
}
