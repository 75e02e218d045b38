/* world/compat/complete.c - an answered proposal becomes an interaction: seen, judged by the levers, paid, remembered.
 * The label is drawn after the answer and the answer never depended on it. */
#include "world/compat/orchestrator.h"

#include "world/compat/observables.h"

#include <string.h>

/* ---- levers ---- */

static struct compat_effect *
effect_clear(struct compat_run *self)
{
    uint32_t count = self->config->agent_count;
    struct compat_effect *effect = &self->effect;

    effect->cost_a = effect->cost_b = 0.0;
    effect->refuse = false;
    memset(effect->reputation, 0, count * sizeof effect->reputation[0]);
    memset(effect->resources, 0, count * sizeof effect->resources[0]);
    memset(effect->freeze, 0, count * sizeof effect->freeze[0]);
    memset(effect->unfreeze, 0, count * sizeof effect->unfreeze[0]);
    return effect;
}

static void
effect_apply(struct compat_run *self)
{
    const struct compat_effect *effect = &self->effect;

    for (uint32_t i = 0; i < self->config->agent_count; i++) {
        if (effect->freeze[i])
            self->frozen[i] = 1;
        if (effect->unfreeze[i])
            self->frozen[i] = 0;
        self->reputation[i] += effect->reputation[i];
        self->resources[i] += effect->resources[i];
    }
}

void
compat_open_epoch(struct compat_run *self)
{
    compat_levers_epoch_start(self->levers, &self->levers_view, self->now.epoch, effect_clear(self));
    effect_apply(self);
}

static void
judge(struct compat_run *self, struct compat_interaction *interaction)
{
    struct compat_effect *effect = effect_clear(self);

    compat_levers_interaction(self->levers, interaction, effect);
    interaction->c_a += effect->cost_a;
    interaction->c_b += effect->cost_b;
    compat_levers_settle(self->levers, interaction->c_a, interaction->c_b);
    interaction->accepted = interaction->accepted && !effect->refuse;
    effect_apply(self);
}

/* ---- what it changes ---- */

static double
mean_with(double mean, uint32_t count, double value)
{
    return (mean * (double)(count - 1) + value) / (double)count;
}

/* Only accepted interactions count, so that every initiator's acceptance rate is 1. */
static void
record(struct compat_run *self, const struct compat_deal *deal)
{
    const struct compat_interaction *in = &deal->interaction;
    uint32_t a = in->initiator, b = in->counterparty;
    double gain = in->p - 0.5;

    self->initiated[a]++;
    self->accepted[a]++;
    self->p_initiated[a] = mean_with(self->p_initiated[a], self->initiated[a], in->p);
    self->payoff[a] += deal->payoff_a;
    self->reputation[a] += self->config->world.version == COMPAT_V1G ? gain - in->c_a : gain;
    self->received[b]++;
    self->p_received[b] = mean_with(self->p_received[b], self->received[b], in->p);
    self->payoff[b] += deal->payoff_b;
}

static void
count(struct compat_run *self, const struct compat_deal *deal)
{
    const struct compat_interaction *in = &deal->interaction;
    struct metrics_row row = {.p = in->p, .transfer = in->tau, .cost_a = in->c_a, .cost_b = in->c_b,
                              .payoff_a = deal->payoff_a, .payoff_b = deal->payoff_b, .accepted = in->accepted};

    metrics_set_add(self->epoch_set, &self->config->payoff, &row);
    metrics_set_add(self->run_set, &self->config->payoff, &row);
}

static void
pay(const struct payoff_params *params, struct compat_deal *deal)
{
    const struct compat_interaction *in = &deal->interaction;
    struct payoff_terms terms = {in->p, in->tau, in->c_a, in->c_b, in->r_a, in->r_b};

    deal->payoff_a = payoff_initiator(params, &terms);
    deal->payoff_b = payoff_counterparty(params, &terms);
}

void
compat_complete(struct compat_run *self, const struct compat_proposal *proposal, bool accepted)
{
    const uint8_t *types = self->config->types;
    uint32_t a = proposal->initiator, b = proposal->counterparty;
    struct compat_deal *deal = buffer_extend(&self->deals, sizeof *deal);
    struct compat_interaction *in = &deal->interaction;

    memset(deal, 0, sizeof *deal);
    *in = (struct compat_interaction){.id = proposal->id, .initiator = a, .counterparty = b, .kind = proposal->kind,
                                      .accepted = accepted, .tau = proposal->transfer};
    compat_observables_draw(
        self->config->world.version, types[a], self->reputation[a], accepted, &self->draws, &in->seen);
    in->v_hat = proxy_v_hat(compat_proxy(), &in->seen);
    in->p = proxy_p(compat_proxy(), &in->seen);
    if (self->levers != NULL)
        judge(self, in);
    pay(&self->config->payoff, deal);
    if (in->accepted)
        record(self, deal);
    compat_memory_learn(&self->memory, a, b, types[a] == COMPAT_DECEPTIVE, in->accepted, in->p);
    compat_memory_learn(&self->memory, b, a, types[b] == COMPAT_DECEPTIVE, in->accepted, in->p);
    count(self, deal);
    if (in->accepted && self->network != NULL)
        compat_network_strengthen(self->network, a, b);
}
