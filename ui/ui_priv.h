/* ui/ui_priv.h: what the files of ui/ share: the running screen program, its stack of screens, what
 * a screen is, and what screens may ask for. Private to ui/.
 *
 * Floors   words, end, prompt; stack; session_say, session; frame, and the screens, none of which
 *          knows another (ui_open); key, screens; loop. Each uses only those before it.
 * Flow     key -> keymap -> screen.act -> db_save -> change notice -> screen.refresh ->
 *          screen.draw. Sync hears the same notice. No step calls back up the line.
 */
#ifndef UI_UI_PRIV_H
#define UI_UI_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "db/process.h"
#include "db/store.h"
#include "sync/sync.h"
#include "ui/input.h"
#include "ui/keymap.h"
#include "ui/line_edit.h"
#include "ui/put.h"
#include "ui/terminal.h"
#include "ui/ui.h"

#define UI_STACK_MAX 8
#define UI_ROWS_MIN 12
#define UI_COLS_MIN 40

struct ui;

enum ui_screen_id {
    UI_SCREEN_LOGIN, UI_SCREEN_FIRST_SYNC, UI_SCREEN_LIST, UI_SCREEN_HELP, UI_SCREEN_FORM,
    UI_SCREEN_QUEUE, UI_SCREEN_COUNT
};

/* What a screen is opened for; it takes what concerns it. */
struct ui_opening {
    bool is_renewal;            /* login: again, in place; the session is over */
    enum ui_context context;    /* help: the place that it is for */
    const struct table *table;  /* form: the record's */
    const char *client_id;      /* form: the record; NULL: a new one */
    const char *text;           /* form: what the title of a new one starts with; NULL: nothing */
};

struct ui_saving {              /* a record that a screen has saved */
    const struct table *table;
    const char *client_id;
    const struct record *before;        /* NULL: it is new */
    const bool *is_set;         /* the columns of it that were set */
};

struct ui_screen {              /* callbacks may be NULL where it says so */
    const char *name;
    enum ui_context context;
    bool has_banner;            /* for what was refused */
    void (*open)(struct ui *ui, const struct ui_opening *what);
    void (*close)(void *state);         /* frees the state */
    void (*title)(const void *state, bool is_narrow, struct buf *out);
    /* Right end of the title row, instead of user@device. NULL: those. */
    void (*title_right)(const void *state, struct buf *out);
    /* The hint row, where it depends on the state. NULL: the key table's. */
    void (*hints)(const void *state, const struct keymap *map, bool is_brief, struct buf *out);
    /* Column heads, in row 0 of c. NULL: none. */
    void (*heads)(const void *state, struct ui_canvas *c);
    /* It is on top again, or the window has another size. NULL: nothing to read. */
    void (*load)(struct ui *ui, void *state);
    /* A screen above it has saved a record. NULL: it does not matter. */
    void (*saved)(struct ui *ui, void *state, const struct ui_saving *what);
    /* The table that it shows. NULL: not one of them. */
    const struct table *(*table)(const void *state);
    /* Something was committed. NULL: it does not matter. */
    void (*refresh)(struct ui *ui, void *state);
    /* Only looks at what was loaded (and keeps where it scrolled to). */
    void (*draw)(void *state, struct ui_canvas *c);
    bool (*act)(struct ui *ui, void *state, enum ui_action action);     /* false: not mine */
    /* Characters are typed into a field. NULL: never. */
    bool (*is_text)(const void *state);
    /* A character for a field; anywhere: a paste or a scan. NULL: takes none. */
    bool (*type)(struct ui *ui, void *state, const struct ui_key *key);
    /* Left part of the status row. True: instead of the usual; false: behind it. NULL: nothing. */
    bool (*left)(const void *state, bool is_narrow, struct buf *out);
    /* Right end of the status row. NULL: empty. */
    void (*corner)(const void *state, bool is_narrow, struct buf *out);
    /* Monotonic ms when wake wants to be called; 0: not. Both may be NULL. */
    int64_t (*due)(const void *state);
    void (*wake)(struct ui *ui, void *state);
    /* The Esc just handled was the first half of a function key: take back what it did. NULL: it
     * closes the screen, or does nothing. */
    void (*unescape)(struct ui *ui, void *state);
    /* The program ends: keep the draft. NULL: there is none. */
    void (*leaving)(struct ui *ui, void *state);
};

struct ui_layer {
    const struct ui_screen *screen;
    void *state;
};

enum ui_prompt_kind { UI_PROMPT_NONE, UI_PROMPT_KEYS, UI_PROMPT_TEXT };

/* What was answered to questions of a kind before, for Up in the prompt. */
#define UI_HISTORY_MAX 16
enum ui_history_kind {
    UI_HISTORY_FIND, UI_HISTORY_FILTER, UI_HISTORY_SET, UI_HISTORY_FILE, UI_HISTORY_COUNT
};

struct ui_history {
    char *items[UI_HISTORY_MAX];        /* the newest last */
    size_t count;
};

struct ui_prompt {
    enum ui_prompt_kind kind;
    char question[256];
    char keys[16];              /* characters that answer */
    bool is_soft;               /* other keys close it and do what they do */
    struct line_edit edit;
    enum ui_history_kind history;
    size_t back;                /* how many answers back the shown one is; 0: what is typed now */
    void (*answered)(struct ui *ui, void *state, char key);             /* 0: Esc */
    void (*typed)(struct ui *ui, void *state, const char *text);        /* not called on Esc */
    void *state;
};

struct ui {
    const struct ui_options *options;
    const struct clock *clock;
    struct terminal *terminal;
    struct keymap *keymap;
    struct input input;
    char device[64], title_right[128];

    /* the account's file; NULL before sign-in */
    char *db_path;
    struct db *reader, *writer;
    struct db_bell *bell;
    struct sync *sync;
    struct sync_status status;
    struct db_queue_counts counts;
    bool is_busy_shown;         /* SYNCING: a round has been running for 300 ms */
    bool is_disk_full, is_sync_asked;
    bool is_damaged;            /* the store is: nothing is written to it any more */
    int64_t busy_at;            /* monotonic: when to show it; 0: no round, or shown already */
    int64_t sent_in_round;
    int64_t sent_with_failed;   /* of it, when a change was refused for good */
    int64_t banner_hidden_at;   /* count of failed ops for which the user hid the banner */

    const struct ui_screen *const *screens;     /* by enum ui_screen_id */
    struct ui_layer stack[UI_STACK_MAX];
    size_t depth;
    struct ui_prompt prompt;
    struct ui_history history[UI_HISTORY_COUNT];
    struct ui_layer closed;     /* by the last key, an Esc: it may prove half a function key */
    bool can_unescape;          /* the last key, an Esc, cleared something that can come back */
    int32_t key_code;           /* of the key that is being handled */
    char message[512];
    unsigned said;              /* how often something was said there */
    char announced[512];        /* what the status row said when it was spoken last (reader=yes) */

    struct ui_canvas frame, content;
    bool needs_draw, is_gone, is_quitting;
    int exit_code;
    int signal_fd;
    int64_t frame_at;           /* monotonic: no frame before */
    int64_t give_up_at;         /* monotonic: the end was asked for, and waits no longer; 0: it was not */
    int64_t resize_at;          /* monotonic: the window has stopped changing then; 0 */

    struct sign_in_job *job;    /* a sign-in in its helper thread; NULL */
    struct sign_out_job *leaving;       /* telling the backend of a sign-out; NULL */
};

/* ---- stack (stack.c) ---- */
void ui_push(struct ui *ui, const struct ui_screen *screen, void *state);
void ui_pop(struct ui *ui);
/* The same for Esc: the screen is there again if the Esc proves half a function key. */
void ui_pop_for_now(struct ui *ui);
void ui_pop_all(struct ui *ui);
struct ui_layer *ui_top(struct ui *ui);                 /* NULL: none */
bool ui_has_screen(const struct ui *ui, enum ui_screen_id id);
bool ui_is_on_top(const struct ui *ui, enum ui_screen_id id);
/* The screen that ui_pop_for_now closed last is there again. False: there is none. */
bool ui_unpop(struct ui *ui);
void ui_forget_closed(struct ui *ui);
/* By this, screens open each other. It may say why not, and open nothing. */
void ui_open(struct ui *ui, enum ui_screen_id id, const struct ui_opening *what);
/* Tells the screens that show records of something that was saved. */
void ui_tell_saved(struct ui *ui, const struct ui_saving *what);
/* The table that the list shows; NULL: there is no list. */
const struct table *ui_table(const struct ui *ui);

/* ---- keys (key.c) ---- */
void ui_key(struct ui *ui, const struct ui_key *key, bool after_esc);

/* ---- time, and words (words.c) ---- */
static inline int64_t ui_now(const struct ui *ui)       /* monotonic ms */
{
    return clock_mono(ui->clock);
}

static inline int64_t ui_wall(const struct ui *ui)
{
    return clock_wall(ui->clock);
}

/* A label as it stands inside a sentence ("tasks"); out holds at least 64 bytes. */
void ui_lower(const char *label, char *out, size_t size);
void ui_plural(const struct table *table, char *out, size_t size);

/* ---- message and prompt rows (prompt.c) ---- */
void ui_say(struct ui *ui, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ui_say_err(struct ui *ui, const struct err *err);
/* A question that one of `keys` answers; Esc answers with 0. */
void ui_ask_keys(struct ui *ui, const char *keys, void *state,
                 void (*answered)(struct ui *ui, void *state, char key), const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Turns the question just asked into an offer, which any other key passes over. */
void ui_ask_softly(struct ui *ui);
void ui_ask_text(struct ui *ui, const char *label, enum ui_history_kind history, void *state,
                 void (*typed)(struct ui *ui, void *state, const char *text));
void ui_history_done(struct ui *ui);
void ui_prompt_close(struct ui *ui);
/* False: the key was not for the prompt, which is closed now. */
bool ui_prompt_key(struct ui *ui, const struct ui_key *key);

/* ---- frame (frame.c) ---- */
void ui_layout(struct ui *ui);                          /* after a change of size */
void ui_draw(struct ui *ui);
bool ui_is_too_small(const struct ui *ui);

/* ---- the end (end.c) ---- */
/* For db_wait_while: false when the program is to end and has waited long enough. ctx: struct ui. */
bool ui_waits_on(void *ctx);

/* ---- what sync says, in words (session_say.c) ---- */
void ui_say_status(struct ui *ui, const struct sync_status *was);       /* what changed since */
void ui_say_holder(struct ui *ui);
/* For ears and fingers: a change in the status row is also one line in the last row, unless what
 * just happened has said more there (said: ui->said before it). */
void ui_announce(struct ui *ui, unsigned said);
bool ui_has_banner(const struct ui *ui);
void ui_banner(const struct ui *ui, struct buf *out);

/* ---- the account and sync (session.c) ---- */
enum rc ui_session_open(struct ui *ui, const char *db_path, struct err *err);
void ui_session_close(struct ui *ui);
void ui_session_status(struct ui *ui);                  /* sync says something */
void ui_session_notice(struct ui *ui);                  /* the bell: something was committed */
void ui_session_counts(struct ui *ui);
void ui_session_enter(struct ui *ui); /* the screen that fits: first sync or list */
void ui_session_busy(struct ui *ui);                    /* the 300 ms are over */
void ui_saved(struct ui *ui); /* after a db_save: message, counts, and sync is asked */
void ui_save_failed(struct ui *ui, const struct err *err);
/* Before each write. False, and it says why: the store is damaged, and only read. */
bool ui_may_save(struct ui *ui);
void ui_sign_out(struct ui *ui);
bool ui_table_is_complete(struct ui *ui, const struct table *table);

/* ---- screens ---- */
void ui_login_answered(struct ui *ui);                  /* the helper thread is done */

extern const struct ui_screen ui_login_screen, ui_first_sync_screen, ui_list_screen, ui_help_screen,
    ui_form_screen, ui_queue_screen;
extern const struct ui_screen *const ui_screens[UI_SCREEN_COUNT];       /* screens.c */

#endif
