/* The pages at hand: one is applied in slices, another may have arrived meanwhile. And the
 * end of walks. */
#include "sync/engine.h"

#include <stdlib.h>
#include <cjson/cJSON.h>
#include "base/log.h"
#include "sync/engine_priv.h"

#define PAUSE_MS 3 /* after a bulk commit, so that a save gets the write lock */

static void page_done(struct pull_page *page)
{
    cJSON_Delete(page->value);
    *page = (struct pull_page){ 0 };
}

void engine_pull_done(struct engine_pull *pull)
{
    db_apply_free(pull->apply);
    page_done(&pull->page);
    page_done(&pull->held);
    db_pull_tables_done(&pull->tables);
    cJSON_Delete(pull->cursors);
    free(pull->epoch);
    free(pull->marks);
    *pull = (struct engine_pull){ 0 };
}

void engine_pull_drop(struct engine *e)
{
    struct engine_pull *pull = &e->pull;

    engine_pull_stop(e);
    db_apply_free(pull->apply);
    pull->apply = NULL;
    page_done(&pull->page);
    page_done(&pull->held);
    pull->is_stale = true;
}

static void note_applied(struct engine *e)
{
    struct engine_pull *pull = &e->pull;
    int64_t changed = db_apply_changed(pull->apply);

    if (!pull->table || pull->tables.items[pull->table->index].is_complete)
        e->round.pulled += changed - pull->changed;
    pull->changed = changed;
}

static void page_is_in(struct engine *e)
{
    struct engine_pull *pull = &e->pull;
    bool has_more = pull->page.has_more;

    e->status.done += (int64_t)pull->page.items;
    db_apply_free(pull->apply);
    pull->apply = NULL;
    page_done(&pull->page);
    if (!has_more)
        pull->is_looping = false;
    engine_pull_reload(e);
}

static void apply_slice(struct engine *e)
{
    bool is_done = false;
    struct err err = { 0 };

    if (db_apply_slice(e->pull.apply, &is_done, &err)) {
        engine_store_failed(e, &err);
        return;
    }
    note_applied(e);
    if (is_done)
        page_is_in(e);
}

/* Seeing begins with the first slice of a walk's first page. What is pushed from now on is not in that page: its answer
 * must not come before that slice, or the end of the walk would take the record for one that is gone. */
static bool must_begin_walk(const struct engine_pull *pull)
{
    return pull->apply && pull->table && !pull->tables.items[pull->table->index].walk_cursor;
}

void engine_page_open(struct engine *e, struct pull_page *page)
{
    struct engine_pull *pull = &e->pull;
    struct err err = { 0 };
    enum rc rc;

    pull->page = *page;
    *page = (struct pull_page){ 0 };
    if (pull->table)
        rc = db_apply_walk(e->db, pull->table, pull->page.value, &pull->apply, &err);
    else
        rc = db_apply_changes(e->db, pull->page.value, &pull->apply, &err);
    pull->changed = 0;
    if (rc == RC_PROTOCOL) {
        engine_pull_drop(e);
        engine_malformed(e, "a page");
    } else if (rc) {
        engine_store_failed(e, &err);
    } else if (pull->is_looping) {
        pull->ask_next = pull->page.has_more;
    }
    if (must_begin_walk(pull))
        apply_slice(e);
}

static const struct db_pull_table *walked_table(const struct engine *e)
{
    for (size_t i = 0; i < e->pull.tables.count; i++)
        if (e->pull.tables.items[i].is_walked)
            return &e->pull.tables.items[i];
    return NULL;
}

static void finish_slice(struct engine *e, const struct db_pull_table *t)
{
    bool is_done = false;
    struct err err = { 0 };

    if (db_walk_finish(e->db, t->table, &is_done, &err)) {
        engine_store_failed(e, &err);
        return;
    }
    if (!is_done)
        return;
    log_info("sync", "table %s is complete (%lld records received)", t->table->name,
             (long long)t->received);
    e->push.is_maybe_due = true; /* a new epoch puts back into the queue what was lost there */
    e->counts_stale = true;
    engine_pull_reload(e);
}

bool engine_pull_work(struct engine *e, int *pause_ms)
{
    struct engine_pull *pull = &e->pull;
    const struct db_pull_table *walked;

    if (e->block == BLOCK_STORE || engine_now(e) < pull->work_at)
        return false;
    if (!pull->page.value && pull->held.value) {
        engine_page_open(e, &pull->held); /* and ask for the next one before it is applied */
        return true;
    }
    walked = walked_table(e);
    if (!pull->apply && !walked)
        return false;
    *pause_ms = e->status.is_usable ? PAUSE_MS : 0;
    if (pull->apply)
        apply_slice(e);
    else
        finish_slice(e, walked);
    return true;
}
