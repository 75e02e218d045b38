/* Each lever alone, against figures worked by hand. */
#include "tests/unit/governance/docket_case.h"

#define TOKEN INT64_C(1000000)

/* ---- one interaction through one lever ---- */

static const struct ruling_row {
    const char *name, *section;
    struct case_row in;
    bool allow;
    uint8_t reason, audit;
    int64_t cost_a, cost_b;
    double reputation;
} ruling_rows[] = {
    {"tax: both sides pay the rate of the transfer", "transaction_tax: {rate: 0.05}",
        .in = {0, 1, true, 2 * TOKEN, 0.5, 1, 0}, .allow = true, .cost_a = 100000, .cost_b = 100000},
    {"tax: what is asked is taxed like what is offered", "transaction_tax: 0.05",
        .in = {0, 1, true, -2 * TOKEN, 0.5, 1, 0}, .allow = true, .cost_a = 100000, .cost_b = 100000},
    {"tax: nothing on what was not accepted", "transaction_tax: 0.05", .in = {0, 1, false, 2 * TOKEN, 0.5, 1, 0},
        .allow = true},
    {"tax: on the surplus, a half each: 0.1 (2 x 0.8 - 0.2) / 2", "transaction_tax: {rate: 0, surplus_rate: 0.1}",
        .in = {0, 1, true, 0, 0.8, 1, 0}, .allow = true, .cost_a = 70000, .cost_b = 70000},
    {"tax: none on a loss", "transaction_tax: {rate: 0, surplus_rate: 0.1}", .in = {0, 1, true, 0, 0.1, 1, 0},
        .allow = true},
    {"audit: caught work counts as p = 0: 2 x 0.5", "random_audit: {prob: 1}", .in = {0, 1, true, 0, 0.9, -1, 0},
        .allow = true, .audit = AUDIT_CAUGHT, .cost_a = TOKEN, .reputation = -1.0},
    {"audit: work shown to be good is left alone however it looks", "random_audit: {prob: 1}",
        .in = {0, 1, true, 0, 0.1, 1, 0}, .allow = true, .audit = AUDIT_CLEAN},
    {"audit: a blind one goes by the label: 3 x (0.5 - 0.25)", "random_audit: {prob: 1, audit_power: 0, penalty: 3}",
        .in = {0, 1, true, 0, 0.25, -1, 0}, .allow = true, .audit = AUDIT_BLIND, .cost_a = 750000,
        .reputation = -0.75},
    {"audit: a blind one sees nothing wrong with a good label", "random_audit: {prob: 1, audit_power: 0}",
        .in = {0, 1, true, 0, 0.75, -1, 0}, .allow = true, .audit = AUDIT_BLIND},
    {"audit: never with probability 0", "random_audit: {prob: 0}", .in = {0, 1, true, 0, 0.1, -1, 0}, .allow = true},
    {"audit: what was not accepted is not audited", "random_audit: {prob: 1}", .in = {0, 1, false, 0, 0.1, -1, 0},
        .allow = true},
    {"staking: enough is admitted", "staking: {min_stake: 10}", .in = {0, 1, true, 0, 0.5, 1, 10 * TOKEN},
        .allow = true},
    {"staking: a millionth less is not", "staking: {min_stake: 10}", .in = {0, 1, true, 0, 0.5, 1, 10 * TOKEN - 1},
        .allow = false, .reason = REFUSAL_LEVER},
    {"bandwidth: none of nothing", "transaction_tax: 0\nbandwidth_cap: 0", .in = {0, 1, true, 0, 0.5, 1, 0},
        .allow = false, .reason = REFUSAL_LEVER + 1},
    {"a refused interaction costs nothing", "transaction_tax: 1\nrandom_audit: {prob: 1}\nstaking: 10",
        .in = {0, 1, true, TOKEN, 0.1, -1, 0}, .allow = false, .reason = REFUSAL_LEVER + 2},
    {"costs of levers add up: 0.05 x 2 + 1", "random_audit: {prob: 1}\ntransaction_tax: 0.05",
        .in = {0, 1, true, 2 * TOKEN, 0.9, -1, 0}, .allow = true, .audit = AUDIT_CAUGHT, .cost_a = TOKEN + 100000,
        .cost_b = 100000, .reputation = -1.0},
    {"no levers: everything is allowed and free", "{}", .in = {0, 1, true, TOKEN, 0.1, -1, 0}, .allow = true},
};

static void
ruling(void **state)
{
    const struct ruling_row *row = *state;
    struct engine *engine = case_engine(row->section, 42, CASE_AGENTS);
    struct case_verdict verdict = {0};

    case_judge(engine, 1, 0, &(struct case_docket){.rows = &row->in, .row_count = 1, .epoch = -1}, &verdict);
    assert_int_equal(batch_u8(&verdict.batch, VERDICT_allow, 0), row->allow);
    assert_int_equal(batch_u8(&verdict.batch, VERDICT_reason, 0), row->reason);
    assert_int_equal(batch_u8(&verdict.batch, VERDICT_audit, 0), row->audit);
    assert_int_equal(batch_i64(&verdict.batch, VERDICT_cost_a, 0), row->cost_a);
    assert_int_equal(batch_i64(&verdict.batch, VERDICT_cost_b, 0), row->cost_b);
    assert_true(batch_f64(&verdict.batch, VERDICT_reputation, 0) == row->reputation);
    buffer_fini(&verdict.bytes);
    engine_destroy(&engine);
}

/* ---- the breaker: windows worked by hand. One interaction a step by agent 2 ---- */

static const struct breaker_row {
    const char *name, *section;
    double p[14];
    uint32_t count;
    uint32_t frozen_at; /* index of the interaction that freezes, UINT32_MAX: none */
    int64_t free_at;
} breaker_rows[] = {
    {"four bad ones are no sample", "circuit_breaker: {threshold: 0.7, violations: 1}", {0, 0, 0, 0}, 4, UINT32_MAX,
        0},
    {"the fifth is: mean 1", "circuit_breaker: {threshold: 0.7, violations: 1}", {0, 0, 0, 0, 0}, 5, 4, 2},
    {"at three violations: the seventh", "circuit_breaker: true", {0, 0, 0, 0, 0, 0, 0}, 7, 6, 2},
    {"over the threshold: (4 x 0.75 + 0.5) / 5 = 0.7",
        "circuit_breaker: {threshold: 0.6875, violations: 1}", {0.25, 0.25, 0.25, 0.25, 0.5}, 5, 4, 2},
    {"on the threshold: (3 x 1 + 0.4375 + 0) / 5 = 0.6875", "circuit_breaker: {threshold: 0.6875, violations: 1}",
        {0, 0, 0, 0.5625, 1}, 5, 4, 2},
    {"below it", "circuit_breaker: {threshold: 0.75, violations: 1}", {0, 0, 0, 0.5625, 1}, 5, UINT32_MAX, 0},
    {"old ones leave the window: the last two of two",
        "circuit_breaker: {threshold: 1, violations: 1, window: 2, min_sample: 2}", {1, 0, 0}, 3, 2, 2},
    {"a window of ten forgets the eleventh: 9 bad of the last 10",
        "circuit_breaker: {threshold: 0.9, violations: 1, min_sample: 10}", {1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 11, 10,
        2},
    {"duration moves the date", "circuit_breaker: {violations: 1, duration: 5}", {0, 0, 0, 0, 0}, 5, 4, 5},
};

static void
breaker(void **state)
{
    const struct breaker_row *row = *state;
    struct engine *engine = case_engine(row->section, 42, CASE_AGENTS);
    struct case_verdict verdict = {0};
    uint32_t frozen_at = UINT32_MAX;

    case_judge(engine, 1, 0, &(struct case_docket){.epoch = 0}, &verdict);
    for (uint32_t i = 0; i < row->count; i++) {
        struct case_row in = {2, 1, true, 0, row->p[i], 1, 0};

        case_judge(engine, 2 + i, 0, &(struct case_docket){.rows = &in, .row_count = 1, .epoch = -1}, &verdict);
        assert_int_equal(batch_u8(&verdict.batch, VERDICT_allow, 0), 1);
        if (verdict.batch.count[VERDICT_EFFECT] == 0)
            continue;
        frozen_at = i;
        assert_int_equal(batch_u8(&verdict.batch, VERDICT_effect_kind, 0), EFFECT_FREEZE);
        assert_int_equal(batch_u32(&verdict.batch, VERDICT_effect_agent, 0), 2);
        assert_int_equal(batch_i64(&verdict.batch, VERDICT_effect_amount, 0), row->free_at);
    }
    assert_int_equal(frozen_at, row->frozen_at);
    buffer_fini(&verdict.bytes);
    engine_destroy(&engine);
}

/* Frozen: actions and offers are refused, others' are not; freed at the opening of the right epoch, with the window
 * kept: two more bad ones are two violations. */
static void
breaker_thaws(void **state)
{
    struct engine *engine =
        case_engine("circuit_breaker: {violations: 2, duration: 2, min_sample: 1}", 42, CASE_AGENTS);
    struct case_row bad[] = {{2, 1, true, 0, 0.0, -1, 0}, {2, 1, true, 0, 0.0, -1, 0}, {2, 1, true, 0, 0.0, -1, 0},
        {1, 2, true, 0, 0.9, 1, 0}};
    struct case_action acts[] = {{2, VERB_POST, 0}, {1, VERB_POST, 0}};
    struct case_verdict v = {0};

    (void)state;
    case_judge(engine, 1, 0, &(struct case_docket){.rows = bad, .row_count = 4, .epoch = 0}, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 1), 1); /* the one that freezes still counts */
    assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 2), 0); /* within the same docket */
    assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 3), 1);
    case_judge(engine, 2, 0, &(struct case_docket){.actions = acts, .action_count = 2, .epoch = 1}, &v);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 0);
    assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 0), 0);
    assert_int_equal(batch_u8(&v.batch, VERDICT_action_reason, 0), REFUSAL_LEVER);
    assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 1), 1);
    case_judge(engine, 3, 0,
        &(struct case_docket){.rows = bad, .row_count = 1, .actions = acts, .action_count = 1, .epoch = 2}, &v);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 1);
    assert_int_equal(batch_u8(&v.batch, VERDICT_effect_kind, 0), EFFECT_UNFREEZE);
    assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 0), 1);
    assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 0), 1);
    case_judge(engine, 4, 0, &(struct case_docket){.rows = bad, .row_count = 1, .epoch = -1}, &v);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 1);
    assert_int_equal(batch_i64(&v.batch, VERDICT_effect_amount, 0), 4);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

static void
breaker_ignores_refused_offers(void **state)
{
    struct engine *engine =
        case_engine("circuit_breaker: {violations: 1, min_sample: 1, rejected: false}", 42, CASE_AGENTS);
    struct case_row bad[] = {{2, 1, false, 0, 0.0, -1, 0}, {2, 1, true, 0, 0.0, -1, 0}};
    struct case_verdict v = {0};

    (void)state;
    case_judge(engine, 1, 0, &(struct case_docket){.rows = bad, .row_count = 1, .epoch = -1}, &v);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 0);
    case_judge(engine, 2, 0, &(struct case_docket){.rows = bad + 1, .row_count = 1, .epoch = -1}, &v);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 1);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* ---- votes: 1 / (1 + count / 10) ---- */

static void
votes(void **state)
{
    struct engine *engine = case_engine("vote_normalization: {max_weight: 10}", 42, CASE_AGENTS);
    struct case_action acts[13];
    struct case_verdict v = {0};

    (void)state;
    for (uint32_t i = 0; i < 11; i++)
        acts[i] = (struct case_action){1, VERB_VOTE, 0};
    acts[11] = (struct case_action){2, VERB_VOTE, 0};
    acts[12] = (struct case_action){1, VERB_POST, 0};
    case_judge(engine, 1, 0, &(struct case_docket){.actions = acts, .action_count = 13, .epoch = 0}, &v);
    assert_true(batch_f64(&v.batch, VERDICT_action_weight, 0) == 1.0);
    assert_close(batch_f64(&v.batch, VERDICT_action_weight, 1), 0.90909090909090906, 1e-15);
    assert_true(batch_f64(&v.batch, VERDICT_action_weight, 10) == 0.5);
    assert_true(batch_f64(&v.batch, VERDICT_action_weight, 11) == 1.0);
    assert_true(batch_f64(&v.batch, VERDICT_action_weight, 12) == 1.0);
    case_judge(engine, 2, 0, &(struct case_docket){.actions = acts, .action_count = 1, .epoch = -1}, &v);
    assert_close(batch_f64(&v.batch, VERDICT_action_weight, 0), 10.0 / 21.0, 1e-15);
    case_judge(engine, 3, 0, &(struct case_docket){.actions = acts, .action_count = 1, .epoch = 1}, &v);
    assert_true(batch_f64(&v.batch, VERDICT_action_weight, 0) == 1.0);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* ---- bandwidth: 3 an epoch, actions before interactions ---- */

static void
bandwidth(void **state)
{
    struct engine *engine = case_engine("bandwidth_cap: 3", 42, CASE_AGENTS);
    struct case_action acts[] = {{1, VERB_POST, 0}, {1, VERB_VOTE, REFUSAL_RATE}, {1, VERB_VOTE, 0}};
    struct case_row rows[] = {{1, 2, true, 0, 0.5, 1, 0}, {1, 3, true, 0, 0.5, 1, 0}, {2, 1, true, 0, 0.5, 1, 0}};
    struct case_docket docket = {.rows = rows, .row_count = 3, .actions = acts, .action_count = 3, .epoch = 0};
    struct case_verdict v = {0};

    (void)state;
    case_judge(engine, 1, 0, &docket, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 2), 1); /* the refused one did not count */
    assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 0), 1);
    assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 1), 0);
    assert_int_equal(batch_u8(&v.batch, VERDICT_reason, 1), REFUSAL_LEVER);
    assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 2), 1);
    docket.epoch = 1;
    case_judge(engine, 2, 0, &docket, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 0), 1);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* ---- staking: slashing follows an audit; actions go by the stake at the opening less what was slashed ---- */

static void
slashing(void **state)
{
    struct engine *engine =
        case_engine("staking: {min_stake: 10, slash_rate: 0.1}\nrandom_audit: {prob: 1}", 42, CASE_AGENTS);
    struct case_row row = {0, 1, true, 0, 0.9, -1, 10 * TOKEN};
    struct case_action act = {0, VERB_POST, 0};
    struct case_verdict v = {0};

    (void)state;
    case_judge(engine, 1, 0,
        &(struct case_docket){.rows = &row, .row_count = 1, .actions = &act, .action_count = 1, .epoch = 0}, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 0), 1);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 1);
    assert_int_equal(batch_u8(&v.batch, VERDICT_effect_kind, 0), EFFECT_SLASH);
    assert_int_equal(batch_u8(&v.batch, VERDICT_effect_lever, 0), 0);
    assert_int_equal(batch_i64(&v.batch, VERDICT_effect_amount, 0), TOKEN);
    case_judge(engine, 2, 0, &(struct case_docket){.actions = &act, .action_count = 1, .epoch = -1}, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 0), 0); /* 9 are left of the 10 */
    case_judge(engine, 3, 0, &(struct case_docket){.actions = &act, .action_count = 1, .epoch = 1}, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 0), 1); /* the opening shows 10 again */
    row.truth = 1;
    case_judge(engine, 4, 0, &(struct case_docket){.rows = &row, .row_count = 1, .epoch = -1}, &v);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 0);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* At the opening agents 0 and 1 have 10 and 20 at stake; 15 are asked for, and taken from free money that reaches. */
static void
stakes_are_made_up(void **state)
{
    static const struct {
        int64_t resources;
        bool admitted;
    } rows[] = {{0, false}, {5 * TOKEN - 1, false}, {5 * TOKEN, true}, {100 * TOKEN, true}};
    struct case_action acts[] = {{0, VERB_POST, 0}, {1, VERB_POST, 0}};
    struct case_verdict v = {0};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct engine *engine = case_engine("staking: 15", 42, CASE_AGENTS);

        case_judge(engine, 1, 0, &(struct case_docket){.epoch = 0, .resources = rows[i].resources}, &v);
        case_judge(engine, 1, 1, &(struct case_docket){.actions = acts, .action_count = 2, .epoch = -1}, &v);
        assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 0), rows[i].admitted);
        assert_int_equal(batch_u8(&v.batch, VERDICT_action_allow, 1), 1);
        engine_destroy(&engine);
    }
    buffer_fini(&v.bytes);
}

/* ---- openings: decay and the public numbers ---- */

static void
opening(void **state)
{
    struct engine *engine =
        case_engine("reputation_decay: 0.9\nrandom_audit: {prob: 0.25, penalty: 3, threshold: 0.4, audit_power: 0.5}\n"
                    "staking: {min_stake: 2.5, slash_rate: 0.2}\ntransaction_tax: 0.03\nbandwidth_cap: 7\n"
                    "circuit_breaker: 0.6\ntransparency_ledger: 3",
            42, CASE_AGENTS);
    static const double quotes[QUOTE_GOVERNANCE_END] = {0.03, 0.25, 3, 0.4, 0.5, 0.2, 2.5, 0.9, 0.6, 7, 3};
    struct case_verdict v = {0};

    (void)state;
    case_judge(engine, 1, 0, &(struct case_docket){.epoch = 0}, &v);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 1);
    assert_int_equal(batch_u8(&v.batch, VERDICT_effect_kind, 0), EFFECT_REPUTATION_SCALE);
    assert_int_equal(batch_u32(&v.batch, VERDICT_effect_agent, 0), SANDBOX_NOBODY);
    assert_true(batch_f64(&v.batch, VERDICT_effect_value, 0) == 0.9);
    assert_int_equal(v.batch.count[VERDICT_QUOTE], QUOTE_GOVERNANCE_END);
    for (uint32_t i = 0; i < QUOTE_GOVERNANCE_END; i++)
        assert_true(batch_f64(&v.batch, VERDICT_quote, i) == quotes[i]);
    case_judge(engine, 2, 0, &(struct case_docket){.epoch = -1}, &v);
    assert_int_equal(v.batch.count[VERDICT_QUOTE], 0);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

static void
opening_without_levers(void **state)
{
    static const double quotes[QUOTE_GOVERNANCE_END] = {
        [QUOTE_REPUTATION_DECAY] = 1, [QUOTE_BREAKER_THRESHOLD] = 1, [QUOTE_TRANSPARENCY] = 1};
    struct engine *engine = case_engine("{}", 42, CASE_AGENTS);
    struct case_verdict v = {0};

    (void)state;
    case_judge(engine, 1, 0, &(struct case_docket){.epoch = 0}, &v);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], 0);
    for (uint32_t i = 0; i < QUOTE_GOVERNANCE_END; i++)
        assert_true(batch_f64(&v.batch, VERDICT_quote, i) == quotes[i]);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* ---- audits: the share is the probability, and it is the index in the step that counts, not the docket ---- */

static void
audit_share(void **state)
{
    enum { COUNT = 4000 };
    static struct case_row rows[COUNT];
    struct engine *whole = case_engine("random_audit: {prob: 0.3, audit_power: 0.5}", 42, CASE_AGENTS);
    struct engine *cut = case_engine("random_audit: {prob: 0.3, audit_power: 0.5}", 42, CASE_AGENTS);
    struct case_verdict v = {0}, first = {0}, second = {0};
    uint32_t seen[4] = {0};

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++)
        rows[i] = (struct case_row){i % CASE_AGENTS, 0, true, 0, 0.9, -1, 0};
    case_judge(whole, 1, 0, &(struct case_docket){.rows = rows, .row_count = COUNT, .epoch = -1}, &v);
    case_judge(cut, 1, 0, &(struct case_docket){.rows = rows, .row_count = 1500, .epoch = -1}, &first);
    case_judge(cut, 1, 3, &(struct case_docket){.rows = rows + 1500, .row_count = COUNT - 1500, .epoch = -1}, &second);
    for (uint32_t i = 0; i < COUNT; i++) {
        uint8_t audit = batch_u8(&v.batch, VERDICT_audit, i);

        seen[audit]++;
        assert_int_equal(audit,
            i < 1500 ? batch_u8(&first.batch, VERDICT_audit, i) : batch_u8(&second.batch, VERDICT_audit, i - 1500));
    }
    /* 0.15 and 0.15 of 4000 are 600 each; 4 standard deviations are 90 */
    assert_in_range(seen[AUDIT_CAUGHT], 510, 690);
    assert_in_range(seen[AUDIT_BLIND], 510, 690);
    assert_int_equal(seen[AUDIT_CLEAN], 0);
    buffer_fini(&v.bytes);
    buffer_fini(&first.bytes);
    buffer_fini(&second.bytes);
    engine_destroy(&whole);
    engine_destroy(&cut);
}

/* ---- every lever's declaration ---- */

static void
declarations(void **state)
{
    (void)state;
    for (const struct lever *const *lever = lever_roll; *lever != NULL; lever++) {
        struct why why = {0};

        if (params_check((*lever)->params, &why) != 0)
            case_fail(why.text);
        assert_true((*lever)->params->count > 0);
        assert_true((*lever)->stage < STAGE_COUNT);
        assert_ptr_equal(lever_find((*lever)->name), *lever);
        assert_true(lever == lever_roll || strcmp(lever[-1]->name, lever[0]->name) < 0);
    }
    assert_null(lever_find("no_such_lever"));
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"a frozen agent is refused, and thaws with its window", breaker_thaws},
        {"the breaker can be told to ignore refused offers", breaker_ignores_refused_offers},
        {"votes weigh less the more are cast", votes},
        {"the bandwidth cap counts actions and proposals", bandwidth},
        {"who is caught loses stake, and with it admission", slashing},
        {"stakes are made up at the opening", stakes_are_made_up},
        {"an opening scales reputations and quotes the levers", opening},
        {"without levers nothing is quoted", opening_without_levers},
        {"audits hit their share, however the step is cut", audit_share},
        {"levers are declared well", declarations},
    };

    return TEST_ROWS("lever_rulings", ruling_rows, ruling) + TEST_ROWS("lever_breaker", breaker_rows, breaker) +
        TEST_CASES("levers", cases);
}
