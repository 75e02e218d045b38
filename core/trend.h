/* core/trend.h - which way a series goes: least squares line over its index, and running means. */
#ifndef POLIS_CORE_TREND_H
#define POLIS_CORE_TREND_H

#include <stddef.h>

struct trend {
    double slope;     /* per index */
    double r_squared; /* share of the variance that the line explains: [0, 1]; 1 for a constant series */
};

/* {0, 0} for fewer than two values. */
struct trend trend_of(const double *values, size_t count);

/* out[i] = mean of the last up to `window` values at i; a copy when there are fewer values than that. `out` has room
 * for count and is not `values`. */
void trend_rolling(const double *values, size_t count, size_t window, double *out);

#endif
