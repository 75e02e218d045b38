/* governance/levers/vote_normalization.c - who votes often counts less: the vote after `count` earlier ones of the
 * epoch weighs 1 / (1 + count / max_weight). */
#include <string.h>

#include "governance/lever.h"

#define VOTE_NORMALIZATION_PARAMS(P, S)                                                                              \
    P(S, F64, max_weight, 10.0, 0.000001, 1e9, "votes", "after which a vote weighs a half")
PARAMS_DEFINE(vote_normalization, VOTE_NORMALIZATION_PARAMS)

static void
on_opening(struct lever_context *context, const struct lever_opening *opening)
{
    (void)opening;
    memset(context->agents, 0, context->agent_count * sizeof(uint64_t));
}

static void
on_action(struct lever_context *context, const struct lever_action *action, struct lever_action_ruling *ruling)
{
    uint64_t *votes = (uint64_t *)context->agents + action->actor;
    double max_weight = ((const struct vote_normalization *)context->params)->max_weight;

    if (action->verb != VERB_VOTE)
        return;
    ruling->weight *= 1.0 / (1.0 + (double)*votes / max_weight);
    (*votes)++;
}

const struct lever lever_vote_normalization = {
    .name = "vote_normalization",
    .doc = "Lets votes weigh less the more an agent casts.",
    .stage = STAGE_VERDICT,
    .params = &vote_normalization_params,
    .agent_size = sizeof(uint64_t),
    .on_opening = on_opening,
    .on_action = on_action,
};
