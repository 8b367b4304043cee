#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/mem.h"

static void an_all_zero_buffer_is_a_valid_empty_one(void **state)
{
    struct buf b = { 0 };

    (void)state;
    assert_string_equal(buf_str(&b), "");
    buf_clear(&b);
    buf_append(&b, "x", 0);
    buf_puts(&b, "");
    assert_int_equal(b.len, 0);
    assert_string_equal(buf_str(&b), "");
    buf_done(&b);
    buf_done(&b);
    assert_null(b.data);
}

static void what_is_appended_stands_in_order_and_ends_in_a_nul(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_puts(&b, "one");
    buf_putc(&b, ',');
    buf_append(&b, "tw\0o", 4);
    buf_printf(&b, ";%d-%s", 3, "x");
    assert_int_equal(b.len, 12);
    assert_memory_equal(b.data, "one,tw\0o;3-x", 13);
    buf_done(&b);
}

static void a_buffer_grows_far_past_its_first_room(void **state)
{
    struct buf b = { 0 };

    (void)state;
    for (int i = 0; i < 100000; i++)
        buf_putc(&b, (char)('a' + i % 26));
    assert_int_equal(b.len, 100000);
    assert_true(b.cap > b.len);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(b.data[i], 'a' + i % 26);
    assert_int_equal(b.data[100000], 0);
    buf_done(&b);
}

static void reserved_room_takes_what_was_promised_without_moving(void **state)
{
    struct buf b = { 0 };
    char *before;

    (void)state;
    for (size_t more = 0; more < 300; more++) {
        buf_reserve(&b, more);
        assert_int_equal(b.data[b.len], 0);
        before = b.data;
        for (size_t i = 0; i < more; i++)
            buf_putc(&b, 'x');
        assert_ptr_equal(b.data, before);
    }
    buf_done(&b);
}

static void printing_grows_to_any_length(void **state)
{
    struct buf b = { 0 };

    (void)state;
    for (int width = 0; width < 200; width++) {
        size_t before = b.len;

        buf_printf(&b, "%*s", width, "");
        assert_int_equal(b.len - before, width);
        assert_int_equal(strlen(b.data), b.len);
    }
    buf_printf(&b, "%70000d", 7);
    assert_int_equal(b.data[b.len - 1], '7');
    buf_done(&b);
}

static void clearing_empties_and_keeps_the_room(void **state)
{
    struct buf b = { 0 };
    size_t room;

    (void)state;
    buf_puts(&b, "something");
    room = b.cap;
    buf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(b.cap, room);
    buf_done(&b);
}

static void taken_bytes_belong_to_the_taker(void **state)
{
    struct buf b = { 0 };
    char *bytes;

    (void)state;
    buf_puts(&b, "mine");
    bytes = buf_take(&b);
    assert_string_equal(bytes, "mine");
    free(bytes);
    assert_null(b.data);
    bytes = buf_take(&b);
    assert_string_equal(bytes, "");
    free(bytes);
}

static void whole_numbers_print_as_printf_prints_them(void **state)
{
    static const int64_t values[] = {
        0, 1, -1, 9, 10, -10, 99, 100, 1234567890123, INT64_MAX, INT64_MIN, INT64_MIN + 1,
    };

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buf b = { 0 };
        char expected[32];

        snprintf(expected, sizeof expected, "%" PRId64, values[i]);
        buf_put_i64(&b, values[i]);
        assert_string_equal(buf_str(&b), expected);
        buf_done(&b);
    }
}

static void copies_are_exact_and_zeroed_memory_is_zero(void **state)
{
    char *copy = mem_strndup("ab\0cd", 5), *none = mem_strndup("x", 0), *whole = mem_strdup("abc");
    char *zero = mem_zero(10, 10), *nothing = mem_zero(0, 8);
    int *numbers = NULL;

    (void)state;
    assert_memory_equal(copy, "ab\0cd", 6);
    assert_string_equal(none, "");
    assert_string_equal(whole, "abc");
    for (int i = 0; i < 100; i++)
        assert_int_equal(zero[i], 0);
    assert_non_null(nothing);
    for (size_t n = 0; n < 50; n++) {
        numbers = mem_grow(numbers, n + 1, sizeof *numbers);
        numbers[n] = (int)n;
    }
    for (int n = 0; n < 50; n++)
        assert_int_equal(numbers[n], n);
    free(copy);
    free(none);
    free(whole);
    free(zero);
    free(nothing);
    free(numbers);
}

static volatile size_t too_much = SIZE_MAX;
static int report_fd;

static void report(void)
{
    ssize_t n = write(report_fd, "saved", 5);

    if (n != 5)
        _exit(9);
}

static void report_and_run_out_again(void)
{
    report();
    mem_grow(NULL, too_much, 2);
}

static void ask_zeroed(void)
{
    mem_zero(too_much / 2, 3);
}

static void ask_grown(void)
{
    mem_grow(NULL, too_much, 2);
}

static void ask_copy(void)
{
    mem_strndup("", too_much);
}

/* Runs ask in a child; returns its exit status, and what the hook (or stderr, without one) said. */
static int exhaust(void (*ask)(void), void (*hook)(void), char said[64])
{
    int ends[2], status;
    size_t len = 0;
    ssize_t n;
    pid_t child;

    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ends[0]);
        report_fd = ends[1];
        if (!hook)
            dup2(ends[1], STDERR_FILENO);
        mem_on_exhausted(hook);
        ask();
        _exit(0);
    }
    close(ends[1]);
    while (len < 63 && (n = read(ends[0], said + len, 63 - len)) > 0)
        len += (size_t)n;
    said[len] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void running_out_of_memory_calls_the_hook_once_and_exits_1(void **state)
{
    void (*const asks[])(void) = { ask_zeroed, ask_grown, ask_copy };
    char said[64];

    (void)state;
    for (size_t i = 0; i < sizeof asks / sizeof asks[0]; i++) {
        assert_int_equal(exhaust(asks[i], report, said), 1);
        assert_string_equal(said, "saved");
    }
    assert_int_equal(exhaust(ask_grown, report_and_run_out_again, said), 1);
    assert_string_equal(said, "saved");
}

static void running_out_of_memory_without_a_hook_says_so(void **state)
{
    char said[64];

    (void)state;
    assert_int_equal(exhaust(ask_grown, NULL, said), 1);
    assert_string_equal(said, "outpost: out of memory\n");
}

static void ask_for_a_huge_buffer(void)
{
    struct buf b = { 0 };

    buf_puts(&b, "x");
    buf_reserve(&b, too_much);
}

static void a_reservation_that_would_wrap_ends_the_program(void **state)
{
    char said[64];

    (void)state;
    assert_int_equal(exhaust(ask_for_a_huge_buffer, report, said), 1);
    assert_string_equal(said, "saved");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_all_zero_buffer_is_a_valid_empty_one),
        cmocka_unit_test(what_is_appended_stands_in_order_and_ends_in_a_nul),
        cmocka_unit_test(a_buffer_grows_far_past_its_first_room),
        cmocka_unit_test(reserved_room_takes_what_was_promised_without_moving),
        cmocka_unit_test(printing_grows_to_any_length),
        cmocka_unit_test(clearing_empties_and_keeps_the_room),
        cmocka_unit_test(taken_bytes_belong_to_the_taker),
        cmocka_unit_test(whole_numbers_print_as_printf_prints_them),
        cmocka_unit_test(copies_are_exact_and_zeroed_memory_is_zero),
        cmocka_unit_test(running_out_of_memory_calls_the_hook_once_and_exits_1),
        cmocka_unit_test(running_out_of_memory_without_a_hook_says_so),
        cmocka_unit_test(a_reservation_that_would_wrap_ends_the_program),
    };

    return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
