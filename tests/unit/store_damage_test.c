#include "db/db.h"
#include "tests/unit/store_fixture.h"

#include <sqlite3.h>

static void run_sql(struct fixture *f, const char *text)
{
    sqlite3 *handle;
    char *message = NULL;

    assert_int_equal(sqlite3_open(f->path, &handle), SQLITE_OK);
    if (sqlite3_exec(handle, text, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", text, message);
    sqlite3_close(handle);
}

/* What a row of the queue may hold after an accident; each is no op that could be sent. */
static const char *const accidents[] = {
    "payload = 'not JSON'", "payload = '{\"text\":\"cut of'", "payload = '[1]'", "payload = ''",
    "payload = '{\"text\":\"a\"},\"x\":{\"text\":\"b\"}'", "payload = CAST(x'7B2274223A22FF227D' AS TEXT)",
    "payload = '{\"a\":1,\"a\":2}'",
    "base = '{'", "base = 'null'", "replaces = 'x'", "replaces = '{}'", "replaces = '[7]'",
    "replaces = '[\"not-an-id\"]'", "op_id = 'x\"y'", "op_id = ''", "record_client_id = '\"'",
    "created_at = -1", "updated_at = 9000000000000000",
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
    run_sql(f, buf_str(&text));
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
        db_ops_done(&ops);
        db_ops_done(&sent);
        sent = fixture_take(f, 2);      /* no answer: the same two again */
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

static void an_edit_makes_an_op_that_can_not_be_read_anew(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old','priority':'low'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    run_sql(f, "UPDATE sync_queue SET payload = 'x', replaces = 'y'");
    SAVE(f, ID_A, &saved, "notes", "n");
    struct db_ops ops = fixture_take(f, 1);
    cJSON *set = quoted(ops.items[0].set), *base = quoted(ops.items[0].base);
    assert_int_equal(cJSON_GetArraySize(set), 2);
    assert_string_equal(json_get_string(set, "text"), "mine");
    assert_string_equal(json_get_string(set, "notes"), "n");
    assert_string_equal(json_get_string(base, "text"), "old");
    assert_false(ops.items[0].is_create);
    cJSON_Delete(set);
    cJSON_Delete(base);
    db_ops_done(&ops);

    SAVE(f, NULL, &saved, "text", "new", "priority", "high");
    struct buf text = { 0 };
    buf_printf(&text, "UPDATE sync_queue SET payload = '' WHERE record_client_id = '%s'", saved.client_id);
    run_sql(f, buf_str(&text));
    buf_done(&text);
    SAVE(f, saved.client_id, &saved, "text", "newer");
    ops = fixture_take(f, 2);
    assert_true(ops.items[1].is_create);
    set = quoted(ops.items[1].set);
    assert_string_equal(json_get_string(set, "text"), "newer");
    assert_string_equal(json_get_string(set, "priority"), "high");
    cJSON_Delete(set);
    db_ops_done(&ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(an_op_that_can_not_be_read_is_set_aside_and_spoils_no_batch),
        T(an_op_that_can_not_be_read_is_shown_exported_and_discarded),
        T(an_edit_makes_an_op_that_can_not_be_read_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
