/* The account's file while it is open, what sync says of it, and what that means on the screen. */
#include <ctype.h>
#include <inttypes.h>
#include <libintl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/pull.h"
#include "ui/sign_in_job.h"
#include "ui/statusbar.h"
#include "ui/ui_priv.h"

#define BUSY_MS 300
#define HTTP_TOO_MANY 429

int64_t ui_now(const struct ui *ui)
{
    return clock_mono(ui->clock);
}

int64_t ui_wall(const struct ui *ui)
{
    return clock_wall(ui->clock);
}

void ui_lower(const char *label, char *out, size_t size)
{
    (void)snprintf(out, size, "%s", label);
    out[0] = (char)tolower((unsigned char)out[0]);
}

void ui_plural(const struct table *table, char *out, size_t size)
{
    ui_lower(table->label, out, size);
}

/* ---- open and close ---- */

static enum rc open_files(struct ui *ui, const char *path, struct err *err)
{
    struct db_options options = {
        .path = path,
        .role = DB_WRITER,
        .registry = ui->options->registry,
        .clock = ui->clock,
    };
    enum rc rc = db_open(&options, &ui->writer, err);

    if (rc)
        return rc;
    db_wait_while(ui->writer, ui_waits_on, ui);
    options.role = DB_READER;
    rc = db_open(&options, &ui->reader, err);
    if (rc)
        return rc;
    return db_bell_open(path, &ui->bell, err);
}

static void read_account(struct ui *ui)
{
    struct db_account account = { 0 };
    struct err err = { 0 };

    if (db_account_read(ui->reader, &account, &err) == RC_OK && account.email)
        (void)snprintf(ui->title_right, sizeof ui->title_right, "%.*s@%s",
                       (int)strcspn(account.email, "@"), account.email, ui->device);
    db_account_done(&account);
}

static bool is_busy(const struct sync_status *s)
{
    if (s->phase == SYNC_INITIAL)
        return s->last.rc == RC_OK || s->next_try == 0;
    return s->phase == SYNC_PUSHING || s->phase == SYNC_PULLING;
}

static void watch_busy(struct ui *ui)
{
    if (!is_busy(&ui->status)) {
        ui->is_busy_shown = false;
        ui->busy_at = 0;
    } else if (ui->status.phase == SYNC_INITIAL) {
        ui->is_busy_shown = true;       /* never so short that it would only flash */
        ui->busy_at = 0;
    } else if (!ui->is_busy_shown && ui->busy_at == 0) {
        ui->busy_at = ui_now(ui) + BUSY_MS;
    }
}

enum rc ui_session_open(struct ui *ui, const char *db_path, struct err *err)
{
    struct sync_options sync = {
        .db_path = db_path,
        .registry = ui->options->registry,
        .clock = ui->clock,
        .server = ui->options->server_override,
        .ca_file = ui->options->ca_file,
        .insecure = ui->options->insecure,
        .poll_ms = ui->options->poll_ms,
    };
    struct err trouble = { 0 };
    enum rc rc = open_files(ui, db_path, err);

    if (rc) {
        ui_session_close(ui);
        return rc;
    }
    ui->db_path = mem_strdup(db_path);
    read_account(ui);
    ui_session_counts(ui);
    /* Without a worker the program is still good for all that is on the device. */
    if (sync_start(&sync, &ui->sync, &trouble)) {
        log_error("ui", "sync did not start: %s", rc_name(trouble.rc));
        ui_say_err(ui, &trouble);
    } else {
        sync_status_read(ui->sync, &ui->status);
        watch_busy(ui);
    }
    return RC_OK;
}

void ui_session_close(struct ui *ui)
{
    sync_stop(ui->sync);
    ui->sync = NULL;
    db_bell_close(ui->bell);
    ui->bell = NULL;
    db_close(ui->reader);
    db_close(ui->writer);
    ui->reader = ui->writer = NULL;
    free(ui->db_path);
    ui->db_path = NULL;
    ui_history_done(ui);
    ui->title_right[0] = '\0';
    ui->status = (struct sync_status){ 0 };
    ui->counts = (struct db_queue_counts){ 0 };
    ui->is_busy_shown = ui->is_damaged = false;
    ui->busy_at = ui->banner_hidden_at = 0;
}

static bool is_usable(struct ui *ui)
{
    struct err err = { 0 };
    bool all = false, any = false;

    if (ui->sync)
        return ui->status.is_usable;
    return db_pull_is_complete(ui->reader, &all, &any, &err) == RC_OK && any;
}

bool ui_table_is_complete(struct ui *ui, const struct table *table)
{
    struct err err = { 0 };
    bool is_complete = false;

    return db_pull_is_table_complete(ui->reader, table, &is_complete, &err) == RC_OK && is_complete;
}

static void say_holder(struct ui *ui)
{
    ui_say(ui, _("Process %ld holds the store and is stopped."), (long)ui->status.holder);
}

void ui_session_enter(struct ui *ui)
{
    ui_pop_all(ui);
    if (!ui->reader)
        ui_login_open(ui, false);
    else if (is_usable(ui))
        ui_list_open(ui);
    else
        ui_first_sync_open(ui);
    if (ui->status.holder_is_stopped)   /* it was so from the start: no change will tell */
        say_holder(ui);
}

/* ---- what changes ---- */

void ui_session_counts(struct ui *ui)
{
    struct db_queue_counts counts;
    struct err err = { 0 };

    if (db_queue_counts(ui->reader, &counts, &err))
        return;
    if (counts.waiting < ui->counts.waiting)
        ui->sent_in_round += ui->counts.waiting - counts.waiting;
    if (counts.failed > ui->counts.failed)
        ui->sent_with_failed = ui->sent_in_round;
    if (counts.failed < ui->banner_hidden_at)
        ui->banner_hidden_at = counts.failed;
    ui->counts = counts;
}

void ui_session_notice(struct ui *ui)
{
    struct ui_layer *top = ui_top(ui);

    db_bell_read(ui->bell);
    if (!db_has_changed(ui->reader))
        return;
    ui_session_counts(ui);
    if (top && top->screen->refresh)
        top->screen->refresh(ui, top->state);
    ui->needs_draw = true;
}

/* For ears and fingers: a change in the status row is also one line in the last row, unless what
 * just happened has said more there (said: ui->said before it). */
static void announce(struct ui *ui, unsigned said)
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

void ui_session_busy(struct ui *ui)
{
    ui->busy_at = 0;
    ui->is_busy_shown = true;
    ui->needs_draw = true;
    if (terminal_look(ui->terminal)->reader)
        announce(ui, ui->said);
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

static void say_status(struct ui *ui, const struct sync_status *was)
{
    const struct sync_status *s = &ui->status;
    bool is_round = s->rounds > was->rounds;
    bool is_failure = s->last.rc && s->tries > was->tries;

    say_link(ui, was);
    /* An editor has its own to say of the record that is in it. */
    if (is_round && ui_top(ui) && ui_top(ui)->screen != &ui_form_screen)
        say_round(ui);
    if (s->needs_sign_in && !was->needs_sign_in)
        ui_say(
            ui,
            ngettext("Sign in to send %ld pending change. You can go on working; nothing is lost.",
                     "Sign in to send %ld pending changes. You can go on working; nothing is lost.",
                     (unsigned long)ui->counts.waiting),
            (long)ui->counts.waiting);
    else if (s->holder_is_stopped && !was->holder_is_stopped)
        say_holder(ui);
    else if (s->phase == SYNC_BLOCKED && was->phase != SYNC_BLOCKED && s->last.rc)
        ui_say_err(ui, &s->last);
    else if (is_failure && (ui->is_sync_asked || (s->net == SYNC_ONLINE && was->last.rc == RC_OK)))
        say_trouble(ui);
    if (is_round)
        ui->sent_in_round = 0;
    if (is_round || is_failure)
        ui->is_sync_asked = false;
}

void ui_session_status(struct ui *ui)
{
    struct sync_status was = ui->status;
    struct ui_layer *top = ui_top(ui);
    unsigned said = ui->said;

    sync_status_read(ui->sync, &ui->status);
    ui_session_counts(ui);
    watch_busy(ui);
    ui->needs_draw = true;
    if (top && top->screen == &ui_first_sync_screen && ui->status.is_usable) {
        ui_session_enter(ui);
        return;
    }
    if (top && top->screen == &ui_first_sync_screen)
        top->screen->refresh(ui, top->state);
    else
        say_status(ui, &was);
    if (terminal_look(ui->terminal)->reader)
        announce(ui, said);
}

/* ---- banner ---- */

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

/* ---- saving ---- */

void ui_saved(struct ui *ui)
{
    ui->is_disk_full = false;
    if (ui->sync)
        sync_ask(ui->sync, SYNC_LOCAL_CHANGE);
    ui_session_counts(ui);
    if (ui->status.net == SYNC_ONLINE && !ui->status.needs_sign_in)
        ui_say(ui, "%s", _("Saved."));
    else
        ui_say(ui, "%s", _("Saved on this device. It will be sent when the connection is back."));
}

void ui_save_failed(struct ui *ui, const struct err *err)
{
    log_warn("ui", "a save failed: %s", rc_name(err->rc));
    if (err->rc == RC_FULL) {
        ui->is_disk_full = true;
        ui_say(
            ui, "%s",
            _("Cannot save: the disk is full. Your text is still here; free space and press F3."));
    } else if (err->rc == RC_CORRUPT) {
        ui->is_damaged = true;
        (void)ui_may_save(ui);
    } else {
        ui_say_err(ui, err);
    }
}

bool ui_may_save(struct ui *ui)
{
    if (ui->is_damaged)
        ui_say(ui, "%s", _("The task store is damaged. Reading only. See: outpost doctor."));
    return !ui->is_damaged;
}

/* ---- signing out ---- */

static void sign_out_now(struct ui *ui, void *state, char key)
{
    struct db_account account = { 0 };
    struct err err = { 0 };
    char *path;

    (void)state;
    if (key != 'y')
        return;
    if (db_account_read(ui->reader, &account, &err))
        ui_say_err(ui, &err);
    path = mem_strdup(ui->db_path);
    ui_pop_all(ui);
    ui_session_close(ui);
    if (ui->options->signed_out(ui->options->ctx, path, &err))
        ui_say_err(ui, &err);
    if (account.token) {
        sign_out_job_free(ui->leaving);
        ui->leaving = sign_out_job_start(account.server, account.token, ui->options->ca_file,
                                         ui->options->insecure);
    }
    db_account_done(&account);
    free(path);
    ui_login_open(ui, false);
}

void ui_sign_out(struct ui *ui)
{
    unsigned long waiting = (unsigned long)ui->counts.waiting;
    char who[64];

    if (!ui->reader)
        return;
    (void)snprintf(who, sizeof who, "%.*s", (int)strcspn(ui->title_right, "@"), ui->title_right);
    if (waiting > 0)
        ui_ask_keys(ui, "yn", NULL, sign_out_now,
                    ngettext("%lu change is not sent. Signing out keeps it for %s. y/n",
                             "%lu changes are not sent. Signing out keeps them for %s. y/n",
                             waiting),
                    waiting, who);
    else
        ui_ask_keys(ui, "yn", NULL, sign_out_now, "%s", _("Sign out? y/n"));
}
