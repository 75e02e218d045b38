/* world/compat/execute.c - acts are carried out: what fails changes nothing, costs the agent its turn, and does not
 * count towards the acts of the step. */
#include "world/compat/orchestrator.h"

#include "core/assert.h"

/* Whose limits an act uses: unsigned acts use those of nobody. */
static uint32_t
row_of(const struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    return act->nameless ? self->config->agent_count : agent;
}

static enum sandbox_refusal
do_post(struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    struct compat_used *used = &self->used[row_of(self, agent, act)];

    if (used->posts >= self->config->limits.posts_per_epoch)
        return REFUSAL_RATE;
    compat_board_post(&self->board, act->nameless ? COMPAT_NOBODY : agent);
    used->posts++;
    return REFUSAL_NONE;
}

/* A vote that changes nothing counts all the same. */
static enum sandbox_refusal
do_vote(struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    struct compat_used *used = &self->used[row_of(self, agent, act)];

    if (used->votes >= self->config->limits.votes_per_epoch)
        return REFUSAL_RATE;
    compat_board_vote(&self->board, act->target, act->nameless ? COMPAT_NOBODY : agent, act->vote);
    used->votes++;
    return REFUSAL_NONE;
}

static enum sandbox_refusal
do_propose(struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    struct compat_used *used = &self->used[agent];

    if (used->interactions >= self->config->limits.interactions_per_step)
        return REFUSAL_RATE;
    if (self->network != NULL && !compat_network_linked(self->network, agent, act->counterparty))
        return REFUSAL_TARGET;
    *(struct compat_proposal *)buffer_extend(&self->pending, sizeof(struct compat_proposal)) =
        (struct compat_proposal){.id = self->now.next_proposal++, .initiator = agent,
                                 .counterparty = act->counterparty, .kind = act->kind, .transfer = 0.0};
    self->waiting[act->counterparty]++;
    used->interactions++;
    return REFUSAL_NONE;
}

static enum sandbox_refusal
do_answer(struct compat_run *self, const struct compat_act *act, bool accepted)
{
    uint32_t count, found = 0;
    struct compat_proposal *pending = compat_pending(self, &count), proposal;

    while (found < count && pending[found].id != act->target)
        found++;
    if (found == count)
        return REFUSAL_TARGET;
    proposal = pending[found];
    for (uint32_t i = found + 1; i < count; i++)
        pending[i - 1] = pending[i];
    self->pending.size -= sizeof pending[0];
    self->waiting[proposal.counterparty]--;
    compat_complete(self, &proposal, accepted);
    return REFUSAL_NONE;
}

static enum sandbox_refusal
do_claim(struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    if (!tasks_claim(self->tasks, act->target, agent, self->reputation[agent], self->now.step))
        return REFUSAL_TARGET;
    self->used[agent].tasks++;
    return REFUSAL_NONE;
}

/* Nobody ever looks at what was submitted. */
static enum sandbox_refusal
do_submit(struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    const struct task *task = tasks_find(self->tasks, act->target);

    if (task == NULL || task->worker != agent)
        return REFUSAL_TARGET;
    tasks_submit(self->tasks, act->target, 0.0, 0, self->now.step);
    return REFUSAL_NONE;
}

static enum sandbox_refusal
do_bounty(struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    if (self->market == NULL)
        return REFUSAL_UNAVAILABLE;
    if (self->used[agent].bounties >= self->config->limits.bounties_per_epoch)
        return REFUSAL_RATE;
    if (!compat_desk_post(self->market, &self->levers_view, self->tasks, agent, act->amount, 0.0, act->deadline,
                          self->now.step, NULL))
        return REFUSAL_FUNDS;
    self->used[agent].bounties++;
    return REFUSAL_NONE;
}

static enum sandbox_refusal
do_bid(struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    if (self->market == NULL)
        return REFUSAL_UNAVAILABLE;
    if (self->used[agent].bids >= self->config->limits.bids_per_epoch)
        return REFUSAL_RATE;
    if (compat_market_bid(self->market, act->target, agent, act->amount) == COMPAT_NOBODY)
        return REFUSAL_TARGET;
    self->used[agent].bids++;
    return REFUSAL_NONE;
}

static enum sandbox_refusal
do_market(struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    bool done;

    if (self->market == NULL)
        return REFUSAL_UNAVAILABLE;
    if (act->verb == COMPAT_ACCEPT_BID)
        done = compat_desk_accept(
            self->market, &self->levers_view, self->tasks, agent, act->target, act->bid, self->now.step);
    else
        done = compat_market_dispute(self->market, act->target, agent, self->now.epoch) != COMPAT_NOBODY;
    return done ? REFUSAL_NONE : REFUSAL_TARGET;
}

static enum sandbox_refusal
do_act(struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    switch (act->verb) {
    case COMPAT_NOOP:
        return REFUSAL_NONE;
    case COMPAT_POST:
        return do_post(self, agent, act);
    case COMPAT_VOTE:
        return do_vote(self, agent, act);
    case COMPAT_PROPOSE:
        return do_propose(self, agent, act);
    case COMPAT_ACCEPT:
        return do_answer(self, act, true);
    case COMPAT_REJECT:
        return do_answer(self, act, false);
    case COMPAT_CLAIM:
        return do_claim(self, agent, act);
    case COMPAT_SUBMIT:
        return do_submit(self, agent, act);
    case COMPAT_BOUNTY:
        return do_bounty(self, agent, act);
    case COMPAT_BID:
        return do_bid(self, agent, act);
    case COMPAT_ACCEPT_BID:
    case COMPAT_DISPUTE:
        return do_market(self, agent, act);
    case COMPAT_VERBS:
        break;
    }
    UNREACHABLE();
}

bool
compat_execute(struct compat_run *self, uint32_t agent, const struct compat_act *act)
{
    enum sandbox_refusal refused = do_act(self, agent, act);
    struct compat_done *done = buffer_extend(&self->done, sizeof *done);

    *done = (struct compat_done){
        .agent = agent, .act = *act, .succeeded = refused == REFUSAL_NONE, .refused = (uint8_t)refused};
    if (act->verb == COMPAT_POST && done->succeeded)
        done->act.target = self->board.count - 1;
    return done->succeeded;
}
