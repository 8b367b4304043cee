/* The account's file while it is open, what sync says of it, and what that means on the screen. */
#include <libintl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/log.h"
#include "base/mem.h"
#include "db/pull.h"
#include "ui/sign_in_job.h"
#include "ui/ui_priv.h"

#define BUSY_MS 300

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

void ui_session_enter(struct ui *ui)
{
    static const struct ui_opening nothing = { 0 };

    ui_pop_all(ui);
    if (!ui->reader)
        ui_open(ui, UI_SCREEN_LOGIN, &nothing);
    else if (is_usable(ui))
        ui_open(ui, UI_SCREEN_LIST, &nothing);
    else
        ui_open(ui, UI_SCREEN_FIRST_SYNC, &nothing);
    if (ui->status.holder_is_stopped)   /* it was so from the start: no change will tell */
        ui_say_holder(ui);
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

void ui_session_busy(struct ui *ui)
{
    ui->busy_at = 0;
    ui->is_busy_shown = true;
    ui->needs_draw = true;
    if (terminal_look(ui->terminal)->reader)
        ui_announce(ui, ui->said);
}

void ui_session_status(struct ui *ui)
{
    struct sync_status was = ui->status;
    struct ui_layer *top = ui_top(ui);
    bool is_first = ui_is_on_top(ui, UI_SCREEN_FIRST_SYNC);
    unsigned said = ui->said;

    sync_status_read(ui->sync, &ui->status);
    ui_session_counts(ui);
    watch_busy(ui);
    ui->needs_draw = true;
    if (is_first && ui->status.is_usable) {
        ui_session_enter(ui);
        return;
    }
    if (is_first)
        top->screen->refresh(ui, top->state);
    else
        ui_say_status(ui, &was);
    if (terminal_look(ui->terminal)->reader)
        ui_announce(ui, said);
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
    ui_open(ui, UI_SCREEN_LOGIN, &(struct ui_opening){ 0 });
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
