#include "world/sandbox/feed.h"

#include "core/arena.h"
#include "core/math.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FEED_MINUS_INFINITY (-__builtin_inf())

/* A binary heap of places with a way back from place to position, so that a changed post is moved in O(log). */
struct heap {
    uint32_t *items;    /* places */
    uint32_t *position; /* by place; FEED_NONE when it is not in */
    uint32_t count;
    bool worst_first;
};

/* A post lives at a place 0 .. capacity-1. Its id is place + capacity * (how often the place was used before), so an
 * id finds its place without a search and says whether the post is still there. */
struct feed {
    struct feed_config config;
    struct {
        uint64_t created; /* posts ever */
        uint32_t used;    /* places in use: all below this */
        uint32_t spare;
    } counts;
    uint32_t *id, *author, *parent, *root, *depth, *up, *down, *replies, *tree_size, *text_size;
    uint64_t *order; /* of creation */
    double *weight, *born;
    uint8_t *hidden, *voted; /* voted: votes[] of the place may be set */
    uint8_t *votes;          /* 2 bits an agent, vote_stride bytes a place: 0 none, 1 up, 2 down */
    size_t vote_stride;
    struct feed_tag *tag;    /* NULL without tags */
    struct feed_voice *voice; /* NULL without voices */
    char *text;
    struct heap best;  /* posts that can be seen, best first */
    struct heap worst; /* all posts, the one to go first */
};

#define FEED_COLUMNS(C)                                                                                              \
    C(id) C(author) C(parent) C(root) C(depth) C(up) C(down) C(replies) C(tree_size) C(text_size) C(order) C(weight) \
    C(born) C(hidden) C(voted)

static const struct feed_tag no_tag = {.topic = FEED_NONE};

_Static_assert(sizeof(struct feed_tag) == 12 && sizeof(struct feed_voice) == 8, "no padding in what is saved as bytes");

/* ---- order ---- */

/* The part of the score that does not change with time: score + beta * now. */
static double
key_of(const struct feed *self, uint32_t place)
{
    return self->weight[place] + self->config.alpha * (double)self->replies[place] +
           self->config.beta * self->born[place];
}

/* Is `a` ranked before `b`? */
static bool
is_better(const struct feed *self, uint32_t a, uint32_t b)
{
    double key_a = key_of(self, a), key_b = key_of(self, b);

    if (self->hidden[a] != self->hidden[b])
        return self->hidden[b] != 0;
    if (!self->hidden[a] && key_a != key_b)
        return key_a > key_b;
    return self->order[a] < self->order[b];
}

static uint64_t
mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Must `a` go before `b`? */
static bool
is_worse(const struct feed *self, uint32_t a, uint32_t b)
{
    double key_a = key_of(self, a), key_b = key_of(self, b);

    if (self->hidden[a] != self->hidden[b])
        return self->hidden[a] != 0;
    if (key_a != key_b)
        return key_a < key_b;
    return mix(self->order[a]) < mix(self->order[b]);
}

static bool
heap_before(const struct feed *feed, const struct heap *self, uint32_t a, uint32_t b)
{
    return self->worst_first ? is_worse(feed, a, b) : is_better(feed, a, b);
}

static void
heap_set(struct heap *self, uint32_t position, uint32_t place)
{
    self->items[position] = place;
    self->position[place] = position;
}

/* Moves the item at `position` to where it belongs. */
static void
heap_settle(const struct feed *feed, struct heap *self, uint32_t position)
{
    uint32_t place = self->items[position];

    while (position > 0 && heap_before(feed, self, place, self->items[(position - 1) / 2])) {
        heap_set(self, position, self->items[(position - 1) / 2]);
        position = (position - 1) / 2;
    }
    for (;;) {
        uint32_t child = 2 * position + 1;

        if (child >= self->count)
            break;
        if (child + 1 < self->count && heap_before(feed, self, self->items[child + 1], self->items[child]))
            child++;
        if (!heap_before(feed, self, self->items[child], place))
            break;
        heap_set(self, position, self->items[child]);
        position = child;
    }
    heap_set(self, position, place);
}

static void
heap_add(const struct feed *feed, struct heap *self, uint32_t place)
{
    ASSERT(self->position[place] == FEED_NONE);
    heap_set(self, self->count, place);
    heap_settle(feed, self, self->count++);
}

static void
heap_remove(const struct feed *feed, struct heap *self, uint32_t place)
{
    uint32_t position = self->position[place];

    if (position == FEED_NONE)
        return;
    self->position[place] = FEED_NONE;
    self->count--;
    if (position == self->count)
        return;
    heap_set(self, position, self->items[self->count]);
    heap_settle(feed, self, position);
}

static void
heap_update(const struct feed *feed, struct heap *self, uint32_t place)
{
    if (self->position[place] != FEED_NONE)
        heap_settle(feed, self, self->position[place]);
}

static bool
can_be_seen(const struct feed *self, uint32_t place)
{
    return self->parent[place] == FEED_NONE && !self->hidden[place];
}

/* ---- life ---- */

struct feed *
feed_new(const struct feed_config *config)
{
    struct feed *self = ALLOC(struct feed);
    uint32_t capacity = config->capacity;

    ASSERT(capacity > 0 && capacity <= 65536);
    self->config = *config;
    self->vote_stride = ((size_t)config->agent_count + 3) / 4;
#define FEED_ALLOCATE(name) self->name = alloc_array(capacity, sizeof self->name[0]);
    FEED_COLUMNS(FEED_ALLOCATE)
    self->votes = ALLOC_ARRAY(uint8_t, capacity * self->vote_stride + 1);
    self->tag = config->tagged ? ALLOC_ARRAY(struct feed_tag, capacity) : NULL;
    self->voice = config->voiced ? ALLOC_ARRAY(struct feed_voice, capacity) : NULL;
    self->text = ALLOC_ARRAY(char, (size_t)capacity * config->text_max + 1);
    self->best.items = ALLOC_ARRAY(uint32_t, capacity);
    self->best.position = ALLOC_ARRAY(uint32_t, capacity);
    self->worst.items = ALLOC_ARRAY(uint32_t, capacity);
    self->worst.position = ALLOC_ARRAY(uint32_t, capacity);
    self->worst.worst_first = true;
    feed_clear(self);
    return self;
}

void
feed_destroy(struct feed **self_p)
{
    struct feed *self = *self_p;

    if (self == NULL)
        return;
#define FEED_FREE(name) free(self->name);
    FEED_COLUMNS(FEED_FREE)
    free(self->votes);
    free(self->tag);
    free(self->voice);
    free(self->text);
    free(self->best.items);
    free(self->best.position);
    free(self->worst.items);
    free(self->worst.position);
    free(self);
    *self_p = NULL;
}

void
feed_clear(struct feed *self)
{
    uint32_t capacity = self->config.capacity;

    memset(&self->counts, 0, sizeof self->counts);
#define FEED_ZERO(name) memset(self->name, 0, capacity * sizeof self->name[0]);
    FEED_COLUMNS(FEED_ZERO)
    memset(self->votes, 0, capacity * self->vote_stride);
    if (self->tag != NULL)
        memset(self->tag, 0, capacity * sizeof self->tag[0]);
    if (self->voice != NULL)
        memset(self->voice, 0, capacity * sizeof self->voice[0]);
    memset(self->text, 0, (size_t)capacity * self->config.text_max);
    memset(self->best.position, 0xff, capacity * sizeof self->best.position[0]);
    memset(self->worst.position, 0xff, capacity * sizeof self->worst.position[0]);
    self->best.count = self->worst.count = 0;
}

/* ---- posts ---- */

/* The place of a living post, or FEED_NONE. */
static uint32_t
place_of(const struct feed *self, uint32_t id)
{
    uint32_t place = id % self->config.capacity;

    return id != FEED_NONE && place < self->counts.used && self->id[place] == id ? place : FEED_NONE;
}

/* A place for a new post: an unused one, or that of the post that has to go. */
static uint32_t
place_take(struct feed *self, uint32_t keep, uint32_t *gone)
{
    uint32_t place = self->counts.used;

    if (place < self->config.capacity) {
        self->counts.used++;
        self->id[place] = place;
        return place;
    }
    place = self->worst.items[0];
    if (place == keep && self->worst.count > 1) { /* a reply must not push out what it answers */
        place = self->worst.items[1];
        if (self->worst.count > 2 && is_worse(self, self->worst.items[2], place))
            place = self->worst.items[2];
    }
    *gone = self->id[place];
    heap_remove(self, &self->best, place);
    heap_remove(self, &self->worst, place);
    if (self->voted[place])
        memset(self->votes + place * self->vote_stride, 0, self->vote_stride);
    if (self->id[place] < FEED_NONE - self->config.capacity)
        self->id[place] += self->config.capacity;
    else
        self->id[place] = place; /* after 2^32 posts the numbers begin anew */
    return place;
}

static void
count_reply(struct feed *self, uint32_t parent, uint32_t root)
{
    uint32_t root_place = place_of(self, root);

    self->replies[parent]++;
    heap_update(self, &self->best, parent);
    heap_update(self, &self->worst, parent);
    if (root_place != FEED_NONE)
        self->tree_size[root_place]++;
}

uint32_t
feed_add(struct feed *self, uint32_t author, uint32_t parent, double born, const void *text, uint32_t text_size,
         uint32_t *gone)
{
    uint32_t above = place_of(self, parent);
    uint32_t went = FEED_NONE;
    uint32_t place;

    if (gone != NULL)
        *gone = FEED_NONE;
    if ((parent != FEED_NONE && above == FEED_NONE) || text_size > self->config.text_max)
        return FEED_NONE;
    if (above != FEED_NONE && self->config.capacity == 1)
        return FEED_NONE; /* there is room for a post only, and it is the one to be answered */
    place = place_take(self, above, &went);
    if (gone != NULL)
        *gone = went;

    self->author[place] = author;
    self->parent[place] = parent;
    self->root[place] = above == FEED_NONE ? self->id[place] : self->root[above];
    self->depth[place] = above == FEED_NONE ? 0 : self->depth[above] + 1;
    self->up[place] = self->down[place] = self->replies[place] = 0;
    self->tree_size[place] = 1;
    self->order[place] = self->counts.created++;
    self->weight[place] = 0.0;
    self->born[place] = born;
    self->hidden[place] = self->voted[place] = 0;
    if (self->tag != NULL)
        self->tag[place] = no_tag;
    if (self->voice != NULL)
        self->voice[place] = (struct feed_voice){0};
    self->text_size[place] = text_size;
    if (text_size > 0)
        memcpy(self->text + (size_t)place * self->config.text_max, text, text_size);
    heap_add(self, &self->worst, place);
    if (above == FEED_NONE)
        heap_add(self, &self->best, place);
    else
        count_reply(self, above, self->root[place]);
    return self->id[place];
}

bool
feed_find(const struct feed *self, uint32_t id, struct feed_post *out)
{
    uint32_t place = place_of(self, id);

    if (place == FEED_NONE)
        return false;
    if (out != NULL)
        *out = (struct feed_post){
            .id = id, .author = self->author[place], .parent = self->parent[place], .root = self->root[place],
            .depth = self->depth[place], .up = self->up[place], .down = self->down[place],
            .replies = self->replies[place], .tree_size = self->tree_size[place], .hidden = self->hidden[place] != 0,
            .weight = self->weight[place], .born = self->born[place],
            .tag = self->tag != NULL ? self->tag[place] : no_tag,
            .voice = self->voice != NULL ? self->voice[place] : (struct feed_voice){0}};
    return true;
}

uint32_t
feed_at(const struct feed *self, uint32_t place)
{
    return place < self->counts.used ? self->id[place] : FEED_NONE;
}

void
feed_mark(struct feed *self, uint32_t id, const struct feed_tag *tag)
{
    uint32_t place = place_of(self, id);

    ASSERT(place != FEED_NONE);
    if (self->tag != NULL)
        self->tag[place] = *tag;
}

void
feed_trace(struct feed *self, uint32_t id, const struct feed_voice *voice)
{
    uint32_t place = place_of(self, id);

    ASSERT(place != FEED_NONE && voice->taint <= FEED_TAINT_MAX);
    if (self->voice != NULL)
        self->voice[place] = *voice;
}

const char *
feed_text(const struct feed *self, uint32_t id, uint32_t *size)
{
    uint32_t place = place_of(self, id);

    ASSERT(place != FEED_NONE);
    *size = self->text_size[place];
    return self->text + (size_t)place * self->config.text_max;
}

double
feed_score(const struct feed *self, uint32_t id, double now)
{
    uint32_t place = place_of(self, id);

    ASSERT(place != FEED_NONE);
    if (self->hidden[place])
        return FEED_MINUS_INFINITY;
    return self->weight[place] + self->config.alpha * (double)self->replies[place] -
           self->config.beta * (now - self->born[place]);
}

/* ---- votes ---- */

static unsigned
vote_get(const struct feed *self, uint32_t place, uint32_t voter)
{
    unsigned byte = self->votes[place * self->vote_stride + voter / 4];

    return (byte >> (2 * (voter % 4))) & 3u;
}

static void
vote_set(struct feed *self, uint32_t place, uint32_t voter, unsigned vote)
{
    uint8_t *byte = &self->votes[place * self->vote_stride + voter / 4];
    unsigned shift = 2 * (voter % 4);

    *byte = (uint8_t)((*byte & ~(3u << shift)) | (vote << shift));
    self->voted[place] = 1;
}

/* Counts a vote (sign 1) or takes it back (sign -1). */
static void
vote_count(struct feed *self, uint32_t place, unsigned vote, int sign, double weight)
{
    uint32_t *count = vote == 1 ? &self->up[place] : &self->down[place];

    *count = sign > 0 ? *count + 1 : *count - 1;
    self->weight[place] += (vote == 1 ? weight : -weight) * (double)sign;
}

enum feed_vote
feed_vote(struct feed *self, uint32_t id, uint32_t voter, int32_t value, double weight)
{
    uint32_t place = place_of(self, id);
    unsigned vote = value > 0 ? 1 : 2;
    unsigned before;

    ASSERT(voter < self->config.agent_count && (value == 1 || value == -1));
    if (place == FEED_NONE)
        return FEED_VOTE_MISSING;
    before = vote_get(self, place, voter);
    if (before == vote)
        return FEED_VOTE_SAME;
    if (before != 0)
        vote_count(self, place, before, -1, weight);
    vote_count(self, place, vote, 1, weight);
    vote_set(self, place, voter, vote);
    heap_update(self, &self->best, place);
    heap_update(self, &self->worst, place);
    return before != 0 ? FEED_VOTE_FLIPPED : FEED_VOTE_NEW;
}

bool
feed_unvote(struct feed *self, uint32_t id, uint32_t voter, double weight)
{
    uint32_t place = place_of(self, id);
    unsigned before;

    ASSERT(voter < self->config.agent_count);
    if (place == FEED_NONE)
        return false;
    before = vote_get(self, place, voter);
    if (before == 0)
        return false;
    vote_count(self, place, before, -1, weight);
    vote_set(self, place, voter, 0);
    heap_update(self, &self->best, place);
    heap_update(self, &self->worst, place);
    return true;
}

int32_t
feed_voted(const struct feed *self, uint32_t id, uint32_t voter)
{
    uint32_t place = place_of(self, id);

    ASSERT(place != FEED_NONE && voter < self->config.agent_count);
    switch (vote_get(self, place, voter)) {
    case 1:
        return 1;
    case 2:
        return -1;
    default:
        return 0;
    }
}

bool
feed_hide(struct feed *self, uint32_t id, bool hidden)
{
    uint32_t place = place_of(self, id);

    if (place == FEED_NONE)
        return false;
    heap_remove(self, &self->best, place);
    self->hidden[place] = hidden;
    heap_update(self, &self->worst, place);
    if (can_be_seen(self, place))
        heap_add(self, &self->best, place);
    return true;
}

/* ---- what is seen ---- */

uint32_t
feed_visible(const struct feed *self, uint32_t limit, uint32_t *out)
{
    uint32_t front[257]; /* positions of the heap that may come next: each one taken adds at most one more */
    uint32_t front_count = 0, count = 0;

    ASSERT(limit < 256);
    if (self->best.count > 0)
        front[front_count++] = 0;
    while (count < limit && front_count > 0) {
        uint32_t best = 0, position;

        for (uint32_t i = 1; i < front_count; i++)
            if (is_better(self, self->best.items[front[i]], self->best.items[front[best]]))
                best = i;
        position = front[best];
        front[best] = front[--front_count];
        out[count++] = self->id[self->best.items[position]];
        for (uint32_t child = 2 * position + 1; child <= 2 * position + 2 && child < self->best.count; child++)
            front[front_count++] = child;
    }
    return count;
}

/* Puts a place into a list of at most `limit` ids kept in rank order. */
static uint32_t
rank_insert(const struct feed *self, uint32_t place, uint32_t limit, uint32_t *out, uint32_t count)
{
    uint32_t at = count;

    while (at > 0 && is_better(self, place, place_of(self, out[at - 1])))
        at--;
    if (at == limit)
        return count;
    if (count < limit)
        count++;
    memmove(out + at + 1, out + at, (size_t)(count - at - 1) * sizeof out[0]);
    out[at] = self->id[place];
    return count;
}

uint32_t
feed_rank(const struct feed *self, unsigned what, uint32_t limit, uint32_t *out)
{
    uint32_t count = 0;

    for (uint32_t place = 0; place < self->counts.used && limit > 0; place++) {
        if (self->parent[place] != FEED_NONE && (what & FEED_WITH_REPLIES) == 0)
            continue;
        if (self->hidden[place] && (what & FEED_WITH_HIDDEN) == 0)
            continue;
        count = rank_insert(self, place, limit, out, count);
    }
    return count;
}

/* The best reply to `id` that is ranked behind `after` (FEED_NONE: the best of all), or FEED_NONE. */
static uint32_t
next_reply(const struct feed *self, uint32_t id, uint32_t after)
{
    uint32_t found = FEED_NONE;

    for (uint32_t place = 0; place < self->counts.used; place++) {
        if (self->parent[place] != id || (after != FEED_NONE && !is_better(self, after, place)))
            continue;
        if (found == FEED_NONE || is_better(self, place, found))
            found = place;
    }
    return found;
}

uint32_t
feed_thread(const struct feed *self, uint32_t id, uint32_t depth_max, uint32_t limit, uint32_t *out)
{
    uint32_t place = place_of(self, id);
    uint32_t after = FEED_NONE, depth = 0, count = 0;

    if (place == FEED_NONE || limit == 0)
        return 0;
    out[count++] = id;
    while (count < limit) {
        uint32_t reply = depth < depth_max ? next_reply(self, self->id[place], after) : FEED_NONE;

        if (reply != FEED_NONE) { /* down */
            out[count++] = self->id[reply];
            place = reply;
            after = FEED_NONE;
            depth++;
        } else { /* up, and on with the next sibling */
            if (depth == 0)
                break;
            after = place;
            place = place_of(self, self->parent[place]);
            ASSERT(place != FEED_NONE);
            depth--;
        }
    }
    return count;
}

struct feed_stats
feed_stats(const struct feed *self)
{
    struct feed_stats out = {.posts = self->counts.used};

    for (uint32_t place = 0; place < self->counts.used; place++) {
        bool first = true;

        out.replies += self->parent[place] != FEED_NONE;
        out.hidden += self->hidden[place] != 0;
        out.up += self->up[place];
        out.down += self->down[place];
        for (uint32_t i = 0; i < place && first; i++)
            first = self->author[i] != self->author[place];
        out.unique_authors += first;
    }
    out.top_level = out.posts - out.replies;
    out.votes = out.up + out.down;
    for (uint32_t voter = 0; voter < self->config.agent_count; voter++) {
        unsigned any = 0;

        for (uint32_t place = 0; place < self->counts.used && any == 0; place++)
            any = vote_get(self, place, voter);
        out.unique_voters += any != 0;
    }
    return out;
}

/* ---- state ---- */

void
feed_cells(struct feed *self, struct cells *out)
{
    cells_add(out, &self->counts, sizeof self->counts);
#define FEED_CELL(name) cells_add(out, self->name, self->config.capacity * sizeof self->name[0]);
    FEED_COLUMNS(FEED_CELL)
    cells_add(out, self->votes, self->config.capacity * self->vote_stride);
    if (self->tag != NULL)
        cells_add(out, self->tag, self->config.capacity * sizeof self->tag[0]);
    if (self->voice != NULL)
        cells_add(out, self->voice, self->config.capacity * sizeof self->voice[0]);
}

void
feed_text_cells(struct feed *self, struct cells *out)
{
    cells_add(out, self->text, (size_t)self->config.capacity * self->config.text_max);
}

void
feed_fold_texts(const struct feed *self, struct fold *fold)
{
    for (uint32_t place = 0; place < self->counts.used; place++)
        fold_bytes(fold, self->text + (size_t)place * self->config.text_max, self->text_size[place]);
}

int
feed_rebuild(struct feed *self, struct why *why)
{
    uint32_t capacity = self->config.capacity;

    if (self->counts.used > capacity || self->counts.used > self->counts.created)
        return fail(why, ERR_FORMAT, "feed: %" PRIu32 " places in use of %" PRIu32, self->counts.used, capacity);
    for (uint32_t place = 0; place < self->counts.used; place++)
        if (self->id[place] % capacity != place || self->author[place] >= self->config.agent_count ||
            self->text_size[place] > self->config.text_max || self->hidden[place] > 1)
            return fail(why, ERR_FORMAT, "feed: the post at place %" PRIu32 " makes no sense", place);
    for (uint32_t place = 0; place < self->counts.used && self->tag != NULL; place++)
        if (self->tag[place].stance < -1 || self->tag[place].stance > 1)
            return fail(why, ERR_FORMAT, "feed: the tag at place %" PRIu32 " makes no sense", place);
    for (uint32_t place = 0; place < self->counts.used && self->voice != NULL; place++)
        if (self->voice[place].taint > FEED_TAINT_MAX)
            return fail(why, ERR_FORMAT, "feed: the voice at place %" PRIu32 " makes no sense", place);
    memset(self->best.position, 0xff, capacity * sizeof self->best.position[0]);
    memset(self->worst.position, 0xff, capacity * sizeof self->worst.position[0]);
    self->best.count = self->worst.count = 0;
    for (uint32_t place = 0; place < self->counts.used; place++) {
        heap_add(self, &self->worst, place);
        if (can_be_seen(self, place))
            heap_add(self, &self->best, place);
    }
    return 0;
}

static int
check_heap(const struct feed *self, const struct heap *heap, uint32_t count, struct why *why)
{
    if (heap->count != count)
        return fail(why, ERR_STATE, "feed: a heap of %" PRIu32 " for %" PRIu32 " posts", heap->count, count);
    for (uint32_t i = 0; i < heap->count; i++) {
        if (heap->position[heap->items[i]] != i)
            return fail(why, ERR_STATE, "feed: place %" PRIu32 " is not where the heap says", heap->items[i]);
        if (i > 0 && heap_before(self, heap, heap->items[i], heap->items[(i - 1) / 2]))
            return fail(why, ERR_STATE, "feed: heap order broken at %" PRIu32, i);
    }
    return 0;
}

static int
check_post(const struct feed *self, uint32_t place, struct why *why)
{
    uint32_t count[4] = {0}, replies = 0;

    for (uint32_t voter = 0; voter < self->config.agent_count; voter++)
        count[vote_get(self, place, voter)]++;
    for (uint32_t i = 0; i < self->counts.used; i++)
        replies += self->parent[i] == self->id[place];
    if (count[1] != self->up[place] || count[2] != self->down[place] || count[3] != 0)
        return fail(why, ERR_STATE, "feed: post %" PRIu32 " counts %" PRIu32 " up and %" PRIu32 " down, not %" PRIu32
                    " and %" PRIu32, self->id[place], self->up[place], self->down[place], count[1], count[2]);
    if (replies > self->replies[place])
        return fail(why, ERR_STATE, "feed: post %" PRIu32 " has %" PRIu32 " replies, not %" PRIu32, self->id[place],
                    replies, self->replies[place]);
    return 0;
}

int
feed_check(const struct feed *self, struct why *why)
{
    uint32_t visible = 0;
    int code;

    for (uint32_t place = 0; place < self->counts.used; place++) {
        visible += can_be_seen(self, place);
        code = check_post(self, place, why);
        if (code != 0)
            return code;
    }
    code = check_heap(self, &self->best, visible, why);
    return code != 0 ? code : check_heap(self, &self->worst, self->counts.used, why);
}
