#include "src/app/reference.h"

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
