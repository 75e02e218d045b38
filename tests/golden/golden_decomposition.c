#include "world/sandbox/metrics.h"

#include "tests/golden/golden.h"

#define NEAR 1e-12
#define FLOOR 1e-13 /* of differences of numbers of order 1: they keep no relative precision */

static void
compare(struct golden_count *count, size_t index, const char *what, double got, double want)
{
    golden_compare_near(count, index, what, got, want, NEAR, FLOOR);
}

/* Every case, those in which nothing was accepted included. */
static void
compare_case(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *list = json_object_get(in, "interactions"), *config = json_object_get(in, "config");
    const json_t *parts = json_object_get(out, "toxicity_decomposition");
    const struct payoff_params params = {
        .s_plus = golden_real(config, "s_plus"), .s_minus = golden_real(config, "s_minus"),
        .h = golden_real(config, "h"), .theta = golden_real(config, "theta")};
    struct metrics_decomposition got;
    struct metrics_set set = {0};

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *row = json_array_get(list, i);
        const struct metrics_row entry = {
            .p = json_number_value(json_array_get(row, 0)), .accepted = json_is_true(json_array_get(row, 1))};

        metrics_set_add(&set, &params, &entry);
    }
    got = metrics_set_decompose(&set);
    compare(count, index, "baseline harm", got.baseline, golden_real(parts, "baseline_harm"));
    compare(count, index, "selection credit", got.credit, golden_real(parts, "selection_credit"));
    compare(count, index, "toxicity", got.toxicity, golden_real(parts, "toxicity"));
    compare(count, index, "error", got.error, golden_real(parts, "reconstruction_error"));
    compare(count, index, "correlation", metrics_set_figure(&set, &params, "quality_correlation").value,
        golden_real(out, "quality_correlation"));
    compare(count, index, "saturation", metrics_set_figure(&set, &params, "selection_saturation").value,
        golden_real(out, "selection_saturation"));
    compare(count, index, "welfare", metrics_set_figure(&set, &params, "total_social_surplus").value,
        golden_real(out, "net_social_welfare"));
}

static void
decomposition(void **state)
{
    (void)state;
    golden_run("metrics_later_extra", compare_case);
}

static const struct test_case groups[] = {{"metrics_later_extra", decomposition}};

int
main(void)
{
    return TEST_CASES("golden decomposition of toxicity", groups);
}
