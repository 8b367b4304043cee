#include "src/app/app.h"

#include <stdio.h>
#include <string.h>
#include "embed/app_config_reference.h"

int command_help(struct app *app, const struct args *args)
{
    const struct command *command;
    struct err err = { 0 };

    if (args->word_count == 0) {
        args_help(app->commands, stdout);
        return EXIT_DONE;
    }
    if (strcmp(args->words[0], "config") == 0) {
        fwrite(app_config_reference, 1, app_config_reference_len, stdout);
        return EXIT_DONE;
    }
    command = args->words[0][0] ? args_find(app->commands, args->words[0]) : NULL;
    if (!command) {
        args_unknown_command(app->commands, args->words[0], &err);
        return app_misused(args, &err);
    }
    args_help_command(command, stdout);
    return EXIT_DONE;
}
