/* ui/form_priv.h: the editor's state, shared by form.c (typing, drafts, saving) and form_draw.c.
 * Private to them.
 */
#ifndef UI_FORM_PRIV_H
#define UI_FORM_PRIV_H

#include "ui/field.h"
#include "ui/ui_priv.h"

struct form {
    const struct table *table;
    char client_id[ID_SIZE];    /* empty: a new record */
    struct field *fields;       /* one per column, in the definition's order */
    size_t count, focus;
    struct record record;       /* as it was opened; all zero for a new one */
    bool is_gone;               /* the office removed it meanwhile */
    int64_t draft_due;          /* monotonic: write the draft then; 0: nothing to write */
    int64_t draft_at;           /* wall: when it was written last; 0: there is none */
    int top;                    /* first row of the form that is in sight */
    int width;                  /* of text fields, as drawn last */
};

bool form_is_new(const struct form *form);
void form_draw(void *state, struct ui_canvas *c);

#endif
