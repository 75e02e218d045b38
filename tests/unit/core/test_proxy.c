#include "core/proxy.h"

#include "tests/support/test.h"

#include <stdio.h>

#define NEAR 1e-12

/* The peers' curve, and simple decays for working by hand. */
static const struct proxy_params plain = {
    .weight_task = 0.4, .weight_rework = 0.2, .weight_verifier = 0.2, .weight_engagement = 0.2,
    .rework_decay = 0.3, .rejection_decay = 0.4, .misuse_decay = 0.5, .k = 2.0, .b = 0.0,
};

static const struct row {
    const char *name;
    struct observables seen;
    double v_hat, p;
} rows[] = {
    {"perfect work", {1, 0, 0, 0, 1}, 1.0, 0.8807970779778823},
    /* .4 * 0 + .2 * 1 + .2 * 1 + .2 * 0 */
    {"nothing happened", {0, 0, 0, 0, 0}, 0.4, 0.6899744811276125},
    /* signals 1, 2*.3-1 = -.4, (2*.4-1 + 2*.5-1)/2 = -.1, 1: .4 - .08 - .02 + .2 */
    {"one of each fault", {1, 1, 1, 1, 1}, 0.5, 0.7310585786300049},
    /* signals .5, 2*.09-1 = -.82, (2*.16-1 + 2*.25-1)/2 = -.59, -.5: .2 - .164 - .118 - .1 */
    {"two of each fault", {0.5, 2, 2, 2, -0.5}, -0.182, 0.4099916247711199},
    /* signals -.5, 2*.027-1 = -.946, (2*.064-1 + 2*.125-1)/2 = -.811, 0: -.2 - .1892 - .1622 */
    {"three of each fault", {-0.5, 3, 3, 3, 0}, -0.5514, 0.2492156264540587},
    {"observables past their range are clamped", {7, 0, 0, 0, -7}, 0.6, 0.7685247834990175},
};

static void
row(void **state)
{
    const struct row *want = *state;

    assert_close(proxy_v_hat(&plain, &want->seen), want->v_hat, NEAR);
    assert_close(proxy_p(&plain, &want->seen), want->p, NEAR);
    assert_true(proxy_partial(&plain, &want->seen, PROXY_ALL) == proxy_p(&plain, &want->seen));
}

/* Work with signals .5, -.4, -.2, 0, 1: what the parts of it say. v is the mean by weights .4 .2 .1 .1 .2. */
static const struct part {
    const char *name;
    unsigned mask;
    double v;
} parts[] = {
    {"nothing", 0, 0.0},
    {"unknown bits are nothing", 1u << 9, 0.0},
    {"progress", PROXY_PROGRESS, 0.5},
    {"rework", PROXY_REWORK, -0.4},
    {"rejections", PROXY_REJECTIONS, -0.2},
    {"misuse", PROXY_MISUSE, 0.0},
    {"engagement", PROXY_ENGAGEMENT, 1.0},
    {"both halves of the verifier", PROXY_REJECTIONS | PROXY_MISUSE, -0.1},
    {"progress and rework", PROXY_PROGRESS | PROXY_REWORK, 0.2},            /* (.2 - .08) / .6 */
    {"all but misuse", PROXY_ALL & ~(unsigned)PROXY_MISUSE, 0.3 / 0.9},     /* .2 - .08 - .02 + .2 */
    {"all", PROXY_ALL, 0.3},
};

static void
part(void **state)
{
    const struct part *want = *state;
    const struct observables seen = {0.5, 1, 1, 1, 1.0};

    assert_close(proxy_partial(&plain, &seen, want->mask), proxy_sigmoid(want->v, 2.0, 0.0), NEAR);
}

static void
weightless(void **state)
{
    struct proxy_params params = plain;
    const struct observables seen = {1, 5, 0, 0, 1};
    struct proxy_weights weights;

    (void)state;
    params.weight_task = params.weight_rework = params.weight_verifier = params.weight_engagement = 0.0;
    weights = proxy_weights(&params);
    assert_true(weights.task == 0.25 && weights.rework == 0.25 && weights.verifier == 0.25 &&
                weights.engagement == 0.25);
    params.weight_task = 1.0; /* what is seen carries no weight */
    assert_true(proxy_partial(&params, &seen, PROXY_REWORK | PROXY_ENGAGEMENT) == 0.5);
}

/* Averages over the model's distributions: undisguised good work near .95, bad work near .05. */
static void
calibration(void **state)
{
    struct proxy_params params = plain;
    double good = 0.0, bad = 0.0;

    (void)state;
    params.k = proxy_params_list.rows[7].number;
    params.b = proxy_params_list.rows[8].number;
    assert_string_equal(proxy_params_list.rows[7].name, "k");
    assert_string_equal(proxy_params_list.rows[8].name, "b");
    assert_true(params.k == 8.0 && params.b == 0.17);
    for (uint32_t i = 0; i < 50; i++) {
        double x = (i + 0.5) / 50;

        for (uint32_t j = 0; j < 12; j++) {
            double y = (j + 0.5) / 12;
            struct observables fine = {0.3 + 0.5 * x, j % 2, 0, 0, 0.2 + 0.4 * y};
            struct observables poor = {-0.3 + 0.5 * x, 1 + j % 3, 1 + j / 3 % 2, j / 6, -0.5 + 0.4 * y};

            good += proxy_p(&params, &fine) / 600;
            bad += proxy_p(&params, &poor) / 600;
        }
    }
    printf("    good %.4f, bad %.4f\n", good, bad);
    assert_true(good > 0.90 && good < 0.97);
    assert_true(bad > 0.02 && bad < 0.08);
}

static void
curve(void **state)
{
    double low = 0, high = 0, v = 0;
    struct why why = {0};

    (void)state;
    assert_true(proxy_sigmoid(0.17, 8.0, 0.17) == 0.5);
    assert_true(proxy_sigmoid(20.0, 2.0, 0.0) == proxy_sigmoid(10.0, 2.0, 0.0));
    assert_true(proxy_sigmoid(-20.0, 2.0, 0.0) == proxy_sigmoid(-10.0, 2.0, 0.0));
    assert_true(proxy_sigmoid_derivative(0.5, 4.0, 0.5) == 1.0); /* k / 4 */
    assert_int_equal(proxy_sigmoid_inverse(proxy_sigmoid(0.3, 8.0, 0.17), 8.0, 0.17, &v, &why), 0);
    assert_close(v, 0.3, NEAR);
    assert_int_equal(proxy_uncertainty_band(0.25, 2.0, 0.5, &low, &high, &why), 0);
    assert_close(low, 0.5 - 0.5493061443340549, NEAR); /* ln 3 / 2 */
    assert_close(high, 0.5 + 0.5493061443340549, NEAR);
    assert_int_equal(proxy_sigmoid_inverse(0.0, 2.0, 0.0, &v, &why), ERR_INVALID);
    assert_int_equal(proxy_sigmoid_inverse(1.0, 2.0, 0.0, &v, &why), ERR_INVALID);
    assert_int_equal(proxy_sigmoid_inverse(0.5, 0.0, 0.0, &v, &why), ERR_INVALID);
    assert_int_equal(proxy_uncertainty_band(0.5, 2.0, 0.0, &low, &high, &why), ERR_INVALID);
    assert_int_equal(proxy_uncertainty_band(0.0, 2.0, 0.0, &low, &high, &why), ERR_INVALID);
}

static const struct test_case cases[] = {
    {"weights of zero", weightless},
    {"the market's curve is calibrated", calibration},
    {"the curve, its inverse and its ends", curve},
};

int
main(void)
{
    return TEST_ROWS("proxy_p", rows, row) + TEST_ROWS("proxy_partial", parts, part) + TEST_CASES("proxy", cases);
}
