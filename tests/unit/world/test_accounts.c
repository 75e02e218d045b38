#include "world/ledger/accounts.h"

#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/test.h"

#define A (ACCOUNT_FIRST + 0u)
#define B (ACCOUNT_FIRST + 1u)

/* A holds 100, the treasury 5. */
static struct accounts *
two(void)
{
    struct accounts *self = accounts_new(2);

    assert_int_equal(accounts_transfer(self, ACCOUNT_ENVIRONMENT, A, 100, MONEY_genesis, NULL), 0);
    assert_int_equal(accounts_transfer(self, ACCOUNT_ENVIRONMENT, ACCOUNT_TREASURY, 5, MONEY_genesis, NULL), 0);
    return self;
}

static const struct row {
    const char *name;
    uint32_t from, to;
    int64_t amount;
    int want;
    int64_t left_a, left_b, left_environment;
} rows[] = {
    {"moves money", A, B, 30, 0, 70, 30, -105},
    {"moves all of it", A, B, 100, 0, 0, 100, -105},
    {"moves nothing at all", A, B, 0, 0, 100, 0, -105},
    {"refuses one too many", A, B, 101, ERR_FUNDS, 100, 0, -105},
    {"refuses a negative amount", A, B, -1, ERR_INVALID, 100, 0, -105},
    {"refuses a transfer to oneself", A, A, 1, ERR_INVALID, 100, 0, -105},
    {"refuses an unknown giver", A + 9, B, 1, ERR_UNKNOWN, 100, 0, -105},
    {"refuses an unknown taker", A, A + 9, 1, ERR_UNKNOWN, 100, 0, -105},
    {"the environment may owe more", ACCOUNT_ENVIRONMENT, B, 1000, 0, 100, 1000, -1105},
    {"the treasury may not owe", ACCOUNT_TREASURY, B, 6, ERR_FUNDS, 100, 0, -105},
    {"the environment takes back", A, ACCOUNT_ENVIRONMENT, 40, 0, 60, 0, -65},
    {"refuses what an account cannot count", ACCOUNT_ENVIRONMENT, A, INT64_MAX, ERR_LIMIT, 100, 0, -105},
};

static void
transfer(void **state)
{
    const struct row *row = *state;
    struct accounts *self = two();
    struct why why = {0};

    assert_int_equal(accounts_transfer(self, row->from, row->to, row->amount, MONEY_transfer, &why), row->want);
    assert_int_equal(why.code, row->want);
    assert_int_equal(accounts_balance(self, A), row->left_a);
    assert_int_equal(accounts_balance(self, B), row->left_b);
    assert_int_equal(accounts_balance(self, ACCOUNT_ENVIRONMENT), row->left_environment);
    assert_int_equal(accounts_volume(self, MONEY_transfer), row->want == 0 ? row->amount : 0);
    assert_int_equal(accounts_volume(self, MONEY_genesis), 105);
    assert_int_equal(accounts_check(self, &why), 0);
    accounts_destroy(&self);
    assert_null(self);
}

static void
collect(void **state)
{
    struct accounts *self = two();

    (void)state;
    assert_int_equal(accounts_collect(self, A, ACCOUNT_TREASURY, 60, MONEY_fine), 60);
    assert_int_equal(accounts_collect(self, A, ACCOUNT_TREASURY, 60, MONEY_fine), 40);
    assert_int_equal(accounts_collect(self, A, ACCOUNT_TREASURY, 60, MONEY_fine), 0);
    assert_int_equal(accounts_balance(self, ACCOUNT_TREASURY), 105);
    assert_int_equal(accounts_volume(self, MONEY_fine), 100);
    accounts_destroy(&self);
}

/* The sum stays 0 through any history; a snapshot brings the same balances, a damaged one is refused. */
static void
history(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct accounts *self = accounts_new(10), *copy = accounts_new(10), *other = accounts_new(11);
        struct rng rng = rng_make(seed, STREAM_TEST, 0, 0);
        struct buffer bytes = {0};
        struct why why = {0};
        size_t offset = 0;

        for (int i = 0; i < 500; i++) {
            uint32_t from = rng_below(&rng, 13), to = rng_below(&rng, 13);

            (void)!accounts_transfer(self, from, to, rng_below(&rng, 1000), MONEY_transfer, NULL);
            assert_int_equal(accounts_check(self, &why), 0);
        }
        accounts_save(self, &bytes);
        assert_int_equal(accounts_load(copy, bytes.data, bytes.size, &offset, &why), 0);
        assert_int_equal(offset, bytes.size);
        for (uint32_t i = 0; i < 13; i++)
            assert_int_equal(accounts_balance(self, i), accounts_balance(copy, i));
        offset = 0;
        assert_int_equal(accounts_load(copy, bytes.data, bytes.size - 1, &offset, &why), ERR_FORMAT);
        assert_int_equal(accounts_load(other, bytes.data, bytes.size, &offset, &why), ERR_FORMAT);
        bytes.data[4 + 8 * 5] ^= 1; /* one millionth out of nothing */
        assert_int_equal(accounts_load(copy, bytes.data, bytes.size, &offset, &why), ERR_FORMAT);
        buffer_fini(&bytes);
        accounts_destroy(&self);
        accounts_destroy(&copy);
        accounts_destroy(&other);
    }
}

static const struct test_case cases[] = {{"collects what there is", collect}, {"random histories", history}};

int
main(void)
{
    return TEST_ROWS("accounts_transfer", rows, transfer) + TEST_CASES("accounts", cases);
}
