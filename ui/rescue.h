/* ui/rescue.h: the terminal given back when things go wrong: a crash, no memory, a terminal that
 * takes nothing.
 *
 * Threads  the UI thread. Signal handlers cannot be handed anything, so what they need is static
 *          here.
 */
#ifndef UI_RESCUE_H
#define UI_RESCUE_H

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>
#include <time.h>

/* After newterm: from now on a crash, or base/mem.h out of memory, writes `first` (at most 64
 * bytes) and what undoes curses' modes, and sets the line to `before`. */
void rescue_set(const struct termios *before, const char *first);
void rescue_reset(void);

/* All of it to the terminal; gives up when it is gone. */
void rescue_write(const char *bytes, size_t len);

/* HUP, TERM or QUIT waits to be read. */
bool rescue_end_is_asked(void);

#define GUARD_END_MS 200        /* a terminal that takes nothing holds the end no longer */

/* Between start and stop a write to the terminal that is not taken for wait_ms, or for GUARD_END_MS
 * once the end was asked for, loses what waits there, and goes on. */
struct guard {
    bool is_made;
    timer_t timer;
};
void guard_init(struct guard *g);
void guard_start(struct guard *g, int wait_ms);
bool guard_stop(struct guard *g);       /* true: something was lost */
void guard_done(struct guard *g);

#endif
