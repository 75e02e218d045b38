#include "core/arena.h"

#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT ((size_t)16)
#define CHUNK_MIN ((size_t)1024)

struct chunk {
    struct chunk *next;
    size_t size; /* bytes behind this head */
};

#define HEAD_SIZE ((sizeof(struct chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT)

/* Chunks before `current` are full, those behind it empty. */
struct arena {
    struct chunk *first, *current;
    size_t current_used; /* bytes of the current chunk given out */
    size_t chunk_size;
    size_t used, held;
};

static struct chunk *
chunk_new(struct arena *self, size_t size)
{
    struct chunk *chunk = malloc(HEAD_SIZE + size);

    ASSERT(chunk != NULL);
    chunk->next = NULL;
    chunk->size = size;
    self->held += HEAD_SIZE + size;
    return chunk;
}

struct arena *
arena_new(size_t chunk_size)
{
    struct arena *self = ALLOC(struct arena);

    ASSERT(chunk_size <= SIZE_MAX / 4);

    self->chunk_size = chunk_size < CHUNK_MIN ? CHUNK_MIN : (chunk_size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    self->first = self->current = chunk_new(self, self->chunk_size);
    return self;
}

void
arena_destroy(struct arena **self_p)
{
    struct arena *self = *self_p;

    *self_p = NULL;
    if (self == NULL)
        return;
    while (self->first != NULL) {
        struct chunk *next = self->first->next;

        free(self->first);
        self->first = next;
    }
    free(self);
}

/* Makes an empty chunk of at least `size` bytes the current one: a kept one where one is large enough. */
static void
advance(struct arena *self, size_t size)
{
    struct chunk **link = &self->current->next;
    struct chunk *chunk;

    while (*link != NULL && (*link)->size < size)
        link = &(*link)->next;
    chunk = *link;
    if (chunk != NULL)
        *link = chunk->next;
    else
        chunk = chunk_new(self, size > self->chunk_size ? size : self->chunk_size);
    chunk->next = self->current->next;
    self->current->next = chunk;
    self->current = chunk;
    self->current_used = 0;
}

void *
arena_push(struct arena *self, size_t size)
{
    size_t whole;
    void *start;

    ASSERT(size <= SIZE_MAX / 4);

    whole = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (whole > self->current->size - self->current_used)
        advance(self, whole);
    start = (char *)self->current + HEAD_SIZE + self->current_used;
    self->current_used += whole;
    self->used += whole;
    return memset(start, 0, whole);
}

char *
arena_text(struct arena *self, const char *text, size_t size)
{
    char *copy;

    ASSERT(size < SIZE_MAX / 4);

    copy = arena_push(self, size + 1);
    if (size > 0)
        memcpy(copy, text, size);
    return copy;
}

void
arena_reset(struct arena *self)
{
    self->current = self->first;
    self->current_used = 0;
    self->used = 0;
}

size_t
arena_used(const struct arena *self)
{
    return self->used;
}

size_t
arena_held(const struct arena *self)
{
    return self->held;
}

void *
alloc_array(size_t count, size_t size)
{
    void *memory;

    ASSERT(size == 0 || count <= SIZE_MAX / 4 / size);

    memory = calloc(count == 0 || size == 0 ? 1 : count, size == 0 ? 1 : size);
    ASSERT(memory != NULL);
    return memory;
}
