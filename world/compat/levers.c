#include "core/arena.h"
#include "core/assert.h"
#include "core/math.h"
#include "world/compat/levers_inner.h"

#include <stdlib.h>
#include <string.h>

#define MODERATOR_OVERHEAD 0.01 /* cost of a review to each side */
#define TAX_S_PLUS 2.0          /* the tax base of v1g has its own surplus, whatever the payoffs are set to */
#define TAX_S_MINUS 1.0

static const struct param compat_governance_rows[] = {COMPAT_GOVERNANCE_PARAMS(PARAM_ROW, compat_governance)};
const struct params compat_governance_params = {
    "governance", sizeof(struct compat_governance), compat_governance_rows,
    sizeof compat_governance_rows / sizeof compat_governance_rows[0]};

/* ---- parameters ---- */

static double
value_of(const struct param *row, const struct compat_governance *params)
{
    const char *at = (const char *)params + row->offset;
    int64_t whole;
    double real;

    if (row->kind == PARAM_F64) {
        memcpy(&real, at, sizeof real);
        return real;
    }
    if (row->kind == PARAM_BOOL)
        return *(const bool *)at ? 1.0 : 0.0;
    ASSERT(row->kind == PARAM_I64);
    memcpy(&whole, at, sizeof whole);
    return (double)whole;
}

int
compat_governance_check(const struct compat_governance *params, struct why *why)
{
    const struct {
        const char *name;
        double value;
    } above_zero[] = {
        {"max_vote_weight_per_agent", params->max_vote_weight_per_agent},
        {"collusion_frequency_threshold", params->collusion_frequency_threshold},
        {"security_contagion_velocity", params->security_contagion_velocity},
    };

    for (uint32_t i = 0; i < compat_governance_params.count; i++) {
        const struct param *row = &compat_governance_params.rows[i];
        double value = value_of(row, params);

        if (!(value >= row->low && value <= row->high))
            return fail(why, ERR_INVALID, "governance.%s is %.17g: it must be from %g to %g", row->name, value,
                row->low, row->high);
    }
    for (size_t i = 0; i < sizeof above_zero / sizeof above_zero[0]; i++)
        if (!(above_zero[i].value > 0.0))
            return fail(why, ERR_INVALID, "governance.%s is %.17g: it must be above 0", above_zero[i].name,
                above_zero[i].value);
    return 0;
}

/* ---- life ---- */

struct compat_levers *
compat_levers_new(const struct compat_governance *params, enum compat_version version, uint32_t agent_count,
                  struct compat_draws *draws)
{
    struct compat_levers *self = ALLOC(struct compat_levers);

    self->params = *params;
    self->version = version;
    self->agent_count = agent_count;
    self->draws = draws;
    self->agents = ALLOC_ARRAY(struct lever_agent, agent_count);
    for (uint32_t i = 0; i < agent_count; i++)
        self->agents[i].freeze_until = -1;
    return self;
}

void
compat_levers_destroy(struct compat_levers **self_p)
{
    struct compat_levers *self = *self_p;

    *self_p = NULL;
    if (self == NULL)
        return;
    free(self->agents);
    free(self->history);
    free(self);
}

/* ---- levers without a memory ---- */

static void
tax(const struct compat_levers *self, const struct compat_interaction *interaction, bool accepted,
    struct compat_effect *effect)
{
    const struct compat_governance *params = &self->params;
    double base = math_abs(interaction->tau), total;

    if (self->version != COMPAT_V1) {
        double surplus = TAX_S_PLUS * interaction->p - TAX_S_MINUS * (1.0 - interaction->p);

        base = accepted ? math_max(surplus, 0.0) + base : 0.0;
    }
    total = params->transaction_tax_rate * base;
    effect->cost_a += total * params->transaction_tax_split;
    effect->cost_b += total * (1.0 - params->transaction_tax_split);
}

/* The draw is taken whether or not it will cost anything; a probability of 0 still audits at a draw of 0. */
static void
audit(struct compat_levers *self, const struct compat_interaction *interaction, struct compat_effect *effect)
{
    const struct compat_governance *params = &self->params;
    double penalty;

    if (!params->audit_enabled || compat_draw(self->draws) > params->audit_probability)
        return;
    penalty = math_max(0.0, params->audit_threshold_p - interaction->p) * params->audit_penalty_multiplier;
    effect->cost_a += penalty;
    if (self->version != COMPAT_V1)
        effect->reputation[interaction->initiator] -= penalty;
}

static void
transparency(const struct compat_levers *self, const struct compat_interaction *interaction, bool accepted,
             struct compat_effect *effect)
{
    const struct compat_governance *params = &self->params;

    if (params->transparency_enabled && accepted)
        effect->reputation[interaction->initiator] +=
            (interaction->p - params->transparency_threshold_p) * params->transparency_bonus_rate;
}

static void
moderator(struct compat_levers *self, const struct compat_interaction *interaction, bool accepted,
          struct compat_effect *effect)
{
    const struct compat_governance *params = &self->params;
    double penalty;

    if (!params->moderator_enabled || !accepted || compat_draw(self->draws) > params->moderator_review_probability)
        return;
    effect->cost_a += MODERATOR_OVERHEAD;
    effect->cost_b += MODERATOR_OVERHEAD;
    if (!(interaction->p < params->moderator_threshold_p))
        return;
    penalty = (params->moderator_threshold_p - interaction->p) * params->moderator_penalty_multiplier;
    effect->cost_a += penalty;
    effect->reputation[interaction->initiator] -= penalty;
}

static void
decay(const struct compat_levers *self, const struct compat_agents *agents, struct compat_effect *effect)
{
    double rate = self->params.reputation_decay_rate;

    for (uint32_t i = 0; rate < 1.0 && i < self->agent_count; i++)
        effect->reputation[i] += agents->reputation[i] * (rate - 1.0);
}

/* ---- the circuit breaker ---- */

static double
window_mean(const struct lever_agent *agent)
{
    double sum = 0.0;

    for (uint64_t i = 0; i < agent->window_count; i++)
        sum += agent->window[i];
    return agent->window_count > 0 ? sum / (double)agent->window_count : 0.0;
}

/* The first interaction of an agent is judged like its tenth; every further trigger freezes it anew. */
static void
breaker_interaction(
    struct compat_levers *self, const struct compat_interaction *interaction, struct compat_effect *effect)
{
    const struct compat_governance *params = &self->params;
    struct lever_agent *agent = &self->agents[interaction->initiator];

    if (!params->circuit_breaker_enabled)
        return;
    if (agent->window_count == BREAKER_WINDOW) {
        memmove(agent->window, agent->window + 1, (BREAKER_WINDOW - 1) * sizeof agent->window[0]);
        agent->window_count--;
    }
    agent->window[agent->window_count++] = 1.0 - interaction->p;
    if (!(window_mean(agent) >= params->freeze_threshold_toxicity))
        return;
    if (++agent->violations < params->freeze_threshold_violations)
        return;
    agent->freeze_until = (int64_t)self->epoch + params->freeze_duration_epochs;
    effect->freeze[interaction->initiator] = true;
}

static void
breaker_epoch(struct compat_levers *self, struct compat_effect *effect)
{
    for (uint32_t i = 0; self->params.circuit_breaker_enabled && i < self->agent_count; i++) {
        struct lever_agent *agent = &self->agents[i];

        if (agent->freeze_until < 0 || (int64_t)self->epoch < agent->freeze_until)
            continue;
        agent->freeze_until = -1;
        agent->violations = 0; /* the window stays: as many bad interactions again and it is frozen again */
        effect->unfreeze[i] = true;
    }
}

/* ---- the engine ---- */

void
compat_levers_epoch_start(struct compat_levers *self, const struct compat_agents *agents, uint32_t epoch,
                          struct compat_effect *effect)
{
    ASSERT(agents->count == self->agent_count);
    self->epoch = epoch;
    decay(self, agents, effect);
    breaker_epoch(self, effect);
    levers_collusion_epoch(self, effect);
    levers_security_epoch(self, agents, effect);
}

void
compat_levers_interaction(
    struct compat_levers *self, const struct compat_interaction *interaction, struct compat_effect *effect)
{
    bool accepted = interaction->accepted;

    ASSERT(interaction->initiator < self->agent_count && interaction->counterparty < self->agent_count);
    if (self->params.refinery_enabled && interaction->p < self->params.refinery_p_threshold) {
        effect->refuse = effect->refuse || accepted;
        accepted = false;
    }
    levers_remember(self, interaction, accepted);
    tax(self, interaction, accepted, effect);
    breaker_interaction(self, interaction, effect);
    audit(self, interaction, effect);
    levers_collusion_interaction(self, interaction, effect);
    levers_security_interaction(self, interaction, accepted, effect);
    transparency(self, interaction, accepted, effect);
    moderator(self, interaction, accepted, effect);
}

bool
compat_levers_can_act(const struct compat_levers *self, const struct compat_agents *agents, uint32_t agent)
{
    bool known = agent < self->agent_count;

    if (self->params.staking_enabled &&
        (!known || !(agents->resources[agent] >= self->params.min_stake_to_participate)))
        return false;
    return !known || self->agents[agent].quarantined == 0;
}

/* ---- a look inside ---- */

struct compat_breaker_status
compat_levers_breaker(const struct compat_levers *self, uint32_t agent)
{
    const struct lever_agent *at = &self->agents[agent];

    ASSERT(agent < self->agent_count);
    return (struct compat_breaker_status){at->violations, at->freeze_until, window_mean(at)};
}

bool
compat_levers_quarantined(const struct compat_levers *self, uint32_t agent)
{
    ASSERT(agent < self->agent_count);
    return self->agents[agent].quarantined != 0;
}

double
compat_levers_collusion_risk(const struct compat_levers *self, uint32_t agent)
{
    ASSERT(agent < self->agent_count);
    return self->agents[agent].collusion_risk;
}

double
compat_levers_security_score(const struct compat_levers *self, uint32_t agent)
{
    ASSERT(agent < self->agent_count);
    return self->agents[agent].security_score;
}

double
compat_vote_weight(const struct compat_governance *params, double votes)
{
    return params->vote_normalization_enabled ? 1.0 / (1.0 + votes / params->max_vote_weight_per_agent) : 1.0;
}

double
compat_stake_slash(const struct compat_governance *params, double resources)
{
    return params->staking_enabled ? -resources * params->stake_slash_rate : 0.0;
}

/* ---- as bytes ---- */

/* What stands before the arrays. */
struct saved {
    uint64_t agent_count, epoch, history_count, collusion_first, security_first;
};
_Static_assert(sizeof(struct saved) == 5 * 8, "no padding in what is saved as bytes");

void
compat_levers_save(const struct compat_levers *self, struct buffer *out)
{
    struct saved head = {
        self->agent_count, self->epoch, self->history_count, self->collusion_first, self->security_first};

    buffer_append(out, &head, sizeof head);
    buffer_append(out, self->agents, self->agent_count * sizeof *self->agents);
    buffer_append(out, self->history, self->history_count * sizeof *self->history);
}

/* What later code takes for granted of the arrays. */
static int
saved_check(const struct saved *head, const uint8_t *bytes, struct why *why)
{
    const uint8_t *history = bytes + head->agent_count * sizeof(struct lever_agent);

    for (uint64_t i = 0; i < head->agent_count; i++) {
        struct lever_agent agent;

        memcpy(&agent, bytes + i * sizeof agent, sizeof agent);
        if (agent.window_count > BREAKER_WINDOW)
            return fail(why, ERR_FORMAT, "saved levers: a window of %llu", (unsigned long long)agent.window_count);
    }
    for (uint64_t i = 0; i < head->history_count; i++) {
        struct detect_interaction item;

        memcpy(&item, history + i * sizeof item, sizeof item);
        if (item.initiator >= head->agent_count || item.counterparty >= head->agent_count ||
            item.initiator == item.counterparty)
            return fail(why, ERR_FORMAT, "saved levers: interaction %llu is between agents %u and %u",
                (unsigned long long)i, item.initiator, item.counterparty);
    }
    return 0;
}

int
compat_levers_load(struct compat_levers *self, const uint8_t *bytes, size_t size, struct why *why)
{
    struct saved head;
    size_t agents, history;
    int rc;

    if (size < sizeof head)
        return fail(why, ERR_FORMAT, "saved levers: %zu bytes are too few", size);
    memcpy(&head, bytes, sizeof head);
    bytes += sizeof head;
    size -= sizeof head;
    agents = self->agent_count * sizeof *self->agents;
    if (head.agent_count != self->agent_count || head.epoch > UINT32_MAX)
        return fail(why, ERR_FORMAT, "saved levers: of %llu agents instead of %u", (unsigned long long)head.agent_count,
            self->agent_count);
    if (size < agents || head.history_count > size / sizeof *self->history ||
        size != agents + head.history_count * sizeof *self->history || head.collusion_first > head.history_count ||
        head.security_first > head.history_count)
        return fail(why, ERR_FORMAT, "saved levers: %zu bytes do not hold %llu interactions", size,
            (unsigned long long)head.history_count);
    rc = saved_check(&head, bytes, why);
    if (rc != 0)
        return rc;
    history = (size_t)head.history_count * sizeof *self->history;
    memcpy(self->agents, bytes, agents);
    free(self->history);
    self->history = ALLOC_ARRAY(struct detect_interaction, head.history_count);
    self->history_count = self->history_capacity = (size_t)head.history_count;
    if (history > 0)
        memcpy(self->history, bytes + agents, history);
    self->epoch = (uint32_t)head.epoch;
    self->collusion_first = (size_t)head.collusion_first;
    self->security_first = (size_t)head.security_first;
    return 0;
}
