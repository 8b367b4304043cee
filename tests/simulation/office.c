/* The office: people on the web side of the same records, at any time, through the same backend
 * code. */
#include "tests/simulation/sim.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

#define TOKEN_MS (50 * 60 * 1000LL) /* an access token lives an hour */
#define FIRST_RECORDS 12
#define MANY_RECORDS 260 /* a page is applied in transactions of 100 rows */

const char *office_token(struct sim *sim, int account)
{
    struct server *s = &sim->server;

    if (s->office_token[account] != NULL && sim->now - s->office_token_at[account] < TOKEN_MS)
        return s->office_token[account];
    char *token = server_sign_in(s, account, NULL);
    if (token == NULL)
        return NULL;
    free(s->office_token[account]);
    s->office_token[account] = token;
    s->office_token_at[account] = sim->now;
    return token;
}

/* ---- one edit ---- */

static void put_set(const struct attempt *attempt, struct buf *out)
{
    buf_puts(out, ",\"set\":{");
    bool is_first = true;
    for (size_t i = 0; i < attempt->table->column_count; i++) {
        if (attempt->after[i] == NULL)
            continue;
        buf_printf(out, "%s\"%s\":%s", is_first ? "" : ",", attempt->table->columns[i].name,
                   attempt->after[i]);
        is_first = false;
    }
    buf_putc(out, '}');
}

static void apply(struct sim *sim, struct attempt *attempt)
{
    struct model_record *r = model_find(sim->model, attempt->client_id);

    if (r == NULL)
        r = model_add(sim->model, attempt->account, attempt->table, attempt->client_id);
    if (attempt->is_removal)
        model_office_removed(sim, r);
    else
        model_office_set(sim, r, attempt->after);
    sim_met(sim, SIT_OFFICE_WRITES);
    attempt_done(attempt);
}

static const char *function_of(const struct attempt *attempt)
{
    if (attempt->is_removal)
        return "records:remove";
    return attempt->before[0] == NULL ? "records:create" : "records:update";
}

static void run(struct sim *sim, struct attempt *attempt)
{
    struct buf args = { 0 };
    const char *token = office_token(sim, attempt->account), *function = function_of(attempt);
    int account = attempt->account;
    const char *table = attempt->table->name;

    if (token == NULL) {
        attempt_done(attempt);
        return;
    }
    buf_printf(&args, "{\"table\":\"%s\",\"clientId\":\"%s\"", table, attempt->client_id);
    if (!attempt->is_removal)
        put_set(attempt, &args);
    buf_putc(&args, '}');
    sim_note(sim, "office %d: %s %.180s", account, function, buf_str(&args));
    attempt->is_open = true;
    cJSON *doc = server_ask(&sim->server, "mutation", function, buf_str(&args), token);
    buf_done(&args);
    if (doc == NULL) {
        if (sim->server.backend != NULL)
            sim_violated(sim, "office: %s is refused", function);
        return; /* it died: the attempt stays open */
    }
    apply(sim, attempt);
    model_judge_doc(sim, account, table, doc, "the office's answer");
    cJSON_Delete(doc);
}

/* ---- what it does ---- */

static void choose_cells(struct sim *sim, struct attempt *attempt, struct model_record *r)
{
    size_t count = attempt->table->column_count;
    size_t sure = rng_below(&sim->rng, (uint32_t)count);

    for (size_t i = 0; i < count; i++) {
        const struct column *col = &attempt->table->columns[i];
        struct value v = { 0 };
        bool is_wanted = i == sure || rng_chance(&sim->rng, 200);
        if (!is_wanted && (r != NULL || !col->is_required))
            continue;
        sim_value(sim, col, r, -1, &v);
        attempt->after[i] = value_json(col, &v);
        value_done(&v);
    }
}

static void create(struct sim *sim, int account)
{
    struct attempt *attempt = &sim->server.attempt;
    size_t n = sim->server.is_old ? 1 : registry_count(sim->device_tables);

    attempt->account = account;
    attempt->table = registry_at(sim->device_tables, rng_below(&sim->rng, (uint32_t)n));
    id_new(clock_wall(&sim->clock), attempt->client_id);
    choose_cells(sim, attempt, NULL);
    run(sim, attempt);
}

static struct model_record *choose_record(struct sim *sim, int account)
{
    size_t count = model_count(sim->model);
    size_t choice = sim->plan.is_crowded && count > CROWDED ? CROWDED : count;
    size_t from = rng_below(&sim->rng, (uint32_t)choice);

    for (size_t i = 0; i < count; i++) {
        struct model_record *r = model_at(sim->model, (from + i) % count);
        if (r->account == account && r->exists && !r->is_deleted)
            return r;
    }
    return NULL;
}

static void change(struct sim *sim, int account, bool is_removal)
{
    struct attempt *attempt = &sim->server.attempt;
    struct model_record *r = choose_record(sim, account);

    if (r == NULL)
        return;
    attempt->account = account;
    attempt->table = r->table;
    attempt->is_removal = is_removal;
    memcpy(attempt->client_id, r->client_id, ID_SIZE);
    for (size_t i = 0; i < r->table->column_count; i++)
        attempt->before[i] = mem_strdup(r->cells[i]);
    if (!is_removal)
        choose_cells(sim, attempt, r);
    run(sim, attempt);
}

/* What happens to the backend while the office works. */
static void disturb(struct sim *sim)
{
    decide(sim, DECIDE_OFFICE_TROUBLE, SERVER);
    bool is_armed = rng_chance(&sim->rng, sim->plan.crashes * 2),
         is_killed = rng_chance(&sim->rng, sim->plan.crashes),
         is_upgraded = rng_chance(&sim->rng, 30);
    uint32_t n = rng_below(&sim->rng, 30);

    if (!(is_armed || is_killed || is_upgraded) || !decided(sim))
        return;
    if (is_armed) {
        sim_note(sim, "backend: dies at the %u. write from here", n + 1);
        vfs_arm(sim->vfs, SERVER, n, false);
    }
    if (sim->server.backend == NULL)
        return;
    if (is_killed)
        server_kill(&sim->server);
    else if (is_upgraded)
        server_upgrade(&sim->server);
}

void office_acts(struct sim *sim)
{
    disturb(sim);
    if (sim->server.backend != NULL && !sim_failed(sim))
        trouble_winter(sim);
    if (sim->server.backend != NULL && !sim_failed(sim))
        trouble_backup(sim);
    if (sim->server.backend == NULL || sim_failed(sim))
        return;
    decide(sim, DECIDE_OFFICE, SERVER);
    if (!decided(sim))
        return;
    int account = sim->plan.has_other_account && rng_chance(&sim->rng, 300);
    uint32_t kind = rng_below(&sim->rng, 100);
    if (sim->plan.has_epochs && rng_chance(&sim->rng, 60))
        server_new_epoch(&sim->server);
    else if (kind == 99)
        server_end_sessions(&sim->server, account);
    else if (kind < 20)
        create(sim, account);
    else if (kind < (sim->plan.has_winters ? 65 : 85)) /* tombstones, to be pruned */
        change(sim, account, false);
    else
        change(sim, account, true);
}

void office_begins(struct sim *sim)
{
    int count = (int)rng_between(&sim->rng, 0, FIRST_RECORDS);

    if (sim->plan.is_big_world)
        count += MANY_RECORDS;
    for (int i = 0; i < count && !sim_failed(sim); i++) {
        decide(sim, DECIDE_FIRST_RECORD, SERVER);
        if (decided(sim))
            create(sim, i % 3 == 2 && sim->plan.has_other_account);
    }
}

/* ---- after a crash ---- */

static bool is_there(const struct attempt *attempt, const cJSON *doc)
{
    if (!cJSON_IsObject(doc))
        return false;
    if (attempt->is_removal)
        return !cJSON_IsNull(json_get(doc, "deletedAt"));
    for (size_t i = 0; i < attempt->table->column_count; i++) {
        if (attempt->after[i] == NULL)
            continue;
        struct buf text = { 0 };
        json_put(&text, json_get(doc, attempt->table->columns[i].name));
        bool is_same = strcmp(buf_str(&text), attempt->after[i]) == 0;
        buf_done(&text);
        if (!is_same)
            return false;
    }
    return true;
}

void office_looks_again(struct sim *sim)
{
    struct attempt *attempt = &sim->server.attempt;
    struct buf args = { 0 };

    /* Signing in also writes and syncs: what was found in the file after a crash is then there for
     * good. */
    for (int i = 0; i < ACCOUNTS; i++)
        if (office_token(sim, i) == NULL)
            sim_violated(sim, "office: a backend that is up gives no token");
    if (!attempt->is_open || sim_failed(sim))
        return;
    buf_printf(&args, "{\"table\":\"%s\",\"clientId\":\"%s\"}", attempt->table->name,
               attempt->client_id);
    cJSON *doc = server_ask(&sim->server, "query", "records:get", buf_str(&args),
                            office_token(sim, attempt->account));
    buf_done(&args);
    bool survived = is_there(attempt, doc);
    sim_note(sim, "office: the edit in the crash is %s", survived ? "there" : "not there");
    if (survived)
        apply(sim, attempt);
    else
        attempt_done(attempt);
    cJSON_Delete(doc);
}
