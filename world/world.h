/* world/world.h - the process that owns all state. Opens a run, recovers it to the last committed step, and steps on
 * until the scenario's end: an actor like the others, with the log thread behind its back. */
#ifndef POLIS_WORLD_WORLD_H
#define POLIS_WORLD_WORLD_H

#include "bus/actor.h"
#include "core/error.h"
#include "world/plan.h"
#include "world/store.h"

#include <stdint.h>

/* Exit statuses beside sysexits' own. */
#define WORLD_EXIT_POISON 71     /* a chunk that ends every worker */
#define WORLD_EXIT_DIGEST 72     /* log and state, or two answers that must be equal, disagree */
#define WORLD_EXIT_UNFINISHED 75 /* stopped before the scenario's end: `polis resume` goes on */

struct world;

struct world_options {
    const char *folder;      /* the run's; lent */
    struct cluster cluster;  /* chunk, deadline_ms, credit, poison_kills are used here */
    struct store_options store;
    uint32_t snapshot_every; /* steps; 0: when the log has grown by four times the state */
    uint64_t stop_after;     /* stop (unfinished) after this step; 0: go on to the end */
    bool recompute;          /* open for reading, have workers make every logged step again, compare, and end there */
    bool invariants;         /* with `recompute`: checks the domain's invariants after every step */
    bool wait_for_workers;   /* hold step 1 until `cluster.workers` workers are there (benches) */
};

/* Opens and recovers the run. ERR_DIGEST: the log and what it replays to disagree. */
MUST_CHECK int world_new(const struct world_options *options, struct world **out, struct why *why);
/* Commits what is under way in the log thread, then closes. */
MUST_CHECK int world_destroy(struct world **self_p, struct why *why);

/* Fills in the actor for a bus; `self` is lent to it. */
void world_actor(struct world *self, struct actor *out);

uint64_t world_step(const struct world *self); /* last step applied */
/* The domain's state after that step, at the end of `out`; only when no step is under way. */
void world_save(const struct world *self, struct buffer *out);
uint64_t world_recovered_steps(const struct world *self); /* replayed from the log when it was opened */

#endif
