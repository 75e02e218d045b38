/* control/progress.h - how far a run is: on a terminal one line that is rewritten, elsewhere a plain line each tenth of
 * the way. Times are for people; nothing of this reaches the log. */
#ifndef POLIS_CONTROL_PROGRESS_H
#define POLIS_CONTROL_PROGRESS_H

#include "control/figures.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROGRESS_LINE_SIZE 400u

struct progress {
    uint64_t steps; /* of the whole run */
    uint32_t steps_per_epoch;
    const struct yaml_node *metrics; /* which figures to show; may be NULL; lent */
    uint64_t first_step;             /* where this part of the run began */
    uint64_t started_ms;
    uint64_t shown_ms;
    uint64_t next_plain; /* step of the next plain line */
    uint64_t step;
    char headline[200]; /* figures, kept between epochs */
};

void progress_init(struct progress *self, const struct plan *plan, const struct yaml_node *metrics, uint64_t first_step,
    uint64_t now_ms);
/* Takes new figures (the last row of `figures`). */
void progress_figures(struct progress *self, const struct figures *figures);
/* Step `step` is committed: shows it when it is time to. */
void progress_step(struct progress *self, uint64_t step, uint64_t now_ms);
/* Takes the line away. */
void progress_end(struct progress *self);

/* "step 120/200  epoch 12  340 steps/s  1s left  toxicity_rate 0.16": what a line says. */
void progress_format(const struct progress *self, uint64_t now_ms, char out[PROGRESS_LINE_SIZE]);

#endif
