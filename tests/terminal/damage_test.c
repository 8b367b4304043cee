/* A store that is damaged or full while the screen is up: it says so, keeps what was typed, and goes
 * on reading. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>
#include "tests/terminal/world.h"

#define DAMAGED "The task store is damaged. Reading only. See: outpost doctor."

static void find_store(struct world *w, char *path, size_t size)
{
    char pattern[300];
    glob_t found = { 0 };

    (void)snprintf(pattern, sizeof pattern, "%s/device/*.db", w->dir);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    assert_int_equal(found.gl_pathc, 1);
    (void)snprintf(path, size, "%s", found.gl_pathv[0]);
    globfree(&found);
}

static int64_t ask_number(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st = NULL;
    int64_t number;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    number = sqlite3_column_int64(st, 0);
    assert_int_equal(sqlite3_finalize(st), SQLITE_OK);
    return number;
}

struct damage {
    char path[300];
    char sound[65536], rubbish[65536];  /* of the page */
    off_t at;
    size_t size;
};

static void write_page(const struct damage *damage, const char *bytes)
{
    int fd = open(damage->path, O_WRONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, damage->size, damage->at), damage->size);
    (void)close(fd);
}

/* Overwrites the page that every new change has to be entered in, and no reading needs. */
static void damage_the_queue(struct world *w, struct damage *damage)
{
    sqlite3 *db = NULL;
    int64_t page;
    int fd;

    find_store(w, damage->path, sizeof damage->path);
    assert_int_equal(sqlite3_open(damage->path, &db), SQLITE_OK);
    (void)ask_number(db, "PRAGMA wal_checkpoint(TRUNCATE)");
    page = ask_number(db, "SELECT rootpage FROM sqlite_master WHERE type = 'index' AND "
                          "tbl_name = 'sync_queue' AND sql IS NULL ORDER BY name LIMIT 1");
    damage->size = (size_t)ask_number(db, "PRAGMA page_size");
    damage->at = (off_t)((page - 1) * (int64_t)damage->size);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    fd = open(damage->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, damage->sound, damage->size, damage->at), damage->size);
    (void)close(fd);
    memset(damage->rubbish, 0xA5, damage->size);
    write_page(damage, damage->rubbish);
}

static void a_damaged_store_is_only_read_and_what_was_typed_stays(void **state)
{
    static const char *const one[] = { "text=Read meters", NULL };
    struct world *w = *state;
    const char *const sync[] = { "sync", NULL };
    static struct damage damage;
    struct term *t;

    world_sign_in(w);
    world_add(w, one);
    world_run(w, 0, "", sync);
    world_backend_down(w);
    damage_the_queue(w, &damage);
    t = world_open(w, 24, 80, NULL);
    term_wait(t, "Read meters");
    term_type(t, "aPump is loud\023");
    term_wait(t, DAMAGED);
    term_wait(t, "Text *     Pump is loud__");
    /* No second try, not even where one would succeed: who knows what else is damaged. */
    write_page(&damage, damage.sound);
    term_type(t, "!\023");                    
    term_wait(t, "Text *     Pump is loud!__");
    term_wait(t, DAMAGED);
    term_type(t, KEY_ESC);
    term_wait(t, "Save changes?");
    term_type(t, "n");
    term_wait(t, "> ");
    term_wait(t, "Read meters");
    term_type(t, "x");
    term_wait(t, DAMAGED);
    term_wait(t, "[ ]   Read meters");
    term_type(t, "e");
    term_wait(t, "Edit task");                  /* reading goes on */
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
#define IN_A_WORLD(test) cmocka_unit_test_setup_teardown(test, world_make, world_remove)
        IN_A_WORLD(a_damaged_store_is_only_read_and_what_was_typed_stays),
    };

    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
