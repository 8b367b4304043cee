/* The invariants of DESIGN section 6, as far as a device's file and the backend's answers show
 * them. */
#include "tests/simulation/sim.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"
#include "db/store_priv.h"

/* ---- at any time: what a user was told is there ---- */

static char *json_text(const cJSON *json)
{
    struct buf out = { 0 };

    json_put(&out, json);
    return buf_take(&out);
}

/* What waits for one record: per column the value of its newest op; all NULL: nothing. */
struct waiting {
    char *cells[COLUMNS_MAX];
    bool is_any;
};

static void waiting_done(struct waiting *w)
{
    for (size_t i = 0; i < COLUMNS_MAX; i++)
        free(w->cells[i]);
}

static bool read_waiting(struct device *d, const struct db_ops *ops, struct model_record *r,
                         struct waiting *out)
{
    struct err ignored;

    for (size_t i = 0; i < ops->count; i++) {
        cJSON *set = NULL;
        const cJSON *item = NULL;
        if (strcmp(ops->items[i].client_id, r->client_id) != 0)
            continue;
        out->is_any = true;
        if (json_parse(ops->items[i].set, strlen(ops->items[i].set), &set, &ignored))
            return sim_violated(d->sim, "1: device %d: an op holds no JSON", d->index);
        cJSON_ArrayForEach(item, set)
        {
            size_t column = table_column(r->table, item->string)->index;
            free(out->cells[column]);
            out->cells[column] = json_text(item);
        }
        cJSON_Delete(set);
    }
    for (size_t i = 0; i < COLUMNS_MAX; i++) {
        if (out->cells[i] == NULL)
            continue;
        model_written_again(d->sim, r, d->index, i, out->cells[i]);
        r->writes[d->index][i].is_lost = false; /* it knows */
    }
    return true;
}

/* A restored backup has lost it. In the end it must be there all the same, if only by chance. */
static bool is_to_come_again(const struct sim *sim, const struct model_record *r, size_t column,
                             const struct writes *w)
{
    bool is_there = r->exists && strcmp(r->cells[column], writes_last(w)) == 0;

    return w->is_lost && (!sim->is_over || is_there);
}

static bool check_column(struct device *d, const struct model_record *r, size_t i,
                         const struct waiting *waiting, const struct record *shown)
{
    const struct writes *w = &r->writes[d->index][i];
    const char *last = writes_last(w), *name = r->table->columns[i].name;
    bool ok = true;

    if (last == NULL)
        return waiting->cells[i] == NULL ||
               sim_violated(d->sim, "5: device %d: %s waits to be sent and was never typed",
                            d->index, name);
    if (waiting->cells[i] == NULL) {
        return writes_are_settled(w) || is_to_come_again(d->sim, r, i, w) ||
               sim_violated(d->sim,
                            "1: device %d: %s of %.13s = %.60s was acknowledged, and is neither "
                            "queued nor at the backend",
                            d->index, name, r->client_id, last);
    }
    if (strcmp(waiting->cells[i], last) != 0)
        return sim_violated(d->sim, "1: device %d: %.60s waits for %s, typed was %.60s", d->index,
                            waiting->cells[i], name, last);
    const struct table *table = device_table(d, r->table);
    if (table == NULL || i >= table->column_count) /* it does not know what another process typed */
        return true;
    char *text = value_json(&table->columns[i], &shown->values[i]);
    if (strcmp(text, last) != 0)
        ok = sim_violated(d->sim,
                          "3: device %d shows %.60s as %s of %.13s; %.60s was typed and waits",
                          d->index, text, name, r->client_id, last);
    free(text);
    return ok;
}

static bool is_touched(const struct model_record *r, int device)
{
    for (size_t i = 0; i < r->table->column_count; i++)
        if (r->writes[device][i].count > 0)
            return true;
    return false;
}

static bool check_record(struct device *d, const struct db_ops *ops, struct model_record *r)
{
    struct waiting waiting = { 0 };
    struct record shown = { 0 };
    struct err err = { 0 };
    bool ok = read_waiting(d, ops, r, &waiting);

    if (ok && waiting.is_any && device_table(d, r->table) != NULL) {
        enum rc rc =
            db_record_read(d->here->user_db, device_table(d, r->table), r->client_id, &shown, &err);
        if (rc)
            ok = sim_violated(d->sim, "12: device %d: %.13s has an op and no record: %s", d->index,
                              r->client_id, err.msg);
        else if (shown.mark == MARK_SYNCED)
            ok = sim_violated(d->sim, "11: device %d: %.13s has an op and says that it is synced",
                              d->index, r->client_id);
    }
    for (size_t i = 0; ok && i < r->table->column_count; i++)
        ok = check_column(d, r, i, &waiting, &shown);
    waiting_done(&waiting);
    record_done(&shown);
    return ok;
}

static bool check_op(struct device *d, const struct db_op *op)
{
    const struct model_record *r = model_find(d->sim->model, op->client_id);
    int refusals = model_refusals(d->sim, op->op_id);

    if (r == NULL)
        return sim_violated(d->sim, "11: device %d: there is an op of a record that nobody made",
                            d->index);
    if (r->account != d->account)
        return sim_violated(d->sim, "9: device %d: an op of another account", d->index);
    if (op->retry_count > refusals)
        return sim_violated(d->sim, "7: device %d: retry_count is %d after %d refusals", d->index,
                            op->retry_count, refusals);
    /* Before its first byte left, and for good: else an edit would not name it. */
    if (op->sent_at == 0 && model_was_sent(d->sim, op->op_id))
        return sim_violated(d->sim, "2: device %d: %s was sent, and its queue does not know",
                            d->index, op->op_id);
    if ((op->state == OP_HELD && !d->sim->plan.has_old_server) ||
        (op->state == OP_FAILED) != (op->retry_count >= 3))
        return sim_violated(d->sim, "7: device %d: an op is in state %d after %d refusals",
                            d->index, (int)op->state, op->retry_count);
    return true;
}

bool check_device(struct device *d)
{
    struct sim *sim = d->sim;
    struct db_ops ops = { 0 };
    struct err err = { 0 };
    bool ok = true;

    if (sim_failed(sim) || !d->is_up)
        return false;
    if (db_queue_list(d->here->user_db, &ops, &err))
        return sim_violated(sim, "12: device %d: the queue can not be read: %s", d->index, err.msg);
    for (size_t i = 0; ok && i < ops.count; i++) {
        if (i > 0 && strcmp(ops.items[i].client_id, ops.items[i - 1].client_id) == 0)
            sim_met(sim, SIT_TWO_OPS);
        ok = check_op(d, &ops.items[i]);
    }
    for (size_t i = 0; ok && i < model_count(sim->model); i++) {
        struct model_record *r = model_at(sim->model, i);
        if (r->account == d->account && is_touched(r, d->index))
            ok = check_record(d, &ops, r);
    }
    db_ops_done(&ops);
    return ok;
}

bool check_drained(struct device *d)
{
    struct sync_status status;
    struct db_ops ops = { 0 };
    struct err err = { 0 };
    bool ok = true;

    if (!device_status(d, &status) || status.needs_sign_in)
        return true;
    if (db_queue_list(d->here->user_db, &ops, &err))
        return sim_violated(d->sim, "12: device %d: the queue can not be read: %s", d->index,
                            err.msg);
    for (size_t i = 0; ok && i < ops.count; i++)
        ok = ops.items[i].state != OP_QUEUED ||
             sim_violated(d->sim, "4: device %d: %.13s waits, and nobody sends it: %s", d->index,
                          ops.items[i].client_id, status.last.msg);
    if (ok)
        sim_met(d->sim, SIT_DRAINED_ALONE);
    db_ops_done(&ops);
    return ok;
}

/* ---- the file, by SQL: after each start, and at the end ---- */

static bool check_pending(struct device *d, const struct table *table)
{
    struct buf text = { 0 };
    struct err err = { 0 };

    buf_printf(&text,
               "SELECT (SELECT count(*) FROM \"%s\" t WHERE (sync_status = 'pending') <> EXISTS "
               "(SELECT 1 FROM sync_queue q WHERE q.table_name = ?1 AND q.record_client_id = "
               "t.client_id)), (SELECT count(*) FROM sync_queue q WHERE q.table_name = ?1 AND NOT "
               "EXISTS (SELECT 1 FROM \"%s\" t WHERE q.record_client_id = t.client_id))",
               table->sql, table->sql);
    sqlite3_stmt *st = sql_get(d->here->user_db->sql, buf_str(&text), &err);
    buf_done(&text);
    if (st != NULL)
        sql_bind_text(st, 1, table->name);
    if (st == NULL || sql_step(d->here->user_db->sql, st, &err))
        return sim_violated(d->sim, "1: device %d: %s can not be read: %s", d->index, table->name,
                            err.msg);
    int64_t wrong = sql_i64(st, 0), orphans = sql_i64(st, 1);
    sqlite3_reset(st);
    return (wrong == 0 && orphans == 0) ||
           sim_violated(d->sim,
                        "11: device %d: in %s %lld records are pending without an op or not "
                        "pending with one, %lld ops have no record",
                        d->index, table->name, (long long)wrong, (long long)orphans);
}

bool check_file(struct device *d)
{
    const struct registry *tables = d->here->tables;
    struct err err = { 0 };
    bool ok = true;

    for (size_t i = 0; ok && i < registry_count(tables); i++)
        ok = check_pending(d, registry_at(tables, i));
    if (ok && db_check(d->here->user_db, &err))
        ok = sim_violated(d->sim, "1: device %d: its file is damaged: %s", d->index, err.msg);
    return ok;
}

/* ---- at the end ---- */

static void read_list(struct sim *sim, int account, const struct table *table, bool is_deleted,
                      cJSON *all)
{
    cJSON *cursor = cJSON_CreateNull();
    bool has_more = true;

    while (has_more && !sim_failed(sim)) {
        struct buf args = { 0 };
        buf_printf(&args, "{\"table\":\"%s\",\"limit\":50", table->name);
        if (!cJSON_IsNull(cursor)) {
            buf_puts(&args, ",\"cursor\":");
            json_put(&args, cursor);
        }
        buf_printf(&args, ",\"deleted\":%s}", is_deleted ? "true" : "false");
        cJSON *page = server_ask(&sim->server, "query", "records:list", buf_str(&args),
                                 office_token(sim, account));
        buf_done(&args);
        if (page == NULL)
            sim_violated(sim, "the office can not list %s", table->name);
        cJSON *docs = cJSON_GetObjectItemCaseSensitive(page, "docs");
        while (cJSON_GetArraySize(docs) > 0) {
            cJSON *doc = cJSON_DetachItemFromArray(docs, 0);
            cJSON_AddItemToObject(all, json_get_string(doc, "clientId"), doc);
        }
        cJSON_Delete(cursor);
        cursor = cJSON_DetachItemFromObjectCaseSensitive(page, "cursor");
        has_more = false;
        json_get_bool(page, "more", &has_more);
        cJSON_Delete(page);
    }
    cJSON_Delete(cursor);
}

/* All records of a table as the office sees them, tombstones too: an object by client id. */
static cJSON *read_backend(struct sim *sim, int account, const struct table *table)
{
    cJSON *all = cJSON_CreateObject();

    read_list(sim, account, table, false, all);
    if (!sim_failed(sim))
        read_list(sim, account, table, true, all);
    return all;
}

static bool check_backend(struct sim *sim, int account, const struct table *table, const cJSON *all)
{
    const cJSON *doc = NULL;
    int expected = 0;

    cJSON_ArrayForEach(doc, all)
    {
        if (!model_judge_doc(sim, account, table->name, doc, "the backend at the end"))
            return false;
    }
    for (size_t i = 0; i < model_count(sim->model); i++) {
        const struct model_record *r = model_at(sim->model, i);
        expected += r->exists && r->account == account && r->table == table;
    }
    return cJSON_GetArraySize(all) == expected ||
           sim_violated(sim, "2: the backend has %d records in %s at the end; it must have %d",
                        cJSON_GetArraySize(all), table->name, expected);
}

static bool is_same_number(const cJSON *doc, const char *name, int64_t number)
{
    int64_t theirs = -1;

    return json_get_i64(doc, name, &theirs) && theirs == number;
}

static bool check_synced(struct device *d, const struct record *rec, const cJSON *doc)
{
    const char *server_id = json_get_string(doc, "serverId");

    if (doc == NULL || !cJSON_IsNull(json_get(doc, "deletedAt")))
        return sim_violated(d->sim, "4: device %d has %.13s, which the backend does not have",
                            d->index, rec->client_id);
    if (rec->mark != MARK_SYNCED)
        return sim_violated(d->sim, "4: device %d: %.13s is still pending", d->index,
                            rec->client_id);
    for (size_t i = 0; i < rec->table->column_count; i++) {
        const struct column *col = &rec->table->columns[i];
        char *ours = value_json(col, &rec->values[i]),
             *theirs = json_text(json_get(doc, col->name));
        bool is_same = strcmp(ours, theirs) == 0;
        if (!is_same)
            sim_violated(d->sim, "4: device %d has %.60s as %s of %.13s, the backend %.60s",
                         d->index, ours, col->name, rec->client_id, theirs);
        free(ours);
        free(theirs);
        if (!is_same)
            return false;
    }
    if (rec->server_id == NULL || server_id == NULL || strcmp(rec->server_id, server_id) != 0)
        return sim_violated(d->sim, "4: device %d: another serverId for %.13s", d->index,
                            rec->client_id);
    if (!is_same_number(doc, "rev", rec->rev) ||
        !is_same_number(doc, "createdAt", rec->created_at) ||
        !is_same_number(doc, "updatedAt", rec->updated_at))
        return sim_violated(d->sim, "4: device %d: another rev, createdAt or updatedAt for %.13s",
                            d->index, rec->client_id);
    return true;
}

static bool check_table(struct device *d, const struct table *table, const cJSON *all)
{
    /* One more than there may be: room costs, too. */
    const struct db_window window = { .table = table,
                                      .view = DB_VIEW_ALL,
                                      .count = (size_t)cJSON_GetArraySize(all) + 1 };
    struct record_list list = { 0 };
    struct err err = { 0 };
    const cJSON *doc = NULL;
    int64_t live = 0, counted = -1;
    bool ok = true;

    if (db_window_read(d->here->user_db, &window, &list, &err) ||
        db_count(d->here->user_db, table, DB_VIEW_ALL, &counted, &err))
        return sim_violated(d->sim, "4: device %d: %s can not be listed: %s", d->index, table->name,
                            err.msg);
    for (size_t i = 0; ok && i < list.count; i++)
        ok = check_synced(d, &list.items[i], json_get(all, list.items[i].client_id));
    cJSON_ArrayForEach(doc, all)
    {
        live += cJSON_IsNull(json_get(doc, "deletedAt"));
    }
    if (ok && (int64_t)list.count != live)
        ok = sim_violated(d->sim, "4: device %d has %zu records in %s, the backend %lld", d->index,
                          list.count, table->name, (long long)live);
    if (ok && counted != live)
        ok = sim_violated(d->sim, "4: device %d counts %lld records in %s; there are %lld",
                          d->index, (long long)counted, table->name, (long long)live);
    record_list_done(&list);
    return ok;
}

static bool check_queue_is_empty(struct device *d)
{
    struct db_ops ops = { 0 };
    struct err err = { 0 };

    if (db_queue_list(d->here->user_db, &ops, &err))
        return sim_violated(d->sim, "12: device %d: the queue can not be listed: %s", d->index,
                            err.msg);
    for (size_t i = 0; i < ops.count; i++) {
        const struct db_op *op = &ops.items[i];
        sim_note(d->sim, "device %d: op %s of %.13s: state %d, %d refusals (%s), due in %lld ms",
                 d->index, op->op_id, op->client_id, (int)op->state, op->retry_count,
                 op->error_code == NULL ? "" : op->error_code,
                 (long long)(op->retry_at == 0 ? 0 : op->retry_at - clock_wall(&d->clock)));
    }
    bool is_empty = ops.count == 0 || sim_violated(d->sim, "4: device %d: %zu ops wait at the end",
                                                   d->index, ops.count);
    db_ops_done(&ops);
    return is_empty;
}

static void count_one(void *ctx, const struct db_conflict *conflict)
{
    int *count = ctx;

    (void)conflict;
    ++*count;
}

/* What its answers said was overwritten is in the device's own log. */
static bool check_own_conflicts(struct device *d)
{
    struct err err = { 0 };
    int count = 0;

    if (db_conflicts_each(d->here->user_db, count_one, &count, &err))
        return sim_violated(d->sim, "5: device %d: its conflict log can not be read: %s", d->index,
                            err.msg);
    return (count >= d->conflicts_told && count <= d->conflicts_told + d->conflicts_unsure) ||
           sim_violated(d->sim,
                        "5: device %d was told of %d conflicts (%d more perhaps) and logged %d",
                        d->index, d->conflicts_told, d->conflicts_unsure, count);
}

static bool check_conflicts(struct sim *sim, int account)
{
    char args[160] = "{\"limit\":500}";
    cJSON *page =
        server_ask(&sim->server, "query", "records:conflicts", args, office_token(sim, account));
    int logged = cJSON_GetArraySize(json_get(page, "conflicts")),
        expected = model_conflicts(sim->model, account);
    bool has_more = false;

    json_get_bool(page, "more", &has_more);
    cJSON_Delete(page);
    return has_more || logged == expected ||
           sim_violated(sim, "5: the conflict log has %d entries; there were %d conflicts", logged,
                        expected);
}

bool check_end(struct sim *sim)
{
    sim->is_over = true;
    for (int i = 0; i < DEVICES && !sim_failed(sim); i++) {
        struct device *d = &sim->devices[i];
        if (check_queue_is_empty(d) && check_own_conflicts(d) && check_device(d))
            check_file(d);
    }
    for (int account = 0; account < ACCOUNTS && !sim_failed(sim); account++) {
        for (size_t t = 0; t < registry_count(sim->device_tables) && !sim_failed(sim); t++) {
            const struct table *table = registry_at(sim->device_tables, t);
            cJSON *all = read_backend(sim, account, table);
            bool ok = !sim_failed(sim) && check_backend(sim, account, table, all);
            for (int i = 0; ok && i < DEVICES; i++)
                if (sim->devices[i].account == account)
                    ok = check_table(&sim->devices[i], table, all);
            cJSON_Delete(all);
        }
        if (!sim_failed(sim))
            check_conflicts(sim, account);
    }
    return !sim_failed(sim);
}
