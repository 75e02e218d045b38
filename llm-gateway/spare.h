/* llm-gateway/spare.h - buffers that were used and will be again: what is long over holds none, and who comes next gets
 * one that is still warm. */
#ifndef POLIS_LLM_GATEWAY_SPARE_H
#define POLIS_LLM_GATEWAY_SPARE_H

#include "core/buffer.h"

#include <stdint.h>

/* Start from {0}. */
struct spare {
    struct buffer *list;
    uint32_t count, capacity;
};

/* An empty buffer with whatever room it has. */
struct buffer spare_take(struct spare *self);
/* Takes the buffer's bytes, and leaves it without any. */
void spare_give(struct spare *self, struct buffer *buffer);
void spare_fini(struct spare *self);

#endif
