/* ui/input.h: from what curses hands over (bytes and key codes) to whole keys: UTF-8 put together,
 * Esc and a digit as a function key, pastes and barcode scans as one key each. Pure but for
 * input_read; nothing is dropped or reordered.
 *
 * Units    now_ms is monotonic.
 */
#ifndef UI_INPUT_H
#define UI_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "ui/keymap.h"

enum input_mode { INPUT_KEYS, INPUT_PASTE, INPUT_SCAN };

struct input {                  /* all zero is a valid empty one */
    int *queue;
    size_t head, count, room;
    struct buf text;            /* of the key given last, or of a paste or scan under way */
    enum input_mode mode;
    int64_t last_ms;            /* when something came last */
    int64_t esc_ms;             /* Esc was given (or held) then; 0: a digit is a digit */
    bool is_held;               /* that Esc was not given yet */
    bool holds_esc;             /* setting: the terminal has no F5, so Esc waits for its digit */
    bool has_bursts;            /* setting: scan=burst */
    int sync_answer;            /* TERMINAL_SYNC_YES or _NO: the terminal said so; 0: nothing new */
    bool after_esc; /* the key given last began with an Esc that had been given already */
    /* setting: the code of a sequence that begins with Esc; 0 or less: none. NULL: knows none. */
    int (*key_of)(const char *sequence);
};

void input_done(struct input *in);
void input_feed(struct input *in, int code, int64_t now_ms);
/* Reads what curses has, until it has no more. Returns how much there was. */
size_t input_read(struct input *in, int64_t now_ms);

/* The next whole key. out->text is borrowed until the next call. */
bool input_next(struct input *in, bool in_text, int64_t now_ms, struct ui_key *out);

/* When input_next has something without more input; 0: never. */
int64_t input_due(const struct input *in);

#endif
