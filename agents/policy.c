#include "agents/policy.h"

#include <string.h>

const struct policy *
policy_find(const char *name)
{
    for (const struct policy *const *policy = policy_roll; *policy != NULL; policy++)
        if (strcmp((*policy)->name, name) == 0)
            return *policy;
    return NULL;
}

struct sandbox_offer_view
policy_offer_view(const struct sandbox_offers_view *view, uint32_t offer)
{
    struct sandbox_offer_view out = {
        .batch = view->batch, .row = view->row, .agent = view->agent, .offer = offer,
        .memory = view->memory, .memory_size = view->memory_size,
        .rng = rng_make(view->seed, STREAM_ACCEPT, view->agent, view->step),
    };

    /* An initiator proposes once a step, so its lane is this offer's alone, also when turns are sequential. */
    rng_lane(&out.rng, batch_u32(view->batch, OFFERS_initiator, offer));
    return out;
}
