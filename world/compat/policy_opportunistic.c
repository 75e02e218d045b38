/* world/compat/policy_opportunistic.c - bids low, works little, votes with the crowd, and proposes trades to the rich
 * and the reputed. */
#include "world/compat/policy.h"

#include "core/math.h"

/* Bounty for its effort, whatever reputation it asks for. */
static const struct compat_seen_task *
best_task(const struct compat_observation *seen)
{
    static const double effort[] = {0.5, 1, 2, 4, 8};
    const struct compat_seen_task *best = &seen->tasks[0];

    for (uint32_t i = 1; i < seen->task_count; i++)
        if (seen->tasks[i].bounty / effort[seen->tasks[i].difficulty] > best->bounty / effort[best->difficulty])
            best = &seen->tasks[i];
    return best;
}

static const struct compat_seen_agent *
find_agent(const struct compat_observation *seen, uint32_t id)
{
    for (uint32_t i = 0; i < seen->agent_count; i++)
        if (seen->agents[i].id == id)
            return &seen->agents[i];
    return NULL;
}

static bool
should_accept(const struct compat_observation *seen, struct compat_draws *draws)
{
    const struct compat_seen_agent *initiator;

    if (seen->proposals[0].transfer > 0.0)
        return true;
    initiator = find_agent(seen, seen->proposals[0].initiator);
    return (initiator != NULL && initiator->reputation > 0.0) || compat_draw(draws) < 0.4;
}

static void
vote(const struct compat_observation *seen, struct compat_act *out)
{
    for (uint32_t i = 0; i < seen->post_count; i++)
        if (seen->posts[i].net > 2 || seen->posts[i].net < -2) {
            compat_act_vote(out, seen->posts[i].id, seen->posts[i].net > 2 ? 1 : -1);
            return;
        }
    compat_act_vote(out, seen->posts[0].id, 1);
}

static bool
is_worth_it(const struct compat_seen_agent *agent)
{
    return agent->resources > 80.0 || agent->reputation > 0.5;
}

static void
propose(const struct compat_observation *seen, struct compat_draws *draws, struct compat_act *out)
{
    uint32_t count = 0, chosen;

    for (uint32_t i = 0; i < seen->agent_count; i++)
        count += is_worth_it(&seen->agents[i]);
    if (count == 0)
        return;
    chosen = compat_draw_choice(draws, count);
    for (uint32_t i = 0; i < seen->agent_count; i++)
        if (is_worth_it(&seen->agents[i]) && chosen-- == 0)
            compat_act_propose(out, seen->agents[i].id, INTERACTION_TRADE);
}

static void
act_freely(const struct compat_observation *seen, struct compat_draws *draws, struct compat_act *out)
{
    if (seen->can_claim && seen->task_count > 0) {
        compat_act_on(out, COMPAT_CLAIM, best_task(seen)->id);
    } else if (seen->work_count > 0) {
        compat_act_on(out, COMPAT_SUBMIT, seen->work[0].id);
        out->effort = compat_draw(draws) < 0.3 ? COMPAT_MINIMAL : COMPAT_FULL;
    } else if (seen->can_post && compat_draw(draws) < 0.4) {
        compat_act_post(out, draws, 5);
    } else if (seen->can_vote && seen->post_count > 0 && compat_draw(draws) < 0.6) {
        vote(seen, out);
    } else if (seen->can_interact && seen->agent_count > 0) {
        propose(seen, draws, out);
    }
}

void
compat_opportunistic_act(const struct compat_observation *seen, struct compat_memory *memory,
                         struct compat_draws *draws, struct compat_act *out)
{
    (void)memory;
    if (seen->bid_count > 0) {
        compat_act_lowest_bid(out, seen);
    } else if (seen->bounty_count > 0 && compat_draw(draws) < 0.5) {
        const struct compat_seen_bounty *best = compat_best_bounty(seen);

        compat_act_bid(out, best->id, math_max(best->reward * compat_draw_between(draws, 0.5, 0.7), 1.0));
    } else if (seen->proposal_count > 0) {
        compat_act_on(out, should_accept(seen, draws) ? COMPAT_ACCEPT : COMPAT_REJECT, seen->proposals[0].id);
    } else {
        act_freely(seen, draws, out);
    }
}

bool
compat_opportunistic_accept(uint32_t agent, const struct compat_proposal *proposal, struct compat_memory *memory,
                            struct compat_draws *draws)
{
    const struct compat_bond *bond;

    if (proposal->transfer > 0.0)
        return true;
    bond = compat_memory_find(memory, agent, proposal->initiator);
    if (bond != NULL && bond->all > 0)
        return bond->p_all / (double)bond->all > 0.5;
    return compat_draw(draws) < 0.6;
}

bool
compat_opportunistic_propose(const struct compat_observation *seen, uint32_t counterparty,
                             const struct compat_memory *memory, struct compat_draws *draws,
                             struct compat_offer *out)
{
    const struct compat_seen_agent *other = find_agent(seen, counterparty);

    (void)memory;
    (void)draws;
    if (other == NULL || (other->resources < 50.0 && other->reputation < 0.0))
        return false;
    *out = (struct compat_offer){INTERACTION_TRADE, -0.5};
    return true;
}
