/* src/app/checkup.h: what doctor looks at, outside the store and inside. */
#ifndef APP_CHECKUP_H
#define APP_CHECKUP_H

#include "src/app/app.h"

struct checkup {
    struct app *app;
    bool is_repairing; /* modes of files, and what db_doctor can */
    bool is_online;    /* make a round with the server, too */
    db_found *found;
    void *ctx;
    int64_t build_ms; /* private */
};

/* Everything, in the order in which one thing needs the other; what can not be looked at is a
 * finding as well. */
void checkup_run(struct checkup *c);

/* Is this file system one on which the store may be damaged (statfs f_type)? Its name, or NULL. */
const char *checkup_network_fs(long type);

#endif
