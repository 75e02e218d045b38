#include "core/error.h"
#include "world/sandbox/metrics.h"

#include "tests/golden/golden.h"

static void
gini(void **state)
{
    json_t *cases = golden_cases("gini"), *entry;
    struct golden_count count = {0};
    size_t index;

    (void)state;
    if (cases == NULL)
        return;
    json_array_foreach(cases, index, entry)
    {
        const json_t *in = json_object_get(entry, "in");
        size_t size = json_array_size(in);
        double *values = calloc(2 * size + 1, sizeof *values);

        for (size_t i = 0; i < size; i++)
            values[i] = json_number_value(json_array_get(in, i));
        golden_compare(&count, index, "gini", metrics_gini(values, values + size, size).value,
                       golden_real(entry, "out"), 1e-12);
        free(values);
    }
    golden_say("gini", &count);
    json_decref(cases);
}

static const struct test_case groups[] = {{"gini", gini}};

int
main(void)
{
    return TEST_CASES("golden: Gini", groups);
}
