#include "core/table.h"

#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/test.h"

#include <stdio.h>

#define SEED 7u

static void
assert_order(const struct table *table, const uint64_t *keys, uint32_t count)
{
    uint32_t cursor = 0, value;
    uint64_t key;

    for (uint32_t i = 0; i < count; i++) {
        assert_true(table_next(table, &cursor, &key, &value));
        assert_true(key == keys[i]);
        assert_int_equal(value, table_get(table, key));
    }
    assert_false(table_next(table, &cursor, NULL, NULL));
    assert_int_equal(table->count, count);
}

static void
empty(void **state)
{
    struct table table = {0};
    uint32_t cursor = 0, value = 5;

    (void)state;
    assert_false(table_find(&table, 0, &value));
    assert_int_equal(value, 5);
    assert_false(table_remove(&table, 0));
    assert_false(table_next(&table, &cursor, NULL, NULL));
    table_clear(&table);
    assert_true(table_put(&table, 0, 9));
    assert_int_equal(table_get(&table, 0), 9);
    table_fini(&table);
    table_fini(&table);
}

static void
order(void **state)
{
    const uint64_t keys[] = {9, UINT64_MAX, 0, 5, 1000000};
    const uint64_t after[] = {9, 0, 1000000, UINT64_MAX};
    struct table table;
    uint32_t cursor = 0;
    uint64_t key;

    (void)state;
    table_init(&table, 0);
    for (uint32_t i = 0; i < 5; i++)
        assert_true(table_put(&table, keys[i], i));
    assert_order(&table, keys, 5);
    assert_false(table_put(&table, 0, 77)); /* keeps its place */
    assert_int_equal(table_get(&table, 0), 77);
    assert_order(&table, keys, 5);
    assert_true(table_remove(&table, 5));
    assert_true(table_remove(&table, UINT64_MAX));
    assert_false(table_remove(&table, 5));
    assert_true(table_put(&table, UINT64_MAX, 1)); /* comes last now */
    assert_order(&table, after, 4);
    while (table_next(&table, &cursor, &key, NULL)) /* removal during the walk */
        assert_true(table_remove(&table, key));
    assert_order(&table, NULL, 0);
    table_fini(&table);
}

/* Many puts and removals against a plain list. */
static void
against_a_list(void **state)
{
    static uint64_t keys[4000];
    static uint32_t values[4000];
    struct rng rng = rng_make(SEED, STREAM_TEST, 0, 0);

    (void)state;
    printf("    seed %u\n", SEED);
    for (int round = 0; round < 20; round++) {
        struct table table = {0};
        uint32_t count = 0, range = 1 + rng_below(&rng, 600);

        for (int i = 0; i < 4000; i++) {
            uint64_t key = (uint64_t)rng_below(&rng, range) << (round % 2 == 0 ? 0 : 40);
            uint32_t at = 0, value = rng_u32(&rng), found;

            while (at < count && keys[at] != key)
                at++;
            assert_int_equal(table_find(&table, key, &found), at < count);
            if (at < count)
                assert_int_equal(found, values[at]);
            if (rng_chance(&rng, round < 10 ? 0.3 : 0.5)) {
                assert_int_equal(table_remove(&table, key), at < count);
                if (at < count) {
                    count--;
                    for (; at < count; at++) {
                        keys[at] = keys[at + 1];
                        values[at] = values[at + 1];
                    }
                }
            } else {
                assert_int_equal(table_put(&table, key, value), at == count);
                count += at == count ? 1 : 0;
                keys[at] = key;
                values[at] = value;
            }
        }
        assert_order(&table, keys, count);
        assert_true(table.capacity <= 2048); /* removed entries are squeezed out */
        table_clear(&table);
        assert_order(&table, NULL, 0);
        table_fini(&table);
    }
}

static void
grows(void **state)
{
    struct table table = {0};
    uint32_t cursor = 0, value, next = 0;

    (void)state;
    for (uint32_t i = 0; i < 200000; i++)
        assert_true(table_put(&table, (uint64_t)i * 64, i));
    for (uint32_t i = 0; i < 200000; i++)
        assert_int_equal(table_get(&table, (uint64_t)i * 64), i);
    assert_false(table_find(&table, 1, NULL));
    while (table_next(&table, &cursor, NULL, &value))
        assert_int_equal(value, next++);
    assert_int_equal(next, 200000);
    table_fini(&table);
}

static const struct test_case cases[] = {
    {"an empty table", empty},
    {"the order is that of insertion", order},
    {"as a plain list", against_a_list},
    {"grows", grows},
};

int
main(void)
{
    return TEST_CASES("table", cases);
}
