/* governance/levers/collusion.c - finds agents that keep to each other more than chance says and take bad work from
 * each other, alone or in groups, and makes them pay at every opening while it lasts.
 *
 * Each agent remembers, by partner, how often it proposed of late, how often that was accepted and how good it looked:
 * a memory of bounded size that fades from epoch to epoch (a full one forgets the partner with the least weight). What
 * two agents had to do with each other is measured against what agents that trade as much as they do would have had to
 * do with each other by chance (configuration model, Newman 2006). The score is that of core/collusion. Its correlation
 * of gains is always nothing here: before the costs of levers, which no conspiracy gains from, what one side gets the
 * other pays, so gains never rise together; and so partners who share a tax are not conspicuous for it. Who keeps to a
 * few partners and does good work stays below the threshold: full frequency and acceptance make 0.45.
 *
 * How good work was is what it looked like, until audits have shown how good it truly is: those that showed it count
 * one each, the look as much as a single one of them. So a ring that disguises its work is found where audits are.
 *
 * A pair is suspect when its score reaches the threshold. Where only one side's work is bad, the other is its victim
 * and not flagged; else both are. Agents that are flagged with each other make a group, whose score is the mean of its
 * pairs' times (0.5 + 0.5 min(1, size / 5)). A flagged agent's risk is the highest score of its suspect pairs and its
 * group. Flagged agents lose risk x penalty reputation and fine x risk x penalty tokens. */
#include "governance/lever.h"

#include "core/collusion.h"

#define BONDS 8u
#define FORGOTTEN 0.01  /* a faded weight below it is nothing */
#define GROUP_FULL 5.0  /* members that make a group's score count in full */

#define COLLUSION_PARAMS(P, S)                                                                                       \
    P(S, F64, threshold, 0.5, 0.0, 1.0, "score", "of a pair that is flagged")                                        \
    P(S, F64, penalty, 1.0, 0.0, 1000.0, "reputation", "lost at an opening for each unit of risk")                   \
    P(S, F64, fine, 10.0, 0.0, 1e6, "tokens", "lost for each unit of reputation that is lost")                       \
    P(S, F64, frequency_threshold, 2.0, 0.000001, 1000.0, "deviations", "above chance that count in full")           \
    P(S, F64, min_interactions, 3, 1, 1e6, "interactions", "by faded weight, before a pair is judged")               \
    P(S, F64, memory, 0.8, 0.0, 1.0, "factor", "what is left of a past interaction's weight after an epoch")         \
    P(S, BOOL, realtime, false, 0, 1, "", "flagged partners pay for each interaction as well")                       \
    P(S, F64, realtime_rate, 0.1, 0.0, 1000.0, "tokens", "that this costs each side, for a unit of mean risk")
PARAMS_DEFINE(collusion, COLLUSION_PARAMS)

/* What an agent proposed to a partner. */
struct bond {
    double n, accepted, p; /* by weight; p: sum */
    double audits, clean;  /* by weight: that showed the truth, and of those that it was good */
    uint32_t partner;      /* n = 0: nobody */
    uint32_t unused;
};
struct member {
    double degree; /* interactions taken part in, by weight */
    double risk;   /* at the last opening */
    double group_score;               /* of the group's first member: sum over its pairs, then the group's */
    uint32_t group_pairs, group_size; /* of the group's first member */
    uint32_t group;                   /* another of the group, nearer to its first; the agent itself when it is first */
    uint32_t is_flagged;
    struct bond bonds[BONDS];
};
_Static_assert(sizeof(struct member) == 40 + BONDS * 48, "saved as bytes: no padding");

/* ---- remembering ---- */

static const struct bond *
find_bond(const struct member *member, uint32_t partner)
{
    for (uint32_t i = 0; i < BONDS; i++)
        if (member->bonds[i].n > 0.0 && member->bonds[i].partner == partner)
            return &member->bonds[i];
    return NULL;
}

/* The partner's bond, or the one with the least weight, emptied. */
static struct bond *
make_bond(struct member *member, uint32_t partner)
{
    struct bond *least = &member->bonds[0];

    for (uint32_t i = 0; i < BONDS; i++) {
        if (member->bonds[i].n > 0.0 && member->bonds[i].partner == partner)
            return &member->bonds[i];
        if (member->bonds[i].n < least->n)
            least = &member->bonds[i];
    }
    *least = (struct bond){.partner = partner};
    return least;
}

static void
on_outcome(struct lever_context *context, const struct lever_interaction *interaction)
{
    struct member *members = context->agents;
    struct bond *bond;

    if (interaction->initiator == interaction->counterparty)
        return;
    bond = make_bond(&members[interaction->initiator], interaction->counterparty);
    bond->n += 1.0;
    bond->accepted += interaction->accepted ? 1.0 : 0.0;
    bond->p += interaction->p;
    bond->audits += interaction->audit == AUDIT_CLEAN || interaction->audit == AUDIT_CAUGHT ? 1.0 : 0.0;
    bond->clean += interaction->audit == AUDIT_CLEAN ? 1.0 : 0.0;
    members[interaction->initiator].degree += 1.0;
    members[interaction->counterparty].degree += 1.0;
}

static void
fade(struct member *member, double memory)
{
    member->degree *= memory;
    if (member->degree < FORGOTTEN)
        member->degree = 0.0;
    for (uint32_t i = 0; i < BONDS; i++) {
        struct bond *bond = &member->bonds[i];

        bond->n *= memory;
        bond->accepted *= memory;
        bond->p *= memory;
        bond->audits *= memory;
        bond->clean *= memory;
        if (bond->n < FORGOTTEN)
            *bond = (struct bond){0};
    }
}

/* ---- judging ---- */

/* What is known of the quality of what was proposed; a half when nothing was. */
static double
quality_of(const struct bond *bond)
{
    return bond->n > 0.0 ? (bond->p / bond->n + bond->clean) / (1.0 + bond->audits) : 0.5;
}

/* Everybody's exposure. */
struct exposure {
    double total, squares;
};

static double
score_of(const struct lever_context *context, const struct exposure *exposure, uint32_t a, uint32_t b)
{
    const struct collusion *params = context->params;
    const struct member *members = context->agents;
    const struct bond none = {0}, *ab = find_bond(&members[a], b), *ba = find_bond(&members[b], a);
    struct collusion_evidence evidence = {0};

    ab = ab == NULL ? &none : ab;
    ba = ba == NULL ? &none : ba;
    evidence.n = ab->n + ba->n;
    if (evidence.n < params->min_interactions)
        return 0.0;
    evidence.accepted = (ab->accepted + ba->accepted) / evidence.n;
    evidence.p_a = quality_of(ab);
    evidence.p_b = quality_of(ba);
    evidence.z = collusion_excess(evidence.n,
        collusion_expected(members[a].degree, members[b].degree, exposure->total, exposure->squares));
    return collusion_pair_score(&evidence, params->frequency_threshold);
}

static uint32_t
first_of(const struct member *members, uint32_t agent)
{
    while (members[agent].group != agent)
        agent = members[agent].group;
    return agent;
}

/* Whether an agent's own work for a partner is known to be rather bad. */
static bool
does_bad(const struct member *members, uint32_t agent, uint32_t partner)
{
    const struct bond *bond = find_bond(&members[agent], partner);

    return bond != NULL && quality_of(bond) < 0.5;
}

static bool
is_victim(const struct member *members, uint32_t agent, uint32_t partner)
{
    return !does_bad(members, agent, partner) && does_bad(members, partner, agent);
}

static void
flag(struct member *member, double score)
{
    member->is_flagged = 1;
    member->risk = math_max(member->risk, score);
}

static void
flag_pair(struct member *members, uint32_t a, uint32_t b, double score)
{
    uint32_t first_a = first_of(members, a), first_b = first_of(members, b);
    uint32_t first = first_a < first_b ? first_a : first_b;

    if (!is_victim(members, a, b))
        flag(&members[a], score);
    if (!is_victim(members, b, a))
        flag(&members[b], score);
    if (is_victim(members, a, b) || is_victim(members, b, a))
        return;
    members[first_a].group = members[first_b].group = first;
    members[a].group = members[b].group = first; /* shorter ways for the next one */
}

/* Runs over the pairs of remembered partners, each once: by the lower one, or by the one that remembers. Flags and
 * groups the first time; then, with groups complete, their sums. */
static void
judge_pairs(struct lever_context *context, const struct exposure *exposure, bool sums)
{
    double threshold = ((const struct collusion *)context->params)->threshold;
    struct member *members = context->agents;

    for (uint32_t a = 0; a < context->agent_count; a++)
        for (uint32_t i = 0; i < BONDS; i++) {
            uint32_t b = members[a].bonds[i].partner;
            double score;

            if (!(members[a].bonds[i].n > 0.0) || (b < a && find_bond(&members[b], a) != NULL))
                continue;
            score = score_of(context, exposure, a, b);
            if (!(score > 0.0 && score >= threshold))
                continue;
            if (!sums) {
                flag_pair(members, a, b, score);
            } else if (!is_victim(members, a, b) && !is_victim(members, b, a)) {
                members[first_of(members, a)].group_score += score;
                members[first_of(members, a)].group_pairs++;
            }
        }
}

static void
judge_groups(struct lever_context *context)
{
    struct member *members = context->agents;

    for (uint32_t i = 0; i < context->agent_count; i++)
        members[first_of(members, i)].group_size++;
    for (uint32_t i = 0; i < context->agent_count; i++) {
        struct member *first = &members[first_of(members, i)];

        if (first->group_pairs == 0) /* flagged with nobody */
            continue;
        if (first == &members[i]) /* the first of a group has the lowest id: its score is made before it is used */
            first->group_score = first->group_score / first->group_pairs *
                (0.5 + 0.5 * math_min(1.0, first->group_size / GROUP_FULL));
        members[i].risk = math_max(members[i].risk, first->group_score);
    }
}

static void
punish(struct lever_context *context, uint32_t agent, double risk)
{
    const struct collusion *params = context->params;
    double lost = risk * params->penalty;

    lever_effect(context->effects, EFFECT_FLAG, agent, 0, risk);
    if (!(lost > 0.0))
        return;
    lever_effect(context->effects, EFFECT_REPUTATION, agent, 0, -lost);
    lever_effect(context->effects, EFFECT_FINE, agent, money_from_real(params->fine * lost), 0.0);
}

static void
on_opening(struct lever_context *context, const struct lever_opening *opening)
{
    struct member *members = context->agents;
    struct exposure exposure = {0};

    (void)opening;
    for (uint32_t i = 0; i < context->agent_count; i++) {
        exposure.total += members[i].degree;
        exposure.squares += members[i].degree * members[i].degree;
        members[i].risk = members[i].group_score = 0.0;
        members[i].group_pairs = members[i].group_size = members[i].is_flagged = 0;
        members[i].group = i;
    }
    exposure.total /= 2.0; /* each interaction has two ends */
    judge_pairs(context, &exposure, false);
    judge_pairs(context, &exposure, true);
    judge_groups(context);
    for (uint32_t i = 0; i < context->agent_count; i++) {
        if (members[i].is_flagged)
            punish(context, i, members[i].risk);
        fade(&members[i], ((const struct collusion *)context->params)->memory);
    }
}

static void
on_interaction(struct lever_context *context, const struct lever_interaction *interaction, struct lever_ruling *ruling)
{
    const struct collusion *params = context->params;
    const struct member *members = context->agents;
    const struct member *a = &members[interaction->initiator], *b = &members[interaction->counterparty];
    int64_t cost;

    if (!params->realtime || !a->is_flagged || !b->is_flagged)
        return;
    cost = money_from_real(params->realtime_rate * (a->risk + b->risk) / 2.0);
    ruling->cost_a += cost;
    ruling->cost_b += cost;
}

const struct lever lever_collusion = {
    .name = "collusion",
    .doc = "Finds pairs and groups that keep to each other and take bad work, and makes them pay.",
    .stage = STAGE_EPOCH,
    .params = &collusion_params,
    .agent_size = sizeof(struct member),
    .on_opening = on_opening,
    .on_interaction = on_interaction,
    .on_outcome = on_outcome,
};
