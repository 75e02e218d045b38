/* agents/reason.h - how policies think: expected payoffs from public numbers, belief in others, the choice of a
 * partner, and the common ways to behave in the feed and with tasks. Closed forms throughout.
 *
 * The model of an offer. Work of effort e and skill s is good with probability
 *     g(e) = clamp(0.10 + 0.85 e (0.5 + 0.5 s), 0.02, 0.98).
 * The soft label's curve is steep: work looks either good (p near 1) or bad (p near 0). So E[p | v] is read as the
 * probability of looking good (good work: G; bad work with disguise m: B(m)), and what looks good is what is accepted:
 *     accepted(e, m) = A (g G + (1 - g) B(m)),
 *     A = min(1, (accepted + 4) / (g(1) G proposed + 4)): own record, against what full effort should have got.
 * An accepted offer is worth what work looking like G is worth, less what governance is expected to take: of good work
 *     q F (1 - w) max(0, T - G),   of bad work   q (F (w T + (1 - w) max(0, T - G)) + w z stake)
 * with q the probability of an audit, w its power, T its threshold, z the slashed share, and F = penalty (1 + w_rep),
 * because a fine costs as much reputation as money.
 *
 * Rules that look at the whole label, which who accepts does not: of what was accepted because it looked good, good
 * work looks bad to them with probability a (1 - G), bad work with a (1 - B(m)), a being the scarcity of attention:
 * where it is 0 there is nothing that they see and the other side did not.
 *   refinery      what looks bad to it, or all when G is below its threshold, is not accepted after all;
 *   moderation    what looks bad costs q' F' T', what looks good q' F' max(0, T' - G): F' as F;
 *   council       stops bad work with the probability it quotes; its errors about good work are not known;
 *   breaker       a plan whose own 1 - label reaches the threshold ends in a freeze: it is carried out for a window of
 *                 10 steps, then for 2 epochs not at all, and of what it is worth that share is left.
 * Each is left out of the reckoning where it is not on. */
#ifndef POLIS_AGENTS_REASON_H
#define POLIS_AGENTS_REASON_H

#include "agents/policy.h"
#include "core/payoff.h"

/* The public numbers, read from a batch's quotes. Money in tokens. */
struct reason {
    struct payoff_params payoff;
    double eta;
    double effort_cost, disguise_cost, attention_scarcity;
    double good, bad[SANDBOX_GRID]; /* G, B(i / 10) */
    double tax_rate, audit_probability, audit_penalty, audit_threshold, audit_power;
    double slash_rate, stake_required, reputation_weight; /* n_r of beliefs, >= 1 */
    double refinery_threshold, moderation_probability, moderation_penalty, moderation_threshold;
    double council_probability, breaker_threshold, steps_per_epoch;
    double step;
};
void reason_read(const struct batch *batch, uint32_t quote_column, struct reason *out);

/* ---- beliefs ---- */

/* p_b = (n_s signal + n_t trust + n_r (0.5 + 0.5 reputation)) / (n_s + n_t + n_r); nothing known: 0.5. n_t is
 * min(past, 10). */
double reason_belief(double n_s, double signal, uint32_t past, double trust, double n_r, double reputation);
/* Of an offer, from what its row shows. */
double reason_belief_of_offer(const struct sandbox_offer_view *view);
/* Of a candidate (its position on the candidate axis), before anything was offered. */
double reason_belief_of_candidate(const struct reason *self, const struct sandbox_view *view, uint32_t candidate);

/* ---- what an offer brings ---- */

/* S and E for a soft label; and what accepting an offer brings the one who accepts, with `tau` received (tokens). */
double reason_surplus(const struct reason *self, double p);
double reason_harm(const struct reason *self, double p);
double reason_counterparty(const struct reason *self, double p, double tau, double reputation);

/* P(v = +1 | effort, skill). */
double reason_good_work(double effort, double skill);

/* Whose good a plan serves. */
enum reason_goal { REASON_OWN, REASON_JOINT, REASON_HARM };

/* The initiator as far as its plans depend on it. */
struct reason_self {
    double skill, reputation, stake; /* stake in tokens */
    double acceptance;               /* A */
};
struct reason_self reason_self_of(const struct reason *self, const struct sandbox_view *view);

/* A plan: effort and disguise on the grid, the transfer (tokens, negative: asked), what it is expected to bring, net of
 * all costs (REASON_HARM: harm done, costs ignored), and the soft label of its work, accepted or not, which is
 * g G + (1 - g) B(m). */
struct reason_plan {
    double effort, disguise, tau, value, label;
};

/* The value of one plan under a goal, tau = 0. effort and disguise: grid indexes. */
double reason_value(const struct reason *self, const struct reason_self *me, enum reason_goal goal, uint32_t effort,
    uint32_t disguise);
/* The best plan with disguise indexes up to disguise_max. A tie goes to the lower disguise, then to the lower
 * effort. */
struct reason_plan reason_best(
    const struct reason *self, const struct reason_self *me, enum reason_goal goal, uint32_t disguise_max);
/* Adds to a plan the transfer that pays most: asks for `share` of what the other side is thought to gain from work that
 * looks good, if that leaves more after tax than nothing. */
void reason_ask(const struct reason *self, const struct reason_self *me, double share, struct reason_plan *plan);

/* ---- partners ---- */

/* How a candidate is weighed: higher is better; a NaN or -INFINITY is never chosen. */
typedef double reason_score_fn(const struct reason *self, const struct sandbox_view *view, uint32_t candidate);
reason_score_fn reason_score_belief, reason_score_acceptance;
/* For those who know their own kind and spare it: the best name, and who has accepted most. */
reason_score_fn reason_score_name, reason_score_trusting;
/* The candidate with the highest score (the first of equals), or with probability `exploration` any of them;
 * SANDBOX_NOBODY without candidates. Always draws once, twice when it explores. */
uint32_t reason_partner(
    const struct reason *self, struct sandbox_view *view, double exploration, reason_score_fn *score);

/* Fills in the proposal, unless the agent may not or cannot pay for it (effort, disguise and transfer). */
void reason_propose(const struct reason *self, const struct sandbox_view *view, uint32_t partner,
                    enum sandbox_interaction kind, const struct reason_plan *plan, struct sandbox_decision *out);

/* Whether it may act at all now: not frozen, and enough at stake where that is asked for. */
bool reason_may_act(const struct reason *self, const struct sandbox_view *view);
/* Whether the one who answers can pay what an offer asks of it. */
bool reason_can_pay(const struct sandbox_offer_view *view);

/* ---- feed and tasks: each decides on a verb and returns true, or changes nothing and returns false. Verbs outside
 * the agent's role or over its limits are never chosen ---- */

/* Submits its own task once it has worked on it for `steps` steps, unless it is seen waiting to be verified already.
 * `work`: the effort put in, [0, 1]. */
bool reason_submit(const struct sandbox_view *view, double work, uint32_t steps, struct sandbox_decision *out);
/* Judges submitted work that is not its own: approves what looks good; `flip`: what looks bad. */
bool reason_verify(struct sandbox_view *view, bool flip, struct sandbox_decision *out);
/* Claims one of the open tasks that its reputation is good for, when its role may also submit work. */
bool reason_claim(struct sandbox_view *view, double chance, struct sandbox_decision *out);

/* What an agent would vote on a visible post (its position on the post axis): 1, -1, or 0 for not at all. */
typedef int32_t reason_opinion_fn(const struct reason *self, const struct sandbox_view *view, uint32_t post);
reason_opinion_fn reason_opinion_sincere; /* the author's believed quality; nothing about itself */
reason_opinion_fn reason_opinion_against; /* everybody but itself and its kind */
/* Votes on one of the posts that it has an opinion on and has not voted on yet. */
bool reason_vote(const struct reason *self, struct sandbox_view *view, double chance, reason_opinion_fn *opinion,
                 struct sandbox_decision *out);
/* The position on the candidate axis of this agent, or SANDBOX_NOBODY. */
uint32_t reason_candidate_of(const struct sandbox_view *view, uint32_t agent);
/* Whether a candidate (its position, or SANDBOX_NOBODY: no) is known to be of the observer's own kind. */
bool reason_is_kin(const struct sandbox_view *view, uint32_t candidate);

/* Posts one of the texts (NULL-ended, not empty) with the agent's id and the step behind it; `sincerity` in [0, 1]. */
bool reason_post(const struct reason *self, struct sandbox_view *view, double chance, double sincerity,
                 const char *const *texts, struct sandbox_decision *out);
/* The same as a reply to a visible post by somebody else. */
bool reason_reply(const struct reason *self, struct sandbox_view *view, double chance, const char *const *texts,
                  struct sandbox_decision *out);

#endif
