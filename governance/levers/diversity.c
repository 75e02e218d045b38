/* governance/levers/diversity.c - dampens closed circles. Each agent's accepted proposals are counted by partner, in a
 * memory of bounded size that fades from epoch to epoch; their concentration is the Herfindahl index, the sum of the
 * squared shares (Hirschman 1945, Herfindahl 1950): 1 for a single partner, 1/n for n equal ones. Above
 * `max_concentration` an accepted proposal costs its initiator rate x (index - max_concentration) tokens.
 *
 * A full memory forgets the partner with the least weight; what no slot holds counts as made up of single dealings,
 * which add nothing to the sum, so that the index is never thought higher than it is. */
#include "governance/lever.h"

#define DIVERSITY_SLOTS 8u
#define FORGOTTEN 0.01 /* a faded weight below it is nothing */

#define DIVERSITY_PARAMS(P, S)                                                                                       \
    P(S, F64, rate, 0.5, 0.0, 1000.0, "tokens", "for each unit of concentration above the most")                     \
    P(S, F64, max_concentration, 0.5, 0.0, 1.0, "index", "that costs nothing")                                       \
    P(S, F64, min_interactions, 5, 1, 1e6, "interactions", "by faded weight, before an agent is judged")             \
    P(S, F64, memory, 0.8, 0.0, 1.0, "factor", "what is left of a past dealing's weight after an epoch")
PARAMS_DEFINE(diversity, DIVERSITY_PARAMS)

struct circle {
    double total;
    double weight[DIVERSITY_SLOTS]; /* 0: free */
    uint32_t partner[DIVERSITY_SLOTS];
};
_Static_assert(sizeof(struct circle) == 8 + DIVERSITY_SLOTS * 12, "saved as bytes: no padding");

static void
fade(struct circle *circle, double memory)
{
    circle->total *= memory;
    if (circle->total < FORGOTTEN) {
        *circle = (struct circle){0};
        return;
    }
    for (uint32_t i = 0; i < DIVERSITY_SLOTS; i++) {
        circle->weight[i] *= memory;
        if (circle->weight[i] >= FORGOTTEN)
            continue;
        circle->weight[i] = 0.0;
        circle->partner[i] = 0;
    }
}

static void
on_opening(struct lever_context *context, const struct lever_opening *opening)
{
    struct circle *circles = context->agents;

    (void)opening;
    for (uint32_t i = 0; i < context->agent_count; i++)
        fade(&circles[i], ((const struct diversity *)context->params)->memory);
}

static double
herfindahl(const struct circle *circle)
{
    double sum = 0.0;

    for (uint32_t i = 0; i < DIVERSITY_SLOTS; i++)
        sum += circle->weight[i] * circle->weight[i];
    return math_min(sum / (circle->total * circle->total), 1.0);
}

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    const struct diversity *params = context->params;
    const struct circle *circle = (const struct circle *)context->agents + interaction->initiator;

    if (!interaction->accepted || circle->total < params->min_interactions)
        return;
    ruling->cost_a +=
        money_from_real(params->rate * math_max(herfindahl(circle) - params->max_concentration, 0.0));
}

static void
on_outcome(struct lever_context *context, const struct lever_interaction *interaction)
{
    struct circle *circle = (struct circle *)context->agents + interaction->initiator;
    uint32_t at = 0;

    if (!interaction->accepted)
        return;
    for (uint32_t i = 0; i < DIVERSITY_SLOTS; i++) {
        if (circle->weight[i] > 0.0 && circle->partner[i] == interaction->counterparty) {
            at = i;
            break;
        }
        if (circle->weight[i] < circle->weight[at])
            at = i;
    }
    if (circle->partner[at] != interaction->counterparty)
        circle->weight[at] = 0.0;
    circle->partner[at] = interaction->counterparty;
    circle->weight[at] += 1.0;
    circle->total += 1.0;
}

const struct lever lever_diversity = {
    .name = "diversity",
    .doc = "Lets agents pay who deal with too few others.",
    .stage = STAGE_PRICING,
    .params = &diversity_params,
    .agent_size = sizeof(struct circle),
    .on_opening = on_opening,
    .on_interaction = on_interaction,
    .on_outcome = on_outcome,
};
