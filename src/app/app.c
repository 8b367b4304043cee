#include "src/app/app.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/mem.h"
#include "src/app/print.h"

static const char *not_empty(const char *s)
{
    return s && s[0] ? s : NULL;
}

static const char *option_or_env(const struct args *args, const char *option, const char *variable)
{
    const char *value = args_value(args, option);

    return value ? value : not_empty(getenv(variable));
}

static enum rc read_config(struct app *app, struct err *err)
{
    enum rc rc = config_read(app->paths.config_file, &app->config, err);

    if (rc == RC_NOT_FOUND && !app->paths.is_config_named)
        rc = RC_OK;
    for (size_t i = 0; i < app->config.warning_count; i++)
        complain("%s", app->config.warnings[i]);
    return rc;
}

/* Before anybody looks a table up. What goes wrong here is said, once, when the store is opened. */
static void fit_registry(struct app *app)
{
    struct accounts accounts = { .current = -1 };
    struct err err = { 0 };

    if (accounts_read(app->paths.data_dir, &accounts, &err) == RC_OK && accounts.current >= 0) {
        char *path = path_join(app->paths.data_dir, accounts.items[accounts.current].file);
        if (db_fit_registry(path, app->registry, &err))
            log_warn("app", "definitions were not compared with the store: %s", rc_name(err.rc));
        free(path);
    }
    accounts_done(&accounts);
}

static enum rc load_registry(struct app *app, struct err *err)
{
    const char *named = config_text(&app->config, "tables_dir");
    const char *dirs[] = { named ? named : app->paths.tables_dir };
    enum rc rc = registry_load(dirs, 1, &app->registry, err);

    if (rc)
        return rc;
    fit_registry(app);
    for (size_t i = 0; i < registry_problem_count(app->registry); i++) {
        const struct registry_problem *problem = registry_problem_at(app->registry, i);
        complain("%s: %s", problem->source, problem->sentence);
    }
    return RC_OK;
}

/* A program that cannot log works all the same. */
static void open_log(struct app *app)
{
    enum log_level level = LOG_INFO;
    struct err err = { 0 };
    char *dir = mem_strdup(app->paths.log_file);

    *strrchr(dir, '/') = '\0';
    log_level_from_name(config_text(&app->config, "log_level"), &level);
    if (file_make_dirs(dir, &err) != RC_OK ||
        log_open(app->paths.log_file, level, (size_t)config_number(&app->config, "log_max"),
                 &err) != RC_OK)
        complain(_("there will be no log: %s"), err.msg);
    free(dir);
}

enum rc app_start(struct app *app, const struct args *args, struct err *err)
{
    const char *data_dir = option_or_env(args, "data-dir", "OUTPOST_DATA_DIR");
    const char *config = option_or_env(args, "config", "OUTPOST_CONFIG");
    const char *server = option_or_env(args, "server", "OUTPOST_SERVER");
    enum rc rc;

    app->clock = &clock_system;
    rc = paths_find(data_dir, config, &app->paths, err);
    if (rc == RC_OK)
        rc = read_config(app, err);
    if (rc)
        return rc;
    open_log(app);
    app->server = server ? server : config_text(&app->config, "server");
    app->token = not_empty(getenv("OUTPOST_TOKEN"));
    app->ca_file = config_text(&app->config, "ca_file");
    app->insecure = config_switch(&app->config, "insecure");
    app->poll_ms = config_number(&app->config, "poll") * 1000;
    return load_registry(app, err);
}

void app_done(struct app *app)
{
    registry_free(app->registry);
    config_done(&app->config);
    paths_done(&app->paths);
    log_close();
    *app = (struct app){ 0 };
}

int app_exit_code(const struct err *err)
{
    switch (err->rc) {
    case RC_AUTH:
        return EXIT_SIGN_IN;
    case RC_NETWORK:
        return EXIT_OFFLINE;
    default:
        return EXIT_ERROR;
    }
}

int app_fail(const struct err *err)
{
    if (err->msg[0])
        complain("%s", err->msg);
    else
        complain("%s", rc_name(err->rc));
    log_warn("app", "ended by %s", rc_name(err->rc));
    return app_exit_code(err);
}

int app_misused(const struct args *args, const struct err *err)
{
    complain("%s", err->msg);
    if (args->command && args->command->name[0])
        complain(_("more: outpost help %s"), args->command->name);
    else
        complain(_("more: outpost help"));
    return EXIT_USAGE;
}

void app_sign_in_options(const struct app *app, struct sync_sign_in *out)
{
    *out = (struct sync_sign_in){
        .server = app->server,
        .ca_file = app->ca_file,
        .insecure = app->insecure,
        .stop_fd = -1,
    };
}

void app_sync_options(const struct app *app, const char *db_path, struct sync_options *out)
{
    *out = (struct sync_options){
        .db_path = db_path,
        .registry = app->registry,
        .clock = app->clock,
        .server = app->server,
        .ca_file = app->ca_file,
        .insecure = app->insecure,
        .poll_ms = app->poll_ms,
    };
}

enum rc app_check_tables(const struct app *app, struct err *err)
{
    if (registry_count(app->registry) > 0)
        return RC_OK;
    return err_set(err, RC_INVALID,
                   _("There is no table to work with: put its definition right first. See: outpost "
                     "doctor"));
}

const struct table *app_table(const struct app *app, const struct args *args, struct err *err)
{
    const char *name = args_value(args, "table");
    const struct table *table = NULL;
    struct buf all = { 0 };

    if (app_check_tables(app, err) != RC_OK)
        return NULL;
    table = name ? registry_find(app->registry, name) : registry_at(app->registry, 0);
    if (table)
        return table;
    for (size_t i = 0; i < registry_count(app->registry); i++)
        buf_printf(&all, "%s%s", i ? ", " : "", registry_at(app->registry, i)->name);
    err_set(err, RC_INVALID, _("there is no table \"%.60s\"; there are: %s"), name, buf_str(&all));
    buf_done(&all);
    return NULL;
}
