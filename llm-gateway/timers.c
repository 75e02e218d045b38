#include "llm-gateway/timers.h"

#include <stdlib.h>
#include <string.h>

#include "core/arena.h"

void
timers_fini(struct timers *self)
{
    free(self->heap);
    *self = (struct timers){0};
}

static bool
comes_before(const struct timer *a, const struct timer *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->serial < b->serial;
}

static void
sift_up(struct timers *self, uint32_t at)
{
    struct timer moved = self->heap[at];

    for (; at > 0 && comes_before(&moved, &self->heap[(at - 1) / 2]); at = (at - 1) / 2)
        self->heap[at] = self->heap[(at - 1) / 2];
    self->heap[at] = moved;
}

static void
sift_down(struct timers *self, uint32_t at)
{
    struct timer moved = self->heap[at];

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < self->count && comes_before(&self->heap[child + 1], &self->heap[child]))
            child++;
        if (child >= self->count || !comes_before(&self->heap[child], &moved))
            break;
        self->heap[at] = self->heap[child];
        at = child;
    }
    self->heap[at] = moved;
}

void
timers_set(struct timers *self, int64_t at_us, uint32_t what, uint32_t mark)
{
    if (self->count == self->capacity) {
        uint32_t capacity = self->capacity > 0 ? 2 * self->capacity : 64;
        struct timer *heap = ALLOC_ARRAY(struct timer, capacity);

        if (self->count > 0)
            memcpy(heap, self->heap, self->count * sizeof heap[0]);
        free(self->heap);
        self->heap = heap;
        self->capacity = capacity;
    }
    self->heap[self->count] = (struct timer){at_us, self->next_serial++, what, mark};
    sift_up(self, self->count++);
}

bool
timers_take(struct timers *self, int64_t now_us, struct timer *out)
{
    if (self->count == 0 || self->heap[0].at_us > now_us)
        return false;
    *out = self->heap[0];
    self->heap[0] = self->heap[--self->count];
    if (self->count > 0)
        sift_down(self, 0);
    return true;
}

int64_t
timers_next_us(const struct timers *self)
{
    return self->count > 0 ? self->heap[0].at_us : INT64_MAX;
}

void
timers_squeeze(struct timers *self, bool (*is_alive)(const void *context, const struct timer *timer),
    const void *context)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < self->count; i++)
        if (is_alive(context, &self->heap[i]))
            self->heap[kept++] = self->heap[i];
    self->count = kept;
    for (uint32_t i = kept / 2; i > 0; i--)
        sift_down(self, i - 1);
}
