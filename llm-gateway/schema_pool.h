/* llm-gateway/schema_pool.h - the schemas of the open step's questions: each text is compiled once. */
#ifndef POLIS_LLM_GATEWAY_SCHEMA_POOL_H
#define POLIS_LLM_GATEWAY_SCHEMA_POOL_H

#include "llm-gateway/key_map.h"
#include "llm-gateway/schema.h"

#include <stddef.h>
#include <stdint.h>

/* Start from {0}. */
struct schema_pool {
    struct schema **schemas;
    uint32_t count, capacity;
    struct key_map places; /* by digest of the text */
    struct buffer last;    /* the text that was asked for last: mostly the next one's, too; empty: none */
    uint32_t last_place;
};

#define SCHEMA_POOL_NONE UINT32_MAX /* free text */

/* The number of a text's schema, until the pool is cleared; it is called as it was first. ERR_* of schema_compile(). */
MUST_CHECK int schema_pool_find(struct schema_pool *self, const char *name, const char *text, size_t size,
                                uint32_t *out, struct why *why);
/* NULL for SCHEMA_POOL_NONE. */
const struct schema *schema_pool_get(const struct schema_pool *self, uint32_t number);
/* Nobody may use any of its schemas any more. */
void schema_pool_clear(struct schema_pool *self);
void schema_pool_fini(struct schema_pool *self);

#endif
