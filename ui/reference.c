#include "ui/reference.h"

#include <string.h>
#include "base/log.h"

static void take_title(const struct record *rec, char *out, size_t size)
{
    const struct value *v = &rec->values[rec->table->title->index];
    size_t len = v->kind == VALUE_TEXT ? v->len : 0;

    if (len > size - 1) {
        len = size - 1;
        while (len > 0 && ((unsigned char)v->text[len] & 0xC0) == 0x80)
            len--;
    }
    memcpy(out, len ? v->text : "", len);
    out[len] = '\0';
}

bool reference_title(struct db *db, const struct registry *registry, const struct column *column,
                     const char *id, char *out, size_t size)
{
    const struct table *table = registry_find(registry, column->reference);
    struct record rec = { 0 };
    struct err err = { 0 };

    if (!table || db_record_read(db, table, id, &rec, &err))
        return false;
    take_title(&rec, out, size);
    record_done(&rec);
    return out[0] != '\0';
}

size_t reference_find(struct db *db, const struct registry *registry, const struct column *column,
                      const char *words, struct reference out[REFERENCE_MATCHES])
{
    struct db_window window = {
        .table = registry_find(registry, column->reference),
        .view = DB_VIEW_ALL,
        .from = DB_FROM_START,
        .find = words,
        .count = REFERENCE_MATCHES,
    };
    struct record_list list = { 0 };
    struct err err = { 0 };
    size_t count;

    if (!window.table)
        return 0;
    if (db_window_read(db, &window, &list, &err)) {
        log_warn("ui", "looking for a reference: %s", rc_name(err.rc));
        return 0;
    }
    count = list.count;
    for (size_t i = 0; i < count; i++) {
        memcpy(out[i].id, list.items[i].client_id, sizeof out[i].id);
        take_title(&list.items[i], out[i].title, sizeof out[i].title);
    }
    record_list_done(&list);
    return count;
}
