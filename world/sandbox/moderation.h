/* world/sandbox/moderation.h - moderators keep the feed: they hide posts and keep their authors out for a while, a
 * bounded number of times in an epoch. What they do is measured against what the authors meant: a post whose sincerity
 * is below a half is harmful, and hiding another one is what moderation costs. Replies may be hidden too, but nobody
 * says how they are meant, so they count neither way.
 *
 * 1. Nobody moderates its own posts, or what is hidden already. 2. An author is frozen only after `warnings` of its
 * posts were hidden. 3. What was hidden stays hidden. */
#ifndef POLIS_WORLD_SANDBOX_MODERATION_H
#define POLIS_WORLD_SANDBOX_MODERATION_H

#include "core/params.h"

#define MODERATION_PARAMS(P, S)                                                                                      \
    P(S, BOOL, enabled, 0, 0, 1, "", "whether moderators may hide posts and freeze authors")                         \
    P(S, U32, budget, 5, 0, 65535, "acts", "of one moderator in an epoch at most")                                   \
    P(S, U32, warnings, 2, 0, 1000000, "posts", "of an author that are hidden before a moderator may freeze it")     \
    P(S, U32, freeze_epochs, 1, 0, 100000, "epochs", "that a frozen author stays out, after the one that runs")
PARAMS_STRUCT(moderation_params, MODERATION_PARAMS)

#endif
