#include "llm-gateway/window.h"

#include "core/assert.h"

void
window_init(struct window *self, uint32_t size_max)
{
    ASSERT(size_max > 0);
    *self = (struct window){.size = size_max < WINDOW_START ? size_max : WINDOW_START, .size_max = size_max};
}

void
window_send(struct window *self)
{
    ASSERT(window_allows(self));
    self->in_flight++;
}

void
window_forget(struct window *self)
{
    ASSERT(self->in_flight > 0);
    self->in_flight--;
}

void
window_result(struct window *self, enum llm_class class, int64_t now_us)
{
    bool used = self->in_flight >= (self->size + 1) / 2;

    window_forget(self);
    if (class == LLM_RATE || class == LLM_OVERLOAD || class == LLM_TIMEOUT_FIRST) {
        if (self->has_shrunk && now_us - self->shrunk_at_us < WINDOW_PAUSE_US)
            return;
        self->size = self->size * 7 / 10 > 0 ? self->size * 7 / 10 : 1;
        self->good = 0;
        self->shrunk_at_us = now_us;
        self->has_shrunk = true;
        return;
    }
    if (llm_classes[class].breaker != LLM_BREAKER_IGNORES)
        return;
    self->good++;
    if (self->size < self->size_max && (self->good >= self->size || (!self->has_shrunk && used))) {
        self->size++;
        self->good = 0;
    }
}
