#include "governance/effects.h"

#include <stdlib.h>

#include "core/assert.h"

#define EFFECTS_START 64u

void
lever_effect(struct lever_effects *self, enum sandbox_effect kind, uint32_t agent, int64_t amount, double value)
{
    ASSERT(self != NULL);
    ASSERT(kind < EFFECT_KINDS);
    ASSERT(amount >= 0);
    ASSERT(value >= -1e6 && value <= 1e6);

    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? EFFECTS_START : self->capacity * 2;
        self->items = realloc(self->items, self->capacity * sizeof *self->items);
        ASSERT(self->items != NULL);
    }
    self->items[self->count++] =
        (struct effect){.kind = kind, .agent = agent, .lever = self->lever, .amount = amount, .value = value};
}

void
effects_fini(struct lever_effects *self)
{
    free(self->items);
    *self = (struct lever_effects){0};
}
