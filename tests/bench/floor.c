#include "tests/bench/floor.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "tests/bench/process.h"

#define BATCH 500
#define SLICE 100

struct rows {
    sqlite3_value **cells;
    int count, columns;
    int key;                    /* column that the lookup goes by */
    char insert[2000];
};

static void fail(sqlite3 *db, const char *what)
{
    fprintf(stderr, "bench: floor: %s: %s\n", what, sqlite3_errmsg(db));
    exit(2);
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail(db, sql);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;

    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK)
        fail(db, sql);
    return st;
}

static sqlite3 *open_file(const char *path)
{
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        fail(db, path);
    run(db, "PRAGMA journal_mode=WAL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-4000");
    return db;
}

void copy_database(const char *from, const char *to)
{
    sqlite3 *source = open_file(from), *target = open_file(to);
    sqlite3_backup *copy = sqlite3_backup_init(target, "main", source, "main");

    if (copy == NULL)
        fail(target, to);
    sqlite3_backup_step(copy, -1);
    sqlite3_backup_finish(copy);
    sqlite3_close(source);
    sqlite3_close(target);
}

/* An empty file with the schema of another. */
static sqlite3 *empty_like(const char *path, const char *dir, const char *name)
{
    char file[600];
    sqlite3 *source = open_file(path);

    snprintf(file, sizeof file, "%s/%s", dir, name);
    unlink(file);
    sqlite3 *db = open_file(file);
    sqlite3_stmt *st = prepare(source, "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
                                       "ORDER BY type DESC");
    while (sqlite3_step(st) == SQLITE_ROW)
        run(db, (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(source);
    return db;
}

static struct rows load(const char *path, const char *table, const char *order, const char *key)
{
    sqlite3 *db = open_file(path);
    struct rows rows = { 0 };
    char sql[300];
    int room = 0;

    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY %s", table, order);
    sqlite3_stmt *st = prepare(db, sql);
    rows.columns = sqlite3_column_count(st);
    for (int c = 0; c < rows.columns; c++)
        if (strcmp(sqlite3_column_name(st, c), key) == 0)
            rows.key = c;
    while (sqlite3_step(st) == SQLITE_ROW) {
        if (rows.count == room) {
            room = room == 0 ? 1024 : room * 2;
            rows.cells = realloc(rows.cells, (size_t)room * (size_t)rows.columns * sizeof *rows.cells);
            if (rows.cells == NULL)
                fail(db, "memory");
        }
        for (int c = 0; c < rows.columns; c++)
            rows.cells[rows.count * rows.columns + c] = sqlite3_value_dup(sqlite3_column_value(st, c));
        rows.count++;
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    int len = snprintf(rows.insert, sizeof rows.insert, "INSERT INTO %s VALUES (?", table);
    for (int c = 1; c < rows.columns; c++)
        len += snprintf(rows.insert + len, sizeof rows.insert - (size_t)len, ",?");
    snprintf(rows.insert + len, sizeof rows.insert - (size_t)len, ")");
    return rows;
}

static void rows_done(struct rows *rows)
{
    for (int i = 0; i < rows->count * rows->columns; i++)
        sqlite3_value_free(rows->cells[i]);
    free(rows->cells);
}

static void step(sqlite3 *db, sqlite3_stmt *st)
{
    int code;

    while ((code = sqlite3_step(st)) == SQLITE_ROW)
        for (int c = 0; c < sqlite3_column_count(st); c++)
            sqlite3_column_text(st, c);
    if (code != SQLITE_DONE)
        fail(db, sqlite3_sql(st));
    sqlite3_reset(st);
}

static void insert(sqlite3 *db, sqlite3_stmt *st, const struct rows *rows, int row)
{
    for (int c = 0; c < rows->columns; c++)
        sqlite3_bind_value(st, c + 1, rows->cells[row * rows->columns + c]);
    step(db, st);
}

static void look_up(sqlite3 *db, sqlite3_stmt *st, const struct rows *rows, int row, int column)
{
    sqlite3_bind_value(st, 1, rows->cells[row * rows->columns + column]);
    step(db, st);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

double floor_import(const char *queued, const char *unused, const char *dir)
{
    (void)unused;
    struct rows tasks = load(queued, "tasks", "id", "client_id");
    struct rows ops = load(queued, "sync_queue", "seq", "record_client_id");
    sqlite3 *db = empty_like(queued, dir, "floor-import.db");
    run(db, "PRAGMA synchronous=FULL");
    sqlite3_stmt *find_task = prepare(db, "SELECT * FROM tasks WHERE client_id = ?");
    sqlite3_stmt *find_op = prepare(db, "SELECT * FROM sync_queue WHERE table_name = 'tasks' AND record_client_id = ? "
                                        "ORDER BY seq");
    sqlite3_stmt *put_task = prepare(db, tasks.insert), *put_op = prepare(db, ops.insert);
    double started = seconds_now();

    for (int at = 0; at < tasks.count; at += BATCH) {
        run(db, "BEGIN IMMEDIATE");
        for (int i = at; i < least(at + BATCH, tasks.count); i++) {
            look_up(db, find_task, &tasks, i, tasks.key);
            look_up(db, find_op, &ops, i, ops.key);
            insert(db, put_op, &ops, i);
            insert(db, put_task, &tasks, i);
        }
        run(db, "COMMIT");
    }
    double seconds = seconds_now() - started;
    sqlite3_finalize(find_task);
    sqlite3_finalize(find_op);
    sqlite3_finalize(put_task);
    sqlite3_finalize(put_op);
    sqlite3_close(db);
    rows_done(&tasks);
    rows_done(&ops);
    return seconds;
}

/* The device's two transactions per batch, and the backend's one. */
struct push_floor {
    sqlite3 *device, *backend;
    sqlite3_stmt *mark, *drop, *find_task, *update_task, *find_receipt, *find_record, *put_record, *put_receipt;
    struct rows ops, records, receipts;
};

static void push_batch(struct push_floor *p, int at)
{
    int end = least(at + BATCH, p->ops.count);

    run(p->device, "BEGIN IMMEDIATE");
    for (int i = at; i < end; i++)
        look_up(p->device, p->mark, &p->ops, i, 0);
    run(p->device, "COMMIT");
    run(p->backend, "BEGIN IMMEDIATE");
    for (int i = at; i < end; i++) {
        look_up(p->backend, p->find_receipt, &p->receipts, i, 1);
        look_up(p->backend, p->find_record, &p->records, i, p->records.key);
        insert(p->backend, p->put_record, &p->records, i);
        insert(p->backend, p->put_receipt, &p->receipts, i);
    }
    run(p->backend, "COMMIT");
    run(p->device, "BEGIN IMMEDIATE");
    for (int i = at; i < end; i++) {
        look_up(p->device, p->drop, &p->ops, i, 1);
        look_up(p->device, p->find_task, &p->ops, i, p->ops.key);
        look_up(p->device, p->update_task, &p->ops, i, p->ops.key);
    }
    run(p->device, "COMMIT");
}

double floor_push(const char *queued, const char *backend, const char *dir)
{
    char file[600];
    struct push_floor p = { 0 };

    snprintf(file, sizeof file, "%s/floor-push.db", dir);
    unlink(file);
    copy_database(queued, file);
    p.ops = load(queued, "sync_queue", "seq", "record_client_id");
    p.records = load(backend, "records", "id", "client_id");
    p.receipts = load(backend, "receipts", "op_id", "op_id");
    p.device = open_file(file);
    p.backend = empty_like(backend, dir, "floor-backend.db");
    run(p.device, "PRAGMA synchronous=FULL");
    run(p.backend, "PRAGMA synchronous=FULL");
    p.mark = prepare(p.device, "UPDATE sync_queue SET sent_at = 1700000000000 WHERE seq = ?");
    p.drop = prepare(p.device, "DELETE FROM sync_queue WHERE op_id = ?");
    p.find_task = prepare(p.device, "SELECT * FROM tasks WHERE client_id = ?");
    p.update_task = prepare(p.device, "UPDATE tasks SET server_id = 'abcdefghijklmnopqrstuvwxyz012345', server_rev = "
                                      "1700000000000000, sync_status = 'synced', shadow = NULL, _seen = 1, text = text, "
                                      "is_completed = is_completed, priority = priority, due_at = due_at, notes = notes, "
                                      "updated_at = updated_at, _sort_1 = _sort_1, _sort_2 = _sort_2, _sort_3 = _sort_3, "
                                      "_sort_4 = _sort_4 WHERE client_id = ?");
    p.find_receipt = prepare(p.backend, "SELECT * FROM receipts WHERE user_n = 1 AND op_id = ?");
    p.find_record = prepare(p.backend, "SELECT * FROM records WHERE user_n = 1 AND table_name = 'tasks' AND client_id = ?");
    p.put_record = prepare(p.backend, p.records.insert);
    p.put_receipt = prepare(p.backend, p.receipts.insert);
    double started = seconds_now();
    for (int at = 0; at < p.ops.count; at += BATCH)
        push_batch(&p, at);
    double seconds = seconds_now() - started;
    sqlite3_stmt *const statements[] = { p.mark, p.drop, p.find_task, p.update_task, p.find_receipt, p.find_record,
                                         p.put_record, p.put_receipt };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        sqlite3_finalize(statements[i]);
    sqlite3_close(p.device);
    sqlite3_close(p.backend);
    rows_done(&p.ops);
    rows_done(&p.records);
    rows_done(&p.receipts);
    return seconds;
}

/* Reads all of a page; gives the rev and the id of its last row. */
static int64_t read_page(sqlite3 *db, sqlite3_stmt *st, char *last, size_t size)
{
    int64_t rev = 0;
    int code;

    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        for (int c = 0; c < sqlite3_column_count(st); c++)
            sqlite3_column_text(st, c);
        rev = sqlite3_column_int64(st, 5);
        snprintf(last, size, "%s", (const char *)sqlite3_column_text(st, 3));
    }
    if (code != SQLITE_DONE)
        fail(db, sqlite3_sql(st));
    sqlite3_reset(st);
    return rev;
}

struct pull_floor {
    sqlite3 *source, *db;
    sqlite3_stmt *page, *find, *put, *meta;
    struct rows rows;
    int64_t rev;                /* of the last row that was read, and its id */
    char last[64];
};

static void pull_prepare(struct pull_floor *p, const struct floor_table *table)
{
    char sql[400];

    p->page = prepare(p->source, "SELECT * FROM records INDEXED BY records_by_rev WHERE user_n = 1 AND table_name = ?3 AND "
                                 "(rev, client_id) > (?1, ?2) ORDER BY rev, client_id LIMIT 500");
    sqlite3_bind_text(p->page, 3, table->name, -1, SQLITE_STATIC);
    snprintf(sql, sizeof sql, "SELECT * FROM \"%s\" WHERE client_id = ?", table->sql);
    p->find = prepare(p->db, sql);
    p->put = prepare(p->db, p->rows.insert);
    p->meta = prepare(p->db, "UPDATE sync_metadata SET walk_cursor = 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', "
                             "received = received + 500 WHERE table_name = ?");
    sqlite3_bind_text(p->meta, 1, table->name, -1, SQLITE_STATIC);
}

static void pull_slice(struct pull_floor *p, int at)
{
    if (at % BATCH == 0) {
        sqlite3_bind_int64(p->page, 1, p->rev);
        sqlite3_bind_text(p->page, 2, p->last, -1, SQLITE_TRANSIENT);
        p->rev = read_page(p->source, p->page, p->last, sizeof p->last);
    }
    run(p->db, "BEGIN IMMEDIATE");
    for (int i = at; i < least(at + SLICE, p->rows.count); i++) {
        look_up(p->db, p->find, &p->rows, i, p->rows.key);
        insert(p->db, p->put, &p->rows, i);
    }
    if ((at + SLICE) % BATCH == 0)
        step(p->db, p->meta);
    run(p->db, "COMMIT");
}

double floor_pull_table(const char *device, const char *backend, const char *dir, const struct floor_table *table)
{
    char quoted[100];
    double started = seconds_now();

    snprintf(quoted, sizeof quoted, "\"%s\"", table->sql);
    struct pull_floor p = { .rows = load(device, quoted, "id", "client_id"), .source = open_file(backend),
                            .db = empty_like(device, dir, "floor-pull.db") };
    run(p.db, "PRAGMA synchronous=NORMAL");
    pull_prepare(&p, table);
    for (int at = 0; at < p.rows.count; at += SLICE) {
        if (at == 0 || at - SLICE < table->skip)
            started = seconds_now();
        pull_slice(&p, at);
    }
    double seconds = seconds_now() - started;
    sqlite3_stmt *const statements[] = { p.page, p.find, p.put, p.meta };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        sqlite3_finalize(statements[i]);
    sqlite3_close(p.source);
    sqlite3_close(p.db);
    rows_done(&p.rows);
    return seconds;
}

double floor_pull(const char *device, const char *backend, const char *dir)
{
    return floor_pull_table(device, backend, dir, &(struct floor_table){ .name = "tasks", .sql = "tasks" });
}
