#include "world/sandbox/rails.h"

#include "tests/support/test.h"

#include <string.h>

static struct rails_params
defaults(void)
{
    struct rails_params params;

    params_default(&rails_params_list, &params);
    return params;
}

static const struct row {
    const char *name;
    struct rails_wish wish;
    enum sandbox_refusal want;
} rows[] = {
    {"a worker posts", {.role = SANDBOX_WORKER, .verb = VERB_POST, .text = "hi", .text_size = 2}, REFUSAL_NONE},
    {"a worker may not verify", {.role = SANDBOX_WORKER, .verb = VERB_VERIFY}, REFUSAL_ROLE},
    {"a verifier may", {.role = SANDBOX_VERIFIER, .verb = VERB_VERIFY}, REFUSAL_NONE},
    {"a verifier may not claim", {.role = SANDBOX_VERIFIER, .verb = VERB_CLAIM_TASK}, REFUSAL_ROLE},
    {"a poster may not hand in work", {.role = SANDBOX_POSTER, .verb = VERB_SUBMIT_WORK}, REFUSAL_ROLE},
    {"a planner claims", {.role = SANDBOX_PLANNER, .verb = VERB_CLAIM_TASK}, REFUSAL_NONE},
    {"a moderator votes", {.role = SANDBOX_MODERATOR, .verb = VERB_VOTE}, REFUSAL_NONE},
    {"everybody proposes", {.role = SANDBOX_MODERATOR, .verb = VERB_PASS}, REFUSAL_NONE},
    {"a worker bids", {.role = SANDBOX_WORKER, .verb = VERB_BID}, REFUSAL_NONE},
    {"a worker does not plan", {.role = SANDBOX_WORKER, .verb = VERB_DECOMPOSE}, REFUSAL_ROLE},
    {"as long as allowed", {.role = SANDBOX_WORKER, .verb = VERB_POST, .text = "12345", .text_size = 5}, REFUSAL_NONE},
    {"one byte too long",
     {.role = SANDBOX_WORKER, .verb = VERB_REPLY, .text = "123456", .text_size = 6},
     REFUSAL_LENGTH},
    {"no UTF-8", {.role = SANDBOX_WORKER, .verb = VERB_POST, .text = "\xff", .text_size = 1}, REFUSAL_TEXT},
    {"text does not matter to a vote",
     {.role = SANDBOX_WORKER, .verb = VERB_VOTE, .text = "\xff", .text_size = 1},
     REFUSAL_NONE},
    {"all of the budget", {.role = SANDBOX_WORKER, .verb = VERB_PASS, .spending = 100000000}, REFUSAL_NONE},
    {"a millionth more", {.role = SANDBOX_WORKER, .verb = VERB_PASS, .spending = 100000001}, REFUSAL_BUDGET},
};

static void
wish(void **state)
{
    const struct row *row = *state;
    struct rails_params params = defaults();
    struct rails_wish wish = row->wish;
    struct rails *rails;

    params.max_content_length = 5;
    rails = rails_new(&params, 2);
    wish.agent = 1;
    wish.step = 1;
    wish.text = wish.text == NULL ? "" : wish.text;
    assert_int_equal(rails_check(rails, &wish), row->want);
    assert_int_equal(rails_check(rails, &wish), row->want); /* looking changes nothing */
    assert_int_equal(rails_kill(rails, true, NULL), 0);
    assert_int_equal(rails_check(rails, &wish), REFUSAL_KILL_SWITCH);
    assert_int_equal(rails_kill(rails, false, NULL), 0);
    assert_int_equal(rails_check(rails, &wish), row->want);
    rails_destroy(&rails);
}

static enum sandbox_refusal
try(struct rails *rails, enum sandbox_verb verb, uint64_t step, int64_t spending)
{
    struct rails_wish wish = {.role = SANDBOX_WORKER, .verb = verb, .text = "", .step = step, .spending = spending};
    enum sandbox_refusal refusal = rails_check(rails, &wish);

    if (refusal == REFUSAL_NONE)
        rails_accept(rails, &wish);
    return refusal;
}

static void
intervals(void **state)
{
    struct rails_params params = defaults();
    struct rails *rails;

    (void)state;
    params.min_steps_between_posts = 3;
    params.max_posts_per_epoch = 2;
    rails = rails_new(&params, 1);
    assert_int_equal(try(rails, VERB_POST, 1, 0), REFUSAL_NONE);
    assert_int_equal(try(rails, VERB_REPLY, 3, 0), REFUSAL_INTERVAL);
    assert_int_equal(try(rails, VERB_VOTE, 3, 0), REFUSAL_NONE);
    assert_int_equal(try(rails, VERB_REPLY, 4, 0), REFUSAL_NONE);
    assert_int_equal(try(rails, VERB_POST, 9, 0), REFUSAL_RATE);
    assert_int_equal(rails_used(rails, RAILS_POST, 0), 2);
    rails_begin_epoch(rails);
    assert_int_equal(try(rails, VERB_POST, 9, 0), REFUSAL_NONE);
    rails_destroy(&rails);
}

static void
budget(void **state)
{
    struct rails_params params = defaults();
    struct rails *rails;

    (void)state;
    params.budget_per_epoch = 10;
    rails = rails_new(&params, 1);
    assert_int_equal(try(rails, VERB_PASS, 1, 6), REFUSAL_NONE);
    assert_int_equal(try(rails, VERB_PASS, 1, 5), REFUSAL_BUDGET);
    assert_int_equal(rails_budget_left(rails, 0), 4);
    assert_int_equal(try(rails, VERB_PASS, 1, 4), REFUSAL_NONE);
    rails_begin_epoch(rails);
    assert_int_equal(rails_budget_left(rails, 0), 10);
    rails_destroy(&rails);
}

/* Half a token a step, at most two: two at once, then one every second step; a long rest brings two again, not
 * more. */
static void
bucket(void **state)
{
    static const struct {
        uint64_t step;
        enum sandbox_refusal want;
    } tries[] = {{1, REFUSAL_NONE}, {1, REFUSAL_NONE}, {1, REFUSAL_RATE}, {2, REFUSAL_RATE}, {3, REFUSAL_NONE},
                 {4, REFUSAL_RATE}, {5, REFUSAL_NONE}, {50, REFUSAL_NONE}, {50, REFUSAL_NONE}, {50, REFUSAL_RATE}};
    struct rails_params params = defaults();
    struct rails *rails;

    (void)state;
    params.token_rate = 0.5;
    params.token_burst = 2;
    rails = rails_new(&params, 1);
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++)
        assert_int_equal(try(rails, VERB_VOTE, tries[i].step, 0), tries[i].want);
    rails_destroy(&rails);
}

static void
switch_off(void **state)
{
    struct rails_params params = defaults();
    struct rails *rails;
    struct why why = {0};

    (void)state;
    params.kill_switch_enabled = false;
    rails = rails_new(&params, 1);
    assert_int_equal(rails_kill(rails, true, &why), ERR_DENIED);
    assert_false(rails_killed(rails));
    assert_string_equal(rails_refusal_name(REFUSAL_UNAVAILABLE), "unavailable");
    assert_null(rails_refusal_name(REFUSAL_LINK + 1));
    rails_destroy(&rails);
}

static const struct test_case cases[] = {
    {"posts: interval and limit", intervals},
    {"budget", budget},
    {"token bucket", bucket},
    {"a disabled kill switch", switch_off},
};

int
main(void)
{
    return TEST_ROWS("rails_check", rows, wish) + TEST_CASES("rails", cases);
}
