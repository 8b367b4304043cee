/* Finding in the list: words, the next and the last, what a scan says. */
#include "ui/list_priv.h"

#include <stdlib.h>
#include "base/i18n.h"
#include "base/mem.h"

static void offer_new(struct ui *ui, void *state, char key)
{
    struct list *list = state;

    if (key == 'y')
        ui_open(ui, UI_SCREEN_FORM,
                &(struct ui_opening){ .table = list->rows.table, .text = list->words });
}

static void say_not_found(struct ui *ui, struct list *list)
{
    if (list->is_scan) {
        terminal_alert(ui->terminal);
        ui_ask_keys(ui, "yn", list, offer_new, _("\"%s\" was not found. Add a new %s with it? y/n"),
                    list->words, list->rows.table->label_one);
        return;
    }
    ui_say(ui, list->is_upward ? _("\"%s\": not found above.") : _("\"%s\": not found below."),
           list->words);
}

/* The next part of what is looked for; keys come between two of them. */
void list_look_on(struct ui *ui, struct list *list)
{
    struct err err = { 0 };
    bool is_changed = false, was_finding = rows_is_finding(&list->rows);
    enum rc rc = rows_look_on(&list->rows, ui->reader, &is_changed, &err);

    if (was_finding && !rows_is_finding(&list->rows))
        ui->message[0] = '\0';
    if (rc == RC_NOT_FOUND)
        say_not_found(ui, list);
    else if (rc)
        ui_say_err(ui, &err);
    if (!is_changed && !rc)
        return;
    list_titles_read(ui, list);
    ui->needs_draw = true;
}

static void check_found(struct ui *ui, const struct list *list, enum rc rc, const struct err *err)
{
    if (rc == RC_OK && rows_is_finding(&list->rows))
        ui_say(ui, _("Looking for \"%s\". Any key ends it."), list->words);
    else
        list_check(ui, rc, err);
}

void list_find(struct ui *ui, struct list *list, int step)
{
    struct err err = { 0 };
    enum rc rc;

    if (!list->words) {
        ui_say(ui, "%s", _("Nothing was searched yet. / finds."));
        return;
    }
    list->is_upward = step < 0;
    list->is_scan = false;
    rc = rows_find(&list->rows, ui->reader, list->words, step, &err);
    if (rc == RC_NOT_FOUND)
        say_not_found(ui, list);
    else
        check_found(ui, list, rc, &err);
    list_watch_keys(ui, list);
}

void list_find_typed(struct ui *ui, void *state, const char *text)
{
    struct list *list = state;

    if (*text) {
        free(list->words);
        list->words = mem_strdup(text);
    }
    list_find(ui, list, 1);
}

/* A scan, or a paste outside of a field: finds that text, and offers a new record with it if there
 * is none. */
bool list_type(struct ui *ui, void *state, const struct ui_key *key)
{
    struct list *list = state;
    struct line_edit text = { 0 };
    struct err err = { 0 };
    enum rc rc;

    if (key->code != UI_KEY_SCAN && key->code != UI_KEY_PASTE)
        return false;
    line_edit_insert(&text, key->text, key->len);
    free(list->words);
    list->words = mem_strdup(buf_str(&text.text));
    list->is_scan = true;
    list->is_upward = false;
    line_edit_done(&text);
    rc = rows_first(&list->rows, ui->reader, &err);
    if (rc == RC_OK && *list->words)
        rc = rows_find(&list->rows, ui->reader, list->words, 1, &err);
    if (rc == RC_NOT_FOUND)
        say_not_found(ui, list);
    else
        check_found(ui, list, rc, &err);
    list_watch_keys(ui, list);
    return true;
}
