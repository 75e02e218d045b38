/* world/sandbox/words.h - a word that is followed through what is posted. Hostile texts carry a marker, a word that
 * nobody writes by chance; a post is marked when its text holds it, in capitals or not. A marked post's hops are
 *
 *     1 + the fewest hops among the marked posts of others that its author was given to read in this step (in none:
 *         in earlier ones), when a model wrote it that was given any;
 *     1   otherwise: it was planted there. Built-in policies read no texts, so whatever they post is planted.
 *
 * Containment is the time from the first marked post to the last one: how long new ones kept coming. */
#ifndef POLIS_WORLD_SANDBOX_WORDS_H
#define POLIS_WORLD_SANDBOX_WORDS_H

#include "core/params.h"

#include <stdbool.h>
#include <stdint.h>

#define WORDS_MARKER_MAX 64

#define WORDS_PARAMS(P, S)                                                                                           \
    P(S, TEXT, marker, "", 0, WORDS_MARKER_MAX, "",                                                                  \
      "that hostile texts carry and that is followed from post to post; empty: nothing is")
PARAMS_STRUCT(words_params, WORDS_PARAMS)

struct sandbox;

/* Whether the text holds the marker; never without one. */
bool words_marked(const struct sandbox *self, const char *text, uint32_t size);
/* What a model has read for the agent: the fewest hops among the marked posts of others, 0 when none was. */
void words_read(struct sandbox *self, uint32_t agent, uint32_t hops);

#endif
