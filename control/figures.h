/* control/figures.h - the figures of a run, an epoch a row: read back from the log (SECTION_FIGURES), shown as a table.
 * Which ones are shown is the scenario's wish (metrics_to_track) or a usual choice. */
#ifndef POLIS_CONTROL_FIGURES_H
#define POLIS_CONTROL_FIGURES_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/yaml.h"
#include "proto/columns.h"
#include "world/domain.h"
#include "world/plan.h"
#include "world/store.h"

#include <stdbool.h>
#include <stdint.h>

#define FIGURE_NAME_SIZE 96u

struct figure {
    double value;
    bool known; /* false: undefined, an empty set has none */
};

struct figures_row {
    uint64_t step;        /* last one of the epoch */
    uint32_t epoch;       /* from 0 */
    struct figure *cells; /* one a name; owned */
};

/* Start from {0}. */
struct figures {
    char (*names)[FIGURE_NAME_SIZE];
    uint32_t name_count;
    struct figures_row *rows;
    uint32_t row_count, row_capacity;
};

void figures_fini(struct figures *self);

/* Adds a row from a `summary` batch. A name that is new is a new column, unknown in the rows before. */
MUST_CHECK int figures_add(
    struct figures *self, uint64_t step, uint32_t epoch, const struct batch *summary, struct why *why);
/* Adds or sets one figure of the last row (for domain->figures()). */
void figures_set(struct figures *self, const char *name, double value, bool known);
/* Begins a row without cells. */
void figures_begin(struct figures *self, uint64_t step, uint32_t epoch);

/* UINT32_MAX when there is none of that name. */
uint32_t figures_find(const struct figures *self, const char *name);

/* Adds the row of the epoch that ended with this step. */
MUST_CHECK int figures_read_epoch(struct store *store, uint64_t step, struct figures *out, struct why *why);

/* Reads the epochs that ended in the log's steps up to `upto`; when there are more than `at_most`, that many evenly
 * spaced ones, first and last included (0: all of them). */
MUST_CHECK int figures_read(struct store *store, const struct plan *plan, uint64_t upto, uint32_t at_most,
    struct figures *out, struct why *why);

/* The figures of the whole run up to the last epoch that has ended, as one row. ERR_MISSING before the first
 * has (of a fork: the first of its own). */
MUST_CHECK int figures_read_whole(
    struct store *store, const struct plan *plan, struct figures *out, struct why *why);

/* The columns to show: indexes into names; `metrics` is the scenario's metrics_to_track or NULL. Returns the count. */
uint32_t figures_choose(const struct figures *self, const struct yaml_node *metrics, uint32_t out[], uint32_t max);

/* A table for people. */
void figures_write_table(
    const struct figures *self, const uint32_t columns[], uint32_t column_count, struct buffer *out);

/* One row as a JSON object, unknown and infinite figures null; null where there is no such row. */
void figures_write_json(const struct figures *self, uint32_t row, struct buffer *out);

/* "12345", "0.1234", "1.2e+09", "-" when unknown: for people. */
void figures_format(const struct figure *figure, char out[32]);

/* Checks that metrics_to_track is a list of figures that the domain has. */
MUST_CHECK int figures_check_names(
    const struct yaml_node *scenario, const struct domain *domain, uint64_t seed, struct why *why);

#endif
