/* ui/flat.h: walks a JSON object that holds no other objects (drafts, the columns of an op), member
 * by member. For JSON that db/ wrote; the general parser and its trees stay out of ui/.
 */
#ifndef UI_FLAT_H
#define UI_FLAT_H

#include <stdbool.h>
#include "base/buf.h"

/* *at: the object's text at first, then where the walk stands. False: no further member, or not
 * such an object. *value: a string decoded, or another value (number, true, false, null) as it is
 * written. */
bool flat_next(const char **at, struct buf *name, struct buf *value, bool *is_string);

#endif
