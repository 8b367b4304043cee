/* `outpost` without a command: the screen. */
#include "src/app/app.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/i18n.h"
#include "base/mem.h"
#include "src/app/print.h"
#include "ui/ui.h"

static enum rc on_signed_in(void *ctx, const struct sync_identity *identity, char **db_path,
                            struct err *err)
{
    return session_keep(ctx, identity, db_path, err);
}

static enum rc on_signed_out(void *ctx, const char *db_path, struct err *err)
{
    return session_forget(ctx, db_path, err);
}

/* Hands on what the config says of the screen. A line that the screen does not understand is
 * named and left out. */
static void configure(const struct app *app, const struct args *args, struct ui_config *out)
{
    const char *color = args_value(args, "color"),
               *escdelay = config_text(&app->config, "escdelay");
    struct err err = { 0 };

    for (size_t i = 0; i < app->config.count; i++) {
        const struct config_item *item = &app->config.items[i];

        if (item->key->is_for_screen && ui_config_set(out, item->name, item->value, &err) != RC_OK)
            complain("%s:%d: %s", app->paths.config_file, item->line, err.msg);
    }
    if (color && ui_config_set(out, "color", color, &err) != RC_OK)
        complain("--color: %s", err.msg);
    /* curses reads it there; what the user has set in the environment wins. */
    if (escdelay)
        setenv("ESCDELAY", escdelay, 0);
}

/* Whose file to open: NULL when nobody is signed in. */
static enum rc find_file(struct app *app, char **db_path, struct account *who, struct err *err)
{
    struct accounts accounts = { .current = -1 };
    enum rc rc;

    if (app->token) {
        struct session session = { 0 };

        rc = session_open(app, &session, err);
        if (rc == RC_OK) {
            account_copy(who, &session.account);
            *db_path = mem_strdup(session.db_path);
        }
        session_close(&session);
        return rc;
    }
    rc = accounts_read(app->paths.data_dir, &accounts, err);
    if (rc == RC_OK && accounts.current >= 0) {
        account_copy(who, &accounts.items[accounts.current]);
        *db_path = path_join(app->paths.data_dir, who->file);
    } else if (rc == RC_OK && accounts.count == 1) {
        account_copy(who, &accounts.items[0]); /* suggested when signing in */
    }
    accounts_done(&accounts);
    return rc;
}

int command_screen(struct app *app, const struct args *args)
{
    struct ui_config config = { 0 };
    struct account who = { 0 };
    struct err err = { 0 };
    char *db_path = NULL;
    int code;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        complain(_("the screen needs a terminal. Without one: outpost list, add, done, sync; see: "
                   "outpost help"));
        return EXIT_USAGE;
    }
    if (app_check_tables(app, &err) != RC_OK || find_file(app, &db_path, &who, &err) != RC_OK) {
        code = app_fail(&err);
        goto out;
    }
    configure(app, args, &config);
    {
        const struct ui_options options = {
            .registry = app->registry,
            .clock = app->clock,
            .config = &config,
            .db_path = db_path,
            .server = app->server ? app->server : who.server,
            .email = who.email,
            .server_override = app->server,
            .ca_file = app->ca_file,
            .insecure = app->insecure,
            .poll_ms = app->poll_ms,
            .signed_in = on_signed_in,
            .signed_out = on_signed_out,
            .ctx = app,
        };
        code = ui_run(&options);
    }
out:
    ui_config_done(&config);
    account_done(&who);
    free(db_path);
    return code;
}
