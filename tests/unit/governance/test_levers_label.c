/* Levers that go by labels, dealings and juries, each alone, against figures worked by hand. */
#include "tests/unit/governance/docket_case.h"

#define TOKEN INT64_C(1000000)

/* ---- one interaction through one lever ---- */

static const struct ruling_row {
    const char *name, *section;
    struct case_row in;
    bool allow;
    int64_t cost_a, cost_b;
    double reputation;
} ruling_rows[] = {
    {"moderator: fee and 2 x (0.5 - 0.25)", "moderator: {prob: 1, penalty: 2}", {0, 1, true, 0, 0.25, 1, 0}, true,
        510000, 10000, -0.5},
    {"moderator: what looks good costs the fee alone", "moderator: {prob: 1}", {0, 1, true, 0, 0.5, -1, 0}, true,
        10000, 10000, 0.0},
    {"moderator: the fee is a parameter", "moderator: {prob: 1, fee: 0.5}", {0, 1, true, 0, 0.5, -1, 0}, true, 500000,
        500000, 0.0},
    {"moderator: nothing on what was not accepted", "moderator: {prob: 1}", {0, 1, false, 0, 0.0, -1, 0}, true, 0, 0,
        0.0},
    {"moderator: never with probability 0", "moderator: 0", {0, 1, true, 0, 0.0, -1, 0}, true, 0, 0, 0.0},
    {"refinery: below the threshold", "refinery: 0.5", {0, 1, true, 0, 0.4999, 1, 0}, false, 0, 0, 0.0},
    {"refinery: on it", "refinery: 0.5", {0, 1, true, 0, 0.5, -1, 0}, true, 0, 0, 0.0},
    {"refinery: what was not accepted is not its business", "refinery: 0.5", {0, 1, false, 0, 0.1, 1, 0}, true, 0, 0,
        0.0},
    {"refinery: what it refuses is not moderated", "moderator: 1\nrefinery: 0.5", {0, 1, false, 0, 0.1, 1, 0}, true, 0,
        0, 0.0},
    {"council: none before anybody's reputation is known", "council: {prob: 1, size: 1, competence: 1}",
        {0, 1, true, 0, 0.9, -1, 0}, true, 0, 0, 0.0},
};

static void
ruling(void **state)
{
    const struct ruling_row *row = *state;
    struct engine *engine = case_engine(row->section, 42, CASE_AGENTS);
    struct case_verdict v = {0};

    case_judge(engine, 1, 0, &(struct case_docket){.rows = &row->in, .row_count = 1, .epoch = -1}, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 0), row->allow);
    assert_int_equal(batch_u8(&v.batch, VERDICT_reason, 0), row->allow ? 0 : REFUSAL_LEVER);
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_a, 0), row->cost_a);
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_b, 0), row->cost_b);
    assert_true(batch_f64(&v.batch, VERDICT_reputation, 0) == row->reputation);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* ---- the council ---- */

static const struct council_row {
    const char *name, *section;
    double reputations[CASE_AGENTS];
    int32_t truth;
    bool accepted, allow;
    int64_t cost_a, fine;
} council_rows[] = {
    {"bad work is refused, the fee is a fine", "council: {prob: 1, size: 1, competence: 1}", {0}, -1, true, false, 0,
        50000},
    {"good work pays the fee", "council: {prob: 1, size: 1, competence: 1, fee: 0.25}", {0}, 1, true, true, 250000, 0},
    {"without a fee there is no fine", "council: {prob: 1, size: 1, competence: 1, fee: 0}", {0}, -1, true, false, 0,
        0},
    {"who sees the opposite refuses good work", "council: {prob: 1, size: 1, competence: 0}", {0}, 1, true, false, 0,
        50000},
    {"what was not accepted is left alone", "council: {prob: 1, size: 1, competence: 1}", {0}, -1, false, true, 0, 0},
    {"never with probability 0", "council: {prob: 0, size: 1, competence: 1}", {0}, -1, true, true, 0, 0},
    {"one juror beside two parties", "council: {prob: 1, size: 1, competence: 1}", {-0.5, 0, 0, 0}, -1, true, false, 0,
        50000},
    {"too few of good reputation", "council: {prob: 1, size: 1, competence: 1}", {-0.5, -0.5, 0, 0}, -1, true, true, 0,
        0},
    {"too few agents for three jurors", "council: {prob: 1, size: 3, competence: 1}", {0}, -1, true, true, 0, 0},
};

static void
council(void **state)
{
    const struct council_row *row = *state;
    struct engine *engine = case_engine(row->section, 42, CASE_AGENTS);
    struct case_row in = {0, 1, row->accepted, 0, 0.9, row->truth, 0};
    struct case_verdict v = {0};

    case_judge(engine, 1, 0,
        &(struct case_docket){.rows = &in, .row_count = 1, .epoch = 0, .reputations = row->reputations}, &v);
    assert_int_equal(batch_u8(&v.batch, VERDICT_allow, 0), row->allow);
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_a, 0), row->cost_a);
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_b, 0), 0);
    assert_int_equal(v.batch.count[VERDICT_EFFECT], row->fine > 0);
    if (row->fine > 0) {
        assert_int_equal(batch_u8(&v.batch, VERDICT_effect_kind, 0), EFFECT_FINE);
        assert_int_equal(batch_u32(&v.batch, VERDICT_effect_agent, 0), 0);
        assert_int_equal(batch_i64(&v.batch, VERDICT_effect_amount, 0), row->fine);
    }
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* Five jurors of competence 0.7 are right with 0.7^5 + 5 x 0.7^4 x 0.3 + 10 x 0.7^3 x 0.09 = 0.83692 (Condorcet). */
static void
council_share(void **state)
{
    enum { COUNT = 4000, AGENTS = 20 };
    static struct case_row rows[COUNT];
    struct engine *engine = case_engine("council: {prob: 0.5, size: 5, competence: 0.7}", 42, AGENTS);
    struct case_verdict v = {0};
    uint32_t good = 0, bad = 0;

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++)
        rows[i] = (struct case_row){i % AGENTS, (i + 1) % AGENTS, true, 0, 0.9, i % 2 == 0 ? 1 : -1, 0};
    case_judge(engine, 1, 0,
        &(struct case_docket){.rows = rows, .row_count = COUNT, .epoch = 0, .agents = AGENTS}, &v);
    assert_close(batch_f64(&v.batch, VERDICT_quote, QUOTE_COUNCIL_PROBABILITY), 0.5 * 0.83692, 1e-12);
    for (uint32_t i = 0; i < COUNT; i++)
        *(i % 2 == 0 ? &good : &bad) += !batch_u8(&v.batch, VERDICT_allow, i);
    /* of 2000 each: bad 836.9 with deviation 22.1, good 163.1 with deviation 12.2; four deviations */
    assert_in_range(bad, 749, 925);
    assert_in_range(good, 115, 211);
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* ---- what an initiator's past costs: one proposal a step by agent 0 ---- */

struct dealing {
    uint32_t partner;
    double p;
    bool refused; /* by the other side */
    bool opening; /* an epoch begins before it */
    int64_t cost;
};
static const struct past_row {
    const char *name, *section;
    struct dealing dealings[13];
    uint32_t count;
} past_rows[] = {
    {"diversity: four of five with one: (16 + 1) / 25 - 0.5", "diversity: {rate: 1}",
        {{1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {2, .9, 0, 0, 0},
            {3, .9, 0, 0, 180000}}, 6},
    {"diversity: half and half costs nothing", "diversity: {rate: 1, min_interactions: 4}",
        {{1, .9, 0, 0, 0}, {2, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {2, .9, 0, 0, 0}, {3, .9, 0, 0, 0}}, 5},
    {"diversity: what was not accepted neither counts nor costs", "diversity: {rate: 1, min_interactions: 2}",
        {{1, .9, 0, 0, 0}, {2, .9, 1, 0, 0}, {2, .9, 1, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 1, 0, 0},
            {1, .9, 0, 0, 500000}}, 6},
    {"diversity: two of two faded to one are too few", "diversity: {rate: 1, min_interactions: 2, memory: 0.5}",
        {{1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 1, 0}}, 3},
    {"diversity: shares outlast the fading", "diversity: {rate: 1, min_interactions: 1, memory: 0.5}",
        {{1, .9, 0, 0, 0}, {1, .9, 0, 0, 500000}, {1, .9, 0, 1, 500000}}, 3},
    {"friction: three of five: 0.5 x 0.4", "incoherence_friction: {rate: 0.5}",
        {{1, .5, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .1, 0, 0, 0}, {1, .4, 0, 0, 0},
            {1, .9, 0, 0, 200000}}, 6},
    {"friction: refused work counts, but does not cost", "incoherence_friction: {rate: 0.5, min_sample: 2}",
        {{1, .9, 1, 0, 0}, {1, .1, 1, 0, 0}, {1, .9, 1, 0, 0}, {1, .9, 0, 0, 166667}}, 4},
    {"friction: always bad is not erratic", "incoherence_friction: {rate: 0.5, min_sample: 2}",
        {{1, .1, 0, 0, 0}, {1, .1, 0, 0, 0}, {1, .1, 0, 0, 0}}, 3},
    {"friction: the eleventh forgets the first", "incoherence_friction: {rate: 1, min_sample: 10}",
        {{1, .1, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 0, 0},
            {1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 0, 0}, {1, .9, 0, 0, 100000},
            {1, .9, 0, 0, 0}}, 12},
};

static void
past(void **state)
{
    const struct past_row *row = *state;
    struct engine *engine = case_engine(row->section, 42, CASE_AGENTS);
    struct case_verdict v = {0};
    int64_t epoch = 0;

    case_judge(engine, 1, 0, &(struct case_docket){.epoch = 0}, &v);
    for (uint32_t i = 0; i < row->count; i++) {
        const struct dealing *dealing = &row->dealings[i];
        struct case_row in = {0, dealing->partner, !dealing->refused, 0, dealing->p, 1, 0};

        case_judge(engine, 2 + i, 0,
            &(struct case_docket){.rows = &in, .row_count = 1, .epoch = dealing->opening ? ++epoch : -1}, &v);
        if (batch_i64(&v.batch, VERDICT_cost_a, 0) != dealing->cost)
            print_error("dealing %u costs %lld\n", i, (long long)batch_i64(&v.batch, VERDICT_cost_a, 0));
        assert_int_equal(batch_i64(&v.batch, VERDICT_cost_a, 0), dealing->cost);
        assert_int_equal(batch_i64(&v.batch, VERDICT_cost_b, 0), 0);
    }
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

/* More partners than it remembers: nine once each, then the tenth. What is remembered is eight squares of 1 at most. */
static void
diversity_forgets(void **state)
{
    struct engine *engine = case_engine("diversity: {rate: 1, max_concentration: 0, min_interactions: 9}", 42, 16);
    struct case_verdict v = {0};

    (void)state;
    for (uint32_t i = 1; i <= 10; i++) {
        struct case_row in = {0, i, true, 0, 0.9, 1, 0};

        case_judge(engine, i, 0, &(struct case_docket){.rows = &in, .row_count = 1, .epoch = -1}, &v);
    }
    assert_int_equal(batch_i64(&v.batch, VERDICT_cost_a, 0), 98765); /* 8 / 81 */
    buffer_fini(&v.bytes);
    engine_destroy(&engine);
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"juries are right as often as Condorcet says", council_share},
        {"a full memory never thinks a circle closer than it is", diversity_forgets},
    };

    return TEST_ROWS("levers_label_ruling", ruling_rows, ruling) + TEST_ROWS("lever_council", council_rows, council) +
        TEST_ROWS("levers_past", past_rows, past) + TEST_CASES("levers_label", cases);
}
