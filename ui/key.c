/* The way of a key: prompt, field, screen, everywhere. */
#include "base/i18n.h"
#include "ui/ui_priv.h"

/* The Esc was the first half of a function key: takes back what it did, the question that it
 * raised, the screen that it closed, what it cleared. */
static void unescape(struct ui *ui)
{
    struct ui_layer *top = ui_top(ui);

    ui->needs_draw = true;
    if (ui->prompt.kind == UI_PROMPT_KEYS)
        ui_prompt_close(ui);
    if (!ui_unpop(ui) && ui->can_unescape)
        top->screen->unescape(ui, top->state);
}

/* What works everywhere. */
static bool act_anywhere(struct ui *ui, enum ui_action action)
{
    struct ui_layer *top = ui_top(ui);

    switch (action) {
    case UI_DO_HELP:
        ui_open(ui, UI_SCREEN_HELP, &(struct ui_opening){ .context = top->screen->context });
        return true;
    case UI_DO_QUIT:
        ui->is_quitting = true;
        return true;
    case UI_DO_REDRAW:
        terminal_redraw(ui->terminal);
        return true;
    case UI_DO_SYNC:
        if (!ui->sync)
            return false;
        if (ui->status.needs_sign_in) {
            ui_open(ui, UI_SCREEN_LOGIN, &(struct ui_opening){ .is_renewal = true });
            return true;
        }
        ui->is_sync_asked = true;
        sync_ask(ui->sync, SYNC_RETRY);
        ui_say(ui, "%s",
               ui->status.is_by_choice ? _("Working offline, as you chose. O goes online.")
                                       : _("Syncing."));
        return true;
    case UI_DO_WORK_OFFLINE:
        if (!ui->sync)
            return false;
        sync_ask(ui->sync, ui->status.is_by_choice ? SYNC_WORK_ONLINE : SYNC_WORK_OFFLINE);
        return true;
    case UI_DO_SIGN_OUT:
        ui_sign_out(ui);
        return true;
    case UI_DO_QUEUE:
        ui_open(ui, UI_SCREEN_QUEUE, &(struct ui_opening){ 0 });
        return true;
    default:
        return false;
    }
}

static bool is_typed(const struct ui_key *key)
{
    return key->code == UI_KEY_PASTE || key->code == UI_KEY_SCAN ||
           (key->code >= ' ' && key->code < UI_KEY_BASE);
}

static bool try_action(struct ui *ui, enum ui_context context, const struct ui_key *key)
{
    struct ui_layer *top = ui_top(ui);
    enum ui_action action = keymap_find(ui->keymap, context, key->code);

    if (action == UI_DO_NOTHING)
        return false;
    return top->screen->act(ui, top->state, action) || act_anywhere(ui, action);
}

void ui_key(struct ui *ui, const struct ui_key *key, bool after_esc)
{
    struct ui_layer *top = ui_top(ui);
    bool in_text;

    if (!top || ui_is_too_small(ui))
        return;
    if (after_esc)
        unescape(ui);
    if (key->code == UI_KEY_BASE)
        return;
    ui->needs_draw = true;
    ui_forget_closed(ui);
    ui->can_unescape = false;
    top = ui_top(ui);
    ui->message[0] = '\0';
    ui->key_code = key->code;
    if (ui->prompt.kind != UI_PROMPT_NONE && ui_prompt_key(ui, key))
        return;
    in_text = top->screen->is_text && top->screen->is_text(top->state);
    if ((in_text || key->code == UI_KEY_PASTE || key->code == UI_KEY_SCAN) && is_typed(key)) {
        if (top->screen->type && top->screen->type(ui, top->state, key))
            return;
    }
    if (in_text && try_action(ui, UI_IN_TEXT, key))
        return;
    if (try_action(ui, top->screen->context, key))
        return;
    if (!in_text)
        (void)try_action(ui, UI_IN_ALL, key);
}
