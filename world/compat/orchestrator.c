#include "world/compat/orchestrator.h"

#include "core/arena.h"
#include "core/assert.h"

#include <stdlib.h>
#include <string.h>

#define RESOURCES_START 100.0
#define TASKS_OF_AGENT 128u

/* ---- life ---- */

/* Is any lever on? Without, nothing has to be asked. */
static bool
is_governed(const struct compat_governance *levers)
{
    return levers->transaction_tax_rate > 0.0 || levers->reputation_decay_rate < 1.0 || levers->staking_enabled ||
           levers->circuit_breaker_enabled || levers->audit_enabled || levers->collusion_detection_enabled ||
           levers->security_enabled || levers->transparency_enabled || levers->moderator_enabled ||
           levers->refinery_enabled;
}

/* As many as the run can have interactions, in both directions. */
static uint64_t
bonds_max(const struct compat_config *config)
{
    uint64_t steps = (uint64_t)config->epochs * config->steps_per_epoch; /* at most 1e12, by at most 1e6 actions */

    return 2 * steps * config->world.max_actions_per_step;
}

/* Room for the bounties of some epochs: those that expired make place, and what nobody can see is not missed. It must
 * not depend on the run's length, which a fork may change. */
static uint32_t
tasks_max(const struct compat_config *config)
{
    return config->has_market ? 64u + TASKS_OF_AGENT * config->agent_count : 1u;
}

static void
make_workspace(struct compat_run *self)
{
    uint32_t count = self->config->agent_count;

    self->levers_view = (struct compat_agents){count, self->reputation, self->resources};
    self->effect.reputation = ALLOC_ARRAY(double, count);
    self->effect.resources = ALLOC_ARRAY(double, count);
    self->effect.freeze = ALLOC_ARRAY(bool, count);
    self->effect.unfreeze = ALLOC_ARRAY(bool, count);
    self->order = ALLOC_ARRAY(uint32_t, count);
    self->waiting = ALLOC_ARRAY(uint32_t, count);
    self->priorities = ALLOC_ARRAY(struct compat_priority, count);
    self->seen_agents = ALLOC_ARRAY(struct compat_seen_agent, count);
}

void
compat_run_init(struct compat_run *self, const struct compat_config *config)
{
    uint32_t count = config->agent_count;

    *self = (struct compat_run){.config = config};
#define COLUMN_MAKE(type, name) self->name = ALLOC_ARRAY(type, count);
    COMPAT_AGENT_COLUMNS(COLUMN_MAKE)
    self->used = ALLOC_ARRAY(struct compat_used, (size_t)count + 1);
    compat_memory_init(&self->memory, count, bonds_max(config));
    compat_board_init(&self->board, count);
    self->tasks = tasks_new(tasks_max(config));
    if (config->has_market)
        self->market = compat_market_new(&config->market);
    if (config->has_network)
        self->network = compat_network_new(&config->network, count);
    if (is_governed(&config->governance))
        self->levers = compat_levers_new(&config->governance, config->world.version, count, &self->audit_draws);
    self->epoch_set = ALLOC(struct metrics_set);
    self->run_set = ALLOC(struct metrics_set);
    make_workspace(self);
}

void
compat_run_fini(struct compat_run *self)
{
    struct buffer *const buffers[] = {&self->pending, &self->deals, &self->done, &self->seen_ids, &self->seen_work,
                                      &self->seen_bounties, &self->seen_bids, &self->seen_escrows};

#define COLUMN_FREE(type, name) free(self->name);
    COMPAT_AGENT_COLUMNS(COLUMN_FREE)
    compat_memory_fini(&self->memory);
    compat_board_fini(&self->board);
    tasks_destroy(&self->tasks);
    compat_market_destroy(&self->market);
    compat_network_destroy(&self->network);
    compat_levers_destroy(&self->levers);
    free(self->used);
    free(self->epoch_set);
    free(self->run_set);
    free(self->effect.reputation);
    free(self->effect.resources);
    free(self->effect.freeze);
    free(self->effect.unfreeze);
    free(self->order);
    free(self->waiting);
    free(self->priorities);
    free(self->seen_agents);
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        buffer_fini(buffers[i]);
    *self = (struct compat_run){0};
}

void
compat_run_genesis(struct compat_run *self, uint64_t seed)
{
    const struct compat_config *config = self->config;
    uint32_t count = config->agent_count;

    memset(&self->now, 0, sizeof self->now);
    self->now.seed = seed;
    compat_draws_seed(&self->draws, seed);
    compat_draws_seed(&self->audit_draws, seed + 1);
    compat_draws_seed(&self->network_draws, seed + 2);
#define COLUMN_CLEAR(type, name) memset(self->name, 0, count * sizeof(type));
    COMPAT_AGENT_COLUMNS(COLUMN_CLEAR)
    for (uint32_t i = 0; i < count; i++) {
        self->resources[i] = RESOURCES_START;
        self->p_initiated[i] = self->p_received[i] = 0.5;
    }
    memset(self->used, 0, ((size_t)count + 1) * sizeof self->used[0]);
    memset(self->waiting, 0, count * sizeof self->waiting[0]);
    compat_memory_clear(&self->memory);
    compat_board_clear(&self->board);
    tasks_clear(self->tasks);
    if (self->market != NULL)
        compat_market_clear(self->market);
    if (self->network != NULL)
        compat_network_build(self->network, &self->network_draws);
    if (self->levers != NULL) {
        compat_levers_destroy(&self->levers);
        self->levers = compat_levers_new(&config->governance, config->world.version, count, &self->audit_draws);
    }
    buffer_clear(&self->pending);
    buffer_clear(&self->deals);
    buffer_clear(&self->done);
    memset(self->epoch_set, 0, sizeof *self->epoch_set);
    memset(self->run_set, 0, sizeof *self->run_set);
}

void
compat_run_reseed(struct compat_run *self, uint64_t seed)
{
    uint64_t place = self->now.step * UINT64_C(0xD1342543DE82EF95); /* an odd factor: no two steps meet */

    if (seed == self->now.seed)
        return;
    self->now.seed = seed;
    self->draws.state = seed + place;
    self->audit_draws.state = seed + 1 + place;
}

/* ---- a step ---- */

static bool
is_epoch_start(const struct compat_run *self)
{
    return (self->now.step - 1) % self->config->steps_per_epoch == 0;
}

void
compat_run_begin(struct compat_run *self, uint64_t step)
{
    uint32_t count = self->config->agent_count;

    ASSERT(step == self->now.step + 1);
    self->now.step = step;
    self->now.epoch = (uint32_t)((step - 1) / self->config->steps_per_epoch);
    buffer_clear(&self->deals);
    buffer_clear(&self->done);
    for (uint32_t i = 0; i <= count; i++)
        self->used[i].interactions = 0;
    if (!is_epoch_start(self))
        return;
    memset(self->used, 0, ((size_t)count + 1) * sizeof self->used[0]);
    memset(self->epoch_set, 0, sizeof *self->epoch_set);
    buffer_reserve(&self->seen_ids, tasks_capacity(self->tasks) * sizeof(uint32_t));
    tasks_unlist(self->tasks, self->now.epoch, step, (uint32_t *)(void *)self->seen_ids.data);
    if (self->levers != NULL)
        compat_open_epoch(self);
}

static int
compare_priorities(const void *a, const void *b)
{
    const struct compat_priority *left = a, *right = b;

    if (left->reputation != right->reputation)
        return left->reputation > right->reputation ? -1 : 1;
    return left->agent < right->agent ? -1 : 1;
}

static void
make_order(struct compat_run *self)
{
    uint32_t count = self->config->agent_count;

    for (uint32_t i = 0; i < count; i++)
        self->order[i] = i;
    if (self->config->world.schedule == COMPAT_RANDOM) {
        compat_draw_shuffle(&self->draws, self->order, count);
    } else if (self->config->world.schedule == COMPAT_PRIORITY) {
        for (uint32_t i = 0; i < count; i++)
            self->priorities[i] = (struct compat_priority){self->reputation[i], i};
        qsort(self->priorities, count, sizeof self->priorities[0], compare_priorities);
        for (uint32_t i = 0; i < count; i++)
            self->order[i] = self->priorities[i].agent;
    }
}

static void
act_all(struct compat_run *self)
{
    uint32_t count = self->config->agent_count, succeeded = 0;

    make_order(self);
    for (uint32_t i = 0; i < count && succeeded < self->config->world.max_actions_per_step; i++) {
        uint32_t agent = self->order[i];
        struct compat_observation seen;
        struct compat_act act;

        if (!compat_can_act(self, agent))
            continue;
        if (self->levers != NULL && !compat_levers_can_act(self->levers, &self->levers_view, agent))
            continue;
        compat_observe(self, agent, &seen);
        compat_policy_act(self->config->types[agent], &seen, &self->memory, &self->draws, &act);
        succeeded += compat_execute(self, agent, &act);
    }
}

/* Who is frozen keeps its proposals until it is not. Nobody proposes while answers are given. */
static void
answer_all(struct compat_run *self)
{
    uint32_t count, kept = 0;
    struct compat_proposal *pending = compat_pending(self, &count);

    for (uint32_t i = 0; i < count; i++) {
        struct compat_proposal proposal = pending[i];
        uint32_t agent = proposal.counterparty;

        if (!compat_can_act(self, agent)) {
            pending[kept++] = proposal;
            continue;
        }
        self->waiting[agent]--;
        compat_complete(self, &proposal,
                        compat_policy_accept(self->config->types[agent], agent, &proposal, &self->memory,
                                             &self->draws));
    }
    self->pending.size = kept * sizeof pending[0];
}

void
compat_run_act(struct compat_run *self)
{
    if (self->now.paused != 0)
        return;
    act_all(self);
    answer_all(self);
}

void
compat_run_end(struct compat_run *self)
{
    if (self->now.step % self->config->steps_per_epoch != 0)
        return;
    if (self->market != NULL)
        compat_desk_end_epoch(self->market, &self->levers_view, self->now.epoch);
    if (self->network != NULL)
        compat_network_decay(self->network);
    self->now.epochs_ended++;
    self->now.toxicity_sum += compat_run_epoch(self).toxicity;
}

struct compat_epoch
compat_run_epoch(const struct compat_run *self)
{
    const struct metrics_set *set = self->epoch_set;
    double accepted = (double)set->accepted, rejected = (double)(set->count - set->accepted);
    struct compat_epoch out = {.interactions = set->count, .accepted = set->accepted};

    if (set->count == 0)
        return out;
    out.posts = self->board.count;
    out.votes = self->board.vote_count;
    if (set->accepted > 0) {
        out.toxicity = set->not_p_accepted / accepted;
        out.avg_payoff = set->payoff_a_accepted / accepted;
        out.welfare = set->welfare;
    }
    if (set->accepted > 0 && set->accepted < set->count)
        out.quality_gap = set->p_accepted / accepted - set->p_rejected / rejected;
    return out;
}
