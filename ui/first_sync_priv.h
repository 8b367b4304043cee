/* ui/first_sync_priv.h: the state of the first sync's screen, shared by first_sync.c (what is shown
 * when) and first_sync_draw.c. Private to them.
 */
#ifndef UI_FIRST_SYNC_PRIV_H
#define UI_FIRST_SYNC_PRIV_H

#include "ui/ui_priv.h"

enum first_button { BUTTON_RETRY, BUTTON_DETAILS, BUTTON_SIGN_OUT, BUTTON_COUNT };

/* What goes on is drawn part by part, one at each step, so that a step is few bytes. */
enum first_part { PART_BAR, PART_FIGURES, PART_ROW, PART_COUNT };

struct first_sync {
    const struct registry *registry;
    const struct clock *clock;
    struct sync_status shown[PART_COUNT];       /* what is drawn of each */
    enum first_part next;             /* the part whose turn it is */
    int64_t shown_ms;
    int64_t due_ms;             /* monotonic: look again; 0 */
    enum first_button button;
    bool has_details;
    char host[128];             /* of the server */
};

static inline bool first_sync_has_failed(const struct sync_status *s)
{
    return s->last.rc != RC_OK;
}

static inline bool first_sync_is_stopped(const struct first_sync *first)
{
    return first_sync_has_failed(&first->shown[PART_BAR]);
}

static inline const struct table *first_sync_table(const struct first_sync *first,
                                                   enum first_part part)
{
    const struct table *table = registry_find(first->registry, first->shown[part].table);

    return table ? table : registry_at(first->registry, 0);
}

static inline int first_sync_percent(const struct sync_status *s)
{
    int64_t done = s->done < s->total ? s->done : s->total;

    return s->total > 0 ? (int)(done * 100 / s->total) : 0;
}

void first_sync_draw(void *state, struct ui_canvas *c);

#endif
