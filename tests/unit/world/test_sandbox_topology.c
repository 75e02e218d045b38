#include "world/sandbox/topology.h"

#include "core/streams.h"
#include "tests/support/test.h"

#include <string.h>

static struct topology_params
defaults(enum topology_kind kind)
{
    struct topology_params out;

    params_default(&topology_params_list, &out);
    out.topology = kind;
    return out;
}

static struct topology *
make(const struct topology_params *params, uint32_t agents, uint64_t seed)
{
    struct topology *out;
    struct why why = {0};

    assert_int_equal(topology_params_check(params, agents, &why), 0);
    out = topology_new(params, agents, seed, STREAM_TEST);
    assert_int_equal(topology_check(out, &why), 0);
    return out;
}

static uint32_t
degree(const struct topology *topology, uint32_t agent)
{
    uint32_t out;

    topology_neighbours(topology, agent, &out);
    return out;
}

/* ---- shapes worked out by hand ---- */

static const struct shape_row {
    const char *name;
    enum topology_kind kind;
    uint32_t agents, k, m;
    double probability;
    uint64_t links;
    double clustering, path;
    uint32_t components;
} shape_rows[] = {
    {"nobody is counted without a topology", TOPOLOGY_NONE, 9, 4, 2, 0, 0, 0.0, 0.0, 1},
    {"everybody", TOPOLOGY_COMPLETE, 9, 4, 2, 0, 36, 1.0, 1.0, 1},
    {"two", TOPOLOGY_COMPLETE, 2, 4, 2, 0, 1, 0.0, 1.0, 1},
    /* from anybody 4 at 1, 4 at 2, the one across at 3; -2 -1 1 2 hold 3 of 6 links */
    {"a ring of ten", TOPOLOGY_RING, 10, 4, 2, 0, 20, 0.5, 15.0 / 9.0, 1},
    {"an odd k is one less", TOPOLOGY_RING, 10, 5, 2, 0, 20, 0.5, 15.0 / 9.0, 1},
    {"a thin ring", TOPOLOGY_RING, 6, 2, 2, 0, 6, 0.0, 9.0 / 5.0, 1},
    {"a ring as short as its neighbourhood", TOPOLOGY_RING, 5, 4, 2, 0, 10, 1.0, 1.0, 1},
    {"a shorter one links nobody twice", TOPOLOGY_RING, 4, 4, 2, 0, 6, 1.0, 1.0, 1},
    {"nor to itself", TOPOLOGY_RING, 2, 9, 2, 0, 1, 0.0, 1.0, 1},
    {"alone", TOPOLOGY_RING, 1, 4, 2, 0, 0, 0.0, 0.0, 1},
    {"an empty ring", TOPOLOGY_RING, 0, 4, 2, 0, 0, 0.0, 0.0, 0},
    /* 10 ordered pairs at 1, 20 at 2 */
    {"a star", TOPOLOGY_STAR, 6, 4, 2, 0, 5, 0.0, 50.0 / 30.0, 1},
    {"no more agents than a clique", TOPOLOGY_SCALE_FREE, 3, 4, 2, 0, 3, 1.0, 1.0, 1},
    {"fewer", TOPOLOGY_SCALE_FREE, 2, 4, 2, 0, 1, 0.0, 1.0, 1},
    {"no chance", TOPOLOGY_RANDOM, 7, 4, 2, 0.0, 0, 0.0, 0.0, 7},
    {"certainty", TOPOLOGY_RANDOM, 7, 4, 2, 1.0, 21, 1.0, 1.0, 1},
};

static void
shapes(void **state)
{
    const struct shape_row *row = *state;
    struct topology_params params = defaults(row->kind);
    struct topology_figures figures;
    struct topology *topology;

    params.k = row->k;
    params.m = row->m;
    params.edge_probability = row->probability;
    topology = make(&params, row->agents, 5);
    figures = topology_figures(topology);
    assert_int_equal(figures.links, row->links);
    assert_int_equal(figures.components, row->components);
    assert_int_equal(figures.connected, row->components <= 1);
    assert_close(figures.clustering, row->clustering, 1e-15);
    assert_close(figures.path_length, row->path, 1e-15);
    if (row->agents > 0)
        assert_close(figures.average_degree, 2.0 * (double)row->links / row->agents, 1e-15);
    topology_destroy(&topology);
    assert_null(topology);
}

static void
not_rewired(void **state)
{
    struct topology_params params = defaults(TOPOLOGY_RING);
    struct topology *ring, *small;

    (void)state;
    params.k = 6;
    ring = make(&params, 50, 1);
    params.topology = TOPOLOGY_SMALL_WORLD;
    params.rewire = 0.0;
    small = make(&params, 50, 2);
    for (uint32_t agent = 0; agent < 50; agent++) {
        uint32_t count, other_count;
        const uint32_t *ids = topology_neighbours(ring, agent, &count);
        const uint32_t *others = topology_neighbours(small, agent, &other_count);

        assert_int_equal(count, 6);
        assert_int_equal(other_count, 6);
        assert_memory_equal(ids, others, 6 * sizeof ids[0]);
    }
    topology_destroy(&ring);
    topology_destroy(&small);
}

/* Rewiring keeps the number of links; m (n - m - 1) + m (m + 1) / 2 links and nobody below m; a star's hub. */
static void
keeps_numbers(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 60; seed++) {
        struct topology_params params = defaults(TOPOLOGY_SMALL_WORLD);
        uint32_t agents = 5 + seed * 7;
        struct topology *topology;

        params.rewire = seed / 60.0;
        topology = make(&params, agents, seed);
        assert_int_equal(topology_figures(topology).links, 2 * agents);
        topology_destroy(&topology);
        params.topology = TOPOLOGY_SCALE_FREE;
        params.m = 1 + seed % 4;
        topology = make(&params, agents, seed);
        assert_int_equal(topology_figures(topology).links,
                         params.m * (agents - params.m - 1) + params.m * (params.m + 1) / 2);
        assert_true(topology_figures(topology).connected);
        for (uint32_t agent = 0; agent < agents; agent++)
            assert_true(degree(topology, agent) >= params.m);
        topology_destroy(&topology);
    }
}

/* Within five standard deviations of n (n - 1) / 2 p: all pairs, and those of the first half with the second. */
static void
random_density(void **state)
{
    static const struct {
        uint32_t agents;
        double p;
    } rows[] = {{1000, 0.1}, {1000, 0.9}, {20000, 0.005}};

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct topology_params params = defaults(TOPOLOGY_RANDOM);
        double n = rows[i].agents, pairs = n * (n - 1) / 2, across = n * n / 4, links = 0, crossing = 0;
        struct topology *topology;

        params.edge_probability = rows[i].p;
        topology = make(&params, rows[i].agents, 3);
        for (uint32_t agent = 0; agent < rows[i].agents; agent++) {
            uint32_t count;
            const uint32_t *ids = topology_neighbours(topology, agent, &count);

            for (uint32_t j = 0; j < count; j++) {
                links += 0.5;
                crossing += agent < rows[i].agents / 2 && ids[j] >= rows[i].agents / 2;
            }
        }
        links -= pairs * rows[i].p;
        crossing -= across * rows[i].p;
        assert_true(links * links < 25.0 * pairs * rows[i].p * (1.0 - rows[i].p));
        assert_true(crossing * crossing < 25.0 * across * rows[i].p * (1.0 - rows[i].p));
        topology_destroy(&topology);
    }
}

/* With one link of twenty rewired, distances have collapsed and neighbourhoods have not (Watts & Strogatz 1998, fig.
 * 2); the oldest of a scale-free network have many more links than most. */
static void
characters(void **state)
{
    struct topology_params params = defaults(TOPOLOGY_SMALL_WORLD);
    struct topology *topology;
    struct topology_figures ring, small;
    uint32_t most = 0;

    (void)state;
    params.k = 10;
    params.rewire = 0.0;
    topology = make(&params, 1000, 1);
    ring = topology_figures(topology);
    topology_destroy(&topology);
    params.rewire = 0.05;
    topology = make(&params, 1000, 1);
    small = topology_figures(topology);
    topology_destroy(&topology);
    assert_true(small.path_length < 0.15 * ring.path_length);
    assert_true(small.clustering > 0.75 * ring.clustering);
    params.topology = TOPOLOGY_SCALE_FREE;
    topology = make(&params, 5000, 1);
    for (uint32_t agent = 0; agent < 5000; agent++)
        most = degree(topology, agent) > most ? degree(topology, agent) : most;
    assert_true(most > 80); /* about m sqrt(n) = 141; a random graph of that size has none over 20 */
    topology_destroy(&topology);
}

/* ---- links that change ---- */

/* No links at first, and room for four an agent: any small graph can be made. */
static struct topology *
empty(uint32_t agents)
{
    struct topology_params params = defaults(TOPOLOGY_RANDOM);

    params.edge_probability = 0.0;
    params.dynamic = true;
    params.weight_min = 0.2;
    params.strengthen = 0.25;
    params.decay = 0.5;
    return make(&params, agents, 1);
}

/* Triangles 0 1 2 and 3 4 5, and 2 - 3. Clustering 1 for four, 1/3 for two. Distances of the 15 pairs: 6 x 1 within,
 * then 1, 4 x 2, 4 x 3. Agent 6 is alone. */
static void
two_triangles(void **state)
{
    static const uint32_t pairs[][2] = {{0, 1}, {2, 1}, {2, 0}, {3, 4}, {5, 4}, {3, 5}, {2, 3}};
    struct topology *topology = empty(7);
    struct topology_figures figures;
    struct why why = {0};

    (void)state;
    for (uint32_t i = 0; i < 7; i++)
        topology_strengthen(topology, pairs[i][0], pairs[i][1]);
    figures = topology_figures(topology);
    assert_int_equal(topology_check(topology, &why), 0);
    assert_int_equal(figures.links, 7);
    assert_int_equal(figures.components, 2);
    assert_false(figures.connected);
    assert_close(figures.clustering, (4.0 + 2.0 / 3.0) / 7.0, 1e-15);
    assert_close(figures.path_length, 27.0 / 15.0, 1e-15);
    assert_int_equal(figures.sources, 7);
    topology_destroy(&topology);
}

static void
weights(void **state)
{
    struct topology_params params = defaults(TOPOLOGY_RING);
    struct topology *topology;
    struct topology_changes changes;

    (void)state;
    params.k = 2;
    params.dynamic = true;
    params.weight_min = 0.2;
    params.strengthen = 0.25;
    params.decay = 0.5;
    topology = make(&params, 6, 1);
    assert_true(topology_weight(topology, 0, 1) == 1.0);
    topology_strengthen(topology, 0, 1);
    assert_true(topology_weight(topology, 1, 0) == 1.0);
    assert_int_equal(topology_end_epoch(topology, 0).ended, 0);
    topology_strengthen(topology, 1, 0);
    assert_true(topology_weight(topology, 0, 1) == 0.75);
    topology_strengthen(topology, 0, 3); /* met otherwise: half way between 0.2 and 1 */
    assert_close(topology_weight(topology, 3, 0), 0.6, 1e-15);
    assert_int_equal(topology_end_epoch(topology, 1).ended, 0); /* 0.25, 0.375, 0.3 */
    topology_strengthen(topology, 0, 1);
    changes = topology_end_epoch(topology, 2); /* 0.125, 0.3125, 0.15 */
    assert_int_equal(changes.ended, 6);
    assert_int_equal(changes.made, 0);
    assert_true(topology_weight(topology, 0, 1) == 0.3125);
    assert_false(topology_linked(topology, 0, 3));
    assert_true(topology_weight(topology, 0, 3) == 0.0);
    assert_int_equal(topology_figures(topology).links, 1);
    topology_clear(topology);
    assert_int_equal(topology_figures(topology).links, 6);
    assert_true(topology_weight(topology, 4, 5) == 1.0);
    topology_destroy(&topology);
}

/* Rooms: twice the links and four more, at most slots_max; a hub keeps what it has. */
static void
rooms(void **state)
{
    struct topology_params params = defaults(TOPOLOGY_STAR);
    struct topology *topology = empty(9);

    (void)state;
    for (uint32_t other = 1; other < 9; other++)
        topology_strengthen(topology, 0, other);
    assert_int_equal(degree(topology, 0), 4);
    assert_int_equal(degree(topology, 5), 0); /* both or neither */
    topology_destroy(&topology);
    params.dynamic = true;
    params.slots_max = 3;
    topology = make(&params, 9, 1);
    assert_int_equal(degree(topology, 0), 8);
    for (uint32_t other = 2; other < 9; other++)
        topology_strengthen(topology, 1, other);
    assert_int_equal(degree(topology, 1), 3);
    topology_destroy(&topology);
}

/* A path 0 - 1 - 2: a friend of a friend of 0 is 2 or 0 itself. With certainty of drawing, the triangle closes. */
static void
closes_triangles(void **state)
{
    struct topology_params params = defaults(TOPOLOGY_STAR);
    struct topology *topology;
    uint64_t made = 0;

    (void)state;
    params.dynamic = true;
    params.decay = 0.0;
    params.relink = 1.0;
    topology = make(&params, 3, 1);
    assert_false(topology_linked(topology, 1, 2));
    for (uint32_t epoch = 0; epoch < 20; epoch++)
        made += topology_end_epoch(topology, epoch).made;
    assert_true(topology_linked(topology, 1, 2));
    assert_int_equal(made, 1);
    topology_destroy(&topology);
}

static void
check_epochs(const struct topology_params *params, bool lives)
{
    struct topology *topology = make(params, 40, 9), *same = make(params, 40, 9);
    struct why why = {0};

    for (uint32_t epoch = 0; epoch < 200; epoch++) {
        struct topology_changes changes = topology_end_epoch(topology, epoch);
        struct topology_changes again = topology_end_epoch(same, epoch);
        struct cells mine = {0}, others = {0};

        assert_true(changes.ended == again.ended && changes.made == again.made);
        topology_cells(topology, &mine);
        topology_cells(same, &others);
        assert_int_equal(mine.count, 3);
        for (uint32_t i = 0; i < 3; i++)
            assert_memory_equal(mine.items[i].data, others.items[i].data, mine.items[i].size);
        assert_int_equal(topology_check(topology, &why), 0);
    }
    assert_int_equal(topology_figures(topology).links > 0, lives);
    topology_destroy(&topology);
    topology_destroy(&same);
}

static void
lives_on(void **state)
{
    struct topology_params params = defaults(TOPOLOGY_SCALE_FREE);

    (void)state;
    params.dynamic = true;
    check_epochs(&params, false); /* nobody deals with anybody: all links end */
    params.relink = 0.2;
    check_epochs(&params, true);
}

static void
is_saved(void **state)
{
    struct topology_params params = defaults(TOPOLOGY_SMALL_WORLD);
    struct topology *topology, *loaded;
    struct cells from = {0}, to = {0};
    struct why why = {0};

    (void)state;
    topology = make(&params, 30, 4);
    topology_cells(topology, &from);
    assert_int_equal(from.count, 0); /* nothing changes: nothing to save */
    topology_destroy(&topology);
    params.dynamic = true;
    params.decay = 0.3;
    params.relink = 0.5;
    topology = make(&params, 30, 4);
    loaded = make(&params, 30, 4);
    for (uint32_t epoch = 0; epoch < 9; epoch++)
        topology_end_epoch(topology, epoch);
    topology_cells(topology, &from);
    topology_cells(loaded, &to);
    for (uint32_t i = 0; i < from.count; i++)
        memcpy(to.items[i].data, from.items[i].data, from.items[i].size);
    assert_int_equal(topology_check(loaded, &why), 0);
    topology_end_epoch(topology, 9);
    topology_end_epoch(loaded, 9);
    for (uint32_t i = 0; i < from.count; i++)
        assert_memory_equal(to.items[i].data, from.items[i].data, from.items[i].size);
    ((double *)to.items[2].data)[0] *= 0.99; /* one end of a link */
    assert_int_equal(topology_check(loaded, &why), ERR_STATE);
    ((uint32_t *)to.items[0].data)[7] = 4000;
    assert_int_equal(topology_check(loaded, &why), ERR_STATE);
    assert_non_null(strstr(why.text, "agent 7"));
    topology_destroy(&topology);
    topology_destroy(&loaded);
}

/* ---- figures against the plainest way to get them ---- */

#define PLAIN 150u

static void
compare_plainly(const struct topology *topology, uint32_t agents)
{
    static uint32_t steps[PLAIN][PLAIN];
    struct topology_figures figures = topology_figures(topology);
    double clustering = 0.0, length = 0.0, pairs = 0.0;

    for (uint32_t a = 0; a < agents; a++)
        for (uint32_t b = 0; b < agents; b++)
            steps[a][b] = a == b ? 0 : topology_linked(topology, a, b) ? 1 : 1000000;
    for (uint32_t a = 0; a < agents; a++) {
        double ends = 0.0, closed = 0.0;

        for (uint32_t b = 0; b < agents; b++)
            ends += steps[a][b] == 1;
        for (uint32_t b = 0; b < agents; b++)
            for (uint32_t c = 0; c < b; c++)
                closed += steps[a][b] == 1 && steps[a][c] == 1 && steps[b][c] == 1;
        clustering += ends >= 2.0 ? closed / (ends * (ends - 1.0) / 2.0) : 0.0;
    }
    for (uint32_t k = 0; k < agents; k++)
        for (uint32_t a = 0; a < agents; a++)
            for (uint32_t b = 0; b < agents; b++)
                if (steps[a][k] + steps[k][b] < steps[a][b])
                    steps[a][b] = steps[a][k] + steps[k][b];
    for (uint32_t a = 0; a < agents; a++)
        for (uint32_t b = 0; b < agents; b++)
            if (a != b && steps[a][b] < 1000000) {
                pairs += 1.0;
                length += steps[a][b];
            }
    assert_close(figures.clustering, clustering / agents, 1e-12);
    assert_close(figures.path_length, pairs > 0.0 ? length / pairs : 0.0, 1e-12);
    assert_int_equal(figures.connected, pairs == (double)agents * (agents - 1.0));
}

static void
plain_figures(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 40; seed++) {
        struct topology_params params = defaults(seed % 2 == 0 ? TOPOLOGY_RANDOM : TOPOLOGY_SMALL_WORLD);
        uint32_t agents = 3 + seed * 3;
        struct topology *topology;

        params.edge_probability = 0.005 * seed;
        topology = make(&params, agents, seed);
        compare_plainly(topology, agents);
        topology_destroy(&topology);
    }
}

/* On a ring of n (odd) everybody is (n + 1) / 4 steps from the others on average, so a sample must say the same. */
static void
sampled_paths(void **state)
{
    struct topology_params params = defaults(TOPOLOGY_RING);
    struct topology *topology;

    (void)state;
    params.k = 2;
    topology = make(&params, 2001, 1);
    assert_int_equal(topology_figures(topology).sources, 200);
    assert_true(topology_figures(topology).path_length == 500.5);
    topology_destroy(&topology);
}

static void
seeds(void **state)
{
    struct topology_params params = defaults(TOPOLOGY_RANDOM);
    struct topology *a = make(&params, 100, 1), *b = make(&params, 100, 1), *c = make(&params, 100, 2);
    uint32_t other = 0;

    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        for (uint32_t j = 0; j < 100; j++) {
            assert_int_equal(topology_linked(a, i, j), topology_linked(b, i, j));
            assert_int_equal(topology_linked(a, i, j), topology_linked(a, j, i));
            other += topology_linked(a, i, j) != topology_linked(c, i, j);
        }
    assert_true(other > 0);
    topology_destroy(&a);
    topology_destroy(&b);
    topology_destroy(&c);
}

static void
open_to_all(void **state)
{
    struct topology_params params = defaults(TOPOLOGY_NONE);
    struct topology *topology = make(&params, 5, 1);
    struct cells cells = {0};

    (void)state;
    assert_true(topology_is_open(topology));
    assert_true(topology_linked(topology, 1, 4));
    assert_false(topology_linked(topology, 4, 4));
    assert_true(topology_weight(topology, 0, 1) == 1.0);
    topology_strengthen(topology, 0, 1);
    assert_int_equal(topology_end_epoch(topology, 0).made, 0);
    topology_cells(topology, &cells);
    assert_int_equal(cells.count, 0);
    topology_destroy(&topology);
}

/* ---- parameters ---- */

static const struct refusal_row {
    const char *name;
    struct topology_params params;
    uint32_t agents;
    int want;
    const char *says;
} refusal_rows[] = {
    {"takes a ring", {TOPOLOGY_RING, 4, 0, 2, 0, true, 0.1, 0.1, 0.1, 1, 0, -1, 64}, 9, 0, ""},
    {"refuses a share over 1",
     {TOPOLOGY_RING, 4, 1.5, 2, 0, false, 0.1, 0.1, 0.1, 1, 0, -1, 64}, 9, ERR_INVALID, "rewire"},
    {"refuses weights upside down", {TOPOLOGY_RING, 4, 0, 2, 0, true, 0.1, 0.1, 0.9, 0.5, 0, -1, 64}, 9, ERR_INVALID,
     "weight_min"},
    {"refuses a ring without links",
     {TOPOLOGY_RING, 1, 0, 2, 0, true, 0.1, 0.1, 0.1, 1, 0, -1, 64}, 9, ERR_INVALID, "k "},
    {"refuses nobody to know",
     {TOPOLOGY_SCALE_FREE, 4, 0, 0, 0, true, 0.1, 0.1, 0.1, 1, 0, -1, 64}, 9, ERR_INVALID, "m "},
    {"refuses change without links", {TOPOLOGY_COMPLETE, 4, 0, 2, 0, true, 0.1, 0.1, 0.1, 1, 0, -1, 64}, 9, ERR_INVALID,
     "dynamic"},
    {"refuses more links than fit",
     {TOPOLOGY_RANDOM, 4, 0, 2, 0.1, false, 0.1, 0.1, 0.1, 1, 0, -1, 64}, 1000000, ERR_LIMIT,
     "edge_probability"},
    {"takes a million with few", {TOPOLOGY_RANDOM, 4, 0, 2, 4e-6, false, 0.1, 0.1, 0.1, 1, 0, -1, 64}, 1000000, 0, ""},
};

static void
refusals(void **state)
{
    const struct refusal_row *row = *state;
    struct why why = {0};

    assert_int_equal(topology_params_check(&row->params, row->agents, &why), row->want);
    assert_non_null(strstr(why.text, row->says));
}

static void
parameter_list(void **state)
{
    struct why why = {0};

    (void)state;
    assert_int_equal(params_check(&topology_params_list, &why), 0);
}

static const struct test_case cases[] = {
    {"a small world that is not rewired is the ring", not_rewired},
    {"chance keeps its numbers", keeps_numbers},
    {"random links are as many as they should be", random_density},
    {"small worlds are small, hubs are hubs", characters},
    {"two triangles", two_triangles},
    {"weights rise, fall and end", weights},
    {"rooms are bounded", rooms},
    {"triangles close", closes_triangles},
    {"a network lives by relinking", lives_on},
    {"is saved whole", is_saved},
    {"figures agree with the plainest way", plain_figures},
    {"paths are sampled", sampled_paths},
    {"a seed decides", seeds},
    {"none is open to all", open_to_all},
    {"the parameter list is sound", parameter_list},
};

int
main(void)
{
    return TEST_ROWS("topology_new", shape_rows, shapes) + TEST_ROWS("topology_params_check", refusal_rows, refusals) +
           TEST_CASES("topology", cases);
}
