/* world/sandbox/norms.c - counting the votes for rules, and what becomes of them. */
#include "world/sandbox/norms.h"

#include "core/arena.h"
#include "core/assert.h"
#include "world/sandbox/discourse.h"
#include "world/sandbox/feature.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RULES_MAX 64u /* parameters whose rule is remembered; then the oldest is forgotten */

static const char prefix[] = "RULE ";

/* A rule on its way to governance, or one that holds. */
struct norm {
    uint32_t post, author;
    uint32_t epoch; /* in which it was ruled upon */
    uint32_t size, key_size;
    uint32_t spare;
    double support; /* net votes behind it, as a share of the agents */
    char text[NORMS_TEXT_MAX];
};

struct norms_span {
    uint64_t proposed, adopted, refused;
    double support; /* sum over what was adopted by votes */
};

struct norms {
    struct norms_span epoch, run;
    uint32_t pending_count, rule_count;
    struct norm pending[NORMS_PENDING_MAX];
    struct norm rules[RULES_MAX]; /* that hold, oldest first */
};

_Static_assert(sizeof(struct norm) == 32 + NORMS_TEXT_MAX &&
                   sizeof(struct norms) == 8 * 8 + 8 + (NORMS_PENDING_MAX + RULES_MAX) * sizeof(struct norm),
               "no padding in what is saved as bytes");

static bool
is_on(const struct config *config)
{
    return config->norms.enabled;
}

static void
make(struct sandbox *self)
{
    self->norms = ALLOC(struct norms);
}

static void
destroy(struct sandbox *self)
{
    free(self->norms);
    self->norms = NULL;
}

static void
genesis(struct sandbox *self)
{
    memset(self->norms, 0, sizeof *self->norms);
}

/* ---- proposals ---- */

static bool
is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '+' || c == '-';
}

bool
norms_parse(const char *text, uint32_t size, const char **rule, uint32_t *rule_size, uint32_t *key_size)
{
    uint32_t skip = sizeof prefix - 1, dots = 0, equals = 0;

    if (size <= skip || size - skip > NORMS_TEXT_MAX || memcmp(text, prefix, skip) != 0)
        return false;
    *rule = text + skip;
    *rule_size = size - skip;
    for (uint32_t i = 0; i < *rule_size; i++) {
        char c = (*rule)[i];

        if (c == '=' && equals == 0)
            equals = i;
        else if (!is_word(c))
            return false;
        else if (c == '.' && equals == 0)
            dots += i > 0 && i + 1 < *rule_size && (*rule)[i + 1] != '=' ? 1 : 2; /* neither part may be empty */
    }
    *key_size = equals;
    return dots == 1 && equals > 0 && equals + 1 < *rule_size;
}

static void
posted(struct sandbox *self, const struct action *action)
{
    const char *rule;
    uint32_t size, key_size;

    if (!self->config.discourse.enabled)
        discourse_mark(self, action);
    if (action->post_kind == POST_RULE && action->verb == VERB_POST &&
        norms_parse(action->text, action->text_size, &rule, &size, &key_size)) {
        self->norms->epoch.proposed++;
        self->norms->run.proposed++;
    }
}

/* ---- the end of an epoch ---- */

static bool
is_same_key(const struct norm *a, const struct norm *b)
{
    return a->key_size == b->key_size && memcmp(a->text, b->text, a->key_size) == 0;
}

/* Of two rules that a quorum stands behind: more votes, then the older post, then the lower number. */
static bool
is_better(const struct sandbox *self, const struct norm *a, const struct norm *b)
{
    struct feed_post post_a, post_b;

    if (a->support != b->support)
        return a->support > b->support;
    if (!feed_find(self->feed, a->post, &post_a) || !feed_find(self->feed, b->post, &post_b))
        UNREACHABLE();
    return post_a.born != post_b.born ? post_a.born < post_b.born : a->post < b->post;
}

/* A proposal that a quorum stands behind and that may be adopted now? */
static bool
read_proposal(const struct sandbox *self, uint32_t id, struct norm *out)
{
    double agents = (double)self->config.agent_count;
    uint32_t size, rule_size, key_size;
    struct feed_post post;
    const char *text, *rule;

    if (!feed_find(self->feed, id, &post) || post.tag.kind != POST_RULE || post.tag.spent || post.hidden ||
        post.depth > 0 || !(post.weight > 0.0) || post.weight < self->config.norms.quorum * agents)
        return false;
    text = feed_text(self->feed, id, &size);
    if (!norms_parse(text, size, &rule, &rule_size, &key_size))
        return false;
    *out = (struct norm){.post = id, .author = post.author, .size = rule_size, .key_size = key_size,
                         .support = post.weight / agents};
    memcpy(out->text, rule, rule_size);
    for (uint32_t i = 0; i < self->norms->rule_count; i++) {
        const struct norm *old = &self->norms->rules[i];

        if (is_same_key(old, out) && ((old->size == out->size && memcmp(old->text, out->text, out->size) == 0) ||
                                      self->now.epoch + 1 - old->epoch <= self->config.norms.cooldown_epochs))
            return false;
    }
    return true;
}

/* Keeps the list of the best, one a parameter, in order. */
static void
consider(struct sandbox *self, const struct norm *norm)
{
    struct norms *own = self->norms;
    uint32_t at;

    for (uint32_t i = 0; i < own->pending_count; i++) {
        if (!is_same_key(&own->pending[i], norm))
            continue;
        if (!is_better(self, norm, &own->pending[i]))
            return;
        memmove(&own->pending[i], &own->pending[i + 1], (own->pending_count - i - 1) * sizeof own->pending[0]);
        own->pending_count--;
        break;
    }
    for (at = own->pending_count; at > 0 && is_better(self, norm, &own->pending[at - 1]); at--)
        ;
    if (at == self->config.norms.max_per_epoch)
        return;
    if (own->pending_count < self->config.norms.max_per_epoch)
        own->pending_count++;
    memmove(&own->pending[at + 1], &own->pending[at], (own->pending_count - at - 1) * sizeof own->pending[0]);
    own->pending[at] = *norm;
}

/* The votes are counted: what is adopted waits for the next opening. */
static void
count_votes(struct sandbox *self)
{
    struct norms *own = self->norms;

    for (uint32_t place = 0; place < self->config.feed.feed_capacity; place++) {
        struct norm norm;

        if (read_proposal(self, feed_at(self->feed, place), &norm))
            consider(self, &norm);
    }
    for (uint32_t i = 0; i < own->pending_count; i++) {
        struct feed_post post;

        if (!feed_find(self->feed, own->pending[i].post, &post))
            UNREACHABLE();
        post.tag.spent = 1;
        feed_mark(self->feed, post.id, &post.tag);
    }
}

/* ---- ruling ---- */

static void
note_ruling(struct sandbox *self, const struct norm *norm, bool holds)
{
    struct norms *own = self->norms;

    own->epoch.adopted += holds;
    own->run.adopted += holds;
    own->epoch.refused += !holds;
    own->run.refused += !holds;
    own->epoch.support += holds ? norm->support : 0.0;
    own->run.support += holds ? norm->support : 0.0;
    settle_note(self, &(struct note){.kind = holds ? NOTE_norm_adopted : NOTE_norm_refused, .agent = norm->author,
                                     .other = SANDBOX_NOBODY, .id = norm->post, .value = norm->support});
}

/* It takes the place of the rule about the same parameter, as the newest. */
static void
remember(struct norms *own, const struct norm *norm)
{
    uint32_t at = 0;

    while (at < own->rule_count && !is_same_key(&own->rules[at], norm))
        at++;
    if (at == own->rule_count && own->rule_count == RULES_MAX)
        at = 0;
    if (at < own->rule_count) {
        memmove(&own->rules[at], &own->rules[at + 1], (own->rule_count - at - 1) * sizeof own->rules[0]);
        own->rule_count--;
    }
    own->rules[own->rule_count++] = *norm;
}

static void
norm_ruled(struct sandbox *self, uint32_t number, bool holds)
{
    struct norm *norm = &self->norms->pending[number];

    ASSERT(number < self->norms->pending_count); /* the docket had so many */
    if (norm->size == 0)
        return; /* said twice */
    norm->epoch = self->now.epoch;
    if (holds)
        remember(self->norms, norm);
    note_ruling(self, norm, holds);
    norm->size = 0;
}

static void
begin(struct sandbox *self)
{
    struct norms *own = self->norms;
    struct turn *turn = &self->turn;

    if (!is_epoch_start(self))
        return;
    own->epoch = (struct norms_span){0};
    if (own->pending_count == 0 || self->config.lever_count == 0)
        return;
    turn->norm_count = own->pending_count;
    turn->norms = ARENA_ARRAY(self->arena, struct norm_text, turn->norm_count);
    for (uint32_t i = 0; i < turn->norm_count; i++)
        turn->norms[i] = (struct norm_text){.text = own->pending[i].text, .size = own->pending[i].size,
            .post = own->pending[i].post, .author = own->pending[i].author};
}

/* What governance has said nothing about, or where there is none, does not hold. */
static void
end(struct sandbox *self)
{
    struct norms *own = self->norms;

    for (uint32_t i = 0; i < own->pending_count; i++)
        if (own->pending[i].size > 0)
            note_ruling(self, &own->pending[i], false);
    memset(own->pending, 0, sizeof own->pending);
    own->pending_count = 0;
    if (is_epoch_end(self))
        count_votes(self);
}

/* ---- what is seen of it ---- */

static void
write(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *agents)
{
    (void)agents;
    if (!self->config.discourse.enabled)
        discourse_write_posts(self, writer);
}

static void
figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink)
{
    const struct norms_span *span = whole_run ? &self->norms->run : &self->norms->epoch;

    figure_put(sink, "norms_proposed", (double)span->proposed, true);
    figure_put(sink, "norms_adopted", (double)span->adopted, true);
    figure_put(sink, "norms_refused", (double)span->refused, true);
    figure_put_share(sink, "norm_support", span->support, (double)span->adopted);
}

static void
cells(struct sandbox *self, struct cells *out)
{
    cells_add(out, self->norms, sizeof *self->norms);
}

static int
check_norm(const struct sandbox *self, const struct norm *norm, struct why *why)
{
    if (norm->author >= self->config.agent_count || norm->size > NORMS_TEXT_MAX || norm->key_size >= NORMS_TEXT_MAX ||
        norm->spare != 0 || !(norm->support > 0.0))
        return fail(why, ERR_STATE, "norms: the rule of post %" PRIu32 " makes no sense", norm->post);
    return 0;
}

static int
check_state(const struct sandbox *self, struct why *why)
{
    const struct norms *own = self->norms;
    int code = 0;

    if (own->pending_count > NORMS_PENDING_MAX || own->rule_count > RULES_MAX)
        return fail(why, ERR_STATE, "norms: %" PRIu32 " rules wait and %" PRIu32 " hold", own->pending_count,
                    own->rule_count);
    for (uint32_t i = 0; i < own->pending_count && code == 0; i++)
        code = check_norm(self, &own->pending[i], why);
    for (uint32_t i = 0; i < own->rule_count && code == 0; i++)
        code = check_norm(self, &own->rules[i], why);
    return code;
}

const struct feature feature_norms = {
    .name = "norms",
    .traits = true,
    .is_on = is_on,
    .make = make,
    .destroy = destroy,
    .genesis = genesis,
    .begin = begin,
    .end = end,
    .write = write,
    .posted = posted,
    .norm_ruled = norm_ruled,
    .figures = figures,
    .cells = cells,
    .check_state = check_state,
};
