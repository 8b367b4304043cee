/* The part of a table that is on screen: filtered, and its place after a jump. */
#include "tests/unit/store_fixture.h"
#include "ui/reference.h"
#include "ui/rows.h"

#define MANY 700                        /* several pieces of what is read at once */
#define ROOM 10

static void add_many(struct fixture *f)
{
    struct db_saved saved;
    char text[32];

    must(f, db_batch_begin(f->db, &f->err));
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(text, sizeof text, "task %03d", i);
        SAVE(f, NULL, &saved, "text", text, "priority", i % 100 == 50 ? "high" : "low");
    }
    must(f, db_batch_end(f->db, &f->err));
}

static size_t by_title(struct fixture *f)
{
    for (size_t i = 0; i < f->tasks->sort_count; i++) {
        if (strcmp(f->tasks->sorts[i].name, "title") == 0)
            return i;
    }
    fail_msg("there is no sort by title");
    return 0;
}

static void open_rows(struct fixture *f, struct rows *rows)
{
    *rows = (struct rows){ .table = f->tasks, .sort = by_title(f) };
    must(f, rows_fit(rows, f->db, ROOM, &f->err));
}

static const char *title_at(const struct rows *rows, size_t at)
{
    return rows->items[at].record.values[rows->table->title->index].text;
}

static void a_filter_finds_what_fits_far_apart_from_both_ends(void **state)
{
    struct fixture *f = *state;
    struct rows rows;

    add_many(f);
    open_rows(f, &rows);
    must(f, rows_filter(&rows, "prio:high", f->now, &f->err));
    must(f, rows_first(&rows, f->db, &f->err));
    assert_int_equal(rows.count, 7);
    assert_string_equal(title_at(&rows, 0), "task 050");
    assert_string_equal(title_at(&rows, 6), "task 650");
    must(f, rows_filter(&rows, "task prio:low", f->now, &f->err));
    must(f, rows_last(&rows, f->db, &f->err));
    assert_int_equal(rows.count, ROOM);
    assert_string_equal(title_at(&rows, ROOM - 1), "task 699");
    must(f, rows_move(&rows, f->db, -ROOM, &f->err));
    assert_string_equal(title_at(&rows, 0), "task 689");
    must(f, rows_filter(&rows, NULL, f->now, &f->err));
    must(f, rows_first(&rows, f->db, &f->err));
    assert_string_equal(title_at(&rows, 0), "task 000");
    assert_int_equal(rows.total, MANY);
    rows_done(&rows);
}

static void a_filter_that_cannot_be_read_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct rows rows;

    add_many(f);
    open_rows(f, &rows);
    must(f, rows_filter(&rows, "prio:high", f->now, &f->err));
    assert_int_equal(rows_filter(&rows, "due<never", f->now, &f->err), RC_INVALID);
    assert_string_equal(rows.filter, "prio:high");
    must(f, rows_first(&rows, f->db, &f->err));
    assert_int_equal(rows.count, 7);
    rows_done(&rows);
}

static void finding_looks_only_at_what_the_filter_shows(void **state)
{
    struct fixture *f = *state;
    struct rows rows;

    add_many(f);
    open_rows(f, &rows);
    must(f, rows_filter(&rows, "prio:high", f->now, &f->err));
    must(f, rows_first(&rows, f->db, &f->err));
    assert_int_equal(rows_find(&rows, f->db, "651", 1, &f->err), RC_NOT_FOUND);
    must(f, rows_find(&rows, f->db, "650", 1, &f->err));
    assert_string_equal(title_at(&rows, rows.cursor), "task 650");
    rows_done(&rows);
}

#define FAR 3000                        /* more than one part of a look */

/* One record, "needle", in place FAR; `high` is each 100th. */
static void add_far(struct fixture *f)
{
    struct db_saved saved;
    char text[32];

    must(f, db_batch_begin(f->db, &f->err));
    for (int i = 0; i < FAR + MANY; i++) {
        (void)snprintf(text, sizeof text, i == FAR ? "task %04d needle" : "task %04d", i);
        SAVE(f, NULL, &saved, "text", text, "priority", i % 100 == 50 ? "high" : "low");
    }
    must(f, db_batch_end(f->db, &f->err));
}

/* Looks on to the end; how many parts there were. */
static int look_on(struct fixture *f, struct rows *rows)
{
    bool is_changed;
    int parts = 0;

    for (; rows_has_more_to_look(rows); parts++)
        must(f, rows_look_on(rows, f->db, &is_changed, &f->err));
    return parts;
}

static void a_filter_looks_in_parts_and_shows_what_each_finds(void **state)
{
    struct fixture *f = *state;
    struct rows rows;

    add_far(f);
    open_rows(f, &rows);
    must(f, rows_filter(&rows, "needle", f->now, &f->err));
    must(f, rows_first(&rows, f->db, &f->err));
    assert_int_equal(rows.count, 0);
    assert_true(rows_is_looking(&rows));
    assert_true(look_on(f, &rows) > 2);
    assert_int_equal(rows.count, 1);
    assert_string_equal(title_at(&rows, 0), "task 3000 needle");
    assert_int_equal(rows.total, 1);
    must(f, rows_filter(&rows, "task prio:high", f->now, &f->err));
    must(f, rows_first(&rows, f->db, &f->err));
    look_on(f, &rows);
    assert_int_equal(rows.count, ROOM);
    assert_string_equal(title_at(&rows, 0), "task 0050");
    assert_string_equal(title_at(&rows, ROOM - 1), "task 0950");
    assert_int_equal(rows.total, (FAR + MANY) / 100);
    for (int i = 0; i < 2 * ROOM; i++) {
        must(f, rows_move(&rows, f->db, 1, &f->err));
        look_on(f, &rows);
    }
    assert_string_equal(title_at(&rows, rows.cursor), "task 2050");
    assert_int_equal(rows.first + (int64_t)rows.cursor, 2 * ROOM);
    must(f, rows_turn(&rows, f->db, -ROOM, &f->err));
    look_on(f, &rows);
    assert_string_equal(title_at(&rows, 0), "task 0150");
    must(f, rows_last(&rows, f->db, &f->err));
    look_on(f, &rows);
    assert_int_equal(rows.count, ROOM);
    assert_string_equal(title_at(&rows, rows.cursor), "task 3650");
    assert_int_equal(rows.first + ROOM, rows.total);
    must(f, rows_filter(&rows, "nothing like that", f->now, &f->err));
    must(f, rows_first(&rows, f->db, &f->err));
    look_on(f, &rows);
    assert_int_equal(rows.count, 0);
    assert_int_equal(rows.total, 0);
    rows_done(&rows);
}

static void finding_goes_on_until_it_is_there_or_stopped(void **state)
{
    struct fixture *f = *state;
    struct rows rows;
    bool is_changed;
    enum rc rc = RC_OK;

    add_far(f);
    open_rows(f, &rows);
    must(f, rows_find(&rows, f->db, "needle", 1, &f->err));
    assert_true(rows_is_finding(&rows));
    assert_string_equal(title_at(&rows, rows.cursor), "task 0000");
    rows_stop_finding(&rows);
    assert_false(rows_has_more_to_look(&rows));
    must(f, rows_find(&rows, f->db, "needle", 1, &f->err));
    look_on(f, &rows);
    assert_string_equal(title_at(&rows, rows.cursor), "task 3000 needle");
    must(f, rows_find(&rows, f->db, "0007", -1, &f->err));
    look_on(f, &rows);
    assert_string_equal(title_at(&rows, rows.cursor), "task 0007");
    must(f, rows_find(&rows, f->db, "nowhere", 1, &f->err));
    while (rc == RC_OK && rows_has_more_to_look(&rows))
        rc = rows_look_on(&rows, f->db, &is_changed, &f->err);
    assert_int_equal(rc, RC_NOT_FOUND);
    assert_string_equal(title_at(&rows, rows.cursor), "task 0007");
    rows_done(&rows);
}

/* What is drawn stays where it is when the window would take too long to read again. */
static void a_change_meanwhile_moves_nothing_of_a_filtered_window(void **state)
{
    struct fixture *f = *state;
    struct db_saved saved;
    struct rows rows;

    add_far(f);
    open_rows(f, &rows);
    must(f, rows_filter(&rows, "prio:high needle", f->now, &f->err));
    must(f, rows_first(&rows, f->db, &f->err));
    look_on(f, &rows);
    assert_int_equal(rows.count, 0);
    must(f, rows_filter(&rows, "prio:low needle", f->now, &f->err));
    must(f, rows_first(&rows, f->db, &f->err));
    look_on(f, &rows);
    assert_int_equal(rows.count, 1);
    SAVE(f, rows.items[0].record.client_id, &saved, "text", "task 3000 thread");
    must(f, rows_refresh(&rows, f->db, &f->err));
    assert_string_equal(title_at(&rows, 0), "task 3000 thread");
    must(f, rows_move(&rows, f->db, 1, &f->err));
    assert_int_equal(rows.count, 1);
    rows_done(&rows);
}

static void the_place_after_a_jump_is_counted_when_asked_for(void **state)
{
    struct fixture *f = *state;
    struct rows rows;

    add_many(f);
    open_rows(f, &rows);
    must(f, rows_find(&rows, f->db, "345", 1, &f->err));
    assert_string_equal(title_at(&rows, rows.cursor), "task 345");
    assert_true(rows.first < 0);
    must(f, rows_place(&rows, f->db, &f->err));
    assert_int_equal(rows.first + (int64_t)rows.cursor, 345);
    must(f, rows_move(&rows, f->db, ROOM, &f->err));
    assert_int_equal(rows.first + (int64_t)rows.cursor, 345 + ROOM);
    assert_string_equal(title_at(&rows, rows.cursor), "task 355");
    rows_done(&rows);
}

static size_t find(struct fixture *f, const struct column *column, const char *words,
                   struct reference out[REFERENCE_MATCHES])
{
    struct look look = { 0 };
    size_t count = 0;

    reference_find(&look, words);
    while (look.is_on)
        count = reference_look_on(&look, f->db, f->reg, column, out, count);
    look_done(&look);
    return count;
}

/* Done, or open again, by another connection's hand. */
static void set_column(struct fixture *f, const char *id, const char *column, const char *text)
{
    struct db_saved saved;

    f->now += 1000;
    SAVE(f, id, &saved, column, text);
}

static void show_open(struct fixture *f, struct rows *rows)
{
    add_many(f);
    open_rows(f, rows);
    rows->view = DB_VIEW_OPEN;
    must(f, rows_enter(rows, f->db, &f->err));
}

static void expect_titles(const struct rows *rows, size_t at, const char *const *titles)
{
    for (size_t i = 0; titles[i]; i++)
        assert_string_equal(title_at(rows, at + i), titles[i]);
}

static void a_row_that_is_done_stays_until_the_view_is_entered_again(void **state)
{
    static const char *const first[] = { "task 000", "task 001", "task 002", NULL };
    static const char *const without[] = { "task 000", "task 002", "task 003", NULL };
    struct fixture *f = *state;
    struct rows rows;

    show_open(f, &rows);
    set_column(f, rows.items[1].record.client_id, "isCompleted", "true");
    must(f, rows_refresh(&rows, f->db, &f->err));
    expect_titles(&rows, 0, first);
    must(f, rows_move(&rows, f->db, 1, &f->err));
    expect_titles(&rows, 0, first);
    assert_int_equal(rows.cursor, 1);
    assert_int_equal(rows.first, 0);
    assert_int_equal(rows.total, MANY);
    must(f, rows_last(&rows, f->db, &f->err));
    assert_int_equal(rows.first + (int64_t)rows.count, MANY);
    must(f, rows_first(&rows, f->db, &f->err));
    expect_titles(&rows, 0, first);
    must(f, rows_turn(&rows, f->db, ROOM, &f->err));
    assert_string_equal(title_at(&rows, 0), "task 010");
    must(f, rows_move(&rows, f->db, -2 * ROOM, &f->err));
    expect_titles(&rows, 0, first);
    must(f, rows_fit(&rows, f->db, 2 * ROOM, &f->err));
    expect_titles(&rows, 0, first);
    assert_string_equal(title_at(&rows, 2 * ROOM - 1), "task 019");
    must(f, rows_enter(&rows, f->db, &f->err));
    expect_titles(&rows, 0, without);
    assert_int_equal(rows.total, MANY - 1);
    rows_done(&rows);
}

static void a_row_that_stays_stands_where_it_would_in_another_order(void **state)
{
    struct fixture *f = *state;
    struct rows rows;
    char id[ID_SIZE];

    show_open(f, &rows);
    memcpy(id, rows.items[3].record.client_id, sizeof id);
    set_column(f, id, "isCompleted", "true");
    must(f, rows_refresh(&rows, f->db, &f->err));
    set_column(f, id, "text", "task 300 and a half");   /* while it stays, it is moved */
    must(f, rows_refresh(&rows, f->db, &f->err));
    must(f, rows_move(&rows, f->db, 1, &f->err));
    assert_string_equal(title_at(&rows, 3), "task 004");
    must(f, rows_find(&rows, f->db, "299", 1, &f->err));
    assert_string_equal(title_at(&rows, rows.cursor + 2), "task 300 and a half");
    for (rows.sort = 0; rows.sort < f->tasks->sort_count; rows.sort++) {
        bool is_there = false;

        must(f, rows_first(&rows, f->db, &f->err));
        for (int page = 0; page <= MANY / ROOM && !is_there; page++) {
            for (size_t i = 0; i < rows.count; i++)
                is_there |= strcmp(rows.items[i].record.client_id, id) == 0;
            must(f, rows_turn(&rows, f->db, ROOM, &f->err));
        }
        assert_true(is_there);
    }
    rows_done(&rows);
}

static void a_row_that_fits_again_is_there_once(void **state)
{
    static const char *const first[] = { "task 000", "task 001", "task 002", NULL };
    struct fixture *f = *state;
    struct rows rows;

    show_open(f, &rows);
    set_column(f, rows.items[1].record.client_id, "isCompleted", "true");
    must(f, rows_refresh(&rows, f->db, &f->err));
    set_column(f, rows.items[1].record.client_id, "isCompleted", "false");
    must(f, rows_refresh(&rows, f->db, &f->err));
    must(f, rows_move(&rows, f->db, 1, &f->err));
    expect_titles(&rows, 0, first);
    assert_int_equal(rows.total, MANY);
    rows_done(&rows);
}

static void a_row_that_leaves_the_filter_stays(void **state)
{
    struct fixture *f = *state;
    struct rows rows;

    add_many(f);
    open_rows(f, &rows);
    must(f, rows_filter(&rows, "prio:high", f->now, &f->err));
    must(f, rows_enter(&rows, f->db, &f->err));
    set_column(f, rows.items[2].record.client_id, "priority", "low");
    must(f, rows_refresh(&rows, f->db, &f->err));
    must(f, rows_move(&rows, f->db, 1, &f->err));
    assert_int_equal(rows.count, 7);
    assert_string_equal(title_at(&rows, 2), "task 250");
    must(f, rows_filter(&rows, "650", f->now, &f->err));
    must(f, rows_enter(&rows, f->db, &f->err));
    assert_int_equal(rows.count, 1);
    set_column(f, rows.items[0].record.client_id, "text", "another thing");
    must(f, rows_refresh(&rows, f->db, &f->err));
    must(f, rows_move(&rows, f->db, 1, &f->err));
    assert_int_equal(rows.count, 1);
    assert_string_equal(title_at(&rows, 0), "another thing");
    must(f, rows_enter(&rows, f->db, &f->err));
    assert_int_equal(rows.count, 0);
    rows_done(&rows);
}

static void a_row_that_stays_is_found_by_its_words(void **state)
{
    struct fixture *f = *state;
    struct rows rows;

    add_many(f);
    open_rows(f, &rows);
    must(f, rows_filter(&rows, "prio:high", f->now, &f->err));
    must(f, rows_enter(&rows, f->db, &f->err));
    for (size_t i = 2; i < 5; i++)
        set_column(f, rows.items[i].record.client_id, "priority", "low");
    must(f, rows_refresh(&rows, f->db, &f->err));
    must(f, rows_find(&rows, f->db, "350", 1, &f->err));
    assert_string_equal(title_at(&rows, rows.cursor), "task 350");
    must(f, rows_find(&rows, f->db, "50", 1, &f->err));
    assert_string_equal(title_at(&rows, rows.cursor), "task 450");
    must(f, rows_find(&rows, f->db, "50", 1, &f->err));
    assert_string_equal(title_at(&rows, rows.cursor), "task 550");
    must(f, rows_find(&rows, f->db, "50", -1, &f->err));
    assert_string_equal(title_at(&rows, rows.cursor), "task 450");
    assert_int_equal(rows_find(&rows, f->db, "351", -1, &f->err), RC_NOT_FOUND);
    assert_int_equal(rows_find(&rows, f->db, "350", 1, &f->err), RC_NOT_FOUND);
    assert_int_equal(rows.count, 7);
    rows_done(&rows);
}

static void a_filter_counts_the_rows_that_stay_below_the_screen(void **state)
{
    struct fixture *f = *state;
    struct rows rows;

    add_many(f);
    open_rows(f, &rows);
    must(f, rows_filter(&rows, "prio:low", f->now, &f->err));
    must(f, rows_enter(&rows, f->db, &f->err));
    must(f, rows_last(&rows, f->db, &f->err));
    for (size_t i = ROOM - 3; i < ROOM; i++)
        set_column(f, rows.items[i].record.client_id, "priority", "high");
    must(f, rows_refresh(&rows, f->db, &f->err));
    must(f, rows_first(&rows, f->db, &f->err));
    look_on(f, &rows);
    assert_int_equal(rows.total, MANY - MANY / 100);
    must(f, rows_last(&rows, f->db, &f->err));
    assert_string_equal(title_at(&rows, ROOM - 1), "task 699");
    rows_done(&rows);
}

static void a_reference_is_found_by_words_and_named_by_its_title(void **state)
{
    struct fixture *f = *state;
    const struct column column = { .reference = (char[]){ "tasks" } };
    const struct column unknown = { .reference = (char[]){ "elsewhere" } };
    struct reference found[REFERENCE_MATCHES];
    struct db_saved saved;
    char title[8];

    SAVE(f, NULL, &saved, "text", "North pump house");
    SAVE(f, NULL, &saved, "text", "Gr\303\274\303\237e");
    assert_int_equal(find(f, &column, "PUMP north", found), 1);
    assert_string_equal(found[0].title, "North pump house");
    assert_int_equal(find(f, &column, "valve", found), 0);
    assert_int_equal(find(f, &unknown, "pump", found), 0);
    assert_true(reference_title(f->db, f->reg, &column, found[0].id, title, sizeof title));
    assert_string_equal(title, "North p");
    assert_true(reference_title(f->db, f->reg, &column, saved.client_id, title, 4));
    assert_string_equal(title, "Gr");   /* never half a character */
    assert_false(reference_title(f->db, f->reg, &column, "01890a5d-ac96-774b-bcce-b302099a8057",
                                 title, sizeof title));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
        T(a_filter_finds_what_fits_far_apart_from_both_ends),
        T(a_filter_that_cannot_be_read_changes_nothing),
        T(finding_looks_only_at_what_the_filter_shows),
        T(a_filter_looks_in_parts_and_shows_what_each_finds),
        T(finding_goes_on_until_it_is_there_or_stopped),
        T(a_change_meanwhile_moves_nothing_of_a_filtered_window),
        T(the_place_after_a_jump_is_counted_when_asked_for),
        T(a_row_that_is_done_stays_until_the_view_is_entered_again),
        T(a_row_that_stays_stands_where_it_would_in_another_order),
        T(a_row_that_fits_again_is_there_once),
        T(a_row_that_leaves_the_filter_stays),
        T(a_row_that_stays_is_found_by_its_words),
        T(a_filter_counts_the_rows_that_stay_below_the_screen),
        T(a_reference_is_found_by_words_and_named_by_its_title),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
