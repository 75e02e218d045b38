#include "core/assert.h"
#include "core/math.h"
#include "world/compat/compat.h"

void
compat_draws_seed(struct compat_draws *self, uint64_t seed)
{
    *self = (struct compat_draws){.state = seed};
}

void
compat_draws_script(struct compat_draws *self, const double *script, uint32_t count)
{
    ASSERT(count > 0);
    *self = (struct compat_draws){.script = script, .script_count = count};
}

double
compat_draw(struct compat_draws *self)
{
    uint64_t z;

    if (self->script != NULL)
        return self->script[self->used++ % self->script_count];
    self->used++;
    z = self->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ z >> 31) >> 11) * 0x1p-53;
}

double
compat_draw_between(struct compat_draws *self, double low, double high)
{
    return low + (high - low) * compat_draw(self);
}

int32_t
compat_draw_integer(struct compat_draws *self, int32_t low, int32_t high)
{
    return low + (int32_t)math_floor(compat_draw(self) * (double)(high - low + 1));
}

uint32_t
compat_draw_choice(struct compat_draws *self, uint32_t count)
{
    ASSERT(count > 0);
    return (uint32_t)math_floor(compat_draw(self) * (double)count);
}

void
compat_draw_shuffle(struct compat_draws *self, uint32_t *items, uint32_t count)
{
    for (uint32_t i = count; i-- > 1;) {
        uint32_t j = compat_draw_choice(self, i + 1), spare = items[i];

        items[i] = items[j];
        items[j] = spare;
    }
}
