/* governance/levers/bandwidth_cap.c - an agent may act so often in an epoch; proposals count like other actions. */
#include <string.h>

#include "governance/lever.h"

#define BANDWIDTH_CAP_PARAMS(P, S)                                                                                   \
    P(S, U32, max_actions, 10, 0, 1000000000, "actions", "and proposals together, for one agent in an epoch")
PARAMS_DEFINE(bandwidth_cap, BANDWIDTH_CAP_PARAMS)

static void
on_opening(struct lever_context *context, const struct lever_opening *opening)
{
    (void)opening;
    memset(context->agents, 0, context->agent_count * sizeof(uint64_t));
}

/* Counts it when there is room. */
static bool
admit(struct lever_context *context, uint32_t agent)
{
    uint64_t *used = (uint64_t *)context->agents + agent;

    if (*used >= ((const struct bandwidth_cap *)context->params)->max_actions)
        return false;
    (*used)++;
    return true;
}

static void
on_action(struct lever_context *context, const struct lever_action *action, struct lever_action_ruling *ruling)
{
    ruling->allow = admit(context, action->actor);
}

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    ruling->allow = admit(context, interaction->initiator);
}

static void
quote(const void *params, double quotes[QUOTE_GOVERNANCE_END])
{
    quotes[QUOTE_BANDWIDTH_CAP] = ((const struct bandwidth_cap *)params)->max_actions;
}

const struct lever lever_bandwidth_cap = {
    .name = "bandwidth_cap",
    .doc = "Limits how often an agent may act in an epoch.",
    .stage = STAGE_ADMISSION,
    .params = &bandwidth_cap_params,
    .agent_size = sizeof(uint64_t),
    .quote = quote,
    .on_opening = on_opening,
    .on_action = on_action,
    .on_interaction = on_interaction,
};
