#include "llm-gateway/spare.h"

#include <stdlib.h>

#include "core/assert.h"

struct buffer
spare_take(struct spare *self)
{
    return self->count > 0 ? self->list[--self->count] : (struct buffer){0};
}

void
spare_give(struct spare *self, struct buffer *buffer)
{
    if (buffer->data == NULL)
        return;
    if (self->count == self->capacity) {
        self->capacity = self->capacity > 0 ? 2 * self->capacity : 16;
        self->list = realloc(self->list, self->capacity * sizeof self->list[0]);
        ASSERT(self->list != NULL);
    }
    buffer_clear(buffer);
    self->list[self->count++] = *buffer;
    *buffer = (struct buffer){0};
}

void
spare_fini(struct spare *self)
{
    for (uint32_t i = 0; i < self->count; i++)
        buffer_fini(&self->list[i]);
    free(self->list);
    *self = (struct spare){0};
}
