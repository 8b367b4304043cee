/* ui/form_priv.h: the editor's state, shared by form.c (typing, saving), form_draft.c, form_draw.c
 * and form_pick.c. Private to them.
 */
#ifndef UI_FORM_PRIV_H
#define UI_FORM_PRIV_H

#include "ui/field.h"
#include "ui/reference.h"
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
    struct reference matches[REFERENCE_MATCHES];        /* of the words in the focused field */
    size_t match_count, match_at;
    struct look look;           /* for more of them */
    int top;                    /* first row of the form that is in sight */
    int width;                  /* of text fields, as drawn last */
    int room;                   /* for a value and what stands behind it; 0: nothing stands there */
};

static inline bool form_is_new(const struct form *form)
{
    return form->client_id[0] == '\0';
}

/* Drafts (form_draft.c). */
const char *form_draft_id(const struct form *form);             /* NULL: of a new record */
void form_touched(struct ui *ui, struct form *form);            /* it is to be written soon */
void form_draft_write(struct ui *ui, struct form *form);
void form_draft_restore(struct ui *ui, struct form *form);      /* what was typed before */
void form_draft_drop(struct ui *ui, struct form *form);

/* References (form_pick.c). */
void form_pick_show(struct ui *ui, struct form *form);          /* titles for ids */
void form_pick_look(struct ui *ui, struct form *form);          /* the focused field was typed in */
void form_pick_on(struct ui *ui, struct form *form);            /* the next part of the look */
bool form_pick_take(struct form *form);                 /* false: nothing is listed */
bool form_pick_move(struct form *form, int step);
void form_pick_close(struct form *form);
bool form_pick_refuse(struct field *field);             /* words that nothing was picked for */

void form_draw(void *state, struct ui_canvas *c);

#endif
