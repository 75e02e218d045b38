/* agents/chunk.h - one chunk of agents through one policy: a batch of observations in, a batch of decisions out. A pure
 * function, row by row: how agents are cut into chunks changes no decision. */
#ifndef POLIS_AGENTS_CHUNK_H
#define POLIS_AGENTS_CHUNK_H

#include "agents/policy.h"
#include "core/buffer.h"

/* Who decides, and how. */
struct chunk_policy {
    const struct policy *policy;
    const void *params;
    uint64_t seed;
};

/* Room used again from chunk to chunk. Start from {0}. */
struct chunk_scratch {
    struct chunk_row *rows;
    uint32_t capacity;
    struct buffer text, memory;
};
void chunk_scratch_fini(struct chunk_scratch *self);

/* Whether a read batch can be decided about: of one of the two rounds' schemas, for this seed, with all quotes, a step
 * below 2^48. ERR_FORMAT, ERR_STATE, ERR_INVALID. */
MUST_CHECK int chunk_check(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, struct why *why);

/* Decides for every row of a checked batch and writes the answer, with this tag, at the end of `out`. Whatever the
 * values observed, the answer passes batch_check(), but for an agent's id out of bounds, which is copied. */
void chunk_decide(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint64_t tag,
                  struct chunk_scratch *scratch, struct buffer *out);

#endif
