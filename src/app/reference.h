/* src/app/reference.h: references as a person reads them, and types them. */
#ifndef APP_REFERENCE_H
#define APP_REFERENCE_H

#include <stdbool.h>
#include "base/buf.h"
#include "db/db.h"

/* Appends the title of the record that is meant. False, and nothing appended: col is no reference,
 * v has none, or the record is not on this device. */
bool reference_put_title(struct db *db, const struct registry *registry, const struct column *col,
                         const struct value *v, struct buf *out);

#endif
