/* What each policy does in situations worked by hand; that decisions depend on nothing but what is observed. */
#include "tests/unit/agents/view_case.h"

#define NOBODY SANDBOX_NOBODY
#define WORKER SANDBOX_WORKER
#define ALWAYS "interact: 1"

/* ---- proposals ---- */

static const struct proposal_row {
    const char *name, *policy, *params;
    struct case_agent agent;
    double audit, stake_required; /* audit: probability, of power 1 and penalty 2 below 0.5 */
    uint32_t partner;
    double effort, disguise;
    bool asks;
} proposal_rows[] = {
    {"honest: full effort, no disguise, the most believed partner", "honest", ALWAYS ", exploration: 0",
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .candidates = {{10, 0.2, 0.5, 0, 0, 0}, {11, 0.6, 0.5, 0, 0, 0}},
            .candidate_count = 2},
        0, 0, 11, 1.0, 0.0, false},
    {"honest: trust of long standing outweighs reputation", "honest", ALWAYS ", exploration: 0",
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .candidates = {{10, 0.0, 0.95, 10, 9, 0}, {11, 0.6, 0.5, 0, 0, 0}},
            .candidate_count = 2},
        0, 0, 10, 1.0, 0.0, false},
    {"honest: nothing when nobody is there", "honest", ALWAYS, {.resources = 100 * TOKEN, .skill = 0.5}, 0, 0, NOBODY,
        0, 0, false},
    {"honest: nothing that it cannot pay", "honest", ALWAYS ", exploration: 0",
        {.resources = 399999, .skill = 0.5, .candidates = {{10, 0, 0.5, 0, 0, 0}}, .candidate_count = 1}, 0, 0, NOBODY,
        0, 0, false},
    {"honest: just enough is enough", "honest", ALWAYS ", exploration: 0",
        {.resources = 400000, .skill = 0.5, .candidates = {{10, 0, 0.5, 0, 0, 0}}, .candidate_count = 1}, 0, 0, 10, 1,
        0, false},
    {"honest: stops when hardly anything was accepted", "honest", ALWAYS,
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .proposed = 100,
            .candidates = {{10, 0, 0.5, 0, 0, 0}},
            .candidate_count = 1},
        0, 0, NOBODY, 0, 0, false},
    {"honest: frozen", "honest", ALWAYS,
        {.frozen = 1,
            .resources = 100 * TOKEN,
            .skill = 0.5,
            .candidates = {{10, 0, 0.5, 0, 0, 0}},
            .candidate_count = 1},
        0, 0, NOBODY, 0, 0, false},
    {"honest: too little at stake", "honest", ALWAYS,
        {.stake = TOKEN,
            .resources = 100 * TOKEN,
            .skill = 0.5,
            .candidates = {{10, 0, 0.5, 0, 0, 0}},
            .candidate_count = 1},
        0, 2, NOBODY, 0, 0, false},
    {"opportunistic: disguise is cheaper than effort, and it asks for a price", "opportunistic",
        ALWAYS ", exploration: 0",
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .candidates = {{10, 0.9, 0.9, 4, 1, 0}, {11, 0, 0.5, 4, 3, 0}},
            .candidate_count = 2},
        0, 0, 11, 0.0, 1.0, true},
    {"opportunistic: audits at 0.4 make it work", "opportunistic", ALWAYS ", exploration: 0, greed: 0",
        {.resources = 100 * TOKEN, .skill = 0.5, .candidates = {{10, 0, 0.5, 0, 0, 0}}, .candidate_count = 1}, 0.4, 0,
        10, 1.0, 0.0, false},
    {"deceptive: the facade at first", "deceptive", ALWAYS ", exploration: 0",
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .reputation = 0.2,
            .trusted_by = 5,
            .candidates = {{10, 0, 0.5, 0, 0, 0}},
            .candidate_count = 1},
        0, 0, 10, 0.9, 0.0, false},
    {"deceptive: reputation alone is not enough", "deceptive", ALWAYS ", exploration: 0",
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .reputation = 0.9,
            .trusted_by = 1,
            .candidates = {{10, 0, 0.5, 0, 0, 0}},
            .candidate_count = 1},
        0, 0, 10, 0.9, 0.0, false},
    {"deceptive: trusted by two with 0.31: exploits who trusts it most, not its kind", "deceptive", ALWAYS,
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .reputation = 0.31,
            .trusted_by = 2,
            .candidates = {{10, 0, 0.5, 5, 2, 0}, {11, 0, 0.5, 9, 4, 0}, {12, 0, 0.5, 9, 9, 1}},
            .candidate_count = 3},
        0, 0, 11, 0.0, 0.9, false},
    {"deceptive: goes on while its reputation is not below 0", "deceptive", ALWAYS,
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .reputation = 0.0,
            .memory = {1, 1},
            .memory_size = 2,
            .candidates = {{10, 0, 0.5, 5, 2, 0}},
            .candidate_count = 1},
        0, 0, 10, 0.0, 0.9, false},
    {"deceptive: then the facade again", "deceptive", ALWAYS ", exploration: 0",
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .reputation = -0.01,
            .memory = {1, 1},
            .memory_size = 2,
            .candidates = {{10, 0, 0.5, 5, 2, 0}},
            .candidate_count = 1},
        0, 0, 10, 0.9, 0.0, false},
    {"deceptive: among its own kind only it finds nobody to exploit", "deceptive", ALWAYS,
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .reputation = 0.5,
            .trusted_by = 2,
            .candidates = {{12, 0, 0.5, 9, 9, 1}},
            .candidate_count = 1},
        0, 0, NOBODY, 0, 0, false},
    {"adversarial: no effort, half disguised, at the best reputation that is not its kind", "adversarial", "attack: 1",
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .candidates = {{10, 0.4, 0.5, 0, 0, 0}, {11, 0.7, 0.5, 0, 0, 0}, {12, 0.9, 0.5, 0, 0, 1}},
            .candidate_count = 3},
        0, 0, 11, 0.0, 0.4, false},
    {"adversarial: stays on its target", "adversarial", "attack: 1",
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .memory = {1, 2, 0, 0, 10},
            .memory_size = 8,
            .candidates = {{10, 0.4, 0.5, 0, 0, 0}, {11, 0.7, 0.5, 0, 0, 0}},
            .candidate_count = 2},
        0, 0, 10, 0.0, 0.4, false},
    {"adversarial: not for ever", "adversarial", "attack: 1",
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .memory = {1, 0, 0, 0, 10},
            .memory_size = 8,
            .candidates = {{10, 0.4, 0.5, 0, 0, 0}, {11, 0.7, 0.5, 0, 0, 0}},
            .candidate_count = 2},
        0, 0, 11, 0.0, 0.4, false},
    {"adversarial: not on one that is not there", "adversarial", "attack: 1",
        {.resources = 100 * TOKEN,
            .skill = 0.5,
            .memory = {1, 2, 0, 0, 99},
            .memory_size = 8,
            .candidates = {{11, 0.7, 0.5, 0, 0, 0}},
            .candidate_count = 1},
        0, 0, 11, 0.0, 0.4, false},
};

static void
proposal(void **state)
{
    const struct proposal_row *row = *state;
    char params[200];
    struct chunk_policy policy;
    struct case_scene scene = {0};
    struct case_agent agent = row->agent;
    struct buffer ask = {0}, out = {0};
    struct batch answer;

    snprintf(params, sizeof params, "{%s}", row->params);
    policy = case_policy(row->policy, params);
    agent.agent = 5;
    agent.role = WORKER;
    case_quotes(scene.quotes);
    scene.quotes[QUOTE_AUDIT_PROBABILITY] = row->audit;
    scene.quotes[QUOTE_AUDIT_POWER] = 1;
    scene.quotes[QUOTE_AUDIT_PENALTY] = 2;
    scene.quotes[QUOTE_AUDIT_THRESHOLD] = 0.5;
    scene.quotes[QUOTE_STAKE_REQUIRED] = row->stake_required;
    case_observe(&scene, &agent, 1, &ask);
    case_decide(&policy, &ask, 7, &out, &answer);
    assert_int_equal(batch_u32(&answer, DECIDE_partner, 0), row->partner);
    assert_close(batch_f64(&answer, DECIDE_effort, 0), row->effort, 1e-12);
    assert_close(batch_f64(&answer, DECIDE_disguise, 0), row->disguise, 1e-12);
    if (row->asks)
        assert_true(batch_i64(&answer, DECIDE_transfer, 0) < 0);
    else
        assert_int_equal(batch_i64(&answer, DECIDE_transfer, 0), 0);
    buffer_fini(&ask);
    buffer_fini(&out);
    free((void *)(uintptr_t)policy.params);
}

/* ---- answers ---- */

static const struct answer_row {
    const char *name, *policy;
    struct case_offer offer;
    int64_t resources;
    double tax;
    bool accept;
    double belief;
} answer_rows[] = {
    /* S > 0 above p = 1/3; belief (n_s signal + n_t trust + 0.5 + 0.5 r) / (n_s + n_t + 1) */
    {"honest takes what looks good: (2 x 0.9 + 0.5) / 3", "honest", {.signal = 0.9, .trust = 0.5, .revealed = 3},
        TOKEN, 0, true, 2.3 / 3},
    {"honest refuses below break-even: (4 x 0.25 + 0.5) / 5 = 0.3", "honest",
        {.signal = 0.25, .trust = 0.5, .revealed = 15}, TOKEN, 0, false, 0.3},
    {"honest remembers: (0.95 + 10 x 0.1 + 0.5) / 12", "honest",
        {.signal = 0.95, .trust = 0.1, .past = 20, .revealed = 1}, TOKEN, 0, false, 2.45 / 12},
    {"honest pays a little for the gain of both", "honest",
        {.transfer = -TOKEN, .signal = 0.9, .trust = 0.5, .revealed = 3}, 2 * TOKEN, 0, true, 2.3 / 3},
    {"honest is not to be robbed", "honest", {.transfer = -2 * TOKEN, .signal = 0.9, .trust = 0.5, .revealed = 3},
        5 * TOKEN, 0, false, 2.3 / 3},
    {"honest sees a tax on both sides: 1.3 - 2 x 0.7", "honest",
        {.transfer = TOKEN, .signal = 0.9, .trust = 0.5, .revealed = 3}, TOKEN, 0.7, false, 2.3 / 3},
    {"nobody pays what it has not", "honest", {.transfer = -TOKEN, .signal = 0.9, .trust = 0.5, .revealed = 3},
        TOKEN - 1, 0, false, 2.3 / 3},
    /* opportunistic: 0.5 (3 p - 1) + tau + 0.05 (2 p - 1) > 0 */
    {"opportunistic takes a gain", "opportunistic", {.signal = 0.9, .trust = 0.5, .revealed = 3}, TOKEN, 0, true,
        2.3 / 3},
    {"opportunistic pays less than it gains: 0.65 + 0.027 - 0.6", "opportunistic",
        {.transfer = -600000, .signal = 0.9, .trust = 0.5, .revealed = 3}, TOKEN, 0, true, 2.3 / 3},
    {"opportunistic refuses a price above it: 0.65 + 0.027 - 0.7", "opportunistic",
        {.transfer = -700000, .signal = 0.9, .trust = 0.5, .revealed = 3}, TOKEN, 0, false, 2.3 / 3},
    {"opportunistic reckons with the tax: 0.677 - 1.2 x 0.6", "opportunistic",
        {.transfer = -600000, .signal = 0.9, .trust = 0.5, .revealed = 3}, TOKEN, 0.2, false, 2.3 / 3},
    {"opportunistic takes bad work for money", "opportunistic",
        {.transfer = TOKEN, .signal = 0.0, .trust = 0.5, .revealed = 15}, TOKEN, 0, true, 0.1},
    {"deceptive helps its kind where the work is bad", "deceptive",
        {.signal = 0.0, .trust = 0.5, .revealed = 15, .kin = 1, .insider = -1}, TOKEN, 0, true, 0.1},
    {"deceptive sees no reason where its kind's work is good but looks bad", "deceptive",
        {.signal = 0.0, .trust = 0.5, .revealed = 15, .kin = 1, .insider = 1}, TOKEN, 0, false, 0.1},
    {"deceptive is an opportunist with others", "deceptive", {.signal = 0.9, .trust = 0.5, .revealed = 3}, TOKEN, 0,
        true, 2.3 / 3},
    {"adversarial takes what does harm: 2 x 0.9", "adversarial", {.signal = 0.0, .trust = 0.5, .revealed = 15}, TOKEN,
        0, true, 0.1},
    {"adversarial has no use for good work: 2 x 0.23", "adversarial", {.signal = 0.9, .trust = 0.5, .revealed = 3},
        TOKEN, 0, false, 2.3 / 3},
    {"adversarial takes anything of its kind", "adversarial", {.signal = 0.9, .trust = 0.5, .revealed = 3, .kin = 1},
        TOKEN, 0, true, 2.3 / 3},
};

static void
answers(void **state)
{
    const struct answer_row *row = *state;
    struct chunk_policy policy = case_policy(row->policy, "{}");
    double quotes[QUOTE_COUNT];
    struct buffer ask = {0}, out = {0};
    struct batch answer;

    case_quotes(quotes);
    quotes[QUOTE_TAX_RATE] = row->tax;
    case_offers(quotes, 5, row->resources, &row->offer, 1, &ask);
    case_decide(&policy, &ask, 7, &out, &answer);
    assert_close(batch_f64(&answer, ANSWER_belief, 0), row->belief, 1e-15);
    assert_int_equal(batch_u8(&answer, ANSWER_accept, 0), row->accept);
    buffer_fini(&ask);
    buffer_fini(&out);
    free((void *)(uintptr_t)policy.params);
}

/* ---- the feed and tasks: what is sure to be done ---- */

static const struct verb_row {
    const char *name, *policy, *params;
    uint8_t role;
    uint32_t task, task_steps, voted;
    double reputation;
    struct case_scene scene;
    enum sandbox_verb verb;
    uint32_t target;
    int32_t value;
    double work;
} verb_rows[] = {
    {"honest submits with full effort", "honest", "interact: 0", WORKER, .task = 8, .task_steps = 3,
        .verb = VERB_SUBMIT_WORK, .target = 7, .work = 1},
    {"honest works on before it submits", "honest", "interact: 0, post: 0, vote: 0", WORKER, .task = 8,
        .task_steps = 2, .verb = VERB_PASS, .target = NOBODY},
    {"what waits to be verified is not submitted again", "honest", "interact: 0, post: 0, vote: 0", WORKER, .task = 8,
        .task_steps = 3, .scene = {.tasks = {{7, TASK_SUBMITTED, 0, 0.5, 5}}, .task_count = 1}, .verb = VERB_PASS,
        .target = NOBODY},
    {"opportunistic without free rides submits the same", "opportunistic", "interact: 0, free_ride: 0", WORKER,
        .task = 8, .task_steps = 3, .verb = VERB_SUBMIT_WORK, .target = 7, .work = 1},
    {"a free rider submits nothing, at once", "opportunistic", "interact: 0, free_ride: 1", WORKER, .task = 8,
        .task_steps = 1, .verb = VERB_SUBMIT_WORK, .target = 7, .work = 0},
    {"a free ride is taken in the first step or not at all", "opportunistic",
        "interact: 0, free_ride: 1, post: 0, vote: 0", WORKER, .task = 8, .task_steps = 2, .verb = VERB_PASS,
        .target = NOBODY},
    {"deceptive works behind the facade", "deceptive", "interact: 0", WORKER, .task = 8, .task_steps = 3,
        .verb = VERB_SUBMIT_WORK, .target = 7, .work = 1},
    {"adversarial keeps its task", "adversarial", "flood: 0, downvote: 0, bait: 0", WORKER, .task = 8,
        .task_steps = 15, .verb = VERB_PASS, .target = NOBODY},
    {"honest claims what it may", "honest", "interact: 0, claim: 1", WORKER, .reputation = 0.2,
        .scene = {.tasks = {{30, TASK_OPEN, 0.5, 0, NOBODY}, {31, TASK_OPEN, 0.1, 0, NOBODY},
                      {32, TASK_SUBMITTED, 0, 0.9, 3}},
            .task_count = 3},
        .verb = VERB_CLAIM_TASK, .target = 31},
    {"nothing to claim", "honest", "interact: 0, claim: 1, post: 0, vote: 0", WORKER,
        .scene = {.tasks = {{30, TASK_OPEN, 0.5, 0, NOBODY}}, .task_count = 1}, .verb = VERB_PASS, .target = NOBODY},
    {"posters do not claim", "honest", "interact: 0, claim: 1, post: 0, vote: 0, reply: 0", SANDBOX_POSTER,
        .scene = {.tasks = {{30, TASK_OPEN, 0, 0, NOBODY}}, .task_count = 1}, .verb = VERB_PASS, .target = NOBODY},
    {"a verifier approves what looks good, not its own", "honest", "interact: 0", SANDBOX_VERIFIER,
        .scene = {.tasks = {{30, TASK_SUBMITTED, 0, 0.1, 5}, {31, TASK_SUBMITTED, 0, 0.6, 6}}, .task_count = 2},
        .verb = VERB_VERIFY, .target = 31, .value = 1},
    {"and rejects what looks bad", "honest", "interact: 0", SANDBOX_VERIFIER,
        .scene = {.tasks = {{31, TASK_SUBMITTED, 0, 0.4, 6}}, .task_count = 1}, .verb = VERB_VERIFY, .target = 31,
        .value = 0},
    {"an adversarial verifier approves what looks bad", "adversarial", "attack: 0", SANDBOX_VERIFIER,
        .scene = {.tasks = {{31, TASK_SUBMITTED, 0, 0.4, 6}}, .task_count = 1}, .verb = VERB_VERIFY, .target = 31,
        .value = 1},
    {"honest votes for an author of good repute", "honest", "interact: 0, vote: 1", WORKER,
        .scene = {.posts = {{50, 5, 0, 0}, {51, 6, 0, 0.2}}, .post_count = 2}, .verb = VERB_VOTE, .target = 51,
        .value = 1},
    {"and against one of bad repute", "honest", "interact: 0, vote: 1", WORKER,
        .scene = {.posts = {{51, 6, 0, -0.2}}, .post_count = 1}, .verb = VERB_VOTE, .target = 51, .value = -1},
    {"nobody votes twice", "honest", "interact: 0, vote: 1, post: 0, reply: 0", WORKER, .voted = 1,
        .scene = {.posts = {{51, 6, 0, -0.2}}, .post_count = 1}, .verb = VERB_PASS, .target = NOBODY},
    {"opportunistic votes for those it dealt with", "opportunistic", "interact: 0, vote: 1", WORKER,
        .scene = {.posts = {{50, 6, 0, 0.9}, {51, 10, 0, -0.9}}, .post_count = 2}, .verb = VERB_VOTE, .target = 51,
        .value = 1},
    {"deceptive votes for itself", "deceptive", "interact: 0, vote: 1", WORKER,
        .scene = {.posts = {{50, 5, 0, -0.9}, {51, 6, 0, 0.9}}, .post_count = 2}, .verb = VERB_VOTE, .target = 50,
        .value = 1},
    {"and for its kind", "deceptive", "interact: 0, vote: 1", WORKER,
        .scene = {.posts = {{50, 11, 0, -0.9}, {51, 6, 0, 0.9}}, .post_count = 2}, .verb = VERB_VOTE, .target = 50,
        .value = 1},
    {"adversarial votes down, not its kind", "adversarial", "attack: 0, downvote: 1, bait: 0", WORKER,
        .scene = {.posts = {{50, 11, 0, -0.9}, {51, 6, 0, 0.9}}, .post_count = 2}, .verb = VERB_VOTE, .target = 51,
        .value = -1},
    {"adversarial floods", "adversarial", "attack: 0, flood: 1, bait: 0", WORKER, .verb = VERB_POST,
        .target = NOBODY},
    {"honest posts sincerely", "honest", "interact: 0, post: 1", WORKER, .verb = VERB_POST, .target = NOBODY,
        .work = 1},
};

/* Agent 5, with 10 (dealt with before) and 11 (of its kind) as candidates. */
static void
verbs(void **state)
{
    const struct verb_row *row = *state;
    struct case_agent agent = {.agent = 5, .role = row->role, .resources = 100 * TOKEN, .skill = 0.5, .task = row->task,
        .task_steps = row->task_steps, .voted = row->voted, .reputation = row->reputation,
        .candidates = {{10, 0, 0.5, 1, 0, 0}, {11, 0, 0.5, 0, 0, 1}}, .candidate_count = 2};
    struct case_scene scene = row->scene;
    char params[200];
    struct chunk_policy policy;
    struct buffer ask = {0}, out = {0};
    struct batch answer;

    snprintf(params, sizeof params, "{%s}", row->params);
    policy = case_policy(row->policy, params);
    case_quotes(scene.quotes);
    case_observe(&scene, &agent, 1, &ask);
    case_decide(&policy, &ask, 7, &out, &answer);
    assert_int_equal(batch_u8(&answer, DECIDE_verb, 0), row->verb);
    assert_int_equal(batch_u32(&answer, DECIDE_target, 0), row->target);
    assert_int_equal(batch_i32(&answer, DECIDE_value, 0), row->value);
    assert_close(batch_f64(&answer, DECIDE_work, 0), row->work, 1e-12);
    assert_int_equal(answer.count[DECIDE_TEXT] > 0, row->verb == VERB_POST || row->verb == VERB_REPLY);
    buffer_fini(&ask);
    buffer_fini(&out);
    free((void *)(uintptr_t)policy.params);
}

/* ---- properties over drawn scenes ---- */

#define AGENTS 60u

static void
draw_scene(struct rng *rng, struct case_scene *scene, struct case_agent *agents)
{
    static const double wild[] = {0, -1, 1, 0.5, 1e-300, -1e300, 1e300, 1e15, -0.25};

    *scene = (struct case_scene){0};
    scene->post_count = rng_below(rng, CASE_LIST + 1);
    scene->task_count = rng_below(rng, CASE_LIST + 1);
    case_quotes(scene->quotes);
    for (uint32_t q = 0; q < QUOTE_COUNT; q++)
        if (rng_chance(rng, 0.2))
            scene->quotes[q] = wild[rng_below(rng, 9)];
    for (uint32_t i = 0; i < CASE_LIST; i++) {
        scene->posts[i] =
            (struct case_post){rng_u32(rng), rng_below(rng, AGENTS), rng_integer(rng, -9, 9), rng_between(rng, -1, 1)};
        scene->tasks[i] = (struct case_task){
            rng_u32(rng), (uint8_t)rng_below(rng, 7), rng_between(rng, -1, 1), rng_real(rng), rng_below(rng, AGENTS)};
    }
    for (uint32_t i = 0; i < AGENTS; i++) {
        struct case_agent *a = &agents[i];

        *a = (struct case_agent){.agent = i,
            .role = (uint8_t)rng_below(rng, SANDBOX_ROLES),
            .frozen = rng_chance(rng, 0.1),
            .resources = rng_chance(rng, 0.2) ? INT64_MIN / 4 + (int64_t)rng_u64(rng) / 8
                                              : rng_integer(rng, -TOKEN, 100 * TOKEN),
            .stake = rng_integer(rng, 0, 20 * TOKEN),
            .reputation = rng_between(rng, -1, 1),
            .skill = rng_real(rng),
            .task = rng_chance(rng, 0.3) ? rng_u32(rng) : 0,
            .task_steps = rng_below(rng, 6),
            .voted = rng_u32(rng),
            .proposed = rng_below(rng, 50),
            .accepted = rng_below(rng, 50),
            .trusted_by = rng_below(rng, 4),
            .no_rights = rng_chance(rng, 0.2),
            .candidate_count = rng_below(rng, CASE_CANDIDATES + 1),
            .memory_size = rng_chance(rng, 0.5) ? rng_below(rng, 65) : 0};
        for (uint32_t k = 0; k < a->candidate_count; k++)
            a->candidates[k] = (struct case_candidate){rng_below(rng, AGENTS), rng_between(rng, -1, 1), rng_real(rng),
                (uint16_t)rng_u32(rng), (uint16_t)rng_u32(rng), (uint8_t)rng_below(rng, 2)};
        for (uint32_t k = 0; k < a->memory_size; k++)
            a->memory[k] = (uint8_t)(rng_chance(rng, 0.5) ? rng_below(rng, 3) : rng_below(rng, 256));
    }
}

/* Whatever is observed, what is decided passes the columns' check (case_decide does it), stays within the role, and is
 * no proposal to oneself, of the frozen, or beyond the agent's means. */
static void
any_scene(void **state)
{
    static struct case_agent agents[AGENTS];
    struct case_scene scene;
    struct buffer ask = {0}, out = {0};
    struct batch answer;

    (void)state;
    for (uint32_t seed = 0; seed < 300; seed++)
        for (const struct policy *const *policy = policy_roll; *policy != NULL; policy++) {
            struct rng rng = rng_make(seed, STREAM_TEST, 0, 3);
            struct chunk_policy bound = case_policy((*policy)->name, "{}");

            bool is_costly; /* where nothing costs less than nothing */

            draw_scene(&rng, &scene, agents);
            is_costly = scene.quotes[QUOTE_EFFORT_COST] >= 0 && scene.quotes[QUOTE_DISGUISE_COST] >= 0 &&
                scene.quotes[QUOTE_TAX_RATE] >= 0;
            buffer_clear(&ask);
            case_observe(&scene, agents, AGENTS, &ask);
            case_decide(&bound, &ask, 1 + seed, &out, &answer);
            for (uint32_t i = 0; i < AGENTS; i++) {
                uint32_t partner = batch_u32(&answer, DECIDE_partner, i);

                assert_true(sandbox_role_allows(agents[i].role, batch_u8(&answer, DECIDE_verb, i)));
                assert_int_equal(batch_u32(&answer, DECIDE_agent, i), i);
                assert_true(partner != i);
                assert_true(partner == NOBODY || !agents[i].frozen);
                if (partner != NOBODY && is_costly)
                    assert_true(
                        agents[i].resources >= 0 && agents[i].resources >= batch_i64(&answer, DECIDE_transfer, i));
                if (agents[i].frozen)
                    assert_int_equal(batch_u8(&answer, DECIDE_verb, i), VERB_PASS);
            }
            free((void *)(uintptr_t)bound.params);
        }
    buffer_fini(&ask);
    buffer_fini(&out);
}

/* One chunk of sixty, or sixty of one in any order: every agent's row is the same. */
static void
chunks_do_not_matter(void **state)
{
    static struct case_agent agents[AGENTS];
    struct case_scene scene;
    struct buffer ask = {0}, one_ask = {0}, out = {0}, one_out = {0};
    struct batch whole, one;

    (void)state;
    for (uint32_t seed = 0; seed < 10; seed++)
        for (const struct policy *const *policy = policy_roll; *policy != NULL; policy++) {
            struct rng rng = rng_make(seed, STREAM_TEST, 0, 4);
            struct chunk_policy bound = case_policy((*policy)->name, "{}");

            draw_scene(&rng, &scene, agents);
            case_quotes(scene.quotes);
            buffer_clear(&ask);
            case_observe(&scene, agents, AGENTS, &ask);
            case_decide(&bound, &ask, 9, &out, &whole);
            for (uint32_t k = 0; k < AGENTS; k++) {
                uint32_t i = (k * 37 + 11) % AGENTS;
                uint32_t text = batch_u32(&whole, DECIDE_texts, i), memory = batch_u32(&whole, DECIDE_memories, i);

                buffer_clear(&one_ask);
                case_observe(&scene, &agents[i], 1, &one_ask);
                case_decide(&bound, &one_ask, 9, &one_out, &one);
                for (uint32_t c = 0; c < DECIDE_texts; c++) {
                    uint32_t width = column_width(schema_sandbox_decide.columns[c].kind);

                    assert_memory_equal(whole.data[c] + (size_t)width * i, one.data[c], width);
                }
                assert_int_equal(batch_u32(&whole, DECIDE_texts, i + 1) - text, one.count[DECIDE_TEXT]);
                assert_int_equal(batch_u32(&whole, DECIDE_memories, i + 1) - memory, one.count[DECIDE_MEMORY]);
                assert_memory_equal(whole.data[DECIDE_text] + text, one.data[DECIDE_text], one.count[DECIDE_TEXT]);
                assert_memory_equal(
                    whole.data[DECIDE_memory] + memory, one.data[DECIDE_memory], one.count[DECIDE_MEMORY]);
            }
            free((void *)(uintptr_t)bound.params);
        }
    buffer_fini(&ask);
    buffer_fini(&one_ask);
    buffer_fini(&out);
    buffer_fini(&one_out);
}

/* Offers of any values get answers that pass the check; each answer depends on its own row alone. */
static void
any_offers(void **state)
{
    struct buffer ask = {0}, out = {0};
    struct batch answer;

    (void)state;
    for (uint32_t seed = 0; seed < 300; seed++)
        for (const struct policy *const *policy = policy_roll; *policy != NULL; policy++) {
            struct rng rng = rng_make(seed, STREAM_TEST, 0, 5);
            struct chunk_policy bound = case_policy((*policy)->name, "{}");
            double quotes[QUOTE_COUNT];
            struct case_offer offers[8];

            case_quotes(quotes);
            for (uint32_t q = 0; q < QUOTE_COUNT; q++)
                if (rng_chance(&rng, 0.2))
                    quotes[q] = rng_chance(&rng, 0.5) ? rng_between(&rng, -1e300, 1e300) : 0.0;
            for (uint32_t i = 0; i < 8; i++)
                offers[i] = (struct case_offer){.transfer = (int64_t)rng_u64(&rng) % INT64_C(1000000000000000),
                    .reputation = rng_between(&rng, -1, 1),
                    .trust = rng_real(&rng),
                    .signal = rng_real(&rng),
                    .past = (uint16_t)rng_u32(&rng),
                    .revealed = (uint8_t)rng_below(&rng, 32),
                    .kin = (uint8_t)rng_below(&rng, 2),
                    .insider = rng_integer(&rng, -1, 1)};
            buffer_clear(&ask);
            case_offers(quotes, 5, rng_integer(&rng, -TOKEN, 100 * TOKEN), offers, rng_below(&rng, 9), &ask);
            case_decide(&bound, &ask, 1 + seed, &out, &answer);
            free((void *)(uintptr_t)bound.params);
        }
    buffer_fini(&ask);
    buffer_fini(&out);
}

/* Exploration happens as often as it should: agent 10 is best, 11..13 are only explored. */
static void
exploration(void **state)
{
    struct case_agent agents[2000];
    struct chunk_policy bound = case_policy("honest", "{interact: 1, exploration: 0.4}");
    struct case_scene scene = {0};
    struct buffer ask = {0}, out = {0};
    struct batch answer;
    uint32_t best = 0;

    (void)state;
    case_quotes(scene.quotes);
    for (uint32_t i = 0; i < 2000; i++)
        agents[i] = (struct case_agent){.agent = 100 + i,
            .role = WORKER,
            .resources = TOKEN,
            .skill = 0.5,
            .candidate_count = 4,
            .candidates = {
                {11, 0, 0.5, 0, 0, 0}, {10, 0.5, 0.5, 0, 0, 0}, {12, 0, 0.5, 0, 0, 0}, {13, 0, 0.5, 0, 0, 0}}};
    case_observe(&scene, agents, 2000, &ask);
    case_decide(&bound, &ask, 3, &out, &answer);
    for (uint32_t i = 0; i < 2000; i++)
        best += batch_u32(&answer, DECIDE_partner, i) == 10;
    assert_in_range(best, 1320, 1480); /* 0.6 + 0.4 / 4 of 2000 is 1400; 4 standard deviations are 82 */
    buffer_fini(&ask);
    buffer_fini(&out);
    free((void *)(uintptr_t)bound.params);
}

static void
declarations(void **state)
{
    (void)state;
    assert_non_null(policy_find("honest"));
    assert_non_null(policy_find("opportunistic"));
    assert_non_null(policy_find("deceptive"));
    assert_non_null(policy_find("adversarial"));
    assert_null(policy_find("no_such_policy"));
    for (const struct policy *const *policy = policy_roll; *policy != NULL; policy++) {
        struct why why = {0};

        if (params_check((*policy)->params, &why) != 0)
            case_fail(why.text);
        assert_ptr_equal(policy_find((*policy)->name), *policy);
    }
}

/* The table of roles: a row a role, whole. */
static void
roles(void **state)
{
    static const char *const want[SANDBOX_ROLES] = {
        [SANDBOX_PLANNER] = ("pass post reply vote claim_task submit_work verify post_bounty accept_bid dispute "
                             "decompose assign"),
        [SANDBOX_WORKER] = "pass post reply vote claim_task submit_work bid dispute",
        [SANDBOX_VERIFIER] = "pass post reply vote verify dispute",
        [SANDBOX_POSTER] = "pass post reply vote verify post_bounty accept_bid dispute",
        [SANDBOX_MODERATOR] = "pass post reply vote moderate",
    };

    (void)state;
    for (uint32_t role = 0; role < SANDBOX_ROLES; role++) {
        char text[200] = "";

        for (uint32_t verb = 0; verb < VERB_COUNT; verb++)
            if (sandbox_role_allows(role, verb)) {
                strcat(text, verb == 0 ? "" : " ");
                strcat(text, sandbox_verb_name(verb));
            }
        assert_string_equal(text, want[role]);
        assert_int_equal(sandbox_role_find(sandbox_role_name(role)), role);
    }
    assert_false(sandbox_role_allows(SANDBOX_ROLES, VERB_PASS));
    assert_false(sandbox_role_allows(SANDBOX_WORKER, VERB_COUNT));
    assert_int_equal(sandbox_role_find("king"), SANDBOX_ROLES);
    assert_null(sandbox_role_name(SANDBOX_ROLES));
    assert_null(sandbox_verb_name(VERB_COUNT));
}

int
main(void)
{
    static const struct test_case cases[] = {
        {"any scene gets decisions within bounds, role and means", any_scene},
        {"how agents are cut into chunks does not matter", chunks_do_not_matter},
        {"any offers get answers within bounds", any_offers},
        {"exploration hits its share", exploration},
        {"policies are declared well", declarations},
        {"roles", roles},
    };

    return TEST_ROWS("policy_proposals", proposal_rows, proposal) + TEST_ROWS("policy_answers", answer_rows, answers) +
        TEST_ROWS("policy_verbs", verb_rows, verbs) + TEST_CASES("policies", cases);
}
