/* What is forgotten on purpose or by accident: tombstones and receipts that are too old, what a
 * device did after the copy that its disk was put back to, what the backend did after its backup.
 */
#include "tests/simulation/model_priv.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

void model_pruned(struct sim *sim)
{
    struct model *m = sim->model;

    for (size_t i = 0; i < m->op_count; i++)
        m->ops[i].has_receipt = false;
    for (size_t i = 0; i < m->record_count; i++) {
        struct model_record *r = &m->records[i];
        if (!r->exists || !r->is_deleted)
            continue;
        sim_met(sim, SIT_TOMBSTONES_PRUNED);
        r->exists = r->is_deleted = false;
        r->is_forgotten = true;
        for (size_t c = 0; c < COLUMNS_MAX; c++) {
            free(r->cells[c]);
            r->cells[c] = NULL;
        }
    }
}

/* What an op of the old copy sets is what its user typed last, as far as this disk knows. */
static bool type_again(struct device *d, const struct db_op *op)
{
    struct model_record *r = model_find(d->sim->model, op->client_id);
    struct op *known = model_find_op(d->sim->model, op->op_id);
    struct err ignored;
    cJSON *set = NULL;
    const cJSON *item = NULL;
    bool ok = true;

    if (r == NULL || json_parse(op->set, strlen(op->set), &set, &ignored))
        return sim_violated(d->sim, "1: device %d: an op of the old copy can not be read",
                            d->index);
    cJSON_ArrayForEach(item, set)
    {
        size_t column = table_column(r->table, item->string)->index;
        struct writes *w = &r->writes[d->index][column];
        char *text = model_json(item);
        if (model_find_write(w, text) == 0)
            ok = sim_violated(d->sim,
                              "5: device %d: %.60s was never typed, and waits in an old copy",
                              d->index, text);
        model_typed(r, d->index, column, text);
        if (known != NULL)
            known->writes[column] = w->count;
        free(text);
    }
    if (known != NULL) {
        known->is_forgotten = false;
        known->is_sent = op->sent_at != 0;
    }
    cJSON_Delete(set);
    return ok;
}

bool model_put_back(struct device *d, const struct db_ops *ops)
{
    struct model *m = d->sim->model;

    for (size_t i = 0; i < m->op_count; i++)
        m->ops[i].is_forgotten = m->ops[i].is_forgotten || m->ops[i].device == d->index;
    for (size_t i = 0; i < m->record_count; i++)
        for (size_t c = 0; c < COLUMNS_MAX; c++)
            m->records[i].writes[d->index][c].withdrawn = m->records[i].writes[d->index][c].count;
    for (size_t i = 0; i < ops->count; i++)
        if (!type_again(d, &ops->items[i]))
            return false;
    return true;
}

/* ---- a backup of the backend ---- */

struct saved_record {
    bool exists, is_deleted, is_forgotten;
    int64_t rev;
    char *cells[COLUMNS_MAX];
    int writers[COLUMNS_MAX];
    int confirmed[DEVICES][COLUMNS_MAX];
};

struct model_backup {
    struct saved_record *records;
    bool *has_receipt;
    size_t record_count, op_count;
    int conflicts[ACCOUNTS];
};

struct model_backup *model_backup_take(const struct model *m)
{
    struct model_backup *b = mem_zero(1, sizeof *b);

    b->record_count = m->record_count;
    b->op_count = m->op_count;
    b->records = mem_zero(m->record_count + 1, sizeof *b->records);
    b->has_receipt = mem_zero(m->op_count + 1, sizeof *b->has_receipt);
    memcpy(b->conflicts, m->conflicts, sizeof b->conflicts);
    for (size_t i = 0; i < m->op_count; i++)
        b->has_receipt[i] = m->ops[i].has_receipt;
    for (size_t i = 0; i < m->record_count; i++) {
        const struct model_record *r = &m->records[i];
        struct saved_record *to = &b->records[i];
        to->exists = r->exists;
        to->is_deleted = r->is_deleted;
        to->is_forgotten = r->is_forgotten;
        to->rev = r->rev;
        memcpy(to->writers, r->writers, sizeof to->writers);
        for (size_t c = 0; c < COLUMNS_MAX; c++) {
            to->cells[c] = r->cells[c] == NULL ? NULL : mem_strdup(r->cells[c]);
            for (int d = 0; d < DEVICES; d++)
                to->confirmed[d][c] = r->writes[d][c].confirmed;
        }
    }
    return b;
}

void model_backup_free(struct model_backup *b)
{
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->record_count; i++)
        for (size_t c = 0; c < COLUMNS_MAX; c++)
            free(b->records[i].cells[c]);
    free(b->records);
    free(b->has_receipt);
    free(b);
}

/* What was there and is not any more: its device must bring it again, when it learns of it; but not
 * what the office had removed, and the device may have removed, too, even if somebody has brought
 * the record back since. */
static void lose_writes(struct sim *sim, struct writes *w, int confirmed, bool was_removed)
{
    bool was_there = w->count > 0 && writes_are_settled(w) && w->withdrawn < w->count;

    w->confirmed = confirmed;
    if (was_there && (was_removed || w->removed == w->count || w->replayed == w->count)) {
        w->withdrawn = w->count;
    } else if (was_there && !writes_are_settled(w)) {
        w->is_lost = true;
        sim_met(sim, SIT_WRITES_LOST);
    }
}

static void put_record_back(struct sim *sim, struct model_record *r,
                            const struct saved_record *saved)
{
    static const struct saved_record nothing;
    const struct saved_record *from = saved == NULL ? &nothing : saved;
    bool was_there = r->exists || r->is_forgotten, was_removed = r->is_deleted || r->is_forgotten;

    r->exists = from->exists;
    r->is_deleted = from->is_deleted;
    r->rev = from->rev;
    r->is_forgotten = from->is_forgotten || (was_there && !from->exists);
    memcpy(r->writers, from->writers, sizeof r->writers);
    for (size_t c = 0; c < COLUMNS_MAX; c++) {
        free(r->cells[c]);
        r->cells[c] = from->cells[c] == NULL ? NULL : mem_strdup(from->cells[c]);
        for (int d = 0; d < DEVICES; d++)
            lose_writes(sim, &r->writes[d][c], from->confirmed[d][c], was_removed);
    }
}

void model_backup_put_back(struct sim *sim, const struct model_backup *b)
{
    struct model *m = sim->model;

    memcpy(m->conflicts, b->conflicts, sizeof m->conflicts);
    for (size_t i = 0; i < m->op_count; i++)
        m->ops[i].has_receipt = i < b->op_count && b->has_receipt[i];
    for (size_t i = 0; i < m->record_count; i++)
        put_record_back(sim, &m->records[i], i < b->record_count ? &b->records[i] : NULL);
}

/* Somebody has written to the record before a device came to say that a backup has lost its writes:
 * the record comes back with a newer rev, and the device takes it as it is (CONTRACT section 4,
 * Walk). */
void model_hides_losses(struct sim *sim, struct model_record *r, int writer)
{
    for (int d = 0; d < DEVICES; d++) {
        for (size_t c = 0; d != writer && c < COLUMNS_MAX; c++) {
            struct writes *w = &r->writes[d][c];
            if (!w->is_lost)
                continue;
            w->is_lost = false;
            w->withdrawn = w->count;
            sim_met(sim, SIT_LOSSES_HIDDEN);
        }
    }
}

/* The device learns of the new epoch at its next contact, and brings it again; unless somebody has
 * written to the record since, as above. */
void model_told_of_lost(struct sim *sim, const cJSON *result)
{
    const char *status = json_get_string(result, "status");
    const struct op *op = model_find_op(sim->model, json_get_string(result, "opId"));
    int64_t rev = 0;

    if (op == NULL || status == NULL || strcmp(status, "applied") != 0 ||
        !json_get_i64(json_get(result, "doc"), "rev", &rev))
        return;
    struct model_record *r = &sim->model->records[op->record];
    for (size_t c = 0; c < r->table->column_count; c++) {
        struct writes *w = &r->writes[op->device][c];
        if (op->writes[c] == 0 || writes_are_settled(w) ||
            strcmp(w->values[op->writes[c] - 1], writes_last(w)) != 0)
            continue;
        sim_met(sim, SIT_TOLD_OF_LOST);
        if (r->exists && r->rev > rev)
            w->withdrawn = w->count;
        else
            w->is_lost = true;
    }
}
