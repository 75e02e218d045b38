/* governance/levers/random_audit.c - looks at a random share of the accepted interactions. An audit shows whether the
 * work was good with probability `audit_power`; otherwise it sees the soft label like everybody else. Work shown to be
 * bad counts as p = 0, work shown to be good is left alone. The initiator pays penalty x (threshold - p) in tokens, and
 * the same number of reputation. The coins are keyed by (seed, initiator, step) and the interaction's index. */
#include "governance/lever.h"

#define RANDOM_AUDIT_PARAMS(P, S)                                                                                    \
    P(S, F64, prob, 0.1, 0.0, 1.0, "probability", "that an accepted interaction is audited")                         \
    P(S, F64, penalty, 2.0, 0.0, 1000.0, "tokens per unit", "of p below the threshold")                              \
    P(S, F64, threshold, 0.5, 0.0, 1.0, "p", "work below it is punished")                                            \
    P(S, F64, audit_power, 1.0, 0.0, 1.0, "probability", "that an audit shows the true quality")
PARAMS_DEFINE(random_audit, RANDOM_AUDIT_PARAMS)

static enum sandbox_audit
audit(const struct lever_context *context, const struct lever_interaction *interaction)
{
    const struct random_audit *params = context->params;
    struct rng rng = rng_make(context->seed, STREAM_AUDIT, interaction->initiator, context->step);
    bool is_audited, is_shown;

    rng.counter[0] = interaction->index; /* a block of its own: room for the two draws below */
    is_audited = rng_chance(&rng, params->prob);
    is_shown = rng_chance(&rng, params->audit_power);
    if (!is_audited)
        return AUDIT_NONE;
    if (!is_shown || interaction->truth == 0)
        return AUDIT_BLIND;
    return interaction->truth > 0 ? AUDIT_CLEAN : AUDIT_CAUGHT;
}

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    const struct random_audit *params = context->params;
    double p = interaction->p, fine;

    if (!interaction->accepted)
        return;
    ruling->audit = audit(context, interaction);
    if (ruling->audit == AUDIT_NONE || ruling->audit == AUDIT_CLEAN)
        return;
    if (ruling->audit == AUDIT_CAUGHT)
        p = 0.0;
    fine = params->penalty * math_max(params->threshold - p, 0.0);
    ruling->cost_a += money_from_real(fine);
    ruling->reputation -= fine;
}

static void
quote(const void *params, double quotes[QUOTE_GOVERNANCE_END])
{
    const struct random_audit *self = params;

    quotes[QUOTE_AUDIT_PROBABILITY] = self->prob;
    quotes[QUOTE_AUDIT_PENALTY] = self->penalty;
    quotes[QUOTE_AUDIT_THRESHOLD] = self->threshold;
    quotes[QUOTE_AUDIT_POWER] = self->audit_power;
}

const struct lever lever_random_audit = {
    .name = "random_audit",
    .doc = "Audits accepted interactions at random and punishes bad work, in money and in reputation.",
    .stage = STAGE_AUDIT,
    .params = &random_audit_params,
    .quote = quote,
    .on_interaction = on_interaction,
};
