/* All kinds of terminals, languages, texts and sizes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/clock.h"
#include "tests/terminal/drawing.h"

#define HANG_UPS 5
#define RESIZES 60
#define BIG_ROWS 60
#define BIG_COLS 200

static bool has_raw(const struct term *t, const char *bytes)
{
    return memmem(t->raw.data, t->raw.len, bytes, strlen(bytes)) != NULL;
}

static bool has_color(const struct term *t)
{
    for (char digit = '1'; digit <= '7'; digit++) {
        const char simple[] = { '\033', '[', '3', digit, 'm', '\0' };
        const char bold[] = { '\033', '[', '1', ';', '3', digit, 'm', '\0' };

        if (has_raw(t, simple) || has_raw(t, bold) || has_raw(t, "\033[38;5;"))
            return true;
    }
    return false;
}

static struct term *open_with_a_new_one(struct world *w, const char *const *env)
{
    static const char *const one[] = { "text=Label new breaker panel", NULL };
    struct term *t;

    world_sign_in(w);
    world_backend_down(w);
    world_add(w, one);
    t = world_open(w, 24, 80, env);
    term_wait(t, "+ [ ]   Label new breaker panel");
    term_settle(t, 100);
    return t;
}

static void marks_are_coloured_where_the_terminal_has_colours(void **state)
{
    assert_true(has_color(open_with_a_new_one(*state, NULL)));
}

static void no_color_means_none(void **state)
{
    static const char *const env[] = { "NO_COLOR=1", NULL };

    assert_false(has_color(open_with_a_new_one(*state, env)));
}

static void a_terminal_without_colours_gets_none(void **state)
{
    static const char *const env[] = { "TERM=vt100", NULL };

    assert_false(has_color(open_with_a_new_one(*state, env)));
}

static void a_decimal_comma_in_the_locale_changes_no_number(void **state)
{
    static const char readings[] =
        "{\"name\":\"meterReadings\",\"label\":\"Readings\",\"labelOne\":\"reading\","
        "\"title\":\"meter\",\"list\":[\"meter\",\"value\"],\"columns\":["
        "{\"name\":\"meter\",\"label\":\"Meter\",\"type\":\"text\",\"required\":true},"
        "{\"name\":\"value\",\"label\":\"Value\",\"type\":\"real\"}]}";
    struct world *w = *state;
    char dir[300], locpath[320];
    const char *const env[] = { locpath, "LC_ALL=de_DE.UTF-8", "LANGUAGE=en", NULL };
    const char *const export[] = { "export", "--table", "meterReadings", NULL };
    struct buf lines = { 0 };
    struct term *t;
    int status;
    pid_t pid;

    (void)snprintf(dir, sizeof dir, "%s/de_DE.UTF-8", w->dir);
    pid = fork();
    if (pid == 0) {
        (void)execlp("localedef", "localedef", "-i", "de_DE", "-f", "UTF-8", dir, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (status != 0) {
        print_message("no sources of locales here\n");
        skip();
    }
    (void)snprintf(locpath, sizeof locpath, "LOCPATH=%s", w->dir);
    world_backend_down(w);
    world_write(w, "tables", "readings.json", readings);
    world_write(w, WORLD_TABLES, "readings.json", readings);
    w->has_tables = true;
    world_backend_up(w);
    world_sign_in(w);
    t = world_open(w, 24, 80, env);
    term_wait(t, "No tasks yet");
    term_type(t, KEY_TAB);
    term_wait(t, "No readings yet");
    term_type(t, "aE-7" KEY_TAB "1204.5" KEY_F3);
    term_wait(t, "1204.5");
    term_wait(t, "all changes sent");
    world_output(w, export, &lines);
    assert_non_null(strstr(buf_str(&lines), "1204.5"));
    buf_done(&lines);
}

/* Wide, combining, right to left, invalid: each row is cut by the columns that it takes. */
static void text_of_every_width_stays_in_its_columns(void **state)
{
    static const char *const texts[] = {
        "\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57"
        "\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57"
        "\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57\u6f22\u5b57",
        "e\u0301e\u0301e\u0301 combining",
        "\u05e9\u05dc\u05d5\u05dd right to left",
        "\U0001F469\u200D\U0001F527 at work",
    };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct buf set = { 0 };
        const char *const sets[] = { NULL, "dueAt=2026-11-20", NULL };
        const char *args[3];

        buf_printf(&set, "text=%s", texts[i]);
        memcpy(args, sets, sizeof args);
        args[0] = buf_str(&set);
        world_add(w, args);
        buf_done(&set);
    }
    for (int narrow = 0; narrow < 2; narrow++) {
        int rows = narrow ? 12 : 24, cols = narrow ? 40 : 80, first = narrow ? 1 : 2;

        t = world_open(w, rows, cols, NULL);
        term_wait(t, "right to left");
        term_settle(t, 100);
        for (int i = 0; i < 4; i++) {           /* the date is where it belongs */
            VTermScreenCell cell;
            int col = narrow ? cols - 5 : cols - 12;
            const char *date = narrow ? "11-20" : "2026-11-20";

            for (size_t k = 0; k < strlen(date); k++) {
                (void)vterm_screen_get_cell(
                    t->screen, (VTermPos){ .row = first + i, .col = col + (int)k }, &cell);
                assert_int_equal(cell.chars[0], date[k]);
            }
        }
        assert_non_null(strchr(term_row(t, first), '~'));
    }
}

/* Right to left, with an accent, double width: typed into a field they are stored as they are, and
 * the cursor stands behind them. */
static void text_of_every_direction_can_be_typed(void **state)
{
    static const char text[] = "\u05e9\u05dc\u05d5\u05dd e\u0301 \u6f22";
    const char *const list[] = { "list", "--json", NULL };
    struct world *w = *state;
    struct buf said = { 0 };
    struct term *t;
    int row, col;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    term_type(t, "a");
    term_wait(t, "New task");
    term_type(t, text);
    term_wait(t, text);
    term_settle(t, 100);
    term_cursor(t, &row, &col);
    assert_int_equal(col, 13 + 4 + 1 + 1 + 1 + 2);
    term_type(t, "\177\177\177" KEY_F3);       /* the accent goes with its letter */
    term_wait(t, "[ ]   \u05e9\u05dc\u05d5\u05dd");
    world_output(w, list, &said);
    assert_non_null(strstr(buf_str(&said), "\"\u05e9\u05dc\u05d5\u05dd \""));
    buf_done(&said);
}

static void charset_ascii_sends_nothing_else(void **state)
{
    static const char *const name[] = { "text=S\u00e4ge \u6f22", NULL };
    static const char *const locales[][3] = { { "LC_ALL=C", NULL },
                                              { "LC_ALL=C.UTF-8", NULL },
                                              { "LC_ALL=C.UTF-8", "LANGUAGE=de", NULL } };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_add(w, name);
    world_write(w, "no-config/outpost", "outpost.conf", "charset = ascii\nmarks = utf8\n");
    for (size_t i = 0; i < sizeof locales / sizeof locales[0]; i++) {
        t = world_open(w, 24, 80, locales[i]);
        term_wait(t, "S?ge ?");
        term_type(t, "?");
        term_wait(t, "1/2");
        term_settle(t, 100);
        for (size_t k = 0; k < t->raw.len; k++)
            assert_true((unsigned char)t->raw.data[k] < 0x80);
    }
}

static void bytes_that_are_no_text_do_not_get_in(void **state)
{
    static const char *const name[] = { "text=After the bad one", NULL };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    term_type(t, "a\xff\xc3(\x80Good\xf0\x9f text" KEY_F3);
    term_wait(t, "Good");
    world_add(w, name);                         /* the store is whole */
    term_wait(t, "/2");
    term_settle(t, 100);
    assert_false(has_raw(t, "\xff"));
}

static void a_large_window_is_used(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_seed(w, 100);
    world_sign_in(w);
    t = world_open(w, BIG_ROWS, BIG_COLS, NULL);
    term_wait(t, "Changed");
    term_wait(t, " ONLINE ");
    term_settle(t, 100);
    assert_non_null(strstr(term_row(t, BIG_ROWS - 2), "F1 Help"));
    assert_non_null(strstr(term_row(t, BIG_ROWS - 3), "ONLINE"));
    assert_true(strlen(term_row(t, BIG_ROWS - 4)) > 0);
    assert_true(strlen(term_row(t, 2)) > 150);
}

/* A window that is dragged about: afterwards the screen is as if it had always had that size. */
static void resizing_at_random_moments_ends_in_the_right_screen(void **state)
{
    struct world *w = *state;
    struct buf before = { 0 }, after = { 0 };
    uint64_t dice = 7;
    struct term *t;

    world_seed(w, 100);
    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, " ONLINE   | all changes sent");
    term_type(t, "jg");
    term_wait(t, "   1/");
    term_settle(t, 100);
    drawing_text(w, t, &before);
    for (int i = 0; i < RESIZES; i++) {
        dice = dice * 6364136223846793005u + 1442695040888963407u;
        term_resize(t, 5 + (int)(dice >> 33) % 50, 20 + (int)(dice >> 40) % 150);
        term_type(t, i % 2 ? "j" : "k");
        term_settle(t, (int)(dice >> 50) % 8);
    }
    term_resize(t, 30, 100);
    term_wait(t, "Changed");
    term_resize(t, 24, 80);
    term_wait_gone(t, "Changed");
    term_type(t, "g");
    term_wait(t, "   1/");
    term_settle(t, 100);
    drawing_text(w, t, &after);
    assert_string_equal(buf_str(&before), buf_str(&after));
    buf_done(&before);
    buf_done(&after);
}

static void what_is_pasted_is_text_and_no_command(void **state)
{
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    term_type(t, "a\033[200~Two\nlines q\033[201~" KEY_F3);
    term_wait(t, "[ ]   Two lines q");
    term_type(t, "\033[200~aqqQ\033[201~");     /* in the list: finds that text, and finds none */
    term_settle(t, 300);
    assert_int_equal(waitpid(t->pid, &t->status, WNOHANG), 0);
    assert_true(term_has(t, "aqqQ"));
}

static void a_scan_finds_its_text_or_offers_a_new_record(void **state)
{
    static const char *const tasks[][3] = { { "text=Pump B-16", "dueAt=2026-11-20", NULL },
                                            { "text=Pump B-17", "dueAt=2026-11-21", NULL } };
    struct world *w = *state;
    struct term *t;
    int row, col;

    world_sign_in(w);
    world_add(w, tasks[0]);
    world_add(w, tasks[1]);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "1/2");
    term_type(t, "\002B-17\r");
    term_wait(t, "2/2");
    term_settle(t, 100);
    term_cursor(t, &row, &col);
    assert_non_null(strstr(term_row(t, row), "Pump B-17"));
    term_type(t, "\002xqB-99\r");
    term_wait(t, "xqB-99");
    assert_int_equal(waitpid(t->pid, &t->status, WNOHANG), 0);
}

/* The best of a few: what else the machine does is not the program's. */
static void after_a_hang_up_the_draft_is_on_disk_within_200_ms(void **state)
{
    struct world *w = *state;
    int64_t best = INT64_MAX;

    world_sign_in(w);
    for (int i = 0; i < HANG_UPS; i++) {
        struct term *t = world_open(w, 24, 80, NULL);
        char text[64];
        int64_t start, took;

        term_wait(t, i ? "Draft of" : "No tasks yet");
        if (i)
            term_type(t, "d");
        (void)snprintf(text, sizeof text, "Replace valve %d", i);
        term_type(t, "a");
        term_wait(t, "New task");
        term_type(t, text);
        term_wait(t, text);
        start = clock_mono(&clock_system);
        (void)close(t->slave);
        (void)close(t->master);
        t->master = t->slave = -1;
        assert_int_equal(waitpid(t->pid, &t->status, 0), t->pid);
        took = clock_mono(&clock_system) - start;
        t->pid = 0;
        best = took < best ? took : best;
    }
    print_message("hang-up to exit: %lld ms\n", (long long)best);
    assert_in_range(best, 0, 200);
    term_wait(world_open(w, 24, 80, NULL), "Draft of \"new task\" from");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(marks_are_coloured_where_the_terminal_has_colours),
        IN_A_WORLD(no_color_means_none),
        IN_A_WORLD(a_terminal_without_colours_gets_none),
        IN_A_WORLD(a_decimal_comma_in_the_locale_changes_no_number),
        IN_A_WORLD(text_of_every_width_stays_in_its_columns),
        IN_A_WORLD(text_of_every_direction_can_be_typed),
        IN_A_WORLD(charset_ascii_sends_nothing_else),
        IN_A_WORLD(bytes_that_are_no_text_do_not_get_in),
        IN_A_WORLD(a_large_window_is_used),
        IN_A_WORLD(resizing_at_random_moments_ends_in_the_right_screen),
        IN_A_WORLD(what_is_pasted_is_text_and_no_command),
        IN_A_WORLD(a_scan_finds_its_text_or_offers_a_new_record),
        IN_A_WORLD(after_a_hang_up_the_draft_is_on_disk_within_200_ms),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("terminals", tests, NULL, NULL);
}
