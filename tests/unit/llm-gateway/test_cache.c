/* llm-gateway/cache.h: what is kept, what goes first, and who waits for whom. */
#include "llm-gateway/cache.h"

#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/test.h"

#include <stdio.h>

static struct key
key_number(uint32_t i)
{
    return (struct key){{(uint8_t)i, (uint8_t)(i >> 8), 7}};
}

static bool
holds(struct cache *cache, uint32_t i, const char *text)
{
    struct key key = key_number(i);
    size_t size;
    const void *bytes = cache_find(cache, &key, &size);

    return bytes != NULL && size == strlen(text) && memcmp(bytes, text, size) == 0;
}

static void
put(struct cache *cache, uint32_t i, const char *text)
{
    struct key key = key_number(i);

    cache_store(cache, &key, text, strlen(text));
}

static void
oldest_goes_first(void **state)
{
    struct cache *probe = cache_new(1 << 20), *cache;
    size_t one;

    (void)state;
    put(probe, 0, "x");
    one = cache_figures(probe).bytes;
    cache_destroy(&probe);
    cache = cache_new(3 * one);
    put(cache, 1, "a");
    put(cache, 2, "b");
    put(cache, 3, "c");
    assert_true(holds(cache, 1, "a")); /* used just now: 2 is the oldest */
    put(cache, 4, "d");
    assert_false(holds(cache, 2, "b"));
    assert_true(holds(cache, 1, "a") && holds(cache, 3, "c") && holds(cache, 4, "d"));
    put(cache, 3, "C");
    assert_true(holds(cache, 3, "C"));
    assert_int_equal(cache_figures(cache).entries, 3);
    assert_int_equal(cache_figures(cache).evictions, 1);
    cache_destroy(&cache);
}

static void
too_large(void **state)
{
    struct cache *cache = cache_new(300), *none = cache_new(0);
    char large[400];

    (void)state;
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    put(cache, 1, "kept");
    put(cache, 2, large);
    assert_true(holds(cache, 1, "kept"));
    assert_false(holds(cache, 2, large));
    put(none, 1, "");
    assert_false(holds(none, 1, ""));
    cache_destroy(&cache);
    cache_destroy(&none);
}

static void
flight(void **state)
{
    struct cache *cache = cache_new(0);
    struct key key = key_number(1), other = key_number(2);

    (void)state;
    assert_true(cache_fly(cache, &key, 10));
    assert_false(cache_fly(cache, &key, 11));
    assert_false(cache_fly(cache, &key, 12));
    assert_false(cache_fly(cache, &key, 13));
    assert_true(cache_fly(cache, &other, 20));
    assert_true(cache_leave(cache, &key, 12));
    assert_false(cache_leave(cache, &key, 12));
    assert_false(cache_leave(cache, &key, 10));
    assert_int_equal(cache_succeed(cache, &key), 11);
    assert_int_equal(cache_leader(cache, &key), 11);
    assert_false(cache_fly(cache, &key, 14));
    assert_int_equal(cache_land(cache, &key), 13);
    assert_int_equal(cache_land(cache, &key), 14);
    assert_int_equal(cache_land(cache, &key), CACHE_NOBODY);
    assert_int_equal(cache_leader(cache, &key), CACHE_NOBODY);
    assert_true(cache_fly(cache, &key, 30));
    assert_int_equal(cache_succeed(cache, &key), CACHE_NOBODY);
    assert_int_equal(cache_succeed(cache, &other), CACHE_NOBODY);
    assert_int_equal(cache_figures(cache).flights, 0);
    cache_destroy(&cache);
}

/* The bytes never pass the bound, and what is found is what was stored last. */
static void
bound_holds(void **state)
{
    struct rng rng = rng_make(9, STREAM_TEST, 4, 0);
    struct cache *cache = cache_new(20000);
    uint32_t last[1000] = {0};

    (void)state;
    for (uint32_t i = 1; i < 100000; i++) {
        uint32_t which = rng_below(&rng, 1000);
        char text[300];

        if (rng_chance(&rng, 0.5)) {
            snprintf(text, sizeof text, "%u %*s", i, (int)rng_below(&rng, 200), "");
            put(cache, which, text);
            last[which] = i;
        } else {
            struct key key = key_number(which);
            size_t size;
            const char *bytes = cache_find(cache, &key, &size);

            if (bytes != NULL)
                assert_int_equal(strtoul(bytes, NULL, 10), last[which]);
        }
        assert_true(cache_figures(cache).bytes <= 20000);
    }
    assert_true(cache_figures(cache).hits > 1000 && cache_figures(cache).misses > 1000);
    cache_destroy(&cache);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"the least recently used goes first", oldest_goes_first},
        {"what is too large is not kept", too_large},
        {"one flight, its waiters and its next leader", flight},
        {"the bound holds in a random history", bound_holds},
    };

    return TEST_CASES("cache", cases);
}
