#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "ui/keymap.h"

static void keys_have_names_that_are_read_back(void **state)
{
    static const char *const names[] = { "x",     "?",      "F1",  "F12",   "PgDn",
                                         "Space", "Ctrl-S", "Esc", "\u00e4" };
    struct buf name = { 0 };
    int32_t code;

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_true(key_from_name(names[i], strlen(names[i]), &code));
        buf_clear(&name);
        key_to_name(code, &name);
        assert_string_equal(buf_str(&name), names[i]);
    }
    assert_true(key_from_name("^s", 2, &code));
    assert_int_equal(code, 19);
    assert_false(key_from_name("F13", 3, &code));
    assert_false(key_from_name("Hyper", 5, &code));
    buf_done(&name);
}

static void the_config_binds_an_action_to_other_keys(void **state)
{
    struct ui_config config = { 0 };
    struct err err = { 0 };
    struct buf hints = { 0 };
    struct keymap *map;

    (void)state;
    assert_int_equal(ui_config_set(&config, "key.list.done", "d F12", &err), RC_OK);
    map = keymap_new(&config);
    assert_int_equal(keymap_find(map, UI_IN_LIST, 'd'), UI_DO_DONE);
    assert_int_equal(keymap_find(map, UI_IN_LIST, 'x'), UI_DO_NOTHING);
    keymap_hints(map, UI_IN_LIST, false, &hints);
    assert_non_null(strstr(buf_str(&hints), "F12 Done"));
    assert_null(strstr(buf_str(&hints), "F7 Done"));
    buf_done(&hints);
    keymap_free(map);
    ui_config_done(&config);
}

static void a_wrong_setting_is_refused_with_what_would_be_right(void **state)
{
    struct ui_config config = { 0 };
    struct err err = { 0 };

    (void)state;
    assert_int_equal(ui_config_set(&config, "key.list.fly", "f", &err), RC_INVALID);
    assert_int_equal(ui_config_set(&config, "key.list.done", "x F99", &err), RC_INVALID);
    assert_non_null(strstr(err.msg, "F99"));
    assert_int_equal(ui_config_set(&config, "link", "medium", &err), RC_INVALID);
    assert_non_null(strstr(err.msg, "auto, fast, slow"));
    assert_int_equal(ui_config_set(&config, "poll", "60", &err), RC_NOT_FOUND);
    assert_int_equal(ui_config_set(&config, "link", "slow", &err), RC_OK);
    assert_int_equal(config.link, UI_LINK_SLOW);
    assert_int_equal(ui_config_set(&config, "marks", "utf8", &err), RC_OK);
    assert_true(config.utf8_marks);
    ui_config_done(&config);
}

static void no_key_of_a_place_does_two_things(void **state)
{
    struct keymap *map = keymap_new(NULL);
    struct buf out = { 0 };
    static const char *const places[] = { "list.",  "form.", "queue.", "login.",
                                          "first.", "help.", "text." };

    (void)state;
    ui_keys_describe(NULL, &out);
    for (size_t p = 0; p < sizeof places / sizeof places[0]; p++) {
        char seen[64][16];
        size_t count = 0;

        for (const char *line = buf_str(&out); *line; line = strchr(line, '\n') + 1) {
            const char *keys = strchr(line, '\t') + 1;
            const char *end = strchr(keys, '\t');

            if (strncmp(line, places[p], strlen(places[p])) != 0)
                continue;
            while (keys < end) {
                size_t len = strcspn(keys, " \t");

                assert_true(len < 16 && count < 64);
                memcpy(seen[count], keys, len);
                seen[count][len] = '\0';
                for (size_t i = 0; i < count; i++)
                    assert_string_not_equal(seen[i], seen[count]);
                count++;
                keys += len + (keys[len] == ' ');
            }
        }
        assert_true(count > 0);
    }
    buf_done(&out);
    keymap_free(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_have_names_that_are_read_back),
        cmocka_unit_test(the_config_binds_an_action_to_other_keys),
        cmocka_unit_test(a_wrong_setting_is_refused_with_what_would_be_right),
        cmocka_unit_test(no_key_of_a_place_does_two_things),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
