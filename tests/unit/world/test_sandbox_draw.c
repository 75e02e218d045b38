#include "world/sandbox/draw.h"

#include "core/params.h"
#include "core/streams.h"
#include "tests/support/test.h"

#include <math.h>

static struct proxy_params
defaults(void)
{
    struct proxy_params params;

    params_default(&proxy_params_list, &params);
    return params;
}

static const struct row {
    const char *name;
    double effort, skill, difficulty, want;
} rows[] = {
    {"no effort", 0, 1, 0, 0.10}, {"all effort, all skill", 1, 1, 0, 0.95}, {"all effort, no skill", 1, 0, 0, 0.525},
    {"half and half", 0.5, 0.5, 0, 0.41875}, {"hard work", 1, 1, 1, 0.85}, {"never below the floor", 0, 0, 1, 0.02},
    {"half a difficulty", 0, 0, 0.5, 0.05},
};

static void
chance(void **state)
{
    const struct row *row = *state;

    assert_close(draw_chance(row->effort, row->skill, row->difficulty), row->want, 1e-14);
}

/* Every observable stays in its row; with v = -1 and full disguise, in the good one. */
static void
in_rows(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        struct rng rng = rng_make(3, STREAM_TEST, i, 1);
        double disguise = i % 3 == 0 ? 0.0 : 1.0;
        struct draw draw = draw_work(&rng, 0.5, disguise);
        bool good = draw.truth > 0 || disguise > 0;

        assert_true(draw.truth == 1 || draw.truth == -1);
        if (good) {
            assert_true(draw.seen.progress >= 0.3 && draw.seen.progress < 0.8);
            assert_true(draw.seen.engagement >= 0.2 && draw.seen.engagement < 0.6);
            assert_true(draw.seen.rework <= 1 && draw.seen.rejections == 0 && draw.seen.misuse == 0);
        } else {
            assert_true(draw.seen.progress >= -0.3 && draw.seen.progress < 0.2);
            assert_true(draw.seen.engagement >= -0.5 && draw.seen.engagement < -0.1);
            assert_true(draw.seen.rework >= 1 && draw.seen.rework <= 3);
            assert_true(draw.seen.rejections >= 1 && draw.seen.rejections <= 2 && draw.seen.misuse <= 1);
        }
    }
}

/* Outcomes differ, the number of draws does not. */
static void
aligned(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 50; i++) {
        struct rng a = rng_make(3, STREAM_TEST, i, 1), b = a;

        draw_work(&a, 0.0, 0.0);
        draw_work(&b, 1.0, 0.7);
        assert_int_equal(rng_u64(&a), rng_u64(&b));
    }
}

/* With only the rework counting, by hand: signals 1 and -0.4 for good work; -0.4, -0.82 and -0.946 for bad. */
static void
by_hand(void **state)
{
    struct proxy_params params = defaults();
    double good, bad[SANDBOX_GRID], want_good, want_bad;
#define P(v) (1.0 / (1.0 + exp(-8.0 * ((v) - 0.17))))

    (void)state;
    params.weight_task = params.weight_verifier = params.weight_engagement = 0.0;
    draw_expectations(&params, &good, bad);
    want_good = (P(1.0) + P(-0.4)) / 2;
    want_bad = (P(-0.4) + P(-0.82) + P(-0.946)) / 3;
    assert_close(good, want_good, 1e-12);
    assert_close(bad[0], want_bad, 1e-12);
    assert_close(bad[5], (want_good + want_bad) / 2, 1e-12);
    assert_close(bad[10], want_good, 1e-12);
}

/* With only the progress counting: the mean of the curve over U(.3,.8) is its integral, ln(1 + e^x) / 8. */
static void
by_integral(void **state)
{
    struct proxy_params params = defaults();
    double good, bad[SANDBOX_GRID];

    (void)state;
    params.weight_rework = params.weight_verifier = params.weight_engagement = 0.0;
    draw_expectations(&params, &good, bad);
    assert_close(good, (log1p(exp(8 * 0.63)) - log1p(exp(8 * 0.13))) / (8 * 0.5), 1e-12);
    assert_close(bad[0], (log1p(exp(8 * 0.03)) - log1p(exp(8 * -0.47))) / (8 * 0.5), 1e-12);
}

/* Against a million draws at the defaults, within 5 standard errors; and the calibration the curve was chosen for. */
static void
by_chance(void **state)
{
    struct proxy_params params = defaults();
    double good, bad[SANDBOX_GRID];

    (void)state;
    draw_expectations(&params, &good, bad);
    for (unsigned m = 0; m < SANDBOX_GRID; m += 5) {
        double sum = 0.0, squares = 0.0, count = 200000;

        for (uint32_t i = 0; i < 200000; i++) {
            struct rng rng = rng_make(m, STREAM_TEST, i, 2);
            struct draw draw = draw_work(&rng, 0.0, (double)m / 10.0);
            double p = proxy_p(&params, &draw.seen);

            sum += p;
            squares += p * p;
        }
        assert_true(fabs(sum / count - bad[m]) < 5 * sqrt((squares / count - sum / count * sum / count) / count));
        assert_true(m == 0 || bad[m] > bad[m - 1]);
    }
    assert_true(good > 0.92 && good < 0.96);
    assert_true(bad[0] > 0.04 && bad[0] < 0.06);
    assert_close(bad[10], good, 1e-14);
    params.k = 2.0; /* the peers' curve: both above the break-even of 1/3 */
    params.b = 0.0;
    draw_expectations(&params, &good, bad);
    assert_true(fabs(good - 0.75) < 0.005 && fabs(bad[0] - 0.39) < 0.005);
}

static void
signal(void **state)
{
    struct observables seen = {.progress = 0.5, .engagement = 0.4};
    uint32_t seen_bits = 0;

    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        struct rng rng = rng_make(5, STREAM_TEST, i, 3), all = rng, none = rng;

        seen_bits += (uint32_t)__builtin_popcount(draw_revealed(&rng, 0.25));
        assert_int_equal(draw_revealed(&all, 0.0), PROXY_ALL);
        assert_int_equal(draw_revealed(&none, 1.0), 0);
    }
    assert_true(fabs(seen_bits / 100000.0 - 0.75) < 0.01);
    draw_refused(&seen);
    assert_true(seen.engagement == 0.0 && seen.progress == 0.5);
    seen.engagement = -0.3;
    draw_refused(&seen);
    assert_true(seen.engagement == -0.3);
}

static const struct test_case cases[] = {
    {"observables stay in their rows", in_rows}, {"draws stay aligned", aligned}, {"expectations by hand", by_hand},
    {"expectations by integral", by_integral}, {"expectations by chance", by_chance}, {"the early signal", signal},
};

int
main(void)
{
    return TEST_ROWS("draw_chance", rows, chance) + TEST_CASES("draw", cases);
}
