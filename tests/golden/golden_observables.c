#include "tests/golden/golden_compat.h"
#include "world/compat/observables.h"

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out, enum compat_version version)
{
    struct compat_draws draws;
    struct observables seen;
    double script[CASE_DRAWS];

    case_draws(&draws, script, in);
    compat_observables_draw(
        version, case_type(case_text(in, "initiator_type")), golden_real(in, "initiator_reputation"),
        json_is_true(json_object_get(in, "accepted")), &draws, &seen);
    golden_compare(count, index, "progress", seen.progress, golden_real(out, "task_progress_delta"), 0.0);
    golden_compare(count, index, "rework", seen.rework, golden_real(out, "rework_count"), 0.0);
    golden_compare(count, index, "rejections", seen.rejections, golden_real(out, "verifier_rejections"), 0.0);
    golden_compare(count, index, "misuse", seen.misuse, golden_real(out, "tool_misuse_flags"), 0.0);
    golden_compare(
        count, index, "engagement", seen.engagement, golden_real(out, "counterparty_engagement_delta"), 0.0);
    golden_compare(count, index, "v_hat", proxy_v_hat(compat_proxy(), &seen), golden_real(out, "v_hat"), 0.0);
    golden_compare(count, index, "p", proxy_p(compat_proxy(), &seen), golden_real(out, "p"), 1e-15);
    golden_compare(count, index, "draws", (double)draws.used, golden_real(out, "draws_used"), 0.0);
}

static void
compare_v1(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    compare(count, index, in, out, COMPAT_V1);
}

static void
compare_v1g(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    compare(count, index, in, out, COMPAT_V1G);
}

static void
v1_cases(void **state)
{
    (void)state;
    golden_run("observables", compare_v1);
}

static void
v1g_cases(void **state)
{
    (void)state;
    golden_run("observables_later", compare_v1g);
}

static const struct test_case groups[] = {{"observables", v1_cases}, {"observables_later", v1g_cases}};

int
main(void)
{
    return TEST_CASES("golden: observables", groups);
}
