/* The mistakes of the original are rows here, worked out by hand: what is lost, what is made, what is left behind. */
#include "world/compat/market.h"

#include "tests/support/test.h"

#include <string.h>

struct shop {
    struct compat_market *market;
    struct tasks *tasks;
    struct compat_agents agents;
    double reputation[3], resources[3];
};

/* Three agents with 100 tokens each; a fee of a quarter, so that sums are exact. */
static void
shop_open(struct shop *self, uint32_t max_bids)
{
    struct compat_market_params params;

    memset(self, 0, sizeof *self);
    params_default(compat_market_params_list(), &params);
    params.escrow_fee_rate = 0.25;
    params.max_bids_per_bounty = max_bids;
    self->market = compat_market_new(&params);
    self->tasks = tasks_new(8);
    self->agents = (struct compat_agents){3, self->reputation, self->resources};
    for (uint32_t i = 0; i < 3; i++)
        self->resources[i] = 100.0;
}

static void
shop_close(struct shop *self)
{
    struct why why = {0};

    assert_int_equal(compat_market_check(self->market, 3, &why), 0);
    assert_int_equal(tasks_check(self->tasks, 3, &why), 0);
    compat_market_destroy(&self->market);
    assert_null(self->market);
    tasks_destroy(&self->tasks);
}

/* Agent 0 posts 10, agent 1 bids 8, agent 0 accepts: 2 are the difference nobody holds any more. */
static void
shop_award(struct shop *self)
{
    uint32_t bounty = COMPAT_NOBODY;

    assert_true(compat_desk_post(self->market, &self->agents, self->tasks, 0, 10.0, 0.0, 0, 1, &bounty));
    assert_int_equal(bounty, 0);
    assert_true(self->resources[0] == 90.0);
    assert_int_equal(compat_market_bid(self->market, 0, 1, 8.0), 0);
    assert_true(compat_desk_accept(self->market, &self->agents, self->tasks, 0, 0, 0, 1));
    assert_true(self->resources[0] == 90.0 && self->resources[1] == 100.0);
    assert_int_equal(tasks_find(self->tasks, 0)->status, TASK_CLAIMED);
    assert_int_equal(tasks_find(self->tasks, 0)->worker, 1);
}

static const struct money_row {
    const char *name;
    bool settles, success, disputes_first;
    uint32_t ends; /* epochs 0 .. ends - 1 end */
    double poster, worker;
    enum compat_bounty_status bounty;
    enum compat_escrow_status escrow;
} money_rows[] = {
    /* fee 2, worker 6, poster the difference of 2 */
    {"success pays the bid less the fee, and the difference back", true, true, false, 0, 92.0, 106.0,
     COMPAT_BOUNTY_COMPLETED, COMPAT_ESCROW_RELEASED},
    {"failure loses the difference", true, false, false, 0, 96.0, 100.0, COMPAT_BOUNTY_FAILED, COMPAT_ESCROW_REFUNDED},
    {"money stays in the escrow while nobody settles", false, false, false, 9, 90.0, 100.0, COMPAT_BOUNTY_AWARDED,
     COMPAT_ESCROW_HELD},
    {"a dispute waits for two epochs", false, false, true, 2, 90.0, 100.0, COMPAT_BOUNTY_DISPUTED, COMPAT_ESCROW_HELD},
    {"a dispute splits in half and loses the difference", false, false, true, 3, 93.0, 103.0, COMPAT_BOUNTY_FAILED,
     COMPAT_ESCROW_PARTIAL},
    {"a dispute that outlives a settlement pays again", true, true, true, 3, 95.0, 109.0, COMPAT_BOUNTY_FAILED,
     COMPAT_ESCROW_PARTIAL},
};

static void
money(void **state)
{
    const struct money_row *row = *state;
    struct compat_interaction trade = {0};
    struct shop shop;
    uint32_t count;
    bool traded = false;

    shop_open(&shop, 10);
    shop_award(&shop);
    if (row->disputes_first)
        assert_int_equal(compat_market_dispute(shop.market, 0, 1, 0), 0);
    if (row->settles) {
        assert_true(compat_desk_settle(shop.market, &shop.agents, 0, row->success, 0.75, &trade, &traded));
        assert_int_equal(traded, row->success);
        assert_false(compat_desk_settle(shop.market, &shop.agents, 0, true, 1.0, &trade, &(bool){false}));
    }
    if (traded) {
        assert_int_equal(trade.initiator, 0);
        assert_int_equal(trade.counterparty, 1);
        assert_true(trade.tau == 6.0 && trade.p == 0.75 && trade.v_hat == 0.5 && trade.accepted);
    }
    for (uint32_t epoch = 0; epoch < row->ends; epoch++)
        compat_desk_end_epoch(shop.market, &shop.agents, epoch);
    assert_true(shop.resources[0] == row->poster);
    assert_true(shop.resources[1] == row->worker);
    assert_int_equal(compat_market_bounties(shop.market, &count)[0].status, row->bounty);
    assert_int_equal(compat_market_escrows(shop.market, &count)[0].status, row->escrow);
    shop_close(&shop);
}

static const struct share_row {
    const char *name;
    double share, worker, poster;
    enum compat_dispute_status dispute;
    enum compat_escrow_status escrow;
    enum compat_bounty_status bounty;
} share_rows[] = {
    {"all to the worker", 1.0, 6.0, 0.0, COMPAT_DISPUTE_RELEASE, COMPAT_ESCROW_RELEASED, COMPAT_BOUNTY_COMPLETED},
    {"more than all is all", 7.0, 6.0, 0.0, COMPAT_DISPUTE_RELEASE, COMPAT_ESCROW_RELEASED, COMPAT_BOUNTY_COMPLETED},
    {"less than nothing is nothing", -1.0, 0.0, 6.0, COMPAT_DISPUTE_REFUND, COMPAT_ESCROW_REFUNDED,
     COMPAT_BOUNTY_FAILED},
    {"a half is a failure", 0.5, 3.0, 3.0, COMPAT_DISPUTE_SPLIT, COMPAT_ESCROW_PARTIAL, COMPAT_BOUNTY_FAILED},
    {"three quarters", 0.75, 4.5, 1.5, COMPAT_DISPUTE_SPLIT, COMPAT_ESCROW_PARTIAL, COMPAT_BOUNTY_COMPLETED},
};

static void
shares(void **state)
{
    const struct share_row *row = *state;
    struct compat_payout payout;
    struct shop shop;
    uint32_t count;

    shop_open(&shop, 10);
    shop_award(&shop);
    assert_int_equal(compat_market_dispute(shop.market, 0, 2, 0), COMPAT_NOBODY); /* not a party */
    assert_int_equal(compat_market_dispute(shop.market, 0, 0, 0), 0);
    assert_int_equal(compat_market_dispute(shop.market, 0, 1, 0), COMPAT_NOBODY); /* one is open */
    assert_true(compat_market_resolve(shop.market, 0, row->share, &payout));
    assert_false(compat_market_resolve(shop.market, 0, row->share, &payout));
    assert_true(payout.fee == 2.0 && payout.worker == row->worker && payout.poster == row->poster);
    assert_int_equal(payout.dispute, 0);
    assert_int_equal(compat_market_disputes(shop.market, &count)[0].status, row->dispute);
    assert_int_equal(compat_market_escrows(shop.market, &count)[0].status, row->escrow);
    assert_int_equal(compat_market_bounties(shop.market, &count)[0].status, row->bounty);
    shop_close(&shop);
}

static const struct bid_row {
    const char *name;
    uint32_t bounty, bidder;
    double amount;
    uint32_t want;
} bid_rows[] = {
    {"takes a bid", 0, 2, 9.0, 1},
    {"refuses a bounty nobody knows", 7, 2, 9.0, COMPAT_NOBODY},
    {"refuses more than the reward", 0, 2, 10.5, COMPAT_NOBODY},
    {"takes the reward itself", 0, 2, 10.0, 1},
    {"refuses nothing", 0, 2, 0.0, COMPAT_NOBODY},
    {"refuses the poster", 0, 0, 9.0, COMPAT_NOBODY},
    {"refuses a second bid", 0, 1, 7.0, COMPAT_NOBODY},
    {"refuses a full bounty", 1, 2, 4.0, COMPAT_NOBODY},
    {"refuses a bounty that is awarded", 2, 2, 4.0, COMPAT_NOBODY},
};

static void
bids(void **state)
{
    const struct bid_row *row = *state;
    struct shop shop;
    uint32_t out[8];

    shop_open(&shop, 2);
    for (uint32_t i = 0; i < 3; i++)
        compat_market_post(shop.market, i == 0 ? 0 : 1, i, 10.0, 0.9, 0); /* reputation is not looked at */
    assert_int_equal(compat_market_bid(shop.market, 0, 1, 8.0), 0);
    if (row->bounty == 1) {
        assert_int_equal(compat_market_bid(shop.market, 1, 0, 5.0), 1);
        assert_int_equal(compat_market_bid(shop.market, 1, 2, 5.0), 2);
        assert_false(compat_market_withdraw(shop.market, 2, 0));
        assert_true(compat_market_withdraw(shop.market, 2, 2));
        assert_false(compat_market_withdraw(shop.market, 2, 2));
        assert_false(compat_market_reject(shop.market, 2, 1));
        assert_int_equal(compat_market_bid(shop.market, 1, 2, 5.0), 3); /* a withdrawn one does not count */
    }
    if (row->bounty == 2) {
        assert_int_equal(compat_market_bid(shop.market, 2, 0, 5.0), 1);
        assert_false(compat_market_reject(shop.market, 1, 2));
        assert_int_equal(compat_market_accept(shop.market, 2, 1, 1), 0);
        assert_false(compat_market_withdraw(shop.market, 1, 0)); /* it is accepted */
    }
    assert_int_equal(compat_market_bid(shop.market, row->bounty, row->bidder, row->amount), row->want);
    assert_int_equal(compat_market_bids_on(shop.market, 0, out), row->want == 1 ? 2 : 1);
    assert_int_equal(out[0], 0);
    assert_int_equal(compat_market_bids_by(shop.market, 1, out), 1);
    shop_close(&shop);
}

/* A bounty below the minimum is refused after its task was made. */
static void
orphan(void **state)
{
    struct shop shop;
    uint32_t count;

    (void)state;
    shop_open(&shop, 2);
    assert_false(compat_desk_post(shop.market, &shop.agents, shop.tasks, 0, 0.5, 0.0, 0, 1, NULL));
    compat_market_bounties(shop.market, &count);
    assert_int_equal(count, 0);
    assert_int_equal(tasks_stats(shop.tasks).count, 1);
    assert_true(shop.resources[0] == 100.0);
    assert_false(compat_desk_post(shop.market, &shop.agents, shop.tasks, 0, 100.5, 0.0, 0, 1, NULL));
    assert_int_equal(tasks_stats(shop.tasks).count, 1); /* without the money no task is made */
    shop_close(&shop);
}

/* Nothing asks for the bidder's reputation but the task, which then stays open. */
static void
unworthy(void **state)
{
    struct shop shop;
    uint32_t out[8];

    (void)state;
    shop_open(&shop, 2);
    assert_true(compat_desk_post(shop.market, &shop.agents, shop.tasks, 0, 10.0, 0.5, 0, 1, NULL));
    assert_int_equal(compat_market_open(shop.market, 0, 0.4, out), 0);
    assert_int_equal(compat_market_open(shop.market, 0, INFINITY, out), 1);
    assert_int_equal(compat_market_bid(shop.market, 0, 1, 8.0), 0);
    assert_false(compat_desk_accept(shop.market, &shop.agents, shop.tasks, 1, 0, 0, 1)); /* not the poster */
    assert_true(compat_desk_accept(shop.market, &shop.agents, shop.tasks, 0, 0, 0, 1));
    assert_int_equal(tasks_find(shop.tasks, 0)->status, TASK_OPEN);
    assert_int_equal(compat_market_escrows_of(shop.market, 1, out), 1);
    assert_int_equal(compat_market_escrows_of(shop.market, 2, out), 0);
    shop_close(&shop);
}

static void
deadline(void **state)
{
    struct shop shop;
    uint32_t out[8], count;

    (void)state;
    shop_open(&shop, 2);
    assert_true(compat_desk_post(shop.market, &shop.agents, shop.tasks, 0, 10.0, 0.0, 3, 1, NULL));
    assert_true(compat_desk_post(shop.market, &shop.agents, shop.tasks, 0, 20.0, 0.0, 0, 1, NULL));
    assert_int_equal(compat_market_bid(shop.market, 0, 1, 8.0), 0);
    assert_int_equal(compat_market_open(shop.market, 2, 0.0, out), 2);
    assert_int_equal(compat_market_open(shop.market, 3, 0.0, out), 1);
    assert_int_equal(out[0], 1);
    compat_desk_end_epoch(shop.market, &shop.agents, 2);
    assert_true(shop.resources[0] == 70.0);
    compat_desk_end_epoch(shop.market, &shop.agents, 3);
    assert_true(shop.resources[0] == 80.0); /* all of it, the bid was rejected */
    assert_int_equal(compat_market_bids(shop.market, &count)[0].status, COMPAT_BID_REJECTED);
    assert_int_equal(compat_market_bounties(shop.market, &count)[0].status, COMPAT_BOUNTY_EXPIRED);
    assert_int_equal(compat_market_bounties(shop.market, &count)[1].status, COMPAT_BOUNTY_OPEN);
    shop_close(&shop);
}

/* Growing keeps what is there; a head that was tampered with is refused. */
static void
saving(void **state)
{
    struct shop shop;
    struct cells cells = {0};
    struct why why = {0};
    uint32_t count, head[4] = {1u << 25, 0, 0, 0};

    (void)state;
    shop_open(&shop, 2);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(compat_market_post(shop.market, i % 3, i, 1.0 + i, 0.0, 0), i);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(compat_market_bid(shop.market, i, (i + 1) % 3, 1.0), i);
    assert_true(compat_market_bounties(shop.market, &count)[999].reward == 1000.0);
    assert_true(compat_market_stats(shop.market).posted == 500500.0);
    compat_market_head(shop.market, &cells);
    compat_market_body(shop.market, &cells);
    assert_int_equal(cells.count, 5);
    assert_int_equal(cells.items[1].size, 1000 * sizeof(struct compat_bounty));
    ((struct compat_bid *)cells.items[2].data)[5].bounty = 2000;
    assert_int_equal(compat_market_check(shop.market, 3, &why), ERR_STATE);
    assert_non_null(strstr(why.text, "bid 5"));
    assert_int_equal(cells.items[0].size, sizeof head);
    memcpy(cells.items[0].data, head, sizeof head);
    assert_int_equal(compat_market_room(shop.market, &why), ERR_FORMAT);
    compat_market_bounties(shop.market, &count);
    assert_int_equal(count, 0);
    shop_close(&shop);
}

static void
parameters(void **state)
{
    struct why why = {0};

    (void)state;
    assert_int_equal(params_check(compat_market_params_list(), &why), 0);
}

static const struct test_case cases[] = {
    {"a bounty below the minimum leaves a task", orphan}, {"reputation is asked for by the task alone", unworthy},
    {"bounties expire", deadline},                        {"is saved whole", saving},
    {"the parameter list is sound", parameters},
};

int
main(void)
{
    return TEST_ROWS("compat_desk money", money_rows, money) + TEST_ROWS("compat_market_resolve", share_rows, shares) +
           TEST_ROWS("compat_market_bid", bid_rows, bids) + TEST_CASES("compat_market", cases);
}
