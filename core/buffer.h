/* core/buffer.h - a growing run of bytes: what a message or a log record is written into. Heap, one owner. */
#ifndef POLIS_CORE_BUFFER_H
#define POLIS_CORE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

struct buffer {
    uint8_t *data;
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
};

/* Start from {0}. _fini frees and zeroes; a zeroed buffer may be used again. */
void buffer_fini(struct buffer *self);

/* Makes room for `more` bytes behind the used ones (growth is geometric). Out of memory ends the process. */
void buffer_reserve(struct buffer *self, size_t more);

/* Adds `size` bytes that the caller fills in, and returns where they start (valid until the next growth). */
void *buffer_extend(struct buffer *self, size_t size);

/* Copies `size` bytes behind the used ones. `bytes` may be NULL when size is 0. */
void buffer_append(struct buffer *self, const void *bytes, size_t size);

/* Forgets the content, keeps the room. */
static inline void buffer_clear(struct buffer *self) { self->size = 0; }

/* Hands the bytes to the caller (free() them) and leaves the buffer empty. */
uint8_t *buffer_take(struct buffer *self, size_t *size_out);

#endif
