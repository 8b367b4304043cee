/* What happens to a request, and to its answer. A request may be executed at any time after the
 * device gave up on it, and more than once. */
#include "tests/simulation/net.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/json.h"
#include "base/mem.h"

#define SECOND 1000LL
#define GIVE_UP_MS (30 * SECOND)
#define LATE_MAX_MS (20 * 60 * SECOND)

static const char *const fate_names[FATE_COUNT] = {
    [FATE_WELL] = "well",
    [FATE_LOST] = "lost",
    [FATE_NO_ANSWER] = "answer lost",
    [FATE_LATE] = "late",
    [FATE_DOUBLE] = "doubled",
    [FATE_CUT] = "answer cut",
    [FATE_ERROR] = "error",
    [FATE_ERROR_AFTER] = "error after",
    [FATE_PORTAL] = "portal",
    [FATE_REFUSED] = "refused",
    [FATE_ODD] = "odd answer",
};

struct net {
    uint64_t last_id;
    struct transfer *transfers;
};

struct net *net_new(void)
{
    return mem_zero(1, sizeof(struct net));
}

static void transfer_free(struct transfer *t)
{
    free(t->token);
    buf_done(&t->sent);
    buf_done(&t->body);
    convex_reply_done(&t->reply);
    free(t);
}

void net_free(struct net *net)
{
    if (net == NULL)
        return;
    while (net->transfers != NULL) {
        struct transfer *next = net->transfers->next;
        transfer_free(net->transfers);
        net->transfers = next;
    }
    free(net);
}

static struct transfer *find(struct net *net, uint64_t id)
{
    for (struct transfer *t = net->transfers; t != NULL; t = t->next)
        if (t->id == id)
            return t;
    return NULL;
}

static void drop_if_over(struct net *net, struct transfer *over)
{
    if (over->arrivals > 0 || !over->is_answered)
        return;
    for (struct transfer **at = &net->transfers; *at != NULL; at = &(*at)->next) {
        if (*at == over) {
            *at = over->next;
            transfer_free(over);
            return;
        }
    }
}

/* ---- out ---- */

static enum fate draw_fate(struct sim *sim, const struct transfer *t)
{
    static const enum situation met[FATE_COUNT] = {
        [FATE_LOST] = SIT_LOST_REQUESTS, [FATE_NO_ANSWER] = SIT_LOST_ANSWERS,
        [FATE_LATE] = SIT_LATE_ARRIVALS, [FATE_DOUBLE] = SIT_DOUBLED,
        [FATE_CUT] = SIT_CUT_ANSWERS,    [FATE_ERROR] = SIT_ERRORS,
        [FATE_ERROR_AFTER] = SIT_ERRORS, [FATE_PORTAL] = SIT_PORTALS,
        [FATE_REFUSED] = SIT_REFUSED,    [FATE_ODD] = SIT_ODD_ANSWERS,
    };

    decide(sim, DECIDE_FAULT, t->device);
    bool is_deaf = !sim->is_calm && sim->plan.is_deaf && t->is_push && t->device == 0;
    if (is_deaf && decided(sim))
        return rng_chance(&sim->rng, 800) ? FATE_NO_ANSWER : FATE_LATE;
    if (sim->is_calm || is_deaf || !rng_chance(&sim->rng, sim->plan.faults) || !decided(sim))
        return FATE_WELL;
    enum fate fate = FATE_LOST + (enum fate)rng_below(&sim->rng, FATE_COUNT - FATE_LOST);
    sim_met(sim, met[fate]);
    return fate;
}

static int64_t draw_latency(struct sim *sim)
{
    if (!sim->is_calm && (sim->plan.is_slow_world || rng_chance(&sim->rng, 50)))
        return rng_between(&sim->rng, 500, 9 * SECOND);
    return rng_between(&sim->rng, 2, 300);
}

/* The net asks for smaller pages than the engine: with few records there would be one page only. */
static void shrink_page(struct sim *sim, struct buf *body)
{
    const char *limit = body->len > 0 ? strstr(body->data, "\"limit\":") : NULL;
    struct buf out = { 0 };

    if (limit == NULL || sim->plan.page_limit == 0)
        return;
    limit += strlen("\"limit\":");
    buf_append(&out, body->data, (size_t)(limit - body->data));
    buf_put_i64(&out, sim->plan.page_limit);
    buf_puts(&out, limit + strspn(limit, "0123456789"));
    buf_done(body);
    *body = out;
}

static struct transfer *make(struct device *d, const struct engine_action *action)
{
    struct net *net = d->sim->net;
    struct transfer *t = mem_zero(1, sizeof *t);

    t->id = ++net->last_id;
    t->device = d->index;
    t->account = d->account;
    t->life = d->life;
    t->era = d->sim->server.era;
    t->next = net->transfers;
    net->transfers = t;
    if (action->what == ENGINE_GET) {
        t->is_get = true;
        snprintf(t->path, sizeof t->path, "%s", action->get_path);
        return t;
    }
    snprintf(t->path, sizeof t->path, "%s", convex_kind_path(action->call.kind));
    t->token = action->token == NULL ? NULL : mem_strdup(action->token);
    t->is_push = strcmp(action->call.path, "sync:upsert") == 0 ||
                 strcmp(action->call.path, "sync:bulkUpsert") == 0;
    t->is_walk = strcmp(action->call.path, "sync:getAllForUser") == 0;
    t->is_page = t->is_walk || strcmp(action->call.path, "sync:getChangesSince") == 0;
    t->is_refresh = strcmp(action->call.path, "auth:signIn") == 0;
    convex_encode(&action->call, &t->sent);
    if (t->is_page)
        shrink_page(d->sim, &t->sent);
    buf_append(&t->body, t->sent.data, t->sent.len);
    net_plant(d->sim, t);
    return t;
}

static void plan_arrival(struct sim *sim, struct transfer *t, int64_t at)
{
    t->arrivals++;
    sim_plan(sim, at, EV_ARRIVE, t->device, t->id);
}

static void plan_answer(struct sim *sim, struct transfer *t, int64_t at)
{
    t->has_answer = true;
    sim_plan(sim, at, EV_ANSWER, t->device, t->id);
}

static void fail(struct sim *sim, struct transfer *t, int64_t at, const char *problem)
{
    snprintf(t->reply.problem, sizeof t->reply.problem, "%s", problem);
    plan_answer(sim, t, at);
}

static void answer_with(struct sim *sim, struct transfer *t, int64_t at, int status,
                        const char *type, const char *body)
{
    t->reply.complete = true;
    t->reply.http_status = status;
    snprintf(t->reply.content_type, sizeof t->reply.content_type, "%s", type);
    buf_puts(&t->reply.body, body);
    plan_answer(sim, t, at);
}

static void answer_error(struct sim *sim, struct transfer *t, int64_t at)
{
    static const struct {
        int status;
        const char *type, *body;
    } errors[] = {
        { 500, "application/json", "{\"code\":\"InternalServerError\",\"message\":\"no\"}" },
        { 502, "text/html", "<html>bad gateway</html>" },
        { 503, "application/json", "{\"code\":\"Overloaded\",\"message\":\"later\"}" },
        { 429, "application/json", "{\"code\":\"RateLimited\",\"message\":\"slower\"}" },
        { 408, "text/plain", "timeout" },
        { 200, "application/json", "" },
        { 503, "", "" },
    };
    uint32_t which = rng_below(&sim->rng, sizeof errors / sizeof *errors);

    if (rng_chance(&sim->rng, 300))
        t->reply.retry_after_ms = rng_between(&sim->rng, 1, 60) * SECOND;
    answer_with(sim, t, at, errors[which].status, errors[which].type, errors[which].body);
}

static void set_out(struct sim *sim, struct transfer *t)
{
    int64_t up = sim->now + draw_latency(sim), soon, late;

    t->down_ms = draw_latency(sim);
    soon = rng_chance(&sim->rng, 500) ? sim->now + rng_between(&sim->rng, 1, 200)
                                      : sim->now + GIVE_UP_MS;
    late = rng_between(&sim->rng, 1, LATE_MAX_MS);
    switch (t->fate) {
    case FATE_LOST:
        fail(sim, t, soon, "The connection broke.");
        break;
    case FATE_NO_ANSWER:
        plan_arrival(sim, t, up);
        fail(sim, t, up + (soon - sim->now), "No answer came.");
        break;
    case FATE_LATE:
        fail(sim, t, soon, "No answer came in time.");
        plan_arrival(sim, t, soon + late);
        break;
    case FATE_DOUBLE:
        plan_arrival(sim, t, up);
        plan_arrival(sim, t, up + late);
        break;
    case FATE_ERROR:
        answer_error(sim, t, soon);
        break;
    case FATE_PORTAL:
        answer_with(sim, t, soon, 200, "text/html",
                    "<html><body>Welcome! Please accept our terms.</body></html>");
        break;
    case FATE_REFUSED:
        fail(sim, t, sim->now + 1, "The server refused the connection.");
        break;
    case FATE_WELL:
    case FATE_CUT:
    case FATE_ERROR_AFTER:
    case FATE_ODD:
    case FATE_COUNT:
        plan_arrival(sim, t, up);
        break;
    }
}

void net_send(struct device *d, const struct engine_action *action)
{
    struct sim *sim = d->sim;

    if (d->transfer != 0) {
        sim_violated(sim, "device %d: the engine begins a request while one is under way",
                     d->index);
        return;
    }
    struct transfer *t = make(d, action);
    d->transfer = t->id;
    t->fate = draw_fate(sim, t);
    decide(sim, DECIDE_LATENCY, d->index);
    sim_note(sim, "device %d: #%llu %s %s (%s)", d->index, (unsigned long long)t->id,
             t->is_get ? t->path : action->call.path, t->is_push ? buf_str(&t->sent) + 80 : "",
             fate_names[t->fate]);
    if (t->is_push)
        sim_met(sim, SIT_PUSHES);
    if (t->is_push && !model_sent(d, buf_str(&t->sent)))
        return;
    if (!d->has_link)
        fail(sim, t, sim->now + 1, "There is no network.");
    else
        set_out(sim, t);
}

/* ---- there ---- */

static void note_page(struct sim *sim, const struct transfer *t, const cJSON *value)
{
    const cJSON *item = NULL;
    struct buf ids = { 0 };

    if (!sim->is_traced)
        return;
    cJSON_ArrayForEach(item, json_get(value, t->is_walk ? "docs" : "changes"))
    {
        const cJSON *doc = t->is_walk ? item : json_get(item, "doc");
        const char *id = json_get_string(doc, "clientId");
        buf_printf(&ids, " %s%s", id == NULL ? "?" : id + ID_LEN - 8,
                   cJSON_IsNull(json_get(doc, "deletedAt")) ? "" : "(gone)");
    }
    sim_note(sim, "backend: page for device %d:%s", t->device, buf_str(&ids));
    buf_done(&ids);
}

static bool judge_page(struct sim *sim, const struct transfer *t, const cJSON *value)
{
    const cJSON *item = NULL;
    bool has_more = false;

    note_page(sim, t, value);
    if (json_get_bool(value, "more", &has_more) && has_more)
        sim_met(sim, SIT_PAGE_EDGES);
    sim_met(sim, t->is_walk ? SIT_WALK_PAGES : SIT_PAGES);
    cJSON_ArrayForEach(item, json_get(value, t->is_walk ? "docs" : "changes"))
    {
        const char *table = t->is_walk ? NULL : json_get_string(item, "table");
        const cJSON *doc = t->is_walk ? item : json_get(item, "doc");
        if (!model_judge_doc(sim, t->account, table, doc, "a page"))
            return false;
    }
    return true;
}

static void judge(struct sim *sim, const struct transfer *t, const struct exchange *x, bool is_late)
{
    struct err ignored;
    cJSON *json = NULL;

    if (t->is_get || json_parse(buf_str(&x->answer), x->answer.len, &json, &ignored))
        return;
    const cJSON *value = json_get(json, "value");
    const char *code = json_get_string(json_get(json, "errorData"), "code");
    if (t->is_page && code != NULL && strcmp(code, "cursor_unknown") == 0)
        sim_met(sim, SIT_CURSORS_UNKNOWN);
    if (t->is_push && value != NULL)
        model_executed(sim, buf_str(&t->sent), value, is_late);
    else if (t->is_page && value != NULL)
        judge_page(sim, t, value);
    else if (t->is_refresh && json_get(json_get(value, "tokens"), "token") != NULL)
        sim_met(sim, SIT_TOKEN_REFRESHES);
    cJSON_Delete(json);
}

/* JSON, and not as agreed: a member has another name, or an op another id. */
static void make_odd(struct sim *sim, struct buf *body)
{
    static const char *const members[] = { "\"epoch\"", "\"result", "\"opId\":\"", "\"cursor",
                                           "\"more\"" };
    uint32_t from = rng_below(&sim->rng, sizeof members / sizeof *members);

    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        const char *name = members[(from + i) % (sizeof members / sizeof *members)];
        char *at = body->len > 0 ? strstr(body->data, name) : NULL;
        if (at == NULL)
            continue;
        at[strlen(name) - 1] = 'x';
        if (name[1] == 'o') { /* the id itself, in place of the quote that was taken */
            at[strlen(name) - 1] = '"';
            at[strlen(name)] = at[strlen(name)] == '0' ? '1' : '0';
        }
        return;
    }
}

static void spoil(struct sim *sim, struct transfer *t)
{
    struct convex_reply *reply = &t->reply;
    size_t len = reply->body.len;

    if (t->fate == FATE_CUT && len > 0) {
        reply->body.len = rng_below(&sim->rng, (uint32_t)len);
        reply->body.data[reply->body.len] = '\0';
        reply->complete = rng_chance(&sim->rng, 500); /* a proxy may end it as if it were whole */
    } else if (t->fate == FATE_ERROR_AFTER) {
        buf_clear(&reply->body);
        buf_puts(&reply->body, "<html>bad gateway</html>");
        snprintf(reply->content_type, sizeof reply->content_type, "text/html");
        reply->http_status = 502;
    } else if (t->fate == FATE_ODD) {
        make_odd(sim, &reply->body);
    }
}

static void answer(struct sim *sim, struct transfer *t, struct exchange *x)
{
    if (t->has_answer)
        return;
    if (x->http_status == 0) {
        fail(sim, t, sim->now + t->down_ms, "The connection broke.");
        return;
    }
    t->reply.complete = true;
    t->reply.http_status = x->http_status;
    t->reply.retry_after_ms = x->retry_after_s * SECOND;
    snprintf(t->reply.content_type, sizeof t->reply.content_type, "%s", x->content_type);
    t->reply.body = x->answer;
    x->answer = (struct buf){ 0 };
    t->reply.sent_bytes = (int64_t)t->body.len;
    t->reply.got_bytes = (int64_t)t->reply.body.len;
    net_replace_all(&t->reply.body, t->swapped_to, t->swapped_from);
    if (sim->broken == BROKEN_SKIP_PAGE_ROW && t->is_page)
        net_drop_row(sim, t, &t->reply.body);
    spoil(sim, t);
    plan_answer(sim, t, sim->now + t->down_ms);
}

static void remember_push(struct sim *sim, const struct transfer *t)
{
    struct server *s = &sim->server;

    sim_met(sim, SIT_CRASH_IN_PUSH);
    buf_clear(&s->unknown_push);
    buf_append(&s->unknown_push, t->sent.data, t->sent.len);
}

void net_arrive(struct sim *sim, uint64_t id)
{
    struct transfer *t = find(sim->net, id);
    bool is_late = t->has_answer, was_up = sim->server.backend != NULL;
    struct exchange x = { .method = t->is_get ? "GET" : "POST",
                          .path = t->path,
                          .token = t->token,
                          .body = buf_str(&t->body),
                          .body_len = t->body.len };

    t->arrivals--;
    decide(sim, DECIDE_ARRIVAL, t->device);
    if (t->is_push && !sim->is_calm && rng_chance(&sim->rng, sim->plan.crashes / 3) &&
        decided(sim)) {
        uint32_t n = rng_below(&sim->rng, 40);
        sim_note(sim, "backend: dies at the %u. write from here, in a push", n + 1);
        vfs_arm(sim->vfs, SERVER, n, false);
    }
    bool is_executed = t->era == sim->server.era && server_call(&sim->server, &x);
    sim_note(sim, "backend: #%llu of device %d arrives%s: %d", (unsigned long long)id, t->device,
             is_late ? " late" : "", x.http_status);
    if (is_executed)
        judge(sim, t, &x, is_late);
    else if (was_up && t->is_push && t->era == sim->server.era)
        remember_push(sim, t);
    answer(sim, t, &x);
    buf_done(&x.answer);
    if (is_executed && t->is_push)
        trouble_after_push(sim);
    drop_if_over(sim->net, t);
}

/* ---- back ---- */

/* Only what is wrong with an op itself counts against it. */
static bool note_refusal(struct sim *sim, const cJSON *result)
{
    const char *code = json_get_string(json_get(result, "error"), "code");

    model_answered(sim, json_get_string(result, "opId"));
    if (code != NULL && strcmp(code, "not_found") == 0)
        model_told_not_found(sim, json_get_string(result, "opId"));
    if (code == NULL || strcmp(code, "invalid_value") != 0)
        return false;
    model_refused(sim, json_get_string(result, "opId"));
    return true;
}

/* True: there was one. */
static bool note_refusals(struct sim *sim, const cJSON *value)
{
    const cJSON *result = json_get(value, "result"), *list = json_get(value, "results"),
                *item = NULL;
    bool is_any = note_refusal(sim, result);

    cJSON_ArrayForEach(item, list)
    {
        is_any = note_refusal(sim, item) || is_any;
    }
    return is_any;
}

/* The backend has been restored since it wrote this answer. */
static void note_lost(struct sim *sim, const cJSON *value)
{
    const cJSON *item = NULL;

    model_told_of_lost(sim, json_get(value, "result"));
    cJSON_ArrayForEach(item, json_get(value, "results"))
    {
        model_told_of_lost(sim, item);
    }
}

static int count_conflicts(const cJSON *value)
{
    const cJSON *item = NULL;
    int n = cJSON_GetArraySize(json_get(json_get(value, "result"), "overwrote"));

    cJSON_ArrayForEach(item, json_get(value, "results"))
    {
        n += cJSON_GetArraySize(json_get(item, "overwrote"));
    }
    return n;
}

static void deliver(struct device *d, struct transfer *t)
{
    struct convex_answer decoded = { 0 };
    int conflicts = 0;
    bool is_refused = false;

    d->transfer = 0;
    if (t->is_get) {
        engine_got(d->holder->engine, &t->reply);
    } else {
        convex_decode(&t->reply, &decoded);
        if (t->is_push && decoded.class == CONVEX_OK && t->fate != FATE_ODD) {
            is_refused = note_refusals(d->sim, decoded.value);
            conflicts = count_conflicts(decoded.value);
            if (t->era != d->sim->server.era)
                note_lost(d->sim, decoded.value);
        }
        engine_answer(d->holder->engine, &decoded, t->reply.sent_bytes + t->reply.got_bytes);
        convex_answer_done(&decoded);
    }
    sim_note(d->sim, "device %d: answer to #%llu, %s %d", d->index, (unsigned long long)t->id,
             t->reply.complete ? "whole" : "none", t->reply.http_status);
    if (device_died(d, "engine")) {
        d->conflicts_unsure += conflicts;
        return;
    }
    /* Who can not write what it was told sends the op again, whose answer then tells of no conflict. */
    if (vfs_is_filling(d->sim->vfs, d->index) || db_is_outdated(d->holder->sync_db))
        d->conflicts_unsure += conflicts;
    else
        d->conflicts_told += conflicts;
    if (is_refused)
        user_sets_clock_back(d);
    if (d->sim->broken == BROKEN_PULL_OVERWRITES && t->is_page && t->reply.complete)
        device_tamper(d, "UPDATE tasks SET text = 'overwritten' WHERE sync_status = 'pending'");
    if (d->sim->broken == BROKEN_NETWORK_COUNTS && t->is_push && !t->reply.complete)
        device_tamper(d, "UPDATE sync_queue SET retry_count = retry_count + 1");
    if (!t->is_push || check_device(d))
        device_pump(d);
}

void net_answer(struct sim *sim, uint64_t id)
{
    struct transfer *t = find(sim->net, id);
    struct device *d = &sim->devices[t->device];

    t->is_answered = true;
    decide(sim, DECIDE_ANSWER, t->device);
    if (d->holder != NULL && d->life == t->life && d->transfer == id)
        deliver(d, t);
    drop_if_over(sim->net, t);
}
