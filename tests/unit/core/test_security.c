#include "core/security.h"

#include "tests/support/test.h"

#define NEAR 1e-12
#define AGENTS 6u

static const struct security_params defaults = {
    .injection_threshold = 0.3, .manipulation_threshold = 0.5, .laundering_gap = 0.3, .contagion_velocity = 1.0,
    .chain_min = 3, .time_unit = 1.0};

/* ---- one interaction ---- */

static const struct injection_row {
    const char *name;
    struct detect_interaction item;
    double want, realtime; /* with a score of .5 against the initiator */
} injections[] = {
    {"good work", {.accepted = 1, .p = 0.9}, 0.0, 0.15},
    {"bad work accepted", {.accepted = 1, .p = 0.15}, 0.15, 0.45},
    {"bad work refused", {.p = 0.15}, 0.0, 0.15},
    {"at the limit it is not bad", {.accepted = 1, .p = 0.3}, 0.0, 0.15},
    {"a flag", {.accepted = 1, .p = 0.9, .misuse = 1}, 0.2, 0.35},
    {"flags count up to two", {.p = 0.9, .misuse = 5}, 0.4, 0.55},
    {"a rejection", {.p = 0.9, .rejections = 1}, 0.15, 0.3},
    {"rejections count up to two", {.p = 0.9, .rejections = 9}, 0.3, 0.45},
    {"all of it", {.accepted = 1, .p = 0.0, .misuse = 2, .rejections = 2}, 1.0, 1.0},
};

static void
injection(void **state)
{
    const struct injection_row *row = *state;

    assert_close(security_injection(&row->item), row->want, NEAR);
    assert_close(security_injection_realtime(&row->item, 0.5), row->realtime, NEAR);
}

/* ---- histories ---- */

static struct security_report
analyze(const struct security_params *params, const struct detect_interaction *items, size_t count,
        const double *trust)
{
    static const double unknown[AGENTS] = {0.5, 0.5, 0.5, 0.5, 0.5, 0.5};
    struct security_report report = {0};

    security_analyze(params, items, count, trust != NULL ? trust : unknown, AGENTS, &report);
    return report;
}

/* 0 infects 1, which infects 2 and 3 within two units: depth 3, velocity 3 / 2.01, severity 3/5. */
static const struct detect_interaction spread[] = {
    {.initiator = 0, .counterparty = 1, .accepted = 1, .p = 0.29, .time = 10},
    {.initiator = 1, .counterparty = 2, .accepted = 1, .p = 0.29, .time = 11},
    {.initiator = 1, .counterparty = 4, .p = 0.1, .time = 11}, /* refused: goes no further */
    {.initiator = 1, .counterparty = 3, .accepted = 1, .p = 0.29, .time = 12},
};

static void
contagion(void **state)
{
    struct security_report report = analyze(&defaults, spread, 4, NULL);
    double confidence = 0.5 + 3.0 / 2.01 / 10.0;

    (void)state;
    assert_int_equal(report.sign_count, 1);
    assert_int_equal(report.signs[0].kind, SECURITY_CONTAGION);
    assert_int_equal(report.signs[0].source, 0);
    assert_int_equal(report.signs[0].size, 3);
    assert_int_equal(report.depth_max, 3);
    assert_close(report.signs[0].measure, 3.0 / 2.01, NEAR);
    assert_close(report.signs[0].severity, 0.6, NEAR);
    assert_close(report.signs[0].confidence, confidence, NEAR);
    assert_close(report.score[0], 0.6 * confidence, NEAR);
    assert_close(report.score[3], 0.3 * 0.6 * confidence, NEAR);
    assert_close(report.score[4], 0.0, NEAR);
    assert_close(report.ecosystem, 0.25 * 1.0 / 30.0 + 0.30 * 0.6, NEAR);
    security_report_fini(&report);
}

/* The same history in other units: a velocity is agents per unit, so the unit decides. */
static void
contagion_by_unit(void **state)
{
    struct security_params params = defaults;
    struct security_report report;

    (void)state;
    params.contagion_velocity = 2.0;
    report = analyze(&params, spread, 4, NULL);
    assert_int_equal(report.sign_count, 0);
    security_report_fini(&report);
    params.time_unit = 60.0;
    report = analyze(&params, spread, 4, NULL);
    assert_int_equal(report.sign_count, 1);
    assert_close(report.signs[0].measure, 3.0 / (2.0 / 60.0 + 0.01), NEAR);
    assert_close(report.signs[0].confidence, 0.9, NEAR);
    security_report_fini(&report);
}

/* Agent 5 infects 1 a moment later: the same agents but for the source. Who starts within a longer chain is dropped. */
static void
contained_chains(void **state)
{
    const struct detect_interaction items[] = {
        {.initiator = 0, .counterparty = 1, .accepted = 1, .p = 0.29, .time = 0},
        {.initiator = 2, .counterparty = 1, .accepted = 1, .p = 0.29, .time = 0},
        {.initiator = 1, .counterparty = 2, .accepted = 1, .p = 0.29, .time = 1},
        {.initiator = 1, .counterparty = 3, .accepted = 1, .p = 0.29, .time = 1},
    };
    struct security_report report = analyze(&defaults, items, 4, NULL);

    (void)state;
    assert_int_equal(report.count[SECURITY_CONTAGION], 1); /* 2, 1, 3 lies within 0, 1, 2, 3 */
    assert_int_equal(report.signs[0].source, 0);
    assert_int_equal(report.depth_max, 3);
    security_report_fini(&report);
}

/* 0 -> 1 -> 2: from trust .1 to .9 over one that is itself little trusted. */
static void
laundering(void **state)
{
    const double trust[AGENTS] = {0.1, 0.2, 0.9, 0.5, 0.5, 0.5};
    const struct detect_interaction items[] = {
        {.initiator = 0, .counterparty = 1, .accepted = 1, .p = 0.9},
        {.initiator = 1, .counterparty = 2, .accepted = 1, .p = 0.9},
        {.initiator = 3, .counterparty = 2, .p = 0.9}, /* refused: no way */
    };
    struct security_report report = analyze(&defaults, items, 3, trust);

    (void)state;
    assert_int_equal(report.sign_count, 1);
    assert_int_equal(report.signs[0].kind, SECURITY_LAUNDERING);
    assert_int_equal(report.signs[0].source, 0);
    assert_int_equal(report.signs[0].size, 2);
    assert_int_equal(report.agents[0], 1);
    assert_int_equal(report.agents[1], 2);
    assert_close(report.signs[0].measure, 0.8, NEAR);
    assert_close(report.score[0], 1.0 * 0.8, NEAR);
    assert_close(report.score[1], 0.0, NEAR);
    assert_close(report.score[2], 0.24, NEAR);
    assert_close(report.laundering_rate, 1.0 / 3.0, NEAR);
    assert_int_equal(report.flagged_count, 1);
    security_report_fini(&report);
}

/* Two of three interactions were paid for in reputation: rate 2/3. */
static void
manipulation(void **state)
{
    const struct detect_interaction items[] = {
        {.initiator = 0, .counterparty = 1, .accepted = 1, .p = 0.35, .r_a = 0.25},
        {.initiator = 0, .counterparty = 1, .accepted = 1, .p = 0.35, .r_a = 0.5},
        {.initiator = 0, .counterparty = 2, .accepted = 1, .p = 0.9},
        {.initiator = 3, .counterparty = 2, .accepted = 1, .p = 0.35, .r_a = 0.5}, /* too few to judge */
    };
    struct security_report report = analyze(&defaults, items, 4, NULL);

    (void)state;
    assert_int_equal(report.sign_count, 1);
    assert_int_equal(report.signs[0].kind, SECURITY_MANIPULATION);
    assert_int_equal(report.signs[0].size, 1);
    assert_int_equal(report.agents[0], 1);
    assert_close(report.signs[0].measure, 0.75, NEAR);
    assert_close(report.score[0], 2.0 / 3.0 * (0.5 + 0.4 * 2.0 / 3.0), NEAR);
    assert_close(report.manipulation_rate, 1.0 / 6.0, NEAR);
    security_report_fini(&report);
}

/* A misuse of 2: injection .4 with confidence .6, and exfiltration .6 with .6. The higher risk is the score. */
static void
exfiltration(void **state)
{
    const struct detect_interaction item = {.initiator = 4, .counterparty = 5, .accepted = 1, .p = 0.9, .misuse = 2};
    struct security_report report = analyze(&defaults, &item, 1, NULL);

    (void)state;
    assert_int_equal(report.sign_count, 2);
    assert_int_equal(report.signs[0].kind, SECURITY_INJECTION);
    assert_int_equal(report.signs[1].kind, SECURITY_EXFILTRATION);
    assert_close(report.score[4], 0.36, NEAR);
    assert_close(report.score[5], 0.108, NEAR);
    assert_close(report.injection_rate, 1.0, NEAR);
    security_report_fini(&report);
}

static void
nothing_to_see(void **state)
{
    struct security_report report = analyze(&defaults, NULL, 0, NULL);

    (void)state;
    assert_int_equal(report.sign_count, 0);
    assert_close(report.score[5] + report.ecosystem, 0.0, NEAR);
    security_report_fini(&report);
    assert_null(report.score);
}

static const struct test_case cases[] = {
    {"bad work spreads", contagion},
    {"a velocity has a unit", contagion_by_unit},
    {"a chain within a deeper one is dropped", contained_chains},
    {"trust is laundered", laundering},
    {"somebody is talked into it", manipulation},
    {"data is carried off", exfiltration},
    {"nothing to see", nothing_to_see},
};

int
main(void)
{
    return TEST_ROWS("security_injection", injections, injection) + TEST_CASES("security_analyze", cases);
}
