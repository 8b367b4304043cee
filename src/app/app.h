/* src/app/app.h: what every command is given, the account's store that most of them open, and
 * the exit codes.
 *
 * Owner    main makes the one struct app and ends it after the command.
 * Threads  the main thread. */
#ifndef APP_APP_H
#define APP_APP_H

#include <stdbool.h>
#include "base/clock.h"
#include "base/err.h"
#include "db/db.h"
#include "src/app/accounts.h"
#include "src/app/args.h"
#include "src/app/config.h"
#include "src/app/paths.h"
#include "sync/sync.h"

enum exit_code {
    EXIT_DONE = 0,
    EXIT_ERROR = 1,
    EXIT_USAGE = 2,
    EXIT_SIGN_IN = 3, /* nobody is signed in, or the session is over */
    EXIT_OFFLINE = 4, /* the server was not reached */
    EXIT_FAILED = 5   /* some change was refused for good */
};

struct app { /* all zero is valid; app_done frees */
    struct paths paths;
    struct config config;
    struct registry *registry;
    const struct clock *clock;
    const char *server;  /* of command line, environment or config; NULL: the account's */
    const char *token;   /* OUTPOST_TOKEN, or NULL */
    const char *ca_file; /* or NULL */
    bool insecure;
    int64_t poll_ms;
    const struct command *commands;
};

/* Reads paths, config and registry, and opens the log. What is wrong with the config or a
 * definition is said on stderr; only what leaves nothing to work with is an error. */
enum rc app_start(struct app *app, const struct args *args, struct err *err);
void app_done(struct app *app);

/* Says the sentence on stderr and gives the exit code that belongs to it. */
int app_fail(const struct err *err);
int app_exit_code(const struct err *err);
/* A mistake on the command line: EXIT_USAGE, and which help to read. */
int app_misused(const struct args *args, const struct err *err);

/* ---- the account that is signed in ---- */

struct session { /* all zero is valid; session_close ends it */
    struct account account;
    char *db_path;
    struct db *db; /* DB_COMMAND */
};

/* The file of OUTPOST_TOKEN's user, else the current account's. RC_AUTH: "Sign in first: outpost
 * login". */
enum rc session_open(struct app *app, struct session *out, struct err *err);
void session_close(struct session *session);
/* RC_INVALID when the table's first sync has not been done: nothing can be captured yet. */
enum rc session_check_ready(struct session *session, const struct table *table, struct err *err);

/* Keeps who has signed in: the account in its file, with tokens, and as the current one.
 * *db_path: yours. */
enum rc session_keep(struct app *app, const struct sync_identity *identity, char **db_path,
                     struct err *err);
/* Forgets the tokens of the file and that it was the current one. */
enum rc session_forget(struct app *app, const char *db_path, struct err *err);

void app_sign_in_options(const struct app *app, struct sync_sign_in *out);
void app_sync_options(const struct app *app, const char *db_path, struct sync_options *out);

/* ---- shared by the commands on records ---- */

/* RC_INVALID when not one definition can be used; why was said at the start. */
enum rc app_check_tables(const struct app *app, struct err *err);
/* The table of --table, or the first one. NULL: there is none of that name, and *err says which
 * there are. */
const struct table *app_table(const struct app *app, const struct args *args, struct err *err);

/* ---- the commands ---- */

int command_login(struct app *app, const struct args *args);
int command_logout(struct app *app, const struct args *args);
int command_add(struct app *app, const struct args *args);
int command_edit(struct app *app, const struct args *args);
int command_done(struct app *app, const struct args *args);
int command_reopen(struct app *app, const struct args *args);
int command_list(struct app *app, const struct args *args);
int command_show(struct app *app, const struct args *args);
int command_import(struct app *app, const struct args *args);
int command_export(struct app *app, const struct args *args);
int command_sync(struct app *app, const struct args *args);
int command_queue(struct app *app, const struct args *args);
int command_status(struct app *app, const struct args *args);
int command_doctor(struct app *app, const struct args *args);
int command_tables(struct app *app, const struct args *args);
int command_help(struct app *app, const struct args *args);
int command_screen(struct app *app, const struct args *args);

#endif
