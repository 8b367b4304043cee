/* The names of the records that the rows on screen refer to: read after each movement, because
 * drawing asks nothing. */
#include "ui/list_priv.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

#define TITLES_MAX 512          /* more than a screen needs: begin anew */

void list_titles_done(struct list *list)
{
    free(list->titles);
    list->titles = NULL;
    list->title_count = 0;
}

const char *list_title_find(const struct list *list, const char *id)
{
    for (size_t i = 0; i < list->title_count; i++) {
        if (strcmp(list->titles[i].id, id) == 0)
            return list->titles[i].title[0] ? list->titles[i].title : NULL;
    }
    return NULL;
}

static bool is_known(const struct list *list, const char *id)
{
    for (size_t i = 0; i < list->title_count; i++) {
        if (strcmp(list->titles[i].id, id) == 0)
            return true;
    }
    return false;
}

static void read_one(struct ui *ui, struct list *list, const struct column *column,
                     const struct value *v)
{
    struct reference *title;

    if (v->kind != VALUE_TEXT || v->len != ID_LEN || is_known(list, v->text))
        return;
    list->titles = mem_grow(list->titles, list->title_count + 1, sizeof *list->titles);
    title = &list->titles[list->title_count++];
    *title = (struct reference){ .id = "" };
    memcpy(title->id, v->text, ID_LEN);
    (void)reference_title(ui->reader, ui->options->registry, column, v->text, title->title,
                          sizeof title->title);
}

void list_titles_read(struct ui *ui, struct list *list)
{
    const struct table *table = list->rows.table;

    if (list->title_count > TITLES_MAX)
        list_titles_done(list);
    for (size_t c = 0; c < table->list_count; c++) {
        if (column_edit_kind(table->list[c]) != EDIT_REFERENCE)
            continue;
        for (size_t i = 0; i < list->rows.count; i++)
            read_one(ui, list, table->list[c],
                     &list->rows.items[i].record.values[table->list[c]->index]);
    }
}
