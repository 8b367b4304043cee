/* Who types on a device: new records, edits, edits of the same record again and again, forms of
 * records that are gone; and what happens to the device meanwhile. */
#include "tests/simulation/sim.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

#define SECOND 1000LL
#define DAY (86400 * SECOND)
#define REFUSED_LEN 600 /* over what the backend allows in notes (main.c) */

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

static void forget_attempts(struct device *d)
{
    for (int i = 0; i < d->attempt_count; i++)
        attempt_done(&d->attempts[i]);
    d->attempt_count = 0;
}

static void forget_refused(struct refused *r)
{
    for (int i = 0; i < r->count; i++)
        attempt_done(&r->attempts[i]);
    r->count = 0;
}

void user_forgets_attempts(struct device *d)
{
    forget_attempts(d);
    while (d->refused_count > 0)
        forget_refused(&d->refused[--d->refused_count]);
}

/* They stay what a crash may bring; the oldest goes when there are too many. */
static void keep_refused(struct device *d)
{
    if (d->refused_count == REFUSED_MAX) {
        forget_refused(&d->refused[0]);
        d->refused_count--;
        memmove(&d->refused[0], &d->refused[1], sizeof d->refused[0] * (REFUSED_MAX - 1));
    }
    struct refused *r = &d->refused[d->refused_count++];
    memcpy(r->attempts, d->attempts, sizeof r->attempts);
    r->count = d->attempt_count;
    memset(d->attempts, 0, sizeof d->attempts);
    d->attempt_count = 0;
}

static struct attempt *open_attempt(struct device *d, const struct form *form,
                                    const struct record *before)
{
    struct attempt *a = &d->attempts[d->attempt_count++];
    const struct table *table = form->edit.table;

    a->account = d->account;
    a->table = registry_find(d->sim->device_tables, table->name);
    if (form->edit.client_id != NULL)
        memcpy(a->client_id, form->edit.client_id, ID_SIZE);
    for (size_t i = 0; i < table->column_count; i++) {
        const struct column *col = &table->columns[i];
        if (before != NULL)
            a->before[i] = value_json(col, &before->values[i]);
        bool is_whole = before == NULL && form->edit.client_id != NULL;
        /* A form brings all of a record back, but null where null would be refused. */
        if (form->is_set[i] ||
            (is_whole && !(form->values[i].kind == VALUE_NULL && col->has_default)))
            a->after[i] = value_json(col, &form->values[i]);
    }
    return a;
}

bool attempt_changes(const struct attempt *a, size_t column)
{
    return a->after[column] != NULL &&
           (a->before[column] == NULL || strcmp(a->before[column], a->after[column]) != 0);
}

/* What the user was told: from now on it must never be lost. */
static void acknowledge(struct device *d)
{
    struct sim *sim = d->sim;

    for (int n = 0; n < d->attempt_count; n++) {
        const struct attempt *a = &d->attempts[n];
        struct model_record *r = model_find(sim->model, a->client_id);
        if (r == NULL)
            r = model_add(sim->model, a->account, a->table, a->client_id);
        for (size_t i = 0; i < a->table->column_count; i++)
            if (attempt_changes(a, i)) {
                base_saw(r, d->index, i, a->before[i]);
                model_typed(r, d->index, i, a->after[i]);
            }
        memcpy(d->last_record, a->client_id, ID_SIZE);
    }
    user_forgets_attempts(d); /* what was refused before is written over */
}

static bool changes_anything(const struct attempt *a)
{
    for (size_t i = 0; i < a->table->column_count; i++)
        if (attempt_changes(a, i))
            return true;
    return false;
}

static void note_save(struct device *d, const struct attempt *a)
{
    struct buf text = { 0 };

    if (!d->sim->is_traced)
        return;
    for (size_t i = 0; i < a->table->column_count; i++)
        if (a->after[i] != NULL)
            buf_printf(&text, " %s=%.40s", a->table->columns[i].name, a->after[i]);
    sim_note(d->sim, "device %d: save %.13s%s", d->index,
             a->client_id[0] == '\0' ? "(new)" : a->client_id, buf_str(&text));
    buf_done(&text);
}

/* After a save, or a whole import. What a crash hid stays open. */
static void finish_save(struct device *d, enum rc rc, const struct err *err)
{
    if (!rc)
        acknowledge(d);
    if (device_died(d, "save"))
        return;
    if (beside_is_outdated(d, rc)) {
        forget_attempts(d);
        sim_met(d->sim, SIT_OUTDATED_SAVES);
        check_device(d);
        return;
    }
    if (device_is_full(d, rc)) { /* the user was told; what was there before is there */
        keep_refused(d);
        sim_met(d->sim, SIT_SAVES_ON_FULL);
        sim_note(d->sim, "device %d: the disk is full", d->index);
        check_device(d);
        return;
    }
    if (rc) {
        sim_violated(d->sim, "1: device %d: a save without a fault fails: %s", d->index, err->msg);
        return;
    }
    if (d->sim->broken == BROKEN_FORGET_OP)
        device_tamper(d, "DELETE FROM sync_queue WHERE seq = (SELECT max(seq) FROM sync_queue)");
    if (check_device(d))
        device_ask(d, ENGINE_LOCAL_CHANGE);
}

static enum rc save_one(struct device *d, struct form *form, const struct record *before,
                        struct err *err)
{
    struct sim *sim = d->sim;
    struct attempt *attempt = open_attempt(d, form, before);
    struct db_saved saved = { .client_id = "" };

    form->edit.values = form->values;
    form->edit.is_set = form->is_set;
    note_save(d, attempt);
    enum rc rc = db_save(d->here->user_db, &form->edit, &saved, err);
    if (rc)
        return rc;
    memcpy(attempt->client_id, saved.client_id, ID_SIZE);
    sim_met(sim, SIT_SAVES);
    if (saved.is_changed != changes_anything(attempt))
        sim_violated(sim, "device %d: a save says is_changed %d", d->index, saved.is_changed);
    return RC_OK;
}

static void save(struct device *d, struct form *form, const struct record *before)
{
    struct err err = { 0 };

    if (d->transfer != 0)
        sim_met(d->sim, SIT_SAVES_DURING_PUSH);
    enum rc rc = save_one(d, form, before, &err);
    finish_save(d, rc, &err);
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
        bool is_refused = sim->plan.has_refusals && col->is_multiline && !sim->is_calm &&
                          rng_chance(&sim->rng, 150);
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
    size_t n = registry_count(d->here->tables);
    struct form form = { .edit = { .table = registry_at(d->here->tables,
                                                        rng_below(&d->sim->rng, (uint32_t)n)) } };

    type_values(d, &form, NULL);
    save(d, &form, NULL);
    form_done(&form);
}

/* An import: several new records in one transaction, acknowledged all together at its end. */
static void import(struct device *d)
{
    struct sim *sim = d->sim;
    const struct table *table = registry_at(d->here->tables, 0);
    int count = (int)rng_between(&sim->rng, 2, IMPORT_MAX);
    struct err err = { 0 };
    enum rc rc = db_batch_begin(d->here->user_db, &err);

    for (int i = 0; i < count && !rc; i++) {
        struct form form = { .edit = { .table = table } };
        type_values(d, &form, NULL);
        rc = save_one(d, &form, NULL, &err);
        form_done(&form);
    }
    if (!rc)
        rc = db_batch_end(d->here->user_db, &err);
    else
        db_batch_cancel(d->here->user_db);
    sim_met(sim, SIT_IMPORTS);
    finish_save(d, rc, &err);
}

/* A form was open while the office removed its record: saving it brings the record back. */
static void save_gone(struct device *d, struct model_record *r)
{
    struct form form = { .edit = { .table = device_table(d, r->table),
                                   .client_id = r->client_id,
                                   .if_missing = DB_MISSING_CREATE } };

    type_values(d, &form, r);
    for (size_t i = 0; i < form.edit.table->column_count; i++)
        if (!form.is_set[i])
            sim_value(d->sim, &form.edit.table->columns[i], r, d->index, &form.values[i]);
    sim_met(d->sim, SIT_SAVES_OF_GONE);
    save(d, &form, NULL);
    form_done(&form);
}

static void save_existing(struct device *d, struct model_record *r)
{
    const struct table *table = device_table(d, r->table);
    struct form form = { .edit = { .table = table, .client_id = r->client_id } };
    struct record before = { 0 };
    struct err err = { 0 };
    enum rc rc = db_record_read(d->here->user_db, table, r->client_id, &before, &err);

    if (rc == RC_NOT_FOUND) {
        if ((r->is_deleted || r->is_forgotten) && rng_chance(&d->sim->rng, 200))
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
    bool is_one_only = sim->plan.is_deaf && d->index == 0;

    if (last != NULL && device_table(d, last->table) == NULL)
        last = NULL; /* typed in a process of newer definitions */
    if (last != NULL && (is_one_only || rng_chance(&sim->rng, 500)))
        return last;
    size_t choice = sim->plan.is_crowded && count > CROWDED ? CROWDED : count;
    size_t from = count == 0 ? 0 : rng_below(&sim->rng, (uint32_t)choice);
    for (size_t i = 0; i < count; i++) {
        struct model_record *r = model_at(sim->model, (from + i) % count);
        if (r->account == d->account && device_table(d, r->table) != NULL)
            return r;
    }
    return NULL;
}

static void type_something(struct device *d)
{
    struct model_record *r = choose_record(d);

    if (d->sim->plan.is_deaf && d->index == 0 && r != NULL) {
        save_existing(d, r);
        device_wake(d, ENGINE_NOW);
    } else if (rng_chance(&d->sim->rng, d->sim->plan.is_fickle ? 150 : 20))
        user_discards(d);
    else if (rng_chance(&d->sim->rng, 30))
        import(d);
    else if (r == NULL || rng_chance(&d->sim->rng, 250))
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
    sim_plan(sim, sim->now + rng_between(&sim->rng, SECOND, 1800 * SECOND), EV_LINK_UP, d->index,
             0);
    device_wake(d, ENGINE_LINK_DOWN);
}

static void jump(struct device *d, int64_t by_ms)
{
    d->skew_ms += by_ms;
    if (clock_wall(&d->clock) < 0)
        d->skew_ms -= clock_wall(&d->clock); /* as a machine whose battery is empty */
    sim_met(d->sim, SIT_CLOCK_JUMPS);
    sim_note(d->sim, "device %d: its clock is now wrong by %lld s", d->index,
             (long long)(d->skew_ms / SECOND));
}

void user_sets_clock_back(struct device *d)
{
    struct sim *sim = d->sim;

    decide(sim, DECIDE_TROUBLE, d->index);
    if (sim->plan.has_clock_jumps && !sim->is_calm && rng_chance(&sim->rng, 300) && decided(sim))
        jump(d, -rng_between(&sim->rng, 1, 400 * DAY));
}

void user_works_offline(struct device *d, bool on)
{
    struct err err = { 0 };

    sim_note(d->sim, "device %d: work %s", d->index, on ? "offline" : "online");
    enum rc rc = db_state_work_offline(d->here->user_db, on, &err);
    if (device_died(d, "save") || device_is_full(d, rc))
        return;
    d->is_working_offline = on;
    if (rc)
        sim_violated(d->sim, "device %d: the choice to work offline can not be kept: %s", d->index,
                     err.msg);
    device_ask(d, d->is_working_offline ? ENGINE_OFFLINE : ENGINE_ONLINE);
}

static void ask_engine(struct device *d)
{
    static const enum engine_wake wakes[] = { ENGINE_NOW, ENGINE_RETRY, ENGINE_LINK_UP,
                                              ENGINE_TOOK_LOCK };
    enum engine_wake what = wakes[rng_below(&d->sim->rng, sizeof wakes / sizeof *wakes)];

    sim_note(d->sim, "device %d: wake %d", d->index, (int)what);
    if (what == ENGINE_TOOK_LOCK)
        d->transfer = 0; /* the driver has aborted it */
    if (what == ENGINE_NOW || what == ENGINE_RETRY)
        device_ask(d, what);
    else
        device_wake(d, what);
}

static bool happens(const struct device *d, uint32_t kind)
{
    return kind < d->sim->plan.crashes / 2 || kind >= 900;
}

static void arm(struct device *d)
{
    uint32_t n = rng_below(&d->sim->rng, 40);

    sim_note(d->sim, "device %d: dies at the %u. write from here", d->index, n + 1);
    vfs_arm(d->sim->vfs, d->index, n, false);
}

static void disturb(struct device *d)
{
    struct sim *sim = d->sim;

    decide(sim, DECIDE_TROUBLE, d->index);
    uint32_t kind = rng_below(&sim->rng, 1000);

    bool is_armed = rng_chance(&sim->rng, sim->plan.crashes);
    if (!(is_armed || happens(d, kind)) || !decided(sim))
        return;
    if (is_armed)
        arm(d);
    if (kind < sim->plan.crashes / 2) {
        vfs_kill(sim->vfs, d->index);
        device_died(d, "nothing");
    } else if (kind >= 900 && kind < 930 && sim->plan.faults > 0 && d->has_link) {
        lose_link(d);
    } else if (kind >= 930 && kind < 950 && sim->plan.has_clock_jumps) {
        int64_t most = rng_chance(&sim->rng, 500) ? 400 * DAY : 20 * 365 * DAY;
        jump(d, rng_between(&sim->rng, -most, most));
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
        trouble_for(d);
    if (d->is_up && !sim_failed(d->sim))
        beside_acts(d);
    if (d->is_up && !sim_failed(d->sim))
        disturb(d);
    if (!d->is_up || sim_failed(d->sim))
        return;
    decide(d->sim, DECIDE_ACTION, d->index);
    if (decided(d->sim))
        type_something(d);
}

/* ---- after a crash ---- */

/* Does the record's op set this column to this value? */
static bool is_queued(const struct db_ops *ops, const char *client_id, const char *column,
                      const char *json)
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

/* A new record whose id nobody was told: the op of a record that the model does not know. */
static void find_new_record(struct device *d, const struct db_ops *ops, struct attempt *a)
{
    for (size_t i = 0; i < ops->count && a->client_id[0] == '\0'; i++)
        if (model_find(d->sim->model, ops->items[i].client_id) == NULL)
            memcpy(a->client_id, ops->items[i].client_id, ID_SIZE);
}

/* How many of the columns that the attempts change wait as they were typed, and how many do not. */
static void count_attempts(struct device *d, const struct db_ops *ops, int *there, int *not_there)
{
    *there = *not_there = 0;
    for (int n = 0; n < d->attempt_count; n++) {
        struct attempt *a = &d->attempts[n];
        find_new_record(d, ops, a);
        for (size_t i = 0; i < a->table->column_count; i++) {
            if (!attempt_changes(a, i))
                continue;
            if (is_queued(ops, a->client_id, a->table->columns[i].name, a->after[i]))
                ++*there;
            else
                ++*not_there;
        }
    }
}

/* All of a transaction, or nothing. The queue tells; the records do not: a power cut may have
 * taken pulled values back. */
bool user_finds_attempts(struct device *d, const struct db_ops *ops)
{
    int there, not_there;

    count_attempts(d, ops, &there, &not_there);
    if (there > 0 && not_there > 0)
        return sim_violated(d->sim, "11: device %d: half of a save is there after a crash",
                            d->index);
    return there > 0;
}

/* The newest of those that were refused and are there, if any; the attempts are its then. Half of one is none: another
 * one may have put the same value there, and whatever else is there is judged with the file. */
static bool finds_refused(struct device *d, const struct db_ops *ops)
{
    int there = 0, not_there = 0;

    while (d->refused_count > 0 && (there == 0 || not_there > 0)) {
        struct refused *r = &d->refused[--d->refused_count];
        forget_attempts(d);
        memcpy(d->attempts, r->attempts, sizeof r->attempts);
        d->attempt_count = r->count;
        r->count = 0;
        memset(r->attempts, 0, sizeof r->attempts);
        count_attempts(d, ops, &there, &not_there);
    }
    return there > 0 && not_there == 0;
}

/* What is in the file after a crash is perhaps not on the disk. A write that is makes it so; and
 * back, because no change writes nothing. */
void user_makes_durable(struct device *d)
{
    struct err err = { 0 };

    vfs_disarm(d->sim->vfs, d->index);
    vfs_make_room(d->sim->vfs, d->index);
    if (db_state_work_offline(d->here->user_db, !d->is_working_offline, &err) ||
        db_state_work_offline(d->here->user_db, d->is_working_offline, &err))
        sim_violated(d->sim, "device %d: nothing can be written after a crash: %s", d->index,
                     err.msg);
}

void user_looks_again(struct device *d)
{
    struct db_ops ops = { 0 };
    struct err err = { 0 };

    if (user_looks_for_discard(d))
        user_makes_durable(d);
    if (d->attempt_count == 0 && d->refused_count == 0)
        return;
    if (db_queue_list(d->here->user_db, &ops, &err)) {
        sim_violated(d->sim, "12: device %d: the queue can not be read: %s", d->index, err.msg);
        return;
    }
    bool survived = user_finds_attempts(d, &ops) || finds_refused(d, &ops);
    db_ops_done(&ops);
    sim_note(d->sim, "device %d: the save in the crash is %s", d->index,
             survived ? "there" : "not there");
    if (!survived) {
        user_forgets_attempts(d);
        return;
    }
    sim_met(d->sim, SIT_SAVE_SURVIVED);
    user_makes_durable(d);
    acknowledge(d);
}

/* ---- at the end ---- */

static void repair(struct device *d, const struct db_op *op)
{
    struct model_record *r = model_find(d->sim->model, op->client_id);
    struct record before = { 0 };
    struct err err = { 0 };

    if (r == NULL || db_record_read(d->here->user_db, r->table, r->client_id, &before, &err)) {
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

    if (db_queue_list(d->here->user_db, &ops, &err))
        return sim_violated(d->sim, "12: device %d: the queue can not be read: %s", d->index,
                            err.msg);
    for (size_t i = 0; i < ops.count && !sim_failed(d->sim); i++) {
        if (ops.items[i].state != OP_FAILED)
            continue;
        is_any = true;
        repair(d, &ops.items[i]);
    }
    db_ops_done(&ops);
    return is_any;
}
