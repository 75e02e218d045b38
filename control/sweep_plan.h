/* control/sweep_plan.h - what a sweep's file asks for: cells (all combinations of what varies), and the seeds that
 * every cell runs with. Replicate k has the same seed in every cell (common random numbers), so that two cells differ
 * by what was set and by nothing else, and are compared pair by pair. Every cell is resolved as a scenario before
 * anything is run. */
#ifndef POLIS_CONTROL_SWEEP_PLAN_H
#define POLIS_CONTROL_SWEEP_PLAN_H

#include "control/scenario.h"
#include "control/sweep_factor.h"
#include "core/arena.h"
#include "core/buffer.h"
#include "core/error.h"
#include "core/yaml.h"

#include <stdbool.h>
#include <stdint.h>

#define SWEEP_CELL_MAX 100000u
#define SWEEP_SEED_MAX 10000u
#define SWEEP_RUN_MAX 10000000u

struct sweep_cell {
    const char *label;
    struct sweep_assignment *list; /* what it sets, in order; later ones win */
    uint32_t count;
    const char **values; /* one a parameter; NULL where the cell has no such parameter */
    uint64_t work;       /* agents times steps: what a run is expected to cost, relative to other cells */
};

/* When a cell needs no further replicates. */
struct sweep_stop {
    const char *metric; /* NULL: never before the last seed */
    double half_width;  /* of the 95 % interval of the difference to the baseline (the baseline: of its mean) */
    uint32_t min_seeds, batch;
};

/* Start from {0}. All of it lives until sweep_plan_fini(). */
struct sweep_plan {
    const char *name, *description;
    char path[LIBRARY_PATH_SIZE]; /* of the file */
    struct sweep_cell *cells;
    uint32_t cell_count;
    uint32_t baseline; /* the cell that others are compared with */
    const char **params; /* paths of what is set anywhere */
    uint32_t param_count;
    int64_t *seeds;
    uint32_t seed_count;
    const char **metrics; /* which figures to show; none: a usual choice */
    uint32_t metric_count;
    struct sweep_stop stop;
    struct arena *arena;
    struct yaml_tree *tree; /* the file, -s laid on top */
    struct yaml_tree *base; /* the scenario, not yet resolved */
    struct sweep_assignment *set; /* for every cell */
    uint32_t set_count;
};

/* What the command line adds. */
struct sweep_asked {
    const char *const *overrides; /* path=value, for every cell */
    uint32_t override_count;
    uint32_t seed_count; /* 0: as the file says */
};

/* Reads a sweep and resolves every cell. Errors name file, line, column and, for a cell that is no valid scenario, its
 * label. `out` must be given to sweep_plan_fini() in any case. */
MUST_CHECK int sweep_plan_read(
    const char *path, const struct sweep_asked *asked, struct sweep_plan *out, struct why *why);
void sweep_plan_fini(struct sweep_plan *self);

/* The scenario of one run, as scenario_load() makes it; scenario_fini() in any case. */
MUST_CHECK int sweep_plan_scenario(
    const struct sweep_plan *self, uint32_t cell, int64_t seed, struct scenario *out, struct why *why);

/* The whole sweep as a file of its own: the scenario written out, overrides and seeds in their places. Read back, it is
 * the same sweep, whatever becomes of the files it was made from. */
void sweep_plan_write(const struct sweep_plan *self, struct buffer *out);

#endif
