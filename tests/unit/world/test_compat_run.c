/* tests/unit/world/test_compat_run.c - the order of a step, its limits, what is recorded of an interaction: worked by
 * hand where it can be, else as properties of whole runs. */
#include "tests/unit/world/compat_case.h"

/* ---- who gets to act ---- */

static const struct turn_row {
    const char *name, *scenario;
    uint64_t seed;
    uint32_t acts;  /* of the first step, at most */
    uint32_t least; /* and at least */
} turn_rows[] = {
    {"all, when there are few", "agents: [{type: honest, count: 5}]\n", 1, 5, 5},
    {"until twenty have succeeded", "agents: [{type: deceptive, count: 100}]\n", 1, 20, 20},
    {"failures do not count", "agents: [{type: adversarial, count: 100}]\n", 1, 40, 21},
    {"as many as the scenario says",
     "agents: [{type: deceptive, count: 100}]\nsandbox: {rules: compat, max_actions_per_step: 7}\n", 1, 7, 7},
};

static void
turns(void **state)
{
    const struct turn_row *row = *state;
    char text[400];
    struct compat *self;
    uint32_t count, succeeded = 0;
    const struct compat_done *done;

    snprintf(text, sizeof text, "%s%s", row->scenario, strstr(row->scenario, "sandbox") == NULL ? CASE_SANDBOX : "");
    self = case_new(text, row->seed);
    case_step(self);
    done = compat_done(&self->run, &count);
    assert_true(count <= row->acts && count >= row->least);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(done[i].agent, i); /* as registered */
        succeeded += done[i].succeeded;
    }
    assert_true(succeeded <= self->config.world.max_actions_per_step);
    domain_compat.destroy(self);
}

/* ---- limits ---- */

static const struct limit_row {
    const char *name, *limits;
    enum compat_verb verb;
    uint32_t most; /* successes of an agent in an epoch */
} limit_rows[] = {
    {"posts", "posts_per_epoch: 2", COMPAT_POST, 2},
    {"no posts", "posts_per_epoch: 0", COMPAT_POST, 0},
    {"votes", "votes_per_epoch: 3", COMPAT_VOTE, 3},
    {"proposals", "interactions_per_step: 0", COMPAT_PROPOSE, 0},
    {"bounties", "bounties_per_epoch: 1", COMPAT_BOUNTY, 1},
    {"bids", "bids_per_epoch: 2", COMPAT_BID, 2},
};

static void
limits(void **state)
{
    const struct limit_row *row = *state;
    uint32_t successes[9] = {0}, all = 0, most = 0;
    struct compat *self;
    char text[600];

    snprintf(text, sizeof text,
             "agents: [{type: honest, count: 3}, {type: opportunistic, count: 2}, {type: adversarial, count: 2}, "
             "{type: adaptive_adversary, count: 2}]\nsandbox: {rules: compat, marketplace: {}, rate_limits: {%s}}\n"
             "simulation: {epochs: 4, steps_per_epoch: 30}\n", row->limits);
    self = case_new(text, 5);
    for (uint32_t step = 0; step < 120; step++) {
        const struct compat_done *done;
        uint32_t count;

        if (step % 30 == 0)
            memset(successes, 0, sizeof successes);
        case_step(self);
        done = compat_done(&self->run, &count);
        for (uint32_t i = 0; i < count; i++)
            if (done[i].act.verb == row->verb && done[i].succeeded) {
                uint32_t who = done[i].act.nameless ? 7 : done[i].agent; /* who does not sign shares one limit */

                all++;
                successes[who]++;
                most = successes[who] > most ? successes[who] : most;
            }
    }
    assert_int_equal(most, row->most);
    assert_true(row->most == 0 || all > row->most);
    domain_compat.destroy(self);
}

/* ---- an interaction ---- */

/* Honest agents under v1g and a tax: every change of state follows from the deals. */
static void
records(void **state)
{
    struct compat *self = case_new(
        "agents: [{type: honest, count: 2}, {type: opportunistic, count: 2}]\n"
        "sandbox: {rules: compat, version: v1g}\ngovernance: {transaction_tax_rate: 0.1, transaction_tax_split: 1}\n"
        "simulation: {epochs: 5, steps_per_epoch: 10}\n", 9);
    double reputation[4] = {0}, payoff[4] = {0}, sum[4] = {0}, welfare = 0.0;
    uint32_t initiated[4] = {0}, accepted = 0, refused = 0;

    (void)state;
    for (uint32_t step = 0; step < 50; step++) {
        const struct compat_deal *deals;
        uint32_t count;

        case_step(self);
        deals = compat_deals(&self->run, &count);
        for (uint32_t i = 0; i < count; i++) {
            const struct compat_interaction *in = &deals[i].interaction;
            double surplus = 2.0 * in->p - (1.0 - in->p), base = surplus > 0.0 ? surplus : 0.0;

            assert_close(in->c_a, in->accepted ? 0.1 * base : 0.0, 1e-14);
            assert_close(deals[i].payoff_a, 0.5 * surplus - in->c_a, 1e-12);
            assert_close(deals[i].payoff_b, 0.5 * surplus, 1e-12);
            refused += !in->accepted;
            if (!in->accepted)
                continue;
            accepted++;
            initiated[in->initiator]++;
            sum[in->initiator] += in->p;
            reputation[in->initiator] += in->p - 0.5 - in->c_a;
            payoff[in->initiator] += deals[i].payoff_a;
            payoff[in->counterparty] += deals[i].payoff_b;
            welfare += deals[i].payoff_a + deals[i].payoff_b;
        }
    }
    assert_true(accepted > 10 && refused > 0);
    for (uint32_t i = 0; i < 4; i++) {
        assert_close(self->run.reputation[i], reputation[i], 1e-12);
        assert_close(self->run.payoff[i], payoff[i], 1e-12);
        assert_int_equal(self->run.initiated[i], initiated[i]);
        assert_close(self->run.p_initiated[i], initiated[i] > 0 ? sum[i] / initiated[i] : 0.5, 1e-12);
        assert_close(self->run.resources[i], 100.0, 0.0); /* payoffs do not touch them */
    }
    assert_close(self->run.run_set->welfare, welfare, 1e-12);
    domain_compat.destroy(self);
}

/* ---- freezing and the kill switch ---- */

static void
frozen(void **state)
{
    struct compat *self = case_new("agents: [{type: honest, count: 2}]\n" CASE_SANDBOX
                                   "simulation: {epochs: 3, steps_per_epoch: 20}\n", 4);
    struct why why = {0};
    uint32_t pending;

    (void)state;
    assert_int_equal(domain_compat.command(self, "freeze", "1", &why), 0);
    for (uint32_t step = 0; step < 30; step++) {
        const struct compat_done *done;
        uint32_t count;

        case_step(self);
        done = compat_done(&self->run, &count);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(done[i].agent, 0);
            assert_int_not_equal(done[i].act.verb, COMPAT_PROPOSE); /* it sees nobody */
        }
    }
    assert_int_equal(self->run.run_set->count, 0);
    *(struct compat_proposal *)buffer_extend(&self->run.pending, sizeof(struct compat_proposal)) =
        (struct compat_proposal){self->run.now.next_proposal++, 0, 1, INTERACTION_TRADE, 0.0};
    self->run.waiting[1]++;
    case_step(self);
    compat_pending(&self->run, &pending);
    assert_int_equal(pending, 1); /* it waits */
    assert_int_equal(domain_compat.command(self, "unfreeze", "1", &why), 0);
    case_step(self);
    compat_pending(&self->run, &pending);
    assert_int_equal(pending, 0);
    assert_true(self->run.run_set->count >= 1);
    domain_compat.destroy(self);
}

static void
kill_switch(void **state)
{
    struct compat *self = case_new("agents: [{type: honest, count: 3}]\n" CASE_SANDBOX, 4);
    struct why why = {0};
    uint64_t used;

    (void)state;
    case_step(self);
    used = self->run.draws.used;
    assert_int_equal(domain_compat.command(self, "kill_switch", "on", &why), 0);
    case_step(self);
    assert_int_equal(self->run.draws.used, used);
    assert_int_equal(domain_compat.command(self, "kill_switch", "off", &why), 0);
    case_step(self);
    assert_true(self->run.draws.used > used);
    assert_int_equal(domain_compat.command(self, "kill_switch", "maybe", &why), ERR_INVALID);
    assert_int_equal(domain_compat.command(self, "freeze", "3", &why), ERR_UNKNOWN);
    assert_int_equal(domain_compat.command(self, "dance", "", &why), ERR_UNKNOWN);
    domain_compat.destroy(self);
}

/* An empty epoch reports 0 of everything, the posts so far included. */
static void
empty_epoch(void **state)
{
    struct compat *self = case_new("agents: [{type: deceptive, count: 1}]\n" CASE_SANDBOX, 4);
    struct compat_epoch epoch;

    (void)state;
    for (uint32_t step = 0; step < 10; step++)
        case_step(self);
    epoch = compat_run_epoch(&self->run);
    assert_true(self->run.board.count > 0);
    assert_int_equal(epoch.posts + epoch.votes + epoch.interactions, 0);
    assert_close(epoch.toxicity, 0.0, 0.0);
    assert_int_equal(self->run.now.epochs_ended, 1);
    domain_compat.destroy(self);
}

static const struct test_case cases[] = {
    {"what is recorded of an interaction", records},
    {"who is frozen neither acts nor answers nor is seen", frozen},
    {"the kill switch stops everything", kill_switch},
    {"an empty epoch reports nothing at all", empty_epoch},
};

int
main(void)
{
    return TEST_ROWS("compat_turns", turn_rows, turns) + TEST_ROWS("compat_limits", limit_rows, limits) +
           TEST_CASES("compat_run", cases);
}
