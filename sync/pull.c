/* What others have changed comes down: one loop of getChangesSince for the tables that are
 * complete, walks for the others. The next page is asked for before the one at hand is
 * applied. */
#include "sync/engine.h"

#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "sync/engine_priv.h"

#define FIRST_LIMIT 100 /* until the link has shown what it can carry */
#define LEAST_LIMIT 10  /* for a slow link; a page that is too large may go below */
#define RESTARTS_MAX 3  /* of walks in one round, besides one for each table */

/* ---- what there is to do ---- */

bool engine_pull_reload(struct engine *e)
{
    struct engine_pull *pull = &e->pull;
    struct db_pull_tables tables = { 0 };
    struct err err = { 0 };
    bool all = true, any = false;

    if (db_pull_read(e->db, &tables, &err)) {
        engine_store_failed(e, &err);
        return false;
    }
    db_pull_tables_done(&pull->tables);
    pull->tables = tables;
    pull->is_stale = false;
    for (size_t i = 0; i < tables.count; i++) {
        all = all && tables.items[i].is_complete;
        any = any || tables.items[i].is_complete;
    }
    e->status.is_complete = all;
    pull->has_complete = any;
    e->status.is_usable = all || (any && e->is_let_in);
    engine_touch(e);
    return true;
}

static struct pull_mark *mark_of(struct engine *e, const struct table *table)
{
    return &e->pull.marks[table->index];
}

/* The backend does not know it, as far as we know. */
static bool is_unknown(struct engine *e, const struct table *table)
{
    return mark_of(e, table)->unknown_until > engine_now(e);
}

static bool wants_changes(struct engine *e, const struct db_pull_table *t)
{
    return t->is_complete && !t->is_walking && !t->is_walked && t->cursor &&
           !is_unknown(e, t->table);
}

static bool wants_walk(struct engine *e, const struct db_pull_table *t)
{
    bool is_due = t->is_walking || !t->is_complete || !t->cursor;

    return is_due && !t->is_walked && !is_unknown(e, t->table) &&
           mark_of(e, t->table)->failed_round != e->round_number;
}

/* ---- loops ---- */

static void cursor_put(struct cJSON *cursors, const char *table, const char *cursor)
{
    cJSON_DeleteItemFromObjectCaseSensitive(cursors, table);
    if (cursor)
        cJSON_AddStringToObject(cursors, table, cursor);
    else
        cJSON_AddNullToObject(cursors, table);
}

static void loop_begin(struct engine *e, const struct table *table)
{
    struct engine_pull *pull = &e->pull;

    cJSON_Delete(pull->cursors);
    pull->cursors = cJSON_CreateObject();
    free(pull->epoch);
    pull->epoch = NULL;
    pull->table = table;
    pull->is_looping = true;
    pull->ask_next = true;
    if (pull->limit == 0)
        pull->limit = FIRST_LIMIT;
}

static bool begin_changes(struct engine *e)
{
    struct engine_pull *pull = &e->pull;
    bool any = false;

    for (size_t i = 0; i < pull->tables.count; i++)
        any = any || wants_changes(e, &pull->tables.items[i]);
    e->round.changes_done = true;
    if (!any)
        return false;
    loop_begin(e, NULL);
    for (size_t i = 0; i < pull->tables.count; i++) {
        const struct db_pull_table *t = &pull->tables.items[i];
        if (wants_changes(e, t))
            cursor_put(pull->cursors, t->table->name, t->cursor);
    }
    return true;
}

/* Tables that have never been complete go first: somebody waits for them. */
static const struct db_pull_table *next_walk(struct engine *e)
{
    const struct db_pull_table *found = NULL;

    for (size_t i = 0; i < e->pull.tables.count; i++) {
        const struct db_pull_table *t = &e->pull.tables.items[i];
        if (wants_walk(e, t) && (!found || (found->is_complete && !t->is_complete)))
            found = t;
    }
    return found;
}

static bool begin_walk(struct engine *e)
{
    const struct db_pull_table *t = next_walk(e);
    struct err err = { 0 };

    if (!t)
        return false;
    if (!t->is_walking) {
        const struct table *table = t->table;
        if (db_walk_begin(e->db, table, NULL, &err)) {
            engine_store_failed(e, &err);
            return false;
        }
        if (!engine_pull_reload(e))
            return false;
        t = &e->pull.tables.items[table->index];
    }
    loop_begin(e, t->table);
    cursor_put(e->pull.cursors, t->table->name, t->walk_cursor);
    if (t->walk_epoch)
        e->pull.epoch = mem_strdup(t->walk_epoch);
    if (!e->status.is_complete && e->status.started == 0)
        e->status.started = clock_wall(e->clock);
    return true;
}

static bool begin_loop(struct engine *e)
{
    struct engine_pull *pull = &e->pull;

    if (pull->page.value || pull->held.value)
        return false; /* the db's cursors are not up to date yet */
    if (pull->is_stale && !engine_pull_reload(e))
        return false;
    return (!e->round.changes_done && begin_changes(e)) || begin_walk(e);
}

/* ---- requests ---- */

static void note_phase(struct engine *e)
{
    const struct table *table = e->pull.table;
    enum sync_phase phase =
        table && !e->pull.tables.items[table->index].is_complete ? SYNC_INITIAL : SYNC_PULLING;

    if (e->status.phase != phase && phase == SYNC_PULLING) {
        e->status.done = 0;
        e->status.total = 0;
    }
    e->status.phase = phase;
    engine_touch(e);
}

bool engine_pull_ask(struct engine *e, struct engine_action *out)
{
    struct engine_pull *pull = &e->pull;
    const struct table *table;

    if (!pull->is_looping && !begin_loop(e))
        return false;
    if (!pull->ask_next || pull->held.value)
        return false;
    table = pull->table;
    buf_clear(&e->args);
    buf_printf(&e->args, "{\"protocol\":1,\"limit\":%d,", pull->limit);
    if (table) {
        buf_puts(&e->args, "\"table\":");
        json_put_string(&e->args, table->name, strlen(table->name));
        buf_puts(&e->args, ",\"cursor\":");
        json_put(&e->args, json_get(pull->cursors, table->name));
    } else {
        buf_printf(&e->args, "\"runId\":\"%s\",\"cursors\":", e->run_id);
        json_put(&e->args, pull->cursors);
    }
    buf_putc(&e->args, '}');
    pull->ask_next = false;
    note_phase(e);
    engine_post(e, table ? ASK_WALK : ASK_CHANGES, CONVEX_QUERY,
                table ? "sync:getAllForUser" : "sync:getChangesSince", out);
    return true;
}

void engine_pull_shrink(struct engine *e)
{
    int least = e->pull.limit > LEAST_LIMIT ? LEAST_LIMIT : 1;

    e->pull.limit = e->pull.limit / 2 > least ? e->pull.limit / 2 : least;
}

static void fit_to_link(struct engine *e)
{
    int64_t took_ms = engine_now(e) - e->asked_at;
    struct engine_pull *pull = &e->pull;

    if (took_ms > ANSWER_SLOW_MS && pull->limit > LEAST_LIMIT)
        engine_pull_shrink(e);
    else if (took_ms <= ANSWER_SLOW_MS / 2)
        pull->limit = pull->limit * 2 < PULL_LIMIT_MAX ? pull->limit * 2 : PULL_LIMIT_MAX;
}

/* ---- pages ---- */

void engine_pull_stop(struct engine *e)
{
    if (e->pull.is_looping && !e->pull.table)
        e->round.changes_done = false;
    e->pull.is_looping = false;
    e->pull.ask_next = false;
}

/* Only one cursor of the answer, or several: true when all that we asked for are there, as
 * strings. */
static bool take_cursor(struct engine *e, const char *table, const char *cursor, bool *moved)
{
    const char *old = json_get_string(e->pull.cursors, table);

    if (!cursor)
        return false;
    if (!old || strcmp(old, cursor) != 0) {
        *moved = true;
        cursor_put(e->pull.cursors, table, cursor);
    }
    return true;
}

static bool take_cursors(struct engine *e, const struct cJSON *value, bool *moved)
{
    const struct cJSON *item, *next, *cursors = json_get(value, "cursors");

    if (e->pull.table)
        return take_cursor(e, e->pull.table->name, json_get_string(value, "cursor"), moved);
    for (item = e->pull.cursors->child; item; item = next) {
        const char *cursor = json_get_string(cursors, item->string);
        char *name = mem_strdup(item->string);
        bool is_right;

        next = item->next;
        is_right = take_cursor(e, name, cursor, moved);
        free(name);
        if (!is_right)
            return false;
    }
    return true;
}

static void mark_unknown(struct engine *e, const char *name)
{
    const struct table *table = registry_find(db_registry(e->db), name);

    if (!table)
        return;
    mark_of(e, table)->unknown_until = engine_now(e) + DAY_MS;
    log_warn("sync", "the backend does not know the table %s", table->name);
}

static void take_unknown(struct engine *e, const struct cJSON *value)
{
    const struct cJSON *item;

    cJSON_ArrayForEach(item, json_get(value, "unknown"))
    {
        if (!cJSON_IsString(item))
            continue;
        mark_unknown(e, item->valuestring);
        cJSON_DeleteItemFromObjectCaseSensitive(e->pull.cursors, item->valuestring);
    }
}

/* Of another epoch than the walk's first page: from the start. */
static bool walk_goes_on(struct engine *e, const char *epoch)
{
    struct engine_pull *pull = &e->pull;

    if (!pull->table)
        return true;
    if (!pull->epoch)
        pull->epoch = mem_strdup(epoch);
    return strcmp(pull->epoch, epoch) == 0;
}

/* Restarted walks and re-asked pages must come to an end. */
static bool may_restart(struct engine *e)
{
    int most = RESTARTS_MAX + (int)e->pull.tables.count;

    if (e->pull.restarts++ < most)
        return true;
    engine_malformed(e, "walks that do not end");
    return false;
}

void engine_pull_answer(struct engine *e, struct cJSON **value)
{
    struct engine_pull *pull = &e->pull;
    const char *epoch = json_get_string(*value, "epoch");
    const struct cJSON *items = json_get(*value, pull->table ? "docs" : "changes");
    struct pull_page page = { 0 };
    bool moved = false;

    if (!pull->is_looping)
        return; /* dropped while it was under way */
    if (!epoch || !cJSON_IsArray(items) || !json_get_bool(*value, "more", &page.has_more)) {
        engine_malformed(e, "a page");
        return;
    }
    if (!engine_check_epoch(e, epoch) || !walk_goes_on(e, epoch)) {
        if (e->round.is_active)
            may_restart(e);
        return;
    }
    fit_to_link(e);
    take_unknown(e, *value);
    page.items = (size_t)cJSON_GetArraySize(items);
    if (!take_cursors(e, *value, &moved) || (page.has_more && !moved)) {
        engine_malformed(e, "cursors");
        return;
    }
    if (page.items == 0 && !moved && !pull->table) {
        engine_pull_stop(e); /* nothing new: nothing to write */
        e->round.changes_done = true;
        return;
    }
    page.value = *value;
    *value = NULL;
    if (pull->page.value)
        pull->held = page;
    else
        engine_page_open(e, &page);
}

/* ---- answers that are none ---- */

void engine_pull_rewalk(struct engine *e, const char *name)
{
    const struct table *table =
        e->pull.table ? e->pull.table : registry_find(db_registry(e->db), name);
    struct err err = { 0 };

    engine_pull_stop(e);
    if (!table) {
        engine_malformed(e, "cursor_unknown without a table");
        return;
    }
    if (!may_restart(e))
        return;
    log_warn("sync", "table %s: the backend does not know our cursor, walking again", table->name);
    engine_pull_drop(e);
    if (db_walk_begin(e->db, table, NULL, &err))
        engine_store_failed(e, &err);
    else
        engine_pull_reload(e);
}

void engine_pull_unknown(struct engine *e, const char *name)
{
    engine_pull_stop(e);
    if (e->pull.table)
        name = e->pull.table->name;
    if (!registry_find(db_registry(e->db), name)) {
        engine_malformed(e, "unknown_table without a table");
        return;
    }
    mark_unknown(e, name);
}

void engine_pull_skip(struct engine *e)
{
    engine_pull_stop(e);
    mark_of(e, e->pull.table)->failed_round = e->round_number;
}
