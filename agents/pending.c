#include "agents/pending.h"

#include <stdlib.h>
#include <string.h>

#include "core/assert.h"
#include "core/digest.h"

static void
item_fini(struct pending *self)
{
    buffer_fini(&self->ask);
    buffer_fini(&self->prompt);
}

void
pending_list_fini(struct pending_list *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        item_fini(&self->items[i]);
    free(self->items);
    *self = (struct pending_list){0};
}

struct pending *
pending_add(struct pending_list *self, const struct envelope *head, struct buffer *ask, struct buffer *prompt)
{
    struct pending *item;

    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? 4 : 2 * self->capacity;
        self->items = realloc(self->items, self->capacity * sizeof *self->items);
        ASSERT(self->items != NULL);
    }
    item = &self->items[self->count++];
    *item = (struct pending){
        .head = *head, .ask = *ask, .prompt = *prompt, .prompt_hash = digest_xxh3(prompt->data, prompt->size)};
    *ask = *prompt = (struct buffer){0};
    return item;
}

static bool
is_same_chunk(const struct envelope *a, const struct envelope *b)
{
    return a->run == b->run && a->epoch == b->epoch && a->step == b->step && a->phase == b->phase &&
        a->chunk == b->chunk;
}

struct pending *
pending_find(struct pending_list *self, const struct envelope *fence)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (is_same_chunk(&self->items[i].head, fence) && self->items[i].head.attempt == fence->attempt)
            return &self->items[i];
    return NULL;
}

struct pending *
pending_find_earlier(struct pending_list *self, const struct envelope *head)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (is_same_chunk(&self->items[i].head, head) && self->items[i].head.attempt <= head->attempt)
            return &self->items[i];
    return NULL;
}

struct pending *
pending_find_until(struct pending_list *self, uint64_t step)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->items[i].head.step <= step)
            return &self->items[i];
    return NULL;
}

struct pending *
pending_find_slot(struct pending_list *self, uint16_t slot)
{
    for (uint32_t i = 0; i < self->count; i++)
        if (self->items[i].head.flags == slot)
            return &self->items[i];
    return NULL;
}

void
pending_remove(struct pending_list *self, struct pending *item)
{
    size_t place = (size_t)(item - self->items);

    ASSERT(place < self->count);
    item_fini(item);
    memmove(item, item + 1, (self->count - place - 1) * sizeof *item);
    self->count--;
}

uint64_t
pending_due(const struct pending_list *self)
{
    uint64_t due = UINT64_MAX;

    for (uint32_t i = 0; i < self->count; i++)
        if (self->items[i].due_ms < due)
            due = self->items[i].due_ms;
    return due;
}
