/* world/compat/orchestrator.h - a run of the original, step by step:
 *
 *     an epoch begins: limits are reset, the levers have their say
 *     a step: agents act one after the other in the schedule's order until so many acts have succeeded; then whoever
 *             still has a proposal to answer answers it
 *     an epoch ends: bounties expire, disputes resolve themselves, links decay
 *
 * 1. Every draw of agents, schedule and observables comes from one stream, in the order of execution; audits and the
 *    making of the network have streams of their own (seed + 1, seed + 2).
 * 2. An agent acts on what those before it did in the same step.
 * 3. What is frozen does not act, does not answer and is not seen; its proposals wait.
 * 4. The deals and actions of the last step are kept until the next one begins. */
#ifndef POLIS_WORLD_COMPAT_ORCHESTRATOR_H
#define POLIS_WORLD_COMPAT_ORCHESTRATOR_H

#include "world/compat/board.h"
#include "world/compat/config.h"
#include "world/compat/policy.h"
#include "world/sandbox/metrics.h"
#include "world/sandbox/tasks.h"

/* State of the agents, a column each. */
#define COMPAT_AGENT_COLUMNS(C)                                                                                      \
    C(double, reputation)                                                                                            \
    C(double, resources)                                                                                             \
    C(double, payoff)      /* sum */                                                                                 \
    C(double, p_initiated) /* running mean of labels; 0.5 before the first */                                        \
    C(double, p_received)                                                                                            \
    C(uint32_t, initiated) /* accepted ones: others are not counted there */                                         \
    C(uint32_t, received)                                                                                            \
    C(uint32_t, accepted)                                                                                            \
    C(uint8_t, frozen)

/* What an agent has used of its limits; the last row is for acts that nobody signed. */
struct compat_used {
    uint32_t posts, votes, tasks, bounties, bids, interactions; /* the last in this step, the others in this epoch */
};

/* An interaction of the last step. */
struct compat_deal {
    struct compat_interaction interaction;
    double payoff_a, payoff_b;
};

/* An act of the last step. */
struct compat_done {
    uint32_t agent;
    struct compat_act act;
    bool succeeded;
    uint8_t refused; /* enum sandbox_refusal when it did not */
};

#define COMPAT_COLUMN_MEMBER(type, name) type *name;
struct compat_run {
    const struct compat_config *config; /* lent */
    struct compat_draws draws, audit_draws, network_draws;
    struct {
        uint64_t seed;       /* that the streams come from */
        uint64_t step;       /* of the run, from 1; 0 before the first */
        uint32_t epoch;      /* of that step */
        uint32_t paused;
        uint32_t next_proposal;
        uint32_t epochs_ended;
        double toxicity_sum; /* over ended epochs; empty ones count as 0 */
    } now;
    COMPAT_AGENT_COLUMNS(COMPAT_COLUMN_MEMBER)
    struct compat_used *used;
    struct compat_memory memory;
    struct compat_board board;
    struct compat_market *market;   /* NULL: none */
    struct tasks *tasks;
    struct compat_network *network; /* NULL: none */
    struct compat_levers *levers;   /* NULL: all off */
    struct buffer pending;          /* of struct compat_proposal, in order of insertion */
    struct metrics_set *epoch_set, *run_set;

    /* Of the last step; not state. */
    struct buffer deals, done; /* of struct compat_deal, struct compat_done */

    /* Room to work in. */
    struct compat_agents levers_view;
    struct compat_effect effect;
    uint32_t *order, *waiting; /* waiting: pending proposals by counterparty; follows from `pending` */
    struct compat_priority {
        double reputation;
        uint32_t agent;
    } *priorities;
    struct compat_seen_agent *seen_agents;
    struct compat_seen_post seen_posts[COMPAT_POSTS_SEEN];
    struct compat_seen_task seen_tasks[COMPAT_TASKS_SEEN];
    struct buffer seen_ids, seen_work, seen_bounties, seen_bids, seen_escrows;
};

void compat_run_init(struct compat_run *self, const struct compat_config *config);
void compat_run_fini(struct compat_run *self);
/* The state before step 1. */
void compat_run_genesis(struct compat_run *self, uint64_t seed);

/* Another seed from here on (the same: nothing changes): the streams begin anew, as a function of it and the step. */
void compat_run_reseed(struct compat_run *self, uint64_t seed);

/* Step `step`, from 1, with what begins and ends with it. */
void compat_run_begin(struct compat_run *self, uint64_t step);
void compat_run_act(struct compat_run *self);
void compat_run_end(struct compat_run *self);

/* Of the epoch so far, as the original reports it: all 0 when there was no interaction. */
struct compat_epoch {
    uint64_t interactions, accepted, posts, votes; /* the last two since the run began */
    double toxicity, quality_gap, avg_payoff, welfare;
};
struct compat_epoch compat_run_epoch(const struct compat_run *self);

/* ---- between the files of the orchestrator ---- */

/* observe.c: what the agent sees now; lists are lent until the next call. */
void compat_observe(struct compat_run *self, uint32_t agent, struct compat_observation *out);
/* execute.c: carries an act out and records it; whether it succeeded. */
bool compat_execute(struct compat_run *self, uint32_t agent, const struct compat_act *act);
/* complete.c: an answered proposal becomes an interaction. */
void compat_complete(struct compat_run *self, const struct compat_proposal *proposal, bool accepted);
/* complete.c: what the levers want at the start of an epoch. */
void compat_open_epoch(struct compat_run *self);

static inline struct compat_proposal *
compat_pending(const struct compat_run *self, uint32_t *count)
{
    *count = (uint32_t)(self->pending.size / sizeof(struct compat_proposal));
    return (struct compat_proposal *)(void *)self->pending.data;
}

static inline const struct compat_deal *
compat_deals(const struct compat_run *self, uint32_t *count)
{
    *count = (uint32_t)(self->deals.size / sizeof(struct compat_deal));
    return (const struct compat_deal *)(const void *)self->deals.data;
}

static inline const struct compat_done *
compat_done(const struct compat_run *self, uint32_t *count)
{
    *count = (uint32_t)(self->done.size / sizeof(struct compat_done));
    return (const struct compat_done *)(const void *)self->done.data;
}

static inline bool
compat_can_act(const struct compat_run *self, uint32_t agent)
{
    return self->now.paused == 0 && !self->frozen[agent];
}

#endif
