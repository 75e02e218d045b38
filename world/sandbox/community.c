#include "world/sandbox/community.h"

#include "core/arena.h"
#include "core/assert.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_MAX (INT64_C(1) << 30) /* so that (2 W)^2 fits an int64_t */
#define PASSES_MAX 32u
#define LEVELS_MAX 32u

/* A graph of nodes that are agents, or communities of the level before. A node's neighbours are sorted and differ. */
struct graph {
    uint32_t node_count;
    uint64_t *first;    /* node_count + 1 */
    uint32_t *ids;
    int64_t *weights;   /* beside ids */
    int64_t *strengths; /* of all ends at a node, those within it counted too */
    int64_t total;      /* of all strengths: 2 W */
};

static void
graph_new(struct graph *self, uint32_t node_count, uint64_t end_count)
{
    *self = (struct graph){
        .node_count = node_count, .first = ALLOC_ARRAY(uint64_t, (size_t)node_count + 1),
        .ids = ALLOC_ARRAY(uint32_t, end_count), .weights = ALLOC_ARRAY(int64_t, end_count),
        .strengths = ALLOC_ARRAY(int64_t, node_count)};
}

static void
graph_fini(struct graph *self)
{
    free(self->first);
    free(self->ids);
    free(self->weights);
    free(self->strengths);
    *self = (struct graph){0};
}

/* Turns every list of neighbours round: whoever is found at a node hands that node on, from the lowest. So all lists
 * come sorted, whatever order they had; a symmetric graph stays what it is. O(nodes + ends). */
static void
graph_sort(struct graph *self)
{
    struct graph out;
    uint64_t *at = ALLOC_ARRAY(uint64_t, self->node_count);

    graph_new(&out, self->node_count, self->first[self->node_count]);
    memcpy(out.first, self->first, ((size_t)self->node_count + 1) * sizeof out.first[0]);
    memcpy(at, self->first, (size_t)self->node_count * sizeof at[0]);
    memcpy(out.strengths, self->strengths, (size_t)self->node_count * sizeof out.strengths[0]);
    out.total = self->total;
    for (uint32_t node = 0; node < self->node_count; node++)
        for (uint64_t i = self->first[node]; i < self->first[node + 1]; i++) {
            uint64_t place = at[self->ids[i]]++;

            out.ids[place] = node;
            out.weights[place] = self->weights[i];
        }
    free(at);
    graph_fini(self);
    *self = out;
}

/* Makes one of neighbours that stand side by side several times. */
static void
graph_merge(struct graph *self)
{
    uint64_t kept = 0, from = 0;

    for (uint32_t node = 0; node < self->node_count; node++) {
        uint64_t begin = kept, end = self->first[node + 1];

        for (; from < end; from++) {
            if (kept > begin && self->ids[kept - 1] == self->ids[from]) {
                self->weights[kept - 1] += self->weights[from];
                continue;
            }
            self->ids[kept] = self->ids[from];
            self->weights[kept++] = self->weights[from];
        }
        self->first[node] = begin;
    }
    self->first[self->node_count] = kept;
}

/* Agents and their pairs. */
static void
graph_of_edges(struct graph *self, const struct community_edge *edges, uint64_t edge_count, uint32_t agent_count)
{
    uint64_t *at = ALLOC_ARRAY(uint64_t, (size_t)agent_count + 1), total = 0;

    graph_new(self, agent_count, edge_count * 2);
    for (uint64_t i = 0; i < edge_count; i++)
        if (edges[i].weight > 0) {
            at[edges[i].a]++;
            at[edges[i].b]++;
        }
    for (uint32_t agent = 0; agent <= agent_count; agent++) {
        uint64_t ends = at[agent];

        self->first[agent] = at[agent] = total;
        total += ends;
    }
    for (uint64_t i = 0; i < edge_count; i++) {
        const struct community_edge *edge = &edges[i];

        if (edge->weight == 0)
            continue;
        self->ids[at[edge->a]] = edge->b;
        self->weights[at[edge->a]++] = edge->weight;
        self->ids[at[edge->b]] = edge->a;
        self->weights[at[edge->b]++] = edge->weight;
        self->strengths[edge->a] += edge->weight;
        self->strengths[edge->b] += edge->weight;
        self->total += 2 * (int64_t)edge->weight;
    }
    free(at);
    graph_sort(self);
    graph_merge(self);
}

/* ---- moving ---- */

struct moving {
    uint32_t *community; /* by node */
    int64_t *sums;       /* by community: strengths of its nodes */
    int64_t *ties;       /* by community: weight between it and the node that is looked at; 0 elsewhere */
    uint32_t *touched;   /* communities with ties */
    uint8_t *stirred;    /* by node: a neighbour has moved since it was looked at */
};

static void
moving_init(struct moving *self, const struct graph *graph)
{
    *self = (struct moving){
        .community = ALLOC_ARRAY(uint32_t, graph->node_count), .sums = ALLOC_ARRAY(int64_t, graph->node_count),
        .ties = ALLOC_ARRAY(int64_t, graph->node_count), .touched = ALLOC_ARRAY(uint32_t, graph->node_count),
        .stirred = ALLOC_ARRAY(uint8_t, graph->node_count)};
    for (uint32_t node = 0; node < graph->node_count; node++) {
        self->community[node] = node;
        self->sums[node] = graph->strengths[node];
    }
}

static void
moving_fini(struct moving *self)
{
    free(self->community);
    free(self->sums);
    free(self->ties);
    free(self->touched);
    free(self->stirred);
}

/* Looks for the community in which the node adds most to modularity. In community C it adds, times 2 W^2, the ties to C
 * times 2 W less its strength times that of C without it: whole numbers, below 2^62. */
static bool
move_node(struct moving *self, const struct graph *graph, uint32_t node)
{
    uint32_t home = self->community[node], best = home, touched = 0;
    int64_t strength = graph->strengths[node], most;

    for (uint64_t i = graph->first[node]; i < graph->first[node + 1]; i++) {
        uint32_t community = self->community[graph->ids[i]];

        if (graph->ids[i] == node)
            continue;
        if (self->ties[community] == 0)
            self->touched[touched++] = community;
        self->ties[community] += graph->weights[i];
    }
    self->sums[home] -= strength;
    most = self->ties[home] * graph->total - strength * self->sums[home];
    for (uint32_t i = 0; i < touched; i++) {
        uint32_t community = self->touched[i];
        int64_t gain = self->ties[community] * graph->total - strength * self->sums[community];

        if (gain > most || (gain == most && best != home && community < best)) {
            most = gain;
            best = community;
        }
    }
    for (uint32_t i = 0; i < touched; i++)
        self->ties[self->touched[i]] = 0;
    self->sums[best] += strength;
    self->community[node] = best;
    return best != home;
}

/* Looks at all nodes, or at those whose neighbours have moved; true when one moved. */
static bool
move_some(struct moving *self, const struct graph *graph, bool all)
{
    bool moved = false;

    for (uint32_t node = 0; node < graph->node_count; node++) {
        if (!all && !self->stirred[node])
            continue;
        self->stirred[node] = 0;
        if (!move_node(self, graph, node))
            continue;
        moved = true;
        for (uint64_t i = graph->first[node]; i < graph->first[node + 1]; i++)
            self->stirred[graph->ids[i]] = 1;
    }
    return moved;
}

/* Moves nodes until none wants to; false when none ever did. Most passes look only where something has changed; a node
 * elsewhere may still want to move, because a community has grown, so a pass over all has the last word. */
static bool
move_all(struct moving *self, const struct graph *graph)
{
    bool ever = false, all = true;

    for (uint32_t pass = 0; pass < PASSES_MAX; pass++) {
        bool moved = move_some(self, graph, all);

        if (all && !moved)
            break;
        ever = ever || moved;
        all = !moved;
    }
    return ever;
}

/* ---- levels ---- */

/* Numbers communities in the order of their lowest nodes; returns how many there are. */
static uint32_t
renumber(uint32_t *community, uint32_t node_count)
{
    uint32_t *names = ALLOC_ARRAY(uint32_t, node_count), count = 0; /* by community: new number + 1 */

    for (uint32_t node = 0; node < node_count; node++) {
        if (names[community[node]] == 0)
            names[community[node]] = ++count;
        community[node] = names[community[node]] - 1;
    }
    free(names);
    return count;
}

/* The graph whose nodes are the communities. What lies within one is an end of a node at itself. */
static void
graph_of_communities(struct graph *out, const struct graph *graph, const uint32_t *community, uint32_t count)
{
    uint64_t *at = ALLOC_ARRAY(uint64_t, (size_t)count + 1), total = 0;

    graph_new(out, count, graph->first[graph->node_count]);
    for (uint32_t node = 0; node < graph->node_count; node++) {
        at[community[node]] += graph->first[node + 1] - graph->first[node];
        out->strengths[community[node]] += graph->strengths[node];
    }
    for (uint32_t i = 0; i <= count; i++) {
        uint64_t ends = at[i];

        out->first[i] = at[i] = total;
        total += ends;
    }
    for (uint32_t node = 0; node < graph->node_count; node++)
        for (uint64_t i = graph->first[node]; i < graph->first[node + 1]; i++) {
            uint64_t place = at[community[node]]++;

            out->ids[place] = community[graph->ids[i]];
            out->weights[place] = graph->weights[i];
        }
    out->total = graph->total;
    free(at);
    graph_sort(out);
    graph_merge(out);
}

/* One level: false when nothing moved, and then nothing has changed. */
static bool
raise_level(struct graph *graph, uint32_t *partition, uint32_t agent_count)
{
    struct moving moving;
    struct graph coarse;
    bool moved;

    moving_init(&moving, graph);
    moved = move_all(&moving, graph);
    if (moved) {
        uint32_t count = renumber(moving.community, graph->node_count);

        for (uint32_t agent = 0; agent < agent_count; agent++)
            partition[agent] = moving.community[partition[agent]];
        graph_of_communities(&coarse, graph, moving.community, count);
        graph_fini(graph);
        *graph = coarse;
    }
    moving_fini(&moving);
    return moved;
}

/* ---- figures ---- */

/* Of the graph whose nodes are the communities. */
static double
modularity_of(const struct graph *graph)
{
    double out = 0.0, total = (double)graph->total;

    for (uint32_t node = 0; node < graph->node_count; node++) {
        double within = 0.0, strength = (double)graph->strengths[node];

        for (uint64_t i = graph->first[node]; i < graph->first[node + 1]; i++)
            if (graph->ids[i] == node)
                within = (double)graph->weights[i];
        if (strength > 0.0)
            out += within / total - strength / total * (strength / total);
    }
    return out;
}

/* Takes those without an edge out, numbers the communities that are left, and counts. */
static void
count_members(uint32_t *partition, const bool *linked, uint32_t agent_count, struct community_figures *out)
{
    uint32_t *sizes = ALLOC_ARRAY(uint32_t, agent_count), *names = ALLOC_ARRAY(uint32_t, agent_count);

    for (uint32_t agent = 0; agent < agent_count; agent++) {
        uint32_t community = partition[agent];

        partition[agent] = COMMUNITY_NONE;
        if (!linked[agent])
            continue;
        if (names[community] == 0)
            names[community] = ++out->communities;
        partition[agent] = names[community] - 1;
        out->members++;
        if (++sizes[partition[agent]] > out->largest)
            out->largest = sizes[partition[agent]];
    }
    out->share = out->members > 0 ? (double)out->largest / (double)out->members : 0.0;
    free(names);
    free(sizes);
}

static int
check_edges(const struct community_edge *edges, uint64_t edge_count, uint32_t agent_count, struct why *why)
{
    int64_t sum = 0;

    for (uint64_t i = 0; i < edge_count; i++) {
        if (edges[i].a >= agent_count || edges[i].b >= agent_count || edges[i].a == edges[i].b)
            return fail(why, ERR_INVALID, "edge %" PRIu64 " from %" PRIu32 " to %" PRIu32 " is none of %" PRIu32
                        " agents", i, edges[i].a, edges[i].b, agent_count);
        sum += edges[i].weight;
        if (sum >= WEIGHT_MAX)
            return fail(why, ERR_LIMIT, "edges weigh 2^30 or more");
    }
    return 0;
}

int
community_find(const struct community_edge *edges, uint64_t edge_count, uint32_t agent_count, uint32_t *partition_out,
               struct community_figures *out, struct why *why)
{
    struct graph graph;
    bool *linked;
    int code = check_edges(edges, edge_count, agent_count, why);

    memset(out, 0, sizeof *out);
    if (code != 0)
        return code;
    graph_of_edges(&graph, edges, edge_count, agent_count);
    linked = ALLOC_ARRAY(bool, agent_count);
    for (uint32_t agent = 0; agent < agent_count; agent++) {
        partition_out[agent] = agent;
        linked[agent] = graph.strengths[agent] > 0;
    }
    while (out->levels < LEVELS_MAX && raise_level(&graph, partition_out, agent_count))
        out->levels++;
    out->modularity = modularity_of(&graph);
    count_members(partition_out, linked, agent_count, out);
    free(linked);
    graph_fini(&graph);
    return 0;
}

double
community_modularity(const struct community_edge *edges, uint64_t edge_count, uint32_t agent_count,
                     const uint32_t *partition)
{
    double *strengths = ALLOC_ARRAY(double, agent_count), within = 0.0, total = 0.0, out;

    for (uint64_t i = 0; i < edge_count; i++) {
        double weight = edges[i].weight;
        uint32_t a, b;

        if (edges[i].weight == 0)
            continue;
        a = partition[edges[i].a];
        b = partition[edges[i].b];
        ASSERT(a < agent_count && b < agent_count);
        strengths[a] += weight;
        strengths[b] += weight;
        total += weight;
        within += a == b ? weight : 0.0;
    }
    out = total > 0.0 ? within / total : 0.0;
    for (uint32_t i = 0; i < agent_count && total > 0.0; i++)
        out -= strengths[i] / (2.0 * total) * (strengths[i] / (2.0 * total));
    free(strengths);
    return out;
}
