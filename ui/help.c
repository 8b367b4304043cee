/* Help: made from the key table, so that it says what the keys do now, changed ones too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "ui/ui_priv.h"

#define LABEL_COLS 18
#define KEYS_COLS 18
#define HALF_COLS 40            /* where the second half of a row starts */
#define LINES_MAX 128

struct help {
    char *lines[LINES_MAX];
    size_t count;
    int rows;                   /* of a page, as drawn last */
    size_t top;
};

static void help_close(void *state)
{
    struct help *help = state;

    for (size_t i = 0; i < help->count; i++)
        free(help->lines[i]);
    free(help);
}

static size_t pages(const struct help *help)
{
    size_t rows = help->rows > 0 ? (size_t)help->rows : 1;

    return (help->count + rows - 1) / rows;
}

static size_t page(const struct help *help)
{
    return help->top / (help->rows > 0 ? (size_t)help->rows : 1);
}

static void help_title(const void *state, bool is_narrow, struct buf *out)
{
    (void)is_narrow;
    (void)state;
    buf_puts(out, _("Help"));
}

static void help_corner(const void *state, struct buf *out)
{
    const struct help *help = state;

    buf_printf(out, "%zu/%zu", page(help) + 1, pages(help));
}

static void add(struct help *help, const char *text)
{
    if (help->count < LINES_MAX)
        help->lines[help->count++] = mem_strdup(text);
}

static void add_row(struct help *help, struct buf *row)
{
    if (row->len > 0)
        add(help, buf_str(row));
    buf_clear(row);
}

/* Two to a row where both fit. */
static void add_keys(struct help *help, const struct keymap *map, enum ui_context context,
                     bool is_wide)
{
    struct keymap_line line;
    struct buf row = { 0 };
    size_t at = 0;

    while (keymap_help(map, context, &at, &line)) {
        int label = ui_width(line.label);
        bool is_short = is_wide && label < LABEL_COLS && ui_width(line.keys) <= KEYS_COLS;

        if (row.len > 0 && is_short)
            buf_printf(&row, "%*s", HALF_COLS - ui_width(buf_str(&row)), "");
        else
            add_row(help, &row);
        buf_printf(&row, "%s%*s%s", line.label, label < LABEL_COLS ? LABEL_COLS - label : 1, "",
                   line.keys);
        if (!is_short || ui_width(buf_str(&row)) > HALF_COLS)
            add_row(help, &row);
    }
    add_row(help, &row);
    buf_done(&row);
}

static void help_load(struct ui *ui, void *state)
{
    struct help *help = state;
    size_t was = page(help);

    help->rows = ui->content.rows > 0 ? ui->content.rows : 1;
    help->top = was * (size_t)help->rows;
    if (help->top >= help->count)
        help->top = 0;
}

static void help_draw(void *state, struct ui_canvas *c)
{
    const struct help *help = state;
    int col = c->is_narrow ? 0 : 2;

    for (int i = 0; i < c->rows && help->top + (size_t)i < help->count; i++)
        ui_put(c, i, col, c->cols - col, UI_PLAIN, help->lines[help->top + (size_t)i]);
}

static bool help_act(struct ui *ui, void *state, enum ui_action action)
{
    struct help *help = state;
    size_t rows = (size_t)help->rows;

    switch (action) {
    case UI_DO_NEXT:
        if (help->top + rows < help->count)
            help->top += rows;
        else
            ui_pop(ui);
        return true;
    case UI_DO_PREVIOUS:
        help->top -= help->top < rows ? help->top : rows;
        return true;
    case UI_DO_CANCEL:
        ui_pop(ui);
        return true;
    default:
        return false;
    }
}

const struct ui_screen ui_help_screen = {
    .name = "help",
    .context = UI_IN_HELP,
    .close = help_close,
    .title = help_title,
    .load = help_load,
    .draw = help_draw,
    .act = help_act,
    .corner = help_corner,
};

void ui_help_open(struct ui *ui, enum ui_context context)
{
    static const char *const words[] = {
        "",
        N_("Function keys do not work?  Press Esc, then the digit (0 is F10)."),
        "",
        N_("Marks   + new   ~ changed: on this device, not sent yet"),
        N_("        ^ being sent   ! refused, see F9   * marked by you"),
        N_("        - removed by the office since it was drawn"),
        "",
        N_("ONLINE   server reached        SYNCING  sending or getting"),
        N_("OFFLINE  work goes on; changes wait on this device"),
        "",
        N_("Dates   2026-11-28  28.11.  11-28  today  tom  fri  +3  +2w"),
    };
    bool is_wide = ui->frame.cols >= 2 * HALF_COLS;
    struct help *help;

    if (ui_has_screen(ui, &ui_help_screen))
        return;
    help = mem_zero(1, sizeof *help);
    add_keys(help, ui->keymap, context, is_wide);
    if (context == UI_IN_LIST)
        add_keys(help, ui->keymap, UI_IN_ALL, is_wide);
    if (context == UI_IN_FORM || context == UI_IN_LOGIN)
        add_keys(help, ui->keymap, UI_IN_TEXT, is_wide);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        add(help, *words[i] ? _(words[i]) : "");
    ui_push(ui, &ui_help_screen, help);
}
