/* world/sandbox/topology_inner.h - the insides of the topology, for its own files and nobody else. */
#ifndef POLIS_WORLD_SANDBOX_TOPOLOGY_INNER_H
#define POLIS_WORLD_SANDBOX_TOPOLOGY_INNER_H

#include "world/sandbox/topology.h"

struct topology {
    struct topology_params params;
    uint32_t agent_count, stream;
    uint64_t seed;
    uint64_t *first;  /* agent_count + 1: where an agent's room begins. Follows from the parameters and the seed */
    uint32_t *count;  /* links of each agent */
    uint32_t *ids;    /* neighbours, sorted, then zeros */
    double *weights;  /* beside ids; NULL unless dynamic */
};

struct link {
    uint32_t a, b;
};

struct links {
    struct link *items;
    uint64_t count, room;
};

/* ---- topology_shapes.c ---- */
/* The links of genesis, each once, a != b; free(out.items). */
struct links topology_shape(const struct topology *self);
/* How many that will be, as far as chance lets one say. */
double topology_expected_links(const struct topology_params *params, uint32_t agent_count);

#endif
