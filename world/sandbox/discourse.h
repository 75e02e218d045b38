/* world/sandbox/discourse.h - what agents talk about: posts have a kind, a topic and a stance, and it is followed who
 * takes up which story or meme from whom (agents' topics), and who answers whom in talk about what agents are.
 *
 * An agent holds the topic of its last story or meme. It has taken it up from the author of the post that it replied
 * to, when that post was about the same topic; otherwise of its own accord (generation 0). The generation of an
 * adopter is that of the post it answered and one more.
 *
 * R0 of a topic is how many agents take it up directly from one that holds it, while hardly anybody does: the mean
 * over those that took it up when at most a share `onset` of the agents held it, each with what it passed on within
 * `window` steps or until it turned to something else. It is known once the first of these windows has closed, and
 * counts in the epoch in which it does. Later adopters are left out, because a topic that everybody knows spreads no
 * more, whatever it is (Diekmann, Heesterbeek & Metz 1990 define R0 so, for a susceptible population). */
#ifndef POLIS_WORLD_SANDBOX_DISCOURSE_H
#define POLIS_WORLD_SANDBOX_DISCOURSE_H

#include "core/params.h"

#include <stdint.h>

#define DISCOURSE_TOPICS_MAX 4096u

#define DISCOURSE_PARAMS(P, S)                                                                                       \
    P(S, BOOL, enabled, 0, 0, 1, "", "whether posts say what they are about, and it is followed who takes up what")  \
    P(S, U32, topics_max, 256, 2, DISCOURSE_TOPICS_MAX, "topics",                                                    \
      "followed at a time; a new one takes the place of one that nobody holds any more, or is not followed")         \
    P(S, U32, window, 10, 1, 1000000, "steps", "in which an adopter's influence on others counts for R0")            \
    P(S, F64, onset, 0.25, 0, 1, "share",                                                                            \
      "of the agents that hold a topic up to which its adopters count for R0")                                       \
    P(S, BOOL, threads, 0, 0, 1, "", "whether agents see replies among the posts")
PARAMS_STRUCT(discourse_params, DISCOURSE_PARAMS)

struct sandbox;
struct action;
struct batch_writer;

/* Writes into a new post what its author says it is. */
void discourse_mark(struct sandbox *self, const struct action *action);
/* The columns post_kind, post_topic and post_stance of the posts that are shown. */
void discourse_write_posts(const struct sandbox *self, const struct batch_writer *writer);

#endif
