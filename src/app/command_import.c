/* import: JSON Lines with wire names, through the same validated path as a form. Memory is
 * bounded by one line and one transaction; what was imported before a kill stays. */
#include "src/app/app.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/text.h"
#include "src/app/form.h"
#include "src/app/lines.h"
#include "src/app/print.h"
#include "src/app/prompt.h"

#define BATCH 500
#define LINE_BYTES_MAX (6u * RECORD_JSON_MAX) /* every byte of a record may be written as \u00XX */
#define REFUSALS_SHOWN 100

struct tally {
    int64_t created, changed, unchanged;
};

struct import {
    struct app *app;
    const struct table *table;
    struct session session;
    struct form form;
    struct lines lines;
    const char *name; /* of the input */
    int64_t in_batch;
    struct tally tally, committed; /* with and without the open transaction */
    int64_t refused;
    struct buf refusals; /* JSON, the first of them */
};

/* What an export carries besides the columns: said by the backend or by us, so never taken from
 * a file. */
static bool is_ours(const char *name)
{
    static const char *const names[] = { "serverId",  "rev",    "updatedAt",
                                         "deletedAt", "userId", "syncStatus" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

/* A change, as queue export, queue discard and doctor --rescue write it: what it sets is what is
 * imported. */
static enum rc read_change(struct import *im, const cJSON *json, const char **client_id,
                           int64_t *created_at, struct err *err)
{
    const char *table = json_get_string(json, "table");
    const cJSON *set = json_get(json, "set"), *item;

    *client_id = json_get_string(json, "clientId");
    if (!*client_id || !id_is_valid(*client_id))
        return err_set(err, RC_INVALID, _("clientId is a lower-case UUID"));
    if (!table || strcmp(table, im->table->name) != 0)
        return err_set(err, RC_INVALID, _("a change of table %.60s; for those: --table %.60s"),
                       table ? table : "?", table ? table : "?");
    if (!cJSON_IsObject(set))
        return err_set(err, RC_INVALID, _("what this change sets can not be read"));
    if (!json_get_i64(json, "createdAt", created_at) || *created_at < 0 ||
        *created_at > CLOCK_MAX_MS)
        *created_at = 0;
    cJSON_ArrayForEach(item, set)
    {
        enum rc rc = form_set_json(&im->form, item->string, item, err);
        if (rc)
            return rc;
    }
    return RC_OK;
}

static enum rc read_object(struct import *im, const cJSON *json, const char **client_id,
                           int64_t *created_at, struct err *err)
{
    const cJSON *item;

    if (!cJSON_IsObject(json))
        return err_set(err, RC_INVALID, _("a line is one JSON object"));
    *client_id = NULL;
    *created_at = 0;
    if (cJSON_IsObject(json_get(json, "set")) || json_get(json, "opId"))
        return read_change(im, json, client_id, created_at, err);
    cJSON_ArrayForEach(item, json)
    {
        enum rc rc = RC_OK;

        if (strcmp(item->string, "clientId") == 0) {
            *client_id = json_get_string(json, "clientId");
            if (!*client_id || !id_is_valid(*client_id))
                rc = err_set(err, RC_INVALID, _("clientId is a lower-case UUID"));
        } else if (strcmp(item->string, "createdAt") == 0) {
            if (!json_get_i64(json, "createdAt", created_at) || *created_at < 0 ||
                *created_at > CLOCK_MAX_MS)
                rc = err_set(err, RC_INVALID, _("createdAt is a time in ms since 1970"));
        } else if (strcmp(item->string, "deletedAt") == 0 && !cJSON_IsNull(item)) {
            rc = err_set(err, RC_INVALID, _("the record is deleted (deletedAt)"));
        } else if (!is_ours(item->string)) {
            rc = form_set_json(&im->form, item->string, item, err);
        }
        if (rc)
            return rc;
    }
    return RC_OK;
}

static enum rc import_object(struct import *im, const cJSON *json, struct err *err)
{
    struct db_edit edit = {
        .table = im->table,
        .if_missing = DB_MISSING_CREATE,
        .values = im->form.values,
        .is_set = im->form.is_set,
    };
    struct db_saved saved;
    enum rc rc;

    /* From a rescue: a record whose change stands on a line of its own. */
    if (cJSON_IsObject(json_get(json, "record"))) {
        im->tally.unchanged++;
        return RC_OK;
    }
    form_clear(&im->form);
    rc = read_object(im, json, &edit.client_id, &edit.created_at, err);
    if (rc == RC_OK)
        rc = db_save(im->session.db, &edit, &saved, err);
    if (rc)
        return rc;
    if (saved.is_new)
        im->tally.created++;
    else if (saved.is_changed)
        im->tally.changed++;
    else
        im->tally.unchanged++;
    return RC_OK;
}

static void refuse(struct import *im, const struct err *err)
{
    if (im->refused++ < REFUSALS_SHOWN) {
        struct buf shown = { 0 };

        text_display(err->msg, strlen(err->msg), TEXT_LINE, &shown);
        complain(_("%s: line %lld: %s"), im->name, (long long)im->lines.number, err->msg);
        buf_printf(&im->refusals, "%s{\"line\":%lld,\"message\":", im->refusals.len ? "," : "",
                   (long long)im->lines.number);
        json_put_string(&im->refusals, buf_str(&shown), shown.len);
        buf_putc(&im->refusals, '}');
        buf_done(&shown);
    } else if (im->refused == REFUSALS_SHOWN + 1) {
        complain(_("%s: more lines are refused; they are only counted from here"), im->name);
    }
}

static enum rc import_line(struct import *im, struct err *err)
{
    cJSON *json = NULL;
    enum rc rc;

    if (im->lines.is_too_long)
        rc = err_set(err, RC_INVALID, _("the line is longer than %u bytes"), LINE_BYTES_MAX);
    else if (text_is_blank(buf_str(&im->lines.line), im->lines.line.len))
        return RC_OK;
    else
        rc = json_parse(buf_str(&im->lines.line), im->lines.line.len, &json, err);
    if (rc == RC_OK)
        rc = import_object(im, json, err);
    cJSON_Delete(json);
    if (rc == RC_INVALID || rc == RC_NOT_FOUND) {
        refuse(im, err);
        rc = RC_OK;
    }
    return rc;
}

static enum rc end_batch(struct import *im, struct err *err)
{
    enum rc rc;

    if (im->in_batch == 0)
        return RC_OK;
    im->in_batch = 0;
    rc = db_batch_end(im->session.db, err);
    if (rc == RC_OK)
        im->committed = im->tally;
    return rc;
}

/* Batches: an import of 100,000 lines waits for the disk 200 times, and not once for each. */
static enum rc import_all(struct import *im, int stop_fd, struct err *err)
{
    for (;;) {
        enum rc rc = RC_OK;

        /* Who waits for input holds up nobody who wants to save. */
        if (!lines_is_ready(&im->lines))
            rc = end_batch(im, err);
        if (rc)
            return rc;
        rc = lines_next(&im->lines, err);

        if (rc) {
            /* The lines before the one that could not be read are good. */
            struct err end = { 0 };
            enum rc ended = end_batch(im, &end);
            if (rc == RC_NOT_FOUND && ended)
                *err = end;
            return rc == RC_NOT_FOUND ? ended : rc;
        }
        if (im->in_batch == 0)
            rc = db_batch_begin(im->session.db, err);
        if (rc == RC_OK) {
            im->in_batch++;
            rc = import_line(im, err);
            if (rc)
                db_batch_cancel(im->session.db);
        }
        if (rc == RC_OK && im->in_batch == BATCH) {
            rc = end_batch(im, err);
            if (rc == RC_OK && stop_is_asked(stop_fd))
                rc = err_set(err, RC_CANCELLED,
                             _("stopped after line %lld; what came before is imported"),
                             (long long)im->lines.number);
        }
        if (rc)
            return rc;
    }
}

static void print_summary(const struct import *im, bool is_json)
{
    struct buf out = { 0 };

    if (is_json) {
        buf_printf(
            &out,
            "{\"lines\":%lld,\"created\":%lld,\"changed\":%lld,\"unchanged\":%lld,\"refused\":%lld,"
            "\"refusals\":[%s]}",
            (long long)im->lines.number, (long long)im->committed.created,
            (long long)im->committed.changed, (long long)im->committed.unchanged,
            (long long)im->refused, buf_str(&im->refusals));
        print_json(stdout, &out);
    } else {
        say(stdout, _("%lld created, %lld changed, %lld as they were, %lld refused\n"),
            (long long)im->committed.created, (long long)im->committed.changed,
            (long long)im->committed.unchanged, (long long)im->refused);
    }
    buf_done(&out);
}

int command_import(struct app *app, const struct args *args)
{
    struct import im = { .app = app, .lines = { .fd = -1, .max_bytes = LINE_BYTES_MAX } };
    bool is_stdin = strcmp(args->words[0], "-") == 0;
    int stop_fd = stop_open();
    struct err err = { 0 };
    enum rc rc;

    im.table = app_table(app, args, &err);
    if (!im.table) {
        if (stop_fd >= 0)
            close(stop_fd);
        return app_misused(args, &err);
    }
    im.name = is_stdin ? _("input") : args->words[0];
    form_init(&im.form, im.table);
    im.lines.fd = is_stdin ? STDIN_FILENO : open(args->words[0], O_RDONLY | O_CLOEXEC);
    rc = im.lines.fd < 0 ? err_sys(&err, RC_IO, errno, _("cannot open %s"), args->words[0]) : RC_OK;
    if (rc == RC_OK)
        rc = session_open(app, &im.session, &err);
    if (rc == RC_OK)
        rc = session_check_ready(&im.session, im.table, &err);
    if (rc == RC_OK) {
        rc = import_all(&im, stop_fd, &err);
        print_summary(&im, args_has(args, "json"));
    }
    session_close(&im.session);
    form_done(&im.form);
    lines_done(&im.lines);
    buf_done(&im.refusals);
    if (im.lines.fd >= 0 && !is_stdin)
        close(im.lines.fd);
    if (stop_fd >= 0)
        close(stop_fd);
    if (rc)
        return app_fail(&err);
    return im.refused ? EXIT_ERROR : EXIT_DONE;
}
