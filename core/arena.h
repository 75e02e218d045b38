/* core/arena.h - memory that dies together. What a step needs is pushed on its arena and forgotten at its end. */
#ifndef POLIS_CORE_ARENA_H
#define POLIS_CORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

struct arena *arena_new(size_t chunk_size);
void arena_destroy(struct arena **self_p);

/* Zeroed, aligned to 16 bytes, valid until arena_reset(). Never NULL: running out of memory ends the process. */
void *arena_push(struct arena *self, size_t size);
#define ARENA_ARRAY(arena, type, count) ((type *)arena_push((arena), (size_t)(count) * sizeof(type)))
char *arena_text(struct arena *self, const char *text, size_t size); /* a terminated copy */

/* Forgets everything, keeps the chunks for the next step. */
void arena_reset(struct arena *self);

/* Bytes pushed since the last reset (each push rounded up to 16), and bytes held from the heap. */
size_t arena_used(const struct arena *self);
size_t arena_held(const struct arena *self);

/* Heap with a broken promise instead of NULL. alloc_array checks the product for overflow; memory is zeroed. */
void *alloc_array(size_t count, size_t size);
#define ALLOC(type) ((type *)alloc_array(1, sizeof(type)))
#define ALLOC_ARRAY(type, count) ((type *)alloc_array((count), sizeof(type)))

#endif
