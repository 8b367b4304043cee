/* doctor: what is wrong on this device and how to put it right; and what can still be had from a
 * store that does not open. It changes nothing unless --repair is given. */
#include "src/app/app.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "src/app/checkup.h"
#include "src/app/outfile.h"
#include "src/app/print.h"
#include "src/app/prompt.h"

/* ---- saying it ---- */

struct report {
    bool is_json;
    int ill;         /* findings that a person has to do something about */
    struct buf json; /* the findings so far */
};

static const char *const gravity_words[] = {
    [DB_NOTE] = N_("ok"),
    [DB_ILL] = N_("WRONG"),
    [DB_REPAIRABLE] = N_("WRONG"),
    [DB_REPAIRED] = N_("repaired"),
};
static const char *const gravity_names[] = {
    [DB_NOTE] = "note",
    [DB_ILL] = "wrong",
    [DB_REPAIRABLE] = "repairable",
    [DB_REPAIRED] = "repaired",
};

static void put_member(struct buf *out, const char *name, const char *text)
{
    struct buf shown = { 0 };

    text_display(text, strlen(text), TEXT_LINE, &shown);
    buf_printf(out, ",\"%s\":", name);
    json_put_string(out, buf_str(&shown), shown.len);
    buf_done(&shown);
}

static void report_finding(void *ctx, const struct db_finding *f)
{
    struct report *report = ctx;

    if (f->gravity == DB_ILL || f->gravity == DB_REPAIRABLE)
        report->ill++;
    if (report->is_json) {
        buf_printf(&report->json, "%s{\"gravity\":\"%s\"", report->json.len ? "," : "",
                   gravity_names[f->gravity]);
        put_member(&report->json, "code", f->code);
        put_member(&report->json, "what", f->what);
        put_member(&report->json, "safe", f->safe);
        put_member(&report->json, "todo", f->todo);
        buf_putc(&report->json, '}');
        return;
    }
    say(stdout, "%-8s  %s\n", _(gravity_words[f->gravity]), _(f->what));
    if (f->safe[0])
        say(stdout, _("          Safe: %s\n"), _(f->safe));
    if (f->todo[0])
        say(stdout, _("          Do:   %s\n"), _(f->todo));
}

static int report_end(struct report *report)
{
    if (report->is_json) {
        struct buf out = { 0 };
        buf_printf(&out, "{\"ok\":%s,\"findings\":[%s]}", report->ill ? "false" : "true",
                   buf_str(&report->json));
        print_json(stdout, &out);
        buf_done(&out);
    } else if (report->ill == 0) {
        say(stdout, "%s\n", _("All is well."));
    }
    buf_done(&report->json);
    return report->ill ? EXIT_ERROR : EXIT_DONE;
}

/* ---- rescue ---- */

static enum rc write_line(void *ctx, const struct buf *json, struct err *err)
{
    FILE *to = ctx;

    print_json(to, json);
    return ferror(to) ? err_set(err, RC_IO, _("the file can not be written")) : RC_OK;
}

static enum rc rescue_path(struct app *app, const struct args *args, char **out, struct err *err)
{
    struct accounts accounts = { .current = -1 };
    enum rc rc = RC_OK;

    if (args->word_count) {
        *out = mem_strdup(args->words[0]);
        return RC_OK;
    }
    rc = accounts_read(app->paths.data_dir, &accounts, err);
    if (rc == RC_OK && accounts.current < 0)
        rc = err_set(err, RC_AUTH,
                     _("Nobody is signed in: name the database file, as in outpost doctor "
                       "--rescue FILE DATABASE"));
    if (rc == RC_OK)
        *out = path_join(app->paths.data_dir, accounts.items[accounts.current].file);
    accounts_done(&accounts);
    return rc;
}

static void print_rescued(const struct args *args, const struct db_rescued *r, const char *db_path,
                          const char *path)
{
    struct buf json = { 0 };

    if (!args_has(args, "json")) {
        say(stderr,
            _("%lld changes and %lld records that wait are in %s; %lld rows could not be read.\n"
              "What was accepted is at the server. Move %s away, sign in again, and then: outpost "
              "import %s\n"),
            (long long)r->ops, (long long)r->records, path ? path : "-",
            (long long)(r->unreadable_ops + r->unreadable_records), db_path, path ? path : "-");
        return;
    }
    buf_printf(&json,
               "{\"changes\":%lld,\"records\":%lld,\"unreadableChanges\":%lld,"
               "\"unreadableRecords\":%lld}",
               (long long)r->ops, (long long)r->records, (long long)r->unreadable_ops,
               (long long)r->unreadable_records);
    print_json(path ? stdout : stderr, &json);
    buf_done(&json);
}

static int rescue(struct app *app, const struct args *args)
{
    struct db_rescued rescued = { 0 };
    struct outfile out = { 0 };
    struct err err = { 0 };
    char *path = NULL;
    int stop_fd = stop_open();
    enum rc rc = rescue_path(app, args, &path, &err);

    if (rc == RC_OK)
        rc = outfile_open(&out, args_value(args, "rescue"), &err);
    if (rc == RC_OK)
        rc = db_rescue(path, app->registry, write_line, out.to, &rescued, &err);
    if (rc == RC_OK)
        rc = outfile_finish(&out, &err);
    if (rc == RC_OK)
        print_rescued(args, &rescued, path, out.path);
    outfile_done(&out);
    free(path);
    if (stop_fd >= 0)
        close(stop_fd);
    if (rc)
        return app_fail(&err);
    return rescued.unreadable_ops || rescued.unreadable_records ? EXIT_ERROR : EXIT_DONE;
}

/* ---- the command ---- */

int command_doctor(struct app *app, const struct args *args)
{
    struct report report = { .is_json = args_has(args, "json") };
    struct checkup checkup = {
        .app = app,
        .is_repairing = args_has(args, "repair"),
        .is_online = args_has(args, "online"),
        .found = report_finding,
        .ctx = &report,
    };
    struct err err = { 0 };

    if (args_has(args, "rescue"))
        return rescue(app, args);
    if (args->word_count) {
        err_set(&err, RC_INVALID, _("a database is named only with --rescue FILE"));
        return app_misused(args, &err);
    }
    checkup_run(&checkup);
    return report_end(&report);
}
