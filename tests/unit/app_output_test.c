#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/file.h"
#include "base/json.h"
#include "src/app/follow.h"
#include "src/app/lines.h"
#include "src/app/outfile.h"
#include "src/app/print.h"
#include "tests/unit/temp_dir.h"

static void json_output_escapes_what_could_hurt_a_terminal_and_keeps_the_value(void **state)
{
    static const char *const rows[][2] = {
        { "plain \xC3\xA9 \xE2\x82\xAC", "\"plain \xC3\xA9 \xE2\x82\xAC\"" },
        { "\x1B[31m", "\"\\u001b[31m\"" },
        { "\x7F", "\"\\u007f\"" },
        { "\xC2\x9B"
          "31m",
          "\"\\u009b31m\"" },
        { "a\xE2\x80\xAE"
          "b",
          "\"a\\u202eb\"" },
        { "\xE2\x80\x8B\xEF\xBB\xBF", "\"\\u200b\\ufeff\"" },
        { "\xF3\xA0\x80\xA1", "\"\\udb40\\udc21\"" },
        { "\xF0\x9F\x98\x80", "\"\xF0\x9F\x98\x80\"" },
        { "\n\t", "\"\\n\\t\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf json = { 0 }, safe = { 0 };
        struct err err = { 0 };
        cJSON *back = NULL;

        json_put_string(&json, rows[i][0], strlen(rows[i][0]));
        json_harmless(buf_str(&json), json.len, &safe);
        assert_string_equal(buf_str(&safe), rows[i][1]);
        assert_int_equal(json_parse(buf_str(&safe), safe.len, &back, &err), RC_OK);
        assert_string_equal(back->valuestring, rows[i][0]);
        cJSON_Delete(back);
        buf_done(&json);
        buf_done(&safe);
    }
}

static void what_is_said_to_a_person_holds_no_control_characters(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    (void)state;
    say(to, "%s|%s|%s\n", "a\x1B[2Jb", "c\rd",
        "\xC2\x9B"
        "e\xE2\x80\xAE");
    fclose(to);
    for (size_t i = 0; i < size; i++)
        assert_true((unsigned char)text[i] >= 0x20 || (text[i] == '\n' && i == size - 1));
    assert_null(strstr(text, "\xC2\x9B"));
    assert_null(strstr(text, "\xE2\x80\xAE"));
    assert_non_null(strstr(text, "|c"));
    free(text);
}

static int input_of(const char *dir, const void *bytes, size_t len)
{
    char *path = path_join(dir, "input");
    struct err err = { 0 };
    int fd;

    assert_int_equal(file_replace(path, bytes, len, 0600, &err), RC_OK);
    fd = open(path, O_RDONLY);
    free(path);
    return fd;
}

static void lines_are_read_one_by_one_and_a_long_one_is_skipped(void **state)
{
    struct buf text = { 0 };
    struct lines lines = { .max_bytes = 100000 };
    struct err err = { 0 };

    buf_puts(&text, "one\n\n");
    for (int i = 0; i < 300000; i++)
        buf_putc(&text, 'x');
    buf_puts(&text, "\nthree\r\n");
    for (int i = 0; i < 100000; i++)
        buf_putc(&text, 'y');
    lines.fd = input_of(*state, text.data, text.len);
    assert_int_equal(lines_next(&lines, &err), RC_OK);
    assert_string_equal(buf_str(&lines.line), "one");
    assert_int_equal(lines_next(&lines, &err), RC_OK);
    assert_int_equal(lines.line.len, 0);
    assert_false(lines.is_too_long);
    assert_int_equal(lines_next(&lines, &err), RC_OK);
    assert_true(lines.is_too_long);
    assert_int_equal(lines.line.len, 0);
    assert_true(lines.line.cap < 300000); /* memory is bounded by the longest good line */
    assert_int_equal(lines_next(&lines, &err), RC_OK);
    assert_string_equal(buf_str(&lines.line), "three\r");
    assert_int_equal(lines.number, 4);
    assert_int_equal(lines_next(&lines, &err), RC_OK);
    assert_int_equal(lines.line.len, 100000); /* the last one lacks its newline */
    assert_int_equal(lines_next(&lines, &err), RC_NOT_FOUND);
    close(lines.fd);
    lines_done(&lines);
    buf_done(&text);
}

static void a_line_is_ready_when_it_need_not_be_waited_for(void **state)
{
    struct lines lines = { .max_bytes = 100 };
    struct err err = { 0 };
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    lines.fd = ends[0];
    assert_false(lines_is_ready(&lines));
    assert_int_equal(write(ends[1], "one\ntwo\nthr", 11), 11);
    assert_true(lines_is_ready(&lines));
    assert_int_equal(lines_next(&lines, &err), RC_OK);
    assert_true(lines_is_ready(&lines));
    assert_int_equal(lines_next(&lines, &err), RC_OK);
    assert_false(lines_is_ready(&lines)); /* half a line */
    close(ends[1]);
    assert_true(lines_is_ready(&lines));
    assert_int_equal(lines_next(&lines, &err), RC_OK);
    assert_string_equal(buf_str(&lines.line), "thr");
    assert_true(lines_is_ready(&lines));
    assert_int_equal(lines_next(&lines, &err), RC_NOT_FOUND);
    close(ends[0]);
    lines_done(&lines);
}

static void an_output_file_appears_whole_or_not_at_all(void **state)
{
    char *path = path_join(*state, "out.jsonl");
    struct outfile out = { 0 };
    struct err err = { 0 };
    struct buf text = { 0 };
    struct stat st;

    assert_int_equal(outfile_open(&out, path, &err), RC_OK);
    fputs("half", out.to);
    assert_false(file_exists(path));
    assert_true(file_exists(out.temporary));
    outfile_done(&out);
    assert_false(file_exists(path));

    assert_int_equal(outfile_open(&out, path, &err), RC_OK);
    fputs("whole\n", out.to);
    assert_int_equal(outfile_finish(&out, &err), RC_OK);
    outfile_done(&out);
    assert_int_equal(file_read(path, 100, &text, &err), RC_OK);
    assert_string_equal(buf_str(&text), "whole\n");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(rmdir(*state), -1);
    buf_done(&text);
    free(path);
}

static void a_full_disk_is_an_error_of_the_output(void **state)
{
    struct outfile out = { 0 };
    struct err err = { 0 };

    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    out.to = fopen("/dev/full", "w");
    out.path = strdup("/dev/full");
    fputs("x", out.to);
    assert_int_equal(outfile_finish(&out, &err), RC_FULL);
    outfile_done(&out);
}

static void following_tells_what_changed_between_two_statuses(void **state)
{
    struct sync_status a = { .net = SYNC_OFFLINE, .waiting = 3 }, b = a;
    struct follow_events events;
    struct buf text = { 0 };

    (void)state;
    a.holder = b.holder = getpid();
    follow_compare(NULL, &a, &events);
    assert_int_equal(events.count, 0);
    b.last.rc = RC_NETWORK;
    snprintf(b.last.msg, sizeof b.last.msg, "The server refused the connection.");
    follow_compare(&a, &b, &events);
    assert_int_equal(events.count, 1);
    follow_sentence(&events.items[0], &text);
    assert_string_equal(buf_str(&text),
                        "offline, 3 changes wait: The server refused the connection.");
    a = b;
    follow_compare(&a, &b, &events);
    assert_int_equal(events.count, 0);
    b.net = SYNC_ONLINE;
    b.last = (struct err){ 0 };
    b.waiting = 1;
    b.failed = 1;
    b.rounds = 1;
    b.pulled = 7;
    follow_compare(&a, &b, &events);
    assert_int_equal(events.count, 4);
    assert_int_equal(events.items[0].what, FOLLOW_ONLINE);
    assert_int_equal(events.items[1].what, FOLLOW_SENT);
    assert_int_equal(events.items[1].count, 2);
    assert_int_equal(events.items[2].count, 7);
    assert_int_equal(events.items[3].what, FOLLOW_REFUSED);
    buf_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_output_escapes_what_could_hurt_a_terminal_and_keeps_the_value),
        cmocka_unit_test(what_is_said_to_a_person_holds_no_control_characters),
        cmocka_unit_test_setup_teardown(lines_are_read_one_by_one_and_a_long_one_is_skipped,
                                        temp_dir_make, temp_dir_remove),
        cmocka_unit_test(a_line_is_ready_when_it_need_not_be_waited_for),
        cmocka_unit_test_setup_teardown(an_output_file_appears_whole_or_not_at_all, temp_dir_make,
                                        temp_dir_remove),
        cmocka_unit_test(a_full_disk_is_an_error_of_the_output),
        cmocka_unit_test(following_tells_what_changed_between_two_statuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
