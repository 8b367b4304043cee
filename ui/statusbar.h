/* ui/statusbar.h: the words of the status row. Pure: from a status to text; ui/frame.c draws them.
 */
#ifndef UI_STATUSBAR_H
#define UI_STATUSBAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "sync/sync.h"

struct statusbar {
    const struct sync_status *status;
    bool is_busy;               /* a round has been running for longer than 300 ms */
    bool has_more;              /* the screen says more behind it: the last sync is left out */
    bool is_disk_full;
    int64_t pending,
        failed; /* changes that wait, without the failed ones; changes that were refused */
};

/* "ONLINE", "OFFLINE" or "SYNCING". */
const char *statusbar_word(const struct statusbar *bar);

/* The left part, in pieces, because those that want a person are drawn bold. Returns how many. */
#define STATUSBAR_PARTS 4
struct statusbar_part {
    char text[96];
    bool is_alert;
};
size_t statusbar_parts(const struct statusbar *bar, bool is_narrow,
                       struct statusbar_part parts[STATUSBAR_PARTS]);

#endif
