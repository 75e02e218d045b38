/* llm-gateway/key.h and key_map.h: everything that an answer depends on changes the key, and nothing runs together. */
#include "llm-gateway/key.h"

#include "core/bytes.h"
#include "core/digest.h"
#include "core/rng.h"
#include "core/streams.h"
#include "llm-gateway/key_map.h"
#include "tests/support/test.h"

static const char *const stop_one[] = {"ab", NULL};
static const char *const stop_two[] = {"a", "b", NULL};

#define TEXT(t) {.bytes = (t), .size = sizeof(t) - 1}
#define BASE .dialect = "openai", .model = "m", .template = 3, .template_version = 1, .system = TEXT("sys"),          \
             .user = TEXT("user"), .schema_hash = 9, .temperature_e4 = 7000, .top_p_e4 = 10000, .out_max = 100,       \
             .seed = 5

/* Every row differs from the first in one thing, and from every other row. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
static const struct row {
    const char *name;
    struct key_fields fields;
} rows[] = {
    {"as it is", {BASE}},
    {"dialect", {BASE, .dialect = "ollama"}},
    {"model", {BASE, .model = "n"}},
    {"template", {BASE, .template = 4}},
    {"version", {BASE, .template_version = 2}},
    {"system", {BASE, .system = TEXT("sy")}},
    {"user", {BASE, .user = TEXT("suser")}},
    {"the border between system and user", {BASE, .system = TEXT("sysu"), .user = TEXT("ser")}},
    {"schema", {BASE, .schema_hash = 0}},
    {"temperature", {BASE, .temperature_e4 = 7001}},
    {"top_p", {BASE, .top_p_e4 = 9999}},
    {"length", {BASE, .out_max = 101}},
    {"stop", {BASE, .stop = stop_one}},
    {"the border between stops", {BASE, .stop = stop_two}},
    {"seed", {BASE, .seed = 6}},
};
#pragma GCC diagnostic pop
enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

static void
differs(void **state)
{
    const struct row *row = *state;
    struct key key = key_of(&row->fields), once_more = key_of(&row->fields);

    assert_true(key_equal(&key, &once_more));
    for (uint32_t i = 0; i < ROW_COUNT; i++) {
        struct key other = key_of(&rows[i].fields);

        assert_int_equal(key_equal(&key, &other), row == &rows[i]);
    }
}

/* The encoding written out by hand, so that it cannot change without anybody noticing: keys are in old logs. */
static void
encoding(void **state)
{
    static const uint64_t numbers[] = {9, 7000, 10000, 100, 0, 5};
    uint8_t bytes[256], whole[DIGEST_SIZE];
    size_t size = 0;
    struct key key = key_of(&rows[0].fields), again, other;

    (void)state;
    memcpy(bytes, "k1\6\0\0\0\0\0\0\0openai\1\0\0\0\0\0\0\0m", 2 + 8 + 6 + 8 + 1);
    size = 2 + 8 + 6 + 8 + 1;
    memcpy(bytes + size, "\3\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0sys\4\0\0\0\0\0\0\0user", 8 * 4 + 7);
    size += 8 * 4 + 7;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++, size += 8)
        bytes_put_u64(bytes + size, numbers[i]);
    digest_of(bytes, size, whole);
    assert_memory_equal(key.bytes, whole, KEY_SIZE);
    again = key_again(&key, "a", 1);
    other = key_again(&key, "b", 1);
    assert_false(key_equal(&again, &key));
    assert_false(key_equal(&again, &other));
}

/* A random history against an array; keys of few values, so that they meet often. */
static void
map_against_array(void **state)
{
    struct rng rng = rng_make(5, STREAM_TEST, 3, 0);
    struct key_map map = {0};
    uint32_t values[256] = {0}, count = 0; /* value + 1 */

    (void)state;
    for (uint32_t i = 0; i < 200000; i++) {
        uint32_t which = rng_below(&rng, 256), found = 0;
        struct key key = {{(uint8_t)which}};

        if (rng_chance(&rng, 0.5)) {
            count += values[which] == 0;
            values[which] = i + 1;
            key_map_put(&map, &key, i);
        } else {
            assert_int_equal(key_map_remove(&map, &key), values[which] != 0);
            count -= values[which] != 0;
            values[which] = 0;
        }
        assert_int_equal(map.count, count);
        key.bytes[0] = (uint8_t)rng_below(&rng, 256);
        assert_int_equal(key_map_find(&map, &key, &found), values[key.bytes[0]] != 0);
        if (values[key.bytes[0]] != 0)
            assert_int_equal(found, values[key.bytes[0]] - 1);
    }
    assert_true(map.capacity <= 512);
    key_map_fini(&map);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"the encoding, byte by byte", encoding},
        {"a map against an array", map_against_array},
    };

    return TEST_ROWS("key_of", rows, differs) + TEST_CASES("key", cases);
}
