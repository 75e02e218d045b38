#include "core/payoff.h"

#include "tests/support/test.h"

#include <math.h>

#define NEAR 1e-14
#define DEFAULTS .s_plus = 2, .s_minus = 1, .h = 2, .theta = 0.5, .w_rep = 1

static const struct row {
    const char *name;
    struct payoff_params params;
    struct payoff_terms terms;
    double initiator, counterparty, social;
} rows[] = {
    {"good work", {DEFAULTS}, {.p = 1}, 1, 1, 2},
    {"bad work", {DEFAULTS}, {.p = 0}, -0.5, -0.5, -3},
    {"a coin", {DEFAULTS}, {.p = 0.5}, 0.25, 0.25, -0.5},
    {"a transfer leaves the sum alone", {DEFAULTS}, {.p = 0.5, .transfer = 2}, -1.75, 2.25, -0.5},
    {"costs fall on their side", {DEFAULTS}, {.p = 0.5, .cost_a = 1, .cost_b = 3}, -0.75, -2.75, -0.5},
    {"an uneven share", {.s_plus = 2, .s_minus = 1, .h = 2, .theta = 0.75}, {.p = 1}, 1.5, 0.5, 2},
    {"harm comes home", {DEFAULTS, .rho_a = 0.5, .rho_b = 0.25}, {.p = 0.5}, -0.25, 0.0, -0.5},
    {"reputation counts", {DEFAULTS}, {.p = 0.5, .reputation_a = 0.5, .reputation_b = -1}, 0.75, -0.75, -0.5},
};

static void
row(void **state)
{
    const struct row *want = *state;
    struct payoff_breakdown a = payoff_breakdown_initiator(&want->params, &want->terms);
    struct payoff_breakdown b = payoff_breakdown_counterparty(&want->params, &want->terms);

    assert_close(a.total, want->initiator, NEAR);
    assert_close(b.total, want->counterparty, NEAR);
    assert_true(payoff_initiator(&want->params, &want->terms) == a.total);
    assert_true(payoff_counterparty(&want->params, &want->terms) == b.total);
    assert_true(payoff_welfare(&want->params, &want->terms) == a.total + b.total);
    assert_close(payoff_social_surplus(&want->params, want->terms.p), want->social, NEAR);
    assert_true(a.transfer == -b.transfer);
    assert_close(a.surplus_share + b.surplus_share, a.expected_surplus, NEAR);
}

static const struct bound {
    const char *name;
    struct payoff_params params;
    int want;
} bounds[] = {
    {"defaults", {DEFAULTS}, 0},
    {"all zero", {.h = 0}, 0},
    {"negative surplus", {.s_plus = -1, .s_minus = 1, .h = 2, .theta = 0.5, .w_rep = 1}, ERR_INVALID},
    {"negative loss", {.s_plus = 2, .s_minus = -0.1, .h = 2, .theta = 0.5, .w_rep = 1}, ERR_INVALID},
    {"negative harm", {.s_plus = 2, .s_minus = 1, .h = -2, .theta = 0.5, .w_rep = 1}, ERR_INVALID},
    {"a share below 0", {.s_plus = 2, .s_minus = 1, .h = 2, .theta = -0.1, .w_rep = 1}, ERR_INVALID},
    {"a share above 1", {.s_plus = 2, .s_minus = 1, .h = 2, .theta = 1.1, .w_rep = 1}, ERR_INVALID},
    {"negative rho_a", {DEFAULTS, .rho_a = -0.1}, ERR_INVALID},
    {"negative rho_b", {DEFAULTS, .rho_b = -0.1}, ERR_INVALID},
    {"any worth of reputation", {.s_plus = 2, .s_minus = 1, .h = 2, .theta = 0.5, .w_rep = -3}, 0},
    {"not a number", {.s_plus = 2, .s_minus = 1, .h = NAN, .theta = 0.5, .w_rep = 1}, ERR_INVALID},
};

static void
bound(void **state)
{
    const struct bound *want = *state;
    struct why why = {0};

    assert_int_equal(payoff_check(&want->params, &why), want->want);
}

static void
break_even(void **state)
{
    const struct payoff_params params = {DEFAULTS}, none = {.h = 0};

    (void)state;
    assert_close(payoff_break_even_p(&params), 1.0 / 3, NEAR);
    assert_close(payoff_social_break_even_p(&params), 0.6, NEAR);
    assert_true(fabs(payoff_surplus(&params, 1.0 / 3)) < 1e-15);
    assert_true(fabs(payoff_social_surplus(&params, 0.6)) < 1e-15);
    assert_true(payoff_break_even_p(&none) == 0.5);
    assert_true(payoff_social_break_even_p(&none) == 0.5);
}

static const struct test_case cases[] = {{"break even", break_even}};

int
main(void)
{
    return TEST_ROWS("payoff", rows, row) + TEST_ROWS("payoff_check", bounds, bound) + TEST_CASES("payoff", cases);
}
