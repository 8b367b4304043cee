#include "db/typed_time.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"

#define TYPED_MAX 64
#define DAY_MS INT64_C(86400000)
#define FIRST_DAY (-719162)     /* 0001-01-01 */
#define LAST_DAY 2932896        /* 9999-12-31 */
#define LEAP_SEARCH_YEARS 8     /* between 1896 and 1904 (and 2096 and 2104) is no 29 February */

/* ASCII letters made small. False when it is too long, or holds a NUL. */
static bool lower(const char *s, size_t len, char out[TYPED_MAX])
{
    if (len == 0 || len >= TYPED_MAX || memchr(s, '\0', len))
        return false;
    for (size_t i = 0; i < len; i++)
        out[i] = s[i] >= 'A' && s[i] <= 'Z' ? (char)(s[i] - 'A' + 'a') : s[i];
    out[len] = '\0';
    return true;
}

/* Reads 1 to `most` digits and moves *s behind them. Returns how many there were. */
static int digits(const char **s, int most, int *out)
{
    int count = 0;

    for (*out = 0; count < most && **s >= '0' && **s <= '9'; count++)
        *out = *out * 10 + *(*s)++ - '0';
    return count;
}

static bool take(const char **s, char c)
{
    if (**s != c)
        return false;
    (*s)++;
    return true;
}

static int64_t today_days(int64_t now_ms)
{
    int64_t days = 0;
    int year, month, day;

    clock_today(now_ms, &year, &month, &day);
    date_to_days(year, month, day, &days);
    return days;
}

/* `today`, `tom`, `yesterday`, and days of the week from three letters on. */
static bool word_date(const char *s, int64_t today, int64_t *days)
{
    static const char *const week[] = {
        "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"
    };
    size_t len = strlen(s);

    if (strcmp(s, "today") == 0) {
        *days = today;
        return true;
    }
    if (strcmp(s, "tom") == 0 || strcmp(s, "tomorrow") == 0) {
        *days = today + 1;
        return true;
    }
    if (strcmp(s, "yesterday") == 0) {
        *days = today - 1;
        return true;
    }
    for (int i = 0; i < 7; i++) {
        if (len < 3 || strncmp(week[i], s, len) != 0)
            continue;
        int64_t weekday = ((today + 3) % 7 + 7) % 7;        /* 1970-01-01 was a Thursday */
        *days = today + (i - weekday + 6) % 7 + 1;
        return true;
    }
    return false;
}

/* The same day `months` later; the 31st becomes the last day of a shorter month. */
static bool add_months(int64_t from, int months, int64_t *days)
{
    int year, month, day, total;

    date_from_days(from, &year, &month, &day);
    total = year * 12 + month - 1 + months;
    if (total < 12)
        return false;
    for (; day > 0; day--) {
        if (date_to_days(total / 12, total % 12 + 1, day, days))
            return true;
    }
    return false;
}

/* `+3`, `-1`, `+2w`, `+1m`, `+1y`. */
static bool relative_date(const char *s, int64_t today, int64_t *days)
{
    int sign = *s == '-' ? -1 : 1, count;

    s++;
    if (digits(&s, 6, &count) == 0)
        return false;
    count *= sign;
    if (*s && s[1])
        return false;
    switch (*s) {
    case '\0':
    case 'd':
        *days = today + count;
        return true;
    case 'w':
        *days = today + (int64_t)count * 7;
        return true;
    case 'm':
        return add_months(today, count, days);
    case 'y':
        return add_months(today, count * 12, days);
    default:
        return false;
    }
}

/* The next such day, today included; for 29 February that may be years ahead. */
static bool next_date(int month, int day, int64_t today, int64_t *days)
{
    int year, this_month, this_day;

    date_from_days(today, &year, &this_month, &this_day);
    for (int i = 0; i <= LEAP_SEARCH_YEARS; i++) {
        if (date_to_days(year + i, month, day, days) && *days >= today)
            return true;
    }
    return false;
}

/* `2026-11-28`, `11-28`, `28.11.`, `28.11.2026`. */
static bool number_date(const char *s, int64_t today, int64_t *days)
{
    int first, second, third;
    int count = digits(&s, 4, &first);

    if (count > 0 && take(&s, '-')) {
        if (digits(&s, 2, &second) == 0)
            return false;
        if (count < 3)
            return *s == '\0' && next_date(first, second, today, days);
        return count == 4 && take(&s, '-') && digits(&s, 2, &third) > 0 && *s == '\0' &&
               date_to_days(first, second, third, days);
    }
    if (count == 0 || count > 2 || !take(&s, '.') || digits(&s, 2, &second) == 0)
        return false;
    if (take(&s, '.') && *s)
        return digits(&s, 4, &third) == 4 && *s == '\0' &&
               date_to_days(third, second, first, days);
    return *s == '\0' && next_date(second, first, today, days);
}

static bool lower_date(const char *s, int64_t now_ms, int64_t *days)
{
    int64_t today = today_days(now_ms), found = 0;
    bool is_date;

    if (*s == '+' || *s == '-')
        is_date = relative_date(s, today, &found);
    else
        is_date = word_date(s, today, &found) || number_date(s, today, &found);
    if (!is_date || found < FIRST_DAY || found > LAST_DAY)
        return false;
    *days = found;
    return true;
}

bool typed_date(const char *s, size_t len, int64_t now_ms, int64_t *days)
{
    char text[TYPED_MAX];

    return lower(s, len, text) && lower_date(text, now_ms, days);
}

struct time_of_day {
    int hour, minute, second, ms;
    bool has_zone;
    int offset_minutes;         /* east of UTC */
};

/* `.250`: digits after the third are cut. */
static bool read_fraction(const char **s, int *ms)
{
    int scale = 100;

    if (**s < '0' || **s > '9')
        return false;
    for (; **s >= '0' && **s <= '9'; (*s)++) {
        *ms += (**s - '0') * scale;
        scale /= 10;
    }
    return true;
}

/* `z`, `+02:00`, `+0200`, or nothing. */
static bool read_zone(const char **s, struct time_of_day *t)
{
    int hours, minutes, sign = **s == '-' ? -1 : 1;

    if (**s == '\0')
        return true;
    t->has_zone = true;
    if (take(s, 'z'))
        return true;
    if (!take(s, '+') && !take(s, '-'))
        return false;
    if (digits(s, 2, &hours) != 2)
        return false;
    take(s, ':');
    if (digits(s, 2, &minutes) != 2 || hours > 23 || minutes > 59)
        return false;
    t->offset_minutes = sign * (hours * 60 + minutes);
    return true;
}

static bool read_time_of_day(const char *s, struct time_of_day *t)
{
    *t = (struct time_of_day){ 0 };
    if (digits(&s, 2, &t->hour) == 0 || !take(&s, ':') || digits(&s, 2, &t->minute) != 2)
        return false;
    if (take(&s, ':')) {
        if (digits(&s, 2, &t->second) != 2)
            return false;
        if (take(&s, '.') && !read_fraction(&s, &t->ms))
            return false;
    }
    if (!read_zone(&s, t) || *s)
        return false;
    return t->hour < 24 && t->minute < 60 && t->second < 60;
}

static int64_t to_utc_ms(int64_t days, const struct time_of_day *t)
{
    int year, month, day;

    if (t->has_zone) {
        int64_t minutes = t->hour * 60 + t->minute - t->offset_minutes;
        return days * DAY_MS + minutes * 60000 + t->second * 1000 + t->ms;
    }
    date_from_days(days, &year, &month, &day);
    struct tm tm = {
        .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day,
        .tm_hour = t->hour, .tm_min = t->minute, .tm_sec = t->second, .tm_isdst = -1,
    };
    return (int64_t)mktime(&tm) * 1000 + t->ms;
}

bool typed_time(const char *s, size_t len, int64_t now_ms, int64_t *ms)
{
    struct time_of_day t = { 0 };
    char text[TYPED_MAX];
    int64_t days;
    char *clock;

    if (!lower(s, len, text))
        return false;
    if (strcmp(text, "now") == 0) {
        *ms = now_ms;
        return true;
    }
    clock = strchr(text, ':');
    if (!clock) {
        if (!lower_date(text, now_ms, &days))
            return false;
        *ms = to_utc_ms(days, &t);
        return true;
    }
    while (clock > text && clock[-1] >= '0' && clock[-1] <= '9')
        clock--;
    if (!read_time_of_day(clock, &t))
        return false;
    if (clock == text) {
        *ms = to_utc_ms(today_days(now_ms), &t);
        return true;
    }
    if (clock[-1] != ' ' && clock[-1] != 't')
        return false;
    clock[-1] = '\0';
    if (!lower_date(text, now_ms, &days))
        return false;
    *ms = to_utc_ms(days, &t);
    return true;
}
