#include "world/sandbox/topology_inner.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/math.h"
#include "core/rng.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct param topology_rows[] = {TOPOLOGY_PARAMS(PARAM_ROW, topology_params)};
const struct params topology_params_list = {"topology_params", sizeof(struct topology_params), topology_rows,
    (uint32_t)(sizeof topology_rows / sizeof topology_rows[0])};

/* ---- parameters ---- */

static int
check_share(const char *name, double value, struct why *why)
{
    if (value >= 0.0 && value <= 1.0)
        return 0;
    return fail(why, ERR_INVALID, "%s must be between 0 and 1, not %g", name, value);
}

static int
check_shares(const struct topology_params *params, struct why *why)
{
    const struct {
        const char *name;
        double value;
    } shares[] = {
        {"rewire", params->rewire},         {"edge_probability", params->edge_probability},
        {"strengthen", params->strengthen}, {"decay", params->decay},
        {"weight_min", params->weight_min}, {"weight_max", params->weight_max},
        {"relink", params->relink},
    };
    int code = 0;

    for (uint32_t i = 0; code == 0 && i < sizeof shares / sizeof shares[0]; i++)
        code = check_share(shares[i].name, shares[i].value, why);
    return code;
}

int
topology_params_check(const struct topology_params *params, uint32_t agent_count, struct why *why)
{
    int code = check_shares(params, why);
    double links;

    if (code != 0)
        return code;
    if (params->topology > TOPOLOGY_RANDOM)
        return fail(why, ERR_UNKNOWN, "topology: there is no choice %" PRIu32, params->topology);
    if (params->k < 2 || params->k > 1000)
        return fail(why, ERR_INVALID, "k must be between 2 and 1000, not %" PRIu32, params->k);
    if (params->m < 1 || params->m > 1000)
        return fail(why, ERR_INVALID, "m must be between 1 and 1000, not %" PRIu32, params->m);
    if (params->slots_max < 1 || params->slots_max > 65536)
        return fail(why, ERR_INVALID, "slots_max must be between 1 and 65536, not %" PRIu32, params->slots_max);
    if (params->weight_min > params->weight_max)
        return fail(why, ERR_INVALID, "weight_min is over weight_max");
    if (params->topology <= TOPOLOGY_COMPLETE)
        return params->dynamic ? fail(why, ERR_INVALID, "dynamic: everybody may meet everybody, so there are no links "
                                      "that could change; choose another topology") : 0;
    links = topology_expected_links(params, agent_count);
    if (links > TOPOLOGY_LINKS_MAX)
        return fail(why, ERR_LIMIT, "topology: about %.3g links for %" PRIu32 " agents are more than %u; lower %s",
                    links, agent_count, TOPOLOGY_LINKS_MAX, params->topology == TOPOLOGY_RANDOM ? "edge_probability"
                    : params->topology == TOPOLOGY_SCALE_FREE ? "m" : "k");
    return 0;
}

/* ---- life ---- */

bool
topology_is_open(const struct topology *self)
{
    return self->params.topology <= TOPOLOGY_COMPLETE;
}

static uint64_t
room_of(const struct topology *self, uint32_t agent)
{
    return self->first[agent + 1] - self->first[agent];
}

/* The room for an agent that begins with so many links. */
static uint64_t
room_for(const struct topology *self, uint32_t degree)
{
    uint64_t more = 2 * (uint64_t)degree + 4;

    if (!self->params.dynamic || degree >= self->params.slots_max)
        return degree;
    return more < self->params.slots_max ? more : self->params.slots_max;
}

/* Sizes the rooms; the first time it also gets them. Their sizes are the same every time. */
static void
make_rooms(struct topology *self, const uint32_t *degrees)
{
    uint64_t total = 0;

    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        self->first[agent] = total;
        total += room_for(self, degrees[agent]);
    }
    self->first[self->agent_count] = total;
    if (self->ids == NULL)
        self->ids = ALLOC_ARRAY(uint32_t, total);
    if (self->weights == NULL && self->params.dynamic)
        self->weights = ALLOC_ARRAY(double, total);
}

/* Puts both ends of every link in place. Ends are first gathered in any order, then handed over by the agent they lead
 * to, from the lowest: so every agent's come sorted, in O(agents + links). */
static void
place_links(struct topology *self, const struct links *links, const uint32_t *degrees)
{
    uint64_t *at = ALLOC_ARRAY(uint64_t, (size_t)self->agent_count + 1), total = 0;
    uint32_t *ends = ALLOC_ARRAY(uint32_t, links->count * 2);

    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        at[agent] = total;
        total += degrees[agent];
    }
    for (uint64_t i = 0; i < links->count; i++) {
        ends[at[links->items[i].a]++] = links->items[i].b;
        ends[at[links->items[i].b]++] = links->items[i].a;
    }
    memset(self->count, 0, (size_t)self->agent_count * sizeof self->count[0]);
    memset(self->ids, 0, self->first[self->agent_count] * sizeof self->ids[0]);
    if (self->params.dynamic)
        memset(self->weights, 0, self->first[self->agent_count] * sizeof self->weights[0]);
    total = 0;
    for (uint32_t agent = 0; agent < self->agent_count; agent++)
        for (uint32_t i = 0; i < degrees[agent]; i++) {
            uint32_t other = ends[total++];
            uint64_t place = self->first[other] + self->count[other]++;

            self->ids[place] = agent;
            if (self->params.dynamic)
                self->weights[place] = self->params.weight_max;
        }
    free(ends);
    free(at);
}

void
topology_clear(struct topology *self)
{
    uint32_t *degrees;
    struct links links;

    if (topology_is_open(self))
        return;
    links = topology_shape(self);
    degrees = ALLOC_ARRAY(uint32_t, self->agent_count);
    for (uint64_t i = 0; i < links.count; i++) {
        degrees[links.items[i].a]++;
        degrees[links.items[i].b]++;
    }
    make_rooms(self, degrees);
    place_links(self, &links, degrees);
    free(degrees);
    free(links.items);
}

struct topology *
topology_new(const struct topology_params *params, uint32_t agent_count, uint64_t seed, uint32_t stream)
{
    struct topology *self = ALLOC(struct topology);

    self->params = *params;
    self->agent_count = agent_count;
    self->seed = seed;
    self->stream = stream;
    if (!topology_is_open(self)) {
        self->first = ALLOC_ARRAY(uint64_t, (size_t)agent_count + 1);
        self->count = ALLOC_ARRAY(uint32_t, agent_count);
    }
    topology_clear(self);
    return self;
}

void
topology_destroy(struct topology **self_p)
{
    struct topology *self = *self_p;

    if (self == NULL)
        return;
    free(self->first);
    free(self->count);
    free(self->ids);
    free(self->weights);
    free(self);
    *self_p = NULL;
}

/* ---- reading ---- */

const uint32_t *
topology_neighbours(const struct topology *self, uint32_t agent, uint32_t *count)
{
    ASSERT(!topology_is_open(self) && agent < self->agent_count);
    *count = self->count[agent];
    return self->ids + self->first[agent];
}

/* Where `other` stands among the agent's neighbours, or would stand. */
static uint32_t
place_of(const struct topology *self, uint32_t agent, uint32_t other, bool *found)
{
    const uint32_t *ids = self->ids + self->first[agent];
    uint32_t low = 0, high = self->count[agent];

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ids[middle] < other)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < self->count[agent] && ids[low] == other;
    return low;
}

bool
topology_linked(const struct topology *self, uint32_t a, uint32_t b)
{
    bool found;

    ASSERT(a < self->agent_count && b < self->agent_count);
    if (topology_is_open(self))
        return a != b;
    place_of(self, a, b, &found);
    return found;
}

double
topology_weight(const struct topology *self, uint32_t a, uint32_t b)
{
    bool found;
    uint32_t place;

    if (!topology_linked(self, a, b))
        return 0.0;
    if (!self->params.dynamic)
        return self->params.weight_max;
    place = place_of(self, a, b, &found);
    return self->weights[self->first[a] + place];
}

/* ---- changing ---- */

static bool
has_room(const struct topology *self, uint32_t agent)
{
    return self->count[agent] < room_of(self, agent);
}

static void
insert(struct topology *self, uint32_t agent, uint32_t other, double weight)
{
    bool found;
    uint32_t place = place_of(self, agent, other, &found);
    uint32_t *ids = self->ids + self->first[agent] + place;
    double *weights = self->weights + self->first[agent] + place;
    size_t behind = self->count[agent] - place;

    ASSERT(!found && has_room(self, agent));
    memmove(ids + 1, ids, behind * sizeof ids[0]);
    memmove(weights + 1, weights, behind * sizeof weights[0]);
    ids[0] = other;
    weights[0] = weight;
    self->count[agent]++;
}

/* A new link, as far as both have room. */
static bool
make_link(struct topology *self, uint32_t a, uint32_t b)
{
    double weight = self->params.weight_min + (self->params.weight_max - self->params.weight_min) / 2.0;

    if (a == b || topology_linked(self, a, b) || !has_room(self, a) || !has_room(self, b))
        return false;
    insert(self, a, b, weight);
    insert(self, b, a, weight);
    return true;
}

void
topology_strengthen(struct topology *self, uint32_t a, uint32_t b)
{
    double weight;
    bool found;

    ASSERT(a != b && a < self->agent_count && b < self->agent_count);
    if (!self->params.dynamic || make_link(self, a, b) || !topology_linked(self, a, b))
        return;
    weight = math_min(topology_weight(self, a, b) + self->params.strengthen, self->params.weight_max);
    self->weights[self->first[a] + place_of(self, a, b, &found)] = weight;
    self->weights[self->first[b] + place_of(self, b, a, &found)] = weight;
}

/* Both ends of a link hold the same number and do the same with it, so both end at once. Returns the ends. */
static uint32_t
decay(struct topology *self, uint32_t agent)
{
    uint32_t *ids = self->ids + self->first[agent], kept = 0, count = self->count[agent];
    double *weights = self->weights + self->first[agent];

    for (uint32_t i = 0; i < count; i++) {
        double weight = weights[i] * (1.0 - self->params.decay);

        if (weight < self->params.weight_min)
            continue;
        ids[kept] = ids[i];
        weights[kept++] = weight;
    }
    memset(ids + kept, 0, (count - kept) * sizeof ids[0]);
    memset(weights + kept, 0, (count - kept) * sizeof weights[0]);
    self->count[agent] = kept;
    return count - kept;
}

/* Whom an agent comes to know: one of a neighbour's neighbours, or without neighbours anybody. */
static uint32_t
draw_friend(const struct topology *self, struct rng *rng, uint32_t agent)
{
    const uint32_t *ids = self->ids + self->first[agent];
    uint32_t friend;

    if (self->count[agent] == 0)
        return rng_below(rng, self->agent_count);
    friend = ids[rng_below(rng, self->count[agent])];
    return self->ids[self->first[friend] + rng_below(rng, self->count[friend])];
}

struct topology_changes
topology_end_epoch(struct topology *self, uint32_t epoch)
{
    struct topology_changes out = {0};
    uint64_t ends = 0;

    if (!self->params.dynamic)
        return out;
    for (uint32_t agent = 0; agent < self->agent_count; agent++)
        ends += decay(self, agent);
    out.ended = ends / 2;
    if (self->params.relink <= 0.0)
        return out;
    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        struct rng rng = rng_make(self->seed, self->stream, agent, (uint64_t)epoch + 1);

        if (rng_chance(&rng, self->params.relink))
            out.made += make_link(self, agent, draw_friend(self, &rng, agent));
    }
    return out;
}

/* ---- saving ---- */

void
topology_cells(struct topology *self, struct cells *out)
{
    if (!self->params.dynamic)
        return;
    cells_add(out, self->count, (size_t)self->agent_count * sizeof self->count[0]);
    cells_add(out, self->ids, self->first[self->agent_count] * sizeof self->ids[0]);
    cells_add(out, self->weights, self->first[self->agent_count] * sizeof self->weights[0]);
}

void
topology_fit(struct topology *self)
{
    for (uint32_t agent = 0; agent < self->agent_count && self->params.dynamic; agent++)
        for (uint32_t i = 0; i < self->count[agent] && i < room_of(self, agent); i++) {
            double *weight = &self->weights[self->first[agent] + i];

            if (*weight >= 0.0 && *weight < self->params.weight_min)
                *weight = self->params.weight_min;
        }
}

static bool
link_makes_sense(const struct topology *self, uint32_t agent, uint32_t i)
{
    const uint32_t *ids = self->ids + self->first[agent];
    const double *weights = self->params.dynamic ? self->weights + self->first[agent] : NULL;

    if (i >= self->count[agent])
        return ids[i] == 0 && (weights == NULL || weights[i] == 0.0);
    if (ids[i] >= self->agent_count || ids[i] == agent || (i > 0 && ids[i] <= ids[i - 1]))
        return false;
    if (!topology_linked(self, ids[i], agent))
        return false;
    return weights == NULL || (weights[i] >= self->params.weight_min && weights[i] <= self->params.weight_max &&
                               weights[i] == topology_weight(self, ids[i], agent));
}

int
topology_check(const struct topology *self, struct why *why)
{
    if (topology_is_open(self))
        return 0;
    for (uint32_t agent = 0; agent < self->agent_count; agent++)
        if (self->count[agent] > room_of(self, agent))
            return fail(why, ERR_STATE, "topology: agent %" PRIu32 " has more links than room", agent);
    for (uint32_t agent = 0; agent < self->agent_count; agent++)
        for (uint32_t i = 0; i < room_of(self, agent); i++)
            if (!link_makes_sense(self, agent, i))
                return fail(why, ERR_STATE, "topology: link %" PRIu32 " of agent %" PRIu32 " makes no sense", i, agent);
    return 0;
}
