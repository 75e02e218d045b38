/* world/compat/policy_honest.c - answers what it is asked, does its work, posts and upvotes, and proposes to whom it
 * trusts most (to the first in the list, as long as it has met nobody). */
#include "world/compat/policy.h"

#define THRESHOLD 0.4
#define TRUST_WEIGHT 0.3
#define TRUST_LEAST 0.3 /* to propose */

/* The task with the most bounty for its difficulty among those its reputation allows; NULL: none. */
static const struct compat_seen_task *
best_task(const struct compat_observation *seen)
{
    static const double difficulty[] = {1, 2, 3, 4, 5};
    const struct compat_seen_task *best = NULL;
    double best_worth = 0.0;

    for (uint32_t i = 0; i < seen->task_count; i++) {
        const struct compat_seen_task *task = &seen->tasks[i];
        double worth = task->bounty / difficulty[task->difficulty];

        if (task->min_reputation <= seen->reputation && (best == NULL || worth > best_worth)) {
            best = task;
            best_worth = worth;
        }
    }
    return best;
}

static void
vote(const struct compat_observation *seen, struct compat_draws *draws, struct compat_act *out)
{
    const struct compat_seen_post *fresh[COMPAT_POSTS_SEEN], *post;
    uint32_t count = 0;

    for (uint32_t i = 0; i < seen->post_count && count < COMPAT_POSTS_SEEN; i++)
        if (!seen->posts[i].voted)
            fresh[count++] = &seen->posts[i];
    if (count == 0)
        return;
    post = fresh[compat_draw_choice(draws, count)];
    compat_act_vote(out, post->id, post->net < -2 && post->replies <= 2 ? -1 : 1);
}

static void
propose(const struct compat_observation *seen, const struct compat_memory *memory, struct compat_act *out)
{
    uint32_t best = COMPAT_NOBODY;
    double best_trust = 0.0;

    for (uint32_t i = 0; i < seen->agent_count; i++) {
        double trust = compat_memory_trust(memory, seen->agent, seen->agents[i].id);

        if (trust >= TRUST_LEAST && (best == COMPAT_NOBODY || trust > best_trust)) {
            best = seen->agents[i].id;
            best_trust = trust;
        }
    }
    if (best != COMPAT_NOBODY)
        compat_act_propose(out, best, INTERACTION_COLLABORATION);
}

/* What it does when nobody waits for an answer: proposals, bids and bounties are behind it. */
static void
act_freely(const struct compat_observation *seen, const struct compat_memory *memory, struct compat_draws *draws,
           struct compat_act *out)
{
    const struct compat_seen_task *task;

    if (seen->work_count > 0 && seen->work[0].in_progress)
        compat_act_on(out, COMPAT_SUBMIT, seen->work[0].id);
    else if (seen->can_claim && (task = best_task(seen)) != NULL)
        compat_act_on(out, COMPAT_CLAIM, task->id);
    else if (seen->can_post && compat_draw(draws) < 0.3)
        compat_act_post(out, draws, 4);
    else if (seen->can_vote && seen->post_count > 0 && compat_draw(draws) < 0.5)
        vote(seen, draws, out);
    else if (seen->can_interact && compat_draw(draws) < 0.4)
        propose(seen, memory, out);
}

void
compat_honest_act(const struct compat_observation *seen, struct compat_memory *memory, struct compat_draws *draws,
                  struct compat_act *out)
{
    if (seen->proposal_count > 0) {
        double trust = compat_memory_trust(memory, seen->agent, seen->proposals[0].initiator);

        compat_act_on(out, trust >= THRESHOLD - 0.1 ? COMPAT_ACCEPT : COMPAT_REJECT, seen->proposals[0].id);
    } else if (seen->bid_count > 0) {
        compat_act_lowest_bid(out, seen);
    } else if (seen->bounty_count > 0 && compat_draw(draws) < 0.3) {
        const struct compat_seen_bounty *bounty = &seen->bounties[compat_draw_choice(draws, seen->bounty_count)];

        compat_act_bid(out, bounty->id, bounty->reward * compat_draw_between(draws, 0.8, 0.95));
    } else if (seen->resources > 20.0 && compat_draw(draws) < 0.15 && seen->bounty_count == 0) {
        compat_act_on(out, COMPAT_BOUNTY, COMPAT_NOBODY);
        out->amount = compat_draw_between(draws, 5.0, 15.0);
    } else {
        act_freely(seen, memory, draws, out);
    }
}

bool
compat_honest_accept(uint32_t agent, const struct compat_proposal *proposal, struct compat_memory *memory,
                     struct compat_draws *draws)
{
    double trust = compat_memory_trust(memory, agent, proposal->initiator), threshold = THRESHOLD;

    (void)draws;
    if (proposal->kind == INTERACTION_COLLABORATION)
        threshold -= 0.1;
    else if (proposal->kind == INTERACTION_TRADE)
        threshold += 0.1;
    return trust * TRUST_WEIGHT + 0.5 * (1.0 - TRUST_WEIGHT) >= threshold;
}

bool
compat_honest_propose(const struct compat_observation *seen, uint32_t counterparty,
                      const struct compat_memory *memory, struct compat_draws *draws, struct compat_offer *out)
{
    (void)draws;
    if (compat_memory_trust(memory, seen->agent, counterparty) < TRUST_LEAST)
        return false;
    *out = (struct compat_offer){seen->work_count > 0 ? INTERACTION_COLLABORATION : INTERACTION_REPLY, 0.0};
    return true;
}
