#include <string.h>

#include <msgpack/pack.h>
#include <msgpack/sbuffer.h>
#include <msgpack/unpack.h>

#include "core/bytes.h"
#include "core/rng.h"
#include "core/streams.h"
#include "proto/cursor.h"
#include "proto/envelope.h"
#include "tests/support/test.h"

/* Worked by hand: XXH3-64 of nothing is 2d06800538d394c2 (the algorithm's published value for seed 0). */
static const uint8_t header_of_nothing[ENVELOPE_SIZE] = {
    0x9f, 0xcd, 0xa4, 0x5d, 0xcc, 0x01, 0xcc, 0x00, 0xcd, 0x00, 0x15, 0xcd, 0x00, 0x08, 0xce, 0x01, 0x02, 0x03,
    0x04, 0xce, 0x00, 0x00, 0x00, 0x07, 0xcf, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02, 0xce, 0x00, 0x00,
    0x00, 0x03, 0xce, 0x00, 0x00, 0x00, 0x04, 0xcf, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0xce, 0x00,
    0x00, 0x00, 0x00, 0xcf, 0x2d, 0x06, 0x80, 0x05, 0x38, 0xd3, 0x94, 0xc2, 0xce, 0x00, 0x00, 0x00, 0x05, 0xc0,
};

static struct envelope
envelope_of_nothing(void)
{
    return (struct envelope){.type = 21, .flags = FLAG_LAST, .run = 0x01020304, .epoch = 7, .step = 0x100000002,
                             .phase = 5, .chunk = 3, .attempt = 4, .seq = 256};
}

/* Field by field: the struct has padding. */
static void
assert_same(const struct envelope *a, const struct envelope *b)
{
    assert_true(a->major == b->major && a->minor == b->minor && a->type == b->type && a->flags == b->flags);
    assert_true(a->run == b->run && a->epoch == b->epoch && a->step == b->step && a->phase == b->phase);
    assert_true(a->chunk == b->chunk && a->attempt == b->attempt && a->seq == b->seq);
    assert_true(a->payload_size == b->payload_size && a->payload_hash == b->payload_hash);
}

static void
writes_known_bytes(void **state)
{
    struct envelope head = envelope_of_nothing(), got;
    uint8_t out[ENVELOPE_SIZE];

    (void)state;
    envelope_write(&head, NULL, 0, out);
    assert_memory_equal(out, header_of_nothing, ENVELOPE_SIZE);
    assert_int_equal(head.major, PROTO_MAJOR);
    assert_int_equal(head.minor, PROTO_MINOR);
    assert_int_equal(head.payload_size, 0);
    assert_true(head.payload_hash == 0x2d06800538d394c2);
    assert_int_equal(envelope_read(out, sizeof out, &got, NULL), 0);
    assert_same(&got, &head);
    assert_int_equal(envelope_check(&got, NULL, 0, NULL), 0);
}

/* Every tag, and the magic, has one right value; every size but 72 is refused. */
static void
refuses_other_tags(void **state)
{
    uint8_t bytes[ENVELOPE_SIZE + 1];
    struct envelope got;

    (void)state;
    for (uint32_t i = 0; i < ENVELOPE_FIELDS; i++) {
        for (uint32_t tag = 0; tag < 256; tag++) {
            struct why why = {0};
            int want = tag == envelope_fields[i].tag ? 0 : ERR_FORMAT;

            memcpy(bytes, header_of_nothing, ENVELOPE_SIZE);
            bytes[envelope_fields[i].offset] = (uint8_t)tag;
            assert_int_equal(envelope_read(bytes, ENVELOPE_SIZE, &got, &why), want);
            assert_int_equal(why.code, want);
        }
    }
    memcpy(bytes, header_of_nothing, ENVELOPE_SIZE);
    for (size_t size = 0; size <= ENVELOPE_SIZE + 1; size++)
        assert_int_equal(envelope_read(bytes, size, &got, NULL), size == ENVELOPE_SIZE ? 0 : ERR_FORMAT);
    assert_int_equal(envelope_read(NULL, 0, &got, NULL), ERR_FORMAT);
}

static const struct change {
    const char *name;
    uint8_t at, to;
    int want;
} changes[] = {
    {"refuses another magic, first byte", 2, 0xa5, ERR_FORMAT},
    {"refuses another magic, second byte", 3, 0x00, ERR_FORMAT},
    {"refuses an older major version", 5, PROTO_MAJOR - 1, ERR_VERSION},
    {"refuses a newer major version", 5, PROTO_MAJOR + 1, ERR_VERSION},
    {"takes a newer minor version", 7, PROTO_MINOR + 1, 0},
    {"takes an unknown type: who reads it decides", 9, 0xff, 0},
    {"takes the largest payload", 53, PAYLOAD_MAX >> 24, 0},
    {"refuses a larger payload", 53, (PAYLOAD_MAX >> 24) + 1, ERR_FORMAT},
};

static void
change_row(void **state)
{
    const struct change *row = *state;
    uint8_t bytes[ENVELOPE_SIZE];
    struct envelope got;
    struct why why = {0};

    memcpy(bytes, header_of_nothing, ENVELOPE_SIZE);
    bytes[row->at] = row->to;
    assert_int_equal(envelope_read(bytes, sizeof bytes, &got, &why), row->want);
    assert_int_equal(why.code, row->want);
}

static void
checks_payload(void **state)
{
    const char payload[] = "the quick brown fox jumps over the lazy dog";
    char other[sizeof payload];
    struct envelope head = envelope_of_nothing();
    uint8_t out[ENVELOPE_SIZE];

    (void)state;
    envelope_write(&head, payload, sizeof payload, out);
    assert_int_equal(envelope_check(&head, payload, sizeof payload, NULL), 0);
    assert_int_equal(envelope_check(&head, payload, sizeof payload - 1, NULL), ERR_FORMAT);
    assert_int_equal(envelope_check(&head, NULL, 0, NULL), ERR_FORMAT);
    for (size_t i = 0; i < 8 * sizeof payload; i++) {
        memcpy(other, payload, sizeof payload);
        other[i / 8] = (char)(other[i / 8] ^ 1 << i % 8);
        assert_int_equal(envelope_check(&head, other, sizeof other, NULL), ERR_DIGEST);
    }
}

static struct envelope
random_envelope(uint32_t seed)
{
    struct rng rng = rng_make(13, STREAM_TEST, seed, 0);

    return (struct envelope){
        .major = PROTO_MAJOR,
        .minor = PROTO_MINOR,
        .type = (uint16_t)rng_u32(&rng),
        .flags = (uint16_t)rng_u32(&rng),
        .run = rng_u32(&rng),
        .epoch = rng_u32(&rng) >> rng_below(&rng, 32),
        .step = rng_u64(&rng) >> rng_below(&rng, 64),
        .phase = rng_u32(&rng),
        .chunk = rng_u32(&rng),
        .attempt = rng_u32(&rng),
        .seq = rng_u64(&rng),
        .payload_size = rng_below(&rng, PAYLOAD_MAX + 1),
        .payload_hash = rng_u64(&rng),
    };
}

/* Ours, read by msgpack-c; and the same values written by msgpack-c with forced widths, read by us. */
static void
agrees_with_oracle(void **state)
{
    msgpack_sbuffer theirs;
    msgpack_packer p;

    (void)state;
    msgpack_sbuffer_init(&theirs);
    msgpack_packer_init(&p, &theirs, msgpack_sbuffer_write);
    for (uint32_t seed = 0; seed < 2000; seed++) {
        struct envelope head = random_envelope(seed), got;
        const uint64_t want[14] = {ENVELOPE_MAGIC, PROTO_MAJOR, PROTO_MINOR, head.type, head.flags, head.run,
                                   head.epoch, head.step, head.chunk, head.attempt, head.seq, head.payload_size,
                                   head.payload_hash, head.phase};
        uint8_t ours[ENVELOPE_SIZE];
        msgpack_unpacked value;
        size_t offset = 0;

        envelope_write_hashed(&head, head.payload_hash, head.payload_size, ours);
        assert_int_equal(guard_check(ours, sizeof ours, 1, 16, NULL), 0);
        msgpack_unpacked_init(&value);
        assert_int_equal(msgpack_unpack_next(&value, (char *)ours, sizeof ours, &offset), MSGPACK_UNPACK_SUCCESS);
        assert_int_equal(offset, ENVELOPE_SIZE);
        assert_int_equal(value.data.type, MSGPACK_OBJECT_ARRAY);
        assert_int_equal(value.data.via.array.size, 15);
        for (uint32_t i = 0; i < 14; i++)
            if (value.data.via.array.ptr[i].type != MSGPACK_OBJECT_POSITIVE_INTEGER ||
                value.data.via.array.ptr[i].via.u64 != want[i])
                fail_msg("seed %u: element %u differs", seed, i);
        assert_int_equal(value.data.via.array.ptr[14].type, MSGPACK_OBJECT_NIL);
        msgpack_unpacked_destroy(&value);

        msgpack_sbuffer_clear(&theirs);
        msgpack_pack_array(&p, 15);
        msgpack_pack_fix_uint16(&p, ENVELOPE_MAGIC), msgpack_pack_fix_uint8(&p, PROTO_MAJOR);
        msgpack_pack_fix_uint8(&p, PROTO_MINOR), msgpack_pack_fix_uint16(&p, head.type);
        msgpack_pack_fix_uint16(&p, head.flags), msgpack_pack_fix_uint32(&p, head.run);
        msgpack_pack_fix_uint32(&p, head.epoch), msgpack_pack_fix_uint64(&p, head.step);
        msgpack_pack_fix_uint32(&p, head.chunk), msgpack_pack_fix_uint32(&p, head.attempt);
        msgpack_pack_fix_uint64(&p, head.seq), msgpack_pack_fix_uint32(&p, head.payload_size);
        msgpack_pack_fix_uint64(&p, head.payload_hash), msgpack_pack_fix_uint32(&p, head.phase);
        msgpack_pack_nil(&p);
        assert_int_equal(envelope_read(theirs.data, theirs.size, &got, NULL), 0);
        assert_same(&got, &head);
    }
    msgpack_sbuffer_destroy(&theirs);
}

int
main(void)
{
    const struct test_case cases[] = {
        {"writes the bytes worked out by hand", writes_known_bytes},
        {"refuses every other tag and size", refuses_other_tags},
        {"checks the payload's size and every bit", checks_payload},
        {"agrees with msgpack-c both ways", agrees_with_oracle},
    };

    return TEST_CASES("envelope", cases) + TEST_ROWS("envelope_read", changes, change_row);
}
