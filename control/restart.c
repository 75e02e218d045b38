#include "control/restart.h"

void
restart_started(struct restart *self, uint64_t now_ms)
{
    self->started_ms = now_ms;
}

bool
restart_ended(struct restart *self, uint64_t now_ms, uint32_t random, uint32_t *wait_ms)
{
    uint64_t *oldest = &self->ends_ms[self->end_count % RESTART_INTENSITY];
    bool too_often = self->end_count >= RESTART_INTENSITY && now_ms - *oldest < RESTART_WINDOW_MS;

    *oldest = now_ms;
    self->end_count++;
    if (too_often)
        return false;
    if (self->backoff_ms == 0 || now_ms - self->started_ms >= RESTART_CALM_MS)
        self->backoff_ms = RESTART_FIRST_MS;
    else if (self->backoff_ms < RESTART_MOST_MS)
        self->backoff_ms = 2 * self->backoff_ms < RESTART_MOST_MS ? 2 * self->backoff_ms : RESTART_MOST_MS;
    *wait_ms = self->backoff_ms / 2 + random % (self->backoff_ms / 2 + 1);
    return true;
}
