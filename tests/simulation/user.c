/* Who types on a device: new records, edits, edits of the same record again and again, forms of records that are gone;
 * and what happens to the device meanwhile. */
#include "tests/simulation/sim.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

#define SECOND 1000LL
#define DAY (86400 * SECOND)
#define REFUSED_LEN 600                 /* over what the backend allows in notes (main.c) */

/* ---- one save ---- */

struct form {
    struct db_edit edit;
    struct value values[COLUMNS_MAX];
    bool is_set[COLUMNS_MAX];
};

static void form_done(struct form *form)
{
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        value_done(&form->values[i]);
}

static void open_attempt(struct device *d, const struct form *form, const struct record *before)
{
    struct attempt *a = &d->attempt;
    const struct table *table = form->edit.table;

    attempt_done(a);
    a->account = d->account;
    a->table = table;
    if (form->edit.client_id != NULL)
        memcpy(a->client_id, form->edit.client_id, ID_SIZE);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *col = &table->columns[i];
        if (before != NULL)
            a->before[i] = value_json(col, &before->values[i]);
        bool is_whole = before == NULL && form->edit.client_id != NULL;
        /* A form brings all of a record back, but null where null would be refused. */
        if (form->is_set[i] || (is_whole && !(form->values[i].kind == VALUE_NULL && col->has_default)))
            a->after[i] = value_json(col, &form->values[i]);
    }
}

/* What the user was told: from now on it must never be lost. */
static void acknowledge(struct device *d, const char *client_id)
{
    struct sim *sim = d->sim;
    struct attempt *a = &d->attempt;
    struct model_record *r = model_find(sim->model, client_id);

    if (r == NULL)
        r = model_add(sim->model, a->account, a->table, client_id);
    for (size_t i = 0; i < a->table->column_count; i++)
        if (a->after[i] != NULL && (a->before[i] == NULL || strcmp(a->before[i], a->after[i]) != 0))
            model_typed(r, d->index, i, a->after[i]);
    memcpy(d->last_record, client_id, ID_SIZE);
    attempt_done(a);
}

static bool changes_anything(const struct attempt *a)
{
    for (size_t i = 0; i < a->table->column_count; i++)
        if (a->after[i] != NULL && (a->before[i] == NULL || strcmp(a->before[i], a->after[i]) != 0))
            return true;
    return false;
}

static void note_save(struct device *d, const char *client_id)
{
    struct buf text = { 0 };

    for (size_t i = 0; i < d->attempt.table->column_count; i++)
        if (d->attempt.after[i] != NULL)
            buf_printf(&text, " %s=%.40s", d->attempt.table->columns[i].name, d->attempt.after[i]);
    sim_note(d->sim, "device %d: save %.13s%s", d->index, client_id == NULL ? "(new)" : client_id, buf_str(&text));
    buf_done(&text);
}

static void save(struct device *d, struct form *form, const struct record *before)
{
    struct sim *sim = d->sim;
    struct db_saved saved = { .client_id = "" };
    struct err err = { 0 };

    form->edit.values = form->values;
    form->edit.is_set = form->is_set;
    open_attempt(d, form, before);
    note_save(d, form->edit.client_id);
    if (d->transfer != 0)
        sim_met(sim, SIT_SAVES_DURING_PUSH);
    enum rc rc = db_save(d->user_db, &form->edit, &saved, &err);
    if (!rc) {
        bool expected = changes_anything(&d->attempt);
        acknowledge(d, saved.client_id);
        sim_met(sim, SIT_SAVES);
        if (saved.is_changed != expected)
            sim_violated(sim, "device %d: a save says is_changed %d", d->index, saved.is_changed);
    } else {
        d->attempt.is_open = true;
    }
    if (device_died(d, "save"))
        return;
    if (rc) {
        sim_violated(sim, "1: device %d: a save without a fault fails: %s", d->index, err.msg);
        return;
    }
    if (sim->broken == BROKEN_FORGET_OP)
        device_tamper(d, "DELETE FROM sync_queue WHERE seq = (SELECT max(seq) FROM sync_queue)");
    if (check_device(d))
        device_wake(d, ENGINE_LOCAL_CHANGE);
}

/* ---- what is typed ---- */

static void type_values(struct device *d, struct form *form, struct model_record *r)
{
    struct sim *sim = d->sim;
    const struct table *table = form->edit.table;
    size_t sure = rng_below(&sim->rng, (uint32_t)table->column_count);

    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *col = &table->columns[i];
        bool is_wanted = i == sure || rng_chance(&sim->rng, 150);
        if (!is_wanted && (r != NULL || !col->is_required))
            continue;
        form->is_set[i] = true;
        bool is_refused = sim->plan.has_refusals && col->is_multiline && !sim->is_calm && rng_chance(&sim->rng, 150);
        if (is_refused) {
            char text[REFUSED_LEN + 1];
            memset(text, '.', REFUSED_LEN);
            memcpy(text, "refused", 7);
            value_set_text(&form->values[i], text, REFUSED_LEN);
        } else {
            sim_value(sim, col, r, d->index, &form->values[i]);
        }
    }
}

static void save_new(struct device *d)
{
    size_t n = registry_count(d->sim->device_tables);
    struct form form = { .edit = { .table = registry_at(d->sim->device_tables,
                                                        rng_below(&d->sim->rng, (uint32_t)n)) } };

    type_values(d, &form, NULL);
    save(d, &form, NULL);
    form_done(&form);
}

/* A form was open while the office removed its record: saving it brings the record back. */
static void save_gone(struct device *d, struct model_record *r)
{
    struct form form = { .edit = { .table = r->table, .client_id = r->client_id, .if_missing = DB_MISSING_CREATE } };

    type_values(d, &form, r);
    for (size_t i = 0; i < r->table->column_count; i++)
        if (!form.is_set[i])
            sim_value(d->sim, &r->table->columns[i], r, d->index, &form.values[i]);
    sim_met(d->sim, SIT_SAVES_OF_GONE);
    save(d, &form, NULL);
    form_done(&form);
}

static void save_existing(struct device *d, struct model_record *r)
{
    struct form form = { .edit = { .table = r->table, .client_id = r->client_id } };
    struct record before = { 0 };
    struct err err = { 0 };
    enum rc rc = db_record_read(d->user_db, r->table, r->client_id, &before, &err);

    if (rc == RC_NOT_FOUND) {
        if (r->is_deleted && rng_chance(&d->sim->rng, 200))
            save_gone(d, r);
    } else if (rc) {
        sim_violated(d->sim, "device %d: a record can not be read: %s", d->index, err.msg);
    } else {
        type_values(d, &form, r);
        save(d, &form, &before);
    }
    record_done(&before);
    form_done(&form);
}

static struct model_record *choose_record(struct device *d)
{
    struct sim *sim = d->sim;
    size_t count = model_count(sim->model);
    struct model_record *last = model_find(sim->model, d->last_record);

    if (last != NULL && rng_chance(&sim->rng, 500))
        return last;
    size_t from = count == 0 ? 0 : rng_below(&sim->rng, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        struct model_record *r = model_at(sim->model, (from + i) % count);
        if (r->account == d->account)
            return r;
    }
    return NULL;
}

static void type_something(struct device *d)
{
    struct model_record *r = choose_record(d);

    if (r == NULL || rng_chance(&d->sim->rng, 250))
        save_new(d);
    else
        save_existing(d, r);
}

/* ---- what happens to the device ---- */

static void lose_link(struct device *d)
{
    struct sim *sim = d->sim;

    d->has_link = false;
    sim_met(sim, SIT_LINK_DOWN);
    sim_note(sim, "device %d: link down", d->index);
    sim_plan(sim, sim->now + rng_between(&sim->rng, SECOND, 1800 * SECOND), EV_LINK_UP, d->index, 0);
    device_wake(d, ENGINE_LINK_DOWN);
}

static void jump(struct device *d)
{
    d->skew_ms += rng_between(&d->sim->rng, -400 * DAY, 400 * DAY);
    sim_met(d->sim, SIT_CLOCK_JUMPS);
    sim_note(d->sim, "device %d: its clock is now wrong by %lld s", d->index, (long long)(d->skew_ms / SECOND));
}

void user_works_offline(struct device *d, bool on)
{
    struct err err = { 0 };

    d->is_working_offline = on;
    sim_note(d->sim, "device %d: work %s", d->index, d->is_working_offline ? "offline" : "online");
    enum rc rc = db_state_work_offline(d->user_db, d->is_working_offline, &err);
    if (device_died(d, "save"))
        return;
    if (rc)
        sim_violated(d->sim, "device %d: the choice to work offline can not be kept: %s", d->index, err.msg);
    device_wake(d, d->is_working_offline ? ENGINE_OFFLINE : ENGINE_ONLINE);
}

static void ask_engine(struct device *d)
{
    static const enum engine_wake wakes[] = { ENGINE_NOW, ENGINE_RETRY, ENGINE_LINK_UP, ENGINE_TOOK_LOCK };
    enum engine_wake what = wakes[rng_below(&d->sim->rng, sizeof wakes / sizeof *wakes)];

    sim_note(d->sim, "device %d: wake %d", d->index, (int)what);
    if (what == ENGINE_TOOK_LOCK)
        d->transfer = 0;                /* the driver has aborted it */
    device_wake(d, what);
}

static void disturb(struct device *d)
{
    struct sim *sim = d->sim;
    uint32_t kind = rng_below(&sim->rng, 1000);

    if (rng_chance(&sim->rng, sim->plan.crashes))
        vfs_arm(sim->vfs, d->index, rng_below(&sim->rng, 40), false);
    if (kind < sim->plan.crashes / 2) {
        vfs_kill(sim->vfs, d->index);
        device_died(d, "nothing");
    } else if (kind >= 900 && kind < 930 && sim->plan.faults > 0 && d->has_link) {
        lose_link(d);
    } else if (kind >= 930 && kind < 950 && sim->plan.has_clock_jumps) {
        jump(d);
    } else if (kind >= 950 && kind < 970) {
        ask_engine(d);
    } else if (kind >= 970 && kind < (d->is_working_offline ? 1000 : 980)) {
        user_works_offline(d, !d->is_working_offline);
    }
}

void user_acts(struct device *d)
{
    if (!d->is_up)
        return;
    device_sign_in_if_asked(d);
    if (d->is_up && !sim_failed(d->sim))
        disturb(d);
    if (d->is_up && !sim_failed(d->sim))
        type_something(d);
}

/* ---- after a crash ---- */

/* The op of a record that nobody was told of; the attempt's. */
static bool find_new_record(struct device *d, char out[ID_SIZE])
{
    struct db_ops ops = { 0 };
    struct err err = { 0 };
    bool is_found = false;

    if (db_queue_list(d->user_db, &ops, &err))
        return sim_violated(d->sim, "device %d: the queue can not be read: %s", d->index, err.msg);
    for (size_t i = 0; i < ops.count; i++) {
        if (model_find(d->sim->model, ops.items[i].client_id) == NULL) {
            memcpy(out, ops.items[i].client_id, ID_SIZE);
            is_found = true;
        }
    }
    db_ops_done(&ops);
    return is_found;
}

/* Does the record's op set this column to this value? */
static bool is_queued(const struct db_ops *ops, const char *client_id, const char *column, const char *json)
{
    struct err ignored;
    bool is_found = false;

    for (size_t i = 0; i < ops->count; i++) {
        cJSON *set = NULL;
        struct buf text = { 0 };
        if (strcmp(ops->items[i].client_id, client_id) != 0 ||
            json_parse(ops->items[i].set, strlen(ops->items[i].set), &set, &ignored))
            continue;
        if (json_get(set, column) != NULL) {
            json_put(&text, json_get(set, column));
            is_found = strcmp(buf_str(&text), json) == 0;
        }
        buf_done(&text);
        cJSON_Delete(set);
    }
    return is_found;
}

/* All of it, or nothing. The queue tells; the record does not: a power cut may have taken pulled values back. */
static bool is_there(struct device *d, const char *client_id)
{
    const struct attempt *a = &d->attempt;
    struct db_ops ops = { 0 };
    struct err err = { 0 };
    int there = 0, not_there = 0;

    if (db_queue_list(d->user_db, &ops, &err))
        return sim_violated(d->sim, "12: device %d: the queue can not be read: %s", d->index, err.msg);
    for (size_t i = 0; i < a->table->column_count; i++) {
        if (a->after[i] == NULL || (a->before[i] != NULL && strcmp(a->before[i], a->after[i]) == 0))
            continue;
        if (is_queued(&ops, client_id, a->table->columns[i].name, a->after[i]))
            there++;
        else
            not_there++;
    }
    db_ops_done(&ops);
    if (there > 0 && not_there > 0)
        return sim_violated(d->sim, "11: device %d: half of a save is there after a crash", d->index);
    return there > 0;
}

void user_looks_again(struct device *d)
{
    char client_id[ID_SIZE];
    struct err err = { 0 };

    if (!d->attempt.is_open)
        return;
    memcpy(client_id, d->attempt.client_id, ID_SIZE);
    bool survived = client_id[0] != '\0' ? is_there(d, client_id)
                                         : find_new_record(d, client_id) && is_there(d, client_id);
    sim_note(d->sim, "device %d: the save in the crash is %s", d->index, survived ? "there" : "not there");
    if (!survived) {
        attempt_done(&d->attempt);
        return;
    }
    sim_met(d->sim, SIT_SAVE_SURVIVED);
    acknowledge(d, client_id);
    /* Nobody was told that it is on the disk. A write that is, makes it so; and back, because no change writes nothing. */
    vfs_disarm(d->sim->vfs, d->index);
    if (db_state_work_offline(d->user_db, !d->is_working_offline, &err) ||
        db_state_work_offline(d->user_db, d->is_working_offline, &err))
        sim_violated(d->sim, "device %d: nothing can be written after a crash: %s", d->index, err.msg);
}

/* ---- at the end ---- */

static void repair(struct device *d, const struct db_op *op)
{
    struct model_record *r = model_find(d->sim->model, op->client_id);
    struct record before = { 0 };
    struct err err = { 0 };

    if (r == NULL || db_record_read(d->user_db, r->table, r->client_id, &before, &err)) {
        sim_violated(d->sim, "12: device %d: the record of a failed op can not be read", d->index);
        return;
    }
    struct form form = { .edit = { .table = r->table, .client_id = r->client_id } };
    for (size_t i = 0; i < r->table->column_count; i++) {
        char *json = value_json(&r->table->columns[i], &before.values[i]);
        if (model_is_refused_value(json)) {
            form.is_set[i] = true;
            value_set_text(&form.values[i], "shorter", 7);
        }
        free(json);
    }
    sim_met(d->sim, SIT_FAILED_OPS);
    save(d, &form, &before);
    form_done(&form);
    record_done(&before);
}

bool user_repairs(struct device *d)
{
    struct db_ops ops = { 0 };
    struct err err = { 0 };
    bool is_any = false;

    if (db_queue_list(d->user_db, &ops, &err))
        return sim_violated(d->sim, "12: device %d: the queue can not be read: %s", d->index, err.msg);
    for (size_t i = 0; i < ops.count && !sim_failed(d->sim); i++) {
        if (ops.items[i].state != OP_FAILED)
            continue;
        is_any = true;
        repair(d, &ops.items[i]);
    }
    db_ops_done(&ops);
    return is_any;
}
