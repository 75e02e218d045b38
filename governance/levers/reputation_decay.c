/* governance/levers/reputation_decay.c - reputations shrink at the start of every epoch: r <- rate r. */
#include "governance/lever.h"

#define REPUTATION_DECAY_PARAMS(P, S)                                                                                \
    P(S, F64, rate, 0.95, 0.0, 1.0, "factor", "what is left of a reputation after an epoch")
PARAMS_DEFINE(reputation_decay, REPUTATION_DECAY_PARAMS)

static void
on_opening(struct lever_context *context, const struct lever_opening *opening)
{
    const struct reputation_decay *params = context->params;

    (void)opening;
    if (params->rate < 1.0)
        lever_effect(context->effects, EFFECT_REPUTATION_SCALE, SANDBOX_NOBODY, 0, params->rate);
}

static void
quote(const void *params, double quotes[QUOTE_GOVERNANCE_END])
{
    quotes[QUOTE_REPUTATION_DECAY] = ((const struct reputation_decay *)params)->rate;
}

const struct lever lever_reputation_decay = {
    .name = "reputation_decay",
    .doc = "Shrinks every reputation at the start of an epoch.",
    .stage = STAGE_EPOCH,
    .params = &reputation_decay_params,
    .quote = quote,
    .on_opening = on_opening,
};
