/* src/app/prompt.h: asking a person, signals included. Every way out leaves the terminal as it
 * was found.
 *
 * Threads  main blocks the signals that stop_open reads before it starts any thread. */
#ifndef APP_PROMPT_H
#define APP_PROMPT_H

#include <stdbool.h>
#include "base/err.h"

/* Blocks HUP, INT, TERM and QUIT and gives a descriptor that becomes readable when one arrives;
 * -1 when there is none to be had. Yours to close; the signals stay blocked. */
int stop_open(void);
/* Has one arrived? Leaves it unread, so that everybody who polls sees it. */
bool stop_is_asked(int stop_fd);

/* Asks on the terminal that stdin is; the label goes to stderr. *out: yours; a secret is to be
 * wiped. RC_CANCELLED: end of input or a signal. RC_INVALID: stdin is no terminal. */
enum rc prompt_line(const char *label, bool is_secret, int stop_fd, char **out, struct err *err);

/* The first line of a file, "-" for stdin, as a secret. */
enum rc prompt_read_secret(const char *path, int stop_fd, char **out, struct err *err);

#endif
