/* What the last row says when sync goes on or stops, and the banner for what was refused. */
#include <inttypes.h>
#include <libintl.h>
#include <stdio.h>
#include <string.h>
#include "base/i18n.h"
#include "ui/statusbar.h"
#include "ui/ui_priv.h"

#define HTTP_TOO_MANY 429

void ui_say_holder(struct ui *ui)
{
    ui_say(ui, _("Process %ld holds the store and is stopped."), (long)ui->status.holder);
}

void ui_announce(struct ui *ui, unsigned said)
{
    struct statusbar bar = {
        .status = &ui->status,
        .is_busy = ui->is_busy_shown,
        .is_disk_full = ui->is_disk_full,
        .pending = ui->counts.waiting - ui->counts.failed,
        .failed = ui->counts.failed,
    };
    struct statusbar_part parts[STATUSBAR_PARTS];
    struct buf line = { 0 }, state = { 0 };
    size_t count = statusbar_parts(&bar, false, parts);

    buf_puts(&line, statusbar_word(&bar));
    buf_puts(&state, statusbar_word(&bar));
    for (size_t i = 0; i < count; i++) {
        buf_printf(&line, "%s%s", i ? ", " : ": ", parts[i].text);
        if (parts[i].is_alert)          /* numbers alone are no news */
            buf_printf(&state, " %s", parts[i].text);
    }
    if (strcmp(buf_str(&state), ui->announced) != 0) {
        (void)snprintf(ui->announced, sizeof ui->announced, "%s", buf_str(&state));
        if (ui->said == said && ui->prompt.kind == UI_PROMPT_NONE)
            ui_say(ui, "%s", buf_str(&line));
    }
    buf_done(&line);
    buf_done(&state);
}

static void say_link(struct ui *ui, const struct sync_status *was)
{
    const struct sync_status *s = &ui->status;
    long waiting = (long)ui->counts.waiting;

    if (was->is_by_choice != s->is_by_choice)
        ui_say(ui, "%s", s->is_by_choice ? _("Working offline. O goes online again.")
                                         : _("Going online."));
    else if (was->net == SYNC_ONLINE && s->net == SYNC_OFFLINE)
        ui_say(ui, "%s", _("Connection lost. You can go on working."));
    else if (was->net == SYNC_OFFLINE && s->net == SYNC_ONLINE && was->tries > 0 && waiting > 0)
        ui_say(ui, ngettext("Connected again. Sending %ld change.",
                            "Connected again. Sending %ld changes.", (unsigned long)waiting),
               waiting);
    else if (was->net == SYNC_OFFLINE && s->net == SYNC_ONLINE && was->tries > 0)
        ui_say(ui, "%s", _("Connected again."));
}

static void say_round(struct ui *ui)
{
    const struct registry *registry = ui->options->registry;
    long pulled = (long)ui->status.pulled;
    char what[64];

    if (ui->sent_in_round > 0 && ui->counts.waiting == 0) {
        ui_say(ui, "%s", _("All changes sent."));
    } else if (pulled > 0 && registry_count(registry) == 1) {
        if (pulled == 1)
            (void)snprintf(what, sizeof what, "%s", registry_at(registry, 0)->label_one);
        else
            ui_plural(registry_at(registry, 0), what, sizeof what);
        if (ui->is_sync_asked)
            ui_say(ui, _("%ld %s updated from the server."), pulled, what);
        else
            ui_say(ui, _("Updated by the office: %ld %s."), pulled, what);
    } else if (pulled > 0 && ui->is_sync_asked) {
        ui_say(ui, ngettext("%ld record updated from the server.",
                            "%ld records updated from the server.", (unsigned long)pulled),
               pulled);
    } else if (pulled > 0) {
        ui_say(ui, ngettext("Updated by the office: %ld record.",
                            "Updated by the office: %ld records.", (unsigned long)pulled),
               pulled);
    } else if (ui->is_sync_asked) {
        ui_say(ui, "%s", _("Nothing new."));
    }
}

/* A server that answers, but cannot serve now (429, 5xx), is asked again at a time worth knowing. */
static void say_trouble(struct ui *ui)
{
    const struct sync_status *s = &ui->status;
    char time[24];

    if (s->last.sys < HTTP_TOO_MANY || s->next_try == 0) {
        ui_say_err(ui, &s->last);
        return;
    }
    clock_hhmm(s->next_try, time, sizeof time);
    ui_say(ui, _("%s Trying again at %s."), s->last.msg, time);
}

void ui_say_status(struct ui *ui, const struct sync_status *was)
{
    const struct sync_status *s = &ui->status;
    bool is_round = s->rounds > was->rounds;
    bool is_failure = s->last.rc && s->tries > was->tries;

    say_link(ui, was);
    /* An editor has its own to say of the record that is in it. */
    if (is_round && ui_top(ui) && !ui_is_on_top(ui, UI_SCREEN_FORM))
        say_round(ui);
    if (s->needs_sign_in && !was->needs_sign_in)
        ui_say(
            ui,
            ngettext("Sign in to send %ld pending change. You can go on working; nothing is lost.",
                     "Sign in to send %ld pending changes. You can go on working; nothing is lost.",
                     (unsigned long)ui->counts.waiting),
            (long)ui->counts.waiting);
    else if (s->holder_is_stopped && !was->holder_is_stopped)
        ui_say_holder(ui);
    else if (s->phase == SYNC_BLOCKED && was->phase != SYNC_BLOCKED && s->last.rc)
        ui_say_err(ui, &s->last);
    else if (s->last.rc == RC_FOREIGN && was->last.rc != RC_FOREIGN) /* another process syncs now */
        ui_say_err(ui, &s->last);
    else if (is_failure && (ui->is_sync_asked || (s->net == SYNC_ONLINE && was->last.rc == RC_OK)))
        say_trouble(ui);
    if (is_round)
        ui->sent_in_round = 0;
    if (is_round || is_failure)
        ui->is_sync_asked = false;
}

bool ui_has_banner(const struct ui *ui)
{
    return ui->counts.failed > ui->banner_hidden_at;
}

void ui_banner(const struct ui *ui, struct buf *out)
{
    unsigned long failed = (unsigned long)ui->counts.failed;

    buf_puts(out, "! ");
    buf_printf(
        out, ngettext("%lu change was refused 3 times", "%lu changes were refused 3 times", failed),
        failed);
    if (ui->sent_with_failed > 0)
        buf_printf(out, _("; %ld were sent"), (long)ui->sent_with_failed);
    buf_puts(out, _(".  F5 Retry  F9 Inspect  Esc Hide"));
}
