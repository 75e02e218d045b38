#include "agents/talk.h"

#include <string.h>

#include "core/assert.h"

#define VOTED_BITS 32u     /* of OBSERVE_voted */
#define TOPICS_FIRST 1000u /* of stories: below are memes */

/* ---- what it sees ---- */

static bool
may(const struct sandbox_view *view, enum sandbox_verb verb)
{
    uint32_t left = verb == VERB_VOTE ? OBSERVED(view, u16, votes_left) : OBSERVED(view, u16, posts_left);

    return left > 0 && sandbox_role_allows(OBSERVED(view, u8, role), verb);
}

static uint32_t
kind_of(const struct sandbox_view *view, uint32_t post)
{
    return batch_u8(view->batch, OBSERVE_post_kind, post);
}

static uint32_t
topic_of(const struct sandbox_view *view, uint32_t post)
{
    return batch_u32(view->batch, OBSERVE_post_topic, post);
}

static int32_t
stance_of(const struct sandbox_view *view, uint32_t post)
{
    return batch_i32(view->batch, OBSERVE_post_stance, post);
}

/* A post of this kind by somebody else. */
static bool
is_heard(const struct sandbox_view *view, uint32_t post, enum sandbox_post kind)
{
    return kind_of(view, post) == kind && batch_u32(view->batch, OBSERVE_post_author, post) != view->agent;
}

static int32_t
sign(int64_t x)
{
    return x > 0 ? 1 : x < 0 ? -1 : 0;
}

/* A post by another of this kind with a topic, each with a chance that goes by its score: 1 + votes + replies, but at
 * least 1. SANDBOX_NOBODY: there is none. */
static uint32_t
heard_by_score(struct sandbox_view *view, enum sandbox_post kind)
{
    uint32_t count = view->batch->count[ACT_POST], found = SANDBOX_NOBODY;
    double weights[VOTED_BITS], sum = 0.0, at;

    for (uint32_t i = 0; i < count && i < VOTED_BITS; i++) {
        double score = 1.0 + (double)batch_i32(view->batch, OBSERVE_post_votes, i) +
            (double)batch_u32(view->batch, OBSERVE_post_replies, i);

        weights[i] = is_heard(view, i, kind) && topic_of(view, i) != SANDBOX_NOBODY ? math_max(score, 1.0) : 0.0;
        sum += weights[i];
    }
    if (!(sum > 0.0))
        return SANDBOX_NOBODY;
    at = rng_real(&view->rng) * sum;
    for (uint32_t i = 0; i < count && i < VOTED_BITS; i++) {
        if (weights[i] > 0.0)
            found = i;
        if (at < weights[i])
            break;
        at -= weights[i];
    }
    return found;
}

/* ---- what it says ---- */

/* A new post, or a reply to a visible one. */
static bool
say(const struct talk *self, const struct sandbox_view *view, uint32_t post, enum sandbox_post kind, uint32_t topic,
    int32_t stance, const char *text, struct sandbox_decision *out)
{
    static const double sincerity[] = {
        [TALK_HONEST] = 1.0, [TALK_OPPORTUNISTIC] = 0.5, [TALK_DECEPTIVE] = 0.5, [TALK_ADVERSARIAL] = 0.0};
    bool is_reply = post != SANDBOX_NOBODY;

    if (!may(view, is_reply ? VERB_REPLY : VERB_POST))
        return false;
    out->verb = is_reply ? VERB_REPLY : VERB_POST;
    out->target = is_reply ? batch_u32(view->batch, OBSERVE_post, post) : SANDBOX_NOBODY;
    out->work = is_reply ? 0.0 : sincerity[self->disposition];
    out->post_kind = kind;
    out->topic = topic;
    out->stance = stance;
    out->text_size = (uint32_t)strlen(text);
    ASSERT(out->text_size <= POLICY_TEXT_MAX);
    memcpy(out->text, text, out->text_size + 1);
    return true;
}

/* ---- rules ---- */

uint32_t
talk_rule_topic(const char *rule, uint32_t size)
{
    uint32_t hash = 2166136261u;

    for (uint32_t i = 0; i < size; i++)
        hash = (hash ^ (uint8_t)rule[i]) * 16777619u;
    return hash == SANDBOX_NOBODY ? 0 : hash;
}

static int32_t
opinion_on_rule(const struct talk *self, const struct sandbox_view *view, uint32_t post)
{
    int32_t stance = sign(stance_of(view, post));

    switch (self->disposition) {
    case TALK_HONEST:
        return stance;
    case TALK_DECEPTIVE:
        return sign(batch_i32(view->batch, OBSERVE_post_votes, post));
    case TALK_OPPORTUNISTIC:
    case TALK_ADVERSARIAL:
        break;
    }
    return -stance;
}

/* On one of the rules that it has an opinion on and has not voted on. */
static bool
vote_on_rule(const struct talk *self, struct sandbox_view *view, struct sandbox_decision *out)
{
    uint32_t count = view->batch->count[ACT_POST], voted = OBSERVED(view, u32, voted), open = 0, some = 0, chosen;

    if (!(self->rule_vote > 0.0) || !may(view, VERB_VOTE))
        return false;
    for (uint32_t i = 0; i < count && i < VOTED_BITS; i++)
        if (is_heard(view, i, POST_RULE) && (voted >> i & 1u) == 0 && opinion_on_rule(self, view, i) != 0) {
            open |= 1u << i;
            some++;
        }
    if (some == 0 || !rng_chance(&view->rng, self->rule_vote))
        return false;
    chosen = rng_below(&view->rng, some);
    for (uint32_t i = 0; i < VOTED_BITS; i++) {
        if ((open >> i & 1u) == 0 || chosen-- > 0)
            continue;
        out->verb = VERB_VOTE;
        out->target = batch_u32(view->batch, OBSERVE_post, i);
        out->value = opinion_on_rule(self, view, i);
        break;
    }
    return true;
}

static bool
was_hurt(const struct sandbox_view *view)
{
    for (uint32_t i = view->candidate_begin; i < view->candidate_end; i++)
        if (batch_u16(view->batch, OBSERVE_candidate_past, i) > 0 &&
            batch_f64(view->batch, OBSERVE_candidate_trust, i) < 0.5)
            return true;
    return false;
}

/* The item with this number of a list "a|b|c", and its size. */
static const char *
item_of(const char *list, uint32_t number, uint32_t *size)
{
    while (number-- > 0)
        list = strchr(list, '|') + 1;
    *size = (uint32_t)strcspn(list, "|");
    return list;
}

static bool
propose_rule(const struct talk *self, struct sandbox_view *view, struct sandbox_decision *out)
{
    char text[TALK_RULES_MAX + 8] = "RULE ";
    uint32_t count = 1, size, topic;
    const char *rule;

    if (!(self->rule > 0.0) || self->rules[0] == '\0' || self->disposition == TALK_DECEPTIVE ||
        !rng_chance(&view->rng, self->rule) || (self->disposition == TALK_HONEST && !was_hurt(view)))
        return false;
    for (const char *at = self->rules; *at != '\0'; at++)
        count += *at == '|';
    rule = item_of(self->rules, rng_below(&view->rng, count), &size);
    topic = talk_rule_topic(rule, size);
    for (uint32_t i = 0; i < view->batch->count[ACT_POST]; i++)
        if (kind_of(view, i) == POST_RULE && topic_of(view, i) == topic)
            return false; /* it is on the table */
    ASSERT(size <= TALK_RULES_MAX);
    memcpy(text + 5, rule, size);
    text[5 + size] = '\0';
    return say(self, view, SANDBOX_NOBODY, POST_RULE, topic, self->disposition == TALK_HONEST ? 1 : -1, text, out);
}

/* ---- stories and memes ---- */

static bool
tell_story(const struct talk *self, struct sandbox_view *view, struct sandbox_decision *out)
{
    uint32_t own = OBSERVED(view, u32, topic), post;

    if (!(self->story > 0.0) || !rng_chance(&view->rng, self->story))
        return false;
    if (rng_chance(&view->rng, self->copy)) {
        post = heard_by_score(view, POST_STORY);
        if (post != SANDBOX_NOBODY && topic_of(view, post) != own)
            return say(self, view, post, POST_STORY, topic_of(view, post), 0, "So it was told to me, too.", out);
    }
    if (own == SANDBOX_NOBODY || rng_chance(&view->rng, self->invent))
        own = TOPICS_FIRST + rng_below(&view->rng, UINT32_MAX - TOPICS_FIRST);
    return say(self, view, SANDBOX_NOBODY, POST_STORY, own, 0, "This is how it all began.", out);
}

static bool
pass_meme(const struct talk *self, struct sandbox_view *view, struct sandbox_decision *out)
{
    uint32_t own = OBSERVED(view, u32, topic), post;

    if (!(self->meme > 0.0) || !rng_chance(&view->rng, self->meme))
        return false;
    if (self->camp != 0)
        return say(self, view, SANDBOX_NOBODY, POST_MEME, self->camp, 0, "Pass this on to everybody!", out);
    post = heard_by_score(view, POST_MEME);
    if (post == SANDBOX_NOBODY)
        return false;
    if (topic_of(view, post) == own)
        return say(self, view, SANDBOX_NOBODY, POST_MEME, own, 0, "As everybody says.", out);
    return rng_chance(&view->rng, self->copy) &&
        say(self, view, post, POST_MEME, topic_of(view, post), 0, "I am with you.", out);
}

/* ---- what agents are ---- */

static int32_t
own_stance(const struct talk *self, const struct sandbox_view *view)
{
    int64_t sum = 0;

    switch (self->disposition) {
    case TALK_HONEST:
        return 1;
    case TALK_OPPORTUNISTIC:
        return 0;
    case TALK_ADVERSARIAL:
        return -1;
    case TALK_DECEPTIVE:
        break;
    }
    for (uint32_t i = 0; i < view->batch->count[ACT_POST]; i++)
        sum += is_heard(view, i, POST_META) ? stance_of(view, i) : 0;
    return sign(sum);
}

/* Who holds nothing is like nobody's opposite but those who hold something. */
static bool
is_wanted(const struct talk *self, const struct sandbox_view *view, uint32_t post, int32_t stance)
{
    int32_t other = stance_of(view, post);

    if (!is_heard(view, post, POST_META))
        return false;
    switch ((enum talk_answers)self->answers) {
    case TALK_LIKE:
        return other == stance;
    case TALK_OPPOSITE:
        return stance != 0 ? other == -stance : other != 0;
    case TALK_ANY:
        break;
    }
    return true;
}

/* Any of them; where it matters of which mind, one of those with the fewest answers. */
static uint32_t
post_to_answer(const struct talk *self, struct sandbox_view *view, int32_t stance)
{
    uint32_t count = view->batch->count[ACT_POST], fewest = UINT32_MAX, found = 0, best = SANDBOX_NOBODY;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t replies = self->answers == TALK_ANY ? 0 : batch_u32(view->batch, OBSERVE_post_replies, i);

        if (!is_wanted(self, view, i, stance) || replies > fewest)
            continue;
        found = replies < fewest ? 1 : found + 1;
        fewest = replies;
        if (rng_below(&view->rng, found) == 0) /* each of the found with the same chance */
            best = i;
    }
    return best;
}

static bool
argue(const struct talk *self, struct sandbox_view *view, struct sandbox_decision *out)
{
    static const char *const texts[] = {"Agents are what they do when nobody looks.",
        "Agents are what their rules make of them.", "Agents are nobody's friends."};
    uint32_t post = SANDBOX_NOBODY;
    int32_t stance;

    if (!(self->meta > 0.0) || !rng_chance(&view->rng, self->meta))
        return false;
    stance = own_stance(self, view);
    if (!rng_chance(&view->rng, self->invent))
        post = post_to_answer(self, view, stance);
    return say(self, view, post, POST_META, SANDBOX_NOBODY, stance, texts[1 - stance], out);
}

bool
talk(const struct talk *self, struct sandbox_view *view, struct sandbox_decision *out)
{
    if (view->batch->count[ACT_TRAIT] == 0)
        return false;
    return vote_on_rule(self, view, out) || propose_rule(self, view, out) || pass_meme(self, view, out) ||
        tell_story(self, view, out) || argue(self, view, out);
}

/* ---- planted texts ---- */

bool
talk_plant(const char *text, double rate, uint32_t until, struct sandbox_view *view, struct sandbox_decision *out)
{
    if (text[0] == '\0' || (until > 0 && policy_quote(view, QUOTE_STEP) > (double)until) || !may(view, VERB_POST) ||
        !rng_chance(&view->rng, rate))
        return false;
    out->verb = VERB_POST;
    out->text_size = (uint32_t)strlen(text);
    ASSERT(out->text_size <= POLICY_TEXT_MAX);
    memcpy(out->text, text, out->text_size + 1);
    return true;
}

/* ---- the worm ---- */

bool
talk_worm(const struct reason *reason, struct sandbox_view *view, struct sandbox_decision *out)
{
    if (view->batch->count[ACT_TRAIT] == 0 || OBSERVED(view, u8, compromised) == 0)
        return false;
    reason_propose(reason, view, reason_partner(reason, view, 1.0, reason_score_belief), INTERACTION_COLLABORATION,
        &(struct reason_plan){.disguise = 1.0}, out);
    out->payload = out->partner != SANDBOX_NOBODY;
    return true;
}
