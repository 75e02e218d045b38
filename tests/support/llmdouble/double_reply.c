#include "tests/support/llmdouble/double_reply.h"

#include <stdlib.h>

void
double_reply_fini(struct double_reply *self)
{
    buffer_fini(&self->bytes);
    free(self->parts);
    *self = (struct double_reply){0};
}

void
double_reply_clear(struct double_reply *self)
{
    buffer_clear(&self->bytes);
    self->count = 0;
    self->taken = 0;
    self->end = DOUBLE_KEEP;
}

void
double_reply_part(struct double_reply *self, uint32_t delay_ms, uint64_t times)
{
    size_t size = self->bytes.size - self->taken;
    struct double_part *last = self->count == 0 ? NULL : &self->parts[self->count - 1];

    if (size == 0 && delay_ms == 0)
        return;
    if (last != NULL && last->times == 1 && times == 1 && delay_ms == 0) {
        last->size += size;
    } else {
        if (self->count == self->capacity) {
            self->capacity = self->capacity == 0 ? 4 : self->capacity * 2;
            self->parts = realloc(self->parts, self->capacity * sizeof *self->parts);
            if (self->parts == NULL)
                abort();
        }
        self->parts[self->count++] = (struct double_part){delay_ms, self->taken, size, times};
    }
    self->taken = self->bytes.size;
}
