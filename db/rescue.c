/* What can still be had from a store that does not open. It works on a copy, asks for one row at
 * a time by its number, and goes on behind a row that can not be read: a damaged page takes the
 * rows with it that lie on it, and no others. */
#include "db/doctor.h"
#include "db/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/file.h"
#include "base/i18n.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

#define ROWS_MAX 5000000    /* where the highest number can not be read, */
#define FAILURES_MAX 100000 /* and then only as long as not that many failed in a row */
#define TABLES_MAX 400
#define PAGE_SIZE 4096

struct rescue {
    sqlite3 *handle;
    const struct registry *reg;
    enum rc (*each)(void *ctx, const struct buf *json, struct err *err);
    void *ctx;
    struct db_rescued done;
    char *
        *with_op; /* ids of records whose op was written whole, sorted before they are looked up */
    size_t with_op_count, with_op_room;
};

/* ---- the copy ---- */

static enum rc copy_bytes(const char *from, const char *to, struct err *err)
{
    char bytes[65536];
    ssize_t n = -1;
    enum rc rc = RC_OK;
    int in = open(from, O_RDONLY | O_CLOEXEC), out;

    if (in < 0)
        return errno == ENOENT ? RC_NOT_FOUND
                               : err_sys(err, RC_IO, errno, _("Cannot read %s"), from);
    out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    /* A disk that can not read a place reads it as nothing: the rest may still be there. */
    for (off_t at = 0; out >= 0 && (n = pread(in, bytes, sizeof bytes, at)) != 0; at += n) {
        if (n < 0 && errno == EIO) {
            n = 4096;
            memset(bytes, 0, (size_t)n);
        }
        if (n < 0 || pwrite(out, bytes, (size_t)n, at) != n)
            break;
    }
    if (out < 0 || n != 0)
        rc = err_sys(err, RC_IO, errno, _("Cannot copy %s to %s"), from, to);
    if (out >= 0)
        close(out);
    close(in);
    return rc;
}

struct copy {
    char *dir, *path, *wal;
};

static void remove_copy(struct copy *copy)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-journal" };

    for (size_t i = 0; copy->path != NULL && i < sizeof suffixes / sizeof *suffixes; i++) {
        struct buf path = { 0 };
        buf_printf(&path, "%s%s", copy->path, suffixes[i]);
        unlink(buf_str(&path));
        buf_done(&path);
    }
    if (copy->dir != NULL)
        rmdir(copy->dir);
    free(copy->dir);
    free(copy->path);
    free(copy->wal);
}

static enum rc make_copy(const char *path, struct copy *copy, struct err *err)
{
    const char *parent = getenv("TMPDIR");
    struct buf text = { 0 };
    enum rc rc;

    buf_printf(&text, "%s/outpost-rescue-XXXXXX",
               parent != NULL && *parent == '/' ? parent : "/tmp");
    copy->dir = buf_take(&text);
    if (mkdtemp(copy->dir) == NULL) {
        rc = err_sys(err, RC_IO, errno, _("Cannot make %s"), copy->dir);
        free(copy->dir);
        copy->dir = NULL;
        return rc;
    }
    copy->path = path_join(copy->dir, "store.db");
    copy->wal = path_join(copy->dir, "store.db-wal");
    rc = copy_bytes(path, copy->path, err);
    if (rc)
        return rc == RC_NOT_FOUND ? err_set(err, rc, _("%s does not exist."), path) : rc;
    buf_printf(&text, "%s-wal", path);
    rc = copy_bytes(buf_str(&text), copy->wal, err);
    buf_done(&text);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* ---- rows ---- */

static sqlite3_stmt *prepare(struct rescue *r, const char *text)
{
    sqlite3_stmt *st = NULL;

    return sqlite3_prepare_v2(r->handle, text, -1, &st, NULL) == SQLITE_OK ? st : NULL;
}

/* The first number of a query; `otherwise` when it can not be read. */
static int64_t number(struct rescue *r, const char *query, int64_t otherwise)
{
    sqlite3_stmt *st = prepare(r, query);
    int64_t n = otherwise;

    if (st != NULL && sqlite3_step(st) == SQLITE_ROW)
        n = sqlite3_column_int64(st, 0); /* of an empty table: 0 */
    sqlite3_finalize(st);
    return n < 0 || n > ROWS_MAX ? ROWS_MAX : n;
}

static void note_op(struct rescue *r, const char *client_id)
{
    if (r->with_op_count == r->with_op_room) {
        r->with_op_room = r->with_op_room == 0 ? 64 : r->with_op_room * 2;
        r->with_op = mem_grow(r->with_op, r->with_op_room, sizeof *r->with_op);
    }
    r->with_op[r->with_op_count++] = mem_strdup(client_id);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_op(const struct rescue *r, const char *client_id)
{
    return r->with_op_count > 0 &&
           bsearch(&client_id, r->with_op, r->with_op_count, sizeof *r->with_op, compare) != NULL;
}

static enum rc rescue_ops(struct rescue *r, struct err *err)
{
    struct buf text = { 0 }, json = { 0 };
    enum rc rc = RC_OK;
    int64_t last = number(r, "SELECT max(seq) FROM sync_queue", -1);

    if (last == ROWS_MAX)
        last = number(r, "SELECT seq FROM sqlite_sequence WHERE name = 'sync_queue'", -1);
    buf_printf(&text, "SELECT %s FROM sync_queue NOT INDEXED WHERE seq = ?1", queue_columns);
    sqlite3_stmt *st = prepare(r, buf_str(&text));
    int failures = 0;
    for (int64_t seq = 1; st != NULL && !rc && seq <= last && failures < FAILURES_MAX; seq++) {
        sqlite3_bind_int64(st, 1, seq);
        int code = sqlite3_step(st);
        if (code == SQLITE_ROW) {
            struct db_op op;
            op_load(&op, st);
            buf_clear(&json);
            db_op_to_json(&op, &json);
            if (op_flaw(&op) == NULL)
                note_op(r, op.client_id);
            rc = r->each(r->ctx, &json, err);
            r->done.ops++;
            failures = 0;
            db_op_done(&op);
        } else if (code != SQLITE_DONE) {
            r->done.unreadable_ops++;
            failures++;
        }
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    buf_done(&text);
    buf_done(&json);
    return rc;
}

static void put_sqlite_value(sqlite3_stmt *st, int at, const struct column *col, struct buf *out)
{
    const char *s;

    switch (sqlite3_column_type(st, at)) {
    case SQLITE_INTEGER:
        if (col != NULL && col->kind == COLUMN_BOOL)
            buf_puts(out, sqlite3_column_int64(st, at) != 0 ? "true" : "false");
        else
            buf_put_i64(out, sqlite3_column_int64(st, at));
        break;
    case SQLITE_FLOAT:
        json_put_double(out, sqlite3_column_double(st, at));
        break;
    case SQLITE_NULL:
        buf_puts(out, "null");
        break;
    default:
        s = (const char *)sqlite3_column_text(st, at);
        json_put_any(out, s == NULL ? "" : s);
        break;
    }
}

static bool is_system(const char *name)
{
    static const char *const names[] = { "id",      "client_id",  "server_id",  "server_rev",
                                         "user_id", "created_at", "updated_at", "sync_status",
                                         "shadow",  "extra" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return name[0] == '_';
}

static const struct column *column_by_sql(const struct table *table, const char *name)
{
    for (size_t i = 0; table != NULL && i < table->column_count; i++)
        if (strcmp(table->columns[i].sql, name) == 0)
            return &table->columns[i];
    return NULL;
}

/* By the names that the file itself has: its columns may be others than ours. */
static int find_column(sqlite3_stmt *st, const char *name)
{
    for (int i = 0; i < sqlite3_column_count(st); i++)
        if (strcmp(sqlite3_column_name(st, i), name) == 0)
            return i;
    return -1;
}

static void put_time(sqlite3_stmt *st, const char *member, const char *name, struct buf *out)
{
    int at = find_column(st, name);

    buf_printf(out, ",\"%s\":", member);
    buf_put_i64(out, at < 0 ? 0 : sqlite3_column_int64(st, at));
}

static void record_json(const struct rescue *r, sqlite3_stmt *st, const struct table *table,
                        const char *sql_name, struct buf *out)
{
    const char *id = (const char *)sqlite3_column_text(st, find_column(st, "client_id"));
    bool is_first = true;

    buf_puts(out, "{\"table\":");
    json_put_any(out, table != NULL ? table->name : sql_name);
    buf_puts(out, ",\"clientId\":");
    json_put_any(out, id == NULL ? "" : id);
    put_time(st, "createdAt", "created_at", out);
    put_time(st, "updatedAt", "updated_at", out);
    buf_printf(out, ",\"%s\":{", id != NULL && has_op(r, id) ? "record" : "set");
    for (int i = 0; i < sqlite3_column_count(st); i++) {
        const char *name = sqlite3_column_name(st, i);
        const struct column *col = column_by_sql(table, name);
        if (is_system(name) || sqlite3_column_type(st, i) == SQLITE_NULL)
            continue;
        if (!is_first)
            buf_putc(out, ',');
        is_first = false;
        json_put_any(out, col != NULL ? col->name : name);
        buf_putc(out, ':');
        put_sqlite_value(st, i, col, out);
    }
    buf_puts(out, "}}");
}

static bool is_pending(sqlite3_stmt *st)
{
    int at = find_column(st, "sync_status");
    const char *status = at < 0 ? NULL : (const char *)sqlite3_column_text(st, at);

    return status != NULL && strcmp(status, "pending") == 0;
}

static enum rc rescue_table(struct rescue *r, const char *sql_name, struct err *err)
{
    const struct table *table = NULL;
    struct buf text = { 0 }, json = { 0 };
    enum rc rc = RC_OK;

    for (size_t i = 0; i < registry_count(r->reg); i++)
        if (strcmp(registry_at(r->reg, i)->sql, sql_name) == 0)
            table = registry_at(r->reg, i);
    buf_printf(&text, "SELECT max(id) FROM \"%s\"", sql_name);
    int64_t last = number(r, buf_str(&text), -1);
    buf_clear(&text);
    buf_printf(&text, "SELECT * FROM \"%s\" NOT INDEXED WHERE id = ?1", sql_name);
    sqlite3_stmt *st = prepare(r, buf_str(&text));
    bool is_data =
        st != NULL && find_column(st, "client_id") >= 0 && find_column(st, "sync_status") >= 0;
    int failures = 0;
    for (int64_t id = 1; is_data && !rc && id <= last && failures < FAILURES_MAX; id++) {
        sqlite3_bind_int64(st, 1, id);
        int code = sqlite3_step(st);
        failures = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : failures + 1;
        if (code == SQLITE_ROW && is_pending(st)) {
            buf_clear(&json);
            record_json(r, st, table, sql_name, &json);
            rc = r->each(r->ctx, &json, err);
            r->done.records++;
        } else if (code != SQLITE_ROW && code != SQLITE_DONE) {
            r->done.unreadable_records++;
        }
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    buf_done(&text);
    buf_done(&json);
    return rc;
}

static enum rc rescue_records(struct rescue *r, struct err *err)
{
    sqlite3_stmt *st = prepare(
        r, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' "
           "AND instr(name, '\"') = 0");
    char *names[TABLES_MAX];
    size_t count = 0;
    enum rc rc = RC_OK;

    while (st != NULL && count < TABLES_MAX && sqlite3_step(st) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(st, 0);
        if (name != NULL)
            names[count++] = mem_strdup(name);
    }
    sqlite3_finalize(st);
    for (size_t i = 0; i < count; i++) {
        if (!rc)
            rc = rescue_table(r, names[i], err);
        free(names[i]);
    }
    return rc;
}

/* ---- all of it ---- */

static bool has_schema(sqlite3 *handle)
{
    return sqlite3_exec(handle, "SELECT count(*) FROM sqlite_master", NULL, NULL, NULL) ==
           SQLITE_OK;
}

/* A header as a store of ours has it (sqlite.org/fileformat2.html, section 1.3): the page with
 * the schema may be whole behind one that is not. */
static void write_header(const struct copy *copy)
{
    static const unsigned char start[24] = { 'S',
                                             'Q',
                                             'L',
                                             'i',
                                             't',
                                             'e',
                                             ' ',
                                             'f',
                                             'o',
                                             'r',
                                             'm',
                                             'a',
                                             't',
                                             ' ',
                                             '3',
                                             0,
                                             PAGE_SIZE >> 8,
                                             PAGE_SIZE & 0xff,
                                             1,
                                             1,
                                             0,
                                             64,
                                             32,
                                             32 };
    unsigned char header[100] = { 0 };
    int fd = open(copy->path, O_RDWR | O_CLOEXEC);
    off_t pages = fd < 0 ? 0 : lseek(fd, 0, SEEK_END) / PAGE_SIZE;

    memcpy(header, start, sizeof start);
    header[27] = header[95] =
        1; /* change counter, and the one that the size in pages is valid for */
    for (int i = 0; i < 4; i++)
        header[28 + i] = (unsigned char)(pages >> (24 - 8 * i));
    header[47] = 4; /* schema format */
    header[59] = 1; /* UTF-8 */
    if (fd >= 0 && pwrite(fd, header, sizeof header, 0) != (ssize_t)sizeof header)
        log_warn("db", "rescue: the copy can not be written");
    if (fd >= 0)
        close(fd);
}

/* With its WAL; without, should that be what is damaged; then with a header of ours. */
static enum rc open_copy(struct rescue *r, const struct copy *copy, struct err *err)
{
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            write_header(copy);
        if (sqlite3_open_v2(copy->path, &r->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                            NULL) == SQLITE_OK) {
            sqlite3_db_config(r->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
            /* writable_schema: a part of the schema that can not be read is passed over. */
            sqlite3_exec(
                r->handle,
                "PRAGMA writable_schema = ON; PRAGMA query_only = ON; PRAGMA cell_size_check = ON",
                NULL, NULL, NULL);
            if (has_schema(r->handle))
                return RC_OK;
        }
        sqlite3_close(r->handle);
        r->handle = NULL;
        unlink(copy->wal);
    }
    return err_set(
        err, RC_CORRUPT,
        _("Nothing of the file can be read: the pages that say what is where are destroyed."));
}

enum rc db_rescue(const char *path, const struct registry *reg,
                  enum rc (*each)(void *ctx, const struct buf *json, struct err *err), void *ctx,
                  struct db_rescued *out, struct err *err)
{
    struct rescue r = { .reg = reg, .each = each, .ctx = ctx };
    struct copy copy = { 0 };
    enum rc rc = make_copy(path, &copy, err);

    if (!rc)
        rc = open_copy(&r, &copy, err);
    if (!rc)
        rc = rescue_ops(&r, err);
    if (!rc && r.with_op_count > 0)
        qsort(r.with_op, r.with_op_count, sizeof *r.with_op, compare);
    if (!rc)
        rc = rescue_records(&r, err);
    sqlite3_close(r.handle);
    remove_copy(&copy);
    for (size_t i = 0; i < r.with_op_count; i++)
        free(r.with_op[i]);
    free(r.with_op);
    if (!rc)
        *out = r.done;
    log_info("db", "rescue: %lld changes, %lld records: %s", (long long)r.done.ops,
             (long long)r.done.records, rc_name(rc));
    return rc;
}
