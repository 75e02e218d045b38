/* world/sandbox/settle.c - making things happen: actions first, then offers, each in id order. An agent that cannot
 * bear a loss, cost or fine pays what it has; the rest is counted as unpaid and forgiven. */
#include "core/assert.h"
#include "core/math.h"
#include "core/money.h"
#include "world/sandbox/feature.h"

#include <string.h>

/* ---- helpers for all ---- */

double
settle_reputation(struct sandbox *self, uint32_t agent, double change)
{
    double before = self->agents.reputation[agent];

    self->agents.reputation[agent] = math_clamp(before + change, -1.0, 1.0);
    return self->agents.reputation[agent] - before;
}

void
settle_charge(struct sandbox *self, uint32_t agent, uint32_t to, int64_t amount, enum money_reason reason)
{
    settle_unpaid(self, amount - accounts_collect(self->accounts, account_of(agent), to, amount, reason));
}

void
settle_unpaid(struct sandbox *self, int64_t amount)
{
    if (!money_add(self->epoch->unpaid, amount, &self->epoch->unpaid))
        self->epoch->unpaid = INT64_MAX;
    if (!money_add(self->run->unpaid, amount, &self->run->unpaid))
        self->run->unpaid = INT64_MAX;
}

void
settle_active(struct sandbox *self, uint32_t agent)
{
    if (self->agents.active[agent] == self->now.epoch + 1)
        return;
    if (self->agents.active[agent] == 0)
        self->run->active_agents++;
    self->epoch->active_agents++;
    self->agents.active[agent] = self->now.epoch + 1;
}

void
settle_pay(struct sandbox *self, uint32_t agent, double tokens)
{
    int64_t amount = money_from_real(tokens);

    if (amount < 0)
        settle_charge(self, agent, ACCOUNT_ENVIRONMENT, -amount, MONEY_payoff);
    else if (accounts_transfer(self->accounts, ACCOUNT_ENVIRONMENT, account_of(agent), amount, MONEY_payoff, NULL) != 0)
        settle_unpaid(self, amount);
}

void
settle_note(struct sandbox *self, const struct note *note)
{
    struct turn *turn = &self->turn;

    if (turn->note_count == turn->note_room) {
        uint32_t room = turn->note_room > 0 ? 2 * turn->note_room : 64;
        struct note *notes = ARENA_ARRAY(self->arena, struct note, room);

        if (turn->note_count > 0)
            memcpy(notes, turn->notes, turn->note_count * sizeof *notes);
        turn->notes = notes;
        turn->note_room = room;
    }
    turn->notes[turn->note_count++] = *note;
}

static void
from_escrow(struct sandbox *self, uint32_t agent, int64_t amount, enum money_reason reason)
{
    int64_t moved = accounts_collect(self->accounts, ACCOUNT_ESCROW, account_of(agent), amount, reason);

    ASSERT(moved == amount);
}

/* ---- the feed ---- */

static void
note_cascade(struct sandbox *self, uint32_t id)
{
    struct feed_post post, root;

    if (!feed_find(self->feed, id, &post))
        UNREACHABLE();
    self->epoch->cascade_depth = post.depth > self->epoch->cascade_depth ? post.depth : self->epoch->cascade_depth;
    self->run->cascade_depth = post.depth > self->run->cascade_depth ? post.depth : self->run->cascade_depth;
    if (!feed_find(self->feed, post.root, &root))
        return;
    if (root.tree_size > self->epoch->cascade_size)
        self->epoch->cascade_size = root.tree_size;
    if (root.tree_size > self->run->cascade_size)
        self->run->cascade_size = root.tree_size;
}

static void
settle_post(struct sandbox *self, struct action *action)
{
    uint32_t parent = action->verb == VERB_REPLY ? action->target : FEED_NONE;
    uint32_t id = feed_add(self->feed, action->actor, parent, (double)self->now.step, action->text,
                           action->text_size, NULL);

    if (id == FEED_NONE) { /* what it answers has gone since */
        action->refused = REFUSAL_TARGET;
        return;
    }
    action->target = id;
    if (action->verb == VERB_POST) {
        TALLY_ADD(self, posts, 1);
    } else {
        TALLY_ADD(self, replies, 1);
        note_cascade(self, id);
    }
    features_posted(self, action);
}

static void
note_downvote(struct sandbox *self, uint32_t voter, uint32_t author)
{
    const struct trust_entry *back = trust_find(self->trust, author, voter);

    TALLY_ADD(self, downvotes, 1);
    if (!trust_flag(self->trust, voter, author, TRUST_DOWNVOTED) || back == NULL ||
        (back->flags & TRUST_DOWNVOTED) == 0)
        return;
    TALLY_ADD(self, mutual_downvotes, 1);
    settle_note(self, &(struct note){.kind = NOTE_conflict, .agent = voter, .other = author, .id = SANDBOX_NOBODY});
}

/* Votes for oneself count for the ranking, but neither for reputation nor for influence. */
static void
settle_vote(struct sandbox *self, struct action *action)
{
    struct feed_post post;
    double moved = action->weight * (double)action->value;
    enum feed_vote vote = feed_vote(self->feed, action->target, action->actor, action->value, action->weight);

    if (vote == FEED_VOTE_MISSING || vote == FEED_VOTE_SAME) {
        action->refused = vote == FEED_VOTE_MISSING ? REFUSAL_TARGET : REFUSAL_REPEATED;
        return;
    }
    TALLY_ADD(self, votes, 1);
    if (!feed_find(self->feed, action->target, &post))
        UNREACHABLE();
    features_voted(self, action, post.author);
    if (post.author == action->actor)
        return;
    if (vote == FEED_VOTE_FLIPPED)
        moved *= 2.0;
    settle_reputation(self, post.author, self->config.world.vote_reputation * moved);
    if (action->value > 0 || vote == FEED_VOTE_FLIPPED)
        self->agents.influence[post.author] = math_max(
            0.0, self->agents.influence[post.author] + action->weight * (double)action->value);
    if (action->value < 0)
        note_downvote(self, action->actor, post.author);
}

static void
settle_action(struct sandbox *self, struct action *action)
{
    const struct feature *feature = features_of_verb(self, action->verb);

    if (action->refused == REFUSAL_NONE) {
        switch (action->verb) {
        case VERB_POST:
        case VERB_REPLY:
            settle_post(self, action);
            break;
        case VERB_VOTE:
            settle_vote(self, action);
            break;
        default:
            if (feature != NULL)
                feature->settle(self, action);
            else
                labour_settle(self, action);
            break;
        }
    }
    if (action->refused != REFUSAL_NONE && action->held > 0)
        from_escrow(self, action->actor, action->held, MONEY_escrow);
    TALLY_ADD(self, refused[action->refused], action->refused != REFUSAL_NONE);
    settle_charge(self, action->actor, ACCOUNT_TREASURY, action->cost, MONEY_cost);
}

/* ---- interactions ---- */

/* The money that was set aside: to whom it was meant for, or back. */
static void
release_transfer(struct sandbox *self, const struct deal *deal, bool happens)
{
    uint32_t from = deal->transfer > 0 ? deal->initiator : deal->counterparty;
    uint32_t to = deal->transfer > 0 ? deal->counterparty : deal->initiator;
    int64_t amount = deal->transfer > 0 ? deal->transfer : -deal->transfer;

    if (deal->transfer == 0 || (deal->transfer < 0 && !deal->accepted))
        return;
    from_escrow(self, happens ? to : from, amount, happens ? MONEY_transfer : MONEY_escrow);
}

/* Reputations move towards the label; what the verdict adds comes on top, also where nothing happens. */
static void
move_reputations(struct sandbox *self, struct deal *deal, bool happens)
{
    double aim = 2.0 * deal->p - 1.0, eta = self->config.world.eta;
    double pull_a = eta * (aim - self->agents.reputation[deal->initiator]);
    double pull_b = eta * self->config.world.eta_counterparty * (aim - self->agents.reputation[deal->counterparty]);

    deal->reputation_a = settle_reputation(self, deal->initiator, deal->reputation_a + (happens ? pull_a : 0.0));
    deal->reputation_b = settle_reputation(self, deal->counterparty, happens ? pull_b : 0.0);
}

/* Payoffs for the record (would-be ones where nothing happens), and the row for the metrics. */
static void
value_deal(struct sandbox *self, struct deal *deal, bool happens)
{
    struct metrics_row row = {
        .p = deal->p, .transfer = money_to_real(deal->transfer), .cost_a = money_to_real(deal->cost_a),
        .cost_b = money_to_real(deal->cost_b), .reputation_a = deal->reputation_a,
        .reputation_b = deal->reputation_b, .accepted = happens, .truth = deal->truth};

    metrics_row_pay(&row, &self->config.payoff);
    deal->payoff_a = row.payoff_a;
    deal->payoff_b = row.payoff_b;
    if (!deal->answered) /* nobody has judged it */
        return;
    metrics_set_add(&self->epoch->set, &self->config.payoff, &row);
    metrics_set_add(&self->run->set, &self->config.payoff, &row);
}

/* A payoff holds what moves between the two and to the treasury; the environment pays or takes the rest. */
static void
pay_deal(struct sandbox *self, const struct deal *deal)
{
    double tau = money_to_real(deal->transfer);

    settle_pay(self, deal->initiator, deal->payoff_a + tau + money_to_real(deal->cost_a));
    settle_pay(self, deal->counterparty, deal->payoff_b - tau + money_to_real(deal->cost_b));
    self->agents.payoff[deal->initiator] += deal->payoff_a;
    self->agents.payoff[deal->counterparty] += deal->payoff_b;
}

/* What came of the deals of a policy's agents, as initiators. */
static void
tally_kind(struct sandbox *self, const struct deal *deal)
{
    uint32_t kind = tally_kind_of(self, deal->initiator);

    TALLY_ADD(self, kinds[kind].happened, 1);
    TALLY_ADD(self, kinds[kind].bad, deal->truth < 0);
    TALLY_ADD(self, kinds[kind].caught, deal->audit == AUDIT_CAUGHT);
    TALLY_ADD(self, kinds[kind].harm, payoff_harm(&self->config.payoff, deal->p));
    TALLY_ADD(self, kinds[kind].payoff, deal->payoff_a);
    if (deal->truth < 0) {
        TALLY_ADD(self, bad_reputation, deal->reputation_a);
        TALLY_ADD(self, bad_payoff, deal->payoff_a);
        TALLY_ADD(self, bad_label, deal->p);
    }
}

static void
settle_deal(struct sandbox *self, struct deal *deal)
{
    bool happens = deal->accepted && deal->allow;

    if (deal->accepted && !deal->allow) {
        TALLY_ADD(self, denied, 1);
        TALLY_ADD(self, refused[deal->reason], 1);
    }
    release_transfer(self, deal, happens);
    move_reputations(self, deal, happens);
    value_deal(self, deal, happens);
    if (happens) {
        pay_deal(self, deal);
        tally_kind(self, deal);
        trust_note(self->trust, deal->initiator, deal->counterparty, deal->p, true);
        trust_note(self->trust, deal->counterparty, deal->initiator, deal->p, false);
    }
    settle_charge(self, deal->initiator, ACCOUNT_TREASURY, deal->cost_a, MONEY_cost);
    settle_charge(self, deal->counterparty, ACCOUNT_TREASURY, deal->cost_b, MONEY_cost);
    features_dealt(self, deal, happens);
    if (deal->audit != AUDIT_NONE)
        TALLY_ADD(self, audits, 1);
    if (deal->audit == AUDIT_CAUGHT) {
        TALLY_ADD(self, audits_caught, 1);
        self->agents.caught[deal->initiator]++;
        trust_punish(self->trust, deal->counterparty, deal->initiator, self->config.world.proof_weight);
    }
}

void
settle_turn(struct sandbox *self)
{
    struct turn *turn = &self->turn;

    for (uint32_t i = turn->action_first; i < turn->action_count; i++)
        settle_action(self, &turn->actions[i]);
    for (uint32_t i = turn->deal_first; i < turn->deal_count; i++)
        settle_deal(self, &turn->deals[i]);
}
