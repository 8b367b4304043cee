/* src/app/queue_change.h: what `outpost queue` does to one change. */
#ifndef APP_QUEUE_CHANGE_H
#define APP_QUEUE_CHANGE_H

#include "src/app/app.h"

/* Writes the change to --to or to discarded-DATE.jsonl in the data directory, durably; then takes
 * it out of the queue. Asks on a terminal; without one, --yes must be given (RC_INVALID). *op is
 * the one that was shown; one that was edited or sent since stays (RC_NOT_FOUND). */
enum rc queue_discard(struct app *app, struct session *session, const struct args *args,
                      const struct db_op *op, struct err *err);

/* Sets the columns of --set in the change's record. */
enum rc queue_edit(struct app *app, struct session *session, const struct args *args,
                   const struct db_op *op, struct err *err);

#endif
