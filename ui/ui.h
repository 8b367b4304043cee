/* ui/ui.h: the door of ui/: the screen program. It shows what is in SQLite, writes what the user
 * types, and asks sync (sync/sync.h) for the rest. It owns the terminal from ui_run's start to its
 * end.
 *
 * Threads  ui_run takes the calling thread (main), blocks the signals that it reads by signalfd,
 *          and starts the worker and helper threads itself. Call it before any other thread exists,
 *          after sync_global_init.
 * Owner    everything in struct ui_options is borrowed and outlives the call.
 * Errors   what goes wrong while the screen is up is shown there; what prevents it is said on
 *          stderr.
 */
#ifndef UI_UI_H
#define UI_UI_H

#include <stdbool.h>
#include <stddef.h>
#include "base/clock.h"
#include "base/err.h"
#include "db/registry.h"
#include "sync/sync.h"

/* ---- settings: lines of the config file that the screen understands ---- */

enum ui_color { UI_COLOR_AUTO, UI_COLOR_NEVER };
enum ui_theme { UI_THEME_PLAIN, UI_THEME_CONTRAST };
enum ui_link { UI_LINK_AUTO, UI_LINK_FAST, UI_LINK_SLOW };
enum ui_bell { UI_BELL_AUTO, UI_BELL_NONE, UI_BELL_VISUAL, UI_BELL_AUDIBLE };

struct ui_key_setting {
    char *action;               /* "list.done" */
    char *keys;                 /* "x F7" */
};

struct ui_config {              /* all zero is what most people want; ui_config_done frees */
    enum ui_color color;
    enum ui_theme theme;
    enum ui_link link;
    enum ui_bell bell;
    bool utf8_marks;            /* marks=utf8 */
    bool ascii;                 /* charset=ascii: nothing but ASCII goes to the terminal */
    bool flow_xon;              /* flow=xon: leave XON/XOFF to the terminal */
    bool reader;                /* reader=yes: for braille and speech: no reversed rows, no bars */
    bool scan_burst;            /* scan=burst: a fast burst that ends in Enter is one scan */
    struct ui_key_setting *keys;
    size_t key_count;
};

/* Takes one line NAME=VALUE of the config (`color`, `theme`, `link`, `bell`, `marks`, `charset`,
 * `flow`, `reader`, `scan`, `key.SCREEN.ACTION`). RC_NOT_FOUND: not a setting of the screen;
 * RC_INVALID: the sentence says what would be right. */
enum rc ui_config_set(struct ui_config *config, const char *name, const char *value,
                      struct err *err);
void ui_config_done(struct ui_config *config);

/* ---- running ---- */

struct ui_options {
    const struct registry *registry;
    const struct clock *clock;
    const struct ui_config *config;
    const char *db_path;        /* the account's file to open; NULL: nobody is signed in, ask */
    const char *server;         /* prefilled when signing in, or NULL */
    const char *email;          /* the same */
    const char *device_name;    /* shown as user@NAME; NULL: the host's name */

    /* For sync_start and sync_sign_in. */
    const char *server_override;        /* --server, or NULL: the account's */
    const char *ca_file;                /* or NULL */
    bool insecure;
    int64_t poll_ms;                    /* 0: sync's own */

    /* Somebody signed in (first time, another account, or again after the session was over): keep
     * the account, in its own file. *db_path: the caller's, free() it. Called in the UI thread;
     * must not use the network. */
    enum rc (*signed_in)(void *ctx, const struct sync_identity *identity, char **db_path,
                         struct err *err);
    /* The user signed out: forget the tokens of that file and do not open it at the next start; its
     * queue stays. The screen has ended sync and closed the file before, and tells the backend
     * itself. */
    enum rc (*signed_out)(void *ctx, const char *db_path, struct err *err);
    void *ctx;
};

/* Shows the screen until the user quits or the terminal goes away. Returns the program's exit code:
 * 0 also for a hang-up or SIGTERM, 1 when the account's file cannot be opened, 2 when the terminal
 * cannot show the screen. */
int ui_run(const struct ui_options *options);

/* Appends every key binding as "SCREEN.ACTION<tab>keys<tab>what it does" lines, for the manual page
 * and `--help`. */
struct buf;
void ui_keys_describe(const struct ui_config *config, struct buf *out);

#endif
