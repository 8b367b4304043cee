/* ui/field.h: one field of a form: a column, and what is typed for it. What editing means follows
 * from the column (db/registry.h); all kinds hold their value as the text that a person would type.
 */
#ifndef UI_FIELD_H
#define UI_FIELD_H

#include <stdbool.h>
#include <stdint.h>
#include "db/registry.h"
#include "ui/line_edit.h"

struct field {
    const struct column *column;
    struct line_edit edit;
    char *initial;              /* the text that it was opened with */
    char *shown;                /* stands for the text: the title of the record that it is the id of;
                                 * NULL: the text itself */
    char error[304];            /* why it cannot be saved so; empty: nothing is known */
    char echo[40];              /* what a typed date means */
};

void field_init(struct field *field, const struct column *column, const struct value *v);
void field_done(struct field *field);
void field_set(struct field *field, const char *text);  /* as if typed */
void field_show(struct field *field, const char *title);        /* NULL: the text itself again */
bool field_is_changed(const struct field *field);
bool field_is_lines(const struct field *field);

/* Checks the text against the column. *out: overwritten on success. On failure the sentence is in
 * field->error. */
enum rc field_value(struct field *field, int64_t now_ms, struct value *out);

/* Keys. False: not for this kind of field. */
bool field_type(struct field *field, const struct ui_key *key, int64_t now_ms);
bool field_act(struct field *field, enum ui_action action, int width, int64_t now_ms);

/* The next (1) or last (-1) choice, day, or state of a switch. False: it has none. */
bool field_step(struct field *field, int step, int64_t now_ms);

int field_rows(const struct field *field, int width);
int field_width(const struct field *field, int room);
void field_draw(struct field *field, struct ui_canvas *c, int row, int col, int room,
                bool has_focus);
/* The whole error stands behind the value when they have this much room. */
bool field_error_fits(const struct field *field, int room);
/* The error for a narrow window: the same, or shorter. Borrowed from the field. */
const char *field_brief_error(const struct field *field);
/* The start of a text in one row, when there is no room for more. */
void field_draw_brief(const struct field *field, struct ui_canvas *c, int row, int col, int room);

#endif
