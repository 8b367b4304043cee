/* What an op says was there before it: the backend takes from that what is a conflict. It must be
 * what the user saw before the first of his edits, or a value of his own that was accepted. */
#include "tests/simulation/sim.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

void base_done(struct model_record *r)
{
    for (int d = 0; d < DEVICES; d++) {
        for (size_t i = 0; i < COLUMNS_MAX; i++) {
            for (int n = 0; n < r->seen[d][i].count; n++)
                free(r->seen[d][i].values[n]);
            free(r->seen[d][i].values);
        }
    }
}

/* Which write of the user's it is, the newest with this value; 0: none. */
static int own_write(const struct writes *w, const char *json)
{
    for (int n = w->count; n > 0; n--)
        if (strcmp(w->values[n - 1], json) == 0)
            return n;
    return 0;
}

void base_saw(struct model_record *r, int device, size_t column, const char *json)
{
    const struct writes *w = &r->writes[device][column];
    struct seen *seen = &r->seen[device][column];
    int newest_settled = w->accepted > w->withdrawn ? w->accepted : w->withdrawn;

    /* What only he himself has written so far is nobody else's to be overwritten. When nothing of his waits any
     * more, what he sees is what the backend has, though he may have typed the same once and changed it again. */
    if (json == NULL || (own_write(w, json) > newest_settled && !writes_are_settled(w)))
        return;
    if (seen->count == seen->room) {
        seen->room = seen->room == 0 ? 4 : seen->room * 2;
        seen->values = mem_grow(seen->values, (size_t)seen->room, sizeof *seen->values);
    }
    seen->values[seen->count++] = mem_strdup(json);
}

bool base_is_right(const struct model_record *r, int device, size_t column, const char *json)
{
    const struct writes *w = &r->writes[device][column];
    const struct seen *seen = &r->seen[device][column];

    for (int n = 0; n < seen->count; n++)
        if (strcmp(seen->values[n], json) == 0)
            return true;
    for (int n = 0; n < w->accepted; n++)
        if (strcmp(w->values[n], json) == 0)
            return true;
    return false;
}
