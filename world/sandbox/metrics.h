/* world/sandbox/metrics.h - what a set of interactions says about the system: soft metrics over labels p, hard ones
 * over the truth v. A set is a `struct metrics_set` that rows are added to, one by one and in a fixed order;
 * everything that does not need the rows themselves is read from it. A (accepted) are the interactions that took
 * place, R the others.
 *
 * Where a metric is undefined (an empty set), `known` is false and `value` is what the peers report: mostly 0. */
#ifndef POLIS_WORLD_SANDBOX_METRICS_H
#define POLIS_WORLD_SANDBOX_METRICS_H

#include "core/payoff.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metrics_row {
    double p, transfer, cost_a, cost_b, reputation_a, reputation_b;
    double payoff_a, payoff_b; /* would-be ones for R */
    bool accepted;
    int32_t truth; /* v; 0 when it is not known */
};

/* payoff_a and payoff_b from the rest. */
void metrics_row_pay(struct metrics_row *row, const struct payoff_params *params);

#define METRICS_BINS 10u
#define METRICS_FINE_BINS 1000u

/* Running mean and sum of squared deviations (Welford 1962). */
struct metrics_moments {
    double count, mean, squares;
};

/* A value without padding: its bytes are state. */
struct metrics_set {
    uint64_t count, accepted, high, high_accepted, uncertain;
    uint64_t low_accepted, bad_accepted, truth_accepted;
    uint64_t truth, positive;
    double p_all, p_accepted, p_rejected;
    double not_p_all, not_p_accepted; /* sums of 1 - p: as a difference of the above they would lose digits */
    double payoff_a_all, payoff_a_accepted, payoff_b_all, payoff_b_accepted;
    double welfare, social, harm, welfare_hard, harm_hard, volume;
    double truth_p, brier, log_loss;
    struct metrics_moments p, p_in, payoff_a, payoff_b;
    struct {
        uint64_t count, positive;
        double p;
    } bins[METRICS_BINS];                            /* by p, where the truth is known */
    uint32_t fine[2][METRICS_FINE_BINS];             /* the same for v = -1 and v = +1 */
};

void metrics_set_add(struct metrics_set *self, const struct payoff_params *params, const struct metrics_row *row);

struct metrics_value {
    double value;
    bool known;
};

/* The metrics by name, in a fixed order; `each` gets every one. toxicity_rate, quality_gap ... */
typedef void metrics_each_fn(void *context, const char *name, double value, bool known);
void metrics_set_figures(
    const struct metrics_set *self, const struct payoff_params *params, metrics_each_fn *each, void *context);
/* One of them; the name exists. */
struct metrics_value metrics_set_figure(
    const struct metrics_set *self, const struct payoff_params *params, const char *name);

/* Where the soft toxicity comes from: T = (1 - E p) - P(rejected) (quality gap), the harm that accepting everything
 * would do less what was gained by selecting. */
struct metrics_decomposition {
    double baseline, credit;
    double toxicity; /* 0 when nothing was accepted */
    double error;    /* baseline - credit - toxicity: 0 up to rounding wherever something was accepted */
};
struct metrics_decomposition metrics_set_decompose(const struct metrics_set *self);

/* ---- over rows ---- */

struct metrics_participation {
    double high_acceptance, low_acceptance; /* 0 for an empty class */
    uint32_t high, low;
};
struct metrics_participation metrics_participation(const struct metrics_row *rows, size_t count, double threshold);
/* Share with 0.5 - band < p < 0.5 + band; 0 without rows. */
double metrics_uncertain(const struct metrics_row *rows, size_t count, double band);

struct metrics_bin {
    double low, high;
    uint32_t count;
    double p, positive; /* of a calibration curve: mean label and share of v = +1; empty: the middle and 0 */
};
/* `bins` bins of equal width, the last one closed. out has room for them. */
void metrics_distribution(const struct metrics_row *rows, size_t count, uint32_t bins, struct metrics_bin *out);
/* Over rows with known truth; returns how many there are. */
size_t metrics_calibration(const struct metrics_row *rows, size_t count, uint32_t bins, struct metrics_bin *out);
/* Share of pairs (v = +1, v = -1) in which the good one has the higher label, ties half. The set's own figure is this
 * with labels rounded down to 1/1000. O(count^2). */
struct metrics_value metrics_auc(const struct metrics_row *rows, size_t count);

/* Gini coefficient: 0 for equal shares, towards 1 when one has all; 0 (unknown) for fewer than 2 values or a sum of
 * 0. Sorts `values`; `scratch` has room for as many. O(count). */
struct metrics_value metrics_gini(double *values, double *scratch, size_t count);

#endif
