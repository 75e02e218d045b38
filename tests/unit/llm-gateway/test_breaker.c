/* llm-gateway/breaker.h: when it opens, half opens, closes and latches. */
#include "llm-gateway/breaker.h"

#include <string.h>

#include "tests/support/test.h"

#define SECOND INT64_C(1000000)

/* A row is a history of one call a step of `gap_us`: o ok, s server error, r rate, b bad request (says nothing),
 * a refused key, q quota, t timeout of the first byte. */
static const struct row {
    const char *name, *history;
    int64_t gap_us;
    enum breaker_state want;
} rows[] = {
    {"four in a row do not open it", "ssss", 1000, BREAKER_CLOSED},
    {"five in a row do", "sssss", 1000, BREAKER_OPEN},
    {"one good between them starts the row again", "ssssossss", 1000, BREAKER_CLOSED},
    {"half of ten", "ososososos", 1000, BREAKER_OPEN},
    {"half of nine is too few", "sosososos", 1000, BREAKER_CLOSED},
    {"four of ten is not half", "sosososooo", 1000, BREAKER_CLOSED},
    {"what is older than 30 s is forgotten", "sosososos" "o", 31 * SECOND / 9, BREAKER_CLOSED},
    {"mixed kinds of failure", "stsst", 1000, BREAKER_OPEN},
    {"a bad request says nothing about the server", "bbbbbbbbbbbb", 1000, BREAKER_CLOSED},
    {"nine times slow down do not", "rrrrrrrrr", 1000, BREAKER_CLOSED},
    {"ten times do", "rrrrrrrrrr", 1000, BREAKER_OPEN},
    {"a refused key latches at once", "a", 1000, BREAKER_LATCHED},
    {"so does a used up quota", "oooq", 1000, BREAKER_LATCHED},
};

static enum llm_class
class_of(char letter)
{
    switch (letter) {
    case 'o': return LLM_OK;
    case 's': return LLM_SERVER;
    case 'r': return LLM_RATE;
    case 'b': return LLM_BAD_REQUEST;
    case 'a': return LLM_AUTH;
    case 'q': return LLM_QUOTA;
    default: return LLM_TIMEOUT_FIRST;
    }
}

static void
opens(void **state)
{
    const struct row *row = *state;
    struct breaker breaker;
    int64_t now_us = 0;

    breaker_init(&breaker, 1, 0);
    for (const char *at = row->history; *at != '\0'; at++) {
        assert_true(breaker_allows(&breaker, now_us));
        breaker_result(&breaker, breaker_send(&breaker, now_us), class_of(*at), now_us);
        now_us += row->gap_us;
    }
    assert_int_equal(breaker.state, row->want);
}

static void
fall(struct breaker *breaker, int64_t now_us)
{
    for (uint32_t i = 0; i < BREAKER_ROW; i++)
        breaker_result(breaker, breaker_send(breaker, now_us), LLM_SERVER, now_us);
    assert_int_equal(breaker->state, BREAKER_OPEN);
}

/* Each time it opens again it stays so for twice as long, within a fifth, and no longer than 64 s. */
static void
cools_down(void **state)
{
    struct breaker breaker, twin;
    int64_t now_us = 0;

    (void)state;
    breaker_init(&breaker, 3, 1);
    fall(&breaker, now_us);
    for (uint32_t k = 0; k < 10; k++) {
        int64_t cool_us = SECOND << (k < 6 ? k : 6), left_us = breaker_retry_us(&breaker, now_us) - now_us;

        assert_true(left_us >= cool_us / 10 * 8 && left_us <= cool_us / 10 * 12);
        assert_false(breaker_allows(&breaker, now_us + left_us - 1));
        now_us += left_us;
        assert_true(breaker_allows(&breaker, now_us));
        breaker_result(&breaker, breaker_send(&breaker, now_us), LLM_TIMEOUT_IDLE, now_us);
        assert_int_equal(breaker.state, BREAKER_OPEN);
    }
    breaker_init(&twin, 3, 1);
    fall(&twin, 0);
    breaker_init(&breaker, 3, 1);
    fall(&breaker, 0);
    assert_int_equal(twin.until_us, breaker.until_us);
}

static void
half_open(void **state)
{
    struct breaker breaker;
    int64_t now_us = 0;
    uint64_t old, sent;

    (void)state;
    breaker_init(&breaker, 3, 1);
    old = breaker_send(&breaker, now_us);
    fall(&breaker, now_us);
    now_us = breaker.until_us;
    for (uint32_t i = 0; i < BREAKER_PROBES_MIN; i++) {
        assert_true(breaker_allows(&breaker, now_us));
        sent = breaker_send(&breaker, now_us);
        assert_false(breaker_allows(&breaker, now_us)); /* one probe at a time */
        assert_int_equal(breaker_retry_us(&breaker, now_us), INT64_MAX);
        breaker_result(&breaker, old, LLM_SERVER, now_us); /* from before: says nothing now */
        assert_false(breaker_allows(&breaker, now_us));
        breaker_forget(&breaker, sent); /* a cancelled probe makes room for another */
        assert_true(breaker_allows(&breaker, now_us));
        assert_int_equal(breaker_result(&breaker, breaker_send(&breaker, now_us), LLM_OK, now_us), i == 2);
    }
    assert_int_equal(breaker.state, BREAKER_CLOSED);
    assert_int_equal(breaker.doublings, 0);
}

static void
latch(void **state)
{
    struct breaker breaker;

    (void)state;
    breaker_init(&breaker, 3, 1);
    assert_true(breaker_result(&breaker, breaker_send(&breaker, 0), LLM_NOT_FOUND, 0));
    assert_false(breaker_allows(&breaker, INT64_MAX));
    assert_int_equal(breaker_retry_us(&breaker, 5), INT64_MAX);
    breaker_reload(&breaker);
    assert_true(breaker_allows(&breaker, 0));
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"each time longer, to a limit", cools_down},
        {"one probe at a time, three good ones close it", half_open},
        {"latched until the operator reloads", latch},
    };

    return TEST_ROWS("breaker_result", rows, opens) + TEST_CASES("breaker", cases);
}
