#include "core/trend.h"

#include "tests/golden/golden.h"

#define NEAR 1e-12
#define FLOOR 1e-13 /* slopes and shares of order 1, computed there by a general least squares solver */
#define VALUES_MAX 256

static void
compare(struct golden_count *count, size_t index, const char *what, double got, double want)
{
    golden_compare_near(count, index, what, got, want, NEAR, FLOOR);
}

static void
compare_case(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *list = json_object_get(in, "values"), *want = json_object_get(out, "trend");
    const json_t *rolling = json_object_get(out, "rolling");
    double values[VALUES_MAX], means[VALUES_MAX];
    size_t size = json_array_size(list);
    struct trend got;

    assert_true(size <= VALUES_MAX);
    for (size_t i = 0; i < size; i++)
        values[i] = json_number_value(json_array_get(list, i));
    got = trend_of(values, size);
    compare(count, index, "slope", got.slope, json_number_value(json_array_get(want, 0)));
    compare(count, index, "R2", got.r_squared, json_number_value(json_array_get(want, 1)));
    trend_rolling(values, size, (size_t)golden_real(in, "window"), means);
    assert_int_equal(json_array_size(rolling), size);
    for (size_t i = 0; i < size; i++)
        compare(count, index, "rolling", means[i], json_number_value(json_array_get(rolling, i)));
}

static void
trend(void **state)
{
    (void)state;
    golden_run("trend", compare_case);
}

static const struct test_case groups[] = {{"trend", trend}};

int
main(void)
{
    return TEST_CASES("golden trend", groups);
}
