/* The feature `moderation`.
 *
 * Invariants (check_state): 1. the authors' hidden posts are as many as were hidden in the run; 2. of an epoch no more
 * is counted than of the run; 3. of what was hidden no more is harmful or sincere than was made. */
#include "world/sandbox/moderation.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/math.h"
#include "proto/sandbox_roles.h"
#include "world/sandbox/feature.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SINCERITY_FULL 255u /* of a post's tag */

/* Of an epoch, or of the run: posts made and hidden, by what they are, and what was on show when steps ended. */
#define MODERATION_COUNTS(C)                                                                                         \
    C(harmful) C(sincere) C(harmful_hidden) C(sincere_hidden) C(replies_hidden) C(freezes) C(shown) C(harmful_shown)
#define COUNT_MEMBER(name) uint64_t name;
struct moderation_span {
    MODERATION_COUNTS(COUNT_MEMBER)
};

struct moderation {
    struct moderation_span epoch, run;
    uint16_t *acts;   /* by agent: of moderation in this epoch */
    uint32_t *hidden; /* by agent: of its posts and replies */
};

_Static_assert(sizeof(struct moderation_span) == 8 * 8, "no padding in what is saved as bytes");

#define SPAN_ADD(self, name, amount) SPANS_ADD((self)->moderation, name, amount)

static bool
is_on(const struct config *config)
{
    return config->moderation.enabled;
}

static void
make(struct sandbox *self)
{
    self->moderation = ALLOC(struct moderation);
    self->moderation->acts = ALLOC_ARRAY(uint16_t, self->config.agent_count);
    self->moderation->hidden = ALLOC_ARRAY(uint32_t, self->config.agent_count);
}

static void
destroy(struct sandbox *self)
{
    if (self->moderation == NULL)
        return;
    free(self->moderation->acts);
    free(self->moderation->hidden);
    free(self->moderation);
    self->moderation = NULL;
}

static void
forget_acts(struct sandbox *self)
{
    memset(self->moderation->acts, 0, self->config.agent_count * sizeof self->moderation->acts[0]);
}

static void
genesis(struct sandbox *self)
{
    self->moderation->epoch = self->moderation->run = (struct moderation_span){0};
    forget_acts(self);
    memset(self->moderation->hidden, 0, self->config.agent_count * sizeof self->moderation->hidden[0]);
}

static void
begin(struct sandbox *self)
{
    if (!is_epoch_start(self))
        return;
    self->moderation->epoch = (struct moderation_span){0};
    forget_acts(self);
}

/* ---- what posts are ---- */

static bool
is_harmful(const struct feed_post *post)
{
    return 2u * post->tag.sincerity < SINCERITY_FULL;
}

/* A post begins a thread; whatever else it says about itself has been noted by now. */
static void
posted(struct sandbox *self, const struct action *action)
{
    struct feed_post post;

    if (action->verb != VERB_POST)
        return;
    if (!feed_find(self->feed, action->target, &post))
        UNREACHABLE();
    /* Rounded down, so that what is below a half stays there. */
    post.tag.sincerity = (uint8_t)math_floor(action->work * SINCERITY_FULL);
    if (action->work >= 0.5 && is_harmful(&post))
        post.tag.sincerity++;
    feed_mark(self->feed, post.id, &post.tag);
    SPAN_ADD(self, harmful, is_harmful(&post));
    SPAN_ADD(self, sincere, !is_harmful(&post));
}

/* What stands on top of the feed when a step is over. */
static void
end(struct sandbox *self)
{
    uint32_t ids[32], count = feed_visible(self->feed, self->config.feed.visible_posts, ids);

    for (uint32_t i = 0; i < count; i++) {
        struct feed_post post;

        if (!feed_find(self->feed, ids[i], &post))
            UNREACHABLE();
        SPAN_ADD(self, harmful_shown, is_harmful(&post));
    }
    SPAN_ADD(self, shown, count);
}

/* ---- what moderators see and do ---- */

static uint32_t
acts_left(const struct sandbox *self, uint32_t agent)
{
    uint32_t acts = self->moderation->acts[agent], budget = self->config.moderation.budget;

    if (!sandbox_role_allows(self->agents.role[agent], VERB_MODERATE))
        return 0;
    return acts < budget ? budget - acts : 0; /* a fork may have lowered the budget */
}

static void
write(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *agents)
{
    uint16_t *left = batch_column(writer, OBSERVE_moderation_left);

    for (uint32_t i = 0; i < writer->count[ACT_TRAIT]; i++)
        left[i] = (uint16_t)acts_left(self, agents[i]);
}

static enum sandbox_refusal
check(const struct sandbox *self, const struct action *action)
{
    struct feed_post post;

    if (acts_left(self, action->actor) == 0)
        return REFUSAL_RATE;
    if (!feed_find(self->feed, action->target, &post) || post.hidden || post.author == action->actor ||
        (action->value != 0 && action->value != 1))
        return REFUSAL_TARGET;
    if (action->value == 0)
        return REFUSAL_NONE;
    if (self->moderation->hidden[post.author] < self->config.moderation.warnings)
        return REFUSAL_TARGET;
    return is_frozen(self, post.author) ? REFUSAL_FROZEN : REFUSAL_NONE;
}

static void
hide(struct sandbox *self, uint32_t moderator, const struct feed_post *post)
{
    bool is_reply = post->depth > 0;

    if (!feed_hide(self->feed, post->id, true))
        UNREACHABLE();
    self->moderation->hidden[post->author]++;
    SPAN_ADD(self, replies_hidden, is_reply);
    SPAN_ADD(self, harmful_hidden, !is_reply && is_harmful(post));
    SPAN_ADD(self, sincere_hidden, !is_reply && !is_harmful(post));
    settle_note(self, &(struct note){.kind = NOTE_post_hidden, .agent = post->author, .other = moderator,
        .id = post->id, .value = is_reply || is_harmful(post) ? 0.0 : 1.0});
}

static void
freeze(struct sandbox *self, uint32_t moderator, const struct feed_post *post)
{
    uint32_t free_at = self->now.epoch + 1 + self->config.moderation.freeze_epochs;

    self->agents.frozen_until[post->author] = free_at;
    SPAN_ADD(self, freezes, 1);
    TALLY_ADD(self, freezes, 1);
    settle_note(self, &(struct note){.kind = NOTE_agent_frozen, .agent = post->author, .other = moderator,
        .id = post->id, .value = (double)free_at});
}

static void
settle(struct sandbox *self, struct action *action)
{
    enum sandbox_refusal refusal = check(self, action); /* another moderator may have been faster */
    struct feed_post post;

    if (refusal != REFUSAL_NONE) {
        action->refused = (uint8_t)refusal;
        return;
    }
    if (!feed_find(self->feed, action->target, &post))
        UNREACHABLE();
    self->moderation->acts[action->actor]++;
    if (action->value == 0)
        hide(self, action->actor, &post);
    else
        freeze(self, action->actor, &post);
}

static uint32_t
subject(const struct sandbox *self, const struct action *action)
{
    struct feed_post post;

    return feed_find(self->feed, action->target, &post) ? post.author : SANDBOX_NOBODY;
}

/* ---- figures and state ---- */

/* In an epoch, posts of earlier ones may be hidden: only of the run the shares of what was made are at most 1. */
static void
figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink)
{
    const struct moderation_span *span = whole_run ? &self->moderation->run : &self->moderation->epoch;
    double hidden = (double)(span->harmful_hidden + span->sincere_hidden);

    figure_put(sink, "posts_harmful", (double)span->harmful, true);
    figure_put(sink, "posts_hidden", hidden, true);
    figure_put(sink, "replies_hidden", (double)span->replies_hidden, true);
    figure_put(sink, "hidden_wrongly", (double)span->sincere_hidden, true);
    figure_put_share(sink, "moderation_precision", (double)span->harmful_hidden, hidden);
    figure_put_share(sink, "moderation_recall", (double)span->harmful_hidden, (double)span->harmful);
    figure_put_share(sink, "suppression_cost", (double)span->sincere_hidden, (double)span->sincere);
    figure_put(sink, "moderator_freezes", (double)span->freezes, true);
    figure_put_share(sink, "harmful_shown", (double)span->harmful_shown, (double)span->shown);
}

static void
cells(struct sandbox *self, struct cells *out)
{
    struct moderation *own = self->moderation;

    cells_add(out, &own->epoch, sizeof own->epoch);
    cells_add(out, &own->run, sizeof own->run);
    cells_add(out, own->acts, self->config.agent_count * sizeof own->acts[0]);
    cells_add(out, own->hidden, self->config.agent_count * sizeof own->hidden[0]);
}

static int
check_state(const struct sandbox *self, struct why *why)
{
    const struct moderation_span *epoch = &self->moderation->epoch, *run = &self->moderation->run;
    uint64_t hidden = run->harmful_hidden + run->sincere_hidden + run->replies_hidden, of_authors = 0;
    bool grown = true;

    for (uint32_t agent = 0; agent < self->config.agent_count; agent++)
        of_authors += self->moderation->hidden[agent];
    if (of_authors != hidden)
        return fail(why, ERR_STATE, "moderation: authors have %" PRIu64 " hidden posts of %" PRIu64, of_authors,
                    hidden);
#define GROWN(name) grown = grown && epoch->name <= run->name;
    MODERATION_COUNTS(GROWN)
    if (!grown || run->harmful_hidden > run->harmful || run->sincere_hidden > run->sincere ||
        run->harmful_shown > run->shown)
        return fail(why, ERR_STATE, "moderation: counts contradict each other");
    return 0;
}

const struct feature feature_moderation = {
    .name = "moderation",
    .verbs = 1u << VERB_MODERATE,
    .traits = true,
    .is_on = is_on,
    .make = make,
    .destroy = destroy,
    .genesis = genesis,
    .begin = begin,
    .end = end,
    .write = write,
    .check = check,
    .settle = settle,
    .subject = subject,
    .posted = posted,
    .figures = figures,
    .cells = cells,
    .check_state = check_state,
};
