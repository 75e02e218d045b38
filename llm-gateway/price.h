/* llm-gateway/price.h - what a call may cost and did cost. Whole numbers only, millionths of a currency unit and prices
 * for a million tokens, so that a budget that holds on one machine holds on every other. Rounded up where it is not
 * even: what is reserved or charged is never too little. */
#ifndef POLIS_LLM_GATEWAY_PRICE_H
#define POLIS_LLM_GATEWAY_PRICE_H

#include "core/error.h"
#include "core/yaml.h"

#include <stdbool.h>
#include <stdint.h>

#define PRICE_TOKENS_PER_MESSAGE 8u

/* Millionths of a currency unit for a million tokens. Text that the provider had cached costs `cached`. */
struct price {
    int64_t in, cached, out;
};

/* Reads `free` or {in: 0.15, cached: 0.075, out: 0.6} (currency units per million tokens; cached: as `in` unless
 * given; in and out must be given). `node` NULL is refused: a model of unknown price is not asked. */
MUST_CHECK int price_read(const struct yaml_node *node, struct price *out, struct why *why);

/* The cost of a call in millionths; `tokens_cached` are part of `tokens_in` (more of them count as all). ERR_LIMIT when
 * it does not fit. */
MUST_CHECK int price_cost(const struct price *self, uint64_t tokens_in, uint64_t tokens_cached, uint64_t tokens_out,
    int64_t *out, struct why *why);

/* Tokens that `bytes` of prompt in `messages` messages are taken for: ceil(bytes / bytes per token) and 8 a message.
 * bytes_per_token_x10 > 0: tenths of a byte, 25 unless the scenario says otherwise. Fixed, not learned, so that
 * admission depends on nothing else. */
uint64_t price_estimate(uint64_t bytes, uint32_t messages, uint32_t bytes_per_token_x10);

/* What is set aside for a call before it is made: tokens_in estimated, tokens_out in full, nothing cached. */
struct price_reserve {
    uint64_t tokens; /* in and out */
    int64_t cost;    /* millionths */
};
MUST_CHECK int price_reserve(
    const struct price *self, uint64_t tokens_in, uint32_t out_max, struct price_reserve *out, struct why *why);

#endif
