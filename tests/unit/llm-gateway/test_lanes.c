/* llm-gateway/lanes.h and timers.h: who is next, and what is. */
#include "llm-gateway/lanes.h"

#include "core/rng.h"
#include "core/streams.h"
#include "llm-gateway/timers.h"
#include "tests/support/test.h"

static void
priorities_and_order(void **state)
{
    struct lanes *lanes = lanes_new(3);

    (void)state;
    lanes_put(lanes, 2, 0, 10, 5);
    lanes_put(lanes, 1, 1, 11, 5);
    lanes_put(lanes, 1, 1, 12, 5);
    lanes_put(lanes, 0, 2, 13, 100000); /* larger than many turns, and still first */
    lanes_put(lanes, 1, 1, 14, 5);
    assert_int_equal(lanes_peek(lanes), 13);
    assert_int_equal(lanes_peek(lanes), 13);
    assert_int_equal(lanes_take(lanes), 13);
    lanes_remove(lanes, 12);
    assert_int_equal(lanes_take(lanes), 11);
    assert_int_equal(lanes_take(lanes), 14);
    assert_int_equal(lanes_take(lanes), 10);
    assert_int_equal(lanes_peek(lanes), LANES_NOBODY);
    assert_int_equal(lanes_count(lanes), 0);
    lanes_destroy(&lanes);
}

/* One client asks ten times as much at once: tokens are shared, not questions; and a client with many questions waiting
 * does not keep out one with few. */
static void
tokens_are_shared(void **state)
{
    struct lanes *lanes = lanes_new(3);
    int64_t sent[3] = {0};
    uint32_t item = 0;

    (void)state;
    for (uint32_t i = 0; i < 400; i++)
        lanes_put(lanes, 1, 0, item++, 5000);
    for (uint32_t i = 0; i < 4000; i++)
        lanes_put(lanes, 1, 1, item++, 500);
    for (uint32_t i = 0; i < 10; i++)
        lanes_put(lanes, 1, 2, item++, 500);
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t next = lanes_take(lanes);

        sent[next < 400 ? 0 : next < 4400 ? 1 : 2] += next < 400 ? 5000 : 500;
    }
    assert_int_equal(sent[2], 5000);
    assert_true(sent[0] - sent[1] < 3 * 5000 && sent[1] - sent[0] < 3 * 5000);
    lanes_destroy(&lanes);
}

/* Whatever is put and removed, each item comes out once, and one client's in their order. */
static void
nothing_is_lost(void **state)
{
    enum { ITEMS = 3000 };
    struct rng rng = rng_make(4, STREAM_TEST, 8, 0);
    struct lanes *lanes = lanes_new(8);
    static uint8_t lane_of[ITEMS], where[ITEMS]; /* 0 never put, 1 in, 2 out */
    uint32_t last[32] = {0}, next = 0, out = 0;

    (void)state;
    while (out < ITEMS) {
        uint32_t dice = rng_below(&rng, 10);

        if (dice < 5 && next < ITEMS) {
            lane_of[next] = (uint8_t)rng_below(&rng, 32);
            where[next] = 1;
            lanes_put(lanes, lane_of[next] / 8, lane_of[next] % 8, next, rng_below(&rng, 9000));
            next++;
        } else if (dice < 6 && next > 0) {
            uint32_t item = rng_below(&rng, next);

            if (where[item] == 1) {
                lanes_remove(lanes, item);
                where[item] = 2;
                out++;
            }
        } else if (lanes_count(lanes) > 0) {
            uint32_t item = lanes_take(lanes);

            assert_int_equal(where[item], 1);
            assert_true(item + 1 > last[lane_of[item]]);
            last[lane_of[item]] = item + 1;
            where[item] = 2;
            out++;
        }
        assert_int_equal(lanes_count(lanes), next - out);
    }
    lanes_destroy(&lanes);
}

static bool
is_even(const void *context, const struct timer *timer)
{
    (void)context;
    return timer->what % 2 == 0;
}

static void
timers_in_order(void **state)
{
    struct rng rng = rng_make(4, STREAM_TEST, 9, 0);
    struct timers timers = {0};
    struct timer timer, before = {.at_us = -1};
    uint32_t count = 0;

    (void)state;
    assert_int_equal(timers_next_us(&timers), INT64_MAX);
    for (uint32_t i = 0; i < 5000; i++)
        timers_set(&timers, rng_below(&rng, 500), i, 0);
    assert_false(timers_take(&timers, -1, &timer));
    timers_squeeze(&timers, is_even, NULL);
    while (timers_take(&timers, 499, &timer)) {
        assert_true(timer.at_us > before.at_us || (timer.at_us == before.at_us && timer.serial > before.serial));
        assert_int_equal(timer.what % 2, 0);
        before = timer;
        count++;
    }
    assert_int_equal(count, 2500);
    timers_fini(&timers);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"priorities, then the order of coming", priorities_and_order},
        {"tokens are shared, not questions", tokens_are_shared},
        {"nothing is lost in a random history", nothing_is_lost},
        {"timers come in order", timers_in_order},
    };

    return TEST_CASES("lanes", cases);
}
