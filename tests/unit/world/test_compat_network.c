#include "world/compat/network.h"

#include "tests/support/test.h"

#include <string.h>

static struct compat_network *
make(enum compat_topology topology, uint32_t agents, struct compat_network_shape shape, struct compat_draws *draws)
{
    struct compat_network_params params;
    struct compat_network *out;
    struct why why = {0};

    compat_network_params_default(&params);
    params.rates.topology = topology;
    params.shape = shape;
    assert_int_equal(compat_network_params_check(&params, &why), 0);
    out = compat_network_new(&params, agents);
    compat_network_build(out, draws);
    assert_int_equal(compat_network_check(out, &why), 0);
    return out;
}

static const struct shape_row {
    const char *name;
    enum compat_topology topology;
    uint32_t agents;
    struct compat_network_shape shape;
    uint32_t edges, components;
    double clustering, path;
} shape_rows[] = {
    {"everybody", COMPAT_TOPOLOGY_COMPLETE, 6, {.m = 1}, 15, 1, 1.0, 1.0},
    /* from anybody: 1 1 2 2 3 */
    {"a ring", COMPAT_TOPOLOGY_RING, 6, {.m = 1}, 6, 1, 0.0, 9.0 / 5.0},
    /* 10 ordered pairs at 1, 20 at 2 */
    {"a star", COMPAT_TOPOLOGY_STAR, 6, {.m = 1}, 5, 1, 0.0, 50.0 / 30.0},
    {"nobody", COMPAT_TOPOLOGY_CUSTOM, 6, {.m = 1}, 0, 6, 0.0, 0.0},
    {"chance with probability 1", COMPAT_TOPOLOGY_RANDOM, 6, {.edge_probability = 1.0, .m = 1}, 15, 1, 1.0,
     1.0},
    {"chance with probability 0", COMPAT_TOPOLOGY_RANDOM, 6, {.m = 1}, 0, 6, 0.0, 0.0},
    /* k = 4 on 8: neighbours -2 -1 1 2 hold 3 of 6 links; from anybody 4 at 1, 3 at 2 */
    {"a small world that is not rewired", COMPAT_TOPOLOGY_SMALL_WORLD, 8, {.k = 4, .m = 1}, 16, 1, 0.5, 10.0 / 7.0},
    {"an odd k is one less", COMPAT_TOPOLOGY_SMALL_WORLD, 8, {.k = 5, .m = 1}, 16, 1, 0.5, 10.0 / 7.0},
    {"no more agents than links: everybody", COMPAT_TOPOLOGY_SCALE_FREE, 2, {.m = 2}, 1, 1, 0.0, 1.0},
};

static void
shapes(void **state)
{
    const struct shape_row *row = *state;
    struct compat_draws draws;
    struct compat_network *network;
    struct compat_network_metrics metrics;

    compat_draws_seed(&draws, 1);
    network = make(row->topology, row->agents, row->shape, &draws);
    metrics = compat_network_metrics(network);
    assert_int_equal(metrics.edges, row->edges);
    assert_int_equal(metrics.components, row->components);
    assert_int_equal(metrics.connected, row->components == 1);
    assert_close(metrics.average_degree, 2.0 * row->edges / row->agents, 1e-15);
    assert_close(metrics.average_clustering, row->clustering, 1e-15);
    assert_close(metrics.average_path_length, row->path, 1e-15);
    compat_network_destroy(&network);
    assert_null(network);
}

/* Six on a ring. The link 0-1 is drawn for rewiring; 0 is not linked to 2, 3, 4: a half of three is the second. */
static void
rewires(void **state)
{
    static const double script[] = {0.1, 0.5, 0.9, 0.9, 0.9, 0.9, 0.9};
    struct compat_draws draws;
    struct compat_network *network;

    (void)state;
    compat_draws_script(&draws, script, 7);
    network = make(COMPAT_TOPOLOGY_SMALL_WORLD, 6, (struct compat_network_shape){.k = 2, .p = 0.5, .m = 1}, &draws);
    assert_int_equal(draws.used, 7);
    assert_false(compat_network_linked(network, 0, 1));
    assert_true(compat_network_linked(network, 3, 0));
    assert_int_equal(compat_network_metrics(network).edges, 6);
    compat_network_destroy(&network);
}

/* 0-1 to begin with. Agent 2 draws 1.2 of 2: past agent 0's 1, agent 1. Agent 3 draws 2.8 of 1 + 2 + 1: agent 1
 * again. */
static void
prefers(void **state)
{
    static const double script[] = {0.6, 0.7};
    struct compat_draws draws;
    struct compat_network *network;

    (void)state;
    compat_draws_script(&draws, script, 2);
    network = make(COMPAT_TOPOLOGY_SCALE_FREE, 4, (struct compat_network_shape){.m = 1}, &draws);
    assert_int_equal(draws.used, 2);
    assert_int_equal(compat_network_metrics(network).edges, 3);
    assert_true(compat_network_linked(network, 0, 1));
    assert_true(compat_network_linked(network, 1, 2));
    assert_true(compat_network_linked(network, 1, 3));
    compat_network_destroy(&network);
}

/* m (n - m - 1) + m (m + 1) / 2 links, nobody with less than m, whatever is drawn; rewiring keeps their number. */
static void
keeps(void **state)
{
    (void)state;
    for (uint32_t seed = 0; seed < 100; seed++) {
        struct compat_draws draws;
        uint32_t m = 1 + seed % 4, agents = m + 1 + seed % 23, ids[64];
        struct compat_network *network;

        compat_draws_seed(&draws, seed);
        network = make(COMPAT_TOPOLOGY_SCALE_FREE, agents, (struct compat_network_shape){.m = m}, &draws);
        assert_int_equal(compat_network_metrics(network).edges, m * (agents - m - 1) + m * (m + 1) / 2);
        for (uint32_t agent = 0; agent < agents; agent++)
            assert_true(compat_network_neighbours(network, agent, ids) >= m);
        compat_network_destroy(&network);
        network = make(
            COMPAT_TOPOLOGY_SMALL_WORLD, 20, (struct compat_network_shape){.k = 4, .p = 0.7, .m = 1}, &draws);
        assert_int_equal(compat_network_metrics(network).edges, 40);
        compat_network_destroy(&network);
    }
}

static struct compat_network *
dynamic(double strengthen, double decay, double least, double most)
{
    struct compat_network_params params;

    compat_network_params_default(&params);
    params.rates = (struct compat_network_rates){true, COMPAT_TOPOLOGY_CUSTOM, true, strengthen, decay, least, most};
    params.reputation_disconnect_threshold = -0.5;
    return compat_network_new(&params, 4);
}

static void
lives(void **state)
{
    struct compat_network *network = dynamic(0.25, 0.5, 0.2, 1.0);
    uint32_t ids[4];

    (void)state;
    assert_true(compat_network_strengthen(network, 0, 1) == 0.25); /* makes the link */
    assert_true(compat_network_strengthen(network, 1, 0) == 0.5);
    compat_network_add(network, 2, 1, 7.0);
    assert_true(compat_network_weight(network, 1, 2) == 1.0);
    compat_network_add(network, 3, 3, 1.0);
    assert_int_equal(compat_network_neighbours(network, 3, ids), 0);
    assert_int_equal(compat_network_decay(network), 0); /* 0.25 and 0.5 */
    assert_int_equal(compat_network_decay(network), 1); /* 0.125 dies, 0.25 lives */
    assert_int_equal(compat_network_neighbours(network, 1, ids), 1);
    assert_int_equal(ids[0], 2);
    assert_true(compat_network_weight(network, 0, 1) == 0.0);
    assert_int_equal(compat_network_disconnect(network, 1, -0.5), 0); /* not below it */
    assert_int_equal(compat_network_disconnect(network, 1, -0.75), 1);
    assert_int_equal(compat_network_metrics(network).edges, 0);
    compat_network_destroy(&network);
}

/* Only what is below the least weight dies: with a least weight of 0, nothing ever does. */
static void
zero_lives(void **state)
{
    struct compat_network *network = dynamic(0.25, 1.0, 0.0, 1.0);

    (void)state;
    compat_network_add(network, 0, 1, 1.0);
    assert_int_equal(compat_network_decay(network), 0);
    assert_true(compat_network_weight(network, 0, 1) == 0.0);
    assert_true(compat_network_linked(network, 0, 1));
    assert_true(compat_network_strengthen(network, 0, 1) == 0.25);
    compat_network_destroy(&network);
}

static void
is_saved(void **state)
{
    struct compat_network *network = dynamic(0.25, 0.5, 0.2, 1.0), *other = dynamic(0.25, 0.5, 0.2, 1.0);
    struct cells from = {0}, to = {0};
    struct why why = {0};

    (void)state;
    compat_network_add(network, 0, 3, 0.75);
    compat_network_cells(network, &from);
    compat_network_cells(other, &to);
    assert_int_equal(from.items[0].size, 16 * sizeof(double));
    memcpy(to.items[0].data, from.items[0].data, from.items[0].size);
    assert_true(compat_network_weight(other, 3, 0) == 0.75);
    assert_int_equal(compat_network_check(other, &why), 0);
    ((double *)to.items[0].data)[1] = 0.5; /* 0 -> 1 alone */
    assert_int_equal(compat_network_check(other, &why), ERR_STATE);
    assert_non_null(strstr(why.text, "1 - 0"));
    compat_network_destroy(&network);
    compat_network_destroy(&other);
}

static const struct yaml_row {
    const char *name, *text;
    int want;
    const char *says; /* in the reason */
} yaml_rows[] = {
    {"takes the names of the original",
     "topology: small_world\nparams: {k_neighbors: 6, rewire_probability: 0.25, m_edges: 3}\n"
     "reputation_disconnect_threshold: null\n", 0, NULL},
    {"takes the short names", "topology: small_world\nparams: {k: 6, p: 0.25, m: 3}\n", 0, NULL},
    {"names a rate", "edge_decay_rate: 1.5\n", ERR_INVALID, "edge_decay_rate"},
    {"names a rate below 0", "edge_strengthen_rate: -0.1\n", ERR_INVALID, "edge_strengthen_rate"},
    {"names a shape", "params: {rewire_probability: 2}\n", ERR_INVALID, "rewire_probability"},
    {"refuses no links", "params: {m_edges: 0}\n", ERR_INVALID, "m_edges"},
    {"refuses an unknown topology", "topology: tree\n", ERR_UNKNOWN, "topology"},
    {"refuses an unknown key", "edge_decay: 0.1\n", ERR_UNKNOWN, "edge_decay"},
};

static void
scenarios(void **state)
{
    const struct yaml_row *row = *state;
    struct compat_network_params params;
    struct yaml_tree *tree;
    struct why why = {0};

    assert_int_equal(yaml_read_text("case", row->text, strlen(row->text), &tree, &why), 0);
    assert_int_equal(compat_network_params_bind(yaml_root(tree), &params, &why), row->want);
    if (row->want != 0) {
        assert_non_null(strstr(why.text, row->says));
    } else {
        assert_int_equal(params.rates.topology, COMPAT_TOPOLOGY_SMALL_WORLD);
        assert_int_equal(params.shape.k, 6);
        assert_true(params.shape.p == 0.25 && params.reputation_disconnect_threshold == -INFINITY);
        assert_int_equal(params.shape.m, 3);
    }
    yaml_destroy(&tree);
}

static void
parameters(void **state)
{
    struct compat_network_params params;
    struct why why = {0};

    (void)state;
    assert_int_equal(params_check(compat_network_rates_list(), &why), 0);
    assert_int_equal(params_check(compat_network_shape_list(), &why), 0);
    compat_network_params_default(&params);
    assert_int_equal(compat_network_params_check(&params, &why), 0);
    params.rates.min_edge_weight = -1.0;
    assert_int_equal(compat_network_params_check(&params, &why), ERR_INVALID);
    assert_non_null(strstr(why.text, "min_edge_weight"));
}

static const struct test_case cases[] = {
    {"rewires as drawn", rewires}, {"prefers the well linked as drawn", prefers}, {"keeps its numbers", keeps},
    {"links live and die", lives}, {"a weight of 0 lives", zero_lives}, {"is saved whole", is_saved},
    {"the parameter lists are sound", parameters},
};

int
main(void)
{
    return TEST_ROWS("compat_network_build", shape_rows, shapes) +
           TEST_ROWS("compat_network_params_bind", yaml_rows, scenarios) + TEST_CASES("compat_network", cases);
}
