/* src/app/args.h: the command line, parsed from one table of commands. Help is printed from the
 * same table, and a test holds man page and completions to it.
 *
 * Words  options may stand before and after the command; `--` ends them. */
#ifndef APP_ARGS_H
#define APP_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "base/err.h"

struct app;
struct args;

struct option_spec {
    const char *name; /* "json"; NULL ends a list */
    const char *arg;  /* what its value is called in help; NULL: a switch */
    const char *help;
};

struct command {
    const char *name;    /* NULL ends the table; "" is what runs when no command is named */
    const char *words;   /* "ID...", as in a usage line; "" for none */
    const char *summary; /* one line */
    const char *details; /* paragraphs for `help COMMAND`, or NULL */
    const struct option_spec *options; /* or NULL */
    int min_words, max_words;          /* max_words -1: any number */
    const char *subcommands; /* first words it knows, apart by blanks, for completions; or NULL */
    int (*run)(struct app *app, const struct args *args); /* gives the exit code */
};

/* Options that every command takes: data-dir, config, server, help, version. */
extern const struct option_spec args_for_all[];

struct given {
    const char *name, *value; /* value NULL: a switch */
};

struct args { /* all zero is valid; args_done frees */
    const struct command *command;
    struct given *given;
    size_t given_count;
    const char **words; /* what is no option, borrowed from argv */
    size_t word_count;
};
void args_done(struct args *args);

/* RC_INVALID with a sentence that says what would be right. argv is reordered. With --help the
 * count of words is not checked. Not for several threads (getopt). */
enum rc args_parse(int argc, char **argv, const struct command *commands, struct args *out,
                   struct err *err);

bool args_has(const struct args *args, const char *name);
const char *args_value(const struct args *args, const char *name); /* the last one given, or NULL */
/* Values of an option that may be repeated: *at starts at 0; NULL after the last one. */
const char *args_next(const struct args *args, const char *name, size_t *at);

const struct command *args_find(const struct command *commands, const char *name);
/* "Unknown command "x". Did you mean ...?" as RC_INVALID. */
enum rc args_unknown_command(const struct command *commands, const char *name, struct err *err);

void args_help(const struct command *commands, FILE *to);
void args_help_command(const struct command *command, FILE *to);

#endif
