#include "world/compat/network.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/math.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

PARAMS_TABLE(compat_network_rates, COMPAT_NETWORK_PARAMS)
PARAMS_TABLE(compat_network_shape, COMPAT_NETWORK_SHAPE_PARAMS)

/* A link can have the weight 0 and live (a decay of 1 with a minimum of 0), so none is less than that. */
#define NO_LINK (-1.0)

struct compat_network {
    struct compat_network_params params;
    uint32_t agent_count;
    double *weights; /* agent_count x agent_count, symmetric; NO_LINK, or 0 and more. The state */
    uint32_t *queue, *steps, *marks; /* scratch of the searches, an entry an agent; not state */
};

/* ---- parameters ---- */

const struct params *
compat_network_rates_list(void)
{
    return &compat_network_rates_params;
}

const struct params *
compat_network_shape_list(void)
{
    return &compat_network_shape_params;
}

void
compat_network_params_default(struct compat_network_params *out)
{
    memset(out, 0, sizeof *out);
    params_default(&compat_network_rates_params, &out->rates);
    params_default(&compat_network_shape_params, &out->shape);
    out->reputation_disconnect_threshold = -INFINITY;
}

/* The shape, under its own names or the original's other ones. */
static int
bind_shape(const struct yaml_node *map, struct compat_network_shape *out, struct why *why)
{
    static const char *const names[] = {"k_neighbors", "rewire_probability", "m_edges", NULL};
    static const char *const rows[] = {"k", "p", "m"};
    int code = params_bind(&compat_network_shape_params, map, names, out, why);

    for (uint32_t i = 0; code == 0 && names[i] != NULL; i++) {
        const struct yaml_node *value = yaml_find(map, names[i]);

        if (value != NULL)
            code = params_bind_row(params_find(&compat_network_shape_params, rows[i]), value, out, why);
    }
    return code;
}

int
compat_network_params_bind(const struct yaml_node *map, struct compat_network_params *out, struct why *why)
{
    static const char *const also[] = {"params", "reputation_disconnect_threshold", NULL};
    const struct yaml_node *threshold = yaml_find(map, also[1]);
    int code;

    compat_network_params_default(out);
    code = params_bind(&compat_network_rates_params, map, also, &out->rates, why);
    if (code == 0)
        code = bind_shape(yaml_find(map, also[0]), &out->shape, why);
    if (code == 0 && threshold != NULL && threshold->kind != YAML_NULL)
        code = yaml_get_real(threshold, &out->reputation_disconnect_threshold, why);
    return code;
}

static int
check_real(const char *name, double value, double low, double high, struct why *why)
{
    if (value >= low && value <= high)
        return 0;
    return fail(why, ERR_INVALID, "network: %s must be between %g and %g, not %g", name, low, high, value);
}

int
compat_network_params_check(const struct compat_network_params *params, struct why *why)
{
    const struct compat_network_rates *rates = &params->rates;
    const struct compat_network_shape *shape = &params->shape;
    int code = check_real("edge_strengthen_rate", rates->edge_strengthen_rate, 0, 1, why);

    if (code == 0)
        code = check_real("edge_decay_rate", rates->edge_decay_rate, 0, 1, why);
    if (code == 0)
        code = check_real("min_edge_weight", rates->min_edge_weight, 0, 1, why);
    if (code == 0)
        code = check_real("max_edge_weight", rates->max_edge_weight, 0, INFINITY, why);
    if (code == 0)
        code = check_real("topology", rates->topology, COMPAT_TOPOLOGY_COMPLETE, COMPAT_TOPOLOGY_CUSTOM, why);
    if (code == 0)
        code = check_real("params.edge_probability", shape->edge_probability, 0, 1, why);
    if (code == 0)
        code = check_real("params.k", shape->k, 0, COMPAT_NETWORK_AGENTS, why);
    if (code == 0)
        code = check_real("params.p", shape->p, 0, 1, why);
    if (code == 0)
        code = check_real("params.m", shape->m, 1, COMPAT_NETWORK_AGENTS, why);
    return code;
}

/* ---- life, links ---- */

static void
clear_links(struct compat_network *self)
{
    for (size_t i = 0; i < (size_t)self->agent_count * self->agent_count; i++)
        self->weights[i] = NO_LINK;
}

struct compat_network *
compat_network_new(const struct compat_network_params *params, uint32_t agent_count)
{
    struct compat_network *self = ALLOC(struct compat_network);

    ASSERT(agent_count <= COMPAT_NETWORK_AGENTS);
    self->params = *params;
    self->agent_count = agent_count;
    self->weights = ALLOC_ARRAY(double, (size_t)agent_count * agent_count);
    self->queue = ALLOC_ARRAY(uint32_t, agent_count);
    self->steps = ALLOC_ARRAY(uint32_t, agent_count);
    self->marks = ALLOC_ARRAY(uint32_t, agent_count);
    clear_links(self);
    return self;
}

void
compat_network_destroy(struct compat_network **self_p)
{
    struct compat_network *self = *self_p;

    if (self == NULL)
        return;
    free(self->weights);
    free(self->queue);
    free(self->steps);
    free(self->marks);
    free(self);
    *self_p = NULL;
}

static double *
row_of(const struct compat_network *self, uint32_t agent)
{
    ASSERT(agent < self->agent_count);
    return self->weights + (size_t)agent * self->agent_count;
}

bool
compat_network_linked(const struct compat_network *self, uint32_t a, uint32_t b)
{
    ASSERT(b < self->agent_count);
    return row_of(self, a)[b] >= 0.0;
}

double
compat_network_weight(const struct compat_network *self, uint32_t a, uint32_t b)
{
    ASSERT(b < self->agent_count);
    return math_max(row_of(self, a)[b], 0.0);
}

static void
set_weight(struct compat_network *self, uint32_t a, uint32_t b, double weight)
{
    row_of(self, a)[b] = weight;
    row_of(self, b)[a] = weight;
}

void
compat_network_add(struct compat_network *self, uint32_t a, uint32_t b, double weight)
{
    ASSERT(b < self->agent_count);
    if (a != b)
        set_weight(self, a, b, math_min(weight, self->params.rates.max_edge_weight));
}

void
compat_network_remove(struct compat_network *self, uint32_t a, uint32_t b)
{
    ASSERT(b < self->agent_count);
    set_weight(self, a, b, NO_LINK);
}

uint32_t
compat_network_neighbours(const struct compat_network *self, uint32_t agent, uint32_t *out)
{
    const double *row = row_of(self, agent);
    uint32_t count = 0;

    for (uint32_t other = 0; other < self->agent_count; other++)
        if (row[other] >= 0.0)
            out[count++] = other;
    return count;
}

/* ---- topologies ---- */

static void
build_complete(struct compat_network *self, uint32_t agent_count)
{
    for (uint32_t a = 0; a < agent_count; a++)
        for (uint32_t b = a + 1; b < agent_count; b++)
            compat_network_add(self, a, b, 1.0);
}

/* Each with the next `reach` agents of the circle. */
static void
build_ring(struct compat_network *self, uint32_t reach)
{
    for (uint32_t a = 0; a < self->agent_count; a++)
        for (uint32_t step = 1; step <= reach; step++)
            compat_network_add(self, a, (a + step) % self->agent_count, 1.0);
}

static void
build_star(struct compat_network *self)
{
    for (uint32_t agent = 1; agent < self->agent_count; agent++)
        compat_network_add(self, 0, agent, 1.0);
}

/* Erdos & Renyi (1959): one draw a pair, (0, 1), (0, 2) ... (1, 2) ... */
static void
build_random(struct compat_network *self, struct compat_draws *draws)
{
    for (uint32_t a = 0; a < self->agent_count; a++)
        for (uint32_t b = a + 1; b < self->agent_count; b++)
            if (compat_draw(draws) < self->params.shape.edge_probability)
                compat_network_add(self, a, b, 1.0);
}

/* Watts & Strogatz (1998): the circle; then each of its links, by agent and then distance, draws whether it is
 * rewired, and if so one of the agents that its first end is not linked to, in the order of ids. */
static void
build_small_world(struct compat_network *self, struct compat_draws *draws)
{
    uint32_t reach = self->params.shape.k / 2;

    if (reach >= self->agent_count)
        reach = self->agent_count > 0 ? self->agent_count - 1 : 0;
    build_ring(self, reach);
    for (uint32_t a = 0; a < self->agent_count; a++)
        for (uint32_t step = 1; step <= reach; step++) {
            uint32_t b = (a + step) % self->agent_count, count = 0;

            if (!(compat_draw(draws) < self->params.shape.p) || !compat_network_linked(self, a, b))
                continue;
            for (uint32_t other = 0; other < self->agent_count; other++)
                if (other != a && !compat_network_linked(self, a, other))
                    self->queue[count++] = other;
            if (count == 0)
                continue;
            compat_network_remove(self, a, b);
            compat_network_add(self, a, self->queue[compat_draw_choice(draws, count)], 1.0);
        }
}

/* One of the agents below `agent_count` that is not yet marked, each as likely as it has links. */
static uint32_t
draw_by_degree(struct compat_network *self, struct compat_draws *draws, uint32_t agent_count)
{
    uint32_t total = 0, last = COMPAT_NOBODY;
    double left;

    for (uint32_t agent = 0; agent < agent_count; agent++)
        total += self->marks[agent] ? 0 : self->steps[agent];
    left = compat_draw(draws) * (double)total;
    for (uint32_t agent = 0; agent < agent_count; agent++) {
        if (self->marks[agent])
            continue;
        last = agent;
        left -= (double)self->steps[agent];
        if (left < 0.0)
            return agent;
    }
    return last;
}

/* Barabasi & Albert (1999): a clique of m + 1; each further agent draws m different partners by their degrees. */
static void
build_scale_free(struct compat_network *self, struct compat_draws *draws)
{
    uint32_t m = self->params.shape.m, *degrees = self->steps;

    if (self->agent_count <= m) {
        build_complete(self, self->agent_count);
        return;
    }
    build_complete(self, m + 1);
    for (uint32_t agent = 0; agent < self->agent_count; agent++)
        degrees[agent] = agent <= m ? m : 0;
    for (uint32_t agent = m + 1; agent < self->agent_count; agent++) {
        memset(self->marks, 0, (size_t)self->agent_count * sizeof self->marks[0]);
        for (uint32_t i = 0; i < m; i++) {
            uint32_t partner = draw_by_degree(self, draws, agent);

            self->marks[partner] = 1;
            compat_network_add(self, agent, partner, 1.0);
        }
        for (uint32_t other = 0; other < agent; other++)
            degrees[other] += self->marks[other];
        degrees[agent] = m;
    }
}

void
compat_network_build(struct compat_network *self, struct compat_draws *draws)
{
    clear_links(self);
    switch ((enum compat_topology)self->params.rates.topology) {
    case COMPAT_TOPOLOGY_COMPLETE:
        build_complete(self, self->agent_count);
        return;
    case COMPAT_TOPOLOGY_RING:
        build_ring(self, 1);
        return;
    case COMPAT_TOPOLOGY_STAR:
        build_star(self);
        return;
    case COMPAT_TOPOLOGY_RANDOM:
        ASSERT(draws != NULL);
        build_random(self, draws);
        return;
    case COMPAT_TOPOLOGY_SMALL_WORLD:
        ASSERT(draws != NULL);
        build_small_world(self, draws);
        return;
    case COMPAT_TOPOLOGY_SCALE_FREE:
        ASSERT(draws != NULL);
        build_scale_free(self, draws);
        return;
    case COMPAT_TOPOLOGY_CUSTOM:
        return;
    }
    UNREACHABLE();
}

/* ---- dynamics ---- */

double
compat_network_strengthen(struct compat_network *self, uint32_t a, uint32_t b)
{
    if (self->params.rates.dynamic)
        compat_network_add(self, a, b, compat_network_weight(self, a, b) + self->params.rates.edge_strengthen_rate);
    return compat_network_weight(self, a, b);
}

uint32_t
compat_network_decay(struct compat_network *self)
{
    uint32_t died = 0;

    if (!self->params.rates.dynamic)
        return 0;
    for (uint32_t a = 0; a < self->agent_count; a++)
        for (uint32_t b = a + 1; b < self->agent_count; b++) {
            double weight = compat_network_weight(self, a, b) * (1.0 - self->params.rates.edge_decay_rate);
            bool dies = weight < self->params.rates.min_edge_weight;

            if (!compat_network_linked(self, a, b))
                continue;
            died += dies;
            set_weight(self, a, b, dies ? NO_LINK : weight);
        }
    return died;
}

uint32_t
compat_network_disconnect(struct compat_network *self, uint32_t agent, double reputation)
{
    uint32_t count;

    if (!(reputation < self->params.reputation_disconnect_threshold))
        return 0;
    count = compat_network_neighbours(self, agent, self->queue);
    for (uint32_t i = 0; i < count; i++)
        compat_network_remove(self, agent, self->queue[i]);
    return count;
}

/* ---- metrics ---- */

double
compat_network_clustering(const struct compat_network *self, uint32_t agent)
{
    uint32_t count = compat_network_neighbours(self, agent, self->queue), linked = 0;

    if (count < 2)
        return 0.0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = i + 1; j < count; j++)
            linked += compat_network_linked(self, self->queue[i], self->queue[j]);
    return (double)linked / ((double)count * (double)(count - 1) / 2.0);
}

void
compat_network_distances(const struct compat_network *self, uint32_t from, uint32_t *out)
{
    uint32_t head = 0, tail = 0;

    ASSERT(from < self->agent_count);
    for (uint32_t agent = 0; agent < self->agent_count; agent++)
        out[agent] = COMPAT_NOBODY;
    out[from] = 0;
    self->queue[tail++] = from;
    while (head < tail) {
        uint32_t at = self->queue[head++];
        const double *row = row_of(self, at);

        for (uint32_t other = 0; other < self->agent_count; other++)
            if (row[other] >= 0.0 && out[other] == COMPAT_NOBODY) {
                out[other] = out[at] + 1;
                self->queue[tail++] = other;
            }
    }
}

uint32_t
compat_network_components(const struct compat_network *self, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t agent = 0; agent < self->agent_count; agent++)
        out[agent] = COMPAT_NOBODY;
    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        if (out[agent] != COMPAT_NOBODY)
            continue;
        compat_network_distances(self, agent, self->steps);
        for (uint32_t other = 0; other < self->agent_count; other++)
            if (self->steps[other] != COMPAT_NOBODY)
                out[other] = count;
        count++;
    }
    return count;
}

struct compat_network_metrics
compat_network_metrics(const struct compat_network *self)
{
    struct compat_network_metrics out = {.agents = self->agent_count};
    uint64_t ends = 0, pairs = 0, length = 0;
    double clustering = 0.0;

    for (uint32_t agent = 0; agent < self->agent_count; agent++) {
        ends += compat_network_neighbours(self, agent, self->queue);
        clustering += compat_network_clustering(self, agent);
        compat_network_distances(self, agent, self->steps);
        for (uint32_t other = 0; other < self->agent_count; other++)
            if (other != agent && self->steps[other] != COMPAT_NOBODY) {
                pairs++;
                length += self->steps[other];
            }
    }
    out.edges = (uint32_t)(ends / 2);
    out.components = compat_network_components(self, self->marks);
    out.connected = out.components <= 1;
    if (self->agent_count > 0) {
        out.average_degree = (double)ends / (double)self->agent_count;
        out.average_clustering = clustering / (double)self->agent_count;
    }
    if (pairs > 0)
        out.average_path_length = (double)length / (double)pairs;
    return out;
}

/* ---- saving ---- */

void
compat_network_cells(struct compat_network *self, struct cells *out)
{
    cells_add(out, self->weights, (size_t)self->agent_count * self->agent_count * sizeof self->weights[0]);
}

int
compat_network_check(const struct compat_network *self, struct why *why)
{
    for (uint32_t a = 0; a < self->agent_count; a++)
        for (uint32_t b = 0; b <= a; b++) {
            double weight = row_of(self, a)[b];
            bool linked = weight >= 0.0 && weight <= self->params.rates.max_edge_weight && a != b;

            if ((!linked && weight != NO_LINK) || weight != row_of(self, b)[a])
                return fail(why, ERR_STATE, "network: link %" PRIu32 " - %" PRIu32 " makes no sense", a, b);
        }
    return 0;
}
