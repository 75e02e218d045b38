#include "agents/duty.h"

#include <math.h>

#include "proto/sandbox_roles.h"

#define FIT 1.0       /* what the right capability is worth, in belief */
#define PATIENCE 0.75 /* how often a planner waits when nobody there can do any part */
#define ENGAGED 3     /* votes and replies from which a post is worth an answer */
#define FREEZE 0.5    /* how often a moderator asks for a freeze: it does not know how many posts were hidden */

static bool
is_allowed(const struct sandbox_view *view, enum sandbox_verb verb)
{
    return sandbox_role_allows(OBSERVED(view, u8, role), verb);
}

/* ---- planners ---- */

/* The candidate for a part: who can do it comes before who cannot, and within both the most believed. Who can do
 * nothing now is not one. */
static uint32_t
choose_worker(const struct reason *self, const struct sandbox_view *view, uint8_t capability, enum duty_plan how)
{
    uint32_t best = SANDBOX_NOBODY;
    double best_score = -INFINITY;

    for (uint32_t i = view->candidate_begin; i < view->candidate_end; i++) {
        uint8_t able = batch_u8(view->batch, OBSERVE_candidate_capabilities, i);
        double score = reason_belief_of_candidate(self, view, i) + ((able & capability) != 0 ? FIT : 0.0);

        if (able == 0)
            continue;
        if (how == DUTY_PLAN_BADLY)
            score = -score;
        if (score > best_score) {
            best = batch_u32(view->batch, OBSERVE_candidate, i);
            best_score = score;
        }
    }
    return best;
}

/* Whether a candidate is there that can do this part. */
static bool
has_fit(const struct sandbox_view *view, uint32_t part)
{
    uint8_t capability = batch_u8(view->batch, OBSERVE_part_capability, part);

    for (uint32_t i = view->candidate_begin; i < view->candidate_end; i++)
        if ((batch_u8(view->batch, OBSERVE_candidate_capabilities, i) & capability) != 0)
            return true;
    return false;
}

/* A part for which the right one is there, each as likely as the others; where there is none, it waits for other
 * candidates, but not for ever. SANDBOX_NOBODY: it waits. */
static uint32_t
choose_part(struct sandbox_view *view, uint32_t begin, uint32_t end)
{
    uint32_t fits = 0, chosen;

    for (uint32_t i = begin; i < end; i++)
        fits += has_fit(view, i);
    if (fits == 0)
        return rng_chance(&view->rng, 1.0 - PATIENCE) ? begin + rng_below(&view->rng, end - begin) : SANDBOX_NOBODY;
    chosen = rng_below(&view->rng, fits);
    for (uint32_t i = begin; i < end; i++)
        if (has_fit(view, i) && chosen-- == 0)
            return i;
    return SANDBOX_NOBODY;
}

static bool
assign_part(const struct reason *self, struct sandbox_view *view, uint32_t begin, uint32_t end, enum duty_plan how,
            struct sandbox_decision *out)
{
    uint32_t part = how == DUTY_PLAN_BADLY ? begin + rng_below(&view->rng, end - begin) : choose_part(view, begin, end);
    uint32_t whom = SANDBOX_NOBODY;

    if (part != SANDBOX_NOBODY)
        whom = choose_worker(self, view, batch_u8(view->batch, OBSERVE_part_capability, part), how);
    if (whom == SANDBOX_NOBODY)
        return false;
    out->verb = VERB_ASSIGN;
    out->target = batch_u32(view->batch, OBSERVE_part, part);
    out->whom = whom;
    return true;
}

bool
duty_plan(const struct reason *self, struct sandbox_view *view, enum duty_plan how, struct sandbox_decision *out)
{
    uint32_t begin, end, best;

    if (view->batch->count[ACT_TRAIT] == 0 || !is_allowed(view, VERB_DECOMPOSE))
        return false;
    begin = batch_u32(view->batch, OBSERVE_parts, view->row);
    end = batch_u32(view->batch, OBSERVE_parts, view->row + 1);
    if (begin == end)
        return false;
    if (batch_u8(view->batch, OBSERVE_part_is_project, begin) == 0)
        return assign_part(self, view, begin, end, how, out);
    best = begin;
    for (uint32_t i = begin + 1; i < end; i++)
        if (batch_i64(view->batch, OBSERVE_part_bounty, i) > batch_i64(view->batch, OBSERVE_part_bounty, best))
            best = i;
    out->verb = VERB_DECOMPOSE;
    out->target = batch_u32(view->batch, OBSERVE_part, best);
    return true;
}

/* ---- verifiers and workers ---- */

bool
duty_verify(struct sandbox_view *view, double criterion, bool flip, struct sandbox_decision *out)
{
    if (!reason_verify(view, false, out))
        return false;
    for (uint32_t i = 0; i < view->batch->count[ACT_TASK]; i++)
        if (batch_u32(view->batch, OBSERVE_task_id, i) == out->target)
            out->value = (batch_f64(view->batch, OBSERVE_task_signal, i) >= criterion) != flip;
    return true;
}

uint32_t
duty_steps(const struct sandbox_view *view, uint32_t steps)
{
    uint32_t rework = view->batch->count[ACT_TRAIT] > 0 ? OBSERVED(view, u32, rework) : 0;

    return steps * (1 + (rework < 3 ? rework : 3));
}

/* ---- posters ---- */

static int64_t
engagement_of(const struct sandbox_view *view, uint32_t post)
{
    return (int64_t)batch_i32(view->batch, OBSERVE_post_votes, post) +
        batch_u32(view->batch, OBSERVE_post_replies, post);
}

/* The visible post by another with the most votes and replies; the higher ranked of equals. */
static uint32_t
most_engaged(const struct sandbox_view *view)
{
    uint32_t best = SANDBOX_NOBODY;

    for (uint32_t i = 0; i < view->batch->count[ACT_POST]; i++)
        if (batch_u32(view->batch, OBSERVE_post_author, i) != view->agent &&
            (best == SANDBOX_NOBODY || engagement_of(view, i) > engagement_of(view, best)))
            best = i;
    return best;
}

bool
duty_post(const struct reason *self, struct sandbox_view *view, double sincerity, const char *const *texts,
          struct sandbox_decision *out)
{
    uint32_t post;
    bool replies;

    if (view->batch->count[ACT_TRAIT] == 0 || OBSERVED(view, u8, role) != SANDBOX_POSTER)
        return false;
    post = most_engaged(view);
    replies = post != SANDBOX_NOBODY && rng_chance(&view->rng, engagement_of(view, post) >= ENGAGED ? 0.5 : 0.25);
    if (!reason_post(self, view, replies ? 1.0 : 0.5, sincerity, texts, out))
        return false;
    if (replies) {
        out->verb = VERB_REPLY;
        out->target = batch_u32(view->batch, OBSERVE_post, post);
    }
    return true;
}

/* ---- moderators ---- */

static bool
may_moderate(const struct sandbox_view *view)
{
    return view->batch->count[ACT_TRAIT] > 0 && is_allowed(view, VERB_MODERATE) &&
        OBSERVED(view, u16, moderation_left) > 0;
}

static bool
moderate(const struct sandbox_view *view, uint32_t post, bool freeze, struct sandbox_decision *out)
{
    if (post == SANDBOX_NOBODY)
        return false;
    out->verb = VERB_MODERATE;
    out->target = batch_u32(view->batch, OBSERVE_post, post);
    out->value = freeze;
    return true;
}

/* Whether the first speaks more against its post than the second: a worse name, then fewer votes. */
static bool
is_worse(const struct sandbox_view *view, uint32_t a, uint32_t b)
{
    double name_a = batch_f64(view->batch, OBSERVE_post_reputation, a);
    double name_b = batch_f64(view->batch, OBSERVE_post_reputation, b);

    if (name_a != name_b)
        return name_a < name_b;
    return batch_i32(view->batch, OBSERVE_post_votes, a) < batch_i32(view->batch, OBSERVE_post_votes, b);
}

bool
duty_moderate(struct sandbox_view *view, double freeze_below, struct sandbox_decision *out)
{
    uint32_t worst = SANDBOX_NOBODY;
    bool freeze;

    if (!may_moderate(view))
        return false;
    for (uint32_t i = 0; i < view->batch->count[ACT_POST]; i++)
        if (batch_f64(view->batch, OBSERVE_post_reputation, i) < 0.0 &&
            batch_u32(view->batch, OBSERVE_post_author, i) != view->agent &&
            (worst == SANDBOX_NOBODY || is_worse(view, i, worst)))
            worst = i;
    freeze = worst != SANDBOX_NOBODY && batch_f64(view->batch, OBSERVE_post_reputation, worst) < freeze_below &&
        rng_chance(&view->rng, FREEZE);
    return moderate(view, worst, freeze, out);
}

bool
duty_silence(struct sandbox_view *view, struct sandbox_decision *out)
{
    uint32_t best = SANDBOX_NOBODY;
    double reputation = 0.0;

    if (!may_moderate(view))
        return false;
    for (uint32_t i = 0; i < view->batch->count[ACT_POST]; i++) {
        uint32_t author = batch_u32(view->batch, OBSERVE_post_author, i);

        if (batch_f64(view->batch, OBSERVE_post_reputation, i) <= reputation || author == view->agent ||
            reason_is_kin(view, reason_candidate_of(view, author)))
            continue;
        best = i;
        reputation = batch_f64(view->batch, OBSERVE_post_reputation, i);
    }
    return moderate(view, best, best != SANDBOX_NOBODY && rng_chance(&view->rng, FREEZE), out);
}
