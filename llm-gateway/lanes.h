/* llm-gateway/lanes.h - who is next at one provider: four priorities, the lowest number first; within one, clients take
 * turns by deficit round robin (Shreedhar & Varghese 1995), so that a client with large questions has no more of the
 * provider than one with small ones; of one client, who came first. Items are small numbers of the caller's. */
#ifndef POLIS_LLM_GATEWAY_LANES_H
#define POLIS_LLM_GATEWAY_LANES_H

#include <stdbool.h>
#include <stdint.h>

#define LANES_PRIORITIES 4u
#define LANES_QUANTUM 2048 /* tokens a client may send in its turn */
#define LANES_NOBODY UINT32_MAX

struct lanes;
struct lanes *lanes_new(uint32_t client_count);
void lanes_destroy(struct lanes **self_p);

/* `item` is not in these lanes; cost >= 0 in tokens. */
void lanes_put(struct lanes *self, uint32_t priority, uint32_t client, uint32_t item, int64_t cost);
/* Who is next, or LANES_NOBODY; the same until something is put, taken or removed. */
uint32_t lanes_peek(struct lanes *self);
/* Takes who is next: it has had its turn. There must be one. */
uint32_t lanes_take(struct lanes *self);
/* Goes without its turn; it must be there. */
void lanes_remove(struct lanes *self, uint32_t item);
uint32_t lanes_count(const struct lanes *self);

#endif
