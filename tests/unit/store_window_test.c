#include "db/db.h"
#include "tests/unit/store_fixture.h"

/* Reads a window and gives its titles, joined by spaces. Static storage. */
static const char *titles(struct fixture *f, struct db_window w)
{
    static struct buf out;
    struct record_list list;

    buf_done(&out);
    w.table = f->tasks;
    must(f, db_window_read(f->db, &w, &list, &f->err));
    for (size_t i = 0; i < list.count; i++) {
        const struct value *v = &list.items[i].values[f->tasks->title->index];
        buf_printf(&out, "%s%s", i > 0 ? " " : "", v->kind == VALUE_NULL ? "-" : v->text);
    }
    record_list_done(&list);
    return buf_str(&out);
}

static size_t sort_named(struct fixture *f, const char *name)
{
    for (size_t i = 0; i < f->tasks->sort_count; i++)
        if (strcmp(f->tasks->sorts[i].name, name) == 0)
            return i;
    fail_msg("no sort %s", name);
    return 0;
}

static void add_some(struct fixture *f)
{
    struct db_saved s;

    SAVE(f, NULL, &s, "text", "delta", "dueAt", "2026-01-04", "priority", "low");
    f->now++;
    SAVE(f, NULL, &s, "text", "Alpha", "priority", "high", "isCompleted", "yes");
    f->now++;
    SAVE(f, NULL, &s, "text", "charlie", "dueAt", "2026-01-02");
    f->now++;
    SAVE(f, NULL, &s, "text", "bravo", "dueAt", "2026-01-03", "priority", "normal", "isCompleted", "yes");
    f->now++;
    SAVE(f, NULL, &s, "text", "echo");
}

static void views_and_sorts_show_what_they_say(void **state)
{
    struct fixture *f = *state;

    add_some(f);
    struct db_window w = { .view = DB_VIEW_ALL, .from = DB_FROM_START, .count = 10, .sort = sort_named(f, "title") };
    assert_string_equal(titles(f, w), "Alpha bravo charlie delta echo");
    w.view = DB_VIEW_OPEN;
    assert_string_equal(titles(f, w), "charlie delta echo");
    w.view = DB_VIEW_DONE;
    assert_string_equal(titles(f, w), "Alpha bravo");
    w.view = DB_VIEW_ALL;
    w.sort = sort_named(f, "due");
    assert_string_equal(titles(f, w), "charlie bravo delta Alpha echo");
    w.sort = sort_named(f, "priority");
    assert_string_equal(titles(f, w), "Alpha bravo delta echo charlie");
    w.sort = sort_named(f, "changed");
    assert_string_equal(titles(f, w), "echo bravo charlie Alpha delta");
    w.from = DB_FROM_END;
    w.count = 2;
    assert_string_equal(titles(f, w), "Alpha delta");
    assert_int_equal(fixture_count(f, DB_VIEW_OPEN), 3);
    assert_int_equal(fixture_count(f, DB_VIEW_DONE), 2);
}

/* Walks the whole list in windows of `size`, down and up again, and compares with one big window. */
static void check_paging(struct fixture *f, size_t sort, enum db_view view, size_t size, size_t total)
{
    struct record_list all, part;
    struct db_window w = { .table = f->tasks, .view = view, .sort = sort, .from = DB_FROM_START, .count = total + 5 };

    must(f, db_window_read(f->db, &w, &all, &f->err));
    size_t at = 0;
    w.count = size;
    must(f, db_window_read(f->db, &w, &part, &f->err));
    while (part.count > 0) {
        for (size_t i = 0; i < part.count; i++, at++)
            assert_string_equal(part.items[i].client_id, all.items[at].client_id);
        struct db_window next = w;
        struct record last = part.items[part.count - 1];
        struct record_list more;
        next.from = DB_FROM_AFTER;
        next.key = &last.key;
        next.client_id = last.client_id;
        must(f, db_window_read(f->db, &next, &more, &f->err));
        record_list_done(&part);
        part = more;
    }
    assert_int_equal(at, all.count);
    w.from = DB_FROM_BEFORE;
    w.key = &all.items[all.count - 1].key;
    w.client_id = all.items[all.count - 1].client_id;
    record_list_done(&part);
    must(f, db_window_read(f->db, &w, &part, &f->err));
    for (size_t i = 0; i < part.count; i++)
        assert_string_equal(part.items[i].client_id, all.items[all.count - 1 - part.count + i].client_id);
    w.from = DB_FROM_AT;
    record_list_done(&part);
    must(f, db_window_read(f->db, &w, &part, &f->err));
    assert_int_equal(part.count, 1);
    assert_string_equal(part.items[0].client_id, w.client_id);
    record_list_done(&part);
    record_list_done(&all);
}

static void paging_meets_every_record_once_in_every_order(void **state)
{
    struct fixture *f = *state;
    const char *const priorities[] = { "", "low", "normal", "high" };
    struct db_saved s;
    char text[32], due[16];

    must(f, db_batch_begin(f->db, &f->err));
    for (int i = 0; i < 97; i++) {
        snprintf(text, sizeof text, "t%d", i % 7);
        snprintf(due, sizeof due, "2026-01-%02d", i % 5 + 1);
        SAVE(f, NULL, &s, "text", text, "dueAt", i % 3 == 0 ? "" : due, "priority", priorities[i % 4], "isCompleted",
             i % 2 == 0 ? "yes" : "no");
        f->now += i % 2;
    }
    must(f, db_batch_end(f->db, &f->err));
    for (size_t sort = 0; sort < f->tasks->sort_count; sort++)
        for (size_t size = 1; size <= 50; size += 7) {
            check_paging(f, sort, DB_VIEW_ALL, size, 97);
            check_paging(f, sort, DB_VIEW_OPEN, size, 97);
            check_paging(f, sort, DB_VIEW_DONE, size, 97);
        }
}

static void finding_looks_for_all_words_in_any_case(void **state)
{
    struct fixture *f = *state;
    struct db_saved s;

    SAVE(f, NULL, &s, "text", "Replace Valve V-14", "notes", "north pump house");
    SAVE(f, NULL, &s, "text", "Replace strainer");
    SAVE(f, NULL, &s, "text", "Überprüfen der Pumpe");
    struct db_window w = { .view = DB_VIEW_ALL, .from = DB_FROM_START, .count = 10, .sort = sort_named(f, "title") };
    w.find = "VALVE pump";
    assert_string_equal(titles(f, w), "Replace Valve V-14");
    w.find = "replace";
    assert_string_equal(titles(f, w), "Replace strainer Replace Valve V-14");
    w.find = "uberprufen";
    assert_string_equal(titles(f, w), "Überprüfen der Pumpe");
    w.find = "nothing";
    assert_string_equal(titles(f, w), "");
}

/* "alpha" in the list of five, two rows looked at each time; what is found, and how far it got. */
static void finding_in_parts_meets_what_finding_at_once_meets(void **state)
{
    struct fixture *f = *state;
    struct db_edge edge = { 0 };
    struct db_window w = { .view = DB_VIEW_ALL, .from = DB_FROM_START, .count = 10, .find = "a",
                           .look_max = 2, .edge = &edge, .sort = sort_named(f, "title") };
    struct value key = { 0 };
    char client_id[ID_SIZE];
    struct buf found = { 0 };

    add_some(f);
    for (int part = 0; part < 3; part++) {
        buf_printf(&found, "%s|", titles(f, w));
        assert_int_equal(edge.looked, part < 2 ? 2 : 1);
        assert_int_equal(edge.has_more, part < 2);
        value_done(&key);
        key = edge.key;
        memcpy(client_id, edge.client_id, ID_SIZE);
        edge = (struct db_edge){ 0 };
        w.from = DB_FROM_AFTER;
        w.key = &key;
        w.client_id = client_id;
    }
    assert_string_equal(buf_str(&found), "Alpha bravo|charlie delta||");
    value_done(&key);
    w.from = DB_FROM_END;
    w.count = 1;
    assert_string_equal(titles(f, w), "delta");
    assert_int_equal(edge.looked, 2);
    assert_true(edge.has_more);         /* the room was used up */
    value_done(&edge.key);
    buf_done(&found);
}

static void a_prefix_of_an_id_finds_its_record(void **state)
{
    struct fixture *f = *state;
    char id[ID_SIZE];

    cJSON *docs = array_of(doc_json("01890000-0000-7000-8000-00000000000a", 1, ""));
    cJSON_AddItemToArray(docs, doc_json("01891111-0000-7000-8000-00000000000b", 2, ""));
    fixture_walk(f, docs, "e1", "c1");
    must(f, db_record_find(f->db, f->tasks, "018911", id, &f->err));
    assert_string_equal(id, "01891111-0000-7000-8000-00000000000b");
    must(f, db_record_find(f->db, f->tasks, "01890000-0000-7000-8000-00000000000A", id, &f->err));
    assert_int_equal(db_record_find(f->db, f->tasks, "0189", id, &f->err), RC_INVALID);
    assert_int_equal(db_record_find(f->db, f->tasks, "02", id, &f->err), RC_NOT_FOUND);
    assert_int_equal(db_record_find(f->db, f->tasks, "", id, &f->err), RC_NOT_FOUND);
    assert_int_equal(db_record_find(f->db, f->tasks, "%' OR 1", id, &f->err), RC_NOT_FOUND);
}

static void a_rank_is_the_place_of_a_row_in_every_view_and_order(void **state)
{
    struct fixture *f = *state;
    struct record_list all;
    int64_t rank;

    add_some(f);
    for (size_t sort = 0; sort < f->tasks->sort_count; sort++) {
        for (int view = DB_VIEW_OPEN; view <= DB_VIEW_ALL; view++) {
            struct db_window w = { .table = f->tasks, .view = (enum db_view)view, .sort = sort, .count = 10 };
            must(f, db_window_read(f->db, &w, &all, &f->err));
            assert_true(all.count >= 2);
            for (size_t i = 0; i < all.count; i++) {
                w.key = &all.items[i].key;
                w.client_id = all.items[i].client_id;
                must(f, db_window_rank(f->db, &w, &rank, &f->err));
                assert_int_equal(rank, i);
            }
            record_list_done(&all);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(views_and_sorts_show_what_they_say),
        T(paging_meets_every_record_once_in_every_order),
        T(a_rank_is_the_place_of_a_row_in_every_view_and_order),
        T(finding_looks_for_all_words_in_any_case),
        T(finding_in_parts_meets_what_finding_at_once_meets),
        T(a_prefix_of_an_id_finds_its_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
