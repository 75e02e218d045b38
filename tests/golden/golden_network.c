/* The cases of random topologies give the graphs and not the draws behind them (another generator than the agents',
 * numpy's): "metrics_of" compares every figure of the given graph and what our own graph of that topology must share
 * with it (edges where they are fixed, least degree). That named exception holds for small_world, scale_free and
 * random_erdos_renyi; complete, ring, star and custom are compared edge by edge. */
#include "world/compat/network.h"

#include "tests/golden/golden.h"

#include <stdio.h>

#define AGENTS 16u

static uint32_t
agent_of(const char *name)
{
    return (uint32_t)atoi(name + 1);
}

static uint32_t
agent_at(const json_t *list, size_t index)
{
    return agent_of(json_string_value(json_array_get(list, index)));
}

static void
equal(struct golden_count *count, bool holds, size_t index, const char *what)
{
    count->values++;
    if (!holds)
        fail_msg("case %zu: %s differs", index, what);
    count->equal++;
}

static struct compat_network *
network_of(const json_t *in, bool empty)
{
    const json_t *config = json_object_get(in, "config"), *threshold;
    struct compat_network_params params;
    struct why why = {0};
    struct yaml_tree *tree;
    struct compat_network *out;
    char text[80];

    snprintf(text, sizeof text, "topology: %s\n", json_string_value(json_object_get(in, "topology")));
    assert_int_equal(yaml_read_text("case", text, strlen(text), &tree, &why), 0);
    assert_int_equal(compat_network_params_bind(yaml_root(tree), &params, &why), 0);
    yaml_destroy(&tree);
    if (empty)
        params.rates.topology = COMPAT_TOPOLOGY_CUSTOM;
    if (config != NULL) {
        params.rates.dynamic = json_is_true(json_object_get(config, "dynamic"));
        params.rates.edge_strengthen_rate = golden_real(config, "edge_strengthen_rate");
        params.rates.edge_decay_rate = golden_real(config, "edge_decay_rate");
        params.rates.min_edge_weight = golden_real(config, "min_edge_weight");
        params.rates.max_edge_weight = golden_real(config, "max_edge_weight");
        threshold = json_object_get(config, "reputation_disconnect_threshold");
        if (!json_is_null(threshold))
            params.reputation_disconnect_threshold = json_number_value(threshold);
    }
    assert_int_equal(compat_network_params_check(&params, &why), 0);
    out = compat_network_new(&params, (uint32_t)json_array_size(json_object_get(in, "agents")));
    compat_network_build(out, NULL);
    return out;
}

static void
compare_adjacency(
    struct golden_count *count, size_t index, const struct compat_network *network, const json_t *want)
{
    uint32_t neighbours[AGENTS], agents = (uint32_t)json_object_size(want);
    struct why why = {0};

    assert_int_equal(compat_network_check(network, &why), 0);
    for (uint32_t agent = 0; agent < agents; agent++) {
        char key[16];
        const json_t *row;

        snprintf(key, sizeof key, "a%u", agent);
        row = json_object_get(want, key);
        equal(count, compat_network_neighbours(network, agent, neighbours) == json_object_size(row), index, key);
        for (uint32_t other = 0; other < agents; other++) {
            const json_t *weight;

            snprintf(key, sizeof key, "a%u", other);
            weight = json_object_get(row, key);
            equal(count, compat_network_linked(network, agent, other) == (weight != NULL), index, "a link");
            if (weight != NULL)
                golden_compare(count, index, "weight", compat_network_weight(network, agent, other),
                               json_number_value(weight), 1e-12);
        }
    }
}

static void
compare_metrics(struct golden_count *count, size_t index, const struct compat_network *network, const json_t *want)
{
    struct compat_network_metrics got = compat_network_metrics(network);

    golden_compare(count, index, "agents", got.agents, golden_real(want, "n_agents"), 0.0);
    golden_compare(count, index, "edges", got.edges, golden_real(want, "n_edges"), 0.0);
    golden_compare(count, index, "degree", got.average_degree, golden_real(want, "average_degree"), 1e-12);
    golden_compare(count, index, "clustering", got.average_clustering, golden_real(want, "average_clustering"), 1e-12);
    golden_compare(count, index, "path", got.average_path_length, golden_real(want, "average_path_length"), 1e-12);
    golden_compare(count, index, "connected", got.connected, golden_real(want, "is_connected"), 0.0);
    golden_compare(count, index, "components", got.components, golden_real(want, "n_components"), 0.0);
}

static void
compare_build(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    struct compat_network *network = network_of(in, false);
    const json_t *degrees = json_object_get(out, "degree_distribution");
    uint32_t agents = (uint32_t)json_array_size(json_object_get(in, "agents")), by_degree[AGENTS] = {0}, ids[AGENTS];

    compare_adjacency(count, index, network, json_object_get(out, "adjacency"));
    compare_metrics(count, index, network, json_object_get(out, "metrics"));
    for (uint32_t agent = 0; agent < agents; agent++)
        by_degree[compat_network_neighbours(network, agent, ids)]++;
    for (uint32_t degree = 0; degree < AGENTS; degree++) {
        char key[16];

        snprintf(key, sizeof key, "%u", degree);
        equal(count, by_degree[degree] == json_integer_value(json_object_get(degrees, key)), index,
              "a degree's agents");
    }
    compat_network_destroy(&network);
}

/* ---- given graphs ---- */

static void
compare_parts(struct golden_count *count, size_t index, const struct compat_network *network, const json_t *out)
{
    const json_t *components = json_object_get(out, "components"), *list, *row, *value;
    uint32_t steps[AGENTS], parts[AGENTS];
    const char *key;
    size_t i, j;

    json_object_foreach((json_t *)(uintptr_t)json_object_get(out, "clustering"), key, value)
        golden_compare(count, index, key, compat_network_clustering(network, agent_of(key)), json_number_value(value),
                       1e-12);
    json_array_foreach(json_object_get(out, "shortest_paths"), i, row) {
        compat_network_distances(network, agent_at(row, 0), steps);
        equal(count, steps[agent_at(row, 1)] == json_integer_value(json_array_get(row, 2)), index, "a distance");
    }
    equal(count, compat_network_components(network, parts) == json_array_size(components), index, "the components");
    json_array_foreach(components, i, list)
        json_array_foreach(list, j, value)
            equal(count, parts[agent_of(json_string_value(value))] == parts[agent_at(list, 0)], index, "a component");
}

/* What every graph of the topology has, whoever draws: theirs and ours. */
static void
compare_structure(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const char *topology = json_string_value(json_object_get(in, "topology"));
    uint32_t agents = (uint32_t)json_array_size(json_object_get(in, "agents"));
    double edges = golden_real(json_object_get(out, "metrics"), "n_edges");
    struct compat_network_params params;
    struct compat_network *network;
    struct compat_draws draws;

    compat_network_params_default(&params);
    params.rates.topology = strcmp(topology, "small_world") == 0  ? COMPAT_TOPOLOGY_SMALL_WORLD
                            : strcmp(topology, "scale_free") == 0 ? COMPAT_TOPOLOGY_SCALE_FREE
                                                                  : COMPAT_TOPOLOGY_RANDOM;
    if (params.rates.topology == COMPAT_TOPOLOGY_RANDOM)
        return;
    compat_draws_seed(&draws, index);
    network = compat_network_new(&params, agents);
    compat_network_build(network, &draws);
    equal(count, compat_network_metrics(network).edges == edges, index, "the number of edges of the topology");
    compat_network_destroy(&network);
}

static void
compare_given(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    struct compat_network *network = network_of(in, true);
    const char *from, *to;
    json_t *row, *weight;

    json_object_foreach((json_t *)(uintptr_t)json_object_get(in, "adjacency"), from, row)
        json_object_foreach(row, to, weight)
            compat_network_add(network, agent_of(from), agent_of(to), json_number_value(weight));
    compare_adjacency(count, index, network, json_object_get(in, "adjacency"));
    compare_metrics(count, index, network, json_object_get(out, "metrics"));
    compare_parts(count, index, network, out);
    compare_structure(count, index, in, out);
    compat_network_destroy(&network);
}

/* ---- dynamics ---- */

static void
apply(struct golden_count *count, size_t index, struct compat_network *network, const json_t *op, const json_t *want)
{
    const char *name = json_string_value(json_array_get(op, 0));
    uint32_t a = json_array_size(op) > 1 ? agent_at(op, 1) : 0;

    if (strcmp(name, "decay") == 0) {
        equal(count, compat_network_decay(network) == json_integer_value(want), index, "what died");
    } else if (strcmp(name, "add") == 0) {
        compat_network_add(network, a, agent_at(op, 2), json_number_value(json_array_get(op, 3)));
        golden_compare(count, index, name, compat_network_weight(network, a, agent_at(op, 2)), json_number_value(want),
                       1e-12);
    } else if (strcmp(name, "remove") == 0) {
        compat_network_remove(network, a, agent_at(op, 2));
        equal(count, !compat_network_linked(network, a, agent_at(op, 2)), index, name);
    } else if (strcmp(name, "strengthen") == 0) {
        golden_compare(count, index, name, compat_network_strengthen(network, a, agent_at(op, 2)),
                       json_number_value(want), 1e-12);
    } else if (strcmp(name, "disconnect") == 0) {
        equal(count, compat_network_disconnect(network, a, json_number_value(json_array_get(op, 2))) ==
              json_integer_value(want), index, name);
    } else {
        fail_msg("case %zu: unknown operation %s", index, name);
    }
}

static void
compare_dynamics(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    struct compat_network *network = network_of(in, false);
    const json_t *ops = json_object_get(in, "ops"), *results = json_object_get(out, "results");

    for (size_t i = 0; i < json_array_size(ops); i++)
        apply(count, index, network, json_array_get(ops, i), json_array_get(results, i));
    compare_adjacency(count, index, network, json_object_get(out, "adjacency"));
    compare_metrics(count, index, network, json_object_get(out, "metrics"));
    compat_network_destroy(&network);
}

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const char *op = json_string_value(json_object_get(in, "op"));

    if (strcmp(op, "build") == 0)
        compare_build(count, index, in, out);
    else if (strcmp(op, "metrics_of") == 0)
        compare_given(count, index, in, out);
    else if (strcmp(op, "dynamics") == 0)
        compare_dynamics(count, index, in, out);
    else
        fail_msg("case %zu: unknown operation %s", index, op);
}

static void
network_cases(void **state)
{
    (void)state;
    golden_run("network", compare);
}

static const struct test_case groups[] = {{"network", network_cases}};

int
main(void)
{
    return TEST_CASES("golden: network", groups);
}
