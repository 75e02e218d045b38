#include "core/stats.h"

#include "tests/support/test.h"

#include <math.h>

/* Published to four decimals (Fisher & Yates' table); for one degree the quantile is tan(pi (p - 1/2)), for two
 * (2p - 1) sqrt(2 / (4 p (1 - p))), which give the further digits. */
static const struct quantile {
    const char *name;
    double p;
    uint64_t degrees;
    double want, within;
} quantiles[] = {
    {"one degree", 0.975, 1, 12.706204736174698, 1e-12},
    {"two degrees", 0.975, 2, 4.302652729749464, 1e-12},
    {"five degrees", 0.975, 5, 2.5706, 3e-5},
    {"ten degrees", 0.975, 10, 2.2281, 3e-5},
    {"29 degrees: thirty seeds", 0.975, 29, 2.0452, 3e-5},
    {"a hundred degrees", 0.975, 100, 1.9840, 3e-5},
    {"a million degrees: the normal distribution", 0.975, 1000000, 1.959966, 1e-6},
    {"the lower side", 0.025, 5, -2.5706, 3e-5},
    {"99 %, two-sided", 0.995, 10, 3.1693, 3e-5},
    {"99.9 %, two-sided, one degree", 0.9995, 1, 636.6192487687196, 1e-9},
    {"the median", 0.5, 7, 0.0, 0},
};

static void
quantile(void **state)
{
    const struct quantile *row = *state;

    assert_close(stats_t_quantile(row->p, row->degrees), row->want, row->within > 0 ? row->within : 1e-15);
}

/* One degree is Cauchy's: P(|T| >= 1) = 1/2. Two degrees: 1 - t / sqrt(2 + t^2). Four: with x = t / sqrt(4 + t^2),
 * 1 - x (3 - x^2) / 2, which is 1 - 11/16 for t^2 = 4/3 (x = 1/2). */
static const struct tail {
    const char *name;
    double t;
    uint64_t degrees;
    double want;
} tails[] = {
    {"nothing", 0.0, 3, 1.0},
    {"Cauchy's quartile", 1.0, 1, 0.5},
    {"both sides are one", -1.0, 1, 0.5},
    {"two degrees", 2.0, 2, 1.0 - 0.816496580927726},
    {"two degrees, far out", 1e4, 2, 9.9999998500000025e-9},
    {"four degrees", 1.1547005383792515, 4, 0.3125},
    {"endless", INFINITY, 9, 0.0},
};

static void
tail(void **state)
{
    const struct tail *row = *state;

    assert_close(stats_t_tail(row->t, row->degrees), row->want, 1e-12);
}

/* 2, 4, 4, 4, 5, 5, 7, 9: mean 5, squared deviations 9+1+1+1+0+0+4+16 = 32, sd sqrt(32/7); t(7) = 2.364624. */
static void
spread(void **state)
{
    static const double values[] = {2, 4, 4, 4, 5, 5, 7, 9};
    struct stats stats = {0};
    double low = 0, high = 0;

    (void)state;
    for (size_t i = 0; i < 8; i++)
        stats_add(&stats, values[i]);
    assert_int_equal(stats.count, 8);
    assert_close(stats.mean, 5.0, 1e-15);
    assert_close(stats_sd(&stats), 2.1380899352993952, 1e-14);
    assert_true(stats_interval(&stats, 0.95, &low, &high));
    assert_close(high - 5.0, 2.364624 * 2.1380899352993952 / 2.8284271247461903, 1e-6);
    assert_close(5.0 - low, high - 5.0, 1e-12);
}

/* The differences 1, 2, 3: mean 2, sd 1, t = 2 sqrt(3) with two degrees, p = 1 - t / sqrt(2 + t^2) = 0.0741799. */
static void
paired(void **state)
{
    struct stats stats = {0};
    double low = 0, high = 0;

    (void)state;
    assert_true(isnan(stats_p(&stats)));
    stats_add(&stats, 1);
    assert_false(stats_interval(&stats, 0.95, &low, &high));
    assert_true(isnan(stats_sd(&stats)));
    stats_add(&stats, 2);
    stats_add(&stats, 3);
    assert_close(stats_p(&stats), 1.0 - 3.4641016151377544 / 3.7416573867739413, 1e-12);
    assert_true(stats_interval(&stats, 0.95, &low, &high));
    assert_close(high, 2.0 + 4.302652729749464 / 1.7320508075688772, 1e-12);
}

static void
constant(void **state)
{
    struct stats zero = {0}, one = {0};

    (void)state;
    for (int i = 0; i < 5; i++) {
        stats_add(&zero, 0);
        stats_add(&one, 1);
    }
    assert_true(stats_p(&zero) == 1.0); /* never differs */
    assert_true(stats_p(&one) == 0.0);  /* always differs, by the same */
}

/* The tail of a quantile is what was asked for. */
static void
inverse(void **state)
{
    (void)state;
    for (uint64_t degrees = 1; degrees < 400; degrees += 7)
        for (double p = 0.55; p < 0.9999; p += 0.05)
            assert_close(stats_t_tail(stats_t_quantile(p, degrees), degrees), 2.0 * (1.0 - p), 1e-11);
}

static const struct test_case cases[] = {
    {"mean, deviation and interval", spread},
    {"paired differences", paired},
    {"values that do not vary", constant},
    {"quantiles and tails are inverse", inverse},
};

int
main(void)
{
    return TEST_ROWS("stats_t_quantile", quantiles, quantile) + TEST_ROWS("stats_t_tail", tails, tail) +
           TEST_CASES("stats", cases);
}
