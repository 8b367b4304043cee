/* src/backend/seed.c: invented records for a demo or a measurement, for any table, by the kinds of
 * its columns. What a record says depends on its table and number only; its times lie around
 * now. */
#include "src/backend/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "src/backend/account.h"
#include "src/backend/seed_words.h"

#define ROWS_AT_ONCE 1000
#define DAY_MS 86400000LL
#define PAST_DAYS 90            /* the oldest record was made that long ago */
#define ID_TIME 1767225600000LL /* ids must not depend on when the seed ran: 2026-01-01 */

struct seed {
    struct backend *b;
    int64_t user, count, now;
    int64_t today; /* days since 1970 */
};

static uint64_t hash_name(const char *name)
{
    uint64_t h = 1469598103934665603u; /* FNV-1a */

    for (; *name != '\0'; name++)
        h = (h ^ (unsigned char)*name) * 1099511628211u;
    return h;
}

/* The UUIDv7 of record i of a table: always the same one. */
static void seed_id(const char *table, int64_t i, char out[ID_SIZE])
{
    struct dice dice = { hash_name(table) + (uint64_t)i };
    uint64_t ms = (uint64_t)(ID_TIME + i), high = dice_throw(&dice), low = dice_throw(&dice);

    snprintf(out, ID_SIZE, "%08x-%04x-7%03x-%04x-%012llx", (unsigned)(ms >> 16),
             (unsigned)(ms & 0xffff), (unsigned)(high & 0xfff),
             (unsigned)(0x8000 | (high >> 12 & 0x3fff)),
             (unsigned long long)(low & 0xffffffffffffu));
}

static cJSON *text_value(const struct table *table, const struct column *col, struct dice *dice)
{
    struct buf text = { 0 };

    if (col->example_count > 0)
        seed_put_like(dice, col->examples[dice_below(dice, (int64_t)col->example_count)], &text);
    else if (col->is_multiline)
        seed_put_notes(dice, &text);
    else if (col == table->title && table->done != NULL)
        seed_put_job(dice, &text);
    else
        seed_put_thing(dice, &text);
    if (col->example_count == 0 && text.len > col->max_length)
        text.data[col->max_length] = '\0'; /* our words are ASCII; an example fits */
    cJSON *value = cJSON_CreateString(buf_str(&text));
    buf_done(&text);
    return value;
}

static double number_value(const struct column *col, struct dice *dice, double step)
{
    double min = col->has_min ? col->min : 0, max = col->has_max ? col->max : min + 100;

    if (max < min)
        min = max;
    int64_t steps = (int64_t)((max - min) / step);
    double v = min + (double)dice_below(dice, (steps > 1000 ? 1000 : steps) + 1) * step;
    return v > max ? max : v;
}

static cJSON *date_value(const struct seed *seed, struct dice *dice)
{
    char text[24];
    int year, month, day;

    date_from_days(seed->today - 12 + dice_below(dice, 40), &year, &month, &day);
    snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
    return cJSON_CreateString(text);
}

static cJSON *reference_value(const struct seed *seed, const struct column *col, struct dice *dice)
{
    char id[ID_SIZE];

    seed_id(col->reference, dice_below(dice, seed->count), id);
    return cJSON_CreateString(id);
}

static cJSON *timestamp_value(const struct seed *seed, const struct column *col, struct dice *dice)
{
    double v = (double)(seed->now - dice_below(dice, PAST_DAYS * DAY_MS));

    if (v < 0 || (col->has_min && v < col->min))
        v = col->has_min ? col->min : 0;
    return cJSON_CreateNumber(col->has_max && v > col->max ? col->max : v);
}

static cJSON *column_value(const struct seed *seed, const struct table *table,
                           const struct column *col, struct dice *dice)
{
    switch (col->kind) {
    case COLUMN_TEXT:
        return text_value(table, col, dice);
    case COLUMN_BOOL:
        return cJSON_CreateBool(dice_chance(dice, 30));
    case COLUMN_INTEGER:
        return cJSON_CreateNumber(number_value(col, dice, 1));
    case COLUMN_REAL:
        return cJSON_CreateNumber(number_value(col, dice, 0.5));
    case COLUMN_DATE:
        return date_value(seed, dice);
    case COLUMN_TIMESTAMP:
        return timestamp_value(seed, col, dice);
    case COLUMN_CHOICE:
        return cJSON_CreateString(col->choices[dice_below(dice, (int64_t)col->choice_count)].value);
    case COLUMN_REFERENCE:
        return reference_value(seed, col, dice);
    }
    return NULL;
}

static bool is_filled(const struct table *table, const struct column *col, struct dice *dice)
{
    bool is_lucky = dice_chance(dice, col->is_multiline ? 25 : 60);

    return is_lucky || col->is_required || col == table->title || col == table->done;
}

static void fill_record(const struct seed *seed, const struct table *table, int64_t i,
                        struct record *rec)
{
    const cJSON *values[TABLE_COLUMNS_MAX] = { 0 };
    cJSON *owned = cJSON_CreateArray(), *null = cJSON_CreateNull();
    struct dice dice = { hash_name(table->name) * 31 + (uint64_t)i };

    for (size_t c = 0; c < table->column_count; c++) {
        const struct column *col = &table->columns[c];
        bool is_set = is_filled(table, col, &dice);
        cJSON *value = is_set ? column_value(seed, table, col, &dice) : NULL;

        cJSON_AddItemToArray(owned, value);
        values[c] = value != NULL || col->has_default ? value : null;
    }
    int64_t age = (seed->count - i) * (PAST_DAYS * DAY_MS / seed->count);
    rec->created_at = seed->now > age ? seed->now - age : 0;
    rec->updated_at = rec->created_at + dice_below(&dice, age > 0 ? age : 1);
    id_new(seed->now, rec->server_id);
    rec->rev = backend_store_next_rev(seed->b);
    backend_doc_compose(table, rec, values, &rec->doc);
    buf_puts(&rec->writers, "{\"*\":\"" WRITER_OFFICE "\"}");
    cJSON_Delete(owned);
    cJSON_Delete(null);
}

static enum rc seed_record(const struct seed *seed, const struct table *table, int64_t i,
                           struct err *err)
{
    struct record rec = { 0 };
    char id[ID_SIZE];

    seed_id(table->name, i, id);
    enum rc rc = backend_record_load(seed->b, seed->user, table->name, id, &rec, err);
    if (rc == RC_NOT_FOUND) {
        memcpy(rec.client_id, id, sizeof id);
        fill_record(seed, table, i, &rec);
        rc = backend_record_store(seed->b, seed->user, table->name, &rec, false, err);
        if (!rc)
            backend_store_use_rev(seed->b, rec.rev);
    }
    backend_record_done(&rec);
    return rc;
}

static enum rc seed_table(const struct seed *seed, const struct table *table, struct err *err)
{
    enum rc rc = RC_OK;

    for (int64_t i = 0; !rc && i < seed->count;) {
        rc = backend_store_begin(seed->b, err);
        for (int n = 0; !rc && n < ROWS_AT_ONCE && i < seed->count; n++)
            rc = seed_record(seed, table, i++, err);
        if (!rc)
            rc = backend_store_commit(seed->b, seed->user, err);
        backend_store_end(seed->b);
    }
    return rc;
}

enum rc backend_seed(struct backend *b, const char *email, int64_t count, struct err *err)
{
    struct seed seed = { .b = b, .count = count, .now = clock_wall(b->clock) };
    struct account account = { 0 };
    struct buf folded = { 0 };
    enum rc rc;

    seed.today = seed.now / DAY_MS;
    backend_email_fold(email, &folded);
    rc = backend_account_find(b, buf_str(&folded), &account, err);
    buf_done(&folded);
    if (rc == RC_NOT_FOUND)
        return err_set(err, RC_INVALID,
                       "There is no account %s; make it with `outpost-backend user add`.", email);
    if (rc)
        return rc;
    seed.user = account.user;
    for (size_t i = 0; !rc && i < registry_count(b->registry); i++)
        rc = seed_table(&seed, registry_at(b->registry, i), err);
    return rc;
}
