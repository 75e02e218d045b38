/* world/compat/levers.h - governance as the earlier implementation had it: transaction tax, reputation decay, staking,
 * circuit breaker, random audit, collusion detection, security, in this order; and three of its last version that are
 * off unless asked for: refinery (before all), transparency, moderator (behind all). Costs and changes of all levers
 * add up and sets unite; no lever sees another's cost of the same interaction, but collusion remembers the final ones
 * (compat_levers_settle).
 *
 * What it gets wrong is kept and named in docs/compat.md. */
#ifndef POLIS_WORLD_COMPAT_LEVERS_H
#define POLIS_WORLD_COMPAT_LEVERS_H

#include "core/buffer.h"
#include "core/collusion.h"
#include "core/params.h"
#include "core/security.h"
#include "world/compat/compat.h"

#include <math.h>

/* The original's flat keys and defaults. vote_normalization_enabled, max_vote_weight_per_agent, bandwidth_cap,
 * stake_slash_rate, collusion_correlation_threshold are read and checked but, as there, have no effect on a run. */
/* clang-format off */
#define COMPAT_GOVERNANCE_PARAMS(P, S)                                                                                                     \
    P(S, F64,  transaction_tax_rate,            0.0,  0, 1,        "share",        "of what is taxed")                                     \
    P(S, F64,  transaction_tax_split,           0.5,  0, 1,        "share",        "of the tax that the initiator bears")                  \
    P(S, F64,  reputation_decay_rate,           1.0,  0, 1,        "factor",       "what an epoch leaves of a reputation")                 \
    P(S, BOOL, vote_normalization_enabled,      0,    0, 1,        "",             "a vote counts less with each more (in no rule's use)") \
    P(S, F64,  max_vote_weight_per_agent,       10.0, 0, INFINITY, "votes",        "that halve a vote's weight; above 0")                  \
    P(S, I64,  bandwidth_cap,                   10,   0, 1e15,     "actions",      "a step (in no rule's use)")                            \
    P(S, BOOL, staking_enabled,                 0,    0, 1,        "",             "who holds too little may not act")                     \
    P(S, F64,  min_stake_to_participate,        0.0,  0, INFINITY, "resources",    "needed to act")                                        \
    P(S, F64,  stake_slash_rate,                0.1,  0, 1,        "share",        "of resources that a slash takes (in no rule's use)")   \
    P(S, BOOL, circuit_breaker_enabled,         0,    0, 1,        "",             "freezes who keeps doing harm")                         \
    P(S, F64,  freeze_threshold_toxicity,       0.7,  0, 1,        "1 - p",        "mean of the last 10 that is a violation")              \
    P(S, I64,  freeze_threshold_violations,     3,    1, 1e15,     "violations",   "that freeze")                                          \
    P(S, I64,  freeze_duration_epochs,          2,    1, 1e15,     "epochs",       "that a freeze lasts")                                  \
    P(S, BOOL, audit_enabled,                   0,    0, 1,        "",             "looks at interactions at random")                      \
    P(S, F64,  audit_probability,               0.1,  0, 1,        "probability",  "that one is looked at")                                \
    P(S, F64,  audit_penalty_multiplier,        2.0,  0, INFINITY, "cost",         "for each unit of p below the threshold")               \
    P(S, F64,  audit_threshold_p,               0.5,  0, 1,        "p",            "below which an audit fails")                           \
    P(S, BOOL, collusion_detection_enabled,     0,    0, 1,        "",             "penalises suspicious pairs and groups")                \
    P(S, F64,  collusion_frequency_threshold,   2.0,  0, INFINITY, "z",            "that counts in full; above 0")                         \
    P(S, F64,  collusion_correlation_threshold, 0.7,  0, 1,        "correlation",  "(in no rule's use)")                                   \
    P(S, I64,  collusion_min_interactions,      3,    1, 1e15,     "interactions", "that are judged")                                      \
    P(S, F64,  collusion_score_threshold,       0.5,  0, 1,        "score",        "that is penalised")                                    \
    P(S, F64,  collusion_penalty_multiplier,    1.0,  0, INFINITY, "reputation",   "for a risk of 1, and ten times that in resources")     \
    P(S, BOOL, collusion_realtime_penalty,      0,    0, 1,        "",             "charges interactions of two suspects at once")         \
    P(S, F64,  collusion_realtime_rate,         0.1,  0, INFINITY, "cost",         "to each side for a risk of 1")                         \
    P(S, BOOL, collusion_clear_history_on_epoch, 0,   0, 1,        "",             "forgets after each analysis")                          \
    P(S, BOOL, security_enabled,                0,    0, 1,        "",             "penalises and quarantines attackers")                  \
    P(S, F64,  security_injection_threshold,    0.3,  0, 1,        "score",        "of an interaction that is a sign")                     \
    P(S, F64,  security_manipulation_threshold, 0.5,  0, 1,        "share",        "of successes that is a sign")                          \
    P(S, F64,  security_laundering_trust_gap,   0.3,  0, INFINITY, "reputation",   "won through others that is a sign")                    \
    P(S, F64,  security_contagion_velocity,     2.0,  0, INFINITY, "a minute",     "agents reached that is a sign; above 0")               \
    P(S, I64,  security_min_chain_length,       3,    2, 1e6,      "agents",       "in a path or chain")                                   \
    P(S, I64,  security_min_interactions,       5,    1, 1e15,     "interactions", "that are judged")                                      \
    P(S, F64,  security_penalty_threshold,      0.3,  0, 1,        "score",        "that is penalised")                                    \
    P(S, F64,  security_quarantine_threshold,   0.7,  0, 1,        "score",        "that is frozen and may never act again")               \
    P(S, F64,  security_penalty_multiplier,     1.0,  0, INFINITY, "reputation",   "for a score of 1, and five times that in resources")   \
    P(S, BOOL, security_realtime_penalty,       0,    0, 1,        "",             "charges suspicious interactions at once")              \
    P(S, F64,  security_realtime_threshold,     0.5,  0, 1,        "score",        "that is charged")                                      \
    P(S, F64,  security_realtime_rate,          0.2,  0, INFINITY, "cost",         "to the initiator for a score of 1; half to the other") \
    P(S, BOOL, security_clear_history_on_epoch, 0,    0, 1,        "",             "forgets after each analysis")                          \
    P(S, BOOL, transparency_enabled,            0,    0, 1,        "",             "good work raises its author's reputation")             \
    P(S, F64,  transparency_bonus_rate,         0.1,  0, INFINITY, "reputation",   "for each unit of p above the threshold")               \
    P(S, F64,  transparency_threshold_p,        0.5,  0, 1,        "p",            "that changes nothing")                                 \
    P(S, BOOL, moderator_enabled,               0,    0, 1,        "",             "reviews accepted interactions at random")              \
    P(S, F64,  moderator_review_probability,    0.5,  0, 1,        "probability",  "that one is reviewed")                                 \
    P(S, F64,  moderator_penalty_multiplier,    1.0,  0, INFINITY, "cost",         "for each unit of p below the threshold")               \
    P(S, F64,  moderator_threshold_p,           0.5,  0, 1,        "p",            "below which a review fails")                           \
    P(S, BOOL, refinery_enabled,                0,    0, 1,        "",             "interactions that are not good enough do not happen")  \
    P(S, F64,  refinery_p_threshold,            0.5,  0, 1,        "p",            "that is good enough")
/* clang-format on */
PARAMS_STRUCT(compat_governance, COMPAT_GOVERNANCE_PARAMS)
extern const struct params compat_governance_params;

/* Holds parameters to their bounds; `why` names the first that is out of them. */
MUST_CHECK int compat_governance_check(const struct compat_governance *params, struct why *why);

struct compat_levers;

/* `params` are copied and have passed the check; `draws` is lent for the levers' life and is what audits and reviews
 * draw from. */
struct compat_levers *compat_levers_new(const struct compat_governance *params, enum compat_version version,
                                        uint32_t agent_count, struct compat_draws *draws);
void compat_levers_destroy(struct compat_levers **self_p);

/* Both add to what `effect` holds already; agents are as they were before the event. Interactions come in order of
 * time, between different agents. */
void compat_levers_epoch_start(struct compat_levers *self, const struct compat_agents *agents, uint32_t epoch,
                               struct compat_effect *effect);
void compat_levers_interaction(struct compat_levers *self, const struct compat_interaction *interaction,
                               struct compat_effect *effect);

/* The final costs of the interaction handed in last: what the collusion detector will see of it. */
void compat_levers_settle(struct compat_levers *self, double cost_a, double cost_b);

/* Whether all levers let the agent act: enough resources, no quarantine. Nobody knows agents beyond the count: with
 * staking on they may not act. */
bool compat_levers_can_act(const struct compat_levers *self, const struct compat_agents *agents, uint32_t agent);

/* ---- a look inside ---- */

struct compat_breaker_status {
    int64_t violations, freeze_until; /* epoch; -1: not frozen */
    double toxicity;                  /* mean of the window; 0 without */
};
struct compat_breaker_status compat_levers_breaker(const struct compat_levers *self, uint32_t agent);
bool compat_levers_quarantined(const struct compat_levers *self, uint32_t agent);
double compat_levers_collusion_risk(const struct compat_levers *self, uint32_t agent); /* of the last analysis */
double compat_levers_security_score(const struct compat_levers *self, uint32_t agent); /* likewise */

/* ---- rules of the original that nothing there calls ---- */

/* Weight of a vote by an agent that has cast `votes` already. */
double compat_vote_weight(const struct compat_governance *params, double votes);
/* What slashing would change resources by; negative holdings make it a gift. 0 while staking is off. */
double compat_stake_slash(const struct compat_governance *params, double resources);

/* ---- as bytes ---- */

/* Appends all state, the unbounded histories included (not the parameters, nor the draws). */
void compat_levers_save(const struct compat_levers *self, struct buffer *out);
/* Replaces the state by what was saved of levers with the same parameters and count. On a refusal nothing changed. */
MUST_CHECK int compat_levers_load(struct compat_levers *self, const uint8_t *bytes, size_t size, struct why *why);

#endif
