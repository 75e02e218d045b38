/* tests/unit/world/test_sandbox_step.c - single steps with scripted agents and governance, worked by hand. */
#include "tests/unit/world/sandbox_driver.h"

#include "world/sandbox/state.h"

#include <math.h>

#define TWO "agents: [{type: honest, count: 2, skill_low: 1, skill_high: 1}]\n"
#define FOUR "agents: [{type: honest, count: 4}]\n"
#define QUIET "sandbox: {tasks: {rate: 0}}\n"
#define SHORT "simulation: {epochs: 3, steps_per_epoch: 2}\n"
#define LEVERS "governance: {first: {}, second: {}}\n"

/* ---- one deal: agent 0 proposes to agent 1 ---- */

static const struct deal_row {
    const char *name;
    double effort, disguise;
    int64_t transfer; /* millionths */
    bool accept, deny;
    int64_t cost_a, cost_b;
    double reputation; /* from the verdict */
    enum sandbox_audit audit;
    const char *money; /* of each at the start */
    /* wanted */
    bool happens, lapsed, offered;
    uint32_t refused; /* of the proposal */
} deal_rows[] = {
    {"accepted", .effort = 1, .accept = true, .money = "100", .offered = true, .happens = true},
    {"with effort and disguise", .effort = 0.5, .disguise = 1, .accept = true, .money = "100", .offered = true,
     .happens = true},
    {"with a transfer", .transfer = 5000000, .accept = true, .money = "100", .offered = true, .happens = true},
    {"asking for a transfer", .transfer = -5000000, .accept = true, .money = "100", .offered = true, .happens = true},
    {"refused", .effort = 1, .transfer = 5000000, .money = "100", .offered = true},
    {"asking in vain", .effort = 1, .transfer = -5000000, .money = "100", .offered = true},
    {"denied", .effort = 1, .transfer = 5000000, .accept = true, .deny = true, .money = "100", .offered = true},
    {"denied, what was asked for goes back", .transfer = -5000000, .accept = true, .deny = true, .money = "100",
     .offered = true},
    {"taxed", .effort = 1, .transfer = 1000000, .accept = true, .cost_a = 50000, .cost_b = 70000, .money = "100",
     .offered = true, .happens = true},
    {"caught", .accept = true, .cost_a = 2000000, .reputation = -0.5, .audit = AUDIT_CAUGHT, .money = "100",
     .offered = true, .happens = true},
    {"caught though refused", .cost_a = 2000000, .reputation = -0.5, .audit = AUDIT_CAUGHT, .money = "100",
     .offered = true},
    {"cannot pay the effort", .effort = 1, .accept = true, .money = "0.399999", .refused = REFUSAL_FUNDS},
    {"can just pay the effort", .effort = 1, .accept = true, .money = "0.4", .offered = true, .happens = true},
    {"cannot pay the transfer", .transfer = 5000000, .accept = true, .money = "4", .refused = REFUSAL_FUNDS},
    {"the other cannot pay what is asked", .transfer = -5000000, .accept = true, .money = "4", .offered = true,
     .lapsed = true},
    {"over the budget", .transfer = 101000000, .accept = true, .money = "1000", .refused = REFUSAL_BUDGET},
};

static void
act_deal(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    const struct deal_row *want = driver->context;

    (void)rng;
    if (batch_u32(seen, OBSERVE_agent, row) != 0)
        return;
    out->partner = 1;
    out->kind = INTERACTION_TRADE;
    out->effort = want->effort;
    out->disguise = want->disguise;
    out->transfer = want->transfer;
}

static bool
answer_deal(struct driver *driver, const struct batch *seen, uint32_t offer, struct rng *rng)
{
    const struct deal_row *want = driver->context;

    (void)rng;
    assert_int_equal(batch_u32(seen, OFFERS_initiator, offer), 0);
    assert_int_equal(batch_i64(seen, OFFERS_transfer, offer), want->transfer);
    assert_int_equal(batch_u8(seen, OFFERS_kind, offer), INTERACTION_TRADE);
    return want->accept;
}

static void
judge_deal(struct driver *driver, const struct batch *docket, struct batch_writer *w, struct rng *rng)
{
    const struct deal_row *want = driver->context;

    (void)rng;
    if (docket->count[DOCKET_ROW] == 0)
        return;
    ((uint8_t *)batch_column(w, VERDICT_allow))[0] = !want->deny;
    ((uint8_t *)batch_column(w, VERDICT_reason))[0] = want->deny ? REFUSAL_LEVER + 1 : 0;
    ((int64_t *)batch_column(w, VERDICT_cost_a))[0] = want->cost_a;
    ((int64_t *)batch_column(w, VERDICT_cost_b))[0] = want->cost_b;
    ((uint8_t *)batch_column(w, VERDICT_audit))[0] = (uint8_t)want->audit;
    ((double *)batch_column(w, VERDICT_reputation))[0] = want->reputation;
}

/* Payoffs, reputations and every account, from the label that was drawn. */
static void
check_deal(const struct deal_row *want, const struct sandbox *self, int64_t start)
{
    const struct deal *deal = &self->turn.deals[0];
    double tau = (double)want->transfer / 1e6, surplus = 3.0 * deal->p - 1.0;
    double effort = 0.4 * want->effort + 0.2 * want->disguise;
    double aim = 2.0 * deal->p - 1.0;
    double r_a = want->reputation + (want->happens ? 0.1 * aim : 0.0), r_b = want->happens ? 0.05 * aim : 0.0;
    double pi_a = 0.5 * surplus - tau - (double)want->cost_a / 1e6 + r_a;
    double pi_b = 0.5 * surplus + tau - (double)want->cost_b / 1e6 + r_b;
    double money_a = (double)start / 1e6 - effort + (want->happens ? pi_a : -(double)want->cost_a / 1e6);
    double money_b = (double)start / 1e6 + (want->happens ? pi_b : -(double)want->cost_b / 1e6);

    assert_close(deal->payoff_a, pi_a, 1e-9);
    assert_close(deal->payoff_b, pi_b, 1e-9);
    assert_close(self->agents.reputation[0], r_a, 1e-9);
    assert_close(self->agents.reputation[1], r_b, 1e-9);
    if (self->run->unpaid == 0) {
        assert_true(fabs((double)money_of(self, 0) / 1e6 - money_a) < 2e-6);
        assert_true(fabs((double)money_of(self, 1) / 1e6 - money_b) < 2e-6);
    }
    assert_int_equal(accounts_balance(self->accounts, ACCOUNT_TREASURY), want->cost_a + want->cost_b);
    assert_int_equal(self->agents.caught[0], want->audit == AUDIT_CAUGHT);
    assert_int_equal(self->agents.proposed[0], 1);
    assert_int_equal(self->agents.accepted[0], want->accept && !want->lapsed);
    assert_int_equal(trust_find(self->trust, 1, 0) != NULL, want->happens);
    if (!want->accept) /* nobody was engaged by refused work */
        assert_true(deal->engagement <= 0.0);
    if (want->happens && want->audit == AUDIT_CAUGHT) /* the label and three of 0 */
        assert_true(fabs(trust_value(trust_find(self->trust, 1, 0)) - deal->p / 4.0) < 1e-4);
}

static void
one_deal(void **state)
{
    const struct deal_row *want = *state;
    struct driver driver = {
        .seed = 11, .act = act_deal, .answer = answer_deal, .judge = judge_deal, .context = (void *)(uintptr_t)want};
    char text[1000];
    struct sandbox *self;
    int64_t start;

    snprintf(text, sizeof text, TWO SHORT LEVERS "sandbox: {tasks: {rate: 0}, initial_resources: %s}\n", want->money);
    driver_begin(&driver, text);
    self = driver.self;
    start = money_of(self, 0);
    driver_step(&driver);
    assert_int_equal(self->turn.deal_count, want->offered);
    assert_int_equal(self->turn.lost_count, !want->offered);
    if (!want->offered) {
        assert_int_equal(self->turn.lost[0].refused, want->refused);
        assert_int_equal(self->run->refused[want->refused], 1);
        assert_int_equal(money_of(self, 0), start);
    } else {
        assert_int_equal(self->turn.deals[0].lapsed, want->lapsed);
        assert_int_equal(self->run->lapsed_funds, want->lapsed);
        assert_int_equal(self->run->denied, want->deny);
        assert_int_equal(self->run->refused[REFUSAL_LEVER + 1], want->deny);
        check_deal(want, self, start);
        assert_int_equal((int)driver_figure(&driver, true, "interactions").value, 1);
        assert_int_equal((int)driver_figure(&driver, true, "accepted_interactions").value, want->happens);
        assert_int_equal(driver_figure(&driver, false, "toxicity_rate").known, want->happens);
        assert_int_equal((int)driver_figure(&driver, false, "refused_lever_second").value, want->deny);
    }
    driver_end(&driver);
}

/* ---- everybody proposes to agent 0 ---- */

static void
act_crowd(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    (void)driver;
    (void)rng;
    if (batch_u32(seen, OBSERVE_agent, row) != 0)
        out->partner = 0;
}

static void
crowd(void **state)
{
    struct driver driver = {.seed = 3, .act = act_crowd};
    struct sandbox *self;

    (void)state;
    driver_begin(&driver, "agents: [{type: honest, count: 6}]\n" SHORT
                          "sandbox: {tasks: {rate: 0}, rails: {max_interactions_per_step: 2}}\n");
    self = driver.self;
    driver_step(&driver);
    assert_int_equal(self->turn.deal_count, 5);
    for (uint32_t i = 0; i < 5; i++) { /* the lowest ids are answered, the rest lapses */
        assert_int_equal(self->turn.deals[i].initiator, i + 1);
        assert_int_equal(self->turn.deals[i].answered, i < 2);
    }
    assert_int_equal(self->run->unanswered, 3);
    assert_close(driver_figure(&driver, false, "unanswered_share").value, 0.6, 1e-15);
    driver_end(&driver);
}

/* ---- turns ---- */

struct seen_posts {
    uint32_t count[4];
};

static void
act_post(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    struct seen_posts *posts = driver->context;

    (void)rng;
    posts->count[batch_u32(seen, OBSERVE_agent, row)] = seen->count[ACT_POST];
    out->verb = VERB_POST;
    out->text_size = 2;
    memcpy(out->text, "hi", 2);
}

static void
turns(void **state)
{
    static const struct {
        const char *turns;
        uint32_t want[4], exchanges;
    } rows[] = {{"simultaneous", {0, 0, 0, 0}, 1}, {"sequential", {0, 1, 2, 3}, 4}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct seen_posts posts = {{0}};
        struct driver driver = {.seed = 3, .act = act_post, .context = &posts};
        char text[300];

        snprintf(text, sizeof text, FOUR QUIET "simulation: {steps_per_epoch: 2, turns: %s}\n", rows[i].turns);
        driver_begin(&driver, text);
        driver_step(&driver);
        for (uint32_t agent = 0; agent < 4; agent++)
            assert_int_equal(posts.count[agent], rows[i].want[agent]);
        assert_int_equal(driver.exchanges, rows[i].exchanges);
        assert_int_equal((int)driver_figure(&driver, false, "posts").value, 4);
        driver_end(&driver);
    }
}

/* All claim the first task that they see. */
static void
act_claim(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    (void)driver;
    (void)row;
    (void)rng;
    if (seen->count[ACT_TASK] == 0 || batch_u8(seen, OBSERVE_task_status, 0) != TASK_OPEN)
        return;
    out->verb = VERB_CLAIM_TASK;
    out->target = batch_u32(seen, OBSERVE_task_id, 0);
}

static void
claims(void **state)
{
    static const struct {
        const char *turns;
        uint64_t conflicts;
    } rows[] = {{"simultaneous", 3}, {"sequential", 0}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct driver driver = {.seed = 3, .act = act_claim};
        char text[300];
        struct sandbox *self;

        snprintf(text, sizeof text,
                 FOUR "sandbox: {tasks: {rate: 0.25, capacity: 1}}\nsimulation: {steps_per_epoch: 2, turns: %s}\n",
                 rows[i].turns);
        driver_begin(&driver, text);
        self = driver.self;
        driver_step(&driver);
        assert_int_equal(self->run->conflicting_claims, rows[i].conflicts);
        assert_int_equal(self->agents.task[0], 0);
        assert_int_equal(self->agents.task[1], TASK_NONE);
        driver_end(&driver);
    }
}

/* ---- a task from claim to pay: agent 0 works, agent 2 (a verifier) judges ---- */

static void
act_work(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    uint32_t agent = batch_u32(seen, OBSERVE_agent, row);

    (void)rng;
    out->work = 1.0;
    out->value = *(int32_t *)driver->context;
    if (agent == 0 && driver->step == 1) {
        out->verb = VERB_CLAIM_TASK;
        out->target = batch_u32(seen, OBSERVE_task_id, 0);
    } else if (agent == 0 && driver->step == 3) {
        assert_int_equal(batch_u32(seen, OBSERVE_task_steps, row), 2);
        out->verb = VERB_SUBMIT_WORK;
        out->target = batch_u32(seen, OBSERVE_task, row);
    } else if (agent == 2 && driver->step == 4) {
        assert_int_equal(batch_u8(seen, OBSERVE_task_status, 0), TASK_SUBMITTED);
        assert_int_equal(batch_u32(seen, OBSERVE_task_worker, 0), 0);
        out->verb = VERB_VERIFY;
        out->target = batch_u32(seen, OBSERVE_task_id, 0);
    }
}

static void
work(void **state)
{
    (void)state;
    for (int32_t approve = 0; approve < 2; approve++) {
        struct driver driver = {.seed = 3, .act = act_work, .context = &approve};
        struct sandbox *self;
        const struct task *task;

        driver_begin(
            &driver,
            "agents: [{type: honest, count: 2, skill_low: 1}, {type: honest, count: 2, role: verifier}]\n"
            "simulation: {steps_per_epoch: 10}\n"
            "sandbox: {tasks: {rate: 0.25, capacity: 1, bounty_low: 5, bounty_high: 5, "
             "verify_after: 9, max_rejections: 0}}\n");
        self = driver.self;
        driver_step(&driver);
        assert_int_equal(accounts_balance(self->accounts, ACCOUNT_ESCROW), 5000000);
        driver_step(&driver);
        driver_step(&driver);
        assert_int_equal(money_of(self, 0), 100000000 - 400000); /* the effort */
        driver_step(&driver);
        task = tasks_find(self->tasks, 0);
        assert_int_equal(task->status, approve ? TASK_COMPLETED : TASK_FAILED);
        assert_int_equal(money_of(self, 0), 100000000 - 400000 + (approve ? 5000000 : 0));
        assert_int_equal(money_of(self, 2), 100000000 + 500000); /* a tenth of the bounty, whatever the judgement */
        assert_int_equal(self->agents.task[0], TASK_NONE);
        assert_close(self->agents.reputation[0], approve ? 0.1 * (2.0 * task->signal - 1.0) : 0.0, 1e-12);
        driver_end(&driver);
    }
}

/* ---- votes ---- */

/* Agent 0 posts; then 1 votes for it, 2 against it and 0 for itself; then 1 changes its mind. */
static void
act_vote(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    uint32_t agent = batch_u32(seen, OBSERVE_agent, row);

    (void)rng;
    if (driver->step == 1) {
        out->verb = agent == 0 ? VERB_POST : VERB_PASS;
        return;
    }
    assert_int_equal(seen->count[ACT_POST], 1);
    out->verb = driver->step == 2 ? (agent < 3 ? VERB_VOTE : VERB_PASS) : agent == 1 ? VERB_VOTE : VERB_PASS;
    out->target = batch_u32(seen, OBSERVE_post, 0);
    out->value = driver->step == 2 && agent != 2 ? 1 : -1;
    if (driver->step == 3)
        assert_int_equal(batch_u32(seen, OBSERVE_voted, row), agent < 3);
}

static void
judge_votes(struct driver *driver, const struct batch *docket, struct batch_writer *w, struct rng *rng)
{
    (void)driver;
    (void)rng;
    for (uint32_t i = 0; i < docket->count[DOCKET_ACTION]; i++)
        ((double *)batch_column(w, VERDICT_action_weight))[i] = 0.5;
}

static void
votes(void **state)
{
    struct driver driver = {.seed = 3, .act = act_vote, .judge = judge_votes};
    struct sandbox *self;
    struct feed_post post;

    (void)state;
    driver_begin(&driver, FOUR QUIET LEVERS "simulation: {steps_per_epoch: 10}\n");
    self = driver.self;
    driver_step(&driver);
    driver_step(&driver);
    assert_true(feed_find(self->feed, 0, &post) && post.up == 2 && post.down == 1 && post.weight == 0.5);
    assert_true(self->agents.reputation[0] == 0.0); /* one for, one against; its own does not count */
    assert_true(self->agents.influence[0] == 0.5);
    driver_step(&driver);
    assert_true(feed_find(self->feed, 0, &post) && post.up == 1 && post.down == 2 && post.weight == -0.5);
    assert_close(self->agents.reputation[0], -0.01, 1e-12); /* taken back and counted: twice a half */
    assert_true(self->agents.influence[0] == 0.0);
    assert_int_equal(self->run->votes, 4);
    driver_end(&driver);
}

/* ---- openings, effects, freezing ---- */

static void
judge_opening(struct driver *driver, const struct batch *docket, struct batch_writer *w, struct rng *rng)
{
    (void)rng;
    if (docket->count[DOCKET_OPENING] == 0)
        return;
    assert_int_equal(docket->count[DOCKET_AGENT], 4);
    assert_int_equal(batch_u32(docket, DOCKET_epoch, 0), (driver->step - 1) / 2);
    ((double *)batch_column(w, VERDICT_quote))[QUOTE_STAKE_REQUIRED] = driver->step == 1 ? 30 : 10;
    ((double *)batch_column(w, VERDICT_quote))[QUOTE_TAX_RATE] = 0.25;
    if (driver->step == 1) { /* freeze agent 2 for epoch 0, fine agent 1 by 200 of its 100 */
        ((uint8_t *)batch_column(w, VERDICT_effect_kind))[0] = EFFECT_FREEZE;
        ((uint32_t *)batch_column(w, VERDICT_effect_agent))[0] = 2;
        ((int64_t *)batch_column(w, VERDICT_effect_amount))[0] = 1;
        ((uint8_t *)batch_column(w, VERDICT_effect_kind))[1] = EFFECT_FINE;
        ((uint32_t *)batch_column(w, VERDICT_effect_agent))[1] = 1;
        ((int64_t *)batch_column(w, VERDICT_effect_amount))[1] = 200000000;
        ((uint8_t *)batch_column(w, VERDICT_effect_kind))[2] = EFFECT_FINE; /* and agent 3 by 80 */
        ((uint32_t *)batch_column(w, VERDICT_effect_agent))[2] = 3;
        ((int64_t *)batch_column(w, VERDICT_effect_amount))[2] = 80000000;
    } else { /* everybody's reputation up and halved, agent 0's stake cut by 4 */
        ((uint8_t *)batch_column(w, VERDICT_effect_kind))[0] = EFFECT_SLASH;
        ((uint32_t *)batch_column(w, VERDICT_effect_agent))[0] = 0;
        ((int64_t *)batch_column(w, VERDICT_effect_amount))[0] = 4000000;
        ((uint8_t *)batch_column(w, VERDICT_effect_kind))[1] = EFFECT_REPUTATION;
        ((uint32_t *)batch_column(w, VERDICT_effect_agent))[1] = SANDBOX_NOBODY;
        ((double *)batch_column(w, VERDICT_effect_value))[1] = 0.5;
    }
}

static void
act_quoted(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    (void)rng;
    assert_true(batch_f64(seen, OBSERVE_quote, QUOTE_TAX_RATE) == 0.25);
    assert_true(batch_f64(seen, OBSERVE_quote, QUOTE_STEP) == (double)driver->step);
    assert_true(driver->step > 2 || batch_u32(seen, OBSERVE_agent, row) != 2); /* frozen in epoch 0 */
    for (uint32_t i = 0; driver->step < 3 && i < seen->count[ACT_CANDIDATE]; i++)
        assert_true(batch_u32(seen, OBSERVE_candidate, i) != 2);
    out->partner = driver->step < 3 ? 2 : SANDBOX_NOBODY;
}

static void
opening(void **state)
{
    struct driver driver = {.seed = 3, .act = act_quoted, .judge = judge_opening, .effects = 3};
    struct sandbox *self;

    (void)state;
    driver_begin(&driver, FOUR QUIET LEVERS SHORT);
    self = driver.self;
    driver_step(&driver);
    assert_int_equal(driver.exchanges, 2); /* open, act; all proposals went to the frozen one */
    assert_int_equal(driver.agents_asked, 3);
    assert_int_equal(self->run->refused[REFUSAL_FROZEN], 3);
    assert_int_equal(stake_held(self, 0), 30000000);
    assert_int_equal(money_of(self, 0), 70000000);
    assert_int_equal(stake_held(self, 1), 0); /* the fine left nothing to put up */
    assert_int_equal(self->run->unpaid, 100000000);
    assert_int_equal(stake_held(self, 3), 0); /* 20 do not reach: it keeps them */
    assert_int_equal(money_of(self, 3), 20000000);
    assert_int_equal(accounts_balance(self->accounts, ACCOUNT_TREASURY), 180000000);
    assert_int_equal(self->run->freezes, 1);
    driver_step(&driver);
    assert_int_equal(driver.exchanges, 3);
    driver_step(&driver); /* epoch 1: 26 of the stake left, 16 of it freed */
    assert_int_equal(driver.agents_asked, 3 + 3 + 4);
    assert_int_equal(stake_held(self, 0), 10000000);
    assert_int_equal(money_of(self, 0), 86000000);
    assert_true(self->agents.reputation[3] == 0.5);
    driver_end(&driver);
}

static void
act_any(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    (void)driver;
    (void)rng;
    out->verb = VERB_POST;
    out->partner = batch_u32(seen, OBSERVE_agent, row) == 0 ? 1 : 0;
}

/* ---- effects of a verdict come after what it judged ---- */

static void
judge_freeze(struct driver *driver, const struct batch *docket, struct batch_writer *w, struct rng *rng)
{
    (void)driver;
    (void)rng;
    if (docket->count[DOCKET_OPENING] > 0)
        return;
    ((uint8_t *)batch_column(w, VERDICT_effect_kind))[0] = EFFECT_FREEZE;
    ((uint32_t *)batch_column(w, VERDICT_effect_agent))[0] = 3;
    ((int64_t *)batch_column(w, VERDICT_effect_amount))[0] = 2;
}

static void
effects(void **state)
{
    struct driver driver = {.seed = 3, .act = act_any, .judge = judge_freeze, .effects = 1};
    struct sandbox *self;

    (void)state;
    driver_begin(&driver, FOUR QUIET LEVERS "simulation: {steps_per_epoch: 1}\n");
    self = driver.self;
    driver_step(&driver);
    assert_int_equal(self->run->posts, 4);
    assert_int_equal(self->agents.frozen_until[3], 2);
    driver_step(&driver); /* epoch 1: frozen */
    assert_int_equal(self->run->posts, 7);
    driver_step(&driver); /* epoch 2: free again */
    assert_int_equal(self->run->posts, 11);
    assert_int_equal(self->run->freezes, 1);
    driver_end(&driver);
}

/* ---- commands: between begin() and the first exchange ---- */

static void
commands(void **state)
{
    struct driver driver = {.seed = 3, .act = act_any};
    struct exchange exchange;
    struct sandbox *self;
    struct why why = {0};

    (void)state;
    driver_begin(&driver, FOUR QUIET SHORT);
    self = driver.self;
    assert_int_equal(domain_sandbox.command_check(self, "kill_switch", "on", &why), 0);
    assert_false(rails_killed(self->rails)); /* checking changes nothing */
    assert_int_equal(domain_sandbox.command(self, "kill_switch", "on", &why), 0);
    driver_step(&driver);
    assert_int_equal(self->run->refused[REFUSAL_KILL_SWITCH], 8);
    assert_int_equal(self->run->posts, 0);
    assert_int_equal(domain_sandbox.command(self, "kill_switch", "off", &why), 0);
    driver_step(&driver);
    assert_int_equal(self->run->posts, 4);

    domain_sandbox.begin(self, ++driver.step);
    assert_int_equal(domain_sandbox.command(self, "freeze", "1 2", &why), 0);
    assert_true(domain_sandbox.next(self, &exchange) && exchange.groups[0].count == 3);
    assert_int_equal(domain_sandbox.command(self, "unfreeze", "1", &why), 0);
    assert_true(domain_sandbox.next(self, &exchange) && exchange.groups[0].count == 4);
    assert_int_equal(domain_sandbox.command(self, "freeze", "4", &why), ERR_UNKNOWN);
    assert_int_equal(domain_sandbox.command(self, "freeze", "x", &why), ERR_INVALID);
    assert_int_equal(domain_sandbox.command(self, "kill_switch", "maybe", &why), ERR_INVALID);
    assert_int_equal(domain_sandbox.command(self, "dance", "", &why), ERR_UNKNOWN);
    assert_int_equal(domain_sandbox.command_check(self, "freeze", "4", &why), ERR_UNKNOWN);
    assert_int_equal(domain_sandbox.command_check(self, "freeze", "3 9999999999", &why), ERR_INVALID);
    while (domain_sandbox.next(self, &exchange))
        driver_exchange(&driver, &exchange);
    domain_sandbox.end(self);
    driver_end(&driver);
}

/* The world gives them between two steps: they are for the step that comes, and its epoch. SHORT's epochs are of 2
 * steps. */
static void
commands_between_steps(void **state)
{
    struct driver driver = {.seed = 3, .act = act_any};
    struct sandbox *self;
    struct why why = {0};

    (void)state;
    driver_begin(&driver, FOUR QUIET SHORT);
    self = driver.self;
    driver_step(&driver);
    assert_int_equal(self->run->posts, 4);
    assert_int_equal(domain_sandbox.command(self, "freeze", "1", &why), 0);
    assert_int_equal(domain_sandbox.command(self, "freeze", "2 2", &why), 0);
    assert_int_equal(domain_sandbox.command(self, "freeze", "3", &why), 0);
    assert_int_equal(domain_sandbox.command(self, "unfreeze", "3", &why), 0);
    driver_step(&driver); /* step 2, still epoch 0 */
    assert_int_equal(self->run->posts, 6);
    assert_int_equal(domain_sandbox.command(self, "freeze", "0", &why), 0);
    driver_step(&driver); /* step 3 begins epoch 1: 1 is free again, 2 is not, 0 is frozen for it */
    assert_int_equal(self->run->posts, 8);
    driver_step(&driver);
    driver_step(&driver); /* step 5, epoch 2: all are free */
    assert_int_equal(self->run->posts, 14);
    for (uint32_t agent = 0; agent < 4; agent++)
        assert_int_equal(domain_sandbox.command(self, "freeze", (const char *[]){"0", "1", "2", "3"}[agent], &why), 0);
    driver_step(&driver); /* nobody is left to ask */
    assert_int_equal(domain_sandbox.command(self, "unfreeze", "0", &why), 0);
    driver_step(&driver);
    driver_end(&driver);
}

/* Payoffs may bring the environment as deep into debt as can be counted: then no task turns up. */
static void
deep_debt(void **state)
{
    static const int64_t left[] = {2000000, 1999999};
    static const uint64_t created[] = {1, 0};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct driver driver = {.seed = 3};
        struct sandbox *self;
        struct why why = {0};
        int64_t room;

        driver_begin(&driver, FOUR SHORT "sandbox: {tasks: {rate: 1, bounty_low: 2, bounty_high: 2}}\n");
        self = driver.self;
        room = accounts_balance(self->accounts, ACCOUNT_ENVIRONMENT) - (INT64_MIN + 1) - left[i];
        for (uint32_t agent = 0; agent < 2; agent++)
            assert_int_equal(accounts_transfer(self->accounts, ACCOUNT_ENVIRONMENT, account_of(agent),
                                               agent == 0 ? room / 2 : room - room / 2, MONEY_payoff, &why), 0);
        driver_step(&driver);
        assert_int_equal(self->run->tasks_created, created[i]);
        driver_end(&driver);
    }
}

static const struct test_case cases[] = {
    {"a crowd at one door", crowd},
    {"who sees what: turns", turns},
    {"one task, many claims", claims},
    {"a task from claim to pay", work},
    {"votes, weighted", votes},
    {"openings and effects", opening},
    {"effects of a verdict", effects}, {"commands", commands},
    {"commands between two steps", commands_between_steps},
    {"an environment in deep debt", deep_debt},
};

int
main(void)
{
    return TEST_ROWS("one deal", deal_rows, one_deal) + TEST_CASES("steps", cases);
}
