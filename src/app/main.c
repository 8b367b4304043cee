/* The program `outpost`: finds the command, gives it what it needs, and turns its outcome into
 * an exit code. */
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/i18n.h"
#include "src/app/app.h"
#include "src/app/commands.h"
#include "src/app/print.h"

/* Where the translations are: beside the program, wherever it was moved or is still being built. */
static const char *locale_dir(char *buffer, size_t size)
{
    const char *dir = getenv("TEXTDOMAINDIR"); /* as gettext(1) has it: translations not installed */
    ssize_t len = readlink("/proc/self/exe", buffer, size - 1);
    char *end;

    if (dir && *dir)
        return dir;
    buffer[len > 0 ? len : 0] = '\0';
    end = strrchr(buffer, '/');
    if (!end)
        return OUTPOST_LOCALE_DIR;
    (void)snprintf(end + 1, size - (size_t)(end + 1 - buffer), "%s", OUTPOST_LOCALE_FROM_PROGRAM);
    return access(buffer, X_OK) == 0 ? buffer : OUTPOST_LOCALE_DIR;
}

/* Numbers stay as JSON and SQL have them; text is UTF-8 also where the locale has been
 * forgotten. */
static void set_locale(void)
{
    char dir[4096];

    if (!setlocale(LC_ALL, ""))
        setlocale(LC_ALL, "C");
    if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    setlocale(LC_NUMERIC, "C");
    bindtextdomain("outpost", locale_dir(dir, sizeof dir));
    bind_textdomain_codeset("outpost", "UTF-8");
    textdomain("outpost");
}

static int run(struct app *app, const struct args *args)
{
    struct err err = { 0 };
    int code;

    if (app_start(app, args, &err) != RC_OK)
        return app_fail(&err);
    if (sync_global_init(&err) != RC_OK)
        return app_fail(&err);
    code = args->command->run(app, args);
    sync_global_done();
    return code;
}

static int finish(int code)
{
    struct err err = { 0 };

    switch (print_close(&err)) {
    case RC_OK:
        return code;
    case RC_CANCELLED:
        return code ? code : EXIT_ERROR;
    default:
        complain("%s", err.msg);
        return code ? code : EXIT_ERROR;
    }
}

int main(int argc, char **argv)
{
    struct app app = { .commands = app_commands };
    struct args args = { 0 };
    struct err err = { 0 };
    int code = EXIT_DONE;

    signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of the write */
    set_locale();
    if (args_parse(argc, argv, app_commands, &args, &err) != RC_OK)
        code = app_misused(&args, &err);
    else if (args_has(&args, "version"))
        printf("outpost %s\n", OUTPOST_VERSION);
    else if (args_has(&args, "help") && args.command->name[0])
        args_help_command(args.command, stdout);
    else if (args_has(&args, "help"))
        args_help(app_commands, stdout);
    else if (args.command->run == command_help)
        code = command_help(&app, &args); /* needs no home, no config, no log */
    else
        code = run(&app, &args);
    app_done(&app);
    args_done(&args);
    return finish(code);
}
