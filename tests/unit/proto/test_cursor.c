#include <string.h>

#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>

#include "core/rng.h"
#include "core/streams.h"
#include "proto/cursor.h"
#include "tests/support/test.h"

#define B(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

enum read { U64, I64, F64, BOOL, NIL, TEXT, BIN, ARRAY, MAP, SKIP };

/* What came out of one read, in the member its kind uses. */
struct got {
    uint64_t natural;
    int64_t integer;
    double real;
    bool truth;
    const void *lent;
    uint32_t size;
};

static bool
read_one(struct cursor *cursor, enum read read, struct got *out)
{
    const char *text = NULL;
    const uint8_t *bin = NULL;
    bool done;

    switch (read) {
    case U64: return cursor_u64(cursor, &out->natural);
    case I64: return cursor_i64(cursor, &out->integer);
    case F64: return cursor_f64(cursor, &out->real);
    case BOOL: return cursor_bool(cursor, &out->truth);
    case NIL: return cursor_nil(cursor);
    case TEXT:
        done = cursor_text(cursor, &text, &out->size);
        out->lent = text;
        return done;
    case BIN:
        done = cursor_bin(cursor, &bin, &out->size);
        out->lent = bin;
        return done;
    case ARRAY: return cursor_array(cursor, &out->size);
    case MAP: return cursor_map(cursor, &out->size);
    case SKIP: return cursor_skip(cursor);
    }
    abort();
}

static const struct row {
    const char *name;
    enum read read;
    const uint8_t *bytes;
    size_t size;
    int want;
    struct got got;
    size_t end; /* offset afterwards when not all is read; 0: all */
} rows[] = {
    {"u64 from fixint", U64, B(0x05), 0, {.natural = 5}, 0},
    {"u64 from uint 8", U64, B(0xcc, 0xff), 0, {.natural = 255}, 0},
    {"u64 from uint 16", U64, B(0xcd, 0x01, 0x02), 0, {.natural = 258}, 0},
    {"u64 from uint 32", U64, B(0xce, 0x01, 0x02, 0x03, 0x04), 0, {.natural = 16909060}, 0},
    {"u64 from uint 64", U64, B(0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe), 0,
     {.natural = UINT64_MAX - 1}, 0},
    {"u64 from int 8", U64, B(0xd0, 0x7f), 0, {.natural = 127}, 0},
    {"u64 from int 16", U64, B(0xd1, 0x7f, 0xff), 0, {.natural = 32767}, 0},
    {"u64 from int 32", U64, B(0xd2, 0x7f, 0xff, 0xff, 0xff), 0, {.natural = 2147483647}, 0},
    {"u64 from int 64", U64, B(0xd3, 0, 0, 0, 0, 0, 0, 0, 9), 0, {.natural = 9}, 0},
    {"u64 refuses a negative fixint", U64, B(0xff), ERR_INVALID, {0}, 0},
    {"u64 refuses a negative int 8", U64, B(0xd0, 0x80), ERR_INVALID, {0}, 0},
    {"u64 refuses a negative int 64", U64, B(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0), ERR_INVALID, {0}, 0},
    {"u64 refuses a float", U64, B(0xca, 0, 0, 0, 0), ERR_FORMAT, {0}, 0},
    {"u64 refuses nil", U64, B(0xc0), ERR_FORMAT, {0}, 0},
    {"u64 refuses the tag that is none", U64, B(0xc1), ERR_FORMAT, {0}, 0},
    {"i64 from fixint", I64, B(0x05), 0, {.integer = 5}, 0},
    {"i64 from a negative fixint", I64, B(0xe0), 0, {.integer = -32}, 0},
    {"i64 from int 8", I64, B(0xd0, 0x80), 0, {.integer = -128}, 0},
    {"i64 from int 16", I64, B(0xd1, 0xff, 0x00), 0, {.integer = -256}, 0},
    {"i64 from int 32", I64, B(0xd2, 0x80, 0, 0, 0), 0, {.integer = -2147483648LL}, 0},
    {"i64 from int 64", I64, B(0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0), 0, {.integer = INT64_MIN}, 0},
    {"i64 from uint 64", I64, B(0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 0, {.integer = INT64_MAX}, 0},
    {"i64 refuses 2^63", I64, B(0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0), ERR_INVALID, {0}, 0},
    {"i64 refuses text", I64, B(0xa1, '5'), ERR_FORMAT, {0}, 0},
    {"f64 from float 32", F64, B(0xca, 0xbf, 0xc0, 0x00, 0x00), 0, {.real = -1.5}, 0},
    {"f64 from float 64", F64, B(0xcb, 0x40, 0x09, 0x21, 0xfb, 0x54, 0x44, 0x2d, 0x18), 0,
     {.real = 3.141592653589793}, 0},
    {"f64 refuses an integer", F64, B(0x01), ERR_FORMAT, {0}, 0},
    {"bool false", BOOL, B(0xc2), 0, {.truth = false}, 0},
    {"bool true", BOOL, B(0xc3), 0, {.truth = true}, 0},
    {"bool refuses 1", BOOL, B(0x01), ERR_FORMAT, {0}, 0},
    {"bool refuses nil", BOOL, B(0xc0), ERR_FORMAT, {0}, 0},
    {"nil", NIL, B(0xc0), 0, {0}, 0},
    {"nil refuses false", NIL, B(0xc2), ERR_FORMAT, {0}, 0},
    {"text, empty", TEXT, B(0xa0), 0, {.lent = "", .size = 0}, 0},
    {"text from fixstr", TEXT, B(0xa2, 0xc3, 0xa9), 0, {.lent = "\xc3\xa9", .size = 2}, 0},
    {"text from str 8", TEXT, B(0xd9, 1, 'a'), 0, {.lent = "a", .size = 1}, 0},
    {"text from str 16", TEXT, B(0xda, 0, 1, 'a'), 0, {.lent = "a", .size = 1}, 0},
    {"text from str 32", TEXT, B(0xdb, 0, 0, 0, 1, 'a'), 0, {.lent = "a", .size = 1}, 0},
    {"text refuses what is no UTF-8", TEXT, B(0xa2, 0xc3, 0x28), ERR_FORMAT, {0}, 0},
    {"text refuses an overlong form", TEXT, B(0xa2, 0xc0, 0x80), ERR_FORMAT, {0}, 0},
    {"text refuses a surrogate", TEXT, B(0xa3, 0xed, 0xa0, 0x80), ERR_FORMAT, {0}, 0},
    {"text refuses a bin", TEXT, B(0xc4, 1, 'a'), ERR_FORMAT, {0}, 0},
    {"bin, empty", BIN, B(0xc4, 0), 0, {.lent = "", .size = 0}, 0},
    {"bin from bin 8", BIN, B(0xc4, 2, 0xff, 0), 0, {.lent = "\xff\0", .size = 2}, 0},
    {"bin from bin 16", BIN, B(0xc5, 0, 1, 7), 0, {.lent = "\7", .size = 1}, 0},
    {"bin from bin 32", BIN, B(0xc6, 0, 0, 0, 1, 7), 0, {.lent = "\7", .size = 1}, 0},
    {"bin refuses text", BIN, B(0xa1, 'a'), ERR_FORMAT, {0}, 0},
    {"bin refuses an extension", BIN, B(0xd4, 1, 1), ERR_FORMAT, {0}, 0},
    {"array from fixarray", ARRAY, B(0x92, 1, 2), 0, {.size = 2}, 1},
    {"array from array 16", ARRAY, B(0xdc, 0, 1, 1), 0, {.size = 1}, 3},
    {"array from array 32", ARRAY, B(0xdd, 0, 0, 0, 1, 1), 0, {.size = 1}, 5},
    {"array refuses a map", ARRAY, B(0x80), ERR_FORMAT, {0}, 0},
    {"array refuses more values than bytes are left", ARRAY, B(0x92, 1), ERR_FORMAT, {0}, 0},
    {"array refuses the bomb", ARRAY, B(0xdd, 0x10, 0, 0, 0), ERR_FORMAT, {0}, 0},
    {"map from fixmap", MAP, B(0x81, 1, 2), 0, {.size = 1}, 1},
    {"map from map 16", MAP, B(0xde, 0, 1, 1, 2), 0, {.size = 1}, 3},
    {"map from map 32", MAP, B(0xdf, 0, 0, 0, 1, 1, 2), 0, {.size = 1}, 5},
    {"map refuses an array", MAP, B(0x90), ERR_FORMAT, {0}, 0},
    {"map refuses a pair of which half is there", MAP, B(0x81, 1), ERR_FORMAT, {0}, 0},
    {"map refuses the bomb", MAP, B(0xdf, 0x80, 0, 0, 0, 1), ERR_FORMAT, {0}, 0},
    {"skip a number", SKIP, B(0xcd, 1, 2), 0, {0}, 0},
    {"skip a text that is no UTF-8", SKIP, B(0xa1, 0xff), 0, {0}, 0},
    {"skip an extension", SKIP, B(0xd8, 5, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8), 0, {0}, 0},
    {"skip a nest and nothing more", SKIP, B(0x92, 0x91, 1, 0x81, 2, 0x90, 0xc0), 0, {0}, 6},
    {"skip refuses a cut nest", SKIP, B(0x92, 0x91, 1, 0x81, 2), ERR_FORMAT, {0}, 0},
    {"skip refuses the tag that is none", SKIP, B(0x91, 0xc1), ERR_FORMAT, {0}, 0},
};

static void
cursor_row(void **state)
{
    const struct row *row = *state;
    struct cursor cursor;
    struct why why = {0};
    struct got got = {0};

    cursor_init(&cursor, row->bytes, row->size, &why);
    assert_int_equal(read_one(&cursor, row->read, &got), row->want == 0);
    assert_int_equal(cursor.failed, row->want);
    assert_int_equal(why.code, row->want);
    if (row->want != 0) {
        assert_false(cursor_end(&cursor));
        return;
    }
    assert_int_equal(cursor.offset, row->end != 0 ? row->end : row->size);
    assert_true(got.natural == row->got.natural && got.integer == row->got.integer && got.truth == row->got.truth);
    assert_true(got.real == row->got.real);
    assert_int_equal(got.size, row->got.size);
    if (row->got.lent != NULL)
        assert_memory_equal(got.lent, row->got.lent, got.size);
    assert_int_equal(cursor_end(&cursor), row->end == 0);
}

/* The same with every byte behind the n-th cut away: refused, and nothing behind the cut is read. */
static void
cursor_cut(void **state)
{
    const struct row *row = *state;

    if (row->want != 0 || row->end != 0)
        return;
    for (size_t size = 0; size < row->size; size++) {
        uint8_t *exact = malloc(size > 0 ? size : 1);
        struct cursor cursor;
        struct got got = {0};

        memcpy(exact, row->bytes, size);
        cursor_init(&cursor, exact, size, NULL);
        assert_false(read_one(&cursor, row->read, &got));
        assert_int_equal(cursor.failed, ERR_FORMAT);
        free(exact);
    }
}

/* After a failure every read fails, nothing moves, and the reason stays the first one. */
static void
failure_stays(void **state)
{
    const uint8_t bytes[] = {0xc0, 0x01, 0xa1, 'a'};
    struct cursor cursor;
    struct why why = {0};
    struct got got = {0};
    char first[sizeof why.text];

    (void)state;
    cursor_init(&cursor, bytes, sizeof bytes, &why);
    assert_true(cursor_nil(&cursor));
    assert_false(cursor_nil(&cursor));
    memcpy(first, why.text, sizeof first);
    for (enum read read = U64; read <= SKIP; read++)
        assert_false(read_one(&cursor, read, &got));
    assert_false(cursor_end(&cursor));
    assert_int_equal(cursor.offset, 1);
    assert_int_equal(cursor.failed, ERR_FORMAT);
    assert_string_equal(why.text, first);
}

static void
end_wants_all(void **state)
{
    const uint8_t bytes[] = {0x01, 0x02};
    struct cursor cursor;
    struct why why = {0};
    uint64_t number;

    (void)state;
    cursor_init(&cursor, bytes, 2, &why);
    assert_true(cursor_u64(&cursor, &number));
    assert_false(cursor_end(&cursor));
    assert_int_equal(why.code, ERR_FORMAT);
    cursor_init(&cursor, bytes, 2, &why);
    assert_true(cursor_u64(&cursor, &number));
    assert_true(cursor_u64(&cursor, &number));
    assert_true(cursor_end(&cursor));
    cursor_init(&cursor, NULL, 0, &why);
    assert_true(cursor_end(&cursor));
}

/* Hostile nesting costs no more than its bytes. */
static void
skip_is_not_recursive(void **state)
{
    static uint8_t bytes[1 << 20];
    struct cursor cursor;

    (void)state;
    memset(bytes, 0x91, sizeof bytes);
    bytes[sizeof bytes - 1] = 0xc0;
    cursor_init(&cursor, bytes, sizeof bytes, NULL);
    assert_true(cursor_skip(&cursor));
    assert_true(cursor_end(&cursor));
}

/* Numbers of every width, as msgpack-c writes them. */
static void
reads_what_msgpack_packs(void **state)
{
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    struct cursor cursor;

    (void)state;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    for (uint32_t i = 0; i < 5000; i++) {
        struct rng rng = rng_make(12, STREAM_TEST, i, 0);
        uint64_t natural = rng_u64(&rng) >> rng_below(&rng, 64);
        int64_t integer = (int64_t)rng_u64(&rng) >> rng_below(&rng, 64);
        float single = (float)rng_normal(&rng);
        uint64_t got_natural = 0;
        int64_t got_integer = 0;
        double got_single = 0, got_real = 0;

        msgpack_sbuffer_clear(&bytes);
        msgpack_pack_uint64(&packer, natural);
        msgpack_pack_int64(&packer, integer);
        msgpack_pack_float(&packer, single);
        msgpack_pack_double(&packer, (double)single / 3);
        cursor_init(&cursor, bytes.data, bytes.size, NULL);
        assert_true(cursor_u64(&cursor, &got_natural) && cursor_i64(&cursor, &got_integer));
        assert_true(cursor_f64(&cursor, &got_single) && cursor_f64(&cursor, &got_real) && cursor_end(&cursor));
        if (got_natural != natural || got_integer != integer || got_single != (double)single ||
            got_real != (double)single / 3)
            fail_msg("seed %u", i);
    }
    msgpack_sbuffer_destroy(&bytes);
}

int
main(void)
{
    const struct test_case cases[] = {
        {"a failure stays", failure_stays},
        {"the end wants all bytes", end_wants_all},
        {"skipping a million levels", skip_is_not_recursive},
        {"reads what msgpack-c packs", reads_what_msgpack_packs},
    };

    return TEST_ROWS("cursor", rows, cursor_row) + TEST_ROWS("cursor, cut at every byte", rows, cursor_cut) +
           TEST_CASES("cursor", cases);
}
