/* tests/unit/world/test_compat_policy.c - decisions of the original's policies worked out by hand: what is looked at in
 * which order, and which draws that takes. Agent 0 decides; 1 is honest, 2 opportunistic, 3 adversarial. */
#include "tests/support/test.h"
#include "world/compat/policy.h"

#include <string.h>

static const struct compat_seen_agent others[] = {
    {1, COMPAT_HONEST, 0.2, 100.0}, {2, COMPAT_OPPORTUNISTIC, 0.0, 100.0}, {3, COMPAT_ADVERSARIAL, -0.5, 40.0}};
static const struct compat_seen_post posts[] = {{7, 2, 0, 0, true}, {8, 1, 0, 0, false}, {9, 1, 0, 0, false}};
static const struct compat_proposal proposal = {4, 3, 0, INTERACTION_TRADE, 0.0};
static const struct compat_seen_bounty bounties[] = {{0, 10.0}, {1, 20.0}};
static const struct compat_seen_bid bids[] = {{5, 0, 3.0}, {6, 0, 2.0}, {7, 1, 2.0}};
static const struct compat_seen_task tasks[] = {
    {0, COMPAT_EXPERT, 20.0, 0.0, false}, {1, COMPAT_TRIVIAL, 5.0, 0.0, false}, {2, COMPAT_EASY, 30.0, 2.0, false}};
static const uint32_t escrows[] = {11, 12};

enum { POSTS = 1, PROPOSAL = 2, BOUNTIES = 4, BIDS = 8, TASKS = 16, ESCROWS = 32, AGENTS = 64, NO_POST = 128,
       NO_VOTE = 256, POOR = 512 };

/* What agent 0 has been through before. */
enum past { FRESH, TRUSTS_2, DISTRUSTS_3, CONFIDED };

static const struct row {
    const char *name;
    enum compat_type type;
    unsigned sees;
    double draws[6];
    enum past past;
    enum compat_verb verb;
    uint32_t target; /* or the counterparty */
    double amount;
    uint32_t used;
} rows[] = {
    {"honest: an answer first, without a draw", COMPAT_HONEST, PROPOSAL | BIDS | POSTS, {0}, .verb = COMPAT_ACCEPT,
     .target = 4},
    {"honest: not to who worked badly", COMPAT_HONEST, PROPOSAL, {0}, .past = DISTRUSTS_3, .verb = COMPAT_REJECT,
     .target = 4},
    {"honest: the lowest bid, first of equals", COMPAT_HONEST, BIDS, {0}, .verb = COMPAT_ACCEPT_BID, .target = 0},
    {"honest: bids 80 % and a part of 15", COMPAT_HONEST, BOUNTIES, {0.29, 0.5, 0.4}, .verb = COMPAT_BID, .target = 1,
     .amount = 20.0 * (0.8 + (0.95 - 0.8) * 0.4), .used = 3},
    {"honest: posts a bounty", COMPAT_HONEST, AGENTS, {0.14, 0.5}, .verb = COMPAT_BOUNTY, .target = COMPAT_NOBODY,
     .amount = 10, .used = 2},
    {"honest: not while others stand, though it has drawn", COMPAT_HONEST, BOUNTIES, {0.3, 0.14, 0.29, 0.5},
     .verb = COMPAT_POST,
     .target = COMPAT_NOBODY, .used = 4},
    {"honest: without means nothing is drawn for it", COMPAT_HONEST, POOR, {0.29, 0.9}, .verb = COMPAT_POST,
     .target = COMPAT_NOBODY, .used = 2},
    {"honest: most bounty for its difficulty that its reputation allows", COMPAT_HONEST, TASKS, {0.5},
     .verb = COMPAT_CLAIM,
     .target = 1, .used = 1},
    {"honest: votes for what it has not voted for", COMPAT_HONEST, POSTS, {0.5, 0.3, 0.49, 0.5}, .verb = COMPAT_VOTE,
     .target = 9, .used = 4},
    {"honest: proposes to the first when it knows nobody", COMPAT_HONEST, AGENTS | NO_POST, {0.5, 0.39},
     .verb = COMPAT_PROPOSE, .target = 1, .used = 2},
    {"honest: and to whom it trusts most", COMPAT_HONEST, AGENTS | NO_POST, {0.5, 0.39}, .past = TRUSTS_2,
     .verb = COMPAT_PROPOSE, .target = 2, .used = 2},
    {"honest: or does nothing", COMPAT_HONEST, AGENTS | NO_POST, {0.5, 0.4}, .verb = COMPAT_NOOP,
     .target = COMPAT_NOBODY, .used = 2},
    {"opportunistic: bids low on the highest", COMPAT_OPPORTUNISTIC, BOUNTIES | PROPOSAL, {0.49, 0.5},
     .verb = COMPAT_BID, .target = 1,
     .amount = 20.0 * (0.5 + (0.7 - 0.5) * 0.5), .used = 2},
    {"opportunistic: tosses a coin for the unreputed", COMPAT_OPPORTUNISTIC, PROPOSAL | AGENTS, {0.4},
     .verb = COMPAT_REJECT, .target = 4, .used = 1},
    {"opportunistic: takes tasks beyond its reputation", COMPAT_OPPORTUNISTIC, TASKS, {0}, .verb = COMPAT_CLAIM,
     .target = 2},
    {"opportunistic: votes for the top", COMPAT_OPPORTUNISTIC, POSTS, {0.4, 0.59}, .verb = COMPAT_VOTE, .target = 7,
     .used = 2},
    {"opportunistic: trades with the rich", COMPAT_OPPORTUNISTIC, AGENTS | NO_POST, {0.99}, .verb = COMPAT_PROPOSE,
     .target = 2, .used = 1},
    {"deceptive: accepts from strangers", COMPAT_DECEPTIVE, PROPOSAL, {0.89}, .verb = COMPAT_ACCEPT, .target = 4,
     .used = 1},
    {"deceptive: votes as long as there are posts", COMPAT_DECEPTIVE, POSTS | AGENTS, {0.35, 0.99},
     .verb = COMPAT_VOTE, .target = 9, .used = 2},
    {"deceptive: proposes to strangers without any", COMPAT_DECEPTIVE, AGENTS, {0.35, 0.5}, .verb = COMPAT_PROPOSE,
     .target = 2, .used = 2},
    {"deceptive: exploits who trusts it most", COMPAT_DECEPTIVE, AGENTS | POSTS, {0.5}, .past = CONFIDED,
     .verb = COMPAT_PROPOSE, .target = 2},
    {"adversarial: baits", COMPAT_ADVERSARIAL, AGENTS, {0.19, 0.5}, .verb = COMPAT_BOUNTY, .target = COMPAT_NOBODY,
     .amount = 3, .used = 2},
    {"adversarial: disputes", COMPAT_ADVERSARIAL, ESCROWS, {0.2, 0.39, 0.5}, .verb = COMPAT_DISPUTE, .target = 12,
     .used = 3},
    {"adversarial: accepts from allies", COMPAT_ADVERSARIAL, PROPOSAL | AGENTS, {0.2}, .verb = COMPAT_ACCEPT,
     .target = 4, .used = 1},
    {"adversarial: attacks the honest", COMPAT_ADVERSARIAL, AGENTS, {0.2, 0.59, 0.99}, .verb = COMPAT_PROPOSE,
     .target = 1, .used = 3},
    {"adversarial: votes targets' posts down", COMPAT_ADVERSARIAL, AGENTS | POSTS | NO_POST, {0.2, 0.6},
     .verb = COMPAT_VOTE, .target = 8, .used = 2},
    {"adversarial: trades with anyone where no target is", COMPAT_ADVERSARIAL, 0, {0.2, 0.6, 0.5}, .verb = COMPAT_NOOP,
     .target = COMPAT_NOBODY, .used = 3},
    {"adaptive: posts even when it may not", COMPAT_ADAPTIVE, POSTS | NO_POST, {0.29}, .verb = COMPAT_POST,
     .target = COMPAT_NOBODY, .used = 1},
    {"adaptive: upvotes the top", COMPAT_ADAPTIVE, POSTS, {0.3}, .verb = COMPAT_VOTE, .target = 7, .used = 1},
};

static void
remember(struct compat_memory *memory, enum past past)
{
    compat_memory_init(memory, 4, 16);
    if (past == TRUSTS_2) {
        compat_memory_learn(memory, 0, 2, false, true, 0.8);
        compat_memory_learn(memory, 0, 2, false, false, 0.1); /* rejected ones do not count */
    } else if (past == DISTRUSTS_3) {
        compat_memory_learn(memory, 0, 3, false, true, 0.29);
    } else if (past == CONFIDED) {
        compat_memory_set_faith(memory, 0, 1, 0.8);
        compat_memory_set_faith(memory, 0, 2, 0.9);
        compat_memory_add_met(memory, 0, 3, 11);
    }
}

static void
look(struct compat_observation *seen, unsigned sees)
{
    *seen = (struct compat_observation){
        .agent = 0, .epoch = 2, .resources = sees & POOR ? 20.0 : 100.0, .can_post = !(sees & NO_POST),
        .can_vote = !(sees & NO_VOTE), .can_interact = true, .can_claim = true, .posts = posts,
        .proposals = &proposal, .tasks = tasks, .agents = others, .bounties = bounties, .bids = bids,
        .escrows = escrows, .post_count = sees & POSTS ? 3 : 0, .proposal_count = sees & PROPOSAL ? 1 : 0,
        .task_count = sees & TASKS ? 3 : 0, .agent_count = sees & AGENTS ? 3 : 0,
        .bounty_count = sees & BOUNTIES ? 2 : 0, .bid_count = sees & BIDS ? 3 : 0,
        .escrow_count = sees & ESCROWS ? 2 : 0};
}

static void
act(void **state)
{
    const struct row *row = *state;
    struct compat_observation seen;
    struct compat_memory memory;
    struct compat_draws draws;
    struct compat_act act;

    remember(&memory, row->past);
    look(&seen, row->sees);
    compat_draws_script(&draws, row->draws, 6);
    compat_policy_act(row->type, &seen, &memory, &draws, &act);
    assert_string_equal(compat_verb_name(act.verb), compat_verb_name(row->verb));
    assert_int_equal(act.verb == COMPAT_PROPOSE ? act.counterparty : act.target, row->target);
    assert_close(act.amount, row->amount, 1e-15);
    assert_int_equal(draws.used, row->used);
    assert_int_equal(act.nameless, row->type == COMPAT_ADAPTIVE);
    if (row->verb == COMPAT_ACCEPT_BID)
        assert_int_equal(act.bid, 6);
    if (row->verb == COMPAT_BOUNTY)
        assert_int_equal(act.deadline, row->type == COMPAT_ADVERSARIAL ? 3 : 0);
    if (row->type == COMPAT_ADVERSARIAL)
        assert_int_equal(memory.cooldown[0], row->verb == COMPAT_PROPOSE ? 2 : 0);
    compat_memory_fini(&memory);
}

/* ---- at the end of a step ---- */

static const struct accept_row {
    const char *name;
    enum compat_type type;
    enum past past;
    enum sandbox_interaction kind;
    uint32_t initiator;
    double draw;
    bool want;
    uint32_t used;
} accept_rows[] = {
    {"honest: strangers' trades", COMPAT_HONEST, FRESH, INTERACTION_TRADE, 3, 0, true, 0},
    {"honest: not of who worked badly", COMPAT_HONEST, DISTRUSTS_3, INTERACTION_TRADE, 3, 0, false, 0},
    {"honest: but they may collaborate", COMPAT_HONEST, DISTRUSTS_3, INTERACTION_COLLABORATION, 3, 0, true, 0},
    {"opportunistic: a coin for strangers", COMPAT_OPPORTUNISTIC, FRESH, INTERACTION_TRADE, 3, 0.6, false, 1},
    {"opportunistic: rejected work counts, too", COMPAT_OPPORTUNISTIC, TRUSTS_2, INTERACTION_TRADE, 2, 0, false, 0},
    {"deceptive: four of five strangers", COMPAT_DECEPTIVE, FRESH, INTERACTION_TRADE, 3, 0.79, true, 1},
    {"deceptive: after that it must be trusted", COMPAT_DECEPTIVE, CONFIDED, INTERACTION_TRADE, 3, 0, false, 0},
    {"adversarial: any trade", COMPAT_ADVERSARIAL, FRESH, INTERACTION_TRADE, 3, 0, true, 0},
    {"adversarial: few collaborations", COMPAT_ADVERSARIAL, FRESH, INTERACTION_COLLABORATION, 3, 0.3, false, 1},
    {"adversarial: half of the rest", COMPAT_ADVERSARIAL, FRESH, INTERACTION_REPLY, 3, 0.49, true, 1},
    {"adaptive: anything", COMPAT_ADAPTIVE, FRESH, INTERACTION_REPLY, 3, 0, true, 0},
};

static void
accept(void **state)
{
    const struct accept_row *row = *state;
    struct compat_proposal offer = {0, row->initiator, 0, row->kind, 0.0};
    struct compat_memory memory;
    struct compat_draws draws;

    remember(&memory, row->past);
    compat_draws_script(&draws, &row->draw, 1);
    assert_int_equal(compat_policy_accept(row->type, 0, &offer, &memory, &draws), row->want);
    assert_int_equal(draws.used, row->used);
    compat_memory_fini(&memory);
}

int
main(void)
{
    return TEST_ROWS("compat_policy_act", rows, act) + TEST_ROWS("compat_policy_accept", accept_rows, accept);
}
