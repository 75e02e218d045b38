#include "llm-gateway/price.h"

#include <string.h>

#include "core/money.h"
#include "tests/support/test.h"

/* gpt-4o-mini's prices: 0.15, 0.075 and 0.60 for a million tokens. */
static const struct price mini = {.in = 150000, .cached = 75000, .out = 600000};
static const struct price dearest = {.in = MONEY_MAX, .cached = MONEY_MAX, .out = MONEY_MAX};

static const struct row {
    const char *name;
    const struct price *price;
    uint64_t in, cached, out;
    int want;
    int64_t cost;
} rows[] = {
    /* 412 * 0.15 + 37 * 0.6 = 61.8 + 22.2 = 84 millionths */
    {"a small call", &mini, 412, 0, 37, 0, 84},
    /* 312 * 0.15 + 100 * 0.075 + 37 * 0.6 = 46.8 + 7.5 + 22.2 = 76.5 */
    {"some of it cached, rounded up", &mini, 412, 100, 37, 0, 77},
    {"more cached than there was", &mini, 100, 500, 0, 0, 8},
    {"nothing", &mini, 0, 0, 0, 0, 0},
    {"one token rounds up", &mini, 1, 0, 0, 0, 1},
    {"a million and a million", &mini, 1000000, 0, 1000000, 0, 750000},
    {"as much as an amount holds", &dearest, 1000000, 0, 0, 0, MONEY_MAX},
    {"refuses one more", &dearest, 1000001, 0, 0, ERR_LIMIT, 0},
    {"refuses the largest of all", &dearest, UINT64_MAX, UINT64_MAX, UINT64_MAX, ERR_LIMIT, 0},
};

static void
cost(void **state)
{
    const struct row *row = *state;
    struct why why = {0};
    int64_t got = 0;

    assert_int_equal(price_cost(row->price, row->in, row->cached, row->out, &got, &why), row->want);
    assert_int_equal(got, row->cost);
}

static const struct read_row {
    const char *name;
    const char *text;
    int want;
    struct price price;
} read_rows[] = {
    {"free", "price: free", 0, {0, 0, 0}},
    {"all three", "price: {in: 0.15, cached: 0.075, out: 0.6}", 0, {150000, 75000, 600000}},
    {"cached as in", "price: {in: 3, out: 15}", 0, {3000000, 3000000, 15000000}},
    {"refuses no price", "other: 1", ERR_MISSING, {0, 0, 0}},
    {"refuses a part of it", "price: {in: 3}", ERR_INVALID, {0, 0, 0}},
    {"refuses a negative", "price: {in: -0.5, out: 3}", ERR_INVALID, {0, 0, 0}},
    {"refuses a negative cached", "price: {in: 1, out: 3, cached: -0.5}", ERR_INVALID, {0, 0, 0}},
    {"refuses another word", "price: cheap", ERR_INVALID, {0, 0, 0}},
    {"refuses another key", "price: {in: 1, out: 2, extra: 1}", ERR_UNKNOWN, {0, 0, 0}},
};

static void
reading(void **state)
{
    const struct read_row *row = *state;
    struct yaml_tree *tree = NULL;
    struct price price = {0};
    struct why why = {0};

    assert_int_equal(yaml_read_text("t", row->text, strlen(row->text), &tree, &why), 0);
    assert_int_equal(price_read(yaml_find(yaml_root(tree), "price"), &price, &why), row->want);
    if (row->want == 0)
        assert_memory_equal(&price, &row->price, sizeof price);
    yaml_destroy(&tree);
}

static void
estimates(void **state)
{
    struct price_reserve reserve;
    struct price upside_down = {.in = 100000, .cached = 200000, .out = 0};

    (void)state;
    assert_int_equal(price_estimate(0, 1, 25), 8);
    assert_int_equal(price_estimate(1, 2, 25), 17);       /* ceil(0.4) + 16 */
    assert_int_equal(price_estimate(1000, 2, 25), 416);   /* 400 + 16 */
    assert_int_equal(price_estimate(1001, 0, 25), 401);   /* ceil(400.4) */
    assert_int_equal(price_estimate(1000, 0, 40), 250);
    assert_int_equal(price_reserve(&mini, 416, 256, &reserve, NULL), 0);
    assert_int_equal(reserve.tokens, 672);
    assert_int_equal(reserve.cost, 216); /* 416 * 0.15 + 256 * 0.6 = 62.4 + 153.6 */
    assert_int_equal(price_reserve(&upside_down, 10, 5, &reserve, NULL), 0);
    assert_int_equal(reserve.cost, 2); /* cached text is the dearer one here: still never too little */
    assert_int_equal(price_reserve(&mini, UINT64_MAX, 1, &reserve, NULL), ERR_LIMIT);
}

int
main(void)
{
    static const struct test_case cases[] = {{"estimates and reservations", estimates}};

    return TEST_ROWS("price_cost", rows, cost) + TEST_ROWS("price_read", read_rows, reading) +
           TEST_CASES("price", cases);
}
