#include "core/money.h"

#include "core/rng.h"
#include "core/streams.h"
#include "core/wide.h"
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>

#define SEED 20240607u

static const struct conversion {
    const char *name;
    double tokens;
    int64_t want;
} conversions[] = {
    {"one", 1.0, 1000000},
    {"a tenth", 0.1, 100000},
    {"below zero", -12.5, -12500000},
    {"a tie goes to the even, down", 0.5 / 1e6 * 1.0, 0},
    {"1/128 has a tie at 7812.5, to the even", 0.0078125, 7812},
    {"3/128 has a tie at 23437.5, to the even", 0.0234375, 23438},
    {"a negative tie", -0.0234375, -23438},
    {"the least number", 0x1p-1074, 0},
    {"minus zero", -0.0, 0},
    {"NaN", NAN, 0},
    {"too large", 1e300, INT64_C(1000000000000000000)},
    {"too small", -INFINITY, -INT64_C(1000000000000000000)},
    {"exactly the largest", 1e12, INT64_C(1000000000000000000)},
    {"exact beyond 2^53 millionths", 123456789012.5, INT64_C(123456789012500000)},
};

static void
conversion(void **state)
{
    const struct conversion *row = *state;

    assert_int_equal(money_from_real(row->tokens), row->want);
}

static const struct share {
    const char *name;
    int64_t amount;
    double share;
    int64_t want;
} shares[] = {
    {"half", 101, 0.5, 50},
    {"toward zero below zero", -101, 0.5, -50},
    {"all of the largest", INT64_MAX, 1.0, INT64_MAX},
    {"all of the smallest", INT64_MIN, 1.0, INT64_MIN},
    {"half of the smallest", INT64_MIN, 0.5, INT64_MIN / 2},
    {"none", INT64_MAX, 0.0, 0},
    {"the double 0.1 is a little more than a tenth", 10, 0.1, 1},
    {"the double 0.3 is a little less than three tenths", 10, 0.3, 2},
    {"almost all of the largest", INT64_MAX, 1 - 0x1p-53, INT64_MAX - 1024},
    {"the least share", INT64_MAX, 0x1p-1074, 0},
    {"one of 2^62 by 2^-62", INT64_C(1) << 62, 0x1p-62, 1},
    {"not quite one", (INT64_C(1) << 62) - 1, 0x1p-62, 0},
};

static void
share(void **state)
{
    const struct share *row = *state;

    assert_int_equal(money_share(row->amount, row->share), row->want);
}

static const struct division {
    const char *name;
    int64_t total;
    size_t count;
    double weights[4];
    int64_t want[4];
} divisions[] = {
    {"to one", INT64_MIN, 1, {0.3}, {INT64_MIN}},
    {"evenly", 12, 3, {1, 1, 1}, {4, 4, 4}},
    {"ties by the lowest index", 11, 3, {1, 1, 1}, {4, 4, 3}},
    {"no weights are equal weights", 5, 4, {0, 0, 0, 0}, {2, 1, 1, 1}},
    {"largest remainder", 10, 3, {3, 3, 1}, {4, 4, 2}},                /* 4.29 4.29 1.43 */
    {"a party without weight gets nothing", 7, 3, {1, 0, 1}, {4, 0, 3}},
    {"below zero, the mirror image", -11, 3, {1, 1, 1}, {-4, -4, -3}},
    {"nothing", 0, 2, {1, 2}, {0, 0}},
    {"the whole range", INT64_MAX, 2, {1, 1}, {INT64_MAX / 2 + 1, INT64_MAX / 2}},
    {"scale does not matter", 100, 3, {1e300, 2e300, 1e300}, {25, 50, 25}},
    {"small scale neither", 100, 3, {0x1p-1074, 0x1p-1073, 0x1p-1074}, {25, 50, 25}},
    {"weights far apart", 100, 2, {1e-300, 1e300}, {0, 100}},
    {"far apart, the lower still exact", INT64_C(1) << 60, 2, {0x1p-58, 1}, {4, (INT64_C(1) << 60) - 4}},
};

static void
division(void **state)
{
    const struct division *row = *state;
    int64_t out[4];

    money_allocate(row->total, row->weights, row->count, out);
    for (size_t i = 0; i < row->count; i++)
        assert_int_equal(out[i], row->want[i]);
}

/* One random weight of a style that changes from case to case. */
static double
draw_weight(struct rng *rng, uint32_t style)
{
    switch (style) {
    case 0:
        return rng_real(rng);
    case 1:
        return (double)rng_below(rng, 4);
    case 2:
        return ldexp(rng_real(rng), (int)rng_below(rng, 50));
    case 3:
        return ldexp(rng_real(rng), rng_integer(rng, -1000, 1000));
    default:
        return 1.0;
    }
}

static int64_t
draw_amount(struct rng *rng)
{
    return (int64_t)(rng_u64(rng) >> rng_below(rng, 64));
}

static void
division_properties(void **state)
{
    static double weights[300];
    static int64_t out[300];
    struct rng rng = rng_make(SEED, STREAM_TEST, 1, 0);

    (void)state;
    printf("    seed %u\n", SEED);
    for (int round = 0; round < 4000; round++) {
        uint32_t style = rng_below(&rng, 5), count = 1 + rng_below(&rng, round % 8 == 0 ? 300 : 20);
        int64_t total = draw_amount(&rng), sum = 0;
        long double weight_sum = 0.0L, room;

        for (uint32_t i = 0; i < count; i++) {
            weights[i] = draw_weight(&rng, style);
            weight_sum += (long double)weights[i];
        }
        money_allocate(total, weights, count, out);
        /* The reference's own rounding, relative 2^-63 per step, counts against it. */
        room = 1.0L + fabsl((long double)total) * (long double)count * 0x1p-62L;
        for (uint32_t i = 0; i < count; i++) {
            long double exact = weight_sum == 0.0L ? (long double)total / count
                                                   : (long double)total * ((long double)weights[i] / weight_sum);

            assert_false(__builtin_add_overflow(sum, out[i], &sum));
            assert_true(fabsl((long double)out[i] - exact) <= room);
            assert_true(weights[i] != 0.0 || weight_sum == 0.0L || out[i] == 0);
        }
        assert_int_equal(sum, total);
        for (uint32_t i = 1; i < count; i++) /* ties by the lowest index */
            assert_true(weights[i] != weights[i - 1] || (total < 0 ? out[i] >= out[i - 1] : out[i] <= out[i - 1]));
    }
}

/* Hamilton's method by hand with whole weights, small enough for 64 bits: the same, party by party. */
static void
division_against_the_plain_method(void **state)
{
    struct rng rng = rng_make(SEED, STREAM_TEST, 2, 0);

    (void)state;
    printf("    seed %u\n", SEED);
    for (int round = 0; round < 3000; round++) {
        double weights[100];
        int64_t whole[100], rest[100], out[100], total = rng_integer(&rng, 0, 1000000), sum = 0, left = total;
        uint32_t count = 1 + rng_below(&rng, 100);

        for (uint32_t i = 0; i < count; i++) {
            whole[i] = rng_integer(&rng, 0, round % 2 == 0 ? 5 : 1000000);
            weights[i] = (double)whole[i] * 0.125;
            sum += whole[i];
        }
        if (sum == 0)
            continue;
        money_allocate(total, weights, count, out);
        for (uint32_t i = 0; i < count; i++) {
            rest[i] = total * whole[i] % sum;
            whole[i] = total * whole[i] / sum;
            left -= whole[i];
        }
        for (; left > 0; left--) {
            uint32_t best = 0;

            for (uint32_t i = 1; i < count; i++)
                best = rest[i] > rest[best] ? i : best;
            whole[best]++;
            rest[best] = -1;
        }
        for (uint32_t i = 0; i < count; i++)
            assert_int_equal(out[i], whole[i]);
    }
}

/* Where the sum needs the long way, doubling every weight's exponent range must not change what is exact. */
static void
division_of_wide_weights(void **state)
{
    struct rng rng = rng_make(SEED, STREAM_TEST, 3, 0);

    (void)state;
    printf("    seed %u\n", SEED);
    for (int round = 0; round < 2000; round++) {
        /* Two parties, a : 2^60 b with odd a and b: the sum a + 2^60 b is exact in 128 bits. */
        uint64_t a = rng_u32(&rng) | 1, b = rng_u32(&rng) | 1;
        double weights[2] = {(double)a, ldexp((double)b, 60)};
        int64_t total = (int64_t)(rng_u64(&rng) >> 2), out[2];
        uint128 sum = a + ((uint128)b << 60), product = (uint128)(uint64_t)total * a;
        uint64_t quotient = (uint64_t)(product / sum);
        uint128 rest = product % sum;

        /* The second remainder is sum - rest: the leftover one goes to the larger. */
        money_allocate(total, weights, 2, out);
        if (rest != 0 && rest >= sum - rest)
            quotient++;
        assert_int_equal(out[0], (int64_t)quotient);
        assert_int_equal(out[1], total - (int64_t)quotient);
    }
}

static void
share_properties(void **state)
{
    struct rng rng = rng_make(SEED, STREAM_TEST, 4, 0);

    (void)state;
    printf("    seed %u\n", SEED);
    for (int round = 0; round < 100000; round++) {
        int64_t amount = draw_amount(&rng);
        uint32_t bits = 1 + rng_below(&rng, 53);
        uint64_t numerator = rng_u64(&rng) >> (64 - bits);
        int64_t part = money_share(amount, ldexp((double)numerator, -(int)bits));
        uint128 size = amount < 0 ? (uint128)0 - (uint128)amount : (uint128)amount;
        uint64_t want = (uint64_t)((size * numerator) >> bits);

        assert_int_equal(part, (int64_t)(amount < 0 ? 0 - want : want));
    }
}

static const struct text {
    const char *name;
    int64_t amount;
    const char *text;
} texts[] = {
    {"zero", 0, "0"},
    {"whole", 12000000, "12"},
    {"one decimal", 12500000, "12.5"},
    {"the least", -1, "-0.000001"},
    {"inner zeros", 100200300, "100.2003"},
    {"ten", 10000000, "10"},
    {"the largest", INT64_C(1000000000000000000), "1000000000000"},
    {"the largest negative", -INT64_C(1000000000000000000), "-1000000000000"},
};

static void
text(void **state)
{
    const struct text *row = *state;
    char out[MONEY_TEXT];
    struct why why = {0};
    int64_t amount = 77;

    money_format(row->amount, out);
    assert_string_equal(out, row->text);
    assert_int_equal(money_parse(row->text, &amount, &why), 0);
    assert_int_equal(amount, row->amount);
}

static const struct reading {
    const char *name, *text;
    int want;
    int64_t amount;
} readings[] = {
    {"more zeros than needed", "007.500000", 0, 7500000},
    {"minus zero", "-0", 0, 0},
    {"empty", "", ERR_INVALID, 0},
    {"a sign alone", "-", ERR_INVALID, 0},
    {"two signs", "--1", ERR_INVALID, 0},
    {"a plus", "+1", ERR_INVALID, 0},
    {"no digit in front", ".5", ERR_INVALID, 0},
    {"no digit behind", "5.", ERR_INVALID, 0},
    {"two points", "1.2.3", ERR_INVALID, 0},
    {"seven decimals", "0.1234567", ERR_INVALID, 0},
    {"an exponent", "1e3", ERR_INVALID, 0},
    {"a space", " 1", ERR_INVALID, 0},
    {"a comma", "1,5", ERR_INVALID, 0},
    {"not a number", "nan", ERR_INVALID, 0},
    {"one millionth too many", "1000000000000.000001", ERR_LIMIT, 0},
    {"far too many", "99999999999999999999999999", ERR_LIMIT, 0},
    {"too many before the padding", "-999999999999999999", ERR_LIMIT, 0},
};

static void
reading(void **state)
{
    const struct reading *row = *state;
    struct why why = {0};
    int64_t amount = 77;

    assert_int_equal(money_parse(row->text, &amount, &why), row->want);
    assert_int_equal(amount, row->want == 0 ? row->amount : 77);
    assert_true((row->want == 0) == (why.text[0] == '\0'));
}

static void
text_round_trip(void **state)
{
    struct rng rng = rng_make(SEED, STREAM_TEST, 5, 0);

    (void)state;
    printf("    seed %u\n", SEED);
    for (int round = 0; round < 20000; round++) {
        int64_t amount = draw_amount(&rng), back = 0;
        char out[MONEY_TEXT];
        struct why why = {0};

        money_format(amount, out);
        if (amount > MONEY_MAX || amount < -MONEY_MAX) {
            assert_int_equal(money_parse(out, &back, &why), ERR_LIMIT);
            continue;
        }
        assert_int_equal(money_parse(out, &back, &why), 0);
        assert_int_equal(back, amount);
        if (amount < INT64_C(1) << 50 && amount > -(INT64_C(1) << 50))
            assert_int_equal(money_from_real(money_to_real(amount)), amount);
    }
}

static void
ends(void **state)
{
    char out[MONEY_TEXT];
    int64_t sum = 77;

    (void)state;
    money_format(INT64_MIN, out);
    assert_string_equal(out, "-9223372036854.775808");
    assert_false(money_add(INT64_MAX, 1, &sum));
    assert_false(money_add(INT64_MIN, -1, &sum));
    assert_int_equal(sum, 77);
    assert_true(money_add(INT64_MAX, INT64_MIN, &sum));
    assert_int_equal(sum, -1);
}

static const struct test_case cases[] = {
    {"a division's sum is the total, and each is within one", division_properties},
    {"a division is Hamilton's", division_against_the_plain_method},
    {"a division of weights far apart is exact", division_of_wide_weights},
    {"a share is exact", share_properties},
    {"what is written reads back", text_round_trip},
    {"the ends of the range", ends},
};

int
main(void)
{
    return TEST_ROWS("money_from_real", conversions, conversion) + TEST_ROWS("money_share", shares, share) +
           TEST_ROWS("money_allocate", divisions, division) + TEST_ROWS("money_format", texts, text) +
           TEST_ROWS("money_parse", readings, reading) + TEST_CASES("money", cases);
}
