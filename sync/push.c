/* The queue goes up: batches that fit the link, one transaction per answer, and a search by
 * halves for the op that spoils a batch which the backend refuses as a whole. */
#include "sync/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/engine_priv.h"

#define FIRST_OPS 100u /* until the link has shown what it can carry */
#define FIRST_BYTES (128u << 10)
#define LEAST_BYTES (2u << 10)
#define RECHECK_MS 1000 /* the queue says that something is due, and gives nothing */

void engine_push_init(struct engine_push *push)
{
    push->max_ops = FIRST_OPS;
    push->max_bytes = FIRST_BYTES;
    push->bytes_cap = PUSH_BYTES_MAX;
    push->due_at = NEVER;
}

void engine_push_done(struct engine_push *push)
{
    db_ops_done(&push->batch);
}

/* ---- the size of a batch ---- */

static void shrink(struct engine_push *push)
{
    size_t sent = push->batch.count;

    push->max_ops = sent / 2 > 0 ? sent / 2 : 1;
    push->max_bytes = push->max_bytes / 2 > LEAST_BYTES ? push->max_bytes / 2 : LEAST_BYTES;
}

static void fit_to_link(struct engine_push *push, int64_t took_ms)
{
    if (took_ms > ANSWER_SLOW_MS) {
        shrink(push);
        return;
    }
    if (took_ms > ANSWER_SLOW_MS / 2)
        return;
    push->max_ops = push->max_ops * 2 < PUSH_OPS_MAX ? push->max_ops * 2 : PUSH_OPS_MAX;
    push->max_bytes = push->max_bytes * 2 < push->bytes_cap ? push->max_bytes * 2 : push->bytes_cap;
}

/* The op that spoils batches is among the first `suspects` of the queue; half of them at a time. */
static size_t ops_to_take(const struct engine_push *push)
{
    size_t half = (push->suspects + 1) / 2;

    if (push->trial == TRIAL_SEND)
        return 1;
    return push->suspects > 0 && half < push->max_ops ? half : push->max_ops;
}

/* ---- sending ---- */

static void note_due(struct engine *e)
{
    int64_t due_ms = NEVER, wall = clock_wall(e->clock);
    struct err err = { 0 };

    e->push.is_maybe_due = false;
    if (db_push_due(e->db, &due_ms, &err)) {
        engine_store_failed(e, &err);
        return;
    }
    e->push.due_at = due_ms == NEVER ? NEVER : engine_now(e) + (due_ms > wall ? due_ms - wall : 0);
}

bool engine_push_is_due(struct engine *e)
{
    if (e->push.is_maybe_due)
        note_due(e);
    return engine_now(e) >= e->push.due_at;
}

static void put_string_member(struct buf *out, const char *name, const char *value)
{
    json_put_string(out, name, strlen(name));
    buf_putc(out, ':');
    json_put_string(out, value, strlen(value));
    buf_putc(out, ',');
}

static void encode_batch(struct engine *e)
{
    const struct db_ops *batch = &e->push.batch;
    bool is_lone = batch->count == 1;

    buf_clear(&e->args);
    buf_puts(&e->args, "{\"protocol\":1,");
    put_string_member(&e->args, "deviceId", e->account.device_id);
    put_string_member(&e->args, "runId", e->run_id);
    buf_puts(&e->args, is_lone ? "\"op\":" : "\"ops\":[");
    for (size_t i = 0; i < batch->count; i++) {
        if (i > 0)
            buf_putc(&e->args, ',');
        db_op_encode(&batch->items[i], &e->args);
    }
    buf_puts(&e->args, is_lone ? "}" : "]}");
}

static void note_progress(struct engine *e)
{
    struct db_queue_counts counts = { 0 };
    struct err ignored = { 0 };
    int64_t left;

    if (e->status.phase != SYNC_PUSHING) {
        e->status.phase = SYNC_PUSHING;
        e->status.done = 0;
    }
    db_queue_counts(e->db, &counts, &ignored);
    left = counts.waiting - counts.failed - counts.held;
    if (left < (int64_t)e->push.batch.count)
        left = (int64_t)e->push.batch.count;
    e->status.total = e->status.done + left;
    engine_touch(e);
}

static void ask_head(struct engine *e, struct engine_action *out)
{
    buf_clear(&e->args);
    buf_puts(&e->args, "{\"protocol\":1}");
    engine_post(e, ASK_HEAD, CONVEX_QUERY, "sync:head", out);
}

/* False: nothing is due, or the store failed. */
static bool take(struct engine *e)
{
    struct engine_push *push = &e->push;
    struct err err = { 0 };
    enum rc rc;

    e->status.sending_since = clock_wall(e->clock);
    rc = db_push_take(e->db, ops_to_take(push), push->max_bytes, &push->batch, &err);
    if (!rc)
        return true;
    e->status.sending_since = 0;
    if (rc == RC_NOT_FOUND) {
        push->suspects = 0;
        push->trial = TRIAL_NONE;
        note_due(e);
        if (push->due_at <= engine_now(e))
            push->due_at = engine_now(e) + RECHECK_MS;
    } else {
        engine_store_failed(e, &err);
    }
    return false;
}

bool engine_push_ask(struct engine *e, struct engine_action *out)
{
    struct engine_push *push = &e->push;
    const char *path;

    if (e->round.push_stopped)
        return false;
    if (push->trial == TRIAL_BEFORE || push->trial == TRIAL_AFTER) {
        ask_head(e, out);
        return true;
    }
    if (!push->is_maybe_due && engine_now(e) < push->due_at)
        return false;
    db_ops_done(&push->batch);
    if (!take(e))
        return false;
    if (push->trial == TRIAL_SEND && strcmp(push->trial_op, push->batch.items[0].op_id) != 0)
        push->trial = TRIAL_NONE; /* edited meanwhile, or an older one became due */
    encode_batch(e);
    note_progress(e);
    path = push->batch.count == 1 ? "sync:upsert" : "sync:bulkUpsert";
    engine_post(e, ASK_PUSH, CONVEX_MUTATION, path, out);
    return true;
}

void engine_push_forget(struct engine *e, bool lost)
{
    struct engine_push *push = &e->push;

    if (lost && push->batch.count > 0) {
        if (engine_now(e) - e->asked_at > ANSWER_SLOW_MS)
            shrink(push);
        engine_new_run(e);
    }
    db_ops_done(&push->batch);
    push->trial = TRIAL_NONE;
    push->is_maybe_due = true;
    e->status.sending_since = 0;
}

/* ---- answers ---- */

/* One result of the answer against the op that it should be about. */
static bool read_result(const struct db_op *op, const struct cJSON *json,
                        struct db_push_result *out)
{
    const char *id = json_get_string(json, "opId"), *status = json_get_string(json, "status");
    const cJSON *error = json_get(json, "error");

    *out = (struct db_push_result){ .op = op };
    if (!id || strcmp(id, op->op_id) != 0 || !status)
        return false;
    if (strcmp(status, "applied") == 0) {
        out->is_applied = true;
        out->doc = json_get(json, "doc");
        out->overwrote = json_get(json, "overwrote");
        return cJSON_IsObject(out->doc) && (!out->overwrote || cJSON_IsArray(out->overwrote));
    }
    out->code = json_get_string(error, "code");
    out->message = json_get_string(error, "message");
    out->column = json_get_string(error, "column");
    return strcmp(status, "rejected") == 0 && out->code;
}

/* On the heap; NULL when number or op ids do not match. */
static struct db_push_result *read_results(const struct db_ops *batch, const struct cJSON *value)
{
    struct db_push_result *results = mem_zero(batch->count, sizeof(*results));
    const cJSON *list = json_get(value, "results"), *item = json_get(value, "result");
    bool is_right = true;

    if (batch->count > 1) {
        is_right = cJSON_IsArray(list) && (size_t)cJSON_GetArraySize(list) == batch->count;
        item = is_right ? list->child : NULL;
    }
    for (size_t i = 0; is_right && i < batch->count; i++) {
        is_right = item && read_result(&batch->items[i], item, &results[i]);
        item = item ? item->next : NULL;
    }
    if (is_right)
        return results;
    free(results);
    return NULL;
}

/* What came back is no answer: it may have been applied or not. Reading goes on; sending is
 * tried again later. */
static void stop_malformed(struct engine *e)
{
    struct err trouble = { 0 };

    log_warn("sync", "the answer to a push of %zu ops is not as agreed", e->push.batch.count);
    e->push.suspects = e->push.batch.count;
    engine_push_forget(e, true);
    e->round.push_stopped = true;
    err_set(&trouble, RC_PROTOCOL, _("The server's answer was not understood."));
    err_code(&trouble, "malformed");
    engine_trouble(e, &trouble, 0);
}

/* The store's part; true when the answer is in. */
static bool apply(struct engine *e, const struct db_push_result *results, size_t count,
                  const char *epoch)
{
    struct db_push_counts counts = { 0 };
    struct err err = { 0 };
    enum rc rc = db_push_apply(e->db, results, count, epoch, &counts, &err);

    e->counts_stale = true;
    if (rc == RC_PROTOCOL) {
        stop_malformed(e);
        return false;
    }
    if (rc) {
        engine_store_failed(e, &err);
        return false;
    }
    log_info("sync", "pushed %zu ops: %d applied, %d rejected, %d failed, %d held, %d again", count,
             counts.applied, counts.rejected, counts.failed, counts.held, counts.again);
    e->status.done += (int64_t)count;
    e->push.is_maybe_due = true;
    return true;
}

static void batch_is_in(struct engine *e, const char *epoch)
{
    struct engine_push *push = &e->push;
    size_t count = push->batch.count;

    push->suspects = push->suspects > count ? push->suspects - count : 0;
    push->trial = TRIAL_NONE;
    db_ops_done(&push->batch);
    e->status.sending_since = 0;
    engine_check_epoch(e, epoch);
}

void engine_push_answer(struct engine *e, const struct cJSON *value)
{
    struct engine_push *push = &e->push;
    struct db_push_result *results = read_results(&push->batch, value);
    const char *epoch = json_get_string(value, "epoch");

    if (!results || !epoch) {
        free(results);
        stop_malformed(e);
        return;
    }
    fit_to_link(push, engine_now(e) - e->asked_at);
    if (apply(e, results, push->batch.count, epoch))
        batch_is_in(e, epoch);
    free(results);
}

/* ---- a batch that fails as a whole ---- */

/* What a person reads in the queue about an op that never got an answer of its own. */
static void describe_refusal(const struct convex_answer *answer, struct err *out)
{
    *out = (struct err){ 0 };
    switch (answer->class) {
    case CONVEX_REFUSED:
        err_set(out, RC_REFUSED, "%s", answer->message);
        err_code(out, answer->code);
        err_column(out, answer->column);
        break;
    case CONVEX_TOO_LARGE:
        err_set(out, RC_REFUSED, _("This change is too large for the server."));
        err_code(out, "invalid_value");
        break;
    case CONVEX_BAD_REQUEST:
        err_set(out, RC_REFUSED, _("The server could not read this change."));
        err_code(out, "invalid_value");
        break;
    default:
        err_set(out, RC_REFUSED, _("The server refused this change without saying why."));
        err_code(out, "invalid_value");
    }
}

/* These say what they mean, and are not counted: no need to find out whether the backend is
 * well. */
static bool is_hold(const char *code)
{
    return strcmp(code, "unknown_table") == 0 || strcmp(code, "unknown_column") == 0;
}

/* True when it is in the store. */
static bool reject_lone(struct engine *e, const char *epoch)
{
    struct engine_push *push = &e->push;
    struct db_push_result result = {
        .op = &push->batch.items[0],
        .code = push->trial_err.code,
        .message = push->trial_err.msg,
        .column = push->trial_err.column[0] ? push->trial_err.column : NULL,
    };

    push->suspects = 0;
    if (!apply(e, &result, 1, epoch))
        return false;
    push->trial = TRIAL_NONE;
    db_ops_done(&push->batch);
    e->status.sending_since = 0;
    return true;
}

static void split_lone(struct engine *e, const struct convex_answer *answer)
{
    struct engine_push *push = &e->push;

    describe_refusal(answer, &push->trial_err);
    snprintf(push->trial_op, sizeof(push->trial_op), "%s", push->batch.items[0].op_id);
    if (answer->class == CONVEX_REFUSED && is_hold(answer->code)) {
        /* Any table's stored epoch does: a rejection moves nothing. */
        reject_lone(e, "");
        return;
    }
    push->trial = push->trial == TRIAL_SEND ? TRIAL_AFTER : TRIAL_BEFORE;
}

void engine_push_split(struct engine *e, const struct convex_answer *answer)
{
    struct engine_push *push = &e->push;

    push->is_maybe_due = true;
    if (answer->class == CONVEX_TOO_LARGE) {
        engine_new_run(e); /* an answer that was too large may have been one of success */
        push->bytes_cap = push->max_bytes / 2 > LEAST_BYTES ? push->max_bytes / 2 : LEAST_BYTES;
        push->max_bytes = push->bytes_cap;
    }
    if (push->batch.count == 1) {
        split_lone(e, answer);
        return;
    }
    push->suspects = push->batch.count;
    db_ops_done(&push->batch);
    e->status.sending_since = 0;
    log_info("sync", "a batch of %zu ops was refused as a whole, halving", push->suspects);
}

void engine_push_head(struct engine *e, const struct cJSON *value)
{
    struct engine_push *push = &e->push;
    const char *epoch = json_get_string(value, "epoch");
    bool is_over = push->trial == TRIAL_AFTER && push->batch.count == 1;

    if (!epoch || !json_get(value, "head")) {
        engine_push_forget(e, false);
        engine_malformed(e, "head");
        return;
    }
    push->is_maybe_due = true;
    push->trial = is_over ? push->trial : TRIAL_SEND;
    if (!is_over || reject_lone(e, epoch))
        engine_check_epoch(e, epoch);
}
