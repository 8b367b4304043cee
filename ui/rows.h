/* ui/rows.h: the part of a table that is on screen: as many records as fit, read by key, so that
 * any size costs the same. It keeps UX's promise that nothing moves by itself: a notice refreshes
 * records in place, and the window is read again only when the user moves. A record that was drawn
 * and does not fit the view or filter any more stays in the list until the view is entered again.
 *
 * Threads  the UI thread, on its reading connection.
 */
#ifndef UI_ROWS_H
#define UI_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "db/store.h"
#include "ui/filter.h"
#include "ui/look.h"

struct row {
    struct record record; /* record.key: where it was drawn, also when its key has changed since */
    bool is_gone;               /* removed by the office since it was drawn */
};

/* What a look is for that did not end in the part that a key may wait for. */
enum rows_goal {
    ROWS_FILL,                  /* rows are missing below the last one */
    ROWS_FILL_UP,               /* the same above the first; the cursor stays at the end */
    ROWS_MOVE,                  /* the cursor is to go on into what comes */
    ROWS_TURN,                  /* the window is to go on; the cursor stays where it is */
    ROWS_FIND                   /* the cursor is to go to what is found */
};

struct row_kept {               /* a record that was drawn, and fits no more */
    char client_id[ID_SIZE];
    struct value key;           /* where it stands, in the order of `sort` */
    size_t sort;
};

struct rows {                   /* all zero, then table is set, is an empty one */
    const struct table *table;
    enum db_view view;
    size_t sort;
    char *filter;               /* as typed; NULL: none */
    struct filter where;        /* what it means */
    struct row *items;          /* room of them allocated */
    size_t count, room;
    size_t cursor;              /* index in items; 0 when there are none */
    int64_t first;              /* place of items[0] in the view, from 0; -1: not known */
    int64_t total;              /* records of the view, and those that stay; -1: filtered, and not counted yet */
    struct row_kept *kept;      /* they stay until the view is entered again */
    size_t kept_count;
    bool is_stale;              /* something was committed since it was read */
    struct look look;           /* under way, for goal */
    enum rows_goal goal;
    struct look tally;          /* counts what a filter lets through behind the place counted */
    int64_t counted;
};

void rows_done(struct rows *rows);

/* Shows only what matches the text from the next reading on; NULL: all. RC_INVALID: it is as it
 * was. */
enum rc rows_filter(struct rows *rows, const char *text, int64_t now_ms, struct err *err);

/* How many fit. Reads what is missing, keeps the cursor's record in sight. */
enum rc rows_fit(struct rows *rows, struct db *db, size_t room, struct err *err);

/* The view is entered: what stayed leaves, and the first rows are shown. */
enum rc rows_enter(struct rows *rows, struct db *db, struct err *err);
enum rc rows_first(struct rows *rows, struct db *db, struct err *err);
enum rc rows_last(struct rows *rows, struct db *db, struct err *err);
enum rc rows_move(struct rows *rows, struct db *db, int step, struct err *err);
/* Turns the window by that many rows; the cursor stays at its place on the screen. */
enum rc rows_turn(struct rows *rows, struct db *db, int step, struct err *err);
/* Reads the window again with this record under the cursor. RC_NOT_FOUND when there is no such
 * record. */
enum rc rows_show(struct rows *rows, struct db *db, const char *client_id, struct err *err);
/* The next (1) or last (-1) record after the cursor with these words goes under the cursor.
 * RC_NOT_FOUND: none. On RC_OK it may still be looking. */
enum rc rows_find(struct rows *rows, struct db *db, const char *words, int step, struct err *err);

/* With a filter, or words to find, each of the calls above looks at a part of the list only; what
 * is missing comes by rows_look_on, again and again, for as long as this is true. */
bool rows_is_looking(const struct rows *rows);  /* for what the last call was to show */
bool rows_has_more_to_look(const struct rows *rows);    /* for that, or only to count */
bool rows_is_finding(const struct rows *rows);  /* looking, for rows_find */
void rows_stop_finding(struct rows *rows);
/* *is_changed: something is to be drawn. RC_NOT_FOUND: what was to be found is not there. */
enum rc rows_look_on(struct rows *rows, struct db *db, bool *is_changed, struct err *err);
/* Counts what the filter lets through, if that is not known and the place is; by rows_look_on. */
void rows_tally(struct rows *rows);

/* After a notice: the records that are on screen, in place, and the count. */
enum rc rows_refresh(struct rows *rows, struct db *db, struct err *err);

/* Counts the place of the cursor's record when it is not known: costs more the longer the list is,
 * so it is for when keys stop. */
enum rc rows_place(struct rows *rows, struct db *db, struct err *err);

/* The record under the cursor; NULL when there is none. */
const struct row *rows_at_cursor(const struct rows *rows);

#endif
