/* ui/draft.h: the text form of what is typed in a form: one flat JSON object, column name to typed
 * text.
 */
#ifndef UI_DRAFT_H
#define UI_DRAFT_H

#include <stddef.h>
#include "base/buf.h"
#include "ui/field.h"

/* Appends an object with every field that was changed. */
void draft_put(const struct field *fields, size_t count, struct buf *out);

/* Sets the fields that the object names; others, and what is not such an object, are left alone.
 * Returns how many. */
size_t draft_take(const char *json, struct field *fields, size_t count);

#endif
