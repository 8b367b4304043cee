/* ui/terminal.h: the terminal: found out, taken, given back as it was, on every way out.
 *
 * Threads  the UI thread. One at a time in a process (ui/rescue.h).
 */
#ifndef UI_TERMINAL_H
#define UI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include "base/buf.h"
#include "base/err.h"
#include "ui/put.h"
#include "ui/ui.h"

struct terminal;

/* Takes stdin and stdout. *note gets a sentence to show once (an unknown TERM), or stays empty.
 * RC_INVALID: it cannot show the screen, and the sentence says what to do instead. */
enum rc terminal_open(const struct ui_config *config, struct terminal **out, struct buf *note,
                      struct err *err);
/* Undoes every mode and frees. is_gone: it hung up, so nothing is written to it any more. */
void terminal_close(struct terminal *t, bool is_gone);

/* Around SIGTSTP: modes off, and on again with everything drawn anew. */
void terminal_leave(struct terminal *t);
void terminal_enter(struct terminal *t);

/* Writes what was drawn. A terminal that takes nothing for some seconds loses what waits in it,
 * instead of holding the program; false then: the next frame draws everything. */
bool terminal_update(struct terminal *t);

/* After SIGWINCH: asks for the size. */
void terminal_resized(struct terminal *t);
void terminal_redraw(struct terminal *t); /* the next frame clears and draws everything */

/* True when it takes output now. */
bool terminal_drains(const struct terminal *t);
/* True when it hung up: readable, and nothing to read. */
bool terminal_is_gone(const struct terminal *t);

const struct ui_look *terminal_look(const struct terminal *t);
/* The code that curses gives for a sequence of bytes; 0 or less: it is no key, or not yet. */
int terminal_key_of(const char *sequence);
bool terminal_lacks_function_keys(const struct terminal *t);
void terminal_alert(struct terminal *t);                /* bell or flash, as the config says */
/* Gives text to the terminal's clipboard (OSC 52); false when it is not one that knows this. */
bool terminal_copy(struct terminal *t, const char *s, size_t len);

#define TERMINAL_PASTE_START 01001
#define TERMINAL_PASTE_END 01002        /* key codes that curses is told of (above KEY_MAX) */
#define TERMINAL_SYNC_YES 01003         /* answers to whether it can hold a frame until it is whole */
#define TERMINAL_SYNC_NO 01004

/* What it answered. */
void terminal_set_sync(struct terminal *t, bool has_sync);

/* The order in which terminal types are tried for a TERM that is not known. NULL-terminated, at
 * most 4. */
void terminal_fallbacks(const char *term, const char *out[5]);

#endif
