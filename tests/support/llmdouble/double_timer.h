/* tests/support/llmdouble/double_timer.h - who is to be woken when: a binary heap of numbers by due time. Each number
 * has at most one. */
#ifndef POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_TIMER_H
#define POLIS_TESTS_SUPPORT_LLMDOUBLE_DOUBLE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct double_timer_entry {
    uint64_t due_ms;
    uint32_t who;
};

struct double_timers {
    struct double_timer_entry *heap;
    uint32_t *places; /* by number: index in the heap + 1, or 0 */
    uint32_t count, capacity;
};

/* For numbers below `capacity`. */
void double_timers_init(struct double_timers *self, uint32_t capacity);
void double_timers_fini(struct double_timers *self);
void double_timers_set(struct double_timers *self, uint32_t who, uint64_t due_ms);
void double_timers_cancel(struct double_timers *self, uint32_t who);
/* The earliest, if it is due: takes it out. */
bool double_timers_take(struct double_timers *self, uint64_t now_ms, uint32_t *who);
/* Milliseconds until the earliest, at most `most`. */
uint64_t double_timers_wait(const struct double_timers *self, uint64_t now_ms, uint64_t most);

#endif
