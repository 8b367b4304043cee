/* What comes from the terminal: every byte ends in a key, keys carry valid text, and nothing waits
 * for ever. */
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "base/text.h"
#include "ui/input.h"

static size_t take_all(struct input *in, bool in_text, int64_t now)
{
    struct ui_key key;
    size_t count = 0;

    while (input_next(in, in_text, now, &key)) {
        ORACLE(key.code >= 0 && key.code <= UI_KEY_SCAN);
        /* Pastes and scans are given as they came; who takes them into a field cleans them. */
        ORACLE(key.code >= UI_KEY_PASTE || key.text == NULL || key.code == 0 ||
               text_is_valid(key.text, key.len));
        count++;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { 0 };
    int64_t now = 1000;
    size_t keys = 0;

    if (size == 0)
        return 0;
    in.holds_esc = data[0] & 1;
    in.has_bursts = data[0] & 2;
    for (size_t i = 1; i < size; i++) {
        input_feed(&in, data[i], now);
        if (data[0] & 4 && data[i] % 3 == 0) {
            now += data[i];
            keys += take_all(&in, data[0] & 8, now);
        }
    }
    keys += take_all(&in, data[0] & 8, now);
    for (int i = 0; input_due(&in) != 0; i++) {
        ORACLE(i < 100 + (int)size);
        if (input_due(&in) > now)
            now = input_due(&in);
        keys += take_all(&in, data[0] & 8, now);
    }
    ORACLE(keys <= size);
    input_done(&in);
    return 0;
}
