/* A header that is taken is written back as the same bytes, and msgpack-c prints the same values. The first 72 bytes
 * are the header, the rest the payload; the same bytes also serve as the fields of a header that must be taken. */
#include <string.h>

#include "core/assert.h"
#include "core/bytes.h"
#include "proto/envelope.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/oracle.h"

static void
check_oracle(const uint8_t header[ENVELOPE_SIZE], const struct envelope *want)
{
    const uint64_t values[] = {
        ENVELOPE_MAGIC, want->major, want->minor,   want->type, want->flags,        want->run,          want->epoch,
        want->step,     want->chunk, want->attempt, want->seq,  want->payload_size, want->payload_hash, want->phase,
    };
    msgpack_unpacked value;

    msgpack_unpacked_init(&value);
    ASSERT(oracle_reads(&value, header, ENVELOPE_SIZE));
    ASSERT(value.data.type == MSGPACK_OBJECT_ARRAY && value.data.via.array.size == 15);
    for (uint32_t i = 0; i < 14; i++)
        ASSERT(value.data.via.array.ptr[i].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
               value.data.via.array.ptr[i].via.u64 == values[i]);
    ASSERT(value.data.via.array.ptr[14].type == MSGPACK_OBJECT_NIL);
    msgpack_unpacked_destroy(&value);
}

static void
check_taken(const uint8_t *header, const struct envelope *taken)
{
    struct envelope copy = *taken;
    uint8_t again[ENVELOPE_SIZE];

    envelope_write_hashed(&copy, taken->payload_hash, taken->payload_size, again);
    again[7] = taken->minor;
    ASSERT(memcmp(header, again, ENVELOPE_SIZE) == 0);
    check_oracle(header, taken);
}

static void
check_made(const uint8_t *data, size_t size)
{
    struct envelope made = {
        .type = bytes_get_u16(data), .flags = bytes_get_u16(data + 2), .run = bytes_get_u32(data + 4),
        .epoch = bytes_get_u32(data + 8), .step = bytes_get_u64(data + 12), .phase = bytes_get_u32(data + 20),
        .chunk = bytes_get_u32(data + 24), .attempt = bytes_get_u32(data + 28), .seq = bytes_get_u64(data + 32),
    };
    struct envelope taken;
    uint8_t header[ENVELOPE_SIZE];

    envelope_write(&made, data, size, header);
    ASSERT(envelope_read(header, sizeof header, &taken, NULL) == 0);
    ASSERT(taken.type == made.type && taken.flags == made.flags && taken.run == made.run && taken.seq == made.seq);
    ASSERT(taken.epoch == made.epoch && taken.step == made.step && taken.phase == made.phase);
    ASSERT(taken.chunk == made.chunk && taken.attempt == made.attempt);
    ASSERT(envelope_check(&taken, data, size, NULL) == 0);
    ASSERT(envelope_check(&taken, data, size - 1, NULL) == ERR_FORMAT);
    check_taken(header, &taken);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t head = size < ENVELOPE_SIZE ? size : ENVELOPE_SIZE;
    struct envelope taken;
    struct why why = {0};
    int code = envelope_read(data, head, &taken, &why);

    ASSERT(code == 0 || code == ERR_FORMAT || code == ERR_VERSION);
    ASSERT(code == 0 || why.text[0] != '\0');
    if (code == 0) {
        check_taken(data, &taken);
        code = envelope_check(&taken, data + head, size - head, &why);
        ASSERT(code == 0 || code == ERR_FORMAT || code == ERR_DIGEST);
    }
    if (size >= 40)
        check_made(data, size);
    return 0;
}
