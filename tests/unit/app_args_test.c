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
#include "src/app/args.h"
#include "src/app/commands.h"

/* Copies a line into words, because parsing reorders them. */
struct line {
    char text[300];
    char *argv[20];
    int argc;
};

static void split(struct line *line, const char *text)
{
    char *at = line->text;

    snprintf(line->text, sizeof line->text, "outpost %s", text);
    line->argc = 0;
    while (at && *at) {
        line->argv[line->argc++] = at;
        at = strchr(at, ' ');
        if (at)
            *at++ = '\0';
    }
    line->argv[line->argc] = NULL;
}

static void parsed(struct line *line, const char *text, struct args *args)
{
    struct err err = { 0 };

    split(line, text);
    if (args_parse(line->argc, line->argv, app_commands, args, &err) != RC_OK)
        fail_msg("%s: %s", text, err.msg);
}

static void refused(const char *text, const char *words)
{
    struct line line;
    struct args args = { 0 };
    struct err err = { 0 };

    split(&line, text);
    if (args_parse(line.argc, line.argv, app_commands, &args, &err) != RC_INVALID)
        fail_msg("accepted: %s", text);
    assert_null(args.words);
    if (!strstr(err.msg, words))
        fail_msg("%s: \"%s\" lacks \"%s\"", text, err.msg, words);
}

static void options_for_all_stand_before_and_after_the_command(void **state)
{
    struct line line;
    struct args args = { 0 };

    (void)state;
    parsed(&line, "--data-dir /a list --server=http://h --find pump --json", &args);
    assert_string_equal(args.command->name, "list");
    assert_string_equal(args_value(&args, "data-dir"), "/a");
    assert_string_equal(args_value(&args, "server"), "http://h");
    assert_string_equal(args_value(&args, "find"), "pump");
    assert_true(args_has(&args, "json"));
    assert_false(args_has(&args, "all"));
    assert_null(args_value(&args, "sort"));
    args_done(&args);
    parsed(&line, "--data-dir /a list --data-dir /b", &args);
    assert_string_equal(args_value(&args, "data-dir"), "/b");
    args_done(&args);
}

static void words_and_repeated_options_keep_their_order(void **state)
{
    struct line line;
    struct args args = { 0 };
    size_t at = 0;

    (void)state;
    parsed(&line, "add fix --set a=1 the --set b=2 pump -- --json -x", &args);
    assert_string_equal(args_next(&args, "set", &at), "a=1");
    assert_string_equal(args_next(&args, "set", &at), "b=2");
    assert_null(args_next(&args, "set", &at));
    assert_int_equal(args.word_count, 5);
    assert_string_equal(args.words[2], "pump");
    assert_string_equal(args.words[3], "--json");
    assert_string_equal(args.words[4], "-x");
    assert_false(args_has(&args, "json"));
    args_done(&args);
}

static void no_command_is_the_screen(void **state)
{
    struct line line;
    struct args args = { 0 };

    (void)state;
    parsed(&line, "--color never", &args);
    assert_string_equal(args.command->name, "");
    assert_string_equal(args_value(&args, "color"), "never");
    args_done(&args);
    refused("--color never list", "is for the screen, not for list");
}

static void what_is_wrong_is_answered_with_what_would_be_right(void **state)
{
    static const char *const rows[][2] = {
        { "lst", "did you mean \"list\"" },
        { "lsit", "did you mean \"list\"" },
        { "frobnicate", "there are: login, logout, add" },
        { "list --jsno", "did you mean \"--json\"" },
        { "list --frobnicate", "list has no option \"--frobnicate\"; it has: --open" },
        { "list -x", "list has no option \"-x\"" },
        { "--frobnicate", "there is no option \"--frobnicate\"; there are: --color" },
        { "add --set", "\"--set\" wants a value" },
        { "list --json=1", "--json takes no value" },
        { "show", "something is missing; it is: outpost show ID" },
        { "show a b", "\"b\" is too much; it is: outpost show ID" },
        { "status now", "\"now\" is too much" },
        { "done", "something is missing; it is: outpost done ID..." },
        { "", "" },
    };

    (void)state;
    for (size_t i = 0; rows[i][0][0]; i++)
        refused(rows[i][0], rows[i][1]);
}

static void help_is_given_however_many_words_there_are(void **state)
{
    static const char *const rows[] = { "show --help", "show -h", "-h show", "status a b --help",
                                        "edit --version" };
    struct line line;
    struct args args = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        parsed(&line, rows[i], &args);
        assert_true(args_has(&args, "help") || args_has(&args, "version"));
        args_done(&args);
    }
}

static void read_asset(const char *name, struct buf *out)
{
    char *path = path_join(SOURCE_DIR "/assets", name);
    struct err err = { 0 };

    buf_clear(out);
    if (file_read(path, 1 << 20, out, &err) != RC_OK)
        fail_msg("%s", err.msg);
    free(path);
}

static void mentions(const char *name, const struct buf *text, const char *word)
{
    if (!strstr(buf_str(text), word))
        fail_msg("assets/%s does not mention %s", name, word);
}

/* Each file spells an option its own way. */
static void mentions_option(const char *name, const struct buf *text, const char *option)
{
    struct buf word = { 0 };

    if (strstr(name, "man/")) {
        buf_puts(&word, "\\-\\-");
        for (const char *c = option; *c; c++)
            buf_printf(&word, *c == '-' ? "\\%c" : "%c", *c);
    } else {
        buf_printf(&word, strstr(name, ".fish") ? "-l %s" : "--%s", option);
    }
    mentions(name, text, buf_str(&word));
    buf_done(&word);
}

static void manual_and_completions_know_every_command_and_option(void **state)
{
    static const char *const files[] = {
        "man/outpost.1",
        "completions/outpost.bash",
        "completions/_outpost",
        "completions/outpost.fish",
    };
    struct buf text = { 0 };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        bool is_man = strstr(files[i], "man/") != NULL;
        char word[80];

        read_asset(files[i], &text);
        for (const struct command *c = app_commands; c->name; c++) {
            if (c->name[0]) {
                snprintf(word, sizeof word, is_man ? ".B %s" : "%s", c->name);
                mentions(files[i], &text, word);
            }
            for (const struct option_spec *o = c->options; o && o->name; o++)
                mentions_option(files[i], &text, o->name);
        }
        for (const struct option_spec *o = args_for_all; o->name; o++)
            mentions_option(files[i], &text, o->name);
    }
    buf_done(&text);
}

static void help_names_everything(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    args_help(app_commands, to);
    for (const struct command *c = app_commands; c->name; c++)
        args_help_command(c, to);
    fclose(to);
    for (const struct command *c = app_commands; c->name; c++) {
        assert_non_null(strstr(text, c->summary));
        assert_non_null(c->run);
        for (const struct option_spec *o = c->options; o && o->name; o++)
            assert_non_null(strstr(text, o->help));
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_for_all_stand_before_and_after_the_command),
        cmocka_unit_test(words_and_repeated_options_keep_their_order),
        cmocka_unit_test(no_command_is_the_screen),
        cmocka_unit_test(what_is_wrong_is_answered_with_what_would_be_right),
        cmocka_unit_test(help_is_given_however_many_words_there_are),
        cmocka_unit_test(manual_and_completions_know_every_command_and_option),
        cmocka_unit_test(help_names_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
