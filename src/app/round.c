#include "src/app/round.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "base/log.h"
#include "base/text.h"
#include "src/app/print.h"
#include "src/app/prompt.h"

#define PROGRESS_EVERY_MS 250

struct waiting {
    struct app *app;
    struct db *db;
    struct sync *sync;
    struct db_bell *bell;
    int stop_fd;
    int64_t id; /* of our request */
    bool has_progress;
    int64_t shown_at; /* monotonic */
    int shown_width;  /* columns of the progress line that stands there */
    struct sync_status status;
};

static void clear_progress(struct waiting *w)
{
    if (w->shown_width)
        fprintf(stderr, "\r%*s\r", w->shown_width, "");
    w->shown_width = 0;
}

static void show_progress(struct waiting *w)
{
    const struct sync_status *s = &w->status;
    int64_t now = clock_mono(w->app->clock);
    struct buf line = { 0 };

    if (!w->has_progress || (w->shown_width && now - w->shown_at < PROGRESS_EVERY_MS))
        return;
    if (s->phase == SYNC_INITIAL && s->total > 0)
        buf_printf(&line, _("First sync, table %d of %d: %s, %lld of %lld"), s->table_number,
                   s->table_count, s->table, (long long)(s->done < s->total ? s->done : s->total),
                   (long long)s->total);
    else if (s->phase == SYNC_INITIAL)
        buf_printf(&line, _("First sync, table %d of %d: %s, %lld"), s->table_number,
                   s->table_count, s->table, (long long)s->done);
    else if (s->phase == SYNC_PUSHING)
        buf_printf(&line, _("Sending %lld of %lld"), (long long)s->done, (long long)s->total);
    else if (s->phase == SYNC_PULLING)
        buf_printf(&line, _("Getting %lld"), (long long)s->done);
    if (line.len) {
        struct buf shown = { 0 };
        int width = text_clip(line.data, line.len, 78, &shown);

        fprintf(stderr, "\r%s%*s", buf_str(&shown),
                w->shown_width > width ? w->shown_width - width : 0, "");
        w->shown_width = width;
        w->shown_at = now;
        buf_done(&shown);
    }
    buf_done(&line);
}

/* The result of our request, if it is there. */
static bool is_answered(struct waiting *w, enum rc *rc, struct err *err)
{
    struct db_state state;

    *rc = db_state_read(w->db, &state, err);
    if (*rc)
        return true;
    if (state.answered_id < w->id)
        return false;
    *rc = (enum rc)state.answered_rc;
    if (*rc) {
        err_set(err, *rc, "%s",
                state.error[0]      ? state.error
                : *rc == RC_CORRUPT ? _("The store is damaged. See: outpost doctor.")
                                    : _("the sync round failed"));
        err_code(err, state.error_code);
    }
    return true;
}

static enum rc wait_for_answer(struct waiting *w, struct err *err)
{
    enum rc rc;

    for (;;) {
        struct pollfd fds[3] = {
            { .fd = w->stop_fd, .events = POLLIN },
            { .fd = sync_status_fd(w->sync), .events = POLLIN },
            { .fd = db_bell_fd(w->bell), .events = POLLIN },
        };

        sync_status_read(w->sync, &w->status);
        show_progress(w);
        if (is_answered(w, &rc, err))
            return rc;
        if (w->status.untold.rc) {
            *err = w->status.untold;
            return err->rc;
        }
        if (w->status.holder_is_stopped)
            return err_set(err, RC_BUSY, _("Process %ld holds the store and is stopped."),
                           (long)w->status.holder);
        if (poll(fds, 3, -1) < 0 && errno != EINTR)
            return err_sys(err, RC_IO, errno, _("cannot wait for the sync"));
        if (fds[0].revents)
            return err_set(err, RC_CANCELLED, _("stopped; what has arrived is kept"));
        if (fds[2].revents)
            db_bell_read(w->bell);
    }
}

/* What is left, also after a failure. */
static enum rc read_rest(struct session *session, const struct db_queue_counts *before,
                         struct round *out, struct err *err)
{
    bool any;
    enum rc rc = db_queue_counts(session->db, &out->queue, err);

    if (rc == RC_OK)
        rc = db_pull_is_complete(session->db, &out->is_complete, &any, err);
    if (before->waiting > out->queue.waiting)
        out->sent = before->waiting - out->queue.waiting;
    return rc;
}

enum rc round_run(struct app *app, struct session *session, int stop_fd, bool has_progress,
                  struct round *out, struct err *err)
{
    struct waiting w = {
        .app = app,
        .db = session->db,
        .stop_fd = stop_fd,
        .has_progress = has_progress && isatty(STDERR_FILENO),
    };
    struct db_queue_counts before = { 0 };
    struct sync_options options;
    struct err after = { 0 };
    enum rc rc;

    *out = (struct round){ 0 };
    app_sync_options(app, session->db_path, &options);
    rc = db_queue_counts(session->db, &before, err);
    if (rc == RC_OK)
        rc = db_bell_open(session->db_path, &w.bell, err);
    if (rc == RC_OK)
        rc = db_state_want(session->db, SYNC_WANT_NOW, &w.id, err);
    if (rc == RC_OK)
        rc = sync_start(&options, &w.sync, err);
    if (rc == RC_OK)
        rc = wait_for_answer(&w, err);
    clear_progress(&w);
    out->is_ours = w.status.holder == getpid();
    out->pulled = w.status.pulled_in_all;
    sync_stop(w.sync);
    db_bell_close(w.bell);
    if (read_rest(session, &before, out, &after) != RC_OK && rc == RC_OK) {
        *err = after;
        rc = after.rc;
    }
    log_info("app", "a round was asked for: %s", rc_name(rc));
    return rc;
}
