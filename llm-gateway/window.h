/* llm-gateway/window.h - how many calls may be on their way to one provider: grows by one for each window full of good
 * answers, shrinks to 7/10 when the provider says or shows that it is too much, at most once a second (additive
 * increase, multiplicative decrease: Chiu & Jain 1989). Until it has shrunk for the first time nothing is known about
 * the provider, and each good answer makes it one larger, as long as half of it is in use (slow start: Jacobson 1988):
 * else answers that take a minute would need hours to fill a large window. A plain value. */
#ifndef POLIS_LLM_GATEWAY_WINDOW_H
#define POLIS_LLM_GATEWAY_WINDOW_H

#include "llm-gateway/provider.h"

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_START 16u
#define WINDOW_PAUSE_US INT64_C(1000000)

struct window {
    uint32_t size, size_max, in_flight;
    uint32_t good;        /* answers since it last grew */
    int64_t shrunk_at_us; /* may shrink again a second later */
    bool has_shrunk;
};

void window_init(struct window *self, uint32_t size_max);
static inline bool window_allows(const struct window *self) { return self->in_flight < self->size; }
void window_send(struct window *self);

/* A call is over, with LLM_OK or the class of its error; window_forget(): was cancelled, says nothing. */
void window_result(struct window *self, enum llm_class class, int64_t now_us);
void window_forget(struct window *self);

#endif
