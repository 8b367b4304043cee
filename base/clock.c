#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DAY_MS 86400000LL
#define FIRST_DAY (-719162LL)           /* 0001-01-01 */
#define LAST_DAY 2932896LL              /* 9999-12-31 */

static int64_t system_ms(clockid_t which)
{
    struct timespec ts = { 0 };

    clock_gettime(which, &ts);          /* cannot fail for the two clocks used here */
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_wall_ms(void *ctx)
{
    (void)ctx;
    return system_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(void *ctx)
{
    (void)ctx;
    return system_ms(CLOCK_BOOTTIME);
}

const struct clock clock_system = { .wall_ms = system_wall_ms, .mono_ms = system_mono_ms };

static int64_t clamp(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

int64_t clock_wall(const struct clock *c)
{
    return clamp(c->wall_ms(c->ctx), 1, CLOCK_MAX_MS);
}

int64_t clock_mono(const struct clock *c)
{
    return c->mono_ms(c->ctx);
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

bool date_to_days(int year, int month, int day, int64_t *days)
{
    int64_t y, era, year_of_era, day_of_year;

    if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 ||
        day > month_days(year, month))
        return false;
    /* Years begin in March here, so that the leap day is the last day of one. */
    y = month <= 2 ? year - 1 : year;
    era = y / 400;
    year_of_era = y - era * 400;
    day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    *days = era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
            719468;
    return true;
}

void date_from_days(int64_t days, int *year, int *month, int *day)
{
    int64_t z = clamp(days, FIRST_DAY, LAST_DAY) + 719468;
    int64_t era = z / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;

    *day = (int)(day_of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

/* The number that len digits at s say, or -1. */
static int digits(const char *s, int len)
{
    int v = 0;

    for (int i = 0; i < len; i++) {
        if (s[i] < '0' || s[i] > '9')
            return -1;
        v = v * 10 + (s[i] - '0');
    }
    return v;
}

bool date_is_valid(const char *s)
{
    int64_t days;
    int year = digits(s, 4), month, day;

    if (year < 0 || s[4] != '-')
        return false;
    month = digits(s + 5, 2);
    if (month < 0 || s[7] != '-')
        return false;
    day = digits(s + 8, 2);
    return day >= 0 && s[10] == '\0' && date_to_days(year, month, day, &days);
}

static struct tm local(int64_t wall_ms)
{
    time_t seconds = (time_t)(clamp(wall_ms, 0, CLOCK_MAX_MS) / 1000);
    struct tm tm = { 0 };

    localtime_r(&seconds, &tm);
    return tm;
}

void clock_hhmm(int64_t wall_ms, char *out, size_t size)
{
    struct tm tm = local(wall_ms);

    snprintf(out, size, "%02d:%02d", tm.tm_hour, tm.tm_min);
}

void clock_hhmmss(int64_t wall_ms, char *out, size_t size)
{
    struct tm tm = local(wall_ms);

    snprintf(out, size, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void clock_local(int64_t wall_ms, char *out, size_t size)
{
    struct tm tm = local(wall_ms);

    snprintf(out, size, "%04d-%02d-%02d %02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
             tm.tm_hour, tm.tm_min);
}

void clock_today(int64_t wall_ms, int *year, int *month, int *day)
{
    struct tm tm = local(wall_ms);

    *year = tm.tm_year + 1900;
    *month = tm.tm_mon + 1;
    *day = tm.tm_mday;
}

void clock_iso(int64_t wall_ms, char *out, size_t size)
{
    int64_t ms = clamp(wall_ms, 0, CLOCK_MAX_MS);
    int year, month, day, rest = (int)(ms % DAY_MS);

    date_from_days(ms / DAY_MS, &year, &month, &day);
    snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day, rest / 3600000,
             rest / 60000 % 60, rest / 1000 % 60, rest % 1000);
}

int64_t date_of_build(const char *date)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char name[4] = "";
    int day = 0, year = 0;
    int64_t days;

    if (sscanf(date, "%3s %d %d", name, &day, &year) != 3)
        return 0;
    const char *at = strstr(months, name);
    if (!at || !date_to_days(year, (int)(at - months) / 3 + 1, day, &days))
        return 0;
    return days * DAY_MS;
}

int64_t clock_built(void)
{
    return date_of_build(__DATE__);
}
