#include "tests/golden/governance_case.h"

/* ---- levers that look at one interaction ---- */

static void
compare_one(struct golden_count *count, size_t index, const json_t *in, const json_t *out, enum compat_version version)
{
    json_t *draws = json_object_get(in, "draw") ? json_pack("[O]", json_object_get(in, "draw")) : NULL;
    struct governance_case held;

    case_open(&held, in, version, draws);
    case_step(&held, in);
    compare_effect(count, index, &held, out);
    if (json_object_get(out, "reputation_delta_initiator") != NULL)
        golden_compare(count, index, "reputation", held.reputation_change[0],
            golden_real(out, "reputation_delta_initiator"), NEAR);
    if (json_object_get(out, "draws_used") != NULL)
        golden_compare(count, index, "draws", (double)held.draws.used, golden_real(out, "draws_used"), 0.0);
    if (json_object_get(out, "audited") != NULL && !json_is_true(json_object_get(out, "audited")))
        assert_true(held.effect.cost_a == 0.0);
    if (json_is_boolean(json_object_get(out, "accepted")))
        golden_compare(count, index, "accepted", !held.effect.refuse && json_is_true(json_object_get(in, "accepted")),
            json_is_true(json_object_get(out, "accepted")), 0.0);
    case_close(&held);
    json_decref(draws);
}

static void
compare_v1(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    compare_one(count, index, in, out, COMPAT_V1);
}

static void
compare_v1g(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    compare_one(count, index, in, out, COMPAT_V1G);
}

/* ---- decay, vote weight, staking ---- */

static void
compare_decay(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    struct governance_case held;
    json_t *op = json_pack("{s:s, s:i}", "op", "epoch_start", "epoch", 0);
    const char *name;
    const json_t *value;

    case_open(&held, in, COMPAT_V1, NULL);
    case_step(&held, op);
    compare_changes(count, index, "delta", held.reputation_change, json_object_get(out, "deltas"));
    json_object_foreach (json_object_get(out, "after"), name, value) {
        uint32_t i = agent_of(name);

        golden_compare(count, index, "after", held.reputation[i] + held.reputation_change[i], json_number_value(value),
            NEAR);
    }
    case_close(&held);
    json_decref(op);
}

static void
compare_vote_weight(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    struct compat_governance params = governance_params_of(in);

    params.vote_normalization_enabled = json_is_true(json_object_get(in, "enabled"));
    golden_compare(count, index, "weight", compat_vote_weight(&params, golden_real(in, "vote_count")),
        json_number_value(out), NEAR);
}

static void
compare_staking(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    struct governance_case held;
    double resources = golden_real(in, "resources");

    case_open(&held, in, COMPAT_V1, NULL);
    held.resources[0] = resources;
    golden_compare(count, index, "can act", compat_levers_can_act(held.levers, &held.agents, 0),
        json_is_true(json_object_get(out, "can_act")), 0.0);
    golden_compare(count, index, "unknown", compat_levers_can_act(held.levers, &held.agents, AGENTS_MAX),
        json_is_true(json_object_get(out, "unknown_agent_can_act")), 0.0);
    golden_compare(count, index, "slash", compat_stake_slash(&held.params, resources),
        real_or(json_object_get(out, "slash_deltas"), "a", 0.0), NEAR);
    case_close(&held);
}

/* ---- the circuit breaker ---- */

static void
compare_status(struct golden_count *count, size_t index, const struct governance_case *held, const json_t *out)
{
    bool frozen[AGENTS_MAX] = {0};
    const char *name;
    const json_t *want;

    json_object_foreach (json_object_get(out, "status"), name, want) {
        struct compat_breaker_status got = compat_levers_breaker(held->levers, agent_of(name));

        golden_compare(count, index, "violations", (double)got.violations, golden_real(want, "violations"), 0.0);
        golden_compare(
            count, index, "until", (double)got.freeze_until, golden_real(want, "freeze_until_epoch"), 0.0);
        golden_compare(count, index, "toxicity", got.toxicity, golden_real(want, "avg_toxicity"), NEAR);
        assert_int_equal(got.freeze_until >= 0, json_is_true(json_object_get(want, "is_frozen")));
        frozen[agent_of(name)] = got.freeze_until >= 0;
    }
    compare_set(count, index, "frozen", frozen, json_object_get(out, "frozen"));
}

static void
compare_breaker(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *ops = json_object_get(in, "ops"), *steps = json_object_get(out, "steps");
    struct governance_case held;

    case_open(&held, in, COMPAT_V1, NULL);
    assert_int_equal(json_array_size(ops), json_array_size(steps));
    for (size_t i = 0; i < json_array_size(ops); i++) {
        const json_t *op = json_array_get(ops, i), *want = json_array_get(steps, i);

        if (i == json_array_size(ops) / 2)
            case_reload(&held, COMPAT_V1);
        if (!case_step(&held, op) && json_is_number(json_object_get(want, "violations"))) { /* null: it is off */
            struct compat_breaker_status got = compat_levers_breaker(held.levers, agent_at(op, "initiator"));

            golden_compare(count, index, "toxicity", got.toxicity, golden_real(want, "avg_toxicity"), NEAR);
            golden_compare(count, index, "violations", (double)got.violations, golden_real(want, "violations"), 0.0);
        }
        compare_effect(count, index, &held, want);
    }
    compare_status(count, index, &held, out);
    case_close(&held);
}

/* ---- validation ---- */

static void
compare_validation(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    struct compat_governance params = governance_params_of(in);
    const char *key = json_object_iter_key(json_object_iter((json_t *)(uintptr_t)in));
    bool refused = strcmp(json_string_value(out), "rejected") == 0;
    struct why why = {0};
    int rc = compat_governance_check(&params, &why);

    assert_non_null(params_find(&compat_governance_params, key));
    if ((rc != 0) != refused)
        fail_msg("case %zu: %s: %d, \"%s\"", index, key, rc, why.text);
    if (refused && strstr(why.text, key) == NULL)
        fail_msg("case %zu: \"%s\" does not name %s", index, why.text, key);
    golden_compare(count, index, key, rc != 0, refused, 0.0);
}

#define GROUP(function, file, each)                                                                                  \
    static void function(void **state)                                                                               \
    {                                                                                                                \
        (void)state;                                                                                                 \
        golden_run(file, each);                                                                                      \
    }
GROUP(tax, "governance_tax", compare_v1)
GROUP(tax_later, "governance_tax_later", compare_v1g)
GROUP(reputation_decay, "governance_reputation_decay", compare_decay)
GROUP(vote_weight, "governance_vote_weight", compare_vote_weight)
GROUP(staking, "governance_staking", compare_staking)
GROUP(circuit_breaker, "governance_circuit_breaker", compare_breaker)
GROUP(audit, "governance_audit", compare_v1)
GROUP(audit_later, "governance_audit_later", compare_v1g)
GROUP(validation, "governance_validation", compare_validation)
GROUP(transparency, "governance_transparency", compare_v1g)
GROUP(moderator, "governance_moderator", compare_v1g)
GROUP(refinery, "governance_refinery", compare_v1g)

static const struct test_case groups[] = {
    {"tax", tax}, {"tax_later", tax_later}, {"reputation_decay", reputation_decay}, {"vote_weight", vote_weight},
    {"staking", staking}, {"circuit_breaker", circuit_breaker}, {"audit", audit}, {"audit_later", audit_later},
    {"validation", validation}, {"transparency", transparency}, {"moderator", moderator}, {"refinery", refinery},
};

int
main(void)
{
    return TEST_CASES("golden governance", groups);
}
