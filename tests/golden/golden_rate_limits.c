#include "world/sandbox/rails.h"

#include "tests/golden/golden.h"

static const struct {
    const char *op, *used, *limit;
    enum rails_count count;
} kinds[] = {
    {"post", "posts_used", "posts_per_epoch", RAILS_POST},
    {"vote", "votes_used", "votes_per_epoch", RAILS_VOTE},
    {"task", "tasks_used", "tasks_per_epoch", RAILS_CLAIM},
    {"bounty", "bounties_used", "bounties_per_epoch", RAILS_BOUNTY},
    {"bid", "bids_used", "bids_per_epoch", RAILS_BID},
    {"interact", "interactions_used", "interactions_per_step", RAILS_INTERACTION},
};

static struct rails *
rails_of(const json_t *limits)
{
    struct rails_params params;

    params_default(&rails_params_list, &params);
    params.max_posts_per_epoch = (uint32_t)golden_real(limits, "posts_per_epoch");
    params.max_votes = (uint32_t)golden_real(limits, "votes_per_epoch");
    params.max_task_claims = (uint32_t)golden_real(limits, "tasks_per_epoch");
    params.max_bounties = (uint32_t)golden_real(limits, "bounties_per_epoch");
    params.max_bids = (uint32_t)golden_real(limits, "bids_per_epoch");
    params.max_interactions_per_step = (uint32_t)golden_real(limits, "interactions_per_step");
    return rails_new(&params, 2);
}

static void
apply(struct rails *rails, const char *op, const json_t *want)
{
    if (strcmp(op, "advance_step") == 0) {
        rails_begin_step(rails);
        return;
    }
    if (strcmp(op, "advance_epoch") == 0) {
        rails_begin_epoch(rails);
        return;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(op, kinds[i].op) == 0) {
            assert_int_equal(rails_left(rails, kinds[i].count, 1) > 0, json_is_true(want));
            assert_int_equal(rails_use(rails, kinds[i].count, 1), json_is_true(want));
            return;
        }
    assert_string_equal(op, "a known operation");
}

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    const json_t *ops = json_object_get(in, "ops"), *allowed = json_object_get(out, "allowed");
    struct rails *rails = rails_of(json_object_get(in, "limits"));

    for (size_t i = 0; i < json_array_size(ops); i++) {
        apply(rails, json_string_value(json_array_get(ops, i)), json_array_get(allowed, i));
        count->values++;
        count->equal++;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        golden_compare(count, index, kinds[i].used, rails_used(rails, kinds[i].count, 1),
                       golden_real(json_object_get(out, "used"), kinds[i].used), 0.0);
        assert_int_equal(rails_used(rails, kinds[i].count, 0), 0);
    }
    rails_destroy(&rails);
}

static void
limits(void **state)
{
    (void)state;
    golden_run("rate_limits", compare);
}

static const struct test_case groups[] = {{"rate_limits", limits}};

int
main(void)
{
    return TEST_CASES("golden: rate limits", groups);
}
