/* The feature `network`: who may propose to whom is a graph (topology.h); accepted interactions strengthen its links,
 * time weakens them. Without it anybody may be met. */
#include "world/sandbox/feature.h"
#include "world/sandbox/topology.h"

#include <stdlib.h>

#define FIGURES_AGENTS_MAX 100000u /* beyond that the figures of a graph take seconds */

/* The figures are kept until links change: they are asked for twice an epoch. Not state. */
struct network {
    struct topology *topology;
    struct topology_figures figures;
    bool figures_known;
};

static bool
is_on(const struct config *config)
{
    return config->network.topology != TOPOLOGY_NONE;
}

static void
make(struct sandbox *self)
{
    int64_t own = self->config.network.seed;

    self->network = ALLOC(struct network);
    self->network->topology = topology_new(
        &self->config.network, self->config.agent_count, own >= 0 ? (uint64_t)own : self->seed, STREAM_NETWORK);
}

static void
destroy(struct sandbox *self)
{
    if (self->network == NULL)
        return;
    topology_destroy(&self->network->topology);
    free(self->network);
    self->network = NULL;
}

static void
genesis(struct sandbox *self)
{
    topology_clear(self->network->topology);
    self->network->figures_known = false;
}

static void
dealt(struct sandbox *self, const struct deal *deal, bool happened)
{
    if (!happened || !self->config.network.dynamic)
        return;
    topology_strengthen(self->network->topology, deal->initiator, deal->counterparty);
    self->network->figures_known = false;
}

static void
end(struct sandbox *self)
{
    struct topology_changes changes;

    if (!is_epoch_end(self) || !self->config.network.dynamic)
        return;
    changes = topology_end_epoch(self->network->topology, self->now.epoch);
    self->network->figures_known = false;
    TALLY_ADD(self, links_ended, changes.ended);
    TALLY_ADD(self, links_made, changes.made);
}

static void
figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink)
{
    struct network *network = self->network;
    const struct topology_figures *now = &network->figures;
    bool known = self->config.agent_count <= FIGURES_AGENTS_MAX;

    (void)whole_run;
    if (known && !network->figures_known) {
        network->figures = topology_figures(network->topology);
        network->figures_known = true;
    }
    figure_put(sink, "network_links", (double)now->links, known);
    figure_put(sink, "network_degree", now->average_degree, known);
    figure_put(sink, "network_clustering", now->clustering, known);
    figure_put(sink, "network_path_length", now->path_length, known && now->links > 0);
    figure_put(sink, "network_components", (double)now->components, known);
}

static void
cells(struct sandbox *self, struct cells *out)
{
    topology_cells(self->network->topology, out);
    self->network->figures_known = false; /* they may be about to be loaded */
}

static int
check_state(const struct sandbox *self, struct why *why)
{
    return topology_check(self->network->topology, why);
}

bool
network_linked(const struct sandbox *self, uint32_t a, uint32_t b)
{
    return self->network == NULL || topology_is_open(self->network->topology) ||
        topology_linked(self->network->topology, a, b);
}

const uint32_t *
network_neighbours(const struct sandbox *self, uint32_t agent, uint32_t *count)
{
    if (self->network == NULL || topology_is_open(self->network->topology))
        return NULL;
    return topology_neighbours(self->network->topology, agent, count);
}

void
network_fit(struct sandbox *self)
{
    if (self->network != NULL)
        topology_fit(self->network->topology);
}

const struct feature feature_network = {
    .name = "network",
    .is_on = is_on,
    .make = make,
    .destroy = destroy,
    .genesis = genesis,
    .end = end,
    .dealt = dealt,
    .figures = figures,
    .cells = cells,
    .check_state = check_state,
};
