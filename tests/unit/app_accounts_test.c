#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/id.h"
#include "src/app/accounts.h"
#include "src/app/paths.h"
#include "tests/unit/temp_dir.h"

static void sign_in(const char *dir, const char *user)
{
    char file[ACCOUNT_FILE_SIZE];
    struct account who = {
        .file = file,
        .server = (char[]){ "http://127.0.0.1:1" },
        .instance = (char[]){ "instance" },
        .user_id = (char *)(uintptr_t)user,
        .email = (char[]){ "\"odd\"\n@x" },
    };
    struct err err = { 0 };

    accounts_file_name(who.instance, user, file);
    if (accounts_sign_in(dir, &who, &err) != RC_OK)
        fail_msg("%s", err.msg);
}

static void who_signed_in_last_is_current(void **state)
{
    struct accounts accounts;
    struct err err = { 0 };
    struct stat st;
    char *path = path_join(*state, "accounts");

    assert_int_equal(accounts_read(*state, &accounts, &err), RC_OK);
    assert_int_equal(accounts.current, -1);
    accounts_done(&accounts);
    sign_in(*state, "maria");
    sign_in(*state, "jonas");
    sign_in(*state, "maria");
    assert_int_equal(accounts_read(*state, &accounts, &err), RC_OK);
    assert_int_equal(accounts.count, 2);
    assert_string_equal(accounts.items[accounts.current].user_id, "maria");
    assert_string_equal(account_label(&accounts.items[0]), "\"odd\"\n@x");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    accounts_done(&accounts);
    free(path);
}

static void signing_out_keeps_the_account_listed(void **state)
{
    struct accounts accounts;
    char file[ACCOUNT_FILE_SIZE];
    struct err err = { 0 };

    sign_in(*state, "maria");
    sign_in(*state, "jonas");
    accounts_file_name("instance", "maria", file);
    assert_int_equal(accounts_sign_out(*state, file, &err), RC_OK);
    assert_int_equal(accounts_read(*state, &accounts, &err), RC_OK);
    assert_string_equal(accounts.items[accounts.current].user_id, "jonas");
    accounts_done(&accounts);
    accounts_file_name("instance", "jonas", file);
    assert_int_equal(accounts_sign_out(*state, file, &err), RC_OK);
    assert_int_equal(accounts_read(*state, &accounts, &err), RC_OK);
    assert_int_equal(accounts.count, 2);
    assert_int_equal(accounts.current, -1);
    accounts_done(&accounts);
}

static void file_names_hold_no_foreign_text_and_differ(void **state)
{
    char a[ACCOUNT_FILE_SIZE], b[ACCOUNT_FILE_SIZE];

    (void)state;
    accounts_file_name("../../etc", "passwd\n", a);
    assert_int_equal(strlen(a), 35);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    accounts_file_name("../../etcpasswd", "\n", b);
    assert_string_not_equal(a, b);
    accounts_file_name("../../etc", "passwd\n", b);
    assert_string_equal(a, b);
    accounts_token_hash("secret", b);
    assert_null(strstr(b, "secret"));
}

static void a_file_that_is_not_ours_is_left_alone(void **state)
{
    static const char *const texts[] = {
        "",
        "nonsense",
        "{}",
        "{\"accounts\":[{}]}",
        "{\"accounts\":[{\"file\":\"../x\",\"server\":\"s\",\"instance\":\"i\",\"userId\":\"u\"}]}",
    };
    char *path = path_join(*state, "accounts");

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct accounts accounts;
        struct err err = { 0 };
        struct buf after = { 0 };
        struct account who = { 0 };

        assert_int_equal(file_replace(path, texts[i], strlen(texts[i]), 0600, &err), RC_OK);
        assert_int_equal(accounts_read(*state, &accounts, &err), RC_CORRUPT);
        assert_non_null(strstr(err.msg, path));
        assert_int_equal(accounts_sign_in(*state, &who, &err), RC_CORRUPT);
        assert_int_equal(file_read(path, 1000, &after, &err), RC_OK);
        assert_string_equal(buf_str(&after), texts[i]);
        buf_done(&after);
    }
    free(path);
}

/* Runs `what` in 8 processes at once and wants all of them to end well. */
static void in_eight_processes(void (*what)(const char *dir, int number), const char *dir)
{
    pid_t pids[8];

    fflush(NULL);
    for (int i = 0; i < 8; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            what(dir, i);
            _exit(0);
        }
    }
    for (int i = 0; i < 8; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

static void sign_in_as_number(const char *dir, int number)
{
    char user[20], file[ACCOUNT_FILE_SIZE];
    struct err err = { 0 };

    for (int i = 0; i < 10; i++) {
        struct account who = { .server = (char[]){ "s" }, .instance = (char[]){ "i" } };

        snprintf(user, sizeof user, "user%d-%d", number, i);
        accounts_file_name("i", user, file);
        who.file = file;
        who.user_id = user;
        if (accounts_sign_in(dir, &who, &err) != RC_OK)
            _exit(1);
    }
}

static void processes_that_sign_in_at_once_keep_each_others_accounts(void **state)
{
    struct accounts accounts;
    struct err err = { 0 };

    in_eight_processes(sign_in_as_number, *state);
    assert_int_equal(accounts_read(*state, &accounts, &err), RC_OK);
    assert_int_equal(accounts.count, 80);
    accounts_done(&accounts);
}

static void ask_for_device(const char *dir, int number)
{
    char name[20];
    char *id = NULL, *path;
    struct err err = { 0 };

    snprintf(name, sizeof name, "said-%d", number);
    path = path_join(dir, name);
    if (paths_device(dir, &clock_system, &id, &err) != RC_OK ||
        file_replace(path, id, strlen(id), 0600, &err) != RC_OK)
        _exit(1);
}

static void processes_that_make_the_device_id_at_once_agree(void **state)
{
    struct err err = { 0 };
    char *id = NULL;

    in_eight_processes(ask_for_device, *state);
    assert_int_equal(paths_device(*state, &clock_system, &id, &err), RC_OK);
    assert_true(id_is_word(id));
    for (int i = 0; i < 8; i++) {
        struct buf said = { 0 };
        char name[20];
        char *path;

        snprintf(name, sizeof name, "said-%d", i);
        path = path_join(*state, name);
        assert_int_equal(file_read(path, 100, &said, &err), RC_OK);
        assert_string_equal(buf_str(&said), id);
        buf_done(&said);
        free(path);
    }
    free(id);
}

static void a_damaged_device_file_is_not_replaced(void **state)
{
    char *path = path_join(*state, "device"), *id = NULL;
    struct err err = { 0 };

    assert_int_equal(file_replace(path, "a b\n", 4, 0600, &err), RC_OK);
    assert_int_equal(paths_device(*state, &clock_system, &id, &err), RC_CORRUPT);
    assert_null(id);
    assert_int_equal(file_replace(path, "", 0, 0600, &err), RC_OK);
    assert_int_equal(paths_device(*state, &clock_system, &id, &err), RC_CORRUPT);
    free(path);
}

static void paths_follow_the_xdg_variables(void **state)
{
    struct paths p = { 0 };
    struct err err = { 0 };

    (void)state;
    setenv("HOME", "/home/maria", 1);
    unsetenv("XDG_DATA_HOME");
    setenv("XDG_CONFIG_HOME", "/conf", 1);
    setenv("XDG_STATE_HOME", "relative/is/ignored", 1);
    assert_int_equal(paths_find(NULL, NULL, &p, &err), RC_OK);
    assert_string_equal(p.data_dir, "/home/maria/.local/share/outpost");
    assert_string_equal(p.config_file, "/conf/outpost/outpost.conf");
    assert_string_equal(p.tables_dir, "/conf/outpost/tables");
    assert_string_equal(p.log_file, "/home/maria/.local/state/outpost/outpost.log");
    assert_false(p.is_config_named);
    paths_done(&p);
    assert_int_equal(paths_find("/data", "c.conf", &p, &err), RC_OK);
    assert_string_equal(p.data_dir, "/data");
    assert_string_equal(p.log_file, "/data/outpost.log");
    assert_string_equal(p.tables_dir, "./tables");
    assert_true(p.is_config_named);
    paths_done(&p);
    unsetenv("HOME");
    unsetenv("XDG_CONFIG_HOME");
    assert_int_equal(paths_find(NULL, NULL, &p, &err), RC_INVALID);
    assert_int_equal(paths_find("/data", NULL, &p, &err), RC_OK);
    paths_done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_signed_in_last_is_current, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test_setup_teardown(signing_out_keeps_the_account_listed, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test(file_names_hold_no_foreign_text_and_differ),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_ours_is_left_alone, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test_setup_teardown(processes_that_sign_in_at_once_keep_each_others_accounts,
                                        temp_dir_make, temp_dir_remove),
        cmocka_unit_test_setup_teardown(processes_that_make_the_device_id_at_once_agree,
                                        temp_dir_make, temp_dir_remove),
        cmocka_unit_test_setup_teardown(a_damaged_device_file_is_not_replaced, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test(paths_follow_the_xdg_variables),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
