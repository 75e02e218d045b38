/* governance/levers/staking.c - only who has enough at stake may act or propose, and who is caught by an audit loses a
 * share of it. At the opening of an epoch the world makes stakes up to what is asked for, from the free money of those
 * whose money reaches; actions are judged by that less what was slashed since. */
#include "governance/lever.h"

#define STAKING_PARAMS(P, S)                                                                                         \
    P(S, MONEY, min_stake, 10.0, 0.0, 1e9, "tokens", "that must be at stake")                                        \
    P(S, F64, slash_rate, 0.1, 0.0, 1.0, "share", "of the stake that is lost when an audit shows bad work")
PARAMS_DEFINE(staking, STAKING_PARAMS)

struct staking_state {
    uint64_t is_open; /* an opening has shown the stakes */
};

static void
on_opening(struct lever_context *context, const struct lever_opening *opening)
{
    int64_t min_stake = ((const struct staking *)context->params)->min_stake;
    int64_t *stakes = context->agents;

    ((struct staking_state *)context->state)->is_open = 1;
    for (uint32_t i = 0; i < context->agent_count; i++)
        stakes[i] = opening->resources[i] >= min_stake - opening->stake[i] ? min_stake : opening->stake[i];
}

static void
on_action(struct lever_context *context, const struct lever_action *action, struct lever_action_ruling *ruling)
{
    const struct staking *params = context->params;
    const int64_t *stakes = context->agents;

    ruling->allow =
        !((const struct staking_state *)context->state)->is_open || stakes[action->actor] >= params->min_stake;
}

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    ruling->allow = interaction->stake >= ((const struct staking *)context->params)->min_stake;
}

static void
on_outcome(struct lever_context *context, const struct lever_interaction *interaction)
{
    const struct staking *params = context->params;
    int64_t *stake = (int64_t *)context->agents + interaction->initiator;
    int64_t slashed;

    if (interaction->audit != AUDIT_CAUGHT)
        return;
    slashed = money_share(interaction->stake, params->slash_rate);
    if (slashed == 0)
        return;
    *stake = *stake > slashed ? *stake - slashed : 0;
    lever_effect(context->effects, EFFECT_SLASH, interaction->initiator, slashed, 0.0);
}

static void
quote(const void *params, double quotes[QUOTE_GOVERNANCE_END])
{
    const struct staking *self = params;

    quotes[QUOTE_SLASH_RATE] = self->slash_rate;
    quotes[QUOTE_STAKE_REQUIRED] = money_to_real(self->min_stake);
}

const struct lever lever_staking = {
    .name = "staking",
    .doc = "Admits only agents with enough at stake, and takes a share of it from who is caught.",
    .stage = STAGE_ADMISSION,
    .params = &staking_params,
    .state_size = sizeof(struct staking_state),
    .agent_size = sizeof(int64_t),
    .quote = quote,
    .on_opening = on_opening,
    .on_action = on_action,
    .on_interaction = on_interaction,
    .on_outcome = on_outcome,
};
