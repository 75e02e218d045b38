/* world/compat/policy_adversarial.c - baits, disputes, attacks honest agents (whose type everybody sees) and votes
 * their posts down. After an attack it waits two turns. */
#include "world/compat/policy.h"

static void
look_around(const struct compat_observation *seen, struct compat_memory *memory)
{
    for (uint32_t i = 0; i < seen->agent_count; i++) {
        const struct compat_seen_agent *other = &seen->agents[i];

        if (other->type == COMPAT_HONEST && (other->resources > 50.0 || other->reputation > 0.0))
            compat_memory_add_target(memory, seen->agent, other->id);
        if (other->type == COMPAT_ADVERSARIAL || other->type == COMPAT_ADAPTIVE)
            compat_memory_add_ally(memory, seen->agent, other->id);
    }
}

/* One of the targets in sight; false when there is none. */
static bool
propose_to_target(const struct compat_observation *seen, const struct compat_memory *memory,
                  struct compat_draws *draws, struct compat_act *out)
{
    uint32_t count = 0, chosen;

    for (uint32_t i = 0; i < seen->agent_count; i++)
        count += compat_memory_is_target(memory, seen->agent, seen->agents[i].id);
    if (count == 0)
        return false;
    chosen = compat_draw_choice(draws, count);
    for (uint32_t i = 0; i < seen->agent_count; i++)
        if (compat_memory_is_target(memory, seen->agent, seen->agents[i].id) && chosen-- == 0)
            compat_act_propose(out, seen->agents[i].id, INTERACTION_TRADE);
    return true;
}

static uint32_t
dearest_task(const struct compat_observation *seen)
{
    const struct compat_seen_task *best = &seen->tasks[0];

    for (uint32_t i = 1; i < seen->task_count; i++)
        if (seen->tasks[i].bounty > best->bounty)
            best = &seen->tasks[i];
    return best->id;
}

static bool
attack(const struct compat_observation *seen, const struct compat_memory *memory, struct compat_draws *draws,
       struct compat_act *out)
{
    if (seen->can_interact && propose_to_target(seen, memory, draws, out))
        return true;
    if (seen->can_claim && seen->task_count > 0)
        compat_act_on(out, COMPAT_CLAIM, dearest_task(seen));
    else if (seen->can_post)
        compat_act_post(out, draws, 4);
    else
        return false;
    return true;
}

static void
vote_down(const struct compat_observation *seen, const struct compat_memory *memory, struct compat_act *out)
{
    const struct compat_seen_post *best = &seen->posts[0];

    for (uint32_t i = 0; i < seen->post_count; i++)
        if (compat_memory_is_target(memory, seen->agent, seen->posts[i].author)) {
            compat_act_vote(out, seen->posts[i].id, -1);
            return;
        }
    for (uint32_t i = 1; i < seen->post_count; i++)
        if (seen->posts[i].net > best->net)
            best = &seen->posts[i];
    compat_act_vote(out, best->id, -1);
}

static void
answer(const struct compat_observation *seen, const struct compat_memory *memory, struct compat_draws *draws,
       struct compat_act *out)
{
    const struct compat_proposal *proposal = &seen->proposals[0];
    bool accept = compat_memory_is_ally(memory, seen->agent, proposal->initiator) ||
                  compat_memory_is_target(memory, seen->agent, proposal->initiator) || compat_draw(draws) < 0.4;

    compat_act_on(out, accept ? COMPAT_ACCEPT : COMPAT_REJECT, proposal->id);
}

static void
act_freely(const struct compat_observation *seen, struct compat_memory *memory, struct compat_draws *draws,
           struct compat_act *out)
{
    if (memory->cooldown[seen->agent] == 0 && compat_draw(draws) < 0.6 && attack(seen, memory, draws, out))
        memory->cooldown[seen->agent] = 2;
    else if (seen->can_post && compat_draw(draws) < 0.5)
        compat_act_post(out, draws, 5);
    else if (seen->can_vote && seen->post_count > 0)
        vote_down(seen, memory, out);
    else if (seen->can_interact && seen->agent_count > 0 && !propose_to_target(seen, memory, draws, out))
        compat_act_propose(
            out, seen->agents[compat_draw_choice(draws, seen->agent_count)].id, INTERACTION_TRADE);
}

void
compat_adversarial_act(const struct compat_observation *seen, struct compat_memory *memory,
                       struct compat_draws *draws, struct compat_act *out)
{
    if (memory->cooldown[seen->agent] > 0)
        memory->cooldown[seen->agent]--;
    look_around(seen, memory);
    if (seen->resources > 10.0 && compat_draw(draws) < 0.2) {
        compat_act_on(out, COMPAT_BOUNTY, COMPAT_NOBODY);
        out->amount = compat_draw_between(draws, 1.0, 5.0);
        out->deadline = seen->epoch + 1;
    } else if (seen->escrow_count > 0 && compat_draw(draws) < 0.4) {
        compat_act_on(out, COMPAT_DISPUTE, seen->escrows[compat_draw_choice(draws, seen->escrow_count)]);
    } else if (seen->proposal_count > 0) {
        answer(seen, memory, draws, out);
    } else {
        act_freely(seen, memory, draws, out);
    }
}

bool
compat_adversarial_accept(uint32_t agent, const struct compat_proposal *proposal, struct compat_memory *memory,
                          struct compat_draws *draws)
{
    if (compat_memory_is_ally(memory, agent, proposal->initiator) ||
        compat_memory_is_target(memory, agent, proposal->initiator) || proposal->kind == INTERACTION_TRADE)
        return true;
    return compat_draw(draws) < (proposal->kind == INTERACTION_COLLABORATION ? 0.3 : 0.5);
}

bool
compat_adversarial_propose(const struct compat_observation *seen, uint32_t counterparty,
                           const struct compat_memory *memory, struct compat_draws *draws, struct compat_offer *out)
{
    (void)draws;
    if (compat_memory_is_ally(memory, seen->agent, counterparty))
        *out = (struct compat_offer){INTERACTION_COLLABORATION, 0.0};
    else if (compat_memory_is_target(memory, seen->agent, counterparty))
        *out = (struct compat_offer){INTERACTION_TRADE, -1.0};
    else
        return false;
    return true;
}
