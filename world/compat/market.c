#include "world/compat/market.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/math.h"
#include "core/money.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

PARAMS_TABLE(compat_market_params, COMPAT_MARKET_PARAMS)

#define COUNT_MAX (1u << 24)

_Static_assert(sizeof(struct compat_bounty) == 2 * 8 + 6 * 4, "no padding in what is saved as bytes");
_Static_assert(sizeof(struct compat_bid) == 8 + 4 * 4, "no padding in what is saved as bytes");
_Static_assert(sizeof(struct compat_escrow) == 3 * 8 + 4 * 4, "no padding in what is saved as bytes");
_Static_assert(sizeof(struct compat_dispute) == 8 + 4 * 4, "no padding in what is saved as bytes");

struct compat_market {
    struct compat_market_params params;
    struct {
        uint32_t bounties, bids, escrows, disputes;
    } count, room; /* count: the head of the saved state */
    struct compat_bounty *bounties;
    struct compat_bid *bids;
    struct compat_escrow *escrows;
    struct compat_dispute *disputes;
};

/* ---- parameters, life ---- */

const struct params *
compat_market_params_list(void)
{
    return &compat_market_params_params;
}

static int
check_share(const char *name, double value, struct why *why)
{
    if (value >= 0.0 && value <= 1.0)
        return 0;
    return fail(why, ERR_INVALID, "marketplace: %s must be between 0 and 1, not %g", name, value);
}

int
compat_market_params_check(const struct compat_market_params *params, struct why *why)
{
    int code = check_share("escrow_fee_rate", params->escrow_fee_rate, why);

    if (code == 0)
        code = check_share("dispute_default_split", params->dispute_default_split, why);
    if (code == 0 && !(params->min_bounty_amount >= 0.0))
        code = fail(why, ERR_INVALID, "marketplace: min_bounty_amount must be at least 0, not %g",
                    params->min_bounty_amount);
    if (code == 0 && params->max_bids_per_bounty < 1)
        code = fail(why, ERR_INVALID, "marketplace: max_bids_per_bounty must be at least 1, not 0");
    return code;
}

struct compat_market *
compat_market_new(const struct compat_market_params *params)
{
    struct compat_market *self = ALLOC(struct compat_market);

    self->params = *params;
    return self;
}

void
compat_market_destroy(struct compat_market **self_p)
{
    struct compat_market *self = *self_p;

    if (self == NULL)
        return;
    free(self->bounties);
    free(self->bids);
    free(self->escrows);
    free(self->disputes);
    free(self);
    *self_p = NULL;
}

void
compat_market_clear(struct compat_market *self)
{
    memset(&self->count, 0, sizeof self->count);
}

/* Room for `count` items of which `used` keep their content; at least doubles. */
static void *
grow(void *items, uint32_t used, uint32_t *room, uint32_t count, size_t size)
{
    uint32_t larger = count < 16 ? 16 : count;
    void *out;

    if (count <= *room)
        return items;
    ASSERT(count <= COUNT_MAX);
    if (larger < *room * 2)
        larger = *room * 2;
    out = alloc_array(larger, size);
    if (used > 0)
        memcpy(out, items, (size_t)used * size);
    free(items);
    *room = larger;
    return out;
}

/* A zeroed new item behind the last of a kind; its id is the old count. */
#define ADD(self, kind)                                                                                              \
    ((self)->kind = grow((self)->kind, (self)->count.kind, &(self)->room.kind, (self)->count.kind + 1,               \
                         sizeof(self)->kind[0]),                                                                     \
     memset(&(self)->kind[(self)->count.kind], 0, sizeof(self)->kind[0]), &(self)->kind[(self)->count.kind++])

static struct compat_bounty *
bounty_of(const struct compat_market *self, uint32_t id)
{
    return id < self->count.bounties ? &self->bounties[id] : NULL;
}

static struct compat_bid *
bid_of(const struct compat_market *self, uint32_t id)
{
    return id < self->count.bids ? &self->bids[id] : NULL;
}

static struct compat_escrow *
escrow_of(const struct compat_market *self, uint32_t id)
{
    return id < self->count.escrows ? &self->escrows[id] : NULL;
}

/* ---- bounties and bids ---- */

uint32_t
compat_market_post(struct compat_market *self, uint32_t poster, uint32_t task, double reward, double min_reputation,
                   uint32_t deadline)
{
    uint32_t id = self->count.bounties;

    if (reward < self->params.min_bounty_amount)
        return COMPAT_NOBODY;
    *ADD(self, bounties) = (struct compat_bounty){.reward = reward, .min_reputation = min_reputation,
                                                  .poster = poster, .task = task, .deadline = deadline,
                                                  .awarded_to = COMPAT_NOBODY, .escrow = COMPAT_NOBODY};
    return id;
}

uint32_t
compat_market_bid(struct compat_market *self, uint32_t bounty, uint32_t bidder, double amount)
{
    const struct compat_bounty *at = bounty_of(self, bounty);
    uint32_t id = self->count.bids, pending = 0;

    if (at == NULL || at->status != COMPAT_BOUNTY_OPEN || at->poster == bidder || amount > at->reward || amount <= 0.0)
        return COMPAT_NOBODY;
    for (uint32_t i = 0; i < self->count.bids; i++) {
        const struct compat_bid *bid = &self->bids[i];

        if (bid->bounty != bounty || bid->status != COMPAT_BID_PENDING)
            continue;
        if (bid->bidder == bidder)
            return COMPAT_NOBODY;
        pending++;
    }
    if (pending >= self->params.max_bids_per_bounty)
        return COMPAT_NOBODY;
    *ADD(self, bids) = (struct compat_bid){.amount = amount, .bounty = bounty, .bidder = bidder};
    return id;
}

/* The bounty's pending bids are rejected. */
static void
reject_pending(struct compat_market *self, uint32_t bounty)
{
    for (uint32_t i = 0; i < self->count.bids; i++)
        if (self->bids[i].bounty == bounty && self->bids[i].status == COMPAT_BID_PENDING)
            self->bids[i].status = COMPAT_BID_REJECTED;
}

uint32_t
compat_market_accept(struct compat_market *self, uint32_t bounty, uint32_t bid, uint32_t poster)
{
    struct compat_bounty *at = bounty_of(self, bounty);
    struct compat_bid *taken = bid_of(self, bid);
    uint32_t id = self->count.escrows;

    if (at == NULL || at->poster != poster || at->status != COMPAT_BOUNTY_OPEN)
        return COMPAT_NOBODY;
    if (taken == NULL || taken->bounty != bounty || taken->status != COMPAT_BID_PENDING)
        return COMPAT_NOBODY;
    taken->status = COMPAT_BID_ACCEPTED;
    reject_pending(self, bounty);
    *ADD(self, escrows) = (struct compat_escrow){
        .amount = taken->amount, .poster = poster, .worker = taken->bidder, .bounty = bounty};
    at->status = COMPAT_BOUNTY_AWARDED;
    at->awarded_to = taken->bidder;
    at->escrow = id;
    return id;
}

bool
compat_market_reject(struct compat_market *self, uint32_t bid, uint32_t poster)
{
    struct compat_bid *at = bid_of(self, bid);

    if (at == NULL || at->status != COMPAT_BID_PENDING || bounty_of(self, at->bounty)->poster != poster)
        return false;
    at->status = COMPAT_BID_REJECTED;
    return true;
}

bool
compat_market_withdraw(struct compat_market *self, uint32_t bid, uint32_t bidder)
{
    struct compat_bid *at = bid_of(self, bid);

    if (at == NULL || at->status != COMPAT_BID_PENDING || at->bidder != bidder)
        return false;
    at->status = COMPAT_BID_WITHDRAWN;
    return true;
}

/* ---- settlement, disputes ---- */

bool
compat_market_settle(
    struct compat_market *self, uint32_t escrow, bool success, double quality, struct compat_payout *out)
{
    struct compat_escrow *at = escrow_of(self, escrow);
    struct compat_bounty *bounty;
    double fee;

    if (at == NULL || at->status != COMPAT_ESCROW_HELD)
        return false;
    bounty = bounty_of(self, at->bounty);
    fee = at->amount * self->params.escrow_fee_rate;
    *out = (struct compat_payout){.success = success, .fee = fee, .share = quality, .worker_id = at->worker,
                                  .poster_id = at->poster, .escrow = escrow, .dispute = COMPAT_NOBODY};
    if (success) {
        out->worker = at->amount - fee;
        out->poster = bounty->reward - at->amount;
        at->status = COMPAT_ESCROW_RELEASED;
        at->released = out->worker;
        bounty->status = COMPAT_BOUNTY_COMPLETED;
    } else {
        out->poster = at->amount - fee;
        at->status = COMPAT_ESCROW_REFUNDED;
        at->refunded = out->poster;
        bounty->status = COMPAT_BOUNTY_FAILED;
    }
    return true;
}

uint32_t
compat_market_dispute(struct compat_market *self, uint32_t escrow, uint32_t by, uint32_t epoch)
{
    const struct compat_escrow *at = escrow_of(self, escrow);
    uint32_t id = self->count.disputes;

    if (at == NULL || at->status != COMPAT_ESCROW_HELD || (by != at->poster && by != at->worker))
        return COMPAT_NOBODY;
    for (uint32_t i = 0; i < self->count.disputes; i++)
        if (self->disputes[i].escrow == escrow && self->disputes[i].status == COMPAT_DISPUTE_OPEN)
            return COMPAT_NOBODY;
    *ADD(self, disputes) = (struct compat_dispute){
        .worker_share = 0.5, .escrow = escrow, .filed_by = by, .filed = epoch};
    bounty_of(self, at->bounty)->status = COMPAT_BOUNTY_DISPUTED;
    return id;
}

bool
compat_market_resolve(struct compat_market *self, uint32_t dispute, double share, struct compat_payout *out)
{
    struct compat_dispute *at = dispute < self->count.disputes ? &self->disputes[dispute] : NULL;
    struct compat_escrow *escrow;
    double fee, rest;

    if (at == NULL || at->status != COMPAT_DISPUTE_OPEN)
        return false;
    escrow = escrow_of(self, at->escrow);
    share = math_clamp(share, 0.0, 1.0);
    fee = escrow->amount * self->params.escrow_fee_rate;
    rest = escrow->amount - fee;
    *out = (struct compat_payout){.worker = rest * share, .fee = fee, .share = share, .worker_id = escrow->worker,
                                  .poster_id = escrow->poster, .escrow = at->escrow, .dispute = dispute};
    out->poster = rest * (1.0 - share);
    escrow->released = out->worker;
    escrow->refunded = out->poster;
    at->worker_share = share;
    if (share >= 0.99) {
        at->status = COMPAT_DISPUTE_RELEASE;
        escrow->status = COMPAT_ESCROW_RELEASED;
    } else if (share <= 0.01) {
        at->status = COMPAT_DISPUTE_REFUND;
        escrow->status = COMPAT_ESCROW_REFUNDED;
    } else {
        at->status = COMPAT_DISPUTE_SPLIT;
        escrow->status = COMPAT_ESCROW_PARTIAL;
    }
    bounty_of(self, escrow->bounty)->status = share > 0.5 ? COMPAT_BOUNTY_COMPLETED : COMPAT_BOUNTY_FAILED;
    return true;
}

/* ---- the end of an epoch ---- */

static bool
is_late(const struct compat_bounty *bounty, uint32_t epoch)
{
    return bounty->deadline != 0 && epoch >= bounty->deadline;
}

uint32_t
compat_market_expire(struct compat_market *self, uint32_t epoch, uint32_t *out)
{
    uint32_t count = 0;

    if (!self->params.auto_expire_bounties)
        return 0;
    for (uint32_t i = 0; i < self->count.bounties; i++) {
        if (self->bounties[i].status != COMPAT_BOUNTY_OPEN || !is_late(&self->bounties[i], epoch))
            continue;
        self->bounties[i].status = COMPAT_BOUNTY_EXPIRED;
        reject_pending(self, i);
        out[count++] = i;
    }
    return count;
}

bool
compat_market_resolve_due(struct compat_market *self, uint32_t epoch, struct compat_payout *out)
{
    for (uint32_t i = 0; i < self->count.disputes; i++) {
        const struct compat_dispute *at = &self->disputes[i];

        if (at->status == COMPAT_DISPUTE_OPEN && epoch >= at->filed &&
            epoch - at->filed >= self->params.dispute_resolution_epochs)
            return compat_market_resolve(self, i, self->params.dispute_default_split, out);
    }
    return false;
}

/* ---- views ---- */

const struct compat_bounty *
compat_market_bounties(const struct compat_market *self, uint32_t *count)
{
    *count = self->count.bounties;
    return self->bounties;
}

const struct compat_bid *
compat_market_bids(const struct compat_market *self, uint32_t *count)
{
    *count = self->count.bids;
    return self->bids;
}

const struct compat_escrow *
compat_market_escrows(const struct compat_market *self, uint32_t *count)
{
    *count = self->count.escrows;
    return self->escrows;
}

const struct compat_dispute *
compat_market_disputes(const struct compat_market *self, uint32_t *count)
{
    *count = self->count.disputes;
    return self->disputes;
}

struct compat_market_stats
compat_market_stats(const struct compat_market *self)
{
    struct compat_market_stats out = {.bounties = self->count.bounties, .bids = self->count.bids,
                                      .escrows = self->count.escrows, .disputes = self->count.disputes};

    for (uint32_t i = 0; i < self->count.bounties; i++) {
        out.posted += self->bounties[i].reward;
        out.by_status[self->bounties[i].status]++;
    }
    for (uint32_t i = 0; i < self->count.escrows; i++) {
        const struct compat_escrow *escrow = &self->escrows[i];

        if (escrow->status == COMPAT_ESCROW_HELD)
            out.escrowed += escrow->amount;
        out.released += escrow->released;
        out.refunded += escrow->refunded;
    }
    return out;
}

uint32_t
compat_market_open(const struct compat_market *self, uint32_t epoch, double reputation, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->count.bounties; i++) {
        const struct compat_bounty *bounty = &self->bounties[i];

        if (bounty->status == COMPAT_BOUNTY_OPEN && !is_late(bounty, epoch) && bounty->min_reputation <= reputation)
            out[count++] = i;
    }
    return count;
}

uint32_t
compat_market_bids_on(const struct compat_market *self, uint32_t poster, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t bounty = 0; bounty < self->count.bounties; bounty++) {
        if (self->bounties[bounty].poster != poster || self->bounties[bounty].status != COMPAT_BOUNTY_OPEN)
            continue;
        for (uint32_t i = 0; i < self->count.bids; i++)
            if (self->bids[i].bounty == bounty && self->bids[i].status == COMPAT_BID_PENDING)
                out[count++] = i;
    }
    return count;
}

uint32_t
compat_market_bids_by(const struct compat_market *self, uint32_t bidder, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->count.bids; i++)
        if (self->bids[i].bidder == bidder && self->bids[i].status == COMPAT_BID_PENDING)
            out[count++] = i;
    return count;
}

uint32_t
compat_market_escrows_of(const struct compat_market *self, uint32_t agent, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < self->count.escrows; i++) {
        const struct compat_escrow *escrow = &self->escrows[i];

        if (escrow->status == COMPAT_ESCROW_HELD && (escrow->poster == agent || escrow->worker == agent))
            out[count++] = i;
    }
    return count;
}

/* ---- the desk ---- */

bool
compat_desk_post(struct compat_market *self, struct compat_agents *agents, struct tasks *tasks, uint32_t poster,
                 double reward, double min_reputation, uint32_t deadline, uint64_t step, uint32_t *bounty_out)
{
    struct task task = {.budget = MONEY_ONE * 10, .bounty = money_from_real(reward),
                        .min_reputation = min_reputation, .deadline = deadline, .difficulty = 0.5};
    uint32_t id;

    ASSERT(poster < agents->count);
    if (agents->resources[poster] < reward)
        return false;
    id = compat_market_post(
        self, poster, tasks_create(tasks, &task, step), reward, min_reputation, deadline);
    if (id == COMPAT_NOBODY)
        return false;
    agents->resources[poster] -= reward;
    if (bounty_out != NULL)
        *bounty_out = id;
    return true;
}

bool
compat_desk_accept(struct compat_market *self, const struct compat_agents *agents, struct tasks *tasks,
                   uint32_t poster, uint32_t bounty, uint32_t bid, uint64_t step)
{
    uint32_t worker;

    if (compat_market_accept(self, bounty, bid, poster) == COMPAT_NOBODY)
        return false;
    worker = self->bounties[bounty].awarded_to;
    ASSERT(worker < agents->count);
    (void)tasks_claim(tasks, self->bounties[bounty].task, worker, agents->reputation[worker], step);
    return true;
}

static void
pay(struct compat_agents *agents, const struct compat_payout *payout)
{
    ASSERT(payout->worker_id < agents->count && payout->poster_id < agents->count);
    agents->resources[payout->worker_id] += payout->worker;
    agents->resources[payout->poster_id] += payout->poster;
}

bool
compat_desk_settle(struct compat_market *self, struct compat_agents *agents, uint32_t escrow, bool success,
                   double quality, struct compat_interaction *trade_out, bool *traded)
{
    struct compat_payout payout;

    *traded = false;
    if (!compat_market_settle(self, escrow, success, quality, &payout))
        return false;
    pay(agents, &payout);
    if (!success)
        return true;
    *trade_out = (struct compat_interaction){
        .initiator = payout.poster_id, .counterparty = payout.worker_id, .kind = INTERACTION_TRADE, .accepted = true,
        .v_hat = 2.0 * quality - 1.0, .p = quality, .tau = payout.worker};
    *traded = true;
    return true;
}

void
compat_desk_end_epoch(struct compat_market *self, struct compat_agents *agents, uint32_t epoch)
{
    uint32_t *expired = ALLOC_ARRAY(uint32_t, self->count.bounties);
    uint32_t count = compat_market_expire(self, epoch, expired);
    struct compat_payout payout;

    for (uint32_t i = 0; i < count; i++) {
        const struct compat_bounty *bounty = &self->bounties[expired[i]];

        ASSERT(bounty->poster < agents->count);
        agents->resources[bounty->poster] += bounty->reward;
    }
    free(expired);
    while (compat_market_resolve_due(self, epoch, &payout))
        pay(agents, &payout);
}

/* ---- saving ---- */

void
compat_market_head(struct compat_market *self, struct cells *out)
{
    cells_add(out, &self->count, sizeof self->count);
}

void
compat_market_body(struct compat_market *self, struct cells *out)
{
    cells_add(out, self->bounties, (size_t)self->count.bounties * sizeof self->bounties[0]);
    cells_add(out, self->bids, (size_t)self->count.bids * sizeof self->bids[0]);
    cells_add(out, self->escrows, (size_t)self->count.escrows * sizeof self->escrows[0]);
    cells_add(out, self->disputes, (size_t)self->count.disputes * sizeof self->disputes[0]);
}

#define ROOM(self, kind)                                                                                             \
    (self)->kind = grow((self)->kind, 0, &(self)->room.kind, (self)->count.kind, sizeof(self)->kind[0])

int
compat_market_room(struct compat_market *self, struct why *why)
{
    if (self->count.bounties > COUNT_MAX || self->count.bids > COUNT_MAX || self->count.escrows > COUNT_MAX ||
        self->count.disputes > COUNT_MAX) {
        compat_market_clear(self);
        return fail(why, ERR_FORMAT, "market: a count is over %u", COUNT_MAX);
    }
    ROOM(self, bounties);
    ROOM(self, bids);
    ROOM(self, escrows);
    ROOM(self, disputes);
    return 0;
}

static bool
bounty_makes_sense(const struct compat_market *self, uint32_t id, uint32_t agent_count)
{
    const struct compat_bounty *at = &self->bounties[id];
    const struct compat_escrow *escrow = escrow_of(self, at->escrow);

    if (at->poster >= agent_count || at->status >= COMPAT_BOUNTY_STATUSES || !(at->reward >= 0.0))
        return false;
    if (escrow == NULL)
        return at->escrow == COMPAT_NOBODY && at->awarded_to == COMPAT_NOBODY;
    return escrow->bounty == id && escrow->worker == at->awarded_to && escrow->poster == at->poster;
}

int
compat_market_check(const struct compat_market *self, uint32_t agent_count, struct why *why)
{
    for (uint32_t i = 0; i < self->count.bounties; i++)
        if (!bounty_makes_sense(self, i, agent_count))
            return fail(why, ERR_STATE, "market: bounty %" PRIu32 " makes no sense", i);
    for (uint32_t i = 0; i < self->count.bids; i++) {
        const struct compat_bid *at = &self->bids[i];
        const struct compat_bounty *bounty = bounty_of(self, at->bounty);

        if (bounty == NULL || at->bidder >= agent_count || at->bidder == bounty->poster ||
            at->status > COMPAT_BID_WITHDRAWN || !(at->amount > 0.0 && at->amount <= bounty->reward))
            return fail(why, ERR_STATE, "market: bid %" PRIu32 " makes no sense", i);
    }
    for (uint32_t i = 0; i < self->count.escrows; i++) {
        const struct compat_escrow *at = &self->escrows[i];
        const struct compat_bounty *bounty = bounty_of(self, at->bounty);

        if (bounty == NULL || bounty->escrow != i || at->worker >= agent_count || at->poster >= agent_count ||
            at->status > COMPAT_ESCROW_PARTIAL || !(at->amount > 0.0 && at->released >= 0.0 && at->refunded >= 0.0))
            return fail(why, ERR_STATE, "market: escrow %" PRIu32 " makes no sense", i);
    }
    for (uint32_t i = 0; i < self->count.disputes; i++) {
        const struct compat_dispute *at = &self->disputes[i];

        if (escrow_of(self, at->escrow) == NULL || at->filed_by >= agent_count || at->status > COMPAT_DISPUTE_SPLIT ||
            !(at->worker_share >= 0.0 && at->worker_share <= 1.0))
            return fail(why, ERR_STATE, "market: dispute %" PRIu32 " makes no sense", i);
    }
    return 0;
}
