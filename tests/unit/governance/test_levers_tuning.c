/* Parameters that change: by norms and by the controller; as state; and where a fork begins. */
#include "tests/unit/governance/docket_case.h"

/* ---- norms ---- */

#define LAW "random_audit: {prob: 0.1}\ncircuit_breaker: true\nadaptive_controller: {gain: 0}\nstaking: 10\n"

static const struct norm_row {
    const char *name, *norm;
    bool applied;
    uint32_t lever;
    enum sandbox_quote quote;
    double want;
} norm_rows[] = {
    {"a number", "random_audit.prob=0.75", true, 0, QUOTE_AUDIT_PROBABILITY, 0.75},
    {"on the bound", "random_audit.prob=1", true, 0, QUOTE_AUDIT_PROBABILITY, 1.0},
    {"beyond the bound", "random_audit.prob=1.01", false, 0, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"an amount of money", "staking.min_stake=2.5", true, 3, QUOTE_STAKE_REQUIRED, 2.5},
    {"a switch", "circuit_breaker.rejected=false", true, 1, QUOTE_BREAKER_THRESHOLD, 0.7},
    {"a whole number", "circuit_breaker.violations=5", true, 1, QUOTE_BREAKER_THRESHOLD, 0.7},
    {"a broken one for a whole one", "circuit_breaker.violations=5.5", false, 1, QUOTE_BREAKER_THRESHOLD, 0.7},
    {"what the lever itself refuses", "circuit_breaker.window=4", false, 1, QUOTE_BREAKER_THRESHOLD, 0.7},
    {"a choice", "adaptive_controller.metric=caught", true, 2, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"a choice that does not exist", "adaptive_controller.metric=luck", false, 2, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"a text is not changed", "adaptive_controller.target=staking.slash_rate", false, 2, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"a lever that is not on", "transaction_tax.rate=0.5", false, 0, QUOTE_TAX_RATE, 0.0},
    {"no such parameter", "random_audit.luck=0.5", false, 0, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"no parameter at all", "random_audit=0.5", false, 0, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"no value", "random_audit.prob=", false, 0, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"nothing", "random_audit.prob=null", false, 0, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"words", "be good to each other", false, 0, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"an empty one", "", false, 0, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"no number", "random_audit.prob=.nan", false, 0, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"more than a value", "random_audit.prob=0.5\nstaking.min_stake=0", false, 0, QUOTE_AUDIT_PROBABILITY, 0.1},
    {"no text at all", "random_audit.prob=\xff\xfe", false, 0, QUOTE_AUDIT_PROBABILITY, 0.1},
};

static void
norm(void **state)
{
    const struct norm_row *row = *state;
    struct engine *engine = case_engine(LAW, 42, CASE_AGENTS);
    struct case_verdict v = {0};

    case_judge(engine, 1, 0, &(struct case_docket){.epoch = 0, .norms = &row->norm, .norm_count = 1}, &v);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 1);
    assert_int_equal(batch_u8(&v.batch, VERDICT_effect_kind, 0), EFFECT_NORM);
    assert_int_equal(batch_u32(&v.batch, VERDICT_effect_agent, 0), SANDBOX_NOBODY);
    assert_int_equal(batch_i64(&v.batch, VERDICT_effect_amount, 0), 0);
    assert_true(batch_f64(&v.batch, VERDICT_effect_value, 0) == (row->applied ? 1.0 : 0.0));
    assert_int_equal(batch_u8(&v.batch, VERDICT_effect_lever, 0), row->lever);
    assert_true(batch_f64(&v.batch, VERDICT_quote, row->quote) == row->want);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* Several at once, in order, and what they change is what is done from then on. */
static void
norms_act(void **state)
{
    static const char *const norms[] = {"random_audit.prob=0.5", "nonsense", "random_audit.prob=1"};
    struct engine *engine = case_engine("random_audit: {prob: 0}\nrefinery: 0", 42, CASE_AGENTS);
    struct case_row bad = {0, 1, true, 0, 0.9, -1, 0};
    struct case_verdict v = {0};

    (void)state;
    case_judge(engine, 1, 0, &(struct case_docket){.rows = &bad, .row_count = 1, .epoch = 0}, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_audit, 0), AUDIT_NONE);
    case_judge(engine, 2, 0,
        &(struct case_docket){.rows = &bad, .row_count = 1, .epoch = 1, .norms = norms, .norm_count = 3}, &v);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(batch_i64(&v.batch, VERDICT_effect_amount, i), i);
        assert_true(batch_f64(&v.batch, VERDICT_effect_value, i) == (i == 1 ? 0.0 : 1.0));
    }
    assert_int_equal(batch_u8(&v.batch, VERDICT_audit, 0), AUDIT_CAUGHT);
    case_judge(engine, 3, 0, &(struct case_docket){.rows = &bad, .row_count = 1, .epoch = -1}, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_audit, 0), AUDIT_CAUGHT);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* A window made smaller while there are values in it: the last two of (1, 1, 0, 0, 0), bad ones all. */
static void
window_shrinks(void **state)
{
    static const char *const norms[] = {"circuit_breaker.min_sample=2", "circuit_breaker.window=2"};
    static const double labels[] = {1, 1, 0, 0, 0};
    struct engine *engine = case_engine("circuit_breaker: {threshold: 1, violations: 1}", 42, CASE_AGENTS);
    struct case_verdict v = {0};

    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        struct case_row in = {2, 1, true, 0, i < 5 ? labels[i] : 0.0, 1, 0};
        bool narrows = i == 5;

        case_judge(engine, 1 + i, 0, &(struct case_docket){.rows = &in, .row_count = 1, .epoch = narrows ? 0 : -1,
            .norms = norms, .norm_count = narrows ? 2 : 0}, &v);
        assert_int_equal(v.batch.count[VERDICT_EFFECT], narrows ? 3 : 0);
    }
    assert_int_equal(batch_u8(&v.batch, VERDICT_effect_kind, 2), EFFECT_FREEZE);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* ---- the controller: an epoch of two accepted labels and one refused ---- */

static const struct control_row {
    const char *name, *section;
    double p[2];
    int32_t truth[2];
    enum sandbox_quote quote;
    double want[4]; /* at the openings of epochs 1 .. 4, the same labels in each */
} control_rows[] = {
    {"toxicity 0.5 over 0.15: 0.1 + 0.5 x 0.35 an epoch, at most 1", "random_audit: {prob: 0.1}\n"
        "adaptive_controller: true", {0.25, 0.75}, {1, 1}, QUOTE_AUDIT_PROBABILITY, {0.275, 0.45, 0.625, 0.8}},
    {"up to the highest", "random_audit: {prob: 0.5}\nadaptive_controller: {high: 0.75}", {0.25, 0.75}, {1, 1},
        QUOTE_AUDIT_PROBABILITY, {0.675, 0.75, 0.75, 0.75}},
    {"down to the lowest, where all is well", "random_audit: {prob: 0.1}\nadaptive_controller: {setpoint: 0.2}",
        {1, 1}, {1, 1}, QUOTE_AUDIT_PROBABILITY, {0, 0, 0, 0}},
    {"half of the audits catch: 0.25 over 0.25", "random_audit: {prob: 1}\ntransaction_tax: 0\nadaptive_controller: "
        "{target: transaction_tax.rate, metric: caught, setpoint: 0.25, gain: 1}", {0.9, 0.9}, {1, -1}, QUOTE_TAX_RATE,
        {0.25, 0.5, 0.75, 1}},
    {"a whole number follows by quarters: 10.25, 10.5, 10.75, 11", "bandwidth_cap: 10\nadaptive_controller: "
        "{target: bandwidth_cap.max_actions, setpoint: 0.25, gain: 1, high: 100}", {0.25, 0.75}, {1, 1},
        QUOTE_BANDWIDTH_CAP, {10, 11, 11, 11}},
    {"money", "staking: {min_stake: 0}\nadaptive_controller: {target: staking.min_stake, setpoint: 0.25, gain: 2}",
        {0.25, 0.75}, {1, 1}, QUOTE_STAKE_REQUIRED, {0.5, 1, 1, 1}},
};

static void
control(void **state)
{
    const struct control_row *row = *state;
    struct engine *engine = case_engine(row->section, 42, CASE_AGENTS);
    struct case_row in[] = {{0, 1, true, 0, row->p[0], row->truth[0], 100000000},
        {1, 2, true, 0, row->p[1], row->truth[1], 100000000}, {2, 3, false, 0, 0.0, -1, 100000000}};
    struct case_verdict v = {0};

    for (uint32_t epoch = 0; epoch < 5; epoch++) {
        case_judge(engine, 1 + epoch, 0, &(struct case_docket){.rows = in, .row_count = 3, .epoch = epoch}, &v);
        if (epoch > 0)
            assert_close(batch_f64(&v.batch, VERDICT_quote, row->quote), row->want[epoch - 1], 1e-12);
    }
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

static void
silence_changes_nothing(void **state)
{
    struct engine *engine = case_engine("random_audit: {prob: 0.1}\nadaptive_controller: true", 42, CASE_AGENTS);
    struct case_verdict v = {0};

    (void)state;
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        case_judge(engine, 1 + epoch, 0, &(struct case_docket){.epoch = epoch}, &v);
        assert_true(batch_f64(&v.batch, VERDICT_quote, QUOTE_AUDIT_PROBABILITY) == 0.1);
    }
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* Stakes are judged by the tuned amount in the very opening that brings it: 60 tokens are not enough for 61. */
static void
tuned_before_others_act(void **state)
{
    struct engine *engine = case_engine("staking: {min_stake: 60}\nadaptive_controller: {target: staking.min_stake, "
                                        "setpoint: 0, gain: 1, high: 1000}", 42, CASE_AGENTS);
    struct case_row in = {0, 1, true, 0, 0.0, 1, 60000000};
    struct case_action act = {0, VERB_POST, 0};
    struct case_verdict v = {0};

    (void)state;
    for (uint32_t epoch = 0; epoch < 2; epoch++) {
        case_judge(engine, 1 + epoch, 0, &(struct case_docket){.rows = &in, .row_count = 1, .actions = &act,
            .action_count = 1, .epoch = epoch, .resources = 50000000}, &v); /* agent 0 has 10 at stake */
        assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 0), epoch == 0);
    }
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* ---- as state ---- */

static const struct fork_row {
    const char *name, *section;
    double want;
} fork_rows[] = {
    {"the same scenario goes on with what it has come to", "refinery: 0.3", 0.6},
    {"another value begins anew", "refinery: 0.4", 0.4},
    {"a lever that was not there begins anew", "random_audit: 0.5", 0.0},
};

static void
forked(void **state)
{
    static const char *const norms[] = {"refinery.threshold=0.6"};
    const struct fork_row *row = *state;
    struct engine *parent = case_engine("refinery: 0.3", 42, CASE_AGENTS);
    struct engine *child = case_engine(row->section, 42, CASE_AGENTS), *again = NULL;
    double quotes[QUOTE_GOVERNANCE_END];
    uint8_t before[FOLD_SIZE], after[FOLD_SIZE];
    struct buffer saved = {0};
    struct why why = {0};
    struct case_verdict v = {0};

    engine_digest(parent, before);
    case_judge(parent, 1, 0, &(struct case_docket){.epoch = 0, .norms = norms, .norm_count = 1}, &v);
    engine_digest(parent, after);
    assert_memory_not_equal(before, after, FOLD_SIZE);
    engine_inherit(child, parent);
    engine_quotes(child, quotes);
    assert_true(quotes[QUOTE_REFINERY_THRESHOLD] == row->want);
    engine_save(child, &saved);
    again = case_engine(row->section, 42, CASE_AGENTS);
    assert_int_equal(engine_load(again, saved.data, saved.size, &why), 0);
    engine_digest(child, before);
    engine_digest(again, after);
    assert_memory_equal(before, after, FOLD_SIZE);
    buffer_fini(&saved);
    buffer_fini(&v.bytes);
    engine_destroy(&parent);
    engine_destroy(&child);
    engine_destroy(&again);
}

/* The tuned value is in the digest, and nothing else of two engines differs. */
static void
digest_knows(void **state)
{
    static const char *const one[] = {"refinery.threshold=0.6"}, *const two[] = {"refinery.threshold=0.7"};
    const char *const *norms[] = {one, one, two};
    uint8_t digests[3][FOLD_SIZE];

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        struct engine *engine = case_engine("refinery: 0.3", 42, CASE_AGENTS);
        struct case_verdict v = {0};

        case_judge(engine, 1, 0, &(struct case_docket){.epoch = 0, .norms = norms[i], .norm_count = 1}, &v);
        engine_digest(engine, digests[i]);
        buffer_fini(&v.bytes);
        engine_destroy(&engine);
    }
    assert_memory_equal(digests[0], digests[1], FOLD_SIZE);
    assert_memory_not_equal(digests[0], digests[2], FOLD_SIZE);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"norms act from their opening on, in order", norms_act},
        {"a breaker whose window shrinks judges by the last values", window_shrinks},
        {"an epoch without anything to see tunes nothing", silence_changes_nothing},
        {"what is tuned holds in the opening that tunes it", tuned_before_others_act},
        {"tuned values are in the digest", digest_knows},
    };

    return TEST_ROWS("norms", norm_rows, norm) + TEST_ROWS("lever_adaptive_controller", control_rows, control) +
        TEST_ROWS("tuning_forked", fork_rows, forked) + TEST_CASES("tuning", cases);
}
