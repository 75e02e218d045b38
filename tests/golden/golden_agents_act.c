#include "tests/golden/golden_compat.h"

#define ROOM 32u

/* An observation with the lists it lends. */
struct scene {
    struct compat_observation seen;
    struct compat_seen_post posts[ROOM];
    struct compat_proposal proposals[ROOM];
    struct compat_seen_task tasks[ROOM], work[ROOM];
    struct compat_seen_agent agents[CASE_AGENTS];
    struct compat_seen_bounty bounties[ROOM];
    struct compat_seen_bid bids[ROOM];
    uint32_t escrows[ROOM];
};

static bool
is_listed(const json_t *list, const char *id)
{
    json_t *entry;
    size_t index;

    json_array_foreach(list, index, entry)
        if (strcmp(json_string_value(entry), id) == 0)
            return true;
    return false;
}

static enum compat_difficulty
difficulty_of(const char *name)
{
    static const char *const names[] = {"trivial", "easy", "medium", "hard", "expert"};

    for (uint32_t i = 0; i < 5; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    fail_msg("no difficulty %s", name);
    return COMPAT_MEDIUM;
}

static uint32_t
read_tasks(const json_t *list, struct compat_seen_task *out)
{
    json_t *entry;
    size_t index;

    json_array_foreach(list, index, entry)
        out[index] = (struct compat_seen_task){
            case_id(entry, "task_id"), difficulty_of(case_text(entry, "difficulty")), golden_real(entry, "bounty"),
            golden_real(entry, "min_reputation"), strcmp(case_text(entry, "status"), "in_progress") == 0};
    return (uint32_t)json_array_size(list);
}

static void
read_posts(struct scene *scene, const json_t *list, const json_t *voted)
{
    json_t *entry;
    size_t index;

    json_array_foreach(list, index, entry)
        scene->posts[index] = (struct compat_seen_post){
            case_id(entry, "post_id"), case_id(entry, "author_id"), (int32_t)case_real_or(entry, "net_votes", 0),
            (uint32_t)case_real_or(entry, "reply_count", 0), is_listed(voted, case_text(entry, "post_id"))};
    scene->seen.post_count = (uint32_t)json_array_size(list);
}

static void
read_market(struct scene *scene, const json_t *observation)
{
    const json_t *bounties = json_object_get(observation, "available_bounties");
    const json_t *bids = json_object_get(observation, "pending_bid_decisions");
    const json_t *escrows = json_object_get(observation, "active_escrows");
    json_t *entry;
    size_t index;

    json_array_foreach(bounties, index, entry)
        scene->bounties[index] =
            (struct compat_seen_bounty){case_id(entry, "bounty_id"), golden_real(entry, "reward_amount")};
    json_array_foreach(bids, index, entry)
        scene->bids[index] = (struct compat_seen_bid){
            case_id(entry, "bid_id"), case_id(entry, "bounty_id"), golden_real(entry, "bid_amount")};
    json_array_foreach(escrows, index, entry)
        scene->escrows[index] = case_id(entry, "escrow_id");
    scene->seen.bounty_count = (uint32_t)json_array_size(bounties);
    scene->seen.bid_count = (uint32_t)json_array_size(bids);
    scene->seen.escrow_count = (uint32_t)json_array_size(escrows);
}

static void
read_scene(struct scene *scene, const json_t *in)
{
    const json_t *o = json_object_get(in, "observation"), *proposals = json_object_get(o, "pending_proposals");
    json_t *entry;
    size_t index;

    memset(scene, 0, sizeof *scene);
    scene->seen = (struct compat_observation){
        .agent = case_id(in, "agent_id"), .epoch = (uint32_t)golden_real(o, "epoch"),
        .step = (uint32_t)golden_real(o, "step"), .reputation = golden_real(o, "reputation"),
        .resources = golden_real(o, "resources"), .can_post = json_is_true(json_object_get(o, "can_post")),
        .can_interact = json_is_true(json_object_get(o, "can_interact")),
        .can_vote = json_is_true(json_object_get(o, "can_vote")),
        .can_claim = json_is_true(json_object_get(o, "can_claim_task")), .posts = scene->posts,
        .proposals = scene->proposals, .tasks = scene->tasks, .work = scene->work, .agents = scene->agents,
        .bounties = scene->bounties, .bids = scene->bids, .escrows = scene->escrows};
    read_posts(scene, json_object_get(o, "visible_posts"),
               json_object_get(json_object_get(in, "state"), "voted_posts"));
    json_array_foreach(proposals, index, entry)
        scene->proposals[index] = (struct compat_proposal){
            case_id(entry, "proposal_id"), case_id(entry, "initiator_id"), scene->seen.agent,
            case_kind(case_text(entry, "interaction_type")), golden_real(entry, "offered_transfer")};
    scene->seen.proposal_count = (uint32_t)json_array_size(proposals);
    scene->seen.task_count = read_tasks(json_object_get(o, "available_tasks"), scene->tasks);
    scene->seen.work_count = read_tasks(json_object_get(o, "active_tasks"), scene->work);
    scene->seen.agent_count = case_agents(json_object_get(o, "visible_agents"), scene->agents);
    read_market(scene, o);
}

static void
compare_act(struct golden_count *count, size_t index, const struct compat_act *act, const json_t *want)
{
    static const char *const efforts[] = {"full", "minimal", "subtly_poor"};
    const json_t *kind = json_object_get(want, "interaction_type"), *metadata = json_object_get(want, "metadata");

    if (strcmp(compat_verb_name(act->verb), case_text(want, "type")) != 0)
        fail_msg("case %zu: %s instead of %s", index, compat_verb_name(act->verb), case_text(want, "type"));
    golden_compare(count, index, "target", act->target, case_id(want, "target"), 0.0);
    golden_compare(count, index, "counterparty", act->counterparty, case_id(want, "counterparty"), 0.0);
    golden_compare(count, index, "vote", act->vote, golden_real(want, "vote"), 0.0);
    if (json_is_string(kind))
        assert_int_equal(act->kind, case_kind(json_string_value(kind)));
    if (act->verb == COMPAT_SUBMIT)
        assert_string_equal(efforts[act->effort], case_text(want, "effort"));
    if (act->verb == COMPAT_BID)
        golden_compare(count, index, "bid", act->amount, golden_real(metadata, "bid_amount"), 1e-15);
    if (act->verb == COMPAT_ACCEPT_BID)
        golden_compare(count, index, "bid", act->bid, case_id(metadata, "bid_id"), 0.0);
    if (act->verb == COMPAT_BOUNTY) {
        golden_compare(count, index, "reward", act->amount, golden_real(metadata, "reward_amount"), 1e-15);
        golden_compare(count, index, "deadline", act->deadline, case_real_or(metadata, "deadline_epoch", 0), 0.0);
        golden_compare(count, index, "asked for", 0.0, golden_real(metadata, "min_reputation"), 0.0);
    }
}

/* What an adversary knows afterwards. The exploiting mood of a deceiver shows in its act alone. */
static void
compare_state(const struct compat_memory *memory, const json_t *after)
{
    const json_t *targets = json_object_get(after, "target_list"), *allies = json_object_get(after, "known_allies");

    if (targets == NULL)
        return;
    assert_int_equal(memory->cooldown[0], (int)golden_real(after, "attack_cooldown"));
    for (uint32_t other = 0; other < 10; other++) {
        char id[8];

        snprintf(id, sizeof id, "a%u", other);
        assert_int_equal(compat_memory_is_target(memory, 0, other), is_listed(targets, id));
        assert_int_equal(compat_memory_is_ally(memory, 0, other), is_listed(allies, id));
    }
}

static void
compare(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    static struct scene scene;
    struct compat_memory memory;
    struct compat_draws draws;
    struct compat_act act;
    double script[CASE_DRAWS];

    read_scene(&scene, in);
    case_memory(&memory, json_object_get(in, "state"));
    case_draws(&draws, script, in);
    compat_policy_act(case_type(case_text(in, "agent")), &scene.seen, &memory, &draws, &act);
    compare_act(count, index, &act, json_object_get(out, "action"));
    if ((double)draws.used != golden_real(out, "draws_used"))
        fail_msg("case %zu: %llu draws", index, (unsigned long long)draws.used);
    compare_state(&memory, json_object_get(out, "state_after"));
    compat_memory_fini(&memory);
}

static void
act_cases(void **state)
{
    (void)state;
    golden_run("agents_act", compare);
}

static const struct test_case groups[] = {{"agents_act", act_cases}};

int
main(void)
{
    return TEST_CASES("golden: agents_act", groups);
}
