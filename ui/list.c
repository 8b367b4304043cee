/* The list of a table's records: moving, views, sorts, finding. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "ui/list_priv.h"

#define STOP_MS 150             /* no key for so long: the user reads */

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

/* After each key: the position is looked up, and on a slow line drawn, when no more come. */
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

/* ---- reading ---- */

void list_check(struct ui *ui, enum rc rc, const struct err *err)
{
    if (rc && rc != RC_NOT_FOUND)
        ui_say_err(ui, err);
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

static void list_load(struct ui *ui, void *state)
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

/* The view is entered again: the rows are those that match now. */
static void enter(struct ui *ui, struct list *list)
{
    struct err err = { 0 };

    list->is_incomplete = !ui_table_is_complete(ui, list->rows.table);
    list_check(ui, rows_enter(&list->rows, ui->reader, &err), &err);
    look_if_empty(ui, list);
}

/* The same record stays under the cursor if the new order or view has it. */
void list_enter_at_cursor(struct ui *ui, struct list *list)
{
    const struct row *row = rows_at_cursor(&list->rows);
    char client_id[ID_SIZE] = "";
    struct err err = { 0 };

    if (row)
        memcpy(client_id, row->record.client_id, sizeof client_id);
    list->rows.first = -1;
    if (!row || rows_show(&list->rows, ui->reader, client_id, &err))
        enter(ui, list);
}

/* ---- views, sorts, tables ---- */

static void view_chosen(struct ui *ui, void *state, char key)
{
    struct list *list = state;

    if (key == 0)
        return;
    list->rows.view = key == 'o' ? DB_VIEW_OPEN : key == 'd' ? DB_VIEW_DONE : DB_VIEW_ALL;
    enter(ui, list);
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
    enter(ui, list);
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
            ui_form_open(ui, list->rows.table, row->record.client_id, NULL);
        return true;
    case UI_DO_DONE:
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
        ui_form_open(ui, list->rows.table, NULL, NULL);
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

const struct ui_screen ui_list_screen = {
    .name = "list",
    .context = UI_IN_LIST,
    .close = list_close,
    .title = list_title,
    .heads = list_heads,
    .load = list_load,
    .refresh = list_refresh,
    .draw = list_draw,
    .act = list_act,
    .unescape = list_unescape,
    .type = list_type,
    .corner = list_corner,
    .due = list_due,
    .wake = list_wake,
};

void ui_list_keep_undo(struct ui *ui, const struct record *before, const bool *is_set)
{
    for (size_t i = 0; i < ui->depth; i++) {
        if (ui->stack[i].screen == &ui_list_screen)
            list_undo_keep(ui, ui->stack[i].state, before, is_set);
    }
}

const struct table *ui_list_table(const struct ui *ui)
{
    for (size_t i = 0; i < ui->depth; i++) {
        if (ui->stack[i].screen == &ui_list_screen)
            return ((const struct list *)ui->stack[i].state)->rows.table;
    }
    return NULL;
}

void ui_list_show(struct ui *ui, const struct table *table, const char *client_id)
{
    struct err err = { 0 };

    for (size_t i = 0; i < ui->depth; i++) {
        struct list *list = ui->stack[i].state;

        if (ui->stack[i].screen != &ui_list_screen || list->rows.table != table)
            continue;
        list->rows.first = -1;
        list_check(ui, rows_show(&list->rows, ui->reader, client_id, &err), &err);
        list_watch_keys(ui, list);
    }
}

void ui_list_open(struct ui *ui)
{
    struct list *list = mem_zero(1, sizeof *list);

    list->rows.table = registry_at(ui->options->registry, 0);
    list->rows.view = list->rows.table->done ? DB_VIEW_OPEN : DB_VIEW_ALL;
    ui_push(ui, &ui_list_screen, list);
    list_offer_draft(ui);
}
