/* tests/terminal/term.h: a terminal with a program in it: a pseudo terminal, and libvterm as the
 * screen that a person would see. Nothing sleeps: waits are for a text on the screen, with a
 * deadline.
 */
#ifndef TESTS_TERMINAL_TERM_H
#define TESTS_TERMINAL_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>
#include <vterm.h>
#include "base/buf.h"

#define TERM_DEADLINE_MS 20000

/* As xterm sends them with its keypad on. */
#define KEY_UP "\033OA"
#define KEY_DOWN "\033OB"
#define KEY_RIGHT "\033OC"
#define KEY_LEFT "\033OD"
#define KEY_F1 "\033OP"
#define KEY_F2 "\033OQ"
#define KEY_F3 "\033OR"
#define KEY_F4 "\033OS"
#define KEY_F5 "\033[15~"
#define KEY_F6 "\033[17~"
#define KEY_F7 "\033[18~"
#define KEY_F9 "\033[20~"
#define KEY_F10 "\033[21~"
#define KEY_ESC "\033"
#define KEY_ENTER "\r"
#define KEY_TAB "\t"

struct term {
    int master, slave;          /* slave: held open, to ask for the modes that the program left */
    int alive;                  /* the reading end of a pipe that the program and its children hold */
    pid_t pid;                  /* 0: has been waited for */
    int status;                 /* of waitpid */
    VTerm *vt;
    VTermScreen *screen;
    int rows, cols;
    struct buf raw;             /* every byte that the program wrote */
    struct termios before;      /* modes at the start */
};

/* argv[0] is the path; env: NAME=VALUE to add, NULL-terminated. */
void term_start(struct term *t, int rows, int cols, const char *const *argv,
                const char *const *env);
void term_stop(struct term *t);                         /* kills it, hangs up on its children, frees */

void term_type(struct term *t, const char *keys);

/* Reads until the text is on the screen (or is not). Fails the test at the deadline, and prints the
 * screen. */
void term_wait(struct term *t, const char *text);
void term_wait_gone(struct term *t, const char *text);
/* Reads until nothing came for quiet_ms. */
void term_settle(struct term *t, int quiet_ms);
/* The same; how long after since_ms (of term_now_ms) the last of it came. */
double term_settled_ms(struct term *t, double since_ms, int quiet_ms);
double term_now_ms(void);
/* Reads until the program ends. Returns its exit code, or 128 + signal. */
int term_wait_exit(struct term *t);

/* The screen as text: trailing blanks off, a newline behind each row. */
void term_text(struct term *t, struct buf *out);
bool term_has(struct term *t, const char *text);         /* of what has been read */
/* One row, the same. Valid until the next call. */
const char *term_row(struct term *t, int row);
/* Compares all rows; clock times count as HH:MM. */
void term_expect(struct term *t, const char *const *rows, int count);

void term_resize(struct term *t, int rows, int cols);
void term_cursor(struct term *t, int *row, int *col);
bool term_is_restored(struct term *t);                  /* the modes are those of the start */

#endif
