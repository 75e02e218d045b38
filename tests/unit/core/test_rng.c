#include "core/rng.h"

#include "core/streams.h"
#include "tests/support/test.h"

#include <string.h>

/* Published with Random123 (Salmon et al.): kat_vectors, philox4x32 with 10 rounds. */
static const struct known {
    const char *name;
    uint32_t counter[4], key[2], want[4];
} knowns[] = {
    {"all zero", {0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {"all ones",
     {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {"digits of pi",
     {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void
known(void **state)
{
    const struct known *row = *state;
    uint32_t out[4];

    rng_philox(row->counter, row->key, out);
    assert_memory_equal(out, row->want, sizeof out);
}

/* Seed, entity, step and stream land in the key and the counter as the header says. */
static void
addresses(void **state)
{
    struct rng rng = rng_make(UINT64_C(0x299f31d0a4093822), 0x0370, 0x85a308d3, UINT64_C(0x734413198a2e));
    const uint32_t counter[4] = {0, 0x85a308d3, 0x13198a2e, 0x03707344}, key[2] = {0xa4093822, 0x299f31d0};
    const uint32_t second[4] = {1, 0x85a308d3, 0x13198a2e, 0x03707344};
    uint32_t out[8];

    (void)state;
    rng_philox(counter, key, out);
    rng_philox(second, key, out + 4);
    for (int i = 0; i < 5; i++)
        assert_int_equal(rng_u32(&rng), out[i]);
    assert_true(rng_u64(&rng) == ((uint64_t)out[6] << 32 | out[5]));
}

static void
neighbours_differ(void **state)
{
    struct rng all[] = {
        rng_make(1, 1, 1, 1), rng_make(2, 1, 1, 1), rng_make(1, 2, 1, 1), rng_make(1, 1, 2, 1), rng_make(1, 1, 1, 2),
        rng_make(1, 1, 1, UINT64_C(1) + (UINT64_C(1) << 32)), rng_make(1 + (UINT64_C(1) << 32), 1, 1, 1)};
    uint64_t first[sizeof all / sizeof all[0]];

    (void)state;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        first[i] = rng_u64(&all[i]);
        for (size_t j = 0; j < i; j++)
            assert_true(first[i] != first[j]);
    }
}

/* Pearson's statistic over equally likely classes, against a bound that a fair generator passes 1 time in 10^6. */
static double
pearson(const uint32_t *counts, uint32_t classes, double each)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < classes; i++)
        sum += ((double)counts[i] - each) * ((double)counts[i] - each) / each;
    return sum;
}

static void
reals_are_uniform(void **state)
{
    struct rng rng = rng_make(1, STREAM_TEST, 0, 0);
    uint32_t counts[64] = {0};
    double sum = 0.0;

    (void)state;
    for (int i = 0; i < 640000; i++) {
        double x = rng_real(&rng);

        assert_true(x >= 0.0 && x < 1.0);
        counts[(int)(x * 64)]++;
        sum += x;
    }
    assert_true(pearson(counts, 64, 10000) < 130.0);
    assert_true(sum / 640000 > 0.498 && sum / 640000 < 0.502);
}

static void
below_is_uniform(void **state)
{
    static const uint32_t bounds[] = {1, 2, 3, 7, 10, 52};
    struct rng rng = rng_make(2, STREAM_TEST, 0, 0);

    (void)state;
    for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
        uint32_t counts[52] = {0};

        for (uint32_t i = 0; i < bounds[b] * 10000; i++) {
            uint32_t x = rng_below(&rng, bounds[b]);

            assert_true(x < bounds[b]);
            counts[x]++;
        }
        assert_true(pearson(counts, bounds[b], 10000) < (double)bounds[b] + 60.0);
    }
}

/* With a bound of 3 * 2^30, taking the plain high word would make every third value twice as likely. */
static void
below_has_no_bias(void **state)
{
    struct rng rng = rng_make(3, STREAM_TEST, 0, 0);
    uint32_t counts[3] = {0};

    (void)state;
    for (int i = 0; i < 300000; i++)
        counts[rng_below(&rng, UINT32_C(3) << 30) % 3]++;
    assert_true(pearson(counts, 3, 100000) < 30.0);
}

static void
integers_keep_their_ends(void **state)
{
    struct rng rng = rng_make(4, STREAM_TEST, 0, 0);
    bool low = false, high = false;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        int32_t x = rng_integer(&rng, -2, 3);

        assert_true(x >= -2 && x <= 3);
        low = low || x == -2;
        high = high || x == 3;
    }
    assert_true(low && high);
    assert_int_equal(rng_integer(&rng, INT32_MIN, INT32_MIN), INT32_MIN);
    assert_int_equal(rng_integer(&rng, INT32_MAX, INT32_MAX), INT32_MAX);
    low = high = false;
    for (int i = 0; i < 100; i++) {
        int32_t x = rng_integer(&rng, INT32_MIN, INT32_MAX);

        low = low || x < 0;
        high = high || x >= 0;
    }
    assert_true(low && high);
}

static void
between_stays_below_its_end(void **state)
{
    struct rng rng = rng_make(5, STREAM_TEST, 0, 0);

    (void)state;
    for (int i = 0; i < 10000; i++) {
        double x = rng_between(&rng, 0x1p52, 0x1p52 + 1.0); /* half of the sums round up to the end */
        double y = rng_between(&rng, -0x1p-1074, 0.0);
        double z = rng_between(&rng, -1.0 - 0x1p-52, -1.0);

        assert_true(x == 0x1p52);
        assert_true(y == -0x1p-1074);
        assert_true(z == -1.0 - 0x1p-52);
    }
    assert_true(rng_between(&rng, 3.0, 3.0) == 3.0);
}

static void
chance_draws_once(void **state)
{
    struct rng a = rng_make(6, STREAM_TEST, 0, 0), b = a, c = a;
    int yes = 0;

    (void)state;
    assert_false(rng_chance(&a, 0.0));
    assert_true(rng_chance(&b, 1.0));
    assert_false(rng_chance(&c, -1.0));
    assert_true(rng_u64(&a) == rng_u64(&b));
    for (int i = 0; i < 100000; i++)
        yes += rng_chance(&c, 0.3) ? 1 : 0;
    assert_in_range(yes, 29300, 30700);
}

static void
normals(void **state)
{
    struct rng rng = rng_make(7, STREAM_TEST, 0, 0);
    double sum = 0.0, squares = 0.0;
    int beyond_two = 0, count = 200000;

    (void)state;
    for (int i = 0; i < count; i++) {
        double x = rng_normal(&rng);

        sum += x;
        squares += x * x;
        beyond_two += x > 2.0 || x < -2.0 ? 1 : 0;
    }
    assert_true(sum / count > -0.012 && sum / count < 0.012);
    assert_true(squares / count > 0.98 && squares / count < 1.02);
    assert_in_range(beyond_two, 8600, 9600); /* 4.55 % */
}

static void
shuffles(void **state)
{
    struct rng rng = rng_make(8, STREAM_TEST, 0, 0);
    uint32_t counts[24] = {0};

    (void)state;
    for (int i = 0; i < 240000; i++) {
        uint32_t items[4] = {0, 1, 2, 3}, seen = 0, rank = 0;

        rng_shuffle(&rng, items, 4);
        for (int j = 0; j < 4; j++) {
            uint32_t smaller = 0;

            seen |= 1u << items[j];
            for (int k = j + 1; k < 4; k++)
                smaller += items[k] < items[j] ? 1 : 0;
            rank = rank * (uint32_t)(4 - j) + smaller;
        }
        assert_int_equal(seen, 15);
        counts[rank]++;
    }
    assert_true(pearson(counts, 24, 10000) < 75.0);
    rng_shuffle(&rng, NULL, 0);
}

/* Lane n begins where 256 n draws of the same generator lead. */
static void
lanes_follow_one_another(void **state)
{
    struct rng plain = rng_make(9, STREAM_TEST, 3, 5), lane = plain;

    (void)state;
    for (uint32_t n = 0; n < 4; n++) {
        lane = rng_make(9, STREAM_TEST, 3, 5);
        rng_lane(&lane, n);
        assert_int_equal(rng_u32(&lane), rng_u32(&plain));
        for (int i = 1; i < 256; i++)
            rng_u32(&plain);
    }
}

static const struct test_case cases[] = {
    {"lanes follow one another", lanes_follow_one_another},
    {"seed, stream, entity and step have their places", addresses},
    {"neighbours differ", neighbours_differ},
    {"reals are uniform", reals_are_uniform},
    {"whole numbers are uniform", below_is_uniform},
    {"whole numbers have no bias", below_has_no_bias},
    {"integers keep both ends", integers_keep_their_ends},
    {"reals stay below the end", between_stays_below_its_end},
    {"a chance costs one draw", chance_draws_once},
    {"normals have mean 0 and variance 1", normals},
    {"every order comes up equally often", shuffles},
};

int
main(void)
{
    return TEST_ROWS("rng_philox", knowns, known) + TEST_CASES("rng", cases);
}
