/* tests/unit/failing.h: sweeps over functions of the store: each call of SQLite (or allocation) in
 * them fails, once or for good. The failure is told, nothing of the call is written, nothing is
 * left in the way, and the same call succeeds afterwards. */
#ifndef TESTS_UNIT_FAILING_H
#define TESTS_UNIT_FAILING_H

#include "db/db.h"
#include "tests/torture/planted.h"
#include "tests/unit/store_fixture.h"

#define FOR_GOOD UINT32_MAX

struct world {
    struct fixture *f;
    struct db_ops ops; /* as they were sent */
    struct db_op op;   /* one of the queue */
    sqlite3 *witness;  /* sees what is committed */
};

enum trait {
    WHOLE = 0,
    IN_PARTS = 1,  /* more than one transaction: some of them may have been done */
    STAYS_ILL = 2, /* the doctor has something to say before and after */
    OPENS = 3      /* a connection of its own, with other tables */
};

struct action {
    const char *name;
    void (*arrange)(struct world *w); /* after `base`; NULL: nothing */
    enum rc (*act)(struct world *w);
    enum trait trait;
};

/* ---- what is there before each call ---- */

static inline void take_all(struct world *w)
{
    db_ops_done(&w->ops);
    w->ops = fixture_take(w->f, 1);
}

/* Three records of the office; the first is being changed here, and its op is under way. */
static inline void base(struct world *w)
{
    struct fixture *f = w->f;
    cJSON *docs = array_of(doc_json(ID_A, 5, "'text':'pump','notes':'office'"));
    struct db_saved saved;
    const struct db_account account = {
        .server = "https://x",
        .instance = "i",
        .user_id = "u",
        .email = "e@x",
        .device_id = "d",
        .token = "t1",
        .refresh = "r1",
    };

    must(f, db_account_write(f->db, &account, &f->err));
    cJSON_AddItemToArray(docs, doc_json(ID_B, 6, "'text':'valve'"));
    cJSON_AddItemToArray(docs, doc_json(ID_C, 7, "'text':'meter','priority':'low'"));
    fixture_walk(f, docs, "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "new pump");
    take_all(w);
}

static inline void find_op(struct world *w, const char *id)
{
    db_op_done(&w->op);
    memset(&w->op, 0, sizeof w->op);
    must(w->f, db_queue_find(w->f->db, id, &w->op, &w->f->err));
}

static inline void an_edit_follows(struct world *w)
{
    struct db_saved saved;

    SAVE(w->f, ID_A, &saved, "text", "newer pump", "priority", "high");
    find_op(w, ID_A);
}

static inline void a_new_record(struct world *w)
{
    struct db_saved saved;

    fixture_applied(w->f, &w->ops.items[0], doc_json(ID_A, 9, "'text':'new pump'"), NULL, "e1");
    must(w->f, db_draft_put(w->f->db, w->f->tasks, NULL, "{\"text\":\"fil\"}", &w->f->err));
    SAVE(w->f, NULL, &saved, "text", "filter");
    take_all(w);
    find_op(w, saved.client_id);
}

/* What was sent more often than one op can name has another op behind it. */
static inline void two_ops_of_one_record(struct world *w)
{
    struct db_saved saved;
    char text[20];

    for (int i = 0; i < 21; i++) {
        snprintf(text, sizeof text, "sent %d", i);
        SAVE(w->f, ID_A, &saved, "text", text);
        take_all(w);
    }
    SAVE(w->f, ID_A, &saved, "text", "last", "notes", "behind");
    struct db_ops ops = fixture_queue(w->f, 2);
    db_op_done(&w->op);
    w->op = ops.items[0];
    memset(&ops.items[0], 0, sizeof ops.items[0]);
    db_ops_done(&ops);
}

static inline void an_op_that_can_not_be_read(struct world *w)
{
    fixture_sql(w->f, "UPDATE sync_queue SET payload = 'x'");
    find_op(w, ID_A);
}

static inline void a_refused_op(struct world *w)
{
    fixture_rejected(w->f, &w->ops.items[0], "unknown_column");
}

/* ---- the sweep ---- */

/* All committed bytes. */
static inline void committed(struct world *w, struct buf *out)
{
    sqlite3_int64 size = 0;
    unsigned char *image = sqlite3_serialize(w->witness, "main", &size, 0);

    assert_non_null(image);
    buf_clear(out);
    buf_append(out, image, (size_t)size);
    sqlite3_free(image);
}

/* A connection that has prepared nothing yet: preparing can fail, too. */
static inline void reopen(struct world *w)
{
    const struct db_options options = { .path = w->f->path,
                                        .vfs = PLANTED_VFS,
                                        .role = DB_SYNCER,
                                        .registry = w->f->reg,
                                        .clock = &w->f->clock,
                                        .no_bell = true };

    db_close(w->f->db);
    w->f->db = NULL;
    must(w->f, db_open(&options, &w->f->db, &w->f->err));
}

struct fault {
    enum planted kind;
    uint32_t length;
};

/* True: the n-th operation has failed; false: there are not so many, and it is done. */
static inline bool fails_at(struct world *w, const struct action *action, struct fault fault,
                            uint32_t n)
{
    struct buf before = { 0 }, after = { 0 };

    if (action->trait != OPENS)
        reopen(w);
    committed(w, &before);
    memset(&w->f->err, 0, sizeof w->f->err);
    planted_arm(fault.kind, n, fault.length);
    enum rc rc = action->act(w);
    bool has_fired = planted_fired();
    planted_arm(PLANTED_NONE, 0, 0);
    /* SQLite can do without some of its memory. */
    if (has_fired && rc == RC_OK && fault.kind == PLANTED_CALL)
        fail_msg("%s: the failure of call %u is not told", action->name, n);
    if (rc && (rc == RC_NOT_FOUND || w->f->err.msg[0] == '\0'))
        fail_msg("%s: the failure of call %u is told as %s", action->name, n, rc_name(rc));
    if (!has_fired && rc)
        fail_msg("%s: %s: %s", action->name, rc_name(rc), w->f->err.msg);
    /* When all calls fail, giving it back does, too. */
    if (rc && fault.length == 1 &&
        sqlite3_exec(w->witness, "BEGIN IMMEDIATE; ROLLBACK", NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: the failure of call %u leaves the store locked", action->name, n);
    committed(w, &after);
    if (rc && action->trait != IN_PARTS && action->trait != OPENS &&
        (before.len != after.len || memcmp(before.data, after.data, before.len) != 0))
        fail_msg("%s: the failure of call %u leaves something behind", action->name, n);
    buf_done(&before);
    buf_done(&after);
    return has_fired;
}

static inline void no_trouble(void *ctx, const struct db_finding *finding)
{
    const struct action *action = ctx;

    if (finding->gravity != DB_NOTE)
        fail_msg("%s: %s", action->name, finding->what);
}

static inline void world_make(struct world *w, const struct action *action)
{
    void *f = NULL;

    memset(w, 0, sizeof *w);
    assert_int_equal(fixture_setup(&f), 0);
    w->f = f;
    assert_int_equal(sqlite3_open(w->f->path, &w->witness), SQLITE_OK);
    base(w);
    if (action->arrange)
        action->arrange(w);
}

static inline void world_remove(struct world *w)
{
    void *f = w->f;

    sqlite3_close(w->witness);
    db_ops_done(&w->ops);
    db_op_done(&w->op);
    fixture_teardown(&f);
}

static inline void sweep(const struct action *action, struct fault fault)
{
    struct world w;
    uint32_t n = 1;

    world_make(&w, action);
    while (fails_at(&w, action, fault, n)) {
        n++;
        if (action->trait != IN_PARTS)
            continue;
        /* What is done already would be done no more. */
        reopen(&w);
        must(w.f, action->act(&w));
        world_remove(&w);
        world_make(&w, action);
    }
    assert_true(n > 1);
    if (action->trait != STAYS_ILL && action->trait != OPENS)
        must(w.f, db_doctor(w.f->db, false, no_trouble, (void *)action, &w.f->err));
    world_remove(&w);
}

static inline void sweep_all(const struct action *actions, size_t count, struct fault fault)
{
    for (size_t i = 0; i < count; i++)
        sweep(&actions[i], fault);
}

#endif
