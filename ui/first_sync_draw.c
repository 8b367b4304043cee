/* The first sync's page: what goes on, or why it stopped, and what can be done. */
#include "ui/first_sync_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/i18n.h"

#define BAR_COLS 46

static void draw_bar(const struct sync_status *s, struct ui_canvas *c, int row, int col)
{
    int width = c->cols - col - 16 < BAR_COLS ? c->cols - col - 16 : BAR_COLS;
    int full = width * first_sync_percent(s) / 100;
    char text[32];

    (void)snprintf(text, sizeof text, "%3d %%", first_sync_percent(s));
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
    if (first_sync_has_failed(s))
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

/* Rows that put_lines draws. */
static int rows_of(const struct ui_canvas *c, int col, const char *text)
{
    size_t len = strlen(text), at = 0, end;
    int rows = 0;

    for (; at <= len; rows++)
        at = ui_wrap(text, len, at, c->cols - col - 2, &end);
    return rows;
}

/* The bar, and the three figures under it. */
#define RUNNING_ROWS 4

static void draw_running(const struct first_sync *first, struct ui_canvas *c, int row, int col,
                         int gap)
{
    const struct sync_status *s = &first->shown[PART_FIGURES];
    const struct table *table = first_sync_table(first, PART_FIGURES);
    const char *once = _("This is done once on each device.");
    const char *later =
        _("If the connection drops, it goes on from here later;\nnothing is fetched twice.");
    int needed = rows_of(c, col, once) + RUNNING_ROWS + rows_of(c, col, later) + 3 * gap;
    char text[128], name[64], time[24];

    ui_plural(table, name, sizeof name);
    (void)snprintf(text, sizeof text, _("Getting your %s for the first time."), name);
    row = put_lines(c, row, col, UI_PLAIN, text);
    if (row + needed <= c->rows)
        row = put_lines(c, row, col, UI_PLAIN, once);
    row += gap;
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
    (void)put_lines(c, row, col, UI_PLAIN, later);
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

/* What stands on the screen when it has stopped, from above. */
enum line {
    LINE_HEADING, LINE_TROUBLE, LINE_DETAILS, LINE_BAR, LINE_NEXT_TRY, LINE_BUTTONS, LINE_END,
    LINE_COUNT
};

static int indent_of(enum line line)
{
    return line == LINE_TROUBLE || line == LINE_DETAILS ? 2 : 0;
}

/* The bar and the buttons are no text: something stands for them. */
static void write_lines(const struct first_sync *first, bool is_narrow, struct buf *lines)
{
    const struct sync_status *s = &first->shown[PART_BAR];
    char time[24];

    buf_puts(&lines[LINE_HEADING], _("The first sync stopped before it was complete."));
    trouble_of(first, is_narrow, &lines[LINE_TROUBLE]);
    if (first->has_details)
        buf_printf(&lines[LINE_DETAILS], _("%s, code %s, status %d."), rc_name(s->last.rc),
                   s->last.code[0] ? s->last.code : "-", s->last.sys);
    if (s->total > 0)
        buf_puts(&lines[LINE_BAR], "#");
    if (s->next_try) {
        clock_hhmmss(s->next_try, time, sizeof time);
        buf_printf(&lines[LINE_NEXT_TRY], _("Trying again by itself at %s (try %d)."), time,
                   s->tries + 1);
    }
    buf_puts(&lines[LINE_BUTTONS], "[");
}

static int height_of(const struct ui_canvas *c, int col, const struct buf *lines)
{
    int height = 0;

    for (enum line line = 0; line < LINE_COUNT; line++) {
        if (lines[line].len > 0)
            height += rows_of(c, col + indent_of(line), buf_str(&lines[line]));
    }
    return height;
}

/* In a small window the last words go first, then what the title or the status row says too. */
static void leave_out(const struct ui_canvas *c, int col, struct buf *lines)
{
    static const enum line least[] = { LINE_HEADING, LINE_BAR, LINE_NEXT_TRY };
    const char *when = _("Work can start when it is complete.");

    buf_printf(&lines[LINE_END], "%s %s", when, _("What has arrived is kept."));
    if (height_of(c, col, lines) > c->rows) {
        buf_clear(&lines[LINE_END]);
        buf_puts(&lines[LINE_END], when);
    }
    for (size_t i = 0; i < sizeof least / sizeof least[0]; i++) {
        if (height_of(c, col, lines) > c->rows)
            buf_done(&lines[least[i]]);
    }
}

static void draw_stopped(const struct first_sync *first, struct ui_canvas *c, int row, int col,
                         int gap)
{
    struct buf lines[LINE_COUNT] = { { 0 } };

    write_lines(first, c->is_narrow, lines);
    leave_out(c, col, lines);
    if (row + height_of(c, col, lines) + LINE_COUNT * gap > c->rows)
        row = gap = 0;
    for (enum line line = 0; line < LINE_COUNT; line++) {
        if (lines[line].len == 0)
            continue;
        if (line == LINE_TROUBLE)
            ui_put(c, row, col, 2, UI_ERROR, "!");
        if (line == LINE_BAR)
            draw_bar(&first->shown[PART_BAR], c, row++, col);
        else if (line == LINE_BUTTONS)
            row = draw_buttons(first, c, row, col) + gap;
        else
            row = put_lines(c, row, col + indent_of(line),
                            line == LINE_DETAILS ? UI_DIM : UI_PLAIN, buf_str(&lines[line]));
        row += gap;
        buf_done(&lines[line]);
    }
}

void first_sync_draw(void *state, struct ui_canvas *c)
{
    const struct first_sync *first = state;
    bool is_roomy = c->rows >= 16;
    int col = c->is_narrow ? 0 : 10;

    if (first_sync_is_stopped(first))
        draw_stopped(first, c, is_roomy ? 2 : 0, col, is_roomy);
    else
        draw_running(first, c, is_roomy ? 2 : 0, col, is_roomy);
}
