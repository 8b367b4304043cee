/* src/app/print.h: the only way to the terminal. Whatever a person reads goes through
 * text_display, whatever a program reads is JSON with every character that could hurt a terminal
 * escaped; so no byte of a record, a server or a definition reaches a terminal as it is.
 *
 * Errors  output that cannot be written is found by print_close. */
#ifndef APP_PRINT_H
#define APP_PRINT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/buf.h"
#include "base/err.h"

/* Formats, makes displayable (newlines stay), writes. */
void say(FILE *to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "outpost: SENTENCE" with a newline, on stderr. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Writes one JSON text and a newline. DEL, C1, bidi controls and what else is invisible become
 * \u escapes, which leave the value as it was. */
void print_json(FILE *to, const struct buf *json);
/* The same into a buffer. */
void json_harmless(const char *json, size_t len, struct buf *out);

/* Local time as YYYY-MM-DD HH:MM; the word "never" for 0. */
void put_time(int64_t wall_ms, struct buf *out);

/* Columns of the terminal that stdout is; 0 when it is none. */
int print_columns(void);

/* Flushes stdout. RC_IO when something could not be written; RC_CANCELLED when the reader has
 * gone away. */
enum rc print_close(struct err *err);

#endif
