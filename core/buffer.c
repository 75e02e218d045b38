#include "core/buffer.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

void
buffer_fini(struct buffer *self)
{
    ASSERT(self != NULL);

    free(self->data);
    *self = (struct buffer){0};
}

void
buffer_reserve(struct buffer *self, size_t more)
{
    size_t capacity;

    ASSERT(self != NULL);
    ASSERT(more <= SIZE_MAX / 4 && self->size <= SIZE_MAX / 4);

    if (self->size + more <= self->capacity)
        return;
    capacity = self->capacity < 128 ? 128 : self->capacity;
    while (capacity < self->size + more)
        capacity *= 2;
    self->data = realloc(self->data, capacity);
    ASSERT(self->data != NULL);
    self->capacity = capacity;
}

void *
buffer_extend(struct buffer *self, size_t size)
{
    void *start;

    buffer_reserve(self, size);
    start = self->data + self->size;
    self->size += size;
    return start;
}

void
buffer_append(struct buffer *self, const void *bytes, size_t size)
{
    ASSERT(bytes != NULL || size == 0);

    if (size > 0)
        memcpy(buffer_extend(self, size), bytes, size);
}

uint8_t *
buffer_take(struct buffer *self, size_t *size_out)
{
    uint8_t *data = self->data;

    if (size_out != NULL)
        *size_out = self->size;
    *self = (struct buffer){0};
    return data;
}
