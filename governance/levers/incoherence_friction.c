/* governance/levers/incoherence_friction.c - who is erratic pays for it. Of each initiator's last ten proposals it is
 * remembered whether their label was at least a half; the disagreement D is one less the share of the more frequent
 * outcome, between 0 (always the same) and 1/2. An accepted proposal costs rate x D tokens. */
#include "governance/lever.h"

#define FRICTION_WINDOW 10u

#define INCOHERENCE_FRICTION_PARAMS(P, S)                                                                            \
    P(S, F64, rate, 0.2, 0.0, 1000.0, "tokens", "for each unit of disagreement")                                     \
    P(S, U32, min_sample, 5, 1, FRICTION_WINDOW, "proposals", "before an agent is judged at all")
PARAMS_DEFINE(incoherence_friction, INCOHERENCE_FRICTION_PARAMS)

struct record {
    uint32_t outcomes; /* a bit each, the newest lowest */
    uint32_t count;
};

static double
disagreement(const struct record *record)
{
    uint32_t good = (uint32_t)__builtin_popcount(record->outcomes), bad = record->count - good;

    return 1.0 - (double)(good > bad ? good : bad) / (double)record->count;
}

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    const struct incoherence_friction *params = context->params;
    const struct record *record = (const struct record *)context->agents + interaction->initiator;

    if (interaction->accepted && record->count >= params->min_sample)
        ruling->cost_a += money_from_real(params->rate * disagreement(record));
}

static void
on_outcome(struct lever_context *context, const struct lever_interaction *interaction)
{
    struct record *record = (struct record *)context->agents + interaction->initiator;

    record->outcomes = (record->outcomes << 1 | (interaction->p >= 0.5)) & ((1u << FRICTION_WINDOW) - 1u);
    if (record->count < FRICTION_WINDOW)
        record->count++;
}

const struct lever lever_incoherence_friction = {
    .name = "incoherence_friction",
    .doc = "Lets initiators pay whose recent work is now good, now bad.",
    .stage = STAGE_PRICING,
    .params = &incoherence_friction_params,
    .agent_size = sizeof(struct record),
    .on_interaction = on_interaction,
    .on_outcome = on_outcome,
};
