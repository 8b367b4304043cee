/* ui/list_priv.h: the list screen's state, shared by its files: list.c (the screen, its keys) above
 * those that do one thing each: list_read.c (rows), list_draw.c (columns and marks), list_change.c
 * (done, undo, marks of the user), and so on. Private to them.
 */
#ifndef UI_LIST_PRIV_H
#define UI_LIST_PRIV_H

#include "ui/reference.h"
#include "ui/rows.h"
#include "ui/ui_priv.h"

struct list_undo {              /* the last change made here; all zero: none */
    const struct table *table;
    char client_id[ID_SIZE];
    char what[64], title[96];
    struct value *before;       /* column_count of them */
    bool *is_set;
    int64_t changed_at;         /* wall: later than this its op was made */
};

struct list_cleared {           /* by the last Esc; all zero: nothing */
    char (*marked)[ID_SIZE];
    size_t marked_count;
    char *filter;
    bool has_banner;
    int64_t banner_hidden_at;   /* what ui->banner_hidden_at was */
};

struct list {
    struct rows rows;
    struct list_undo undo;
    char (*marked)[ID_SIZE];    /* records that the user marked */
    size_t marked_count;
    struct list_cleared cleared;
    char *words;                /* what was searched last; NULL: nothing */
    bool is_upward;             /* that search was */
    bool is_scan;               /* that search was for a scan, or a paste */
    bool is_incomplete; /* the table's first sync has not ended: nothing to see or add yet */
    bool is_empty;              /* the table has no records at all */
    struct reference *titles;   /* of records that the rows on screen refer to */
    size_t title_count;
    const struct column *set;   /* to be set on all marked records when the user says yes */
    struct value set_to;
    bool is_slow;               /* the line is: the position is shown when keys stop */
    int64_t stop_ms;            /* monotonic: keys have stopped by then; 0: they had */
    int64_t place;              /* of the cursor's record in the view, from 0, as shown; -1: none */
};

void list_draw(void *state, struct ui_canvas *c);
void list_heads(const void *state, struct ui_canvas *c);

bool list_is_marked(const struct list *list, const char *client_id);
void list_mark_toggle(struct list *list, const char *client_id);
void list_mark_none(struct list *list);
/* Reading (list_read.c). */
void list_load(struct ui *ui, void *state);
void list_refresh(struct ui *ui, void *state);          /* something was committed */
void list_check(struct ui *ui, enum rc rc, const struct err *err);      /* says what went wrong */
/* After each key: the position is looked up, and on a slow line drawn, when no more come. */
void list_watch_keys(struct ui *ui, struct list *list);
/* Finding (list_find.c): on (1) or back (-1), what was typed, a scan, the next part of a look. */
void list_find(struct ui *ui, struct list *list, int step);
void list_find_typed(struct ui *ui, void *state, const char *text);
bool list_type(struct ui *ui, void *state, const struct ui_key *key);
void list_look_on(struct ui *ui, struct list *list);
/* The view is entered again: the rows are those that match now. The second: the same record stays
 * under the cursor if the order or view has it. */
void list_enter(struct ui *ui, struct list *list);
void list_enter_at_cursor(struct ui *ui, struct list *list);
/* Esc, and what brings back what it cleared. */
void list_cancel(struct ui *ui, struct list *list);
void list_unescape(struct ui *ui, void *state);
void list_cleared_done(struct list_cleared *cleared);
/* One question for all marked records: as done, or one field. */
void list_done_marked(struct ui *ui, struct list *list);
void list_edit_marked(struct ui *ui, struct list *list);
void list_toggle_done(struct ui *ui, struct list *list);
/* The columns of `before` that is_set names are what an undo brings back. */
void list_undo_keep(struct ui *ui, struct list *list, const struct record *before,
                    const bool *is_set);
void list_undo_now(struct ui *ui, struct list *list);
void list_undo_done(struct list_undo *undo);

/* What the references on screen are called. */
void list_titles_read(struct ui *ui, struct list *list);
void list_titles_done(struct list *list);
const char *list_title_find(const struct list *list, const char *id);   /* NULL: not known */

void list_offer_draft(struct ui *ui);

/* A record's title, for sentences; out is cut to fit. */
void list_title_of(const struct record *rec, char *out, size_t size);

#endif
