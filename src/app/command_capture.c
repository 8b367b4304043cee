/* add, edit, done, reopen: what is acknowledged here is on disk, with or without a network. A
 * process that syncs hears the bell and sends it. */
#include "src/app/app.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "base/mem.h"
#include "base/text.h"
#include "src/app/form.h"
#include "src/app/print.h"
#include "src/app/reference.h"

struct capture {
    struct app *app;
    const struct args *args;
    const struct table *table;
    struct session session;
    struct form form;
};

/* The column of COL=VALUE if its value can only be looked up in the store: words that mean a
 * record. NULL otherwise, also for what is wrong in any case. */
static const struct column *words_of_reference(const struct table *table, const char *pair,
                                               const char **words)
{
    const char *equals = strchr(pair, '=');
    char *name = equals ? mem_strndup(pair, (size_t)(equals - pair)) : mem_strdup("");
    const struct column *col = table_column(table, name);

    free(name);
    if (!col || !col->reference || col->is_read_only)
        return NULL;
    *words = equals + 1;
    return text_is_blank(*words, strlen(*words)) || !text_is_valid(*words, strlen(*words)) ? NULL
                                                                                           : col;
}

static enum rc set_references(struct capture *c, struct err *err)
{
    char client_id[ID_SIZE];
    const char *pair, *words;
    enum rc rc = RC_OK;

    for (size_t at = 0; rc == RC_OK && (pair = args_next(c->args, "set", &at)) != NULL;) {
        const struct column *col = words_of_reference(c->table, pair, &words);

        if (!col)
            continue;
        rc = reference_from_words(c->session.db, c->app->registry, col, words, client_id, err);
        if (rc == RC_OK)
            rc = form_set_text(&c->form, col, client_id, c->app->clock, err);
    }
    return rc;
}

/* Options are looked at before the store, so that a mistake on the command line is always exit
 * 2. */
static enum rc capture_open(struct capture *c, struct app *app, const struct args *args, int *code,
                            struct err *err)
{
    const char *pair, *words;
    enum rc rc = RC_OK;

    c->app = app;
    c->args = args;
    c->table = app_table(app, args, err);
    *code = 0;
    if (!c->table) {
        *code = app_misused(args, err);
        return err->rc;
    }
    form_init(&c->form, c->table);
    for (size_t at = 0; rc == RC_OK && (pair = args_next(args, "set", &at)) != NULL;) {
        if (words_of_reference(c->table, pair, &words))
            continue;
        rc = form_set_typed(&c->form, pair, app->clock, err);
        if (rc && strcmp(err->code, "unknown_column") == 0)
            *code = app_misused(args, err);
    }
    if (rc == RC_OK)
        rc = session_open(app, &c->session, err);
    if (rc == RC_OK)
        rc = session_check_ready(&c->session, c->table, err);
    if (rc == RC_OK)
        rc = set_references(c, err);
    return rc;
}

static void capture_close(struct capture *c)
{
    form_done(&c->form);
    session_close(&c->session);
}

/* Prints what is on disk now: the client id, or the record. */
static enum rc print_saved(struct capture *c, const char *client_id, struct err *err)
{
    struct record rec = { 0 };
    struct buf json = { 0 };
    enum rc rc;

    if (!args_has(c->args, "json")) {
        say(stdout, "%s\n", client_id);
        return RC_OK;
    }
    rc = db_record_read(c->session.db, c->table, client_id, &rec, err);
    if (rc == RC_OK) {
        record_to_json(&rec, &json);
        print_json(stdout, &json);
        record_done(&rec);
        buf_done(&json);
    }
    return rc;
}

static enum rc save(struct capture *c, const char *client_id, struct err *err)
{
    struct db_edit edit = {
        .table = c->table,
        .client_id = client_id,
        .values = c->form.values,
        .is_set = c->form.is_set,
    };
    struct db_saved saved;
    enum rc rc = db_save(c->session.db, &edit, &saved, err);

    if (rc == RC_NOT_FOUND)
        err_set(err, RC_NOT_FOUND, _("The record is gone: the office removed it."));
    return rc ? rc : print_saved(c, saved.client_id, err);
}

static enum rc save_by_prefix(struct capture *c, const char *prefix, struct err *err)
{
    char client_id[ID_SIZE];
    enum rc rc = db_record_find(c->session.db, c->table, prefix, client_id, err);

    if (rc == RC_NOT_FOUND)
        return err_set(err, rc, _("No %s has an id that begins with \"%.40s\"."),
                       c->table->label_one, prefix);
    return rc ? rc : save(c, client_id, err);
}

/* The words of `add`, joined by blanks, as the title. */
static enum rc set_title(struct capture *c, struct err *err)
{
    struct buf text = { 0 };
    enum rc rc;

    for (size_t i = 0; i < c->args->word_count; i++)
        buf_printf(&text, "%s%s", i ? " " : "", c->args->words[i]);
    rc = form_set_text(&c->form, c->table->title, buf_str(&text), c->app->clock, err);
    buf_done(&text);
    return rc;
}

int command_add(struct app *app, const struct args *args)
{
    struct capture c = { 0 };
    struct err err = { 0 };
    int code;
    enum rc rc;

    if (args->word_count == 0 && !args_has(args, "set")) {
        err_set(&err, RC_INVALID,
                _("What is to be added? It is: outpost add TEXT, or outpost add --set COL=VALUE"));
        return app_misused(args, &err);
    }
    rc = capture_open(&c, app, args, &code, &err);
    if (rc == RC_OK && args->word_count > 0)
        rc = set_title(&c, &err);
    if (rc == RC_OK)
        rc = save(&c, NULL, &err);
    capture_close(&c);
    return rc == RC_OK ? EXIT_DONE : code ? code : app_fail(&err);
}

int command_edit(struct app *app, const struct args *args)
{
    struct capture c = { 0 };
    struct err err = { 0 };
    int code;
    enum rc rc;

    if (!args_has(args, "set")) {
        err_set(&err, RC_INVALID,
                _("What is to be changed? Give --set COLUMN=VALUE, once or more."));
        return app_misused(args, &err);
    }
    rc = capture_open(&c, app, args, &code, &err);
    for (size_t i = 0; rc == RC_OK && i < args->word_count; i++)
        rc = save_by_prefix(&c, args->words[i], &err);
    capture_close(&c);
    return rc == RC_OK ? EXIT_DONE : code ? code : app_fail(&err);
}

/* Every id is tried: one that is wrong keeps no other back. */
static int set_done(struct app *app, const struct args *args, bool is_done)
{
    struct capture c = { 0 };
    struct err err = { 0 };
    int code, result = EXIT_DONE;
    enum rc rc = capture_open(&c, app, args, &code, &err);

    if (rc == RC_OK && !c.table->done)
        rc = err_set(&err, RC_INVALID, _("%s have no column that says that one is done."),
                     c.table->label);
    if (rc) {
        result = code ? code : app_fail(&err);
        goto out;
    }
    form_set_bool(&c.form, c.table->done, is_done);
    for (size_t i = 0; i < args->word_count; i++) {
        if (save_by_prefix(&c, args->words[i], &err) != RC_OK)
            result = app_fail(&err);
    }
out:
    capture_close(&c);
    return result;
}

int command_done(struct app *app, const struct args *args)
{
    return set_done(app, args, true);
}

int command_reopen(struct app *app, const struct args *args)
{
    return set_done(app, args, false);
}
