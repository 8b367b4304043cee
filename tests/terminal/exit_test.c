/* Every way out gives the terminal back as it was, keeps what was typed, and nothing hurts the
 * terminal meanwhile. */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/clock.h"
#include "tests/terminal/world.h"

#define FRAME_MS 34                     /* a little more than between two frames */
#define STAYS_MS 100                    /* full: the kernel has long moved on what it could */
#define SOON_MS 2000                    /* to end in the middle of a frame, on a busy machine */
#define LEAVE_ALT_SCREEN "\033[?1049l"
#define PASTE_OFF "\033[?2004l"

static struct term *open_list(struct world *w)
{
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "No tasks yet");
    return t;
}

static void assert_given_back(struct term *t)
{
    assert_non_null(memmem(t->raw.data, t->raw.len, LEAVE_ALT_SCREEN, strlen(LEAVE_ALT_SCREEN)));
    assert_non_null(memmem(t->raw.data, t->raw.len, PASTE_OFF, strlen(PASTE_OFF)));
    assert_true(term_is_restored(t));
}

static void quitting_gives_the_terminal_back(void **state)
{
    struct term *t = open_list(*state);

    assert_false(term_is_restored(t));
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t), 0);
    assert_given_back(t);
}

static void sigterm_gives_the_terminal_back(void **state)
{
    struct term *t = open_list(*state);

    assert_int_equal(kill(t->pid, SIGTERM), 0);
    assert_int_equal(term_wait_exit(t), 0);
    assert_given_back(t);
}

static void a_crash_gives_the_terminal_back(void **state)
{
    struct term *t = open_list(*state);

    assert_int_equal(kill(t->pid, SIGSEGV), 0);
    assert_int_not_equal(term_wait_exit(t), 0);
    assert_given_back(t);
}

static void interrupt_only_says_how_to_quit(void **state)
{
    struct term *t = open_list(*state);

    term_type(t, "\003");
    term_wait(t, "Press q to quit.");
    term_type(t, "/what");
    term_wait(t, "Find: what");
    term_type(t, "\003");
    term_wait_gone(t, "Find:");
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t), 0);
}

static void what_is_typed_survives_a_hang_up(void **state)
{
    struct world *w = *state;
    struct term *t = open_list(w);
    int64_t start;

    term_type(t, "aReplace valve");
    term_wait(t, "Replace valve");
    start = clock_mono(&clock_system);
    (void)close(t->slave);
    (void)close(t->master);
    t->master = t->slave = -1;
    assert_int_equal(term_wait_exit(t), 0);
    assert_true(clock_mono(&clock_system) - start < 3000);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "Draft of \"new task\" from");
    term_type(t, "e");
    term_wait(t, "New task");
    term_wait(t, "Text *     Replace valve");
}

static void what_is_typed_survives_a_kill_a_second_later(void **state)
{
    struct world *w = *state;
    struct term *t = open_list(w);

    term_type(t, "aInspect cable run");
    term_wait(t, "draft kept");
    assert_int_equal(kill(t->pid, SIGKILL), 0);
    assert_int_equal(term_wait_exit(t), 128 + SIGKILL);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "Draft of \"new task\" from");
    term_type(t, "d");
    term_wait_gone(t, "Draft of");
    term_type(t, "a");
    term_wait(t, "Text *     ____");
}

/* Under a shell with job control: without one nothing could make it go on, and the kernel does not
 * stop it. */
static void stopping_gives_the_terminal_back_and_going_on_draws_it_again(void **state)
{
    static const char *const nothing[] = { NULL };
    struct world *w = *state;
    struct term *t = &w->term;
    const char *const shell[] = {
        "/bin/sh",       "-c",      "set -m; \"$0\" --server \"$1\"; echo stopped; read x; fg",
        world_program(), w->server, NULL
    };

    world_sign_in(w);
    term_start(t, 24, 80, shell, nothing);
    w->has_term = true;
    term_wait(t, "No tasks yet");
    term_type(t, "\032");
    term_wait(t, "stopped");
    assert_true(term_is_restored(t));
    term_type(t, KEY_ENTER);
    term_wait(t, "No tasks yet");
    term_type(t, "a");
    term_wait(t, "New task");
    assert_false(term_is_restored(t));
    term_type(t, KEY_ESC);
    term_wait(t, "No tasks yet");
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t), 0);
}

static void a_dumb_terminal_is_told_what_to_use(void **state)
{
    static const char *const dumb[] = { "TERM=dumb", NULL };
    struct world *w = *state;
    struct term *t = world_open(w, 24, 80, dumb);

    assert_int_equal(term_wait_exit(t), 2);
    assert_non_null(
        strstr(buf_str(&t->raw),
               "This terminal cannot show the screen. Use: outpost list, add, done, sync."));
}

static void an_unknown_terminal_is_tried_as_a_known_one(void **state)
{
    static const char *const odd[] = { "TERM=xterm-of-tomorrow", NULL };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    t = world_open(w, 24, 80, odd);
    term_wait(t,
              "The terminal type \"xterm-of-tomorrow\" is not known here; using xterm-256color.");
    term_wait(t, "No tasks yet");
}

static void no_record_can_hurt_the_terminal(void **state)
{
    static const char *const evil[] = { "text=A\033]0;pwned\007\033[31mB\u202EC\u200BD\rE\xC2\x9B"
                                        "2J",
                                        NULL };
    static const char *const bad[] = { "\033]0;", "pwned\007", "\u202E",
                                       "\u200B",  "\xC2\x9B",  "\033[31m" };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_add(w, evil);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "A?]0;pwned??[31mB?C?D?E?2J");
    term_type(t, KEY_ENTER);
    term_wait(t, "Text *     A?]0;pwned??[31mB?C?D?E?2J");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_null(memmem(t->raw.data, t->raw.len, bad[i], strlen(bad[i])));
}

static void a_terminal_without_utf8_gets_ascii_when_asked_for(void **state)
{
    static const char *const name[] = { "text=S\u00e4ge \u6f22", NULL };
    static const char *const latin[] = { "LC_ALL=C", NULL };
    struct world *w = *state;
    struct term *t;

    world_sign_in(w);
    world_add(w, name);
    t = world_open(w, 24, 80, latin);           /* LC_CTYPE falls back to C.UTF-8 */
    term_wait(t, "S\u00e4ge \u6f22");
}

/* And stays so: the kernel moves what was written on a moment later, and has room once more. */
static bool is_full(const struct term *t)
{
    struct pollfd out = { .fd = t->slave, .events = POLLOUT };

    return poll(&out, 1, 0) == 0 && poll(&out, 1, STAYS_MS) == 0;
}

/* Its output is never read again: the screen skips frames, and still hears that it is to end, soon, also
 * in the middle of a frame that is not taken. */
static void a_terminal_that_nobody_reads_does_not_hold_the_program(void **state)
{
    struct world *w = *state;
    struct term *t;
    int64_t start;

    world_seed(w, 120);
    world_sign_in(w);
    t = world_open(w, 100, 250, NULL);          /* a frame is several writes */
    term_wait(t, "1/");
    start = clock_mono(&clock_system);
    /* A full screen each, until the pseudo terminal takes no more. */
    while (!is_full(t)) {
        assert_true(clock_mono(&clock_system) - start < TERM_DEADLINE_MS);
        term_type(t, "\014");
        (void)poll(NULL, 0, FRAME_MS);
    }
    assert_int_equal(kill(t->pid, SIGTERM), 0);
    start = clock_mono(&clock_system);
    while (waitpid(t->pid, &t->status, WNOHANG) == 0) {
        assert_true(clock_mono(&clock_system) - start < SOON_MS);
        (void)poll(NULL, 0, 5);
    }
    t->pid = 0;
    assert_true(WIFEXITED(t->status));
    assert_true(term_is_restored(t));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(quitting_gives_the_terminal_back),
        IN_A_WORLD(sigterm_gives_the_terminal_back),
        IN_A_WORLD(a_crash_gives_the_terminal_back),
        IN_A_WORLD(interrupt_only_says_how_to_quit),
        IN_A_WORLD(what_is_typed_survives_a_hang_up),
        IN_A_WORLD(what_is_typed_survives_a_kill_a_second_later),
        IN_A_WORLD(stopping_gives_the_terminal_back_and_going_on_draws_it_again),
        IN_A_WORLD(a_terminal_that_nobody_reads_does_not_hold_the_program),
        IN_A_WORLD(a_dumb_terminal_is_told_what_to_use),
        IN_A_WORLD(an_unknown_terminal_is_tried_as_a_known_one),
        IN_A_WORLD(no_record_can_hurt_the_terminal),
        IN_A_WORLD(a_terminal_without_utf8_gets_ascii_when_asked_for),
    };

    return cmocka_run_group_tests_name("exit", tests, NULL, NULL);
}
