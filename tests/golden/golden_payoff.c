#include "core/payoff.h"

#include "tests/golden/golden.h"

#define NEAR 1e-12

static double
real_or(const json_t *object, const char *key, double otherwise)
{
    return json_object_get(object, key) == NULL ? otherwise : golden_real(object, key);
}

/* The defaults, with what the case says instead. */
static struct payoff_params
params_of(const json_t *config)
{
    struct payoff_params params;

    params_default(&payoff_params_list, &params);
    params.s_plus = real_or(config, "s_plus", params.s_plus);
    params.s_minus = real_or(config, "s_minus", params.s_minus);
    params.h = real_or(config, "h", params.h);
    params.theta = real_or(config, "theta", params.theta);
    params.rho_a = real_or(config, "rho_a", params.rho_a);
    params.rho_b = real_or(config, "rho_b", params.rho_b);
    params.w_rep = real_or(config, "w_rep", params.w_rep);
    return params;
}

static void
compare_breakdown(
    struct golden_count *count, size_t index, const struct payoff_breakdown *got, const json_t *want)
{
    golden_compare(count, index, "surplus", got->expected_surplus, golden_real(want, "expected_surplus"), NEAR);
    golden_compare(count, index, "harm", got->expected_harm, golden_real(want, "expected_harm"), NEAR);
    golden_compare(count, index, "share", got->surplus_share, golden_real(want, "surplus_share"), NEAR);
    golden_compare(count, index, "transfer", got->transfer, golden_real(want, "transfer"), NEAR);
    golden_compare(count, index, "cost", got->governance_cost, golden_real(want, "governance_cost"), NEAR);
    golden_compare(count, index, "externality", got->externality_cost, golden_real(want, "externality_cost"), NEAR);
    golden_compare(count, index, "reputation", got->reputation_bonus, golden_real(want, "reputation_bonus"), NEAR);
    golden_compare(count, index, "total", got->total, golden_real(want, "total"), NEAR);
}

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const struct payoff_params params = params_of(json_object_get(in, "config"));
    const struct payoff_terms terms = {
        .p = golden_real(in, "p"),
        .transfer = golden_real(in, "tau"),
        .cost_a = golden_real(in, "c_a"),
        .cost_b = golden_real(in, "c_b"),
        .reputation_a = golden_real(in, "r_a"),
        .reputation_b = golden_real(in, "r_b"),
    };
    struct payoff_breakdown a = payoff_breakdown_initiator(&params, &terms);
    struct payoff_breakdown b = payoff_breakdown_counterparty(&params, &terms);

    golden_compare(count, index, "S", payoff_surplus(&params, terms.p), golden_real(out, "S_soft"), NEAR);
    golden_compare(count, index, "E", payoff_harm(&params, terms.p), golden_real(out, "E_soft"), NEAR);
    golden_compare(count, index, "pi_a", payoff_initiator(&params, &terms), golden_real(out, "pi_a"), NEAR);
    golden_compare(count, index, "pi_b", payoff_counterparty(&params, &terms), golden_real(out, "pi_b"), NEAR);
    golden_compare(count, index, "welfare", payoff_welfare(&params, &terms), golden_real(out, "total_welfare"), NEAR);
    golden_compare(count, index, "social surplus", payoff_social_surplus(&params, terms.p),
        golden_real(out, "social_surplus"), NEAR);
    golden_compare(
        count, index, "break even", payoff_break_even_p(&params), golden_real(out, "break_even_p"), NEAR);
    golden_compare(count, index, "social break even", payoff_social_break_even_p(&params),
        golden_real(out, "social_break_even_p"), NEAR);
    compare_breakdown(count, index, &a, json_object_get(out, "breakdown_a"));
    compare_breakdown(count, index, &b, json_object_get(out, "breakdown_b"));
}

static void
payoff(void **state)
{
    (void)state;
    golden_run("payoff", compare);
}

static void
validate(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const struct payoff_params params = params_of(in);
    bool accepted = strcmp(json_string_value(out), "ok") == 0;

    (void)index;
    assert_int_equal(payoff_check(&params, NULL), accepted ? 0 : ERR_INVALID);
    count->values++;
    count->equal++;
}

static void
validation(void **state)
{
    (void)state;
    golden_run("payoff_validation", validate);
}

static const struct test_case groups[] = {{"payoff", payoff}, {"payoff_validation", validation}};

int
main(void)
{
    return TEST_CASES("golden: payoff", groups);
}
