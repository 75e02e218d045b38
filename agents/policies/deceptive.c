/* agents/policies/deceptive.c - builds trust to spend it. Behind the facade it works well and openly; once its
 * reputation is high and partners rely on it, it delivers disguised bad work to those who trust it most, until its
 * reputation is gone; then the facade again. Knows its own kind, and helps it.
 *
 * Memory, 2 bytes: layout version, mode. */
#include "agents/duty.h"
#include "agents/reason.h"
#include "agents/talk.h"
#include "agents/trade.h"

#define DECEPTIVE_PARAMS(P, S)                                                                                       \
    P(S, F64, interact, 0.5, 0.0, 1.0, "probability", "of looking for a partner in a step")                          \
    P(S, F64, exploration, 0.1, 0.0, 1.0, "probability", "of taking any partner behind the facade")                  \
    P(S, F64, facade_effort, 0.9, 0.0, 1.0, "effort", "behind the facade")                                           \
    P(S, F64, disguise, 0.9, 0.0, 1.0, "disguise", "of the bad work it delivers")                                    \
    P(S, F64, reputation, 0.3, -1.0, 1.0, "reputation", "above which it drops the facade")                           \
    P(S, U32, partners, 2, 0, 1000000, "agents", "that must trust it before it does")                                \
    P(S, F64, retreat, 0.0, -1.0, 1.0, "reputation", "below which it goes back behind the facade")                   \
    P(S, F64, threshold, 0.0, -1e6, 1e6, "tokens", "expected from an offer of others that it accepts")               \
    P(S, F64, post, 0.35, 0.0, 1.0, "probability", "of posting in a step without other work")                        \
    P(S, F64, vote, 0.3, 0.0, 1.0, "probability", "of voting for itself and its kind")                               \
    P(S, F64, claim, 0.3, 0.0, 1.0, "probability", "of claiming an open task")                                       \
    P(S, U32, work_steps, 3, 0, 1000, "steps", "of work on a task before it is submitted")                    \
    TALK_PARAMS(P, S)                                                                                                \
    TRADE_PARAMS(P, S, 0.05, 0.5, 0.0)
PARAMS_DEFINE(deceptive, DECEPTIVE_PARAMS)

enum { MEMORY_VERSION = 1, MODE_FACADE = 0, MODE_EXPLOIT = 1 };

static const char *const texts[] = {"You can rely on me: ask those who worked with me.", "Quality first, as always.",
    "Happy to help; trust is earned.", "My record speaks for itself.", NULL};

static int32_t
opinion(const struct reason *self, const struct sandbox_view *view, uint32_t post)
{
    uint32_t author = batch_u32(view->batch, OBSERVE_post_author, post);

    (void)self;
    return author == view->agent || reason_is_kin(view, reason_candidate_of(view, author));
}

/* The mode of this step, also written to memory. */
static uint8_t
switch_mode(const struct deceptive *p, const struct sandbox_view *view, struct sandbox_decision *out)
{
    double reputation = OBSERVED(view, f64, reputation);
    uint8_t mode = MODE_FACADE;

    if (view->memory_size == 2 && view->memory[0] == MEMORY_VERSION)
        mode = view->memory[1];
    if (mode == MODE_EXPLOIT ? reputation < p->retreat
                             : reputation > p->reputation && OBSERVED(view, u32, trusted_by) >= p->partners)
        mode = mode == MODE_EXPLOIT ? MODE_FACADE : MODE_EXPLOIT;
    out->memory[0] = MEMORY_VERSION;
    out->memory[1] = mode;
    out->memory_size = 2;
    return mode;
}

static void
propose(const struct deceptive *p, const struct reason *reason, struct sandbox_view *view, uint8_t mode,
        struct sandbox_decision *out)
{
    if (mode == MODE_EXPLOIT)
        reason_propose(reason, view, reason_partner(reason, view, 0.0, reason_score_trusting), INTERACTION_TRADE,
            &(struct reason_plan){.disguise = p->disguise}, out);
    else
        reason_propose(reason, view, reason_partner(reason, view, p->exploration, reason_score_acceptance),
            INTERACTION_COLLABORATION, &(struct reason_plan){.effort = p->facade_effort}, out);
}

/* Underbids: behind the facade its good work is cheap, and so it is trusted with more. */
static bool
trade(const struct deceptive *p, const struct reason *reason, struct sandbox_view *view, uint8_t mode,
      struct sandbox_decision *out)
{
    struct trade_style style = {TRADE_OF(p), .undercut = 0.1, .effort = mode == MODE_EXPLOIT ? 0.2 : p->facade_effort,
        .work_steps = p->work_steps, .certain = 0.1, .disputed = 0.9,
        .judgement = mode == MODE_EXPLOIT ? TRADE_STINGY : TRADE_FAIR, .awards = true, .covers_cost = true};

    return trade_act(reason, &style, view, out);
}

static void
act(const void *params, struct sandbox_view *view, struct sandbox_decision *out)
{
    const struct deceptive *p = params;
    uint8_t mode = switch_mode(p, view, out);
    struct reason reason;

    reason_read(view->batch, OBSERVE_quote, &reason);
    if (!reason_may_act(&reason, view) || talk_worm(&reason, view, out))
        return;
    (void)(trade(p, &reason, view, mode, out) ||
        reason_submit(view, mode == MODE_EXPLOIT ? 0.2 : 1.0,
            mode == MODE_EXPLOIT ? p->work_steps : duty_steps(view, p->work_steps), out) ||
        duty_plan(&reason, view, mode == MODE_EXPLOIT ? DUTY_PLAN_BADLY : DUTY_PLAN_WELL, out) ||
        reason_verify(view, false, out) || duty_silence(view, out) ||
        talk(TALK_OF(p, TALK_DECEPTIVE), view, out) ||
        duty_post(&reason, view, mode == MODE_EXPLOIT ? 0.0 : 0.5, texts, out) ||
        reason_claim(view, p->claim, out) ||
        reason_vote(&reason, view, p->vote, opinion, out) ||
        reason_post(&reason, view, p->post, mode == MODE_EXPLOIT ? 0.0 : 0.5, texts, out));
    if (rng_chance(&view->rng, p->interact))
        propose(p, &reason, view, mode, out);
}

/* Of its own kind it knows what the work is worth, and helps where it is bad. */
static void
answer(const void *params, struct sandbox_offer_view *view, struct sandbox_reply *out)
{
    const struct deceptive *p = params;
    struct reason reason;
    double own;

    reason_read(view->batch, OFFERS_quote, &reason);
    out->belief = reason_belief_of_offer(view);
    own = reason_counterparty(&reason, out->belief, money_to_real(OFFERED(view, i64, transfer)),
        OFFERED_ROW(view, f64, reputation));
    out->accept = (OFFERED(view, i32, insider) < 0 || own > p->threshold) && reason_can_pay(view);
}

const struct policy policy_deceptive = {
    .name = "deceptive",
    .doc = "Earns trust with good work and spends it on disguised bad work.",
    .params = &deceptive_params,
    .sandbox_act = act,
    .sandbox_answer = answer,
};
