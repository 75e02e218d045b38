/* tests/unit/agents/view_case.h - observations made from plain rows, for the tests of policies and the worker. */
#ifndef POLIS_TESTS_VIEW_CASE_H
#define POLIS_TESTS_VIEW_CASE_H

#include <stdio.h>
#include <string.h>

#include "agents/chunk.h"
#include "agents/policy.h"
#include "agents/reason.h"
#include "core/buffer.h"
#include "core/digest.h"
#include "core/rng.h"
#include "core/yaml.h"

#include "tests/support/test.h" /* behind the house's headers: cmocka takes the word "fail" */

#define CASE_UNUSED __attribute__((unused))
#define CASE_SEED 42u
#define TOKEN INT64_C(1000000)

static CASE_UNUSED void
case_fail(const char *text)
{
    print_error("%s\n", text);
    assert_true(false);
}

/* The market's defaults with labels that are easy to reckon with: good work 0.95, bad work 0.05 .. 0.95. */
static CASE_UNUSED void
case_quotes(double quotes[QUOTE_COUNT])
{
    memset(quotes, 0, QUOTE_COUNT * sizeof *quotes);
    quotes[QUOTE_STEP] = 7;
    quotes[QUOTE_S_PLUS] = 2;
    quotes[QUOTE_S_MINUS] = 1;
    quotes[QUOTE_H] = 2;
    quotes[QUOTE_THETA] = 0.5;
    quotes[QUOTE_W_REP] = 1;
    quotes[QUOTE_ETA] = 0.1;
    quotes[QUOTE_EFFORT_COST] = 0.4;
    quotes[QUOTE_DISGUISE_COST] = 0.2;
    quotes[QUOTE_ATTENTION_SCARCITY] = 0.5;
    quotes[QUOTE_REPUTATION_DECAY] = quotes[QUOTE_BREAKER_THRESHOLD] = quotes[QUOTE_TRANSPARENCY] = 1;
    quotes[QUOTE_P_GOOD] = 0.95;
    for (int i = 0; i < 11; i++)
        quotes[QUOTE_P_BAD + i] = 0.05 + 0.09 * i;
}

struct case_candidate {
    uint32_t agent;
    double reputation, trust;
    uint16_t past, accepted;
    uint8_t kin;
};
struct case_post {
    uint32_t id, author;
    int32_t votes;
    double reputation;
};
struct case_task {
    uint32_t id;
    uint8_t status;
    double min_reputation, signal;
    uint32_t worker;
};

#define CASE_CANDIDATES 4u
#define CASE_LIST 4u

/* One agent; what is 0 is an ordinary worker with 100 tokens, skill 0.5, no history, ten of every right. */
struct case_agent {
    uint32_t agent;
    uint8_t role, frozen;
    int64_t resources, stake;
    double reputation, skill;
    uint32_t task, task_steps; /* task: id + 1; 0: none */
    uint32_t voted, proposed, accepted, trusted_by;
    bool no_rights;
    struct case_candidate candidates[CASE_CANDIDATES];
    uint32_t candidate_count;
    uint8_t memory[64];
    uint32_t memory_size;
    uint8_t compromised; /* these two are traits */
    uint32_t topic;      /* and one more; 0: none */
};
struct case_scene {
    struct case_post posts[CASE_LIST];
    struct case_task tasks[CASE_LIST];
    uint32_t post_count, task_count;
    double quotes[QUOTE_COUNT];
    bool traits; /* agents have traits; then posts are also these */
    struct case_mark {
        uint8_t kind;
        uint32_t topic; /* and one more; 0: none */
        int32_t stance;
        uint32_t replies;
    } marks[CASE_LIST];
};

#define PUT(type, column, index, value) ((type *)batch_column(&w, column))[index] = (value)

static CASE_UNUSED void
case_put_agent(const struct batch_writer *writer, const struct case_agent *a, uint32_t i)
{
    struct batch_writer w = *writer;

    PUT(uint32_t, OBSERVE_agent, i, a->agent);
    PUT(uint8_t, OBSERVE_role, i, a->role);
    PUT(uint8_t, OBSERVE_frozen, i, a->frozen);
    PUT(int64_t, OBSERVE_resources, i, a->resources);
    PUT(int64_t, OBSERVE_stake, i, a->stake);
    PUT(double, OBSERVE_reputation, i, a->reputation);
    PUT(double, OBSERVE_skill, i, a->skill);
    PUT(uint16_t, OBSERVE_posts_left, i, a->no_rights ? 0 : 10);
    PUT(uint16_t, OBSERVE_votes_left, i, a->no_rights ? 0 : 10);
    PUT(uint16_t, OBSERVE_tasks_left, i, a->no_rights ? 0 : 10);
    PUT(int64_t, OBSERVE_budget_left, i, 50 * TOKEN);
    PUT(uint32_t, OBSERVE_task, i, a->task == 0 ? SANDBOX_NOBODY : a->task - 1);
    PUT(uint32_t, OBSERVE_task_steps, i, a->task_steps);
    PUT(uint32_t, OBSERVE_voted, i, a->voted);
    PUT(uint32_t, OBSERVE_proposed, i, a->proposed);
    PUT(uint32_t, OBSERVE_accepted, i, a->accepted);
    PUT(uint32_t, OBSERVE_trusted_by, i, a->trusted_by);
}

static CASE_UNUSED void
case_put_scene(const struct batch_writer *writer, const struct case_scene *scene)
{
    struct batch_writer w = *writer;

    for (uint32_t i = 0; i < scene->post_count; i++) {
        PUT(uint32_t, OBSERVE_post, i, scene->posts[i].id);
        PUT(uint32_t, OBSERVE_post_author, i, scene->posts[i].author);
        PUT(int32_t, OBSERVE_post_votes, i, scene->posts[i].votes);
        PUT(double, OBSERVE_post_reputation, i, scene->posts[i].reputation);
    }
    for (uint32_t i = 0; i < scene->task_count; i++) {
        PUT(uint32_t, OBSERVE_task_id, i, scene->tasks[i].id);
        PUT(uint8_t, OBSERVE_task_status, i, scene->tasks[i].status);
        PUT(double, OBSERVE_task_min_reputation, i, scene->tasks[i].min_reputation);
        PUT(double, OBSERVE_task_signal, i, scene->tasks[i].signal);
        PUT(uint32_t, OBSERVE_task_worker, i, scene->tasks[i].worker);
    }
    for (uint32_t i = 0; i < scene->post_count && scene->traits; i++) {
        PUT(uint8_t, OBSERVE_post_kind, i, scene->marks[i].kind);
        PUT(uint32_t, OBSERVE_post_topic, i, scene->marks[i].topic == 0 ? SANDBOX_NOBODY : scene->marks[i].topic - 1);
        PUT(int32_t, OBSERVE_post_stance, i, scene->marks[i].stance);
        PUT(uint32_t, OBSERVE_post_replies, i, scene->marks[i].replies);
    }
    memcpy(batch_column(&w, OBSERVE_quote), scene->quotes, sizeof scene->quotes);
}

static CASE_UNUSED void
case_observe(const struct case_scene *scene, const struct case_agent *agents, uint32_t count, struct buffer *out)
{
    uint32_t counts[ACT_AXES] = {[ACT_ROW] = count, [ACT_POST] = scene->post_count, [ACT_TASK] = scene->task_count,
        [ACT_QUOTE] = QUOTE_COUNT, [ACT_TRAIT] = scene->traits ? count : 0};
    struct batch_writer w;
    uint32_t c = 0, m = 0;

    for (uint32_t i = 0; i < count; i++) {
        counts[ACT_CANDIDATE] += agents[i].candidate_count;
        counts[ACT_MEMORY] += agents[i].memory_size;
    }
    batch_begin(&w, &schema_sandbox_observe, out, CASE_SEED, 0, counts);
    case_put_scene(&w, scene);
    for (uint32_t i = 0; i < count; i++) {
        case_put_agent(&w, &agents[i], i);
        if (scene->traits) {
            PUT(uint8_t, OBSERVE_compromised, i, agents[i].compromised);
            PUT(uint32_t, OBSERVE_topic, i, agents[i].topic == 0 ? SANDBOX_NOBODY : agents[i].topic - 1);
        }
        for (uint32_t k = 0; k < agents[i].candidate_count; k++, c++) {
            PUT(uint32_t, OBSERVE_candidate, c, agents[i].candidates[k].agent);
            PUT(double, OBSERVE_candidate_reputation, c, agents[i].candidates[k].reputation);
            PUT(double, OBSERVE_candidate_trust, c, agents[i].candidates[k].trust);
            PUT(uint16_t, OBSERVE_candidate_past, c, agents[i].candidates[k].past);
            PUT(uint16_t, OBSERVE_candidate_accepted, c, agents[i].candidates[k].accepted);
            PUT(uint8_t, OBSERVE_candidate_kin, c, agents[i].candidates[k].kin);
        }
        batch_fill_bytes(&w, OBSERVE_memory, m, agents[i].memory, agents[i].memory_size);
        m += agents[i].memory_size;
        PUT(uint32_t, OBSERVE_candidates, i + 1, c);
        PUT(uint32_t, OBSERVE_memories, i + 1, m);
    }
}

struct case_offer {
    int64_t transfer;
    double reputation, trust, signal;
    uint16_t past;
    uint8_t revealed, kin;
    int32_t insider;
};

/* One agent with 100 tokens and these offers. */
static CASE_UNUSED void
case_offers(const double quotes[QUOTE_COUNT], uint32_t agent, int64_t resources, const struct case_offer *offers,
    uint32_t count, struct buffer *out)
{
    uint32_t counts[OFFERS_AXES] = {[OFFERS_ROW] = 1, [OFFERS_OFFER] = count, [OFFERS_QUOTE] = QUOTE_COUNT};
    struct batch_writer w;

    batch_begin(&w, &schema_sandbox_offers, out, CASE_SEED, 0, counts);
    PUT(uint32_t, OFFERS_agent, 0, agent);
    PUT(int64_t, OFFERS_resources, 0, resources);
    PUT(uint16_t, OFFERS_answers_left, 0, 5);
    PUT(uint32_t, OFFERS_offers, 1, count);
    memcpy(batch_column(&w, OFFERS_quote), quotes, QUOTE_COUNT * sizeof *quotes);
    for (uint32_t i = 0; i < count; i++) {
        PUT(uint32_t, OFFERS_initiator, i, 90 + i);
        PUT(int64_t, OFFERS_transfer, i, offers[i].transfer);
        PUT(double, OFFERS_initiator_reputation, i, offers[i].reputation);
        PUT(double, OFFERS_trust, i, offers[i].trust);
        PUT(uint16_t, OFFERS_past, i, offers[i].past);
        PUT(uint8_t, OFFERS_revealed, i, offers[i].revealed);
        PUT(double, OFFERS_signal, i, offers[i].signal);
        PUT(double, OFFERS_reputation_weight, i, 1);
        PUT(int32_t, OFFERS_insider, i, offers[i].insider);
        PUT(uint8_t, OFFERS_kin, i, offers[i].kin);
    }
}

/* A policy with parameters from YAML; free() `params`. */
static CASE_UNUSED struct chunk_policy
case_policy(const char *name, const char *yaml)
{
    struct chunk_policy self = {.policy = policy_find(name), .seed = CASE_SEED};
    struct yaml_tree *tree = NULL;
    struct why why = {0};
    void *params;

    assert_non_null(self.policy);
    params = calloc(1, self.policy->params->size);
    assert_int_equal(yaml_read_text("params", yaml, strlen(yaml), &tree, &why), 0);
    if (params_bind(self.policy->params, yaml_root(tree), NULL, params, &why) != 0)
        case_fail(why.text);
    yaml_destroy(&tree);
    self.params = params;
    return self;
}

/* Through the policy and back: the answer's batch points into `out`. */
static CASE_UNUSED void
case_decide(const struct chunk_policy *policy, const struct buffer *ask, uint64_t step, struct buffer *out,
    struct batch *answer)
{
    bool is_act = batch_schema_id(ask->data, ask->size) == schema_sandbox_observe.id;
    struct chunk_scratch scratch = {0};
    struct batch batch;
    struct why why = {0};

    assert_int_equal(
        batch_read(is_act ? &schema_sandbox_observe : &schema_sandbox_offers, ask->data, ask->size, &batch, &why), 0);
    if (chunk_check(policy, &batch, step, &why) != 0)
        case_fail(why.text);
    buffer_clear(out);
    chunk_decide(policy, &batch, step, 99, &scratch, out);
    assert_int_equal(
        batch_read(is_act ? &schema_sandbox_decide : &schema_sandbox_answer, out->data, out->size, answer, &why), 0);
    if (batch_check(answer, &why) != 0)
        case_fail(why.text);
    assert_int_equal(answer->tag, 99);
    chunk_scratch_fini(&scratch);
}

#endif
