/* llm-gateway/retry.h, and with the breaker the storm that must not come: a provider that fails for a minute is asked
 * little more often than there are requests; one that flaps does not make it worse. */
#include "llm-gateway/retry.h"

#include <inttypes.h>

#include "core/rng.h"
#include "core/streams.h"
#include "llm-gateway/breaker.h"
#include "tests/support/test.h"

#define SECOND INT64_C(1000000)

static const struct row {
    const char *name;
    enum llm_class class;
    int32_t should_retry;
    int64_t hint_us;
    uint32_t attempts, same_class;
    int64_t left_us;
    bool want;
    int64_t low_us, high_us; /* of the wait */
} rows[] = {
    {"server: within a quarter of a second", LLM_SERVER, -1, -1, 1, 1, 60 * SECOND, true, 0, SECOND / 4},
    {"the second time within half a second", LLM_OVERLOAD, -1, -1, 2, 1, 60 * SECOND, true, 0, SECOND / 2},
    {"the third attempt was the last", LLM_SERVER, -1, -1, 3, 1, 60 * SECOND, false, 0, 0},
    {"the server's wait and a tenth at most", LLM_RATE, -1, 2 * SECOND, 1, 1, 60 * SECOND, true, 2 * SECOND,
        22 * SECOND / 10},
    {"a wait longer than what is left", LLM_RATE, -1, 20 * SECOND, 1, 1, 10 * SECOND, false, 0, 0},
    {"a wait longer than two minutes", LLM_RATE, -1, 121 * SECOND, 1, 1, 1000 * SECOND, false, 0, 0},
    {"no time left", LLM_SERVER, -1, -1, 1, 1, 0, false, 0, 0},
    {"a refused key is not tried again", LLM_AUTH, -1, -1, 1, 1, 60 * SECOND, false, 0, 0},
    {"nor if the server says so", LLM_AUTH, 1, -1, 1, 1, 60 * SECOND, false, 0, 0},
    {"nor a bad request", LLM_BAD_REQUEST, -1, -1, 1, 1, 60 * SECOND, false, 0, 0},
    {"the server says no", LLM_SERVER, 0, -1, 1, 1, 60 * SECOND, false, 0, 0},
    {"a broken envelope once", LLM_ENVELOPE, -1, -1, 1, 1, 60 * SECOND, true, 0, SECOND / 4},
    {"and not twice", LLM_ENVELOPE, -1, -1, 2, 2, 60 * SECOND, false, 0, 0},
    {"a deadline that has passed", LLM_TIMEOUT_TOTAL, -1, -1, 1, 1, 60 * SECOND, false, 0, 0},
    {"moved elsewhere", LLM_REDIRECT, -1, -1, 1, 1, 60 * SECOND, false, 0, 0},
};

static void
wanted(void **state)
{
    const struct row *row = *state;
    int64_t first_us = -1, sum_us = 0;

    for (uint32_t i = 0; i < 200; i++) {
        struct retry_case of = {.seed = 4, .key = {{(uint8_t)i, 3}}, .class = row->class,
            .should_retry = row->should_retry, .hint_us = row->hint_us, .attempts = row->attempts, .attempts_max = 3,
            .same_class = row->same_class, .left_us = row->left_us};
        int64_t wait_us = -1, again_us = -2;

        assert_int_equal(retry_wanted(&of, &wait_us), row->want);
        if (!row->want)
            continue;
        assert_true(retry_wanted(&of, &again_us));
        assert_int_equal(wait_us, again_us); /* the same request waits the same */
        assert_true(wait_us >= row->low_us && wait_us <= row->high_us);
        first_us = i == 0 ? wait_us : first_us;
        sum_us += wait_us;
    }
    if (row->want) /* and they are spread over the whole of it */
        assert_close((double)sum_us / 200, (double)(row->low_us + row->high_us) / 2, 0.15);
}

static void
budget(void **state)
{
    struct retry_budget budget;
    uint32_t taken = 0;

    (void)state;
    retry_budget_init(&budget);
    while (retry_budget_take(&budget))
        taken++;
    assert_int_equal(taken, 20);
    for (uint32_t i = 0; i < 9; i++)
        retry_budget_request(&budget);
    assert_false(retry_budget_take(&budget));
    retry_budget_request(&budget);
    assert_true(retry_budget_take(&budget));
    assert_int_equal(budget.spent, 21);
    assert_int_equal(budget.refused, 2);
}

/* ---- a minute of 503 ---- */

enum { RATE = 200, WAITING_MAX = 4096 }; /* requests a second */

struct storm {
    struct breaker breaker;
    struct retry_budget budget;
    bool with_breaker;
    struct {
        uint64_t number;
        uint32_t attempts;
        int64_t due_us;
    } waiting[WAITING_MAX];
    uint32_t waiting_count;
    uint64_t requests, attempts, first_second, failed, answered;
};

static void
attempt(struct storm *self, uint64_t number, uint32_t attempts, int64_t now_us, bool server_is_well)
{
    struct retry_case of = {.seed = 1, .class = LLM_SERVER, .should_retry = -1, .hint_us = -1, .attempts = attempts,
        .attempts_max = 3, .same_class = attempts, .left_us = 60 * SECOND};
    int64_t wait_us;

    if (self->with_breaker && !breaker_allows(&self->breaker, now_us)) {
        self->failed++;
        return;
    }
    self->attempts++;
    self->first_second += now_us < SECOND;
    if (self->with_breaker)
        breaker_result(&self->breaker, breaker_send(&self->breaker, now_us), server_is_well ? LLM_OK : LLM_SERVER,
            now_us);
    memcpy(of.key.bytes, &number, sizeof number);
    if (server_is_well) {
        self->answered++;
        return;
    }
    if (self->waiting_count == WAITING_MAX || !retry_wanted(&of, &wait_us) || !retry_budget_take(&self->budget)) {
        self->failed++;
        return;
    }
    self->waiting[self->waiting_count].number = number;
    self->waiting[self->waiting_count].attempts = attempts + 1;
    self->waiting[self->waiting_count++].due_us = now_us + wait_us;
}

static void
weather(struct storm *self, int64_t duration_us, int64_t flap_us)
{
    for (int64_t now_us = 0; now_us < duration_us; now_us += SECOND / RATE) {
        bool well = flap_us > 0 && now_us / flap_us % 2 == 1;

        retry_budget_request(&self->budget);
        attempt(self, ++self->requests, 1, now_us, well);
        for (uint32_t i = 0; i < self->waiting_count;)
            if (self->waiting[i].due_us <= now_us) {
                uint64_t number = self->waiting[i].number;
                uint32_t attempts = self->waiting[i].attempts;

                self->waiting[i] = self->waiting[--self->waiting_count];
                attempt(self, number, attempts, now_us, well);
            } else {
                i++;
            }
    }
    print_message("             %" PRIu64 " requests, %" PRIu64 " attempts (%" PRIu64 " in the first second), %" PRIu64
                  " answered\n",
        self->requests, self->attempts, self->first_second, self->answered);
    assert_int_equal(self->answered + self->failed + self->waiting_count, self->requests);
}

static void
storm_new(struct storm *self, bool with_breaker)
{
    memset(self, 0, sizeof *self);
    self->with_breaker = with_breaker;
    breaker_init(&self->breaker, 1, 0);
    retry_budget_init(&self->budget);
}

static void
minute_of_503(void **state)
{
    static struct storm storm;

    (void)state;
    storm_new(&storm, false);
    weather(&storm, 60 * SECOND, 0); /* the budget of retries alone */
    assert_true(storm.attempts <= storm.requests * 11 / 10 + storm.first_second);
    assert_true(storm.attempts <= storm.requests * 11 / 10 + RETRY_BUDGET_MAX);
    storm_new(&storm, true);
    weather(&storm, 60 * SECOND, 0);
    assert_true(storm.attempts <= 60); /* five, then probes */
}

/* F43: well and ill in turns. It may not be asked more often than there are requests and a tenth more, and while it is
 * well most requests that are let through are answered. */
static void
flapping(void **state)
{
    static struct storm storm;
    static const int64_t periods[] = {SECOND / 10, SECOND, 3 * SECOND, 20 * SECOND};

    (void)state;
    for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++) {
        storm_new(&storm, true);
        weather(&storm, 120 * SECOND, periods[i]);
        assert_true(storm.attempts <= storm.requests * 11 / 10 + storm.first_second);
        assert_true(2 * storm.answered >= storm.attempts);
        assert_true(storm.answered > 0);
    }
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"one retry for ten requests", budget},
        {"a minute of 503 makes no storm", minute_of_503},
        {"a server that flaps makes none either", flapping},
    };

    return TEST_ROWS("retry_wanted", rows, wanted) + TEST_CASES("retry", cases);
}
