#include "proto/envelope.h"

#include <inttypes.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "core/digest.h"

/* Where each field's tag stands; its value follows, big-endian. */
enum {
    AT_ARRAY = 0, AT_MAGIC = 1, AT_MAJOR = 4, AT_MINOR = 6, AT_TYPE = 8, AT_FLAGS = 11, AT_RUN = 14, AT_EPOCH = 19,
    AT_STEP = 24, AT_CHUNK = 33, AT_ATTEMPT = 38, AT_SEQ = 43, AT_SIZE = 52, AT_HASH = 57, AT_PHASE = 66, AT_NIL = 71
};
_Static_assert(AT_NIL + 1 == ENVELOPE_SIZE, "the nil is the last byte");

/* clang-format off */
const struct envelope_field envelope_fields[ENVELOPE_FIELDS] = {
    {"array",        "array", AT_ARRAY,   0x9f, "15 elements follow"},
    {"magic",        "u16",   AT_MAGIC,   0xcd, "0xA45D"},
    {"major",        "u8",    AT_MAJOR,   0xcc, "another major version is refused"},
    {"minor",        "u8",    AT_MINOR,   0xcc, "a newer minor version may bring unknown types"},
    {"type",         "u16",   AT_TYPE,    0xcd, "number of the message"},
    {"flags",        "u16",   AT_FLAGS,   0xcd, "8: the last part of an answer"},
    {"run",          "u32",   AT_RUN,     0xce, "hash of the run's id"},
    {"epoch",        "u32",   AT_EPOCH,   0xce, "incarnation of the world"},
    {"step",         "u64",   AT_STEP,    0xcf, "step of the simulation"},
    {"chunk",        "u32",   AT_CHUNK,   0xce, "part of the step's work, or the id of a request"},
    {"attempt",      "u32",   AT_ATTEMPT, 0xce, "how often it was given out before"},
    {"seq",          "u64",   AT_SEQ,     0xcf, "one more with every message of a sender on a channel"},
    {"payload_size", "u32",   AT_SIZE,    0xce, "bytes of the frame that follows"},
    {"payload_hash", "u64",   AT_HASH,    0xcf, "XXH3-64 of that frame, seed 0"},
    {"phase",        "u32",   AT_PHASE,   0xce, "ordinal of the exchange within the step"},
    {"end",          "nil",   AT_NIL,     0xc0, "always nil"},
};
/* clang-format on */

void
envelope_write(struct envelope *self, const void *payload, size_t size, uint8_t out[ENVELOPE_SIZE])
{
    ASSERT(payload != NULL || size == 0);

    envelope_write_hashed(self, digest_xxh3(payload, size), size, out);
}

void
envelope_write_hashed(struct envelope *self, uint64_t hash, size_t size, uint8_t out[ENVELOPE_SIZE])
{
    ASSERT(self != NULL && out != NULL);
    ASSERT(size <= PAYLOAD_MAX);

    self->major = PROTO_MAJOR;
    self->minor = PROTO_MINOR;
    self->payload_size = (uint32_t)size;
    self->payload_hash = hash;

    for (uint32_t i = 0; i < ENVELOPE_FIELDS; i++)
        out[envelope_fields[i].offset] = envelope_fields[i].tag;
    bytes_put_u16_be(out + AT_MAGIC + 1, ENVELOPE_MAGIC);
    out[AT_MAJOR + 1] = self->major;
    out[AT_MINOR + 1] = self->minor;
    bytes_put_u16_be(out + AT_TYPE + 1, self->type);
    bytes_put_u16_be(out + AT_FLAGS + 1, self->flags);
    bytes_put_u32_be(out + AT_RUN + 1, self->run);
    bytes_put_u32_be(out + AT_EPOCH + 1, self->epoch);
    bytes_put_u64_be(out + AT_STEP + 1, self->step);
    bytes_put_u32_be(out + AT_CHUNK + 1, self->chunk);
    bytes_put_u32_be(out + AT_ATTEMPT + 1, self->attempt);
    bytes_put_u64_be(out + AT_SEQ + 1, self->seq);
    bytes_put_u32_be(out + AT_SIZE + 1, self->payload_size);
    bytes_put_u64_be(out + AT_HASH + 1, self->payload_hash);
    bytes_put_u32_be(out + AT_PHASE + 1, self->phase);
}

int
envelope_read(const void *bytes, size_t size, struct envelope *out, struct why *why)
{
    const uint8_t *in = bytes;

    ASSERT(out != NULL);
    ASSERT(bytes != NULL || size == 0);

    if (size != ENVELOPE_SIZE)
        return fail(why, ERR_FORMAT, "a header has %u bytes, not %zu", ENVELOPE_SIZE, size);
    for (uint32_t i = 0; i < ENVELOPE_FIELDS; i++)
        if (in[envelope_fields[i].offset] != envelope_fields[i].tag)
            return fail(why, ERR_FORMAT, "byte %u of the header is %02x, not %02x: no tag of field %s",
                        (unsigned)envelope_fields[i].offset, (unsigned)in[envelope_fields[i].offset],
                        (unsigned)envelope_fields[i].tag, envelope_fields[i].name);
    if (bytes_get_u16_be(in + AT_MAGIC + 1) != ENVELOPE_MAGIC)
        return fail(why, ERR_FORMAT, "the header's magic is %04x, not %04x",
                    (unsigned)bytes_get_u16_be(in + AT_MAGIC + 1), ENVELOPE_MAGIC);
    if (in[AT_MAJOR + 1] != PROTO_MAJOR)
        return fail(why, ERR_VERSION, "the peer speaks protocol %u.%u, this program %u.%u: use the same build on both",
                    (unsigned)in[AT_MAJOR + 1], (unsigned)in[AT_MINOR + 1], PROTO_MAJOR, PROTO_MINOR);
    if (bytes_get_u32_be(in + AT_SIZE + 1) > PAYLOAD_MAX)
        return fail(why, ERR_FORMAT, "the header announces %" PRIu32 " bytes of payload, over the limit of %u",
                    bytes_get_u32_be(in + AT_SIZE + 1), PAYLOAD_MAX);
    *out = (struct envelope){
        .major = in[AT_MAJOR + 1],
        .minor = in[AT_MINOR + 1],
        .type = bytes_get_u16_be(in + AT_TYPE + 1),
        .flags = bytes_get_u16_be(in + AT_FLAGS + 1),
        .run = bytes_get_u32_be(in + AT_RUN + 1),
        .epoch = bytes_get_u32_be(in + AT_EPOCH + 1),
        .step = bytes_get_u64_be(in + AT_STEP + 1),
        .phase = bytes_get_u32_be(in + AT_PHASE + 1),
        .chunk = bytes_get_u32_be(in + AT_CHUNK + 1),
        .attempt = bytes_get_u32_be(in + AT_ATTEMPT + 1),
        .seq = bytes_get_u64_be(in + AT_SEQ + 1),
        .payload_size = bytes_get_u32_be(in + AT_SIZE + 1),
        .payload_hash = bytes_get_u64_be(in + AT_HASH + 1),
    };
    return 0;
}

int
envelope_check(const struct envelope *self, const void *payload, size_t size, struct why *why)
{
    uint64_t hash;

    ASSERT(self != NULL);
    ASSERT(payload != NULL || size == 0);

    if (size != self->payload_size)
        return fail(why, ERR_FORMAT, "the payload has %zu bytes, its header says %" PRIu32, size, self->payload_size);
    hash = digest_xxh3(payload, size);
    if (hash != self->payload_hash)
        return fail(why, ERR_DIGEST, "the payload hashes to %016" PRIx64 ", its header says %016" PRIx64, hash,
                    self->payload_hash);
    return 0;
}
