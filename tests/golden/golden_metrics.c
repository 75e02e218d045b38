#include "world/sandbox/metrics.h"

#include "tests/golden/golden.h"

#include <math.h>

#define NEAR 1e-12
#define FLOOR 1e-13 /* of differences of sums of order 1: they keep no relative precision */
#define ROWS_MAX 4096

static struct metrics_row rows[ROWS_MAX];

static struct payoff_params
params_of(const json_t *config)
{
    return (struct payoff_params){
        .s_plus = golden_real(config, "s_plus"), .s_minus = golden_real(config, "s_minus"),
        .h = golden_real(config, "h"), .theta = golden_real(config, "theta"), .rho_a = golden_real(config, "rho_a"),
        .rho_b = golden_real(config, "rho_b"), .w_rep = golden_real(config, "w_rep")};
}

static double
item(const json_t *list, size_t index)
{
    return json_number_value(json_array_get(list, index));
}

static size_t
read_rows(const json_t *in, const struct payoff_params *params)
{
    const json_t *list = json_object_get(in, "interactions");
    size_t count = json_array_size(list);

    assert_true(count <= ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(list, i);

        rows[i] = (struct metrics_row){
            .p = item(row, 0), .accepted = json_is_true(json_array_get(row, 1)), .transfer = item(row, 2),
            .cost_a = item(row, 3), .cost_b = item(row, 4), .reputation_a = item(row, 5),
            .reputation_b = item(row, 6), .truth = (int32_t)item(row, 7)}; /* null reads as 0: unknown */
        metrics_row_pay(&rows[i], params);
    }
    return count;
}

static void
compare(struct golden_count *count, size_t index, const char *what, double got, double want)
{
    if (got != want && fabs(got - want) <= FLOOR)
        count->values++;
    else
        golden_compare(count, index, what, got, want, NEAR);
}

/* The peers' name of a figure, where it is another. */
static const struct {
    const char *theirs, *ours;
} names[] = {
    {"toxicity_rate", "toxicity_rate"}, {"toxicity_rate_all", "toxicity_rate_all"},
    {"conditional_loss_initiator", "conditional_loss_initiator"},
    {"conditional_loss_counterparty", "conditional_loss_counterparty"}, {"spread", "spread"},
    {"quality_gap", "quality_gap"}, {"uncertain_fraction_0.2", "uncertain_fraction"},
    {"average_quality", "average_quality"}, {"average_quality_accepted", "average_quality_accepted"},
    {"calibration_error", "calibration_error"}, {"brier_score", "brier_score"},
    {"ece_10", "expected_calibration_error"}, {"log_loss", "log_loss"}, {"quality_variance", "quality_variance"},
    {"quality_variance_accepted", "quality_variance_accepted"},
    {"payoff_variance_initiator", "payoff_variance_initiator"},
    {"payoff_variance_counterparty", "payoff_variance_counterparty"},
}, welfare_names[] = {
    {"total_welfare", "total_welfare"}, {"total_social_surplus", "total_social_surplus"},
    {"avg_initiator_payoff", "avg_initiator_payoff"}, {"avg_counterparty_payoff", "avg_counterparty_payoff"},
}, variation_names[] = {
    {"cv_p", "cv_p"}, {"cv_payoff_initiator", "cv_payoff_initiator"},
    {"cv_payoff_counterparty", "cv_payoff_counterparty"},
}, hard_names[] = {
    {"toxicity", "hard_toxicity_by_label"}, {"acceptance_rate", "acceptance_rate"},
    {"high_quality_acceptance", "high_quality_acceptance"}, {"low_quality_acceptance", "low_quality_acceptance"},
}, later_names[] = {
    {"quality_correlation", "quality_correlation"}, {"selection_saturation", "selection_saturation"},
    {"net_social_welfare", "total_social_surplus"},
};

#define COMPARE_NAMED(list, object)                                                                                  \
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)                                                        \
    compare_named(count, index, &set, params, list[i].ours, json_object_get(object, list[i].theirs))

static void
compare_named(struct golden_count *count, size_t index, const struct metrics_set *set,
              const struct payoff_params *params, const char *name, const json_t *want)
{
    struct metrics_value got = metrics_set_figure(set, params, name);

    assert_non_null(want);
    if (json_is_null(want)) {
        assert_false(got.known);
        count->values++;
        count->equal++;
        return;
    }
    compare(count, index, name, got.value, json_number_value(want));
}

static struct metrics_set
set_of(const struct payoff_params *params, size_t count)
{
    struct metrics_set set = {0};

    for (size_t i = 0; i < count; i++)
        metrics_set_add(&set, params, &rows[i]);
    return set;
}

static void
compare_participation(struct golden_count *count, size_t index, size_t size, double threshold, const json_t *want)
{
    struct metrics_participation got = metrics_participation(rows, size, threshold);

    compare(count, index, "high", got.high_acceptance, golden_real(want, "high_quality_acceptance"));
    compare(count, index, "low", got.low_acceptance, golden_real(want, "low_quality_acceptance"));
    compare(count, index, "high count", got.high, golden_real(want, "high_quality_count"));
    compare(count, index, "low count", got.low, golden_real(want, "low_quality_count"));
}

static void
compare_bins(struct golden_count *count, size_t index, size_t size, const json_t *out)
{
    static const struct {
        const char *name;
        uint32_t bins;
    } distributions[] = {{"quality_distribution_10", 10}, {"quality_distribution_4", 4}};
    struct metrics_bin bins[10];
    const json_t *curve = json_object_get(out, "calibration_curve_5");

    for (size_t d = 0; d < 2; d++) {
        const json_t *want = json_object_get(out, distributions[d].name);

        metrics_distribution(rows, size, distributions[d].bins, bins);
        assert_int_equal(json_array_size(want), size == 0 ? 0 : distributions[d].bins);
        for (size_t i = 0; i < json_array_size(want); i++) {
            compare(count, index, "low edge", bins[i].low, item(json_array_get(want, i), 0));
            compare(count, index, "high edge", bins[i].high, item(json_array_get(want, i), 1));
            compare(count, index, "in bin", bins[i].count, item(json_array_get(want, i), 2));
        }
    }
    if (metrics_calibration(rows, size, 5, bins) == 0) {
        assert_int_equal(json_array_size(curve), 0);
        return;
    }
    assert_int_equal(json_array_size(curve), 5);
    for (size_t i = 0; i < 5; i++) {
        compare(count, index, "mean label", bins[i].p, item(json_array_get(curve, i), 0));
        compare(count, index, "share good", bins[i].positive, item(json_array_get(curve, i), 1));
        compare(count, index, "in bin", bins[i].count, item(json_array_get(curve, i), 2));
    }
}

/* Exact over the rows; the set's own figure looks at labels in steps of 1/1000. */
static void
compare_auc(struct golden_count *count, size_t index, const struct metrics_set *set, const struct payoff_params *params,
            size_t size, const json_t *want)
{
    struct metrics_value exact = metrics_auc(rows, size);
    struct metrics_value binned = metrics_set_figure(set, params, "discrimination_auc");

    assert_int_equal(exact.known, !json_is_null(want));
    assert_int_equal(binned.known, exact.known);
    if (!exact.known)
        return;
    compare(count, index, "auc", exact.value, json_number_value(want));
    assert_true(fabs(binned.value - exact.value) < 0.02);
}

static void
compare_case(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const struct payoff_params held = params_of(json_object_get(in, "config")), *params = &held;
    size_t size = read_rows(in, params);
    struct metrics_set set = set_of(params, size);

    COMPARE_NAMED(names, out);
    COMPARE_NAMED(welfare_names, json_object_get(out, "welfare_metrics"));
    COMPARE_NAMED(variation_names, json_object_get(out, "coefficient_of_variation"));
    COMPARE_NAMED(hard_names, json_object_get(json_object_get(out, "reporter_summary"), "hard_metrics"));
    compare_participation(count, index, size, 0.5, json_object_get(out, "participation_by_quality_0.5"));
    compare_participation(count, index, size, 0.7, json_object_get(out, "participation_by_quality_0.7"));
    compare(count, index, "uncertain", metrics_uncertain(rows, size, 0.1), golden_real(out, "uncertain_fraction_0.1"));
    compare_bins(count, index, size, out);
    compare_auc(count, index, &set, params, size, json_object_get(out, "discrimination_auc"));
}

static void
compare_later(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const struct payoff_params held = params_of(json_object_get(in, "config")), *params = &held;
    struct metrics_set set = set_of(params, read_rows(in, params));
    const json_t *parts = json_object_get(out, "toxicity_decomposition");
    double all = metrics_set_figure(&set, params, "toxicity_rate_all").value;
    double credit = metrics_set_figure(&set, params, "selection_credit").value;

    COMPARE_NAMED(later_names, out);
    if (set.accepted == 0)
        return; /* the decomposition explains the toxicity of what was accepted */
    compare(count, index, "baseline harm", all, golden_real(parts, "baseline_harm"));
    compare(count, index, "selection credit", credit, golden_real(parts, "selection_credit"));
    compare(count, index, "toxicity", all - credit, golden_real(parts, "toxicity"));
}

static void
metrics(void **state)
{
    (void)state;
    golden_run("metrics", compare_case);
}

static void
later(void **state)
{
    (void)state;
    golden_run("metrics_later_extra", compare_later);
}

static const struct test_case groups[] = {{"metrics", metrics}, {"metrics_later_extra", later}};

int
main(void)
{
    return TEST_CASES("golden: metrics", groups);
}
