/* tests/property/test_market.c - the market keeps every millionth, whatever is done in whatever order: random sequences
 * of operations on the module and a ledger, without the rest of the sandbox. After each operation: the ledger's sum is
 * 0 and nobody is below it, the escrow holds what the market says, every bounty has paid out what it no longer holds
 * and never more, and statuses have moved on as they may. A sequence that breaks this is shrunk, operation by
 * operation, then in its numbers, and printed. That the property can fail is shown on markets that are wrong on
 * purpose. */
#include "core/money.h"
#include "core/rng.h"
#include "core/streams.h"
#include "world/ledger/accounts.h"
#include "world/sandbox/market.h"

#include "tests/support/test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define AGENTS 4u
#define PLACES 3u
#define OPERATIONS 60u
#define SEQUENCES 100000u
#define THE_ONE AGENTS /* instead of an agent: whoever the operation is for */

enum kind {
    OP_POST, OP_BID, OP_ACCEPT, OP_SUBMIT, OP_JUDGE, OP_DISPUTE, OP_EPOCH, OP_WAIT, OP_FREEZE, OP_RUIN, OP_EARN,
    OP_KINDS
};
static const char *const kind_names[OP_KINDS] = {
    "post", "bid", "accept", "submit", "judge", "dispute", "epoch", "wait", "freeze", "ruin", "earn"};

/* `which`: the bounty posted last is 0, the one before 1 ..., so that leaving out others does not change what is meant.
 * `good` is the work's truth, an approval, a bidder's reputation, or whether it is the worker who disputes. */
struct operation {
    uint32_t kind, agent, which, slot;
    bool good;
    int64_t amount;
};

/* What the worker has handed in for the job at a place. */
struct job {
    bool handed_in, waiting;
    int32_t truth;
};

struct play {
    struct accounts *accounts;
    struct market *market;
    const char *broken;
    uint32_t epoch, tasks;
    bool frozen[AGENTS], busy[AGENTS];
    struct job jobs[PLACES];
    uint32_t latest[PLACES];      /* ids, newest first */
    struct bounty before[PLACES]; /* as it was after the last operation */
    int64_t paid[PLACES];         /* out of the escrow for the bounty there */
    uint64_t ends[BOUNTY_STATUSES], splits, refused, pays_twice;
};

/* ---- markets, right and wrong ---- */

/* A refund of a job loses the fee. */
static struct market_split
split_loses_fee(const struct market_params *params, const struct bounty *bounty, double share)
{
    struct market_split out = market_split(params, bounty, share);

    if (share <= 0.0 && bounty->status != BOUNTY_OPEN)
        out.poster -= money_share(bounty->held, params->escrow_fee);
    return out;
}

/* The worker gets what was offered, not what it asked for. */
static struct market_split
split_pays_reward(const struct market_params *params, const struct bounty *bounty, double share)
{
    struct market_split out = market_split(params, bounty, share);

    if (share >= 1.0)
        out.worker += bounty->reward - bounty->held;
    return out;
}

/* What expires is given back as if it had been accepted for half. */
static struct market_split
split_keeps_half(const struct market_params *params, const struct bounty *bounty, double share)
{
    struct market_split out = market_split(params, bounty, share);

    if (bounty->status == BOUNTY_OPEN)
        out.poster -= out.poster / 2;
    return out;
}

/* Both halves are rounded up. */
static struct market_split
split_rounds_up(const struct market_params *params, const struct bounty *bounty, double share)
{
    struct market_split out = market_split(params, bounty, share);

    if (share > 0.0 && share < 1.0)
        out.poster = bounty->held - money_share(bounty->held, share) + bounty->held % 2;
    return out;
}

static const struct market_params params = {.enabled = true, .escrow_fee = 0.02, .min_bounty = 100,
    .max_bids = 2, .capacity = PLACES, .visible = 16, .deadline_epochs = 2, .work_epochs = 1, .auto_expire = true,
    .dispute_epochs = 1, .dispute_power = 0.8, .dispute_default_split = 0.5, .dispute_fee = 0.05,
    .min_reputation = -1.0};

static void
pay(void *bank, const struct bounty *bounty, enum market_party to, int64_t amount)
{
    struct play *self = bank;
    uint32_t account = to == MARKET_WORKER ? ACCOUNT_FIRST + bounty->worker
        : to == MARKET_POSTER ? ACCOUNT_FIRST + bounty->poster : (uint32_t)ACCOUNT_TREASURY;

    for (uint64_t i = 0; i <= (to == MARKET_WORKER ? self->pays_twice : 0); i++) {
        int64_t moved = accounts_collect(self->accounts, ACCOUNT_ESCROW, account, amount, MONEY_escrow);

        self->paid[bounty->id % PLACES] += moved;
        if (moved != amount)
            self->broken = "the escrow did not hold what it had to pay";
    }
}

/* ---- operations ---- */

static void
finish(struct play *self, uint32_t place, double share)
{
    const struct bounty *bounty = market_at(self->market, place);

    if (bounty->worker != MARKET_NONE && bounty->status == BOUNTY_AWARDED)
        self->busy[bounty->worker] = false;
    self->jobs[place] = (struct job){0};
    self->splits += share > 0.0 && share < 1.0;
    (void)market_end(self->market, bounty->id, share);
}

/* A hearing about work whose label says nothing finds nothing. */
static void
hear(struct play *self, uint32_t place)
{
    struct bounty job = *market_at(self->market, place);
    bool found = job.label > 0.5 || job.label < 0.5;

    finish(self, place, found ? (double)(job.truth > 0) : params.dispute_default_split);
    if (found)
        accounts_collect(self->accounts, ACCOUNT_FIRST + (job.truth > 0 ? job.poster : job.worker), ACCOUNT_TREASURY,
                         money_share(job.held, params.dispute_fee), MONEY_cost);
}

static void
pass_epoch(struct play *self)
{
    self->epoch++;
    for (uint32_t place = 0; place < PLACES; place++)
        switch (market_due(self->market, place, self->epoch)) {
        case DUE_EXPIRY:
            finish(self, place, 0.0);
            break;
        case DUE_WORK:
            if (!self->jobs[place].waiting)
                finish(self, place, 0.0);
            break;
        case DUE_HEARING:
            hear(self, place);
            break;
        case DUE_NOTHING:
            break;
        }
}

static void
post(struct play *self, uint32_t agent, const struct operation *op)
{
    uint32_t id;

    if (accounts_transfer(
            self->accounts, ACCOUNT_FIRST + agent, ACCOUNT_ESCROW, op->amount, MONEY_escrow, NULL) != 0)
        return;
    if (market_post_check(self->market, op->amount) != REFUSAL_NONE) {
        self->refused++;
        if (accounts_transfer(
                self->accounts, ACCOUNT_ESCROW, ACCOUNT_FIRST + agent, op->amount, MONEY_escrow, NULL) != 0)
            self->broken = "what was set aside is gone";
        return;
    }
    id = market_post(self->market, agent, op->amount, op->good ? 0.0 : 1.0, self->epoch);
    memmove(self->latest + 1, self->latest, (PLACES - 1) * sizeof self->latest[0]);
    self->latest[0] = id;
    self->paid[id % PLACES] = 0;
    self->jobs[id % PLACES] = (struct job){0};
}

/* One that concerns a bounty, by one of its parties or by whoever tries. */
static void
concern(struct play *self, const struct operation *op, const struct bounty *bounty)
{
    bool by_worker = op->kind == OP_SUBMIT || (op->kind == OP_DISPUTE && op->good);
    uint32_t agent = op->agent != THE_ONE ? op->agent : by_worker ? bounty->worker : bounty->poster;
    uint32_t bid = market_bid_id(self->market, bounty, op->slot);
    uint32_t place = bounty->id % PLACES;
    struct job *job = &self->jobs[place];
    int64_t amount = op->amount % (bounty->reward + 2); /* 0 and one too many are tried, too */
    const struct bounty *of;

    if (agent == MARKET_NONE || self->frozen[agent])
        return;
    if (op->kind == OP_BID && market_bid_check(self->market, bounty->id, agent, op->good ? 1.0 : -1.0, amount,
                                               self->epoch) == REFUSAL_NONE) {
        market_bid(self->market, bounty->id, agent, amount);
    } else if (op->kind == OP_ACCEPT && market_accept_check(self->market, bid, agent) == REFUSAL_NONE &&
               !self->busy[market_bid_find(self->market, bid, &of)->bidder]) {
        self->busy[market_bid_find(self->market, bid, &of)->bidder] = true;
        market_accept(self->market, bid, self->tasks++, self->epoch);
    } else if (op->kind == OP_SUBMIT && bounty->status == BOUNTY_AWARDED && agent == bounty->worker) {
        *job = (struct job){.handed_in = true, .waiting = true, .truth = op->good ? 1 : -1};
    } else if (op->kind == OP_JUDGE && job->waiting && agent == bounty->poster) {
        job->waiting = false;
        if (op->good)
            finish(self, place, 1.0);
    } else if (op->kind == OP_DISPUTE && job->handed_in &&
               market_dispute_check(self->market, bounty->id, agent) == REFUSAL_NONE) {
        market_dispute(self->market, bounty->id, agent, job->truth,
                       op->slot > 0 ? 0.5 : job->truth > 0 ? 0.95 : 0.05, self->epoch);
        self->busy[bounty->worker] = false;
        *job = (struct job){0};
    } else {
        self->refused++;
    }
}

/* The environment judges what waits. */
static void
wait(struct play *self)
{
    for (uint32_t place = 0; place < PLACES; place++) {
        bool good = self->jobs[place].truth > 0;

        if (self->jobs[place].waiting) {
            self->jobs[place].waiting = false;
            if (good)
                finish(self, place, 1.0);
        }
    }
}

static void
perform(struct play *self, const struct operation *op)
{
    const struct bounty *bounty = market_find(self->market, self->latest[op->which]);
    uint32_t agent = op->agent % AGENTS, account = ACCOUNT_FIRST + agent;

    switch ((enum kind)op->kind) {
    case OP_POST:
        if (!self->frozen[agent])
            post(self, agent, op);
        return;
    case OP_EPOCH:
        pass_epoch(self);
        return;
    case OP_WAIT:
        wait(self);
        return;
    case OP_FREEZE:
        self->frozen[agent] = !self->frozen[agent];
        return;
    case OP_RUIN:
        accounts_collect(self->accounts, account, ACCOUNT_ENVIRONMENT, INT64_MAX, MONEY_payoff);
        return;
    case OP_EARN:
        if (accounts_transfer(self->accounts, ACCOUNT_ENVIRONMENT, account, op->amount, MONEY_payoff, NULL) != 0)
            self->broken = "the environment cannot pay";
        return;
    default:
        if (bounty != NULL)
            concern(self, op, bounty);
        return;
    }
}

/* ---- what must hold ---- */

static bool
may_become(uint8_t before, uint8_t after)
{
    static const uint8_t next[BOUNTY_STATUSES] = {
        [BOUNTY_OPEN] = 1u << BOUNTY_AWARDED | 1u << BOUNTY_EXPIRED,
        [BOUNTY_AWARDED] = 1u << BOUNTY_COMPLETED | 1u << BOUNTY_FAILED | 1u << BOUNTY_DISPUTED,
        [BOUNTY_DISPUTED] = 1u << BOUNTY_COMPLETED | 1u << BOUNTY_FAILED,
    };

    return before == after || (next[before] >> after & 1u) != 0;
}

/* NULL: everything is as it should be. */
static const char *
complaint(struct play *self, struct why *why)
{
    if (self->broken != NULL)
        return self->broken;
    if (accounts_check(self->accounts, why) != 0 || market_check(self->market, AGENTS, why) != 0)
        return why->text;
    if (accounts_balance(self->accounts, ACCOUNT_ESCROW) != market_escrow(self->market))
        return "the escrow is not what the market says";
    for (uint32_t place = 0; place < PLACES; place++) {
        const struct bounty *bounty = market_at(self->market, place);
        struct bounty *before = &self->before[place];

        if (bounty == NULL)
            continue;
        if (before->used && before->id == bounty->id && !may_become(before->status, bounty->status))
            return "a status that cannot follow";
        if (before->used && before->id != bounty->id && before->held != 0)
            return "a living bounty's place was taken";
        if (bounty->held + self->paid[place] != bounty->reward)
            return "what a bounty has paid and what it holds are not its reward";
        if (!before->used || before->id != bounty->id || before->status != bounty->status)
            self->ends[bounty->status]++;
        *before = *bounty;
    }
    return NULL;
}

/* ---- sequences ---- */

struct trial {
    market_split_fn *split;
    uint64_t pays_twice;
    struct accounts *accounts;
    uint64_t ends[BOUNTY_STATUSES], splits, refused;
};

/* NULL, or what was wrong; *count is then how many operations it took. */
static const char *
replay(struct trial *trial, const struct operation *operations, uint32_t *count)
{
    static struct why why;
    struct play self = {.accounts = trial->accounts, .pays_twice = trial->pays_twice};
    const char *wrong = NULL;

    self.market = market_new(&params, trial->split, pay, &self);
    accounts_clear(self.accounts);
    why = (struct why){0};
    for (uint32_t i = 0; i < PLACES; i++)
        self.latest[i] = MARKET_NONE;
    for (uint32_t agent = 0; agent < AGENTS; agent++)
        if (accounts_transfer(
                self.accounts, ACCOUNT_ENVIRONMENT, ACCOUNT_FIRST + agent, 5 * MONEY_ONE, MONEY_genesis, NULL) != 0)
            self.broken = "no money to begin with";
    for (uint32_t i = 0; i < *count && wrong == NULL; i++) {
        perform(&self, &operations[i]);
        wrong = complaint(&self, &why);
        if (wrong != NULL)
            *count = i + 1;
    }
    for (uint32_t i = 0; i < BOUNTY_STATUSES; i++)
        trial->ends[i] += self.ends[i];
    trial->splits += self.splits;
    trial->refused += self.refused;
    market_destroy(&self.market);
    return wrong;
}

static void
draw(uint64_t seed, struct operation *out)
{
    static const struct {
        uint32_t kind, weight;
    } kinds[] = {{OP_POST, 12}, {OP_BID, 20}, {OP_ACCEPT, 14}, {OP_SUBMIT, 14}, {OP_JUDGE, 6}, {OP_DISPUTE, 8},
        {OP_EPOCH, 5}, {OP_WAIT, 2}, {OP_FREEZE, 3}, {OP_RUIN, 2}, {OP_EARN, 6}};
    struct rng rng = rng_make(seed, STREAM_TEST, 0, 1);

    for (uint32_t i = 0; i < OPERATIONS; i++) {
        uint32_t pick = rng_below(&rng, 92), k = 0;

        while (pick >= kinds[k].weight)
            pick -= kinds[k++].weight;
        out[i] = (struct operation){.kind = kinds[k].kind,
            .agent = rng_below(&rng, 2 * AGENTS), .slot = rng_below(&rng, 2),
            .which = rng_chance(&rng, 0.6) ? 0 : rng_below(&rng, PLACES),
            .good = rng_chance(&rng, 0.5),
            .amount = rng_chance(&rng, 0.2) ? (int64_t)rng_below(&rng, 300) : (int64_t)rng_below(&rng, 3000000)};
        if (out[i].agent >= THE_ONE) {
            bool anybody = out[i].kind == OP_POST || out[i].kind == OP_BID || out[i].kind >= OP_EPOCH;

            out[i].agent = anybody ? out[i].agent - AGENTS : THE_ONE;
        }
    }
}

/* ---- shrinking ---- */

static bool
still_fails(struct trial *trial, const struct operation *operations, uint32_t *count)
{
    return replay(trial, operations, count) != NULL;
}

/* The same without `size` operations from `at` on; `older`: what comes after means bounties one newer, because a post
 * is among those left out. */
static bool
drop_run(struct trial *trial, struct operation *operations, uint32_t *count, uint32_t at, uint32_t size, bool older)
{
    struct operation fewer[OPERATIONS];
    uint32_t left = *count - size;

    memcpy(fewer, operations, at * sizeof fewer[0]);
    memcpy(fewer + at, operations + at + size, (left - at) * sizeof fewer[0]);
    for (uint32_t i = at; i < left && older; i++)
        fewer[i].which -= fewer[i].which > 0;
    if (!still_fails(trial, fewer, &left))
        return false;
    memcpy(operations, fewer, left * sizeof fewer[0]);
    *count = left;
    return true;
}

/* Leaves out runs of operations, long ones first, while it still fails (delta debugging; Zeller & Hildebrandt 2002). */
static bool
drop_some(struct trial *trial, struct operation *operations, uint32_t *count)
{
    for (uint32_t size = *count; size > 0; size /= 2)
        for (uint32_t at = 0; at + size <= *count; at++)
            if (drop_run(trial, operations, count, at, size, false) ||
                drop_run(trial, operations, count, at, size, true))
                return true;
    return false;
}

/* Smaller numbers in one operation, while it still fails. */
static bool
simplify_one(struct trial *trial, struct operation *operations, uint32_t *count)
{
    for (uint32_t i = 0; i < *count; i++) {
        struct operation whole = operations[i];
        struct operation tries[5] = {whole, whole, whole, whole, whole};

        tries[0].amount = whole.amount > 100 ? 100 : whole.amount;
        tries[1].amount /= 2;
        tries[2].agent = whole.agent == THE_ONE ? THE_ONE : whole.agent - (whole.agent > 0);
        tries[3].which = tries[3].slot = 0;
        tries[4].good = true;
        for (uint32_t t = 0; t < 5; t++) {
            uint32_t left = *count;

            if (memcmp(&tries[t], &whole, sizeof whole) == 0)
                continue;
            operations[i] = tries[t];
            if (still_fails(trial, operations, &left) && left == *count && (t != 4 || !whole.good))
                return true;
            operations[i] = whole;
        }
    }
    return false;
}

static void
shrink(struct trial *trial, struct operation *operations, uint32_t *count)
{
    while (drop_some(trial, operations, count) || simplify_one(trial, operations, count))
        continue;
}

static void
show(const struct operation *operations, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct operation *op = &operations[i];
        char who[16] = "its party";

        if (op->agent != THE_ONE)
            snprintf(who, sizeof who, "agent %" PRIu32, op->agent);
        print_message("    %" PRIu32 ". %s by %s, bounty %" PRIu32 ", slot %" PRIu32 ", amount %" PRId64 ", %s\n",
                      i + 1, kind_names[op->kind], who, op->which, op->slot, op->amount, op->good ? "good" : "bad");
    }
}

/* Tries sequences until one fails; returns its seed, or 0. The shrunk sequence is left in `operations`. */
static uint64_t
search(struct trial *trial, uint32_t sequences, struct operation *operations, uint32_t *count)
{
    for (uint64_t seed = 1; seed <= sequences; seed++) {
        const char *wrong;

        *count = OPERATIONS;
        draw(seed, operations);
        wrong = replay(trial, operations, count);
        if (wrong == NULL)
            continue;
        print_message("  seed %" PRIu64 ": %s, after %" PRIu32 " operations", seed, wrong, *count);
        shrink(trial, operations, count);
        print_message("; shrunk to %" PRIu32 ":\n", *count);
        show(operations, *count);
        return seed;
    }
    return 0;
}

/* ---- tests ---- */

static const struct row {
    const char *name;
    market_split_fn *split;
    uint64_t pays_twice;
    uint32_t shortest; /* operations that it takes to see the fault; 0: there is none */
} rows[] = {
    {"money is conserved in 100,000 sequences", market_split, 0, 0},
    {"found: a refund loses the fee", split_loses_fee, 0, 4},
    {"found: the worker gets the reward, not the bid", split_pays_reward, 0, 5},
    {"found: half of what expires stays", split_keeps_half, 0, 3},
    {"found: workers are paid twice", market_split, 1, 5},
    {"found: a split rounds both parts up", split_rounds_up, 0, 6},
};

static void
conserves(void **state)
{
    const struct row *row = *state;
    struct trial trial = {.split = row->split, .pays_twice = row->pays_twice, .accounts = accounts_new(AGENTS)};
    struct operation operations[OPERATIONS];
    uint32_t count;
    uint64_t seed = search(&trial, SEQUENCES, operations, &count);

    if (row->shortest > 0) {
        assert_int_not_equal(seed, 0);
        assert_int_equal(count, row->shortest);
    } else {
        assert_int_equal(seed, 0);
        print_message("  statuses reached: open %" PRIu64 ", awarded %" PRIu64 ", completed %" PRIu64
                      ", failed %" PRIu64 ", disputed %" PRIu64 ", expired %" PRIu64 "; split %" PRIu64
                      "; refused %" PRIu64 "\n",
                      trial.ends[BOUNTY_OPEN], trial.ends[BOUNTY_AWARDED], trial.ends[BOUNTY_COMPLETED],
                      trial.ends[BOUNTY_FAILED], trial.ends[BOUNTY_DISPUTED], trial.ends[BOUNTY_EXPIRED], trial.splits,
                      trial.refused);
        for (uint32_t i = 0; i < BOUNTY_STATUSES; i++) /* it was not a walk around the block */
            assert_true(trial.ends[i] > 1000);
        assert_true(trial.splits > 300 && trial.refused > 100000);
    }
    accounts_destroy(&trial.accounts);
}

int
main(void)
{
    return TEST_ROWS("market property", rows, conserves);
}
