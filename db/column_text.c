/* Columns whose values are texts: text, date, choice, reference. */
#include "db/column_type.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/i18n.h"
#include "base/id.h"
#include "base/text.h"
#include "db/typed_time.h"

#define KEY_MAX 64              /* bytes of a folded title kept for sorting */
#define KEY_SOURCE_MAX 1024     /* bytes of it that are folded: a long note costs no more */
#define FOLD_MAX 1024
#define NAMED_COLS 40           /* of a refused value in a sentence */
#define NAMED_CHOICES_MAX 140   /* bytes of the choices in a sentence */

/* ---- text ---- */

static enum rc text_check(const struct column *col, const struct value *v, struct err *err)
{
    if (!text_is_valid(v->text, v->len))
        return column_refuse(col, err, _("%s holds bytes that are not text (UTF-8)."), col->label);
    if (col->is_required && text_is_blank(v->text, v->len))
        return column_refuse(col, err, _("%s is needed."), col->label);
    if (v->len <= col->max_length)          /* no text has more code points than bytes */
        return RC_OK;

    size_t count = text_count(v->text, v->len);
    if (count > col->max_length)
        return column_refuse(col, err,
                             ngettext("%s can have %zu character; this has %zu.",
                                      "%s can have %zu characters; this has %zu.",
                                      (unsigned long)col->max_length),
                             col->label, (size_t)col->max_length, count);
    return RC_OK;
}

/* Invalid bytes are refused before they become a value, which must be valid. */
static enum rc text_from_text(const struct column *col, const char *s, size_t len, int64_t now_ms,
                              struct value *out, struct err *err)
{
    (void)now_ms;
    if (!text_is_valid(s, len))
        return column_refuse(col, err, _("%s holds bytes that are not text (UTF-8)."), col->label);
    value_set_text(out, s, len);
    return RC_OK;
}

static void text_to_text(const struct column *col, const struct value *v, struct buf *out)
{
    (void)col;
    buf_append(out, v->text, v->len);
}

static void text_sort_key(const struct sort_order *sort, const struct value *v, struct value *out)
{
    struct buf key = { 0 };
    size_t len = v->len;

    (void)sort;
    if (len > KEY_SOURCE_MAX) {
        len = KEY_SOURCE_MAX;
        while (len > 0 && ((unsigned char)v->text[len] & 0xC0) == 0x80)
            len--;
    }
    text_fold(v->text, len, KEY_MAX, &key);
    *out = (struct value){ .kind = VALUE_TEXT, .len = key.len };
    out->text = buf_take(&key);
}

const struct column_type column_type_text = {
    .name = "text", .sql = "TEXT", .shape = VALUE_TEXT, .edit = EDIT_LINE,
    .wanted = N_("a JSON string"), .takes = TAKES_LENGTH | TAKES_LINES, .keeps_spaces = true,
    .check = text_check, .from_text = text_from_text, .to_text = text_to_text,
    .sort_key = text_sort_key,
};

/* ---- date ---- */

static enum rc date_check(const struct column *col, const struct value *v, struct err *err)
{
    if (strlen(v->text) != v->len || !date_is_valid(v->text))
        return column_refuse(col, err, _("%s must be a day that exists, written as 2026-02-28."),
                             col->label);
    return RC_OK;
}

static enum rc date_from_text(const struct column *col, const char *s, size_t len, int64_t now_ms,
                              struct value *out, struct err *err)
{
    int64_t days;
    int year, month, day;
    char text[40];

    if (!typed_date(s, len, now_ms, &days))
        return column_refuse(col, err, _("Not a date. Try 2026-02-28, 28.2., fri or +3."));
    date_from_days(days, &year, &month, &day);
    snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
    value_set_text(out, text, strlen(text));
    return RC_OK;
}

static void plain_sort_key(const struct sort_order *sort, const struct value *v, struct value *out)
{
    (void)sort;
    value_copy(out, v);
}

const struct column_type column_type_date = {
    .name = "date", .sql = "TEXT", .shape = VALUE_TEXT, .edit = EDIT_DATE,
    .wanted = N_("a JSON string"),
    .check = date_check, .from_text = date_from_text, .to_text = text_to_text,
    .sort_key = plain_sort_key,
};

/* ---- choice ---- */

/* The place of a choice in the definition; choice_count when it is not there. */
static size_t choice_place(const struct column *col, const struct value *v)
{
    size_t i = 0;

    while (i < col->choice_count && strcmp(col->choices[i].value, v->text) != 0)
        i++;
    return i;
}

static enum rc choice_refuse(const struct column *col, const char *s, size_t len, struct err *err)
{
    struct buf value = { 0 }, names = { 0 };
    enum rc rc;

    text_clip(s, len, NAMED_COLS, &value);
    for (size_t i = 0; i < col->choice_count; i++) {
        const char *label = col->choices[i].label;
        if (names.len + strlen(label) > NAMED_CHOICES_MAX) {
            buf_puts(&names, names.len > 0 ? ", ..." : _("its choices"));
            break;
        }
        if (names.len > 0)
            buf_puts(&names, ", ");
        buf_puts(&names, label);
    }
    rc = column_refuse(col, err, _("%s: %s is not one of %s."), col->label, buf_str(&value),
                       buf_str(&names));
    buf_done(&value);
    buf_done(&names);
    return rc;
}

static enum rc choice_check(const struct column *col, const struct value *v, struct err *err)
{
    if (choice_place(col, v) == col->choice_count)
        return choice_refuse(col, v->text, v->len, err);
    return RC_OK;
}

static bool is_same(const char *choice, const char *s, size_t len)
{
    return strlen(choice) == len && memcmp(choice, s, len) == 0;
}

/* `folded` is the folded s: the same word in any case. */
static bool is_same_folded(const char *choice, const struct buf *folded)
{
    struct buf mine = { 0 };
    bool is_equal;

    text_fold(choice, strlen(choice), FOLD_MAX, &mine);
    is_equal = strcmp(buf_str(&mine), buf_str(folded)) == 0;
    buf_done(&mine);
    return is_equal;
}

/* What matches exactly wins, a value before a label: a label may be another choice's value. */
static const struct choice *choice_typed(const struct column *col, const char *s, size_t len)
{
    const struct choice *found = NULL;
    struct buf folded = { 0 };

    for (size_t i = 0; i < col->choice_count; i++) {
        if (is_same(col->choices[i].value, s, len))
            return &col->choices[i];
        if (!found && is_same(col->choices[i].label, s, len))
            found = &col->choices[i];
    }
    text_fold(s, len, FOLD_MAX, &folded);
    for (size_t i = 0; !found && i < col->choice_count; i++) {
        if (is_same_folded(col->choices[i].value, &folded))
            found = &col->choices[i];
    }
    for (size_t i = 0; !found && i < col->choice_count; i++) {
        if (is_same_folded(col->choices[i].label, &folded))
            found = &col->choices[i];
    }
    buf_done(&folded);
    return found;
}

static enum rc choice_from_text(const struct column *col, const char *s, size_t len,
                                int64_t now_ms, struct value *out, struct err *err)
{
    const struct choice *choice = NULL;

    (void)now_ms;
    if (text_is_valid(s, len))
        choice = choice_typed(col, s, len);
    if (!choice)
        return choice_refuse(col, s, len, err);
    value_set_text(out, choice->value, strlen(choice->value));
    return RC_OK;
}

static void choice_to_text(const struct column *col, const struct value *v, struct buf *out)
{
    size_t place = choice_place(col, v);

    if (place < col->choice_count)
        buf_puts(out, col->choices[place].label);
    else
        buf_append(out, v->text, v->len);
}

/* A choice that only a newer backend knows comes after those that we know, in both directions. */
static void choice_sort_key(const struct sort_order *sort, const struct value *v,
                            struct value *out)
{
    size_t place = choice_place(sort->column, v);
    bool is_unknown = place == sort->column->choice_count;

    *out = (struct value){ .kind = VALUE_INT,
                           .number = is_unknown && sort->is_descending ? -1 : (int64_t)place };
}

const struct column_type column_type_choice = {
    .name = "choice", .sql = "TEXT", .shape = VALUE_TEXT, .edit = EDIT_CHOICE,
    .wanted = N_("a JSON string"), .takes = TAKES_CHOICES, .needs = TAKES_CHOICES,
    .check = choice_check, .from_text = choice_from_text, .to_text = choice_to_text,
    .sort_key = choice_sort_key,
};

/* ---- reference ---- */

static enum rc reference_refuse(const struct column *col, struct err *err)
{
    return column_refuse(col, err, _("%s must be the id of a record, such as "
                           "01890a5d-ac96-774b-bcce-b302099a8057."), col->label);
}

/* The form only: the record may not have arrived here yet. */
static enum rc reference_check(const struct column *col, const struct value *v, struct err *err)
{
    if (v->len != ID_LEN || !id_is_valid(v->text))
        return reference_refuse(col, err);
    return RC_OK;
}

static enum rc reference_from_text(const struct column *col, const char *s, size_t len,
                                   int64_t now_ms, struct value *out, struct err *err)
{
    char id[ID_SIZE];

    (void)now_ms;
    if (len != ID_LEN)
        return reference_refuse(col, err);
    for (size_t i = 0; i < ID_LEN; i++)
        id[i] = s[i] >= 'A' && s[i] <= 'F' ? (char)(s[i] - 'A' + 'a') : s[i];
    id[ID_LEN] = '\0';
    if (!id_is_valid(id))
        return reference_refuse(col, err);
    value_set_text(out, id, ID_LEN);
    return RC_OK;
}

const struct column_type column_type_reference = {
    .name = "reference", .sql = "TEXT", .shape = VALUE_TEXT, .edit = EDIT_REFERENCE,
    .wanted = N_("a JSON string"), .takes = TAKES_TABLE, .needs = TAKES_TABLE,
    .check = reference_check, .from_text = reference_from_text, .to_text = text_to_text,
    .sort_key = plain_sort_key,
};
