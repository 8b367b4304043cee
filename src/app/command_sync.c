/* sync: one whole round now; with --follow it stays and syncs as the screen would. */
#include "src/app/app.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "base/json.h"
#include "src/app/follow.h"
#include "src/app/print.h"
#include "src/app/prompt.h"
#include "src/app/round.h"

/* One second: between the return of a server that refused connections, of which no system tells,
 * and the delivery of what waits here, there may be two. The engine's own backoff grows to
 * minutes, which is right for a crowd of screens, but too slow for the one service that a person
 * set up to deliver. */
#define LOOK_AGAIN_MS 1000

static void print_round(const struct round *round, bool is_json)
{
    struct buf out = { 0 };

    if (is_json) {
        buf_printf(&out, "{\"sent\":%lld,\"received\":", (long long)round->sent);
        if (round->is_ours)
            buf_put_i64(&out, round->pulled);
        else
            buf_puts(&out, "null");
        buf_printf(&out, ",\"pending\":%lld,\"failed\":%lld,\"held\":%lld,\"complete\":%s}",
                   (long long)round->queue.waiting, (long long)round->queue.failed,
                   (long long)round->queue.held, round->is_complete ? "true" : "false");
        print_json(stdout, &out);
    } else {
        say(stdout, _("%lld sent, %lld received.\n"), (long long)round->sent,
            (long long)round->pulled);
        if (round->queue.failed)
            say(stdout,
                ngettext("%lld change was refused; see: outpost queue\n",
                         "%lld changes were refused; see: outpost queue\n",
                         (unsigned long)round->queue.failed),
                (long long)round->queue.failed);
        if (round->queue.waiting > round->queue.failed)
            say(stdout, _("%lld pending.\n"),
                (long long)(round->queue.waiting - round->queue.failed));
    }
    buf_done(&out);
}

static int sync_once(struct app *app, const struct args *args, struct session *session, int stop_fd)
{
    struct round round;
    struct err err = { 0 };
    enum rc rc = round_run(app, session, stop_fd, !args_has(args, "json"), &round, &err);

    if (rc == RC_OK || args_has(args, "json"))
        print_round(&round, args_has(args, "json"));
    if (rc)
        return app_fail(&err);
    return round.queue.failed ? EXIT_FAILED : EXIT_DONE;
}

/* ---- --follow ---- */

static void print_events(struct app *app, const struct follow_events *events, bool is_json)
{
    int64_t now = clock_wall(app->clock);

    for (size_t i = 0; i < events->count; i++) {
        const struct follow_event *event = &events->items[i];
        struct buf line = { 0 };

        if (is_json) {
            buf_printf(&line,
                       "{\"at\":%lld,\"event\":\"%s\",\"count\":%lld,\"message\":", (long long)now,
                       follow_name(event->what), (long long)event->count);
            json_put_string(&line, event->message, strlen(event->message));
            buf_putc(&line, '}');
            print_json(stdout, &line);
        } else {
            char when[24];

            clock_hhmmss(now, when, sizeof when);
            follow_sentence(event, &line);
            say(stdout, "%s %s\n", when, buf_str(&line));
        }
        buf_done(&line);
    }
}

/* Work that waits for a server that is not there: nobody tells when it comes back, so it is
 * looked for. */
static bool should_look_again(const struct sync_status *s)
{
    return s->net == SYNC_OFFLINE && !s->is_by_choice && !s->needs_sign_in &&
           s->holder == getpid() && s->last.rc == RC_NETWORK && strcmp(s->last.code, "busy") != 0 &&
           s->waiting > s->failed + s->held;
}

static enum rc follow(struct app *app, struct sync *sync, int stop_fd, bool is_json,
                      struct err *err)
{
    struct sync_status before = { 0 }, now;
    int64_t asked_at = clock_mono(app->clock);
    bool is_first = true;

    for (;;) {
        struct pollfd fds[2] = {
            { .fd = stop_fd, .events = POLLIN },
            { .fd = sync_status_fd(sync), .events = POLLIN },
        };
        struct follow_events events;
        int wait_ms = -1;

        sync_status_read(sync, &now);
        follow_compare(is_first ? NULL : &before, &now, &events);
        print_events(app, &events, is_json);
        fflush(stdout);
        if (ferror(stdout))
            return RC_OK; /* print_close says why */
        before = now;
        is_first = false;
        if (should_look_again(&now)) {
            int64_t left = asked_at + LOOK_AGAIN_MS - clock_mono(app->clock);
            if (left <= 0) {
                asked_at = clock_mono(app->clock);
                sync_ask(sync, SYNC_NOW);
                left = LOOK_AGAIN_MS;
            }
            wait_ms = (int)left;
        }
        if (poll(fds, 2, wait_ms) < 0 && errno != EINTR)
            return err_sys(err, RC_IO, errno, _("cannot wait for the sync"));
        if (fds[0].revents)
            return RC_OK;
    }
}

static int sync_follow(struct app *app, const struct args *args, struct session *session,
                       int stop_fd)
{
    struct sync_options options;
    struct sync *sync = NULL;
    struct err err = { 0 };
    enum rc rc;

    /* The worker has connections of its own; an idle one of ours would only hold the log file's
     * room. */
    db_close(session->db);
    session->db = NULL;
    app_sync_options(app, session->db_path, &options);
    rc = sync_start(&options, &sync, &err);
    if (rc == RC_OK)
        rc = follow(app, sync, stop_fd, args_has(args, "json"), &err);
    sync_stop(sync);
    return rc ? app_fail(&err) : EXIT_DONE;
}

int command_sync(struct app *app, const struct args *args)
{
    struct session session = { 0 };
    struct err err = { 0 };
    int stop_fd =
        stop_open(); /* before the worker starts, so that it has the signals blocked too */
    int code;

    if (session_open(app, &session, &err) != RC_OK)
        code = app_fail(&err);
    else if (args_has(args, "follow"))
        code = sync_follow(app, args, &session, stop_fd);
    else
        code = sync_once(app, args, &session, stop_fd);
    session_close(&session);
    if (stop_fd >= 0)
        close(stop_fd);
    return code;
}
