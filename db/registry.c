#include "db/registry.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/i18n.h"
#include "base/mem.h"
#include "db/definition.h"
#include "embed/table_tasks_json.h"

#define FILE_MAX (1u << 20)
#define BUILT_IN "built in"

struct registry {
    struct table **tables;
    size_t count;
    struct registry_problem *problems;
    size_t problem_count;
};

struct registry *registry_new(void)
{
    return mem_zero(1, sizeof(struct registry));
}

void registry_free(struct registry *reg)
{
    if (!reg)
        return;
    for (size_t i = 0; i < reg->count; i++)
        definition_free(reg->tables[i]);
    for (size_t i = 0; i < reg->problem_count; i++) {
        free(reg->problems[i].source);
        free(reg->problems[i].sentence);
    }
    free(reg->tables);
    free(reg->problems);
    free(reg);
}

size_t registry_count(const struct registry *reg)
{
    return reg->count;
}

const struct table *registry_at(const struct registry *reg, size_t index)
{
    return reg->tables[index];
}

const struct table *registry_find(const struct registry *reg, const char *name)
{
    for (size_t i = 0; i < reg->count; i++) {
        if (strcmp(reg->tables[i]->name, name) == 0)
            return reg->tables[i];
    }
    return NULL;
}

size_t registry_problem_count(const struct registry *reg)
{
    return reg->problem_count;
}

const struct registry_problem *registry_problem_at(const struct registry *reg, size_t index)
{
    return &reg->problems[index];
}

/* Puts the table into the place of a built-in one, or behind the others. Takes it on success. */
static enum rc place_table(struct registry *reg, struct table *table, struct err *err)
{
    for (size_t i = 0; i < reg->count; i++) {
        struct table *old = reg->tables[i];
        enum rc rc;

        if (strcmp(old->sql, table->sql) != 0)
            continue;
        if (strcmp(old->name, table->name) != 0)
            return err_set(err, RC_INVALID,
                           _("the name \"%s\" is too like that of the table \"%s\": "
                             "both are %s in the store."),
                           table->name, old->name, old->sql);
        if (strcmp(old->source, BUILT_IN) != 0)
            return err_set(err, RC_INVALID, _("the table \"%s\" is defined already, in %.120s."),
                           table->name, old->source);
        rc = definition_adds_to(old, table, err);
        if (rc)
            return rc;
        table->index = i;
        reg->tables[i] = table;
        definition_free(old);
        return RC_OK;
    }
    reg->tables = mem_grow(reg->tables, reg->count + 1, sizeof(struct table *));
    table->index = reg->count;
    reg->tables[reg->count++] = table;
    return RC_OK;
}

/* registry_add without the source in front of the sentence. */
static enum rc add_definition(struct registry *reg, const char *json, size_t len,
                              const char *source, struct err *err)
{
    struct table *table = NULL;
    enum rc rc = definition_read(json, len, source, &table, err);

    if (rc)
        return rc;
    rc = place_table(reg, table, err);
    if (rc)
        definition_free(table);
    return rc;
}

enum rc registry_add(struct registry *reg, const char *json, size_t len, const char *source,
                     struct err *err)
{
    enum rc rc = add_definition(reg, json, len, source, err);

    if (rc)
        err_prefix(err, "%.100s", source);
    return rc;
}

static void add_problem(struct registry *reg, const char *source, const char *sentence)
{
    reg->problems = mem_grow(reg->problems, reg->problem_count + 1, sizeof *reg->problems);
    reg->problems[reg->problem_count++] = (struct registry_problem){
        .source = mem_strdup(source), .sentence = mem_strdup(sentence),
    };
}

/* The line of a column in the file that the table was read from, else of its "columns". The text is
 * not kept after reading, so it is read once more; 0: there is none, or it cannot be read now. */
static int line_of_column(const struct table *table, const char *name)
{
    const struct column *col = table_column(table, name);
    struct buf json = { 0 };
    struct err ignored = { 0 };
    int line = 0;

    if (strcmp(table->source, BUILT_IN) != 0 &&
        file_read(table->source, FILE_MAX, &json, &ignored) == RC_OK)
        line = col ? definition_line(buf_str(&json), json.len, col->index, NULL)
                   : definition_line(buf_str(&json), json.len, DEFINITION_NOWHERE, "columns");
    buf_done(&json);
    return line;
}

void registry_refuse(struct registry *reg, const char *name, const char *column,
                     const char *sentence)
{
    for (size_t i = 0; i < reg->count; i++) {
        struct buf whole = { 0 };
        int line;

        if (strcmp(reg->tables[i]->name, name) != 0)
            continue;
        line = column ? line_of_column(reg->tables[i], column) : 0;
        if (line > 0)
            buf_printf(&whole, "line %d: ", line);
        buf_puts(&whole, sentence);
        add_problem(reg, reg->tables[i]->source, buf_str(&whole));
        buf_done(&whole);
        definition_free(reg->tables[i]);
        memmove(&reg->tables[i], &reg->tables[i + 1], (reg->count - i - 1) * sizeof *reg->tables);
        reg->count--;
        for (; i < reg->count; i++)
            reg->tables[i]->index = i;
        return;
    }
}

static void load_file(struct registry *reg, const char *path)
{
    struct buf json = { 0 };
    struct err err = { 0 };
    struct stat st;
    enum rc rc;

    /* Reading a pipe that somebody left here would wait for ever. */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        add_problem(reg, path, "It is not a file.");
        return;
    }
    rc = file_read(path, FILE_MAX, &json, &err);
    if (!rc)
        rc = add_definition(reg, buf_str(&json), json.len, path, &err);
    if (rc)
        add_problem(reg, path, err.msg);
    buf_done(&json);
}

static int is_definition(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return entry->d_name[0] != '.' && len > 5 && strcmp(entry->d_name + len - 5, ".json") == 0;
}

/* By bytes: alphasort would follow the locale. */
static int by_file_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_dir(struct registry *reg, const char *dir)
{
    struct dirent **entries = NULL;
    struct err err;
    int count = scandir(dir, &entries, is_definition, by_file_name);

    if (count < 0) {
        int errnum = errno;
        if (errnum == ENOENT)
            return;
        err_sys(&err, RC_IO, errnum, _("cannot read the folder"));
        add_problem(reg, dir, err.msg);
        return;
    }
    for (int i = 0; i < count; i++) {
        char *path = path_join(dir, entries[i]->d_name);
        load_file(reg, path);
        free(path);
        free(entries[i]);
    }
    free(entries);
}

enum rc registry_load(const char *const *dirs, size_t dir_count, struct registry **out,
                      struct err *err)
{
    struct registry *reg = registry_new();
    enum rc rc = registry_add(reg, table_tasks_json, table_tasks_json_len, BUILT_IN, err);

    if (rc) {
        registry_free(reg);
        return rc;
    }
    for (size_t i = 0; i < dir_count; i++) {
        if (dirs[i])
            load_dir(reg, dirs[i]);
    }
    *out = reg;
    return RC_OK;
}
