/* world/sandbox/genesis.c - making the sandbox: memory for the agents of a scenario, and their state before step 1. */
#include "core/assert.h"
#include "core/math.h"
#include "world/sandbox/feature.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_CHUNK (1u << 20)

/* ---- memory ---- */

static void
make_agents(struct sandbox *self)
{
    const struct config *config = &self->config;
    struct agents *agents = &self->agents;
    uint32_t count = config->agent_count, at = 0;

#define AGENT_ALLOCATE(type, name) agents->name = ALLOC_ARRAY(type, count);
    AGENT_COLUMNS(AGENT_ALLOCATE)
    agents->memory = ALLOC_ARRAY(uint8_t, (size_t)count * config->world.memory_max + 1);
    agents->slot = ALLOC_ARRAY(uint16_t, count);
    agents->role = ALLOC_ARRAY(uint8_t, count);
    agents->insider = ALLOC_ARRAY(uint8_t, count);
    agents->by_slot = ALLOC_ARRAY(uint32_t, count);
    for (uint32_t i = 0; i < config->group_count; i++) {
        const struct sandbox_group *group = &config->groups[i];

        for (uint32_t agent = group->first; agent < group->first + group->count; agent++) {
            agents->slot[agent] = (uint16_t)group->slot;
            agents->role[agent] = (uint8_t)group->role;
            agents->insider[agent] = group->insider;
        }
    }
    for (uint32_t slot = 0; slot < config->slot_count; slot++)
        for (uint32_t i = 0; i < config->group_count; i++)
            if (config->groups[i].slot == slot)
                for (uint32_t j = 0; j < config->groups[i].count; j++)
                    agents->by_slot[at++] = config->groups[i].first + j;
    ASSERT(at == count);
}

static void
make_slots(struct sandbox *self)
{
    const struct config *config = &self->config;

    self->slots = ALLOC_ARRAY(struct domain_slot, config->slot_count);
    self->slot_kind = ALLOC_ARRAY(uint32_t, config->slot_count);
    for (uint32_t slot = 0; slot < config->slot_count; slot++) {
        const struct sandbox_group *group = config_slot(config, slot);

        self->slots[slot].policy = group->policy;
        self->slots[slot].params = group->params;
        self->slots[slot].external = strcmp(group->policy, "llm") == 0;
        self->slot_kind[slot] = group->kind;
    }
    for (uint32_t i = 0; i < config->group_count; i++)
        self->slots[config->groups[i].slot].agent_count += config->groups[i].count;
}

/* The public numbers that repeat the configuration. */
static void
put_quotes(const struct config *config, double quotes[QUOTE_COUNT])
{
    quotes[QUOTE_STEPS_PER_EPOCH] = (double)config->steps_per_epoch;
    quotes[QUOTE_S_PLUS] = config->payoff.s_plus;
    quotes[QUOTE_S_MINUS] = config->payoff.s_minus;
    quotes[QUOTE_H] = config->payoff.h;
    quotes[QUOTE_THETA] = config->payoff.theta;
    quotes[QUOTE_RHO_A] = config->payoff.rho_a;
    quotes[QUOTE_RHO_B] = config->payoff.rho_b;
    quotes[QUOTE_W_REP] = config->payoff.w_rep;
    quotes[QUOTE_EFFORT_COST] = config->world.k_e;
    quotes[QUOTE_DISGUISE_COST] = config->world.k_m;
    quotes[QUOTE_ETA] = config->world.eta;
    quotes[QUOTE_ATTENTION_SCARCITY] = config->world.attention_scarcity;
    draw_expectations(&config->proxy, &quotes[QUOTE_P_GOOD], &quotes[QUOTE_P_BAD]);
}

/* All of them: those of governance are what holds as long as it has said nothing. */
static void
make_quotes(const struct config *config, double quotes[QUOTE_COUNT])
{
    memset(quotes, 0, QUOTE_COUNT * sizeof quotes[0]);
    quotes[QUOTE_REPUTATION_DECAY] = 1.0;
    quotes[QUOTE_BREAKER_THRESHOLD] = 1.0;
    quotes[QUOTE_TRANSPARENCY] = 1.0;
    put_quotes(config, quotes);
}

void
genesis_adopt(void *self_any, const double *quotes, uint32_t quote_count)
{
    struct sandbox *self = self_any;

    ASSERT(quotes == NULL || quote_count == QUOTE_GOVERNANCE_END);

    put_quotes(&self->config, self->now.quotes);
    if (quotes == NULL)
        return;
    memcpy(self->now.quotes, quotes, QUOTE_GOVERNANCE_END * sizeof quotes[0]);
    docket_make_up_stakes(self);
}

int
genesis_configure(const struct yaml_node *scenario, uint64_t seed, void **self_out, struct why *why)
{
    struct sandbox *self = ALLOC(struct sandbox);
    struct config *config = &self->config;
    int code = config_read(config, scenario, why);

    if (code != 0) {
        free(self);
        return code;
    }
    self->seed = seed;
    make_agents(self);
    make_slots(self);
    make_quotes(config, self->now.quotes);
    self->accounts = accounts_new(2 * config->agent_count);
    self->feed = feed_new(&(struct feed_config){
        .capacity = config->feed.feed_capacity, .agent_count = config->agent_count,
        .text_max = config->rails.max_content_length, .alpha = config->feed.alpha, .beta = config->feed.beta,
        .tagged = config->discourse.enabled || config->norms.enabled || config->moderation.enabled,
        .voiced = config->minds || config->words.marker[0] != '\0'});
    self->tasks = tasks_new(config->tasks.capacity);
    self->rails = rails_new(&config->rails, config->agent_count);
    self->trust = trust_new(config->agent_count, config->world.trust_slots);
    self->epoch = ALLOC(struct tally);
    self->run = ALLOC(struct tally);
    self->arena = arena_new(ARENA_CHUNK);
    self->scratch = ALLOC_ARRAY(double, 2 * (size_t)config->agent_count);
    features_make(self);
    self->stage = STAGE_DONE;
    *self_out = self;
    return 0;
}

void
genesis_destroy(void *self_any)
{
    struct sandbox *self = self_any;

    if (self == NULL)
        return;
#define AGENT_FREE(type, name) free(self->agents.name);
    AGENT_COLUMNS(AGENT_FREE)
    free(self->agents.memory);
    free(self->agents.slot);
    free(self->agents.role);
    free(self->agents.insider);
    free(self->agents.by_slot);
    free(self->slots);
    free(self->slot_kind);
    features_destroy(self);
    accounts_destroy(&self->accounts);
    feed_destroy(&self->feed);
    tasks_destroy(&self->tasks);
    rails_destroy(&self->rails);
    trust_destroy(&self->trust);
    free(self->epoch);
    free(self->run);
    arena_destroy(&self->arena);
    free(self->scratch);
    config_fini(&self->config);
    free(self);
}

/* ---- state before step 1 ---- */

void
genesis_make(void *self_any)
{
    struct sandbox *self = self_any;
    const struct config *config = &self->config;
    struct agents *agents = &self->agents;
    uint32_t count = config->agent_count;

    self->now.step = 0;
    self->now.epoch = 0;
    make_quotes(config, self->now.quotes);
#define AGENT_ZERO(type, name) memset(agents->name, 0, count * sizeof(type));
    AGENT_COLUMNS(AGENT_ZERO)
    memset(agents->memory, 0, (size_t)count * config->world.memory_max);
    accounts_clear(self->accounts);
    feed_clear(self->feed);
    tasks_clear(self->tasks);
    rails_clear(self->rails);
    trust_clear(self->trust);
    memset(self->epoch, 0, sizeof *self->epoch);
    memset(self->run, 0, sizeof *self->run);
    for (uint32_t i = 0; i < config->group_count; i++) {
        const struct sandbox_group *group = &config->groups[i];

        for (uint32_t agent = group->first; agent < group->first + group->count; agent++) {
            struct rng rng = rng_make(self->seed, STREAM_GENESIS, agent, 0);
            int code = accounts_transfer(self->accounts, ACCOUNT_ENVIRONMENT, account_of(agent),
                                         group->initial_resources, MONEY_genesis, NULL);

            ASSERT(code == 0); /* the configuration has bounded the sum */
            agents->skill[agent] = rng_between(&rng, group->skill_low, group->skill_high);
            agents->task[agent] = TASK_NONE;
        }
    }
    memset(&self->turn, 0, sizeof self->turn);
    arena_reset(self->arena);
    features_genesis(self);
    self->stage = STAGE_DONE;
}
