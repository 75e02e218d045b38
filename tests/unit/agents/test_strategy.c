/* What each strategy does in situations worked by hand, and that the adaptive adversary learns from what it is paid. */
#include "agents/strategy.h"

#include <stdlib.h>

#include "tests/unit/agents/view_case.h"

#define NOBODY SANDBOX_NOBODY
#define READY .resources = 100 * TOKEN, .skill = 0.5

/* One decision of red_team with a strategy; the memory that it leaves goes to `memory`. */
struct decided {
    uint32_t verb, target, partner;
    int32_t value;
    double effort, disguise;
    uint8_t memory[64];
};

static struct decided
decide(const char *params, const struct case_scene *scene, const struct case_agent *agent, uint64_t step)
{
    struct chunk_policy policy = case_policy("red_team", params);
    struct buffer ask = {0}, answer = {0};
    struct decided out = {0};
    struct batch batch;

    case_observe(scene, agent, 1, &ask);
    case_decide(&policy, &ask, step, &answer, &batch);
    out = (struct decided){.verb = batch_u8(&batch, DECIDE_verb, 0), .target = batch_u32(&batch, DECIDE_target, 0),
        .partner = batch_u32(&batch, DECIDE_partner, 0), .value = batch_i32(&batch, DECIDE_value, 0),
        .effort = batch_f64(&batch, DECIDE_effort, 0), .disguise = batch_f64(&batch, DECIDE_disguise, 0)};
    memcpy(out.memory, batch.data[DECIDE_memory], batch.count[DECIDE_MEMORY]);
    free((void *)(uintptr_t)policy.params);
    buffer_fini(&ask);
    buffer_fini(&answer);
    return out;
}

/* ---- offers: over many steps, who is approached with what ---- */

#define STEPS 200u

static const struct offer_row {
    const char *name, *params;
    struct case_agent agent;
    double audit, breaker;
    uint32_t to[2];          /* only these are approached (NOBODY: nobody else) */
    bool good, bad;          /* whether it makes offers of effort 0.9, and offers of effort 0 */
} offer_rows[] = {
    {"lying low, it works well", "strategy: lie_low",
        {READY, .candidates = {{10, 0.2, 0.5, 0, 0, 0}}, .candidate_count = 1}, 0, 1, {10, NOBODY}, true, false},
    {"disguise: only bad work, never for its kind", "strategy: disguise",
        {READY, .candidates = {{10, 0.2, 0.5, 0, 0, 0}, {11, 0.9, 0.5, 0, 0, 1}}, .candidate_count = 2}, 0, 1,
        {10, NOBODY}, false, true},
    {"collude: the ring and those who trust", "strategy: collude",
        {READY, .candidates = {{10, 0.2, 0.5, 3, 2, 0}, {11, 0.1, 0.5, 0, 0, 1}, {12, 0.9, 0.5, 0, 0, 0}},
            .candidate_count = 3}, 0, 1, {10, 11}, false, true},
    {"dance: bad while the mean allows it", "strategy: dance",
        {READY, .candidates = {{10, 0.2, 0.5, 0, 0, 0}}, .candidate_count = 1}, 0, 1, {10, NOBODY}, false, true},
    {"dance: good when the mean is near what freezes", "strategy: dance",
        {READY, .candidates = {{10, 0.2, 0.5, 0, 0, 0}}, .candidate_count = 1,
            .memory = {1, 255, 255, 255, 255, 0, 200, 0, 0}, .memory_size = 9}, 0, 0.35, {10, NOBODY}, true, false},
    {"farm: good until trusted", "strategy: farm",
        {READY, .reputation = 0.5, .trusted_by = 1, .candidates = {{10, 0.2, 0.5, 0, 0, 0}}, .candidate_count = 1}, 0,
        1, {10, NOBODY}, true, false},
    {"farm: then it spends its name on who accepted most", "strategy: farm",
        {READY, .reputation = 0.5, .trusted_by = 2,
            .candidates = {{10, 0.2, 0.5, 4, 3, 0}, {12, 0.9, 0.5, 9, 1, 0}}, .candidate_count = 2}, 0, 1,
        {10, NOBODY}, false, true},
    {"game_rules: good where audits are frequent", "strategy: game_rules",
        {READY, .candidates = {{10, 0.2, 0.5, 0, 0, 0}}, .candidate_count = 1}, 0.3, 1, {10, NOBODY}, true, false},
    {"game_rules: bad where there are none", "strategy: game_rules",
        {READY, .candidates = {{10, 0.2, 0.5, 0, 0, 0}}, .candidate_count = 1}, 0.0, 1, {10, NOBODY}, false, true},
    {"sybil: a name acts one step in three, and works well in the others", "strategy: sybil",
        {READY, .agent = 0, .candidates = {{10, 0.2, 0.5, 0, 0, 0}}, .candidate_count = 1}, 0, 1, {10, NOBODY}, true,
        true},
    {"nothing while frozen", "strategy: disguise",
        {READY, .frozen = 1, .candidates = {{10, 0.2, 0.5, 0, 0, 0}}, .candidate_count = 1}, 0, 1, {NOBODY, NOBODY},
        false, false},
};

static void
offers(void **state)
{
    const struct offer_row *row = *state;
    struct case_scene scene = {0};
    bool good = false, bad = false;

    case_quotes(scene.quotes);
    scene.quotes[QUOTE_AUDIT_PROBABILITY] = row->audit;
    scene.quotes[QUOTE_AUDIT_POWER] = 1.0;
    scene.quotes[QUOTE_AUDIT_THRESHOLD] = 0.5;
    scene.quotes[QUOTE_BREAKER_THRESHOLD] = row->breaker;
    for (uint64_t step = 1; step <= STEPS; step++) {
        struct decided got;

        scene.quotes[QUOTE_STEP] = (double)step;
        got = decide(row->params, &scene, &row->agent, step);
        if (got.partner == NOBODY)
            continue;
        assert_true(got.partner == row->to[0] || got.partner == row->to[1]);
        assert_true(got.effort == 0.9 || got.effort == 0.0);
        good = good || got.effort == 0.9;
        bad = bad || got.effort == 0.0;
    }
    assert_int_equal(good, row->good);
    assert_int_equal(bad, row->bad);
}

/* ---- votes ---- */

static void
a_brigade_votes_its_target_down(void **state)
{
    struct case_scene scene = {
        .posts = {{1, 11, 0, 0}, {2, 10, 5, 0.2}}, .post_count = 2};
    struct case_agent agent = {READY, .candidates = {{10, 0.2, 0.5, 0, 0, 0}, {11, 0.1, 0.5, 0, 0, 1}},
        .candidate_count = 2};

    (void)state;
    case_quotes(scene.quotes);
    for (uint64_t step = 1; step <= 20; step++) {
        struct decided got = decide("strategy: brigade", &scene, &agent, step);

        assert_int_equal(got.verb, VERB_VOTE);
        assert_int_equal(got.target, 2);
        assert_int_equal(got.value, -1);
    }
}

/* ---- learning ---- */

/* A world of one: bad offers are accepted while `pays`, and each is caught with certainty otherwise. Returns how many
 * of the last 100 of 400 steps had a bad offer. */
static uint32_t
bad_offers(bool pays, const char *params)
{
    struct chunk_policy policy = case_policy("adaptive_adversary", params);
    struct case_scene scene = {0};
    struct case_agent agent = {READY, .candidates = {{10, 0.2, 0.5, 0, 0, 0}}, .candidate_count = 1};
    struct buffer ask = {0}, answer = {0};
    uint32_t bad = 0, caught = 0;

    case_quotes(scene.quotes);
    for (uint64_t step = 1; step <= 400; step++) {
        struct batch batch;
        bool offers, is_bad;

        scene.quotes[QUOTE_STEP] = (double)step;
        buffer_clear(&ask);
        case_observe(&scene, &agent, 1, &ask);
        {
            struct batch seen;

            assert_int_equal(batch_read(&schema_sandbox_observe, ask.data, ask.size, &seen, NULL), 0);
            memcpy((uint8_t *)(uintptr_t)seen.data[OBSERVE_caught], &caught, sizeof caught);
        }
        case_decide(&policy, &ask, step, &answer, &batch);
        offers = batch_u32(&batch, DECIDE_partner, 0) != NOBODY;
        is_bad = offers && batch_f64(&batch, DECIDE_effort, 0) == 0.0;
        agent.proposed += offers;
        agent.accepted += offers && (!is_bad || pays);
        caught += is_bad && !pays;
        bad += step > 300 && is_bad;
        agent.memory_size = batch.count[DECIDE_MEMORY];
        memcpy(agent.memory, batch.data[DECIDE_memory], agent.memory_size);
    }
    free((void *)(uintptr_t)policy.params);
    buffer_fini(&ask);
    buffer_fini(&answer);
    return bad;
}

static void
it_learns(void **state)
{
    uint32_t free_harm = bad_offers(true, "exploration: 0.05"), watched = bad_offers(false, "exploration: 0.05");

    (void)state;
    assert_true(free_harm > 50);
    assert_true(watched < 20);
}

/* Without a rate it values every arm as at first, and stays with the first of equals. */
static void
without_a_rate_it_does_not(void **state)
{
    (void)state;
    assert_int_equal(bad_offers(true, "{exploration: 0, rate: 0}"), 0); /* lie_low, for ever */
}

static void
names(void **state)
{
    char text[200] = "";

    (void)state;
    for (int i = 0; i < (int)STRATEGY_COUNT; i++) {
        strcat(text, i == 0 ? "" : "|");
        strcat(text, strategy_name((enum strategy)i));
    }
    assert_string_equal(text, STRATEGY_CHOICES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_brigade_votes_its_target_down), cmocka_unit_test(it_learns),
        cmocka_unit_test(without_a_rate_it_does_not), cmocka_unit_test(names)};

    return TEST_ROWS("strategy", offer_rows, offers) + cmocka_run_group_tests_name("adaptive", tests, NULL, NULL);
}
