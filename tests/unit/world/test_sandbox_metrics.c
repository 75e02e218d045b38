#include "world/sandbox/metrics.h"

#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

static const struct payoff_params stakes = {.s_plus = 2, .s_minus = 1, .h = 2, .theta = 0.5, .w_rep = 1};

/* Four answered offers: two happened (p .9 good, p .3 bad), two did not (p .2 bad, p .8 good). */
static struct metrics_set
four(void)
{
    struct metrics_row rows[] = {
        {.p = 0.9, .accepted = true, .truth = 1}, {.p = 0.3, .accepted = true, .truth = -1, .transfer = -2},
        {.p = 0.2, .truth = -1}, {.p = 0.8, .truth = 1},
    };
    struct metrics_set set = {0};

    for (size_t i = 0; i < 4; i++) {
        metrics_row_pay(&rows[i], &stakes);
        metrics_set_add(&set, &stakes, &rows[i]);
    }
    return set;
}

/* Worked by hand. S(p) = 3p - 1, payoffs half of it: .85, -.05, -.2, .7; the transfer moves 2 from b to a in the
 * second. */
static const struct row {
    const char *name;
    double want;
} rows[] = {
    {"toxicity_rate", 0.4},
    {"toxicity_rate_all", 0.45},
    {"quality_gap", 0.1},
    {"spread", -0.15},
    {"conditional_loss_initiator", 1.4 - 0.825},
    {"conditional_loss_counterparty", -0.6 - -0.175},
    {"total_welfare", 1.6},
    {"total_social_surplus", 1.5 - 1.5},
    {"avg_initiator_payoff", 1.4},
    {"harm", 1.6},
    {"harm_hard", 2},
    {"welfare_hard", 2 - 3},
    {"hard_toxicity", 0.5},
    {"soft_hard_gap", -0.1},
    {"volume", 2},
    {"acceptance_rate", 0.5},
    {"brier_score", (0.01 + 0.09 + 0.04 + 0.04) / 4},
    {"calibration_error", 0.55 - 0.5},
    {"discrimination_auc", 1},
    {"expected_calibration_error", (0.1 + 0.3 + 0.2 + 0.2) / 4},
    {"high_quality_acceptance", 0.5},
    {"average_quality", 0.55},
    {"quality_variance", (0.81 + 0.09 + 0.04 + 0.64) / 4 - 0.3025},
};

static void
figure(void **state)
{
    const struct row *row = *state;
    struct metrics_set set = four();
    struct metrics_value got = metrics_set_figure(&set, &stakes, row->name);

    assert_true(got.known);
    assert_true(fabs(got.value - row->want) < 1e-12);
}

static void
each_unknown(void *context, const char *name, double value, bool known)
{
    unsigned *count = context;

    if (known || value != 0.0)
        print_error("%s is %g of nothing\n", name, value);
    assert_false(known);
    assert_true(value == 0.0);
    (*count)++;
}

/* Nothing is known of no interactions, and nothing is reported as a value. */
static void
empty(void **state)
{
    struct metrics_set set = {0};
    unsigned count = 0;

    (void)state;
    metrics_set_figures(&set, &stakes, each_unknown, &count);
    assert_true(count > 30);
}

static void
only_refused(void **state)
{
    struct metrics_set set = {0};
    struct metrics_row row = {.p = 0.2, .truth = -1};

    (void)state;
    metrics_set_add(&set, &stakes, &row);
    assert_false(metrics_set_figure(&set, &stakes, "toxicity_rate").known);
    assert_false(metrics_set_figure(&set, &stakes, "quality_gap").known);
    assert_false(metrics_set_figure(&set, &stakes, "discrimination_auc").known);
    assert_true(metrics_set_figure(&set, &stakes, "acceptance_rate").known);
    assert_true(metrics_set_figure(&set, &stakes, "toxicity_rate_all").known);
}

static void
gini(void **state)
{
    static const struct {
        double values[5];
        size_t count;
        double want;
        bool known;
    } cases[] = {
        {{1, 1, 1, 1}, 4, 0.0, true}, {{0, 0, 0, 8}, 4, 0.75, true},
        {{1, 3}, 2, 0.25, true},      {{3, 1}, 2, 0.25, true},
        {{0, 0}, 2, 0.0, false},      {{5}, 1, 0.0, false},
        {{0}, 0, 0.0, false},         {{1, 2, 3, 4, 5}, 5, 0.26666666666666666, true},
    };
    double values[2000], scratch[2000], sum = 0.0;
    struct rng rng = rng_make(1, STREAM_TEST, 0, 0);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct metrics_value got;

        memcpy(values, cases[i].values, sizeof cases[i].values);
        got = metrics_gini(values, scratch, cases[i].count);
        assert_int_equal(got.known, cases[i].known);
        assert_true(fabs(got.value - cases[i].want) < 1e-15);
    }
    for (size_t i = 0; i < 2000; i++)
        sum += values[i] = rng_between(&rng, -1e3, 1e6);
    metrics_gini(values, scratch, 2000);
    for (size_t i = 1; i < 2000; i++)
        assert_true(values[i - 1] <= values[i]);
    for (size_t i = 0; i < 2000; i++)
        sum -= values[i];
    assert_true(fabs(sum) < 1e-3);
}

static const struct test_case cases[] = {
    {"no interactions", empty}, {"only refused ones", only_refused}, {"Gini", gini}};

int
main(void)
{
    return TEST_ROWS("figures by hand", rows, figure) + TEST_CASES("metrics", cases);
}
