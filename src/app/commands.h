/* src/app/commands.h: the table of commands: names, options, help, functions. */
#ifndef APP_COMMANDS_H
#define APP_COMMANDS_H

#include "src/app/args.h"

extern const struct command app_commands[];

#endif
