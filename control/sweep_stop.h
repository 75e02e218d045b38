/* control/sweep_stop.h - how many replicates each cell of a sweep needs. Without a rule: as many as there are seeds.
 * With one, a cell is looked at when its first min_seeds replicates have ended, and every `batch` after that; it stops
 * at the first look at which the 95 % interval is narrow enough. The baseline is everyone's pair, so it stops only when
 * all others have. A look sees exactly the replicates before it: what is decided depends on the outcomes alone, neither
 * on the order in which they come in nor on how many run at once. */
#ifndef POLIS_CONTROL_SWEEP_STOP_H
#define POLIS_CONTROL_SWEEP_STOP_H

#include "control/sweep_results.h"

struct sweep_stopper;

/* Both are lent. */
struct sweep_stopper *sweep_stop_new(const struct sweep_plan *plan, const struct sweep_results *results);
void sweep_stop_destroy(struct sweep_stopper **self_p);

/* Looks at what has come in since. */
void sweep_stop_look(struct sweep_stopper *self);

/* For each cell, how many of its first replicates are needed as far as is known; final once sweep_stop_ended(). */
const uint32_t *sweep_stop_needs(const struct sweep_stopper *self);
/* Every replicate that is needed has ended, done or failed. */
bool sweep_stop_ended(const struct sweep_stopper *self);

/* The next run to start: one that is needed; when all of those are given out, one that may turn out to be (what is not
 * needed after all is left out of the tables). False when there is none now. */
bool sweep_stop_next(struct sweep_stopper *self, uint32_t *cell, uint32_t *replicate);

#endif
