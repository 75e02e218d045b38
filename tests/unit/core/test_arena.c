#include "core/arena.h"

#include "tests/support/test.h"

#include <string.h>

static void
pushes_are_zeroed_and_aligned(void **state)
{
    struct arena *arena = arena_new(2000);

    (void)state;
    for (int round = 0; round < 3; round++) {
        for (size_t size = 0; size < 700; size += 7) {
            unsigned char *memory = arena_push(arena, size);

            assert_int_equal((uintptr_t)memory % 16, 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(memory[i], 0);
            memset(memory, 0xa5, size);
        }
        arena_reset(arena);
    }
    arena_destroy(&arena);
    assert_null(arena);
    arena_destroy(&arena);
}

static void
pushes_do_not_overlap(void **state)
{
    struct arena *arena = arena_new(1024);
    uint32_t *runs[200];

    (void)state;
    for (uint32_t i = 0; i < 200; i++) {
        runs[i] = ARENA_ARRAY(arena, uint32_t, i + 1);
        for (uint32_t j = 0; j <= i; j++)
            runs[i][j] = i;
    }
    for (uint32_t i = 0; i < 200; i++)
        for (uint32_t j = 0; j <= i; j++)
            assert_int_equal(runs[i][j], i);
    arena_destroy(&arena);
}

static void
counts(void **state)
{
    struct arena *arena = arena_new(4096);
    size_t held = arena_held(arena);

    (void)state;
    assert_true(held >= 4096);
    assert_int_equal(arena_used(arena), 0);
    arena_push(arena, 1);
    arena_push(arena, 16);
    arena_push(arena, 17);
    assert_int_equal(arena_used(arena), 16 + 16 + 32);
    assert_int_equal(arena_held(arena), held);
    arena_push(arena, 100000);
    assert_true(arena_held(arena) >= held + 100000);
    arena_reset(arena);
    assert_int_equal(arena_used(arena), 0);
    arena_destroy(&arena);
}

/* The same step again needs no more from the heap, whatever the order of small and large. */
static void
chunks_are_kept(void **state)
{
    static const size_t sizes[] = {10, 5000, 900, 900, 20000, 30, 1000, 3000};
    struct arena *arena = arena_new(1024);
    size_t held = 0;

    (void)state;
    for (int step = 0; step < 5; step++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
            memset(arena_push(arena, sizes[i]), 1, sizes[i]);
        if (step > 0)
            assert_int_equal(arena_held(arena), held);
        held = arena_held(arena);
        arena_reset(arena);
    }
    arena_destroy(&arena);
}

static void
texts(void **state)
{
    struct arena *arena = arena_new(0);

    (void)state;
    assert_string_equal(arena_text(arena, "polis", 3), "pol");
    assert_string_equal(arena_text(arena, NULL, 0), "");
    arena_destroy(&arena);
}

static void
heap(void **state)
{
    uint64_t *numbers = ALLOC_ARRAY(uint64_t, 100);
    char *none = alloc_array(0, 8);

    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(numbers[i], 0);
    assert_non_null(none);
    free(numbers);
    free(none);
}

static const struct test_case cases[] = {
    {"pushes are zeroed and aligned", pushes_are_zeroed_and_aligned},
    {"pushes do not overlap", pushes_do_not_overlap},
    {"used and held are counted", counts},
    {"chunks are kept for the next step", chunks_are_kept},
    {"texts are terminated", texts},
    {"the heap gives zeroes", heap},
};

int
main(void)
{
    return TEST_CASES("arena", cases);
}
