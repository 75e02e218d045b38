/* world/sandbox/figures.c - the epoch's and the run's figures by name. */
#include "core/money.h"
#include "world/sandbox/feature.h"

#include <stdio.h>

#define NAME_SIZE (SANDBOX_NAME_MAX + 40)

static void
put_counts(const struct tally *tally, const struct figure_sink *sink)
{
#define TALLY_PUT(name, doc) figure_put(sink, #name, (double)tally->name, true);
    TALLY_COUNTS(TALLY_PUT)
    figure_put(sink, "interactions", (double)tally->set.count, true);
    figure_put(sink, "accepted_interactions", (double)tally->set.accepted, true);
    figure_put(sink, "unpaid", money_to_real(tally->unpaid), true);
    figure_put_share(sink, "bad_reputation_gain", tally->bad_reputation, (double)tally->set.bad_accepted);
    figure_put_share(sink, "bad_label", tally->bad_label, (double)tally->set.bad_accepted);
    figure_put_share(sink, "bad_payoff", tally->bad_payoff, (double)tally->set.bad_accepted);
    figure_put_share(sink, "unanswered_share", (double)tally->unanswered, (double)tally->proposals);
    figure_put_share(sink, "cascade_r0", (double)tally->replies, (double)(tally->posts + tally->replies));
}

static void
put_refusals(const struct sandbox *self, const struct tally *tally, const struct figure_sink *sink)
{
    char name[NAME_SIZE];
    uint64_t all = 0;

    for (uint32_t i = 1; i < TALLY_REFUSALS; i++)
        all += tally->refused[i];
    figure_put(sink, "refused", (double)all, true);
    for (uint32_t i = 1; rails_refusal_name(i) != NULL; i++) {
        snprintf(name, sizeof name, "refused_%s", rails_refusal_name(i));
        figure_put(sink, name, (double)tally->refused[i], true);
    }
    for (uint32_t i = 0; i < self->config.lever_count; i++) {
        snprintf(name, sizeof name, "refused_lever_%s", self->config.levers[i]);
        figure_put(sink, name, (double)tally->refused[REFUSAL_LEVER + i], true);
    }
}

/* Bad work and harm of a policy's agents as initiators, and what they earned by it. */
static void
put_kind_outcome(const struct sandbox *self, const struct tally *tally, uint32_t kind, const struct figure_sink *sink)
{
    const char *policy = config_kind(&self->config, kind);
    double happened = (double)tally->kinds[kind].happened;
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "bad_share_%s", policy);
    figure_put_share(sink, name, (double)tally->kinds[kind].bad, happened);
    snprintf(name, sizeof name, "caught_%s", policy);
    figure_put(sink, name, (double)tally->kinds[kind].caught, true);
    snprintf(name, sizeof name, "harm_%s", policy);
    figure_put(sink, name, tally->kinds[kind].harm, true);
    snprintf(name, sizeof name, "payoff_%s", policy);
    figure_put_share(sink, name, tally->kinds[kind].payoff, happened);
}

static void
put_kinds(const struct sandbox *self, const struct tally *tally, const struct figure_sink *sink)
{
    char name[NAME_SIZE];

    for (uint32_t kind = 0; kind < self->config.kind_count && kind < TALLY_KINDS; kind++) {
        const char *policy = config_kind(&self->config, kind);
        double proposals = (double)tally->kinds[kind].proposals;

        snprintf(name, sizeof name, "acceptance_%s", policy);
        figure_put_share(sink, name, (double)tally->kinds[kind].accepted, (double)tally->kinds[kind].answered);
        snprintf(name, sizeof name, "effort_%s", policy);
        figure_put_share(sink, name, tally->kinds[kind].effort, proposals);
        snprintf(name, sizeof name, "disguise_%s", policy);
        figure_put_share(sink, name, tally->kinds[kind].disguise, proposals);
        snprintf(name, sizeof name, "proposals_%s", policy);
        figure_put(sink, name, proposals, true);
        put_kind_outcome(self, tally, kind, sink);
    }
}

/* Of the influence and the wealth there is, the share of each policy's agents; and their mean reputation. */
static void
put_kind_holdings(const struct sandbox *self, const struct figure_sink *sink)
{
    struct {
        double influence, wealth, reputation, agents;
    } sums[TALLY_KINDS] = {0}, all = {0};
    char name[NAME_SIZE];

    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        uint32_t kind = tally_kind_of(self, agent);
        double wealth = money_to_real(money_of(self, agent) + stake_held(self, agent));

        sums[kind].influence += self->agents.influence[agent];
        sums[kind].wealth += wealth;
        sums[kind].reputation += self->agents.reputation[agent];
        sums[kind].agents += 1.0;
        all.influence += self->agents.influence[agent];
        all.wealth += wealth;
    }
    for (uint32_t kind = 0; kind < self->config.kind_count && kind < TALLY_KINDS; kind++) {
        const char *policy = config_kind(&self->config, kind);

        snprintf(name, sizeof name, "influence_share_%s", policy);
        figure_put_share(sink, name, sums[kind].influence, all.influence);
        snprintf(name, sizeof name, "wealth_share_%s", policy);
        figure_put_share(sink, name, sums[kind].wealth, all.wealth);
        snprintf(name, sizeof name, "reputation_%s", policy);
        figure_put_share(sink, name, sums[kind].reputation, sums[kind].agents);
    }
}

/* What agents hold now, whichever span is asked for. */
static void
put_holdings(const struct sandbox *self, const struct figure_sink *sink)
{
    uint32_t count = self->config.agent_count;
    double *values = self->scratch, *spare = self->scratch + count;
    struct metrics_value gini;
    double sum = 0.0;

    for (uint32_t agent = 0; agent < count; agent++)
        values[agent] = money_to_real(money_of(self, agent) + stake_held(self, agent));
    gini = metrics_gini(values, spare, count);
    figure_put(sink, "wealth_gini", gini.value, gini.known);
    for (uint32_t agent = 0; agent < count; agent++)
        values[agent] = self->agents.influence[agent];
    gini = metrics_gini(values, spare, count);
    figure_put(sink, "influence_gini", gini.value, gini.known);
    for (uint32_t agent = 0; agent < count; agent++)
        sum += self->agents.reputation[agent];
    figure_put(sink, "average_reputation", sum / (double)count, true);
    figure_put(sink, "treasury", money_to_real(accounts_balance(self->accounts, ACCOUNT_TREASURY)), true);
}

void
figures_each(const void *self_any, bool whole_run, domain_figure_fn *each, void *context)
{
    const struct sandbox *self = self_any;
    const struct tally *tally = whole_run ? self->run : self->epoch;
    struct figure_sink sink = {each, context};

    metrics_set_figures(&tally->set, &self->config.payoff, each, context);
    figure_put_share(&sink, "participation_rate", (double)tally->active_agents, (double)self->config.agent_count);
    put_counts(tally, &sink);
    put_refusals(self, tally, &sink);
    put_kinds(self, tally, &sink);
    put_holdings(self, &sink);
    put_kind_holdings(self, &sink);
    features_figures(self, whole_run, &sink);
}
