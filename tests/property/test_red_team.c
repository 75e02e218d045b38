/* tests/property/test_red_team.c - every way of attacking does measured damage: the same society, rules and seeds, with
 * four more honest agents in the attackers' place. And the adaptive adversary finds what is not watched. */
#include "tests/property/motif.h"

#include "agents/strategy.h"
#include "core/stats.h"

#define SEEDS 10u

/* The figure of one run; `attack` NULL: honest agents instead. */
static double
play(const char *attack, const char *figure, uint64_t seed)
{
    char strategy[64];
    const char *attacked[] = {strategy, "metrics_to_track=[]", NULL};
    static const char *const calm[] = {
        "agents[3].type=honest", "agents[3].params={}", "agents[3].role=worker", "metrics_to_track=[]", NULL};
    struct motif motif;
    double out;

    snprintf(strategy, sizeof strategy, "agents[3].params.strategy=%s", attack != NULL ? attack : "");
    motif = motif_play("red_team", attack != NULL ? attacked : calm, seed);
    out = motif_get(&motif.run, figure);
    motif_fini(&motif);
    return out;
}

static const struct row {
    const char *name, *strategy, *figure;
    int direction; /* the sign of the damage: attacked less calm */
} rows[] = {
    {"a sybil swarm costs true welfare", "sybil", "welfare_hard", -1},
    {"a collusion ring costs true welfare", "collude", "welfare_hard", -1},
    {"threshold dancing costs true welfare", "dance", "welfare_hard", -1},
    {"reputation farming costs true welfare", "farm", "welfare_hard", -1},
    {"bait bounties cost true welfare", "bait", "welfare_hard", -1},
    {"vote brigading costs true welfare", "brigade", "welfare_hard", -1},
    {"contagion costs true welfare", "inject", "welfare_hard", -1},
    {"contagion infects", "inject", "infections", 1},
    {"governance gaming harms others", "game_rules", "harm", 1},
    {"a collusion ring raises hard toxicity", "collude", "hard_toxicity", 1},
};

/* The 95 % interval of the paired difference lies on one side of zero. */
static void
damage(void **state)
{
    const struct row *row = *state;
    struct stats difference = {0};
    double low, high;

    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        stats_add(&difference, play(row->strategy, row->figure, seed) - play(NULL, row->figure, seed));
    assert_true(stats_interval(&difference, 0.95, &low, &high));
    print_message("%s: %s %+.4g [%.4g, %.4g]\n", row->name, row->figure, difference.mean, low, high);
    assert_true(row->direction > 0 ? low > 0.0 : high < 0.0);
}

/* Each strategy but lying low has a row: a new one without a measurement fails here. */
static void
all_are_measured(void **state)
{
    (void)state;
    for (int i = 0; i < (int)STRATEGY_COUNT; i++) {
        bool found = i == STRATEGY_lie_low || i == STRATEGY_disguise; /* the latter is what others vary */

        for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
            found = found || strcmp(rows[r].strategy, strategy_name((enum strategy)i)) == 0;
        if (!found)
            fail_msg("%s: its damage is not measured", strategy_name((enum strategy)i));
    }
}

/* One that learns does more harm than one that takes strategies at random, on the same seeds: what it knows pays. */
static void
the_adaptive_one_learns(void **state)
{
    static const char *const learning[] = {"sandbox.contagion.enabled=false", "metrics_to_track=[]", NULL};
    static const char *const random[] = {
        "sandbox.contagion.enabled=false", "metrics_to_track=[]", "agents[3].params.exploration=1", NULL};
    struct stats difference = {0};
    double low, high;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct motif knows = motif_play("adaptive_adversary", learning, seed);
        struct motif tries = motif_play("adaptive_adversary", random, seed);

        stats_add(&difference,
            motif_get(&knows.run, "harm_adaptive_adversary") - motif_get(&tries.run, "harm_adaptive_adversary"));
        motif_fini(&knows);
        motif_fini(&tries);
    }
    assert_true(stats_interval(&difference, 0.95, &low, &high));
    print_message("harm by who learns less that by who tries: %+.4g [%.4g, %.4g]\n", difference.mean, low, high);
    assert_true(low > 0.0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_measured), cmocka_unit_test(the_adaptive_one_learns)};

    return TEST_ROWS("damage", rows, damage) + cmocka_run_group_tests_name("red_team", tests, NULL, NULL);
}
