/* The first sync of many tables, the 25 of the demo: which table, how many of how many, a connection that
 * is lost in the middle, and the list when all are there. And a site that changes a table while a screen is
 * open. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "base/file.h"
#include "tests/terminal/gate.h"
#include "tests/terminal/world.h"

#define TABLES 25
#define STEPS_MAX 200
#define LOOK_MS 700             /* more than between two steps that are drawn */

static void copy_definitions(struct world *w)
{
    glob_t found;

    assert_int_equal(glob(SOURCE_DIR "/assets/tables/maintenance/*.json", 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, TABLES);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *name = strrchr(found.gl_pathv[i], '/') + 1;
        struct buf text = { 0 };
        struct err err = { 0 };

        assert_int_equal(file_read(found.gl_pathv[i], 1 << 20, &text, &err), RC_OK);
        world_write(w, "tables", name, buf_str(&text));
        world_write(w, WORLD_TABLES, name, buf_str(&text));
        buf_done(&text);
    }
    globfree(&found);
}

/* From another device, so that this one has all of it to get. */
static void fill(struct world *w)
{
    char dir[300];
    const char *const login[] = { "--data-dir", dir, "login", "--server", w->server, "--user",
                                  WORLD_EMAIL, "--password-file", "-", NULL };
    const char *const sync[] = { "--data-dir", dir, "sync", NULL };
    glob_t found;

    (void)snprintf(dir, sizeof dir, "%s/other", w->dir);
    world_run(w, 0, WORLD_PASSWORD "\n", login);
    assert_int_equal(glob(SOURCE_DIR "/assets/demo/maintenance/*.jsonl", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        char table[64];
        const char *name = strrchr(found.gl_pathv[i], '/') + 1;
        const char *const import[] = { "--data-dir", dir, "import", "--table", table,
                                       found.gl_pathv[i], NULL };

        (void)snprintf(table, sizeof table, "%.*s", (int)strcspn(name, "."), name);
        world_run(w, 0, "", import);
    }
    globfree(&found);
    world_run(w, 0, "", sync);
}

static void make_many(struct world *w)
{
    copy_definitions(w);
    world_backend_down(w);
    w->has_tables = true;
    world_backend_up(w);
    fill(w);
}

static void begin(struct world *w, struct gate *gate, int rows, int cols, struct term **out)
{
    struct term *t;

    gate_open(gate, w->port, "getAllForUser", 1);
    (void)snprintf(w->server, sizeof w->server, "%s", gate->url);
    t = world_open(w, rows, cols, NULL);
    term_wait(t, "not signed in");
    term_type(t, WORLD_EMAIL KEY_TAB WORLD_PASSWORD KEY_ENTER);
    term_wait(t, "First sync");
    *out = t;
}

/* Lets pages through until the screen says so. */
static void step_to(struct term *t, struct gate *gate, const char *text)
{
    for (int i = 0; i < STEPS_MAX && !term_has(t, text); i++) {
        gate_step(gate);
        term_settle(t, LOOK_MS);
    }
    term_wait(t, text);
}

static void each_table_is_named_and_counted_and_it_goes_on_after_a_failure(void **state)
{
    struct world *w = *state;
    struct gate gate;
    struct term *t;

    make_many(w);
    begin(w, &gate, 24, 80, &t);
    term_wait(t, "first sync, table 1 of 25: ");
    step_to(t, &gate, "first sync, table 2 of 25: ");
    step_to(t, &gate, "first sync, table 7 of 25: incidents");
    term_wait(t, "Incidents    0");
    gate_close(&gate);
    term_wait(t, "The first sync stopped before it was complete.");
    term_wait(t, "Trying again by itself");
    term_wait(t, "OFFLINE  | first sync not complete, table 7 of 25: incidents");
    world_close(w);
    /* The same, later: it goes on where it was. */
    gate_open(&gate, w->port, "getAllForUser", 1);
    (void)snprintf(w->server, sizeof w->server, "%s", gate.url);
    t = world_open(w, 12, 40, NULL);
    term_wait(t, "SYNCING  table 7 of 25");
    term_wait(t, "Incidents    0");
    step_to(t, &gate, "SYNCING  table 8 of 25");
    gate_release(&gate);
    term_wait(t, "ONLINE ");
    term_wait(t, "OUTPOST Tasks: open");
    gate_close(&gate);
}

/* The built-in tasks, and a column more. */
static const char tasks_with_place[] =
    "{\"name\":\"tasks\",\"label\":\"Tasks\",\"labelOne\":\"task\",\"title\":\"text\","
    "\"done\":\"isCompleted\",\"columns\":["
    "{\"name\":\"text\",\"label\":\"Text\",\"type\":\"text\",\"required\":true,\"maxLength\":200},"
    "{\"name\":\"isCompleted\",\"label\":\"Done\",\"type\":\"bool\",\"default\":false},"
    "{\"name\":\"priority\",\"label\":\"Priority\",\"type\":\"choice\",\"choices\":["
    "{\"value\":\"low\",\"label\":\"low\"},{\"value\":\"normal\",\"label\":\"normal\"},"
    "{\"value\":\"high\",\"label\":\"high\"}]},"
    "{\"name\":\"dueAt\",\"label\":\"Due\",\"type\":\"date\"},"
    "{\"name\":\"notes\",\"label\":\"Notes\",\"type\":\"text\",\"multiline\":true},"
    "{\"name\":\"place\",\"label\":\"Place\",\"type\":\"text\"}]}";

/* What is typed in the old screen is in the new one, and both changes arrive. */
static void a_screen_that_knows_too_little_of_a_table_says_so_and_keeps_what_is_typed(void **state)
{
    static const char said[] = "The tables have changed. Leave and start again; what you typed is kept.";
    struct world *w = *state;
    struct term *t;
    const char *const add[] = { "add", "Fix the pump", NULL };

    world_sign_in(w);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "ONLINE   | all changes sent");
    world_write(w, WORLD_TABLES, "tasks.json", tasks_with_place);
    world_run(w, 0, "", add);
    term_wait(t, said);
    term_wait(t, "1 pending");

    term_type(t, KEY_F2);
    term_wait(t, "New task");
    term_type(t, "Oil the gate" KEY_F3);
    term_wait(t, "draft kept");
    term_wait(t, said);
    world_close(w);

    t = world_open(w, 24, 80, NULL);
    term_wait(t, "e edit, d discard");
    term_type(t, "e");
    term_wait(t, "Oil the gate");
    term_wait(t, "Place");
    term_type(t, KEY_F3);
    term_wait(t, "OUTPOST  Tasks");
    term_wait(t, "Fix the pump");
    term_wait(t, "Oil the gate");
    term_wait(t, "ONLINE   | all changes sent");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(each_table_is_named_and_counted_and_it_goes_on_after_a_failure),
        IN_A_WORLD(a_screen_that_knows_too_little_of_a_table_says_so_and_keeps_what_is_typed),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("tables", tests, NULL, NULL);
}
