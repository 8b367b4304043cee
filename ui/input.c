#include "ui/input.h"

#include <curses.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "base/text.h"
#include "ui/terminal.h"

#define ESC_DIGIT_MS 1000
#define UNFINISHED_MS 1000      /* a paste or scan without its end */
#define SPLIT_MS 100            /* a character cut by the line */
#define SEQUENCE_MAX 32
#define BURST_MIN 4
#define BATCH_MAX 65536

#define NOTHING KEY_MAX         /* a code that is no key of ours */

#define STX 2
#define ETX 3
#define ESC 27

static const struct {
    int code;
    int32_t key;
} special[] = {
    { KEY_UP, UI_KEY_UP },           { KEY_DOWN, UI_KEY_DOWN },
    { KEY_LEFT, UI_KEY_LEFT },       { KEY_RIGHT, UI_KEY_RIGHT },
    { KEY_HOME, UI_KEY_HOME },       { KEY_FIND, UI_KEY_HOME },
    { KEY_END, UI_KEY_END },         { KEY_SELECT, UI_KEY_END },
    { KEY_PPAGE, UI_KEY_PAGE_UP },   { KEY_NPAGE, UI_KEY_PAGE_DOWN },
    { KEY_IC, UI_KEY_INSERT },       { KEY_DC, UI_KEY_DELETE },
    { KEY_BACKSPACE, UI_KEY_BACKSPACE }, { KEY_BTAB, UI_KEY_BACK_TAB },
    { KEY_ENTER, UI_KEY_ENTER },     { '\r', UI_KEY_ENTER },
    { '\n', UI_KEY_ENTER },          { '\t', UI_KEY_TAB },
    { '\b', UI_KEY_BACKSPACE },      { 0x7F, UI_KEY_BACKSPACE },
};

void input_done(struct input *in)
{
    free(in->queue);
    buf_done(&in->text);
    *in = (struct input){ 0 };
}

void input_feed(struct input *in, int code, int64_t now_ms)
{
    if (code == TERMINAL_SYNC_YES || code == TERMINAL_SYNC_NO) {
        in->sync_answer = code;         /* the terminal's word, not the user's */
        return;
    }
    if (in->head + in->count == in->room) {
        if (in->head > 0)
            memmove(in->queue, in->queue + in->head, in->count * sizeof *in->queue);
        in->head = 0;
        if (in->count == in->room) {
            in->room = in->room ? in->room * 2 : 64;
            in->queue = mem_grow(in->queue, in->room, sizeof *in->queue);
        }
    }
    in->queue[in->head + in->count++] = code;
    in->last_ms = now_ms;
}

size_t input_read(struct input *in, int64_t now_ms)
{
    size_t count = 0;
    int code;

    while (count < BATCH_MAX) {
        code = wgetch(stdscr);
        if (code == ERR)
            break;
        input_feed(in, code, now_ms);
        count++;
    }
    return count;
}

static int peek(const struct input *in, size_t at)
{
    return at < in->count ? in->queue[in->head + at] : ERR;
}

static void drop(struct input *in, size_t count)
{
    in->head += count;
    in->count -= count;
}

static bool give(struct input *in, int32_t code, struct ui_key *out)
{
    *out = (struct ui_key){ .code = code, .text = buf_str(&in->text), .len = in->text.len };
    return true;
}

/* ---- pastes and scans ---- */

static bool gather(struct input *in, int64_t now_ms, struct ui_key *out)
{
    int32_t key = in->mode == INPUT_PASTE ? UI_KEY_PASTE : UI_KEY_SCAN;

    while (in->count > 0) {
        int code = peek(in, 0);
        bool is_end = in->mode == INPUT_PASTE
                          ? code == TERMINAL_PASTE_END
                          : code == ETX || code == '\r' || code == '\n' || code == KEY_ENTER;

        drop(in, 1);
        if (is_end) {
            in->mode = INPUT_KEYS;
            return give(in, key, out);
        }
        if (code < 0x100)
            buf_putc(&in->text, (char)code);
    }
    if (now_ms - in->last_ms < UNFINISHED_MS)
        return false;
    in->mode = INPUT_KEYS;
    return give(in, key, out);
}

static bool is_printable(int code)
{
    return code >= ' ' && code < 0x7F;
}

/* Characters that a reader without a prefix typed in one go; 0: no such burst here. */
static size_t burst_length(const struct input *in)
{
    size_t len = 0;
    bool is_varied = false;

    while (is_printable(peek(in, len))) {
        is_varied |= peek(in, len) != peek(in, 0);
        len++;
    }
    return len >= BURST_MIN && is_varied && peek(in, len) == '\r' ? len : 0;
}

/* ---- single keys ---- */

static size_t sequence_length(int lead)
{
    if (lead >= 0xC2 && lead < 0xE0)
        return 2;
    if (lead >= 0xE0 && lead < 0xF0)
        return 3;
    return lead >= 0xF0 && lead < 0xF5 ? 4 : 1;
}

/* A character of UTF-8, `?` for bytes that are none; false: the rest has not come yet. */
static bool character(struct input *in, int64_t now_ms, struct ui_key *out)
{
    size_t need = sequence_length(peek(in, 0));
    size_t have = 1;
    int32_t cp;

    while (have < need && peek(in, have) >= 0x80 && peek(in, have) < 0xC0)
        have++;
    if (have < need && have == in->count && now_ms - in->last_ms < SPLIT_MS)
        return false;
    buf_clear(&in->text);
    for (size_t i = 0; i < have; i++)
        buf_putc(&in->text, (char)peek(in, i));
    drop(in, have);
    if (text_next(buf_str(&in->text), in->text.len, &cp) != in->text.len || cp < 0) {
        buf_clear(&in->text);
        buf_putc(&in->text, '?');
        cp = '?';
    }
    return give(in, cp, out);
}

static bool special_key(struct input *in, int code, struct ui_key *out)
{
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++) {
        if (special[i].code == code) {
            drop(in, 1);
            return give(in, special[i].key, out);
        }
    }
    if (code >= KEY_F(1) && code <= KEY_F(12)) {
        drop(in, 1);
        return give(in, UI_KEY_F1 + (code - KEY_F(1)), out);
    }
    return false;
}

/* ---- sequences that came in pieces, so that curses took their Esc for a key ---- */

enum sequence { SEQUENCE_NONE, SEQUENCE_PART, SEQUENCE_WHOLE };

/* What follows an Esc, from place `at` on: a key, or something else that terminals send (ECMA-48
 * section 5.4: parameters, intermediates, a final byte); that means nothing here and must not be
 * taken for keys. */
static enum sequence sequence_at(const struct input *in, size_t at, size_t *len, int *code)
{
    char text[SEQUENCE_MAX] = "\033";
    int lead = peek(in, at);

    if (lead != '[' && lead != 'O')
        return SEQUENCE_NONE;
    for (size_t n = 1; n < sizeof text - 1; n++) {
        int c = peek(in, at + n - 1);

        if (c == ERR)
            return SEQUENCE_PART;
        if (!is_printable(c))
            return SEQUENCE_NONE;
        text[n] = (char)c;
        *len = n;
        *code = in->key_of ? in->key_of(text) : 0;
        if (*code > 0)
            return SEQUENCE_WHOLE;
        /* The console's F1 is Esc [ [ A. */
        if (lead == '[' && n > 1 && c >= '@' && !(n == 2 && c == '['))
            return SEQUENCE_WHOLE;
        if (lead == 'O' && n > 1)
            return SEQUENCE_NONE;
    }
    return SEQUENCE_NONE;
}

/* Puts the code in the place of the sequence; without one it becomes a key that means nothing. */
static void replace(struct input *in, size_t len, int code)
{
    drop(in, len - 1);
    in->queue[in->head] = code > 0 ? code : NOTHING;
    if (code == TERMINAL_SYNC_YES || code == TERMINAL_SYNC_NO) {
        in->sync_answer = code;
        in->queue[in->head] = NOTHING;
    }
}

/* What an Esc and what follows mean. */
static bool escape(struct input *in, int64_t now_ms, struct ui_key *out)
{
    int next = peek(in, 1);
    size_t len;
    int code;
    enum sequence sequence = sequence_at(in, 1, &len, &code);

    if (sequence == SEQUENCE_WHOLE) {
        in->is_held = false;
        replace(in, len + 1, code);
        return input_next(in, false, now_ms, out);
    }
    if (sequence == SEQUENCE_PART &&
        now_ms - in->last_ms < (next == '[' ? ESC_DIGIT_MS : SPLIT_MS)) {
        in->is_held = true;
        return false;
    }

    if (next >= '0' && next <= '9') {
        drop(in, 2);
        in->is_held = false;
        return give(in, UI_KEY_F1 + (next == '0' ? 9 : next - '1'), out);
    }
    if (next == ERR && in->holds_esc && now_ms - in->last_ms < ESC_DIGIT_MS) {
        in->is_held = true;
        return false;
    }
    drop(in, 1);
    if (next == ERR && !in->is_held)
        in->esc_ms = now_ms;
    in->is_held = false;
    return give(in, UI_KEY_ESC, out);
}

/* The Esc was given already: is this the rest of its sequence? */
static enum sequence late_rest(struct input *in, int64_t esc_ms, int64_t now_ms)
{
    enum sequence sequence = SEQUENCE_NONE;
    size_t len;
    int code;

    if (esc_ms && now_ms - esc_ms <= ESC_DIGIT_MS)
        sequence = sequence_at(in, 0, &len, &code);
    if (sequence == SEQUENCE_WHOLE)
        replace(in, len, code);
    return sequence == SEQUENCE_PART && now_ms - in->last_ms >= SPLIT_MS ? SEQUENCE_NONE : sequence;
}

static bool one_key(struct input *in, int64_t now_ms, struct ui_key *out)
{
    int code = peek(in, 0);
    int64_t esc_ms = in->esc_ms;

    buf_clear(&in->text);
    in->esc_ms = 0;
    if (code == ESC)
        return escape(in, now_ms, out);
    switch (late_rest(in, esc_ms, now_ms)) {
    case SEQUENCE_WHOLE:
        if (!input_next(in, false, now_ms, out))
            return false;
        in->after_esc = true;
        return true;
    case SEQUENCE_PART:
        in->esc_ms = esc_ms;
        return false;
    case SEQUENCE_NONE:
        break;
    }
    if (esc_ms && code >= '0' && code <= '9' && now_ms - esc_ms <= ESC_DIGIT_MS) {
        drop(in, 1);
        in->after_esc = true;
        return give(in, UI_KEY_F1 + (code == '0' ? 9 : code - '1'), out);
    }
    if (special_key(in, code, out))
        return true;
    if (code < 0x100) {
        in->esc_ms = esc_ms;            /* kept if the character is not whole yet */
        if (!character(in, now_ms, out))
            return false;
        in->esc_ms = 0;
        return true;
    }
    drop(in, 1);                        /* a key that means nothing to us */
    return give(in, UI_KEY_BASE, out);
}

bool input_next(struct input *in, bool in_text, int64_t now_ms, struct ui_key *out)
{
    size_t burst;

    in->after_esc = false;
    if (in->mode != INPUT_KEYS)
        return gather(in, now_ms, out);
    if (in->count == 0)
        return false;
    if (peek(in, 0) == TERMINAL_PASTE_START || peek(in, 0) == STX) {
        in->mode = peek(in, 0) == STX ? INPUT_SCAN : INPUT_PASTE;
        drop(in, 1);
        buf_clear(&in->text);
        return gather(in, now_ms, out);
    }
    burst = in->has_bursts && !in_text ? burst_length(in) : 0;
    if (burst > 0) {
        in->mode = INPUT_SCAN;
        buf_clear(&in->text);
        return gather(in, now_ms, out);
    }
    return one_key(in, now_ms, out);
}

int64_t input_due(const struct input *in)
{
    if (in->mode != INPUT_KEYS)
        return in->last_ms + UNFINISHED_MS;
    if (in->is_held)
        return in->last_ms + ESC_DIGIT_MS;
    return in->count > 0 ? in->last_ms + SPLIT_MS : 0;
}
