#include "world/sandbox/community.h"

#include "core/rng.h"
#include "core/streams.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#define AGENTS 64u
#define EDGES 256u

struct net {
    struct community_edge edges[EDGES];
    uint32_t edge_count, agent_count;
};

static void
tie(struct net *self, uint32_t a, uint32_t b, uint32_t weight)
{
    self->edges[self->edge_count++] = (struct community_edge){a, b, weight};
}

static void
clique(struct net *self, uint32_t first, uint32_t count)
{
    for (uint32_t a = first; a < first + count; a++)
        for (uint32_t b = first; b < a; b++)
            tie(self, a, b, 1);
}

static struct community_figures
find(const struct net *net, uint32_t *partition)
{
    struct community_figures out;
    struct why why = {0};

    assert_int_equal(community_find(net->edges, net->edge_count, net->agent_count, partition, &out, &why), 0);
    return out;
}

/* ---- by hand ---- */

static void
make_bridge(struct net *net) /* two cliques of four and a bridge: 12 of 13 within, 13 of 26 ends on each side */
{
    clique(net, 0, 4);
    clique(net, 4, 4);
    tie(net, 3, 4, 1);
}

static void
make_pair(struct net *net)
{
    tie(net, 1, 2, 7);
}

static void
make_pairs(struct net *net)
{
    tie(net, 0, 3, 2);
    tie(net, 1, 2, 2);
}

static void
make_star(struct net *net) /* no split of a star is better than none */
{
    for (uint32_t leaf = 1; leaf < 6; leaf++)
        tie(net, 0, leaf, 1);
}

static void
make_nothing(struct net *net)
{
    tie(net, 0, 1, 0);
}

static void
make_heavy(struct net *net) /* a square whose opposite sides are used a lot: 18 of 20 within, halves */
{
    tie(net, 0, 1, 4);
    tie(net, 1, 2, 1);
    tie(net, 2, 3, 9);
    tie(net, 3, 0, 1);
    tie(net, 1, 0, 5); /* the same pair again */
}

static void
make_cliques(struct net *net) /* eight triangles in a ring: 24 of 32 within, an eighth of the ends each */
{
    for (uint32_t i = 0; i < 8; i++) {
        clique(net, 3 * i, 3);
        tie(net, 3 * i + 2, (3 * i + 3) % 24, 1);
    }
}

static const struct net_row {
    const char *name;
    void (*make)(struct net *net);
    uint32_t agents, communities, members, largest;
    double modularity;
} net_rows[] = {
    {"two cliques with a bridge", make_bridge, 8, 2, 8, 4, 12.0 / 13.0 - 0.5},
    {"one pair, and strangers", make_pair, 5, 1, 2, 2, 0.0},
    {"two pairs", make_pairs, 4, 2, 4, 2, 0.5},
    {"a star", make_star, 6, 1, 6, 6, 0.0},
    {"no weight", make_nothing, 3, 0, 0, 0, 0.0},
    {"a square of unequal weights", make_heavy, 4, 2, 4, 2, 0.9 - 0.5},
    {"a ring of eight triangles", make_cliques, 24, 8, 24, 3, 0.75 - 0.125},
};

static void
nets(void **state)
{
    const struct net_row *row = *state;
    struct net net = {.agent_count = row->agents};
    uint32_t partition[AGENTS], met = 0;
    struct community_figures figures;

    row->make(&net);
    figures = find(&net, partition);
    assert_int_equal(figures.communities, row->communities);
    assert_int_equal(figures.members, row->members);
    assert_int_equal(figures.largest, row->largest);
    assert_close(figures.modularity, row->modularity, 1e-14);
    if (row->members > 0)
        assert_close(figures.share, (double)row->largest / row->members, 1e-15);
    for (uint32_t agent = 0; agent < row->agents; agent++) {
        if (partition[agent] == COMMUNITY_NONE)
            continue;
        assert_true(partition[agent] <= met); /* numbered in the order of their lowest agents */
        met += partition[agent] == met;
    }
    assert_int_equal(met, row->communities);
}

static void
who_with_whom(void **state)
{
    struct net net = {.agent_count = 9};
    static const uint32_t want[] = {0, 0, 0, 0, 1, 1, 1, 1, COMMUNITY_NONE};
    uint32_t partition[AGENTS];

    (void)state;
    make_bridge(&net);
    find(&net, partition);
    assert_memory_equal(partition, want, sizeof want);
}

/* A square: for agent 0 its neighbours 1 and 3 are as good as each other. */
static void
lowest_first(void **state)
{
    struct net net = {.agent_count = 4};
    static const uint32_t want[] = {0, 0, 1, 1};
    uint32_t partition[AGENTS];

    (void)state;
    tie(&net, 3, 0, 1);
    tie(&net, 0, 1, 1);
    tie(&net, 1, 2, 1);
    tie(&net, 2, 3, 1);
    find(&net, partition);
    assert_memory_equal(partition, want, sizeof want);
}

/* ---- Zachary's karate club (1977): 34 members, 78 friendships ---- */

static const uint8_t karate[][2] = {
    {2, 1},   {3, 1},   {3, 2},   {4, 1},   {4, 2},   {4, 3},   {5, 1},   {6, 1},   {7, 1},   {7, 5},   {7, 6},
    {8, 1},   {8, 2},   {8, 3},   {8, 4},   {9, 1},   {9, 3},   {10, 3},  {11, 1},  {11, 5},  {11, 6},  {12, 1},
    {13, 1},  {13, 4},  {14, 1},  {14, 2},  {14, 3},  {14, 4},  {17, 6},  {17, 7},  {18, 1},  {18, 2},  {20, 1},
    {20, 2},  {22, 1},  {22, 2},  {26, 24}, {26, 25}, {28, 3},  {28, 24}, {28, 25}, {29, 3},  {30, 24}, {30, 27},
    {31, 2},  {31, 9},  {32, 1},  {32, 25}, {32, 26}, {32, 29}, {33, 3},  {33, 9},  {33, 15}, {33, 16}, {33, 19},
    {33, 21}, {33, 23}, {33, 24}, {33, 30}, {33, 31}, {33, 32}, {34, 9},  {34, 10}, {34, 14}, {34, 15}, {34, 16},
    {34, 19}, {34, 20}, {34, 21}, {34, 23}, {34, 24}, {34, 27}, {34, 28}, {34, 29}, {34, 30}, {34, 31}, {34, 32},
    {34, 33},
};

/* The best partition has a modularity of 0.4198 (Brandes et al. 2008); the method finds one that is nearly as good. */
static void
karate_club(void **state)
{
    static const uint32_t best[] = {0, 0, 0, 0, 1, 1, 1, 0, 2, 2, 1, 0, 0, 0, 2, 2, 1,
                                    0, 2, 0, 2, 0, 2, 3, 3, 3, 2, 3, 3, 2, 2, 3, 2, 2};
    struct net net = {.agent_count = 34};
    uint32_t partition[AGENTS];
    struct community_figures figures;
    double optimum;

    (void)state;
    for (uint32_t i = 0; i < sizeof karate / sizeof karate[0]; i++)
        tie(&net, karate[i][0] - 1u, karate[i][1] - 1u, 1);
    assert_int_equal(net.edge_count, 78);
    optimum = community_modularity(net.edges, net.edge_count, 34, best);
    assert_true(optimum > 0.41975 && optimum < 0.41985);
    figures = find(&net, partition);
    assert_true(figures.modularity > 0.41 && figures.modularity <= optimum + 1e-12);
    assert_true(figures.communities >= 3 && figures.communities <= 5);
    assert_true(partition[0] != partition[33]); /* the two who quarrelled */
}

/* ---- properties ---- */

/* The best modularity of all partitions, by trying them all: agent i joins one of the parts before or opens one. */
static double
best_of_all(const struct net *net, uint32_t *partition, uint32_t agent, uint32_t parts)
{
    double best = -2.0;

    if (agent == net->agent_count)
        return community_modularity(net->edges, net->edge_count, net->agent_count, partition);
    for (uint32_t part = 0; part <= parts; part++) {
        double found;

        partition[agent] = part;
        found = best_of_all(net, partition, agent + 1, part == parts ? parts + 1 : parts);
        best = found > best ? found : best;
    }
    return best;
}

static void
make_random(struct net *net, uint64_t seed, uint32_t agents)
{
    struct rng rng = rng_make(seed, STREAM_TEST, 0, 0);
    double p = rng_between(&rng, 0.1, 0.9);

    *net = (struct net){.agent_count = agents};
    for (uint32_t a = 0; a < agents; a++)
        for (uint32_t b = 0; b < a; b++)
            if (rng_chance(&rng, p))
                tie(net, a, b, 1 + rng_below(&rng, 4));
}

static void
never_too_good(void **state)
{
    uint32_t reached = 0, graphs = 200;

    (void)state;
    for (uint64_t seed = 0; seed < graphs; seed++) {
        uint32_t partition[AGENTS], all[AGENTS];
        struct community_figures figures;
        struct net net;
        double best;

        make_random(&net, seed, 2 + (uint32_t)seed % 7);
        figures = find(&net, partition);
        for (uint32_t agent = 0; agent < net.agent_count; agent++)
            if (partition[agent] == COMMUNITY_NONE)
                partition[agent] = net.agent_count - 1; /* counts for nothing: it has no edge */
        best = best_of_all(&net, all, 0, 0);
        if (figures.modularity < -1e-12 || figures.modularity > best + 1e-12)
            fail_msg("seed %d: %.17g, between 0 and %.17g", (int)seed, figures.modularity, best);
        assert_true(figures.modularity - community_modularity(net.edges, net.edge_count, net.agent_count, partition) <
                    1e-12);
        reached += figures.modularity > best - 1e-12;
    }
    printf("    the best partition was found for %u of %u graphs\n", reached, graphs);
    assert_true(reached > graphs / 2);
}

/* When it ends, no two communities would be better as one. */
static void
nothing_to_merge(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        uint32_t partition[AGENTS], merged[AGENTS];
        struct community_figures figures;
        struct net net = {.agent_count = AGENTS};
        struct rng rng = rng_make(seed, STREAM_TEST, 2, 0);

        while (net.edge_count < 90 + seed % 100) {
            uint32_t a = rng_below(&rng, AGENTS), b = rng_below(&rng, AGENTS);

            if (a != b)
                tie(&net, a, b, 1 + rng_below(&rng, 3));
        }
        figures = find(&net, partition);
        for (uint32_t one = 0; one < figures.communities; one++)
            for (uint32_t other = 0; other < one; other++) {
                for (uint32_t agent = 0; agent < AGENTS; agent++)
                    merged[agent] = partition[agent] == COMMUNITY_NONE || partition[agent] == one ? other
                                                                                                   : partition[agent];
                assert_true(community_modularity(net.edges, net.edge_count, AGENTS, merged) <
                            figures.modularity + 1e-12);
            }
    }
}

/* The order of the edges and of their ends decides nothing, nor does one edge cut into several. */
static void
any_order(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        uint32_t partition[AGENTS], other[AGENTS], order[EDGES];
        struct rng rng = rng_make(seed, STREAM_TEST, 1, 0);
        struct net net, mixed;

        make_random(&net, seed, 14);
        mixed = (struct net){.agent_count = 14};
        for (uint32_t i = 0; i < net.edge_count; i++)
            order[i] = i;
        rng_shuffle(&rng, order, net.edge_count);
        for (uint32_t i = 0; i < net.edge_count; i++) {
            const struct community_edge *edge = &net.edges[order[i]];

            tie(&mixed, edge->b, edge->a, 1);
            if (edge->weight > 1)
                tie(&mixed, edge->a, edge->b, edge->weight - 1);
        }
        assert_true(find(&net, partition).modularity == find(&mixed, other).modularity);
        assert_memory_equal(partition, other, 14 * sizeof other[0]);
    }
}

/* ---- refusals ---- */

static const struct refusal_row {
    const char *name;
    struct community_edge edges[2];
    int want;
} refusal_rows[] = {
    {"takes an edge", {{0, 1, 1}, {1, 2, 1}}, 0},
    {"refuses an unknown agent", {{0, 1, 1}, {1, 3, 1}}, ERR_INVALID},
    {"refuses an agent with itself", {{0, 1, 1}, {1, 1, 1}}, ERR_INVALID},
    {"takes a lot", {{0, 1, 1u << 29}, {1, 2, (1u << 29) - 1}}, 0},
    {"refuses too much", {{0, 1, 1u << 29}, {1, 2, 1u << 29}}, ERR_LIMIT},
    {"refuses far too much", {{0, 1, UINT32_MAX}, {1, 2, UINT32_MAX}}, ERR_LIMIT},
};

static void
refusals(void **state)
{
    const struct refusal_row *row = *state;
    struct community_figures figures;
    uint32_t partition[3];
    struct why why = {0};

    assert_int_equal(community_find(row->edges, 2, 3, partition, &figures, &why), row->want);
    assert_int_equal(why.code, row->want);
}

static const struct test_case cases[] = {
    {"who keeps to whom", who_with_whom},
    {"ties go to the lowest", lowest_first},
    {"the karate club", karate_club},
    {"200 small graphs: between one community and the best", never_too_good},
    {"no two communities would be better as one", nothing_to_merge},
    {"order does not matter", any_order},
};

int
main(void)
{
    return TEST_ROWS("community_find", net_rows, nets) + TEST_ROWS("community_find refuses", refusal_rows, refusals) +
           TEST_CASES("community", cases);
}
