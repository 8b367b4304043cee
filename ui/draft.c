#include "ui/draft.h"

#include <string.h>
#include "base/json.h"
#include "ui/flat.h"

void draft_put(const struct field *fields, size_t count, struct buf *out)
{
    bool is_first = true;

    buf_putc(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (!field_is_changed(&fields[i]))
            continue;
        if (!is_first)
            buf_putc(out, ',');
        is_first = false;
        json_put_string(out, fields[i].column->name, strlen(fields[i].column->name));
        buf_putc(out, ':');
        json_put_string(out, buf_str(&fields[i].edit.text), fields[i].edit.text.len);
    }
    buf_putc(out, '}');
}

static size_t set_field(const char *name, const char *text, struct field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(fields[i].column->name, name) == 0 && !fields[i].column->is_read_only) {
            field_set(&fields[i], text);
            return 1;
        }
    }
    return 0;
}

size_t draft_take(const char *json, struct field *fields, size_t count)
{
    struct buf name = { 0 }, text = { 0 };
    size_t taken = 0;
    bool is_string;

    for (const char *s = json; flat_next(&s, &name, &text, &is_string);) {
        if (is_string)
            taken += set_field(buf_str(&name), buf_str(&text), fields, count);
    }
    buf_done(&name);
    buf_done(&text);
    return taken;
}
