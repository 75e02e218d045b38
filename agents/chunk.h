/* agents/chunk.h - one chunk of agents through one policy: a batch of observations in, a batch of decisions out. A pure
 * function, row by row: how agents are cut into chunks changes no decision. Policies that ask models take two steps:
 * observations to questions, then observations and answers to decisions. */
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
    struct policy_mind *minds;     /* of rows; room as rows */
    struct sandbox_reply *replies; /* of one row's offers */
    uint32_t mind_capacity, reply_capacity;
    struct policy_question question;
};
void chunk_scratch_fini(struct chunk_scratch *self);

/* Whether a read batch can be decided about: of one of the two rounds' schemas, for this seed, with all quotes, a step
 * below 2^48; where the policy asks models, no more rows and places than a prompt can have. ERR_FORMAT, ERR_STATE,
 * ERR_INVALID, ERR_LIMIT. */
MUST_CHECK int chunk_check(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, struct why *why);

/* Writes what the rows of a checked batch ask models as a batch of schema_prompt at the end of `out` (its used size
 * is a multiple of 8), in the order of the rows; also when none has a question, since whoever gives out budgets has to
 * know that these places are passed. False, and nothing is written: the policy asks nobody. */
bool chunk_ask(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint32_t phase,
               struct chunk_scratch *scratch, struct buffer *out);

/* Whether a read completion answers just what a prompt of chunk_ask() asks, place by place, with values in bounds.
 * ERR_INVALID. */
MUST_CHECK int chunk_answers_check(const struct batch *prompt, const struct batch *completion, struct why *why);

/* Decides for every row of a checked batch and writes the answer, with this tag, at the end of `out`. Whatever the
 * values observed, the answer passes batch_check(), but for an agent's id out of bounds, which is copied. Where the
 * policy asks models, `completion` is what they answered to chunk_ask(), checked; NULL: none of them could be asked. */
void chunk_hear(const struct chunk_policy *policy, const struct batch *ask, const struct batch *completion,
                uint64_t step, uint64_t tag, struct chunk_scratch *scratch, struct buffer *out);

/* The same without any answer. */
void chunk_decide(const struct chunk_policy *policy, const struct batch *ask, uint64_t step, uint64_t tag,
                  struct chunk_scratch *scratch, struct buffer *out);

#endif
