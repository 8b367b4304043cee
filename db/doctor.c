/* Looks a store over. Each check says what it found, and with is_repairing puts right what the
 * rest of the store knows. */
#include "db/doctor.h"
#include "db/store_priv.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/i18n.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

struct doctor {
    struct db *db;
    bool is_repairing;
    db_found *found;
    void *ctx;
};

static void say(const struct doctor *d, enum db_gravity gravity, const char *code, const char *safe,
                const char *todo, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

static void say(const struct doctor *d, enum db_gravity gravity, const char *code, const char *safe,
                const char *todo, const char *fmt, ...)
{
    char *what = NULL;
    va_list ap;

    va_start(ap, fmt);
    int len = vasprintf(&what, fmt, ap);
    va_end(ap);
    if (len < 0)
        mem_exhausted();
    if (gravity == DB_REPAIRABLE && d->is_repairing)
        gravity = DB_REPAIRED;
    const struct db_finding finding = { gravity, code, what, safe,
                                        gravity == DB_REPAIRED ? "" : todo };
    d->found(d->ctx, &finding);
    if (gravity != DB_NOTE)
        log_info("db", "doctor: %s%s", code, gravity == DB_REPAIRED ? ", repaired" : "");
    free(what);
}

#define TODO_REPAIR "outpost doctor --repair"

/* One number; `name` (or NULL) is bound as ?1. */
static enum rc number(struct db *db, const char *query, const char *name, int64_t *out,
                      struct err *err)
{
    sqlite3_stmt *st = sql_get(db->sql, query, err);

    if (st == NULL)
        return err->rc;
    if (name != NULL)
        sql_bind_text(st, 1, name);
    enum rc rc = sql_step(db->sql, st, err);
    if (rc)
        return rc == RC_NOT_FOUND
                 ? err_set(err, RC_CORRUPT,
                           _("The store is damaged (a row is missing). See: outpost "
                             "doctor."))
                 : rc;
    *out = sql_i64(st, 0);
    sqlite3_reset(st);
    return RC_OK;
}

/* ---- SQLite's own view ---- */

static enum rc check_file(const struct doctor *d, bool *is_sound, struct err *err)
{
    sqlite3_stmt *st = sql_get(d->db->sql, "PRAGMA quick_check(5)", err);
    enum rc rc;

    if (st == NULL)
        return err->rc;
    while ((rc = sql_step(d->db->sql, st, err)) == RC_OK) {
        const char *finding = sql_text(st, 0);
        if (finding != NULL && strcmp(finding, "ok") == 0)
            continue;
        *is_sound = false;
        say(d, DB_ILL, "damaged", "What the server has accepted is safe there.",
            "outpost doctor --rescue FILE writes what can still be read; then move the database "
            "file away, sign in again "
            "and import FILE.",
            "The database file is damaged: %s", finding == NULL ? "no answer" : finding);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc check_state_row(const struct doctor *d, struct err *err)
{
    int64_t n = 0;
    enum rc rc = number(d->db, "SELECT count(*) FROM sync_state", NULL, &n, err);

    if (rc || n == 1)
        return rc;
    say(d, DB_REPAIRABLE, "state_missing", "Records and changes are not touched by this.",
        TODO_REPAIR, "The row that says how sync goes is missing.");
    return d->is_repairing
             ? sql_exec(d->db->sql, "INSERT OR IGNORE INTO sync_state (id) VALUES (1)", err)
             : RC_OK;
}

/* ---- the queue ---- */

/* An op made anew from its record; RC_NOT_FOUND: there is no such record. */
static enum rc remake(struct db *db, const struct db_op *op, struct err *err)
{
    const struct table *table = registry_find(db->registry, op->table_name);
    struct row row = { 0 };
    enum rc rc = RC_NOT_FOUND;

    if (table != NULL && id_is_valid(op->client_id))
        rc = row_read(db, table, op->client_id, &row, err);
    if (!rc)
        rc = row.is_pending ? queue_remake(db, op, &row, err) : RC_NOT_FOUND;
    row_done(&row);
    return rc;
}

static enum rc find_record(struct db *db, const struct db_op *op, bool *has, struct err *err)
{
    const struct table *table = registry_find(db->registry, op->table_name);
    struct row row = { 0 };
    enum rc rc = RC_NOT_FOUND;

    if (table != NULL && id_is_valid(op->client_id))
        rc = row_read(db, table, op->client_id, &row, err);
    *has = !rc && row.is_pending;
    row_done(&row);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc check_unreadable(const struct doctor *d, const struct db_op *op, const char *flaw,
                                struct err *err)
{
    bool has_record = false;
    enum rc rc = find_record(d->db, op, &has_record, err);

    if (rc)
        return rc;
    if (has_record) {
        say(d, DB_REPAIRABLE, "queue_unreadable",
            "The record as it is on this device is whole. Nothing else waits for it.",
            "outpost doctor --repair makes the change anew from the record; outpost queue discard "
            "takes it out.",
            "Change #%lld can not be read any more (%s).", (long long)op->seq, flaw);
        return d->is_repairing ? remake(d->db, op, err) : RC_OK;
    }
    say(d, DB_ILL, "queue_unreadable", "It hinders no other change.",
        "outpost queue export shows what is left of it; outpost queue discard takes it out.",
        "Change #%lld can not be read any more (%s), and there is no record to make it anew from.",
        (long long)op->seq, flaw);
    return RC_OK;
}

static void check_columns(const struct doctor *d, const struct db_op *op, const struct table *table)
{
    struct err ignored;
    cJSON *set = NULL;
    const cJSON *item;

    if (json_parse(op->set, strlen(op->set), &set, &ignored))
        return;
    cJSON_ArrayForEach(item, set)
    {
        if (table_column(table, item->string) == NULL)
            say(d, DB_ILL, "queue_unknown_column", "The change is kept, and sent as it is.",
                "Put the column back into the definition of the table.",
                "Change #%lld sets the column %s, which table %s does not have here.",
                (long long)op->seq, item->string, table->name);
    }
    cJSON_Delete(set);
}

static enum rc check_queue(const struct doctor *d, struct err *err)
{
    struct db_ops ops = { 0 };
    enum rc rc = db_queue_list(d->db, &ops, err);

    for (size_t i = 0; !rc && i < ops.count; i++) {
        const struct db_op *op = &ops.items[i];
        const struct table *table = registry_find(d->db->registry, op->table_name);
        const char *flaw = op_flaw(op);
        if (flaw != NULL)
            rc = check_unreadable(d, op, flaw, err);
        else if (table != NULL)
            check_columns(d, op, table);
    }
    db_ops_done(&ops);
    return rc;
}

static enum rc check_definitions(const struct doctor *d, struct err *err)
{
    enum rc rc;
    sqlite3_stmt *st = sql_get(d->db->sql,
                               "SELECT t, (SELECT count(*) FROM sync_queue WHERE table_name = t) "
                               "FROM (SELECT table_name t FROM sync_metadata "
                               "UNION SELECT table_name FROM sync_queue) ORDER BY t",
                               err);
    if (st == NULL)
        return err->rc;
    while ((rc = sql_step(d->db->sql, st, err)) == RC_OK) {
        const char *name = sql_text(st, 0);
        if (name == NULL || registry_find(d->db->registry, name) != NULL)
            continue;
        say(d, DB_ILL, "definition_missing", "Its records and changes are kept in the store.",
            "Put the file with its definition into the folder `tables` beside the config file.",
            "Table %s has no definition here; %lld changes of it wait.", name,
            (long long)sql_i64(st, 1));
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* ---- pending <=> op exists ---- */

/* Queues again what a pending record without an op has and the office has not. */
static enum rc queue_lost(struct db *db, const struct table *table, const char *client_id,
                          struct err *err)
{
    struct row row = { 0 };
    struct doc theirs = { 0 };
    enum rc rc = row_read(db, table, client_id, &row, err);

    if (!rc) {
        rc = queue_append_all(db, &row, err);
        if (!rc && shadow_decode(&row, &theirs) && !theirs.is_deleted) {
            struct db_ops ops = { 0 }; /* as a change of what differs, not of everything */
            rc = queue_of_record(db, table->name, client_id, &ops, err);
            if (!rc && ops.count > 0)
                rc = queue_remake(db, &ops.items[0], &row, err);
            db_ops_done(&ops);
        }
    }
    doc_done(&theirs);
    row_done(&row);
    return rc;
}

/* A record with an op is pending; what it holds of the office's is not known any more, so its
 * shadow is what it has. */
static enum rc mark_pending(struct db *db, const struct table *table, const char *client_id,
                            struct err *err)
{
    struct row row = { 0 };
    struct buf doc = { 0 };
    enum rc rc = row_read(db, table, client_id, &row, err);

    if (!rc) {
        row_to_doc(&row, false, &doc);
        if (row.shadow == NULL && row.server_id != NULL)
            row.shadow = buf_take(&doc);
        row.is_pending = true;
        rc = row_write(db, &row, err);
    }
    buf_done(&doc);
    row_done(&row);
    return rc;
}

static enum rc list_ids(struct db *db, const struct table *table, const char *where,
                        char (**ids)[ID_SIZE], size_t *count, struct err *err)
{
    struct buf text = { 0 };
    size_t room = 0;
    enum rc rc;

    buf_printf(&text, "SELECT client_id FROM \"%s\" t WHERE %s ORDER BY client_id", table->sql,
               where);
    sqlite3_stmt *st = sql_get(db->sql, buf_str(&text), err);
    buf_done(&text);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    while ((rc = sql_step(db->sql, st, err)) == RC_OK) {
        const char *id = sql_text(st, 0);
        if (id == NULL || strlen(id) != ID_LEN)
            continue;
        if (*count == room) {
            room = room == 0 ? 16 : room * 2;
            *ids = mem_grow(*ids, room, sizeof **ids);
        }
        memcpy((*ids)[(*count)++], id, ID_SIZE);
    }
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

#define HAS_OP                                                                                     \
    "EXISTS (SELECT 1 FROM sync_queue WHERE table_name = ?1 AND record_client_id = t.client_id)"

static enum rc check_pending(const struct doctor *d, const struct table *table, struct err *err)
{
    static const struct {
        const char *where, *code, *what, *safe;
        enum rc (*repair)(struct db *db, const struct table *table, const char *client_id,
                          struct err *err);
    } cases[] = {
        { "sync_status = 'pending' AND NOT " HAS_OP, "pending_without_change",
          "are marked as not sent, and nothing waits for them", "What was typed is in the records.",
          queue_lost },
        { "sync_status <> 'pending' AND " HAS_OP, "change_without_pending",
          "have changes that wait, and are not marked so", "The changes are kept, and are sent.",
          mark_pending },
    };
    enum rc rc = RC_OK;

    for (size_t c = 0; !rc && c < sizeof cases / sizeof *cases; c++) {
        char(*ids)[ID_SIZE] = NULL;
        size_t count = 0;
        rc = list_ids(d->db, table, cases[c].where, &ids, &count, err);
        if (!rc && count > 0)
            say(d, DB_REPAIRABLE, cases[c].code, cases[c].safe, TODO_REPAIR,
                "%zu records of %s %s.", count, table->name, cases[c].what);
        for (size_t i = 0; !rc && d->is_repairing && i < count; i++)
            rc = cases[c].repair(d->db, table, ids[i], err);
        free(ids);
    }
    return rc;
}

/* ---- counts ---- */

static enum rc recount(struct db *db, const struct table *table, int is_done, int64_t n,
                       struct err *err)
{
    sqlite3_stmt *st = sql_get(
        db->sql, "INSERT OR REPLACE INTO sync_counts (table_name, is_done, n) VALUES (?1, ?2, ?3)",
        err);
    if (st == NULL)
        return err->rc;
    sql_bind_text(st, 1, table->name);
    sql_bind_i64(st, 2, is_done);
    sql_bind_i64(st, 3, n);
    return sql_run(db->sql, st, err);
}

/* After the repairs before it: their deltas go on top at COMMIT, so they are taken out of what
 * is counted. */
static enum rc check_counts(const struct doctor *d, const struct table *table, struct err *err)
{
    enum rc rc = RC_OK;

    for (int done = 0; !rc && done < 2; done++) {
        int64_t have = 0, stored = 0, delta = table_sql(d->db, table)->count_delta[done];
        struct buf text = { 0 };
        buf_printf(&text, "SELECT count(*) FROM \"%s\" WHERE _is_done = %d", table->sql, done);
        rc = number(d->db, buf_str(&text), NULL, &have, err);
        buf_clear(&text);
        buf_printf(
            &text,
            "SELECT coalesce(sum(n), 0) FROM sync_counts WHERE table_name = ?1 AND is_done = %d",
            done);
        if (!rc)
            rc = number(d->db, buf_str(&text), table->name, &stored, err);
        buf_done(&text);
        if (rc || have == stored + delta)
            continue;
        say(d, DB_REPAIRABLE, "count_wrong", "Only a number on the screen is wrong.", TODO_REPAIR,
            "%s: %lld records are said to be %s, and there are %lld.", table->label,
            (long long)stored, done ? "done" : "open", (long long)have);
        if (d->is_repairing)
            rc = recount(d->db, table, done, have - delta, err);
    }
    return rc;
}

static enum rc check_waiting(const struct doctor *d, struct err *err)
{
    int64_t have = 0, stored = 0, delta = d->db->waiting_delta;
    enum rc rc = number(d->db, "SELECT count(*) FROM sync_queue", NULL, &have, err);

    if (!rc)
        rc = number(d->db, "SELECT coalesce(sum(waiting), 0) FROM sync_state", NULL, &stored, err);
    if (rc || have == stored + delta)
        return rc;
    say(d, DB_REPAIRABLE, "count_wrong", "Only a number on the screen is wrong.", TODO_REPAIR,
        "%lld changes are said to wait, and there are %lld.", (long long)stored, (long long)have);
    sqlite3_stmt *st =
        d->is_repairing ? sql_get(d->db->sql, "UPDATE sync_state SET waiting = ?1", err) : NULL;
    if (st == NULL)
        return d->is_repairing ? err->rc : RC_OK;
    sql_bind_i64(st, 1, have - delta);
    return sql_run(d->db->sql, st, err);
}

/* ---- all of it ---- */

/* One of the checks of a table, for all tables that the store has. */
static enum rc each_table(const struct doctor *d,
                          enum rc (*check)(const struct doctor *d, const struct table *table,
                                           struct err *err),
                          struct err *err)
{
    enum rc rc = RC_OK;

    for (size_t i = 0; !rc && i < registry_count(d->db->registry); i++) {
        const struct table *table = registry_at(d->db->registry, i);
        int64_t is_there = 0;
        rc = number(d->db, "SELECT count(*) FROM sync_metadata WHERE table_name = ?1", table->name,
                    &is_there, err);
        if (!rc && is_there)
            rc = check(d, table, err);
    }
    return rc;
}

/* Marks before the queue, which makes ops anew from pending records; counts last, for what was
 * repaired before them. */
static enum rc examine(const struct doctor *d, struct err *err)
{
    enum rc rc = check_state_row(d, err);

    if (!rc)
        rc = each_table(d, check_pending, err);
    if (!rc)
        rc = check_queue(d, err);
    if (!rc)
        rc = check_definitions(d, err);
    if (!rc)
        rc = each_table(d, check_counts, err);
    return rc ? rc : check_waiting(d, err);
}

enum rc db_doctor(struct db *db, bool is_repairing, db_found *found, void *ctx, struct err *err)
{
    struct doctor d = { db, is_repairing, found, ctx };
    bool is_sound = true;
    enum rc rc = check_file(&d, &is_sound, err);

    if (rc)
        return rc;
    if (!is_sound)
        d.is_repairing = false; /* what is read from a damaged file is no ground to write on */
    if (d.is_repairing) {
        rc = tx_begin(db, SQL_FULL, err);
        if (rc)
            return rc;
    }
    rc = examine(&d, err);
    if (!d.is_repairing)
        return rc;
    if (!rc)
        return tx_commit(db, err);
    tx_rollback(db);
    return rc;
}
