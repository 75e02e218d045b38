/* A bend that is there is found where it is; a straight line has none. */
#include "core/change_point.h"
#include "core/math.h"
#include "core/rng.h"
#include "core/streams.h"

#include "tests/support/test.h"

#include <math.h>

#define POINTS 10u
#define ROWS 30u

static const struct row {
    const char *name;
    double before, after, at, noise;
    bool bends;
} rows[] = {
    {"flat, then rising at 0.5", 0.0, 2.0, 0.5, 0.05, true},
    {"rising, then flat at 0.3", 1.5, 0.0, 0.3, 0.05, true},
    {"a straight line", 1.0, 1.0, 0.5, 0.05, false},
    {"a flat line", 0.0, 0.0, 0.5, 0.05, false},
    {"a small bend under much noise", 1.0, 1.05, 0.5, 0.5, false},
};

static void
bends(void **state)
{
    const struct row *row = *state;
    double x[POINTS], y[ROWS * POINTS];
    struct change_point found;

    for (uint32_t j = 0; j < POINTS; j++)
        x[j] = 0.1 * j;
    for (uint32_t i = 0; i < ROWS; i++) {
        struct rng rng = rng_make(5, STREAM_TEST, i, 0);
        double shift = row->noise * rng_normal(&rng); /* of the row as a whole, as a seed has */

        for (uint32_t j = 0; j < POINTS; j++)
            y[i * POINTS + j] = shift + row->before * x[j] +
                (row->after - row->before) * math_max(0.0, x[j] - row->at) + row->noise * rng_normal(&rng);
    }
    change_point_find(x, POINTS, y, ROWS, 1, 499, &found);
    assert_true(found.tested);
    assert_int_equal(found.rows, ROWS);
    assert_int_equal(found.p < 0.05, row->bends);
    if (!row->bends)
        return;
    assert_true(math_abs(found.at - row->at) < 0.1);
    assert_true(found.low <= row->at + 0.02 && row->at - 0.02 <= found.high && found.high - found.low < 0.3);
    assert_true(math_abs(found.before - row->before) < 0.2 && math_abs(found.after - row->after) < 0.2);
}

/* Three points on a line and two above it: by hand, the bend at 2 explains all. */
static void
exactly(void **state)
{
    static const double x[5] = {0, 1, 2, 3, 4};
    double y[6 * 5];
    struct change_point found;

    (void)state;
    for (uint32_t i = 0; i < 6; i++)
        for (uint32_t j = 0; j < 5; j++)
            y[i * 5 + j] = (j < 2 ? 0.0 : (double)(j - 2)) + (i % 2 == 0 ? 1e-6 : -1e-6);
    change_point_find(x, 5, y, 6, 1, 99, &found);
    assert_true(found.tested && found.p <= 0.05);
    assert_true(math_abs(found.at - 2.0) < 1e-9);
    assert_true(math_abs(found.before) < 1e-9 && math_abs(found.after - 1.0) < 1e-9);
}

static void
unknown_rows_are_left_out(void **state)
{
    static const double x[5] = {0, 1, 2, 3, 4};
    double y[6 * 5] = {0};
    struct change_point found;

    (void)state;
    y[3] = NAN;
    change_point_find(x, 5, y, 6, 1, 99, &found);
    assert_int_equal(found.rows, 5);
    assert_true(found.tested);
    y[7] = NAN;
    change_point_find(x, 5, y, 6, 1, 99, &found);
    assert_int_equal(found.rows, 4);
    assert_false(found.tested);
    change_point_find(x, 4, y, 6, 1, 99, &found);
    assert_false(found.tested); /* too few points */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly), cmocka_unit_test(unknown_rows_are_left_out)};

    return TEST_ROWS("change_point", rows, bends) + cmocka_run_group_tests_name("by hand", tests, NULL, NULL);
}
