/* src/app/reference.h: references as a person reads them, and types them. */
#ifndef APP_REFERENCE_H
#define APP_REFERENCE_H

#include <stdbool.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "db/db.h"

/* Appends the title of the record that is meant. False, and nothing appended: col is no reference,
 * v has none, or the record is not on this device. */
bool reference_put_title(struct db *db, const struct registry *registry, const struct column *col,
                         const struct value *v, struct buf *out);

/* The id of the record that was typed: an id, a title in any case, the beginning of an id, or words
 * that occur in one record only. RC_NOT_FOUND, or RC_INVALID with the records that it may be. */
enum rc reference_from_words(struct db *db, const struct registry *registry,
                             const struct column *col, const char *typed, char out[ID_SIZE],
                             struct err *err);

#endif
