/* llm-gateway/timers.h - what is to happen when: the earliest first, of the same moment the one that was set first. A
 * timer is not taken back; whoever set it looks whether it still means something. Heap, one owner; start from {0}. */
#ifndef POLIS_LLM_GATEWAY_TIMERS_H
#define POLIS_LLM_GATEWAY_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

struct timer {
    int64_t at_us;
    uint64_t serial; /* in which order they were set */
    uint32_t what;   /* the caller's two numbers */
    uint32_t mark;
};

struct timers {
    struct timer *heap;
    uint32_t count, capacity;
    uint64_t next_serial;
};

void timers_fini(struct timers *self);
void timers_set(struct timers *self, int64_t at_us, uint32_t what, uint32_t mark);
/* The earliest that is due, taken out; false when there is none. */
bool timers_take(struct timers *self, int64_t now_us, struct timer *out);
/* INT64_MAX when there is none. */
int64_t timers_next_us(const struct timers *self);
/* Forgets those that `is_alive` says mean nothing any more. */
void timers_squeeze(struct timers *self, bool (*is_alive)(const void *context, const struct timer *timer),
    const void *context);

#endif
