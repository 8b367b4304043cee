/* The first full download: progress, or why it stopped. Until one table is complete there is
 * nothing else to see. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "ui/ui_priv.h"

#define BAR_COLS 46
#define PROGRESS_MS 500         /* at most two steps a second on the wire */
#define PROGRESS_SLOW_MS 2000

enum button { BUTTON_RETRY, BUTTON_DETAILS, BUTTON_SIGN_OUT, BUTTON_COUNT };

/* What goes on is drawn part by part, one at each step, so that a step is few bytes. */
enum part { PART_BAR, PART_FIGURES, PART_ROW, PART_COUNT };

struct first_sync {
    const struct registry *registry;
    const struct clock *clock;
    struct sync_status shown[PART_COUNT];       /* what is drawn of each */
    enum part next;             /* the part whose turn it is */
    int64_t shown_ms;
    int64_t due_ms;             /* monotonic: look again; 0 */
    enum button button;
    bool has_details;
    char host[128];             /* of the server */
};

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

static bool has_failed(const struct sync_status *s)
{
    return s->last.rc != RC_OK;
}

static bool is_stopped(const struct first_sync *first)
{
    return has_failed(&first->shown[PART_BAR]);
}

static const struct table *table_of(const struct first_sync *first, enum part part)
{
    const struct table *table = registry_find(first->registry, first->shown[part].table);

    return table ? table : registry_at(first->registry, 0);
}

static bool first_sync_left(const void *state, bool is_narrow, struct buf *out)
{
    const struct first_sync *first = state;
    const struct sync_status *s = &first->shown[PART_ROW];
    char name[64];

    ui_plural(table_of(first, PART_ROW), name, sizeof name);
    if (has_failed(s) && s->total > 0)
        buf_printf(out, is_narrow ? "%" PRId64 "/%" PRId64
                                  : _("first sync not complete: %" PRId64 " of %" PRId64),
                   s->done, s->total);
    else if (has_failed(s) && !is_narrow && s->table_count > 1)
        buf_printf(out, _("first sync not complete, table %d of %d: %s"), s->table_number,
                   s->table_count, name);
    else if (has_failed(s) && !is_narrow)
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
    if (has_failed(s) && s->tries > 0)
        buf_printf(out, _("try %d"), s->tries);
    else if (s->total > 0)
        buf_printf(out, "%" PRId64 "/%" PRId64, s->done, s->total);
}

/* While it runs there is little to do; when it has stopped, all keys of the place. */
static void first_sync_hints(const void *state, const struct keymap *map, bool is_brief,
                             struct buf *out)
{
    const struct first_sync *first = state;

    if (is_stopped(first)) {
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

/* ---- drawing ---- */

static int percent(const struct sync_status *s)
{
    int64_t done = s->done < s->total ? s->done : s->total;

    return s->total > 0 ? (int)(done * 100 / s->total) : 0;
}

static void draw_bar(const struct sync_status *s, struct ui_canvas *c, int row, int col)
{
    int width = c->cols - col - 16 < BAR_COLS ? c->cols - col - 16 : BAR_COLS;
    int full = width * percent(s) / 100;
    char text[32];

    (void)snprintf(text, sizeof text, "%3d %%", percent(s));
    if (c->look->is_slow || c->look->reader || width < 8) {
        ui_put(c, row, col, 8, UI_PLAIN, text);
        col += 6;
    } else {
        ui_put(c, row, col, 1, UI_PLAIN, "[");
        ui_fill(c, row, col + 1, full, UI_PLAIN, '#');
        ui_fill(c, row, col + 1 + full, width - full, UI_PLAIN, '.');
        ui_put(c, row, col + 1 + width, 1, UI_PLAIN, "]");
        ui_put(c, row, col + 3 + width, 6, UI_PLAIN, text);
        /* Where the next step begins: it need not go there first. */
        ui_cursor(c, row, col + 1 + full);
        col += width + 9;
    }
    if (has_failed(s))
        ui_put(c, row, col + 1, 12, UI_PLAIN, _("kept"));
}

static int put_lines(struct ui_canvas *c, int row, int col, enum ui_style style, const char *text)
{
    size_t len = strlen(text), at = 0, end;

    while (at <= len) {
        size_t next = ui_wrap(text, len, at, c->cols - col - 2, &end);

        ui_put_part(c, row++, col, c->cols - col, style, text + at, end - at);
        at = next;
    }
    return row;
}

static void draw_running(const struct first_sync *first, struct ui_canvas *c, int row, int col,
                         int gap)
{
    const struct sync_status *s = &first->shown[PART_FIGURES];
    const struct table *table = table_of(first, PART_FIGURES);
    char text[128], name[64], time[24];

    ui_plural(table, name, sizeof name);
    (void)snprintf(text, sizeof text, _("Getting your %s for the first time."), name);
    row = put_lines(c, row, col, UI_PLAIN, text);
    row = put_lines(c, row, col, UI_PLAIN, _("This is done once on each device.")) + gap;
    if (first->shown[PART_BAR].total > 0)
        draw_bar(&first->shown[PART_BAR], c, row, col);
    row += 1 + gap;
    ui_put(c, row, col, 12, UI_PLAIN, table->label);
    if (s->total > 0)
        (void)snprintf(text, sizeof text, _("%" PRId64 " of %" PRId64), s->done, s->total);
    else
        (void)snprintf(text, sizeof text, "%" PRId64, s->done);
    ui_put(c, row++, col + 13, 30, UI_PLAIN, text);
    ui_put(c, row, col, 12, UI_PLAIN, _("Received"));
    if (s->got_bytes < 1000000)
        (void)snprintf(text, sizeof text, _("%" PRId64 " kB"), s->got_bytes / 1000);
    else
        (void)snprintf(text, sizeof text, _("%" PRId64 ".%" PRId64 " MB"), s->got_bytes / 1000000,
                       s->got_bytes / 100000 % 10);
    ui_put(c, row++, col + 13, 30, UI_PLAIN, text);
    if (s->started) {
        clock_hhmmss(s->started, time, sizeof time);
        ui_put(c, row, col, 12, UI_PLAIN, _("Started"));
        ui_put(c, row, col + 13, 30, UI_PLAIN, time);
    }
    row += 1 + gap;
    (void)put_lines(
        c, row, col, UI_PLAIN,
        _("If the connection drops, it goes on from here later;\nnothing is fetched twice."));
}

static int draw_buttons(const struct first_sync *first, struct ui_canvas *c, int row, int col)
{
    static const char *const names[BUTTON_COUNT] = {
        N_("[ Retry now ]"),
        N_("[ Details ]"),
        N_("[ Sign out ]"),
    };

    for (int i = 0; i < BUTTON_COUNT; i++) {
        bool is_at = (int)first->button == i;

        if (is_at)
            ui_cursor(c, row, col + 2);
        col += ui_put(c, row, col, c->cols - col, is_at ? UI_BOLD : UI_PLAIN, _(names[i]));
        col += c->is_narrow ? 1 : 3;
    }
    return row + 1;
}

/* What went wrong, and with whom: "The server did not answer in 30 seconds (tasks.example.org)." */
static void trouble_of(const struct first_sync *first, bool is_narrow, struct buf *out)
{
    const struct err *last = &first->shown[PART_BAR].last;
    size_t len = strlen(last->msg);

    if (is_narrow || last->rc != RC_NETWORK || !*first->host || strstr(last->msg, first->host) ||
        len == 0 || last->msg[len - 1] != '.')
        buf_puts(out, last->msg);
    else
        buf_printf(out, "%.*s (%s).", (int)len - 1, last->msg, first->host);
}

static void draw_stopped(const struct first_sync *first, struct ui_canvas *c, int row, int col,
                         int gap)
{
    const struct sync_status *s = &first->shown[PART_BAR];
    struct buf trouble = { 0 };
    char text[160], time[24];

    row =
        put_lines(c, row, col, UI_PLAIN, _("The first sync stopped before it was complete.")) + gap;
    ui_put(c, row, col, 2, UI_ERROR, "!");
    trouble_of(first, c->is_narrow, &trouble);
    row = put_lines(c, row, col + 2, UI_PLAIN, buf_str(&trouble)) + gap;
    buf_done(&trouble);
    if (first->has_details) {
        (void)snprintf(text, sizeof text, _("%s, code %s, status %d."), rc_name(s->last.rc),
                       s->last.code[0] ? s->last.code : "-", s->last.sys);
        row = put_lines(c, row, col + 2, UI_DIM, text) + gap;
    }
    if (s->total > 0) {
        draw_bar(s, c, row, col);
        row += 1 + gap;
    }
    if (s->next_try) {
        clock_hhmmss(s->next_try, time, sizeof time);
        (void)snprintf(text, sizeof text, _("Trying again by itself at %s (try %d)."), time,
                       s->tries + 1);
        row = put_lines(c, row, col, UI_PLAIN, text) + gap;
    }
    row = draw_buttons(first, c, row, col) + gap * 2;
    (void)put_lines(c, row, col, UI_PLAIN,
                    _("Work can start when it is complete. What has arrived is kept."));
}

static void first_sync_draw(void *state, struct ui_canvas *c)
{
    const struct first_sync *first = state;
    bool is_roomy = c->rows >= 16;
    int col = c->is_narrow ? 0 : 10;

    if (is_stopped(first))
        draw_stopped(first, c, is_roomy ? 2 : 0, col, is_roomy);
    else
        draw_running(first, c, is_roomy ? 2 : 0, col, is_roomy);
}

/* ---- keys and time ---- */

static bool is_new(const struct first_sync *first, enum part part, const struct sync_status *now)
{
    const struct sync_status *was = &first->shown[part];

    switch (part) {
    case PART_BAR:
        return percent(now) != percent(was) || (now->total > 0) != (was->total > 0);
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
        enum part part = first->next;

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
    for (enum part part = 0; part < PART_COUNT; part++) {
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
    if (has_failed(&ui->status) || is_stopped(first) || first->shown_ms == 0 ||
        first->shown[PART_BAR].started != ui->status.started) {
        for (enum part part = 0; part < PART_COUNT; part++)
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
        if (!is_stopped(first) || first->button == BUTTON_RETRY)
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
