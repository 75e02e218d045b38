/* governance/levers/circuit_breaker.c - freezes agents whose recent work is toxic. Each initiator has a window of its
 * last 1 - p; once it holds `min_sample` values, every further one after which their mean reaches the threshold is a
 * violation, and from `violations` of them on the agent is frozen until `duration` epochs later (every further
 * violation moves that date). At the start of that epoch it is free again, with no violations but the same window. */
#include "governance/lever.h"

#define BREAKER_WINDOW 10

#define CIRCUIT_BREAKER_PARAMS(P, S)                                                                                 \
    P(S, F64, threshold, 0.7, 0.0, 1.0, "toxicity", "mean 1 - p of the window that counts as a violation")           \
    P(S, U32, violations, 3, 1, 1000000, "violations", "that freeze an agent")                                       \
    P(S, U32, duration, 2, 1, 1000000, "epochs", "that it stays frozen")                                             \
    P(S, U32, window, 10, 1, BREAKER_WINDOW, "interactions", "that are remembered")                                  \
    P(S, U32, min_sample, 5, 1, BREAKER_WINDOW, "interactions", "before an agent is judged at all")                  \
    P(S, BOOL, rejected, true, 0, 1, "", "offers that were not accepted count as well")
PARAMS_DEFINE(circuit_breaker, CIRCUIT_BREAKER_PARAMS)

struct breaker {
    double toxicity[BREAKER_WINDOW]; /* a ring; kept whole, because `window` may change */
    uint32_t next, count;
    uint32_t violations;
    uint32_t unused;
    uint64_t free_at; /* first epoch in which it is free again; 0: not frozen */
};
_Static_assert(sizeof(struct breaker) == BREAKER_WINDOW * 8 + 24, "saved as bytes: no padding");

static int
validate(const void *params, struct why *why)
{
    const struct circuit_breaker *self = params;

    if (self->min_sample > self->window)
        return fail(why, ERR_INVALID, "min_sample: %u never fit into a window of %u", self->min_sample, self->window);
    return 0;
}

static void
on_opening(struct lever_context *context, const struct lever_opening *opening)
{
    struct breaker *breakers = context->agents;

    for (uint32_t i = 0; i < context->agent_count; i++) {
        if (breakers[i].free_at == 0 || opening->epoch < breakers[i].free_at)
            continue;
        breakers[i].free_at = 0;
        breakers[i].violations = 0;
        lever_effect(context->effects, EFFECT_UNFREEZE, i, 0, 0.0);
    }
}

static void
on_action(struct lever_context *context, const struct lever_action *action, struct lever_action_ruling *ruling)
{
    ruling->allow = ((const struct breaker *)context->agents)[action->actor].free_at == 0;
}

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    ruling->allow = ((const struct breaker *)context->agents)[interaction->initiator].free_at == 0;
}

/* Oldest first, so that the sum does not depend on where the ring begins. */
static double
mean_toxicity(const struct breaker *breaker, uint32_t window)
{
    uint32_t count = breaker->count < window ? breaker->count : window;
    uint32_t oldest = (breaker->next + BREAKER_WINDOW - count) % BREAKER_WINDOW;
    double sum = 0.0;

    for (uint32_t i = 0; i < count; i++)
        sum += breaker->toxicity[(oldest + i) % BREAKER_WINDOW];
    return sum / count;
}

static void
on_outcome(struct lever_context *context, const struct lever_interaction *interaction)
{
    const struct circuit_breaker *params = context->params;
    struct breaker *breaker = (struct breaker *)context->agents + interaction->initiator;

    if (!interaction->accepted && !params->rejected)
        return;
    breaker->toxicity[breaker->next] = 1.0 - interaction->p;
    breaker->next = (breaker->next + 1) % BREAKER_WINDOW;
    if (breaker->count < BREAKER_WINDOW)
        breaker->count++;
    if (breaker->count < params->min_sample || mean_toxicity(breaker, params->window) < params->threshold)
        return;
    if (breaker->violations < UINT32_MAX)
        breaker->violations++;
    if (breaker->violations < params->violations)
        return;
    breaker->free_at = (uint64_t)context->epoch + params->duration;
    lever_effect(context->effects, EFFECT_FREEZE, interaction->initiator, (int64_t)breaker->free_at, 0.0);
}

static void
quote(const void *params, double quotes[QUOTE_GOVERNANCE_END])
{
    quotes[QUOTE_BREAKER_THRESHOLD] = ((const struct circuit_breaker *)params)->threshold;
}

const struct lever lever_circuit_breaker = {
    .name = "circuit_breaker",
    .doc = "Freezes agents whose recent work is toxic.",
    .stage = STAGE_ADMISSION,
    .params = &circuit_breaker_params,
    .agent_size = sizeof(struct breaker),
    .validate = validate,
    .quote = quote,
    .on_opening = on_opening,
    .on_action = on_action,
    .on_interaction = on_interaction,
    .on_outcome = on_outcome,
};
