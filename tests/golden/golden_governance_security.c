#include "core/security.h"

#include "tests/golden/governance_case.h"

#define ROWS_MAX 512

static struct detect_interaction rows[ROWS_MAX];

/* ---- the analysis ---- */

static size_t
read_rows(const json_t *list)
{
    size_t count = json_array_size(list);

    assert_true(count <= ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *row = json_array_get(list, i);

        rows[i] = (struct detect_interaction){
            .initiator = agent_of(json_string_value(json_array_get(row, 0))),
            .counterparty = agent_of(json_string_value(json_array_get(row, 1))),
            .accepted = json_is_true(json_array_get(row, 2)), .p = json_number_value(json_array_get(row, 3)),
            .tau = json_number_value(json_array_get(row, 4)), .r_a = json_number_value(json_array_get(row, 5)),
            .misuse = (uint32_t)json_integer_value(json_array_get(row, 6)),
            .rejections = (uint32_t)json_integer_value(json_array_get(row, 7)),
            .time = json_number_value(json_array_get(row, 8))};
    }
    return count;
}

static const char *const kinds[SECURITY_KINDS] = {
    "prompt_injection", "exfiltration", "cross_agent_manipulation", "information_laundering", "contagion"};

/* The peers list an indicator's targets by id, and of a laundering only its end. */
static void
compare_targets(const struct security_report *report, const struct security_sign *sign, const json_t *want)
{
    const uint32_t *agents = &report->agents[sign->first];
    uint32_t from = sign->kind == SECURITY_LAUNDERING ? sign->size - 1 : 0;
    bool target[AGENTS_MAX] = {0};

    for (uint32_t i = from; i < sign->size; i++)
        target[agents[i]] = true;
    assert_int_equal(json_array_size(want), sign->size - from);
    for (size_t i = 0; i < json_array_size(want); i++)
        assert_true(target[agent_of(json_string_value(json_array_get(want, i)))]);
}

static void
compare_signs(struct golden_count *count, size_t index, const struct security_report *report, const json_t *list)
{
    assert_int_equal(json_array_size(list), report->sign_count);
    for (size_t i = 0; i < report->sign_count; i++) {
        const struct security_sign *got = &report->signs[i];
        const json_t *want = json_array_get(list, i);

        assert_string_equal(kinds[got->kind], json_string_value(json_object_get(want, "type")));
        assert_int_equal(got->source, agent_at(want, "source"));
        compare_targets(report, got, json_object_get(want, "targets"));
        golden_compare(count, index, "severity", got->severity, golden_real(want, "severity"), NEAR);
        golden_compare(count, index, "confidence", got->confidence, golden_real(want, "confidence"), NEAR);
        golden_compare(count, index, "risk", security_sign_risk(got), golden_real(want, "risk"), NEAR);
    }
}

/* The agents of a list, in its order, are those of a sign from `from` on. */
static void
compare_order(const struct security_report *report, const struct security_sign *sign, const json_t *want, size_t skip)
{
    for (size_t i = skip; i < json_array_size(want); i++)
        assert_int_equal(
            report->agents[sign->first + i - skip], agent_of(json_string_value(json_array_get(want, i))));
}

static void
compare_patterns(struct golden_count *count, size_t index, const struct security_report *report, const json_t *out)
{
    const struct security_sign *at = report->signs + report->count[SECURITY_INJECTION];
    const json_t *list = json_object_get(out, "manipulation"), *want;
    size_t i;

    at += report->count[SECURITY_EXFILTRATION];
    assert_int_equal(json_array_size(list), report->count[SECURITY_MANIPULATION]);
    json_array_foreach (list, i, want) {
        golden_compare(count, index, "successes", at->severity, golden_real(want, "success_rate"), NEAR);
        golden_compare(count, index, "influence", at->measure, golden_real(want, "influence_delta"), NEAR);
        compare_order(report, at++, json_object_get(want, "victims"), 0);
    }
    list = json_object_get(out, "laundering");
    assert_int_equal(json_array_size(list), report->count[SECURITY_LAUNDERING]);
    json_array_foreach (list, i, want) {
        golden_compare(count, index, "gain", at->measure, golden_real(want, "trust_gain"), NEAR);
        assert_int_equal(at->size, json_array_size(json_object_get(want, "intermediaries")) + 1);
        compare_order(report, at++, json_object_get(want, "intermediaries"), 0);
    }
    list = json_object_get(out, "contagion");
    assert_int_equal(json_array_size(list), report->count[SECURITY_CONTAGION]);
    json_array_foreach (list, i, want) {
        golden_compare(count, index, "velocity", at->measure, golden_real(want, "velocity"), NEAR);
        assert_int_equal(at->size, golden_real(want, "depth"));
        assert_int_equal(at->size + 1, golden_real(want, "spread"));
        compare_order(report, at++, json_object_get(want, "path"), 1);
    }
}

static void
compare_totals(struct golden_count *count, size_t index, const struct security_report *report, const json_t *out)
{
    const struct {
        const char *name;
        double got;
    } totals[] = {
        {"prompt_injection_rate", report->injection_rate}, {"manipulation_rate", report->manipulation_rate},
        {"laundering_rate", report->laundering_rate}, {"contagion_depth", report->depth_max},
        {"exfiltration_attempts", report->count[SECURITY_EXFILTRATION]},
        {"ecosystem_threat_level", report->ecosystem}, {"active_threat_count", (double)report->sign_count},
    };
    const char *name;
    const json_t *want;

    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++)
        golden_compare(count, index, totals[i].name, totals[i].got, golden_real(out, totals[i].name), NEAR);
    json_object_foreach (json_object_get(out, "agent_threat_scores"), name, want)
        golden_compare(count, index, name, report->score[agent_of(name)], json_number_value(want), NEAR);
    assert_int_equal(report->flagged_count, json_array_size(json_object_get(out, "agents_flagged")));
}

static void
compare_analysis(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const struct security_params params = {
        .injection_threshold = golden_real(in, "injection_threshold"),
        .manipulation_threshold = golden_real(in, "manipulation_threshold"),
        .laundering_gap = golden_real(in, "laundering_trust_gap"),
        .contagion_velocity = golden_real(in, "contagion_velocity_threshold"),
        .chain_min = (uint32_t)golden_real(in, "min_chain_length"), .time_unit = 60.0};
    const json_t *scores = json_object_get(out, "injection_scores"), *want;
    size_t size = read_rows(json_object_get(in, "interactions"));
    struct security_report report = {0};
    double trust[AGENTS_MAX];
    const char *name;

    for (uint32_t i = 0; i < AGENTS_MAX; i++)
        trust[i] = SECURITY_TRUST;
    json_object_foreach (json_object_get(in, "trust"), name, want)
        trust[agent_of(name)] = json_number_value(want);
    security_analyze(&params, rows, size, trust, (uint32_t)json_array_size(json_object_get(in, "agents")), &report);
    for (size_t i = 0; i < size; i++)
        golden_compare(count, index, "injection", security_injection(&rows[i]),
            json_number_value(json_array_get(scores, i)), NEAR);
    compare_signs(count, index, &report, json_object_get(out, "indicators"));
    compare_patterns(count, index, &report, out);
    compare_totals(count, index, &report, out);
    security_report_fini(&report);
}

/* ---- the lever ---- */

static void
compare_lever(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *ops = json_object_get(in, "ops"), *steps = json_object_get(out, "steps");
    bool quarantined[AGENTS_MAX] = {0};
    struct governance_case held;

    case_open(&held, in, COMPAT_V1, NULL);
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const json_t *step = json_array_get(steps, i), *want;
        const char *name;

        if (i == json_array_size(ops) / 2)
            case_reload(&held, COMPAT_V1);
        case_step(&held, json_array_get(ops, i));
        compare_effect(count, index, &held, step);
        json_object_foreach (json_object_get(step, "can_act"), name, want)
            golden_compare(count, index, "can act", compat_levers_can_act(held.levers, &held.agents, agent_of(name)),
                json_is_true(want), 0.0);
    }
    for (uint32_t i = 0; i < AGENTS_MAX; i++)
        quarantined[i] = compat_levers_quarantined(held.levers, i);
    compare_set(count, index, "quarantined", quarantined, json_object_get(out, "quarantined"));
    case_close(&held);
}

static void
analyzer(void **state)
{
    (void)state;
    golden_run("governance_security_analyzer", compare_analysis);
}

static void
lever(void **state)
{
    (void)state;
    golden_run("governance_security_lever", compare_lever);
}

static const struct test_case groups[] = {{"analyzer", analyzer}, {"lever", lever}};

int
main(void)
{
    return TEST_CASES("golden governance security", groups);
}
