/* Not judged here: runs with new epochs, in which the backend is asked to take what a device has
 * for what its user typed, so that looking would change the model. */
#include "tests/simulation/powercut.h"

#include <cjson/cJSON.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include "base/json.h"

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

    if (db_queue_list(u->d->user_db, &ops, &err))
        return sim_violated(u->d->sim, "12: device %d: the queue can not be read: %s",
                            u->d->index, err.msg);
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

static void judge_device(struct sim *sim, const struct device *d)
{
    struct device copy = *d; /* its attempts' texts are borrowed */
    struct unknown unknown = { .d = &copy, .records = model_count(sim->model) };
    const struct db_options options = {
        .path = DEVICE_COPY,
        .vfs = VFS_NAME,
        .role = DB_WRITER,
        .registry = sim->device_tables,
        .clock = &d->clock,
        .no_bell = true,
    };
    struct err err = { 0 };

    copy.user_db = copy.sync_db = NULL;
    copy.engine = NULL;
    copy.is_up = true;
    if (db_open(&options, &copy.user_db, &err)) {
        sim_violated(sim, "1: device %d can not be started: %s", d->index, err.msg);
    } else {
        if (suppose(&unknown) && check_device(&copy))
            check_file(&copy);
        suppose_no_more(&unknown);
    }
    vfs_kill(sim->vfs, BENCH); /* closing writes nothing */
    db_close(copy.user_db);
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

    if (sqlite3_prepare_v2(db, "SELECT doc FROM records WHERE client_id = ?1", -1, &records, NULL) ||
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
