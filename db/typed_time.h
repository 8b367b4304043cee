/* db/typed_time.h: dates and times as people type them, relative to now and in local time.
 *
 * Dates    2026-11-28, 28.11.2026, 28.11., 11-28 (the next such day, today included), today, tom,
 *          yesterday, fri or friday (the next one after today), +3, -1, +2w, +1m, +1y.
 * Times    a date, a blank or T, and 14:05, 14:05:30 or 14:05:30.250, in local time or with Z,
 *          +02:00 or +0200 behind it; 14:05 alone is today, a date alone its midnight; now.
 * Source   RFC 3339 for the full forms. Letters in any case.
 */
#ifndef DB_TYPED_TIME_H
#define DB_TYPED_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *days: since 1970-01-01. False when it is no date, or none of the years 1 to 9999. */
bool typed_date(const char *s, size_t len, int64_t now_ms, int64_t *days);

/* *ms: UTC, may be negative (before 1970). */
bool typed_time(const char *s, size_t len, int64_t now_ms, int64_t *ms);

#endif
