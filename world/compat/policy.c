#include "world/compat/policy.h"

#include "core/assert.h"

static const struct {
    const char *name;
    void (*act)(const struct compat_observation *, struct compat_memory *, struct compat_draws *, struct compat_act *);
    bool (*accept)(uint32_t, const struct compat_proposal *, struct compat_memory *, struct compat_draws *);
    bool (*propose)(const struct compat_observation *, uint32_t, const struct compat_memory *, struct compat_draws *,
                    struct compat_offer *);
} policies[COMPAT_TYPES] = {
    [COMPAT_HONEST] = {"honest", compat_honest_act, compat_honest_accept, compat_honest_propose},
    [COMPAT_OPPORTUNISTIC] = {"opportunistic", compat_opportunistic_act, compat_opportunistic_accept,
                              compat_opportunistic_propose},
    [COMPAT_DECEPTIVE] = {"deceptive", compat_deceptive_act, compat_deceptive_accept, compat_deceptive_propose},
    [COMPAT_ADVERSARIAL] = {"adversarial", compat_adversarial_act, compat_adversarial_accept,
                            compat_adversarial_propose},
    [COMPAT_ADAPTIVE] = {"adaptive_adversary", compat_adaptive_act, compat_adaptive_accept, compat_adaptive_propose},
};

const char *
compat_type_name(enum compat_type type)
{
    ASSERT(type < COMPAT_TYPES);
    return policies[type].name;
}

const char *
compat_verb_name(enum compat_verb verb)
{
    static const char *const names[COMPAT_VERBS] = {
        "noop", "post", "vote", "propose_interaction", "accept_interaction", "reject_interaction", "claim_task",
        "submit_output", "post_bounty", "place_bid", "accept_bid", "file_dispute"};

    ASSERT(verb < COMPAT_VERBS);
    return names[verb];
}

void
compat_policy_act(enum compat_type type, const struct compat_observation *seen, struct compat_memory *memory,
                  struct compat_draws *draws, struct compat_act *out)
{
    ASSERT(type < COMPAT_TYPES);
    compat_act_noop(out);
    policies[type].act(seen, memory, draws, out);
}

bool
compat_policy_accept(enum compat_type type, uint32_t agent, const struct compat_proposal *proposal,
                     struct compat_memory *memory, struct compat_draws *draws)
{
    ASSERT(type < COMPAT_TYPES);
    return policies[type].accept(agent, proposal, memory, draws);
}

bool
compat_policy_propose(enum compat_type type, const struct compat_observation *seen, uint32_t counterparty,
                      const struct compat_memory *memory, struct compat_draws *draws, struct compat_offer *out)
{
    ASSERT(type < COMPAT_TYPES);
    return policies[type].propose(seen, counterparty, memory, draws, out);
}

/* ---- acts ---- */

void
compat_act_noop(struct compat_act *out)
{
    *out = (struct compat_act){.verb = COMPAT_NOOP, .target = COMPAT_NOBODY, .counterparty = COMPAT_NOBODY,
                               .bid = COMPAT_NOBODY};
}

void
compat_act_post(struct compat_act *out, struct compat_draws *draws, uint32_t texts)
{
    compat_draw_choice(draws, texts);
    out->verb = COMPAT_POST;
}

void
compat_act_on(struct compat_act *out, enum compat_verb verb, uint32_t target)
{
    out->verb = verb;
    out->target = target;
}

void
compat_act_vote(struct compat_act *out, uint32_t post, int32_t vote)
{
    compat_act_on(out, COMPAT_VOTE, post);
    out->vote = vote;
}

void
compat_act_propose(struct compat_act *out, uint32_t counterparty, enum sandbox_interaction kind)
{
    out->verb = COMPAT_PROPOSE;
    out->counterparty = counterparty;
    out->kind = kind;
}

void
compat_act_lowest_bid(struct compat_act *out, const struct compat_observation *seen)
{
    const struct compat_seen_bid *best = &seen->bids[0];

    for (uint32_t i = 1; i < seen->bid_count; i++)
        if (seen->bids[i].amount < best->amount)
            best = &seen->bids[i];
    compat_act_on(out, COMPAT_ACCEPT_BID, best->bounty);
    out->bid = best->id;
}

void
compat_act_bid(struct compat_act *out, uint32_t bounty, double amount)
{
    compat_act_on(out, COMPAT_BID, bounty);
    out->amount = amount;
}

const struct compat_seen_bounty *
compat_best_bounty(const struct compat_observation *seen)
{
    const struct compat_seen_bounty *best = &seen->bounties[0];

    for (uint32_t i = 1; i < seen->bounty_count; i++)
        if (seen->bounties[i].reward > best->reward)
            best = &seen->bounties[i];
    return best;
}
