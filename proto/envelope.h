/* proto/envelope.h - the 72 bytes in front of every payload: valid MessagePack (an array of 15) whose tags have
 * forced widths, so that every field sits at a fixed offset and any MessagePack tool can still print it.
 *
 *   off tag  field          off tag  field           off tag  field
 *    0  9f   array of 15     19  ce   epoch    u32    52  ce   payload size u32
 *    1  cd   magic    u16    24  cf   step     u64    57  cf   XXH3-64 of the payload
 *    4  cc   major    u8     33  ce   chunk    u32    66  ce   phase    u32
 *    6  cc   minor    u8     38  ce   attempt  u32    71  c0   nil
 *    8  cd   type     u16    43  cf   seq      u64
 *   11  cd   flags    u16
 *   14  ce   run      u32
 *
 * (run, epoch, step, phase, chunk, attempt) is the fence: a reply is taken only while its fence is outstanding. */
#ifndef POLIS_PROTO_ENVELOPE_H
#define POLIS_PROTO_ENVELOPE_H

#include "core/error.h"

#include <stddef.h>
#include <stdint.h>

#define ENVELOPE_SIZE 72u
#define ENVELOPE_MAGIC 0xA45Du
#define PROTO_MAJOR 1u
#define PROTO_MINOR 0u
#define PAYLOAD_MAX (256u << 20)        /* bytes, data channel: the docket of a million agents */
#define PAYLOAD_CONTROL_MAX (1u << 20)  /* bytes, control channel */

enum envelope_flag { FLAG_LAST = 8 };

struct envelope {
    uint8_t major, minor;  /* filled by envelope_write() */
    uint16_t type;         /* enum message_type */
    uint16_t flags;
    uint32_t run;          /* hash of the run's id */
    uint32_t epoch;        /* incarnation of the world (not of the simulation) */
    uint64_t step;
    uint32_t phase;        /* ordinal of the exchange within the step */
    uint32_t chunk;        /* or the id of a request */
    uint32_t attempt;
    uint64_t seq;          /* per sender and channel, strictly +1; filled by the bus */
    uint32_t payload_size; /* filled by envelope_write() */
    uint64_t payload_hash; /* filled by envelope_write() */
};

/* The layout as a table: the array's head first, then each of its elements. */
struct envelope_field {
    const char *name, *kind;
    uint8_t offset; /* of the tag; the value follows, big-endian */
    uint8_t tag;
    const char *doc;
};
#define ENVELOPE_FIELDS 16u
extern const struct envelope_field envelope_fields[ENVELOPE_FIELDS];

/* Writes the header of `payload` (may be NULL when size is 0): version, size and hash are set in `self` too. */
void envelope_write(struct envelope *self, const void *payload, size_t size, uint8_t out[ENVELOPE_SIZE]);

/* As envelope_write() for a payload whose XXH3-64 is already known. */
void envelope_write_hashed(struct envelope *self, uint64_t hash, size_t size, uint8_t out[ENVELOPE_SIZE]);

/* Reads and checks every tag, the magic and the major version. ERR_FORMAT, ERR_VERSION. */
MUST_CHECK int envelope_read(const void *bytes, size_t size, struct envelope *out, struct why *why);

/* Size and hash of the payload against the header. ERR_FORMAT, ERR_DIGEST. */
MUST_CHECK int envelope_check(const struct envelope *self, const void *payload, size_t size, struct why *why);

#endif
