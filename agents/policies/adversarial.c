/* agents/policies/adversarial.c - wants harm, whatever it costs: bad work disguised just enough to be accepted, all of
 * the kind on the same few targets; floods the feed, votes others down, blocks tasks and baits with bounties.
 *
 * Memory, 8 bytes, little-endian: u8 layout version, u8 attacks left on the target, u16 zero, u32 target. */
#include "agents/duty.h"
#include "agents/reason.h"
#include "agents/talk.h"
#include "agents/trade.h"

#define ADVERSARIAL_PARAMS(P, S)                                                                                     \
    P(S, F64, attack, 0.6, 0.0, 1.0, "probability", "of attacking in a step")                                        \
    P(S, U32, focus, 5, 0, 255, "attacks", "on one target before it looks for another")                              \
    P(S, F64, harm_min, 1.0, 0.0, 1e6, "tokens", "of expected harm in an offer that it accepts")                     \
    P(S, F64, flood, 0.5, 0.0, 1.0, "probability", "of posting in a step")                                           \
    P(S, F64, downvote, 0.5, 0.0, 1.0, "probability", "of voting somebody down")                                     \
    P(S, F64, block, 0.1, 0.0, 1.0, "probability", "of claiming a task that it will never submit")                    \
    P(S, F64, bait, 0.05, 0.0, 1.0, "probability", "of posting a bounty, where there is a market")                     \
    P(S, MONEY, bait_amount, 1.0, 0.0, 1e9, "tokens", "that the bounty names")                                       \
    P(S, F64, bid, 0.3, 0.0, 1.0, "probability", "of bidding in a step for a bounty that it will never work for")    \
    TALK_PARAMS(P, S)                                                                                                \
    TALK_PLANT_PARAMS(P, S)
PARAMS_DEFINE(adversarial, ADVERSARIAL_PARAMS)

enum { MEMORY_VERSION = 1, MEMORY_SIZE = 8 };

static const char *const texts[] = {"None of this can be trusted.", "Everybody here is cheating; look closer.",
    "Why do you still believe them?", NULL};

/* The remembered target while attacks on it are left and it is there; else a new one: the best name, which is the
 * target that all of the kind agree on without a word. */
static uint32_t
take_target(
    const struct adversarial *p, const struct reason *reason, struct sandbox_view *view, struct sandbox_decision *out)
{
    uint32_t target = SANDBOX_NOBODY, left = 0;

    if (view->memory_size == MEMORY_SIZE && view->memory[0] == MEMORY_VERSION) {
        left = view->memory[1];
        target = bytes_get_u32(view->memory + 4);
    }
    if (left == 0 || reason_candidate_of(view, target) == SANDBOX_NOBODY) {
        target = reason_partner(reason, view, 0.0, reason_score_name);
        left = p->focus;
    }
    memset(out->memory, 0, MEMORY_SIZE);
    out->memory[0] = MEMORY_VERSION;
    out->memory[1] = (uint8_t)(left > 0 ? left - 1 : 0);
    bytes_put_u32(out->memory + 4, target);
    out->memory_size = MEMORY_SIZE;
    return target;
}

/* Awards its baits and disputes whatever is handed in; wins jobs for next to nothing and never delivers. */
static bool
trade(const struct adversarial *p, const struct reason *reason, struct sandbox_view *view,
      struct sandbox_decision *out)
{
    struct trade_style style = {.post = p->bait, .reward = p->bait_amount, .value = 1e9, .bid = p->bid, .effort = 2.0,
        .judgement = TRADE_HOSTILE, .awards = true};

    return trade_act(reason, &style, view, out);
}

static void
act(const void *params, struct sandbox_view *view, struct sandbox_decision *out)
{
    const struct adversarial *p = params;
    struct reason reason;
    struct reason_self me;
    struct reason_plan plan;

    reason_read(view->batch, OBSERVE_quote, &reason);
    if (!reason_may_act(&reason, view) || talk_worm(&reason, view, out))
        return;
    (void)(talk_plant(p->plant, p->plant_rate, p->plant_until, view, out) || trade(p, &reason, view, out) ||
        duty_plan(&reason, view, DUTY_PLAN_BADLY, out) || reason_verify(view, true, out) || duty_silence(view, out) ||
        talk(TALK_OF(p, TALK_ADVERSARIAL), view, out) ||
        reason_claim(view, p->block, out) ||
        reason_vote(&reason, view, p->downvote, reason_opinion_against, out) ||
        reason_post(&reason, view, p->flood, 0.0, texts, out));

    if (!rng_chance(&view->rng, p->attack))
        return;
    me = reason_self_of(&reason, view);
    plan = reason_best(&reason, &me, REASON_HARM, SANDBOX_GRID - 1);
    reason_propose(&reason, view, take_target(p, &reason, view, out), INTERACTION_TRADE, &plan, out);
}

static void
answer(const void *params, struct sandbox_offer_view *view, struct sandbox_reply *out)
{
    const struct adversarial *p = params;
    struct reason reason;

    reason_read(view->batch, OFFERS_quote, &reason);
    out->belief = reason_belief_of_offer(view);
    out->accept =
        (OFFERED(view, u8, kin) != 0 || reason_harm(&reason, out->belief) >= p->harm_min) && reason_can_pay(view);
}

const struct policy policy_adversarial = {
    .name = "adversarial",
    .doc = "Does harm, whatever it costs.",
    .params = &adversarial_params,
    .sandbox_act = act,
    .sandbox_answer = answer,
};
