/* Signing in: for the first time on this device, or again in place when the session is over. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "ui/sign_in_job.h"
#include "ui/ui_priv.h"

#define AGAIN_MS 15000          /* between tries while the backend is not reached */
#define FIELD_COLS 42

enum login_place { AT_SERVER, AT_USER, AT_PASSWORD, AT_BUTTON, PLACE_COUNT };
#define FIELD_COUNT AT_BUTTON

struct login {
    struct line_edit fields[FIELD_COUNT];
    enum login_place place;
    bool is_renewal;            /* for this account only: server and user are given */
    bool is_waiting;            /* the helper thread is at it */
    int64_t again_ms;           /* monotonic: try again by itself; 0 */
    char trouble[320];
    char *user_id;              /* renewal: whose session is over */
};

static const char *const labels[FIELD_COUNT] = { N_("Server"), N_("User"), N_("Password") };

static void login_close(void *state)
{
    struct login *login = state;

    for (size_t i = 0; i < FIELD_COUNT; i++)
        line_edit_done(&login->fields[i]);
    free(login->user_id);
    free(login);
}

static void login_title(const void *state, bool is_narrow, struct buf *out)
{
    (void)state;
    (void)is_narrow;
    buf_puts(out, _("Sign in"));
}

static bool login_left(const void *state, bool is_narrow, struct buf *out)
{
    const struct login *login = state;

    (void)is_narrow;
    if (login->is_renewal)
        return false;
    buf_puts(out, login->is_waiting ? _("signing in") : _("not signed in"));
    return true;
}

static void login_corner(const void *state, bool is_narrow, struct buf *out)
{
    const struct login *login = state;

    (void)is_narrow;
    if (!login->is_renewal)
        buf_printf(out, "v%s", OUTPOST_VERSION);
}

/* ---- drawing ---- */

static int draw_words(const struct login *login, struct ui_canvas *c, int row, int col)
{
    const char *text =
        login->is_renewal
            ? _("The session is over. Sign in again to send what waits here; Esc goes back. "
                "You can go on working without; nothing is lost.")
            : _("Sign in once on this device. This needs a connection; "
                "afterwards you can work without one for as long as you like.");
    size_t len = strlen(text), at = 0, end;

    while (at <= len && row < c->rows) {
        size_t next = ui_wrap(text, len, at, c->is_narrow ? c->cols : 62, &end);

        ui_put_part(c, row++, col, c->cols - col, UI_PLAIN, text + at, end - at);
        at = next;
    }
    return row;
}

static void login_draw(void *state, struct ui_canvas *c)
{
    struct login *login = state;
    bool is_roomy = c->rows >= 16;
    int col = c->is_narrow ? 0 : 10;
    int width = c->cols - col - 10 < FIELD_COLS ? c->cols - col - 10 : FIELD_COLS;
    int row = is_roomy ? 2 : 0;

    if (c->rows >= 10 || login->trouble[0] == '\0')
        row = draw_words(login, c, row, col) + is_roomy;
    for (int i = 0; i < FIELD_COUNT; i++, row++) {
        bool is_fixed = login->is_renewal && i != AT_PASSWORD;

        ui_put(c, row, col, 9, UI_PLAIN, _(labels[i]));
        line_edit_draw(&login->fields[i], c, row, col + 10, 1, width, (int)login->place == i,
                       is_fixed ? ' ' : '_');
    }
    row += is_roomy;
    ui_put(c, row, col + 10, width, login->place == AT_BUTTON ? UI_BOLD : UI_PLAIN,
           login->is_waiting ? _("[ Signing in, Esc stops ]") : _("[ Sign in ]"));
    if (login->place == AT_BUTTON)
        ui_cursor(c, row, col + 12);
    row += is_roomy ? 3 : 1;
    for (size_t at = 0, end, len = strlen(login->trouble); len && at <= len; row++) {
        size_t next = ui_wrap(login->trouble, len, at, c->cols - col - 3, &end);

        if (at == 0)
            ui_put(c, row, col, 1, UI_ERROR, "!");
        ui_put_part(c, row, col + 2, c->cols - col - 2, UI_ERROR, login->trouble + at, end - at);
        at = next;
    }
}

/* ---- trying ---- */

static const char *value(const struct login *login, enum login_place place)
{
    return buf_str(&login->fields[place].text);
}

static void try_now(struct ui *ui, struct login *login)
{
    static const char *const missing[FIELD_COUNT] = {
        N_("Server is needed."),
        N_("User is needed."),
        N_("Password is needed."),
    };
    struct err err = { 0 };
    struct sync_sign_in how = {
        .server = value(login, AT_SERVER),
        .email = value(login, AT_USER),
        .password = value(login, AT_PASSWORD),
        .ca_file = ui->options->ca_file,
        .insecure = ui->options->insecure,
        .stop_fd = -1,
    };

    login->again_ms = 0;
    for (int i = 0; i < FIELD_COUNT; i++) {
        if (login->fields[i].text.len == 0) {
            login->place = (enum login_place)i;
            (void)snprintf(login->trouble, sizeof login->trouble, "%s", _(missing[i]));
            return;
        }
    }
    login->trouble[0] = '\0';
    ui->job = sign_in_job_start(&how, &err);
    login->is_waiting = ui->job != NULL;
    if (!ui->job)
        (void)snprintf(login->trouble, sizeof login->trouble, "%s", err.msg);
}

static void give_up(struct ui *ui, struct login *login)
{
    sign_in_job_free(ui->job);
    ui->job = NULL;
    login->is_waiting = false;
    login->again_ms = 0;
}

static void failed(struct ui *ui, struct login *login, const struct err *err)
{
    switch (err->rc) {
    case RC_NETWORK:
        (void)snprintf(login->trouble, sizeof login->trouble, "%s %s", err->msg,
                       _("Signing in needs a connection. Trying again by itself."));
        login->again_ms = ui_now(ui) + AGAIN_MS;
        break;
    case RC_AUTH:
        (void)snprintf(login->trouble, sizeof login->trouble, "%s",
                       err->msg[0] ? err->msg : _("Wrong user name or password."));
        login->place = AT_PASSWORD;
        break;
    case RC_CANCELLED:
        login->trouble[0] = '\0';
        break;
    default:
        (void)snprintf(login->trouble, sizeof login->trouble, "%s", err->msg);
        break;
    }
}

static enum rc entered(struct ui *ui, const struct login *login,
                       const struct sync_identity *identity, struct err *err)
{
    char *path = NULL;
    enum rc rc;

    if (login->is_renewal && login->user_id && identity->user_id &&
        strcmp(login->user_id, identity->user_id) != 0)
        return err_set(err, RC_INVALID, "%s",
                       _("This is another account. Sign out first to change accounts."));
    rc = ui->options->signed_in(ui->options->ctx, identity, &path, err);
    if (rc)
        return rc;
    if (login->is_renewal && ui->db_path && strcmp(path, ui->db_path) == 0) {
        if (ui->sync)
            sync_ask(ui->sync, SYNC_SIGNED_IN);
        ui_pop(ui);
        ui_say(ui, "%s", _("Signed in again."));
    } else {
        ui_session_close(ui);
        rc = ui_session_open(ui, path, err);
        if (rc == RC_OK)
            ui_session_enter(ui);
    }
    free(path);
    return rc;
}

void ui_login_answered(struct ui *ui)
{
    struct ui_layer *top = ui_top(ui);
    struct login *login = ui_is_on_top(ui, UI_SCREEN_LOGIN) ? top->state : NULL;
    struct sync_identity identity = { 0 };
    struct err err = { 0 };
    enum rc rc = sign_in_job_take(ui->job, &identity, &err);

    ui->needs_draw = true;
    sign_in_job_free(ui->job);
    ui->job = NULL;
    if (!ui->sync && rc != RC_CANCELLED)        /* nobody else says whether the server is there */
        ui->status.net = rc == RC_NETWORK || rc == RC_INVALID ? SYNC_OFFLINE : SYNC_ONLINE;
    if (login) {
        login->is_waiting = false;
        if (rc == RC_OK)
            rc = entered(ui, login, &identity, &err);
        if (rc)
            failed(ui, login, &err);
    }
    sync_identity_done(&identity);
}

static int64_t login_due(const void *state)
{
    return ((const struct login *)state)->again_ms;
}

static void login_wake(struct ui *ui, void *state)
{
    try_now(ui, state);
    ui->needs_draw = true;
}

/* ---- keys ---- */

static bool login_is_text(const void *state)
{
    const struct login *login = state;

    return !login->is_waiting && login->place < AT_BUTTON;
}

static bool login_type(struct ui *ui, void *state, const struct ui_key *key)
{
    struct login *login = state;

    (void)ui;
    if (!login_is_text(login))
        return false;
    login->again_ms = 0;
    line_edit_insert(&login->fields[login->place], key->text, key->len);
    if (key->code == UI_KEY_SCAN)
        login->place++;
    return true;
}

static void move_by(struct login *login, int step)
{
    int first = login->is_renewal ? AT_PASSWORD : AT_SERVER;
    int count = PLACE_COUNT - first;

    login->place = (enum login_place)(first + ((int)login->place - first + step + count) % count);
}

static bool login_act(struct ui *ui, void *state, enum ui_action action)
{
    struct login *login = state;

    if (login->is_waiting) {
        if (action == UI_DO_CANCEL)
            give_up(ui, login);
        return action != UI_DO_QUIT && action != UI_DO_HELP && action != UI_DO_REDRAW;
    }
    switch (action) {
    case UI_DO_NEXT:
        move_by(login, 1);
        return true;
    case UI_DO_PREVIOUS:
        move_by(login, -1);
        return true;
    case UI_DO_ACCEPT:
        if (login->place < AT_PASSWORD)
            move_by(login, 1);
        else
            try_now(ui, login);
        return true;
    case UI_DO_CANCEL:
        login->again_ms = 0;
        if (login->is_renewal)
            ui_pop(ui);
        return true;
    default:
        if (login->place >= AT_BUTTON || !line_edit_act(&login->fields[login->place], action))
            return false;
        login->again_ms = 0;
        return true;
    }
}

static void set(struct login *login, enum login_place place, const char *text)
{
    if (!text)
        return;
    line_edit_set(&login->fields[place], text, strlen(text));
    if (login->place == place)
        login->place++;
}

static void login_open(struct ui *ui, const struct ui_opening *what)
{
    struct login *login = mem_zero(1, sizeof *login);
    struct db_account account = { 0 };
    struct err err = { 0 };

    login->fields[AT_PASSWORD].is_secret = true;
    if (what->is_renewal && ui->reader && db_account_read(ui->reader, &account, &err) == RC_OK) {
        login->is_renewal = true;
        set(login, AT_SERVER, account.server);
        set(login, AT_USER, account.email);
        login->place = AT_PASSWORD;
        if (account.user_id)
            login->user_id = mem_strdup(account.user_id);
    } else {
        set(login, AT_SERVER, ui->options->server);
        set(login, AT_USER, ui->options->email);
    }
    db_account_done(&account);
    ui_push(ui, &ui_login_screen, login);
}

const struct ui_screen ui_login_screen = {
    .name = "login",
    .context = UI_IN_LOGIN,
    .open = login_open,
    .close = login_close,
    .title = login_title,
    .draw = login_draw,
    .act = login_act,
    .is_text = login_is_text,
    .type = login_type,
    .left = login_left,
    .corner = login_corner,
    .due = login_due,
    .wake = login_wake,
};
