#include "core/stats.h"

#include "core/assert.h"
#include "core/math.h"

#include <float.h>
#include <math.h>

#define PI 3.14159265358979323846
#define FRACTION_TERMS 100000u

void
stats_add(struct stats *self, double value)
{
    double from_old = value - self->mean;

    self->count++;
    self->mean += from_old / (double)self->count;
    self->squares += from_old * (value - self->mean);
}

double
stats_sd(const struct stats *self)
{
    return self->count < 2 ? (double)NAN : math_sqrt(self->squares / (double)(self->count - 1));
}

/* 1 / B(degrees/2, 1/2) = Gamma((degrees+1)/2) / (Gamma(degrees/2) sqrt(pi)), from Gamma(x+1) = x Gamma(x): 1/pi for
 * one degree, 1/2 for two, and times (n+1)/n from n to n + 2. */
static double
inverse_beta(uint64_t degrees)
{
    double value = degrees % 2 == 1 ? 1.0 / PI : 0.5;

    for (uint64_t n = degrees % 2 == 1 ? 1 : 2; n < degrees; n += 2)
        value *= ((double)n + 1.0) / (double)n;
    return value;
}

static double
off_zero(double x)
{
    return math_abs(x) < DBL_MIN / DBL_EPSILON ? DBL_MIN / DBL_EPSILON : x;
}

/* The continued fraction of the incomplete beta function (Abramowitz & Stegun 26.5.8) by the modified method of Lentz
 * (1976; Thompson & Barnett 1986); converges fast for x < (a+1)/(a+b+2). */
static double
beta_fraction(double a, double b, double x)
{
    double c = 1.0;
    double d = 1.0 / off_zero(1.0 - (a + b) * x / (a + 1.0));
    double value = d;

    for (uint32_t m = 1; m < FRACTION_TERMS; m++) {
        double n = m;
        double even = n * (b - n) * x / ((a + 2.0 * n - 1.0) * (a + 2.0 * n));
        double odd = -(a + n) * (a + b + n) * x / ((a + 2.0 * n) * (a + 2.0 * n + 1.0));
        double factor;

        d = 1.0 / off_zero(1.0 + even * d);
        c = off_zero(1.0 + even / c);
        value *= c * d;
        d = 1.0 / off_zero(1.0 + odd * d);
        c = off_zero(1.0 + odd / c);
        factor = c * d;
        value *= factor;
        if (math_abs(factor - 1.0) < 4.0 * DBL_EPSILON)
            break;
    }
    return value;
}

/* `scale` is inverse_beta(degrees). */
static double
tail(double t, uint64_t degrees, double scale)
{
    double n = (double)degrees;
    double x = n / (n + t * t);
    double rest = t * t / (n + t * t); /* 1 - x, without its loss of digits */
    double front = math_pow(x, n / 2.0) * math_sqrt(rest) * scale;

    if (rest == 0.0)
        return 1.0;
    if (x == 0.0)
        return 0.0;
    if (x < (n / 2.0 + 1.0) / (n / 2.0 + 2.5))
        return front * beta_fraction(n / 2.0, 0.5, x) / (n / 2.0);
    return 1.0 - front * beta_fraction(0.5, n / 2.0, rest) / 0.5;
}

double
stats_t_tail(double t, uint64_t degrees)
{
    ASSERT(degrees >= 1);

    if (isnan(t))
        return t;
    return isinf(t) ? 0.0 : tail(t, degrees, inverse_beta(degrees));
}

double
stats_t_quantile(double p, uint64_t degrees)
{
    double wanted = 2.0 * math_min(p, 1.0 - p);
    double low = 0.0, high = 1.0;
    double scale;

    ASSERT(p > 0.0 && p < 1.0 && degrees >= 1);

    scale = inverse_beta(degrees);
    while (tail(high, degrees, scale) > wanted && high < 1e300)
        high *= 2.0;
    for (uint32_t i = 0; i < 200 && (low + high) / 2.0 > low && (low + high) / 2.0 < high; i++) {
        double middle = (low + high) / 2.0;

        if (tail(middle, degrees, scale) > wanted)
            low = middle;
        else
            high = middle;
    }
    return p < 0.5 ? -high : p > 0.5 ? high : 0.0;
}

bool
stats_interval(const struct stats *self, double level, double *low, double *high)
{
    double half;

    ASSERT(level > 0.0 && level < 1.0);

    if (self->count < 2)
        return false;
    half = stats_t_quantile((1.0 + level) / 2.0, self->count - 1) * stats_sd(self) / math_sqrt((double)self->count);
    *low = self->mean - half;
    *high = self->mean + half;
    return true;
}

double
stats_p(const struct stats *self)
{
    double error;

    if (self->count < 2)
        return (double)NAN;
    error = stats_sd(self) / math_sqrt((double)self->count);
    if (error == 0.0)
        return self->mean == 0.0 ? 1.0 : 0.0;
    return stats_t_tail(self->mean / error, self->count - 1);
}
