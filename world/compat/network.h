/* world/compat/network.h - who is linked to whom in the earlier implementation. Links are weighted and undirected; a
 * weight decides nothing but how long a link lives. An agent sees and proposes to its neighbours only.
 *
 * Structure, dynamics and metrics are those of the original. Its random graphs come from another generator (numpy's)
 * than its agents: here they take their draws from a compat_draws of the caller, in the order noted at each function in
 * network.c, so a random graph has the original's distribution and not its edges. */
#ifndef POLIS_WORLD_COMPAT_NETWORK_H
#define POLIS_WORLD_COMPAT_NETWORK_H

#include "core/params.h"
#include "world/compat/compat.h"
#include "world/sandbox/cells.h"

#include <math.h>

#define COMPAT_NETWORK_AGENTS 4096u /* weights are a square table */

#define COMPAT_NETWORK_TOPOLOGIES "complete|ring|star|random_erdos_renyi|small_world|scale_free|custom"
enum compat_topology {
    COMPAT_TOPOLOGY_COMPLETE, COMPAT_TOPOLOGY_RING, COMPAT_TOPOLOGY_STAR, COMPAT_TOPOLOGY_RANDOM,
    COMPAT_TOPOLOGY_SMALL_WORLD, COMPAT_TOPOLOGY_SCALE_FREE, COMPAT_TOPOLOGY_CUSTOM
};

/* The keys of `network:` but `params:` (below) and reputation_disconnect_threshold, which may be null. */
#define COMPAT_NETWORK_PARAMS(P, S)                                                                                  \
    P(S, BOOL, enabled, 1, 0, 1, "", "whether there is a network; without one everybody sees everybody")             \
    P(S, ENUM, topology, 0, 0, 6, COMPAT_NETWORK_TOPOLOGIES, "how agents are linked at the start")                   \
    P(S, BOOL, dynamic, 0, 0, 1, "", "whether links strengthen, decay and die")                                      \
    P(S, F64, edge_strengthen_rate, 0.1, 0.0, 1.0, "weight", "gained by an accepted interaction")                    \
    P(S, F64, edge_decay_rate, 0.05, 0.0, 1.0, "share", "lost at the end of an epoch")                               \
    P(S, F64, min_edge_weight, 0.1, 0.0, 1.0, "weight", "below which a link dies")                                   \
    P(S, F64, max_edge_weight, 1.0, 0.0, INFINITY, "weight", "largest weight")

/* `network.params:`. Aliases of the original: k_neighbors, rewire_probability, m_edges (compat_network_params_bind). */
#define COMPAT_NETWORK_SHAPE_PARAMS(P, S)                                                                            \
    P(S, F64, edge_probability, 0.5, 0.0, 1.0, "probability", "random_erdos_renyi: of each pair")                    \
    P(S, U32, k, 4, 0, COMPAT_NETWORK_AGENTS, "links", "small_world: k / 2 neighbours on each side")                 \
    P(S, F64, p, 0.1, 0.0, 1.0, "probability", "small_world: of rewiring a link")                                    \
    P(S, U32, m, 2, 1, COMPAT_NETWORK_AGENTS, "links", "scale_free: links of each new agent")

PARAMS_STRUCT(compat_network_rates, COMPAT_NETWORK_PARAMS)
PARAMS_STRUCT(compat_network_shape, COMPAT_NETWORK_SHAPE_PARAMS)
struct compat_network_params {
    struct compat_network_rates rates;
    struct compat_network_shape shape;
    double reputation_disconnect_threshold; /* -INFINITY: none, the default. No run reads it, here as there */
};

struct compat_network_metrics {
    uint32_t agents, edges, components;
    double average_degree;
    double average_clustering;  /* mean over agents of the share of linked pairs of neighbours; 0 with less than two */
    double average_path_length; /* over the ordered pairs that reach one another; 0 without any */
    bool connected;             /* less than two agents: true */
};

struct compat_network;

const struct params *compat_network_rates_list(void);
const struct params *compat_network_shape_list(void);
void compat_network_params_default(struct compat_network_params *out);
/* From the mapping `network:` (NULL: defaults). Names file, line and field. */
MUST_CHECK int compat_network_params_bind(
    const struct yaml_node *map, struct compat_network_params *out, struct why *why);
/* The bounds for a struct that was filled by hand. Names the field; ERR_INVALID. */
MUST_CHECK int compat_network_params_check(const struct compat_network_params *params, struct why *why);

/* Without links. At most COMPAT_NETWORK_AGENTS agents. */
struct compat_network *compat_network_new(const struct compat_network_params *params, uint32_t agent_count);
void compat_network_destroy(struct compat_network **self_p);
/* Forgets all links and makes those of the topology; `draws` may be NULL where nothing is drawn. */
void compat_network_build(struct compat_network *self, struct compat_draws *draws);

/* Neighbours in the order of ids into out (room for all agents); how many. */
uint32_t compat_network_neighbours(const struct compat_network *self, uint32_t agent, uint32_t *out);
bool compat_network_linked(const struct compat_network *self, uint32_t a, uint32_t b);
double compat_network_weight(const struct compat_network *self, uint32_t a, uint32_t b); /* 0 without a link */
/* Both ways, at most max_edge_weight; a with itself is ignored. */
void compat_network_add(struct compat_network *self, uint32_t a, uint32_t b, double weight);
void compat_network_remove(struct compat_network *self, uint32_t a, uint32_t b);

/* After an accepted interaction; makes a link that is missing. Returns the weight. Without `dynamic` nothing
 * changes. */
double compat_network_strengthen(struct compat_network *self, uint32_t a, uint32_t b);
/* At the end of an epoch. Returns how many links died. Without `dynamic`: changes nothing. */
uint32_t compat_network_decay(struct compat_network *self);
/* Cuts all links of an agent whose reputation is below the threshold; how many. No run calls it. */
uint32_t compat_network_disconnect(struct compat_network *self, uint32_t agent, double reputation);

struct compat_network_metrics compat_network_metrics(const struct compat_network *self);
double compat_network_clustering(const struct compat_network *self, uint32_t agent);
/* Steps from one agent to each other into out[agent_count]; COMPAT_NOBODY: out of reach. */
void compat_network_distances(const struct compat_network *self, uint32_t from, uint32_t *out);
/* The number of each agent's component into out[agent_count], counted in the order of their lowest ids; how many. */
uint32_t compat_network_components(const struct compat_network *self, uint32_t *out);

void compat_network_cells(struct compat_network *self, struct cells *out);
MUST_CHECK int compat_network_check(const struct compat_network *self, struct why *why);

#endif
