#include "core/trend.h"

#include "tests/support/test.h"

#define NEAR 1e-12

static const struct row {
    const char *name;
    double values[5];
    size_t count, window;
    double slope, r_squared, rolling[5];
} rows[] = {
    {"nothing", {0}, 0, 3, 0, 0, {0}},
    {"one value has no direction", {7}, 1, 3, 0, 0, {7}},
    {"a straight line", {1, 3, 5, 7}, 4, 2, 2, 1, {1, 2, 4, 6}},
    {"downwards", {2, 1}, 2, 2, -1, 1, {2, 1.5}},
    {"a constant is explained in full", {0.1, 0.1, 0.1}, 3, 1, 0, 1, {0.1, 0.1, 0.1}},
    /* deviations -1/2, 1/2, -1/2, 1/2 at -3/2, -1/2, 1/2, 3/2: product 1 of squares 5 and 1 */
    {"up and down", {0, 1, 0, 1}, 4, 3, 0.2, 0.2, {0, 0.5, 1.0 / 3.0, 2.0 / 3.0}},
    {"a window longer than the series changes nothing", {4, 2, 6}, 3, 5, 1, 0.25, {4, 2, 6}},
};

static void
check(void **state)
{
    const struct row *row = *state;
    struct trend got = trend_of(row->values, row->count);
    double means[5] = {0};

    assert_close(got.slope, row->slope, NEAR);
    assert_close(got.r_squared, row->r_squared, NEAR);
    trend_rolling(row->values, row->count, row->window, means);
    for (size_t i = 0; i < row->count; i++)
        assert_close(means[i], row->rolling[i], NEAR);
}

int
main(void)
{
    return TEST_ROWS("trend", rows, check);
}
