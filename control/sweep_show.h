/* control/sweep_show.h - a sweep for people, in at most 120 columns, or as JSON. */
#ifndef POLIS_CONTROL_SWEEP_SHOW_H
#define POLIS_CONTROL_SWEEP_SHOW_H

#include "control/sweep_results.h"

#include <stdbool.h>
#include <stdint.h>

struct sweep_outlook {
    uint32_t jobs;
    double run_seconds; /* what one run of the first cell takes; 0: not measured */
    double seconds;     /* what the whole will take, about */
};

/* What is going to be run. */
void sweep_show_plan(const struct sweep_plan *plan, const struct sweep_outlook *outlook, struct buffer *out);
void sweep_show_plan_json(const struct sweep_plan *plan, const struct sweep_outlook *outlook, struct buffer *out);

/* A table for each figure: the mean in every cell with its 95 % interval, the difference to the baseline with its own,
 * a star where that excludes zero, and the means drawn on one scale: |---o---| is the interval, colons stand at the
 * baseline's mean. Then what failed. */
void sweep_show_tables(const struct sweep_results *self, const struct sweep_plan *plan, const uint32_t rows[],
    struct buffer *out);
void sweep_show_json(const struct sweep_results *self, const struct sweep_plan *plan, const uint32_t rows[],
    const char *folder, struct buffer *out);

/* Runs among the first rows[cell] of each cell that failed. */
uint64_t sweep_show_count_failed(
    const struct sweep_results *self, const struct sweep_plan *plan, const uint32_t rows[]);

#endif
