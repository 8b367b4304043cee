#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "ui/statusbar.h"

#define AT_1402 (14 * 3600000LL + 2 * 60000LL)

static void expect(const struct statusbar *bar, bool is_narrow, const char *word, const char *text,
                   const char *alerts)
{
    struct statusbar_part parts[STATUSBAR_PARTS];
    size_t count = statusbar_parts(bar, is_narrow, parts);
    char all[512] = "", bold[512] = "";

    for (size_t i = 0; i < count; i++) {
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? ", " : "", parts[i].text);
        if (parts[i].is_alert)
            snprintf(bold + strlen(bold), sizeof bold - strlen(bold), "[%s]", parts[i].text);
    }
    assert_string_equal(statusbar_word(bar), word);
    assert_string_equal(all, text);
    assert_string_equal(bold, alerts);
}

static void online_says_when_all_was_sent(void **state)
{
    struct sync_status s = { .net = SYNC_ONLINE, .last_ok = AT_1402 };
    struct statusbar bar = { .status = &s };

    (void)state;
    expect(&bar, false, "ONLINE", "all changes sent, 14:02", "");
    bar.pending = 2;
    expect(&bar, false, "ONLINE", "2 pending, last sync 14:02", "");
    bar.pending = 0;
    bar.failed = 1;
    expect(&bar, false, "ONLINE", "1 failed, last sync 14:02", "[1 failed]");
}

static void offline_counts_changes_and_says_when_it_synced_last(void **state)
{
    struct sync_status s = { .net = SYNC_OFFLINE, .last_ok = AT_1402 };
    struct statusbar bar = { .status = &s, .pending = 3, .failed = 1 };

    (void)state;
    expect(&bar, false, "OFFLINE", "3 pending, 1 failed, last sync 14:02", "[1 failed]");
    bar.pending = bar.failed = 0;
    expect(&bar, false, "OFFLINE", "last sync 14:02", "");
    s.last_ok = 0;
    expect(&bar, false, "OFFLINE", "never synced", "");
}

static void a_round_shows_how_far_it_is(void **state)
{
    struct sync_status s = { .net = SYNC_ONLINE, .phase = SYNC_PUSHING, .done = 2, .total = 4 };
    struct statusbar bar = { .status = &s, .is_busy = true };

    (void)state;
    expect(&bar, false, "SYNCING", "sending 2 of 4", "");
    s = (struct sync_status){
        .net = SYNC_ONLINE, .phase = SYNC_PULLING, .done = 130, .total = 512
    };
    expect(&bar, false, "SYNCING", "getting 130 of 512", "");
    s.total = 0;
    expect(&bar, false, "SYNCING", "getting 130", "");
}

static void what_a_person_must_do_is_bold(void **state)
{
    struct sync_status s = { .net = SYNC_ONLINE, .last_ok = AT_1402, .needs_sign_in = true };
    struct statusbar bar = { .status = &s, .pending = 4 };

    (void)state;
    expect(&bar, false, "ONLINE", "4 pending, sign in to send, last sync 14:02",
           "[sign in to send]");
    bar.is_disk_full = true;
    expect(&bar, false, "ONLINE", "4 pending, disk full, last sync 14:02", "[disk full]");
}

static void narrow_windows_get_the_short_form(void **state)
{
    struct sync_status s = { .net = SYNC_OFFLINE, .last_ok = AT_1402 };
    struct statusbar bar = { .status = &s, .pending = 3 };

    (void)state;
    expect(&bar, true, "OFFLINE", "3 pend, 14:02", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(online_says_when_all_was_sent),
        cmocka_unit_test(offline_counts_changes_and_says_when_it_synced_last),
        cmocka_unit_test(a_round_shows_how_far_it_is),
        cmocka_unit_test(what_a_person_must_do_is_bold),
        cmocka_unit_test(narrow_windows_get_the_short_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
