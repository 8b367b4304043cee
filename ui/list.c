/* The list of a table's records: moving, views, sorts, finding. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "ui/list_priv.h"

static void list_close(void *state)
{
    struct list *list = state;

    rows_done(&list->rows);
    list_undo_done(&list->undo);
    list_mark_none(list);
    list_cleared_done(&list->cleared);
    list_titles_done(list);
    value_done(&list->set_to);
    free(list->words);
    free(list);
}

static const char *view_name(enum db_view view)
{
    static const char *const names[] = {
        [DB_VIEW_OPEN] = N_("open"),
        [DB_VIEW_DONE] = N_("done"),
        [DB_VIEW_ALL] = N_("all"),
    };

    return _(names[view]);
}

static void list_title(const void *state, bool is_narrow, struct buf *out)
{
    const struct list *list = state;
    const struct table *table = list->rows.table;

    buf_printf(out, "%s: ", table->label);
    if (table->done)
        buf_puts(out, view_name(list->rows.view));
    if (is_narrow)
        return;
    buf_printf(out, _("%sby %s"), table->done ? ", " : "", table->sorts[list->rows.sort].name);
    if (list->rows.filter)
        buf_printf(out, _(", with \"%s\""), list->rows.filter);
}

static void list_corner(const void *state, bool is_narrow, struct buf *out)
{
    const struct list *list = state;
    const struct rows *rows = &list->rows;
    int64_t place = rows->first >= 0 ? rows->first + (int64_t)rows->cursor : -1;

    (void)is_narrow;
    if (list->is_slow && list->stop_ms)
        place = list->place;            /* as it was: bytes are for the keys now */
    if (list->marked_count > 0)
        buf_printf(out, _("%zu marked"), list->marked_count);
    if (rows->count == 0 || rows->total < 0)
        return;
    buf_puts(out, out->len ? "  " : "");
    if (place >= 0 && place < rows->total)
        buf_printf(out, "%" PRId64 "/", place + 1);
    buf_printf(out, "%" PRId64, rows->total);
}

/* ---- when keys stop ---- */

static int64_t list_due(const void *state)
{
    const struct list *list = state;

    return rows_has_more_to_look(&list->rows) ? 1 : list->stop_ms;
}

static void list_wake(struct ui *ui, void *state)
{
    struct list *list = state;
    struct err err = { 0 };

    if (rows_has_more_to_look(&list->rows)) {
        list_look_on(ui, list);
        return;
    }
    list->stop_ms = 0;
    rows_tally(&list->rows);
    if (rows_place(&list->rows, ui->reader, &err))
        ui_say_err(ui, &err);
    list->place = list->rows.first >= 0 ? list->rows.first + (int64_t)list->rows.cursor : -1;
    ui->needs_draw = true;
}

/* ---- views, sorts, tables ---- */

static void view_chosen(struct ui *ui, void *state, char key)
{
    struct list *list = state;

    if (key == 0)
        return;
    list->rows.view = key == 'o' ? DB_VIEW_OPEN : key == 'd' ? DB_VIEW_DONE : DB_VIEW_ALL;
    list_enter(ui, list);
    list_watch_keys(ui, list);
}

static void next_table(struct ui *ui, struct list *list)
{
    const struct registry *registry = ui->options->registry;
    size_t next = (list->rows.table->index + 1) % registry_count(registry);

    if (registry_at(registry, next) == list->rows.table)
        return;
    rows_done(&list->rows);
    list_mark_none(list);
    list_undo_done(&list->undo);
    list->rows.table = registry_at(registry, next);
    list->rows.view = list->rows.table->done ? DB_VIEW_OPEN : DB_VIEW_ALL;
    list_load(ui, list);
}

/* ---- filtering ---- */

static void filter_typed(struct ui *ui, void *state, const char *text)
{
    struct list *list = state;
    struct err err = { 0 };
    enum rc rc = rows_filter(&list->rows, *text ? text : NULL, ui_wall(ui), &err);

    list_check(ui, rc, &err);
    if (rc)
        return;
    list_enter(ui, list);
    list_watch_keys(ui, list);
}

/* ---- keys ---- */

static bool act_move(struct ui *ui, struct list *list, enum ui_action action)
{
    struct rows *rows = &list->rows;
    int page = rows->room > 1 ? (int)rows->room - 1 : 1;
    struct err err = { 0 };
    enum rc rc;

    switch (action) {
    case UI_DO_UP:
        rc = rows_move(rows, ui->reader, -1, &err);
        break;
    case UI_DO_DOWN:
        rc = rows_move(rows, ui->reader, 1, &err);
        break;
    case UI_DO_PAGE_UP:
        rc = rows_turn(rows, ui->reader, -page, &err);
        break;
    case UI_DO_PAGE_DOWN:
        rc = rows_turn(rows, ui->reader, page, &err);
        break;
    case UI_DO_HALF_UP:
        rc = rows_move(rows, ui->reader, -(page + 1) / 2, &err);
        break;
    case UI_DO_HALF_DOWN:
        rc = rows_move(rows, ui->reader, (page + 1) / 2, &err);
        break;
    case UI_DO_FIRST:
        rc = rows_first(rows, ui->reader, &err);
        break;
    case UI_DO_LAST:
        rc = rows_last(rows, ui->reader, &err);
        break;
    default:
        return false;
    }
    list_check(ui, rc, &err);
    return true;
}

static void mark_all(struct list *list)
{
    for (size_t i = 0; i < list->rows.count; i++) {
        if (!list_is_marked(list, list->rows.items[i].record.client_id))
            list_mark_toggle(list, list->rows.items[i].record.client_id);
    }
}

static void copy_title(struct ui *ui, const struct row *row)
{
    const struct value *v = &row->record.values[row->record.table->title->index];

    if (v->kind == VALUE_TEXT && terminal_copy(ui->terminal, v->text, v->len))
        ui_say(ui, "%s", _("Copied."));
    else
        ui_say(ui, "%s", _("This terminal has no clipboard."));
}

static void open_record(struct ui *ui, const struct row *row)
{
    ui_open(ui, UI_SCREEN_FORM,
            &(struct ui_opening){ .table = row->record.table, .client_id = row->record.client_id });
}

static bool act_row(struct ui *ui, struct list *list, enum ui_action action)
{
    const struct row *row = rows_at_cursor(&list->rows);

    if (!row)
        return action == UI_DO_EDIT || action == UI_DO_DONE || action == UI_DO_MARK ||
               action == UI_DO_COPY;
    switch (action) {
    case UI_DO_EDIT:
        if (list->marked_count > 0)
            list_edit_marked(ui, list);
        else
            open_record(ui, row);
        return true;
    case UI_DO_DONE:
        if (list->marked_count > 0 && list->rows.table->done)
            list_done_marked(ui, list);
        else
            list_toggle_done(ui, list);
        return true;
    case UI_DO_MARK:
        list_mark_toggle(list, row->record.client_id);
        return act_move(ui, list, UI_DO_DOWN);
    case UI_DO_MARK_ALL:
        mark_all(list);
        return true;
    case UI_DO_COPY:
        copy_title(ui, row);
        return true;
    default:
        return false;
    }
}

static bool act_view(struct ui *ui, struct list *list, enum ui_action action)
{
    switch (action) {
    case UI_DO_VIEW:
        if (list->rows.table->done)
            ui_ask_keys(ui, "oda", list, view_chosen, "%s", _("Show: o open  d done  a all"));
        return true;
    case UI_DO_SORT:
        list->rows.sort = (list->rows.sort + 1) % list->rows.table->sort_count;
        list_enter_at_cursor(ui, list);
        return true;
    case UI_DO_FIND:
        ui_ask_text(ui, _("Find:"), UI_HISTORY_FIND, list, list_find_typed);
        return true;
    case UI_DO_FIND_NEXT:
        list_find(ui, list, 1);
        return true;
    case UI_DO_FIND_LAST:
        list_find(ui, list, -1);
        return true;
    case UI_DO_FILTER:
        ui_ask_text(ui, _("Filter:"), UI_HISTORY_FILTER, list, filter_typed);
        return true;
    case UI_DO_NEXT_TABLE:
        next_table(ui, list);
        return true;
    default:
        return false;
    }
}

static bool act_list(struct ui *ui, struct list *list, enum ui_action action)
{
    switch (action) {
    case UI_DO_NEW:
        ui_open(ui, UI_SCREEN_FORM, &(struct ui_opening){ .table = list->rows.table });
        return true;
    case UI_DO_UNDO:
        list_undo_now(ui, list);
        return true;
    case UI_DO_CANCEL:
        list_cancel(ui, list);
        return true;
    default:
        return false;
    }
}

static bool list_act(struct ui *ui, void *state, enum ui_action action)
{
    struct list *list = state;
    const struct ui_layer *top;

    rows_stop_finding(&list->rows);
    if (list->is_incomplete && action != UI_DO_NEXT_TABLE)
        return false;
    if (!act_move(ui, list, action) && !act_row(ui, list, action) && !act_view(ui, list, action) &&
        !act_list(ui, list, action))
        return false;
    top = ui_top(ui);
    if (top && top->state == list)
        list_watch_keys(ui, list);
    return true;
}

/* A new record is shown; what a changed one was before is kept for undo. */
static void list_saved(struct ui *ui, void *state, const struct ui_saving *what)
{
    struct list *list = state;
    struct err err = { 0 };

    if (what->before) {
        list_undo_keep(ui, list, what->before, what->is_set);
    } else if (list->rows.table == what->table) {
        list->rows.first = -1;
        list_check(ui, rows_show(&list->rows, ui->reader, what->client_id, &err), &err);
        list_watch_keys(ui, list);
    }
}

static const struct table *list_table(const void *state)
{
    return ((const struct list *)state)->rows.table;
}

static void list_open(struct ui *ui, const struct ui_opening *what)
{
    struct list *list = mem_zero(1, sizeof *list);

    (void)what;
    list->rows.table = registry_at(ui->options->registry, 0);
    list->rows.view = list->rows.table->done ? DB_VIEW_OPEN : DB_VIEW_ALL;
    ui_push(ui, &ui_list_screen, list);
    list_offer_draft(ui);
}

const struct ui_screen ui_list_screen = {
    .name = "list",
    .context = UI_IN_LIST,
    .has_banner = true,
    .open = list_open,
    .close = list_close,
    .title = list_title,
    .heads = list_heads,
    .load = list_load,
    .saved = list_saved,
    .table = list_table,
    .refresh = list_refresh,
    .draw = list_draw,
    .act = list_act,
    .unescape = list_unescape,
    .type = list_type,
    .corner = list_corner,
    .due = list_due,
    .wake = list_wake,
};
