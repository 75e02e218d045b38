#include "core/proxy.h"

#include "tests/golden/golden.h"

#define NEAR 1e-12

/* One case of a function that may fail: low and high are equal where there is one value. */
static int
run(const char *function, const json_t *in, double *low, double *high)
{
    double k = golden_real(in, "k");
    int error = 0;

    if (strcmp(function, "calibrated_sigmoid") == 0) {
        *low = *high = proxy_sigmoid(golden_real(in, "v_hat"), k, 0.0);
    } else if (strcmp(function, "sigmoid_derivative") == 0) {
        *low = *high = proxy_sigmoid_derivative(golden_real(in, "v_hat"), k, 0.0);
    } else if (strcmp(function, "inverse_sigmoid") == 0) {
        error = proxy_sigmoid_inverse(golden_real(in, "p"), k, 0.0, low, NULL);
        *high = *low;
    } else if (strcmp(function, "sigmoid_bounds") == 0) {
        *low = proxy_sigmoid(-1.0, k, 0.0);
        *high = proxy_sigmoid(1.0, k, 0.0);
    } else if (strcmp(function, "effective_uncertainty_band") == 0) {
        error = proxy_uncertainty_band(golden_real(in, "threshold"), k, 0.0, low, high, NULL);
    } else {
        fail_msg("no function %s", function);
    }
    return error;
}

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const char *function = json_string_value(json_object_get(in, "fn"));
    double low = 0, high = 0;
    int error = run(function, in, &low, &high);

    assert_int_equal(error, json_is_object(out) ? ERR_INVALID : 0);
    if (error != 0)
        return;
    golden_compare(
        count, index, function, low, json_number_value(json_is_array(out) ? json_array_get(out, 0) : out), NEAR);
    golden_compare(
        count, index, function, high, json_number_value(json_is_array(out) ? json_array_get(out, 1) : out), NEAR);
}

static void
sigmoid(void **state)
{
    (void)state;
    golden_run("sigmoid", compare);
}

static const struct test_case groups[] = {{"sigmoid", sigmoid}};

int
main(void)
{
    return TEST_CASES("golden: sigmoid", groups);
}
