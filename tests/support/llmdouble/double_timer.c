#include "tests/support/llmdouble/double_timer.h"

#include "core/assert.h"

#include <stdlib.h>

void
double_timers_init(struct double_timers *self, uint32_t capacity)
{
    *self = (struct double_timers){.capacity = capacity};
    self->heap = calloc(capacity, sizeof *self->heap);
    self->places = calloc(capacity, sizeof *self->places);
    ASSERT(self->heap != NULL && self->places != NULL);
}

void
double_timers_fini(struct double_timers *self)
{
    free(self->heap);
    free(self->places);
    *self = (struct double_timers){0};
}

static void
put(struct double_timers *self, uint32_t at, struct double_timer_entry entry)
{
    self->heap[at] = entry;
    self->places[entry.who] = at + 1;
}

static void
rise(struct double_timers *self, uint32_t at, struct double_timer_entry entry)
{
    while (at > 0 && self->heap[(at - 1) / 2].due_ms > entry.due_ms) {
        put(self, at, self->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(self, at, entry);
}

static void
sink(struct double_timers *self, uint32_t at, struct double_timer_entry entry)
{
    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= self->count)
            break;
        if (child + 1 < self->count && self->heap[child + 1].due_ms < self->heap[child].due_ms)
            child++;
        if (self->heap[child].due_ms >= entry.due_ms)
            break;
        put(self, at, self->heap[child]);
        at = child;
    }
    put(self, at, entry);
}

void
double_timers_cancel(struct double_timers *self, uint32_t who)
{
    uint32_t at = self->places[who];
    struct double_timer_entry last;

    if (at == 0)
        return;
    self->places[who] = 0;
    last = self->heap[--self->count];
    at--;
    if (at == self->count)
        return;
    if (at > 0 && self->heap[(at - 1) / 2].due_ms > last.due_ms)
        rise(self, at, last);
    else
        sink(self, at, last);
}

void
double_timers_set(struct double_timers *self, uint32_t who, uint64_t due_ms)
{
    ASSERT(who < self->capacity);

    double_timers_cancel(self, who);
    self->count++;
    rise(self, self->count - 1, (struct double_timer_entry){due_ms, who});
}

bool
double_timers_take(struct double_timers *self, uint64_t now_ms, uint32_t *who)
{
    if (self->count == 0 || self->heap[0].due_ms > now_ms)
        return false;
    *who = self->heap[0].who;
    double_timers_cancel(self, *who);
    return true;
}

uint64_t
double_timers_wait(const struct double_timers *self, uint64_t now_ms, uint64_t most)
{
    uint64_t wait;

    if (self->count == 0)
        return most;
    wait = self->heap[0].due_ms > now_ms ? self->heap[0].due_ms - now_ms : 0;
    return wait < most ? wait : most;
}
