#include "llm-gateway/retry_after.h"

#include <string.h>
#include <strings.h>

#include "core/assert.h"

#define DAY_S INT64_C(86400)
#define NANO INT64_C(1000000000)

/* A reader walks along a terminated text; a step that fails leaves it anywhere, since its caller gives up. */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static void
skip_blanks(const char **at)
{
    while (**at == ' ' || **at == '\t')
        (*at)++;
}

static bool
at_end(const char *at)
{
    skip_blanks(&at);
    return *at == '\0';
}

static bool
take(const char **at, const char *word)
{
    size_t length = strlen(word);

    if (strncasecmp(*at, word, length) != 0)
        return false;
    *at += length;
    return true;
}

/* Exactly `count` digits. */
static bool
take_digits(const char **at, uint32_t count, int64_t *out)
{
    int64_t value = 0;

    for (uint32_t i = 0; i < count; i++, (*at)++) {
        if (!is_digit(**at))
            return false;
        value = value * 10 + (**at - '0');
    }
    *out = value;
    return true;
}

/* "12", "12.5", ".5": whole part and billionths (rounded up), saturated far above every bound here. */
static bool
take_decimal(const char **at, int64_t *whole, int64_t *nano)
{
    bool some = false;
    int64_t scale = NANO / 10;

    *whole = *nano = 0;
    for (; is_digit(**at); (*at)++, some = true)
        if (*whole < INT64_C(100000000000000000))
            *whole = *whole * 10 + (**at - '0');
    if (**at == '.') {
        bool more = false;

        for ((*at)++; is_digit(**at); (*at)++, some = true, scale /= 10) {
            *nano += (**at - '0') * scale;
            more = more || (scale == 0 && **at != '0');
        }
        *nano += more;
    }
    return some;
}

/* units of `unit_ns` each; *out in milliseconds, rounded up. */
static int64_t
in_ms(int64_t whole, int64_t nano, int64_t unit_ns)
{
    int64_t ms;

    ASSERT(nano >= 0 && nano <= NANO);
    if (whole > RETRY_AFTER_MAX_MS * INT64_C(1000000) / unit_ns)
        return RETRY_AFTER_MAX_MS;
    /* unit_ns <= 3600e9, so that nano * (unit_ns / 1000) stays below 3.6e18. */
    ms = whole * unit_ns;
    ms += unit_ns >= 1000 ? (nano * (unit_ns / 1000) + 999999) / 1000000 : nano > 0;
    ms = ms / 1000000 + (ms % 1000000 != 0);
    return ms < RETRY_AFTER_MAX_MS ? ms : RETRY_AFTER_MAX_MS;
}

static bool
parse_decimal(const char *text, int64_t unit_ns, int64_t *out)
{
    int64_t whole, nano;

    skip_blanks(&text);
    if (!take_decimal(&text, &whole, &nano) || !at_end(text))
        return false;
    *out = in_ms(whole, nano, unit_ns);
    return true;
}

static int64_t
until(int64_t moment, int64_t now_ms)
{
    int64_t wait;

    if (moment <= now_ms)
        return 0;
    if (__builtin_sub_overflow(moment, now_ms, &wait) || wait > RETRY_AFTER_MAX_MS)
        return RETRY_AFTER_MAX_MS;
    return wait;
}

bool
retry_after_parse(const char *text, int64_t now_ms, int64_t *out)
{
    int64_t moment;

    if (parse_decimal(text, NANO, out))
        return true;
    if (!retry_after_parse_date(text, now_ms, &moment))
        return false;
    *out = until(moment, now_ms);
    return true;
}

bool
retry_after_parse_ms(const char *text, int64_t *out)
{
    return parse_decimal(text, 1000000, out);
}

bool
retry_after_parse_duration(const char *text, int64_t *out)
{
    static const struct unit {
        const char *name;
        int64_t ns;
    } units[] = {{"h", 3600 * NANO}, {"ms", 1000000}, {"m", 60 * NANO}, {"s", NANO},
                 {"us", 1000},       {"\xc2\xb5s", 1000}, {"ns", 1}};
    int64_t last = INT64_MAX;
    int64_t total = 0;

    skip_blanks(&text);
    do {
        const struct unit *unit = units;
        int64_t whole, nano;

        if (!take_decimal(&text, &whole, &nano))
            return false;
        while (unit < units + sizeof units / sizeof units[0] && !take(&text, unit->name))
            unit++;
        if (unit == units + sizeof units / sizeof units[0] || unit->ns >= last)
            return false;
        last = unit->ns;
        total += in_ms(whole, nano, unit->ns);
    } while (!at_end(text));
    *out = total < RETRY_AFTER_MAX_MS ? total : RETRY_AFTER_MAX_MS;
    return true;
}

bool
retry_after_parse_reset(const char *text, int64_t now_ms, int64_t *out)
{
    int64_t moment;

    if (retry_after_parse_duration(text, out) || parse_decimal(text, NANO, out))
        return true;
    if (!retry_after_parse_rfc3339(text, &moment))
        return false;
    *out = until(moment, now_ms);
    return true;
}

/* ---- dates ---- */

struct date {
    int64_t year, month, day, hour, minute, second; /* month and day from 1 */
};

static bool
is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Unix seconds of a date in UTC; false when there is no such date. A leap second counts as the second after it. */
static bool
date_seconds(const struct date *date, int64_t *out)
{
    static const int64_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    int64_t y = date->year - 1;
    int64_t days;

    if (date->year < 1970 || date->year > 9999 || date->month < 1 || date->month > 12 || date->day < 1)
        return false;
    if (date->day > before[date->month] - before[date->month - 1] + (date->month == 2 && is_leap(date->year)))
        return false;
    if (date->hour > 23 || date->minute > 59 || date->second > 60)
        return false;
    days = y * 365 + y / 4 - y / 100 + y / 400 - 719162; /* days from 0001-01-01 to 1970-01-01 */
    days += before[date->month - 1] + (date->month > 2 && is_leap(date->year)) + date->day - 1;
    *out = days * DAY_S + date->hour * 3600 + date->minute * 60 + date->second;
    return true;
}

static bool
take_month(const char **at, int64_t *out)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

    for (int64_t i = 0; i < 12; i++) {
        if (take(at, months[i])) {
            *out = i + 1;
            return true;
        }
    }
    return false;
}

/* The name of a day, short or long. That it is the right one is not asked: the date says which day it is. */
static bool
take_weekday(const char **at, bool full)
{
    static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

    for (uint32_t i = 0; i < 7; i++) {
        char name[4] = {days[i][0], days[i][1], days[i][2], '\0'};

        if (full ? take(at, days[i]) : take(at, name))
            return true;
    }
    return false;
}

static bool
take_clock(const char **at, struct date *date)
{
    return take_digits(at, 2, &date->hour) && take(at, ":") && take_digits(at, 2, &date->minute) && take(at, ":") &&
           take_digits(at, 2, &date->second);
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static bool
take_fixdate(const char *at, struct date *date)
{
    return take_weekday(&at, false) && take(&at, ", ") && take_digits(&at, 2, &date->day) && take(&at, " ") &&
           take_month(&at, &date->month) && take(&at, " ") && take_digits(&at, 4, &date->year) && take(&at, " ") &&
           take_clock(&at, date) && (take(&at, " GMT") || take(&at, " UTC")) && at_end(at);
}

/* Sun Nov  6 08:49:37 1994 */
static bool
take_asctime(const char *at, struct date *date)
{
    return take_weekday(&at, false) && take(&at, " ") && take_month(&at, &date->month) && take(&at, " ") &&
           (take(&at, " ") ? take_digits(&at, 1, &date->day) : take_digits(&at, 2, &date->day)) && take(&at, " ") &&
           take_clock(&at, date) && take(&at, " ") && take_digits(&at, 4, &date->year) && at_end(at);
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static bool
take_rfc850(const char *at, struct date *date)
{
    return take_weekday(&at, true) && take(&at, ", ") && take_digits(&at, 2, &date->day) && take(&at, "-") &&
           take_month(&at, &date->month) && take(&at, "-") && take_digits(&at, 2, &date->year) && take(&at, " ") &&
           take_clock(&at, date) && take(&at, " GMT") && at_end(at);
}

/* The year that ends in these two digits and is at most 50 years ahead (RFC 9110 5.6.7). */
static int64_t
whole_year(int64_t two, int64_t now_ms)
{
    int64_t now = 1970 + now_ms / (1000 * DAY_S * 1461 / 4);
    int64_t year = now - now % 100 + two;

    if (year > now + 50)
        year -= 100;
    else if (year <= now - 50)
        year += 100;
    return year;
}

bool
retry_after_parse_date(const char *text, int64_t now_ms, int64_t *moment)
{
    struct date date = {0};
    int64_t seconds;

    skip_blanks(&text);
    if (!take_fixdate(text, &date) && !take_asctime(text, &date)) {
        if (!take_rfc850(text, &date))
            return false;
        date.year = whole_year(date.year, now_ms);
    }
    if (!date_seconds(&date, &seconds))
        return false;
    *moment = seconds * 1000;
    return true;
}

/* Z or the distance from UTC, in seconds. */
static bool
take_zone(const char **at, int64_t *out)
{
    int64_t hours, minutes;
    bool west = **at == '-';

    *out = 0;
    if (take(at, "Z"))
        return true;
    if (**at != '+' && !west)
        return false;
    (*at)++;
    if (!take_digits(at, 2, &hours) || !take(at, ":") || !take_digits(at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *out = (hours * 3600 + minutes * 60) * (west ? -1 : 1);
    return true;
}

bool
retry_after_parse_rfc3339(const char *text, int64_t *moment)
{
    struct date date = {0};
    int64_t seconds, zone;
    int64_t whole = 0;
    int64_t nano = 0;

    skip_blanks(&text);
    if (!take_digits(&text, 4, &date.year) || !take(&text, "-") || !take_digits(&text, 2, &date.month) ||
        !take(&text, "-") || !take_digits(&text, 2, &date.day) || !(take(&text, "T") || take(&text, " ")) ||
        !take_clock(&text, &date))
        return false;
    if (*text == '.' && !take_decimal(&text, &whole, &nano))
        return false;
    if (!take_zone(&text, &zone) || !at_end(text) || !date_seconds(&date, &seconds))
        return false;
    *moment = (seconds - zone) * 1000 + (nano + 999999) / 1000000;
    return true;
}
