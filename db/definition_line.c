/* cJSON keeps no places. A definition is small and was parsed already, so that the place of an
 * error can be found by walking over its text once more.
 */
#include "db/definition.h"

#include <string.h>

struct walk {
    const char *at, *end;
};

static char peek(const struct walk *w)
{
    return w->at < w->end ? *w->at : '\0';
}

static void skip_space(struct walk *w)
{
    while (w->at < w->end && strchr(" \t\r\n", *w->at))
        w->at++;
}

static void skip_string(struct walk *w)
{
    for (w->at++; w->at < w->end && *w->at != '"'; w->at++) {
        if (*w->at == '\\' && w->at + 1 < w->end)
            w->at++;
    }
    if (w->at < w->end)
        w->at++;
}

static void skip_value(struct walk *w)
{
    int depth = 0;

    do {
        char c = peek(w);
        if (c == '"') {
            skip_string(w);
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            return;             /* behind a number or word */
        if (c == '{' || c == '[')
            depth++;
        if (c == '}' || c == ']')
            depth--;
        w->at++;
        if (depth == 0 && (c == '}' || c == ']'))
            return;
    } while (w->at < w->end);
}

/* At an object: moves to the value of `name`, and gives the place of the name. NULL: not there. */
static const char *enter_member(struct walk *w, const char *name)
{
    size_t len = strlen(name);

    skip_space(w);
    if (peek(w) != '{')
        return NULL;
    for (w->at++; w->at < w->end; w->at++) {
        skip_space(w);
        if (peek(w) != '"')
            return NULL;
        const char *key = w->at;
        skip_string(w);
        bool is_it = (size_t)(w->at - key) == len + 2 && memcmp(key + 1, name, len) == 0;
        skip_space(w);
        w->at++;                /* the colon */
        skip_space(w);
        if (is_it)
            return key;
        skip_value(w);
        skip_space(w);
        if (peek(w) != ',')
            return NULL;
    }
    return NULL;
}

/* At an array: moves to element `index`. */
static bool enter_element(struct walk *w, size_t index)
{
    if (peek(w) != '[')
        return false;
    w->at++;
    for (skip_space(w); index > 0; index--) {
        skip_value(w);
        skip_space(w);
        if (peek(w) != ',')
            return false;
        w->at++;
        skip_space(w);
    }
    return w->at < w->end && *w->at != ']';
}

size_t definition_mark(const char *json, size_t len)
{
    return len >= 3 && memcmp(json, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

int definition_line(const char *json, size_t len, size_t column, const char *member)
{
    struct walk w = { .at = json + definition_mark(json, len), .end = json + len };
    const char *place;
    int line = 1;

    skip_space(&w);
    place = w.at;
    if (column != DEFINITION_NOWHERE) {
        if (!enter_member(&w, "columns") || !enter_element(&w, column))
            return 0;
        place = w.at;
    }
    if (member) {
        const char *key = enter_member(&w, member);
        if (key)
            place = key;        /* else it is missing: the line of what should have it */
    }
    for (const char *s = json; s < place; s++)
        line += *s == '\n';
    return line;
}
