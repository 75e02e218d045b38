#include "core/assert.h"
#include "core/math.h"
#include "world/compat/levers_inner.h"

#include <stdlib.h>
#include <string.h>

#define COLLUSION_RESOURCES 10.0 /* resources taken for each unit of reputation */
#define SECURITY_RESOURCES 5.0

/* ---- the history ---- */

/* Drops what neither detector looks at any more. */
static void
forget(struct compat_levers *self)
{
    size_t used = self->history_count;
    size_t collusion = self->params.collusion_detection_enabled ? self->collusion_first : used;
    size_t security = self->params.security_enabled ? self->security_first : used;
    size_t gone = collusion < security ? collusion : security;

    if (gone == 0)
        return;
    memmove(self->history, self->history + gone, (used - gone) * sizeof *self->history);
    self->history_count -= gone;
    self->collusion_first -= self->collusion_first < gone ? self->collusion_first : gone;
    self->security_first -= self->security_first < gone ? self->security_first : gone;
}

void
levers_remember(struct compat_levers *self, const struct compat_interaction *interaction, bool accepted)
{
    if (!self->params.collusion_detection_enabled && !self->params.security_enabled)
        return;
    if (self->history_count == self->history_capacity) {
        self->history_capacity = self->history_capacity == 0 ? 256 : self->history_capacity * 2;
        ASSERT(self->history_capacity < SIZE_MAX / sizeof *self->history);
        self->history = realloc(self->history, self->history_capacity * sizeof *self->history);
        ASSERT(self->history != NULL);
    }
    self->history[self->history_count++] = (struct detect_interaction){
        .initiator = interaction->initiator, .counterparty = interaction->counterparty, .accepted = accepted,
        .rework = interaction->seen.rework, .rejections = interaction->seen.rejections,
        .misuse = interaction->seen.misuse, .p = interaction->p, .tau = interaction->tau,
        .cost_a = interaction->c_a, .cost_b = interaction->c_b, .r_a = interaction->r_a, .r_b = interaction->r_b,
        .time = interaction->minutes};
}

void
compat_levers_settle(struct compat_levers *self, double cost_a, double cost_b)
{
    struct detect_interaction *last;

    if (self->history_count == 0)
        return;
    last = &self->history[self->history_count - 1];
    last->cost_a = cost_a;
    last->cost_b = cost_b;
}

/* ---- collusion ---- */

/* The whole history is judged at every epoch and every suspect pays at every epoch: nothing is forgotten unless the
 * parameters say so. */
void
levers_collusion_epoch(struct compat_levers *self, struct compat_effect *effect)
{
    const struct compat_governance *params = &self->params;
    const struct collusion_params detector = {
        .null = COLLUSION_NULL_COUNTS, .frequency_threshold = params->collusion_frequency_threshold,
        .interactions_min = (double)params->collusion_min_interactions,
        .score_threshold = params->collusion_score_threshold};
    size_t count = self->history_count - self->collusion_first;
    struct collusion_report report = {0};

    if (!params->collusion_detection_enabled || count < (uint64_t)params->collusion_min_interactions)
        return;
    collusion_analyze(&detector, self->history + self->collusion_first, count, self->agent_count, &report);
    for (uint32_t i = 0; i < self->agent_count; i++) {
        double risk = report.risk[i], penalty = risk * params->collusion_penalty_multiplier;

        self->agents[i].collusion_risk = risk;
        if (!(risk >= params->collusion_score_threshold))
            continue;
        effect->reputation[i] -= penalty;
        effect->resources[i] -= COLLUSION_RESOURCES * penalty;
    }
    collusion_report_fini(&report);
    if (params->collusion_clear_history_on_epoch)
        self->collusion_first = self->history_count;
    forget(self);
}

void
levers_collusion_interaction(
    const struct compat_levers *self, const struct compat_interaction *interaction, struct compat_effect *effect)
{
    const struct compat_governance *params = &self->params;
    double a = self->agents[interaction->initiator].collusion_risk;
    double b = self->agents[interaction->counterparty].collusion_risk;
    double cost = params->collusion_realtime_rate * (a + b) / 2.0;

    if (!params->collusion_detection_enabled || !params->collusion_realtime_penalty)
        return;
    if (!(a >= params->collusion_score_threshold && b >= params->collusion_score_threshold))
        return;
    effect->cost_a += cost;
    effect->cost_b += cost;
}

/* ---- security ---- */

/* Reputation stands for trust, although it is not bounded by 0 and 1 and falls with the penalties themselves. */
void
levers_security_epoch(struct compat_levers *self, const struct compat_agents *agents, struct compat_effect *effect)
{
    const struct compat_governance *params = &self->params;
    const struct security_params detector = {
        .injection_threshold = params->security_injection_threshold,
        .manipulation_threshold = params->security_manipulation_threshold,
        .laundering_gap = params->security_laundering_trust_gap,
        .contagion_velocity = params->security_contagion_velocity,
        .chain_min = (uint32_t)params->security_min_chain_length, .time_unit = 1.0};
    size_t count = self->history_count - self->security_first;
    struct security_report report = {0};

    if (!params->security_enabled || count < (uint64_t)params->security_min_interactions)
        return;
    security_analyze(
        &detector, self->history + self->security_first, count, agents->reputation, self->agent_count, &report);
    for (uint32_t i = 0; i < self->agent_count; i++) {
        double score = report.score[i], penalty = score * params->security_penalty_multiplier;

        self->agents[i].security_score = score;
        if (score >= params->security_quarantine_threshold) {
            effect->freeze[i] = true;
            self->agents[i].quarantined = 1;
        }
        if (score >= params->security_penalty_threshold) {
            effect->reputation[i] -= penalty;
            effect->resources[i] -= SECURITY_RESOURCES * penalty;
        }
    }
    security_report_fini(&report);
    if (params->security_clear_history_on_epoch)
        self->security_first = self->history_count;
    forget(self);
}

void
levers_security_interaction(const struct compat_levers *self, const struct compat_interaction *interaction,
                            bool accepted, struct compat_effect *effect)
{
    const struct compat_governance *params = &self->params;
    const struct detect_interaction item = {
        .accepted = accepted, .p = interaction->p, .misuse = interaction->seen.misuse,
        .rejections = interaction->seen.rejections};
    double score = security_injection_realtime(&item, self->agents[interaction->initiator].security_score);

    if (!params->security_enabled || !params->security_realtime_penalty ||
        !(score >= params->security_realtime_threshold))
        return;
    effect->cost_a += params->security_realtime_rate * score;
    effect->cost_b += params->security_realtime_rate * score * 0.5;
}
