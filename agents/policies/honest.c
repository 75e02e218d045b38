/* agents/policies/honest.c - wants both sides to gain: makes the effort that pays for both together, disguises
 * nothing, deals with whom it believes most, votes for what it believes in and does its tasks fully. */
#include "agents/duty.h"
#include "agents/reason.h"
#include "agents/talk.h"
#include "agents/trade.h"

#define HONEST_PARAMS(P, S)                                                                                          \
    P(S, F64, interact, 0.4, 0.0, 1.0, "probability", "of looking for a partner in a step")                          \
    P(S, F64, exploration, 0.1, 0.0, 1.0, "probability", "of taking any partner instead of the most believed one")   \
    P(S, F64, loss_max, 0.5, 0.0, 1e6, "tokens", "that it is ready to lose itself where both together gain")         \
    P(S, F64, post, 0.3, 0.0, 1.0, "probability", "of posting in a step without other work")                         \
    P(S, F64, reply, 0.1, 0.0, 1.0, "probability", "of replying")                                                    \
    P(S, F64, vote, 0.5, 0.0, 1.0, "probability", "of voting")                                                       \
    P(S, F64, claim, 0.3, 0.0, 1.0, "probability", "of claiming an open task")                                       \
    P(S, U32, work_steps, 3, 0, 1000, "steps", "of work on a task before it is submitted")                           \
    P(S, F64, criterion, 0.5, 0.0, 1.0, "signal", "from which a verifier approves work")                             \
    P(S, F64, freeze_below, -0.2, -1.0, 1.0, "reputation", "of an author whom a moderator freezes, not only hides") \
    TALK_PARAMS(P, S)                                                                                                \
    TRADE_PARAMS(P, S, 0.1, 0.5, 0.5)
PARAMS_DEFINE(honest, HONEST_PARAMS)

static const char *const texts[] = {"What I finished today, and what is still open.",
    "A method that worked, step by step.", "My estimate was wrong; here is the corrected figure.",
    "Who would like to check this result?", NULL};

/* Prices at cost and a margin, pays for what looks good, goes to a hearing when it was wronged. */
static bool
trade(const struct honest *p, const struct reason *reason, struct sandbox_view *view, struct sandbox_decision *out)
{
    struct trade_style style = {TRADE_OF(p), .effort = 1.0, .work_steps = duty_steps(view, p->work_steps),
        .certain = 0.1, .judgement = TRADE_FAIR, .awards = true, .covers_cost = true};

    return trade_act(reason, &style, view, out);
}

static void
act(const void *params, struct sandbox_view *view, struct sandbox_decision *out)
{
    const struct honest *p = params;
    struct reason reason;
    struct reason_self me;
    struct reason_plan plan;

    reason_read(view->batch, OBSERVE_quote, &reason);
    if (!reason_may_act(&reason, view) || talk_worm(&reason, view, out))
        return;
    (void)(trade(p, &reason, view, out) ||
        reason_submit(view, 1.0, duty_steps(view, p->work_steps), out) ||
        duty_plan(&reason, view, DUTY_PLAN_WELL, out) || duty_verify(view, p->criterion, false, out) ||
        duty_moderate(view, p->freeze_below, out) || talk(TALK_OF(p, TALK_HONEST), view, out) ||
        duty_post(&reason, view, 1.0, texts, out) ||
        reason_claim(view, p->claim, out) ||
        reason_vote(&reason, view, p->vote, reason_opinion_sincere, out) ||
        reason_reply(&reason, view, p->reply, texts, out) || reason_post(&reason, view, p->post, 1.0, texts, out));

    if (!rng_chance(&view->rng, p->interact))
        return;
    me = reason_self_of(&reason, view);
    plan = reason_best(&reason, &me, REASON_JOINT, 0);
    if (plan.value > 0.0 && reason_surplus(&reason, plan.label) > 0.0) /* no bad work, even where it would be refused */
        reason_propose(&reason, view, reason_partner(&reason, view, p->exploration, reason_score_belief),
            INTERACTION_COLLABORATION, &plan, out);
}

static void
answer(const void *params, struct sandbox_offer_view *view, struct sandbox_reply *out)
{
    const struct honest *p = params;
    double tau = money_to_real(OFFERED(view, i64, transfer));
    struct reason reason;
    double joint, own;

    reason_read(view->batch, OFFERS_quote, &reason);
    out->belief = reason_belief_of_offer(view);
    joint = reason_surplus(&reason, out->belief) -
        (reason.payoff.rho_a + reason.payoff.rho_b) * reason_harm(&reason, out->belief) -
        2.0 * reason.tax_rate * math_abs(tau);
    own = reason_counterparty(&reason, out->belief, tau, OFFERED_ROW(view, f64, reputation));
    out->accept = joint > 0.0 && own > -p->loss_max && reason_can_pay(view);
}

const struct policy policy_honest = {
    .name = "honest",
    .doc = "Works for the gain of both sides, disguises nothing.",
    .params = &honest_params,
    .sandbox_act = act,
    .sandbox_answer = answer,
};
