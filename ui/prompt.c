/* The last row: what happened, and questions. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "ui/ui_priv.h"

void ui_say(struct ui *ui, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(ui->message, sizeof ui->message, fmt, args);
    va_end(args);
    ui->said++;
    ui->needs_draw = true;
}

void ui_say_err(struct ui *ui, const struct err *err)
{
    ui_say(ui, "%s", err->msg[0] ? err->msg : rc_name(err->rc));
}

void ui_prompt_close(struct ui *ui)
{
    line_edit_done(&ui->prompt.edit);
    ui->prompt = (struct ui_prompt){ 0 };
    ui->needs_draw = true;
}

void ui_ask_keys(struct ui *ui, const char *keys, void *state,
                 void (*answered)(struct ui *ui, void *state, char key), const char *fmt, ...)
{
    struct ui_prompt *prompt = &ui->prompt;
    va_list args;

    ui_prompt_close(ui);
    prompt->kind = UI_PROMPT_KEYS;
    va_start(args, fmt);
    (void)vsnprintf(prompt->question, sizeof prompt->question, fmt, args);
    va_end(args);
    (void)snprintf(prompt->keys, sizeof prompt->keys, "%s", keys);
    prompt->answered = answered;
    prompt->state = state;
}

void ui_ask_text(struct ui *ui, const char *label, enum ui_history_kind history, void *state,
                 void (*typed)(struct ui *ui, void *state, const char *text))
{
    struct ui_prompt *prompt = &ui->prompt;

    ui_prompt_close(ui);
    prompt->kind = UI_PROMPT_TEXT;
    (void)snprintf(prompt->question, sizeof prompt->question, "%s", label);
    prompt->history = history;
    prompt->typed = typed;
    prompt->state = state;
}

void ui_ask_softly(struct ui *ui)
{
    ui->prompt.is_soft = true;
}

static bool keys_key(struct ui *ui, enum ui_action action, const struct ui_key *key)
{
    struct ui_prompt was = ui->prompt;
    char answer = 0;

    if (action != UI_DO_CANCEL) {
        if (key->len != 1 || !strchr(was.keys, key->text[0])) {
            if (was.is_soft)
                ui_prompt_close(ui);
            return !was.is_soft;        /* Enter alone answers nothing */
        }
        answer = key->text[0];
    }
    ui_prompt_close(ui);
    was.answered(ui, was.state, answer);
    return true;
}

/* ---- what was answered before ---- */

static void history_add(struct ui_history *history, const char *text)
{
    if (!*text || (history->count && strcmp(history->items[history->count - 1], text) == 0))
        return;
    if (history->count == UI_HISTORY_MAX) {
        free(history->items[0]);
        memmove(history->items, history->items + 1, --history->count * sizeof *history->items);
    }
    history->items[history->count++] = mem_strdup(text);
}

static void history_show(struct ui_prompt *prompt, const struct ui_history *history, int step)
{
    size_t back = prompt->back + (size_t)step;
    const char *text;

    if ((step < 0 && prompt->back == 0) || back > history->count)
        return;
    prompt->back = back;
    text = back ? history->items[history->count - back] : "";
    line_edit_set(&prompt->edit, text, strlen(text));
}

void ui_history_done(struct ui *ui)
{
    for (size_t kind = 0; kind < UI_HISTORY_COUNT; kind++) {
        for (size_t i = 0; i < ui->history[kind].count; i++)
            free(ui->history[kind].items[i]);
        ui->history[kind].count = 0;
    }
}

static void text_key(struct ui *ui, enum ui_action action, const struct ui_key *key)
{
    struct ui_prompt *prompt = &ui->prompt;
    void (*typed)(struct ui *, void *, const char *) = prompt->typed;
    void *state = prompt->state;
    char *text;

    if (action == UI_DO_ACCEPT || key->code == UI_KEY_SCAN) {
        if (key->code == UI_KEY_SCAN)
            line_edit_insert(&prompt->edit, key->text, key->len);
        text = mem_strdup(buf_str(&prompt->edit.text));
        history_add(&ui->history[prompt->history], text);
        ui_prompt_close(ui);
        typed(ui, state, text);
        free(text);
    } else if (action == UI_DO_CANCEL) {
        ui_prompt_close(ui);
    } else if (action == UI_DO_UP || action == UI_DO_DOWN) {
        history_show(prompt, &ui->history[prompt->history], action == UI_DO_UP ? 1 : -1);
    } else if (key->code == UI_KEY_PASTE || (key->code >= ' ' && key->code < UI_KEY_BASE)) {
        line_edit_insert(&prompt->edit, key->text, key->len);
    } else {
        (void)line_edit_act(&prompt->edit, keymap_find(ui->keymap, UI_IN_TEXT, key->code));
    }
}

bool ui_prompt_key(struct ui *ui, const struct ui_key *key)
{
    enum ui_action action = keymap_find(ui->keymap, UI_IN_PROMPT, key->code);

    ui->needs_draw = true;
    if (ui->prompt.kind == UI_PROMPT_KEYS)
        return keys_key(ui, action, key);
    text_key(ui, action, key);
    return true;
}
