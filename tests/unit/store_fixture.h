/* tests/unit/store_fixture.h: one store in a folder of its own, with a clock that stands still until it is told, and
 * short ways to say what the user, the backend's pages and its push answers do. */
#ifndef TESTS_STORE_FIXTURE_H
#define TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sqlite3.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "db/db.h"
#include "tests/unit/temp_dir.h"

struct fixture {
    char *dir;
    char *path;
    int64_t now;
    struct clock clock;
    struct registry *reg;
    const struct table *tasks;
    struct db *db;              /* DB_SYNCER: may do everything */
    struct err err;
};

static inline int64_t fixture_now(void *ctx)
{
    return *(int64_t *)ctx;
}

static inline struct db *fixture_open(struct fixture *f, enum db_role role)
{
    const struct db_options options = {
        .path = f->path, .role = role, .registry = f->reg, .clock = &f->clock,
    };
    struct db *db = NULL;

    if (db_open(&options, &db, &f->err))
        fail_msg("%s", f->err.msg);
    return db;
}

static inline int fixture_setup(void **state)
{
    struct fixture *f = mem_zero(1, sizeof *f);
    const char *const no_dirs[] = { NULL };

    void *dir = NULL;
    if (temp_dir_make(&dir) != 0)
        return -1;
    f->dir = dir;
    f->path = path_join(f->dir, "store.db");
    f->now = 1700000000000;
    f->clock = (struct clock){ fixture_now, fixture_now, &f->now };
    if (registry_load(no_dirs, 1, &f->reg, &f->err))
        fail_msg("%s", f->err.msg);
    f->tasks = registry_find(f->reg, "tasks");
    f->db = fixture_open(f, DB_SYNCER);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    db_close(f->db);
    registry_free(f->reg);
    void *dir = f->dir;
    temp_dir_remove(&dir);
    free(f->path);
    free(f);
    return 0;
}

static inline void must(struct fixture *f, enum rc rc)
{
    if (rc)
        fail_msg("%s: %s", rc_name(rc), f->err.msg);
}

/* An accident: what no code of ours writes, behind its back. */
static inline void fixture_sql(struct fixture *f, const char *text)
{
    sqlite3 *handle;
    char *message = NULL;

    assert_int_equal(sqlite3_open(f->path, &handle), SQLITE_OK);
    if (sqlite3_exec(handle, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
    sqlite3_close(handle);
}

/* The user saves: pairs of column name and typed text, ended by NULL; id NULL makes a new record. */
static inline enum rc fixture_try_save(struct fixture *f, struct db *db, const char *id, struct db_saved *saved, ...)
{
    struct value values[TABLE_COLUMNS_MAX] = { 0 };
    bool is_set[TABLE_COLUMNS_MAX] = { false };
    enum rc rc = RC_OK;
    va_list args;

    va_start(args, saved);
    for (const char *name; rc == RC_OK && (name = va_arg(args, const char *)) != NULL;) {
        const struct column *col = table_column(f->tasks, name);
        const char *text = va_arg(args, const char *);
        rc = column_from_text(col, text, strlen(text), f->now, &values[col->index], &f->err);
        is_set[col->index] = true;
    }
    va_end(args);
    const struct db_edit edit = { .table = f->tasks, .client_id = id, .values = values, .is_set = is_set };
    if (!rc)
        rc = db_save(db, &edit, saved, &f->err);
    for (size_t i = 0; i < f->tasks->column_count; i++)
        value_done(&values[i]);
    return rc;
}

#define SAVE(f, id, saved, ...) must(f, fixture_try_save(f, (f)->db, id, saved, __VA_ARGS__, NULL))

/* A page or answer as JSON with ' for ". Yours: cJSON_Delete. */
static inline cJSON *quoted(const char *text)
{
    char *copy = mem_strdup(text);
    struct err err = { 0 };
    cJSON *json = NULL;

    for (char *c = copy; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    if (json_parse(copy, strlen(copy), &json, &err))
        fail_msg("%s: %s", copy, err.msg);
    free(copy);
    return json;
}

/* A doc with all columns; `columns` (quoted JSON members) replace the empty ones. */
static inline cJSON *doc_json(const char *id, int64_t rev, const char *columns)
{
    struct buf text = { 0 };
    cJSON *over, *doc;

    buf_printf(&text, "{'clientId':'%s','serverId':'s-%.8s','rev':'%lld','deletedAt':null,'createdAt':1600000000000.0,"
                      "'updatedAt':1600000000000.0,'text':'x','isCompleted':false,'priority':null,'dueAt':null,"
                      "'notes':null}", id, id, (long long)rev);
    doc = quoted(buf_str(&text));
    buf_clear(&text);
    buf_printf(&text, "{%s}", columns);
    over = quoted(buf_str(&text));
    for (cJSON *item = over->child; item != NULL; item = item->next) {
        if (cJSON_GetObjectItemCaseSensitive(doc, item->string) != NULL)
            cJSON_ReplaceItemInObjectCaseSensitive(doc, item->string, cJSON_Duplicate(item, true));
        else
            cJSON_AddItemToObject(doc, item->string, cJSON_Duplicate(item, true));
    }
    cJSON_Delete(over);
    buf_done(&text);
    return doc;
}

/* Applies a whole page in slices; docs (taken) may be NULL. */
static inline void fixture_apply(struct fixture *f, struct db_apply *apply)
{
    for (bool done = false; !done;)
        must(f, db_apply_slice(apply, &done, &f->err));
    db_apply_free(apply);
}

static inline cJSON *walk_page(cJSON *docs, const char *epoch, const char *cursor, bool more)
{
    cJSON *page = cJSON_CreateObject();

    cJSON_AddStringToObject(page, "epoch", epoch);
    cJSON_AddItemToObject(page, "docs", docs == NULL ? cJSON_CreateArray() : docs);
    cJSON_AddStringToObject(page, "cursor", cursor);
    cJSON_AddBoolToObject(page, "more", more);
    return page;
}

static inline void fixture_walk_page(struct fixture *f, cJSON *docs, const char *epoch, const char *cursor, bool more)
{
    cJSON *page = walk_page(docs, epoch, cursor, more);
    struct db_apply *apply = NULL;

    must(f, db_apply_walk(f->db, f->tasks, page, &apply, &f->err));
    fixture_apply(f, apply);
    cJSON_Delete(page);
}

static inline void fixture_walk(struct fixture *f, cJSON *docs, const char *epoch, const char *cursor)
{
    must(f, db_walk_begin(f->db, f->tasks, NULL, &f->err));
    fixture_walk_page(f, docs, epoch, cursor, false);
    for (bool done = false; !done;)
        must(f, db_walk_finish(f->db, f->tasks, &done, &f->err));
}

static inline cJSON *array_of(cJSON *item)
{
    cJSON *array = cJSON_CreateArray();

    if (item != NULL)
        cJSON_AddItemToArray(array, item);
    return array;
}

/* One change of the office arrives; doc is taken. */
static inline void fixture_change(struct fixture *f, cJSON *doc, const char *epoch, const char *cursor)
{
    cJSON *page = cJSON_CreateObject(), *change = cJSON_CreateObject(), *cursors = cJSON_CreateObject();
    struct db_apply *apply = NULL;

    cJSON_AddStringToObject(change, "table", "tasks");
    cJSON_AddItemToObject(change, "doc", doc);
    cJSON_AddStringToObject(cursors, "tasks", cursor);
    cJSON_AddStringToObject(page, "epoch", epoch);
    cJSON_AddItemToObject(page, "changes", array_of(change));
    cJSON_AddItemToObject(page, "cursors", cursors);
    cJSON_AddBoolToObject(page, "more", false);
    must(f, db_apply_changes(f->db, page, &apply, &f->err));
    fixture_apply(f, apply);
    cJSON_Delete(page);
}

/* Takes what is due; fails the test when the number is another. */
static inline struct db_ops fixture_take(struct fixture *f, size_t expected)
{
    struct db_ops ops = { 0 };
    enum rc rc = db_push_take(f->db, 500, 512 << 10, &ops, &f->err);

    if (rc != RC_NOT_FOUND)
        must(f, rc);
    assert_int_equal(ops.count, expected);
    return ops;
}

static inline struct db_push_counts fixture_applied(struct fixture *f, const struct db_op *op, cJSON *doc,
                                                    const char *overwrote, const char *epoch)
{
    cJSON *list = overwrote == NULL ? NULL : quoted(overwrote);
    const struct db_push_result result = { .op = op, .is_applied = true, .doc = doc, .overwrote = list };
    struct db_push_counts counts = { 0 };

    must(f, db_push_apply(f->db, &result, 1, epoch, &counts, &f->err));
    cJSON_Delete(list);
    cJSON_Delete(doc);
    return counts;
}

static inline struct db_push_counts fixture_rejected(struct fixture *f, const struct db_op *op, const char *code)
{
    const struct db_push_result result = { .op = op, .code = code, .message = "not so", .column = "text" };
    struct db_push_counts counts = { 0 };

    must(f, db_push_apply(f->db, &result, 1, "e1", &counts, &f->err));
    return counts;
}

/* The only op of the queue. Yours: db_ops_done. */
static inline struct db_ops fixture_queue(struct fixture *f, size_t expected)
{
    struct db_ops ops = { 0 };

    struct db_queue_counts counts;

    must(f, db_queue_list(f->db, &ops, &f->err));
    assert_int_equal(ops.count, expected);
    must(f, db_queue_counts(f->db, &counts, &f->err));
    assert_int_equal(counts.waiting, expected);
    return ops;
}

/* A column of a record as text; "-" for null, "gone" when there is no record. Static storage. */
static inline const char *fixture_text(struct fixture *f, const char *id, const char *column)
{
    static char out[256];
    struct record rec;
    struct buf text = { 0 };
    enum rc rc = db_record_read(f->db, f->tasks, id, &rec, &f->err);

    if (rc == RC_NOT_FOUND)
        return "gone";
    must(f, rc);
    const struct column *col = table_column(f->tasks, column);
    column_to_text(col, &rec.values[col->index], &text);
    snprintf(out, sizeof out, "%s", rec.values[col->index].kind == VALUE_NULL ? "-" : buf_str(&text));
    buf_done(&text);
    record_done(&rec);
    return out;
}

static inline enum record_mark fixture_mark(struct fixture *f, const char *id)
{
    struct record rec;

    must(f, db_record_read(f->db, f->tasks, id, &rec, &f->err));
    enum record_mark mark = rec.mark;
    record_done(&rec);
    return mark;
}

static inline int64_t fixture_count(struct fixture *f, enum db_view view)
{
    int64_t n = -1;

    must(f, db_count(f->db, f->tasks, view, &n, &f->err));
    return n;
}

#define ID_A "01890000-0000-7000-8000-00000000000a"
#define ID_B "01890000-0000-7000-8000-00000000000b"
#define ID_C "01890000-0000-7000-8000-00000000000c"

#endif
