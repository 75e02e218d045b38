/* world/compat/policy_deceptive.c - looks honest until two agents trust it and it was asked more than ten times, then
 * trades with who trusts it most. As long as there is a post to vote for it votes, so it hardly ever proposes. */
#include "world/compat/policy.h"

#include "core/math.h"

#define BUILDING 5u /* meetings before it may exploit */
#define FAITH_HIGH 0.7

static uint32_t
met(const struct compat_memory *memory, uint32_t agent, uint32_t other)
{
    const struct compat_bond *bond = compat_memory_find(memory, agent, other);

    return bond == NULL ? 0 : bond->met;
}

/* `none` where there is no score yet. */
static double
faith(const struct compat_memory *memory, uint32_t agent, uint32_t other, double none)
{
    const struct compat_bond *bond = compat_memory_find(memory, agent, other);

    return bond == NULL || !bond->faithful ? none : bond->faith;
}

static const struct compat_seen_task *
harmless_task(const struct compat_observation *seen)
{
    for (uint32_t i = 0; i < seen->task_count; i++)
        if (seen->tasks[i].difficulty == COMPAT_EASY || seen->tasks[i].difficulty == COMPAT_MEDIUM)
            return &seen->tasks[i];
    return &seen->tasks[0];
}

/* To one it has hardly met. */
static void
propose(const struct compat_observation *seen, const struct compat_memory *memory, struct compat_draws *draws,
        struct compat_act *out)
{
    uint32_t count = 0, chosen;

    for (uint32_t i = 0; i < seen->agent_count; i++)
        count += met(memory, seen->agent, seen->agents[i].id) < BUILDING;
    if (count == 0)
        return;
    chosen = compat_draw_choice(draws, count);
    for (uint32_t i = 0; i < seen->agent_count; i++)
        if (met(memory, seen->agent, seen->agents[i].id) < BUILDING && chosen-- == 0)
            compat_act_propose(out, seen->agents[i].id, INTERACTION_COLLABORATION);
}

static void
act_facade(const struct compat_observation *seen, const struct compat_memory *memory, struct compat_draws *draws,
           struct compat_act *out)
{
    if (seen->work_count > 0)
        compat_act_on(out, COMPAT_SUBMIT, seen->work[0].id);
    else if (seen->can_claim && seen->task_count > 0)
        compat_act_on(out, COMPAT_CLAIM, harmless_task(seen)->id);
    else if (seen->can_post && compat_draw(draws) < 0.35)
        compat_act_post(out, draws, 5);
    else if (seen->can_vote && seen->post_count > 0)
        compat_act_vote(out, seen->posts[compat_draw_choice(draws, seen->post_count)].id, 1);
    else if (seen->can_interact && seen->agent_count > 0)
        propose(seen, memory, draws, out);
}

static void
act_exploit(const struct compat_observation *seen, const struct compat_memory *memory, struct compat_draws *draws,
            struct compat_act *out)
{
    uint32_t best = COMPAT_NOBODY;
    double best_faith = FAITH_HIGH;

    for (uint32_t i = 0; i < seen->agent_count; i++) {
        double score = faith(memory, seen->agent, seen->agents[i].id, 0.0);

        if (score > best_faith && seen->agents[i].resources > 50.0) {
            best = seen->agents[i].id;
            best_faith = score;
        }
    }
    if (best != COMPAT_NOBODY && seen->can_interact) {
        compat_act_propose(out, best, INTERACTION_TRADE);
    } else if (seen->work_count > 0) {
        compat_act_on(out, COMPAT_SUBMIT, seen->work[0].id);
        out->effort = compat_draw(draws) < 0.4 ? COMPAT_SUBTLY_POOR : COMPAT_FULL;
    } else {
        act_facade(seen, memory, draws, out);
    }
}

void
compat_deceptive_act(const struct compat_observation *seen, struct compat_memory *memory, struct compat_draws *draws,
                     struct compat_act *out)
{
    if (seen->bid_count > 0 && compat_draw(draws) < 0.7) {
        compat_act_lowest_bid(out, seen);
    } else if (seen->bounty_count > 0 && compat_draw(draws) < 0.4) {
        const struct compat_seen_bounty *best = compat_best_bounty(seen);

        compat_act_bid(out, best->id, math_max(best->reward * compat_draw_between(draws, 0.7, 0.9), 1.0));
    } else if (seen->proposal_count > 0) {
        double chance = met(memory, seen->agent, seen->proposals[0].initiator) < BUILDING ? 0.9 : 0.6;

        compat_act_on(out, compat_draw(draws) < chance ? COMPAT_ACCEPT : COMPAT_REJECT, seen->proposals[0].id);
    } else if (memory->confided[seen->agent] >= 2 && memory->met[seen->agent] > 10) {
        act_exploit(seen, memory, draws, out);
    } else {
        act_facade(seen, memory, draws, out);
    }
}

bool
compat_deceptive_accept(uint32_t agent, const struct compat_proposal *proposal, struct compat_memory *memory,
                        struct compat_draws *draws)
{
    uint32_t before = met(memory, agent, proposal->initiator);

    compat_memory_add_met(memory, agent, proposal->initiator, 1);
    if (before < BUILDING)
        return compat_draw(draws) < 0.8;
    return faith(memory, agent, proposal->initiator, 0.5) > 0.6;
}

bool
compat_deceptive_propose(const struct compat_observation *seen, uint32_t counterparty,
                         const struct compat_memory *memory, struct compat_draws *draws, struct compat_offer *out)
{
    (void)draws;
    if (met(memory, seen->agent, counterparty) < BUILDING)
        *out = (struct compat_offer){INTERACTION_COLLABORATION, 0.1};
    else if (faith(memory, seen->agent, counterparty, 0.5) > FAITH_HIGH)
        *out = (struct compat_offer){INTERACTION_TRADE, -0.5};
    else
        return false;
    return true;
}
