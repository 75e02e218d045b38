/* world/record.h - how a step lies in the log: a header map and a run of sections, each 32 bytes of header and a
 * batch (or, for inputs, a MessagePack map). Written by the step, read by recovery, replay, export and governance. */
#ifndef POLIS_WORLD_RECORD_H
#define POLIS_WORLD_RECORD_H

#include "core/buffer.h"
#include "core/error.h"

#include <stdint.h>

enum section_kind {
    SECTION_INPUT = 1,   /* an operator's command: MessagePack map {source, source_seq, verb, argument} */
    SECTION_ANSWERS = 2, /* agents' answers of one group in one exchange */
    SECTION_DOCKET = 3,  /* what governance was asked */
    SECTION_VERDICT = 4, /* what it said */
    SECTION_EVENTS = 5,  /* the domain's events */
    SECTION_FIGURES = 6, /* a `summary` batch, at the end of an epoch; round: enum figures_of */
    SECTION_STATE = 32,  /* a fork's base alone: the domain's whole state, as it saves itself */
    SECTION_COURT = 33,  /* a fork's base alone: governance's state */
};

/* What a section of figures is about. */
enum figures_of { FIGURES_EPOCH, FIGURES_RUN /* so far */ };

struct section {
    uint32_t kind;
    uint32_t phase; /* ordinal of the exchange within the step */
    uint32_t round; /* the domain's number of the exchange */
    uint32_t slot;  /* policy slot; UINT32_MAX for none */
    uint32_t schema; /* of the batch; 0 for a map */
    const uint8_t *bytes; /* lent */
    uint64_t size;
};

#define SECTION_HEADER 32u

/* A section's header, little-endian: u32 kind, u32 phase, u32 round, u32 slot, u32 schema, u32 0, u64 size.
 * Sections follow each other without gaps. */
void record_put(struct buffer *data, const struct section *section);
/* Reads the section at *offset (<= size) and moves past it. ERR_FORMAT, and ERR_MISSING at the end: *offset stays. */
MUST_CHECK int record_next(const void *data, uint64_t size, uint64_t *offset, struct section *out, struct why *why);

struct record_head {
    uint64_t step;
    uint32_t simulation_epoch;
    uint32_t section_count;
    uint64_t data_size;
};
/* A MessagePack map of these four in this order: equal headers are equal bytes. */
void record_head_write(const struct record_head *self, struct buffer *out);
MUST_CHECK int record_head_read(const void *bytes, size_t size, struct record_head *out, struct why *why);

#endif
