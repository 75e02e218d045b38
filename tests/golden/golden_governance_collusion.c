#include "core/collusion.h"

#include "tests/golden/governance_case.h"

#define ROWS_MAX 512

static struct detect_interaction rows[ROWS_MAX];

/* ---- the detector ---- */

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
            .tau = json_number_value(json_array_get(row, 4)), .cost_a = json_number_value(json_array_get(row, 5)),
            .cost_b = json_number_value(json_array_get(row, 6)), .time = json_number_value(json_array_get(row, 7))};
    }
    return count;
}

static const struct collusion_pair *
pair_find(const struct collusion_report *report, uint32_t a, uint32_t b)
{
    for (uint32_t i = 0; i < report->pair_count; i++)
        if (report->pairs[i].a == a && report->pairs[i].b == b)
            return &report->pairs[i];
    fail_msg("no pair a%u a%u", a, b);
    return NULL;
}

static void
compare_pair(struct golden_count *count, size_t index, const struct collusion_report *report, const json_t *want)
{
    const struct collusion_pair *got = pair_find(report, agent_at(want, "agent_a"), agent_at(want, "agent_b"));

    assert_true(got->flagged);
    golden_compare(count, index, "interactions", got->evidence.n, golden_real(want, "interaction_count"), NEAR);
    golden_compare(count, index, "acceptance", got->evidence.accepted,
        golden_real(want, "mutual_acceptance_rate"), NEAR);
    golden_compare(count, index, "gain a", got->gain_a, golden_real(want, "avg_benefit_a"), NEAR);
    golden_compare(count, index, "gain b", got->gain_b, golden_real(want, "avg_benefit_b"), NEAR);
    golden_compare(count, index, "correlation", got->evidence.correlation,
        golden_real(want, "benefit_correlation"), NEAR);
    golden_compare(count, index, "p a", got->evidence.p_a, golden_real(want, "avg_p_when_a_initiates"), NEAR);
    golden_compare(count, index, "p b", got->evidence.p_b, golden_real(want, "avg_p_when_b_initiates"), NEAR);
    golden_compare(count, index, "gap", got->gap_mean, golden_real(want, "avg_time_between_interactions"), NEAR);
    golden_compare(count, index, "burstiness", got->burstiness, golden_real(want, "interaction_burstiness"), NEAR);
    golden_compare(count, index, "score", got->score, golden_real(want, "collusion_score"), NEAR);
}

static void
compare_detector(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const struct collusion_params params = {
        .null = COLLUSION_NULL_COUNTS, .frequency_threshold = golden_real(in, "frequency_threshold"),
        .interactions_min = golden_real(in, "min_interactions_for_analysis"),
        .score_threshold = golden_real(in, "collusion_score_threshold")};
    const json_t *pairs = json_object_get(out, "pairs"), *want;
    size_t size = read_rows(json_object_get(in, "interactions"));
    struct collusion_report report = {0};
    const char *name;

    collusion_analyze(&params, rows, size, (uint32_t)json_array_size(json_object_get(in, "agents")), &report);
    golden_compare(count, index, "flagged pairs", report.flagged_count, golden_real(out, "n_flagged_pairs"), NEAR);
    golden_compare(count, index, "flagged groups", report.group_count, golden_real(out, "n_flagged_groups"), NEAR);
    golden_compare(count, index, "mean", report.score_mean, golden_real(out, "avg_pair"), NEAR);
    golden_compare(count, index, "highest", report.score_max, golden_real(out, "max_pair"), NEAR);
    golden_compare(count, index, "ecosystem", report.ecosystem, golden_real(out, "ecosystem_collusion_risk"), NEAR);
    assert_int_equal(json_array_size(pairs), report.flagged_count);
    assert_int_equal(json_array_size(json_object_get(out, "groups")), report.group_count);
    for (size_t i = 0; i < json_array_size(pairs); i++)
        compare_pair(count, index, &report, json_array_get(pairs, i));
    json_object_foreach (json_object_get(out, "agent_risk"), name, want)
        golden_compare(count, index, "risk", report.risk[agent_of(name)], json_number_value(want), NEAR);
    collusion_report_fini(&report);
}

/* ---- the lever ---- */

static void
compare_lever(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *ops = json_object_get(in, "ops"), *steps = json_object_get(out, "steps");
    struct governance_case held;

    case_open(&held, in, COMPAT_V1, NULL);
    for (size_t i = 0; i < json_array_size(ops); i++) {
        if (i == json_array_size(ops) / 2)
            case_reload(&held, COMPAT_V1);
        case_step(&held, json_array_get(ops, i));
        compare_effect(count, index, &held, json_array_get(steps, i));
    }
    case_close(&held);
}

/* ---- votes and clusters ---- */

static uint32_t
number_of(const char *name)
{
    return (uint32_t)strtoul(name + 1, NULL, 10); /* "v4", "t0" */
}

static void
compare_votes(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    static struct collusion_vote votes[ROWS_MAX];
    struct collusion_alignment found[64];
    const json_t *list = json_object_get(in, "votes");
    size_t size = json_array_size(list);

    assert_true(size <= ROWS_MAX);
    for (size_t i = 0; i < size; i++) {
        const json_t *vote = json_array_get(list, i);

        votes[i] = (struct collusion_vote){
            number_of(json_string_value(json_object_get(vote, "voter"))),
            number_of(json_string_value(json_object_get(vote, "target"))), (int32_t)golden_real(vote, "direction")};
    }
    assert_int_equal(collusion_votes(votes, size, golden_real(in, "threshold"), found, 64), json_array_size(out));
    count->values++;
    count->equal++;
    for (size_t i = 0; i < json_array_size(out); i++) {
        const json_t *want = json_array_get(out, i);

        assert_int_equal(found[i].a, number_of(json_string_value(json_array_get(want, 0))));
        assert_int_equal(found[i].b, number_of(json_string_value(json_array_get(want, 1))));
        golden_compare(
            count, index, "agreement", found[i].agreement, json_number_value(json_array_get(want, 2)), NEAR);
    }
}

static void
compare_clusters(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *list = json_object_get(in, "rows"), *want;
    const char *name;

    json_object_foreach ((json_t *)(uintptr_t)out, name, want) {
        double times[ROWS_MAX];
        size_t size = 0;

        for (size_t i = 0; i < json_array_size(list); i++) {
            const json_t *row = json_array_get(list, i);

            if (strcmp(name, json_string_value(json_array_get(row, 0))) == 0 ||
                strcmp(name, json_string_value(json_array_get(row, 1))) == 0)
                times[size++] = json_number_value(json_array_get(row, 2));
        }
        golden_compare(count, index, name, collusion_clustering(times, size, golden_real(in, "window_seconds")),
            json_number_value(want), NEAR);
    }
}

static void
detector(void **state)
{
    (void)state;
    golden_run("governance_collusion_detector", compare_detector);
}

static void
lever(void **state)
{
    (void)state;
    golden_run("governance_collusion_lever", compare_lever);
}

static void
vote_coordination(void **state)
{
    (void)state;
    golden_run("governance_vote_coordination", compare_votes);
}

static void
temporal_clustering(void **state)
{
    (void)state;
    golden_run("governance_temporal_clustering", compare_clusters);
}

static const struct test_case groups[] = {
    {"detector", detector}, {"lever", lever}, {"vote_coordination", vote_coordination},
    {"temporal_clustering", temporal_clustering}};

int
main(void)
{
    return TEST_CASES("golden governance collusion", groups);
}
