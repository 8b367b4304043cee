/* ui/look.h: looking through a list for the records that fit a filter, or hold words. That may mean
 * each record of a million, so it goes in parts: each looks at so many records that a key that is
 * pressed meanwhile does not wait.
 *
 * Threads  the UI thread, on its reading connection.
 * Owner    the caller; all zero is one that has ended; look_done frees.
 */
#ifndef UI_LOOK_H
#define UI_LOOK_H

#include <stdbool.h>
#include <stddef.h>
#include "db/store.h"
#include "ui/filter.h"

struct look_in {                /* where; borrowed for the call */
    const struct table *table;
    enum db_view view;
    size_t sort;
    const struct filter *where;
};

struct look {
    bool is_on;                 /* there is more to look at, and more is wanted */
    enum db_from from;
    struct value key;           /* where it goes on */
    char client_id[ID_SIZE];
    char *words;                /* to find besides the filter's; NULL: none */
    size_t wanted;              /* so many more records */
};

/* Begins (nothing is read yet); at: the record that from speaks of, or NULL. */
void look_start(struct look *look, enum db_from from, const struct record *at, const char *words,
                size_t wanted);
void look_done(struct look *look);

bool look_is_backward(const struct look *look);

/* One part: *found, in the order of the list, is the caller's. look->is_on says whether to go on. */
enum rc look_part(struct look *look, const struct look_in *in, struct db *db,
                  struct record_list *found, struct err *err);

/* The same, but only counts. */
enum rc look_count(struct look *look, const struct look_in *in, struct db *db, size_t *count,
                   struct err *err);

#endif
