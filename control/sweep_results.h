/* control/sweep_results.h - what the runs of a sweep came to, by cell and replicate, whatever order they ended in; and
 * the tables made of it. Tables depend on the outcomes alone: not on the number of jobs, nor on who was first. */
#ifndef POLIS_CONTROL_SWEEP_RESULTS_H
#define POLIS_CONTROL_SWEEP_RESULTS_H

#include "control/sweep_plan.h"
#include "core/buffer.h"
#include "core/error.h"

#include <stdbool.h>
#include <stdint.h>

enum sweep_status { SWEEP_MISSING, SWEEP_DONE, SWEEP_FAILED };

struct sweep_results;

/* The plan is lent. */
struct sweep_results *sweep_results_new(const struct sweep_plan *plan);
void sweep_results_destroy(struct sweep_results **self_p);

/* A line of the journal, without its end: {"cell": 1, "replicate": 1, "seed": 7, "status": "done", "figures": {...}} or
 * {... "status": "failed", "reason": "..."}. `figures` is a JSON object, null where a figure is undefined. Cells and
 * replicates are counted from 1 there, from 0 here. */
void sweep_results_format_done(
    const struct sweep_plan *plan, uint32_t cell, uint32_t replicate, const struct buffer *figures, struct buffer *out);
void sweep_results_format_failed(
    const struct sweep_plan *plan, uint32_t cell, uint32_t replicate, const char *reason, struct buffer *out);
/* Takes such a line in; a later one replaces an earlier one of the same run. ERR_FORMAT, ERR_INVALID: it fits the plan
 * not at all. `cell` and `replicate` say whose it was; they may be NULL. */
MUST_CHECK int sweep_results_take(struct sweep_results *self, const char *line, size_t size, uint32_t *cell,
    uint32_t *replicate, struct why *why);

/* Makes failed runs missing ones, to be tried again. Returns how many are done. */
uint64_t sweep_results_forget_failed(struct sweep_results *self);

enum sweep_status sweep_results_status(const struct sweep_results *self, uint32_t cell, uint32_t replicate);
/* Why it failed; "" when it has not. */
const char *sweep_results_reason(const struct sweep_results *self, uint32_t cell, uint32_t replicate);
/* NaN when it is undefined, or the run is missing or failed. */
double sweep_results_value(
    const struct sweep_results *self, uint32_t cell, uint32_t replicate, const char *metric);

/* What is known of a figure in a cell, from its first `rows[cell]` replicates: those where it is defined. */
struct sweep_estimate {
    uint64_t count;
    double mean, deviation; /* NaN below one, two values */
    double low, high;       /* 95 % interval of the mean (Student's t); NaN below two values */
    uint64_t pairs;         /* replicates where this cell and the baseline both have it; 0 for the baseline itself */
    double difference, difference_low, difference_high; /* mean of this one less the baseline's of the same seed */
    double p;                                           /* of no difference, two-sided, from the paired t test */
};
void sweep_results_estimate(const struct sweep_results *self, const uint32_t rows[], uint32_t cell, const char *metric,
    struct sweep_estimate *out);

/* The figures that are shown: those of the plan, or a usual choice among the known ones. Returns the count. */
#define SWEEP_SHOWN_MAX 64u
uint32_t sweep_results_choose(const struct sweep_results *self, const char *out[SWEEP_SHOWN_MAX]);

/* A line a replicate, by cell and replicate: cell, label, every parameter, seed, status, every figure; NA for what is
 * undefined or unknown. And a line a cell and figure: the estimates. CSV of RFC 4180 with plain line feeds. */
void sweep_results_write_rows(const struct sweep_results *self, const uint32_t rows[], struct buffer *out);
void sweep_results_write_summary(const struct sweep_results *self, const uint32_t rows[], struct buffer *out);

#endif
