/* What only a mutant of the store had shown to be untested. */
#include "db/db.h"
#include "tests/unit/store_fixture.h"

/* Its op alone would bring the edited column and nothing else of the record. */
static void a_pending_record_that_a_restored_backend_lacks_goes_up_whole(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'pump','notes':'behind the wall'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "new pump");
    fixture_walk(f, array_of(NULL), "e2", "d1");
    struct db_ops ops = fixture_queue(f, 1);
    assert_true(ops.items[0].is_create);
    assert_non_null(strstr(ops.items[0].set, "\"text\":\"new pump\""));
    assert_non_null(strstr(ops.items[0].set, "\"notes\":\"behind the wall\""));
    db_ops_done(&ops);
}

static void a_new_record_waits_as_it_is_while_a_new_epoch_is_walked(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(NULL), "e1", "c1");
    SAVE(f, NULL, &saved, "text", "new");
    struct db_ops before = fixture_queue(f, 1);
    fixture_walk(f, array_of(NULL), "e2", "d1");
    struct db_ops after = fixture_queue(f, 1);
    assert_string_equal(after.items[0].op_id, before.items[0].op_id);
    db_ops_done(&before);
    db_ops_done(&after);
}

static void a_record_that_went_while_its_op_was_under_way_comes_back_as_ours(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_sql(f, "DELETE FROM tasks");
    fixture_applied(f, &sent.items[0], doc_json(ID_A, 6, "'text':'mine'"), NULL, "e1");
    assert_string_equal(fixture_text(f, ID_A, "text"), "mine");
    db_ops_done(&sent);
    /* Ours: a restored backend that lacks it gets it again. */
    fixture_walk(f, array_of(NULL), "e2", "d1");
    struct db_ops again = fixture_queue(f, 1);
    assert_string_equal(again.items[0].client_id, ID_A);
    db_ops_done(&again);
}

static void an_op_is_exported_with_all_that_is_known_of_it(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct buf json = { 0 }, want = { 0 };

    fixture_walk(f, array_of(doc_json(ID_A, 5, "'text':'old'")), "e1", "c1");
    SAVE(f, ID_A, &saved, "text", "lost");
    struct db_ops lost = fixture_take(f, 1);
    SAVE(f, ID_A, &saved, "text", "mine");
    struct db_ops sent = fixture_take(f, 1);
    fixture_rejected(f, &sent.items[0], "invalid_value");
    struct db_ops ops = fixture_queue(f, 1);
    const struct db_op *op = &ops.items[0];
    db_op_to_json(op, &json);
    buf_printf(&want,
               "{\"opId\":\"%s\",\"table\":\"tasks\",\"clientId\":\"%s\",\"operation\":\"update\",\"set\":"
               "{\"text\":\"mine\"},\"base\":{\"text\":\"old\"},\"createdAt\":%lld,\"updatedAt\":%lld,\"replaces\":"
               "[\"%s\"],\"state\":\"queued\",\"retryCount\":1,\"sentAt\":%lld,\"retryAt\":%lld,\"error\":\"not so\","
               "\"errorCode\":\"invalid_value\"}",
               sent.items[0].op_id, ID_A, (long long)op->created_at, (long long)op->updated_at, lost.items[0].op_id,
               (long long)f->now, (long long)f->now + 1000);
    assert_string_equal(buf_str(&json), buf_str(&want));
    buf_done(&json);
    buf_done(&want);
    db_ops_done(&lost);
    db_ops_done(&sent);
    db_ops_done(&ops);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_pending_record_that_a_restored_backend_lacks_goes_up_whole),
        T(a_new_record_waits_as_it_is_while_a_new_epoch_is_walked),
        T(a_record_that_went_while_its_op_was_under_way_comes_back_as_ours),
        T(an_op_is_exported_with_all_that_is_known_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
