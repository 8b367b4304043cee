#include "db/db.h"
#include "tests/unit/store_fixture.h"

/* What a row of the queue may hold after an accident; each is no op that could be sent. */
static const char *const accidents[] = {
    "payload = 'not JSON'",
    "payload = '{\"text\":\"cut of'",
    "payload = '[1]'",
    "payload = ''",
    "payload = '{\"text\":\"a\"},\"x\":{\"text\":\"b\"}'",
    "payload = CAST(x'7B2274223A22FF227D' AS TEXT)",
    "payload = '{\"a\":1,\"a\":2}'",
    "base = '{'",
    "base = 'null'",
    "replaces = 'x'",
    "replaces = '{}'",
    "replaces = '[7]'",
    "replaces = '[\"not-an-id\"]'",
    "op_id = 'x\"y'",
    "op_id = ''",
    "record_client_id = '\"'",
    "created_at = -1",
    "created_at = 253402300800000",
    "updated_at = 9000000000000000",
};
#define ACCIDENTS (sizeof accidents / sizeof *accidents)

/* Three records wait, and something happens to the second one's op. */
static void break_the_second(struct fixture *f, const char *accident, char ids[3][ID_SIZE])
{
    struct buf text = { 0 };

    for (int i = 0; i < 3; i++) {
        struct db_saved saved;
        SAVE(f, NULL, &saved, "text", "a", "notes", "n");
        memcpy(ids[i], saved.client_id, ID_SIZE);
    }
    buf_printf(&text, "UPDATE sync_queue SET %s WHERE record_client_id = '%s'", accident, ids[1]);
    fixture_sql(f, buf_str(&text));
    buf_done(&text);
}

static void restart(struct fixture *f, bool anew)
{
    db_close(f->db);
    if (anew)
        unlink(f->path);
    f->db = fixture_open(f, DB_SYNCER);
}

static void an_op_that_can_not_be_read_is_set_aside_and_spoils_no_batch(void **state)
{
    struct fixture *f = *state;
    char ids[3][ID_SIZE];

    for (size_t i = 0; i < ACCIDENTS; i++) {
        restart(f, true);
        break_the_second(f, accidents[i], ids);
        restart(f, false);
        struct db_ops sent = { 0 };
        must(f, db_push_take(f->db, 500, 1 << 20, &sent, &f->err));
        if (sent.count != 2)
            fail_msg("%s: %zu ops are sent", accidents[i], sent.count);
        for (size_t k = 0; k < sent.count; k++) {
            struct buf json = { 0 };
            cJSON *read = NULL;
            db_op_encode(&sent.items[k], &json);
            must(f, json_parse(buf_str(&json), json.len, &read, &f->err));
            assert_string_equal(json_get_string(read, "clientId"), ids[k * 2]);
            cJSON_Delete(read);
            buf_done(&json);
        }
        struct db_ops ops = fixture_queue(f, 3);
        assert_int_equal(ops.items[1].state, OP_FAILED);
        assert_string_equal(ops.items[1].error_code, "unreadable");
        assert_non_null(strstr(ops.items[1].error, "can not be read any more"));
        assert_int_equal(ops.items[1].retry_at, 0);
        db_ops_done(&ops);
        db_ops_done(&sent);
        sent = fixture_take(f, 2); /* no answer: the same two again */
        db_ops_done(&sent);
    }
}

static void an_op_that_can_not_be_read_is_shown_exported_and_discarded(void **state)
{
    struct fixture *f = *state;
    char ids[3][ID_SIZE], place[24];

    for (size_t i = 0; i < ACCIDENTS; i++) {
        struct buf json = { 0 };
        struct db_op op = { 0 };
        cJSON *read = NULL;

        restart(f, true);
        break_the_second(f, accidents[i], ids);
        struct db_ops ops = fixture_queue(f, 3);
        snprintf(place, sizeof place, "#%lld", (long long)ops.items[1].seq);
        must(f, db_queue_find(f->db, place, &op, &f->err));
        db_op_to_json(&op, &json);
        if (json_parse(buf_str(&json), json.len, &read, &f->err))
            fail_msg("%s: %s: %s", accidents[i], f->err.msg, buf_str(&json));
        cJSON_Delete(read);
        must(f, db_queue_discard(f->db, &op, 0, &f->err));
        db_op_done(&op);
        db_ops_done(&ops);
        ops = fixture_queue(f, 2);
        db_ops_done(&ops);
        buf_done(&json);
    }
}

static void bytes_that_are_no_text_leave_a_mark_in_what_is_exported(void **state)
{
    char tasks[] = "tasks", set[] = "{\"text\":\"caf\xE9\"}", none[] = "{}", empty[] = "[]";
    const struct db_op op = { .table_name = tasks, .set = set, .base = none, .replaces = empty };
    struct buf json = { 0 };

    (void)state;
    db_op_to_json(&op, &json);
    assert_non_null(strstr(buf_str(&json), "caf\xEF\xBF\xBD"));
    buf_done(&json);
}

/* The export says what is there, and no more. */
static void an_id_of_one_character_is_exported_and_an_op_that_replaces_none_does_not_say_so(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct buf json = { 0 };
    cJSON *read = NULL;

    SAVE(f, NULL, &saved, "text", "new");
    fixture_sql(f, "UPDATE sync_queue SET op_id = 'x'");
    struct db_ops ops = fixture_queue(f, 1);
    db_op_to_json(&ops.items[0], &json);
    must(f, json_parse(buf_str(&json), json.len, &read, &f->err));
    assert_string_equal(json_get_string(read, "opId"), "x");
    assert_null(cJSON_GetObjectItemCaseSensitive(read, "replaces"));
    cJSON_Delete(read);
    buf_done(&json);
    db_ops_done(&ops);
}

static void what_a_discarded_op_held_spoils_no_later_edit(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < ACCIDENTS; i++) {
        struct db_saved saved;
        struct db_op op = { 0 };
        struct buf text = { 0 };

        restart(f, true);
        fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
        SAVE(f, ID_A, &saved, "text", "mine");
        struct db_ops ops = fixture_take(f, 1);
        db_ops_done(&ops);
        buf_printf(&text, "UPDATE sync_queue SET %s", accidents[i]);
        fixture_sql(f, buf_str(&text));
        buf_done(&text);
        must(f, db_queue_find(f->db, "#1", &op, &f->err));
        must(f, db_queue_discard(f->db, &op, 0, &f->err));
        db_op_done(&op);
        SAVE(f, ID_A, &saved, "text", "typed again");
        ops = fixture_take(f, 1);
        assert_string_equal(fixture_text(f, ID_A, "text"), "typed again");
        db_ops_done(&ops);
    }
}

static void a_draft_that_lacks_a_part_is_none(void **state)
{
    static const char *const rows[] = { "NULL, 'i', '{}'", "'tasks', NULL, '{}'",
                                        "'tasks', 'i', NULL" };
    struct fixture *f = *state;
    char *table = NULL, id[ID_SIZE], *json = NULL;
    int64_t at;

    fixture_sql(f, "DROP TABLE drafts; CREATE TABLE drafts (table_name, record_client_id, payload, "
                   "updated_at)");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf text = { 0 };
        buf_printf(&text, "DELETE FROM drafts; INSERT INTO drafts VALUES (%s, 1)", rows[i]);
        fixture_sql(f, buf_str(&text));
        assert_int_equal(db_draft_latest(f->db, &table, id, &json, &at, &f->err), RC_NOT_FOUND);
        assert_int_equal(db_draft_get(f->db, f->tasks, "i", &json, &at, &f->err), RC_NOT_FOUND);
        buf_done(&text);
    }
}

static void an_edit_makes_an_op_that_can_not_be_read_anew(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','priority':'low'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    fixture_sql(f, "UPDATE sync_queue SET payload = 'x', replaces = 'y'");
    SAVE(f, ID_A, &saved, "notes", "n");
    struct db_ops ops = fixture_take(f, 1);
    cJSON *set = quoted(ops.items[0].set), *base = quoted(ops.items[0].base);
    assert_int_equal(cJSON_GetArraySize(set), 2);
    assert_string_equal(json_get_string(set, "text"), "mine");
    assert_string_equal(json_get_string(set, "notes"), "n");
    assert_string_equal(json_get_string(base, "text"), "old");
    assert_false(ops.items[0].is_create);
    assert_string_equal(ops.items[0].replaces, "[]"); /* it has never left */
    cJSON_Delete(set);
    cJSON_Delete(base);
    db_ops_done(&ops);

    SAVE(f, NULL, &saved, "text", "new", "priority", "high");
    struct buf text = { 0 };
    buf_printf(&text, "UPDATE sync_queue SET payload = '' WHERE record_client_id = '%s'",
               saved.client_id);
    fixture_sql(f, buf_str(&text));
    buf_done(&text);
    struct db_ops sent = fixture_queue(f, 2);
    fixture_sql(f, "UPDATE sync_queue SET sent_at = 1 WHERE payload = ''");
    SAVE(f, saved.client_id, &saved, "text", "newer");
    ops = fixture_take(f, 2);
    assert_true(ops.items[1].is_create);
    assert_non_null(strstr(ops.items[1].replaces, sent.items[1].op_id)); /* it may still arrive */
    db_ops_done(&sent);
    set = quoted(ops.items[1].set);
    assert_string_equal(json_get_string(set, "text"), "newer");
    assert_string_equal(json_get_string(set, "priority"), "high");
    cJSON_Delete(set);
    db_ops_done(&ops);
}

/* ---- pages overwritten at random places ---- */

#define RECORDS 200
#define WAITING 60

static uint64_t next_random(uint64_t *seed) /* xorshift64*; Vigna 2016 */
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 2685821657736338717u;
}

/* A store as it is after some days: records, changes that wait, an account, a draft. All of it
 * in the main file. */
static void fill(struct fixture *f)
{
    struct db_account account = { .server = "https://x",
                                  .instance = "i",
                                  .user_id = "u",
                                  .email = "e@x",
                                  .device_id = "d",
                                  .token = "t1",
                                  .refresh = "r1" };
    cJSON *docs = cJSON_CreateArray();
    struct db_saved saved;
    char id[ID_SIZE];

    for (int i = 0; i < RECORDS; i++) {
        snprintf(id, sizeof id, "01890000-0000-7000-8000-%012d", i);
        cJSON_AddItemToArray(
            docs,
            doc_json(id, i + 1, "'notes':'some words, so that a page holds only few of them'"));
    }
    must(f, db_account_write(f->db, &account, &f->err));
    fixture_walk(f, docs, "e1", "c1");
    for (int i = 0; i < WAITING; i++) {
        snprintf(id, sizeof id, "01890000-0000-7000-8000-%012d", i * 3);
        SAVE(f, i % 2 ? id : NULL, &saved, "text", "changed on the device");
    }
    must(f, db_draft_put(f->db, f->tasks, NULL, "{\"text\":\"half\"}", &f->err));
    must(f, db_checkpoint(f->db, true, &f->err));
    db_close(f->db);
    f->db = NULL;
}

/* Everything that commands and screen do with a store; nothing of it may end the program, and a
 * trouble is a sentence. */
static enum rc use(struct fixture *f, struct db *db)
{
    struct db_queue_counts counts;
    struct db_account account = { 0 };
    struct db_pull_tables tables = { 0 };
    struct db_state sync;
    struct db_ops ops = { 0 }, taken = { 0 };
    struct db_saved saved;
    struct db_op op = { 0 };
    char *json = NULL, *name = NULL, id[ID_SIZE];
    int64_t n;
    enum rc worst = RC_OK;

#define TRY(call)                                                                                  \
    do {                                                                                           \
        enum rc rc_ = (call);                                                                      \
        if (rc_ && rc_ != RC_NOT_FOUND)                                                            \
            worst = rc_;                                                                           \
    } while (0)
    for (int view = DB_VIEW_OPEN; view <= DB_VIEW_ALL; view++) {
        struct record_list list = { 0 };
        const struct db_window window = { .table = f->tasks,
                                          .view = (enum db_view)view,
                                          .count = 500,
                                          .find = view == DB_VIEW_ALL ? "device" : NULL };
        TRY(db_window_read(db, &window, &list, &f->err));
        for (size_t i = 0; i < list.count; i++) {
            struct buf text = { 0 };
            record_to_json(&list.items[i], &text);
            buf_done(&text);
        }
        record_list_done(&list);
        TRY(db_count(db, f->tasks, (enum db_view)view, &n, &f->err));
    }
    TRY(db_account_read(db, &account, &f->err));
    db_account_done(&account);
    TRY(db_state_read(db, &sync, &f->err));
    TRY(db_pull_read(db, &tables, &f->err));
    db_pull_tables_done(&tables);
    if (db_draft_latest(db, &name, id, &json, &n, &f->err) == RC_OK) {
        assert_non_null(name);
        assert_non_null(json);
    }
    free(name);
    free(json);
    TRY(db_queue_counts(db, &counts, &f->err));
    TRY(db_queue_list(db, &ops, &f->err));
    for (size_t i = 0; i < ops.count; i++) {
        struct buf text = { 0 };
        cJSON *read = NULL;
        db_op_to_json(&ops.items[i], &text);
        must(f, json_parse(buf_str(&text), text.len, &read, &f->err));
        cJSON_Delete(read);
        buf_done(&text);
    }
    db_ops_done(&ops);
    TRY(fixture_try_save(f, db, NULL, &saved, "text", "after the accident", NULL));
    TRY(fixture_try_save(f, db, "01890000-0000-7000-8000-000000000009", &saved, "text", "edited",
                         NULL));
    TRY(db_queue_find(db, "01890000-0000-7000-8000-000000000009", &op, &f->err));
    if (op.set != NULL)
        TRY(db_queue_discard(db, &op, 4, &f->err));
    db_op_done(&op);
    TRY(db_push_take(db, 500, 1 << 20, &taken, &f->err));
    for (size_t i = 0; i < taken.count; i++) {
        struct buf text = { 0 };
        cJSON *read = NULL;
        db_op_encode(&taken.items[i], &text);
        must(f, json_parse(buf_str(&text), text.len, &read, &f->err));
        cJSON_Delete(read);
        buf_done(&text);
    }
    db_ops_done(&taken);
    TRY(db_check(db, &f->err));
#undef TRY
    return worst;
}

static void count_finding(void *ctx, const struct db_finding *finding)
{
    assert_true(finding->what[0] != '\0');
    *(int *)ctx += finding->gravity != DB_NOTE;
}

static enum rc count_line(void *ctx, const struct buf *json, struct err *err)
{
    cJSON *read = NULL;

    if (json_parse(buf_str(json), json->len, &read, err))
        fail_msg("%s: %s", err->msg, buf_str(json));
    cJSON_Delete(read);
    ++*(int *)ctx;
    return RC_OK;
}

static void write_file(struct fixture *f, const struct buf *bytes)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", ".bell" };

    for (size_t i = 0; i < 4; i++) {
        struct buf path = { 0 };
        buf_printf(&path, "%s%s", f->path, suffixes[i]);
        unlink(buf_str(&path));
        buf_done(&path);
    }
    must(f, file_replace(f->path, bytes->data, bytes->len, 0600, &f->err));
}

/* Is every error a sentence that a person can use? */
static void check_sentence(const struct fixture *f, enum rc rc, const char *where, uint64_t seed)
{
    if (rc == RC_OK || rc == RC_CORRUPT || rc == RC_INVALID || rc == RC_FOREIGN)
        return;
    fail_msg("seed %llu, %s: %s: %s", (unsigned long long)seed, where, rc_name(rc), f->err.msg);
}

static void damage(struct buf *bytes, uint64_t *seed)
{
    int places = 1 + (int)(next_random(seed) % 6);

    for (int i = 0; i < places; i++) {
        size_t at = (size_t)(next_random(seed) % bytes->len),
               len = 1 + (size_t)(next_random(seed) % 600);
        if (next_random(seed) % 4 == 0) {
            at -= at % 4096;
            len = 4096; /* a whole page */
        }
        bool is_zero = next_random(seed) % 3 == 0;
        for (size_t k = at; k < at + len && k < bytes->len; k++)
            bytes->data[k] = is_zero ? 0 : (char)next_random(seed);
    }
}

static void pages_overwritten_anywhere_crash_nothing_and_are_named(void **state)
{
    struct fixture *f = *state;
    struct buf sound = { 0 };
    const char *rounds = getenv("OUTPOST_DAMAGE_ROUNDS");
    uint64_t count = rounds != NULL ? strtoull(rounds, NULL, 10) : 40;
    int refused = 0, rescued = 0;

    fill(f);
    must(f, file_read(f->path, 1 << 24, &sound, &f->err));
    for (uint64_t seed = 1; seed <= count; seed++) {
        struct buf bytes = { 0 };
        struct db_rescued done = { 0 };
        struct db *db = NULL;
        uint64_t random = seed * 7919;
        int lines = 0, findings = 0;

        buf_append(&bytes, sound.data, sound.len);
        damage(&bytes, &random);
        write_file(f, &bytes);
        enum rc rc = db_rescue(f->path, f->reg, count_line, &lines, &done, &f->err);
        check_sentence(f, rc, "rescue", seed);
        assert_int_equal(lines, done.ops + done.records);
        rescued += lines;
        const struct db_options options = {
            .path = f->path, .role = DB_COMMAND, .registry = f->reg, .clock = &f->clock
        };
        rc = db_open(&options, &db, &f->err);
        check_sentence(f, rc, "open", seed);
        if (!rc) {
            rc = use(f, db);
            check_sentence(f, rc, "use", seed);
            check_sentence(f, db_doctor(db, seed % 2 == 0, count_finding, &findings, &f->err),
                           "doctor", seed);
        }
        refused += rc != RC_OK;
        db_close(db);
        buf_done(&bytes);
    }
    /* The damage is noticed mostly, and mostly something can still be had. */
    assert_true(refused > (int)count / 2);
    assert_true(rescued > (int)count * WAITING / 2);
    write_file(f, &sound);
    f->db = fixture_open(f, DB_SYNCER);
    buf_done(&sound);
}

static void a_file_cut_short_is_damaged_and_what_is_left_of_it_is_rescued(void **state)
{
    struct fixture *f = *state;
    struct buf sound = { 0 };

    fill(f);
    must(f, file_read(f->path, 1 << 24, &sound, &f->err));
    for (size_t len = 100; len < sound.len; len += sound.len / 23) {
        struct buf bytes = { 0 };
        struct db_rescued done = { 0 };
        struct db *db = NULL;
        int lines = 0;

        buf_append(&bytes, sound.data, len);
        write_file(f, &bytes);
        enum rc rc = db_rescue(f->path, f->reg, count_line, &lines, &done, &f->err);
        check_sentence(f, rc, "rescue", len);
        const struct db_options options = {
            .path = f->path, .role = DB_COMMAND, .registry = f->reg, .clock = &f->clock
        };
        rc = db_open(&options, &db, &f->err);
        if (!rc)
            rc = use(f, db);
        if (rc != RC_CORRUPT)
            fail_msg("%zu bytes: %s: %s", len, rc_name(rc), f->err.msg);
        assert_non_null(strstr(f->err.msg, "outpost doctor"));
        db_close(db);
        buf_done(&bytes);
    }
    write_file(f, &sound);
    f->db = fixture_open(f, DB_SYNCER);
    buf_done(&sound);
}

static void a_rescue_reads_a_newer_store_and_leaves_it_untouched(void **state)
{
    struct fixture *f = *state;
    struct db_rescued done = { 0 };
    struct buf before = { 0 }, after = { 0 };
    struct db *db = NULL;
    int lines = 0;

    fill(f);
    fixture_sql(f, "PRAGMA user_version = 99; ALTER TABLE tasks RENAME COLUMN shadow TO theirs; "
               "ALTER TABLE sync_queue ADD COLUMN later TEXT");
    must(f, file_read(f->path, 1 << 24, &before, &f->err));
    const struct db_options options = {
        .path = f->path, .role = DB_COMMAND, .registry = f->reg, .clock = &f->clock
    };
    assert_int_equal(db_open(&options, &db, &f->err), RC_FOREIGN);
    must(f, db_rescue(f->path, f->reg, count_line, &lines, &done, &f->err));
    assert_int_equal(done.ops, WAITING);
    assert_int_equal(done.records, WAITING);
    assert_int_equal(done.unreadable_ops + done.unreadable_records, 0);
    must(f, file_read(f->path, 1 << 24, &after, &f->err));
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, before.len);
    fixture_sql(f, "ALTER TABLE tasks RENAME COLUMN theirs TO shadow; PRAGMA user_version = 1");
    f->db = fixture_open(f, DB_SYNCER);
    buf_done(&before);
    buf_done(&after);
}

/* ---- without the pages that say what is where ---- */

static void overwrite_pages(struct fixture *f, const struct buf *sound, size_t count)
{
    struct buf bytes = { 0 };

    buf_append(&bytes, sound->data, sound->len);
    memset(bytes.data, 0xA5, count * 4096);
    write_file(f, &bytes);
    buf_done(&bytes);
}

static enum rc rescue_lines(struct fixture *f, struct db_rescued *done)
{
    int lines = 0;

    memset(done, 0, sizeof *done);
    enum rc rc = db_rescue(f->path, f->reg, count_line, &lines, done, &f->err);
    assert_int_equal(lines, done->ops + done->records);
    return rc;
}

static void without_the_schema_what_waits_on_the_pages_that_are_left_is_rescued(void **state)
{
    struct fixture *f = *state;
    struct buf sound = { 0 };
    struct db_rescued done;
    int64_t last = 2 * WAITING;

    fill(f);
    must(f, file_read(f->path, 1 << 24, &sound, &f->err));
    for (size_t pages = 1; pages <= sound.len / 4096; pages++) {
        overwrite_pages(f, &sound, pages);
        enum rc rc = rescue_lines(f, &done);
        if (pages == 1) { /* the header, and the root of the schema */
            assert_int_equal(done.ops, WAITING);
            assert_int_equal(done.records, WAITING);
        }
        /* The root of the queue's tree is page 2, and its leaves lie behind it. */
        if (pages == 4 && done.ops < WAITING / 2)
            fail_msg("%lld changes", (long long)done.ops);
        if (rc != (done.ops + done.records > 0 ? RC_OK : RC_CORRUPT))
            fail_msg("%zu pages: %s: %s", pages, rc_name(rc), f->err.msg);
        assert_true(done.ops + done.records <= last);
        last = done.ops + done.records;
    }
    assert_int_equal(last, 0);
    write_file(f, &sound);
    f->db = fixture_open(f, DB_SYNCER);
    buf_done(&sound);
}

static enum rc keep_line(void *ctx, const struct buf *json, struct err *err)
{
    (void)err;
    buf_append(ctx, json->data, json->len);
    buf_putc(ctx, '\n');
    return RC_OK;
}

/* The ops lay on the pages that are gone; their records are there, and nothing says which columns
 * they have but the definitions. */
static void a_record_whose_op_and_schema_are_destroyed_is_rescued_with_its_columns(void **state)
{
    struct fixture *f = *state;
    struct buf sound = { 0 }, said = { 0 };
    struct db_rescued done;
    struct db_saved saved;

    SAVE(f, NULL, &saved, "text", "the only one", "isCompleted", "yes", "dueAt", "2026-11-24");
    must(f, db_checkpoint(f->db, true, &f->err));
    db_close(f->db);
    must(f, file_read(f->path, 1 << 24, &sound, &f->err));
    overwrite_pages(f, &sound, 2);
    must(f, db_rescue(f->path, f->reg, keep_line, &said, &done, &f->err));
    assert_int_equal(done.ops, 0);
    assert_int_equal(done.records, 1);
    assert_non_null(strstr(buf_str(&said), "{\"table\":\"tasks\",\"clientId\":\""));
    assert_non_null(strstr(buf_str(&said), "\"set\":{\"text\":\"the only one\""));
    assert_non_null(strstr(buf_str(&said), "\"isCompleted\":true"));
    assert_non_null(strstr(buf_str(&said), "\"dueAt\":\"2026-11-24\""));
    write_file(f, &sound);
    f->db = fixture_open(f, DB_SYNCER);
    buf_done(&sound);
    buf_done(&said);
}

static void a_long_change_and_one_that_is_only_in_the_wal_are_rescued_without_the_schema(
    void **state)
{
    struct fixture *f = *state;
    struct buf main_file = { 0 }, wal = { 0 }, path = { 0 };
    struct db_rescued done;
    struct db_saved saved;
    char notes[20000];

    memset(notes, 'n', sizeof notes - 1);
    notes[sizeof notes - 1] = '\0';
    SAVE(f, NULL, &saved, "text", "long", "notes", notes);
    must(f, db_checkpoint(f->db, true, &f->err));
    SAVE(f, NULL, &saved, "text", "only in the WAL");
    buf_printf(&path, "%s-wal", f->path);
    must(f, file_read(f->path, 1 << 24, &main_file, &f->err));
    must(f, file_read(buf_str(&path), 1 << 24, &wal, &f->err));
    db_close(f->db);
    memset(main_file.data, 0xA5, 4096);
    write_file(f, &main_file);
    must(f, file_replace(buf_str(&path), wal.data, wal.len, 0600, &f->err));
    must(f, rescue_lines(f, &done));
    assert_int_equal(done.ops, 2);
    unlink(f->path);
    unlink(buf_str(&path));
    f->db = fixture_open(f, DB_SYNCER);
    buf_done(&main_file);
    buf_done(&wal);
    buf_done(&path);
}

/* SQLite may leave in the file what it has given up, here: the pages of before, behind the others. */
static void what_was_accepted_long_ago_does_not_come_back_with_a_rescue(void **state)
{
    struct fixture *f = *state;
    struct buf before = { 0 }, after = { 0 };
    struct db_rescued done;
    struct db_saved saved;

    for (int i = 0; i < WAITING; i++)
        SAVE(f, NULL, &saved, "text", "accepted");
    must(f, db_checkpoint(f->db, true, &f->err));
    must(f, file_read(f->path, 1 << 24, &before, &f->err));
    struct db_ops ops = fixture_take(f, WAITING);
    for (int i = 0; i < WAITING - 1; i++)
        fixture_applied(f, &ops.items[i],
                        doc_json(ops.items[i].client_id, i + 1, "'text':'accepted'"), NULL, "e1");
    db_ops_done(&ops);
    must(f, db_checkpoint(f->db, true, &f->err));
    db_close(f->db);
    must(f, file_read(f->path, 1 << 24, &after, &f->err));
    buf_append(&after, before.data, before.len);
    overwrite_pages(f, &after, 1);
    must(f, rescue_lines(f, &done));
    assert_int_equal(done.ops, 1);
    assert_int_equal(done.records, 1);
    unlink(f->path);
    f->db = fixture_open(f, DB_SYNCER);
    buf_done(&before);
    buf_done(&after);
}

/* A hand, or a page, has taken the queue out of the schema: the rest is read as ever. */
static void changes_whose_table_is_in_no_schema_are_rescued_with_the_records(void **state)
{
    struct fixture *f = *state;
    struct db_rescued done;

    fill(f);
    fixture_sql(f, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE "
               "sync_queue (', rootpage = 9999 WHERE name = 'sync_queue'");
    must(f, rescue_lines(f, &done));
    assert_int_equal(done.ops, WAITING);
    assert_int_equal(done.records, WAITING);
    unlink(f->path);
    f->db = fixture_open(f, DB_SYNCER);
}

/* ---- doctor ---- */

static int findings_of(struct fixture *f, bool is_repairing)
{
    int n = 0;

    must(f, db_doctor(f->db, is_repairing, count_finding, &n, &f->err));
    return n;
}

static void what_is_broken_is_found_and_repaired_without_losing_anything(void **state)
{
    static const char *const breakages[] = {
        "UPDATE sync_queue SET payload = 'x' WHERE seq = (SELECT min(seq) FROM sync_queue)",
        "UPDATE sync_queue SET op_id = 'x' WHERE seq = (SELECT max(seq) FROM sync_queue)",
        "DELETE FROM sync_queue WHERE seq IN (SELECT seq FROM sync_queue LIMIT 7)",
        "UPDATE tasks SET sync_status = 'synced'",
        "UPDATE sync_counts SET n = n + 5",
        "DELETE FROM sync_counts",
        "UPDATE sync_state SET waiting = 3",
        "DELETE FROM sync_state",
    };
    struct fixture *f = *state;

    fill(f);
    for (size_t i = 0; i < sizeof breakages / sizeof *breakages; i++) {
        f->db = fixture_open(f, DB_SYNCER);
        assert_int_equal(findings_of(f, false), 0);
        fixture_sql(f, breakages[i]);
        if (findings_of(f, false) == 0)
            fail_msg("not found: %s", breakages[i]);
        findings_of(f, true);
        if (findings_of(f, false) != 0)
            fail_msg("not repaired: %s", breakages[i]);
        struct db_ops ops = fixture_queue(f, WAITING);
        db_ops_done(&ops);
        assert_int_equal(fixture_count(f, DB_VIEW_ALL), RECORDS + WAITING / 2);
        assert_string_equal(fixture_text(f, "01890000-0000-7000-8000-000000000009", "text"),
                            "changed on the device");
        assert_int_equal(fixture_mark(f, "01890000-0000-7000-8000-000000000009"), MARK_CHANGED);
        db_close(f->db);
    }
    f->db = fixture_open(f, DB_SYNCER);
    /* What was made anew is sent like any other. */
    struct db_ops ops = fixture_take(f, WAITING);
    for (size_t i = 0; i < ops.count; i++) {
        cJSON *set = quoted(ops.items[i].set);
        assert_string_equal(json_get_string(set, "text"), "changed on the device");
        cJSON_Delete(set);
    }
    db_ops_done(&ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(an_op_that_can_not_be_read_is_set_aside_and_spoils_no_batch),
        T(an_op_that_can_not_be_read_is_shown_exported_and_discarded),
        T(bytes_that_are_no_text_leave_a_mark_in_what_is_exported),
        T(an_id_of_one_character_is_exported_and_an_op_that_replaces_none_does_not_say_so),
        T(what_a_discarded_op_held_spoils_no_later_edit),
        T(an_edit_makes_an_op_that_can_not_be_read_anew),
        T(a_draft_that_lacks_a_part_is_none),
        T(pages_overwritten_anywhere_crash_nothing_and_are_named),
        T(a_file_cut_short_is_damaged_and_what_is_left_of_it_is_rescued),
        T(a_rescue_reads_a_newer_store_and_leaves_it_untouched),
        T(without_the_schema_what_waits_on_the_pages_that_are_left_is_rescued),
        T(a_record_whose_op_and_schema_are_destroyed_is_rescued_with_its_columns),
        T(a_long_change_and_one_that_is_only_in_the_wal_are_rescued_without_the_schema),
        T(what_was_accepted_long_ago_does_not_come_back_with_a_rescue),
        T(changes_whose_table_is_in_no_schema_are_rescued_with_the_records),
        T(what_is_broken_is_found_and_repaired_without_losing_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
