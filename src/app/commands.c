#include "src/app/commands.h"

#include "base/i18n.h"
#include "src/app/app.h"

/* clang-format off */
#define JSON(text) { "json", NULL, text }
#define JSON_PLAIN JSON(N_("print JSON"))
#define JSON_LINES JSON(N_("print JSON, one object a line"))
#define TABLE { "table", N_("T"), N_("the table; without it, the first one (tasks)") }
#define SET { "set", N_("COL=VALUE"), N_("set a column; may be given several times") }
#define END { .name = NULL }
/* clang-format on */

static const struct option_spec screen_options[] = {
    { "color", N_("WHEN"), N_("auto or never") },
    END,
};
static const struct option_spec login_options[] = {
    { "user", N_("EMAIL"), N_("who signs in") },
    { "password-file", N_("FILE"), N_("the password is its first line; - for the input") },
    { "sign-up", NULL, N_("make the account, where the server allows it") },
    JSON_PLAIN,
    END,
};
static const struct option_spec json_options[] = { JSON_PLAIN, END };
static const struct option_spec capture_options[] = { SET, TABLE,
                                                      JSON(N_("print the record as JSON")), END };
static const struct option_spec done_options[] = { TABLE, JSON(N_("print the record as JSON")),
                                                   END };
static const struct option_spec list_options[] = {
    { "open", NULL, N_("what is to be done (as without an option)") },
    { "done", NULL, N_("what is done") },
    { "all", NULL, N_("both") },
    { "find", N_("WORDS"), N_("only records in which all the words occur") },
    { "sort", N_("NAME"), N_("the order; outpost tables --json names them") },
    { "limit", N_("N"), N_("at most so many") },
    TABLE,
    JSON_LINES,
    END,
};
static const struct option_spec show_options[] = { TABLE, JSON_PLAIN, END };
static const struct option_spec import_options[] = { TABLE, JSON(N_("print the summary as JSON")),
                                                     END };
static const struct option_spec export_options[] = { TABLE, END };
static const struct option_spec sync_options[] = {
    { "follow", NULL, N_("stay, and sync as the screen would, until SIGINT or SIGTERM") },
    JSON_PLAIN,
    END,
};
static const struct option_spec tables_options[] = {
    { "dir", N_("DIR"), N_("the definitions in this folder, instead of those of this device") },
    { "out", N_("FILE"), N_("with convex: where to, a file or a folder; - is the output") },
    JSON_LINES,
    END,
};
static const struct option_spec queue_options[] = {
    SET,
    { "to", N_("FILE"), N_("discard: the file that keeps the change") },
    { "yes", NULL, N_("discard: do not ask") },
    JSON_LINES,
    END,
};

static const struct option_spec doctor_options[] = {
    { "repair", NULL, N_("put right what can be without losing anything") },
    { "online", NULL, N_("make a sync round with the server, too") },
    { "rescue", N_("FILE"),
      N_("write every change that can still be read to FILE; - for the output") },
    JSON_PLAIN,
    END,
};

const struct command app_commands[] = {
    { .name = "",
      .words = "",
      .summary = N_("Open the screen"),
      .options = screen_options,
      .run = command_screen },
    { .name = "login",
      .words = "",
      .summary = N_("Sign in on this device, and get all records for the first time"),
      .details = N_("This needs a connection. Afterwards the device works without one. What is "
                    "missing on the\n"
                    "command line is asked for on a terminal, and is an error without one. "
                    "OUTPOST_TOKEN in the\n"
                    "environment takes the place of user and password."),
      .options = login_options,
      .run = command_login },
    { .name = "logout",
      .words = "",
      .summary = N_("Sign out; changes that are not sent are kept"),
      .options = json_options,
      .run = command_logout },
    { .name = "add",
      .words = "[TEXT...]",
      .summary = N_("Add a record; prints its id once it is on disk"),
      .details = N_("TEXT is the title: the words are joined by blanks. A TEXT that begins with - "
                    "stands after --."),
      .options = capture_options,
      .max_words = -1,
      .run = command_add },
    { .name = "edit",
      .words = "ID...",
      .summary = N_("Change columns of records"),
      .details = N_("ID may be cut to the part that no other record begins with. An empty VALUE "
                    "clears a column."),
      .options = capture_options,
      .min_words = 1,
      .max_words = -1,
      .run = command_edit },
    { .name = "done",
      .words = "ID...",
      .summary = N_("Mark records as done"),
      .options = done_options,
      .min_words = 1,
      .max_words = -1,
      .run = command_done },
    { .name = "reopen",
      .words = "ID...",
      .summary = N_("Mark records as not done"),
      .options = done_options,
      .min_words = 1,
      .max_words = -1,
      .run = command_reopen },
    { .name = "list",
      .words = "",
      .summary = N_("List records"),
      .details = N_("In front of the id stands what is not sent yet: + new, ~ changed, ! refused. "
                    "Ids are cut as far\n"
                    "as they are unique on a terminal, and whole elsewhere."),
      .options = list_options,
      .run = command_list },
    { .name = "show",
      .words = "ID",
      .summary = N_("Show one record"),
      .options = show_options,
      .min_words = 1,
      .max_words = 1,
      .run = command_show },
    { .name = "import",
      .words = "FILE|-",
      .summary = N_("Import records from JSON Lines with wire names"),
      .details = N_("Every line is one object. A line with a clientId creates or updates that "
                    "record, so importing a\n"
                    "file twice makes no duplicates. A line that is refused is named, and the "
                    "others are imported."),
      .options = import_options,
      .min_words = 1,
      .max_words = 1,
      .run = command_import },
    { .name = "export",
      .words = "[FILE]",
      .summary = N_("Write all records of a table as JSON Lines"),
      .options = export_options,
      .max_words = 1,
      .run = command_export },
    { .name = "sync",
      .words = "",
      .summary = N_("Send and get everything now"),
      .details = N_("Exit code 4: the server was not reached; 3: sign in again; 5: a change was "
                    "refused for good."),
      .options = sync_options,
      .run = command_sync },
    { .name = "queue",
      .words = "[list|show ID|edit ID|retry [ID...]|discard ID|export [FILE]]",
      .summary = N_("What waits to be sent, and why"),
      .details = N_("ID is the id of a change or of its record, or a part of it that is unique. "
                    "edit sets columns of\n"
                    "the change's record (--set) and makes it due again; retry without an ID makes "
                    "every refused and\n"
                    "held change due again. discard keeps the change in a file "
                    "(discarded-DATE.jsonl in the data\n"
                    "directory), takes it out of the queue, and brings back the office's version "
                    "of the record."),
      .options = queue_options,
      .max_words = -1,
      .subcommands = "list show edit retry discard export",
      .run = command_queue },
    { .name = "status",
      .words = "",
      .summary = N_("Account, network, what waits, last sync"),
      .options = json_options,
      .run = command_status },
    { .name = "doctor",
      .words = "[DATABASE]",
      .summary = N_("What is wrong on this device, and how to put it right"),
      .details = N_("Exit code 0: all is well. --rescue FILE reads a copy of the database (of the "
                    "account that is signed\n"
                    "in, or DATABASE), damaged or newer as it may be, and writes the changes that "
                    "wait there as JSON\n"
                    "Lines; outpost import takes them back."),
      .options = doctor_options,
      .max_words = 1,
      .run = command_doctor },
    { .name = "tables",
      .words = "[convex]",
      .summary = N_("The tables and their columns"),
      .details = N_("convex writes the tables as a module of the Convex backend, "
                    "convex/tables.ts."),
      .options = tables_options,
      .max_words = 1,
      .subcommands = "convex",
      .run = command_tables },
    { .name = "help",
      .words = "[COMMAND|config]",
      .summary = N_("Help on a command, or the config file explained"),
      .max_words = 1,
      .subcommands = "config",
      .run = command_help },
    { .name = NULL },
};
