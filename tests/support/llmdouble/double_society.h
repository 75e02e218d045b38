/* tests/support/llmdouble/double_society.h - the two models of the society domain, without models: a writer that tells
 * what two parties do in one of fourteen sentences of a small English, and a compiler that reads exactly these
 * sentences into the patch schema. So a demonstration runs the whole way with sense. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_SOCIETY_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_SOCIETY_H

#include "core/rng.h"
#include "tests/support/llmdouble/double_json.h"

#define DOUBLE_SENTENCES 14u

/* {"scene": ..., "outcome_summary": ...}. The parties are the first two aliases in the packet; with one there is
 * production, with none they are N1 and N2. `packet` may be NULL. */
void double_society_write(const struct double_json *packet, struct rng *rng, struct buffer *out);

/* Sentence `number` (from 0) about two parties. */
void double_society_sentence(uint32_t number, const char *one, const char *other, struct rng *rng, struct buffer *out);

/* The patch of the packet's outcome_summary; no ops when it is none of the sentences. */
void double_society_compile(const struct double_json *packet, struct buffer *out);

#endif
