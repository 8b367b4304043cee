/* login and logout. The queue outlives both. */
#include "src/app/app.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"
#include "src/app/print.h"
#include "src/app/prompt.h"
#include "src/app/round.h"

struct login {
    struct app *app;
    const struct args *args;
    int stop_fd;
    bool may_ask; /* stdin is a terminal */
    char *server, *email, *password;
};

static void login_done(struct login *l)
{
    if (l->password)
        explicit_bzero(l->password, strlen(l->password));
    free(l->password);
    free(l->server);
    free(l->email);
    if (l->stop_fd >= 0)
        close(l->stop_fd);
}

/* Asks with a suggestion that Enter takes. */
static enum rc ask(struct login *l, const char *label, const char *suggestion, char **out,
                   struct err *err)
{
    struct buf prompt = { 0 };
    char *answer = NULL;
    enum rc rc;

    if (suggestion)
        buf_printf(&prompt, "%s [%s]: ", label, suggestion);
    else
        buf_printf(&prompt, "%s: ", label);
    rc = prompt_line(buf_str(&prompt), false, l->stop_fd, &answer, err);
    buf_done(&prompt);
    if (rc)
        return rc;
    if (!answer[0] && suggestion) {
        free(answer);
        answer = mem_strdup(suggestion);
    }
    *out = answer;
    return RC_OK;
}

/* What the command line left open: from the account that was here before, or asked for. */
static enum rc complete(struct login *l, struct err *err)
{
    struct accounts accounts = { .current = -1 };
    const struct account *known = NULL;
    const char *given = args_value(l->args, "user"), *file = args_value(l->args, "password-file");
    enum rc rc = accounts_read(l->app->paths.data_dir, &accounts, err);

    if (rc == RC_OK && accounts.current >= 0)
        known = &accounts.items[accounts.current];
    else if (rc == RC_OK && accounts.count == 1)
        known = &accounts.items[0];
    if (rc == RC_OK && l->app->server)
        l->server = mem_strdup(l->app->server);
    else if (rc == RC_OK && l->may_ask)
        rc = ask(l, _("Server"), known ? known->server : NULL, &l->server, err);
    else if (rc == RC_OK && known)
        l->server = mem_strdup(known->server);
    if (rc || l->app->token)
        goto out;
    if (given)
        l->email = mem_strdup(given);
    else if (l->may_ask)
        rc = ask(l, _("User"), known ? known->email : NULL, &l->email, err);
    else if (known && known->email)
        l->email = mem_strdup(known->email);
    if (rc)
        goto out;
    if (file)
        rc = prompt_read_secret(file, l->stop_fd, &l->password, err);
    else if (l->may_ask && l->server && l->email)
        rc = prompt_line(_("Password: "), true, l->stop_fd, &l->password, err);
out:
    accounts_done(&accounts);
    return rc;
}

/* Without a terminal there is nobody to ask. */
static bool lacks_something(const struct login *l, struct err *err)
{
    if (!l->server || !l->server[0])
        err_set(err, RC_INVALID, _("Which server? Give --server URL."));
    else if (!l->app->token && (!l->email || !l->email[0]))
        err_set(err, RC_INVALID, _("Who signs in? Give --user EMAIL."));
    else if (!l->app->token && !l->password)
        err_set(err, RC_INVALID,
                _("The password is missing. Give --password-file FILE, or - to read it from the "
                  "input."));
    else
        return false;
    return true;
}

static enum rc sign_in(struct login *l, struct err *err)
{
    struct sync_identity identity = { 0 };
    struct sync_sign_in how;
    char *db_path = NULL;
    enum rc rc;

    app_sign_in_options(l->app, &how);
    how.server = l->server;
    how.email = l->email;
    how.password = l->password;
    how.token = l->app->token;
    how.sign_up = args_has(l->args, "sign-up");
    how.stop_fd = l->stop_fd;
    rc = sync_sign_in(&how, &identity, err);
    if (rc == RC_OK)
        rc = session_keep(l->app, &identity, &db_path, err);
    sync_identity_done(&identity);
    free(db_path);
    return rc;
}

static enum rc print_signed_in(struct login *l, struct session *session, const struct round *round,
                               struct err *err)
{
    const char *label = account_label(&session->account);
    struct buf out = { 0 };
    int64_t count = 0;

    for (size_t i = 0; i < registry_count(l->app->registry); i++) {
        int64_t n = 0;
        enum rc rc = db_count(session->db, registry_at(l->app->registry, i), DB_VIEW_ALL, &n, err);
        if (rc)
            return rc;
        count += n;
    }
    if (args_has(l->args, "json")) {
        buf_puts(&out, "{\"account\":");
        json_put_string(&out, label, strlen(label));
        buf_puts(&out, ",\"server\":");
        json_put_string(&out, l->server, strlen(l->server));
        buf_printf(&out, ",\"complete\":%s,\"records\":%lld,\"pending\":%lld}",
                   round->is_complete ? "true" : "false", (long long)count,
                   (long long)round->queue.waiting);
        print_json(stdout, &out);
    } else {
        say(stdout,
            _("Signed in as %s. This device has %lld records and works without a connection "
              "now.\n"),
            label, (long long)count);
    }
    buf_done(&out);
    return RC_OK;
}

static enum rc first_sync(struct login *l, struct err *err)
{
    struct session session = { 0 };
    struct round round;
    enum rc rc = session_open(l->app, &session, err);

    if (rc == RC_OK)
        rc = round_run(l->app, &session, l->stop_fd, true, &round, err);
    if (rc == RC_OK)
        rc = print_signed_in(l, &session, &round, err);
    else if (session.db)
        complain(_(
            "You are signed in, but the first sync is not complete. It goes on from where it was: "
            "outpost sync"));
    session_close(&session);
    return rc;
}

int command_login(struct app *app, const struct args *args)
{
    struct login l = { .app = app, .args = args, .may_ask = isatty(STDIN_FILENO) != 0 };
    struct err err = { 0 };
    int code;
    enum rc rc;

    l.stop_fd = stop_open();
    rc = complete(&l, &err);
    if (rc == RC_OK && lacks_something(&l, &err)) {
        code = app_misused(args, &err);
        goto out;
    }
    if (rc == RC_OK)
        rc = sign_in(&l, &err);
    if (rc == RC_OK)
        rc = first_sync(&l, &err);
    code = rc ? app_fail(&err) : EXIT_DONE;
out:
    login_done(&l);
    return code;
}

static void print_signed_out(const struct session *session, int64_t waiting, bool is_json)
{
    const char *label = account_label(&session->account);
    struct buf out = { 0 };

    if (is_json) {
        buf_puts(&out, "{\"account\":");
        json_put_string(&out, label, strlen(label));
        buf_printf(&out, ",\"pending\":%lld}", (long long)waiting);
        print_json(stdout, &out);
    } else if (waiting) {
        say(stdout,
            ngettext("Signed out. %lld change is not sent; it is kept here for %s.\n",
                     "Signed out. %lld changes are not sent; they are kept here for %s.\n",
                     (unsigned long)waiting),
            (long long)waiting, label);
    } else {
        say(stdout, "%s\n", _("Signed out. All changes were sent."));
    }
    buf_done(&out);
}

/* First here, then at the backend: a network that hangs keeps nobody signed in. */
int command_logout(struct app *app, const struct args *args)
{
    struct session session = { 0 };
    struct db_account who = { 0 };
    struct db_queue_counts queue = { 0 };
    struct err err = { 0 };
    enum rc rc = session_open(app, &session, &err);

    if (rc == RC_OK)
        rc = db_account_read(session.db, &who, &err);
    if (rc == RC_OK)
        rc = db_queue_counts(session.db, &queue, &err);
    db_close(session.db);
    session.db = NULL;
    if (rc == RC_OK)
        rc = session_forget(app, session.db_path, &err);
    if (rc == RC_OK) {
        print_signed_out(&session, queue.waiting, args_has(args, "json"));
        fflush(stdout);
        if (who.token && !app->token)
            sync_sign_out(app->server ? app->server : who.server, who.token, app->ca_file,
                          app->insecure, -1);
    }
    db_account_done(&who);
    session_close(&session);
    return rc ? app_fail(&err) : EXIT_DONE;
}
