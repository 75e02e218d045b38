/* governance/levers/moderator.c - somebody looks at an accepted interaction now and then, sees what everybody sees, and
 * lets the initiator pay for what looks bad: penalty x (threshold - p) in tokens and the same number of reputation.
 * Each review costs both sides a fee. (The agents' role of that name, which hides posts, is another thing.) The coins
 * are keyed by (seed, initiator, step) and the interaction's index. */
#include "governance/lever.h"

#define MODERATOR_PARAMS(P, S)                                                                                       \
    P(S, F64, prob, 0.5, 0.0, 1.0, "probability", "that an accepted interaction is reviewed")                        \
    P(S, F64, penalty, 1.0, 0.0, 1000.0, "tokens per unit", "of p below the threshold")                              \
    P(S, F64, threshold, 0.5, 0.0, 1.0, "p", "work below it is punished")                                            \
    P(S, MONEY, fee, 0.01, 0.0, 1e6, "tokens", "that a review costs each side")
PARAMS_DEFINE(moderator, MODERATOR_PARAMS)

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    const struct moderator *params = context->params;
    struct rng rng = rng_make(context->seed, STREAM_MODERATION, interaction->initiator, context->step);
    double fine;

    rng.counter[0] = interaction->index;
    if (!interaction->accepted || !rng_chance(&rng, params->prob))
        return;
    fine = params->penalty * math_max(params->threshold - interaction->p, 0.0);
    ruling->cost_a += params->fee + money_from_real(fine);
    ruling->cost_b += params->fee;
    ruling->reputation -= fine;
}

static void
quote(const void *params, double quotes[QUOTE_GOVERNANCE_END])
{
    const struct moderator *self = params;

    quotes[QUOTE_MODERATION_PROBABILITY] = self->prob;
    quotes[QUOTE_MODERATION_PENALTY] = self->penalty;
    quotes[QUOTE_MODERATION_THRESHOLD] = self->threshold;
}

const struct lever lever_moderator = {
    .name = "moderator",
    .doc = "Reviews accepted interactions at random by their label and punishes what looks bad; both sides pay a fee.",
    .stage = STAGE_VERDICT,
    .params = &moderator_params,
    .quote = quote,
    .on_interaction = on_interaction,
};
