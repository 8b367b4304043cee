/* status: what is known here, without asking anybody. */
#include "src/app/app.h"

#include <string.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "base/json.h"
#include "src/app/print.h"

struct state {
    struct session session;
    struct db_account who;
    struct db_state sync;
    struct db_queue_counts queue;
    pid_t holder;
    bool holder_is_stopped;
    bool all_complete, any_complete;
};

static enum rc read_state(struct app *app, struct state *s, struct err *err)
{
    struct db_lock *lock = NULL;
    enum rc rc = session_open(app, &s->session, err);

    if (rc == RC_OK)
        rc = db_account_read(s->session.db, &s->who, err);
    if (rc == RC_OK)
        rc = db_state_read(s->session.db, &s->sync, err);
    if (rc == RC_OK)
        rc = db_queue_counts(s->session.db, &s->queue, err);
    if (rc == RC_OK)
        rc = db_pull_is_complete(s->session.db, &s->all_complete, &s->any_complete, err);
    if (rc == RC_OK)
        rc = db_lock_open(s->session.db_path, &lock, err);
    if (rc == RC_OK) {
        s->holder = db_lock_holder(lock, &s->holder_is_stopped);
        db_lock_close(lock);
    }
    return rc;
}

/* Without a process that syncs, what one said of its work when it was killed is no longer so. */
static const char *sync_word(const struct state *s)
{
    if (strcmp(s->sync.phase, "blocked") == 0 || !s->who.token || !s->any_complete)
        return "blocked";
    if (s->holder == 0 || strcmp(s->sync.phase, "idle") == 0)
        return "idle";
    return "syncing";
}

static void put_text_or_null(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, ",\"%s\":", name);
    if (text && text[0])
        json_put_string(out, text, strlen(text));
    else
        buf_puts(out, "null");
}

static void put_ms_or_null(struct buf *out, const char *name, int64_t ms)
{
    buf_printf(out, ",\"%s\":", name);
    if (ms > 0)
        buf_put_i64(out, ms);
    else
        buf_puts(out, "null");
}

static void print_state_json(const struct app *app, const struct state *s)
{
    struct buf out = { 0 };

    buf_puts(&out, "{\"account\":");
    json_put_string(&out, account_label(&s->session.account),
                    strlen(account_label(&s->session.account)));
    put_text_or_null(&out, "server", app->server ? app->server : s->who.server);
    put_text_or_null(&out, "device", s->who.device_id);
    put_text_or_null(&out, "dataDir", app->paths.data_dir);
    buf_printf(&out, ",\"signedIn\":%s", s->who.token ? "true" : "false");
    put_text_or_null(&out, "network", s->sync.online ? "online" : "offline");
    put_text_or_null(&out, "sync", sync_word(s));
    buf_printf(&out, ",\"byChoice\":%s", s->sync.work_offline ? "true" : "false");
    buf_printf(&out,
               ",\"complete\":%s,\"pending\":%lld,\"failed\":%lld,\"held\":%lld,\"syncProcess\":",
               s->all_complete ? "true" : "false", (long long)s->queue.waiting,
               (long long)s->queue.failed, (long long)s->queue.held);
    if (s->holder)
        buf_put_i64(&out, s->holder);
    else
        buf_puts(&out, "null");
    put_ms_or_null(&out, "lastSync", s->sync.last_ok);
    put_ms_or_null(&out, "nextTry", s->sync.next_try);
    put_text_or_null(&out, "lastError", s->sync.error);
    put_text_or_null(&out, "lastErrorCode", s->sync.error_code);
    buf_putc(&out, '}');
    print_json(stdout, &out);
    buf_done(&out);
}

static void print_state(const struct app *app, const struct state *s)
{
    struct buf when = { 0 };

    say(stdout, _("Account    %s\n"), account_label(&s->session.account));
    say(stdout, _("Server     %s\n"), app->server ? app->server : s->who.server);
    say(stdout, _("Device     %s, in %s\n"), s->who.device_id, app->paths.data_dir);
    say(stdout, _("Network    %s\n"),
        s->sync.online         ? _("online at the last contact")
        : s->sync.work_offline ? _("offline, because you chose so")
                               : _("offline"));
    say(stdout, _("Changes    %lld pending, %lld failed, %lld held\n"), (long long)s->queue.waiting,
        (long long)s->queue.failed, (long long)s->queue.held);
    put_time(s->sync.last_ok, &when);
    say(stdout, _("Last sync  %s\n"), buf_str(&when));
    if (s->sync.error[0])
        say(stdout, _("Last error %s\n"), s->sync.error);
    if (s->holder && s->holder_is_stopped)
        say(stdout, _("Process %ld holds the store and is stopped.\n"), (long)s->holder);
    else if (s->holder)
        say(stdout, _("Process %ld keeps this device in sync.\n"), (long)s->holder);
    if (!s->who.token)
        say(stdout, "%s\n",
            _("The session is over: outpost login. You can go on working; nothing is lost."));
    if (!s->all_complete)
        say(stdout, "%s\n", _("The first sync of this device is not complete: outpost sync"));
    buf_done(&when);
}

int command_status(struct app *app, const struct args *args)
{
    struct state s = { 0 };
    struct err err = { 0 };
    enum rc rc = read_state(app, &s, &err);

    if (rc == RC_OK && args_has(args, "json"))
        print_state_json(app, &s);
    else if (rc == RC_OK)
        print_state(app, &s);
    db_account_done(&s.who);
    session_close(&s.session);
    return rc ? app_fail(&err) : EXIT_DONE;
}
