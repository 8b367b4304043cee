#include "ui/filter.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/i18n.h"
#include "base/mem.h"
#include "base/text.h"

#define DAY_MS 86400000LL

void filter_done(struct filter *filter)
{
    for (size_t i = 0; i < filter->count; i++) {
        value_done(&filter->terms[i].value);
        free(filter->terms[i].part);
    }
    buf_done(&filter->words);
    *filter = (struct filter){ 0 };
}

const struct column *filter_column(const struct table *table, const char *name, size_t len)
{
    for (size_t i = 0; len > 0 && i < table->column_count; i++) {
        const struct column *column = &table->columns[i];

        if ((strlen(column->name) == len && strncasecmp(column->name, name, len) == 0) ||
            (strlen(column->label) == len && strncasecmp(column->label, name, len) == 0))
            return column;
    }
    for (size_t i = 0; len > 0 && i < table->column_count; i++) {
        const struct column *column = &table->columns[i];

        if (strncasecmp(column->name, name, len) == 0 || strncasecmp(column->label, name, len) == 0)
            return column;
    }
    return NULL;
}

/* ---- reading what was typed ---- */

static char *fold(const char *s, size_t len)
{
    struct buf text = { 0 };

    text_fold(s, len, SIZE_MAX, &text);
    return buf_take(&text);
}

/* A choice is named by how its value or label begins. */
static bool choice_from(const struct column *column, const char *s, size_t len, struct value *out)
{
    for (size_t i = 0; i < column->choice_count; i++) {
        const struct choice *choice = &column->choices[i];

        if (strncasecmp(choice->value, s, len) == 0 || strncasecmp(choice->label, s, len) == 0) {
            value_set_text(out, choice->value, strlen(choice->value));
            return true;
        }
    }
    return false;
}

static enum rc term_value(struct filter_term *term, const char *s, size_t len, int64_t now_ms,
                          struct err *err)
{
    const struct column *column = term->column;

    if (len == 0)
        return RC_OK;
    switch (column->kind) {
    case COLUMN_TEXT:
    case COLUMN_REFERENCE:
        term->part = fold(s, len);
        return RC_OK;
    case COLUMN_CHOICE:
        if (choice_from(column, s, len, &term->value))
            return RC_OK;
        break;
    default:
        break;
    }
    return column_from_text(column, s, len, now_ms, &term->value, err);
}

/* Where the operator of a word begins; the word's length: it has none. */
static size_t operator_at(const char *word, size_t len)
{
    size_t at = 0;

    while (at < len && !strchr("<>:=", word[at]))
        at++;
    return at;
}

static enum filter_op operator_of(const char *word, size_t len, size_t *value_at)
{
    bool has_equal = *value_at + 1 < len && word[*value_at] != '=' && word[*value_at + 1] == '=';
    char c = word[*value_at];

    *value_at += has_equal ? 2 : 1;
    if (c == '<')
        return has_equal ? FILTER_AT_MOST : FILTER_LESS;
    if (c == '>')
        return has_equal ? FILTER_AT_LEAST : FILTER_MORE;
    return FILTER_IS;
}

static enum rc add_word(struct filter *filter, const struct table *table, const char *word,
                        size_t len, int64_t now_ms, struct err *err)
{
    size_t at = operator_at(word, len);
    const struct column *column = at < len ? filter_column(table, word, at) : NULL;
    struct filter_term *term;

    if (!column) {
        if (filter->words.len)
            buf_putc(&filter->words, ' ');
        buf_append(&filter->words, word, len);
        return RC_OK;
    }
    if (filter->count == FILTER_TERMS_MAX)
        return err_set(err, RC_INVALID, _("A filter has room for %d conditions."),
                       FILTER_TERMS_MAX);
    term = &filter->terms[filter->count++];
    *term = (struct filter_term){ .column = column };
    term->op = operator_of(word, len, &at);
    return term_value(term, word + at, len - at, now_ms, err);
}

enum rc filter_parse(const struct table *table, const char *text, int64_t now_ms,
                     struct filter *out, struct err *err)
{
    struct filter filter = { 0 };
    enum rc rc = RC_OK;

    for (const char *at = text; !rc && *at;) {
        size_t len = strcspn(at, " \t");

        if (len > 0)
            rc = add_word(&filter, table, at, len, now_ms, err);
        at += len + (at[len] != '\0');
    }
    if (rc)
        filter_done(&filter);
    else
        *out = filter;
    return rc;
}

/* ---- matching ---- */

static int order_of_choice(const struct column *column, const char *value)
{
    int at = 0;

    while ((size_t)at < column->choice_count && strcmp(column->choices[at].value, value) != 0)
        at++;
    return at;
}

static double number_of(const struct value *v)
{
    return v->kind == VALUE_REAL ? v->real : v->kind == VALUE_INT ? (double)v->number : v->flag;
}

/* <0, 0, >0. A time is the same as a day when it is within it. */
static int compare(const struct column *column, const struct value *a, const struct value *b)
{
    double x, y;

    if (column->kind == COLUMN_CHOICE)
        return order_of_choice(column, a->text) - order_of_choice(column, b->text);
    if (a->kind == VALUE_TEXT)
        return strcmp(a->text, b->text);
    x = number_of(a);
    y = number_of(b);
    if (column->kind == COLUMN_TIMESTAMP && x >= y && x < y + (double)DAY_MS)
        return 0;
    return (x > y) - (x < y);
}

static bool has_relation(enum filter_op op, int order)
{
    switch (op) {
    case FILTER_LESS:
        return order < 0;
    case FILTER_AT_MOST:
        return order <= 0;
    case FILTER_MORE:
        return order > 0;
    case FILTER_AT_LEAST:
        return order >= 0;
    default:
        return order == 0;
    }
}

static bool text_matches(const struct filter_term *term, const struct value *v)
{
    char *text = fold(v->text, v->len);
    bool is_match = term->op == FILTER_IS ? strstr(text, term->part) != NULL
                                          : has_relation(term->op, strcmp(text, term->part));

    free(text);
    return is_match;
}

static bool term_matches(const struct filter_term *term, const struct record *rec)
{
    const struct value *v = &rec->values[term->column->index];

    if (!term->part && term->value.kind == VALUE_NULL)
        return (v->kind == VALUE_NULL) == (term->op == FILTER_IS);
    /* A switch that was never touched is off. */
    if (term->value.kind == VALUE_BOOL)
        return term->value.flag == (v->kind == VALUE_BOOL && v->flag);
    if (v->kind == VALUE_NULL)
        return false;
    if (term->part)
        return v->kind == VALUE_TEXT && text_matches(term, v);
    return has_relation(term->op, compare(term->column, v, &term->value));
}

bool filter_matches(const struct filter *filter, const struct record *rec)
{
    for (size_t i = 0; i < filter->count; i++) {
        if (!term_matches(&filter->terms[i], rec))
            return false;
    }
    return true;
}
