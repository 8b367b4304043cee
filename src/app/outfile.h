/* src/app/outfile.h: output to stdout, or to a file that appears whole under its name or not at
 * all. */
#ifndef APP_OUTFILE_H
#define APP_OUTFILE_H

#include <stdio.h>
#include "base/err.h"

struct outfile { /* all zero is valid; outfile_done after any outcome */
    FILE *to;
    char *path, *temporary; /* NULL: stdout */
};
/* path: NULL or "-" for stdout. The file is 0600. */
enum rc outfile_open(struct outfile *out, const char *path, struct err *err);
/* Durable under its name. */
enum rc outfile_finish(struct outfile *out, struct err *err);
/* Removes what was not finished. */
void outfile_done(struct outfile *out);

#endif
