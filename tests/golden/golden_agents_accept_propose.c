#include "tests/golden/golden_compat.h"

static void
compare_met(const struct compat_memory *memory, const json_t *want)
{
    json_t *entry;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)want, key, entry) {
        const struct compat_bond *bond = compat_memory_find(memory, 0, case_number(key));

        assert_int_equal(bond == NULL ? 0 : bond->met, json_integer_value(entry));
    }
}

static void
accept(enum compat_type type, const json_t *in, const json_t *out, struct compat_memory *memory)
{
    const json_t *offer = json_object_get(in, "proposal");
    struct compat_proposal proposal = {
        .initiator = case_id(offer, "initiator"), .kind = case_kind(case_text(offer, "interaction_type")),
        .transfer = golden_real(offer, "offered_transfer")};
    struct compat_draws draws;
    double script[CASE_DRAWS];

    case_draws(&draws, script, in);
    assert_int_equal(
        compat_policy_accept(type, 0, &proposal, memory, &draws), json_is_true(json_object_get(out, "accept")));
    assert_int_equal(draws.used, (int)golden_real(out, "draws_used"));
    compare_met(memory, json_object_get(out, "interactions_with"));
}

static void
propose(enum compat_type type, const json_t *in, const json_t *out, const struct compat_memory *memory)
{
    struct compat_seen_agent agents[CASE_AGENTS];
    struct compat_observation seen = {
        .agent = 0, .work_count = (uint32_t)golden_real(in, "active_tasks"), .agents = agents,
        .agent_count = case_agents(json_object_get(in, "visible_agents"), agents)};
    struct compat_offer offer;
    struct compat_draws draws;
    bool made;

    compat_draws_script(&draws, (double[]){0.5}, 1);
    made = compat_policy_propose(type, &seen, case_id(in, "counterparty"), memory, &draws, &offer);
    assert_int_equal(made, !json_is_null(out));
    assert_int_equal(draws.used, 0);
    if (made) {
        assert_int_equal(offer.kind, case_kind(case_text(out, "interaction_type")));
        assert_close(offer.transfer, golden_real(out, "offered_transfer"), 0.0);
    }
}

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    enum compat_type type = case_type(case_text(in, "agent"));
    struct compat_memory memory;

    (void)index;
    case_memory(&memory, json_object_get(in, "state"));
    if (strcmp(case_text(in, "fn"), "accept_interaction") == 0)
        accept(type, in, out, &memory);
    else
        propose(type, in, out, &memory);
    compat_memory_fini(&memory);
    count->values++;
    count->equal++;
}

static void
cases(void **state)
{
    (void)state;
    golden_run("agents_accept_propose", compare);
}

static const struct test_case groups[] = {{"agents_accept_propose", cases}};

int
main(void)
{
    return TEST_CASES("golden: agents_accept_propose", groups);
}
