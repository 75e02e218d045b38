#include "core/incoherence.h"

#include "tests/support/test.h"

#define NONE INCOHERENCE_NO_BENCHMARK

static const struct row {
    const char *name;
    uint32_t choices[5];
    size_t count;
    uint32_t benchmark;
    struct incoherence want;
} rows[] = {
    {"no runs", {0}, 0, 1, {0, 0, 0}},
    {"all right", {1, 1, 1}, 3, 1, {0, 0, 0}},
    {"all wrong in the same way is bias", {2, 2, 2, 2}, 4, 1, {0, 1, 0}},
    {"wrong only by scatter", {1, 1, 1, 2}, 4, 1, {0.25, 0.25, 0.25 / (0.25 + 1e-8)}},
    {"mostly wrong in the same way", {2, 2, 2, 1}, 4, 1, {0.25, 0.75, 0.25 / (0.75 + 1e-8)}},
    {"scatter without a benchmark", {1, 2, 1, 2}, 4, NONE, {0.5, 0, 1}},
    {"five ways", {1, 2, 3, 4, 5}, 5, 9, {0.8, 1, 0.8 / (1 + 1e-8)}},
};

static void
check(void **state)
{
    const struct row *row = *state;
    struct incoherence got = incoherence_of(row->choices, row->count, row->benchmark);

    assert_close(got.disagreement, row->want.disagreement, 1e-12);
    assert_close(got.error, row->want.error, 1e-12);
    assert_close(got.incoherence, row->want.incoherence, 1e-12);
}

int
main(void)
{
    return TEST_ROWS("incoherence", rows, check);
}
