/* llm-gateway/bucket.h and window.h: how fast, and how many at once. */
#include "llm-gateway/bucket.h"
#include "llm-gateway/window.h"

#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/test.h"

#define SECOND INT64_C(1000000)

/* 60 a minute, burst of 2 s: 2 at once, then one a second. */
static void
one_a_second(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 60, 2, 0);
    assert_int_equal(bucket_units(&bucket, 0), 2);
    bucket_take(&bucket, 1, 0);
    bucket_take(&bucket, 1, 0);
    assert_int_equal(bucket_ready_us(&bucket, 1, 0), SECOND);
    assert_int_equal(bucket_ready_us(&bucket, 1, SECOND - 1), SECOND);
    assert_int_equal(bucket_ready_us(&bucket, 1, SECOND), SECOND);
    bucket_take(&bucket, 1, SECOND);
    assert_int_equal(bucket_ready_us(&bucket, 1, SECOND), 2 * SECOND);
    bucket_refund(&bucket, 1, SECOND);
    assert_int_equal(bucket_ready_us(&bucket, 1, SECOND), SECOND);
    bucket_refund(&bucket, 100, SECOND); /* never more than the bucket */
    assert_int_equal(bucket_units(&bucket, SECOND), 2);
}

/* What is larger than the bucket goes when the bucket is full, and is then owed: the rate holds in the long run. */
static void
larger_than_the_bucket(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 6000, 1, 0); /* 100 a second */
    assert_int_equal(bucket_ready_us(&bucket, 250, 0), 0);
    bucket_take(&bucket, 250, 0);
    assert_int_equal(bucket_units(&bucket, 0), -150);
    assert_int_equal(bucket_ready_us(&bucket, 250, 0), 5 * SECOND / 2);
    assert_int_equal(bucket_ready_us(&bucket, 1, 0), 151 * SECOND / 100);
}

static void
heeds_the_server(void **state)
{
    struct bucket bucket;

    (void)state;
    bucket_init(&bucket, 600, 10, 0); /* 10 a second, 100 in all */
    bucket_heed(&bucket, 30, -1, 0);
    assert_int_equal(bucket_units(&bucket, 0), 30);
    bucket_heed(&bucket, 90, -1, 0); /* more than here: not believed */
    assert_int_equal(bucket_units(&bucket, 0), 30);
    bucket_heed(&bucket, -1, 5 * SECOND, 0);
    assert_int_equal(bucket_ready_us(&bucket, 1, 0), 0);
    bucket_heed(&bucket, 0, 7 * SECOND, 0);
    assert_int_equal(bucket_units(&bucket, 0), 0);
    assert_int_equal(bucket_ready_us(&bucket, 1, 0), 7 * SECOND);
    bucket_init(&bucket, 0, 1, 0);
    bucket_take(&bucket, 1000000, 0);
    assert_int_equal(bucket_ready_us(&bucket, INT64_MAX, 3), 3);
}

/* Whatever is asked for, in any hour no more goes out than an hour's rate and one bucket (and one large request). */
static void
rate_holds(void **state)
{
    struct rng rng = rng_make(2, STREAM_TEST, 5, 0);

    (void)state;
    for (uint32_t round = 0; round < 50; round++) {
        int64_t limit = 1 + rng_below(&rng, 100000), now_us = 0, taken = 0, largest = 1 + rng_below(&rng, 3000);
        uint32_t burst_s = 1 + rng_below(&rng, 60);
        struct bucket bucket;

        bucket_init(&bucket, limit, burst_s, 0);
        while (now_us < 3600 * SECOND && taken < 100000000) {
            int64_t units = rng_below(&rng, (uint32_t)largest);
            int64_t ready_us = bucket_ready_us(&bucket, units, now_us);

            if (ready_us > now_us && rng_chance(&rng, 0.1))
                now_us += (int64_t)rng_below(&rng, (uint32_t)SECOND); /* late */
            now_us = ready_us > now_us ? ready_us : now_us;
            bucket_take(&bucket, units, now_us);
            taken += units;
            now_us += rng_below(&rng, 2) * 1000;
        }
        assert_true(taken <= limit * now_us / (60 * SECOND) + limit * burst_s / 60 + largest + 2);
    }
}

static void
window_grows_and_shrinks(void **state)
{
    struct window window;

    (void)state;
    window_init(&window, 18);
    assert_int_equal(window.size, 16);
    for (uint32_t i = 0; i < 100; i++) {
        window_send(&window);
        window_result(&window, LLM_OK, 0);
        assert_int_equal(window.size, i < 15 ? 16 : i < 32 ? 17 : 18); /* one at a time: nobody needs more */
    }
    for (uint32_t i = 0; i < 10; i++) {
        window_send(&window);
        window_result(&window, LLM_RATE, 500000 + i);
    }
    assert_int_equal(window.size, 12); /* 18 * 7 / 10, once a second */
    window_send(&window);
    window_result(&window, LLM_OVERLOAD, 1500000);
    assert_int_equal(window.size, 8);
    for (int64_t i = 2; i < 30; i++) {
        window_send(&window);
        window_result(&window, LLM_TIMEOUT_FIRST, i * SECOND + 500000);
    }
    assert_int_equal(window.size, 1);
    for (uint32_t i = 1; i < 100; i++) { /* it knows its provider now: one more for each window full */
        uint32_t size = window.size;

        for (uint32_t k = 0; k < size; k++) {
            assert_true(window_allows(&window));
            window_send(&window);
        }
        assert_false(window_allows(&window));
        for (uint32_t k = 0; k < size; k++)
            window_result(&window, LLM_OK, 100 * SECOND);
        assert_int_equal(window.size, size < 18 ? size + 1 : 18); /* no more than allowed */
    }
    window_send(&window);
    window_forget(&window);
    assert_int_equal(window.in_flight, 0);
}

/* Always as many on their way as may be: each answer makes room for one more beside its own place. */
static void
window_starts_fast(void **state)
{
    struct window window;

    (void)state;
    window_init(&window, 300);
    for (uint32_t size = 16; size <= 310; size++) {
        assert_int_equal(window.size, size < 300 ? size : 300);
        while (window_allows(&window))
            window_send(&window);
        assert_int_equal(window.in_flight, window.size);
        window_result(&window, LLM_OK, 0);
    }
    window_result(&window, LLM_RATE, 0);
    assert_int_equal(window.size, 210);
    while (window.in_flight > 210)
        window_forget(&window);
    for (uint32_t answers = 1; answers <= 210; answers++) {
        window_result(&window, LLM_OK, 0);
        assert_int_equal(window.size, answers < 210 ? 210 : 211); /* slowly from now on */
        window_send(&window);
    }
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"one a second after the burst", one_a_second},
        {"a request larger than the bucket", larger_than_the_bucket},
        {"what the server says lowers it", heeds_the_server},
        {"the rate holds in any history", rate_holds},
        {"the window grows by one and shrinks to seven tenths", window_grows_and_shrinks},
        {"the window grows fast until it has shrunk", window_starts_fast},
    };

    return TEST_CASES("bucket", cases);
}
