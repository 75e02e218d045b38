#include "llm-gateway/price.h"

#include <inttypes.h>
#include <string.h>

#include "core/assert.h"
#include "core/money.h"
#include "core/params.h"
#include "core/wide.h"

/* No price is known without being said: below zero stands for "not given". */
#define PRICE_PARAMS(P, S)                                                                                           \
    P(S, MONEY, in, -1.0, -1.0, 1e6, "currency", "a million tokens of prompt")                                       \
    P(S, MONEY, cached, -1.0, -1.0, 1e6, "currency", "a million tokens of prompt that the provider had cached")      \
    P(S, MONEY, out, -1.0, -1.0, 1e6, "currency", "a million tokens of answer")
PARAMS_DEFINE(price_given, PRICE_PARAMS)

int
price_read(const struct yaml_node *node, struct price *out, struct why *why)
{
    struct price_given given;
    int code;

    if (node == NULL)
        return fail(why, ERR_MISSING, "no price; write `price: free` for a model that costs nothing");
    if (node->kind == YAML_SCALAR && strcmp(node->text, "free") == 0) {
        *out = (struct price){0};
        return 0;
    }
    if (node->kind != YAML_MAP)
        return yaml_fail(node, why, ERR_INVALID, "a price is `free` or {in: , cached: , out: }");
    code = params_bind(&price_given_params, node, NULL, &given, why);
    if (code != 0)
        return code;
    if (given.in < 0 || given.out < 0)
        return yaml_fail(node, why, ERR_INVALID, "a price needs `in` and `out`, both at least 0");
    if (given.cached < 0 && yaml_find(node, "cached") != NULL)
        return yaml_fail(yaml_find(node, "cached"), why, ERR_INVALID, "a price is at least 0");
    *out = (struct price){.in = given.in, .cached = given.cached < 0 ? given.in : given.cached, .out = given.out};
    return 0;
}

int
price_cost(const struct price *self, uint64_t tokens_in, uint64_t tokens_cached, uint64_t tokens_out, int64_t *out,
           struct why *why)
{
    uint64_t cached = tokens_cached < tokens_in ? tokens_cached : tokens_in;
    uint128 sum;

    ASSERT(self->in >= 0 && self->cached >= 0 && self->out >= 0);
    /* 64 bits of tokens and 60 of price: three products of 2^124 at most. */
    ASSERT(self->in <= MONEY_MAX && self->cached <= MONEY_MAX && self->out <= MONEY_MAX);
    sum = (uint128)(tokens_in - cached) * (uint64_t)self->in + (uint128)cached * (uint64_t)self->cached;
    sum += (uint128)tokens_out * (uint64_t)self->out;
    sum = sum / 1000000 + (sum % 1000000 != 0);
    if (sum > (uint128)MONEY_MAX)
        return fail(why, ERR_LIMIT, "%" PRIu64 " and %" PRIu64 " tokens cost more than an amount can hold", tokens_in,
                    tokens_out);
    *out = (int64_t)sum;
    return 0;
}

uint64_t
price_estimate(uint64_t bytes, uint32_t messages, uint32_t bytes_per_token_x10)
{
    ASSERT(bytes_per_token_x10 > 0 && bytes <= UINT64_MAX / 16);
    return (bytes * 10 + bytes_per_token_x10 - 1) / bytes_per_token_x10 + (uint64_t)messages * PRICE_TOKENS_PER_MESSAGE;
}

int
price_reserve(const struct price *self, uint64_t tokens_in, uint32_t out_max, struct price_reserve *out,
              struct why *why)
{
    struct price_reserve made;
    int code;

    if (__builtin_add_overflow(tokens_in, (uint64_t)out_max, &made.tokens))
        return fail(why, ERR_LIMIT, "%" PRIu64 " and %" PRIu32 " tokens are too many", tokens_in, out_max);
    /* Cached text that costs more than fresh text would break the promise that this is enough. */
    code = price_cost(self, tokens_in, self->cached > self->in ? tokens_in : 0, out_max, &made.cost, why);
    if (code == 0)
        *out = made;
    return code;
}
