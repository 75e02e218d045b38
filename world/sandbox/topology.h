/* world/sandbox/topology.h - who may deal with whom: weighted, undirected links, made once at genesis and, where the
 * scenario says so, strengthened by use, weakened by time and found anew among friends of friends.
 *
 * 1. A link is known from both ends, with one weight. 2. An agent's neighbours are in the order of their ids. 3. The
 * room of an agent is fixed at genesis: its links then, and if links change, as many again and four more, as far as
 * `slots_max` allows; who has no room left gets no further link. 4. All draws are functions of (seed, stream, agent,
 * epoch). 5. Without `dynamic` nothing changes, and there is nothing to save.
 *
 * `none` and `complete` store no links: anybody may be met (topology_is_open). */
#ifndef POLIS_WORLD_SANDBOX_TOPOLOGY_H
#define POLIS_WORLD_SANDBOX_TOPOLOGY_H

#include "core/params.h"
#include "world/sandbox/cells.h"

#include <stdbool.h>
#include <stdint.h>

#define TOPOLOGY_LINKS_MAX (1u << 26) /* expected at genesis: a gigabyte when dynamic */

enum topology_kind {
    TOPOLOGY_NONE, TOPOLOGY_COMPLETE, TOPOLOGY_RING, TOPOLOGY_STAR, TOPOLOGY_SMALL_WORLD, TOPOLOGY_SCALE_FREE,
    TOPOLOGY_RANDOM
};

#define TOPOLOGY_PARAMS(P, S)                                                                                        \
    P(S, ENUM, topology, TOPOLOGY_NONE, 0, 6, "none|complete|ring|star|small_world|scale_free|random",               \
      "who may propose to whom; none and complete: everybody to everybody, complete counts the links")               \
    P(S, U32, k, 4, 2, 1000, "links", "ring, small_world: neighbours of an agent, half on each side")                \
    P(S, F64, rewire, 0.1, 0, 1, "probability", "small_world: that a link of the ring leads somewhere else")         \
    P(S, U32, m, 2, 1, 1000, "links", "scale_free: of each agent with those before it")                              \
    P(S, F64, edge_probability, 0.1, 0, 1, "probability", "random: of a link between two agents")                    \
    P(S, BOOL, dynamic, 0, 0, 1, "", "whether links change")                                                         \
    P(S, F64, strengthen, 0.1, 0, 1, "weight", "that an accepted interaction adds to a link")                        \
    P(S, F64, decay, 0.05, 0, 1, "share", "of a link's weight that is lost at the end of an epoch")                  \
    P(S, F64, weight_min, 0.1, 0, 1, "weight", "below which a link ends")                                            \
    P(S, F64, weight_max, 1, 0, 1, "weight", "of a link at genesis, and greatest")                                   \
    P(S, F64, relink, 0, 0, 1, "probability", "that an agent gains a link to a friend of a friend in an epoch")      \
    P(S, I64, seed, -1, -1, 9007199254740991.0, "", "all links are a function of it; -1: simulation.seed")           \
    P(S, U32, slots_max, 64, 1, 65536, "links", "of an agent, when links change and it had no more at genesis")
PARAMS_STRUCT(topology_params, TOPOLOGY_PARAMS)

struct topology_figures {
    uint64_t links;
    double average_degree;
    double clustering;  /* mean over agents of linked pairs of neighbours / pairs; 0 with less than two neighbours */
    double path_length; /* mean steps over ordered pairs that reach one another, from `sources` agents; 0 without any */
    uint32_t sources;   /* all up to 2,000 agents; beyond that 200, one drawn from each 200th part */
    uint32_t components;
    bool connected;     /* at most one component */
};

struct topology;

extern const struct params topology_params_list;
/* Bounds, sense (dynamic needs links that are stored, weight_min <= weight_max) and size. Names the parameter. */
MUST_CHECK int topology_params_check(const struct topology_params *params, uint32_t agent_count, struct why *why);

/* Checked parameters. As after topology_clear(). */
struct topology *topology_new(
    const struct topology_params *params, uint32_t agent_count, uint64_t seed, uint32_t stream);
void topology_destroy(struct topology **self_p);
/* Genesis: makes the links. Time and memory O(agents + links).
 * ring: k / 2 next neighbours on each side (fewer than k + 1 agents: everybody). star: agent 0 is the hub.
 * small_world: the ring, of which each link moves its far end with probability `rewire` (Watts & Strogatz 1998).
 * scale_free: a clique of m + 1, then each agent with m others drawn by their links (Barabasi & Albert 1999). random:
 * each pair with `edge_probability` (Erdos & Renyi 1959), by geometric leaps (Batagelj & Brandes 2005). */
void topology_clear(struct topology *self);

/* Whether anybody may be met: then no links are stored, and only _linked, _weight and _figures have an answer. */
bool topology_is_open(const struct topology *self);
/* Sorted; valid until links change. Not for an open topology. */
const uint32_t *topology_neighbours(const struct topology *self, uint32_t agent, uint32_t *count);
/* O(log neighbours). Nobody is linked to itself. */
bool topology_linked(const struct topology *self, uint32_t a, uint32_t b);
/* 0 without a link; weight_max when links do not change. */
double topology_weight(const struct topology *self, uint32_t a, uint32_t b);

/* After an accepted interaction of a != b: adds `strengthen`, at most to weight_max. Two that were not linked (they met
 * otherwise) become so with halfway between weight_min and weight_max, as far as both have room. */
void topology_strengthen(struct topology *self, uint32_t a, uint32_t b);

struct topology_changes {
    uint64_t ended, made;
};
/* The end of an epoch: every weight loses its share, what is below weight_min ends; then each agent in the order of ids
 * draws whether it gains a link: to a neighbour of a neighbour (triadic closure), and without any neighbour to anybody.
 * Nothing comes of it when the draw is itself, linked already, or without room. */
struct topology_changes topology_end_epoch(struct topology *self, uint32_t epoch);

/* O(links^1.5) at most for the clustering, O(sources links / 64) at best for the paths: some seconds for a million
 * agents. */
struct topology_figures topology_figures(const struct topology *self);

void topology_cells(struct topology *self, struct cells *out); /* the state: nothing unless dynamic */
/* After loading: links that are weaker than the least weight, which a fork may have raised since, get that. */
void topology_fit(struct topology *self);
MUST_CHECK int topology_check(const struct topology *self, struct why *why);

#endif
