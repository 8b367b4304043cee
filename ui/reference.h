/* ui/reference.h: references as a person sees them: by the title of the record that is meant,
 * picked from what matches the words typed.
 */
#ifndef UI_REFERENCE_H
#define UI_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include "db/store.h"

#define REFERENCE_MATCHES 5
#define REFERENCE_TITLE 128

struct reference {
    char id[ID_SIZE];
    char title[REFERENCE_TITLE];
};

/* The title of the record with that id in the column's table. False: it is not on this device. */
bool reference_title(struct db *db, const struct registry *registry, const struct column *column,
                     const char *id, char *out, size_t size);

/* The first records in which all the words occur. Returns how many. */
size_t reference_find(struct db *db, const struct registry *registry, const struct column *column,
                      const char *words, struct reference out[REFERENCE_MATCHES]);

#endif
