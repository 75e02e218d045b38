/* core/stats.h - what a handful of measurements says: mean, spread, Student's t interval and test. For tables of
 * results, on core/math alone, so that a table has the same bytes on every machine. */
#ifndef POLIS_CORE_STATS_H
#define POLIS_CORE_STATS_H

#include <stdbool.h>
#include <stdint.h>

/* A running mean and sum of squared deviations (Welford 1962). Start from {0}; the order of the values counts in the
 * last bits. */
struct stats {
    uint64_t count;
    double mean, squares;
};

void stats_add(struct stats *self, double value);

/* Standard deviation of the sample (divides by count - 1); NaN below two values. */
double stats_sd(const struct stats *self);

/* P(|T| >= |t|) of Student's t with `degrees` >= 1 degrees of freedom: the regularised incomplete beta function
 * I_x(degrees/2, 1/2) at x = degrees / (degrees + t^2), by its continued fraction (Lentz 1976). */
double stats_t_tail(double t, uint64_t degrees);

/* The t that is not exceeded with probability p, 0 < p < 1. */
double stats_t_quantile(double p, uint64_t degrees);

/* The interval that covers the mean with probability `level` (0.95), when the values are independent and about normal:
 * mean +- t * sd / sqrt(count). For paired differences, add the differences. False below two values. */
bool stats_interval(const struct stats *self, double level, double *low, double *high);

/* Two-sided p of "the mean is zero" (the paired t test when the values are differences); NaN below two values. */
double stats_p(const struct stats *self);

#endif
