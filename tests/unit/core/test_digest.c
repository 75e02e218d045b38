#include "core/digest.h"

#include "tests/support/test.h"

#include <math.h>
#include <string.h>

static uint8_t pattern[20000];

static void
fill(void)
{
    for (size_t i = 0; i < sizeof pattern; i++)
        pattern[i] = (uint8_t)(i * 31 + i / 251);
}

/* BLAKE2b-256 as `b2sum -l 256` prints it. */
static const struct known {
    const char *name, *text, *want;
} knowns[] = {
    {"nothing", "", "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"},
    {"abc", "abc", "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"},
};

static void
known(void **state)
{
    const struct known *row = *state;
    uint8_t out[DIGEST_SIZE];
    char text[2 * DIGEST_SIZE + 1];

    digest_of(row->text, strlen(row->text), out);
    assert_string_equal(digest_hex(out, DIGEST_SIZE, text), row->want);
}

static void
pieces(void **state)
{
    uint8_t whole[DIGEST_SIZE], parts[DIGEST_SIZE], branch[DIGEST_SIZE];
    struct digest digest, copy;

    (void)state;
    digest_of(pattern, 1000, whole);
    digest_init(&digest);
    for (size_t i = 0; i < 1000; i += 125)
        digest_bytes(&digest, pattern + i, 125);
    digest_bytes(&digest, NULL, 0);
    copy = digest;
    digest_end(&digest, parts);
    assert_memory_equal(whole, parts, DIGEST_SIZE);
    digest_bytes(&copy, pattern + 1000, 7);
    digest_end(&copy, branch);
    digest_of(pattern, 1007, whole);
    assert_memory_equal(whole, branch, DIGEST_SIZE);
}

/* As `xxhsum -H3` and `xxhsum -H2` print them. */
static void
xxh3(void **state)
{
    struct fold fold;
    uint8_t out[FOLD_SIZE];
    char text[2 * FOLD_SIZE + 1];

    (void)state;
    assert_true(digest_xxh3("", 0) == UINT64_C(0x2d06800538d394c2));
    fold_init(&fold);
    fold_end(&fold, out);
    assert_string_equal(digest_hex(out, FOLD_SIZE, text), "99aa06d3014798d86001c324468d497f");
}

static void
fold_pieces(void **state)
{
    static const size_t steps[] = {1, 7, 1019, 1020, 1021, 3000, 20000};
    uint8_t first[FOLD_SIZE], out[FOLD_SIZE];

    (void)state;
    for (size_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
        struct fold fold;

        fold_init(&fold);
        for (size_t i = 0; i < sizeof pattern; i += steps[s])
            fold_bytes(&fold, pattern + i, sizeof pattern - i < steps[s] ? sizeof pattern - i : steps[s]);
        fold_bytes(&fold, NULL, 0);
        fold_end(&fold, out);
        if (s == 0)
            memcpy(first, out, FOLD_SIZE);
        assert_memory_equal(first, out, FOLD_SIZE);
    }
}

static void
fold_one(double value, uint8_t out[FOLD_SIZE])
{
    struct fold fold;

    fold_init(&fold);
    fold_f64(&fold, value);
    fold_end(&fold, out);
}

static void
fold_numbers(void **state)
{
    const uint8_t bytes[] = {4, 3, 2, 1, 8, 7, 6, 5, 4, 3, 2, 1, 0xfe, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0,
        0, 0, 0xf8, 0x3f};
    struct fold fold;
    uint8_t want[FOLD_SIZE], got[FOLD_SIZE], other[FOLD_SIZE];

    (void)state;
    fold_init(&fold);
    fold_bytes(&fold, bytes, sizeof bytes);
    fold_end(&fold, want);
    fold_init(&fold);
    fold_u32(&fold, 0x01020304);
    fold_u64(&fold, UINT64_C(0x0102030405060708));
    fold_i64(&fold, -2);
    fold_f64(&fold, 1.5);
    fold_end(&fold, got);
    assert_memory_equal(want, got, FOLD_SIZE);

    fold_one(NAN, got);
    fold_one(-NAN, other);
    assert_memory_equal(got, other, FOLD_SIZE);
    fold_one(0.0, got);
    fold_one(-0.0, other);
    assert_memory_not_equal(got, other, FOLD_SIZE);
}

/* A fold may live anywhere, also where the heap does not align it. */
static void
fold_on_the_heap(void **state)
{
    uint8_t want[FOLD_SIZE], got[FOLD_SIZE];

    (void)state;
    fold_one(2.5, want);
    for (size_t i = 0; i < 8; i++) {
        char *memory = malloc(sizeof(struct fold) + 64);
        struct fold *fold = (struct fold *)(void *)(memory + 8 * i);

        assert_non_null(memory);
        fold_init(fold);
        fold_f64(fold, 2.5);
        fold_end(fold, got);
        assert_memory_equal(want, got, FOLD_SIZE);
        free(memory);
    }
}

static const struct test_case cases[] = {
    {"pieces make the whole, and a copy branches", pieces},
    {"XXH3 of nothing", xxh3},
    {"a fold does not see its pieces", fold_pieces},
    {"a fold's numbers are little-endian bytes", fold_numbers},
    {"a fold lives at any address", fold_on_the_heap},
};

int
main(void)
{
    fill();
    return TEST_ROWS("digest_of", knowns, known) + TEST_CASES("digest", cases);
}
