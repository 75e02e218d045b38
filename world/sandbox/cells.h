/* world/sandbox/cells.h - the state of the sandbox as a list of memory blocks: what is digested, saved and loaded.
 * Each unit adds its own; the blocks hold plain little-endian numbers without padding, so their bytes are the
 * state. */
#ifndef POLIS_WORLD_SANDBOX_CELLS_H
#define POLIS_WORLD_SANDBOX_CELLS_H

#include "core/assert.h"

#include <stddef.h>
#include <stdint.h>

#define CELLS_MAX 96u

struct cells {
    struct {
        void *data;
        size_t size;
    } items[CELLS_MAX];
    uint32_t count;
};

static inline void
cells_add(struct cells *self, void *data, size_t size)
{
    ASSERT(self->count < CELLS_MAX);
    self->items[self->count].data = data;
    self->items[self->count].size = size;
    self->count++;
}

#endif
