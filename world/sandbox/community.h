/* world/sandbox/community.h - who keeps to whom: the partition of a weighted, undirected graph (accepted interactions
 * by pair) into communities, by the method of Louvain (Blondel, Guillaume, Lambiotte & Lefebvre 2008), and how much
 * more lies within them than chance would put there: modularity (Newman & Girvan 2004).
 *
 * Deterministic: agents are looked at in the order of their ids, a tie goes to the community of the lowest id, and all
 * that decides is whole numbers. The partition does not depend on the order of the edges. */
#ifndef POLIS_WORLD_SANDBOX_COMMUNITY_H
#define POLIS_WORLD_SANDBOX_COMMUNITY_H

#include "core/error.h"

#include <stdint.h>

#define COMMUNITY_NONE UINT32_MAX

/* A pair may come several times, and either way round: its weights add up. */
struct community_edge {
    uint32_t a, b; /* a != b */
    uint32_t weight;
};

struct community_figures {
    uint32_t communities; /* of agents with an edge of weight > 0: others belong to none */
    uint32_t members;     /* such agents */
    uint32_t largest;     /* members of the largest community */
    uint32_t levels;      /* of the method's hierarchy */
    double share;         /* largest / members; 0 without any */
    double modularity;    /* -0.5 .. 1; 0 without edges */
};

/* Finds a partition: the community of each agent into partition_out[agent_count] (COMMUNITY_NONE for who has no edge),
 * numbered from 0 in the order of their lowest agents. At most 32 passes of O(agents + edges) at each of at most 32
 * levels; a million edges take 0.1 to 2 seconds. ERR_INVALID for an edge of an unknown agent or with itself, ERR_LIMIT
 * when the weights add up to 2^30 or more. */
MUST_CHECK int community_find(const struct community_edge *edges, uint64_t edge_count, uint32_t agent_count,
                              uint32_t *partition_out, struct community_figures *out, struct why *why);

/* Q = sum over communities of (weight within) / W - (sum of strengths / 2 W)^2, with W the weight of all edges, of any
 * partition in which who has an edge has a community below agent_count. */
double community_modularity(const struct community_edge *edges, uint64_t edge_count, uint32_t agent_count,
                            const uint32_t *partition);

#endif
