#include "world/sandbox/market.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/money.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const struct param market_param_rows[] = {MARKET_PARAMS(PARAM_ROW, market_params)};
const struct params market_params_list = {
    "market", sizeof(struct market_params), market_param_rows, sizeof market_param_rows / sizeof market_param_rows[0]};

_Static_assert(sizeof(struct bounty) == 5 * 8 + 7 * 4 + 4, "no padding in what is saved as bytes");
_Static_assert(sizeof(struct bid) == 16, "no padding in what is saved as bytes");

struct market {
    struct market_params params;
    market_split_fn *split;
    market_pay_fn *pay;
    void *bank;
    struct {
        uint32_t cursor; /* the place that is tried first */
        uint32_t spare;
        int64_t held;    /* of all */
    } next;
    struct bounty *items;
    struct bid *bids; /* max_bids a place */
};

struct market *
market_new(const struct market_params *params, market_split_fn *split, market_pay_fn *pay, void *bank)
{
    struct market *self = ALLOC(struct market);

    self->params = *params;
    self->split = split;
    self->pay = pay;
    self->bank = bank;
    self->items = ALLOC_ARRAY(struct bounty, params->capacity);
    self->bids = ALLOC_ARRAY(struct bid, (size_t)params->capacity * params->max_bids);
    market_clear(self);
    return self;
}

void
market_destroy(struct market **self_p)
{
    struct market *self = *self_p;

    if (self == NULL)
        return;
    free(self->items);
    free(self->bids);
    free(self);
    *self_p = NULL;
}

void
market_clear(struct market *self)
{
    memset(&self->next, 0, sizeof self->next);
    memset(self->items, 0, self->params.capacity * sizeof self->items[0]);
    memset(self->bids, 0, (size_t)self->params.capacity * self->params.max_bids * sizeof self->bids[0]);
}

const struct market_params *
market_params_of(const struct market *self)
{
    return &self->params;
}

/* ---- looking ---- */

static uint32_t
place_of(const struct market *self, uint32_t id)
{
    return id % self->params.capacity;
}

static struct bounty *
item(const struct market *self, uint32_t id)
{
    struct bounty *bounty = &self->items[place_of(self, id)];

    return id != MARKET_NONE && bounty->used && bounty->id == id ? bounty : NULL;
}

static struct bounty *
item_get(const struct market *self, uint32_t id)
{
    struct bounty *bounty = item(self, id);

    ASSERT(bounty != NULL);
    return bounty;
}

static bool
has_ended(const struct bounty *bounty)
{
    return bounty->status != BOUNTY_OPEN && bounty->status != BOUNTY_AWARDED && bounty->status != BOUNTY_DISPUTED;
}

static struct bid *
bids_of(const struct market *self, const struct bounty *bounty)
{
    return self->bids + (size_t)place_of(self, bounty->id) * self->params.max_bids;
}

const struct bounty *
market_find(const struct market *self, uint32_t id)
{
    return item(self, id);
}

const struct bounty *
market_at(const struct market *self, uint32_t place)
{
    ASSERT(place < self->params.capacity);
    return self->items[place].used ? &self->items[place] : NULL;
}

bool
market_takes_bids(const struct bounty *bounty, uint32_t epoch)
{
    return bounty->status == BOUNTY_OPEN && (bounty->deadline == 0 || epoch < bounty->deadline);
}

const struct bid *
market_bid_find(const struct market *self, uint32_t bid, const struct bounty **bounty_out)
{
    const struct bounty *bounty = item(self, bid / self->params.max_bids);

    if (bounty == NULL || bounty->status != BOUNTY_OPEN)
        return NULL;
    *bounty_out = bounty;
    return market_bid_at(self, bounty, bid % self->params.max_bids);
}

const struct bid *
market_bid_at(const struct market *self, const struct bounty *bounty, uint32_t slot)
{
    const struct bid *bid = &bids_of(self, bounty)[slot];

    ASSERT(slot < self->params.max_bids);
    return bid->used ? bid : NULL;
}

uint32_t
market_bid_id(const struct market *self, const struct bounty *bounty, uint32_t slot)
{
    return bounty->id * self->params.max_bids + slot;
}

uint32_t
market_bid_count(const struct market *self, const struct bounty *bounty)
{
    uint32_t count = 0;

    for (uint32_t slot = 0; slot < self->params.max_bids; slot++)
        count += market_bid_at(self, bounty, slot) != NULL;
    return count;
}

int64_t
market_escrow(const struct market *self)
{
    return self->next.held;
}

/* ---- operations ---- */

/* Where a new bounty would go, or MARKET_NONE. */
static uint32_t
free_place(const struct market *self)
{
    for (uint32_t tried = 0; tried < self->params.capacity; tried++) {
        uint32_t place = (self->next.cursor + tried) % self->params.capacity;

        if (!self->items[place].used || has_ended(&self->items[place]))
            return place;
    }
    return MARKET_NONE;
}

enum sandbox_refusal
market_post_check(const struct market *self, int64_t reward)
{
    if (reward <= 0 || reward < self->params.min_bounty || reward > MONEY_MAX)
        return REFUSAL_TARGET;
    return free_place(self) == MARKET_NONE ? REFUSAL_BUSY : REFUSAL_NONE;
}

/* Ids of a place count on by the capacity, and start again before ids of bids would not fit. */
static uint32_t
next_id(const struct market *self, uint32_t place)
{
    const struct bounty *old = &self->items[place];
    uint32_t last = (MARKET_NONE - self->params.max_bids) / self->params.max_bids - self->params.capacity;

    return old->used && old->id < last ? old->id + self->params.capacity : place;
}

uint32_t
market_post(struct market *self, uint32_t poster, int64_t reward, double difficulty, uint32_t epoch)
{
    uint32_t place = free_place(self);
    struct bounty *bounty;

    ASSERT(market_post_check(self, reward) == REFUSAL_NONE);
    bounty = &self->items[place];
    *bounty = (struct bounty){
        .reward = reward, .held = reward, .difficulty = difficulty,
        .min_reputation = -1.0 + (self->params.min_reputation + 1.0) * difficulty,
        .id = next_id(self, place), .poster = poster, .worker = MARKET_NONE, .task = MARKET_NONE,
        .deadline = self->params.deadline_epochs == 0 ? 0 : epoch + self->params.deadline_epochs,
        .status = BOUNTY_OPEN, .used = 1};
    memset(bids_of(self, bounty), 0, self->params.max_bids * sizeof self->bids[0]);
    self->next.cursor = (place + 1) % self->params.capacity;
    self->next.held += reward;
    return bounty->id;
}

enum sandbox_refusal
market_bid_check(
    const struct market *self, uint32_t id, uint32_t bidder, double reputation, int64_t amount, uint32_t epoch)
{
    const struct bounty *bounty = item(self, id);

    if (bounty == NULL || !market_takes_bids(bounty, epoch) || bounty->poster == bidder || amount <= 0 ||
        amount > bounty->reward || reputation < bounty->min_reputation)
        return REFUSAL_TARGET;
    for (uint32_t slot = 0; slot < self->params.max_bids; slot++) {
        const struct bid *bid = market_bid_at(self, bounty, slot);

        if (bid != NULL && bid->bidder == bidder)
            return REFUSAL_REPEATED;
    }
    return market_bid_count(self, bounty) == self->params.max_bids ? REFUSAL_BUSY : REFUSAL_NONE;
}

uint32_t
market_bid(struct market *self, uint32_t id, uint32_t bidder, int64_t amount)
{
    const struct bounty *bounty = item_get(self, id);
    uint32_t slot = 0;

    ASSERT(bounty->status == BOUNTY_OPEN && amount > 0 && amount <= bounty->reward && bidder != bounty->poster);
    while (slot < self->params.max_bids && market_bid_at(self, bounty, slot) != NULL)
        slot++;
    ASSERT(slot < self->params.max_bids);
    bids_of(self, bounty)[slot] = (struct bid){.amount = amount, .bidder = bidder, .used = 1};
    return market_bid_id(self, bounty, slot);
}

enum sandbox_refusal
market_accept_check(const struct market *self, uint32_t bid, uint32_t agent)
{
    const struct bounty *bounty;

    return market_bid_find(self, bid, &bounty) != NULL && bounty->poster == agent ? REFUSAL_NONE : REFUSAL_TARGET;
}

static void
pay(struct market *self, const struct bounty *bounty, enum market_party to, int64_t amount)
{
    ASSERT(amount >= 0);
    if (amount > 0)
        self->pay(self->bank, bounty, to, amount);
}

static void
forget_bids(struct market *self, const struct bounty *bounty)
{
    memset(bids_of(self, bounty), 0, self->params.max_bids * sizeof self->bids[0]);
}

void
market_accept(struct market *self, uint32_t bid, uint32_t task, uint32_t epoch)
{
    const struct bounty *found;
    const struct bid *taken = market_bid_find(self, bid, &found);
    struct bounty *bounty;
    int64_t left;

    ASSERT(taken != NULL);
    bounty = item_get(self, found->id);
    left = bounty->held - taken->amount;
    bounty->held = taken->amount;
    bounty->worker = taken->bidder;
    bounty->task = task;
    bounty->due = epoch + self->params.work_epochs;
    bounty->status = BOUNTY_AWARDED;
    self->next.held -= left;
    forget_bids(self, bounty);
    pay(self, bounty, MARKET_POSTER, left);
}

enum sandbox_refusal
market_dispute_check(const struct market *self, uint32_t id, uint32_t agent)
{
    const struct bounty *bounty = item(self, id);

    return bounty != NULL && bounty->status == BOUNTY_AWARDED && (bounty->poster == agent || bounty->worker == agent)
        ? REFUSAL_NONE : REFUSAL_TARGET;
}

void
market_dispute(struct market *self, uint32_t id, uint32_t agent, int32_t truth, double label, uint32_t epoch)
{
    struct bounty *bounty = item_get(self, id);

    ASSERT(market_dispute_check(self, id, agent) == REFUSAL_NONE && label >= 0.0 && label <= 1.0);
    bounty->status = BOUNTY_DISPUTED;
    bounty->disputed_by_worker = agent == bounty->worker;
    bounty->truth = truth;
    bounty->label = label;
    bounty->task = MARKET_NONE;
    bounty->due = epoch + self->params.dispute_epochs;
}

struct market_split
market_split(const struct market_params *params, const struct bounty *bounty, double share)
{
    int64_t pay = money_share(bounty->held, share);
    struct market_split out = {.fee = money_share(pay, params->escrow_fee), .poster = bounty->held - pay};

    out.worker = pay - out.fee;
    return out;
}

struct market_split
market_end(struct market *self, uint32_t id, double share)
{
    struct bounty *bounty = item_get(self, id);
    struct market_split split;

    ASSERT(!has_ended(bounty) && share >= 0.0 && share <= 1.0 && (bounty->status != BOUNTY_OPEN || share <= 0.0));
    split = self->split(&self->params, bounty, share);
    bounty->status = bounty->status == BOUNTY_OPEN ? BOUNTY_EXPIRED : share > 0.5 ? BOUNTY_COMPLETED : BOUNTY_FAILED;
    self->next.held -= bounty->held;
    bounty->held = 0;
    bounty->task = MARKET_NONE;
    forget_bids(self, bounty);
    pay(self, bounty, MARKET_WORKER, split.worker);
    pay(self, bounty, MARKET_POSTER, split.poster);
    pay(self, bounty, MARKET_TREASURY, split.fee);
    return split;
}

enum market_due
market_due(const struct market *self, uint32_t place, uint32_t epoch)
{
    const struct bounty *bounty = market_at(self, place);

    if (bounty == NULL)
        return DUE_NOTHING;
    switch (bounty->status) {
    case BOUNTY_OPEN:
        return self->params.auto_expire && !market_takes_bids(bounty, epoch) ? DUE_EXPIRY : DUE_NOTHING;
    case BOUNTY_AWARDED:
        return epoch >= bounty->due ? DUE_WORK : DUE_NOTHING;
    case BOUNTY_DISPUTED:
        return epoch >= bounty->due ? DUE_HEARING : DUE_NOTHING;
    default:
        return DUE_NOTHING;
    }
}

/* ---- state ---- */

void
market_cells(struct market *self, struct cells *out)
{
    cells_add(out, &self->next, sizeof self->next);
    cells_add(out, self->items, self->params.capacity * sizeof self->items[0]);
    cells_add(out, self->bids, (size_t)self->params.capacity * self->params.max_bids * sizeof self->bids[0]);
}

static int
check_bids(const struct market *self, uint32_t place, uint32_t agent_count, struct why *why)
{
    const struct bounty *bounty = &self->items[place];
    const struct bid *bids = self->bids + (size_t)place * self->params.max_bids;

    for (uint32_t i = 0; i < self->params.max_bids; i++) {
        if (!bids[i].used)
            continue;
        if (!bounty->used || bounty->status != BOUNTY_OPEN)
            return fail(why, ERR_STATE, "market: a bid is pending at place %" PRIu32 ", which takes none", place);
        if (bids[i].used > 1 || bids[i].amount <= 0 || bids[i].amount > bounty->reward ||
            bids[i].bidder >= agent_count || bids[i].bidder == bounty->poster)
            return fail(why, ERR_STATE, "market: bid %" PRIu32 " on bounty %" PRIu32 " makes no sense", i, bounty->id);
        for (uint32_t j = 0; j < i; j++)
            if (bids[j].used && bids[j].bidder == bids[i].bidder)
                return fail(why, ERR_STATE, "market: agent %" PRIu32 " bids twice on bounty %" PRIu32, bids[i].bidder,
                            bounty->id);
    }
    return 0;
}

/* What the status says of worker, task and money. */
static bool
fits_status(const struct bounty *bounty, uint32_t agent_count)
{
    bool has_worker = bounty->worker < agent_count && bounty->worker != bounty->poster;
    bool held = bounty->held > 0 && bounty->held <= bounty->reward;

    switch (bounty->status) {
    case BOUNTY_OPEN:
        return bounty->worker == MARKET_NONE && bounty->task == MARKET_NONE && bounty->held == bounty->reward;
    case BOUNTY_AWARDED:
        return has_worker && held && bounty->task != MARKET_NONE;
    case BOUNTY_DISPUTED:
        return has_worker && held && bounty->task == MARKET_NONE && (bounty->truth == 1 || bounty->truth == -1);
    case BOUNTY_EXPIRED:
        return bounty->worker == MARKET_NONE && bounty->task == MARKET_NONE && bounty->held == 0;
    case BOUNTY_COMPLETED:
    case BOUNTY_FAILED:
        return has_worker && bounty->task == MARKET_NONE && bounty->held == 0;
    default:
        return false;
    }
}

int
market_check(const struct market *self, uint32_t agent_count, struct why *why)
{
    int64_t held = 0;

    if (self->next.cursor >= self->params.capacity)
        return fail(why, ERR_STATE, "market: cursor %" PRIu32 " of %" PRIu32, self->next.cursor, self->params.capacity);
    for (uint32_t place = 0; place < self->params.capacity; place++) {
        const struct bounty *bounty = &self->items[place];
        int code = check_bids(self, place, agent_count, why);

        if (code != 0)
            return code;
        if (!bounty->used)
            continue;
        if (bounty->used > 1 || place_of(self, bounty->id) != place ||
            bounty->id > (MARKET_NONE - self->params.max_bids) / self->params.max_bids ||
            bounty->poster >= agent_count || bounty->reward <= 0 || bounty->reward > MONEY_MAX ||
            !(bounty->difficulty >= 0.0 && bounty->difficulty <= 1.0) ||
            !(bounty->min_reputation >= -1.0 && bounty->min_reputation <= 1.0) ||
            !(bounty->label >= 0.0 && bounty->label <= 1.0) || bounty->disputed_by_worker > 1)
            return fail(why, ERR_STATE, "market: the bounty at place %" PRIu32 " makes no sense", place);
        if (!fits_status(bounty, agent_count))
            return fail(why, ERR_STATE, "market: bounty %" PRIu32 " of status %u holds %" PRId64 " of %" PRId64
                        ", worker %" PRIu32, bounty->id, (unsigned)bounty->status, bounty->held, bounty->reward,
                        bounty->worker);
        if (!money_add(held, bounty->held, &held))
            return fail(why, ERR_STATE, "market: more held than can be counted");
    }
    if (held != self->next.held)
        return fail(why, ERR_STATE, "market: %" PRId64 " held by bounties, %" PRId64 " by all", held, self->next.held);
    return 0;
}
