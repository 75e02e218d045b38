/* core/change_point.h - does a response to x bend somewhere, or is it a straight line? The model with a bend is a
 * continuous line of two pieces (Hinkley 1971); where it bends is estimated by least squares over the inner range of
 * x. Whether it bends at all is tested with the largest F statistic over all places (Andrews 1993, sup F), whose
 * distribution under "no bend" comes from resampling whole rows about the straight line; the interval of the place
 * comes from resampling rows (Efron 1979). */
#ifndef POLIS_CORE_CHANGE_POINT_H
#define POLIS_CORE_CHANGE_POINT_H

#include <stdbool.h>
#include <stdint.h>

struct change_point {
    uint32_t rows;             /* that were used: those without an unknown value */
    bool tested;               /* false: fewer than 5 rows or 5 points, and nothing below is said */
    double at, low, high;      /* place of the bend and its 95 % interval, in units of x */
    double before, after;      /* slopes */
    double statistic, p;       /* sup F, and the share of resamples that reach it */
    double jump;               /* how much of the response's range the bend explains: R2 with it less R2 without */
};

/* `y` holds a row for each replicate, a value for each point; NaN is unknown. x rises. The same seed gives the same
 * result; `resamples` of 999 are usual. */
void change_point_find(const double *x, uint32_t points, const double *y, uint32_t rows, uint64_t seed,
                       uint32_t resamples, struct change_point *out);

#endif
