#include "proto/columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <msgpack/unpack.h>

#include "core/streams.h"
#include "proto/cursor.h"
#include "proto/registry.h"
#include "tests/support/test.h"
#include "tests/unit/proto/random.h"

/* ---- a small schema with every kind: rows own lists of items, and share a table of rates ---- */

enum { ROW, ITEM, RATE };
static const struct axis toy_axes[] = {{"row", 100, ""}, {"item", 200, ""}, {"rate", 10, ""}};
#define TOY_COLUMNS(C)                                                                                               \
    C(TOY, id,     U32, ROW, 0, 0, 1e9, "")                                                                          \
    C(TOY, level,  U8, ROW, 0, 1, 9, "")                                                                             \
    C(TOY, port,   U16, ROW, 0, 1024, 65535, "")                                                                     \
    C(TOY, hash,   U64, ROW, 0, 0, 18446744073709551615.0, "")                                                       \
    C(TOY, vote,   I32, ROW, 0, -1, 1, "")                                                                           \
    C(TOY, money,  I64, ROW, 0, -9e18, 9e18, "")                                                                     \
    C(TOY, rate,   F64, RATE, 0, -1e300, 1e300, "")                                                                  \
    C(TOY, share,  F64, ROW, 0, 0, 1, "")                                                                            \
    C(TOY, items,  OFFSETS, ROW, ITEM, 0, 0, "")                                                                     \
    C(TOY, item,   U8, ITEM, 0, 0, 255, "")
enum { TOY_COLUMNS(COLUMN_ENUM) TOY_COUNT };
static const struct column toy_columns[] = {TOY_COLUMNS(COLUMN_ROW)};
static const struct schema toy = {900, "toy", "a", "b", "", toy_axes, 3, toy_columns, TOY_COUNT};

/* Two rows with one and two items, and one rate. */
static void
make_toy(struct buffer *out)
{
    static const uint32_t ids[] = {7, 9}, offsets[] = {0, 1, 3};
    static const uint16_t ports[] = {1024, 65535};
    static const uint64_t hashes[] = {UINT64_MAX, 1};
    static const int32_t votes[] = {-1, 1};
    static const int64_t money[] = {-5000000, 250000};
    static const double shares[] = {0.25, 1};
    static const double rate = -2.5;
    struct batch_writer writer;

    batch_begin(&writer, &toy, out, 0x1122334455667788, 40, (const uint32_t[]){2, 3, 1});
    memcpy(batch_column(&writer, TOY_id), ids, sizeof ids);
    memcpy(batch_column(&writer, TOY_level), "\1\11", 2);
    memcpy(batch_column(&writer, TOY_port), ports, sizeof ports);
    memcpy(batch_column(&writer, TOY_hash), hashes, sizeof hashes);
    memcpy(batch_column(&writer, TOY_vote), votes, sizeof votes);
    memcpy(batch_column(&writer, TOY_money), money, sizeof money);
    memcpy(batch_column(&writer, TOY_share), shares, sizeof shares);
    memcpy(batch_column(&writer, TOY_items), offsets, sizeof offsets);
    batch_fill_bytes(&writer, TOY_item, 0, "abc", 3);
    memcpy(batch_column(&writer, TOY_rate), &rate, sizeof rate);
}

/* Where a column's data start, worked out from the format: head 21 + 5 an axis, then pad (2 + p) and head (5). */
static size_t
toy_offset(uint32_t column)
{
    static const size_t bytes[] = {8, 2, 4, 16, 8, 16, 8, 16, 12, 3};
    size_t at = 21 + 15;

    for (uint32_t c = 0;; c++) {
        at += 7;
        at += (8 - at % 8) % 8;
        if (c == column)
            return at;
        at += bytes[c];
    }
}

static void
writes_known_bytes(void **state)
{
    static const uint8_t head[] = {
        0xdc, 0, 24, 0xcd, 0x03, 0x84, 0xcf, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0xce, 0, 0, 0, 40,
        0x93, 0xce, 0, 0, 0, 2, 0xce, 0, 0, 0, 3, 0xce, 0, 0, 0, 1,
        0xc4, 5, 0, 0, 0, 0, 0, 0xc6, 0, 0, 0, 8, 7, 0, 0, 0, 9, 0, 0, 0, /* id, at 48 */
        0xc4, 1, 0, 0xc6, 0, 0, 0, 2, 1, 9,                               /* level, at 64 */
    };
    struct buffer out = {0};

    (void)state;
    make_toy(&out);
    assert_memory_equal(out.data, head, sizeof head);
    assert_int_equal(out.size, toy_offset(TOY_item) + 3);
    assert_int_equal(batch_size(&toy, (const uint32_t[]){2, 3, 1}), out.size);
    assert_int_equal(batch_schema_id(out.data, out.size), 900);
    buffer_fini(&out);
}

static void
reads_back(void **state)
{
    struct buffer out = {0};
    struct batch batch;
    struct why why = {0};

    (void)state;
    make_toy(&out);
    assert_int_equal(batch_read(&toy, out.data, out.size, &batch, &why), 0);
    assert_int_equal(batch_check(&batch, &why), 0);
    assert_true(batch.tag == 0x1122334455667788 && batch.first == 40);
    assert_true(batch.count[ROW] == 2 && batch.count[ITEM] == 3 && batch.count[RATE] == 1);
    assert_true(batch_u32(&batch, TOY_id, 1) == 9 && batch_u8(&batch, TOY_level, 1) == 9);
    assert_true(batch_u16(&batch, TOY_port, 1) == 65535 && batch_u64(&batch, TOY_hash, 0) == UINT64_MAX);
    assert_true(batch_i32(&batch, TOY_vote, 0) == -1 && batch_i64(&batch, TOY_money, 0) == -5000000);
    assert_true(batch_f64(&batch, TOY_share, 0) == 0.25 && batch_f64(&batch, TOY_rate, 0) == -2.5);
    assert_true(batch_u32(&batch, TOY_items, 1) == 1 && batch_u32(&batch, TOY_items, 2) == 3);
    assert_memory_equal(batch.data[TOY_item], "abc", 3);
    for (uint32_t c = 0; c < TOY_COUNT; c++)
        assert_int_equal((size_t)(batch.data[c] - out.data), toy_offset(c));
    buffer_fini(&out);
}

/* ---- refusals: one change to the good batch each ---- */

enum what { RAW, U8, U16, U32, U64, F64, GROW, CUT };

static const struct row {
    const char *name;
    enum what what;
    int32_t column; /* RAW: -1, and `at` counts from the payload's start; else `at` is an index in the column */
    uint32_t at;
    double to;
    int read, check; /* what batch_read() and then batch_check() say */
} rows[] = {
    {"takes it unchanged", RAW, -1, 0, 0xdc, 0, 0},
    {"takes another tag", RAW, -1, 9, 1, 0, 0},
    {"takes another first row", RAW, -1, 18, 1, 0, 0},
    {"refuses a map", RAW, -1, 0, 0xde, ERR_FORMAT, 0},
    {"refuses one element more", RAW, -1, 2, 25, ERR_FORMAT, 0},
    {"refuses another width of schema", RAW, -1, 3, 0xce, ERR_FORMAT, 0},
    {"refuses another schema", RAW, -1, 5, 0x85, ERR_FORMAT, 0},
    {"refuses a signed tag", RAW, -1, 6, 0xd3, ERR_FORMAT, 0},
    {"refuses a signed first row", RAW, -1, 15, 0xd2, ERR_FORMAT, 0},
    {"refuses another number of axes", RAW, -1, 20, 0x92, ERR_FORMAT, 0},
    {"refuses a signed count", RAW, -1, 21, 0xd2, ERR_FORMAT, 0},
    {"refuses a longer axis than its columns", RAW, -1, 25, 3, ERR_FORMAT, 0},
    {"refuses a shorter axis than its columns", RAW, -1, 30, 2, ERR_FORMAT, 0},
    {"refuses an overlong axis", RAW, -1, 25, 101, ERR_LIMIT, 0},
    {"refuses an overlong list", RAW, -1, 30, 201, ERR_LIMIT, 0},
    {"refuses a count of 4 billion", RAW, -1, 27, 0xff, ERR_LIMIT, 0},
    {"refuses a pad of another kind", RAW, -1, 36, 0xa5, ERR_FORMAT, 0},
    {"refuses a shorter pad", RAW, -1, 37, 4, ERR_FORMAT, 0},
    {"refuses a pad of 8 more", RAW, -1, 37, 13, ERR_FORMAT, 0},
    {"refuses a pad that is not zero", RAW, -1, 38, 1, ERR_FORMAT, 0},
    {"refuses a pad whose last byte is not zero", RAW, -1, 42, 0x80, ERR_FORMAT, 0},
    {"refuses a column that is text", RAW, -1, 43, 0xdb, ERR_FORMAT, 0},
    {"refuses a column's other length", RAW, -1, 47, 7, ERR_FORMAT, 0},
    {"refuses a column of 4 GiB", RAW, -1, 44, 0xff, ERR_FORMAT, 0},
    {"refuses a byte too many", GROW, 0, 0, 0, ERR_FORMAT, 0},
    {"refuses a byte too few", CUT, 0, 0, 0, ERR_FORMAT, 0},
    {"refuses offsets that start late", U32, TOY_items, 0, 1, ERR_FORMAT, 0},
    {"refuses offsets that fall", U32, TOY_items, 1, 4, ERR_FORMAT, 0},
    {"refuses offsets that end early", U32, TOY_items, 2, 2, ERR_FORMAT, 0},
    {"refuses offsets that end late", U32, TOY_items, 2, 4, ERR_FORMAT, 0},
    {"takes other offsets that rise", U32, TOY_items, 1, 3, 0, 0},
    {"takes the least u8", U8, TOY_level, 1, 1, 0, 0},
    {"refuses a u8 under its bound", U8, TOY_level, 1, 0, 0, ERR_INVALID},
    {"refuses a u8 over its bound", U8, TOY_level, 0, 10, 0, ERR_INVALID},
    {"refuses a u16 under its bound", U16, TOY_port, 0, 1023, 0, ERR_INVALID},
    {"takes the largest u32", U32, TOY_id, 0, 1e9, 0, 0},
    {"refuses a u32 over its bound", U32, TOY_id, 0, 1000000001, 0, ERR_INVALID},
    {"refuses an i32 under its bound", U32, TOY_vote, 1, 4294967294.0, 0, ERR_INVALID},
    {"refuses an i32 over its bound", U32, TOY_vote, 1, 2, 0, ERR_INVALID},
    {"takes the largest i64", U64, TOY_money, 0, 9e18, 0, 0},
    {"refuses an i64 over its bound", U64, TOY_money, 1, 9000000000000002048.0, 0, ERR_INVALID},
    {"refuses an i64 under its bound", U64, TOY_money, 1, 9223372036854775808.0, 0, ERR_INVALID},
    {"takes 0", F64, TOY_share, 1, 0, 0, 0},
    {"takes minus 0", F64, TOY_share, 1, -0.0, 0, 0},
    {"refuses a real over its bound", F64, TOY_share, 0, 1.0000000000000002, 0, ERR_INVALID},
    {"refuses a real under its bound", F64, TOY_share, 0, -5e-324, 0, ERR_INVALID},
    {"refuses NaN", F64, TOY_share, 1, NAN, 0, ERR_INVALID},
    {"refuses NaN between wide bounds", F64, TOY_rate, 0, NAN, 0, ERR_INVALID},
    {"refuses infinity between wide bounds", F64, TOY_rate, 0, INFINITY, 0, ERR_INVALID},
};

static void
change(const struct row *row, struct buffer *out)
{
    uint8_t *at = out->data + (row->column < 0 ? 0 : toy_offset((uint32_t)row->column));

    switch (row->what) {
    case RAW:
        out->data[row->at] = (uint8_t)row->to;
        break;
    case U8: at[row->at] = (uint8_t)row->to; break;
    case U16: bytes_put_u16(at + 2 * row->at, (uint16_t)row->to); break;
    case U32: bytes_put_u32(at + 4 * row->at, (uint32_t)row->to); break;
    case U64: bytes_put_u64(at + 8 * row->at, (uint64_t)row->to); break;
    case F64: bytes_put_f64(at + 8 * row->at, row->to); break;
    case GROW: buffer_append(out, "", 1); break;
    case CUT: out->size--; break;
    }
}

static void
change_row(void **state)
{
    const struct row *row = *state;
    struct buffer out = {0};
    struct batch batch;
    struct why why = {0};

    make_toy(&out);
    change(row, &out);
    assert_int_equal(batch_read(&toy, out.data, out.size, &batch, &why), row->read);
    assert_int_equal(why.code, row->read);
    if (row->read == 0) {
        assert_int_equal(batch_check(&batch, &why), row->check);
        assert_int_equal(why.code, row->check);
        if (row->check != 0)
            assert_non_null(strstr(why.text, toy_columns[row->column].name));
    }
    buffer_fini(&out);
}

static void
refuses_rows_past_32_bits(void **state)
{
    struct buffer out = {0};
    struct batch batch;

    (void)state;
    make_toy(&out);
    memcpy(out.data + 16, "\xff\xff\xff\xfd", 4);
    assert_int_equal(batch_read(&toy, out.data, out.size, &batch, NULL), 0);
    memcpy(out.data + 16, "\xff\xff\xff\xfe", 4);
    assert_int_equal(batch_read(&toy, out.data, out.size, &batch, NULL), ERR_LIMIT);
    buffer_fini(&out);
}

/* The first bad value is named wherever it stands, in the blocks that are looked at together or behind them. */
static void
names_the_row(void **state)
{
    struct buffer out = {0};
    struct batch_writer writer;
    struct batch batch;

    (void)state;
    batch_begin(&writer, &toy, &out, 0, 0, (const uint32_t[]){100, 0, 0});
    for (uint32_t i = 0; i < 100; i++) {
        ((uint8_t *)batch_column(&writer, TOY_level))[i] = 5;
        ((uint16_t *)batch_column(&writer, TOY_port))[i] = 2000;
    }
    for (uint32_t bad = 0; bad < 100; bad++) {
        struct why why = {0};
        char want[32];

        ((double *)batch_column(&writer, TOY_share))[bad] = NAN;
        ((double *)batch_column(&writer, TOY_share))[99] = 2;
        assert_int_equal(batch_read(&toy, out.data, out.size, &batch, NULL), 0);
        assert_int_equal(batch_check(&batch, &why), ERR_INVALID);
        snprintf(want, sizeof want, "share, row %u:", bad);
        assert_non_null(strstr(why.text, want));
        ((double *)batch_column(&writer, TOY_share))[bad] = 0;
        ((double *)batch_column(&writer, TOY_share))[99] = 0;
        assert_int_equal(batch_check(&batch, &why), 0);
    }
    buffer_fini(&out);
}

/* A fall is found at every place of a long offset column. */
static void
finds_every_fall(void **state)
{
    struct buffer out = {0};
    struct batch_writer writer;
    struct batch batch;
    uint32_t *offsets;

    (void)state;
    batch_begin(&writer, &toy, &out, 0, 0, (const uint32_t[]){100, 200, 0});
    offsets = batch_column(&writer, TOY_items);
    for (uint32_t i = 0; i <= 100; i++)
        offsets[i] = 2 * i;
    assert_int_equal(batch_read(&toy, out.data, out.size, &batch, NULL), 0);
    for (uint32_t i = 1; i < 100; i++) {
        offsets[i] = 2 * i + 3;
        assert_int_equal(batch_read(&toy, out.data, out.size, &batch, NULL), ERR_FORMAT);
        offsets[i] = 2 * i + 2;
        assert_int_equal(batch_read(&toy, out.data, out.size, &batch, NULL), 0);
        offsets[i] = 2 * i;
    }
    buffer_fini(&out);
}

/* ---- every registered schema ---- */

static const struct schema_row {
    const char *name;
    uint32_t most;
} schema_rows[] = {{"empty batches", 0}, {"batches of few rows", 3}, {"batches of many rows", 200}};

static size_t
data_size(const struct column *column, const struct batch *batch)
{
    return ((size_t)batch->count[column->axis] + (column->kind == COLUMN_OFFSETS)) * column_width(column->kind);
}

/* Whether msgpack-c sees in `bytes` what `batch` says. */
static void
assert_oracle_agrees(const struct schema *schema, const struct buffer *bytes, const struct batch *batch)
{
    msgpack_unpacked value;
    const msgpack_object *elements;
    size_t offset = 0;

    assert_int_equal(guard_check(bytes->data, bytes->size, 2, 4 + AXIS_MAX + 2 * COLUMN_MAX + 1, NULL), 0);
    msgpack_unpacked_init(&value);
    assert_int_equal(msgpack_unpack_next(&value, (char *)bytes->data, bytes->size, &offset), MSGPACK_UNPACK_SUCCESS);
    assert_int_equal(offset, bytes->size);
    assert_int_equal(value.data.type, MSGPACK_OBJECT_ARRAY);
    assert_int_equal(value.data.via.array.size, 4 + 2 * schema->column_count);
    elements = value.data.via.array.ptr;
    assert_int_equal(elements[0].via.u64, schema->id);
    assert_true(elements[1].via.u64 == batch->tag);
    assert_int_equal(elements[2].via.u64, batch->first);
    assert_int_equal(elements[3].via.array.size, schema->axis_count);
    for (uint32_t a = 0; a < schema->axis_count; a++)
        assert_int_equal(elements[3].via.array.ptr[a].via.u64, batch->count[a]);
    for (uint32_t c = 0; c < schema->column_count; c++) {
        const struct column *column = &schema->columns[c];
        size_t size = data_size(column, batch);

        assert_int_equal(elements[4 + 2 * c].type, MSGPACK_OBJECT_BIN);
        assert_in_range(elements[4 + 2 * c].via.bin.size, 0, 7);
        assert_int_equal(elements[5 + 2 * c].type, MSGPACK_OBJECT_BIN);
        assert_int_equal(elements[5 + 2 * c].via.bin.size, size);
        assert_int_equal((size_t)(batch->data[c] - bytes->data) % 8, 0);
        if (size > 0)
            assert_memory_equal(elements[5 + 2 * c].via.bin.ptr, batch->data[c], size);
    }
    msgpack_unpacked_destroy(&value);
}

/* The same batch written with msgpack-c. It has no way to ask for an array 16 or a bin 32 where less would do, so
 * those heads are put by hand. */
static void
assert_oracle_writes(const struct schema *schema, const struct buffer *bytes, const struct batch *batch)
{
    msgpack_sbuffer out;
    msgpack_packer p;

    msgpack_sbuffer_init(&out);
    msgpack_packer_init(&p, &out, msgpack_sbuffer_write);
    msgpack_sbuffer_write(&out, (const char[]){(char)0xdc, 0, (char)(4 + 2 * schema->column_count)}, 3);
    msgpack_pack_fix_uint16(&p, schema->id);
    msgpack_pack_fix_uint64(&p, batch->tag);
    msgpack_pack_fix_uint32(&p, batch->first);
    msgpack_pack_array(&p, schema->axis_count);
    for (uint32_t a = 0; a < schema->axis_count; a++)
        msgpack_pack_fix_uint32(&p, batch->count[a]);
    for (uint32_t c = 0; c < schema->column_count; c++) {
        const struct column *column = &schema->columns[c];
        size_t size = data_size(column, batch);
        uint8_t head[5] = {0xc6};

        msgpack_pack_bin_with_body(&p, "\0\0\0\0\0\0\0", (8 - (out.size + 7) % 8) % 8);
        bytes_put_u32_be(head + 1, (uint32_t)size);
        msgpack_sbuffer_write(&out, (char *)head, 5);
        msgpack_sbuffer_write(&out, (const char *)batch->data[c], size);
    }
    assert_int_equal(out.size, bytes->size);
    assert_memory_equal(out.data, bytes->data, out.size);
    msgpack_sbuffer_destroy(&out);
}

static void
random_batches(void **state)
{
    const struct schema_row *row = *state;

    for (uint32_t s = 0; s < proto_schema_count; s++) {
        const struct schema *schema = proto_schemas[s];

        for (uint32_t seed = 0; seed < 20; seed++) {
            struct rng rng = rng_make(14, STREAM_TEST, schema->id, seed);
            struct buffer bytes = {0};
            struct batch batch;
            struct why why = {0};

            random_batch(schema, &rng, row->most, &bytes);
            if (batch_read(schema, bytes.data, bytes.size, &batch, &why) != 0 || batch_check(&batch, &why) != 0)
                fail_msg("schema %s, seed %u: %s", schema->name, seed, why.text);
            assert_ptr_equal(schema_find(batch_schema_id(bytes.data, bytes.size)), schema);
            assert_oracle_agrees(schema, &bytes, &batch);
            assert_oracle_writes(schema, &bytes, &batch);
            buffer_fini(&bytes);
        }
    }
}

/* A batch with any one byte changed is refused, or is a batch again: its own bytes come out when it is joined with
 * nothing (but for tag and first row, which joining forgets). */
static void
every_byte_changed(void **state)
{
    struct buffer again = {0};
    uint32_t refused = 0, taken = 0;

    (void)state;
    for (uint32_t s = 0; s < proto_schema_count; s++) {
        const struct schema *schema = proto_schemas[s];
        struct rng rng = rng_make(15, STREAM_TEST, schema->id, 0);
        struct buffer bytes = {0};
        struct batch batch;
        uint8_t *exact;

        random_batch(schema, &rng, 4, &bytes);
        exact = malloc(bytes.size);
        memcpy(exact, bytes.data, bytes.size);
        for (size_t at = 0; at < bytes.size; at++) {
            for (uint32_t flip = 1; flip < 256; flip = flip * 2 + 1) {
                exact[at] = (uint8_t)(bytes.data[at] ^ flip);
                if (batch_read(schema, exact, bytes.size, &batch, NULL) == 0) {
                    (void)!batch_check(&batch, NULL);
                    buffer_clear(&again);
                    batch_concatenate(schema, &batch, 1, 0, &again);
                    assert_int_equal(again.size, bytes.size);
                    assert_memory_equal(again.data + 20, exact + 20, bytes.size - 20);
                    taken++;
                } else {
                    refused++;
                }
            }
            exact[at] = bytes.data[at];
        }
        for (size_t size = 0; size < bytes.size; size++) {
            uint8_t *cut = malloc(size > 0 ? size : 1);

            memcpy(cut, bytes.data, size);
            assert_int_equal(batch_read(schema, cut, size, &batch, NULL), ERR_FORMAT);
            assert_true(size >= 21 ? batch_schema_id(cut, size) == schema->id : batch_schema_id(cut, size) == -1);
            free(cut);
        }
        free(exact);
        buffer_fini(&bytes);
    }
    assert_true(refused > 1000 && taken > 1000);
    buffer_fini(&again);
}

/* ---- joining ---- */

/* Two parts of the toy: items are appended and their offsets moved, the rates come from the first part only. */
static void
joins_known_batches(void **state)
{
    static const uint32_t offsets[] = {0, 1, 3, 4, 6}, ids[] = {7, 9, 7, 9};
    struct buffer part = {0}, out = {0};
    struct batch parts[2], joined;

    (void)state;
    make_toy(&part);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(batch_read(&toy, part.data, part.size, &parts[i], NULL), 0);
    batch_concatenate(&toy, parts, 2, 1u << RATE, &out);
    assert_int_equal(batch_read(&toy, out.data, out.size, &joined, NULL), 0);
    assert_int_equal(batch_check(&joined, NULL), 0);
    assert_true(joined.tag == 0 && joined.first == 0);
    assert_true(joined.count[ROW] == 4 && joined.count[ITEM] == 6 && joined.count[RATE] == 1);
    assert_memory_equal(joined.data[TOY_items], offsets, sizeof offsets);
    assert_memory_equal(joined.data[TOY_id], ids, sizeof ids);
    assert_memory_equal(joined.data[TOY_item], "abcabc", 6);
    assert_true(batch_f64(&joined, TOY_rate, 0) == -2.5);

    buffer_clear(&out);
    batch_concatenate(&toy, parts, 2, 0, &out);
    assert_int_equal(batch_read(&toy, out.data, out.size, &joined, NULL), 0);
    assert_int_equal(joined.count[RATE], 2);
    buffer_clear(&out);
    batch_concatenate(&toy, NULL, 0, 0, &out);
    assert_int_equal(batch_read(&toy, out.data, out.size, &joined, NULL), 0);
    assert_int_equal(joined.count[ROW], 0);
    buffer_fini(&part);
    buffer_fini(&out);
}

static void
says_what_can_be_joined(void **state)
{
    struct buffer part = {0};
    struct batch parts[60];
    struct why why = {0};

    (void)state;
    make_toy(&part);
    for (uint32_t i = 0; i < 60; i++)
        assert_int_equal(batch_read(&toy, part.data, part.size, &parts[i], NULL), 0);
    assert_true(schema_shareable(&toy, 0) && schema_shareable(&toy, 1u << RATE));
    assert_true(schema_shareable(&toy, 1u << ROW | 1u << ITEM));
    assert_false(schema_shareable(&toy, 1u << ROW));
    assert_false(schema_shareable(&toy, 1u << ITEM));
    assert_false(schema_shareable(&toy, 1u << 3));
    assert_int_equal(batch_concatenate_check(&toy, parts, 50, 1u << RATE, &why), 0);
    assert_int_equal(batch_concatenate_check(&toy, parts, 51, 1u << RATE, &why), ERR_LIMIT);
    assert_int_equal(batch_concatenate_check(&toy, parts, 10, 0, &why), 0);
    assert_int_equal(batch_concatenate_check(&toy, parts, 11, 0, &why), ERR_LIMIT); /* 11 rates of 10 */
    parts[3].count[RATE] = 0;
    assert_int_equal(batch_concatenate_check(&toy, parts, 4, 1u << RATE, &why), ERR_INVALID);
    buffer_fini(&part);
}

/* Joining parts one after the other, in any grouping, gives the same bytes. */
static void
joining_is_associative(void **state)
{
    (void)state;
    for (uint32_t s = 0; s < proto_schema_count; s++) {
        const struct schema *schema = proto_schemas[s];
        struct buffer bytes[3] = {0}, left = {0}, right = {0}, all = {0};
        struct batch parts[3], pair[2];
        bool small = true;

        for (uint32_t i = 0; i < 3; i++) {
            struct rng rng = rng_make(16, STREAM_TEST, schema->id, i);

            random_batch(schema, &rng, 10, &bytes[i]);
            assert_int_equal(batch_read(schema, bytes[i].data, bytes[i].size, &parts[i], NULL), 0);
        }
        small = batch_concatenate_check(schema, parts, 3, 0, NULL) == 0;
        if (small) {
            batch_concatenate(schema, parts, 3, 0, &all);
            batch_concatenate(schema, parts, 2, 0, &left);
            assert_int_equal(batch_read(schema, left.data, left.size, &pair[0], NULL), 0);
            pair[1] = parts[2];
            batch_concatenate(schema, pair, 2, 0, &right);
            assert_int_equal(right.size, all.size);
            assert_memory_equal(right.data, all.data, all.size);
        }
        for (uint32_t i = 0; i < 3; i++)
            buffer_fini(&bytes[i]);
        buffer_fini(&left);
        buffer_fini(&right);
        buffer_fini(&all);
    }
}

/* Columns are zero until they are filled, whatever the buffer held before; and a batch may follow another one. */
static void
begins_with_zeros(void **state)
{
    struct buffer out = {0}, clean = {0};
    struct batch_writer writer;
    struct batch batch;

    (void)state;
    memset(buffer_extend(&out, 4096), 0xff, 4096);
    out.size = 64;
    batch_begin(&writer, &toy, &out, 1, 2, (const uint32_t[]){5, 0, 3});
    batch_begin(&writer, &toy, &clean, 1, 2, (const uint32_t[]){5, 0, 3});
    assert_int_equal(out.size, 64 + clean.size);
    assert_memory_equal(out.data + 64, clean.data, clean.size);
    assert_int_equal(batch_read(&toy, out.data + 64, clean.size, &batch, NULL), 0);
    for (uint32_t c = 0; c < TOY_COUNT; c++)
        assert_int_equal((uintptr_t)batch_column(&writer, c) % 8, 0);
    buffer_fini(&out);
    buffer_fini(&clean);
}

/* ---- the registry's tables are sound ---- */

static void
schemas_are_sound(void **state)
{
    (void)state;
    assert_null(proto_schemas[proto_schema_count]);
    assert_null(schema_find(-1));
    assert_null(schema_find(0));
    assert_null(schema_find((int64_t)1 << 32 | 1));
    for (uint32_t s = 0; s < proto_schema_count; s++) {
        const struct schema *schema = proto_schemas[s];

        assert_ptr_equal(schema_find(schema->id), schema);
        assert_true(s == 0 || proto_schemas[s - 1]->id < schema->id);
        assert_in_range(schema->axis_count, 1, AXIS_MAX);
        assert_in_range(schema->column_count, 1, COLUMN_MAX);
        for (uint32_t c = 0; c < schema->column_count; c++) {
            const struct column *column = &schema->columns[c];

            assert_in_range(column->axis, 0, schema->axis_count - 1);
            assert_in_range(column->target, 0, schema->axis_count - 1);
            assert_true(column->low <= column->high);
            assert_true(column->kind != COLUMN_OFFSETS || column->target != column->axis);
            assert_true(((uint64_t)schema->axes[column->axis].max + 1) * column_width(column->kind) <= UINT32_MAX);
            for (uint32_t other = 0; other < c; other++)
                assert_string_not_equal(column->name, schema->columns[other].name);
        }
    }
}

int
main(void)
{
    const struct test_case cases[] = {
        {"writes the bytes worked out by hand", writes_known_bytes},
        {"reads back what it wrote", reads_back},
        {"refuses rows numbered past 32 bits", refuses_rows_past_32_bits},
        {"names the first bad row", names_the_row},
        {"finds a fall anywhere", finds_every_fall},
        {"any byte changed or cut away", every_byte_changed},
        {"joins batches worked out by hand", joins_known_batches},
        {"says what can be joined", says_what_can_be_joined},
        {"joining is associative", joining_is_associative},
        {"begins with zeros", begins_with_zeros},
        {"schemas are sound", schemas_are_sound},
    };

    return TEST_ROWS("batch_read, batch_check", rows, change_row) +
           TEST_ROWS("batches of every schema", schema_rows, random_batches) + TEST_CASES("columns", cases);
}
