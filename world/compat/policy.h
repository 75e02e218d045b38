/* world/compat/policy.h - how the agents of the original decide: act() once a turn, accept() at the end of a step for
 * what is still open, and propose(), which nothing calls there. Each is a function of what the agent sees, what it
 * remembers and the next draws; the order of the draws is the original's. */
#ifndef POLIS_WORLD_COMPAT_POLICY_H
#define POLIS_WORLD_COMPAT_POLICY_H

#include "world/compat/memory.h"

#define COMPAT_POSTS_SEEN 20u
#define COMPAT_TASKS_SEEN 10u

/* In the order of registration; the agent itself and frozen ones are not among them. Types are true. */
struct compat_seen_agent {
    uint32_t id;
    enum compat_type type;
    double reputation, resources;
};

/* In a run `net` and `replies` are 0: the original leaves the first out and nobody replies. */
struct compat_seen_post {
    uint32_t id, author;
    int32_t net;
    uint32_t replies;
    bool voted; /* by the agent itself */
};

struct compat_proposal {
    uint32_t id, initiator, counterparty;
    enum sandbox_interaction kind;
    double transfer;
};

enum compat_difficulty { COMPAT_TRIVIAL, COMPAT_EASY, COMPAT_MEDIUM, COMPAT_HARD, COMPAT_EXPERT };

struct compat_seen_task {
    uint32_t id;
    enum compat_difficulty difficulty;
    double bounty, min_reputation;
    bool in_progress;
};

struct compat_seen_bounty {
    uint32_t id;
    double reward;
};

struct compat_seen_bid {
    uint32_t id, bounty;
    double amount;
};

/* The lists are lent for the call. */
struct compat_observation {
    uint32_t agent, epoch, step;
    double reputation, resources;
    bool can_post, can_interact, can_vote, can_claim;
    const struct compat_seen_post *posts;
    const struct compat_proposal *proposals; /* to the agent, oldest first */
    const struct compat_seen_task *tasks;    /* to be claimed, highest bounty first */
    const struct compat_seen_task *work;     /* its own, claimed or in progress */
    const struct compat_seen_agent *agents;
    const struct compat_seen_bounty *bounties;
    const struct compat_seen_bid *bids;      /* on its own open bounties */
    const uint32_t *escrows;
    uint32_t post_count, proposal_count, task_count, work_count, agent_count, bounty_count, bid_count, escrow_count;
};

enum compat_verb {
    COMPAT_NOOP, COMPAT_POST, COMPAT_VOTE, COMPAT_PROPOSE, COMPAT_ACCEPT, COMPAT_REJECT, COMPAT_CLAIM, COMPAT_SUBMIT,
    COMPAT_BOUNTY, COMPAT_BID, COMPAT_ACCEPT_BID, COMPAT_DISPUTE, COMPAT_VERBS
};
const char *compat_verb_name(enum compat_verb verb); /* as the original writes it: "propose_interaction" */

enum compat_effort { COMPAT_FULL, COMPAT_MINIMAL, COMPAT_SUBTLY_POOR };

struct compat_act {
    enum compat_verb verb;
    uint32_t target;       /* post, proposal, task, bounty or escrow; COMPAT_NOBODY: none */
    uint32_t counterparty; /* of a proposal */
    enum sandbox_interaction kind;
    int32_t vote;          /* -1, 1 */
    double amount;         /* of a bounty or a bid, tokens */
    uint32_t bid, deadline;
    enum compat_effort effort;
    bool nameless;         /* the original forgets to say whose act it is */
};

struct compat_offer {
    enum sandbox_interaction kind;
    double transfer;
};

const char *compat_type_name(enum compat_type type); /* as in scenarios: "adaptive_adversary" */

void compat_policy_act(enum compat_type type, const struct compat_observation *seen, struct compat_memory *memory,
                       struct compat_draws *draws, struct compat_act *out);
bool compat_policy_accept(enum compat_type type, uint32_t agent, const struct compat_proposal *proposal,
                          struct compat_memory *memory, struct compat_draws *draws);
/* False: it does not propose to that one. */
bool compat_policy_propose(enum compat_type type, const struct compat_observation *seen, uint32_t counterparty,
                           const struct compat_memory *memory, struct compat_draws *draws, struct compat_offer *out);

/* ---- what policies share ---- */

void compat_act_noop(struct compat_act *out);
/* Draws which of `texts` it is, and forgets it: what a post says decides nothing. */
void compat_act_post(struct compat_act *out, struct compat_draws *draws, uint32_t texts);
void compat_act_on(struct compat_act *out, enum compat_verb verb, uint32_t target);
void compat_act_vote(struct compat_act *out, uint32_t post, int32_t vote);
void compat_act_propose(struct compat_act *out, uint32_t counterparty, enum sandbox_interaction kind);
/* Accepts the lowest of the bids, the first among equals. */
void compat_act_lowest_bid(struct compat_act *out, const struct compat_observation *seen);
void compat_act_bid(struct compat_act *out, uint32_t bounty, double amount);
/* The bounty with the highest reward, the first among equals. */
const struct compat_seen_bounty *compat_best_bounty(const struct compat_observation *seen);

/* ---- one file each ---- */

void compat_honest_act(const struct compat_observation *seen, struct compat_memory *memory,
                       struct compat_draws *draws, struct compat_act *out);
bool compat_honest_accept(uint32_t agent, const struct compat_proposal *proposal, struct compat_memory *memory,
                          struct compat_draws *draws);
bool compat_honest_propose(const struct compat_observation *seen, uint32_t counterparty,
                           const struct compat_memory *memory, struct compat_draws *draws, struct compat_offer *out);

void compat_opportunistic_act(const struct compat_observation *seen, struct compat_memory *memory,
                              struct compat_draws *draws, struct compat_act *out);
bool compat_opportunistic_accept(uint32_t agent, const struct compat_proposal *proposal,
                                 struct compat_memory *memory, struct compat_draws *draws);
bool compat_opportunistic_propose(const struct compat_observation *seen, uint32_t counterparty,
                                  const struct compat_memory *memory, struct compat_draws *draws,
                                  struct compat_offer *out);

void compat_deceptive_act(const struct compat_observation *seen, struct compat_memory *memory,
                          struct compat_draws *draws, struct compat_act *out);
bool compat_deceptive_accept(uint32_t agent, const struct compat_proposal *proposal, struct compat_memory *memory,
                             struct compat_draws *draws);
bool compat_deceptive_propose(const struct compat_observation *seen, uint32_t counterparty,
                              const struct compat_memory *memory, struct compat_draws *draws,
                              struct compat_offer *out);

void compat_adversarial_act(const struct compat_observation *seen, struct compat_memory *memory,
                            struct compat_draws *draws, struct compat_act *out);
bool compat_adversarial_accept(uint32_t agent, const struct compat_proposal *proposal, struct compat_memory *memory,
                               struct compat_draws *draws);
bool compat_adversarial_propose(const struct compat_observation *seen, uint32_t counterparty,
                                const struct compat_memory *memory, struct compat_draws *draws,
                                struct compat_offer *out);

void compat_adaptive_act(const struct compat_observation *seen, struct compat_memory *memory,
                         struct compat_draws *draws, struct compat_act *out);
bool compat_adaptive_accept(uint32_t agent, const struct compat_proposal *proposal, struct compat_memory *memory,
                            struct compat_draws *draws);
bool compat_adaptive_propose(const struct compat_observation *seen, uint32_t counterparty,
                             const struct compat_memory *memory, struct compat_draws *draws, struct compat_offer *out);

#endif
