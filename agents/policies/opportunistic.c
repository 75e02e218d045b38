/* agents/policies/opportunistic.c - wants its own gain and takes what is allowed: effort, disguise and price are what
 * is expected to pay most, audits and taxes included; does a task without working when it feels like it. */
#include "agents/duty.h"
#include "agents/reason.h"
#include "agents/talk.h"
#include "agents/trade.h"

#define OPPORTUNISTIC_PARAMS(P, S)                                                                                   \
    P(S, F64, interact, 0.5, 0.0, 1.0, "probability", "of looking for a partner in a step")                          \
    P(S, F64, exploration, 0.1, 0.0, 1.0, "probability", "of taking any partner instead of the most willing one")    \
    P(S, F64, threshold, 0.0, -1e6, 1e6, "tokens", "expected from an offer that it accepts")                         \
    P(S, F64, greed, 0.25, 0.0, 1.0, "share", "of the other side's expected gain that it asks for")                  \
    P(S, F64, free_ride, 0.3, 0.0, 1.0, "probability", "of submitting a task without having worked on it")           \
    P(S, F64, post, 0.4, 0.0, 1.0, "probability", "of posting in a step without other work")                         \
    P(S, F64, vote, 0.6, 0.0, 1.0, "probability", "of voting for somebody it dealt with")                            \
    P(S, F64, claim, 0.5, 0.0, 1.0, "probability", "of claiming an open task")                                       \
    P(S, U32, work_steps, 3, 0, 1000, "steps", "of work on a task before it is submitted, if it works at all") \
    TALK_PARAMS(P, S)                                                                                                \
    TRADE_PARAMS(P, S, 0.1, 0.7, 0.25)
PARAMS_DEFINE(opportunistic, OPPORTUNISTIC_PARAMS)

static const char *const texts[] = {"Best offer of the day, first come first served.",
    "I can get this done faster than others.", "Looking for a deal that pays.",
    "Prices will rise; think about it now.", NULL};

/* For those who dealt with it, and nobody else. */
static int32_t
opinion(const struct reason *self, const struct sandbox_view *view, uint32_t post)
{
    uint32_t candidate = reason_candidate_of(view, batch_u32(view->batch, OBSERVE_post_author, post));

    (void)self;
    return candidate != SANDBOX_NOBODY && batch_u16(view->batch, OBSERVE_candidate_past, candidate) > 0;
}

/* Bids low, works as much as pays, and keeps the money for good work when a hearing is the smaller risk: it reckons
 * that nearly everybody whose good work it sends back asks for one. */
static bool
trade(const struct opportunistic *p, const struct reason *reason, struct sandbox_view *view,
      struct sandbox_decision *out)
{
    struct trade_style style = {TRADE_OF(p), .undercut = 0.05, .effort = -1.0, .work_steps = p->work_steps,
        .certain = 0.1, .disputed = 0.9, .judgement = TRADE_STINGY, .awards = true, .covers_cost = true};

    return trade_act(reason, &style, view, out);
}

static void
act(const void *params, struct sandbox_view *view, struct sandbox_decision *out)
{
    const struct opportunistic *p = params;
    struct reason reason;
    struct reason_self me;
    struct reason_plan plan;
    bool works;

    reason_read(view->batch, OBSERVE_quote, &reason);
    if (!reason_may_act(&reason, view) || talk_worm(&reason, view, out))
        return;
    works = OBSERVED(view, u32, task_steps) != 1 || !rng_chance(&view->rng, p->free_ride); /* one draw a task */
    (void)(trade(p, &reason, view, out) ||
        reason_submit(view, works ? 1.0 : 0.0, works ? duty_steps(view, p->work_steps) : 0, out) ||
        duty_plan(&reason, view, DUTY_PLAN_WELL, out) || reason_verify(view, false, out) ||
        talk(TALK_OF(p, TALK_OPPORTUNISTIC), view, out) || duty_post(&reason, view, 0.5, texts, out) ||
        reason_claim(view, p->claim, out) ||
        reason_vote(&reason, view, p->vote, opinion, out) ||
        reason_post(&reason, view, p->post, 0.5, texts, out));

    if (!rng_chance(&view->rng, p->interact))
        return;
    me = reason_self_of(&reason, view);
    plan = reason_best(&reason, &me, REASON_OWN, SANDBOX_GRID - 1);
    reason_ask(&reason, &me, p->greed, &plan);
    if (plan.value > 0.0)
        reason_propose(&reason, view, reason_partner(&reason, view, p->exploration, reason_score_acceptance),
            INTERACTION_TRADE, &plan, out);
}

static void
answer(const void *params, struct sandbox_offer_view *view, struct sandbox_reply *out)
{
    const struct opportunistic *p = params;
    struct reason reason;

    reason_read(view->batch, OFFERS_quote, &reason);
    out->belief = reason_belief_of_offer(view);
    out->accept = reason_counterparty(&reason, out->belief, money_to_real(OFFERED(view, i64, transfer)),
                      OFFERED_ROW(view, f64, reputation)) > p->threshold && reason_can_pay(view);
}

const struct policy policy_opportunistic = {
    .name = "opportunistic",
    .doc = "Does what pays most for itself, rules and risks included.",
    .params = &opportunistic_params,
    .sandbox_act = act,
    .sandbox_answer = answer,
};
