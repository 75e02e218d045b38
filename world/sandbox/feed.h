/* world/sandbox/feed.h - posts, replies, votes, and which posts are seen. A post's score at time t is
 *
 *     weighted votes + alpha * replies - beta * (t - born)
 *
 * All posts age alike, so their order changes only with a vote or a reply: it is kept in a heap and never sorted
 * anew. Equal scores keep the order of creation. The feed holds `capacity` posts; when it is full, a new post takes
 * the place of the lowest (hidden ones first; among equals a hash of the id decides, so that no agent's number is
 * favoured).
 *
 * Invariants (feed_check): 1. a post's up and down counts are those of its votes, at most one an agent; 2. its reply
 * count is at least that of its living replies; 3. the heaps hold exactly the posts they should, in heap order. */
#ifndef POLIS_WORLD_SANDBOX_FEED_H
#define POLIS_WORLD_SANDBOX_FEED_H

#include "core/digest.h"
#include "core/error.h"
#include "world/sandbox/cells.h"

#include <stdbool.h>
#include <stdint.h>

#define FEED_NONE UINT32_MAX /* no post, no place */
#define FEED_TAINT_MAX 255u  /* of a post's words; they get no more */

struct feed_config {
    uint32_t capacity;    /* posts kept, 1 .. 65536 */
    uint32_t agent_count; /* memory: 2 bits a post and agent */
    uint32_t text_max;    /* bytes kept of a post's text */
    double alpha, beta;
    bool tagged; /* posts have a struct feed_tag; else all of them have the same */
    bool voiced; /* posts have a struct feed_voice; else all of them have none */
};

/* What a post says about itself, and what is known of it beside the ranking. A value without padding: its bytes are
 * state. */
struct feed_tag {
    uint32_t topic;      /* or FEED_NONE */
    uint32_t generation; /* steps from the post that made the topic up to this one */
    uint8_t kind;        /* enum sandbox_post */
    int8_t stance;       /* -1, 0, 1 */
    uint8_t spent;       /* of a rule: it has been ruled upon */
    uint8_t sincerity;   /* 0 .. 255; 0 where nobody moderates */
};

/* Where a post's words come from. A value without padding: its bytes are state. */
struct feed_voice {
    uint32_t taint; /* 0: engine or template wrote them; 1: a model; n + 1: a model that had read n; at most 255 */
    uint32_t hops;  /* of a tracked word through posts: 1 where it was planted; 0: the words do not hold it */
};

struct feed_post {
    uint32_t id, author;
    uint32_t parent; /* id or FEED_NONE; the parent may be gone */
    uint32_t root;   /* id of the thread's first post; itself for a post */
    uint32_t depth;  /* 0 for a post */
    uint32_t up, down, replies;
    uint32_t tree_size; /* of a root: posts of its thread, those gone included */
    bool hidden;
    double weight; /* weighted votes, up minus down */
    double born;
    struct feed_tag tag;
    struct feed_voice voice;
};

/* `unique_` figures and `votes` are counted on demand. */
struct feed_stats {
    uint32_t posts, top_level, replies, hidden, unique_authors, unique_voters;
    uint64_t votes, up, down;
};

struct feed;

struct feed *feed_new(const struct feed_config *config);
void feed_destroy(struct feed **self_p);
void feed_clear(struct feed *self);

/* Adds a post (parent FEED_NONE) or a reply and returns its id. FEED_NONE: there is no such parent, or the text is
 * longer than text_max. `born` never falls from one post to the next. `gone`, when not NULL, gets the id of the post
 * that had to go, or FEED_NONE. */
uint32_t feed_add(
    struct feed *self, uint32_t author, uint32_t parent, double born, const void *text, uint32_t text_size,
    uint32_t *gone);

bool feed_find(const struct feed *self, uint32_t id, struct feed_post *out);
/* The text of a living post (lent, not terminated). */
const char *feed_text(const struct feed *self, uint32_t id, uint32_t *size);
double feed_score(const struct feed *self, uint32_t id, double now); /* hidden: -infinity */
/* The id of the post at a place (0 .. capacity - 1), or FEED_NONE: for looking at all of them. */
uint32_t feed_at(const struct feed *self, uint32_t place);
/* Says what a living post is about; new posts are plain, without topic. Without tags nothing happens. */
void feed_mark(struct feed *self, uint32_t id, const struct feed_tag *tag);
/* Says where a living post's words come from; of new posts: from nobody. Without voices nothing happens. */
void feed_trace(struct feed *self, uint32_t id, const struct feed_voice *voice);

enum feed_vote { FEED_VOTE_MISSING, FEED_VOTE_NEW, FEED_VOTE_SAME, FEED_VOTE_FLIPPED };

/* One vote a voter and post: the same again changes nothing, the opposite takes the old one back and counts (with
 * `weight` for both, as the old weight is not kept). value is -1 or 1. */
enum feed_vote feed_vote(struct feed *self, uint32_t id, uint32_t voter, int32_t value, double weight);
/* Takes a vote back, with `weight`. False when there was none. */
bool feed_unvote(struct feed *self, uint32_t id, uint32_t voter, double weight);
/* -1, 0 or 1. The post lives. */
int32_t feed_voted(const struct feed *self, uint32_t id, uint32_t voter);

/* False when there is no such post. Hidden posts are not seen. */
bool feed_hide(struct feed *self, uint32_t id, bool hidden);

/* The ids of the best posts (no replies, none hidden), best first; at most `limit`. O(limit log limit). */
uint32_t feed_visible(const struct feed *self, uint32_t limit, uint32_t *out);

/* The same over more than what agents see, by looking at every post. */
enum { FEED_WITH_REPLIES = 1, FEED_WITH_HIDDEN = 2 };
uint32_t feed_rank(const struct feed *self, unsigned what, uint32_t limit, uint32_t *out);

/* A thread in reading order: the post, then depth first, siblings by rank (hidden last), not deeper than depth_max
 * below the start. At most `limit` ids. */
uint32_t feed_thread(const struct feed *self, uint32_t id, uint32_t depth_max, uint32_t limit, uint32_t *out);

struct feed_stats feed_stats(const struct feed *self);

/* Everything that is state but the texts, and the room of the texts; feed_rebuild() makes the rest anew from both. */
void feed_cells(struct feed *self, struct cells *out);
void feed_text_cells(struct feed *self, struct cells *out);
/* The texts of the living posts alone: most of their room is empty. */
void feed_fold_texts(const struct feed *self, struct fold *fold);
MUST_CHECK int feed_rebuild(struct feed *self, struct why *why);
MUST_CHECK int feed_check(const struct feed *self, struct why *why);

#endif
