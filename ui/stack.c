/* The stack of screens, and how they open and tell each other. */
#include "ui/ui_priv.h"

struct ui_layer *ui_top(struct ui *ui)
{
    return ui->depth ? &ui->stack[ui->depth - 1] : NULL;
}

bool ui_has_screen(const struct ui *ui, enum ui_screen_id id)
{
    for (size_t i = 0; i < ui->depth; i++) {
        if (ui->stack[i].screen == ui->screens[id])
            return true;
    }
    return false;
}

bool ui_is_on_top(const struct ui *ui, enum ui_screen_id id)
{
    return ui->depth > 0 && ui->stack[ui->depth - 1].screen == ui->screens[id];
}

static void load_top(struct ui *ui)
{
    struct ui_layer *top = ui_top(ui);

    ui->needs_draw = true;
    if (top && top->screen->load)
        top->screen->load(ui, top->state);
}

void ui_push(struct ui *ui, const struct ui_screen *screen, void *state)
{
    if (ui->depth == UI_STACK_MAX) {
        screen->close(state);
        return;
    }
    ui_prompt_close(ui);
    ui->stack[ui->depth++] = (struct ui_layer){ screen, state };
    load_top(ui);
}

static void drop_top(struct ui *ui)
{
    struct ui_layer *top = ui_top(ui);

    ui_prompt_close(ui);
    ui->depth--;
    top->screen->close(top->state);
}

void ui_pop(struct ui *ui)
{
    drop_top(ui);
    load_top(ui);
}

void ui_forget_closed(struct ui *ui)
{
    struct ui_layer was = ui->closed;

    ui->closed = (struct ui_layer){ 0 };
    if (was.screen)
        was.screen->close(was.state);
}

void ui_pop_for_now(struct ui *ui)
{
    ui_forget_closed(ui);
    ui_prompt_close(ui);
    ui->closed = ui->stack[--ui->depth];
    load_top(ui);
}

void ui_pop_all(struct ui *ui)
{
    ui_forget_closed(ui);
    while (ui->depth)
        drop_top(ui);
    ui->needs_draw = true;
}

bool ui_unpop(struct ui *ui)
{
    if (!ui->closed.screen || ui->depth == UI_STACK_MAX)
        return false;
    ui->stack[ui->depth++] = ui->closed;
    ui->closed = (struct ui_layer){ 0 };
    load_top(ui);
    return true;
}

/* ---- from screen to screen ---- */

void ui_open(struct ui *ui, enum ui_screen_id id, const struct ui_opening *what)
{
    ui->screens[id]->open(ui, what);
}

void ui_tell_saved(struct ui *ui, const struct ui_saving *what)
{
    for (size_t i = 0; i < ui->depth; i++) {
        if (ui->stack[i].screen->saved)
            ui->stack[i].screen->saved(ui, ui->stack[i].state, what);
    }
}

const struct table *ui_table(const struct ui *ui)
{
    for (size_t i = 0; i < ui->depth; i++) {
        if (ui->stack[i].screen->table)
            return ui->stack[i].screen->table(ui->stack[i].state);
    }
    return NULL;
}
