/* base/clock.h: time as a thing that is handed over, so that a simulation can own it; and dates.
 *
 * Units    wall times are UTC ms since the epoch (0 means never); monotonic times are ms since some start.
 * Source   civil dates: proleptic Gregorian, RFC 3339; Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_MAX_MS 253402300799999LL          /* the last ms of the year 9999 */

struct clock {
    int64_t (*wall_ms)(void *ctx);
    int64_t (*mono_ms)(void *ctx);              /* never goes back; counts system sleep (CLOCK_BOOTTIME) */
    void *ctx;
};

extern const struct clock clock_system;

int64_t clock_wall(const struct clock *c);      /* clamped to 1..CLOCK_MAX_MS: never 0 */
int64_t clock_mono(const struct clock *c);

/* Days since 1970-01-01 for an existing day of the years 1 to 9999; false when there is no such day. */
bool date_to_days(int year, int month, int day, int64_t *days);
void date_from_days(int64_t days, int *year, int *month, int *day);

/* `YYYY-MM-DD`, exactly, an existing day of the years 0001 to 9999. */
bool date_is_valid(const char *s);

/* Local time of day as HH:MM, as HH:MM:SS, and local YYYY-MM-DD HH:MM. Out sizes: at least 20 bytes. */
void clock_hhmm(int64_t wall_ms, char *out, size_t size);
void clock_hhmmss(int64_t wall_ms, char *out, size_t size);
void clock_local(int64_t wall_ms, char *out, size_t size);
/* Today in local time. */
void clock_today(int64_t wall_ms, int *year, int *month, int *day);
/* UTC `2026-11-23T20:45:01.123Z`; size at least 32. */
void clock_iso(int64_t wall_ms, char *out, size_t size);

/* The ms of a compiler's __DATE__ ("Nov 23 2026"); 0 when it is none. */
int64_t date_of_build(const char *date);
/* The day this program was built: a clock that is a day behind it is wrong. */
int64_t clock_built(void);

#endif
