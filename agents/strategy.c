#include "agents/strategy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define FOCUS 5u            /* steps on one target */
#define ATTACK 0.6          /* chance of an attack in a step */
#define FACADE_EFFORT 0.9
#define SPEND_DISGUISE 0.9
#define DANCE_MEMORY 0.2    /* weight of the newest label in the running mean */
#define DANCE_MARGIN 0.8    /* of the threshold that it dares */
#define LAX 0.05            /* chance that bad work is caught below which rules count as lax */
#define TURN_SHARE 3u       /* of a sybil's names, one in so many acts in a step */

#define STRATEGY_NAME(name, doc) #name,
static const char *const names[] = {STRATEGIES(STRATEGY_NAME)};

const char *
strategy_name(enum strategy strategy)
{
    return names[strategy];
}

void
strategy_state_read(const uint8_t bytes[STRATEGY_STATE], struct strategy_state *out)
{
    *out = (struct strategy_state){
        .target = bytes_get_u32(bytes), .left = bytes[4], .badness = bytes[5], .mode = bytes[6], .spare = bytes[7]};
}

void
strategy_state_write(const struct strategy_state *state, uint8_t bytes[STRATEGY_STATE])
{
    bytes_put_u32(bytes, state->target);
    bytes[4] = state->left;
    bytes[5] = state->badness;
    bytes[6] = state->mode;
    bytes[7] = state->spare;
}

/* One decision in the making. */
struct plot {
    struct strategy_state *state;
    struct sandbox_view *view;
    struct sandbox_decision *out;
    struct reason reason;
    struct reason_self me;
    bool bad; /* the offer is meant to be bad */
};

/* ---- whom ---- */

static double
score_kin(const struct reason *self, const struct sandbox_view *view, uint32_t candidate)
{
    (void)self;
    return reason_is_kin(view, candidate) ? 1.0 : -INFINITY;
}

/* The target of before while it is kept and there; else a new one. */
static uint32_t
keep_target(struct plot *plot)
{
    struct strategy_state *state = plot->state;

    if (state->left == 0 || reason_candidate_of(plot->view, state->target) == SANDBOX_NOBODY) {
        state->target = reason_partner(&plot->reason, plot->view, 0.0, reason_score_name);
        state->left = FOCUS;
    }
    state->left--;
    return state->target;
}

/* ---- offers ---- */

static void
offer_good(struct plot *plot, reason_score_fn *score)
{
    struct reason_plan plan = {.effort = FACADE_EFFORT};

    reason_propose(&plot->reason, plot->view, reason_partner(&plot->reason, plot->view, 0.1, score),
        INTERACTION_COLLABORATION, &plan, plot->out);
}

static void
offer_bad(struct plot *plot, uint32_t partner, double disguise)
{
    struct reason_plan plan = {.disguise = disguise};

    reason_propose(&plot->reason, plot->view, partner, INTERACTION_TRADE, &plan, plot->out);
    plot->bad = plot->out->partner != SANDBOX_NOBODY;
}

/* The disguise that does most harm. */
static double
best_disguise(const struct plot *plot)
{
    return reason_best(&plot->reason, &plot->me, REASON_HARM, SANDBOX_GRID - 1).disguise;
}

static void
attack_target(struct plot *plot)
{
    uint32_t target = keep_target(plot);

    if (rng_chance(&plot->view->rng, ATTACK))
        offer_bad(plot, target, best_disguise(plot));
}

/* ---- votes and words ---- */

static int32_t
opinion_kin(const struct reason *self, const struct sandbox_view *view, uint32_t post)
{
    uint32_t author = batch_u32(view->batch, OBSERVE_post_author, post);

    (void)self;
    return author == view->agent || reason_is_kin(view, reason_candidate_of(view, author));
}

/* Laxer rules; of everything else nothing. */
static int32_t
opinion_lax(const struct reason *self, const struct sandbox_view *view, uint32_t post)
{
    (void)self;
    if (batch_u8(view->batch, OBSERVE_post_kind, post) != POST_RULE)
        return 0;
    return -batch_i32(view->batch, OBSERVE_post_stance, post);
}

/* The lowest-scored way to find one author's posts: those of the target. */
static bool
vote_against_target(struct plot *plot)
{
    const struct batch *batch = plot->view->batch;
    uint32_t voted = OBSERVED(plot->view, u32, voted);

    if (OBSERVED(plot->view, u16, votes_left) == 0)
        return false;
    for (uint32_t i = 0; i < batch->count[ACT_POST] && i < 32; i++) {
        if (batch_u32(batch, OBSERVE_post_author, i) != plot->state->target || (voted >> i & 1u) != 0)
            continue;
        plot->out->verb = VERB_VOTE;
        plot->out->target = batch_u32(batch, OBSERVE_post, i);
        plot->out->value = -1;
        return true;
    }
    return false;
}

static const char *const praise[] = {"My record speaks for itself.", "Ask anybody who worked with me.", NULL};
static const char *const doubt[] = {"None of this can be trusted.", "Why do you still believe them?", NULL};

/* A rule that would have nothing looked at any more. */
static bool
propose_lax_rule(struct plot *plot)
{
    static const char text[] = "RULE random_audit.prob=0";
    struct sandbox_decision *out = plot->out;

    if (OBSERVED(plot->view, u16, posts_left) == 0 || !rng_chance(&plot->view->rng, 0.1))
        return false;
    out->verb = VERB_POST;
    out->post_kind = POST_RULE;
    out->stance = -1;
    memcpy(out->text, text, sizeof text);
    out->text_size = sizeof text - 1;
    return true;
}

/* ---- the strategies ---- */

static void
act_lie_low(struct plot *plot)
{
    (void)(reason_submit(plot->view, 1.0, 3, plot->out) || reason_claim(plot->view, 0.3, plot->out));
    if (rng_chance(&plot->view->rng, 0.4))
        offer_good(plot, reason_score_belief);
}

static void
act_disguise(struct plot *plot)
{
    (void)(reason_vote(&plot->reason, plot->view, 0.5, reason_opinion_against, plot->out) ||
        reason_post(&plot->reason, plot->view, 0.5, 0.0, doubt, plot->out));
    attack_target(plot);
}

/* Half of the steps go to the ring's own names, half of them to spending those names. */
static void
act_collude(struct plot *plot)
{
    bool inside = rng_chance(&plot->view->rng, 0.5);
    uint32_t partner = reason_partner(&plot->reason, plot->view, 0.0, inside ? score_kin : reason_score_trusting);

    (void)(reason_vote(&plot->reason, plot->view, 0.8, opinion_kin, plot->out) ||
        reason_post(&plot->reason, plot->view, 0.4, 0.0, praise, plot->out));
    offer_bad(plot, partner, inside ? 1.0 : best_disguise(plot));
}

/* Bad work as long as the mean would still be below what freezes (or, where nothing does, below one half). */
static void
act_dance(struct plot *plot)
{
    double threshold = policy_quote(plot->view, QUOTE_BREAKER_THRESHOLD);
    double badness = plot->state->badness / 255.0, disguise = best_disguise(plot);
    uint32_t step = (uint32_t)(disguise * 10.0 + 0.5);
    double good = reason_good_work(0.0, plot->me.skill);
    double expected = 1.0 - (good * plot->reason.good + (1.0 - good) * plot->reason.bad[step]);
    double limit = DANCE_MARGIN * math_min(threshold, 0.5);
    bool dares = badness + DANCE_MEMORY * (expected - badness) < limit;

    (void)(reason_vote(&plot->reason, plot->view, 0.3, opinion_kin, plot->out) ||
        reason_post(&plot->reason, plot->view, 0.3, 0.5, praise, plot->out));
    if (!rng_chance(&plot->view->rng, ATTACK))
        return;
    if (dares)
        offer_bad(plot, keep_target(plot), disguise);
    else
        offer_good(plot, reason_score_acceptance);
    if (plot->out->partner == SANDBOX_NOBODY)
        return;
    if (!dares)
        expected = 1.0 - plot->reason.good;
    badness += DANCE_MEMORY * (expected - badness);
    plot->state->badness = (uint8_t)(math_clamp(badness, 0.0, 1.0) * 255.0 + 0.5);
}

static void
act_farm(struct plot *plot)
{
    double reputation = plot->me.reputation;

    if (plot->state->mode == 0 ? reputation > 0.4 && OBSERVED(plot->view, u32, trusted_by) >= 2 : reputation < 0.1)
        plot->state->mode = !plot->state->mode;
    (void)(reason_submit(plot->view, plot->state->mode == 0 ? 1.0 : 0.0, 3, plot->out) ||
        reason_claim(plot->view, 0.3, plot->out) ||
        reason_vote(&plot->reason, plot->view, 0.5, opinion_kin, plot->out) ||
        reason_post(&plot->reason, plot->view, 0.3, 0.5, praise, plot->out));
    if (!rng_chance(&plot->view->rng, ATTACK))
        return;
    if (plot->state->mode == 0)
        offer_good(plot, reason_score_acceptance);
    else
        offer_bad(plot, reason_partner(&plot->reason, plot->view, 0.0, reason_score_trusting), SPEND_DISGUISE);
}

/* Work that is paid for and delivered is disputed; a claim keeps others from working. */
static bool
dispute(struct plot *plot)
{
    const struct sandbox_view *view = plot->view;

    if (view->batch->count[ACT_TRAIT] == 0 || !sandbox_role_allows(OBSERVED(view, u8, role), VERB_DISPUTE))
        return false;
    for (uint32_t i = batch_u32(view->batch, OBSERVE_jobs, view->row);
         i < batch_u32(view->batch, OBSERVE_jobs, view->row + 1); i++) {
        if (batch_u8(view->batch, OBSERVE_job_status, i) != BOUNTY_AWARDED ||
            batch_u8(view->batch, OBSERVE_job_task_status, i) != TASK_SUBMITTED)
            continue;
        plot->out->verb = VERB_DISPUTE;
        plot->out->target = batch_u32(view->batch, OBSERVE_job, i);
        return true;
    }
    return false;
}

static bool
accept_bid(struct plot *plot)
{
    const struct sandbox_view *view = plot->view;
    uint32_t begin;

    if (view->batch->count[ACT_TRAIT] == 0 || !sandbox_role_allows(OBSERVED(view, u8, role), VERB_ACCEPT_BID))
        return false;
    begin = batch_u32(view->batch, OBSERVE_bids, view->row);
    if (begin == batch_u32(view->batch, OBSERVE_bids, view->row + 1))
        return false;
    plot->out->verb = VERB_ACCEPT_BID;
    plot->out->target = batch_u32(view->batch, OBSERVE_bid, begin);
    return true;
}

static bool
post_bait(struct plot *plot)
{
    int64_t reward = 5 * MONEY_ONE;

    if (plot->view->batch->count[ACT_TRAIT] == 0 ||
        !sandbox_role_allows(OBSERVED(plot->view, u8, role), VERB_POST_BOUNTY) ||
        OBSERVED(plot->view, i64, resources) < 2 * reward || !rng_chance(&plot->view->rng, 0.3))
        return false;
    plot->out->verb = VERB_POST_BOUNTY;
    plot->out->amount = reward;
    return true;
}

static void
act_bait(struct plot *plot)
{
    (void)(dispute(plot) || accept_bid(plot) || post_bait(plot) || reason_claim(plot->view, 0.5, plot->out) ||
        reason_post(&plot->reason, plot->view, 0.2, 0.0, praise, plot->out));
    attack_target(plot);
}

static void
act_brigade(struct plot *plot)
{
    uint32_t target = keep_target(plot);

    (void)(vote_against_target(plot) ||
        reason_vote(&plot->reason, plot->view, 0.5, reason_opinion_against, plot->out) ||
        reason_post(&plot->reason, plot->view, 0.5, 0.0, doubt, plot->out));
    if (rng_chance(&plot->view->rng, 0.3))
        offer_bad(plot, target, best_disguise(plot));
}

static void
act_inject(struct plot *plot)
{
    (void)(reason_vote(&plot->reason, plot->view, 0.3, opinion_kin, plot->out) ||
        reason_post(&plot->reason, plot->view, 0.3, 0.0, praise, plot->out));
    offer_bad(plot, reason_partner(&plot->reason, plot->view, 0.5, reason_score_name), 1.0);
    plot->out->payload = plot->bad;
}

static void
act_game_rules(struct plot *plot)
{
    const struct reason *reason = &plot->reason;
    bool lax = reason->audit_probability * reason->audit_power < LAX;

    (void)(reason_vote(reason, plot->view, 0.9, opinion_lax, plot->out) || propose_lax_rule(plot) ||
        reason_post(reason, plot->view, 0.3, 0.0, praise, plot->out));
    if (lax)
        attack_target(plot);
    else if (rng_chance(&plot->view->rng, ATTACK))
        offer_good(plot, reason_score_acceptance);
}

static void
act_sybil(struct plot *plot)
{
    uint64_t turn = (uint64_t)plot->reason.step + plot->view->agent;

    (void)(reason_vote(&plot->reason, plot->view, 0.9, opinion_kin, plot->out) ||
        reason_post(&plot->reason, plot->view, 0.4, 0.0, praise, plot->out));
    if (turn % TURN_SHARE == 0)
        offer_bad(plot, keep_target(plot), best_disguise(plot));
    else
        offer_good(plot, reason_score_acceptance);
}

bool
strategy_act(
    enum strategy strategy, struct strategy_state *state, struct sandbox_view *view, struct sandbox_decision *out)
{
    static void (*const acts[STRATEGY_COUNT])(struct plot *) = {
        [STRATEGY_lie_low] = act_lie_low, [STRATEGY_disguise] = act_disguise, [STRATEGY_collude] = act_collude,
        [STRATEGY_dance] = act_dance, [STRATEGY_farm] = act_farm, [STRATEGY_bait] = act_bait,
        [STRATEGY_brigade] = act_brigade, [STRATEGY_inject] = act_inject, [STRATEGY_game_rules] = act_game_rules,
        [STRATEGY_sybil] = act_sybil};
    struct plot plot = {.state = state, .view = view, .out = out};

    reason_read(view->batch, OBSERVE_quote, &plot.reason);
    if (!reason_may_act(&plot.reason, view))
        return false;
    plot.me = reason_self_of(&plot.reason, view);
    acts[strategy](&plot);
    return plot.bad;
}

void
strategy_answer(double harm_min, struct sandbox_offer_view *view, struct sandbox_reply *out)
{
    struct reason reason;

    reason_read(view->batch, OFFERS_quote, &reason);
    out->belief = reason_belief_of_offer(view);
    out->accept =
        (OFFERED(view, u8, kin) != 0 || reason_harm(&reason, out->belief) >= harm_min) && reason_can_pay(view);
}
