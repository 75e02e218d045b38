#include "llm-gateway/retry.h"

#include "core/assert.h"
#include "core/bytes.h"
#include "core/rng.h"
#include "core/streams.h"

void
retry_budget_init(struct retry_budget *self)
{
    *self = (struct retry_budget){.tenths = RETRY_BUDGET_MAX * RETRY_BUDGET_PER_REQUEST};
}

void
retry_budget_request(struct retry_budget *self)
{
    self->tenths += self->tenths < RETRY_BUDGET_MAX * RETRY_BUDGET_PER_REQUEST;
}

bool
retry_budget_take(struct retry_budget *self)
{
    if (self->tenths < RETRY_BUDGET_PER_REQUEST) {
        self->refused++;
        return false;
    }
    self->tenths -= RETRY_BUDGET_PER_REQUEST;
    self->spent++;
    return true;
}

/* The request's own generator for its `attempt`th wait: 32 bits of the key as entity, 40 more beside the attempt. */
static struct rng
rng_of(const struct retry_case *of)
{
    uint32_t entity = bytes_get_u32(of->key.bytes);
    uint64_t rest = bytes_get_u64(of->key.bytes + 4) & ((UINT64_C(1) << 40) - 1);

    return rng_make(of->seed, STREAM_LLM_RETRY, entity, rest << 8 | (of->attempts & 255));
}

static bool
may_retry(const struct retry_case *of)
{
    enum llm_remedy remedy = llm_classes[of->class].remedy;

    if (of->attempts >= of->attempts_max || of->left_us <= 0)
        return false;
    if (of->should_retry == 0)
        return false;
    if (remedy == LLM_REMEDY_RETRY)
        return true;
    if (remedy == LLM_REMEDY_ONCE)
        return of->same_class <= 1;
    /* A word of the server's goes before the class, but only about failures of its own: a refused key stays refused. */
    return of->should_retry == 1 && llm_classes[of->class].breaker == LLM_BREAKER_COUNTS;
}

bool
retry_wanted(const struct retry_case *of, int64_t *out)
{
    struct rng rng = rng_of(of);
    int64_t ceiling = RETRY_BASE_US;

    ASSERT(of->attempts > 0);
    if (!may_retry(of))
        return false;
    if (of->hint_us >= 0) {
        if (of->hint_us > RETRY_HINT_MAX_US || of->hint_us > of->left_us)
            return false;
        *out = of->hint_us + (int64_t)rng_below(&rng, (uint32_t)(of->hint_us / 10) + 1);
    } else {
        for (uint32_t n = 1; n < of->attempts && ceiling < RETRY_CEILING_US; n++)
            ceiling *= 2;
        *out = (int64_t)rng_below(&rng, (uint32_t)(ceiling < RETRY_CEILING_US ? ceiling : RETRY_CEILING_US) + 1);
    }
    return *out < of->left_us;
}
