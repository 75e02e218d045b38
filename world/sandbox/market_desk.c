/* world/sandbox/market_desk.c - the market of bounties within the economy: whose money a bounty holds and who gets it,
 * the task that a job is, hearings, what agents see of it all, and its figures.
 *
 * A job is a task of its worker's (labour.c): judged by the poster or, when that one does not, by the environment. The
 * task's end ends the job; a dispute ends the task, and the work handed in last is what the hearing is about. Work may
 * be disputed as soon as some was handed in, also when it has been sent back since. Reputation moves by eta towards
 * the label of the work, or to what a hearing finds; the poster remembers it as the worker's label. Nothing here asks
 * whether an agent is frozen or broke: money that is owed comes from the escrow, and only the fee of a lost hearing
 * from what its bearer has. */
#include "core/assert.h"
#include "core/money.h"
#include "world/sandbox/feature.h"
#include "world/sandbox/market.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Figures of the same name. */
#define MARKET_COUNTS(C)                                                                                             \
    C(bounties_posted, "bounties whose reward was set aside")                                                        \
    C(bids_placed, "bids")                                                                                           \
    C(bounties_awarded, "bids accepted")                                                                             \
    C(bounties_completed, "jobs whose worker got more than half of the pay")                                         \
    C(bounties_failed, "jobs whose worker got less, or nothing")                                                     \
    C(bounties_expired, "bounties that nobody was awarded in time")                                                  \
    C(disputes_filed, "disputes")                                                                                    \
    C(disputes_for_worker, "hearings that found good work")                                                          \
    C(disputes_for_poster, "hearings that found bad work")                                                           \
    C(disputes_split, "hearings that found nothing")

#define MARKET_COUNT_MEMBER(name, doc) uint64_t name;
struct market_tally {
    MARKET_COUNTS(MARKET_COUNT_MEMBER)
    uint64_t jobs_paid, jobs_bad; /* bad: of those, in truth */
    int64_t volume, fees;         /* to workers, to the treasury; millionths, up to INT64_MAX */
    uint64_t epoch;               /* which it is about */
};
_Static_assert(sizeof(struct market_tally) == 15 * 8, "no padding in what is saved as bytes");

struct market_desk {
    struct market *market;
    struct market_tally epoch, run;
    /* What is shown in this turn; not state. Keys are agent << 32 | index, rising: of bids index is place * max_bids +
     * slot, by poster; of jobs it is the place, by poster and by worker. */
    uint32_t shown[32], shown_count;
    uint64_t *bids, *jobs;
    uint32_t bid_count, job_count;
};

#define COUNT(self, name, amount)                                                                                    \
    do {                                                                                                             \
        tally_now(self)->name += (amount);                                                                           \
        (self)->market->run.name += (amount);                                                                        \
    } while (0)

/* Tasks move on before features are told that an epoch has begun, so the first to count something clears the last. */
static struct market_tally *
tally_now(struct sandbox *self)
{
    struct market_tally *tally = &self->market->epoch;

    if (tally->epoch != self->now.epoch)
        *tally = (struct market_tally){.epoch = self->now.epoch};
    return tally;
}

static void
add_money(int64_t *sum, int64_t amount)
{
    if (!money_add(*sum, amount, sum))
        *sum = INT64_MAX;
}

static void
note_bounty(struct sandbox *self, enum sandbox_note kind, const struct bounty *bounty, bool about_worker,
            int64_t amount, double value)
{
    settle_note(self, &(struct note){.kind = (uint8_t)kind, .agent = about_worker ? bounty->worker : bounty->poster,
        .other = about_worker ? bounty->poster : bounty->worker, .id = bounty->id, .amount = amount, .value = value});
}

/* ---- money ---- */

static void
pay_from_escrow(void *bank, const struct bounty *bounty, enum market_party to, int64_t amount)
{
    struct sandbox *self = bank;
    uint32_t account = to == MARKET_WORKER ? account_of(bounty->worker)
        : to == MARKET_POSTER ? account_of(bounty->poster) : ACCOUNT_TREASURY;
    enum money_reason reason = to == MARKET_WORKER ? MONEY_bounty : to == MARKET_POSTER ? MONEY_escrow : MONEY_cost;
    int64_t moved = accounts_collect(self->accounts, ACCOUNT_ESCROW, account, amount, reason);

    ASSERT(moved == amount);
}

/* The loser's share of what the escrow held, as far as its money goes. */
static void
charge_loser(struct sandbox *self, uint32_t agent, int64_t held)
{
    int64_t fee = money_share(held, market_params_of(self->market->market)->dispute_fee);
    int64_t moved = accounts_collect(self->accounts, account_of(agent), ACCOUNT_TREASURY, fee, MONEY_cost);

    settle_unpaid(self, fee - moved);
    add_money(&tally_now(self)->fees, moved);
    add_money(&self->market->run.fees, moved);
}

/* ---- ends ---- */

/* The worker gets `share`, whatever the work was. */
static void
close_job(struct sandbox *self, const struct bounty *job, double share, int32_t truth)
{
    struct market_split split = market_end(self->market->market, job->id, share);

    COUNT(self, bounties_completed, share > 0.5);
    COUNT(self, bounties_failed, share <= 0.5);
    COUNT(self, jobs_paid, split.worker > 0);
    COUNT(self, jobs_bad, split.worker > 0 && truth < 0);
    add_money(&tally_now(self)->volume, split.worker);
    add_money(&self->market->run.volume, split.worker);
    add_money(&tally_now(self)->fees, split.fee);
    add_money(&self->market->run.fees, split.fee);
    if (share >= 1.0)
        note_bounty(self, NOTE_escrow_released, job, true, split.worker, 0.0);
    else if (share <= 0.0)
        note_bounty(self, NOTE_escrow_refunded, job, false, split.poster, 0.0);
    else
        note_bounty(self, NOTE_escrow_split, job, true, split.worker, share);
}

/* Whether the condition for the worker's pay is met by the work handed in last. */
static bool
is_released(const struct sandbox *self, const struct task *task, bool approved)
{
    const struct market_params *params = &self->config.market;

    switch (params->condition) {
    case CONDITION_LABEL_AT_LEAST:
        return task->submissions > 0 && task->signal >= params->condition_label;
    case CONDITION_TRUTH:
        return task->submissions > 0 && task->truth > 0;
    default:
        return approved;
    }
}

static void
task_ended(struct sandbox *self, const struct task *task, enum sandbox_task_status how)
{
    const struct bounty *found = market_find(self->market->market, task->owner_id);
    struct bounty job;

    ASSERT(found != NULL && found->status == BOUNTY_AWARDED && found->task == task->id);
    job = *found;
    close_job(self, &job, is_released(self, task, how == TASK_COMPLETED) ? 1.0 : 0.0, task->truth);
    if (how == TASK_COMPLETED)
        trust_note(self->trust, job.poster, job.worker, task->signal, false);
}

static void
expire(struct sandbox *self, uint32_t id)
{
    struct bounty bounty = *market_find(self->market->market, id);
    struct market_split split = market_end(self->market->market, id, 0.0);

    COUNT(self, bounties_expired, 1);
    note_bounty(self, NOTE_bounty_expired, &bounty, false, split.poster, 0.0);
}

/* The work is late, unless it waits to be judged. */
static void
give_up(struct sandbox *self, uint32_t id)
{
    struct bounty job = *market_find(self->market->market, id);
    const struct task *task = tasks_find(self->tasks, job.task);

    ASSERT(task != NULL);
    if (task->status == TASK_SUBMITTED)
        return;
    close_job(self, &job, is_released(self, task, false) ? 1.0 : 0.0, task->truth);
    labour_cancel(self, job.task);
}

/* What a hearing finds is as good as a label of 1 or 0; where it finds nothing, the label stands. */
static void
hear(struct sandbox *self, uint32_t id)
{
    const struct market_params *params = market_params_of(self->market->market);
    struct bounty job = *market_find(self->market->market, id);
    struct rng rng = rng_make(self->seed, STREAM_DISPUTES, id, self->now.step);
    bool found = rng_chance(&rng, params->dispute_power), good = job.truth > 0;
    double share = found ? (double)good : params->dispute_default_split, label = found ? (double)good : job.label;

    note_bounty(self, NOTE_dispute_resolved, &job, true, 0, share);
    close_job(self, &job, share, job.truth);
    COUNT(self, disputes_for_worker, found && good);
    COUNT(self, disputes_for_poster, found && !good);
    COUNT(self, disputes_split, !found);
    if (found)
        charge_loser(self, good ? job.poster : job.worker, job.held);
    settle_reputation(
        self, job.worker, self->config.world.eta * (2.0 * label - 1.0 - self->agents.reputation[job.worker]));
    trust_note(self->trust, job.poster, job.worker, label, false);
    if (found && !good)
        trust_punish(self->trust, job.poster, job.worker, self->config.world.proof_weight);
}

static void
begin(struct sandbox *self)
{
    struct market *market = self->market->market;

    tally_now(self);
    for (uint32_t place = 0; is_epoch_start(self) && place < market_params_of(market)->capacity; place++) {
        const struct bounty *bounty = market_at(market, place);

        switch (market_due(market, place, self->now.epoch)) {
        case DUE_EXPIRY:
            expire(self, bounty->id);
            break;
        case DUE_WORK:
            give_up(self, bounty->id);
            break;
        case DUE_HEARING:
            hear(self, bounty->id);
            break;
        case DUE_NOTHING:
            break;
        }
    }
}

/* ---- wishes ---- */

/* Whether some work was handed in for the job that can be heard about. */
static bool
has_work(const struct sandbox *self, uint32_t id)
{
    const struct bounty *bounty = market_find(self->market->market, id);
    const struct task *task = bounty != NULL ? tasks_find(self->tasks, bounty->task) : NULL;

    return task != NULL && task->submissions > 0;
}

static enum sandbox_refusal
check(const struct sandbox *self, const struct action *action)
{
    const struct market *market = self->market->market;
    const struct bounty *bounty;
    const struct bid *bid;
    enum sandbox_refusal refusal;

    switch (action->verb) {
    case VERB_POST_BOUNTY:
        return market_post_check(market, action->amount);
    case VERB_BID:
        return market_bid_check(market, action->target, action->actor, self->agents.reputation[action->actor],
                                action->amount, self->now.epoch);
    case VERB_ACCEPT_BID:
        refusal = market_accept_check(market, action->target, action->actor);
        if (refusal != REFUSAL_NONE)
            return refusal;
        bid = market_bid_find(market, action->target, &bounty);
        ASSERT(bid != NULL);
        return self->agents.task[bid->bidder] != TASK_NONE ? REFUSAL_BUSY : REFUSAL_NONE;
    case VERB_DISPUTE:
        refusal = market_dispute_check(market, action->target, action->actor);
        return refusal == REFUSAL_NONE && !has_work(self, action->target) ? REFUSAL_TARGET : refusal;
    default:
        UNREACHABLE();
    }
}

static int64_t
cost(const struct sandbox *self, const struct action *action)
{
    (void)self;
    return action->verb == VERB_POST_BOUNTY ? action->amount : 0;
}

static uint32_t
subject(const struct sandbox *self, const struct action *action)
{
    const struct market *market = self->market->market;
    const struct bounty *bounty = NULL;
    const struct bid *bid;

    switch (action->verb) {
    case VERB_ACCEPT_BID:
        bid = market_bid_find(market, action->target, &bounty);
        return bid != NULL ? bid->bidder : SANDBOX_NOBODY;
    case VERB_BID:
        bounty = market_find(market, action->target);
        return bounty != NULL ? bounty->poster : SANDBOX_NOBODY;
    case VERB_DISPUTE:
        bounty = market_find(market, action->target);
        return bounty == NULL ? SANDBOX_NOBODY : bounty->poster == action->actor ? bounty->worker : bounty->poster;
    default:
        return SANDBOX_NOBODY;
    }
}

/* ---- what happens; each has been checked again ---- */

static void
post(struct sandbox *self, struct action *action)
{
    struct market *market = self->market->market;

    ASSERT(action->held == action->amount);
    action->target = market_post(market, action->actor, action->amount, action->work, self->now.epoch);
    COUNT(self, bounties_posted, 1);
    note_bounty(self, NOTE_bounty_posted, market_find(market, action->target), false, action->amount, 0.0);
}

static void
place_bid(struct sandbox *self, const struct action *action)
{
    const struct bounty *bounty = market_find(self->market->market, action->target);

    market_bid(self->market->market, action->target, action->actor, action->amount);
    COUNT(self, bids_placed, 1);
    settle_note(self, &(struct note){.kind = NOTE_bid_placed, .agent = action->actor, .other = bounty->poster,
        .id = bounty->id, .amount = action->amount});
}

static void
award(struct sandbox *self, struct action *action)
{
    struct market *market = self->market->market;
    const struct bounty *bounty = NULL;
    const struct bid *bid = market_bid_find(market, action->target, &bounty);
    struct task task;
    uint32_t id;

    ASSERT(bid != NULL);
    /* The market's own deadline counts, not the number of steps. */
    task = (struct task){.budget = bid->amount, .difficulty = bounty->difficulty, .min_reputation = -1.0,
        .owner = OWNER_BOUNTY, .owner_id = bounty->id, .poster = bounty->poster};
    id = labour_create(self, &task, bid->bidder);
    if (id == TASK_NONE) {
        action->refused = REFUSAL_BUSY;
        return;
    }
    market_accept(market, action->target, id, self->now.epoch);
    COUNT(self, bounties_awarded, 1);
    note_bounty(self, NOTE_bid_accepted, bounty, true, bounty->held, 0.0);
}

static void
dispute(struct sandbox *self, const struct action *action)
{
    struct market *market = self->market->market;
    const struct bounty *bounty = market_find(market, action->target);
    const struct task *task = tasks_find(self->tasks, bounty->task);

    market_dispute(market, bounty->id, action->actor, task->truth, task->signal, self->now.epoch);
    labour_cancel(self, task->id);
    COUNT(self, disputes_filed, 1);
    note_bounty(self, NOTE_dispute_filed, bounty, bounty->disputed_by_worker, 0, 0.0);
    note_bounty(self, NOTE_conflict, bounty, bounty->disputed_by_worker, 0, 0.0);
}

static void
settle(struct sandbox *self, struct action *action)
{
    action->refused = (uint8_t)check(self, action); /* others have acted since it was granted */
    if (action->refused != REFUSAL_NONE)
        return;
    switch (action->verb) {
    case VERB_POST_BOUNTY:
        post(self, action);
        return;
    case VERB_BID:
        place_bid(self, action);
        return;
    case VERB_ACCEPT_BID:
        award(self, action);
        return;
    case VERB_DISPUTE:
        dispute(self, action);
        return;
    default:
        UNREACHABLE();
    }
}

/* ---- what agents see ---- */

/* Shell sort with the gaps of Ciura (2001): keys are distinct, so the order is the only one. */
static void
sort_keys(uint64_t *keys, uint32_t count)
{
    static const uint32_t gaps[] = {1750, 701, 301, 132, 57, 23, 10, 4, 1};

    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++)
        for (uint32_t i = gaps[g]; i < count; i++) {
            uint64_t key = keys[i];
            uint32_t at = i;

            for (; at >= gaps[g] && keys[at - gaps[g]] > key; at -= gaps[g])
                keys[at] = keys[at - gaps[g]];
            keys[at] = key;
        }
}

/* The first key of the agent or of one behind it. */
static uint32_t
first_of(const uint64_t *keys, uint32_t count, uint64_t agent)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (keys[middle] >> 32 < agent)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void
show_bounty(struct market_desk *desk, const struct bounty *bounty)
{
    uint32_t limit = market_params_of(desk->market)->visible, at = desk->shown_count;

    while (at > 0) {
        const struct bounty *other = market_find(desk->market, desk->shown[at - 1]);

        if (other->reward > bounty->reward || (other->reward == bounty->reward && other->id < bounty->id))
            break;
        at--;
    }
    if (at == limit)
        return;
    desk->shown_count += desk->shown_count < limit;
    memmove(desk->shown + at + 1, desk->shown + at, (desk->shown_count - at - 1) * sizeof desk->shown[0]);
    desk->shown[at] = bounty->id;
}

/* Of the bids only those whose bidder could begin now. */
static void
show_bids(const struct sandbox *self, struct market_desk *desk, const struct bounty *bounty, uint32_t place)
{
    uint32_t slots = market_params_of(desk->market)->max_bids;

    for (uint32_t slot = 0; slot < slots; slot++) {
        const struct bid *bid = market_bid_at(desk->market, bounty, slot);

        if (bid != NULL && self->agents.task[bid->bidder] == TASK_NONE && !is_frozen(self, bid->bidder))
            desk->bids[desk->bid_count++] = (uint64_t)bounty->poster << 32 | (place * slots + slot);
    }
}

static void
show(struct sandbox *self)
{
    struct market_desk *desk = self->market;

    desk->shown_count = desk->bid_count = desk->job_count = 0;
    for (uint32_t place = 0; place < market_params_of(desk->market)->capacity; place++) {
        const struct bounty *bounty = market_at(desk->market, place);

        if (bounty == NULL)
            continue;
        if (market_takes_bids(bounty, self->now.epoch))
            show_bounty(desk, bounty);
        if (bounty->status == BOUNTY_OPEN)
            show_bids(self, desk, bounty, place);
        if (bounty->status == BOUNTY_AWARDED || bounty->status == BOUNTY_DISPUTED) {
            desk->jobs[desk->job_count++] = (uint64_t)bounty->poster << 32 | place;
            desk->jobs[desk->job_count++] = (uint64_t)bounty->worker << 32 | place;
        }
    }
    sort_keys(desk->bids, desk->bid_count);
    sort_keys(desk->jobs, desk->job_count);
}

static void
count(const struct sandbox *self, const uint32_t *agents, uint32_t agent_count, uint32_t counts[ACT_AXES])
{
    const struct market_desk *desk = self->market;

    counts[ACT_BOUNTY] = desk->shown_count;
    for (uint32_t i = 0; i < agent_count; i++) {
        uint64_t agent = agents[i];

        counts[ACT_BID] += first_of(desk->bids, desk->bid_count, agent + 1) -
            first_of(desk->bids, desk->bid_count, agent);
        counts[ACT_JOB] += first_of(desk->jobs, desk->job_count, agent + 1) -
            first_of(desk->jobs, desk->job_count, agent);
    }
}

#define COLUMN(type, name) type *name = batch_column(writer, OBSERVE_##name)

/* Sets bit `bit` of those agents (ids rise) who have a bid on the bounty. */
static void
write_bidders(const struct market_desk *desk, const struct bounty *shown, uint32_t bit, const uint32_t *agents,
              uint32_t agent_count, uint32_t *bid_on)
{
    for (uint32_t slot = 0; slot < market_params_of(desk->market)->max_bids; slot++) {
        const struct bid *bid = market_bid_at(desk->market, shown, slot);
        uint32_t low = 0, high = agent_count;

        while (bid != NULL && low < high) {
            uint32_t middle = low + (high - low) / 2;

            if (agents[middle] < bid->bidder)
                low = middle + 1;
            else
                high = middle;
        }
        if (bid != NULL && low < agent_count && agents[low] == bid->bidder)
            bid_on[low] |= 1u << bit;
    }
}

static void
write_bounties(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *agents)
{
    const struct market_desk *desk = self->market;
    COLUMN(uint32_t, bounty);
    COLUMN(uint32_t, bounty_poster);
    COLUMN(double, bounty_poster_reputation);
    COLUMN(int64_t, bounty_reward);
    COLUMN(double, bounty_difficulty);
    COLUMN(double, bounty_min_reputation);
    COLUMN(uint16_t, bounty_bids);
    COLUMN(int64_t, bounty_lowest);
    COLUMN(uint32_t, bounty_deadline);
    COLUMN(double, bounty_fee);
    COLUMN(uint32_t, bid_on);

    for (uint32_t i = 0; i < desk->shown_count; i++) {
        const struct bounty *seen = market_find(desk->market, desk->shown[i]);

        bounty[i] = seen->id;
        bounty_poster[i] = seen->poster;
        bounty_poster_reputation[i] = self->agents.reputation[seen->poster];
        bounty_reward[i] = seen->reward;
        bounty_difficulty[i] = seen->difficulty;
        bounty_min_reputation[i] = seen->min_reputation;
        bounty_bids[i] = (uint16_t)market_bid_count(desk->market, seen);
        bounty_deadline[i] = seen->deadline;
        bounty_fee[i] = market_params_of(desk->market)->escrow_fee;
        for (uint32_t slot = 0; slot < market_params_of(desk->market)->max_bids; slot++) {
            const struct bid *bid = market_bid_at(desk->market, seen, slot);

            if (bid != NULL && (bounty_lowest[i] == 0 || bid->amount < bounty_lowest[i]))
                bounty_lowest[i] = bid->amount;
        }
        write_bidders(desk, seen, i, agents, writer->count[ACT_ROW], bid_on);
    }
}

static void
write_bid(const struct sandbox *self, const struct batch_writer *writer, uint32_t agent, uint32_t index, uint32_t at)
{
    const struct market *market = self->market->market;
    uint32_t slots = market_params_of(market)->max_bids;
    const struct bounty *on = market_at(market, index / slots);
    const struct bid *seen = market_bid_at(market, on, index % slots);
    COLUMN(uint32_t, bid);
    COLUMN(uint32_t, bid_bounty);
    COLUMN(uint32_t, bid_bidder);
    COLUMN(int64_t, bid_amount);
    COLUMN(double, bid_reputation);
    COLUMN(double, bid_trust);

    bid[at] = market_bid_id(market, on, index % slots);
    bid_bounty[at] = on->id;
    bid_bidder[at] = seen->bidder;
    bid_amount[at] = seen->amount;
    bid_reputation[at] = self->agents.reputation[seen->bidder];
    bid_trust[at] = trust_value(trust_find(self->trust, agent, seen->bidder));
}

static void
write_job(const struct sandbox *self, const struct batch_writer *writer, uint32_t agent, uint32_t place, uint32_t at)
{
    const struct market_params *params = market_params_of(self->market->market);
    const struct bounty *seen = market_at(self->market->market, place);
    const struct task *task = tasks_find(self->tasks, seen->task);
    COLUMN(uint32_t, job);
    COLUMN(uint32_t, job_task);
    COLUMN(uint8_t, job_status);
    COLUMN(uint8_t, job_task_status);
    COLUMN(uint8_t, job_is_worker);
    COLUMN(uint32_t, job_other);
    COLUMN(int64_t, job_amount);
    COLUMN(double, job_signal);
    COLUMN(double, job_difficulty);
    COLUMN(double, job_fee);
    COLUMN(double, job_power);
    COLUMN(double, job_split);
    COLUMN(double, job_loss);

    job[at] = seen->id;
    job_task[at] = seen->task;
    job_status[at] = seen->status;
    job_task_status[at] = task != NULL ? task->status : TASK_FAILED; /* a dispute has ended it */
    job_is_worker[at] = seen->worker == agent;
    job_other[at] = seen->worker == agent ? seen->poster : seen->worker;
    job_amount[at] = seen->held;
    job_signal[at] = task == NULL ? seen->label : task->submissions > 0 ? task->signal : 0.0;
    job_difficulty[at] = seen->difficulty;
    job_fee[at] = params->escrow_fee;
    job_power[at] = params->dispute_power;
    job_split[at] = params->dispute_default_split;
    job_loss[at] = params->dispute_fee;
}

static void
write(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *agents)
{
    const struct market_desk *desk = self->market;
    uint32_t bid_at = 0, job_at = 0;
    COLUMN(uint32_t, bids);
    COLUMN(uint32_t, jobs);
    COLUMN(uint16_t, bids_left);
    COLUMN(uint16_t, bounties_left);

    write_bounties(self, writer, agents);
    for (uint32_t i = 0; i < writer->count[ACT_ROW]; i++) {
        bids[i] = bid_at;
        jobs[i] = job_at;
        bids_left[i] = (uint16_t)rails_left(self->rails, RAILS_BID, agents[i]);
        bounties_left[i] = (uint16_t)rails_left(self->rails, RAILS_BOUNTY, agents[i]);
        for (uint32_t k = first_of(desk->bids, desk->bid_count, agents[i]);
             k < desk->bid_count && desk->bids[k] >> 32 == agents[i]; k++)
            write_bid(self, writer, agents[i], (uint32_t)desk->bids[k], bid_at++);
        for (uint32_t k = first_of(desk->jobs, desk->job_count, agents[i]);
             k < desk->job_count && desk->jobs[k] >> 32 == agents[i]; k++)
            write_job(self, writer, agents[i], (uint32_t)desk->jobs[k], job_at++);
    }
    bids[writer->count[ACT_ROW]] = bid_at;
    jobs[writer->count[ACT_ROW]] = job_at;
}

/* ---- figures and state ---- */

static void
put_figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink)
{
    const struct market_desk *desk = self->market;
    const struct market_tally *tally = whole_run ? &desk->run : &desk->epoch;

#define MARKET_PUT(name, doc) figure_put(sink, #name, (double)tally->name, true);
    MARKET_COUNTS(MARKET_PUT)
    figure_put(sink, "market_volume", money_to_real(tally->volume), true);
    figure_put(sink, "market_fees", money_to_real(tally->fees), true);
    figure_put_share(sink, "jobs_bad_share", (double)tally->jobs_bad, (double)tally->jobs_paid);
    figure_put_share(sink, "bids_per_bounty", (double)tally->bids_placed, (double)tally->bounties_posted);
    figure_put(sink, "escrow_held", money_to_real(market_escrow(desk->market)), true);
}

static void
list_cells(struct sandbox *self, struct cells *out)
{
    struct market_desk *desk = self->market;

    cells_add(out, &desk->epoch, sizeof desk->epoch);
    cells_add(out, &desk->run, sizeof desk->run);
    market_cells(desk->market, out);
}

static int64_t
escrow(const struct sandbox *self)
{
    return market_escrow(self->market->market);
}

static bool
belong_together(const struct bounty *bounty, const struct task *task)
{
    return bounty != NULL && task != NULL && bounty->status == BOUNTY_AWARDED && bounty->task == task->id &&
        task->owner == OWNER_BOUNTY && task->owner_id == bounty->id && task->worker == bounty->worker &&
        task->poster == bounty->poster && task->bounty == 0 && task->status > TASK_OPEN &&
        task->status <= TASK_SUBMITTED;
}

/* Awarded bounties and the living tasks of the market are pairs. */
static int
check_state(const struct sandbox *self, struct why *why)
{
    const struct market *market = self->market->market;
    int code = market_check(market, self->config.agent_count, why);

    if (code != 0)
        return code;
    for (uint32_t place = 0; place < market_params_of(market)->capacity; place++) {
        const struct bounty *bounty = market_at(market, place);

        if (bounty != NULL && bounty->status == BOUNTY_AWARDED &&
            !belong_together(bounty, tasks_find(self->tasks, bounty->task)))
            return fail(why, ERR_STATE, "market: bounty %" PRIu32 " has no task", bounty->id);
    }
    for (uint32_t place = 0; place < tasks_capacity(self->tasks); place++) {
        const struct task *task = tasks_at(self->tasks, place);

        if (task != NULL && task->owner == OWNER_BOUNTY && task->status <= TASK_SUBMITTED &&
            !belong_together(market_find(market, task->owner_id), task))
            return fail(why, ERR_STATE, "market: task %" PRIu32 " has no bounty", task->id);
    }
    return 0;
}

static bool
is_on(const struct config *config)
{
    return config->market.enabled;
}

static void
make(struct sandbox *self)
{
    const struct market_params *params = &self->config.market;
    struct market_desk *desk = ALLOC(struct market_desk);

    desk->market = market_new(params, market_split, pay_from_escrow, self);
    desk->bids = ALLOC_ARRAY(uint64_t, (size_t)params->capacity * params->max_bids);
    desk->jobs = ALLOC_ARRAY(uint64_t, 2 * (size_t)params->capacity);
    self->market = desk;
}

static void
destroy(struct sandbox *self)
{
    struct market_desk *desk = self->market;

    if (desk == NULL)
        return;
    market_destroy(&desk->market);
    free(desk->bids);
    free(desk->jobs);
    free(desk);
    self->market = NULL;
}

static void
genesis(struct sandbox *self)
{
    market_clear(self->market->market);
    self->market->epoch = self->market->run = (struct market_tally){0};
}

const struct feature feature_market = {
    .name = "market",
    .traits = true,
    .verbs = 1u << VERB_POST_BOUNTY | 1u << VERB_BID | 1u << VERB_ACCEPT_BID | 1u << VERB_DISPUTE,
    .is_on = is_on,
    .make = make,
    .destroy = destroy,
    .genesis = genesis,
    .begin = begin,
    .count = count,
    .write = write,
    .show = show,
    .check = check,
    .cost = cost,
    .settle = settle,
    .subject = subject,
    .owner = OWNER_BOUNTY,
    .task_ended = task_ended,
    .figures = put_figures,
    .cells = list_cells,
    .escrow = escrow,
    .check_state = check_state,
};
