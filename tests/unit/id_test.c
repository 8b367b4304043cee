#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"

static void an_id_is_a_version_7_uuid_in_lower_case(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        char id[ID_SIZE];

        memset(id, 'x', sizeof id);
        id_new(1795466701123, id);
        assert_true(id_is_valid(id));
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
    }
}

static void an_id_begins_with_its_time(void **state)
{
    char id[ID_SIZE];

    (void)state;
    id_new(0x0123456789AB, id);
    assert_memory_equal(id, "01234567-89ab-7", 15);
    id_new(0, id);
    assert_memory_equal(id, "00000000-0000-7", 15);
    id_new(-1, id);
    assert_memory_equal(id, "00000000-0000-7", 15);
    id_new(CLOCK_MAX_MS, id);
    assert_memory_equal(id, "e677d21f-dbff-7", 15);
}

static void ids_of_later_milliseconds_sort_later(void **state)
{
    char before[ID_SIZE], after[ID_SIZE];

    (void)state;
    id_new(1, before);
    for (int64_t ms = 2; ms < CLOCK_MAX_MS; ms = ms * 3 / 2 + 1) {
        id_new(ms, after);
        assert_true(strcmp(before, after) < 0);
        memcpy(before, after, sizeof before);
    }
}

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, ID_SIZE);
}

static void ids_of_one_millisecond_differ(void **state)
{
    enum { COUNT = 20000 };
    char (*ids)[ID_SIZE] = mem_zero(COUNT, ID_SIZE);

    (void)state;
    for (int i = 0; i < COUNT; i++)
        id_new(1795466701123, ids[i]);
    qsort(ids, COUNT, ID_SIZE, compare_ids);
    for (int i = 1; i < COUNT; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
    free(ids);
}

static void only_lower_case_uuid_text_is_an_id(void **state)
{
    static const char *const good[] = {
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    };
    static const char *const bad[] = {
        "",
        "-",
        "f81d4fae",
        "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf67",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bf6 ",
        "f81d4fae-7dec-11d0-a765-00a0c91e6bfg",
        "f81d4fae-7dec-11d0-a76500a0c91e6bf6-",
        "f81d4fae7dec-11d0-a765-00a0c91e6bf6a",
        "f81d4fae_7dec_11d0_a765_00a0c91e6bf6",
        "{81d4fae-7dec-11d0-a765-00a0c91e6bf}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(id_is_valid(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(id_is_valid(bad[i]));
}

static void a_token_is_43_url_safe_characters_and_never_the_same(void **state)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char before[ID_TOKEN_SIZE] = "";

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char token[ID_TOKEN_SIZE];

        id_token(token);
        assert_int_equal(strlen(token), 43);
        assert_int_equal(strspn(token, alphabet), 43);
        assert_string_not_equal(token, before);
        memcpy(before, token, sizeof before);
    }
}

static void a_word_is_1_to_64_letters_digits_and_dashes(void **state)
{
    char word[70];

    (void)state;
    assert_true(id_is_word("a"));
    assert_true(id_is_word("-"));
    assert_true(id_is_word("Kiosk-7"));
    assert_true(id_is_word("azAZ09"));
    for (const char *beside = "/:@[`{"; *beside; beside++) {
        const char none[] = { 'a', *beside, '\0' };

        assert_false(id_is_word(none));
    }
    assert_false(id_is_word(""));
    assert_false(id_is_word("a b"));
    assert_false(id_is_word("a_b"));
    assert_false(id_is_word("a\n"));
    assert_false(id_is_word("caf\xC3\xA9"));
    memset(word, 'w', sizeof word);
    word[64] = '\0';
    assert_true(id_is_word(word));
    word[64] = 'w';
    word[65] = '\0';
    assert_false(id_is_word(word));
}

static void random_numbers_use_all_64_bits(void **state)
{
    uint64_t ones = 0, zeros = 0;

    (void)state;
    for (int i = 0; i < 200; i++) {
        uint64_t v = id_random();

        ones |= v;
        zeros |= ~v;
    }
    assert_true(ones == UINT64_MAX);
    assert_true(zeros == UINT64_MAX);
}

static void *make_ids(void *out)
{
    char (*ids)[ID_SIZE] = out;

    for (int i = 0; i < 500; i++)
        id_new(1795466701123, ids[i]);
    return NULL;
}

static void threads_may_make_ids_at_once(void **state)
{
    enum { THREADS = 4, COUNT = THREADS * 500 };
    char (*ids)[ID_SIZE] = mem_zero(COUNT, ID_SIZE);
    pthread_t threads[THREADS];

    (void)state;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, make_ids, ids[i * 500]), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    qsort(ids, COUNT, ID_SIZE, compare_ids);
    for (int i = 1; i < COUNT; i++)
        assert_string_not_equal(ids[i - 1], ids[i]);
    free(ids);
}

static const char *fixed_name(void)
{
    return "fixed";
}

static uint32_t fixed_random(void)
{
    return 0x5A5A5A5A;
}

static void fixed_bytes(void *const out, const size_t size)
{
    memset(out, 0x5A, size);
}

static struct randombytes_implementation fixed = {
    .implementation_name = fixed_name, .random = fixed_random, .buf = fixed_bytes,
};

/* Stays last: libsodium has no call that gives back its own source. */
static void a_simulation_may_replace_the_randomness(void **state)
{
    char id[ID_SIZE];

    (void)state;
    assert_int_equal(randombytes_set_implementation(&fixed), 0);
    id_new(1, id);
    assert_string_equal(id, "00000000-0001-7a5a-9a5a-5a5a5a5a5a5a");
    assert_true(id_random() == 0x5A5A5A5A5A5A5A5A);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_may_make_ids_at_once),
        cmocka_unit_test(an_id_is_a_version_7_uuid_in_lower_case),
        cmocka_unit_test(an_id_begins_with_its_time),
        cmocka_unit_test(ids_of_later_milliseconds_sort_later),
        cmocka_unit_test(ids_of_one_millisecond_differ),
        cmocka_unit_test(only_lower_case_uuid_text_is_an_id),
        cmocka_unit_test(a_token_is_43_url_safe_characters_and_never_the_same),
        cmocka_unit_test(a_word_is_1_to_64_letters_digits_and_dashes),
        cmocka_unit_test(random_numbers_use_all_64_bits),
        cmocka_unit_test(a_simulation_may_replace_the_randomness),
    };

    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
