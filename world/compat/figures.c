/* world/compat/figures.c - an epoch's and the run's figures by name; those of the market rules where they mean the
 * same. What the original reports of an empty epoch is 0, so those figures are always known. */
#include "world/compat/domain.h"

#include <stdio.h>
#include <string.h>

struct sink {
    domain_figure_fn *each;
    void *context;
};

static void
put(const struct sink *sink, const char *name, double value)
{
    sink->each(sink->context, name, value, true);
}

/* The metrics that the original has, which it reports as 0 where they are undefined. */
static void
put_metric(void *context, const char *name, double value, bool known)
{
    static const char *const reported[] = {"toxicity_rate", "quality_gap", "total_welfare", "avg_initiator_payoff",
                                           "avg_counterparty_payoff", "total_social_surplus"};
    const struct sink *sink = context;

    for (size_t i = 0; i < sizeof reported / sizeof reported[0]; i++)
        known = known || strcmp(name, reported[i]) == 0;
    sink->each(sink->context, name, value, known);
}

static void
put_epoch(const struct compat_run *run, bool whole_run, const struct sink *sink)
{
    const struct metrics_set *set = whole_run ? run->run_set : run->epoch_set;
    struct compat_epoch epoch = compat_run_epoch(run);
    bool posts = whole_run || epoch.interactions > 0; /* an epoch without an interaction says 0 of these, too */

    put(sink, "interactions", (double)set->count);
    put(sink, "accepted_interactions", (double)set->accepted);
    put(sink, "total_posts", posts ? (double)run->board.count : 0.0);
    put(sink, "total_votes", posts ? (double)run->board.vote_count : 0.0);
    put(sink, "avg_payoff", set->accepted > 0 ? set->payoff_a_accepted / (double)set->accepted : 0.0);
    put(sink, "epoch_mean_toxicity",
        run->now.epochs_ended > 0 ? run->now.toxicity_sum / (double)run->now.epochs_ended : 0.0);
}

/* By type: its agents' mean payoff since the start. */
static void
put_types(const struct compat *self, const struct sink *sink)
{
    for (uint32_t slot = 0; slot < self->slot_count; slot++) {
        char name[80];
        double sum = 0.0;

        for (uint32_t i = 0; i < self->config.agent_count; i++)
            if (compat_type_name(self->config.types[i]) == self->slots[slot].policy)
                sum += self->run.payoff[i];
        snprintf(name, sizeof name, "payoff_%s", self->slots[slot].policy);
        put(sink, name, sum / (double)self->slots[slot].agent_count);
    }
}

static void
put_agents(const struct compat *self, const struct sink *sink)
{
    const struct compat_run *run = &self->run;
    double reputation = 0.0, resources = 0.0, frozen = 0.0, count = (double)self->config.agent_count;
    uint32_t pending;

    for (uint32_t i = 0; i < self->config.agent_count; i++) {
        reputation += run->reputation[i];
        resources += run->resources[i];
        frozen += run->frozen[i];
    }
    compat_pending(run, &pending);
    put(sink, "average_reputation", reputation / count);
    put(sink, "average_resources", resources / count);
    put(sink, "frozen", frozen);
    put(sink, "pending", pending);
}

static void
put_environment(const struct compat_run *run, const struct sink *sink)
{
    if (run->market != NULL) {
        struct compat_market_stats stats = compat_market_stats(run->market);

        put(sink, "bounties", stats.bounties);
        put(sink, "bids", stats.bids);
        put(sink, "escrows", stats.escrows);
        put(sink, "disputes", stats.disputes);
        put(sink, "escrowed", stats.escrowed);
    }
    if (run->network != NULL) {
        struct compat_network_metrics metrics = compat_network_metrics(run->network);

        put(sink, "network_edges", metrics.edges);
        put(sink, "network_degree", metrics.average_degree);
        put(sink, "network_clustering", metrics.average_clustering);
        put(sink, "network_path_length", metrics.average_path_length);
        put(sink, "network_components", metrics.components);
    }
}

void
compat_figures(const void *self_any, bool whole_run, domain_figure_fn *each, void *context)
{
    const struct compat *self = self_any;
    struct sink sink = {each, context};

    metrics_set_figures(
        whole_run ? self->run.run_set : self->run.epoch_set, &self->config.payoff, put_metric, &sink);
    put_epoch(&self->run, whole_run, &sink);
    put_agents(self, &sink);
    put_types(self, &sink);
    put_environment(&self->run, &sink);
}
