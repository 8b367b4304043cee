/* ui/reference.h: references as a person sees them: by the title of the record that is meant,
 * picked from what matches the words typed.
 */
#ifndef UI_REFERENCE_H
#define UI_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include "db/store.h"
#include "ui/look.h"

#define REFERENCE_MATCHES 5
#define REFERENCE_TITLE 128

struct reference {
    char id[ID_SIZE];
    char title[REFERENCE_TITLE];
};

/* The title of the record with that id in the column's table. False: it is not on this device. */
bool reference_title(struct db *db, const struct registry *registry, const struct column *column,
                     const char *id, char *out, size_t size);

/* Begins to look for the first records in which all the words occur. */
void reference_find(struct look *look, const char *words);
/* Looks on, a part at a time while look->is_on; `count` are in out. Returns how many are then. */
size_t reference_look_on(struct look *look, struct db *db, const struct registry *registry,
                         const struct column *column, struct reference out[REFERENCE_MATCHES],
                         size_t count);

#endif
