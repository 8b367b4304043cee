#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/file.h"
#include "src/app/config.h"
#include "tests/unit/temp_dir.h"

static void read_text(const char *dir, const char *text, struct config *out)
{
    char *path = path_join(dir, "outpost.conf");
    struct err err = { 0 };

    assert_int_equal(file_replace(path, text, strlen(text), 0600, &err), RC_OK);
    assert_int_equal(config_read(path, out, &err), RC_OK);
    free(path);
}

static void values_are_read_and_the_rest_has_defaults(void **state)
{
    struct config config = { 0 };

    assert_int_equal(config_number(&config, "poll"), 60);
    assert_int_equal(config_number(&config, "log_max"), 1 << 20);
    assert_null(config_text(&config, "server"));
    assert_false(config_switch(&config, "insecure"));
    read_text(*state,
              "# a comment\nserver = https://x.example\npoll=5m\n\ninsecure: yes\n; another\n"
              "log_max = 512k\nlog_level = debug\npoll = 90s\nkey.list.done = x F7\n",
              &config);
    assert_int_equal(config.warning_count, 0);
    assert_string_equal(config_text(&config, "server"), "https://x.example");
    assert_int_equal(config_number(&config, "poll"), 90);
    assert_int_equal(config_number(&config, "log_max"), 512 << 10);
    assert_true(config_switch(&config, "insecure"));
    assert_string_equal(config_text(&config, "log_level"), "debug");
    assert_string_equal(config_text(&config, "key.list.done"), "x F7");
    config_done(&config);
}

static void what_is_not_understood_is_named_with_file_and_line(void **state)
{
    static const struct {
        const char *text, *warning;
    } rows[] = {
        { "\nsevrer = x\n",
          "outpost.conf:2: there is no key \"sevrer\"; see: outpost help config" },
        { "poll = soon\n", "outpost.conf:1: poll is a number of seconds" },
        { "poll = 0\n", "from 1 to 86400; not \"0\"" },
        { "poll = 90000\n", "from 1 to 86400" },
        { "poll = 5k\n", "not \"5k\"" },
        { "poll = 99999999999999999999\n", "poll is a number" },
        { "log_max = 1h\n", "log_max is a number of bytes" },
        { "insecure = maybe\n", "insecure is yes or no, not \"maybe\"" },
        { "log_level = loud\n", "log_level is one of: error warn info debug; not \"loud\"" },
        { "log_level = warn info\n", "log_level is one of" },
        { "escdelay = 25ms\n", "escdelay is a number of milliseconds" },
        { "[sync]\npoll = 5\n", "outpost.conf:2: the file has no sections; [sync]" },
        { "key. = x\n", "there is no key \"key.\"" },
        { "# fine\n\njust words\n", "outpost.conf:3: this is not NAME = VALUE" },
        { "server = \xff\n", "server is not UTF-8" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct config config = { 0 };

        read_text(*state, rows[i].text, &config);
        if (config.warning_count != 1 || !strstr(config.warnings[0], rows[i].warning))
            fail_msg("%s: %zu warnings, first: %s", rows[i].text, config.warning_count,
                     config.warning_count ? config.warnings[0] : "none");
        assert_int_equal(config.count, 0);
        config_done(&config);
    }
}

static void a_bad_line_takes_no_good_one_with_it(void **state)
{
    struct config config = { 0 };
    struct buf text = { 0 };

    buf_puts(&text, "poll = never\nserver = ");
    for (int i = 0; i < 500; i++)
        buf_putc(&text, 'x');
    buf_puts(&text, "\npoll = 30\n");
    read_text(*state, buf_str(&text), &config);
    assert_int_equal(config.warning_count, 2);
    assert_non_null(strstr(config.warnings[1], "outpost.conf:2: the line is longer than"));
    assert_int_equal(config_number(&config, "poll"), 30);
    assert_null(config_text(&config, "server"));
    config_done(&config);
    buf_done(&text);
}

static void a_missing_file_is_told_from_an_unreadable_one(void **state)
{
    struct config config = { 0 };
    struct err err = { 0 };
    char *path = path_join(*state, "none.conf");

    assert_int_equal(config_read(path, &config, &err), RC_NOT_FOUND);
    free(path);
    assert_int_equal(config_read(*state, &config, &err), RC_IO); /* a folder */
    assert_int_equal(config.count, 0);
}

static void a_tilde_is_home_in_paths(void **state)
{
    struct config config = { 0 };

    setenv("HOME", "/home/maria", 1);
    read_text(*state, "tables_dir = ~/tables\nserver = ~/x\n", &config);
    assert_string_equal(config_text(&config, "tables_dir"), "/home/maria/tables");
    assert_string_equal(config_text(&config, "server"), "~/x");
    config_done(&config);
}

/* The reference is right: every key is there, every line of it is understood, and it shows the
 * defaults. */
static void the_reference_file_has_every_key_and_nothing_else(void **state)
{
    struct config config = { 0 };
    struct buf text = { 0 }, plain = { 0 };
    struct err err = { 0 };

    setenv("HOME", "/home/maria", 1);
    assert_int_equal(file_read(SOURCE_DIR "/assets/config/outpost.conf", 1 << 20, &text, &err),
                     RC_OK);
    for (const char *at = buf_str(&text); *at;) {
        size_t len = strcspn(at, "\n");

        if (at[0] == '#' && at[1] != ' ' && len > 1)
            buf_append(&plain, at + 1, len - 1);
        buf_putc(&plain, '\n');
        at += len + (at[len] == '\n');
    }
    read_text(*state, buf_str(&plain), &config);
    if (config.warning_count)
        fail_msg("%s", config.warnings[0]);
    for (const struct config_key *key = config_keys; key->name; key++) {
        bool is_found = false;

        for (size_t i = 0; i < config.count; i++) {
            is_found = is_found || config.items[i].key == key;
            if (config.items[i].key == key && key->fallback[0])
                assert_string_equal(config.items[i].value, key->fallback);
        }
        if (!is_found)
            fail_msg("the reference does not explain %s", key->name);
    }
    config_done(&config);
    buf_done(&text);
    buf_done(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_read_and_the_rest_has_defaults, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test_setup_teardown(what_is_not_understood_is_named_with_file_and_line,
                                        temp_dir_make, temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_bad_line_takes_no_good_one_with_it, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_missing_file_is_told_from_an_unreadable_one,
                                        temp_dir_make, temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_tilde_is_home_in_paths, temp_dir_make, temp_dir_remove),
        cmocka_unit_test_setup_teardown(the_reference_file_has_every_key_and_nothing_else,
                                        temp_dir_make, temp_dir_remove),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
