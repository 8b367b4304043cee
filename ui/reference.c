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

void reference_find(struct look *look, const char *words)
{
    look_start(look, DB_FROM_START, NULL, words, REFERENCE_MATCHES);
}

size_t reference_look_on(struct look *look, struct db *db, const struct registry *registry,
                         const struct column *column, struct reference out[REFERENCE_MATCHES],
                         size_t count)
{
    static const struct filter none;
    const struct look_in in = {
        .table = registry_find(registry, column->reference),
        .view = DB_VIEW_ALL,
        .where = &none,
    };
    struct record_list list = { 0 };
    struct err err = { 0 };

    if (!in.table || look_part(look, &in, db, &list, &err)) {
        if (in.table)
            log_warn("ui", "looking for a reference: %s", rc_name(err.rc));
        look_done(look);
        return count;
    }
    for (size_t i = 0; i < list.count && count < REFERENCE_MATCHES; i++, count++) {
        memcpy(out[count].id, list.items[i].client_id, sizeof out[count].id);
        take_title(&list.items[i], out[count].title, sizeof out[count].title);
    }
    record_list_done(&list);
    return count;
}
