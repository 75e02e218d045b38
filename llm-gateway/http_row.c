#include "bus/clock.h"
#include "core/assert.h"
#include "llm-gateway/http_inner.h"

/* ---- rows ---- */

void
http_row_append(struct http *self, struct http_row *row, struct http_slot *slot)
{
    slot->previous = row->last;
    slot->next = HTTP_NONE;
    if (row->last != HTTP_NONE)
        self->slots[row->last]->next = slot->index;
    else
        row->first = slot->index;
    row->last = slot->index;
}

void
http_row_prepend(struct http *self, struct http_row *row, struct http_slot *slot)
{
    slot->previous = HTTP_NONE;
    slot->next = row->first;
    if (row->first != HTTP_NONE)
        self->slots[row->first]->previous = slot->index;
    else
        row->last = slot->index;
    row->first = slot->index;
}

void
http_row_remove(struct http *self, struct http_row *row, struct http_slot *slot)
{
    if (slot->previous != HTTP_NONE)
        self->slots[slot->previous]->next = slot->next;
    else
        row->first = slot->next;
    if (slot->next != HTTP_NONE)
        self->slots[slot->next]->previous = slot->previous;
    else
        row->last = slot->previous;
    slot->previous = slot->next = HTTP_NONE;
}

struct http_slot *
http_row_first(const struct http *self, const struct http_row *row)
{
    return row->first != HTTP_NONE ? self->slots[row->first] : NULL;
}

/* ---- the timer: a binary heap ---- */

static uint64_t
due_at(const struct http *self, uint32_t at)
{
    return self->slots[self->heap[at]]->due_ms;
}

static void
heap_put(struct http *self, uint32_t at, uint32_t slot)
{
    self->heap[at] = slot;
    self->slots[slot]->timer_at = at;
}

static void
heap_up(struct http *self, uint32_t at)
{
    uint32_t slot = self->heap[at];

    while (at > 0 && due_at(self, (at - 1) / 2) > self->slots[slot]->due_ms) {
        heap_put(self, at, self->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(self, at, slot);
}

static void
heap_down(struct http *self, uint32_t at)
{
    uint32_t slot = self->heap[at];

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < self->heap_count && due_at(self, child + 1) < due_at(self, child))
            child++;
        if (child >= self->heap_count || due_at(self, child) >= self->slots[slot]->due_ms)
            break;
        heap_put(self, at, self->heap[child]);
        at = child;
    }
    heap_put(self, at, slot);
}

/* When the slot's time is up as things are now, and by which limit. */
static uint64_t
slot_deadline(const struct http_slot *slot, enum llm_class *class)
{
    uint64_t total = slot->began_ms + slot->total_ms;
    uint64_t phase = CLOCK_NEVER;

    *class = LLM_TIMEOUT_TOTAL;
    if (slot->phase == HTTP_CONNECTING)
        phase = slot->phase_ms + slot->connect_ms;
    else if (slot->phase == HTTP_SENT)
        phase = slot->phase_ms + slot->first_ms;
    else if (slot->phase == HTTP_BODY)
        phase = slot->heard_ms + slot->idle_ms;
    if (phase >= total)
        return total;
    *class = slot->phase == HTTP_CONNECTING ? LLM_TIMEOUT_CONNECT
             : slot->phase == HTTP_SENT     ? LLM_TIMEOUT_FIRST
                                            : LLM_TIMEOUT_IDLE;
    return phase;
}

void
http_timer_set(struct http_slot *slot)
{
    struct http *self = slot->http;
    enum llm_class class;

    slot->due_ms = slot_deadline(slot, &class);
    if (slot->timer_at == HTTP_NONE) {
        ASSERT(self->heap_count < self->options.in_flight_max);
        heap_put(self, self->heap_count, slot->index);
        self->heap_count++;
    }
    heap_up(self, slot->timer_at);
    heap_down(self, slot->timer_at);
}

void
http_timer_remove(struct http_slot *slot)
{
    struct http *self = slot->http;
    uint32_t at = slot->timer_at;

    ASSERT(at < self->heap_count && self->heap[at] == slot->index);

    slot->timer_at = HTTP_NONE;
    self->heap_count--;
    if (at == self->heap_count)
        return;
    heap_put(self, at, self->heap[self->heap_count]);
    heap_up(self, at);
    heap_down(self, self->slots[self->heap[at]]->timer_at);
}

struct http_slot *
http_timer_due(struct http *self, uint64_t now_ms, enum llm_class *class)
{
    while (self->heap_count > 0 && due_at(self, 0) <= now_ms) {
        struct http_slot *slot = self->slots[self->heap[0]];

        if (slot_deadline(slot, class) <= now_ms)
            return slot;
        http_timer_set(slot);
    }
    return NULL;
}

uint64_t
http_timer_next(const struct http *self)
{
    return self->heap_count > 0 ? due_at(self, 0) : CLOCK_NEVER;
}
