/* The closed forms, against figures worked by hand (effort 1 at skill 0.5 is good with 0.1 + 0.85 x 0.75 = 0.7375). */
#include "tests/unit/agents/view_case.h"

static struct reason
reason_of(const double quotes[QUOTE_COUNT])
{
    struct case_scene scene = {0};
    struct buffer bytes = {0};
    struct batch batch;
    struct reason reason;
    struct why why = {0};

    memcpy(scene.quotes, quotes, sizeof scene.quotes);
    case_observe(&scene, NULL, 0, &bytes);
    assert_int_equal(batch_read(&schema_sandbox_observe, bytes.data, bytes.size, &batch, &why), 0);
    reason_read(&batch, OBSERVE_quote, &reason);
    buffer_fini(&bytes);
    return reason;
}

static const struct belief_row {
    const char *name;
    double n_s, signal;
    uint32_t past;
    double trust, n_r, reputation, want;
} belief_rows[] = {
    {"a signal against a fresh reputation: (2 x 0.9 + 0.5) / 3", 2, 0.9, 0, 0.5, 1, 0, 2.3 / 3},
    {"the past counts: (2 x 0.9 + 4 x 0.2 + 0.5) / 7", 2, 0.9, 4, 0.2, 1, 0, 3.1 / 7},
    {"at most ten times: (10 x 0.2 + 1) / 11", 0, 0, 500, 0.2, 1, 1, 3.0 / 11},
    {"a public record weighs three: (1 + 3 x 0.75) / 4", 1, 1, 0, 0.5, 3, 0.5, 3.25 / 4},
    {"nothing known", 0, 0.9, 0, 0.9, 0, 1, 0.5},
};

static void
belief(void **state)
{
    const struct belief_row *row = *state;

    assert_close(
        reason_belief(row->n_s, row->signal, row->past, row->trust, row->n_r, row->reputation), row->want, 1e-15);
}

static const struct value_row {
    const char *name;
    double reputation, stake, acceptance;
    double audit, power, penalty, slash;
    enum reason_goal goal;
    uint32_t effort, disguise;
    double want;
} value_rows[] = {
    /* an accepted offer is worth 0.5 x 1.85 + 0.1 x (1.9 - 1) = 1.015 to the initiator, 1.85 + 0.09 = 1.94 to both */
    {"own, full effort: (0.7375 x 0.95 + 0.2625 x 0.05) 1.015 - 0.4", 0, 0, 1, 0, 0, 0, 0, REASON_OWN, 10, 0,
        0.713750 * 1.015 - 0.4},
    {"own, full disguise: 0.95 x 1.015 - 0.2", 0, 0, 1, 0, 0, 0, 0, REASON_OWN, 0, 10, 0.95 * 1.015 - 0.2},
    {"own, neither: (0.095 + 0.045) 1.015", 0, 0, 1, 0, 0, 0, 0, REASON_OWN, 0, 0, 0.14 * 1.015},
    {"half as often accepted", 0, 0, 0.5, 0, 0, 0, 0, REASON_OWN, 0, 10, 0.475 * 1.015 - 0.2},
    {"a good reputation has less to gain: 0.925 + 0.1 x (0.9 - 0.5)", 0.5, 0, 1, 0, 0, 0, 0, REASON_OWN, 0, 10,
        0.95 * 0.965 - 0.2},
    {"joint, full effort", 0, 0, 1, 0, 0, 0, 0, REASON_JOINT, 10, 0, 0.713750 * 1.94 - 0.4},
    {"audit 0.4 x 2 x (1 + 1) x 0.5 = 0.8 off what is bad", 0, 0, 1, 0.4, 1, 2, 0, REASON_OWN, 0, 10,
        0.095 * 1.015 + 0.855 * 0.215 - 0.2},
    {"good work does not mind that audit", 0, 0, 1, 0.4, 1, 2, 0, REASON_OWN, 10, 0,
        0.700625 * 1.015 + 0.013125 * 0.215 - 0.4},
    {"a blind audit sees G = 0.95 above the threshold", 0, 0, 1, 0.4, 0, 2, 0, REASON_OWN, 0, 10, 0.95 * 1.015 - 0.2},
    {"slashing 0.1 of 10 with 0.5", 0, 10, 1, 0.5, 1, 0, 0.1, REASON_OWN, 0, 10, 0.095 * 1.015 + 0.855 * 0.515 - 0.2},
    {"harm, disguise 0.5: look 0.095 + 0.9 x 0.5 = 0.545", 0, 0, 1, 0, 0, 0, 0, REASON_HARM, 0, 5, 0.545 * 0.455 * 2},
};

static void
value(void **state)
{
    const struct value_row *row = *state;
    double quotes[QUOTE_COUNT];
    struct reason reason;
    struct reason_self me = {
        .skill = 0.5, .reputation = row->reputation, .stake = row->stake, .acceptance = row->acceptance};

    case_quotes(quotes);
    quotes[QUOTE_AUDIT_PROBABILITY] = row->audit;
    quotes[QUOTE_AUDIT_POWER] = row->power;
    quotes[QUOTE_AUDIT_PENALTY] = row->penalty;
    quotes[QUOTE_AUDIT_THRESHOLD] = 0.5;
    quotes[QUOTE_SLASH_RATE] = row->slash;
    reason = reason_of(quotes);
    assert_close(reason_value(&reason, &me, row->goal, row->effort, row->disguise), row->want, 1e-12);
}

static const struct best_row {
    const char *name;
    double skill, audit, penalty;
    enum reason_goal goal;
    uint32_t disguise_max;
    double effort, disguise;
} best_rows[] = {
    {"without audits disguise is cheaper than effort", 0.5, 0, 0, REASON_OWN, 10, 0.0, 1.0},
    {"audits at 0.4 x 2 turn it round", 0.5, 0.4, 2, REASON_OWN, 10, 1.0, 0.0},
    {"at 0.1 x 2 not yet", 0.5, 0.1, 2, REASON_OWN, 10, 0.0, 1.0},
    {"the skilled turn round earlier", 1.0, 0.25, 2, REASON_OWN, 10, 1.0, 0.0},
    {"the unskilled at the same audits do not", 0.0, 0.25, 2, REASON_OWN, 10, 0.0, 1.0},
    {"both together: full effort", 0.5, 0, 0, REASON_JOINT, 0, 1.0, 0.0},
    {"harm: no effort, disguise where half of it passes: 0.095 + 0.9 x 0.41 = 0.464, with 0.5: 0.545", 0.5, 0, 0,
        REASON_HARM, 10, 0.0, 0.4},
};

static void
best(void **state)
{
    const struct best_row *row = *state;
    double quotes[QUOTE_COUNT];
    struct reason reason;
    struct reason_self me = {.skill = row->skill, .acceptance = 1};
    struct reason_plan plan;

    case_quotes(quotes);
    quotes[QUOTE_AUDIT_PROBABILITY] = row->audit;
    quotes[QUOTE_AUDIT_POWER] = 1;
    quotes[QUOTE_AUDIT_PENALTY] = row->penalty;
    quotes[QUOTE_AUDIT_THRESHOLD] = 0.5;
    reason = reason_of(quotes);
    plan = reason_best(&reason, &me, row->goal, row->disguise_max);
    assert_close(plan.effort, row->effort, 1e-12);
    assert_close(plan.disguise, row->disguise, 1e-12);
    for (uint32_t e = 0; e < SANDBOX_GRID && row->goal != REASON_HARM; e++)
        for (uint32_t m = 0; m <= row->disguise_max; m++)
            assert_true(reason_value(&reason, &me, row->goal, e, m) <= plan.value);
}

/* Rules that look at the whole label. Attention is scarce by a half, so that accepted good work looks bad to them with
 * 0.5 x 0.05 = 0.025, undisguised bad work with 0.475, fully disguised with 0.025. An accepted offer is worth 1.015. */
static const struct rule_row {
    const char *name;
    double refinery, moderation, penalty, threshold, council, breaker;
    enum reason_goal goal;
    uint32_t effort, disguise;
    double want;
} rule_rows[] = {
    {"none of them", 0, 0, 0, 0, 0, 1, REASON_OWN, 0, 0, 0.14 * 1.015},
    {"refinery: (0.1 x 0.95 x 0.975 + 0.9 x 0.05 x 0.525) 1.015", 0.5, 0, 0, 0, 0, 1, REASON_OWN, 0, 0,
        (0.092625 + 0.023625) * 1.015},
    {"refinery: disguise passes like good work", 0.5, 0, 0, 0, 0, 1, REASON_OWN, 0, 10, 0.95 * 0.975 * 1.015 - 0.2},
    {"refinery: above the best label nothing passes", 0.96, 0, 0, 0, 0, 1, REASON_OWN, 10, 0, -0.4},
    {"moderation: 0.5 x 1 x 2 x 0.5 = 0.5 off what looks bad", 0, 0.5, 1, 0.5, 0, 1, REASON_OWN, 0, 0,
        0.095 * (1.015 - 0.0125) + 0.045 * (1.015 - 0.2375)},
    {"moderation above the best label: 0.04 off what looks good as well", 0, 0.5, 1, 0.99, 0, 1, REASON_OWN, 0, 10,
        0.95 * (1.015 - (0.025 * 0.99 + 0.975 * 0.04)) - 0.2},
    {"council: a quarter of bad work is stopped", 0, 0, 0, 0, 0.25, 1, REASON_OWN, 0, 10,
        0.095 * 1.015 + 0.855 * 0.75 * 1.015 - 0.2},
    {"council and refinery: both have to let it pass", 0.5, 0, 0, 0, 0.25, 1, REASON_OWN, 0, 10,
        (0.095 + 0.855 * 0.75) * 0.975 * 1.015 - 0.2},
    {"breaker: 1 - label 0.86 is over 0.8: 10 of 10 + 2 x 5 steps", 0, 0, 0, 0, 0, 0.8, REASON_OWN, 0, 0,
        0.14 * 1.015 / 2},
    {"breaker: at 0.9 it is not", 0, 0, 0, 0, 0, 0.9, REASON_OWN, 0, 0, 0.14 * 1.015},
    {"breaker: 1 - label 0.28625 over 0.25 costs hard workers as well", 0, 0, 0, 0, 0, 0.25, REASON_OWN, 10, 0,
        (0.713750 * 1.015 - 0.4) / 2},
    {"breaker: a loss is no smaller for it", 0.96, 0, 0, 0, 0, 0.25, REASON_OWN, 10, 0, -0.4},
    {"harm, disguise 0.5, under a council: 0.095 + 0.45 x 0.75 pass", 0, 0, 0, 0, 0.25, 1, REASON_HARM, 0, 5,
        0.4325 * 0.455 * 2},
    {"harm under a refinery: 0.095 x 0.975 + 0.45 x 0.75 pass", 0.5, 0, 0, 0, 0, 1, REASON_HARM, 0, 5,
        (0.092625 + 0.3375) * 0.455 * 2},
    {"harm that freezes: 1 - 0.545 over 0.4", 0, 0, 0, 0, 0, 0.4, REASON_HARM, 0, 5, 0.545 * 0.455},
};

static void
rules(void **state)
{
    const struct rule_row *row = *state;
    double quotes[QUOTE_COUNT];
    struct reason reason;
    struct reason_self me = {.skill = 0.5, .acceptance = 1};

    case_quotes(quotes);
    quotes[QUOTE_REFINERY_THRESHOLD] = row->refinery;
    quotes[QUOTE_MODERATION_PROBABILITY] = row->moderation;
    quotes[QUOTE_MODERATION_PENALTY] = row->penalty;
    quotes[QUOTE_MODERATION_THRESHOLD] = row->threshold;
    quotes[QUOTE_COUNCIL_PROBABILITY] = row->council;
    quotes[QUOTE_BREAKER_THRESHOLD] = row->breaker;
    quotes[QUOTE_STEPS_PER_EPOCH] = 5;
    reason = reason_of(quotes);
    assert_close(reason_value(&reason, &me, row->goal, row->effort, row->disguise), row->want, 1e-12);
}

/* The comparative static that a study rests on: mean effort of many skills never falls as audits or penalties rise. */
static void
effort_rises_with_audits(void **state)
{
    double quotes[QUOTE_COUNT], before = -1, first = 0, last = 0;

    (void)state;
    case_quotes(quotes);
    quotes[QUOTE_AUDIT_POWER] = 1;
    quotes[QUOTE_AUDIT_PENALTY] = 2;
    quotes[QUOTE_AUDIT_THRESHOLD] = 0.5;
    for (int audit = 0; audit <= 10; audit++) {
        double sum = 0;
        struct reason reason;

        quotes[QUOTE_AUDIT_PROBABILITY] = 0.05 * audit;
        reason = reason_of(quotes);
        for (int s = 0; s <= 20; s++)
            sum +=
                reason_best(&reason, &(struct reason_self){.skill = 0.05 * s, .acceptance = 1}, REASON_OWN, 10).effort;
        assert_true(sum >= before);
        before = sum;
        first = audit == 0 ? sum : first;
        last = sum;
    }
    assert_true(first < 1 && last > 15);
}

/* Asked: a quarter of 0.5 x (3 p - 1) + 0.05 x (2 p - 1), with the belief p = (2.5 x 0.95 + 0.5) / 3.5. */
static void
asks(void **state)
{
    double quotes[QUOTE_COUNT], p = (2.5 * 0.95 + 0.5) / 3.5;
    double gain = 0.5 * (2 * p - (1 - p)) + 0.05 * (2 * p - 1);
    struct reason reason;
    struct reason_self me = {.skill = 0.5, .acceptance = 1};
    struct reason_plan plan = {.value = 1};

    (void)state;
    case_quotes(quotes);
    reason = reason_of(quotes);
    reason_ask(&reason, &me, 0.25, &plan);
    assert_close(plan.tau, -0.25 * gain, 1e-12);
    assert_close(plan.value, 1 + 0.95 * 0.25 * gain, 1e-12);
    /* A good name raises the belief to (2.5 x 0.95 + 1) / 3.5, and the price with it. */
    p = (2.5 * 0.95 + 1) / 3.5;
    plan = (struct reason_plan){.value = 1};
    reason_ask(&reason, &(struct reason_self){.skill = 0.5, .acceptance = 1, .reputation = 1}, 0.25, &plan);
    assert_close(plan.tau, -0.25 * (0.5 * (3 * p - 1) + 0.05 * (2 * p - 1)), 1e-12);
    quotes[QUOTE_TAX_RATE] = 0.25;
    reason = reason_of(quotes);
    plan = (struct reason_plan){.value = 1};
    reason_ask(&reason, &me, 0.25, &plan);
    assert_close(plan.tau, -0.25 * gain / 1.25, 1e-12);
    quotes[QUOTE_TAX_RATE] = 1;
    reason = reason_of(quotes);
    plan = (struct reason_plan){.value = 1};
    reason_ask(&reason, &me, 0.25, &plan);
    assert_true(plan.tau == 0.0);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"opportunists work more the more they are audited", effort_rises_with_audits},
        {"the price asked", asks},
    };

    return TEST_ROWS("reason_belief", belief_rows, belief) + TEST_ROWS("reason_value", value_rows, value) +
        TEST_ROWS("reason_best", best_rows, best) + TEST_ROWS("reason_rules", rule_rows, rules) +
        TEST_CASES("reason", cases);
}
