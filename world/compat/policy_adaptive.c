/* world/compat/policy_adaptive.c - the adversary that was to learn. It lies low for two epochs after each detection,
 * but only a call that nothing makes would let those epochs pass: it lies low for ever. Lying low it posts or upvotes,
 * and forgets to sign what it does, so that its acts count as nobody's. */
#include "world/compat/policy.h"

void
compat_adaptive_act(const struct compat_observation *seen, struct compat_memory *memory, struct compat_draws *draws,
                    struct compat_act *out)
{
    for (uint32_t i = 0; i < seen->agent_count; i++) {
        const struct compat_seen_agent *other = &seen->agents[i];

        if (other->type == COMPAT_ADVERSARIAL || other->type == COMPAT_ADAPTIVE)
            compat_memory_add_ally(memory, seen->agent, other->id);
        else if (other->type == COMPAT_HONEST && other->reputation > 3.0)
            compat_memory_add_target(memory, seen->agent, other->id);
    }
    out->nameless = true;
    if (compat_draw(draws) < 0.3)
        out->verb = COMPAT_POST; /* always the same words: nothing is drawn */
    else if (seen->post_count > 0)
        compat_act_vote(out, seen->posts[0].id, 1);
}

bool
compat_adaptive_accept(uint32_t agent, const struct compat_proposal *proposal, struct compat_memory *memory,
                       struct compat_draws *draws)
{
    (void)agent;
    (void)proposal;
    (void)memory;
    (void)draws;
    return true; /* to look harmless */
}

bool
compat_adaptive_propose(const struct compat_observation *seen, uint32_t counterparty,
                        const struct compat_memory *memory, struct compat_draws *draws, struct compat_offer *out)
{
    bool known = compat_memory_is_ally(memory, seen->agent, counterparty) ||
                 compat_memory_is_target(memory, seen->agent, counterparty);

    if (!known && compat_draw(draws) > 0.2)
        return false;
    *out = (struct compat_offer){known ? INTERACTION_COLLABORATION : INTERACTION_REPLY, 0.0};
    return true;
}
