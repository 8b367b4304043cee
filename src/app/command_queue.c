/* queue: every change that the backend has not accepted, why, and what can be done about it. */
#include "src/app/app.h"

#include <cjson/cJSON.h>
#include <string.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/text.h"
#include "src/app/outfile.h"
#include "src/app/print.h"
#include "src/app/queue_change.h"

#define TITLE_COLUMNS 40

static const char *const state_words[] = {
    [OP_QUEUED] = N_("waiting"),
    [OP_HELD] = N_("held"),
    [OP_FAILED] = N_("failed"),
};

/* "new", or the labels of what was changed. */
static void put_what(const struct db_op *op, const struct table *table, struct buf *out)
{
    struct err ignored;
    cJSON *set = NULL, *item;

    if (op->is_create) {
        buf_puts(out, _("new"));
        return;
    }
    if (json_parse(op->set, strlen(op->set), &set, &ignored) != RC_OK)
        return;
    cJSON_ArrayForEach(item, set)
    {
        const struct column *col = table ? table_column(table, item->string) : NULL;
        buf_printf(out, "%s%s", item->prev && item != set->child ? ", " : "",
                   col ? col->label : item->string);
    }
    cJSON_Delete(set);
}

static void put_title(struct db *db, const struct db_op *op, const struct table *table, int width,
                      struct buf *out)
{
    struct record rec = { 0 };
    struct buf raw = { 0 };
    struct err ignored;

    if (table && db_record_read(db, table, op->client_id, &rec, &ignored) == RC_OK)
        column_to_text(table->title, &rec.values[table->title->index], &raw);
    else
        buf_puts(&raw, op->client_id);
    text_clip(buf_str(&raw), raw.len, width, out);
    record_done(&rec);
    buf_done(&raw);
}

/* For a person: the shortest of the id's own parts that finds this change. For a program: all of
 * it; its place in the queue where the id cannot be read. */
static void put_id(struct db *db, const struct db_op *op, struct buf *out)
{
    static const int ends[] = { 8, 13, 18, 23 };
    char prefix[ID_SIZE];
    struct err ignored;

    for (size_t i = 0; print_columns() && id_is_valid(op->op_id) &&
                       i < sizeof ends / sizeof ends[0]; i++) {
        struct db_op found = { 0 };

        memcpy(prefix, op->op_id, (size_t)ends[i]);
        prefix[ends[i]] = '\0';
        if (db_queue_find(db, prefix, &found, &ignored) == RC_OK) {
            db_op_done(&found);
            buf_puts(out, prefix);
            return;
        }
    }
    if (id_is_valid(op->op_id))
        buf_puts(out, op->op_id);
    else
        buf_printf(out, "#%lld", (long long)op->seq);
}

static void print_op_line(struct db *db, const struct db_op *op)
{
    const struct table *table = registry_find(db_registry(db), op->table_name);
    struct buf line = { 0 }, title = { 0 };

    put_title(db, op, table, TITLE_COLUMNS, &title);
    put_id(db, op, &line);
    buf_printf(&line, "  %-7s  ", _(state_words[op->state]));
    put_time(op->created_at, &line);
    buf_printf(&line, "  %s%*s  ", buf_str(&title),
               TITLE_COLUMNS - text_width(buf_str(&title), title.len), "");
    put_what(op, table, &line);
    say(stdout, "%s\n", buf_str(&line));
    if (op->error)
        say(stdout, "    %s\n", op->error); /* the server's words */
    buf_done(&line);
    buf_done(&title);
}

static enum rc queue_list(struct session *session, bool is_json, struct err *err)
{
    struct db_ops ops = { 0 };
    enum rc rc = db_queue_list(session->db, &ops, err);

    for (size_t i = 0; rc == RC_OK && i < ops.count && !ferror(stdout); i++) {
        struct buf json = { 0 };

        if (is_json) {
            db_op_to_json(&ops.items[i], &json);
            print_json(stdout, &json);
        } else {
            print_op_line(session->db, &ops.items[i]);
        }
        buf_done(&json);
    }
    if (rc == RC_OK && ops.count == 0 && !is_json)
        say(stdout, "%s\n", _("All changes are sent."));
    db_ops_done(&ops);
    return rc;
}

/* "  Due  2026-11-20 -> 2026-11-22" for each column that was set. */
static void print_changes(const struct db_op *op, const struct table *table)
{
    struct err ignored;
    cJSON *set = NULL, *base = NULL, *item;

    if (json_parse(op->set, strlen(op->set), &set, &ignored) != RC_OK ||
        json_parse(op->base, strlen(op->base), &base, &ignored) != RC_OK)
        goto out;
    cJSON_ArrayForEach(item, set)
    {
        const struct column *col = table ? table_column(table, item->string) : NULL;
        const cJSON *old = json_get(base, item->string);
        struct buf line = { 0 };

        buf_printf(&line, "  %-12s ", col ? col->label : item->string);
        if (!op->is_create) {
            if (old)
                json_put(&line, old);
            else
                buf_puts(&line, "null");
            buf_puts(&line, " -> ");
        }
        json_put(&line, item);
        say(stdout, "%s\n", buf_str(&line));
        buf_done(&line);
    }
out:
    cJSON_Delete(set);
    cJSON_Delete(base);
}

static void print_op(struct db *db, const struct db_op *op)
{
    const struct table *table = registry_find(db_registry(db), op->table_name);
    struct buf text = { 0 };

    print_op_line(db, op);
    say(stdout, _("  Record       %s in %s\n  Change       %s\n"), op->client_id, op->table_name,
        op->op_id);
    put_time(op->sent_at, &text);
    say(stdout, _("  Last sent    %s\n"), buf_str(&text));
    if (op->retry_count)
        say(stdout, _("  Refused      %d times\n"), op->retry_count);
    if (op->error_code)
        say(stdout, _("  Code         %s\n"), op->error_code);
    print_changes(op, table);
    if (op->state == OP_FAILED)
        say(stdout, "%s\n",
            _("The change is safe on this device. Edit the record or ask your office, then: "
              "outpost queue retry"));
    buf_done(&text);
}

static enum rc find_op(struct session *session, const char *prefix, struct db_op *out,
                       struct err *err)
{
    enum rc rc = db_queue_find(session->db, prefix, out, err);

    if (rc == RC_NOT_FOUND)
        err_set(err, rc, _("No change waits under the id \"%.40s\"."), prefix);
    return rc;
}

static enum rc queue_show(struct session *session, const char *prefix, bool is_json,
                          struct err *err)
{
    struct db_op op = { 0 };
    struct buf json = { 0 };
    enum rc rc = find_op(session, prefix, &op, err);

    if (rc)
        return rc;
    if (is_json) {
        db_op_to_json(&op, &json);
        print_json(stdout, &json);
    } else {
        print_op(session->db, &op);
    }
    buf_done(&json);
    db_op_done(&op);
    return RC_OK;
}

static enum rc queue_retry(struct session *session, const struct args *args, struct err *err)
{
    int64_t count = 0, all = 0;
    enum rc rc = RC_OK;

    for (size_t i = 1; rc == RC_OK && i < args->word_count; i++) {
        struct db_op op = { 0 };

        rc = find_op(session, args->words[i], &op, err);
        if (rc == RC_OK)
            rc = db_queue_retry(session->db, op.op_id, &count, err);
        db_op_done(&op);
        all += count;
    }
    if (rc == RC_OK && args->word_count == 1)
        rc = db_queue_retry(session->db, NULL, &all, err);
    if (rc == RC_OK && args_has(args, "json")) {
        struct buf json = { 0 };
        buf_printf(&json, "{\"retried\":%lld}", (long long)all);
        print_json(stdout, &json);
        buf_done(&json);
    } else if (rc == RC_OK) {
        say(stdout,
            ngettext("%lld change will be sent again\n", "%lld changes will be sent again\n",
                     (unsigned long)all),
            (long long)all);
    }
    return rc;
}

static enum rc queue_export(struct session *session, const char *path, struct err *err)
{
    struct outfile out = { 0 };
    struct db_ops ops = { 0 };
    enum rc rc = db_queue_list(session->db, &ops, err);

    if (rc == RC_OK)
        rc = outfile_open(&out, path, err);
    for (size_t i = 0; rc == RC_OK && i < ops.count; i++) {
        struct buf json = { 0 };

        db_op_to_json(&ops.items[i], &json);
        print_json(out.to, &json);
        buf_done(&json);
    }
    if (rc == RC_OK)
        rc = outfile_finish(&out, err);
    if (rc == RC_OK && out.path)
        say(stderr, _("%zu changes in %s\n"), ops.count, out.path);
    outfile_done(&out);
    db_ops_done(&ops);
    return rc;
}

static enum rc run_list(struct app *app, struct session *session, const struct args *args,
                        struct err *err)
{
    (void)app;
    return queue_list(session, args_has(args, "json"), err);
}

static enum rc run_show(struct app *app, struct session *session, const struct args *args,
                        struct err *err)
{
    (void)app;
    return queue_show(session, args->words[1], args_has(args, "json"), err);
}

static enum rc run_retry(struct app *app, struct session *session, const struct args *args,
                         struct err *err)
{
    (void)app;
    return queue_retry(session, args, err);
}

static enum rc run_export(struct app *app, struct session *session, const struct args *args,
                          struct err *err)
{
    (void)app;
    return queue_export(session, args->word_count > 1 ? args->words[1] : NULL, err);
}

static enum rc run_edit(struct app *app, struct session *session, const struct args *args,
                        struct err *err)
{
    struct db_op op = { 0 };
    enum rc rc = find_op(session, args->words[1], &op, err);

    if (rc == RC_OK)
        rc = queue_edit(app, session, args, &op, err);
    db_op_done(&op);
    return rc;
}

static enum rc run_discard(struct app *app, struct session *session, const struct args *args,
                           struct err *err)
{
    struct db_op op = { 0 };
    enum rc rc = find_op(session, args->words[1], &op, err);

    if (rc == RC_OK) {
        if (!args_has(args, "yes") && !args_has(args, "json"))
            print_op(session->db, &op); /* what the question is about */
        rc = queue_discard(app, session, args, &op, err);
    }
    db_op_done(&op);
    return rc;
}

static const struct action {
    const char *name;
    size_t min_words, max_words; /* itself included */
    const char *options;         /* that are for it alone, apart by blanks */
    enum rc (*run)(struct app *app, struct session *session, const struct args *args,
                   struct err *err);
} actions[] = {
    { .name = "list", .min_words = 1, .max_words = 1, .options = "", .run = run_list },
    { .name = "show", .min_words = 2, .max_words = 2, .options = "", .run = run_show },
    { .name = "edit", .min_words = 2, .max_words = 2, .options = "set", .run = run_edit },
    { .name = "retry", .min_words = 1, .max_words = SIZE_MAX, .options = "", .run = run_retry },
    { .name = "discard", .min_words = 2, .max_words = 2, .options = "to yes", .run = run_discard },
    { .name = "export", .min_words = 1, .max_words = 2, .options = "", .run = run_export },
};

static enum rc check_options(const struct action *action, const struct args *args, struct err *err)
{
    static const char *const own[] = { "set", "to", "yes" };

    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        if (args_has(args, own[i]) && !strstr(action->options, own[i]))
            return err_set(err, RC_INVALID, _("queue %s takes no --%s"), action->name, own[i]);
    }
    if (action->run == run_edit && !args_has(args, "set"))
        return err_set(err, RC_INVALID,
                       _("What is to be changed? Give --set COLUMN=VALUE, once or more."));
    if (action->run == run_discard && args_has(args, "to") &&
        strcmp(args_value(args, "to"), "-") == 0)
        return err_set(err, RC_INVALID, _("queue discard --to wants the name of a file"));
    return RC_OK;
}

static const struct action *choose_action(const struct args *args, struct err *err)
{
    const char *name = args->word_count ? args->words[0] : "list";
    size_t words = args->word_count ? args->word_count : 1;

    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        const struct action *action = &actions[i];

        if (strcmp(action->name, name) != 0)
            continue;
        if (words < action->min_words || words > action->max_words) {
            err_set(err, RC_INVALID, _("queue %s: too few or too many words"), action->name);
            return NULL;
        }
        return check_options(action, args, err) == RC_OK ? action : NULL;
    }
    err_set(err, RC_INVALID,
            _("queue knows list, show, edit, retry, discard and export, not \"%.40s\""), name);
    return NULL;
}

int command_queue(struct app *app, const struct args *args)
{
    struct session session = { 0 };
    struct err err = { 0 };
    const struct action *action = choose_action(args, &err);
    enum rc rc;

    if (!action)
        return app_misused(args, &err);
    rc = session_open(app, &session, &err);
    if (rc == RC_OK)
        rc = action->run(app, &session, args, &err);
    session_close(&session);
    return rc ? app_fail(&err) : EXIT_DONE;
}
