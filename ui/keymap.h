/* ui/keymap.h: which key does what, where. One table holds every action with its keys, and what
 * help, hints and the manual page call it, so that they cannot disagree. The config may bind any
 * action to other keys.
 *
 * Words    a key is written as one character, `F7`, `Up`, `PgDn`, `Space`, `Enter`, `^S` or
 *          `Ctrl-S`.
 */
#ifndef UI_KEYMAP_H
#define UI_KEYMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "ui/ui.h"

/* Codes of keys: Unicode code points (control keys as typed: ^S is 19), and these above them. */
enum ui_key_code {
    UI_KEY_BASE = 0x110000,
    UI_KEY_UP, UI_KEY_DOWN, UI_KEY_LEFT, UI_KEY_RIGHT,
    UI_KEY_HOME, UI_KEY_END, UI_KEY_PAGE_UP, UI_KEY_PAGE_DOWN,
    UI_KEY_INSERT, UI_KEY_DELETE, UI_KEY_BACKSPACE,
    UI_KEY_TAB, UI_KEY_BACK_TAB, UI_KEY_ENTER, UI_KEY_ESC,
    UI_KEY_F1,                  /* F2 to F12 follow */
    UI_KEY_F12 = UI_KEY_F1 + 11,
    UI_KEY_PASTE,               /* with text: a bracketed paste */
    UI_KEY_SCAN                 /* with text: one scan of a barcode reader */
};

struct ui_key {
    int32_t code;
    const char *text; /* PASTE, SCAN and characters: UTF-8 as typed; borrowed for the call */
    size_t len;
};

enum ui_context {
    UI_IN_ALL, /* everywhere but in text fields, when the place itself does not bind the key */
    UI_IN_LIST,
    UI_IN_FORM,
    UI_IN_QUEUE,
    UI_IN_HELP,
    UI_IN_FIRST,
    UI_IN_LOGIN,
    UI_IN_TEXT, /* inside a text field */
    UI_IN_PROMPT,
    UI_CONTEXT_COUNT
};

enum ui_action {
    UI_DO_NOTHING,
    UI_DO_HELP, UI_DO_QUIT, UI_DO_REDRAW, UI_DO_SYNC, UI_DO_WORK_OFFLINE,
    UI_DO_UP, UI_DO_DOWN, UI_DO_PAGE_UP, UI_DO_PAGE_DOWN, UI_DO_HALF_UP, UI_DO_HALF_DOWN,
    UI_DO_FIRST, UI_DO_LAST,
    UI_DO_NEW, UI_DO_EDIT, UI_DO_DONE, UI_DO_UNDO,
    UI_DO_FIND, UI_DO_FIND_NEXT, UI_DO_FIND_LAST, UI_DO_FILTER, UI_DO_SORT, UI_DO_VIEW,
    UI_DO_MARK, UI_DO_MARK_ALL, UI_DO_CANCEL, UI_DO_NEXT_TABLE, UI_DO_QUEUE, UI_DO_COPY,
    UI_DO_SIGN_OUT, UI_DO_DETAILS,
    UI_DO_RETRY, UI_DO_RETRY_ALL, UI_DO_EXPORT,
    UI_DO_NEXT, UI_DO_PREVIOUS, UI_DO_ENTER, UI_DO_SAVE, UI_DO_ACCEPT,
    UI_DO_CHANGE_LEFT, UI_DO_CHANGE_RIGHT,
    UI_DO_TEXT_LEFT, UI_DO_TEXT_RIGHT, UI_DO_TEXT_HOME, UI_DO_TEXT_END, UI_DO_TEXT_BACKSPACE,
    UI_DO_TEXT_DELETE, UI_DO_TEXT_WORD, UI_DO_TEXT_ALL, UI_DO_TEXT_REST
};

struct keymap;

/* A setting that does not fit (checked before by keymap_check) is left out. */
struct keymap *keymap_new(const struct ui_config *config);
void keymap_free(struct keymap *map);

/* RC_INVALID when there is no such action or a key's name is wrong. */
enum rc keymap_check(const char *action, const char *keys, struct err *err);

enum ui_action keymap_find(const struct keymap *map, enum ui_context context, int32_t code);

/* Appends the keys of an action as help shows them, at most `max` of them, with `between`. */
void keymap_keys(const struct keymap *map, enum ui_context context, enum ui_action action, int max,
                 const char *between, struct buf *out);

/* Appends the key of an action that comes `nth` (from 0) in its list. False: it has no such key. */
bool keymap_key(const struct keymap *map, enum ui_context context, enum ui_action action, int nth,
                struct buf *out);

/* Appends the hint row of a place: "F1 Help  F2 New ...", short: "F1Help F2New ...". */
void keymap_hints(const struct keymap *map, enum ui_context context, bool is_short,
                  struct buf *out);

/* The lines of the help page, of all keys of a place: label and keys. Returns false after the last.
 * `at` starts at 0. */
struct keymap_line {
    const char *label;          /* translated */
    enum ui_action action;      /* the first one of the line */
    char keys[64];
};
bool keymap_help(const struct keymap *map, enum ui_context context, size_t *at,
                 struct keymap_line *out);

/* ---- names of keys ---- */
bool key_from_name(const char *name, size_t len, int32_t *code);
void key_to_name(int32_t code, struct buf *out);

#endif
