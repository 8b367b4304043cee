/* The model: plain data, no SQL, none of the product's logic but the rules of the contract, said
 * once more. It sees each request and answer as they pass, and knows at any time what the backend
 * must hold. */
#include "tests/simulation/model_priv.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

#define OPS_MAX 512 /* in a batch */

struct model *model_new(void)
{
    return mem_zero(1, sizeof(struct model));
}

static void record_free(struct model_record *r)
{
    base_done(r);
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        free(r->cells[i]);
        for (int d = 0; d < DEVICES; d++) {
            for (int n = 0; n < r->writes[d][i].count; n++)
                free(r->writes[d][i].values[n]);
            free(r->writes[d][i].values);
        }
    }
}

void model_free(struct model *m)
{
    if (m == NULL)
        return;
    for (size_t i = 0; i < m->record_count; i++)
        record_free(&m->records[i]);
    for (size_t i = 0; i < m->op_count; i++)
        free(m->ops[i].set);
    free(m->records);
    free(m->ops);
    free(m);
}

/* ---- records ---- */

size_t model_count(const struct model *m)
{
    return m->record_count;
}

struct model_record *model_at(struct model *m, size_t i)
{
    return &m->records[i];
}

struct model_record *model_find(struct model *m, const char *client_id)
{
    for (size_t i = 0; client_id != NULL && i < m->record_count; i++)
        if (strcmp(m->records[i].client_id, client_id) == 0)
            return &m->records[i];
    return NULL;
}

struct model_record *model_add(struct model *m, int account, const struct table *table,
                               const char *client_id)
{
    if (m->record_count == m->record_room) {
        m->record_room = m->record_room == 0 ? 32 : m->record_room * 2;
        m->records = mem_grow(m->records, m->record_room, sizeof *m->records);
    }
    struct model_record *r = &m->records[m->record_count++];
    *r = (struct model_record){ .account = account, .table = table };
    memcpy(r->client_id, client_id, ID_SIZE);
    return r;
}

int model_conflicts(const struct model *m, int account)
{
    return m->conflicts[account];
}

bool model_is_refused_value(const char *json)
{
    return strncmp(json, "\"refused", 8) == 0;
}

char *model_json(const cJSON *json)
{
    struct buf out = { 0 };

    if (json == NULL)
        buf_puts(&out, "null");
    else
        json_put(&out, json);
    return buf_take(&out);
}

/* ---- what users type ---- */

const char *writes_last(const struct writes *w)
{
    return w->count == 0 ? NULL : w->values[w->count - 1];
}

void model_typed(struct model_record *r, int device, size_t column, const char *json)
{
    struct writes *w = &r->writes[device][column];

    if (w->count == w->room) {
        w->room = w->room == 0 ? 4 : w->room * 2;
        w->values = mem_grow(w->values, (size_t)w->room, sizeof *w->values);
    }
    w->values[w->count++] = mem_strdup(json);
}

void model_untyped(struct model_record *r, int device, size_t column)
{
    struct writes *w = &r->writes[device][column];

    free(w->values[--w->count]);
}

void model_remove_last(struct model *m)
{
    record_free(&m->records[--m->record_count]);
}

void model_each_receipt(struct model *m, bool (*f)(void *ctx, const char *op_id), void *ctx)
{
    for (size_t i = 0; i < m->op_count; i++)
        if (m->ops[i].has_receipt && !f(ctx, m->ops[i].op_id))
            return;
}

bool writes_are_settled(const struct writes *w)
{
    /* The value itself may have been accepted under an earlier write of it. */
    return w->confirmed == w->count || w->withdrawn == w->count ||
           (w->confirmed > 0 && strcmp(w->values[w->confirmed - 1], w->values[w->count - 1]) == 0);
}

void model_written_again(struct sim *sim, struct model_record *r, int device, size_t column,
                         const char *json)
{
    struct writes *w = &r->writes[device][column];
    bool has_epochs = sim->plan.has_epochs || sim->plan.has_backups;
    bool is_possible = r->is_forgotten || r->is_remade[device] || (has_epochs && r->exists);

    if (!is_possible || !(writes_are_settled(w) || w->is_lost) ||
        (w->count > 0 && strcmp(writes_last(w), json) == 0))
        return;
    sim_met(sim, SIT_QUEUED_AGAIN);
    model_typed(r, device, column, json);
}

void model_withdrawn(struct model_record *r, int device, const bool *columns)
{
    for (size_t i = 0; i < r->table->column_count; i++)
        if (columns[i])
            r->writes[device][i].withdrawn = r->writes[device][i].count;
}

void model_discarded(struct sim *sim, struct model_record *r, int device)
{
    struct model *m = sim->model;

    for (size_t i = 0; i < m->op_count; i++) {
        struct op *op = &m->ops[i];
        if (op->device != device || &m->records[op->record] != r)
            continue;
        op->is_discarded = true;
        if (op->has_receipt && !op->is_answered) /* it will not know what its own op has hidden */
            model_hides_losses(sim, r, -1);
    }
}

/* The newest write with this value; 0: nobody typed it. */
int model_find_write(const struct writes *w, const char *json)
{
    for (int n = w->count; n > 0; n--)
        if (strcmp(w->values[n - 1], json) == 0)
            return n;
    return 0;
}

/* ---- ops as they leave ---- */

struct op *model_find_op(struct model *m, const char *op_id)
{
    for (size_t i = m->op_count; op_id != NULL && i-- > 0;)
        if (strcmp(m->ops[i].op_id, op_id) == 0)
            return &m->ops[i];
    return NULL;
}

static bool add_op(struct device *d, const char *op_id, const cJSON *json)
{
    struct sim *sim = d->sim;
    struct model *m = sim->model;
    struct model_record *r = model_find(m, json_get_string(json, "clientId"));
    const cJSON *item = NULL;

    if (r == NULL)
        return sim_violated(sim, "1: device %d sends a record that nobody made", d->index);
    if (r->account != d->account)
        return sim_violated(sim, "9: device %d sends another account's record", d->index);
    struct op op = { .device = d->index, .record = (size_t)(r - m->records), .is_sent = true };
    memcpy(op.op_id, op_id, ID_SIZE);
    cJSON_ArrayForEach(item, json_get(json, "set"))
    {
        const struct column *col = table_column(r->table, item->string);
        char *text = model_json(item);
        model_written_again(sim, r, d->index, col->index, text);
        op.writes[col->index] = model_find_write(&r->writes[d->index][col->index], text);
        free(text);
        if (op.writes[col->index] == 0)
            return sim_violated(sim, "5: device %d sends a value of %s that its user never typed",
                                d->index, col->name);
    }
    cJSON_ArrayForEach(item, json_get(json, "base"))
    {
        const struct column *col = table_column(r->table, item->string);
        char *text = model_json(item);
        bool is_right = base_is_right(r, d->index, col->index, text);
        if (!is_right)
            sim_violated(sim, "5: device %d says that %s was %.60s before; its user never saw that",
                         d->index, col->name, text);
        free(text);
        if (!is_right)
            return false;
    }
    op.set = model_json(json_get(json, "set"));
    if (m->op_count == m->op_room) {
        m->op_room = m->op_room == 0 ? 64 : m->op_room * 2;
        m->ops = mem_grow(m->ops, m->op_room, sizeof *m->ops);
    }
    m->ops[m->op_count++] = op;
    return true;
}

static bool send_op(struct device *d, const cJSON *json)
{
    const char *op_id = json_get_string(json, "opId");
    struct op *known;

    if (op_id == NULL || !id_is_valid(op_id))
        return sim_violated(d->sim, "device %d sends an op without an id", d->index);
    if (json_get(json, "replaces") != NULL)
        sim_met(d->sim, SIT_REPLACED);
    known = model_find_op(d->sim->model, op_id);
    if (known == NULL)
        return add_op(d, op_id, json);
    char *set = model_json(json_get(json, "set"));
    bool is_same = strcmp(set, known->set) == 0;
    if (!known->is_sent) { /* after its copy was made, without the columns accepted until then */
        free(known->set);
        known->set = set;
        known->is_sent = true;
        return true;
    }
    free(set);
    return is_same ||
           sim_violated(d->sim, "2: device %d sends other values under the same op id", d->index);
}

/* Calls f for each op of a push, alone or in a batch. */
static bool each_op(const char *body, bool (*f)(void *ctx, const cJSON *op, int i), void *ctx)
{
    struct err ignored;
    cJSON *json = NULL;
    const cJSON *op = NULL;
    bool ok = true;
    int i = 0;

    if (json_parse(body, strlen(body), &json, &ignored))
        return false;
    const cJSON *args = json_get(json, "args");
    if (json_get(args, "op") != NULL)
        ok = f(ctx, json_get(args, "op"), 0);
    cJSON_ArrayForEach(op, json_get(args, "ops"))
    {
        if (ok)
            ok = f(ctx, op, i++);
    }
    cJSON_Delete(json);
    return ok;
}

struct sending {
    struct device *d;
    char seen[OPS_MAX][ID_SIZE];
};

static bool send_one(void *ctx, const cJSON *op, int i)
{
    struct sending *sending = ctx;
    const char *id = json_get_string(op, "clientId");

    for (int j = 0; j < i && j < OPS_MAX && id != NULL; j++)
        if (strcmp(sending->seen[j], id) == 0)
            return sim_violated(sending->d->sim,
                                "6: device %d sends two ops of one record in one batch",
                                sending->d->index);
    if (i < OPS_MAX)
        snprintf(sending->seen[i], ID_SIZE, "%s", id == NULL ? "" : id);
    return send_op(sending->d, op);
}

bool model_sent(struct device *d, const char *body)
{
    struct sending *sending = mem_alloc(sizeof *sending); /* `seen` is filled as it goes */

    sending->d = d;
    bool ok = each_op(body, send_one, sending);
    free(sending);
    return ok;
}

/* ---- ops as they take effect ---- */

static bool set_cell(struct model_record *r, size_t column, const char *json, int writer)
{
    if (r->cells[column] != NULL && strcmp(r->cells[column], json) == 0)
        return false;
    free(r->cells[column]);
    r->cells[column] = mem_strdup(json);
    r->writers[column] = writer;
    return true;
}

static bool come_alive(struct model_record *r, int writer)
{
    bool is_news = !r->exists || r->is_deleted;

    for (size_t i = 0; !r->exists && i < r->table->column_count; i++) {
        char *json = value_json(&r->table->columns[i], &r->table->columns[i].default_value);
        set_cell(r, i, json, writer);
        r->writers[i] = writer;
        free(json);
    }
    r->exists = true;
    r->is_deleted = false;
    r->is_forgotten = false;
    return is_news;
}

/* What must be in `overwrote`: what somebody else wrote, and this device had not seen. */
static bool is_conflict(const struct model_record *r, const struct op *op, const cJSON *base,
                        const cJSON *item)
{
    size_t column = table_column(r->table, item->string)->index;
    char *now = model_json(item), *seen = model_json(json_get(base, item->string));
    bool is = r->exists && strcmp(r->cells[column], seen) != 0 &&
              strcmp(r->cells[column], now) != 0 && r->writers[column] != op->device;

    free(now);
    free(seen);
    return is;
}

static bool is_named(const cJSON *overwrote, const char *column)
{
    const cJSON *item = NULL;

    cJSON_ArrayForEach(item, overwrote)
    {
        const char *name = json_get_string(item, "column");
        if (name != NULL && strcmp(name, column) == 0)
            return true;
    }
    return false;
}

/* result NULL: nobody saw it. */
static bool judge_conflicts(struct sim *sim, const struct op *op, const cJSON *json,
                            const cJSON *result)
{
    struct model_record *r = &sim->model->records[op->record];
    const cJSON *item = NULL, *overwrote = json_get(result, "overwrote");
    int expected = 0;

    cJSON_ArrayForEach(item, json_get(json, "set"))
    {
        if (!is_conflict(r, op, json_get(json, "base"), item))
            continue;
        expected++;
        if (result != NULL && !is_named(overwrote, item->string))
            return sim_violated(sim, "5: %s of the office was overwritten silently", item->string);
    }
    if (r->exists && r->is_deleted) {
        expected++;
        sim_met(sim, SIT_REVIVALS);
        if (result != NULL && !is_named(overwrote, "deletedAt"))
            return sim_violated(sim, "5: a record came back to life silently");
    }
    if (result != NULL && cJSON_GetArraySize(overwrote) != expected)
        return sim_violated(sim, "5: %d conflicts are reported, there were %d",
                            cJSON_GetArraySize(overwrote), expected);
    sim->met[SIT_CONFLICTS] += (uint64_t)expected;
    sim->model->conflicts[r->account] += expected;
    return true;
}

static bool take_effect(struct sim *sim, struct op *op, const cJSON *json, const cJSON *result)
{
    struct model_record *r = &sim->model->records[op->record];
    const cJSON *item = NULL;

    if (!judge_conflicts(sim, op, json, result))
        return false;
    bool is_changed = come_alive(r, op->device);
    r->rev = INT64_MAX;
    r->is_remade[op->device] = false;
    cJSON_ArrayForEach(item, json_get(json, "set"))
    {
        const struct column *col = table_column(r->table, item->string);
        struct writes *w = &r->writes[op->device][col->index];
        char *text = model_json(item);
        is_changed = set_cell(r, col->index, text, op->device) || is_changed;
        free(text);
        if (op->is_forgotten && op->writes[col->index] < w->confirmed)
            continue;
        if (op->writes[col->index] < w->confirmed)
            return sim_violated(sim, "6: an older write of %s takes effect after a newer one",
                                col->name);
        w->confirmed = op->writes[col->index];
        if (w->accepted < w->confirmed)
            w->accepted = w->confirmed;
        w->is_lost = w->is_lost && !writes_are_settled(w);
    }
    if (is_changed)
        model_hides_losses(sim, r, op->is_discarded ? -1 : op->device);
    op->has_receipt = true;
    cJSON_ArrayForEach(item, json_get(json, "replaces"))
    {
        struct op *old = model_find_op(sim->model, item->valuestring);
        if (old != NULL)
            old->has_receipt = true;
    }
    return true;
}

struct execution {
    struct sim *sim;
    const cJSON *value; /* NULL: nobody saw the answer */
    bool is_late;
    bool (*is_there)(void *ctx, const char *op_id);
    void *ctx;
    int found;
};

/* Nothing happens, but from now on the device knows that its writes are there. */
static void confirm_again(struct sim *sim, const struct op *op)
{
    struct model_record *r = &sim->model->records[op->record];

    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        struct writes *w = &r->writes[op->device][i];
        if (op->writes[i] <= w->confirmed)
            continue;
        w->confirmed = op->writes[i];
        if (r->cells[i] != NULL && strcmp(r->cells[i], w->values[w->confirmed - 1]) != 0)
            w->replayed = w->confirmed;
    }
}

/* The backend has forgotten the record, and the op brings only some of its columns. */
static bool is_not_found(const struct model_record *r, const cJSON *result)
{
    const char *code = json_get_string(json_get(result, "error"), "code");

    return r->is_forgotten && code != NULL && strcmp(code, "not_found") == 0;
}

static bool judge_result(struct sim *sim, struct op *op, const cJSON *json, const cJSON *result,
                         bool is_late)
{
    struct model_record *r = &sim->model->records[op->record];
    const char *status = json_get_string(result, "status"), *id = json_get_string(result, "opId");
    bool is_applied = status != NULL && strcmp(status, "applied") == 0;

    /* A planted fault may have sent it under another id. */
    if (sim->broken == BROKEN_NOTHING && (id == NULL || strcmp(id, op->op_id) != 0))
        return sim_violated(sim, "2: the result names another op");
    if (op->has_receipt) {
        sim_met(sim, is_late ? SIT_LATE_CHANGED_NOTHING : SIT_REPLAYS);
        if (!is_applied)
            return sim_violated(sim, "2: a replay is refused");
        confirm_again(sim, op);
    } else if (is_applied) {
        if (!take_effect(sim, op, json, result))
            return false;
    } else {
        bool has_refused = strstr(op->set, "\"refused") != NULL;
        if (sim->server.is_old && r->table->index > 0) {
            sim_met(sim, SIT_HELD);
            return true;
        }
        if (is_not_found(r, result)) {
            sim_met(sim, SIT_PRUNED_EDITS);
            return true;
        }
        sim_met(sim, SIT_REJECTIONS);
        return has_refused || sim_violated(sim, "7: a right op is refused: %s",
                                           json_get_string(json_get(result, "error"), "message"));
    }
    return model_judge_doc(sim, r->account, r->table->name, json_get(result, "doc"),
                           "the answer to a push");
}

static bool execute_one(void *ctx, const cJSON *json, int i)
{
    struct execution *e = ctx;
    struct op *op = model_find_op(e->sim->model, json_get_string(json, "opId"));
    const cJSON *lone = json_get(e->value, "result");
    const cJSON *result =
        lone != NULL ? lone : cJSON_GetArrayItem(json_get(e->value, "results"), i);

    if (op == NULL)
        return sim_violated(e->sim, "2: an op is executed that was never sent");
    if (result == NULL)
        return sim_violated(e->sim, "2: an op has no result");
    return judge_result(e->sim, op, json, result, e->is_late);
}

bool model_executed(struct sim *sim, const char *body, const cJSON *value, bool is_late)
{
    struct execution e = { .sim = sim, .value = value, .is_late = is_late };

    return each_op(body, execute_one, &e);
}

static bool commit_one(void *ctx, const cJSON *json, int i)
{
    struct execution *e = ctx;
    struct op *op = model_find_op(e->sim->model, json_get_string(json, "opId"));

    (void)i;
    if (op == NULL || op->has_receipt || !e->is_there(e->ctx, op->op_id))
        return true;
    e->found++;
    return take_effect(e->sim, op, json, NULL);
}

int model_committed(struct sim *sim, const char *body,
                    bool (*is_there)(void *ctx, const char *op_id), void *ctx)
{
    struct execution e = { .sim = sim, .is_there = is_there, .ctx = ctx };

    each_op(body, commit_one, &e);
    return e.found;
}

void model_answered(struct sim *sim, const char *op_id)
{
    struct op *op = model_find_op(sim->model, op_id);

    if (op != NULL)
        op->is_answered = true;
}

void model_told_not_found(struct sim *sim, const char *op_id)
{
    const struct op *op = model_find_op(sim->model, op_id);

    if (op != NULL)
        sim->model->records[op->record].is_remade[op->device] = true;
}

void model_refused(struct sim *sim, const char *op_id)
{
    struct op *op = model_find_op(sim->model, op_id);

    if (op != NULL)
        op->refusals++;
}

int model_refusals(struct sim *sim, const char *op_id)
{
    const struct op *op = model_find_op(sim->model, op_id);

    return op == NULL ? 0 : op->refusals;
}

bool model_was_sent(struct sim *sim, const char *op_id)
{
    const struct op *op = model_find_op(sim->model, op_id);

    return op != NULL && op->is_sent;
}

/* ---- the office ---- */

void model_office_set(struct sim *sim, struct model_record *r, char *const *cells)
{
    bool is_changed = come_alive(r, -1);

    r->rev = INT64_MAX;
    for (size_t i = 0; i < r->table->column_count; i++)
        if (cells[i] != NULL)
            is_changed = set_cell(r, i, cells[i], -1) || is_changed;
    if (is_changed)
        model_hides_losses(sim, r, -1);
}

void model_office_removed(struct sim *sim, struct model_record *r)
{
    r->is_deleted = true;
    r->rev = INT64_MAX;
    for (int d = 0; d < DEVICES; d++)
        for (size_t c = 0; c < COLUMNS_MAX; c++)
            r->writes[d][c].removed = r->writes[d][c].count;
    model_hides_losses(sim, r, -1);
}

/* ---- what the backend says ---- */

bool model_judge_doc(struct sim *sim, int account, const char *table, const cJSON *doc,
                     const char *where)
{
    struct model_record *r = model_find(sim->model, json_get_string(doc, "clientId"));

    if (r == NULL || !r->exists)
        return sim_violated(sim, "2: %s holds a record that nobody made", where);
    if (r->account != account || (table != NULL && strcmp(table, r->table->name) != 0))
        return sim_violated(sim, "9: %s holds a record of another account or table", where);
    if (cJSON_IsNull(json_get(doc, "deletedAt")) == r->is_deleted)
        return sim_violated(sim, "5: %s says that %.13s is %s", where, r->client_id,
                            r->is_deleted ? "alive" : "deleted");
    for (size_t i = 0; i < r->table->column_count; i++) {
        char *text = model_json(json_get(doc, r->table->columns[i].name));
        bool is_same = strcmp(text, r->cells[i]) == 0;
        if (!is_same)
            sim_violated(sim, "5: %s says %s of %.13s is %.60s; it must be %.60s", where,
                         r->table->columns[i].name, r->client_id, text, r->cells[i]);
        free(text);
        if (!is_same)
            return false;
    }
    return json_get_i64(doc, "rev", &r->rev) || sim_violated(sim, "5: %s has no rev", where);
}
