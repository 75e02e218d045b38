#include "tests/golden/governance_case.h"

/* All levers together, step by step; the state is saved and loaded half way. */
static void
compare_engine(
    struct golden_count *count, size_t index, const json_t *in, const json_t *out, enum compat_version version)
{
    const json_t *ops = json_object_get(in, "ops"), *steps = json_object_get(out, "steps"), *want;
    struct governance_case held;
    const char *name;

    case_open(&held, in, version, json_object_get(in, "audit_draws"));
    assert_int_equal(json_array_size(ops), json_array_size(steps));
    for (size_t i = 0; i < json_array_size(ops); i++) {
        if (i == json_array_size(ops) / 2)
            case_reload(&held, version);
        case_step(&held, json_array_get(ops, i));
        compare_effect(count, index, &held, json_array_get(steps, i));
    }
    json_object_foreach (json_object_get(out, "can_act"), name, want)
        golden_compare(count, index, "can act", compat_levers_can_act(held.levers, &held.agents, agent_of(name)),
            json_is_true(want), 0.0);
    case_close(&held);
}

static void
compare_v1(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    compare_engine(count, index, in, out, COMPAT_V1);
}

static void
compare_v1g(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    compare_engine(count, index, in, out, COMPAT_V1G);
}

static void
engine(void **state)
{
    (void)state;
    golden_run("governance_engine", compare_v1);
}

static void
engine_later(void **state)
{
    (void)state;
    golden_run("governance_engine_later", compare_v1g);
}

static const struct test_case groups[] = {{"engine", engine}, {"engine_later", engine_later}};

int
main(void)
{
    return TEST_CASES("golden governance engine", groups);
}
