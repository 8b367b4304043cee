/* src/backend/pull.c: pages of stored docs in commit order, for devices and the office: sync:head,
 * sync:getAllForUser, sync:getChangesSince, TABLE:list. Docs go from the file into the answer as
 * they are.
 *
 * Source   CONTRACT section 2 (cursors, limit), section 4 (Cursor soundness, Walk); TRAPS T1, T22.
 */
#include "src/backend/call.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include "base/json.h"

#define SCAN_MOST 2000 /* rows looked at for one page, whatever it leaves out */
#define CURSOR_SIZE 112
#define OWNER_SIZE 17

/* "REV.CLIENTID.START.OWNER": the last row that was passed; where the reading began, until it has
 * come that far (then 0): tombstones that were forgotten before it began are none of its business;
 * whose it is. */
struct cursor {
    int64_t rev, start;
    char client_id[ID_SIZE]; /* empty: before all rows of rev */
};

enum scan_kind { SCAN_CHANGES, SCAN_WALK, SCAN_LIVE, SCAN_DELETED };

struct scan {
    struct call *call;
    const char *table;
    enum scan_kind kind;
    const char *run_id; /* SCAN_CHANGES: whose own writes are left out */
    struct cursor at;   /* moves */
    int64_t *left;      /* docs that the page still takes */
    int64_t *taken;
    bool has_more;
};

static void cursor_owner(int64_t user, const char *table, char out[OWNER_SIZE])
{
    unsigned char hash[crypto_generichash_BYTES_MIN];
    struct buf text = { 0 };

    buf_printf(&text, "%lld\n%s", (long long)user, table);
    crypto_generichash(hash, sizeof hash, (const unsigned char *)buf_str(&text), text.len, NULL, 0);
    sodium_bin2hex(out, OWNER_SIZE, hash, 8);
    buf_done(&text);
}

static void cursor_put(const struct call *call, const char *table, const struct cursor *c,
                       char out[CURSOR_SIZE])
{
    char owner[OWNER_SIZE];

    cursor_owner(call->user, table, owner);
    snprintf(out, CURSOR_SIZE, "%llx.%s.%llx.%s", (unsigned long long)c->rev, c->client_id,
             (unsigned long long)c->start, owner);
}

/* Strict: only what cursor_put writes is read back. */
static bool cursor_parse(const struct call *call, const char *table, const char *text,
                         struct cursor *out)
{
    unsigned long long rev, start;
    char again[CURSOR_SIZE], *end;

    memset(out, 0, sizeof *out);
    rev = strtoull(text, &end, 16);
    if (*end != '.')
        return false;
    const char *id = end + 1, *dot = strchr(id, '.');
    if (dot == NULL || (dot != id && dot - id != ID_LEN))
        return false;
    memcpy(out->client_id, id, (size_t)(dot - id));
    start = strtoull(dot + 1, &end, 16);
    if (*end != '.' || rev > INT64_MAX || start > INT64_MAX ||
        (out->client_id[0] != '\0' && !id_is_valid(out->client_id)))
        return false;
    out->rev = (int64_t)rev;
    out->start = (int64_t)start;
    cursor_put(call, table, out, again);
    return strcmp(text, again) == 0;
}

static enum rc read_floor(const struct call *call, const char *table, int64_t *live, int64_t *floor,
                          struct err *err)
{
    sqlite3_stmt *st = sql_get(
        call->b->sql, "SELECT live,floor FROM counts WHERE user_n=?1 AND table_name=?2", err);

    *live = *floor = 0;
    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, call->user);
    sql_bind_text(st, 2, table);
    enum rc rc = sql_step(call->b->sql, st, err);
    if (rc == RC_OK) {
        *live = sql_i64(st, 0);
        *floor = sql_i64(st, 1);
    }
    sqlite3_reset(st);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Throws cursor_unknown, naming the table. `text` NULL: from the start. */
static enum rc cursor_open(struct call *call, const char *table, const char *text,
                           struct cursor *out, struct err *err)
{
    int64_t live, floor;
    enum rc rc;

    memset(out, 0, sizeof *out);
    if (text == NULL) {
        out->start = call->b->last_rev;
        return RC_OK;
    }
    rc = read_floor(call, table, &live, &floor, err);
    if (rc)
        return rc;
    bool is_known = cursor_parse(call, table, text, out) && out->rev <= call->b->last_rev &&
                    out->start <= call->b->last_rev &&
                    floor <= (out->start > out->rev ? out->start : out->rev);
    if (is_known)
        return RC_OK;
    call->table_name = table;
    return backend_throw(err, "cursor_unknown", NULL,
                         "The backend does not know this cursor: read the table again.");
}

static bool leaves_out(const struct scan *s, sqlite3_stmt *row)
{
    bool is_deleted = sqlite3_column_type(row, 3) != SQLITE_NULL;

    switch (s->kind) {
    case SCAN_CHANGES: {
        const char *run_id = sql_text(row, 2);
        return run_id != NULL && strcmp(run_id, s->run_id) == 0;
    }
    case SCAN_WALK:
        return is_deleted && sql_i64(row, 0) <= s->at.start;
    case SCAN_LIVE:
        return is_deleted;
    case SCAN_DELETED:
        return !is_deleted;
    }
    return false;
}

static void take_row(struct scan *s, sqlite3_stmt *row)
{
    struct buf *out = &s->call->value;

    if (*s->taken > 0)
        buf_putc(out, ',');
    if (s->kind == SCAN_CHANGES)
        buf_printf(out, "{\"table\":\"%s\",\"doc\":", s->table);
    backend_doc_put(out, sql_text(row, 4), (size_t)sqlite3_column_bytes(row, 4),
                    s->call->is_encoded);
    if (s->kind == SCAN_CHANGES)
        buf_putc(out, '}');
    ++*s->taken;
    --*s->left;
}

/* Reads on from s->at until the page is full or nothing is left. */
static enum rc scan(struct scan *s, struct err *err)
{
    struct sql *sql = s->call->b->sql;
    sqlite3_stmt *row = sql_get(sql,
                                "SELECT rev,client_id,run_id,deleted_at,doc FROM records"
                                " WHERE user_n=?1 AND table_name=?2 AND (rev,client_id)>(?3,?4)"
                                " ORDER BY rev,client_id",
                                err);
    struct cursor from = s->at;
    int scanned = 0;
    enum rc rc;

    if (row == NULL)
        return err->rc;
    sql_bind_i64(row, 1, s->call->user);
    sql_bind_text(row, 2, s->table);
    sql_bind_i64(row, 3, from.rev);
    sql_bind_text(row, 4, from.client_id);
    while ((rc = sql_step(sql, row, err)) == RC_OK) {
        bool is_taken = !leaves_out(s, row);
        size_t size = (size_t)sqlite3_column_bytes(row, 4) + 128;

        if (scanned == SCAN_MOST || *s->left == 0 ||
            (is_taken && *s->taken > 0 && s->call->value.len + size > PAGE_BYTES)) {
            s->has_more = true;
            break;
        }
        scanned++;
        if (is_taken)
            take_row(s, row);
        s->at.rev = sql_i64(row, 0);
        snprintf(s->at.client_id, sizeof s->at.client_id, "%s", sql_text(row, 1));
        if (s->at.start <= s->at.rev)
            s->at.start = 0; /* all that was there at the start is passed */
    }
    sqlite3_reset(row);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static void put_cursor(struct call *call, const char *table, const struct cursor *c)
{
    char text[CURSOR_SIZE];

    cursor_put(call, table, c, text);
    buf_printf(&call->value, "\"%s\"", text);
}

static enum rc put_head(struct call *call, struct err *err)
{
    struct sql *sql = call->b->sql;
    sqlite3_stmt *st = sql_get(sql, "SELECT head FROM users WHERE n=?1", err);

    if (st == NULL)
        return err->rc;
    sql_bind_i64(st, 1, call->user);
    enum rc rc = sql_step(sql, st, err);
    if (!rc)
        buf_printf(&call->value, ",\"head\":\"%lld\"}", (long long)sql_i64(st, 0));
    sqlite3_reset(st);
    return rc == RC_NOT_FOUND ? err_set(err, RC_INTERNAL, "The account is gone.") : rc;
}

enum rc backend_sync_head(struct call *call, struct err *err)
{
    enum rc rc = backend_store_snapshot(call->b, err);

    if (rc)
        return rc;
    buf_putc(&call->value, '{');
    rc = backend_call_epoch(call, err);
    if (!rc)
        rc = put_head(call, err);
    backend_store_end(call->b);
    return rc;
}

static const char *cursor_arg(const struct call *call)
{
    return json_get_string(call->args, "cursor"); /* NULL for null and for absent */
}

static enum rc walk_page(struct call *call, const struct table *table, int64_t limit,
                         struct err *err)
{
    int64_t taken = 0, live, floor;
    struct scan s = {
        .call = call, .table = table->name, .kind = SCAN_WALK, .left = &limit, .taken = &taken
    };
    enum rc rc = cursor_open(call, table->name, cursor_arg(call), &s.at, err);

    if (rc)
        return rc;
    bool is_first = cursor_arg(call) == NULL;
    buf_putc(&call->value, '{');
    rc = backend_call_epoch(call, err);
    buf_puts(&call->value, ",\"docs\":[");
    if (!rc)
        rc = scan(&s, err);
    buf_puts(&call->value, "],\"cursor\":");
    put_cursor(call, table->name, &s.at);
    buf_printf(&call->value, ",\"more\":%s", s.has_more ? "true" : "false");
    if (!rc && is_first) {
        rc = read_floor(call, table->name, &live, &floor, err);
        buf_printf(&call->value, ",\"total\":%lld.0", (long long)live);
    }
    buf_putc(&call->value, '}');
    return rc;
}

enum rc backend_sync_walk(struct call *call, struct err *err)
{
    const struct table *table = NULL;
    int64_t limit = 0;
    enum rc rc = backend_call_table(call, &table, err);

    if (!rc)
        rc = backend_call_limit(call, PAGE_MOST, &limit, err);
    if (!rc)
        rc = backend_store_snapshot(call->b, err);
    if (!rc)
        rc = walk_page(call, table, limit, err);
    backend_store_end(call->b);
    return rc;
}

struct changes { /* a page over several tables */
    struct call *call;
    const char *run_id;
    int64_t left, taken;
    bool has_more;
    struct buf cursors, unknown;
};

static enum rc change_table(struct changes *page, const cJSON *asked, struct err *err)
{
    struct call *call = page->call;
    const struct table *table = registry_find(call->b->registry, asked->string);
    struct scan s = { .call = call,
                      .kind = SCAN_CHANGES,
                      .run_id = page->run_id,
                      .left = &page->left,
                      .taken = &page->taken };
    char text[CURSOR_SIZE];
    enum rc rc;

    if (table == NULL) {
        buf_puts(&page->unknown, page->unknown.len > 0 ? "," : "");
        backend_text_put(&page->unknown, asked->string);
        return RC_OK;
    }
    s.table = table->name;
    rc = cursor_open(call, table->name, cJSON_IsString(asked) ? asked->valuestring : NULL, &s.at,
                     err);
    if (!rc)
        rc = scan(&s, err);
    if (rc)
        return rc;
    page->has_more = page->has_more || s.has_more;
    cursor_put(call, table->name, &s.at, text);
    buf_printf(&page->cursors, "%s\"%s\":\"%s\"", page->cursors.len > 0 ? "," : "", table->name,
               text);
    return RC_OK;
}

enum rc backend_sync_changes(struct call *call, struct err *err)
{
    struct changes page = { .call = call };
    const cJSON *asked = NULL;
    enum rc rc = backend_call_word(call, "runId", &page.run_id, err);

    if (!rc)
        rc = backend_call_limit(call, PAGE_MOST, &page.left, err);
    if (!rc)
        rc = backend_store_snapshot(call->b, err);
    if (rc)
        return rc;
    buf_putc(&call->value, '{');
    rc = backend_call_epoch(call, err);
    buf_puts(&call->value, ",\"changes\":[");
    cJSON_ArrayForEach(asked, json_get(call->args, "cursors"))
    {
        if (!rc)
            rc = change_table(&page, asked, err);
    }
    buf_printf(&call->value, "],\"cursors\":{%s},\"more\":%s", buf_str(&page.cursors),
               page.has_more ? "true" : "false");
    if (page.unknown.len > 0)
        buf_printf(&call->value, ",\"unknown\":[%s]", buf_str(&page.unknown));
    buf_putc(&call->value, '}');
    buf_done(&page.cursors);
    buf_done(&page.unknown);
    backend_store_end(call->b);
    return rc;
}

enum rc backend_office_list(struct call *call, struct err *err)
{
    const struct table *table = NULL;
    int64_t limit = 0, taken = 0;
    bool is_deleted = false;
    struct scan s = { .call = call, .left = &limit, .taken = &taken };
    enum rc rc = backend_call_table(call, &table, err);

    json_get_bool(call->args, "deleted", &is_deleted);
    s.kind = is_deleted ? SCAN_DELETED : SCAN_LIVE;
    if (!rc)
        rc = backend_call_limit(call, 100, &limit, err);
    if (!rc)
        rc = backend_store_snapshot(call->b, err);
    if (rc)
        return rc;
    s.table = table->name;
    rc = cursor_open(call, table->name, cursor_arg(call), &s.at, err);
    buf_puts(&call->value, "{\"docs\":[");
    if (!rc)
        rc = scan(&s, err);
    buf_puts(&call->value, "],\"cursor\":");
    put_cursor(call, table->name, &s.at);
    buf_printf(&call->value, ",\"more\":%s}", s.has_more ? "true" : "false");
    backend_store_end(call->b);
    return rc;
}
