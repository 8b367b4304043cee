/* list and show: read from the local store alone. A list is read window by window, so its size
 * does not matter. */
#include "src/app/app.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "src/app/print.h"
#include "src/app/reference.h"

#define WINDOW 200
#define CELL_MAX 20 /* columns of a value that is not the title */

static const char *const mark_texts[] = {
    [MARK_SYNCED] = " ", [MARK_NEW] = "+",    [MARK_CHANGED] = "~",
    [MARK_HELD] = "~",   [MARK_FAILED] = "!",
};

struct listing {
    const struct registry *registry;
    const struct table *table;
    struct db *db;
    bool is_json;
    int columns;  /* of the terminal, 0: no limit */
    int id_width; /* grows: ids made in the same moment differ late */
    int *widths;  /* per list column, grows */
};

/* For a person: the shortest of the id's own parts that no other record begins with. For a
 * program: all of it. */
static size_t id_part(struct listing *l, const char *client_id)
{
    static const size_t ends[] = { 8, 13, 18, 23 };
    char prefix[ID_SIZE], found[ID_SIZE];
    struct err ignored;

    if (l->columns == 0)
        return ID_LEN;
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        memcpy(prefix, client_id, ends[i]);
        prefix[ends[i]] = '\0';
        if (db_record_find(l->db, l->table, prefix, found, &ignored) == RC_OK)
            return ends[i];
    }
    return ID_LEN;
}

static void put_cell(const struct listing *l, const struct record *rec, const struct column *col,
                     struct buf *out)
{
    const struct value *v = &rec->values[col->index];
    struct buf raw = { 0 };

    if (col == l->table->done) {
        buf_puts(out, v->kind == VALUE_BOOL && v->flag ? "[x]" : "[ ]");
        return;
    }
    if (!reference_put_title(l->db, l->registry, col, v, &raw))
        column_to_text(col, v, &raw);
    if (col == l->table->title)
        text_display(buf_str(&raw), raw.len, TEXT_LINE, out);
    else
        text_clip(buf_str(&raw), raw.len, CELL_MAX, out);
    buf_done(&raw);
}

/* Mark, id, the list's columns, and the title last, because it takes what is left. */
static void put_row(struct listing *l, const struct record *rec, bool is_measuring, struct buf *out)
{
    size_t id_len = id_part(l, rec->client_id);
    struct buf cell = { 0 };
    int used = 0;

    if ((int)id_len > l->id_width)
        l->id_width = (int)id_len;
    buf_printf(out, "%s %-*.*s", mark_texts[rec->mark], l->id_width, (int)id_len, rec->client_id);
    used = 2 + l->id_width;
    for (size_t i = 0; i < l->table->list_count; i++) {
        const struct column *col = l->table->list[i];
        int width;

        if (col == l->table->title)
            continue;
        buf_clear(&cell);
        put_cell(l, rec, col, &cell);
        width = text_width(buf_str(&cell), cell.len);
        if (width > l->widths[i])
            l->widths[i] = width;
        buf_printf(out, "  %s%*s", buf_str(&cell), l->widths[i] - width, "");
        used += 2 + l->widths[i];
    }
    buf_puts(out, "  ");
    buf_clear(&cell);
    put_cell(l, rec, l->table->title, &cell);
    if (is_measuring || l->columns == 0 || l->columns - used - 2 < 10)
        buf_append(out, buf_str(&cell), cell.len);
    else
        text_clip(buf_str(&cell), cell.len, l->columns - used - 2, out);
    buf_done(&cell);
}

static void print_window(struct listing *l, const struct record_list *list)
{
    struct buf line = { 0 };

    for (size_t i = 0; !l->is_json && i < list->count; i++) {
        buf_clear(&line);
        put_row(l, &list->items[i], true, &line); /* the widths of this window */
    }
    for (size_t i = 0; i < list->count; i++) {
        buf_clear(&line);
        if (l->is_json) {
            record_to_json(&list->items[i], &line);
            print_json(stdout, &line);
        } else {
            put_row(l, &list->items[i], false, &line);
            say(stdout, "%s\n", buf_str(&line));
        }
    }
    buf_done(&line);
}

/* Hands windows to print_window until the end, the limit, or a reader that went away. */
static enum rc each_window(struct listing *l, struct db_window *window, int64_t limit,
                           struct err *err)
{
    struct record_list list = { 0 };
    struct value key = { 0 };
    char client_id[ID_SIZE];
    enum rc rc = RC_OK;

    while (limit != 0 && !ferror(stdout)) {
        window->count = limit > 0 && limit < WINDOW ? (size_t)limit : WINDOW;
        rc = db_window_read(l->db, window, &list, err);
        if (rc || list.count == 0)
            break;
        print_window(l, &list);
        if (limit > 0)
            limit -= (int64_t)list.count;
        value_done(&key);
        value_copy(&key, &list.items[list.count - 1].key);
        memcpy(client_id, list.items[list.count - 1].client_id, sizeof client_id);
        window->from = DB_FROM_AFTER;
        window->key = &key;
        window->client_id = client_id;
        if (list.count < window->count)
            break;
        record_list_done(&list);
    }
    record_list_done(&list);
    value_done(&key);
    return rc;
}

static enum rc choose_sort(const struct table *table, const char *name, size_t *out,
                           struct err *err)
{
    struct buf all = { 0 };

    *out = 0;
    for (size_t i = 0; i < table->sort_count; i++) {
        if (!name || strcmp(name, table->sorts[i].name) == 0) {
            *out = i;
            buf_done(&all);
            return RC_OK;
        }
        buf_printf(&all, "%s%s", i ? ", " : "", table->sorts[i].name);
    }
    err_set(err, RC_INVALID, _("%s are not sorted by \"%.40s\"; there are: %s"), table->label, name,
            buf_str(&all));
    buf_done(&all);
    return RC_INVALID;
}

static enum rc choose_limit(const char *text, int64_t *out, struct err *err)
{
    char *end;
    long long v;

    *out = -1;
    if (!text)
        return RC_OK;
    v = strtoll(text, &end, 10);
    if (end == text || *end || v < 1 || v > INT32_MAX)
        return err_set(err, RC_INVALID, _("--limit wants a number from 1, not \"%.40s\""), text);
    *out = v;
    return RC_OK;
}

static enum rc choose_view(const struct table *table, const struct args *args, enum db_view *out,
                           struct err *err)
{
    bool open = args_has(args, "open"), done = args_has(args, "done"), all = args_has(args, "all");

    if (open + done + all > 1)
        return err_set(err, RC_INVALID, _("--open, --done and --all cannot stand together"));
    if ((open || done) && !table->done)
        return err_set(err, RC_INVALID, _("%s have no column that says that one is done."),
                       table->label);
    *out = all || !table->done ? DB_VIEW_ALL : done ? DB_VIEW_DONE : DB_VIEW_OPEN;
    return RC_OK;
}

int command_list(struct app *app, const struct args *args)
{
    struct db_window window = { .from = DB_FROM_START, .find = args_value(args, "find") };
    struct listing l = {
        .registry = app->registry, .is_json = args_has(args, "json"), .columns = print_columns()
    };
    struct session session = { 0 };
    struct err err = { 0 };
    int64_t limit;
    enum rc rc;

    l.table = window.table = app_table(app, args, &err);
    if (!l.table || choose_view(l.table, args, &window.view, &err) ||
        choose_sort(l.table, args_value(args, "sort"), &window.sort, &err) ||
        choose_limit(args_value(args, "limit"), &limit, &err))
        return app_misused(args, &err);
    if (window.find && (!text_is_valid(window.find, strlen(window.find)) ||
                        text_is_blank(window.find, strlen(window.find)))) {
        err_set(&err, RC_INVALID, _("--find wants words"));
        return app_misused(args, &err);
    }
    l.widths = mem_zero(l.table->list_count + 1, sizeof *l.widths);
    rc = session_open(app, &session, &err);
    if (rc == RC_OK) {
        l.db = session.db;
        rc = each_window(&l, &window, limit, &err);
    }
    session_close(&session);
    free(l.widths);
    return rc ? app_fail(&err) : EXIT_DONE;
}

static const char *const mark_words[] = {
    [MARK_SYNCED] = N_("sent"),
    [MARK_NEW] = N_("new on this device, not sent yet"),
    [MARK_CHANGED] = N_("changed on this device, not sent yet"),
    [MARK_HELD] = N_("waits until the server knows this table or column"),
    [MARK_FAILED] = N_("refused; see: outpost queue show"),
};

/* One "Label   value" with the lines of a long text below each other. */
static void print_field(const char *label, int width, const char *text)
{
    struct buf out = { 0 }, shown = { 0 };

    text_display(label, strlen(label), TEXT_LINE, &shown);
    buf_printf(&out, "%s%*s  ", buf_str(&shown), width - text_width(buf_str(&shown), shown.len),
               "");
    for (const char *at = text;;) {
        size_t len = strcspn(at, "\n");

        buf_append(&out, at, len);
        if (!at[len])
            break;
        buf_printf(&out, "\n%*s", width + 2, "");
        at += len + 1;
    }
    say(stdout, "%s\n", buf_str(&out));
    buf_done(&out);
    buf_done(&shown);
}

/* Columns that this version does not know: shown as they came. */
static void print_extra(const struct record *rec, int width)
{
    struct err ignored;
    cJSON *extra = NULL, *item;

    if (!rec->extra || json_parse(rec->extra, strlen(rec->extra), &extra, &ignored) != RC_OK)
        return;
    cJSON_ArrayForEach(item, extra)
    {
        struct buf text = { 0 };

        json_put(&text, item);
        print_field(item->string, width, buf_str(&text));
        buf_done(&text);
    }
    cJSON_Delete(extra);
}

/* Behind the title of a reference stands its id, which is what --set takes. */
static void put_value(const struct app *app, struct db *db, const struct column *col,
                      const struct value *v, struct buf *out)
{
    bool has_title = reference_put_title(db, app->registry, col, v, out);

    buf_puts(out, has_title ? " (" : "");
    column_to_text(col, v, out);
    buf_puts(out, has_title ? ")" : "");
}

static void print_record(const struct app *app, struct db *db, const struct record *rec)
{
    const struct table *table = rec->table;
    struct buf text = { 0 };
    int width = 8;

    for (size_t i = 0; i < table->column_count; i++) {
        int w = text_width(table->columns[i].label, strlen(table->columns[i].label));
        if (w > width)
            width = w;
    }
    for (size_t i = 0; i < table->column_count; i++) {
        buf_clear(&text);
        put_value(app, db, &table->columns[i], &rec->values[i], &text);
        print_field(table->columns[i].label, width, buf_str(&text));
    }
    print_extra(rec, width);
    print_field(_("Id"), width, rec->client_id);
    buf_clear(&text);
    put_time(rec->created_at, &text);
    print_field(_("Created"), width, buf_str(&text));
    buf_clear(&text);
    put_time(rec->updated_at, &text);
    print_field(_("Changed"), width, buf_str(&text));
    print_field(_("Sync"), width, _(mark_words[rec->mark]));
    buf_done(&text);
}

int command_show(struct app *app, const struct args *args)
{
    struct session session = { 0 };
    struct record rec = { 0 };
    struct buf json = { 0 };
    char client_id[ID_SIZE];
    struct err err = { 0 };
    const struct table *table = app_table(app, args, &err);
    enum rc rc;

    if (!table)
        return app_misused(args, &err);
    rc = session_open(app, &session, &err);
    if (rc == RC_OK)
        rc = db_record_find(session.db, table, args->words[0], client_id, &err);
    if (rc == RC_OK)
        rc = db_record_read(session.db, table, client_id, &rec, &err);
    if (rc == RC_NOT_FOUND)
        err_set(&err, rc, _("No %s has an id that begins with \"%.40s\"."), table->label_one,
                args->words[0]);
    if (rc == RC_OK && args_has(args, "json")) {
        record_to_json(&rec, &json);
        print_json(stdout, &json);
    } else if (rc == RC_OK) {
        print_record(app, session.db, &rec);
    }
    record_done(&rec);
    buf_done(&json);
    session_close(&session);
    return rc ? app_fail(&err) : EXIT_DONE;
}
