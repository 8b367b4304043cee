/* The changes that wait: what each would set, why it was refused, and what can be done about it. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/i18n.h"
#include "base/mem.h"
#include "ui/flat.h"
#include "ui/ui_priv.h"

#define DETAIL_ROWS 9           /* below the list, when the window has room */
#define VALUE_MAX 96

struct queue {
    const struct registry *registry;
    struct db_ops ops;
    char (*titles)[VALUE_MAX];  /* of the ops' records */
    size_t cursor, top;
    int rows;                   /* of the list part */
};

static void queue_close(void *state)
{
    struct queue *queue = state;

    db_ops_done(&queue->ops);
    free(queue->titles);
    free(queue);
}

static void queue_title(const void *state, bool is_narrow, struct buf *out)
{
    (void)state;
    (void)is_narrow;
    buf_puts(out, _("Pending changes"));
}

static void queue_corner(const void *state, bool is_narrow, struct buf *out)
{
    const struct queue *queue = state;

    (void)is_narrow;
    if (queue->ops.count > 0)
        buf_printf(out, "%zu/%zu", queue->cursor + 1, queue->ops.count);
}

static struct db_op *op_at_cursor(struct queue *queue)
{
    return queue->ops.count ? &queue->ops.items[queue->cursor] : NULL;
}

/* ---- reading ---- */

static void read_titles(struct ui *ui, struct queue *queue)
{
    free(queue->titles);
    queue->titles = mem_zero(queue->ops.count + 1, sizeof *queue->titles);
    for (size_t i = 0; i < queue->ops.count; i++) {
        const struct db_op *op = &queue->ops.items[i];
        const struct table *table = registry_find(queue->registry, op->table_name);
        struct record rec = { 0 };
        struct err err = { 0 };

        if (table && db_record_read(ui->reader, table, op->client_id, &rec, &err) == RC_OK &&
            rec.values[table->title->index].kind == VALUE_TEXT)
            (void)snprintf(queue->titles[i], VALUE_MAX, "%s", rec.values[table->title->index].text);
        record_done(&rec);
    }
}

/* The cursor stays with its op, wherever that is now. */
static void queue_load(struct ui *ui, void *state)
{
    struct queue *queue = state;
    struct db_ops ops = { 0 };
    struct err err = { 0 };
    char client_id[ID_SIZE] = "";
    int rows = ui->content.rows;

    queue->rows = rows > DETAIL_ROWS + 4 ? rows - DETAIL_ROWS : rows;
    if (queue->rows < 1)
        queue->rows = 1;
    if (db_queue_list(ui->reader, &ops, &err)) {
        ui_say_err(ui, &err);
        return;
    }
    if (queue->ops.count)
        memcpy(client_id, queue->ops.items[queue->cursor].client_id, sizeof client_id);
    db_ops_done(&queue->ops);
    queue->ops = ops;
    if (queue->cursor >= ops.count)
        queue->cursor = ops.count ? ops.count - 1 : 0;
    for (size_t i = 0; i < ops.count; i++) {
        if (strcmp(ops.items[i].client_id, client_id) == 0)
            queue->cursor = i;
    }
    read_titles(ui, queue);
}

/* ---- drawing ---- */

/* "done, priority", or "new". */
static void what_of(const struct queue *queue, const struct db_op *op, struct buf *out)
{
    const struct table *table = registry_find(queue->registry, op->table_name);
    struct buf name = { 0 }, value = { 0 };
    bool is_string, is_first = true;
    char label[64];

    if (op->is_create) {
        buf_puts(out, _("new"));
        return;
    }
    for (const char *at = op->set; flat_next(&at, &name, &value, &is_string); is_first = false) {
        const struct column *column = table ? table_column(table, buf_str(&name)) : NULL;

        ui_lower(column ? column->label : buf_str(&name), label, sizeof label);
        buf_printf(out, "%s%s", is_first ? "" : ", ", label);
    }
    buf_done(&name);
    buf_done(&value);
}

static const char *state_of(const struct db_op *op, const struct sync_status *status)
{
    if (op->state == OP_FAILED)
        return _("failed");
    if (op->state == OP_HELD)
        return _("held");
    if (op->sent_at > 0 && status->sending_since > 0 && op->sent_at >= status->sending_since)
        return _("sending");
    return _("waiting");
}

static void queue_heads(const void *state, struct ui_canvas *c)
{
    (void)state;
    if (c->is_narrow)
        return;
    ui_put(c, 0, 4, 18, UI_HEADS, _("What"));
    ui_put(c, 0, 24, 20, UI_HEADS, _("Record"));
    ui_put(c, 0, c->cols - 15, 6, UI_HEADS, _("Since"));
    ui_put(c, 0, c->cols - 8, 7, UI_HEADS, _("State"));
}

static void draw_op(const struct queue *queue, struct ui_canvas *c, int y, size_t i)
{
    const struct db_op *op = &queue->ops.items[i];
    const char *mark = op->state == OP_FAILED ? "!" : op->is_create ? "+" : "~";
    const char *title = queue->titles[i][0] ? queue->titles[i] : op->client_id;
    enum ui_style style = i == queue->cursor ? UI_CURSOR : UI_PLAIN;
    struct buf what = { 0 };
    char time[24];

    if (i == queue->cursor) {
        ui_put(c, y, 0, 1, UI_BOLD, ">");
        ui_cursor(c, y, 0);
    }
    ui_put(c, y, 1, 1, op->state == OP_FAILED ? UI_MARK_FAILED : UI_MARK_CHANGED, mark);
    if (c->is_narrow) {
        ui_put(c, y, 3, c->cols - 3 - 8, style, title);
        ui_put(c, y, c->cols - 7, 7, UI_PLAIN, state_of(op, c->status));
        return;
    }
    what_of(queue, op, &what);
    clock_hhmm(op->created_at, time, sizeof time);
    ui_put(c, y, 4, 19, UI_PLAIN, buf_str(&what));
    ui_put(c, y, 24, c->cols - 24 - 16, style, title);
    ui_put(c, y, c->cols - 15, 5, UI_PLAIN, time);
    ui_put(c, y, c->cols - 8, 7, UI_PLAIN, state_of(op, c->status));
    buf_done(&what);
}

/* A value out of an op, as a person reads it. */
static void readable(const struct column *column, const char *raw, bool is_string, char *out)
{
    if (!is_string && strcmp(raw, "null") == 0)
        raw = "-";
    else if (!is_string && strcmp(raw, "true") == 0)
        raw = _("yes");
    else if (!is_string && strcmp(raw, "false") == 0)
        raw = _("no");
    for (size_t i = 0; column && is_string && i < column->choice_count; i++) {
        if (strcmp(column->choices[i].value, raw) == 0)
            raw = column->choices[i].label;
    }
    (void)snprintf(out, VALUE_MAX, "%s", raw);
}

static void base_value(const struct db_op *op, const struct column *column, const char *wanted,
                       char *out)
{
    struct buf name = { 0 }, value = { 0 };
    bool is_string;

    (void)snprintf(out, VALUE_MAX, "-");
    for (const char *at = op->base ? op->base : ""; flat_next(&at, &name, &value, &is_string);) {
        if (strcmp(buf_str(&name), wanted) == 0)
            readable(column, buf_str(&value), is_string, out);
    }
    buf_done(&name);
    buf_done(&value);
}

static int draw_changes(const struct queue *queue, const struct db_op *op, struct ui_canvas *c,
                        int row, int end)
{
    const struct table *table = registry_find(queue->registry, op->table_name);
    struct buf name = { 0 }, value = { 0 };
    char before[VALUE_MAX], after[VALUE_MAX], text[2 * VALUE_MAX + 8], label[64];
    bool is_string;

    for (const char *at = op->set; row < end && flat_next(&at, &name, &value, &is_string); row++) {
        const struct column *column = table ? table_column(table, buf_str(&name)) : NULL;

        readable(column, buf_str(&value), is_string, after);
        base_value(op, column, buf_str(&name), before);
        ui_lower(column ? column->label : buf_str(&name), label, sizeof label);
        ui_put(c, row, 2, 11, UI_PLAIN, label);
        (void)snprintf(text, sizeof text, op->is_create ? "%s%s" : "%s -> %s",
                       op->is_create ? "" : before, after);
        ui_put(c, row, 14, c->cols - 15, UI_PLAIN, text);
    }
    buf_done(&name);
    buf_done(&value);
    return row;
}

static int draw_reason(const struct db_op *op, struct ui_canvas *c, int row, int end)
{
    char text[512], time[24];
    size_t at = 0, stop;

    if (!op->error || !*op->error)
        return row;
    clock_hhmm(op->updated_at, time, sizeof time);
    if (op->state == OP_FAILED)
        (void)snprintf(text, sizeof text, _("Refused %d times, last at %s: \"%s\".  Code %s."),
                       op->retry_count, time, op->error, op->error_code ? op->error_code : "-");
    else
        (void)snprintf(text, sizeof text, _("Last answer: \"%s\".  Code %s."), op->error,
                       op->error_code ? op->error_code : "-");
    while (at <= strlen(text) && row < end) {
        size_t next = ui_wrap(text, strlen(text), at, c->cols - 4, &stop);

        ui_put_part(c, row++, 2, c->cols - 2, UI_PLAIN, text + at, stop - at);
        at = next;
    }
    return row + 1;
}

static void queue_draw(void *state, struct ui_canvas *c)
{
    struct queue *queue = state;
    const struct db_op *op = op_at_cursor(queue);
    size_t rows = (size_t)queue->rows;
    int row, shown;

    if (!op) {
        ui_put(c, 0, c->is_narrow ? 0 : 4, c->cols, UI_PLAIN,
               _("Nothing waits. All changes are sent."));
        return;
    }
    if (queue->cursor >= queue->top + rows)
        queue->top = queue->cursor - rows + 1;
    if (queue->cursor < queue->top)
        queue->top = queue->cursor;
    shown = (int)(queue->ops.count - queue->top);
    shown = shown < queue->rows ? shown : queue->rows;
    for (int i = 0; i < shown; i++)
        draw_op(queue, c, i, queue->top + (size_t)i);
    row = shown + 1;
    if (queue->rows >= c->rows)
        return;
    row = draw_reason(op, c, row, c->rows - 3);
    row = draw_changes(queue, op, c, row, c->rows - 2);
    if (op->state == OP_FAILED)
        ui_put(c, row + 1 < c->rows ? row + 1 : c->rows - 1, 2, c->cols - 2, UI_PLAIN,
               _("Your change is safe on this device. Edit it or ask your office, then retry."));
}

/* ---- doing ---- */

static void retry(struct ui *ui, struct queue *queue, const char *op_id)
{
    struct err err = { 0 };
    int64_t count = 0;

    if (db_queue_retry(ui->writer, op_id, &count, &err)) {
        ui_say_err(ui, &err);
        return;
    }
    if (ui->status.needs_sign_in) {
        ui_open(ui, UI_SCREEN_LOGIN, &(struct ui_opening){ .is_renewal = true });
        return;
    }
    if (ui->sync)
        sync_ask(ui->sync, op_id ? SYNC_NOW : SYNC_RETRY);
    ui_session_counts(ui);
    queue_load(ui, queue);
    ui_say(ui, "%s", _("Trying again."));
}

static void export(struct ui *ui, struct queue *queue, const char *path)
{
    struct buf lines = { 0 };
    struct err err = { 0 };

    for (size_t i = 0; i < queue->ops.count; i++) {
        db_op_to_json(&queue->ops.items[i], &lines);
        buf_putc(&lines, '\n');
    }
    if (file_exists(path))
        ui_say(ui, _("%s is there already. Nothing was written."), path);
    else if (file_replace(path, buf_str(&lines), lines.len, 0600, &err))
        ui_say_err(ui, &err);
    else
        ui_say(ui, _("%zu changes written to %s."), queue->ops.count, path);
    buf_done(&lines);
}

static void export_typed(struct ui *ui, void *state, const char *path)
{
    if (*path)
        export(ui, state, path);
}

static void copy(struct ui *ui, const struct db_op *op)
{
    struct buf text = { 0 };

    db_op_to_json(op, &text);
    ui_say(ui, "%s",
           terminal_copy(ui->terminal, text.data, text.len) ? _("Copied.")
                                                            : _("This terminal has no clipboard."));
    buf_done(&text);
}

static bool act_move(struct queue *queue, enum ui_action action)
{
    size_t last = queue->ops.count ? queue->ops.count - 1 : 0;
    size_t rows = (size_t)queue->rows;

    switch (action) {
    case UI_DO_UP:
        queue->cursor -= queue->cursor > 0;
        return true;
    case UI_DO_DOWN:
        queue->cursor += queue->cursor < last;
        return true;
    case UI_DO_PAGE_UP:
        queue->cursor -= queue->cursor < rows ? queue->cursor : rows;
        return true;
    case UI_DO_PAGE_DOWN:
        queue->cursor = queue->cursor + rows < last ? queue->cursor + rows : last;
        return true;
    case UI_DO_FIRST:
        queue->cursor = 0;
        return true;
    case UI_DO_LAST:
        queue->cursor = last;
        return true;
    default:
        return false;
    }
}

static bool queue_act(struct ui *ui, void *state, enum ui_action action)
{
    struct queue *queue = state;
    struct db_op *op = op_at_cursor(queue);
    const struct table *table = op ? registry_find(queue->registry, op->table_name) : NULL;

    if (act_move(queue, action))
        return true;
    switch (action) {
    case UI_DO_CANCEL:
        ui_pop_for_now(ui);
        return true;
    case UI_DO_EDIT:
        if (table)
            ui_open(ui, UI_SCREEN_FORM,
                    &(struct ui_opening){ .table = table, .client_id = op->client_id });
        return true;
    case UI_DO_RETRY:
        if (op)
            retry(ui, queue, op->op_id);
        return true;
    case UI_DO_RETRY_ALL:
        retry(ui, queue, NULL);
        return true;
    case UI_DO_EXPORT:
        if (op)
            ui_ask_text(ui, _("Write all to the new file:"), UI_HISTORY_FILE, queue, export_typed);
        return true;
    case UI_DO_COPY:
        if (op)
            copy(ui, op);
        return true;
    default:
        return false;
    }
}

static void queue_open(struct ui *ui, const struct ui_opening *what)
{
    struct queue *queue;

    (void)what;
    if (!ui->reader || ui_has_screen(ui, UI_SCREEN_QUEUE))
        return;
    queue = mem_zero(1, sizeof *queue);
    queue->registry = ui->options->registry;
    ui_push(ui, &ui_queue_screen, queue);
}

const struct ui_screen ui_queue_screen = {
    .name = "queue",
    .context = UI_IN_QUEUE,
    .open = queue_open,
    .close = queue_close,
    .title = queue_title,
    .heads = queue_heads,
    .load = queue_load,
    .refresh = queue_load,
    .draw = queue_draw,
    .act = queue_act,
    .corner = queue_corner,
};
