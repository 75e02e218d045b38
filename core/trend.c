#include "core/trend.h"

#include "core/assert.h"
#include "core/math.h"

struct trend
trend_of(const double *values, size_t count)
{
    double n = (double)count, middle = (n - 1.0) / 2.0, mean = 0.0, left = 0.0;
    double indexes = n * (n * n - 1.0) / 12.0; /* sum of (i - middle)^2 */
    double squares = 0.0, product = 0.0;
    struct trend out = {0};

    if (count < 2)
        return out;
    for (size_t i = 0; i < count; i++)
        mean += values[i];
    mean /= n;
    for (size_t i = 0; i < count; i++) {
        squares += (values[i] - mean) * (values[i] - mean);
        product += ((double)i - middle) * (values[i] - mean);
    }
    if (!(squares > 1e-28 * mean * mean * n)) { /* it varies by no more than the mean was rounded */
        out.r_squared = 1.0;
        return out;
    }
    out.slope = product / indexes;
    for (size_t i = 0; i < count; i++) {
        double rest = values[i] - mean - out.slope * ((double)i - middle);

        left += rest * rest;
    }
    out.r_squared = math_max(0.0, 1.0 - left / squares);
    return out;
}

void
trend_rolling(const double *values, size_t count, size_t window, double *out)
{
    ASSERT(window > 0 && out != values);
    for (size_t i = 0; i < count; i++) {
        size_t from = count < window ? i : i + 1 < window ? 0 : i + 1 - window;
        double sum = 0.0;

        for (size_t j = from; j <= i; j++)
            sum += values[j];
        out[i] = sum / (double)(i + 1 - from);
    }
}
