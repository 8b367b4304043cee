/* The first full download: progress, or why it stopped. Until one table is complete there is
 * nothing else to see. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "ui/first_sync_priv.h"

#define PROGRESS_MS 500         /* at most two steps a second on the wire */
#define PROGRESS_SLOW_MS 2000

static void first_sync_close(void *state)
{
    free(state);
}

static void first_sync_title(const void *state, bool is_narrow, struct buf *out)
{
    (void)state;
    (void)is_narrow;
    buf_puts(out, _("First sync"));
}

static bool first_sync_left(const void *state, bool is_narrow, struct buf *out)
{
    const struct first_sync *first = state;
    const struct sync_status *s = &first->shown[PART_ROW];
    char name[64];

    ui_plural(first_sync_table(first, PART_ROW), name, sizeof name);
    if (first_sync_has_failed(s) && s->total > 0)
        buf_printf(out, is_narrow ? "%" PRId64 "/%" PRId64
                                  : _("first sync not complete: %" PRId64 " of %" PRId64),
                   s->done, s->total);
    else if (first_sync_has_failed(s) && !is_narrow && s->table_count > 1)
        buf_printf(out, _("first sync not complete, table %d of %d: %s"), s->table_number,
                   s->table_count, name);
    else if (first_sync_has_failed(s) && !is_narrow)
        buf_puts(out, _("first sync not complete"));
    else if (is_narrow && s->table_count > 1)
        buf_printf(out, _("table %d of %d"), s->table_number, s->table_count);
    else if (is_narrow || s->table_count == 0)
        buf_puts(out, _("first sync"));
    else
        buf_printf(out, _("first sync, table %d of %d: %s"), s->table_number, s->table_count, name);
    return true;
}

static void first_sync_corner(const void *state, bool is_narrow, struct buf *out)
{
    const struct sync_status *s = &((const struct first_sync *)state)->shown[PART_ROW];

    (void)is_narrow;
    if (first_sync_has_failed(s) && s->tries > 0)
        buf_printf(out, _("try %d"), s->tries);
    else if (s->total > 0)
        buf_printf(out, "%" PRId64 "/%" PRId64, s->done, s->total);
}

/* While it runs there is little to do; when it has stopped, all keys of the place. */
static void first_sync_hints(const void *state, const struct keymap *map, bool is_brief,
                             struct buf *out)
{
    const struct first_sync *first = state;

    if (first_sync_is_stopped(first)) {
        keymap_hints(map, UI_IN_FIRST, is_brief, out);
        return;
    }
    keymap_keys(map, UI_IN_FIRST, UI_DO_HELP, 1, "", out);
    buf_printf(out, is_brief ? "%s " : " %s  ", _("Help"));
    keymap_keys(map, UI_IN_FIRST, UI_DO_QUIT, 1, "", out);
    if (is_brief)
        buf_puts(out, _("Quit"));
    else
        buf_printf(out, " %s", _("Quit (what has arrived is kept)"));
}

/* ---- keys and time ---- */

static bool is_new(const struct first_sync *first, enum first_part part,
                   const struct sync_status *now)
{
    const struct sync_status *was = &first->shown[part];

    switch (part) {
    case PART_BAR:
        return first_sync_percent(now) != first_sync_percent(was) ||
               (now->total > 0) != (was->total > 0);
    case PART_FIGURES:
        return now->done != was->done || now->total != was->total ||
               now->got_bytes / 1000 != was->got_bytes / 1000 ||
               strcmp(now->table, was->table) != 0;
    default:
        return now->done != was->done || now->total != was->total ||
               now->table_number != was->table_number || strcmp(now->table, was->table) != 0;
    }
}

/* The next part that is not as it should be, if there is one. */
static void take_step(struct ui *ui, struct first_sync *first, int64_t now)
{
    for (int i = 0; i < PART_COUNT; i++) {
        enum first_part part = first->next;

        first->next = (part + 1) % PART_COUNT;
        if (!is_new(first, part, &ui->status))
            continue;
        first->shown[part] = ui->status;
        first->shown_ms = now;
        ui->needs_draw = true;
        return;
    }
}

static bool is_behind(const struct first_sync *first, const struct sync_status *now)
{
    for (enum first_part part = 0; part < PART_COUNT; part++) {
        if (is_new(first, part, now))
            return true;
    }
    return false;
}

/* Progress is looked at twice a second at most; its start, its end and its failure at once. */
static void first_sync_refresh(struct ui *ui, void *state)
{
    struct first_sync *first = state;
    int64_t now = ui_now(ui);
    int64_t step = terminal_look(ui->terminal)->is_slow ? PROGRESS_SLOW_MS : PROGRESS_MS;

    first->due_ms = 0;
    if (first_sync_has_failed(&ui->status) || first_sync_is_stopped(first) ||
        first->shown_ms == 0 || first->shown[PART_BAR].started != ui->status.started) {
        for (enum first_part part = 0; part < PART_COUNT; part++)
            first->shown[part] = ui->status;
        first->shown_ms = now;
        ui->needs_draw = true;
        return;
    }
    if (now - first->shown_ms >= step)
        take_step(ui, first, now);
    if (is_behind(first, &ui->status))
        first->due_ms = first->shown_ms + step;
}

static int64_t first_sync_due(const void *state)
{
    return ((const struct first_sync *)state)->due_ms;
}

static void retry(struct ui *ui)
{
    if (!ui->sync)
        return;
    if (ui->status.needs_sign_in)
        ui_open(ui, UI_SCREEN_LOGIN, &(struct ui_opening){ .is_renewal = true });
    else
        sync_ask(ui->sync, SYNC_RETRY);
}

static bool first_sync_act(struct ui *ui, void *state, enum ui_action action)
{
    struct first_sync *first = state;

    switch (action) {
    case UI_DO_RETRY:
        retry(ui);
        return true;
    case UI_DO_DETAILS:
        first->has_details = !first->has_details;
        return true;
    case UI_DO_NEXT:
        first->button = (first->button + 1) % BUTTON_COUNT;
        return true;
    case UI_DO_PREVIOUS:
        first->button = (first->button + BUTTON_COUNT - 1) % BUTTON_COUNT;
        return true;
    case UI_DO_ACCEPT:
        if (!first_sync_is_stopped(first) || first->button == BUTTON_RETRY)
            retry(ui);
        else if (first->button == BUTTON_DETAILS)
            first->has_details = !first->has_details;
        else
            ui_sign_out(ui);
        return true;
    default:
        return false;
    }
}

static void name_host(struct ui *ui, struct first_sync *first)
{
    struct db_account account = { 0 };
    struct err err = { 0 };
    const char *server = ui->options->server_override, *host;

    if (!server && db_account_read(ui->reader, &account, &err) == RC_OK)
        server = account.server;
    host = server ? strstr(server, "://") : NULL;
    if (host)
        (void)snprintf(first->host, sizeof first->host, "%.*s", (int)strcspn(host + 3, ":/"),
                       host + 3);
    db_account_done(&account);
}

static void first_sync_open(struct ui *ui, const struct ui_opening *what)
{
    struct first_sync *first = mem_zero(1, sizeof *first);

    (void)what;
    first->registry = ui->options->registry;
    first->clock = ui->clock;
    name_host(ui, first);
    ui_push(ui, &ui_first_sync_screen, first);
}

const struct ui_screen ui_first_sync_screen = {
    .name = "first_sync",
    .context = UI_IN_FIRST,
    .open = first_sync_open,
    .close = first_sync_close,
    .title = first_sync_title,
    .load = first_sync_refresh,
    .refresh = first_sync_refresh,
    .draw = first_sync_draw,
    .act = first_sync_act,
    .hints = first_sync_hints,
    .left = first_sync_left,
    .corner = first_sync_corner,
    .due = first_sync_due,
    .wake = first_sync_refresh,
};
