/* world/compat/observe.c - what an agent sees at its turn. */
#include "world/compat/orchestrator.h"

#include "core/money.h"

static uint32_t
see_posts(struct compat_run *self, uint32_t agent)
{
    const struct compat_board *board = &self->board;
    uint32_t voter = self->config->types[agent] == COMPAT_ADAPTIVE ? COMPAT_NOBODY : agent;
    uint32_t count = board->count < COMPAT_POSTS_SEEN ? board->count : COMPAT_POSTS_SEEN;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t post = board->order[i];

        self->seen_posts[i] = (struct compat_seen_post){
            .id = post, .author = board->posts[post].author, .voted = compat_board_voted(board, post, voter) != 0};
    }
    return count;
}

/* Room for so many ids. */
static uint32_t *
ids_room(struct compat_run *self, uint32_t count)
{
    buffer_clear(&self->seen_ids);
    buffer_reserve(&self->seen_ids, ((size_t)count + 1) * sizeof(uint32_t));
    return (uint32_t *)(void *)self->seen_ids.data;
}

/* Neighbours, or everybody where there is no network. */
static uint32_t
see_agents(struct compat_run *self, uint32_t agent)
{
    uint32_t all = self->config->agent_count, count = 0;
    const uint32_t *linked = NULL;

    if (self->network != NULL) {
        uint32_t *room = ids_room(self, all);

        all = compat_network_neighbours(self->network, agent, room);
        linked = room;
    }
    for (uint32_t i = 0; i < all; i++) {
        uint32_t other = linked != NULL ? linked[i] : i;

        if (other != agent && !self->frozen[other])
            self->seen_agents[count++] = (struct compat_seen_agent){
                other, self->config->types[other], self->reputation[other], self->resources[other]};
    }
    return count;
}

/* The oldest proposal that waits for the agent, which is all that any policy looks at; NULL: none. */
static const struct compat_proposal *
find_proposal(const struct compat_run *self, uint32_t agent)
{
    uint32_t count;
    const struct compat_proposal *pending = compat_pending(self, &count);

    if (self->waiting[agent] == 0)
        return NULL;
    for (uint32_t i = 0; i < count; i++)
        if (pending[i].counterparty == agent)
            return &pending[i];
    return NULL;
}

static struct compat_seen_task
see_task(const struct task *task)
{
    return (struct compat_seen_task){task->id, COMPAT_MEDIUM, money_to_real(task->bounty), task->min_reputation,
                                     task->status == TASK_IN_PROGRESS};
}

static void
see_tasks(struct compat_run *self, uint32_t agent, struct compat_observation *out)
{
    uint32_t ids[COMPAT_TASKS_SEEN], capacity = tasks_capacity(self->tasks);

    out->task_count = tasks_claimable(self->tasks, self->reputation[agent], COMPAT_TASKS_SEEN, ids);
    for (uint32_t i = 0; i < out->task_count; i++)
        self->seen_tasks[i] = see_task(tasks_find(self->tasks, ids[i]));
    buffer_clear(&self->seen_work);
    for (uint32_t place = 0; place < capacity; place++) {
        const struct task *task = tasks_at(self->tasks, place);

        if (task == NULL)
            break; /* places are taken in order */
        if (task->worker == agent && (task->status == TASK_CLAIMED || task->status == TASK_IN_PROGRESS)) {
            *(struct compat_seen_task *)buffer_extend(&self->seen_work, sizeof(struct compat_seen_task)) =
                see_task(task);
            out->work_count++;
        }
    }
    out->tasks = self->seen_tasks;
    out->work = (const struct compat_seen_task *)(const void *)self->seen_work.data;
}

/* Bounties of others, bids on its own, escrows it is a party to. */
static void
see_market(struct compat_run *self, uint32_t agent, struct compat_observation *out)
{
    uint32_t bounty_count, bid_count, escrow_count, found;
    const struct compat_bounty *bounties = compat_market_bounties(self->market, &bounty_count);
    const struct compat_bid *bids = compat_market_bids(self->market, &bid_count);
    uint32_t most = bounty_count > bid_count ? bounty_count : bid_count, *ids = ids_room(self, most);

    buffer_clear(&self->seen_bounties);
    buffer_clear(&self->seen_bids);
    found = compat_market_open(self->market, self->now.epoch, self->reputation[agent], ids);
    for (uint32_t i = 0; i < found; i++)
        if (bounties[ids[i]].poster != agent) {
            *(struct compat_seen_bounty *)buffer_extend(&self->seen_bounties, sizeof(struct compat_seen_bounty)) =
                (struct compat_seen_bounty){ids[i], bounties[ids[i]].reward};
            out->bounty_count++;
        }
    out->bid_count = compat_market_bids_on(self->market, agent, ids);
    for (uint32_t i = 0; i < out->bid_count; i++)
        *(struct compat_seen_bid *)buffer_extend(&self->seen_bids, sizeof(struct compat_seen_bid)) =
            (struct compat_seen_bid){ids[i], bids[ids[i]].bounty, bids[ids[i]].amount};
    compat_market_escrows(self->market, &escrow_count);
    buffer_clear(&self->seen_escrows);
    buffer_reserve(&self->seen_escrows, ((size_t)escrow_count + 1) * sizeof(uint32_t));
    out->escrows = (const uint32_t *)(const void *)self->seen_escrows.data;
    out->escrow_count =
        compat_market_escrows_of(self->market, agent, (uint32_t *)(void *)self->seen_escrows.data);
    out->bounties = (const struct compat_seen_bounty *)(const void *)self->seen_bounties.data;
    out->bids = (const struct compat_seen_bid *)(const void *)self->seen_bids.data;
}

void
compat_observe(struct compat_run *self, uint32_t agent, struct compat_observation *out)
{
    const struct compat_limits *limits = &self->config->limits;
    const struct compat_used *used = &self->used[agent];

    *out = (struct compat_observation){
        .agent = agent, .epoch = self->now.epoch,
        .step = (uint32_t)((self->now.step - 1) % self->config->steps_per_epoch),
        .reputation = self->reputation[agent], .resources = self->resources[agent],
        .can_post = used->posts < limits->posts_per_epoch,
        .can_interact = used->interactions < limits->interactions_per_step,
        .can_vote = used->votes < limits->votes_per_epoch, .can_claim = used->tasks < limits->tasks_per_epoch,
        .posts = self->seen_posts, .agents = self->seen_agents, .proposals = find_proposal(self, agent)};
    out->proposal_count = out->proposals != NULL;
    out->post_count = see_posts(self, agent);
    out->agent_count = see_agents(self, agent);
    if (self->market != NULL) { /* tasks come from bounties alone */
        see_tasks(self, agent, out);
        see_market(self, agent, out);
    }
}
