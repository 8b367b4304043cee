/* base/text.h: what may be stored, what may be shown, and how wide it is.
 *
 * Everything that came from a record, a server, a definition or a file name goes through
 * text_display before a person sees it, on the screen and on the command line alike; data is
 * stored untouched. Display width is wcwidth's, because ncurses places cells by it.
 *
 * Locale   LC_CTYPE decides what can be shown: main sets it first. Without UTF-8 there, all but ASCII
 *          is shown as `?`. What is stored does not depend on it.
 * Source   Unicode 15 by utf8proc; UTF-8: RFC 3629; bidi controls: UAX #9; trojan source: CVE-2021-42574.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

/* Valid UTF-8 (no surrogates, no overlong forms, nothing over U+10FFFF) and free of U+0000. */
bool text_is_valid(const char *s, size_t len);

/* Unicode code points in valid UTF-8. */
size_t text_count(const char *s, size_t len);

/* True when there is nothing besides Unicode White_Space. */
bool text_is_blank(const char *s, size_t len);

/* Decodes one code point at s (len > 0). Returns the bytes used, at least 1; *cp is -1 for an invalid
 * byte, of which one is used. */
size_t text_next(const char *s, size_t len, int32_t *cp);

enum text_mode {
    TEXT_LINE,          /* newlines and tabs become one space */
    TEXT_LINES          /* newlines stay, for multi-line output; tabs become one space */
};

/* Appends a form of s that no terminal can be hurt by: invalid bytes and C0, DEL, C1 controls as `?`,
 * bidi controls, zero-width characters, BOM and unassigned ones as `?` too; U+200D stays only
 * between emoji; combining marks stay behind a base, at most 8 of them (more are left out; one
 * without a base is `?`). Newlines are LF, CRLF and Unicode's line and paragraph separators. */
void text_display(const char *s, size_t len, enum text_mode mode, struct buf *out);

/* Columns that a string made by text_display needs (sum of wcwidth). */
int text_width(const char *s, size_t len);

/* The longest head of a displayable string that fits width_cols, in bytes; *used gets its columns.
 * Marks stay with their base. */
size_t text_fit(const char *s, size_t len, int width_cols, int *used);

/* Appends s made displayable (as TEXT_LINE) and clipped to width_cols; cut text ends in `~`. Returns
 * columns written: one less than width_cols where a wide character did not fit beside the `~`. */
int text_clip(const char *s, size_t len, int width_cols, struct buf *out);

/* Appends the folded form for sorting and finding: NFKC, case folded, marks and ignorable characters
 * stripped, white space runs as one space and none at the ends; at most max_bytes (whole code points).
 * Invalid bytes are left out. */
void text_fold(const char *s, size_t len, size_t max_bytes, struct buf *out);

#endif
