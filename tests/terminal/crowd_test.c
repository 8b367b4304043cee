/* Eight people at one device: eight screens on one data folder, random keys on each, and a ninth
 * process that syncs. No screen shows an error or ends, and in the end all show the same, and what
 * they show is what the backend has.
 *
 *     terminal_crowd_test [SECONDS [SEED]]
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "base/clock.h"
#include "tests/terminal/world.h"

#define PEOPLE 8
#define SECONDS 10
#define SEEDED 300
#define PAUSE_MS 3                      /* between two keys: reading, not waiting */
#define LAST_BYTES 300
#define LOOK_EVERY 16                   /* keys between two looks for errors */

struct crowd {
    struct world *w;
    struct term people[PEOPLE], syncer;
    uint64_t dice;
    int64_t keys;
};

static int run_s = SECONDS;
static uint64_t seed = 1;

/* SplitMix64. */
static uint32_t throw_dice(struct crowd *c, uint32_t sides)
{
    uint64_t z = c->dice += 0x9E3779B97F4A7C15u;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ z >> 31) % sides);
}

/* Whatever they meet: a list, a form, a question. None quits, signs out, goes offline or stops the
 * program; no digit, that behind an Esc would be a function key. */
static const char *random_keys(struct crowd *c)
{
    static const char *const keys[] = {
        "j", "j", "j", "k", "k", "g", "G", "\033[6~", "\033[5~", "x", "x", "u", " ", "*", "y", "n",
        "e", "aPump\023", "aValve\tx\023", "aFilter\t\t+\t\tShut it first\023", "\023", "\t", "\t",
        "+", "s", "p", "R", "?", "o", "v", "a", "d", "/pump\r", "fvalve\r", "f\r", "\014", KEY_ESC,
        KEY_ESC, KEY_ESC, "\r", KEY_DOWN, KEY_UP, KEY_LEFT, KEY_RIGHT, "\025", "\x7f", KEY_F3,
        KEY_F5, KEY_F7, "\002B-17\r", "\033[200~pasted words\033[201~",
    };

    return keys[throw_dice(c, sizeof keys / sizeof keys[0])];
}

static void assert_no_error(struct term *t)
{
    static const char *const bad[] = { "annot ",  "damaged", "disk",   "locked", "refused",
                                       "rror",    "failed",  "memory", "SQL",    "OFFLINE",
                                       "sign in", "wrong",   "busy",   "too small" };
    char row[512];

    if (waitpid(t->pid, &t->status, WNOHANG) != 0) {
        t->pid = 0;
        print_error("the end of what it wrote: %s\n",
                    t->raw.len > LAST_BYTES ? t->raw.data + t->raw.len - LAST_BYTES : "");
        fail_msg("a screen has ended: status 0x%x", (unsigned)t->status);
    }
    for (int i = t->rows - 3; i < t->rows; i += 2) {    /* status and message */
        (void)snprintf(row, sizeof row, "%s", term_row(t, i));
        for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            if (strstr(row, bad[k]))
                fail_msg("\"%s\" in: %s", bad[k], row);
        }
    }
}

static void begin(struct crowd *c)
{
    static const char *const nothing[] = { NULL };
    const char *const screen[] = { world_program(), "--server", c->w->server, NULL };
    const char *const follow[] = { world_program(), "--server", c->w->server, "sync", "--follow",
                                   NULL };

    world_seed(c->w, SEEDED);
    world_sign_in(c->w);
    term_start(&c->syncer, 24, 80, follow, nothing);
    for (int i = 0; i < PEOPLE; i++)
        term_start(&c->people[i], i % 2 ? 12 : 24, i % 2 ? 40 : 80, screen, nothing);
    for (int i = 0; i < PEOPLE; i++)
        term_wait(&c->people[i], "ONLINE ");
}

static void type_at_random(struct crowd *c)
{
    int64_t end = clock_mono(&clock_system) + run_s * 1000;

    while (clock_mono(&clock_system) < end) {
        struct term *t = &c->people[throw_dice(c, PEOPLE)];

        if (throw_dice(c, 200) == 0)
            term_resize(t, 12 + (int)throw_dice(c, 40), 40 + (int)throw_dice(c, 120));
        term_type(t, random_keys(c));
        for (int i = 0; i < PEOPLE; i++)
            term_settle(&c->people[i], i == 0 ? PAUSE_MS : 0);
        if (++c->keys % LOOK_EVERY == 0)
            assert_no_error(t);
    }
}

/* Out of whatever it is in, without saving, and to the list as it is at the start. */
static void calm_down(struct term *t)
{
    for (int i = 0; i < 4; i++) {
        term_type(t, KEY_ESC);
        term_settle(t, 150);
        if (term_has(t, "Save changes?"))
            term_type(t, "n");
    }
    term_settle(t, 100);
    assert_no_error(t);
    assert_int_equal(kill(t->pid, SIGTERM), 0);
    assert_int_equal(term_wait_exit(t), 0);
    term_stop(t);
}

static void all_show_the_same(struct crowd *c)
{
    static const char *const nothing[] = { NULL };
    const char *const screen[] = { world_program(), "--server", c->w->server, NULL };
    struct buf first = { 0 }, other = { 0 };

    for (int i = 0; i < PEOPLE; i++) {
        struct term t;

        term_start(&t, 24, 80, screen, nothing);
        term_wait(&t, "ONLINE   | all changes sent");
        term_type(&t, "dvag");                  /* d: the draft that somebody left */
        term_wait(&t, "Tasks: all");
        term_wait(&t, "   1/");
        term_type(&t, "\014");
        term_settle(&t, 150);
        buf_clear(&other);
        /* The rows of records: the message and the time of the last sync are each one's own. */
        for (int row = 0; row < 21; row++)
            buf_printf(&other, "%s\n", term_row(&t, row));
        if (i == 0)
            buf_append(&first, other.data, other.len);
        assert_string_equal(buf_str(&first), buf_str(&other));
        term_stop(&t);
    }
    buf_done(&first);
    buf_done(&other);
}

static void another_device_has_the_same(struct crowd *c)
{
    char dir[300];
    const char *const sync[] = { "sync", NULL };
    const char *const here[] = { "export", NULL };
    const char *const login[] = { "--data-dir", dir, "login", "--server", c->w->server, "--user",
                                  WORLD_EMAIL, "--password-file", "-", NULL };
    const char *const there[] = { "--data-dir", dir, "export", NULL };
    struct buf one = { 0 }, two = { 0 };

    (void)snprintf(dir, sizeof dir, "%s/other", c->w->dir);
    world_run(c->w, 0, "", sync);
    world_output(c->w, here, &one);
    world_run(c->w, 0, WORLD_PASSWORD "\n", login);
    world_output(c->w, there, &two);
    assert_true(one.len > 0);
    assert_string_equal(buf_str(&one), buf_str(&two));
    buf_done(&one);
    buf_done(&two);
}

static void eight_screens_and_a_syncer_share_a_store(void **state)
{
    struct crowd c = { .w = *state, .dice = seed };

    begin(&c);
    type_at_random(&c);
    print_message("%d screens, %d s, seed %llu: %lld key sequences\n", PEOPLE, run_s,
                  (unsigned long long)seed, (long long)c.keys);
    assert_int_equal(waitpid(c.syncer.pid, &c.syncer.status, WNOHANG), 0);
    for (int i = 0; i < PEOPLE; i++)
        calm_down(&c.people[i]);
    all_show_the_same(&c);
    another_device_has_the_same(&c);
    term_stop(&c.syncer);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(eight_screens_and_a_syncer_share_a_store, world_make,
                                        world_remove),
    };

    if (argc > 1)
        run_s = (int)strtol(argv[1], NULL, 10);
    if (argc > 2)
        seed = strtoull(argv[2], NULL, 10);
    return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
