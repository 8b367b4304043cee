#include "ui/keymap.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "base/text.h"

#define FUNCTION_KEYS 12

struct action_row {
    enum ui_context context;
    enum ui_action action;
    const char *name, *keys;
    /* NULL: not on the help page. Rows with the same text become one line. */
    const char *help;
    const char *hint;           /* NULL: not in the hint row */
    const char *brief;          /* the hint of narrow windows; NULL: none */
    int hint_keys;              /* how many keys the hint names; 0: its function key */
};

#define HINT_PAIR -1            /* its first key and the next row's */
#define HINT_OR_ENTER -2        /* its function key, or Enter where nothing else has the focus */

/* In the order of the hint row and the help page. */
static const struct action_row actions[] = {
    { UI_IN_ALL, UI_DO_HELP, "all.help", "? F1",
      .help = N_("Help"), .hint = N_("Help"), .brief = N_("Help") },
    { UI_IN_ALL, UI_DO_REDRAW, "all.redraw", "^L", .help = N_("Redraw") },
    { UI_IN_ALL, UI_DO_SYNC, "all.sync", "s F5", .help = N_("Sync now") },
    { UI_IN_ALL, UI_DO_WORK_OFFLINE, "all.offline", "O F8", .help = N_("Offline/online") },
    { UI_IN_ALL, UI_DO_SIGN_OUT, "all.signout", "Q", .help = N_("Sign out") },
    { UI_IN_ALL, UI_DO_QUIT, "all.quit", "q F10", .help = N_("Quit") },

    { UI_IN_LIST, UI_DO_HELP, "list.help", "? F1", .hint = N_("Help"), .brief = N_("Help") },
    { UI_IN_LIST, UI_DO_UP, "list.up", "k Up ^P", .help = N_("Up, down") },
    { UI_IN_LIST, UI_DO_DOWN, "list.down", "j Down ^N", .help = N_("Up, down") },
    { UI_IN_LIST, UI_DO_PAGE_UP, "list.page_up", "PgUp", .help = N_("Page") },
    { UI_IN_LIST, UI_DO_PAGE_DOWN, "list.page_down", "PgDn", .help = N_("Page") },
    { UI_IN_LIST, UI_DO_HALF_UP, "list.half_up", "^U", .help = N_("Half a page") },
    { UI_IN_LIST, UI_DO_HALF_DOWN, "list.half_down", "^D", .help = N_("Half a page") },
    { UI_IN_LIST, UI_DO_FIRST, "list.first", "g Home", .help = N_("First, last") },
    { UI_IN_LIST, UI_DO_LAST, "list.last", "G End", .help = N_("First, last") },
    { UI_IN_LIST, UI_DO_NEW, "list.new", "a F2 Ins",
      .help = N_("New"), .hint = N_("New"), .brief = N_("New") },
    { UI_IN_LIST, UI_DO_FIND, "list.find", "/ F3", .help = N_("Find"), .hint = N_("Find") },
    { UI_IN_LIST, UI_DO_EDIT, "list.edit", "e Enter F4",
      .help = N_("Edit"), .hint = N_("Edit"), .brief = N_("Edit") },
    { UI_IN_LIST, UI_DO_SYNC, "list.sync", "s F5", .hint = N_("Sync"), .brief = N_("Sync") },
    { UI_IN_LIST, UI_DO_SORT, "list.sort", "o F6", .help = N_("Sort"), .hint = N_("Sort") },
    { UI_IN_LIST, UI_DO_DONE, "list.done", "x F7", .help = N_("Done/reopen"), .hint = N_("Done") },
    { UI_IN_LIST, UI_DO_QUEUE, "list.queue", "p F9",
      .help = N_("Queue"), .hint = N_("Queue"), .brief = N_("Q") },
    { UI_IN_LIST, UI_DO_QUIT, "list.quit", "q F10", .hint = N_("Quit"), .brief = N_("Quit") },
    { UI_IN_LIST, UI_DO_UNDO, "list.undo", "u", .help = N_("Undo") },
    { UI_IN_LIST, UI_DO_FIND_NEXT, "list.find_next", "n", .help = N_("Next, last found") },
    { UI_IN_LIST, UI_DO_FIND_LAST, "list.find_last", "N", .help = N_("Next, last found") },
    { UI_IN_LIST, UI_DO_FILTER, "list.filter", "f", .help = N_("Filter") },
    { UI_IN_LIST, UI_DO_VIEW, "list.view", "v", .help = N_("Open, done, all") },
    { UI_IN_LIST, UI_DO_MARK, "list.mark", "Space", .help = N_("Mark") },
    { UI_IN_LIST, UI_DO_MARK_ALL, "list.mark_all", "*", .help = N_("Mark all") },
    { UI_IN_LIST, UI_DO_CANCEL, "list.cancel", "Esc", .help = N_("Clear") },
    { UI_IN_LIST, UI_DO_NEXT_TABLE, "list.next_table", "Tab", .help = N_("Next table") },
    { UI_IN_LIST, UI_DO_COPY, "list.copy", "y", .help = N_("Copy the title") },

    { UI_IN_FORM, UI_DO_HELP, "form.help", "F1", .hint = N_("Help") },
    { UI_IN_FORM, UI_DO_SAVE, "form.save", "F3 ^S",
      .help = N_("Save"), .hint = N_("Save"), .brief = N_("Save") },
    { UI_IN_FORM, UI_DO_NEXT, "form.next", "Tab Down ^N",
      .help = N_("Next field"), .hint = N_("Next field"), .brief = N_("Next"),
      .hint_keys = HINT_PAIR },
    { UI_IN_FORM, UI_DO_ENTER, "form.enter", "Enter",
      .help = N_("Next field, a new line in notes") },
    { UI_IN_FORM, UI_DO_PREVIOUS, "form.previous", "BackTab Up ^P", .help = N_("Field before") },
    { UI_IN_FORM, UI_DO_CANCEL, "form.cancel", "Esc",
      .help = N_("Cancel"), .hint = N_("Cancel"), .brief = N_("Cancel") },
    { UI_IN_FORM, UI_DO_CHANGE_LEFT, "form.left", "Left - PgUp",
      .help = N_("Change choice"), .hint = N_("Change choice"), .hint_keys = HINT_PAIR },
    { UI_IN_FORM, UI_DO_CHANGE_RIGHT, "form.right", "Right + Space PgDn",
      .help = N_("Change choice") },
    { UI_IN_FORM, UI_DO_QUIT, "form.quit", .keys = "F10" },
    { UI_IN_FORM, UI_DO_REDRAW, "form.redraw", .keys = "^L" },

    { UI_IN_TEXT, UI_DO_TEXT_LEFT, "text.left", "Left", .help = N_("Left, right") },
    { UI_IN_TEXT, UI_DO_TEXT_RIGHT, "text.right", "Right", .help = N_("Left, right") },
    { UI_IN_TEXT, UI_DO_TEXT_HOME, "text.home", "Home ^A", .help = N_("Start, end") },
    { UI_IN_TEXT, UI_DO_TEXT_END, "text.end", "End ^E", .help = N_("Start, end") },
    { UI_IN_TEXT, UI_DO_TEXT_BACKSPACE, "text.backspace", "Backspace", .help = N_("Delete") },
    { UI_IN_TEXT, UI_DO_TEXT_DELETE, "text.delete", "Del ^D", .help = N_("Delete") },
    { UI_IN_TEXT, UI_DO_TEXT_WORD, "text.word", "^W", .help = N_("Delete the word") },
    { UI_IN_TEXT, UI_DO_TEXT_ALL, "text.all", "^U", .help = N_("Delete to the start") },
    { UI_IN_TEXT, UI_DO_TEXT_REST, "text.rest", "^K", .help = N_("Delete to the end") },

    { UI_IN_QUEUE, UI_DO_HELP, "queue.help", "? F1", .hint = N_("Help"), .brief = N_("Help") },
    { UI_IN_QUEUE, UI_DO_EDIT, "queue.edit", "F4 e Enter",
      .help = N_("Edit"), .hint = N_("Edit"), .brief = N_("Edit") },
    { UI_IN_QUEUE, UI_DO_RETRY, "queue.retry", "F5 s",
      .help = N_("Retry"), .hint = N_("Retry"), .brief = N_("Retry") },
    { UI_IN_QUEUE, UI_DO_RETRY_ALL, "queue.retry_all", "R",
      .help = N_("Retry all"), .hint = N_("Retry all") },
    { UI_IN_QUEUE, UI_DO_EXPORT, "queue.export", "w", .help = N_("Export"), .hint = N_("Export") },
    { UI_IN_QUEUE, UI_DO_COPY, "queue.copy", "y",
      .help = N_("Copy details"), .hint = N_("Copy details") },
    { UI_IN_QUEUE, UI_DO_CANCEL, "queue.back", "Esc p F9",
      .help = N_("Back"), .hint = N_("Back"), .brief = N_("Back"), .hint_keys = 1 },
    { UI_IN_QUEUE, UI_DO_UP, "queue.up", "k Up ^P", .help = N_("Up, down") },
    { UI_IN_QUEUE, UI_DO_DOWN, "queue.down", "j Down ^N", .help = N_("Up, down") },
    { UI_IN_QUEUE, UI_DO_PAGE_UP, "queue.page_up", "PgUp ^U", .help = N_("Page") },
    { UI_IN_QUEUE, UI_DO_PAGE_DOWN, "queue.page_down", "PgDn ^D", .help = N_("Page") },
    { UI_IN_QUEUE, UI_DO_FIRST, "queue.first", "g Home", .help = N_("First, last") },
    { UI_IN_QUEUE, UI_DO_LAST, "queue.last", "G End", .help = N_("First, last") },

    { UI_IN_HELP, UI_DO_NEXT, "help.next", "Space PgDn Down j Enter",
      .hint = N_("Next page"), .brief = N_("Next") },
    { UI_IN_HELP, UI_DO_PREVIOUS, "help.previous", .keys = "PgUp Up k" },
    { UI_IN_HELP, UI_DO_CANCEL, "help.close", "Esc q F1 ?",
      .hint = N_("Close"), .brief = N_("Close"), .hint_keys = 1 },

    { UI_IN_FIRST, UI_DO_HELP, "first.help", "F1 ?", .hint = N_("Help"), .brief = N_("Help") },
    { UI_IN_FIRST, UI_DO_RETRY, "first.retry", "F5 s",
      .help = N_("Retry now"), .hint = N_("Retry now"), .brief = N_("Retry"),
      .hint_keys = HINT_OR_ENTER },
    { UI_IN_FIRST, UI_DO_DETAILS, "first.details", "F9 d",
      .help = N_("Details"), .hint = N_("Details"), .brief = N_("Details") },
    { UI_IN_FIRST, UI_DO_SIGN_OUT, "first.signout", "Q",
      .help = N_("Sign out"), .hint = N_("Sign out") },
    { UI_IN_FIRST, UI_DO_QUIT, "first.quit", "F10 q",
      .help = N_("Quit"), .hint = N_("Quit"), .brief = N_("Quit") },
    { UI_IN_FIRST, UI_DO_NEXT, "first.next", .keys = "Tab Right Down" },
    { UI_IN_FIRST, UI_DO_PREVIOUS, "first.previous", .keys = "BackTab Left Up" },
    { UI_IN_FIRST, UI_DO_ACCEPT, "first.accept", .keys = "Enter Space" },

    { UI_IN_LOGIN, UI_DO_HELP, "login.help", "F1", .hint = N_("Help"), .brief = N_("Help") },
    { UI_IN_LOGIN, UI_DO_NEXT, "login.next", "Tab Down ^N",
      .help = N_("Next field"), .hint = N_("Next field"), .brief = N_("Next") },
    { UI_IN_LOGIN, UI_DO_PREVIOUS, "login.previous", "BackTab Up ^P", .help = N_("Field before") },
    { UI_IN_LOGIN, UI_DO_ACCEPT, "login.accept", "Enter",
      .help = N_("Next, sign in"), .hint = N_("Next, sign in") },
    { UI_IN_LOGIN, UI_DO_CANCEL, "login.cancel", "Esc", .help = N_("Back") },
    { UI_IN_LOGIN, UI_DO_QUIT, "login.quit", "F10", .hint = N_("Quit"), .brief = N_("Quit") },
    { UI_IN_LOGIN, UI_DO_REDRAW, "login.redraw", .keys = "^L" },

    { UI_IN_PROMPT, UI_DO_ACCEPT, "prompt.accept", .keys = "Enter" },
    { UI_IN_PROMPT, UI_DO_CANCEL, "prompt.cancel", .keys = "Esc ^C" },
    { UI_IN_PROMPT, UI_DO_UP, "prompt.earlier", .keys = "Up ^P" },
    { UI_IN_PROMPT, UI_DO_DOWN, "prompt.later", .keys = "Down ^N" },
};
#define ACTION_COUNT (sizeof actions / sizeof actions[0])

static const struct {
    const char *name;
    int32_t code;
} key_names[] = {
    { "Up", UI_KEY_UP },        { "Down", UI_KEY_DOWN },     { "Left", UI_KEY_LEFT },
    { "Right", UI_KEY_RIGHT },  { "Home", UI_KEY_HOME },     { "End", UI_KEY_END },
    { "PgUp", UI_KEY_PAGE_UP }, { "PgDn", UI_KEY_PAGE_DOWN }, { "Ins", UI_KEY_INSERT },
    { "Del", UI_KEY_DELETE },   { "Tab", UI_KEY_TAB },       { "BackTab", UI_KEY_BACK_TAB },
    { "Enter", UI_KEY_ENTER },  { "Esc", UI_KEY_ESC },       { "Backspace", UI_KEY_BACKSPACE },
    { "Space", ' ' },
};

struct binding {
    enum ui_context context;
    enum ui_action action;
    int32_t code;
};

struct keymap {
    struct binding *items;
    size_t count;
};

/* ---- names ---- */

static bool control_from_name(const char *name, size_t len, int32_t *code)
{
    size_t skip;

    if (len == 2 && name[0] == '^')
        skip = 1;
    else if (len == 6 && strncasecmp(name, "Ctrl-", 5) == 0)
        skip = 5;
    else
        return false;
    if ((name[skip] | 0x20) < 'a' || (name[skip] | 0x20) > 'z')
        return false;
    *code = name[skip] & 0x1F;
    return true;
}

bool key_from_name(const char *name, size_t len, int32_t *code)
{
    int32_t cp;
    char *end;
    long number;

    for (size_t i = 0; i < sizeof key_names / sizeof key_names[0]; i++) {
        if (strlen(key_names[i].name) == len && strncasecmp(name, key_names[i].name, len) == 0) {
            *code = key_names[i].code;
            return true;
        }
    }
    if (len >= 2 && name[0] == 'F' && name[1] >= '1' && name[1] <= '9') {
        number = strtol(name + 1, &end, 10);
        if (end != name + len || number > FUNCTION_KEYS)
            return false;
        *code = UI_KEY_F1 + (int32_t)number - 1;
        return true;
    }
    if (control_from_name(name, len, code))
        return true;
    if (len == 0 || text_next(name, len, &cp) != len || cp <= ' ' || cp == 0x7F)
        return false;
    *code = cp;
    return true;
}

static void put_code_point(int32_t cp, struct buf *out)
{
    if (cp < 0x80) {
        buf_putc(out, (char)cp);
    } else if (cp < 0x800) {
        buf_putc(out, (char)(0xC0 | cp >> 6));
        buf_putc(out, (char)(0x80 | (cp & 0x3F)));
    } else if (cp < 0x10000) {
        buf_putc(out, (char)(0xE0 | cp >> 12));
        buf_putc(out, (char)(0x80 | (cp >> 6 & 0x3F)));
        buf_putc(out, (char)(0x80 | (cp & 0x3F)));
    } else {
        buf_putc(out, (char)(0xF0 | cp >> 18));
        buf_putc(out, (char)(0x80 | (cp >> 12 & 0x3F)));
        buf_putc(out, (char)(0x80 | (cp >> 6 & 0x3F)));
        buf_putc(out, (char)(0x80 | (cp & 0x3F)));
    }
}

void key_to_name(int32_t code, struct buf *out)
{
    for (size_t i = 0; i < sizeof key_names / sizeof key_names[0]; i++) {
        if (key_names[i].code == code) {
            buf_puts(out, code == UI_KEY_BACK_TAB ? "Shift-Tab" : key_names[i].name);
            return;
        }
    }
    if (code >= UI_KEY_F1 && code <= UI_KEY_F12)
        buf_printf(out, "F%d", code - UI_KEY_F1 + 1);
    else if (code < ' ')
        buf_printf(out, "Ctrl-%c", code + '@');
    else
        put_code_point(code, out);
}

/* ---- bindings ---- */

/* Calls back for each key of a list; false at the first that is none. */
static bool keys_each(const char *keys, struct keymap *map, const struct action_row *row,
                      size_t *bad_at)
{
    for (const char *at = keys; *at;) {
        size_t len = strcspn(at, " ");
        int32_t code;

        if (len > 0) {
            if (!key_from_name(at, len, &code)) {
                *bad_at = (size_t)(at - keys);
                return false;
            }
            if (map) {
                map->items = mem_grow(map->items, map->count + 1, sizeof *map->items);
                map->items[map->count++] =
                    (struct binding){ row->context, row->action, code };
            }
        }
        at += len;
        at += strspn(at, " ");
    }
    return true;
}

static const char *keys_of(const struct ui_config *config, const struct action_row *row)
{
    for (size_t i = 0; config && i < config->key_count; i++) {
        if (strcmp(config->keys[i].action, row->name) == 0)
            return config->keys[i].keys;
    }
    return row->keys;
}

enum rc keymap_check(const char *action, const char *keys, struct err *err)
{
    size_t bad = 0;

    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (strcmp(actions[i].name, action) != 0)
            continue;
        if (!keys_each(keys, NULL, &actions[i], &bad))
            return err_set(err, RC_INVALID, "key.%s: \"%.*s\" is no key; write x, F7, PgDn or ^S",
                           action, (int)strcspn(keys + bad, " "), keys + bad);
        return RC_OK;
    }
    return err_set(err, RC_INVALID, "key.%s: there is no such action", action);
}

struct keymap *keymap_new(const struct ui_config *config)
{
    struct keymap *map = mem_zero(1, sizeof *map);
    size_t bad;

    for (size_t i = 0; i < ACTION_COUNT; i++)
        (void)keys_each(keys_of(config, &actions[i]), map, &actions[i], &bad);
    return map;
}

void keymap_free(struct keymap *map)
{
    if (!map)
        return;
    free(map->items);
    free(map);
}

enum ui_action keymap_find(const struct keymap *map, enum ui_context context, int32_t code)
{
    for (size_t i = 0; i < map->count; i++) {
        if (map->items[i].context == context && map->items[i].code == code)
            return map->items[i].action;
    }
    return UI_DO_NOTHING;
}

/* ---- texts ---- */

void keymap_keys(const struct keymap *map, enum ui_context context, enum ui_action action, int max,
                 const char *between, struct buf *out)
{
    int shown = 0;

    for (size_t i = 0; i < map->count && shown < max; i++) {
        if (map->items[i].context != context || map->items[i].action != action)
            continue;
        if (shown++)
            buf_puts(out, between);
        key_to_name(map->items[i].code, out);
    }
}

bool keymap_key(const struct keymap *map, enum ui_context context, enum ui_action action, int nth,
                struct buf *out)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct binding *b = &map->items[i];

        if (b->context == context && b->action == action && nth-- == 0) {
            key_to_name(b->code, out);
            return true;
        }
    }
    return false;
}

static bool function_key(const struct keymap *map, const struct action_row *row, struct buf *out)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct binding *b = &map->items[i];

        if (b->context == row->context && b->action == row->action && b->code >= UI_KEY_F1 &&
            b->code <= UI_KEY_F12) {
            key_to_name(b->code, out);
            return true;
        }
    }
    return false;
}

/* The key that a hint names: a function key where there is one, because it works in every place. */
static void hint_key(const struct keymap *map, const struct action_row *row, bool is_short,
                     struct buf *out)
{
    if (row->hint_keys == HINT_PAIR && !is_short) {
        keymap_keys(map, row->context, row->action, 1, "", out);
        buf_putc(out, '/');
        keymap_keys(map, row->context, row[1].action, 1, "", out);
        return;
    }
    if (row->hint_keys > 0) {
        keymap_keys(map, row->context, row->action, row->hint_keys, "/", out);
        return;
    }
    if (!function_key(map, row, out))
        keymap_keys(map, row->context, row->action, 1, "", out);
    if (row->hint_keys == HINT_OR_ENTER && !is_short)
        buf_puts(out, _(" or Enter"));
}

void keymap_hints(const struct keymap *map, enum ui_context context, bool is_short, struct buf *out)
{
    size_t start = out->len;

    for (size_t i = 0; i < ACTION_COUNT; i++) {
        const struct action_row *row = &actions[i];
        const char *label = is_short ? row->brief : row->hint;
        size_t at = out->len;

        if (row->context != context || !label)
            continue;
        if (out->len > start)
            buf_puts(out, is_short ? " " : "  ");
        at = out->len;
        hint_key(map, row, is_short, out);
        if (out->len > at)
            buf_printf(out, "%s%s", is_short ? "" : " ", _(label));
    }
}

bool keymap_help(const struct keymap *map, enum ui_context context, size_t *at,
                 struct keymap_line *out)
{
    struct buf keys = { 0 };
    const struct action_row *row;
    size_t len;

    while (*at < ACTION_COUNT && (actions[*at].context != context || !actions[*at].help))
        ++*at;
    if (*at == ACTION_COUNT)
        return false;
    row = &actions[*at];
    out->label = _(row->help);
    out->action = row->action;
    while (*at < ACTION_COUNT && actions[*at].context == context && actions[*at].help &&
           strcmp(actions[*at].help, row->help) == 0) {
        if (keys.len)
            buf_puts(&keys, "   ");
        keymap_keys(map, context, actions[*at].action, 3, " ", &keys);
        ++*at;
    }
    len = keys.len < sizeof out->keys ? keys.len : sizeof out->keys - 1;
    memcpy(out->keys, buf_str(&keys), len);
    out->keys[len] = '\0';
    buf_done(&keys);
    return true;
}

void ui_keys_describe(const struct ui_config *config, struct buf *out)
{
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        const char *what = actions[i].help ? actions[i].help : actions[i].hint;

        buf_printf(out, "%s\t%s\t%s\n", actions[i].name, keys_of(config, &actions[i]),
                   what ? _(what) : "");
    }
}
