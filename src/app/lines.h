/* src/app/lines.h: lines of a file of any size, with bounded memory. */
#ifndef APP_LINES_H
#define APP_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

struct lines {        /* all zero but fd and max_bytes is a start */
    int fd;           /* borrowed */
    size_t max_bytes; /* of one line */
    int64_t number;   /* of the line last read, from 1 */
    struct buf line;  /* without its newline; valid until the next read */
    bool is_too_long; /* the line was longer: it was skipped, and `line` is empty */
    struct buf rest;  /* private */
    size_t rest_at;
    bool is_at_end;
};
/* RC_NOT_FOUND: no more lines. RC_IO. */
enum rc lines_next(struct lines *lines, struct err *err);
/* False when the next line would have to be waited for. */
bool lines_is_ready(const struct lines *lines);
void lines_done(struct lines *lines);

#endif
