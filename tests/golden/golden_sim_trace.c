/* tests/golden/golden_sim_trace.c - whole runs of the original with a portable generator, followed act by act and draw
 * by draw. Decisions, counts and draws must be equal; real numbers within 1e-12. */
#include "tests/golden/golden_compat_run.h"

#define TOLERANCE 1e-12

struct trace {
    struct golden_count *count;
    size_t index;
    const json_t *out;
    struct compat_run run;
    struct compat_config config;
    size_t actions, interactions;
    struct compat_deal last;
};

static void
same(const struct trace *trace, const char *what, double got, double want)
{
    golden_compare(trace->count, trace->index, what, got, want, 0.0);
}

static void
near(const struct trace *trace, const char *what, double got, double want)
{
    golden_compare(trace->count, trace->index, what, got, want, TOLERANCE);
}

static double
real_at(const json_t *row, size_t place)
{
    const json_t *value = json_array_get(row, place);

    return json_is_boolean(value) ? (double)json_is_true(value) : json_number_value(value);
}

/* ---- acts ---- */

/* The arguments of an act as the cases write them; how many. */
static size_t
arguments_of(const struct compat_act *act, double out[2])
{
    out[0] = act->target;
    switch (act->verb) {
    case COMPAT_VOTE:
        out[1] = act->vote;
        return 2;
    case COMPAT_BID:
        out[1] = act->amount;
        return 2;
    case COMPAT_BOUNTY:
        out[0] = act->amount;
        return 1;
    case COMPAT_ACCEPT_BID:
        out[0] = act->bid;
        return 1;
    case COMPAT_ACCEPT:
    case COMPAT_REJECT:
    case COMPAT_CLAIM:
    case COMPAT_SUBMIT:
    case COMPAT_DISPUTE:
        return 1;
    default:
        return 0;
    }
}

static void
compare_act(const struct trace *trace, const struct compat_done *done, const json_t *row)
{
    static const char *const kinds[] = {"reply", "vote", "trade", "collaboration"};
    uint64_t step = trace->run.now.step - 1;
    const char *type = json_string_value(json_array_get(row, 3));
    double arguments[2];
    size_t count = arguments_of(&done->act, arguments), place = 4;

    if (strcmp(type, compat_verb_name(done->act.verb)) != 0)
        fail_msg("case %zu, action %zu: %s instead of %s", trace->index, trace->actions,
                 compat_verb_name(done->act.verb), type);
    same(trace, "epoch", trace->run.now.epoch, real_at(row, 0));
    same(trace, "step", (double)(step % trace->config.steps_per_epoch), real_at(row, 1));
    same(trace, "agent", done->agent, real_at(row, 2));
    if (done->act.verb == COMPAT_PROPOSE) {
        same(trace, "counterparty", done->act.counterparty, real_at(row, place++));
        assert_string_equal(kinds[done->act.kind], json_string_value(json_array_get(row, place++)));
    }
    for (size_t i = 0; i < count; i++)
        near(trace, "argument", arguments[i], real_at(row, place++));
    same(trace, "succeeded", done->succeeded, real_at(row, place++));
    assert_int_equal(place, json_array_size(row));
}

static void
compare_deal(const struct trace *trace, const struct compat_deal *deal, const json_t *row)
{
    const struct compat_interaction *in = &deal->interaction;
    const double values[] = {(double)trace->run.now.epoch,
                             (double)((trace->run.now.step - 1) % trace->config.steps_per_epoch),
                             in->id, in->initiator, in->counterparty, in->kind, in->accepted, in->seen.progress,
                             in->seen.rework, in->seen.rejections, in->seen.misuse, in->seen.engagement, in->v_hat,
                             in->p, in->tau, in->c_a, in->c_b, deal->payoff_a, deal->payoff_b};

    assert_int_equal(json_array_size(row), sizeof values / sizeof values[0]);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (i == 5)
            assert_int_equal(in->kind, case_kind(json_string_value(json_array_get(row, i))));
        else
            near(trace, "interaction", values[i], real_at(row, i));
}

static void
compare_step(struct trace *trace)
{
    const json_t *actions = json_object_get(trace->out, "actions");
    const json_t *interactions = json_object_get(trace->out, "interactions");
    uint32_t done_count, deal_count;
    const struct compat_done *done = compat_done(&trace->run, &done_count);
    const struct compat_deal *deals = compat_deals(&trace->run, &deal_count);

    for (uint32_t i = 0; i < done_count; i++, trace->actions++)
        if (actions != NULL)
            compare_act(trace, &done[i], json_array_get(actions, trace->actions));
    for (uint32_t i = 0; i < deal_count; i++, trace->interactions++) {
        if (interactions != NULL)
            compare_deal(trace, &deals[i], json_array_get(interactions, trace->interactions));
        trace->last = deals[i];
    }
}

/* ---- epochs and ends ---- */

static void
compare_epoch(const struct trace *trace, const json_t *want)
{
    struct compat_epoch got = compat_run_epoch(&trace->run);
    const json_t *frozen = json_object_get(want, "frozen");
    uint32_t frozen_count = 0;

    same(trace, "total_interactions", (double)got.interactions, golden_real(want, "total_interactions"));
    same(trace, "accepted_interactions", (double)got.accepted, golden_real(want, "accepted_interactions"));
    same(trace, "total_posts", (double)got.posts, golden_real(want, "total_posts"));
    same(trace, "total_votes", (double)got.votes, golden_real(want, "total_votes"));
    near(trace, "toxicity_rate", got.toxicity, golden_real(want, "toxicity_rate"));
    near(trace, "avg_payoff", got.avg_payoff, golden_real(want, "avg_payoff"));
    near(trace, "total_welfare", got.welfare, golden_real(want, "total_welfare"));
    assert_true(got.quality_gap - golden_real(want, "quality_gap") < 1e-12 &&
                golden_real(want, "quality_gap") - got.quality_gap < 1e-12); /* a difference: digits cancel */
    same(trace, "rng_draws", (double)trace->run.draws.used, golden_real(want, "rng_draws"));
    same(trace, "audit_draws", (double)trace->run.audit_draws.used, golden_real(want, "audit_draws"));
    for (uint32_t i = 0; i < trace->config.agent_count; i++) {
        near(trace, "reputation", trace->run.reputation[i], real_at(json_object_get(want, "reputation"), i));
        near(trace, "resources", trace->run.resources[i], real_at(json_object_get(want, "resources"), i));
        if (trace->run.frozen[i])
            same(trace, "frozen", i, real_at(frozen, frozen_count++));
    }
    assert_int_equal(frozen_count, json_array_size(frozen));
}

static void
compare_agents(const struct trace *trace, const json_t *want)
{
    for (uint32_t i = 0; i < trace->config.agent_count; i++) {
        const json_t *agent = json_array_get(want, i);

        near(trace, "reputation", trace->run.reputation[i], golden_real(agent, "reputation"));
        near(trace, "resources", trace->run.resources[i], golden_real(agent, "resources"));
        near(trace, "total_payoff", trace->run.payoff[i], golden_real(agent, "total_payoff"));
        same(trace, "initiated", trace->run.initiated[i], golden_real(agent, "initiated"));
        same(trace, "received", trace->run.received[i], golden_real(agent, "received"));
        same(trace, "accepted", trace->run.accepted[i], golden_real(agent, "accepted"));
        near(trace, "avg_p_initiated", trace->run.p_initiated[i], golden_real(agent, "avg_p_initiated"));
        near(trace, "avg_p_received", trace->run.p_received[i], golden_real(agent, "avg_p_received"));
    }
}

static void
compare_market(const struct trace *trace, const json_t *want)
{
    struct compat_market_stats got;

    if (want == NULL)
        return;
    got = compat_market_stats(trace->run.market);
    same(trace, "bounties", got.bounties, golden_real(want, "total_bounties"));
    same(trace, "bids", got.bids, golden_real(want, "total_bids"));
    same(trace, "escrows", got.escrows, golden_real(want, "total_escrows"));
    same(trace, "disputes", got.disputes, golden_real(want, "total_disputes"));
    near(trace, "posted", got.posted, golden_real(want, "total_reward_posted"));
    near(trace, "escrowed", got.escrowed, golden_real(want, "total_escrowed"));
    near(trace, "released", got.released, golden_real(want, "total_released"));
    near(trace, "refunded", got.refunded, golden_real(want, "total_refunded"));
}

static void
compare_end(const struct trace *trace)
{
    const json_t *actions = json_object_get(trace->out, "actions"), *last;
    uint32_t pending;

    compat_pending(&trace->run, &pending);
    same(trace, "pending", pending, golden_real(trace->out, "pending_left"));
    compare_agents(trace, json_object_get(trace->out, "final_agents"));
    compare_market(trace, json_object_get(trace->out, "market_stats"));
    if (actions != NULL) {
        assert_int_equal(trace->actions, json_array_size(actions));
        assert_int_equal(trace->interactions, json_array_size(json_object_get(trace->out, "interactions")));
        return;
    }
    same(trace, "n_actions", (double)trace->actions, golden_real(trace->out, "n_actions"));
    same(trace, "n_interactions", (double)trace->interactions, golden_real(trace->out, "n_interactions"));
    last = json_object_get(trace->out, "last_interaction");
    near(trace, "last p", trace->last.interaction.p, real_at(last, 13));
    near(trace, "last payoff", trace->last.payoff_a, real_at(last, 17));
}

static void
follow(struct golden_count *count, size_t index, const json_t *in, const json_t *out, enum compat_version version)
{
    struct trace trace = {.count = count, .index = index, .out = out};
    const json_t *epochs = json_object_get(out, "epochs");
    uint64_t seed = (uint64_t)golden_real(in, "rng_seed");

    case_config(&trace.config, json_object_get(in, "scenario"), version);
    compat_run_init(&trace.run, &trace.config);
    compat_run_genesis(&trace.run, seed);
    assert_int_equal(trace.run.audit_draws.state, (uint64_t)golden_real(in, "audit_rng_seed"));
    for (uint64_t step = 1; step <= (uint64_t)trace.config.epochs * trace.config.steps_per_epoch; step++) {
        compat_run_begin(&trace.run, step);
        compat_run_act(&trace.run);
        compat_run_end(&trace.run);
        compare_step(&trace);
        if (step % trace.config.steps_per_epoch == 0)
            compare_epoch(&trace, json_array_get(epochs, trace.run.now.epoch));
    }
    assert_int_equal(trace.config.epochs, json_array_size(epochs));
    compare_end(&trace);
    compat_run_fini(&trace.run);
    compat_config_fini(&trace.config);
}

static void
follow_v1(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    follow(count, index, in, out, COMPAT_V1);
}

static void
follow_v1g(struct golden_count *count, size_t index, const json_t *in, const json_t *out)
{
    follow(count, index, in, out, COMPAT_V1G);
}

static void
v1_cases(void **state)
{
    (void)state;
    golden_run("sim_trace", follow_v1);
}

static void
v1g_cases(void **state)
{
    (void)state;
    golden_run("sim_trace_later", follow_v1g);
}

static const struct test_case groups[] = {{"sim_trace", v1_cases}, {"sim_trace_later", v1g_cases}};

int
main(void)
{
    return TEST_CASES("golden: sim_trace", groups);
}
