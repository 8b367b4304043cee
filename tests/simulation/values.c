/* What people type: fresh values of every type, and values that were there before. */
#include "tests/simulation/sim.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"

char *value_json(const struct column *col, const struct value *v)
{
    struct buf out = { 0 };

    column_to_json(col, v, &out);
    return buf_take(&out);
}

void attempt_done(struct attempt *attempt)
{
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        free(attempt->before[i]);
        free(attempt->after[i]);
    }
    *attempt = (struct attempt){ 0 };
}

static void random_text(struct sim *sim, const struct column *col, struct value *out)
{
    static const char *const tails[] = {
        "", " \"quoted\"", " \\ back", " z\xc3\xbcrich", " \xf0\x9f\x9a\xa7", "\ttab"
    };
    struct buf text = { 0 };
    uint64_t n = rng_next(&sim->rng);

    buf_printf(&text, "%s %llx%s", col->is_required ? "task" : "note",
               (unsigned long long)(n >> 24),
               tails[rng_below(&sim->rng, sizeof tails / sizeof *tails)]);
    if (!col->is_required) {
        uint32_t more = rng_below(&sim->rng, 300);
        for (uint32_t i = 0; i < more; i++)
            buf_putc(&text, (char)('a' + i % 26));
    }
    value_set_text(out, buf_str(&text), text.len);
    buf_done(&text);
}

static void fresh_value(struct sim *sim, const struct column *col, struct value *out)
{
    char date[16];

    *out = (struct value){ 0 };
    if (!col->is_required && !col->has_default && rng_chance(&sim->rng, 150))
        return; /* empty */
    switch (column_shape(col)) {
    case VALUE_BOOL:
        *out = (struct value){ .kind = VALUE_BOOL, .flag = rng_below(&sim->rng, 2) != 0 };
        break;
    case VALUE_INT:
        *out = (struct value){ .kind = VALUE_INT, .number = rng_between(&sim->rng, 0, 5) };
        break;
    case VALUE_REAL:
        *out = (struct value){ .kind = VALUE_REAL,
                               .real = (double)rng_between(&sim->rng, -40, 40) / 8 };
        break;
    case VALUE_TEXT:
        if (col->kind == COLUMN_CHOICE) {
            const char *choice =
                col->choices[rng_below(&sim->rng, (uint32_t)col->choice_count)].value;
            value_set_text(out, choice, strlen(choice));
        } else if (col->kind == COLUMN_DATE) {
            snprintf(date, sizeof date, "2026-02-%02u", 1 + rng_below(&sim->rng, 28));
            value_set_text(out, date, strlen(date));
        } else {
            random_text(sim, col, out);
        }
        break;
    case VALUE_NULL:
        break;
    }
}

/* A value that the column had before: what somebody else may have set it to, or what this user
 * once typed. */
static const char *earlier_value(struct sim *sim, const struct column *col,
                                 const struct model_record *r, int device)
{
    const struct writes *w = device < 0 ? NULL : &r->writes[device][col->index];

    if (w == NULL || w->count == 0 || rng_chance(&sim->rng, 300))
        return r->cells[col->index];
    return w->values[rng_below(&sim->rng, (uint32_t)w->count)];
}

void sim_value(struct sim *sim, const struct column *col, struct model_record *r, int device,
               struct value *out)
{
    struct err ignored;

    if (r != NULL && rng_chance(&sim->rng, 200)) {
        const char *text = earlier_value(sim, col, r, device);
        cJSON *json = NULL;
        bool is_right = text != NULL && !model_is_refused_value(text) &&
                        json_parse(text, strlen(text), &json, &ignored) == RC_OK &&
                        column_from_json(col, json, out, &ignored) == RC_OK;
        cJSON_Delete(json);
        if (is_right) {
            sim_met(sim, SIT_SAVES_BACK);
            return;
        }
    }
    fresh_value(sim, col, out);
}
