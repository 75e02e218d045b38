#include <string.h>

#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <msgpack/unpack.h>

#include "core/rng.h"
#include "core/streams.h"
#include "proto/cursor.h"
#include "tests/support/test.h"

#define B(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static const struct row {
    const char *name;
    const uint8_t *bytes;
    size_t size;
    uint32_t depth, count;
    int want;
} rows[] = {
    {"takes nil", B(0xc0), 0, 1, 0},
    {"takes false", B(0xc2), 0, 1, 0},
    {"takes true", B(0xc3), 0, 1, 0},
    {"takes a positive fixint", B(0x7f), 0, 1, 0},
    {"takes a negative fixint", B(0xe0), 0, 1, 0},
    {"takes uint 8", B(0xcc, 1), 0, 1, 0},
    {"takes uint 16", B(0xcd, 1, 2), 0, 1, 0},
    {"takes uint 32", B(0xce, 1, 2, 3, 4), 0, 1, 0},
    {"takes uint 64", B(0xcf, 1, 2, 3, 4, 5, 6, 7, 8), 0, 1, 0},
    {"takes int 8", B(0xd0, 1), 0, 1, 0},
    {"takes int 16", B(0xd1, 1, 2), 0, 1, 0},
    {"takes int 32", B(0xd2, 1, 2, 3, 4), 0, 1, 0},
    {"takes int 64", B(0xd3, 1, 2, 3, 4, 5, 6, 7, 8), 0, 1, 0},
    {"takes float 32", B(0xca, 1, 2, 3, 4), 0, 1, 0},
    {"takes float 64", B(0xcb, 1, 2, 3, 4, 5, 6, 7, 8), 0, 1, 0},
    {"takes an empty fixstr", B(0xa0), 0, 1, 0},
    {"takes a fixstr", B(0xa2, 'h', 'i'), 0, 1, 0},
    {"takes str 8", B(0xd9, 2, 'h', 'i'), 0, 1, 0},
    {"takes str 16", B(0xda, 0, 2, 'h', 'i'), 0, 1, 0},
    {"takes str 32", B(0xdb, 0, 0, 0, 2, 'h', 'i'), 0, 1, 0},
    {"takes bin 8", B(0xc4, 1, 9), 0, 1, 0},
    {"takes bin 16", B(0xc5, 0, 1, 9), 0, 1, 0},
    {"takes bin 32", B(0xc6, 0, 0, 0, 1, 9), 0, 1, 0},
    {"takes fixext 1", B(0xd4, 5, 1), 0, 1, 0},
    {"takes fixext 2", B(0xd5, 5, 1, 2), 0, 1, 0},
    {"takes fixext 4", B(0xd6, 5, 1, 2, 3, 4), 0, 1, 0},
    {"takes fixext 8", B(0xd7, 5, 1, 2, 3, 4, 5, 6, 7, 8), 0, 1, 0},
    {"takes fixext 16", B(0xd8, 5, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8), 0, 1, 0},
    {"takes ext 8", B(0xc7, 2, 5, 1, 2), 0, 1, 0},
    {"takes ext 16", B(0xc8, 0, 0, 5), 0, 1, 0},
    {"takes ext 32", B(0xc9, 0, 0, 0, 1, 5, 1), 0, 1, 0},
    {"takes an empty fixarray", B(0x90), 1, 1, 0},
    {"takes a fixarray", B(0x92, 1, 2), 1, 3, 0},
    {"takes array 16", B(0xdc, 0, 2, 1, 2), 1, 3, 0},
    {"takes array 32", B(0xdd, 0, 0, 0, 2, 1, 2), 1, 3, 0},
    {"takes a fixmap", B(0x81, 1, 2), 1, 3, 0},
    {"takes map 16", B(0xde, 0, 1, 1, 2), 1, 3, 0},
    {"takes map 32", B(0xdf, 0, 0, 0, 1, 1, 2), 1, 3, 0},
    {"takes two levels", B(0x92, 0x91, 1, 0x81, 2, 0x90), 3, 6, 0},
    {"refuses nothing at all", B(0xc0), 0, 0, ERR_LIMIT},
    {"refuses the tag that is none", B(0xc1), 1, 9, ERR_FORMAT},
    {"refuses a second value", B(0xc0, 0xc0), 1, 9, ERR_FORMAT},
    {"refuses one value too many", B(0x92, 1, 2), 1, 2, ERR_LIMIT},
    {"refuses an array where none may be", B(0x90), 0, 9, ERR_LIMIT},
    {"refuses one level too many", B(0x91, 0x91, 0x90), 2, 9, ERR_LIMIT},
    {"refuses a map's missing value", B(0x81, 1), 1, 9, ERR_FORMAT},
    {"refuses text that is cut", B(0xa3, 'h', 'i'), 0, 9, ERR_FORMAT},
    {"refuses bin 32 of 4 GiB", B(0xc6, 0xff, 0xff, 0xff, 0xff), 0, 9, ERR_FORMAT},
    {"refuses ext 32 of 4 GiB", B(0xc9, 0xff, 0xff, 0xff, 0xff), 0, 9, ERR_FORMAT},
    {"refuses an ext without its type", B(0xc7, 0), 0, 9, ERR_FORMAT},
    {"refuses the bomb of 268 million values", B(0xdd, 0x10, 0, 0, 0), 4, 1u << 30, ERR_FORMAT},
    {"refuses the bomb of 268 million pairs", B(0xdf, 0x10, 0, 0, 0), 4, 1u << 30, ERR_FORMAT},
    {"refuses a map whose pairs pass 32 bits", B(0xdf, 0x80, 0, 0, 1, 1, 1), 4, 1u << 30, ERR_FORMAT},
    {"refuses an array behind which one value is missing", B(0x93, 1, 2), 1, 9, ERR_FORMAT},
};

static void
guard_row(void **state)
{
    const struct row *row = *state;
    struct why why = {0};

    assert_int_equal(guard_check(row->bytes, row->size, row->depth, row->count, &why), row->want);
    assert_int_equal(why.code, row->want);
    assert_int_equal(why.text[0] != '\0', row->want != 0);
}

/* Every prefix of a good value is refused, and so is one byte more. */
static void
guard_cut(void **state)
{
    const struct row *row = *state;
    uint8_t longer[64];

    if (row->want != 0)
        return;
    for (size_t size = 0; size < row->size; size++) {
        uint8_t *exact = malloc(size + 1);

        memcpy(exact, row->bytes, size);
        assert_int_equal(guard_check(exact, size, row->depth, row->count, NULL), ERR_FORMAT);
        free(exact);
    }
    memcpy(longer, row->bytes, row->size);
    longer[row->size] = 0xc0;
    assert_int_equal(guard_check(longer, row->size + 1, row->depth, row->count, NULL), ERR_FORMAT);
}

static void
nested_arrays(void **state)
{
    const uint32_t deepest = GUARD_DEPTH_MAX;
    struct why why = {0};
    uint8_t bytes[150];

    (void)state;
    /* Thirty array 32 heads of 150 bytes in all: each announces as many values as its successors could hold. */
    for (size_t i = 0; i < sizeof bytes; i += 5)
        memcpy(bytes + i, "\xdd\x10\x00\x00\x00", 5);
    assert_int_equal(guard_check(bytes, sizeof bytes, GUARD_DEPTH_MAX, UINT32_MAX, &why), ERR_FORMAT);
    assert_non_null(strstr(why.text, "offset 0 announces 268435456 values")); /* refused at its head */
    for (size_t i = 0; i < sizeof bytes; i += 5)
        memcpy(bytes + i, "\xdd\x00\x00\x00\x01", 5);
    assert_int_equal(guard_check(bytes, sizeof bytes, 4, UINT32_MAX, NULL), ERR_LIMIT);
    memset(bytes, 0x91, sizeof bytes);
    assert_int_equal(guard_check(bytes, sizeof bytes, GUARD_DEPTH_MAX, UINT32_MAX, NULL), ERR_LIMIT);
    bytes[GUARD_DEPTH_MAX] = 0xc0;
    assert_int_equal(guard_check(bytes, deepest + 1, deepest, deepest + 1, NULL), 0);
    assert_int_equal(guard_check(bytes, deepest + 1, deepest - 1, deepest + 1, NULL), ERR_LIMIT);
    assert_int_equal(guard_check(bytes, deepest + 1, deepest, deepest, NULL), ERR_LIMIT);
}

static void
empty_bytes(void **state)
{
    (void)state;
    assert_int_equal(guard_check(NULL, 0, 4, 9, NULL), ERR_FORMAT);
}

/* A random tree of values, at most `depth` levels. */
static void
pack_random(msgpack_packer *packer, struct rng *rng, uint32_t depth)
{
    uint32_t count = rng_below(rng, 20);

    switch (rng_below(rng, depth > 0 ? 9 : 7)) {
    case 0: msgpack_pack_nil(packer); return;
    case 1: msgpack_pack_true(packer); return;
    case 2: msgpack_pack_uint64(packer, rng_u64(rng) >> rng_below(rng, 64)); return;
    case 3: msgpack_pack_int64(packer, -(int64_t)(rng_u64(rng) >> (1 + rng_below(rng, 63)))); return;
    case 4: msgpack_pack_double(packer, rng_real(rng)); return;
    case 5:
        msgpack_pack_str(packer, count * 20);
        for (uint32_t i = 0; i < count; i++)
            msgpack_pack_str_body(packer, "twenty bytes of text", 20);
        return;
    case 6: msgpack_pack_bin_with_body(packer, "any bytes may be here", count); return;
    case 7:
        msgpack_pack_array(packer, count);
        for (uint32_t i = 0; i < count; i++)
            pack_random(packer, rng, depth - 1);
        return;
    default:
        msgpack_pack_map(packer, count);
        for (uint32_t i = 0; i < 2 * count; i++)
            pack_random(packer, rng, depth - 1);
    }
}

static bool
oracle_takes(const msgpack_sbuffer *bytes)
{
    msgpack_unpacked value;
    size_t offset = 0;
    bool taken;

    msgpack_unpacked_init(&value);
    taken = msgpack_unpack_next(&value, bytes->data, bytes->size, &offset) == MSGPACK_UNPACK_SUCCESS &&
            offset == bytes->size;
    msgpack_unpacked_destroy(&value);
    return taken;
}

/* What msgpack-c packs is taken; with a byte changed, what is still taken is what msgpack-c takes. (Asking it about
 * refused bytes would be dangerous: that is why there is a guard.) */
static void
agrees_with_oracle(void **state)
{
    uint32_t taken = 0;

    (void)state;
    for (uint32_t i = 0; i < 3000; i++) {
        struct rng rng = rng_make(11, STREAM_TEST, i, 0);
        msgpack_sbuffer bytes;
        msgpack_packer packer;

        msgpack_sbuffer_init(&bytes);
        msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
        pack_random(&packer, &rng, 3);
        assert_int_equal(guard_check(bytes.data, bytes.size, 3, UINT32_MAX, NULL), 0);
        for (uint32_t k = 0; k < 10; k++) {
            size_t at = rng_below(&rng, (uint32_t)bytes.size);
            char before = bytes.data[at];

            bytes.data[at] = (char)rng_u32(&rng);
            if (guard_check(bytes.data, bytes.size, 20, UINT32_MAX, NULL) == 0) {
                if (!oracle_takes(&bytes))
                    fail_msg("seed %u, change %u: msgpack-c refuses what the guard takes", i, k);
                taken++;
            }
            bytes.data[at] = before;
        }
        msgpack_sbuffer_destroy(&bytes);
    }
    assert_true(taken > 1000);
}

int
main(void)
{
    const struct test_case cases[] = {
        {"refuses 150 bytes of nested arrays", nested_arrays},
        {"refuses an empty payload", empty_bytes},
        {"agrees with msgpack-c on random values", agrees_with_oracle},
    };

    return TEST_ROWS("guard_check", rows, guard_row) + TEST_ROWS("guard_check, cut or continued", rows, guard_cut) +
           TEST_CASES("guard_check", cases);
}
