#include "world/record.h"

#include <string.h>

#include "core/bytes.h"
#include "tests/support/test.h"

/* ---- sections ---- */

static const uint8_t three[] = {1, 2, 3};

static void
section_layout(void **state)
{
    static const uint8_t want[35] = {
        2, 0, 0, 0, 7, 0, 0, 0, 0x39, 0x30, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x2a, 0, 0, 0, 0, 0, 0, 0,
        3, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3,
    };
    struct buffer data = {0};

    (void)state;
    record_put(&data, &(struct section){.kind = SECTION_ANSWERS, .phase = 7, .round = 12345, .slot = UINT32_MAX,
                                        .schema = 42, .bytes = three, .size = 3});
    assert_int_equal(data.size, sizeof want);
    assert_memory_equal(data.data, want, sizeof want);
    buffer_fini(&data);
}

static void
section_round_trip(void **state)
{
    static const uint64_t sizes[] = {0, 3, 1, 1048560, 0, 7};
    static uint8_t bytes[1048560];
    struct buffer data = {0};
    struct section out;
    struct why why = {0};
    uint64_t offset = 0;

    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        memset(bytes, (int)(i + 1), sizes[i]);
        record_put(&data, &(struct section){.kind = i + 1, .phase = i, .round = i * 10, .slot = i * 100,
                                            .schema = i * 1000, .bytes = bytes, .size = sizes[i]});
    }
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(record_next(data.data, data.size, &offset, &out, &why), 0);
        assert_int_equal(out.kind, i + 1);
        assert_int_equal(out.phase, i);
        assert_int_equal(out.round, i * 10);
        assert_int_equal(out.slot, i * 100);
        assert_int_equal(out.schema, i * 1000);
        assert_int_equal(out.size, sizes[i]);
        for (uint64_t k = 0; k < out.size; k++)
            assert_int_equal(out.bytes[k], i + 1);
    }
    assert_int_equal(offset, data.size);
    assert_int_equal(record_next(data.data, data.size, &offset, &out, &why), ERR_MISSING);
    assert_int_equal(offset, data.size);
    buffer_fini(&data);
}

static void
section_none(void **state)
{
    struct section out;
    struct why why = {0};
    uint64_t offset = 0;

    (void)state;
    assert_int_equal(record_next(NULL, 0, &offset, &out, &why), ERR_MISSING);
}

static const struct section_row {
    const char *name;
    uint32_t at, value; /* a u32 of the header that is changed, */
    uint64_t cut;       /* or bytes taken off the end */
    int want;
} section_rows[] = {
    {"whole", .at = 0, .value = 1, .want = 0},
    {"kind 0", .at = 0, .value = 0, .want = ERR_FORMAT},
    {"last kind", .at = 0, .value = 6, .want = 0},
    {"kind over the last", .at = 0, .value = 7, .want = ERR_FORMAT},
    {"schema of 16 bits", .at = 16, .value = 65535, .want = 0},
    {"schema over 16 bits", .at = 16, .value = 65536, .want = ERR_FORMAT},
    {"spare bytes in use", .at = 20, .value = 1, .want = ERR_FORMAT},
    {"size one more than is left", .at = 24, .value = 9, .want = ERR_FORMAT},
    {"size of 2^63 and more", .at = 28, .value = 0x80000000u, .want = ERR_FORMAT},
    {"size of all ones", .at = 28, .value = UINT32_MAX, .want = ERR_FORMAT},
    {"one byte cut off", .at = 0, .value = 1, .cut = 1, .want = ERR_FORMAT},
    {"cut within the header", .at = 0, .value = 1, .cut = 9, .want = ERR_FORMAT},
    {"one byte left", .at = 0, .value = 1, .cut = 39, .want = ERR_FORMAT},
};

static void
section_damage(void **state)
{
    const struct section_row *row = *state;
    struct buffer data = {0};
    struct section out;
    struct why why = {0};
    uint64_t offset = 0;

    record_put(&data, &(struct section){.kind = SECTION_INPUT, .bytes = (const uint8_t *)"12345678", .size = 8});
    bytes_put_u32(data.data + row->at, row->value);
    data.size -= row->cut;
    assert_int_equal(record_next(data.data, data.size, &offset, &out, &why), row->want);
    assert_int_equal(offset, row->want == 0 ? 40 : 0);
    buffer_fini(&data);
}

/* ---- header ---- */

static void
header_layout(void **state)
{
    /* map of 4; str "step" 5; str "simulation_epoch" u8 200; str "section_count" u16 300; str "data_size" u32 70000 */
    static const char want[] = "\x84\xa4step\x05\xb0simulation_epoch\xcc\xc8\xadsection_count\xcd\x01\x2c"
                               "\xa9"
                               "data_size\xce\x00\x01\x11\x70";
    struct record_head header = {.step = 5, .simulation_epoch = 200, .section_count = 300, .data_size = 70000};
    struct buffer out = {0};

    (void)state;
    record_head_write(&header, &out);
    assert_int_equal(out.size, sizeof want - 1);
    assert_memory_equal(out.data, want, out.size);
    buffer_fini(&out);
}

static const struct header_row {
    const char *name;
    struct record_head header;
} header_rows[] = {
    {"zeros", {0}},
    {"small", {1, 2, 3, 4}},
    {"largest", {UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT64_MAX}},
};

static void
header_round_trip(void **state)
{
    const struct header_row *row = *state;
    struct record_head back;
    struct buffer out = {0};
    struct why why = {0};

    record_head_write(&row->header, &out);
    assert_int_equal(record_head_read(out.data, out.size, &back, &why), 0);
    assert_int_equal(back.step, row->header.step);
    assert_int_equal(back.simulation_epoch, row->header.simulation_epoch);
    assert_int_equal(back.section_count, row->header.section_count);
    assert_int_equal(back.data_size, row->header.data_size);
    for (size_t size = 0; size < out.size; size++) /* no prefix is a header */
        assert_int_equal(record_head_read(out.data, size, &back, &why), ERR_FORMAT);
    buffer_append(&out, "\xc0", 1);
    assert_int_equal(record_head_read(out.data, out.size, &back, &why), ERR_FORMAT);
    buffer_fini(&out);
}

#define SIX "\xa4step\x05\xb0simulation_epoch\x01\xadsection_count\x02\xa9" "data_size"
static const struct damage_row {
    const char *name, *bytes;
    size_t size;
    int want;
} damage_rows[] = {
    {"good", "\x84" SIX "\x03", sizeof("\x84" SIX "\x03") - 1, 0},
    {"five fields claimed", "\x85" SIX "\x03", sizeof("\x85" SIX "\x03") - 1, ERR_FORMAT},
    {"three fields claimed", "\x83" SIX "\x03", sizeof("\x83" SIX "\x03") - 1, ERR_FORMAT},
    {"an array", "\x94" SIX "\x03", sizeof("\x94" SIX "\x03") - 1, ERR_FORMAT},
    {"text for a number", "\x84" SIX "\xa1x", sizeof("\x84" SIX "\xa1x") - 1, ERR_FORMAT},
    {"other name", "\x84\xa4stop\x05", 7, ERR_FORMAT},
    {"an epoch over 32 bits",
     "\x84\xa4step\x05\xb0simulation_epoch\xcf\x00\x00\x00\x01\x00\x00\x00\x00\xadsection_count\x02"
     "\xa9" "data_size\x03", 64, ERR_FORMAT},
};

static void
header_damage(void **state)
{
    const struct damage_row *row = *state;
    struct record_head back = {0};
    struct why why = {0};

    assert_int_equal(record_head_read(row->bytes, row->size, &back, &why), row->want);
    assert_int_equal(why.code, row->want);
    assert_int_equal(back.step, row->want == 0 ? 5 : 0);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a section lies as described", section_layout},
        {"sections follow each other", section_round_trip},
        {"nothing holds no section", section_none},
        {"a header lies as described", header_layout},
    };

    return TEST_CASES("record", cases) + TEST_ROWS("record_next", section_rows, section_damage) +
           TEST_ROWS("record_head", header_rows, header_round_trip) +
           TEST_ROWS("record_head_read", damage_rows, header_damage);
}
