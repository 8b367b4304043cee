#include "src/app/queue_change.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"
#include "src/app/form.h"
#include "src/app/print.h"
#include "src/app/prompt.h"

/* ---- discard ---- */

static char *default_path(const struct app *app)
{
    struct buf name = { 0 };
    int year, month, day;

    clock_today(clock_wall(app->clock), &year, &month, &day);
    buf_printf(&name, "discarded-%04d-%02d-%02d.jsonl", year, month, day);
    char *path = path_join(app->paths.data_dir, buf_str(&name));
    buf_done(&name);
    return path;
}

static enum rc confirm(const struct args *args, const char *path, struct err *err)
{
    struct buf label = { 0 };
    char *answer = NULL;
    enum rc rc;

    if (args_has(args, "yes"))
        return RC_OK;
    if (!isatty(STDIN_FILENO))
        return err_set(err, RC_INVALID,
                       _("There is no terminal to ask on: add --yes to discard the change."));
    buf_printf(&label,
               _("It goes to %s, and the record becomes the office's version again.\n"
                 "Discard this change? y or n: "),
               path);
    int stop_fd = stop_open();
    rc = prompt_line(buf_str(&label), false, stop_fd, &answer, err);
    if (stop_fd >= 0)
        close(stop_fd);
    if (rc == RC_OK && strcasecmp(answer, _("y")) != 0 && strcasecmp(answer, _("yes")) != 0)
        rc = err_set(err, RC_CANCELLED, _("nothing was discarded"));
    free(answer);
    buf_done(&label);
    return rc;
}

static void print_discarded(const struct args *args, const struct db_op *op, const char *path)
{
    struct buf out = { 0 };

    if (!args_has(args, "json")) {
        say(stdout, _("Discarded. It is kept in %s; outpost import takes it back.\n"), path);
        return;
    }
    buf_puts(&out, "{\"discarded\":");
    json_put_string(&out, op->op_id, strlen(op->op_id));
    buf_puts(&out, ",\"file\":");
    json_put_string(&out, path, strlen(path));
    buf_putc(&out, '}');
    print_json(stdout, &out);
    buf_done(&out);
}

enum rc queue_discard(struct app *app, struct session *session, const struct args *args,
                      const struct db_op *op, struct err *err)
{
    const char *named = args_value(args, "to");
    char *path = named ? mem_strdup(named) : default_path(app);
    struct buf json = { 0 }, line = { 0 };
    enum rc rc = confirm(args, path, err);

    if (rc)
        goto out;
    db_op_to_json(op, &json);
    json_harmless(buf_str(&json), json.len, &line);
    buf_putc(&line, '\n');
    rc = file_append_lines(path, &line, err); /* before the queue lets go of it */
    if (rc == RC_OK)
        rc = db_queue_discard(session->db, op, SYNC_WANT_NEW_RUN, err);
    if (rc == RC_NOT_FOUND)
        err_set(err, rc, _("The change was sent or edited meanwhile, and is not discarded."));
    if (rc == RC_OK)
        print_discarded(args, op, path);
out:
    buf_done(&json);
    buf_done(&line);
    free(path);
    return rc;
}

/* ---- edit ---- */

static enum rc print_edited(struct session *session, const struct args *args,
                            const struct db_saved *saved, struct err *err)
{
    struct db_op now = { 0 };
    struct buf json = { 0 };
    enum rc rc;

    if (!args_has(args, "json")) {
        say(stdout, "%s\n",
            saved->is_changed ? _("Changed; it will be sent again.")
                              : _("The record has these values already. To send the change again: "
                                  "outpost queue retry"));
        return RC_OK;
    }
    rc = db_queue_find(session->db, saved->client_id, &now, err);
    if (rc == RC_OK) {
        db_op_to_json(&now, &json);
        print_json(stdout, &json);
    }
    db_op_done(&now);
    buf_done(&json);
    return rc == RC_NOT_FOUND ? RC_OK : rc; /* it has been sent already */
}

enum rc queue_edit(struct app *app, struct session *session, const struct args *args,
                   const struct db_op *op, struct err *err)
{
    const struct table *table = registry_find(app->registry, op->table_name);
    struct form form = { 0 };
    struct db_saved saved;
    const char *pair;
    enum rc rc = RC_OK;

    if (!table)
        return err_set(err, RC_INVALID, _("The definition of table %.60s is missing here."),
                       op->table_name);
    form_init(&form, table);
    for (size_t at = 0; rc == RC_OK && (pair = args_next(args, "set", &at)) != NULL;)
        rc = form_set_typed(&form, pair, app->clock, err);
    if (rc == RC_OK)
        rc = db_queue_edit(session->db, op, form.values, form.is_set, &saved, err);
    if (rc == RC_NOT_FOUND)
        err_set(err, rc, _("The record is gone: the office removed it."));
    if (rc == RC_OK)
        rc = print_edited(session, args, &saved, err);
    form_done(&form);
    return rc;
}
