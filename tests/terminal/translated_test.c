/* Every screen in a language whose texts are 40 % longer (longer.py): nothing is drawn over, what
 * does not fit is cut at `~`, and no row wraps, so that all stands in its row as in English.
 *
 * Each longer text is the English one, a filler of `=`, and a `}`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "tests/terminal/drawing.h"
#include "tests/terminal/gate.h"

#define SETTLE_MS 250
#define END_OF_STEPS                                                                               \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

static void shell(const char *script, const char *arg)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        (void)execl("/bin/sh", "sh", "-euc", script, "sh", arg, SOURCE_DIR, (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static int make(void **state)
{
    struct world *w;
    char dir[300];

    if (world_make(state) != 0)
        return -1;
    w = *state;
    (void)snprintf(dir, sizeof dir, "%s/locale", w->dir);
    shell("mkdir -p \"$1/xx/LC_MESSAGES\"\n"
          "python3 \"$2/tests/terminal/longer.py\" \"$2/po/outpost.pot\" > \"$1/xx.po\"\n"
          "msgfmt --check-format -o \"$1/xx/LC_MESSAGES/outpost.mo\" \"$1/xx.po\"\n",
          dir);
    return 0;
}

static void print_screen(struct term *t, const char *why)
{
    struct buf text = { 0 };

    term_text(t, &text);
    print_error("%s:\n%s", why, buf_str(&text));
    buf_done(&text);
}

/* Each filler goes on to its end or to the mark of a cut. */
static bool is_whole(struct term *t)
{
    for (int row = 0; row < t->rows; row++) {
        const char *text = term_row(t, row), *at = text;

        while ((at = strchr(at, '=')) != NULL) {
            at += strspn(at, "=");
            if (*at != '}' && *at != '~') {
                print_error("row %d is drawn over, or cut without a mark: %s\n", row, text);
                return false;
            }
        }
    }
    return true;
}

/* The first word of each row is where it is in English, and is the same word, perhaps cut. */
static bool stands_as_in_english(struct term *t, const struct buf *english)
{
    const char *want = buf_str(english);

    for (int row = 0; row < t->rows; row++, want += strcspn(want, "\n") + 1) {
        const char *text = term_row(t, row);
        size_t col = strspn(text, " "), wanted_col = strspn(want, " ");
        size_t len = strcspn(text + col, " =~}"), wanted_len = strcspn(want + wanted_col, " \n~");

        if (wanted_len == 0 && text[col] == '\0')
            continue;
        if (wanted_len == 0 && row == t->rows - 1)      /* an error that was too long for its place */
            continue;
        if (col == wanted_col && len <= wanted_len &&
            memcmp(text + col, want + wanted_col, len) == 0)
            continue;
        print_error("row %d is not that of the English one: %.*s\n", row, (int)strcspn(want, "\n"),
                    want);
        return false;
    }
    return true;
}

static bool check_one(struct world *w, int rows, int cols, const struct step *there,
                      const struct step *back, bool has_fixed_rows)
{
    char dir[300];
    const char *const longer[] = { "LANGUAGE=xx", dir, NULL };
    struct buf english = { 0 };
    struct term *t = world_open(w, rows, cols, NULL);
    bool is_good;

    drawing_walk(t, there);
    term_settle(t, SETTLE_MS);
    term_text(t, &english);
    if (back) {
        drawing_walk(t, back);
        term_settle(t, SETTLE_MS);
    }
    (void)snprintf(dir, sizeof dir, "TEXTDOMAINDIR=%s/locale", w->dir);
    t = world_open(w, rows, cols, longer);
    drawing_walk(t, there);
    term_settle(t, SETTLE_MS);
    is_good = term_has(t, "="); /* it is translated */
    if (is_good)
        is_good = is_whole(t) && (!has_fixed_rows || stands_as_in_english(t, &english));
    if (!is_good)
        print_screen(t, "the longer one");
    if (back) {
        drawing_walk(t, back);
        term_settle(t, SETTLE_MS);
    }
    world_close(w);
    buf_done(&english);
    return is_good;
}

static void check(struct world *w, const struct step *there, const struct step *back,
                  bool has_fixed_rows)
{
    bool is_good = check_one(w, 24, 80, there, back, has_fixed_rows);

    is_good &= check_one(w, 12, 40, there, back, has_fixed_rows);
    assert_true(is_good);
}

static void signing_in(void **state)
{
    static const struct step there[] = {
        { NULL, "not signed in" },
        { WORLD_EMAIL KEY_TAB "wrong one" KEY_ENTER, "! Wrong user name" },
        END_OF_STEPS,
    };

    check(*state, there, NULL, false);
}

static void the_first_sync(void **state)
{
    static const struct step there[] = { { NULL, "of 300" }, END_OF_STEPS };
    static const struct step stopped[] = { { NULL, "Trying again by" }, END_OF_STEPS };
    static const struct step sign_in[] = {
        { NULL, "not signed in" },
        { WORLD_EMAIL KEY_TAB WORLD_PASSWORD KEY_ENTER, "100 of 300" },
        END_OF_STEPS,
    };
    struct world *w = *state;
    struct gate gate;

    world_seed(w, 300);
    gate_open(&gate, w->port, "getAllForUser", 2);
    (void)snprintf(w->server, sizeof w->server, "%s", gate.url);
    drawing_walk(world_open(w, 24, 80, NULL), sign_in);
    world_close(w);
    check(w, there, NULL, false);
    gate_close(&gate);
    check(w, stopped, NULL, false);
}

static void add_two_offline(struct world *w)
{
    static const char *const one[] = { "text=Clean strainer, pump 1", "dueAt=2026-11-20", NULL };
    static const char *const two[] = { "text=Replace valve V-14 at north pump house",
                                       "priority=high", "dueAt=2026-11-22", NULL };

    world_sign_in(w);
    world_backend_down(w);
    world_add(w, one);
    world_add(w, two);
}

static void the_list(void **state)
{
    static const struct step online[] = { { NULL, "ONLINE" }, END_OF_STEPS };
    static const struct step offline[] = { { NULL, "OFFLINE" }, { " ", "*" }, END_OF_STEPS };
    static const struct step nothing[] = { { NULL, "2 pend" }, { "vd", "No tasks" }, END_OF_STEPS };
    static const struct step asking[] = { { NULL, "2 pend" }, { "Q", "2 changes" }, END_OF_STEPS };
    struct world *w = *state;

    add_two_offline(w);
    check(w, offline, NULL, true);
    check(w, nothing, NULL, true);
    check(w, asking, NULL, true);
    world_backend_up(w);
    check(w, online, NULL, true);
}

static void the_editor(void **state)
{
    static const struct step there[] = {
        { NULL, "2 pend" },
        { "e", "Edit task" },
        { KEY_TAB KEY_TAB KEY_TAB "\0252026-02-30\023", "! Not a date" },
        END_OF_STEPS,
    };
    static const struct step back[] = { { KEY_ESC, "Save changes?" },
                                        { "n", "Tasks: open" },
                                        END_OF_STEPS };
    struct world *w = *state;

    add_two_offline(w);
    check(w, there, back, true);
}

static void the_queue(void **state)
{
    static const struct step there[] = { { NULL, "2 pend" },
                                         { "p", "Pending changes" },
                                         END_OF_STEPS };
    struct world *w = *state;

    add_two_offline(w);
    check(w, there, NULL, true);
}

static void help(void **state)
{
    static const struct step first[] = { { NULL, "2 pend" }, { "?", "Help" }, END_OF_STEPS };
    static const struct step second[] = {
        { NULL, "2 pend" }, { "?", "Help" }, { " ", "2/" }, END_OF_STEPS
    };
    struct world *w = *state;

    add_two_offline(w);
    check(w, first, NULL, false);
    check(w, second, NULL, false);
}

/* A program that lies elsewhere, in a language of ours; nothing says where its translations are. */
static void speaks_german(struct world *w, const char *program)
{
    static const char *const german[] = { "LANGUAGE=de", NULL };
    const char *const argv[] = { program, "--server", w->server, NULL };
    struct term *t = &w->term;

    term_start(t, 24, 80, argv, german);
    w->has_term = true;
    term_wait(t, "Einmal auf diesem Ger\u00e4t anmelden.");
    term_wait(t, "| nicht angemeldet");
    term_type(t, KEY_F10);
    assert_int_equal(term_wait_exit(t), 0);
    world_close(w);
}

static void a_language_is_found_in_the_build_tree_and_wherever_it_is_installed(void **state)
{
    struct world *w = *state;
    char dir[300], program[320];

    speaks_german(w, world_program());
    (void)snprintf(dir, sizeof dir, "%s/moved", w->dir);
    shell("cmake --install \"" BINARY_DIR "\" --prefix \"$1\" >/dev/null\n"
          "mv \"$1\" \"$1-again\"\n",
          dir);
    (void)snprintf(program, sizeof program, "%s-again/bin/outpost", dir);
    speaks_german(w, program);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, make, world_remove)
        IN_A_WORLD(signing_in), IN_A_WORLD(the_first_sync), IN_A_WORLD(the_list),
        IN_A_WORLD(the_editor), IN_A_WORLD(the_queue),      IN_A_WORLD(help),
        IN_A_WORLD(a_language_is_found_in_the_build_tree_and_wherever_it_is_installed),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("translated", tests, NULL, NULL);
}
