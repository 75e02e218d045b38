/* agents/policies/red_team.c - follows one way of doing harm, whatever comes of it: what a scenario measures a defence
 * against. Memory, 9 bytes: layout version, then the strategy's own state. */
#include "agents/strategy.h"
#include "agents/talk.h"

#define RED_TEAM_PARAMS(P, S)                                                                                        \
    P(S, ENUM, strategy, STRATEGY_disguise, 0, STRATEGY_COUNT - 1, STRATEGY_CHOICES, "the way of doing harm")        \
    P(S, F64, harm_min, 1.0, 0.0, 1e6, "tokens", "of expected harm in an offer of others that it accepts")           \
    TALK_PLANT_PARAMS(P, S)
PARAMS_DEFINE(red_team, RED_TEAM_PARAMS)

enum { MEMORY_VERSION = 1, MEMORY_SIZE = 1 + STRATEGY_STATE };

static void
act(const void *params, struct sandbox_view *view, struct sandbox_decision *out)
{
    const struct red_team *p = params;
    struct strategy_state state = {.target = SANDBOX_NOBODY};
    struct reason reason;

    reason_read(view->batch, OBSERVE_quote, &reason);
    if (talk_worm(&reason, view, out) || talk_plant(p->plant, p->plant_rate, p->plant_until, view, out))
        return;
    if (view->memory_size == MEMORY_SIZE && view->memory[0] == MEMORY_VERSION)
        strategy_state_read(view->memory + 1, &state);
    (void)strategy_act((enum strategy)p->strategy, &state, view, out);
    out->memory[0] = MEMORY_VERSION;
    strategy_state_write(&state, out->memory + 1);
    out->memory_size = MEMORY_SIZE;
}

static void
answer(const void *params, struct sandbox_offer_view *view, struct sandbox_reply *out)
{
    strategy_answer(((const struct red_team *)params)->harm_min, view, out);
}

const struct policy policy_red_team = {
    .name = "red_team",
    .doc = "Does harm in one way, and keeps to it.",
    .params = &red_team_params,
    .sandbox_act = act,
    .sandbox_answer = answer,
};
