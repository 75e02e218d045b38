#include "llm-gateway/breaker.h"

#include "core/assert.h"
#include "core/rng.h"
#include "core/streams.h"

void
breaker_init(struct breaker *self, uint64_t seed, uint32_t number)
{
    *self = (struct breaker){.seed = seed, .number = number, .state = BREAKER_CLOSED};
}

const char *
breaker_state_name(enum breaker_state state)
{
    static const char *const names[] = {"closed", "open", "half open", "latched"};

    return names[state];
}

bool
breaker_allows(struct breaker *self, int64_t now_us)
{
    if (self->state == BREAKER_OPEN && now_us >= self->until_us) {
        self->state = BREAKER_HALF_OPEN;
        self->probes_good = 0;
        self->probing = false;
    }
    return self->state == BREAKER_CLOSED || (self->state == BREAKER_HALF_OPEN && !self->probing);
}

int64_t
breaker_retry_us(const struct breaker *self, int64_t now_us)
{
    switch (self->state) {
    case BREAKER_CLOSED: return now_us;
    case BREAKER_OPEN: return self->until_us > now_us ? self->until_us : now_us;
    case BREAKER_HALF_OPEN: return self->probing ? INT64_MAX : now_us;
    case BREAKER_LATCHED: break;
    }
    return INT64_MAX;
}

uint64_t
breaker_send(struct breaker *self, int64_t now_us)
{
    bool allowed = breaker_allows(self, now_us);

    ASSERT(allowed);
    if (self->state == BREAKER_HALF_OPEN)
        self->probing = true;
    return self->times_opened;
}

static void
start_over(struct breaker *self)
{
    self->result_count = 0;
    self->result_next = 0;
    self->row = 0;
    self->rate_row = 0;
    self->probing = false;
}

static void
open(struct breaker *self, int64_t now_us)
{
    struct rng rng = rng_make(self->seed, STREAM_LLM_BREAKER, self->number, self->times_opened);
    int64_t cool_us = BREAKER_COOL_US << self->doublings;

    self->times_opened++;
    self->until_us = now_us + cool_us / 10 * 8 + (int64_t)rng_below(&rng, (uint32_t)(cool_us / 10 * 4) + 1);
    self->doublings += self->doublings < BREAKER_DOUBLINGS;
    self->state = BREAKER_OPEN;
    start_over(self);
}

/* Notes a result in the ring; true when half or more of those of the window failed and there are enough of them. */
static bool
note(struct breaker *self, bool failed, int64_t now_us)
{
    uint32_t recent = 0, bad = 0;

    self->results[self->result_next].at_us = now_us;
    self->results[self->result_next].failed = failed;
    self->result_next = (self->result_next + 1) % BREAKER_RESULTS;
    self->result_count += self->result_count < BREAKER_RESULTS;
    for (uint32_t i = 0; i < self->result_count; i++)
        if (now_us - self->results[i].at_us <= BREAKER_WINDOW_US) {
            recent++;
            bad += self->results[i].failed;
        }
    return recent >= BREAKER_RESULTS_MIN && 2 * bad >= recent;
}

static bool
result_closed(struct breaker *self, enum llm_class class, bool failed, int64_t now_us)
{
    bool too_many = note(self, failed, now_us);

    self->row = failed ? self->row + 1 : 0;
    self->rate_row = class == LLM_RATE ? self->rate_row + 1 : 0;
    if (!too_many && self->row < BREAKER_ROW && self->rate_row < BREAKER_RATE_ROW)
        return false;
    open(self, now_us);
    return true;
}

static bool
result_half_open(struct breaker *self, enum llm_class class, bool failed, int64_t now_us)
{
    self->probing = false;
    if (failed) {
        open(self, now_us);
        return true;
    }
    if (class == LLM_RATE || ++self->probes_good < BREAKER_PROBES_MIN)
        return false;
    self->state = BREAKER_CLOSED;
    self->doublings = 0;
    start_over(self);
    return true;
}

bool
breaker_result(struct breaker *self, uint64_t sent, enum llm_class class, int64_t now_us)
{
    bool failed = llm_classes[class].breaker == LLM_BREAKER_COUNTS;

    if (self->state == BREAKER_LATCHED)
        return false;
    if (llm_classes[class].breaker == LLM_BREAKER_LATCHES) {
        self->state = BREAKER_LATCHED;
        self->latched_by = class;
        return true;
    }
    if (self->state == BREAKER_OPEN || sent != self->times_opened)
        return false;
    if (self->state == BREAKER_HALF_OPEN)
        return result_half_open(self, class, failed, now_us);
    return result_closed(self, class, failed, now_us);
}

void
breaker_forget(struct breaker *self, uint64_t sent)
{
    if (sent == self->times_opened)
        self->probing = false;
}

void
breaker_reload(struct breaker *self)
{
    self->state = BREAKER_CLOSED;
    self->doublings = 0;
    start_over(self);
}
