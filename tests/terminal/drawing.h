/* tests/terminal/drawing.h: whole screens that are held as text, in screens/NAME.COLSxROWS.txt.
 *
 * What differs from run to run is made the same before screens are compared: this host is called
 * `depot-4`, times of day are HH:MM and HH:MM:SS, and the backend listens on port 00000.
 * With OUTPOST_SCREENS=write in the environment the files are written instead of compared.
 */
#ifndef TESTS_TERMINAL_DRAWING_H
#define TESTS_TERMINAL_DRAWING_H

#include "tests/terminal/world.h"

struct step { /* keys to type, and the text to wait for then; NULL: nothing */
    const char *keys, *text;
};

void drawing_walk(struct term *t, const struct step *steps); /* up to a step without both */

/* The screen as it is compared. */
void drawing_text(struct world *w, struct term *t, struct buf *out);

/* Opens the program in each kind of terminal and each size, goes there, compares the screen with the
 * file, and leaves again by `back` (NULL: nothing is to be undone). Fails the test after the last
 * one, if any differs. */
void drawing_check(struct world *w, const char *name, const struct step *there,
                   const struct step *back);
/* Compares what is on the screen now. False, and both are printed: it differs. */
bool drawing_is(struct world *w, struct term *t, const char *name);

#endif
