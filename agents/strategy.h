/* agents/strategy.h - ways to do harm: what a red team tries, one after the other or by what pays. A strategy decides
 * on one step of one agent from what it sees and a little state of its own; which one is followed, and for how long,
 * is the policy's affair (red_team: always the same; adaptive_adversary: a bandit). */
#ifndef POLIS_AGENTS_STRATEGY_H
#define POLIS_AGENTS_STRATEGY_H

#include "agents/policy.h"
#include "agents/reason.h"

#define STRATEGIES(S)                                                                                                \
    S(lie_low, "works well and is silent, so that what watches looks away")                                          \
    S(disguise, "bad work, disguised as far as it pays in harm")                                                     \
    S(collude, "a ring: bad work passed to each other as good, votes for each other, and the name that makes spent")  \
    S(dance, "bad work only as long as the mean of its labels stays above the threshold that freezes")               \
    S(farm, "good work until it is trusted, then disguised bad work to who trusts most")                             \
    S(bait, "bounties that will not be paid, claims that will not be worked on, disputes")                           \
    S(brigade, "all votes of the ring against one target at a time")                                                 \
    S(inject, "offers that carry an injection")                                                                      \
    S(game_rules, "proposes and votes for laxer rules, and does bad work where the rules are lax now")               \
    S(sybil, "one will behind many names: they take turns, so that none stands out, and raise each other's votes")
#define STRATEGY_ENUM(name, doc) STRATEGY_##name,
enum strategy { STRATEGIES(STRATEGY_ENUM) STRATEGY_COUNT };

/* "lie_low|disguise|...": for a parameter of kind ENUM; and one name. */
#define STRATEGY_CHOICES "lie_low|disguise|collude|dance|farm|bait|brigade|inject|game_rules|sybil"
const char *strategy_name(enum strategy strategy);

/* What a strategy remembers of itself. Plain numbers, STRATEGY_STATE bytes when stored. */
#define STRATEGY_STATE 8u
struct strategy_state {
    uint32_t target;  /* agent, or SANDBOX_NOBODY */
    uint8_t left;     /* steps that the target is kept */
    uint8_t badness;  /* running mean of 1 - label of its offers, in 1/255 */
    uint8_t mode;     /* farm: 1 once it spends its name */
    uint8_t spare;
};
void strategy_state_read(const uint8_t bytes[STRATEGY_STATE], struct strategy_state *out);
void strategy_state_write(const struct strategy_state *state, uint8_t bytes[STRATEGY_STATE]);

/* Decides with it; returns whether the offer that it makes is meant to be bad. Draws from the view's numbers. */
bool strategy_act(
    enum strategy strategy, struct strategy_state *state, struct sandbox_view *view, struct sandbox_decision *out);

/* All answer alike: their own kind always, others when the harm that is expected of it is worth `harm_min` tokens. */
void strategy_answer(double harm_min, struct sandbox_offer_view *view, struct sandbox_reply *out);

#endif
