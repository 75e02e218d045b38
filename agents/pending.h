/* agents/pending.h - chunks whose questions are with the llm-gateway: the observation, and the prompt as it was sent.
 * In the order in which they came. */
#ifndef POLIS_AGENTS_PENDING_H
#define POLIS_AGENTS_PENDING_H

#include "core/buffer.h"
#include "proto/envelope.h"

#include <stdbool.h>
#include <stdint.h>

struct pending {
    struct envelope head;         /* of the observation, payload hash included */
    struct buffer ask, prompt;    /* payloads */
    uint64_t prompt_hash, due_ms; /* XXH3-64; when to send it again */
    uint32_t wait_ms;             /* from the last sending until then; 0: not sent yet */
};

/* Start from {0}. */
struct pending_list {
    struct pending *items;
    uint32_t count, capacity;
};
void pending_list_fini(struct pending_list *self);

/* Takes both buffers' bytes. Returned pointers are valid until the next change. */
struct pending *pending_add(struct pending_list *self, const struct envelope *head, struct buffer *ask,
                            struct buffer *prompt);
/* The one with this fence, or NULL. */
struct pending *pending_find(struct pending_list *self, const struct envelope *fence);
/* The first that is of the same chunk, in this or an earlier attempt; or NULL. */
struct pending *pending_find_earlier(struct pending_list *self, const struct envelope *head);
/* The first of this step or an earlier one; of a slot; or NULL. */
struct pending *pending_find_until(struct pending_list *self, uint64_t step);
struct pending *pending_find_slot(struct pending_list *self, uint16_t slot);
void pending_remove(struct pending_list *self, struct pending *item);
/* When the next one is to be sent again; UINT64_MAX: none waits. */
uint64_t pending_due(const struct pending_list *self);

#endif
