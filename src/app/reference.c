#include "src/app/reference.h"

#include <string.h>
#include "base/i18n.h"
#include "base/text.h"

#define LOOKED_AT 200 /* records in which the words occur */
#define SHOWN_MAX 3

bool reference_put_title(struct db *db, const struct registry *registry, const struct column *col,
                         const struct value *v, struct buf *out)
{
    const struct table *table = col->reference ? registry_find(registry, col->reference) : NULL;
    struct record rec = { 0 };
    struct err ignored = { 0 };
    bool has_title = false;

    if (!table || v->kind != VALUE_TEXT ||
        db_record_read(db, table, v->text, &rec, &ignored) != RC_OK)
        return false;
    const struct value *title = &rec.values[table->title->index];
    if (title->kind == VALUE_TEXT && title->len > 0) {
        buf_append(out, title->text, title->len);
        has_title = true;
    }
    record_done(&rec);
    return has_title;
}

static bool is_title(const struct record *rec, const struct buf *folded)
{
    const struct value *title = &rec->values[rec->table->title->index];
    struct buf text = { 0 };
    bool is_same;

    if (title->kind != VALUE_TEXT)
        return false;
    text_fold(title->text, title->len, SIZE_MAX, &text);
    is_same = strcmp(buf_str(&text), buf_str(folded)) == 0;
    buf_done(&text);
    return is_same;
}

static enum rc refuse_several(const struct table *table, const struct record_list *list,
                              const char *typed, struct err *err)
{
    struct buf all = { 0 };

    for (size_t i = 0; i < list->count && i < SHOWN_MAX; i++) {
        const struct value *title = &list->items[i].values[table->title->index];

        buf_printf(&all, "%s%.40s (%.13s)", i > 0 ? ", " : "",
                   title->kind == VALUE_TEXT ? title->text : "", list->items[i].client_id);
    }
    err_set(err, RC_INVALID,
            _("Several %s match \"%.40s\": %s%s. Give all of the title, or the id."), table->label,
            typed, buf_str(&all), list->count > SHOWN_MAX ? ", ..." : "");
    buf_done(&all);
    return RC_INVALID;
}

/* One of those in which the words occur; several may have the very same title. */
static enum rc choose(struct db *db, const struct record_list *list, const struct table *table,
                      const char *typed, char out[ID_SIZE], struct err *err)
{
    const struct record *chosen = list->count == 1 ? &list->items[0] : NULL;
    struct err ignored = { 0 };
    struct buf folded = { 0 };
    size_t titles = 0;

    text_fold(typed, strlen(typed), SIZE_MAX, &folded);
    for (size_t i = 0; i < list->count; i++) {
        if (!is_title(&list->items[i], &folded))
            continue;
        chosen = &list->items[i];
        titles++;
    }
    buf_done(&folded);
    if (titles != 1 && db_record_find(db, table, typed, out, &ignored) == RC_OK)
        return RC_OK;
    if (list->count == 0)
        return err_set(err, RC_NOT_FOUND,
                       _("No %s is called \"%.60s\", and no id begins so."), table->label_one,
                       typed);
    if (titles > 1 || !chosen)
        return refuse_several(table, list, typed, err);
    memcpy(out, chosen->client_id, ID_SIZE);
    return RC_OK;
}

enum rc reference_from_words(struct db *db, const struct registry *registry,
                             const struct column *col, const char *typed, char out[ID_SIZE],
                             struct err *err)
{
    struct db_window window = {
        .table = registry_find(registry, col->reference),
        .view = DB_VIEW_ALL,
        .from = DB_FROM_START,
        .find = typed,
        .count = LOOKED_AT,
    };
    struct record_list list = { 0 };
    enum rc rc;

    if (id_is_valid(typed)) { /* perhaps of a record that is not here yet */
        memcpy(out, typed, ID_SIZE);
        return RC_OK;
    }
    if (!window.table)
        return err_set(err, RC_INVALID,
                       _("%s refers to the table %s, which is not here: give an id."), col->label,
                       col->reference);
    rc = db_window_read(db, &window, &list, err);
    if (rc == RC_OK)
        rc = choose(db, &list, window.table, typed, out, err);
    record_list_done(&list);
    return rc;
}
