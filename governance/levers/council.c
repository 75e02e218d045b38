/* governance/levers/council.c - a jury of agents looks at an accepted interaction. Its members are drawn from those
 * whose reputation at the last opening was good enough and who are no party; each sees the truth with probability
 * `competence`, the majority decides (Condorcet 1785), and what it finds bad does not happen. The initiator pays the
 * jurors' fee: as a cost when the work passes, as a fine when it is refused, since what does not happen costs nothing.
 * Without enough jurors there is no council. All draws are keyed by (seed, initiator, step) and the interaction's
 * index.
 *
 * What is quoted is the chance that bad work is looked at and found bad: prob x P(majority right), the latter a
 * binomial tail. Jurors that err about good work are not quoted. */
#include "governance/lever.h"

#define JURY_MAX 25u

#define COUNCIL_PARAMS(P, S)                                                                                         \
    P(S, F64, prob, 0.1, 0.0, 1.0, "probability", "that a council looks at an accepted interaction")                 \
    P(S, U32, size, 5, 1, JURY_MAX, "jurors", "an odd number")                                                       \
    P(S, F64, competence, 0.7, 0.0, 1.0, "probability", "that a juror sees the truth")                               \
    P(S, F64, min_reputation, 0.0, -1.0, 1.0, "reputation", "that a juror had at the last opening at least")         \
    P(S, MONEY, fee, 0.05, 0.0, 1e6, "tokens", "that a council costs the initiator")
PARAMS_DEFINE(council, COUNCIL_PARAMS)

struct council_state {
    uint64_t eligible; /* so many of the agents' places hold the ids of those who may be jurors */
};

static int
validate(const void *params, struct why *why)
{
    const struct council *self = params;

    if (self->size % 2 == 0)
        return fail(why, ERR_INVALID, "size: %u jurors may be divided equally; it must be odd", self->size);
    return 0;
}

static void
on_opening(struct lever_context *context, const struct lever_opening *opening)
{
    double least = ((const struct council *)context->params)->min_reputation;
    struct council_state *state = context->state;
    uint64_t *ids = context->agents;

    state->eligible = 0;
    for (uint32_t i = 0; i < context->agent_count; i++)
        if (opening->reputation[i] >= least)
            ids[state->eligible++] = i;
    for (uint64_t i = state->eligible; i < context->agent_count; i++)
        ids[i] = 0; /* so that equal states are equal bytes */
}

static bool
is_among(uint32_t agent, const uint32_t *agents, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (agents[i] == agent)
            return true;
    return false;
}

/* Fills `jury`, the parties behind it as if they sat already. False when there are not enough who may judge; it is
 * taken that both parties might. */
static bool
seat(const struct lever_context *context, const struct lever_interaction *interaction, struct rng *rng,
     uint32_t jury[JURY_MAX + 2])
{
    uint32_t size = ((const struct council *)context->params)->size;
    uint32_t eligible = (uint32_t)((const struct council_state *)context->state)->eligible;
    const uint64_t *ids = context->agents;

    if (eligible < size + 2)
        return false;
    jury[0] = interaction->initiator;
    jury[1] = interaction->counterparty;
    for (uint32_t i = 2; i < size + 2;) {
        uint32_t agent = (uint32_t)ids[rng_below(rng, eligible)];

        if (!is_among(agent, jury, i))
            jury[i++] = agent;
    }
    return true;
}

/* True when the majority of the jurors holds the work for bad. */
static bool
condemns(const struct lever_context *context, const struct lever_interaction *interaction, const uint32_t *jurors)
{
    const struct council *params = context->params;
    uint32_t against = 0;

    for (uint32_t i = 0; i < params->size; i++) {
        struct rng rng = rng_make(context->seed, STREAM_JUROR, jurors[i], context->step);
        bool sees;

        rng_lane(&rng, interaction->index);
        sees = rng_chance(&rng, params->competence);
        against += sees == (interaction->truth < 0);
    }
    return against > params->size / 2;
}

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    const struct council *params = context->params;
    struct rng rng = rng_make(context->seed, STREAM_COUNCIL, interaction->initiator, context->step);
    uint32_t jury[JURY_MAX + 2];

    rng_lane(&rng, interaction->index);
    if (!interaction->accepted || interaction->truth == 0 || !rng_chance(&rng, params->prob) ||
        !seat(context, interaction, &rng, jury))
        return;
    if (!condemns(context, interaction, jury + 2)) {
        ruling->cost_a += params->fee;
        return;
    }
    ruling->allow = false;
    if (params->fee > 0)
        lever_effect(context->effects, EFFECT_FINE, interaction->initiator, params->fee, 0.0);
}

/* P(more than half of n are right), each with probability q: the binomial's terms from the top. */
static double
majority_right(uint32_t n, double q)
{
    double sum = 0.0, ways = 1.0; /* n over k, for k = n, n - 1 ... */

    for (uint32_t k = n; k > n / 2; k--) {
        sum += ways * (math_power_integer(q, k) * math_power_integer(1.0 - q, n - k));
        ways = ways * k / (n - k + 1);
    }
    return math_clamp(sum, 0.0, 1.0);
}

static void
quote(const void *params, double quotes[QUOTE_GOVERNANCE_END])
{
    const struct council *self = params;

    quotes[QUOTE_COUNCIL_PROBABILITY] = self->prob * majority_right(self->size, self->competence);
}

const struct lever lever_council = {
    .name = "council",
    .doc = "Lets juries of reputable agents look at accepted interactions; what their majority finds bad is refused.",
    .stage = STAGE_AUDIT,
    .params = &council_params,
    .state_size = sizeof(struct council_state),
    .agent_size = sizeof(uint64_t),
    .validate = validate,
    .quote = quote,
    .on_opening = on_opening,
    .on_interaction = on_interaction,
};
