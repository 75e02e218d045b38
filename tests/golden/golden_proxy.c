#include "core/proxy.h"

#include "tests/golden/golden.h"

#define NEAR 1e-12

static double
weight(const json_t *in, size_t index)
{
    return json_number_value(json_array_get(json_object_get(in, "weights"), index));
}

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const struct proxy_params params = {
        .weight_task = weight(in, 0),
        .weight_rework = weight(in, 1),
        .weight_verifier = weight(in, 2),
        .weight_engagement = weight(in, 3),
        .rework_decay = golden_real(in, "rework_decay"),
        .rejection_decay = golden_real(in, "rejection_decay"),
        .misuse_decay = golden_real(in, "misuse_decay"),
        .k = golden_real(in, "sigmoid_k"),
        .b = 0.0,
    };
    const struct observables seen = {
        .progress = golden_real(in, "task_progress_delta"),
        .rework = (uint32_t)golden_real(in, "rework_count"),
        .rejections = (uint32_t)golden_real(in, "verifier_rejections"),
        .misuse = (uint32_t)golden_real(in, "tool_misuse_flags"),
        .engagement = golden_real(in, "counterparty_engagement_delta"),
    };
    struct proxy_signals signals = proxy_signals(&params, &seen);
    struct proxy_weights weights = proxy_weights(&params);
    const double normalized[] = {weights.task, weights.rework, weights.verifier, weights.engagement};

    for (size_t i = 0; i < 4; i++)
        golden_compare(count, index, "weight", normalized[i],
            json_number_value(json_array_get(json_object_get(out, "normalized_weights"), i)), NEAR);
    golden_compare(count, index, "rework", signals.rework, golden_real(out, "rework_signal"), NEAR);
    golden_compare(count, index, "rejection", signals.rejection, golden_real(out, "rejection_signal"), NEAR);
    golden_compare(count, index, "misuse", signals.misuse, golden_real(out, "misuse_signal"), NEAR);
    golden_compare(count, index, "v_hat", proxy_v_hat(&params, &seen), golden_real(out, "v_hat"), NEAR);
    golden_compare(count, index, "p", proxy_p(&params, &seen), golden_real(out, "p"), NEAR);
}

static void
proxy(void **state)
{
    (void)state;
    golden_run("proxy", compare);
}

static const struct test_case groups[] = {{"proxy", proxy}};

int
main(void)
{
    return TEST_CASES("golden: proxy", groups);
}
