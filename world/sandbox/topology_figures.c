#include "world/sandbox/topology_inner.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/rng.h"

#include <stdlib.h>
#include <string.h>

#define ALL_SOURCES 2000u /* agents up to which every one is a source */
#define SOURCES 200u
#define BATCH 64u /* sources that are followed at once */
#define STEP_SOURCES ((UINT64_C(1) << 48) - 1) /* no epoch draws here */

/* ---- clustering: every triangle once ---- */

/* Whether a comes before b in the order of (links, id). */
static bool
is_before(const struct topology *self, uint32_t a, uint32_t b)
{
    return self->count[a] != self->count[b] ? self->count[a] < self->count[b] : a < b;
}

/* Triangles each agent is part of. Links lead from the less to the more linked end: nobody has more than the square
 * root of all ends going out, which bounds the work by links^1.5 (Schank & Wagner 2005, "forward"). */
static void
count_triangles(const struct topology *self, uint64_t *out)
{
    uint64_t *first = ALLOC_ARRAY(uint64_t, (size_t)self->agent_count + 1), total = 0;
    uint32_t *onward = ALLOC_ARRAY(uint32_t, self->first[self->agent_count]);
    uint32_t *marks = ALLOC_ARRAY(uint32_t, self->agent_count); /* agent + 1 */

    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        first[agent] = total;
        for (uint32_t i = 0; i < self->count[agent]; i++) {
            uint32_t other = self->ids[self->first[agent] + i];

            if (is_before(self, agent, other))
                onward[total++] = other;
        }
    }
    first[self->agent_count] = total;
    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        for (uint64_t i = first[agent]; i < first[agent + 1]; i++)
            marks[onward[i]] = agent + 1;
        for (uint64_t i = first[agent]; i < first[agent + 1]; i++)
            for (uint64_t j = first[onward[i]]; j < first[onward[i] + 1]; j++)
                if (marks[onward[j]] == agent + 1) {
                    out[agent]++;
                    out[onward[i]]++;
                    out[onward[j]]++;
                }
    }
    free(marks);
    free(onward);
    free(first);
}

static double
clustering(const struct topology *self)
{
    uint64_t *triangles = ALLOC_ARRAY(uint64_t, self->agent_count);
    double sum = 0.0;

    count_triangles(self, triangles);
    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        double degree = self->count[agent];

        if (degree >= 2.0)
            sum += (double)triangles[agent] / (degree * (degree - 1.0) / 2.0);
    }
    free(triangles);
    return self->agent_count > 0 ? sum / (double)self->agent_count : 0.0;
}

/* ---- paths: many sources at once, a bit each (Then et al. 2014) ---- */

struct search {
    uint64_t *seen, *here, *next;     /* by agent: the sources whose search has passed it, stands there, goes there */
    uint32_t *frontier, *frontier_next;
    uint64_t pairs, length;
};

static void
search_init(struct search *self, uint32_t agent_count)
{
    *self = (struct search){
        .seen = ALLOC_ARRAY(uint64_t, agent_count), .here = ALLOC_ARRAY(uint64_t, agent_count),
        .next = ALLOC_ARRAY(uint64_t, agent_count), .frontier = ALLOC_ARRAY(uint32_t, agent_count),
        .frontier_next = ALLOC_ARRAY(uint32_t, agent_count)};
}

static void
search_fini(struct search *self)
{
    free(self->seen);
    free(self->here);
    free(self->next);
    free(self->frontier);
    free(self->frontier_next);
}

/* One step of all searches from `count` agents; returns how many agents they stand on then. */
static uint32_t
search_step(struct search *self, const struct topology *topology, uint32_t count, uint64_t distance)
{
    uint32_t reached = 0, *spare;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t agent = self->frontier[i];
        const uint32_t *ids = topology->ids + topology->first[agent];

        for (uint32_t j = 0; j < topology->count[agent]; j++) {
            uint64_t fresh = self->here[agent] & ~self->seen[ids[j]];

            if (fresh == 0)
                continue;
            if (self->next[ids[j]] == 0)
                self->frontier_next[reached++] = ids[j];
            self->next[ids[j]] |= fresh;
        }
    }
    for (uint32_t i = 0; i < count; i++)
        self->here[self->frontier[i]] = 0;
    for (uint32_t i = 0; i < reached; i++) {
        uint32_t agent = self->frontier_next[i];
        uint64_t arrived = (uint64_t)__builtin_popcountll(self->next[agent]);

        self->here[agent] = self->next[agent];
        self->seen[agent] |= self->next[agent];
        self->next[agent] = 0;
        self->pairs += arrived;
        self->length += arrived * distance;
    }
    spare = self->frontier;
    self->frontier = self->frontier_next;
    self->frontier_next = spare;
    return reached;
}

static void
search_batch(struct search *self, const struct topology *topology, const uint32_t *sources, uint32_t count)
{
    uint32_t standing = count;

    memset(self->seen, 0, (size_t)topology->agent_count * sizeof self->seen[0]);
    for (uint32_t i = 0; i < count; i++) {
        self->frontier[i] = sources[i];
        self->seen[sources[i]] = self->here[sources[i]] = UINT64_C(1) << i;
    }
    for (uint64_t distance = 1; standing > 0; distance++)
        standing = search_step(self, topology, standing, distance);
}

/* The agents that paths begin at, all different. */
static uint32_t
draw_sources(const struct topology *self, uint32_t *out)
{
    struct rng rng = rng_make(self->seed, self->stream, 0, STEP_SOURCES);

    if (self->agent_count <= ALL_SOURCES) {
        for (uint32_t agent = 0; agent < self->agent_count; agent++)
            out[agent] = agent;
        return self->agent_count;
    }
    for (uint32_t i = 0; i < SOURCES; i++) {
        uint32_t low = (uint32_t)((uint64_t)self->agent_count * i / SOURCES);
        uint32_t high = (uint32_t)((uint64_t)self->agent_count * (i + 1) / SOURCES);

        out[i] = low + rng_below(&rng, high - low);
    }
    return SOURCES;
}

static double
path_length(const struct topology *self, uint32_t *source_count)
{
    uint32_t sources[ALL_SOURCES];
    struct search search;

    *source_count = draw_sources(self, sources);
    search_init(&search, self->agent_count);
    for (uint32_t i = 0; i < *source_count; i += BATCH)
        search_batch(&search, self, sources + i, *source_count - i < BATCH ? *source_count - i : BATCH);
    search_fini(&search);
    return search.pairs > 0 ? (double)search.length / (double)search.pairs : 0.0;
}

/* ---- components ---- */

static uint32_t
count_components(const struct topology *self)
{
    uint8_t *seen = ALLOC_ARRAY(uint8_t, self->agent_count);
    uint32_t *queue = ALLOC_ARRAY(uint32_t, self->agent_count), out = 0;

    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        uint32_t head = 0, tail = 0;

        if (seen[agent])
            continue;
        out++;
        seen[agent] = 1;
        queue[tail++] = agent;
        while (head < tail) {
            uint32_t at = queue[head++];

            for (uint32_t i = 0; i < self->count[at]; i++) {
                uint32_t other = self->ids[self->first[at] + i];

                if (!seen[other]) {
                    seen[other] = 1;
                    queue[tail++] = other;
                }
            }
        }
    }
    free(queue);
    free(seen);
    return out;
}

/* ---- all ---- */

static struct topology_figures
figures_open(const struct topology *self)
{
    uint64_t agents = self->agent_count;
    struct topology_figures out = {.connected = true, .components = agents > 0};

    if (self->params.topology == TOPOLOGY_NONE || agents < 2)
        return out;
    out.links = agents * (agents - 1) / 2;
    out.average_degree = (double)(agents - 1);
    out.clustering = agents > 2 ? 1.0 : 0.0;
    out.path_length = 1.0;
    out.sources = self->agent_count;
    return out;
}

struct topology_figures
topology_figures(const struct topology *self)
{
    struct topology_figures out = {0};

    if (topology_is_open(self))
        return figures_open(self);
    for (uint32_t agent = 0; agent < self->agent_count; agent++)
        out.links += self->count[agent];
    if (self->agent_count > 0)
        out.average_degree = (double)out.links / (double)self->agent_count;
    out.links /= 2;
    out.clustering = clustering(self);
    out.path_length = path_length(self, &out.sources);
    out.components = count_components(self);
    out.connected = out.components <= 1;
    return out;
}
