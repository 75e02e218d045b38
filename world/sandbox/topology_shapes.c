#include "world/sandbox/topology_inner.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/math.h"
#include "core/rng.h"

#include <stdlib.h>
#include <string.h>

#define NOBODY UINT32_MAX
#define REWIRE_TRIES 64u /* draws for a new end; fails only where nearly everybody is linked already */

static double
pairs_of(uint32_t agent_count)
{
    return agent_count < 2 ? 0.0 : (double)agent_count * (double)(agent_count - 1) / 2.0;
}

double
topology_expected_links(const struct topology_params *params, uint32_t agent_count)
{
    double pairs = pairs_of(agent_count);

    switch ((enum topology_kind)params->topology) {
    case TOPOLOGY_NONE:
        return 0.0;
    case TOPOLOGY_COMPLETE:
        return pairs;
    case TOPOLOGY_RING:
    case TOPOLOGY_SMALL_WORLD:
        return math_min(pairs, (double)agent_count * (double)(params->k / 2));
    case TOPOLOGY_STAR:
        return agent_count > 0 ? (double)agent_count - 1.0 : 0.0;
    case TOPOLOGY_SCALE_FREE:
        return math_min(pairs, (double)agent_count * (double)params->m);
    case TOPOLOGY_RANDOM:
        return pairs * params->edge_probability;
    }
    UNREACHABLE();
}

static struct links
links_new(uint64_t room)
{
    return (struct links){.items = ALLOC_ARRAY(struct link, room), .room = room};
}

static void
links_add(struct links *self, uint32_t a, uint32_t b)
{
    if (self->count == self->room) {
        struct links larger = links_new(self->room * 2 + 16);

        if (self->count > 0)
            memcpy(larger.items, self->items, self->count * sizeof self->items[0]);
        larger.count = self->count;
        free(self->items);
        *self = larger;
    }
    self->items[self->count++] = (struct link){a, b};
}

/* ---- ring and small world: agent a owns the links to a + 1 .. a + reach, `reach` places in a row ---- */

/* Whether the row of an agent leads to the other. */
static bool
owns(const struct links *ring, uint32_t reach, uint32_t agent, uint32_t other)
{
    const struct link *row = ring->items + (uint64_t)agent * reach;

    for (uint32_t i = 0; i < reach; i++)
        if (row[i].b == other)
            return true;
    return false;
}

static bool
is_linked(const struct links *ring, uint32_t reach, uint32_t a, uint32_t b)
{
    return owns(ring, reach, a, b) || owns(ring, reach, b, a);
}

/* Places without a link (on a ring shorter than its neighbourhoods) lead to NOBODY. */
static struct links
make_ring(const struct topology *self, uint32_t reach)
{
    struct links out = links_new((uint64_t)self->agent_count * reach);

    for (uint64_t i = 0; i < out.room; i++)
        out.items[i] = (struct link){(uint32_t)(i / reach), NOBODY};
    out.count = out.room;
    for (uint32_t agent = 0; agent < self->agent_count; agent++)
        for (uint32_t step = 1; step <= reach; step++) {
            uint32_t other = (uint32_t)(((uint64_t)agent + step) % self->agent_count);
            bool twice = self->agent_count <= 2 * reach && (other == agent || is_linked(&out, reach, agent, other));

            if (!twice)
                out.items[(uint64_t)agent * reach + step - 1].b = other;
        }
    return out;
}

static void
rewire(const struct topology *self, struct links *ring, uint32_t reach)
{
    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        struct rng rng = rng_make(self->seed, self->stream, agent, 0);
        struct link *row = ring->items + (uint64_t)agent * reach;

        for (uint32_t i = 0; i < reach; i++) {
            if (row[i].b == NOBODY || !rng_chance(&rng, self->params.rewire))
                continue;
            for (uint32_t tried = 0; tried < REWIRE_TRIES; tried++) {
                uint32_t other = rng_below(&rng, self->agent_count);

                if (other == agent || is_linked(ring, reach, agent, other))
                    continue;
                row[i].b = other;
                break;
            }
        }
    }
}

static struct links
shape_ring(const struct topology *self, bool rewired)
{
    uint32_t reach = self->params.k / 2;
    struct links out = make_ring(self, reach);
    uint64_t kept = 0;

    if (rewired)
        rewire(self, &out, reach);
    for (uint64_t i = 0; i < out.count; i++)
        if (out.items[i].b != NOBODY)
            out.items[kept++] = out.items[i];
    out.count = kept;
    return out;
}

/* ---- the others ---- */

static struct links
shape_star(const struct topology *self)
{
    struct links out = links_new(self->agent_count);

    for (uint32_t agent = 1; agent < self->agent_count; agent++)
        links_add(&out, 0, agent);
    return out;
}

/* An end of a link drawn at random is an agent drawn by its number of links. */
static struct links
shape_scale_free(const struct topology *self)
{
    uint32_t m = self->params.m, clique = self->agent_count < m + 1 ? self->agent_count : m + 1;
    struct links out = links_new((uint64_t)self->agent_count * m + (uint64_t)m * m);
    struct rng rng = rng_make(self->seed, self->stream, 0, 0);

    for (uint32_t a = 1; a < clique; a++)
        for (uint32_t b = 0; b < a; b++)
            links_add(&out, a, b);
    for (uint32_t agent = clique; agent < self->agent_count; agent++) {
        uint64_t before = out.count; /* of the links that partners are drawn from */

        ASSERT(before * 2 <= UINT32_MAX);
        while (out.count < before + m) {
            uint32_t end = rng_below(&rng, (uint32_t)(before * 2));
            uint32_t partner = end % 2 == 0 ? out.items[end / 2].a : out.items[end / 2].b;
            bool twice = false;

            for (uint64_t i = before; i < out.count; i++)
                twice = twice || out.items[i].b == partner;
            if (!twice)
                links_add(&out, agent, partner);
        }
    }
    return out;
}

/* Goes through the pairs (1, 0), (2, 0), (2, 1), (3, 0) ... in leaps: between two links lie as many pairs without one
 * as a geometric draw says (Batagelj & Brandes 2005, algorithm 1). */
static struct links
shape_random(const struct topology *self)
{
    double p = self->params.edge_probability, log_no = p < 1.0 ? math_log(1.0 - p) : 0.0;
    double expected = topology_expected_links(&self->params, self->agent_count), left = pairs_of(self->agent_count);
    struct links out = links_new((uint64_t)(expected + 4.0 * math_sqrt(expected)) + 16);
    struct rng rng = rng_make(self->seed, self->stream, 0, 0);
    uint64_t row = 1, column = 0; /* the next pair */

    if (p <= 0.0 || (p < 1.0 && log_no == 0.0))
        return out;
    while (row < self->agent_count) {
        double leap = p < 1.0 ? math_floor(math_log(1.0 - rng_real(&rng)) / log_no) : 0.0;

        left -= leap + 1.0;
        if (left < 0.0)
            break;
        column += (uint64_t)leap;
        while (column >= row)
            column -= row++;
        links_add(&out, (uint32_t)row, (uint32_t)column);
        if (++column == row) {
            column = 0;
            row++;
        }
    }
    return out;
}

struct links
topology_shape(const struct topology *self)
{
    switch ((enum topology_kind)self->params.topology) {
    case TOPOLOGY_NONE:
    case TOPOLOGY_COMPLETE:
        return (struct links){0};
    case TOPOLOGY_RING:
        return shape_ring(self, false);
    case TOPOLOGY_STAR:
        return shape_star(self);
    case TOPOLOGY_SMALL_WORLD:
        return shape_ring(self, true);
    case TOPOLOGY_SCALE_FREE:
        return shape_scale_free(self);
    case TOPOLOGY_RANDOM:
        return shape_random(self);
    }
    UNREACHABLE();
}
