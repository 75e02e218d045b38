#include "core/error.h"
#include "world/sandbox/metrics.h"

#include "tests/golden/golden.h"

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    size_t size = json_array_size(in);
    double *values = calloc(2 * size + 1, sizeof *values);

    for (size_t i = 0; i < size; i++)
        values[i] = json_number_value(json_array_get(in, i));
    assert_true(json_is_number(out));
    golden_compare(count, index, "gini", metrics_gini(values, values + size, size).value, json_number_value(out),
                   1e-12);
    free(values);
}

static void
gini(void **state)
{
    (void)state;
    golden_run("gini", compare);
}

static const struct test_case groups[] = {{"gini", gini}};

int
main(void)
{
    return TEST_CASES("golden: Gini", groups);
}
