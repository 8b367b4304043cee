/* tables: the registry, for people, for programs, and for a Convex backend. */
#include "src/app/app.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"
#include "src/app/convex_schema.h"
#include "src/app/outfile.h"
#include "src/app/print.h"

static void put_text(struct buf *out, const char *name, const char *text)
{
    buf_printf(out, ",\"%s\":", name);
    if (text)
        json_put_string(out, text, strlen(text));
    else
        buf_puts(out, "null");
}

static void put_column_json(const struct column *col, struct buf *out)
{
    buf_puts(out, "{\"name\":");
    json_put_string(out, col->name, strlen(col->name));
    buf_puts(out, ",\"label\":");
    json_put_string(out, col->label, strlen(col->label));
    buf_printf(out, ",\"type\":\"%s\",\"required\":%s", column_kind_name(col->kind),
               col->is_required ? "true" : "false");
    if (col->has_default) {
        buf_puts(out, ",\"default\":");
        column_to_json(col, &col->default_value, out);
    }
    if (col->kind == COLUMN_TEXT)
        buf_printf(out, ",\"maxLength\":%zu", col->max_length);
    if (col->choice_count) {
        buf_puts(out, ",\"choices\":[");
        for (size_t i = 0; i < col->choice_count; i++) {
            buf_puts(out, i ? "," : "");
            json_put_string(out, col->choices[i].value, strlen(col->choices[i].value));
        }
        buf_putc(out, ']');
    }
    if (col->reference)
        put_text(out, "table", col->reference);
    buf_putc(out, '}');
}

static void print_table_json(const struct table *table)
{
    struct buf out = { 0 };

    buf_puts(&out, "{\"name\":");
    json_put_string(&out, table->name, strlen(table->name));
    put_text(&out, "label", table->label);
    put_text(&out, "labelOne", table->label_one);
    put_text(&out, "source", table->source);
    put_text(&out, "title", table->title->name);
    put_text(&out, "done", table->done ? table->done->name : NULL);
    buf_puts(&out, ",\"sorts\":[");
    for (size_t i = 0; i < table->sort_count; i++) {
        buf_puts(&out, i ? "," : "");
        json_put_string(&out, table->sorts[i].name, strlen(table->sorts[i].name));
    }
    buf_puts(&out, "],\"columns\":[");
    for (size_t i = 0; i < table->column_count; i++) {
        buf_puts(&out, i ? "," : "");
        put_column_json(&table->columns[i], &out);
    }
    buf_puts(&out, "]}");
    print_json(stdout, &out);
    buf_done(&out);
}

static void print_table(const struct registry *reg, const struct table *table)
{
    say(stdout, _("%s: %s (%s)\n"), table->name, table->label, table->source);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *col = &table->columns[i];
        struct buf more = { 0 };

        for (size_t j = 0; j < col->choice_count; j++)
            buf_printf(&more, "%s%s", j ? " | " : ": ", col->choices[j].value);
        if (col->reference)
            buf_printf(&more, ": %s", col->reference);
        if (col->reference && !registry_find(reg, col->reference))
            buf_puts(&more, _(", which is no table here"));
        if (col->is_required)
            buf_puts(&more, _(", required"));
        if (col == table->title)
            buf_puts(&more, _(", the title"));
        if (col == table->done)
            buf_puts(&more, _(", says that it is done"));
        say(stdout, "  %-20s %s%s\n", col->name, column_kind_name(col->kind), buf_str(&more));
        buf_done(&more);
    }
}

static void print_tables(const struct registry *reg, bool is_json)
{
    for (size_t i = 0; i < registry_count(reg); i++) {
        if (is_json)
            print_table_json(registry_at(reg, i));
        else
            print_table(reg, registry_at(reg, i));
    }
}

/* `--dir`: what lies in another folder, for looking at definitions before they are put in place. */
static enum rc load_dir(const char *dir, struct registry **out, struct err *err)
{
    struct stat st;
    enum rc rc;

    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
        return err_set(err, RC_INVALID, _("there is no folder %.200s"), dir);
    rc = registry_load(&dir, 1, out, err);
    for (size_t i = 0; rc == RC_OK && i < registry_problem_count(*out); i++) {
        const struct registry_problem *problem = registry_problem_at(*out, i);
        complain("%s: %s", problem->source, problem->sentence);
    }
    return rc;
}

/* `--out`: a file, a folder (the module's name in it is tables.ts), or - for stdout. */
static char *module_path(const char *out)
{
    struct stat st;

    if (!out)
        return NULL;
    if (stat(out, &st) == 0 && S_ISDIR(st.st_mode))
        return path_join(out, "tables.ts");
    return mem_strdup(out);
}

/* A deployment that lacks a table would strand what devices capture in it: with a definition that
 * was refused nothing is written. */
static enum rc write_convex(const struct registry *reg, const char *to, struct err *err)
{
    struct outfile out = { 0 };
    struct buf text = { 0 };
    char *path = module_path(to);
    enum rc rc;

    if (registry_problem_count(reg))
        rc = err_set(err, RC_INVALID, _("nothing was written: correct these definitions first"));
    else
        rc = convex_schema_write(reg, &text, err);
    if (rc == RC_OK)
        rc = outfile_open(&out, path, err);
    if (rc == RC_OK) {
        fwrite(buf_str(&text), 1, text.len, out.to);
        rc = outfile_finish(&out, err);
    }
    if (rc == RC_OK && out.path)
        say(stderr, _("%zu tables in %s\n"), registry_count(reg), out.path);
    outfile_done(&out);
    buf_done(&text);
    free(path);
    return rc;
}

int command_tables(struct app *app, const struct args *args)
{
    const char *dir = args_value(args, "dir"), *what = args->word_count ? args->words[0] : NULL;
    const struct registry *reg = app->registry;
    struct registry *other = NULL;
    struct err err = { 0 };
    int code = EXIT_DONE;

    if (what && strcmp(what, "convex") != 0) {
        err_set(&err, RC_INVALID, _("\"%.60s\" is not known here; there is: convex"), what);
        return app_misused(args, &err);
    }
    if (dir && load_dir(dir, &other, &err) != RC_OK)
        return app_misused(args, &err);
    if (other)
        reg = other;
    if (what) {
        code = write_convex(reg, args_value(args, "out"), &err) ? app_fail(&err) : EXIT_DONE;
    } else {
        print_tables(reg, args_has(args, "json"));
        code = registry_problem_count(reg) ? EXIT_ERROR : EXIT_DONE;
    }
    registry_free(other);
    return code;
}
