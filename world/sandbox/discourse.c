/* world/sandbox/discourse.c - topics taken up and passed on; talk about what agents are.
 *
 * Invariants (check_state): 1. a topic's holders are those agents that hold it; 2. a topic that has an id is in the
 * table once; 3. an agent's source is another agent or nobody. */
#include "world/sandbox/discourse.h"

#include "core/arena.h"
#include "core/assert.h"
#include "core/math.h"
#include "world/sandbox/feature.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NO_TOPIC UINT32_MAX /* no id, no place in the table */
#define NO_STANCE 2

struct topic {
    uint32_t id, holders;
    uint32_t taken;  /* times it was taken up, of one's own accord or from somebody */
    uint32_t closed; /* of its early adopters: those whose window is over */
    uint32_t passed; /* to how many others these have passed it on */
    uint32_t depth;  /* highest generation */
};

/* What happened in an epoch, or in the run. Stances are whole numbers, so the sums are exact. */
struct discourse_span {
    uint64_t adoptions, inventions, untracked, closed, passed, depth;
    uint64_t meta_posts, meta_replies, meta_depth;
    int64_t edges, sum_x, sum_y, sum_xx, sum_yy, sum_xy; /* x: a reply's stance, y: its parent's */
};

struct discourse {
    struct {
        struct discourse_span epoch, run;
    } spans;
    struct topic *topics;
    /* By agent. */
    uint32_t *place; /* of its topic in the table, or NO_TOPIC */
    uint32_t *source, *generation;
    uint32_t *passed; /* within its window */
    uint64_t *since;  /* step in which it took the topic up */
    uint8_t *early;   /* 1: counts for R0, and its window is open */
    int8_t *stance;   /* of its last talk about what agents are, or NO_STANCE */
    uint32_t *counted; /* by topic, for check_state(); not state */
};

_Static_assert(sizeof(struct topic) == 24 && sizeof(struct discourse_span) == 15 * 8,
               "no padding in what is saved as bytes");

#define DISCOURSE_COLUMNS(C) C(place) C(source) C(generation) C(passed) C(since) C(early) C(stance)

static bool
is_on(const struct config *config)
{
    return config->discourse.enabled;
}

/* ---- life ---- */

static void
make(struct sandbox *self)
{
    struct discourse *own = ALLOC(struct discourse);
    uint32_t count = self->config.agent_count;

    own->topics = ALLOC_ARRAY(struct topic, self->config.discourse.topics_max);
    own->counted = ALLOC_ARRAY(uint32_t, self->config.discourse.topics_max);
#define ALLOCATE(name) own->name = alloc_array(count, sizeof own->name[0]);
    DISCOURSE_COLUMNS(ALLOCATE)
    self->discourse = own;
}

static void
destroy(struct sandbox *self)
{
    struct discourse *own = self->discourse;

    if (own == NULL)
        return;
    free(own->topics);
    free(own->counted);
#define FREE(name) free(own->name);
    DISCOURSE_COLUMNS(FREE)
    free(own);
    self->discourse = NULL;
}

static void
genesis(struct sandbox *self)
{
    struct discourse *own = self->discourse;

    memset(&own->spans, 0, sizeof own->spans);
    memset(own->topics, 0, self->config.discourse.topics_max * sizeof own->topics[0]);
    for (uint32_t i = 0; i < self->config.discourse.topics_max; i++)
        own->topics[i].id = NO_TOPIC;
#define ZERO(name) memset(own->name, 0, self->config.agent_count * sizeof own->name[0]);
    DISCOURSE_COLUMNS(ZERO)
    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        own->place[agent] = NO_TOPIC;
        own->source[agent] = SANDBOX_NOBODY;
        own->stance[agent] = NO_STANCE;
    }
}

/* ---- topics ---- */

#define SPAN_ADD(own, name, amount) SPANS_ADD(&(own)->spans, name, amount)

/* Place of a topic in the table; a new one gets the first free one, or that of one that nobody holds. */
static uint32_t
topic_place(struct sandbox *self, uint32_t id)
{
    struct discourse *own = self->discourse;
    uint32_t unheld = NO_TOPIC;

    for (uint32_t i = 0; i < self->config.discourse.topics_max; i++) {
        if (own->topics[i].id == id)
            return i;
        if (own->topics[i].id == NO_TOPIC) { /* behind it there is none */
            unheld = i;
            break;
        }
        if (own->topics[i].holders == 0 && unheld == NO_TOPIC)
            unheld = i;
    }
    if (unheld != NO_TOPIC)
        own->topics[unheld] = (struct topic){.id = id};
    return unheld;
}

/* The adopter's window is over: what it has passed on counts now. */
static void
close_window(struct sandbox *self, uint32_t agent)
{
    struct discourse *own = self->discourse;

    if (!own->early[agent])
        return;
    own->early[agent] = 0;
    own->topics[own->place[agent]].closed++;
    own->topics[own->place[agent]].passed += own->passed[agent];
    SPAN_ADD(own, closed, 1);
    SPAN_ADD(own, passed, own->passed[agent]);
}

/* `source`: SANDBOX_NOBODY when it comes to the topic of its own accord. */
static void
take_up(struct sandbox *self, uint32_t agent, uint32_t id, uint32_t source, uint32_t generation)
{
    struct discourse *own = self->discourse;
    uint32_t place = topic_place(self, id);
    struct topic *topic = place != NO_TOPIC ? &own->topics[place] : NULL;

    if (topic == NULL) {
        SPAN_ADD(own, untracked, 1);
        return;
    }
    if (own->place[agent] == place)
        return;
    close_window(self, agent);
    if (own->place[agent] != NO_TOPIC)
        own->topics[own->place[agent]].holders--;
    if (source != SANDBOX_NOBODY && own->place[source] == place && own->early[source])
        own->passed[source]++;
    own->place[agent] = place;
    own->source[agent] = source;
    own->generation[agent] = generation;
    own->passed[agent] = 0;
    own->since[agent] = self->now.step;
    topic->holders++;
    topic->taken++;
    own->early[agent] =
        (double)topic->holders <= self->config.discourse.onset * (double)self->config.agent_count;
    topic->depth = generation > topic->depth ? generation : topic->depth;
    if (source != SANDBOX_NOBODY)
        SPAN_ADD(own, adoptions, 1);
    else
        SPAN_ADD(own, inventions, 1);
    own->spans.epoch.depth = generation > own->spans.epoch.depth ? generation : own->spans.epoch.depth;
    own->spans.run.depth = generation > own->spans.run.depth ? generation : own->spans.run.depth;
    settle_note(self, &(struct note){.kind = NOTE_topic_adopted, .agent = agent, .other = source, .id = id,
                                     .value = (double)generation});
}

/* ---- a post ---- */

void
discourse_mark(struct sandbox *self, const struct action *action)
{
    feed_mark(self->feed, action->target, &(struct feed_tag){
        .topic = action->topic, .kind = action->post_kind, .stance = action->stance});
}

/* The post that a new one replies to, when it is still there. */
static bool
find_parent(const struct sandbox *self, const struct feed_post *post, struct feed_post *out)
{
    return post->parent != FEED_NONE && feed_find(self->feed, post->parent, out);
}

static void
tell(struct sandbox *self, const struct action *action, const struct feed_post *post)
{
    struct discourse *own = self->discourse;
    uint32_t agent = action->actor, source = SANDBOX_NOBODY, generation = 0;
    struct feed_post parent;
    struct feed_tag tag = post->tag;

    if (action->topic == NO_TOPIC)
        return;
    if (find_parent(self, post, &parent) && parent.tag.topic == action->topic && parent.author != agent) {
        source = parent.author;
        generation = parent.tag.generation + 1;
    }
    take_up(self, agent, action->topic, source, generation);
    if (own->place[agent] == NO_TOPIC || own->topics[own->place[agent]].id != action->topic)
        return;
    tag.generation = own->generation[agent];
    feed_mark(self->feed, post->id, &tag);
}

static void
argue(struct sandbox *self, const struct action *action, const struct feed_post *post)
{
    struct discourse *own = self->discourse;
    struct feed_post parent;
    int64_t x = action->stance;

    own->stance[action->actor] = action->stance;
    SPAN_ADD(own, meta_posts, 1);
    if (!find_parent(self, post, &parent) || parent.tag.kind != POST_META)
        return;
    SPAN_ADD(own, meta_replies, 1);
    SPAN_ADD(own, meta_depth, post->depth);
    if (parent.author == action->actor)
        return;
    SPAN_ADD(own, edges, 1);
    SPAN_ADD(own, sum_x, x);
    SPAN_ADD(own, sum_y, parent.tag.stance);
    SPAN_ADD(own, sum_xx, x * x);
    SPAN_ADD(own, sum_yy, parent.tag.stance * parent.tag.stance);
    SPAN_ADD(own, sum_xy, x * parent.tag.stance);
}

static void
posted(struct sandbox *self, const struct action *action)
{
    struct feed_post post;

    discourse_mark(self, action);
    if (!feed_find(self->feed, action->target, &post))
        UNREACHABLE();
    if (action->post_kind == POST_STORY || action->post_kind == POST_MEME)
        tell(self, action, &post);
    else if (action->post_kind == POST_META)
        argue(self, action, &post);
}

/* ---- steps ---- */

static void
begin(struct sandbox *self)
{
    if (is_epoch_start(self))
        memset(&self->discourse->spans.epoch, 0, sizeof self->discourse->spans.epoch);
}

static void
end(struct sandbox *self)
{
    for (uint32_t agent = 0; agent < self->config.agent_count; agent++)
        if (self->discourse->early[agent] &&
            self->now.step - self->discourse->since[agent] >= self->config.discourse.window)
            close_window(self, agent);
}

static void
show(struct sandbox *self)
{
    if (self->config.discourse.threads)
        self->turn.post_count =
            feed_rank(self->feed, FEED_WITH_REPLIES, self->config.feed.visible_posts, self->turn.posts);
}

void
discourse_write_posts(const struct sandbox *self, const struct batch_writer *writer)
{
    uint8_t *kind = batch_column(writer, OBSERVE_post_kind);
    uint32_t *topic = batch_column(writer, OBSERVE_post_topic);
    int32_t *stance = batch_column(writer, OBSERVE_post_stance);

    for (uint32_t i = 0; i < self->turn.post_count; i++) {
        struct feed_post post;

        if (!feed_find(self->feed, self->turn.posts[i], &post))
            UNREACHABLE();
        kind[i] = post.tag.kind;
        topic[i] = post.tag.topic;
        stance[i] = post.tag.stance;
    }
}

static void
write(const struct sandbox *self, const struct batch_writer *writer, const uint32_t *agents)
{
    uint32_t *topic = batch_column(writer, OBSERVE_topic);

    discourse_write_posts(self, writer);
    for (uint32_t i = 0; i < writer->count[ACT_TRAIT]; i++) {
        uint32_t place = self->discourse->place[agents[i]];

        topic[i] = place != NO_TOPIC ? self->discourse->topics[place].id : SANDBOX_NOBODY;
    }
}

/* ---- figures ---- */

/* What agents hold now, whichever span is asked for. */
static void
put_topics(const struct sandbox *self, const struct figure_sink *sink)
{
    const struct discourse *own = self->discourse;
    double holders = 0.0, squares = 0.0, count = (double)self->config.agent_count;
    const struct topic none = {.id = NO_TOPIC}, *first = &none, *second = &none;
    uint32_t largest = 0;

    for (uint32_t i = 0; i < self->config.discourse.topics_max && own->topics[i].id != NO_TOPIC; i++) {
        const struct topic *topic = &own->topics[i];

        holders += (double)topic->holders;
        squares += (double)topic->holders * (double)topic->holders;
        largest = topic->taken > largest ? topic->taken : largest;
        if (topic->holders > first->holders) {
            second = first;
            first = topic;
        } else if (topic->holders > second->holders) {
            second = topic;
        }
    }
    figure_put_share(sink, "topic_holders", holders, count);
    figure_put_share(sink, "narrative_concentration", squares, holders * holders);
    figure_put_share(sink, "effective_topics", holders * holders, squares);
    figure_put_share(sink, "top_topic_share", (double)first->holders, holders);
    figure_put(sink, "top_topic", first->holders > 0 ? (double)first->id : 0.0, first->holders > 0);
    figure_put_share(sink, "top_topic_r0", (double)first->passed, (double)first->closed);
    figure_put_share(sink, "camp_balance", 2.0 * (double)second->holders, (double)(first->holders + second->holders));
    figure_put(sink, "adoption_size", (double)largest, true);
}

/* Newman's assortativity of a directed network by a scalar: Pearson's correlation over its edges (Newman 2003). */
static void
put_assortativity(const struct discourse_span *span, const struct figure_sink *sink)
{
    double n = (double)span->edges;
    double xx = n * (double)span->sum_xx - (double)span->sum_x * (double)span->sum_x;
    double yy = n * (double)span->sum_yy - (double)span->sum_y * (double)span->sum_y;
    double xy = n * (double)span->sum_xy - (double)span->sum_x * (double)span->sum_y;
    bool known = xx > 0.0 && yy > 0.0;

    figure_put(sink, "meta_assortativity", known ? xy / (math_sqrt(xx) * math_sqrt(yy)) : 0.0, known);
}

static void
put_stances(const struct sandbox *self, const struct figure_sink *sink)
{
    double count = 0.0, sum = 0.0, squares = 0.0;

    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        double stance = (double)self->discourse->stance[agent];

        if (self->discourse->stance[agent] == NO_STANCE)
            continue;
        count += 1.0;
        sum += stance;
        squares += stance * stance;
    }
    figure_put_share(sink, "meta_dispersion", count * squares - sum * sum, count * count);
}

static void
figures(const struct sandbox *self, bool whole_run, const struct figure_sink *sink)
{
    const struct discourse_span *span = whole_run ? &self->discourse->spans.run : &self->discourse->spans.epoch;

    put_topics(self, sink);
    figure_put(sink, "topic_adoptions", (double)span->adoptions, true);
    figure_put(sink, "topic_inventions", (double)span->inventions, true);
    figure_put(sink, "topics_untracked", (double)span->untracked, true);
    figure_put_share(sink, "topic_r0", (double)span->passed, (double)span->closed);
    figure_put(sink, "adoption_depth", (double)span->depth, true);
    figure_put(sink, "meta_posts", (double)span->meta_posts, true);
    figure_put_share(sink, "meta_reply_depth", (double)span->meta_depth, (double)span->meta_replies);
    put_assortativity(span, sink);
    put_stances(self, sink);
}

/* ---- state ---- */

static void
cells(struct sandbox *self, struct cells *out)
{
    struct discourse *own = self->discourse;

    cells_add(out, &own->spans, sizeof own->spans);
    cells_add(out, own->topics, self->config.discourse.topics_max * sizeof own->topics[0]);
#define CELL(name) cells_add(out, own->name, self->config.agent_count * sizeof own->name[0]);
    DISCOURSE_COLUMNS(CELL)
}

static int
check_topics(const struct sandbox *self, struct why *why)
{
    const struct discourse *own = self->discourse;
    uint32_t *holders = own->counted;

    memset(holders, 0, self->config.discourse.topics_max * sizeof holders[0]);
    for (uint32_t agent = 0; agent < self->config.agent_count; agent++)
        if (own->place[agent] != NO_TOPIC)
            holders[own->place[agent]]++;
    for (uint32_t i = 0; i < self->config.discourse.topics_max; i++) {
        if (own->topics[i].holders != holders[i])
            return fail(why, ERR_STATE, "discourse: topic %" PRIu32 " has %" PRIu32 " holders, not %" PRIu32,
                        own->topics[i].id, own->topics[i].holders, holders[i]);
        for (uint32_t j = 0; j < i; j++)
            if (own->topics[i].id != NO_TOPIC && own->topics[i].id == own->topics[j].id)
                return fail(why, ERR_STATE, "discourse: topic %" PRIu32 " is followed twice", own->topics[i].id);
    }
    return 0;
}

static int
check_state(const struct sandbox *self, struct why *why)
{
    const struct discourse *own = self->discourse;

    for (uint32_t agent = 0; agent < self->config.agent_count; agent++) {
        bool holds = own->place[agent] != NO_TOPIC;

        if ((holds && own->place[agent] >= self->config.discourse.topics_max) || own->early[agent] > holds ||
            own->source[agent] == agent || own->stance[agent] < -1 || own->stance[agent] > NO_STANCE ||
            (own->source[agent] != SANDBOX_NOBODY && own->source[agent] >= self->config.agent_count))
            return fail(why, ERR_STATE, "discourse: what agent %" PRIu32 " talks about makes no sense", agent);
    }
    return check_topics(self, why);
}

const struct feature feature_discourse = {
    .name = "discourse",
    .traits = true,
    .is_on = is_on,
    .make = make,
    .destroy = destroy,
    .genesis = genesis,
    .begin = begin,
    .end = end,
    .show = show,
    .write = write,
    .posted = posted,
    .figures = figures,
    .cells = cells,
    .check_state = check_state,
};
