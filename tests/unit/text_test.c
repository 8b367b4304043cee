#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

#define ACUTE "\xCC\x81"                /* U+0301 */
#define ZWJ_ "\xE2\x80\x8D"             /* U+200D */
#define VS16 "\xEF\xB8\x8F"             /* U+FE0F */
#define KANJI "\xE6\xBC\xA2"            /* U+6F22, two columns */
#define MAN "\xF0\x9F\x91\xA8"          /* U+1F468 */
#define WOMAN "\xF0\x9F\x91\xA9"
#define GIRL "\xF0\x9F\x91\xA7"
#define DARK "\xF0\x9F\x8F\xBF"         /* U+1F3FF, a skin tone */

/* Not valid in UTF-8, by RFC 3629. */
static const char *const invalid[] = {
    "\x80",             "\xBF",             "\xC0\x80",         "\xC0\xAF",
    "\xC1\xBF",         "\xC3",             "\xC3(",            "\xE0\x80\x80",
    "\xE0\x80\xAF",     "\xE0\x9F\xBF",     "\xE2\x82",         "\xE2(\xA1",
    "\xED\xA0\x80",     "\xED\xAF\xBF",     "\xED\xBF\xBF",     "\xED\xA0\xBD\xED\xB8\x80",
    "\xF0\x80\x80\xAF", "\xF0\x8F\xBF\xBF", "\xF0\x9F\x98",     "\xF4\x90\x80\x80",
    "\xF5\x80\x80\x80", "\xF8\x88\x80\x80", "\xFC\x84\x80\x80", "\xFE",
    "\xFF",             "\xEF\xBB",
};

static void check_display(const char *s, enum text_mode mode, const char *expected)
{
    struct buf b = { 0 };

    text_display(s, strlen(s), mode, &b);
    if (strcmp(buf_str(&b), expected) != 0)
        fail_msg("`%s` is shown as `%s`, not as `%s`", s, buf_str(&b), expected);
    buf_done(&b);
}

static void whatever_rfc_3629_forbids_is_invalid(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(invalid); i++) {
        char around[16];

        assert_false(text_is_valid(invalid[i], strlen(invalid[i])));
        snprintf(around, sizeof around, "a%sz", invalid[i]);
        assert_false(text_is_valid(around, strlen(around)));
    }
    assert_false(text_is_valid("a\0b", 3));
    assert_false(text_is_valid("", 1));
}

static void every_scalar_value_but_zero_is_valid(void **state)
{
    static const char *const edges[] = {
        "", "\x01", "\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
        "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(edges); i++)
        assert_true(text_is_valid(edges[i], strlen(edges[i])));
}

static void a_sequence_that_the_length_cuts_is_invalid(void **state)
{
    (void)state;
    for (size_t len = 1; len < 4; len++)
        assert_false(text_is_valid("\xF0\x9F\x98\x80", len));
    assert_true(text_is_valid("\xF0\x9F\x98\x80", 4));
}

static void decoding_takes_one_byte_of_what_is_invalid(void **state)
{
    static const struct {
        const char *s;
        size_t used;
        int32_t cp;
    } cases[] = {
        { "a", 1, 'a' },
        { "\xC3\xA9x", 2, 0xE9 },
        { "\xE2\x82\xAC", 3, 0x20AC },
        { "\xF0\x9F\x98\x80z", 4, 0x1F600 },
        { "\xED\xA0\x80", 1, -1 },
        { "\xC0\x80", 1, -1 },
        { "\xFFz", 1, -1 },
    };
    int32_t cp;

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(text_next(cases[i].s, strlen(cases[i].s), &cp), cases[i].used);
        assert_int_equal(cp, cases[i].cp);
    }
    assert_int_equal(text_next("\0x", 2, &cp), 1);
    assert_int_equal(cp, 0);
}

/* Of a string in `whole`, only the first `len` bytes are given away, and nothing may look behind them. */
static void nothing_behind_the_length_is_looked_at(void **state)
{
    static const char whole[] = "aa\xF0\x9F\x98\x80";
    struct buf b = { 0 };
    int used;

    (void)state;
    assert_false(text_is_valid(whole, 5));
    assert_false(text_is_blank("  \xE3\x80\x80", 4));
    assert_int_equal(text_width(whole, 5), 5);
    assert_int_equal(text_fit(whole, 5, 9, &used), 5);
    assert_int_equal(used, 5);
    text_display(whole, 5, TEXT_LINE, &b);
    assert_string_equal(buf_str(&b), "aa???");
    buf_clear(&b);
    text_clip(whole, 5, 9, &b);
    assert_string_equal(buf_str(&b), "aa???");
    buf_clear(&b);
    text_fold(whole, 5, 9, &b);
    assert_string_equal(buf_str(&b), "aa");
    buf_clear(&b);
    text_display("a\r\n", 2, TEXT_LINE, &b);
    assert_string_equal(buf_str(&b), "a?");
    buf_clear(&b);
    text_display(MAN ZWJ_ MAN, 7, TEXT_LINE, &b);
    assert_string_equal(buf_str(&b), MAN "?");
    buf_clear(&b);
    text_display(MAN ZWJ_ MAN, 9, TEXT_LINE, &b);
    assert_string_equal(buf_str(&b), MAN "???");
    buf_done(&b);
}

static void code_points_are_counted_and_not_bytes(void **state)
{
    (void)state;
    assert_int_equal(text_count("", 0), 0);
    assert_int_equal(text_count("abc", 3), 3);
    assert_int_equal(text_count("e" ACUTE, 3), 2);
    assert_int_equal(text_count("\xF0\x9F\x98\x80" KANJI, 7), 2);
}

static void blank_is_unicode_white_space_and_nothing_else(void **state)
{
    static const char *const blank[] = {
        "", " ", "\t\n\v\f\r ", "\xC2\x85", "\xC2\xA0", "\xE1\x9A\x80", "\xE2\x80\x80",
        "\xE2\x80\x8A", "\xE2\x80\xA8", "\xE2\x80\xA9", "\xE2\x80\xAF", "\xE2\x81\x9F",
        "\xE3\x80\x80", " \xE3\x80\x80 ",
    };
    static const char *const not_blank[] = {
        "a", " .", "\xE2\x80\x8B", "\xE1\xA0\x8E", "\xEF\xBB\xBF", ZWJ_, "\x1B", "\xFF", " \xC2",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(blank); i++)
        assert_true(text_is_blank(blank[i], strlen(blank[i])));
    for (size_t i = 0; i < COUNT(not_blank); i++)
        assert_false(text_is_blank(not_blank[i], strlen(not_blank[i])));
}

static void ordinary_text_of_many_scripts_is_shown_as_it_is(void **state)
{
    static const char *const texts[] = {
        "", "plain ~ text!", "caf\xC3\xA9", "cafe" ACUTE, KANJI "\xE5\xAD\x97",
        "\xD8\xB3\xD9\x84\xD8\xA7\xD9\x85", "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D",
        "\xE0\xA4\xA8\xE0\xA4\xAE\xE0\xA4\xB8\xE0\xA5\x8D\xE0\xA4\xA4\xE0\xA5\x87",
        "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xC2\xA0", "\xEF\xBC\xA1", "\xF0\x9F\x98\x80",
        "\xE2\x9D\xA4" VS16, "\xF0\x9F\x87\xA9\xF0\x9F\x87\xAA", "\xE2\x9A\xA0",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(texts); i++)
        check_display(texts[i], TEXT_LINE, texts[i]);
}

static void invalid_bytes_are_shown_as_question_marks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(invalid); i++) {
        struct buf b = { 0 };

        text_display(invalid[i], strlen(invalid[i]), TEXT_LINE, &b);
        assert_int_equal(buf_str(&b)[0], '?');
        assert_true(text_is_valid(buf_str(&b), b.len));
        for (size_t at = 0; at < b.len; at++)
            assert_true(b.data[at] == '?' || b.data[at] == '(');
        buf_done(&b);
    }
}

static void no_control_reaches_the_terminal(void **state)
{
    (void)state;
    for (int mode = TEXT_LINE; mode <= TEXT_LINES; mode++) {
        for (int c = 0; c < 0xA0; c++) {
            char s[4] = { 'a' }, expected[] = "a?b";
            struct buf b = { 0 };
            size_t len = 1;

            if (c >= 0x20 && c < 0x7F)
                continue;
            if (c >= 0x80)
                s[len++] = (char)0xC2;
            s[len++] = (char)c;
            if (c == '\t' || (c == '\n' && mode == TEXT_LINE))
                expected[1] = ' ';
            if (c == '\n' && mode == TEXT_LINES)
                expected[1] = '\n';
            text_display(s, len, (enum text_mode)mode, &b);
            buf_putc(&b, 'b');
            assert_string_equal(buf_str(&b), expected);
            buf_done(&b);
        }
    }
}

static void escape_sequences_lose_their_escape(void **state)
{
    (void)state;
    check_display("\x1B[31mred\x1B]0;title\x07", TEXT_LINE, "?[31mred?]0;title?");
    check_display("\xC2\x9B" "2J", TEXT_LINE, "?2J");
    check_display("\x9B" "2J", TEXT_LINE, "?2J");
    check_display("a\rX\bY\x7F", TEXT_LINE, "a?X?Y?");
    check_display("\x1BP1$q\x1B\\", TEXT_LINES, "?P1$q?\\");
}

static void newlines_become_spaces_in_a_line_and_stay_in_lines(void **state)
{
    (void)state;
    check_display("a\nb\r\nc\td\re", TEXT_LINE, "a b c d?e");
    check_display("a\nb\r\nc\td\re", TEXT_LINES, "a\nb\nc d?e");
    check_display("a\xE2\x80\xA8" "b\xE2\x80\xA9" "c", TEXT_LINE, "a b c");
    check_display("a\xE2\x80\xA8" "b\xE2\x80\xA9" "c", TEXT_LINES, "a\nb\nc");
    check_display("\r", TEXT_LINES, "?");
    check_display("\n\n", TEXT_LINES, "\n\n");
}

static void what_turns_or_hides_text_is_shown_as_question_marks(void **state)
{
    static const char *const hidden[] = {
        "\xD8\x9C",         /* U+061C Arabic letter mark */
        "\xE2\x80\x8E",     /* U+200E left-to-right mark */
        "\xE2\x80\x8F",     /* U+200F */
        "\xE2\x80\xAA", "\xE2\x80\xAB", "\xE2\x80\xAC", "\xE2\x80\xAD", "\xE2\x80\xAE",
        "\xE2\x81\xA6", "\xE2\x81\xA7", "\xE2\x81\xA8", "\xE2\x81\xA9",
        "\xE2\x81\xAA",     /* U+206A, deprecated */
        "\xE2\x80\x8B",     /* U+200B zero width space */
        "\xE2\x80\x8C",     /* U+200C */
        ZWJ_,
        "\xE2\x81\xA0",     /* U+2060 word joiner */
        "\xE2\x81\xA4",     /* U+2064 invisible plus */
        "\xEF\xBB\xBF",     /* U+FEFF BOM */
        "\xC2\xAD",         /* U+00AD soft hyphen */
        "\xE1\xA0\x8E",     /* U+180E */
        "\xE3\x85\xA4",     /* U+3164 Hangul filler */
        "\xE1\x85\x9F",     /* U+115F */
        "\xEF\xBF\xB9",     /* U+FFF9 interlinear annotation */
        "\xF3\xA0\x81\x81", /* U+E0041 tag */
        "\xEF\xBF\xBE",     /* U+FFFE, no character */
        "\xEF\xBF\xBF",
        "\xCD\xB8",         /* U+0378, unassigned */
        "\xF4\x8F\xBF\xBF", /* U+10FFFF */
    };

    (void)state;
    for (size_t i = 0; i < COUNT(hidden); i++) {
        char s[16];

        snprintf(s, sizeof s, "a%sb", hidden[i]);
        check_display(s, TEXT_LINE, "a?b");
        check_display(s, TEXT_LINES, "a?b");
    }
    /* CVE-2021-42574: a comment that reads as code. */
    check_display("x \xE2\x80\xAE\xE2\x81\xA6// y\xE2\x81\xA9", TEXT_LINE, "x ?" "?// y?");
}

static void a_joiner_stays_between_emoji_only(void **state)
{
    static const char *const kept[] = {
        MAN ZWJ_ WOMAN ZWJ_ GIRL,
        MAN DARK ZWJ_ "\xF0\x9F\x9A\x80",                       /* an astronaut: tone, joiner, rocket */
        MAN "\xF0\x9F\x8F\xBB" ZWJ_ "\xF0\x9F\x9A\x80",       /* U+1F3FB, the first tone */
        "\xF0\x9F\x8F\xB3" VS16 ZWJ_ "\xF0\x9F\x8C\x88",        /* rainbow flag */
        WOMAN ZWJ_ "\xE2\x9D\xA4" VS16 ZWJ_ MAN,
    };

    (void)state;
    for (size_t i = 0; i < COUNT(kept); i++)
        check_display(kept[i], TEXT_LINE, kept[i]);
    check_display(ZWJ_ MAN, TEXT_LINE, "?" MAN);
    check_display(MAN ZWJ_, TEXT_LINE, MAN "?");
    check_display(MAN ZWJ_ "a", TEXT_LINE, MAN "?a");
    check_display("a" ZWJ_ MAN, TEXT_LINE, "a?" MAN);
    check_display(MAN ZWJ_ ZWJ_ MAN, TEXT_LINE, MAN "??" MAN);
    check_display(MAN " " ZWJ_ MAN, TEXT_LINE, MAN " ?" MAN);
    check_display(MAN ZWJ_ "\xF0\x9F", TEXT_LINE, MAN "???");
}

static void a_flood_of_marks_keeps_8_a_base(void **state)
{
    struct buf flood = { 0 }, shown = { 0 }, expected = { 0 };

    (void)state;
    buf_puts(&flood, "a");
    for (int i = 0; i < 10000; i++)
        buf_puts(&flood, ACUTE);
    buf_puts(&flood, "b" ACUTE "c");
    buf_puts(&expected, "a");
    for (int i = 0; i < 8; i++)
        buf_puts(&expected, ACUTE);
    buf_puts(&expected, "b" ACUTE "c");
    text_display(flood.data, flood.len, TEXT_LINE, &shown);
    assert_string_equal(buf_str(&shown), buf_str(&expected));
    assert_int_equal(text_width(shown.data, shown.len), 3);
    buf_done(&flood);
    buf_done(&shown);
    buf_done(&expected);
}

static void a_mark_without_a_base_is_a_question_mark(void **state)
{
    (void)state;
    check_display(ACUTE "a", TEXT_LINE, "?a");
    check_display(ACUTE ACUTE, TEXT_LINE, "??");
    check_display("a\n" ACUTE "b", TEXT_LINES, "a\n?b");
    check_display("a\t" ACUTE "b", TEXT_LINE, "a ?b");
    check_display("\x1B" ACUTE, TEXT_LINE, "??");
    check_display(VS16, TEXT_LINE, "?");
}

static void display_appends_and_gives_only_what_is_displayable(void **state)
{
    struct buf shown = { 0 };
    uint32_t seed = 1;

    (void)state;
    buf_puts(&shown, "head:");
    text_display("x", 1, TEXT_LINE, &shown);
    assert_string_equal(buf_str(&shown), "head:x");
    for (int round = 0; round < 3000; round++) {
        struct buf raw = { 0 }, once = { 0 }, twice = { 0 };

        for (int i = 0; i < 40; i++) {
            seed = seed * 1664525 + 1013904223;
            if (seed >> 31)
                buf_putc(&raw, (char)(seed >> 20));
            else
                buf_puts(&raw, seed >> 30 ? ACUTE : seed >> 29 ? MAN ZWJ_ : KANJI);
        }
        text_display(raw.data, raw.len, TEXT_LINE, &once);
        assert_true(text_is_valid(once.data, once.len));
        text_display(once.data, once.len, TEXT_LINE, &twice);
        assert_string_equal(buf_str(&once), buf_str(&twice));
        buf_done(&raw);
        buf_done(&once);
        buf_done(&twice);
    }
    buf_done(&shown);
}

static void a_locale_without_utf_8_shows_ascii_alone(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C"));
    check_display("caf\xC3\xA9 " KANJI MAN ZWJ_ MAN, TEXT_LINE, "caf? ????");
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

static void width_counts_columns(void **state)
{
    static const struct {
        const char *s;
        int cols;
    } cases[] = {
        { "", 0 }, { "abc", 3 }, { "e" ACUTE, 1 }, { KANJI, 2 }, { "a" KANJI "b", 4 },
        { MAN, 2 }, { MAN ZWJ_ MAN, 4 }, { "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", 2 },
        { "\xEF\xBC\xA1", 2 }, { "\xEF\xBD\xB1", 1 }, { "\xC2\xA0", 1 }, { "a\nb", 2 },
        { "\xFF", 1 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (text_width(cases[i].s, strlen(cases[i].s)) != cases[i].cols)
            fail_msg("`%s` is not %d columns wide", cases[i].s, cases[i].cols);
    }
}

static void the_head_that_fits_is_the_longest_and_takes_its_marks_along(void **state)
{
    static const struct {
        const char *s;
        int width;
        size_t bytes;
        int used;
    } cases[] = {
        { "abc", 0, 0, 0 },
        { "abc", 2, 2, 2 },
        { "abc", 3, 3, 3 },
        { "abc", 9, 3, 3 },
        { "abc", -1, 0, 0 },
        { "", 5, 0, 0 },
        { "e" ACUTE "f", 1, 3, 1 },
        { KANJI KANJI, 1, 0, 0 },
        { KANJI KANJI, 2, 3, 2 },
        { KANJI KANJI, 3, 3, 2 },
        { MAN ZWJ_ MAN, 2, 4, 2 },      /* no joiner at the end */
        { MAN ZWJ_ MAN, 3, 4, 2 },
        { MAN ZWJ_ MAN, 4, 11, 4 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int used = -1;

        assert_int_equal(text_fit(cases[i].s, strlen(cases[i].s), cases[i].width, &used),
                         cases[i].bytes);
        assert_int_equal(used, cases[i].used);
    }
}

static void clipped_text_ends_in_a_tilde_and_never_exceeds_its_columns(void **state)
{
    static const struct {
        const char *s;
        int width;
        const char *expected;
        int cols;
    } cases[] = {
        { "", 5, "", 0 },
        { "abc", 3, "abc", 3 },
        { "abcd", 3, "ab~", 3 },
        { "abcd", 1, "~", 1 },
        { "a", 1, "a", 1 },
        { "abcd", 0, "", 0 },
        { "abcd", -3, "", 0 },
        { KANJI KANJI, 4, KANJI KANJI, 4 },
        { KANJI KANJI, 3, KANJI "~", 3 },
        { KANJI KANJI, 2, "~", 1 },
        { "e" ACUTE "e" ACUTE "e", 2, "e" ACUTE "~", 2 },
        { "ae" ACUTE, 2, "ae" ACUTE, 2 },
        { "a\n\x1B[2J", 4, "a ?~", 4 },
        { MAN ZWJ_ MAN, 3, MAN "~", 3 },
        { "\xE2\x9A\xA1" MAN, 3, "\xE2\x9A\xA1~", 3 },
        { "\xFF\xFF\xFF", 2, "?~", 2 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf b = { 0 };

        buf_puts(&b, ">");
        assert_int_equal(text_clip(cases[i].s, strlen(cases[i].s), cases[i].width, &b),
                         cases[i].cols);
        assert_string_equal(buf_str(&b) + 1, cases[i].expected);
        assert_int_equal(text_width(b.data + 1, b.len - 1), cases[i].cols);
        buf_done(&b);
    }
}

static void clipping_hostile_text_keeps_to_its_columns(void **state)
{
    uint32_t seed = 7;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct buf raw = { 0 }, clipped = { 0 };
        int width = round % 20, cols;

        for (int i = 0; i < 30; i++) {
            seed = seed * 1664525 + 1013904223;
            if (seed >> 31)
                buf_putc(&raw, (char)(seed >> 20));
            else
                buf_puts(&raw, seed >> 30 ? ACUTE : seed >> 29 ? MAN ZWJ_ : KANJI);
        }
        cols = text_clip(raw.data, raw.len, width, &clipped);
        assert_in_range(cols, 0, width);
        assert_int_equal(text_width(buf_str(&clipped), clipped.len), cols);
        assert_true(text_is_valid(buf_str(&clipped), clipped.len));
        buf_done(&raw);
        buf_done(&clipped);
    }
}

static void check_fold(const char *s, size_t max_bytes, const char *expected)
{
    struct buf b = { 0 };

    text_fold(s, strlen(s), max_bytes, &b);
    if (strcmp(buf_str(&b), expected) != 0)
        fail_msg("`%s` folds to `%s`, not to `%s`", s, buf_str(&b), expected);
    buf_done(&b);
}

static void folding_makes_alike_what_people_take_for_alike(void **state)
{
    (void)state;
    check_fold("Fix The PUMP", 100, "fix the pump");
    check_fold("Caf\xC3\xA9", 100, "cafe");
    check_fold("CAFE" ACUTE, 100, "cafe");
    check_fold("Stra\xC3\x9F" "e", 100, "strasse");
    check_fold("\xEF\xAC\x81x", 100, "fix");                       /* the fi ligature */
    check_fold("\xEF\xBC\xA1\xEF\xBC\xA2", 100, "ab");              /* full width */
    check_fold("\xCE\xA3\xCE\xAF\xCF\x82", 100, "\xCF\x83\xCE\xB9\xCF\x83");
    check_fold("\xC3\x85ngstr\xC3\xB6m", 100, "angstrom");
    check_fold("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", 100, "\xED\x95\x9C");        /* Hangul */
    check_fold("co\xC2\xADop" ZWJ_, 100, "coop");
    check_fold(KANJI, 100, KANJI);
}

static void folding_makes_one_space_of_white_space_and_none_at_the_ends(void **state)
{
    (void)state;
    check_fold("  a \t\n b\xC2\xA0\xE3\x80\x80" "c  ", 100, "a b c");
    check_fold("a\xE2\x80\xA8" "b", 100, "a b");
    check_fold("   ", 100, "");
    check_fold("", 100, "");
}

static void folding_stops_at_whole_code_points(void **state)
{
    (void)state;
    check_fold("abcdef", 3, "abc");
    check_fold("abc def", 4, "abc");
    check_fold("abc def", 5, "abc d");
    check_fold("ab" KANJI, 4, "ab");
    check_fold("ab" KANJI, 5, "ab" KANJI);
    check_fold(KANJI, 0, "");
    check_fold("ab" KANJI "x", 4, "ab");
    check_fold("\xEF\xB7\xBA", 7, "\xD8\xB5\xD9\x84\xD9\x89");      /* U+FDFA, 18 letters when folded */
}

static void folding_that_is_full_stays_full(void **state)
{
    struct buf text = { 0 }, folded = { 0 };

    (void)state;
    buf_puts(&text, "ab" KANJI);
    for (int i = 0; i < 3000; i++)
        buf_putc(&text, 'x');
    text_fold(text.data, text.len, 4, &folded);
    assert_string_equal(buf_str(&folded), "ab");
    buf_done(&text);
    buf_done(&folded);
}

static void folding_appends_and_counts_only_its_own_bytes(void **state)
{
    struct buf b = { 0 };

    (void)state;
    buf_puts(&b, "head:");
    text_fold(" A B CD", 7, 4, &b);
    assert_string_equal(buf_str(&b), "head:a b");
    buf_done(&b);
}

static void folding_leaves_out_invalid_bytes_and_nul(void **state)
{
    struct buf b = { 0 };

    (void)state;
    check_fold("a\xFF" "b\xED\xA0\x80" "c\xC3", 100, "abc");
    text_fold("a\0B", 3, 100, &b);
    assert_string_equal(buf_str(&b), "ab");
    assert_int_equal(b.len, 2);
    buf_done(&b);
}

static void folding_does_not_depend_on_the_locale(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_ALL, "C"));
    check_fold("\xC3\x84" KANJI, 100, "a" KANJI);
    assert_true(text_is_valid(KANJI, 3));
    assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
}

static void folding_long_text_is_the_same_in_one_piece(void **state)
{
    struct buf text = { 0 }, folded = { 0 }, expected = { 0 };

    (void)state;
    for (int i = 0; i < 3000; i++) {
        buf_puts(&text, "\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB" "E" ACUTE);
        buf_puts(&expected, "\xED\x95\x9C" "e");
    }
    text_fold(text.data, text.len, 1 << 20, &folded);
    assert_string_equal(buf_str(&folded), buf_str(&expected));
    buf_done(&text);
    buf_done(&folded);
    buf_done(&expected);
}

static void a_flood_of_marks_folds_to_its_base(void **state)
{
    struct buf text = { 0 }, folded = { 0 };

    (void)state;
    buf_puts(&text, "a");
    for (int i = 0; i < 100000; i++)
        buf_puts(&text, i % 2 ? ACUTE : "\xCC\xA7");
    buf_puts(&text, "b");
    text_fold(text.data, text.len, 100, &folded);
    assert_string_equal(buf_str(&folded), "ab");
    buf_done(&text);
    buf_done(&folded);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_rfc_3629_forbids_is_invalid),
        cmocka_unit_test(every_scalar_value_but_zero_is_valid),
        cmocka_unit_test(a_sequence_that_the_length_cuts_is_invalid),
        cmocka_unit_test(decoding_takes_one_byte_of_what_is_invalid),
        cmocka_unit_test(nothing_behind_the_length_is_looked_at),
        cmocka_unit_test(code_points_are_counted_and_not_bytes),
        cmocka_unit_test(blank_is_unicode_white_space_and_nothing_else),
        cmocka_unit_test(ordinary_text_of_many_scripts_is_shown_as_it_is),
        cmocka_unit_test(invalid_bytes_are_shown_as_question_marks),
        cmocka_unit_test(no_control_reaches_the_terminal),
        cmocka_unit_test(escape_sequences_lose_their_escape),
        cmocka_unit_test(newlines_become_spaces_in_a_line_and_stay_in_lines),
        cmocka_unit_test(what_turns_or_hides_text_is_shown_as_question_marks),
        cmocka_unit_test(a_joiner_stays_between_emoji_only),
        cmocka_unit_test(a_flood_of_marks_keeps_8_a_base),
        cmocka_unit_test(a_mark_without_a_base_is_a_question_mark),
        cmocka_unit_test(display_appends_and_gives_only_what_is_displayable),
        cmocka_unit_test(a_locale_without_utf_8_shows_ascii_alone),
        cmocka_unit_test(width_counts_columns),
        cmocka_unit_test(the_head_that_fits_is_the_longest_and_takes_its_marks_along),
        cmocka_unit_test(clipped_text_ends_in_a_tilde_and_never_exceeds_its_columns),
        cmocka_unit_test(clipping_hostile_text_keeps_to_its_columns),
        cmocka_unit_test(folding_makes_alike_what_people_take_for_alike),
        cmocka_unit_test(folding_makes_one_space_of_white_space_and_none_at_the_ends),
        cmocka_unit_test(folding_stops_at_whole_code_points),
        cmocka_unit_test(folding_that_is_full_stays_full),
        cmocka_unit_test(folding_appends_and_counts_only_its_own_bytes),
        cmocka_unit_test(folding_leaves_out_invalid_bytes_and_nul),
        cmocka_unit_test(folding_does_not_depend_on_the_locale),
        cmocka_unit_test(folding_long_text_is_the_same_in_one_piece),
        cmocka_unit_test(a_flood_of_marks_folds_to_its_base),
    };

    setlocale(LC_ALL, "C.UTF-8");
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
