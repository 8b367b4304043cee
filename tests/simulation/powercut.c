/* Not judged here: runs with new epochs, in which the backend is asked to take what a device has
 * for what its user typed, so that looking would change the model. */
#include "tests/simulation/powercut.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "db/store_priv.h"

#define BENCH VFS_BENCH
#define DEVICE_COPY "4/store.db"
#define SERVER_COPY "4/backend.db"

/* ---- a device ---- */

/* What a call that is under way may have put there, or not; told to the model for the time of one
 * look. */
struct unknown {
    struct device *d;
    size_t records; /* of the model, before */
    bool has_saved;
    struct model_record *discarded; /* NULL: none */
    int withdrawn[COLUMNS_MAX];     /* of `discarded`, before */
};

static void suppose_saved(struct unknown *u, const struct db_ops *ops)
{
    struct device *d = u->d;

    u->has_saved = user_finds_attempts(d, ops);
    for (int n = 0; u->has_saved && n < d->attempt_count; n++) {
        const struct attempt *a = &d->attempts[n];
        struct model_record *r = model_find(d->sim->model, a->client_id);
        if (r == NULL)
            r = model_add(d->sim->model, a->account, a->table, a->client_id);
        for (size_t i = 0; i < a->table->column_count; i++)
            if (attempt_changes(a, i))
                model_typed(r, d->index, i, a->after[i]);
    }
}

static void suppose_discarded(struct unknown *u, const struct db_ops *ops)
{
    struct device *d = u->d;
    struct model_record *r = model_find(d->sim->model, d->discard_of);
    bool all[COLUMNS_MAX];

    if (d->discard[0] == '\0' || r == NULL)
        return;
    for (size_t i = 0; i < ops->count; i++)
        if (strcmp(ops->items[i].op_id, d->discard) == 0)
            return;
    u->discarded = r;
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        u->withdrawn[i] = r->writes[d->index][i].withdrawn;
    memset(all, true, sizeof all);
    model_withdrawn(r, d->index, all);
}

static bool suppose(struct unknown *u)
{
    struct db_ops ops = { 0 };
    struct err err = { 0 };

    if (db_queue_list(u->d->here->user_db, &ops, &err))
        return sim_violated(u->d->sim, "12: device %d: the queue can not be read: %s", u->d->index,
                            err.msg);
    suppose_discarded(u, &ops);
    suppose_saved(u, &ops);
    db_ops_done(&ops);
    return true;
}

static void suppose_no_more(struct unknown *u)
{
    struct device *d = u->d;
    struct model *m = d->sim->model;

    for (int n = d->attempt_count; u->has_saved && n-- > 0;) {
        const struct attempt *a = &d->attempts[n];
        for (size_t i = 0; i < a->table->column_count; i++)
            if (attempt_changes(a, i))
                model_untyped(model_find(m, a->client_id), d->index, i);
    }
    for (size_t i = 0; u->discarded != NULL && i < COLUMNS_MAX; i++)
        u->discarded->writes[d->index][i].withdrawn = u->withdrawn[i];
    while (model_count(m) > u->records)
        model_remove_last(m);
}

/* Up to which rev the device says that it has all; -1: it says nothing. The embedded backend's
 * cursors begin with it. */
static int64_t read_cursor(struct device *d, const struct table *table)
{
    struct err err = { 0 };
    int64_t rev = -1;
    sqlite3_stmt *st =
        sql_get(d->here->user_db->sql,
                "SELECT cursor FROM sync_metadata WHERE table_name = ?1 AND cursor IS NOT NULL AND "
                "initial_sync_complete AND walking = 0",
                &err);

    if (st == NULL)
        return rev;
    sql_bind_text(st, 1, table->name);
    if (sql_step(d->here->user_db->sql, st, &err) == RC_OK)
        rev = (int64_t)strtoull(sql_text(st, 0), NULL, 16);
    sqlite3_reset(st);
    return rev;
}

static bool was_taken_back(const struct model_record *r, int device)
{
    for (size_t i = 0; i < r->table->column_count; i++)
        if (r->writes[device][i].withdrawn > 0)
            return true;
    return false;
}

static bool judge_covered(struct device *d, const struct model_record *r)
{
    struct record shown = { 0 };
    struct err err = { 0 };
    enum rc rc =
        db_record_read(d->here->user_db, device_table(d, r->table), r->client_id, &shown, &err);
    bool ok = rc == RC_OK ? shown.mark != MARK_SYNCED || shown.rev >= r->rev
                          : rc == RC_NOT_FOUND && r->is_deleted;

    record_done(&shown);
    return ok || sim_violated(d->sim,
                              "8: device %d: its cursor covers %.13s at rev %lld, its rows "
                              "do not",
                              d->index, r->client_id, (long long)r->rev);
}

/* What a user took back after it was sent, his device learns in another way (db/discard.c). */
static bool judge_cursors(struct device *d)
{
    struct model *m = d->sim->model;
    bool ok = true;

    for (size_t t = 0; ok && t < registry_count(d->here->tables); t++) {
        const struct table *table = registry_at(d->sim->device_tables, t);
        int64_t rev = read_cursor(d, table);
        for (size_t i = 0; ok && rev >= 0 && i < model_count(m); i++) {
            const struct model_record *r = model_at(m, i);
            /* Of the cursor's own rev there may be more to come. */
            if (r->table == table && r->account == d->account && r->exists && r->rev < rev &&
                !was_taken_back(r, d->index))
                ok = judge_covered(d, r);
        }
    }
    return ok;
}

static void judge_device(struct sim *sim, const struct device *d)
{
    struct device copy = *d; /* its attempts' texts are borrowed */
    struct unknown unknown = { .d = &copy, .records = model_count(sim->model) };
    const struct db_options options = {
        .path = DEVICE_COPY,
        .vfs = VFS_NAME,
        .role = DB_WRITER,
        .registry = d->tables,
        .clock = &d->clock,
        .no_bell = true,
    };
    struct err err = { 0 };

    copy.here = &copy.processes[0];
    copy.holder = NULL;
    *copy.here = (struct process){ .path = DEVICE_COPY, .tables = d->tables };
    copy.is_up = true;
    if (db_open(&options, &copy.here->user_db, &err)) {
        sim_violated(sim, "1: device %d can not be started: %s", d->index, err.msg);
    } else {
        if (suppose(&unknown) && check_device(&copy) && check_file(&copy))
            judge_cursors(&copy);
        suppose_no_more(&unknown);
    }
    vfs_kill(sim->vfs, BENCH); /* closing writes nothing */
    db_close(copy.here->user_db);
}

/* ---- the backend ---- */

/* Named by a request that is under way, or whose outcome a crash hid. */
static bool is_uncertain(const struct server *s, const char *id)
{
    return (s->in_flight != NULL && strstr(s->in_flight, id) != NULL) ||
           (s->unknown_push.len > 0 && strstr(buf_str(&s->unknown_push), id) != NULL) ||
           (s->attempt.is_open && strcmp(s->attempt.client_id, id) == 0);
}

static bool judge_record(struct sim *sim, sqlite3_stmt *st, const struct model_record *r)
{
    struct err ignored;
    cJSON *doc = NULL;

    sqlite3_reset(st);
    sqlite3_bind_text(st, 1, r->client_id, -1, SQLITE_STATIC);
    if (sqlite3_step(st) != SQLITE_ROW)
        return sim_violated(sim, "1: the backend has lost %.13s", r->client_id);
    const char *text = (const char *)sqlite3_column_text(st, 0);
    if (text == NULL || json_parse(text, strlen(text), &doc, &ignored))
        return sim_violated(sim, "1: the backend holds no JSON for %.13s", r->client_id);
    bool ok = model_judge_doc(sim, r->account, r->table->name, doc, "the backend's file");
    cJSON_Delete(doc);
    return ok;
}

struct receipts {
    struct sim *sim;
    sqlite3_stmt *st;
};

static bool judge_receipt(void *ctx, const char *op_id)
{
    struct receipts *receipts = ctx;

    if (is_uncertain(&receipts->sim->server, op_id))
        return true;
    sqlite3_reset(receipts->st);
    sqlite3_bind_text(receipts->st, 1, op_id, -1, SQLITE_STATIC);
    return sqlite3_step(receipts->st) == SQLITE_ROW ||
           sim_violated(receipts->sim, "2: the backend has lost the receipt of %s", op_id);
}

static void judge_rows(struct sim *sim, sqlite3 *db)
{
    sqlite3_stmt *records = NULL, *receipts = NULL, *whole = NULL;

    if (sqlite3_prepare_v2(db, "SELECT doc FROM records WHERE client_id = ?1", -1, &records,
                           NULL) ||
        sqlite3_prepare_v2(db, "SELECT 1 FROM receipts WHERE op_id = ?1", -1, &receipts, NULL) ||
        sqlite3_prepare_v2(db, "PRAGMA integrity_check(1)", -1, &whole, NULL) ||
        sqlite3_step(whole) != SQLITE_ROW ||
        strcmp((const char *)sqlite3_column_text(whole, 0), "ok") != 0)
        sim_violated(sim, "1: the backend's file is damaged: %s", sqlite3_errmsg(db));
    for (size_t i = 0; !sim_failed(sim) && i < model_count(sim->model); i++) {
        const struct model_record *r = model_at(sim->model, i);
        if (r->exists && !is_uncertain(&sim->server, r->client_id))
            judge_record(sim, records, r);
    }
    if (!sim_failed(sim))
        model_each_receipt(sim->model, judge_receipt, &(struct receipts){ sim, receipts });
    sqlite3_finalize(records);
    sqlite3_finalize(receipts);
    sqlite3_finalize(whole);
}

static void judge_server(struct sim *sim)
{
    struct server *s = &sim->server;
    const struct backend_options options = {
        .path = SERVER_COPY,
        .vfs = VFS_NAME,
        .registry = s->is_old ? sim->old_tables : sim->server_tables,
        .clock = &s->clock,
        .no_mark = true,
        .quick_hash = true,
    };
    struct backend *backend = NULL;
    struct err err = { 0 };
    sqlite3 *db = NULL;

    if (backend_open(&options, &backend, &err))
        sim_violated(sim, "1: the backend can not be started: %s", err.msg);
    else if (sqlite3_open_v2(SERVER_COPY, &db, SQLITE_OPEN_READWRITE, VFS_NAME) != SQLITE_OK)
        sim_violated(sim, "1: the backend's file can not be opened: %s", sqlite3_errmsg(db));
    else
        judge_rows(sim, db);
    vfs_kill(sim->vfs, BENCH);
    sqlite3_close(db);
    backend_close(backend);
}

/* ---- every operation ---- */

struct watch {
    struct sim *sim;
    struct rng rng; /* what a cut leaves of what was not synced */
};

static void look(void *ctx, int machine)
{
    struct watch *watch = ctx;
    struct sim *sim = watch->sim;
    struct rng entropy = sim->entropy;

    if (sim_failed(sim))
        return;
    sim->points[machine == SERVER]++;
    vfs_cut_copy(sim->vfs, machine, BENCH, &watch->rng);
    if (machine == SERVER)
        judge_server(sim);
    else
        judge_device(sim, &sim->devices[machine]);
    vfs_empty(sim->vfs, BENCH);
    sim->entropy = entropy;
    if (sim_failed(sim)) {
        size_t len = strlen(sim->violation);
        snprintf(sim->violation + len, sizeof sim->violation - len,
                 " (had the power been cut before disk operation %llu)",
                 (unsigned long long)vfs_operations(sim->vfs));
    }
}

bool powercut_run(struct sim *sim)
{
    struct watch watch = { .sim = sim, .rng = { .state = sim->seed ^ 0x706f776572u } };

    sim->is_for_power_cuts = true;
    memset(sim->points, 0, sizeof sim->points);
    vfs_watch(sim->vfs, look, &watch);
    bool ok = sim_run(sim);
    vfs_watch(sim->vfs, NULL, NULL);
    uint64_t order = sim->order, operations = sim->operations;
    if (!ok || !sim_run(sim))
        return false;
    return (sim->order == order && sim->operations == operations) ||
           sim_violated(sim, "repeatable: looking at the disks changes the run");
}
