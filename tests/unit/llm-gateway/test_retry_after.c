#include "llm-gateway/retry_after.h"

#include "tests/support/test.h"

/* 1994-11-06 08:49:37 UTC, the example of RFC 9110, in milliseconds (date -d ... +%s says 784111777). */
#define EXAMPLE INT64_C(784111777000)
#define REFUSED INT64_C(-1)

enum form { AFTER, MS, DURATION, RESET, DATE, RFC3339 };

static const struct row {
    const char *name;
    enum form form;
    const char *text;
    int64_t now_ms, want;
} rows[] = {
    {"seconds", AFTER, "2", 0, 2000},
    {"no seconds", AFTER, "0", 0, 0},
    {"half a second", AFTER, "0.5", 0, 500},
    {"rounded up to the millisecond", AFTER, "1.0001", 0, 1001},
    {"blanks around", AFTER, " 3 ", 0, 3000},
    {"an hour", AFTER, "3600", 0, 3600000},
    {"more than an age", AFTER, "99999999999999999999", 0, RETRY_AFTER_MAX_MS},
    {"refuses a negative", AFTER, "-1", 0, REFUSED},
    {"refuses nothing", AFTER, "", 0, REFUSED},
    {"refuses a point alone", AFTER, ".", 0, REFUSED},
    {"refuses words", AFTER, "soon", 0, REFUSED},
    {"refuses an exponent", AFTER, "1e3", 0, REFUSED},
    {"a date, ten seconds ahead", AFTER, "Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE - 10000, 10000},
    {"a date that has passed", AFTER, "Sun, 06 Nov 1994 08:49:37 GMT", EXAMPLE + 5, 0},
    {"a far date", AFTER, "Fri, 31 Dec 9999 23:59:59 GMT", 0, RETRY_AFTER_MAX_MS},
    {"milliseconds", MS, "1500", 0, 1500},
    {"half a millisecond is one", MS, "0.5", 0, 1},
    {"refuses a unit of milliseconds", MS, "15ms", 0, REFUSED},
    {"RetryInfo", DURATION, "22s", 0, 22000},
    {"with a fraction", DURATION, "22.5s", 0, 22500},
    {"six minutes", DURATION, "6m0s", 0, 360000},
    {"12 milliseconds", DURATION, "12ms", 0, 12},
    {"all units", DURATION, "1h2m3s4ms", 0, 3723004},
    {"microseconds round up", DURATION, "1us", 0, 1},
    {"many nanoseconds", DURATION, "5000000000ns", 0, 5000},
    {"refuses units upside down", DURATION, "1s2m", 0, REFUSED},
    {"refuses one unit twice", DURATION, "1s2s", 0, REFUSED},
    {"refuses no unit", DURATION, "22", 0, REFUSED},
    {"refuses a unit alone", DURATION, "s", 0, REFUSED},
    {"refuses what follows", DURATION, "22s!", 0, REFUSED},
    {"a huge duration", DURATION, "99999999999999999999h", 0, RETRY_AFTER_MAX_MS},
    {"reset as a duration", RESET, "9ms", 0, 9},
    {"reset as seconds", RESET, "1.5", 0, 1500},
    {"reset as RFC 3339", RESET, "1994-11-06T08:49:37Z", EXAMPLE - 4000, 4000},
    {"IMF-fixdate", DATE, "Sun, 06 Nov 1994 08:49:37 GMT", 0, EXAMPLE},
    {"RFC 850", DATE, "Sunday, 06-Nov-94 08:49:37 GMT", EXAMPLE, EXAMPLE},
    {"asctime", DATE, "Sun Nov  6 08:49:37 1994", 0, EXAMPLE},
    {"asctime with two digits", DATE, "Wed Nov 16 08:49:37 1994", 0, EXAMPLE + 864000000},
    {"RFC 850, year 30 in 2026 is ahead", DATE, "Tuesday, 01-Jan-30 00:00:00 GMT", INT64_C(1767225600000),
     INT64_C(1893456000000)},
    {"RFC 850, year 94 in 2026 is behind", DATE, "Sunday, 06-Nov-94 08:49:37 GMT", INT64_C(1767225600000), EXAMPLE},
    {"the epoch", DATE, "Thu, 01 Jan 1970 00:00:00 GMT", 0, 0},
    {"a leap day", DATE, "Thu, 29 Feb 2024 00:00:00 GMT", 0, INT64_C(1709164800000)},
    {"refuses a leap day without a leap year", DATE, "Wed, 29 Feb 2023 00:00:00 GMT", 0, REFUSED},
    {"2000 was a leap year", DATE, "Tue, 29 Feb 2000 00:00:00 GMT", 0, INT64_C(951782400000)},
    {"refuses 29 February 2100", DATE, "Mon, 29 Feb 2100 00:00:00 GMT", 0, REFUSED},
    {"refuses 31 April", DATE, "Sun, 31 Apr 1994 08:49:37 GMT", 0, REFUSED},
    {"refuses hour 24", DATE, "Sun, 06 Nov 1994 24:00:00 GMT", 0, REFUSED},
    {"a leap second", DATE, "Sun, 06 Nov 1994 08:49:60 GMT", 0, EXAMPLE + 23000},
    {"refuses another zone", DATE, "Sun, 06 Nov 1994 08:49:37 PST", 0, REFUSED},
    {"refuses a cut date", DATE, "Sun, 06 Nov 1994", 0, REFUSED},
    {"RFC 3339 in UTC", RFC3339, "1994-11-06T08:49:37Z", 0, EXAMPLE},
    {"with a fraction", RFC3339, "1994-11-06T08:49:37.25Z", 0, EXAMPLE + 250},
    {"east of Greenwich", RFC3339, "1994-11-06T09:49:37+01:00", 0, EXAMPLE},
    {"west of Greenwich", RFC3339, "1994-11-06T00:49:37-08:00", 0, EXAMPLE},
    {"in small letters", RFC3339, "1994-11-06t08:49:37z", 0, EXAMPLE},
    {"refuses no zone", RFC3339, "1994-11-06T08:49:37", 0, REFUSED},
    {"refuses month 13", RFC3339, "1994-13-06T08:49:37Z", 0, REFUSED},
};

static void
forms(void **state)
{
    const struct row *row = *state;
    int64_t got = 77;
    bool read = false;

    switch (row->form) {
    case AFTER: read = retry_after_parse(row->text, row->now_ms, &got); break;
    case MS: read = retry_after_parse_ms(row->text, &got); break;
    case DURATION: read = retry_after_parse_duration(row->text, &got); break;
    case RESET: read = retry_after_parse_reset(row->text, row->now_ms, &got); break;
    case DATE: read = retry_after_parse_date(row->text, row->now_ms, &got); break;
    case RFC3339: read = retry_after_parse_rfc3339(row->text, &got); break;
    }
    assert_int_equal(read, row->want != REFUSED);
    assert_int_equal(got, row->want == REFUSED ? 77 : row->want);
}

int
main(void)
{
    return TEST_ROWS("retry_after", rows, forms);
}
