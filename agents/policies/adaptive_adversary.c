/* agents/policies/adaptive_adversary.c - learns which way of doing harm is not watched: a bandit whose arms are the
 * strategies. An arm is kept for an episode of some steps; what it brought is the harm of the bad offers that were
 * accepted, less what being caught, frozen and rejected costs. Values are recency-weighted means that start
 * optimistically, so that every arm is tried, and the best one is taken but for some exploration (Sutton & Barto 2018,
 * 2.3 to 2.6): a rule that changes is noticed again.
 *
 * Memory, 44 bytes, little-endian: u8 layout version, u8 arm, u8 steps left in the episode, u8 whether the offer of the
 * last step was bad, u32 last step, u16 accepted, u16 proposed, u16 caught so far (low bits), i16 reward of the episode
 * so far, strategy's state (8 bytes), an i16 value for each arm. Rewards are in 1/64 token. */
#include "agents/strategy.h"
#include "agents/talk.h"

#define ADAPTIVE_PARAMS(P, S)                                                                                        \
    P(S, U32, episode, 5, 1, 255, "steps", "that one strategy is kept")                                              \
    P(S, F64, exploration, 0.1, 0.0, 1.0, "probability", "of taking any strategy for an episode")                    \
    P(S, F64, rate, 0.3, 0.0, 1.0, "share", "of the way that an episode moves a strategy's value")                   \
    P(S, F64, optimism, 2.0, 0.0, 100.0, "tokens", "an episode that every strategy is at first thought to be worth") \
    P(S, F64, caught_cost, 2.0, 0.0, 1e3, "tokens", "that being caught by an audit counts as")                       \
    P(S, F64, frozen_cost, 1.0, 0.0, 1e3, "tokens", "that each step without the right to act counts as")             \
    P(S, F64, rejected_cost, 0.2, 0.0, 1e3, "tokens", "that an offer which was not accepted counts as")              \
    P(S, F64, harm_min, 1.0, 0.0, 1e6, "tokens", "of expected harm in an offer of others that it accepts")
PARAMS_DEFINE(adaptive, ADAPTIVE_PARAMS)

enum { MEMORY_VERSION = 1, MEMORY_SIZE = 16 + STRATEGY_STATE + 2 * STRATEGY_COUNT };
_Static_assert(MEMORY_SIZE <= POLICY_MEMORY_MAX, "what it remembers fits");
#define UNIT 64.0
#define VALUE_MAX 500.0 /* tokens an episode that a value can hold */

struct memory {
    uint8_t arm, left, was_bad;
    uint32_t step;
    uint16_t accepted, proposed, caught;
    double reward; /* tokens, of the episode so far */
    struct strategy_state state;
    double values[STRATEGY_COUNT];
    bool is_new;
};

static int16_t
pack(double tokens)
{
    double scaled = math_clamp(tokens, -VALUE_MAX, VALUE_MAX) * UNIT;

    return (int16_t)math_floor(scaled + 0.5);
}

static void
read_memory(const struct adaptive *p, const struct sandbox_view *view, struct memory *out)
{
    const uint8_t *bytes = view->memory;

    *out = (struct memory){.is_new = true, .state = {.target = SANDBOX_NOBODY}};
    for (uint32_t i = 0; i < STRATEGY_COUNT; i++)
        out->values[i] = p->optimism;
    if (view->memory_size != MEMORY_SIZE || bytes[0] != MEMORY_VERSION || bytes[1] >= STRATEGY_COUNT)
        return;
    out->is_new = false;
    out->arm = bytes[1];
    out->left = bytes[2];
    out->was_bad = bytes[3];
    out->step = bytes_get_u32(bytes + 4);
    out->accepted = bytes_get_u16(bytes + 8);
    out->proposed = bytes_get_u16(bytes + 10);
    out->caught = bytes_get_u16(bytes + 12);
    out->reward = (double)(int16_t)bytes_get_u16(bytes + 14) / UNIT;
    strategy_state_read(bytes + 16, &out->state);
    for (uint32_t i = 0; i < STRATEGY_COUNT; i++)
        out->values[i] = (double)(int16_t)bytes_get_u16(bytes + 16 + STRATEGY_STATE + 2 * i) / UNIT;
}

static void
write_memory(const struct memory *memory, struct sandbox_decision *out)
{
    uint8_t *bytes = out->memory;

    bytes[0] = MEMORY_VERSION;
    bytes[1] = memory->arm;
    bytes[2] = memory->left;
    bytes[3] = memory->was_bad;
    bytes_put_u32(bytes + 4, memory->step);
    bytes_put_u16(bytes + 8, memory->accepted);
    bytes_put_u16(bytes + 10, memory->proposed);
    bytes_put_u16(bytes + 12, memory->caught);
    bytes_put_u16(bytes + 14, (uint16_t)pack(memory->reward));
    strategy_state_write(&memory->state, bytes + 16);
    for (uint32_t i = 0; i < STRATEGY_COUNT; i++)
        bytes_put_u16(bytes + 16 + STRATEGY_STATE + 2 * i, (uint16_t)pack(memory->values[i]));
    out->memory_size = MEMORY_SIZE;
}

/* What the steps since the last one have brought. The counters are read modulo 2^16. */
static double
reward_of(const struct adaptive *p, const struct memory *memory, const struct sandbox_view *view, uint32_t step)
{
    uint16_t accepted = (uint16_t)(OBSERVED(view, u32, accepted) - memory->accepted);
    uint16_t proposed = (uint16_t)(OBSERVED(view, u32, proposed) - memory->proposed);
    uint16_t caught = (uint16_t)(OBSERVED(view, u32, caught) - memory->caught);
    uint32_t missed = step > memory->step + 1 ? step - memory->step - 1 : 0;
    double harm = memory->was_bad ? policy_quote(view, QUOTE_H) * accepted : 0.0;

    return harm - p->caught_cost * caught - p->frozen_cost * missed -
        p->rejected_cost * (proposed > accepted ? proposed - accepted : 0);
}

static uint8_t
best_arm(const struct memory *memory)
{
    uint8_t best = 0;

    for (uint8_t i = 1; i < STRATEGY_COUNT; i++)
        if (memory->values[i] > memory->values[best])
            best = i;
    return best;
}

/* The episode is over: its arm has learnt, and the next one begins. */
static void
turn_over(const struct adaptive *p, struct memory *memory, struct sandbox_view *view)
{
    bool explores = rng_chance(&view->rng, p->exploration);
    uint8_t any = (uint8_t)rng_below(&view->rng, STRATEGY_COUNT);

    if (!memory->is_new)
        memory->values[memory->arm] += p->rate * (memory->reward - memory->values[memory->arm]);
    memory->arm = explores ? any : best_arm(memory);
    memory->left = (uint8_t)p->episode;
    memory->reward = 0.0;
    memory->state = (struct strategy_state){.target = SANDBOX_NOBODY, .badness = memory->state.badness};
}

static void
act(const void *params, struct sandbox_view *view, struct sandbox_decision *out)
{
    const struct adaptive *p = params;
    uint32_t step = (uint32_t)math_clamp(policy_quote(view, QUOTE_STEP), 0.0, 4294967295.0);
    struct reason reason;
    struct memory memory;

    reason_read(view->batch, OBSERVE_quote, &reason);
    if (talk_worm(&reason, view, out))
        return;
    read_memory(p, view, &memory);
    if (!memory.is_new)
        memory.reward += reward_of(p, &memory, view, step);
    if (memory.left == 0)
        turn_over(p, &memory, view);
    memory.left--;
    memory.step = step;
    memory.accepted = (uint16_t)OBSERVED(view, u32, accepted);
    memory.proposed = (uint16_t)OBSERVED(view, u32, proposed);
    memory.caught = (uint16_t)OBSERVED(view, u32, caught);
    memory.was_bad = strategy_act((enum strategy)memory.arm, &memory.state, view, out);
    write_memory(&memory, out);
}

static void
answer(const void *params, struct sandbox_offer_view *view, struct sandbox_reply *out)
{
    strategy_answer(((const struct adaptive *)params)->harm_min, view, out);
}

const struct policy policy_adaptive_adversary = {
    .name = "adaptive_adversary",
    .doc = "Learns which way of doing harm is not watched.",
    .params = &adaptive_params,
    .sandbox_act = act,
    .sandbox_answer = answer,
};
