/* tests/unit/world/test_sandbox_market.c - the market's operations one by one, whole stories of a bounty with
 * everybody's money worked out by hand, what agents see, and the whole economy under random decisions. */
#include "tests/unit/world/sandbox_driver.h"

#include "core/money.h"
#include "world/sandbox/market.h"
#include "world/sandbox/state.h"

#include <math.h>

#define T MONEY_ONE

/* The pure market, whose private struct the desk's pointer leads to first. */
static struct market *
market_of(const struct sandbox *self)
{
    struct market *out;

    memcpy(&out, self->market, sizeof out); /* the first member */
    return out;
}

/* ---- may it be? Bounty 0 of agent 0: 10 tokens, difficulty 0.5, from epoch 2; agent 1 bids 6 ---- */

static const struct check_row {
    const char *name;
    uint32_t verb, target, agent;
    int64_t amount;
    double reputation;
    uint32_t epoch;
    enum sandbox_refusal want;
    bool awarded;
} check_rows[] = {
    {"post", VERB_POST_BOUNTY, 0, 0, 1 * T, 0, 2, REFUSAL_NONE, false},
    {"post: a millionth too little", VERB_POST_BOUNTY, 0, 0, 1 * T - 1, 0, 2, REFUSAL_TARGET, false},
    {"bid all of the reward", VERB_BID, 0, 2, 10 * T, 0, 2, REFUSAL_NONE, false},
    {"bid a millionth", VERB_BID, 0, 2, 1, 0, 2, REFUSAL_NONE, false},
    {"bid too much", VERB_BID, 0, 2, 10 * T + 1, 0, 2, REFUSAL_TARGET, false},
    {"bid nothing", VERB_BID, 0, 2, 0, 0, 2, REFUSAL_TARGET, false},
    {"bid on one's own", VERB_BID, 0, 0, 5 * T, 0, 2, REFUSAL_TARGET, false},
    {"bid twice", VERB_BID, 0, 1, 5 * T, 0, 2, REFUSAL_REPEATED, false},
    {"bid on nothing", VERB_BID, 1, 2, 5 * T, 0, 2, REFUSAL_TARGET, false},
    {"bid with just enough reputation", VERB_BID, 0, 2, 5 * T, -0.25, 2, REFUSAL_NONE, false},
    {"bid with too little reputation", VERB_BID, 0, 2, 5 * T, -0.26, 2, REFUSAL_TARGET, false},
    {"bid in the last epoch", VERB_BID, 0, 2, 5 * T, 0, 4, REFUSAL_NONE, false},
    {"bid past the deadline", VERB_BID, 0, 2, 5 * T, 0, 5, REFUSAL_TARGET, false},
    {"bid on an awarded one", VERB_BID, 0, 2, 5 * T, 0, 2, REFUSAL_TARGET, true},
    {"accept", VERB_ACCEPT_BID, 0, 0, 0, 0, 2, REFUSAL_NONE, false},
    {"accept for somebody else", VERB_ACCEPT_BID, 0, 2, 0, 0, 2, REFUSAL_TARGET, false},
    {"accept what is not there", VERB_ACCEPT_BID, 1, 0, 0, 0, 2, REFUSAL_TARGET, false},
    {"accept again", VERB_ACCEPT_BID, 0, 0, 0, 0, 2, REFUSAL_TARGET, true},
    {"dispute by the poster", VERB_DISPUTE, 0, 0, 0, 0, 2, REFUSAL_NONE, true},
    {"dispute by the worker", VERB_DISPUTE, 0, 1, 0, 0, 2, REFUSAL_NONE, true},
    {"dispute by a stranger", VERB_DISPUTE, 0, 2, 0, 0, 2, REFUSAL_TARGET, true},
    {"dispute about an open one", VERB_DISPUTE, 0, 0, 0, 0, 2, REFUSAL_TARGET, false},
};

struct till {
    int64_t paid[3];
    uint32_t times;
};

static void
pay(void *bank, const struct bounty *bounty, enum market_party to, int64_t amount)
{
    struct till *till = bank;

    (void)bounty;
    till->paid[to] += amount;
    till->times++;
}

static struct market *
prepared(struct till *till, bool awarded)
{
    struct market_params params;
    struct market *market;

    params_default(&market_params_list, &params);
    params.min_reputation = 0.5; /* (0.5 + 1) x difficulty 0.5 - 1 = -0.25 */
    params.capacity = 2;
    market = market_new(&params, market_split, pay, till);
    assert_int_equal(market_post(market, 0, 10 * T, 0.5, 2), 0);
    assert_int_equal(market_bid(market, 0, 1, 6 * T), 0);
    assert_int_equal(market_escrow(market), 10 * T);
    if (awarded)
        market_accept(market, 0, 77, 2);
    return market;
}

static void
may_be(void **state)
{
    const struct check_row *row = *state;
    struct till till = {0};
    struct market *market = prepared(&till, row->awarded);
    struct why why = {0};

    switch (row->verb) {
    case VERB_POST_BOUNTY:
        assert_int_equal(market_post_check(market, row->amount), row->want);
        break;
    case VERB_BID:
        assert_int_equal(
            market_bid_check(market, row->target, row->agent, row->reputation, row->amount, row->epoch), row->want);
        break;
    case VERB_ACCEPT_BID:
        assert_int_equal(market_accept_check(market, row->target, row->agent), row->want);
        break;
    default:
        assert_int_equal(market_dispute_check(market, row->target, row->agent), row->want);
        break;
    }
    assert_int_equal(market_check(market, 3, &why), 0);
    market_destroy(&market);
}

static void
places(void **state)
{
    struct till till = {0};
    struct market *market = prepared(&till, false);

    (void)state;
    assert_int_equal(market_post(market, 1, 2 * T, 1.0, 2), 1);
    assert_int_equal(market_post_check(market, 2 * T), REFUSAL_BUSY);
    market_end(market, 1, 0.0); /* expires; its place is free, and bids on it are others' now */
    assert_int_equal(market_post(market, 2, 3 * T, 0.0, 3), 3);
    assert_null(market_find(market, 1));
    assert_int_equal(market_bid(market, 3, 0, 3 * T), 30);
    assert_int_equal(market_escrow(market), 13 * T);
    for (uint32_t bidder = 2; bidder < 11; bidder++)
        market_bid(market, 0, bidder, T);
    assert_int_equal(market_bid_check(market, 0, 11, 0.0, T, 2), REFUSAL_BUSY);
    market_destroy(&market);
}

/* ---- what an end pays ---- */

static const struct end_row {
    const char *name;
    double fee, share;
    int64_t worker, poster, treasury;
    enum sandbox_bounty want;
} end_rows[] = {
    {"all to the worker, less the fee", 0.02, 1.0, 9800001, 0, 200000, BOUNTY_COMPLETED},
    {"all to the poster, without a fee", 0.02, 0.0, 0, 10000001, 0, BOUNTY_FAILED},
    {"a half: the odd millionth is the poster's", 0.02, 0.5, 4900000, 5000001, 100000, BOUNTY_FAILED},
    {"three quarters", 0.0, 0.75, 7500000, 2500001, 0, BOUNTY_COMPLETED},
    {"a fee that takes all", 1.0, 1.0, 0, 0, 10000001, BOUNTY_COMPLETED},
};

static void
ends(void **state)
{
    const struct end_row *row = *state;
    struct till till = {0};
    struct market_params params;
    struct market *market;

    params_default(&market_params_list, &params);
    params.escrow_fee = row->fee;
    market = market_new(&params, market_split, pay, &till);
    market_post(market, 0, 12 * T, 0.0, 0);
    market_bid(market, 0, 1, 10000001);
    market_accept(market, 0, 5, 0);
    assert_int_equal(till.paid[MARKET_POSTER], 1999999); /* at once, what the bid leaves */
    assert_int_equal(market_due(market, 0, 2), DUE_NOTHING);
    assert_int_equal(market_due(market, 0, 3), DUE_WORK);
    market_dispute(market, 0, 1, -1, 0.5, 3);
    assert_int_equal(market_due(market, 0, 4), DUE_NOTHING);
    assert_int_equal(market_due(market, 0, 5), DUE_HEARING);
    market_end(market, 0, row->share);
    assert_int_equal(till.paid[MARKET_WORKER], row->worker);
    assert_int_equal(till.paid[MARKET_POSTER], row->poster + 1999999);
    assert_int_equal(till.paid[MARKET_TREASURY], row->treasury);
    assert_int_equal(market_find(market, 0)->status, row->want);
    assert_int_equal(market_escrow(market), 0);
    assert_int_equal(market_due(market, 0, 99), DUE_NOTHING);
    market_destroy(&market);
}

/* ---- stories: agent 0 posts, agents 1 and 2 work. 4 steps an epoch; effort costs nothing ---- */

struct move {
    uint32_t step, agent, verb, target;
    int32_t value;
    int64_t amount;
    double work;
};

#define POST {1, 0, VERB_POST_BOUNTY, SANDBOX_NOBODY, 0, 10 * T, 0}
#define BIDS {2, 1, VERB_BID, 0, 0, 6 * T, 0}, {2, 2, VERB_BID, 0, 0, 8 * T, 0}
#define AWARD {3, 0, VERB_ACCEPT_BID, 0, 0, 0, 0}
#define SUBMIT(effort) {4, 1, VERB_SUBMIT_WORK, 0, 0, 0, effort}
#define JUDGE(value) {5, 0, VERB_VERIFY, 0, value, 0, 0}
#define DISPUTE(step, agent) {step, agent, VERB_DISPUTE, 0, 0, 0, 0}

static const struct story_row {
    const char *name, *market;
    struct move moves[8];
    uint32_t steps;
    int32_t truth;  /* of the work: tried until it is so; 0: whatever */
    double workers; /* what workers begin with, tokens */
    uint32_t freeze_after; /* step behind which agent 1 is frozen; 0: never */
    enum sandbox_bounty status;
    int64_t money[3], treasury, escrow, unpaid;
    const char *figure; /* that is 1 */
} stories[] = {
    {"posted: the reward is in escrow", "", {POST}, 1, 0, 100, 0, BOUNTY_OPEN, {90 * T, 100 * T, 100 * T}, 0, 10 * T, 0,
     "bounties_posted"},
    {"awarded: what the bid leaves goes back at once", "", {POST, BIDS, AWARD}, 3, 0, 100, 0, BOUNTY_AWARDED,
     {94 * T, 100 * T, 100 * T}, 0, 6 * T, 0, "bounties_awarded"},
    {"approved: the worker is paid, less 2 %", "", {POST, BIDS, AWARD, SUBMIT(1), JUDGE(1)}, 5, 0, 100, 0,
     BOUNTY_COMPLETED, {94 * T, 105880000, 100 * T}, 120000, 0, 0, "bounties_completed"},
    {"approved though bad, and the worker frozen", "", {POST, BIDS, AWARD, SUBMIT(0), JUDGE(1)}, 5, -1, 100, 4,
     BOUNTY_COMPLETED, {94 * T, 105880000, 100 * T}, 120000, 0, 0, "jobs_bad_share"},
    {"judged by the environment, three steps later", "", {POST, BIDS, AWARD, SUBMIT(1)}, 7, 1, 100, 0,
     BOUNTY_COMPLETED, {94 * T, 105880000, 100 * T}, 120000, 0, 0, "bounties_completed"},
    {"not yet a step before", "", {POST, BIDS, AWARD, SUBMIT(1)}, 6, 1, 100, 0,
     BOUNTY_AWARDED, {94 * T, 100 * T, 100 * T}, 0, 6 * T, 0, "bounties_awarded"},
    {"late: everything goes back", "work_epochs: 1", {POST, BIDS, AWARD}, 5, 0, 100, 0, BOUNTY_FAILED,
     {100 * T, 100 * T, 100 * T}, 0, 0, 0, "bounties_failed"},
    {"handed in in time, it waits to be judged", "work_epochs: 1", {POST, BIDS, AWARD, SUBMIT(1)}, 5, 1, 100, 0,
     BOUNTY_AWARDED, {94 * T, 100 * T, 100 * T}, 0, 6 * T, 0, "bounties_awarded"},
    {"sent back and not mended in time", "work_epochs: 1", {POST, BIDS, AWARD, SUBMIT(1), JUDGE(0)}, 9, 0, 100, 0,
     BOUNTY_FAILED, {100 * T, 100 * T, 100 * T}, 0, 0, 0, "bounties_failed"},
    {"nobody takes it", "deadline_epochs: 1", {POST}, 5, 0, 100, 0, BOUNTY_EXPIRED,
     {100 * T, 100 * T, 100 * T}, 0, 0, 0, "bounties_expired"},
    {"it may wait for ever, too", "{deadline_epochs: 1, auto_expire: false}", {POST}, 12, 0, 100, 0, BOUNTY_OPEN,
     {90 * T, 100 * T, 100 * T}, 0, 10 * T, 0, "bounties_posted"},
    {"heard: good work, the poster loses", "{dispute_power: 1, dispute_epochs: 1}",
     {POST, BIDS, AWARD, SUBMIT(1), DISPUTE(5, 0)}, 9, 1, 100, 0, BOUNTY_COMPLETED, {93700000, 105880000, 100 * T},
     420000, 0, 0, "disputes_for_worker"},
    {"heard: bad work, the worker loses", "{dispute_power: 1, dispute_epochs: 1}",
     {POST, BIDS, AWARD, SUBMIT(0), DISPUTE(5, 0)}, 9, -1, 100, 0, BOUNTY_FAILED, {100 * T, 99700000, 100 * T},
     300000, 0, 0, "disputes_for_poster"},
    {"the hearing is not before its time", "{dispute_power: 1, dispute_epochs: 1}",
     {POST, BIDS, AWARD, SUBMIT(0), DISPUTE(5, 0)}, 8, -1, 100, 0, BOUNTY_DISPUTED, {94 * T, 100 * T, 100 * T},
     0, 6 * T, 0, "disputes_filed"},
    {"nothing is found: half and half", "{dispute_power: 0, dispute_epochs: 1}",
     {POST, BIDS, AWARD, SUBMIT(0), DISPUTE(5, 0)}, 9, -1, 100, 0, BOUNTY_FAILED, {97 * T, 102940000, 100 * T},
     60000, 0, 0, "disputes_split"},
    {"the worker disputes what was sent back", "{dispute_power: 1, dispute_epochs: 1}",
     {POST, BIDS, AWARD, SUBMIT(1), JUDGE(0), DISPUTE(6, 1)}, 9, 1, 100, 0, BOUNTY_COMPLETED,
     {93700000, 105880000, 100 * T}, 420000, 0, 0, "disputes_for_worker"},
    {"a broke loser, frozen, stops nothing", "{dispute_power: 1, dispute_epochs: 1}",
     {POST, BIDS, AWARD, SUBMIT(0), DISPUTE(5, 0)}, 9, -1, 0, 5, BOUNTY_FAILED, {100 * T, 0, 0}, 0, 0, 300000,
     "disputes_for_poster"},
    {"by the label, a refusal does not count", "{condition: label_at_least, work_epochs: 1}",
     {POST, BIDS, AWARD, SUBMIT(1), JUDGE(0)}, 9, 1, 100, 0, BOUNTY_COMPLETED, {94 * T, 105880000, 100 * T}, 120000, 0,
     0, "bounties_completed"},
    {"by the truth, an approval does not count", "condition: truth", {POST, BIDS, AWARD, SUBMIT(0), JUDGE(1)}, 5, -1,
     100, 0, BOUNTY_FAILED, {100 * T, 100 * T, 100 * T}, 0, 0, 0, "bounties_failed"},
    {"only what was handed in can be disputed", "", {POST, BIDS, AWARD, DISPUTE(4, 0)}, 4, 0, 100, 0, BOUNTY_AWARDED,
     {94 * T, 100 * T, 100 * T}, 0, 6 * T, 0, "refused_target"},
    {"no second award", "", {POST, BIDS, AWARD, {4, 0, VERB_ACCEPT_BID, 1, 0, 0, 0}}, 4, 0, 100, 0, BOUNTY_AWARDED,
     {94 * T, 100 * T, 100 * T}, 0, 6 * T, 0, "refused_target"},
    {"a worker has one job", "",
     {POST, BIDS, AWARD, {1, 3, VERB_POST_BOUNTY, SANDBOX_NOBODY, 0, 3 * T, 0},
      {3, 1, VERB_BID, 1, 0, 3 * T, 0}, {4, 3, VERB_ACCEPT_BID, 10, 0, 0, 0}}, 4, 0, 100, 0,
     BOUNTY_AWARDED, {94 * T, 100 * T, 100 * T}, 0, 9 * T, 0, "refused_busy"},
    {"who is refused has its money back", "capacity: 1",
     {POST, {1, 3, VERB_POST_BOUNTY, SANDBOX_NOBODY, 0, 3 * T, 0}}, 1, 0, 100, 0, BOUNTY_OPEN,
     {90 * T, 100 * T, 100 * T}, 0, 10 * T, 0, "refused_busy"},
};

static void
act_story(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    const struct story_row *story = driver->context;

    (void)rng;
    for (uint32_t i = 0; i < 8; i++) {
        const struct move *move = &story->moves[i];

        if (move->step != driver->step || move->agent != batch_u32(seen, OBSERVE_agent, row))
            continue;
        out->verb = move->verb;
        out->target = move->target;
        out->value = move->value;
        out->amount = move->amount;
        out->work = move->work;
    }
}

/* Plays a story; false when the work turned out differently from what it needs. */
static bool
play(const struct story_row *story, struct driver *driver)
{
    char text[1000], argument[] = "1 9";
    const struct sandbox *self;
    struct why why = {0};

    snprintf(text, sizeof text,
             "agents: [{type: honest, role: poster}, {type: honest, count: 2, skill_low: 1, initial_resources: %g}, "
             "{type: honest, role: poster}]\n"
             "simulation: {epochs: 9, steps_per_epoch: 4}\n"
             "sandbox:\n  k_e: 0\n  tasks: {rate: 0, work_steps: 1}\n  market: {enabled: true%s%s}\n",
             story->workers, story->market[0] != '\0' ? ", " : "",
             story->market[0] == '{' ? story->market + 1 : story->market);
    if (story->market[0] == '{') /* the row's own brace closes the map */
        text[strlen(text) - 2] = '\n', text[strlen(text) - 1] = '\0';
    driver_begin(driver, text);
    self = driver->self;
    for (uint32_t step = 1; step <= story->steps; step++) {
        driver_step(driver);
        if (step == 4 && story->truth != 0) {
            const struct task *task = tasks_find(self->tasks, 0);

            if (task->truth != story->truth || (task->signal >= 0.5) != (story->truth > 0))
                return false;
        }
        if (step == story->freeze_after && domain_sandbox.command(driver->self, "freeze", argument, &why) != 0)
            fail_msg("%s", why.text);
    }
    return true;
}

static void
story(void **state)
{
    const struct story_row *row = *state;
    struct driver driver = {.act = act_story, .context = (void *)(uintptr_t)row};
    const struct sandbox *self;

    for (driver.seed = 1; !play(row, &driver); driver.seed++)
        driver_end(&driver);
    assert_true(driver.seed < 100);
    self = driver.self;
    assert_int_equal(market_find(market_of(self), 0)->status, row->status);
    for (uint32_t agent = 0; agent < 3; agent++)
        assert_int_equal(money_of(self, agent), row->money[agent]);
    assert_int_equal(accounts_balance(self->accounts, ACCOUNT_TREASURY), row->treasury);
    assert_int_equal(accounts_balance(self->accounts, ACCOUNT_ESCROW), row->escrow);
    assert_int_equal(self->run->unpaid, row->unpaid);
    assert_close(driver_figure(&driver, true, row->figure).value, 1.0, 1e-15);
    assert_close(driver_figure(&driver, true, "escrow_held").value, (double)row->escrow / 1e6, 1e-15);
    driver_end(&driver);
}

/* Reputation goes a tenth of the way to what the hearing found; the poster remembers it. */
static void
hearing_is_remembered(void **state)
{
    struct driver driver = {.act = act_story};
    const struct story_row *row = NULL;
    const struct sandbox *self;

    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++)
        if (strstr(stories[i].name, "the worker loses") != NULL)
            row = &stories[i];
    assert_non_null(row);
    driver.context = (void *)(uintptr_t)row;
    for (driver.seed = 1; !play(row, &driver); driver.seed++)
        driver_end(&driver);
    self = driver.self;
    assert_close(self->agents.reputation[1], -0.1, 1e-12);
    assert_non_null(trust_find(self->trust, 0, 1)); /* a label of 0, and three more for the proof */
    assert_int_equal(trust_find(self->trust, 0, 1)->weight, 4);
    assert_true(trust_value(trust_find(self->trust, 0, 1)) <= 0.0);
    assert_int_equal(self->agents.task[1], TASK_NONE);
    driver_end(&driver);
}

/* ---- what agents see ---- */

#define SEEN(kind, column, index) batch_##kind(seen, OBSERVE_##column, index)

static void
act_looking(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    uint32_t agent = SEEN(u32, agent, row), bids = SEEN(u32, bids, row), jobs = SEEN(u32, jobs, row);
    uint32_t bid_count = SEEN(u32, bids, row + 1) - bids, job_count = SEEN(u32, jobs, row + 1) - jobs;

    act_story(driver, seen, row, rng, out);
    assert_int_equal(seen->count[ACT_BOUNTY], driver->step == 2 || driver->step == 3);
    assert_int_equal(bid_count, driver->step == 3 && agent == 0 ? 2 : 0);
    assert_int_equal(job_count, driver->step >= 4 && driver->step < 9 && agent < 2);
    if (driver->step == 3) {
        assert_int_equal(SEEN(u32, bounty, 0), 0);
        assert_int_equal(SEEN(i64, bounty_reward, 0), 10 * T);
        assert_int_equal(SEEN(u16, bounty_bids, 0), 2);
        assert_int_equal(SEEN(i64, bounty_lowest, 0), 6 * T);
        assert_int_equal(SEEN(u32, bounty_deadline, 0), 3);
        assert_int_equal(SEEN(u32, bid_on, row), agent == 1 || agent == 2);
        assert_int_equal(SEEN(u16, bids_left, row), agent == 1 || agent == 2 ? 4 : 5);
        assert_int_equal(SEEN(u16, bounties_left, row), agent == 0 ? 2 : 3);
    }
    if (bid_count == 2) {
        assert_int_equal(SEEN(u32, bid, bids + 1), 1);
        assert_int_equal(SEEN(u32, bid_bidder, bids + 1), 2);
        assert_int_equal(SEEN(i64, bid_amount, bids + 1), 8 * T);
    }
    if (job_count == 1) {
        assert_int_equal(SEEN(u8, job_is_worker, jobs), agent == 1);
        assert_int_equal(SEEN(u32, job_other, jobs), 1 - agent);
        assert_int_equal(SEEN(i64, job_amount, jobs), 6 * T);
        assert_int_equal(SEEN(u8, job_status, jobs), driver->step > 5 ? BOUNTY_DISPUTED : BOUNTY_AWARDED);
        assert_int_equal(SEEN(u8, job_task_status, jobs),
                         driver->step == 4 ? TASK_IN_PROGRESS : driver->step == 5 ? TASK_SUBMITTED : TASK_FAILED);
        assert_int_equal(SEEN(f64, job_signal, jobs) > 0.0, driver->step > 4);
    }
}

static void
what_is_seen(void **state)
{
    static const struct story_row row = {.name = "seen", .market = "{dispute_power: 1, dispute_epochs: 1}",
        .moves = {POST, BIDS, AWARD, SUBMIT(1), DISPUTE(5, 0)}, .steps = 12, .workers = 100};
    struct driver driver = {.seed = 5, .act = act_looking, .context = (void *)(uintptr_t)&row};

    (void)state;
    assert_true(play(&row, &driver));
    driver_end(&driver);
}

/* ---- the whole economy, with agents that try everything ---- */

static uint32_t
any_of(const struct batch *seen, uint32_t column, uint32_t begin, uint32_t end, struct rng *rng)
{
    return begin == end || rng_chance(rng, 0.05) ? rng_below(rng, 50)
        : batch_u32(seen, column, begin + rng_below(rng, end - begin));
}

/* Often one that there is something to do for. */
static uint32_t
wild_verb(bool has_task, bool has_bids, bool has_jobs, struct rng *rng)
{
    if (has_task && rng_chance(rng, 0.4))
        return VERB_SUBMIT_WORK;
    if (has_bids && rng_chance(rng, 0.7))
        return VERB_ACCEPT_BID;
    if (has_jobs && rng_chance(rng, 0.7))
        return rng_chance(rng, 0.6) ? VERB_VERIFY : VERB_DISPUTE;
    return rng_chance(rng, 0.5) ? VERB_BID : rng_chance(rng, 0.6) ? VERB_POST_BOUNTY : rng_below(rng, VERB_COUNT);
}

static void
act_wildly(struct driver *driver, const struct batch *seen, uint32_t row, struct rng *rng, struct wish *out)
{
    uint32_t bids = SEEN(u32, bids, row), jobs = SEEN(u32, jobs, row);
    uint32_t bids_end = SEEN(u32, bids, row + 1), jobs_end = SEEN(u32, jobs, row + 1);

    (void)driver;
    out->verb = wild_verb(SEEN(u32, task, row) != SANDBOX_NOBODY, bids < bids_end, jobs < jobs_end, rng);
    out->value = rng_integer(rng, 0, 1);
    out->work = rng_real(rng);
    out->amount = rng_below(rng, 5000000);
    out->target = out->verb == VERB_BID ? any_of(seen, OBSERVE_bounty, 0, seen->count[ACT_BOUNTY], rng)
        : out->verb == VERB_ACCEPT_BID ? any_of(seen, OBSERVE_bid, bids, bids_end, rng)
        : out->verb == VERB_DISPUTE ? any_of(seen, OBSERVE_job, jobs, jobs_end, rng)
        : out->verb == VERB_VERIFY ? any_of(seen, OBSERVE_job_task, jobs, jobs_end, rng)
        : out->verb == VERB_SUBMIT_WORK ? SEEN(u32, task, row)
                                        : any_of(seen, OBSERVE_task_id, 0, seen->count[ACT_TASK], rng);
    if (rng_chance(rng, 0.3)) { /* an own account of money, now and then all of it */
        out->partner = rng_below(rng, 8);
        out->transfer = rng_chance(rng, 0.5) ? SEEN(i64, resources, row) / 2 : 0;
    }
}

static const struct economy_row {
    const char *name, *turns, *market;
    const char *more;
} economies[] = {
    {"as it comes", "simultaneous", "", ""},
    {"one after the other", "sequential", "", ""},
    {"narrow and hasty", "simultaneous",
     ", capacity: 2, max_bids: 1, visible: 1, deadline_epochs: 2, work_epochs: 1, dispute_epochs: 1, min_bounty: 0",
     "tasks: {rate: 0}"},
    {"few tasks, by the label", "sequential", ", condition: label_at_least, auto_expire: false, work_epochs: 1",
     "tasks: {capacity: 3, rate: 0.01, verify_after: 2}"},
    {"poor, by the truth, costly hearings", "simultaneous", ", condition: truth, dispute_fee: 1, escrow_fee: 0.5",
     "initial_resources: 3"},
};

static struct driver
economy(const struct economy_row *row, uint64_t seed, uint32_t chunk)
{
    struct driver driver = {.seed = seed, .chunk = chunk, .act = act_wildly};
    char text[1000];

    snprintf(text, sizeof text,
             "agents: [{type: honest, count: 3, role: poster}, {type: honest, count: 3, role: worker}, "
             "{type: deceptive, role: planner}, {type: deceptive, role: worker}]\n"
             "simulation: {epochs: 9, steps_per_epoch: 3, turns: %s}\n"
             "sandbox:\n  rails: {max_bids: 100, max_bounties: 100}\n  market: {enabled: true%s}\n  %s\n",
             row->turns, row->market, row->more);
    driver_begin(&driver, text);
    return driver;
}

/* Half-way everything is saved, read by another and goes on there. */
static void
goes_on_elsewhere(const struct economy_row *row, struct driver *driver)
{
    struct driver other = economy(row, driver->seed, 2);

    driver_copy(driver, &other);
    for (uint32_t step = 0; step < 6; step++) {
        driver_step(driver);
        driver_step(&other);
        driver_same(driver, &other);
    }
    driver_end(&other);
}

static void
whole_economy(void **state)
{
    const struct economy_row *row = *state;
    double awarded = 0, completed = 0, failed = 0, expired = 0, disputed = 0;

    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct driver driver = economy(row, seed, 0);
        struct rng rng = rng_make(seed, STREAM_TEST, 7, 7);
        struct why why = {0};
        char argument[16];

        for (uint32_t step = 0; step < 30; step++) {
            driver_step(&driver); /* the invariants are checked in there */
            snprintf(argument, sizeof argument, "%u 1", (unsigned)rng_below(&rng, 8));
            if (rng_chance(&rng, 0.1) && domain_sandbox.command(driver.self, "freeze", argument, &why) != 0)
                fail_msg("%s", why.text);
            if (step == 14)
                goes_on_elsewhere(row, &driver);
        }
        awarded += driver_figure(&driver, true, "bounties_awarded").value;
        completed += driver_figure(&driver, true, "bounties_completed").value;
        failed += driver_figure(&driver, true, "bounties_failed").value;
        expired += driver_figure(&driver, true, "bounties_expired").value;
        disputed += driver_figure(&driver, true, "disputes_filed").value;
        driver_end(&driver);
    }
    print_message("  awarded %g, completed %g, failed %g, expired %g, disputed %g\n", awarded, completed, failed,
                  expired, disputed);
    assert_true(awarded > 100 && completed > 10 && failed > 50 && disputed > 10);
}

/* Damaged snapshots are refused, or the economy they hold goes on. */
static void
damaged(void **state)
{
    struct driver driver = economy(&economies[0], 3, 0);
    struct buffer bytes = {0};
    struct rng rng = rng_make(9, STREAM_TEST, 1, 1);
    uint32_t refused = 0;

    (void)state;
    for (uint32_t step = 0; step < 13; step++)
        driver_step(&driver);
    assert_true(driver_figure(&driver, true, "bounties_awarded").value > 0);
    domain_sandbox.save(driver.self, &bytes);
    for (uint32_t i = 0; i < 400; i++) {
        uint32_t at = rng_below(&rng, (uint32_t)bytes.size);
        size_t size = rng_chance(&rng, 0.1) ? at : bytes.size;
        uint8_t before = bytes.data[at];
        struct why why = {0};

        bytes.data[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
        if (domain_sandbox.load(driver.self, bytes.data, size, &why) != 0)
            refused++;
        else
            assert_int_equal(domain_sandbox.check_invariants(driver.self, &why), 0);
        bytes.data[at] = before;
    }
    assert_true(refused > 30);
    buffer_fini(&bytes);
    driver_end(&driver);
}

static const struct test_case cases[] = {
    {"places and ids", places},
    {"a hearing is remembered", hearing_is_remembered},
    {"what agents see", what_is_seen},
    {"damaged snapshots", damaged},
};

int
main(void)
{
    return TEST_ROWS("market: may it be", check_rows, may_be) + TEST_ROWS("market: ends", end_rows, ends) +
        TEST_CASES("market: more", cases) + TEST_ROWS("market: stories", stories, story) +
        TEST_ROWS("market: whole economy", economies, whole_economy);
}
